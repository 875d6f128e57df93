//! The decided outcome of an enrolment with its evidence.

use chrono::{DateTime, Utc};
use sea_orm::{DeriveEntityModel, DerivePrimaryKey, DeriveRelation, EnumIter, PrimaryKeyTrait, EntityTrait, ActiveModelBehavior, JsonValue as Json};

use crate::domain::id::{CompletionId, EnrolmentId, PersonId};

/// The decided outcome of an enrolment with its evidence.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "completion")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: CompletionId,
    pub enrolment_id: EnrolmentId,
    pub outcome: String,
    pub evidence: Json,
    pub decided_at: DateTime<Utc>,
    pub decided_by: Option<PersonId>,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
