//! What an import compares its files with, and the authors that it writes.

use std::collections::HashMap;
use std::hash::Hash;

use sea_orm::QueryOrder;
use sea_orm::prelude::*;
use sea_orm::sea_query::{Alias, Query, Value};

use super::row::VARIABLES;
use super::{
    Tx, completion, course, declaration, deliverable, edition, enrolment, grade, institution, lock, meeting, person,
    submission, team, team_member, version,
};
use crate::domain::id::{EditionId, EnrolmentId, PersonId, SubmissionId, TeamId, VersionId};
use crate::error::{Error, Result};

/// The name under which an import is alone.
const IMPORT_LOCK: i64 = 0x0052_756D_6B66;

/// Waits until nobody else brings the report in, so that whoever comes second finds what the first one stored.
pub async fn alone(tx: &Tx) -> Result<()> {
    lock::alone(tx, IMPORT_LOCK).await
}

/// Inserts the authors of versions.
pub async fn insert_authors(tx: &Tx, authors: &[(VersionId, EnrolmentId)]) -> Result<()> {
    for batch in authors.chunks(VARIABLES / 2) {
        let mut statement = Query::insert();
        statement
            .into_table(Alias::new("submission_author"))
            .columns(["version_id", "enrolment_id"].map(Alias::new));
        for (version, enrolment) in batch {
            let row = [version.0, enrolment.0].map(Expr::val);
            statement.values(row).map_err(Error::internal)?;
        }
        tx.execute(&statement).await?;
    }
    Ok(())
}

/// The rows with these values in a column, by that value.
async fn by<E, K>(
    tx: &Tx,
    column: E::Column,
    keys: &[String],
    key: impl Fn(&E::Model) -> K,
) -> Result<HashMap<K, E::Model>>
where
    E: EntityTrait,
    K: Eq + Hash,
{
    let mut found = HashMap::new();
    for batch in keys.chunks(VARIABLES) {
        let rows = E::find()
            .filter(column.is_in(batch.iter().map(String::as_str)))
            .all(tx)
            .await?;
        found.extend(rows.into_iter().map(|row| (key(&row), row)));
    }
    Ok(found)
}

/// What is stored under the keys of the files.
#[derive(Debug, Default)]
#[allow(missing_docs, reason = "each holds the rows of one table by their key in the files")]
pub struct Stored {
    pub institutions: HashMap<String, institution::Model>,
    pub people: HashMap<String, person::Model>,
    pub courses: HashMap<String, course::Model>,
    pub editions: HashMap<String, edition::Model>,
    /// The declarations of these people, the oldest first.
    pub declarations: HashMap<PersonId, Vec<declaration::Model>>,
    pub content: Content,
}

/// What the stored editions hold.
#[derive(Debug, Default)]
#[allow(missing_docs, reason = "each holds the rows of one table")]
pub struct Content {
    pub enrolments: Vec<enrolment::Model>,
    pub completions: Vec<completion::Model>,
    pub teams: Vec<team::Model>,
    /// Who is in a team now.
    pub members: Vec<team_member::Model>,
    pub deliverables: Vec<deliverable::Model>,
    pub submissions: Vec<submission::Model>,
    pub versions: Vec<version::Model>,
    pub grades: Vec<grade::Model>,
    pub meetings: Vec<meeting::Model>,
}

/// The keys of the files.
#[derive(Debug, Default)]
#[allow(missing_docs, reason = "each is a list of keys")]
pub struct Keys {
    pub institutions: Vec<String>,
    pub emails: Vec<String>,
    pub courses: Vec<String>,
    pub editions: Vec<String>,
}

/// Reads everything that is stored under the keys.
pub async fn stored(tx: &Tx, keys: &Keys) -> Result<Stored> {
    let institutions = by::<institution::Entity, _>(tx, institution::Column::Code, &keys.institutions, |row| {
        row.code.clone().unwrap_or_default()
    });
    let institutions = institutions.await?;
    let people = by::<person::Entity, _>(tx, person::Column::Email, &keys.emails, |row| row.email.clone()).await?;
    let courses = by::<course::Entity, _>(tx, course::Column::Code, &keys.courses, |row| row.code.clone()).await?;
    let editions = by::<edition::Entity, _>(tx, edition::Column::Code, &keys.editions, |row| row.code.clone()).await?;
    let mut declarations: HashMap<PersonId, Vec<declaration::Model>> = HashMap::new();
    let ids: Vec<PersonId> = people.values().map(|person| person.id).collect();
    for row in of::<declaration::Entity>(tx, declaration::Column::PersonId, &ids, declaration::Column::StatedAt).await?
    {
        declarations.entry(row.person_id).or_default().push(row);
    }
    let ids: Vec<EditionId> = editions.values().map(|edition| edition.id).collect();
    let content = content(tx, &ids).await?;
    Ok(Stored {
        institutions,
        people,
        courses,
        editions,
        declarations,
        content,
    })
}

async fn content(tx: &Tx, editions: &[EditionId]) -> Result<Content> {
    let enrolments =
        of::<enrolment::Entity>(tx, enrolment::Column::EditionId, editions, enrolment::Column::AppliedAt).await?;
    let ids: Vec<EnrolmentId> = enrolments.iter().map(|row| row.id).collect();
    let completions =
        of::<completion::Entity>(tx, completion::Column::EnrolmentId, &ids, completion::Column::DecidedAt).await?;
    let teams = of::<team::Entity>(tx, team::Column::EditionId, editions, team::Column::Name).await?;
    let ids: Vec<TeamId> = teams.iter().map(|row| row.id).collect();
    let mut members = of::<team_member::Entity>(tx, team_member::Column::TeamId, &ids, team_member::Column::Id).await?;
    members.retain(|member| member.left_at.is_none());
    let deliverables =
        of::<deliverable::Entity>(tx, deliverable::Column::EditionId, editions, deliverable::Column::Id).await?;
    let submissions =
        of::<submission::Entity>(tx, submission::Column::EditionId, editions, submission::Column::Id).await?;
    let ids: Vec<SubmissionId> = submissions.iter().map(|row| row.id).collect();
    let versions = of::<version::Entity>(tx, version::Column::SubmissionId, &ids, version::Column::Number).await?;
    let grades = of::<grade::Entity>(tx, grade::Column::SubmissionId, &ids, grade::Column::ReleasedAt).await?;
    let meetings = of::<meeting::Entity>(tx, meeting::Column::EditionId, editions, meeting::Column::Number).await?;
    Ok(Content {
        enrolments,
        completions,
        teams,
        members,
        deliverables,
        submissions,
        versions,
        grades,
        meetings,
    })
}

/// The rows that belong to any of the owners, in order within each batch of owners.
async fn of<E: EntityTrait>(
    tx: &Tx,
    owner: E::Column,
    owners: &[impl Into<Value> + Copy],
    order: E::Column,
) -> Result<Vec<E::Model>> {
    let mut rows = Vec::new();
    for batch in owners.chunks(VARIABLES) {
        rows.extend(
            E::find()
                .filter(owner.is_in(batch.iter().copied()))
                .order_by_asc(order)
                .all(tx)
                .await?,
        );
    }
    Ok(rows)
}
