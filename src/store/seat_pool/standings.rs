//! How the applications to editions stand, by the pool to which people belong: read from the summaries of the
//! statistics, so that it costs the same whatever the number of applications.

use std::collections::HashMap;

use sea_orm::ConnectionTrait;
use sea_orm::sea_query::{Expr, ExprTrait, Query};

use crate::domain::enrolment::EnrolmentState;
use crate::domain::id::{EditionId, SeatPoolId};
use crate::domain::standing::Standings;
use crate::error::{Error, Result};

/// The pool to which somebody belongs: of several, the one whose seats they take first, as the order of `KeptFor` in
/// `domain/seats.rs` has it; `tests/seats/belonging.rs` compares the two.
const POOL: &str = "COALESCE(
    (SELECT p.id FROM seat_pool p WHERE p.edition_id = t.edition_id AND p.institution_id = t.institution_id
       AND p.released_at IS NULL),
    (SELECT p.id FROM seat_pool p WHERE p.edition_id = t.edition_id AND p.constituent_group = t.constituent_group
       AND p.released_at IS NULL),
    (SELECT p.id FROM seat_pool p WHERE p.edition_id = t.edition_id AND p.country = t.country
       AND p.released_at IS NULL))";

/// The applications of people who belong to a pool; `None` for those who belong to none.
pub type ByPool = HashMap<Option<SeatPoolId>, Standings>;

/// How the applications to these editions stand. A pool to which nobody who applied belongs is left out.
pub async fn of(connection: &impl ConnectionTrait, editions: &[EditionId]) -> Result<HashMap<EditionId, ByPool>> {
    let each = Query::select()
        .expr_as(Expr::cust("t.edition_id"), "edition_id")
        .expr_as(Expr::cust(POOL), "pool_id")
        .expr_as(Expr::cust("t.status"), "status")
        .expr_as(Expr::cust("t.enrolments"), "applications")
        .from_as("tally_detail", "t")
        .and_where(Expr::col(("t", "edition_id")).is_in(editions.iter().copied()))
        .to_owned();
    let sums = Query::select()
        .columns(["edition_id", "pool_id", "status"])
        .expr(Expr::cust("CAST(SUM(applications) AS bigint)"))
        .from_subquery(each, "counted")
        .group_by_columns(["edition_id", "pool_id", "status"])
        .to_owned();
    let mut all: HashMap<EditionId, ByPool> = HashMap::new();
    for row in connection.query_all(&sums).await? {
        let edition: EditionId = row.try_get_by_index(0)?;
        let pool: Option<SeatPoolId> = row.try_get_by_index(1)?;
        let word: String = row.try_get_by_index(2)?;
        let state = EnrolmentState::from_word(&word).ok_or_else(|| Error::internal("a stored state is unknown"))?;
        let of_pool = all.entry(edition).or_default().entry(pool).or_default();
        of_pool.count(state, row.try_get_by_index(3)?);
    }
    Ok(all)
}
