//! Institutions that applicants found missing: they propose theirs, may state it at once, and a coordinator takes it
//! into the register, merges it into what stands there, or refuses it (`refusing.rs`).

use chrono::{DateTime, Utc};

use super::{InstitutionDraft, blank};
use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::id::{InstitutionId, PersonId};
use crate::domain::institution::{InstitutionKind, InstitutionState, Names, PROPOSAL_PERIOD, may_propose};
use crate::domain::notice::Notice;
use crate::domain::policy::{self, Action, Relation};
use crate::domain::text::{Country, Title};
use crate::domain::version::expect_version;
use crate::error::{Code, Error, Fault, Result};
use crate::store::history::Step;
use crate::store::page::{Page, Place, Wanted};
use crate::store::{Tx, audit, history, institution, outbox, person};

/// What somebody proposes.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// Name.
    pub name: Title,
    /// Country.
    pub country: Country,
    /// What sort of organisation it is.
    pub kind: InstitutionKind,
}

/// Proposes an institution. Whoever proposed it may state it as their own at once, and nobody else sees it before it is
/// accepted, but for those who settle proposals.
///
/// # Errors
/// [`Code::Taken`] for a name under which one of the country is registered, or that the person proposed already;
/// [`Code::LimitReached`] for more than [`may_propose`] lets.
pub async fn propose(app: &App, actor: &Actor, proposal: Proposal) -> Result<institution::Model> {
    policy::demand(actor, Action::ProposeInstitution, Relation::NONE, None)?;
    let person = actor.signed_in()?;
    let tx = app.db.write().await?;
    // Of two proposals of one person at once the second must see the first.
    person::lock(&tx, person).await?.ok_or(Error::Unauthenticated)?;
    let now = app.clock.now();
    check(&tx, person, &proposal, now).await?;
    let draft = InstitutionDraft {
        code: None,
        name: proposal.name,
        aliases: Vec::new(),
        country: proposal.country,
        kind: proposal.kind,
    };
    let blank = institution::Model {
        state: InstitutionState::Proposed,
        proposed_by: Some(person),
        ..blank(app, draft.kind)
    };
    let row = institution::insert(&tx, draft.write(&blank)).await?;
    let step = Step {
        subject: row.id.into(),
        from: None,
        to: InstitutionState::Proposed.word(),
        at: now,
        actor: Some(person),
        reason: None,
    };
    history::record(&tx, &app.clock, &[step]).await?;
    let subjects = [row.id.into()];
    audit::record(
        &tx,
        &app.clock,
        Some(person),
        Action::ProposeInstitution,
        &subjects,
        None,
    )
    .await?;
    tx.commit().await?;
    Ok(row)
}

/// Refuses what is there already, and what is too much of one person.
async fn check(tx: &Tx, person: PersonId, proposal: &Proposal, now: DateTime<Utc>) -> Result<()> {
    let own = institution::proposals_of(tx, person, now - PROPOSAL_PERIOD).await?;
    let waits = |row: &&institution::Model| row.standing() == InstitutionState::Proposed;
    let recent = own.iter().filter(|row| row.created_at > now - PROPOSAL_PERIOD).count();
    may_propose(own.iter().filter(waits).count(), recent).map_err(|refusal| Error::from(refusal.fault()))?;
    let mut like = institution::like(tx, &proposal.country, &proposal.name).await?;
    let of_country = |row: &&institution::Model| row.country.as_str() == proposal.country.as_ref();
    like.extend(own.iter().filter(waits).filter(of_country).cloned());
    let is_called_so = |row: &institution::Model| {
        let aliases = row.other_names();
        let names = Names {
            name: &row.name,
            aliases: &aliases,
        };
        names.include(proposal.name.as_ref())
    };
    if like.iter().any(is_called_so) {
        return Err(Fault::at("name", Code::Taken).into());
    }
    Ok(())
}

/// What was proposed and waits, the oldest first.
///
/// # Errors
/// [`Error::Forbidden`] for those who do not settle proposals.
pub async fn list(app: &App, actor: &Actor, wanted: &Wanted) -> Result<Page<institution::Model>> {
    policy::demand(actor, Action::SettleInstitutions, Relation::NONE, None)?;
    institution::page_of_proposals(app.db.read(), wanted).await
}

/// Where a row stands in a [`list`].
pub fn page_place(row: &institution::Model) -> Place {
    institution::proposal_place(row)
}

/// Takes a proposal into the register, as it is to be registered. Who proposed it is told.
///
/// # Errors
/// [`Error::NotFound`] for an unknown one, [`Code::StaleVersion`], [`Code::IllegalTransition`] for one that is no
/// proposal any more, [`Code::Taken`] for a code that another one has.
pub async fn accept(
    app: &App,
    actor: &Actor,
    id: InstitutionId,
    version: i64,
    draft: InstitutionDraft,
) -> Result<institution::Model> {
    policy::demand(actor, Action::SettleInstitutions, Relation::NONE, None)?;
    let tx = app.db.write().await?;
    let row = institution::lock(&tx, &[id]).await?.pop();
    let row = row.ok_or(Error::NotFound("input.institutionId"))?;
    expect_version("version", row.version, version)?;
    let state = row
        .standing()
        .accept()
        .map_err(|refusal| Error::from(refusal.fault()))?;
    let changed = institution::Model {
        state,
        ..draft.write(&row)
    };
    let accepted = institution::set(&tx, &changed, version).await?;
    let step = Step {
        subject: id.into(),
        from: Some(row.state.word()),
        to: state.word(),
        at: app.clock.now(),
        actor: actor.person,
        reason: None,
    };
    history::record(&tx, &app.clock, &[step]).await?;
    let subjects = [id.into()];
    audit::record(
        &tx,
        &app.clock,
        actor.person,
        Action::SettleInstitutions,
        &subjects,
        None,
    )
    .await?;
    tell(app, &tx, actor, &row, &accepted).await?;
    tx.commit().await?;
    app.outbox.notify_one();
    Ok(accepted)
}

/// Tells who proposed an institution as which one it stands in the register.
pub(super) async fn tell(
    app: &App,
    tx: &Tx,
    actor: &Actor,
    proposed: &institution::Model,
    registered: &institution::Model,
) -> Result<()> {
    let open = proposed.standing() == InstitutionState::Proposed;
    let Some(person) = proposed.proposed_by.filter(|_| open) else {
        return Ok(());
    };
    if actor.person == Some(person) {
        return Ok(());
    }
    let notice = Notice::ProposalSettled {
        proposed: proposed.name.clone(),
        registered: registered.name.clone(),
    };
    outbox::enqueue(tx, &app.clock, person, &notice).await?;
    Ok(())
}
