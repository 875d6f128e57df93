//! One immutable hand-in of a submission.

use chrono::{DateTime, Utc};
use sea_orm::{DeriveEntityModel, DerivePrimaryKey, DeriveRelation, EnumIter, PrimaryKeyTrait, EntityTrait, ActiveModelBehavior};

use crate::domain::id::{PersonId, SubmissionId, VersionId};

/// One immutable hand-in of a submission.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "submission_version")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: VersionId,
    pub submission_id: SubmissionId,
    pub number: i64,
    pub title: String,
    pub body: String,
    pub submitted_at: DateTime<Utc>,
    pub submitted_by: PersonId,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
