//! The command line of Rumbo: reads the arguments and hands over to `commands`.

use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use chrono::{DateTime, NaiveDate, Utc};
use clap::{Args, Parser, Subcommand};
use rumbo::app::App;
use rumbo::clock::Clock;
use rumbo::commands::{admin, demo, import, keys, report, serve, verify};
use rumbo::config::{LogFormat, Settings};
use rumbo::domain::actor::Actor;
use rumbo::domain::audit::Origin;
use rumbo::domain::language::Language;
use rumbo::domain::text::Reason;
use rumbo::error::{Error, Faults, Result};
use rumbo::{api, http, service};
use tokio::net::TcpListener;

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
    /// Which built-in settings to start from: development, test or production.
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
    /// Bring the database schema up to date.
    Migrate,
    /// Bring in the annual report's files from a directory.
    Import {
        /// The directory with the CSV files.
        folder: PathBuf,
    },
    /// Write lists as CSV to standard output.
    #[command(subcommand)]
    Export(Export),
    /// Print a report.
    #[command(subcommand)]
    Report(Report),
    /// Check every invariant of the data; exit code 1 when one does not hold.
    Verify {
        /// A head of the audit log that was kept outside, as `rumbo admin audit head` printed it.
        #[arg(long)]
        anchor: Option<rumbo::store::seal::Head>,
    },
    /// Look after accounts from this machine.
    #[command(subcommand)]
    Admin(Admin),
    /// Print the effective settings, secrets hidden.
    Config,
    /// Print the GraphQL schema.
    Schema,
    /// Print the built-in documents by their ids, as a file for the setting `graphql.registered`.
    Documents,
}

impl Command {
    /// The name in the audit log.
    fn name(&self) -> &'static str {
        match self {
            Self::Serve { .. } => "serve",
            Self::Demo(_) => "demo",
            Self::Migrate => "migrate",
            Self::Import { .. } => "import",
            Self::Export(_) => "export",
            Self::Report(_) => "report",
            Self::Verify { .. } => "verify",
            Self::Admin(_) => "admin",
            Self::Config => "config",
            Self::Schema => "schema",
            Self::Documents => "documents",
        }
    }
}

#[derive(Subcommand)]
enum Export {
    /// Enrolments with the demographics frozen in them.
    Enrolments {
        /// Only those of the edition with this code.
        #[arg(long)]
        edition: Option<String>,
        /// What for; it is kept in the audit log, and the people in the list can read it.
        #[arg(long)]
        reason: String,
    },
}

#[derive(Subcommand)]
enum Report {
    /// The editions of a period, one line each, and their total.
    Editions {
        /// First day of the period.
        #[arg(long)]
        from: NaiveDate,
        /// Last day of the period.
        #[arg(long)]
        to: NaiveDate,
        /// Which editions the period means.
        #[arg(long)]
        rule: report::Rule,
        /// An earlier instant (RFC 3339), to get the figures as they then were.
        #[arg(long)]
        as_at: Option<DateTime<Utc>>,
        /// How the table is written.
        #[arg(long, default_value = "table")]
        format: report::Format,
    },
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
        return fail("the TLS provider is installed twice");
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(failure) => return fail(&failure.to_string()),
    };
    // What a request does says so itself; the rest is a command's doing.
    let origin = Origin::command(cli.command.name());
    match runtime.block_on(service::audit::from_origin(origin, run(cli))) {
        Ok(code) => code,
        Err(Error::Internal(cause)) => fail(&cause.to_string()),
        Err(Error::Invalid(faults)) => {
            let sentences = faults.iter().map(|fault| {
                let sentence = api::error::sentence(fault.code, fault.detail.as_deref(), Language::En);
                format!("{}: {sentence}", fault.path.join("."))
            });
            fail(&sentences.collect::<Vec<_>>().join("\nrumbo: "))
        }
        Err(failure) => fail(&failure.to_string()),
    }
}

fn fail(what: &str) -> ExitCode {
    // Nothing is left to do when standard error is closed.
    drop(writeln!(io::stderr(), "rumbo: {what}"));
    ExitCode::FAILURE
}

async fn run(cli: Cli) -> Result<ExitCode> {
    if let Command::Demo(options) = cli.command {
        return demo::run(options, cli.common.database_url)
            .await
            .map(|()| ExitCode::SUCCESS);
    }
    let mut overrides = Vec::new();
    if let Some(url) = cli.common.database_url {
        overrides.push(("database.url", url));
    }
    if let Command::Serve { listen: Some(listen) } = &cli.command {
        overrides.push(("http.listen", listen.to_string()));
    }
    let settings =
        Settings::load(&cli.common.profile, cli.common.config.as_deref(), &overrides).map_err(Error::internal)?;
    log_to_stderr(&settings);
    let mut out = io::stdout().lock();
    match cli.command {
        Command::Schema => print(&mut out, &api::sdl())?,
        Command::Documents => print(&mut out, &http::graphql::documents::manifest()?)?,
        Command::Config => print(&mut out, &settings.printable())?,
        Command::Serve { .. } => {
            settings.validate().map_err(Error::internal)?;
            let listener = TcpListener::bind(&settings.http.listen)
                .await
                .map_err(Error::internal)?;
            let start = settings.http.start_page.then(http::start::StartPage::default);
            let app = open(settings).await?;
            service::signing_key::prepare(&app).await?;
            tracing::info!(http.listen = %app.settings.http.listen, database.engine = ?app.db.engine(), "serving");
            serve::run(app, listener, start, serve::asked_to_stop()).await?;
        }
        Command::Migrate => {
            let app = App::new(settings, Clock::System).await?;
            app.db.migrate().await?;
            print(&mut out, "The schema is up to date.\n")?;
        }
        Command::Import { folder } => {
            let app = open(settings).await?;
            return Ok(ExitCode::from(
                import::run(&app, &folder, &mut out, &mut io::stderr()).await?,
            ));
        }
        Command::Export(Export::Enrolments { edition, reason }) => {
            let mut faults = Faults::default();
            let Some(reason) = faults.take("reason", Reason::parse(&reason)) else {
                return Err(faults.into());
            };
            let app = open(settings).await?;
            service::export::enrolments(&app, &Actor::operator(), edition.as_deref(), &reason, out).await?;
        }
        Command::Report(Report::Editions {
            from,
            to,
            rule,
            as_at,
            format,
        }) => {
            let app = open(settings).await?;
            report::run(&app, (from, to, rule), as_at, format, &mut out).await?;
        }
        Command::Verify { anchor } => {
            let app = open(settings).await?;
            return Ok(ExitCode::from(verify::run(&app, anchor.as_ref(), &mut out).await?));
        }
        Command::Admin(Admin::Create(create)) => {
            let app = open(settings).await?;
            admin::run(&app, create, io::stdin().lock(), &mut out).await?;
        }
        Command::Admin(Admin::ForgetFactor(whose)) => {
            let app = open(settings).await?;
            admin::forget_factor(&app, whose, &mut out).await?;
        }
        Command::Admin(Admin::Audit(what)) => {
            let app = open(settings).await?;
            admin::audit(&app, what, &mut out).await?;
        }
        Command::Admin(Admin::Keys(what)) => {
            let app = open(settings).await?;
            keys::run(&app, what, &mut out).await?;
        }
        Command::Demo(_) => unreachable!("the demo has its own settings and was started above"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Connects, with the schema brought up to date.
async fn open(settings: Settings) -> Result<App> {
    let app = App::new(settings, Clock::System).await?;
    app.db.migrate().await?;
    Ok(app)
}

fn print(out: &mut impl Write, text: &str) -> Result<()> {
    out.write_all(text.as_bytes()).map_err(Error::internal)
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
