//! Workbooks (XLSX) as tables: their first sheet, read cell by cell. An archive is unpacked once without being kept, to
//! see that it stays within its bounds, before anything looks at what is in it. Its styles say nothing here and are left
//! out: the reader would copy the name of a font once for each of a million formats.

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};

use calamine::{DataRef, Reader, Xlsx};
use zip::{ZipArchive, ZipWriter};

use crate::domain::sheet::{CELL_MOST, COLUMNS_MOST, Form, ROWS_MOST, Sheet, Unreadable, of_cells};
use crate::error::Code;

/// The most parts of an archive.
const PARTS_MOST: usize = 1_000;
/// The most bytes of all parts together.
const UNPACKED_MOST: u64 = 64 * 1024 * 1024;
/// How many times as long as the archive all parts together may be, once they are longer than [`ALWAYS`].
const RATIO_MOST: u64 = 100;
/// So many bytes may be packed however tightly.
const ALWAYS: u64 = 4 * 1024 * 1024;
/// The most bytes of the text of all cells: one text may stand in many of them.
const TEXT_MOST: usize = 64 * 1024 * 1024;
/// The most texts: as many as a table may have cells.
const TEXTS_MOST: u64 = ((ROWS_MOST + 1) * COLUMNS_MOST) as u64;
/// The most bytes of the paths of all sheets. The reader keeps a path for each sheet, which all of them may name alike.
const PATHS_MOST: u64 = 256 * 1024 * 1024;

/// Reads the first sheet. What a formula last came to is its cell; a cell with an error in it is one that lost its
/// letters.
///
/// # Errors
/// [`Code::Unreadable`] for what is no workbook, or unpacks to too much; [`Code::TooManyRows`], [`Code::TooManyColumns`] and
/// [`Code::TooLong`] for too many rows, columns or letters; those of [`of_cells`].
pub fn read(bytes: &[u8]) -> Result<Sheet, Unreadable> {
    check_bounds(bytes)?;
    let broken = |_| Unreadable::file(Code::Unreadable, "XLSX");
    let plain = without_styles(bytes)?;
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(plain)).map_err(broken)?;
    let first = book.sheet_names().first().cloned();
    let first = first.ok_or_else(|| Unreadable::file(Code::Unreadable, "XLSX"))?;
    let mut reader = book.worksheet_cells_reader(&first).map_err(broken)?;
    let mut rows: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    let mut length = 0;
    while let Some(cell) = reader.next_cell().map_err(broken)? {
        let text = text_of(cell.get_value());
        if text.trim().is_empty() {
            continue;
        }
        let (row, column) = cell.get_position();
        let line = u64::from(row) + 1;
        let column = usize::try_from(column).unwrap_or(usize::MAX);
        if column >= COLUMNS_MOST {
            let most = COLUMNS_MOST.to_string();
            return Err(Unreadable::at(line, Code::TooManyColumns, most));
        }
        length += text.len();
        if length > TEXT_MOST {
            return Err(Unreadable::at(line, Code::TooLong, format!("{TEXT_MOST} bytes")));
        }
        let cells = rows.entry(row).or_default();
        if cells.len() <= column {
            cells.resize(column + 1, String::new());
        }
        cells[column] = text;
        if rows.len() > ROWS_MOST + 1 {
            return Err(Unreadable::at(line, Code::TooManyRows, ROWS_MOST.to_string()));
        }
    }
    let width = rows.values().next().map_or(0, Vec::len);
    let lines = rows.into_iter().map(|(row, mut cells)| {
        cells.resize(width.max(cells.len()), String::new());
        Ok((u64::from(row) + 1, Ok(cells)))
    });
    of_cells(Form::Workbook, lines)
}

/// Unpacks every part into nothing. What a part says of its own length is not believed.
fn check_bounds(bytes: &[u8]) -> Result<(), Unreadable> {
    let broken = || Unreadable::file(Code::Unreadable, "XLSX");
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| broken())?;
    if archive.len() > PARTS_MOST {
        return Err(Unreadable::file(Code::Unreadable, format!("XLSX > {PARTS_MOST}")));
    }
    let packed = bytes.len() as u64;
    let most = UNPACKED_MOST.min(ALWAYS.max(packed.saturating_mul(RATIO_MOST)));
    let (mut left, mut sheets, mut relations) = (most, 0_u64, 0_u64);
    for place in 0..archive.len() {
        let part = archive.by_index(place).map_err(|_| broken())?;
        let name = part.name_raw().to_ascii_lowercase();
        let mut counts = Counts::default();
        let length = std::io::copy(&mut part.take(left + 1), &mut counts).map_err(|_| broken())?;
        left = left
            .checked_sub(length)
            .ok_or_else(|| Unreadable::file(Code::Unreadable, format!("XLSX > {most} bytes")))?;
        let texts = counts.claimed.max(counts.texts.count);
        if name.ends_with(b"sharedstrings.xml") && texts > TEXTS_MOST.min(length / TEXT_LEAST) {
            return Err(Unreadable::file(Code::Unreadable, format!("XLSX > {length} bytes")));
        }
        if name.ends_with(b".rels") {
            relations = relations.max(length);
        }
        sheets += counts.sheets.count;
    }
    if sheets.saturating_mul(relations) > PATHS_MOST {
        return Err(Unreadable::file(Code::Unreadable, format!("XLSX > {PATHS_MOST} bytes")));
    }
    Ok(())
}

/// The same archive without its styles; nothing is unpacked. Dates are numbers with and without them.
fn without_styles(bytes: &[u8]) -> Result<Vec<u8>, Unreadable> {
    let broken = |_| Unreadable::file(Code::Unreadable, "XLSX");
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
    let mut plain = ZipWriter::new(Cursor::new(Vec::with_capacity(bytes.len())));
    for place in 0..archive.len() {
        let part = archive.by_index_raw(place).map_err(broken)?;
        if !part.name_raw().to_ascii_lowercase().ends_with(b"styles.xml") {
            plain.raw_copy_file(part).map_err(broken)?;
        }
    }
    Ok(plain.finish().map_err(broken)?.into_inner())
}

/// What the reader of workbooks takes for the number of texts, and makes room for, before it reads any.
const COUNT: &[u8] = b"uniqueCount";

/// The fewest bytes of a text: `<si/>`.
const TEXT_LEAST: u64 = 5;

/// Counts what a part makes the reader keep, and keeps nothing of it.
struct Counts {
    /// How much of the name of the number of texts has just been read.
    matched: usize,
    /// The number after the name, while it is read.
    number: Option<u64>,
    /// The greatest so far.
    claimed: u64,
    /// The texts that there are.
    texts: Elements,
    /// The sheets that are named.
    sheets: Elements,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            matched: 0,
            number: None,
            claimed: 0,
            texts: Elements::of(b"si"),
            sheets: Elements::of(b"sheet"),
        }
    }
}

impl Counts {
    /// Looks for the greatest number of texts that the part claims.
    fn see(&mut self, byte: u8) {
        if let Some(number) = self.number {
            match byte {
                b'0'..=b'9' => {
                    let number = number.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
                    self.number = Some(number);
                    self.claimed = self.claimed.max(number);
                    return;
                }
                // What may stand between the name and the number.
                b'=' | b'"' | b'\'' | b'+' | b' ' | b'\t' | b'\r' | b'\n' if number == 0 => return,
                _ => self.number = None,
            }
        }
        self.matched = if byte == COUNT[self.matched] {
            self.matched + 1
        } else {
            usize::from(byte == COUNT[0])
        };
        if self.matched == COUNT.len() {
            (self.matched, self.number) = (0, Some(0));
        }
    }
}

impl Write for Counts {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        // Letters may take two bytes each.
        for &byte in bytes.iter().filter(|byte| **byte != 0) {
            self.see(byte);
            self.texts.see(byte);
            self.sheets.see(byte);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// How many elements of a name begin, with or without a prefix.
struct Elements {
    name: &'static [u8],
    /// How much of one has just been read: its sign or that of its prefix, then the name.
    matched: usize,
    count: u64,
}

impl Elements {
    const fn of(name: &'static [u8]) -> Self {
        Self {
            name,
            matched: 0,
            count: 0,
        }
    }

    fn see(&mut self, byte: u8) {
        if matches!(byte, b'<' | b':') {
            self.matched = 1;
            return;
        }
        let Some(place) = self.matched.checked_sub(1) else {
            return;
        };
        if place == self.name.len() && matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'/' | b'>') {
            self.count += 1;
        }
        let goes_on = self.name.get(place) == Some(&byte);
        self.matched = if goes_on { self.matched + 1 } else { 0 };
    }
}

/// A cell as a text file would have it.
fn text_of(value: &DataRef<'_>) -> String {
    let short = |text: &str| text.chars().take(CELL_MOST + 1).collect();
    match value {
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => short(text),
        DataRef::SharedString(text) => short(text),
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number.to_string(),
        DataRef::Bool(is_so) => u8::from(*is_so).to_string(),
        DataRef::DateTime(at) => at.as_f64().to_string(),
        DataRef::Error(_) => char::REPLACEMENT_CHARACTER.to_string(),
        DataRef::Empty => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use rust_xlsxwriter::{Formula, Workbook};
    use zip::write::SimpleFileOptions;

    use super::*;

    fn book(fill: impl FnOnce(&mut rust_xlsxwriter::Worksheet)) -> Vec<u8> {
        let mut book = Workbook::new();
        fill(book.add_worksheet());
        book.save_to_buffer().expect("memory")
    }

    #[test]
    fn the_first_sheet_is_read_with_its_lines() {
        let bytes = book(|sheet| {
            for (column, name) in ["email", "firstname", "enrolstatus1"].into_iter().enumerate() {
                sheet
                    .write(0, u16::try_from(column).expect("few"), name)
                    .expect("a cell");
            }
            sheet.write(2, 0, " ana@example.org ").expect("a cell");
            sheet.write(2, 1, "José").expect("a cell");
            sheet.write(2, 2, 0).expect("a cell");
            sheet.write(5, 0, true).expect("a cell");
            sheet
                .write_formula(5, 1, Formula::new("=1+1").set_result("2"))
                .expect("a cell");
        });
        let sheet = read(&bytes).expect("a table");
        assert_eq!(sheet.columns, ["email", "firstname", "enrolstatus1"]);
        let rows: Vec<_> = sheet.rows.iter().map(|row| (row.line, row.cells.join("|"))).collect();
        assert_eq!(rows, [(3, "ana@example.org|José|0".to_owned()), (6, "1|2|".to_owned())]);
        assert_eq!(sheet.form, Form::Workbook);
    }

    fn refused(bytes: &[u8]) -> (Code, String) {
        let fault = read(bytes).expect_err("it is refused").flaw;
        (fault.code, fault.detail.unwrap_or_default())
    }

    #[test]
    fn what_is_no_workbook_and_what_is_too_much_is_refused() {
        assert_eq!(refused(b"PK\x03\x04").0, Code::Unreadable);
        let pack = |length: usize, count: usize| {
            let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
            for place in 0..count {
                archive
                    .start_file(format!("xl/{place}.xml"), SimpleFileOptions::default())
                    .expect("memory");
                archive.write_all(&vec![b' '; length]).expect("memory");
            }
            archive.finish().expect("memory").into_inner()
        };
        assert_eq!(refused(&pack(0, 1)), (Code::Unreadable, "XLSX".to_owned()));
        assert_eq!(
            refused(&pack(0, PARTS_MOST + 1)),
            (Code::Unreadable, "XLSX > 1000".to_owned())
        );
        let bomb = pack(8 * 1024 * 1024, 9);
        assert!(bomb.len() < 100_000, "{}", bomb.len());
        assert_eq!(refused(&bomb).0, Code::Unreadable);
        assert!(refused(&bomb).1.starts_with("XLSX > "), "{:?}", refused(&bomb));
    }

    #[test]
    fn a_book_that_claims_more_texts_than_it_has_bytes_is_refused() {
        let honest = book(|sheet| {
            sheet.write(0, 0, "email").expect("a cell");
        });
        assert!(read(&honest).is_ok());
        for claim in ["uniqueCount=\"99999999999\"", "uniqueCount = '4294967296'"] {
            let bytes = changed(&honest, |_, text| text.replace("uniqueCount=\"1\"", claim));
            let (code, detail) = refused(&bytes);
            assert_eq!(code, Code::Unreadable, "{claim}");
            assert!(detail.starts_with("XLSX > "), "{detail}");
        }
    }

    /// A book with other texts in its parts.
    fn changed(book: &[u8], change: impl Fn(&str, &str) -> String) -> Vec<u8> {
        let mut old = ZipArchive::new(Cursor::new(book)).expect("an archive");
        let mut new = ZipWriter::new(Cursor::new(Vec::new()));
        for place in 0..old.len() {
            let mut part = old.by_index(place).expect("a part");
            let mut text = String::new();
            part.read_to_string(&mut text).expect("text");
            let name = part.name().expect("a name").into_owned();
            new.start_file(name.as_str(), SimpleFileOptions::default())
                .expect("memory");
            new.write_all(change(&name, &text).as_bytes()).expect("memory");
        }
        new.finish().expect("memory").into_inner()
    }

    #[test]
    fn styles_are_not_looked_at() {
        let honest = book(|sheet| {
            sheet.write(0, 0, "email").expect("a cell");
            sheet.write(1, 0, 45_000.5).expect("a cell");
        });
        let broken = changed(&honest, |name, text| {
            if name == "xl/styles.xml" {
                "<styleSheet><fonts>".to_owned()
            } else {
                text.to_owned()
            }
        });
        let sheet = read(&broken).expect("a table");
        assert_eq!(sheet, read(&honest).expect("a table"));
        assert_eq!(sheet.rows[0].cells, ["45000.5"]);
    }

    #[test]
    fn a_path_that_many_sheets_name_is_refused() {
        let honest = book(|sheet| {
            sheet.write(0, 0, "email").expect("a cell");
        });
        let bytes = changed(&honest, |name, text| match name {
            "xl/workbook.xml" => {
                let more = "<sheet name=\"x\" sheetId=\"1\" r:id=\"rId1\"/>".repeat(2_000);
                text.replace("</sheets>", &format!("{more}</sheets>"))
            }
            "xl/_rels/workbook.xml.rels" => {
                text.replace("worksheets/", &format!("worksheets/{}/", "a".repeat(150_000)))
            }
            _ => text.to_owned(),
        });
        assert_eq!(
            refused(&bytes),
            (Code::Unreadable, format!("XLSX > {PATHS_MOST} bytes"))
        );
    }

    #[test]
    fn elements_are_counted_by_their_names() {
        let count = |text: &str| {
            let mut counts = Counts::default();
            counts.write_all(text.as_bytes()).expect("a count");
            (counts.texts.count, counts.sheets.count)
        };
        assert_eq!(count("<si><t>a</t></si><si/><x:si >"), (3, 0));
        assert_eq!(
            count("<sheets><sheet a=\"1\"/><sheet\n/><x:sheet></sheet><sheetData/> sheet "),
            (0, 3)
        );
    }

    #[test]
    fn cells_far_out_take_no_memory() {
        let far = book(|sheet| {
            sheet.write(0, 0, "email").expect("a cell");
            sheet.write(1_048_575, 0, "a@example.org").expect("a cell");
        });
        assert_eq!(read(&far).expect("a table").rows[0].line, 1_048_576);
        let wide = book(|sheet| {
            sheet.write(0, 0, "email").expect("a cell");
            sheet.write(0, 16_383, "x").expect("a cell");
        });
        assert_eq!(refused(&wide).0, Code::TooManyColumns);
    }
}
