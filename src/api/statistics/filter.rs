//! What statistics are asked about.

use async_graphql::{ID, InputObject};
use chrono::NaiveDate;

use crate::api::enums::{ConstituentGroup, EnrolmentState, Gender, InstitutionKind, Language, PeriodRule};
use crate::api::id;
use crate::domain::statistics::{Filter, Period};
use crate::domain::text::Country;
use crate::error::{Code, Fault, Result};

/// Editions by date. Both days belong to the period.
#[derive(InputObject)]
pub struct PeriodInput {
    /// First day.
    from: NaiveDate,
    /// Last day; not before the first.
    to: NaiveDate,
    /// Which editions are meant.
    rule: PeriodRule,
}

/// What is counted; what is left out does not restrict.
#[derive(InputObject, Default)]
pub struct StatisticsFilter {
    /// Editions by date.
    period: Option<PeriodInput>,
    /// Only these editions.
    editions: Option<Vec<ID>>,
    /// Only editions of these courses.
    courses: Option<Vec<ID>>,
    /// Only these genders.
    genders: Option<Vec<Gender>>,
    /// Only these countries (ISO 3166-1 alpha-2); an empty text means not stated.
    countries: Option<Vec<String>>,
    /// Only these institutions.
    institutions: Option<Vec<ID>>,
    /// Only these kinds of institution.
    institution_kinds: Option<Vec<InstitutionKind>>,
    /// Only these constituent groups.
    constituent_groups: Option<Vec<ConstituentGroup>>,
    /// Only these languages.
    languages: Option<Vec<Language>>,
    /// Only enrolments in these states.
    statuses: Option<Vec<EnrolmentState>>,
    /// Only applications of these months, such as `2022-04`.
    months: Option<Vec<String>>,
}

/// The most values of one filter.
const FILTER_LIMIT: usize = 1000;

fn fault(path: &[&str], code: Code) -> Fault {
    Fault {
        code,
        path: path.iter().map(|&step| step.to_owned()).collect(),
        detail: None,
    }
}

fn all<A, B: From<A>>(name: &str, values: Option<Vec<A>>) -> Result<Vec<B>> {
    let values = values.unwrap_or_default();
    if values.len() > FILTER_LIMIT {
        return Err(fault(&["filter", name], Code::TooLong).with(FILTER_LIMIT).into());
    }
    Ok(values.into_iter().map(Into::into).collect())
}

fn countries(values: Option<Vec<String>>) -> Result<Vec<String>> {
    let read = |text: String| match text.as_str() {
        "" => Ok(text),
        _ => Country::parse(&text)
            .map(|country| country.as_ref().to_owned())
            .map_err(|_| fault(&["filter", "countries"], Code::UnknownCountry).into()),
    };
    all::<String, String>("countries", values)?
        .into_iter()
        .map(read)
        .collect()
}

fn months(values: Option<Vec<String>>) -> Result<Vec<String>> {
    let months: Vec<String> = all("months", values)?;
    let is_month =
        |month: &String| NaiveDate::parse_from_str(&format!("{month}-01"), "%Y-%m-%d").is_ok() && month.len() == 7;
    if months.iter().all(is_month) {
        Ok(months)
    } else {
        Err(fault(&["filter", "months"], Code::Malformed).into())
    }
}

impl StatisticsFilter {
    pub(super) fn read(self) -> Result<Filter> {
        let period = self.period.map(|period| Period {
            from: period.from,
            to: period.to,
            rule: period.rule.into(),
        });
        Ok(Filter {
            period,
            editions: id::parse_all("filter.editions", &self.editions.unwrap_or_default())?,
            courses: id::parse_all("filter.courses", &self.courses.unwrap_or_default())?,
            genders: all("genders", self.genders)?,
            countries: countries(self.countries)?,
            institutions: id::parse_all("filter.institutions", &self.institutions.unwrap_or_default())?,
            institution_kinds: all("institutionKinds", self.institution_kinds)?,
            constituent_groups: all("constituentGroups", self.constituent_groups)?,
            languages: all("languages", self.languages)?,
            statuses: all("statuses", self.statuses)?,
            months: months(self.months)?,
        })
    }
}
