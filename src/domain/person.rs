//! People and what they declare about themselves.

use super::id::InstitutionId;
use super::institution::InstitutionKind;
use super::language::Language;
use super::seats::Origin;
use super::text::Country;

words! {
    /// Gender as a person states it.
    Gender {
        /// Female.
        Female = "female",
        /// Male.
        Male = "male",
        /// Another gender.
        Another = "another",
        /// The person did not say.
        NotStated = "not_stated",
    }
}

words! {
    /// The group for which a person takes part: the three constituents, or who trains.
    ConstituentGroup {
        /// A ministry or another public body.
        Government = "government",
        /// An employers' organisation.
        Employers = "employers",
        /// A workers' organisation.
        Workers = "workers",
        /// A training institution.
        TrainingInstitution = "training_institution",
        /// Another organisation.
        Other = "other",
        /// The person did not say.
        NotStated = "not_stated",
    }
}

/// How often the snapshot of one enrolment is put right at the most: all that it was before comes in one list, without
/// pages. Mergers of its institution come on top; each ends an institution for good.
pub const CORRECTIONS_LIMIT: u64 = 50;

/// What somebody is called: given name and family name.
pub fn full_name(given: &str, family: &str) -> String {
    format!("{given} {family}")
}

/// What a person states about themself, as it is frozen in an enrolment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Gender.
    pub gender: Gender,
    /// Country, `None` when not stated.
    pub country: Option<Country>,
    /// Institution, `None` when not stated.
    pub institution: Option<InstitutionId>,
    /// The kind that this institution has now.
    pub institution_kind: Option<InstitutionKind>,
    /// Constituent group.
    pub constituent_group: ConstituentGroup,
    /// The language in which the person wants to be written to.
    pub language: Language,
}

impl Snapshot {
    /// What decides which seats the person may take.
    pub fn origin(&self) -> Origin<'_> {
        Origin {
            institution: self.institution,
            country: self.country.as_ref().map_or("", AsRef::as_ref),
            group: self.constituent_group,
        }
    }

    /// What was frozen wrongly put right. The kind of an institution that stays is the one that was frozen, and the
    /// language is that of the person at enrolment.
    #[must_use]
    pub fn corrected(&self, right: Self) -> Self {
        let kind = if self.institution == right.institution {
            self.institution_kind
        } else {
            right.institution_kind
        };
        Self {
            institution_kind: kind,
            language: self.language,
            ..right
        }
    }
}

words! {
    /// Why what an enrolment was counted with is no longer what it is counted with.
    SnapshotCause {
        /// A coordinator put it right.
        Corrected = "corrected",
        /// Its institution was merged into another one.
        Merged = "merged",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn snapshot() -> impl Strategy<Value = Snapshot> {
        use proptest::option::of;
        use proptest::sample::select;
        let institution = of((0..3_u128, select(InstitutionKind::ALL)));
        let people = (select(Gender::ALL), of(select(vec!["UY", "BR"])), institution);
        (people, select(ConstituentGroup::ALL), select(Language::ALL.to_vec())).prop_map(
            |((gender, country, institution), constituent_group, language)| Snapshot {
                gender,
                country: country.map(|country| Country::parse(country).expect("a country")),
                institution: institution.map(|(id, _)| InstitutionId(uuid::Uuid::from_u128(id))),
                institution_kind: institution.map(|(_, kind)| kind),
                constituent_group,
                language,
            },
        )
    }

    #[test]
    fn a_full_name_has_the_given_name_first() {
        assert_eq!(full_name("Ana María", "Paz"), "Ana María Paz");
    }

    proptest! {
        #[test]
        fn a_correction_says_what_is_right_and_keeps_the_rest(wrong in snapshot(), right in snapshot()) {
            let found = wrong.corrected(right.clone());
            prop_assert_eq!(found.origin(), right.origin());
            prop_assert_eq!((found.gender, found.language), (right.gender, wrong.language));
            prop_assert_eq!(found.institution_kind.is_some(), right.institution.is_some());
            prop_assert_eq!(&found.corrected(right), &found, "done twice it is the same");
            prop_assert_eq!(&wrong.corrected(wrong.clone()), &wrong);
        }
    }
}
