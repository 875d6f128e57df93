//! Refusing what somebody proposed as an institution: it is none, or nobody can tell which one. Whoever proposed it is
//! told why, and states it no more.

use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::id::{DeclarationId, InstitutionId, PersonId, Subject};
use crate::domain::notice::Notice;
use crate::domain::policy::{self, Action, Relation};
use crate::domain::text::Reason;
use crate::domain::version::expect_version;
use crate::error::{Error, Result};
use crate::store::history::Step;
use crate::store::{Tx, audit, declaration, history, institution, outbox, person};

/// Refuses a proposal. Who proposed it is told why; where their declaration names it, it names no institution from now
/// on. Enrolments keep what they were confirmed with, until a coordinator corrects it.
///
/// # Errors
/// [`Error::NotFound`] for an unknown one, [`Error::Forbidden`], `STALE_VERSION`, `ILLEGAL_TRANSITION` for one that is
/// no proposal any more.
pub async fn refuse(
    app: &App,
    actor: &Actor,
    id: InstitutionId,
    version: i64,
    reason: &Reason,
) -> Result<institution::Model> {
    policy::demand(actor, Action::SettleInstitutions, Relation::NONE, None)?;
    let absent = || Error::NotFound("input.institutionId");
    let tx = app.db.write().await?;
    // The person first, as whoever states something holds themself before the institution.
    let proposer = institution::find(&tx, id).await?.ok_or_else(absent)?.proposed_by;
    if let Some(proposer) = proposer {
        person::lock(&tx, proposer).await?;
    }
    let row = institution::lock(&tx, &[id]).await?.pop().ok_or_else(absent)?;
    expect_version("version", row.version, version)?;
    let state = row
        .standing()
        .refuse()
        .map_err(|refusal| Error::from(refusal.fault()))?;
    let now = app.clock.now();
    let refused = institution::set_refused(&tx, &row, now).await?;
    let step = Step {
        subject: id.into(),
        from: Some(row.standing().word()),
        to: state.word(),
        at: now,
        actor: actor.person,
        reason: Some(reason.as_ref()),
    };
    history::record(&tx, &app.clock, &[step]).await?;
    let mut subjects: Vec<Subject> = vec![id.into()];
    if let Some(proposer) = proposer {
        if unstate(app, &tx, proposer, id).await? {
            subjects.push(proposer.into());
        }
        tell(app, &tx, actor, proposer, &row, reason).await?;
    }
    audit::record(
        &tx,
        &app.clock,
        actor.person,
        Action::SettleInstitutions,
        &subjects,
        Some(reason.as_ref()),
    )
    .await?;
    tx.commit().await?;
    app.outbox.notify_one();
    Ok(refused)
}

/// Lets a locked person state no institution where they stated this one; whether they had. Nobody else could state it.
async fn unstate(app: &App, tx: &Tx, person: PersonId, id: InstitutionId) -> Result<bool> {
    let stated = declaration::current(tx, &[person]).await?.pop();
    let Some(stated) = stated.filter(|row| row.institution_id == Some(id)) else {
        return Ok(false);
    };
    let row = declaration::Model {
        id: DeclarationId(app.clock.new_id()),
        stated_at: app.clock.now(),
        institution_id: None,
        ..stated
    };
    declaration::insert(tx, row).await?;
    Ok(true)
}

/// Tells who proposed it, unless they refused it themself.
async fn tell(
    app: &App,
    tx: &Tx,
    actor: &Actor,
    proposer: PersonId,
    row: &institution::Model,
    reason: &Reason,
) -> Result<()> {
    if actor.person == Some(proposer) {
        return Ok(());
    }
    let notice = Notice::ProposalRefused {
        proposed: row.name.clone(),
        reason: reason.to_string(),
    };
    outbox::enqueue(tx, &app.clock, proposer, &notice).await?;
    Ok(())
}
