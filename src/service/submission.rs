//! Writing and handing in: drafts by any member of the team, each hand-in an immutable version.

use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::id::{DeliverableId, SubmissionId};
use crate::domain::policy::{self, Action, Relation};
use crate::domain::submission::{HandIn, Refusal, SubmissionState};
use crate::domain::text::{Body, Title};
use crate::domain::version::stale_version;
use crate::error::{Error, Fault, Flaw, Result};
use crate::store::case::{self, Case};
use crate::store::history::Step;
use crate::store::submission::Author;
use crate::store::works::{self, Counted};
use crate::store::{Tx, audit, author, deliverable, edition, history, submission, team_member, version};

/// A draft as its authors have it now.
#[derive(Debug, Clone)]
pub struct SaveDraft {
    /// What it answers.
    pub deliverable: DeliverableId,
    /// The title; may be missing until it is handed in.
    pub title: Option<Title>,
    /// The text.
    pub body: Body,
    /// The version that was seen; `None` for the first draft.
    pub version: Option<i64>,
}

/// Saves the draft of an answer; the first one begins it. For every member of the team, or for the participant
/// where each answers alone.
///
/// # Errors
/// `Code::StaleVersion` when a team mate saved meanwhile, `Code::IllegalTransition` while the work is with the
/// tutor or the edition is not running, `Code::DeadlinePassed`.
pub async fn save_draft(app: &App, actor: &Actor, command: SaveDraft) -> Result<submission::Model> {
    let tx = app.db.write().await?;
    let me = actor.signed_in()?;
    let unseen = || Error::NotFound("input.deliverableId");
    let asked = deliverable::find_visible(&tx, actor, command.deliverable)
        .await?
        .ok_or_else(unseen)?;
    let edition = edition::hold(&tx, &[asked.edition_id])
        .await?
        .into_iter()
        .next()
        .ok_or_else(unseen)?;
    // Read again: whoever changes what is asked has the edition for themself.
    let asked = deliverable::get(&tx, asked.id).await?;
    let place = team_member::place(&tx, me, edition.id).await?;
    let author = match (asked.kind.is_team_work(), place) {
        (true, Some(place)) => place.team.map(Author::Team),
        (false, Some(place)) => Some(Author::Enrolment(place.enrolment)),
        (_, None) => None,
    };
    let relation = Relation {
        team: author.is_some(),
        ..Relation::NONE
    };
    policy::demand(actor, Action::WriteSubmission, relation, None)?;
    let author = author.ok_or(Error::Forbidden)?;
    let present = submission::lock_answer(&tx, asked.id, author).await?;
    let state = present.as_ref().map_or(SubmissionState::Draft, |row| row.state);
    let hand_in = HandIn {
        state,
        edition: edition.state,
        cut_off_at: asked.cut_off_at,
        now: app.clock.now(),
    };
    // The state first: while the work is with the tutor its version is not for the authors' eyes.
    hand_in
        .may_write()
        .map_err(|refusal| refused(refusal, &asked, &edition))?;
    check_version(present.as_ref().map(|row| row.version), command.version)?;
    let (title, body) = (command.title.as_ref().map_or("", AsRef::as_ref), command.body.as_ref());
    let row = match present {
        Some(row) => submission::set_draft(&tx, &row, title, body).await?,
        None => begin(&tx, app, actor, &asked, author, (title, body)).await?,
    };
    tx.commit().await?;
    Ok(row)
}

/// Hands the draft in as a new version, which never changes again; its authors are those of this instant.
///
/// # Errors
/// `Code::StaleVersion`, `Code::IllegalTransition` when it was handed in already, `Code::EmptySubmission`,
/// `Code::DeadlinePassed` with the cut-off in the edition's zone.
pub async fn submit(app: &App, actor: &Actor, id: SubmissionId, seen: i64) -> Result<submission::Model> {
    let tx = app.db.write().await?;
    let cases = case::open(&tx, actor, &[id]).await?.unwrap_or_default();
    let case = cases.into_iter().next().ok_or(Error::NotFound("input.submissionId"))?;
    policy::demand(actor, Action::WriteSubmission, case.relation, None)?;
    let authors = case.authors(&tx).await?;
    let me = authors.iter().find(|(_, person)| Some(*person) == actor.person);
    let (by, me) = *me.ok_or(Error::Forbidden)?;
    let now = app.clock.now();
    let to = next_state(&case, now)?;
    check_version(Some(case.row.version), Some(seen))?;
    let number = case.row.current_number + 1;
    let content = (case.row.draft_title.as_str(), case.row.draft_body.as_str());
    let version = version::insert(&tx, &app.clock, id, number, content, me).await?;
    let authors: Vec<_> = authors.into_iter().map(|(enrolment, _)| enrolment).collect();
    author::freeze(&tx, version, &authors).await?;
    let counted_for = Some(by).filter(|_| case.deliverable.kind.is_counted());
    let row = submission::set_handed_in(&tx, &case.row, to, counted_for, now).await?;
    if counted_for.is_some() && case.row.counted_for.is_none() {
        works::count(&tx, &app.clock, &[by], Counted::Submitted).await?;
    }
    let step = Step {
        subject: id.into(),
        from: Some(case.row.state.word()),
        to: to.word(),
        at: now,
        actor: actor.person,
        reason: None,
    };
    history::record(&tx, &app.clock, &[step]).await?;
    audit::record(
        &tx,
        &app.clock,
        actor.person,
        Action::WriteSubmission,
        &[id.into()],
        None,
    )
    .await?;
    tx.commit().await?;
    Ok(row)
}

/// A submission, if the actor sees it.
pub async fn read(app: &App, actor: &Actor, id: SubmissionId) -> Result<Option<submission::Model>> {
    submission::find_visible(app.db.read(), actor, id).await
}

async fn begin(
    tx: &Tx,
    app: &App,
    actor: &Actor,
    asked: &deliverable::Model,
    author: Author,
    content: (&str, &str),
) -> Result<submission::Model> {
    let row = submission::insert(tx, &app.clock, asked, author, content).await?;
    let step = Step {
        subject: row.id.into(),
        from: None,
        to: row.state.word(),
        at: app.clock.now(),
        actor: actor.person,
        reason: None,
    };
    history::record(tx, &app.clock, &[step]).await?;
    audit::record(
        tx,
        &app.clock,
        actor.person,
        Action::WriteSubmission,
        &[row.id.into()],
        None,
    )
    .await?;
    Ok(row)
}

fn next_state(case: &Case, now: chrono::DateTime<chrono::Utc>) -> Result<SubmissionState> {
    let stored = |_: Flaw| Error::internal("a stored draft is not well formed");
    let title = Title::parse_optional(Some(&case.row.draft_title)).map_err(stored)?;
    let body = Body::parse(&case.row.draft_body).map_err(stored)?;
    let cut_off_at = case.deliverable.cut_off_at;
    let hand_in = HandIn {
        state: case.row.state,
        edition: case.edition.state,
        cut_off_at,
        now,
    };
    let refused = |refusal| refused(refusal, &case.deliverable, &case.edition);
    hand_in.submit(title.as_ref(), &body).map_err(refused)
}

/// The refusal as its sender reads it: a deadline with its zone.
fn refused(refusal: Refusal, asked: &deliverable::Model, edition: &edition::Model) -> Error {
    let fault = Fault::new(refusal.into());
    if refusal != Refusal::TooLate {
        return fault.into();
    }
    let zone = edition.zone();
    let local = asked.cut_off_at.with_timezone(&zone);
    fault
        .with(format!("{} ({})", local.format("%Y-%m-%d %H:%M"), zone.name()))
        .into()
}

/// Refuses when the version that was seen is not the present one; what is absent has none.
fn check_version(present: Option<i64>, seen: Option<i64>) -> Result<()> {
    if present == seen {
        return Ok(());
    }
    Err(stale_version("version", present.unwrap_or_default()).into())
}

#[cfg(test)]
mod tests;
