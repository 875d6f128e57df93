//! What coordinators decide on applications, in the API.

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};

use super::Enrolment;
use crate::api::enums::BulkMode;
use crate::api::error::{ApiResult, UserError};
use crate::api::id;
use crate::api::payload::payloads;
use crate::api::reason;
use crate::api::request::Request;
use crate::domain::enrolment;
use crate::domain::id::Seen;
use crate::error::{Error, Faults, Result};
use crate::service::decision::{Decision, Row, decide, decide_many, undo};
use crate::service::transfer::transfer;

/// What a coordinator can decide about an enrolment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum EnrolmentDecision {
    /// Take it under review.
    Review,
    /// Admit; needs a free seat.
    Confirm,
    /// Put on the waiting list.
    Waitlist,
    /// Do not admit; needs a reason.
    Reject,
    /// End an admitted enrolment; needs a reason.
    Exclude,
    /// End one that was not admitted yet.
    Cancel,
}

impl From<EnrolmentDecision> for enrolment::EnrolmentState {
    fn from(decision: EnrolmentDecision) -> Self {
        match decision {
            EnrolmentDecision::Review => Self::UnderReview,
            EnrolmentDecision::Confirm => Self::Confirmed,
            EnrolmentDecision::Waitlist => Self::Waitlisted,
            EnrolmentDecision::Reject => Self::Rejected,
            EnrolmentDecision::Exclude => Self::Excluded,
            EnrolmentDecision::Cancel => Self::Cancelled,
        }
    }
}

/// A decision on one enrolment.
#[derive(InputObject)]
pub struct DecideEnrolmentInput {
    /// Which enrolment.
    enrolment_id: ID,
    /// The version that you saw.
    version: i64,
    /// What you decide.
    decision: EnrolmentDecision,
    /// Why, up to 1,000 characters (NFC); required to reject and to exclude. The person reads it.
    reason: Option<String>,
}

/// One decision on many enrolments of an edition.
#[derive(InputObject)]
pub struct DecideEnrolmentsInput {
    /// The edition.
    edition_id: ID,
    /// Which enrolments, 1 to 1,000. Where there are fewer seats than they need, those that come first have them.
    enrolments: Vec<id::SeenInput>,
    /// What you decide.
    decision: EnrolmentDecision,
    /// Why, up to 1,000 characters (NFC), one reason for all; required to reject and to exclude. The people read it.
    reason: Option<String>,
    /// How much is decided when a row cannot be: nothing, and `userErrors` names every row that stands in the way, or
    /// the others, and `results` says of each row what came of it.
    #[graphql(default_with = "BulkMode::AllOrNothing")]
    mode: BulkMode,
}

/// A mistaken decision that is to be taken back.
#[derive(InputObject)]
pub struct UndoDecisionInput {
    /// On which enrolment.
    enrolment_id: ID,
    /// The version that you saw.
    version: i64,
    /// Why, up to 1,000 characters (NFC). The person reads it.
    reason: String,
}

/// A transfer to another edition.
#[derive(InputObject)]
pub struct TransferEnrolmentInput {
    /// Which enrolment.
    enrolment_id: ID,
    /// The version that you saw.
    version: i64,
    /// The edition in which it goes on; you coordinate both.
    edition_id: ID,
    /// Why, up to 1,000 characters (NFC). The person reads it.
    reason: String,
}

payloads! {
    /// The decided enrolment.
    DecideEnrolmentPayload {
        /// The enrolment, unless there are `userErrors`.
        enrolment: Enrolment
    }
    /// The enrolment as it stands again.
    UndoDecisionPayload {
        /// The enrolment, unless there are `userErrors`.
        enrolment: Enrolment
    }
    /// The enrolment in the other edition.
    TransferEnrolmentPayload {
        /// The new enrolment, unless there are `userErrors`; `transferredFrom` leads to the one that ended.
        enrolment: Enrolment
    }
}

/// What came of one row of a decision on many.
#[derive(SimpleObject)]
pub struct DecisionResult {
    /// Its place in the list that was sent, from 0.
    place: i32,
    /// The identifier that was sent.
    enrolment_id: ID,
    /// The decided enrolment; null when it was refused.
    enrolment: Option<Enrolment>,
    /// Why it was refused; empty when it was decided. Paths begin with `input`, as in any payload.
    user_errors: Vec<UserError>,
}

/// The decided enrolments.
#[derive(SimpleObject)]
pub struct DecideEnrolmentsPayload {
    /// Those that were decided, in the order asked; null when there are `userErrors`.
    enrolments: Option<Vec<Enrolment>>,
    /// What came of every row, in the order asked; null when there are `userErrors`.
    results: Option<Vec<DecisionResult>>,
    /// What to put right; when it is not empty, nothing was changed. What is refused `ROW_BY_ROW` stands in `results`.
    user_errors: Vec<UserError>,
}

impl DecideEnrolmentsPayload {
    fn of(asked: &[ID], result: Result<Vec<Row>>) -> ApiResult<Self> {
        let rows = match result {
            Ok(rows) => rows,
            Err(Error::Invalid(faults)) => {
                return Ok(Self {
                    enrolments: None,
                    results: None,
                    user_errors: faults.into_iter().map(UserError).collect(),
                });
            }
            Err(failure) => return Err(failure.into()),
        };
        let decided = rows.iter().filter_map(|row| row.as_ref().ok().cloned());
        let enrolments = decided.map(Enrolment::from).collect();
        let results = rows.into_iter().zip(asked).zip(0..);
        let results = results.map(|((row, id), place)| {
            let (enrolment, refused) = match row {
                Ok(row) => (Some(Enrolment::from(row)), None),
                Err(fault) => (None, Some(UserError(fault))),
            };
            DecisionResult {
                place,
                enrolment_id: id.clone(),
                enrolment,
                user_errors: refused.into_iter().collect(),
            }
        });
        Ok(Self {
            enrolments: Some(enrolments),
            results: Some(results.collect()),
            user_errors: Vec::new(),
        })
    }
}

/// Decisions on enrolments.
#[derive(Default)]
pub struct DecisionMutation;

#[Object]
impl DecisionMutation {
    /// Decides on one enrolment, until the edition is over. For its coordinators.
    async fn decide_enrolment(
        &self,
        ctx: &Context<'_>,
        input: DecideEnrolmentInput,
    ) -> ApiResult<DecideEnrolmentPayload> {
        let request = Request::of(ctx);
        let run = async {
            let version = input.version;
            let mut faults = Faults::default();
            let id = id::parse(&mut faults, "enrolmentId", &input.enrolment_id);
            let reason = reason::read_optional(&mut faults, input.reason.as_deref());
            let (id, reason) = faults.whole(id.zip(reason))?;
            let seen = Seen { id, version };
            let to = input.decision.into();
            let decision = Decision { to, reason };
            decide(&request.app, &request.actor, seen, &decision).await
        };
        DecideEnrolmentPayload::of(Box::pin(run).await, Enrolment::from)
    }

    /// Decides in the same way on many enrolments of an edition: all or none, or row by row, where what is refused does
    /// not undo the others. Until it is over; for its coordinators.
    async fn decide_enrolments(
        &self,
        ctx: &Context<'_>,
        input: DecideEnrolmentsInput,
    ) -> ApiResult<DecideEnrolmentsPayload> {
        let request = Request::of(ctx);
        let run = async {
            let mut faults = Faults::default();
            let edition = id::parse(&mut faults, "editionId", &input.edition_id);
            let list = id::parse_seen(&mut faults, "enrolments", &input.enrolments);
            let reason = reason::read_optional(&mut faults, input.reason.as_deref());
            let ((edition, list), reason) = faults.whole(edition.zip(list).zip(reason))?;
            let to = input.decision.into();
            let decision = Decision { to, reason };
            let mode = input.mode.into();
            decide_many(&request.app, &request.actor, edition, &list, &decision, mode).await
        };
        let asked: Vec<ID> = input.enrolments.iter().map(|seen| seen.id().clone()).collect();
        DecideEnrolmentsPayload::of(&asked, Box::pin(run).await)
    }

    /// Takes the last decision on an enrolment back, where nothing followed from it: the enrolment stands as it did
    /// before, a seat that it had by it passes on, and the history keeps both steps. The person is told once.
    /// Something followed when the enrolment took another step, a seat was offered, a rank given or work handed in,
    /// when the person was put into a team, began to write, or took a required consent back (`NOT_UNDOABLE`); when they
    /// applied again (`ALREADY_ENROLLED`); or when the seat is another's by now (`EDITION_FULL`). For coordinators of
    /// the edition.
    async fn undo_decision(&self, ctx: &Context<'_>, input: UndoDecisionInput) -> ApiResult<UndoDecisionPayload> {
        let request = Request::of(ctx);
        let run = async {
            let version = input.version;
            let mut faults = Faults::default();
            let id = id::parse(&mut faults, "enrolmentId", &input.enrolment_id);
            let reason = reason::read(&mut faults, &input.reason);
            let (id, reason) = faults.whole(id.zip(reason))?;
            let seen = Seen { id, version };
            undo(&request.app, &request.actor, seen, &reason).await
        };
        UndoDecisionPayload::of(Box::pin(run).await, Enrolment::from)
    }

    /// Transfers an enrolment to another edition that takes people, also outside its enrolment window. It ends here
    /// (`CANCELLED`, or `EXCLUDED` where the person had a seat) and begins there as a new one: confirmed where the
    /// person had a seat, which has to be free there (`EDITION_FULL`), or else as an application. The seat that it
    /// gives back passes on, and the person is told once. What the other edition's `applicationForm` asks stays
    /// unanswered; `transferredFrom` leads to what was answered here. For who coordinates both editions.
    async fn transfer_enrolment(
        &self,
        ctx: &Context<'_>,
        input: TransferEnrolmentInput,
    ) -> ApiResult<TransferEnrolmentPayload> {
        let request = Request::of(ctx);
        let run = async {
            let version = input.version;
            let mut faults = Faults::default();
            let id = id::parse(&mut faults, "enrolmentId", &input.enrolment_id);
            let edition = id::parse(&mut faults, "editionId", &input.edition_id);
            let reason = reason::read(&mut faults, &input.reason);
            let ((id, edition), reason) = faults.whole(id.zip(edition).zip(reason))?;
            let seen = Seen { id, version };
            transfer(&request.app, &request.actor, seen, edition, &reason).await
        };
        TransferEnrolmentPayload::of(Box::pin(run).await, Enrolment::from)
    }
}
