//! Planning an edition by copying an earlier one: what it asks for and when, never who was in it.

use chrono::NaiveDate;

use super::{note_step, relation};
use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::edition::EditionDraft;
use crate::domain::id::{ApplicationFormId, CourseId, DeliverableId, EditionId, MeetingId, SeatPoolId};
use crate::domain::policy::{Action, Relation, demand};
use crate::domain::seats;
use crate::domain::shift::Shift;
use crate::domain::text::{ShortCode, parse_day, parse_instant};
use crate::error::{Code, Error, Fault, Faults, Result};
use crate::store::history::Step;
use crate::store::row::insert_all;
use crate::store::{Tx, audit, course, criteria, deliverable, edition, form, history, meeting, seat_pool};

/// An edition to be planned as a copy.
#[derive(Debug, Clone)]
pub struct CopyEdition {
    /// Which edition is copied.
    pub source: EditionId,
    /// Of which course the new one is; `None` for the same.
    pub course: Option<CourseId>,
    /// The code of the new one.
    pub code: ShortCode,
    /// Its first day: everything else moves by as many days.
    pub starts_on: NaiveDate,
}

/// Plans a draft like an earlier edition: languages, zone, seats and for whom they are kept, rules, the form by which
/// people apply, the criteria by which they are scored, deliverables and meetings, with every date moved by as many
/// days, at the same time by the clock of its zone. People, teams, roles and work stay where they are. The actor must
/// be able to plan both.
///
/// # Errors
/// [`Error::NotFound`] for an edition or a course out of sight, [`Code::Taken`] when another edition has the code,
/// [`Code::OutOfRange`] when a date would leave the calendar, the faults of the draft.
pub async fn copy(app: &App, actor: &Actor, command: CopyEdition) -> Result<edition::Model> {
    actor.signed_in()?;
    let tx = app.db.write().await?;
    let source = edition::hold_for(&tx, actor, command.source)
        .await?
        .ok_or(Error::NotFound("input.editionId"))?;
    demand(actor, Action::PlanEdition, relation(actor, &source), None)?;
    let id = EditionId(app.clock.new_id());
    let of = command.course.unwrap_or(source.course_id);
    let target = Relation {
        edition: actor.coordinated().covers(of, id),
        ..Relation::NONE
    };
    demand(actor, Action::PlanEdition, target, None)?;
    let course = course::hold(&tx, of).await?.ok_or(Error::NotFound("input.courseId"))?;
    let shift = Shift::between(source.starts_on, command.starts_on, source.zone());
    let draft = draft(&source, command.code, shift)?;
    let mut row = edition::new_row(id, &course, &draft, app.clock.now());
    edition::insert(&tx, &row, "code").await?;
    copy_form(app, &tx, actor, &source, &mut row).await?;
    copy_criteria(app, &tx, actor, &source, &row).await?;
    copy_deliverables(app, &tx, &source, &row, shift).await?;
    copy_meetings(app, &tx, &source, &row, shift).await?;
    copy_pools(app, &tx, actor, &source, &mut row, shift).await?;
    note_step(&app.clock, &tx, actor.person, &row, None, None).await?;
    // Nothing was done to the edition that was copied.
    let reason = format!("copied from {}", source.id);
    let subjects = [row.id.into()];
    audit::record(
        &tx,
        &app.clock,
        actor.person,
        Action::PlanEdition,
        &subjects,
        Some(&reason),
    )
    .await?;
    tx.commit().await?;
    Ok(row)
}

/// The plan of `source` with another code, moved.
fn draft(source: &edition::Model, code: ShortCode, shift: Shift) -> Result<EditionDraft> {
    let calendar = source.calendar().moved(shift).ok_or_else(too_far)?;
    let mut faults = Faults::default();
    for day in [calendar.starts_on, calendar.ends_on] {
        faults.take("startsOn", parse_day(day));
    }
    for instant in [calendar.enrols_from, calendar.enrols_until] {
        faults.take("startsOn", parse_instant(instant));
    }
    faults.check()?;
    let draft = EditionDraft {
        code,
        languages: source.languages(),
        time_zone: source.zone(),
        calendar,
        capacity: source.capacity,
        minimum: source.minimum,
        modality: source.modality,
        policy: source.policy,
        pass_mark: source.pass_mark,
        tutors_release: source.tutors_release,
        endorses_nominations: source.endorses_nominations,
        offer_hours: source.offer_hours,
    };
    draft.check().check()?;
    Ok(draft)
}

/// The form that the source asks now, as the first version of the new edition's: what was consented to there says
/// nothing here.
async fn copy_form(app: &App, tx: &Tx, actor: &Actor, source: &edition::Model, to: &mut edition::Model) -> Result<()> {
    let Some(asked) = form::current(tx, source).await? else {
        return Ok(());
    };
    let first = 1;
    let version = form::Model {
        id: ApplicationFormId(app.clock.new_id()),
        edition_id: to.id,
        number: first,
        content: form::content(&asked.form()?.numbered(first, None))?,
        published_at: to.created_at,
        published_by: actor.person,
    };
    to.form_number = first;
    form::publish(tx, version).await
}

/// The criteria by which applications to the source are scored now, as the first ones of the new edition.
async fn copy_criteria(app: &App, tx: &Tx, actor: &Actor, source: &edition::Model, to: &edition::Model) -> Result<()> {
    let Some(present) = criteria::latest(tx, source.id).await? else {
        return Ok(());
    };
    let by = actor.signed_in()?;
    criteria::insert(tx, &app.clock, to.id, 1, &present.rubric()?, by).await?;
    Ok(())
}

async fn copy_deliverables(
    app: &App,
    tx: &Tx,
    source: &edition::Model,
    to: &edition::Model,
    shift: Shift,
) -> Result<()> {
    let mut rows = Vec::new();
    for row in deliverable::of_editions(tx, &[source.id]).await? {
        let due_at = shift.instant(row.due_at).ok_or_else(too_far)?;
        let cut_off_at = shift.instant(row.cut_off_at).ok_or_else(too_far)?;
        rows.push(deliverable::Model {
            id: DeliverableId(app.clock.new_id()),
            edition_id: to.id,
            due_at,
            // Where the clock skips the hour between them, the later one may come first.
            cut_off_at: cut_off_at.max(due_at),
            created_at: to.created_at,
            version: 1,
            ..row
        });
    }
    insert_all(tx, rows).await
}

async fn copy_meetings(app: &App, tx: &Tx, source: &edition::Model, to: &edition::Model, shift: Shift) -> Result<()> {
    let mut rows = Vec::new();
    for row in meeting::of_editions(tx, &[source.id]).await? {
        rows.push(meeting::Model {
            id: MeetingId(app.clock.new_id()),
            edition_id: to.id,
            starts_at: shift.instant(row.starts_at).ok_or_else(too_far)?,
            ..row
        });
    }
    insert_all(tx, rows).await
}

/// Keeps seats for whom the source keeps them, or did until they were released.
async fn copy_pools(
    app: &App,
    tx: &Tx,
    actor: &Actor,
    source: &edition::Model,
    to: &mut edition::Model,
    shift: Shift,
) -> Result<()> {
    let former = seat_pool::of_edition(tx, source.id).await?;
    let former = former.iter().map(seat_pool::Model::former).collect::<Result<_>>()?;
    let mut rows = Vec::new();
    for (kept_for, mut draft) in seats::again(former, to.capacity) {
        if let Some(at) = draft.releases_at {
            draft.releases_at = Some(shift.instant(at).ok_or_else(too_far)?);
        }
        let id = SeatPoolId(app.clock.new_id());
        rows.push(seat_pool::Model::new(id, to.id, &kept_for, draft, to.created_at));
        // As the database counts it.
        to.seat_pools += 1;
        to.seats_kept += draft.seats;
    }
    let steps: Vec<Step<'_>> = rows
        .iter()
        .map(|row| Step {
            subject: row.id.into(),
            from: None,
            to: "kept",
            at: to.created_at,
            actor: actor.person,
            reason: None,
        })
        .collect();
    history::record(tx, &app.clock, &steps).await?;
    insert_all(tx, rows).await
}

fn too_far() -> Error {
    Fault::at("startsOn", Code::OutOfRange).into()
}
