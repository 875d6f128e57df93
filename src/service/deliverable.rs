//! What an edition asks for: defining it, and changing it while nothing is assessed.

use chrono::{DateTime, Utc};

use super::edition::relation;
use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::deliverable::{DELIVERABLES_LIMIT, DeliverableDraft, Rubric};
use crate::domain::id::{DeliverableId, EditionId};
use crate::domain::policy::{self, Action};
use crate::domain::text::{Comment, Title};
use crate::domain::version::expect_version;
use crate::error::{Code, Error, Fault, Result};
use crate::store::{audit, deliverable, edition};

/// Defines what the teams or the participants of an edition hand in. For who coordinates it.
///
/// # Errors
/// Everything that [`DeliverableDraft::check`] finds; [`Code::IllegalTransition`] for an edition that is over;
/// [`Code::LimitReached`] for one that asks for as much as it may.
pub async fn create(
    app: &App,
    actor: &Actor,
    edition: EditionId,
    draft: DeliverableDraft,
) -> Result<deliverable::Model> {
    actor.signed_in()?;
    let tx = app.db.write().await?;
    // Taken for oneself, so that two at once do not both find room.
    let seen = edition::lock_for(&tx, actor, edition).await?;
    let row = seen.ok_or(Error::NotFound("input.editionId"))?;
    policy::demand(actor, Action::DefineDeliverable, relation(actor, &row), None)?;
    row.state.expect_going_on()?;
    draft.check().check()?;
    if deliverable::count_of(&tx, row.id).await? >= DELIVERABLES_LIMIT {
        return Err(Fault::at("editionId", Code::LimitReached)
            .with(DELIVERABLES_LIMIT)
            .into());
    }
    let made = deliverable::insert(&tx, &app.clock, row.id, &draft).await?;
    audit::record(
        &tx,
        &app.clock,
        actor.person,
        Action::DefineDeliverable,
        &[made.id.into()],
        None,
    )
    .await?;
    tx.commit().await?;
    Ok(made)
}

/// What is to change; what is absent stays.
#[derive(Debug, Clone)]
pub struct UpdateDeliverable {
    /// Which deliverable.
    pub deliverable: DeliverableId,
    /// The version that was seen.
    pub version: i64,
    /// Its title.
    pub title: Option<Title>,
    /// What to do.
    pub instructions: Option<Comment>,
    /// Until when it is to be handed in.
    pub due_at: Option<DateTime<Utc>>,
    /// Until when a late hand-in is taken.
    pub cut_off_at: Option<DateTime<Utc>>,
    /// Its share in the grade.
    pub weight: Option<i64>,
    /// How it is judged.
    pub rubric: Option<Rubric>,
}

/// Changes what is asked for, while no answer to it was assessed. For who coordinates the edition.
///
/// # Errors
/// [`Code::StaleVersion`]; [`Code::IllegalTransition`] once something is assessed, or when the edition is over;
/// everything that [`DeliverableDraft::check`] finds.
pub async fn update(app: &App, actor: &Actor, command: UpdateDeliverable) -> Result<deliverable::Model> {
    actor.signed_in()?;
    let tx = app.db.write().await?;
    let unseen = || Error::NotFound("input.deliverableId");
    let seen = deliverable::find_visible(&tx, actor, command.deliverable)
        .await?
        .ok_or_else(unseen)?;
    // Taken for oneself: whoever assesses holds the edition, so that nothing is assessed meanwhile.
    let edition = edition::lock_all(&tx, &[seen.edition_id])
        .await?
        .into_iter()
        .next()
        .ok_or_else(unseen)?;
    policy::demand(actor, Action::DefineDeliverable, relation(actor, &edition), None)?;
    let row = deliverable::get(&tx, seen.id).await?;
    expect_version("version", row.version, command.version)?;
    edition.state.expect_going_on()?;
    if deliverable::is_assessed(&tx, row.id).await? {
        return Err(Error::at("deliverableId", Code::IllegalTransition));
    }
    let draft = changed(&row, command)?;
    draft.check().check()?;
    let changed = deliverable::set_draft(&tx, &row, &draft).await?;
    audit::record(
        &tx,
        &app.clock,
        actor.person,
        Action::DefineDeliverable,
        &[row.id.into()],
        None,
    )
    .await?;
    tx.commit().await?;
    Ok(changed)
}

/// A deliverable, if the actor sees it.
pub async fn read(app: &App, actor: &Actor, id: DeliverableId) -> Result<Option<deliverable::Model>> {
    deliverable::find_visible(app.db.read(), actor, id).await
}

fn changed(row: &deliverable::Model, command: UpdateDeliverable) -> Result<DeliverableDraft> {
    let stored = |_| Error::internal("a stored text is not one");
    Ok(DeliverableDraft {
        kind: row.kind,
        title: command
            .title
            .map_or_else(|| Title::parse(&row.title).map_err(stored), Ok)?,
        instructions: command
            .instructions
            .map_or_else(|| Comment::parse(&row.instructions).map_err(stored), Ok)?,
        due_at: command.due_at.unwrap_or(row.due_at),
        cut_off_at: command.cut_off_at.unwrap_or(row.cut_off_at),
        weight: command.weight.unwrap_or(row.weight),
        rubric: command.rubric.map_or_else(|| row.rubric(), Ok)?,
    })
}
