//! The people of one edition who hand in together.

use chrono::{DateTime, Utc};
use sea_orm::{DeriveEntityModel, DerivePrimaryKey, DeriveRelation, EnumIter, PrimaryKeyTrait, EntityTrait, ActiveModelBehavior};

use crate::domain::id::{EditionId, TeamId};

/// The people of one edition who hand in together.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "team")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: TeamId,
    pub edition_id: EditionId,
    pub name: String,
    pub created_at: DateTime<Utc>,
    pub version: i64,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
