//! A course of the catalogue.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

use crate::domain::id::CourseId;
use crate::error::Result;

/// A course of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "course")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: CourseId,
    pub code: String,
    pub titles: Json,
    pub descriptions: Json,
    pub objectives: Json,
    pub topics: Json,
    pub search_text: String,
    pub created_at: DateTime<Utc>,
    pub version: i64,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The rows with these identifiers, in no order; absent ones are left out.
pub async fn by_ids(connection: &impl ConnectionTrait, ids: &[CourseId]) -> Result<Vec<Model>> {
    Ok(Entity::find().filter(Column::Id.is_in(ids.iter().copied())).all(connection).await?)
}

/// The row with this identifier, if there is one.
pub async fn find(connection: &impl ConnectionTrait, id: CourseId) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(id).one(connection).await?)
}
