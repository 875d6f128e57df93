//! Reading the statistics: from the smallest kept summary that knows the dimensions asked for, or, for an
//! earlier instant, from the journal. `tally` keeps both.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use roaring::RoaringBitmap;
use sea_orm::sea_query::{
    Alias, CaseStatement, Expr, ExprTrait, Func, IntoCondition, JoinType, Order, Query, SelectStatement, SimpleExpr,
};
use sea_orm::{Condition, ConnectionTrait, QueryResult};
use uuid::Uuid;

use super::{edition, enrolment, institution, meeting, tally};
use crate::domain::actor::Reach;
use crate::domain::enrolment::EnrolmentState;
use crate::domain::person::Gender;
use crate::domain::statistics::{Dimension, Figures, Filter, PeriodRule};
use crate::error::{Error, Result};

/// The value of one dimension in a group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// A word, a code or a month; empty when not stated.
    Text(String),
    /// A course, an edition or an institution; nil when not stated.
    Id(Uuid),
}

/// The values of a group, one for each dimension asked for, in the order asked.
pub type GroupKey = Vec<Part>;

/// Which of the [`Figures`] are wanted; the others stay zero and cost nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "named as the figures are")]
pub enum Figure {
    Applications,
    Enrolments,
    Women,
    Men,
    Another,
    NotStated,
    Completed,
    Withdrawn,
    Submitted,
    Released,
}

/// What is counted, among which editions, as at when.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// What restricts it.
    pub filter: &'a Filter,
    /// The editions that may be counted at all.
    pub reach: &'a Reach,
    /// An earlier instant, `None` for the present.
    pub as_at: Option<DateTime<Utc>>,
}

/// What is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grain {
    Overall,
    Edition,
    Detail,
    Journal(DateTime<Utc>),
}

impl Scope<'_> {
    fn grain(&self, by: &[Dimension], needs_institution: bool) -> Grain {
        let needs_edition =
            *self.reach != Reach::Everywhere || self.filter.is_of_edition() || by.iter().any(|d| d.is_of_edition());
        match self.as_at {
            Some(instant) => Grain::Journal(instant),
            None if needs_institution || self.filter.needs_detail() || by.iter().any(|d| d.needs_detail()) => {
                Grain::Detail
            }
            None if needs_edition => Grain::Edition,
            None => Grain::Overall,
        }
    }
}

fn t(column: &'static str) -> SimpleExpr {
    Expr::col((Alias::new("t"), Alias::new(column)))
}

fn column_of(dimension: Dimension) -> SimpleExpr {
    match dimension {
        Dimension::Gender => t("gender"),
        Dimension::Country => t("country"),
        Dimension::Institution => t("institution_id"),
        Dimension::InstitutionKind => {
            let kind = Expr::col((institution::Entity, institution::Column::Kind));
            Func::coalesce([kind, Expr::val("")]).into()
        }
        Dimension::ConstituentGroup => t("constituent_group"),
        Dimension::Course => Expr::col((edition::Entity, edition::Column::CourseId)),
        Dimension::Edition => t("edition_id"),
        Dimension::Language => t("language"),
        Dimension::Status => t("status"),
        Dimension::Month => t("month"),
    }
}

fn alias(place: usize) -> String {
    format!("d{place}")
}

fn is_id(dimension: Dimension) -> bool {
    matches!(dimension, Dimension::Institution | Dimension::Course | Dimension::Edition)
}

/// The words of the states that count as admitted.
fn admitted() -> Vec<&'static str> {
    EnrolmentState::ALL.iter().filter(|state| state.was_admitted()).map(|state| state.word()).collect()
}

/// Joins and restricts, whatever `t` is.
fn restrict(statement: &mut SelectStatement, scope: &Scope, by: &[Dimension]) {
    let filter = scope.filter;
    let reach_courses = matches!(scope.reach, Reach::Within { courses, .. } if !courses.is_empty());
    if filter.period.is_some() || !filter.courses.is_empty() || reach_courses || by.contains(&Dimension::Course) {
        let on = Expr::col((edition::Entity, edition::Column::Id)).eq(t("edition_id"));
        statement.join(JoinType::InnerJoin, edition::Entity, on);
    }
    if !filter.institution_kinds.is_empty() || by.contains(&Dimension::InstitutionKind) {
        let on = Expr::col((institution::Entity, institution::Column::Id)).eq(t("institution_id"));
        statement.join(JoinType::LeftJoin, institution::Entity, on);
    }
    statement.cond_where(editions_condition(scope)).cond_where(people_condition(filter));
}

/// Which editions: period, courses, editions, and those within reach.
fn editions_condition(scope: &Scope) -> Condition {
    let filter = scope.filter;
    let course = || Expr::col((edition::Entity, edition::Column::CourseId));
    let mut all = Condition::all();
    if let Some(period) = filter.period {
        let starts = || Expr::col((edition::Entity, edition::Column::StartsOn));
        let ends = || Expr::col((edition::Entity, edition::Column::EndsOn));
        all = match period.rule {
            PeriodRule::Started => all.add(starts().between(period.from, period.to)),
            PeriodRule::Ended => all.add(ends().between(period.from, period.to)),
            PeriodRule::Overlapped => all.add(starts().lte(period.to)).add(ends().gte(period.from)),
        };
    }
    if !filter.courses.is_empty() {
        all = all.add(course().is_in(filter.courses.iter().map(|id| id.0)));
    }
    if !filter.editions.is_empty() {
        all = all.add(t("edition_id").is_in(filter.editions.iter().map(|id| id.0)));
    }
    if let Reach::Within { courses, editions } = scope.reach {
        let mut within = Condition::any().add(t("edition_id").is_in(editions.iter().map(|id| id.0)));
        if !courses.is_empty() {
            within = within.add(course().is_in(courses.iter().map(|id| id.0)));
        }
        all = all.add(within);
    }
    all
}

/// Which people, as their enrolments have frozen them.
fn people_condition(filter: &Filter) -> Condition {
    let mut all = Condition::all();
    let mut words = |column: &'static str, words: Vec<String>| {
        if !words.is_empty() {
            all = all.clone().add(t(column).is_in(words));
        }
    };
    words("gender", filter.genders.iter().map(|value| value.word().to_owned()).collect());
    words("country", filter.countries.clone());
    words("constituent_group", filter.constituent_groups.iter().map(|value| value.word().to_owned()).collect());
    words("language", filter.languages.iter().map(|value| value.code().to_owned()).collect());
    words("status", filter.statuses.iter().map(|value| value.word().to_owned()).collect());
    words("month", filter.months.clone());
    if !filter.institutions.is_empty() {
        all = all.add(t("institution_id").is_in(filter.institutions.iter().map(|id| id.0)));
    }
    if !filter.institution_kinds.is_empty() {
        let kind = Expr::col((institution::Entity, institution::Column::Kind));
        all = all.add(kind.is_in(filter.institution_kinds.iter().map(|kind| kind.word())));
    }
    all
}

/// A statement that reads from `grain` as `t`, restricted, with the dimensions as `d0`, `d1`, …
fn select(grain: Grain, scope: &Scope, by: &[Dimension]) -> SelectStatement {
    let mut statement = Query::select();
    let named = Alias::new("t");
    match grain {
        Grain::Overall => statement.from_as(Alias::new("tally_overall"), named),
        Grain::Edition => statement.from_as(Alias::new("tally_edition"), named),
        Grain::Detail => statement.from_as(Alias::new("tally_detail"), named),
        Grain::Journal(instant) => statement.from_subquery(journal(instant), named),
    };
    restrict(&mut statement, scope, by);
    for (place, &dimension) in by.iter().enumerate() {
        statement.expr_as(column_of(dimension), Alias::new(alias(place)));
        statement.group_by_columns([Alias::new(alias(place))]);
    }
    statement
}

/// The facts that held at an instant: one row an enrolment, since what began and ended cancels out.
fn journal(instant: DateTime<Utc>) -> SelectStatement {
    let key = [
        "edition_id", "status", "gender", "country", "institution_id", "constituent_group", "language", "month",
        "enrolment_id", "person_number",
    ];
    let mut statement = Query::select();
    statement.from(Alias::new("tally_change")).and_where(Expr::col(Alias::new("at")).lte(instant));
    for name in key {
        statement.column(Alias::new(name)).group_by_col(Alias::new(name));
    }
    for name in ["enrolments", "submitted", "released"] {
        statement.expr_as(sum(Expr::col(Alias::new(name))), Alias::new(name));
    }
    statement.cond_having(sum(Expr::col(Alias::new("enrolments"))).ne(0).into_condition());
    statement
}

fn sum(of: SimpleExpr) -> SimpleExpr {
    Expr::expr(Func::cast_as(Func::sum(of), Alias::new("bigint")))
}

fn sum_where(condition: SimpleExpr, of: SimpleExpr) -> SimpleExpr {
    sum(CaseStatement::new().case(condition, of).finally(0).into())
}

impl Figure {
    fn expression(self) -> SimpleExpr {
        let of_gender = |gender: Gender| {
            let counted = t("status").is_in(admitted()).and(t("gender").eq(gender.word()));
            sum_where(counted, t("enrolments"))
        };
        let of_state = |state: EnrolmentState| sum_where(t("status").eq(state.word()), t("enrolments"));
        match self {
            Self::Applications => sum(t("enrolments")),
            Self::Enrolments => sum_where(t("status").is_in(admitted()), t("enrolments")),
            Self::Women => of_gender(Gender::Female),
            Self::Men => of_gender(Gender::Male),
            Self::Another => of_gender(Gender::Another),
            Self::NotStated => of_gender(Gender::NotStated),
            Self::Completed => of_state(EnrolmentState::Completed),
            Self::Withdrawn => of_state(EnrolmentState::Withdrawn),
            Self::Submitted => sum(t("submitted")),
            Self::Released => sum(t("released")),
        }
    }

    fn place(self, figures: &mut Figures) -> &mut i64 {
        match self {
            Self::Applications => &mut figures.applications,
            Self::Enrolments => &mut figures.enrolments,
            Self::Women => &mut figures.women,
            Self::Men => &mut figures.men,
            Self::Another => &mut figures.another,
            Self::NotStated => &mut figures.not_stated,
            Self::Completed => &mut figures.completed,
            Self::Withdrawn => &mut figures.withdrawn,
            Self::Submitted => &mut figures.submitted,
            Self::Released => &mut figures.released,
        }
    }
}

fn read_key(row: &QueryResult, by: &[Dimension]) -> Result<GroupKey> {
    let part = |(place, &dimension): (usize, &Dimension)| {
        if is_id(dimension) {
            row.try_get_by_index(place).map(Part::Id)
        } else {
            row.try_get_by_index(place).map(Part::Text)
        }
    };
    Ok(by.iter().enumerate().map(part).collect::<Result<_, _>>()?)
}

/// The wanted figures of every group in which anything is counted.
pub async fn figures(
    connection: &impl ConnectionTrait,
    scope: &Scope<'_>,
    by: &[Dimension],
    wanted: &[Figure],
) -> Result<BTreeMap<GroupKey, Figures>> {
    let mut statement = select(scope.grain(by, false), scope, by);
    for figure in wanted {
        statement.expr(figure.expression());
    }
    statement.cond_having(sum(t("enrolments")).ne(0).into_condition());
    let mut groups = BTreeMap::new();
    for row in connection.query_all(&statement).await? {
        let mut figures = Figures::default();
        for (place, figure) in wanted.iter().enumerate() {
            let value: Option<i64> = row.try_get_by_index(by.len() + place)?;
            *figure.place(&mut figures) = value.unwrap_or_default();
        }
        groups.insert(read_key(&row, by)?, figures);
    }
    Ok(groups)
}

/// What distinct things are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distinct {
    /// Institutions, those stated.
    Institutions,
    /// Countries, those stated.
    Countries,
}

/// How many distinct institutions or countries the admitted enrolments of every group state.
pub async fn distinct(
    connection: &impl ConnectionTrait,
    scope: &Scope<'_>,
    by: &[Dimension],
    of: Distinct,
) -> Result<BTreeMap<GroupKey, i64>> {
    let mut statement = select(scope.grain(by, of == Distinct::Institutions), scope, by);
    let (column, absent): (_, SimpleExpr) = match of {
        Distinct::Institutions => (t("institution_id"), Expr::val(Uuid::nil())),
        Distinct::Countries => (t("country"), Expr::val("")),
    };
    statement
        .expr(Func::count_distinct(column.clone()))
        .and_where(column.ne(absent))
        .and_where(t("status").is_in(admitted()))
        .and_where(t("enrolments").gt(0));
    read_counts(connection, &statement, by).await
}

async fn read_counts(
    connection: &impl ConnectionTrait,
    statement: &SelectStatement,
    by: &[Dimension],
) -> Result<BTreeMap<GroupKey, i64>> {
    let rows = connection.query_all(statement).await?;
    rows.iter().map(|row| Ok((read_key(row, by)?, row.try_get_by_index(by.len())?))).collect()
}

/// How many distinct people every group has, and all of them together.
///
/// The present figures by gender, country, status, course and edition are unions of kept sets; with
/// another dimension or filter, or for an earlier instant, the enrolments or the journal are read.
pub async fn people(
    connection: &impl ConnectionTrait,
    scope: &Scope<'_>,
    by: &[Dimension],
) -> Result<(BTreeMap<GroupKey, i64>, i64)> {
    match scope.grain(by, false) {
        grain @ (Grain::Overall | Grain::Edition) => people_from_sets(connection, grain, scope, by).await,
        grain @ (Grain::Detail | Grain::Journal(_)) => {
            let groups = people_from_rows(connection, grain, scope, by).await?;
            let total = if by.is_empty() {
                groups.values().sum()
            } else {
                people_from_rows(connection, grain, scope, &[]).await?.values().sum()
            };
            Ok((groups, total))
        }
    }
}

async fn people_from_sets(
    connection: &impl ConnectionTrait,
    grain: Grain,
    scope: &Scope<'_>,
    by: &[Dimension],
) -> Result<(BTreeMap<GroupKey, i64>, i64)> {
    let table = if grain == Grain::Overall { "people_overall" } else { "tally_edition" };
    let mut statement = Query::select();
    statement.from_as(Alias::new(table), Alias::new("t"));
    restrict(&mut statement, scope, by);
    for &dimension in by {
        statement.expr(column_of(dimension));
    }
    statement.expr(t("people")).and_where(t("status").is_in(admitted()));
    let mut sets: BTreeMap<GroupKey, RoaringBitmap> = BTreeMap::new();
    for row in connection.query_all(&statement).await? {
        let people = tally::deserialize(&row.try_get_by_index::<Vec<u8>>(by.len())?)?;
        if !people.is_empty() {
            *sets.entry(read_key(&row, by)?).or_default() |= people;
        }
    }
    let mut all = RoaringBitmap::new();
    let mut groups = BTreeMap::new();
    for (key, set) in sets {
        groups.insert(key, count(set.len())?);
        all |= set;
    }
    Ok((groups, count(all.len())?))
}

fn count(number: u64) -> Result<i64> {
    i64::try_from(number).map_err(Error::internal)
}

async fn people_from_rows(
    connection: &impl ConnectionTrait,
    grain: Grain,
    scope: &Scope<'_>,
    by: &[Dimension],
) -> Result<BTreeMap<GroupKey, i64>> {
    let rows = match grain {
        Grain::Journal(instant) => journal(instant),
        Grain::Overall | Grain::Edition | Grain::Detail => enrolments(),
    };
    let mut statement = Query::select();
    statement.from_subquery(rows, Alias::new("t"));
    restrict(&mut statement, scope, by);
    for (place, &dimension) in by.iter().enumerate() {
        statement.expr_as(column_of(dimension), Alias::new(alias(place)));
        statement.group_by_columns([Alias::new(alias(place))]);
    }
    statement.expr(Func::count_distinct(t("person_number"))).and_where(t("status").is_in(admitted()));
    read_counts(connection, &statement, by).await
}

/// The enrolments under the names of the counts.
fn enrolments() -> SelectStatement {
    use enrolment::Column as C;
    let institution = Func::coalesce([Expr::col(C::InstitutionId), Expr::val(Uuid::nil())]);
    Query::select()
        .column(C::EditionId)
        .expr_as(Expr::col(C::State), Alias::new("status"))
        .columns([C::Gender, C::Country, C::ConstituentGroup, C::Language, C::PersonNumber])
        .expr_as(institution, Alias::new("institution_id"))
        .expr_as(Expr::col(C::AppliedMonth), Alias::new("month"))
        .from(enrolment::Entity)
        .to_owned()
}

/// How many meetings began until `until`, and their planned minutes, by course or edition.
pub async fn meetings(
    connection: &impl ConnectionTrait,
    scope: &Scope<'_>,
    by: &[Dimension],
    until: DateTime<Utc>,
) -> Result<BTreeMap<GroupKey, (i64, i64)>> {
    use meeting::Column as C;
    let mut statement = Query::select();
    statement.from_as(meeting::Entity, Alias::new("t"));
    restrict(&mut statement, scope, by);
    for (place, &dimension) in by.iter().enumerate() {
        statement.expr_as(column_of(dimension), Alias::new(alias(place)));
        statement.group_by_columns([Alias::new(alias(place))]);
        statement.order_by(Alias::new(alias(place)), Order::Asc);
    }
    statement
        .expr(Func::count(Expr::col((Alias::new("t"), C::Id))))
        .expr(sum(Expr::col((Alias::new("t"), C::Minutes))))
        .and_where(Expr::col((Alias::new("t"), C::StartsAt)).lte(until));
    let rows = connection.query_all(&statement).await?;
    rows.iter()
        .map(|row| {
            let minutes: Option<i64> = row.try_get_by_index(by.len() + 1)?;
            Ok((read_key(row, by)?, (row.try_get_by_index(by.len())?, minutes.unwrap_or_default())))
        })
        .collect()
}
