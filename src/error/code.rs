//! The codes of what a sender can put right. A code never changes its meaning.

/// What is wrong with an input that its sender can put right. The list is part of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Code {
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
    /// Nobody decides on their own enrolment, assesses the work of a team of which they are a member, or endorses whom
    /// they nominated.
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
    /// The session is not fresh: whoever it is has to sign in again.
    SignInAgain,
    /// There is an open invitation of this address to this already.
    AlreadyInvited,
    /// The last message left too shortly before.
    TooSoon,
    /// The invitation went to another address than the account has.
    OtherAddress,
    /// The address has an account already, which has to be signed in to.
    AccountExists,
    /// No seat is offered, or the time for it ran out.
    NoOffer,
    /// The form has no such question, choice, purpose or language, or wants another kind of answer.
    FormMismatch,
    /// Nobody takes part without consenting to this.
    ConsentRequired,
    /// Messages of this kind are always sent.
    AlwaysSent,
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
    /// It is the code of no edition that the caller coordinates.
    NotCoordinated,
    /// The enrolment has ended, and a file brings nobody back.
    LeftBefore,
}

impl Code {
    /// Every code.
    pub const ALL: &'static [Self] = &[
        Self::Required,
        Self::TooShort,
        Self::TooLong,
        Self::ForbiddenCharacter,
        Self::Malformed,
        Self::InvalidId,
        Self::UnknownCountry,
        Self::UnknownTimeZone,
        Self::OutOfRange,
        Self::DatesOutOfOrder,
        Self::Taken,
        Self::StaleVersion,
        Self::IllegalTransition,
        Self::ReasonRequired,
        Self::Repeated,
        Self::EnrolmentClosed,
        Self::AlreadyEnrolled,
        Self::EditionFull,
        Self::DeclarationRequired,
        Self::DeadlinePassed,
        Self::EmptySubmission,
        Self::NotAssessed,
        Self::RubricMismatch,
        Self::NotAdmitted,
        Self::AlreadyInTeam,
        Self::OwnWork,
        Self::AlreadyGranted,
        Self::RoleNotGrantable,
        Self::WeakPassword,
        Self::InvalidCredentials,
        Self::InvalidToken,
        Self::InvalidCode,
        Self::LimitReached,
        Self::AddressNotVerified,
        Self::LastWayIn,
        Self::SignInAgain,
        Self::AlreadyInvited,
        Self::TooSoon,
        Self::OtherAddress,
        Self::AccountExists,
        Self::NoOffer,
        Self::FormMismatch,
        Self::ConsentRequired,
        Self::AlwaysSent,
        Self::NotUndoable,
        Self::Unreadable,
        Self::WrongEncoding,
        Self::Garbled,
        Self::UnknownColumn,
        Self::WrongWidth,
        Self::UnknownWord,
        Self::NotRegistered,
        Self::NotByFile,
        Self::NotCoordinated,
        Self::LeftBefore,
    ];
}
