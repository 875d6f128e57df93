//! The summaries of the statistics, counted anew: to compare them with the enrolments that they count,
//! and to make them again where rows were put into the database by other ways than the use cases.

use std::collections::BTreeMap;

use roaring::RoaringBitmap;
use sea_orm::sea_query::Value;
use sea_orm::{ConnectionTrait, QueryResult, Statement};
use uuid::Uuid;

use super::tally::{
    CHUNK_BITS, CHUNK_KEY, COUNTS, DETAIL_KEY, EDITION_KEY, OVERALL_KEY, deserialize, insert, serialize,
};
use super::{Engine, Tx, engine};
use crate::error::{Error, Result};

/// The most differences that are told.
const TOLD: usize = 100;

/// The enrolments under the names of the counts; `$1` is the nil identifier.
const FACTS: &str = "SELECT id AS enrolment_id, person_number, edition_id, state AS status, gender, country, \
     COALESCE(institution_id, $1) AS institution_id, constituent_group, language, applied_month AS month, \
     COALESCE(institution_kind, '') AS institution_kind, 1 AS enrolments, works_submitted AS submitted, works_released AS released FROM enrolment";

/// Status, gender and country.
type Cell = [String; 3];

/// What an edition's enrolments come to in one cell.
#[derive(Debug, Default)]
struct Counted {
    counts: [i64; 3],
    people: RoaringBitmap,
}

/// Recounts `tally_detail`, `tally_edition`, `tally_overall` and `people_overall` from the enrolments.
///
/// The journal is append-only and stays as it is; an enrolment of which it knows nothing gets its
/// beginning, as it now stands, at the instant of its application. On PostgreSQL, nobody else changes an
/// enrolment until the transaction ends.
pub async fn rebuild(tx: &Tx) -> Result<()> {
    let tables = ["tally_detail", "tally_edition", "tally_overall", "people_overall"];
    if engine(tx) == Engine::Postgres {
        let lock = format!(
            "LOCK TABLE enrolment, {} IN SHARE ROW EXCLUSIVE MODE",
            tables.join(", ")
        );
        tx.execute_unprepared(&lock).await?;
    }
    take_time(tx).await?;
    for table in tables {
        tx.execute_unprepared(&format!("DELETE FROM {table}")).await?;
    }
    for (table, key) in [("tally_detail", &DETAIL_KEY[..]), ("tally_overall", &OVERALL_KEY[..])] {
        let key = key.join(", ");
        run(
            tx,
            &format!(
                "INSERT INTO {table} ({key}, {}) SELECT {key}, {} FROM ({FACTS}) f GROUP BY {key}",
                COUNTS.join(", "),
                sums()
            ),
        )
        .await?;
    }
    rebuild_sets(tx).await?;
    begin_journal(tx).await
}

/// Writes `tally_edition` and `people_overall`, which are empty.
async fn rebuild_sets(tx: &Tx) -> Result<()> {
    let mut overall: BTreeMap<(Cell, u32), RoaringBitmap> = BTreeMap::new();
    for edition in editions(tx).await? {
        let mut rows = Vec::new();
        for (cell, counted) in count_edition(tx, edition).await? {
            for number in &counted.people {
                overall
                    .entry((cell.clone(), number >> CHUNK_BITS))
                    .or_default()
                    .insert(number);
            }
            let mut row: Vec<Value> = vec![edition.into()];
            row.extend(cell.map(Value::from));
            row.extend(counted.counts.map(Value::from));
            row.push(serialize(&counted.people)?.into());
            rows.push(row);
        }
        let columns: Vec<_> = EDITION_KEY.into_iter().chain(COUNTS).chain(["people"]).collect();
        insert(tx, "tally_edition", &columns, rows, None).await?;
    }
    let mut rows = Vec::new();
    for ((cell, chunk), people) in overall {
        let mut row: Vec<Value> = cell.map(Value::from).into();
        row.push(i64::from(chunk).into());
        row.push(serialize(&people)?.into());
        rows.push(row);
    }
    let columns: Vec<_> = CHUNK_KEY.into_iter().chain(["people"]).collect();
    insert(tx, "people_overall", &columns, rows, None).await
}

/// Gives the enrolments of which the journal knows nothing their beginning; such a row has the identifier of
/// its enrolment.
async fn begin_journal(tx: &Tx) -> Result<()> {
    let key = DETAIL_KEY.join(", ");
    let counts = COUNTS.join(", ");
    run(
        tx,
        &format!(
            "INSERT INTO tally_change (id, at, enrolment_id, person_number, {key}, {counts}) \
         SELECT e.id, e.applied_at, e.id, f.person_number, {}, {counts} FROM ({FACTS}) f \
         JOIN enrolment e ON e.id = f.enrolment_id \
         LEFT JOIN (SELECT DISTINCT enrolment_id FROM tally_change) known ON known.enrolment_id = f.enrolment_id \
         WHERE known.enrolment_id IS NULL",
            DETAIL_KEY.map(|name| format!("f.{name}")).join(", "),
        ),
    )
    .await
}

/// Where summaries and journal differ from a recount of the enrolments, a sentence for each, at most 100;
/// empty when everything is right. To be read from one consistent state, such as `Db::snapshot`.
pub async fn differences(tx: &Tx) -> Result<Vec<String>> {
    take_time(tx).await?;
    let mut told = Vec::new();
    let journal: Vec<&str> = ["enrolment_id", "person_number"]
        .into_iter()
        .chain(DETAIL_KEY)
        .collect();
    for (table, key) in [
        ("tally_change", &journal[..]),
        ("tally_detail", &DETAIL_KEY[..]),
        ("tally_edition", &EDITION_KEY[..]),
        ("tally_overall", &OVERALL_KEY[..]),
    ] {
        told.extend(different_counts(tx, table, key).await?);
    }
    told.extend(different_sets(tx).await?);
    told.truncate(TOLD);
    Ok(told)
}

async fn different_counts(tx: &Tx, table: &str, key: &[&str]) -> Result<Vec<String>> {
    let columns = key.join(", ");
    let counts = COUNTS.join(", ");
    let negated = COUNTS.map(|count| format!("-{count}")).join(", ");
    let unequal = COUNTS.map(|count| format!("SUM({count}) <> 0")).join(" OR ");
    let sql = format!(
        "SELECT {columns}, {} FROM (SELECT {columns}, {counts} FROM {table} \
         UNION ALL SELECT {columns}, {negated} FROM ({FACTS}) f) u \
         GROUP BY {columns} HAVING {unequal} ORDER BY {columns} LIMIT {TOLD}",
        sums()
    );
    let mut told = Vec::new();
    for row in tx.query_all_raw(statement(tx, &sql, [Uuid::nil().into()])).await? {
        let counts = COUNTS.iter().enumerate().map(|(place, count)| {
            let excess: i64 = row.try_get_by_index(key.len() + place)?;
            Ok(format!("{excess:+} {count}"))
        });
        let counts = counts.collect::<Result<Vec<_>>>()?.join(", ");
        told.push(format!(
            "{table} against a recount at {}: {counts}",
            place_of(&row, key)?
        ));
    }
    Ok(told)
}

/// The key of a row, readable.
fn place_of(row: &QueryResult, key: &[&str]) -> Result<String> {
    let parts = key.iter().map(|name| {
        let value = match *name {
            "person_number" => row.try_get::<i64>("", name)?.to_string(),
            name if name.ends_with("_id") => row.try_get::<Uuid>("", name)?.to_string(),
            _ => row.try_get::<String>("", name)?,
        };
        Ok(format!("{name} {value:?}"))
    });
    Ok(parts.collect::<Result<Vec<_>>>()?.join(", "))
}

async fn different_sets(tx: &Tx) -> Result<Vec<String>> {
    let mut told = Vec::new();
    let mut overall: BTreeMap<Cell, RoaringBitmap> = BTreeMap::new();
    for edition in editions(tx).await? {
        let mut counted = count_edition(tx, edition).await?;
        let sql = "SELECT status, gender, country, people FROM tally_edition WHERE edition_id = $1";
        for row in tx.query_all_raw(statement(tx, sql, [edition.into()])).await? {
            let cell = cell_of(&row)?;
            let people = counted
                .get_mut(&cell)
                .map(|counted| std::mem::take(&mut counted.people))
                .unwrap_or_default();
            if deserialize(&row.try_get::<Vec<u8>>("", "people")?)? != people {
                told.push(format!(
                    "tally_edition of {edition} at {cell:?}: other people than in a recount"
                ));
            }
            *overall.entry(cell).or_default() |= people;
        }
        for (cell, counted) in counted.into_iter().filter(|(_, counted)| !counted.people.is_empty()) {
            told.push(format!("tally_edition of {edition} at {cell:?}: no set of people"));
            *overall.entry(cell).or_default() |= counted.people;
        }
    }
    told.extend(different_overall(tx, overall).await?);
    Ok(told)
}

async fn different_overall(tx: &Tx, mut counted: BTreeMap<Cell, RoaringBitmap>) -> Result<Vec<String>> {
    let mut told = Vec::new();
    let mut kept: BTreeMap<Cell, RoaringBitmap> = BTreeMap::new();
    let sql = "SELECT status, gender, country, chunk, people FROM people_overall";
    for row in tx.query_all_raw(statement(tx, sql, [])).await? {
        let (cell, chunk) = (cell_of(&row)?, row.try_get::<i64>("", "chunk")?);
        let people = deserialize(&row.try_get::<Vec<u8>>("", "people")?)?;
        if people.iter().any(|number| i64::from(number >> CHUNK_BITS) != chunk) {
            told.push(format!(
                "people_overall at {cell:?}, chunk {chunk}: people of another chunk"
            ));
        }
        *kept.entry(cell).or_default() |= people;
    }
    for (cell, people) in kept {
        if counted.remove(&cell).unwrap_or_default() != people {
            told.push(format!("people_overall at {cell:?}: other people than in a recount"));
        }
    }
    let absent = counted.into_iter().filter(|(_, people)| !people.is_empty());
    told.extend(absent.map(|(cell, _)| format!("people_overall at {cell:?}: no set of people")));
    Ok(told)
}

/// Every edition.
async fn editions(tx: &Tx) -> Result<Vec<Uuid>> {
    let sql = "SELECT id FROM edition ORDER BY id";
    let rows = tx.query_all_raw(statement(tx, sql, [])).await?;
    rows.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
}

/// Counts one edition's enrolments, in memory.
async fn count_edition(tx: &Tx, edition: Uuid) -> Result<BTreeMap<Cell, Counted>> {
    let sql = "SELECT state AS status, gender, country, person_number, works_submitted, works_released \
               FROM enrolment WHERE edition_id = $1";
    let mut cells: BTreeMap<Cell, Counted> = BTreeMap::new();
    for row in tx.query_all_raw(statement(tx, sql, [edition.into()])).await? {
        let counted = cells.entry(cell_of(&row)?).or_default();
        let counts = [1, row.try_get_by_index(4)?, row.try_get_by_index(5)?];
        for (sum, count) in counted.counts.iter_mut().zip(counts) {
            *sum += count;
        }
        let number: i64 = row.try_get_by_index(3)?;
        counted.people.insert(u32::try_from(number).map_err(Error::internal)?);
    }
    Ok(cells)
}

fn cell_of(row: &QueryResult) -> Result<Cell> {
    Ok([
        row.try_get_by_index(0)?,
        row.try_get_by_index(1)?,
        row.try_get_by_index(2)?,
    ])
}

fn sums() -> String {
    COUNTS
        .map(|count| format!("CAST(SUM({count}) AS bigint) AS {count}"))
        .join(", ")
}

/// A recount may take longer than a request may.
async fn take_time(tx: &Tx) -> Result<()> {
    if engine(tx) == Engine::Postgres {
        tx.execute_unprepared("SET LOCAL statement_timeout = 0").await?;
    }
    Ok(())
}

async fn run(tx: &Tx, sql: &str) -> Result<()> {
    tx.execute_raw(statement(tx, sql, [Uuid::nil().into()])).await?;
    Ok(())
}

fn statement<const N: usize>(tx: &Tx, sql: &str, values: [Value; N]) -> Statement {
    Statement::from_sql_and_values(tx.get_database_backend(), sql, values)
}

#[cfg(test)]
mod tests;
