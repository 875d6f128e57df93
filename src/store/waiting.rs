//! Those who wait for a seat: by the rank that a coordinator gave them, then by time of application.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait, Order, SelectStatement};
use sea_orm::{Condition, FromQueryResult, QueryOrder, QuerySelect};

use super::announce::Topic;
use super::enrolment::{Column, Entity, Model, in_states};
use super::{Tx, row};
use crate::domain::id::{EditionId, EnrolmentId, InstitutionId};
use crate::domain::person::ConstituentGroup;
use crate::domain::seats::{KeptFor, Ledger, Origin, Pool, Seat};
use crate::error::Result;

/// Who waits, and is offered nothing, as the partial index says it: with a bound value the planner would not use it.
pub(super) const WAITING: &str = "state = 'waitlisted' AND offered_until IS NULL";

/// Their order, as the index says it.
const RANK: &str = "COALESCE(waiting_rank, 2147483647)";

/// Those who wait for a seat of the edition, without columns.
pub(super) fn in_line(edition: EditionId) -> SelectStatement {
    in_states(edition, WAITING.to_owned())
}

/// Whom a pool is kept for.
fn is_kept_for(kept_for: &KeptFor) -> Expr {
    match kept_for {
        KeptFor::Institution(id) => Column::InstitutionId.is_not_null().and(Column::InstitutionId.eq(*id)),
        KeptFor::Group(group) => Column::ConstituentGroup.eq(*group),
        KeptFor::Country(country) => Column::Country.eq(country.as_ref()),
    }
}

/// Whom any of these pools is kept for.
fn belongs<'a>(pools: impl Iterator<Item = &'a Pool>) -> Condition {
    let nobody = Condition::any().add(row::nothing());
    pools.fold(nobody, |any, pool| any.add(is_kept_for(&pool.kept_for)))
}

/// Who may take a seat of one of these kinds, as [`Ledger::choices`] has it.
fn may_take(ledger: &Ledger, seats: &[Seat]) -> Condition {
    let pools = ledger.pools();
    let may = belongs(pools.iter().filter(|pool| seats.contains(&Seat::Of(pool.id))));
    if !seats.contains(&Seat::General) {
        return may;
    }
    may.add(belongs(pools.iter()).not())
        .add(belongs(pools.iter().filter(|pool| pool.overflow)))
}

fn line(edition: EditionId, ledger: &Ledger, seats: &[Seat]) -> Select<Entity> {
    let list = Entity::find()
        .filter(Column::EditionId.eq(edition))
        .filter(Expr::cust(WAITING));
    // Where nothing is kept, everybody may take what there is.
    if ledger.pools().is_empty() {
        return list;
    }
    list.filter(may_take(ledger, seats))
}

/// The first `count` who wait for a seat of the edition of one of these kinds, without the `spared` ones, locked.
pub async fn next_in_line(
    tx: &Tx,
    edition: EditionId,
    ledger: &Ledger,
    seats: &[Seat],
    spared: &BTreeSet<EnrolmentId>,
    count: u64,
) -> Result<Vec<Model>> {
    let mut list = line(edition, ledger, seats);
    if !spared.is_empty() {
        list = list.filter(Column::Id.is_not_in(spared.iter().copied()));
    }
    let list = list
        .order_by(Expr::cust(RANK), Order::Asc)
        .order_by_asc(Column::AppliedAt)
        .order_by_asc(Column::Id)
        .limit(count);
    Ok(list.lock_exclusive().all(tx).await?)
}

/// Whether anybody waits who may take a seat of this kind.
pub async fn is_wanted(tx: &Tx, edition: EditionId, ledger: &Ledger, seat: Seat) -> Result<bool> {
    Ok(line(edition, ledger, &[seat]).one(tx).await?.is_some())
}

/// What decides on seats, of everybody who waits for one of the edition; those who are alike stand here once.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
#[allow(missing_docs, reason = "named as in the enrolment")]
pub struct Alike {
    pub institution_id: Option<InstitutionId>,
    pub country: String,
    pub constituent_group: ConstituentGroup,
}

impl Alike {
    /// What decides which seats they may take.
    pub fn origin(&self) -> Origin<'_> {
        Origin {
            institution: self.institution_id,
            country: &self.country,
            group: self.constituent_group,
        }
    }
}

/// Those who wait for a seat of the edition, as far as it matters for its ledger: where nothing is kept, one stands for
/// all.
pub async fn alike(tx: &Tx, edition: EditionId, ledger: &Ledger) -> Result<Vec<Alike>> {
    let mut list = Entity::find()
        .select_only()
        .columns([Column::InstitutionId, Column::Country, Column::ConstituentGroup])
        .filter(Column::EditionId.eq(edition))
        .filter(Expr::cust(WAITING));
    list = if ledger.pools().is_empty() {
        list.limit(1)
    } else {
        list.distinct()
    };
    Ok(list.into_model().all(tx).await?)
}

/// Stores that seats of this kind are offered to enrolments, which must be locked; every version rises by one.
pub async fn offer(tx: &Tx, rows: &[Model], until: DateTime<Utc>, seat: Seat) -> Result<()> {
    for batch in rows.chunks(10_000) {
        for row in batch {
            announce(tx, row);
        }
        Entity::update_many()
            .col_expr(Column::OfferedUntil, Expr::value(until))
            .col_expr(Column::SeatPoolId, Expr::value(seat.pool().map(|pool| pool.0)))
            .col_expr(Column::Version, Expr::col(Column::Version).add(1))
            .filter(Column::Id.is_in(batch.iter().map(|row| row.id)))
            .exec(tx)
            .await?;
    }
    Ok(())
}

/// Tells those who follow it of what no figure counts: an offer, or another place in the line.
fn announce(tx: &Tx, row: &Model) {
    tx.announce(Topic::Person(row.person_id));
    tx.announce(Topic::Edition(row.edition_id));
}

/// Stores the rank of a locked enrolment; its version rises by one.
pub async fn set_rank(tx: &Tx, row: &mut Model, rank: Option<i64>) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::WaitingRank, Expr::value(rank))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(Column::Id.eq(row.id))
        .exec(tx)
        .await?;
    announce(tx, row);
    row.waiting_rank = rank;
    row.version += 1;
    Ok(())
}

fn overdue(now: DateTime<Utc>) -> Select<Entity> {
    Entity::find()
        .filter(Column::OfferedUntil.is_not_null())
        .filter(Column::OfferedUntil.lte(now))
}

/// Up to `limit` editions with offers whose time ran out, of those after `after`, by identifier.
pub async fn all_overdue(
    connection: &impl ConnectionTrait,
    now: DateTime<Utc>,
    after: Option<EditionId>,
    limit: u64,
) -> Result<Vec<EditionId>> {
    let mut list = overdue(now)
        .select_only()
        .column(Column::EditionId)
        .distinct()
        .order_by_asc(Column::EditionId)
        .limit(limit);
    if let Some(after) = after {
        list = list.filter(Column::EditionId.gt(after));
    }
    Ok(list.into_tuple().all(connection).await?)
}

/// Up to `count` of the edition's enrolments whose offers ran out, the first ones first, locked.
pub async fn lock_overdue(tx: &Tx, edition: EditionId, now: DateTime<Utc>, count: u64) -> Result<Vec<Model>> {
    let rows = overdue(now)
        .filter(Column::EditionId.eq(edition))
        .order_by_asc(Column::OfferedUntil)
        .order_by_asc(Column::Id)
        .limit(count);
    Ok(rows.lock_exclusive().all(tx).await?)
}
