//! Enrolments: one person in one edition, from application to outcome.

use super::edition::{EditionState, EnrolmentPolicy};
use crate::error::{Code, Fault};

words! {
    /// Where an enrolment stands.
    EnrolmentState {
        /// The person applied.
        Applied = "applied",
        /// A coordinator looks at it.
        UnderReview = "under_review",
        /// Admitted, with a seat.
        Confirmed = "confirmed",
        /// Waits for a seat.
        Waitlisted = "waitlisted",
        /// Not admitted.
        Rejected = "rejected",
        /// Waited in vain.
        Expired = "expired",
        /// Takes part in an edition that has begun.
        Active = "active",
        /// Took part and fulfilled the completion rule.
        Completed = "completed",
        /// Took part and did not fulfil it.
        NotCompleted = "not_completed",
        /// Left by the person's own wish.
        Withdrawn = "withdrawn",
        /// Ended by the staff.
        Excluded = "excluded",
        /// Ended before any admission.
        Cancelled = "cancelled",
    }
}

/// Why an enrolment cannot be made or take a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The state machine has no such arrow.
    NoSuchStep,
    /// The arrow needs a reason.
    ReasonMissing,
    /// The edition does not take applications.
    NotEnrolling,
    /// The enrolment window is not open.
    OutsideWindow,
    /// Every seat is taken.
    Full,
}

impl From<Refusal> for Code {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoSuchStep => Self::IllegalTransition,
            Refusal::ReasonMissing => Self::ReasonRequired,
            Refusal::NotEnrolling | Refusal::OutsideWindow => Self::EnrolmentClosed,
            Refusal::Full => Self::EditionFull,
        }
    }
}

impl Refusal {
    /// The fault as its sender reads it: a missing reason at `reason`, anything else at `at`.
    pub fn fault(self, at: &str) -> Fault {
        let at = if self == Self::ReasonMissing { "reason" } else { at };
        Fault::at(at, self.into())
    }
}

impl EnrolmentState {
    /// The states that one step leads to.
    pub const fn next(self) -> &'static [Self] {
        match self {
            Self::Applied => &[
                Self::UnderReview,
                Self::Confirmed,
                Self::Waitlisted,
                Self::Rejected,
                Self::Cancelled,
            ],
            Self::UnderReview => &[Self::Confirmed, Self::Waitlisted, Self::Rejected, Self::Cancelled],
            Self::Waitlisted => &[Self::Confirmed, Self::Expired, Self::Cancelled],
            Self::Confirmed => &[Self::Active, Self::Withdrawn, Self::Excluded],
            Self::Active => &[Self::Completed, Self::NotCompleted, Self::Withdrawn, Self::Excluded],
            Self::NotCompleted => &[Self::Completed],
            Self::Rejected | Self::Expired | Self::Completed | Self::Withdrawn | Self::Excluded | Self::Cancelled => {
                &[]
            }
        }
    }

    /// Takes the step to `to`. Rejecting, excluding and a late completion need a reason.
    pub fn step(self, to: Self, has_reason: bool) -> Result<Self, Refusal> {
        if !self.next().contains(&to) {
            return Err(Refusal::NoSuchStep);
        }
        let needs_reason = match to {
            Self::Rejected | Self::Excluded => true,
            Self::Completed => self == Self::NotCompleted,
            Self::Applied
            | Self::UnderReview
            | Self::Confirmed
            | Self::Waitlisted
            | Self::Expired
            | Self::Active
            | Self::NotCompleted
            | Self::Withdrawn
            | Self::Cancelled => false,
        };
        if needs_reason && !has_reason {
            return Err(Refusal::ReasonMissing);
        }
        Ok(to)
    }

    /// Whether the enrolment occupies a seat.
    pub const fn takes_seat(self) -> bool {
        matches!(self, Self::Confirmed | Self::Active)
    }

    /// Whether the person was admitted at some time: such an enrolment counts as a participation.
    pub const fn was_admitted(self) -> bool {
        matches!(
            self,
            Self::Confirmed | Self::Active | Self::Completed | Self::NotCompleted | Self::Withdrawn | Self::Excluded
        )
    }

    /// Whether the declaration in it is frozen: what the person states from now on changes it no more, and only a
    /// correction does.
    pub const fn is_frozen(self) -> bool {
        self.was_admitted()
    }

    /// Whether the person takes part: such an enrolment may be in a team and hand in work.
    pub const fn takes_part(self) -> bool {
        matches!(self, Self::Confirmed | Self::Active)
    }

    /// Whether a second enrolment in the same edition is refused because of this one.
    pub const fn is_live(self) -> bool {
        matches!(
            self,
            Self::Applied
                | Self::UnderReview
                | Self::Confirmed
                | Self::Waitlisted
                | Self::Active
                | Self::Completed
                | Self::NotCompleted
        )
    }

    /// Whether a nomination stands that led to this enrolment: who was not admitted, left or was excluded is no
    /// longer the nominating institution's to follow.
    pub const fn keeps_nomination(self) -> bool {
        self.is_live()
    }

    /// Whether nobody has decided on the application yet.
    pub const fn is_undecided(self) -> bool {
        matches!(self, Self::Applied | Self::UnderReview)
    }

    /// Whether the person waits for a seat: one may be offered to them.
    pub const fn waits(self) -> bool {
        matches!(self, Self::Waitlisted)
    }

    /// The state to which an enrolment goes on at once that reaches this one in an edition that stands there: whoever
    /// is confirmed once it runs takes part from then on. `None` where it stays.
    pub fn begins_in(self, edition: EditionState) -> Option<Self> {
        (self == Self::Confirmed && edition == EditionState::Running).then_some(Self::Active)
    }

    /// The state to which the person's own wish to leave leads.
    pub fn leave(self) -> Result<Self, Refusal> {
        let to = if self.takes_seat() {
            Self::Withdrawn
        } else {
            Self::Cancelled
        };
        self.step(to, false)
    }
}

/// The facts about an edition that decide on an application.
#[derive(Debug, Clone, Copy)]
pub struct Admission {
    /// Where the edition stands.
    pub state: EditionState,
    /// What happens to an application.
    pub policy: EnrolmentPolicy,
    /// Whether a seat is free that the person may take, and that nobody who waits may take, too.
    pub room: bool,
    /// Whether the present instant is inside the enrolment window.
    pub window_open: bool,
}

impl Admission {
    /// The state in which a new enrolment begins: confirmed, waiting for approval, or for a seat.
    ///
    /// Nobody overtakes those who wait for the same seat: a new application joins them.
    pub fn admit(self) -> Result<EnrolmentState, Refusal> {
        if self.state != EditionState::Enrolling {
            return Err(Refusal::NotEnrolling);
        }
        if !self.window_open {
            return Err(Refusal::OutsideWindow);
        }
        Ok(match self.policy {
            EnrolmentPolicy::Approval => EnrolmentState::Applied,
            EnrolmentPolicy::Open if self.room => EnrolmentState::Confirmed,
            EnrolmentPolicy::Open => EnrolmentState::Waitlisted,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_state() -> impl Strategy<Value = EnrolmentState> {
        proptest::sample::select(EnrolmentState::ALL)
    }

    #[test]
    fn an_application_ends_where_the_policy_says() {
        let open = Admission {
            state: EditionState::Enrolling,
            policy: EnrolmentPolicy::Open,
            room: true,
            window_open: true,
        };
        assert_eq!(open.admit(), Ok(EnrolmentState::Confirmed));
        let full = Admission { room: false, ..open };
        assert_eq!(full.admit(), Ok(EnrolmentState::Waitlisted));
        let approval = Admission {
            policy: EnrolmentPolicy::Approval,
            ..full
        };
        assert_eq!(approval.admit(), Ok(EnrolmentState::Applied));
        assert_eq!(
            Admission {
                window_open: false,
                ..open
            }
            .admit(),
            Err(Refusal::OutsideWindow)
        );
        assert_eq!(
            Admission {
                state: EditionState::Running,
                ..open
            }
            .admit(),
            Err(Refusal::NotEnrolling)
        );
    }

    #[test]
    fn who_is_confirmed_takes_part_at_once_where_it_runs() {
        let (confirmed, active) = (EnrolmentState::Confirmed, EnrolmentState::Active);
        for &edition in EditionState::ALL {
            for &state in EnrolmentState::ALL {
                let begins = state == confirmed && edition == EditionState::Running;
                assert_eq!(
                    state.begins_in(edition),
                    begins.then_some(active),
                    "{state:?} in {edition:?}"
                );
            }
        }
        // It is a step like any other, and keeps the seat.
        assert_eq!(confirmed.step(active, false), Ok(active));
        assert!(confirmed.takes_seat() && active.takes_seat());
    }

    #[test]
    fn who_leaves_before_admission_cancels() {
        assert_eq!(EnrolmentState::Waitlisted.leave(), Ok(EnrolmentState::Cancelled));
        assert_eq!(EnrolmentState::Active.leave(), Ok(EnrolmentState::Withdrawn));
        assert_eq!(EnrolmentState::Completed.leave(), Err(Refusal::NoSuchStep));
    }

    proptest! {
        #[test]
        fn an_admission_is_never_undone(path in proptest::collection::vec(any_state(), 0..30)) {
            let mut state = EnrolmentState::Applied;
            for to in path {
                if let Ok(reached) = state.step(to, true) {
                    prop_assert!(!state.was_admitted() || reached.was_admitted());
                    prop_assert!(!reached.takes_seat() || reached.is_live());
                    state = reached;
                }
            }
        }
    }
}
