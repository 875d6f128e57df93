//! Institutions that were merged into another one, and where something still names them. How it comes to name the other
//! one is told where it is at home: roles, the seats that an edition keeps, nominations, enrolments.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait, UnionType};
use sea_orm::{QueryOrder, QuerySelect};

use super::{Column, Entity, Model, resolve};
use crate::domain::id::{EditionId, InstitutionId};
use crate::domain::institution::InstitutionState;
use crate::error::Result;
use crate::store::{Tx, enrolment, nomination, seat_pool, tally};

/// Stores that a locked organisation was merged into another one, with those that had been merged into it; its version
/// rises by one.
pub async fn merge(tx: &Tx, id: InstitutionId, into: InstitutionId, now: DateTime<Utc>) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::MergedInto, Expr::value(into.0))
        .filter(Column::MergedInto.eq(id))
        .exec(tx)
        .await?;
    Entity::update_many()
        .col_expr(Column::State, Expr::value(InstitutionState::Merged.word()))
        .col_expr(Column::MergedInto, Expr::value(into.0))
        .col_expr(Column::MergedAt, Expr::value(now))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(Column::Id.eq(id))
        .exec(tx)
        .await?;
    Ok(())
}

/// Up to `limit` of the merged organisations that something may still name, of those after `after`, by identifier.
pub async fn unfollowed(
    connection: &impl ConnectionTrait,
    after: Option<InstitutionId>,
    limit: u64,
) -> Result<Vec<Model>> {
    // Spelled out as the partial index has it.
    let mut list = Entity::find()
        .filter(Expr::cust("state = 'merged' AND followed_at IS NULL"))
        .order_by_asc(Column::Id)
        .limit(limit);
    if let Some(after) = after {
        list = list.filter(Column::Id.gt(after));
    }
    Ok(list.all(connection).await?)
}

/// Stores that nothing names a merged organisation any more.
pub async fn set_followed(tx: &Tx, id: InstitutionId, now: DateTime<Utc>) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::FollowedAt, Expr::value(now))
        .filter(Column::Id.eq(id))
        .exec(tx)
        .await?;
    Ok(())
}

/// How it is found out which enrolments name an organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// By the kept summaries, which tell it of every enrolment, and are much shorter.
    Summaries,
    /// By the enrolments themselves, every one of them.
    Enrolments,
}

/// The editions in which something names an organisation, in the order in which they are locked.
pub async fn editions_naming(
    connection: &impl ConnectionTrait,
    id: InstitutionId,
    look: Look,
) -> Result<BTreeSet<EditionId>> {
    let mut by_people = match look {
        Look::Summaries => enrolment::naming::editions_of_nominees(id),
        Look::Enrolments => enrolment::naming::editions(id),
    };
    let all = by_people
        .union(UnionType::Distinct, seat_pool::naming::editions(id))
        .union(UnionType::Distinct, nomination::naming::editions(id))
        .union(UnionType::Distinct, tally::editions_of(id));
    let found = connection.query_all(all).await?;
    let read = |row: sea_orm::QueryResult| row.try_get_by_index(0).map(EditionId);
    let editions: Result<_, DbErr> = found.into_iter().map(read).collect();
    Ok(editions?)
}

/// The organisation to which a merged one leads now.
pub async fn led_to(tx: &Tx, id: InstitutionId) -> Result<Option<Model>> {
    let row = resolve(tx, id).await?;
    Ok(row.filter(|row| row.id != id))
}
