//! For which first day the coordinators of an edition were told that too few people have a seat to begin.

use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;

use super::Tx;
use crate::domain::id::EditionId;
use crate::error::Result;

/// For which first day the coordinators of an edition were told.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "edition_shortfall")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub edition_id: EditionId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub starts_on: NaiveDate,
    pub told_at: DateTime<Utc>,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Notes that they are told; whether they were not before.
pub async fn note(tx: &Tx, edition: EditionId, starts_on: NaiveDate, now: DateTime<Utc>) -> Result<bool> {
    let row = ActiveModel {
        edition_id: Set(edition),
        starts_on: Set(starts_on),
        told_at: Set(now),
    };
    let once = OnConflict::columns([Column::EditionId, Column::StartsOn])
        .do_nothing()
        .to_owned();
    let noted = Entity::insert(row).on_conflict(once).exec_without_returning(tx).await?;
    Ok(noted > 0)
}
