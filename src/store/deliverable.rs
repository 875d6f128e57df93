//! What is asked for, with its rubric.

use chrono::{DateTime, Utc};
use sea_orm::prelude::*;
use sea_orm::sea_query::Query;
use sea_orm::{Condition, JsonValue as Json, QueryOrder, QuerySelect, Set};

use super::edition::reach;
use super::{Tx, allocation, assessment, enrolment, row, submission};
use crate::clock::Clock;
use crate::domain::actor::{Actor, Reach, Role};
use crate::domain::deliverable::{DeliverableDraft, DeliverableKind, Rubric};
use crate::domain::enrolment::EnrolmentState;
use crate::domain::id::{DeliverableId, EditionId};
use crate::domain::version::stale_version;
use crate::error::{Error, Result};

/// What is asked for, with its rubric.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "deliverable")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: DeliverableId,
    pub edition_id: EditionId,
    pub kind: DeliverableKind,
    pub title: String,
    pub instructions: String,
    pub due_at: DateTime<Utc>,
    pub cut_off_at: DateTime<Utc>,
    pub weight: i64,
    pub rubric: Json,
    pub created_at: DateTime<Utc>,
    pub version: i64,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The rubric, as it was stored.
    pub fn rubric(&self) -> Result<Rubric> {
        serde_json::from_value(self.rubric.clone()).map_err(Error::internal)
    }
}

/// The deliverables that the actor sees: of editions that they coordinate, in which they take or took part, or in
/// which a team is allocated to them.
pub fn visible_to(actor: &Actor) -> Condition {
    if actor.coordinated() == Reach::Everywhere {
        return Condition::all();
    }
    let mut seen = Condition::any().add(reach::coordinated(actor, Column::EditionId));
    let Some(person) = actor.person else {
        return row::nothing();
    };
    let participates = Query::select()
        .column(enrolment::Column::EditionId)
        .from(enrolment::Entity)
        .and_where(enrolment::Column::PersonId.eq(person))
        .and_where(
            enrolment::Column::State.is_in(EnrolmentState::ALL.iter().filter(|state| state.was_admitted()).copied()),
        )
        .to_owned();
    seen = seen.add(Column::EditionId.in_subquery(participates));
    if actor.holds(Role::Tutor) {
        let accompanies = Query::select()
            .column(allocation::Column::EditionId)
            .from(allocation::Entity)
            .cond_where(allocation::charges(actor))
            .to_owned();
        seen = seen.add(Column::EditionId.in_subquery(accompanies));
    }
    seen
}

/// The rows with these identifiers, in no order; absent ones are left out.
pub async fn by_ids(connection: &impl ConnectionTrait, ids: &[DeliverableId]) -> Result<Vec<Model>> {
    Ok(Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .all(connection)
        .await?)
}

/// The row with this identifier, if the actor sees it.
pub async fn find_visible(
    connection: &impl ConnectionTrait,
    actor: &Actor,
    id: DeliverableId,
) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(id).filter(visible_to(actor)).one(connection).await?)
}

/// Those of the rows with these identifiers that the actor sees.
pub async fn by_ids_visible(
    connection: &impl ConnectionTrait,
    actor: &Actor,
    ids: &[DeliverableId],
) -> Result<Vec<Model>> {
    let rows = Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .filter(visible_to(actor));
    Ok(rows.all(connection).await?)
}

/// The row with this identifier, which must exist.
pub async fn get(connection: &impl ConnectionTrait, id: DeliverableId) -> Result<Model> {
    let row = Entity::find_by_id(id).one(connection).await?;
    row.ok_or_else(|| Error::internal(format!("the deliverable {id} is gone")))
}

/// What these editions ask for, whoever asks, by due date.
pub async fn of_editions(connection: &impl ConnectionTrait, editions: &[EditionId]) -> Result<Vec<Model>> {
    let rows = Entity::find()
        .filter(Column::EditionId.is_in(editions.iter().copied()))
        .order_by_asc(Column::DueAt)
        .order_by_asc(Column::Id);
    Ok(rows.all(connection).await?)
}

/// How much an edition asks for, whoever asks.
pub async fn count_of(connection: &impl ConnectionTrait, edition: EditionId) -> Result<u64> {
    let rows = Entity::find().filter(Column::EditionId.eq(edition));
    Ok(rows.count(connection).await?)
}

/// What these editions ask for, as far as the actor sees it, by due date.
pub async fn of_editions_visible(
    connection: &impl ConnectionTrait,
    actor: &Actor,
    editions: &[EditionId],
) -> Result<Vec<Model>> {
    let rows = Entity::find()
        .filter(Column::EditionId.is_in(editions.iter().copied()))
        .filter(visible_to(actor))
        .order_by_asc(Column::DueAt)
        .order_by_asc(Column::Id);
    Ok(rows.all(connection).await?)
}

/// Whether any answer to it was assessed.
pub async fn is_assessed(connection: &impl ConnectionTrait, id: DeliverableId) -> Result<bool> {
    let answers = Query::select()
        .column(submission::Column::Id)
        .from(submission::Entity)
        .and_where(submission::Column::DeliverableId.eq(id))
        .to_owned();
    let assessed = assessment::Entity::find().filter(assessment::Column::SubmissionId.in_subquery(answers));
    Ok(assessed.limit(1).one(connection).await?.is_some())
}

fn columns_of(draft: &DeliverableDraft) -> Result<ActiveModel> {
    Ok(ActiveModel {
        kind: Set(draft.kind),
        title: Set(draft.title.to_string()),
        instructions: Set(draft.instructions.to_string()),
        due_at: Set(draft.due_at),
        cut_off_at: Set(draft.cut_off_at),
        weight: Set(draft.weight),
        rubric: Set(serde_json::to_value(&draft.rubric).map_err(Error::internal)?),
        ..Default::default()
    })
}

/// Stores what an edition asks for.
pub async fn insert(tx: &Tx, clock: &Clock, edition: EditionId, draft: &DeliverableDraft) -> Result<Model> {
    let row = ActiveModel {
        id: Set(DeliverableId(clock.new_id())),
        edition_id: Set(edition),
        created_at: Set(clock.now()),
        version: Set(1),
        ..columns_of(draft)?
    };
    Ok(Entity::insert(row).exec_with_returning(tx).await?)
}

/// Changes it if it is still as it was read.
///
/// # Errors
/// `Code::StaleVersion`.
pub async fn set_draft(tx: &Tx, row: &Model, draft: &DeliverableDraft) -> Result<Model> {
    let change = ActiveModel {
        version: Set(row.version + 1),
        ..columns_of(draft)?
    };
    let rows = Entity::update_many()
        .set(change)
        .filter(Column::Id.eq(row.id))
        .filter(Column::Version.eq(row.version))
        .exec_with_returning(tx)
        .await?;
    let stale = || stale_version("version", row.version).into();
    rows.into_iter().next().ok_or_else(stale)
}
