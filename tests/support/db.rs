//! A database of its own for every test, migrated once and copied, with the key that signs access tokens.
//!
//! SQLite by default. `RUMBO_TEST_DATABASE_URL=postgres://…` names a server to use instead; its user must
//! be allowed to create databases and roles. Nothing stays behind: a copy goes with its test, and the migrated
//! original with the last test that holds it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};

use migrations::{Migrator, MigratorTrait};
use rumbo::config::Settings;
use rumbo::store::Db;
use sea_orm::{ConnectOptions, ConnectionTrait, Database};
use tempfile::TempDir;
use tokio::sync::Mutex;

use super::keys;

/// The migrated original while any test holds it. A process has one at a time.
static TEMPLATE: Mutex<Weak<Place>> = Mutex::const_new(Weak::new());

/// Tells the databases of this process apart.
static SERIAL: AtomicU32 = AtomicU32::new(1);

/// A migrated, empty database that nobody else uses; gone when this is dropped.
pub struct TestDb {
    place: Place,
    /// Keeps the original for the tests that start while this one runs.
    _template: Option<Arc<Place>>,
}

impl TestDb {
    /// Copies the migrated original, which the first call makes.
    pub async fn new() -> Self {
        let template = template().await;
        Self {
            place: Place::create(Some(&template)).await,
            _template: Some(template),
        }
    }

    /// One in which no migration has run.
    pub async fn empty() -> Self {
        Self {
            place: Place::create(None).await,
            _template: None,
        }
    }

    /// An empty database as it was before the migration whose name ends in this.
    pub async fn before(migration: &str) -> Self {
        let template = template().await;
        let place = Place::create(None).await;
        let all = Migrator::migrations();
        let earlier = all.iter().position(|one| one.name().ends_with(migration));
        let earlier = u32::try_from(earlier.expect("a migration")).expect("a small number");
        let url = match &place {
            Place::File(_) => format!("{}?mode=rwc", place.url()),
            Place::Server { .. } => place.url(),
        };
        let connection = Database::connect(url).await.expect("a connection");
        Migrator::up(&connection, Some(earlier))
            .await
            .expect("the earlier migrations");
        connection.close().await.expect("the database closes");
        Self {
            place,
            _template: Some(template),
        }
    }

    /// What `database.url` has to be.
    pub fn url(&self) -> String {
        self.place.url()
    }

    /// What `database.url` has to be for another account of the server; `None` on SQLite, which has none.
    pub fn url_as(&self, account: &Account) -> Option<String> {
        let url = self.url();
        let address = match &self.place {
            Place::File(_) => return None,
            Place::Server { .. } => url.split_once("//")?.1,
        };
        let host = address.rsplit_once('@').map_or(address, |(_, host)| host);
        Some(format!("postgres://{}:{}@{host}", account.name, Account::PASSWORD))
    }

    /// What it is called on its server.
    pub fn name(&self) -> Option<&str> {
        match &self.place {
            Place::File(_) => None,
            Place::Server { name, .. } => Some(name),
        }
    }

    /// Connects to it as the server does.
    pub async fn connect(&self) -> Db {
        connect(&self.url()).await
    }
}

/// The name of an account of the database server, which is removed when this is dropped: after the databases in which
/// it has rights.
pub struct Account {
    pub name: String,
}

impl Account {
    pub const PASSWORD: &'static str = "for a test";

    /// A name that nobody has.
    pub fn new() -> Self {
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        Self {
            name: format!("rumbo_test_app_{}_{serial}", std::process::id()),
        }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        if let Some(url) = server() {
            at_the_end(url, format!("DROP ROLE IF EXISTS {}", self.name));
        }
    }
}

/// The migrated original: the one that other tests hold, or a new one.
async fn template() -> Arc<Place> {
    let mut held = TEMPLATE.lock().await;
    if let Some(template) = held.upgrade() {
        return template;
    }
    let template = Arc::new(Place::create(None).await);
    let db = connect(&template.url()).await;
    db.migrate().await.expect("the migrations run on an empty database");
    keys::plant(&db, &settings(&template.url())).await;
    db.close().await.expect("the database closes");
    *held = Arc::downgrade(&template);
    template
}

fn settings(url: &str) -> Settings {
    Settings::load("test", None, &[("database.url", url.to_owned())]).expect("the test profile loads")
}

async fn connect(url: &str) -> Db {
    Db::connect(&settings(url).database)
        .await
        .expect("the database takes connections")
}

/// Where one database is kept; dropping it removes the database.
enum Place {
    /// A file in a folder of its own.
    File(TempDir),
    /// A database of the server at this URL.
    Server { url: String, name: String },
}

impl Place {
    /// Makes a copy of another database, or an empty one.
    async fn create(from: Option<&Self>) -> Self {
        let Some(url) = server() else {
            let place = Self::File(TempDir::new().expect("a temporary folder"));
            if let Some(original) = from {
                std::fs::copy(original.file(), place.file()).expect("the database can be copied");
            }
            return place;
        };
        let name = format!(
            "rumbo_test_{}_{}",
            std::process::id(),
            SERIAL.fetch_add(1, Ordering::Relaxed)
        );
        let template = match from {
            Some(Self::Server { name, .. }) => name,
            _ => "template0",
        };
        on_server(&url, &format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
        Self::Server { url, name }
    }

    fn file(&self) -> String {
        match self {
            Self::File(folder) => format!("{}/rumbo.sqlite", folder.path().display()),
            Self::Server { .. } => unreachable!("a process tests one engine only"),
        }
    }

    fn url(&self) -> String {
        match self {
            Self::File(_) => format!("sqlite://{}", self.file()),
            Self::Server { url, name } => with_database(url, name),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Self::Server { url, name } = self else { return };
        at_the_end(url.clone(), format!("DROP DATABASE {name} WITH (FORCE)"));
    }
}

/// Runs a statement while something is dropped.
fn at_the_end(url: String, statement: String) {
    // The test's own runtime is inside this call: another thread has to wait for the server.
    let dropping = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(on_server(&url, &statement));
    });
    let dropped = dropping.join().is_ok();
    assert!(
        dropped || std::thread::panicking(),
        "what the test left cannot be dropped"
    );
}

/// The server that the tests were told to use.
fn server() -> Option<String> {
    told("RUMBO_TEST_DATABASE_URL")
}

/// What the tests were told under this name.
#[allow(
    clippy::disallowed_methods,
    reason = "the one place where the tests read the environment"
)]
pub fn told(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Runs one statement outside a transaction.
async fn on_server(url: &str, statement: &str) {
    let mut options = ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false);
    let connection = Database::connect(options)
        .await
        .expect("the server of RUMBO_TEST_DATABASE_URL takes connections");
    connection
        .execute_unprepared(statement)
        .await
        .expect("its user may create and drop databases");
    connection.close().await.expect("the connection closes");
}

/// The URL with another database in it.
fn with_database(url: &str, name: &str) -> String {
    let (address, query) = url
        .split_once('?')
        .map_or((url, String::new()), |(url, query)| (url, format!("?{query}")));
    let (server, _) = address
        .rsplit_once('/')
        .expect("RUMBO_TEST_DATABASE_URL ends in /DATABASE");
    format!("{server}/{name}{query}")
}
