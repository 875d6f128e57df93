//! How many tables of a person may be under way at a time.

/// How many of a person's may wait to be worked off, or be worked off, at a time.
pub const WAITING_MOST: u64 = 5;

/// What a person has under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnderWay {
    /// How many wait for a worker, or are with one.
    pub waiting: u64,
}

impl UnderWay {
    /// Whether one more may be asked for.
    ///
    /// # Errors
    /// How many there may be, where there are as many.
    pub const fn take_one(self) -> Result<(), u64> {
        if self.waiting < WAITING_MOST {
            Ok(())
        } else {
            Err(WAITING_MOST)
        }
    }

    /// Whether the file of one may come, after which it waits as well.
    pub const fn takes_file(self) -> bool {
        self.waiting < WAITING_MOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_wait_at_a_time() {
        for (waiting, taken) in [(0, true), (WAITING_MOST - 1, true), (WAITING_MOST, false)] {
            let under_way = UnderWay { waiting };
            assert_eq!(under_way.take_one(), if taken { Ok(()) } else { Err(5) }, "{waiting}");
            assert_eq!(under_way.takes_file(), taken, "{waiting}");
        }
    }
}
