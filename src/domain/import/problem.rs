//! Every kind of fault that the files can have, with the sentence that says what would be right.
//!
//! A [`Problem`] is about one value. Those of a whole file, of keys, of teams, and of what is stored already have
//! kinds of their own.

use std::fmt;

use chrono::NaiveDate;

use crate::error::{Code, Flaw};

/// How much of a wrong value is shown, in code points.
const SHOWN: usize = 60;

/// What can be wrong in the files. Values are shown as they were written, cut and escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The file as a whole, its first line, or the shape of a line.
    File(FileProblem),
    /// What a line is known by, or refers to.
    Key(KeyProblem),
    /// How teams, their members and their work fit together.
    Team(TeamProblem),
    /// What the database has already.
    Stored(StoredProblem),
    /// A value that must be there is not.
    Blank,
    /// The text has more code points than this.
    TooLong(String),
    /// A line break, NUL, another control character or a bidirectional override.
    ForbiddenCharacter,
    /// Not an e-mail address.
    NotEmail(String),
    /// Not a country.
    UnknownCountry(String),
    /// None of the words that may stand here.
    UnknownWord {
        /// What was written.
        value: String,
        /// What may be written.
        known: String,
    },
    /// Not a day.
    NotDate(String),
    /// Not an instant.
    NotInstant(String),
    /// A day or an instant of a year that is not kept.
    YearOutOfRange(String),
    /// Not a number, or one outside its limits.
    NotNumber {
        /// What was written.
        value: String,
        /// The least.
        least: i64,
        /// The most.
        most: i64,
    },
    /// A day before the one that it must not precede.
    Before {
        /// What was written.
        value: NaiveDate,
        /// What the limit is called.
        what: &'static str,
        /// The limit.
        limit: NaiveDate,
    },
    /// A day after the one that it must not follow.
    After {
        /// What was written.
        value: NaiveDate,
        /// What the limit is called.
        what: &'static str,
        /// The limit.
        limit: NaiveDate,
    },
    /// A value is needed because of another one. Holds the reason.
    Needed(&'static str),
    /// A value must not be there because of another one. Holds the reason.
    Superfluous(&'static str),
}

impl Problem {
    /// What a parser of texts refused about `value`.
    pub(super) fn from_flaw(flaw: Flaw, value: &str) -> Self {
        match flaw.code {
            Code::Required => Self::Blank,
            Code::TooLong => Self::TooLong(flaw.detail.unwrap_or_default()),
            Code::UnknownCountry => Self::UnknownCountry(value.to_owned()),
            Code::Malformed => Self::NotEmail(value.to_owned()),
            _ => Self::ForbiddenCharacter,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(problem) => write!(out, "{problem}"),
            Self::Key(problem) => write!(out, "{problem}"),
            Self::Team(problem) => write!(out, "{problem}"),
            Self::Stored(problem) => write!(out, "{problem}"),
            Self::Blank => write!(out, "the value is missing; write one"),
            Self::TooLong(limit) => write!(out, "the text is too long; write at most {limit} characters"),
            Self::ForbiddenCharacter => write!(
                out,
                "the text holds a line break, NUL or another control character; remove it, or close the quotes"
            ),
            Self::NotEmail(value) => quoted(out, value, "is no e-mail address; write one such as `ana@example.org`"),
            Self::UnknownCountry(value) => quoted(
                out,
                value,
                "is no ISO 3166-1 alpha-2 code; write two letters such as `UY`",
            ),
            Self::UnknownWord { value, known } => write!(out, "`{}` is unknown; write one of {known}", Shown(value)),
            Self::NotDate(value) => quoted(
                out,
                value,
                "is no day of the calendar; write year, month and day such as `2022-04-06`",
            ),
            Self::NotInstant(value) => quoted(
                out,
                value,
                "is no instant; write day, time and offset such as `2022-04-06T14:00:00-03:00`",
            ),
            Self::YearOutOfRange(value) => quoted(out, value, "is not of the years 1900 to 2999; write one of those"),
            Self::NotNumber { value, least, most } => {
                write!(out, "`{}` is no number from {least} to {most}; write one", Shown(value))
            }
            Self::Before { value, what, limit } => {
                write!(
                    out,
                    "{value} comes before {what}, {limit}; write that day or a later one"
                )
            }
            Self::After { value, what, limit } => {
                write!(
                    out,
                    "{value} comes after {what}, {limit}; write that day or an earlier one"
                )
            }
            Self::Needed(reason) => write!(out, "the value is missing, and {reason}; write one"),
            Self::Superfluous(reason) => write!(out, "there is a value, and {reason}; leave it blank"),
        }
    }
}

/// A value as it was written, and what is to be said of it.
fn quoted(out: &mut fmt::Formatter<'_>, value: &str, what: &str) -> fmt::Result {
    write!(out, "`{}` {what}", Shown(value))
}

/// What can be wrong with a file as a whole, its first line, or the shape of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileProblem {
    /// The file is not there.
    Missing,
    /// Nothing is in the file. Holds the wanted columns.
    NoHeader(String),
    /// The file is written in UTF-16.
    Utf16,
    /// A byte that UTF-8 does not have there.
    NotUtf8 {
        /// Its position in the file, from 0.
        offset: usize,
        /// The byte.
        byte: u8,
    },
    /// A column is not named. Holds the wanted columns.
    ColumnMissing(String),
    /// A column that the format does not have. Holds the wanted columns.
    ColumnUnknown(String),
    /// A column is named a second time.
    ColumnTwice,
    /// A record has too few or too many fields.
    FieldCount {
        /// How many it has.
        found: usize,
        /// How many the first line has.
        wanted: usize,
    },
}

impl fmt::Display for FileProblem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => write!(out, "the file is missing; put it into the directory"),
            Self::NoHeader(wanted) => write!(out, "the file is empty; its first line must be `{wanted}`"),
            Self::Utf16 => write!(out, "the file is written in UTF-16; save it as UTF-8"),
            Self::NotUtf8 { offset, byte } => write!(
                out,
                "byte 0x{byte:02X} at offset {offset} is not UTF-8, as in a file written in Latin-1 or Windows-1252; \
                 save it as UTF-8"
            ),
            Self::ColumnMissing(wanted) => write!(out, "the column is missing; the first line must be `{wanted}`"),
            Self::ColumnUnknown(wanted) => {
                write!(out, "the format has no such column; the first line must be `{wanted}`")
            }
            Self::ColumnTwice => write!(out, "the column is named twice; name it once"),
            Self::FieldCount { found, wanted } => write!(
                out,
                "the line has {found} fields and must have {wanted}; put a value that holds a comma in double quotes"
            ),
        }
    }
}

/// What can be wrong with what a line is known by, or refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyProblem {
    /// A key that an earlier line has.
    Twice {
        /// The key.
        key: String,
        /// The earlier line.
        line: u64,
    },
    /// A key that the other file does not have.
    Unknown {
        /// The key.
        key: String,
        /// The file in which it should stand.
        file: &'static str,
    },
    /// Editions with different titles would belong to one course. Holds the course's code.
    CourseClash {
        /// The code that both would have.
        code: String,
        /// The line of the earlier edition.
        line: u64,
    },
}

impl fmt::Display for KeyProblem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Twice { key, line } => {
                write!(
                    out,
                    "`{}` stands in line {line} already; remove or correct one of the two",
                    Shown(key)
                )
            }
            Self::Unknown { key, file } => {
                write!(
                    out,
                    "`{}` is not in {file}; add it there, or correct it here",
                    Shown(key)
                )
            }
            Self::CourseClash { code, line } => write!(
                out,
                "the edition would belong to course `{}` with the one in line {line}, which has another title; \
                 write the same title, or another code",
                Shown(code)
            ),
        }
    }
}

/// What can be wrong about a team, its members or its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TeamProblem {
    /// The person of a team has no enrolment in the team's edition. Holds the edition.
    NotEnrolled(String),
    /// The team belongs to another edition by an earlier line.
    OtherEdition {
        /// That edition.
        edition: String,
        /// That line.
        line: u64,
    },
    /// The work stands under another edition than its team. Holds the team's edition and line.
    TeamOf {
        /// The edition of the team.
        edition: String,
        /// The line of the team in `teams.csv`.
        line: u64,
    },
    /// The person is in another team of the edition by an earlier line.
    OtherTeam {
        /// That team.
        team: String,
        /// That line.
        line: u64,
    },
    /// The edition asks for another kind of work. Holds that kind.
    OtherKind(&'static str),
    /// The team has no line in `deliverables.csv`.
    NoWork(String),
}

impl fmt::Display for TeamProblem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotEnrolled(edition) => write!(
                out,
                "the person has no line for edition `{}` in enrolments.csv; add one, or remove the member",
                Shown(edition)
            ),
            Self::OtherEdition { edition, line } => write!(
                out,
                "the team belongs to edition `{}` since line {line}; name that edition, or another team",
                Shown(edition)
            ),
            Self::TeamOf { edition, line } => write!(
                out,
                "the team belongs to edition `{}` by line {line} of teams.csv; write that edition",
                Shown(edition)
            ),
            Self::OtherTeam { team, line } => write!(
                out,
                "the person is in team `{}` of this edition since line {line}; keep one of the two lines",
                Shown(team)
            ),
            Self::OtherKind(kind) => write!(out, "the edition asks for a {kind}; write `{kind}`"),
            Self::NoWork(team) => write!(
                out,
                "team `{}` has no line in deliverables.csv; add one, with submitted_on and score blank if it handed in \
                 nothing",
                Shown(team)
            ),
        }
    }
}

/// How a line can contradict what is stored already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredProblem {
    /// The database has the record with another value, which an import never overwrites.
    Differs {
        /// What the database has.
        stored: String,
        /// What the file has.
        found: String,
    },
    /// The database has the edition, and it is not over. Holds its state.
    NotClosed(&'static str),
    /// The database has the edition, without this line. Holds the edition's code.
    NotStored(String),
}

impl From<StoredProblem> for Problem {
    fn from(problem: StoredProblem) -> Self {
        Self::Stored(problem)
    }
}

impl fmt::Display for StoredProblem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Differs { stored, found } => write!(
                out,
                "`{}` differs from what is stored, `{}`; an import never overwrites: change it in Rumbo, or write what \
                 is stored",
                Shown(found),
                Shown(stored)
            ),
            Self::NotClosed(state) => write!(
                out,
                "the edition is stored already and is {state}; an import holds editions that are over: write another code"
            ),
            Self::NotStored(edition) => write!(
                out,
                "edition `{}` is stored already, without this; an import adds nothing to a stored edition: enter it in \
                 Rumbo, or remove the line",
                Shown(edition)
            ),
        }
    }
}

/// A value as it may be shown on one line of a terminal: cut, and with control characters escaped.
pub(super) struct Shown<'a>(pub &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars().take(SHOWN) {
            if letter.is_alphanumeric() || letter.is_ascii_graphic() || letter == ' ' {
                write!(out, "{letter}")?;
            } else {
                write!(out, "{}", letter.escape_debug())?;
            }
        }
        if self.0.chars().nth(SHOWN).is_some() {
            out.write_str("…")
        } else {
            Ok(())
        }
    }
}
