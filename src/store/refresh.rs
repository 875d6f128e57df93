//! Refresh tokens, each of one session, by their digests. A used one stays, so that its return is noticed.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

use super::{Tx, one_time, row};
use crate::domain::id::SessionId;
use crate::error::Result;

one_time::table! {
    /// A refresh token, by its digest.
    #[sea_orm(table_name = "refresh_token")]
    pub struct Model {
        pub session_id: SessionId,
    }
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
