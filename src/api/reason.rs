//! Why something is done, as inputs say it in their field `reason`.

use crate::domain::text::Reason;
use crate::error::{Faults, Result};

/// Reads a reason that must be given.
pub fn read(reason: &str) -> Result<Reason> {
    let mut faults = Faults::default();
    faults
        .take("reason", Reason::parse(reason))
        .ok_or_else(|| faults.into())
}

/// Reads a reason that may be left out.
pub fn read_optional(reason: Option<&str>) -> Result<Option<Reason>> {
    let mut faults = Faults::default();
    faults
        .take("reason", Reason::parse_optional(reason))
        .ok_or_else(|| faults.into())
}
