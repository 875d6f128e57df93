//! An enrolment that goes on in another edition: how it ends here, and where it stands there.
//!
//! An enrolment belongs to one edition and is never reused, so there are two: one that ends, and a new one.

use super::edition::{EditionState, EnrolmentPolicy};
use super::enrolment::{EnrolmentState, Refusal};

/// The state in which the enrolment ends that is left behind: as its staff ends it.
pub fn departure(from: EnrolmentState) -> Result<EnrolmentState, Refusal> {
    let to = if from.takes_seat() {
        EnrolmentState::Excluded
    } else {
        EnrolmentState::Cancelled
    };
    from.step(to, true)
}

/// The facts that decide where it stands in the other edition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Where the enrolment stood in the edition that it leaves.
    pub from: EnrolmentState,
    /// Where the other edition stands.
    pub edition: EditionState,
    /// What happens to applications there.
    pub policy: EnrolmentPolicy,
    /// Whether a seat is free there that the person may take; for somebody without a seat, one that nobody waits for.
    pub room: bool,
}

impl Arrival {
    /// The state in which it begins there. The enrolment window does not matter: the staff of both editions decides.
    ///
    /// Who had a seat has one there, or is not transferred: nobody loses a seat by it. Anybody else stands there as
    /// somebody who applies, and who waited waits.
    pub fn state(self) -> Result<EnrolmentState, Refusal> {
        if !self.edition.takes_people() {
            return Err(Refusal::NoSuchStep);
        }
        if self.from.takes_seat() {
            return if self.room {
                Ok(EnrolmentState::Confirmed)
            } else {
                Err(Refusal::Full)
            };
        }
        Ok(match self.policy {
            EnrolmentPolicy::Open if self.room => EnrolmentState::Confirmed,
            EnrolmentPolicy::Open => EnrolmentState::Waitlisted,
            EnrolmentPolicy::Approval if self.from.waits() => EnrolmentState::Waitlisted,
            EnrolmentPolicy::Approval => EnrolmentState::Applied,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn who_is_over_does_not_leave() {
        use EnrolmentState as E;
        for (from, to) in [
            (E::Applied, Ok(E::Cancelled)),
            (E::UnderReview, Ok(E::Cancelled)),
            (E::Waitlisted, Ok(E::Cancelled)),
            (E::Confirmed, Ok(E::Excluded)),
            (E::Active, Ok(E::Excluded)),
            (E::Completed, Err(Refusal::NoSuchStep)),
            (E::NotCompleted, Err(Refusal::NoSuchStep)),
            (E::Withdrawn, Err(Refusal::NoSuchStep)),
            (E::Rejected, Err(Refusal::NoSuchStep)),
        ] {
            assert_eq!(departure(from), to, "{from:?}");
        }
    }

    proptest! {
        #[test]
        fn nobody_loses_a_seat_and_nobody_overtakes(
            from in proptest::sample::select(EnrolmentState::ALL),
            edition in proptest::sample::select(EditionState::ALL),
            policy in proptest::sample::select(EnrolmentPolicy::ALL),
            room: bool,
        ) {
            let arrival = Arrival { from, edition, policy, room }.state();
            match arrival {
                Ok(state) => {
                    prop_assert!(edition.takes_people());
                    prop_assert!(state.is_live());
                    prop_assert!(room || !state.takes_seat());
                    prop_assert!(!from.takes_seat() || state.takes_seat());
                    // Who decides there has not decided.
                    prop_assert!(policy == EnrolmentPolicy::Open || from.takes_seat() || !state.takes_seat());
                }
                Err(Refusal::Full) => prop_assert!(from.takes_seat() && !room),
                Err(refusal) => {
                    prop_assert_eq!(refusal, Refusal::NoSuchStep);
                    prop_assert!(!edition.takes_people());
                }
            }
        }
    }
}
