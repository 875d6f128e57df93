//! Tables that were handed over, worked off: one is claimed for a time, which is prolonged while it is worked off, and
//! what came of it is stored only by who has it still. What failed is tried again when the time has run out, and given
//! up in the end. Of what is cancelled meanwhile nothing more is carried out, and what was is told.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::json;

use super::order_of;
use crate::app::App;
use crate::domain::audit::{Origin, Via};
use crate::domain::roster::ending::Stop;
use crate::domain::roster::{ImportState, Outcome, RowFault};
use crate::domain::sheet::Unreadable;
use crate::error::{Error, Result};
use crate::service::audit::from_origin;
use crate::service::roster::{Answer, BrokeOff, Leash, Report, RowReport, is_forbidden, number, run_on};
use crate::service::session::later::as_of_now;
use crate::store::table_import::{self, Model};
use crate::store::{table_import_file, table_import_row};

/// For how long a worker has one before others may take it.
const LEASE: TimeDelta = TimeDelta::seconds(60);
/// How often it tells how far it is.
const TELLING: Duration = Duration::from_millis(500);
/// How often one is tried before it is given up.
const ATTEMPTS: i64 = 5;

/// What came of working one off.
struct Ended {
    row: Model,
    reports: Vec<RowReport>,
    /// Whether something failed on our side, so that it is tried again.
    is_our_fault: bool,
}

/// Works off one table that waits; whether there was one. Late, twice, or on several copies, it is done once: what a
/// worker that was lost did is found done by the next.
///
/// # Errors
/// What keeps it from being claimed, or from storing what came of it.
pub async fn work(app: &App) -> Result<bool> {
    let Some(held) = table_import::claim(&app.db, app.clock.now(), LEASE).await? else {
        return Ok(false);
    };
    if held.lease > ATTEMPTS {
        // Whoever had it before was lost each time: it is not tried once more.
        store(app, state_of(&held, ImportState::Failed, None), Vec::new()).await?;
    } else if let Some(answer) = Box::pin(attempt(app, &held)).await.transpose() {
        conclude(app, &held, answer).await?;
    }
    Ok(true)
}

/// Stores what came of one that was claimed, unless somebody else has it by now. What failed on our side is left to the
/// next try, as long as there is one: nobody tries what was cancelled.
///
/// # Errors
/// What keeps it from being stored.
pub async fn conclude(app: &App, held: &Model, answer: Result<Answer>) -> Result<()> {
    let ended = match answer {
        Ok(Answer::Report(report)) => of_report(held, report),
        Ok(Answer::Unreadable(fault)) => over(state_of(held, ImportState::Unreadable, Some(&fault))),
        Err(failure) if is_forbidden(&failure) => over(state_of(held, ImportState::Failed, None)),
        Err(failure) => {
            tracing::error!(error.chain = %failure, import.id = %held.id, "a table could not be brought in");
            Ended {
                is_our_fault: true,
                ..over(state_of(held, ImportState::Failed, None))
            }
        }
    };
    let comes_again = ended.is_our_fault && held.lease < ATTEMPTS;
    if comes_again && !table_import::is_cancelled(app.db.read(), held.id).await? {
        return Ok(());
    }
    store(app, ended.row, ended.reports).await?;
    tracing::info!(import.id = %held.id, "a table was worked off");
    Ok(())
}

fn over(row: Model) -> Ended {
    Ended {
        row,
        reports: Vec::new(),
        is_our_fault: false,
    }
}

/// Stores what came of one, unless somebody else has it by now.
async fn store(app: &App, row: Model, reports: Vec<RowReport>) -> Result<()> {
    let (of, at) = (row.id, app.clock.now());
    let rows = reports.into_iter().map(|report| table_import_row::Model {
        id: app.clock.new_id(),
        import_id: of,
        at,
        line: i64::try_from(report.line).unwrap_or(i64::MAX),
        outcome: report.outcome,
        state: report.state,
        faults: report.faults.iter().map(fault_json).collect(),
    });
    let rows: Vec<_> = rows.collect();
    let ended = Model {
        finished_at: Some(at),
        ..row
    };
    let tx = app.db.write().await?;
    table_import::finish(&tx, ended, rows).await?;
    tx.commit().await?;
    Ok(())
}

/// Works off one that is held, by what its owner may now; `None` where it was cancelled, or is with somebody else, and
/// its file is gone.
async fn attempt(app: &App, held: &Model) -> Result<Option<Answer>> {
    let Some(file) = table_import_file::find(app.db.read(), held.id).await? else {
        return Ok(None);
    };
    let order = order_of(app, held).await?;
    let actor = as_of_now(app, app.db.read(), held.owner_id, app.clock.now()).await?;
    let actor = actor.ok_or(Error::Forbidden)?;
    // What a try before this one told stands until the file is read again: it decides whether any of it is left to cancel.
    let told = |count: i64| AtomicUsize::new(usize::try_from(count).unwrap_or_default());
    let (done, total) = (told(held.done), told(held.total));
    let hear = |now: usize, of: usize| {
        done.store(now, Ordering::Relaxed);
        total.store(of, Ordering::Relaxed);
    };
    let stop = AtomicBool::new(false);
    let leash = Leash {
        stop: &stop,
        held: Some(held),
    };
    let origin = Origin {
        via: Via::System,
        credential: None,
        request: Some(format!("import {}", held.id)),
    };
    let work = from_origin(origin, Box::pin(run_on(app, &actor, &file, &order, leash, hear)));
    tokio::pin!(work);
    // Side by side: on SQLite telling waits for what the work writes.
    let answer = tokio::select! {
        answer = &mut work => answer,
        () = tell(app, held, &done, &total) => {
            stop.store(true, Ordering::Relaxed);
            // It ends soon, and says what was carried out before.
            work.await
        }
    };
    answer.map(Some)
}

/// Tells how far one is, and holds it for longer each time; ends when it was cancelled, or somebody else has it.
async fn tell(app: &App, held: &Model, done: &AtomicUsize, total: &AtomicUsize) {
    let count = |count: &AtomicUsize| number(count.load(Ordering::Relaxed));
    let mut ticks = tokio::time::interval(TELLING);
    // Whoever follows it heard so much when it was claimed. What the work itself notes of it, nobody hears.
    let mut told = (held.done, held.total);
    loop {
        ticks.tick().await;
        let until = app.clock.now() + LEASE;
        let now = (count(done), count(total));
        match table_import::advance(&app.db, held, now, now != told, until).await {
            Ok(true) => told = now,
            Ok(false) => return,
            // The lease lasts longer than the next try is away.
            Err(failure) => {
                tracing::warn!(error.chain = %failure, import.id = %held.id, "it was not told how far a table is");
            }
        }
    }
}

fn state_of(held: &Model, state: ImportState, fault: Option<&Unreadable>) -> Model {
    let fault = fault.map(|fault| {
        json!({
            "line": fault.line,
            "column": fault.column,
            "code": fault.flaw.code,
            "detail": fault.flaw.detail,
        })
    });
    Model {
        state,
        fault,
        ..held.clone()
    }
}

/// What a report comes to. Where it broke off, what was carried out is told; the same file goes on from there.
fn of_report(held: &Model, report: Report) -> Ended {
    let count = |outcome| number(report.count(outcome));
    let left = report.broke_off.as_ref().map_or(0, |broken| broken.left);
    let stop = report.broke_off.as_ref().map(BrokeOff::stop);
    let row = Model {
        form: Some(report.form.name()),
        ignored_columns: json!(report.ignored),
        // An earlier try may have been lost or broken off after it had carried something out.
        carried_out: held.carried_out || report.carried_out,
        total: number(report.rows.len() + left),
        done: number(report.rows.len()),
        created: count(Outcome::Created),
        updated: count(Outcome::Updated),
        unchanged: count(Outcome::Unchanged),
        refused: count(Outcome::Refused),
        ..state_of(held, ImportState::after(stop), None)
    };
    let is_our_fault = stop.is_some_and(Stop::is_our_fault);
    if let Some(broken) = report.broke_off.filter(|_| is_our_fault) {
        tracing::error!(error.chain = %broken.cause, import.id = %held.id, "a table broke off");
    }
    Ended {
        row,
        reports: report.rows,
        is_our_fault,
    }
}

fn fault_json(fault: &RowFault) -> serde_json::Value {
    json!({ "column": fault.column, "code": fault.code, "detail": fault.detail })
}
