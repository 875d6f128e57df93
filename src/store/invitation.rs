//! Invitations, by the digests of their tokens.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait, LockBehavior, LockType, Query};
use sea_orm::{Condition, IntoActiveModel, QueryOrder, QuerySelect};

use super::edition::reach;
use super::page::{Key, Page, Place, Wanted};
use super::{Tx, role, row, unique_or};
use crate::domain::actor::{Actor, Grant, Role, Scope};
use crate::domain::id::{EditionId, EnrolmentId, InstitutionId, InvitationId, PersonId};
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
    /// The institution that nominates; what follows is of nominations alone.
    pub institution_id: Option<InstitutionId>,
    pub nominee_rank: Option<i64>,
    pub substitutes: Option<InvitationId>,
    /// When its nominee is to be reminded; `None` also once they were.
    pub remind_at: Option<DateTime<Utc>>,
    /// What came of it.
    pub enrolment_id: Option<EnrolmentId>,
    pub awaits_endorsement: bool,
    pub endorsed_by: Option<PersonId>,
    pub endorsed_at: Option<DateTime<Utc>>,
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

    /// The edition that it leads to; `None` for something else.
    pub fn edition(&self) -> Option<EditionId> {
        match self.scope() {
            Some(Scope::Edition(id)) => Some(id),
            _ => None,
        }
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

/// The invitations that exist for this actor: those that they might have sent. Nominations are not among them.
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
    Condition::all().add(Column::InstitutionId.is_null()).add(seen)
}

/// Keeps a new one.
///
/// # Errors
/// [`Code::AlreadyInvited`] when there is an open one of this address to the same.
pub async fn insert(tx: &Tx, row: Model) -> Result<Model> {
    let taken = Error::at("email", Code::AlreadyInvited);
    let new: ActiveModel = row.clone().into_active_model();
    Entity::insert(new)
        .exec_without_returning(tx)
        .await
        .map_err(unique_or(taken))?;
    Ok(row)
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
        .filter(in_states(&[InvitationState::Sent], now))
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

/// Who took an invitation up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// The person.
    pub by: PersonId,
    /// What came of a nomination.
    pub enrolment: Option<EnrolmentId>,
}

/// Moves a locked invitation to its end at `now`.
pub async fn set_ended(
    tx: &Tx,
    row: Model,
    state: InvitationState,
    taken: Option<Taken>,
    now: DateTime<Utc>,
) -> Result<Model> {
    let person = taken.map(|taken| taken.by);
    let enrolment = taken.and_then(|taken| taken.enrolment);
    Entity::update_many()
        .col_expr(Column::State, Expr::value(state))
        .col_expr(Column::PersonId, Expr::value(person))
        .col_expr(Column::EnrolmentId, Expr::value(enrolment))
        .col_expr(Column::EndedAt, Expr::value(now))
        .col_expr(Column::Version, Expr::value(row.version + 1))
        .filter(Column::Id.eq(row.id))
        .exec(tx)
        .await?;
    Ok(Model {
        state,
        person_id: person,
        enrolment_id: enrolment,
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

/// Moves locked ones that nobody took up to their end at `now`.
pub async fn end_all(tx: &Tx, ids: &[InvitationId], to: InvitationState, now: DateTime<Utc>) -> Result<()> {
    for batch in ids.chunks(10_000) {
        Entity::update_many()
            .col_expr(Column::State, Expr::value(to))
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
pub async fn expire(tx: &Tx, now: DateTime<Utc>, limit: u64) -> Result<Vec<Model>> {
    let due = Query::select()
        .column(Column::Id)
        .from(Entity)
        .cond_where(overdue(now))
        .limit(limit)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .to_owned();
    expire_where(tx, Column::Id.in_subquery(due).into()).await
}

/// Moves the overdue one of this address to the same offer, by the same institution if by one, to its end, if there is
/// one, so that it is not in the way.
pub async fn expire_of(
    tx: &Tx,
    email: &str,
    offer: Offer,
    institution: Option<InstitutionId>,
    now: DateTime<Utc>,
) -> Result<Vec<Model>> {
    let (role, kind, scope) = columns(offer);
    let same = Condition::all()
        .add(overdue(now))
        .add(Column::Email.eq(email))
        .add(Column::Purpose.eq(offer.purpose()))
        .add(role.map_or_else(|| Column::Role.is_null(), |role| Column::Role.eq(role)))
        .add(Column::ScopeKind.eq(kind))
        .add(scope.map_or_else(|| Column::ScopeId.is_null(), |scope| Column::ScopeId.eq(scope)))
        .add(institution.map_or_else(|| Column::InstitutionId.is_null(), |id| Column::InstitutionId.eq(id)));
    expire_where(tx, same).await
}

async fn expire_where(tx: &Tx, which: Condition) -> Result<Vec<Model>> {
    Ok(Entity::update_many()
        .col_expr(Column::State, Expr::value(InvitationState::Expired))
        .col_expr(Column::EndedAt, Expr::col(Column::ExpiresAt))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(which)
        .exec_with_returning(tx)
        .await?)
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
pub(super) fn in_states(states: &[InvitationState], now: DateTime<Utc>) -> Condition {
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
