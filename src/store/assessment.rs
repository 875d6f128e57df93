//! One assessor's scores and comment on one version.

use chrono::{DateTime, Utc};
use sea_orm::{DeriveEntityModel, DerivePrimaryKey, DeriveRelation, EnumIter, PrimaryKeyTrait, EntityTrait, ActiveModelBehavior, JsonValue as Json};

use crate::domain::id::{AssessmentId, PersonId, SubmissionId, VersionId};
use crate::domain::submission::Decision;

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
