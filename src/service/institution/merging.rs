//! Making one institution of two that are the same. The merged one keeps its identifier, which leads to the other one
//! from now on; what names it follows a moment later ([`super::following`]).

use super::proposal::tell;
use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::id::InstitutionId;
use crate::domain::institution::{InstitutionState, Names, Refusal};
use crate::domain::policy::{self, Action, Relation};
use crate::domain::text::Reason;
use crate::domain::version::expect_version;
use crate::error::{Error, Result};
use crate::store::history::Step;
use crate::store::institution::merger;
use crate::store::{Tx, audit, history, institution};

/// Which institution becomes part of which.
#[derive(Debug, Clone)]
pub struct Merging {
    /// The one that is merged.
    pub id: InstitutionId,
    /// The version of it that was seen.
    pub version: i64,
    /// The one that stays; one that was merged means the one into which it was.
    pub into: InstitutionId,
    /// Whether its names become other names of the one that stays.
    pub keep_names: bool,
    /// Why.
    pub reason: Option<Reason>,
}

/// Merges an institution into one of the register, which is given back: a proposal by whoever settles them, one of the
/// register by an administrator. Who proposed it is told.
///
/// # Errors
/// [`Error::NotFound`] for an unknown one, [`Error::Forbidden`], `STALE_VERSION`, `ILLEGAL_TRANSITION` for one that was
/// merged already and for one that does not stand in the register or is itself to be merged into, `LIMIT_REACHED` for
/// more names than one institution may have.
pub async fn merge(app: &App, actor: &Actor, merging: Merging) -> Result<institution::Model> {
    policy::demand(actor, Action::SettleInstitutions, Relation::NONE, None)?;
    let tx = app.db.write().await?;
    let (row, into) = load(&tx, &merging).await?;
    if row.state == InstitutionState::Registered {
        policy::demand(actor, Action::ManageInstitutions, Relation::NONE, None)?;
    }
    expect_version("version", row.version, merging.version)?;
    let into = into.ok_or_else(|| refused(Refusal::NoSuchTarget))?;
    let state = row.standing().merge(into.standing()).map_err(refused)?;
    let into = if merging.keep_names {
        take_names(&tx, &row, into).await?
    } else {
        into
    };
    let now = app.clock.now();
    merger::merge(&tx, row.id, into.id, now).await?;
    let reason: Option<&str> = merging.reason.as_ref().map(AsRef::as_ref);
    let step = Step {
        subject: row.id.into(),
        from: Some(row.state.word()),
        to: state.word(),
        at: now,
        actor: actor.person,
        reason,
    };
    history::record(&tx, &app.clock, &[step]).await?;
    let subjects = [row.id.into(), into.id.into()];
    audit::record(
        &tx,
        &app.clock,
        actor.person,
        Action::SettleInstitutions,
        &subjects,
        reason,
    )
    .await?;
    tell(app, &tx, actor, &row, &into).await?;
    tx.commit().await?;
    app.outbox.notify_one();
    Ok(into)
}

fn refused(refusal: Refusal) -> Error {
    refusal.fault().into()
}

/// The two, locked; `None` for the second where it is the first.
async fn load(tx: &Tx, merging: &Merging) -> Result<(institution::Model, Option<institution::Model>)> {
    let target = institution::resolve(tx, merging.into).await?;
    let target = target.ok_or(Error::NotFound("input.intoId"))?.id;
    let mut rows = institution::lock(tx, &[merging.id, target]).await?;
    let place = rows.iter().position(|row| row.id == merging.id);
    let place = place.ok_or(Error::NotFound("input.institutionId"))?;
    let row = rows.swap_remove(place);
    Ok((row, rows.pop()))
}

/// Gives the one that stays the names of the other.
async fn take_names(tx: &Tx, row: &institution::Model, into: institution::Model) -> Result<institution::Model> {
    let (own, others) = (into.other_names(), row.other_names());
    let names = Names {
        name: &into.name,
        aliases: &own,
    };
    let merged = Names {
        name: &row.name,
        aliases: &others,
    };
    let aliases = names.with(merged).map_err(refused)?;
    if aliases == own {
        return Ok(into);
    }
    let version = into.version;
    let changed = institution::Model {
        search_text: institution::search_text(&into.name, aliases.iter().map(String::as_str)),
        aliases: aliases.into(),
        ..into
    };
    institution::set(tx, &changed, version).await
}
