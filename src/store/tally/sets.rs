//! The sets of people beside the counts: locked, brought up to date, written and read as compressed bitmaps.

use std::collections::{BTreeMap, BTreeSet};

use roaring::RoaringBitmap;
use sea_orm::ConnectionTrait;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, IntoIden, LockType, OnConflict, Query, Value};
use uuid::Uuid;

use super::{BATCH, COUNTS, OfEdition, Overall, edition_cell, insert, overall_cell, signed};
use crate::domain::id::PersonId;
use crate::domain::statistics::{Change, Fact};
use crate::error::{Error, Result};
use crate::store::{Engine, Tx, engine, enrolment};

/// The cells in which people still are, as their enrolments now stand. Read after the sets are locked, so
/// that whoever changed them before has committed.
pub(super) enum Remaining {
    /// Every change only begins a fact: nobody leaves a set, and nothing was read.
    Everybody,
    /// The cells of each person, by edition and overall.
    These {
        in_edition: BTreeSet<(PersonId, OfEdition)>,
        anywhere: BTreeSet<(PersonId, Overall)>,
    },
}

impl Remaining {
    pub(super) fn in_edition(&self, fact: &Fact) -> bool {
        match self {
            Self::Everybody => true,
            Self::These { in_edition, .. } => in_edition.contains(&(fact.person, edition_cell(&fact.cell))),
        }
    }

    pub(super) fn anywhere(&self, fact: &Fact) -> bool {
        match self {
            Self::Everybody => true,
            Self::These { anywhere, .. } => anywhere.contains(&(fact.person, overall_cell(&fact.cell))),
        }
    }

    pub(super) async fn read(tx: &Tx, changes: &[&Change]) -> Result<Self> {
        if changes.iter().all(|change| change.before.is_none()) {
            return Ok(Self::Everybody);
        }
        let people: BTreeSet<PersonId> = signed(changes).map(|(fact, _)| fact.person).collect();
        let people: Vec<PersonId> = people.into_iter().collect();
        let mut in_edition = BTreeSet::new();
        let mut anywhere = BTreeSet::new();
        for batch in people.chunks(BATCH) {
            for (person, edition, state, gender, country) in enrolment::cells_of_people(tx, batch).await? {
                anywhere.insert((person, (state, gender, country.clone())));
                in_edition.insert((person, (edition, state, gender, country)));
            }
        }
        Ok(Self::These { in_edition, anywhere })
    }
}

/// Locks the rows with these keys and returns their sets; on PostgreSQL absent rows are made first, so that
/// there is something to lock. (SQLite's one writer needs no lock.)
pub(super) async fn lock_sets(
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
pub(super) fn key_of(values: &[Value]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join("|")
}

pub(super) fn put(set: &mut RoaringBitmap, fact: &Fact, present: bool) -> Result<()> {
    let number = u32::try_from(fact.person_number).map_err(Error::internal)?;
    if present {
        set.insert(number);
    } else {
        set.remove(number);
    }
    Ok(())
}

/// The bytes of a set, in the portable format of the Roaring bitmap specification.
pub(in crate::store) fn serialize(set: &RoaringBitmap) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(set.serialized_size());
    set.serialize_into(&mut bytes).map_err(Error::internal)?;
    Ok(bytes)
}

/// The set that the bytes hold.
pub fn deserialize(bytes: &[u8]) -> Result<RoaringBitmap> {
    RoaringBitmap::deserialize_from(bytes).map_err(Error::internal)
}
