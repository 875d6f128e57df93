//! Sign-ins that were begun at identity providers, by the digests of their handles.

use chrono::{DateTime, Utc};
use sea_orm::Condition;
use sea_orm::entity::prelude::*;

use super::{Db, Tx, one_time, row};
use crate::domain::id::{PersonId, SessionId};
use crate::error::Result;

one_time::table! {
    /// A sign-in that was begun.
    #[sea_orm(table_name = "provider_sign_in")]
    pub struct Model {
        pub provider: String,
        /// Who links an identity by it, and in which session; `None` for a sign-in.
        pub person_id: Option<PersonId>,
        pub session_id: Option<SessionId>,
    }
}

/// Keeps a new one.
pub async fn insert(tx: &Tx, row: Model) -> Result<()> {
    row::insert(tx, row).await
}

/// Uses a live one up; of several who try at once one gets it.
pub async fn redeem(tx: &Tx, hash: &[u8], now: DateTime<Utc>) -> Result<Option<Model>> {
    one_time::redeem::<Entity>(tx, hash, Condition::all(), now).await
}

/// Removes those that have run out: anybody can begin one, and few are worth a look afterwards.
pub async fn forget_ended(db: &Db, now: DateTime<Utc>) -> Result<()> {
    one_time::forget_ended::<Entity>(db, now).await
}
