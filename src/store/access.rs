//! Who read personal data of others, and of whom: one row a request, append-only, with the people as compressed
//! sets of person numbers.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use roaring::RoaringBitmap;
use sea_orm::prelude::*;
use sea_orm::{Condition, FromQueryResult, QueryOrder, QuerySelect, Set};

use super::seal::{self, Ledger, first_id_at};
use super::tally::{deserialize, serialize};
use crate::clock::Clock;
use crate::domain::actor::Role;
use crate::domain::audit::{Canonical, Origin};
use crate::domain::id::{EditionId, PersonId};
use crate::error::{Error, Result};

pub mod writer;

/// A request that read personal data of others.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "access_record")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub at: DateTime<Utc>,
    pub reader_id: Option<PersonId>,
    pub via: String,
    pub credential: Option<Uuid>,
    pub request: Option<String>,
    pub operation: String,
    pub edition_id: Option<EditionId>,
    pub reason: Option<String>,
    pub seen: Vec<u8>,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// People of whom the same fields were read in the same role.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// As what.
    pub role: Role,
    /// Which fields, as a set of [`crate::domain::audit::PersonalField`].
    pub fields: u8,
    /// The numbers of the people.
    pub people: RoaringBitmap,
}

const ROLES: [Role; 4] = [Role::Tutor, Role::FocalPoint, Role::Coordinator, Role::Administrator];

fn encode(seen: &[Seen]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for group in seen {
        let people = serialize(&group.people)?;
        let role = ROLES.iter().position(|role| *role == group.role).unwrap_or_default();
        bytes.push(u8::try_from(role).map_err(Error::internal)?);
        bytes.push(group.fields);
        bytes.extend(u32::try_from(people.len()).map_err(Error::internal)?.to_be_bytes());
        bytes.extend(people);
    }
    Ok(bytes)
}

fn decode(mut bytes: &[u8]) -> Result<Vec<Seen>> {
    let broken = || Error::internal("a record of an access that cannot be read");
    let mut seen = Vec::new();
    while let [role, fields, a, b, c, d, rest @ ..] = bytes {
        let length = usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).map_err(Error::internal)?;
        let (people, rest) = rest.split_at_checked(length).ok_or_else(broken)?;
        seen.push(Seen {
            role: *ROLES.get(usize::from(*role)).ok_or_else(broken)?,
            fields: *fields,
            people: deserialize(people)?,
        });
        bytes = rest;
    }
    if bytes.is_empty() { Ok(seen) } else { Err(broken()) }
}

impl Model {
    /// What the seal of the record holds fast.
    pub fn canonical(&self) -> Canonical {
        Canonical::new("access")
            .id(Some(self.id))
            .number(self.at.timestamp_micros())
            .id(self.reader_id.map(|person| person.0))
            .text(Some(&self.via))
            .id(self.credential)
            .text(self.request.as_deref())
            .text(Some(&self.operation))
            .id(self.edition_id.map(|edition| edition.0))
            .text(self.reason.as_deref())
            .part(Some(&self.seen))
    }

    /// What was read, of whom, as what.
    pub fn seen(&self) -> Result<Vec<Seen>> {
        decode(&self.seen)
    }

    /// Everybody of whom anything was read.
    pub fn people(&self) -> Result<RoaringBitmap> {
        Ok(self
            .seen()?
            .into_iter()
            .fold(RoaringBitmap::new(), |all, group| all | group.people))
    }
}

/// A new record, not yet stored.
#[derive(Debug, Clone)]
pub struct Record {
    /// Who read.
    pub reader: Option<PersonId>,
    /// Through what.
    pub origin: Origin,
    /// The operation.
    pub operation: String,
    /// The edition that it was about, if it was about one.
    pub edition: Option<EditionId>,
    /// Why, where a reason was given.
    pub reason: Option<String>,
    /// What.
    pub seen: Vec<Seen>,
}

impl Record {
    fn row(self, clock: &Clock) -> Result<ActiveModel> {
        Ok(ActiveModel {
            id: Set(clock.new_id()),
            at: Set(clock.now()),
            reader_id: Set(self.reader),
            via: Set(self.origin.via.word().to_owned()),
            credential: Set(self.origin.credential),
            request: Set(self.origin.request),
            operation: Set(self.operation),
            edition_id: Set(self.edition),
            reason: Set(self.reason),
            seen: Set(encode(&self.seen)?),
        })
    }
}

/// Stores records with one statement, in the caller's transaction or in none.
pub async fn insert(connection: &impl ConnectionTrait, clock: &Clock, records: Vec<Record>) -> Result<()> {
    let rows: Vec<ActiveModel> = records
        .into_iter()
        .map(|record| record.row(clock))
        .collect::<Result<_>>()?;
    Entity::insert_many(rows).exec_without_returning(connection).await?;
    Ok(())
}

/// How many seals are looked at with one statement, of how many that name the person the lists are read with one, and
/// of how many records.
const SEALS: u64 = 100;
const LISTS: usize = 10;
const RECORDS: usize = 500;

/// A seal as far as the search needs it: where it ends, and of whom its records tell.
#[derive(Debug, FromQueryResult)]
struct Tells {
    sequence: i64,
    to_id: Uuid,
    people: Vec<u8>,
}

/// The latest `limit` records about a person that come before one, and whether there are more.
///
/// The seals are the index: each keeps the people of its records as one set, so that only those are opened in which
/// the person is, from the latest on, and no more of them than the answer needs.
pub async fn about(
    connection: &impl ConnectionTrait,
    number: u32,
    before: Option<Uuid>,
    limit: usize,
    now: DateTime<Utc>,
) -> Result<(Vec<Model>, bool)> {
    let mut search = Search {
        number,
        before: before.unwrap_or(Uuid::max()),
        limit,
        found: Vec::new(),
    };
    let fresh = seal::unsealed(connection, Ledger::Access, now, TimeDelta::minutes(2), None).await?;
    search.open(connection, fresh).await?;
    let mut end = Some(Uuid::max());
    while let Some(before) = end.filter(|end| !search.is_settled(*end)) {
        end = search.look(connection, before).await?;
    }
    let more = search.found.len() > limit;
    search.found.truncate(limit);
    Ok((search.found, more))
}

/// What is looked for, and what was found so far, the latest first: one more than is wanted.
struct Search {
    number: u32,
    before: Uuid,
    limit: usize,
    found: Vec<Model>,
}

impl Search {
    /// Whether what was found stands fast, when everything that was not looked at yet ends here. Seals overlap.
    fn is_settled(&self, end: Uuid) -> bool {
        self.found.get(self.limit).is_some_and(|last| last.id > end)
    }

    /// Looks at the next seals that end before this; where the last of them ends, if there may be others.
    async fn look(&mut self, connection: &impl ConnectionTrait, end: Uuid) -> Result<Option<Uuid>> {
        let seals: Vec<Tells> = seal::Entity::find()
            .select_only()
            .columns([seal::Column::Sequence, seal::Column::ToId, seal::Column::People])
            .filter(seal::Column::Ledger.eq(Ledger::Access.word()))
            .filter(seal::Column::FromId.lt(self.before))
            .filter(seal::Column::ToId.lt(end))
            .order_by_desc(seal::Column::ToId)
            .limit(SEALS)
            .into_model()
            .all(connection)
            .await?;
        let last = seals
            .last()
            .filter(|_| seals.len() as u64 == SEALS)
            .map(|last| last.to_id);
        let mut of_person = Vec::new();
        for seal in seals {
            if deserialize(&seal.people)?.contains(self.number) {
                of_person.push(seal);
            }
        }
        for batch in of_person.chunks(LISTS) {
            if batch.first().is_some_and(|latest| self.is_settled(latest.to_id)) {
                break;
            }
            let numbers = batch.iter().map(|seal| seal.sequence).collect();
            let ids = seal::listed_in(connection, numbers).await?;
            self.open(connection, ids).await?;
        }
        Ok(last)
    }

    /// Takes those of these records that are about the person, the latest first, as far as they can still count.
    async fn open(&mut self, connection: &impl ConnectionTrait, mut ids: Vec<Uuid>) -> Result<()> {
        ids.retain(|id| *id < self.before);
        ids.sort_unstable_by_key(|id| std::cmp::Reverse(*id));
        for batch in ids.chunks(RECORDS) {
            if batch.first().is_some_and(|latest| self.is_settled(*latest)) {
                break;
            }
            let rows = Entity::find().filter(Column::Id.is_in(batch.iter().copied()));
            for row in rows.all(connection).await? {
                if row.people()?.contains(self.number) {
                    self.found.push(row);
                }
            }
            self.found.sort_unstable_by_key(|row| std::cmp::Reverse(row.id));
            self.found.truncate(self.limit + 1);
        }
        Ok(())
    }
}

/// Whose reading is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// An account's.
    Person(PersonId),
    /// Of one session, or one API token.
    Credential(Uuid),
}

/// What of one person was read by one account or token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Touch {
    /// The person's number.
    pub number: u32,
    /// Which fields.
    pub fields: u8,
    /// In how many requests.
    pub times: u64,
    /// When first.
    pub first_at: DateTime<Utc>,
    /// When last.
    pub last_at: DateTime<Utc>,
}

#[derive(Debug, FromQueryResult)]
struct Line {
    id: Uuid,
    at: DateTime<Utc>,
    seen: Vec<u8>,
}

/// Everybody of whom an account or a token read anything in a period, by number.
pub async fn touched(
    connection: &impl ConnectionTrait,
    reader: Reader,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<Touch>> {
    const BATCH: u64 = 10_000;
    let whose = match reader {
        Reader::Person(person) => Condition::all().add(Column::ReaderId.eq(person)),
        Reader::Credential(credential) => Condition::all().add(Column::Credential.eq(credential)),
    };
    let end = first_id_at(until);
    let mut after = first_id_at(from);
    let mut all: HashMap<u32, Touch> = HashMap::new();
    loop {
        let lines: Vec<Line> = Entity::find()
            .select_only()
            .columns([Column::Id, Column::At, Column::Seen])
            .filter(whose.clone())
            .filter(Column::Id.gte(after))
            .filter(Column::Id.lt(end))
            .order_by_asc(Column::Id)
            .limit(BATCH)
            .into_model()
            .all(connection)
            .await?;
        for line in &lines {
            for group in decode(&line.seen)? {
                for number in group.people {
                    let touch = all.entry(number).or_insert(Touch {
                        number,
                        fields: 0,
                        times: 0,
                        first_at: line.at,
                        last_at: line.at,
                    });
                    touch.fields |= group.fields;
                    touch.times += 1;
                    touch.last_at = line.at;
                }
            }
        }
        match lines.last() {
            Some(last) if lines.len() as u64 == BATCH => after = Uuid::from_u128(last.id.as_u128() + 1),
            _ => break,
        }
    }
    let mut all: Vec<Touch> = all.into_values().collect();
    all.sort_unstable_by_key(|touch| touch.number);
    Ok(all)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_seen_reads_back(groups: Vec<(u8, u8, Vec<u32>)>) {
            let seen: Vec<Seen> = groups
                .into_iter()
                .map(|(role, fields, people)| Seen {
                    role: ROLES[usize::from(role % 4)],
                    fields,
                    people: people.into_iter().collect(),
                })
                .collect();
            prop_assert_eq!(decode(&encode(&seen).expect("bytes")).expect("groups"), seen);
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            drop(decode(&bytes));
        }
    }
}
