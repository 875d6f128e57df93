//! Secrets that work once and run out. Each kind has a table of its own, which keeps their digests and says what they
//! are good for; how one is found, used up and forgotten is the same for all.

use chrono::{DateTime, Utc};
use sea_orm::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait, IntoCondition};
use sea_orm::{QuerySelect, QueryTrait};

use super::{Db, Tx};
use crate::error::Result;

/// How many one statement removes.
const AT_ONCE: u64 = 1000;

/// A table of such secrets.
pub(super) trait OneTime: EntityTrait {
    /// The digest of the secret.
    const HASH: Self::Column;
    /// From when on it is worth nothing.
    const EXPIRES_AT: Self::Column;
    /// When it was used, or lost its worth to a newer one.
    const USED_AT: Self::Column;
}

/// The row of such a table: its own columns, as they are written there, and those that all of them have.
macro_rules! table {
    ($(#[$($about:tt)+])* pub struct Model { $($own:tt)* }) => {
        #[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
        $(#[$($about)+])*
        #[allow(missing_docs, reason = "the columns are documented where the API shows them")]
        pub struct Model {
            #[sea_orm(primary_key, auto_increment = false)]
            pub hash: Vec<u8>,
            $($own)*
            pub issued_at: DateTime<Utc>,
            pub expires_at: DateTime<Utc>,
            pub used_at: Option<DateTime<Utc>>,
        }

        /// Relations are written as joins where they are needed.
        #[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
        pub enum Relation {}

        impl ActiveModelBehavior for ActiveModel {}

        impl $crate::store::one_time::OneTime for Entity {
            const HASH: Column = Column::Hash;
            const EXPIRES_AT: Column = Column::ExpiresAt;
            const USED_AT: Column = Column::UsedAt;
        }
    };
}

pub(super) use table;

/// Neither used nor run out.
fn alive<E: OneTime>(now: DateTime<Utc>) -> Expr {
    E::USED_AT.is_null().and(E::EXPIRES_AT.gt(now))
}

/// The live one with this digest.
pub(super) fn live<E: OneTime>(hash: &[u8], now: DateTime<Utc>) -> Select<E> {
    E::find().filter(E::HASH.eq(hash.to_vec())).filter(alive::<E>(now))
}

/// Uses up these, except those that were used before.
pub(super) async fn use_up<E: OneTime>(tx: &Tx, which: impl IntoCondition, now: DateTime<Utc>) -> Result<()> {
    E::update_many()
        .col_expr(E::USED_AT, Expr::value(now))
        .filter(which)
        .filter(E::USED_AT.is_null())
        .exec(tx)
        .await?;
    Ok(())
}

/// Uses up the live one with this digest, if it is one of these; of several who try at once one gets it.
pub(super) async fn redeem<E: OneTime>(
    tx: &Tx,
    hash: &[u8],
    which: impl IntoCondition,
    now: DateTime<Utc>,
) -> Result<Option<E::Model>> {
    let rows = E::update_many()
        .col_expr(E::USED_AT, Expr::value(now))
        .filter(E::HASH.eq(hash.to_vec()))
        .filter(which)
        .filter(alive::<E>(now))
        .exec_with_returning(tx)
        .await?;
    Ok(rows.into_iter().next())
}

/// Removes those that have run out, used or not.
pub(super) async fn forget_ended<E: OneTime>(db: &Db, now: DateTime<Utc>) -> Result<()> {
    forget::<E>(db, E::HASH, &E::EXPIRES_AT.lte(now)).await
}

/// Removes the rows of a table for which something holds; `id` tells them apart. It looks before it writes, so that it
/// holds up nobody where there are none, and takes a bounded number at a time, each by a statement of its own.
pub(super) async fn forget<E: EntityTrait>(db: &Db, id: E::Column, is_over: &Expr) -> Result<()> {
    let over = || E::find().select_only().column(id).filter(is_over.clone());
    while over().limit(1).into_tuple::<Vec<u8>>().one(db.read()).await?.is_some() {
        let some = over().limit(AT_ONCE).into_query();
        // Asked of the row itself as well: on PostgreSQL it may have been taken up anew while this waited for it.
        let gone = E::delete_many().filter(id.in_subquery(some)).filter(is_over.clone());
        if gone.exec(db.alone()).await?.rows_affected == 0 {
            // Another worker had them.
            return Ok(());
        }
    }
    Ok(())
}
