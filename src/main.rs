//! The command line of Rumbo: reads the arguments and hands over to `commands`.

use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use rumbo::app::App;
use rumbo::clock::Clock;
use rumbo::commands::outcome::{DONE, Failure, Outcome, Output, unless_gone};
use rumbo::commands::{admin, demo, export, import, keys, mail, report, roster, serve, verify};
use rumbo::config::{LogFormat, Settings};
use rumbo::domain::audit::Origin;
use rumbo::error::Error;
use rumbo::{api, http, service};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The backend of a learning management platform for cohort-based, tutor-accompanied courses.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Args)]
struct Common {
    /// Which built-in settings to start from: development, test or production; `demo` starts from development.
    #[arg(long, global = true, env = "RUMBO_PROFILE", default_value = "production")]
    profile: String,
    /// A file with settings of your own.
    #[arg(long, global = true, env = "RUMBO_CONFIG")]
    config: Option<PathBuf>,
    /// `sqlite://FILE` or `postgres://USER:PASSWORD@HOST/DATABASE`; also the variable `RUMBO__DATABASE__URL`.
    #[arg(long, global = true)]
    database_url: Option<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API until asked to stop.
    Serve {
        /// The address to listen on.
        #[arg(long)]
        listen: Option<SocketAddr>,
    },
    /// Show what Rumbo does: a filled database, three people to sign in as, and a start page.
    Demo(demo::Options),
    #[command(flatten)]
    OnData(OnData),
    /// Print the effective settings, secrets hidden.
    Config,
    /// Print the GraphQL schema.
    Schema,
    /// Print the built-in documents by their ids, as a file for the setting `graphql.registered`.
    Documents,
    /// Look at the messages that Rumbo sends.
    #[command(subcommand)]
    Mail(mail::Mail),
}

/// What opens the database, does something with it, and ends.
#[derive(Subcommand)]
enum OnData {
    /// Bring the database schema up to date.
    Migrate,
    /// Bring in the annual report's files from a directory, or a table of people, enrolments or nominations.
    #[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
    Import {
        /// The directory with the CSV files of the annual report.
        #[arg(required = true)]
        folder: Option<PathBuf>,
        #[command(subcommand)]
        table: Option<roster::Table>,
    },
    /// Write lists as CSV, or as workbooks, to standard output.
    #[command(subcommand)]
    Export(export::Export),
    /// Print a report.
    #[command(subcommand)]
    Report(report::Report),
    /// Check every invariant of the data; exit code 1 when one does not hold.
    Verify {
        /// A head of the audit log that was kept outside, as `rumbo admin audit head` printed it.
        #[arg(long)]
        anchor: Option<rumbo::store::seal::Head>,
    },
    /// Look after accounts from this machine.
    #[command(subcommand)]
    Admin(Admin),
}

impl Command {
    /// The name in the audit log.
    fn name(&self) -> &'static str {
        match self {
            Self::Serve { .. } => "serve",
            Self::Demo(_) => "demo",
            Self::OnData(OnData::Migrate) => "migrate",
            Self::OnData(OnData::Import { .. }) => "import",
            Self::OnData(OnData::Export(_)) => "export",
            Self::OnData(OnData::Report(_)) => "report",
            Self::OnData(OnData::Verify { .. }) => "verify",
            Self::OnData(OnData::Admin(_)) => "admin",
            Self::Config => "config",
            Self::Schema => "schema",
            Self::Documents => "documents",
            Self::Mail(_) => "mail",
        }
    }
}

#[derive(Subcommand)]
enum Admin {
    /// Create the first administrator, or make one of somebody who has an account; the password is read from standard
    /// input. Refused as long as there is one who can sign in.
    Create(admin::Create),
    /// Remove the second factor of somebody who lost the device and the recovery codes.
    ForgetFactor(admin::ForgetFactor),
    /// Look at the audit log.
    #[command(subcommand)]
    Audit(admin::Audit),
    /// Look after the keys that sign access tokens.
    #[command(subcommand)]
    Keys(keys::Keys),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        return fail(&Failure::Failed("the TLS provider is installed twice".to_owned()));
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(failure) => return fail(&Failure::Failed(failure.to_string())),
    };
    // What a request does says so itself; the rest is a command's doing.
    let origin = Origin::command(cli.command.name());
    let mut out = Output::new(io::stdout().lock());
    match runtime.block_on(service::audit::from_origin(origin, run(cli, &mut out))) {
        Ok(code) => ExitCode::from(code),
        Err(_) if out.is_unread() => ExitCode::from(DONE),
        Err(failure) => fail(&failure),
    }
}

fn fail(failure: &Failure) -> ExitCode {
    let mut complaints = io::stderr();
    for line in failure.to_string().lines() {
        // Nothing is left to do when standard error is closed.
        drop(writeln!(complaints, "rumbo: {line}"));
    }
    ExitCode::from(failure.code())
}

async fn run(cli: Cli, out: &mut impl Write) -> Outcome {
    let Cli { common, command } = cli;
    let code = match command {
        Command::Demo(options) => {
            let Common {
                config, database_url, ..
            } = common;
            demo::run(options, config.as_deref(), database_url, log_to_stderr, out).await?;
            DONE
        }
        Command::Serve { listen } => {
            let listen = listen.map(|address| ("http.listen", address.to_string()));
            serve::start(settings(common, listen)?).await?;
            DONE
        }
        Command::OnData(what) => {
            let app = App::open(settings(common, None)?, Clock::System).await?;
            on_data(&app, what, out).await?
        }
        Command::Config => print(out, &settings(common, None)?.printable()?)?,
        Command::Schema => print(out, &api::sdl())?,
        Command::Documents => print(out, &http::graphql::documents::manifest()?)?,
        Command::Mail(what) => {
            mail::run(&what, out)?;
            DONE
        }
    };
    unless_gone(out.flush()).map_err(Error::internal)?;
    Ok(code)
}

async fn on_data(app: &App, what: OnData, out: &mut impl Write) -> Outcome {
    match what {
        OnData::Migrate => return print(out, "The schema is up to date.\n"),
        OnData::Import { table: Some(table), .. } => {
            let cancelled = serve::asked_to_stop()?;
            return Box::pin(roster::run(app, table, cancelled, out, &mut io::stderr())).await;
        }
        OnData::Import { folder, table: None } => {
            let folder = folder.unwrap_or_default();
            return Ok(import::run(app, &folder, out, &mut io::stderr()).await?);
        }
        OnData::Export(what) => export::run(app, what, out).await?,
        OnData::Report(what) => report::run(app, what, out).await?,
        OnData::Verify { anchor } => return Ok(verify::run(app, anchor.as_ref(), out).await?),
        OnData::Admin(Admin::Create(create)) => admin::run(app, create, io::stdin().lock(), out).await?,
        OnData::Admin(Admin::ForgetFactor(whose)) => admin::forget_factor(app, whose, out).await?,
        OnData::Admin(Admin::Audit(what)) => admin::audit(app, what, out).await?,
        OnData::Admin(Admin::Keys(what)) => keys::run(app, what, out).await?,
    }
    Ok(DONE)
}

/// The settings in force, by which it is logged from here on.
fn settings(common: Common, listen: Option<(&'static str, String)>) -> Result<Settings, Failure> {
    let database = common.database_url.map(|url| ("database.url", url));
    let overrides: Vec<_> = database.into_iter().chain(listen).collect();
    let settings = Settings::load(&common.profile, common.config.as_deref(), &overrides)?;
    log_to_stderr(&settings);
    Ok(settings)
}

fn print(out: &mut impl Write, text: &str) -> Outcome {
    out.write_all(text.as_bytes()).map_err(Error::internal)?;
    Ok(DONE)
}

/// Log lines go to standard error, so that standard output holds only what was asked for.
fn log_to_stderr(settings: &Settings) {
    let lines = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(&settings.log.filter))
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    match settings.log.format {
        LogFormat::Human => lines.init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
}
