//! The address of an account: another one takes effect once a token that was sent there comes back.

use chrono::{DateTime, TimeDelta, Utc};

use super::{invalid_token, note};
use crate::app::App;
use crate::auth::token::{self, Kind};
use crate::domain::actor::Actor;
use crate::domain::id::PersonId;
use crate::domain::notice::Notice;
use crate::domain::policy::{self, Action, Relation};
use crate::domain::text::Email;
use crate::error::{Error, Faults, Result};
use crate::service::session::{ending, proof};
use crate::store::{Db, Tx, address_change, outbox, person};

/// Asks that the actor's account get another address, by the password and by a code where there is a second factor.
/// A token goes there; until it comes back nothing changes. The answer is the same for an address that has an account:
/// its owner is told by mail.
///
/// # Errors
/// Those of `proof::check_owner`, [`crate::error::Code::InvalidCode`] and [`crate::error::Code::Required`] about the
/// code, what is wrong with the address, [`Error::Unauthenticated`] when nobody is signed in.
pub async fn request(app: &App, actor: &Actor, password: Option<&str>, code: Option<&str>, email: &str) -> Result<()> {
    policy::demand(actor, Action::ManageAccount, Relation::OWN, None)?;
    let id = actor.signed_in()?;
    let mut faults = Faults::default();
    let Some(email) = faults.take("email", Email::parse(email)) else {
        return Err(faults.into());
    };
    let checked = proof::check_owner(app, actor, "currentPassword", password).await?;
    let tx = app.db.write().await?;
    proof::unchanged(&tx, &checked, "currentPassword").await?;
    if let Err(wrong) = proof::check_code_if_due(app, &tx, id, "code", code).await? {
        tx.commit().await?;
        return Err(wrong);
    }
    let now = app.clock.now();
    let token = token::draw(Kind::OneTime)?;
    let hours = i64::try_from(app.settings.auth.confirm_hours).map_err(Error::internal)?;
    let expires_at = now + TimeDelta::hours(hours);
    let other = person::find_by_email(&tx, &email).await?;
    let row = address_change::Model {
        hash: token::digest_of_drawn(Kind::OneTime, &token)?,
        person_id: id,
        session_id: actor.session,
        email: email.as_ref().to_owned(),
        issued_at: now,
        expires_at,
        used_at: None,
    };
    address_change::replace(&tx, row).await?;
    if let Some(owner) = other {
        outbox::enqueue(&tx, &app.clock, owner.id, &Notice::AddressTaken).await?;
    } else {
        let notice = Notice::ConfirmNewAddress {
            address: email.as_ref().to_owned(),
            token,
            expires_at,
        };
        outbox::enqueue(&tx, &app.clock, id, &notice).await?;
    }
    note(app, &tx, id, "another address asked for").await?;
    tx.commit().await?;
    app.outbox.notify_one();
    Ok(())
}

/// Gives the account the address to which the token was sent. Sessions end, but for the one that asked, and API tokens;
/// the address that the account had is told. Tables that the owner brings in are cancelled first, also when another account
/// has the address by then.
///
/// # Errors
/// [`crate::error::Code::InvalidToken`] for one that is unknown, used, replaced or out of date, and when another
/// account has the address by now; of several who use one at once one succeeds.
pub async fn confirm(app: &App, token: &str) -> Result<()> {
    let hash = token::digest(Kind::OneTime, token).ok_or_else(invalid_token)?;
    let now = app.clock.now();
    let found = address_change::find_live(app.db.read(), &hash, now).await?;
    let id = found.ok_or_else(invalid_token)?.person_id;
    // By themselves: a table names its owner until it ends, and another address waits for whatever names them.
    let (tx, ..) = hold(&app.db.ahead(), id, &hash, now).await?;
    ending::of_tables(&tx, id, now).await?;
    tx.commit().await?;
    let (tx, owner, change) = hold(&app.db, id, &hash, now).await?;
    ending::of_everything(&tx, id, change.session_id, now).await?;
    // Last, so that nothing waits for whoever waits here.
    person::set_email(&tx, id, &change.email, now, invalid_token()).await?;
    let notice = Notice::AddressChanged {
        address: owner.email,
        at: now,
    };
    outbox::enqueue(&tx, &app.clock, id, &notice).await?;
    note(app, &tx, id, "address changed").await?;
    tx.commit().await?;
    app.outbox.notify_one();
    Ok(())
}

/// Begins a transaction that holds an account which is not disabled, and the change of its address that the token means.
async fn hold(
    db: &Db,
    id: PersonId,
    hash: &[u8],
    now: DateTime<Utc>,
) -> Result<(Tx, person::Model, address_change::Model)> {
    let tx = db.write().await?;
    let owner = person::lock(&tx, id)
        .await?
        .filter(|row| row.disabled_at.is_none())
        .ok_or_else(invalid_token)?;
    let change = address_change::lock_live(&tx, hash, now)
        .await?
        .ok_or_else(invalid_token)?;
    Ok((tx, owner, change))
}
