//! Hears what is announced on PostgreSQL, on a connection of its own, and opens another when that is lost.

use std::io::ErrorKind;
use std::sync::Weak;
use std::time::Duration;

use sea_orm::sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use sea_orm::sqlx::{Error as SqlxError, Executor};
use tokio::time::{sleep, timeout};

use super::super::pool::PATIENCE;
use super::{CHANNEL, Followers};
use crate::store::unreach::Server;

/// How long it waits before it connects again for the first time; later twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// How long at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// A connection that is silent so long is asked whether it still answers.
const SILENT: Duration = Duration::from_secs(20);

/// Listens as long as there are followers' books to tell.
pub(super) async fn listen(followers: Weak<Followers>, options: PgConnectOptions) {
    let server = Server::of(&options);
    let mut pause = FIRST_PAUSE;
    loop {
        let lost = hear(&followers, &options, &mut pause).await;
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
async fn hear(followers: &Weak<Followers>, options: &PgConnectOptions, pause: &mut Duration) -> Result<(), SqlxError> {
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
    let Some(told) = followers.upgrade() else { return Ok(()) };
    told.tell_all();
    drop(told);
    loop {
        let Ok(heard) = timeout(SILENT, listener.try_recv()).await else {
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
