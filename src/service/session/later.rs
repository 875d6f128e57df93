//! Somebody for whom something is done without a request of theirs: by what they may now.

use chrono::{DateTime, Utc};

use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::id::PersonId;
use crate::domain::text::Email;
use crate::error::{Error, Result};
use crate::store::{Connection, person, role, second_factor};

/// Somebody with the roles that hold now; none count where one needs a second factor and the account has none. `None`
/// for whoever cannot sign in.
pub(in crate::service) async fn as_of_now(
    app: &App,
    connection: &impl Connection,
    id: PersonId,
    now: DateTime<Utc>,
) -> Result<Option<Actor>> {
    let found = person::find(connection, id).await?;
    let Some(account) = found.filter(|row| row.disabled_at.is_none()) else {
        return Ok(None);
    };
    let held = role::of_person(connection, id, now).await?;
    let grants = held.iter().filter_map(role::Model::grant).collect();
    let factor = second_factor::find(connection, id).await?;
    let proved = factor.is_some_and(|factor| factor.confirmed_at.is_some());
    let language = account.language;
    Ok(Some(Actor::known(id, language, grants, proved, &app.factor_roles)))
}

/// The owner of an address, for whom a command on the machine itself acts.
///
/// # Errors
/// [`Error::NotFound`] when nobody has it, or their account is disabled.
pub async fn on_behalf(app: &App, email: &Email) -> Result<Actor> {
    let absent = || Error::NotFound("as");
    let found = person::find_by_email(app.db.read(), email).await?.ok_or_else(absent)?;
    let actor = as_of_now(app, app.db.read(), found.id, app.clock.now()).await?;
    actor.ok_or_else(absent)
}
