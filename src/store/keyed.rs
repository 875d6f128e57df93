//! A request with an idempotency key: its transaction is held open until its answer is known, and commits with it.
//!
//! To the use case the transaction is over when it has committed it. In truth it waits here: what the request reads
//! from then on to resolve its answer goes through it, and when the answer is whole it is written beside the key and
//! everything is committed at once. So whoever finds the key finds the answer, and whoever does not find it knows
//! that nothing was done. What is dropped on the way is rolled back.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard, OwnedMutexGuard};

use super::Tx;
use super::idempotency::{self, Answer, Claim};
use super::lock::try_alone;
use crate::error::{Error, KeyRefusal, Result};

/// What a request with a key holds.
#[derive(Debug)]
pub struct Keyed {
    claim: Claim,
    begun: AtomicBool,
    collided: AtomicBool,
    held: Mutex<Option<Tx>>,
}

impl Keyed {
    pub(super) fn new(claim: Claim) -> Self {
        Self {
            claim,
            begun: AtomicBool::new(false),
            collided: AtomicBool::new(false),
            held: Mutex::default(),
        }
    }

    /// Notes that the request begins its transaction.
    ///
    /// # Errors
    /// An internal fault when it has begun one: the second would wait for the first, which is held.
    pub(super) fn begin(&self) -> Result<()> {
        if self.begun.swap(true, Ordering::Relaxed) {
            return Err(Error::internal("a request with a key has one transaction"));
        }
        Ok(())
    }

    /// Takes the key in a transaction that has just begun, which is then held when it is committed.
    ///
    /// # Errors
    /// [`KeyRefusal::InUse`] when another request has the key; see [`Keyed::collided`].
    pub(super) async fn take(self: &Arc<Self>, mut tx: Tx) -> Result<Tx> {
        let mut name = [0; 8];
        name.copy_from_slice(&self.claim.id[..8]);
        let alone = try_alone(&tx, i64::from_be_bytes(name)).await?;
        if !alone || !idempotency::take(&tx, &self.claim).await? {
            self.collided.store(true, Ordering::Relaxed);
            return Err(KeyRefusal::InUse.into());
        }
        tx.hold_for(self.clone());
        Ok(tx)
    }

    /// Whether the request did nothing because another one has the key, or had it and is over.
    pub fn collided(&self) -> bool {
        self.collided.load(Ordering::Relaxed)
    }

    /// Takes over a transaction that its use case has committed.
    pub(super) async fn hold(&self, tx: Tx) {
        *self.held.lock().await = Some(tx);
    }

    /// The transaction that waits, if one does.
    pub(super) async fn held(&self) -> MutexGuard<'_, Option<Tx>> {
        self.held.lock().await
    }

    /// Whether a use case has committed something that waits.
    pub async fn waits(&self) -> bool {
        self.held.lock().await.is_some()
    }

    /// Commits what waits, with the answer under the key.
    pub async fn keep(&self, answer: Answer) -> Result<()> {
        let Some(tx) = self.held.lock().await.take() else {
            return Ok(());
        };
        idempotency::complete(&tx, &self.claim.id, answer).await?;
        Ok(tx.commit().await?)
    }

    /// Commits what waits, without the key.
    pub async fn release(&self) -> Result<()> {
        let Some(tx) = self.held.lock().await.take() else {
            return Ok(());
        };
        idempotency::give_up(&tx, &self.claim.id).await?;
        Ok(tx.commit().await?)
    }

    /// Undoes what waits.
    pub async fn undo(&self) -> Result<()> {
        let Some(tx) = self.held.lock().await.take() else {
            return Ok(());
        };
        Ok(tx.rollback().await?)
    }
}

type Name = [u8; 32];

/// The keys whose requests run in this process; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Running(Arc<Lock<HashMap<Name, Arc<Mutex<()>>>>>);

/// A key whose request runs, until this is dropped.
#[derive(Debug)]
pub struct Turn {
    of: Running,
    name: Name,
    place: Option<OwnedMutexGuard<()>>,
}

impl Running {
    /// Waits until no other request with the key runs in this process, for so long at most.
    ///
    /// # Errors
    /// [`KeyRefusal::InUse`] when one still runs then.
    pub async fn enter(&self, claim: &Claim, longest: Duration) -> Result<Turn> {
        let queue = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.entry(claim.id).or_default().clone()
        };
        // Made first, so that a request that is dropped while it waits leaves nothing behind.
        let mut turn = Turn {
            of: self.clone(),
            name: claim.id,
            place: None,
        };
        let place = tokio::time::timeout(longest, queue.lock_owned()).await;
        turn.place = Some(place.map_err(|_| KeyRefusal::InUse)?);
        Ok(turn)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        drop(self.place.take());
        let mut all = self.of.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.get(&self.name).is_some_and(|queue| Arc::strong_count(queue) == 1) {
            all.remove(&self.name);
        }
    }
}
