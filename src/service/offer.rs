//! Offers of seats, answered by the people to whom they are made.

use super::admission::Admissions;
use super::enrolment::{load_one, only};
use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::enrolment::EnrolmentState;
use crate::domain::id::EnrolmentId;
use crate::domain::policy::{Action, Relation, demand};
use crate::domain::text::Reason;
use crate::domain::version::expect_version;
use crate::error::{Code, Error, Result};
use crate::store::{Tx, audit, edition, enrolment};

/// Accepts the seat that is offered: the enrolment is confirmed, and active where the edition has begun.
///
/// # Errors
/// [`Code::StaleVersion`]; [`Code::NoOffer`] when nothing is offered, or its time ran out; [`Code::IllegalTransition`]
/// for somebody who does not wait.
pub async fn accept(app: &App, actor: &Actor, id: EnrolmentId, version: i64) -> Result<enrolment::Model> {
    let tx = app.db.write().await?;
    let (edition, row) = load(app, &tx, actor, id, version).await?;
    let mut admissions = Admissions::of(app, &tx, actor.person, edition).await?;
    let confirmed = admissions
        .take(vec![row], EnrolmentState::Confirmed, None, "enrolmentId")
        .await?;
    let moved = admissions.begin_at_once(confirmed, "enrolmentId").await?;
    admissions.finish().await?;
    end(app, tx, actor, id, None).await?;
    only(moved)
}

/// Declines the seat that is offered: the enrolment is cancelled, and the seat passes on.
///
/// # Errors
/// Those of [`accept`].
pub async fn decline(
    app: &App,
    actor: &Actor,
    id: EnrolmentId,
    version: i64,
    reason: Option<&Reason>,
) -> Result<enrolment::Model> {
    let tx = app.db.write().await?;
    let (edition, row) = load(app, &tx, actor, id, version).await?;
    let mut admissions = Admissions::of(app, &tx, actor.person, edition).await?;
    let moved = admissions
        .take(vec![row], EnrolmentState::Cancelled, reason, "enrolmentId")
        .await?;
    admissions.fill_seats().await?;
    admissions.finish().await?;
    end(app, tx, actor, id, reason).await?;
    only(moved)
}

/// The enrolment with a seat that is offered to the actor, its edition locked.
async fn load(
    app: &App,
    tx: &Tx,
    actor: &Actor,
    id: EnrolmentId,
    version: i64,
) -> Result<(edition::Model, enrolment::Model)> {
    actor.signed_in()?;
    let (edition, row) = load_one(tx, actor, id).await?;
    let relation = Relation {
        own: actor.person == Some(row.person_id),
        ..Relation::NONE
    };
    demand(actor, Action::AnswerOffer, relation, None)?;
    expect_version("version", row.version, version)?;
    if !row.state.waits() {
        return Err(Error::at("enrolmentId", Code::IllegalTransition));
    }
    if row.offered_until.is_none_or(|until| until <= app.clock.now()) {
        return Err(Error::at("enrolmentId", Code::NoOffer));
    }
    Ok((edition, row))
}

async fn end(app: &App, tx: Tx, actor: &Actor, id: EnrolmentId, reason: Option<&Reason>) -> Result<()> {
    let reason = reason.map(AsRef::as_ref);
    audit::record(&tx, &app.clock, actor.person, Action::AnswerOffer, &[id.into()], reason).await?;
    tx.commit().await?;
    app.outbox.notify_one();
    Ok(())
}
