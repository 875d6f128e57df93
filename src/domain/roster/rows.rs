//! Rows as values: every cell by the rules that the API holds the same value against, and by what files get wrong.

use std::borrow::Cow;
use std::collections::HashMap;

use super::columns::{Columns, Field};
use super::{EnrolmentRow, Entry, Kind, PersonRow, Roster, RowFault, names};
use crate::domain::language::Language;
use crate::domain::person::{ConstituentGroup, Gender};
use crate::domain::sheet::{ROWS_MOST, Row, Sheet, Unreadable, is_garbled};
use crate::domain::text::{Country, Email, Name, ShortCode, Title, formula_plain, parse_time_zone};
use crate::error::{Code, Flaw};

/// What the platform calls somebody who takes part, as a role: by its name, or the number that it has from the
/// beginning. The one with the number 1 is a manager.
const PARTICIPANT: [&str; 3] = ["student", "participant", "5"];
/// The same as the kind of a role, of which 1 is the first.
const OF_PARTICIPANTS: [&str; 3] = ["student", "participant", "1"];

/// The most faults that are told of a row: a hundred columns of twenty thousand would be two million.
const FAULTS_MOST: usize = 20;

/// Reads a table of people. Who stands in it twice is refused the second time.
///
/// # Errors
/// What is wrong with the columns.
pub fn people(sheet: &Sheet) -> Result<Roster<PersonRow>, Unreadable> {
    with_names(sheet, Kind::People)
}

/// Reads a table of nominations, the first to be named first. What else a row says of somebody is not kept: they state
/// it themselves when they accept.
///
/// # Errors
/// What is wrong with the columns.
pub fn nominations(sheet: &Sheet) -> Result<Roster<PersonRow>, Unreadable> {
    with_names(sheet, Kind::Nominations)
}

/// Reads a table in which every row has both names, and nobody has two rows.
fn with_names(sheet: &Sheet, kind: Kind) -> Result<Roster<PersonRow>, Unreadable> {
    let columns = Columns::find(sheet, kind, false)?;
    let mut lines: HashMap<Email, u64> = HashMap::new();
    let mut entries = Vec::with_capacity(sheet.rows.len());
    for row in &sheet.rows {
        let mut cells = Cells::of(sheet, &columns, row);
        let person = cells.person();
        if let Some(person) = &person {
            for (field, name) in [
                (Field::GivenName, &person.given_name),
                (Field::FamilyName, &person.family_name),
            ] {
                // What is wrong there was told already.
                if name.is_none() && !cells.is_told(field) {
                    cells.wrong(field, Code::Required);
                }
            }
            // A row that is refused asks for nothing: the one that puts it right may follow.
            if cells.faults.is_empty()
                && let Some(before) = lines.insert(person.email.clone(), row.line)
            {
                let fault = RowFault::at(&person.names.email, twice(before));
                cells.faults.push(fault);
            }
        }
        entries.push(cells.done(person));
    }
    Ok(Roster {
        entries,
        ignored: columns.ignored,
    })
}

/// Reads a table of enrolments: one entry for each edition of a row. Without a column for editions all are in the
/// edition that was named beside the file, which `named` then is; where there are both, they must be the same. The
/// names of somebody need to stand in one of their rows only.
///
/// # Errors
/// What is wrong with the columns; [`Code::TooManyRows`] for more enrolments than a file may have rows.
pub fn enrolments(sheet: &Sheet, named: Option<&str>) -> Result<Roster<EnrolmentRow>, Unreadable> {
    let columns = Columns::find(sheet, Kind::Enrolments, named.is_some())?;
    let mut slots: Vec<(u8, Option<usize>)> = columns
        .editions()
        .into_iter()
        .map(|(number, place)| (number, Some(place)))
        .collect();
    if slots.is_empty() {
        slots.push((1, None));
    }
    let mut lines: HashMap<(Email, Option<ShortCode>), u64> = HashMap::new();
    let mut entries = Vec::with_capacity(sheet.rows.len());
    for row in &sheet.rows {
        // A row that is wrong as a whole names no edition.
        if row.flaw.is_some() {
            entries.push(Cells::of(sheet, &columns, row).done(None));
            continue;
        }
        let mut found_one = false;
        for &(number, place) in &slots {
            let mut cells = Cells::of(sheet, &columns, row);
            let is_blank = place.is_some_and(|place| cells.text(place).is_empty());
            if is_blank && !(named.is_some() && number == slots[0].0) {
                continue;
            }
            found_one = true;
            let enrolment = cells.enrolment(number, place, named);
            if let Some(enrolment) = enrolment.as_ref().filter(|_| cells.faults.is_empty()) {
                let key = (enrolment.person.email.clone(), enrolment.edition.clone());
                if let Some(before) = lines.insert(key, row.line) {
                    cells
                        .faults
                        .push(RowFault::at(&enrolment.person.names.email, twice(before)));
                }
            }
            entries.push(cells.done(enrolment));
        }
        if entries.len() > ROWS_MOST {
            let most = ROWS_MOST.to_string();
            return Err(Unreadable::at(row.line, Code::TooManyRows, most));
        }
        if !found_one {
            let mut cells = Cells::of(sheet, &columns, row);
            cells.wrong(Field::Edition(slots[0].0), Code::Required);
            entries.push(cells.done(None));
        }
    }
    names::share(&mut entries);
    Ok(Roster {
        entries,
        ignored: columns.ignored,
    })
}

fn twice(before: u64) -> Flaw {
    Flaw {
        code: Code::Repeated,
        detail: Some(before.to_string()),
    }
}

fn not_by_file() -> Flaw {
    Flaw {
        code: Code::NotByFile,
        detail: Some("0".to_owned()),
    }
}

/// One row while it is read.
struct Cells<'a> {
    sheet: &'a Sheet,
    columns: &'a Columns,
    row: &'a Row,
    faults: Vec<RowFault>,
}

impl<'a> Cells<'a> {
    fn of(sheet: &'a Sheet, columns: &'a Columns, row: &'a Row) -> Self {
        let whole = row.flaw.clone().map(|Flaw { code, detail }| RowFault {
            column: None,
            code,
            detail,
        });
        Self {
            sheet,
            columns,
            row,
            faults: whole.into_iter().collect(),
        }
    }

    /// The text of a cell, without the apostrophes that an export put before what looks like a formula.
    fn text(&self, place: usize) -> Cow<'a, str> {
        let cell = self.row.cells.get(place).map_or("", String::as_str);
        formula_plain(cell)
    }

    fn wrong(&mut self, field: Field, flaw: impl Into<Flaw>) {
        let own = match field {
            Field::GivenName => "firstname",
            Field::FamilyName => "lastname",
            Field::Edition(_) => "course1",
            Field::Username
            | Field::Email
            | Field::Language
            | Field::TimeZone
            | Field::Country
            | Field::Institution
            | Field::Gender
            | Field::ConstituentGroup
            | Field::Role(_)
            | Field::Type(_)
            | Field::Status(_)
            | Field::Never
            | Field::Nothing => "email",
        };
        let column = self.columns.name(self.sheet, field, own);
        self.faults.push(RowFault::at(&column, flaw));
    }

    /// Whether something is wrong with the column of a field already.
    fn is_told(&self, field: Field) -> bool {
        let column = self
            .columns
            .place(field)
            .map(|place| self.sheet.columns[place].as_str());
        column.is_some() && self.faults.iter().any(|fault| fault.column.as_deref() == column)
    }

    /// The value of a cell; `None` when it is blank, or wrong, which is noted.
    fn value<T>(&mut self, field: Field, parse: impl FnOnce(&str) -> Result<T, Flaw>) -> Option<T> {
        let text = self.text(self.columns.place(field)?);
        if text.is_empty() {
            return None;
        }
        let parsed = if is_garbled(&text) {
            Err(Code::Garbled.into())
        } else {
            parse(&text)
        };
        parsed.map_err(|flaw| self.wrong(field, flaw)).ok()
    }

    /// Refuses whatever stands under a field that no file decides.
    fn refuse_all(&mut self, field: Field) {
        for place in self.columns.places(field) {
            if !matches!(&*self.text(place), "" | "0") {
                let fault = RowFault::at(&self.sheet.columns[place], not_by_file());
                self.faults.push(fault);
            }
        }
    }

    fn person(&mut self) -> Option<PersonRow> {
        if !self.faults.is_empty() {
            return None;
        }
        self.refuse_all(Field::Never);
        let given_name = self.value(Field::GivenName, Name::parse);
        let family_name = self.value(Field::FamilyName, Name::parse);
        let language = self.value(Field::Language, language);
        let time_zone = self.value(Field::TimeZone, time_zone).flatten();
        let gender = self.value(Field::Gender, |text| word(text, Gender::ALL, Gender::word));
        let country = self.value(Field::Country, Country::parse);
        let institution = self.value(Field::Institution, Title::parse);
        let constituent_group = self.value(Field::ConstituentGroup, |text| {
            word(text, ConstituentGroup::ALL, ConstituentGroup::word)
        });
        let (field, email) = self.email()?;
        Some(PersonRow {
            email,
            given_name,
            family_name,
            language,
            time_zone,
            gender,
            country,
            institution,
            constituent_group,
            names: self.columns.names(field == Field::Email),
        })
    }

    /// The address: what stands under it, or a user name that is one.
    fn email(&mut self) -> Option<(Field, Email)> {
        let is_blank = |field| {
            self.columns
                .place(field)
                .is_none_or(|place| self.text(place).is_empty())
        };
        if !is_blank(Field::Email) {
            return self
                .value(Field::Email, Email::parse)
                .map(|email| (Field::Email, email));
        }
        if !is_blank(Field::Username) {
            let email = self.value(Field::Username, Email::parse);
            return email.map(|email| (Field::Username, email));
        }
        self.wrong(Field::Email, Code::Required);
        None
    }

    fn enrolment(&mut self, number: u8, place: Option<usize>, named: Option<&str>) -> Option<EnrolmentRow> {
        let person = self.person();
        for (field, words) in [
            (Field::Role(number), PARTICIPANT),
            (Field::Type(number), OF_PARTICIPANTS),
        ] {
            for place in self.columns.places(field) {
                let role = self.text(place).to_lowercase();
                if !role.is_empty() && !words.contains(&role.as_str()) {
                    let flaw = Flaw {
                        code: Code::UnknownWord,
                        detail: Some("student, participant".to_owned()),
                    };
                    self.faults.push(RowFault::at(&self.sheet.columns[place], flaw));
                }
            }
        }
        self.refuse_all(Field::Status(number));
        let code = self.value(Field::Edition(number), ShortCode::parse);
        let is_named = |code: &ShortCode| named.is_some_and(|named| named == code.as_ref());
        let edition = match code {
            Some(code) if named.is_none() => Some(code),
            Some(code) if is_named(&code) => None,
            Some(_) => {
                let flaw = Flaw {
                    code: Code::UnknownWord,
                    detail: named.map(ToOwned::to_owned),
                };
                self.wrong(Field::Edition(number), flaw);
                None
            }
            None => None,
        };
        let column = place.map_or_else(|| "edition".to_owned(), |place| self.sheet.columns[place].clone());
        Some(EnrolmentRow {
            person: person?,
            edition,
            column,
        })
    }

    fn done<T>(mut self, value: Option<T>) -> Entry<T> {
        self.faults.truncate(FAULTS_MOST);
        let row = match value {
            Some(value) if self.faults.is_empty() => Ok(value),
            _ => Err(self.faults),
        };
        Entry {
            line: self.row.line,
            row,
        }
    }
}

/// One of the words of an enum, whatever its case.
fn word<T: Copy>(text: &str, all: &[T], spell: fn(T) -> &'static str) -> Result<T, Flaw> {
    let plain = text.to_lowercase().replace([' ', '-'], "_");
    all.iter().copied().find(|one| spell(*one) == plain).ok_or_else(|| {
        let words: Vec<&str> = all.iter().map(|one| spell(*one)).collect();
        Flaw {
            code: Code::UnknownWord,
            detail: Some(words.join(", ")),
        }
    })
}

/// A language by its first two letters, as in `es_mx`.
fn language(text: &str) -> Result<Language, Flaw> {
    let primary = text.split(['_', '-']).next().unwrap_or_default();
    Language::parse(primary).map_err(|_| Flaw {
        code: Code::UnknownWord,
        detail: Some(Language::ALL.map(Language::code).join(", ")),
    })
}

/// A zone; the platform writes 99 for that of the server, which says nothing here.
fn time_zone(text: &str) -> Result<Option<chrono_tz::Tz>, Flaw> {
    if text == "99" {
        return Ok(None);
    }
    parse_time_zone(text).map(Some)
}
