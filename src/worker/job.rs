//! What is done every so often, because time has passed. Each job stands alone: one that fails, or panics, is logged by
//! its name and has its turn again, and keeps no other from its own.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use tracing::{error, info};

use super::Worker;
use crate::domain::api_token;
use crate::domain::id::Subject;
use crate::domain::notice::Notice;
use crate::domain::policy::Action;
use crate::domain::submission::SubmissionState;
use crate::error::{Error, Result};
use crate::service::{digest, edition, institution, nomination, roster, seat};
use crate::store::history::expiry;
use crate::store::{Tx, allocation, api_token as tokens, audit, deadline, history, invitation, outbox};

/// How many drafts one transaction closes.
const DRAFTS: u64 = 100;
/// How many owners of tokens one transaction warns.
const WARNINGS: u64 = 100;
/// How many invitations one transaction ends.
const INVITATIONS: u64 = 100;

/// Does a job and logs by its name that it failed. A panic in it is a failure like any other: it ends the job, not the
/// worker, and the transaction that it was in is rolled back.
pub(super) async fn run<T>(name: &'static str, job: impl Future<Output = Result<T>>) -> Result<T> {
    let done = AssertUnwindSafe(job).catch_unwind().await;
    let done = done.unwrap_or_else(|_| Err(Error::internal("it panicked")));
    if let Err(cause) = &done {
        error!(job.name = name, error = %cause, "a job of the worker failed; it will be tried again");
    }
    done
}

impl Worker {
    /// What the passing of time changes: it may come late or twice without harm. Every job has its turn, whatever
    /// becomes of those before it; the first failure is told in the end.
    pub(super) async fn pass_time(&self) -> Result<()> {
        let (db, clock) = (&self.db, &self.clock);
        // First what became free while applications were taken, then what ends them, should both be late.
        let done = [
            run("seats", seat::passing::pass(db, clock)).await,
            run("editions", edition::passing::pass(db, clock)).await,
            run("institutions", institution::following::pass(db, clock)).await,
            run("cut_offs", self.close_drafts()).await,
            run("charges", self.end_lapsed_charges()).await,
            run("api_tokens", self.warn_of_ends()).await,
            run("invitations", self.expire_invitations()).await,
            run("nominations", nomination::passing::remind(db, clock)).await,
            run("unsent_imports", roster::job::passing::pass(db, clock)).await,
            run("digests", self.write_digests()).await,
            Box::pin(self.forget()).await,
        ];
        done.into_iter().collect()
    }

    /// Whoever looks after editions or teams is told what is new in them, once a day.
    async fn write_digests(&self) -> Result<()> {
        if !self.settings.digest {
            return Ok(());
        }
        digest::pass(&self.db, &self.clock, self.settings.digest_hour).await
    }

    /// The owners of API tokens that end soon are told, once for each.
    async fn warn_of_ends(&self) -> Result<()> {
        loop {
            let now = self.clock.now();
            let until = now + api_token::WARNING;
            if !tokens::is_warning_due(self.db.read(), now, until).await? {
                return Ok(());
            }
            let tx = self.db.write().await?;
            let ending = tokens::take_warnings(&tx, now, until, WARNINGS).await?;
            for token in &ending {
                let notice = Notice::ApiTokenExpiring {
                    name: token.name.clone(),
                    expires_at: token.expires_at,
                };
                outbox::enqueue(&tx, &self.clock, token.person_id, &notice).await?;
            }
            tx.commit().await?;
            if ending.is_empty() {
                // Another worker has them.
                return Ok(());
            }
            info!(tokens = ending.len(), "owners warned of the end of their tokens");
        }
    }

    /// Invitations that nobody took up in time expire; of nominations, who nominated is told.
    async fn expire_invitations(&self) -> Result<()> {
        loop {
            let now = self.clock.now();
            if !invitation::is_overdue(self.db.read(), now).await? {
                return Ok(());
            }
            let tx = self.db.write().await?;
            let expired = invitation::expire(&tx, now, INVITATIONS).await?;
            let steps: Vec<_> = expired.iter().map(|row| expiry(row, now)).collect();
            history::record(&tx, &self.clock, &steps).await?;
            let (nominations, invitations): (Vec<_>, Vec<_>) =
                expired.iter().partition(|row| row.institution_id.is_some());
            for (action, rows) in [(Action::Invite, invitations), (Action::Nominate, nominations)] {
                let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
                self.note(&tx, action, &ids, "expired").await?;
            }
            nomination::passing::tell_expired(&self.clock, &tx, &expired).await?;
            tx.commit().await?;
            if expired.is_empty() {
                // Another worker, or somebody who invites again, has them.
                return Ok(());
            }
            info!(invitations = expired.len(), "invitations expired");
        }
    }

    /// The charges of tutors whose role is over end.
    async fn end_lapsed_charges(&self) -> Result<()> {
        if !allocation::is_lapsed(self.db.read(), self.clock.now()).await? {
            return Ok(());
        }
        let tx = self.db.write().await?;
        let ended = allocation::end_lapsed(&tx, &self.clock).await?;
        tx.commit().await?;
        if ended > 0 {
            info!(charges = ended, "charges ended with the role of their tutor");
        }
        Ok(())
    }

    /// Drafts whose cut-off has passed become `not_submitted`.
    async fn close_drafts(&self) -> Result<()> {
        loop {
            let now = self.clock.now();
            if !deadline::is_due(self.db.read(), now).await? {
                return Ok(());
            }
            let tx = self.db.write().await?;
            let closed = deadline::expire_drafts(&tx, now, DRAFTS).await?;
            if closed.is_empty() {
                // Another worker, or who writes in them, has them.
                return Ok(());
            }
            let steps: Vec<_> = closed
                .iter()
                .map(|&id| history::Step {
                    subject: id.into(),
                    from: Some(SubmissionState::Draft.word()),
                    to: SubmissionState::NotSubmitted.word(),
                    at: now,
                    actor: None,
                    reason: None,
                })
                .collect();
            history::record(&tx, &self.clock, &steps).await?;
            self.note(&tx, Action::WriteSubmission, &closed, "closed at the cut-off")
                .await?;
            tx.commit().await?;
            info!(submissions = closed.len(), "drafts closed at their cut-off");
        }
    }

    /// Keeps in the audit log what time has done.
    async fn note<I: Copy + Into<Subject>>(&self, tx: &Tx, action: Action, of: &[I], what: &str) -> Result<()> {
        let subjects: Vec<Subject> = of.iter().map(|&id| id.into()).collect();
        audit::record(tx, &self.clock, None, action, &subjects, Some(what)).await
    }
}
