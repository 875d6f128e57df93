//! Signing in with an identity provider: a known identity gets in, an unknown one only as far as its address allows.
//!
//! No provider is asked while a transaction is open, and what a client brings back is used up before it is looked at.

use std::time::Duration;

use chrono::TimeDelta;

use crate::app::App;
use crate::app::retry::Retries;
use crate::auth::provider::{Provider, Returned, attempt};
use crate::auth::token::{self, Kind};
use crate::domain::actor::Actor;
use crate::domain::id::{IdentityId, PersonId, SessionId};
use crate::domain::identity::{CODE_MOST, Claims, ISSUER_MOST, KEY_MOST, STATE_MOST, can_be};
use crate::domain::notice::Notice;
use crate::domain::policy::{self, Action, Relation};
use crate::error::{Code, Error, Fault, Faults, Result};
use crate::service::session::opening::{self, ClientLabel, SignedIn};
use crate::store::identity::Known;
use crate::store::{Tx, audit, identity, outbox, person, provider_sign_in};

pub mod linking;
pub mod roles;
mod stranger;

/// How long a sign-in that was begun waits for whoever went to the provider.
const PATIENCE: TimeDelta = TimeDelta::minutes(10);
/// How long what follows the conversation waits, where transactions met, before it is tried again for the first time, at
/// most: the code cannot be brought again, so nobody else tries it.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// A sign-in that was begun.
#[derive(Debug, Clone)]
pub struct Begun {
    /// Where to go.
    pub url: String,
    /// What the client keeps; works once.
    pub handle: String,
    /// How many seconds it lives.
    pub expires_in: i64,
}

/// What comes of a sign-in.
#[derive(Debug, Clone)]
pub enum Completed {
    /// A session, or the second factor first.
    SignedIn(SignedIn),
    /// A message went to the address.
    AskedByMail,
}

/// The providers with which people sign in.
pub fn providers<'a>(app: &'a App, actor: &Actor) -> Result<&'a [Provider]> {
    policy::demand(actor, Action::BrowseCatalogue, Relation::NONE, None)?;
    Ok(app.providers.all())
}

/// Begins a sign-in: where the client sends its user, and the handle that completes it.
///
/// # Errors
/// [`Code::Malformed`] for what is no key, [`Error::NotFound`] for a provider that there is not, [`Error::Provider`]
/// for one that does not answer.
pub async fn begin(app: &App, actor: &Actor, key: &str) -> Result<Begun> {
    let begun = draw(app, actor, find(app, key)?).await?;
    let tx = app.db.write().await?;
    keep(app, &tx, key, &begun, None).await?;
    tx.commit().await?;
    Ok(begun)
}

/// Completes a sign-in with what the client brought back. The handle is used up, whatever comes of it, unless something
/// is not even written as it would be.
///
/// A known identity signs in like a password does. An unknown one whose address the provider vouches for is asked by a
/// message to that address, with the same answer whether or not the address has an account; only where the settings
/// trust the provider's word, an address without an account gets one at once.
///
/// # Errors
/// [`Code::InvalidToken`] for a handle that is unknown, used or out of date, a state of another one, and a code that
/// the provider does not take; [`Code::AddressNotVerified`] for an unknown identity without a verified address;
/// [`Code::InvalidCredentials`] for an account that cannot sign in; [`Error::Provider`].
pub async fn complete(
    app: &App,
    actor: &Actor,
    returned: &Returned<'_>,
    client: Option<&ClientLabel>,
) -> Result<Completed> {
    let arrival = redeem(app, returned, None).await?;
    let mut retries = Retries::new(FIRST_PAUSE);
    loop {
        match receive(app, actor, &arrival, client).await {
            Ok(done) => return Ok(done),
            Err(failure) => retries.wait_after(failure).await?,
        }
    }
}

/// Somebody who came back from a provider.
struct Arrival<'a> {
    provider: &'a Provider,
    claims: Claims,
    /// The digest of the handle that they brought.
    sign_in: Vec<u8>,
}

impl Arrival<'_> {
    fn known(&self) -> Known<'_> {
        Known {
            provider: &self.provider.key,
            issuer: self.provider.issuer(),
            subject: &self.claims.subject,
        }
    }
}

async fn receive(app: &App, actor: &Actor, arrival: &Arrival<'_>, client: Option<&ClientLabel>) -> Result<Completed> {
    let tx = app.db.write().await?;
    let done = match identity::find(&tx, arrival.known()).await? {
        Some(row) => Completed::SignedIn(enter(app, &tx, arrival, row.person_id, client).await?),
        None => stranger::meet(app, &tx, actor, arrival, client).await?,
    };
    tx.commit().await?;
    app.outbox.notify_one();
    Ok(done)
}

/// Refuses what can be no key of a provider.
fn check_key(key: &str) -> Result<()> {
    if can_be(key, KEY_MOST) {
        Ok(())
    } else {
        Err(Error::at("provider", Code::Malformed))
    }
}

fn find<'a>(app: &'a App, key: &str) -> Result<&'a Provider> {
    check_key(key)?;
    app.providers.find(key).ok_or(Error::NotFound("input.provider"))
}

/// A new handle, and where it leads.
async fn draw(app: &App, actor: &Actor, provider: &Provider) -> Result<Begun> {
    let handle = token::draw(Kind::ProviderSignIn)?;
    app.db.rest().await;
    let url = app
        .providers
        .address(provider, &handle, actor.language, &app.clock)
        .await?;
    Ok(Begun {
        url,
        handle,
        expires_in: PATIENCE.num_seconds(),
    })
}

/// Remembers that a sign-in was begun; `whose` it is, and in which session, when it is to link an identity.
async fn keep(app: &App, tx: &Tx, key: &str, begun: &Begun, whose: Option<(PersonId, SessionId)>) -> Result<()> {
    let now = app.clock.now();
    let row = provider_sign_in::Model {
        hash: token::digest_of_drawn(Kind::ProviderSignIn, &begun.handle)?,
        provider: key.to_owned(),
        person_id: whose.map(|(person, _)| person),
        session_id: whose.map(|(_, session)| session),
        issued_at: now,
        expires_at: now + PATIENCE,
        used_at: None,
    };
    provider_sign_in::insert(tx, row).await
}

/// The digest of the handle, where what came back can be what Rumbo and a provider gave.
fn read(returned: &Returned<'_>) -> Result<Vec<u8>> {
    let hash = token::digest(Kind::ProviderSignIn, returned.handle);
    let issuer_fits = returned.issuer.is_none_or(|text| can_be(text, ISSUER_MOST));
    let mut faults = Faults::default();
    for (at, fits) in [
        ("handle", hash.is_some()),
        ("state", can_be(returned.state, STATE_MOST)),
        ("code", can_be(returned.code, CODE_MOST)),
        ("issuer", issuer_fits),
    ] {
        if !fits {
            faults.push(Fault::at(at, Code::InvalidToken));
        }
    }
    faults.check()?;
    hash.ok_or_else(|| Error::at("handle", Code::InvalidToken))
}

/// Uses the handle up, and asks the provider what it says of whoever brought the code.
async fn redeem<'a>(
    app: &'a App,
    returned: &Returned<'_>,
    whose: Option<(PersonId, SessionId)>,
) -> Result<Arrival<'a>> {
    let refused = |at| Error::at(at, Code::InvalidToken);
    let hash = read(returned)?;
    let now = app.clock.now();
    let tx = app.db.write().await?;
    let begun = provider_sign_in::redeem(&tx, &hash, now).await?;
    tx.commit().await?;
    let begun = begun.filter(|begun| begun.person_id.zip(begun.session_id) == whose);
    let provider = begun.and_then(|begun| app.providers.find(&begun.provider));
    let provider = provider.ok_or_else(|| refused("handle"))?;
    if !attempt::fits(returned.handle, returned.state) {
        return Err(refused("state"));
    }
    app.db.rest().await;
    let claims = app.providers.redeem(provider, returned, &app.clock).await?;
    Ok(Arrival {
        provider,
        claims,
        sign_in: hash,
    })
}

/// Lets the owner of an identity in. What the provider says of roles counts from now on.
async fn enter(
    app: &App,
    tx: &Tx,
    arrival: &Arrival<'_>,
    owner: PersonId,
    client: Option<&ClientLabel>,
) -> Result<SignedIn> {
    let refused = || Error::from(Code::InvalidCredentials);
    let owner = person::lock(tx, owner)
        .await?
        .filter(opening::may_sign_in)
        .ok_or_else(refused)?;
    // Read again: while this waited for the person, the link may have ended.
    let row = identity::find(tx, arrival.known())
        .await?
        .filter(|row| row.person_id == owner.id)
        .ok_or_else(refused)?;
    let now = app.clock.now();
    identity::set_used(tx, row.id, now).await?;
    roles::follow(app, tx, arrival.provider, owner.id, &arrival.claims).await?;
    if arrival.provider.counts_as_second_factor {
        let tokens = opening::open(app, tx, owner.id, client, Some(now)).await?;
        return Ok(SignedIn::Session(tokens));
    }
    opening::admit(app, tx, owner.id, client).await
}

/// Links an identity to an account. The actor is whoever is signed in, if somebody is.
async fn attach(
    app: &App,
    tx: &Tx,
    actor: Option<PersonId>,
    person: PersonId,
    known: Known<'_>,
) -> Result<identity::Model> {
    let row = identity::Model {
        id: IdentityId(app.clock.new_id()),
        person_id: person,
        provider: known.provider.to_owned(),
        issuer: known.issuer.to_owned(),
        subject: known.subject.as_ref().to_owned(),
        linked_at: app.clock.now(),
        used_at: None,
    };
    let row = identity::insert(tx, row).await?;
    note(
        app,
        tx,
        actor,
        person,
        &format!("identity of {} linked", known.provider),
    )
    .await?;
    Ok(row)
}

/// Tells the owner of an account that an identity was linked, and whether the password went for it.
async fn tell_linked(
    app: &App,
    tx: &Tx,
    person: PersonId,
    provider: &Provider,
    password_forgotten: bool,
) -> Result<()> {
    let notice = Notice::IdentityLinked {
        provider: provider.name.clone(),
        at: app.clock.now(),
        password_forgotten,
    };
    outbox::enqueue(tx, &app.clock, person, &notice).await?;
    Ok(())
}

async fn note(app: &App, tx: &Tx, actor: Option<PersonId>, person: PersonId, what: &str) -> Result<()> {
    let subjects = [person.into()];
    audit::record(tx, &app.clock, actor, Action::ManageAccount, &subjects, Some(what)).await
}
