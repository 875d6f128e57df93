//! API tokens: how long they live, how many there are, when their owner is warned, how exactly use is noted.

use chrono::{DateTime, TimeDelta, Utc};

use crate::error::{Code, Flaw};

/// The longest life of a token.
pub const LONGEST_LIFE: TimeDelta = TimeDelta::days(90);
/// How many tokens of one person may work at a time.
pub const MOST_TOKENS: u64 = 20;
/// How long before its end the owner of a token is warned.
pub const WARNING: TimeDelta = TimeDelta::days(7);
/// How exactly the last use is noted: a token that is used all the time is written to once in so long.
pub const USE_NOTED_EVERY: TimeDelta = TimeDelta::hours(1);

/// The end of a token that is made at `now` and is to work until `wanted`.
///
/// # Errors
/// [`Code::DatesOutOfOrder`] for an end that is past, [`Code::OutOfRange`] for one beyond the longest life.
pub fn check_end(now: DateTime<Utc>, wanted: DateTime<Utc>) -> Result<DateTime<Utc>, Flaw> {
    let latest = now + LONGEST_LIFE;
    let flaw = |code, limit: DateTime<Utc>| Flaw {
        code,
        detail: Some(limit.format("%F %R UTC").to_string()),
    };
    match wanted {
        past if past <= now => Err(flaw(Code::DatesOutOfOrder, now)),
        late if late > latest => Err(flaw(Code::OutOfRange, latest)),
        fit => Ok(fit),
    }
}

/// Whether a warning is due later: who makes a token for a week or less knows when it ends.
pub fn is_warned_of(made_at: DateTime<Utc>, ends_at: DateTime<Utc>) -> bool {
    ends_at - made_at > WARNING
}

/// Whether a use at `now` is to be noted.
pub fn notes_use(last: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    last.is_none_or(|last| now - last >= USE_NOTED_EVERY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).expect("an instant")
    }

    #[test]
    fn a_token_ends_within_ninety_days() {
        let second = TimeDelta::seconds(1);
        for (after, expected) in [
            (TimeDelta::zero(), Err(Code::DatesOutOfOrder)),
            (-second, Err(Code::DatesOutOfOrder)),
            (second, Ok(())),
            (LONGEST_LIFE, Ok(())),
            (LONGEST_LIFE + second, Err(Code::OutOfRange)),
        ] {
            let checked = check_end(now(), now() + after);
            assert_eq!(checked.map(drop).map_err(|flaw| flaw.code), expected, "{after}");
        }
    }

    #[test]
    fn whoever_makes_one_for_a_week_is_not_warned() {
        assert!(!is_warned_of(now(), now() + WARNING));
        assert!(is_warned_of(now(), now() + WARNING + TimeDelta::seconds(1)));
    }

    #[test]
    fn use_is_noted_once_an_hour() {
        assert!(notes_use(None, now()));
        assert!(!notes_use(Some(now()), now()));
        assert!(!notes_use(Some(now()), now() + TimeDelta::minutes(59)));
        assert!(notes_use(Some(now()), now() + TimeDelta::minutes(60)));
        // A clock that was set back.
        assert!(!notes_use(Some(now()), now() - TimeDelta::minutes(60)));
    }
}
