//! Where connections come from, and where they rest.
//!
//! The pool of the library asks a connection of PostgreSQL whether it still answers each time it comes back,
//! a round trip beside every statement. So connections that come back in order rest here, and go out again
//! as they are. One that may be in the middle of something, or that has failed, goes back to the library,
//! which tests or closes it. On SQLite, where nothing travels, the library's pool serves by itself.
//!
//! It is one of the few that know which database it is (ARCHITECTURE.md).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::{
    AssertSqlSafe, Connection as _, Error as SqlxError, Executor, PgConnection, PgPool, Postgres, Sqlite, SqlitePool,
};
use sea_orm::{ConnAcquireErr, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement, Values};
use sea_query_sqlx::SqlxValues;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Engine;
use super::patience::HangUps;

/// How long somebody waits for a connection.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// A connection that rested longer is asked whether it still answers before it goes out.
const TRUSTED: Duration = Duration::from_secs(1);
/// How long it may take to say so.
const ANSWERS_WITHIN: Duration = Duration::from_millis(250);

/// Where connections come from.
#[derive(Debug, Clone)]
pub(super) enum Pool {
    Postgres(Arc<Resting>),
    Sqlite(SqlitePool),
}

/// Connections of PostgreSQL: those that rest, and as many places as may be in use.
#[derive(Debug)]
pub(super) struct Resting {
    pool: PgPool,
    idle: Mutex<Vec<(PoolConnection<Postgres>, Instant)>>,
    places: Arc<Semaphore>,
    most: usize,
    hang_ups: HangUps,
}

impl Resting {
    /// Up to `most` connections of a pool, which must allow for that many.
    pub(super) fn new(pool: PgPool, most: u32, hang_ups: HangUps) -> Arc<Self> {
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Arc::new(Self {
            pool,
            idle: Mutex::default(),
            places: Arc::new(Semaphore::new(most)),
            most,
            hang_ups,
        })
    }

    /// The connection that came back last: the others may rest until they are closed.
    fn wake(&self) -> Option<(PoolConnection<Postgres>, Instant)> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    async fn acquire(self: &Arc<Self>) -> Result<Lent, SqlxError> {
        let place = tokio::time::timeout(PATIENCE, self.places.clone().acquire_owned())
            .await
            .map_err(|_| SqlxError::PoolTimedOut)?
            .map_err(|_| SqlxError::PoolClosed)?;
        while let Some((mut live, since)) = self.wake() {
            let answers = since.elapsed() < TRUSTED
                || matches!(tokio::time::timeout(ANSWERS_WITHIN, live.ping()).await, Ok(Ok(())));
            if answers {
                return Ok(Lent::new(live, self.clone(), place));
            }
            live.close_on_drop();
        }
        Ok(Lent::new(self.pool.acquire().await?, self.clone(), place))
    }
}

/// A connection of PostgreSQL that is out; it comes back when this is dropped.
#[derive(Debug)]
pub(super) struct Lent {
    live: Option<PoolConnection<Postgres>>,
    home: Arc<Resting>,
    /// Whether it is known to be in order.
    sound: bool,
    /// Given back last.
    _place: OwnedSemaphorePermit,
}

impl Lent {
    fn new(live: PoolConnection<Postgres>, home: Arc<Resting>, place: OwnedSemaphorePermit) -> Self {
        Self {
            live: Some(live),
            home,
            sound: true,
            _place: place,
        }
    }

    /// Runs one exchange. After a failure that is not the answer of the server, nobody knows the connection's
    /// state.
    async fn take<T>(
        &mut self,
        run: impl AsyncFnOnce(&mut PgConnection) -> Result<T, SqlxError>,
    ) -> Result<T, SqlxError> {
        let live = self.live.as_mut().ok_or(SqlxError::PoolClosed)?;
        let result = run(live).await;
        if !matches!(result, Ok(_) | Err(SqlxError::Database(_))) {
            self.close();
        }
        result
    }

    fn close(&mut self) {
        self.sound = false;
        if let Some(live) = &mut self.live {
            live.close_on_drop();
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let rests = self.sound && !self.home.hang_ups.is_recent() && !self.home.places.is_closed();
        if let Some(live) = self.live.take().filter(|_| rests) {
            let mut idle = self.home.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.push((live, Instant::now()));
        }
    }
}

impl Pool {
    pub(super) fn engine(&self) -> Engine {
        match self {
            Self::Postgres(_) => Engine::Postgres,
            Self::Sqlite(_) => Engine::Sqlite,
        }
    }

    pub(super) fn backend(&self) -> DbBackend {
        match self {
            Self::Postgres(_) => DbBackend::Postgres,
            Self::Sqlite(_) => DbBackend::Sqlite,
        }
    }

    pub(super) async fn acquire(&self) -> Result<Live, DbErr> {
        let live = match self {
            Self::Postgres(resting) => resting.acquire().await.map(Live::Postgres),
            Self::Sqlite(pool) => pool.acquire().await.map(Live::Sqlite),
        };
        live.map_err(|cause| match cause {
            SqlxError::PoolTimedOut => DbErr::ConnectionAcquire(ConnAcquireErr::Timeout),
            SqlxError::PoolClosed => DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed),
            cause => DbErr::Conn(RuntimeErr::SqlxError(cause.into())),
        })
    }

    /// How many connections are in use.
    pub(super) fn at_work(&self) -> usize {
        match self {
            Self::Postgres(resting) => resting.most - resting.places.available_permits(),
            Self::Sqlite(pool) => usize::try_from(pool.size())
                .unwrap_or(usize::MAX)
                .saturating_sub(pool.num_idle()),
        }
    }

    /// Closes every connection, once it has come back.
    pub(super) async fn close(&self) {
        match self {
            Self::Postgres(resting) => {
                resting.places.close();
                while resting.wake().is_some() {}
                resting.pool.close().await;
            }
            Self::Sqlite(pool) => pool.close().await,
        }
    }
}

/// One connection, for the time being.
#[derive(Debug)]
pub(super) enum Live {
    Postgres(Lent),
    Sqlite(PoolConnection<Sqlite>),
}

fn query_failed(cause: SqlxError) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(cause.into()))
}

fn execution_failed(cause: SqlxError) -> DbErr {
    DbErr::Exec(RuntimeErr::SqlxError(cause.into()))
}

/// The text of a statement and its values. Every text comes from the query builder or is written in this
/// program; what a user gives is only ever a value.
fn parts(statement: Statement) -> (AssertSqlSafe<String>, SqlxValues) {
    let values = statement.values.unwrap_or(Values(Vec::new()));
    (AssertSqlSafe(statement.sql), SqlxValues(values))
}

impl Live {
    pub(super) async fn execute(&mut self, statement: Statement) -> Result<ExecResult, DbErr> {
        let (sql, values) = parts(statement);
        match self {
            Self::Postgres(live) => {
                let query = sea_orm::sqlx::query_with(sql, values);
                live.take(async |live| live.execute(query).await.map(Into::into)).await
            }
            Self::Sqlite(live) => {
                let query = sea_orm::sqlx::query_with(sql, values);
                live.execute(query).await.map(Into::into)
            }
        }
        .map_err(execution_failed)
    }

    pub(super) async fn execute_unprepared(&mut self, sql: &str) -> Result<ExecResult, DbErr> {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Postgres(live) => {
                live.take(async |live| live.execute(sea_orm::sqlx::raw_sql(sql)).await.map(Into::into))
                    .await
            }
            Self::Sqlite(live) => live.execute(sea_orm::sqlx::raw_sql(sql)).await.map(Into::into),
        }
        .map_err(execution_failed)
    }

    pub(super) async fn query_one(&mut self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let (sql, values) = parts(statement);
        match self {
            Self::Postgres(live) => {
                let query = sea_orm::sqlx::query_with(sql, values);
                live.take(async |live| live.fetch_optional(query).await)
                    .await
                    .map(|row| row.map(Into::into))
            }
            Self::Sqlite(live) => {
                let query = sea_orm::sqlx::query_with(sql, values);
                live.fetch_optional(query).await.map(|row| row.map(Into::into))
            }
        }
        .map_err(query_failed)
    }

    pub(super) async fn query_all(&mut self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let (sql, values) = parts(statement);
        match self {
            Self::Postgres(live) => {
                let query = sea_orm::sqlx::query_with(sql, values);
                let rows = live.take(async |live| live.fetch_all(query).await).await;
                rows.map(|rows| rows.into_iter().map(Into::into).collect())
            }
            Self::Sqlite(live) => {
                let query = sea_orm::sqlx::query_with(sql, values);
                let rows = live.fetch_all(query).await;
                rows.map(|rows| rows.into_iter().map(Into::into).collect())
            }
        }
        .map_err(query_failed)
    }

    pub(super) async fn commit(&mut self) -> Result<(), DbErr> {
        self.execute_unprepared("COMMIT").await.map(drop)
    }

    pub(super) async fn rollback(&mut self) -> Result<(), DbErr> {
        self.execute_unprepared("ROLLBACK").await.map(drop)
    }

    /// Breaks the connection instead of giving it back: whoever waited for its answer is gone, and the next
    /// one must not wait for it.
    pub(super) fn abandon(&mut self) {
        match self {
            Self::Postgres(live) => live.close(),
            // Its statements end in the process itself, which waits for nobody.
            Self::Sqlite(_) => {}
        }
    }

    /// Closes the connection instead of giving it back: nobody knows what state it is in.
    pub(super) fn break_off(&mut self) {
        match self {
            Self::Postgres(live) => live.close(),
            Self::Sqlite(live) => live.close_on_drop(),
        }
    }
}
