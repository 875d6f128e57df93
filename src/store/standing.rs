//! What sessions and API tokens amount to, remembered for a moment, so that a burst of requests of one person asks
//! once.
//!
//! Whatever this process changes about sessions, tokens, people, or roles counts from the next request on: every
//! statement of a transaction passes by here. What another copy of Rumbo changes counts when the moment is
//! over, a second at most.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use super::{Db, api_token, session};
use crate::domain::id::{PersonId, SessionId};
use crate::error::Result;

/// How statements begin that change what a session or an API token amounts to.
const TELLING: [&str; 7] = [
    "UPDATE \"session\"",
    "UPDATE \"person\"",
    "UPDATE \"api_token\" SET \"revoked_at\"",
    "INSERT INTO \"role_assignment\"",
    "UPDATE \"role_assignment\"",
    "DELETE FROM \"session\"",
    "DELETE FROM \"role_assignment\"",
];

/// How many of a kind are remembered at most.
const CAPACITY: usize = 10_000;

impl Db {
    /// What a request of this session may rely on; `None` when it has ended, is not this person's, or the
    /// account is disabled. Asked again within `database.standing_milliseconds`, it is answered from memory
    /// unless this process has changed a session, a person, or a role since.
    pub async fn standing(
        &self,
        session: SessionId,
        person: PersonId,
        now: DateTime<Utc>,
    ) -> Result<Option<session::Standing>> {
        if let Some(standing) = self.standings.find(session, person, now) {
            return Ok(Some(standing));
        }
        let epoch = self.standings.epoch();
        let standing = session::standing(self.read(), session, person, now).await?;
        if let Some(standing) = &standing {
            self.standings.keep(session, person, epoch, now, standing);
        }
        Ok(standing)
    }

    /// What a request with the API token of this digest may rely on; `None` when there is none, it has ended, or the
    /// account is disabled. Remembered and forgotten like [`Self::standing`].
    pub async fn token_standing(&self, hash: &[u8], now: DateTime<Utc>) -> Result<Option<api_token::Standing>> {
        if let Some(standing) = self.standings.find_token(hash, now) {
            return Ok(Some(standing).filter(|standing| standing.expires_at > now));
        }
        let epoch = self.standings.epoch();
        let standing = api_token::standing(self.read(), hash, now).await?;
        if let Some(standing) = &standing {
            self.standings.keep_token(hash, epoch, now, standing);
        }
        Ok(standing)
    }
}

/// The standings of the last moment.
#[derive(Debug)]
pub(super) struct Standings {
    lasts: TimeDelta,
    /// Rises when something was changed that any standing may rest on.
    epoch: AtomicU64,
    sessions: Memory<(SessionId, PersonId), session::Standing>,
    tokens: Memory<Vec<u8>, api_token::Standing>,
}

type Memory<K, V> = Mutex<HashMap<K, Kept<V>>>;

#[derive(Debug)]
struct Kept<V> {
    epoch: u64,
    at: DateTime<Utc>,
    standing: V,
}

impl Standings {
    pub(super) fn new(lasts: TimeDelta) -> Self {
        Self {
            lasts,
            epoch: AtomicU64::new(0),
            sessions: Mutex::default(),
            tokens: Mutex::default(),
        }
    }

    /// The state of the world; to be read before a standing is.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// The standing of a session, if it was read a moment ago and nothing has happened since.
    pub(super) fn find(&self, session: SessionId, person: PersonId, now: DateTime<Utc>) -> Option<session::Standing> {
        self.fresh(&self.sessions, &(session, person), now)
    }

    /// The standing of the API token with this digest, if it was read a moment ago and nothing has happened since.
    pub(super) fn find_token(&self, hash: &[u8], now: DateTime<Utc>) -> Option<api_token::Standing> {
        self.fresh(&self.tokens, hash, now)
    }

    /// Remembers the standing of a session that was read when the world was as `epoch` says.
    pub(super) fn keep(
        &self,
        session: SessionId,
        person: PersonId,
        epoch: u64,
        at: DateTime<Utc>,
        standing: &session::Standing,
    ) {
        self.remember(&self.sessions, (session, person), epoch, at, standing);
    }

    /// Remembers the standing of an API token that was read when the world was as `epoch` says.
    pub(super) fn keep_token(&self, hash: &[u8], epoch: u64, at: DateTime<Utc>, standing: &api_token::Standing) {
        self.remember(&self.tokens, hash.to_vec(), epoch, at, standing);
    }

    fn fresh<K, Q, V>(&self, memory: &Memory<K, V>, key: &Q, now: DateTime<Utc>) -> Option<V>
    where
        K: Borrow<Q> + Eq + Hash,
        Q: Eq + Hash + ?Sized,
        V: Clone,
    {
        let kept = memory.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.get(key)?;
        let fresh = found.epoch == self.epoch() && self.is_recent(found.at, now);
        fresh.then(|| found.standing.clone())
    }

    fn is_recent(&self, at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        (TimeDelta::zero()..self.lasts).contains(&(now - at))
    }

    fn remember<K: Eq + Hash, V: Clone>(
        &self,
        memory: &Memory<K, V>,
        key: K,
        epoch: u64,
        at: DateTime<Utc>,
        standing: &V,
    ) {
        if self.lasts.is_zero() {
            return;
        }
        let mut kept = memory.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= CAPACITY {
            kept.retain(|_, entry| entry.epoch == epoch && self.is_recent(entry.at, at));
            if kept.len() >= CAPACITY {
                kept.clear();
            }
        }
        let standing = standing.clone();
        kept.insert(key, Kept { epoch, at, standing });
    }

    /// Forgets everything.
    pub(super) fn forget(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }
}

/// Whether a statement changes what sessions and tokens amount to.
pub(super) fn is_telling(sql: &str) -> bool {
    TELLING.iter().any(|beginning| sql.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::language::Language;
    use crate::store::session::Standing;

    fn ids() -> (SessionId, PersonId) {
        (SessionId(uuid::Uuid::from_u128(1)), PersonId(uuid::Uuid::from_u128(2)))
    }

    fn now() -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }

    fn standing() -> Standing {
        Standing {
            language: Language::En,
            grants: Vec::new(),
            factor_given: false,
        }
    }

    #[test]
    fn a_standing_is_remembered_until_something_changes() {
        let standings = Standings::new(TimeDelta::minutes(1));
        let (session, person) = ids();
        assert!(standings.find(session, person, now()).is_none());
        standings.keep(session, person, standings.epoch(), now(), &standing());
        assert!(standings.find(session, person, now()).is_some());
        standings.forget();
        assert!(standings.find(session, person, now()).is_none());
    }

    #[test]
    fn what_was_read_before_a_change_is_not_used_after_it() {
        let standings = Standings::new(TimeDelta::minutes(1));
        let (session, person) = ids();
        let before = standings.epoch();
        standings.forget();
        standings.keep(session, person, before, now(), &standing());
        assert!(standings.find(session, person, now()).is_none());
    }

    #[test]
    fn the_moment_passes() {
        let standings = Standings::new(TimeDelta::seconds(1));
        let (session, person) = ids();
        standings.keep(session, person, standings.epoch(), now(), &standing());
        for (later, known) in [(999, true), (1000, false), (-1, false)] {
            let found = standings.find(session, person, now() + TimeDelta::milliseconds(later));
            assert_eq!(found.is_some(), known, "{later}");
        }
    }

    #[test]
    fn no_more_than_so_many_are_kept() {
        let standings = Standings::new(TimeDelta::minutes(1));
        for number in 0..=CAPACITY as u128 {
            let session = SessionId(uuid::Uuid::from_u128(number));
            standings.keep(session, ids().1, standings.epoch(), now(), &standing());
        }
        assert!(standings.sessions.lock().expect("a lock").len() <= CAPACITY);
    }

    #[test]
    fn a_change_of_authority_is_told_by_its_statement() {
        assert!(is_telling("UPDATE \"session\" SET \"revoked_at\" = $1"));
        assert!(is_telling("INSERT INTO \"role_assignment\" (\"id\") VALUES ($1)"));
        assert!(is_telling("UPDATE \"api_token\" SET \"revoked_at\" = $1 WHERE"));
        assert!(!is_telling("UPDATE \"api_token\" SET \"used_at\" = $1 WHERE"));
        assert!(!is_telling("SELECT 1 FROM \"session\""));
        assert!(!is_telling("INSERT INTO \"enrolment\" (\"id\") VALUES ($1)"));
    }
}
