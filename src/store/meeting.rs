//! One synchronous session of an edition.

use chrono::{DateTime, Utc};
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;

use crate::domain::id::{EditionId, MeetingId};
use crate::error::Result;

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

/// The meetings of these editions, in their order.
pub async fn of_editions(connection: &impl ConnectionTrait, editions: &[EditionId]) -> Result<Vec<Model>> {
    let rows = Entity::find()
        .filter(Column::EditionId.is_in(editions.iter().copied()))
        .order_by_asc(Column::EditionId)
        .order_by_asc(Column::Number);
    Ok(rows.all(connection).await?)
}
