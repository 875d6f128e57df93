//! Versions: whoever changes a thing says which version of it they saw, and is refused when it is another one by now.

use crate::error::{Code, Fault};

/// That somebody else changed a thing meanwhile, with the version that it has now; `at` is where the input names the
/// one that was seen.
pub fn stale_version(at: &str, present: i64) -> Fault {
    Fault::at(at, Code::StaleVersion).with(present)
}

/// Holds the version that somebody saw against the present one.
///
/// # Errors
/// [`stale_version`].
pub fn expect_version(at: &str, present: i64, seen: i64) -> Result<(), Fault> {
    if present == seen {
        Ok(())
    } else {
        Err(stale_version(at, present))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_present_version_is_taken() {
        assert_eq!(expect_version("version", 3, 3), Ok(()));
        for seen in [0, 2, 4] {
            let refused = expect_version("versions.1", 3, seen).expect_err("another one");
            assert_eq!(refused, Fault::at("versions.1", Code::StaleVersion).with(3));
        }
    }
}
