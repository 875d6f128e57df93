//! Steps that several use cases share: enrolments move, seats are taken and pass on, and everybody who
//! has to know is told. Always inside a caller's transaction, with the edition locked.

use std::collections::{BTreeMap, BTreeSet};

use crate::app::App;
use crate::clock::Clock;
use crate::domain::edition::EditionState;
use crate::domain::enrolment::{EnrolmentState, Refusal};
use crate::domain::id::{EnrolmentId, PersonId};
use crate::domain::notice::{AboutEdition, Notice};
use crate::domain::seats::{Ledger, Seat};
use crate::domain::statistics::Change;
use crate::domain::text::Reason;
use crate::error::{Code, Fault, Faults, Result};
use crate::store::history::Step;
use crate::store::{Tx, course, edition, enrolment, history, outbox, seat_pool, snapshot, tally};

mod entering;
mod following;
mod seating;

/// A locked edition whose enrolments are being moved.
pub(super) struct Admissions<'a> {
    clock: &'a Clock,
    tx: &'a Tx,
    /// Who moves them; `None` for time itself.
    actor: Option<PersonId>,
    edition: edition::Model,
    about: AboutEdition,
    /// Its seats, and those that are kept for some.
    ledger: Ledger,
    /// Seats given back by these moves, or added before them.
    freed: BTreeMap<Seat, i64>,
    /// Whom no seat is given to by them.
    spared: BTreeSet<EnrolmentId>,
    /// What the statistics have yet to count.
    changes: Vec<Change>,
    /// Whether nobody is told.
    quiet: bool,
}

impl<'a> Admissions<'a> {
    /// Prepares moves in `edition`, which the caller has locked.
    pub(super) async fn of(app: &'a App, tx: &'a Tx, actor: Option<PersonId>, edition: edition::Model) -> Result<Self> {
        Self::at(&app.clock, tx, actor, edition).await
    }

    /// The same, for what time does too.
    pub(super) async fn at(
        clock: &'a Clock,
        tx: &'a Tx,
        actor: Option<PersonId>,
        edition: edition::Model,
    ) -> Result<Self> {
        let course = course::get(tx, edition.course_id).await?;
        let ledger = seat_pool::ledger(tx, &edition).await?;
        Ok(Self::begin(clock, tx, actor, (edition, ledger), &course))
    }

    /// The same, where the course was read together with the edition, and its ledger as well.
    pub(super) fn with_course(
        app: &'a App,
        tx: &'a Tx,
        actor: Option<PersonId>,
        edition: (edition::Model, Ledger),
        course: &course::Model,
    ) -> Self {
        Self::begin(&app.clock, tx, actor, edition, course)
    }

    fn begin(
        clock: &'a Clock,
        tx: &'a Tx,
        actor: Option<PersonId>,
        (edition, ledger): (edition::Model, Ledger),
        course: &course::Model,
    ) -> Self {
        let about = edition.about(course);
        Self {
            clock,
            tx,
            actor,
            edition,
            about,
            ledger,
            freed: BTreeMap::new(),
            spared: BTreeSet::new(),
            changes: Vec::new(),
            quiet: false,
        }
    }

    /// What notices say of the edition.
    pub(super) fn about(&self) -> &AboutEdition {
        &self.about
    }

    /// The edition as it now is.
    pub(super) fn edition(&self) -> &edition::Model {
        &self.edition
    }

    /// Counts all moves and hands the edition back as it now is. At once, so that the rows of the statistics,
    /// which all editions share, are locked in one order.
    pub(super) async fn finish(self) -> Result<edition::Model> {
        tally::record(self.tx, self.clock, &self.changes).await?;
        Ok(self.edition)
    }

    /// The same for moves in two editions.
    pub(super) async fn finish_with(mut self, other: Self) -> Result<()> {
        self.changes.extend(other.changes);
        tally::record(self.tx, self.clock, &self.changes).await
    }

    /// What the statistics have yet to count, for who moves enrolments of several editions in one transaction and
    /// counts them together.
    pub(super) fn into_changes(self) -> Vec<Change> {
        self.changes
    }

    /// From here on nobody is told, but for those of whom [`Admissions::enter_all`] is told to.
    pub(super) const fn keep_quiet(&mut self) {
        self.quiet = true;
    }

    /// Moves locked enrolments to `to`, all or none, and returns them as they then are.
    ///
    /// # Errors
    /// A fault at `at.N` for each row whose state has no such arrow, or for which no seat is left.
    pub(super) async fn take(
        &mut self,
        rows: Vec<enrolment::Model>,
        to: EnrolmentState,
        reason: Option<&Reason>,
        at: &str,
    ) -> Result<Vec<enrolment::Model>> {
        let seats = self.check(&rows, to, reason, at)?;
        self.settle(rows, &seats, to, reason).await
    }

    /// The same, where the caller tells the people.
    pub(super) async fn take_untold(
        &mut self,
        rows: Vec<enrolment::Model>,
        to: EnrolmentState,
        reason: Option<&Reason>,
        at: &str,
    ) -> Result<Vec<enrolment::Model>> {
        let seats = self.check(&rows, to, reason, at)?;
        self.set_state(rows, &seats, to, reason).await
    }

    /// Lets those take part at once who were just admitted, all by one step, where the edition has begun; `at` is where
    /// the input names them.
    pub(super) async fn begin_at_once(
        &mut self,
        rows: Vec<enrolment::Model>,
        at: &str,
    ) -> Result<Vec<enrolment::Model>> {
        let begins = rows.first().and_then(|row| row.state.begins_in(self.edition.state));
        match begins {
            Some(to) => self.take(rows, to, None, at).await,
            None => Ok(rows),
        }
    }

    /// Moves locked enrolments as it was planned, those that need a seat to the one at their place in `seats`, and
    /// tells the people.
    pub(super) async fn settle(
        &mut self,
        rows: Vec<enrolment::Model>,
        seats: &[Option<Seat>],
        to: EnrolmentState,
        reason: Option<&Reason>,
    ) -> Result<Vec<enrolment::Model>> {
        let after = self.set_state(rows, seats, to, reason).await?;
        let people: Vec<PersonId> = after.iter().map(|row| row.person_id).collect();
        self.tell(&people, to, reason).await?;
        Ok(after)
    }

    /// Puts a locked enrolment back into the state in which it was before a mistaken decision; the person is told where
    /// they were told of the decision. It gets no seat that becomes free by this: as long as it waited beside free
    /// seats, that was meant.
    ///
    /// # Errors
    /// [`Code::EditionFull`] at `at` where it had a seat and none is left that the person may take.
    pub(super) async fn take_back(
        &mut self,
        row: enrolment::Model,
        to: EnrolmentState,
        reason: &Reason,
        at: &str,
    ) -> Result<Vec<enrolment::Model>> {
        let mut seat = None;
        if to.takes_seat() {
            let free = self.ledger.seat_for(row.origin());
            seat = Some(free.ok_or_else(|| Fault::at(at, Code::EditionFull))?);
        }
        let told = row.state != EnrolmentState::UnderReview;
        let back = self.set_state(vec![row], &[seat], to, Some(reason)).await?;
        let notice = Notice::DecisionUndone {
            edition: self.about.clone(),
            state: to.word().to_owned(),
            reason: reason.to_string(),
        };
        if told {
            outbox::enqueue_all(self.tx, self.clock, back.iter().map(|row| (row.person_id, &notice))).await?;
        }
        if !self.edition.fills_by_itself() {
            self.spared.extend(back.iter().map(|row| row.id));
        }
        Ok(back)
    }

    /// Moves locked enrolments to `to`, those that need a seat to the one at their place in `seats`.
    async fn set_state(
        &mut self,
        rows: Vec<enrolment::Model>,
        seats: &[Option<Seat>],
        to: EnrolmentState,
        reason: Option<&Reason>,
    ) -> Result<Vec<enrolment::Model>> {
        let now = self.clock.now();
        let ids: Vec<EnrolmentId> = rows.iter().map(|row| row.id).collect();
        let before = rows.clone();
        let mut after = rows;
        if to == EnrolmentState::Confirmed {
            // Who is let back in keeps what was frozen then.
            let mut newly: Vec<_> = after.iter_mut().filter(|row| !row.state.was_admitted()).collect();
            self.refresh_snapshots(&mut newly).await?;
        }
        // Whose seat it is first: with the state it is counted.
        self.set_seats(&mut after, seats).await?;
        enrolment::set_state(self.tx, &ids, to).await?;
        for row in &mut after {
            row.state = to;
            row.offered_until = None;
            row.version += 1;
        }
        self.note_seats(&before, &after);
        let reason_text = reason.map(AsRef::as_ref);
        let steps: Vec<Step> = before
            .iter()
            .map(|row| Step {
                subject: row.id.into(),
                from: Some(row.state.word()),
                to: to.word(),
                at: now,
                actor: self.actor,
                reason: reason_text,
            })
            .collect();
        history::record(self.tx, self.clock, &steps).await?;
        self.changes.extend(before.iter().zip(&after).map(|(old, new)| Change {
            at: now,
            before: Some(enrolment::fact(old)),
            after: Some(enrolment::fact(new)),
        }));
        Ok(after)
    }

    /// The seat that each has who needs one, or why it cannot move; in the order of the rows, as long as there are
    /// seats.
    pub(super) fn plan(
        &self,
        rows: &[enrolment::Model],
        to: EnrolmentState,
        has_reason: bool,
    ) -> Vec<Result<Option<Seat>, Refusal>> {
        let mut plan = self.ledger.clone();
        let mut one = |row: &enrolment::Model| -> Result<Option<Seat>, Refusal> {
            row.state.step(to, has_reason)?;
            if !to.takes_seat() || row.seat().is_some() {
                return Ok(None);
            }
            let seat = plan.assign([row.origin()]).pop().flatten();
            seat.map(Some).ok_or(Refusal::Full)
        };
        rows.iter().map(&mut one).collect()
    }

    /// The same, all or none.
    fn check(
        &self,
        rows: &[enrolment::Model],
        to: EnrolmentState,
        reason: Option<&Reason>,
        at: &str,
    ) -> Result<Vec<Option<Seat>>> {
        let mut faults = Faults::default();
        let mut seats = Vec::with_capacity(rows.len());
        for (place, planned) in self.plan(rows, to, reason.is_some()).into_iter().enumerate() {
            let here = if rows.len() == 1 {
                at.to_owned()
            } else {
                format!("{at}.{place}")
            };
            match planned {
                Ok(seat) => seats.push(seat),
                // One reason is meant for all rows: that it is missing is said once.
                Err(refusal) => faults.push_once(refusal.fault(&here)),
            }
        }
        faults.check()?;
        Ok(seats)
    }

    /// Freezes the declarations anew: an enrolment keeps what was true when it was confirmed.
    async fn refresh_snapshots(&self, rows: &mut [&mut enrolment::Model]) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let people: Vec<PersonId> = rows.iter().map(|row| row.person_id).collect();
        let candidates: BTreeMap<PersonId, _> = snapshot::candidates(self.tx, &people).await?.into_iter().collect();
        for row in rows {
            let Some(current) = candidates
                .get(&row.person_id)
                .and_then(|candidate| candidate.snapshot.as_ref())
            else {
                continue;
            };
            let old = row.clone();
            enrolment::freeze(row, current);
            if **row != old {
                enrolment::set_snapshot(self.tx, row).await?;
            }
        }
        Ok(())
    }

    /// Tells people of their state, unless nobody is told.
    async fn tell(&self, people: &[PersonId], state: EnrolmentState, reason: Option<&Reason>) -> Result<()> {
        if self.quiet {
            return Ok(());
        }
        self.announce(people, state, reason, false).await
    }

    /// Puts the message for a state into the outbox, where the state has one; to those who begin it says whether the
    /// edition asks for consent that they did not give.
    async fn announce(
        &self,
        people: &[PersonId],
        state: EnrolmentState,
        reason: Option<&Reason>,
        asks_consent: bool,
    ) -> Result<()> {
        let edition = self.about.clone();
        let text = reason.map(ToString::to_string);
        let cancelled = self.edition.state == EditionState::Cancelled;
        let notice = match state {
            EnrolmentState::Applied => Notice::ApplicationReceived { edition, asks_consent },
            EnrolmentState::Confirmed => Notice::EnrolmentConfirmed { edition, asks_consent },
            EnrolmentState::Waitlisted => Notice::EnrolmentWaitlisted { edition, asks_consent },
            EnrolmentState::Rejected => Notice::EnrolmentRejected {
                edition,
                reason: text.unwrap_or_default(),
            },
            EnrolmentState::Excluded | EnrolmentState::Cancelled if cancelled => Notice::EditionCancelled {
                edition,
                reason: text.unwrap_or_default(),
            },
            EnrolmentState::Expired | EnrolmentState::Cancelled => Notice::ApplicationEnded { edition, reason: text },
            EnrolmentState::Withdrawn | EnrolmentState::Excluded => Notice::EnrolmentEnded { edition, reason: text },
            EnrolmentState::UnderReview
            | EnrolmentState::Active
            | EnrolmentState::Completed
            | EnrolmentState::NotCompleted => return Ok(()),
        };
        outbox::enqueue_all(self.tx, self.clock, people.iter().map(|&person| (person, &notice))).await
    }
}
