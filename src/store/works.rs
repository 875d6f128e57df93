//! How many works an enrolment handed in, and how many of them have a released grade.

use std::collections::BTreeMap;

use sea_orm::prelude::*;
use sea_orm::sea_query::ExprTrait as _;
use sea_orm::{QueryOrder, QuerySelect};

use super::{Tx, enrolment, tally};
use crate::clock::Clock;
use crate::domain::id::EnrolmentId;
use crate::domain::statistics::{Change, Fact};
use crate::error::Result;

/// Which of an enrolment's counts of works changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// One more was handed in.
    Submitted,
    /// One more has a released grade.
    Released,
    /// A released grade went back into review.
    Reopened,
}

impl Counted {
    /// What so many works add to the counts of the submitted and of the released ones.
    const fn by(self, times: i64) -> (i64, i64) {
        match self {
            Self::Submitted => (times, 0),
            Self::Released => (0, times),
            Self::Reopened => (0, -times),
        }
    }
}

/// Counts works for the enrolments, and in the statistics.
pub async fn count(tx: &Tx, clock: &Clock, enrolments: &[EnrolmentId], counted: Counted) -> Result<()> {
    let mut times: BTreeMap<EnrolmentId, i64> = BTreeMap::new();
    for &id in enrolments {
        *times.entry(id).or_default() += 1;
    }
    let rows = enrolment::Entity::find()
        .filter(enrolment::Column::Id.is_in(times.keys().copied()))
        .order_by_asc(enrolment::Column::Id)
        .lock_exclusive()
        .all(tx)
        .await?;
    let mut by_times: BTreeMap<i64, Vec<enrolment::Model>> = BTreeMap::new();
    for row in rows {
        let times = times.get(&row.id).copied().unwrap_or_default();
        by_times.entry(times).or_default().push(row);
    }
    let mut changes = Vec::with_capacity(enrolments.len());
    for (times, rows) in by_times {
        let (submitted, released) = counted.by(times);
        add(tx, &rows, submitted, released).await?;
        changes.extend(rows.iter().map(|row| Change {
            at: clock.now(),
            before: Some(enrolment::fact(row)),
            after: Some(Fact {
                submitted: row.works_submitted + submitted,
                released: row.works_released + released,
                ..enrolment::fact(row)
            }),
        }));
    }
    tally::record(tx, clock, &changes).await
}

/// Adds to the counts of locked enrolments; every version rises by one.
async fn add(tx: &Tx, rows: &[enrolment::Model], submitted: i64, released: i64) -> Result<()> {
    use enrolment::Column as Of;
    enrolment::Entity::update_many()
        .col_expr(Of::WorksSubmitted, Expr::col(Of::WorksSubmitted).add(submitted))
        .col_expr(Of::WorksReleased, Expr::col(Of::WorksReleased).add(released))
        .col_expr(Of::Version, Expr::col(Of::Version).add(1))
        .filter(Of::Id.is_in(rows.iter().map(|row| row.id)))
        .exec(tx)
        .await?;
    Ok(())
}
