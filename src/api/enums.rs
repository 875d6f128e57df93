//! The enums of the domain under the names and descriptions that clients see.
//!
//! Every variant is named here once more, because the domain knows nothing of GraphQL; the compiler
//! refuses a list that is not complete.

use async_graphql::Enum;

macro_rules! mirror {
    ($(#[$doc:meta])* $name:ident of $domain:path { $($(#[$variant_doc:meta])* $variant:ident,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl From<$domain> for $name {
            fn from(value: $domain) -> Self {
                use $domain as Domain;
                match value {
                    $(Domain::$variant => Self::$variant,)*
                }
            }
        }

        impl From<$name> for $domain {
            fn from(value: $name) -> Self {
                use $domain as Domain;
                match value {
                    $($name::$variant => Domain::$variant,)*
                }
            }
        }
    };
}

pub(super) use mirror;

mod code;
mod figures;

pub use code::UserErrorCode;
pub use figures::{Dimension, Measure, PeriodRule};

mirror! {
    /// Gender as a person states it.
    Gender of crate::domain::person::Gender {
        /// Female.
        Female,
        /// Male.
        Male,
        /// Another gender.
        Another,
        /// The person did not say.
        NotStated,
    }
}

mirror! {
    /// The group for which a person takes part: the three constituents, or who trains.
    ConstituentGroup of crate::domain::person::ConstituentGroup {
        /// A ministry or another public body.
        Government,
        /// An employers' organisation.
        Employers,
        /// A workers' organisation.
        Workers,
        /// A training institution.
        TrainingInstitution,
        /// Another organisation.
        Other,
        /// The person did not say.
        NotStated,
    }
}

mirror! {
    /// What sort of organisation an institution is.
    InstitutionKind of crate::domain::institution::InstitutionKind {
        /// A ministry or another public body.
        Government,
        /// An employers' organisation.
        Employers,
        /// A workers' organisation.
        Workers,
        /// A vocational training institution.
        TrainingInstitution,
        /// Another organisation.
        Other,
    }
}

mirror! {
    /// Where an institution stands.
    InstitutionState of crate::domain::institution::InstitutionState {
        /// Somebody found it missing in the register; nobody has looked at it yet. It shows to who proposed it and to
        /// those who settle proposals.
        Proposed,
        /// It stands in the register.
        Registered,
        /// It was merged into another one, to which its identifier leads. Figures of an earlier instant name it still.
        Merged,
        /// It was proposed, and refused. It shows where an enrolment was confirmed with it.
        Refused,
    }
}

mirror! {
    /// Why an enrolment is no longer counted with what it was counted with before.
    SnapshotCause of crate::domain::person::SnapshotCause {
        /// A coordinator put it right.
        Corrected,
        /// Its institution was merged into another one.
        Merged,
    }
}

mirror! {
    /// Where an edition stands.
    EditionState of crate::domain::edition::EditionState {
        /// Being planned; nobody but its coordinators sees it.
        Draft,
        /// In the catalogue, not yet open.
        Announced,
        /// Takes applications.
        Enrolling,
        /// Takes no more applications.
        EnrolmentClosed,
        /// Under way.
        Running,
        /// Over, with grades still to be decided.
        Grading,
        /// Done.
        Closed,
        /// Done and put away.
        Archived,
        /// Will not take place.
        Cancelled,
    }
}

mirror! {
    /// How participants meet.
    Modality of crate::domain::edition::Modality {
        /// Only online.
        Online,
        /// Online and on site.
        Blended,
        /// Only on site.
        OnSite,
    }
}

mirror! {
    /// What happens to an application.
    EnrolmentPolicy of crate::domain::edition::EnrolmentPolicy {
        /// It is confirmed at once while there are seats, and waits for one after that.
        Open,
        /// A coordinator decides.
        Approval,
    }
}

mirror! {
    /// Where an enrolment stands.
    EnrolmentState of crate::domain::enrolment::EnrolmentState {
        /// The person applied.
        Applied,
        /// A coordinator looks at it.
        UnderReview,
        /// Admitted, with a seat.
        Confirmed,
        /// Waits for a seat.
        Waitlisted,
        /// Not admitted.
        Rejected,
        /// Waited in vain.
        Expired,
        /// Takes part in an edition that has begun.
        Active,
        /// Took part and fulfilled the completion rule.
        Completed,
        /// Took part and did not fulfil it.
        NotCompleted,
        /// Left by the person's own wish.
        Withdrawn,
        /// Ended by the staff.
        Excluded,
        /// Ended before any admission.
        Cancelled,
    }
}

mirror! {
    /// What kind of answer a question wants.
    QuestionKind of crate::domain::form::QuestionKind {
        /// One line, in `text`: up to 200 characters.
        ShortText,
        /// Text in which lines may break, in `text`: up to 10,000 characters.
        LongText,
        /// One of the choices, in `choices`.
        OneChoice,
        /// Some of the choices, in `choices`.
        SeveralChoices,
        /// Yes or no, in `yesNo`.
        YesNo,
        /// A number within the bounds, in `number`.
        Number,
        /// A day, in `date`.
        Date,
    }
}

mirror! {
    /// What kind of work is asked for.
    DeliverableKind of crate::domain::deliverable::DeliverableKind {
        /// A plan that the team carries out at home.
        Roadmap,
        /// A project of the team.
        Project,
        /// A task of each participant.
        IndividualTask,
    }
}

mirror! {
    /// Where a submission stands.
    SubmissionState of crate::domain::submission::SubmissionState {
        /// Being written.
        Draft,
        /// Handed in, waits for a review.
        Submitted,
        /// A tutor reads it.
        InReview,
        /// Came back with comments; a new version is wanted.
        RevisionRequested,
        /// Graded; the grade is not yet released.
        Assessed,
        /// The grade is released.
        Released,
        /// The grade stands.
        Final,
        /// Nothing was handed in before the cut-off.
        NotSubmitted,
    }
}

mirror! {
    /// How much of what you ask for in one go, be it a list or a table, is carried out when some of it cannot be.
    BulkMode of crate::domain::list::Mode {
        /// All of it, or nothing.
        AllOrNothing,
        /// Every row that can be.
        RowByRow,
    }
}

mirror! {
    /// What a tutor decides about a version.
    Decision of crate::domain::submission::Decision {
        /// Another version is wanted.
        Revision,
        /// It gets a grade.
        Grade,
    }
}

mirror! {
    /// A language of messages, e-mails and texts (ISO 639-1).
    Language of crate::domain::language::Language {
        /// Spanish.
        Es,
        /// English.
        En,
        /// Portuguese.
        Pt,
    }
}

mirror! {
    /// A role that is granted; being a participant follows from an enrolment.
    Role of crate::domain::actor::Role {
        /// Accompanies and grades the teams allocated to them.
        Tutor,
        /// Nominates and follows people of their institution.
        FocalPoint,
        /// Plans and runs editions.
        Coordinator,
        /// Looks after accounts, institutions and settings.
        Administrator,
    }
}

mirror! {
    /// A kind of personal data.
    PersonalField of crate::domain::audit::PersonalField {
        /// The name.
        Name,
        /// The e-mail address.
        Email,
        /// Country, institution, constituent group and language.
        Origin,
        /// Gender.
        Gender,
        /// What the person wrote when applying.
        Motivation,
        /// What the person answered to the form, and to what they consented.
        Application,
    }
}
