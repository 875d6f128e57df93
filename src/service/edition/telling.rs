//! Who is told what becomes of an edition. Always inside a caller's transaction, with the edition locked.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::clock::Clock;
use crate::domain::id::PersonId;
use crate::domain::invitation::InvitationState;
use crate::domain::notice::{AboutEdition, Days, Notice};
use crate::domain::text::Reason;
use crate::error::Result;
use crate::service::invitation::told::guest_of;
use crate::store::history::Step;
use crate::store::{Tx, audience, course, edition, history, invitation, outbox, shortfall};

/// What an edition was before a change, as far as those in it have to know.
pub(super) fn days(row: &edition::Model) -> Days {
    Days {
        starts_on: row.starts_on,
        ends_on: row.ends_on,
        time_zone: row.time_zone.clone(),
    }
}

/// Tells everybody who is or wants to be in a published edition, and its tutors, that its days changed, if they did.
/// The window of applications does not matter to them.
pub(super) async fn rescheduled(clock: &Clock, tx: &Tx, row: &edition::Model, before: Days) -> Result<()> {
    if !row.state.is_published() || days(row) == before {
        return Ok(());
    }
    let mut people = audience::enrolled(tx, row.id).await?;
    people.extend(audience::staff(tx, row, clock.now()).await?.tutors);
    let notice = Notice::EditionRescheduled {
        edition: about(tx, row).await?,
        before,
    };
    outbox::enqueue_all(tx, clock, people.iter().map(|&person| (person, &notice))).await
}

/// Tells the rest that an edition was cancelled, after those whose enrolments ended with it were told: who had their
/// outcome already, its tutors, its coordinators but who did it, who nominated somebody who has not answered, and the
/// invited, whose invitations end.
pub(super) async fn cancelled(
    clock: &Clock,
    tx: &Tx,
    (row, about): (&edition::Model, &AboutEdition),
    by: Option<PersonId>,
    reason: Option<&Reason>,
    told: &BTreeSet<PersonId>,
) -> Result<()> {
    let now = clock.now();
    let reason = reason.map(ToString::to_string).unwrap_or_default();
    let staff = audience::staff(tx, row, now).await?;
    let mut others = audience::enrolled(tx, row.id).await?;
    others.extend(&staff.tutors);
    others.extend(&staff.coordinators);
    let open = invitation::lock_open_to(tx, row.id, now).await?;
    let nominated = open.iter().filter(|row| row.institution_id.is_some());
    others.extend(nominated.map(|row| row.invited_by));
    others.retain(|person| !told.contains(person) && Some(*person) != by);
    let notice = Notice::EditionCancelled {
        edition: about.clone(),
        reason: reason.clone(),
    };
    outbox::enqueue_all(tx, clock, others.iter().map(|&person| (person, &notice))).await?;
    let mut known = told.clone();
    known.extend(others);
    known.extend(by);
    end_invitations(clock, tx, (&open, about), by, &reason, &known).await
}

/// Ends the open invitations to an edition, which are locked. Each address is told once, unless its person was
/// told of the edition.
async fn end_invitations(
    clock: &Clock,
    tx: &Tx,
    (open, about): (&[invitation::Model], &AboutEdition),
    by: Option<PersonId>,
    reason: &str,
    told: &BTreeSet<PersonId>,
) -> Result<()> {
    let now = clock.now();
    if open.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = open.iter().map(|row| row.id).collect();
    invitation::end_all(tx, &ids, InvitationState::Withdrawn, now).await?;
    let steps: Vec<Step<'_>> = open.iter().map(|row| withdrawal(row, by, now, reason)).collect();
    history::record(tx, clock, &steps).await?;
    let addresses: Vec<String> = open.iter().map(|row| row.email.clone()).collect();
    let known = audience::having_addresses(tx, &addresses).await?;
    let mut written: BTreeSet<&str> = known
        .iter()
        .filter(|(person, _)| told.contains(person))
        .map(|(_, address)| address.as_str())
        .collect();
    let notices: Vec<_> = open
        .iter()
        // Who has yet to be written to knows of nothing.
        .filter(|row| !row.awaits_endorsement && written.insert(&row.email))
        .map(|row| (row.invited_by, ended(row, about, reason)))
        .collect();
    outbox::enqueue_all(tx, clock, notices.iter().map(|(by, notice)| (*by, notice))).await
}

fn withdrawal<'a>(row: &invitation::Model, by: Option<PersonId>, at: DateTime<Utc>, reason: &'a str) -> Step<'a> {
    Step {
        subject: row.id.into(),
        from: Some(row.open_word()),
        to: InvitationState::Withdrawn.word(),
        at,
        actor: by,
        reason: Some(reason),
    }
}

fn ended(row: &invitation::Model, about: &AboutEdition, reason: &str) -> Notice {
    Notice::InvitationEnded {
        guest: guest_of(row),
        edition: about.clone(),
        reason: reason.to_owned(),
    }
}

/// Tells the coordinators of an edition, once for its first day, that it has too few people to begin by itself;
/// whether they were told now.
pub(super) async fn short(clock: &Clock, tx: &Tx, row: &edition::Model) -> Result<bool> {
    let now = clock.now();
    if !shortfall::note(tx, row.id, row.starts_on, now).await? {
        return Ok(false);
    }
    let notice = Notice::MinimumNotReached {
        edition: about(tx, row).await?,
        confirmed: row.seats_taken,
        minimum: row.minimum,
    };
    let people = audience::staff(tx, row, now).await?.coordinators;
    outbox::enqueue_all(tx, clock, people.iter().map(|&person| (person, &notice))).await?;
    Ok(true)
}

async fn about(tx: &Tx, row: &edition::Model) -> Result<AboutEdition> {
    let course = course::get(tx, row.course_id).await?;
    Ok(row.about(&course))
}
