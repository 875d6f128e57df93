//! The access tokens that were found genuine, remembered so that the next request with the same one does not pay for
//! its signature again. There is one memory for each set of keys, and it goes with them.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::token::Genuine;

/// How many tokens are remembered at most.
const CAPACITY: usize = 10_000;

/// What names a token here: its SHA-256. The token itself is not kept.
pub(super) type Mark = [u8; 32];

/// The mark of a token.
pub(super) fn mark(token: &str) -> Mark {
    Sha256::digest(token.as_bytes()).into()
}

/// What genuine tokens say, by their marks. Two generations: when the young one is full, it becomes the old one, and
/// what nobody has asked for since is forgotten. Only genuine tokens get in, so forged ones push nothing out.
#[derive(Debug, Default)]
pub(super) struct Verified {
    young: HashMap<Mark, Genuine>,
    old: HashMap<Mark, Genuine>,
}

impl Verified {
    /// What the token says, if it was found genuine before.
    pub(super) fn find(&mut self, mark: &Mark) -> Option<Genuine> {
        if let Some(found) = self.young.get(mark) {
            return Some(*found);
        }
        let found = self.old.remove(mark)?;
        self.keep(*mark, found);
        Some(found)
    }

    /// Remembers a token.
    pub(super) fn keep(&mut self, mark: Mark, genuine: Genuine) {
        if self.young.len() >= CAPACITY / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(mark, genuine);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::token::Bearer;
    use super::*;
    use crate::domain::id::{PersonId, SessionId};

    fn genuine(number: u128) -> Genuine {
        let bearer = Bearer {
            person: PersonId(Uuid::from_u128(number)),
            session: SessionId(Uuid::from_u128(number)),
        };
        Genuine {
            bearer,
            from: 0,
            until: 600,
        }
    }

    fn numbered(number: u128) -> Mark {
        mark(&number.to_string())
    }

    #[test]
    fn a_token_is_known_by_the_whole_of_it() {
        let mut verified = Verified::default();
        verified.keep(mark("a.b.c"), genuine(1));
        assert_eq!(verified.find(&mark("a.b.c")), Some(genuine(1)));
        for other in ["a.b.d", "a.b", "a.b.c ", ""] {
            assert_eq!(verified.find(&mark(other)), None, "{other}");
        }
    }

    #[test]
    fn no_more_than_so_many_are_kept_and_those_in_use_stay() {
        let mut verified = Verified::default();
        for number in 0..5 * CAPACITY as u128 {
            verified.keep(numbered(number), genuine(number));
            assert!(verified.len() <= CAPACITY);
            if number % 100 == 0 {
                assert_eq!(verified.find(&numbered(0)), Some(genuine(0)), "{number}");
            }
        }
        assert_eq!(verified.find(&numbered(1)), None, "nobody asked for it");
        assert_eq!(
            verified.find(&numbered(5 * CAPACITY as u128 - 1)),
            Some(genuine(5 * CAPACITY as u128 - 1))
        );
    }
}
