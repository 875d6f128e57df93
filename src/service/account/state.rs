//! Disabling accounts and enabling them again, by administrators. Both take effect at the next request.

use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::id::PersonId;
use crate::domain::notice::Notice;
use crate::domain::policy::{self, Action, Relation};
use crate::domain::text::Reason;
use crate::error::{Code, Error, Result};
use crate::service::session::ending;
use crate::store::{Tx, audit, outbox, person};

/// Disables an account: its sessions and API tokens end, its links die, and it cannot be signed in to. The person is
/// told why.
///
/// # Errors
/// [`Error::Forbidden`] for anybody but administrators, [`Error::NotFound`] for an unknown person,
/// [`Code::OwnWork`] for the actor's own account, [`Code::IllegalTransition`] for one that is disabled.
pub async fn disable(app: &App, actor: &Actor, id: PersonId, reason: &Reason) -> Result<()> {
    let (tx, row) = found(app, actor, id).await?;
    if actor.person == Some(id) {
        return Err(Error::at("personId", Code::OwnWork));
    }
    if row.disabled_at.is_some() {
        return Err(Error::at("personId", Code::IllegalTransition));
    }
    let now = app.clock.now();
    person::set_disabled(&tx, id, Some(now)).await?;
    ending::of_everything(&tx, id, None, now).await?;
    let notice = Notice::AccountDisabled {
        reason: reason.as_ref().to_owned(),
    };
    settle(app, tx, actor, id, &notice, &format!("disabled: {reason}")).await
}

/// Enables an account again; its owner is told and signs in anew.
///
/// # Errors
/// [`Error::Forbidden`] for anybody but administrators, [`Error::NotFound`] for an unknown person,
/// [`Code::IllegalTransition`] for an account that is not disabled.
pub async fn enable(app: &App, actor: &Actor, id: PersonId, reason: &Reason) -> Result<()> {
    let (tx, row) = found(app, actor, id).await?;
    if row.disabled_at.is_none() {
        return Err(Error::at("personId", Code::IllegalTransition));
    }
    person::set_disabled(&tx, id, None).await?;
    settle(
        app,
        tx,
        actor,
        id,
        &Notice::AccountEnabled,
        &format!("enabled: {reason}"),
    )
    .await
}

/// The account, held against others who change it, if the actor may decide about accounts.
async fn found(app: &App, actor: &Actor, id: PersonId) -> Result<(Tx, person::Model)> {
    policy::demand(actor, Action::ManageAccounts, Relation::NONE, None)?;
    let tx = app.db.write().await?;
    let row = person::lock(&tx, id).await?.ok_or(Error::NotFound("input.personId"))?;
    Ok((tx, row))
}

async fn settle(app: &App, tx: Tx, actor: &Actor, id: PersonId, notice: &Notice, reason: &str) -> Result<()> {
    audit::record(
        &tx,
        &app.clock,
        actor.person,
        Action::ManageAccounts,
        &[id.into()],
        Some(reason),
    )
    .await?;
    outbox::enqueue(&tx, &app.clock, id, notice).await?;
    tx.commit().await?;
    app.outbox.notify_one();
    Ok(())
}
