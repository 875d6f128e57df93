//! A person: an account.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

use crate::domain::id::PersonId;
use crate::domain::language::Language;
use crate::error::Result;

/// A person: an account.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "person")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: PersonId,
    pub number: i64,
    pub email: String,
    pub given_name: String,
    pub family_name: String,
    pub language: Language,
    pub time_zone: String,
    pub password_hash: Option<String>,
    pub email_confirmed_at: Option<DateTime<Utc>>,
    pub disabled_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub version: i64,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The rows with these identifiers, in no order; absent ones are left out.
pub async fn by_ids(connection: &impl ConnectionTrait, ids: &[PersonId]) -> Result<Vec<Model>> {
    Ok(Entity::find().filter(Column::Id.is_in(ids.iter().copied())).all(connection).await?)
}

/// The row with this identifier, if there is one.
pub async fn find(connection: &impl ConnectionTrait, id: PersonId) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(id).one(connection).await?)
}
