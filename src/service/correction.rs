//! Putting right what an admitted enrolment was frozen with: the enrolment is counted anew from now on, what stood
//! before is kept, and figures of earlier instants stay as they were.

use super::edition::relation;
use super::enrolment::{load_one, refuse_own};
use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::id::EnrolmentId;
use crate::domain::notice::Notice;
use crate::domain::person::{CORRECTIONS_LIMIT, Snapshot, SnapshotCause};
use crate::domain::policy::{Action, demand};
use crate::domain::statistics::Change;
use crate::domain::text::Reason;
use crate::domain::version::expect_version;
use crate::error::{Code, Error, Fault, Result};
use crate::service::account::Statement;
use crate::service::institution::is_seen;
use crate::store::snapshot::former::{self, Replacement};
use crate::store::{Tx, audit, course, edition, enrolment, institution, outbox, snapshot, tally};

/// Puts right what an enrolment was frozen with, also once its edition is over: figures of the past were reported as
/// they were, and those of now have to be true. The seat stays as it is. What is right already changes nothing.
///
/// # Errors
/// [`Error::NotFound`] for one out of the actor's sight, and for an institution that they do not see;
/// [`Error::Forbidden`] for anybody but the edition's coordinators; [`Code::OwnWork`] for one's own;
/// [`Code::StaleVersion`]; [`Code::IllegalTransition`] for one that was never confirmed, in which nothing is frozen
/// yet; [`Code::LimitReached`] for one that was put right as often as may be.
pub async fn correct(
    app: &App,
    actor: &Actor,
    id: EnrolmentId,
    version: i64,
    right: Statement,
    reason: &Reason,
) -> Result<enrolment::Model> {
    actor.signed_in()?;
    let tx = app.db.write().await?;
    let (edition, old) = load_one(&tx, actor, id).await?;
    demand(actor, Action::CorrectSnapshot, relation(actor, &edition), None)?;
    refuse_own(actor, std::slice::from_ref(&old), |_| "enrolmentId".to_owned())?;
    expect_version("version", old.version, version)?;
    if !old.state.is_frozen() {
        return Err(Error::at("enrolmentId", Code::IllegalTransition));
    }
    let before = snapshot::frozen(&old)?;
    let after = before.corrected(read(&tx, actor, right, &before).await?);
    if after == before {
        return Ok(old);
    }
    if former::count_corrected(&tx, old.id).await? >= CORRECTIONS_LIMIT {
        return Err(Fault::at("enrolmentId", Code::LimitReached)
            .with(CORRECTIONS_LIMIT)
            .into());
    }
    let mut new = old.clone();
    enrolment::freeze(&mut new, &after);
    new.version += 1;
    replace(app, &tx, actor, (&old, &new), reason).await?;
    tell(app, &tx, &new, &edition, reason).await?;
    tx.commit().await?;
    app.outbox.notify_one();
    Ok(new)
}

/// What is right, as it would have been frozen. The institution that is frozen may stay, also when it was refused
/// since.
async fn read(tx: &Tx, actor: &Actor, right: Statement, before: &Snapshot) -> Result<Snapshot> {
    let institution = match right.institution {
        None => None,
        Some(id) => {
            let row = institution::resolve(tx, id).await?;
            let there = row.filter(|row| before.institution == Some(row.id) || is_seen(actor, row));
            Some(there.ok_or(Error::NotFound("input.declaration.institutionId"))?)
        }
    };
    Ok(Snapshot {
        gender: right.gender,
        country: right.country,
        institution: institution.as_ref().map(|row| row.id),
        institution_kind: institution.as_ref().map(|row| row.kind),
        constituent_group: right.constituent_group,
        language: before.language,
    })
}

/// Stores the one in the place of the other, which is kept, and counts it so.
async fn replace(
    app: &App,
    tx: &Tx,
    actor: &Actor,
    (old, new): (&enrolment::Model, &enrolment::Model),
    reason: &Reason,
) -> Result<()> {
    let at = app.clock.now();
    let text: Option<&str> = Some(reason.as_ref());
    enrolment::set_snapshot(tx, new).await?;
    let replaced = Replacement {
        at,
        cause: SnapshotCause::Corrected,
        reason: text,
        by: actor.person,
    };
    former::keep(tx, &app.clock, std::slice::from_ref(old), replaced).await?;
    let change = Change {
        at,
        before: Some(enrolment::fact(old)),
        after: Some(enrolment::fact(new)),
    };
    tally::record(tx, &app.clock, &[change]).await?;
    let subjects = [new.id.into()];
    audit::record(tx, &app.clock, actor.person, Action::CorrectSnapshot, &subjects, text).await
}

/// Tells the person that what they are counted with was put right.
async fn tell(app: &App, tx: &Tx, row: &enrolment::Model, edition: &edition::Model, reason: &Reason) -> Result<()> {
    let course = course::get(tx, edition.course_id).await?;
    let notice = Notice::SnapshotCorrected {
        edition: edition.about(&course),
        reason: reason.to_string(),
    };
    outbox::enqueue(tx, &app.clock, row.person_id, &notice).await?;
    Ok(())
}
