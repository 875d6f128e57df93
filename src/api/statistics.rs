//! Statistics in the API.

use std::collections::BTreeSet;

use async_graphql::{Context, Lookahead, Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::course::Course;
use super::edition::Edition;
use super::enums::{ConstituentGroup, Dimension, EnrolmentState, Gender, InstitutionKind, Language, Measure};
use super::error::ApiResult;
use super::institution::Institution;
use super::request::Request;
use crate::domain::id::{CourseId, EditionId, InstitutionId};
use crate::domain::statistics as domain;
use crate::domain::text::parse_instant;
use crate::domain::{enrolment, institution, language, person};
use crate::error::Faults;
use crate::service::statistics::{Answer, Question, Row, ask};
use crate::store::statistics::{Figure, Part};

mod filter;

pub use filter::{PeriodInput, StatisticsFilter};

/// The figures of one group, or of all together. A measure that you do not select costs nothing.
pub struct StatisticsRow {
    by: std::sync::Arc<[domain::Dimension]>,
    row: Row,
}

impl StatisticsRow {
    fn part(&self, dimension: domain::Dimension) -> Option<&Part> {
        let place = self.by.iter().position(|other| *other == dimension)?;
        self.row.key.get(place)
    }

    fn word(&self, dimension: domain::Dimension) -> Option<&str> {
        match self.part(dimension) {
            Some(Part::Text(text)) => Some(text),
            _ => None,
        }
    }

    fn uuid(&self, dimension: domain::Dimension) -> Option<uuid::Uuid> {
        match self.part(dimension) {
            Some(Part::Id(id)) if !id.is_nil() => Some(*id),
            _ => None,
        }
    }
}

/// The figures of one group, or of all together. A field of a dimension is null when the figures are not
/// divided by it, or when it is not stated; `measures` gives the written rule of every figure.
#[Object]
impl StatisticsRow {
    /// Gender as stated in the enrolment.
    fn gender(&self) -> Option<Gender> {
        self.word(domain::Dimension::Gender)
            .and_then(person::Gender::from_word)
            .map(Into::into)
    }

    /// Country (ISO 3166-1 alpha-2) as stated in the enrolment; null also when not stated.
    fn country(&self) -> Option<&str> {
        self.word(domain::Dimension::Country)
            .filter(|country| !country.is_empty())
    }

    /// Institution as stated in the enrolment; null also when not stated.
    async fn institution(&self, ctx: &Context<'_>) -> ApiResult<Option<Institution>> {
        let Some(id) = self.uuid(domain::Dimension::Institution) else {
            return Ok(None);
        };
        Ok(Request::of(ctx)
            .loaders
            .institutions
            .load_one(InstitutionId(id))
            .await?
            .map(Institution::from))
    }

    /// The kind that this institution had when the enrolment was confirmed, or, before that, when it was applied for;
    /// null also when not stated.
    fn institution_kind(&self) -> Option<InstitutionKind> {
        let word = self.word(domain::Dimension::InstitutionKind)?;
        institution::InstitutionKind::from_word(word).map(Into::into)
    }

    /// Constituent group as stated in the enrolment.
    fn constituent_group(&self) -> Option<ConstituentGroup> {
        let word = self.word(domain::Dimension::ConstituentGroup)?;
        person::ConstituentGroup::from_word(word).map(Into::into)
    }

    /// The course.
    async fn course(&self, ctx: &Context<'_>) -> ApiResult<Option<Course>> {
        let Some(id) = self.uuid(domain::Dimension::Course) else {
            return Ok(None);
        };
        Ok(Request::of(ctx)
            .loaders
            .courses
            .load_one(CourseId(id))
            .await?
            .map(Course))
    }

    /// The edition.
    async fn edition(&self, ctx: &Context<'_>) -> ApiResult<Option<Edition>> {
        let Some(id) = self.uuid(domain::Dimension::Edition) else {
            return Ok(None);
        };
        Ok(Request::of(ctx)
            .loaders
            .editions
            .load_one(EditionId(id))
            .await?
            .map(Edition))
    }

    /// The language of the person at enrolment.
    fn language(&self) -> Option<Language> {
        let word = self.word(domain::Dimension::Language)?;
        language::Language::parse(word).ok().map(Into::into)
    }

    /// The state of the enrolment.
    fn status(&self) -> Option<EnrolmentState> {
        let word = self.word(domain::Dimension::Status)?;
        enrolment::EnrolmentState::from_word(word).map(Into::into)
    }

    /// The month of the application, such as `2022-04`, in the edition's zone.
    fn month(&self) -> Option<&str> {
        self.word(domain::Dimension::Month)
    }

    /// Distinct people with an admitted enrolment.
    fn participants(&self) -> i64 {
        self.row.participants
    }

    /// Admitted enrolments.
    fn enrolments(&self) -> i64 {
        self.row.figures.enrolments
    }

    /// Applications, whatever became of them.
    fn applications(&self) -> i64 {
        self.row.figures.applications
    }

    /// Admitted enrolments of women.
    fn women(&self) -> i64 {
        self.row.figures.women
    }

    /// Admitted enrolments of men.
    fn men(&self) -> i64 {
        self.row.figures.men
    }

    /// Admitted enrolments of people of another gender.
    fn another(&self) -> i64 {
        self.row.figures.another
    }

    /// Admitted enrolments of people who did not state their gender.
    fn not_stated(&self) -> i64 {
        self.row.figures.not_stated
    }

    /// Distinct institutions stated in admitted enrolments.
    fn institutions(&self) -> i64 {
        self.row.institutions
    }

    /// Distinct countries stated in admitted enrolments.
    fn countries(&self) -> i64 {
        self.row.countries
    }

    /// Completed enrolments.
    fn completed(&self) -> i64 {
        self.row.figures.completed
    }

    /// Completed of admitted enrolments, 0 to 1 with four decimals; null without enrolments.
    fn completion_rate(&self) -> Option<String> {
        let rate = self.row.figures.completion_rate()?;
        Some(format!("{}.{:04}", rate / 10_000, rate % 10_000))
    }

    /// Enrolments that the person ended.
    fn withdrawn(&self) -> i64 {
        self.row.figures.withdrawn
    }

    /// Roadmaps and projects handed in.
    fn submitted(&self) -> i64 {
        self.row.figures.submitted
    }

    /// Those of them with a released grade.
    fn released(&self) -> i64 {
        self.row.figures.released
    }

    /// Synchronous meetings that have begun, of editions that run or ran; null where they cannot be divided so.
    fn meetings(&self) -> Option<i64> {
        self.row.meetings.map(|(count, _)| count)
    }

    /// The planned length of these meetings in hours, with two decimals; null where they cannot be divided so.
    fn meeting_hours(&self) -> Option<String> {
        self.row.meetings.map(|(_, minutes)| hours(minutes))
    }
}

/// Minutes as hours with two decimals, rounded half up.
pub fn hours(minutes: i64) -> String {
    let hundredths = (minutes * 10 + 3) / 6;
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// An answer: the groups and all of them together.
#[derive(SimpleObject)]
pub struct Statistics {
    /// The groups in which anything is counted: editions by first day, courses by code, institutions by
    /// name, everything else by its word. At most 10,000.
    rows: Vec<StatisticsRow>,
    /// All of them together; distinct people, institutions and countries are counted once.
    total: StatisticsRow,
    /// The instant as at which the figures hold.
    as_at: DateTime<Utc>,
}

/// The definition of a measure.
#[derive(SimpleObject)]
pub struct MeasureDefinition {
    /// The measure.
    measure: Measure,
    /// Its written rule, in English.
    rule: &'static str,
}

/// Queries about statistics.
#[derive(Default)]
pub struct StatisticsQuery;

#[Object]
impl StatisticsQuery {
    /// Exact figures of the editions that you coordinate, by any combination of dimensions; of all for an
    /// administrator. Where only totals of editions are asked for, those count too in which teams are in your charge as
    /// a tutor: no dimension, filter or figure that is of people.
    async fn statistics(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The dimensions that divide the figures, each once; none for the total alone.",
            default_with = "Some(Vec::new())"
        )]
        // None for null, and for a variable without a value, to which the library gives no default.
        by: Option<Vec<Dimension>>,
        #[graphql(desc = "What is counted.")] filter: Option<StatisticsFilter>,
        #[graphql(
            desc = "An earlier instant, to get the figures as they then were; the present without it. Names and the days of editions are those of now."
        )]
        as_at: Option<DateTime<Utc>>,
    ) -> ApiResult<Statistics> {
        let request = Request::of(ctx);
        let (figures, measures) = selected(&ctx.look_ahead());
        let by: Vec<domain::Dimension> = by.into_iter().flatten().map(Into::into).collect();
        let filter = filter.unwrap_or_default().read()?;
        let mut faults = Faults::default();
        let as_at = faults.take_argument("asAt", as_at.map(parse_instant).transpose());
        faults.check()?;
        let question = Question {
            by,
            filter,
            as_at: as_at.flatten(),
            figures,
            measures,
        };
        let Answer { rows, total, as_at } = ask(&request.app, &request.actor, &question).await?;
        let by: std::sync::Arc<[_]> = question.by.into();
        let wrap = |row| StatisticsRow { by: by.clone(), row };
        Ok(Statistics {
            rows: rows.into_iter().map(wrap).collect(),
            total: wrap(total),
            as_at,
        })
    }

    /// Every measure with its written rule.
    async fn measures(&self) -> Vec<MeasureDefinition> {
        let define = |&measure: &domain::Measure| MeasureDefinition {
            measure: measure.into(),
            rule: measure.rule(),
        };
        domain::Measure::ALL.iter().map(define).collect()
    }
}

/// What the selection of the rows or of the total makes necessary.
fn selected(looked: &Lookahead<'_>) -> (Vec<Figure>, BTreeSet<domain::Measure>) {
    use domain::Measure as M;
    let has = |field: &str| looked.field("rows").field(field).exists() || looked.field("total").field(field).exists();
    let figures = [
        ("applications", Figure::Applications),
        ("enrolments", Figure::Enrolments),
        ("women", Figure::Women),
        ("men", Figure::Men),
        ("another", Figure::Another),
        ("notStated", Figure::NotStated),
        ("completed", Figure::Completed),
        ("withdrawn", Figure::Withdrawn),
        ("submitted", Figure::Submitted),
        ("released", Figure::Released),
    ];
    let mut wanted: BTreeSet<Figure> = figures
        .into_iter()
        .filter(|(field, _)| has(field))
        .map(|(_, figure)| figure)
        .collect();
    if has("completionRate") {
        wanted.extend([Figure::Completed, Figure::Enrolments]);
    }
    let measures = [
        ("participants", M::Participants),
        ("institutions", M::Institutions),
        ("countries", M::Countries),
        ("meetings", M::Meetings),
        ("meetingHours", M::Meetings),
    ];
    let measures = measures
        .into_iter()
        .filter(|(field, _)| has(field))
        .map(|(_, measure)| measure)
        .collect();
    (wanted.into_iter().collect(), measures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reports_minutes_are_its_hours() {
        assert_eq!(hours(10_995), "183.25");
        assert_eq!(hours(0), "0.00");
        assert_eq!(hours(100), "1.67");
    }
}
