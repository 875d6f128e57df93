//! A transaction: its connection, the writes that wait in it, and what becomes of it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex as Lock, PoisonError};

use sea_orm::sea_query::{Alias, CommonTableExpression, InsertStatement, WithClause};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, Statement};
use tokio::sync::Mutex;

use super::Engine;
use super::announce::{Changes, Followers, Topic};
use super::connection::exchange;
use super::keyed::Keyed;
use super::pool::Live;
use super::standing::{Standings, is_telling};

/// A transaction. Dropped without a commit it is rolled back.
#[derive(Debug)]
pub struct Tx {
    engine: Engine,
    live: Mutex<Option<Live>>,
    /// What waits to be written together with what comes next.
    waiting: Mutex<Vec<Waiting>>,
    home: Option<Arc<Mutex<Option<Live>>>>,
    statements: Arc<AtomicU64>,
    commits: Arc<AtomicU64>,
    standings: Arc<Standings>,
    followers: Arc<Followers>,
    /// What its commit announces.
    changes: Lock<Changes>,
    /// Whether a statement in it changed what sessions amount to.
    telling: AtomicBool,
    /// The key of its request, which holds it when it is committed.
    keyed: Option<Arc<Keyed>>,
}

/// Forgets the standings when it is dropped, so that a commit tells of its change also when nobody waits
/// for its answer any more.
struct Forgetting<'a>(Option<&'a Standings>);

impl Drop for Forgetting<'_> {
    fn drop(&mut self) {
        if let Some(standings) = self.0 {
            standings.forget();
        }
    }
}

/// Tells of what was changed when it is dropped, for the same reason.
struct Telling<'a>(&'a Followers, Changes);

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        self.0.tell(&self.1);
    }
}

/// A transaction for questions that go ahead of the writes that wait in it, because these touch other tables: what
/// waits is sent with a later statement, and a round trip is saved.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ahead<'a>(&'a Tx);

/// Rows that wait to be put in.
#[derive(Debug)]
struct Waiting {
    table: &'static str,
    write: InsertStatement,
}

/// Up to how many rows a write may wait: the values of what waits together must fit into one statement.
const WAITING_ROWS: usize = 20;

impl Tx {
    pub(super) fn new(
        engine: Engine,
        live: Live,
        home: Option<Arc<Mutex<Option<Live>>>>,
        statements: Arc<AtomicU64>,
        commits: Arc<AtomicU64>,
        standings: Arc<Standings>,
        followers: Arc<Followers>,
    ) -> Self {
        Self {
            engine,
            live: Mutex::new(Some(live)),
            waiting: Mutex::default(),
            home,
            statements,
            commits,
            standings,
            followers,
            changes: Lock::default(),
            telling: AtomicBool::new(false),
            keyed: None,
        }
    }

    /// When it is committed, it is handed over instead.
    pub(super) fn hold_for(&mut self, keyed: Arc<Keyed>) {
        self.keyed = Some(keyed);
    }

    /// Announces to those who follow it that this has changed, once it is committed.
    pub(super) fn announce(&self, topic: Topic) {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).add(topic);
    }

    /// Writes `rows` rows of a table, at the latest before the next statement or the commit. On PostgreSQL
    /// writes that wait together go in one statement and one round trip; a table has one write in it, since
    /// parts of one statement do not see each other. For writes of which nobody asks whether the database refuses
    /// them: that shows with the statement that sends them.
    pub async fn later(&self, table: &'static str, rows: usize, write: InsertStatement) -> Result<(), DbErr> {
        if self.engine == Engine::Sqlite || rows > WAITING_ROWS {
            return self.execute(&write).await.map(drop);
        }
        let mut waiting = self.waiting.lock().await;
        if waiting.iter().any(|other| other.table == table) {
            self.send(std::mem::take(&mut *waiting)).await?;
        }
        waiting.push(Waiting { table, write });
        Ok(())
    }

    /// For questions about these tables: what waits goes first only if it writes to one of them.
    pub(super) async fn asking(&self, tables: &[&str]) -> Result<Ahead<'_>, DbErr> {
        let mut waiting = self.waiting.lock().await;
        if waiting.iter().any(|write| tables.contains(&write.table)) {
            self.send(std::mem::take(&mut *waiting)).await?;
        }
        Ok(Ahead(self))
    }

    /// Sends what waits.
    async fn flush(&self) -> Result<(), DbErr> {
        let waiting = std::mem::take(&mut *self.waiting.lock().await);
        self.send(waiting).await
    }

    /// Sends what waits, on PostgreSQL with what is announced by the commit that follows.
    async fn flush_announcing(&self, changes: &Changes) -> Result<(), DbErr> {
        let announced = match self.engine {
            Engine::Sqlite => None,
            Engine::Postgres => changes.notification(),
        };
        let Some(announced) = announced else {
            return self.flush().await;
        };
        let waiting = std::mem::take(&mut *self.waiting.lock().await);
        let backend = self.get_database_backend();
        let statement = match beside(waiting) {
            Some(others) => backend.build(&announced.with(others)),
            None => backend.build(&announced),
        };
        Ahead(self).execute_raw(statement).await.map(drop)
    }

    async fn send(&self, mut waiting: Vec<Waiting>) -> Result<(), DbErr> {
        let Some(last) = waiting.pop() else { return Ok(()) };
        let backend = self.get_database_backend();
        let statement = match beside(waiting) {
            None => backend.build(&last.write),
            Some(others) => backend.build(&last.write.with(others)),
        };
        Ahead(self).execute_raw(statement).await.map(drop)
    }

    /// Makes everything that was done in it last, and visible to others; in a request with a key, once its answer
    /// is known.
    pub async fn commit(mut self) -> Result<(), DbErr> {
        if let Some(keyed) = self.keyed.take() {
            self.flush().await?;
            keyed.hold(self).await;
            return Ok(());
        }
        let changes = self.changes.get_mut().unwrap_or_else(PoisonError::into_inner);
        let changes = std::mem::take(changes);
        self.flush_announcing(&changes).await?;
        let mut live = self.live.get_mut().take().ok_or_else(over)?;
        let telling = self.telling.load(Ordering::Relaxed);
        let forgetting = Forgetting(telling.then_some(&*self.standings));
        // Counted before it is known how it ends: what may have happened must not be done again.
        self.commits.fetch_add(1, Ordering::Relaxed);
        let followers = self.followers.clone();
        let tells = Telling(&followers, changes);
        let result = exchange(&mut live, Live::commit).await;
        drop((forgetting, tells));
        if result.is_err() {
            undo(live).await;
        } else {
            self.give_back(live).await;
        }
        result
    }

    /// Undoes everything that was done in it.
    pub async fn rollback(mut self) -> Result<(), DbErr> {
        let mut live = self.live.get_mut().take().ok_or_else(over)?;
        let result = exchange(&mut live, Live::rollback).await;
        self.give_back(live).await;
        result
    }

    /// The request goes on with the connection.
    async fn give_back(&self, live: Live) {
        if let Some(home) = &self.home {
            *home.lock().await = Some(live);
        }
    }

    fn note(&self, sql: &str) {
        if is_telling(sql) {
            self.telling.store(true, Ordering::Relaxed);
        }
    }

    pub(super) async fn run<T>(&self, run: impl AsyncFnOnce(&mut Live) -> Result<T, DbErr>) -> Result<T, DbErr> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        let mut slot = self.live.lock().await;
        exchange(slot.as_mut().ok_or_else(over)?, run).await
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        if let Some(live) = self.live.get_mut().take() {
            tokio::spawn(undo(live));
        }
    }
}

/// Writes as parts of another statement; `None` when there are none.
fn beside(waiting: Vec<Waiting>) -> Option<WithClause> {
    if waiting.is_empty() {
        return None;
    }
    let mut parts = WithClause::new();
    for Waiting { table, write } in waiting {
        let mut part = CommonTableExpression::new();
        part.table_name(Alias::new(format!("to_{table}")));
        part.query(write);
        parts.cte(part);
    }
    Some(parts)
}

/// Rolls back and gives the connection back to the pool; one that does not even do that is closed.
async fn undo(mut live: Live) {
    if let Err(failure) = exchange(&mut live, Live::rollback).await {
        live.break_off();
        tracing::warn!(error.chain = %failure, "a transaction could not be rolled back");
    }
}

fn over() -> DbErr {
    DbErr::Custom("the transaction is over".to_owned())
}

#[async_trait::async_trait]
impl ConnectionTrait for Tx {
    fn get_database_backend(&self) -> DbBackend {
        match self.engine {
            Engine::Sqlite => DbBackend::Sqlite,
            Engine::Postgres => DbBackend::Postgres,
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.flush().await?;
        Ahead(self).execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.flush().await?;
        Ahead(self).execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.flush().await?;
        Ahead(self).query_one_raw(statement).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.flush().await?;
        Ahead(self).query_all_raw(statement).await
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Ahead<'_> {
    fn get_database_backend(&self) -> DbBackend {
        self.0.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.0.note(&statement.sql);
        self.0
            .run(async move |live: &mut Live| live.execute(statement).await)
            .await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.0.note(sql);
        self.0
            .run(async move |live: &mut Live| live.execute_unprepared(sql).await)
            .await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.0.note(&statement.sql);
        self.0
            .run(async move |live: &mut Live| live.query_one(statement).await)
            .await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.0.note(&statement.sql);
        self.0
            .run(async move |live: &mut Live| live.query_all(statement).await)
            .await
    }
}
