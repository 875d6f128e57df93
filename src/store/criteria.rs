//! The criteria by which applications to an edition are scored: append-only, the last ones count.

use chrono::{DateTime, Utc};
use sea_orm::prelude::*;
use sea_orm::sea_query::{ExprTrait, Query};
use sea_orm::{JsonValue as Json, QueryOrder};

use super::{Tx, enrolment, row};
use crate::clock::Clock;
use crate::domain::deliverable::Rubric;
use crate::domain::id::{EditionId, PersonId};
use crate::error::{Error, Result};

pub mod score;

/// The criteria of an edition.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "admission_criteria")]
pub struct Model {
    /// Which.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Of which edition.
    pub edition_id: EditionId,
    /// The how many-th ones they are: the version of the edition's criteria.
    pub number: i64,
    /// The criteria.
    pub rubric: Json,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// Who set them.
    pub created_by: PersonId,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The criteria, as they were stored.
    pub fn rubric(&self) -> Result<Rubric> {
        serde_json::from_value(self.rubric.clone()).map_err(Error::internal)
    }
}

/// The criteria that these editions have now; one that has none is left out.
pub async fn latest_of(connection: &impl ConnectionTrait, editions: &[EditionId]) -> Result<Vec<Model>> {
    let later = Query::select()
        .expr(Expr::val(1))
        .from_as(Entity, "later")
        .and_where(Expr::col(("later", Column::EditionId)).equals((Entity, Column::EditionId)))
        .and_where(Expr::col(("later", Column::Number)).gt(Expr::col((Entity, Column::Number))))
        .to_owned();
    let rows = Entity::find()
        .filter(Column::EditionId.is_in(editions.iter().copied()))
        .filter(Expr::exists(later).not());
    Ok(rows.all(connection).await?)
}

/// The criteria that an edition has now; `None` where it has none.
pub async fn latest(connection: &impl ConnectionTrait, edition: EditionId) -> Result<Option<Model>> {
    let rows = Entity::find()
        .filter(Column::EditionId.eq(edition))
        .order_by_desc(Column::Number);
    Ok(rows.one(connection).await?)
}

/// Stores other criteria of a locked edition. What was found by earlier ones stays, and counts no more.
pub async fn insert(
    tx: &Tx,
    clock: &Clock,
    edition: EditionId,
    number: i64,
    rubric: &Rubric,
    by: PersonId,
) -> Result<Model> {
    let row = Model {
        id: clock.new_id(),
        edition_id: edition,
        number,
        rubric: serde_json::to_value(rubric).map_err(Error::internal)?,
        created_at: clock.now(),
        created_by: by,
    };
    row::insert(tx, row.clone()).await?;
    enrolment::Entity::update_many()
        .col_expr(enrolment::Column::Score, Expr::value(enrolment::UNSCORED))
        .filter(enrolment::Column::EditionId.eq(edition))
        .filter(enrolment::Column::Score.ne(enrolment::UNSCORED))
        .exec(tx)
        .await?;
    Ok(row)
}
