//! Pages of long lists: by key, never by offset, so that a page costs the same wherever it is.

use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::sea_query::Value;
use sea_orm::{
    ColumnTrait, ColumnType, Condition, ConnectionTrait, DbBackend, DbErr, EntityTrait, QueryFilter, QueryOrder,
    QueryResult, QueryTrait, Select, Statement, TryGetable,
};
use uuid::Uuid;

use crate::error::{Code, Error, Fault, Result};

/// The value by which a list is ordered, at one of its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// An instant.
    Instant(DateTime<Utc>),
    /// A day.
    Day(NaiveDate),
    /// A text.
    Text(String),
    /// A number.
    Number(i64),
}

impl From<&Key> for Value {
    fn from(key: &Key) -> Self {
        match key {
            Key::Instant(instant) => (*instant).into(),
            Key::Day(day) => (*day).into(),
            Key::Text(text) => text.as_str().into(),
            Key::Number(number) => (*number).into(),
        }
    }
}

/// A place in a list: the row's key, and its identifier where keys are equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The value by which the list is ordered.
    pub key: Key,
    /// The row.
    pub id: Uuid,
}

/// Which part of a list is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// How many rows at most, 1 to 100.
    pub limit: u64,
    /// The rows on this side of a place; `None` for the list's end.
    pub beyond: Option<Place>,
    /// Whether the rows before the place are wanted, the nearest ones.
    pub backwards: bool,
}

impl Wanted {
    /// The refusal of a place that is in another list.
    pub fn stray(&self) -> Error {
        let argument = if self.backwards { "before" } else { "after" };
        Error::from(Fault {
            code: Code::Malformed,
            path: vec![argument.to_owned()],
            detail: None,
        })
    }
}

/// A part of a list, in the list's order.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Whether there are rows before them.
    pub has_previous: bool,
    /// Whether there are rows after them.
    pub has_next: bool,
}

impl<T> Page<T> {
    /// The same page with other rows.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page {
            rows: self.rows.into_iter().map(change).collect(),
            has_previous: self.has_previous,
            has_next: self.has_next,
        }
    }
}

/// The cells of a row, one after the other.
#[derive(Debug)]
pub struct Cells<'a> {
    /// The row.
    pub row: &'a QueryResult,
    /// The position of the next cell.
    pub next: usize,
}

impl Cells<'_> {
    /// The next cell.
    pub fn take<T: TryGetable>(&mut self) -> Result<T, DbErr> {
        let value = self.row.try_get_by_index(self.next)?;
        self.next += 1;
        Ok(value)
    }
}

/// Reads the wanted part of `list`, ordered by `key` and then by `id`, falling when `descending`.
pub async fn fetch<E: EntityTrait>(
    connection: &impl ConnectionTrait,
    list: Select<E>,
    columns: (E::Column, E::Column),
    descending: bool,
    wanted: &Wanted,
) -> Result<Page<E::Model>> {
    let statement = part(list, columns, descending, wanted, connection.get_database_backend())?;
    let rows = E::find().from_raw_sql(statement).all(connection).await?;
    Ok(page(rows, wanted))
}

/// The statement that reads the wanted part of `list`, and one row more; [`page`] makes a page of its rows.
///
/// How many is written into its text, where everything else is a bound value: PostgreSQL keeps a plan for a
/// statement only if it looks no dearer than one made for the values, and for a number of rows that it does
/// not know it expects a tenth of them all. It would plan anew with every page, which takes as long as to read one.
///
/// # Errors
/// [`Code::Malformed`] for a place in a list that is ordered by something else.
pub fn part<E: EntityTrait>(
    list: Select<E>,
    (key, id): (E::Column, E::Column),
    descending: bool,
    wanted: &Wanted,
    backend: DbBackend,
) -> Result<Statement> {
    let falling = descending != wanted.backwards;
    let mut list = list;
    if let Some(place) = &wanted.beyond {
        if !is_of(&place.key, key.def().get_column_type()) {
            return Err(wanted.stray());
        }
        let value = Value::from(&place.key);
        let (beyond_key, beyond_id) = if falling {
            (key.lt(value.clone()), id.lt(place.id))
        } else {
            (key.gt(value.clone()), id.gt(place.id))
        };
        let among_equals = Condition::all().add(key.eq(value)).add(beyond_id);
        list = list.filter(Condition::any().add(beyond_key).add(among_equals));
    }
    let order = if falling {
        sea_orm::Order::Desc
    } else {
        sea_orm::Order::Asc
    };
    let mut statement = backend.build(&list.order_by(key, order.clone()).order_by(id, order).into_query());
    statement.sql.push_str(" LIMIT ");
    statement.sql.push_str(&(wanted.limit + 1).to_string());
    Ok(statement)
}

/// Whether a column holds such keys: SQLite would compare it with anything, PostgreSQL with nothing else.
fn is_of(key: &Key, column: &ColumnType) -> bool {
    match key {
        Key::Instant(_) => matches!(column, ColumnType::TimestampWithTimeZone),
        Key::Day(_) => matches!(column, ColumnType::Date),
        Key::Text(_) => matches!(column, ColumnType::String(_) | ColumnType::Text),
        Key::Number(_) => matches!(column, ColumnType::BigInteger),
    }
}

/// The page that the rows of a statement of [`part`] make.
pub fn page<T>(mut rows: Vec<T>, wanted: &Wanted) -> Page<T> {
    let limit = usize::try_from(wanted.limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    if wanted.backwards {
        rows.reverse();
    }
    let came_from = wanted.beyond.is_some();
    let (has_previous, has_next) = if wanted.backwards {
        (more, came_from)
    } else {
        (came_from, more)
    };
    Page {
        rows,
        has_previous,
        has_next,
    }
}
