//! Identities that are linked to no account: who is refused, who is asked by mail, and who gets an account at once.

use chrono::TimeDelta;

use super::{Arrival, Completed, attach, enter, note, tell_linked};
use crate::app::App;
use crate::auth::token::{self, Kind};
use crate::domain::actor::Actor;
use crate::domain::id::PersonId;
use crate::domain::identity::{Stranger, stranger};
use crate::domain::notice::Notice;
use crate::domain::text::Email;
use crate::error::{Code, Error, Result};
use crate::service::session::opening::ClientLabel;
use crate::store::rate::Charge;
use crate::store::{Tx, identity, identity_claim, outbox, person, rate};

/// Deals with an identity that is linked to no account.
pub(super) async fn meet(
    app: &App,
    tx: &Tx,
    actor: &Actor,
    arrival: &Arrival<'_>,
    client: Option<&ClientLabel>,
) -> Result<Completed> {
    let address = arrival.claims.vouched_address();
    person::lock_register(tx).await?;
    // Read again: while this waited for the register, the same identity may have got its account.
    if let Some(row) = identity::find(tx, arrival.known()).await? {
        let signed_in = enter(app, tx, arrival, row.person_id, client).await?;
        return Ok(Completed::SignedIn(signed_in));
    }
    let holder = match &address {
        Some(address) => hold(tx, address).await?,
        None => None,
    };
    let becomes = stranger(address.is_some(), arrival.provider.trust_email, holder.is_some());
    let (Some(address), Stranger::AskedByMail | Stranger::Welcome) = (address, becomes) else {
        return Err(Code::AddressNotVerified.into());
    };
    let welcome = becomes == Stranger::Welcome;
    let owner = match holder {
        Some(owner) => owner,
        None => make(app, tx, actor, arrival, &address, welcome).await?,
    };
    if welcome {
        attach(app, tx, None, owner.id, arrival.known()).await?;
        tell_linked(app, tx, owner.id, arrival.provider, false).await?;
        let signed_in = enter(app, tx, arrival, owner.id, client).await?;
        return Ok(Completed::SignedIn(signed_in));
    }
    ask(app, tx, arrival, &owner).await?;
    Ok(Completed::AskedByMail)
}

/// The account of an address, held against others who change it: while this waited, it may have got another address, or
/// been disabled.
async fn hold(tx: &Tx, address: &Email) -> Result<Option<person::Model>> {
    let Some(found) = person::find_by_email(tx, address).await? else {
        return Ok(None);
    };
    let held = person::lock(tx, found.id).await?;
    Ok(held.filter(|row| row.email == address.as_ref()))
}

/// Makes an account without a password, of what the provider says.
async fn make(
    app: &App,
    tx: &Tx,
    actor: &Actor,
    arrival: &Arrival<'_>,
    address: &Email,
    confirmed: bool,
) -> Result<person::Model> {
    let now = app.clock.now();
    let claims = &arrival.claims;
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
        &format!("account made by the identity provider {}", arrival.provider.key),
    )
    .await?;
    Ok(row)
}

/// Sends the token with which the owner of the address says that the identity is theirs, in the client that holds the
/// handle of this sign-in: the token of somebody else's confirms nothing. The caller holds the account's row. An
/// account that is disabled gets none, nor one that gets too many messages.
async fn ask(app: &App, tx: &Tx, arrival: &Arrival<'_>, owner: &person::Model) -> Result<()> {
    if owner.disabled_at.is_some() || !may_get_mail(app, tx, &owner.email).await? {
        return Ok(());
    }
    let now = app.clock.now();
    let hours = i64::try_from(app.settings.auth.confirm_hours).map_err(Error::internal)?;
    let expires_at = now + TimeDelta::hours(hours);
    let token = token::draw(Kind::OneTime)?;
    let known = arrival.known();
    let row = identity_claim::Model {
        hash: token::digest_of_drawn(Kind::OneTime, &token)?,
        person_id: owner.id,
        sign_in: arrival.sign_in.clone(),
        provider: known.provider.to_owned(),
        issuer: known.issuer.to_owned(),
        subject: known.subject.as_ref().to_owned(),
        issued_at: now,
        expires_at,
        used_at: None,
    };
    identity_claim::replace(tx, row).await?;
    let notice = Notice::ConfirmIdentity {
        provider: arrival.provider.name.clone(),
        at: now,
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
    let charge = Charge::mail_to(address, rates, 1);
    let now = app.clock.now().timestamp_micros();
    Ok(rate::take(tx, charge, now).await?.is_ok())
}
