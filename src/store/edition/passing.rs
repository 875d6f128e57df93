//! The editions that time may have to move.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait, LockBehavior, LockType, Query};
use sea_orm::{Condition, QueryOrder, QuerySelect};

use super::{Column, Entity, Model};
use crate::domain::edition::EditionState;
use crate::domain::id::EditionId;
use crate::error::Result;
use crate::store::{Tx, shortfall};

/// What time moves on, as the partial index says it: with bound values the planner would not use it.
const MOVED_BY_TIME: &str = "state IN ('announced', 'enrolling', 'enrolment_closed', 'running')";

/// The edition, locked until the transaction ends; `None` also while somebody else has it.
pub async fn lock_free(tx: &Tx, id: EditionId) -> Result<Option<Model>> {
    let mut select = Entity::find_by_id(id);
    QuerySelect::query(&mut select).lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    Ok(select.one(tx).await?)
}

/// The editions that time may have to move at `now`, up to `limit` of those after `after`, by identifier. Some are a
/// day early: which day it is depends on the zone, which [`Model::due`] knows. One that is short of people, as was
/// noted for its first day, is not among them.
pub async fn due(
    connection: &impl ConnectionTrait,
    now: DateTime<Utc>,
    after: Option<EditionId>,
    limit: u64,
) -> Result<Vec<Model>> {
    // No zone is further ahead.
    let latest = (now + TimeDelta::hours(14)).date_naive();
    let is = |state| Column::State.eq(state);
    let noted = Query::select()
        .expr(Expr::val(1))
        .from(shortfall::Entity)
        .and_where(Expr::col((shortfall::Entity, shortfall::Column::EditionId)).equals((Entity, Column::Id)))
        .and_where(Expr::col((shortfall::Entity, shortfall::Column::StartsOn)).equals((Entity, Column::StartsOn)))
        .to_owned();
    let can_begin = Condition::any()
        .add(Expr::col((Entity, Column::SeatsTaken)).gte(Expr::col((Entity, Column::Minimum))))
        .add(Expr::exists(noted).not());
    let due = Condition::any()
        .add(is(EditionState::Announced).and(Column::EnrolsFrom.lte(now)))
        .add(is(EditionState::Enrolling).and(Column::EnrolsUntil.lt(now)))
        .add(
            Condition::all()
                .add(is(EditionState::EnrolmentClosed))
                .add(Column::StartsOn.lte(latest))
                .add(can_begin),
        )
        .add(is(EditionState::Running).and(Column::EndsOn.lt(latest)));
    let mut list = Entity::find().filter(Expr::cust(MOVED_BY_TIME)).filter(due);
    if let Some(after) = after {
        list = list.filter(Column::Id.gt(after));
    }
    Ok(list.order_by_asc(Column::Id).limit(limit).all(connection).await?)
}
