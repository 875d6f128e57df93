//! Whether the audit log still is what was sealed.

use std::collections::HashSet;

use chrono::TimeDelta;
use sea_orm::prelude::*;
use sea_orm::{QueryOrder, QuerySelect};

use super::{Column, Entity, Head, Ledger, Model, digests, first_id_at, ids_from};
use crate::error::Result;

/// How many differences are told; the first one is what matters.
const TOLD: usize = 20;
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

/// Recomputes the whole chain and compares: every row with its digest, every seal with its hash, the chain with a
/// head that somebody kept outside.
pub async fn check(connection: &impl ConnectionTrait, anchor: Option<&Head>) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut known = [HashSet::new(), HashSet::new()];
    let mut last: Option<Model> = None;
    let mut anchored = false;
    loop {
        let after = last.as_ref().map_or(0, |seal| seal.sequence);
        let seals = Entity::find()
            .filter(Column::Sequence.gt(after))
            .order_by_asc(Column::Sequence)
            .limit(20)
            .all(connection)
            .await?;
        if seals.is_empty() {
            break;
        }
        for seal in seals {
            follow(&mut outcome, last.as_ref(), &seal);
            compare(connection, &mut outcome, &seal).await?;
            known[usize::from(seal.ledger == Ledger::Access.word())].extend(seal.sealed().map(|(id, _)| id));
            if let Some(anchor) = anchor.filter(|anchor| anchor.sequence == seal.sequence) {
                anchored = true;
                if anchor.hash != seal.hash {
                    outcome.tell(format!(
                        "seal {} is not the one that was kept as the anchor",
                        seal.sequence
                    ));
                }
            }
            last = Some(seal);
        }
    }
    let end = last.as_ref().map_or(0, |seal| seal.sequence);
    if let Some(anchor) = anchor.filter(|_| !anchored) {
        outcome.tell(format!(
            "the chain ends at seal {end} and does not hold seal {} of the anchor: its tail was cut",
            anchor.sequence
        ));
    }
    if let Some(seal) = &last {
        for (ledger, known) in Ledger::ALL.into_iter().zip(&known) {
            late(connection, &mut outcome, ledger, known, seal).await?;
        }
    }
    outcome.sealed = known.iter().map(HashSet::len).sum();
    outcome.head = last.map(|seal| Head {
        sequence: seal.sequence,
        hash: seal.hash,
    });
    Ok(outcome)
}

/// Whether a seal follows the one before it.
fn follow(outcome: &mut Outcome, last: Option<&Model>, seal: &Model) {
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
async fn compare(connection: &impl ConnectionTrait, outcome: &mut Outcome, seal: &Model) -> Result<()> {
    let ledger = if seal.ledger == Ledger::Access.word() {
        Ledger::Access
    } else {
        Ledger::Entry
    };
    let sealed: Vec<(Uuid, &[u8])> = seal.sealed().collect();
    for batch in sealed.chunks(500) {
        let ids: Vec<Uuid> = batch.iter().map(|(id, _)| *id).collect();
        let found = digests(connection, ledger, &ids).await?;
        for (id, digest) in batch {
            let what = match found.get(id) {
                None => "is gone",
                Some((present, _)) if present.as_slice() != *digest => "was altered",
                Some(_) => continue,
            };
            outcome.tell(format!("{} {id} of seal {} {what}", ledger.word(), seal.sequence));
        }
    }
    Ok(())
}

/// Tells of rows that look old and that no seal names.
async fn late(
    connection: &impl ConnectionTrait,
    outcome: &mut Outcome,
    ledger: Ledger,
    known: &HashSet<Uuid>,
    last: &Model,
) -> Result<()> {
    let end = first_id_at(last.sealed_at - LATE);
    let mut from = Uuid::nil();
    loop {
        let ids = ids_from(connection, ledger, from, 10_000).await?;
        for id in ids.iter().filter(|id| **id < end && !known.contains(id)) {
            outcome.tell(format!(
                "{} {id} is older than the last seal and in none",
                ledger.word()
            ));
        }
        match ids.last() {
            Some(&last) if last < end && ids.len() == 10_000 => from = Uuid::from_u128(last.as_u128() + 1),
            _ => return Ok(()),
        }
    }
}
