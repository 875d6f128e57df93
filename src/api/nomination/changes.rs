//! Naming people, substituting them, ranking them, taking them back.

use async_graphql::{Context, ID, InputObject, Object};

use super::Nomination;
use crate::api::enums::Language;
use crate::api::error::ApiResult;
use crate::api::payload::payloads;
use crate::api::request::Request;
use crate::api::{id, reason};
use crate::domain::id::{EditionId, InstitutionId, InvitationId};
use crate::error::Faults;
use crate::service::invitation::Invitee;
use crate::service::nomination as service;

/// Somebody whom an institution names for an edition.
#[derive(Debug, InputObject)]
pub struct NominateInput {
    /// For which edition.
    edition_id: ID,
    /// In the name of which institution, whose focal point you are.
    institution_id: ID,
    /// E-mail address, up to 254 characters, kept in lower case; the message goes there.
    email: String,
    /// Given name, up to 120 characters (NFC).
    given_name: String,
    /// Family name, up to 120 characters (NFC).
    family_name: String,
    /// The language of the message.
    language: Language,
}

/// Somebody who is named in the place of somebody else.
#[derive(Debug, InputObject)]
pub struct SubstituteNominationInput {
    /// In the place of which nominee.
    nomination_id: ID,
    /// The version that you saw.
    version: i64,
    /// E-mail address, up to 254 characters, kept in lower case; the message goes there.
    email: String,
    /// Given name, up to 120 characters (NFC).
    given_name: String,
    /// Family name, up to 120 characters (NFC).
    family_name: String,
    /// The language of the message.
    language: Language,
}

/// A nomination to be endorsed.
#[derive(Debug, InputObject)]
pub struct EndorseNominationInput {
    /// Which.
    nomination_id: ID,
    /// The version that you saw.
    version: i64,
}

/// A nomination to be taken back.
#[derive(Debug, InputObject)]
pub struct WithdrawNominationInput {
    /// Which.
    nomination_id: ID,
    /// The version that you saw.
    version: i64,
    /// Why, up to 1,000 characters (NFC); it stays in the history, and the nominee does not get it.
    reason: Option<String>,
}

/// A place among the nominees of an institution.
#[derive(Debug, InputObject)]
pub struct RankNominationInput {
    /// Whose.
    nomination_id: ID,
    /// The version that you saw.
    version: i64,
    /// The rank, 1 to 1,000, the smallest first.
    rank: i64,
}

payloads! {
    /// Answer of `nominate`.
    NominatePayload {
        /// The new nomination. It does not tell whether the address has an account.
        nomination: Nomination
    }
    /// Answer of `substituteNomination`.
    SubstituteNominationPayload {
        /// The new nomination, with a version of its own. It does not tell whether the address has an account.
        nomination: Nomination
    }
    /// Answer of `endorseNomination`.
    EndorseNominationPayload {
        /// The nomination as it now is.
        nomination: Nomination
    }
    /// Answer of `withdrawNomination`.
    WithdrawNominationPayload {
        /// The nomination as it now is.
        nomination: Nomination
    }
    /// Answer of `rankNomination`.
    RankNominationPayload {
        /// The nomination as it now is.
        nomination: Nomination
    }
}

/// Naming people.
#[derive(Debug, Default)]
pub struct NominationMutation;

#[Object]
impl NominationMutation {
    /// Names somebody for an edition, with or without an account: a message goes to the address, with a token that is
    /// answered like that of an invitation until `expiresAt`. Whoever accepts applies, and is confirmed or waits as the
    /// edition's `policy` says. Where the edition `endorsesNominations`, the message goes out when it is endorsed. From
    /// its announcement to the end of its enrolment window, and not more than `nominationSeats.remaining`
    /// (`EDITION_FULL`). For focal points of the institution.
    async fn nominate(&self, ctx: &Context<'_>, input: NominateInput) -> ApiResult<NominatePayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        let run = async {
            let mut faults = Faults::default();
            let edition: Option<EditionId> = id::parse(&mut faults, "editionId", &input.edition_id);
            let institution: Option<InstitutionId> = id::parse(&mut faults, "institutionId", &input.institution_id);
            let (given, family) = (&input.given_name, &input.family_name);
            let invitee = Invitee::parse(&mut faults, &input.email, given, family, input.language.into());
            let ((edition, institution), invitee) = faults.whole(edition.zip(institution).zip(invitee))?;
            service::nominate(app, actor, &invitee, edition, institution).await
        };
        NominatePayload::of(Box::pin(run).await, Nomination)
    }

    /// Names somebody else in the place of a nominee who has not answered, with the same rank, until the end of the
    /// enrolment window. The old token is dead, and the first nominee is told, if they were written to; the second one
    /// is written to as by `nominate`. For focal points of the institution.
    async fn substitute_nomination(
        &self,
        ctx: &Context<'_>,
        input: SubstituteNominationInput,
    ) -> ApiResult<SubstituteNominationPayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        let run = async {
            let mut faults = Faults::default();
            let id: Option<InvitationId> = id::parse(&mut faults, "nominationId", &input.nomination_id);
            let (given, family) = (&input.given_name, &input.family_name);
            let invitee = Invitee::parse(&mut faults, &input.email, given, family, input.language.into());
            let (id, invitee) = faults.whole(id.zip(invitee))?;
            service::substitute(app, actor, id, input.version, &invitee).await
        };
        SubstituteNominationPayload::of(Box::pin(run).await, Nomination)
    }

    /// Endorses a nomination that waits for it (`awaitsEndorsement`): the nominee gets the message from now on, and who
    /// nominated is told. Until the end of the enrolment window. For focal points of the institution other than who
    /// nominated and who is nominated (`OWN_WORK`).
    async fn endorse_nomination(
        &self,
        ctx: &Context<'_>,
        input: EndorseNominationInput,
    ) -> ApiResult<EndorseNominationPayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        let run = async {
            let id: InvitationId = id::sole("nominationId", &input.nomination_id)?;
            service::endorsing::endorse(app, actor, id, input.version).await
        };
        EndorseNominationPayload::of(Box::pin(run).await, Nomination)
    }

    /// Takes back a nomination that was not answered; its token is dead from now on, and the nominee is told, if they
    /// were written to. For focal points of the institution.
    async fn withdraw_nomination(
        &self,
        ctx: &Context<'_>,
        input: WithdrawNominationInput,
    ) -> ApiResult<WithdrawNominationPayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        let run = async {
            let mut faults = Faults::default();
            let id: Option<InvitationId> = id::parse(&mut faults, "nominationId", &input.nomination_id);
            let reason = reason::read_optional(&mut faults, input.reason.as_deref());
            let (id, reason) = faults.whole(id.zip(reason))?;
            service::withdraw(app, actor, id, input.version, reason.as_ref()).await
        };
        WithdrawNominationPayload::of(Box::pin(run).await, Nomination)
    }

    /// Gives a nominee a rank among those of the institution for the edition, by which coordinators decide whom to
    /// admit first. Not once the nomination was declined or is over. For focal points of the institution.
    async fn rank_nomination(&self, ctx: &Context<'_>, input: RankNominationInput) -> ApiResult<RankNominationPayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        let run = async {
            let id: InvitationId = id::sole("nominationId", &input.nomination_id)?;
            service::rank(app, actor, id, input.version, input.rank).await
        };
        RankNominationPayload::of(Box::pin(run).await, Nomination)
    }
}
