//! Which identities belong to an account: its owner links one, confirms one that asked by mail, and ends a link.

use chrono::{DateTime, Utc};

use super::{Arrival, Begun, FIRST_PAUSE, attach, check_key, draw, find, keep, note, redeem, roles, tell_linked};
use crate::app::App;
use crate::app::retry::Retries;
use crate::auth::provider::Returned;
use crate::auth::token::{self, Kind};
use crate::domain::actor::Actor;
use crate::domain::id::{IdentityId, PersonId};
use crate::domain::identity::Subject;
use crate::domain::notice::Notice;
use crate::domain::policy::{self, Action, Relation};
use crate::error::{Code, Error, Result};
use crate::service::session::{ending, proof};
use crate::store::identity::Known;
use crate::store::{Tx, identity, identity_claim, outbox, person};

/// The actor's own identities, the oldest first.
///
/// # Errors
/// [`Error::Unauthenticated`] when nobody is signed in.
pub async fn mine(app: &App, actor: &Actor) -> Result<Vec<identity::Model>> {
    policy::demand(actor, Action::ManageAccount, Relation::OWN, None)?;
    identity::of_person(app.db.read(), actor.signed_in()?).await
}

/// Confirms, by the token of the message, that an identity is the owner's of the account; with it they can sign in.
///
/// It takes the handle of the sign-in as well, which the client holds that began it. So the owner of the mailbox
/// confirms nothing that somebody else began, though a message about that looks the same.
///
/// The mailbox stands for a password and not for a second factor: where the account has one, a code of it is asked for
/// as well, since the provider may count as one from then on. A wrong code leaves the token as it was.
///
/// An account whose address nobody had confirmed may have been registered by somebody else: the owner of the address
/// has it now, and a password that it had no longer works.
///
/// # Errors
/// [`Code::InvalidToken`] for one that is unknown, used, replaced or out of date, for the handle of another sign-in,
/// which leaves the token as it was, and when the identity was linked meanwhile; of several who use one at once one
/// succeeds. [`Code::InvalidCode`] and [`Code::Required`] about the code.
pub async fn confirm(app: &App, token: &str, handle: &str, code: Option<&str>) -> Result<()> {
    let refused = || Error::at("token", Code::InvalidToken);
    let hash = token::digest(Kind::OneTime, token).ok_or_else(refused)?;
    let now = app.clock.now();
    let found = identity_claim::find_live(app.db.read(), &hash, now).await?;
    let found = found.ok_or_else(refused)?;
    if token::digest(Kind::ProviderSignIn, handle).as_ref() != Some(&found.sign_in) {
        return Err(Error::at("handle", Code::InvalidToken));
    }
    let owner = found.person_id;
    proof::check_form(owner, "code", code)?;
    let tx = app.db.write().await?;
    let owner = person::lock(&tx, owner)
        .await?
        .filter(|row| row.disabled_at.is_none())
        .ok_or_else(refused)?;
    let claim = identity_claim::lock_live(&tx, &hash, now).await?.ok_or_else(refused)?;
    let accepting = app.providers.accepting(&claim.provider, &claim.issuer);
    let provider = accepting.ok_or_else(refused)?;
    let subject = Subject::parse(&claim.subject).ok_or_else(refused)?;
    if let Err(wrong) = proof::check_code_if_due(app, &tx, owner.id, "code", code).await? {
        tx.commit().await?;
        return Err(wrong);
    }
    identity_claim::retire(&tx, owner.id, now).await?;
    let password_forgotten = own(app, &tx, &owner, now).await?;
    let known = Known {
        provider: &claim.provider,
        issuer: &claim.issuer,
        subject: &subject,
    };
    if identity::find(&tx, known).await?.is_some() {
        return Err(refused());
    }
    attach(app, &tx, None, owner.id, known).await?;
    tell_linked(app, &tx, owner.id, provider, password_forgotten).await?;
    tx.commit().await?;
    app.outbox.notify_one();
    Ok(())
}

/// The address is the owner's; what somebody else may have set or asked for before is not. Whether a password was
/// forgotten.
async fn own(app: &App, tx: &Tx, owner: &person::Model, now: DateTime<Utc>) -> Result<bool> {
    if owner.email_confirmed_at.is_some() {
        return Ok(false);
    }
    person::set_confirmed(tx, owner.id, now).await?;
    ending::of_everything(tx, owner.id, None, now).await?;
    note(app, tx, None, owner.id, "address confirmed with an identity").await?;
    if owner.password_hash.is_none() {
        return Ok(false);
    }
    person::forget_password(tx, owner.id).await?;
    note(app, tx, None, owner.id, "password forgotten that nobody had confirmed").await?;
    Ok(true)
}

/// Begins to link an identity to the actor's account, by a proof that it is the owner who asks: the password, and a
/// code where there is a second factor. An account without a password needs a session that has just begun.
///
/// # Errors
/// [`Error::NotFound`] for a provider that there is not, [`Error::Provider`], those of `proof::check_owner`,
/// [`Code::InvalidCode`] and [`Code::Required`] about the code, [`Error::Unauthenticated`] when nobody is signed in.
pub async fn begin(app: &App, actor: &Actor, key: &str, password: Option<&str>, code: Option<&str>) -> Result<Begun> {
    policy::demand(actor, Action::ManageAccount, Relation::OWN, None)?;
    let person = actor.signed_in()?;
    let session = actor.session.ok_or(Error::Unauthenticated)?;
    check_key(key)?;
    let checked = proof::check_owner(app, actor, "currentPassword", password).await?;
    proof::check_form(person, "code", code)?;
    let provider = find(app, key)?;
    let begun = draw(app, actor, provider).await?;
    let tx = app.db.write().await?;
    proof::unchanged(&tx, &checked, "currentPassword").await?;
    if let Err(wrong) = proof::check_code_if_due(app, &tx, person, "code", code).await? {
        tx.commit().await?;
        return Err(wrong);
    }
    keep(app, &tx, key, &begun, Some((person, session))).await?;
    tx.commit().await?;
    Ok(begun)
}

/// Links the identity of whoever brought the code to the actor's account, in the session that began it. One that is
/// linked to the account already stays.
///
/// # Errors
/// [`Code::InvalidToken`] as for a sign-in, [`Code::Taken`] for an identity of another account, [`Error::Provider`],
/// [`Error::Unauthenticated`] when nobody is signed in.
pub async fn link(app: &App, actor: &Actor, returned: &Returned<'_>) -> Result<identity::Model> {
    policy::demand(actor, Action::ManageAccount, Relation::OWN, None)?;
    let person = actor.signed_in()?;
    let session = actor.session.ok_or(Error::Unauthenticated)?;
    let arrival = redeem(app, returned, Some((person, session))).await?;
    let mut retries = Retries::new(FIRST_PAUSE);
    loop {
        match join(app, person, &arrival).await {
            Ok(row) => return Ok(row),
            Err(failure) => retries.wait_after(failure).await?,
        }
    }
}

async fn join(app: &App, person: PersonId, arrival: &Arrival<'_>) -> Result<identity::Model> {
    let tx = app.db.write().await?;
    person::lock(&tx, person)
        .await?
        .filter(|row| row.disabled_at.is_none())
        .ok_or(Error::Unauthenticated)?;
    let row = match identity::find(&tx, arrival.known()).await? {
        Some(row) if row.person_id == person => row,
        Some(_) => return Err(Error::at("handle", Code::Taken)),
        None => {
            let row = attach(app, &tx, Some(person), person, arrival.known()).await?;
            tell_linked(app, &tx, person, arrival.provider, false).await?;
            row
        }
    };
    tx.commit().await?;
    app.outbox.notify_one();
    Ok(row)
}

/// Ends the link to one of the actor's identities, by the same proof as [`begin`]. Other sessions end, and API tokens
/// and whatever waits to be confirmed, which whoever signed in with it may have made; and so do roles that came from
/// its provider.
///
/// # Errors
/// [`Error::NotFound`] for one that is not theirs, [`Code::LastWayIn`] when nobody could sign in any more, those of
/// `proof::check_owner`, [`Code::InvalidCode`] and [`Code::Required`] about the code.
pub async fn unlink(
    app: &App,
    actor: &Actor,
    id: IdentityId,
    password: Option<&str>,
    code: Option<&str>,
) -> Result<()> {
    policy::demand(actor, Action::ManageAccount, Relation::OWN, None)?;
    let person = actor.signed_in()?;
    let checked = proof::check_owner(app, actor, "currentPassword", password).await?;
    let tx = app.db.write().await?;
    let owner = proof::unchanged(&tx, &checked, "currentPassword").await?;
    if let Err(wrong) = proof::check_code_if_due(app, &tx, person, "code", code).await? {
        tx.commit().await?;
        return Err(wrong);
    }
    let all = identity::of_person(&tx, person).await?;
    let gone = all.iter().find(|row| row.id == id);
    let gone = gone.ok_or(Error::NotFound("input.identityId"))?;
    // One of a provider that is no longer in the settings lets nobody in.
    let accepted = |row: &&identity::Model| app.providers.accepting(&row.provider, &row.issuer).is_some();
    let mut left = all.iter().filter(|row| row.id != id).filter(accepted);
    if owner.password_hash.is_none() && left.clone().next().is_none() {
        return Err(Error::at("identityId", Code::LastWayIn));
    }
    let now = app.clock.now();
    identity::remove(&tx, id).await?;
    if !left.any(|row| row.provider == gone.provider) {
        roles::end_of_provider(app, &tx, person, &gone.provider).await?;
    }
    ending::of_everything(&tx, person, actor.session, now).await?;
    note(
        app,
        &tx,
        Some(person),
        person,
        &format!("identity of {} unlinked", gone.provider),
    )
    .await?;
    if let Some(provider) = app.providers.find(&gone.provider) {
        let notice = Notice::IdentityUnlinked {
            provider: provider.name.clone(),
            at: now,
        };
        outbox::enqueue(&tx, &app.clock, person, &notice).await?;
    }
    tx.commit().await?;
    app.outbox.notify_one();
    Ok(())
}
