//! Relay connections: `first`/`after` or `last`/`before`, 1 to 100, one of them required.

use async_graphql::OutputType;
use async_graphql::connection::{Connection, CursorType, Edge, EmptyFields};

use super::id::{read_cursor, write_cursor};
use crate::error::{Code, Error, Fault, Result};
use crate::store::page::{Page, Place, Wanted};

/// The most nodes of one page.
pub const LIMIT: i32 = 100;

/// The four arguments of every connection.
#[derive(Debug, Default)]
pub struct Arguments {
    /// How many from the start, or after `after`.
    pub first: Option<i32>,
    /// A cursor.
    pub after: Option<String>,
    /// How many from the end, or before `before`.
    pub last: Option<i32>,
    /// A cursor.
    pub before: Option<String>,
}

impl Arguments {
    /// As a field takes them, in the order of the schema.
    pub fn new(first: Option<i32>, after: Option<String>, last: Option<i32>, before: Option<String>) -> Self {
        Self {
            first,
            after,
            last,
            before,
        }
    }

    /// What they ask for.
    ///
    /// # Errors
    /// [`Code::Required`] when neither `first` nor `last` is given, [`Code::OutOfRange`] beyond 1 to 100,
    /// [`Code::Malformed`] when both are, and for a cursor that is none or that stands with the wrong one.
    pub fn wanted(self) -> Result<Wanted> {
        let fault = |name: &str, code| Fault {
            code,
            path: vec![name.to_owned()],
            detail: None,
        };
        let (limit, cursor, backwards) = match (self.first, self.last) {
            (Some(first), None) if self.before.is_none() => (first, self.after, false),
            (None, Some(last)) if self.after.is_none() => (last, self.before, true),
            (Some(_), None) => return Err(fault("before", Code::Malformed).into()),
            (None, Some(_)) => return Err(fault("after", Code::Malformed).into()),
            (Some(_), Some(_)) => return Err(fault("last", Code::Malformed).into()),
            (None, None) => return Err(fault("first", Code::Required).into()),
        };
        let limit_name = if backwards { "last" } else { "first" };
        let limit = u64::try_from(limit)
            .ok()
            .filter(|limit| (1..=LIMIT.unsigned_abs().into()).contains(limit))
            .ok_or_else(|| fault(limit_name, Code::OutOfRange).with(format!("1–{LIMIT}")))?;
        let cursor_name = if backwards { "before" } else { "after" };
        let beyond = cursor
            .map(|cursor| read_cursor(&cursor).ok_or_else(|| fault(cursor_name, Code::Malformed)))
            .transpose()?;
        Ok(Wanted {
            limit,
            beyond,
            backwards,
        })
    }
}

/// A place in a list, written as a cursor where one is asked for.
#[derive(Debug)]
pub struct Cursor(Place);

impl CursorType for Cursor {
    type Error = Error;

    fn decode_cursor(cursor: &str) -> Result<Self> {
        let place = read_cursor(cursor).ok_or_else(|| Error::at("cursor", Code::Malformed))?;
        Ok(Self(place))
    }

    fn encode_cursor(&self) -> String {
        write_cursor(&self.0)
    }
}

/// A page of nodes.
pub type PageOf<N> = Connection<Cursor, N, EmptyFields, EmptyFields>;

/// A page as a connection; `place` tells where a row stands, `node` wraps it.
pub fn connection<R, N: OutputType>(page: Page<R>, place: impl Fn(&R) -> Place, node: impl Fn(R) -> N) -> PageOf<N> {
    let mut connection = Connection::new(page.has_previous, page.has_next);
    connection.edges = page
        .rows
        .into_iter()
        .map(|row| {
            let cursor = Cursor(place(&row));
            Edge::new(cursor, node(row))
        })
        .collect();
    connection
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(arguments: Arguments) -> Option<Code> {
        match arguments.wanted() {
            Err(Error::Invalid(faults)) => Some(faults[0].code),
            _ => None,
        }
    }

    #[test]
    fn a_page_is_bounded_and_says_its_direction() {
        let none = Arguments::default;
        assert_eq!(code(none()), Some(Code::Required));
        assert_eq!(
            code(Arguments {
                first: Some(1),
                last: Some(1),
                ..none()
            }),
            Some(Code::Malformed)
        );
        assert_eq!(
            code(Arguments {
                first: Some(0),
                ..none()
            }),
            Some(Code::OutOfRange)
        );
        assert_eq!(
            code(Arguments {
                last: Some(101),
                ..none()
            }),
            Some(Code::OutOfRange)
        );
        assert_eq!(
            code(Arguments {
                first: Some(5),
                after: Some("?".into()),
                ..none()
            }),
            Some(Code::Malformed)
        );
        assert_eq!(
            code(Arguments {
                first: Some(5),
                before: Some("x".into()),
                ..none()
            }),
            Some(Code::Malformed)
        );
        assert_eq!(
            code(Arguments {
                last: Some(100),
                ..none()
            }),
            None
        );
    }
}
