//! `rumbo import DIR`: brings the annual report's files in. Tables of people, enrolments and nominations are
//! `roster`'s.

use std::io::{self, Write};
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};

use super::outcome::{DONE, REFUSED, unless_gone};
use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::import::{Files, Findings};
use crate::error::{Error, Result};
use crate::service::import::{Outcome, import};

/// The largest file that is read, in bytes.
const FILE_LIMIT: u64 = 256 * 1024 * 1024;

/// Imports the `.csv` files of a directory and answers the exit code.
///
/// What came in goes to `out`. What is wrong goes to `complaints`, one line a fault. A progress bar is
/// drawn on standard error when that is a terminal.
pub async fn run(app: &App, folder: &Path, out: &mut impl Write, complaints: &mut impl Write) -> Result<u8> {
    let files = match read(folder) {
        Ok(files) => files,
        Err(cause) => {
            let folder = folder.display();
            let said = writeln!(
                complaints,
                "{folder}: {cause}; name a directory that holds the report's files"
            );
            unless_gone(said).map_err(Error::internal)?;
            return Ok(REFUSED);
        }
    };
    let outcome = with_bar(app, &files).await;
    match outcome? {
        Outcome::Stored(report) => {
            write!(out, "{report}").map_err(Error::internal)?;
            Ok(DONE)
        }
        Outcome::Refused(findings) => {
            unless_gone(complain(findings, complaints)).map_err(Error::internal)?;
            Ok(REFUSED)
        }
    }
}

/// Imports with a progress bar on standard error.
pub async fn with_bar(app: &App, files: &Files) -> Result<Outcome> {
    let bar = bar();
    let hear = |done: usize, total: usize, what| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
        bar.set_message(what);
    };
    let outcome = import(app, &Actor::operator(), files, hear).await;
    bar.finish_and_clear();
    outcome
}

/// A bar on standard error, when that is a terminal.
pub(super) fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} {msg}");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// The `.csv` files of a directory.
fn read(folder: &Path) -> io::Result<Files> {
    let mut files = Files::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let is_table = path
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        if !is_table || !path.is_file() {
            continue;
        }
        if path.metadata()?.len() > FILE_LIMIT {
            return Err(io::Error::other(format!("{name} is larger than {FILE_LIMIT} bytes")));
        }
        files.insert(name, std::fs::read(&path)?);
    }
    Ok(files)
}

fn complain(findings: Findings, complaints: &mut impl Write) -> io::Result<()> {
    let total = findings.total();
    let kept = findings.sorted();
    for finding in &kept {
        writeln!(complaints, "{finding}")?;
    }
    if kept.len() < total {
        writeln!(complaints, "and {} more", total - kept.len())?;
    }
    let problems = if total == 1 { "problem" } else { "problems" };
    writeln!(complaints, "{total} {problems}; nothing was imported")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::config::Settings;
    use std::fs;

    const REPORT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/annual-report-2022");

    async fn app(folder: &Path) -> App {
        let url = format!("sqlite://{}", folder.join("rumbo.sqlite").display());
        let settings = Settings::load("test", None, &[("database.url", url)]).expect("the test settings");
        let now = "2026-11-22T12:00:00Z".parse().expect("an instant");
        let app = App::new(settings, Clock::fixed(now)).await.expect("a database");
        app.db.migrate().await.expect("a schema");
        app
    }

    async fn said(app: &App, folder: &Path) -> (u8, String, String) {
        let (mut out, mut complaints) = (Vec::new(), Vec::new());
        let code = run(app, folder, &mut out, &mut complaints)
            .await
            .expect("no failure of ours");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (code, text(out), text(complaints))
    }

    #[tokio::test]
    async fn a_directory_comes_in_and_the_report_says_what() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let app = app(folder.path()).await;
        let (code, out, complaints) = said(&app, Path::new(REPORT)).await;
        assert_eq!((code, complaints.as_str()), (DONE, ""));
        assert!(out.contains("enrolments             395           0\n"), "{out}");
        assert!(
            out.contains("videoconferences.csv: checked, not imported yet: 13 videoconferences\n"),
            "{out}"
        );
        let (code, out, _) = said(&app, Path::new(REPORT)).await;
        assert_eq!(code, DONE);
        assert!(out.contains("enrolments               0         395\n"), "{out}");
    }

    #[tokio::test]
    async fn faults_are_listed_and_the_exit_code_is_two() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let app = app(folder.path()).await;
        for entry in fs::read_dir(REPORT).expect("the report's folder") {
            let entry = entry.expect("an entry of the folder");
            fs::copy(entry.path(), folder.path().join(entry.file_name())).expect("a copy");
        }
        let people = folder.path().join("people.csv");
        let text = fs::read_to_string(&people).expect("the people");
        fs::write(&people, text.replacen(",GT,", ",XX,", 1)).expect("a written file");
        let (code, out, complaints) = said(&app, folder.path()).await;
        assert_eq!((code, out.as_str()), (REFUSED, ""));
        let fault = "people.csv:2: country: `XX` is no ISO 3166-1 alpha-2 code; write two letters such as `UY`";
        assert_eq!(complaints, format!("{fault}\n1 problem; nothing was imported\n"));
        let (code, _, complaints) = said(&app, &folder.path().join("nowhere")).await;
        assert_eq!(code, REFUSED);
        assert!(
            complaints.ends_with("; name a directory that holds the report's files\n"),
            "{complaints}"
        );
    }
}
