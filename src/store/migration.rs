//! Bringing the schema up to date.

use migrations::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, TransactionTrait};

use super::{Db, Engine};
use crate::error::Result;

/// The name under which one process at a time migrates a PostgreSQL database.
const MIGRATION_LOCK: i64 = 0x0052_756D_626F;

impl Db {
    /// Brings the schema up to date; several processes may start it at once.
    pub async fn migrate(&self) -> Result<()> {
        // Whoever serves need not own the tables: where there is nothing to do, nothing is tried.
        if self.is_current().await? {
            return Ok(());
        }
        let tx = self.whole.begin().await?;
        if self.engine == Engine::Postgres {
            tx.execute_unprepared(&format!(
                "SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"
            ))
            .await?;
        }
        Migrator::up(&tx, None).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Whether the schema is the one that this program was built for.
    pub async fn is_current(&self) -> Result<bool> {
        let pending = Migrator::get_pending_migrations_read_only(&self.whole).await?;
        Ok(pending.is_empty())
    }
}
