//! How often things may be asked for: buckets that hold so many units and fill up again at a steady rate.
//!
//! A bucket is one number, the instant at which it will be full again (GCRA, the generic cell rate algorithm):
//! taking a unit moves that instant by the time in which one unit comes back. One that is full needs no number.
//! Instants are microseconds since 1970.

use crate::config::Rate;

/// How long a network from which somebody signed in rightly is known to the account, in microseconds: thirty days.
pub const KNOWN_FOR: i64 = 30 * 86_400 * 1_000_000;

/// Who waits for a try at an account and does not ask again within this time, in microseconds, loses the place: a
/// minute.
pub const PATIENCE: i64 = 60 * 1_000_000;

/// The longest wait that somebody in the line is told, so that asking again as told keeps the place.
const LONGEST_TOLD: i64 = PATIENCE / 2;

/// How much a bucket holds, and how fast it fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Microseconds in which one unit comes back.
    interval: i64,
    /// Microseconds in which an empty bucket fills.
    depth: i64,
}

/// What a root field is, as far as it is limited beyond the ordinary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// It proves who somebody is, so it could be used to guess.
    SignIn,
    /// It sends a message to an address that the caller names.
    Mail,
    /// It sends a message to an address that the caller names, in the name of an edition or of Rumbo.
    Invite,
}

/// The root fields that are more than ordinary.
pub const FIELDS: &[(&str, Class)] = &[
    ("signIn", Class::SignIn),
    ("completeSignIn", Class::SignIn),
    ("completeProviderSignIn", Class::SignIn),
    ("confirmIdentityLink", Class::SignIn),
    ("beginIdentityLink", Class::SignIn),
    ("unlinkIdentity", Class::SignIn),
    ("confirmSecondFactor", Class::SignIn),
    ("removeSecondFactor", Class::SignIn),
    ("renewRecoveryCodes", Class::SignIn),
    ("createApiToken", Class::SignIn),
    ("changePassword", Class::SignIn),
    ("resetPassword", Class::SignIn),
    ("confirmEmail", Class::SignIn),
    ("confirmEmailChange", Class::SignIn),
    ("openInvitation", Class::SignIn),
    ("acceptInvitation", Class::SignIn),
    ("declineInvitation", Class::SignIn),
    ("registerInvited", Class::SignIn),
    ("registerPerson", Class::Mail),
    ("requestPasswordReset", Class::Mail),
    ("requestEmailChange", Class::Mail),
    ("inviteToEdition", Class::Invite),
    ("inviteToRole", Class::Invite),
    ("resendInvitation", Class::Invite),
    ("nominate", Class::Invite),
    ("substituteNomination", Class::Invite),
    ("endorseNomination", Class::Invite),
    ("importNominations", Class::Invite),
];

impl Class {
    /// The class of a root field; `None` for an ordinary one.
    pub fn of(field: &str) -> Option<Self> {
        FIELDS.iter().find(|(name, _)| *name == field).map(|(_, class)| *class)
    }
}

impl Rule {
    /// The rule of a setting.
    pub fn new(rate: &Rate) -> Self {
        let micros = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let interval = micros(rate.seconds).saturating_mul(1_000_000) / micros(rate.refill).max(1);
        // A century is for ever, and leaves room for sums.
        let most = 100 * 366 * 86_400 * 1_000_000;
        let interval = interval.clamp(1, most);
        Self {
            interval,
            depth: interval.saturating_mul(micros(rate.burst)).min(most),
        }
    }

    /// Takes `units` at `now` from a bucket that is full at `full_at`: the instant at which it is full then.
    ///
    /// # Errors
    /// The microseconds to wait until there is as much in it; nothing was taken. What is more than it ever
    /// holds is always refused.
    pub fn take(self, full_at: i64, now: i64, units: u32) -> Result<i64, i64> {
        let after = full_at.max(now).saturating_add(self.time(units));
        match after.saturating_sub(now).saturating_sub(self.depth) {
            over if over <= 0 => Ok(after),
            over => Err(over),
        }
    }

    /// Whether there are `units` left when as many as wait before have had one each.
    ///
    /// # Errors
    /// The microseconds after which to ask again, at most half of [`PATIENCE`].
    pub fn leaves(self, full_at: i64, now: i64, units: u32, ahead: u32) -> Result<(), i64> {
        match self.take(full_at, now, units.saturating_add(ahead)) {
            Ok(_) => Ok(()),
            Err(wait) => Err(wait.min(LONGEST_TOLD)),
        }
    }

    /// The time in which so many units come back.
    pub fn time(self, units: u32) -> i64 {
        self.interval.saturating_mul(i64::from(units))
    }

    /// The time in which an empty bucket fills.
    pub fn depth(self) -> i64 {
        self.depth
    }
}

/// Whole seconds to wait, at least one.
pub fn seconds(micros: i64) -> u64 {
    u64::try_from(micros).unwrap_or_default().div_ceil(1_000_000).max(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: i64 = 1_000_000;

    fn rule(burst: u64, refill: u64, seconds: u64) -> Rule {
        Rule::new(&Rate { burst, refill, seconds })
    }

    #[test]
    fn five_then_three_a_minute() {
        let rule = rule(5, 3, 60);
        let mut full_at = 0;
        for _ in 0..5 {
            full_at = rule.take(full_at, 0, 1).expect("there is some left");
        }
        assert_eq!(rule.take(full_at, 0, 1), Err(20 * SECOND));
        assert_eq!(rule.take(full_at, 19 * SECOND, 1), Err(SECOND));
        let later = rule.take(full_at, 20 * SECOND, 1).expect("one has come back");
        assert_eq!(rule.take(later, 20 * SECOND, 1), Err(20 * SECOND));
        assert_eq!(
            rule.take(later, 20 * SECOND + rule.depth(), 5),
            Ok(20 * SECOND + 2 * rule.depth())
        );
    }

    #[test]
    fn what_is_taken_at_once_is_taken_whole_or_not_at_all() {
        let rule = rule(5, 3, 60);
        assert_eq!(rule.take(0, 0, 5), Ok(100 * SECOND));
        assert_eq!(rule.take(0, 0, 6), Err(20 * SECOND));
        assert_eq!(rule.take(0, i64::MAX / 4, 100), Err(1900 * SECOND));
    }

    #[test]
    fn who_waits_comes_after_those_who_waited_before() {
        let rule = rule(5, 12, 60);
        assert_eq!(rule.leaves(0, 0, 1, 4), Ok(()));
        assert_eq!(rule.leaves(0, 0, 1, 5), Err(5 * SECOND));
        assert_eq!(rule.leaves(25 * SECOND, 0, 1, 0), Err(5 * SECOND));
        assert_eq!(rule.leaves(25 * SECOND, 0, 1, 2), Err(15 * SECOND));
        assert_eq!(rule.leaves(25 * SECOND, 0, 1, 1000), Err(30 * SECOND));
        assert_eq!(rule.leaves(25 * SECOND, 5 * SECOND, 1, 0), Ok(()));
    }

    #[test]
    fn waiting_is_told_in_whole_seconds() {
        assert_eq!([-1, 0, 1, SECOND, SECOND + 1].map(seconds), [1, 1, 1, 1, 2]);
    }

    proptest! {
        /// Whatever the times of asking, any stretch of time lets through no more than the burst and what
        /// came back in it.
        #[test]
        fn no_stretch_lets_more_through(
            burst in 1_u64..20,
            refill in 1_u64..100,
            steps in proptest::collection::vec((0_i64..30 * SECOND, 1_u32..4), 1..200),
        ) {
            let rule = rule(burst, refill, 60);
            let (mut now, mut full_at) = (0, 0);
            let mut let_through: Vec<(i64, u32)> = Vec::new();
            for (pause, units) in steps {
                now += pause;
                if let Ok(after) = rule.take(full_at, now, units) {
                    full_at = after;
                    let_through.push((now, units));
                }
            }
            for (place, (begin, _)) in let_through.iter().enumerate() {
                let mut units = 0;
                for (end, more) in &let_through[place..] {
                    units += more;
                    let allowed = rule.depth() + (end - begin);
                    prop_assert!(rule.time(units) <= allowed, "{units} units in {} us", end - begin);
                }
            }
        }

        /// Whoever waits as long as they were told is let through, and not a microsecond earlier.
        #[test]
        fn the_wait_is_exact(burst in 1_u64..20, refill in 1_u64..100, ahead in 0_i64..3600 * SECOND, units in 1_u32..20) {
            let rule = rule(burst, refill, 60);
            if let Err(wait) = rule.take(ahead, 0, units) {
                prop_assume!(u64::from(units) <= burst);
                prop_assert!(rule.take(ahead, wait, units).is_ok());
                prop_assert!(rule.take(ahead, wait - 1, units).is_err());
            }
        }
    }
}
