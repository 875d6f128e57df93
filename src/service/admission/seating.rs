//! Seats are given out and pass on: in one ledger, in the transaction in which they become free.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::Admissions;
use crate::domain::edition::EditionState;
use crate::domain::enrolment::EnrolmentState;
use crate::domain::id::{EnrolmentId, PersonId, SeatPoolId};
use crate::domain::notice::Notice;
use crate::domain::seats::{Change, Ledger, Seat};
use crate::error::{Error, Result};
use crate::store::{enrolment, outbox, seat_pool, waiting};

/// How many of those who wait are read at a time.
const ROUND: i64 = 1000;

impl Admissions<'_> {
    /// Whether seats were given back by these moves.
    pub(in crate::service) fn has_freed(&self) -> bool {
        self.freed.values().any(|seats| *seats > 0)
    }

    /// The seats that pass on: every free one where anybody may enter, and where a coordinator decides as many as were
    /// freed or added, since whom they let wait beside free seats goes on waiting. Once an edition runs, only what
    /// somebody just gave up: who completed early leaves no place to begin in. `None` when the edition fills no more.
    fn to_pass_on(&self) -> Option<Ledger> {
        if !self.edition.state.takes_people() {
            return None;
        }
        Some(if self.edition.fills_by_itself() {
            self.ledger.clone()
        } else {
            self.ledger.limited_to(&self.freed)
        })
    }

    /// Gives the seats that pass on after seats were added, so many of a kind, to the next in line. Nobody comes into a
    /// course that has begun because it has more room.
    pub(in crate::service) async fn fill_added(&mut self, added: &[(Seat, i64)]) -> Result<()> {
        if self.edition.state == EditionState::Running {
            return Ok(());
        }
        for (seat, seats) in added {
            *self.freed.entry(*seat).or_default() += seats;
        }
        self.fill_seats().await
    }

    /// Gives the seats that pass on to the next in line who may take them, in this transaction.
    pub(in crate::service) async fn fill_seats(&mut self) -> Result<()> {
        let Some(mut plan) = self.to_pass_on() else {
            return Ok(());
        };
        while let Some((open, all)) = plan.open() {
            let most = u64::try_from(all.min(ROUND)).map_err(Error::internal)?;
            let next = waiting::next_in_line(self.tx, self.edition.id, &plan, &open, &self.spared, most).await?;
            let last = (next.len() as u64) < most;
            let seats = plan.assign(next.iter().map(enrolment::Model::origin));
            let (rows, seats): (Vec<_>, Vec<_>) =
                next.into_iter().zip(seats).filter(|(_, seat)| seat.is_some()).unzip();
            if rows.is_empty() {
                return Ok(());
            }
            self.promote(rows, &seats).await?;
            if last {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Everybody who waits has a seat: there is no limit any more.
    pub(in crate::service) async fn admit_all(&mut self) -> Result<()> {
        let most = u64::try_from(ROUND).map_err(Error::internal)?;
        let general = [Seat::General];
        loop {
            let next =
                waiting::next_in_line(self.tx, self.edition.id, &self.ledger, &general, &self.spared, most).await?;
            if next.is_empty() {
                return Ok(());
            }
            let seats = vec![Some(Seat::General); next.len()];
            self.promote(next, &seats).await?;
        }
    }

    /// Whose turn it is has the seat, or is offered it where the edition wants that.
    async fn promote(&mut self, rows: Vec<enrolment::Model>, seats: &[Option<Seat>]) -> Result<()> {
        if let Some(hours) = self.edition.offer_hours {
            return self.offer(rows, seats, hours).await;
        }
        let confirmed = self.set_state(rows, seats, EnrolmentState::Confirmed, None).await?;
        let people: Vec<PersonId> = confirmed.iter().map(|row| row.person_id).collect();
        self.tell(&people, EnrolmentState::Confirmed, None).await?;
        self.begin_at_once(confirmed, "enrolments").await?;
        Ok(())
    }

    async fn offer(&mut self, rows: Vec<enrolment::Model>, seats: &[Option<Seat>], hours: i64) -> Result<()> {
        let until = self.clock.now() + TimeDelta::hours(hours);
        let mut by_seat: BTreeMap<Seat, Vec<enrolment::Model>> = BTreeMap::new();
        let mut after = rows.clone();
        for (row, seat) in after.iter_mut().zip(seats) {
            let seat = seat.unwrap_or(Seat::General);
            by_seat.entry(seat).or_default().push(row.clone());
            row.seat_pool_id = seat.pool();
            row.offered_until = Some(until);
            row.version += 1;
        }
        for (seat, rows) in by_seat {
            waiting::offer(self.tx, &rows, until, seat).await?;
        }
        self.note_seats(&rows, &after);
        let edition = self.about.clone();
        let notice = Notice::SeatOffered { edition, until };
        outbox::enqueue_all(self.tx, self.clock, after.iter().map(|row| (row.person_id, &notice))).await
    }

    /// Ends offers whose time ran out; the people are told, and their seats pass on.
    pub(in crate::service) async fn expire_offers(&mut self, rows: Vec<enrolment::Model>) -> Result<()> {
        let none = vec![None; rows.len()];
        let expired = self.set_state(rows, &none, EnrolmentState::Expired, None).await?;
        let edition = self.about.clone();
        let notice = Notice::SeatOfferExpired { edition };
        outbox::enqueue_all(self.tx, self.clock, expired.iter().map(|row| (row.person_id, &notice))).await?;
        self.fill_seats().await
    }

    /// Stores which seats enrolments have now.
    pub(super) async fn set_seats(&mut self, rows: &mut [enrolment::Model], seats: &[Option<Seat>]) -> Result<()> {
        let mut by_pool: BTreeMap<Option<SeatPoolId>, Vec<EnrolmentId>> = BTreeMap::new();
        for (row, seat) in rows.iter_mut().zip(seats) {
            // A seat of a pool that it once had is not the one that it has now.
            if let Some(seat) = seat.filter(|seat| seat.pool() != row.seat_pool_id) {
                row.seat_pool_id = seat.pool();
                by_pool.entry(seat.pool()).or_default().push(row.id);
            }
        }
        for (pool, ids) in by_pool {
            seat_pool::give(self.tx, pool, &ids).await?;
        }
        Ok(())
    }

    /// Notes the seats that enrolments had and have, as the database counts them.
    pub(super) fn note_seats(&mut self, before: &[enrolment::Model], after: &[enrolment::Model]) {
        let mut changes: BTreeMap<Seat, Change> = BTreeMap::new();
        for (rows, seats) in [(before, -1), (after, 1)] {
            for (seat, of) in rows.iter().filter_map(enrolment::Model::seat) {
                changes.entry(seat).or_default().add(of, seats);
            }
        }
        for (seat, change) in changes {
            self.ledger.count(seat, change);
            *self.freed.entry(self.ledger.effective(seat)).or_default() -= change.net();
        }
        let now = self.ledger.seats();
        self.edition.seats_taken = now.taken;
        self.edition.seats_held = now.held;
        self.edition.seats_kept = now.kept;
    }
}
