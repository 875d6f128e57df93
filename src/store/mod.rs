//! Tables and queries: the only place that writes them. One module a noun, with its entity.
//!
//! Which of its files know which database they talk to is in ARCHITECTURE.md; the others are the same for both.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, SqlErr, SqlxPostgresConnector, SqlxSqliteConnector,
};

use self::announce::Followers;
use self::idempotency::Claim;
use self::keyed::Keyed;
use self::patience::HangUps;
use self::pool::{PATIENCE, Pool, Resting};
use self::standing::Standings;
use crate::config::{self, Scheme};
use crate::error::{Error, Result};

pub mod access;
pub mod account_request;
pub mod address_change;
pub mod allocation;
pub mod announce;
pub mod api_token;
pub mod assessment;
pub mod audience;
pub mod audit;
pub mod author;
pub mod calendar_link;
pub mod case;
pub mod challenge;
pub mod completion;
pub mod connection;
pub mod course;
pub mod criteria;
pub mod deadline;
pub mod declaration;
pub mod deliverable;
pub mod edition;
pub mod enrolment;
pub mod export;
pub mod form;
pub mod grade;
pub mod history;
pub mod idempotency;
pub mod identity;
pub mod identity_claim;
pub mod import;
pub mod imported_nomination;
pub mod imported_row;
pub mod institution;
pub mod invitation;
pub mod keyed;
pub mod lock;
pub mod meeting;
mod migration;
pub mod nomination;
mod one_time;
pub mod outbox;
pub mod page;
pub mod password_reset;
pub mod patience;
pub mod person;
mod pool;
pub mod provider_sign_in;
pub mod rate;
pub mod recovery_code;
pub mod refresh;
pub mod registration;
pub mod relation;
pub mod role;
pub mod roll;
pub mod row;
pub mod seal;
pub mod seat_pool;
pub mod second_factor;
pub mod session;
pub mod shortfall;
pub mod signing_key;
pub mod snapshot;
mod standing;
pub mod statistics;
pub mod submission;
pub mod table_import;
pub mod table_import_file;
pub mod table_import_row;
pub mod tally;
pub mod tally_rebuild;
pub mod team;
pub mod team_member;
pub mod transaction;
mod unreach;
pub mod verify;
pub mod version;
pub mod waiting;
pub mod works;

/// What statements are sent through: the pool that reads, or a transaction.
pub use sea_orm::ConnectionTrait as Connection;

pub use connection::Reader;
pub use transaction::Tx;

/// Which database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// SQLite, inside the process.
    Sqlite,
    /// PostgreSQL 15 or newer.
    Postgres,
}

/// The database: one connection that writes and some that read on SQLite, one pool on PostgreSQL.
#[derive(Debug, Clone)]
pub struct Db {
    engine: Engine,
    readers: Reader,
    writer: Reader,
    /// The writer once more, for migrations.
    whole: DatabaseConnection,
    statements: Arc<AtomicU64>,
    hang_ups: HangUps,
    standings: Arc<Standings>,
    followers: Arc<Followers>,
    keyed: Option<Arc<Keyed>>,
}

impl Db {
    /// Connects; on SQLite the file is made when there is none.
    pub async fn connect(settings: &config::Database) -> Result<Self> {
        let url = settings.url.reveal();
        match settings.scheme()? {
            Scheme::Sqlite => Self::connect_sqlite(url, settings).await,
            Scheme::Postgres => Self::connect_postgres(url, settings).await,
        }
    }

    async fn connect_sqlite(url: &str, settings: &config::Database) -> Result<Self> {
        let longest = Duration::from_secs(settings.statement_seconds);
        // Preparing a connection shows that it lives, so that it need not be tested as well.
        let pool = || {
            SqlitePoolOptions::new()
                .idle_timeout(None)
                .max_lifetime(None)
                .test_before_acquire(false)
                .after_connect(move |connection, _| Box::pin(patience::prepare(connection, longest)))
                .before_acquire(move |connection, _| {
                    Box::pin(async move {
                        patience::prepare(connection, longest).await?;
                        Ok(true)
                    })
                })
        };
        let options = SqliteConnectOptions::from_str(url)
            .map_err(unreach::malformed)?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(5))
            .statement_cache_capacity(256);
        let file = options.get_filename().to_owned();
        let writer = pool()
            .max_connections(1)
            .connect_with(options.clone())
            .await
            .map_err(|cause| unreach::file(&file, &cause))?;
        let readers = pool()
            .max_connections(settings.readers)
            .connect_with(options.pragma("query_only", "on"))
            .await
            .map_err(|cause| unreach::file(&file, &cause))?;
        let whole = SqlxSqliteConnector::from_sqlx_sqlite_pool(writer.clone());
        let (readers, writer) = (Pool::Sqlite(readers), Pool::Sqlite(writer));
        Ok(Self::of(
            readers,
            writer,
            whole,
            HangUps::new(),
            Followers::of_file(),
            settings,
        ))
    }

    async fn connect_postgres(url: &str, settings: &config::Database) -> Result<Self> {
        let timeout = format!("{}s", settings.statement_seconds);
        let options = PgConnectOptions::from_str(url)
            .map_err(unreach::malformed)?
            .application_name("rumbo")
            .statement_cache_capacity(256)
            .options([
                ("statement_timeout", timeout.as_str()),
                ("client_connection_check_interval", patience::CLIENT_CHECK),
                ("timezone", "UTC"),
            ]);
        let followers = Followers::of_server(&options, settings)?;
        let server = unreach::Server::of(&options);
        let hang_ups = HangUps::new();
        let noted = hang_ups.clone();
        let pool = PgPoolOptions::new()
            // One more for migrations, which do not share with requests.
            .max_connections(settings.connections.saturating_add(1))
            .acquire_timeout(PATIENCE)
            .test_before_acquire(false)
            .after_release(move |connection, _| {
                let hang_ups = noted.clone();
                Box::pin(async move { Ok(patience::is_sound(connection, &hang_ups).await) })
            })
            .connect_with(options)
            .await
            .map_err(|cause| server.unreached(&cause))?;
        let whole = SqlxPostgresConnector::from_sqlx_postgres_pool(pool.clone());
        let pool = Pool::Postgres(Resting::new(pool, settings.connections, hang_ups.clone()));
        Ok(Self::of(pool.clone(), pool, whole, hang_ups, followers, settings))
    }

    fn of(
        readers: Pool,
        writer: Pool,
        whole: DatabaseConnection,
        hang_ups: HangUps,
        followers: Arc<Followers>,
        settings: &config::Database,
    ) -> Self {
        let statements = Arc::new(AtomicU64::new(0));
        Self {
            engine: readers.engine(),
            readers: Reader::new(readers, statements.clone()),
            writer: Reader::new(writer, statements.clone()),
            whole,
            statements,
            hang_ups,
            followers,
            standings: Arc::new(Standings::new(TimeDelta::milliseconds(settings.standing_milliseconds))),
            keyed: None,
        }
    }

    /// Runs an operation whose statements end with it: when it is dropped, nothing of it goes on in the
    /// database, and on SQLite none of its statements, and no transaction, takes longer than the settings allow.
    pub async fn attend<F: Future>(&self, operation: F) -> F::Output {
        patience::attend(&self.hang_ups, operation).await
    }

    /// The same database for one request: its reads share a connection, which its transactions take over on
    /// PostgreSQL. See [`Db::rest`].
    #[must_use]
    pub fn for_request(&self) -> Self {
        let commits = Arc::<AtomicU64>::default();
        let readers = self.readers.holding().counting(commits.clone());
        Self {
            writer: match self.engine {
                Engine::Sqlite => self.writer.counting(commits),
                Engine::Postgres => readers.clone(),
            },
            readers,
            ..self.clone()
        }
    }

    /// The same request with a key: the one transaction that it may have is held when it is committed, reads go
    /// through it from then on, and [`Db::key`] ends it.
    #[must_use]
    pub fn with_key(&self, claim: Claim) -> Self {
        let keyed = Arc::new(Keyed::new(claim));
        Self {
            readers: self.readers.after(keyed.clone()),
            keyed: Some(keyed),
            ..self.clone()
        }
    }

    /// The same request for a transaction ahead of its own, which no key holds and which is not counted: of what is right
    /// whatever becomes of the request, and may be done once more.
    #[must_use]
    pub fn ahead(&self) -> Self {
        Self {
            writer: self.writer.counting(Arc::default()),
            keyed: None,
            ..self.clone()
        }
    }

    /// The key that the request came with.
    pub fn key(&self) -> Option<&Keyed> {
        self.keyed.as_deref()
    }

    /// Gives the request's connection back until the next statement; to be called before anything that takes
    /// long and needs no database, such as hashing a password.
    pub async fn rest(&self) {
        self.readers.rest().await;
    }

    /// How many statements were sent since the start; begin and commit do not count.
    pub fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    /// How many transactions of the request were committed, or may have been.
    pub fn commits(&self) -> u64 {
        self.readers.commits()
    }

    /// How many connections of the pool that reads are in use.
    pub fn readers_at_work(&self) -> usize {
        self.readers.at_work()
    }

    /// Which database it is.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// What reads outside a transaction go to.
    pub fn read(&self) -> &Reader {
        &self.readers
    }

    /// What writes one statement that needs no transaction.
    pub fn alone(&self) -> &Reader {
        &self.writer
    }

    /// Begins a transaction that writes; on SQLite it takes the write lock at once.
    pub async fn write(&self) -> Result<Tx> {
        let sql = match self.engine {
            Engine::Sqlite => "BEGIN IMMEDIATE",
            Engine::Postgres => "BEGIN",
        };
        if let Some(keyed) = &self.keyed {
            // Before it waits for a connection that the request's own transaction may hold.
            keyed.begin()?;
        }
        let tx = self.writer.begin(sql, &self.standings, &self.followers).await?;
        match &self.keyed {
            Some(keyed) => keyed.take(tx).await,
            None => Ok(tx),
        }
    }

    /// Begins a transaction in which every read sees the same instant.
    pub async fn snapshot(&self) -> Result<Tx> {
        let sql = match self.engine {
            Engine::Sqlite => "BEGIN",
            Engine::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ",
        };
        Ok(self.readers.begin(sql, &self.standings, &self.followers).await?)
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<()> {
        Ok(self.readers.execute_unprepared("SELECT 1").await.map(drop)?)
    }

    /// Closes every connection; on SQLite the journal is folded into the file.
    pub async fn close(self) -> Result<()> {
        self.followers.close();
        self.readers.close().await;
        self.writer.close().await;
        Ok(())
    }
}

/// Which database a connection or transaction talks to.
pub fn engine(connection: &impl ConnectionTrait) -> Engine {
    match connection.get_database_backend() {
        DbBackend::Sqlite => Engine::Sqlite,
        _ => Engine::Postgres,
    }
}

/// Turns the violation of a unique constraint into `refusal`, any other failure into an internal one.
pub fn unique_or(refusal: impl Into<Error>) -> impl FnOnce(DbErr) -> Error {
    |cause| match cause.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(_)) => refusal.into(),
        _ => cause.into(),
    }
}
