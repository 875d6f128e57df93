//! The proofs that a person gives again for what matters: the password, and a code where there is a second factor.

use chrono::TimeDelta;

use crate::app::App;
use crate::auth::second_factor::{DeviceSecret, Given};
use crate::domain::actor::Actor;
use crate::domain::id::PersonId;
use crate::domain::policy::Action;
use crate::error::{Code, Error, Result};
use crate::store::{Tx, audit, person, recovery_code, second_factor, session};

/// After so many wrong codes in a row, and every so many more, no code is taken for a while.
const WRONG_CODES: i64 = 10;
/// How long that is.
const BLOCK: TimeDelta = TimeDelta::minutes(15);
/// How long ago a session may have begun that is the proof of its owner.
const FRESH: TimeDelta = TimeDelta::minutes(10);

/// Checks that it is the owner who asks: by the password, or, for an account that has none, by a session that began
/// [`FRESH`] ago at most, which is as good as the proof that began it. `at` is where the input holds the password.
/// Nothing of it is decided before [`unchanged`] has seen that the account still is what was checked.
///
/// # Errors
/// [`Code::InvalidCredentials`] for another password, [`Code::Required`] when none was given and there is one,
/// [`Code::SignInAgain`] when there is none and the session is older.
pub async fn check_owner(app: &App, actor: &Actor, at: &str, password: Option<&str>) -> Result<person::Model> {
    let id = actor.signed_in()?;
    let owner = person::find(app.db.read(), id).await?.ok_or(Error::Unauthenticated)?;
    if owner.password_hash.is_some() {
        let password = password.ok_or_else(|| Error::at(at, Code::Required))?;
        app.db.rest().await;
        return if app.passwords.verify(password, owner.password_hash.as_deref()).await? {
            Ok(owner)
        } else {
            Err(Error::at(at, Code::InvalidCredentials))
        };
    }
    let session = match actor.session {
        Some(session) => session::find(app.db.read(), session).await?,
        None => None,
    };
    let now = app.clock.now();
    let is_fresh = session.is_some_and(|session| now - session.created_at <= FRESH);
    is_fresh.then_some(owner).ok_or_else(|| Code::SignInAgain.into())
}

/// Locks the account whose password was checked, if it is still the same one.
///
/// # Errors
/// [`Code::InvalidCredentials`] when it was changed meanwhile, [`Error::Unauthenticated`] when the account is disabled.
pub async fn unchanged(tx: &Tx, checked: &person::Model, at: &str) -> Result<person::Model> {
    let row = person::lock(tx, checked.id)
        .await?
        .filter(|row| row.disabled_at.is_none())
        .ok_or(Error::Unauthenticated)?;
    if row.password_hash == checked.password_hash {
        Ok(row)
    } else {
        Err(Error::at(at, Code::InvalidCredentials))
    }
}

/// Uses up a code of the person's device or recovery list; the caller holds the person's row. The inner result is the
/// refusal: whoever gets one commits the transaction, so that the wrong try is counted.
///
/// # Errors
/// In the inner result [`Code::InvalidCode`] for a wrong code or one that was used, [`Error::Busy`] after too many
/// wrong ones.
pub async fn check_code(app: &App, tx: &Tx, person: PersonId, at: &str, text: &str) -> Result<Result<()>> {
    let wrong = || Error::at(at, Code::InvalidCode);
    let Some(factor) = second_factor::lock(tx, person).await? else {
        return Ok(Err(wrong()));
    };
    let now = app.clock.now();
    if let Some(until) = factor.blocked_until.filter(|until| *until > now) {
        return Ok(Err(Error::Busy((until - now).num_seconds().unsigned_abs().max(1))));
    }
    let right = match Given::read(person, text) {
        None => false,
        Some(Given::Recovery(hash)) => {
            factor.confirmed_at.is_some() && recovery_code::redeem(tx, person, &hash, now).await?
        }
        Some(Given::Device(code)) => {
            let secret = DeviceSecret::open(&app.vault, person, &factor.secret);
            if secret.is_none() {
                tracing::error!(
                    "a second factor was sealed under another secret of the settings; only recovery codes work"
                );
            }
            match secret.and_then(|secret| secret.step_of_code(&code, now)) {
                Some(step) => second_factor::use_step(tx, person, step).await?,
                None => false,
            }
        }
    };
    if right {
        return Ok(Ok(()));
    }
    let failures = factor.failures + 1;
    let blocked_until = (failures % WRONG_CODES == 0).then(|| now + BLOCK);
    second_factor::count_failure(tx, person, blocked_until).await?;
    if blocked_until.is_some() {
        let reason = Some("too many wrong codes of the second factor");
        audit::record(tx, &app.clock, None, Action::ManageAccount, &[person.into()], reason).await?;
    }
    Ok(Err(wrong()))
}

/// Refuses what can be no code, before anybody is asked anything for its sake.
///
/// # Errors
/// [`Code::InvalidCode`].
pub fn check_form(person: PersonId, at: &str, text: Option<&str>) -> Result<()> {
    match text.filter(|text| !text.trim().is_empty()) {
        Some(text) if Given::read(person, text).is_none() => Err(Error::at(at, Code::InvalidCode)),
        _ => Ok(()),
    }
}

/// Demands a code where the account has a second factor; see [`check_code`] for the inner result, which is
/// [`Code::Required`] when none was given.
pub async fn check_code_if_due(
    app: &App,
    tx: &Tx,
    person: PersonId,
    at: &str,
    text: Option<&str>,
) -> Result<Result<()>> {
    let factor = second_factor::find(tx, person).await?;
    if factor.is_none_or(|factor| factor.confirmed_at.is_none()) {
        return Ok(Ok(()));
    }
    match text.filter(|text| !text.trim().is_empty()) {
        None => Ok(Err(Error::at(at, Code::Required))),
        Some(text) => check_code(app, tx, person, at, text).await,
    }
}
