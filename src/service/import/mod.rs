//! Bringing the annual report's files in: all of them in one transaction, or nothing.
//!
//! The files are checked whole by `domain::import`, then compared with what is stored. What is stored and
//! equal is left alone, so that a second import changes nothing; what is stored and differs is a finding,
//! since an import never overwrites what people did since. An edition comes in whole: nothing is added to
//! one that is stored already.

use std::fmt;

use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::id::Subject;
use crate::domain::import::{self, Files, Findings, Plan};
use crate::domain::language::Language;
use crate::domain::policy::{self, Action, Relation};
use crate::error::Result;
use crate::store::{self, audit, history, tally};

mod build;
mod compare;
#[cfg(test)]
mod tests;

use build::Rows;

/// How many enrolments are counted at a time, so that counting grows no faster than their number.
const COUNTED_AT_ONCE: usize = 1000;

/// What came of an import.
#[derive(Debug)]
pub enum Outcome {
    /// Everything is stored.
    Stored(Report),
    /// Nothing was stored, because of these.
    Refused(Findings),
}

/// What an import brought in, and what was there already.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// One line a noun: what it is called, how many are new and how many were there.
    pub lines: Vec<Line>,
    /// What the reader should know although nothing is wrong, one sentence each.
    pub notices: Vec<String>,
}

/// How many of one noun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// The noun in the plural.
    pub noun: &'static str,
    /// How many were stored now.
    pub new: usize,
    /// How many were stored already, and are equal.
    pub unchanged: usize,
}

impl Report {
    /// Whether nothing was stored.
    pub fn is_unchanged(&self) -> bool {
        self.lines.iter().all(|line| line.new == 0)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{:<16}{:>10}{:>12}", "", "new", "unchanged")?;
        for Line { noun, new, unchanged } in &self.lines {
            writeln!(out, "{noun:<16}{new:>10}{unchanged:>12}")?;
        }
        for notice in &self.notices {
            writeln!(out, "{notice}")?;
        }
        Ok(())
    }
}

/// Checks the files and stores what they say. `progress` hears how many rows of how many are written, and
/// which come next.
///
/// People come in without a password: they sign in after a reset. One audit entry stands for the whole
/// import; nobody gets a message.
///
/// # Errors
/// The policy's refusal. Faults of the files are no error but [`Outcome::Refused`].
pub async fn import(
    app: &App,
    actor: &Actor,
    files: &Files,
    progress: impl FnMut(usize, usize, &'static str),
) -> Result<Outcome> {
    policy::demand(actor, Action::ImportRecords, Relation::NONE, None)?;
    let plan = match import::parse(files) {
        Ok(plan) => plan,
        Err(findings) => return Ok(Outcome::Refused(findings)),
    };
    let tx = app.db.write().await?;
    store::import::alone(&tx).await?;
    let stored = store::import::stored(&tx, &compare::keys(&plan)).await?;
    let known = match compare::compare(&plan, &stored, import::timeline::day_of(app.clock.now())) {
        Ok(known) => known,
        Err(findings) => {
            tx.rollback().await?;
            return Ok(Outcome::Refused(findings));
        }
    };
    let new_people = known.people.iter().filter(|person| person.is_none()).count();
    let first_number = if new_people == 0 {
        0
    } else {
        store::person::reserve_numbers(&tx, new_people).await?
    };
    let rows = build::rows(&app.clock, &plan, &known, first_number);
    let report = report(&plan, &rows);
    if report.is_unchanged() && rows.declarations.is_empty() {
        tx.rollback().await?;
        return Ok(Outcome::Stored(report));
    }
    write(app, &tx, rows, progress).await?;
    let subject = Subject {
        kind: "import",
        id: app.clock.new_id(),
    };
    audit::record(&tx, &app.clock, actor.person, Action::ImportRecords, &[subject], None).await?;
    tx.commit().await?;
    Ok(Outcome::Stored(report))
}

/// The languages of an edition as they are stored.
fn joined(languages: &[Language]) -> String {
    languages
        .iter()
        .map(|language| language.code())
        .collect::<Vec<_>>()
        .join(";")
}

fn report(plan: &Plan, rows: &Rows) -> Report {
    let line = |noun, new, all: usize| Line {
        noun,
        new,
        unchanged: all - new,
    };
    let handed_in = plan.teams.iter().filter(|team| team.work.handed_in.is_some()).count();
    Report {
        lines: vec![
            line("institutions", rows.institutions.len(), plan.institutions.len()),
            line("people", rows.people.len(), plan.people.len()),
            line("courses", rows.courses.len(), plan.courses.len()),
            line("editions", rows.editions.len(), plan.editions.len()),
            line("enrolments", rows.enrolments.len(), plan.enrolments.len()),
            line("teams", rows.teams.len(), plan.teams.len()),
            line("works handed in", rows.versions.len(), handed_in),
            line("meetings", rows.meetings.len(), plan.meetings.len()),
        ],
        notices: plan.notices.clone(),
    }
}

/// Writes every table in the order of its references, then what is counted.
async fn write(
    app: &App,
    tx: &store::Tx,
    rows: Rows,
    mut progress: impl FnMut(usize, usize, &'static str),
) -> Result<()> {
    let total = rows.total();
    let mut done = 0;
    macro_rules! tables {
        ($($table:ident),* $(,)?) => {
            $(
                progress(done, total, stringify!($table));
                done += rows.$table.len();
                store::row::insert_all(tx, rows.$table).await?;
            )*
        };
    }
    tables!(
        institutions,
        people,
        declarations,
        courses,
        editions,
        meetings,
        enrolments,
        completions,
        teams,
        members,
        deliverables,
        submissions,
        versions,
        grades,
    );
    progress(done, total, "authors");
    done += rows.authors.len();
    store::import::insert_authors(tx, &rows.authors).await?;
    progress(done, total, "history");
    done += rows.steps.len();
    history::record(tx, &app.clock, &rows.steps).await?;
    for batch in rows.changes.chunks(COUNTED_AT_ONCE) {
        progress(done, total, "statistics");
        done += batch.len();
        let changes: Vec<_> = batch.iter().flatten().cloned().collect();
        tally::record(tx, &app.clock, &changes).await?;
    }
    progress(total, total, "done");
    Ok(())
}
