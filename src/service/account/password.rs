//! The password of an account: a forgotten one is reset by mail, a known one is changed.

use chrono::TimeDelta;

use super::{asked, invalid_token, note};
use crate::app::App;
use crate::auth::password::Password;
use crate::auth::token::{self, Kind};
use crate::domain::actor::Actor;
use crate::domain::id::{PersonId, SessionId};
use crate::domain::notice::Notice;
use crate::domain::policy::{self, Action, Relation};
use crate::domain::text::Email;
use crate::error::{Error, Faults, Result};
use crate::service::session::{ending, proof};
use crate::store::account_request::Wish;
use crate::store::{Tx, outbox, password_reset, person};

/// Sends a link that resets the password, if the address has an account; the answer and the work are the same if not.
/// Where nobody has confirmed the address, what is sent says to register once more.
///
/// # Errors
/// `Code::Malformed` and the like for what is no address at all.
pub async fn request_password_reset(app: &App, email: &str) -> Result<()> {
    let mut faults = Faults::default();
    let Some(email) = faults.take("email", Email::parse(email)) else {
        return Err(faults.into());
    };
    let minutes = i64::try_from(app.settings.auth.reset_minutes).map_err(Error::internal)?;
    asked::keep(app, email.as_ref(), &Wish::ResetPassword, TimeDelta::minutes(minutes)).await
}

/// Sets a new password by a token that was sent to the address, which that confirms. Every session and
/// API token ends.
///
/// # Errors
/// `Code::InvalidToken` for a token that is unknown, used, replaced or out of date; of several who use one
/// at once one succeeds. The refusals of [`Password::parse`].
pub async fn reset_password(app: &App, token: &str, password: &str) -> Result<()> {
    let hash = token::digest(Kind::OneTime, token).ok_or_else(invalid_token)?;
    let owner = password_reset::find_owner(app.db.read(), &hash, app.clock.now()).await?;
    let owner = person::find(app.db.read(), owner.ok_or_else(invalid_token)?)
        .await?
        .ok_or_else(invalid_token)?;
    let new_hash = hash_new(app, &owner, "password", password).await?;
    let tx = app.db.write().await?;
    let now = app.clock.now();
    let row = person::lock(&tx, owner.id)
        .await?
        .filter(|row| row.disabled_at.is_none())
        .ok_or_else(invalid_token)?;
    if !password_reset::redeem(&tx, &hash, row.id, now).await? {
        return Err(invalid_token());
    }
    person::set_confirmed(&tx, row.id, now).await?;
    settle_password(app, &tx, row.id, new_hash, None).await?;
    note(app, &tx, row.id, "password reset").await?;
    tx.commit().await?;
    app.outbox.notify_one();
    Ok(())
}

/// Changes the actor's own password, by the present one and by a code where there is a second factor; every other
/// session of theirs ends, and every API token. An account that had none gets its first one by a fresh session.
///
/// # Errors
/// Those of `proof::check_owner` about `current`, `Code::InvalidCode` and `Code::Required` about the code, the refusals
/// of [`Password::parse`], [`Error::Unauthenticated`] when nobody is signed in.
pub async fn change_password(
    app: &App,
    actor: &Actor,
    current: Option<&str>,
    code: Option<&str>,
    new: &str,
) -> Result<()> {
    policy::demand(actor, Action::ManageAccount, Relation::OWN, None)?;
    let id = actor.signed_in()?;
    let owner = proof::check_owner(app, actor, "currentPassword", current).await?;
    let new_hash = hash_new(app, &owner, "newPassword", new).await?;
    let tx = app.db.write().await?;
    proof::unchanged(&tx, &owner, "currentPassword").await?;
    if let Err(wrong) = proof::check_code_if_due(app, &tx, id, "code", code).await? {
        tx.commit().await?;
        return Err(wrong);
    }
    settle_password(app, &tx, id, new_hash, actor.session).await?;
    note(app, &tx, id, "password changed").await?;
    tx.commit().await?;
    app.outbox.notify_one();
    Ok(())
}

async fn hash_new(app: &App, owner: &person::Model, at: &str, password: &str) -> Result<String> {
    app.db.rest().await;
    let mut faults = Faults::default();
    let about = [owner.given_name.as_str(), &owner.family_name, &owner.email];
    match faults.take(at, Password::parse(password, &about)) {
        Some(password) => app.passwords.hash(&password).await,
        None => Err(faults.into()),
    }
}

/// Stores a new password and ends what the old one opened; the owner is told.
async fn settle_password(app: &App, tx: &Tx, person: PersonId, hash: String, kept: Option<SessionId>) -> Result<()> {
    let now = app.clock.now();
    person::set_password(tx, person, hash).await?;
    ending::of_everything(tx, person, kept, now).await?;
    outbox::enqueue(tx, &app.clock, person, &Notice::PasswordChanged { at: now }).await?;
    Ok(())
}
