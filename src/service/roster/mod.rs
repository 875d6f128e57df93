//! Tables of people, of enrolments and of nominations brought in: tried out first, or carried out, all or nothing or
//! row by row.
//!
//! A row is judged by what is stored and by what the actor sees of it: a person whom they do not see is judged like one
//! who does not exist. It is known again by its address and the digest of what it says, so that the same file, whole or
//! after it broke off, does nothing twice. What a file does not name is left as it is.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use sha2::{Digest, Sha256};

use crate::app::App;
use crate::document::workbook;
use crate::domain::actor::Actor;
use crate::domain::enrolment::EnrolmentState;
use crate::domain::id::{EditionId, InstitutionId, PersonId};
use crate::domain::language::Language;
use crate::domain::list::Mode;
use crate::domain::policy::{Action, Relation, demand};
use crate::domain::roster::ending::Stop;
use crate::domain::roster::{self, EnrolmentRow, Kind, Outcome, PersonRow, Roster, RowFault, address_of};
use crate::domain::sheet::{self, Content, Form, Sheet, Unreadable};
use crate::domain::text::ShortCode;
use crate::error::{Error, Result};
use crate::service::edition::relation as edition_relation;
use crate::service::nomination::table::nominator;
use crate::store::{edition, imported_row, person, table_import};

mod enrolments;
mod entering;
pub mod job;
mod newcomers;
mod nominations;
mod people;
mod purse;
mod register;
mod task;

use task::Task;

/// What is to be done with a file.
#[derive(Debug, Clone)]
pub struct Order {
    /// What its rows are.
    pub kind: Kind,
    /// The edition of all rows, by its code; not of people.
    pub edition: Option<ShortCode>,
    /// In the name of which institution; of nominations only.
    pub institution: Option<InstitutionId>,
    /// How much is carried out when some of it cannot be.
    pub mode: Mode,
    /// Whether nothing is carried out, and only told what would be.
    pub dry_run: bool,
    /// Whether people are told of their enrolment. Whoever has an account that the actor does not see is told in any
    /// case, and so is whoever is nominated.
    pub notify: bool,
    /// The language of new people whose row names none.
    pub language: Language,
}

/// What ends the work on a file before the file does. What is being carried out then is undone.
#[derive(Debug, Clone, Copy)]
pub struct Leash<'a> {
    /// Set once nobody wants any more of it.
    pub stop: &'a AtomicBool,
    /// The table that was handed over and is worked off: nothing is carried out once it does not run any more, or is
    /// with somebody else.
    pub held: Option<&'a table_import::Model>,
}

impl Leash<'_> {
    fn is_pulled(self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// What became of a row, or would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowReport {
    /// The line where the row begins.
    pub line: u64,
    /// What became of it.
    pub outcome: Outcome,
    /// The state of the enrolment that is created or changed.
    pub state: Option<EnrolmentState>,
    /// Everything that is wrong with it; of a refused row only.
    pub faults: Vec<RowFault>,
}

/// What came of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// How the file was written.
    pub form: Form,
    /// Columns that are known and say nothing that is kept.
    pub ignored: Vec<String>,
    /// Whether it was carried out; otherwise nothing was, and the outcomes are what would be.
    pub carried_out: bool,
    /// Why it went no further; of a file of which something was carried out before, or that was cancelled.
    pub broke_off: Option<BrokeOff>,
    /// One for each row, or for each edition that a row names; none for those that were not reached.
    pub rows: Vec<RowReport>,
}

/// Why a file went no further. What is reported was carried out, or refused; the same file goes on from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokeOff {
    /// What failed, for whoever runs the command.
    pub cause: String,
    /// Whether whoever brings it in may not any more, so that trying again does not help.
    pub is_forbidden: bool,
    /// Whether nobody wanted any more of it.
    pub is_cancelled: bool,
    /// How many rows were not reached.
    pub left: usize,
}

impl BrokeOff {
    /// Why, as far as it decides what becomes of the file.
    pub(in crate::service) const fn stop(&self) -> Stop {
        if self.is_cancelled {
            Stop::Cancelled
        } else if self.is_forbidden {
            Stop::Forbidden
        } else {
            Stop::Failure
        }
    }
}

impl Report {
    /// How many rows there are of an outcome.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.rows.iter().filter(|row| row.outcome == outcome).count()
    }
}

/// What is answered to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// What came of its rows.
    Report(Report),
    /// It cannot be read; nothing was done.
    Unreadable(Unreadable),
}

/// Brings a file in, or tells what would come of it. `progress` hears how many rows of how many are done.
///
/// # Errors
/// [`Error::Forbidden`] for people unless the actor may import records, for enrolments unless they coordinate
/// something, for nominations unless they nominate for the institution; [`Error::NotFound`] for the code of an edition,
/// and for an institution, that they do not see. What is wrong with the file is no
/// error but part of the [`Answer`]; nor is what fails once some of it was carried out.
pub async fn run(
    app: &App,
    actor: &Actor,
    file: &[u8],
    order: &Order,
    progress: impl FnMut(usize, usize),
) -> Result<Answer> {
    let never = AtomicBool::new(false);
    let leash = Leash {
        stop: &never,
        held: None,
    };
    Box::pin(run_on(app, actor, file, order, leash, progress)).await
}

/// The same, until it is cancelled: from then on nothing more is carried out, which is no error either. Row by row,
/// what was carried out before stays; otherwise nothing does.
///
/// # Errors
/// As [`run`].
pub async fn run_on(
    app: &App,
    actor: &Actor,
    file: &[u8],
    order: &Order,
    leash: Leash<'_>,
    mut progress: impl FnMut(usize, usize),
) -> Result<Answer> {
    authorise(app, actor, order).await?;
    // On a thread of its own: a file may be made so that it takes long, and whoever else is served would wait for it.
    let (content, wanted) = (file.to_vec(), order.clone());
    let reading = tokio::task::spawn_blocking(move || read(&content, &wanted));
    let table = match reading.await.map_err(Error::internal)? {
        Ok(table) => table,
        Err(fault) => return Ok(Answer::Unreadable(fault)),
    };
    let digest = Sha256::digest(file);
    let digest = data_encoding::HEXLOWER.encode(&digest[..8]);
    let mut task = Task::new(app, actor, order, table, &digest, leash).await?;
    let ended = Box::pin(task.perform(&mut progress)).await;
    if task.has_committed {
        app.outbox.notify_one();
    }
    let report = match ended {
        Ok(carried_out) => task.into_report(carried_out, None),
        Err(failure) if task.has_committed => task.into_report(true, Some(&failure)),
        Err(failure) => return Err(failure),
    };
    Ok(Answer::Report(report))
}

/// Whether the actor may bring in any such file at all.
async fn authorise(app: &App, actor: &Actor, order: &Order) -> Result<()> {
    let some = Relation {
        edition: !actor.coordinated().is_nothing(),
        ..Relation::NONE
    };
    match (order.kind, &order.edition) {
        (Kind::People, _) => demand(actor, Action::ImportRecords, Relation::NONE, None),
        (Kind::Enrolments, None) => demand(actor, Action::ImportEnrolments, some, None),
        (Kind::Enrolments, Some(code)) => {
            let row = edition::find_by_code(app.db.read(), actor, code.as_ref()).await?;
            let row = row.ok_or(Error::NotFound("edition"))?;
            demand(actor, Action::ImportEnrolments, edition_relation(actor, &row), None)
        }
        (Kind::Nominations, code) => {
            nominated_for(app, actor, code.as_ref()).await?;
            nominator(app.db.read(), actor, order.institution).await.map(drop)
        }
    }
}

/// The edition for which people are nominated.
async fn nominated_for(app: &App, actor: &Actor, code: Option<&ShortCode>) -> Result<EditionId> {
    let absent = || Error::NotFound("edition");
    let code = code.ok_or_else(absent)?;
    let row = edition::find_by_code(app.db.read(), actor, code.as_ref()).await?;
    Ok(row.ok_or_else(absent)?.id)
}

/// Whether a failure says that the actor may not do it, however often it is tried.
const fn is_forbidden(failure: &Error) -> bool {
    matches!(
        failure,
        Error::Forbidden | Error::NotFound(_) | Error::SecondFactorRequired | Error::Unauthenticated
    )
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The rows of a file.
enum Rows {
    People(Roster<PersonRow>),
    Enrolments(Roster<EnrolmentRow>),
    Nominations(Roster<PersonRow>),
}

fn read(file: &[u8], order: &Order) -> Result<(Sheet, Rows), Unreadable> {
    let mut sheet = match sheet::sniff(file)? {
        Content::Text => sheet::of_text(file)?,
        Content::Workbook => workbook::read(file)?,
    };
    let rows = match order.kind {
        Kind::People => Rows::People(roster::people(&sheet)?),
        Kind::Enrolments => Rows::Enrolments(roster::enrolments(&sheet, order.edition.as_ref().map(AsRef::as_ref))?),
        Kind::Nominations => Rows::Nominations(roster::nominations(&sheet)?),
    };
    sheet.rows.clear();
    Ok((sheet, rows))
}

fn addresses<'r>(rows: &[&'r PersonRow]) -> Vec<&'r str> {
    rows.iter().map(|row| row.email.as_ref()).collect()
}

/// The addresses of rows that nobody has any more, and whose they were when such a row was carried out.
fn gone<'r>(
    rows: &[&'r PersonRow],
    noted: &HashMap<Vec<u8>, imported_row::Model>,
    accounts: &HashMap<String, person::Model>,
) -> Vec<(&'r str, PersonId)> {
    rows.iter()
        .filter(|row| !accounts.contains_key(row.email.as_ref()))
        .filter_map(|row| Some((row.email.as_ref(), noted.get(&address_of(row))?.person_id)))
        .collect()
}
