//! The digest: what is new for somebody who looks after editions or teams, in one message a day instead of one for
//! each thing, and when it leaves.
//!
//! It covers the time from one day's hour to the next, in the zone of its reader. What happened is counted from the
//! histories when it leaves, so that nothing has to be written down for it when something happens. The stretches of one
//! reader lie end to end: one that leaves late covers more, and what was covered is never covered again.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::actor::Role;
use super::edition::EditionState;
use super::notice::AboutEdition;

/// How long after its hour a digest leaves: what happened before the hour has been committed by then.
pub const SETTLING: TimeDelta = TimeDelta::minutes(15);
/// The most time that a digest covers, however late it leaves.
pub const LONGEST: TimeDelta = TimeDelta::days(31);
/// Whose holders are told: the roles that look after editions or teams.
pub const READERS: [Role; 2] = [Role::Tutor, Role::Coordinator];

/// Whether an edition that stands there is told of: something happens in it.
pub const fn follows(edition: EditionState) -> bool {
    edition.is_published() && !edition.is_over()
}

/// How long a digest that could not be written is put off at first, and at most.
const FIRST_DELAY: TimeDelta = TimeDelta::minutes(1);
const LONGEST_DELAY: TimeDelta = TimeDelta::hours(6);

/// For how long a digest is put off that could not be written so many times in a row: each time twice as long.
pub fn put_off_for(failures: i64) -> TimeDelta {
    let doublings = u32::try_from((failures - 1).clamp(0, 20)).unwrap_or_default();
    (FIRST_DELAY * 2_i32.pow(doublings)).min(LONGEST_DELAY)
}

/// What is new in an edition for somebody, and what waits for them there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Applications that arrived.
    pub applied: i64,
    /// People who withdrew, were excluded, or took an application back.
    pub left: i64,
    /// Applications on which nobody has decided, when the digest was written.
    pub undecided: i64,
    /// Versions that were handed in.
    pub handed_in: i64,
    /// Works that wait for a review, when the digest was written.
    pub unreviewed: i64,
    /// Teams that came into the reader's charge.
    pub charges: i64,
}

impl Figures {
    /// Whether anything happened. What only waits is no news: it was told when it came.
    pub const fn are_news(&self) -> bool {
        self.applied > 0 || self.left > 0 || self.handed_in > 0 || self.charges > 0
    }
}

/// What is new in one edition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EditionNews {
    /// Which edition.
    pub edition: AboutEdition,
    /// What is new in it.
    pub figures: Figures,
}

/// What a digest says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct News {
    /// After this instant.
    pub since: DateTime<Utc>,
    /// Up to this one.
    pub until: DateTime<Utc>,
    /// The IANA name of the reader's zone.
    pub time_zone: String,
    /// The editions in which something happened.
    pub editions: Vec<EditionNews>,
}

/// At which hour of the day somebody's digests end, and in which zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    hour: u32,
    zone: Tz,
}

impl Schedule {
    /// At this hour, 0 to 23, in this zone.
    pub const fn new(hour: u32, zone: Tz) -> Self {
        Self { hour, zone }
    }

    /// What a digest covers that leaves at `now`, where everything up to `covered` was covered before: from when to
    /// when. `None` as long as the next hour has not come, and settled.
    pub fn window(self, covered: DateTime<Utc>, now: DateTime<Utc>) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let until = self.last(now - SETTLING);
        (until > covered).then(|| (covered.max(until - LONGEST), until))
    }

    /// When the next digest after `now` is due.
    pub fn due_after(self, now: DateTime<Utc>) -> DateTime<Utc> {
        self.next(now - SETTLING) + SETTLING
    }

    /// The last end of a digest that is not after `at`.
    fn last(self, at: DateTime<Utc>) -> DateTime<Utc> {
        let day = self.day_of(at);
        let mut ends = [1, 0, -1, -2]
            .into_iter()
            .map(|days| self.end_of(day + TimeDelta::days(days)));
        ends.find(|end| *end <= at).unwrap_or(at)
    }

    /// The first end of a digest after `at`.
    fn next(self, at: DateTime<Utc>) -> DateTime<Utc> {
        let day = self.day_of(at);
        let mut ends = [-1, 0, 1, 2]
            .into_iter()
            .map(|days| self.end_of(day + TimeDelta::days(days)));
        ends.find(|end| *end > at).unwrap_or(at + TimeDelta::days(1))
    }

    fn day_of(self, at: DateTime<Utc>) -> NaiveDate {
        at.with_timezone(&self.zone).date_naive()
    }

    /// The instant at which the digest of a day ends: its hour, or the first half hour after it that the clocks of the
    /// zone show. Of an hour that they show twice it is the first one.
    fn end_of(self, day: NaiveDate) -> DateTime<Utc> {
        let local = day.and_time(NaiveTime::MIN) + TimeDelta::hours(self.hour.into());
        let mut shown = (0..=96).map(|halves| local + TimeDelta::minutes(30 * halves));
        let found = shown.find_map(|time| self.zone.from_local_datetime(&time).earliest());
        found.map_or_else(|| local.and_utc(), |at| at.with_timezone(&Utc))
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::TZ_VARIANTS;
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("an instant")
    }

    fn schedules() -> impl Strategy<Value = Schedule> {
        (0_u32..24, prop::sample::select(&TZ_VARIANTS[..])).prop_map(|(hour, zone)| Schedule::new(hour, zone))
    }

    /// From 1970 to 2100.
    fn instants() -> impl Strategy<Value = DateTime<Utc>> {
        (0_i64..4_102_444_800).prop_map(|seconds| DateTime::from_timestamp(seconds, 0).expect("an instant"))
    }

    #[test]
    fn editions_are_told_of_from_their_announcement_to_their_end() {
        use EditionState as S;
        let told = S::ALL.iter().copied().filter(|state| follows(*state));
        let expected = [S::Announced, S::Enrolling, S::EnrolmentClosed, S::Running, S::Grading];
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_digest_leaves_a_quarter_of_an_hour_after_its_hour_in_the_readers_zone() {
        let schedule = Schedule::new(7, chrono_tz::America::Montevideo);
        let covered = at("2026-03-02T10:00:00Z");
        assert_eq!(
            schedule.due_after(at("2026-03-02T12:00:00Z")),
            at("2026-03-03T10:15:00Z")
        );
        assert_eq!(schedule.window(covered, at("2026-03-03T10:14:59Z")), None);
        let day = Some((covered, at("2026-03-03T10:00:00Z")));
        for now in ["2026-03-03T10:15:00Z", "2026-03-03T23:00:00Z", "2026-03-04T10:14:00Z"] {
            assert_eq!(schedule.window(covered, at(now)), day, "{now}");
        }
        let late = schedule.window(covered, at("2026-03-06T08:00:00Z"));
        assert_eq!(late, Some((covered, at("2026-03-05T10:00:00Z"))));
        let never = schedule.window(at("2020-01-01T00:00:00Z"), at("2026-03-06T08:00:00Z"));
        assert_eq!(never, Some((at("2026-02-02T10:00:00Z"), at("2026-03-05T10:00:00Z"))));
    }

    #[test]
    fn an_hour_that_no_clock_shows_is_the_next_one_that_they_show() {
        // At two o'clock on the 29th of March clocks in Madrid show three.
        let schedule = Schedule::new(2, chrono_tz::Europe::Madrid);
        let end = |day: &str| schedule.end_of(day.parse().expect("a day"));
        assert_eq!(end("2026-03-28"), at("2026-03-28T01:00:00Z"));
        assert_eq!(end("2026-03-29"), at("2026-03-29T01:00:00Z"));
        assert_eq!(end("2026-10-25"), at("2026-10-25T00:00:00Z"), "the first of two");
        // Samoa left the 30th of December 2011 out.
        let schedule = Schedule::new(7, chrono_tz::Pacific::Apia);
        assert_eq!(
            schedule.end_of("2011-12-30".parse().expect("a day")),
            at("2011-12-30T10:00:00Z")
        );
    }

    #[test]
    fn a_failure_puts_off_twice_as_long_up_to_six_hours() {
        let minutes = [0, 1, 2, 3, 9, 10, i64::MAX].map(|failures| put_off_for(failures).num_minutes());
        assert_eq!(minutes, [1, 1, 2, 4, 256, 360, 360]);
    }

    #[test]
    fn what_only_waits_is_no_news() {
        let waiting = Figures {
            undecided: 3,
            unreviewed: 2,
            ..Figures::default()
        };
        assert!(!waiting.are_news());
        assert!(Figures { left: 1, ..waiting }.are_news());
    }

    proptest! {
        /// The ends are in order, none is left out, and no two are more than two days and an hour apart.
        #[test]
        fn one_end_follows_the_other(schedule in schedules(), now in instants()) {
            let (last, next) = (schedule.last(now), schedule.next(now));
            prop_assert!(last <= now && now < next, "{last} {now} {next}");
            prop_assert!(next - last <= TimeDelta::hours(50), "{last} {next}");
            prop_assert_eq!(schedule.last(next), next);
            prop_assert_eq!(schedule.next(last), next);
        }

        /// However late and however often the worker comes, in whatever zone: the stretches lie end to end, each ends
        /// in the past, and nothing is due before it can be covered.
        #[test]
        fn stretches_lie_end_to_end(
            schedule in schedules(),
            start in instants(),
            waits in prop::collection::vec(0_i64..200_000, 1..40),
        ) {
            let (mut covered, mut now, mut due) = (start, start, schedule.due_after(start));
            prop_assert!(due > now);
            for wait in waits {
                now += TimeDelta::seconds(wait);
                if now < due {
                    prop_assert_eq!(schedule.window(covered, now), None);
                    continue;
                }
                let Some((since, until)) = schedule.window(covered, now) else {
                    prop_assert_eq!(covered, start, "but for an hour that had not settled at the beginning");
                    due = schedule.due_after(now);
                    continue;
                };
                prop_assert_eq!(since, covered);
                prop_assert!(until > since && until + SETTLING <= now);
                (covered, due) = (until, schedule.due_after(now));
                prop_assert!(due > now);
                prop_assert_eq!(schedule.window(covered, now), None, "twice is once");
            }
        }
    }
}
