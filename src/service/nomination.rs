//! Nominations: the focal point of an institution names people for an edition, substitutes them, ranks them, takes them
//! back, and sees how many more there can be. A nomination is an invitation to take part, so its token is answered as
//! every invitation's; what the answer adds is in `nominee.rs`, what time does in `passing.rs`. Where the edition asks
//! for it, a second person endorses it first (`endorsing.rs`). What tables of them need is in `table.rs`.

use chrono::{DateTime, Utc};

use super::edition::relation as edition_relation;
use super::institution::is_seen;
use super::invitation::told::{guest_of, inviter_names};
use super::invitation::{self as invitations, Invitee, Nominated};
use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::id::{EditionId, InstitutionId, InvitationId, PersonId, Subject};
use crate::domain::invitation::{InvitationState, Offer};
use crate::domain::nomination::{self as rules, NominationState, Room};
use crate::domain::notice::{Guest, Notice};
use crate::domain::policy::{Action, Relation, demand, may};
use crate::domain::seats::Origin;
use crate::domain::text::Reason;
use crate::domain::version::expect_version;
use crate::error::{Code, Error, Faults, Result};
use crate::store::invitation::Model;
use crate::store::nomination::{self, Filter};
use crate::store::page::{Page, Wanted};
use crate::store::{Connection, Tx, audit, edition, institution, outbox, seat_pool};

pub mod endorsing;
pub(in crate::service) mod nominee;
pub mod passing;
pub(in crate::service) mod table;
pub(in crate::service) mod window;

/// Where an input names a nomination.
const PATH: &str = "input.nominationId";
const AT: &str = "nominationId";

/// Names somebody for an edition, in the name of an institution whose focal point the actor is. The nominee is written
/// to, at once or when somebody else has endorsed it, and takes part by accepting: what comes of it is for the
/// edition's rule.
///
/// # Errors
/// [`Error::NotFound`] for an edition out of the actor's sight and for an unknown institution, [`Error::Forbidden`] for
/// an institution that is not theirs, [`Code::EnrolmentClosed`] before the edition is announced and after its window,
/// [`Code::EditionFull`] when as many are named as there are seats for, [`Code::AlreadyInvited`] by the same
/// institution.
pub async fn nominate(
    app: &App,
    actor: &Actor,
    invited: &Invitee,
    edition: EditionId,
    institution: InstitutionId,
) -> Result<Model> {
    let by = actor.signed_in()?;
    let tx = app.db.write().await?;
    let edition = edition::lock_for(&tx, actor, edition)
        .await?
        .ok_or(Error::NotFound("input.editionId"))?;
    let institution = institution::resolve(&tx, institution)
        .await?
        .filter(|row| is_seen(actor, row))
        .ok_or(Error::NotFound("input.institutionId"))?;
    demand(actor, Action::Nominate, relation(actor, institution.id), None)?;
    let mut slate = table::slate(&tx, &edition, &institution, app.clock.now()).await?;
    let rank = slate.name_one().map_err(|code| Error::at("editionId", code))?;
    let place = Place {
        edition: &edition,
        institution: &institution,
        substitutes: None,
    };
    let row = send(app, &tx, by, (invited.guest(), rank), &place).await?;
    tx.commit().await?;
    app.outbox.notify_one();
    Ok(row)
}

/// Names somebody else in the place of a nominee who has not answered, with the same rank. Both are written to; the
/// token of the first is dead.
///
/// # Errors
/// [`Error::NotFound`] for a nomination out of the actor's sight, [`Error::Forbidden`] for one of an institution that
/// is not theirs, [`Code::StaleVersion`], [`Code::EnrolmentClosed`] after the window, [`Code::IllegalTransition`] once
/// it is answered or over, [`Code::AlreadyInvited`].
pub async fn substitute(app: &App, actor: &Actor, id: InvitationId, version: i64, invited: &Invitee) -> Result<Model> {
    let by = actor.signed_in()?;
    let tx = app.db.write().await?;
    let (edition, row) = opened(&tx, actor, id, version, Action::Nominate).await?;
    let now = app.clock.now();
    if !is_open(&edition, now) {
        return Err(Error::at(AT, Code::EnrolmentClosed));
    }
    let old = end(app, &tx, row, InvitationState::Replaced, by, None).await?;
    let of = old.institution_id.ok_or_else(orphan)?;
    let institution = institution::resolve(&tx, of).await?.ok_or_else(orphan)?;
    let rank = old.nominee_rank.ok_or_else(orphan)?;
    let place = Place {
        edition: &edition,
        institution: &institution,
        substitutes: Some(old.id),
    };
    let row = send(app, &tx, by, (invited.guest(), rank), &place).await?;
    tx.commit().await?;
    app.outbox.notify_one();
    Ok(row)
}

/// Takes back a nomination that was not answered; its token is dead, and the nominee is told.
///
/// # Errors
/// As [`substitute`], at any time.
pub async fn withdraw(
    app: &App,
    actor: &Actor,
    id: InvitationId,
    version: i64,
    reason: Option<&Reason>,
) -> Result<Model> {
    let by = actor.signed_in()?;
    let tx = app.db.write().await?;
    let (_, row) = opened(&tx, actor, id, version, Action::Nominate).await?;
    let row = end(app, &tx, row, InvitationState::Withdrawn, by, reason).await?;
    tx.commit().await?;
    app.outbox.notify_one();
    Ok(row)
}

/// Gives a nominee a rank among those of the institution; the smallest comes first.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Forbidden`] and [`Code::StaleVersion`] as [`substitute`]; [`Code::IllegalTransition`]
/// once it is over, [`Code::OutOfRange`].
pub async fn rank(app: &App, actor: &Actor, id: InvitationId, version: i64, rank: i64) -> Result<Model> {
    let by = actor.signed_in()?;
    let tx = app.db.write().await?;
    let (_, row) = opened(&tx, actor, id, version, Action::Nominate).await?;
    if !NominationState::of(row.standing().at(app.clock.now()), row.endorsement()).is_ranked() {
        return Err(Error::at(AT, Code::IllegalTransition));
    }
    rules::check_rank(rank)?;
    let row = nomination::set_rank(&tx, row, rank).await?;
    audit::record(
        &tx,
        &app.clock,
        Some(by),
        Action::Nominate,
        &[id.into()],
        Some("ranked"),
    )
    .await?;
    tx.commit().await?;
    Ok(row)
}

/// A part of the nominations that exist for the actor, the oldest first.
pub async fn page(app: &App, actor: &Actor, filter: &Filter, wanted: &Wanted) -> Result<Page<Model>> {
    nomination::page(app.db.read(), actor, filter, app.clock.now(), wanted).await
}

/// The seats of an edition in the eyes of an institution: for its focal points and for who coordinates the edition;
/// `None` for anybody else.
pub async fn seats(app: &App, actor: &Actor, edition: EditionId, institution: InstitutionId) -> Result<Option<Room>> {
    let connection = app.db.read();
    let Some(edition) = edition::find_for(connection, actor, edition).await? else {
        return Ok(None);
    };
    let Some(institution) = institution::resolve(connection, institution).await? else {
        return Ok(None);
    };
    let seen = relation(actor, institution.id).or(edition_relation(actor, &edition));
    if !may(actor, Action::SeeNominations, seen) {
        return Ok(None);
    }
    room(connection, &edition, &institution, app.clock.now())
        .await
        .map(Some)
}

/// How the actor stands to what an institution nominates.
pub(super) fn relation(actor: &Actor, institution: InstitutionId) -> Relation {
    Relation {
        institution: actor.institutions().contains(&institution),
        ..Relation::NONE
    }
}

fn orphan() -> Error {
    Error::internal("a nomination without its edition, institution or rank")
}

/// A nomination of one of the actor's institutions, to which they may do this, held, as they saw it, its edition locked
/// before it.
async fn opened(
    tx: &Tx,
    actor: &Actor,
    id: InvitationId,
    version: i64,
    action: Action,
) -> Result<(edition::Model, Model)> {
    let absent = || Error::NotFound(PATH);
    let seen = nomination::find_for(tx, actor, id).await?.ok_or_else(absent)?;
    let edition = edition::lock(tx, seen.edition().ok_or_else(orphan)?).await?;
    let row = nomination::lock_for(tx, actor, id).await?.ok_or_else(absent)?;
    let of = row.institution_id.ok_or_else(orphan)?;
    demand(actor, action, relation(actor, of), None)?;
    expect_version("version", row.version, version)?;
    Ok((edition.ok_or_else(orphan)?, row))
}

/// Whether people can be named for an edition.
pub(super) fn is_open(edition: &edition::Model, now: DateTime<Utc>) -> bool {
    rules::is_open(edition.state, &(edition.enrols_from..=edition.enrols_until), now)
}

/// What the ledger has for an institution.
async fn room(
    connection: &impl Connection,
    edition: &edition::Model,
    institution: &institution::Model,
    now: DateTime<Utc>,
) -> Result<Room> {
    let ledger = seat_pool::ledger(connection, edition).await?;
    let open = nomination::count_open(connection, institution.id, edition.id, now).await?;
    let who = Origin {
        institution: Some(institution.id),
        country: &institution.country,
        group: institution.kind.constituent_group(),
    };
    Ok(Room::of(&ledger, who, open))
}

/// For what people are named, by whom, and in whose place.
struct Place<'a> {
    edition: &'a edition::Model,
    institution: &'a institution::Model,
    substitutes: Option<InvitationId>,
}

/// Makes one nomination, as [`send_all`] makes many.
async fn send(app: &App, tx: &Tx, by: PersonId, nominee: (Guest, i64), place: &Place<'_>) -> Result<Model> {
    let row = send_all(app, tx, by, &[nominee], place, None).await?.pop();
    row.ok_or_else(orphan)
}

/// Makes nominations for a locked edition, each with its rank, and puts their messages into the outbox, in the name of
/// who nominates: to the nominees, or of all of them at once to those who can endorse them, and then nobody gets a
/// token.
async fn send_all(
    app: &App,
    tx: &Tx,
    by: PersonId,
    nominees: &[(Guest, i64)],
    place: &Place<'_>,
    why: Option<&str>,
) -> Result<Vec<Model>> {
    let now = app.clock.now();
    let window = place.edition.enrols_from..=place.edition.enrols_until;
    let expires_at = rules::ends_at(now, invitations::lasts(app)?, &window);
    let awaits_endorsement = place.edition.endorses_nominations;
    let remind_at = rules::reminds_at(now, expires_at, &window).filter(|_| !awaits_endorsement);
    let offer = Offer::TakePart(place.edition.id);
    let (mut rows, mut tokens) = (Vec::with_capacity(nominees.len()), Vec::with_capacity(nominees.len()));
    for (guest, rank) in nominees {
        let nominated = Nominated {
            institution: place.institution.id,
            rank: *rank,
            substitutes: place.substitutes,
            remind_at,
            awaits_endorsement,
        };
        let (row, token) = invitations::keep(app, tx, by, guest, offer, expires_at, Some(nominated)).await?;
        rows.push(row);
        tokens.push(token);
    }
    let subjects: Vec<Subject> = rows.iter().map(|row| row.id.into()).collect();
    audit::record(tx, &app.clock, Some(by), Action::Nominate, &subjects, why).await?;
    if awaits_endorsement {
        endorsing::ask(&app.clock, tx, &rows).await?;
    } else {
        let notices = messages(tx, rows.iter().zip(tokens).collect(), false).await?;
        outbox::enqueue_all(tx, &app.clock, notices.iter().map(|notice| (by, notice))).await?;
    }
    Ok(rows)
}

/// What the nominee reads, with the token.
async fn message(tx: &Tx, row: &Model, token: String) -> Result<Notice> {
    let found = messages(tx, vec![(row, token)], false).await?.pop();
    found.ok_or_else(orphan)
}

/// What nominees read, each with the token, in the order of their nominations. It takes as many statements for many as
/// for one.
async fn messages(tx: &Tx, nominations: Vec<(&Model, String)>, reminder: bool) -> Result<Vec<Notice>> {
    let rows: Vec<&Model> = nominations.iter().map(|(row, _)| *row).collect();
    let inviters: Vec<PersonId> = rows.iter().map(|row| row.invited_by).collect();
    let institutions = nominee::nominator_names(tx, &rows).await?;
    let inviters = inviter_names(tx, &inviters).await?;
    let editions = nominee::about_all(tx, &rows).await?;
    let notice = |row: &Model, token: String| {
        Some(Notice::Nominated {
            guest: guest_of(row),
            institution: institutions.get(&row.institution_id?)?.clone(),
            inviter: inviters.get(&row.invited_by)?.clone(),
            edition: editions.get(&row.edition()?)?.clone(),
            token,
            expires_at: row.expires_at,
            reminder,
        })
    };
    let notices = nominations.into_iter().map(|(row, token)| notice(row, token));
    notices.map(|notice| notice.ok_or_else(orphan)).collect()
}

/// Ends a held nomination that was not answered, and tells its nominee, unless nobody ever wrote to them, and who
/// nominated, unless they do it.
async fn end(
    app: &App,
    tx: &Tx,
    row: Model,
    to: InvitationState,
    by: PersonId,
    reason: Option<&Reason>,
) -> Result<Model> {
    let mut faults = Faults::default();
    let Some(to) = faults.take(AT, row.standing().step(to, app.clock.now())) else {
        return Err(faults.into());
    };
    let reason = reason.map(AsRef::as_ref);
    let row = invitations::end(app, tx, row, to, Some(by), None, reason).await?;
    audit::record(tx, &app.clock, Some(by), Action::Nominate, &[row.id.into()], reason).await?;
    if !row.awaits_endorsement {
        let notice = Notice::NominationWithdrawn {
            guest: guest_of(&row),
            institution: institution_name(tx, &row).await?,
            edition: nominee::about(tx, &row).await?,
        };
        outbox::enqueue(tx, &app.clock, by, &notice).await?;
    }
    if row.invited_by != by {
        nominee::tell_nominator(&app.clock, tx, &row, reason).await?;
    }
    Ok(row)
}

async fn institution_name(connection: &impl Connection, row: &Model) -> Result<String> {
    let name = nominee::nominator_name(connection, row).await?;
    name.ok_or_else(orphan)
}
