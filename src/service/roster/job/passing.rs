//! What time does to tables that were asked for: one whose file has not come when its link dies is given up. Called by
//! the worker; it may come late, or twice, and on several copies at once.

use serde_json::json;
use tracing::info;

use crate::clock::Clock;
use crate::domain::roster::waiting::{comes_until, dead_since};
use crate::error::{Code, Result};
use crate::store::{Db, table_import};

/// How many one transaction gives up.
const BATCH: u64 = 100;

/// Gives up every table whose file can come no more. It is worth nothing to anybody, so the audit log does not have it.
pub async fn pass(db: &Db, clock: &Clock) -> Result<()> {
    loop {
        let now = clock.now();
        let before = dead_since(now);
        if !table_import::is_unsent(db.read(), before).await? {
            return Ok(());
        }
        let tx = db.write().await?;
        let rows = table_import::lock_unsent(&tx, before, BATCH).await?;
        let count = rows.len();
        for row in rows {
            let until = comes_until(row.created_at);
            let fault = json!({
                "line": null,
                "column": null,
                "code": Code::DeadlinePassed,
                "detail": until.format("%F %R UTC").to_string(),
            });
            table_import::give_up(&tx, row, fault, now).await?;
        }
        tx.commit().await?;
        if count == 0 {
            // Another worker has them.
            return Ok(());
        }
        info!(imports = count, "tables given up whose file did not come");
    }
}
