//! Identities that wait until the owner of an account says that they are theirs, by the digests of the tokens that were
//! sent to the account's address.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{Condition, QuerySelect};

use super::{Db, Tx, one_time, row};
use crate::domain::id::PersonId;
use crate::error::Result;

one_time::table! {
    /// An identity that waits.
    #[sea_orm(table_name = "identity_claim")]
    pub struct Model {
        pub person_id: PersonId,
        /// The digest of the handle with which the sign-in was completed: its holder alone confirms.
        pub sign_in: Vec<u8>,
        pub provider: String,
        pub issuer: String,
        pub subject: String,
    }
}

/// Keeps a new one; those of the same identity that the person still had are used up. Those of others stay: a stranger
/// who comes with the person's address takes nothing from them.
pub async fn replace(tx: &Tx, row: Model) -> Result<()> {
    let same = Condition::all()
        .add(Column::PersonId.eq(row.person_id))
        .add(Column::Provider.eq(row.provider.as_str()))
        .add(Column::Issuer.eq(row.issuer.as_str()))
        .add(Column::Subject.eq(row.subject.as_str()));
    one_time::use_up::<Entity>(tx, same, row.issued_at).await?;
    row::insert(tx, row).await
}

/// Uses up every one of a person.
pub async fn retire(tx: &Tx, person: PersonId, now: DateTime<Utc>) -> Result<()> {
    one_time::use_up::<Entity>(tx, Column::PersonId.eq(person), now).await
}

/// Removes those that have run out.
pub async fn forget_ended(db: &Db, now: DateTime<Utc>) -> Result<()> {
    one_time::forget_ended::<Entity>(db, now).await
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
