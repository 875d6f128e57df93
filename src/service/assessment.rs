//! Reviewing: taking work up, asking for a revision, grading by rubric. Nothing of it shows before the release.

use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::deliverable::Score;
use crate::domain::id::SubmissionId;
use crate::domain::notice::Notice;
use crate::domain::policy::{self, Action};
use crate::domain::submission::{Decision, SubmissionState};
use crate::domain::text::Comment;
use crate::domain::version::expect_version;
use crate::error::{Code, Error, Result};
use crate::store::assessment::Finding;
use crate::store::case::{self, Case};
use crate::store::history::Step;
use crate::store::{Tx, assessment, audit, history, outbox, submission};

/// Takes up work that was handed in. For the team's tutor and who coordinates the edition.
///
/// # Errors
/// [`Code::StaleVersion`], [`Code::IllegalTransition`] unless it waits for a review, [`Code::OwnWork`].
pub async fn start_review(app: &App, actor: &Actor, id: SubmissionId, seen: i64) -> Result<submission::Model> {
    let tx = app.db.write().await?;
    let case = open(&tx, actor, id, seen).await?;
    // A released grade goes back into review too, but by an appeal, which is not the tutor's to grant.
    if case.row.state != SubmissionState::Submitted {
        return Err(Code::IllegalTransition.into());
    }
    let to = SubmissionState::InReview;
    let row = submission::set_state(&tx, &case.row, to).await?;
    record(&tx, app, actor, &case, &[to]).await?;
    tx.commit().await?;
    Ok(row)
}

/// What an assessor found in the version that was handed in last.
#[derive(Debug, Clone)]
pub struct Assess {
    /// The work.
    pub submission: SubmissionId,
    /// The submission's version that was seen.
    pub version: i64,
    /// The number of the hand-in that was read; refused when it is not the last one.
    pub number: Option<i64>,
    /// The level reached in each criterion.
    pub scores: Vec<Score>,
    /// What the assessor says to the authors.
    pub comment: Comment,
}

/// Gives work back with a comment, which its authors see at once, and asks for another version. Work that nobody
/// had taken up is taken up by this. For the team's tutor and who coordinates the edition.
///
/// # Errors
/// [`Code::Required`] for the comment, [`Code::RubricMismatch`] for scores that are given and do not fit,
/// [`Code::StaleVersion`], [`Code::IllegalTransition`], [`Code::OwnWork`].
pub async fn request_revision(app: &App, actor: &Actor, command: Assess) -> Result<submission::Model> {
    let tx = app.db.write().await?;
    let case = open(&tx, actor, command.submission, command.version).await?;
    check_number(&case, command.number)?;
    if command.comment.is_empty() {
        return Err(Error::at("comment", Code::Required));
    }
    if !command.scores.is_empty() {
        points(&case, &command.scores)?;
    }
    let path = path_to(case.row.state, SubmissionState::RevisionRequested)?;
    let row = submission::set_state(&tx, &case.row, SubmissionState::RevisionRequested).await?;
    let version = case.version(&tx).await?;
    let finding = Finding {
        submission: row.id,
        version: version.id,
        assessor: actor.signed_in()?,
        decision: Decision::Revision,
        scores: &command.scores,
        points: None,
        comment: command.comment.as_ref(),
    };
    assessment::insert(&tx, &app.clock, &finding).await?;
    record(&tx, app, actor, &case, &path).await?;
    let work = case.about(&tx, &version).await?;
    let notice = Notice::RevisionRequested {
        work,
        comment: command.comment.to_string(),
    };
    for person in case.audience(&tx, &version).await? {
        outbox::enqueue(&tx, &app.clock, person, &notice).await?;
    }
    tx.commit().await?;
    app.outbox.notify_one();
    Ok(row)
}

/// Grades the version that was handed in last; nobody of the team sees it before the release. Assessed work can be
/// graded again: the earlier assessment stays, the latest one counts. For the team's tutor and who coordinates the
/// edition.
///
/// # Errors
/// [`Code::RubricMismatch`], [`Code::StaleVersion`], [`Code::IllegalTransition`], [`Code::OwnWork`].
pub async fn grade(app: &App, actor: &Actor, command: Assess) -> Result<submission::Model> {
    let tx = app.db.write().await?;
    let case = open(&tx, actor, command.submission, command.version).await?;
    check_number(&case, command.number)?;
    let points = points(&case, &command.scores)?;
    let path = match case.row.state {
        SubmissionState::Assessed => Vec::new(),
        state => path_to(state, SubmissionState::Assessed)?,
    };
    let row = submission::set_state(&tx, &case.row, SubmissionState::Assessed).await?;
    let version = case.version(&tx).await?;
    let finding = Finding {
        submission: row.id,
        version: version.id,
        assessor: actor.signed_in()?,
        decision: Decision::Grade,
        scores: &command.scores,
        points: Some(points),
        comment: command.comment.as_ref(),
    };
    assessment::insert(&tx, &app.clock, &finding).await?;
    record(&tx, app, actor, &case, &path).await?;
    tx.commit().await?;
    Ok(row)
}

/// The case, if the actor may assess it, as it was seen, while its edition takes assessments.
async fn open(tx: &Tx, actor: &Actor, id: SubmissionId, seen: i64) -> Result<Case> {
    let cases = case::open(tx, actor, &[id]).await?.unwrap_or_default();
    let case = cases.into_iter().next().ok_or(Error::NotFound("input.submissionId"))?;
    policy::demand(actor, Action::Assess, case.relation, None)?;
    if case.relation.own || case.relation.team {
        return Err(Error::at("submissionId", Code::OwnWork));
    }
    expect_version("version", case.row.version, seen)?;
    if !case.edition.state.takes_assessment() {
        return Err(Code::IllegalTransition.into());
    }
    Ok(case)
}

fn check_number(case: &Case, number: Option<i64>) -> Result<()> {
    let present = case.row.current_number;
    expect_version("versionNumber", present, number.unwrap_or(present)).map_err(Error::from)
}

fn points(case: &Case, scores: &[Score]) -> Result<i64> {
    case.deliverable
        .rubric()?
        .grade(scores)
        .map_err(|code| Error::at("scores", code))
}

/// The states from `from` to `to`, which is one step after a review began; work that waits is taken up on the way.
fn path_to(from: SubmissionState, to: SubmissionState) -> Result<Vec<SubmissionState>> {
    let mut path = Vec::new();
    let mut state = from;
    if state == SubmissionState::Submitted {
        state = SubmissionState::InReview;
        path.push(state);
    }
    path.push(state.step(to).map_err(Code::from)?);
    Ok(path)
}

/// Writes the steps into the history, and one entry into the audit log.
async fn record(tx: &Tx, app: &App, actor: &Actor, case: &Case, path: &[SubmissionState]) -> Result<()> {
    let mut from = case.row.state;
    let mut steps = Vec::with_capacity(path.len());
    for &to in path {
        steps.push(Step {
            subject: case.row.id.into(),
            from: Some(from.word()),
            to: to.word(),
            at: app.clock.now(),
            actor: actor.person,
            reason: None,
        });
        from = to;
    }
    history::record(tx, &app.clock, &steps).await?;
    audit::record(
        tx,
        &app.clock,
        actor.person,
        Action::Assess,
        &[case.row.id.into()],
        None,
    )
    .await
}
