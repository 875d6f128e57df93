//! Runs operations: so many at the same time, each within its time, and none for a caller who has gone.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_graphql::Response as Answer;
use async_graphql::parser::types::OperationType;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{Shared, change, limit};
use crate::api::guard::Operation;
use crate::api::reads;
use crate::api::request::{Follows, Request};
use crate::app::App;
use crate::config::{Live, Load};
use crate::domain::actor::Actor;
use crate::domain::id::PersonId;
use crate::domain::idempotency::Key;
use crate::domain::text::Reason;
use crate::error::{Error, Result};
use crate::service::session::ClientLabel;

/// How many files come in at a time: each stands in memory until it is whole.
const FILES: usize = 8;
/// How many of these may be of one person.
const FILES_OF_ONE: usize = 2;
/// When to come again with one more, in seconds.
const AGAIN: u64 = 5;

/// The places for operations; clones share them.
#[derive(Debug, Clone)]
pub struct Places {
    free: Arc<Semaphore>,
    /// For values of subscriptions.
    values: Arc<Semaphore>,
    /// For files that come in.
    files: Arc<Semaphore>,
    /// How many of those each person has, of those who have any.
    senders: Arc<Mutex<HashMap<PersonId, usize>>>,
    longest: Duration,
}

impl Places {
    /// As many as the settings say.
    pub fn from_settings(settings: &Load, live: &Live) -> Self {
        Self {
            free: Arc::new(Semaphore::new(settings.operations)),
            values: Arc::new(Semaphore::new(live.readers)),
            files: Arc::new(Semaphore::new(FILES)),
            senders: Arc::default(),
            longest: Duration::from_secs(settings.operation_seconds),
        }
    }

    /// A place for a file that comes in from somebody.
    ///
    /// # Errors
    /// [`Error::Busy`] when they have as many as one person may, [`Error::Overloaded`] when every one is taken.
    pub fn for_file(&self, person: PersonId) -> Result<FilePlace<'_>> {
        let mut senders = self.senders();
        if senders.get(&person).is_some_and(|count| *count >= FILES_OF_ONE) {
            return Err(Error::Busy(AGAIN));
        }
        let place = self.files.try_acquire().map_err(|_| Error::Overloaded)?;
        *senders.entry(person).or_default() += 1;
        drop(senders);
        Ok(FilePlace {
            of: self,
            person,
            _place: place,
        })
    }

    fn senders(&self) -> MutexGuard<'_, HashMap<PersonId, usize>> {
        // Nothing in here panics half-way.
        self.senders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place for a file that comes in, until this is dropped.
#[derive(Debug)]
pub struct FilePlace<'a> {
    of: &'a Places,
    person: PersonId,
    _place: SemaphorePermit<'a>,
}

impl Drop for FilePlace<'_> {
    fn drop(&mut self) {
        let mut senders = self.of.senders();
        if let Some(count) = senders.get_mut(&self.person) {
            *count -= 1;
            if *count == 0 {
                senders.remove(&self.person);
            }
        }
    }
}

/// Reads one piece of a file: in one of the places, which it waits for, and within the time of an operation. Between
/// two pieces a download holds neither, however slow its reader.
///
/// # Errors
/// [`Error::Timeout`].
pub async fn piece<T>(places: &Places, app: &App, work: impl Future<Output = Result<T>>) -> Result<T> {
    let whole = async {
        let _place = places.free.acquire().await.map_err(|_| Error::Overloaded)?;
        app.db.attend(work).await
    };
    tokio::time::timeout(places.longest, whole)
        .await
        .map_err(|_| Error::Timeout)?
}

/// What comes with an operation.
#[derive(Debug, Clone)]
pub struct Call {
    /// Who asks.
    pub actor: Actor,
    /// Why.
    pub reason: Option<Reason>,
    /// Under which key.
    pub key: Option<Key>,
    /// What the client calls itself.
    pub client: Option<ClientLabel>,
    /// From where.
    pub caller: IpAddr,
    /// The name of the request.
    pub request_id: String,
}

/// Runs one operation for somebody; its errors have their codes and sentences. Whoever drops this has hung up:
/// what runs in the database for it is ended.
///
/// # Errors
/// [`Error::Overloaded`], at once, when every place is taken; [`Error::Busy`] when its caller asks too often;
/// [`Error::Timeout`] when it takes too long; [`Error::Key`] about its key.
pub async fn run(shared: &Shared, operation: Operation, call: Call) -> Result<Answer> {
    let _place = shared.places.free.try_acquire().map_err(|_| Error::Overloaded)?;
    let app = shared.app.for_request();
    let (kind, mut operation) = (operation.kind, operation.request);
    // In one place of memory, whatever the operation: it is handed through several layers.
    let whole = Box::pin(async {
        let ticket = limit::admit(&app, &mut operation, &call.actor, call.caller).await?;
        let answer = if kind == OperationType::Mutation {
            change::run(shared, &app, operation, &call).await?
        } else {
            let request = Request::new(app.clone(), call.actor).because(call.reason);
            reads::run(&shared.schema, operation, request, &call.request_id).await
        };
        if let Err(failure) = limit::settle(&app, &ticket, &answer).await {
            // What was done stays done; the caller only waits longer.
            tracing::warn!(error.chain = %failure, "a sign-in could not be given back");
        }
        Ok(answer)
    });
    tokio::time::timeout(shared.places.longest, app.db.attend(whole))
        .await
        .map_err(|_| Error::Timeout)?
}

/// Reads one value of a subscription: in one of the places for that, which it waits for, so that many followers of one
/// thing leave the places of operations to others. Only the first takes from the buckets of its caller: when the others
/// come is not the caller's choice.
///
/// # Errors
/// [`Error::Busy`] when its caller asks too often; [`Error::Timeout`] when it takes too long.
pub async fn value(
    shared: &Shared,
    operation: Operation,
    call: &Call,
    follows: &Arc<Follows>,
    first: bool,
) -> Result<Answer> {
    let _place = shared.places.values.acquire().await.map_err(|_| Error::Overloaded)?;
    let app = shared.app.for_request();
    let mut operation = operation.request;
    let whole = Box::pin(async {
        if first {
            limit::admit(&app, &mut operation, &call.actor, call.caller).await?;
        }
        let request = Request::new(app.clone(), call.actor.clone()).following(follows.clone());
        Ok(reads::run(&shared.schema, operation, request, &call.request_id).await)
    });
    tokio::time::timeout(shared.places.longest, app.db.attend(whole))
        .await
        .map_err(|_| Error::Timeout)?
}
