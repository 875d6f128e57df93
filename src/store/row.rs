//! Rows of any table: one, or many, that are kept as they are, those of a list for which something holds, some that are
//! held for a while, those in which a text occurs, and none; and what a column says that several tables have.

use std::collections::HashSet;
use std::hash::Hash;

use sea_orm::prelude::*;
use sea_orm::sea_query::{IntoCondition, LockBehavior, LockType};
use sea_orm::{Condition, IntoActiveModel, Iterable, QuerySelect, TryGetable};

use super::Tx;
use crate::domain::text::{Country, SearchText, fold};
use crate::error::{Error, Result};

/// The most variables of one statement, below SQLite's 32,766.
pub(super) const VARIABLES: usize = 32_000;

/// Keeps a new row.
pub(super) async fn insert<M>(tx: &Tx, row: M) -> Result<()>
where
    M: ModelTrait + IntoActiveModel<<M::Entity as EntityTrait>::ActiveModel>,
{
    M::Entity::insert(row.into_active_model())
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

/// Keeps new rows, in as few statements as the variables allow.
pub async fn insert_all<M>(tx: &Tx, rows: Vec<M>) -> Result<()>
where
    M: ModelTrait + IntoActiveModel<<M::Entity as EntityTrait>::ActiveModel>,
{
    let columns = <M::Entity as EntityTrait>::Column::iter().count();
    let mut rows = rows.into_iter().map(IntoActiveModel::into_active_model).peekable();
    while rows.peek().is_some() {
        let batch: Vec<_> = rows.by_ref().take(VARIABLES / columns).collect();
        M::Entity::insert_many(batch).exec_without_returning(tx).await?;
    }
    Ok(())
}

/// A country as it is stored.
///
/// # Errors
/// [`Error::Internal`] for one that the database should not hold.
pub(super) fn country(stored: &str) -> Result<Country> {
    Country::parse(stored).map_err(|_| Error::internal("a stored country is unknown"))
}

/// A condition that no row fulfils.
pub(super) fn nothing() -> Condition {
    Condition::all().add(Expr::cust("1 = 0"))
}

/// A condition that finds `text` anywhere in a folded column.
pub(super) fn contains(column: impl ColumnTrait, text: &SearchText) -> Expr {
    holds(column, text.as_ref())
}

/// The same for a text that is no search.
pub(super) fn holds(column: impl ColumnTrait, text: &str) -> Expr {
    use sea_orm::sea_query::{ExprTrait as _, LikeExpr};
    let escaped = fold(text).replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    Expr::col(column.as_column_ref()).like(LikeExpr::new(format!("%{escaped}%")).escape('\\'))
}

/// Those of these identifiers for whose rows the condition holds.
pub(super) async fn among<C, I>(
    connection: &impl ConnectionTrait,
    id: C,
    ids: &[I],
    condition: Condition,
) -> Result<HashSet<I>>
where
    C: ColumnTrait,
    C::EntityName: EntityTrait,
    I: Copy + Eq + Hash + Into<Value> + TryGetable,
{
    let found: Vec<I> = C::EntityName::find()
        .select_only()
        .column(id)
        .filter(id.is_in(ids.iter().copied()))
        .filter(condition)
        .into_tuple()
        .all(connection)
        .await?;
    Ok(found.into_iter().collect())
}

/// The identifiers of up to `limit` rows for which the condition holds, held until the transaction ends; not of those
/// that somebody else holds.
pub(super) async fn lock_some<C, I>(tx: &Tx, id: C, which: impl IntoCondition, limit: u64) -> Result<Vec<I>>
where
    C: ColumnTrait,
    C::EntityName: EntityTrait,
    I: TryGetable,
{
    let free = C::EntityName::find()
        .select_only()
        .column(id)
        .filter(which)
        .limit(limit)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    Ok(free.into_tuple::<I>().all(tx).await?)
}
