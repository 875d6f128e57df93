//! What coordinators decide on applications, one by one or many at once, and how a mistake is taken back.

use std::collections::{HashMap, HashSet};

use super::admission::Admissions;
use super::edition::relation;
use super::enrolment::{check_edition, load_one, only, refuse_own};
use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::decision::{Filling, TakenBack, Undo};
use crate::domain::enrolment::{EnrolmentState, Refusal};
use crate::domain::id::{EditionId, EnrolmentId, Seen, Subject};
use crate::domain::list::{DECISIONS_MOST, Mode, check_length, check_once};
use crate::domain::policy::{Action, demand};
use crate::domain::seats::Seat;
use crate::domain::text::Reason;
use crate::domain::version::expect_version;
use crate::error::{Code, Error, Fault, Faults, Result};
use crate::store::enrolment::decision;
use crate::store::{Tx, audit, edition, enrolment};

/// What is decided.
#[derive(Debug, Clone)]
pub struct Decision {
    /// The state to which it leads.
    pub to: EnrolmentState,
    /// Why.
    pub reason: Option<Reason>,
}

/// What came of one row: the enrolment as it now is, or why it was not decided.
pub type Row = Result<enrolment::Model, Fault>;

/// Decides on one enrolment whose version the caller saw.
///
/// # Errors
/// [`Code::StaleVersion`], [`Code::IllegalTransition`], also once the edition is over, [`Code::EditionFull`],
/// [`Code::ReasonRequired`]; [`Code::OwnWork`] for one's own.
pub async fn decide(
    app: &App,
    actor: &Actor,
    Seen { id, version }: Seen<EnrolmentId>,
    decision: &Decision,
) -> Result<enrolment::Model> {
    actor.signed_in()?;
    let tx = app.db.write().await?;
    let (edition, row) = load_one(&tx, actor, id).await?;
    demand(actor, Action::DecideEnrolment, relation(actor, &edition), None)?;
    refuse_own(actor, std::slice::from_ref(&row), |_| "enrolmentId".to_owned())?;
    expect_version("version", row.version, version)?;
    check_edition(&edition, "enrolmentId")?;
    let admissions = Admissions::of(app, &tx, actor.person, edition).await?;
    let planned = admissions.plan(std::slice::from_ref(&row), decision.to, decision.reason.is_some());
    let seats: Result<Vec<Option<Seat>>, Refusal> = planned.into_iter().collect();
    let seats = seats.map_err(|refusal| refusal.fault("enrolmentId"))?;
    let moved = carry_out((app, &tx, actor), admissions, (vec![row], seats), decision).await?;
    tx.commit().await?;
    app.outbox.notify_one();
    only(moved)
}

/// Decides in the same way on many enrolments of one edition: all or none, or each that can be decided so. What came of
/// each stands at its place; where none may be refused, all are decided.
///
/// # Errors
/// Where none may be refused, the faults of all rows. Said once for all: [`Code::ReasonRequired`], and
/// [`Code::IllegalTransition`] for an edition that is over.
pub async fn decide_many(
    app: &App,
    actor: &Actor,
    edition: EditionId,
    list: &[Seen<EnrolmentId>],
    decision: &Decision,
    mode: Mode,
) -> Result<Vec<Row>> {
    actor.signed_in()?;
    check_length("enrolments", list, DECISIONS_MOST)?;
    if mode == Mode::AllOrNothing {
        check_once("enrolments", list.iter().map(|seen| seen.id)).check()?;
    }
    let tx = app.db.write().await?;
    let edition = edition::lock_for(&tx, actor, edition)
        .await?
        .ok_or(Error::NotFound("input.editionId"))?;
    demand(actor, Action::DecideEnrolment, relation(actor, &edition), None)?;
    let mut rows = lock(&tx, actor, edition.id, list, mode).await?;
    stop_at_faults(&rows, mode)?;
    check_edition(&edition, "editionId")?;
    let admissions = Admissions::of(app, &tx, actor.person, edition).await?;
    let taken = plan(&admissions, &mut rows, decision)?;
    stop_at_faults(&rows, mode)?;
    let Taken {
        places,
        rows: moving,
        seats,
    } = taken;
    if places.is_empty() {
        // Undone before it is answered, so that whoever sends it again at once is not told that it still runs.
        tx.rollback().await?;
        return Ok(rows);
    }
    let moved = carry_out((app, &tx, actor), admissions, (moving, seats), decision).await?;
    for (place, row) in places.into_iter().zip(moved) {
        rows[place] = Ok(row);
    }
    tx.commit().await?;
    app.outbox.notify_one();
    Ok(rows)
}

/// Locks the rows of a list, each at its place, and looks whether it may be decided on at all.
async fn lock(tx: &Tx, actor: &Actor, edition: EditionId, list: &[Seen<EnrolmentId>], mode: Mode) -> Result<Vec<Row>> {
    let ids: Vec<EnrolmentId> = list.iter().map(|seen| seen.id).collect();
    // Those of another edition are nobody's to lock who has not locked that one.
    let found = enrolment::lock_in(tx, actor, edition, &ids).await?;
    let mut found: HashMap<EnrolmentId, enrolment::Model> = found.into_iter().map(|row| (row.id, row)).collect();
    let mut named = HashSet::new();
    let mut rows = Vec::with_capacity(list.len());
    for (place, seen) in list.iter().enumerate() {
        let at = format!("enrolments.{place}");
        rows.push(match found.remove(&seen.id) {
            _ if !named.insert(seen.id) => Err(Fault::at(&at, Code::Repeated)),
            None if mode == Mode::AllOrNothing => return Err(Error::NotFoundIn("input.enrolments", place)),
            None => Err(Fault::at(&format!("{at}.id"), Code::InvalidId)),
            Some(row) if actor.person == Some(row.person_id) => Err(Fault::at(&at, Code::OwnWork)),
            Some(row) => expect_version(&format!("{at}.version"), row.version, seen.version).map(|()| row),
        });
    }
    Ok(rows)
}

/// Refuses what is not to go on with some rows refused.
fn stop_at_faults(rows: &[Row], mode: Mode) -> Result<()> {
    let mut faults = Faults::default();
    let refused = rows.iter().filter_map(|row| row.as_ref().err());
    for fault in refused.filter(|_| mode == Mode::AllOrNothing) {
        faults.push(fault.clone());
    }
    faults.check()
}

/// The rows of a list that are decided, their places in it, and the seats that they need.
#[derive(Default)]
struct Taken {
    places: Vec<usize>,
    rows: Vec<enrolment::Model>,
    seats: Vec<Option<Seat>>,
}

/// Holds the decision against the state of each row and the seats that are left; what stands in the way is put in its
/// place.
fn plan(admissions: &Admissions<'_>, rows: &mut [Row], decision: &Decision) -> Result<Taken> {
    let sound = rows.iter().enumerate();
    let (places, candidates): (Vec<usize>, Vec<enrolment::Model>) = sound
        .filter_map(|(place, row)| Some((place, row.as_ref().ok()?.clone())))
        .unzip();
    let planned = admissions.plan(&candidates, decision.to, decision.reason.is_some());
    let mut taken = Taken::default();
    for ((place, row), planned) in places.into_iter().zip(candidates).zip(planned) {
        match planned {
            Ok(seat) => {
                taken.places.push(place);
                taken.rows.push(row);
                taken.seats.push(seat);
            }
            // One reason is meant for all rows.
            Err(Refusal::ReasonMissing) => return Err(Refusal::ReasonMissing.fault("reason").into()),
            Err(refusal) => rows[place] = Err(refusal.fault(&format!("enrolments.{place}"))),
        }
    }
    Ok(taken)
}

/// Moves rows as it was planned, lets what they give back pass on, and keeps what an undo has to know.
async fn carry_out(
    (app, tx, actor): (&App, &Tx, &Actor),
    mut admissions: Admissions<'_>,
    (rows, seats): (Vec<enrolment::Model>, Vec<Option<Seat>>),
    decision: &Decision,
) -> Result<Vec<enrolment::Model>> {
    let reason = decision.reason.as_ref();
    let by = actor.signed_in()?;
    let from: Vec<EnrolmentState> = rows.iter().map(|row| row.state).collect();
    let decided = admissions.settle(rows, &seats, decision.to, reason).await?;
    let moved = admissions.begin_at_once(decided, "enrolments").await?;
    // Only what is given back passes on; whom a coordinator lets wait is not admitted by the same call.
    if admissions.has_freed() {
        admissions.fill_seats().await?;
    }
    admissions.finish().await?;
    let now = app.clock.now();
    let kept = from.into_iter().zip(&moved).map(|(from_state, row)| decision::Model {
        enrolment_id: row.id,
        from_state,
        version: row.version,
        decided_at: now,
        decided_by: by,
    });
    decision::keep(tx, &kept.collect::<Vec<_>>()).await?;
    let subjects: Vec<Subject> = moved.iter().map(|row| row.id.into()).collect();
    let why = reason.map(AsRef::as_ref);
    audit::record(tx, &app.clock, Some(by), Action::DecideEnrolment, &subjects, why).await?;
    Ok(moved)
}

/// Takes the last decision on an enrolment back, where nothing followed from it: it stands as it did before. A seat
/// that it had by it passes on, one that it had before must be free. The person is told once; the history keeps both
/// steps.
///
/// # Errors
/// [`Code::StaleVersion`]; [`Code::IllegalTransition`] in a state to which no decision leads, and once the edition
/// admits nobody any more; [`Code::NotUndoable`] when nobody decided, or something followed; [`Code::AlreadyEnrolled`]
/// when the person applied again; [`Code::EditionFull`]; [`Code::OwnWork`] for one's own.
pub async fn undo(
    app: &App,
    actor: &Actor,
    Seen { id, version }: Seen<EnrolmentId>,
    reason: &Reason,
) -> Result<enrolment::Model> {
    let by = actor.signed_in()?;
    let tx = app.db.write().await?;
    let (edition, row) = load_one(&tx, actor, id).await?;
    demand(actor, Action::DecideEnrolment, relation(actor, &edition), None)?;
    refuse_own(actor, std::slice::from_ref(&row), |_| "enrolmentId".to_owned())?;
    expect_version("version", row.version, version)?;
    let undo = Undo {
        edition: edition.state,
        state: row.state,
        decided: decision::on(&tx, &[id]).await?.remove(&id),
    };
    let to = undo.back_to().map_err(|refusal| refusal.fault("enrolmentId"))?;
    let fills = edition.fills_by_itself();
    let mut admissions = Admissions::of(app, &tx, actor.person, edition).await?;
    let back = admissions.take_back(row, to, reason, "enrolmentId").await?;
    let back = admissions.begin_at_once(back, "enrolmentId").await?;
    let taken_back = TakenBack {
        to,
        fills_by_itself: fills,
        is_limited: admissions.edition().capacity.is_some(),
        has_freed: admissions.has_freed(),
    };
    match taken_back.filling() {
        Filling::Nobody => {}
        Filling::NextInLine => admissions.fill_seats().await?,
        Filling::Everybody => admissions.admit_all().await?,
    }
    admissions.finish().await?;
    decision::forget(&tx, id).await?;
    let why = Some(reason.as_ref());
    audit::record(&tx, &app.clock, Some(by), Action::DecideEnrolment, &[id.into()], why).await?;
    let back = if fills {
        enrolment::lock_for(&tx, actor, &[id]).await?
    } else {
        back
    };
    tx.commit().await?;
    app.outbox.notify_one();
    only(back)
}
