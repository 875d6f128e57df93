//! How applications stand, as a report of admission counts them: each once.

use std::ops::AddAssign;

use super::enrolment::EnrolmentState;

/// How many applications stand how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standings {
    /// Nobody has decided on them yet.
    pub pending: i64,
    /// Admitted, and still in the edition or through with it.
    pub approved: i64,
    /// Not admitted.
    pub refused: i64,
    /// They wait for a seat.
    pub waiting: i64,
    /// Ended otherwise: withdrawn, excluded, cancelled, or waited in vain.
    pub ended: i64,
}

impl Standings {
    /// Counts so many applications in a state.
    pub const fn count(&mut self, state: EnrolmentState, applications: i64) {
        use EnrolmentState as E;
        let of = match state {
            E::Applied | E::UnderReview => &mut self.pending,
            E::Confirmed | E::Active | E::Completed | E::NotCompleted => &mut self.approved,
            E::Rejected => &mut self.refused,
            E::Waitlisted => &mut self.waiting,
            E::Withdrawn | E::Excluded | E::Cancelled | E::Expired => &mut self.ended,
        };
        *of += applications;
    }

    /// All of them.
    pub const fn applications(&self) -> i64 {
        self.pending + self.approved + self.refused + self.waiting + self.ended
    }
}

impl AddAssign for Standings {
    fn add_assign(&mut self, other: Self) {
        self.pending += other.pending;
        self.approved += other.approved;
        self.refused += other.refused;
        self.waiting += other.waiting;
        self.ended += other.ended;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_state_stands_somewhere() {
        for &state in EnrolmentState::ALL {
            let mut one = Standings::default();
            one.count(state, 1);
            assert_eq!(one.applications(), 1, "{state:?}");
            assert_eq!(one.approved == 1, state.was_admitted() && state.is_live(), "{state:?}");
            assert_eq!(one.pending == 1, state.is_undecided(), "{state:?}");
            assert_eq!(one.waiting == 1, state.waits(), "{state:?}");
            assert_eq!(
                one.pending + one.waiting == 1,
                state.is_live() && !state.was_admitted(),
                "{state:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn parts_sum_to_the_whole(
            states in proptest::collection::vec(proptest::sample::select(EnrolmentState::ALL), 0..40),
            cut in 0_usize..40,
        ) {
            let count = |states: &[EnrolmentState]| {
                let mut all = Standings::default();
                for &state in states {
                    all.count(state, 1);
                }
                all
            };
            let (one, other) = states.split_at(cut.min(states.len()));
            let mut both = count(one);
            both += count(other);
            prop_assert_eq!(both, count(&states));
            prop_assert_eq!(usize::try_from(both.applications()), Ok(states.len()));
        }
    }
}
