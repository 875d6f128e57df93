//! Time and identifiers, passed in so that tests decide them.
//!
//! Nothing else in Rumbo asks the operating system for the time or for randomness that becomes an
//! identifier; `clippy.toml` keeps it so.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use uuid::Uuid;

/// Where the present instant and new identifiers come from.
///
/// Instants are cut to microseconds, the precision that both databases keep.
#[derive(Debug)]
pub enum Clock {
    /// The machine's clock and UUIDv7 identifiers made from it.
    System,
    /// A clock that stands still until it is moved, with identifiers counted from one.
    Fixed(FixedClock),
}

/// The state of a clock that only tests move.
#[derive(Debug)]
pub struct FixedClock {
    micros: AtomicI64,
    serial: AtomicU64,
}

impl Clock {
    /// A clock that stands at `start`.
    pub fn fixed(start: DateTime<Utc>) -> Self {
        Self::Fixed(FixedClock {
            micros: AtomicI64::new(start.timestamp_micros()),
            serial: AtomicU64::new(0),
        })
    }

    /// The present instant, to the microsecond.
    #[allow(clippy::disallowed_methods, reason = "this is the one home of the system clock")]
    pub fn now(&self) -> DateTime<Utc> {
        match self {
            Self::System => Utc::now().trunc_subsecs(6),
            Self::Fixed(clock) => {
                DateTime::from_timestamp_micros(clock.micros.load(Ordering::SeqCst)).unwrap_or_default()
            }
        }
    }

    /// A new identifier; later ones sort after earlier ones (RFC 9562, version 7).
    #[allow(clippy::disallowed_methods, reason = "this is the one home of identifiers")]
    pub fn new_id(&self) -> Uuid {
        match self {
            Self::System => Uuid::now_v7(),
            Self::Fixed(clock) => {
                let serial = clock.serial.fetch_add(1, Ordering::SeqCst) + 1;
                let millis = u64::try_from(clock.micros.load(Ordering::SeqCst) / 1000).unwrap_or_default();
                let mut bytes = [0_u8; 10];
                bytes[2..].copy_from_slice(&serial.to_be_bytes());
                uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid()
            }
        }
    }

    /// Moves a fixed clock forward; the system's clock moves by itself and ignores this.
    pub fn advance(&self, by: TimeDelta) {
        if let Self::Fixed(clock) = self {
            clock
                .micros
                .fetch_add(by.num_microseconds().unwrap_or_default(), Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_clock_moves_only_when_told() {
        let start = DateTime::from_timestamp(1_700_000_000, 0).expect("a valid instant");
        let clock = Clock::fixed(start);
        assert_eq!(clock.now(), start);
        clock.advance(TimeDelta::hours(2));
        assert_eq!(clock.now(), start + TimeDelta::hours(2));
    }

    #[test]
    fn identifiers_rise() {
        for clock in [Clock::System, Clock::fixed(DateTime::UNIX_EPOCH)] {
            let ids: Vec<_> = (0..100).map(|_| clock.new_id()).collect();
            assert!(ids.is_sorted());
        }
    }
}
