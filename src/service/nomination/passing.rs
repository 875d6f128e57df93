//! What time does to nominations: nominees who have not answered are reminded, once, and whoever nominated them is told
//! when time has run out. Called by the worker; it may come late, or twice, and on several copies at once.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use tracing::info;

use super::nominee::tell_nominators;
use super::{is_open, messages};
use crate::clock::Clock;
use crate::domain::id::{EditionId, InvitationId, PersonId, Subject};
use crate::domain::policy::Action;
use crate::error::Result;
use crate::service::invitation::draw;
use crate::store::invitation::Model;
use crate::store::{Db, Tx, audit, edition, nomination, outbox, person};

/// How many nominees one transaction reminds.
const BATCH: u64 = 100;

/// Tells those who nominated that time has run out, as it was just written down; other invitations are passed over. It
/// takes as many statements for many as for one.
pub async fn tell_expired(clock: &Clock, tx: &Tx, expired: &[Model]) -> Result<()> {
    tell_nominators(clock, tx, expired, None).await
}

/// Reminds every nominee who is due, with another token: the one before was never stored. A batch takes as many
/// statements as one nominee.
pub async fn remind(db: &Db, clock: &Clock) -> Result<()> {
    while nomination::is_to_remind(db.read(), clock.now()).await? {
        let tx = db.write().await?;
        let due = nomination::lock_to_remind(&tx, clock.now(), BATCH).await?;
        if due.is_empty() {
            // Another worker has them.
            return Ok(());
        }
        let able = able(&tx, &due, clock.now()).await?;
        let (mut hashes, mut told) = (Vec::with_capacity(due.len()), Vec::new());
        for row in &due {
            if able.contains(&row.id) {
                let (token, hash) = draw()?;
                hashes.push((row.id, hash));
                told.push((row, token));
            } else {
                // What the nominee has stays good.
                hashes.push((row.id, row.hash.clone()));
            }
        }
        nomination::set_reminded(&tx, &hashes).await?;
        let subjects: Vec<Subject> = told.iter().map(|(row, _)| row.id.into()).collect();
        let writers: Vec<PersonId> = told.iter().map(|(row, _)| writer(row)).collect();
        let notices = messages(&tx, told, true).await?;
        outbox::enqueue_all(&tx, clock, writers.into_iter().zip(&notices)).await?;
        audit::record(&tx, clock, None, Action::Nominate, &subjects, Some("reminded")).await?;
        tx.commit().await?;
        info!(nominations = subjects.len(), "nominees reminded");
    }
    Ok(())
}

/// Those whose nominees can be reminded. In the name of a disabled account no message leaves, and the token that the
/// nominee has would be dead; and where the edition takes nobody any more there is nothing to answer.
async fn able(tx: &Tx, due: &[Model], now: DateTime<Utc>) -> Result<BTreeSet<InvitationId>> {
    let people: Vec<PersonId> = due.iter().map(writer).collect();
    let people = person::by_ids(tx, &people).await?;
    let enabled = people.into_iter().filter(|person| person.disabled_at.is_none());
    let enabled: BTreeSet<PersonId> = enabled.map(|person| person.id).collect();
    let editions: Vec<EditionId> = due.iter().filter_map(Model::edition).collect();
    let editions = edition::by_ids(tx, &editions).await?;
    let open = editions.into_iter().filter(|row| is_open(row, now));
    let open: BTreeSet<EditionId> = open.map(|row| row.id).collect();
    let able = due
        .iter()
        .filter(|row| enabled.contains(&writer(row)) && row.edition().is_some_and(|id| open.contains(&id)));
    Ok(able.map(|row| row.id).collect())
}

/// In whose name a nominee was written to: where somebody had to endorse it, in theirs.
fn writer(row: &Model) -> PersonId {
    row.endorsed_by.unwrap_or(row.invited_by)
}
