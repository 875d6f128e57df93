//! What statistics are asked about.

use async_graphql::{ID, InputObject};
use chrono::NaiveDate;

use crate::api::enums::{ConstituentGroup, EnrolmentState, Gender, InstitutionKind, Language, PeriodRule};
use crate::api::{filter, id};
use crate::domain::statistics::{Filter, Period};
use crate::domain::text::{Country, parse_day};
use crate::error::{Code, Faults, Flaw, Result};

/// Editions by date. Both days belong to the period; those of the editions are the days that they have now, also when
/// figures of an earlier instant are asked for.
#[derive(InputObject)]
pub struct PeriodInput {
    /// First day.
    from: NaiveDate,
    /// Last day; not before the first.
    to: NaiveDate,
    /// Which editions are meant.
    rule: PeriodRule,
}

/// What is counted; what is left out does not restrict. A list that is given has 1 to 1,000 values: an empty one could
/// mean everybody or nobody, and is refused (`REQUIRED`).
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
    /// Only these countries, each the 2 letters of ISO 3166-1 alpha-2 in any case; an empty text means not stated.
    countries: Option<Vec<String>>,
    /// Only these institutions.
    institutions: Option<Vec<ID>>,
    /// Only these kinds of institution, as they were when the enrolments were frozen.
    institution_kinds: Option<Vec<InstitutionKind>>,
    /// Only these constituent groups.
    constituent_groups: Option<Vec<ConstituentGroup>>,
    /// Only these languages.
    languages: Option<Vec<Language>>,
    /// Only enrolments in these states.
    statuses: Option<Vec<EnrolmentState>>,
    /// Only applications of these months, each 7 characters as in `2022-04`.
    months: Option<Vec<String>>,
}

fn country(text: String) -> Result<String, Flaw> {
    if text.is_empty() {
        return Ok(text);
    }
    Country::parse(&text).map(|country| country.as_ref().to_owned())
}

fn month(text: String) -> Result<String, Flaw> {
    let first_day = format!("{text}-01");
    if text.len() == 7 && NaiveDate::parse_from_str(&first_day, "%Y-%m-%d").is_ok() {
        Ok(text)
    } else {
        Err(Code::Malformed.into())
    }
}

impl StatisticsFilter {
    pub(in crate::api) fn read(self) -> Result<Filter> {
        let mut faults = Faults::default();
        let period = self.period.and_then(|period| {
            let from = faults.take_argument("filter.period.from", parse_day(period.from));
            let to = faults.take_argument("filter.period.to", parse_day(period.to));
            let rule = period.rule.into();
            from.zip(to).map(|(from, to)| Period { from, to, rule })
        });
        let read = Filter {
            period,
            editions: id::arguments(&mut faults, "filter.editions", self.editions),
            courses: id::arguments(&mut faults, "filter.courses", self.courses),
            genders: filter::all(&mut faults, "filter.genders", self.genders),
            countries: filter::texts(&mut faults, "filter.countries", self.countries, country),
            institutions: id::arguments(&mut faults, "filter.institutions", self.institutions),
            institution_kinds: filter::all(&mut faults, "filter.institutionKinds", self.institution_kinds),
            constituent_groups: filter::all(&mut faults, "filter.constituentGroups", self.constituent_groups),
            languages: filter::all(&mut faults, "filter.languages", self.languages),
            statuses: filter::all(&mut faults, "filter.statuses", self.statuses),
            months: filter::texts(&mut faults, "filter.months", self.months, month),
        };
        faults.check()?;
        Ok(read)
    }
}
