//! Outcomes of enrolments in the API.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::decimal::Decimal;
use super::enums::EnrolmentState;
use super::error::ApiResult;
use super::payload::payloads;
use super::request::Request;
use super::{id, reason};
use crate::domain::enrolment::EnrolmentState as State;
use crate::domain::id::{EnrolmentId, Seen};
use crate::domain::submission as domain;
use crate::error::Faults;
use crate::service::completion as service;
use crate::store::completion;

/// The decided outcome of an enrolment.
pub struct Completion(pub completion::Model);

/// The decided outcome of an enrolment under the edition's completion rule, with its reasons: every deliverable has a
/// released grade, and the weighted grade reaches the pass mark.
#[Object]
impl Completion {
    /// Global identifier, `cpl_…`.
    async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// The enrolment, `enr_…`.
    async fn enrolment_id(&self) -> ID {
        self.0.enrolment_id.to_string().into()
    }

    /// `COMPLETED` or `NOT_COMPLETED`.
    async fn outcome(&self) -> EnrolmentState {
        let completed = self.0.outcome == State::Completed.word();
        if completed {
            EnrolmentState::Completed
        } else {
            EnrolmentState::NotCompleted
        }
    }

    /// The weighted grade, of 100; what has no released grade counts as zero.
    async fn grade(&self) -> ApiResult<Decimal> {
        Ok(Decimal::thousandths(self.0.evidence()?.grade))
    }

    /// The grade that the edition asked for, of 100.
    async fn pass_mark(&self) -> ApiResult<Decimal> {
        Ok(Decimal::thousandths(self.0.evidence()?.pass_mark))
    }

    /// What it was computed from.
    async fn evidence(&self) -> ApiResult<Vec<CompletionEvidence>> {
        let part = |part: domain::Evidence| CompletionEvidence {
            deliverable: part.deliverable,
            weight: part.weight,
            grade: part.grade.map(Decimal::thousandths),
        };
        Ok(self.0.evidence()?.evidence.into_iter().map(part).collect())
    }

    /// When it was decided.
    async fn decided_at(&self) -> DateTime<Utc> {
        self.0.decided_at
    }
}

/// One deliverable's share in an outcome.
#[derive(SimpleObject)]
pub struct CompletionEvidence {
    /// The deliverable's title.
    deliverable: String,
    /// Its weight.
    weight: i64,
    /// The released grade, of 100; null when there was none.
    grade: Option<Decimal>,
}

/// The standing outcome of an enrolment that the viewer sees; `None` before it is decided.
pub async fn of_enrolment(ctx: &Context<'_>, enrolment: EnrolmentId) -> ApiResult<Option<Completion>> {
    let found = Request::of(ctx)
        .loaders
        .teamwork
        .completions
        .load_one(enrolment)
        .await?;
    Ok(found.and_then(|rows| rows.into_iter().next_back()).map(Completion))
}

/// Enrolments whose outcome is to be decided.
#[derive(InputObject)]
pub struct DecideCompletionInput {
    /// Which enrolments, 1 to 500; all are decided or none.
    enrolments: Vec<id::SeenInput>,
}

/// A late completion.
#[derive(InputObject)]
pub struct DecideCompletionLateInput {
    /// Which enrolment; its outcome was `NOT_COMPLETED`.
    enrolment_id: ID,
    /// The version of the enrolment that you saw.
    version: i64,
    /// Why, up to 1,000 characters (NFC).
    reason: String,
}

payloads! {
    /// The decided outcomes.
    DecideCompletionPayload {
        /// The outcomes in the order asked, unless there are `userErrors`; then none was decided.
        completions: Vec<Completion>
    }
    /// The new outcome.
    DecideCompletionLatePayload {
        /// The outcome, unless there are `userErrors`.
        completion: Completion
    }
}

/// Queries about outcomes.
#[derive(Default)]
pub struct CompletionQuery;

#[Object]
impl CompletionQuery {
    /// The standing outcome of an enrolment; null before it is decided, and when you may not see the enrolment.
    async fn completion(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The enrolment, `enr_…`.")] enrolment_id: ID,
    ) -> ApiResult<Option<Completion>> {
        let request = Request::of(ctx);
        let id: EnrolmentId = id::argument("enrolmentId", &enrolment_id)?;
        Ok(service::read(&request.app, &request.actor, id).await?.map(Completion))
    }
}

/// Changes of outcomes.
#[derive(Default)]
pub struct CompletionMutation;

#[Object]
impl CompletionMutation {
    /// Decides the outcome of active enrolments under the edition's completion rule, all or none; the people are told.
    /// For coordinators of the edition.
    async fn decide_completion(
        &self,
        ctx: &Context<'_>,
        input: DecideCompletionInput,
    ) -> ApiResult<DecideCompletionPayload> {
        let request = Request::of(ctx);
        let run = async {
            let mut faults = Faults::default();
            let list = id::parse_seen(&mut faults, "enrolments", &input.enrolments);
            let list = faults.whole(list)?;
            service::decide(&request.app, &request.actor, &list).await
        };
        DecideCompletionPayload::of(Box::pin(run).await, |rows| rows.into_iter().map(Completion).collect())
    }

    /// Completes an enrolment whose outcome was "not completed", with a reason. For coordinators of the edition.
    async fn decide_completion_late(
        &self,
        ctx: &Context<'_>,
        input: DecideCompletionLateInput,
    ) -> ApiResult<DecideCompletionLatePayload> {
        let request = Request::of(ctx);
        let run = async {
            let mut faults = Faults::default();
            let id = id::parse(&mut faults, "enrolmentId", &input.enrolment_id);
            let reason = reason::read(&mut faults, &input.reason);
            let (id, reason) = faults.whole(id.zip(reason))?;
            let version = input.version;
            let seen = Seen { id, version };
            service::decide_late(&request.app, &request.actor, seen, &reason).await
        };
        DecideCompletionLatePayload::of(Box::pin(run).await, Completion)
    }
}
