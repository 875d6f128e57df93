//! A grade as it was released; the latest one stands.

use chrono::{DateTime, Utc};
use sea_orm::prelude::*;
use sea_orm::{QueryOrder, Set};

use super::Tx;
use crate::clock::Clock;
use crate::domain::id::{AssessmentId, GradeId, PersonId, SubmissionId};
use crate::error::Result;

/// A grade as it was released; the latest one stands.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "grade")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: GradeId,
    pub submission_id: SubmissionId,
    pub assessment_id: Option<AssessmentId>,
    pub value: i64,
    pub reason: Option<String>,
    pub released_at: DateTime<Utc>,
    pub released_by: Option<PersonId>,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The grades of these submissions, the oldest first: the last one of each stands.
pub async fn of_submissions(connection: &impl ConnectionTrait, submissions: &[SubmissionId]) -> Result<Vec<Model>> {
    let rows = Entity::find()
        .filter(Column::SubmissionId.is_in(submissions.iter().copied()))
        .order_by_asc(Column::ReleasedAt)
        .order_by_asc(Column::Id);
    Ok(rows.all(connection).await?)
}

/// Releases a grade; earlier ones stay as they are. `reason` says why it is not the one of the assessment.
pub async fn insert(
    tx: &Tx,
    clock: &Clock,
    submission: SubmissionId,
    assessment: Option<AssessmentId>,
    value: i64,
    reason: Option<&str>,
    released_by: Option<PersonId>,
) -> Result<GradeId> {
    let id = GradeId(clock.new_id());
    let row = ActiveModel {
        id: Set(id),
        submission_id: Set(submission),
        assessment_id: Set(assessment),
        value: Set(value),
        reason: Set(reason.map(ToOwned::to_owned)),
        released_at: Set(clock.now()),
        released_by: Set(released_by),
    };
    Entity::insert(row).exec_without_returning(tx).await?;
    Ok(id)
}
