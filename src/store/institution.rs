//! A registered organisation.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

use crate::domain::id::InstitutionId;
use crate::domain::institution::InstitutionKind;
use crate::error::Result;

/// A registered organisation.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "institution")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: InstitutionId,
    pub code: Option<String>,
    pub name: String,
    pub aliases: Json,
    pub country: String,
    pub kind: InstitutionKind,
    pub merged_into: Option<InstitutionId>,
    pub created_at: DateTime<Utc>,
    pub version: i64,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The rows with these identifiers, in no order; absent ones are left out.
pub async fn by_ids(connection: &impl ConnectionTrait, ids: &[InstitutionId]) -> Result<Vec<Model>> {
    Ok(Entity::find().filter(Column::Id.is_in(ids.iter().copied())).all(connection).await?)
}

/// The row with this identifier, if there is one.
pub async fn find(connection: &impl ConnectionTrait, id: InstitutionId) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(id).one(connection).await?)
}
