//! Who waits to try a sign-in at an account that is being guessed at: networks, in the order in which they first asked.

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};

use super::Key;
use crate::domain::rate::PATIENCE;
use crate::error::Result;
use crate::store::{Db, Tx};

/// A network that waits. Digests: the table names nobody.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sign_in_line")]
#[allow(missing_docs, reason = "the module says what they are")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account: Vec<u8>,
    #[sea_orm(primary_key, auto_increment = false)]
    pub network: Vec<u8>,
    pub since: i64,
    pub seen: i64,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A place in the line of an account.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// At which account.
    pub account: Key,
    /// Who waits.
    pub network: Key,
}

/// How many came before and still ask. Who does not wait yet comes after all of them.
pub async fn ahead(tx: &Tx, place: Place, now: i64) -> Result<u32> {
    let own = Entity::find_by_id((place.account.0.to_vec(), place.network.0.to_vec()));
    let own = own.one(tx).await?.filter(|row| row.seen > now - PATIENCE);
    let mut others = Entity::find()
        .filter(Column::Account.eq(place.account.0.to_vec()))
        .filter(Column::Network.ne(place.network.0.to_vec()))
        .filter(Column::Seen.gt(now - PATIENCE));
    if let Some(own) = own {
        let sooner = Column::Since.lt(own.since);
        let at_once = Column::Since.eq(own.since).and(Column::Network.lt(own.network));
        others = others.filter(sooner.or(at_once));
    }
    Ok(u32::try_from(others.count(tx).await?).unwrap_or(u32::MAX))
}

/// Takes a place, or says that one still waits in it. Who was silent for too long starts at the end.
pub async fn wait(tx: &Tx, place: Place, now: i64) -> Result<()> {
    let stays = Expr::col((Entity, Column::Seen)).gt(now - PATIENCE);
    let since = Expr::case(stays, Expr::col((Entity, Column::Since))).finally(now);
    let mut conflict = OnConflict::columns([Column::Account, Column::Network]);
    conflict.value(Column::Since, since).value(Column::Seen, now);
    let row = ActiveModel {
        account: Set(place.account.0.to_vec()),
        network: Set(place.network.0.to_vec()),
        since: Set(now),
        seen: Set(now),
    };
    Entity::insert(row)
        .on_conflict(conflict)
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

/// Leaves the line.
pub async fn leave(tx: &Tx, place: Place) -> Result<()> {
    Entity::delete_by_id((place.account.0.to_vec(), place.network.0.to_vec()))
        .exec(tx)
        .await?;
    Ok(())
}

/// Forgets who waits no longer.
pub(super) async fn forget_gone(db: &Db, now: i64) -> Result<()> {
    Entity::delete_many()
        .filter(Column::Seen.lte(now - PATIENCE))
        .exec(&db.writer)
        .await?;
    Ok(())
}
