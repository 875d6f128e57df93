//! Work that met other work in the database and is tried again: how often, and after which pauses.

use std::time::Duration;

use crate::auth::token::random_bytes;
use crate::error::{Error, Result};

/// How often work is tried again at most.
const RETRIES: u32 = 5;

/// How often a piece of work was tried again.
#[derive(Debug)]
pub struct Retries {
    done: u32,
    first: Duration,
}

impl Retries {
    /// None yet. It waits for `first` at most before the first one, and for twice as long before each further one.
    pub const fn new(first: Duration) -> Self {
        Self { done: 0, first }
    }

    /// How many there were.
    pub const fn done(&self) -> u32 {
        self.done
    }

    /// How long to wait before the next one; `None` when there were as many as may be. It is a random part of the
    /// longest pause, so that those who met do not meet again.
    pub fn pause(&mut self) -> Option<Duration> {
        if self.done == RETRIES {
            return None;
        }
        let random = random_bytes::<2>().map_or(u16::MAX, u16::from_be_bytes);
        let pause = part(self.first * 2_u32.pow(self.done), random);
        self.done += 1;
        Some(pause)
    }

    /// Waits until what failed so may be tried again.
    ///
    /// # Errors
    /// The failure itself, where it would fail so again, or was tried again as often as may be.
    pub async fn wait_after(&mut self, failure: Error) -> Result<()> {
        if !passes(&failure) {
            return Err(failure);
        }
        let Some(pause) = self.pause() else {
            return Err(failure);
        };
        tokio::time::sleep(pause).await;
        Ok(())
    }
}

/// A part of a time, from none of it to all.
fn part(whole: Duration, random: u16) -> Duration {
    whole.mul_f64(f64::from(random) / f64::from(u16::MAX))
}

/// Whether what failed may go well another time: it met somebody else, who is done by then.
const fn passes(failure: &Error) -> bool {
    matches!(failure, Error::Conflict { .. } | Error::Timeout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_pause_doubles_and_there_are_so_many() {
        let first = Duration::from_millis(10);
        let mut retries = Retries::new(first);
        for longest in [10, 20, 40, 80, 160] {
            let pause = retries.pause().expect("one more");
            assert!(pause <= Duration::from_millis(longest), "{pause:?} {longest}");
        }
        assert_eq!((retries.pause(), retries.done()), (None, RETRIES));
    }

    #[test]
    fn a_pause_is_a_part_of_the_longest_one() {
        let whole = Duration::from_millis(10);
        assert_eq!(part(whole, 0), Duration::ZERO);
        assert_eq!(part(whole, u16::MAX), whole);
        assert!(part(whole, u16::MAX / 2) < whole);
    }

    #[test]
    fn what_waited_too_long_is_tried_again() {
        assert!(passes(&Error::Timeout));
        for lasting in [Error::Forbidden, Error::NotFound("edition"), Error::internal("a fault")] {
            assert!(!passes(&lasting), "{lasting:?}");
        }
    }
}
