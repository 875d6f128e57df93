//! The keys that sign access tokens: what each of them may do, and what may follow what.

use chrono::{DateTime, TimeDelta, Utc};

words! {
    /// What a key is for.
    KeyState {
        /// It is published ahead, so that others know it before it signs.
        Next = "next",
        /// It signs. There is one such key at most.
        Signing = "signing",
        /// It signs no more; what it signed is good until that has died.
        Verifying = "verifying",
        /// Nothing that it signed is good.
        Retired = "retired",
    }
}

/// The longest that an access token lives.
pub const LONGEST_LIFE: TimeDelta = TimeDelta::minutes(10);
/// How far the clocks of two machines may differ.
pub const LEEWAY: TimeDelta = TimeDelta::seconds(5);
/// How long another copy of Rumbo may go on signing with a key that was replaced.
const BELIEF: TimeDelta = TimeDelta::seconds(1);

impl KeyState {
    /// Whether what the key signed is good at `now`, if it verifies `until` then.
    pub fn is_good(self, until: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
        match self {
            Self::Next | Self::Signing => true,
            Self::Verifying => until.is_some_and(|until| now < until),
            Self::Retired => false,
        }
    }

    /// Whether a key in this state can get into another one.
    pub fn may_become(self, next: Self) -> bool {
        match next {
            Self::Next => false,
            Self::Signing => self == Self::Next,
            Self::Verifying => self == Self::Signing,
            Self::Retired => self != Self::Retired,
        }
    }
}

/// When the last token of a key that is replaced at `now` has died, if tokens live for `lifetime`.
pub fn last_use(now: DateTime<Utc>, lifetime: TimeDelta) -> DateTime<Utc> {
    now + BELIEF + lifetime + LEEWAY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_good_until_its_last_token_has_died() {
        let now = DateTime::UNIX_EPOCH;
        let until = last_use(now, LONGEST_LIFE);
        assert_eq!(until - now, TimeDelta::seconds(606));
        let before = until - TimeDelta::microseconds(1);
        for (state, at, good) in [
            (KeyState::Next, until, true),
            (KeyState::Signing, until, true),
            (KeyState::Verifying, before, true),
            (KeyState::Verifying, until, false),
            (KeyState::Retired, now, false),
        ] {
            assert_eq!(state.is_good(Some(until), at), good, "{state:?}");
        }
        assert!(!KeyState::Verifying.is_good(None, now), "without an end it has ended");
    }

    #[test]
    fn a_key_goes_one_way() {
        use KeyState::{Next, Retired, Signing, Verifying};
        let ways = [
            (Next, Signing),
            (Next, Retired),
            (Signing, Verifying),
            (Signing, Retired),
            (Verifying, Retired),
        ];
        for &from in KeyState::ALL {
            for &to in KeyState::ALL {
                assert_eq!(from.may_become(to), ways.contains(&(from, to)), "{from:?} {to:?}");
            }
        }
    }
}
