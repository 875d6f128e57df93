//! Lists in an input: each thing is named once, and whoever names one twice is told so before anything is looked at.

use std::collections::BTreeSet;

use crate::error::{Code, Fault, Faults};

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

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
}
