//! What the rows of imported tables of nominations said when they were carried out, by the digest of it. A row is known
//! by the digest of its address. Who guesses an address can test the guess against a digest.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, OnConflict};

use super::{Tx, institution};
use crate::domain::id::{EditionId, InstitutionId};
use crate::error::Result;

/// What a row said.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "imported_nomination")]
#[allow(missing_docs, reason = "the columns are documented in the module")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub edition_id: EditionId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub institution_id: InstitutionId,
    /// The digest of the address.
    #[sea_orm(primary_key, auto_increment = false)]
    pub address: Vec<u8>,
    pub content: Vec<u8>,
    pub imported_at: DateTime<Utc>,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What was carried out last for each of these addresses, by their digests: of an institution, or of one that was
/// merged into it.
pub async fn noted(
    connection: &impl ConnectionTrait,
    edition: EditionId,
    institution: InstitutionId,
    addresses: &[Vec<u8>],
) -> Result<HashMap<Vec<u8>, Vec<u8>>> {
    let rows = Entity::find()
        .filter(Column::EditionId.eq(edition))
        .filter(institution::family(
            Expr::col((Entity, Column::InstitutionId)),
            &[institution],
        ))
        .filter(Column::Address.is_in(addresses.iter().cloned()))
        .all(connection)
        .await?;
    Ok(rows.into_iter().map(|row| (row.address, row.content)).collect())
}

/// Notes what is carried out now, in the place of what was before.
pub async fn note(tx: &Tx, rows: Vec<Model>) -> Result<()> {
    let said = OnConflict::columns([Column::EditionId, Column::InstitutionId, Column::Address])
        .update_columns([Column::Content, Column::ImportedAt])
        .to_owned();
    for batch in rows.chunks(1000) {
        let rows = batch.iter().cloned().map(|row| ActiveModel {
            edition_id: Set(row.edition_id),
            institution_id: Set(row.institution_id),
            address: Set(row.address),
            content: Set(row.content),
            imported_at: Set(row.imported_at),
        });
        Entity::insert_many(rows)
            .on_conflict(said.clone())
            .exec_without_returning(tx)
            .await?;
    }
    Ok(())
}
