//! The chain over the audit log: append-only seals, each over some entries and over the seal before it.
//!
//! Entries are written in the transaction of what they tell, without a chain, so that nobody waits for anybody.
//! The worker seals what was committed since, some seconds later: a seal names each entry with its digest, and
//! its hash covers them and the hash of the seal before. An entry that is changed or removed afterwards, by
//! whatever hand, differs from its digest; a seal that is changed differs from its hash; a tail that is cut is
//! missed by whoever kept an earlier head outside.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use roaring::RoaringBitmap;
use sea_orm::prelude::*;
use sea_orm::{FromQueryResult, QueryOrder, QueryResult, QuerySelect, QueryTrait};

use super::lock::try_alone;
use super::tally::serialize;
use super::{Db, Tx, access, audit, row};
use crate::clock::Clock;
use crate::domain::audit::Canonical;
use crate::error::Result;

pub mod check;

/// The name under which one process at a time seals.
const LOCK: i64 = 0x0052_756D_6273;
/// The most entries of one seal.
const MOST: usize = 5000;
/// How far the clocks of several copies may lie apart.
const SKEW: TimeDelta = TimeDelta::minutes(5);
/// An identifier and a digest.
const ITEM: usize = 48;
/// Stands where the digest of a row should, that could not be read when it was sealed; none is like this.
const UNREAD: [u8; 32] = [0; 32];

/// One seal.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_seal")]
#[allow(missing_docs, reason = "said above, and in the documentation of the audit log")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub sequence: i64,
    pub ledger: String,
    pub sealed_at: DateTime<Utc>,
    pub from_id: Uuid,
    pub to_id: Uuid,
    pub items: Vec<u8>,
    pub people: Vec<u8>,
    pub hash: Vec<u8>,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ledger {
    /// Entries of the audit log.
    Entry,
    /// Records of who read personal data.
    Access,
}

impl Ledger {
    const ALL: [Self; 2] = [Self::Entry, Self::Access];

    /// The word in the column.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Entry => "entry",
            Self::Access => "access",
        }
    }
}

/// The latest seal: kept outside, it shows later whether the chain still holds what it held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Its number.
    pub sequence: i64,
    /// Its hash.
    pub hash: Vec<u8>,
}

impl std::fmt::Display for Head {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hash = data_encoding::HEXLOWER.encode(&self.hash);
        write!(out, "{hash}@{}", self.sequence)
    }
}

impl std::str::FromStr for Head {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let wrong = || "write it as it was printed: 64 hexadecimal digits, @, and a number".to_owned();
        let (hash, sequence) = text.trim().split_once('@').ok_or_else(wrong)?;
        let hash = data_encoding::HEXLOWER_PERMISSIVE
            .decode(hash.as_bytes())
            .map_err(|_| wrong())?;
        let sequence = sequence.parse().map_err(|_| wrong())?;
        if hash.len() == 32 {
            Ok(Self { sequence, hash })
        } else {
            Err(wrong())
        }
    }
}

impl Model {
    /// What its hash has to be after the seal before it.
    fn expected(&self, previous: &[u8]) -> [u8; 32] {
        Canonical::new("seal")
            .part(Some(previous))
            .number(self.sequence)
            .text(Some(&self.ledger))
            .number(self.sealed_at.timestamp_micros())
            .part(Some(&self.items))
            .part(Some(&self.people))
            .digest()
    }
}

/// The identifiers and digests in the list of a seal.
fn listed(items: &[u8]) -> impl Iterator<Item = (Uuid, &[u8])> {
    items.chunks_exact(ITEM).map(|item| {
        let (id, digest) = item.split_at(16);
        (Uuid::from_slice(id).unwrap_or_default(), digest)
    })
}

/// The identifiers that these seals name.
pub(super) async fn listed_in(connection: &impl ConnectionTrait, numbers: Vec<i64>) -> Result<Vec<Uuid>> {
    let lists: Vec<Vec<u8>> = Entity::find()
        .select_only()
        .column(Column::Items)
        .filter(Column::Sequence.is_in(numbers))
        .into_tuple()
        .all(connection)
        .await?;
    Ok(lists.iter().flat_map(|items| listed(items).map(|(id, _)| id)).collect())
}

/// The latest seal, if there is any.
pub async fn head(connection: &impl ConnectionTrait) -> Result<Option<Head>> {
    let last = Entity::find()
        .order_by_desc(Column::Sequence)
        .limit(1)
        .one(connection)
        .await?;
    Ok(last.map(|seal| Head {
        sequence: seal.sequence,
        hash: seal.hash,
    }))
}

/// Seals what was committed and is not sealed yet, as far as it comes after what the last seal names, or is not older
/// than that seal by more than `look_back`: whoever took longer from writing an entry to committing it is found by a
/// longer one. Returns how many entries were sealed. Of several processes one seals at a time; the others return at
/// once.
pub async fn seal(db: &Db, clock: &Clock, look_back: TimeDelta) -> Result<usize> {
    let mut count = 0;
    for ledger in Ledger::ALL {
        while !unsealed(db.read(), ledger, clock.now(), look_back, Some(1))
            .await?
            .is_empty()
        {
            let tx = db.write().await?;
            if !try_alone(&tx, LOCK).await? {
                return Ok(count);
            }
            // Somebody else may have sealed them meanwhile.
            let mut fresh = unsealed(&tx, ledger, clock.now(), look_back, Some(MOST)).await?;
            fresh.truncate(MOST);
            if fresh.is_empty() {
                break;
            }
            append(&tx, clock, ledger, &fresh).await?;
            tx.commit().await?;
            count += fresh.len();
        }
    }
    Ok(count)
}

async fn append(tx: &Tx, clock: &Clock, ledger: Ledger, fresh: &[Uuid]) -> Result<()> {
    let (mut items, mut people) = (Vec::with_capacity(fresh.len() * ITEM), RoaringBitmap::new());
    for batch in fresh.chunks(500) {
        let mut found = contents(tx, ledger, batch).await?;
        for id in batch {
            let (digest, seen) = match found.remove(id) {
                Some(Ok(content)) => content,
                Some(Err(cause)) => {
                    // The chain goes on, and says of this one what is to be said.
                    tracing::error!(ledger = ledger.word(), record.id = %id, error.chain = %cause,
                        "a record cannot be read and is sealed as such");
                    (UNREAD, RoaringBitmap::new())
                }
                None => continue,
            };
            items.extend(id.as_bytes());
            items.extend(digest);
            people |= seen;
        }
    }
    let last = head(tx).await?;
    let (sequence, previous) = last.map_or((1, Vec::new()), |head| (head.sequence + 1, head.hash));
    let mut row = Model {
        sequence,
        ledger: ledger.word().to_owned(),
        sealed_at: clock.now(),
        from_id: fresh.first().copied().unwrap_or_default(),
        to_id: fresh.last().copied().unwrap_or_default(),
        items,
        people: serialize(&people)?,
        hash: Vec::new(),
    };
    row.hash = row.expected(&previous).to_vec();
    row::insert(tx, row).await
}

/// What a seal keeps of a row: its digest, and the people of whom it tells.
type Content = ([u8; 32], RoaringBitmap);

/// What a seal keeps of each of these rows as it now is, or why that cannot be read.
async fn contents(
    connection: &impl ConnectionTrait,
    ledger: Ledger,
    ids: &[Uuid],
) -> Result<BTreeMap<Uuid, Result<Content>>> {
    let ids = ids.iter().copied();
    let (rows, read): (_, fn(&QueryResult) -> Result<Content>) = match ledger {
        Ledger::Entry => (
            audit::Entity::find().filter(audit::Column::Id.is_in(ids)).into_query(),
            |row| {
                let row = audit::Model::from_query_result(row, "")?;
                Ok((row.canonical().digest(), RoaringBitmap::new()))
            },
        ),
        Ledger::Access => (
            access::Entity::find()
                .filter(access::Column::Id.is_in(ids))
                .into_query(),
            |row| {
                let row = access::Model::from_query_result(row, "")?;
                Ok((row.canonical().digest(), row.people()?))
            },
        ),
    };
    let mut found = BTreeMap::new();
    for row in connection.query_all(&rows).await? {
        found.insert(row.try_get("", "id")?, read(&row));
    }
    Ok(found)
}

/// The rows that no seal names yet, in their order: from where the last seal ended, or from `look_back` before it was
/// made, whichever is earlier. A seal that was full left the rest of a backlog, however old that is. At least `most` of them
/// are found where there are so many; without it all.
pub(super) async fn unsealed(
    connection: &impl ConnectionTrait,
    ledger: Ledger,
    now: DateTime<Utc>,
    look_back: TimeDelta,
    most: Option<usize>,
) -> Result<Vec<Uuid>> {
    let seals = || Entity::find().filter(Column::Ledger.eq(ledger.word()));
    let last: Option<(DateTime<Utc>, Uuid)> = seals()
        .select_only()
        .columns([Column::SealedAt, Column::ToId])
        .order_by_desc(Column::SealedAt)
        .order_by_desc(Column::Sequence)
        .limit(1)
        .into_tuple()
        .one(connection)
        .await?;
    let Some((last, end)) = last else {
        return Ok(ids_from(connection, ledger, Uuid::nil(), most).await?.read);
    };
    let from = first_id_at(last.min(now) - look_back).min(end);
    let since = instant_of(from);
    let recent: Vec<Vec<u8>> = seals()
        .select_only()
        .column(Column::Items)
        .filter(Column::SealedAt.gte(since - SKEW))
        .into_tuple()
        .all(connection)
        .await?;
    let known: HashSet<&[u8]> = recent
        .iter()
        .flat_map(|items| items.chunks_exact(ITEM).map(|item| &item[..16]))
        .collect();
    let mut fresh = ids_from(connection, ledger, from, most.map(|most| most + known.len()))
        .await?
        .read;
    fresh.retain(|id| !known.contains(id.as_bytes().as_slice()));
    Ok(fresh)
}

/// Identifiers in their order, and how many among them are none.
#[derive(Debug, Default)]
struct Ids {
    read: Vec<Uuid>,
    unreadable: usize,
}

/// The identifiers from one on, in their order, so many at the most. What is no identifier can be in no seal: it is told by whoever checks.
async fn ids_from(connection: &impl ConnectionTrait, ledger: Ledger, from: Uuid, most: Option<usize>) -> Result<Ids> {
    let most = most.and_then(|most| u64::try_from(most).ok());
    let rows = match ledger {
        Ledger::Entry => {
            let rows = audit::Entity::find().select_only().column(audit::Column::Id);
            let rows = rows.filter(audit::Column::Id.gte(from)).order_by_asc(audit::Column::Id);
            rows.limit(most).into_query()
        }
        Ledger::Access => {
            let rows = access::Entity::find().select_only().column(access::Column::Id);
            let rows = rows
                .filter(access::Column::Id.gte(from))
                .order_by_asc(access::Column::Id);
            rows.limit(most).into_query()
        }
    };
    let mut ids = Ids::default();
    for row in connection.query_all(&rows).await? {
        match row.try_get_by_index(0) {
            Ok(id) => ids.read.push(id),
            Err(_) => ids.unreadable += 1,
        }
    }
    Ok(ids)
}

/// The first identifier that can have been made at an instant (RFC 9562, version 7).
pub(super) fn first_id_at(at: DateTime<Utc>) -> Uuid {
    let millis = u128::try_from(at.timestamp_millis()).unwrap_or_default();
    Uuid::from_u128(millis << 80)
}

/// The instant at which an identifier was made, to the millisecond.
fn instant_of(id: Uuid) -> DateTime<Utc> {
    let millis = i64::try_from(id.as_u128() >> 80).unwrap_or_default();
    DateTime::from_timestamp_millis(millis).unwrap_or_default()
}
