//! What people answered as they applied: one row an enrolment, with the version of the form that they answered.
//! Append-only.

use chrono::{DateTime, Utc};
use sea_orm::JsonValue as Json;
use sea_orm::entity::prelude::*;

use crate::domain::form::answer::Answer;
use crate::domain::id::{ApplicationFormId, ApplicationId, EnrolmentId};
use crate::domain::language::Language;
use crate::error::{Error, Result};
use crate::store::{Tx, row};

/// What somebody answered as they applied: append-only.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "application")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ApplicationId,
    pub enrolment_id: EnrolmentId,
    pub form_id: ApplicationFormId,
    pub language: Language,
    pub answers: Json,
    pub given_at: DateTime<Utc>,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The answers.
    ///
    /// # Errors
    /// [`Error::Internal`] for what no answers were written as.
    pub fn answers(&self) -> Result<Vec<Answer>> {
        serde_json::from_value(self.answers.clone()).map_err(Error::internal)
    }
}

/// Answers as they are stored.
///
/// # Errors
/// [`Error::Internal`], which no answers of ours lead to.
pub fn content(answers: &[Answer]) -> Result<Json> {
    serde_json::to_value(answers).map_err(Error::internal)
}

/// What was answered for these enrolments, whoever asks.
pub async fn of_enrolments(connection: &impl ConnectionTrait, enrolments: &[EnrolmentId]) -> Result<Vec<Model>> {
    Ok(Entity::find()
        .filter(Column::EnrolmentId.is_in(enrolments.iter().copied()))
        .all(connection)
        .await?)
}

/// Stores what was answered for a new enrolment.
pub async fn insert(tx: &Tx, answered: Model) -> Result<()> {
    row::insert(tx, answered).await
}
