//! What is sent about proposed and merged institutions, and what mutations answer.

use async_graphql::{ID, InputObject};

use super::{CreateInstitutionInput, Institution};
use crate::api::enums::InstitutionKind;
use crate::api::payload::payloads;
use crate::api::{id, reason};
use crate::domain::id::InstitutionId;
use crate::domain::text::{Country, Reason, Title};
use crate::error::{Faults, Result};
use crate::service::institution::InstitutionDraft;
use crate::service::institution::merging::Merging;
use crate::service::institution::proposal::Proposal;

/// An institution that you did not find in the register.
#[derive(Debug, InputObject)]
pub struct ProposeInstitutionInput {
    /// Name, as it calls itself; up to 200 characters (NFC).
    name: String,
    /// Country, the 2 letters of ISO 3166-1 alpha-2, kept in capitals.
    country: String,
    /// What sort of organisation it is.
    kind: InstitutionKind,
}

/// What is registered of a proposed institution; every field is replaced.
#[derive(Debug, InputObject)]
pub struct AcceptInstitutionInput {
    /// Which proposal.
    institution_id: ID,
    /// The version that you saw.
    version: i64,
    /// A short code, unique where there is one; up to 40 characters (NFC).
    code: Option<String>,
    /// Name, up to 200 characters (NFC).
    name: String,
    /// Other names, up to 20 of up to 200 characters (NFC).
    #[graphql(default)]
    aliases: Vec<String>,
    /// Country, the 2 letters of ISO 3166-1 alpha-2, kept in capitals.
    country: String,
    /// What sort of organisation it is.
    kind: InstitutionKind,
}

/// Which proposal is refused.
#[derive(Debug, InputObject)]
pub struct RefuseInstitutionInput {
    /// Which proposal.
    institution_id: ID,
    /// The version that you saw.
    version: i64,
    /// Why, up to 1,000 characters (NFC); who proposed it reads it.
    reason: String,
}

/// Which institution becomes part of which.
#[derive(Debug, InputObject)]
pub struct MergeInstitutionInput {
    /// The one that is merged, and stands in no list any more.
    institution_id: ID,
    /// The version of it that you saw.
    version: i64,
    /// The one of the register that stays.
    into_id: ID,
    /// Whether the names of the one become other names of the one that stays, by which it is found.
    #[graphql(default = true)]
    keep_names: bool,
    /// Why, up to 1,000 characters (NFC).
    reason: Option<String>,
}

impl ProposeInstitutionInput {
    /// What is proposed, without what is wrong in it.
    pub(super) fn parse(&self, faults: &mut Faults) -> Option<Proposal> {
        let name = faults.take("name", Title::parse(&self.name));
        let country = faults.take("country", Country::parse(&self.country));
        Some(Proposal {
            name: name?,
            country: country?,
            kind: self.kind.into(),
        })
    }
}

impl AcceptInstitutionInput {
    /// Which proposal, as it was seen, and as what it is registered.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(super) fn read(self) -> Result<(InstitutionId, i64, InstitutionDraft)> {
        let mut faults = Faults::default();
        let id = id::parse(&mut faults, "institutionId", &self.institution_id);
        let content = CreateInstitutionInput {
            code: self.code,
            name: self.name,
            aliases: self.aliases,
            country: self.country,
            kind: self.kind,
        };
        let content = content.parse(&mut faults);
        let (id, content) = faults.whole(id.zip(content))?;
        Ok((id, self.version, content))
    }
}

impl RefuseInstitutionInput {
    /// Which proposal, as it was seen, and why it is refused.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(super) fn read(&self) -> Result<(InstitutionId, i64, Reason)> {
        let mut faults = Faults::default();
        let id = id::parse(&mut faults, "institutionId", &self.institution_id);
        let reason = reason::read(&mut faults, &self.reason);
        let (id, reason) = faults.whole(id.zip(reason))?;
        Ok((id, self.version, reason))
    }
}

impl MergeInstitutionInput {
    /// Which one becomes part of which.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(super) fn read(&self) -> Result<Merging> {
        let mut faults = Faults::default();
        let id = id::parse(&mut faults, "institutionId", &self.institution_id);
        let into = id::parse(&mut faults, "intoId", &self.into_id);
        let reason = reason::read_optional(&mut faults, self.reason.as_deref());
        let ((id, into), reason) = faults.whole(id.zip(into).zip(reason))?;
        Ok(Merging {
            id,
            version: self.version,
            into,
            keep_names: self.keep_names,
            reason,
        })
    }
}

payloads! {
    /// Answer of `proposeInstitution`.
    ProposeInstitutionPayload {
        /// The proposed institution, unless there are `userErrors`.
        institution: Institution
    }
    /// Answer of `acceptInstitution`.
    AcceptInstitutionPayload {
        /// The institution as it now stands in the register, unless there are `userErrors`.
        institution: Institution
    }
    /// Answer of `refuseInstitution`.
    RefuseInstitutionPayload {
        /// The institution as it now is, unless there are `userErrors`.
        institution: Institution
    }
    /// Answer of `mergeInstitution`.
    MergeInstitutionPayload {
        /// The institution that stays, unless there are `userErrors`.
        institution: Institution
    }
}
