//! Lists in an input: they name so many things at most, each once, and whoever says otherwise is told so before anything
//! is looked at. And what comes of a list, be it in an input or in a file, where some of it cannot be done.

use std::collections::BTreeSet;

use crate::error::{Code, Error, Fault, Faults, Result};

/// The most enrolments on whose application one request decides.
pub const DECISIONS_MOST: usize = 1000;
/// The most enrolments whose outcome one request decides.
pub const OUTCOMES_MOST: usize = 500;
/// The most submissions whose grades one request releases or makes final.
pub const GRADES_MOST: usize = 100;
/// The most enrolments that one request puts into a team, and the most teams that it puts in somebody's charge.
pub const TEAMWORK_MOST: usize = 100;

words! {
    /// How much of a list is carried out when some of it cannot be.
    Mode {
        /// All of it, or nothing.
        AllOrNothing = "all_or_nothing",
        /// Every row that can be.
        RowByRow = "row_by_row",
    }
}

/// What stands in a list although it stood there before, at the place of each; `at` is where the input has the list.
pub fn check_once<T: Ord>(at: &str, list: impl IntoIterator<Item = T>) -> Faults {
    let mut known = BTreeSet::new();
    let mut faults = Faults::default();
    for (place, thing) in list.into_iter().enumerate() {
        if !known.insert(thing) {
            faults.push(Fault::at(&format!("{at}.{place}"), Code::Repeated));
        }
    }
    faults
}

/// Refuses a list of more than `most` things, or one that names some of them twice.
///
/// # Errors
/// [`Code::TooLong`]; [`Code::Repeated`] at the place of each.
pub fn check_named<T: Ord>(at: &str, list: &[T], most: usize) -> Result<()> {
    check_most(at, list, most)?;
    check_once(at, list).check()
}

/// The same, where something must be named.
///
/// # Errors
/// [`Code::Required`] for an empty list; those of [`check_named`].
pub fn check_some<T: Ord>(at: &str, list: &[T], most: usize) -> Result<()> {
    check_length(at, list, most)?;
    check_once(at, list).check()
}

/// Refuses a list that names nothing, or more than `most` things, in which some may stand twice.
///
/// # Errors
/// [`Code::Required`]; [`Code::TooLong`].
pub fn check_length<T>(at: &str, list: &[T], most: usize) -> Result<()> {
    if list.is_empty() {
        return Err(Error::at(at, Code::Required));
    }
    check_most(at, list, most)
}

fn check_most<T>(at: &str, list: &[T], most: usize) -> Result<()> {
    if list.len() > most {
        return Err(Fault::at(at, Code::TooLong).with(most).into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_there_again_is_named_at_its_place() {
        assert!(check_once("ids", [3, 1, 2]).check().is_ok());
        assert!(check_once("ids", [0; 0]).check().is_ok());
        let Err(Error::Invalid(faults)) = check_once("ids", [1, 2, 1, 1]).check() else {
            panic!("it stands there three times");
        };
        let expected = ["ids.2", "ids.3"].map(|at| Fault::at(at, Code::Repeated));
        assert_eq!(faults, expected);
    }

    #[test]
    fn a_list_is_as_long_as_it_may_be() {
        let said = |checked: Result<()>| match checked {
            Ok(()) => None,
            Err(Error::Invalid(faults)) => faults.first().map(|fault| (fault.code, fault.detail.clone())),
            Err(other) => panic!("{other}"),
        };
        let none: [u8; 0] = [];
        assert_eq!(said(check_named("ids", &none, 2)), None);
        assert_eq!(said(check_some("ids", &none, 2)), Some((Code::Required, None)));
        assert_eq!(said(check_length("ids", &none, 2)), Some((Code::Required, None)));
        let too_long = Some((Code::TooLong, Some("2".to_owned())));
        assert_eq!(said(check_length("ids", &[1, 1], 2)), None);
        assert_eq!(said(check_length("ids", &[1, 1, 1], 2)), too_long);
        for check in [check_named::<u8>, check_some::<u8>] {
            assert_eq!(said(check("ids", &[1_u8, 2], 2)), None);
            assert_eq!(said(check("ids", &[1_u8, 1, 1], 2)), too_long);
            assert_eq!(said(check("ids", &[1_u8, 1], 2)), Some((Code::Repeated, None)));
        }
    }
}
