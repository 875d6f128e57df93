//! An enrolment goes on in another edition: it ends in the one and begins in the other, in one transaction.

use super::admission::Admissions;
use super::application::asks_consent;
use super::edition::relation;
use super::enrolment::{blank, check_edition, free_seat, only, refuse_own};
use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::id::{EditionId, EnrolmentId, Seen, Subject};
use crate::domain::notice::Notice;
use crate::domain::policy::{Action, demand};
use crate::domain::seats::{Ledger, Seat};
use crate::domain::text::Reason;
use crate::domain::transfer::{Arrival, departure};
use crate::domain::version::expect_version;
use crate::error::{Code, Error, Fault, Result};
use crate::store::enrolment::transfer;
use crate::store::{Tx, audit, course, edition, enrolment, outbox, seat_pool, snapshot};

/// Transfers an enrolment to another edition, for who coordinates both. What it gives back passes on. The person is
/// told once, and also where the edition requires their consent. It is held against no form: nobody answers for them,
/// and what they answered stays with the first one.
///
/// # Errors
/// [`Code::StaleVersion`]; [`Code::IllegalTransition`] for an enrolment that is over, or whose edition is, and for an
/// edition that admits nobody;
/// [`Code::AlreadyEnrolled`] when the person is in the other edition, or it is the same; [`Code::EditionFull`] for
/// somebody with a seat when there is none for them; [`Code::OwnWork`] for one's own.
pub async fn transfer(
    app: &App,
    actor: &Actor,
    seen: Seen<EnrolmentId>,
    to: EditionId,
    reason: &Reason,
) -> Result<enrolment::Model> {
    let by = actor.signed_in()?;
    let tx = app.db.write().await?;
    let Place { from, target, row } = load(&tx, actor, seen.id, to).await?;
    refuse_own(actor, std::slice::from_ref(&row), |_| "enrolmentId".to_owned())?;
    expect_version("version", row.version, seen.version)?;
    check_edition(&from, "enrolmentId")?;
    let leaves = departure(row.state).map_err(|refusal| refusal.fault("enrolmentId"))?;
    let (new, ledger) = arrive(app, &tx, &target, &row).await?;
    let course = course::get(&tx, target.course_id).await?;
    let mut into = Admissions::with_course(app, &tx, actor.person, (target, ledger), &course);
    let mut out = Admissions::of(app, &tx, actor.person, from).await?;
    out.take_untold(vec![row], leaves, Some(reason), "enrolmentId").await?;
    into.enter_untold(&new, Some(reason)).await?;
    let new = only(into.begin_at_once(vec![new], "editionId").await?)?;
    let continues = transfer::Model {
        to_id: new.id,
        from_id: seen.id,
        transferred_at: app.clock.now(),
        transferred_by: by,
    };
    transfer::insert(&tx, continues).await?;
    if out.has_freed() {
        out.fill_seats().await?;
    }
    let notice = Notice::EnrolmentTransferred {
        edition: into.about().clone(),
        from: out.about().clone(),
        state: new.state.word().to_owned(),
        reason: reason.to_string(),
        asks_consent: asks_consent(&tx, into.edition()).await?,
    };
    outbox::enqueue(&tx, &app.clock, new.person_id, &notice).await?;
    out.finish_with(into).await?;
    let subjects: [Subject; 2] = [seen.id.into(), new.id.into()];
    let why = Some(reason.as_ref());
    audit::record(&tx, &app.clock, Some(by), Action::DecideEnrolment, &subjects, why).await?;
    tx.commit().await?;
    app.outbox.notify_one();
    Ok(new)
}

/// The two editions and the enrolment, locked in this order.
struct Place {
    from: edition::Model,
    target: edition::Model,
    row: enrolment::Model,
}

async fn load(tx: &Tx, actor: &Actor, id: EnrolmentId, to: EditionId) -> Result<Place> {
    let absent = || Error::NotFound("input.enrolmentId");
    let seen = enrolment::find_for(tx, actor, id).await?.ok_or_else(absent)?;
    let there = edition::find_for(tx, actor, to).await?.map(|row| row.id);
    let both: Vec<EditionId> = [Some(seen.edition_id), there].into_iter().flatten().collect();
    // By their identifiers, as everywhere.
    let mut locked = edition::lock_all(tx, &both).await?;
    let from = locked.iter().position(|row| row.id == seen.edition_id);
    let from = locked.swap_remove(from.ok_or_else(absent)?);
    demand(actor, Action::DecideEnrolment, relation(actor, &from), None)?;
    if there == Some(from.id) {
        return Err(Error::at("editionId", Code::AlreadyEnrolled));
    }
    let target = locked.pop().ok_or(Error::NotFound("input.editionId"))?;
    demand(actor, Action::DecideEnrolment, relation(actor, &target), None)?;
    let row = enrolment::lock_for(tx, actor, &[id]).await?.pop().ok_or_else(absent)?;
    Ok(Place { from, target, row })
}

/// The enrolment that begins in the other edition, and the seats of that one.
async fn arrive(
    app: &App,
    tx: &Tx,
    target: &edition::Model,
    row: &enrolment::Model,
) -> Result<(enrolment::Model, Ledger)> {
    let applicant = snapshot::applicant(tx, row.person_id, target.id)
        .await?
        .ok_or_else(|| Error::internal("an enrolment without a person"))?;
    let ledger = seat_pool::ledger(tx, target).await?;
    let number = applicant.candidate.number;
    // Who has declared nothing since goes on with what was frozen.
    let declared = match applicant.candidate.snapshot {
        Some(declared) => declared,
        None => snapshot::frozen(row)?,
    };
    let seat = if row.state.takes_seat() {
        ledger.seat_for(declared.origin())
    } else {
        free_seat(tx, target, &ledger, declared.origin(), applicant.queue).await?
    };
    let arrival = Arrival {
        from: row.state,
        edition: target.state,
        policy: target.policy,
        room: seat.is_some(),
    };
    let state = arrival.state().map_err(|refusal| refusal.fault("editionId"))?;
    if applicant.enrolled {
        return Err(Fault::at("editionId", Code::AlreadyEnrolled).into());
    }
    let who = (row.person_id, number);
    let (now, motivation) = (app.clock.now(), row.motivation.clone());
    let mut new = blank(&app.clock, now, target, who, motivation, &declared);
    new.state = state;
    new.seat_pool_id = seat.filter(|_| state.takes_seat()).and_then(Seat::pool);
    // Who nominated the person goes on following them.
    new.nominated_by = row.nominated_by;
    Ok((new, ledger))
}
