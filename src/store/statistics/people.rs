//! Distinct people, exactly: unions of kept sets where these know the dimensions, or else a count over rows.

use std::collections::BTreeMap;

use roaring::RoaringBitmap;
use sea_orm::ConnectionTrait;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Func, Query, SelectStatement};
use uuid::Uuid;

use super::select::{Grain, admitted, column_of, divide, journal, restrict, t};
use super::{GroupKey, Scope, read_counts, read_key};
use crate::domain::statistics::Dimension;
use crate::error::{Error, Result};
use crate::store::{enrolment, tally};

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
    let table = if grain == Grain::Overall {
        "people_overall"
    } else {
        "tally_edition"
    };
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
    divide(&mut statement, scope, by);
    statement
        .expr(Func::count_distinct(t("person_number")))
        .and_where(t("status").is_in(admitted()));
    read_counts(connection, &statement, by).await
}

/// The enrolments under the names of the counts.
fn enrolments() -> SelectStatement {
    use enrolment::Column as C;
    let kind = Func::coalesce([Expr::col(C::InstitutionKind), Expr::val("")]);
    let institution = Func::coalesce([Expr::col(C::InstitutionId), Expr::val(Uuid::nil())]);
    Query::select()
        .column(C::EditionId)
        .expr_as(Expr::col(C::State), Alias::new("status"))
        .columns([C::Gender, C::Country, C::ConstituentGroup, C::Language, C::PersonNumber])
        .expr_as(institution, Alias::new("institution_id"))
        .expr_as(Expr::col(C::AppliedMonth), Alias::new("month"))
        .expr_as(kind, Alias::new("institution_kind"))
        .from(enrolment::Entity)
        .to_owned()
}
