//! A file with a table in it, as text: what kind of file it is, its columns by name, its rows with their lines. What
//! the columns mean is [`super::roster`]'s; workbooks are opened by `document`.

use super::text::Line as Text;
use crate::error::{Code, Flaw};

mod encoding;
mod split;

pub use encoding::{Encoding, is_garbled};
pub use split::Delimiter;

/// The most bytes of a file.
pub const BYTES_MOST: usize = 16 * 1024 * 1024;
/// The most rows below the first line.
pub const ROWS_MOST: usize = 20_000;
/// The most columns.
pub const COLUMNS_MOST: usize = 100;
/// The most characters of a cell.
pub const CELL_MOST: usize = 2_000;

/// A table: the names of its columns, and its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// How it was written.
    pub form: Form,
    /// The cells of the first line, without space at their ends.
    pub columns: Vec<String>,
    /// The rows that are not blank.
    pub rows: Vec<Row>,
}

/// How a table was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Text, its cells parted by a sign.
    Text(Encoding, Delimiter),
    /// The first sheet of a workbook (XLSX).
    Workbook,
}

impl Form {
    /// What people call it.
    pub fn name(self) -> String {
        match self {
            Self::Text(encoding, delimiter) => format!("{}, {}", encoding.name(), delimiter.name()),
            Self::Workbook => "XLSX".to_owned(),
        }
    }
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The line where it begins, the first of the file being 1.
    pub line: u64,
    /// As many cells as there are columns, without space at their ends.
    pub cells: Vec<String>,
    /// What is wrong with the row as a whole; its cells say nothing then.
    pub flaw: Option<Flaw>,
}

/// Why a file cannot be read as a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The line that shows it, where there is one.
    pub line: Option<u64>,
    /// The column, where it is about one.
    pub column: Option<String>,
    /// What is wrong.
    pub flaw: Flaw,
}

impl Unreadable {
    /// About the whole file.
    pub fn file(code: Code, detail: impl Into<String>) -> Self {
        Self {
            line: None,
            column: None,
            flaw: flaw(code, detail),
        }
    }

    /// About a line.
    pub fn at(line: u64, code: Code, detail: impl Into<String>) -> Self {
        Self {
            line: Some(line),
            ..Self::file(code, detail)
        }
    }
}

/// What the first bytes of a file say it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Text.
    Text,
    /// A workbook: an archive.
    Workbook,
}

/// Files that are no table, by their first bytes.
const OTHERS: [(&[u8], &str); 8] = [
    (&[0xD0, 0xCF, 0x11, 0xE0], "XLS"),
    (b"%PDF", "PDF"),
    (&[0x1F, 0x8B], "gzip"),
    (b"\x89PNG", "PNG"),
    (b"{\\rtf", "RTF"),
    (b"<!", "HTML"),
    (b"<html", "HTML"),
    (b"<?xml", "XML"),
];

/// Looks at the content of a file, whatever it is called.
///
/// # Errors
/// [`Code::Unreadable`] for what is no table, [`Code::TooLong`] for more than [`BYTES_MOST`] bytes,
/// [`Code::NoColumns`] for an empty file.
pub fn sniff(bytes: &[u8]) -> Result<Content, Unreadable> {
    if bytes.len() > BYTES_MOST {
        return Err(Unreadable::file(Code::TooLong, format!("{BYTES_MOST} bytes")));
    }
    if bytes.is_empty() {
        return Err(Unreadable::file(Code::NoColumns, ""));
    }
    if bytes.starts_with(b"PK\x03\x04") {
        return Ok(Content::Workbook);
    }
    let start = bytes[..bytes.len().min(16)].to_ascii_lowercase();
    let known = |(magic, _): &&(&[u8], &str)| bytes.starts_with(magic) || start.starts_with(magic);
    match OTHERS.iter().find(known) {
        Some((_, name)) => Err(Unreadable::file(Code::Unreadable, *name)),
        None => Ok(Content::Text),
    }
}

/// Reads a table that is written as text: UTF-8 with or without a byte order mark, or UTF-16 with one; its cells parted
/// by commas, semicolons or tabs; quoted as RFC 4180 says.
///
/// # Errors
/// [`Code::WrongEncoding`] for other bytes, by line and byte; [`Code::OpenQuote`] for a
/// quote that is never closed; those of [`of_cells`].
pub fn of_text(bytes: &[u8]) -> Result<Sheet, Unreadable> {
    let (encoding, text) = encoding::decode(bytes)?;
    let (delimiter, lines) = split::split(&text);
    of_cells(Form::Text(encoding, delimiter), lines)
}

/// A line where a record begins, and its cells or what is wrong with it.
pub type Line = (u64, Result<Vec<String>, Flaw>);

/// A table of cells: the first line that is not blank names the columns.
///
/// # Errors
/// [`Code::NoColumns`] without such a line; [`Code::ForbiddenCharacter`] and [`Code::TooLong`] for the name of a column
/// that cannot be shown to whom it is told, nor stored; [`Code::TooManyRows`] and [`Code::TooManyColumns`] for more than there may
/// be; what the lines themselves say. Nothing is read past the last row that there may be.
pub fn of_cells(form: Form, lines: impl IntoIterator<Item = Result<Line, Unreadable>>) -> Result<Sheet, Unreadable> {
    let mut lines = lines.into_iter().filter(|line| !is_blank(line));
    let Some((line, first)) = lines.next().transpose()? else {
        return Err(Unreadable::file(Code::NoColumns, ""));
    };
    let mut columns = first.map_err(|flaw| Unreadable {
        line: Some(line),
        column: None,
        flaw,
    })?;
    for (place, name) in columns.iter_mut().enumerate() {
        *name = column_name(name).map_err(|flaw| Unreadable {
            line: Some(line),
            column: Some(format!("column {}", place + 1)),
            flaw,
        })?;
    }
    while columns.last().is_some_and(String::is_empty) {
        columns.pop();
    }
    if columns.len() > COLUMNS_MOST {
        let most = COLUMNS_MOST.to_string();
        return Err(Unreadable::at(line, Code::TooManyColumns, most));
    }
    let mut rows = Vec::new();
    for next in lines {
        let (line, cells) = next?;
        if rows.len() == ROWS_MOST {
            return Err(Unreadable::at(line, Code::TooManyRows, ROWS_MOST.to_string()));
        }
        rows.push(row(line, cells, columns.len()));
    }
    Ok(Sheet { form, columns, rows })
}

/// The name of a column, as it is told to people: of what shows, on one line, though spreadsheets break it; or blank.
fn column_name(cell: &str) -> Result<String, Flaw> {
    let words: Vec<&str> = cell.split_whitespace().collect();
    match Text::<CELL_MOST>::parse(&words.join(" ")) {
        Ok(name) => Ok(name.to_string()),
        Err(flaw) if flaw.code == Code::Required => Ok(String::new()),
        Err(flaw) => Err(flaw),
    }
}

fn is_blank(line: &Result<Line, Unreadable>) -> bool {
    let cells = line.as_ref().ok().and_then(|(_, cells)| cells.as_ref().ok());
    cells.is_some_and(|cells| cells.iter().all(|cell| cell.trim().is_empty()))
}

/// A row of `width` cells, or what is wrong with it.
fn row(line: u64, cells: Result<Vec<String>, Flaw>, width: usize) -> Row {
    let wrong = |flaw| Row {
        line,
        cells: Vec::new(),
        flaw: Some(flaw),
    };
    let mut cells = match cells {
        Ok(cells) => cells,
        Err(flaw) => return wrong(flaw),
    };
    while cells.len() > width && cells.last().is_some_and(|cell| cell.trim().is_empty()) {
        cells.pop();
    }
    if cells.len() != width {
        return wrong(flaw(Code::WrongWidth, format!("{} / {width}", cells.len())));
    }
    for cell in &mut cells {
        if cell.len() > CELL_MOST && cell.chars().count() > CELL_MOST {
            return wrong(flaw(Code::TooLong, CELL_MOST.to_string()));
        }
        let trimmed = trim(cell);
        if trimmed.len() != cell.len() {
            *cell = trimmed.to_owned();
        }
    }
    Row {
        line,
        cells,
        flaw: None,
    }
}

/// A cell without space at its ends. What is a space and the second half of a letter that was read wrongly stays, so
/// that it is seen: `à` becomes `Ã` and a no-break space.
fn trim(cell: &str) -> &str {
    let start = cell.trim_start();
    let text = start.trim_end();
    let rest = &start[text.len()..];
    match rest.chars().next() {
        Some(half @ ('\u{85}' | '\u{A0}')) if text.ends_with(['Â', 'Ã']) => &start[..text.len() + half.len_utf8()],
        Some(_) | None => text,
    }
}

fn flaw(code: Code, detail: impl Into<String>) -> Flaw {
    Flaw {
        code,
        detail: Some(detail.into()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cells(sheet: &Sheet) -> Vec<Vec<&str>> {
        let rows = sheet.rows.iter();
        rows.map(|row| row.cells.iter().map(String::as_str).collect()).collect()
    }

    #[test]
    fn lines_are_counted_through_quotes_blanks_and_every_line_end() {
        let text = "a,b\r\n1,\"x\ny\"\r\n\r\n,\n2,\"z \"\"q\"\"\"\r3,w";
        let sheet = of_text(text.as_bytes()).expect("a table");
        assert_eq!(cells(&sheet), [["1", "x\ny"], ["2", "z \"q\""], ["3", "w"]]);
        assert_eq!(sheet.rows.iter().map(|row| row.line).collect::<Vec<_>>(), [2, 6, 7]);
        assert_eq!(sheet.form, Form::Text(Encoding::Utf8, Delimiter::Comma));
    }

    #[test]
    fn a_row_of_another_width_and_a_cell_too_long_are_the_rows_fault() {
        let long = "x".repeat(CELL_MOST + 1);
        let text = format!("a,b\n1\n1,2,3\n1,2,,\n{long},2\n");
        let sheet = of_text(text.as_bytes()).expect("a table");
        let flaws: Vec<_> = sheet.rows.iter().map(|row| row.flaw.clone()).collect();
        let width = |found: &str| Some(flaw(Code::WrongWidth, found));
        assert_eq!(
            flaws,
            [width("1 / 2"), width("3 / 2"), None, Some(flaw(Code::TooLong, "2000"))]
        );
    }

    #[test]
    fn columns_have_names_that_can_be_shown() {
        let wide = "x".repeat(CELL_MOST + 1);
        for (name, code) in [
            ("na\0me", Code::ForbiddenCharacter),
            ("na\u{202E}me", Code::ForbiddenCharacter),
            ("na\u{200B}me", Code::ForbiddenCharacter),
            (wide.as_str(), Code::TooLong),
        ] {
            let refused = of_text(format!("\nemail,{name},city\na@example.org,1,2\n").as_bytes());
            let refused = refused.expect_err("a name that cannot be shown");
            let place = (refused.line, refused.column.as_deref(), refused.flaw.code);
            assert_eq!(place, (Some(2), Some("column 2"), code), "{name:?}");
        }
        let sheet = of_text(" e-mail ,\u{200B},\"Pai\u{301}s\n o no\",\u{FEFF}\n1,2,3,\n".as_bytes()).expect("a table");
        assert_eq!(sheet.columns, ["e-mail", "", "Pa\u{ED}s o no"]);
    }

    #[test]
    fn what_is_no_table_is_named() {
        for (bytes, code) in [
            (b"".as_slice(), Code::NoColumns),
            (b"%PDF-1.7", Code::Unreadable),
            (b"<HTML><body>", Code::Unreadable),
            (&[0xD0, 0xCF, 0x11, 0xE0, 0xA1], Code::Unreadable),
            (&[0x1F, 0x8B, 8], Code::Unreadable),
        ] {
            assert_eq!(sniff(bytes).map_err(|fault| fault.flaw.code), Err(code), "{bytes:?}");
        }
        assert_eq!(sniff(&vec![b'a'; BYTES_MOST]), Ok(Content::Text));
        let large = sniff(&vec![b'a'; BYTES_MOST + 1]);
        assert_eq!(large.map_err(|fault| fault.flaw.code), Err(Code::TooLong));
        assert_eq!(sniff(b"PK\x03\x04..."), Ok(Content::Workbook));
    }

    #[test]
    fn more_rows_or_columns_than_there_may_be_are_refused() {
        let most = format!("a\n{}", "1\n".repeat(ROWS_MOST));
        assert_eq!(of_text(most.as_bytes()).map(|sheet| sheet.rows.len()), Ok(ROWS_MOST));
        let refused = of_text(format!("{most}1\n").as_bytes()).expect_err("too many rows");
        assert_eq!((refused.line, refused.flaw.code), (Some(20_002), Code::TooManyRows));
        let wide = vec!["a"; COLUMNS_MOST + 1].join(",");
        let refused = of_text(wide.as_bytes()).expect_err("too many columns");
        assert_eq!(refused.flaw.code, Code::TooManyColumns);
        let endless = (1..).map(|line| Ok((line, Ok(vec!["1".to_owned()]))));
        let refused = of_cells(Form::Workbook, endless).expect_err("too many rows");
        assert_eq!(refused.line, Some(20_002), "no more is asked for");
        for nothing in ["\n \n", ",,\n", "\u{FEFF}"] {
            let refused = of_text(nothing.as_bytes()).expect_err("no first line");
            assert_eq!(refused.flaw.code, Code::NoColumns, "{nothing:?}");
        }
    }

    proptest! {
        /// Whatever cells a writer of RFC 4180 writes, in each encoding and with each sign between them, are read
        /// again.
        #[test]
        fn what_is_written_is_read_again(
            rows in proptest::collection::vec(proptest::collection::vec("[a-zñé😀\"',;\t\r\n =@+-]{0,12}", 3), 1..8),
            delimiter in proptest::sample::select(vec![b',', b';', b'\t']),
            encoding in proptest::sample::select(vec![Encoding::Utf8, Encoding::Utf8Marked, Encoding::Utf16Le, Encoding::Utf16Be]),
        ) {
            let mut writer = csv::WriterBuilder::new().delimiter(delimiter).quote_style(csv::QuoteStyle::Always).from_writer(Vec::new());
            writer.write_record(["one", "two", "three"]).expect("memory");
            for row in &rows {
                writer.write_record(row).expect("memory");
            }
            let text = String::from_utf8(writer.into_inner().expect("memory")).expect("text");
            let sheet = of_text(&encoding.encode(&text)).expect("a table");
            let wanted: Vec<Vec<String>> = rows
                .iter()
                .map(|row| row.iter().map(|cell| cell.trim().to_owned()).collect::<Vec<_>>())
                .filter(|row: &Vec<String>| row.iter().any(|cell| !cell.is_empty()))
                .collect();
            let read: Vec<Vec<String>> = sheet.rows.into_iter().map(|row| row.cells).collect();
            prop_assert_eq!(read, wanted);
            let Form::Text(found, sign) = sheet.form else { panic!("it is text") };
            prop_assert_eq!((found, sign.byte()), (encoding, delimiter));
        }

        /// Whatever the bytes, there is a table or a reason; nothing panics.
        #[test]
        fn any_bytes_are_a_table_or_named(bytes: Vec<u8>) {
            if let Ok(sheet) = of_text(&bytes) {
                let width = sheet.columns.len();
                prop_assert!(sheet.rows.iter().all(|row| row.flaw.is_some() || row.cells.len() == width));
            }
        }
    }
}
