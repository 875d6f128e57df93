//! Tables as they are written, some rows at a time: comma-separated values, or a workbook (XLSX) with one sheet. What was
//! written can be taken out at any time, so that a long table is never in memory as a whole.
//!
//! The workbook is written here and not by a library: those put the parts of an archive together at the end, out of memory or
//! of a file beside. A sheet of texts needs five parts, of which the last grows.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use zip::ZipWriter;
use zip::write::{SimpleFileOptions, StreamWriter};

use crate::domain::export::Format;
use crate::domain::text::formula_safe;

/// The most rows of a sheet; its heads are one.
const ROWS_MOST: u32 = 1_048_576;
/// The most units of UTF-16 of a cell of a sheet.
const CELL_MOST: usize = 32_767;

/// The parts of a workbook before its sheet.
const PARTS: [(&str, &str); 4] = [
    (
        "[Content_Types].xml",
        concat!(
            r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>"#,
            r#"<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">"#,
            r#"<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>"#,
            r#"<Override PartName="/xl/workbook.xml" ContentType="#,
            r#""application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>"#,
            r#"<Override PartName="/xl/worksheets/sheet1.xml" ContentType="#,
            r#""application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>"#,
        ),
    ),
    (
        "_rels/.rels",
        concat!(
            r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>"#,
            r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">"#,
            r#"<Relationship Id="rId1" Target="xl/workbook.xml" Type="#,
            r#""http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"/></Relationships>"#,
        ),
    ),
    (
        "xl/workbook.xml",
        concat!(
            r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>"#,
            r#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" "#,
            r#"xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">"#,
            r#"<sheets><sheet name="Rumbo" sheetId="1" r:id="rId1"/></sheets></workbook>"#,
        ),
    ),
    (
        "xl/_rels/workbook.xml.rels",
        concat!(
            r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>"#,
            r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">"#,
            r#"<Relationship Id="rId1" Target="worksheets/sheet1.xml" Type="#,
            r#""http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet"/></Relationships>"#,
        ),
    ),
];
const SHEET: &str = "xl/worksheets/sheet1.xml";
const SHEET_BEGINS: &str = concat!(
    r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>"#,
    r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>"#,
);
const SHEET_ENDS: &str = "</sheetData></worksheet>";

/// A table that is being written. Every cell is a text; what a spreadsheet would take for a formula in it, however it
/// divides the line, has an apostrophe before it, in a workbook too, since it may be saved as another table.
pub struct Table(Form);

enum Form {
    Csv(Vec<u8>),
    Xlsx(Box<Book>),
}

struct Book {
    archive: ZipWriter<StreamWriter<Pile>>,
    written: Pile,
    rows: u32,
}

/// What was written and not yet taken.
#[derive(Clone, Default)]
struct Pile(Arc<Mutex<Vec<u8>>>);

impl Pile {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Pile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut pile = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pile.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Table {
    /// A table with these heads.
    ///
    /// # Errors
    /// When it cannot be written, as with all of these.
    pub fn begin(format: Format, heads: Vec<String>) -> io::Result<Self> {
        let mut table = Self(match format {
            Format::Csv => Form::Csv(Vec::new()),
            Format::Xlsx => Form::Xlsx(Box::new(Book::begin()?)),
        });
        table.add(&[heads])?;
        Ok(table)
    }

    /// Adds rows, each with a cell for every head.
    ///
    /// # Errors
    /// When there are more than a sheet holds.
    pub fn add(&mut self, rows: &[Vec<String>]) -> io::Result<()> {
        match &mut self.0 {
            Form::Csv(written) => {
                let mut writer = csv::WriterBuilder::new()
                    .terminator(csv::Terminator::CRLF)
                    .from_writer(written);
                for row in rows {
                    writer.write_record(row.iter().map(|cell| formula_safe(cell).into_owned()))?;
                }
                writer.flush()
            }
            Form::Xlsx(book) => book.add(rows),
        }
    }

    /// Takes what was written since it was last asked; there may be nothing yet.
    pub fn take(&mut self) -> Vec<u8> {
        match &mut self.0 {
            Form::Csv(written) => std::mem::take(written),
            Form::Xlsx(book) => book.written.take(),
        }
    }

    /// Ends it, and takes the rest.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self) -> io::Result<Vec<u8>> {
        match self.0 {
            Form::Csv(written) => Ok(written),
            Form::Xlsx(book) => book.finish(),
        }
    }
}

impl Book {
    fn begin() -> io::Result<Self> {
        let written = Pile::default();
        let mut archive = ZipWriter::new_stream(written.clone());
        for (name, text) in PARTS {
            archive.start_file(name, SimpleFileOptions::default())?;
            archive.write_all(text.as_bytes())?;
        }
        archive.start_file(SHEET, SimpleFileOptions::default())?;
        archive.write_all(SHEET_BEGINS.as_bytes())?;
        Ok(Self {
            archive,
            written,
            rows: 0,
        })
    }

    fn add(&mut self, rows: &[Vec<String>]) -> io::Result<()> {
        let mut xml = Vec::new();
        for row in rows {
            if self.rows == ROWS_MOST {
                return Err(io::Error::other(format!("a sheet holds {ROWS_MOST} rows")));
            }
            self.rows += 1;
            write_row(&mut xml, self.rows, row)?;
        }
        self.archive.write_all(&xml)
    }

    fn finish(mut self) -> io::Result<Vec<u8>> {
        self.archive.write_all(SHEET_ENDS.as_bytes())?;
        self.archive.finish()?;
        Ok(self.written.take())
    }
}

fn write_row(xml: &mut Vec<u8>, number: u32, row: &[String]) -> io::Result<()> {
    write!(xml, "<row r=\"{number}\">")?;
    for (place, cell) in row.iter().enumerate().filter(|(_, cell)| !cell.is_empty()) {
        let letters = letters(place);
        let text = escaped(&fitting(&formula_safe(cell)));
        write!(
            xml,
            "<c r=\"{letters}{number}\" t=\"inlineStr\"><is><t xml:space=\"preserve\">{text}</t></is></c>"
        )?;
    }
    xml.write_all(b"</row>")
}

/// The name of a column by its place: A to Z, then AA.
fn letters(place: usize) -> String {
    let mut rest = place + 1;
    let mut letters = Vec::new();
    while rest > 0 {
        rest -= 1;
        let letter = u8::try_from(rest % 26).unwrap_or_default();
        letters.push(char::from(b'A' + letter));
        rest /= 26;
    }
    letters.iter().rev().collect()
}

/// The text as far as a cell holds it; that something is missing shows.
fn fitting(text: &str) -> Cow<'_, str> {
    if text.len() <= CELL_MOST || text.encode_utf16().count() <= CELL_MOST {
        return text.into();
    }
    let mut units = 0;
    let mut cut: String = text
        .chars()
        .take_while(|letter| {
            units += letter.len_utf16();
            units < CELL_MOST
        })
        .collect();
    cut.push('…');
    cut.into()
}

/// The text in XML. What XML cannot hold becomes the sign for that, and what a spreadsheet would read as the code of a letter
/// stays what it is.
fn escaped(text: &str) -> String {
    let mut xml = String::with_capacity(text.len());
    for (at, letter) in text.char_indices() {
        let written = match letter {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            '\r' => "&#13;",
            '_' if is_code(&text.as_bytes()[at..]) => "_x005F_",
            letter if is_unfit(letter) => "\u{fffd}",
            letter => {
                xml.push(letter);
                continue;
            }
        };
        xml.push_str(written);
    }
    xml
}

/// Whether it begins like `_x000D_`.
fn is_code(bytes: &[u8]) -> bool {
    matches!(bytes, [b'_', b'x', digits @ .., _] if digits.len() >= 4)
        && bytes[2..6].iter().all(u8::is_ascii_hexdigit)
        && bytes[6] == b'_'
}

fn is_unfit(letter: char) -> bool {
    matches!(letter, '\u{fffe}' | '\u{ffff}') || letter.is_control() && !matches!(letter, '\t' | '\n')
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};

    use proptest::prelude::*;
    use zip::ZipArchive;

    use super::*;
    use crate::document::workbook;
    use crate::domain::text::formula_plain;

    /// What a table of these rows is, taken piece by piece.
    fn written(format: Format, heads: &[&str], rows: &[Vec<String>]) -> Vec<u8> {
        let heads = heads.iter().map(|head| (*head).to_owned()).collect();
        let mut table = Table::begin(format, heads).expect("memory");
        let mut bytes = table.take();
        for row in rows {
            table.add(std::slice::from_ref(row)).expect("memory");
            bytes.extend(table.take());
        }
        bytes.extend(table.finish().expect("memory"));
        bytes
    }

    fn payloads() -> Vec<String> {
        let starts = ["=", "+", "-", "@", "＝", "＋", "－", "＠", "'=", "''@"];
        let ends = [
            "1+1",
            "cmd|' /C calc'!A0",
            "SUM(A1:A9)",
            "HYPERLINK(\"http://x\")",
            "2+5+cmd",
            "\"",
            ",",
            ";x",
            "<b>",
            "&amp;",
            "1E9",
            "0123",
            "TRUE",
            "#REF!",
            "ñ",
            "😀",
            "' OR 1",
            "=",
            "-1",
            "@x",
        ];
        let all = starts
            .iter()
            .flat_map(|start| ends.iter().map(move |end| format!("{start}{end}")));
        all.collect()
    }

    #[test]
    fn what_looks_like_a_formula_stays_text_and_comes_back() {
        let payloads = payloads();
        assert_eq!(payloads.len(), 200);
        let rows: Vec<Vec<String>> = payloads.iter().map(|text| vec!["x".to_owned(), text.clone()]).collect();
        let book = written(Format::Xlsx, &["email", "firstname"], &rows);
        let sheet = workbook::read(&book).expect("a table");
        let back: Vec<Cow<'_, str>> = sheet.rows.iter().map(|row| formula_plain(&row.cells[1])).collect();
        assert_eq!(back, payloads);
        let mut archive = ZipArchive::new(Cursor::new(&book)).expect("an archive");
        let mut text = String::new();
        let mut part = archive.by_name(SHEET).expect("the sheet");
        part.read_to_string(&mut text).expect("text");
        assert!(!text.contains("<f>"), "{text:.300}");

        let list = written(Format::Csv, &["email", "firstname"], &rows);
        let mut reader = csv::Reader::from_reader(&list[..]);
        let cells = reader.records().map(|record| record.expect("a row")[1].to_owned());
        let cells: Vec<String> = cells.collect();
        for (cell, payload) in cells.iter().zip(&payloads) {
            assert!(cell.starts_with('\''), "{cell}");
            assert_eq!(formula_plain(cell), *payload);
        }
        assert_eq!(cells.len(), payloads.len());
    }

    proptest! {
        /// Who reads a list by other separators than its own finds no formula in it either, and who reads it as it is
        /// written finds what was written.
        #[test]
        fn no_separator_makes_a_formula(
            rows in proptest::collection::vec(proptest::collection::vec("[\"'=+;,a\\t\\r\\n -]{0,6}", 3), 1..4),
        ) {
            let list = written(Format::Csv, &["one", "two", "three"], &rows);
            for separator in [b';', b'\t', b','] {
                let mut reader = csv::ReaderBuilder::new()
                    .delimiter(separator)
                    .has_headers(false)
                    .flexible(true)
                    .from_reader(&list[..]);
                for record in reader.byte_records() {
                    let record = record.expect("a row");
                    let is_formula = |cell: &[u8]| cell.first().is_some_and(|byte| b"=+-@".contains(byte));
                    prop_assert!(!record.iter().any(is_formula), "{:?}", record);
                }
            }
            let mut reader = csv::Reader::from_reader(&list[..]);
            for (record, row) in reader.records().zip(&rows) {
                let record = record.expect("a row");
                let texts: Vec<Cow<'_, str>> = record.iter().map(formula_plain).collect();
                prop_assert_eq!(&texts, row);
            }
        }
    }

    #[test]
    fn lines_end_as_rfc_4180_has_it() {
        let rows = [vec!["a,b".to_owned(), "c\"d".to_owned()]];
        let list = written(Format::Csv, &["one", "two"], &rows);
        assert_eq!(
            String::from_utf8(list).expect("UTF-8"),
            "one,two\r\n\"a,b\",\"c\"\"d\"\r\n"
        );
    }

    #[test]
    fn cells_hold_whatever_text_there_is() {
        assert_eq!(escaped("a & <b> \t\n\r"), "a &amp; &lt;b&gt; \t\n&#13;");
        assert_eq!(escaped("a\u{0}b\u{ffff}"), "a\u{fffd}b\u{fffd}");
        assert_eq!(escaped("_x000D_ _x00_ _x_ _"), "_x005F_x000D_ _x00_ _x_ _");
        assert_eq!(escaped("_xñ00D_"), "_xñ00D_");
        let long = "😀".repeat(20_000);
        assert_eq!(fitting(&long).encode_utf16().count(), CELL_MOST);
        assert_eq!(fitting(&"a".repeat(CELL_MOST)), "a".repeat(CELL_MOST));
    }

    #[test]
    fn columns_have_letters() {
        for (place, name) in [
            (0, "A"),
            (25, "Z"),
            (26, "AA"),
            (51, "AZ"),
            (52, "BA"),
            (701, "ZZ"),
            (702, "AAA"),
        ] {
            assert_eq!(letters(place), name);
        }
    }

    #[test]
    fn a_long_table_leaves_as_it_is_written() {
        let mut table = Table::begin(Format::Xlsx, vec!["one".to_owned()]).expect("memory");
        let mut largest = 0;
        let mut whole = Vec::new();
        for number in 0..200_u32 {
            let rows: Vec<Vec<String>> = (0..100).map(|row| vec![(number * 100 + row).to_string()]).collect();
            table.add(&rows).expect("memory");
            let piece = table.take();
            largest = largest.max(piece.len());
            whole.extend(piece);
        }
        whole.extend(table.finish().expect("memory"));
        assert!(largest < whole.len() / 2, "{largest} of {}", whole.len());
        let sheet = workbook::read(&whole).expect("a table");
        assert_eq!(sheet.rows.len(), 20_000);
        assert_eq!(sheet.rows[19_999].cells, ["19999"]);
    }
}
