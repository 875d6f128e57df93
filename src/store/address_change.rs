//! New addresses of accounts that wait for their confirmation, by the digests of the tokens that were sent there.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::ExprTrait;
use sea_orm::{Condition, QuerySelect};

use super::{Db, Tx, one_time, row};
use crate::domain::id::{PersonId, SessionId};
use crate::error::Result;

one_time::table! {
    /// An address that waits.
    #[sea_orm(table_name = "address_change")]
    pub struct Model {
        pub person_id: PersonId,
        pub session_id: Option<SessionId>,
        pub email: String,
    }
}

/// Keeps a new one; those that the person still had are used up.
pub async fn replace(tx: &Tx, row: Model) -> Result<()> {
    retire(tx, row.person_id, row.issued_at).await?;
    row::insert(tx, row).await
}

/// Uses up every one of a person.
pub async fn retire(tx: &Tx, person: PersonId, now: DateTime<Utc>) -> Result<()> {
    one_time::use_up::<Entity>(tx, Column::PersonId.eq(person), now).await
}

/// Uses up every one of a person that was not asked for in the session `kept`.
pub async fn retire_of_others(tx: &Tx, person: PersonId, kept: Option<SessionId>, now: DateTime<Utc>) -> Result<()> {
    let theirs = Condition::all().add(Column::PersonId.eq(person));
    let others = kept.map(|kept| Column::SessionId.is_null().or(Column::SessionId.ne(kept)));
    one_time::use_up::<Entity>(tx, theirs.add_option(others), now).await
}

/// The live one with this digest.
pub async fn find_live(connection: &impl ConnectionTrait, hash: &[u8], now: DateTime<Utc>) -> Result<Option<Model>> {
    Ok(one_time::live::<Entity>(hash, now).one(connection).await?)
}

/// The same, its row held against others who use it.
pub async fn lock_live(tx: &Tx, hash: &[u8], now: DateTime<Utc>) -> Result<Option<Model>> {
    let row = one_time::live::<Entity>(hash, now).lock_exclusive();
    Ok(row.one(tx).await?)
}

/// Removes those that have run out, confirmed or not.
pub async fn forget_ended(db: &Db, now: DateTime<Utc>) -> Result<()> {
    one_time::forget_ended::<Entity>(db, now).await
}
