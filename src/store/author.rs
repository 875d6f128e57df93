//! The authors of a version, frozen when it was handed in: append-only.

use sea_orm::prelude::*;
use sea_orm::{JoinType, QuerySelect, RelationDef, Set};

use super::{Tx, enrolment, submission, version};
use crate::domain::id::{DeliverableId, EnrolmentId, PersonId, SubmissionId, VersionId};
use crate::domain::submission::SubmissionState;
use crate::error::Result;

/// The authors of a version, frozen when it was handed in: append-only.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "submission_author")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub version_id: VersionId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub enrolment_id: EnrolmentId,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// One author of one version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Author {
    /// The version.
    pub version: VersionId,
    /// The enrolment.
    pub enrolment: EnrolmentId,
    /// The person.
    pub person: PersonId,
}

/// A work with a released grade of which an enrolment is an author.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Released {
    /// The author.
    pub enrolment: EnrolmentId,
    /// The work.
    pub submission: SubmissionId,
    /// What it answers.
    pub deliverable: DeliverableId,
}

fn to_enrolment() -> RelationDef {
    Entity::belongs_to(enrolment::Entity)
        .from(Column::EnrolmentId)
        .to(enrolment::Column::Id)
        .into()
}

fn to_version() -> RelationDef {
    Entity::belongs_to(version::Entity)
        .from(Column::VersionId)
        .to(version::Column::Id)
        .into()
}

fn version_to_submission() -> RelationDef {
    version::Entity::belongs_to(submission::Entity)
        .from(version::Column::SubmissionId)
        .to(submission::Column::Id)
        .into()
}

/// Freezes the authors of a version.
pub async fn freeze(tx: &Tx, version: VersionId, enrolments: &[EnrolmentId]) -> Result<()> {
    let rows = enrolments.iter().map(|&enrolment| ActiveModel {
        version_id: Set(version),
        enrolment_id: Set(enrolment),
    });
    Entity::insert_many(rows).exec_without_returning(tx).await?;
    Ok(())
}

/// The authors of these versions.
pub async fn of_versions(connection: &impl ConnectionTrait, versions: &[VersionId]) -> Result<Vec<Author>> {
    let rows: Vec<(VersionId, EnrolmentId, PersonId)> = Entity::find()
        .join(JoinType::InnerJoin, to_enrolment())
        .select_only()
        .columns([Column::VersionId, Column::EnrolmentId])
        .column(enrolment::Column::PersonId)
        .filter(Column::VersionId.is_in(versions.iter().copied()))
        .into_tuple()
        .all(connection)
        .await?;
    Ok(rows
        .into_iter()
        .map(|(version, enrolment, person)| Author {
            version,
            enrolment,
            person,
        })
        .collect())
}

/// The works with a released grade of which these enrolments are authors, each once an author.
pub async fn released_works(connection: &impl ConnectionTrait, enrolments: &[EnrolmentId]) -> Result<Vec<Released>> {
    let rows: Vec<(EnrolmentId, SubmissionId, DeliverableId)> = Entity::find()
        .join(JoinType::InnerJoin, to_version())
        .join(JoinType::InnerJoin, version_to_submission())
        .select_only()
        .column(Column::EnrolmentId)
        .columns([submission::Column::Id, submission::Column::DeliverableId])
        .filter(Column::EnrolmentId.is_in(enrolments.iter().copied()))
        .filter(submission::Column::State.is_in([SubmissionState::Released, SubmissionState::Final]))
        .distinct()
        .into_tuple()
        .all(connection)
        .await?;
    let works = rows.into_iter().map(|(enrolment, submission, deliverable)| Released {
        enrolment,
        submission,
        deliverable,
    });
    Ok(works.collect())
}
