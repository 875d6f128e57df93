//! The pieces of a file carried out, each in a transaction of its own, or all in one: judged again under locks, by what
//! the actor may by then. What was cancelled meanwhile is not committed.

use std::time::Duration;

use super::{AT_ONCE, Batch, Judged, Task};
use crate::app::retry::Retries;
use crate::domain::actor::Actor;
use crate::domain::id::EditionId;
use crate::domain::policy::{Action, Relation, demand};
use crate::domain::roster::{EnrolmentRow, Kind};
use crate::domain::seats::Ledger;
use crate::domain::statistics::Change;
use crate::error::{Error, Result};
use crate::service::edition::relation as edition_relation;
use crate::service::nomination::table::{self, nominator};
use crate::service::roster::enrolments::{self, Standing};
use crate::service::roster::{addresses, entering, nominations, number, people};
use crate::service::session::later::as_of_now;
use crate::store::{Tx, edition, person, seat_pool, table_import, tally};

/// How many rows a transaction carries out where rows stand for themselves.
const IN_ONE: usize = 200;
/// How long a transaction waits that met another one, or waited for it too long, before it is tried again for the first
/// time, at most. What it does is much, and what it met may be as well.
const FIRST_PAUSE: Duration = Duration::from_millis(40);

impl Task<'_> {
    /// A transaction for each few rows.
    pub(super) async fn row_by_row(&mut self, progress: &mut impl FnMut(usize, usize)) -> Result<()> {
        let mut done = self.refused_before();
        for batch in self.batches(IN_ONE) {
            let mut retries = Retries::new(FIRST_PAUSE);
            done += batch.places.len();
            let reports = loop {
                match self.in_own_transaction(&batch, done).await {
                    Ok(reports) => break reports,
                    Err(failure) => retries.wait_after(failure).await?,
                }
            };
            let Some(reports) = reports else {
                self.is_cancelled = true;
                return Ok(());
            };
            self.has_committed = true;
            self.note(&batch, reports);
            progress(done, self.lines.len());
        }
        Ok(())
    }

    /// One piece, after which so many rows are done; `None` where it was cancelled.
    async fn in_own_transaction(&self, batch: &Batch, done: usize) -> Result<Option<Vec<Judged>>> {
        if self.leash.is_pulled() {
            return Ok(None);
        }
        let tx = self.app.db.write().await?;
        let (reports, changes) = Box::pin(self.carry_out(&tx, batch)).await?;
        tally::record(&tx, &self.app.clock, &changes).await?;
        if !self.goes_on(&tx, done).await? {
            tx.rollback().await?;
            return Ok(None);
        }
        tx.commit().await?;
        Ok(Some(reports))
    }

    /// Whether what was written may be committed, after which so many rows are done.
    async fn goes_on(&self, tx: &Tx, done: usize) -> Result<bool> {
        if self.leash.is_pulled() {
            return Ok(false);
        }
        let Some(held) = self.leash.held else { return Ok(true) };
        table_import::go_on(tx, held, (number(done), number(self.lines.len()))).await
    }

    /// One transaction for all rows; whether it was committed. What changed since the forecast may refuse some.
    pub(super) async fn all_or_nothing(&mut self, progress: &mut impl FnMut(usize, usize)) -> Result<bool> {
        let mut retries = Retries::new(FIRST_PAUSE);
        loop {
            match self.in_one_transaction(progress).await {
                Ok(carried_out) => return Ok(carried_out),
                Err(failure) => retries.wait_after(failure).await?,
            }
        }
    }

    async fn in_one_transaction(&mut self, progress: &mut impl FnMut(usize, usize)) -> Result<bool> {
        let tx = self.app.db.write().await?;
        let ids: Vec<EditionId> = self.groups.iter().filter_map(|(id, _)| *id).collect();
        edition::lock_all(&tx, &ids).await?;
        let mut all = Vec::new();
        let mut done = self.refused_before();
        for batch in self.batches(AT_ONCE) {
            if self.leash.is_pulled() {
                self.is_cancelled = true;
                break;
            }
            let (reports, changes) = Box::pin(self.carry_out(&tx, &batch)).await?;
            all.extend(changes);
            self.note(&batch, reports);
            done += batch.places.len();
            progress(done, self.lines.len());
        }
        if self.is_refused() {
            tx.rollback().await?;
            return Ok(false);
        }
        tally::record(&tx, &self.app.clock, &all).await?;
        if !self.goes_on(&tx, self.lines.len()).await? {
            self.is_cancelled = true;
            tx.rollback().await?;
            return Ok(false);
        }
        tx.commit().await?;
        self.has_committed = true;
        Ok(true)
    }

    /// Judges rows under locks and writes what they ask for. The statistics are still to count the changes.
    async fn carry_out(&self, tx: &Tx, batch: &Batch) -> Result<(Vec<Judged>, Vec<Change>)> {
        let actor = self.actor_now(tx).await?;
        if self.order.kind == Kind::Nominations {
            let reports = self.nominate(tx, &actor, batch).await?;
            return Ok((reports, Vec::new()));
        }
        if let Some(id) = batch.edition {
            let place = edition::lock_with_course(tx, &actor, id).await?;
            let (edition, course) = place.ok_or(Error::NotFound("edition"))?;
            let relation = edition_relation(&actor, &edition);
            demand(&actor, Action::ImportEnrolments, relation, None)?;
            let ledger = seat_pool::ledger(tx, &edition).await?;
            let rows = self.enrolments_of(batch);
            let mut verdicts = self.judge_held(tx, &actor, (&edition, &ledger), &rows).await?;
            if verdicts.iter().any(enrolments::Verdict::makes_account) {
                // Nobody else registers from here on, so it is taken by those who need it, and they look again.
                person::lock_register(tx).await?;
                verdicts = self.judge_held(tx, &actor, (&edition, &ledger), &rows).await?;
            }
            let reports = verdicts.iter().map(enrolments::Verdict::report).collect();
            let changes = entering::write(self, tx, (edition, ledger, &course), &rows, verdicts).await?;
            return Ok((reports, changes));
        }
        demand(&actor, Action::ImportRecords, Relation::NONE, None)?;
        let rows = self.people_of(batch);
        let emails = addresses(&rows);
        if person::by_emails(tx, &emails).await?.len() < rows.len() {
            person::lock_register(tx).await?;
        }
        let known = person::lock_by_emails(tx, &emails).await?;
        let verdicts = people::judge(self, tx, known, &rows, false).await?;
        let reports = verdicts.iter().map(people::Verdict::report).collect();
        people::write(self, tx, &rows, verdicts).await?;
        Ok((reports, Vec::new()))
    }

    /// Names people, with the edition locked.
    async fn nominate(&self, tx: &Tx, actor: &Actor, batch: &Batch) -> Result<Vec<Judged>> {
        let absent = || Error::NotFound("edition");
        let edition = edition::lock_for(tx, actor, batch.edition.ok_or_else(absent)?).await?;
        let edition = edition.ok_or_else(absent)?;
        let institution = nominator(tx, actor, self.order.institution).await?;
        let now = self.app.clock.now();
        let mut slate = table::slate(tx, &edition, &institution, now).await?;
        let rows = self.people_of(batch);
        let verdicts = nominations::judge(tx, (&edition, &institution), &mut slate, &rows, now).await?;
        nominations::write(self, tx, (&edition, &institution), &rows, verdicts).await
    }

    /// Whoever brings the file in, by what they may now.
    async fn actor_now(&self, tx: &Tx) -> Result<Actor> {
        let id = self.actor.signed_in()?;
        let now = as_of_now(self.app, tx, id, self.app.clock.now()).await?;
        now.ok_or(Error::Forbidden)
    }

    /// Judges rows in an edition that is locked.
    async fn judge_held(
        &self,
        tx: &Tx,
        actor: &Actor,
        (edition, ledger): (&edition::Model, &Ledger),
        rows: &[&EnrolmentRow],
    ) -> Result<Vec<enrolments::Verdict>> {
        let mut standing = Standing::read(tx, actor.clone(), edition.clone(), ledger.clone()).await?;
        enrolments::judge(self, tx, edition.id, &mut standing, rows, false).await
    }
}
