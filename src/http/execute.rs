//! Runs operations: so many at the same time, each within its time, and none for a caller who has gone.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Request as Operation, Response as Answer};
use tokio::sync::Semaphore;

use super::Shared;
use crate::config::Load;
use crate::error::{Error, Result};

/// The places for operations; clones share them.
#[derive(Debug, Clone)]
pub struct Places {
    free: Arc<Semaphore>,
    longest: Duration,
}

impl Places {
    /// As many as the settings say.
    pub fn from_settings(settings: &Load) -> Self {
        Self {
            free: Arc::new(Semaphore::new(settings.operations)),
            longest: Duration::from_secs(settings.operation_seconds),
        }
    }
}

/// Runs one operation. Whoever drops this has hung up: what runs in the database for it is ended.
///
/// # Errors
/// [`Error::Overloaded`], at once, when every place is taken; [`Error::Timeout`] when it takes too long.
pub async fn run(shared: &Shared, operation: Operation) -> Result<Answer> {
    let _place = shared.places.free.try_acquire().map_err(|_| Error::Overloaded)?;
    let answer = shared.app.db.attend(shared.schema.execute(operation));
    tokio::time::timeout(shared.places.longest, answer)
        .await
        .map_err(|_| Error::Timeout)
}
