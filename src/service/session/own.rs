//! One's own sessions: seeing them, and ending one, the others or all. Each takes effect at the next request.

use super::ending;
use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::id::SessionId;
use crate::domain::policy::{self, Action, Relation};
use crate::error::{Error, Result};
use crate::store::page::{Page, Place, Wanted};
use crate::store::{audit, person, session};

/// A part of the actor's sessions that go on, the newest first.
///
/// # Errors
/// [`Error::Unauthenticated`] when nobody is signed in.
pub async fn sessions(app: &App, actor: &Actor, wanted: &Wanted) -> Result<Page<session::Model>> {
    policy::demand(actor, Action::ManageAccount, Relation::OWN, None)?;
    session::page(app.db.read(), actor.signed_in()?, app.clock.now(), wanted).await
}

/// Where a row stands among [`sessions`].
pub fn page_place(row: &session::Model) -> Place {
    session::page_place(row)
}

/// Ends one of the actor's sessions.
///
/// # Errors
/// [`Error::NotFound`] for one that is not theirs or has ended.
pub async fn end_session(app: &App, actor: &Actor, id: SessionId) -> Result<()> {
    policy::demand(actor, Action::ManageAccount, Relation::OWN, None)?;
    let person = actor.signed_in()?;
    let tx = app.db.write().await?;
    let now = app.clock.now();
    session::lock(&tx, id)
        .await?
        .filter(|row| row.person_id == person && row.is_live(now))
        .ok_or(Error::NotFound("input.sessionId"))?;
    session::revoke(&tx, id, now).await?;
    let reason = Some("session ended by its owner");
    audit::record(
        &tx,
        &app.clock,
        Some(person),
        Action::ManageAccount,
        &[id.into()],
        reason,
    )
    .await?;
    tx.commit().await?;
    Ok(())
}

/// Ends the actor's sessions, with sign-ins that wait and new addresses that were asked for in them; the present one as
/// well, unless `keep_this`, and then everything else that opens the account too. How many sessions there were.
///
/// # Errors
/// [`Error::Unauthenticated`] when nobody is signed in.
pub async fn end_sessions(app: &App, actor: &Actor, keep_this: bool) -> Result<u64> {
    policy::demand(actor, Action::ManageAccount, Relation::OWN, None)?;
    let owner = actor.signed_in()?;
    let tx = app.db.write().await?;
    // Before the sessions, as whoever takes another password.
    person::lock(&tx, owner).await?;
    let now = app.clock.now();
    let kept = actor.session.filter(|_| keep_this);
    let ended = if keep_this {
        ending::of_sessions(&tx, owner, kept, now).await?
    } else {
        ending::of_everything(&tx, owner, kept, now).await?
    };
    let reason = Some(if keep_this {
        "other sessions ended by their owner"
    } else {
        "all sessions ended by their owner"
    });
    audit::record(
        &tx,
        &app.clock,
        Some(owner),
        Action::ManageAccount,
        &[owner.into()],
        reason,
    )
    .await?;
    tx.commit().await?;
    Ok(ended)
}
