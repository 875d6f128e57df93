//! What names a merged institution comes to name the one into which it was merged: roles, then edition by edition the
//! seats that are kept for it, its nominations and the enrolments, with what is counted of them. Called by the worker;
//! it may come late, or twice, and on several copies at once.

use chrono::{DateTime, Utc};
use tracing::{error, info};

use crate::clock::Clock;
use crate::domain::actor::{Grant, Scope};
use crate::domain::id::{EditionId, InstitutionId, InvitationId, Subject};
use crate::domain::institution::has_followed;
use crate::domain::invitation::InvitationState;
use crate::domain::policy::Action;
use crate::error::{Error, Result};
use crate::service::admission::Admissions;
use crate::service::nomination::nominee::tell_nominator;
use crate::store::history::Step;
use crate::store::institution::merger::{self, Look};
use crate::store::{Db, Tx, audit, edition, history, institution, invitation, role, seat_pool};

/// How many merged institutions are looked at with one statement.
const BATCH: u64 = 100;
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
    if !merger::has_roles(db.read(), merged).await? {
        return Ok(0);
    }
    let tx = db.write().await?;
    let Some(into) = merger::led_to(&tx, merged).await? else {
        return Ok(0);
    };
    let now = clock.now();
    let rows = merger::lock_roles(&tx, merged).await?;
    for row in &rows {
        let grant = Grant {
            role: row.role,
            scope: Scope::Institution(into.id),
        };
        let holds = row.until_at.is_none_or(|until| until > now);
        if holds && role::find_held(&tx, row.person_id, grant, now).await?.is_some() {
            role::set_end(&tx, row.id, now).await?;
        }
    }
    merger::lead_roles(&tx, merged, into.id).await?;
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
    let rows = merger::lock_enrolments(&tx, id, merged).await?;
    let subjects: Vec<Subject> = rows.iter().map(|row| row.id.into()).collect();
    let mut admissions = Admissions::at(clock, &tx, None, edition).await?;
    admissions.follow(rows, merged, &into).await?;
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
    let pools = merger::pools_for(tx, edition, merged).await?;
    let kept = |pool: &&seat_pool::Model| pool.released_at.is_none();
    let own = merger::pools_for(tx, edition, into.id).await?;
    let own = own.iter().find(kept).map(|pool| pool.id);
    for pool in &pools {
        let joined = own.filter(|_| pool.released_at.is_none());
        let mut subjects: Vec<Subject> = vec![pool.id.into(), edition.into()];
        if let Some(own) = joined {
            merger::join_pools(tx, pool, own).await?;
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
            merger::lead_pool(tx, pool.id, into.id).await?;
        }
        audit::record(tx, clock, None, Action::ManageSeats, &subjects, Some(WHY)).await?;
    }
    Ok(pools.len())
}

/// What the one nominated for an edition, the other did. An address has one open nomination by an institution: of two,
/// the one goes on that can be answered.
async fn lead_nominations(
    clock: &Clock,
    tx: &Tx,
    edition: EditionId,
    merged: InstitutionId,
    into: InstitutionId,
) -> Result<usize> {
    let rows = merger::lock_nominations(tx, edition, merged).await?;
    if rows.is_empty() {
        return Ok(0);
    }
    let now = clock.now();
    let open = |row: &&invitation::Model| row.state == InvitationState::Sent;
    let worth = |row: &invitation::Model| (row.expires_at > now, !row.awaits_endorsement);
    let own = merger::lock_nominations(tx, edition, into).await?;
    for row in rows.iter().filter(open) {
        let mut others = own.iter().filter(open);
        if let Some(other) = others.find(|other| other.email == row.email) {
            let superfluous = if worth(row) > worth(other) { other } else { row };
            end_nomination(clock, tx, superfluous, now).await?;
        }
    }
    let ids: Vec<InvitationId> = rows.iter().map(|row| row.id).collect();
    merger::lead_nominations(tx, &ids, into).await?;
    let subjects: Vec<Subject> = ids.iter().map(|&id| id.into()).collect();
    audit::record(tx, clock, None, Action::Nominate, &subjects, Some(WHY)).await?;
    Ok(rows.len())
}

/// Ends one of two nominations of the same address. Its nominee has the other one and is not written to.
async fn end_nomination(clock: &Clock, tx: &Tx, row: &invitation::Model, now: DateTime<Utc>) -> Result<()> {
    let to = if row.expires_at > now {
        InvitationState::Withdrawn
    } else {
        InvitationState::Expired
    };
    let step = Step {
        subject: row.id.into(),
        from: Some(row.open_word()),
        to: to.word(),
        at: now,
        actor: None,
        reason: Some(WHY),
    };
    history::record(tx, clock, &[step]).await?;
    let ended = invitation::set_ended(tx, row.clone(), to, None, now).await?;
    tell_nominator(clock, tx, &ended, None).await
}
