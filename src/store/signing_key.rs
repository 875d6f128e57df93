//! The keys that sign access tokens. Their private parts are sealed, and go when they have signed for the last time.

use chrono::{DateTime, Utc};
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait};

use super::{Tx, row};
use crate::domain::id::SigningKeyId;
use crate::domain::signing_key::KeyState;
use crate::error::{Error, Result};

/// The name under which one process at a time changes the keys on PostgreSQL.
const CHANGE_LOCK: i64 = 0x0052_756D_6B65;

/// A key that signs access tokens, will do so, or did so.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "signing_key")]
#[allow(missing_docs, reason = "the migration says what the columns hold")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: SigningKeyId,
    pub state: KeyState,
    pub public_key: Vec<u8>,
    /// Sealed; there only while the key signs or waits to.
    pub private_key: Option<Vec<u8>>,
    pub created_at: DateTime<Utc>,
    pub signs_from: Option<DateTime<Utc>>,
    pub verifies_until: Option<DateTime<Utc>>,
    pub retired_at: Option<DateTime<Utc>>,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Waits until nobody else changes the keys; nobody does until the transaction ends.
pub async fn alone(tx: &Tx) -> Result<()> {
    super::lock::alone(tx, CHANGE_LOCK).await
}

/// Every key that was ever made here, in the order in which they were.
pub async fn all(connection: &impl ConnectionTrait) -> Result<Vec<Model>> {
    Ok(Entity::find()
        .order_by_asc(Column::CreatedAt)
        .order_by_asc(Column::Id)
        .all(connection)
        .await?)
}

/// The keys of which something that they signed, or will sign, is good at `now`; the oldest first.
pub async fn good(connection: &impl ConnectionTrait, now: DateTime<Utc>) -> Result<Vec<Model>> {
    let good = Column::State
        .is_in([KeyState::Next, KeyState::Signing])
        .or(Column::State.eq(KeyState::Verifying).and(Column::VerifiesUntil.gt(now)));
    Ok(Entity::find()
        .filter(good)
        .order_by_asc(Column::CreatedAt)
        .order_by_asc(Column::Id)
        .all(connection)
        .await?)
}

/// Keeps a new key.
pub async fn insert(tx: &Tx, row: Model) -> Result<()> {
    row::insert(tx, row).await
}

/// The key signs from now on.
pub async fn set_signing(tx: &Tx, id: SigningKeyId, now: DateTime<Utc>) -> Result<()> {
    change(tx, id, KeyState::Signing, &[(Column::SignsFrom, Expr::value(now))]).await
}

/// The key signs no more; what it signed is good until then. Its private part goes.
pub async fn set_verifying(tx: &Tx, id: SigningKeyId, until: DateTime<Utc>) -> Result<()> {
    let nothing = Expr::value(None::<Vec<u8>>);
    let changes = [
        (Column::VerifiesUntil, Expr::value(until)),
        (Column::PrivateKey, nothing),
    ];
    change(tx, id, KeyState::Verifying, &changes).await
}

/// Nothing that the key signed is good any more. Its private part goes.
pub async fn set_retired(tx: &Tx, id: SigningKeyId, now: DateTime<Utc>) -> Result<()> {
    let nothing = Expr::value(None::<Vec<u8>>);
    let changes = [(Column::RetiredAt, Expr::value(now)), (Column::PrivateKey, nothing)];
    change(tx, id, KeyState::Retired, &changes).await
}

/// Moves a key into a state, out of one from which it may get there.
async fn change(tx: &Tx, id: SigningKeyId, state: KeyState, columns: &[(Column, Expr)]) -> Result<()> {
    let before = KeyState::ALL.iter().copied().filter(|before| before.may_become(state));
    let mut update = Entity::update_many()
        .col_expr(Column::State, Expr::value(state.word()))
        .filter(Column::Id.eq(id))
        .filter(Column::State.is_in(before));
    for (column, value) in columns {
        update = update.col_expr(*column, value.clone());
    }
    match update.exec(tx).await?.rows_affected {
        1 => Ok(()),
        _ => Err(Error::internal(
            "a signing key cannot get from its state into the wanted one",
        )),
    }
}
