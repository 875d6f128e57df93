//! What the rows of imported tables said when they were carried out, by the digest of it, and what they are compared
//! with. A row is known by the digest of its address, and leads to its person when they have another address by now.
//! Who guesses an address can test the guess against a digest.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use sea_orm::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{QueryOrder, QuerySelect};
use uuid::Uuid;

use super::{Tx, edition, enrolment, person};
use crate::domain::actor::Actor;
use crate::domain::id::{EditionId, PersonId};
use crate::domain::roster::Kind;
use crate::error::Result;

/// What a row said.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "imported_row")]
#[allow(missing_docs, reason = "the columns are documented in the module")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: Kind,
    /// The edition; nil where there is none.
    #[sea_orm(primary_key, auto_increment = false)]
    pub scope_id: Uuid,
    /// The digest of the address.
    #[sea_orm(primary_key, auto_increment = false)]
    pub address: Vec<u8>,
    pub person_id: PersonId,
    pub content: Vec<u8>,
    pub imported_at: DateTime<Utc>,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What was carried out last for each of these addresses, by their digests.
pub async fn noted(
    connection: &impl ConnectionTrait,
    kind: Kind,
    scope: Uuid,
    addresses: &[Vec<u8>],
) -> Result<HashMap<Vec<u8>, Model>> {
    let rows = Entity::find()
        .filter(Column::Kind.eq(kind))
        .filter(Column::ScopeId.eq(scope))
        .filter(Column::Address.is_in(addresses.iter().cloned()))
        .all(connection)
        .await?;
    Ok(rows.into_iter().map(|row| (row.address.clone(), row)).collect())
}

/// The people of addresses that nobody has any more, by these: `gone` are the addresses, and whose they were. With
/// `held` the people are held against others who change them.
pub async fn moved(
    connection: &impl ConnectionTrait,
    gone: &[(&str, PersonId)],
    held: bool,
) -> Result<HashMap<String, person::Model>> {
    if gone.is_empty() {
        return Ok(HashMap::new());
    }
    let people = person::Entity::find()
        .filter(person::Column::Id.is_in(gone.iter().map(|(_, id)| *id)))
        .order_by_asc(person::Column::Id);
    let people = if held { people.lock_exclusive() } else { people };
    let people = people.all(connection).await?;
    let people: HashMap<PersonId, person::Model> = people.into_iter().map(|row| (row.id, row)).collect();
    let found = gone
        .iter()
        .filter_map(|(email, id)| Some(((*email).to_owned(), people.get(id)?.clone())));
    Ok(found.collect())
}

/// Notes what is carried out now, in the place of what was before.
pub async fn note(tx: &Tx, rows: Vec<Model>) -> Result<()> {
    let said = OnConflict::columns([Column::Kind, Column::ScopeId, Column::Address])
        .update_columns([Column::PersonId, Column::Content, Column::ImportedAt])
        .to_owned();
    for batch in rows.chunks(1000) {
        Entity::insert_many(batch.iter().cloned().map(ActiveModel::from))
            .on_conflict(said.clone())
            .exec_without_returning(tx)
            .await?;
    }
    Ok(())
}

/// The accounts with these addresses, by them.
pub async fn accounts(connection: &impl ConnectionTrait, emails: &[&str]) -> Result<HashMap<String, person::Model>> {
    let rows = person::Entity::find()
        .filter(person::Column::Email.is_in(emails.iter().copied()))
        .all(connection)
        .await?;
    Ok(rows.into_iter().map(|row| (row.email.clone(), row)).collect())
}

/// The same, held against others who change them.
pub async fn lock_accounts(tx: &Tx, emails: &[&str]) -> Result<HashMap<String, person::Model>> {
    let rows = person::Entity::find()
        .filter(person::Column::Email.is_in(emails.iter().copied()))
        .order_by_asc(person::Column::Id)
        .lock_exclusive()
        .all(tx)
        .await?;
    Ok(rows.into_iter().map(|row| (row.email.clone(), row)).collect())
}

/// The enrolments of these people in the edition, whatever their state, the oldest first.
pub async fn enrolments(
    connection: &impl ConnectionTrait,
    edition: EditionId,
    people: &[PersonId],
) -> Result<HashMap<PersonId, Vec<enrolment::Model>>> {
    let rows = enrolment::Entity::find()
        .filter(enrolment::Column::EditionId.eq(edition))
        .filter(enrolment::Column::PersonId.is_in(people.iter().copied()))
        .order_by_asc(enrolment::Column::AppliedAt)
        .order_by_asc(enrolment::Column::Id)
        .all(connection)
        .await?;
    let mut found: HashMap<_, Vec<_>> = HashMap::new();
    for row in rows {
        found.entry(row.person_id).or_default().push(row);
    }
    Ok(found)
}

/// The editions with these codes that exist for the actor.
pub async fn editions(connection: &impl ConnectionTrait, actor: &Actor, codes: &[&str]) -> Result<Vec<edition::Model>> {
    let codes: BTreeSet<&str> = codes.iter().copied().collect();
    let codes: Vec<&str> = codes.into_iter().collect();
    let mut found = Vec::new();
    for batch in codes.chunks(1000) {
        let rows = edition::Entity::find()
            .filter(edition::Column::Code.is_in(batch.iter().copied()))
            .filter(edition::visible_to(actor));
        found.extend(rows.all(connection).await?);
    }
    Ok(found)
}
