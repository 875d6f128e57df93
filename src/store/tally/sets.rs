//! The sets of people beside the counts: locked, brought up to date, written and read as compressed bitmaps.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use roaring::RoaringBitmap;
use sea_orm::sea_query::{
    Alias, Asterisk, CommonTableExpression, Expr, ExprTrait, LockType, OnConflict, Order, Query, SelectStatement,
    UnionType, Value, WithClause,
};
use sea_orm::{ConnectionTrait, QueryResult};

use super::{
    BATCH, CHUNK_BITS, CHUNK_KEY, COUNTS, EDITION_KEY, OfEdition, Overall, chunk_values, edition_cell, edition_values,
    insert, overall_cell, signed,
};
use crate::domain::id::{EditionId, PersonId};
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

/// The tables that hold sets of people.
const SETS: [&str; 2] = ["tally_edition", "people_overall"];

/// Where a set of people stands. Places are ordered as their rows are locked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// Beside the counts of a cell of one edition, in `tally_edition`.
    InEdition(OfEdition),
    /// Among all editions, a chunk of the person numbers, in `people_overall`.
    Anywhere(Overall, i64),
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Place {
    /// Those of editions first, then by the key: the words byte for byte, as the statement orders them.
    fn rank(&self) -> (bool, Option<EditionId>, [&str; 3], i64) {
        match self {
            Self::InEdition((edition, status, gender, country)) => {
                (false, Some(*edition), [status.word(), gender.word(), country], 0)
            }
            Self::Anywhere((status, gender, country), chunk) => {
                (true, None, [status.word(), gender.word(), country], *chunk)
            }
        }
    }

    pub(super) fn in_edition(fact: &Fact) -> Self {
        Self::InEdition(edition_cell(&fact.cell))
    }

    pub(super) fn anywhere(fact: &Fact) -> Self {
        Self::Anywhere(overall_cell(&fact.cell), fact.person_number >> CHUNK_BITS)
    }

    fn values(&self) -> Vec<Value> {
        match self {
            Self::InEdition(cell) => edition_values(cell),
            Self::Anywhere(cell, chunk) => chunk_values(cell, *chunk),
        }
    }

    fn of(row: &QueryResult) -> Result<Self> {
        let (status, gender) = (row.try_get("", "status")?, row.try_get("", "gender")?);
        let country = row.try_get("", "country")?;
        Ok(match row.try_get("", "edition_id")? {
            Some(edition) => Self::InEdition((edition, status, gender, country)),
            None => Self::Anywhere((status, gender, country), row.try_get("", "chunk")?),
        })
    }
}

/// Locks the sets at these places and returns them; on PostgreSQL absent rows are made first, so that there is
/// something to lock. (SQLite's one writer needs no lock.)
pub(super) async fn lock_sets(tx: &Tx, places: BTreeSet<Place>) -> Result<BTreeMap<Place, RoaringBitmap>> {
    let places: Vec<Place> = places.into_iter().collect();
    let mut found = BTreeMap::new();
    for batch in places.chunks(500) {
        read_sets(&tx.asking(&SETS).await?, batch, &mut found).await?;
        let absent: Vec<Place> = batch
            .iter()
            .filter(|place| !found.contains_key(place))
            .cloned()
            .collect();
        if absent.is_empty() || engine(tx) == Engine::Sqlite {
            continue;
        }
        make_sets(tx, &absent).await?;
        read_sets(tx, &absent, &mut found).await?;
    }
    Ok(found)
}

/// Makes empty rows where there are none.
async fn make_sets(tx: &Tx, places: &[Place]) -> Result<()> {
    let empty = serialize(&RoaringBitmap::new())?;
    let (mut of_edition, mut overall) = (Vec::new(), Vec::new());
    for place in places {
        let mut row = place.values();
        if let Place::InEdition(_) = place {
            row.extend(COUNTS.map(|_| Value::from(0_i64)));
            row.push(empty.clone().into());
            of_edition.push(row);
        } else {
            row.push(empty.clone().into());
            overall.push(row);
        }
    }
    let columns: Vec<_> = EDITION_KEY.into_iter().chain(COUNTS).chain(["people"]).collect();
    let mut clause = OnConflict::columns(EDITION_KEY.map(Alias::new));
    insert(tx, "tally_edition", &columns, of_edition, Some(clause.do_nothing())).await?;
    let columns: Vec<_> = CHUNK_KEY.into_iter().chain(["people"]).collect();
    let mut clause = OnConflict::columns(CHUNK_KEY.map(Alias::new));
    insert(tx, "people_overall", &columns, overall, Some(clause.do_nothing())).await
}

/// Reads the sets at these places in one statement, on PostgreSQL under lock: first those of editions, then the
/// chunks, each in the order of their keys.
async fn read_sets(
    connection: &impl ConnectionTrait,
    places: &[Place],
    found: &mut BTreeMap<Place, RoaringBitmap>,
) -> Result<()> {
    let (of_edition, overall): (Vec<&Place>, Vec<&Place>) =
        places.iter().partition(|place| matches!(place, Place::InEdition(_)));
    let mut parts = WithClause::new();
    for (name, table, key, places) in [
        ("of_edition", "tally_edition", &EDITION_KEY[..], of_edition),
        ("overall", "people_overall", &CHUNK_KEY[..], overall),
    ] {
        let mut part = CommonTableExpression::new();
        part.table_name(Alias::new(name))
            .query(part_of(connection, table, key, &places));
        parts.cte(part);
    }
    let whole = |name| Query::select().column(Asterisk).from(Alias::new(name)).to_owned();
    let statement = whole("of_edition").union(UnionType::All, whole("overall")).to_owned();
    for row in connection.query_all(&statement.with(parts)).await? {
        let people = deserialize(&row.try_get::<Vec<u8>>("", "people")?)?;
        found.insert(Place::of(&row)?, people);
    }
    Ok(())
}

/// The rows of one table with these keys, in the columns that the rows of both have.
fn part_of(
    connection: &impl ConnectionTrait,
    table: &'static str,
    key: &[&'static str],
    places: &[&Place],
) -> SelectStatement {
    let tuple = Expr::tuple(key.iter().map(|name| Expr::col(Alias::new(*name))));
    let wanted = places
        .iter()
        .map(|place| Expr::tuple(place.values().into_iter().map(Expr::val)));
    let mut statement = Query::select();
    for (name, kind) in [
        ("edition_id", "uuid"),
        ("status", "text"),
        ("gender", "text"),
        ("country", "text"),
        ("chunk", "bigint"),
    ] {
        if key.contains(&name) {
            statement.column(Alias::new(name));
        } else {
            statement.expr_as(Expr::cust(format!("CAST(NULL AS {kind})")), Alias::new(name));
        }
    }
    statement
        .column(Alias::new("people"))
        .from(Alias::new(table))
        .and_where(tuple.is_in(wanted));
    let postgres = engine(connection) == Engine::Postgres;
    for name in key {
        // A database may compare texts by the rules of a language; the rows are locked in one order in all.
        let is_text = !["edition_id", "chunk"].contains(name);
        let collation = if postgres && is_text { " COLLATE \"C\"" } else { "" };
        statement.order_by_expr(Expr::cust(format!("{name}{collation}")), Order::Asc);
    }
    if postgres {
        statement.lock(LockType::Update);
    }
    statement
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
