//! A grade as it was released; the latest one stands.

use chrono::{DateTime, Utc};
use sea_orm::{DeriveEntityModel, DerivePrimaryKey, DeriveRelation, EnumIter, PrimaryKeyTrait, EntityTrait, ActiveModelBehavior};

use crate::domain::id::{AssessmentId, GradeId, PersonId, SubmissionId};

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
