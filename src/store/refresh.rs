//! Refresh tokens, each of one session, by their digests. A used one stays, so that its return is noticed.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

use super::one_time::{self, OneTime};
use super::{Tx, row};
use crate::domain::id::SessionId;
use crate::error::Result;

/// A refresh token, by its digest.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "refresh_token")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: Vec<u8>,
    pub session_id: SessionId,
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

/// The token with this digest, if there is one.
pub async fn find(connection: &impl ConnectionTrait, hash: &[u8]) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(hash.to_vec()).one(connection).await?)
}

/// Keeps a new token; those of the same session that were still good are used up, so that one branch lives.
pub async fn replace(tx: &Tx, token: Model) -> Result<()> {
    let siblings = Column::SessionId.eq(token.session_id);
    one_time::use_up::<Entity>(tx, siblings, token.issued_at).await?;
    row::insert(tx, token).await
}
