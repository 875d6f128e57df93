//! One file as a table: its bytes decoded, its columns found, its cells read one by one.

use csv::StringRecord;

use super::finding::{Finding, Findings};
use super::problem::{FileProblem, Problem};

/// A file of the format and its columns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// The name of the file.
    pub file: &'static str,
    /// Every column; all must be there, in any order.
    pub columns: &'static [&'static str],
}

/// The records of a file whose first line was right.
pub(super) struct Table {
    shape: Shape,
    /// For each column of the shape, its position in a record.
    places: Vec<usize>,
    width: usize,
    records: Vec<(u64, StringRecord)>,
}

impl Table {
    /// Decodes and splits a file; `None`, with findings, when that or its first line fails.
    pub(super) fn read(shape: Shape, bytes: &[u8], findings: &mut Findings) -> Option<Self> {
        let text = decode(bytes).map_err(|(line, problem)| {
            findings.push(Finding {
                file: shape.file.to_owned(),
                line,
                column: None,
                problem: Problem::File(problem),
            });
        });
        let text = text.ok()?;
        let mut records = split(text).into_iter();
        let Some((line, header)) = records.next() else {
            findings.file(shape.file, FileProblem::NoHeader(shape.columns.join(",")));
            return None;
        };
        let places = shape.places(line, &header, findings)?;
        Some(Self {
            shape,
            places,
            width: header.len(),
            records: records.collect(),
        })
    }

    /// How many records there are below the first line.
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether the records look like the lines that were meant: a quote that is never closed swallows lines,
    /// and what they say is not to be called missing.
    pub(super) fn is_sound(&self) -> bool {
        let is_line =
            |record: &StringRecord| record.len() == self.width && !record.iter().any(|cell| cell.contains('\n'));
        self.records.iter().all(|(_, record)| is_line(record))
    }

    /// Reads every record with `read`, which answers `None` for one that it reported.
    pub(super) fn rows<T>(&self, findings: &mut Findings, mut read: impl FnMut(&mut Row<'_>) -> Option<T>) -> Vec<T> {
        let mut rows = Vec::with_capacity(self.records.len());
        for (line, record) in &self.records {
            if record.len() != self.width {
                let problem = FileProblem::FieldCount {
                    found: record.len(),
                    wanted: self.width,
                };
                findings.push(Finding {
                    file: self.shape.file.to_owned(),
                    line: Some(*line),
                    column: None,
                    problem: Problem::File(problem),
                });
            }
            let mut row = Row {
                table: self,
                line: *line,
                record,
                findings,
            };
            rows.extend(read(&mut row));
        }
        rows
    }
}

impl Shape {
    /// Where each column stands in the first line; `None`, with findings, unless each is there once.
    fn places(self, line: u64, header: &StringRecord, findings: &mut Findings) -> Option<Vec<usize>> {
        let known = findings.total();
        let wanted = || self.columns.join(",");
        let mut report = |column: &str, problem| findings.cell(self.file, line, column, Problem::File(problem));
        let named: Vec<&str> = header.iter().map(str::trim).collect();
        for (place, name) in named.iter().enumerate() {
            if !self.columns.contains(name) {
                report(name, FileProblem::ColumnUnknown(wanted()));
            } else if named[..place].contains(name) {
                report(name, FileProblem::ColumnTwice);
            }
        }
        let mut places = Vec::with_capacity(self.columns.len());
        for column in self.columns {
            match named.iter().position(|name| name == column) {
                Some(place) => places.push(place),
                None => report(column, FileProblem::ColumnMissing(wanted())),
            }
        }
        (findings.total() == known).then_some(places)
    }
}

/// One record while it is read.
pub(super) struct Row<'a> {
    table: &'a Table,
    /// The line where it begins.
    pub line: u64,
    record: &'a StringRecord,
    findings: &'a mut Findings,
}

impl Row<'_> {
    /// The trimmed text of a cell; empty when the record is too short.
    fn text(&self, column: &str) -> &str {
        let place = self.table.shape.columns.iter().position(|name| *name == column);
        place
            .and_then(|place| self.record.get(self.table.places[place]))
            .unwrap_or_default()
            .trim()
    }

    /// Whether the cells can be trusted to stand under their columns.
    fn is_whole(&self) -> bool {
        self.record.len() == self.table.width
    }

    /// Reports a cell; in a record with a wrong number of fields only that number is reported.
    pub(super) fn report(&mut self, column: &str, problem: Problem) {
        if self.is_whole() {
            self.findings.cell(self.table.shape.file, self.line, column, problem);
        }
    }

    /// The value of a cell that must not be blank; `None` when it was reported.
    pub(super) fn required<T>(&mut self, column: &str, parse: impl FnOnce(&str) -> Result<T, Problem>) -> Option<T> {
        let text = self.text(column);
        let parsed = if text.is_empty() {
            Err(Problem::Blank)
        } else {
            parse(text)
        };
        parsed.map_err(|problem| self.report(column, problem)).ok()
    }

    /// The value of a cell that may be blank; the outer `None` when it was reported.
    #[allow(
        clippy::option_option,
        reason = "the outer one is about the report, the inner one about the blank"
    )]
    pub(super) fn optional<T>(
        &mut self,
        column: &str,
        parse: impl FnOnce(&str) -> Result<T, Problem>,
    ) -> Option<Option<T>> {
        if self.text(column).is_empty() {
            Some(None)
        } else {
            self.required(column, parse).map(Some)
        }
    }
}

/// The text of a file with or without a byte order mark, or the line and what is wrong with it.
fn decode(bytes: &[u8]) -> Result<&str, (Option<u64>, FileProblem)> {
    let start = &bytes[..bytes.len().min(200)];
    let zeros = start.split(|&byte| byte == 0).count() - 1;
    let marked = bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]);
    if marked || (zeros > 0 && zeros * 4 >= start.len()) {
        return Err((None, FileProblem::Utf16));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.strip_prefix('\u{FEFF}').unwrap_or(text)),
        Err(error) => {
            let offset = error.valid_up_to();
            let line = line_starts(&bytes[..offset]).len() as u64;
            Err((
                Some(line),
                FileProblem::NotUtf8 {
                    offset,
                    byte: bytes[offset],
                },
            ))
        }
    }
}

/// The records of a text with the line where each begins; empty lines are none.
fn split(text: &str) -> Vec<(u64, StringRecord)> {
    let starts = line_starts(text.as_bytes());
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut records = Vec::new();
    let mut record = StringRecord::new();
    // Reading valid UTF-8 from memory with any number of fields has no way to fail.
    while reader.read_record(&mut record).unwrap_or(false) {
        let begin = record
            .position()
            .map_or(0, |position| usize::try_from(position.byte()).unwrap_or_default());
        // The reader counts the line breaks before a record to the record.
        let breaks = text.as_bytes()[begin..]
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .count();
        let line = starts.partition_point(|&start| start <= begin + breaks) as u64;
        records.push((line, record.clone()));
    }
    records
}

/// Where each line begins; lines end with LF, CR LF or CR.
fn line_starts(bytes: &[u8]) -> Vec<usize> {
    let ends = bytes
        .iter()
        .enumerate()
        .filter(|&(place, &byte)| byte == b'\n' || (byte == b'\r' && bytes.get(place + 1) != Some(&b'\n')));
    std::iter::once(0).chain(ends.map(|(place, _)| place + 1)).collect()
}
