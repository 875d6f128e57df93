//! How many tables of a person may be under way at a time. One awaits its file for as long as its link lives.

use chrono::{DateTime, Utc};

use crate::domain::link::LIFETIME;

/// How many of a person's may wait to be worked off, or be worked off, at a time.
pub const WAITING_MOST: u64 = 5;
/// How many of a person's may await their file at a time.
pub const AWAITED_MOST: u64 = 10;

/// What a person has under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnderWay {
    /// How many await their file, and can still get it.
    pub awaited: u64,
    /// How many wait for a worker, or are with one.
    pub waiting: u64,
}

impl UnderWay {
    /// Whether one more may be asked for.
    ///
    /// # Errors
    /// How many there may be, where there are as many.
    pub const fn take_one(self) -> Result<(), u64> {
        if self.waiting >= WAITING_MOST {
            Err(WAITING_MOST)
        } else if self.awaited >= AWAITED_MOST {
            Err(AWAITED_MOST)
        } else {
            Ok(())
        }
    }

    /// Whether the file of one may come, after which it waits as well.
    pub const fn takes_file(self) -> bool {
        self.waiting < WAITING_MOST
    }
}

/// The link of what was asked for by then, and not after it, is dead.
pub fn dead_since(now: DateTime<Utc>) -> DateTime<Utc> {
    now - LIFETIME
}

/// Until when the file of a table may come that was asked for then.
pub fn comes_until(created_at: DateTime<Utc>) -> DateTime<Utc> {
    created_at + LIFETIME
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::TableImportId;
    use crate::domain::link::{File, Link};
    use crate::domain::text::Reason;

    #[test]
    fn five_wait_and_ten_await_their_file() {
        for (waiting, awaited, free) in [
            (0, 0, Ok(())),
            (4, 9, Ok(())),
            (5, 0, Err(5)),
            (0, 10, Err(10)),
            (5, 10, Err(5)),
        ] {
            let under_way = UnderWay { awaited, waiting };
            assert_eq!(under_way.take_one(), free, "{under_way:?}");
            assert_eq!(under_way.takes_file(), waiting < 5, "{under_way:?}");
        }
    }

    #[test]
    fn a_file_is_awaited_for_as_long_as_its_link_lives() {
        let asked = DateTime::from_timestamp(1_800_000_000, 0).expect("an instant");
        let file = File::Upload(TableImportId(uuid::Uuid::from_u128(7)));
        let link = Link::new(file, Reason::parse("import").expect("a reason"), asked);
        assert_eq!(comes_until(asked), link.until);
        let second = chrono::TimeDelta::seconds(1);
        for now in [asked, link.until - second, link.until, link.until + second] {
            assert_eq!(asked <= dead_since(now), !link.lives(now), "{now}");
        }
    }
}
