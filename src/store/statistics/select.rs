//! Which summary a question reads from, and how it is joined and restricted there.

use chrono::{DateTime, Utc};
use sea_orm::Condition;
use sea_orm::sea_query::{
    Alias, CaseStatement, Expr, ExprTrait, Func, IntoCondition, JoinType, Query, SelectStatement, SimpleExpr,
};

use super::Scope;
use crate::domain::actor::Reach;
use crate::domain::enrolment::EnrolmentState;
use crate::domain::statistics::{Dimension, PeriodRule};
use crate::store::{edition, institution};

/// What is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grain {
    Overall,
    Edition,
    Detail,
    Journal(DateTime<Utc>),
}

impl Scope<'_> {
    pub(super) fn grain(&self, by: &[Dimension], needs_institution: bool) -> Grain {
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

pub(super) fn t(column: &'static str) -> SimpleExpr {
    Expr::col((Alias::new("t"), Alias::new(column)))
}

pub(super) fn column_of(dimension: Dimension) -> SimpleExpr {
    match dimension {
        Dimension::Gender => t("gender"),
        Dimension::Country => t("country"),
        Dimension::Institution => t("institution_id"),
        Dimension::InstitutionKind => t("institution_kind"),
        Dimension::ConstituentGroup => t("constituent_group"),
        Dimension::Course => Expr::col((edition::Entity, edition::Column::CourseId)),
        Dimension::Edition => t("edition_id"),
        Dimension::Language => t("language"),
        Dimension::Status => t("status"),
        Dimension::Month => t("month"),
    }
}

pub(super) fn alias(place: usize) -> String {
    format!("d{place}")
}

pub(super) fn is_id(dimension: Dimension) -> bool {
    matches!(
        dimension,
        Dimension::Institution | Dimension::Course | Dimension::Edition
    )
}

/// The words of the states that count as admitted.
pub(super) fn admitted() -> Vec<&'static str> {
    EnrolmentState::ALL
        .iter()
        .filter(|state| state.was_admitted())
        .map(|state| state.word())
        .collect()
}

/// Joins and restricts, whatever `t` is.
pub(super) fn restrict(statement: &mut SelectStatement, scope: &Scope, by: &[Dimension]) {
    let filter = scope.filter;
    let reach_courses = matches!(scope.reach, Reach::Within { courses, .. } if !courses.is_empty());
    if filter.period.is_some() || !filter.courses.is_empty() || reach_courses || by.contains(&Dimension::Course) {
        let on = Expr::col((edition::Entity, edition::Column::Id)).eq(t("edition_id"));
        statement.join(JoinType::InnerJoin, edition::Entity, on);
    }
    statement
        .cond_where(editions_condition(scope))
        .cond_where(people_condition(scope));
}

/// Which editions: period, courses, editions, and those within reach.
pub(super) fn editions_condition(scope: &Scope) -> Condition {
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
pub(super) fn people_condition(scope: &Scope) -> Condition {
    let filter = scope.filter;
    let mut all = Condition::all();
    let mut words = |column: &'static str, words: Vec<String>| {
        if !words.is_empty() {
            all = all.clone().add(t(column).is_in(words));
        }
    };
    words(
        "gender",
        filter.genders.iter().map(|value| value.word().to_owned()).collect(),
    );
    words("country", filter.countries.clone());
    words(
        "constituent_group",
        filter
            .constituent_groups
            .iter()
            .map(|value| value.word().to_owned())
            .collect(),
    );
    words(
        "language",
        filter.languages.iter().map(|value| value.code().to_owned()).collect(),
    );
    words(
        "status",
        filter.statuses.iter().map(|value| value.word().to_owned()).collect(),
    );
    words("month", filter.months.clone());
    let kinds = filter.institution_kinds.iter();
    words("institution_kind", kinds.map(|kind| kind.word().to_owned()).collect());
    if !filter.institutions.is_empty() {
        all = all.add(institutions_condition(scope));
    }
    all
}

/// Which institutions. Now those count that were merged into one of them, too; at an earlier instant each is what it
/// was.
fn institutions_condition(scope: &Scope) -> Condition {
    let ids = &scope.filter.institutions;
    let column = t("institution_id");
    match scope.as_at {
        Some(_) => column.is_in(ids.iter().map(|id| id.0)).into_condition(),
        None => institution::family(column, ids),
    }
}

/// A statement for sums: of an earlier instant it adds up the journal itself, where what began and ended
/// cancels out in the sum.
pub(super) fn select_sums(grain: Grain, scope: &Scope, by: &[Dimension]) -> SelectStatement {
    let Grain::Journal(instant) = grain else {
        return select(grain, scope, by);
    };
    let mut statement = Query::select();
    statement
        .from_as(Alias::new("tally_change"), Alias::new("t"))
        .and_where(t("at").lte(instant));
    divide(&mut statement, scope, by);
    statement
}

/// A statement that reads from `grain` as `t`, restricted, with the dimensions as `d0`, `d1`, …
pub(super) fn select(grain: Grain, scope: &Scope, by: &[Dimension]) -> SelectStatement {
    let mut statement = Query::select();
    let named = Alias::new("t");
    match grain {
        Grain::Overall => statement.from_as(Alias::new("tally_overall"), named),
        Grain::Edition => statement.from_as(Alias::new("tally_edition"), named),
        Grain::Detail => statement.from_as(Alias::new("tally_detail"), named),
        Grain::Journal(instant) => statement.from_subquery(journal(instant), named),
    };
    divide(&mut statement, scope, by);
    statement
}

/// Restricts a statement over `t` and divides it by the dimensions.
pub(super) fn divide(statement: &mut SelectStatement, scope: &Scope, by: &[Dimension]) {
    restrict(statement, scope, by);
    for (place, &dimension) in by.iter().enumerate() {
        statement.expr_as(column_of(dimension), Alias::new(alias(place)));
        statement.group_by_columns([Alias::new(alias(place))]);
    }
}

/// The facts that held at an instant: one row an enrolment, since what began and ended cancels out.
pub(super) fn journal(instant: DateTime<Utc>) -> SelectStatement {
    let key = [
        "edition_id",
        "status",
        "gender",
        "country",
        "institution_id",
        "constituent_group",
        "language",
        "month",
        "institution_kind",
        "enrolment_id",
        "person_number",
    ];
    let mut statement = Query::select();
    statement
        .from(Alias::new("tally_change"))
        .and_where(Expr::col(Alias::new("at")).lte(instant));
    for name in key {
        statement.column(Alias::new(name)).group_by_col(Alias::new(name));
    }
    for name in ["enrolments", "submitted", "released"] {
        statement.expr_as(sum(Expr::col(Alias::new(name))), Alias::new(name));
    }
    statement.cond_having(sum(Expr::col(Alias::new("enrolments"))).ne(0).into_condition());
    statement
}

pub(super) fn sum(of: SimpleExpr) -> SimpleExpr {
    Expr::expr(Func::cast_as(Func::sum(of), Alias::new("bigint")))
}

pub(super) fn sum_where(condition: SimpleExpr, of: SimpleExpr) -> SimpleExpr {
    sum(CaseStatement::new().case(condition, of).finally(0).into())
}
