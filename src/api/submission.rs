//! Submissions, their versions and their grade in the API.
//!
//! Whoever wrote the work sees nothing of its assessment before the grade is released, by no field: neither the
//! state "assessed", nor the step in the history, nor a version number that rose.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::decimal::Decimal;
use super::deliverable::Deliverable;
use super::edition::Edition;
use super::enums::SubmissionState;
use super::error::ApiResult;
use super::history::StateChange;
use super::page::{Arguments, PageOf, connection};
use super::payload::payloads;
use super::request::Request;
use super::{deliverable, filter, id, team};
use crate::domain::id::{EditionId, SubmissionId};
use crate::domain::policy::{Action, Relation, may};
use crate::domain::submission as domain;
use crate::domain::text::{Body, Title};
use crate::error::{Error, Faults, Result};
use crate::service::submission as service;
use crate::store::page::{Key, Place};
use crate::store::submission;

mod version;

pub use version::SubmissionVersion;
use version::versions;

/// A list of submissions, a page at a time.
pub type Submissions = PageOf<Submission>;

/// The answer of a team or a participant to a deliverable.
pub struct Submission(pub submission::Model);

/// What the viewer may see of a submission.
#[derive(Clone, Copy)]
pub struct Eyes {
    /// Whether it is the viewer's own work, or their team's.
    pub author: bool,
    /// Whether what was handed in may be read.
    pub reads: bool,
    /// Whether assessments show before the release.
    pub unreleased: bool,
}

impl Eyes {
    /// Of the viewer on a submission.
    pub async fn on(ctx: &Context<'_>, id: SubmissionId) -> ApiResult<Self> {
        let request = Request::of(ctx);
        let relation: Relation = request
            .loaders
            .teamwork
            .standings
            .load_one(id)
            .await?
            .unwrap_or_default();
        let author = relation.own || relation.team;
        Ok(Self {
            author,
            reads: may(&request.actor, Action::ReadSubmission, relation),
            unreleased: !author && may(&request.actor, Action::SeeDraftGrade, relation),
        })
    }
}

/// The answer of a team or a participant to a deliverable: a draft, and a version for each time it was handed in.
#[Object]
impl Submission {
    /// Global identifier, `sub_…`.
    pub async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// Where it stands; its authors see work as in review until the grade is released.
    async fn state(&self, ctx: &Context<'_>) -> ApiResult<SubmissionState> {
        let eyes = Eyes::on(ctx, self.0.id).await?;
        Ok(if eyes.unreleased {
            self.0.state
        } else {
            self.0.state.as_participants_see_it()
        }
        .into())
    }

    /// What it answers.
    async fn deliverable(&self, ctx: &Context<'_>) -> ApiResult<Deliverable> {
        deliverable::load(ctx, self.0.deliverable_id).await
    }

    /// The edition.
    async fn edition(&self, ctx: &Context<'_>) -> ApiResult<Edition> {
        team::edition(ctx, self.0.edition_id).await
    }

    /// The team whose work it is; null for an individual task.
    async fn team(&self, ctx: &Context<'_>) -> ApiResult<Option<team::Team>> {
        let Some(id) = self.0.team_id else { return Ok(None) };
        let found = Request::of(ctx).loaders.teamwork.teams.load_one(id).await?;
        Ok(found.and_then(|rows| rows.into_iter().next()).map(team::Team))
    }

    /// The enrolment whose work it is, `enr_…`; null for the work of a team.
    async fn enrolment_id(&self) -> Option<ID> {
        self.0.enrolment_id.map(|id| id.to_string().into())
    }

    /// The title of the draft; for its authors only.
    async fn draft_title(&self, ctx: &Context<'_>) -> ApiResult<Option<&str>> {
        Ok(Eyes::on(ctx, self.0.id).await?.author.then_some(&self.0.draft_title))
    }

    /// The text of the draft; for its authors only.
    async fn draft_body(&self, ctx: &Context<'_>) -> ApiResult<Option<&str>> {
        Ok(Eyes::on(ctx, self.0.id).await?.author.then_some(&self.0.draft_body))
    }

    /// When it was handed in for the first time.
    async fn handed_in_at(&self) -> Option<DateTime<Utc>> {
        self.0.handed_in_at
    }

    /// How many times it was handed in.
    async fn current_number(&self) -> i64 {
        self.0.current_number
    }

    /// Everything that was handed in, the first version first.
    async fn versions(&self, ctx: &Context<'_>) -> ApiResult<Vec<SubmissionVersion>> {
        versions(ctx, &self.0).await
    }

    /// One version; null when it was not handed in so many times.
    async fn hand_in(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one, from 1; left out, the last one.")] number: Option<i64>,
    ) -> ApiResult<Option<SubmissionVersion>> {
        let number = number.unwrap_or(self.0.current_number);
        Ok(versions(ctx, &self.0)
            .await?
            .into_iter()
            .find(|version| version.row.number == number))
    }

    /// The released grade; null before the release, and while an appeal is reviewed.
    async fn grade(&self, ctx: &Context<'_>) -> ApiResult<Option<SubmissionGrade>> {
        if !self.0.state.shows_grade() || !Eyes::on(ctx, self.0.id).await?.reads {
            return Ok(None);
        }
        let loaders = &Request::of(ctx).loaders.teamwork;
        let grades = loaders.grades.load_one(self.0.id).await?.unwrap_or_default();
        let assessments = loaders.assessments.load_one(self.0.id).await?.unwrap_or_default();
        Ok(grades.last().map(|grade| {
            let of = assessments
                .iter()
                .find(|assessment| Some(assessment.id) == grade.assessment_id);
            SubmissionGrade {
                value: Decimal::thousandths(grade.value),
                released_at: grade.released_at,
                comment: of.map(|assessment| assessment.comment.clone()),
                reason: grade.reason.clone(),
            }
        }))
    }

    /// Every state that it entered, the oldest first, as far as you may see it.
    async fn history(&self, ctx: &Context<'_>) -> ApiResult<Vec<StateChange>> {
        let steps = super::history::of(ctx, self.0.id.0).await?;
        if Eyes::on(ctx, self.0.id).await?.unreleased {
            return Ok(steps);
        }
        let word = domain::SubmissionState::Assessed.word();
        let seen = domain::SubmissionState::Assessed.as_participants_see_it().word();
        Ok(steps.into_iter().filter_map(|step| step.hiding(word, seen)).collect())
    }

    /// To be sent back with a change; rises with every change. Null for its authors while it is with the tutor,
    /// when there is nothing that they could send.
    async fn version(&self, ctx: &Context<'_>) -> ApiResult<Option<i64>> {
        let shown = self.0.state.takes_draft() || Eyes::on(ctx, self.0.id).await?.unreleased;
        Ok(shown.then_some(self.0.version))
    }
}

/// A grade as it was released.
#[derive(SimpleObject)]
pub struct SubmissionGrade {
    /// Of 100.
    value: Decimal,
    /// When.
    released_at: DateTime<Utc>,
    /// What the assessor says; null when the grade is not the one of an assessment.
    comment: Option<String>,
    /// Why it is not the one of the assessment, or why it was released out of turn.
    reason: Option<String>,
}

/// A page of the submissions of an edition that the viewer sees, in the order in which they were begun.
pub async fn page_of_edition(
    ctx: &Context<'_>,
    edition: EditionId,
    states: Option<Vec<SubmissionState>>,
    arguments: Arguments,
) -> ApiResult<Submissions> {
    let request = Request::of(ctx);
    let wanted = arguments.wanted()?;
    // Which of them are assessed, only those know who may see it; of their own work not even they.
    let states = read_states(states)?;
    if !states.is_empty()
        && !request
            .actor
            .coordinated()
            .covers(team::edition(ctx, edition).await?.0.course_id, edition)
    {
        return Err(Error::Forbidden.into());
    }
    let page = submission::page_of_edition(request.app.db.read(), &request.actor, edition, &states, &wanted).await?;
    let place = |row: &submission::Model| Place {
        key: Key::Instant(row.created_at),
        id: row.id.0,
    };
    Ok(connection(page, place, Submission))
}

fn read_states(states: Option<Vec<SubmissionState>>) -> Result<Vec<domain::SubmissionState>> {
    let mut faults = Faults::default();
    let states = filter::all(&mut faults, "states", states);
    faults.check()?;
    Ok(states)
}

/// A draft.
#[derive(InputObject)]
pub struct SaveDraftInput {
    /// What it answers.
    deliverable_id: ID,
    /// The title, up to 200 characters (NFC); may be empty until it is handed in.
    #[graphql(default)]
    title: String,
    /// The text, up to 100,000 characters (NFC).
    body: String,
    /// The version that you saw; left out for the first draft.
    version: Option<i64>,
}

/// A hand-in.
#[derive(InputObject)]
pub struct SubmitWorkInput {
    /// Which submission.
    submission_id: ID,
    /// The version that you saw.
    version: i64,
}

payloads! {
    /// The saved draft.
    SaveDraftPayload {
        /// The submission, unless there are `userErrors`.
        submission: Submission
    }
    /// What was handed in.
    SubmitWorkPayload {
        /// The submission, unless there are `userErrors`.
        submission: Submission
    }
}

/// Queries about submissions.
#[derive(Default)]
pub struct SubmissionQuery;

#[Object]
impl SubmissionQuery {
    /// The submission with this identifier; null when there is none that you may see.
    async fn submission(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its identifier, `sub_…`.")] id: ID,
    ) -> ApiResult<Option<Submission>> {
        let request = Request::of(ctx);
        let id: SubmissionId = id::argument("id", &id)?;
        Ok(service::read(&request.app, &request.actor, id).await?.map(Submission))
    }

    /// What waits for your review as a tutor: work of teams allocated to you, what was handed in first coming first.
    async fn review_queue(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "In one of these states, 1 to 1,000 of them; left out, what is submitted or in review.")]
        states: Option<Vec<SubmissionState>>,
        #[graphql(desc = "How many from the start, 1 to 100.")] first: Option<i32>,
        #[graphql(desc = "Those after this cursor, up to 12,000 characters as it came.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Those before this cursor, up to 12,000 characters as it came.")] before: Option<String>,
    ) -> ApiResult<Submissions> {
        let request = Request::of(ctx);
        request.actor.signed_in()?;
        let wanted = Arguments::new(first, after, last, before).wanted()?;
        let mut states = read_states(states)?;
        if states.is_empty() {
            let waiting = domain::SubmissionState::ALL
                .iter()
                .filter(|state| state.is_unreviewed());
            states.extend(waiting);
        }
        let page = submission::page_of_queue(request.app.db.read(), &request.actor, &states, &wanted).await?;
        let place = |row: &submission::Model| Place {
            key: Key::Instant(row.handed_in_at.unwrap_or_default()),
            id: row.id.0,
        };
        Ok(connection(page, place, Submission))
    }
}

/// Changes of submissions by their authors.
#[derive(Default)]
pub struct SubmissionMutation;

#[Object]
impl SubmissionMutation {
    /// Saves the draft of an answer; the first one begins the submission. For every member of the team, or for the
    /// participant where each answers alone.
    async fn save_draft(&self, ctx: &Context<'_>, input: SaveDraftInput) -> ApiResult<SaveDraftPayload> {
        let request = Request::of(ctx);
        let run = async { service::save_draft(&request.app, &request.actor, input.read()?).await };
        SaveDraftPayload::of(Box::pin(run).await, Submission)
    }

    /// Hands the draft in as a new version, which never changes again. For every member of the team, or for the
    /// participant where each answers alone.
    async fn submit_work(&self, ctx: &Context<'_>, input: SubmitWorkInput) -> ApiResult<SubmitWorkPayload> {
        let request = Request::of(ctx);
        let run = async {
            let id = id::sole("submissionId", &input.submission_id)?;
            service::submit(&request.app, &request.actor, id, input.version).await
        };
        SubmitWorkPayload::of(Box::pin(run).await, Submission)
    }
}

impl SaveDraftInput {
    fn read(self) -> Result<service::SaveDraft> {
        let mut faults = Faults::default();
        let deliverable = id::parse(&mut faults, "deliverableId", &self.deliverable_id);
        let title = faults.take("title", Title::parse_optional(Some(&self.title)));
        let body = faults.take("body", Body::parse(&self.body));
        let ((deliverable, title), body) = faults.whole(deliverable.zip(title).zip(body))?;
        Ok(service::SaveDraft {
            deliverable,
            title,
            body,
            version: self.version,
        })
    }
}
