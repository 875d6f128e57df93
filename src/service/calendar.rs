//! One's own calendar for other programs: making and ending the secret link under which it is subscribed to. What
//! stands in it is in `calendar/feed.rs`.

use crate::app::App;
use crate::auth::token::{self, Kind};
use crate::domain::actor::Actor;
use crate::domain::id::Subject;
use crate::domain::policy::{self, Action, Relation};
use crate::error::{Error, Result};
use crate::store::{Tx, audit, calendar_link, person, session};

pub mod feed;

/// A link that was made, and its address, which is told this once.
#[derive(Debug, Clone)]
pub struct Created {
    /// The link.
    pub row: calendar_link::Model,
    /// What a calendar program subscribes to.
    pub url: String,
}

/// Makes the link of whoever asks. An earlier one does not work any more.
pub async fn create(app: &App, actor: &Actor) -> Result<Created> {
    policy::demand(actor, Action::ManageAccount, Relation::OWN, None)?;
    let owner = actor.signed_in()?;
    let secret = token::draw(Kind::Calendar)?;
    let hash = token::digest_of_drawn(Kind::Calendar, &secret)?;
    let tx = app.db.write().await?;
    // Of two who make one at once, the second ends that of the first.
    person::lock(&tx, owner).await?.ok_or(Error::Unauthenticated)?;
    let now = app.clock.now();
    calendar_link::revoke(&tx, owner, now).await?;
    let session = match actor.session {
        Some(id) => session::find(&tx, id).await?,
        None => None,
    };
    let row = calendar_link::Model {
        id: app.clock.new_id(),
        hash,
        person_id: owner,
        factor_given: session.is_some_and(|session| session.factor_at.is_some()),
        created_at: now,
        revoked_at: None,
    };
    let row = calendar_link::insert(&tx, row).await?;
    note(app, &tx, actor, &row).await?;
    tx.commit().await?;
    let base = app.settings.http.public_url.trim_end_matches('/');
    Ok(Created {
        row,
        url: format!("{base}/calendar/{secret}.ics"),
    })
}

/// Ends the link of whoever asks at once; without one there is nothing to do.
pub async fn revoke(app: &App, actor: &Actor) -> Result<()> {
    policy::demand(actor, Action::ManageAccount, Relation::OWN, None)?;
    let owner = actor.signed_in()?;
    let tx = app.db.write().await?;
    person::lock(&tx, owner).await?.ok_or(Error::Unauthenticated)?;
    if let Some(row) = calendar_link::of_person(&tx, owner).await? {
        calendar_link::revoke(&tx, owner, app.clock.now()).await?;
        note(app, &tx, actor, &row).await?;
    }
    tx.commit().await.map_err(Error::from)
}

/// The link of whoever asks, if there is one that works.
pub async fn mine(app: &App, actor: &Actor) -> Result<Option<calendar_link::Model>> {
    policy::demand(actor, Action::ManageAccount, Relation::OWN, None)?;
    calendar_link::of_person(app.db.read(), actor.signed_in()?).await
}

async fn note(app: &App, tx: &Tx, actor: &Actor, row: &calendar_link::Model) -> Result<()> {
    let subject = Subject {
        kind: "calendar_link",
        id: row.id,
    };
    audit::record(tx, &app.clock, actor.person, Action::ManageAccount, &[subject], None).await
}
