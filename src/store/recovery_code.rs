//! Recovery codes, by their digests: each works once in the place of a device that was lost.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, PaginatorTrait, sea_query::Expr};

use super::Tx;
use crate::domain::id::PersonId;
use crate::error::Result;

/// A recovery code, by its digest.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "recovery_code")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: Vec<u8>,
    pub person_id: PersonId,
    pub issued_at: DateTime<Utc>,
    pub used_at: Option<DateTime<Utc>>,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Keeps a new list in the place of the one before it.
pub async fn replace(tx: &Tx, person: PersonId, hashes: Vec<Vec<u8>>, now: DateTime<Utc>) -> Result<()> {
    remove(tx, person).await?;
    let rows = hashes.into_iter().map(|hash| ActiveModel {
        hash: Set(hash),
        person_id: Set(person),
        issued_at: Set(now),
        used_at: Set(None),
    });
    Entity::insert_many(rows).exec_without_returning(tx).await?;
    Ok(())
}

/// Removes the person's list.
pub async fn remove(tx: &Tx, person: PersonId) -> Result<()> {
    Entity::delete_many()
        .filter(Column::PersonId.eq(person))
        .exec(tx)
        .await?;
    Ok(())
}

/// How many codes of the person's list still work.
pub async fn count(connection: &impl ConnectionTrait, person: PersonId) -> Result<u64> {
    Ok(Entity::find()
        .filter(Column::PersonId.eq(person))
        .filter(Column::UsedAt.is_null())
        .count(connection)
        .await?)
}

/// Uses a code up; whether it was one that still worked. Of several who try at once one is told yes.
pub async fn redeem(tx: &Tx, person: PersonId, hash: &[u8], now: DateTime<Utc>) -> Result<bool> {
    let done = Entity::update_many()
        .col_expr(Column::UsedAt, Expr::value(now))
        .filter(Column::Hash.eq(hash.to_vec()))
        .filter(Column::PersonId.eq(person))
        .filter(Column::UsedAt.is_null())
        .exec(tx)
        .await?;
    Ok(done.rows_affected == 1)
}
