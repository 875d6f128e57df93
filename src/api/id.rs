//! Identifiers and cursors as clients see them.

use std::str::FromStr;

use async_graphql::{ID, InputObject};
use data_encoding::BASE64URL_NOPAD;

use crate::domain::id::{IdFault, Seen};
use crate::error::{Code, Error, Fault, Result};
use crate::store::page::{Key, Place};

/// Reads the identifier at input path `at`.
///
/// # Errors
/// [`Code::InvalidId`] for what is no identifier, or one of another kind of thing.
pub fn parse<T: FromStr<Err = IdFault>>(at: &str, id: &ID) -> Result<T> {
    id.parse().map_err(|_: IdFault| Error::at(at, Code::InvalidId))
}

/// Reads the identifier that a query takes as its argument `name`.
///
/// # Errors
/// [`Code::InvalidId`] for what is no identifier, or one of another kind of thing.
pub fn argument<T: FromStr<Err = IdFault>>(name: &str, id: &ID) -> Result<T> {
    let fault = |_: IdFault| Fault {
        code: Code::InvalidId,
        path: vec![name.to_owned()],
        detail: None,
    };
    id.parse().map_err(|broken| fault(broken).into())
}

/// Reads a list of identifiers.
pub fn parse_all<T: FromStr<Err = IdFault>>(at: &str, ids: &[ID]) -> Result<Vec<T>> {
    ids.iter()
        .enumerate()
        .map(|(place, id)| parse(&format!("{at}.{place}"), id))
        .collect()
}

/// One thing of a list, as you saw it.
#[derive(InputObject)]
pub struct SeenInput {
    /// Which.
    id: ID,
    /// The version that you saw.
    version: i64,
}

/// Reads a list of things that somebody saw.
pub fn parse_seen<T: FromStr<Err = IdFault>>(at: &str, list: &[SeenInput]) -> Result<Vec<Seen<T>>> {
    list.iter()
        .enumerate()
        .map(|(place, seen)| {
            Ok(Seen {
                id: parse(&format!("{at}.{place}.id"), &seen.id)?,
                version: seen.version,
            })
        })
        .collect()
}

/// Writes a place in a list as an opaque cursor.
pub fn write_cursor(place: &Place) -> String {
    let key = match &place.key {
        Key::Instant(instant) => format!("i{}", instant.timestamp_micros()),
        Key::Day(day) => format!("d{day}"),
        Key::Text(text) => format!("t{text}"),
    };
    BASE64URL_NOPAD.encode(format!("{}{key}", place.id.simple()).as_bytes())
}

/// Reads a cursor back; `None` for what no list of ours wrote.
pub fn read_cursor(cursor: &str) -> Option<Place> {
    let text = String::from_utf8(BASE64URL_NOPAD.decode(cursor.as_bytes()).ok()?).ok()?;
    let (id, key) = text.split_at_checked(32)?;
    let (kind, value) = key.split_at_checked(1)?;
    let key = match kind {
        "i" => Key::Instant(chrono::DateTime::from_timestamp_micros(value.parse().ok()?)?),
        "d" => Key::Day(value.parse().ok()?),
        "t" => Key::Text(value.to_owned()),
        _ => return None,
    };
    Some(Place {
        key,
        id: uuid::Uuid::parse_str(id).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cursor_reads_back(text in "\\PC{0,30}", id: u128, micros in 0_i64..4_000_000_000_000_000) {
            let instant = chrono::DateTime::from_timestamp_micros(micros).expect("an instant");
            for key in [Key::Text(text.clone()), Key::Instant(instant), Key::Day(instant.date_naive())] {
                let place = Place { key, id: uuid::Uuid::from_u128(id) };
                prop_assert_eq!(read_cursor(&write_cursor(&place)), Some(place));
            }
        }

        #[test]
        fn no_cursor_panics(text in "\\PC{0,60}") {
            read_cursor(&text);
        }
    }
}
