//! Connections out of the pool, held for as long as they serve: a request's reads share one, and so does a
//! transaction.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, Statement};
use tokio::sync::Mutex;

use super::announce::Followers;
use super::keyed::Keyed;
use super::pool::{Live, Pool};
use super::standing::Standings;
use super::transaction::Tx;

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

/// Marks a connection on which a transaction begins; where it failed, or whoever asked is gone before that is known,
/// nobody knows whether it is inside one, so it is closed.
struct Beginning<'a>(&'a mut Live, bool);

impl Drop for Beginning<'_> {
    fn drop(&mut self) {
        if self.1 {
            self.0.break_off();
        }
    }
}

async fn begin(live: &mut Live, sql: &str) -> Result<(), DbErr> {
    let mut beginning = Beginning(live, true);
    beginning.0.execute_unprepared(sql).await?;
    beginning.1 = false;
    Ok(())
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
        self.pool.at_work()
    }

    /// Closes the pool, once every connection has come back.
    pub(super) async fn close(&self) {
        self.rest().await;
        self.pool.close().await;
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
    pub(super) async fn begin(
        &self,
        sql: &'static str,
        standings: &Arc<Standings>,
        followers: &Arc<Followers>,
    ) -> Result<Tx, DbErr> {
        let kept = match &self.held {
            Some(held) => held.lock().await.take(),
            None => None,
        };
        let mut live = match kept {
            Some(live) => live,
            None => self.pool.acquire().await?,
        };
        exchange(&mut live, async |live: &mut Live| begin(live, sql).await).await?;
        Ok(Tx::new(
            self.pool.engine(),
            live,
            self.held.clone(),
            self.statements.clone(),
            self.commits.clone(),
            standings.clone(),
            followers.clone(),
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
