//! New enrolments are stored, counted and told of, one or many at a time.

use std::collections::HashSet;

use super::Admissions;
use crate::domain::enrolment::EnrolmentState;
use crate::domain::id::PersonId;
use crate::domain::statistics::Change;
use crate::domain::text::Reason;
use crate::error::Result;
use crate::service::application::asks_consent;
use crate::store::enrolment;
use crate::store::history::{self, Step};
use crate::store::row::insert_all;

impl Admissions<'_> {
    /// Stores a new enrolment that came into being as applied and at once moved to its state, and tells the person.
    pub(in crate::service) async fn enter(&mut self, row: &enrolment::Model) -> Result<()> {
        self.enter_untold(row, None).await?;
        self.tell(&[row.person_id], row.state, None).await
    }

    /// The same, where the caller tells the person.
    pub(in crate::service) async fn enter_untold(
        &mut self,
        row: &enrolment::Model,
        reason: Option<&Reason>,
    ) -> Result<()> {
        enrolment::insert(self.tx, row).await?;
        self.note_seats(&[], std::slice::from_ref(row));
        self.note_entry(std::slice::from_ref(row), reason).await
    }

    /// The same for many whom somebody brings in, who are told as well where the edition requires their consent; `told`
    /// are those who hear of it also when nobody else does.
    pub(in crate::service) async fn enter_all(
        &mut self,
        rows: &[enrolment::Model],
        told: &HashSet<PersonId>,
    ) -> Result<()> {
        insert_all(self.tx, rows.to_vec()).await?;
        self.note_seats(&[], rows);
        self.note_entry(rows, None).await?;
        let asks_consent = asks_consent(self.tx, &self.edition).await?;
        for &state in EnrolmentState::ALL {
            let people = rows.iter().filter(|row| row.state == state).map(|row| row.person_id);
            let hears = |person: &PersonId| !self.quiet || told.contains(person);
            let people: Vec<PersonId> = people.filter(hears).collect();
            self.announce(&people, state, None, asks_consent).await?;
        }
        Ok(())
    }

    /// The history and the statistics of new enrolments.
    async fn note_entry(&mut self, rows: &[enrolment::Model], reason: Option<&Reason>) -> Result<()> {
        let applied = EnrolmentState::Applied;
        let mut steps = Vec::with_capacity(rows.len() * 2);
        for row in rows {
            let step = |from, to: EnrolmentState| Step {
                subject: row.id.into(),
                from,
                to: to.word(),
                at: row.applied_at,
                actor: self.actor,
                reason: reason.map(AsRef::as_ref),
            };
            steps.push(step(None, applied));
            if row.state != applied {
                steps.push(step(Some(applied.word()), row.state));
            }
        }
        history::record(self.tx, self.clock, &steps).await?;
        self.changes.extend(rows.iter().map(|row| Change {
            at: row.applied_at,
            before: None,
            after: Some(enrolment::fact(row)),
        }));
        Ok(())
    }
}
