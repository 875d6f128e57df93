//! How the work on a table ends: in which state, and whether it is tried again.

use super::ImportState;

/// Why the work on a table went no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Nobody wanted any more of it.
    Cancelled,
    /// Whoever brings it in may not any more.
    Forbidden,
    /// Something failed on our side.
    Failure,
}

impl Stop {
    /// Whether it is tried again: what nobody wants or may do goes no better another time.
    pub const fn is_our_fault(self) -> bool {
        matches!(self, Self::Failure)
    }
}

impl ImportState {
    /// The state of a table whose rows were gone through, or that went no further for a reason and is not tried again.
    pub const fn after(stop: Option<Stop>) -> Self {
        match stop {
            None => Self::Done,
            Some(Stop::Cancelled) => Self::Cancelled,
            Some(Stop::Forbidden | Stop::Failure) => Self::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_no_further_ends_by_the_reason() {
        for (stop, state, is_tried_again) in [
            (None, ImportState::Done, false),
            (Some(Stop::Cancelled), ImportState::Cancelled, false),
            (Some(Stop::Forbidden), ImportState::Failed, false),
            (Some(Stop::Failure), ImportState::Failed, true),
        ] {
            assert_eq!(ImportState::after(stop), state);
            assert_eq!(stop.is_some_and(Stop::is_our_fault), is_tried_again, "{stop:?}");
        }
    }
}
