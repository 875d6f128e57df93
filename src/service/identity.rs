//! Signing in with an identity provider: a known identity gets in, an unknown one only as far as its address allows.
//!
//! No provider is asked while a transaction is open, and what a client brings back is used up before it is looked at.

use chrono::{DateTime, TimeDelta, Utc};

use crate::app::App;
use crate::auth::provider::{Provider, Returned, attempt};
use crate::auth::token::{self, Kind};
use crate::domain::actor::Actor;
use crate::domain::id::{IdentityId, PersonId, SessionId};
use crate::domain::identity::{CODE_MOST, Claims, ISSUER_MOST, KEY_MOST, STATE_MOST, Stranger, can_be, stranger};
use crate::domain::notice::Notice;
use crate::domain::policy::{self, Action, Relation};
use crate::domain::rate::Rule;
use crate::domain::text::Email;
use crate::error::{Code, Error, Fault, Faults, Result};
use crate::service::session::opening::{self, ClientLabel, SignedIn};
use crate::store::identity::Known;
use crate::store::rate::{Charge, Key};
use crate::store::{Tx, audit, identity, identity_claim, outbox, person, provider_sign_in, rate};

pub mod linking;
pub mod roles;

/// How long a sign-in that was begun waits for whoever went to the provider.
const PATIENCE: TimeDelta = TimeDelta::minutes(10);

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
/// [`Code::Malformed`] for what is no key, [`Error::NotFound`] for a provider that there is not, [`Error::Provider`] for
/// one that does not answer.
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
/// message to that address, with the same answer whether or not the address has an account; only where the settings trust
/// the provider's word, an address without an account gets one at once.
///
/// # Errors
/// [`Code::InvalidToken`] for a handle that is unknown, used or out of date, a state of another one, and a code that the
/// provider does not take; [`Code::AddressNotVerified`] for an unknown identity without a verified address;
/// [`Code::InvalidCredentials`] for an account that cannot sign in; [`Error::Provider`].
pub async fn complete(
    app: &App,
    actor: &Actor,
    returned: &Returned<'_>,
    client: Option<&ClientLabel>,
) -> Result<Completed> {
    let (provider, claims) = redeem(app, returned, None).await?;
    let tx = app.db.write().await?;
    let done = match identity::find(&tx, known(provider, &claims)).await? {
        Some(row) => Completed::SignedIn(enter(app, &tx, provider, &claims, row.person_id, client).await?),
        None => meet(app, &tx, actor, provider, &claims, client).await?,
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
        hash: digest(Kind::ProviderSignIn, &begun.handle)?,
        provider: key.to_owned(),
        person_id: whose.map(|(person, _)| person),
        session_id: whose.map(|(_, session)| session),
        issued_at: now,
        expires_at: now + PATIENCE,
        used_at: None,
    };
    provider_sign_in::insert(tx, row).await
}

fn digest(kind: Kind, token: &str) -> Result<Vec<u8>> {
    token::digest(kind, token).ok_or_else(|| Error::internal("a drawn token has no digest"))
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
) -> Result<(&'a Provider, Claims)> {
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
    Ok((provider, claims))
}

fn known<'a>(provider: &'a Provider, claims: &'a Claims) -> Known<'a> {
    Known {
        provider: &provider.key,
        issuer: provider.issuer(),
        subject: &claims.subject,
    }
}

/// Lets the owner of an identity in. What the provider says of roles counts from now on.
async fn enter(
    app: &App,
    tx: &Tx,
    provider: &Provider,
    claims: &Claims,
    owner: PersonId,
    client: Option<&ClientLabel>,
) -> Result<SignedIn> {
    let refused = || Error::from(Code::InvalidCredentials);
    let owner = person::lock(tx, owner)
        .await?
        .filter(opening::may_sign_in)
        .ok_or_else(refused)?;
    // Read again: while this waited for the person, the link may have ended.
    let row = identity::find(tx, known(provider, claims))
        .await?
        .filter(|row| row.person_id == owner.id)
        .ok_or_else(refused)?;
    let now = app.clock.now();
    identity::set_used(tx, row.id, now).await?;
    roles::follow(app, tx, provider, owner.id, claims).await?;
    if provider.counts_as_second_factor {
        let tokens = opening::open(app, tx, owner.id, client, Some(now)).await?;
        return Ok(SignedIn::Session(tokens));
    }
    opening::admit(app, tx, owner.id, client).await
}

/// Deals with an identity that is linked to no account.
async fn meet(
    app: &App,
    tx: &Tx,
    actor: &Actor,
    provider: &Provider,
    claims: &Claims,
    client: Option<&ClientLabel>,
) -> Result<Completed> {
    let address = claims.vouched_address();
    person::lock_register(tx).await?;
    // Read again: while this waited for the register, the same identity may have got its account.
    if let Some(row) = identity::find(tx, known(provider, claims)).await? {
        let signed_in = enter(app, tx, provider, claims, row.person_id, client).await?;
        return Ok(Completed::SignedIn(signed_in));
    }
    let holder = match &address {
        Some(address) => person::find_by_email(tx, address).await?,
        None => None,
    };
    let becomes = stranger(address.is_some(), provider.trust_email, holder.is_some());
    let (Some(address), Stranger::AskedByMail | Stranger::Welcome) = (address, becomes) else {
        return Err(Code::AddressNotVerified.into());
    };
    let welcome = becomes == Stranger::Welcome;
    let owner = match holder {
        Some(owner) => owner,
        None => make(app, tx, actor, provider, claims, &address, welcome).await?,
    };
    if welcome {
        attach(
            app,
            tx,
            owner.id,
            provider,
            known(provider, claims),
            Code::InvalidToken.into(),
        )
        .await?;
        let signed_in = enter(app, tx, provider, claims, owner.id, client).await?;
        return Ok(Completed::SignedIn(signed_in));
    }
    ask(app, tx, provider, claims, &owner).await?;
    Ok(Completed::AskedByMail)
}

/// Makes an account without a password, of what the provider says.
async fn make(
    app: &App,
    tx: &Tx,
    actor: &Actor,
    provider: &Provider,
    claims: &Claims,
    address: &Email,
    confirmed: bool,
) -> Result<person::Model> {
    let now = app.clock.now();
    let (given_name, family_name) = claims
        .names(address)
        .map_err(|flaw| Error::internal(format!("no name: {flaw:?}")))?;
    let row = person::Model {
        id: PersonId(app.clock.new_id()),
        number: person::next_number(tx).await?,
        email: address.as_ref().to_owned(),
        given_name: given_name.into(),
        family_name: family_name.into(),
        language: claims.language().unwrap_or(actor.language),
        time_zone: claims.time_zone().name().to_owned(),
        password_hash: None,
        email_confirmed_at: confirmed.then_some(now),
        disabled_at: None,
        created_at: now,
        version: 1,
    };
    let row = person::insert(tx, row).await?;
    note(
        app,
        tx,
        None,
        row.id,
        &format!("account made by the identity provider {}", provider.key),
    )
    .await?;
    Ok(row)
}

/// Sends the token with which the owner of the address says that the identity is theirs. An account that is disabled
/// gets none, nor one that gets too many messages.
async fn ask(app: &App, tx: &Tx, provider: &Provider, claims: &Claims, owner: &person::Model) -> Result<()> {
    if owner.disabled_at.is_some() || !may_get_mail(app, tx, &owner.email).await? {
        return Ok(());
    }
    let now = app.clock.now();
    let hours = i64::try_from(app.settings.auth.confirm_hours).map_err(Error::internal)?;
    let expires_at = now + TimeDelta::hours(hours);
    let token = token::draw(Kind::OneTime)?;
    let row = identity_claim::Model {
        hash: digest(Kind::OneTime, &token)?,
        person_id: owner.id,
        provider: provider.key.clone(),
        issuer: provider.issuer().to_owned(),
        subject: claims.subject.as_ref().to_owned(),
        issued_at: now,
        expires_at,
        used_at: None,
    };
    identity_claim::replace(tx, row).await?;
    let notice = Notice::ConfirmIdentity {
        provider: provider.name.clone(),
        token,
        expires_at,
    };
    outbox::enqueue(tx, &app.clock, owner.id, &notice).await?;
    Ok(())
}

/// Takes a message from the bucket of an address, which those that are asked for by its name share.
async fn may_get_mail(app: &App, tx: &Tx, address: &str) -> Result<bool> {
    let rates = &app.settings.rates;
    if !rates.enabled {
        return Ok(true);
    }
    let charge = Charge {
        key: Key::new(&[b"mail to", address.as_bytes()]),
        rule: Rule::new(&rates.mail_recipient),
        units: 1,
    };
    let now = app.clock.now().timestamp_micros();
    Ok(rate::take(tx, charge, now).await?.is_ok())
}

/// Links an identity to an account; its owner is told.
async fn attach(
    app: &App,
    tx: &Tx,
    person: PersonId,
    provider: &Provider,
    known: Known<'_>,
    taken: Error,
) -> Result<identity::Model> {
    let now: DateTime<Utc> = app.clock.now();
    let row = identity::Model {
        id: IdentityId(app.clock.new_id()),
        person_id: person,
        provider: known.provider.to_owned(),
        issuer: known.issuer.to_owned(),
        subject: known.subject.as_ref().to_owned(),
        linked_at: now,
        used_at: None,
    };
    let row = identity::insert(tx, row, taken).await?;
    note(
        app,
        tx,
        Some(person),
        person,
        &format!("identity of {} linked", provider.key),
    )
    .await?;
    let notice = Notice::IdentityLinked {
        provider: provider.name.clone(),
        at: now,
    };
    outbox::enqueue(tx, &app.clock, person, &notice).await?;
    Ok(row)
}

async fn note(app: &App, tx: &Tx, actor: Option<PersonId>, person: PersonId, what: &str) -> Result<()> {
    let subjects = [person.into()];
    audit::record(tx, &app.clock, actor, Action::ManageAccount, &subjects, Some(what)).await
}
