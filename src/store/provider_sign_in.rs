//! Sign-ins that were begun at identity providers, by the digests of their handles.

use chrono::{DateTime, Utc};
use sea_orm::Condition;
use sea_orm::entity::prelude::*;

use super::one_time::{self, OneTime};
use super::{Db, Tx, row};
use crate::domain::id::{PersonId, SessionId};
use crate::error::Result;

/// A sign-in that was begun.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "provider_sign_in")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: Vec<u8>,
    pub provider: String,
    /// Who links an identity by it, and in which session; `None` for a sign-in.
    pub person_id: Option<PersonId>,
    pub session_id: Option<SessionId>,
    pub issued_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub used_at: Option<DateTime<Utc>>,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl OneTime for Entity {
    const HASH: Column = Column::Hash;
    const EXPIRES_AT: Column = Column::ExpiresAt;
    const USED_AT: Column = Column::UsedAt;
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
