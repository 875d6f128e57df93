//! What the passing of a cut-off does to drafts.

use chrono::{DateTime, Utc};
use sea_orm::QuerySelect;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait, LockBehavior, LockType, Query};

use super::submission::{Column, Entity};
use super::{Tx, deliverable};
use crate::domain::id::SubmissionId;
use crate::domain::submission::SubmissionState;
use crate::error::Result;

/// What [`expire_drafts`] is about. The state is spelled out as the partial index does: with a bound value the planner
/// would not use it.
fn is_overdue(now: DateTime<Utc>) -> Expr {
    let passed = Query::select()
        .column(deliverable::Column::Id)
        .from(deliverable::Entity)
        .and_where(deliverable::Column::CutOffAt.lt(now))
        .to_owned();
    Expr::cust("state = 'draft'").and(Column::DeliverableId.in_subquery(passed))
}

/// Whether there is one for [`expire_drafts`].
pub async fn is_due(connection: &impl ConnectionTrait, now: DateTime<Utc>) -> Result<bool> {
    let found: Option<SubmissionId> = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(is_overdue(now))
        .limit(1)
        .into_tuple()
        .one(connection)
        .await?;
    Ok(found.is_some())
}

/// Turns up to `limit` drafts whose cut-off lies before `now` into `not_submitted`; the caller writes the history.
///
/// Drafts that nobody handed in only: a revision that was requested is taken after the cut-off too.
pub async fn expire_drafts(tx: &Tx, now: DateTime<Utc>, limit: u64) -> Result<Vec<SubmissionId>> {
    let drafts = Query::select()
        .column(Column::Id)
        .from(Entity)
        .and_where(is_overdue(now))
        .limit(limit)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .to_owned();
    let rows = Entity::update_many()
        .col_expr(Column::State, Expr::value(SubmissionState::NotSubmitted))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(Column::Id.in_subquery(drafts))
        .exec_with_returning(tx)
        .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}
