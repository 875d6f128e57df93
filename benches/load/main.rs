//! The load program: fills a database, drives the released server over HTTP on loopback, and prints what
//! every operation costs beside the same question in raw SQL, as the table of `docs/performance.md`.
//!
//! ```text
//! cargo bench --bench load                        # SQLite in a temporary folder
//! cargo bench --bench load -- --postgres          # a throw-away PostgreSQL server
//! cargo bench --bench load -- --database-url postgres://user@host/database
//! cargo bench --bench load -- --storm             # ordinary queries beside 200 sign-ins a second
//! cargo bench --bench load -- --enrolments 1000 --readings 1000000   # whose data was read, after a breach
//! cargo bench --bench load -- --enrolments 1000 --import 10000       # a table brought in by the command line
//! ```
//!
//! The server's limits by class (`[rates]`) are switched off for it, since one address asks for everything.
//!
//! CPU time is what counts: it holds on a noisy machine, elapsed time does not. Nothing is asserted.

use std::io::{self, Write};
use std::time::Duration;

use clap::Parser;
use rumbo::app::App;
use rumbo::clock::Clock;
use rumbo::config::{Profile, Settings};
use rumbo::service::signing_key;
use rumbo::store::{Db, Engine, tally_rebuild};
use tokio::runtime::Runtime;

mod breach;
mod client;
mod cluster;
mod fill;
mod mass;
mod operations;
mod process;
mod storm;
mod table;

/// What ends the program: a text for a person.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What the server that is driven seals with.
const SECRET: &str = "7c1f0b5a93de4286 of the load program, for one run";

/// Fills a database, drives the released server, prints what every operation costs.
#[derive(Debug, Clone, Parser)]
struct Options {
    /// An empty database, or one that this program filled before; a SQLite file of its own by default. People who are left
    /// from an earlier run stand in the way of the promotion's raw SQL on SQLite, which frees and takes row by row.
    #[arg(long)]
    database_url: Option<String>,
    /// Start a PostgreSQL server of its own, which is removed at the end.
    #[arg(long, conflicts_with = "database_url")]
    postgres: bool,
    /// How many enrolments to fill in.
    #[arg(long, default_value_t = 1_000_000)]
    enrolments: i64,
    /// How many people.
    #[arg(long, default_value_t = 50_000)]
    people: i64,
    /// How many editions; the last one takes applications.
    #[arg(long, default_value_t = 200)]
    editions: i64,
    /// How many courses.
    #[arg(long, default_value_t = 20)]
    courses: i64,
    /// How long each operation is driven.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How many connections drive it.
    #[arg(long, default_value_t = 8)]
    connections: usize,
    /// Ask for all statistics, fill up to so many enrolments, ask again, and nothing else.
    #[arg(long, conflicts_with = "only")]
    also: Option<i64>,
    /// Only operations whose name contains this.
    #[arg(long)]
    only: Option<String>,
    /// Drive ordinary queries with and without 200 sign-ins a second beside them, and nothing else.
    #[arg(long)]
    storm: bool,
    /// Record so many readings of personal data by one account, ask whose data they were, and nothing else.
    #[arg(long)]
    readings: Option<u32>,
    /// Bring a table of so many enrolments in by the command line, and nothing else.
    #[arg(long)]
    import: Option<u32>,
    /// Leave the server running for so many seconds at the end, to look at it.
    #[arg(long, default_value_t = 0)]
    linger: u64,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<(), Failure> {
    let options = Options::parse();
    let runtime = Runtime::new()?;
    let folder = tempfile::tempdir()?;
    let cluster = if options.postgres {
        Some(cluster::Cluster::start()?)
    } else {
        None
    };
    let url = match (&options.database_url, &cluster) {
        (Some(url), _) => url.clone(),
        (None, Some(cluster)) => cluster.url().to_owned(),
        (None, None) => format!("sqlite://{}/load.sqlite", folder.path().display()),
    };
    let settings = settings(&url)?;
    let db = runtime.block_on(connect(&settings))?;
    let bench = Bench {
        options,
        runtime,
        settings,
        url,
        db,
        own_cluster: cluster.is_some(),
    };
    bench.fill(bench.options.enrolments)?;
    if bench.options.storm {
        return io::stdout().write_all(bench.storm()?.as_bytes()).map_err(Into::into);
    }
    if let Some(readings) = bench.options.readings {
        return io::stdout()
            .write_all(breach::run(&bench, readings)?.as_bytes())
            .map_err(Into::into);
    }
    if let Some(rows) = bench.options.import {
        io::stdout().write_all(mass::run(&bench, rows)?.as_bytes())?;
        return bench.verify();
    }
    if let Some(enrolments) = bench.options.also {
        let mut report = bench.drive(Some(operations::OVERALL))?;
        bench.fill(enrolments)?;
        let more = bench.drive(Some(operations::OVERALL))?;
        table::compare(&mut report, &more, bench.options.enrolments, enrolments);
        io::stdout().write_all(report.to_string().as_bytes())?;
        return bench.verify();
    }
    let report = bench.drive(bench.options.only.as_deref())?;
    io::stdout().write_all(report.to_string().as_bytes())?;
    bench.verify()
}

fn settings(url: &str) -> Result<Settings, Failure> {
    let overrides = [
        ("database.url", url.to_owned()),
        ("database.statement_seconds", "0".to_owned()),
        ("auth.secret", SECRET.to_owned()),
    ];
    Ok(Settings::load("production", None, &overrides)?)
}

async fn connect(settings: &Settings) -> Result<Db, Failure> {
    let mut last = None;
    for _ in 0..100 {
        match Db::connect(&settings.database).await {
            Ok(db) => return Ok(db),
            Err(failure) => last = Some(failure),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(last.map_or_else(|| "no connection".into(), Into::into))
}

/// One run.
struct Bench {
    options: Options,
    runtime: Runtime,
    settings: Settings,
    url: String,
    db: Db,
    own_cluster: bool,
}

impl Drop for Bench {
    fn drop(&mut self) {
        // Its connections end inside the runtime, or not at all.
        if let Err(failure) = self.runtime.block_on(self.db.clone().close()) {
            say(&format!("the database was not closed: {failure}"));
        }
    }
}

impl Bench {
    fn fill(&self, enrolments: i64) -> Result<(), Failure> {
        let size = fill::Size {
            enrolments,
            ..fill::Size::of(&self.options)
        };
        self.runtime.block_on(async {
            fill::fill(&self.db, size, self.own_cluster).await?;
            self.make_key().await
        })
    }

    /// Sees to it that a key signs access tokens, which the server demands in production.
    async fn make_key(&self) -> Result<(), Failure> {
        let settings = Settings {
            profile: Profile::Development,
            ..self.settings.clone()
        };
        let app = App::new(settings, Clock::System).await?;
        signing_key::prepare(&app).await?;
        Ok(app.db.close().await?)
    }

    /// Starts the server and drives the operations, or those whose name contains `only`.
    fn drive(&self, only: Option<&str>) -> Result<table::Report, Failure> {
        let postmaster = self.runtime.block_on(process::postmaster(&self.db));
        let server = process::Server::start(&self.url)?;
        server.settle()?;
        let at_rest = server.memory()?;
        let mut report = table::Report::new(&self.db, &self.options, server.ready_after, at_rest);
        let operations = self
            .runtime
            .block_on(operations::all(&self.db, &self.settings, &self.options, only))?;
        for operation in &operations {
            say(&format!("driving: {}", operation.name));
            let driven = client::drive(&server, postmaster, operation, &self.options)?;
            let raw = self
                .runtime
                .block_on(operation.ask_raw(&self.db, postmaster, self.options.seconds))?;
            report.add(operation, driven, raw);
        }
        report.under_load(server.peak_memory()?);
        if self.options.linger > 0 {
            say(&format!("the server is process {} at {}", server.id(), server.address));
            std::thread::sleep(Duration::from_secs(self.options.linger));
        }
        Ok(report)
    }

    /// Starts the server, and drives one operation beside sign-ins.
    fn storm(&self) -> Result<String, Failure> {
        let server = process::Server::start(&self.url)?;
        let only = self.options.only.as_deref().unwrap_or(operations::PAGE);
        let operations = self
            .runtime
            .block_on(operations::all(&self.db, &self.settings, &self.options, Some(only)))?;
        let chosen = operations.first().ok_or("no operation has such a name")?;
        storm::run(server.address, chosen, &self.options)
    }

    /// Compares the summaries, which the applications changed, with a recount.
    fn verify(&self) -> Result<(), Failure> {
        let differences = self.runtime.block_on(async {
            let tx = self.db.snapshot().await?;
            let differences = tally_rebuild::differences(&tx).await;
            tx.commit().await?;
            differences
        })?;
        match differences.as_slice() {
            [] => say("the summaries are what a recount finds"),
            some => say(&format!("the summaries differ from a recount:\n{}", some.join("\n"))),
        }
        Ok(())
    }
}

/// Tells on standard error how far it is.
fn say(text: &str) {
    eprintln!("load: {text}");
}

/// What the database is called in the report.
fn name_of(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "SQLite",
        Engine::Postgres => "PostgreSQL",
    }
}
