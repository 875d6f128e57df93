//! What each assessor found in an application: append-only, the last finding of each counts.

use chrono::{DateTime, Utc};
use sea_orm::prelude::*;
use sea_orm::{FromQueryResult, JoinType, JsonValue as Json, QueryOrder, QuerySelect, Set};

use crate::clock::Clock;
use crate::domain::deliverable::Score;
use crate::domain::id::{EnrolmentId, PersonId};
use crate::domain::scoring::Finding;
use crate::error::{Error, Result};
use crate::store::{Tx, criteria, enrolment};

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

/// A finding, and the number of the criteria by which it was found.
#[derive(Debug, Clone, FromQueryResult)]
pub struct Numbered {
    /// The finding.
    #[sea_orm(nested)]
    pub row: Model,
    /// The number of the criteria.
    pub criteria: i64,
}

impl Numbered {
    /// The finding as the rule takes it.
    pub fn finding(&self) -> Finding {
        Finding {
            assessor: self.row.assessor_id,
            criteria: self.criteria,
            points: self.row.points,
        }
    }
}

/// How much was found in an application, by whichever criteria.
pub async fn count_of(tx: &Tx, of: EnrolmentId) -> Result<u64> {
    let rows = Entity::find().filter(Column::EnrolmentId.eq(of));
    Ok(rows.count(tx).await?)
}

/// All findings in these applications, the oldest first.
pub async fn of_enrolments(connection: &impl ConnectionTrait, ids: &[EnrolmentId]) -> Result<Vec<Numbered>> {
    let to_criteria = Entity::belongs_to(criteria::Entity)
        .from(Column::CriteriaId)
        .to(criteria::Column::Id);
    let rows = Entity::find()
        .column_as(criteria::Column::Number, "criteria")
        .join(JoinType::InnerJoin, to_criteria.into())
        .filter(Column::EnrolmentId.is_in(ids.iter().copied()))
        .order_by_asc(Column::ScoredAt)
        .order_by_asc(Column::Id)
        .into_model::<Numbered>();
    Ok(rows.all(connection).await?)
}

/// What was found in an application by these criteria, the oldest first, as the rule takes it.
pub async fn found_by(tx: &Tx, of: EnrolmentId, by: &criteria::Model) -> Result<Vec<Finding>> {
    let rows: Vec<(PersonId, i64)> = Entity::find()
        .select_only()
        .columns([Column::AssessorId, Column::Points])
        .filter(Column::EnrolmentId.eq(of))
        .filter(Column::CriteriaId.eq(by.id))
        .order_by_asc(Column::ScoredAt)
        .order_by_asc(Column::Id)
        .into_tuple()
        .all(tx)
        .await?;
    let finding = |(assessor, points)| Finding {
        assessor,
        criteria: by.number,
        points,
    };
    Ok(rows.into_iter().map(finding).collect())
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
