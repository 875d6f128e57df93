//! Editions: planned, changed, and walked through their states.

use std::collections::BTreeSet;

use super::admission::Admissions;
use super::nomination;
use crate::app::App;
use crate::clock::Clock;
use crate::domain::actor::Actor;
use crate::domain::edition::{EditionDraft, EditionState, Refusal};
use crate::domain::enrolment::EnrolmentState;
use crate::domain::id::{CourseId, EditionId, PersonId};
use crate::domain::policy::{Action, Relation, demand};
use crate::domain::seats::{NewRoom, Seat};
use crate::domain::text::Reason;
use crate::domain::version::expect_version;
use crate::error::{Code, Error, Fault, Result};
use crate::store::history::Step;
use crate::store::{Tx, audit, course, edition, enrolment, history};

pub mod copy;
pub mod figures;
pub mod passing;
mod telling;

/// How the actor stands to an edition.
pub fn relation(actor: &Actor, row: &edition::Model) -> Relation {
    Relation {
        edition: actor.coordinated().covers(row.course_id, row.id),
        ..Relation::NONE
    }
}

/// Whether the actor sees the edition at all: drafts are for their coordinators.
pub fn sees(actor: &Actor, row: &edition::Model) -> bool {
    row.state.is_published() || relation(actor, row).edition
}

/// The edition, if it exists for the actor.
pub async fn find(app: &App, actor: &Actor, id: EditionId) -> Result<Option<edition::Model>> {
    edition::find_for(app.db.read(), actor, id).await
}

/// The edition with this code, if it exists for the actor.
pub async fn find_by_code(app: &App, actor: &Actor, code: &str) -> Result<Option<edition::Model>> {
    edition::find_by_code(app.db.read(), actor, code).await
}

/// Plans an edition of a course, as a draft.
///
/// # Errors
/// Faults of the draft; [`Code::Taken`] when another edition has the code.
pub async fn create(app: &App, actor: &Actor, of: CourseId, draft: &EditionDraft) -> Result<edition::Model> {
    let id = EditionId(app.clock.new_id());
    let relation = Relation {
        edition: actor.coordinated().covers(of, id),
        ..Relation::NONE
    };
    demand(actor, Action::PlanEdition, relation, None)?;
    draft.check().check()?;
    let tx = app.db.write().await?;
    let course = course::hold(&tx, of).await?.ok_or(Error::NotFound("input.courseId"))?;
    let row = edition::new_row(id, &course, draft, app.clock.now());
    edition::insert(&tx, &row, "edition.code").await?;
    note_step(&app.clock, &tx, actor.person, &row, None, None).await?;
    audit::record(&tx, &app.clock, actor.person, Action::PlanEdition, &[id.into()], None).await?;
    tx.commit().await?;
    Ok(row)
}

/// Changes an edition whose version the caller saw. More seats go to those who wait, at once, until the edition runs:
/// as many as were added, and every free one where nobody decides who enters.
/// Once it is published, everybody in it and its tutors are told of other days. Nominations that can still be answered
/// move with its window.
///
/// # Errors
/// Faults of the draft; [`Code::StaleVersion`]; [`Code::IllegalTransition`] when it is over;
/// [`Code::OutOfRange`] for a capacity below the seats taken, held and kept, and for none while seats are kept.
pub async fn update(
    app: &App,
    actor: &Actor,
    id: EditionId,
    version: i64,
    draft: &EditionDraft,
) -> Result<edition::Model> {
    let tx = app.db.write().await?;
    let mut row = load(&tx, actor, id, version).await?;
    draft.check().check()?;
    row.state.expect_going_on()?;
    check_capacity(&row, draft)?;
    let room = NewRoom::of(row.state, (row.capacity, row.policy), (draft.capacity, draft.policy));
    let course = course::hold(&tx, row.course_id)
        .await?
        .ok_or(Error::NotFound("input.editionId"))?;
    let before = telling::days(&row);
    let window = (row.enrols_from, row.enrols_until);
    edition::write_draft(&mut row, draft, &course);
    edition::update(&tx, &mut row).await?;
    if window != (row.enrols_from, row.enrols_until) {
        Box::pin(nomination::window::follow(app, &tx, &row)).await?;
    }
    Box::pin(telling::rescheduled(&app.clock, &tx, &row, before)).await?;
    let mut admissions = Admissions::of(app, &tx, actor.person, row).await?;
    match room {
        NewRoom::None => {}
        NewRoom::Some(added) => admissions.fill_added(&[(Seat::General, added)]).await?,
        NewRoom::ForAll => admissions.admit_all().await?,
    }
    let row = admissions.finish().await?;
    audit::record(&tx, &app.clock, actor.person, Action::PlanEdition, &[id.into()], None).await?;
    tx.commit().await?;
    app.outbox.notify_one();
    Ok(row)
}

/// Refuses a capacity below what is taken, held and kept, and to lift the limit while seats are kept.
fn check_capacity(row: &edition::Model, draft: &EditionDraft) -> Result<()> {
    let given = row.seats_taken + row.seats_held + row.seats_kept;
    if draft.capacity.map_or(row.seat_pools > 0, |capacity| capacity < given) {
        return Err(Fault::at("edition.capacity", Code::OutOfRange)
            .with(format!("≥ {given}"))
            .into());
    }
    Ok(())
}

/// Takes an edition one step along its state machine, and its enrolments with it: when it begins the
/// confirmed take part, when it is graded nobody waits any longer, when it is cancelled everybody whom it concerns is
/// told, and the invitations to it end.
///
/// # Errors
/// [`Code::StaleVersion`], [`Code::IllegalTransition`], [`Code::ReasonRequired`].
pub async fn step(
    app: &App,
    actor: &Actor,
    id: EditionId,
    version: i64,
    to: EditionState,
    reason: Option<&Reason>,
) -> Result<edition::Model> {
    let tx = app.db.write().await?;
    let row = load(&tx, actor, id, version).await?;
    let row = Box::pin(take(&app.clock, &tx, actor.person, row, to, reason)).await?;
    audit::record(
        &tx,
        &app.clock,
        actor.person,
        Action::PlanEdition,
        &[id.into()],
        reason.map(AsRef::as_ref),
    )
    .await?;
    tx.commit().await?;
    app.outbox.notify_one();
    Ok(row)
}

/// Takes a locked edition one step; `by` is `None` for time itself.
async fn take(
    clock: &Clock,
    tx: &Tx,
    by: Option<PersonId>,
    mut row: edition::Model,
    to: EditionState,
    reason: Option<&Reason>,
) -> Result<edition::Model> {
    let from = row.state;
    row.state = from.step(to, reason.is_some()).map_err(Refusal::fault)?;
    edition::update(tx, &mut row).await?;
    note_step(clock, tx, by, &row, Some(from), reason).await?;
    let mut admissions = Admissions::at(clock, tx, by, row).await?;
    let moved = follow(tx, &mut admissions, to, reason).await?;
    if to == EditionState::Cancelled {
        let of = (admissions.edition(), admissions.about());
        Box::pin(telling::cancelled(clock, tx, of, by, reason, &moved)).await?;
    }
    admissions.finish().await
}

/// What a step of the edition means for its enrolments; whose they were.
async fn follow(
    tx: &Tx,
    admissions: &mut Admissions<'_>,
    to: EditionState,
    reason: Option<&Reason>,
) -> Result<BTreeSet<PersonId>> {
    use EnrolmentState as E;
    let moves: &[(&[E], E)] = match to {
        EditionState::Running => &[(&[E::Confirmed], E::Active)],
        EditionState::Grading => &[
            (&[E::Applied, E::UnderReview], E::Cancelled),
            (&[E::Waitlisted], E::Expired),
        ],
        EditionState::Cancelled => &[
            (&[E::Applied, E::UnderReview, E::Waitlisted], E::Cancelled),
            (&[E::Confirmed, E::Active], E::Excluded),
        ],
        EditionState::Draft
        | EditionState::Announced
        | EditionState::Enrolling
        | EditionState::EnrolmentClosed
        | EditionState::Closed
        | EditionState::Archived => &[],
    };
    let mut people = BTreeSet::new();
    for (from, to) in moves {
        let rows = enrolment::lock_in_states(tx, admissions.edition().id, from).await?;
        if !rows.is_empty() {
            people.extend(rows.iter().map(|row| row.person_id));
            admissions.take(rows, *to, reason, "editionId").await?;
        }
    }
    Ok(people)
}

/// Loads and locks an edition that the actor may plan.
async fn load(tx: &Tx, actor: &Actor, id: EditionId, version: i64) -> Result<edition::Model> {
    let row = edition::lock_for(tx, actor, id)
        .await?
        .ok_or(Error::NotFound("input.editionId"))?;
    demand(actor, Action::PlanEdition, relation(actor, &row), None)?;
    expect_version("version", row.version, version)?;
    Ok(row)
}

async fn note_step(
    clock: &Clock,
    tx: &Tx,
    actor: Option<PersonId>,
    row: &edition::Model,
    from: Option<EditionState>,
    reason: Option<&Reason>,
) -> Result<()> {
    let step = Step {
        subject: row.id.into(),
        from: from.map(EditionState::word),
        to: row.state.word(),
        at: clock.now(),
        actor,
        reason: reason.map(AsRef::as_ref),
    };
    history::record(tx, clock, &[step]).await
}
