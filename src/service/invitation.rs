//! Inviting people, to take part in an edition or to hold a role: by whoever could admit or appoint them. What the
//! invited do with the token of their message is in `holder.rs`.
//!
//! Whether an address has an account shows to nobody who invites it.

use chrono::{DateTime, TimeDelta, Utc};

use self::told::{guest_of, notice};
use super::edition::relation as edition_relation;
use super::nomination::passing::tell_expired;
use super::role as roles;
use crate::app::App;
use crate::auth::token::{self, Kind};
use crate::domain::actor::{Actor, Grant, Scope};
use crate::domain::id::{EditionId, InstitutionId, InvitationId, PersonId};
use crate::domain::invitation::{InvitationState, Offer, leads_in};
use crate::domain::language::Language;
use crate::domain::notice::Guest;
use crate::domain::policy::{Action, demand};
use crate::domain::rate::seconds;
use crate::domain::text::{Email, Name, Reason};
use crate::domain::version::expect_version;
use crate::error::{Code, Error, Faults, Result};
use crate::store::history::{self, Step};
use crate::store::invitation::{self, Filter, Model, Taken};
use crate::store::page::{Page, Place, Wanted};
use crate::store::rate::{self, Charge};
use crate::store::{Tx, audit, edition, outbox, person};

pub mod holder;
pub(super) mod told;

/// Somebody who is invited.
#[derive(Debug, Clone)]
pub struct Invitee {
    email: Email,
    given_name: Name,
    family_name: Name,
    language: Language,
}

impl Invitee {
    /// Reads all of it, so that its sender learns everything that is wrong at once: what is wrong with address and
    /// names is added to the faults.
    pub fn parse(
        faults: &mut Faults,
        email: &str,
        given_name: &str,
        family_name: &str,
        language: Language,
    ) -> Option<Self> {
        let email = faults.take("email", Email::parse(email));
        let given_name = faults.take("givenName", Name::parse(given_name));
        let family_name = faults.take("familyName", Name::parse(family_name));
        Some(Self {
            email: email?,
            given_name: given_name?,
            family_name: family_name?,
            language,
        })
    }

    /// Whom the message goes to.
    pub(super) fn guest(&self) -> Guest {
        Guest {
            address: self.email.to_string(),
            given_name: self.given_name.to_string(),
            family_name: self.family_name.to_string(),
            language: self.language,
        }
    }
}

/// Invites somebody to take part in an edition. Accepting is applying: what comes of it is for the edition's rule.
///
/// # Errors
/// [`Error::NotFound`] for an edition out of the actor's sight, [`Error::Forbidden`] for one that they do not
/// coordinate, [`Code::EnrolmentClosed`] when nobody could apply to it while the invitation is open,
/// [`Code::AlreadyInvited`].
pub async fn to_edition(app: &App, actor: &Actor, invited: &Invitee, id: EditionId) -> Result<Model> {
    let by = actor.signed_in()?;
    let offer = Offer::TakePart(id);
    let tx = app.db.write().await?;
    hold(&tx, offer).await?;
    authorise(&tx, actor, offer, "input.editionId").await?;
    check_window(app, &tx, offer, "editionId").await?;
    let row = send(app, &tx, by, &invited.guest(), offer).await?;
    tx.commit().await?;
    app.outbox.notify_one();
    Ok(row)
}

/// Invites somebody to hold a role below the actor's own, which the actor could grant there. Whether they can is asked
/// again when the invitation is accepted.
///
/// # Errors
/// [`Error::NotFound`] for a scope that the actor does not see, [`Error::Forbidden`] for a role that they may not
/// grant there, [`Code::RoleNotGrantable`] to oneself and for a role that is not below the actor's own,
/// [`Code::InvalidId`] or [`Code::Required`] for a scope in which the role does not exist, [`Code::AlreadyInvited`].
pub async fn to_role(app: &App, actor: &Actor, invited: &Invitee, grant: Grant) -> Result<Model> {
    let by = actor.signed_in()?;
    roles::check_scope(grant)?;
    let offer = Offer::HoldRole(grant);
    let tx = app.db.write().await?;
    hold(&tx, offer).await?;
    authorise(&tx, actor, offer, "input.scopeId").await?;
    check_rank(&tx, actor, offer, invited.email.as_ref(), "role").await?;
    let row = send(app, &tx, by, &invited.guest(), offer).await?;
    tx.commit().await?;
    app.outbox.notify_one();
    Ok(row)
}

/// Takes an open invitation back; its token is dead from now on.
///
/// # Errors
/// [`Error::NotFound`] for one that the actor could not have sent, [`Code::StaleVersion`],
/// [`Code::IllegalTransition`] unless it is open.
pub async fn withdraw(
    app: &App,
    actor: &Actor,
    id: InvitationId,
    version: i64,
    reason: Option<&Reason>,
) -> Result<Model> {
    let by = actor.signed_in()?;
    let tx = app.db.write().await?;
    let (row, _) = opened(&tx, actor, id, version).await?;
    let mut faults = Faults::default();
    let step = row.standing().step(InvitationState::Withdrawn, app.clock.now());
    let Some(to) = faults.take("invitationId", step) else {
        return Err(faults.into());
    };
    let reason = reason.map(AsRef::as_ref);
    let row = end(app, &tx, row, to, Some(by), None, reason).await?;
    audit::record(&tx, &app.clock, Some(by), Action::Invite, &[id.into()], reason).await?;
    tx.commit().await?;
    Ok(row)
}

/// Sends an open invitation again, with another token, as a new one of whoever sends it; the old one is replaced.
///
/// # Errors
/// As [`withdraw`]; [`Code::TooSoon`] within a quarter of an hour, [`Error::Busy`] when its address gets too many
/// messages; those of [`to_edition`] and [`to_role`].
pub async fn send_again(app: &App, actor: &Actor, id: InvitationId, version: i64) -> Result<Model> {
    const AT: &str = "invitationId";
    let by = actor.signed_in()?;
    let tx = app.db.write().await?;
    if let Some(known) = invitation::find_for(&tx, actor, id).await? {
        hold(&tx, known.offer()?).await?;
    }
    let (row, offer) = opened(&tx, actor, id, version).await?;
    let mut faults = Faults::default();
    let Some(to) = faults.take(AT, row.standing().send_again(app.clock.now())) else {
        return Err(faults.into());
    };
    check_window(app, &tx, offer, AT).await?;
    check_rank(&tx, actor, offer, &row.email, AT).await?;
    spend_message(app, &tx, &row.email).await?;
    let old = end(app, &tx, row, to, Some(by), None, None).await?;
    let subjects = [old.id.into()];
    audit::record(&tx, &app.clock, Some(by), Action::Invite, &subjects, Some("sent again")).await?;
    let row = send(app, &tx, by, &guest_of(&old), offer).await?;
    tx.commit().await?;
    app.outbox.notify_one();
    Ok(row)
}

/// A part of the invitations that the actor might have sent, the newest first.
pub async fn page(app: &App, actor: &Actor, filter: &Filter, wanted: &Wanted) -> Result<Page<Model>> {
    invitation::page(app.db.read(), actor, filter, app.clock.now(), wanted).await
}

/// Where a row stands in a [`page`].
pub fn page_place(row: &Model) -> Place {
    invitation::page_place(row)
}

/// An invitation that the actor might have sent, held, as they saw it, and what it is to.
async fn opened(tx: &Tx, actor: &Actor, id: InvitationId, version: i64) -> Result<(Model, Offer)> {
    const PATH: &str = "input.invitationId";
    let row = invitation::lock_for(tx, actor, id)
        .await?
        .ok_or(Error::NotFound(PATH))?;
    let offer = row.offer()?;
    authorise(tx, actor, offer, PATH).await?;
    expect_version("version", row.version, version)?;
    Ok((row, offer))
}

/// Holds the edition that an offer is about, before anything else is held: whoever cancels it meanwhile waits, and then
/// ends this invitation too, or comes first, and it is seen as cancelled.
async fn hold(tx: &Tx, offer: Offer) -> Result<()> {
    if let Offer::TakePart(id)
    | Offer::HoldRole(Grant {
        scope: Scope::Edition(id),
        ..
    }) = offer
    {
        edition::hold(tx, &[id]).await?;
    }
    Ok(())
}

/// Whether the actor may invite to this.
async fn authorise(tx: &Tx, actor: &Actor, offer: Offer, path: &'static str) -> Result<()> {
    match offer {
        Offer::HoldRole(grant) => roles::authorise(tx, actor, grant, path).await.map(drop),
        Offer::TakePart(id) => {
            let row = edition::find_for(tx, actor, id).await?.ok_or(Error::NotFound(path))?;
            demand(actor, Action::Invite, edition_relation(actor, &row), None)
        }
    }
}

/// Until when an invitation that is sent now is open.
fn end_of_sent(app: &App) -> Result<DateTime<Utc>> {
    Ok(app.clock.now() + lasts(app)?)
}

/// For how long an invitation is open.
pub(super) fn lasts(app: &App) -> Result<TimeDelta> {
    let days = i64::try_from(app.settings.auth.invitation_days).map_err(Error::internal)?;
    Ok(TimeDelta::days(days))
}

/// Refuses to invite to an edition to which nobody could apply while the invitation is open.
async fn check_window(app: &App, tx: &Tx, offer: Offer, at: &str) -> Result<()> {
    if let Offer::TakePart(id) = offer {
        let open = app.clock.now()..end_of_sent(app)?;
        let found = edition::find(tx, id).await?;
        if !found.is_some_and(|row| leads_in(row.state, &(row.enrols_from..=row.enrols_until), &open)) {
            return Err(Error::at(at, Code::EnrolmentClosed));
        }
    }
    Ok(())
}

/// Refuses to offer a role to oneself, and one that is not below one's own.
async fn check_rank(tx: &Tx, actor: &Actor, offer: Offer, email: &str, at: &str) -> Result<()> {
    if let Offer::HoldRole(grant) = offer {
        let own = person::find(tx, actor.signed_in()?)
            .await?
            .ok_or(Error::Unauthenticated)?;
        if own.email == email || actor.highest() <= Some(grant.role) {
            return Err(Error::at(at, Code::RoleNotGrantable));
        }
    }
    Ok(())
}

/// Takes a message to this address from what anybody may send there, where the request that asks for it names no
/// address.
pub(super) async fn spend_message(app: &App, tx: &Tx, email: &str) -> Result<()> {
    let rates = &app.settings.rates;
    if !rates.enabled {
        return Ok(());
    }
    let charge = Charge::mail_to(email, rates, 1);
    let taken = rate::take(tx, charge, app.clock.now().timestamp_micros()).await?;
    taken.map_err(|micros| Error::Busy(seconds(micros)))
}

/// Makes an invitation with a token of its own and puts its message into the outbox, in the name of who invites.
async fn send(app: &App, tx: &Tx, inviter: PersonId, guest: &Guest, offer: Offer) -> Result<Model> {
    let (row, token) = keep(app, tx, inviter, guest, offer, end_of_sent(app)?, None).await?;
    audit::record(tx, &app.clock, Some(inviter), Action::Invite, &[row.id.into()], None).await?;
    let notice = notice(tx, &row, offer, guest.clone(), token).await?;
    outbox::enqueue(tx, &app.clock, inviter, &notice).await?;
    Ok(row)
}

/// What an invitation says besides when an institution writes it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Nominated {
    /// The institution.
    pub(super) institution: InstitutionId,
    /// The place among its nominees.
    pub(super) rank: i64,
    /// In whose place.
    pub(super) substitutes: Option<InvitationId>,
    /// When the nominee is reminded.
    pub(super) remind_at: Option<DateTime<Utc>>,
    /// Whether somebody else endorses it first.
    pub(super) awaits_endorsement: bool,
}

/// Makes an invitation with a token of its own, which comes back beside it.
///
/// # Errors
/// [`Code::AlreadyInvited`].
pub(super) async fn keep(
    app: &App,
    tx: &Tx,
    inviter: PersonId,
    guest: &Guest,
    offer: Offer,
    expires_at: DateTime<Utc>,
    nominated: Option<Nominated>,
) -> Result<(Model, String)> {
    let now = app.clock.now();
    let institution = nominated.map(|by| by.institution);
    let overdue = invitation::expire_of(tx, &guest.address, offer, institution, now).await?;
    tell_expired(&app.clock, tx, &overdue).await?;
    let mut steps: Vec<Step<'_>> = overdue.iter().map(|row| history::expiry(row, now)).collect();
    let (token, hash) = draw()?;
    let (role, scope_kind, scope_id) = invitation::columns(offer);
    let row = Model {
        id: InvitationId(app.clock.new_id()),
        hash,
        email: guest.address.clone(),
        given_name: guest.given_name.clone(),
        family_name: guest.family_name.clone(),
        language: guest.language,
        purpose: offer.purpose(),
        role,
        scope_kind: scope_kind.to_owned(),
        scope_id,
        state: InvitationState::Sent,
        invited_by: inviter,
        created_at: now,
        expires_at,
        person_id: None,
        version: 1,
        ended_at: None,
        blanked_at: None,
        institution_id: institution,
        nominee_rank: nominated.map(|by| by.rank),
        substitutes: nominated.and_then(|by| by.substitutes),
        remind_at: nominated.and_then(|by| by.remind_at),
        enrolment_id: None,
        awaits_endorsement: nominated.is_some_and(|by| by.awaits_endorsement),
        endorsed_by: None,
        endorsed_at: None,
    };
    let row = invitation::insert(tx, row).await?;
    steps.push(Step {
        subject: row.id.into(),
        from: None,
        to: row.state.word(),
        at: now,
        actor: Some(inviter),
        reason: None,
    });
    history::record(tx, &app.clock, &steps).await?;
    Ok((row, token))
}

/// A token for a message, and its digest.
pub(super) fn draw() -> Result<(String, Vec<u8>)> {
    let token = token::draw(Kind::OneTime)?;
    let hash = token::digest_of_drawn(Kind::OneTime, &token)?;
    Ok((token, hash))
}

/// Moves a held invitation out of its first state, with its step in the history.
pub(super) async fn end(
    app: &App,
    tx: &Tx,
    row: Model,
    to: InvitationState,
    by: Option<PersonId>,
    taken: Option<Taken>,
    reason: Option<&str>,
) -> Result<Model> {
    let now = app.clock.now();
    let step = Step {
        subject: row.id.into(),
        from: Some(row.open_word()),
        to: to.word(),
        at: now,
        actor: by,
        reason,
    };
    history::record(tx, &app.clock, &[step]).await?;
    invitation::set_ended(tx, row, to, taken, now).await
}
