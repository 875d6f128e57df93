//! Which messages people get: what they do without, said in the account or by the link of a message.

use crate::app::App;
use crate::auth::unsubscribe;
use crate::domain::actor::Actor;
use crate::domain::id::PersonId;
use crate::domain::language::Language;
use crate::domain::notice::{MailKind, Preferences};
use crate::domain::policy::{self, Action, Relation};
use crate::domain::version::expect_version;
use crate::error::{Error, Result};
use crate::service::account;
use crate::store::outbox::preference::{self, Standing};
use crate::store::{Tx, audit, person};

/// How whoever asks stands to messages.
///
/// # Errors
/// [`Error::Unauthenticated`] for nobody.
pub async fn mine(app: &App, actor: &Actor) -> Result<Standing> {
    policy::demand(actor, Action::ManageAccount, Relation::OWN, None)?;
    preference::of_person(app.db.read(), actor.signed_in()?).await
}

/// Does without these kinds of messages from now on, and with all others; also of what waits to be sent.
///
/// # Errors
/// What [`Preferences::without`] refuses; `Code::StaleVersion` when it was changed since `version`;
/// [`Error::Unauthenticated`] for nobody.
pub async fn change(app: &App, actor: &Actor, version: i64, muted: &[MailKind]) -> Result<Standing> {
    policy::demand(actor, Action::ManageAccount, Relation::OWN, None)?;
    let owner = actor.signed_in()?;
    let preferences = Preferences::without(muted)?;
    let tx = app.db.write().await?;
    person::lock(&tx, owner).await?.ok_or(Error::Unauthenticated)?;
    let present = preference::of_person(&tx, owner).await?;
    expect_version("version", present.version, version)?;
    let standing = Standing {
        preferences,
        version: present.version + 1,
    };
    preference::set(&tx, owner, &standing, app.clock.now()).await?;
    account::note(app, &tx, owner, "messages chosen").await?;
    tx.commit().await?;
    Ok(standing)
}

/// What the link of a message ends, in the language of whose it is; `None` for what is no link of ours. Nothing is
/// changed.
pub async fn asked(app: &App, link: &str) -> Result<Option<(Language, MailKind)>> {
    let Some(what) = unsubscribe::open(&app.vault, link) else {
        return Ok(None);
    };
    let person = person::find(app.db.read(), what.person).await?;
    Ok(person.map(|person| (person.language, what.kind)))
}

/// Ends what the link of a message ends; done twice it is the same. Whoever has the link needs nothing else.
pub async fn end(app: &App, link: &str) -> Result<Option<(Language, MailKind)>> {
    let Some(what) = unsubscribe::open(&app.vault, link) else {
        return Ok(None);
    };
    let tx = app.db.write().await?;
    let Some(person) = person::lock(&tx, what.person).await? else {
        return Ok(None);
    };
    let mut standing = preference::of_person(&tx, person.id).await?;
    if standing.preferences.mute(what.kind) {
        standing.version += 1;
        preference::set(&tx, person.id, &standing, app.clock.now()).await?;
        note(app, &tx, person.id, what.kind).await?;
    }
    tx.commit().await?;
    Ok(Some((person.language, what.kind)))
}

/// Keeps in the audit log what somebody did who was not signed in.
async fn note(app: &App, tx: &Tx, person: PersonId, kind: MailKind) -> Result<()> {
    let reason = format!("messages ended by the link of one: {}", kind.word());
    let subjects = [person.into()];
    audit::record(tx, &app.clock, None, Action::ManageAccount, &subjects, Some(&reason)).await
}
