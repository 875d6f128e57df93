//! The answer of a team or a person to a deliverable.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, LockBehavior, LockType, Query};
use sea_orm::{
    ActiveModelBehavior, ColumnTrait, DeriveEntityModel, DerivePrimaryKey, DeriveRelation, EntityTrait, EnumIter,
    PrimaryKeyTrait, QueryFilter,
};

use super::{Tx, deliverable};
use crate::domain::id::{DeliverableId, EditionId, EnrolmentId, SubmissionId, TeamId};
use crate::domain::submission::SubmissionState;
use crate::error::Result;

/// The answer of a team or a person to a deliverable.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "submission")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: SubmissionId,
    pub deliverable_id: DeliverableId,
    pub edition_id: EditionId,
    pub team_id: Option<TeamId>,
    pub enrolment_id: Option<EnrolmentId>,
    pub state: SubmissionState,
    pub draft_title: String,
    pub draft_body: String,
    pub current_number: i64,
    pub counted_for: Option<EnrolmentId>,
    pub handed_in_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub version: i64,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Turns up to `limit` drafts whose cut-off lies before `now` into `not_submitted`; the caller writes the history.
///
/// Drafts that nobody handed in only: a revision that was requested is taken after the cut-off too.
pub async fn expire_drafts(tx: &Tx, now: DateTime<Utc>, limit: u64) -> Result<Vec<SubmissionId>> {
    let passed = Query::select()
        .column(deliverable::Column::Id)
        .from(deliverable::Entity)
        .and_where(deliverable::Column::CutOffAt.lt(now))
        .to_owned();
    // The state is spelled out as the partial index does: with a bound value the planner would not use it.
    let drafts = Query::select()
        .column(Column::Id)
        .from(Entity)
        .and_where(Expr::cust("state = 'draft'"))
        .and_where(Column::DeliverableId.in_subquery(passed))
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
