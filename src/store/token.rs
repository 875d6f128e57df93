//! One-time tokens of accounts: confirm an address, reset a password. Only their digests are here.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::ExprTrait;

use super::one_time::{self, OneTime};
use super::{Tx, row};
use crate::domain::id::PersonId;
use crate::error::Result;

/// What a one-time token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum Purpose {
    /// Confirms the address that it was sent to.
    #[sea_orm(string_value = "confirm_email")]
    ConfirmEmail,
    /// Sets a new password.
    #[sea_orm(string_value = "reset_password")]
    ResetPassword,
}

/// A one-time token, by its digest.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "account_token")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: Vec<u8>,
    pub person_id: PersonId,
    pub purpose: Purpose,
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

/// Keeps a new token; those of the same purpose that the person still had are used up.
pub async fn replace(tx: &Tx, token: Model) -> Result<()> {
    retire(tx, token.person_id, token.purpose, token.issued_at).await?;
    row::insert(tx, token).await
}

/// Uses up every live token of a person and purpose.
pub async fn retire(tx: &Tx, person: PersonId, purpose: Purpose, now: DateTime<Utc>) -> Result<()> {
    let same = Column::PersonId.eq(person).and(Column::Purpose.eq(purpose));
    one_time::use_up::<Entity>(tx, same, now).await
}

/// Whose live token it is.
pub async fn find_owner(
    connection: &impl ConnectionTrait,
    hash: &[u8],
    purpose: Purpose,
    now: DateTime<Utc>,
) -> Result<Option<PersonId>> {
    let row = one_time::live::<Entity>(hash, now).filter(Column::Purpose.eq(purpose));
    Ok(row.one(connection).await?.map(|row| row.person_id))
}

/// Uses a live token up and says whose it was; of several who try at once one is told.
pub async fn redeem(tx: &Tx, hash: &[u8], purpose: Purpose, now: DateTime<Utc>) -> Result<Option<PersonId>> {
    let row = one_time::redeem::<Entity>(tx, hash, Column::Purpose.eq(purpose), now).await?;
    Ok(row.map(|row| row.person_id))
}
