//! What becomes of a statement that takes too long, or whose answer nobody waits for any more.
//!
//! An operation runs inside [`Db::attend`](super::Db::attend). As soon as it is dropped, because its caller
//! hung up or its time is over, what it still has running in the database is ended, and the connections that
//! it held are free again:
//!
//! - SQLite runs a statement on a thread of its own and looks up every few thousand steps. It goes on only
//!   as long as somebody waits and the time of the settings is not over.
//! - PostgreSQL limits the time by itself. A connection that comes back in the middle of a statement is closed,
//!   and the server, which looks after its clients a few times a second, ends the statement of one that is gone.
//!
//! What runs outside an operation, such as a recount, has all the time that it needs on SQLite.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::task::{FutureObj, Spawn, SpawnError};
use sea_orm::sqlx::{self, Connection as _, PgConnection, SqliteConnection};
use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr};
use tokio::sync::watch;

use crate::error::Error;

/// How many steps SQLite takes between two looks at the clock; they take less than a millisecond.
const STEPS: i32 = 4096;
/// For how long after a hang-up connections that come back are looked at.
const SUSPICION: Duration = Duration::from_secs(10);
/// How long a connection that comes back then may take to be ready.
const READY_WITHIN: Duration = Duration::from_millis(250);
/// How often PostgreSQL looks whether the client of a running statement is still there.
pub(super) const CLIENT_CHECK: &str = "250ms";

tokio::task_local! {
    /// False as long as somebody waits for the operation that a task works for.
    static OVER: watch::Receiver<bool>;
}

/// When somebody last hung up in the middle of an operation.
#[derive(Debug, Clone)]
pub(super) struct HangUps {
    began: Instant,
    last: Arc<AtomicU64>,
}

impl HangUps {
    /// Nobody has so far.
    pub fn new() -> Self {
        Self {
            began: Instant::now(),
            last: Arc::new(AtomicU64::new(0)),
        }
    }

    fn note(&self) {
        // One more, since zero stands for never.
        self.last.store(self.millis() + 1, Ordering::SeqCst);
    }

    pub(super) fn is_recent(&self) -> bool {
        let last = self.last.load(Ordering::SeqCst);
        let suspicion = u64::try_from(SUSPICION.as_millis()).unwrap_or(u64::MAX);
        last != 0 && self.millis() <= last.saturating_add(suspicion)
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Tells, when it is dropped too early, that nobody waits any more.
struct Waiting<'a> {
    hang_ups: &'a HangUps,
    over: watch::Sender<bool>,
    answered: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.hang_ups.note();
        }
        self.over.send_replace(true);
    }
}

/// Runs an operation whose statements end with it.
pub(super) async fn attend<F: Future>(hang_ups: &HangUps, operation: F) -> F::Output {
    let (over, told) = watch::channel(false);
    // Dropped in reverse: first it is told that nobody waits, then connections go back in mid-statement.
    let operation = pin!(OVER.scope(told, operation));
    let mut waiting = Waiting {
        hang_ups,
        over,
        answered: false,
    };
    let output = operation.await;
    waiting.answered = true;
    output
}

/// Prepares a SQLite connection for whoever took it from the pool.
pub(super) async fn prepare(connection: &mut SqliteConnection, longest: Duration) -> sqlx::Result<()> {
    let over = OVER.try_with(Clone::clone).ok();
    let mut handle = connection.lock_handle().await?;
    match over {
        Some(over) => {
            let until = (!longest.is_zero()).then(|| Instant::now() + longest);
            handle.set_progress_handler(STEPS, move || {
                !*over.borrow() && until.is_none_or(|until| Instant::now() < until)
            });
        }
        None => handle.remove_progress_handler(),
    }
    Ok(())
}

/// Whether a PostgreSQL connection that comes back may be used again; if not, it is closed.
pub(super) async fn is_sound(connection: &mut PgConnection, hang_ups: &HangUps) -> bool {
    if !hang_ups.is_recent() {
        return true;
    }
    matches!(tokio::time::timeout(READY_WITHIN, connection.ping()).await, Ok(Ok(())))
}

impl From<DbErr> for Error {
    fn from(cause: DbErr) -> Self {
        match &cause {
            DbErr::ConnectionAcquire(ConnAcquireErr::Timeout) => Self::Overloaded,
            DbErr::Exec(RuntimeErr::SqlxError(inner)) | DbErr::Query(RuntimeErr::SqlxError(inner)) => match &**inner {
                sqlx::Error::Database(fault) => match fault.code().map(|code| meaning(&code)) {
                    Some(Meaning::Ended) => Self::Timeout,
                    Some(Meaning::Met { lock }) => Self::Conflict {
                        cause: Box::new(cause),
                        lock,
                    },
                    Some(Meaning::Other) | None => Self::internal(cause),
                },
                _ => Self::internal(cause),
            },
            _ => Self::internal(cause),
        }
    }
}

/// What a failure of the database means for the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// The database ended the statement because it took too long.
    Ended,
    /// Two transactions met, and this one can be tried again.
    Met {
        /// They waited for each other; otherwise both wrote what only one may.
        lock: bool,
    },
    /// Anything else.
    Other,
}

/// What a code means. Those of PostgreSQL have five characters; those of SQLite are numbers of up to four digits, of
/// which the last eight bits tell the kind.
fn meaning(code: &str) -> Meaning {
    match code {
        // query_canceled; SQLITE_INTERRUPT.
        "57014" | "9" => Meaning::Ended,
        // serialization_failure, deadlock_detected, lock_not_available.
        "40001" | "40P01" | "55P03" => Meaning::Met { lock: true },
        // unique_violation; SQLITE_CONSTRAINT_UNIQUE and SQLITE_CONSTRAINT_PRIMARYKEY. Where it is an answer to what
        // was asked, it was made one before it came here.
        "23505" | "2067" | "1555" => Meaning::Met { lock: false },
        sqlite if sqlite.len() < 5 => match sqlite.parse::<u16>().map(|code| code & 0xFF) {
            // SQLITE_BUSY, SQLITE_LOCKED.
            Ok(5 | 6) => Meaning::Met { lock: true },
            _ => Meaning::Other,
        },
        _ => Meaning::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_both_databases_are_told_apart() {
        for code in ["40001", "40P01", "55P03", "5", "261", "517", "773", "6", "262"] {
            assert_eq!(meaning(code), Meaning::Met { lock: true }, "{code}");
        }
        for code in ["23505", "2067", "1555"] {
            assert_eq!(meaning(code), Meaning::Met { lock: false }, "{code}");
        }
        for code in ["57014", "9"] {
            assert_eq!(meaning(code), Meaning::Ended, "{code}");
        }
        for code in ["23503", "25861", "787", "1", "", "XX000"] {
            assert_eq!(meaning(code), Meaning::Other, "{code}");
        }
    }
}

/// Starts tasks that belong to the operation of whoever starts them, and are dropped when it is over.
#[derive(Debug, Clone, Copy)]
pub struct Spawner;

impl Spawn for Spawner {
    fn spawn_obj(&self, task: FutureObj<'static, ()>) -> Result<(), SpawnError> {
        let Ok(over) = OVER.try_with(Clone::clone) else {
            tokio::spawn(task);
            return Ok(());
        };
        let mut told = over.clone();
        tokio::spawn(OVER.scope(over, async move {
            tokio::select! {
                () = task => {}
                // A sender that is gone without a word is an operation that is over as well.
                _ = told.wait_for(|over| *over) => {}
            }
        }));
        Ok(())
    }
}
