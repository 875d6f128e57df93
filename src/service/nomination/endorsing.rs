//! The second person of an institution, where the edition asks for one: the other focal points are told whom one of
//! them named, and one of them endorses it. Only then is the nominee written to.

use chrono::{DateTime, Utc};

use super::{AT, institution_name, is_open, message, nominee, opened, orphan};
use crate::app::App;
use crate::clock::Clock;
use crate::domain::actor::Actor;
use crate::domain::id::InvitationId;
use crate::domain::nomination::{Endorsable, NominationState, ends_at, reminds_at};
use crate::domain::notice::Notice;
use crate::domain::person::full_name;
use crate::domain::policy::Action;
use crate::error::{Code, Error, Result};
use crate::service::invitation::told::inviter_name;
use crate::service::invitation::{draw, lasts, spend_message};
use crate::store::history::{self, Step};
use crate::store::invitation::Model;
use crate::store::nomination::{self, Endorsed};
use crate::store::{Tx, audience, audit, edition, outbox, person};

/// How many nominees one message calls by their names.
const CALLED_MOST: usize = 3;

/// Endorses what somebody else of the institution nominated. The nominee is written to, and can answer for as long as
/// if they were named now; who nominated is told.
///
/// # Errors
/// [`Error::NotFound`] for a nomination out of the actor's sight, [`Error::Forbidden`] for one of an institution that
/// is not theirs, [`Code::StaleVersion`], [`Code::OwnWork`] for who nominated and for who is nominated,
/// [`Code::EnrolmentClosed`] after the window, [`Code::IllegalTransition`] unless it waits for it, [`Error::Busy`] when
/// its address gets too many messages.
pub async fn endorse(app: &App, actor: &Actor, id: InvitationId, version: i64) -> Result<Model> {
    let by = actor.signed_in()?;
    let tx = app.db.write().await?;
    let (edition, row) = opened(&tx, actor, id, version, Action::EndorseNomination).await?;
    let own = person::find(&tx, by).await?.ok_or(Error::Unauthenticated)?;
    let now = app.clock.now();
    let checked = endorsable(&row, &edition, now).check(by, &own.email);
    checked.map_err(|refusal| Error::at(AT, Code::from(refusal)))?;
    spend_message(app, &tx, &row.email).await?;
    let step = Step {
        subject: id.into(),
        from: Some(row.open_word()),
        to: NominationState::Endorsed.word(),
        at: now,
        actor: Some(by),
        reason: None,
    };
    let window = edition.enrols_from..=edition.enrols_until;
    let expires_at = ends_at(now, lasts(app)?, &window);
    let (token, hash) = draw()?;
    let endorsed = Endorsed {
        by,
        at: now,
        hash,
        expires_at,
        remind_at: reminds_at(now, expires_at, &window),
    };
    let row = nomination::set_endorsed(&tx, row, endorsed).await?;
    history::record(&tx, &app.clock, &[step]).await?;
    audit::record(&tx, &app.clock, Some(by), Action::EndorseNomination, &[id.into()], None).await?;
    let notice = message(&tx, &row, token).await?;
    outbox::enqueue(&tx, &app.clock, by, &notice).await?;
    nominee::tell_nominator(&app.clock, &tx, &row, None).await?;
    tx.commit().await?;
    app.outbox.notify_one();
    Ok(row)
}

/// What decides whether somebody can endorse a nomination for an edition now.
pub(in crate::service) fn endorsable<'a>(
    row: &'a Model,
    edition: &edition::Model,
    now: DateTime<Utc>,
) -> Endorsable<'a> {
    Endorsable {
        nominator: row.invited_by,
        nominee: &row.email,
        state: row.standing().at(now),
        endorsement: row.endorsement(),
        is_open: is_open(edition, now),
    }
}

/// Tells the other focal points of an institution, in one message each, that nominations wait for one of them: those
/// that somebody made together, for one edition. Who is the only one nominated cannot endorse it, and is not told.
pub(super) async fn ask(clock: &Clock, tx: &Tx, rows: &[Model]) -> Result<()> {
    let Some(row) = rows.first() else { return Ok(()) };
    let of = row.institution_id.ok_or_else(orphan)?;
    let mut others = audience::focal_points(tx, of, clock.now()).await?;
    others.remove(&row.invited_by);
    if let [only] = rows {
        for (nominee, _) in audience::having_addresses(tx, std::slice::from_ref(&only.email)).await? {
            others.remove(&nominee);
        }
    }
    let notice = Notice::EndorsementAsked {
        edition: nominee::about(tx, row).await?,
        institution: institution_name(tx, row).await?,
        inviter: inviter_name(tx, row.invited_by).await?,
        nominee: called(rows),
    };
    outbox::enqueue_all(tx, clock, others.iter().map(|&person| (person, &notice))).await
}

/// The names of the first, and how many there are besides.
fn called(rows: &[Model]) -> String {
    let first = rows.iter().take(CALLED_MOST);
    let mut names: Vec<String> = first.map(|row| full_name(&row.given_name, &row.family_name)).collect();
    if let Some(more @ 1..) = rows.len().checked_sub(CALLED_MOST) {
        names.push(format!("+{more}"));
    }
    names.join(", ")
}
