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
use sea_orm::ConnectionTrait;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, IntoIden, LockType, OnConflict, Query, SimpleExpr, Value};
use uuid::Uuid;

use super::{Engine, Tx, engine, enrolment};
use crate::clock::Clock;
use crate::domain::enrolment::EnrolmentState;
use crate::domain::id::{EditionId, PersonId};
use crate::domain::person::Gender;
use crate::domain::statistics::{Cell, Change, Fact};
use crate::error::{Error, Result};

/// How many person numbers one row of `people_overall` spans, as a power of two: such a row stays small
/// enough to be rewritten with every enrolment.
const CHUNK_BITS: u32 = 13;

/// The most rows of one statement: 15 columns each stay under SQLite's 32,766 variables.
const BATCH: usize = 2000;

const COUNTS: [&str; 3] = ["enrolments", "submitted", "released"];
const DETAIL_KEY: [&str; 8] = [
    "edition_id",
    "status",
    "gender",
    "country",
    "institution_id",
    "constituent_group",
    "language",
    "month",
];
const EDITION_KEY: [&str; 4] = ["edition_id", "status", "gender", "country"];
const OVERALL_KEY: [&str; 3] = ["status", "gender", "country"];
const CHUNK_KEY: [&str; 4] = ["status", "gender", "country", "chunk"];

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

/// Counts the changes. To be called after the enrolments themselves were written, in the same
/// transaction: whether a person leaves a set depends on the enrolments that remain.
pub async fn record(tx: &Tx, clock: &Clock, changes: &[Change]) -> Result<()> {
    let changes: Vec<&Change> = changes.iter().filter(|change| change.before != change.after).collect();
    if changes.is_empty() {
        return Ok(());
    }
    write_journal(tx, clock, &changes).await?;
    let mut detail: BTreeMap<Cell, Delta> = BTreeMap::new();
    let mut of_edition: BTreeMap<OfEdition, Delta> = BTreeMap::new();
    let mut overall: BTreeMap<Overall, Delta> = BTreeMap::new();
    for (fact, sign) in signed(&changes) {
        let delta = Delta::of(fact, sign);
        *detail.entry(fact.cell.clone()).or_default() += delta;
        *of_edition.entry(edition_cell(&fact.cell)).or_default() += delta;
        *overall.entry(overall_cell(&fact.cell)).or_default() += delta;
    }
    let detail = detail.into_iter().filter(|(_, delta)| !delta.is_nothing());
    add(
        tx,
        "tally_detail",
        &DETAIL_KEY,
        detail.map(|(cell, delta)| (detail_values(&cell), delta)).collect(),
    )
    .await?;
    add_of_edition(tx, &changes, of_edition).await?;
    let overall = overall.into_iter().filter(|(_, delta)| !delta.is_nothing());
    add(
        tx,
        "tally_overall",
        &OVERALL_KEY,
        overall.map(|(cell, delta)| (overall_values(&cell), delta)).collect(),
    )
    .await?;
    move_people(tx, &changes).await
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

async fn insert(
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
        tx.execute(&statement).await?;
    }
    Ok(())
}

/// Adds to the cells of `tally_edition` and brings their sets of people up to date.
async fn add_of_edition(tx: &Tx, changes: &[&Change], deltas: BTreeMap<OfEdition, Delta>) -> Result<()> {
    let keys: Vec<OfEdition> = deltas.keys().cloned().collect();
    let mut sets = lock_sets(
        tx,
        "tally_edition",
        &EDITION_KEY,
        keys.iter().map(edition_values).collect(),
    )
    .await?;
    let remaining = remaining(tx, changes).await?;
    for (fact, _) in signed(changes) {
        let cell = edition_cell(&fact.cell);
        let stays = remaining.contains(fact.person, &fact.cell, true);
        let set = sets.entry(key_of(&edition_values(&cell))).or_default();
        put(set, fact.person_number, stays)?;
    }
    let mut rows = Vec::new();
    for (cell, delta) in deltas {
        let mut row = edition_values(&cell);
        let people = sets.remove(&key_of(&row)).unwrap_or_default();
        row.extend(delta.0.map(Value::from));
        row.push(serialize(&people)?.into());
        rows.push(row);
    }
    let columns: Vec<_> = EDITION_KEY.into_iter().chain(COUNTS).chain(["people"]).collect();
    let mut clause = adding("tally_edition", &EDITION_KEY);
    clause.update_column(Alias::new("people"));
    insert(tx, "tally_edition", &columns, rows, Some(&mut clause)).await
}

/// Brings the sets of people of the whole system up to date.
async fn move_people(tx: &Tx, changes: &[&Change]) -> Result<()> {
    let mut keys: BTreeMap<(Overall, i64), Vec<Value>> = BTreeMap::new();
    for (fact, _) in signed(changes) {
        let (cell, chunk) = (overall_cell(&fact.cell), fact.person_number >> CHUNK_BITS);
        let mut values = overall_values(&cell);
        values.push(chunk.into());
        keys.insert((cell, chunk), values);
    }
    let mut sets = lock_sets(tx, "people_overall", &CHUNK_KEY, keys.values().cloned().collect()).await?;
    let remaining = remaining(tx, changes).await?;
    for (fact, _) in signed(changes) {
        let key = (overall_cell(&fact.cell), fact.person_number >> CHUNK_BITS);
        let set = sets.entry(key_of(&keys[&key])).or_default();
        put(
            set,
            fact.person_number,
            remaining.contains(fact.person, &fact.cell, false),
        )?;
    }
    let mut rows = Vec::new();
    for mut row in keys.into_values() {
        let people = sets.remove(&key_of(&row)).unwrap_or_default();
        row.push(serialize(&people)?.into());
        rows.push(row);
    }
    let columns: Vec<_> = CHUNK_KEY.into_iter().chain(["people"]).collect();
    let mut clause = OnConflict::columns(CHUNK_KEY.map(Alias::new));
    clause.update_column(Alias::new("people"));
    insert(tx, "people_overall", &columns, rows, Some(&mut clause)).await
}

/// The cells in which people still are, as their enrolments now stand.
struct Remaining(BTreeSet<(PersonId, OfEdition)>, bool);

impl Remaining {
    fn contains(&self, person: PersonId, cell: &Cell, in_edition: bool) -> bool {
        if self.1 {
            return true;
        }
        let (_, status, gender, country) = edition_cell(cell);
        if in_edition {
            return self.0.contains(&(person, (cell.edition, status, gender, country)));
        }
        self.0
            .iter()
            .any(|(other, (_, s, g, c))| *other == person && (*s, *g, c) == (status, gender, &country))
    }
}

/// Reads where the people of the changes now are. When every change only begins a fact nobody leaves a
/// set, and nothing is read.
async fn remaining(tx: &Tx, changes: &[&Change]) -> Result<Remaining> {
    use sea_orm::QuerySelect;
    use sea_orm::prelude::*;
    if changes.iter().all(|change| change.before.is_none()) {
        return Ok(Remaining(BTreeSet::new(), true));
    }
    let people: BTreeSet<PersonId> = signed(changes).map(|(fact, _)| fact.person).collect();
    let people: Vec<PersonId> = people.into_iter().collect();
    let mut cells = BTreeSet::new();
    for batch in people.chunks(BATCH) {
        let rows: Vec<(PersonId, EditionId, EnrolmentState, Gender, String)> = enrolment::Entity::find()
            .select_only()
            .columns([
                enrolment::Column::PersonId,
                enrolment::Column::EditionId,
                enrolment::Column::State,
                enrolment::Column::Gender,
                enrolment::Column::Country,
            ])
            .filter(enrolment::Column::PersonId.is_in(batch.iter().copied()))
            .into_tuple()
            .all(tx)
            .await?;
        cells.extend(
            rows.into_iter()
                .map(|(person, edition, state, gender, country)| (person, (edition, state, gender, country))),
        );
    }
    Ok(Remaining(cells, false))
}

/// Locks the rows with these keys and returns their sets; on PostgreSQL absent rows are made first, so that
/// there is something to lock. (SQLite's one writer needs no lock.)
async fn lock_sets(
    tx: &Tx,
    table: &'static str,
    key: &[&'static str],
    keys: Vec<Vec<Value>>,
) -> Result<BTreeMap<String, RoaringBitmap>> {
    let mut found = BTreeMap::new();
    for batch in keys.chunks(500) {
        read_sets(tx, table, key, batch, &mut found).await?;
        let absent: Vec<Vec<Value>> = batch
            .iter()
            .filter(|values| !found.contains_key(&key_of(values)))
            .cloned()
            .collect();
        if absent.is_empty() || engine(tx) == Engine::Sqlite {
            continue;
        }
        let counts: &[&'static str] = if table == "tally_edition" { &COUNTS } else { &[] };
        let columns: Vec<_> = key.iter().chain(counts).copied().chain(["people"]).collect();
        let empty = serialize(&RoaringBitmap::new())?;
        let rows = absent.iter().cloned().map(|mut values| {
            values.extend(counts.iter().map(|_| Value::from(0_i64)));
            values.push(empty.clone().into());
            values
        });
        let mut clause = OnConflict::columns(key.iter().map(|name| Alias::new(*name)));
        insert(tx, table, &columns, rows.collect(), Some(clause.do_nothing())).await?;
        read_sets(tx, table, key, &absent, &mut found).await?;
    }
    Ok(found)
}

async fn read_sets(
    tx: &Tx,
    table: &'static str,
    key: &[&'static str],
    keys: &[Vec<Value>],
    found: &mut BTreeMap<String, RoaringBitmap>,
) -> Result<()> {
    let tuple = Expr::tuple(key.iter().map(|name| Expr::col(Alias::new(*name))));
    let wanted = keys
        .iter()
        .map(|values| Expr::tuple(values.iter().cloned().map(Expr::val)));
    let mut statement = Query::select();
    statement
        .columns(key.iter().map(|name| Alias::new(*name)))
        .column(Alias::new("people"))
        .from(Alias::new(table))
        .and_where(tuple.is_in(wanted));
    for name in key {
        statement.order_by(Alias::new(*name).into_iden(), sea_orm::sea_query::Order::Asc);
    }
    if engine(tx) == Engine::Postgres {
        statement.lock(LockType::Update);
    }
    for row in tx.query_all(&statement).await? {
        let mut values: Vec<Value> = Vec::with_capacity(key.len());
        for &name in key {
            values.push(match name {
                "edition_id" => row.try_get::<Uuid>("", name)?.into(),
                "chunk" => row.try_get::<i64>("", name)?.into(),
                _ => row.try_get::<String>("", name)?.into(),
            });
        }
        found.insert(key_of(&values), deserialize(&row.try_get::<Vec<u8>>("", "people")?)?);
    }
    Ok(())
}

/// A key as text, to find it again among the rows that came back.
fn key_of(values: &[Value]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join("|")
}

fn put(set: &mut RoaringBitmap, number: i64, present: bool) -> Result<()> {
    let number = u32::try_from(number).map_err(Error::internal)?;
    if present {
        set.insert(number);
    } else {
        set.remove(number);
    }
    Ok(())
}

/// The bytes of a set, in the portable format of the Roaring bitmap specification.
fn serialize(set: &RoaringBitmap) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(set.serialized_size());
    set.serialize_into(&mut bytes).map_err(Error::internal)?;
    Ok(bytes)
}

/// The set that the bytes hold.
pub fn deserialize(bytes: &[u8]) -> Result<RoaringBitmap> {
    RoaringBitmap::deserialize_from(bytes).map_err(Error::internal)
}
