//! What a table of nominations asks of an institution's own: in whose name they are, how many there can be, and that
//! people are named, many at a time. Steps of `service::roster`, always inside its transaction; who names one person
//! asks for the slate as well.

use chrono::{DateTime, Utc};

use super::{Place, is_open, relation, room, send_all};
use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::id::{InstitutionId, PersonId};
use crate::domain::nomination::Slate;
use crate::domain::notice::Guest;
use crate::domain::policy::{Action, demand};
use crate::error::{Error, Result};
use crate::service::institution::is_seen;
use crate::store::{Connection, Tx, edition, institution, nomination};

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
    let place = Place {
        edition,
        institution,
        substitutes: None,
    };
    send_all(app, tx, by, named, &place, Some(source)).await.map(drop)
}
