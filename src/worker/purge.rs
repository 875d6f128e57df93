//! What is kept for a time only: names and addresses of invitations that ended, messages that left, sessions that
//! ended, what came of tables that were brought in. A bounded number a transaction, each transaction with its entry in
//! the audit log; it may run late, twice, or in several workers at once. What waited for a token or a code goes when
//! that has run out, without an entry: it is worth nothing to anybody.

use chrono::{DateTime, TimeDelta, Utc};
use tracing::info;
use uuid::Uuid;

use super::Worker;
use super::job::run;
use crate::domain::id::Subject;
use crate::domain::policy::Action;
use crate::error::Result;
use crate::store::{
    address_change, audit, challenge, idempotency, identity_claim, invitation, outbox, password_reset,
    provider_sign_in, registration, session, table_import,
};

/// How many of a kind one transaction removes.
const AT_ONCE: u64 = 100;
/// How many imports one transaction removes: each may have as many rows as a table has.
const IMPORTS_AT_ONCE: u64 = 10;

/// What is about nothing that has an identifier.
const SYSTEM: Subject = Subject {
    kind: "system",
    id: Uuid::nil(),
};

impl Worker {
    /// Forgets whatever its time is over for; every kind has its turn, and the first failure is told in the end.
    pub(super) async fn forget(&self) -> Result<()> {
        let done = [
            run("blank_invitations", self.blank_invitations()).await,
            run("forget_messages", self.forget_messages()).await,
            run("forget_sessions", self.forget_sessions()).await,
            run("forget_secrets", self.forget_secrets()).await,
            run("forget_imports", self.forget_imports()).await,
            run("forget_keys", idempotency::forget_old(&self.db, self.clock.now())).await,
        ];
        done.into_iter().collect()
    }

    /// The instant before which it must have ended.
    fn before(&self, days: u16) -> DateTime<Utc> {
        self.clock.now() - TimeDelta::days(days.into())
    }

    /// Names and addresses of invitations that ended.
    async fn blank_invitations(&self) -> Result<()> {
        let before = self.before(self.retention.invitation_days);
        while invitation::is_to_blank(self.db.read(), before).await? {
            let tx = self.db.write().await?;
            let blanked = invitation::blank(&tx, before, self.clock.now(), AT_ONCE).await?;
            if blanked.is_empty() {
                // Another worker has them.
                return Ok(());
            }
            let subjects: Vec<Subject> = blanked.iter().map(|&id| id.into()).collect();
            let reason = "names and address removed";
            audit::record(&tx, &self.clock, None, Action::Purge, &subjects, Some(reason)).await?;
            tx.commit().await?;
            info!(invitations = blanked.len(), "names and addresses removed");
        }
        Ok(())
    }

    /// Messages that left, or were given up.
    async fn forget_messages(&self) -> Result<()> {
        let before = self.before(self.retention.message_days);
        while outbox::is_to_forget(self.db.read(), before).await? {
            let tx = self.db.write().await?;
            let forgotten = outbox::forget(&tx, before, AT_ONCE).await?;
            if forgotten == 0 {
                return Ok(());
            }
            let reason = format!("messages removed: {forgotten}");
            audit::record(&tx, &self.clock, None, Action::Purge, &[SYSTEM], Some(&reason)).await?;
            tx.commit().await?;
            info!(messages = forgotten, "messages removed");
        }
        Ok(())
    }

    /// Sessions that ended.
    async fn forget_sessions(&self) -> Result<()> {
        let before = self.before(self.retention.session_days);
        while session::is_to_forget(self.db.read(), before).await? {
            let tx = self.db.write().await?;
            let forgotten = session::forget(&tx, before, AT_ONCE).await?;
            if forgotten == 0 {
                return Ok(());
            }
            let reason = format!("sessions removed: {forgotten}");
            audit::record(&tx, &self.clock, None, Action::Purge, &[SYSTEM], Some(&reason)).await?;
            tx.commit().await?;
            info!(sessions = forgotten, "sessions removed");
        }
        Ok(())
    }

    /// What waited for a token or a code that has run out. Of one kind after the other, whatever becomes of those
    /// before.
    async fn forget_secrets(&self) -> Result<()> {
        let (db, now) = (&self.db, self.clock.now());
        let done = [
            challenge::forget_ended(db, now).await,
            password_reset::forget_ended(db, now).await,
            address_change::forget_ended(db, now).await,
            registration::forget_ended(db, now).await,
            provider_sign_in::forget_ended(db, now).await,
            identity_claim::forget_ended(db, now).await,
        ];
        done.into_iter().collect()
    }

    /// Tables that were brought in, and what came of their rows.
    async fn forget_imports(&self) -> Result<()> {
        let before = self.before(self.retention.import_days);
        while table_import::is_to_forget(self.db.read(), before).await? {
            let tx = self.db.write().await?;
            let forgotten = table_import::forget(&tx, before, IMPORTS_AT_ONCE).await?;
            if forgotten == 0 {
                return Ok(());
            }
            let reason = format!("imports removed: {forgotten}");
            audit::record(&tx, &self.clock, None, Action::Purge, &[SYSTEM], Some(&reason)).await?;
            tx.commit().await?;
            info!(imports = forgotten, "imports removed");
        }
        Ok(())
    }
}
