//! The annual report's files as input: read, checked whole, and turned into a typed [`Plan`].
//!
//! Nothing here touches a database. Either every line of every file is right and there is a plan, or
//! there is a list of [`Finding`]s that names each place, what is wrong there and what would be right.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};

use super::deliverable::DeliverableKind;
use super::enrolment::EnrolmentState;
use super::institution::InstitutionKind;
use super::language::Language;
use super::person::Gender;
use super::text::{Country, Email, Name, ShortCode, Title};

mod cell;
mod check;
mod finding;
mod keys;
mod problem;
mod published;
mod rows;
mod table;
mod teamwork;
#[cfg(test)]
mod tests;
pub mod timeline;

pub use finding::{FINDINGS_LIMIT, Finding, Findings};
pub use problem::{FileProblem, KeyProblem, Problem, StoredProblem, TeamProblem};
pub use published::{Published, published};

/// The content of each file of the directory, by its name without the directory.
pub type Files = BTreeMap<String, Vec<u8>>;

/// The zone in which the days of the files are meant.
pub const TIME_ZONE: chrono_tz::Tz = chrono_tz::America::Montevideo;

/// Everything that the files say, checked: references are positions in the lists of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// One for each distinct title, in the order of the editions.
    pub courses: Vec<Course>,
    /// `institutions.csv`.
    pub institutions: Vec<Institution>,
    /// `people.csv`.
    pub people: Vec<Person>,
    /// `editions.csv`.
    pub editions: Vec<Edition>,
    /// `enrolments.csv`.
    pub enrolments: Vec<Enrolment>,
    /// `teams.csv`, gathered, with what `deliverables.csv` says about each.
    pub teams: Vec<Team>,
    /// `meetings.csv`.
    pub meetings: Vec<Meeting>,
    /// What the reader should know although nothing is wrong, one sentence each.
    pub notices: Vec<String>,
}

/// A course: what editions of one title have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Course {
    /// The line of the first edition in `editions.csv`.
    pub line: u64,
    /// The code of its first edition without the year.
    pub code: ShortCode,
    /// The title.
    pub title: Title,
    /// The first language of its first edition.
    pub language: Language,
}

/// A line of `institutions.csv`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Institution {
    /// Where it stands.
    pub line: u64,
    /// Its key.
    pub code: ShortCode,
    /// Its name.
    pub name: Title,
    /// Its country.
    pub country: Country,
    /// What sort of organisation it is.
    pub kind: InstitutionKind,
}

/// A line of `people.csv`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Where it stands.
    pub line: u64,
    /// The key.
    pub email: Email,
    /// Given names.
    pub given_name: Name,
    /// Family names.
    pub family_name: Name,
    /// Blank is "not stated".
    pub gender: Gender,
    /// `None` when not stated.
    pub country: Option<Country>,
    /// Position in [`Plan::institutions`]; `None` when not stated.
    pub institution: Option<usize>,
    /// The language of messages.
    pub language: Language,
}

/// A line of `editions.csv`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edition {
    /// Where it stands.
    pub line: u64,
    /// Its key.
    pub code: ShortCode,
    /// Position in [`Plan::courses`].
    pub course: usize,
    /// First day.
    pub starts_on: NaiveDate,
    /// Last day, not before the first.
    pub ends_on: NaiveDate,
    /// At least one.
    pub languages: Vec<Language>,
    /// What its teams hand in: a roadmap or a project.
    pub deliverable: DeliverableKind,
}

/// A line of `enrolments.csv`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolment {
    /// Where it stands.
    pub line: u64,
    /// Position in [`Plan::editions`].
    pub edition: usize,
    /// Position in [`Plan::people`].
    pub person: usize,
    /// The day of the application.
    pub applied_on: NaiveDate,
    /// Position in [`Plan::institutions`] of the nominating institution; `None` for who applied alone.
    pub nominated_by: Option<usize>,
    /// Completed, not completed or withdrawn.
    pub status: EnrolmentState,
    /// The day of completion; `Some` exactly when completed.
    pub completed_on: Option<NaiveDate>,
    /// The grade in thousandths of a point out of 100; always there when completed, never when withdrawn.
    pub grade: Option<i64>,
}

/// The lines of one team in `teams.csv`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    /// Where its first line stands.
    pub line: u64,
    /// Its key.
    pub name: Name,
    /// Position in [`Plan::editions`].
    pub edition: usize,
    /// Positions in [`Plan::enrolments`], in the order of the file; at least one.
    pub members: Vec<usize>,
    /// Its line of `deliverables.csv`.
    pub work: Work,
}

/// A line of `deliverables.csv`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// Where it stands.
    pub line: u64,
    /// The title of the roadmap or project.
    pub title: Title,
    /// `None` when the team handed in nothing.
    pub handed_in: Option<HandedIn>,
}

/// When a team handed in, and what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandedIn {
    /// The day, within the edition.
    pub on: NaiveDate,
    /// The grade in thousandths of a point out of 100.
    pub score: i64,
}

/// A line of `meetings.csv`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meeting {
    /// Where it stands.
    pub line: u64,
    /// Position in [`Plan::editions`].
    pub edition: usize,
    /// Unique in the edition, from 1.
    pub number: i64,
    /// When it began, on a day of the edition.
    pub starts_at: DateTime<Utc>,
    /// How long it took.
    pub minutes: i64,
}

/// Reads and checks the files.
///
/// # Errors
/// Everything that is wrong with them; at most [`FINDINGS_LIMIT`] findings are kept, all are counted.
pub fn parse(files: &Files) -> Result<Plan, Findings> {
    let mut findings = Findings::default();
    let plan = check::plan(files, &mut findings);
    if findings.is_empty() { Ok(plan) } else { Err(findings) }
}
