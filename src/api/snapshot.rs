//! What enrolments are counted with, put right: the correction of a frozen declaration, and what stood before.

use async_graphql::{Context, ID, InputObject, Object};
use chrono::{DateTime, Utc};

use super::account::StateDeclarationInput;
use super::enrolment::Enrolment;
use super::enums::{ConstituentGroup, Gender, InstitutionKind, Language, SnapshotCause};
use super::error::ApiResult;
use super::institution::Institution;
use super::payload::payloads;
use super::request::Request;
use super::{id, reason};
use crate::domain::id::EnrolmentId;
use crate::error::Faults;
use crate::service::correction;
use crate::store::snapshot::former;

/// What an enrolment was counted with until an instant.
pub struct FormerSnapshot(former::Model);

/// What an enrolment was counted with until an instant. Figures of earlier instants count it so still.
#[Object]
impl FormerSnapshot {
    /// Gender.
    fn gender(&self) -> Gender {
        self.0.gender.into()
    }

    /// Country (ISO 3166-1 alpha-2), null for not stated.
    fn country(&self) -> Option<&str> {
        Some(self.0.country.as_str()).filter(|country| !country.is_empty())
    }

    /// Institution, null for not stated. One that was merged since stands here itself, not the one that it became part
    /// of.
    async fn institution(&self, ctx: &Context<'_>) -> ApiResult<Option<Institution>> {
        let Some(id) = self.0.institution_id else {
            return Ok(None);
        };
        let found = Request::of(ctx).loaders.institutions.load_one(id).await?;
        Ok(found.map(Institution::from))
    }

    /// The kind that this institution had when it was frozen, null where none was stated.
    fn institution_kind(&self) -> Option<InstitutionKind> {
        self.0.institution_kind.map(Into::into)
    }

    /// The group for which the person took part.
    fn constituent_group(&self) -> ConstituentGroup {
        self.0.constituent_group.into()
    }

    /// The language of the person at enrolment.
    fn language(&self) -> Language {
        self.0.language.into()
    }

    /// Until when it held.
    fn until(&self) -> DateTime<Utc> {
        self.0.until_at
    }

    /// Why it holds no more.
    fn cause(&self) -> SnapshotCause {
        self.0.cause.into()
    }

    /// The reason that was given for a correction.
    fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }
}

/// What an enrolment was counted with before, the oldest first.
pub(super) async fn before(ctx: &Context<'_>, enrolment: EnrolmentId) -> ApiResult<Vec<FormerSnapshot>> {
    let look_up = &Request::of(ctx).loaders.teamwork.former_snapshots;
    let rows = look_up.load_one(enrolment).await?.unwrap_or_default();
    Ok(rows.into_iter().map(FormerSnapshot).collect())
}

/// What an enrolment should have been frozen with.
#[derive(Debug, InputObject)]
pub struct CorrectSnapshotInput {
    /// Which enrolment; it must have been confirmed.
    enrolment_id: ID,
    /// The version that you saw.
    version: i64,
    /// What is right, all of it.
    declaration: StateDeclarationInput,
    /// Why, up to 1,000 characters (NFC). The person reads it.
    reason: String,
}

payloads! {
    /// Answer of `correctSnapshot`.
    CorrectSnapshotPayload {
        /// The enrolment as it is counted from now on, unless there are `userErrors`.
        enrolment: Enrolment
    }
}

/// Changes of what enrolments are counted with.
#[derive(Debug, Default)]
pub struct SnapshotMutation;

#[Object]
impl SnapshotMutation {
    /// Puts right what an admitted enrolment was frozen with. What stood before is kept beside it, figures from now on
    /// count it anew and those of earlier instants as it was, and the person is told. What is right already changes
    /// nothing. It is done 50 times at most for an enrolment (`LIMIT_REACHED` at `input.enrolmentId`). For the
    /// edition's coordinators, also once the edition is over.
    async fn correct_snapshot(
        &self,
        ctx: &Context<'_>,
        input: CorrectSnapshotInput,
    ) -> ApiResult<CorrectSnapshotPayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        let run = async {
            let mut faults = Faults::default();
            let id = id::parse(&mut faults, "enrolmentId", &input.enrolment_id);
            let statement = input.declaration.read(&mut faults, "declaration.");
            let reason = reason::read(&mut faults, &input.reason);
            let ((id, statement), reason) = faults.whole(id.zip(statement).zip(reason))?;
            correction::correct(app, actor, id, input.version, statement, &reason).await
        };
        CorrectSnapshotPayload::of(Box::pin(run).await, Enrolment::from)
    }
}
