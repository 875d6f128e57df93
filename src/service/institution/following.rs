//! What names a merged institution comes to name the one into which it was merged: roles, then edition by edition the
//! seats that are kept for it, its nominations and the enrolments, with what is counted of them. Called by the worker;
//! it may come late, or twice, and on several copies at once.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use tracing::{error, info};

use crate::clock::Clock;
use crate::domain::actor::{Role, Scope};
use crate::domain::id::{EditionId, InstitutionId, InvitationId, PersonId, RoleAssignmentId, Subject};
use crate::domain::institution::has_followed;
use crate::domain::invitation::InvitationState;
use crate::domain::nomination::{end_of_other, goes_on};
use crate::domain::policy::Action;
use crate::error::{Error, Result};
use crate::service::admission::Admissions;
use crate::service::nomination::nominee::tell_nominators;
use crate::store::history::Step;
use crate::store::institution::merger::{self, Look};
use crate::store::{Db, Tx, audit, edition, history, institution, invitation, nomination, role, seat_pool};

/// How many merged institutions are looked at with one statement.
const BATCH: u64 = 100;
/// How many nominations are read, and written, at a time.
const AT_ONCE: u64 = 1000;
/// Why, in the audit log.
const WHY: &str = "its institution was merged";

/// Lets everything follow that names a merged institution. One that fails stops no other: it is tried again the next
/// time.
pub async fn pass(db: &Db, clock: &Clock) -> Result<()> {
    let mut after = None;
    loop {
        let merged = merger::unfollowed(db.read(), after, BATCH).await?;
        let Some(last) = merged.last() else { return Ok(()) };
        after = Some(last.id);
        for row in &merged {
            match follow(db, clock, row).await {
                Ok(0) => {}
                Ok(moved) => info!(institution.id = %row.id, moved, "what named a merged institution has followed"),
                Err(cause) => error!(institution.id = %row.id, error = %cause, "a merged institution was not followed"),
            }
        }
    }
}

/// Lets what names one follow; how much it was. Once nothing did, and nothing can that began before it was merged, it
/// is not looked at again.
async fn follow(db: &Db, clock: &Clock, merged: &institution::Model) -> Result<usize> {
    let begun = clock.now();
    let is_last = merged.merged_at.is_none_or(|at| has_followed(at, begun));
    let look = if is_last { Look::Enrolments } else { Look::Summaries };
    let mut moved = lead_roles(db, clock, merged.id).await?;
    let mut failed = None;
    for edition in merger::editions_naming(db.read(), merged.id, look).await? {
        match Box::pin(lead_edition(db, clock, edition, merged.id)).await {
            Ok(of_edition) => moved += of_edition,
            // The others have their turn all the same.
            Err(cause) => failed = Some(cause),
        }
    }
    if let Some(cause) = failed {
        return Err(cause);
    }
    if moved == 0 && is_last {
        let tx = db.write().await?;
        merger::set_followed(&tx, merged.id, begun).await?;
        tx.commit().await?;
    }
    Ok(moved)
}

/// Roles in the one are roles in the other. Who holds the same in both holds it once.
async fn lead_roles(db: &Db, clock: &Clock, merged: InstitutionId) -> Result<usize> {
    let scope = Scope::Institution(merged);
    if !role::is_any_in(db.read(), scope).await? {
        return Ok(0);
    }
    let tx = db.write().await?;
    let Some(into) = merger::led_to(&tx, merged).await? else {
        return Ok(0);
    };
    let now = clock.now();
    let rows = role::lock_in(&tx, scope).await?;
    let held = role::held_in(&tx, Scope::Institution(into.id), now).await?;
    let held: BTreeSet<(PersonId, Role)> = held.iter().map(|row| (row.person_id, row.role)).collect();
    let twice: Vec<RoleAssignmentId> = rows
        .iter()
        .filter(|row| row.until_at.is_none_or(|until| until > now))
        .filter(|row| held.contains(&(row.person_id, row.role)))
        .map(|row| row.id)
        .collect();
    role::set_ends(&tx, &twice, now).await?;
    role::lead(&tx, scope, Scope::Institution(into.id)).await?;
    let subjects: Vec<Subject> = rows
        .iter()
        .flat_map(|row| [row.id.into(), row.person_id.into()])
        .collect();
    audit::record(&tx, clock, None, Action::GrantRole, &subjects, Some(WHY)).await?;
    tx.commit().await?;
    Ok(rows.len())
}

/// The seats, nominations and enrolments of one edition, in one transaction: whoever waits for a seat that is theirs
/// now has it.
async fn lead_edition(db: &Db, clock: &Clock, id: EditionId, merged: InstitutionId) -> Result<usize> {
    let tx = db.write().await?;
    edition::lock(&tx, id).await?;
    let Some(into) = merger::led_to(&tx, merged).await? else {
        return Ok(0);
    };
    let pools = lead_pools(clock, &tx, id, merged, &into).await?;
    // Read anew: the database has counted what is kept.
    let edition = edition::lock(&tx, id)
        .await?
        .ok_or_else(|| Error::internal("an enrolment without edition"))?;
    let mut admissions = Admissions::at(clock, &tx, None, edition).await?;
    let subjects = admissions.follow(merged, &into).await?;
    admissions.fill_seats().await?;
    admissions.finish().await?;
    let nominations = lead_nominations(clock, &tx, id, merged, into.id).await?;
    audit::record(&tx, clock, None, Action::SettleInstitutions, &subjects, Some(WHY)).await?;
    tx.commit().await?;
    Ok(pools + nominations + subjects.len())
}

/// The seats that an edition keeps for the one are kept for the other; where it keeps some for that one already, both
/// are one pool under the rules of that one's.
async fn lead_pools(
    clock: &Clock,
    tx: &Tx,
    edition: EditionId,
    merged: InstitutionId,
    into: &institution::Model,
) -> Result<usize> {
    let pools = seat_pool::naming::of_institution(tx, edition, merged).await?;
    let kept = |pool: &&seat_pool::Model| pool.released_at.is_none();
    let own = seat_pool::naming::of_institution(tx, edition, into.id).await?;
    let own = own.iter().find(kept).map(|pool| pool.id);
    for pool in &pools {
        let joined = own.filter(|_| pool.released_at.is_none());
        let mut subjects: Vec<Subject> = vec![pool.id.into(), edition.into()];
        if let Some(own) = joined {
            seat_pool::naming::join(tx, pool, own).await?;
            subjects.push(own.into());
            let step = Step {
                subject: pool.id.into(),
                from: Some("kept"),
                to: "removed",
                at: clock.now(),
                actor: None,
                reason: Some(WHY),
            };
            history::record(tx, clock, &[step]).await?;
        } else {
            seat_pool::naming::lead(tx, pool.id, into.id).await?;
        }
        audit::record(tx, clock, None, Action::ManageSeats, &subjects, Some(WHY)).await?;
    }
    Ok(pools.len())
}

/// What the one nominated for an edition, the other did. An address has one open nomination by an institution: of two,
/// one goes on.
async fn lead_nominations(
    clock: &Clock,
    tx: &Tx,
    edition: EditionId,
    merged: InstitutionId,
    into: InstitutionId,
) -> Result<usize> {
    let now = clock.now();
    let open = |row: &&invitation::Model| row.state == InvitationState::Sent;
    let stands = |row: &invitation::Model| (row.standing().at(now), row.endorsement());
    let own = nomination::naming::lock_open(tx, edition, into).await?;
    let own: HashMap<&str, &invitation::Model> = own.iter().map(|row| (row.email.as_str(), row)).collect();
    let mut led = 0;
    loop {
        // Those before are the other one's by now.
        let rows = nomination::naming::lock(tx, edition, merged, AT_ONCE).await?;
        if rows.is_empty() {
            return Ok(led);
        }
        let superfluous = rows.iter().filter(open).filter_map(|row| {
            let other = *own.get(row.email.as_str())?;
            let comes = goes_on(stands(row), stands(other));
            Some(if comes { other } else { row })
        });
        end_nominations(clock, tx, &superfluous.collect::<Vec<_>>(), now).await?;
        let ids: Vec<InvitationId> = rows.iter().map(|row| row.id).collect();
        nomination::naming::lead(tx, &ids, into).await?;
        let subjects: Vec<Subject> = ids.iter().map(|&id| id.into()).collect();
        audit::record(tx, clock, None, Action::Nominate, &subjects, Some(WHY)).await?;
        led += rows.len();
    }
}

/// Ends of two nominations of the same address each time one. Its nominee has the other one and is not written to.
async fn end_nominations(clock: &Clock, tx: &Tx, rows: &[&invitation::Model], now: DateTime<Utc>) -> Result<()> {
    let ends = |row: &invitation::Model| end_of_other(row.standing().at(now));
    let steps: Vec<Step<'_>> = rows
        .iter()
        .map(|row| Step {
            subject: row.id.into(),
            from: Some(row.open_word()),
            to: ends(row).word(),
            at: now,
            actor: None,
            reason: Some(WHY),
        })
        .collect();
    history::record(tx, clock, &steps).await?;
    for to in [InvitationState::Withdrawn, InvitationState::Expired] {
        let those = rows.iter().filter(|row| ends(row) == to);
        let ids: Vec<InvitationId> = those.map(|row| row.id).collect();
        invitation::end_all(tx, &ids, to, now).await?;
    }
    let ended = rows.iter().map(|row| invitation::Model {
        state: ends(row),
        ..(*row).clone()
    });
    tell_nominators(clock, tx, &ended.collect::<Vec<_>>(), None).await
}
