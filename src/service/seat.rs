//! Seats that are kept for some, and the order in which people wait: for coordinators.

use super::admission::Admissions;
use super::edition::relation;
use super::enrolment::{load_one, refuse_own};
use crate::app::App;
use crate::clock::Clock;
use crate::domain::actor::Actor;
use crate::domain::id::{EditionId, EnrolmentId, PersonId, SeatPoolId};
use crate::domain::policy::{Action, demand};
use crate::domain::seats::{KeptFor, POOLS_LIMIT, PoolDraft, RANK_LIMIT, Seat, check_rank};
use crate::domain::version::expect_version;
use crate::error::{Code, Error, Fault, Result};
use crate::service::institution::is_seen;
use crate::store::history::Step;
use crate::store::{Tx, audit, edition, enrolment, history, institution, seat_pool, waiting};

pub mod passing;

/// Keeps seats of an edition for an institution, a constituent group or a country.
///
/// # Errors
/// Faults of the draft; [`Code::Taken`] when the edition keeps seats for the same already; [`Code::LimitReached`] for
/// too many pools; [`Code::IllegalTransition`] when the edition is over.
pub async fn create_pool(
    app: &App,
    actor: &Actor,
    id: EditionId,
    kept_for: KeptFor,
    draft: PoolDraft,
) -> Result<seat_pool::Model> {
    actor.signed_in()?;
    let tx = app.db.write().await?;
    let edition = edition::lock_for(&tx, actor, id)
        .await?
        .ok_or(Error::NotFound("input.editionId"))?;
    demand(actor, Action::ManageSeats, relation(actor, &edition), None)?;
    edition.state.expect_going_on()?;
    if usize::try_from(edition.seat_pools).map_err(Error::internal)? >= POOLS_LIMIT {
        return Err(Fault::at("editionId", Code::LimitReached).with(POOLS_LIMIT).into());
    }
    let (kept_for, at) = match kept_for {
        // One that was merged is the one into which it was.
        KeptFor::Institution(id) => {
            let known = institution::resolve(&tx, id).await?;
            let known = known.filter(|row| is_seen(actor, row));
            let known = known.ok_or(Error::NotFound("input.institutionId"))?;
            (KeptFor::Institution(known.id), "institutionId")
        }
        KeptFor::Group(_) => (kept_for, "constituentGroup"),
        KeptFor::Country(_) => (kept_for, "country"),
    };
    let ledger = seat_pool::ledger(&tx, &edition).await?;
    let now = app.clock.now();
    draft.check(&ledger, None, now).check()?;
    let pool = SeatPoolId(app.clock.new_id());
    let row = seat_pool::Model::new(pool, edition.id, &kept_for, draft, now);
    seat_pool::insert(&tx, row.clone(), at).await?;
    note(&app.clock, &tx, actor.person, pool, (None, "kept")).await?;
    let added = [(Seat::Of(pool), draft.seats)];
    settle(&app.clock, &tx, actor.person, edition.id, &added).await?;
    let row = seat_pool::find(&tx, pool).await?.unwrap_or(row);
    end(app, tx, actor, pool, edition.id).await?;
    Ok(row)
}

/// Changes how many seats a pool keeps, until when, and whether its people may take general ones, too. Seats that
/// become free pass on.
///
/// # Errors
/// [`Code::StaleVersion`]; faults of the draft; [`Code::IllegalTransition`] once it is released, or when the edition is
/// over.
pub async fn change_pool(
    app: &App,
    actor: &Actor,
    id: SeatPoolId,
    version: i64,
    draft: PoolDraft,
) -> Result<seat_pool::Model> {
    actor.signed_in()?;
    let tx = app.db.write().await?;
    let (edition, mut row) = load_pool(&tx, actor, id, version).await?;
    if row.released_at.is_some() {
        return Err(Error::at("seatPoolId", Code::IllegalTransition));
    }
    let ledger = seat_pool::ledger(&tx, &edition).await?;
    draft.check(&ledger, Some(&row.pool()?), app.clock.now()).check()?;
    let more = draft.seats - row.seats;
    seat_pool::set_draft(&tx, &mut row, draft).await?;
    let added = [(Seat::Of(id), more), (Seat::General, -more)];
    settle(&app.clock, &tx, actor.person, edition.id, &added).await?;
    let row = seat_pool::find(&tx, id).await?.unwrap_or(row);
    end(app, tx, actor, id, edition.id).await?;
    Ok(row)
}

/// Removes a pool: its seats are general from now on, those that are taken, too.
///
/// # Errors
/// [`Code::StaleVersion`]; [`Code::IllegalTransition`] when the edition is over.
pub async fn remove_pool(app: &App, actor: &Actor, id: SeatPoolId, version: i64) -> Result<edition::Model> {
    actor.signed_in()?;
    let tx = app.db.write().await?;
    let (edition, row) = load_pool(&tx, actor, id, version).await?;
    seat_pool::remove(&tx, id, app.clock.now()).await?;
    let from = if row.released_at.is_some() { "released" } else { "kept" };
    note(&app.clock, &tx, actor.person, id, (Some(from), "removed")).await?;
    let edition = settle(&app.clock, &tx, actor.person, edition.id, &row.given_to_all()).await?;
    end(app, tx, actor, id, edition.id).await?;
    Ok(edition)
}

/// Gives somebody who waits a rank, by which they come before those without one and after those with a smaller one; or
/// takes it away.
///
/// # Errors
/// [`Code::StaleVersion`]; [`Code::OutOfRange`]; [`Code::IllegalTransition`] for somebody who does not wait;
/// [`Code::OwnWork`] for one's own.
pub async fn rank(
    app: &App,
    actor: &Actor,
    id: EnrolmentId,
    version: i64,
    rank: Option<i64>,
) -> Result<enrolment::Model> {
    actor.signed_in()?;
    let tx = app.db.write().await?;
    let (edition, mut row) = load_one(&tx, actor, id).await?;
    demand(actor, Action::ManageSeats, relation(actor, &edition), None)?;
    refuse_own(actor, std::slice::from_ref(&row), |_| "enrolmentId".to_owned())?;
    expect_version("version", row.version, version)?;
    if !row.state.waits() {
        return Err(Error::at("enrolmentId", Code::IllegalTransition));
    }
    if let Some(rank) = rank {
        check_rank(rank, RANK_LIMIT)?;
    }
    waiting::set_rank(&tx, &mut row, rank).await?;
    audit::record(&tx, &app.clock, actor.person, Action::ManageSeats, &[id.into()], None).await?;
    tx.commit().await?;
    Ok(row)
}

/// A pool of an edition that the actor coordinates, the edition locked. Anybody else does not see it.
async fn load_pool(tx: &Tx, actor: &Actor, id: SeatPoolId, version: i64) -> Result<(edition::Model, seat_pool::Model)> {
    let absent = || Error::NotFound("input.seatPoolId");
    let seen = seat_pool::find(tx, id).await?.ok_or_else(absent)?;
    let edition = edition::lock(tx, seen.edition_id).await?.ok_or_else(absent)?;
    let relation = relation(actor, &edition);
    if !relation.edition {
        return Err(absent());
    }
    demand(actor, Action::ManageSeats, relation, None)?;
    let row = seat_pool::find(tx, id).await?.ok_or_else(absent)?;
    expect_version("version", row.version, version)?;
    edition.state.expect_going_on()?;
    Ok((edition, row))
}

/// What is free passes on, after a change of a pool in a locked edition has added so many seats of a kind.
async fn settle(
    clock: &Clock,
    tx: &Tx,
    actor: Option<PersonId>,
    id: EditionId,
    added: &[(Seat, i64)],
) -> Result<edition::Model> {
    // Read anew: the database has counted what is kept.
    let edition = edition::lock(tx, id)
        .await?
        .ok_or_else(|| Error::internal("a pool without edition"))?;
    let mut admissions = Admissions::at(clock, tx, actor, edition).await?;
    admissions.fill_added(added).await?;
    admissions.finish().await
}

/// Keeps what was done to a pool in the audit log, also as a thing of its edition, which outlives it and is followed.
async fn end(app: &App, tx: Tx, actor: &Actor, pool: SeatPoolId, edition: EditionId) -> Result<()> {
    let subjects = [pool.into(), edition.into()];
    audit::record(&tx, &app.clock, actor.person, Action::ManageSeats, &subjects, None).await?;
    tx.commit().await?;
    app.outbox.notify_one();
    Ok(())
}

async fn note(
    clock: &Clock,
    tx: &Tx,
    actor: Option<PersonId>,
    pool: SeatPoolId,
    (from, to): (Option<&'static str>, &'static str),
) -> Result<()> {
    let step = Step {
        subject: pool.into(),
        from,
        to,
        at: clock.now(),
        actor,
        reason: None,
    };
    history::record(tx, clock, &[step]).await
}
