//! One's own API tokens: making one, seeing them, ending one. What a token may do is held to its scopes by the policy
//! (`domain/policy/scopes.rs`); how a request is known by one is in `session/pass.rs`.

use chrono::{DateTime, Utc};

use super::session::proof;
use crate::app::App;
use crate::auth::api_token as secrets;
use crate::domain::actor::Actor;
use crate::domain::api_token::{MOST_TOKENS, check_end, is_warned_of};
use crate::domain::id::ApiTokenId;
use crate::domain::notice::Notice;
use crate::domain::policy::scopes::Scopes;
use crate::domain::policy::{self, Action, Relation};
use crate::domain::text::{Line, parse_instant};
use crate::error::{Code, Error, Fault, Faults, Result};
use crate::store::page::{Page, Place, Wanted};
use crate::store::{api_token, audit, outbox, second_factor};

/// What a person calls a token.
pub type TokenName = Line<80>;

/// A token to be made.
#[derive(Debug, Clone)]
pub struct Draft {
    name: TokenName,
    scopes: Scopes,
    expires_at: DateTime<Utc>,
}

impl Draft {
    /// Reads all of it, so that its sender learns everything that is wrong at once.
    ///
    /// # Errors
    /// What is wrong with the name, [`Code::Required`] without a scope, [`Code::DatesOutOfOrder`] and
    /// [`Code::OutOfRange`] about its end.
    pub fn parse(app: &App, name: &str, scopes: Scopes, expires_at: DateTime<Utc>) -> Result<Self> {
        let mut faults = Faults::default();
        let name = faults.take("name", TokenName::parse(name));
        if scopes.is_empty() {
            faults.push(Fault::at("scopes", Code::Required));
        }
        let end = faults
            .take("expiresAt", parse_instant(expires_at))
            .and_then(|end| faults.take("expiresAt", check_end(app.clock.now(), end)));
        match (name, end) {
            (Some(name), Some(expires_at)) if !scopes.is_empty() => Ok(Self {
                name,
                scopes,
                expires_at,
            }),
            _ => Err(faults.into()),
        }
    }
}

/// A token that was made, and its secret, which is told this once.
#[derive(Debug, Clone)]
pub struct Created {
    /// The token.
    pub row: api_token::Model,
    /// What a program sends, as `Authorization: Bearer …`.
    pub secret: String,
}

/// Makes a token, by the password and by a code where there is a second factor; roles that need the factor count for it
/// then. Its owner is told by mail.
///
/// # Errors
/// Those of `proof::check_owner` about the password, [`Code::InvalidCode`] and [`Code::Required`] about the code,
/// [`Code::LimitReached`] when the person has as many tokens as one may have.
pub async fn create(
    app: &App,
    actor: &Actor,
    draft: Draft,
    password: Option<&str>,
    code: Option<&str>,
) -> Result<Created> {
    policy::demand(actor, Action::ManageAccount, Relation::OWN, None)?;
    let id = actor.signed_in()?;
    let checked = proof::check_owner(app, actor, "password", password).await?;
    let tx = app.db.write().await?;
    // Holds the person: of two who make the last token at once one is refused.
    proof::unchanged(&tx, &checked, "password").await?;
    if let Err(wrong) = proof::check_code_if_due(app, &tx, id, "code", code).await? {
        tx.commit().await?;
        return Err(wrong);
    }
    let now = app.clock.now();
    if api_token::count_live(&tx, id, now).await? >= MOST_TOKENS {
        return Err(Fault::new(Code::LimitReached).with(MOST_TOKENS).into());
    }
    let factor = second_factor::find(&tx, id).await?;
    let proved = factor.is_some_and(|factor| factor.confirmed_at.is_some());
    let secret = secrets::draw()?;
    let row = api_token::Model {
        id: ApiTokenId(app.clock.new_id()),
        hash: secrets::digest(&secret).ok_or_else(|| Error::internal("a drawn secret has no digest"))?,
        person_id: id,
        name: draft.name.into(),
        scopes: draft.scopes.write(),
        created_at: now,
        expires_at: draft.expires_at,
        factor_at: proved.then_some(now),
        used_at: None,
        warned_at: (!is_warned_of(now, draft.expires_at)).then_some(now),
        revoked_at: None,
    };
    let row = api_token::insert(&tx, row).await?;
    let reason = format!("API token made: {}", row.scopes);
    audit::record(
        &tx,
        &app.clock,
        Some(id),
        Action::ManageAccount,
        &[row.id.into()],
        Some(&reason),
    )
    .await?;
    let notice = Notice::ApiTokenCreated {
        name: row.name.clone(),
        at: now,
        expires_at: row.expires_at,
    };
    outbox::enqueue(&tx, &app.clock, id, &notice).await?;
    tx.commit().await?;
    app.outbox.notify_one();
    Ok(Created { row, secret })
}

/// Ends one of the actor's tokens; it is refused from the next request on.
///
/// # Errors
/// [`Error::NotFound`] for one that is not theirs or has ended.
pub async fn revoke(app: &App, actor: &Actor, id: ApiTokenId) -> Result<()> {
    policy::demand(actor, Action::ManageAccount, Relation::OWN, None)?;
    let person = actor.signed_in()?;
    let tx = app.db.write().await?;
    let now = app.clock.now();
    api_token::lock(&tx, id)
        .await?
        .filter(|row| row.person_id == person && row.is_live(now))
        .ok_or(Error::NotFound("input.apiTokenId"))?;
    api_token::revoke(&tx, id, now).await?;
    let reason = Some("API token revoked");
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

/// A part of the actor's tokens that work, the newest first.
///
/// # Errors
/// [`Error::Unauthenticated`] when nobody is signed in.
pub async fn page(app: &App, actor: &Actor, wanted: &Wanted) -> Result<Page<api_token::Model>> {
    policy::demand(actor, Action::ManageAccount, Relation::OWN, None)?;
    api_token::page(app.db.read(), actor.signed_in()?, app.clock.now(), wanted).await
}

/// Where a row stands in a [`page`].
pub fn page_place(row: &api_token::Model) -> Place {
    api_token::page_place(row)
}
