//! Tables of people, of enrolments and of nominations: what their columns are called, and what each row asks for. The
//! names are those of the user upload of the most used platform in PHP, taken as they are, and our own.
//!
//! Nothing here knows what is stored of anybody. A row is typed, or it is refused with the column, what is wrong and
//! what would be right; what it states is found with the register of institutions. `service::roster` then says what
//! becomes of it.

use std::sync::Arc;

use super::language::Language;
use super::person::{ConstituentGroup, Gender};
use super::text::{Country, Email, Name, ShortCode, Title};
use crate::error::{Code, Flaw};

pub mod cancelling;
mod columns;
mod content;
pub mod ending;
mod names;
mod register;
mod rows;
#[cfg(test)]
mod tests;
pub mod waiting;

pub use columns::KNOWN;
pub use content::{address_of, content_of};
pub use register::{Listed, Register};
pub use rows::{enrolments, nominations, people};

words! {
    /// What the rows of a table are.
    Kind {
        /// Accounts.
        People = "people",
        /// People in editions.
        Enrolments = "enrolments",
        /// People whom an institution names for an edition.
        Nominations = "nominations",
    }
}

words! {
    /// What became of a row, or would.
    Outcome {
        /// Something new is stored.
        Created = "created",
        /// Something stored is changed.
        Updated = "updated",
        /// It is stored so already, or was carried out before.
        Unchanged = "unchanged",
        /// It cannot be carried out.
        Refused = "refused",
    }
}

words! {
    /// Where a table that was handed over stands.
    ImportState {
        /// Its file was not handed over yet.
        AwaitingFile = "awaiting_file",
        /// It waits for a worker.
        Queued = "queued",
        /// A worker has it.
        Running = "running",
        /// It was worked off.
        Done = "done",
        /// The file is no table.
        Unreadable = "unreadable",
        /// It was given up.
        Failed = "failed",
        /// Whoever brings it in wanted no more of it, or may not have been who handed it over.
        Cancelled = "cancelled",
    }
}

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowFault {
    /// The column as the file calls it; `None` when it is about the whole row.
    pub column: Option<String>,
    /// What is wrong.
    pub code: Code,
    /// What would be right, or what was found, where there is something to say.
    pub detail: Option<String>,
}

impl RowFault {
    /// About a column.
    pub fn at(column: &str, flaw: impl Into<Flaw>) -> Self {
        let Flaw { code, detail } = flaw.into();
        Self {
            column: Some(column.to_owned()),
            code,
            detail,
        }
    }
}

/// One thing that a row asks for. A row of enrolments in several editions has several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<T> {
    /// The line where the row begins.
    pub line: u64,
    /// What it asks for, or everything that is wrong with it.
    pub row: Result<T, Vec<RowFault>>,
}

/// What a table says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roster<T> {
    /// Its entries, in their order.
    pub entries: Vec<Entry<T>>,
    /// Columns that are known and say nothing that Rumbo keeps, as the file calls them.
    pub ignored: Vec<String>,
}

/// What a row says of a person; what is blank is not said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonRow {
    /// Who it is.
    pub email: Email,
    /// Given name.
    pub given_name: Option<Name>,
    /// Family name.
    pub family_name: Option<Name>,
    /// The language of messages.
    pub language: Option<Language>,
    /// The zone in which times are shown.
    pub time_zone: Option<chrono_tz::Tz>,
    /// Gender.
    pub gender: Option<Gender>,
    /// Country.
    pub country: Option<Country>,
    /// The name, another name or the code of an institution.
    pub institution: Option<Title>,
    /// Constituent group.
    pub constituent_group: Option<ConstituentGroup>,
    /// What the file calls the columns of which the register has to say something.
    pub names: Arc<Names>,
}

/// What the columns are called in which something can still be wrong once the row is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as the fields of the row")]
pub struct Names {
    pub email: String,
    pub given_name: String,
    pub family_name: String,
    pub institution: String,
}

/// A person in an edition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolmentRow {
    /// Who.
    pub person: PersonRow,
    /// The code of the edition; `None` for the one that was named beside the file.
    pub edition: Option<ShortCode>,
    /// What the file calls the column of the edition.
    pub column: String,
}
