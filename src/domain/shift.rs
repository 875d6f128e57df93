//! Moving days and instants by a number of days, as calendar and clock show them in a zone.

use chrono::{DateTime, Days, LocalResult, NaiveDate, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// A number of days in a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shift {
    days: TimeDelta,
    zone: Tz,
}

impl Shift {
    /// What takes the day `from` to the day `to`.
    pub fn between(from: NaiveDate, to: NaiveDate, zone: Tz) -> Self {
        Self {
            days: to.signed_duration_since(from),
            zone,
        }
    }

    /// The day, moved; `None` beyond the calendar.
    pub fn day(self, day: NaiveDate) -> Option<NaiveDate> {
        day.checked_add_signed(self.days)
    }

    /// The instant that many days away at which the clock shows the same. Where it shows that twice, it is the time
    /// with the offset of before, else the first; where it never shows that, as long after the change as it would
    /// have been without one (RFC 5545, 3.3.5). `None` beyond the calendar.
    pub fn instant(self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let here = at.with_timezone(&self.zone);
        let local = here.naive_local().checked_add_signed(self.days)?;
        let there = match self.zone.from_local_datetime(&local) {
            LocalResult::Single(one) => one.to_utc(),
            LocalResult::Ambiguous(_, second) if second.offset().fix() == here.offset().fix() => second.to_utc(),
            LocalResult::Ambiguous(first, _) => first.to_utc(),
            LocalResult::None => self.skipped(local)?,
        };
        Some(there)
    }

    /// A time that the clock skips, read with the offset of the day before.
    fn skipped(self, local: NaiveDateTime) -> Option<DateTime<Utc>> {
        let before = local.checked_sub_days(Days::new(1))?;
        let offset = self.zone.offset_from_utc_datetime(&before).fix();
        let utc = local.checked_sub_offset(offset)?;
        Some(utc.and_utc())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn instant(text: &str) -> DateTime<Utc> {
        text.parse().expect("an instant")
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    /// Moves an instant as two days lie apart.
    fn moved(at: &str, from: &str, to: &str, zone: Tz) -> DateTime<Utc> {
        let shift = Shift::between(day(from), day(to), zone);
        shift.instant(instant(at)).expect("within the calendar")
    }

    #[test]
    fn the_clock_on_the_wall_stays_across_summer_time() {
        use chrono_tz::{America, Europe};
        let cases = [
            // Santiago leaves summer time on 5 April 2026: 23:59 stays 23:59.
            (
                "2026-03-20T23:59:00-03:00",
                "2026-04-20T23:59:00-04:00",
                America::Santiago,
                31,
            ),
            // And goes back to it on 6 September.
            (
                "2026-04-20T10:00:00-04:00",
                "2026-09-20T10:00:00-03:00",
                America::Santiago,
                153,
            ),
            // Montevideo has none.
            (
                "2026-03-20T10:00:00-03:00",
                "2027-03-20T10:00:00-03:00",
                America::Montevideo,
                365,
            ),
            // 02:30 does not exist on 29 March 2026 in Madrid: as long after the change as it would have been.
            (
                "2026-03-22T02:30:00+01:00",
                "2026-03-29T03:30:00+02:00",
                Europe::Madrid,
                7,
            ),
            // 02:30 exists twice on 25 October: with the offset of before.
            (
                "2026-10-18T02:30:00+02:00",
                "2026-10-25T02:30:00+02:00",
                Europe::Madrid,
                7,
            ),
            (
                "2026-11-01T02:30:00+01:00",
                "2026-10-25T02:30:00+01:00",
                Europe::Madrid,
                -7,
            ),
        ];
        for (from, to, zone, days) in cases {
            let shift = Shift {
                days: TimeDelta::days(days),
                zone,
            };
            assert_eq!(shift.instant(instant(from)), Some(instant(to)), "{from} {days}");
        }
        let all_day = "2026-03-02T03:00:00Z";
        assert_eq!(
            moved(all_day, "2026-03-02", "2026-03-09", chrono_tz::UTC),
            instant("2026-03-09T03:00:00Z")
        );
    }

    #[test]
    fn beyond_the_calendar_there_is_nothing() {
        let shift = Shift {
            days: TimeDelta::days(200_000_000),
            zone: chrono_tz::UTC,
        };
        assert_eq!(shift.day(day("2026-03-02")), None);
        assert_eq!(shift.instant(instant("2026-03-02T00:00:00Z")), None);
    }

    proptest! {
        /// What the clock shows stays, or jumps by no more than a change of it; and the day moves as it should.
        #[test]
        fn the_wall_shows_the_same(seconds in 946_684_800_i64..2_500_000_000, days in -4000_i64..4000, zone in proptest::sample::select(&chrono_tz::TZ_VARIANTS[..])) {
            let at = DateTime::from_timestamp(seconds, 0).expect("an instant");
            let shift = Shift { days: TimeDelta::days(days), zone };
            let there = shift.instant(at).expect("within the calendar").with_timezone(&zone).naive_local();
            let here = at.with_timezone(&zone).naive_local();
            let off = there - here - TimeDelta::days(days);
            prop_assert!(off >= TimeDelta::zero() && off <= TimeDelta::days(1), "{off}");
            let exists = !matches!(zone.from_local_datetime(&(here + TimeDelta::days(days))), LocalResult::None);
            prop_assert!(!exists || off.is_zero());
        }
    }
}
