//! Where in the files something is wrong.

use std::fmt;

use super::problem::{FileProblem, Problem, Shown};

/// How many findings are kept; the rest is only counted.
pub const FINDINGS_LIMIT: usize = 1000;

/// One thing that is wrong. As text it is one line: `people.csv:12: country: what; what would be right`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The name of the file.
    pub file: String,
    /// The line, from 1, where the record begins; `None` when it is about the whole file.
    pub line: Option<u64>,
    /// The column, by name; `None` when it is about the whole line.
    pub column: Option<String>,
    /// What is wrong.
    pub problem: Problem,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:", Shown(&self.file))?;
        if let Some(line) = self.line {
            write!(out, "{line}:")?;
        }
        if let Some(column) = &self.column {
            write!(out, " {}:", Shown(column))?;
        }
        write!(out, " {}", self.problem)
    }
}

/// The findings so far: the first [`FINDINGS_LIMIT`] of them, and how many there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    kept: Vec<Finding>,
    total: usize,
}

impl Findings {
    /// Adds one.
    pub fn push(&mut self, finding: Finding) {
        self.total += 1;
        if self.kept.len() < FINDINGS_LIMIT {
            self.kept.push(finding);
        }
    }

    /// Adds one about a whole file.
    pub(super) fn file(&mut self, file: &str, problem: FileProblem) {
        self.push(Finding {
            file: file.to_owned(),
            line: None,
            column: None,
            problem: Problem::File(problem),
        });
    }

    /// Adds one about a place in a line.
    pub fn cell(&mut self, file: &str, line: u64, column: &str, problem: Problem) {
        self.push(Finding {
            file: file.to_owned(),
            line: Some(line),
            column: Some(column.to_owned()),
            problem,
        });
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// How many there are, those that were not kept included.
    pub fn total(&self) -> usize {
        self.total
    }

    /// Those that were kept, ordered by file and line.
    pub fn sorted(mut self) -> Vec<Finding> {
        self.kept
            .sort_by(|one, two| (&one.file, one.line).cmp(&(&two.file, two.line)));
        self.kept
    }
}
