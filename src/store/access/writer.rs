//! Records of accesses are committed in batches: a request hands its record over and waits until the batch is
//! stored, and while one batch is being stored the next one gathers.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
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
        Self::storing(move |records| {
            let (db, clock) = (db.clone(), clock.clone());
            async move { insert(db.alone(), &clock, records).await }
        })
    }

    /// Starts one that stores in this way. A batch that fails, or panics, is told so, and the next one is stored.
    fn storing<F>(store: impl Fn(Vec<Record>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let (sender, mut receiver) = mpsc::channel::<Waiting>(MOST);
        tokio::spawn(async move {
            let mut batch = Vec::new();
            while receiver.recv_many(&mut batch, MOST).await > 0 {
                let (records, waiting): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
                let stored = AssertUnwindSafe(async { store(records).await }).catch_unwind().await;
                let stored = stored.unwrap_or_else(|_| Err(Error::internal("storing them panicked")));
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::domain::audit::Origin;

    fn record() -> Record {
        Record {
            reader: None,
            origin: Origin::SYSTEM,
            operation: "Look".to_owned(),
            edition: None,
            reason: None,
            seen: Vec::new(),
        }
    }

    #[tokio::test]
    async fn a_batch_that_panics_or_fails_is_told_and_the_next_one_is_stored() {
        let count = Arc::new(AtomicUsize::new(0));
        let stored = count.clone();
        let writer = Writer::storing(move |records| {
            let turn = count.fetch_add(1, Ordering::SeqCst);
            async move {
                assert_eq!(records.len(), 1);
                match turn {
                    0 => panic!("as planned"),
                    1 => Err(Error::internal("as planned")),
                    _ => Ok(()),
                }
            }
        });
        for works in [false, false, true, true] {
            assert_eq!(writer.keep(record()).await.is_ok(), works);
        }
        assert_eq!(stored.load(Ordering::SeqCst), 4);
    }
}
