//! A tutor's charge of one team.

use chrono::{DateTime, Utc};
use sea_orm::QuerySelect;
use sea_orm::entity::prelude::*;

use crate::domain::id::{AllocationId, EditionId, PersonId, TeamId};
use crate::error::Result;

/// A tutor's charge of one team.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tutor_allocation")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AllocationId,
    pub edition_id: EditionId,
    pub team_id: TeamId,
    pub person_id: PersonId,
    pub from_at: DateTime<Utc>,
    pub until_at: Option<DateTime<Utc>>,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The editions in which the person is allocated to a team.
pub async fn editions_of(connection: &impl ConnectionTrait, person: PersonId) -> Result<Vec<EditionId>> {
    let editions = Entity::find()
        .select_only()
        .column(Column::EditionId)
        .distinct()
        .filter(Column::PersonId.eq(person))
        .filter(Column::UntilAt.is_null())
        .into_tuple()
        .all(connection)
        .await?;
    Ok(editions)
}
