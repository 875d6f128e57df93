//! The second factor of one's own account: adding one in two steps, removing it, new recovery codes.

use chrono::{DateTime, Utc};

use super::account;
use super::session::{ending, proof};
use crate::app::App;
use crate::auth::second_factor::{DeviceSecret, Given, RecoveryCode};
use crate::domain::actor::Actor;
use crate::domain::id::PersonId;
use crate::domain::notice::Notice;
use crate::domain::policy::{self, Action, Relation};
use crate::domain::text::Email;
use crate::error::{Code, Error, Result};
use crate::store::{Tx, audit, outbox, person, recovery_code, role, second_factor, session};

/// What a device has to learn.
#[derive(Debug, Clone)]
pub struct Enrolment {
    /// The secret in base 32, for typing.
    pub secret: String,
    /// The same as an `otpauth:` link, for a picture.
    pub uri: String,
}

/// How somebody's second factor stands.
#[derive(Debug, Clone)]
pub struct FactorState {
    /// Since when there is one; `None` for none.
    pub since: Option<DateTime<Utc>>,
    /// Whether a role of theirs needs one.
    pub required: bool,
    /// Whether roles wait until one is given.
    pub withheld: bool,
    /// How many recovery codes are left.
    pub recovery_codes: u64,
}

/// How the actor's own second factor stands, `None` for nobody.
pub async fn state(app: &App, actor: &Actor) -> Result<Option<FactorState>> {
    let Some(id) = actor.person else { return Ok(None) };
    policy::demand(actor, Action::ManageAccount, Relation::OWN, None)?;
    let connection = app.db.read();
    let factor = second_factor::find(connection, id).await?;
    let roles = role::of_person(connection, id, app.clock.now()).await?;
    Ok(Some(FactorState {
        since: factor.and_then(|factor| factor.confirmed_at),
        required: roles.iter().any(|row| app.factor_roles.contains(&row.role)),
        withheld: actor.withheld,
        recovery_codes: recovery_code::count(connection, id).await?,
    }))
}

/// Begins to add a second factor: a new secret for a device. It counts once [`confirm`] has brought a code of it.
///
/// # Errors
/// [`Code::IllegalTransition`] when there is one already, [`Error::Unauthenticated`] when nobody is signed in.
pub async fn begin(app: &App, actor: &Actor) -> Result<Enrolment> {
    policy::demand(actor, Action::ManageAccount, Relation::OWN, None)?;
    let id = actor.signed_in()?;
    let tx = app.db.write().await?;
    let owner = person::lock(&tx, id).await?.ok_or(Error::Unauthenticated)?;
    let before = second_factor::find(&tx, id).await?;
    if before.as_ref().is_some_and(|factor| factor.confirmed_at.is_some()) {
        return Err(Code::IllegalTransition.into());
    }
    let secret = DeviceSecret::draw()?;
    let row = second_factor::Model {
        person_id: id,
        secret: secret.seal(&app.vault, id)?,
        begun_at: app.clock.now(),
        confirmed_at: None,
        last_step: 0,
        // Beginning anew is no way around the block after too many wrong codes.
        failures: before.as_ref().map_or(0, |factor| factor.failures),
        blocked_until: before.and_then(|factor| factor.blocked_until),
    };
    second_factor::replace(&tx, row).await?;
    account::note(app, &tx, id, "second factor begun").await?;
    tx.commit().await?;
    Ok(Enrolment {
        secret: secret.text(),
        uri: secret.uri(&app.settings.auth.factor_issuer, &owner.email),
    })
}

/// Adds the second factor that was begun, by the password and a code of the device. The other sessions and API tokens
/// end; in this one the factor counts as given. Gives the recovery codes, which are shown this once.
///
/// # Errors
/// Those of `proof::check_owner`, [`Code::InvalidCode`] for a wrong code,
/// [`Code::IllegalTransition`] when none was begun or there is one already.
pub async fn confirm(app: &App, actor: &Actor, password: Option<&str>, code: &str) -> Result<Vec<String>> {
    policy::demand(actor, Action::ManageAccount, Relation::OWN, None)?;
    let id = actor.signed_in()?;
    let checked = proof::check_owner(app, actor, "password", password).await?;
    let tx = app.db.write().await?;
    proof::unchanged(&tx, &checked, "password").await?;
    let begun = second_factor::find(&tx, id).await?;
    if begun.is_none_or(|factor| factor.confirmed_at.is_some()) {
        return Err(Code::IllegalTransition.into());
    }
    // Only the device proves that it learnt the secret.
    let of_device = matches!(Given::read(id, code), Some(Given::Device(_)));
    let code = if of_device { code } else { "" };
    if let Err(wrong) = proof::check_code(app, &tx, id, "code", code).await? {
        tx.commit().await?;
        return Err(wrong);
    }
    let now = app.clock.now();
    second_factor::set_confirmed(&tx, id, now).await?;
    let codes = renew_list(&tx, id, now).await?;
    settle(app, &tx, actor, Some(now), "second factor added").await?;
    outbox::enqueue(&tx, &app.clock, id, &Notice::SecondFactorAdded { at: now }).await?;
    tx.commit().await?;
    app.outbox.notify_one();
    Ok(codes)
}

/// Removes the second factor, by the password and a code. The other sessions and API tokens end. Roles that need one no
/// longer count until there is one again.
///
/// # Errors
/// Those of `proof::check_owner`, [`Code::InvalidCode`] for a wrong code,
/// [`Code::IllegalTransition`] when there is none.
pub async fn remove(app: &App, actor: &Actor, password: Option<&str>, code: &str) -> Result<()> {
    let (tx, id) = proven(app, actor, password, code).await?;
    let now = app.clock.now();
    forget(&tx, id).await?;
    settle(app, &tx, actor, None, "second factor removed").await?;
    outbox::enqueue(&tx, &app.clock, id, &Notice::SecondFactorRemoved { at: now }).await?;
    tx.commit().await?;
    app.outbox.notify_one();
    Ok(())
}

/// Makes a new list of recovery codes, by the password and a code; those of the list before no longer work.
///
/// # Errors
/// As [`remove`].
pub async fn renew_recovery_codes(app: &App, actor: &Actor, password: Option<&str>, code: &str) -> Result<Vec<String>> {
    let (tx, id) = proven(app, actor, password, code).await?;
    let now = app.clock.now();
    let codes = renew_list(&tx, id, now).await?;
    let reason = Some("recovery codes renewed");
    audit::record(&tx, &app.clock, Some(id), Action::ManageAccount, &[id.into()], reason).await?;
    outbox::enqueue(&tx, &app.clock, id, &Notice::RecoveryCodesRenewed { at: now }).await?;
    tx.commit().await?;
    app.outbox.notify_one();
    Ok(codes)
}

/// Removes the second factor of somebody who lost device and list, for the command line of the machine itself. Every
/// session and API token of theirs ends.
///
/// # Errors
/// [`Error::NotFound`] for an address without an account, [`Code::IllegalTransition`] when there is no factor.
pub async fn forget_as_operator(app: &App, email: &Email) -> Result<PersonId> {
    let tx = app.db.write().await?;
    let now = app.clock.now();
    let found = person::find_by_email(&tx, email).await?;
    let id = found.ok_or(Error::NotFound("email"))?.id;
    person::lock(&tx, id).await?;
    second_factor::lock(&tx, id).await?.ok_or(Code::IllegalTransition)?;
    forget(&tx, id).await?;
    ending::of_everything(&tx, id, None, now).await?;
    let reason = Some("second factor removed on the command line");
    audit::record(&tx, &app.clock, None, Action::ManageAccounts, &[id.into()], reason).await?;
    outbox::enqueue(&tx, &app.clock, id, &Notice::SecondFactorRemoved { at: now }).await?;
    tx.commit().await?;
    Ok(id)
}

/// The transaction in which the actor has proved password and code, and who it is.
async fn proven(app: &App, actor: &Actor, password: Option<&str>, code: &str) -> Result<(Tx, PersonId)> {
    policy::demand(actor, Action::ManageAccount, Relation::OWN, None)?;
    let id = actor.signed_in()?;
    let checked = proof::check_owner(app, actor, "password", password).await?;
    let tx = app.db.write().await?;
    proof::unchanged(&tx, &checked, "password").await?;
    let factor = second_factor::find(&tx, id).await?;
    if factor.is_none_or(|factor| factor.confirmed_at.is_none()) {
        return Err(Code::IllegalTransition.into());
    }
    match proof::check_code(app, &tx, id, "code", code).await? {
        Ok(()) => Ok((tx, id)),
        Err(wrong) => {
            tx.commit().await?;
            Err(wrong)
        }
    }
}

async fn forget(tx: &Tx, person: PersonId) -> Result<()> {
    second_factor::remove(tx, person).await?;
    recovery_code::remove(tx, person).await
}

async fn renew_list(tx: &Tx, person: PersonId, now: DateTime<Utc>) -> Result<Vec<String>> {
    let list = RecoveryCode::draw_list(person)?;
    let (texts, hashes) = list.into_iter().map(|code| (code.text, code.hash)).unzip();
    recovery_code::replace(tx, person, hashes, now).await?;
    Ok(texts)
}

/// Ends the other sessions, API tokens, the calendar link and what waits, and notes how this session stands to the
/// factor.
async fn settle(app: &App, tx: &Tx, actor: &Actor, given_at: Option<DateTime<Utc>>, reason: &str) -> Result<()> {
    let (id, now) = (actor.signed_in()?, app.clock.now());
    ending::of_everything(tx, id, actor.session, now).await?;
    if let Some(session) = actor.session {
        session::set_factor(tx, session, given_at).await?;
    }
    audit::record(
        tx,
        &app.clock,
        Some(id),
        Action::ManageAccount,
        &[id.into()],
        Some(reason),
    )
    .await
}
