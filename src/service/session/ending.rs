//! Ending what opens an account: what everybody needs who changes how its owner proves who they are.

use chrono::{DateTime, Utc};

use crate::domain::id::{PersonId, SessionId};
use crate::error::Result;
use crate::store::{Tx, api_token, calendar_link, challenge, session};

/// Ends the sessions of a person, but for the one that is kept, and the sign-ins that wait for a code; how many sessions.
pub async fn of_sessions(tx: &Tx, person: PersonId, kept: Option<SessionId>, now: DateTime<Utc>) -> Result<u64> {
    let ended = session::revoke_all(tx, person, kept, now).await?;
    challenge::retire(tx, person, now).await?;
    Ok(ended)
}

/// Ends these, and what goes on without its owner: API tokens and the calendar link. Whoever could have opened the account
/// may have made one. How many sessions ended.
pub async fn of_everything(tx: &Tx, person: PersonId, kept: Option<SessionId>, now: DateTime<Utc>) -> Result<u64> {
    let ended = of_sessions(tx, person, kept, now).await?;
    api_token::revoke_all(tx, person, now).await?;
    calendar_link::revoke(tx, person, now).await?;
    Ok(ended)
}
