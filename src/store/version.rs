//! One immutable hand-in of a submission.

use chrono::{DateTime, Utc};
use sea_orm::prelude::*;
use sea_orm::sea_query::ExprTrait as _;
use sea_orm::{Condition, QueryOrder, Set};

use super::Tx;
use crate::clock::Clock;
use crate::domain::id::{PersonId, SubmissionId, VersionId};
use crate::error::{Error, Result};

/// One immutable hand-in of a submission.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "submission_version")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: VersionId,
    pub submission_id: SubmissionId,
    pub number: i64,
    pub title: String,
    pub body: String,
    pub submitted_at: DateTime<Utc>,
    pub submitted_by: PersonId,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The versions of these submissions, the first one first.
pub async fn of_submissions(connection: &impl ConnectionTrait, submissions: &[SubmissionId]) -> Result<Vec<Model>> {
    let rows = Entity::find()
        .filter(Column::SubmissionId.is_in(submissions.iter().copied()))
        .order_by_asc(Column::SubmissionId)
        .order_by_asc(Column::Number);
    Ok(rows.all(connection).await?)
}

/// The version with this number, which must exist.
pub async fn get(connection: &impl ConnectionTrait, submission: SubmissionId, number: i64) -> Result<Model> {
    let row = Entity::find()
        .filter(Column::SubmissionId.eq(submission))
        .filter(Column::Number.eq(number))
        .one(connection)
        .await?;
    row.ok_or_else(|| Error::internal(format!("version {number} of {submission} is gone")))
}

/// The versions with these numbers, each of its submission, in no order; absent ones are left out.
pub async fn of_numbers(connection: &impl ConnectionTrait, wanted: &[(SubmissionId, i64)]) -> Result<Vec<Model>> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let any = wanted.iter().fold(Condition::any(), |any, (submission, number)| {
        any.add(Column::SubmissionId.eq(*submission).and(Column::Number.eq(*number)))
    });
    Ok(Entity::find().filter(any).all(connection).await?)
}

/// Stores a hand-in: title and text as they are in the draft.
pub async fn insert(
    tx: &Tx,
    clock: &Clock,
    submission: SubmissionId,
    number: i64,
    (title, body): (&str, &str),
    submitted_by: PersonId,
) -> Result<VersionId> {
    let id = VersionId(clock.new_id());
    let row = ActiveModel {
        id: Set(id),
        submission_id: Set(submission),
        number: Set(number),
        title: Set(title.to_owned()),
        body: Set(body.to_owned()),
        submitted_at: Set(clock.now()),
        submitted_by: Set(submitted_by),
    };
    Entity::insert(row).exec_without_returning(tx).await?;
    Ok(id)
}
