//! How many works an enrolment handed in, and how many of them have a released grade.

use std::collections::BTreeMap;

use sea_orm::prelude::*;
use sea_orm::{QueryOrder, QuerySelect, Set};

use super::{Tx, enrolment, tally};
use crate::clock::Clock;
use crate::domain::id::EnrolmentId;
use crate::domain::statistics::Change;
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
    let mut changes = Vec::with_capacity(rows.len());
    for row in rows {
        let times = times.get(&row.id).copied().unwrap_or_default();
        let (submitted, released) = match counted {
            Counted::Submitted => (times, 0),
            Counted::Released => (0, times),
            Counted::Reopened => (0, -times),
        };
        let after = enrolment::Model {
            works_submitted: row.works_submitted + submitted,
            works_released: row.works_released + released,
            version: row.version + 1,
            ..row.clone()
        };
        let counts = enrolment::ActiveModel {
            works_submitted: Set(after.works_submitted),
            works_released: Set(after.works_released),
            version: Set(after.version),
            ..Default::default()
        };
        enrolment::Entity::update_many()
            .set(counts)
            .filter(enrolment::Column::Id.eq(row.id))
            .exec(tx)
            .await?;
        let (before, after) = (enrolment::fact(&row), enrolment::fact(&after));
        changes.push(Change {
            at: clock.now(),
            before: Some(before),
            after: Some(after),
        });
    }
    tally::record(tx, clock, &changes).await
}
