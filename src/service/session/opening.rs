//! How a session begins and is carried on: shared by every way in which somebody proves who they are.

use chrono::{DateTime, TimeDelta, Utc};

use crate::app::App;
use crate::auth::token::{self, Bearer, Kind};
use crate::domain::id::{PersonId, SessionId};
use crate::error::Result;
use crate::store::{Tx, challenge, person, refresh, second_factor, session};

/// How long a sign-in waits for its second factor.
const PATIENCE: TimeDelta = TimeDelta::minutes(5);
/// The most letters of what a client calls itself.
const LONGEST_LABEL: usize = 80;

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

/// A sign-in that waits for its second factor.
#[derive(Debug, Clone)]
pub struct Challenge {
    /// Goes with the code; works once.
    pub token: String,
    /// How many seconds it lives.
    pub expires_in: i64,
}

/// What comes of proving who one is.
#[derive(Debug, Clone)]
pub enum SignedIn {
    /// A session.
    Session(SessionTokens),
    /// The second factor is asked for first.
    Challenge(Challenge),
}

/// What a client calls itself, cut short: people tell their sessions apart by it, nothing else relies on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientLabel(String);

impl ClientLabel {
    /// From the header `User-Agent`; `None` when nothing in it can be shown.
    pub fn read(header: &str) -> Option<Self> {
        let plain = header
            .chars()
            .map(|letter| if letter.is_ascii_graphic() { letter } else { ' ' });
        let plain: String = plain.collect();
        let words: Vec<&str> = plain.split_whitespace().collect();
        let short: String = words.join(" ").chars().take(LONGEST_LABEL).collect();
        let short = short.trim_end();
        (!short.is_empty()).then(|| Self(short.to_owned()))
    }

    /// One that was stored.
    pub(super) fn known(label: String) -> Self {
        Self(label)
    }
}

/// Whether the account can be signed in to.
pub fn may_sign_in(row: &person::Model) -> bool {
    row.email_confirmed_at.is_some() && row.disabled_at.is_none()
}

/// Lets somebody in who has just proved who they are, by whatever means: with a session, or with a challenge where the
/// account has a second factor, which [`super::complete_sign_in`] then asks for. The caller holds the person's row and
/// has seen to [`may_sign_in`].
pub async fn admit(app: &App, tx: &Tx, person: PersonId, client: Option<&ClientLabel>) -> Result<SignedIn> {
    let factor = second_factor::find(tx, person).await?;
    if factor.is_none_or(|factor| factor.confirmed_at.is_none()) {
        return open(app, tx, person, client, None).await.map(SignedIn::Session);
    }
    let now = app.clock.now();
    let token = token::draw(Kind::Challenge)?;
    let row = challenge::Model {
        hash: token::digest_of_drawn(Kind::Challenge, &token)?,
        person_id: person,
        issued_at: now,
        expires_at: now + PATIENCE,
        attempts: 0,
        client: client.map(|label| label.0.clone()),
        used_at: None,
    };
    challenge::insert(tx, row).await?;
    Ok(SignedIn::Challenge(Challenge {
        token,
        expires_in: PATIENCE.num_seconds(),
    }))
}

/// Begins a session, in which the second factor was given at `factor_at`.
pub(in crate::service) async fn open(
    app: &App,
    tx: &Tx,
    person: PersonId,
    client: Option<&ClientLabel>,
    factor_at: Option<DateTime<Utc>>,
) -> Result<SessionTokens> {
    let now = app.clock.now();
    let id = SessionId(app.clock.new_id());
    let begun = session::Model {
        id,
        person_id: person,
        created_at: now,
        expires_at: refresh_expiry(app),
        revoked_at: None,
        seen_at: Some(now),
        client: client.map(|label| label.0.clone()),
        factor_at,
    };
    session::insert(tx, begun).await?;
    carry_on(app, tx, Bearer { person, session: id }).await
}

/// Issues the next pair of tokens of a session.
pub(super) async fn carry_on(app: &App, tx: &Tx, bearer: Bearer) -> Result<SessionTokens> {
    let now = app.clock.now();
    let access = app.access_token(tx, bearer).await?;
    let fresh = token::draw(Kind::Refresh)?;
    let row = refresh::Model {
        hash: token::digest_of_drawn(Kind::Refresh, &fresh)?,
        session_id: bearer.session,
        issued_at: now,
        expires_at: refresh_expiry(app),
        used_at: None,
    };
    refresh::replace(tx, row).await?;
    Ok(SessionTokens {
        access,
        expires_in: app.tokens.lifetime().num_seconds(),
        refresh: fresh,
    })
}

pub(super) fn refresh_expiry(app: &App) -> DateTime<Utc> {
    app.clock.now() + seconds(app.settings.auth.refresh_days.saturating_mul(24 * 60 * 60))
}

/// A span of the settings; one beyond all calendars is a century.
pub(super) fn seconds(count: u64) -> TimeDelta {
    let century = TimeDelta::days(36_525);
    i64::try_from(count)
        .ok()
        .and_then(TimeDelta::try_seconds)
        .map_or(century, |span| span.min(century))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_short_and_plain() {
        let read = |header: &str| ClientLabel::read(header).map(|label| label.0);
        assert_eq!(
            read("Mozilla/5.0 (X11; Linux)"),
            Some("Mozilla/5.0 (X11; Linux)".into())
        );
        assert_eq!(read("a\u{202e}b\r\nc\td"), Some("a b c d".into()));
        assert_eq!(read(&"x".repeat(500)).map(|label| label.len()), Some(LONGEST_LABEL));
        for nothing in ["", "   ", "\u{0}\u{7}", "ñ"] {
            assert_eq!(read(nothing), None);
        }
    }
}
