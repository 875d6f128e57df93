//! What time does to nominations: nominees who have not answered are reminded, once, and whoever nominated them is told
//! when time has run out. Called by the worker; it may come late, or twice, and on several copies at once.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use tracing::info;

use super::message;
use super::nominee::tell_nominator;
use crate::clock::Clock;
use crate::domain::id::{EditionId, InvitationId, PersonId, Subject};
use crate::domain::nomination::is_open;
use crate::domain::policy::Action;
use crate::error::Result;
use crate::service::invitation::draw;
use crate::store::invitation::Model;
use crate::store::{Db, Tx, audit, edition, nomination, outbox, person};

/// How many nominees one transaction reminds.
const BATCH: u64 = 100;

/// Tells those who nominated that time has run out, as it was just written down; other invitations are passed over.
pub async fn tell_expired(clock: &Clock, tx: &Tx, expired: &[Model]) -> Result<()> {
    for row in expired {
        tell_nominator(clock, tx, row, None).await?;
    }
    Ok(())
}

/// Reminds every nominee who is due, with another token: the one before was never stored.
pub async fn remind(db: &Db, clock: &Clock) -> Result<()> {
    while nomination::is_to_remind(db.read(), clock.now()).await? {
        let tx = db.write().await?;
        let due = nomination::lock_to_remind(&tx, clock.now(), BATCH).await?;
        if due.is_empty() {
            // Another worker has them.
            return Ok(());
        }
        let able = able(&tx, &due, clock.now()).await?;
        let mut told: Vec<Subject> = Vec::new();
        for row in &due {
            if able.contains(&row.id) {
                remind_one(clock, &tx, row).await?;
                told.push(row.id.into());
            } else {
                nomination::set_reminded(&tx, row.id, row.hash.clone()).await?;
            }
        }
        audit::record(&tx, clock, None, Action::Nominate, &told, Some("reminded")).await?;
        tx.commit().await?;
        info!(nominations = told.len(), "nominees reminded");
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
    let open = editions
        .into_iter()
        .filter(|row| is_open(row.state, &(row.enrols_from..=row.enrols_until), now));
    let open: BTreeSet<EditionId> = open.map(|row| row.id).collect();
    let able = due
        .iter()
        .filter(|row| enabled.contains(&writer(row)) && row.edition().is_some_and(|id| open.contains(&id)));
    Ok(able.map(|row| row.id).collect())
}

async fn remind_one(clock: &Clock, tx: &Tx, row: &Model) -> Result<()> {
    let (token, hash) = draw()?;
    nomination::set_reminded(tx, row.id, hash).await?;
    let notice = message(tx, row, token, true).await?;
    outbox::enqueue(tx, clock, writer(row), &notice).await?;
    Ok(())
}

/// In whose name a nominee was written to: where somebody had to endorse it, in theirs.
fn writer(row: &Model) -> PersonId {
    row.endorsed_by.unwrap_or(row.invited_by)
}
