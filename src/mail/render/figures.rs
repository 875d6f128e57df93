//! Days, instants and grades as a language writes them, and what people wrote.

use chrono::{DateTime, Datelike, NaiveDate, Utc};

use crate::domain::language::Language;

/// What somebody wrote, with plain line breaks.
pub(super) fn prose(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n").trim().to_owned()
}

/// A day as the language writes it: `7 de marzo de 2022`, `7 March 2022`.
pub(super) fn day(date: NaiveDate, language: Language) -> String {
    let months = match language {
        Language::Es => [
            "enero",
            "febrero",
            "marzo",
            "abril",
            "mayo",
            "junio",
            "julio",
            "agosto",
            "septiembre",
            "octubre",
            "noviembre",
            "diciembre",
        ],
        Language::En => [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ],
        Language::Pt => [
            "janeiro",
            "fevereiro",
            "março",
            "abril",
            "maio",
            "junho",
            "julho",
            "agosto",
            "setembro",
            "outubro",
            "novembro",
            "dezembro",
        ],
    };
    let month = months[date.month0() as usize];
    match language {
        Language::En => format!("{} {month} {}", date.day(), date.year()),
        Language::Es | Language::Pt => format!("{} de {month} de {}", date.day(), date.year()),
    }
}

/// An instant in UTC: `7 March 2022, 14:30 UTC`.
pub(super) fn instant(at: DateTime<Utc>, language: Language) -> String {
    format!("{}, {} UTC", day(at.date_naive(), language), at.format("%H:%M"))
}

/// An instant in a zone, to the minute: `7 March 2022, 11:30`.
pub(super) fn local(at: DateTime<Utc>, zone: &str, language: Language) -> String {
    let at = at.with_timezone(&zone.parse().unwrap_or(chrono_tz::UTC));
    format!("{}, {}", day(at.date_naive(), language), at.format("%H:%M"))
}

/// Thousandths of a point as points, with at least one decimal and no zeros after it: `83.3`, `83,125`.
pub(super) fn points(thousandths: i64, language: Language) -> String {
    let digits = format!("{:03}", thousandths % 1000);
    let decimals = &digits[..digits.trim_end_matches('0').len().max(1)];
    let mark = if language == Language::En { '.' } else { ',' };
    format!("{}{mark}{decimals}", thousandths / 1000)
}
