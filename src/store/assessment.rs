//! One assessor's scores and comment on one version.

use chrono::{DateTime, Utc};
use sea_orm::prelude::*;
use sea_orm::{JsonValue as Json, QueryOrder, Set};

use super::Tx;
use crate::clock::Clock;
use crate::domain::deliverable::Score;
use crate::domain::id::{AssessmentId, PersonId, SubmissionId, VersionId};
use crate::domain::submission::Decision;
use crate::error::{Error, Result};

/// One assessor's scores and comment on one version.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "assessment")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AssessmentId,
    pub submission_id: SubmissionId,
    pub version_id: VersionId,
    pub assessor_id: PersonId,
    pub decision: Decision,
    pub scores: Json,
    pub points: Option<i64>,
    pub comment: String,
    pub assessed_at: DateTime<Utc>,
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

/// What an assessor says about a version.
#[derive(Debug, Clone)]
pub struct Finding<'a> {
    /// The work.
    pub submission: SubmissionId,
    /// The version that was read.
    pub version: VersionId,
    /// Who read it.
    pub assessor: PersonId,
    /// What was decided.
    pub decision: Decision,
    /// The level reached in each criterion; may be empty with a revision.
    pub scores: &'a [Score],
    /// The grade, in thousandths; `None` with a revision.
    pub points: Option<i64>,
    /// What the assessor says to the authors.
    pub comment: &'a str,
}

/// The assessments of these submissions, the oldest first.
pub async fn of_submissions(connection: &impl ConnectionTrait, submissions: &[SubmissionId]) -> Result<Vec<Model>> {
    let rows = Entity::find()
        .filter(Column::SubmissionId.is_in(submissions.iter().copied()))
        .order_by_asc(Column::AssessedAt)
        .order_by_asc(Column::Id);
    Ok(rows.all(connection).await?)
}

/// Stores an assessment; earlier ones stay as they are.
pub async fn insert(tx: &Tx, clock: &Clock, finding: &Finding<'_>) -> Result<AssessmentId> {
    let id = AssessmentId(clock.new_id());
    let row = ActiveModel {
        id: Set(id),
        submission_id: Set(finding.submission),
        version_id: Set(finding.version),
        assessor_id: Set(finding.assessor),
        decision: Set(finding.decision),
        scores: Set(serde_json::to_value(finding.scores).map_err(Error::internal)?),
        points: Set(finding.points),
        comment: Set(finding.comment.to_owned()),
        assessed_at: Set(clock.now()),
    };
    Entity::insert(row).exec_without_returning(tx).await?;
    Ok(id)
}
