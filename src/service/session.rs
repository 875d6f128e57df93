//! Signing in and staying signed in: sessions, their short access tokens and rotating refresh tokens.

use chrono::{DateTime, TimeDelta, Utc};

use crate::app::App;
use crate::auth::token::{self, Bearer, Kind};
use crate::domain::actor::Actor;
use crate::domain::id::SessionId;
use crate::domain::language::Language;
use crate::domain::policy::{self, Action, Relation};
use crate::domain::text::Email;
use crate::error::{Code, Error, Result};
use crate::store::{Tx, audit, person, refresh, role, session};

#[cfg(test)]
mod tests;

/// What a session is carried on with.
#[derive(Debug, Clone)]
pub struct SessionTokens {
    /// Goes with every request, as `Authorization: Bearer …`.
    pub access: String,
    /// How many seconds the access token lives.
    pub expires_in: i64,
    /// Gets the next pair; works once.
    pub refresh: String,
}

/// Begins a session.
///
/// # Errors
/// [`Code::InvalidCredentials`], the same and after the same work for an unknown address, a wrong password,
/// an address that was not confirmed and a disabled account; [`Error::Busy`] when too many sign in at once.
pub async fn sign_in(app: &App, email: &str, password: &str) -> Result<SessionTokens> {
    let found = match Email::parse(email) {
        Ok(email) => person::find_by_email(app.db.read(), &email).await?,
        Err(_) => None,
    };
    let candidate = found.filter(may_sign_in);
    let hash = candidate.as_ref().and_then(|row| row.password_hash.as_deref());
    app.db.rest().await;
    let fits = app.passwords.verify(password, hash).await?;
    let Some(row) = candidate.filter(|_| fits) else {
        return Err(Code::InvalidCredentials.into());
    };

    let tx = app.db.write().await?;
    let unchanged = person::lock(&tx, row.id)
        .await?
        .is_some_and(|now| may_sign_in(&now) && now.password_hash == row.password_hash);
    if !unchanged {
        return Err(Code::InvalidCredentials.into());
    }
    let id = SessionId(app.clock.new_id());
    let now = app.clock.now();
    let begun = session::Model {
        id,
        person_id: row.id,
        created_at: now,
        expires_at: refresh_expiry(app),
        revoked_at: None,
    };
    session::insert(&tx, begun).await?;
    let tokens = carry_on(
        app,
        &tx,
        Bearer {
            person: row.id,
            session: id,
        },
    )
    .await?;
    tx.commit().await?;
    Ok(tokens)
}

/// The next pair of tokens for a refresh token, which is used up by it.
///
/// A token that comes again within the grace of the settings lost its answer, and gets another; at any
/// time one refresh token of a session is good. One that comes later was copied: the session ends, and an
/// audit entry says so.
///
/// # Errors
/// [`Code::InvalidToken`] for anything that continues no session.
pub async fn refresh(app: &App, refresh_token: &str) -> Result<SessionTokens> {
    let refused = || Error::at("refreshToken", Code::InvalidToken);
    let hash = token::digest(Kind::Refresh, refresh_token).ok_or_else(refused)?;
    let tx = app.db.write().await?;
    let known = refresh::find(&tx, &hash).await?.ok_or_else(refused)?;
    let family = session::lock(&tx, known.session_id).await?.ok_or_else(refused)?;
    let owner = person::find(&tx, family.person_id).await?.ok_or_else(refused)?;
    // Read again: while this waited for the session, the token may have been used.
    let presented = refresh::find(&tx, &hash).await?.ok_or_else(refused)?;
    let now = app.clock.now();
    if !family.is_live(now) || presented.expires_at <= now || owner.disabled_at.is_some() {
        return Err(refused());
    }
    let grace = seconds(app.settings.auth.refresh_grace_seconds);
    if presented.used_at.is_some_and(|used_at| now > used_at + grace) {
        session::revoke(&tx, family.id, now).await?;
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
        tx.commit().await?;
        return Err(refused());
    }
    session::set_expiry(&tx, family.id, refresh_expiry(app)).await?;
    let tokens = carry_on(
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
    tx.commit().await?;
    Ok(())
}

/// Who a request comes from: nobody without a token, else the person with the roles in force now.
///
/// A signed-in person is answered in their own language, anybody else in one that `accept_language` names.
///
/// # Errors
/// [`Error::Unauthenticated`] for a token that is not ours or has run out, a session that has ended, and a
/// disabled account.
pub async fn actor(app: &App, bearer: Option<&str>, accept_language: Option<&str>) -> Result<Actor> {
    let Some(access) = bearer else {
        let language = accept_language.and_then(Language::negotiate).unwrap_or(Language::Es);
        return Ok(Actor::anonymous(language));
    };
    let now = app.clock.now();
    let Bearer { person, session } = app.tokens.read(access, now)?;
    let standing = app.db.standing(session, person, now).await?;
    let session::Standing { language, grants } = standing.ok_or(Error::Unauthenticated)?;
    Ok(Actor {
        person: Some(person),
        session: Some(session),
        language,
        grants,
    })
}

/// The person who is signed in, with their roles and statement in force.
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
    policy::demand(actor, Action::ManageAccount, Relation::OWN, None)?;
    let connection = app.db.read();
    let Some(person) = person::find(connection, id).await? else {
        return Ok(None);
    };
    let roles = role::of_person(connection, id, app.clock.now()).await?;
    Ok(Some(Viewer { person, roles }))
}

fn may_sign_in(row: &person::Model) -> bool {
    row.email_confirmed_at.is_some() && row.disabled_at.is_none()
}

/// Issues the next pair of tokens of a session.
async fn carry_on(app: &App, tx: &Tx, bearer: Bearer) -> Result<SessionTokens> {
    let now = app.clock.now();
    let fresh = token::draw(Kind::Refresh)?;
    let row = refresh::Model {
        hash: token::digest(Kind::Refresh, &fresh).ok_or_else(|| Error::internal("a drawn token has no digest"))?,
        session_id: bearer.session,
        issued_at: now,
        expires_at: refresh_expiry(app),
        used_at: None,
    };
    refresh::replace(tx, row).await?;
    Ok(SessionTokens {
        access: app.tokens.issue(bearer, now)?,
        expires_in: app.tokens.lifetime().num_seconds(),
        refresh: fresh,
    })
}

fn refresh_expiry(app: &App) -> DateTime<Utc> {
    app.clock.now() + seconds(app.settings.auth.refresh_days.saturating_mul(24 * 60 * 60))
}

/// A span of the settings; one beyond all calendars is a century.
fn seconds(count: u64) -> TimeDelta {
    let century = TimeDelta::days(36_525);
    i64::try_from(count)
        .ok()
        .and_then(TimeDelta::try_seconds)
        .map_or(century, |span| span.min(century))
}
