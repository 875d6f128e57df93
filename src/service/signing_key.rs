//! The keys that sign access tokens: made, replaced and retired from the machine itself, never over the network.

use chrono::{DateTime, Utc};

use crate::app::App;
use crate::auth::key::{PrivateKey, PublicKey};
use crate::config::Profile;
use crate::domain::actor::Actor;
use crate::domain::id::SigningKeyId;
use crate::domain::policy::{self, Action, Relation};
use crate::domain::signing_key::{KeyState, last_use};
use crate::error::{Error, Result};
use crate::store::signing_key::{self, Model};
use crate::store::{Tx, audit};

/// What becomes of the keys before, when another one signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handover {
    /// What they signed is good until it has died by itself.
    Gentle,
    /// Nothing of it is good from the next request on, and keys published ahead are not trusted either.
    AtOnce,
}

/// A key as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name in tokens.
    pub kid: String,
    /// What it is for.
    pub state: KeyState,
    /// When it was made; `None` for one of a mounted file, as the others.
    pub created_at: Option<DateTime<Utc>>,
    /// When it began to sign.
    pub signs_from: Option<DateTime<Utc>>,
    /// Until when it verifies, if it signs no more.
    pub verifies_until: Option<DateTime<Utc>>,
    /// When it was retired.
    pub retired_at: Option<DateTime<Utc>>,
}

/// Every key, the oldest first; those of the mounted file where there is one.
///
/// # Errors
/// [`Error::Forbidden`] for all but administrators.
pub async fn list(app: &App, actor: &Actor) -> Result<Vec<Listed>> {
    policy::demand(actor, Action::ManageKeys, Relation::NONE, None)?;
    if app.keyring.is_mounted() {
        app.keyring.renew(app.db.read(), app.clock.now()).await?;
        let keys = app.tokens.keys();
        let mounted = keys.published().map(|published| Listed {
            kid: published.key.kid(),
            state: published.state,
            created_at: None,
            signs_from: None,
            verifies_until: None,
            retired_at: None,
        });
        return Ok(mounted.collect());
    }
    let rows = signing_key::all(app.db.read()).await?;
    rows.iter().map(listed).collect()
}

/// Makes a key: the first one signs, any other is published ahead and signs from the next rotation on.
///
/// # Errors
/// [`Error::Forbidden`] for all but administrators.
pub async fn create(app: &App, actor: &Actor) -> Result<Listed> {
    let tx = begin(app, actor).await?;
    let rows = signing_key::good(&tx, app.clock.now()).await?;
    let row = if rows.iter().any(|row| row.state == KeyState::Signing) {
        draw(app, &tx, actor, KeyState::Next, "made, and published ahead").await?
    } else {
        draw(app, &tx, actor, KeyState::Signing, "made, and signs").await?
    };
    end(app, tx).await?;
    listed(&row)
}

/// Has the oldest key that was published ahead sign, or a new one.
///
/// # Errors
/// [`Error::Forbidden`] for all but administrators.
pub async fn rotate(app: &App, actor: &Actor, handover: Handover) -> Result<Listed> {
    listed(&hand_over(app, actor, handover).await?)
}

async fn hand_over(app: &App, actor: &Actor, handover: Handover) -> Result<Model> {
    let tx = begin(app, actor).await?;
    let now = app.clock.now();
    let mut next = None;
    for row in signing_key::good(&tx, now).await? {
        match (handover, row.state) {
            (Handover::AtOnce, _) => retire_row(app, &tx, actor, &row, "retired at once").await?,
            (Handover::Gentle, KeyState::Signing) => {
                let until = last_use(now, app.tokens.lifetime());
                signing_key::set_verifying(&tx, row.id, until).await?;
                note(
                    app,
                    &tx,
                    actor,
                    row.id,
                    "signs no more, and verifies until its last token has died",
                )
                .await?;
            }
            (Handover::Gentle, KeyState::Next) => next = next.or(Some(row)),
            (Handover::Gentle, KeyState::Verifying | KeyState::Retired) => {}
        }
    }
    let row = succeed(app, &tx, actor, next).await?;
    end(app, tx).await?;
    Ok(row)
}

/// Retires a key: nothing that it signed is good from the next request on. If it is the one that signs, another
/// takes its place, which is returned.
///
/// # Errors
/// [`Error::Forbidden`] for all but administrators, [`Error::NotFound`] for a name of no key that is in use.
pub async fn retire(app: &App, actor: &Actor, kid: &str) -> Result<Option<Listed>> {
    let tx = begin(app, actor).await?;
    let mut rows = signing_key::good(&tx, app.clock.now()).await?;
    let named = |row: &Model| PublicKey::from_bytes(&row.public_key).is_some_and(|key| key.kid() == kid);
    let place = rows
        .iter()
        .position(named)
        .ok_or(Error::NotFound("a key of that name that is in use"))?;
    let row = rows.remove(place);
    retire_row(app, &tx, actor, &row, "retired").await?;
    let successor = if row.state == KeyState::Signing {
        let next = rows.into_iter().find(|row| row.state == KeyState::Next);
        Some(succeed(app, &tx, actor, next).await?)
    } else {
        None
    };
    end(app, tx).await?;
    successor.as_ref().map(listed).transpose()
}

/// Sees to it that a key signs before anything is served: outside production the first one is made here, and one
/// that does not open with the present secret is replaced.
///
/// # Errors
/// [`Error::Internal`] in production, and for a mounted file that holds no key: what has to be done.
pub async fn prepare(app: &App) -> Result<()> {
    let now = app.clock.now();
    app.keyring.renew(app.db.read(), now).await?;
    if app.tokens.keys().sign() {
        return Ok(());
    }
    let sealed = app
        .tokens
        .keys()
        .published()
        .any(|known| known.state == KeyState::Signing);
    if app.settings.profile == Profile::Production {
        return Err(Error::internal(if sealed {
            "the key that signs access tokens was sealed under another auth.secret: give that one again, or replace the key with `rumbo admin keys rotate --now`"
        } else {
            "no key signs access tokens: make the first one with `rumbo admin keys create`, or name a file of keys in auth.keys_file"
        }));
    }
    let actor = Actor::operator();
    if sealed {
        return hand_over(app, &actor, Handover::AtOnce).await.map(drop);
    }
    let tx = begin(app, &actor).await?;
    // Of several copies that start at once one makes the key.
    if signing_key::good(&tx, now).await?.is_empty() {
        draw(app, &tx, &actor, KeyState::Signing, "made, and signs").await?;
    }
    end(app, tx).await
}

/// Begins a change that nobody else makes at the same time.
async fn begin(app: &App, actor: &Actor) -> Result<Tx> {
    policy::demand(actor, Action::ManageKeys, Relation::NONE, None)?;
    if app.keyring.is_mounted() {
        return Err(Error::internal(
            "the keys are those of auth.keys_file: replace the file",
        ));
    }
    let tx = app.db.write().await?;
    signing_key::alone(&tx).await?;
    Ok(tx)
}

/// Commits a change, which counts here at once.
async fn end(app: &App, tx: Tx) -> Result<()> {
    tx.commit().await?;
    app.keyring.forget();
    Ok(())
}

/// Has a key sign that was published ahead, or a new one.
async fn succeed(app: &App, tx: &Tx, actor: &Actor, next: Option<Model>) -> Result<Model> {
    let Some(row) = next else {
        return draw(app, tx, actor, KeyState::Signing, "made, and signs").await;
    };
    let now = app.clock.now();
    signing_key::set_signing(tx, row.id, now).await?;
    note(app, tx, actor, row.id, "signs").await?;
    Ok(Model {
        state: KeyState::Signing,
        signs_from: Some(now),
        ..row
    })
}

async fn draw(app: &App, tx: &Tx, actor: &Actor, state: KeyState, what: &str) -> Result<Model> {
    let key = PrivateKey::draw()?;
    let now = app.clock.now();
    let row = Model {
        id: SigningKeyId(app.clock.new_id()),
        state,
        public_key: key.public().bytes().to_vec(),
        private_key: Some(key.seal(&app.vault)?),
        created_at: now,
        signs_from: (state == KeyState::Signing).then_some(now),
        verifies_until: None,
        retired_at: None,
    };
    signing_key::insert(tx, row.clone()).await?;
    note(app, tx, actor, row.id, what).await?;
    Ok(row)
}

async fn retire_row(app: &App, tx: &Tx, actor: &Actor, row: &Model, what: &str) -> Result<()> {
    signing_key::set_retired(tx, row.id, app.clock.now()).await?;
    note(app, tx, actor, row.id, what).await
}

/// Writes down what was done to a key.
async fn note(app: &App, tx: &Tx, actor: &Actor, id: SigningKeyId, what: &str) -> Result<()> {
    audit::record(
        tx,
        &app.clock,
        actor.person,
        Action::ManageKeys,
        &[id.into()],
        Some(what),
    )
    .await
}

fn listed(row: &Model) -> Result<Listed> {
    let key = PublicKey::from_bytes(&row.public_key).ok_or_else(|| Error::internal("a stored key is none"))?;
    Ok(Listed {
        kid: key.kid(),
        state: row.state,
        created_at: Some(row.created_at),
        signs_from: row.signs_from,
        verifies_until: row.verifies_until,
        retired_at: row.retired_at,
    })
}
