//! Rows of nominations: people whom an institution names for one edition, in the order of the file. Whom it named
//! already is left alone, and who was named by a file is not named again by the same row.

use chrono::{DateTime, TimeDelta, Utc};

use super::addresses;
use super::purse::Purse;
use super::task::{Judged, Task};
use crate::domain::id::PersonId;
use crate::domain::invitation::Refusal;
use crate::domain::nomination::Slate;
use crate::domain::notice::Guest;
use crate::domain::roster::{Outcome, PersonRow, RowFault, address_of, content_of};
use crate::domain::text::Name;
use crate::error::{Error, Flaw, Result};
use crate::service::nomination::table::name_all;
use crate::store::{Tx, edition, imported_nomination, institution, nomination};

/// What a row of a nomination asks for, by what is stored.
pub(super) enum Verdict {
    /// Somebody is named, with this rank.
    Create { rank: i64 },
    /// The institution named them already, or the row was carried out before, which is noted already then.
    Unchanged { is_noted: bool },
    /// It cannot be.
    Refused(Vec<RowFault>),
}

impl Verdict {
    pub(super) fn report(&self) -> Judged {
        match self {
            Self::Create { .. } => (Outcome::Created, None, Vec::new()),
            Self::Unchanged { .. } => (Outcome::Unchanged, None, Vec::new()),
            Self::Refused(faults) => (Outcome::Refused, None, faults.clone()),
        }
    }
}

/// For what people are named, and by whom.
pub(super) type Place<'a> = (&'a edition::Model, &'a institution::Model);

/// Judges rows by whom the institution named, and by how many it can name; who comes after them finds it so.
pub(super) async fn judge(
    tx: &Tx,
    (edition, institution): Place<'_>,
    slate: &mut Slate,
    rows: &[&PersonRow],
    now: DateTime<Utc>,
) -> Result<Vec<Verdict>> {
    let digests: Vec<Vec<u8>> = rows.iter().map(|row| address_of(row)).collect();
    let noted = imported_nomination::noted(tx, edition.id, institution.id, &digests).await?;
    let named = nomination::named_among(tx, institution.id, edition.id, &addresses(rows), now).await?;
    let verdicts = rows.iter().zip(&digests).map(|(row, digest)| {
        if noted.get(digest).is_some_and(|content| *content == content_of(row)) {
            return Verdict::Unchanged { is_noted: true };
        }
        if named.contains(row.email.as_ref()) {
            return Verdict::Unchanged { is_noted: false };
        }
        match slate.name_one() {
            Ok(rank) => Verdict::Create { rank },
            Err(code) => Verdict::Refused(vec![RowFault::at(&row.names.email, code)]),
        }
    });
    Ok(verdicts.collect())
}

/// Carries rows out, as they were judged, and tells what came of each. The caller holds the edition. Who gets too many
/// messages already is refused, and so is everybody once the table has sent as many as its owner may.
pub(super) async fn write(
    task: &Task<'_>,
    tx: &Tx,
    place: Place<'_>,
    rows: &[&PersonRow],
    mut verdicts: Vec<Verdict>,
) -> Result<Vec<Judged>> {
    let by: PersonId = task.actor.signed_in()?;
    let now = task.app.clock.now();
    let mut purse = open(task, tx, by, place, rows, &verdicts).await?;
    let (mut named, mut notes) = (Vec::new(), Vec::new());
    for (row, verdict) in rows.iter().zip(&mut verdicts) {
        match verdict {
            Verdict::Create { rank } => {
                let rank = *rank;
                if let Some(fault) = spend(purse.as_mut(), row, now).await? {
                    *verdict = Verdict::Refused(vec![fault]);
                } else {
                    named.push((guest(task, row), rank));
                    notes.push(note(place, row, now));
                }
            }
            Verdict::Unchanged { is_noted: false } => notes.push(note(place, row, now)),
            Verdict::Unchanged { is_noted: true } | Verdict::Refused(_) => {}
        }
    }
    if let Some(purse) = purse {
        purse.close().await?;
    }
    if !named.is_empty() {
        name_all(task.app, tx, by, place, &named, &task.source).await?;
    }
    imported_nomination::note(tx, notes).await?;
    Ok(verdicts.iter().map(Verdict::report).collect())
}

/// What may be sent to those who are named; `None` where nothing is limited, or somebody endorses them first, which takes
/// it then.
async fn open<'a>(
    task: &Task<'a>,
    tx: &'a Tx,
    by: PersonId,
    (edition, _): Place<'_>,
    rows: &[&PersonRow],
    verdicts: &[Verdict],
) -> Result<Option<Purse<'a>>> {
    if edition.endorses_nominations {
        return Ok(None);
    }
    let named = rows.iter().zip(verdicts);
    let named = named.filter(|(_, verdict)| matches!(verdict, Verdict::Create { .. }));
    let addresses: Vec<&str> = named.map(|(row, _)| row.email.as_ref()).collect();
    Purse::open(task.app, tx, by, &addresses).await
}

/// Takes a message to a nominee; what is wrong where none is left.
async fn spend(purse: Option<&mut Purse<'_>>, row: &PersonRow, now: DateTime<Utc>) -> Result<Option<RowFault>> {
    let Some(purse) = purse else { return Ok(None) };
    match purse.spend(row.email.as_ref()).await {
        Ok(()) => Ok(None),
        Err(Error::Busy(seconds)) => Ok(Some(too_soon(row, now, seconds))),
        Err(failure) => Err(failure),
    }
}

fn too_soon(row: &PersonRow, now: DateTime<Utc>, seconds: u64) -> RowFault {
    let wait = TimeDelta::seconds(i64::try_from(seconds).unwrap_or_default());
    let flaw = Flaw::from(Refusal::TooSoon(now + wait));
    RowFault::at(&row.names.email, flaw)
}

fn guest(task: &Task<'_>, row: &PersonRow) -> Guest {
    let name = |name: Option<&Name>| name.map(ToString::to_string).unwrap_or_default();
    Guest {
        address: row.email.to_string(),
        given_name: name(row.given_name.as_ref()),
        family_name: name(row.family_name.as_ref()),
        language: row.language.unwrap_or(task.order.language),
    }
}

fn note((edition, institution): Place<'_>, row: &PersonRow, now: DateTime<Utc>) -> imported_nomination::Model {
    imported_nomination::Model {
        edition_id: edition.id,
        institution_id: institution.id,
        address: address_of(row),
        content: content_of(row),
        imported_at: now,
    }
}
