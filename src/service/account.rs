//! Accounts: registering, confirming the address, passwords, the profile and what people declare.
//!
//! Answers never tell whether an address has an account; only its mailbox does.

use chrono::{DateTime, TimeDelta, Utc};

use crate::app::App;
use crate::auth::password::Password;
use crate::auth::token::{self, Kind};
use crate::domain::actor::{Actor, Grant, Role, Scope};
use crate::domain::id::{DeclarationId, InstitutionId, PersonId, RoleAssignmentId};
use crate::domain::language::Language;
use crate::domain::notice::Notice;
use crate::domain::person::{ConstituentGroup, Gender};
use crate::domain::policy::{self, Action, Relation};
use crate::domain::text::{Country, Email, Name, parse_time_zone};
use crate::error::{Code, Error, Faults, Result};
use crate::service::session::ending;
use crate::store::person::Profile;
use crate::store::token::Purpose;
use crate::store::{Tx, audit, declaration, identity_claim, institution, outbox, person, role, token as account_token};

pub mod address;
pub mod password;
pub mod state;
#[cfg(test)]
pub(crate) mod tests;

pub use password::{change_password, request_password_reset, reset_password};

/// What somebody registers with.
#[derive(Debug, Clone)]
pub struct Registration {
    email: Email,
    profile: Profile,
    password: Password,
}

/// A registration as it comes in.
#[derive(Debug, Clone, Copy)]
pub struct RegistrationText<'a> {
    /// E-mail address.
    pub email: &'a str,
    /// Given name.
    pub given_name: &'a str,
    /// Family name.
    pub family_name: &'a str,
    /// The language of messages.
    pub language: Language,
    /// An IANA zone.
    pub time_zone: &'a str,
    /// The password, byte for byte.
    pub password: &'a str,
}

impl Registration {
    /// Reads all of it, so that its sender learns everything that is wrong at once.
    pub fn parse(text: &RegistrationText<'_>) -> Result<Self> {
        let mut faults = Faults::default();
        let email = faults.take("email", Email::parse(text.email));
        let profile = read_profile(
            &mut faults,
            text.given_name,
            text.family_name,
            text.language,
            text.time_zone,
        );
        let about = [text.given_name, text.family_name, text.email];
        let password = faults.take("password", Password::parse(text.password, &about));
        match (email, profile, password) {
            (Some(email), Some(profile), Some(password)) => Ok(Self {
                email,
                profile,
                password,
            }),
            _ => Err(faults.into()),
        }
    }
}

impl Registration {
    /// The registration of somebody whose address is known.
    pub(super) const fn of(email: Email, profile: Profile, password: Password) -> Self {
        Self {
            email,
            profile,
            password,
        }
    }
}

/// Reads a profile, keeping what is wrong with it under the names of the API.
pub fn read_profile(
    faults: &mut Faults,
    given_name: &str,
    family_name: &str,
    language: Language,
    time_zone: &str,
) -> Option<Profile> {
    let given_name = faults.take("givenName", Name::parse(given_name));
    let family_name = faults.take("familyName", Name::parse(family_name));
    let time_zone = faults.take("timeZone", parse_time_zone(time_zone));
    Some(Profile {
        given_name: given_name?,
        family_name: family_name?,
        language,
        time_zone: time_zone?,
    })
}

/// Registers a person, who has to confirm the address before signing in. The answer and the work are the
/// same for an address that has an account: its owner is told by mail. An account that was never confirmed keeps the
/// name and password of its first registration and gets a new link; one that an identity provider made gets them from it.
pub async fn register(app: &App, registration: &Registration) -> Result<()> {
    app.db.rest().await;
    let hash = app.passwords.hash(&registration.password).await?;
    let tx = app.db.write().await?;
    person::lock_register(&tx).await?;
    match person::find_by_email(&tx, &registration.email).await? {
        None => {
            let row = person::insert(&tx, new_person(app, &tx, registration, hash).await?).await?;
            send_confirmation(app, &tx, row.id).await?;
        }
        Some(row) => register_again(app, &tx, &row, registration, hash).await?,
    }
    tx.commit().await?;
    app.outbox.notify_one();
    Ok(())
}

/// Deals with a registration for an address that has an account. The caller holds the register.
async fn register_again(
    app: &App,
    tx: &Tx,
    known: &person::Model,
    registration: &Registration,
    hash: String,
) -> Result<()> {
    let row = person::lock(tx, known.id).await?;
    let row = row.ok_or_else(|| Error::internal("a person who was there is gone"))?;
    if is_pending(&row) {
        // Whoever registered first keeps name and password: a stranger's must not be what the owner confirms.
        return send_confirmation(app, tx, row.id).await;
    }
    if is_unclaimed(tx, &row).await? {
        person::set_profile(tx, &row, row.version, &registration.profile).await?;
        person::set_password(tx, row.id, hash).await?;
        return send_confirmation(app, tx, row.id).await;
    }
    outbox::enqueue(tx, &app.clock, row.id, &Notice::AlreadyRegistered).await?;
    Ok(())
}

/// The word of an identity provider made the account, and nobody has come for it: whoever registers may be the first. An
/// imported person is known by what was imported.
async fn is_unclaimed(tx: &Tx, row: &person::Model) -> Result<bool> {
    let nobody_came = row.email_confirmed_at.is_none() && row.disabled_at.is_none() && row.password_hash.is_none();
    Ok(nobody_came && person::is_bare(tx, row.id).await?)
}

/// Somebody registered by themself and never confirmed; an imported person has no password.
pub(super) fn is_pending(row: &person::Model) -> bool {
    row.email_confirmed_at.is_none() && row.disabled_at.is_none() && row.password_hash.is_some()
}

/// The row of a new account, whose address is yet to be confirmed.
pub(super) async fn new_person(app: &App, tx: &Tx, registration: &Registration, hash: String) -> Result<person::Model> {
    let profile = &registration.profile;
    Ok(person::Model {
        id: PersonId(app.clock.new_id()),
        number: person::next_number(tx).await?,
        email: registration.email.as_ref().to_owned(),
        given_name: profile.given_name.as_ref().to_owned(),
        family_name: profile.family_name.as_ref().to_owned(),
        language: profile.language,
        time_zone: profile.time_zone.name().to_owned(),
        password_hash: Some(hash),
        email_confirmed_at: None,
        disabled_at: None,
        created_at: app.clock.now(),
        version: 1,
    })
}

async fn send_confirmation(app: &App, tx: &Tx, person: PersonId) -> Result<()> {
    let hours = i64::try_from(app.settings.auth.confirm_hours).map_err(Error::internal)?;
    let expires_at = app.clock.now() + TimeDelta::hours(hours);
    let token = issue(app, tx, person, Purpose::ConfirmEmail, expires_at).await?;
    outbox::enqueue(tx, &app.clock, person, &Notice::ConfirmAddress { token, expires_at }).await?;
    Ok(())
}

/// Makes a one-time token; earlier ones of the same purpose die.
async fn issue(app: &App, tx: &Tx, person: PersonId, purpose: Purpose, expires_at: DateTime<Utc>) -> Result<String> {
    let token = token::draw(Kind::OneTime)?;
    let row = account_token::Model {
        hash: token::digest(Kind::OneTime, &token).ok_or_else(|| Error::internal("a drawn token has no digest"))?,
        person_id: person,
        purpose,
        issued_at: app.clock.now(),
        expires_at,
        used_at: None,
    };
    account_token::replace(tx, row).await?;
    Ok(token)
}

fn invalid_token() -> Error {
    Error::at("token", Code::InvalidToken)
}

/// Confirms the address to which the token was sent; the person can then sign in. Identities that wait for the owner's
/// word wait no more.
///
/// # Errors
/// [`Code::InvalidToken`] for one that is unknown, used, replaced or out of date.
pub async fn confirm_email(app: &App, token: &str) -> Result<()> {
    let hash = token::digest(Kind::OneTime, token).ok_or_else(invalid_token)?;
    let now = app.clock.now();
    let tx = app.db.write().await?;
    let person = account_token::redeem(&tx, &hash, Purpose::ConfirmEmail, now)
        .await?
        .ok_or_else(invalid_token)?;
    person::set_confirmed(&tx, person, now).await?;
    identity_claim::retire(&tx, person, now).await?;
    note(app, &tx, person, "address confirmed").await?;
    tx.commit().await?;
    Ok(())
}

/// Keeps what people do to their own account in the audit log.
pub(super) async fn note(app: &App, tx: &Tx, person: PersonId, what: &str) -> Result<()> {
    let subjects = [person.into()];
    audit::record(
        tx,
        &app.clock,
        Some(person),
        Action::ManageAccount,
        &subjects,
        Some(what),
    )
    .await
}

/// Changes the actor's own names, language and zone.
///
/// # Errors
/// [`Code::StaleVersion`] when it was changed since `version`, [`Error::Unauthenticated`] for nobody.
pub async fn update_profile(app: &App, actor: &Actor, version: i64, profile: &Profile) -> Result<person::Model> {
    policy::demand(actor, Action::ManageAccount, Relation::OWN, None)?;
    let id = actor.signed_in()?;
    let tx = app.db.write().await?;
    let row = person::lock(&tx, id).await?.ok_or(Error::Unauthenticated)?;
    let row = person::set_profile(&tx, &row, version, profile).await?;
    note(app, &tx, id, "profile changed").await?;
    tx.commit().await?;
    Ok(row)
}

/// What a person says of themself.
#[derive(Debug, Clone)]
pub struct Statement {
    /// Gender.
    pub gender: Gender,
    /// Country, `None` for not stated.
    pub country: Option<Country>,
    /// Institution, `None` for not stated; one that was merged means the one into which it was.
    pub institution: Option<InstitutionId>,
    /// Constituent group.
    pub constituent_group: ConstituentGroup,
}

/// Keeps what the actor states about themself from now on; enrolments keep what they were confirmed with.
///
/// # Errors
/// [`Error::NotFound`] for an unknown institution, [`Error::Unauthenticated`] for nobody.
pub async fn declare(app: &App, actor: &Actor, statement: Statement) -> Result<declaration::Model> {
    policy::demand(actor, Action::ManageAccount, Relation::OWN, None)?;
    let person_id = actor.signed_in()?;
    let tx = app.db.write().await?;
    let row = keep_statement(app, &tx, person_id, statement, "input.institutionId").await?;
    tx.commit().await?;
    Ok(row)
}

/// Keeps what a person states about themself; `at` is where the input names the institution.
///
/// # Errors
/// [`Error::NotFound`] for an unknown institution.
pub(super) async fn keep_statement(
    app: &App,
    tx: &Tx,
    person_id: PersonId,
    statement: Statement,
    at: &'static str,
) -> Result<declaration::Model> {
    let institution_id = match statement.institution {
        None => None,
        Some(id) => Some(institution::resolve(tx, id).await?.ok_or(Error::NotFound(at))?.id),
    };
    let row = declaration::Model {
        id: DeclarationId(app.clock.new_id()),
        person_id,
        stated_at: app.clock.now(),
        gender: statement.gender,
        country: statement.country.map(|country| country.as_ref().to_owned()),
        institution_id,
        constituent_group: statement.constituent_group,
    };
    let row = declaration::insert(tx, row).await?;
    note(app, tx, person_id, "declaration stated").await?;
    Ok(row)
}

/// Makes the person with this address the first administrator, for the command line of the machine itself.
///
/// An account that exists keeps its names and gets the password; all its sessions and API tokens end. The address counts
/// as confirmed. Nothing is mailed.
///
/// # Errors
/// [`Code::AlreadyGranted`] as long as somebody who can sign in is administrator: they grant the role to others.
pub async fn create_administrator(app: &App, registration: &Registration) -> Result<PersonId> {
    app.db.rest().await;
    let hash = app.passwords.hash(&registration.password).await?;
    let tx = app.db.write().await?;
    let now = app.clock.now();
    person::lock_register(&tx).await?;
    if role::anybody_holds(&tx, Role::Administrator, now).await? {
        return Err(Error::at("role", Code::AlreadyGranted));
    }
    let id = match person::find_by_email(&tx, &registration.email).await? {
        None => {
            person::insert(&tx, new_person(app, &tx, registration, hash).await?)
                .await?
                .id
        }
        Some(row) => {
            person::set_password(&tx, row.id, hash).await?;
            person::set_disabled(&tx, row.id, None).await?;
            ending::of_everything(&tx, row.id, None, now).await?;
            identity_claim::retire(&tx, row.id, now).await?;
            row.id
        }
    };
    person::set_confirmed(&tx, id, now).await?;
    let grant = Grant {
        role: Role::Administrator,
        scope: Scope::System,
    };
    if role::find_held(&tx, id, grant, now).await?.is_none() {
        let row = role::new_row(RoleAssignmentId(app.clock.new_id()), id, grant, now, None);
        role::insert(&tx, row).await?;
    }
    let reason = Some("created on the command line");
    audit::record(&tx, &app.clock, None, Action::GrantRole, &[id.into()], reason).await?;
    tx.commit().await?;
    Ok(id)
}
