//! Deliverables and rubrics in the API.

use async_graphql::{Context, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::decimal::Decimal;
use super::edition::Edition;
use super::enums::DeliverableKind;
use super::error::ApiResult;
use super::id;
use super::payload::payloads;
use super::request::Request;
use super::submission::Submission;
use super::team;
use crate::domain::deliverable as domain;
use crate::domain::id::{DeliverableId, EditionId};
use crate::domain::policy::{Action, may};
use crate::error::Error;
use crate::service::deliverable as service;
use crate::service::edition::relation;
use crate::store::deliverable;

mod input;

pub(super) use input::read_rubric;
pub use input::{CreateDeliverableInput, RubricCriterionInput, RubricLevelInput, UpdateDeliverableInput};

/// What an edition asks for.
pub struct Deliverable(pub deliverable::Model);

/// What an edition asks its teams or participants to hand in.
#[Object]
impl Deliverable {
    /// Global identifier, `dlv_…`.
    pub async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// What kind of work; each participant answers an individual task, a team everything else.
    async fn kind(&self) -> DeliverableKind {
        self.0.kind.into()
    }

    /// Its title.
    async fn title(&self) -> &str {
        &self.0.title
    }

    /// What to do.
    async fn instructions(&self) -> &str {
        &self.0.instructions
    }

    /// Until when it is to be handed in; show it in `timeZone`.
    async fn due_at(&self) -> DateTime<Utc> {
        self.0.due_at
    }

    /// Until when a late hand-in is taken; a version that was asked for in a revision is taken later too. Drafts
    /// that were not handed in by then become `NOT_SUBMITTED` within seconds, for good: a later cut-off takes new
    /// work and drafts that are still open, and does not open a closed one again. `closedDrafts` counts them.
    async fn cut_off_at(&self) -> DateTime<Utc> {
        self.0.cut_off_at
    }

    /// How many drafts were closed at the cut-off because nobody had handed them in; for coordinators of the
    /// edition, null for anybody else.
    async fn closed_drafts(&self, ctx: &Context<'_>) -> ApiResult<Option<i64>> {
        let request = Request::of(ctx);
        let edition = team::edition(ctx, self.0.edition_id).await?.0;
        let relation = relation(&request.actor, &edition);
        if !may(&request.actor, Action::DefineDeliverable, relation) {
            return Ok(None);
        }
        let counted = request.loaders.teamwork.closed_drafts.load_one(self.0.id).await?;
        Ok(Some(counted.unwrap_or_default().iter().map(|(_, count)| count).sum()))
    }

    /// The IANA zone in which the deadlines are meant, such as `America/Montevideo`.
    async fn time_zone(&self, ctx: &Context<'_>) -> ApiResult<String> {
        Ok(team::edition(ctx, self.0.edition_id).await?.0.time_zone)
    }

    /// Its share in the grade of an enrolment, relative to the other deliverables of the edition.
    async fn weight(&self) -> i64 {
        self.0.weight
    }

    /// The criteria by which it is assessed.
    async fn rubric(&self) -> ApiResult<Vec<RubricCriterion>> {
        Ok(self
            .0
            .rubric()?
            .criteria
            .into_iter()
            .map(RubricCriterion::from)
            .collect())
    }

    /// The most points that can be reached; a grade is the share of these, of 100.
    async fn most_points(&self) -> ApiResult<Decimal> {
        Ok(Decimal::thousandths(self.0.rubric()?.most()))
    }

    /// The edition that asks for it.
    async fn edition(&self, ctx: &Context<'_>) -> ApiResult<Edition> {
        team::edition(ctx, self.0.edition_id).await
    }

    /// Your own answer, or your team's; null before anybody saved a draft.
    async fn my_submission(&self, ctx: &Context<'_>) -> ApiResult<Option<Submission>> {
        let found = Request::of(ctx)
            .loaders
            .teamwork
            .own_answers
            .load_one(self.0.id)
            .await?;
        Ok(found.and_then(|rows| rows.into_iter().next()).map(Submission))
    }

    /// To be sent back with an update; rises with every change.
    async fn version(&self) -> i64 {
        self.0.version
    }
}

/// One thing that an assessor looks at.
#[derive(SimpleObject)]
pub struct RubricCriterion {
    /// A short key, unique in the rubric, by which scores name it.
    key: String,
    /// What is looked at.
    title: String,
    /// How to look at it.
    description: String,
    /// The levels, from low to high; scores name them by their position, from 0.
    levels: Vec<RubricLevel>,
}

/// One level of a criterion.
#[derive(SimpleObject)]
pub struct RubricLevel {
    /// What reaching the level is called.
    title: String,
    /// What reaching it gives.
    points: Decimal,
}

impl From<domain::Criterion> for RubricCriterion {
    fn from(criterion: domain::Criterion) -> Self {
        let level = |level: domain::Level| RubricLevel {
            title: level.title,
            points: Decimal::thousandths(level.points),
        };
        Self {
            key: criterion.key,
            title: criterion.title,
            description: criterion.description,
            levels: criterion.levels.into_iter().map(level).collect(),
        }
    }
}

/// What an edition asks for, as far as the viewer sees it, by due date.
pub async fn of_edition(ctx: &Context<'_>, edition: EditionId) -> ApiResult<Vec<Deliverable>> {
    let rows = Request::of(ctx).loaders.teamwork.asked.load_one(edition).await?;
    Ok(rows.unwrap_or_default().into_iter().map(Deliverable).collect())
}

/// The deliverable of a submission that the viewer sees.
pub async fn load(ctx: &Context<'_>, id: DeliverableId) -> ApiResult<Deliverable> {
    let found = Request::of(ctx).loaders.teamwork.deliverables.load_one(id).await?;
    let row = found.and_then(|rows| rows.into_iter().next());
    Ok(Deliverable(row.ok_or_else(|| {
        Error::internal("a submission without its deliverable")
    })?))
}

payloads! {
    /// The new deliverable.
    CreateDeliverablePayload {
        /// The deliverable, unless there are `userErrors`.
        deliverable: Deliverable
    }
    /// The changed deliverable.
    UpdateDeliverablePayload {
        /// The deliverable, unless there are `userErrors`.
        deliverable: Deliverable
    }
}

/// Queries about deliverables.
#[derive(Default)]
pub struct DeliverableQuery;

#[Object]
impl DeliverableQuery {
    /// The deliverable with this identifier; null when there is none that you may see.
    async fn deliverable(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its identifier, `dlv_…`.")] id: ID,
    ) -> ApiResult<Option<Deliverable>> {
        let request = Request::of(ctx);
        let id: DeliverableId = id::argument("id", &id)?;
        Ok(service::read(&request.app, &request.actor, id).await?.map(Deliverable))
    }
}

/// Changes of deliverables.
#[derive(Default)]
pub struct DeliverableMutation;

#[Object]
impl DeliverableMutation {
    /// Defines what the teams or participants of an edition hand in, at most 50 deliverables an edition. For its
    /// coordinators.
    async fn create_deliverable(
        &self,
        ctx: &Context<'_>,
        input: CreateDeliverableInput,
    ) -> ApiResult<CreateDeliverablePayload> {
        let request = Request::of(ctx);
        let run = async {
            let (edition, draft) = input.read()?;
            service::create(&request.app, &request.actor, edition, draft).await
        };
        CreateDeliverablePayload::of(Box::pin(run).await, Deliverable)
    }

    /// Changes what is asked for, while nothing of it is assessed. For coordinators of the edition.
    async fn update_deliverable(
        &self,
        ctx: &Context<'_>,
        input: UpdateDeliverableInput,
    ) -> ApiResult<UpdateDeliverablePayload> {
        let request = Request::of(ctx);
        let run = async { service::update(&request.app, &request.actor, input.read()?).await };
        UpdateDeliverablePayload::of(Box::pin(run).await, Deliverable)
    }
}
