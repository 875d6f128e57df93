//! Sign-ins that wait for their second factor, by the digests of their tokens.

use chrono::{DateTime, Utc};
use sea_orm::QuerySelect;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait};

use super::{Db, Tx, one_time, row};
use crate::domain::id::PersonId;
use crate::error::Result;

one_time::table! {
    /// A sign-in that waits.
    #[sea_orm(table_name = "sign_in_challenge")]
    pub struct Model {
        pub person_id: PersonId,
        pub attempts: i64,
        pub client: Option<String>,
    }
}

/// Keeps a new one.
pub async fn insert(tx: &Tx, row: Model) -> Result<()> {
    row::insert(tx, row).await
}

/// The one with this digest, if there is one.
pub async fn find(connection: &impl ConnectionTrait, hash: &[u8]) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(hash.to_vec()).one(connection).await?)
}

/// The same, its row held against others who use it.
pub async fn lock(tx: &Tx, hash: &[u8]) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(hash.to_vec()).lock_exclusive().one(tx).await?)
}

/// Counts a try.
pub async fn count_attempt(tx: &Tx, hash: &[u8]) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1_i64))
        .filter(Column::Hash.eq(hash.to_vec()))
        .exec(tx)
        .await?;
    Ok(())
}

/// Uses one up.
pub async fn set_used(tx: &Tx, hash: &[u8], now: DateTime<Utc>) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::UsedAt, Expr::value(now))
        .filter(Column::Hash.eq(hash.to_vec()))
        .exec(tx)
        .await?;
    Ok(())
}

/// Uses up every one of a person.
pub async fn retire(tx: &Tx, person: PersonId, now: DateTime<Utc>) -> Result<()> {
    one_time::use_up::<Entity>(tx, Column::PersonId.eq(person), now).await
}

/// Removes those that have run out, given up or not.
pub async fn forget_ended(db: &Db, now: DateTime<Utc>) -> Result<()> {
    one_time::forget_ended::<Entity>(db, now).await
}
