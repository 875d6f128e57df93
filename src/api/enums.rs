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

mod figures;

pub use figures::{Dimension, Measure, PeriodRule};

mirror! {
    /// What is wrong with an input. Codes never change their meaning.
    UserErrorCode of crate::error::Code {
        /// A value is missing or blank.
        Required,
        /// The text is shorter than allowed.
        TooShort,
        /// The text or list is longer than allowed.
        TooLong,
        /// The text holds NUL, a control character or a bidirectional override, or a line something that does not show.
        ForbiddenCharacter,
        /// The value is not written as its kind demands.
        Malformed,
        /// The identifier is not one of this kind of thing.
        InvalidId,
        /// No ISO 3166-1 alpha-2 country has this code.
        UnknownCountry,
        /// No zone of the IANA database has this name.
        UnknownTimeZone,
        /// The number is outside its limits.
        OutOfRange,
        /// A date or instant comes before the one it must follow.
        DatesOutOfOrder,
        /// Another record has this value, and it must be unique.
        Taken,
        /// Somebody else changed the record since it was read.
        StaleVersion,
        /// The record's state does not allow this step.
        IllegalTransition,
        /// The step needs a reason.
        ReasonRequired,
        /// It stands in the list already.
        Repeated,
        /// The edition does not take applications now.
        EnrolmentClosed,
        /// The person has an enrolment in this edition already.
        AlreadyEnrolled,
        /// Every seat is taken.
        EditionFull,
        /// The person has not yet stated gender, country, institution and group.
        DeclarationRequired,
        /// The cut-off has passed.
        DeadlinePassed,
        /// There is nothing to hand in.
        EmptySubmission,
        /// The submission has no assessment yet.
        NotAssessed,
        /// A score names an unknown criterion, misses one, or names a level that the criterion lacks.
        RubricMismatch,
        /// The enrolment is not one of this edition, or not an admitted one.
        NotAdmitted,
        /// The enrolment belongs to another team of the edition.
        AlreadyInTeam,
        /// Nobody decides on their own enrolment, assesses the work of a team of which they are a member, or endorses
        /// whom they nominated.
        OwnWork,
        /// The person holds this role in this scope already, or is allocated already.
        AlreadyGranted,
        /// Nobody grants a role that is not below their own.
        RoleNotGrantable,
        /// The password is among the common ones, or is made of the person's own names.
        WeakPassword,
        /// E-mail address and password do not belong together, or the account cannot sign in.
        InvalidCredentials,
        /// The token is unknown, used or out of date.
        InvalidToken,
        /// The code is not one of the second factor or of the recovery list, or was used before.
        InvalidCode,
        /// There are as many of these as there may be.
        LimitReached,
        /// The identity provider does not vouch for the address, or says none.
        AddressNotVerified,
        /// Without it nobody could sign in to the account.
        LastWayIn,
        /// The session is not fresh: sign in again, and come back.
        SignInAgain,
        /// There is an open invitation of this address to this already.
        AlreadyInvited,
        /// The last message left too shortly before.
        TooSoon,
        /// The invitation went to another address than the account has.
        OtherAddress,
        /// The address has an account already: sign in to it.
        AccountExists,
        /// No seat is offered, or the time for it ran out.
        NoOffer,
        /// Nobody decided on the enrolment, or something followed from the decision.
        NotUndoable,
        /// The file is no table that can be read.
        Unreadable,
        /// The file is not in an encoding of Unicode that can be told.
        WrongEncoding,
        /// Letters were lost, or read in a wrong encoding, before the file was written.
        Garbled,
        /// No column has this name.
        UnknownColumn,
        /// The line has another number of cells than the first one.
        WrongWidth,
        /// It is none of the words that are known.
        UnknownWord,
        /// The register has no such institution, or several.
        NotRegistered,
        /// A file does not do this.
        NotByFile,
        /// You coordinate no edition with this code.
        NotCoordinated,
        /// The enrolment has ended, and a file brings nobody back.
        LeftBefore,
    }
}

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
    }
}
