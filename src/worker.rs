//! What happens without a request: messages leave the outbox, what was asked for by an address is done, cut-offs and
//! the days of editions pass, digests are written, the audit log is sealed.
//!
//! Several workers may run, in one process or in many: each message is claimed by one of them at a
//! time. A message may leave twice when a worker is lost between sending and reporting; it then keeps
//! its Message-ID. Log lines name the outbox entry and the notice, never an address or a token.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tracing::{Instrument, error, info, info_span, warn};

use crate::auth::unsubscribe::{self, Unsubscribe};
use crate::auth::vault::Vault;
use crate::clock::Clock;
use crate::config;
use crate::domain::notice::{Notice, Preferences};
use crate::domain::person::full_name;
use crate::error::Result;
use crate::mail::{Letter, Mailer, Recipient, calendar, render};
use crate::service::account::asked;
use crate::store::outbox::{self, Settled, preference};
use crate::store::{Db, person, seal};

pub mod imports;
mod job;
mod purge;
#[cfg(test)]
mod tests;

/// How many messages are claimed, and sent side by side, at a time.
const BATCH: u64 = 20;
/// How often cut-offs are looked at.
const CUT_OFFS_EVERY: TimeDelta = TimeDelta::seconds(10);
/// How often the audit log is sealed, and how long before the last seal an entry may have been written.
const SEAL_EVERY: TimeDelta = TimeDelta::seconds(2);
const SEAL_LOOK_BACK: TimeDelta = TimeDelta::minutes(1);
/// How often entries are looked for that took longer from being written to being committed, and how long.
const SWEEP_EVERY: TimeDelta = TimeDelta::minutes(5);
const SWEEP_LOOK_BACK: TimeDelta = TimeDelta::hours(2);

/// Sends messages and closes what time closes. Clones work side by side.
#[derive(Debug, Clone)]
pub struct Worker {
    /// The database.
    pub db: Db,
    /// The time.
    pub clock: Arc<Clock>,
    /// How messages leave.
    pub mailer: Mailer,
    /// How often, for how long, how many times.
    pub settings: config::Mail,
    /// For how long what has ended is kept.
    pub retention: config::Retention,
    /// What links in messages start with.
    pub public_url: String,
    /// Seals the links that end messages.
    pub vault: Vault,
    /// Wakes a resting worker when something was put into the outbox.
    pub wake: Arc<Notify>,
}

/// Why a message was not sent this time.
struct Failure {
    /// Whether it can never be sent.
    hopeless: bool,
    /// For the log: names nobody.
    summary: String,
    /// For the outbox.
    detail: String,
}

impl Failure {
    fn hopeless(reason: impl Into<String>) -> Self {
        let summary = reason.into();
        Self {
            hopeless: true,
            detail: summary.clone(),
            summary,
        }
    }
}

/// When each job is due again.
struct Due {
    cut_offs: DateTime<Utc>,
    seal: DateTime<Utc>,
    sweep: DateTime<Utc>,
}

impl Worker {
    /// Works until `stop` is ready; what was claimed by then is still sent.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        let now = self.clock.now();
        let mut due = Due {
            cut_offs: now,
            seal: now,
            sweep: now,
        };
        loop {
            let rest = if self.step(&mut due).await {
                Duration::ZERO
            } else {
                self.poll_interval()
            };
            tokio::select! {
                biased;
                () = &mut stop => return,
                () = self.wake.notified(), if !rest.is_zero() => {}
                () = tokio::time::sleep(rest) => {}
            }
        }
    }

    /// Does everything that is due now, and returns when nothing is. Of what failed it tells the first, once all had
    /// their turn.
    pub async fn drain(&self) -> Result<()> {
        let passed = self.pass_time().await;
        let answered = self.answer().await;
        let sent = self.send_all().await;
        passed.and(answered).and(sent)
    }

    fn poll_interval(&self) -> Duration {
        Duration::from_millis(self.settings.poll_milliseconds.max(1))
    }

    /// One turn; whether there may be more to do at once. What fails in it has been logged, and has its turn again.
    async fn step(&self, due: &mut Due) -> bool {
        let now = self.clock.now();
        if now >= due.cut_offs {
            due.cut_offs = now + CUT_OFFS_EVERY;
            drop(self.pass_time().await);
        }
        let look_back = if now >= due.sweep {
            (due.sweep, due.seal) = (now + SWEEP_EVERY, now + SEAL_EVERY);
            Some(SWEEP_LOOK_BACK)
        } else if now >= due.seal {
            due.seal = now + SEAL_EVERY;
            Some(SEAL_LOOK_BACK)
        } else {
            None
        };
        if let Some(look_back) = look_back {
            drop(job::run("seal", self.seal(look_back)).await);
        }
        drop(self.answer().await);
        self.send().await.is_ok_and(|sent| sent > 0)
    }

    /// Does what was asked for by an address.
    async fn answer(&self) -> Result<()> {
        job::run("answer", asked::answer(&self.db, &self.clock)).await
    }

    async fn send_all(&self) -> Result<()> {
        while self.send().await? > 0 {}
        Ok(())
    }

    /// Sends some messages; how many there were.
    async fn send(&self) -> Result<usize> {
        job::run("send", self.send_batch()).await
    }

    /// Seals what was written into the audit log since.
    pub async fn seal(&self, look_back: TimeDelta) -> Result<usize> {
        seal::seal(&self.db, &self.clock, look_back).await
    }

    /// Claims some messages and sends them side by side; how many there were.
    async fn send_batch(&self) -> Result<usize> {
        let rows = outbox::claim(&self.db, self.clock.now(), self.settings.lease_seconds, BATCH).await?;
        if rows.is_empty() {
            return Ok(0);
        }
        let count = rows.len();
        let people = outbox::recipients(&self.db, &rows).await?;
        let readers = rows.iter().map(|row| row.recipient_id);
        let muted = preference::of_people(self.db.read(), readers).await?;
        let mut tasks = JoinSet::new();
        for row in rows {
            let span = info_span!("mail", outbox.id = %row.id, outbox.notice = row.notice);
            if muted
                .get(&row.recipient_id)
                .is_some_and(|wanted| is_muted(&row, wanted))
            {
                tasks.spawn(self.clone().leave_out(row).instrument(span));
                continue;
            }
            let person = people.get(&row.recipient_id).cloned();
            tasks.spawn(self.clone().deliver(row, person).instrument(span));
        }
        // One that panics or cannot report stops no other: its lease runs out, and it is tried again.
        while let Some(ended) = tasks.join_next().await {
            match ended {
                Ok(Ok(())) => {}
                Ok(Err(cause)) => error!(error = %cause, "what became of a message could not be written down"),
                Err(_) => error!("a message was lost while it was sent; it will be tried again"),
            }
        }
        Ok(count)
    }

    /// Sends one claimed message and writes down what became of it.
    async fn deliver(self, row: outbox::Model, person: Option<person::Model>) -> Result<()> {
        let attempt = self.attempt(&row, person.as_ref()).await;
        let now = self.clock.now();
        let (settled, summary) = match attempt {
            Ok(()) => (
                outbox::mark_sent(&self.db, row.id, row.lease, now).await?,
                String::new(),
            ),
            Err(failure) => {
                let most = if failure.hopeless { 0 } else { self.settings.attempts };
                let settled = outbox::mark_failed(&self.db, row.id, row.lease, now, &failure.detail, most).await?;
                (settled, failure.summary)
            }
        };
        match settled {
            Settled::Sent => info!(attempt = row.attempts, "sent"),
            Settled::PutOff(until) => warn!(attempt = row.attempts, %until, reason = summary, "not sent; put off"),
            Settled::Dead => error!(attempt = row.attempts, reason = summary, "not sent; given up"),
            Settled::Lost => warn!(attempt = row.attempts, reason = summary, "took longer than its lease"),
        }
        Ok(())
    }

    /// Takes a message out that its reader does without.
    async fn leave_out(self, row: outbox::Model) -> Result<()> {
        if outbox::remove_unwanted(&self.db, row.id, row.lease).await? {
            info!("left out: its reader does without messages of its kind");
        }
        Ok(())
    }

    async fn attempt(&self, row: &outbox::Model, person: Option<&person::Model>) -> Result<(), Failure> {
        if row.attempts > self.settings.attempts {
            return Err(Failure::hopeless("every worker that took it was lost"));
        }
        let letter = self.letter(row, person)?;
        // Ends before the lease does, so that nobody else sends the same message meanwhile.
        let patience =
            Duration::from_secs(u64::try_from(self.settings.lease_seconds).unwrap_or_default()).mul_f32(0.75);
        let sent = tokio::time::timeout(patience, self.mailer.send(&letter))
            .await
            .map_err(|_| Failure {
                hopeless: false,
                summary: "the mail server took too long".into(),
                detail: "the mail server took too long".into(),
            })?;
        sent.map_err(|cause| Failure {
            hopeless: cause.is_hopeless(),
            summary: cause.to_string(),
            detail: chain(&cause),
        })
    }

    fn letter(&self, row: &outbox::Model, person: Option<&person::Model>) -> Result<Letter, Failure> {
        let person = person.ok_or_else(|| Failure::hopeless("the person is gone"))?;
        let notice: Notice = serde_json::from_value(row.payload.clone())
            .map_err(|_| Failure::hopeless("the payload is no notice that this version knows"))?;
        if person.disabled_at.is_some() && !notice.reaches_disabled() {
            return Err(Failure::hopeless("the account is disabled"));
        }
        if notice.good_until().is_some_and(|until| until <= self.clock.now()) {
            return Err(Failure::hopeless("its token has run out"));
        }
        let to = addressee(&notice, person);
        if to.email.is_empty() {
            return Err(Failure::hopeless("the person has no address"));
        }
        let unsubscribe = self.way_out(&notice, person)?;
        let rendered = render(&notice, &to, &self.public_url, unsubscribe.as_deref())
            .map_err(|cause| Failure::hopeless(cause.to_string()))?;
        let at = self.clock.now();
        Ok(Letter {
            id: row.id,
            notice: row.notice.clone(),
            calendar: calendar::file(&notice, to.language, &self.public_url, at),
            to,
            rendered,
            unsubscribe,
            at,
        })
    }

    /// The address that ends messages of the kind of this one, where its reader may do without them.
    fn way_out(&self, notice: &Notice, person: &person::Model) -> Result<Option<String>, Failure> {
        if !notice.can_be_ended() {
            return Ok(None);
        }
        let what = Unsubscribe {
            person: person.id,
            kind: notice.kind(),
        };
        let link = unsubscribe::seal(&self.vault, what).map_err(|cause| Failure::hopeless(cause.to_string()))?;
        let base = self.public_url.trim_end_matches('/');
        Ok(Some(format!("{base}{}{link}", unsubscribe::PLACE)))
    }
}

/// Whether a message is of a kind that its reader does without. What cannot be read is refused where it is written out.
fn is_muted(row: &outbox::Model, wanted: &Preferences) -> bool {
    serde_json::from_value::<Notice>(row.payload.clone())
        .is_ok_and(|notice| notice.can_be_ended() && !wanted.wants(notice.kind()))
}

/// To whom a notice goes: the person whose row it is, at another address where it says so, or somebody without an
/// account.
fn addressee(notice: &Notice, person: &person::Model) -> Recipient {
    let (address, given, family, language) = match notice.guest() {
        Some(guest) => (
            guest.address.as_str(),
            &guest.given_name,
            &guest.family_name,
            guest.language,
        ),
        None => (
            notice.address().unwrap_or(&person.email),
            &person.given_name,
            &person.family_name,
            person.language,
        ),
    };
    Recipient {
        email: address.to_owned(),
        full_name: full_name(given, family),
        given_name: given.clone(),
        language,
    }
}

/// An error with all its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
