//! What is asked for, with its rubric.

use chrono::{DateTime, Utc};
use sea_orm::{DeriveEntityModel, DerivePrimaryKey, DeriveRelation, EnumIter, PrimaryKeyTrait, EntityTrait, ActiveModelBehavior, JsonValue as Json};

use crate::domain::deliverable::DeliverableKind;
use crate::domain::id::{DeliverableId, EditionId};

/// What is asked for, with its rubric.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "deliverable")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: DeliverableId,
    pub edition_id: EditionId,
    pub kind: DeliverableKind,
    pub title: String,
    pub instructions: String,
    pub due_at: DateTime<Utc>,
    pub cut_off_at: DateTime<Utc>,
    pub weight: i64,
    pub rubric: Json,
    pub created_at: DateTime<Utc>,
    pub version: i64,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
