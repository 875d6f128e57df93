//! Sign-ins that were begun at identity providers, by the digests of their handles.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, sea_query::Expr};

use super::{Db, Tx};
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

/// Keeps a new one.
pub async fn insert(tx: &Tx, row: Model) -> Result<()> {
    let row = ActiveModel {
        hash: Set(row.hash),
        provider: Set(row.provider),
        person_id: Set(row.person_id),
        session_id: Set(row.session_id),
        issued_at: Set(row.issued_at),
        expires_at: Set(row.expires_at),
        used_at: Set(row.used_at),
    };
    Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// Uses a live one up; of several who try at once one gets it.
pub async fn redeem(tx: &Tx, hash: &[u8], now: DateTime<Utc>) -> Result<Option<Model>> {
    let rows = Entity::update_many()
        .col_expr(Column::UsedAt, Expr::value(now))
        .filter(Column::Hash.eq(hash.to_vec()))
        .filter(Column::UsedAt.is_null())
        .filter(Column::ExpiresAt.gt(now))
        .exec_with_returning(tx)
        .await?;
    Ok(rows.into_iter().next())
}

/// Removes those that have run out: anybody can begin one, and few are worth a look afterwards.
pub async fn forget_ended(db: &Db, now: DateTime<Utc>) -> Result<()> {
    Entity::delete_many()
        .filter(Column::ExpiresAt.lte(now))
        .exec(db.alone())
        .await?;
    Ok(())
}
