//! The keys of requests that changed something, each with the answer that was given.

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait, OnConflict};

use super::{Db, Tx, one_time};
use crate::domain::id::PersonId;
use crate::domain::idempotency::KEPT;
use crate::error::Result;

/// A key with its answer. It is committed together with what the request changed.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotency_key")]
#[allow(missing_docs, reason = "the columns are documented at `Claim` and `Answer`")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Vec<u8>,
    pub person_id: Option<PersonId>,
    pub fingerprint: Vec<u8>,
    pub grants: String,
    pub answer: Vec<u8>,
    pub reading: Option<Json>,
    pub created_at: DateTime<Utc>,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What a request with a key claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Whose key it is: a digest of both.
    pub id: [u8; 32],
    /// The person, if somebody was signed in.
    pub person: Option<PersonId>,
    /// A digest of what was asked.
    pub fingerprint: [u8; 32],
    /// The roles that the person then held, as words.
    pub grants: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// What is kept of an answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// As it was sent.
    pub text: Vec<u8>,
    /// What staff read by it of other people.
    pub reading: Option<Json>,
}

/// What is kept under a key that is not out of date.
pub async fn find(connection: &impl ConnectionTrait, id: &[u8; 32], now: DateTime<Utc>) -> Result<Option<Model>> {
    let found = Entity::find_by_id(id.to_vec()).filter(Column::CreatedAt.gt(now - KEPT));
    Ok(found.one(connection).await?)
}

/// Takes the key for the transaction; false when somebody has committed it. One that is out of date is taken anew.
pub(super) async fn take(tx: &Tx, claim: &Claim) -> Result<bool> {
    let row = ActiveModel {
        id: Set(claim.id.to_vec()),
        person_id: Set(claim.person),
        fingerprint: Set(claim.fingerprint.to_vec()),
        grants: Set(claim.grants.clone()),
        answer: Set(Vec::new()),
        reading: Set(None),
        created_at: Set(claim.at),
    };
    let mut renewed = OnConflict::column(Column::Id);
    renewed
        .update_columns([
            Column::PersonId,
            Column::Fingerprint,
            Column::Grants,
            Column::Answer,
            Column::Reading,
            Column::CreatedAt,
        ])
        .action_and_where(Expr::col((Entity, Column::CreatedAt)).lte(claim.at - KEPT));
    let taken = Entity::insert_many([row]).on_conflict(renewed);
    Ok(taken.exec_without_returning(tx).await? > 0)
}

/// Keeps the answer under the key that the transaction has taken.
pub(super) async fn complete(tx: &Tx, id: &[u8; 32], answer: Answer) -> Result<()> {
    let whole = ActiveModel {
        answer: Set(answer.text),
        reading: Set(answer.reading),
        ..Default::default()
    };
    Entity::update_many()
        .set(whole)
        .filter(Column::Id.eq(id.to_vec()))
        .exec(tx)
        .await?;
    Ok(())
}

/// Gives the key up that the transaction has taken.
pub(super) async fn give_up(tx: &Tx, id: &[u8; 32]) -> Result<()> {
    Entity::delete_by_id(id.to_vec()).exec(tx).await?;
    Ok(())
}

/// Forgets the keys that are out of date.
pub async fn forget_old(db: &Db, now: DateTime<Utc>) -> Result<()> {
    one_time::forget::<Entity>(db, Column::Id, &Column::CreatedAt.lte(now - KEPT)).await
}
