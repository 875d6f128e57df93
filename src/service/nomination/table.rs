//! What a table of nominations asks of an institution's own: in whose name they are, how many there can be, and that
//! people are named, many at a time. Steps of `service::roster`, always inside its transaction.

use chrono::{DateTime, Utc};

use super::{endorsing, invitations, is_open, orphan, relation, room};
use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::id::{InstitutionId, PersonId, Subject};
use crate::domain::invitation::Offer;
use crate::domain::nomination::{self as rules, Slate};
use crate::domain::notice::{Guest, Notice};
use crate::domain::policy::{Action, demand};
use crate::error::{Error, Result};
use crate::service::institution::is_seen;
use crate::service::invitation::Nominated;
use crate::service::invitation::told::inviter_name;
use crate::store::{Connection, Tx, audit, course, edition, institution, nomination, outbox};

/// The institution, or the one into which it was merged, if the actor nominates in its name.
///
/// # Errors
/// [`Error::NotFound`] for one that the actor does not see, [`Error::Forbidden`] for one that is not theirs.
pub(in crate::service) async fn nominator(
    connection: &impl Connection,
    actor: &Actor,
    id: Option<InstitutionId>,
) -> Result<institution::Model> {
    let absent = || Error::NotFound("institution");
    let found = institution::resolve(connection, id.ok_or_else(absent)?).await?;
    let row = found.filter(|row| is_seen(actor, row)).ok_or_else(absent)?;
    demand(actor, Action::Nominate, relation(actor, row.id), None)?;
    Ok(row)
}

/// Whom an institution can name for an edition from now on.
pub(in crate::service) async fn slate(
    tx: &Tx,
    edition: &edition::Model,
    institution: &institution::Model,
    now: DateTime<Utc>,
) -> Result<Slate> {
    let room = room(tx, edition, institution, now).await?;
    let last = nomination::last_rank(tx, institution.id, edition.id).await?;
    Ok(Slate::new(is_open(edition, now), room, last))
}

/// Names people for a locked edition, each with their rank. They are written to, or those who can endorse them are, of
/// all of them at once.
pub(in crate::service) async fn name_all(
    app: &App,
    tx: &Tx,
    by: PersonId,
    (edition, institution): (&edition::Model, &institution::Model),
    named: &[(Guest, i64)],
    source: &str,
) -> Result<()> {
    let now = app.clock.now();
    let window = edition.enrols_from..=edition.enrols_until;
    let expires_at = rules::ends_at(now, invitations::lasts(app)?, &window);
    let awaits_endorsement = edition.endorses_nominations;
    let remind_at = rules::reminds_at(now, expires_at, &window).filter(|_| !awaits_endorsement);
    let course = course::find(tx, edition.course_id).await?.ok_or_else(orphan)?;
    let (about, inviter) = (edition.about(&course), inviter_name(tx, by).await?);
    let mut rows = Vec::with_capacity(named.len());
    for (guest, rank) in named {
        let nominated = Nominated {
            institution: institution.id,
            rank: *rank,
            substitutes: None,
            remind_at,
            awaits_endorsement,
        };
        let offer = Offer::TakePart(edition.id);
        let (row, token) = invitations::keep(app, tx, by, guest, offer, expires_at, Some(nominated)).await?;
        if !awaits_endorsement {
            let notice = Notice::Nominated {
                guest: guest.clone(),
                institution: institution.name.clone(),
                inviter: inviter.clone(),
                edition: about.clone(),
                token,
                expires_at,
                reminder: false,
            };
            outbox::enqueue(tx, &app.clock, by, &notice).await?;
        }
        rows.push(row);
    }
    let subjects: Vec<Subject> = rows.iter().map(|row| row.id.into()).collect();
    audit::record(tx, &app.clock, Some(by), Action::Nominate, &subjects, Some(source)).await?;
    if awaits_endorsement {
        endorsing::ask(&app.clock, tx, &rows).await?;
    }
    Ok(())
}
