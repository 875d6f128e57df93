//! Ending what opens an account: what everybody needs who changes how its owner proves who they are.

use chrono::{DateTime, Utc};

use crate::domain::id::{PersonId, SessionId};
use crate::error::Result;
use crate::store::{
    Tx, address_change, api_token, calendar_link, challenge, identity_claim, password_reset, person, registration,
    session, table_import,
};

/// Ends the sessions of a person, but for the one that is kept, with the sign-ins that wait for a code and the new
/// addresses that were asked for in them; how many sessions.
pub async fn of_sessions(tx: &Tx, person: PersonId, kept: Option<SessionId>, now: DateTime<Utc>) -> Result<u64> {
    let ended = session::revoke_all(tx, person, kept, now).await?;
    challenge::retire(tx, person, now).await?;
    address_change::retire_of_others(tx, person, kept, now).await?;
    Ok(ended)
}

/// Ends everything by which somebody came into an account or might yet, but for its password, its linked identities and
/// the session that is kept: sessions and sign-ins that wait, what goes on without its owner (API tokens, the calendar
/// link, tables that are brought in), links that were mailed, and addresses, identities and registrations that wait for
/// a word. Called wherever an account passes into other hands, or may have been in them. How many sessions ended.
pub async fn of_everything(tx: &Tx, person: PersonId, kept: Option<SessionId>, now: DateTime<Utc>) -> Result<u64> {
    let ended = of_sessions(tx, person, kept, now).await?;
    api_token::revoke_all(tx, person, now).await?;
    calendar_link::revoke(tx, person, now).await?;
    password_reset::retire(tx, person, now).await?;
    address_change::retire(tx, person, now).await?;
    identity_claim::retire(tx, person, now).await?;
    registration::forget(tx, person).await?;
    of_tables(tx, person, now).await?;
    Ok(ended)
}

/// Cancels the tables that a person brings in and that are not over: somebody else may have handed them over. Of one
/// that is worked off nothing more is carried out; what was carried out to the end is told as it is.
pub async fn of_tables(tx: &Tx, person: PersonId, now: DateTime<Utc>) -> Result<()> {
    // Before the tables, as whoever asks for one.
    person::lock(tx, person).await?;
    for row in table_import::lock_under_way(tx, person).await? {
        if let Ok(state) = row.state.cancel(row.progress()) {
            table_import::end_early(tx, row, state, now).await?;
        }
    }
    Ok(())
}
