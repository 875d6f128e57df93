//! Accounts: registering, confirming the address, passwords, the profile and what people declare.
//!
//! Answers never tell whether an address has an account; only its mailbox does.

use chrono::TimeDelta;

use crate::app::App;
use crate::auth::password::Password;
use crate::auth::token::{self, Kind};
use crate::clock::Clock;
use crate::domain::actor::{Actor, Grant, Role, Scope};
use crate::domain::id::{DeclarationId, InstitutionId, PersonId, RoleAssignmentId};
use crate::domain::language::Language;
use crate::domain::person::{ConstituentGroup, Gender};
use crate::domain::policy::{self, Action, Relation};
use crate::domain::text::{Country, Email, Name, parse_time_zone};
use crate::error::{Code, Error, Faults, Result};
use crate::service::session::ending;
use crate::store::account_request::Wish;
use crate::store::person::Profile;
use crate::store::registration::Entered;
use crate::store::{Tx, audit, declaration, institution, person, registration, role};

pub mod address;
pub mod asked;
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
/// same for an address that has an account: its owner is told by mail. Of an address that nobody has confirmed each
/// registration gets a link of its own, which confirms what was entered with it and nothing else.
pub async fn register(app: &App, registration: &Registration) -> Result<()> {
    app.db.rest().await;
    let hash = app.passwords.hash(&registration.password).await?;
    let hours = i64::try_from(app.settings.auth.confirm_hours).map_err(Error::internal)?;
    let wish = Wish::Register(Entered::new(&registration.profile, hash));
    asked::keep(app, registration.email.as_ref(), &wish, TimeDelta::hours(hours)).await
}

/// The word of an identity provider or a table of people made the account, and nobody has come for it: whoever
/// registers may be the first. Who is enrolled or holds a role is known by that.
async fn is_unclaimed(tx: &Tx, row: &person::Model) -> Result<bool> {
    let nobody_came = row.email_confirmed_at.is_none() && row.disabled_at.is_none() && row.password_hash.is_none();
    Ok(nobody_came && person::is_bare(tx, row.id).await?)
}

/// Somebody registered by themself and never confirmed; whoever an import or a table brought in has no password.
pub(super) fn is_pending(row: &person::Model) -> bool {
    row.email_confirmed_at.is_none() && row.disabled_at.is_none() && row.password_hash.is_some()
}

/// The row of a new account, whose address is yet to be confirmed.
pub(super) async fn new_person(clock: &Clock, tx: &Tx, email: &str, entered: &Entered) -> Result<person::Model> {
    Ok(person::Model {
        id: PersonId(clock.new_id()),
        number: person::next_number(tx).await?,
        email: email.to_owned(),
        given_name: entered.given_name.clone(),
        family_name: entered.family_name.clone(),
        language: entered.language,
        time_zone: entered.time_zone.clone(),
        password_hash: Some(entered.password_hash.clone()),
        email_confirmed_at: None,
        disabled_at: None,
        created_at: clock.now(),
        version: 1,
    })
}

fn invalid_token() -> Error {
    Error::at("token", Code::InvalidToken)
}

/// Confirms the address to which the token was sent, with the names and the password of the registration for which it
/// was; the person can then sign in. Other registrations of the address, and identities that wait for the owner's word,
/// wait no more.
///
/// # Errors
/// [`Code::InvalidToken`] for one that is unknown, used or out of date, and when the address was confirmed in another
/// way, or somebody enrolled the person meanwhile, who then resets the password; of several who use one at once one
/// succeeds.
pub async fn confirm_email(app: &App, token: &str) -> Result<()> {
    let hash = token::digest(Kind::OneTime, token).ok_or_else(invalid_token)?;
    let now = app.clock.now();
    let found = registration::find_live(app.db.read(), &hash, now).await?;
    let id = found.ok_or_else(invalid_token)?.person_id;
    let tx = app.db.write().await?;
    let account = person::lock_alone(&tx, id).await?.ok_or_else(invalid_token)?;
    // Whoever was enrolled since, or given a role, is known by that: what a stranger entered does not get in with it.
    if !is_pending(&account) && !is_unclaimed(&tx, &account).await? {
        return Err(invalid_token());
    }
    // Read again: while this waited for the account, the token may have been used.
    let registered = registration::find_live(&tx, &hash, now).await?;
    person::set_registered(&tx, &registered.ok_or_else(invalid_token)?, now).await?;
    ending::of_everything(&tx, id, None, now).await?;
    note(app, &tx, id, "address confirmed").await?;
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
/// [`Error::NotFound`] for an unknown institution, and for what somebody else proposed, [`Error::Unauthenticated`] for
/// nobody.
pub async fn declare(app: &App, actor: &Actor, statement: Statement) -> Result<declaration::Model> {
    policy::demand(actor, Action::ManageAccount, Relation::OWN, None)?;
    let person_id = actor.signed_in()?;
    let tx = app.db.write().await?;
    // What they proposed may be refused meanwhile, which holds them as well.
    person::lock(&tx, person_id).await?.ok_or(Error::Unauthenticated)?;
    let row = keep_statement(app, &tx, person_id, statement, "input.institutionId").await?;
    tx.commit().await?;
    Ok(row)
}

/// Keeps what a person states about themself; `at` is where the input names the institution.
///
/// # Errors
/// [`Error::NotFound`] for an unknown institution, and for what somebody else proposed.
pub(super) async fn keep_statement(
    app: &App,
    tx: &Tx,
    person_id: PersonId,
    statement: Statement,
    at: &'static str,
) -> Result<declaration::Model> {
    let institution_id = match statement.institution {
        None => None,
        Some(id) => {
            let row = institution::resolve(tx, id).await?;
            let shown = row.filter(|row| row.is_shown_to(Some(person_id)));
            Some(shown.ok_or(Error::NotFound(at))?.id)
        }
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
/// An account that exists keeps its names and gets the password; all its sessions and API tokens end, and so do links
/// that were mailed and whatever waits to be confirmed. The address counts as confirmed. Nothing is mailed.
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
            let entered = Entered::new(&registration.profile, hash);
            let new = new_person(&app.clock, &tx, registration.email.as_ref(), &entered).await?;
            person::insert(&tx, new).await?.id
        }
        Some(row) => {
            person::lock(&tx, row.id).await?;
            person::set_password(&tx, row.id, hash).await?;
            person::set_disabled(&tx, row.id, None).await?;
            ending::of_everything(&tx, row.id, None, now).await?;
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
