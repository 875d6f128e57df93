//! Scoring applications, in the API.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::assessment::{CriterionScoreInput, read_scores};
use super::decimal::Decimal;
use super::deliverable::{RubricCriterion, RubricCriterionInput, read_rubric};
use super::enrolment::Enrolment;
use super::error::ApiResult;
use super::id;
use super::payload::payloads;
use super::person::Person;
use super::request::Request;
use super::team;
use crate::domain::deliverable::Score;
use crate::domain::id::{EditionId, EnrolmentId};
use crate::domain::scoring::{Finding, counting};
use crate::domain::text::Comment;
use crate::error::Faults;
use crate::service::scoring::{self as service, Assess};
use crate::store::criteria;
use crate::store::criteria::score::{self, Numbered};

/// The criteria by which applications to an edition are scored.
pub struct AdmissionCriteria(criteria::Model);

/// The criteria by which applications to an edition are scored.
#[Object]
impl AdmissionCriteria {
    /// The criteria.
    async fn criteria(&self) -> ApiResult<Vec<RubricCriterion>> {
        let criteria = self.0.rubric()?.criteria;
        Ok(criteria.into_iter().map(RubricCriterion::from).collect())
    }

    /// The most points that can be reached; a score is the share of these, of 100.
    async fn most_points(&self) -> ApiResult<Decimal> {
        Ok(Decimal::thousandths(self.0.rubric()?.most()))
    }

    /// Since when they are these.
    async fn set_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// To be sent back with a score, and with other criteria; rises with every change.
    async fn version(&self) -> i64 {
        self.0.number
    }
}

/// The level that an application reaches in one criterion.
#[derive(SimpleObject)]
pub struct CriterionFinding {
    /// The criterion's key.
    criterion: String,
    /// The level's position in the criterion, from 0.
    level: i32,
}

/// What one assessor found in an application.
pub struct ApplicationScore {
    row: score::Model,
    /// The number of the criteria.
    criteria: i64,
    counts: bool,
}

/// What one assessor found in an application.
#[Object]
impl ApplicationScore {
    /// Who.
    async fn assessor(&self, ctx: &Context<'_>) -> ApiResult<Person> {
        team::person(ctx, self.row.assessor_id).await
    }

    /// The level reached in each criterion.
    async fn scores(&self) -> ApiResult<Vec<CriterionFinding>> {
        let finding = |score: Score| CriterionFinding {
            criterion: score.criterion,
            level: i32::try_from(score.level).unwrap_or(i32::MAX),
        };
        Ok(self.row.scores()?.into_iter().map(finding).collect())
    }

    /// What follows from them, of 100.
    async fn points(&self) -> Decimal {
        Decimal::thousandths(self.row.points)
    }

    /// What the assessor says to the others.
    async fn comment(&self) -> &str {
        &self.row.comment
    }

    /// When.
    async fn scored_at(&self) -> DateTime<Utc> {
        self.row.scored_at
    }

    /// The version of the criteria.
    async fn criteria_version(&self) -> i64 {
        self.criteria
    }

    /// Whether it is part of the mean: the last one of this assessor, by the criteria that the edition has now.
    async fn counts(&self) -> bool {
        self.counts
    }
}

/// The criteria of an edition whose scores show to the viewer; null where it has none.
pub async fn of_edition(ctx: &Context<'_>, edition: EditionId) -> ApiResult<Option<AdmissionCriteria>> {
    let present = Request::of(ctx).loaders.criteria.load_one(edition).await?;
    Ok(present.map(AdmissionCriteria))
}

/// Everything that was found in an application whose scores show to the viewer, the oldest first.
pub async fn of_enrolment(
    ctx: &Context<'_>,
    edition: EditionId,
    enrolment: EnrolmentId,
) -> ApiResult<Vec<ApplicationScore>> {
    let loaders = &Request::of(ctx).loaders;
    let found = loaders.scores.load_one(enrolment).await?.unwrap_or_default();
    let present = loaders.criteria.load_one(edition).await?;
    let findings: Vec<Finding> = found.iter().map(Numbered::finding).collect();
    let counting = counting(&findings, present.map_or(0, |row| row.number));
    let shown = found.into_iter().enumerate();
    let shown = shown.map(|(place, Numbered { row, criteria })| ApplicationScore {
        row,
        criteria,
        counts: counting.contains(&place),
    });
    Ok(shown.collect())
}

/// Criteria for an edition; they take the place of the present ones.
#[derive(InputObject)]
pub struct SetAdmissionCriteriaInput {
    /// Which edition.
    edition_id: ID,
    /// The version of the criteria that you saw, 0 where there are none.
    version: i64,
    /// 1 to 30 criteria; all together give up to 1000 points.
    rubric: Vec<RubricCriterionInput>,
}

/// What you found in an application.
#[derive(InputObject)]
pub struct ScoreApplicationInput {
    /// Which enrolment.
    enrolment_id: ID,
    /// The version of the criteria by which you looked at it.
    version: i64,
    /// The level reached in each criterion.
    scores: Vec<CriterionScoreInput>,
    /// What you say to the other assessors, up to 10,000 characters (NFC); the person does not read it.
    #[graphql(default)]
    comment: String,
}

payloads! {
    /// The criteria as they now are.
    SetAdmissionCriteriaPayload {
        /// The criteria, unless there are `userErrors`.
        criteria: AdmissionCriteria
    }
    /// The scored enrolment.
    ScoreApplicationPayload {
        /// The enrolment, unless there are `userErrors`.
        enrolment: Enrolment
    }
}

/// Scoring.
#[derive(Default)]
pub struct ScoringMutation;

#[Object]
impl ScoringMutation {
    /// Sets the criteria by which applications to an edition are scored. What was found by earlier ones stays on
    /// record, and counts no more. For its coordinators.
    async fn set_admission_criteria(
        &self,
        ctx: &Context<'_>,
        input: SetAdmissionCriteriaInput,
    ) -> ApiResult<SetAdmissionCriteriaPayload> {
        let request = Request::of(ctx);
        let run = async {
            let mut faults = Faults::default();
            let edition = id::parse(&mut faults, "editionId", &input.edition_id);
            let rubric = read_rubric(&mut faults, &input.rubric);
            let (edition, rubric) = faults.whole(edition.zip(rubric))?;
            service::set_criteria(&request.app, &request.actor, edition, input.version, &rubric).await
        };
        SetAdmissionCriteriaPayload::of(Box::pin(run).await, AdmissionCriteria)
    }

    /// Scores an application by the criteria of its edition, as long as nobody has admitted or refused it. Your next
    /// score takes the place of your last one, which stays on record; the mean of all assessors is the enrolment's
    /// `score`. An application takes 100 scores, by whichever criteria (`LIMIT_REACHED` at `input.enrolmentId`). For
    /// coordinators of the edition.
    async fn score_application(
        &self,
        ctx: &Context<'_>,
        input: ScoreApplicationInput,
    ) -> ApiResult<ScoreApplicationPayload> {
        let request = Request::of(ctx);
        let run = async {
            let mut faults = Faults::default();
            let enrolment = id::parse(&mut faults, "enrolmentId", &input.enrolment_id);
            let scores = read_scores(&mut faults, &input.scores);
            let comment = faults.take("comment", Comment::parse(&input.comment));
            let ((enrolment, scores), comment) = faults.whole(enrolment.zip(scores).zip(comment))?;
            let command = Assess {
                enrolment,
                criteria: input.version,
                scores,
                comment,
            };
            service::score(&request.app, &request.actor, &command).await
        };
        ScoreApplicationPayload::of(Box::pin(run).await, Enrolment::from)
    }
}
