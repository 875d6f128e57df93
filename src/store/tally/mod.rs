//! The counts behind the statistics, kept in the transaction of every change that they count.
//!
//! - `tally_change` is the journal: a row with +1 for each fact that begins and one with -1 for each that
//!   ends. Its sum up to an instant gives the figures as they then were.
//! - `tally_detail`, `tally_edition` and `tally_overall` are its running sums at three grains, so that a
//!   reader adds up some hundreds of rows whatever the number of enrolments.
//! - `tally_edition.people` and `people_overall` hold, beside the counts, the sets of people as compressed
//!   bitmaps of person numbers: distinct people of any union of cells are exact.
//!
//! Rows are locked in the order of their keys, so two transactions never wait for each other in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;

use roaring::RoaringBitmap;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, OnConflict, Query, SelectStatement, SimpleExpr, Value};

use self::sets::{Place, Remaining, lock_sets, put};
use super::Tx;
use super::announce::Topic;
use crate::clock::Clock;
use crate::domain::enrolment::EnrolmentState;
use crate::domain::id::{EditionId, InstitutionId};
use crate::domain::institution::InstitutionKind;
use crate::domain::person::Gender;
use crate::domain::statistics::{Cell, Change, Fact};
use crate::error::{Error, Result};

mod sets;

pub use sets::deserialize;
pub(super) use sets::serialize;

/// How many person numbers one row of `people_overall` spans, as a power of two: such a row stays small
/// enough to be rewritten with every enrolment.
pub(super) const CHUNK_BITS: u32 = 13;

/// The most rows of one statement: 16 columns each stay under SQLite's 32,766 variables.
const BATCH: usize = 2000;

pub(super) const COUNTS: [&str; 3] = ["enrolments", "submitted", "released"];
pub(super) const DETAIL_KEY: [&str; 9] = [
    "edition_id",
    "status",
    "gender",
    "country",
    "institution_id",
    "constituent_group",
    "language",
    "month",
    "institution_kind",
];
pub(super) const EDITION_KEY: [&str; 4] = ["edition_id", "status", "gender", "country"];
pub(super) const OVERALL_KEY: [&str; 3] = ["status", "gender", "country"];
pub(super) const CHUNK_KEY: [&str; 4] = ["status", "gender", "country", "chunk"];

/// A cell of `tally_overall`.
type Overall = (EnrolmentState, Gender, String);
/// A cell of `tally_edition`.
type OfEdition = (EditionId, EnrolmentState, Gender, String);

/// How much a cell's counts change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Delta([i64; 3]);

impl AddAssign for Delta {
    fn add_assign(&mut self, other: Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }
}

impl Delta {
    fn of(fact: &Fact, sign: i64) -> Self {
        Self([sign, sign * fact.submitted, sign * fact.released])
    }

    fn is_nothing(self) -> bool {
        self.0 == [0; 3]
    }
}

/// Counts the changes, and announces them to those who follow the edition or the person: no change that counts gets
/// past this, since a recount would tell. To be called after the enrolments themselves were written, in the same
/// transaction: whether a person leaves a set depends on the enrolments that remain.
pub async fn record(tx: &Tx, clock: &Clock, changes: &[Change]) -> Result<()> {
    let changes: Vec<&Change> = changes.iter().filter(|change| change.before != change.after).collect();
    if changes.is_empty() {
        return Ok(());
    }
    let mut detail: BTreeMap<Cell, Delta> = BTreeMap::new();
    let mut of_edition: BTreeMap<OfEdition, Delta> = BTreeMap::new();
    let mut overall: BTreeMap<Overall, Delta> = BTreeMap::new();
    for (fact, sign) in signed(&changes) {
        let delta = Delta::of(fact, sign);
        *detail.entry(fact.cell.clone()).or_default() += delta;
        *of_edition.entry(edition_cell(&fact.cell)).or_default() += delta;
        *overall.entry(overall_cell(&fact.cell)).or_default() += delta;
    }
    for (fact, _) in signed(&changes) {
        tx.announce(Topic::Edition(fact.cell.edition));
        tx.announce(Topic::Person(fact.person));
    }
    // Every lock before every write, in the same order in every transaction.
    let places: BTreeSet<Place> = signed(&changes)
        .flat_map(|(fact, _)| [Place::in_edition(fact), Place::anywhere(fact)])
        .collect();
    let mut sets = lock_sets(tx, places).await?;
    let remaining = Remaining::read(tx, &changes).await?;
    for (fact, _) in signed(&changes) {
        put(
            sets.entry(Place::in_edition(fact)).or_default(),
            fact,
            remaining.in_edition(fact),
        )?;
        put(
            sets.entry(Place::anywhere(fact)).or_default(),
            fact,
            remaining.anywhere(fact),
        )?;
    }
    write_journal(tx, clock, &changes).await?;
    add(tx, "tally_detail", &DETAIL_KEY, some(detail, detail_values)).await?;
    add(tx, "tally_overall", &OVERALL_KEY, some(overall, overall_values)).await?;
    write_of_edition(tx, of_edition, &mut sets).await?;
    write_chunks(tx, sets).await
}

/// The editions of which an enrolment is counted for an institution.
pub(super) fn editions_of(institution: InstitutionId) -> SelectStatement {
    Query::select()
        .distinct()
        .column(Alias::new("edition_id"))
        .from(Alias::new("tally_detail"))
        .and_where(Expr::col(Alias::new("institution_id")).eq(institution.0))
        .and_where(Expr::col(Alias::new("enrolments")).ne(0))
        .to_owned()
}

/// The deltas that are not nothing, under the values of their keys.
fn some<K>(deltas: BTreeMap<K, Delta>, values: impl Fn(&K) -> Vec<Value>) -> Vec<(Vec<Value>, Delta)> {
    deltas
        .into_iter()
        .filter(|(_, delta)| !delta.is_nothing())
        .map(|(key, delta)| (values(&key), delta))
        .collect()
}

/// Every fact that ends (-1) or begins (+1).
fn signed<'a>(changes: &'a [&Change]) -> impl Iterator<Item = (&'a Fact, i64)> {
    changes.iter().flat_map(|change| {
        let before = change.before.iter().map(|fact| (fact, -1));
        before.chain(change.after.iter().map(|fact| (fact, 1)))
    })
}

fn edition_cell(cell: &Cell) -> OfEdition {
    (cell.edition, cell.status, cell.gender, cell.country.clone())
}

fn overall_cell(cell: &Cell) -> Overall {
    (cell.status, cell.gender, cell.country.clone())
}

fn detail_values(cell: &Cell) -> Vec<Value> {
    vec![
        cell.edition.0.into(),
        cell.status.word().into(),
        cell.gender.word().into(),
        cell.country.as_str().into(),
        cell.institution.into(),
        cell.constituent_group.word().into(),
        cell.language.code().into(),
        cell.month.as_str().into(),
        cell.institution_kind.map_or("", InstitutionKind::word).into(),
    ]
}

fn edition_values((edition, status, gender, country): &OfEdition) -> Vec<Value> {
    vec![
        edition.0.into(),
        status.word().into(),
        gender.word().into(),
        country.as_str().into(),
    ]
}

fn overall_values((status, gender, country): &Overall) -> Vec<Value> {
    vec![status.word().into(), gender.word().into(), country.as_str().into()]
}

async fn write_journal(tx: &Tx, clock: &Clock, changes: &[&Change]) -> Result<()> {
    let mut rows: Vec<Vec<Value>> = Vec::new();
    for change in changes {
        for (fact, sign) in signed(&[change]) {
            let mut row: Vec<Value> = vec![
                clock.new_id().into(),
                change.at.into(),
                fact.enrolment.0.into(),
                fact.person_number.into(),
            ];
            row.extend(detail_values(&fact.cell));
            row.extend(Delta::of(fact, sign).0.map(Value::from));
            rows.push(row);
        }
    }
    let columns = ["id", "at", "enrolment_id", "person_number"]
        .into_iter()
        .chain(DETAIL_KEY)
        .chain(COUNTS);
    insert(tx, "tally_change", &columns.collect::<Vec<_>>(), rows, None).await
}

/// Adds the deltas to the counts of the cells, which come into being when there are none.
async fn add(tx: &Tx, table: &'static str, key: &[&'static str], deltas: Vec<(Vec<Value>, Delta)>) -> Result<()> {
    let rows = deltas.into_iter().map(|(mut values, delta)| {
        values.extend(delta.0.map(Value::from));
        values
    });
    let columns: Vec<_> = key.iter().copied().chain(COUNTS).collect();
    insert(tx, table, &columns, rows.collect(), Some(&mut adding(table, key))).await
}

fn adding(table: &'static str, key: &[&'static str]) -> OnConflict {
    let mut clause = OnConflict::columns(key.iter().map(|name| Alias::new(*name)));
    for count in COUNTS {
        let sum = Expr::col((Alias::new(table), Alias::new(count))).add(excluded(count));
        clause.value(Alias::new(count), sum);
    }
    clause
}

fn excluded(column: &str) -> SimpleExpr {
    Expr::col((Alias::new("excluded"), Alias::new(column)))
}

pub(super) async fn insert(
    tx: &Tx,
    table: &'static str,
    columns: &[&'static str],
    rows: Vec<Vec<Value>>,
    on_conflict: Option<&mut OnConflict>,
) -> Result<()> {
    let on_conflict = on_conflict.map(|clause| clause.to_owned());
    for batch in rows.chunks(BATCH) {
        let mut statement = Query::insert();
        statement
            .into_table(Alias::new(table))
            .columns(columns.iter().map(|name| Alias::new(*name)));
        for row in batch {
            statement
                .values(row.iter().cloned().map(Expr::val))
                .map_err(Error::internal)?;
        }
        if let Some(clause) = &on_conflict {
            statement.on_conflict(clause.clone());
        }
        tx.later(table, batch.len(), statement).await?;
    }
    Ok(())
}

/// Adds to the cells of `tally_edition`, with their sets of people as they now are.
async fn write_of_edition(
    tx: &Tx,
    deltas: BTreeMap<OfEdition, Delta>,
    sets: &mut BTreeMap<Place, RoaringBitmap>,
) -> Result<()> {
    let mut rows = Vec::new();
    for (cell, delta) in deltas {
        let mut row = edition_values(&cell);
        let people = sets.remove(&Place::InEdition(cell)).unwrap_or_default();
        row.extend(delta.0.map(Value::from));
        row.push(serialize(&people)?.into());
        rows.push(row);
    }
    let columns: Vec<_> = EDITION_KEY.into_iter().chain(COUNTS).chain(["people"]).collect();
    let mut clause = adding("tally_edition", &EDITION_KEY);
    clause.update_column(Alias::new("people"));
    insert(tx, "tally_edition", &columns, rows, Some(&mut clause)).await
}

fn chunk_values(cell: &Overall, chunk: i64) -> Vec<Value> {
    let mut values = overall_values(cell);
    values.push(chunk.into());
    values
}

/// Writes the sets of people of the whole system.
async fn write_chunks(tx: &Tx, sets: BTreeMap<Place, RoaringBitmap>) -> Result<()> {
    let mut rows = Vec::new();
    for (place, people) in sets {
        if let Place::Anywhere(cell, chunk) = place {
            let mut row = chunk_values(&cell, chunk);
            row.push(serialize(&people)?.into());
            rows.push(row);
        }
    }
    let columns: Vec<_> = CHUNK_KEY.into_iter().chain(["people"]).collect();
    let mut clause = OnConflict::columns(CHUNK_KEY.map(Alias::new));
    clause.update_column(Alias::new("people"));
    insert(tx, "people_overall", &columns, rows, Some(&mut clause)).await
}
