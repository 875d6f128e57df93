//! Hears what is announced on PostgreSQL, on a connection of its own, and opens another when that is lost. The
//! connection holds the locks by which others know what is followed here.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::sync::Weak;
use std::time::Duration;

use sea_orm::sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use sea_orm::sqlx::{Error as SqlxError, Executor, Row, query};
use tokio::select;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{sleep, timeout};

use super::super::pool::PATIENCE;
use super::{BUCKETS, Bucket, CHANNEL, Followers};
use crate::store::unreach::Server;

/// How long it waits before it connects again for the first time; later twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// How long at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// A connection that is silent so long is asked whether it still answers.
const SILENT: Duration = Duration::from_secs(20);
/// When it asks again for the lock of a bucket that somebody has who commits just now.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// Listens as long as there are followers' books to tell.
pub(super) async fn listen(
    followers: Weak<Followers>,
    options: PgConnectOptions,
    mut looks: UnboundedReceiver<Bucket>,
) {
    let server = Server::of(&options);
    let mut pause = FIRST_PAUSE;
    loop {
        let lost = hear(&followers, &options, &mut looks, &mut pause).await;
        if followers.strong_count() == 0 {
            return;
        }
        if let Err(failure) = lost {
            let failure = server.unreached(&failure);
            tracing::warn!(error.chain = %failure, "what is announced cannot be heard; it is tried again");
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Connects and hears, until the connection is lost or nobody is left to tell. What was announced while there was no
/// connection nobody knows, so with a new one everything may have changed.
async fn hear(
    followers: &Weak<Followers>,
    options: &PgConnectOptions,
    looks: &mut UnboundedReceiver<Bucket>,
    pause: &mut Duration,
) -> Result<(), SqlxError> {
    let one = PgPoolOptions::new()
        .max_connections(1)
        .max_lifetime(None)
        .idle_timeout(None)
        .acquire_timeout(PATIENCE)
        .connect_with(options.clone())
        .await?;
    let mut listener = PgListener::connect_with(&one).await?;
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    *pause = FIRST_PAUSE;
    let mut buckets = Locks::default();
    let Some(told) = followers.upgrade() else { return Ok(()) };
    buckets.wanted = told.by_topic().keys().copied().map(Bucket::of).collect();
    buckets.take(&mut listener, &told).await?;
    told.tell_all();
    drop(told);
    loop {
        let heard = select! {
            heard = timeout(SILENT, listener.try_recv()) => heard,
            Some(bucket) = looks.recv() => {
                let Some(followers) = followers.upgrade() else { return Ok(()) };
                buckets.look(&mut listener, &followers, bucket).await?;
                continue;
            }
            () = sleep(ASK_AGAIN), if !buckets.wanted.is_empty() => {
                let Some(followers) = followers.upgrade() else { return Ok(()) };
                buckets.take(&mut listener, &followers).await?;
                continue;
            }
        };
        let Ok(heard) = heard else {
            within(listener.execute("SELECT 1")).await?;
            continue;
        };
        let heard = heard?.ok_or(SqlxError::Io(ErrorKind::ConnectionReset.into()))?;
        let Some(followers) = followers.upgrade() else {
            return Ok(());
        };
        followers.hear(heard.payload());
    }
}

/// The locks of this connection. It never waits for one: a transaction that hangs would keep it from hearing everybody
/// else, and as long as that has the lock, others notify.
#[derive(Default)]
struct Locks {
    held: BTreeSet<Bucket>,
    wanted: BTreeSet<Bucket>,
}

impl Locks {
    /// Wants the lock on a bucket if it is followed, and gives it back if it is not any more.
    async fn look(
        &mut self,
        listener: &mut PgListener,
        followers: &Followers,
        bucket: Bucket,
    ) -> Result<(), SqlxError> {
        if followers.follows(bucket) {
            if !self.held.contains(&bucket) {
                self.wanted.insert(bucket);
            }
            return self.take(listener, followers).await;
        }
        self.wanted.remove(&bucket);
        if self.held.remove(&bucket) {
            let free = query("SELECT pg_advisory_unlock_shared($1, $2)").bind(BUCKETS);
            within(listener.execute(free.bind(i32::from(bucket.0)))).await?;
        }
        Ok(())
    }

    /// Takes those that are wanted and can be had. Before, others did not say what they changed, so who follows reads
    /// again.
    async fn take(&mut self, listener: &mut PgListener, followers: &Followers) -> Result<(), SqlxError> {
        if self.wanted.is_empty() {
            return Ok(());
        }
        let numbers: Vec<i32> = self.wanted.iter().map(|bucket| i32::from(bucket.0)).collect();
        let take = query("SELECT number FROM unnest($2) AS number WHERE pg_try_advisory_lock_shared($1, number)");
        let had = within(listener.fetch_all(take.bind(BUCKETS).bind(numbers))).await?;
        for row in had {
            let number: i32 = row.try_get(0)?;
            let Ok(number) = u8::try_from(number) else { continue };
            let bucket = Bucket(number);
            self.wanted.remove(&bucket);
            self.held.insert(bucket);
            followers.tell_bucket(bucket);
        }
        Ok(())
    }
}

/// What the server answers in time.
async fn within<T>(asked: impl Future<Output = Result<T, SqlxError>>) -> Result<T, SqlxError> {
    timeout(PATIENCE, asked).await.map_err(|_| SqlxError::PoolTimedOut)?
}
