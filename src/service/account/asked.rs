//! What anybody asks for by an address: an account, a new password. The request writes it down, and that is all:
//! whether the address has an account is looked up afterwards, by a worker, and told to its mailbox alone. So known and
//! unknown addresses take the same work, to the statement.

use chrono::{DateTime, TimeDelta, Utc};
use tracing::error;
use uuid::Uuid;

use super::{is_pending, is_unclaimed, new_person};
use crate::app::App;
use crate::auth::token::{self, Kind};
use crate::clock::Clock;
use crate::domain::notice::{Guest, Notice};
use crate::error::{Error, Result};
use crate::store::account_request::{self, Wish};
use crate::store::registration::Entered;
use crate::store::{Db, Tx, outbox, password_reset, person, registration};

/// Writes a request down: for this address, until what comes of it has run out.
pub(super) async fn keep(app: &App, email: &str, wish: &Wish, lasts: TimeDelta) -> Result<()> {
    let tx = app.db.write().await?;
    let expires_at = app.clock.now() + lasts;
    account_request::insert(&tx, app.clock.new_id(), email, wish, expires_at).await?;
    tx.commit().await?;
    app.outbox.notify_one();
    Ok(())
}

/// Does what was asked for since, each in a transaction of its own. One that fails stops no other: it is tried again
/// the next time, until it has run out.
pub async fn answer(db: &Db, clock: &Clock) -> Result<()> {
    let mut after = None;
    while let Some(id) = account_request::next(db.read(), after).await? {
        after = Some(id);
        if let Err(cause) = settle(db, clock, id).await {
            error!(request.id = %id, error = %cause, "what was asked for by an address could not be done");
        }
    }
    Ok(())
}

async fn settle(db: &Db, clock: &Clock, id: Uuid) -> Result<()> {
    let tx = db.write().await?;
    // Absent when another worker has done it.
    if let Some(row) = account_request::take(&tx, id).await?
        && row.expires_at > clock.now()
    {
        match row.read()? {
            Wish::Register(entered) => enter(clock, &tx, &row.email, entered, row.expires_at).await?,
            Wish::ResetPassword => send_reset(clock, &tx, &row.email, row.expires_at).await?,
        }
    }
    tx.commit().await?;
    Ok(())
}

/// Makes an account that waits for its confirmation, or sends one more link to one that does. Each link confirms what
/// was entered with it. The owner of any other account is told.
async fn enter(clock: &Clock, tx: &Tx, email: &str, entered: Entered, expires_at: DateTime<Utc>) -> Result<()> {
    person::lock_register(tx).await?;
    let id = match person::find_by_address(tx, email).await? {
        None => {
            person::insert(tx, new_person(clock, tx, email, &entered).await?)
                .await?
                .id
        }
        Some(known) => {
            let known = person::lock(tx, known.id).await?;
            let known = known.ok_or_else(|| Error::internal("a person who was there is gone"))?;
            if !is_pending(&known) && !is_unclaimed(tx, &known).await? {
                outbox::enqueue(tx, clock, known.id, &Notice::AlreadyRegistered).await?;
                return Ok(());
            }
            known.id
        }
    };
    let (token, hash) = draw()?;
    let notice = Notice::ConfirmAddress {
        guest: Some(Guest {
            address: email.to_owned(),
            given_name: entered.given_name.clone(),
            family_name: entered.family_name.clone(),
            language: entered.language,
        }),
        token,
        expires_at,
    };
    registration::insert(tx, entered.waiting(id, hash, expires_at)).await?;
    outbox::enqueue(tx, clock, id, &notice).await?;
    Ok(())
}

/// Sends a link that sets a new password to whoever has an account that is not disabled. Earlier links die. Where
/// nobody has confirmed the address there is no link: it would leave the names of whoever entered theirs first, so the
/// owner is told to enter their own.
async fn send_reset(clock: &Clock, tx: &Tx, email: &str, expires_at: DateTime<Utc>) -> Result<()> {
    let Some(found) = person::find_by_address(tx, email).await? else {
        return Ok(());
    };
    // Of two requests at once one must see the other's token to replace it.
    let owner = person::lock(tx, found.id).await?;
    let Some(owner) = owner.filter(|row| row.disabled_at.is_none()) else {
        return Ok(());
    };
    if is_pending(&owner) {
        outbox::enqueue(tx, clock, owner.id, &Notice::AddressNotConfirmed).await?;
        return Ok(());
    }
    let (token, hash) = draw()?;
    let row = password_reset::Model {
        hash,
        person_id: owner.id,
        issued_at: clock.now(),
        expires_at,
        used_at: None,
    };
    password_reset::replace(tx, row).await?;
    outbox::enqueue(tx, clock, owner.id, &Notice::ResetPassword { token, expires_at }).await?;
    Ok(())
}

/// A one-time token and its digest.
fn draw() -> Result<(String, Vec<u8>)> {
    let token = token::draw(Kind::OneTime)?;
    let hash = token::digest_of_drawn(Kind::OneTime, &token)?;
    Ok((token, hash))
}
