//! Records of accesses are committed in batches: a request hands its record over and waits until the batch is
//! stored, and while one batch is being stored the next one gathers.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::{Record, insert};
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::store::Db;

/// The most records of one statement: ten columns each stay under SQLite's limit of variables.
const MOST: usize = 500;

/// A record, and whom to tell that it is stored.
type Waiting = (Record, oneshot::Sender<bool>);

/// Stores records of accesses; clones share one queue.
#[derive(Debug, Clone)]
pub struct Writer(mpsc::Sender<Waiting>);

impl Writer {
    /// Starts one; it ends with its last clone.
    pub fn start(db: Db, clock: Arc<Clock>) -> Self {
        let (sender, mut receiver) = mpsc::channel::<Waiting>(MOST);
        tokio::spawn(async move {
            let mut batch = Vec::new();
            while receiver.recv_many(&mut batch, MOST).await > 0 {
                let (records, waiting): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
                let stored = insert(db.alone(), &clock, records).await;
                if let Err(cause) = &stored {
                    tracing::error!(error = %cause, "accesses to personal data could not be recorded");
                }
                for tell in waiting {
                    // Whoever hung up meanwhile waits no more.
                    tell.send(stored.is_ok()).unwrap_or_default();
                }
            }
        });
        Self(sender)
    }

    /// Stores a record; when this returns well, it is committed.
    ///
    /// # Errors
    /// [`Error::Internal`] when it could not be stored: what was read must not be shown then.
    pub async fn keep(&self, record: Record) -> Result<()> {
        let (tell, told) = oneshot::channel();
        let gone = |_| Error::internal("nobody records accesses");
        self.0
            .send((record, tell))
            .await
            .map_err(|_| Error::internal("nobody records accesses"))?;
        if told.await.map_err(gone)? {
            Ok(())
        } else {
            Err(Error::internal("an access to personal data could not be recorded"))
        }
    }
}
