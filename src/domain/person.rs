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
}
