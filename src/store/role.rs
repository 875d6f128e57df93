//! Roles of people in scopes. An ended one stays with its end; whoever asks says at what instant.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ActiveValue::Set, Condition, JoinType, QueryOrder, QuerySelect};

use super::{Tx, person};
use crate::domain::actor::{Grant, Role, Scope};
use crate::domain::id::{CourseId, EditionId, InstitutionId, PersonId, RoleAssignmentId};
use crate::error::Result;

/// A role of a person in a scope.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "role_assignment")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: RoleAssignmentId,
    pub person_id: PersonId,
    pub role: Role,
    pub scope_kind: String,
    pub scope_id: Option<Uuid>,
    pub from_at: DateTime<Utc>,
    pub until_at: Option<DateTime<Utc>>,
    pub granted_by: Option<PersonId>,
    /// The identity provider whose word gave it, where one did.
    pub provider: Option<String>,
    /// Who ended it, where somebody did.
    pub revoked_by: Option<PersonId>,
}

impl Model {
    /// Where the role holds; the database keeps it well formed.
    pub fn scope(&self) -> Option<Scope> {
        scope(&self.scope_kind, self.scope_id)
    }

    /// What it grants.
    pub fn grant(&self) -> Option<Grant> {
        Some(Grant {
            role: self.role,
            scope: self.scope()?,
        })
    }
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The scope as the two columns say it.
pub fn scope(kind: &str, id: Option<Uuid>) -> Option<Scope> {
    match (kind, id) {
        ("system", None) => Some(Scope::System),
        ("institution", Some(id)) => Some(Scope::Institution(InstitutionId(id))),
        ("course", Some(id)) => Some(Scope::Course(CourseId(id))),
        ("edition", Some(id)) => Some(Scope::Edition(EditionId(id))),
        _ => None,
    }
}

/// The two columns of a scope.
pub fn columns(scope: Scope) -> (&'static str, Option<Uuid>) {
    match scope {
        Scope::System => ("system", None),
        Scope::Institution(id) => ("institution", Some(id.0)),
        Scope::Course(id) => ("course", Some(id.0)),
        Scope::Edition(id) => ("edition", Some(id.0)),
    }
}

/// A new assignment, in force from `now` on without an end.
pub fn new_row(
    id: RoleAssignmentId,
    person_id: PersonId,
    grant: Grant,
    now: DateTime<Utc>,
    granted_by: Option<PersonId>,
) -> Model {
    let (kind, scope_id) = columns(grant.scope);
    let scope_kind = kind.to_owned();
    Model {
        id,
        person_id,
        role: grant.role,
        scope_kind,
        scope_id,
        from_at: now,
        until_at: None,
        granted_by,
        provider: None,
        revoked_by: None,
    }
}

/// What holds at this instant.
pub(super) fn in_force(now: DateTime<Utc>) -> Condition {
    Condition::all()
        .add(Column::FromAt.lte(now))
        .add(Column::UntilAt.is_null().or(Column::UntilAt.gt(now)))
}

/// The roles of a person that are in force, the oldest first.
pub async fn of_person(connection: &impl ConnectionTrait, person: PersonId, now: DateTime<Utc>) -> Result<Vec<Model>> {
    let list = Entity::find().filter(Column::PersonId.eq(person)).filter(in_force(now));
    Ok(list
        .order_by_asc(Column::FromAt)
        .order_by_asc(Column::Id)
        .all(connection)
        .await?)
}

/// The assignments of a role in exactly this scope to a person, the newest first.
fn of_grant(person: PersonId, grant: Grant) -> Select<Entity> {
    Entity::find()
        .filter(Column::PersonId.eq(person))
        .filter(Column::Role.eq(grant.role))
        .filter(in_scope(grant.scope))
        .order_by_desc(Column::FromAt)
        .order_by_desc(Column::Id)
}

/// The assignment by which the person holds the role in exactly this scope.
pub async fn find_held(
    connection: &impl ConnectionTrait,
    person: PersonId,
    grant: Grant,
    now: DateTime<Utc>,
) -> Result<Option<Model>> {
    Ok(of_grant(person, grant).filter(in_force(now)).one(connection).await?)
}

/// Those of exactly this scope, whoever has them.
fn in_scope(scope: Scope) -> Condition {
    let (kind, id) = columns(scope);
    let of_scope = match id {
        Some(id) => Column::ScopeId.eq(id),
        None => Column::ScopeId.is_null(),
    };
    Condition::all().add(Column::ScopeKind.eq(kind)).add(of_scope)
}

/// The assignments that are in force in exactly this scope, of whatever role.
pub async fn held_in(connection: &impl ConnectionTrait, scope: Scope, now: DateTime<Utc>) -> Result<Vec<Model>> {
    let list = Entity::find().filter(in_scope(scope)).filter(in_force(now));
    Ok(list.all(connection).await?)
}

/// Whether there is a role in exactly this scope, in force or not.
pub async fn is_any_in(connection: &impl ConnectionTrait, scope: Scope) -> Result<bool> {
    let any = Entity::find().filter(in_scope(scope)).one(connection).await?;
    Ok(any.is_some())
}

/// The roles in exactly this scope, those that ended too, locked.
pub async fn lock_in(tx: &Tx, scope: Scope) -> Result<Vec<Model>> {
    let list = Entity::find().filter(in_scope(scope)).order_by_asc(Column::Id);
    Ok(list.lock_exclusive().all(tx).await?)
}

/// Lets the roles in a scope, those that ended too, hold in another one.
pub async fn lead(tx: &Tx, from: Scope, into: Scope) -> Result<()> {
    let (kind, id) = columns(into);
    Entity::update_many()
        .col_expr(Column::ScopeKind, Expr::value(kind))
        .col_expr(Column::ScopeId, Expr::value(id))
        .filter(in_scope(from))
        .exec(tx)
        .await?;
    Ok(())
}

/// Whether somebody ended the role when the person last held it in exactly this scope.
pub async fn was_revoked(connection: &impl ConnectionTrait, person: PersonId, grant: Grant) -> Result<bool> {
    let last = of_grant(person, grant).one(connection).await?;
    Ok(last.is_some_and(|row| row.revoked_by.is_some()))
}

/// The assignment, if there is one.
pub async fn find(connection: &impl ConnectionTrait, id: RoleAssignmentId) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(id).one(connection).await?)
}

/// The assignment, its row held against others who change it.
pub async fn lock(tx: &Tx, id: RoleAssignmentId) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(id).lock_exclusive().one(tx).await?)
}

/// Keeps a new assignment.
pub async fn insert(tx: &Tx, row: Model) -> Result<Model> {
    let row = ActiveModel {
        id: Set(row.id),
        person_id: Set(row.person_id),
        role: Set(row.role),
        scope_kind: Set(row.scope_kind),
        scope_id: Set(row.scope_id),
        from_at: Set(row.from_at),
        until_at: Set(row.until_at),
        granted_by: Set(row.granted_by),
        provider: Set(row.provider),
        revoked_by: Set(row.revoked_by),
    };
    Ok(row.insert(tx).await?)
}

/// Ends an assignment at `now`.
pub async fn set_end(tx: &Tx, id: RoleAssignmentId, now: DateTime<Utc>) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::UntilAt, Expr::value(now))
        .filter(Column::Id.eq(id))
        .exec(tx)
        .await?;
    Ok(())
}

/// Ends many assignments at `now`.
pub async fn set_ends(tx: &Tx, ids: &[RoleAssignmentId], now: DateTime<Utc>) -> Result<()> {
    for batch in ids.chunks(10_000) {
        Entity::update_many()
            .col_expr(Column::UntilAt, Expr::value(now))
            .filter(Column::Id.is_in(batch.iter().copied()))
            .exec(tx)
            .await?;
    }
    Ok(())
}

/// Ends an assignment at `now`, as somebody wants it.
pub async fn revoke(tx: &Tx, id: RoleAssignmentId, by: PersonId, now: DateTime<Utc>) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::UntilAt, Expr::value(now))
        .col_expr(Column::RevokedBy, Expr::value(by))
        .filter(Column::Id.eq(id))
        .exec(tx)
        .await?;
    Ok(())
}

/// The roles in force that came from identity providers.
pub async fn of_providers(tx: &Tx, now: DateTime<Utc>) -> Result<Vec<Model>> {
    Ok(Entity::find()
        .filter(Column::Provider.is_not_null())
        .filter(in_force(now))
        .order_by_asc(Column::Id)
        .lock_exclusive()
        .all(tx)
        .await?)
}

/// Whether somebody whose account is not disabled holds this role, in whatever scope.
pub async fn anybody_holds(connection: &impl ConnectionTrait, held: Role, now: DateTime<Utc>) -> Result<bool> {
    let to_person = Entity::belongs_to(person::Entity)
        .from(Column::PersonId)
        .to(person::Column::Id);
    let count = Entity::find()
        .join(JoinType::InnerJoin, to_person.into())
        .filter(Column::Role.eq(held))
        .filter(in_force(now))
        .filter(person::Column::DisabledAt.is_null())
        .count(connection)
        .await?;
    Ok(count > 0)
}
