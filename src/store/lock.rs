//! Locks under a name, for what no row stands for. They end with their transaction.

use sea_orm::{ConnectionTrait, DbBackend, Statement};

use super::{Engine, Tx, engine};
use crate::error::{Error, Result};

/// Waits until this transaction is the only one under that name, which it is until it ends; on SQLite every writer
/// is alone.
pub async fn alone(tx: &Tx, name: i64) -> Result<()> {
    if engine(tx) == Engine::Postgres {
        let question = format!("SELECT pg_advisory_xact_lock({name})");
        tx.execute_unprepared(&question).await?;
    }
    Ok(())
}

/// Whether this transaction is the only one under that name until it ends; on SQLite every writer is alone.
pub async fn try_alone(tx: &Tx, name: i64) -> Result<bool> {
    if engine(tx) == Engine::Sqlite {
        return Ok(true);
    }
    let question = format!("SELECT pg_try_advisory_xact_lock({name})");
    let row = tx
        .query_one_raw(Statement::from_string(DbBackend::Postgres, question))
        .await?;
    let row = row.ok_or_else(|| Error::internal("a lock was neither given nor refused"))?;
    Ok(row.try_get_by_index(0)?)
}
