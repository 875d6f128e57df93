//! How the text of one cell becomes a value.

use chrono::{DateTime, Datelike, NaiveDate, Utc};

use super::problem::Problem;
use crate::domain::deliverable::GRADE_LIMIT;
use crate::domain::language::Language;
use crate::error::Flaw;

/// Makes a parser of cells from a parser of texts.
pub(super) fn text<T>(parse: impl FnOnce(&str) -> Result<T, Flaw>) -> impl FnOnce(&str) -> Result<T, Problem> {
    |value| parse(value).map_err(|flaw| Problem::from_flaw(flaw, value))
}

/// One of the words of an enum.
pub(super) fn word<T: Copy>(value: &str, all: &[T], spell: impl Fn(T) -> &'static str) -> Result<T, Problem> {
    all.iter().copied().find(|one| spell(*one) == value).ok_or_else(|| {
        let words: Vec<&str> = all.iter().map(|one| spell(*one)).collect();
        Problem::UnknownWord {
            value: value.to_owned(),
            known: words.join(", "),
        }
    })
}

pub(super) fn language(value: &str) -> Result<Language, Problem> {
    word(value, &Language::ALL, Language::code)
}

/// Languages separated by `;`, each once.
pub(super) fn languages(value: &str) -> Result<Vec<Language>, Problem> {
    let mut languages = Vec::new();
    for part in value.split(';') {
        let one = language(part.trim())?;
        if !languages.contains(&one) {
            languages.push(one);
        }
    }
    Ok(languages)
}

/// A day written as year, month and day.
pub(super) fn date(value: &str) -> Result<NaiveDate, Problem> {
    let shaped = value.len() == 10
        && value.bytes().enumerate().all(|(place, byte)| {
            if matches!(place, 4 | 7) {
                byte == b'-'
            } else {
                byte.is_ascii_digit()
            }
        });
    let day = NaiveDate::parse_from_str(value, "%Y-%m-%d").ok().filter(|_| shaped);
    kept(day.ok_or_else(|| Problem::NotDate(value.to_owned()))?, value)
}

pub(super) fn instant(value: &str) -> Result<DateTime<Utc>, Problem> {
    let at = DateTime::parse_from_rfc3339(value).map_err(|_| Problem::NotInstant(value.to_owned()))?;
    kept(at.to_utc(), value)
}

/// A day or an instant of a year that both databases keep.
fn kept<T: Datelike>(at: T, value: &str) -> Result<T, Problem> {
    if (1900..=2999).contains(&at.year()) {
        Ok(at)
    } else {
        Err(Problem::YearOutOfRange(value.to_owned()))
    }
}

/// A whole number in plain digits.
pub(super) fn whole(value: &str, least: i64, most: i64) -> Result<i64, Problem> {
    let plain = value.len() <= 18 && value.bytes().all(|byte| byte.is_ascii_digit());
    value
        .parse()
        .ok()
        .filter(|number| plain && (least..=most).contains(number))
        .ok_or_else(|| Problem::NotNumber {
            value: value.to_owned(),
            least,
            most,
        })
}

/// Points out of 100 with up to three decimals, as thousandths.
pub(super) fn grade(value: &str) -> Result<i64, Problem> {
    let wrong = || Problem::NotNumber {
        value: value.to_owned(),
        least: 0,
        most: GRADE_LIMIT / 1000,
    };
    let (points, decimals) = value.split_once('.').unwrap_or((value, "0"));
    if decimals.is_empty() || decimals.len() > 3 {
        return Err(wrong());
    }
    let points = whole(points, 0, GRADE_LIMIT / 1000).map_err(|_| wrong())?;
    let thousandths = whole(&format!("{decimals:0<3}"), 0, 999).map_err(|_| wrong())?;
    Some(points * 1000 + thousandths)
        .filter(|sum| *sum <= GRADE_LIMIT)
        .ok_or_else(wrong)
}
