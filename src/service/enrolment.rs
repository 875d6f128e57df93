//! Enrolments: applying and withdrawing.

use chrono::{DateTime, Utc};

use super::admission::Admissions;
use super::application;
use super::edition::relation as edition_relation;
use crate::app::App;
use crate::clock::Clock;
use crate::domain::actor::Actor;
use crate::domain::enrolment::{Admission, EnrolmentState};
use crate::domain::form::answer::Application;
use crate::domain::id::{EditionId, EnrolmentId, InstitutionId, PersonId};
use crate::domain::person::Snapshot;
use crate::domain::policy::{Action, Relation, demand};
use crate::domain::seats::{Ledger, Origin, Seat};
use crate::domain::text::Reason;
use crate::domain::version::expect_version;
use crate::error::{Code, Error, Fault, Result};
use crate::store::{Tx, audit, course, edition, enrolment, seat_pool, snapshot, waiting};

/// The enrolment, if it exists for the actor.
pub async fn find(app: &App, actor: &Actor, id: EnrolmentId) -> Result<Option<enrolment::Model>> {
    enrolment::find_for(app.db.read(), actor, id).await
}

/// The actor's own latest enrolment in an edition.
pub async fn mine(app: &App, actor: &Actor, edition: EditionId) -> Result<Option<enrolment::Model>> {
    let Some(person) = actor.person else { return Ok(None) };
    Ok(enrolment::of_person_in(app.db.read(), person, &[edition]).await?.pop())
}

/// Applies to an edition: confirmed at once, waiting for approval or for a seat, as its policy says. What its form asks
/// is answered, and what it asks consent for is consented to, with the same call.
///
/// # Errors
/// [`Code::EnrolmentClosed`] outside the window, [`Code::DeclarationRequired`] before the person has
/// declared themself, [`Code::AlreadyEnrolled`] with a live enrolment; [`Code::StaleVersion`] for another version of
/// the form than the present one, and the faults that [`crate::domain::form::Form::take`] finds.
pub async fn apply(app: &App, actor: &Actor, id: EditionId, said: &Application) -> Result<enrolment::Model> {
    let person = actor.signed_in()?;
    demand(actor, Action::Apply, Relation::OWN, None)?;
    let tx = app.db.write().await?;
    let place = edition::lock_with_course(&tx, actor, id)
        .await?
        .ok_or(Error::NotFound("input.editionId"))?;
    let row = enter(app, &tx, person, place, said, None, "editionId").await?;
    tx.commit().await?;
    app.outbox.notify_one();
    Ok(row)
}

/// Enters a person into a locked edition, as its policy says, by a nomination where there is one; they are told, and it
/// is audited as applying.
///
/// # Errors
/// Those of [`apply`], at `at`; those of the form below `application`.
pub(super) async fn enter(
    app: &App,
    tx: &Tx,
    person: PersonId,
    (edition, course): (edition::Model, course::Model),
    said: &Application,
    nominated_by: Option<InstitutionId>,
    at: &str,
) -> Result<enrolment::Model> {
    let applicant = snapshot::applicant(tx, person, edition.id)
        .await?
        .ok_or_else(|| Error::internal("an actor without a person"))?;
    let candidate = applicant.candidate;
    let declared = candidate
        .snapshot
        .ok_or_else(|| Fault::at(at, Code::DeclarationRequired))?;
    let now = app.clock.now();
    let ledger = seat_pool::ledger(tx, &edition).await?;
    let seat = free_seat(tx, &edition, &ledger, declared.origin(), applicant.queue).await?;
    let state = admission(&edition, seat.is_some(), now)
        .admit()
        .map_err(|refusal| Fault::at(at, refusal.into()))?;
    if applicant.enrolled {
        return Err(Error::at(at, Code::AlreadyEnrolled));
    }
    let answered = application::read(tx, &edition, said.filled.as_ref()).await?;
    let mut row = blank(
        &app.clock,
        now,
        &edition,
        (person, candidate.number),
        said.motivation.to_string(),
        &declared,
    );
    row.nominated_by = nominated_by;
    row.state = state;
    row.seat_pool_id = seat.filter(|_| state.takes_seat()).and_then(Seat::pool);
    let mut admissions = Admissions::with_course(app, tx, Some(person), (edition, ledger), &course);
    admissions.enter(&row).await?;
    admissions.finish().await?;
    application::keep(&app.clock, tx, &row, answered).await?;
    audit::record(tx, &app.clock, Some(person), Action::Apply, &[row.id.into()], None).await?;
    Ok(row)
}

/// A new enrolment of a person with this number, not yet stored: applied at `now`, without a seat.
pub(super) fn blank(
    clock: &Clock,
    now: DateTime<Utc>,
    edition: &edition::Model,
    (person, number): (PersonId, i64),
    motivation: String,
    declared: &Snapshot,
) -> enrolment::Model {
    let mut row = enrolment::Model {
        id: EnrolmentId(clock.new_id()),
        edition_id: edition.id,
        person_id: person,
        person_number: number,
        state: EnrolmentState::Applied,
        motivation,
        applied_at: now,
        applied_month: now.with_timezone(&edition.zone()).format("%Y-%m").to_string(),
        gender: declared.gender,
        country: String::new(),
        institution_id: None,
        constituent_group: declared.constituent_group,
        language: declared.language,
        nominated_by: None,
        works_submitted: 0,
        works_released: 0,
        grade: None,
        version: 1,
        seat_pool_id: None,
        waiting_rank: None,
        offered_until: None,
        institution_kind: None,
        score: enrolment::UNSCORED,
    };
    enrolment::freeze(&mut row, declared);
    row
}

/// The seat that an applicant has at once: one that is free for them, and that nobody of those who wait may take, too.
pub(super) async fn free_seat(
    tx: &Tx,
    edition: &edition::Model,
    ledger: &Ledger,
    who: Origin<'_>,
    queue: bool,
) -> Result<Option<Seat>> {
    let seat = ledger.seat_for(who);
    // Without a capacity no seat is ever given back that could pass on: nobody joins those who wait.
    if !queue || edition.capacity.is_none() {
        return Ok(seat);
    }
    // Where nothing is kept, whoever waits may take any seat.
    let Some(free) = seat.filter(|_| !ledger.pools().is_empty()) else {
        return Ok(None);
    };
    let wanted = waiting::is_wanted(tx, edition.id, ledger, free).await?;
    Ok(seat.filter(|_| !wanted))
}

/// The facts that decide on a new application.
pub(super) fn admission(edition: &edition::Model, room: bool, now: DateTime<Utc>) -> Admission {
    Admission {
        state: edition.state,
        policy: edition.policy,
        room,
        window_open: (edition.enrols_from..=edition.enrols_until).contains(&now),
    }
}

/// Withdraws an enrolment, by the person's wish or by a coordinator for them. A freed seat passes on.
///
/// # Errors
/// [`Code::StaleVersion`]; [`Code::IllegalTransition`] when it is over, or its edition is.
pub async fn withdraw(
    app: &App,
    actor: &Actor,
    id: EnrolmentId,
    version: i64,
    reason: Option<&Reason>,
) -> Result<enrolment::Model> {
    actor.signed_in()?;
    let tx = app.db.write().await?;
    let (edition, row) = load_one(&tx, actor, id).await?;
    let relation = Relation {
        own: actor.person == Some(row.person_id),
        ..edition_relation(actor, &edition)
    };
    demand(actor, Action::Withdraw, relation, reason)?;
    expect_version("version", row.version, version)?;
    check_edition(&edition, "enrolmentId")?;
    let to = row
        .state
        .leave()
        .map_err(|refusal| Fault::at("enrolmentId", refusal.into()))?;
    let mut admissions = Admissions::of(app, &tx, actor.person, edition).await?;
    let moved = admissions.take(vec![row], to, reason, "enrolmentId").await?;
    // Who had no seat leaves none: whom a coordinator lets wait beside free seats goes on waiting.
    if admissions.has_freed() {
        admissions.fill_seats().await?;
    }
    admissions.finish().await?;
    audit::record(
        &tx,
        &app.clock,
        actor.person,
        Action::Withdraw,
        &[id.into()],
        reason.map(AsRef::as_ref),
    )
    .await?;
    tx.commit().await?;
    app.outbox.notify_one();
    only(moved)
}

/// Once an edition is over, who took part in it stays as it is: its figures were reported. An outcome that was missed
/// is decided after it was reopened.
pub(super) fn check_edition(edition: &edition::Model, at: &str) -> Result<()> {
    let going_on = edition.state.expect_going_on();
    going_on.map_err(|code| Error::at(at, code))
}

/// Nobody decides on their own enrolment; `at` says where the input names a row.
pub(super) fn refuse_own(actor: &Actor, rows: &[enrolment::Model], at: impl Fn(usize) -> String) -> Result<()> {
    match rows.iter().position(|row| actor.person == Some(row.person_id)) {
        Some(place) => Err(Error::at(&at(place), Code::OwnWork)),
        None => Ok(()),
    }
}

/// Loads an enrolment with its edition, the edition locked first, as everywhere.
pub(super) async fn load_one(tx: &Tx, actor: &Actor, id: EnrolmentId) -> Result<(edition::Model, enrolment::Model)> {
    let absent = || Error::NotFound("input.enrolmentId");
    let seen = enrolment::find_for(tx, actor, id).await?.ok_or_else(absent)?;
    let edition = edition::lock(tx, seen.edition_id).await?.ok_or_else(absent)?;
    let row = enrolment::lock_for(tx, actor, &[id]).await?.pop().ok_or_else(absent)?;
    Ok((edition, row))
}

pub(super) fn only(mut rows: Vec<enrolment::Model>) -> Result<enrolment::Model> {
    rows.pop().ok_or_else(|| Error::internal("a moved enrolment was lost"))
}
