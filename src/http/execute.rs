//! Runs operations: so many at the same time, each within its time, and none for a caller who has gone.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Request as Operation, Response as Answer};
use tokio::sync::Semaphore;

use super::{Shared, limit};
use crate::api::request::Request;
use crate::api::{error, reads};
use crate::config::Load;
use crate::domain::actor::Actor;
use crate::domain::text::Reason;
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

/// Runs one operation for somebody; its errors have their codes and sentences. Whoever drops this has hung up:
/// what runs in the database for it is ended.
///
/// # Errors
/// [`Error::Overloaded`], at once, when every place is taken; [`Error::Busy`] when its caller asks too often;
/// [`Error::Timeout`] when it takes too long.
pub async fn run(
    shared: &Shared,
    mut operation: Operation,
    actor: Actor,
    reason: Option<Reason>,
    caller: IpAddr,
    request_id: &str,
) -> Result<Answer> {
    let _place = shared.places.free.try_acquire().map_err(|_| Error::Overloaded)?;
    let app = shared.app.for_request();
    let language = actor.language;
    // In one place of memory, whatever the operation: it is handed through several layers.
    let whole = Box::pin(async {
        let ticket = limit::admit(&app, &mut operation, &actor, caller).await?;
        let request = Request::new(app.clone(), actor).because(reason);
        let mut answer = reads::run(&shared.schema, operation, request, request_id).await;
        if let Err(failure) = limit::settle(&app, &ticket, &answer).await {
            // What was done stays done; the caller only waits longer.
            tracing::warn!(error.chain = %failure, "a sign-in could not be given back");
        }
        for fault in &mut answer.errors {
            error::finish(fault, language, request_id);
        }
        Ok(answer)
    });
    tokio::time::timeout(shared.places.longest, app.db.attend(whole))
        .await
        .map_err(|_| Error::Timeout)?
}
