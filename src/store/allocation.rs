//! A tutor's charge of one team.

use chrono::{DateTime, Utc};
use sea_orm::prelude::*;
use sea_orm::sea_query::{ExprTrait, Query, SelectStatement};
use sea_orm::{Condition, QueryOrder, QuerySelect, Set};

use super::edition::reach;
use super::{Tx, audit, role, row, team, unique_or};
use crate::clock::Clock;
use crate::domain::actor::{Actor, Grant, Role, Scope};
use crate::domain::id::{AllocationId, EditionId, PersonId, RoleAssignmentId, Subject, TeamId};
use crate::domain::policy::Action;
use crate::error::{Code, Error, Result};

/// A tutor's charge of one team.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tutor_allocation")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AllocationId,
    pub edition_id: EditionId,
    pub team_id: TeamId,
    pub person_id: PersonId,
    pub from_at: DateTime<Utc>,
    pub until_at: Option<DateTime<Utc>>,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The charges of the actor that hold: those in editions of which they are tutor now. A role that is over takes
/// its charges with it, whatever else the actor is tutor of.
pub fn charges(actor: &Actor) -> Condition {
    let Some(person) = actor.person else {
        return row::nothing();
    };
    Condition::all()
        .add(Column::PersonId.eq(person))
        .add(Column::UntilAt.is_null())
        .add(reach::within(actor.tutored(), Column::EditionId))
}

/// The teams in the actor's charge.
pub fn teams_of(actor: &Actor) -> SelectStatement {
    Query::select()
        .column(Column::TeamId)
        .from(Entity)
        .cond_where(charges(actor))
        .to_owned()
}

/// The allocations of these teams that hold now, the oldest first.
pub async fn of_teams(connection: &impl ConnectionTrait, teams: &[TeamId]) -> Result<Vec<Model>> {
    let rows = Entity::find()
        .filter(Column::TeamId.is_in(teams.iter().copied()))
        .filter(Column::UntilAt.is_null())
        .order_by_asc(Column::FromAt)
        .order_by_asc(Column::Id);
    Ok(rows.all(connection).await?)
}

/// The row with this identifier, if the actor sees its team.
pub async fn find_visible(connection: &impl ConnectionTrait, actor: &Actor, id: AllocationId) -> Result<Option<Model>> {
    let teams = Query::select()
        .column(team::Column::Id)
        .from(team::Entity)
        .cond_where(team::visible_to(actor))
        .to_owned();
    let row = Entity::find_by_id(id).filter(Column::TeamId.in_subquery(teams));
    Ok(row.one(connection).await?)
}

/// Puts a tutor in charge of a team.
///
/// # Errors
/// [`Code::AlreadyGranted`] when the tutor is in charge already.
pub async fn insert(tx: &Tx, clock: &Clock, edition: EditionId, team: TeamId, tutor: PersonId) -> Result<AllocationId> {
    let id = AllocationId(clock.new_id());
    let row = ActiveModel {
        id: Set(id),
        edition_id: Set(edition),
        team_id: Set(team),
        person_id: Set(tutor),
        from_at: Set(clock.now()),
        until_at: Set(None),
    };
    let inserted = Entity::insert(row).exec_without_returning(tx).await;
    inserted.map_err(unique_or(Error::at("personId", Code::AlreadyGranted)))?;
    Ok(id)
}

/// Ends an allocation; whether it held until now.
pub async fn end(tx: &Tx, clock: &Clock, id: AllocationId) -> Result<bool> {
    let ended = Entity::update_many()
        .col_expr(Column::UntilAt, Expr::value(clock.now()))
        .filter(Column::Id.eq(id))
        .filter(Column::UntilAt.is_null())
        .exec(tx)
        .await?;
    Ok(ended.rows_affected == 1)
}

/// Makes the person, who must be locked, tutor of the edition unless they are; gives the new role, if it was needed.
/// What was allocated to them in an earlier term ends then.
pub async fn ensure_role(
    tx: &Tx,
    clock: &Clock,
    edition: EditionId,
    tutor: PersonId,
    granted_by: Option<PersonId>,
) -> Result<Option<RoleAssignmentId>> {
    let present = role::Entity::find()
        .filter(role::Column::PersonId.eq(tutor))
        .filter(role::Column::Role.eq(Role::Tutor))
        .filter(role::Column::ScopeId.eq(edition.0))
        .filter(
            role::Column::UntilAt
                .is_null()
                .or(role::Column::UntilAt.gt(clock.now())),
        )
        .one(tx)
        .await?;
    if present.is_some() {
        return Ok(None);
    }
    end_all(tx, clock, edition, tutor, granted_by).await?;
    let grant = Grant {
        role: Role::Tutor,
        scope: Scope::Edition(edition),
    };
    let id = RoleAssignmentId(clock.new_id());
    role::insert(tx, role::new_row(id, tutor, grant, clock.now(), granted_by)).await?;
    Ok(Some(id))
}

/// Ends every allocation of a person in an edition, whose role there is over or begins anew; each with its entry in the
/// audit log, as something that `by` did.
pub async fn end_all(tx: &Tx, clock: &Clock, edition: EditionId, tutor: PersonId, by: Option<PersonId>) -> Result<()> {
    let ended = Entity::update_many()
        .col_expr(Column::UntilAt, Expr::value(clock.now()))
        .filter(Column::EditionId.eq(edition))
        .filter(Column::PersonId.eq(tutor))
        .filter(Column::UntilAt.is_null())
        .exec_with_returning(tx)
        .await?;
    note_ends(tx, clock, &ended, by).await
}

/// The entries of charges that ended with a role.
async fn note_ends(tx: &Tx, clock: &Clock, ended: &[Model], by: Option<PersonId>) -> Result<()> {
    let subjects: Vec<Subject> = ended.iter().map(|row| row.id.into()).collect();
    let reason = Some("the tutor's role is over");
    audit::record(tx, clock, by, Action::AllocateTutor, &subjects, reason).await
}

/// Those that hold, of somebody who is no longer tutor of the edition.
fn is_over(now: DateTime<Utc>) -> Condition {
    let of = |column: Column| Expr::col((Entity, column));
    let role = |column: role::Column| Expr::col((role::Entity, column));
    let in_force = Query::select()
        .expr(Expr::val(1))
        .from(role::Entity)
        .and_where(role::Column::Role.eq(Role::Tutor))
        .and_where(role(role::Column::PersonId).eq(of(Column::PersonId)))
        .and_where(role(role::Column::ScopeId).eq(of(Column::EditionId)))
        .and_where(role::Column::UntilAt.is_null().or(role::Column::UntilAt.gt(now)))
        .to_owned();
    Condition::all()
        .add(Column::UntilAt.is_null())
        .add(Expr::exists(in_force).not())
}

/// Whether there is one for [`end_lapsed`].
pub async fn is_lapsed(connection: &impl ConnectionTrait, now: DateTime<Utc>) -> Result<bool> {
    Ok(Entity::find().filter(is_over(now)).one(connection).await?.is_some())
}

/// Ends every allocation to somebody who is no longer tutor of its edition, each with its entry in the audit log; how
/// many there were. Whoever looks meanwhile finds that they give nothing ([`charges`]).
pub async fn end_lapsed(tx: &Tx, clock: &Clock) -> Result<usize> {
    let now = clock.now();
    let ended = Entity::update_many()
        .col_expr(Column::UntilAt, Expr::value(now))
        .filter(is_over(now))
        .exec_with_returning(tx)
        .await?;
    note_ends(tx, clock, &ended, None).await?;
    Ok(ended.len())
}

/// The editions in which teams are in the actor's charge.
pub async fn editions_of(connection: &impl ConnectionTrait, actor: &Actor) -> Result<Vec<EditionId>> {
    let editions = Entity::find()
        .select_only()
        .column(Column::EditionId)
        .distinct()
        .filter(charges(actor))
        .into_tuple()
        .all(connection)
        .await?;
    Ok(editions)
}
