//! Identities of people at identity providers: with each of them its owner can sign in.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{ActiveValue::Set, QueryOrder};

use super::{Tx, role};
use crate::domain::id::{IdentityId, PersonId};
use crate::domain::identity::Subject;
use crate::error::Result;

/// Somebody as a provider knows them, and whose account that is.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "identity")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: IdentityId,
    pub person_id: PersonId,
    pub provider: String,
    pub issuer: String,
    pub subject: String,
    pub linked_at: DateTime<Utc>,
    pub used_at: Option<DateTime<Utc>>,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Somebody as a provider knows them.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The provider's key in the settings.
    pub provider: &'a str,
    /// Who the provider is to everybody.
    pub issuer: &'a str,
    /// Who somebody is to the provider.
    pub subject: &'a Subject,
}

/// The identity, if it is linked to an account.
pub async fn find(connection: &impl ConnectionTrait, known: Known<'_>) -> Result<Option<Model>> {
    Ok(Entity::find()
        .filter(Column::Provider.eq(known.provider))
        .filter(Column::Issuer.eq(known.issuer))
        .filter(Column::Subject.eq(known.subject.as_ref()))
        .one(connection)
        .await?)
}

/// The identities of a person, the oldest first.
pub async fn of_person(connection: &impl ConnectionTrait, person: PersonId) -> Result<Vec<Model>> {
    Ok(Entity::find()
        .filter(Column::PersonId.eq(person))
        .order_by_asc(Column::LinkedAt)
        .order_by_asc(Column::Id)
        .all(connection)
        .await?)
}

/// Links an identity.
///
/// # Errors
/// [`crate::error::Error::Conflict`] when somebody else linked it meanwhile.
pub async fn insert(tx: &Tx, row: Model) -> Result<Model> {
    let row = ActiveModel {
        id: Set(row.id),
        person_id: Set(row.person_id),
        provider: Set(row.provider),
        issuer: Set(row.issuer),
        subject: Set(row.subject),
        linked_at: Set(row.linked_at),
        used_at: Set(row.used_at),
    };
    Ok(row.insert(tx).await?)
}

/// Notes that somebody signed in with it.
pub async fn set_used(tx: &Tx, id: IdentityId, now: DateTime<Utc>) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::UsedAt, Expr::value(now))
        .filter(Column::Id.eq(id))
        .exec(tx)
        .await?;
    Ok(())
}

/// Ends a link.
pub async fn remove(tx: &Tx, id: IdentityId) -> Result<()> {
    Entity::delete_by_id(id).exec(tx).await?;
    Ok(())
}

/// Whose identities of this provider and issuer are linked, of those who hold a role that came from it.
pub async fn owners_with_roles(tx: &Tx, provider: &str, issuer: &str) -> Result<BTreeSet<PersonId>> {
    let holders = Query::select()
        .column(role::Column::PersonId)
        .from(role::Entity)
        .and_where(role::Column::Provider.eq(provider))
        .to_owned();
    let rows = Entity::find()
        .filter(Column::Provider.eq(provider))
        .filter(Column::Issuer.eq(issuer))
        .filter(Column::PersonId.in_subquery(holders))
        .all(tx)
        .await?;
    Ok(rows.into_iter().map(|row| row.person_id).collect())
}
