//! What time does to editions: it opens and closes their window, begins them and ends them. Called by the worker; it
//! may come late, and then takes several steps at once, or twice, and on several copies at once.

use tracing::{error, info};

use super::{take, telling};
use crate::clock::Clock;
use crate::domain::edition::EditionState;
use crate::domain::id::EditionId;
use crate::domain::policy::Action;
use crate::error::Result;
use crate::store::edition::passing;
use crate::store::{Db, audit};

/// How many editions are looked at with one statement. Each that moves has a transaction of its own.
const BATCH: u64 = 100;

/// Takes every edition as far along its states as time has gone. One that fails stops no other: it is tried again
/// the next time.
pub async fn pass(db: &Db, clock: &Clock) -> Result<()> {
    let mut after = None;
    loop {
        let now = clock.now();
        let rows = passing::due(db.read(), now, after, BATCH).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = Some(last.id);
        for row in rows.iter().filter(|row| row.due(now).is_some()) {
            match advance(db, clock, row.id).await {
                Ok(0) => {}
                Ok(steps) => info!(edition.id = %row.id, steps, "time moved an edition"),
                Err(cause) => error!(edition.id = %row.id, error = %cause, "time could not move an edition"),
            }
        }
    }
}

/// Takes one edition as far as time has gone, in one transaction; how many steps. Whoever has it at the moment moves
/// it, or leaves it for the next time. It does not begin below its minimum: its coordinators are told.
async fn advance(db: &Db, clock: &Clock, id: EditionId) -> Result<usize> {
    let tx = db.write().await?;
    let Some(mut row) = passing::lock_free(&tx, id).await? else {
        return Ok(0);
    };
    let now = clock.now();
    let mut steps = 0;
    while let Some(to) = row.due(now) {
        if to == EditionState::Running && row.seats_taken < row.minimum {
            telling::short(clock, &tx, &row).await?;
            break;
        }
        row = Box::pin(take(clock, &tx, None, row, to, None)).await?;
        steps += 1;
    }
    if steps > 0 {
        let subjects = [id.into()];
        let reason = Some("moved by time");
        audit::record(&tx, clock, None, Action::PlanEdition, &subjects, reason).await?;
    }
    tx.commit().await?;
    Ok(steps)
}
