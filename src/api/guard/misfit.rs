//! A value that is not of the type of its place.

use async_graphql::parser::types::Type;

/// The longest name of a client's own that is told.
const SHOWN: usize = 40;

/// Where a value is not of its type: the steps, innermost first; and what should stand there.
pub(super) struct Misfit {
    steps: Vec<String>,
    expected: String,
}

impl Misfit {
    /// Of a value that should be of this type.
    pub(super) fn of(ty: &Type) -> Self {
        Self {
            steps: Vec::new(),
            expected: ty.to_string(),
        }
    }

    /// The same, seen from one step above; a name that the client made up is shown, but not at length.
    pub(super) fn below(mut self, step: &str) -> Self {
        self.steps.push(step.chars().take(SHOWN).collect());
        self
    }

    /// The path from the top, and what should stand there.
    pub(super) fn told(mut self) -> (Vec<String>, String) {
        self.steps.reverse();
        (self.steps, self.expected)
    }
}
