//! Reading the statistics: from the smallest kept summary that knows the dimensions asked for, or, for an
//! earlier instant, from the journal. `tally` keeps both.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Func, IntoCondition, Order, Query, SelectStatement, SimpleExpr};
use sea_orm::{ConnectionTrait, QueryResult};
use uuid::Uuid;

use self::select::{admitted, divide, is_id, select, select_sums, sum, sum_where, t};
use super::{edition, history, meeting};
use crate::domain::actor::Reach;
use crate::domain::edition::EditionState;
use crate::domain::enrolment::EnrolmentState;
use crate::domain::person::Gender;
use crate::domain::statistics::{Dimension, Figures, Filter};
use crate::error::Result;

mod people;
mod select;

pub use people::people;

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

/// The wanted figures of the groups in which anything is counted, of `most` groups at most: whoever asks for one more
/// than they can use learns that there are too many.
pub async fn figures(
    connection: &impl ConnectionTrait,
    scope: &Scope<'_>,
    by: &[Dimension],
    wanted: &[Figure],
    most: u64,
) -> Result<BTreeMap<GroupKey, Figures>> {
    if by.is_empty() && wanted.is_empty() {
        // Nothing is asked of the database, which would not take a statement that selects nothing.
        return Ok(BTreeMap::new());
    }
    let mut statement = select_sums(scope.grain(by, false), scope, by);
    for figure in wanted {
        statement.expr(figure.expression());
    }
    statement
        .cond_having(sum(t("enrolments")).ne(0).into_condition())
        .limit(most);
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
    rows.iter()
        .map(|row| Ok((read_key(row, by)?, row.try_get_by_index(by.len())?)))
        .collect()
}

/// How many meetings began until `until`, and their planned minutes, by course or edition, of `most` groups at most.
/// Those of an edition count that runs or ran: what is planned only, or was cancelled, has none.
pub async fn meetings(
    connection: &impl ConnectionTrait,
    scope: &Scope<'_>,
    by: &[Dimension],
    until: DateTime<Utc>,
    most: u64,
) -> Result<BTreeMap<GroupKey, (i64, i64)>> {
    use meeting::Column as C;
    let mut statement = Query::select();
    statement.from_as(meeting::Entity, Alias::new("t"));
    divide(&mut statement, scope, by);
    statement
        .expr(Func::count(Expr::col((Alias::new("t"), C::Id))))
        .expr(sum(Expr::col((Alias::new("t"), C::Minutes))))
        .and_where(Expr::col((Alias::new("t"), C::StartsAt)).lte(until))
        .and_where(t("edition_id").in_subquery(taking_place(scope.as_at)))
        .limit(most);
    let rows = connection.query_all(&statement).await?;
    rows.iter()
        .map(|row| {
            let minutes: Option<i64> = row.try_get_by_index(by.len() + 1)?;
            Ok((
                read_key(row, by)?,
                (row.try_get_by_index(by.len())?, minutes.unwrap_or_default()),
            ))
        })
        .collect()
}

/// The editions that run or ran: now, by their state, or at an earlier instant, by the last step in their history until
/// then.
fn taking_place(as_at: Option<DateTime<Utc>>) -> SelectStatement {
    let states = EditionState::ALL.iter().filter(|state| state.takes_place());
    let states: Vec<&str> = states.map(|state| state.word()).collect();
    let mut editions = Query::select();
    editions
        .column((edition::Entity, edition::Column::Id))
        .from(edition::Entity);
    let Some(instant) = as_at else {
        editions.and_where(Expr::col((edition::Entity, edition::Column::State)).is_in(states));
        return editions;
    };
    let latest = Query::select()
        .column(history::Column::Id)
        .from_as(history::Entity, "latest")
        .and_where(Expr::col(("latest", history::Column::SubjectId)).equals((edition::Entity, edition::Column::Id)))
        .and_where(Expr::col(("latest", history::Column::At)).lte(instant))
        .order_by(("latest", history::Column::At), Order::Desc)
        .order_by(("latest", history::Column::Id), Order::Desc)
        .limit(1)
        .to_owned();
    let stood = Query::select()
        .expr(Expr::val(1))
        .from_as(history::Entity, "stood")
        .and_where(Expr::col(("stood", history::Column::Id)).in_subquery(latest))
        .and_where(Expr::col(("stood", history::Column::ToState)).is_in(states))
        .to_owned();
    editions.and_where(Expr::exists(stood));
    editions
}
