//! When everything happened: the files have days, the history needs instants.
//!
//! A day means noon of that day in the edition's zone. What the files do not say (when an edition was
//! announced, when a person was confirmed) is placed where it must have been, and every step of one history
//! comes later than the one before it.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};

use super::{Edition, Enrolment, HandedIn, Plan, TIME_ZONE};
use crate::domain::edition::{Calendar, EditionState};
use crate::domain::enrolment::EnrolmentState;
use crate::domain::submission::SubmissionState;

/// The steps of one history with their instants, the oldest first.
pub type Steps<S> = Vec<(S, DateTime<Utc>)>;

/// Noon of a day in the zone of the files.
pub fn noon(day: NaiveDate) -> DateTime<Utc> {
    at(day, NaiveTime::from_hms_opt(12, 0, 0).unwrap_or_default())
}

/// The last second of a day in the zone of the files.
pub fn end_of(day: NaiveDate) -> DateTime<Utc> {
    at(day, NaiveTime::from_hms_opt(23, 59, 59).unwrap_or_default())
}

/// The day of an instant in the zone of the files.
pub fn day_of(at: DateTime<Utc>) -> NaiveDate {
    at.with_timezone(&TIME_ZONE).date_naive()
}

fn at(day: NaiveDate, time: NaiveTime) -> DateTime<Utc> {
    let local = TIME_ZONE.from_local_datetime(&day.and_time(time)).earliest();
    // A time that the zone skipped is read as universal time; the zone skips none at noon.
    local.map_or_else(|| Utc.from_utc_datetime(&day.and_time(time)), |local| local.to_utc())
}

/// Moves each step that is not later than the one before it to a minute after that one.
fn in_order<S>(mut steps: Steps<S>) -> Steps<S> {
    for place in 1..steps.len() {
        let earliest = steps[place - 1].1 + TimeDelta::minutes(1);
        steps[place].1 = steps[place].1.max(earliest);
    }
    steps
}

/// The days that bound the applications to an edition and the decisions about them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first application; 30 days before the start when there is none.
    pub first: NaiveDate,
    /// The last application, and not before the day before the start.
    pub last: NaiveDate,
    /// The last day of the edition or of a completion in it.
    pub end: NaiveDate,
}

impl Span {
    /// The span of an edition of the plan, by its position.
    pub fn of(plan: &Plan, edition: usize) -> Self {
        let Edition { starts_on, ends_on, .. } = plan.editions[edition];
        let own = || plan.enrolments.iter().filter(|enrolment| enrolment.edition == edition);
        let eve = starts_on - Days::new(1);
        Self {
            first: own()
                .map(|enrolment| enrolment.applied_on)
                .min()
                .unwrap_or(starts_on - Days::new(30)),
            last: own()
                .map(|enrolment| enrolment.applied_on)
                .max()
                .unwrap_or(eve)
                .max(eve),
            end: own()
                .filter_map(|enrolment| enrolment.completed_on)
                .max()
                .unwrap_or(ends_on)
                .max(ends_on),
        }
    }

    /// The days of the edition with the window of its applications.
    pub fn calendar(self, edition: &Edition) -> Calendar {
        Calendar {
            starts_on: edition.starts_on,
            ends_on: edition.ends_on,
            enrols_from: noon(self.first) - TimeDelta::hours(12),
            enrols_until: end_of(self.last),
        }
    }
}

/// How an edition came to be closed.
pub fn edition(edition: &Edition, span: Span) -> Steps<EditionState> {
    use EditionState as S;
    in_order(vec![
        (S::Draft, noon(span.first - Days::new(14))),
        (S::Announced, noon(span.first - Days::new(7))),
        (S::Enrolling, noon(span.first - Days::new(1))),
        (S::EnrolmentClosed, noon(edition.starts_on - Days::new(1))),
        (S::Running, noon(edition.starts_on)),
        (S::Grading, noon(edition.ends_on)),
        (S::Closed, noon(span.end + Days::new(1))),
    ])
}

/// How an enrolment came to its outcome. Who withdrew did so in the middle of the edition.
pub fn enrolment(enrolment: &Enrolment, edition: &Edition) -> Steps<EnrolmentState> {
    use EnrolmentState as S;
    let half = (edition.ends_on - edition.starts_on) / 2;
    let ended = match (enrolment.status, enrolment.completed_on) {
        (S::Completed, Some(day)) => day,
        (S::Withdrawn, _) => edition.starts_on + half,
        _ => edition.ends_on,
    };
    in_order(vec![
        (S::Applied, noon(enrolment.applied_on)),
        (
            S::Confirmed,
            noon(edition.starts_on - Days::new(1)).max(noon(enrolment.applied_on)),
        ),
        (S::Active, noon(edition.starts_on)),
        (enrolment.status, noon(ended)),
    ])
}

/// How the work of a team came to its grade, or to nothing.
pub fn work(handed_in: Option<HandedIn>, edition: &Edition) -> Steps<SubmissionState> {
    use SubmissionState as S;
    let begun = (S::Draft, noon(edition.starts_on));
    let Some(HandedIn { on, .. }) = handed_in else {
        return in_order(vec![begun, (S::NotSubmitted, end_of(edition.ends_on))]);
    };
    in_order(vec![
        begun,
        (S::Submitted, noon(on)),
        (S::InReview, noon(on)),
        (S::Assessed, noon(on)),
        (S::Released, noon(edition.ends_on)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::deliverable::DeliverableKind;
    use crate::domain::text::ShortCode;
    use proptest::prelude::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    fn any_edition(length: u64) -> Edition {
        Edition {
            line: 2,
            code: ShortCode::parse("BDG-2022").expect("a code"),
            course: 0,
            starts_on: day("2022-04-06"),
            ends_on: day("2022-04-06") + Days::new(length),
            languages: Vec::new(),
            deliverable: DeliverableKind::Project,
        }
    }

    #[test]
    fn a_day_is_noon_in_montevideo() {
        assert_eq!(noon(day("2022-04-06")).to_rfc3339(), "2022-04-06T15:00:00+00:00");
        assert_eq!(end_of(day("2022-04-06")).to_rfc3339(), "2022-04-07T02:59:59+00:00");
        assert_eq!(day_of(end_of(day("2022-04-06"))), day("2022-04-06"));
    }

    proptest! {
        #[test]
        fn every_history_rises_along_the_arrows(
            length in 0_u64..200,
            applied in 0_u64..400,
            ended in 0_u64..100,
            status in proptest::sample::select(vec![
                EnrolmentState::Completed, EnrolmentState::NotCompleted, EnrolmentState::Withdrawn,
            ]),
            handed_in in proptest::option::of(0_u64..200),
        ) {
            let run = any_edition(length);
            let applied_on = (run.starts_on - Days::new(200) + Days::new(applied)).min(run.ends_on);
            let completed_on = (status == EnrolmentState::Completed).then(|| run.ends_on + Days::new(ended));
            let row = Enrolment {
                line: 2, edition: 0, person: 0, applied_on, nominated_by: None, status, completed_on, grade: None,
            };
            let steps = enrolment(&row, &run);
            prop_assert_eq!(steps.first().map(|step| step.0), Some(EnrolmentState::Applied));
            for pair in steps.windows(2) {
                prop_assert!(pair[0].1 < pair[1].1);
                prop_assert_eq!(pair[0].0.step(pair[1].0, true), Ok(pair[1].0));
            }
            let span = Span { first: applied_on, last: applied_on, end: run.ends_on };
            prop_assert!(span.calendar(&run).enrols_from < span.calendar(&run).enrols_until);
            for pair in edition(&run, span).windows(2) {
                prop_assert!(pair[0].1 < pair[1].1);
                prop_assert_eq!(pair[0].0.step(pair[1].0, false), Ok(pair[1].0));
            }
            let on = handed_in.map(|days| (run.starts_on + Days::new(days)).min(run.ends_on));
            for pair in work(on.map(|on| HandedIn { on, score: 0 }), &run).windows(2) {
                prop_assert!(pair[0].1 < pair[1].1);
                prop_assert_eq!(pair[0].0.step(pair[1].0), Ok(pair[1].0));
            }
        }
    }
}
