//! Buckets (see `domain::rate`): exact ones in the database, which all copies of Rumbo share, and counted ones
//! in memory, which copies on PostgreSQL tell each other about once a second.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait, LockBehavior, LockType, OnConflict, Query};
use sha2::{Digest, Sha256};

use super::{Db, Engine, Tx, engine};
use crate::config::{Rate, Rates};
use crate::domain::rate::Rule;
use crate::error::Result;

pub mod line;

/// A bucket that is not full.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "rate_bucket")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: Vec<u8>,
    pub full_at: i64,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    fn read(self) -> Option<(Key, i64)> {
        Some((Key(self.key.try_into().ok()?), self.full_at))
    }
}

/// Whose bucket of what it is. A digest: the table names nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key([u8; 16]);

impl Key {
    /// The key of what these parts name together.
    pub fn new(parts: &[&[u8]]) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(part);
        }
        let mut key = [0; 16];
        key.copy_from_slice(&digest.finalize()[..16]);
        Self(key)
    }
}

/// What is to be taken from one bucket.
#[derive(Debug, Clone, Copy)]
pub struct Charge {
    /// Which bucket.
    pub key: Key,
    /// What it holds.
    pub rule: Rule,
    /// How much is taken.
    pub units: u32,
}

impl Charge {
    /// So many units from the bucket of what these parts name together.
    pub fn new(parts: &[&[u8]], rate: &Rate, units: usize) -> Self {
        Self {
            key: Key::new(parts),
            rule: Rule::new(rate),
            units: u32::try_from(units).unwrap_or(u32::MAX),
        }
    }

    /// So many messages to one address, whoever sends them.
    pub fn mail_to(address: &str, rates: &Rates, units: usize) -> Self {
        Self::new(&[b"mail to", address.as_bytes()], &rates.mail_recipient, units)
    }
}

/// When some buckets are full. Those that are full now may be missing.
pub async fn full_at(connection: &impl ConnectionTrait, keys: &[Key]) -> Result<HashMap<Key, i64>> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = Entity::find()
        .filter(Column::Key.is_in(keys.iter().map(|key| key.0.to_vec())))
        .all(connection)
        .await?;
    Ok(rows.into_iter().filter_map(Model::read).collect())
}

/// Locks these buckets, in the order of their keys, so that two transactions never wait for each other, in whatever
/// order they take and give back afterwards. Whoever changes more than one bucket holds them first. On SQLite there is
/// one transaction that writes.
pub async fn hold(tx: &Tx, keys: impl IntoIterator<Item = Key>, now: i64) -> Result<()> {
    let keys: BTreeSet<Key> = keys.into_iter().collect();
    if engine(tx) == Engine::Sqlite || keys.len() < 2 {
        return Ok(());
    }
    let stays = Expr::col((Entity, Column::FullAt));
    let rows = keys.into_iter().map(|key| (key, now));
    upsert(rows, stays, None).exec_without_returning(tx).await?;
    Ok(())
}

/// Takes a charge, or tells the microseconds to wait. Several are taken in one transaction, which is not
/// committed when one is refused, and which [`hold`]s them first.
pub async fn take(tx: &Tx, charge: Charge, now: i64) -> Result<std::result::Result<(), i64>> {
    let cost = charge.rule.time(charge.units);
    let start = match charge.rule.take(i64::MIN, now, charge.units) {
        Ok(start) => start,
        Err(wait) => return Ok(Err(wait)),
    };
    let taken = upsert(
        [(charge.key, start)],
        after(cost, now),
        Some(after(cost, now).lte(now.saturating_add(charge.rule.depth()))),
    );
    if taken.exec_without_returning(tx).await? > 0 {
        return Ok(Ok(()));
    }
    let known = full_at(tx, &[charge.key]).await?;
    let refused = charge
        .rule
        .take(known.get(&charge.key).copied().unwrap_or(now), now, charge.units);
    Ok(Err(refused.err().unwrap_or(1)))
}

/// Gives charges back, to buckets that the transaction [`hold`]s.
pub async fn give_back(tx: &Tx, charges: &[Charge]) -> Result<()> {
    for charge in charges {
        Entity::update_many()
            .col_expr(
                Column::FullAt,
                Expr::col(Column::FullAt).sub(charge.rule.time(charge.units)),
            )
            .filter(Column::Key.eq(charge.key.0.to_vec()))
            .exec(tx)
            .await?;
    }
    Ok(())
}

/// Keeps in mind until an instant what a key stands for. It is a row like that of a bucket, and goes like one.
pub async fn keep_until(tx: &Tx, keys: &[Key], until: i64) -> Result<()> {
    if keys.is_empty() {
        return Ok(());
    }
    let excluded = Expr::cust("excluded.full_at");
    let rows = keys.iter().map(|key| (*key, until));
    upsert(rows, excluded, None).exec_without_returning(tx).await?;
    Ok(())
}

/// When a bucket of the table is full after `cost` more is taken from it.
fn after(cost: i64, now: i64) -> Expr {
    let stands = Expr::col((Entity, Column::FullAt));
    Expr::case(stands.clone().gt(now), stands).finally(now).add(cost)
}

fn upsert(
    rows: impl IntoIterator<Item = (Key, i64)>,
    value: Expr,
    only: Option<Expr>,
) -> sea_orm::InsertMany<ActiveModel> {
    let mut conflict = OnConflict::column(Column::Key);
    conflict.value(Column::FullAt, value);
    if let Some(only) = only {
        conflict.action_and_where(only);
    }
    let rows = rows.into_iter().map(|(key, full_at)| ActiveModel {
        key: Set(key.0.to_vec()),
        full_at: Set(full_at),
    });
    Entity::insert_many(rows).on_conflict(conflict)
}

/// A bucket in memory.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    full_at: i64,
    /// What was taken since the other copies were told, in microseconds.
    untold: i64,
}

/// The most buckets that are kept in memory; callers beyond that share one.
const MOST: usize = 200_000;
/// The most buckets of which the other copies are told in one statement.
const TOLD_AT_ONCE: usize = 5_000;

type Slots = HashMap<Key, Slot, BuildHasherDefault<DefaultHasher>>;

/// Buckets that are counted in memory.
#[derive(Debug, Default)]
pub struct Counters(Mutex<Slots>);

impl Counters {
    /// Looks whether a charge could be taken.
    ///
    /// # Errors
    /// The microseconds to wait.
    pub fn look(&self, charge: Charge, now: i64) -> std::result::Result<(), i64> {
        let slots = self.lock();
        let key = Self::counted(&slots, charge.key);
        let full_at = slots.get(&key).map_or(0, |slot| slot.full_at);
        charge.rule.take(full_at, now, charge.units).map(|_| ())
    }

    /// The bucket in which a key is counted.
    fn counted(slots: &Slots, key: Key) -> Key {
        if slots.len() >= MOST && !slots.contains_key(&key) {
            Key([0; 16])
        } else {
            key
        }
    }

    /// Takes a charge.
    ///
    /// # Errors
    /// The microseconds to wait; nothing was taken.
    pub fn take(&self, charge: Charge, now: i64) -> std::result::Result<(), i64> {
        let mut slots = self.lock();
        let key = Self::counted(&slots, charge.key);
        let slot = slots.entry(key).or_default();
        slot.full_at = charge.rule.take(slot.full_at, now, charge.units)?;
        slot.untold += charge.rule.time(charge.units);
        Ok(())
    }

    /// Forgets the buckets that are full, and tells the other copies on PostgreSQL what was taken here, in one
    /// statement that says what was taken everywhere. What could not be told is told the next time.
    pub async fn exchange(&self, db: &Db, now: i64) -> Result<()> {
        if db.engine() == Engine::Sqlite {
            self.lock().retain(|_, slot| slot.full_at > now);
            return Ok(());
        }
        let mut told: Vec<(Key, i64)> = {
            let mut slots = self.lock();
            slots.retain(|_, slot| slot.full_at > now || slot.untold > 0);
            let untold = slots.iter_mut().filter(|(_, slot)| slot.untold > 0);
            untold
                .take(TOLD_AT_ONCE)
                .map(|(key, slot)| (*key, std::mem::take(&mut slot.untold)))
                .collect()
        };
        if told.is_empty() {
            return Ok(());
        }
        // Two copies that meet take the rows in the same order.
        told.sort_unstable();
        let result = tell(db, &told, now).await;
        let mut slots = self.lock();
        match result {
            Ok(everywhere) => {
                for (key, full_at) in everywhere {
                    if let Some(slot) = slots.get_mut(&key) {
                        slot.full_at = Ord::max(slot.full_at, full_at.saturating_add(slot.untold));
                    }
                }
                Ok(())
            }
            Err(failure) => {
                for (key, time) in told {
                    slots.entry(key).or_default().untold += time;
                }
                Err(failure)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        // Nothing in here panics half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds what was taken here to the shared buckets; when they are full now.
async fn tell(db: &Db, told: &[(Key, i64)], now: i64) -> Result<Vec<(Key, i64)>> {
    let rows = told.iter().map(|&(key, time)| (key, now.saturating_add(time)));
    let excluded = Expr::cust("excluded.full_at").sub(now);
    let stands = Expr::col((Entity, Column::FullAt));
    let value = Expr::case(stands.clone().gt(now), stands).finally(now).add(excluded);
    let rows = upsert(rows, value, None).exec_with_returning(&db.writer).await?;
    Ok(rows.into_iter().filter_map(Model::read).collect())
}

/// Forgets the shared buckets that are full, and who waits no longer. What somebody holds is left for the next time:
/// the rows are not taken in the order of their keys.
pub async fn forget_full(db: &Db, now: i64) -> Result<()> {
    let full = Query::select()
        .column(Column::Key)
        .from(Entity)
        .cond_where(Column::FullAt.lte(now))
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .to_owned();
    Entity::delete_many()
        .filter(Column::Key.in_subquery(full))
        .exec(&db.writer)
        .await?;
    line::forget_gone(db, now).await
}
