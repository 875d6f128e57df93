//! The forms by which people apply to editions: every version as it was published. Append-only.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{JoinType, JsonValue as Json, QuerySelect};

use super::{Tx, edition, row};
use crate::domain::form::Form;
use crate::domain::id::{ApplicationFormId, EditionId, PersonId};
use crate::error::{Error, Result};

pub mod application;
pub mod consent;

/// One version of the form of an edition: append-only.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "application_form")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ApplicationFormId,
    pub edition_id: EditionId,
    pub number: i64,
    pub content: Json,
    pub published_at: DateTime<Utc>,
    pub published_by: Option<PersonId>,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// What it asks.
    ///
    /// # Errors
    /// [`Error::Internal`] for what no form was written as.
    pub fn form(&self) -> Result<Form> {
        serde_json::from_value(self.content.clone()).map_err(Error::internal)
    }
}

/// A form as it is stored.
///
/// # Errors
/// [`Error::Internal`], which no form of ours leads to.
pub fn content(form: &Form) -> Result<Json> {
    serde_json::to_value(form).map_err(Error::internal)
}

/// The rows with these identifiers, in no order; absent ones are left out.
pub async fn by_ids(connection: &impl ConnectionTrait, ids: &[ApplicationFormId]) -> Result<Vec<Model>> {
    Ok(Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .all(connection)
        .await?)
}

/// What an edition asks now; `None` for one that has no form.
pub async fn current(connection: &impl ConnectionTrait, edition: &edition::Model) -> Result<Option<Model>> {
    // The edition says so itself: most have none, and nothing is looked for.
    if edition.form_number == 0 {
        return Ok(None);
    }
    let found = Entity::find()
        .filter(Column::EditionId.eq(edition.id))
        .filter(Column::Number.eq(edition.form_number))
        .one(connection)
        .await?;
    found
        .map(Some)
        .ok_or_else(|| Error::internal("the form of an edition is gone"))
}

/// The same, with what it asks.
///
/// # Errors
/// Those of [`Model::form`].
pub async fn asked(connection: &impl ConnectionTrait, edition: &edition::Model) -> Result<Option<(Model, Form)>> {
    let Some(row) = current(connection, edition).await? else {
        return Ok(None);
    };
    let content = row.form()?;
    Ok(Some((row, content)))
}

/// What these editions ask now.
pub async fn current_of(connection: &impl ConnectionTrait, editions: &[EditionId]) -> Result<Vec<Model>> {
    let to_edition = Entity::belongs_to(edition::Entity)
        .from(Column::EditionId)
        .to(edition::Column::Id);
    let is_current = Expr::col((Entity, Column::Number)).equals((edition::Entity, edition::Column::FormNumber));
    Ok(Entity::find()
        .join(JoinType::InnerJoin, to_edition.into())
        .filter(Column::EditionId.is_in(editions.iter().copied()))
        .filter(is_current)
        .all(connection)
        .await?)
}

/// Stores a new version of the form of a locked edition, which asks it from now on.
pub async fn publish(tx: &Tx, version: Model) -> Result<()> {
    edition::Entity::update_many()
        .col_expr(edition::Column::FormNumber, Expr::value(version.number))
        .filter(edition::Column::Id.eq(version.edition_id))
        .exec(tx)
        .await?;
    row::insert(tx, version).await
}
