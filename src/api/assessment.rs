//! Assessments and grades in the API.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::decimal::Decimal;
use super::enums::Decision;
use super::error::ApiResult;
use super::id;
use super::payload::payloads;
use super::person::Person;
use super::reason;
use super::request::Request;
use super::submission::Submission;
use super::team;
use crate::domain::deliverable::Score;
use crate::domain::id::{Seen, SubmissionId};
use crate::domain::text::{Comment, Reason, ShortCode};
use crate::error::{Code, Faults, Result};
use crate::service;
use crate::service::assessment::Assess;
use crate::store::assessment;

/// What one assessor found in one version.
pub struct Assessment(pub assessment::Model);

/// What one assessor found in one version.
#[Object]
impl Assessment {
    /// Global identifier, `asm_…`.
    async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// What was decided.
    async fn decision(&self) -> Decision {
        self.0.decision.into()
    }

    /// The level reached in each criterion; may be empty with a revision.
    async fn scores(&self) -> ApiResult<Vec<CriterionScore>> {
        let score = |score: Score| CriterionScore {
            criterion: score.criterion,
            level: i32::try_from(score.level).unwrap_or(i32::MAX),
        };
        Ok(self.0.scores()?.into_iter().map(score).collect())
    }

    /// The grade that follows from the scores, of 100; null with a revision.
    async fn points(&self) -> Option<Decimal> {
        self.0.points.map(Decimal::thousandths)
    }

    /// What the assessor says to the authors.
    async fn comment(&self) -> &str {
        &self.0.comment
    }

    /// Who assessed it.
    async fn assessor(&self, ctx: &Context<'_>) -> ApiResult<Person> {
        team::person(ctx, self.0.assessor_id).await
    }

    /// When.
    async fn assessed_at(&self) -> DateTime<Utc> {
        self.0.assessed_at
    }
}

/// The level reached in one criterion.
#[derive(SimpleObject)]
pub struct CriterionScore {
    /// The criterion's key.
    criterion: String,
    /// The level's position in the criterion, from 0.
    level: i32,
}

/// The level reached in one criterion.
#[derive(InputObject)]
pub struct CriterionScoreInput {
    /// The criterion's key, up to 40 characters (NFC).
    criterion: String,
    /// The level's position in the criterion, from 0.
    level: i32,
}

/// Work to be taken up.
#[derive(InputObject)]
pub struct StartReviewInput {
    /// Which submission.
    submission_id: ID,
    /// The version that you saw.
    version: i64,
}

/// Work to be given back.
#[derive(InputObject)]
pub struct RequestRevisionInput {
    /// Which submission.
    submission_id: ID,
    /// The version that you saw.
    version: i64,
    /// The number of the hand-in that you read; refused when there is a later one.
    version_number: Option<i64>,
    /// What is to be done, up to 10,000 characters (NFC); the authors read it.
    comment: String,
    /// The level reached in each criterion, if you want to say it.
    #[graphql(default)]
    scores: Vec<CriterionScoreInput>,
}

/// A grade by rubric.
#[derive(InputObject)]
pub struct GradeSubmissionInput {
    /// Which submission.
    submission_id: ID,
    /// The version that you saw.
    version: i64,
    /// The number of the hand-in that you read; refused when there is a later one.
    version_number: Option<i64>,
    /// The level reached in each criterion of the rubric.
    scores: Vec<CriterionScoreInput>,
    /// What you say to the authors, up to 10,000 characters (NFC); they read it once the grade is released.
    #[graphql(default)]
    comment: String,
}

/// Grades to be released.
#[derive(InputObject)]
pub struct ReleaseGradesInput {
    /// Which submissions, 1 to 100; all are released or none.
    submissions: Vec<id::SeenInput>,
    /// Why, up to 1,000 characters (NFC); kept with the step.
    reason: Option<String>,
}

/// Another value for a released grade.
#[derive(InputObject)]
pub struct OverrideGradeInput {
    /// Which submission.
    submission_id: ID,
    /// The version that you saw.
    version: i64,
    /// The new value, 0 to 100.
    value: Decimal,
    /// Why, up to 1,000 characters (NFC); the authors read it.
    reason: String,
}

/// An appeal that is granted.
#[derive(InputObject)]
pub struct ReopenReviewInput {
    /// Which submission.
    submission_id: ID,
    /// The version that you saw.
    version: i64,
    /// Why, up to 1,000 characters (NFC).
    reason: String,
}

/// Grades to be made final.
#[derive(InputObject)]
pub struct FinalizeGradesInput {
    /// Which submissions, 1 to 100; all become final or none.
    submissions: Vec<id::SeenInput>,
    /// Why, up to 1,000 characters (NFC); kept with the step.
    reason: Option<String>,
}

payloads! {
    /// The work that was taken up.
    StartReviewPayload {
        /// The submission, unless there are `userErrors`.
        submission: Submission
    }
    /// The work that was given back.
    RequestRevisionPayload {
        /// The submission, unless there are `userErrors`.
        submission: Submission
    }
    /// The graded work.
    GradeSubmissionPayload {
        /// The submission, unless there are `userErrors`.
        submission: Submission
    }
    /// The released work.
    ReleaseGradesPayload {
        /// The submissions in the order asked, unless there are `userErrors`; then none was released.
        submissions: Vec<Submission>
    }
    /// The work with its new grade.
    OverrideGradePayload {
        /// The submission, unless there are `userErrors`.
        submission: Submission
    }
    /// The work that is in review again.
    ReopenReviewPayload {
        /// The submission, unless there are `userErrors`.
        submission: Submission
    }
    /// The work whose grade stands.
    FinalizeGradesPayload {
        /// The submissions in the order asked, unless there are `userErrors`; then none was changed.
        submissions: Vec<Submission>
    }
}

/// Changes of assessments and grades.
#[derive(Default)]
pub struct AssessmentMutation;

#[Object]
impl AssessmentMutation {
    /// Takes up work that was handed in. For the team's tutor and coordinators of the edition.
    async fn start_review(&self, ctx: &Context<'_>, input: StartReviewInput) -> ApiResult<StartReviewPayload> {
        let request = Request::of(ctx);
        let run = async {
            let id = id::sole("submissionId", &input.submission_id)?;
            service::assessment::start_review(&request.app, &request.actor, id, input.version).await
        };
        StartReviewPayload::of(Box::pin(run).await, Submission)
    }

    /// Gives work back with a comment and asks for another version; its authors are told. For the team's tutor and
    /// coordinators of the edition.
    async fn request_revision(
        &self,
        ctx: &Context<'_>,
        input: RequestRevisionInput,
    ) -> ApiResult<RequestRevisionPayload> {
        let request = Request::of(ctx);
        let run = async { service::assessment::request_revision(&request.app, &request.actor, input.read()?).await };
        RequestRevisionPayload::of(Box::pin(run).await, Submission)
    }

    /// Grades the last version by the rubric; its authors see nothing of it before the release. For the team's tutor
    /// and coordinators of the edition.
    async fn grade_submission(
        &self,
        ctx: &Context<'_>,
        input: GradeSubmissionInput,
    ) -> ApiResult<GradeSubmissionPayload> {
        let request = Request::of(ctx);
        let run = async { service::assessment::grade(&request.app, &request.actor, input.read()?).await };
        GradeSubmissionPayload::of(Box::pin(run).await, Submission)
    }

    /// Releases the grades of assessed work, all or none; its authors are told. For coordinators of the edition, and
    /// for the team's tutor where the edition lets tutors release.
    async fn release_grades(&self, ctx: &Context<'_>, input: ReleaseGradesInput) -> ApiResult<ReleaseGradesPayload> {
        let request = Request::of(ctx);
        let run = async {
            let (list, reason) = read_list(&input.submissions, input.reason.as_deref())?;
            service::grade::release(&request.app, &request.actor, &list, reason.as_ref()).await
        };
        ReleaseGradesPayload::of(Box::pin(run).await, |rows| rows.into_iter().map(Submission).collect())
    }

    /// Puts another value in the place of a released grade; the one before stays on record, and the authors are told.
    /// For coordinators of the edition.
    async fn override_grade(&self, ctx: &Context<'_>, input: OverrideGradeInput) -> ApiResult<OverrideGradePayload> {
        let request = Request::of(ctx);
        let run = async {
            let (seen, reason) = read_one(&input.submission_id, input.version, &input.reason)?;
            let value = input.value.in_thousandths();
            service::grade::override_value(&request.app, &request.actor, seen, value, &reason).await
        };
        OverrideGradePayload::of(Box::pin(run).await, Submission)
    }

    /// Takes a released grade back into review after an appeal. For coordinators of the edition.
    async fn reopen_review(&self, ctx: &Context<'_>, input: ReopenReviewInput) -> ApiResult<ReopenReviewPayload> {
        let request = Request::of(ctx);
        let run = async {
            let (seen, reason) = read_one(&input.submission_id, input.version, &input.reason)?;
            service::grade::reopen(&request.app, &request.actor, seen, &reason).await
        };
        ReopenReviewPayload::of(Box::pin(run).await, Submission)
    }

    /// Makes released grades final, all or none. For coordinators of the edition.
    async fn finalize_grades(&self, ctx: &Context<'_>, input: FinalizeGradesInput) -> ApiResult<FinalizeGradesPayload> {
        let request = Request::of(ctx);
        let run = async {
            let (list, reason) = read_list(&input.submissions, input.reason.as_deref())?;
            service::grade::finalize(&request.app, &request.actor, &list, reason.as_ref()).await
        };
        FinalizeGradesPayload::of(Box::pin(run).await, |rows| rows.into_iter().map(Submission).collect())
    }
}

/// Reads one submission, as somebody saw it, and the reason that must be given.
fn read_one(id: &ID, version: i64, reason: &str) -> Result<(Seen<SubmissionId>, Reason)> {
    let mut faults = Faults::default();
    let id = id::parse(&mut faults, "submissionId", id);
    let reason = reason::read(&mut faults, reason);
    let (id, reason) = faults.whole(id.zip(reason))?;
    Ok((Seen { id, version }, reason))
}

/// Reads many, and the reason that may be left out.
fn read_list(list: &[id::SeenInput], reason: Option<&str>) -> Result<(Vec<Seen<SubmissionId>>, Option<Reason>)> {
    let mut faults = Faults::default();
    let list = id::parse_seen(&mut faults, "submissions", list);
    let reason = reason::read_optional(&mut faults, reason);
    faults.whole(list.zip(reason))
}

pub(super) fn read_scores(faults: &mut Faults, scores: &[CriterionScoreInput]) -> Option<Vec<Score>> {
    id::each(scores, |place, score| {
        let level = usize::try_from(score.level).map_err(|_| Code::RubricMismatch);
        let level = faults.take(&format!("scores.{place}.level"), level);
        let criterion = faults.take(&format!("scores.{place}.criterion"), ShortCode::parse(&score.criterion));
        Some(Score {
            criterion: criterion?.into(),
            level: level?,
        })
    })
}

/// Reads what both an assessment with a grade and one without bring.
fn read_assessment(
    submission: &ID,
    version: i64,
    number: Option<i64>,
    scores: &[CriterionScoreInput],
    comment: &str,
) -> Result<Assess> {
    let mut faults = Faults::default();
    let submission = id::parse(&mut faults, "submissionId", submission);
    let scores = read_scores(&mut faults, scores);
    let comment = faults.take("comment", Comment::parse(comment));
    let ((submission, scores), comment) = faults.whole(submission.zip(scores).zip(comment))?;
    Ok(Assess {
        submission,
        version,
        number,
        scores,
        comment,
    })
}

impl RequestRevisionInput {
    fn read(&self) -> Result<Assess> {
        let (number, scores) = (self.version_number, &self.scores);
        read_assessment(&self.submission_id, self.version, number, scores, &self.comment)
    }
}

impl GradeSubmissionInput {
    fn read(&self) -> Result<Assess> {
        let (number, scores) = (self.version_number, &self.scores);
        read_assessment(&self.submission_id, self.version, number, scores, &self.comment)
    }
}
