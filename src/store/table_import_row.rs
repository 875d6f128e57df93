//! What came of each row of a table that was brought in. It says lines and columns, and nothing of what stood there.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

use super::Tx;
use super::page::{Key, Page, Place, Wanted, fetch};
use crate::domain::enrolment::EnrolmentState;
use crate::domain::id::TableImportId;
use crate::domain::roster::Outcome;
use crate::error::Result;

/// What came of a row.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "table_import_row")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    /// In the order of the file.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub import_id: TableImportId,
    /// When the whole table was done; the same for all its rows.
    pub at: DateTime<Utc>,
    pub line: i64,
    pub outcome: Outcome,
    pub state: Option<EnrolmentState>,
    pub faults: Json,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A page of the rows of a table, in the order of the file; of some outcomes, or of all where none is named.
pub async fn page(
    connection: &impl ConnectionTrait,
    import: TableImportId,
    outcomes: &[Outcome],
    wanted: &Wanted,
) -> Result<Page<Model>> {
    let mut list = Entity::find().filter(Column::ImportId.eq(import));
    if !outcomes.is_empty() {
        list = list.filter(Column::Outcome.is_in(outcomes.iter().copied()));
    }
    fetch(connection, list, (Column::At, Column::Id), false, wanted).await
}

/// Where a row stands in a [`page`].
pub fn page_place(row: &Model) -> Place {
    Place {
        key: Key::Instant(row.at),
        id: row.id,
    }
}

/// Removes those of some tables.
pub(super) async fn delete(tx: &Tx, imports: &[TableImportId]) -> Result<()> {
    Entity::delete_many()
        .filter(Column::ImportId.is_in(imports.iter().copied()))
        .exec(tx)
        .await?;
    Ok(())
}
