//! What time does to seats: pools are released and offers expire, and what becomes free passes on. Called by the
//! worker; it may come late, or twice, and on several copies at once.

use tracing::{error, info};

use super::{note, settle};
use crate::clock::Clock;
use crate::domain::id::{EditionId, Subject};
use crate::domain::policy::Action;
use crate::error::Result;
use crate::service::admission::Admissions;
use crate::store::{Db, audit, edition, seat_pool, waiting};

/// How many pools, or editions, are looked at with one statement. Each has a transaction of its own.
const BATCH: u64 = 100;
/// How many offers one transaction ends.
const OFFERS: u64 = 100;

/// Releases every pool that is due, and ends every offer whose time ran out. One that fails stops no other: it is tried
/// again the next time.
pub async fn pass(db: &Db, clock: &Clock) -> Result<()> {
    let released = release_pools(db, clock).await;
    let expired = expire_offers(db, clock).await;
    released.and(expired)
}

async fn release_pools(db: &Db, clock: &Clock) -> Result<()> {
    let mut after = None;
    loop {
        let due = seat_pool::all_due(db.read(), clock.now(), after, BATCH).await?;
        let Some(last) = due.last() else { return Ok(()) };
        after = Some(last.id);
        for pool in &due {
            match release(db, clock, pool).await {
                Ok(false) => {}
                Ok(true) => info!(seat_pool.id = %pool.id, "a seat pool was released"),
                Err(cause) => error!(seat_pool.id = %pool.id, error = %cause, "a seat pool could not be released"),
            }
        }
    }
}

/// Releases one pool, and says whether it did. An edition in which much happens is waited for, or its turn might never
/// come.
async fn release(db: &Db, clock: &Clock, due: &seat_pool::Model) -> Result<bool> {
    let tx = db.write().await?;
    edition::lock(&tx, due.edition_id).await?;
    // Another worker, or a coordinator, may have been here.
    let now = clock.now();
    let Some(pool) = seat_pool::find_due(&tx, due.id, now).await? else {
        return Ok(false);
    };
    seat_pool::release(&tx, due.id, now).await?;
    note(clock, &tx, None, due.id, (Some("kept"), "released")).await?;
    Box::pin(settle(clock, &tx, None, due.edition_id, &pool.given_to_all())).await?;
    let subjects = [due.id.into(), due.edition_id.into()];
    audit::record(
        &tx,
        clock,
        None,
        Action::ManageSeats,
        &subjects,
        Some("released by time"),
    )
    .await?;
    tx.commit().await?;
    Ok(true)
}

async fn expire_offers(db: &Db, clock: &Clock) -> Result<()> {
    let mut after = None;
    loop {
        let editions = waiting::all_overdue(db.read(), clock.now(), after, BATCH).await?;
        let Some(last) = editions.last() else { return Ok(()) };
        after = Some(*last);
        for edition in editions {
            match expire(db, clock, edition).await {
                Ok(0) => {}
                Ok(offers) => info!(edition.id = %edition, offers, "offers of seats expired"),
                Err(cause) => error!(edition.id = %edition, error = %cause, "offers of seats could not be ended"),
            }
        }
    }
}

/// Ends the offers of one edition whose time ran out; how many.
async fn expire(db: &Db, clock: &Clock, id: EditionId) -> Result<usize> {
    let mut ended = 0;
    loop {
        let tx = db.write().await?;
        let Some(edition) = edition::lock(&tx, id).await? else {
            return Ok(ended);
        };
        let rows = waiting::lock_overdue(&tx, id, clock.now(), OFFERS).await?;
        if rows.is_empty() {
            // Another worker had them, or they were answered.
            return Ok(ended);
        }
        let count = rows.len();
        let subjects: Vec<Subject> = rows.iter().map(|row| row.id.into()).collect();
        let mut admissions = Admissions::at(clock, &tx, None, edition).await?;
        Box::pin(admissions.expire_offers(rows)).await?;
        admissions.finish().await?;
        let reason = Some("not answered in time");
        audit::record(&tx, clock, None, Action::AnswerOffer, &subjects, reason).await?;
        tx.commit().await?;
        ended += count;
    }
}
