//! What each assessor found in an application: append-only, the last finding of each counts.

use chrono::{DateTime, Utc};
use sea_orm::prelude::*;
use sea_orm::{JsonValue as Json, QueryOrder, Set};

use crate::clock::Clock;
use crate::domain::deliverable::Score;
use crate::domain::id::{EnrolmentId, PersonId};
use crate::error::{Error, Result};
use crate::store::{Tx, enrolment};

/// What an assessor found in an application.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "admission_score")]
pub struct Model {
    /// Which finding.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// In which application.
    pub enrolment_id: EnrolmentId,
    /// By which criteria.
    pub criteria_id: Uuid,
    /// Whose.
    pub assessor_id: PersonId,
    /// The level reached in each criterion.
    pub scores: Json,
    /// The grade that follows from them, in thousandths of 100.
    pub points: i64,
    /// What the assessor says to the others.
    pub comment: String,
    /// When.
    pub scored_at: DateTime<Utc>,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The scores, as they were stored.
    pub fn scores(&self) -> Result<Vec<Score>> {
        serde_json::from_value(self.scores.clone()).map_err(Error::internal)
    }
}

/// A finding that is to be stored.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// In which application.
    pub enrolment: EnrolmentId,
    /// By which criteria.
    pub criteria: Uuid,
    /// Whose.
    pub assessor: PersonId,
    /// The level reached in each criterion.
    pub scores: &'a [Score],
    /// The grade that follows from them, in thousandths of 100.
    pub points: i64,
    /// What the assessor says to the others.
    pub comment: &'a str,
}

/// Stores a finding; earlier ones stay as they are.
pub async fn insert(tx: &Tx, clock: &Clock, found: Found<'_>) -> Result<()> {
    let row = ActiveModel {
        id: Set(clock.new_id()),
        enrolment_id: Set(found.enrolment),
        criteria_id: Set(found.criteria),
        assessor_id: Set(found.assessor),
        scores: Set(serde_json::to_value(found.scores).map_err(Error::internal)?),
        points: Set(found.points),
        comment: Set(found.comment.to_owned()),
        scored_at: Set(clock.now()),
    };
    Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// All findings in these applications, the oldest first.
pub async fn of_enrolments(connection: &impl ConnectionTrait, ids: &[EnrolmentId]) -> Result<Vec<Model>> {
    let rows = Entity::find()
        .filter(Column::EnrolmentId.is_in(ids.iter().copied()))
        .order_by_asc(Column::ScoredAt)
        .order_by_asc(Column::Id);
    Ok(rows.all(connection).await?)
}

/// Stores the mean of a locked enrolment. Its version stays: nobody's decision on it is stale by that.
pub async fn set_mean(tx: &Tx, row: &mut enrolment::Model, mean: Option<i64>) -> Result<()> {
    row.score = mean.unwrap_or(enrolment::UNSCORED);
    enrolment::Entity::update_many()
        .col_expr(enrolment::Column::Score, Expr::value(row.score))
        .filter(enrolment::Column::Id.eq(row.id))
        .exec(tx)
        .await?;
    Ok(())
}
