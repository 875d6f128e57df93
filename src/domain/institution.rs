//! Institutions: who sends people.

use super::person::ConstituentGroup;

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
