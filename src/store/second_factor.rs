//! Second factors of people: one a person at most, begun and then confirmed. Its secret is sealed.

use chrono::{DateTime, Utc};
use sea_orm::QuerySelect;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait};

use super::{Tx, row};
use crate::domain::id::PersonId;
use crate::error::Result;

/// A second factor.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "second_factor")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub person_id: PersonId,
    pub secret: Vec<u8>,
    pub begun_at: DateTime<Utc>,
    pub confirmed_at: Option<DateTime<Utc>>,
    pub last_step: i64,
    pub failures: i64,
    pub blocked_until: Option<DateTime<Utc>>,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The person's factor, confirmed or not.
pub async fn find(connection: &impl ConnectionTrait, person: PersonId) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(person).one(connection).await?)
}

/// The person's factor, its row held against others who change it.
pub async fn lock(tx: &Tx, person: PersonId) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(person).lock_exclusive().one(tx).await?)
}

/// Keeps a new factor in the place of the one before it.
pub async fn replace(tx: &Tx, row: Model) -> Result<()> {
    remove(tx, row.person_id).await?;
    row::insert(tx, row).await
}

/// Removes the person's factor.
pub async fn remove(tx: &Tx, person: PersonId) -> Result<()> {
    Entity::delete_by_id(person).exec(tx).await?;
    Ok(())
}

/// From now on the factor counts.
pub async fn set_confirmed(tx: &Tx, person: PersonId, now: DateTime<Utc>) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::ConfirmedAt, Expr::value(now))
        .filter(Column::PersonId.eq(person))
        .exec(tx)
        .await?;
    Ok(())
}

/// Uses up the codes until this step; whether it was later than every one used before. Of several who try at
/// once one is told yes.
pub async fn use_step(tx: &Tx, person: PersonId, step: i64) -> Result<bool> {
    let done = Entity::update_many()
        .col_expr(Column::LastStep, Expr::value(step))
        .col_expr(Column::Failures, Expr::value(0_i64))
        .filter(Column::PersonId.eq(person))
        .filter(Column::LastStep.lt(step))
        .exec(tx)
        .await?;
    Ok(done.rows_affected == 1)
}

/// Counts a wrong code, and blocks the factor until an instant where one is given.
pub async fn count_failure(tx: &Tx, person: PersonId, blocked_until: Option<DateTime<Utc>>) -> Result<()> {
    let mut update = Entity::update_many()
        .col_expr(Column::Failures, Expr::col(Column::Failures).add(1_i64))
        .filter(Column::PersonId.eq(person));
    if let Some(until) = blocked_until {
        update = update.col_expr(Column::BlockedUntil, Expr::value(until));
    }
    update.exec(tx).await?;
    Ok(())
}
