//! Working off the tables that were handed over, beside the messages, which must not wait for them. Every copy of Rumbo
//! may run it: a table is claimed by one at a time.

use std::time::Duration;

use super::job::run as turn;
use crate::app::App;
use crate::error::Result;
use crate::service::roster::job;

/// How often is looked where nobody says that there is something.
const EVERY: Duration = Duration::from_secs(1);

/// Works until `stop` is ready. What is being worked off then is broken off, and finished by whoever claims it next.
pub async fn run(app: App, stop: impl Future<Output = ()>) {
    tokio::pin!(stop);
    loop {
        let done = tokio::select! {
            biased;
            () = &mut stop => return,
            done = turn("imports", Box::pin(job::work(&app))) => done,
        };
        // What failed was logged, and has its turn again.
        if done.is_ok_and(|worked| worked) {
            continue;
        }
        tokio::select! {
            biased;
            () = &mut stop => return,
            () = app.imports.notified() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// Works everything off that waits.
pub async fn drain(app: &App) -> Result<()> {
    while Box::pin(job::work(app)).await? {}
    Ok(())
}
