//! Tokens that set a new password, by their digests.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

use super::{Db, Tx, one_time, row};
use crate::domain::id::PersonId;
use crate::error::Result;

one_time::table! {
    /// A token, by its digest.
    #[sea_orm(table_name = "password_reset")]
    pub struct Model {
        pub person_id: PersonId,
    }
}

/// Keeps a new token; those that the person still had are used up.
pub async fn replace(tx: &Tx, token: Model) -> Result<()> {
    retire(tx, token.person_id, token.issued_at).await?;
    row::insert(tx, token).await
}

/// Uses up every live token of a person.
pub async fn retire(tx: &Tx, person: PersonId, now: DateTime<Utc>) -> Result<()> {
    one_time::use_up::<Entity>(tx, Column::PersonId.eq(person), now).await
}

/// Whose live token it is.
pub async fn find_owner(
    connection: &impl ConnectionTrait,
    hash: &[u8],
    now: DateTime<Utc>,
) -> Result<Option<PersonId>> {
    let row = one_time::live::<Entity>(hash, now).one(connection).await?;
    Ok(row.map(|row| row.person_id))
}

/// Uses a live token of a person up; of several who try at once one is told that it was.
pub async fn redeem(tx: &Tx, hash: &[u8], owner: PersonId, now: DateTime<Utc>) -> Result<bool> {
    let row = one_time::redeem::<Entity>(tx, hash, Column::PersonId.eq(owner), now).await?;
    Ok(row.is_some())
}

/// Removes those that have run out, used or not.
pub async fn forget_ended(db: &Db, now: DateTime<Utc>) -> Result<()> {
    one_time::forget_ended::<Entity>(db, now).await
}
