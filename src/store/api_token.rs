//! API tokens of people, by the digests of their secrets.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait, LockBehavior, LockType, Query};
use sea_orm::{ActiveValue::Set, Condition, QuerySelect};

use super::page::{Key, Page, Place, Wanted};
use super::{Db, Tx, person, role};
use crate::domain::actor::Grant;
use crate::domain::id::{ApiTokenId, PersonId};
use crate::domain::language::Language;
use crate::domain::policy::scopes::Scopes;
use crate::error::Result;

/// What a warning waits for, as the partial index says it: with bound values the planner would not use it.
const TO_WARN_OF: &str = "revoked_at IS NULL AND warned_at IS NULL";

/// An API token.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api_token")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ApiTokenId,
    pub hash: Vec<u8>,
    pub person_id: PersonId,
    pub name: String,
    pub scopes: String,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    /// When the second factor was given for it; `None` for never.
    pub factor_at: Option<DateTime<Utc>>,
    /// When it was last used, as exactly as it is noted.
    pub used_at: Option<DateTime<Utc>>,
    /// When its owner was warned of its end, or needed no warning.
    pub warned_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
}

impl Model {
    /// Whether it works at `now`.
    pub fn is_live(&self, now: DateTime<Utc>) -> bool {
        self.revoked_at.is_none() && self.expires_at > now
    }
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Whom a token stands for at an instant, and what it is good for.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The token.
    pub id: ApiTokenId,
    /// Its owner.
    pub person: PersonId,
    /// What it may be used for.
    pub scopes: Scopes,
    /// Until when it works.
    pub expires_at: DateTime<Utc>,
    /// The last use that was noted.
    pub used_at: Option<DateTime<Utc>>,
    /// The owner's language.
    pub language: Language,
    /// Every role of the owner that is in force.
    pub grants: Vec<Grant>,
    /// Whether the second factor was given when it was made.
    pub factor_given: bool,
}

/// What a request with this token may rely on: `None` when there is no such token, it has ended, or its owner's account
/// is disabled.
pub async fn standing(connection: &impl ConnectionTrait, hash: &[u8], now: DateTime<Utc>) -> Result<Option<Standing>> {
    let found = Entity::find()
        .filter(Column::Hash.eq(hash.to_vec()))
        .filter(live(now))
        .one(connection)
        .await?;
    let Some(row) = found else { return Ok(None) };
    let owner = person::find(connection, row.person_id).await?;
    let Some(owner) = owner.filter(|owner| owner.disabled_at.is_none()) else {
        return Ok(None);
    };
    let roles = role::of_person(connection, owner.id, now).await?;
    let grants = roles.iter().filter_map(role::Model::grant);
    Ok(Some(Standing {
        id: row.id,
        person: owner.id,
        scopes: Scopes::read(&row.scopes),
        expires_at: row.expires_at,
        used_at: row.used_at,
        language: owner.language,
        grants: grants.collect(),
        factor_given: row.factor_at.is_some(),
    }))
}

fn live(now: DateTime<Utc>) -> Condition {
    Condition::all()
        .add(Column::RevokedAt.is_null())
        .add(Column::ExpiresAt.gt(now))
}

/// Keeps a new token.
pub async fn insert(tx: &Tx, row: Model) -> Result<Model> {
    let row = ActiveModel {
        id: Set(row.id),
        hash: Set(row.hash),
        person_id: Set(row.person_id),
        name: Set(row.name),
        scopes: Set(row.scopes),
        created_at: Set(row.created_at),
        expires_at: Set(row.expires_at),
        factor_at: Set(row.factor_at),
        used_at: Set(row.used_at),
        warned_at: Set(row.warned_at),
        revoked_at: Set(row.revoked_at),
    };
    Ok(row.insert(tx).await?)
}

/// How many tokens of a person work.
pub async fn count_live(connection: &impl ConnectionTrait, person: PersonId, now: DateTime<Utc>) -> Result<u64> {
    let theirs = Entity::find().filter(Column::PersonId.eq(person)).filter(live(now));
    Ok(theirs.count(connection).await?)
}

/// A part of the person's tokens that work at `now`, the newest first.
pub async fn page(
    connection: &impl ConnectionTrait,
    person: PersonId,
    now: DateTime<Utc>,
    wanted: &Wanted,
) -> Result<Page<Model>> {
    let theirs = Entity::find().filter(Column::PersonId.eq(person)).filter(live(now));
    super::page::fetch(connection, theirs, (Column::CreatedAt, Column::Id), true, wanted).await
}

/// Where a row stands in a [`page`].
pub fn page_place(row: &Model) -> Place {
    Place {
        key: Key::Instant(row.created_at),
        id: row.id.0,
    }
}

/// The token, its row held against others who change it.
pub async fn lock(tx: &Tx, id: ApiTokenId) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(id).lock_exclusive().one(tx).await?)
}

/// Ends one token.
pub async fn revoke(tx: &Tx, id: ApiTokenId, now: DateTime<Utc>) -> Result<()> {
    revoke_where(tx, Column::Id.eq(id), now).await
}

/// Ends every token of a person.
pub async fn revoke_all(tx: &Tx, person: PersonId, now: DateTime<Utc>) -> Result<()> {
    revoke_where(tx, Column::PersonId.eq(person), now).await
}

async fn revoke_where(tx: &Tx, which: Expr, now: DateTime<Utc>) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::RevokedAt, Expr::value(now))
        .filter(which)
        .filter(Column::RevokedAt.is_null())
        .exec(tx)
        .await?;
    Ok(())
}

/// Notes a use, unless one was noted in the time `exactly` before it; of several at once one writes.
pub async fn note_use(db: &Db, id: ApiTokenId, now: DateTime<Utc>, exactly: TimeDelta) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::UsedAt, Expr::value(now))
        .filter(Column::Id.eq(id))
        .filter(Column::UsedAt.is_null().or(Column::UsedAt.lte(now - exactly)))
        .exec(db.alone())
        .await?;
    Ok(())
}

/// Up to `limit` tokens that end until `until` and of which nobody was warned; they count as warned of from now on, so
/// that the caller tells their owners in the same transaction.
pub async fn take_warnings(tx: &Tx, now: DateTime<Utc>, until: DateTime<Utc>, limit: u64) -> Result<Vec<Model>> {
    let due = Query::select()
        .column(Column::Id)
        .from(Entity)
        .cond_where(ending(now, until))
        .limit(limit)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .to_owned();
    let rows = Entity::update_many()
        .col_expr(Column::WarnedAt, Expr::value(now))
        .filter(Column::Id.in_subquery(due))
        .exec_with_returning(tx)
        .await?;
    Ok(rows)
}

/// Whether there is a token for [`take_warnings`].
pub async fn is_warning_due(
    connection: &impl ConnectionTrait,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<bool> {
    let found = Entity::find().filter(ending(now, until)).one(connection).await?;
    Ok(found.is_some())
}

fn ending(now: DateTime<Utc>, until: DateTime<Utc>) -> Condition {
    Condition::all()
        .add(Expr::cust(TO_WARN_OF))
        .add(Column::ExpiresAt.gt(now))
        .add(Column::ExpiresAt.lte(until))
}
