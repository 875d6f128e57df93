//! What statistics are asked about.

use async_graphql::{ID, InputObject};
use chrono::NaiveDate;

use crate::api::enums::{ConstituentGroup, EnrolmentState, Gender, InstitutionKind, Language, PeriodRule};
use crate::api::id;
use crate::domain::statistics::{Filter, Period};
use crate::domain::text::{Country, parse_day};
use crate::error::{Code, Fault, Faults, Flaw, Result};

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

/// What is counted; what is left out does not restrict. A list that is given has one value at least: an empty one could mean
/// everybody or nobody, and is refused (`REQUIRED`).
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

/// The most values of one filter.
const FILTER_LIMIT: usize = 1000;

fn fault(path: &[&str], code: Code) -> Fault {
    Fault {
        code,
        path: path.iter().map(|&step| step.to_owned()).collect(),
        detail: None,
    }
}

/// Whether a list was given that says nothing.
fn says_nothing<A>(values: Option<&Vec<A>>) -> bool {
    values.is_some_and(Vec::is_empty)
}

fn all<A, B: From<A>>(name: &str, values: Option<Vec<A>>) -> Result<Vec<B>> {
    let values = values.unwrap_or_default();
    if values.len() > FILTER_LIMIT {
        return Err(fault(&["filter", name], Code::TooLong).with(FILTER_LIMIT).into());
    }
    Ok(values.into_iter().map(Into::into).collect())
}

/// The texts of one filter, each parsed by `parse`.
fn texts(
    faults: &mut Faults,
    name: &str,
    values: Option<Vec<String>>,
    parse: impl Fn(String) -> Result<String, Flaw>,
) -> Result<Vec<String>> {
    let values: Vec<String> = all(name, values)?;
    let read = |(place, text)| faults.take_argument(&format!("filter.{name}.{place}"), parse(text));
    Ok(values.into_iter().enumerate().filter_map(read).collect())
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
    /// The lists that were given and are empty.
    fn empty(&self) -> Vec<&'static str> {
        let lists = [
            ("editions", says_nothing(self.editions.as_ref())),
            ("courses", says_nothing(self.courses.as_ref())),
            ("genders", says_nothing(self.genders.as_ref())),
            ("countries", says_nothing(self.countries.as_ref())),
            ("institutions", says_nothing(self.institutions.as_ref())),
            ("institutionKinds", says_nothing(self.institution_kinds.as_ref())),
            ("constituentGroups", says_nothing(self.constituent_groups.as_ref())),
            ("languages", says_nothing(self.languages.as_ref())),
            ("statuses", says_nothing(self.statuses.as_ref())),
            ("months", says_nothing(self.months.as_ref())),
        ];
        let empty = lists.into_iter().filter(|(_, says_nothing)| *says_nothing);
        empty.map(|(name, _)| name).collect()
    }

    pub(super) fn read(self) -> Result<Filter> {
        let mut faults = Faults::default();
        for name in self.empty() {
            faults.push(fault(&["filter", name], Code::Required));
        }
        let period = self.period.and_then(|period| {
            let from = faults.take_argument("filter.period.from", parse_day(period.from));
            let to = faults.take_argument("filter.period.to", parse_day(period.to));
            let rule = period.rule.into();
            from.zip(to).map(|(from, to)| Period { from, to, rule })
        });
        let countries = texts(&mut faults, "countries", self.countries, country)?;
        let months = texts(&mut faults, "months", self.months, month)?;
        let editions = id::arguments(&mut faults, "filter.editions", self.editions);
        let courses = id::arguments(&mut faults, "filter.courses", self.courses);
        let institutions = id::arguments(&mut faults, "filter.institutions", self.institutions);
        faults.check()?;
        Ok(Filter {
            period,
            editions,
            courses,
            genders: all("genders", self.genders)?,
            countries,
            institutions,
            institution_kinds: all("institutionKinds", self.institution_kinds)?,
            constituent_groups: all("constituentGroups", self.constituent_groups)?,
            languages: all("languages", self.languages)?,
            statuses: all("statuses", self.statuses)?,
            months,
        })
    }
}
