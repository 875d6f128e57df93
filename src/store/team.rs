//! The people of one edition who hand in together.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sea_orm::prelude::*;
use sea_orm::{Condition, QuerySelect, Set};

use super::edition::reach;
use super::page::{self, Page, Wanted};
use super::{Tx, allocation, row, team_member, unique_or};
use crate::clock::Clock;
use crate::domain::actor::{Actor, Reach, Role};
use crate::domain::id::{EditionId, EnrolmentId, TeamId};
use crate::domain::policy;
use crate::domain::text::{Name, order_key};
use crate::domain::version::stale_version;
use crate::error::{Code, Error, Result};

/// The people of one edition who hand in together.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "team")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: TeamId,
    pub edition_id: EditionId,
    pub name: String,
    pub created_at: DateTime<Utc>,
    pub version: i64,
    /// Where the name stands in a list: [`order_key`] of it.
    pub name_key: String,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The teams to which the actor belongs.
fn belonging(actor: &Actor) -> Condition {
    match actor.person {
        Some(person) => Condition::all().add(Column::Id.in_subquery(team_member::teams_of(person))),
        None => row::nothing(),
    }
}

/// The teams allocated to the actor.
fn allocated(actor: &Actor) -> Condition {
    if actor.holds(Role::Tutor) {
        Condition::all().add(Column::Id.in_subquery(allocation::teams_of(actor)))
    } else {
        row::nothing()
    }
}

/// The teams that the actor sees: those to which they belong, those allocated to them, those of the editions
/// that they coordinate.
pub fn visible_to(actor: &Actor) -> Condition {
    let seen = Condition::any().add(belonging(actor)).add(allocated(actor));
    match actor.coordinated() {
        Reach::Everywhere => Condition::all(),
        Reach::Within { .. } => seen.add(reach::coordinated(actor, Column::EditionId)),
    }
}

/// How the actor stands to these teams.
pub async fn relations(
    connection: &impl ConnectionTrait,
    actor: &Actor,
    ids: &[TeamId],
) -> Result<HashMap<TeamId, policy::Relation>> {
    let team = row::among(connection, Column::Id, ids, belonging(actor)).await?;
    let assigned = if actor.holds(Role::Tutor) {
        row::among(connection, Column::Id, ids, allocated(actor)).await?
    } else {
        HashSet::new()
    };
    let edition = if actor.coordinated().is_nothing() {
        HashSet::new()
    } else {
        let coordinated = reach::coordinated(actor, Column::EditionId);
        row::among(connection, Column::Id, ids, coordinated).await?
    };
    let relation = |id: &TeamId| policy::Relation {
        team: team.contains(id),
        assigned: assigned.contains(id),
        edition: edition.contains(id),
        ..policy::Relation::NONE
    };
    Ok(ids.iter().map(|id| (*id, relation(id))).collect())
}

/// The rows with these identifiers, in no order; absent ones are left out.
pub async fn by_ids(connection: &impl ConnectionTrait, ids: &[TeamId]) -> Result<Vec<Model>> {
    Ok(Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .all(connection)
        .await?)
}

/// The team, if the actor sees it.
pub async fn find_visible(connection: &impl ConnectionTrait, actor: &Actor, id: TeamId) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(id).filter(visible_to(actor)).one(connection).await?)
}

/// Those of the rows with these identifiers that the actor sees.
pub async fn by_ids_visible(connection: &impl ConnectionTrait, actor: &Actor, ids: &[TeamId]) -> Result<Vec<Model>> {
    let rows = Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .filter(visible_to(actor));
    Ok(rows.all(connection).await?)
}

/// Locks the rows with these identifiers and reads them again.
pub async fn lock(tx: &Tx, ids: &[TeamId]) -> Result<Vec<Model>> {
    use sea_orm::QueryOrder;
    let rows = Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .order_by_asc(Column::Id);
    Ok(rows.lock_exclusive().all(tx).await?)
}

/// The teams to which the actor belongs, in the order of their names.
pub async fn page_of_own(connection: &impl ConnectionTrait, actor: &Actor, wanted: &Wanted) -> Result<Page<Model>> {
    let list = Entity::find().filter(belonging(actor));
    page::fetch(connection, list, (Column::NameKey, Column::Id), false, wanted).await
}

/// The teams allocated to the actor, in the order of their names.
pub async fn page_of_allocated(
    connection: &impl ConnectionTrait,
    actor: &Actor,
    wanted: &Wanted,
) -> Result<Page<Model>> {
    let list = Entity::find().filter(allocated(actor));
    page::fetch(connection, list, (Column::NameKey, Column::Id), false, wanted).await
}

/// The teams of an edition that the actor sees, in the order of their names.
pub async fn page_of_edition(
    connection: &impl ConnectionTrait,
    actor: &Actor,
    edition: EditionId,
    wanted: &Wanted,
) -> Result<Page<Model>> {
    let list = Entity::find()
        .filter(Column::EditionId.eq(edition))
        .filter(visible_to(actor));
    page::fetch(connection, list, (Column::NameKey, Column::Id), false, wanted).await
}

/// Makes a team.
///
/// # Errors
/// [`Code::Taken`] when another team of the edition has this name.
pub async fn insert(tx: &Tx, clock: &Clock, edition: EditionId, name: &Name) -> Result<Model> {
    let row = ActiveModel {
        id: Set(TeamId(clock.new_id())),
        edition_id: Set(edition),
        name: Set(name.to_string()),
        created_at: Set(clock.now()),
        version: Set(1),
        name_key: Set(order_key(name.as_ref())),
    };
    Entity::insert(row)
        .exec_with_returning(tx)
        .await
        .map_err(unique_or(Error::at("name", Code::Taken)))
}

/// Renames the team if it is still as it was read; its version rises whether or not the name changes.
///
/// # Errors
/// [`Code::Taken`] when another team of the edition has this name, [`Code::StaleVersion`].
pub async fn set_name(tx: &Tx, row: &Model, name: &str) -> Result<Model> {
    let change = ActiveModel {
        name: Set(name.to_owned()),
        name_key: Set(order_key(name)),
        version: Set(row.version + 1),
        ..Default::default()
    };
    let rows = Entity::update_many()
        .set(change)
        .filter(Column::Id.eq(row.id))
        .filter(Column::Version.eq(row.version))
        .exec_with_returning(tx)
        .await
        .map_err(unique_or(Error::at("name", Code::Taken)))?;
    let stale = || stale_version("version", row.version).into();
    rows.into_iter().next().ok_or_else(stale)
}

/// The teams to which these enrolments belong, as far as the actor sees them.
pub async fn of_enrolments_visible(
    connection: &impl ConnectionTrait,
    actor: &Actor,
    enrolments: &[EnrolmentId],
) -> Result<Vec<(EnrolmentId, Model)>> {
    let memberships = team_member::Entity::find()
        .filter(team_member::Column::EnrolmentId.is_in(enrolments.iter().copied()))
        .filter(team_member::Column::LeftAt.is_null())
        .all(connection)
        .await?;
    let ids = memberships.iter().map(|membership| membership.team_id);
    let teams = Entity::find()
        .filter(Column::Id.is_in(ids))
        .filter(visible_to(actor))
        .all(connection)
        .await?;
    let found = memberships.iter().filter_map(|membership| {
        let team = teams.iter().find(|team| team.id == membership.team_id)?;
        Some((membership.enrolment_id, team.clone()))
    });
    Ok(found.collect())
}
