//! Identities that wait until the owner of an account says that they are theirs, by the digests of the tokens that were
//! sent to the account's address.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, QuerySelect, sea_query::Expr};

use super::{Db, Tx};
use crate::domain::id::PersonId;
use crate::error::Result;

/// An identity that waits.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "identity_claim")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: Vec<u8>,
    pub person_id: PersonId,
    /// The digest of the handle with which the sign-in was completed: its holder alone confirms.
    pub sign_in: Vec<u8>,
    pub provider: String,
    pub issuer: String,
    pub subject: String,
    pub issued_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub used_at: Option<DateTime<Utc>>,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Keeps a new one; those of the same identity that the person still had are used up. Those of others stay: a stranger
/// who comes with the person's address takes nothing from them.
pub async fn replace(tx: &Tx, row: Model) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::UsedAt, Expr::value(row.issued_at))
        .filter(Column::PersonId.eq(row.person_id))
        .filter(Column::Provider.eq(row.provider.as_str()))
        .filter(Column::Issuer.eq(row.issuer.as_str()))
        .filter(Column::Subject.eq(row.subject.as_str()))
        .filter(Column::UsedAt.is_null())
        .exec(tx)
        .await?;
    let row = ActiveModel {
        hash: Set(row.hash),
        person_id: Set(row.person_id),
        sign_in: Set(row.sign_in),
        provider: Set(row.provider),
        issuer: Set(row.issuer),
        subject: Set(row.subject),
        issued_at: Set(row.issued_at),
        expires_at: Set(row.expires_at),
        used_at: Set(row.used_at),
    };
    Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// Uses up every one of a person.
pub async fn retire(tx: &Tx, person: PersonId, now: DateTime<Utc>) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::UsedAt, Expr::value(now))
        .filter(Column::PersonId.eq(person))
        .filter(Column::UsedAt.is_null())
        .exec(tx)
        .await?;
    Ok(())
}

/// Removes those that have run out.
pub async fn forget_ended(db: &Db, now: DateTime<Utc>) -> Result<()> {
    Entity::delete_many()
        .filter(Column::ExpiresAt.lte(now))
        .exec(db.alone())
        .await?;
    Ok(())
}

/// The live one with this digest.
pub async fn find_live(connection: &impl ConnectionTrait, hash: &[u8], now: DateTime<Utc>) -> Result<Option<Model>> {
    Ok(live(hash, now).one(connection).await?)
}

/// The same, its row held against others who use it.
pub async fn lock_live(tx: &Tx, hash: &[u8], now: DateTime<Utc>) -> Result<Option<Model>> {
    Ok(live(hash, now).lock_exclusive().one(tx).await?)
}

fn live(hash: &[u8], now: DateTime<Utc>) -> Select<Entity> {
    Entity::find_by_id(hash.to_vec())
        .filter(Column::UsedAt.is_null())
        .filter(Column::ExpiresAt.gt(now))
}
