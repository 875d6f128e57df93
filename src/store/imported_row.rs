//! What the rows of imported tables said when they were carried out, by the digest of it. A row is known by the digest
//! of its address, and leads to its person when they have another address by now. Who guesses an address can test the
//! guess against a digest.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::prelude::*;
use sea_orm::sea_query::OnConflict;
use uuid::Uuid;

use super::{Tx, person};
use crate::domain::id::PersonId;
use crate::domain::roster::Kind;
use crate::error::Result;

/// What a row said.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "imported_row")]
#[allow(missing_docs, reason = "the columns are documented in the module")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: Kind,
    /// The edition; nil where there is none.
    #[sea_orm(primary_key, auto_increment = false)]
    pub scope_id: Uuid,
    /// The digest of the address.
    #[sea_orm(primary_key, auto_increment = false)]
    pub address: Vec<u8>,
    pub person_id: PersonId,
    pub content: Vec<u8>,
    pub imported_at: DateTime<Utc>,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What was carried out last for each of these addresses, by their digests.
pub async fn noted(
    connection: &impl ConnectionTrait,
    kind: Kind,
    scope: Uuid,
    addresses: &[Vec<u8>],
) -> Result<HashMap<Vec<u8>, Model>> {
    let rows = Entity::find()
        .filter(Column::Kind.eq(kind))
        .filter(Column::ScopeId.eq(scope))
        .filter(Column::Address.is_in(addresses.iter().cloned()))
        .all(connection)
        .await?;
    Ok(rows.into_iter().map(|row| (row.address.clone(), row)).collect())
}

/// The people of addresses that nobody has any more, by these: `gone` are the addresses, and whose they were. With
/// `held` the people are held against others who change them.
pub async fn moved(tx: &Tx, gone: &[(&str, PersonId)], held: bool) -> Result<HashMap<String, person::Model>> {
    if gone.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<PersonId> = gone.iter().map(|(_, id)| *id).collect();
    let people = if held {
        person::lock_all(tx, &ids).await?
    } else {
        person::by_ids(tx, &ids).await?
    };
    let people: HashMap<PersonId, person::Model> = people.into_iter().map(|row| (row.id, row)).collect();
    let found = gone
        .iter()
        .filter_map(|(email, id)| Some(((*email).to_owned(), people.get(id)?.clone())));
    Ok(found.collect())
}

/// Notes what is carried out now, in the place of what was before.
pub async fn note(tx: &Tx, rows: Vec<Model>) -> Result<()> {
    let said = OnConflict::columns([Column::Kind, Column::ScopeId, Column::Address])
        .update_columns([Column::PersonId, Column::Content, Column::ImportedAt])
        .to_owned();
    for batch in rows.chunks(1000) {
        Entity::insert_many(batch.iter().cloned().map(ActiveModel::from))
            .on_conflict(said.clone())
            .exec_without_returning(tx)
            .await?;
    }
    Ok(())
}
