//! The codes of what a sender can put right. A code never changes its meaning.

/// Hands every code, with what it means, to a macro that makes an enum of them: here [`Code`], and the one that clients
/// see in `api/enums/code.rs`. In front of the codes goes what that macro wants there.
macro_rules! codes {
    ($make:ident $($before:tt)*) => { $make! { $($before)* {
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
        /// Messages of this kind are always sent.
        AlwaysSent,
        /// Nobody decided on the enrolment, or something followed from the decision.
        NotUndoable,
        /// The file is no table that can be read.
        Unreadable,
        /// The file has no line with the names of its columns.
        NoColumns,
        /// A quote begins that is never closed.
        OpenQuote,
        /// The file has more rows, or enrolments in them, than it may have.
        TooManyRows,
        /// The line has more cells than there may be columns.
        TooManyColumns,
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
        /// The form has no such question, choice, purpose or language, or wants another kind of answer.
        FormMismatch,
        /// Nobody takes part without consenting to this.
        ConsentRequired,
    }}};
}

macro_rules! plain {
    ($(#[$doc:meta])* $name:ident { $($(#[$code_doc:meta])* $code:ident,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
        pub enum $name {
            $($(#[$code_doc])* $code,)*
        }

        impl $name {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$code),*];
        }
    };
}

pub(crate) use codes;

codes! {
    plain
    /// What is wrong with an input that its sender can put right. The list is part of the API.
    Code
}
