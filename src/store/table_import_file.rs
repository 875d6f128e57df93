//! The files of tables that wait to be brought in; gone once they are.

use sea_orm::Set;
use sea_orm::entity::prelude::*;

use super::Tx;
use crate::domain::id::TableImportId;
use crate::error::Result;

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "table_import_file")]
#[allow(missing_docs, reason = "the columns are documented in the module")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub import_id: TableImportId,
    pub content: Vec<u8>,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The file, as long as it is there.
pub async fn find(connection: &impl ConnectionTrait, id: TableImportId) -> Result<Option<Vec<u8>>> {
    let row = Entity::find_by_id(id).one(connection).await?;
    Ok(row.map(|row| row.content))
}

/// Keeps one.
pub(super) async fn insert(tx: &Tx, id: TableImportId, content: Vec<u8>) -> Result<()> {
    let row = ActiveModel {
        import_id: Set(id),
        content: Set(content),
    };
    Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// Removes those that are there.
pub(super) async fn delete(tx: &Tx, ids: &[TableImportId]) -> Result<()> {
    Entity::delete_many()
        .filter(Column::ImportId.is_in(ids.iter().copied()))
        .exec(tx)
        .await?;
    Ok(())
}
