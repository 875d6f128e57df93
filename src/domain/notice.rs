//! Everything that is announced to a person by a message, with what the message has to say.
//!
//! A notice is written to the outbox in the transaction of the change that it announces; it carries
//! what the message needs, so that sending it later reads nothing that may have changed since.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::digest::News;
use super::language::Localized;

mod about;
mod delivery;
mod kind;
mod name;
pub mod samples;

pub use about::{AboutEdition, AboutWork, Days, Guest};
pub use kind::{MailKind, Preferences};

/// What is announced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "notice", rename_all = "snake_case")]
pub enum Notice {
    /// Somebody registered with this address: confirm it with the token.
    ConfirmAddress {
        /// Who they say they are. The account may have other names: of several who register, each is written to by
        /// theirs.
        #[serde(default)]
        guest: Option<Guest>,
        /// The one-time token; forgotten once the message is sent.
        token: String,
        /// Until when it works.
        expires_at: DateTime<Utc>,
    },
    /// Somebody registered with an address that has an account already.
    AlreadyRegistered,
    /// Somebody asked to reset the password of an account whose address nobody has confirmed: register once more.
    AddressNotConfirmed,
    /// Somebody asked for this address for their account, but it is the one of this account already.
    AddressTaken,
    /// Somebody asked to reset the password.
    ResetPassword {
        /// The one-time token; forgotten once the message is sent.
        token: String,
        /// Until when it works.
        expires_at: DateTime<Utc>,
    },
    /// The password was changed.
    PasswordChanged {
        /// When.
        at: DateTime<Utc>,
    },
    /// A refresh token came again after it was used: the session was ended.
    SessionCopied {
        /// When.
        at: DateTime<Utc>,
    },
    /// A second factor was added to the account.
    SecondFactorAdded {
        /// When.
        at: DateTime<Utc>,
    },
    /// The second factor was removed from the account.
    SecondFactorRemoved {
        /// When.
        at: DateTime<Utc>,
    },
    /// There is a new list of recovery codes.
    RecoveryCodesRenewed {
        /// When.
        at: DateTime<Utc>,
    },
    /// An API token was made for the account.
    ApiTokenCreated {
        /// What its owner calls it.
        name: String,
        /// When.
        at: DateTime<Utc>,
        /// Until when it works.
        expires_at: DateTime<Utc>,
    },
    /// An API token ends soon.
    ApiTokenExpiring {
        /// What its owner calls it.
        name: String,
        /// Until when it works.
        expires_at: DateTime<Utc>,
    },
    /// The account is to get this address: confirm it with the token, which goes there.
    ConfirmNewAddress {
        /// The new address.
        address: String,
        /// The one-time token; forgotten once the message is sent.
        token: String,
        /// Until when it works.
        expires_at: DateTime<Utc>,
    },
    /// The account has another address; this goes to the one that it had.
    AddressChanged {
        /// The address that it had.
        address: String,
        /// When.
        at: DateTime<Utc>,
    },
    /// Somebody signed in at an identity provider with this address: confirm that it is the owner with the token.
    ConfirmIdentity {
        /// The provider's name per language.
        provider: Localized,
        /// When.
        at: DateTime<Utc>,
        /// The one-time token; forgotten once the message is sent.
        token: String,
        /// Until when it works.
        expires_at: DateTime<Utc>,
    },
    /// An identity was linked to the account.
    IdentityLinked {
        /// The provider's name per language.
        provider: Localized,
        /// When.
        at: DateTime<Utc>,
        /// Whether the account lost a password that nobody had confirmed.
        password_forgotten: bool,
    },
    /// The link to an identity was ended.
    IdentityUnlinked {
        /// The provider's name per language.
        provider: Localized,
        /// When.
        at: DateTime<Utc>,
    },
    /// The account was disabled.
    AccountDisabled {
        /// Why.
        reason: String,
    },
    /// The account can be used again.
    AccountEnabled,
    /// Somebody is invited to take part in an edition.
    InvitedToEdition {
        /// Whom.
        guest: Guest,
        /// The name of who invites.
        inviter: String,
        /// To which edition.
        edition: AboutEdition,
        /// The one-time token; forgotten once the message is sent.
        token: String,
        /// Until when it works.
        expires_at: DateTime<Utc>,
    },
    /// Somebody is invited to hold a role.
    InvitedToRole {
        /// Whom.
        guest: Guest,
        /// The name of who invites.
        inviter: String,
        /// The word of the role.
        role: String,
        /// What it is held in, such as an edition's title; `None` for everywhere.
        place: Option<Localized>,
        /// The one-time token; forgotten once the message is sent.
        token: String,
        /// Until when it works.
        expires_at: DateTime<Utc>,
    },
    /// An institution names somebody for an edition.
    Nominated {
        /// Whom.
        guest: Guest,
        /// The institution.
        institution: String,
        /// The name of who nominates for it.
        inviter: String,
        /// For which edition.
        edition: AboutEdition,
        /// The one-time token; forgotten once the message is sent.
        token: String,
        /// Until when it works.
        expires_at: DateTime<Utc>,
        /// Whether they were told before; the token of then is dead.
        reminder: bool,
    },
    /// An institution took a nomination back, or named somebody else.
    NominationWithdrawn {
        /// Who was nominated.
        guest: Guest,
        /// The institution.
        institution: String,
        /// For which edition.
        edition: AboutEdition,
    },
    /// Somebody is nominated, and a second person of the institution has to endorse it. For its other focal points.
    EndorsementAsked {
        /// For which edition.
        edition: AboutEdition,
        /// The institution.
        institution: String,
        /// The name of who nominates for it.
        inviter: String,
        /// The name of whom they nominate.
        nominee: String,
    },
    /// A nomination was endorsed or taken back by a colleague, the nominee answered, or somebody did not in time. For
    /// who nominated them.
    NominationAnswered {
        /// For which edition.
        edition: AboutEdition,
        /// The name that they were nominated with.
        nominee: String,
        /// The word of the state that the nomination entered; `not_endorsed` where it expired without having been
        /// endorsed.
        outcome: String,
        /// Why not, where they said so.
        reason: Option<String>,
    },
    /// An application arrived and will be looked at.
    ApplicationReceived {
        /// To which edition.
        edition: AboutEdition,
        /// Whether the edition requires consent that the person did not give, since somebody else brought them in.
        #[serde(default)]
        asks_consent: bool,
    },
    /// The person is admitted.
    EnrolmentConfirmed {
        /// To which edition.
        edition: AboutEdition,
        /// Whether the edition requires consent that the person did not give, since somebody else brought them in.
        #[serde(default)]
        asks_consent: bool,
    },
    /// The person waits for a seat.
    EnrolmentWaitlisted {
        /// Of which edition.
        edition: AboutEdition,
        /// Whether the edition requires consent that the person did not give, since somebody else brought them in.
        #[serde(default)]
        asks_consent: bool,
    },
    /// What the person's enrolment is counted with was put right.
    SnapshotCorrected {
        /// In which edition.
        edition: AboutEdition,
        /// Why.
        reason: String,
    },
    /// An institution that the person proposed stands in the register.
    ProposalSettled {
        /// What they called it.
        proposed: String,
        /// What it is called there.
        registered: String,
    },
    /// An institution that the person proposed was not taken into the register.
    ProposalRefused {
        /// What they called it.
        proposed: String,
        /// Why.
        reason: String,
    },
    /// A seat is offered to a person who waited for one.
    SeatOffered {
        /// Of which edition.
        edition: AboutEdition,
        /// Until when it is held for them.
        until: DateTime<Utc>,
    },
    /// A seat that was offered was not accepted in time.
    SeatOfferExpired {
        /// Of which edition.
        edition: AboutEdition,
    },
    /// The person is not admitted.
    EnrolmentRejected {
        /// To which edition.
        edition: AboutEdition,
        /// Why.
        reason: String,
    },
    /// The application ended before anybody decided on it, or waited in vain.
    ApplicationEnded {
        /// Which edition.
        edition: AboutEdition,
        /// Why, where somebody else decided it.
        reason: Option<String>,
    },
    /// The person gave up their seat, or was excluded.
    EnrolmentEnded {
        /// Which edition.
        edition: AboutEdition,
        /// Why, where somebody else decided it.
        reason: Option<String>,
    },
    /// A decision on the person's application was a mistake, and is taken back.
    DecisionUndone {
        /// Which edition.
        edition: AboutEdition,
        /// The word of the state in which the enrolment stands again.
        state: String,
        /// Why.
        reason: String,
    },
    /// The enrolment goes on in another edition.
    EnrolmentTransferred {
        /// The edition in which it goes on.
        edition: AboutEdition,
        /// The edition that it left.
        from: AboutEdition,
        /// The word of the state in which it begins there.
        state: String,
        /// Why.
        reason: String,
        /// Whether the edition requires consent that the person did not give, since somebody else brought them in.
        #[serde(default)]
        asks_consent: bool,
    },
    /// The edition will not take place.
    EditionCancelled {
        /// Which edition.
        edition: AboutEdition,
        /// Why.
        reason: String,
    },
    /// The edition takes place on other days.
    EditionRescheduled {
        /// Which edition, with its days as they now are.
        edition: AboutEdition,
        /// The days before.
        before: Days,
    },
    /// The edition did not begin by itself: fewer people than it needs have a seat. For its coordinators.
    MinimumNotReached {
        /// Which edition.
        edition: AboutEdition,
        /// How many have a seat.
        confirmed: i64,
        /// How many it needs.
        minimum: i64,
    },
    /// An invitation ended because its edition will not take place.
    InvitationEnded {
        /// Who was invited.
        guest: Guest,
        /// To which edition.
        edition: AboutEdition,
        /// Why.
        reason: String,
    },
    /// The work came back with comments.
    RevisionRequested {
        /// Which work.
        work: AboutWork,
        /// What the tutor says.
        comment: String,
    },
    /// The grade of the work is released.
    GradeReleased {
        /// Which work.
        work: AboutWork,
        /// Thousandths of a point out of 100.
        grade: i64,
        /// What the tutor says.
        comment: String,
    },
    /// The outcome of the enrolment was decided.
    CompletionDecided {
        /// Which edition.
        edition: AboutEdition,
        /// Whether it is completed.
        completed: bool,
        /// The weighted grade, thousandths of a point out of 100.
        grade: i64,
    },
    /// What is new for somebody who looks after editions or teams.
    Digest {
        /// What it says.
        news: News,
    },
}
