//! Hears what is announced on PostgreSQL, on a connection of its own, and opens another when that is lost. The connection
//! holds the locks by which others know what is followed here.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::sync::Weak;
use std::time::Duration;

use sea_orm::sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use sea_orm::sqlx::{Error as SqlxError, Executor, query};
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
    let mut held: BTreeSet<Bucket> = match followers.upgrade() {
        Some(followers) => followers.by_topic().keys().copied().map(Bucket::of).collect(),
        None => return Ok(()),
    };
    hold(&mut listener, &held).await?;
    listener.listen(CHANNEL).await?;
    *pause = FIRST_PAUSE;
    let Some(told) = followers.upgrade() else { return Ok(()) };
    told.tell_all();
    drop(told);
    loop {
        let heard = select! {
            heard = timeout(SILENT, listener.try_recv()) => heard,
            Some(bucket) = looks.recv() => {
                let Some(followers) = followers.upgrade() else { return Ok(()) };
                look(&mut listener, &followers, bucket, &mut held).await?;
                continue;
            }
        };
        let Ok(heard) = heard else {
            let asked = timeout(PATIENCE, listener.execute("SELECT 1")).await;
            asked.map_err(|_| SqlxError::PoolTimedOut)??;
            continue;
        };
        let heard = heard?.ok_or(SqlxError::Io(ErrorKind::ConnectionReset.into()))?;
        let Some(followers) = followers.upgrade() else {
            return Ok(());
        };
        followers.hear(heard.payload());
    }
}

/// Holds the lock on a bucket if it is followed, and gives it back if it is not any more. Before the lock was had, others
/// did not say what they changed.
async fn look(
    listener: &mut PgListener,
    followers: &Followers,
    bucket: Bucket,
    held: &mut BTreeSet<Bucket>,
) -> Result<(), SqlxError> {
    let followed = followers.follows(bucket);
    if followed && !held.contains(&bucket) {
        hold(listener, &BTreeSet::from([bucket])).await?;
        held.insert(bucket);
        followers.tell_bucket(bucket);
    } else if !followed && held.remove(&bucket) {
        let free = query("SELECT pg_advisory_unlock_shared($1, $2)").bind(BUCKETS);
        let freed = timeout(PATIENCE, listener.execute(free.bind(i32::from(bucket.0)))).await;
        freed.map_err(|_| SqlxError::PoolTimedOut)??;
    }
    Ok(())
}

/// Holds the locks on buckets, once those who commit without saying so have done it.
async fn hold(listener: &mut PgListener, buckets: &BTreeSet<Bucket>) -> Result<(), SqlxError> {
    let numbers: Vec<i32> = buckets.iter().map(|bucket| i32::from(bucket.0)).collect();
    let lock = query("SELECT pg_advisory_lock_shared($1, number) FROM unnest($2) AS number").bind(BUCKETS);
    let held = timeout(PATIENCE, listener.execute(lock.bind(numbers))).await;
    held.map_err(|_| SqlxError::PoolTimedOut)?.map(drop)
}
