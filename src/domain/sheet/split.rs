//! Text as lines of cells (RFC 4180), whatever parts them.

use super::{COLUMNS_MOST, Line, Unreadable, flaw};
use crate::error::{Code, Flaw};

/// What stands between two cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delimiter {
    /// A comma.
    Comma,
    /// A semicolon, as spreadsheets write where the comma is in numbers.
    Semicolon,
    /// A tab.
    Tab,
}

impl Delimiter {
    const ALL: [Self; 3] = [Self::Comma, Self::Semicolon, Self::Tab];

    /// The sign.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
        }
    }

    /// What people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Comma => "comma",
            Self::Semicolon => "semicolon",
            Self::Tab => "tab",
        }
    }
}

/// The records of a text, one after the other as they are asked for. Their delimiter is the one that parts most cells
/// of the first line, or the one that the line `sep=;` before it names, as some spreadsheets write it.
pub(super) fn split(text: &str) -> (Delimiter, impl Iterator<Item = Result<Line, Unreadable>>) {
    let mut lines = text.split(['\r', '\n']);
    let first = lines.find(|line| !line.trim().is_empty()).unwrap_or_default();
    let named = first.strip_prefix("sep=").map(str::as_bytes);
    let named = named.and_then(|sign| Delimiter::ALL.into_iter().find(|one| sign == [one.byte()]));
    let delimiter = named.unwrap_or_else(|| most_in(first));
    let mut lines = Splitter::new(text, delimiter);
    if named.is_some() {
        // The line that names it, and the blank ones before, are no records; what looks like it further down is one.
        lines.find(|line| line.as_ref().is_ok_and(|(_, cells)| is_sep(cells)));
    }
    (delimiter, lines)
}

fn is_sep(cells: &Result<Vec<String>, Flaw>) -> bool {
    cells.as_ref().is_ok_and(|cells| cells[0] == "sep=")
}

/// The delimiter that stands most often in a line outside quotes; the comma where none does.
fn most_in(line: &str) -> Delimiter {
    let count = |delimiter: Delimiter| {
        let mut quoted = false;
        line.bytes()
            .filter(|&byte| {
                quoted ^= byte == b'"';
                !quoted && byte == delimiter.byte()
            })
            .count()
    };
    let mut best = Delimiter::Comma;
    for other in Delimiter::ALL {
        if count(other) > count(best) {
            best = other;
        }
    }
    best
}

/// Goes through a text once. All signs that matter are ASCII, so it may be cut at each of them.
struct Splitter<'a> {
    text: &'a str,
    at: usize,
    line: u64,
    delimiter: u8,
}

impl<'a> Splitter<'a> {
    const fn new(text: &'a str, delimiter: Delimiter) -> Self {
        Self {
            text,
            at: 0,
            line: 1,
            delimiter: delimiter.byte(),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The cells up to the end of the record, and past it. Blank ones beyond the last column that there may be are left
    /// out, and others are what is wrong with the record: millions of them would take more memory than the file.
    fn record(&mut self) -> Result<Result<Vec<String>, Flaw>, Unreadable> {
        let mut cells = Vec::new();
        let mut wrong = None;
        loop {
            let cell = if self.peek() == Some(b'"') {
                let cell = self.quoted()?;
                if !self.plain().trim().is_empty() {
                    wrong = Some(flaw(Code::Malformed, "\""));
                }
                cell
            } else {
                self.plain().to_owned()
            };
            if cells.len() < COLUMNS_MOST {
                cells.push(cell);
            } else if !cell.trim().is_empty() {
                wrong = Some(flaw(Code::TooManyColumns, COLUMNS_MOST.to_string()));
            }
            if self.peek() == Some(self.delimiter) {
                self.at += 1;
                continue;
            }
            self.end_line();
            return Ok(wrong.map_or(Ok(cells), Err));
        }
    }

    /// What stands before the next delimiter or the end of the line.
    fn plain(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let ends = |byte: u8| byte == self.delimiter || byte == b'\r' || byte == b'\n';
        let length = rest.bytes().position(ends).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    /// The text between two quotes; two together stand for one.
    fn quoted(&mut self) -> Result<String, Unreadable> {
        let begun = self.line;
        let mut cell = String::new();
        self.at += 1;
        loop {
            let rest = &self.text[self.at..];
            let Some(length) = rest.bytes().position(|byte| byte == b'"') else {
                return Err(Unreadable::at(begun, Code::OpenQuote, ""));
            };
            let part = &rest[..length];
            let ends = part.bytes().enumerate();
            let breaks = ends.filter(|&(place, byte)| {
                byte == b'\n' || (byte == b'\r' && part.as_bytes().get(place + 1) != Some(&b'\n'))
            });
            self.line += breaks.count() as u64;
            cell.push_str(part);
            self.at += length + 1;
            if self.peek() != Some(b'"') {
                return Ok(cell);
            }
            cell.push('"');
            self.at += 1;
        }
    }

    fn end_line(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += match rest {
            [b'\r', b'\n', ..] => 2,
            [_, ..] => 1,
            [] => return,
        };
        self.line += 1;
    }
}

impl Iterator for Splitter<'_> {
    type Item = Result<Line, Unreadable>;

    /// The next record; after an open quote there is none.
    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.text.len() {
            return None;
        }
        let begun = self.line;
        let record = self.record();
        if record.is_err() {
            self.at = self.text.len();
        }
        Some(record.map(|cells| (begun, cells)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Result<Vec<Line>, Unreadable> {
        split(text).1.collect()
    }

    #[test]
    fn the_delimiter_is_the_one_of_the_first_line() {
        for (text, delimiter) in [
            ("a,b;c,d\n", Delimiter::Comma),
            ("a;b;c,d\n", Delimiter::Semicolon),
            ("a\tb\n", Delimiter::Tab),
            ("\n\na;b\n", Delimiter::Semicolon),
            ("\"a;b;c\",d\n", Delimiter::Comma),
            ("email\n", Delimiter::Comma),
            ("sep=;\na,b\n", Delimiter::Semicolon),
            ("a;b\rc,d,e,f\r", Delimiter::Semicolon),
            ("sep=;\ra,b\r", Delimiter::Semicolon),
        ] {
            assert_eq!(split(text).0, delimiter, "{text:?}");
        }
        let record = |line, cells: [&str; 2]| (line, Ok(cells.map(ToOwned::to_owned).to_vec()));
        let found = lines("sep=\t\na\tb\n").expect("lines");
        assert_eq!(found, [record(2, ["a", "b"])]);
        let found = lines("\nsep=;\na;b\nsep=;\n").expect("lines");
        assert_eq!(found, [record(3, ["a", "b"]), record(4, ["sep=", ""])]);
    }

    #[test]
    fn a_quote_that_stays_open_is_told_where_it_opens() {
        let fault = lines("a,b\n1,2\n3,\"4\n5,6\n").expect_err("an open quote");
        assert_eq!((fault.line, fault.flaw.code), (Some(3), Code::OpenQuote));
        let lines = lines("a,b\n\"x\"y,2\nx\"y,\"3\" \n").expect("lines");
        assert_eq!(lines[1], (2, Err(flaw(Code::Malformed, "\""))));
        assert_eq!(lines[2], (3, Ok(vec!["x\"y".to_owned(), "3".to_owned()])));
    }

    #[test]
    fn no_record_has_more_cells_than_a_table_has_columns() {
        let blank = ",".repeat(3 * COLUMNS_MOST);
        let many = format!("{}x", ",".repeat(COLUMNS_MOST));
        let found = lines(&format!("a,b{blank}\n{many}\n1,2\n")).expect("lines");
        assert_eq!(found[0].1.as_ref().map(Vec::len), Ok(COLUMNS_MOST));
        assert_eq!(found[1], (2, Err(flaw(Code::TooManyColumns, "100"))));
        assert_eq!(found[2], (3, Ok(vec!["1".to_owned(), "2".to_owned()])));
    }
}
