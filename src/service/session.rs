//! Signing in and staying signed in: sessions, their short access tokens and rotating refresh tokens.

use super::account;
use crate::app::App;
use crate::auth::api_token;
use crate::auth::token::{self, Bearer, Kind};
use crate::domain::actor::Actor;
use crate::domain::language::Language;
use crate::domain::notice::Notice;
use crate::domain::policy::{self, Action, Relation};
use crate::domain::text::Email;
use crate::error::{Code, Error, Result};
use crate::store::{audit, challenge, outbox, person, refresh, role, session};

#[cfg(test)]
mod tests;

pub(super) mod ending;
pub(in crate::service) mod later;
pub mod opening;
pub mod own;
mod pass;
pub(super) mod proof;

pub use later::on_behalf;
pub use opening::{Challenge, ClientLabel, SessionTokens, SignedIn};

/// What is looked up in place of what is no address: one that cannot be anybody's (RFC 2606, section 2).
const NOBODY: &str = "nobody@nowhere.invalid";
/// How often a code may be tried for one sign-in.
const ATTEMPTS: i64 = 5;

/// Begins a session, or the sign-in that leads to one where the account has a second factor.
///
/// # Errors
/// [`Code::InvalidCredentials`], the same and after the same work for an unknown address, a wrong password,
/// an address that was not confirmed and a disabled account; [`Error::Busy`] when too many sign in at once.
pub async fn sign_in(app: &App, email: &str, password: &str, client: Option<&ClientLabel>) -> Result<SignedIn> {
    // What is no address is looked up like one, and whoever is found in an unknown one's place is read like its owner:
    // no refusal is faster than another.
    let email = Email::parse(email).ok();
    let sought = email.as_ref().map_or(NOBODY, AsRef::as_ref);
    let found = person::at_or_after(app.db.read(), sought).await?;
    let owner = found.filter(|row| email.as_ref().is_some_and(|email| row.email == email.as_ref()));
    let candidate = owner.filter(opening::may_sign_in);
    let hash = candidate.as_ref().and_then(|row| row.password_hash.as_deref());
    app.db.rest().await;
    let fits = app.passwords.verify(password, hash).await?;
    let Some(row) = candidate.filter(|_| fits) else {
        return Err(Code::InvalidCredentials.into());
    };
    let renewed = app
        .passwords
        .renew(password, row.password_hash.as_deref().unwrap_or_default())
        .await?;

    let tx = app.db.write().await?;
    let now = person::lock(&tx, row.id)
        .await?
        .filter(|now| opening::may_sign_in(now) && now.password_hash == row.password_hash)
        .ok_or(Code::InvalidCredentials)?;
    if let Some(hash) = renewed {
        person::set_password(&tx, now.id, hash).await?;
    }
    let signed_in = opening::admit(app, &tx, now.id, client).await?;
    tx.commit().await?;
    Ok(signed_in)
}

/// Brings the code that a sign-in waits for, and begins the session. A recovery code does as well.
///
/// # Errors
/// [`Code::InvalidToken`] for a challenge that is unknown, used, out of date or tried too often,
/// [`Code::InvalidCode`] for a wrong code or one that was used, [`Error::Busy`] after too many wrong ones.
pub async fn complete_sign_in(app: &App, challenge: &str, code: &str) -> Result<SessionTokens> {
    let refused = || Error::at("challenge", Code::InvalidToken);
    let hash = token::digest(Kind::Challenge, challenge).ok_or_else(refused)?;
    let owner = challenge::find(app.db.read(), &hash)
        .await?
        .ok_or_else(refused)?
        .person_id;
    let tx = app.db.write().await?;
    let now = app.clock.now();
    // The person first, as everywhere: whoever changes the account waits, and so does who brings the same code.
    let owner = person::lock(&tx, owner)
        .await?
        .filter(opening::may_sign_in)
        .ok_or_else(refused)?;
    let waiting = challenge::lock(&tx, &hash)
        .await?
        .filter(|row| row.used_at.is_none() && row.expires_at > now && row.attempts < ATTEMPTS)
        .ok_or_else(refused)?;
    challenge::count_attempt(&tx, &hash).await?;
    if let Err(wrong) = proof::check_code(app, &tx, owner.id, "code", code).await? {
        tx.commit().await?;
        return Err(wrong);
    }
    challenge::set_used(&tx, &hash, now).await?;
    let client = waiting.client.map(ClientLabel::known);
    let tokens = opening::open(app, &tx, owner.id, client.as_ref(), Some(now)).await?;
    tx.commit().await?;
    Ok(tokens)
}

/// The next pair of tokens for a refresh token, which is used up by it.
///
/// A token that comes again within the grace of the settings lost its answer, and gets another; at any
/// time one refresh token of a session is good. One that comes later was copied: the session ends, an audit entry
/// says so, and the owner is told. What they bring in by table is cancelled.
///
/// # Errors
/// [`Code::InvalidToken`] for anything that continues no session.
pub async fn refresh(app: &App, refresh_token: &str) -> Result<SessionTokens> {
    let refused = || Error::at("refreshToken", Code::InvalidToken);
    let hash = token::digest(Kind::Refresh, refresh_token).ok_or_else(refused)?;
    let tx = app.db.write().await?;
    let known = refresh::find(&tx, &hash).await?.ok_or_else(refused)?;
    if known.used_at.is_some() {
        // It may have been copied. The owner is held before the session, as by whoever takes another password.
        let seen = session::find(&tx, known.session_id).await?.ok_or_else(refused)?;
        person::lock(&tx, seen.person_id).await?;
    }
    let family = session::lock(&tx, known.session_id).await?.ok_or_else(refused)?;
    let owner = person::find(&tx, family.person_id).await?.ok_or_else(refused)?;
    // Read again: while this waited for the session, the token may have been used.
    let presented = refresh::find(&tx, &hash).await?.ok_or_else(refused)?;
    let now = app.clock.now();
    if !family.is_live(now) || presented.expires_at <= now || owner.disabled_at.is_some() {
        return Err(refused());
    }
    let grace = opening::seconds(app.settings.auth.refresh_grace_seconds);
    if presented.used_at.is_some_and(|used_at| now > used_at + grace) {
        if known.used_at.is_none() {
            // It was used while this waited, so that the owner is not held yet: once more, in the right order.
            tx.rollback().await?;
            return Box::pin(refresh(app, refresh_token)).await;
        }
        session::revoke(&tx, family.id, now).await?;
        // Whoever copied it may have handed tables over, which go on without a session.
        ending::of_tables(&tx, owner.id, now).await?;
        let reason = Some("a refresh token came again after it was used");
        audit::record(
            &tx,
            &app.clock,
            None,
            Action::ManageAccount,
            &[family.id.into()],
            reason,
        )
        .await?;
        outbox::enqueue(&tx, &app.clock, owner.id, &Notice::SessionCopied { at: now }).await?;
        tx.commit().await?;
        app.outbox.notify_one();
        return Err(refused());
    }
    session::set_expiry(&tx, family.id, opening::refresh_expiry(app), now).await?;
    let tokens = opening::carry_on(
        app,
        &tx,
        Bearer {
            person: owner.id,
            session: family.id,
        },
    )
    .await?;
    tx.commit().await?;
    Ok(tokens)
}

/// Ends the actor's session, at once and for every token of it.
///
/// # Errors
/// [`Error::Unauthenticated`] when nobody is signed in.
pub async fn sign_out(app: &App, actor: &Actor) -> Result<()> {
    policy::demand(actor, Action::ManageAccount, Relation::OWN, None)?;
    let session = actor.session.ok_or(Error::Unauthenticated)?;
    let tx = app.db.write().await?;
    session::revoke(&tx, session, app.clock.now()).await?;
    account::note(app, &tx, actor.signed_in()?, "signed out").await?;
    tx.commit().await?;
    Ok(())
}

/// Who a request comes from: nobody without a token, else the person with the roles in force now, as far as the
/// session has the second factor that they need; by an API token also held to its scopes.
///
/// A signed-in person is answered in their own language, anybody else in one that `accept_language` names.
///
/// # Errors
/// [`Error::Unauthenticated`] for a token that is not ours or has run out, a session or API token that has ended, and a
/// disabled account.
pub async fn actor(app: &App, bearer: Option<&str>, accept_language: Option<&str>) -> Result<Actor> {
    let Some(access) = bearer else {
        let language = accept_language.and_then(Language::negotiate).unwrap_or(Language::Es);
        return Ok(Actor::anonymous(language));
    };
    let now = app.clock.now();
    if let Some(hash) = api_token::digest(access) {
        return pass::actor(app, &hash, now).await;
    }
    let bearer = app.bearer(access).await?;
    standing(app, bearer).await
}

/// Whom an access token that is ours lets in, with the roles in force now.
///
/// # Errors
/// [`Error::Unauthenticated`] when the session has ended, or the account is disabled.
pub async fn standing(app: &App, Bearer { person, session }: Bearer) -> Result<Actor> {
    let now = app.clock.now();
    let standing = app.db.standing(session, person, now).await?;
    let session::Standing {
        language,
        grants,
        factor_given,
    } = standing.ok_or(Error::Unauthenticated)?;
    Ok(Actor {
        session: Some(session),
        ..Actor::known(person, language, grants, factor_given, &app.factor_roles)
    })
}

/// The person who is signed in, with their roles in force.
#[derive(Debug, Clone)]
pub struct Viewer {
    /// The account.
    pub person: person::Model,
    /// The roles in force.
    pub roles: Vec<role::Model>,
}

/// Who is signed in, `None` for nobody.
pub async fn viewer(app: &App, actor: &Actor) -> Result<Option<Viewer>> {
    let Some(id) = actor.person else { return Ok(None) };
    policy::demand(actor, Action::SeeAccount, Relation::OWN, None)?;
    let connection = app.db.read();
    let Some(person) = person::find(connection, id).await? else {
        return Ok(None);
    };
    let roles = role::of_person(connection, id, app.clock.now()).await?;
    Ok(Some(Viewer { person, roles }))
}
