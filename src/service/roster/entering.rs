//! Rows of enrolments carried out as they were judged: accounts, enrolments, decisions, and what is told and noted of
//! them.

use std::collections::HashSet;

use super::enrolments::{Entry, Verdict};
use super::newcomers;
use super::task::Task;
use crate::domain::enrolment::EnrolmentState;
use crate::domain::id::{EditionId, PersonId, Subject};
use crate::domain::policy::Action;
use crate::domain::roster::{EnrolmentRow, Kind, address_of, content_of};
use crate::domain::seats::{Ledger, Seat};
use crate::domain::statistics::Change;
use crate::error::{Error, Result};
use crate::service::account::is_pending;
use crate::service::admission::Admissions;
use crate::service::enrolment::blank;
use crate::service::session::ending;
use crate::store::person::Profile;
use crate::store::{Tx, audit, course, edition, enrolment, imported_row, person};

/// Somebody who comes in: the place of their row, who they are, and how they do.
struct Entrant {
    place: usize,
    person: PersonId,
    number: i64,
    entry: Entry,
}

/// Carries rows out, as they were judged, in their edition, which is locked; the caller holds the register of people
/// where some have no account. `ledger` has its seats as they are before. Gives what the statistics have to count.
pub(super) async fn write(
    task: &Task<'_>,
    tx: &Tx,
    (edition, ledger, course): (edition::Model, Ledger, &course::Model),
    rows: &[&EnrolmentRow],
    verdicts: Vec<Verdict>,
) -> Result<Vec<Change>> {
    let id = edition.id;
    let mut coming = Vec::new();
    let mut decided: [(EnrolmentState, Vec<enrolment::Model>); 2] = [
        (EnrolmentState::Confirmed, Vec::new()),
        (EnrolmentState::Waitlisted, Vec::new()),
    ];
    let mut notes = Vec::new();
    for ((place, row), verdict) in rows.iter().enumerate().zip(verdicts) {
        match verdict {
            Verdict::Create(entry) => coming.push((place, *entry)),
            Verdict::Decide { row: applied, to } => {
                notes.push((applied.person_id, *row));
                if let Some((_, list)) = decided.iter_mut().find(|(state, _)| *state == to) {
                    list.push(*applied);
                }
            }
            Verdict::Unchanged {
                person,
                is_noted: false,
            } => notes.push((person, *row)),
            Verdict::Unchanged { is_noted: true, .. } | Verdict::Refused(_) => {}
        }
    }
    let entrants = entrants(task, tx, rows, coming, edition.zone()).await?;
    let said = entrants.iter().map(|entrant| (entrant.person, rows[entrant.place]));
    notes.extend(said);
    let new = entrants.iter().filter(|entrant| entrant.entry.account.is_none());
    let mut subjects: Vec<Subject> = new.map(|entrant| entrant.person.into()).collect();
    subjects.extend(take_over(task, tx, &entrants).await?);
    let unseen = |entrant: &&Entrant| entrant.entry.account.as_ref().is_some_and(|account| !account.is_seen);
    let told: HashSet<PersonId> = entrants.iter().filter(unseen).map(|entrant| entrant.person).collect();
    let entered = enrolment_rows(task, &edition, &entrants);
    let mut admissions = Admissions::with_course(task.app, tx, task.actor.person, (edition, ledger), course);
    if !task.order.notify {
        admissions.keep_quiet();
    }
    admissions.enter_all(&entered, &told).await?;
    subjects.extend(entered.iter().map(|row| Subject::from(row.id)));
    for (to, list) in decided {
        if !list.is_empty() {
            subjects.extend(list.iter().map(|row| Subject::from(row.id)));
            admissions.take(list, to, None, "enrolments").await?;
        }
    }
    let changes = admissions.into_changes();
    note(task, tx, id, notes).await?;
    let (clock, why) = (&task.app.clock, Some(task.source.as_str()));
    audit::record(tx, clock, task.actor.person, Action::ImportEnrolments, &subjects, why).await?;
    Ok(changes)
}

/// Those who come in, in the order of the file, since who comes first in it comes first in line: the accounts of those
/// who have none are made. Nothing is declared for an account that is there: what the row says of its owner stands in
/// the enrolment alone.
async fn entrants(
    task: &Task<'_>,
    tx: &Tx,
    rows: &[&EnrolmentRow],
    coming: Vec<(usize, Entry)>,
    zone: chrono_tz::Tz,
) -> Result<Vec<Entrant>> {
    let mut made = {
        let unknown = coming.iter().filter(|(_, entry)| entry.account.is_none());
        let unknown: Vec<_> = unknown
            .map(|(place, entry)| (&rows[*place].person, &entry.snapshot))
            .collect();
        newcomers::make(task, tx, &unknown, zone).await?.into_iter()
    };
    let mut entrants = Vec::with_capacity(coming.len());
    for (place, entry) in coming {
        let (person, number) = match &entry.account {
            Some(account) => (account.id, account.number),
            None => made.next().ok_or_else(|| Error::internal("an account was lost"))?,
        };
        entrants.push(Entrant {
            place,
            person,
            number,
            entry,
        });
    }
    Ok(entrants)
}

/// Gives registrations that nobody ever confirmed to whom the rows name: their names and passwords may be a stranger's.
/// Like those of new accounts, their owners reset the password. Which accounts these were.
async fn take_over(task: &Task<'_>, tx: &Tx, entrants: &[Entrant]) -> Result<Vec<Subject>> {
    let now = task.app.clock.now();
    let named = entrants.iter().filter_map(|entrant| {
        let profile = entrant.entry.account.as_ref()?.profile.clone()?;
        Some((entrant.person, profile))
    });
    let mut profiles: Vec<(PersonId, Profile)> = named.collect();
    if profiles.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<PersonId> = profiles.iter().map(|(person, _)| *person).collect();
    // While this waited for the accounts, their owners may have confirmed them.
    let held = person::lock_all(tx, &ids).await?;
    let pending = held.iter().filter(|row| is_pending(row)).map(|row| row.id);
    let pending: HashSet<PersonId> = pending.collect();
    profiles.retain(|(person, _)| pending.contains(person));
    for (person, _) in &profiles {
        person::forget_password(tx, *person).await?;
        ending::of_everything(tx, *person, None, now).await?;
    }
    person::set_profiles(tx, &profiles).await?;
    Ok(profiles.iter().map(|(person, _)| Subject::from(*person)).collect())
}

/// The rows of new enrolments, all since the same instant.
fn enrolment_rows(task: &Task<'_>, edition: &edition::Model, entrants: &[Entrant]) -> Vec<enrolment::Model> {
    let clock = &task.app.clock;
    let now = clock.now();
    let row = |entrant: &Entrant| {
        let entry = &entrant.entry;
        let who = (entrant.person, entrant.number);
        let mut row = blank(clock, now, edition, who, String::new(), &entry.snapshot);
        row.state = entry.state;
        row.seat_pool_id = entry.seat.and_then(Seat::pool);
        row
    };
    entrants.iter().map(row).collect()
}

async fn note(task: &Task<'_>, tx: &Tx, edition: EditionId, notes: Vec<(PersonId, &EnrolmentRow)>) -> Result<()> {
    let now = task.app.clock.now();
    let rows = notes.into_iter().map(|(person_id, row)| imported_row::Model {
        kind: Kind::Enrolments,
        scope_id: edition.0,
        address: address_of(&row.person),
        person_id,
        content: content_of(&row.person),
        imported_at: now,
    });
    imported_row::note(tx, rows.collect()).await
}
