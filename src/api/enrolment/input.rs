//! What is sent about enrolments, and what mutations answer.

use async_graphql::{Enum, ID, InputObject};

use super::Enrolment;
use crate::api::enums::EnrolmentState;
use crate::api::payload::payloads;
use crate::api::{filter, id};
use crate::domain::enrolment;
use crate::domain::text::{Comment, Country};
use crate::error::{Faults, Result};
use crate::store::enrolment as store;

/// Which enrolments; what is left out does not restrict. A list that is given has 1 to 1,000 values; an empty one is
/// refused (`REQUIRED`).
#[derive(InputObject)]
pub struct EnrolmentFilter {
    /// In one of these states.
    pub(super) states: Option<Vec<EnrolmentState>>,
    /// From one of these countries, each the 2 letters of ISO 3166-1 alpha-2 in any case. An API token needs
    /// `READ_PEOPLE` for it.
    pub(super) countries: Option<Vec<String>>,
    /// From one of these institutions. An API token needs `READ_PEOPLE` for it.
    pub(super) institution_ids: Option<Vec<ID>>,
}

impl EnrolmentFilter {
    /// Reads it; countries and identifiers are checked.
    pub fn read(self) -> Result<store::Filter> {
        let mut faults = Faults::default();
        let country = |text: String| Country::parse(&text).map(|country| country.as_ref().to_owned());
        let read = store::Filter {
            states: filter::all(&mut faults, "filter.states", self.states),
            countries: filter::texts(&mut faults, "filter.countries", self.countries, country),
            institutions: id::arguments(&mut faults, "filter.institutionIds", self.institution_ids),
        };
        faults.check()?;
        Ok(read)
    }
}

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

/// An application.
#[derive(InputObject)]
pub struct ApplyToEditionInput {
    /// To which edition; it must be enrolling.
    pub(super) edition_id: ID,
    /// Why you want to take part, up to 10,000 characters (NFC).
    #[graphql(default)]
    pub(super) motivation: String,
}

/// Reads why somebody wants to take part.
pub fn read_motivation(faults: &mut Faults, motivation: &str) -> Option<Comment> {
    faults.take("motivation", Comment::parse(motivation))
}

/// A withdrawal.
#[derive(InputObject)]
pub struct WithdrawEnrolmentInput {
    /// Which enrolment.
    pub(super) enrolment_id: ID,
    /// The version that you saw.
    pub(super) version: i64,
    /// Why, up to 1,000 characters (NFC).
    pub(super) reason: Option<String>,
}

/// A decision on one enrolment.
#[derive(InputObject)]
pub struct DecideEnrolmentInput {
    /// Which enrolment.
    pub(super) enrolment_id: ID,
    /// The version that you saw.
    pub(super) version: i64,
    /// What you decide.
    pub(super) decision: EnrolmentDecision,
    /// Why, up to 1,000 characters (NFC); required to reject and to exclude. The person reads it.
    pub(super) reason: Option<String>,
}

/// One decision on many enrolments of an edition.
#[derive(InputObject)]
pub struct DecideEnrolmentsInput {
    /// The edition.
    pub(super) edition_id: ID,
    /// Which enrolments, 1 to 1,000; all are decided or none.
    pub(super) enrolments: Vec<id::SeenInput>,
    /// What you decide.
    pub(super) decision: EnrolmentDecision,
    /// Why, up to 1,000 characters (NFC); required to reject and to exclude. The people read it.
    pub(super) reason: Option<String>,
}

payloads! {
    /// The new enrolment.
    ApplyToEditionPayload {
        /// The enrolment, unless there are `userErrors`; its state says what became of the application.
        enrolment: Enrolment
    }
    /// The withdrawn enrolment.
    WithdrawEnrolmentPayload {
        /// The enrolment, unless there are `userErrors`.
        enrolment: Enrolment
    }
    /// The decided enrolment.
    DecideEnrolmentPayload {
        /// The enrolment, unless there are `userErrors`.
        enrolment: Enrolment
    }
    /// The decided enrolments.
    DecideEnrolmentsPayload {
        /// The enrolments in the order asked, unless there are `userErrors`; then none was decided.
        enrolments: Vec<Enrolment>
    }
}
