//! `rumbo demo`: everything that Rumbo does, on a machine where nothing was set up.
//!
//! A database is made and filled with the annual report of 2022, its table is printed beside the published
//! one, two editions around today are added so that every journey can be walked, and the server stays up
//! with a start page and three people to sign in as.

use std::fmt::Write as _;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use clap::Args;
use data_encoding::BASE32_NOPAD;
use serde_json::json;

use self::cast::{Cast, Member};
use super::outcome::unless_gone;
use super::{import, report, serve};
use crate::app::App;
use crate::auth::token::{Kind, draw};
use crate::clock::Clock;
use crate::config::Settings;
use crate::domain::actor::Actor;
use crate::domain::import::{Files, published};
use crate::domain::statistics::{Period, PeriodRule};
use crate::error::{Error, Result};
use crate::http::start::{StartPage, StartPerson};
use crate::service;
use crate::service::import::Outcome;
use crate::service::session::SignedIn;

mod asked;
mod cast;
mod people;
mod seed;

/// How the demo runs.
#[derive(Debug, Args)]
pub struct Options {
    /// The directory that holds all its files; it is made when there is none.
    #[arg(long, default_value = "rumbo-demo")]
    dir: PathBuf,
    /// The address to listen on; port 0 for any that is free.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Print one JSON object on standard output when ready, everything else on standard error.
    #[arg(long)]
    json: bool,
}

macro_rules! report_files {
    ($($name:literal),*) => {
        [$(($name, include_bytes!(concat!("../../tests/data/annual-report-2022/", $name)).as_slice())),*]
    };
}

/// The report's files, built in.
const REPORT: [(&str, &[u8]); 9] = report_files![
    "editions.csv",
    "institutions.csv",
    "people.csv",
    "enrolments.csv",
    "teams.csv",
    "deliverables.csv",
    "meetings.csv",
    "videoconferences.csv",
    "published.csv"
];

/// Runs the demo until the process is asked to stop, with the settings for development, those of `config` and its own;
/// `log` hears by which it is logged.
pub async fn run(
    options: Options,
    config: Option<&Path>,
    database_url: Option<String>,
    log: impl FnOnce(&Settings),
    out: &mut impl Write,
) -> Result<()> {
    std::fs::create_dir_all(&options.dir)
        .map_err(|cause| Error::internal(format!("{} cannot be a directory: {cause}", options.dir.display())))?;
    let listener = serve::listen(&options.listen.to_string()).await?;
    let url = format!("http://{}", listener.local_addr().map_err(Error::internal)?);
    let settings = settings(&options.dir, config, database_url, &url)?;
    log(&settings);
    let database_url = settings.database.url.reveal().to_owned();
    say("Making the database …");
    let app = App::open(settings, Clock::System).await?;
    service::signing_key::prepare(&app).await?;
    fill(&app).await?;
    say(&compare(&app).await?);
    let (people, ids) = scene(&app).await?;
    let start = StartPage::new(&people, &ids);
    // Heard from here on: whoever reads that it is ready may ask at once.
    let stop = serve::asked_to_stop()?;
    let server = tokio::spawn(serve::run(app.clone(), listener, Some(start), stop));
    let ready = announce(&app, &people).await?;
    say(&format!("\nOpen {url}/ and walk the three journeys. Stop with Ctrl-C."));
    if options.json {
        let ready = json!({ "url": url, "databaseUrl": database_url, "people": ready });
        let written = writeln!(out, "{ready}").and_then(|()| out.flush());
        // Those who read it may have gone; whoever walks the journeys has not.
        unless_gone(written).map_err(Error::internal)?;
    }
    server.await.map_err(Error::internal)?
}

/// Plays the scene around today unless it was played before, and gives its three people new passwords; returns them
/// with the identifiers with which the journeys of the start page begin.
///
/// # Errors
/// Failures of the database, and where an earlier run was stopped while it played the scene; the scene is made of texts
/// that are known to be well formed.
pub async fn scene(app: &App) -> Result<(Vec<StartPerson>, serde_json::Value)> {
    let cast = seed::live_editions(app).await?;
    let people = sign_ins(app, &cast).await?;
    Ok((people, cast.ids))
}

/// The settings of a demonstration: its own files, a secret of its own, messages as files.
fn settings(dir: &Path, config: Option<&Path>, database_url: Option<String>, url: &str) -> Result<Settings> {
    let mut overrides = vec![
        ("auth.secret", draw(Kind::Refresh)?),
        ("http.public_url", url.to_owned()),
        ("mail.folder", dir.join("mail").display().to_string()),
        (
            "log.filter",
            "warn,sqlx=error,sea_orm=warn,sea_orm_migration=warn".to_owned(),
        ),
    ];
    let embedded = || format!("sqlite://{}", dir.join("rumbo.sqlite").display());
    let named = Settings::load("development", config, &[])?;
    let named = named.database.url.reveal().starts_with("postgres");
    match database_url {
        Some(given) => overrides.push(("database.url", given)),
        None if named => {}
        None => overrides.push(("database.url", embedded())),
    }
    let settings = Settings::load("development", config, &overrides)?;
    settings.validate()?;
    Ok(settings)
}

fn files() -> Files {
    REPORT
        .iter()
        .map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec()))
        .collect()
}

async fn fill(app: &App) -> Result<()> {
    say("Bringing in the annual report of 2022 …");
    match import::with_bar(app, &files()).await? {
        Outcome::Stored(report) => {
            say(report.to_string().trim_end());
            Ok(())
        }
        Outcome::Refused(_) => Err(Error::internal(
            "the database holds other data under the report's codes; choose another --dir",
        )),
    }
}

/// The table of the report, each figure beside the published one where the report states it.
async fn compare(app: &App) -> Result<String> {
    let day = |year, month, day| NaiveDate::from_ymd_opt(year, month, day).unwrap_or_default();
    let period = Period {
        from: day(2021, 11, 1),
        to: day(2022, 11, 30),
        rule: PeriodRule::Overlapped,
    };
    let lines = report::lines(app, &Actor::operator(), period, None).await?;
    let bytes = REPORT
        .iter()
        .find(|(name, _)| *name == "published.csv")
        .map_or(&[][..], |(_, bytes)| bytes);
    let table = published(bytes).map_err(|_| Error::internal("the published table is not readable"))?;
    let mut text = format!(
        "\nThe table of the 2022 report: Rumbo's figure / the published one (- where it states none)\n{:<13}{:>14}{:>12}{:>12}{:>14}{:>12}\n",
        "code", "enrolments", "women", "men", "institutions", "countries"
    );
    let mut equal = true;
    for line in lines {
        let Some(printed) = table.iter().find(|printed| printed.code == line.code) else {
            continue;
        };
        let pairs = [
            (line.enrolments, printed.participants, 14),
            (line.women, printed.women, 12),
            (line.men, printed.men, 12),
            (line.institutions, printed.institutions, 14),
            (line.countries, printed.countries, 12),
        ];
        write!(text, "{:<13}", line.code).map_err(Error::internal)?;
        for (ours, theirs, width) in pairs {
            equal &= theirs.is_none_or(|theirs| theirs == ours);
            let pair = format!(
                "{ours} / {}",
                theirs.map_or("-".to_owned(), |theirs| theirs.to_string())
            );
            write!(text, "{pair:>width$}").map_err(Error::internal)?;
        }
        text.push('\n');
        if line.code == "TOTAL" {
            writeln!(
                text,
                "{} people hold the {} enrolments; {} roadmaps and projects were handed in.",
                line.participants, line.enrolments, line.submitted
            )
            .map_err(Error::internal)?;
        }
    }
    text.push_str(if equal {
        "Every figure is the published one."
    } else {
        "SOME FIGURES DIFFER from the published ones."
    });
    Ok(text)
}

/// Gives the three people new passwords, which only this run knows.
async fn sign_ins(app: &App, cast: &Cast) -> Result<Vec<StartPerson>> {
    let mut people = Vec::new();
    for Member { role, name, email, id } in &cast.people {
        let random = draw(Kind::OneTime)?;
        let password = format!(
            "demo-{}",
            BASE32_NOPAD
                .encode(&random.as_bytes()[random.len() - 10..])
                .to_lowercase()
        );
        people::set_password(app, *id, &password).await?;
        people.push(StartPerson {
            role: (*role).to_owned(),
            name: name.clone(),
            email: email.clone(),
            password,
        });
    }
    Ok(people)
}

/// Signs the three people in, and says how others can.
async fn announce(app: &App, people: &[StartPerson]) -> Result<Vec<serde_json::Value>> {
    let mut list = Vec::new();
    for person in people {
        let signed_in = service::session::sign_in(app, &person.email, &person.password, None).await?;
        let SignedIn::Session(tokens) = signed_in else {
            return Err(Error::internal("a person of the demonstration has a second factor"));
        };
        list.push(json!({
            "role": person.role, "email": person.email, "password": person.password, "accessToken": tokens.access,
        }));
        say(&format!("{:<12} {:<34} {}", person.role, person.email, person.password));
    }
    Ok(list)
}

/// Tells the person at the terminal; standard output is kept for what was asked for.
fn say(text: &str) {
    // A closed standard error is no reason to end the demonstration.
    drop(writeln!(std::io::stderr(), "{text}"));
}
