//! Institutions: who sends people. They are registered, or proposed by somebody who found theirs missing, and one of
//! two that are the same is merged into the other.

use chrono::{DateTime, TimeDelta, Utc};

use super::person::ConstituentGroup;
use super::text::fold;
use crate::error::{Code, Fault};

/// How many other names one institution may have.
pub const MOST_ALIASES: usize = 20;
/// How many proposals of one person may wait at a time.
pub const OPEN_PROPOSALS: usize = 5;
/// How many institutions one person may propose within [`PROPOSAL_PERIOD`], whatever became of them.
pub const PROPOSALS: usize = 10;
/// The time in which proposals are counted.
pub const PROPOSAL_PERIOD: TimeDelta = TimeDelta::hours(24);
/// For how long it is looked whether something still names an institution that was merged: whatever had begun when it
/// was, an import too, has ended by then.
pub const FOLLOWING: TimeDelta = TimeDelta::minutes(5);

words! {
    /// Where an institution stands.
    InstitutionState {
        /// Somebody found it missing in the register; nobody has looked at it yet.
        Proposed = "proposed",
        /// It stands in the register.
        Registered = "registered",
        /// It was merged into another one, and leads to it.
        Merged = "merged",
        /// It was proposed, and is none.
        Refused = "refused",
    }
}

/// Why an institution cannot be proposed, or take a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The state machine has no such arrow.
    NoSuchStep,
    /// What it would be merged into does not stand in the register, or is itself.
    NoSuchTarget,
    /// There would be more other names than an institution may have.
    TooManyNames,
    /// As many proposals of the person wait as may.
    TooManyOpen,
    /// The person proposed as many as they may in this time.
    TooManyProposed,
}

impl Refusal {
    /// The fault as its sender reads it, at the field that it is about.
    pub fn fault(self) -> Fault {
        match self {
            Self::NoSuchStep => Fault::at("institutionId", Code::IllegalTransition),
            Self::NoSuchTarget => Fault::at("intoId", Code::IllegalTransition),
            Self::TooManyNames => Fault::at("keepNames", Code::LimitReached).with(MOST_ALIASES),
            Self::TooManyOpen => Fault::at("name", Code::LimitReached).with(OPEN_PROPOSALS),
            Self::TooManyProposed => Fault::at("name", Code::LimitReached).with(PROPOSALS),
        }
    }
}

impl InstitutionState {
    /// A proposal comes into the register.
    pub fn accept(self) -> Result<Self, Refusal> {
        match self {
            Self::Proposed => Ok(Self::Registered),
            Self::Registered | Self::Merged | Self::Refused => Err(Refusal::NoSuchStep),
        }
    }

    /// A proposal is refused.
    pub fn refuse(self) -> Result<Self, Refusal> {
        match self {
            Self::Proposed => Ok(Self::Refused),
            Self::Registered | Self::Merged | Self::Refused => Err(Refusal::NoSuchStep),
        }
    }

    /// It is merged into another one, which stands so.
    pub fn merge(self, into: Self) -> Result<Self, Refusal> {
        match (self, into) {
            (Self::Merged | Self::Refused, _) => Err(Refusal::NoSuchStep),
            (_, Self::Proposed | Self::Merged | Self::Refused) => Err(Refusal::NoSuchTarget),
            (Self::Proposed | Self::Registered, Self::Registered) => Ok(Self::Merged),
        }
    }
}

/// Whether a person may propose one more: `open` of theirs wait, and `recent` were proposed within
/// [`PROPOSAL_PERIOD`].
pub fn may_propose(open: usize, recent: usize) -> Result<(), Refusal> {
    if open >= OPEN_PROPOSALS {
        return Err(Refusal::TooManyOpen);
    }
    if recent >= PROPOSALS {
        return Err(Refusal::TooManyProposed);
    }
    Ok(())
}

/// Whether everything that had begun when an institution was merged has ended by an instant at which nothing named it.
pub fn has_followed(merged_at: DateTime<Utc>, looked_at: DateTime<Utc>) -> bool {
    looked_at >= merged_at + FOLLOWING
}

/// What an institution is called.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its other names.
    pub aliases: &'a [String],
}

impl Names<'_> {
    /// Whether it is called so, whatever the case, the accents and the spaces.
    pub fn include(&self, name: &str) -> bool {
        let wanted = fold(name);
        self.all().any(|name| fold(name) == wanted)
    }

    /// The name and the other names.
    fn all(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.name).chain(self.aliases.iter().map(String::as_str))
    }

    /// Its other names once another one was merged into it: its own, then the names of that one which it does not have.
    ///
    /// # Errors
    /// [`Refusal::TooManyNames`] for more than [`MOST_ALIASES`].
    pub fn with(&self, merged: Names<'_>) -> Result<Vec<String>, Refusal> {
        let mut aliases = self.aliases.to_vec();
        for name in merged.all() {
            let known = Names {
                name: self.name,
                aliases: &aliases,
            };
            if !known.include(name) {
                aliases.push(name.to_owned());
            }
        }
        if aliases.len() > MOST_ALIASES && aliases.len() > self.aliases.len() {
            return Err(Refusal::TooManyNames);
        }
        Ok(aliases)
    }
}

words! {
    /// What sort of organisation an institution is.
    InstitutionKind {
        /// A ministry or another public body.
        Government = "government",
        /// An employers' organisation.
        Employers = "employers",
        /// A workers' organisation.
        Workers = "workers",
        /// A vocational training institution.
        TrainingInstitution = "training_institution",
        /// Another organisation.
        Other = "other",
    }
}

impl InstitutionKind {
    /// The constituent group that people of such an institution belong to unless they say otherwise.
    pub const fn constituent_group(self) -> ConstituentGroup {
        match self {
            Self::Government => ConstituentGroup::Government,
            Self::Employers => ConstituentGroup::Employers,
            Self::Workers => ConstituentGroup::Workers,
            Self::TrainingInstitution => ConstituentGroup::TrainingInstitution,
            Self::Other => ConstituentGroup::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_state() -> impl Strategy<Value = InstitutionState> {
        proptest::sample::select(InstitutionState::ALL)
    }

    fn names() -> impl Strategy<Value = (String, Vec<String>)> {
        (
            "[a-dÁÑ ]{1,3}",
            proptest::collection::vec("[a-dÁÑ ]{1,3}", 0..MOST_ALIASES),
        )
    }

    #[test]
    fn a_proposal_is_accepted_once_and_merged_into_what_stands() {
        use InstitutionState::{Merged, Proposed, Registered};
        assert_eq!(Proposed.accept(), Ok(Registered));
        assert_eq!(Registered.accept(), Err(Refusal::NoSuchStep));
        assert_eq!(Proposed.merge(Registered), Ok(Merged));
        assert_eq!(Registered.merge(Registered), Ok(Merged));
        assert_eq!(Registered.merge(Proposed), Err(Refusal::NoSuchTarget));
        assert_eq!(Merged.merge(Registered), Err(Refusal::NoSuchStep));
    }

    #[test]
    fn a_proposal_is_refused_once_and_for_all() {
        use InstitutionState::{Merged, Proposed, Refused, Registered};
        assert_eq!(Proposed.refuse(), Ok(Refused));
        for state in [Registered, Merged, Refused] {
            assert_eq!(state.refuse(), Err(Refusal::NoSuchStep));
        }
        assert_eq!(Refused.accept(), Err(Refusal::NoSuchStep));
        assert_eq!(Refused.merge(Registered), Err(Refusal::NoSuchStep));
        assert_eq!(Registered.merge(Refused), Err(Refusal::NoSuchTarget));
    }

    #[test]
    fn so_many_are_proposed_and_no_more() {
        assert_eq!(may_propose(OPEN_PROPOSALS - 1, PROPOSALS - 1), Ok(()));
        assert_eq!(may_propose(OPEN_PROPOSALS, 0), Err(Refusal::TooManyOpen));
        assert_eq!(may_propose(0, PROPOSALS), Err(Refusal::TooManyProposed));
    }

    #[test]
    fn what_had_begun_is_waited_for() {
        let at = DateTime::<Utc>::UNIX_EPOCH;
        assert!(!has_followed(at, at + FOLLOWING - TimeDelta::microseconds(1)));
        assert!(has_followed(at, at + FOLLOWING));
    }

    #[test]
    fn a_name_is_known_whatever_its_case_and_accents() {
        let aliases = vec!["SENAI".to_owned()];
        let names = Names {
            name: "Serviço Nacional",
            aliases: &aliases,
        };
        assert!(names.include("servico  NACIONAL") && names.include("senai"));
        assert!(!names.include("Serviço"));
    }

    proptest! {
        /// What is merged stays so, whatever is tried with it.
        #[test]
        fn nothing_comes_back_from_being_merged(into in any_state()) {
            prop_assert!(InstitutionState::Merged.accept().is_err());
            prop_assert!(InstitutionState::Merged.merge(into).is_err());
        }

        /// Every name of both is found in what stands, each once, and those that it had before keep their places.
        #[test]
        fn no_name_is_lost_by_merging((name, aliases) in names(), (other, others) in names()) {
            let (own, merged) = (Names { name: &name, aliases: &aliases }, Names { name: &other, aliases: &others });
            match own.with(merged) {
                Ok(found) => {
                    let whole = Names { name: &name, aliases: &found };
                    prop_assert!(own.all().chain(merged.all()).all(|name| whole.include(name)));
                    prop_assert_eq!(&found[..aliases.len()], &aliases[..]);
                    prop_assert!(found.len() <= MOST_ALIASES);
                    let added: Vec<String> = found[aliases.len()..].iter().map(|name| fold(name)).collect();
                    for (place, name) in added.iter().enumerate() {
                        prop_assert!(!own.include(name) && !added[..place].contains(name));
                    }
                    prop_assert_eq!(whole.with(merged), Ok(found.clone()));
                }
                Err(refusal) => {
                    prop_assert_eq!(refusal, Refusal::TooManyNames);
                    prop_assert!(aliases.len() + others.len() + 1 > MOST_ALIASES);
                }
            }
        }
    }
}
