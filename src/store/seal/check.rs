//! Whether the audit log still is what was sealed.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::prelude::*;
use sea_orm::{FromQueryResult, QueryOrder, QuerySelect};

use super::{Column, Entity, Head, Ledger, Model, UNREAD, first_id_at, ids_from, listed};
use crate::error::Result;
use crate::store::{access, audit};

/// How many differences are told; the first one is what matters.
const TOLD: usize = 20;
/// How many identifiers are looked at with one statement.
const PAGE: usize = 10_000;
/// What is older than the last seal by this much and in no seal came in by another way.
const LATE: TimeDelta = TimeDelta::hours(3);

/// What a look at the whole chain found.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// What is not as it was sealed, the earliest first.
    pub problems: Vec<String>,
    /// How many entries and records are sealed.
    pub sealed: usize,
    /// The latest seal.
    pub head: Option<Head>,
}

impl Outcome {
    fn tell(&mut self, problem: String) {
        if self.problems.len() < TOLD {
            self.problems.push(problem);
        }
    }
}

/// What of a seal the rest of the chain hangs on.
#[derive(Debug, FromQueryResult)]
struct Link {
    sequence: i64,
    ledger: String,
    items: Vec<u8>,
    hash: Vec<u8>,
}

/// Recomputes the whole chain and compares: every row with its digest, every seal with its hash, the chain with a
/// head that somebody kept outside. A row that cannot be read is told like one that says something else.
pub async fn check(connection: &impl ConnectionTrait, anchor: Option<&Head>) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut known = [HashSet::new(), HashSet::new()];
    let mut last: Option<Head> = None;
    let mut sealed_at = None;
    let mut anchored = false;
    loop {
        let numbers = numbers_after(connection, last.as_ref().map_or(0, |seal| seal.sequence)).await?;
        if numbers.is_empty() {
            break;
        }
        let (mut seals, mut links) = load(connection, &numbers).await;
        for sequence in numbers {
            if let Some(seal) = seals.remove(&sequence) {
                follow(&mut outcome, last.as_ref(), &seal);
                sealed_at = sealed_at.max(Some(seal.sealed_at));
            } else {
                outcome.tell(format!("seal {sequence} was altered: it cannot be read"));
            }
            let mut hash = Vec::new();
            if let Some(link) = links.remove(&sequence) {
                compare(connection, &mut outcome, &link).await?;
                known[usize::from(link.ledger == Ledger::Access.word())].extend(listed(&link.items).map(|(id, _)| id));
                hash = link.hash;
            }
            if let Some(anchor) = anchor.filter(|anchor| anchor.sequence == sequence) {
                anchored = true;
                if anchor.hash != hash {
                    outcome.tell(format!("seal {sequence} is not the one that was kept as the anchor"));
                }
            }
            last = Some(Head { sequence, hash });
        }
    }
    let end = last.as_ref().map_or(0, |seal| seal.sequence);
    if let Some(anchor) = anchor.filter(|_| !anchored) {
        outcome.tell(format!(
            "the chain ends at seal {end} and does not hold seal {} of the anchor: its tail was cut",
            anchor.sequence
        ));
    }
    if let Some(sealed_at) = sealed_at {
        for (ledger, known) in Ledger::ALL.into_iter().zip(&known) {
            late(connection, &mut outcome, ledger, known, sealed_at).await?;
        }
    }
    outcome.sealed = known.iter().map(HashSet::len).sum();
    outcome.head = last;
    Ok(outcome)
}

/// The numbers of the next seals.
async fn numbers_after(connection: &impl ConnectionTrait, after: i64) -> Result<Vec<i64>> {
    let numbers = Entity::find()
        .select_only()
        .column(Column::Sequence)
        .filter(Column::Sequence.gt(after))
        .order_by_asc(Column::Sequence)
        .limit(20);
    Ok(numbers.into_tuple().all(connection).await?)
}

/// The seals of these numbers that can be read, and of all of them what the chain hangs on, where at least that can.
async fn load(connection: &impl ConnectionTrait, numbers: &[i64]) -> (HashMap<i64, Model>, HashMap<i64, Link>) {
    let of = |numbers: &[i64]| Entity::find().filter(Column::Sequence.is_in(numbers.iter().copied()));
    let seals = readable(numbers, async |numbers| of(numbers).all(connection).await).await;
    let links = readable(numbers, async |numbers| {
        let columns = [Column::Sequence, Column::Ledger, Column::Items, Column::Hash];
        let links = of(numbers).select_only().columns(columns);
        links.into_model::<Link>().all(connection).await
    })
    .await;
    (
        seals.into_iter().map(|seal| (seal.sequence, seal)).collect(),
        links.into_iter().map(|link| (link.sequence, link)).collect(),
    )
}

/// Those of some rows that can be read: all at once, or else one by one.
async fn readable<K, M>(keys: &[K], read: impl AsyncFn(&[K]) -> Result<Vec<M>, DbErr>) -> Vec<M> {
    if let Ok(rows) = read(keys).await {
        return rows;
    }
    let mut rows = Vec::new();
    for key in keys {
        rows.extend(read(std::slice::from_ref(key)).await.unwrap_or_default());
    }
    rows
}

/// Whether a seal follows the one before it.
fn follow(outcome: &mut Outcome, last: Option<&Head>, seal: &Model) {
    let (before, previous) = last.map_or((0, &[][..]), |last| (last.sequence, last.hash.as_slice()));
    if seal.sequence != before + 1 {
        outcome.tell(format!("seal {} is missing", before + 1));
    } else if seal.expected(previous).as_slice() != seal.hash {
        outcome.tell(format!(
            "seal {} was altered, or does not follow seal {before}",
            seal.sequence
        ));
    }
}

/// Compares what is sealed with what is there.
async fn compare(connection: &impl ConnectionTrait, outcome: &mut Outcome, link: &Link) -> Result<()> {
    let ledger = if link.ledger == Ledger::Access.word() {
        Ledger::Access
    } else {
        Ledger::Entry
    };
    let sealed: Vec<(Uuid, &[u8])> = listed(&link.items).collect();
    for batch in sealed.chunks(500) {
        let ids: Vec<Uuid> = batch.iter().map(|(id, _)| *id).collect();
        let found = present(connection, ledger, &ids).await;
        let there = if found.len() < ids.len() {
            ids_among(connection, ledger, &ids).await?
        } else {
            HashSet::new()
        };
        for (id, digest) in batch {
            let what = match found.get(id) {
                _ if **digest == UNREAD => "could not be read when it was sealed",
                None if there.contains(id) => "was altered: it cannot be read",
                None => "is gone",
                Some(present) if present.as_slice() != *digest => "was altered",
                Some(_) => continue,
            };
            outcome.tell(format!("{} {id} of seal {} {what}", ledger.word(), link.sequence));
        }
    }
    Ok(())
}

/// The digest of each of these rows that can be read, as it now is.
async fn present(connection: &impl ConnectionTrait, ledger: Ledger, ids: &[Uuid]) -> HashMap<Uuid, [u8; 32]> {
    match ledger {
        Ledger::Entry => readable(ids, async |ids| {
            let rows = audit::Entity::find().filter(audit::Column::Id.is_in(ids.iter().copied()));
            rows.all(connection).await
        })
        .await
        .into_iter()
        .map(|row| (row.id, row.canonical().digest()))
        .collect(),
        Ledger::Access => readable(ids, async |ids| {
            let rows = access::Entity::find().filter(access::Column::Id.is_in(ids.iter().copied()));
            rows.all(connection).await
        })
        .await
        .into_iter()
        .map(|row| (row.id, row.canonical().digest()))
        .collect(),
    }
}

/// Those of some identifiers of which there is a row, whatever stands in it.
async fn ids_among(connection: &impl ConnectionTrait, ledger: Ledger, ids: &[Uuid]) -> Result<HashSet<Uuid>> {
    let ids = ids.iter().copied();
    let found: Vec<Uuid> = match ledger {
        Ledger::Entry => {
            let rows = audit::Entity::find().select_only().column(audit::Column::Id);
            let rows = rows.filter(audit::Column::Id.is_in(ids));
            rows.into_tuple().all(connection).await?
        }
        Ledger::Access => {
            let rows = access::Entity::find().select_only().column(access::Column::Id);
            let rows = rows.filter(access::Column::Id.is_in(ids));
            rows.into_tuple().all(connection).await?
        }
    };
    Ok(found.into_iter().collect())
}

/// Tells of rows that look old and that no seal names.
async fn late(
    connection: &impl ConnectionTrait,
    outcome: &mut Outcome,
    ledger: Ledger,
    known: &HashSet<Uuid>,
    sealed_at: DateTime<Utc>,
) -> Result<()> {
    let end = first_id_at(sealed_at - LATE);
    let mut from = Uuid::nil();
    loop {
        let ids = ids_from(connection, ledger, from, Some(PAGE)).await?;
        if ids.unreadable > 0 {
            outcome.tell(format!("{}: identifiers that cannot be read", ledger.word()));
        }
        for id in ids.read.iter().filter(|id| **id < end && !known.contains(id)) {
            outcome.tell(format!(
                "{} {id} is older than the last seal and in none",
                ledger.word()
            ));
        }
        match ids.read.last() {
            Some(&last) if last < end && ids.read.len() + ids.unreadable == PAGE => {
                from = Uuid::from_u128(last.as_u128() + 1);
            }
            _ => return Ok(()),
        }
    }
}
