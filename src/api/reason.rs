//! Why something is done, as inputs say it in their field `reason`.

use crate::domain::text::Reason;
use crate::error::Faults;

/// Reads a reason that must be given.
pub fn read(faults: &mut Faults, reason: &str) -> Option<Reason> {
    faults.take("reason", Reason::parse(reason))
}

/// Reads a reason that may be left out.
pub fn read_optional(faults: &mut Faults, reason: Option<&str>) -> Option<Option<Reason>> {
    faults.take("reason", Reason::parse_optional(reason))
}
