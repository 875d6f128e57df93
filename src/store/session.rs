//! Signed-in sessions: each is the family of its refresh tokens, and ends for all of them at once.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{Condition, FromQueryResult, JoinType, QuerySelect};

use super::page::{Key, Page, Place, Wanted};
use super::{Tx, address_change, person, provider_sign_in, refresh, role, row};
use crate::domain::actor::{Grant, Role};
use crate::domain::id::{PersonId, SessionId};
use crate::domain::language::Language;
use crate::error::Result;

/// A signed-in session: the family of its refresh tokens.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "session")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: SessionId,
    pub person_id: PersonId,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub revoked_at: Option<DateTime<Utc>>,
    /// When it was last carried on; `None` for one that is older than this column.
    pub seen_at: Option<DateTime<Utc>>,
    /// What the person used, as the client named itself.
    pub client: Option<String>,
    /// When the second factor was given for it; `None` for never.
    pub factor_at: Option<DateTime<Utc>>,
}

impl Model {
    /// Whether it goes on at `now`.
    pub fn is_live(&self, now: DateTime<Utc>) -> bool {
        self.revoked_at.is_none() && self.expires_at > now
    }
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Whom a session stands for at an instant.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The person's language.
    pub language: Language,
    /// Every role in force.
    pub grants: Vec<Grant>,
    /// Whether the second factor was given for this session.
    pub factor_given: bool,
}

#[derive(Debug, FromQueryResult)]
struct StandingRow {
    language: Language,
    factor_at: Option<DateTime<Utc>>,
    role: Option<Role>,
    scope_kind: Option<String>,
    scope_id: Option<Uuid>,
}

/// What a request of this session may rely on, in one statement: `None` when the session has ended, is not
/// this person's, or the account is disabled.
pub async fn standing(
    connection: &impl ConnectionTrait,
    session: SessionId,
    person: PersonId,
    now: DateTime<Utc>,
) -> Result<Option<Standing>> {
    let in_force = move |_, roles: DynIden| {
        let from = Expr::col((roles.clone(), role::Column::FromAt)).lte(now);
        let until = Expr::col((roles, role::Column::UntilAt));
        Condition::all()
            .add(from)
            .add(until.clone().is_null().or(until.gt(now)))
    };
    let to_person = Entity::belongs_to(person::Entity)
        .from(Column::PersonId)
        .to(person::Column::Id);
    let to_roles = Entity::belongs_to(role::Entity)
        .from(Column::PersonId)
        .to(role::Column::PersonId)
        .on_condition(in_force);
    let rows = Entity::find_by_id(session)
        .select_only()
        .column(person::Column::Language)
        .column(Column::FactorAt)
        .columns([role::Column::Role, role::Column::ScopeKind, role::Column::ScopeId])
        .join(JoinType::InnerJoin, to_person.into())
        .join(JoinType::LeftJoin, to_roles.into())
        .filter(Column::PersonId.eq(person))
        .filter(Column::RevokedAt.is_null())
        .filter(Column::ExpiresAt.gt(now))
        .filter(person::Column::DisabledAt.is_null())
        .into_model::<StandingRow>()
        .all(connection)
        .await?;
    let Some((language, factor_given)) = rows.first().map(|row| (row.language, row.factor_at.is_some())) else {
        return Ok(None);
    };
    let grants = rows.iter().filter_map(|row| {
        let scope = role::scope(row.scope_kind.as_deref()?, row.scope_id)?;
        Some(Grant { role: row.role?, scope })
    });
    Ok(Some(Standing {
        language,
        grants: grants.collect(),
        factor_given,
    }))
}

/// The session, if there is one.
pub async fn find(connection: &impl ConnectionTrait, id: SessionId) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(id).one(connection).await?)
}

/// The session, its row held against others who change it.
pub async fn lock(tx: &Tx, id: SessionId) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(id).lock_exclusive().one(tx).await?)
}

/// Begins a session.
pub async fn insert(tx: &Tx, session: Model) -> Result<()> {
    row::insert(tx, session).await
}

/// Lets a session go on until `expires_at`, and notes that it was used now.
pub async fn set_expiry(tx: &Tx, id: SessionId, expires_at: DateTime<Utc>, now: DateTime<Utc>) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::ExpiresAt, Expr::value(expires_at))
        .col_expr(Column::SeenAt, Expr::value(now))
        .filter(Column::Id.eq(id))
        .exec(tx)
        .await?;
    Ok(())
}

/// Ends one session.
pub async fn revoke(tx: &Tx, id: SessionId, now: DateTime<Utc>) -> Result<()> {
    revoke_where(tx, Column::Id.eq(id), now).await?;
    Ok(())
}

/// Notes that the second factor was given for a session, or that it no longer counts.
pub async fn set_factor(tx: &Tx, id: SessionId, given_at: Option<DateTime<Utc>>) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::FactorAt, Expr::value(given_at))
        .filter(Column::Id.eq(id))
        .exec(tx)
        .await?;
    Ok(())
}

/// A part of the person's sessions that go on at `now`, the newest first.
pub async fn page(
    connection: &impl ConnectionTrait,
    person: PersonId,
    now: DateTime<Utc>,
    wanted: &Wanted,
) -> Result<Page<Model>> {
    let live = Entity::find()
        .filter(Column::PersonId.eq(person))
        .filter(Column::RevokedAt.is_null())
        .filter(Column::ExpiresAt.gt(now));
    super::page::fetch(connection, live, (Column::CreatedAt, Column::Id), true, wanted).await
}

/// Where a row stands in a [`page`].
pub fn page_place(row: &Model) -> Place {
    Place {
        key: Key::Instant(row.created_at),
        id: row.id.0,
    }
}

/// Ends every session of a person but `kept`; how many there were.
pub async fn revoke_all(tx: &Tx, person: PersonId, kept: Option<SessionId>, now: DateTime<Utc>) -> Result<u64> {
    let theirs = Column::PersonId.eq(person);
    let which = match kept {
        Some(kept) => theirs.and(Column::Id.ne(kept)),
        None => theirs,
    };
    revoke_where(tx, which, now).await
}

async fn revoke_where(tx: &Tx, which: Expr, now: DateTime<Utc>) -> Result<u64> {
    let ended = Entity::update_many()
        .col_expr(Column::RevokedAt, Expr::value(now))
        .filter(which)
        .filter(Column::RevokedAt.is_null())
        .exec(tx)
        .await?;
    Ok(ended.rows_affected)
}

fn to_forget(before: DateTime<Utc>) -> Condition {
    Condition::any()
        .add(Column::ExpiresAt.lte(before))
        .add(Column::RevokedAt.is_not_null().and(Column::RevokedAt.lte(before)))
}

/// Whether there is one for [`forget`].
pub async fn is_to_forget(connection: &impl ConnectionTrait, before: DateTime<Utc>) -> Result<bool> {
    Ok(Entity::find()
        .filter(to_forget(before))
        .one(connection)
        .await?
        .is_some())
}

/// Removes up to `limit` sessions that ended before an instant, and what hangs on them; how many there were.
pub async fn forget(tx: &Tx, before: DateTime<Utc>, limit: u64) -> Result<u64> {
    let ended: Vec<SessionId> = row::lock_some(tx, Column::Id, to_forget(before), limit).await?;
    refresh::Entity::delete_many()
        .filter(refresh::Column::SessionId.is_in(ended.iter().copied()))
        .exec(tx)
        .await?;
    address_change::Entity::delete_many()
        .filter(address_change::Column::SessionId.is_in(ended.iter().copied()))
        .exec(tx)
        .await?;
    provider_sign_in::Entity::delete_many()
        .filter(provider_sign_in::Column::SessionId.is_in(ended.iter().copied()))
        .exec(tx)
        .await?;
    let gone = Entity::delete_many().filter(Column::Id.is_in(ended)).exec(tx).await?;
    Ok(gone.rows_affected)
}
