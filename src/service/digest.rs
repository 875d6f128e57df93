//! Digests, as the worker writes them: it may come late, twice, and on several copies at once. What each reader was
//! told is noted in the transaction that puts the message into the outbox, so that every stretch of time is told once.

use tracing::{error, info};

use crate::clock::Clock;
use crate::domain::digest::{EditionNews, News, Schedule, put_off_for};
use crate::domain::id::{CourseId, EditionId};
use crate::domain::notice::{MailKind, Notice};
use crate::error::Result;
use crate::store::outbox::digest::news::{self, Stretch};
use crate::store::outbox::digest::{self, Model};
use crate::store::outbox::{self, preference};
use crate::store::{Db, course, edition, person, role};

/// How many readers are looked at with one statement. Each has a transaction of its own.
const BATCH: u64 = 100;
/// After how many readers a pass ends: what else time does is not to wait for all of them. The others have their turn
/// in the next one.
const MOST: usize = 500;

/// Writes the digests that are due, of days that end at this hour. One that fails stops no other: it is put off, each
/// time for longer.
pub async fn pass(db: &Db, clock: &Clock, hour: u32) -> Result<()> {
    begin(db, clock, hour).await?;
    let (now, mut after, mut written, mut covered) = (clock.now(), None, 0_usize, 0_usize);
    while covered < MOST {
        let due = digest::due(db.read(), now, after, BATCH).await?;
        let Some(last) = due.last() else { break };
        after = Some(last.person_id);
        for mark in &due {
            covered += 1;
            match Box::pin(cover(db, clock, hour, mark)).await {
                Ok(told) => written += usize::from(told),
                Err(cause) => {
                    error!(person.id = %mark.person_id, error = %cause, "a digest could not be written");
                    if let Err(cause) = put_off(db, clock, mark).await {
                        error!(person.id = %mark.person_id, error = %cause, "a digest could not be put off");
                    }
                }
            }
        }
    }
    if written > 0 {
        info!(digests = written, "digests written");
    }
    Ok(())
}

/// Begins to count for whoever has become a reader since.
async fn begin(db: &Db, clock: &Clock, hour: u32) -> Result<()> {
    loop {
        let now = clock.now();
        let new = digest::unmarked(db.read(), now, BATCH).await?;
        if new.is_empty() {
            return Ok(());
        }
        let tx = db.write().await?;
        let due = |zone: &str| schedule(hour, zone).due_after(now);
        let readers: Vec<_> = new.iter().map(|(person, zone)| (*person, due(zone))).collect();
        digest::begin(&tx, now, &readers).await?;
        tx.commit().await?;
    }
}

fn schedule(hour: u32, zone: &str) -> Schedule {
    Schedule::new(hour, zone.parse().unwrap_or(chrono_tz::UTC))
}

/// Writes the digest of one reader, if there is anything to tell; whether there was. Who does without digests is told
/// nothing of this stretch later on either.
async fn cover(db: &Db, clock: &Clock, hour: u32, mark: &Model) -> Result<bool> {
    let now = clock.now();
    let roles = role::of_person(db.read(), mark.person_id, now).await?;
    let reader = person::find(db.read(), mark.person_id).await?;
    let reader = reader.filter(|row| row.disabled_at.is_none() && roles.iter().any(digest::is_reader));
    let Some(reader) = reader else {
        let tx = db.write().await?;
        digest::end(&tx, mark.person_id).await?;
        tx.commit().await?;
        return Ok(false);
    };
    let schedule = schedule(hour, &reader.time_zone);
    let window = schedule.window(mark.covered_until, now);
    let wanted = preference::of_person(db.read(), reader.id).await?.preferences;
    let news = match window {
        Some(stretch) if wanted.wants(MailKind::Digest) => {
            Box::pin(compose(db, clock, &reader, &roles, stretch)).await?
        }
        Some(_) | None => None,
    };
    let covered = window.map_or(mark.covered_until, |(_, until)| until);
    let tx = db.write().await?;
    if !digest::advance(&tx, mark, covered, schedule.due_after(now)).await? {
        // Another worker has written it.
        return Ok(false);
    }
    let told = news.is_some();
    if let Some(news) = news {
        outbox::enqueue(&tx, clock, reader.id, &Notice::Digest { news }).await?;
    }
    tx.commit().await?;
    Ok(told)
}

/// Lets a digest that could not be written rest for a while.
async fn put_off(db: &Db, clock: &Clock, mark: &Model) -> Result<()> {
    let due = clock.now() + put_off_for(mark.failures + 1);
    let tx = db.write().await?;
    digest::put_off(&tx, mark, due).await?;
    tx.commit().await?;
    Ok(())
}

/// What a digest says, where anything happened.
async fn compose(
    db: &Db,
    clock: &Clock,
    reader: &person::Model,
    roles: &[role::Model],
    (since, until): Stretch,
) -> Result<Option<News>> {
    let mut found = news::find(db.read(), reader.id, roles, (since, until), clock.now()).await?;
    found.retain(|_, figures| figures.are_news());
    if found.is_empty() {
        return Ok(None);
    }
    let ids: Vec<EditionId> = found.keys().copied().collect();
    let mut rows = edition::by_ids(db.read(), &ids).await?;
    rows.sort_by_key(|row| (row.starts_on, row.id));
    let courses: Vec<CourseId> = rows.iter().map(|row| row.course_id).collect();
    let courses = course::by_ids(db.read(), &courses).await?;
    let editions = rows.iter().filter_map(|row| {
        let course = courses.iter().find(|course| course.id == row.course_id)?;
        Some(EditionNews {
            edition: row.about(course),
            figures: found.get(&row.id).copied()?,
        })
    });
    Ok(Some(News {
        since,
        until,
        time_zone: reader.time_zone.clone(),
        editions: editions.collect(),
    }))
}
