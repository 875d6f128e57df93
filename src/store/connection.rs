//! Connections out of the pool, held for as long as they serve: a request's reads share one, and so does a
//! transaction.
//!
//! The pool asks a connection whether it still answers each time it comes back, one round trip for every
//! statement where each takes a connection of its own. A request that keeps its connection asks once. This
//! file and its parent are the only ones that know which database it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::{AssertSqlSafe, Error as SqlxError, Executor, PgPool, Postgres, Sqlite, SqlitePool};
use sea_orm::{
    ConnAcquireErr, ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement, Values,
};
use sea_query_sqlx::SqlxValues;
use tokio::sync::Mutex;

use super::Engine;
use super::keyed::Keyed;
use super::standing::Standings;
use super::transaction::Tx;

/// Where connections come from.
#[derive(Debug, Clone)]
pub(super) enum Pool {
    Postgres(PgPool),
    Sqlite(SqlitePool),
}

impl Pool {
    pub(super) fn engine(&self) -> Engine {
        match self {
            Self::Postgres(_) => Engine::Postgres,
            Self::Sqlite(_) => Engine::Sqlite,
        }
    }

    fn backend(&self) -> DbBackend {
        match self {
            Self::Postgres(_) => DbBackend::Postgres,
            Self::Sqlite(_) => DbBackend::Sqlite,
        }
    }

    async fn acquire(&self) -> Result<Live, DbErr> {
        let live = match self {
            Self::Postgres(pool) => pool.acquire().await.map(Live::Postgres),
            Self::Sqlite(pool) => pool.acquire().await.map(Live::Sqlite),
        };
        live.map_err(|cause| match cause {
            SqlxError::PoolTimedOut => DbErr::ConnectionAcquire(ConnAcquireErr::Timeout),
            SqlxError::PoolClosed => DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed),
            cause => DbErr::Conn(RuntimeErr::SqlxError(cause.into())),
        })
    }
}

/// One connection, for the time being.
#[derive(Debug)]
pub(super) enum Live {
    Postgres(PoolConnection<Postgres>),
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
                live.execute(query).await.map(Into::into)
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
            Self::Postgres(live) => live.execute(sea_orm::sqlx::raw_sql(sql)).await.map(Into::into),
            Self::Sqlite(live) => live.execute(sea_orm::sqlx::raw_sql(sql)).await.map(Into::into),
        }
        .map_err(execution_failed)
    }

    pub(super) async fn query_one(&mut self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let (sql, values) = parts(statement);
        match self {
            Self::Postgres(live) => {
                let query = sea_orm::sqlx::query_with(sql, values);
                live.fetch_optional(query).await.map(|row| row.map(Into::into))
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
                let rows = live.fetch_all(query).await;
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
    fn abandon(&mut self) {
        match self {
            Self::Postgres(live) => live.close_on_drop(),
            // Its statements end in the process itself, which waits for nobody.
            Self::Sqlite(_) => {}
        }
    }

    /// Closes the connection instead of giving it back: nobody knows what state it is in.
    pub(super) fn break_off(&mut self) {
        match self {
            Self::Postgres(live) => live.close_on_drop(),
            Self::Sqlite(live) => live.close_on_drop(),
        }
    }
}

/// Marks a connection as waiting for an answer; one that is dropped while it waits is abandoned.
struct Waiting<'a>(&'a mut Live, bool);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.1 {
            self.0.abandon();
        }
    }
}

/// Runs one exchange with the connection.
pub(super) async fn exchange<T>(
    live: &mut Live,
    run: impl AsyncFnOnce(&mut Live) -> Result<T, DbErr>,
) -> Result<T, DbErr> {
    let mut waiting = Waiting(live, true);
    let result = run(waiting.0).await;
    waiting.1 = false;
    result
}

/// What reads outside a transaction go through: any connection of the pool, or the one of the request.
#[derive(Debug, Clone)]
pub struct Reader {
    pool: Pool,
    statements: Arc<AtomicU64>,
    held: Option<Arc<Mutex<Option<Live>>>>,
    keyed: Option<Arc<Keyed>>,
    /// How many transactions of the request were committed.
    commits: Arc<AtomicU64>,
}

impl Reader {
    pub(super) fn new(pool: Pool, statements: Arc<AtomicU64>) -> Self {
        Self {
            pool,
            statements,
            held: None,
            keyed: None,
            commits: Arc::default(),
        }
    }

    /// The same, counting its commits with those of a request.
    pub(super) fn counting(&self, commits: Arc<AtomicU64>) -> Self {
        Self {
            commits,
            ..self.clone()
        }
    }

    /// How many transactions of the request were committed.
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// The same, through the transaction of a request with a key as long as that waits.
    pub(super) fn after(&self, keyed: Arc<Keyed>) -> Self {
        Self {
            keyed: Some(keyed),
            ..self.clone()
        }
    }

    /// The same, with one connection for all reads to come. It is taken by the first and goes back when the
    /// last clone is dropped, or when it is rested.
    pub(super) fn holding(&self) -> Self {
        Self {
            held: Some(Arc::default()),
            ..self.clone()
        }
    }

    /// Gives the held connection back for as long as nothing is read.
    pub(super) async fn rest(&self) {
        if let Some(held) = &self.held {
            held.lock().await.take();
        }
    }

    /// How many connections of the pool are in use.
    pub(super) fn at_work(&self) -> usize {
        let (size, idle) = match &self.pool {
            Pool::Postgres(pool) => (pool.size(), pool.num_idle()),
            Pool::Sqlite(pool) => (pool.size(), pool.num_idle()),
        };
        usize::try_from(size).unwrap_or(usize::MAX).saturating_sub(idle)
    }

    /// Closes the pool, once every connection has come back.
    pub(super) async fn close(&self) {
        self.rest().await;
        match &self.pool {
            Pool::Postgres(pool) => pool.close().await,
            Pool::Sqlite(pool) => pool.close().await,
        }
    }

    async fn run<T>(&self, run: impl AsyncFnOnce(&mut Live) -> Result<T, DbErr>) -> Result<T, DbErr> {
        if let Some(keyed) = &self.keyed
            && let Some(tx) = &*keyed.held().await
        {
            return tx.run(run).await;
        }
        self.statements.fetch_add(1, Ordering::Relaxed);
        let Some(held) = &self.held else {
            return exchange(&mut self.pool.acquire().await?, run).await;
        };
        let mut slot = held.lock().await;
        let mut live = match slot.take() {
            Some(live) => live,
            None => self.pool.acquire().await?,
        };
        let result = exchange(&mut live, run).await;
        // A connection whose exchange was cut short never gets here, and is dropped.
        *slot = Some(live);
        result
    }

    /// Begins a transaction on the request's connection, or on another of the pool.
    pub(super) async fn begin(&self, sql: &'static str, standings: Arc<Standings>) -> Result<Tx, DbErr> {
        let kept = match &self.held {
            Some(held) => held.lock().await.take(),
            None => None,
        };
        let mut live = match kept {
            Some(live) => live,
            None => self.pool.acquire().await?,
        };
        let begun = exchange(&mut live, async |live: &mut Live| live.execute_unprepared(sql).await).await;
        if begun.is_err() {
            live.break_off();
        }
        begun?;
        Ok(Tx::new(
            self.pool.engine(),
            live,
            self.held.clone(),
            self.statements.clone(),
            self.commits.clone(),
            standings,
        ))
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Reader {
    fn get_database_backend(&self) -> DbBackend {
        self.pool.backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.run(async move |live: &mut Live| live.execute(statement).await)
            .await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.run(async move |live: &mut Live| live.execute_unprepared(sql).await)
            .await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.run(async move |live: &mut Live| live.query_one(statement).await)
            .await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.run(async move |live: &mut Live| live.query_all(statement).await)
            .await
    }
}
