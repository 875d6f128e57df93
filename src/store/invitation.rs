//! Invitations, by the digests of their tokens.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait, LockBehavior, LockType, Query};
use sea_orm::{ActiveValue::Set, Condition, QueryOrder, QuerySelect};

use super::edition::reach;
use super::page::{Key, Page, Place, Wanted};
use super::{Tx, role, row, unique_or};
use crate::domain::actor::{Actor, Grant, Role, Scope};
use crate::domain::id::{EditionId, InvitationId, PersonId};
use crate::domain::invitation::{InvitationState, Offer, Purpose, Standing};
use crate::domain::language::Language;
use crate::domain::policy::{Action, Relation as Stands, may};
use crate::error::{Code, Error, Result};

/// What is open, as the partial indexes say it: with bound values the planner would not use them.
const OPEN: &str = "state = 'sent'";
/// What has ended and still says whom it was for, likewise.
const UNBLANKED: &str = "state <> 'sent' AND blanked_at IS NULL";
/// What stands in the place of an address that was removed; the column takes no empty one.
const NO_ADDRESS: &str = "-";

/// An invitation.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "invitation")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: InvitationId,
    pub hash: Vec<u8>,
    pub email: String,
    pub given_name: String,
    pub family_name: String,
    pub language: Language,
    pub purpose: Purpose,
    pub role: Option<Role>,
    pub scope_kind: String,
    pub scope_id: Option<Uuid>,
    pub state: InvitationState,
    pub invited_by: PersonId,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    /// Who took it up.
    pub person_id: Option<PersonId>,
    pub version: i64,
    /// When it left its first state; `None` as long as it has not.
    pub ended_at: Option<DateTime<Utc>>,
    /// When names and address were removed.
    pub blanked_at: Option<DateTime<Utc>>,
}

impl Model {
    /// What decides about its steps.
    pub fn standing(&self) -> Standing {
        Standing {
            state: self.state,
            sent_at: self.created_at,
            expires_at: self.expires_at,
        }
    }

    /// Where it leads; the database keeps it well formed.
    pub fn scope(&self) -> Option<Scope> {
        role::scope(&self.scope_kind, self.scope_id)
    }

    /// What somebody is invited to.
    ///
    /// # Errors
    /// [`Error::Internal`] for a row that the database should have refused.
    pub fn offer(&self) -> Result<Offer> {
        match (self.purpose, self.scope(), self.role) {
            (Purpose::TakePart, Some(Scope::Edition(edition)), None) => Ok(Offer::TakePart(edition)),
            (Purpose::HoldRole, Some(scope), Some(role)) => Ok(Offer::HoldRole(Grant { role, scope })),
            _ => Err(Error::internal("an invitation to nothing")),
        }
    }
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The columns that say what somebody is invited to.
pub fn columns(offer: Offer) -> (Option<Role>, &'static str, Option<Uuid>) {
    let (role, scope) = match offer {
        Offer::TakePart(edition) => (None, Scope::Edition(edition)),
        Offer::HoldRole(grant) => (Some(grant.role), grant.scope),
    };
    let (kind, id) = role::columns(scope);
    (role, kind, id)
}

/// The invitations that exist for this actor: those that they might have sent.
pub fn visible_to(actor: &Actor) -> Condition {
    let of_edition = || {
        Condition::all()
            .add(Column::ScopeKind.eq("edition"))
            .add(reach::coordinated(actor, Column::ScopeId))
    };
    let mut seen = Condition::any().add(row::nothing());
    if may(actor, Action::Invite, Stands::EDITION) {
        seen = seen.add(of_edition().add(Column::Purpose.eq(Purpose::TakePart)));
    }
    if may(actor, Action::GrantTutor, Stands::NONE) {
        seen = seen.add(Column::Role.eq(Role::Tutor));
    } else if may(actor, Action::GrantTutor, Stands::EDITION) {
        seen = seen.add(of_edition().add(Column::Role.eq(Role::Tutor)));
    }
    if may(actor, Action::GrantRole, Stands::NONE) {
        let role = Column::Role.is_not_null().and(Column::Role.ne(Role::Tutor));
        seen = seen.add(role);
    }
    seen
}

/// Keeps a new one.
///
/// # Errors
/// [`Code::AlreadyInvited`] when there is an open one of this address to the same.
pub async fn insert(tx: &Tx, row: Model) -> Result<Model> {
    let row = ActiveModel {
        id: Set(row.id),
        hash: Set(row.hash),
        email: Set(row.email),
        given_name: Set(row.given_name),
        family_name: Set(row.family_name),
        language: Set(row.language),
        purpose: Set(row.purpose),
        role: Set(row.role),
        scope_kind: Set(row.scope_kind),
        scope_id: Set(row.scope_id),
        state: Set(row.state),
        invited_by: Set(row.invited_by),
        created_at: Set(row.created_at),
        expires_at: Set(row.expires_at),
        person_id: Set(row.person_id),
        version: Set(row.version),
        ended_at: Set(row.ended_at),
        blanked_at: Set(row.blanked_at),
    };
    let taken = || Error::at("email", Code::AlreadyInvited);
    row.insert(tx).await.map_err(unique_or(taken()))
}

/// The open one whose token has this digest.
pub async fn find_open(connection: &impl ConnectionTrait, hash: &[u8], now: DateTime<Utc>) -> Result<Option<Model>> {
    Ok(open(hash, now).one(connection).await?)
}

/// The same, its row held against others who use it.
pub async fn lock_open(tx: &Tx, hash: &[u8], now: DateTime<Utc>) -> Result<Option<Model>> {
    Ok(open(hash, now).lock_exclusive().one(tx).await?)
}

fn open(hash: &[u8], now: DateTime<Utc>) -> Select<Entity> {
    Entity::find()
        .filter(Column::Hash.eq(hash.to_vec()))
        .filter(Column::State.eq(InvitationState::Sent))
        .filter(Column::ExpiresAt.gt(now))
}

/// The invitation, if it exists for the actor.
pub async fn find_for(connection: &impl ConnectionTrait, actor: &Actor, id: InvitationId) -> Result<Option<Model>> {
    let found = Entity::find_by_id(id).filter(visible_to(actor));
    Ok(found.one(connection).await?)
}

/// The invitation, if it exists for the actor, its row held against others who change it.
pub async fn lock_for(tx: &Tx, actor: &Actor, id: InvitationId) -> Result<Option<Model>> {
    let found = Entity::find_by_id(id).filter(visible_to(actor));
    Ok(found.lock_exclusive().one(tx).await?)
}

/// Moves a locked invitation to its end at `now`; `person` is who took it up.
pub async fn set_ended(
    tx: &Tx,
    row: Model,
    state: InvitationState,
    person: Option<PersonId>,
    now: DateTime<Utc>,
) -> Result<Model> {
    Entity::update_many()
        .col_expr(Column::State, Expr::value(state))
        .col_expr(Column::PersonId, Expr::value(person))
        .col_expr(Column::EndedAt, Expr::value(now))
        .col_expr(Column::Version, Expr::value(row.version + 1))
        .filter(Column::Id.eq(row.id))
        .exec(tx)
        .await?;
    Ok(Model {
        state,
        person_id: person,
        ended_at: Some(now),
        version: row.version + 1,
        ..row
    })
}

/// The open ones to an edition, to take part in it or to hold a role in it, held against others who use them.
pub async fn lock_open_to(tx: &Tx, edition: EditionId, now: DateTime<Utc>) -> Result<Vec<Model>> {
    Ok(Entity::find()
        .filter(Expr::cust(OPEN))
        .filter(Column::ScopeKind.eq("edition"))
        .filter(Column::ScopeId.eq(edition.0))
        .filter(Column::ExpiresAt.gt(now))
        .order_by_asc(Column::Id)
        .lock_exclusive()
        .all(tx)
        .await?)
}

/// Takes back locked ones, at this instant.
pub async fn withdraw_all(tx: &Tx, ids: &[InvitationId], now: DateTime<Utc>) -> Result<()> {
    for batch in ids.chunks(10_000) {
        Entity::update_many()
            .col_expr(Column::State, Expr::value(InvitationState::Withdrawn))
            .col_expr(Column::EndedAt, Expr::value(now))
            .col_expr(Column::Version, Expr::col(Column::Version).add(1))
            .filter(Column::Id.is_in(batch.iter().copied()))
            .exec(tx)
            .await?;
    }
    Ok(())
}

fn overdue(now: DateTime<Utc>) -> Condition {
    Condition::all().add(Expr::cust(OPEN)).add(Column::ExpiresAt.lte(now))
}

/// Whether there is one for [`expire`].
pub async fn is_overdue(connection: &impl ConnectionTrait, now: DateTime<Utc>) -> Result<bool> {
    Ok(Entity::find().filter(overdue(now)).one(connection).await?.is_some())
}

/// Moves up to `limit` overdue ones to their end, those that nobody else holds.
pub async fn expire(tx: &Tx, now: DateTime<Utc>, limit: u64) -> Result<Vec<InvitationId>> {
    let due = Query::select()
        .column(Column::Id)
        .from(Entity)
        .cond_where(overdue(now))
        .limit(limit)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .to_owned();
    expire_where(tx, Column::Id.in_subquery(due).into()).await
}

/// Moves the overdue one of this address to the same offer to its end, if there is one, so that it is not in the way.
pub async fn expire_of(tx: &Tx, email: &str, offer: Offer, now: DateTime<Utc>) -> Result<Vec<InvitationId>> {
    let (role, kind, scope) = columns(offer);
    let same = Condition::all()
        .add(overdue(now))
        .add(Column::Email.eq(email))
        .add(Column::Purpose.eq(offer.purpose()))
        .add(role.map_or_else(|| Column::Role.is_null(), |role| Column::Role.eq(role)))
        .add(Column::ScopeKind.eq(kind))
        .add(scope.map_or_else(|| Column::ScopeId.is_null(), |scope| Column::ScopeId.eq(scope)));
    expire_where(tx, same).await
}

async fn expire_where(tx: &Tx, which: Condition) -> Result<Vec<InvitationId>> {
    let rows = Entity::update_many()
        .col_expr(Column::State, Expr::value(InvitationState::Expired))
        .col_expr(Column::EndedAt, Expr::col(Column::ExpiresAt))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(which)
        .exec_with_returning(tx)
        .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

fn to_blank(before: DateTime<Utc>) -> Condition {
    Condition::all()
        .add(Expr::cust(UNBLANKED))
        .add(Column::EndedAt.lte(before))
}

/// Whether there is one for [`blank`].
pub async fn is_to_blank(connection: &impl ConnectionTrait, before: DateTime<Utc>) -> Result<bool> {
    Ok(Entity::find().filter(to_blank(before)).one(connection).await?.is_some())
}

/// Removes names and address from up to `limit` that ended before an instant, those that nobody else holds.
pub async fn blank(tx: &Tx, before: DateTime<Utc>, now: DateTime<Utc>, limit: u64) -> Result<Vec<InvitationId>> {
    let due = Query::select()
        .column(Column::Id)
        .from(Entity)
        .cond_where(to_blank(before))
        .limit(limit)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .to_owned();
    let rows = Entity::update_many()
        .col_expr(Column::Email, Expr::value(NO_ADDRESS))
        .col_expr(Column::GivenName, Expr::value(""))
        .col_expr(Column::FamilyName, Expr::value(""))
        .col_expr(Column::BlankedAt, Expr::value(now))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(Column::Id.in_subquery(due))
        .exec_with_returning(tx)
        .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// Which invitations are wanted; what is empty does not restrict.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// In one of these states.
    pub states: Vec<InvitationState>,
    /// To this place.
    pub scope: Option<Uuid>,
}

impl Filter {
    /// Of this edition, whatever else is asked.
    #[must_use]
    pub fn of_edition(self, edition: EditionId) -> Self {
        Self {
            scope: Some(edition.0),
            ..self
        }
    }
}

/// Those in one of these states at `now`, whether or not it was written down that time ran out.
/// However often one is named, it is asked for once.
fn in_states(states: &[InvitationState], now: DateTime<Utc>) -> Condition {
    let wanted = InvitationState::ALL.iter().filter(|state| states.contains(state));
    wanted.fold(Condition::any(), |any, state| {
        let stored = Condition::all().add(Column::State.eq(*state));
        match state {
            InvitationState::Sent => any.add(stored.add(Column::ExpiresAt.gt(now))),
            InvitationState::Expired => any.add(stored).add(overdue(now)),
            InvitationState::Accepted
            | InvitationState::Declined
            | InvitationState::Withdrawn
            | InvitationState::Replaced => any.add(stored),
        }
    })
}

/// A page of the invitations that exist for the actor, the newest first.
pub async fn page(
    connection: &impl ConnectionTrait,
    actor: &Actor,
    filter: &Filter,
    now: DateTime<Utc>,
    wanted: &Wanted,
) -> Result<Page<Model>> {
    let mut list = Entity::find().filter(visible_to(actor));
    if let Some(scope) = filter.scope {
        list = list.filter(Column::ScopeId.eq(scope));
    }
    if !filter.states.is_empty() {
        list = list.filter(in_states(&filter.states, now));
    }
    super::page::fetch(connection, list, (Column::CreatedAt, Column::Id), true, wanted).await
}

/// Where a row stands in a [`page`].
pub fn page_place(row: &Model) -> Place {
    Place {
        key: Key::Instant(row.created_at),
        id: row.id.0,
    }
}
