//! Why something is done, as inputs say it in their field `reason`.

use crate::domain::text::Reason;
use crate::error::Faults;

/// Reads a reason that must be given.
pub fn read(faults: &mut Faults, reason: &str) -> Option<Reason> {
    faults.take("reason", Reason::parse(reason))
}

/// Reads a reason that may be left out.
#[allow(
    clippy::option_option,
    reason = "what could not be read and what was not said are two things"
)]
pub fn read_optional(faults: &mut Faults, reason: Option<&str>) -> Option<Option<Reason>> {
    faults.take("reason", Reason::parse_optional(reason))
}
