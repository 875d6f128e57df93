//! `rumbo verify`: every invariant of the data, pass or fail.

use std::fmt::Write as _;
use std::io::Write;

use super::outcome::unless_gone;
use crate::app::App;
use crate::error::{Error, Result};
use crate::store::seal::{Head, check};
use crate::store::{tally_rebuild, verify};

/// The exit code when an invariant does not hold.
pub const BROKEN: u8 = super::outcome::FAILED;

/// Checks every invariant on one consistent state, prints a line each, and answers the exit code. An anchor is a
/// head of the audit log that was kept outside: the log must still hold it.
pub async fn run(app: &App, anchor: Option<&Head>, out: &mut impl Write) -> Result<u8> {
    let snapshot = app.db.snapshot().await?;
    let findings = verify::run(&snapshot).await?;
    let unguarded = verify::unguarded(&snapshot).await;
    let differences = tally_rebuild::differences(&snapshot).await;
    let sealed = check::check(&snapshot, anchor).await;
    snapshot.commit().await?;
    let (mut holds, mut text) = (true, String::new());
    for finding in findings {
        let verdict = if finding.violations == 0 { "ok  " } else { "FAIL" };
        let detail = if finding.violations == 0 {
            String::new()
        } else {
            format!(": {} times", finding.violations)
        };
        writeln!(text, "{verdict} {}{detail}", finding.invariant).map_err(Error::internal)?;
        holds &= finding.violations == 0;
    }
    let missing = |name: &String| format!("the trigger {name} is missing, or was changed");
    let unguarded = unguarded.map(|names| names.iter().map(missing).collect());
    holds &= part(&mut text, "append-only tables refuse to be changed", unguarded)?;
    holds &= part(&mut text, "the kept summaries are what a recount finds", differences)?;
    let (count, head) = sealed
        .as_ref()
        .map_or((0, None), |outcome| (outcome.sealed, outcome.head.clone()));
    let what = format!("the audit log is as it was sealed ({count} entries)");
    holds &= part(&mut text, &what, sealed.map(|outcome| outcome.problems))?;
    if let Some(head) = head {
        writeln!(text, "     its head is {head}").map_err(Error::internal)?;
    }
    // The verdict counts for whoever reads the exit code alone.
    unless_gone(out.write_all(text.as_bytes())).map_err(Error::internal)?;
    Ok(if holds { 0 } else { BROKEN })
}

/// Prints what was found in one part, and whether it holds. What stopped one part keeps nobody from the others: rows
/// may hold what cannot be read.
fn part(out: &mut String, what: &str, found: Result<Vec<String>>) -> Result<bool> {
    let problems = found.unwrap_or_else(|failure| vec![format!("this cannot be checked: {failure}")]);
    let verdict = if problems.is_empty() { "ok  " } else { "FAIL" };
    writeln!(out, "{verdict} {what}").map_err(Error::internal)?;
    for problem in &problems {
        writeln!(out, "     {problem}").map_err(Error::internal)?;
    }
    Ok(problems.is_empty())
}
