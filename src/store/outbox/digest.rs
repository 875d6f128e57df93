//! Digests: who reads them, and up to when each reader's has told what is new. What is new since is in
//! `digest/news.rs`.

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, Query};
use sea_orm::{JoinType, QueryOrder, QuerySelect, UpdateMany};

use crate::domain::digest::READERS;
use crate::domain::id::PersonId;
use crate::error::Result;
use crate::store::{Tx, person, role};

pub mod news;

/// Up to when a person's digest has told what is new.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "digest_mark")]
#[allow(missing_docs, reason = "the columns are documented where they are written")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub person_id: PersonId,
    pub covered_until: DateTime<Utc>,
    pub due_at: DateTime<Utc>,
    /// How often in a row it could not be written.
    pub failures: i64,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Whether a role makes its holder a reader.
pub fn is_reader(row: &role::Model) -> bool {
    READERS.contains(&row.role)
}

/// Up to `limit` readers for whom nothing is noted yet, each with the zone of the account.
pub async fn unmarked(
    connection: &impl ConnectionTrait,
    now: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<(PersonId, String)>> {
    let marked = Query::select()
        .expr(Expr::val(1))
        .from(Entity)
        .and_where(Expr::col((Entity, Column::PersonId)).equals((role::Entity, role::Column::PersonId)))
        .to_owned();
    let to_person = role::Entity::belongs_to(person::Entity)
        .from(role::Column::PersonId)
        .to(person::Column::Id);
    let rows = role::Entity::find()
        .select_only()
        .distinct()
        .column(role::Column::PersonId)
        .column(person::Column::TimeZone)
        .join(JoinType::InnerJoin, to_person.into())
        .filter(role::Column::Role.is_in(READERS))
        .filter(role::in_force(now))
        .filter(person::Column::DisabledAt.is_null())
        .filter(Expr::exists(marked).not())
        // In one order, so that two workers that note the same readers do not wait for each other.
        .order_by_asc(role::Column::PersonId)
        .limit(limit)
        .into_tuple()
        .all(connection)
        .await?;
    Ok(rows)
}

/// Notes for readers that everything up to an instant needs no telling, and for each when the first digest is due; what
/// was noted before stays.
pub async fn begin(tx: &Tx, covered: DateTime<Utc>, readers: &[(PersonId, DateTime<Utc>)]) -> Result<()> {
    let rows = readers.iter().map(|&(person, due)| ActiveModel {
        person_id: Set(person),
        covered_until: Set(covered),
        due_at: Set(due),
        failures: Set(0),
    });
    let once = OnConflict::column(Column::PersonId).do_nothing().to_owned();
    let write = Entity::insert_many(rows).on_conflict(once);
    write.exec_without_returning(tx).await?;
    Ok(())
}

/// Up to `limit` readers whose digest is due, after `after`, by their identifiers.
pub async fn due(
    connection: &impl ConnectionTrait,
    now: DateTime<Utc>,
    after: Option<PersonId>,
    limit: u64,
) -> Result<Vec<Model>> {
    let mut list = Entity::find().filter(Column::DueAt.lte(now));
    if let Some(after) = after {
        list = list.filter(Column::PersonId.gt(after));
    }
    Ok(list.order_by_asc(Column::PersonId).limit(limit).all(connection).await?)
}

/// Notes that everything up to `covered` was told; false when another worker noted something meanwhile, and nothing was
/// noted now.
pub async fn advance(tx: &Tx, seen: &Model, covered: DateTime<Utc>, due: DateTime<Utc>) -> Result<bool> {
    let noted = as_seen(seen)
        .col_expr(Column::CoveredUntil, Expr::value(covered))
        .col_expr(Column::DueAt, Expr::value(due))
        .col_expr(Column::Failures, Expr::value(0_i64))
        .exec(tx)
        .await?;
    Ok(noted.rows_affected == 1)
}

/// Notes that it could not be written, and is due again later; not when another worker noted something meanwhile.
pub async fn put_off(tx: &Tx, seen: &Model, due: DateTime<Utc>) -> Result<()> {
    as_seen(seen)
        .col_expr(Column::DueAt, Expr::value(due))
        .col_expr(Column::Failures, Expr::value(seen.failures + 1))
        .exec(tx)
        .await?;
    Ok(())
}

/// A change of a mark that is still as it was seen.
fn as_seen(seen: &Model) -> UpdateMany<Entity> {
    Entity::update_many()
        .filter(Column::PersonId.eq(seen.person_id))
        .filter(Column::CoveredUntil.eq(seen.covered_until))
        .filter(Column::DueAt.eq(seen.due_at))
}

/// Forgets somebody who is no reader any more.
pub async fn end(tx: &Tx, person: PersonId) -> Result<()> {
    Entity::delete_by_id(person).exec(tx).await?;
    Ok(())
}
