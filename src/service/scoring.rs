//! Scoring applications: the criteria of an edition, and what its coordinators find by them.

use super::edition::relation;
use super::enrolment::{check_edition, load_one, refuse_own};
use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::deliverable::{Rubric, Score};
use crate::domain::id::{EditionId, EnrolmentId};
use crate::domain::policy::{Action, demand};
use crate::domain::scoring::{FINDINGS_LIMIT, mean};
use crate::domain::text::Comment;
use crate::domain::version::expect_version;
use crate::error::{Code, Error, Fault, Result};
use crate::store::criteria::score::{self, Found};
use crate::store::{audit, criteria, edition, enrolment};

/// Sets the criteria by which applications to an edition are scored. What was found by earlier ones stays on record,
/// and counts no more. `seen` is the number of those that the caller saw, 0 for none.
///
/// # Errors
/// Faults of the criteria, below `rubric`; [`Code::StaleVersion`]; [`Code::IllegalTransition`] when the edition is
/// over.
pub async fn set_criteria(
    app: &App,
    actor: &Actor,
    id: EditionId,
    seen: i64,
    rubric: &Rubric,
) -> Result<criteria::Model> {
    let by = actor.signed_in()?;
    let tx = app.db.write().await?;
    let edition = edition::lock_for(&tx, actor, id)
        .await?
        .ok_or(Error::NotFound("input.editionId"))?;
    demand(actor, Action::PlanEdition, relation(actor, &edition), None)?;
    check_edition(&edition, "editionId")?;
    rubric.check().check()?;
    let present = criteria::latest(&tx, id).await?.map_or(0, |row| row.number);
    expect_version("version", present, seen)?;
    let row = criteria::insert(&tx, &app.clock, id, present + 1, rubric, by).await?;
    audit::record(&tx, &app.clock, Some(by), Action::PlanEdition, &[id.into()], None).await?;
    tx.commit().await?;
    Ok(row)
}

/// What an assessor found in an application.
#[derive(Debug, Clone)]
pub struct Assess {
    /// In which.
    pub enrolment: EnrolmentId,
    /// The number of the criteria by which it was looked at.
    pub criteria: i64,
    /// The level reached in each of them.
    pub scores: Vec<Score>,
    /// What the assessor says to the others.
    pub comment: Comment,
}

/// Scores an application by the criteria of its edition. Another finding of the same assessor takes the place of the
/// one before, which stays on record. The enrolment's version stays: several may score at the same time.
///
/// # Errors
/// [`Code::IllegalTransition`] once it was admitted or is over, or its edition is; [`Code::StaleVersion`] when the
/// criteria are others by now; [`Code::RubricMismatch`] for scores that do not fit, and where there are no criteria;
/// [`Code::OwnWork`] for one's own; [`Code::LimitReached`] where as much was found as may be.
pub async fn score(app: &App, actor: &Actor, command: &Assess) -> Result<enrolment::Model> {
    let by = actor.signed_in()?;
    let tx = app.db.write().await?;
    let (edition, mut row) = load_one(&tx, actor, command.enrolment).await?;
    demand(actor, Action::ScoreApplication, relation(actor, &edition), None)?;
    refuse_own(actor, std::slice::from_ref(&row), |_| "enrolmentId".to_owned())?;
    if !row.state.takes_scores() {
        return Err(Error::at("enrolmentId", Code::IllegalTransition));
    }
    check_edition(&edition, "enrolmentId")?;
    let latest = criteria::latest(&tx, edition.id).await?;
    let present = latest.as_ref().map_or(0, |row| row.number);
    expect_version("version", present, command.criteria)?;
    let mismatch = |code| Error::at("scores", code);
    let latest = latest.ok_or_else(|| mismatch(Code::RubricMismatch))?;
    let points = latest.rubric()?.grade(&command.scores).map_err(mismatch)?;
    if score::count_of(&tx, row.id).await? >= FINDINGS_LIMIT {
        return Err(Fault::at("enrolmentId", Code::LimitReached).with(FINDINGS_LIMIT).into());
    }
    let found = Found {
        enrolment: row.id,
        criteria: latest.id,
        assessor: by,
        scores: &command.scores,
        points,
        comment: command.comment.as_ref(),
    };
    score::insert(&tx, &app.clock, found).await?;
    let findings = score::found_by(&tx, row.id, &latest).await?;
    score::set_mean(&tx, &mut row, mean(&findings, present)).await?;
    audit::record(
        &tx,
        &app.clock,
        Some(by),
        Action::ScoreApplication,
        &[row.id.into()],
        None,
    )
    .await?;
    tx.commit().await?;
    Ok(row)
}
