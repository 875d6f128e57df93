//! What the statistics count of an enrolment, from its application on.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::domain::enrolment::EnrolmentState;
use crate::domain::import::timeline::Steps;
use crate::domain::statistics::{Cell, Change, Fact};
use crate::store::enrolment;

/// What is counted of an enrolment and when: its states, and the work that is counted for it.
pub(super) fn changes(
    row: &enrolment::Model,
    steps: &Steps<EnrolmentState>,
    work: Option<(DateTime<Utc>, DateTime<Utc>)>,
) -> Vec<Change> {
    // A work handed in before its author was there counts from then on.
    let arrived = steps[0].1;
    let works = work.map(|(submitted, released)| (submitted.max(arrived), released.max(arrived)));
    let mut instants: Vec<DateTime<Utc>> = steps.iter().map(|step| step.1).collect();
    instants.extend(works.iter().flat_map(|(submitted, released)| [*submitted, *released]));
    instants.sort_unstable();
    instants.dedup();
    let mut before = None;
    let mut changes = Vec::with_capacity(instants.len());
    for at in instants {
        let status = steps
            .iter()
            .rev()
            .find(|step| step.1 <= at)
            .map_or(row.state, |step| step.0);
        let submitted = i64::from(works.is_some_and(|(submitted, _)| submitted <= at));
        let released = i64::from(works.is_some_and(|(_, released)| released <= at));
        let after = Some(fact(row, status, submitted, released));
        changes.push(Change {
            at,
            before,
            after: after.clone(),
        });
        before = after;
    }
    changes
}

fn fact(row: &enrolment::Model, status: EnrolmentState, submitted: i64, released: i64) -> Fact {
    Fact {
        enrolment: row.id,
        person: row.person_id,
        person_number: row.person_number,
        cell: Cell {
            edition: row.edition_id,
            status,
            gender: row.gender,
            country: row.country.clone(),
            institution: row.institution_id.map_or(Uuid::nil(), |institution| institution.0),
            constituent_group: row.constituent_group,
            language: row.language,
            month: row.applied_month.clone(),
            institution_kind: row.institution_kind,
        },
        submitted,
        released,
    }
}
