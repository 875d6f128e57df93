//! One synchronous session of an edition.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveModelBehavior, DeriveEntityModel, DerivePrimaryKey, DeriveRelation, EntityTrait, EnumIter, PrimaryKeyTrait,
};

use crate::domain::id::{EditionId, MeetingId};

/// One synchronous session of an edition.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "meeting")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: MeetingId,
    pub edition_id: EditionId,
    pub number: i64,
    pub starts_at: DateTime<Utc>,
    pub minutes: i64,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
