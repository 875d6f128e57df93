//! Hand-ins in the API.

use async_graphql::{Context, ID, Object};
use chrono::{DateTime, Utc};

use super::Eyes;
use crate::api::assessment::Assessment;
use crate::api::error::ApiResult;
use crate::api::person::Person;
use crate::api::request::Request;
use crate::api::team;
use crate::domain::submission as domain;
use crate::store::{submission, version};

/// The hand-ins of a submission, for those who read it.
pub(super) async fn versions(ctx: &Context<'_>, row: &submission::Model) -> ApiResult<Vec<SubmissionVersion>> {
    if !Eyes::on(ctx, row.id).await?.reads {
        return Ok(Vec::new());
    }
    let rows = Request::of(ctx)
        .loaders
        .teamwork
        .versions
        .load_one(row.id)
        .await?
        .unwrap_or_default();
    let state = row.state;
    Ok(rows.into_iter().map(|row| SubmissionVersion { row, state }).collect())
}

/// One hand-in, which never changes.
pub struct SubmissionVersion {
    pub(super) row: version::Model,
    state: domain::SubmissionState,
}

/// One hand-in, with its authors as they were then. It never changes.
#[Object]
impl SubmissionVersion {
    /// Global identifier, `ver_…`.
    async fn id(&self) -> ID {
        self.row.id.to_string().into()
    }

    /// Which hand-in it is, from 1.
    async fn number(&self) -> i64 {
        self.row.number
    }

    /// Its title.
    async fn title(&self) -> &str {
        &self.row.title
    }

    /// Its text.
    async fn body(&self) -> &str {
        &self.row.body
    }

    /// When it was handed in.
    async fn submitted_at(&self) -> DateTime<Utc> {
        self.row.submitted_at
    }

    /// Who handed it in.
    async fn submitted_by(&self, ctx: &Context<'_>) -> ApiResult<Person> {
        team::person(ctx, self.row.submitted_by).await
    }

    /// Whose work it is.
    async fn authors(&self, ctx: &Context<'_>) -> ApiResult<Vec<Person>> {
        let authors = Request::of(ctx)
            .loaders
            .teamwork
            .authors
            .load_one(self.row.id)
            .await?
            .unwrap_or_default();
        let mut people = Vec::with_capacity(authors.len());
        for author in authors {
            people.push(team::person(ctx, author.person).await?);
        }
        Ok(people)
    }

    /// The version before it; null for the first one.
    async fn previous(&self, ctx: &Context<'_>) -> ApiResult<Option<SubmissionVersion>> {
        let rows = Request::of(ctx)
            .loaders
            .teamwork
            .versions
            .load_one(self.row.submission_id)
            .await?;
        let before = rows
            .unwrap_or_default()
            .into_iter()
            .find(|row| row.number == self.row.number - 1);
        Ok(before.map(|row| SubmissionVersion { row, state: self.state }))
    }

    /// What assessors found, the oldest first. Its authors see what asked for a revision, and a grade's assessment
    /// once the grade is released.
    async fn assessments(&self, ctx: &Context<'_>) -> ApiResult<Vec<Assessment>> {
        let id = self.row.submission_id;
        let eyes = Eyes::on(ctx, id).await?;
        let loaders = &Request::of(ctx).loaders.teamwork;
        let rows = loaders.assessments.load_one(id).await?.unwrap_or_default();
        let released = loaders.grades.load_one(id).await?.unwrap_or_default();
        let shows = |row: &crate::store::assessment::Model| match row.decision {
            _ if eyes.unreleased => true,
            domain::Decision::Revision => true,
            domain::Decision::Grade => {
                self.state.shows_grade() && released.iter().any(|grade| grade.assessment_id == Some(row.id))
            }
        };
        Ok(rows
            .into_iter()
            .filter(|row| row.version_id == self.row.id && shows(row))
            .map(Assessment)
            .collect())
    }
}
