//! What whoever holds the token of an invitation does with it: look, decline, accept, with an account or by making one.
//!
//! A token that is unknown, used, replaced, withdrawn or out of date is refused in one way. One of an invitation to a
//! role that who invited could not give any more is refused in the same way, but by declining, which gives nothing.

use chrono::{DateTime, Utc};

use super::end;
use super::told::{inviter_name, place_name};
use crate::app::App;
use crate::auth::password::Password;
use crate::auth::token::{self, Kind};
use crate::domain::actor::{Actor, Grant, Scope};
use crate::domain::audit::Origin;
use crate::domain::form::answer::Application;
use crate::domain::id::PersonId;
use crate::domain::invitation::{InvitationState, Offer};
use crate::domain::language::Localized;
use crate::domain::policy::{self, Action, Relation};
use crate::domain::text::{Email, Reason};
use crate::error::{Code, Error, Fault, Faults, Result};
use crate::service::account::{self, Statement};
use crate::service::nomination::nominee as nominations;
use crate::service::session::ending;
use crate::service::session::later::as_of_now;
use crate::service::{enrolment as enrolments, role as roles};
use crate::store::invitation::{self, Model, Taken};
use crate::store::person::Profile;
use crate::store::registration::Entered;
use crate::store::{Connection, Tx, audit, course, edition, enrolment, identity_claim, person, role};

/// Where the inputs hold the token.
const AT: &str = "token";

fn invalid_token() -> Error {
    Error::at(AT, Code::InvalidToken)
}

/// What an invitation is to, for whoever holds its token.
#[derive(Debug, Clone)]
pub struct Offered {
    /// The invitation.
    pub row: Model,
    /// What somebody is invited to.
    pub offer: Offer,
    /// The name of who invites.
    pub inviter: String,
    /// What it is called; `None` for everywhere.
    pub place: Option<Localized>,
    /// The name of the institution that nominates, where one does.
    pub nominator: Option<String>,
}

/// What the token is for. It stays good.
///
/// # Errors
/// [`Code::InvalidToken`] at the argument for one that is good for nothing.
pub async fn look(app: &App, token: &str) -> Result<Offered> {
    let refused = || {
        Error::from(Fault {
            code: Code::InvalidToken,
            path: vec![AT.to_owned()],
            detail: None,
        })
    };
    let hash = token::digest(Kind::OneTime, token).ok_or_else(refused)?;
    let connection = app.db.read();
    let now = app.clock.now();
    let row = invitation::find_open(connection, &hash, now).await?;
    let row = row.ok_or_else(refused)?;
    let offer = row.offer()?;
    let scope = match offer {
        Offer::TakePart(id) => Scope::Edition(id),
        Offer::HoldRole(grant) => {
            let stands = gives(app, connection, &row, grant, now).await?;
            stands.ok_or_else(refused)?;
            grant.scope
        }
    };
    Ok(Offered {
        inviter: inviter_name(connection, row.invited_by).await?,
        place: place_name(connection, scope).await?,
        nominator: nominations::nominator_name(connection, &row).await?,
        offer,
        row,
    })
}

/// Declines an invitation, without an account; its token is used up.
///
/// # Errors
/// [`Code::InvalidToken`].
pub async fn decline(app: &App, actor: &Actor, token: &str, reason: Option<&Reason>) -> Result<()> {
    let hash = token::digest(Kind::OneTime, token).ok_or_else(invalid_token)?;
    let tx = app.db.write().await?;
    let now = app.clock.now();
    let row = invitation::lock_open(&tx, &hash, now)
        .await?
        .ok_or_else(invalid_token)?;
    let id = row.id;
    let reason = reason.map(AsRef::as_ref);
    let row = end(app, &tx, row, InvitationState::Declined, actor.person, None, reason).await?;
    nominations::tell_nominator(&app.clock, &tx, &row, reason).await?;
    audit::record(
        &tx,
        &app.clock,
        actor.person,
        Action::ManageAccount,
        &[id.into()],
        Some("invitation declined"),
    )
    .await?;
    tx.commit().await?;
    app.outbox.notify_one();
    Ok(())
}

/// What came of an invitation that was accepted.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The person applied, and stands so.
    Enrolled(enrolment::Model),
    /// The person holds the role.
    Appointed(role::Model),
}

/// Accepts an invitation to the address of the actor's account; its token is used up.
///
/// # Errors
/// [`Code::InvalidToken`]; [`Code::OtherAddress`] when it went to another address; those of applying, or
/// [`Code::AlreadyGranted`]: then the token stays good.
pub async fn accept(app: &App, actor: &Actor, token: &str, said: &Application) -> Result<Outcome> {
    policy::demand(actor, Action::ManageAccount, Relation::OWN, None)?;
    let me = actor.signed_in()?;
    let hash = token::digest(Kind::OneTime, token).ok_or_else(invalid_token)?;
    let (tx, row, place) = hold(app, actor, &hash).await?;
    let account = person::find(&tx, me).await?.ok_or(Error::Unauthenticated)?;
    if account.email != row.email {
        return Err(Error::at(AT, Code::OtherAddress));
    }
    let outcome = take_up(app, &tx, row, place, me, said).await?;
    tx.commit().await?;
    app.outbox.notify_one();
    Ok(outcome)
}

/// With what somebody who is invited makes an account.
#[derive(Debug)]
pub struct Joining {
    /// Names, language and zone.
    pub profile: Profile,
    /// The password; not yet held against the address.
    pub password: Password,
    /// What the person states about themself; needed to take part.
    pub statement: Option<Statement>,
    /// What they say as they apply.
    pub said: Application,
}

/// Reads the password of somebody with these names, keeping what is wrong with it.
pub fn read_password(faults: &mut Faults, text: &str, given_name: &str, family_name: &str) -> Option<Password> {
    faults.take("password", Password::parse(text, &[given_name, family_name]))
}

/// Makes an account with the address to which the invitation went, which its token confirms, and accepts. A
/// registration that was never confirmed is taken over: its names and password may be a stranger's.
///
/// # Errors
/// [`Code::InvalidToken`]; [`Code::AccountExists`] when the address has an account; [`Code::WeakPassword`] for one made
/// of the address; [`Code::DeclarationRequired`] without one, to take part; those of [`accept`]: then there is no
/// account, and the token stays good.
pub async fn register(app: &App, actor: &Actor, token: &str, joining: Joining) -> Result<PersonId> {
    let hash = token::digest(Kind::OneTime, token).ok_or_else(invalid_token)?;
    let found = invitation::find_open(app.db.read(), &hash, app.clock.now()).await?;
    check_joining(&joining, &found.ok_or_else(invalid_token)?)?;
    let profile = joining.profile;
    app.db.rest().await;
    let password_hash = app.passwords.hash(&joining.password).await?;
    let (tx, row, place) = hold(app, actor, &hash).await?;
    let email = Email::parse(&row.email).map_err(|_| Error::internal("an invitation to no address"))?;
    person::lock_register(&tx).await?;
    let id = match person::find_by_email(&tx, &email).await? {
        None => {
            let entered = Entered::new(&profile, password_hash);
            let new = account::new_person(&app.clock, &tx, email.as_ref(), &entered).await?;
            person::insert(&tx, new).await?.id
        }
        Some(old) => take_over(app, &tx, &old, &profile, password_hash).await?,
    };
    let now = app.clock.now();
    person::set_confirmed(&tx, id, now).await?;
    // The token has shown whose address it is: what waited to be told so by another way is over.
    identity_claim::retire(&tx, id, now).await?;
    account::note(app, &tx, id, "registered by an invitation").await?;
    if let Some(mut statement) = joining.statement {
        nominations::speak_for(&tx, &row, &mut statement).await?;
        let at = "input.declaration.institutionId";
        account::keep_statement(app, &tx, id, statement, at).await?;
    }
    take_up(app, &tx, row, place, id, &joining.said).await?;
    tx.commit().await?;
    app.outbox.notify_one();
    Ok(id)
}

/// Refuses what does not go with the invitation.
fn check_joining(joining: &Joining, row: &Model) -> Result<()> {
    let mut faults = Faults::default();
    if joining.password.holds(&row.email) {
        faults.push(Fault::at("password", Code::WeakPassword));
    }
    if matches!(row.offer()?, Offer::TakePart(_)) && joining.statement.is_none() {
        faults.push(Fault::at("declaration", Code::DeclarationRequired));
    }
    faults.check()
}

/// Gives a registration that nobody ever confirmed to whoever proved that the address is theirs. Of any other account
/// the owner resets the password; a disabled one is not told from others.
async fn take_over(
    app: &App,
    tx: &Tx,
    old: &person::Model,
    profile: &Profile,
    password_hash: String,
) -> Result<PersonId> {
    // Whoever is known already never waits for what is being written about them.
    if !account::is_pending(old) {
        return Err(Error::at(AT, Code::AccountExists));
    }
    let old = person::lock_alone(tx, old.id).await?.ok_or_else(invalid_token)?;
    if !account::is_pending(&old) || !person::is_bare(tx, old.id).await? {
        return Err(Error::at(AT, Code::AccountExists));
    }
    let now = app.clock.now();
    person::set_profile(tx, &old, old.version, profile).await?;
    person::set_password(tx, old.id, password_hash).await?;
    ending::of_everything(tx, old.id, None, now).await?;
    Ok(old.id)
}

/// The locked edition with its course, where the invitation is to one.
type Held = Option<(edition::Model, course::Model)>;

/// Begins the transaction that uses a token up: its edition is locked first, then the invitation.
async fn hold(app: &App, actor: &Actor, hash: &[u8]) -> Result<(Tx, Model, Held)> {
    let now = app.clock.now();
    let found = invitation::find_open(app.db.read(), hash, now).await?;
    let found = found.ok_or_else(invalid_token)?;
    let offer = found.offer()?;
    let tx = app.db.write().await?;
    let place = match offer {
        Offer::HoldRole(_) => None,
        Offer::TakePart(id) => {
            let place = edition::lock_with_course(&tx, actor, id).await?;
            Some(place.ok_or_else(invalid_token)?)
        }
    };
    // Read again: while this waited for the edition, the token may have been used.
    let row = invitation::lock_open(&tx, hash, now).await?;
    Ok((tx, row.ok_or_else(invalid_token)?, place))
}

/// Does what the person was invited to.
async fn take_up(app: &App, tx: &Tx, row: Model, place: Held, person: PersonId, said: &Application) -> Result<Outcome> {
    let id = row.id;
    let by = row.institution_id;
    let mut taken = Taken {
        by: person,
        enrolment: None,
    };
    let outcome = match (row.offer()?, place) {
        (Offer::TakePart(_), Some(place)) => {
            nominations::declare(app, tx, &row, person).await?;
            let entered = enrolments::enter(app, tx, person, place, said, by, AT).await?;
            taken.enrolment = by.map(|_| entered.id);
            Outcome::Enrolled(entered)
        }
        (Offer::TakePart(_), None) => return Err(Error::internal("an edition that nobody locked")),
        (Offer::HoldRole(grant), _) => {
            let stands = gives(app, tx, &row, grant, app.clock.now()).await?;
            let action = stands.filter(|_| row.invited_by != person).ok_or_else(invalid_token)?;
            let (given, room) = roles::appoint(app, tx, person, grant, None, row.invited_by, AT).await?;
            let reason = room.map_or_else(|| format!("by {id}"), |room| format!("by {id}, {room}"));
            note_grant(app, tx, row.invited_by, action, &given, &reason).await?;
            Outcome::Appointed(given)
        }
    };
    let row = end(app, tx, row, InvitationState::Accepted, Some(person), Some(taken), None).await?;
    nominations::tell_nominator(&app.clock, tx, &row, None).await?;
    audit::record(
        tx,
        &app.clock,
        Some(person),
        Action::ManageAccount,
        &[id.into()],
        Some("invitation accepted"),
    )
    .await?;
    Ok(outcome)
}

/// Keeps in the audit log that who invited has granted the role, by the invitation and not by a request of their own.
async fn note_grant(
    app: &App,
    tx: &Tx,
    inviter: PersonId,
    action: Action,
    given: &role::Model,
    reason: &str,
) -> Result<()> {
    let origin = Origin {
        request: audit::origin().request,
        ..Origin::SYSTEM
    };
    let subjects = [given.id.into(), given.person_id.into()];
    let entry = audit::record(tx, &app.clock, Some(inviter), action, &subjects, Some(reason));
    audit::from_origin(origin, entry).await
}

/// Whether who invited could still grant the role, and as what it is audited; `None` when not.
async fn gives(
    app: &App,
    connection: &impl Connection,
    row: &Model,
    grant: Grant,
    now: DateTime<Utc>,
) -> Result<Option<Action>> {
    let Some(inviter) = as_of_now(app, connection, row.invited_by, now).await? else {
        return Ok(None);
    };
    if inviter.highest() <= Some(grant.role) {
        return Ok(None);
    }
    match roles::authorise(connection, &inviter, grant, "input.token").await {
        Ok(action) => Ok(Some(action)),
        Err(Error::NotFound(_) | Error::Forbidden | Error::SecondFactorRequired) => Ok(None),
        Err(other) => Err(other),
    }
}
