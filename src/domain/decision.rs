//! Taking a mistaken decision back: only the last one, and only where nothing followed from it; and who comes in then.

use super::edition::EditionState;
use super::enrolment::EnrolmentState;
use crate::error::{Code, Fault};

/// A decision that stands, as it was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decided {
    /// Where the enrolment stood before it.
    pub from: EnrolmentState,
    /// Whether anything happened to the enrolment since: another step, an offer, a rank in the line, work that was
    /// handed in, a consent taken back without which nobody takes part.
    pub changed: bool,
    /// Whether the person was put into a team or began work of their own.
    pub took_part: bool,
    /// Whether the person has another live enrolment in the edition.
    pub applied_again: bool,
}

/// What is to be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undo {
    /// Where the edition stands.
    pub edition: EditionState,
    /// Where the enrolment stands.
    pub state: EnrolmentState,
    /// What led there; `None` when nobody decided.
    pub decided: Option<Decided>,
}

/// Why a decision is not taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No decision leads to this state, or the edition admits nobody any more.
    NoSuchStep,
    /// Nobody decided, or something followed from it.
    Followed,
    /// The person applied again.
    AppliedAgain,
}

impl Refusal {
    /// The fault as its sender reads it, of the enrolment at `at`.
    pub fn fault(self, at: &str) -> Fault {
        let code = match self {
            Self::NoSuchStep => Code::IllegalTransition,
            Self::Followed => Code::NotUndoable,
            Self::AppliedAgain => Code::AlreadyEnrolled,
        };
        Fault::at(at, code)
    }
}

impl EnrolmentState {
    /// Whether somebody's decision leads to this state.
    pub const fn is_decided(self) -> bool {
        matches!(
            self,
            Self::UnderReview
                | Self::Confirmed
                | Self::Waitlisted
                | Self::Rejected
                | Self::Active
                | Self::Excluded
                | Self::Cancelled
        )
    }
}

impl Undo {
    /// The state in which the enrolment stands again.
    ///
    /// A seat is not looked at: one that was given back may be another's by now, and is then refused as any seat is.
    pub fn back_to(self) -> Result<EnrolmentState, Refusal> {
        if !self.edition.takes_people() || !self.state.is_decided() {
            return Err(Refusal::NoSuchStep);
        }
        let decided = self.decided.ok_or(Refusal::Followed)?;
        if decided.changed {
            return Err(Refusal::Followed);
        }
        let began_with_it = self.state.takes_part() && !decided.from.takes_part();
        if began_with_it && decided.took_part {
            return Err(Refusal::Followed);
        }
        if !self.state.is_live() && decided.applied_again {
            return Err(Refusal::AppliedAgain);
        }
        Ok(decided.from)
    }
}

/// What decides who comes in after a decision was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakenBack {
    /// Where the enrolment stands again.
    pub to: EnrolmentState,
    /// Whether free seats of the edition go to those who wait, with nobody to decide.
    pub fills_by_itself: bool,
    /// Whether the edition has so many seats and no more.
    pub is_limited: bool,
    /// Whether a seat was given back.
    pub has_freed: bool,
}

/// Who comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filling {
    /// Nobody.
    Nobody,
    /// As many of those who wait as there are seats for, in their order.
    NextInLine,
    /// Everybody who waits.
    Everybody,
}

impl TakenBack {
    /// Who comes in: a seat that was given back passes on, and who waits again in an edition that fills by itself may be
    /// the one whose turn it is.
    pub const fn filling(self) -> Filling {
        let waits_again = self.fills_by_itself && self.to.waits();
        if waits_again && !self.is_limited {
            Filling::Everybody
        } else if waits_again || self.has_freed {
            Filling::NextInLine
        } else {
            Filling::Nobody
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a coordinator decides.
    const DECISIONS: [EnrolmentState; 6] = [
        EnrolmentState::UnderReview,
        EnrolmentState::Confirmed,
        EnrolmentState::Waitlisted,
        EnrolmentState::Rejected,
        EnrolmentState::Excluded,
        EnrolmentState::Cancelled,
    ];

    fn untouched(from: EnrolmentState) -> Decided {
        Decided {
            from,
            changed: false,
            took_part: false,
            applied_again: false,
        }
    }

    #[test]
    fn what_followed_stands_in_the_way_where_it_could_follow() {
        use EnrolmentState as E;
        let undo = |state, decided| {
            Undo {
                edition: EditionState::Running,
                state,
                decided: Some(decided),
            }
            .back_to()
        };
        let taught = |from| Decided {
            took_part: true,
            ..untouched(from)
        };
        let again = |from| Decided {
            applied_again: true,
            ..untouched(from)
        };
        assert_eq!(undo(E::Active, taught(E::Waitlisted)), Err(Refusal::Followed));
        assert_eq!(undo(E::Active, untouched(E::Waitlisted)), Ok(E::Waitlisted));
        // Whoever is let back in had the team before.
        assert_eq!(undo(E::Excluded, taught(E::Active)), Ok(E::Active));
        assert_eq!(undo(E::Rejected, again(E::Applied)), Err(Refusal::AppliedAgain));
        assert_eq!(undo(E::Waitlisted, again(E::Applied)), Ok(E::Applied));
    }

    #[test]
    fn who_waits_again_may_be_next_and_a_seat_that_was_given_back_passes_on() {
        let filling = |to, fills_by_itself, is_limited, has_freed| {
            TakenBack {
                to,
                fills_by_itself,
                is_limited,
                has_freed,
            }
            .filling()
        };
        for &to in EnrolmentState::ALL {
            let waits = to == EnrolmentState::Waitlisted;
            for has_freed in [false, true] {
                let passed_on = if has_freed {
                    Filling::NextInLine
                } else {
                    Filling::Nobody
                };
                for is_limited in [false, true] {
                    assert_eq!(filling(to, false, is_limited, has_freed), passed_on, "{to:?}");
                }
                let next = if waits { Filling::NextInLine } else { passed_on };
                assert_eq!(filling(to, true, true, has_freed), next, "{to:?}");
                let all = if waits { Filling::Everybody } else { passed_on };
                assert_eq!(filling(to, true, false, has_freed), all, "{to:?}");
            }
        }
    }

    #[test]
    fn a_refusal_has_its_code() {
        for (refusal, code) in [
            (Refusal::NoSuchStep, Code::IllegalTransition),
            (Refusal::Followed, Code::NotUndoable),
            (Refusal::AppliedAgain, Code::AlreadyEnrolled),
        ] {
            assert_eq!(refusal.fault("enrolmentId"), Fault::at("enrolmentId", code));
        }
    }

    fn any_state() -> impl Strategy<Value = EnrolmentState> {
        proptest::sample::select(EnrolmentState::ALL)
    }

    proptest! {
        /// Whatever was decided, taken back at once leads where it came from, and can be decided again.
        #[test]
        fn back_is_where_it_came_from(
            path in proptest::collection::vec(any_state(), 0..12),
            decision in proptest::sample::select(DECISIONS.to_vec()),
            edition in proptest::sample::select(EditionState::ALL),
        ) {
            let mut from = EnrolmentState::Applied;
            for to in path {
                from = from.step(to, true).unwrap_or(from);
            }
            let Ok(state) = from.step(decision, true) else { return Ok(()) };
            let back = Undo { edition, state, decided: Some(untouched(from)) }.back_to();
            if edition.takes_people() {
                prop_assert_eq!(back, Ok(from));
                prop_assert_eq!(from.step(decision, true), Ok(state));
            } else {
                prop_assert_eq!(back, Err(Refusal::NoSuchStep));
            }
        }

        /// What has changed is never taken back, and nothing is that nobody decided.
        #[test]
        fn what_has_changed_stays(
            state in any_state(), from in any_state(), took_part: bool, applied_again: bool,
            edition in proptest::sample::select(EditionState::ALL),
        ) {
            let decided = Decided { from, changed: true, took_part, applied_again };
            let undo = |decided| Undo { edition, state, decided }.back_to();
            prop_assert!(undo(Some(decided)).is_err());
            prop_assert!(undo(None).is_err());
        }
    }
}
