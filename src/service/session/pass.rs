//! From the secret of an API token to its actor.

use chrono::{DateTime, Utc};

use crate::app::App;
use crate::domain::actor::{Actor, Pass};
use crate::domain::api_token::{USE_NOTED_EVERY, notes_use};
use crate::error::{Error, Result};
use crate::store::api_token::{Standing, note_use};

/// Whom the token with this digest acts for, held to its scopes. The use is noted, once in a while.
///
/// # Errors
/// [`Error::Unauthenticated`] for one that is unknown or has ended, and for one of a disabled account.
pub(super) async fn actor(app: &App, hash: &[u8], now: DateTime<Utc>) -> Result<Actor> {
    let standing = app.db.token_standing(hash, now).await?;
    let standing = standing.ok_or(Error::Unauthenticated)?;
    if notes_use(standing.used_at, now)
        && let Err(failure) = note_use(&app.db, standing.id, now, USE_NOTED_EVERY).await
    {
        // That a token was used can be told by the audit log too; it must not be refused for this.
        tracing::warn!(error.chain = %failure, "the use of an API token could not be noted");
    }
    let Standing {
        id,
        person,
        scopes,
        language,
        grants,
        factor_given,
        ..
    } = standing;
    Ok(Actor {
        pass: Some(Pass { id, scopes }),
        ..Actor::known(person, language, grants, factor_given, &app.factor_roles)
    })
}
