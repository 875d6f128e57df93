//! What anybody asked for by an address, until a worker looks whether it has an account. A row is written for every
//! request alike, so that neither its answer nor its time tells who has one.

use chrono::{DateTime, Utc};
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use super::registration::Entered;
use super::{Tx, row};
use crate::error::{Error, Result};

/// A request that waits.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "account_request")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub email: String,
    pub wish: Json,
    pub expires_at: DateTime<Utc>,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "wish", rename_all = "snake_case")]
pub enum Wish {
    /// An account.
    Register(Entered),
    /// A link that sets a new password.
    ResetPassword,
}

/// Keeps a new one: for an address, until what comes of it would have run out.
pub async fn insert(tx: &Tx, id: Uuid, email: &str, wish: &Wish, expires_at: DateTime<Utc>) -> Result<()> {
    let row = Model {
        id,
        email: email.to_owned(),
        wish: serde_json::to_value(wish).map_err(Error::internal)?,
        expires_at,
    };
    row::insert(tx, row).await
}

/// The first one after another, by age.
pub async fn next(connection: &impl ConnectionTrait, after: Option<Uuid>) -> Result<Option<Uuid>> {
    let mut rows = Entity::find().order_by_asc(Column::Id);
    if let Some(after) = after {
        rows = rows.filter(Column::Id.gt(after));
    }
    Ok(rows.one(connection).await?.map(|row| row.id))
}

/// Takes one out; `None` when somebody else did.
pub async fn take(tx: &Tx, id: Uuid) -> Result<Option<Model>> {
    let rows = Entity::delete_many()
        .filter(Column::Id.eq(id))
        .exec_with_returning(tx)
        .await?;
    Ok(rows.into_iter().next())
}

impl Model {
    /// What is asked for.
    pub fn read(&self) -> Result<Wish> {
        serde_json::from_value(self.wish.clone()).map_err(Error::internal)
    }
}
