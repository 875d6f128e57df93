//! `rumbo verify`: every invariant of the data, pass or fail.

use std::io::Write;

use crate::app::App;
use crate::error::{Error, Result};
use crate::store::verify;

/// The exit code when an invariant does not hold.
pub const BROKEN: u8 = 1;

/// Checks every invariant on one consistent state, prints a line each, and answers the exit code.
pub async fn run(app: &App, out: &mut impl Write) -> Result<u8> {
    let snapshot = app.db.snapshot().await?;
    let findings = verify::run(&snapshot).await?;
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
    Ok(code)
}
