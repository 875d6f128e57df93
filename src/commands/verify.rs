//! `rumbo verify`: every invariant of the data, pass or fail.

use std::fmt::Write as _;
use std::io::Write;

use super::outcome::unless_gone;
use crate::app::App;
use crate::error::{Error, Result};
use crate::store::seal::{Head, check};
use crate::store::verify::guard;
use crate::store::{Tx, tally_rebuild, verify};

/// The exit code when an invariant does not hold.
pub const BROKEN: u8 = super::outcome::FAILED;

/// Checks every invariant on one consistent state, prints a line each, and answers the exit code. An anchor is a
/// head of the audit log that was kept outside: the log must still hold it. What stops one part keeps nobody from the
/// others.
pub async fn run(app: &App, anchor: Option<&Head>, out: &mut impl Write) -> Result<u8> {
    let (mut state, mut report) = (State::of(app), Report::default());
    for invariant in verify::INVARIANTS {
        match state.ask(async |tx| verify::find(tx, invariant).await).await {
            Ok(finding) if finding.violations == 0 => report.part(invariant.0, Ok(Vec::new()))?,
            Ok(finding) => report.count(invariant.0, finding.violations)?,
            Err(failure) => report.part(invariant.0, Err(failure))?,
        }
    }
    let missing = |name: &String| format!("the trigger {name} is missing, or was changed");
    let uncounting = |name: &String| match name.as_str() {
        guard::MARK_TABLE => format!("{name} holds a mark, with which counts may be written by hand"),
        name => format!("{name} is missing, or was changed"),
    };
    let unguarded = state.ask(async |tx| guard::unguarded(tx).await).await;
    let unguarded = unguarded.map(|names| names.iter().map(missing).collect());
    report.part("append-only tables refuse to be changed", unguarded)?;
    let uncounted = state.ask(async |tx| guard::uncounted(tx).await).await;
    let uncounted = uncounted.map(|names| names.iter().map(uncounting).collect());
    report.part("seats are counted by the triggers that the migrations made", uncounted)?;
    let differences = state.ask(async |tx| tally_rebuild::differences(tx).await).await;
    report.part("the kept summaries are what a recount finds", differences)?;
    let sealed = state.ask(async |tx| check::check(tx, anchor).await).await;
    let (count, head) = sealed
        .as_ref()
        .map_or((0, None), |outcome| (outcome.sealed, outcome.head.clone()));
    let what = format!("the audit log is as it was sealed ({count} entries)");
    report.part(&what, sealed.map(|outcome| outcome.problems))?;
    if let Some(head) = head {
        report.detail(&format!("its head is {head}"))?;
    }
    // The verdict counts for whoever reads the exit code alone.
    unless_gone(out.write_all(report.text.as_bytes())).map_err(Error::internal)?;
    Ok(if report.is_broken { BROKEN } else { 0 })
}

/// One consistent state of the data; another one as soon as a question failed.
struct State<'a> {
    app: &'a App,
    snapshot: Option<Tx>,
}

impl<'a> State<'a> {
    fn of(app: &'a App) -> Self {
        Self { app, snapshot: None }
    }

    async fn ask<T>(&mut self, question: impl AsyncFnOnce(&Tx) -> Result<T>) -> Result<T> {
        let snapshot = match self.snapshot.take() {
            Some(snapshot) => snapshot,
            None => self.app.db.snapshot().await?,
        };
        let answer = question(&snapshot).await?;
        // PostgreSQL answers nothing more in a transaction in which something failed.
        self.snapshot = Some(snapshot);
        Ok(answer)
    }
}

/// What is told, and whether something does not hold.
#[derive(Default)]
struct Report {
    text: String,
    is_broken: bool,
}

impl Report {
    /// One part, with what is wrong in it.
    fn part(&mut self, what: &str, found: Result<Vec<String>>) -> Result<()> {
        let problems = found.unwrap_or_else(|failure| vec![format!("this cannot be checked: {failure}")]);
        let verdict = if problems.is_empty() { "ok  " } else { "FAIL" };
        self.is_broken |= !problems.is_empty();
        writeln!(self.text, "{verdict} {what}").map_err(Error::internal)?;
        problems.iter().try_for_each(|problem| self.detail(problem))
    }

    /// One part that does not hold so many times.
    fn count(&mut self, what: &str, violations: i64) -> Result<()> {
        self.is_broken = true;
        writeln!(self.text, "FAIL {what}: {violations} times").map_err(Error::internal)
    }

    fn detail(&mut self, detail: &str) -> Result<()> {
        writeln!(self.text, "     {detail}").map_err(Error::internal)
    }
}
