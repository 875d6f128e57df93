//! Lists in filters and arguments of queries: how long they may be, and that an empty one is refused.

use crate::error::{Code, Faults, Flaw};

/// The most values of one list.
pub const MOST: usize = 1000;

/// The values of a list; none where it was left out, which does not restrict. An empty list could mean everything or
/// nothing, and is refused. `at` begins with the argument's name.
pub fn values<T>(faults: &mut Faults, at: &str, list: Option<Vec<T>>) -> Vec<T> {
    up_to(MOST, faults, at, list)
}

/// The same of a list that may have `most` values.
pub fn up_to<T>(most: usize, faults: &mut Faults, at: &str, list: Option<Vec<T>>) -> Vec<T> {
    let Some(list) = list else { return Vec::new() };
    let flaw = if list.is_empty() {
        Flaw::from(Code::Required)
    } else if list.len() > most {
        Flaw {
            code: Code::TooLong,
            detail: Some(most.to_string()),
        }
    } else {
        return list;
    };
    faults.take_argument::<T>(at, Err(flaw));
    Vec::new()
}

/// That a period does not end, at `at`, before it begins.
pub fn in_order<T: PartialOrd + ToString>(faults: &mut Faults, at: &str, from: Option<T>, until: Option<T>) {
    let (Some(from), Some(until)) = (from, until) else {
        return;
    };
    if until < from {
        let flaw = Flaw {
            code: Code::DatesOutOfOrder,
            detail: Some(from.to_string()),
        };
        faults.take_argument::<T>(at, Err(flaw));
    }
}

/// As [`values`], of words of the schema, as the domain has them.
pub fn all<A, B: From<A>>(faults: &mut Faults, at: &str, list: Option<Vec<A>>) -> Vec<B> {
    values(faults, at, list).into_iter().map(Into::into).collect()
}

/// As [`values`], of texts, each parsed by `parse`.
pub fn texts(
    faults: &mut Faults,
    at: &str,
    list: Option<Vec<String>>,
    parse: impl Fn(String) -> Result<String, Flaw>,
) -> Vec<String> {
    let list = values(faults, at, list);
    let read = |(place, text)| faults.take_argument(&format!("{at}.{place}"), parse(text));
    list.into_iter().enumerate().filter_map(read).collect()
}
