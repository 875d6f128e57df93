//! The keys of the files: each once, and every reference to one that is there.

use std::collections::HashMap;
use std::hash::Hash;

use chrono::NaiveDate;

use super::Files;
use super::finding::Findings;
use super::problem::{FileProblem, KeyProblem, Problem};
use super::rows::Keyed;
use super::table::{Shape, Table};

/// What is known of the keys of one file.
pub(super) struct Keys<K> {
    pub file: &'static str,
    /// Whether every key of the file could be read; otherwise an unknown one is not reported.
    pub whole: bool,
    /// The line of a key and, where the line has no fault, the position of its value.
    pub known: HashMap<K, (u64, Option<usize>)>,
}

impl<K: Eq + Hash> Keys<K> {
    /// The position behind a key, which is reported as unknown when it is absent.
    pub(super) fn find(&self, key: &K, shown: &str, at: At, findings: &mut Findings) -> Option<usize> {
        let found = self.known.get(key);
        if found.is_none() && self.whole {
            at.report(
                Problem::Key(KeyProblem::Unknown {
                    key: shown.to_owned(),
                    file: self.file,
                }),
                findings,
            );
        }
        found.and_then(|(_, place)| *place)
    }
}

/// A cell.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    pub file: &'static str,
    pub line: u64,
    pub column: &'static str,
}

impl At {
    pub(super) fn report(self, problem: Problem, findings: &mut Findings) {
        findings.cell(self.file, self.line, self.column, problem);
    }
}

/// The values of a file in order, each with its line and key.
pub(super) type Values<K, T> = Vec<(u64, K, T)>;

pub(super) struct Checker<'a> {
    pub files: &'a Files,
    pub findings: &'a mut Findings,
}

impl Checker<'_> {
    /// The rows of a file, and whether the key of each could be read.
    pub(super) fn rows<K, T>(
        &mut self,
        shape: &Shape,
        read: impl FnOnce(&Table, &mut Findings) -> Vec<Keyed<K, T>>,
    ) -> (bool, Vec<Keyed<K, T>>) {
        let Some(bytes) = self.files.get(shape.file) else {
            self.findings.file(shape.file, FileProblem::Missing);
            return (false, Vec::new());
        };
        let Some(table) = Table::read(*shape, bytes, self.findings) else {
            return (false, Vec::new());
        };
        let rows = read(&table, self.findings);
        (table.is_sound() && rows.len() == table.len(), rows)
    }

    /// The keys and the values of a file; a key that comes again is reported in `column`.
    pub(super) fn read<K: Eq + Hash + Clone, T>(
        &mut self,
        shape: &Shape,
        column: &str,
        read: impl FnOnce(&Table, &mut Findings) -> Vec<Keyed<K, T>>,
        show: impl Fn(&K) -> String,
    ) -> (Keys<K>, Values<K, T>) {
        let (whole, rows) = self.rows(shape, read);
        let mut keys = Keys {
            file: shape.file,
            whole,
            known: HashMap::new(),
        };
        let mut values = Vec::with_capacity(rows.len());
        for Keyed { line, key, value } in rows {
            if let Some((first, _)) = keys.known.get(&key) {
                self.findings.cell(
                    shape.file,
                    line,
                    column,
                    Problem::Key(KeyProblem::Twice {
                        key: show(&key),
                        line: *first,
                    }),
                );
                continue;
            }
            keys.known
                .insert(key.clone(), (line, value.is_some().then_some(values.len())));
            values.extend(value.map(|value| (line, key, value)));
        }
        (keys, values)
    }

    pub(super) fn not_before(&mut self, at: At, value: NaiveDate, what: &'static str, limit: NaiveDate) {
        if value < limit {
            at.report(Problem::Before { value, what, limit }, self.findings);
        }
    }

    pub(super) fn not_after(&mut self, at: At, value: NaiveDate, what: &'static str, limit: NaiveDate) {
        if value > limit {
            at.report(Problem::After { value, what, limit }, self.findings);
        }
    }
}
