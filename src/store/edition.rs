//! One run of a course.

use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::entity::prelude::*;

use crate::domain::edition::{EditionState, EnrolmentPolicy, Modality};
use crate::domain::id::{CourseId, EditionId};
use crate::error::Result;

/// One run of a course.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "edition")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: EditionId,
    pub course_id: CourseId,
    pub code: String,
    pub languages: String,
    pub time_zone: String,
    pub starts_on: NaiveDate,
    pub ends_on: NaiveDate,
    pub enrols_from: DateTime<Utc>,
    pub enrols_until: DateTime<Utc>,
    pub capacity: Option<i64>,
    pub minimum: i64,
    pub seats_taken: i64,
    pub modality: Modality,
    pub policy: EnrolmentPolicy,
    pub state: EditionState,
    pub pass_mark: i64,
    pub tutors_release: bool,
    pub search_text: String,
    pub created_at: DateTime<Utc>,
    pub version: i64,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The rows with these identifiers, in no order; absent ones are left out.
pub async fn by_ids(connection: &impl ConnectionTrait, ids: &[EditionId]) -> Result<Vec<Model>> {
    Ok(Entity::find().filter(Column::Id.is_in(ids.iter().copied())).all(connection).await?)
}

/// The row with this identifier, if there is one.
pub async fn find(connection: &impl ConnectionTrait, id: EditionId) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(id).one(connection).await?)
}
