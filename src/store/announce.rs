//! What was changed, told to whoever follows it: announced by the transaction that changed it, when it commits.
//!
//! On PostgreSQL the announcement is a notification of the transaction, which every copy of Rumbo hears (`listen`);
//! what is rolled back is never heard. On SQLite there is one copy, which tells itself after the commit. Nobody waits
//! for a follower: that something has changed is a mark, and who is slow finds one mark for many changes.
//!
//! PostgreSQL lets one transaction at a time commit that notifies. So it is notified only where somebody may follow:
//! topics are divided into buckets, a copy of Rumbo holds a shared lock on those of what is followed there, and a
//! transaction that can have the lock for itself knows that nobody does. It keeps it until it has committed; who begins
//! to follow meanwhile asks until they have the lock, and reads again then.
//!
//! Only identifiers are announced, never what has become of them: that everybody reads for themself, as far as they
//! may.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use sea_orm::sea_query::{Expr, ExprTrait, Func, Query, SelectStatement};
use sea_orm::sqlx::postgres::PgConnectOptions;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use uuid::Uuid;

use super::{Db, unreach};
use crate::config;
use crate::domain::id::{EditionId, PersonId, Subject, TableImportId};
use crate::error::Result;

mod listen;

/// Where the address of that connection is set.
const LISTEN_URL: &str = "database.listen_url";
/// The channel on which the copies of Rumbo on one database hear each other.
const CHANNEL: &str = "rumbo_changes";
/// A notification of PostgreSQL is shorter than 8,000 bytes.
const LONGEST: usize = 7_900;
/// Of more than this in one transaction it is said that everything has changed.
const MOST: usize = 5_000;
/// For more than this in one transaction nobody looks who follows: each would take one of the server's locks.
const LOOKED_FOR: usize = 20;
/// Under which PostgreSQL keeps the locks on buckets, apart from all other locks.
const BUCKETS: i32 = 0x6c69_7665;
/// The word for that.
const EVERYTHING: &str = "*";

/// What can be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// An edition: its state, its seats, and who is enrolled in it.
    Edition(EditionId),
    /// The enrolments of a person.
    Person(PersonId),
    /// A table that is brought in, and how far it is.
    Import(TableImportId),
}

impl Topic {
    /// What of this can be followed.
    pub(super) fn of(subject: &Subject) -> Option<Self> {
        (subject.kind == "edition").then_some(Self::Edition(EditionId(subject.id)))
    }

    fn word(self) -> String {
        match self {
            Self::Edition(id) => format!("e{}", id.0.simple()),
            Self::Person(id) => format!("p{}", id.0.simple()),
            Self::Import(id) => format!("i{}", id.0.simple()),
        }
    }

    fn read(word: &str) -> Option<Self> {
        let (kind, id) = word.split_at_checked(1)?;
        let id = Uuid::try_parse(id).ok()?;
        match kind {
            "e" => Some(Self::Edition(EditionId(id))),
            "p" => Some(Self::Person(PersonId(id))),
            "i" => Some(Self::Import(TableImportId(id))),
            _ => None,
        }
    }
}

/// The part of all topics to which one belongs. Of 256 at most a copy of Rumbo holds the locks, whatever is followed
/// there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Bucket(u8);

impl Bucket {
    /// By all bytes of an identifier.
    fn of(topic: Topic) -> Self {
        let id = match topic {
            Topic::Edition(id) => id.0,
            Topic::Person(id) => id.0,
            Topic::Import(id) => id.0,
        };
        Self(id.into_bytes().into_iter().fold(0, |all, byte| all ^ byte))
    }
}

/// What a transaction has changed.
#[derive(Debug, Default)]
pub(super) struct Changes {
    topics: BTreeSet<Topic>,
    everything: bool,
}

impl Changes {
    pub(super) fn add(&mut self, topic: Topic) {
        if self.everything {
            return;
        }
        self.topics.insert(topic);
        if self.topics.len() > MOST {
            self.topics.clear();
            self.everything = true;
        }
    }

    /// What is announced of them, in pieces that are not too long.
    fn words(&self) -> Vec<String> {
        if self.everything {
            return vec![EVERYTHING.to_owned()];
        }
        let mut pieces: Vec<String> = Vec::new();
        for word in self.topics.iter().map(|topic| topic.word()) {
            match pieces.last_mut() {
                Some(piece) if piece.len() + word.len() < LONGEST => {
                    piece.push(' ');
                    piece.push_str(&word);
                }
                _ => pieces.push(word),
            }
        }
        pieces
    }

    /// The statement that announces them on PostgreSQL to those who follow them; `None` where nothing was changed.
    pub(super) fn notification(&self) -> Option<SelectStatement> {
        let notify = |piece: Expr| Func::cust("pg_notify").arg(CHANNEL).arg(piece);
        let mut statement = Query::select();
        if self.everything || self.topics.len() > LOOKED_FOR {
            statement.exprs(self.words().into_iter().map(|piece| notify(Expr::val(piece))));
            return Some(statement);
        }
        if self.topics.is_empty() {
            return None;
        }
        let rows = self.topics.iter();
        let rows = rows.map(|topic| (topic.word(), i32::from(Bucket::of(*topic).0)));
        let unfollowed = Func::cust("pg_try_advisory_xact_lock")
            .arg(BUCKETS)
            .arg(Expr::col("column2"));
        statement
            .expr(notify(Expr::col("column1")))
            .from_values(rows, "topic")
            .and_where(Expr::from(unfollowed).not());
        Some(statement)
    }
}

/// Who follows what in this process.
pub(super) struct Followers {
    by_topic: Mutex<HashMap<Topic, watch::Sender<()>>>,
    /// Where PostgreSQL is heard; `None` on SQLite.
    ear: Option<Ear>,
}

/// The connection on which notifications come; it is opened when somebody follows something for the first time.
struct Ear {
    options: PgConnectOptions,
    task: OnceLock<(AbortHandle, UnboundedSender<Bucket>)>,
}

impl fmt::Debug for Followers {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The address of the server holds a password.
        out.debug_struct("Followers").finish_non_exhaustive()
    }
}

impl Followers {
    fn new(server: Option<PgConnectOptions>) -> Arc<Self> {
        Arc::new(Self {
            by_topic: Mutex::default(),
            ear: server.map(|options| Ear {
                options,
                task: OnceLock::new(),
            }),
        })
    }

    /// Nobody yet, in the one process that has the file.
    pub(super) fn of_file() -> Arc<Self> {
        Self::new(None)
    }

    /// Nobody yet, with the way to the server that is reached with these options, or to it past what stands between.
    pub(super) fn of_server(options: &PgConnectOptions, settings: &config::Database) -> Result<Arc<Self>> {
        let own = settings.listen_url.reveal();
        let of_server = || own.starts_with("postgres://") || own.starts_with("postgresql://");
        let options = match own {
            "" => options.clone(),
            own if of_server() => PgConnectOptions::from_str(own).map_err(|_| unreach::malformed_at(LISTEN_URL))?,
            _ => return Err(unreach::malformed_at(LISTEN_URL)),
        };
        Ok(Self::new(Some(options.application_name("rumbo live"))))
    }

    /// One who follows something from now on.
    fn enter(self: &Arc<Self>, topic: Topic) -> Followed {
        let mut by_topic = self.by_topic();
        let known = by_topic.contains_key(&topic);
        let mark = by_topic.entry(topic).or_insert_with(|| watch::channel(()).0);
        let mark = Some(mark.subscribe());
        drop(by_topic);
        if let Some(ear) = &self.ear {
            ear.task.get_or_init(|| {
                let (look, looks) = unbounded_channel();
                let listening = listen::listen(Arc::downgrade(self), ear.options.clone(), looks);
                (tokio::spawn(listening).abort_handle(), look)
            });
        }
        if !known {
            self.look(topic);
        }
        Followed {
            mark,
            of: self.clone(),
            topic,
        }
    }

    /// Lets whoever listens see whether a topic's bucket is followed by now.
    fn look(&self, topic: Topic) {
        if let Some((_, look)) = self.ear.as_ref().and_then(|ear| ear.task.get()) {
            // Where nobody listens any more, nobody is told either.
            look.send(Bucket::of(topic)).ok();
        }
    }

    /// Whether something in a bucket is followed.
    fn follows(&self, bucket: Bucket) -> bool {
        self.by_topic().keys().any(|topic| Bucket::of(*topic) == bucket)
    }

    /// Tells those who follow something in a bucket that it may have changed.
    fn tell_bucket(&self, bucket: Bucket) {
        for (topic, mark) in self.by_topic().iter() {
            if Bucket::of(*topic) == bucket {
                mark.send_replace(());
            }
        }
    }

    /// Tells of changes that were committed in this process, where nobody else says so.
    pub(super) fn tell(&self, changes: &Changes) {
        if self.ear.is_some() {
            return;
        }
        if changes.everything {
            return self.tell_all();
        }
        for topic in &changes.topics {
            self.mark(*topic);
        }
    }

    /// Tells what another copy, or this one, has announced.
    fn hear(&self, piece: &str) {
        for word in piece.split(' ') {
            match Topic::read(word) {
                Some(topic) => self.mark(topic),
                None if word == EVERYTHING => self.tell_all(),
                // A newer copy of Rumbo knows more topics.
                None => {}
            }
        }
    }

    fn mark(&self, topic: Topic) {
        if let Some(mark) = self.by_topic().get(&topic) {
            mark.send_replace(());
        }
    }

    /// Tells everybody that what they follow may have changed.
    fn tell_all(&self) {
        for mark in self.by_topic().values() {
            mark.send_replace(());
        }
    }

    /// Stops to listen.
    pub(super) fn close(&self) {
        if let Some((task, _)) = self.ear.as_ref().and_then(|ear| ear.task.get()) {
            task.abort();
        }
    }

    fn by_topic(&self) -> MutexGuard<'_, HashMap<Topic, watch::Sender<()>>> {
        self.by_topic.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Followers {
    fn drop(&mut self) {
        self.close();
    }
}

/// Something that is followed, until the last clone of this is dropped.
#[derive(Debug)]
pub struct Followed {
    /// There until this is dropped.
    mark: Option<watch::Receiver<()>>,
    of: Arc<Followers>,
    topic: Topic,
}

impl Followed {
    /// From now on only what comes counts as a change.
    pub fn catch_up(&mut self) {
        if let Some(mark) = &mut self.mark {
            mark.mark_unchanged();
        }
    }

    /// Done when it has changed since it was caught up with.
    pub async fn changed(&mut self) {
        let heard = match &mut self.mark {
            Some(mark) => mark.changed().await.is_ok(),
            None => false,
        };
        if !heard {
            // Whoever could tell is gone.
            std::future::pending::<()>().await;
        }
    }
}

impl Clone for Followed {
    fn clone(&self) -> Self {
        Self {
            mark: self.mark.clone(),
            of: self.of.clone(),
            topic: self.topic,
        }
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        let mut by_topic = self.of.by_topic();
        // Under the lock, so that nobody counts it who comes just now.
        drop(self.mark.take());
        if by_topic.get(&self.topic).is_some_and(|mark| mark.receiver_count() == 0) {
            by_topic.remove(&self.topic);
            drop(by_topic);
            self.of.look(self.topic);
        }
    }
}

impl Db {
    /// Follows something from now on: what is committed after this call is told, also by other copies of Rumbo.
    pub fn follow(&self, topic: Topic) -> Followed {
        self.followers.enter(topic)
    }

    /// How many topics are followed in this process.
    pub fn followed(&self) -> usize {
        self.followers.by_topic().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edition(number: u128) -> Topic {
        Topic::Edition(EditionId(Uuid::from_u128(number)))
    }

    #[test]
    fn topics_are_read_as_they_are_written() {
        let id = Uuid::from_u128(8);
        for topic in [
            edition(7),
            Topic::Person(PersonId(id)),
            Topic::Import(TableImportId(id)),
        ] {
            assert_eq!(Topic::read(&topic.word()), Some(topic));
        }
        for wrong in ["", "e", "x00000000000000000000000000000007", "e7", "*", "é"] {
            assert_eq!(Topic::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_announcement_is_cut_to_the_length_of_a_notification() {
        let changes = |count: usize| {
            let mut changes = Changes::default();
            for number in 0..count {
                changes.add(edition(number as u128));
            }
            changes
        };
        assert!(changes(0).notification().is_none());
        assert_eq!(changes(1).words(), [edition(0).word()]);
        let words = changes(1_000).words();
        assert!(words.len() > 1 && words.iter().all(|piece| piece.len() < 8_000));
        let read: Vec<_> = words
            .iter()
            .flat_map(|piece| piece.split(' '))
            .map(Topic::read)
            .collect();
        assert_eq!(read, (0..1_000).map(|number| Some(edition(number))).collect::<Vec<_>>());
        assert_eq!(changes(MOST + 1).words(), [EVERYTHING]);
    }

    #[tokio::test]
    async fn who_follows_finds_one_mark_for_many_changes_and_leaves_nothing_behind() {
        let followers = Followers::new(None);
        let (mut one, mut other) = (followers.enter(edition(1)), followers.enter(edition(2)));
        followers.hear(&format!("{} {} nonsense", edition(1).word(), edition(1).word()));
        one.changed().await;
        let waits = |followed: &Followed| !followed.mark.as_ref().expect("a mark").has_changed().expect("a sender");
        assert!(waits(&one) && waits(&other));
        followers.hear(EVERYTHING);
        other.changed().await;
        one.catch_up();
        assert!(waits(&one), "what was caught up with is no change");
        let again = other.clone();
        drop((one, other));
        assert_eq!(followers.by_topic().len(), 1);
        drop(again);
        assert!(followers.by_topic().is_empty());
    }
}
