//! The figures that the report prints, to compare Rumbo's own with.

use super::cell::{text, whole};
use super::finding::Findings;
use super::rows::PUBLISHED;
use super::table::Table;
use crate::domain::text::ShortCode;

/// A line of `published.csv`; `None` is a figure that the report does not state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The code of the edition, or `TOTAL`.
    pub code: String,
    /// Participations.
    pub participants: Option<i64>,
    /// Those of women.
    pub women: Option<i64>,
    /// Those of men.
    pub men: Option<i64>,
    /// Distinct institutions.
    pub institutions: Option<i64>,
    /// Distinct countries.
    pub countries: Option<i64>,
}

/// Reads `published.csv`.
///
/// # Errors
/// Everything that is wrong with it.
pub fn published(bytes: &[u8]) -> Result<Vec<Published>, Findings> {
    let mut findings = Findings::default();
    let table = Table::read(PUBLISHED, bytes, &mut findings);
    let rows = table.map(|table| {
        table.rows(&mut findings, |row| {
            let code = row.required("code", text(ShortCode::parse));
            let mut figure = |column| row.optional(column, |value| whole(value, 0, 1_000_000_000));
            let (participants, women, men) = (figure("participants"), figure("women"), figure("men"));
            let (institutions, countries) = (figure("institutions"), figure("countries"));
            Some(Published {
                code: code?.into(),
                participants: participants?,
                women: women?,
                men: men?,
                institutions: institutions?,
                countries: countries?,
            })
        })
    });
    rows.filter(|_| findings.is_empty()).ok_or(findings)
}
