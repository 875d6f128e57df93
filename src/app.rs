//! The one composition root: everything that a use case works with, cheap to clone.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::clock::Clock;
use crate::config::Settings;
use crate::error::Result;
use crate::store::Db;

/// The running application.
#[derive(Debug, Clone)]
pub struct App {
    /// The database.
    pub db: Db,
    /// Time and identifiers.
    pub clock: Arc<Clock>,
    /// The effective settings.
    pub settings: Arc<Settings>,
    /// Told when a message was put into the outbox, so that it leaves at once.
    pub outbox: Arc<Notify>,
}

impl App {
    /// Connects to what the settings name. The schema must be current; `Db::migrate` sees to it.
    pub async fn new(settings: Settings, clock: Clock) -> Result<Self> {
        let db = Db::connect(&settings.database).await?;
        Ok(Self { db, clock: Arc::new(clock), settings: Arc::new(settings), outbox: Arc::new(Notify::new()) })
    }
}
