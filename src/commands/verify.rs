//! `rumbo verify`: every invariant of the data, pass or fail.

use std::io::Write;

use crate::app::App;
use crate::error::{Error, Result};
use crate::store::seal::{Head, check};
use crate::store::{tally_rebuild, verify};

/// The exit code when an invariant does not hold.
pub const BROKEN: u8 = 1;

/// Checks every invariant on one consistent state, prints a line each, and answers the exit code. An anchor is a
/// head of the audit log that was kept outside: the log must still hold it.
pub async fn run(app: &App, anchor: Option<&Head>, out: &mut impl Write) -> Result<u8> {
    let snapshot = app.db.snapshot().await?;
    let findings = verify::run(&snapshot).await?;
    let differences = tally_rebuild::differences(&snapshot).await?;
    let sealed = check::check(&snapshot, anchor).await?;
    snapshot.commit().await?;
    let mut code = 0;
    for finding in findings {
        let verdict = if finding.violations == 0 { "ok  " } else { "FAIL" };
        let detail = if finding.violations == 0 {
            String::new()
        } else {
            format!(": {} times", finding.violations)
        };
        writeln!(out, "{verdict} {}{detail}", finding.invariant).map_err(Error::internal)?;
        if finding.violations != 0 {
            code = BROKEN;
        }
    }
    let verdict = if differences.is_empty() { "ok  " } else { "FAIL" };
    writeln!(out, "{verdict} the kept summaries are what a recount finds").map_err(Error::internal)?;
    for difference in &differences {
        writeln!(out, "     {difference}").map_err(Error::internal)?;
        code = BROKEN;
    }
    let verdict = if sealed.problems.is_empty() { "ok  " } else { "FAIL" };
    let count = sealed.sealed;
    writeln!(out, "{verdict} the audit log is as it was sealed ({count} entries)").map_err(Error::internal)?;
    for problem in &sealed.problems {
        writeln!(out, "     {problem}").map_err(Error::internal)?;
        code = BROKEN;
    }
    if let Some(head) = sealed.head {
        writeln!(out, "     its head is {head}").map_err(Error::internal)?;
    }
    Ok(code)
}
