//! Who is or was in which team.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use sea_orm::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, Query, SelectStatement};
use sea_orm::{JoinType, QueryOrder, QuerySelect, RelationDef, Set};

use super::{Tx, enrolment, unique_or};
use crate::clock::Clock;
use crate::domain::enrolment::EnrolmentState;
use crate::domain::id::{EditionId, EnrolmentId, PersonId, TeamId};
use crate::error::{Code, Error, Result};

/// The states of an enrolment with which one belongs to a team: who left or was excluded sees nothing more.
pub(super) const BELONGS: [EnrolmentState; 4] = [
    EnrolmentState::Confirmed,
    EnrolmentState::Active,
    EnrolmentState::Completed,
    EnrolmentState::NotCompleted,
];

/// A membership; it has ended when `left_at` is set.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "team_member")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub team_id: TeamId,
    pub enrolment_id: EnrolmentId,
    pub joined_at: DateTime<Utc>,
    pub left_at: Option<DateTime<Utc>>,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Somebody who belongs to a team now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The team.
    pub team: TeamId,
    /// The enrolment through which the person belongs to it.
    pub enrolment: EnrolmentId,
    /// The person.
    pub person: PersonId,
    /// Where the enrolment stands.
    pub state: EnrolmentState,
    /// Since when.
    pub joined_at: DateTime<Utc>,
}

/// Where a person who takes part in an edition belongs in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The person's enrolment.
    pub enrolment: EnrolmentId,
    /// The person's team, if there is one.
    pub team: Option<TeamId>,
}

fn to_enrolment() -> RelationDef {
    Entity::belongs_to(enrolment::Entity)
        .from(Column::EnrolmentId)
        .to(enrolment::Column::Id)
        .into()
}

/// The teams to which a person belongs.
pub fn teams_of(person: PersonId) -> SelectStatement {
    Query::select()
        .column((Entity, Column::TeamId))
        .from(Entity)
        .inner_join(
            enrolment::Entity,
            Expr::col((enrolment::Entity, enrolment::Column::Id)).equals((Entity, Column::EnrolmentId)),
        )
        .and_where(enrolment::Column::PersonId.eq(person))
        .and_where(enrolment::Column::State.is_in(BELONGS))
        .and_where(Column::LeftAt.is_null())
        .to_owned()
}

/// The enrolments that belong to the teams of a selection.
pub fn enrolments_in(teams: SelectStatement) -> SelectStatement {
    Query::select()
        .column((Entity, Column::EnrolmentId))
        .from(Entity)
        .inner_join(
            enrolment::Entity,
            Expr::col((enrolment::Entity, enrolment::Column::Id)).equals((Entity, Column::EnrolmentId)),
        )
        .and_where(enrolment::Column::State.is_in(BELONGS))
        .and_where(Column::LeftAt.is_null())
        .and_where(Column::TeamId.in_subquery(teams))
        .to_owned()
}

/// Everybody who belongs to these teams now, in the order of joining.
pub async fn of_teams(connection: &impl ConnectionTrait, teams: &[TeamId]) -> Result<Vec<Member>> {
    let rows: Vec<(TeamId, EnrolmentId, PersonId, EnrolmentState, DateTime<Utc>)> = Entity::find()
        .join(JoinType::InnerJoin, to_enrolment())
        .select_only()
        .columns([Column::TeamId, Column::EnrolmentId])
        .columns([enrolment::Column::PersonId, enrolment::Column::State])
        .column(Column::JoinedAt)
        .filter(Column::TeamId.is_in(teams.iter().copied()))
        .filter(Column::LeftAt.is_null())
        .filter(enrolment::Column::State.is_in(BELONGS))
        .order_by_asc(Column::JoinedAt)
        .order_by_asc(Column::Id)
        .into_tuple()
        .all(connection)
        .await?;
    let members = rows
        .into_iter()
        .map(|(team, enrolment, person, state, joined_at)| Member {
            team,
            enrolment,
            person,
            state,
            joined_at,
        });
    Ok(members.collect())
}

/// Where a person who takes part in the edition belongs in it; `None` for somebody who does not take part.
pub async fn place(connection: &impl ConnectionTrait, person: PersonId, edition: EditionId) -> Result<Option<Place>> {
    Ok(places(connection, person, &[edition]).await?.remove(&edition))
}

/// Where a person belongs in each of these editions in which they take part.
pub async fn places(
    connection: &impl ConnectionTrait,
    person: PersonId,
    editions: &[EditionId],
) -> Result<HashMap<EditionId, Place>> {
    if editions.is_empty() {
        return Ok(HashMap::new());
    }
    let to_membership = enrolment::Entity::belongs_to(Entity)
        .from(enrolment::Column::Id)
        .to(Column::EnrolmentId)
        .on_condition(|_, member| Expr::col((member, Column::LeftAt)).is_null().into())
        .into();
    let rows: Vec<(EditionId, EnrolmentId, Option<TeamId>)> = enrolment::Entity::find()
        .select_only()
        .columns([enrolment::Column::EditionId, enrolment::Column::Id])
        .column(Column::TeamId)
        .join(JoinType::LeftJoin, to_membership)
        .filter(enrolment::Column::EditionId.is_in(editions.iter().copied()))
        .filter(enrolment::Column::PersonId.eq(person))
        .filter(enrolment::Column::State.is_in([EnrolmentState::Confirmed, EnrolmentState::Active]))
        .into_tuple()
        .all(connection)
        .await?;
    let places = rows
        .into_iter()
        .map(|(edition, enrolment, team)| (edition, Place { enrolment, team }));
    Ok(places.collect())
}

/// Which of these enrolments belong to a team now.
pub async fn taken(connection: &impl ConnectionTrait, enrolments: &[EnrolmentId]) -> Result<BTreeSet<EnrolmentId>> {
    let rows = Entity::find()
        .filter(Column::EnrolmentId.is_in(enrolments.iter().copied()))
        .filter(Column::LeftAt.is_null())
        .all(connection)
        .await?;
    Ok(rows.into_iter().map(|row| row.enrolment_id).collect())
}

/// Puts enrolments into a team.
///
/// # Errors
/// [`Code::AlreadyInTeam`] when one of them was put into another team meanwhile.
pub async fn join(tx: &Tx, clock: &Clock, team: TeamId, enrolments: &[EnrolmentId]) -> Result<()> {
    if enrolments.is_empty() {
        return Ok(());
    }
    let rows = enrolments.iter().map(|&enrolment| ActiveModel {
        id: Set(clock.new_id()),
        team_id: Set(team),
        enrolment_id: Set(enrolment),
        joined_at: Set(clock.now()),
        left_at: Set(None),
    });
    Entity::insert_many(rows)
        .exec_without_returning(tx)
        .await
        .map_err(unique_or(Error::from(Code::AlreadyInTeam)))?;
    Ok(())
}

/// Takes enrolments out of a team; the rows stay, with the instant.
pub async fn leave(tx: &Tx, clock: &Clock, team: TeamId, enrolments: &[EnrolmentId]) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::LeftAt, Expr::value(clock.now()))
        .filter(Column::TeamId.eq(team))
        .filter(Column::EnrolmentId.is_in(enrolments.iter().copied()))
        .filter(Column::LeftAt.is_null())
        .exec(tx)
        .await?;
    Ok(())
}
