//! Identifiers and cursors as clients see them.

use std::str::FromStr;

use async_graphql::{ID, InputObject};
use data_encoding::BASE64URL_NOPAD;

use super::filter;
use crate::domain::id::{IdFault, Seen};
use crate::domain::text::{parse_day, parse_instant};
use crate::error::{Code, Error, Fault, Faults, Result};
use crate::store::page::{Key, Place};

/// Reads the identifier at input path `at`; [`Code::InvalidId`] is kept for what is none, or one of another kind of
/// thing.
pub fn parse<T: FromStr<Err = IdFault>>(faults: &mut Faults, at: &str, id: &ID) -> Option<T> {
    faults.take(at, id.parse().map_err(|_: IdFault| Code::InvalidId))
}

/// Reads the identifier of an input in whose form nothing else can be wrong.
///
/// # Errors
/// [`Code::InvalidId`] for what is no identifier, or one of another kind of thing.
pub fn sole<T: FromStr<Err = IdFault>>(at: &str, id: &ID) -> Result<T> {
    id.parse().map_err(|_: IdFault| Error::at(at, Code::InvalidId))
}

/// Reads the identifier that a query takes; `at` begins with the argument's name.
///
/// # Errors
/// [`Code::InvalidId`] for what is no identifier, or one of another kind of thing.
pub fn argument<T: FromStr<Err = IdFault>>(at: &str, id: &ID) -> Result<T> {
    let fault = |_: IdFault| Fault {
        code: Code::InvalidId,
        path: at.split('.').map(Into::into).collect(),
        detail: None,
    };
    id.parse().map_err(|broken| fault(broken).into())
}

/// Reads the identifiers of a list in an argument, as `filter::values` takes it; `at` begins with the argument's
/// name.
pub fn arguments<T: FromStr<Err = IdFault>>(faults: &mut Faults, at: &str, ids: Option<Vec<ID>>) -> Vec<T> {
    let ids = filter::values(faults, at, ids);
    let read = |(place, id): (usize, ID)| {
        let read = id.parse().map_err(|_: IdFault| Code::InvalidId);
        faults.take_argument(&format!("{at}.{place}"), read)
    };
    ids.into_iter().enumerate().filter_map(read).collect()
}

/// The most entries of one list of which it is told what is wrong: a list with more of them is another than was meant.
const MOST_FAULTS: usize = 100;

/// Reads every entry of a list, the others too where some are wrong.
pub fn each<A, B>(list: &[A], mut read: impl FnMut(usize, &A) -> Option<B>) -> Option<Vec<B>> {
    let mut all = Vec::with_capacity(list.len());
    let mut wrong = 0;
    for (place, entry) in list.iter().enumerate() {
        match read(place, entry) {
            Some(entry) => all.push(entry),
            None => wrong += 1,
        }
        if wrong == MOST_FAULTS {
            break;
        }
    }
    (wrong == 0).then_some(all)
}

/// Reads a list of identifiers.
pub fn parse_all<T: FromStr<Err = IdFault>>(faults: &mut Faults, at: &str, ids: &[ID]) -> Option<Vec<T>> {
    each(ids, |place, id| parse(faults, &format!("{at}.{place}"), id))
}

/// One thing of a list, as you saw it.
#[derive(InputObject)]
pub struct SeenInput {
    /// Which.
    id: ID,
    /// The version that you saw.
    version: i64,
}

impl SeenInput {
    /// The identifier as it was sent.
    pub const fn id(&self) -> &ID {
        &self.id
    }
}

/// Reads a list of things that somebody saw.
pub fn parse_seen<T: FromStr<Err = IdFault>>(
    faults: &mut Faults,
    at: &str,
    list: &[SeenInput],
) -> Option<Vec<Seen<T>>> {
    each(list, |place, seen| {
        let id = parse(faults, &format!("{at}.{place}.id"), &seen.id)?;
        Some(Seen {
            id,
            version: seen.version,
        })
    })
}

/// Writes a place in a list as an opaque cursor.
pub fn write_cursor(place: &Place) -> String {
    let key = match &place.key {
        Key::Instant(instant) => format!("i{}", instant.timestamp_micros()),
        Key::Day(day) => format!("d{day}"),
        Key::Text(text) => format!("t{text}"),
        Key::Number(number) => format!("n{number}"),
    };
    BASE64URL_NOPAD.encode(format!("{}{key}", place.id.simple()).as_bytes())
}

/// The most characters of a cursor: the longest name that a list is sorted by, as search compares it, and room.
const LONGEST_CURSOR: usize = 12_000;

/// Reads a cursor back; `None` for what no list of ours wrote.
pub fn read_cursor(cursor: &str) -> Option<Place> {
    if cursor.len() > LONGEST_CURSOR {
        return None;
    }
    let text = String::from_utf8(BASE64URL_NOPAD.decode(cursor.as_bytes()).ok()?).ok()?;
    let (id, key) = text.split_at_checked(32)?;
    let (kind, value) = key.split_at_checked(1)?;
    let key = match kind {
        "i" => {
            let instant = chrono::DateTime::from_timestamp_micros(value.parse().ok()?)?;
            Key::Instant(parse_instant(instant).ok()?)
        }
        "d" => Key::Day(parse_day(value.parse().ok()?).ok()?),
        "n" => Key::Number(value.parse().ok()?),
        // PostgreSQL takes no NUL, and no text of ours holds a control character.
        "t" if !value.contains(char::is_control) => Key::Text(value.to_owned()),
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
            let day = instant.date_naive();
            for key in [Key::Text(text.clone()), Key::Instant(instant), Key::Day(day), Key::Number(-micros)] {
                let place = Place { key, id: uuid::Uuid::from_u128(id) };
                prop_assert_eq!(read_cursor(&write_cursor(&place)), Some(place));
            }
        }

        /// What a list never wrote is no cursor, though it has the form of one.
        #[test]
        fn a_cursor_that_no_list_wrote_is_refused(before in "\\PC{0,8}", bad in "[\\x00-\\x1f]", id: u128) {
            let id = uuid::Uuid::from_u128(id);
            let keys = [format!("t{before}{bad}"), format!("i{}", i64::MIN / 2), "d-4800-01-01".to_owned()];
            for key in keys {
                let cursor = BASE64URL_NOPAD.encode(format!("{}{key}", id.simple()).as_bytes());
                prop_assert_eq!(read_cursor(&cursor), None);
            }
        }

        #[test]
        fn no_cursor_panics(text in "\\PC{0,60}") {
            read_cursor(&text);
        }
    }
}
