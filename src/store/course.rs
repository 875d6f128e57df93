//! Courses: the items of the catalogue.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Query;
use sea_orm::{Condition, JsonValue as Json, QuerySelect, Set};

use super::page::{Key, Page, Place, Wanted, fetch};
use super::row::contains;
use super::{Tx, edition, unique_or};
use crate::domain::actor::Actor;
use crate::domain::course::CourseDraft;
use crate::domain::edition::EditionState;
use crate::domain::id::CourseId;
use crate::domain::language::Localized;
use crate::domain::policy::{Action, Relation as Stands, may};
use crate::domain::text::SearchText;
use crate::error::{Code, Error, Result};

/// A course of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "course")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: CourseId,
    pub code: String,
    pub titles: Json,
    pub descriptions: Json,
    pub objectives: Json,
    pub topics: Json,
    pub search_text: String,
    pub created_at: DateTime<Utc>,
    pub version: i64,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The title per language.
    pub fn titles(&self) -> Localized {
        localized(&self.titles)
    }

    /// The description per language.
    pub fn descriptions(&self) -> Localized {
        localized(&self.descriptions)
    }

    /// The objectives per language.
    pub fn objectives(&self) -> Localized {
        localized(&self.objectives)
    }
}

/// Reads a column of texts per language.
fn localized(column: &Json) -> Localized {
    serde_json::from_value(column.clone()).unwrap_or_default()
}

fn json(value: impl serde::Serialize) -> Result<Json> {
    serde_json::to_value(value).map_err(Error::internal)
}

/// The courses that exist for this actor: those with a published edition, and all of them for whoever plans courses or
/// appoints people to them.
pub fn visible_to(actor: &Actor) -> Condition {
    if may(actor, Action::SeeEveryCourse, Stands::NONE) {
        return Condition::all();
    }
    let given = Query::select()
        .column(edition::Column::CourseId)
        .from(edition::Entity)
        .and_where(edition::Column::State.ne(EditionState::Draft))
        .to_owned();
    Condition::all().add(Column::Id.in_subquery(given))
}

/// The rows with these identifiers, in no order; absent ones are left out.
pub async fn by_ids(connection: &impl ConnectionTrait, ids: &[CourseId]) -> Result<Vec<Model>> {
    Ok(Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .all(connection)
        .await?)
}

/// Those of these courses that exist for the actor, in no order.
pub async fn by_ids_visible(connection: &impl ConnectionTrait, actor: &Actor, ids: &[CourseId]) -> Result<Vec<Model>> {
    Ok(Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .filter(visible_to(actor))
        .all(connection)
        .await?)
}

/// The course, if there is one.
pub async fn find(connection: &impl ConnectionTrait, id: CourseId) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(id).one(connection).await?)
}

/// The course, which must exist, as that of an edition does.
pub async fn get(connection: &impl ConnectionTrait, id: CourseId) -> Result<Model> {
    let row = find(connection, id).await?;
    row.ok_or_else(|| Error::internal(format!("the course {id} is gone")))
}

/// The course, if it exists for the actor.
pub async fn find_for(connection: &impl ConnectionTrait, actor: &Actor, id: CourseId) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(id).filter(visible_to(actor)).one(connection).await?)
}

/// The course, locked until the transaction ends.
pub async fn lock(tx: &Tx, id: CourseId) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(id).lock_exclusive().one(tx).await?)
}

/// The course, held against changes; others may do so at the same time. Whoever stores texts of it with an edition
/// holds it, after the edition.
pub async fn hold(tx: &Tx, id: CourseId) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(id).lock_shared().one(tx).await?)
}

/// Where a row stands in the list by code.
pub fn page_place(row: &Model) -> Place {
    Place {
        key: Key::Text(row.code.clone()),
        id: row.id.0,
    }
}

/// A page of the courses that exist for the actor and in whose texts `text` occurs, by code, character by character.
pub async fn page(
    connection: &impl ConnectionTrait,
    actor: &Actor,
    text: Option<&SearchText>,
    wanted: &Wanted,
) -> Result<Page<Model>> {
    let mut list = Entity::find().filter(visible_to(actor));
    if let Some(text) = text {
        list = list.filter(contains(Column::SearchText, text));
    }
    fetch(connection, list, (Column::Code, Column::Id), false, wanted).await
}

fn row(id: CourseId, draft: &CourseDraft, created_at: DateTime<Utc>, version: i64) -> Result<Model> {
    Ok(Model {
        id,
        code: draft.code.to_string(),
        titles: json(&draft.titles)?,
        descriptions: json(&draft.descriptions)?,
        objectives: json(&draft.objectives)?,
        topics: json(&draft.topics)?,
        search_text: draft.search_text(),
        created_at,
        version,
    })
}

fn active(row: &Model) -> ActiveModel {
    ActiveModel {
        id: Set(row.id),
        code: Set(row.code.clone()),
        titles: Set(row.titles.clone()),
        descriptions: Set(row.descriptions.clone()),
        objectives: Set(row.objectives.clone()),
        topics: Set(row.topics.clone()),
        search_text: Set(row.search_text.clone()),
        created_at: Set(row.created_at),
        version: Set(row.version),
    }
}

/// Stores a new course.
///
/// # Errors
/// [`Code::Taken`] when another course has the code.
pub async fn insert(tx: &Tx, id: CourseId, draft: &CourseDraft, now: DateTime<Utc>) -> Result<Model> {
    let row = row(id, draft, now, 1)?;
    Entity::insert(active(&row))
        .exec_without_returning(tx)
        .await
        .map_err(unique_or(Error::at("course.code", Code::Taken)))?;
    Ok(row)
}

/// Replaces what the draft says in a locked course.
///
/// # Errors
/// [`Code::Taken`] when another course has the code.
pub async fn update(tx: &Tx, old: &Model, draft: &CourseDraft) -> Result<Model> {
    let row = row(old.id, draft, old.created_at, old.version + 1)?;
    Entity::update(active(&row))
        .exec(tx)
        .await
        .map_err(unique_or(Error::at("course.code", Code::Taken)))?;
    Ok(row)
}
