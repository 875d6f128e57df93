//! Grades: releasing them, putting another value in their place, taking one back into review, making them final.

use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::deliverable::GRADE_LIMIT;
use crate::domain::id::{EnrolmentId, GradeId, Seen, SubmissionId};
use crate::domain::list::{GRADES_MOST, check_some};
use crate::domain::notice::Notice;
use crate::domain::policy::{self, Action};
use crate::domain::submission::{Decision, SubmissionState};
use crate::domain::text::Reason;
use crate::domain::version::expect_version;
use crate::error::{Code, Error, Fault, Faults, Result};
use crate::store::case::{self, Case, Work};
use crate::store::history::Step;
use crate::store::row::insert_all;
use crate::store::works::{self, Counted};
use crate::store::{Tx, assessment, audit, grade, history, outbox, submission};

/// Releases the grades of assessed work, all or none; their authors see them and are told. For who coordinates the
/// edition, and for the team's tutor where the edition lets tutors release.
///
/// # Errors
/// At the place of each: [`Code::Repeated`], [`Code::NotAssessed`], [`Code::IllegalTransition`] for what is released
/// already, [`Code::OwnWork`], [`Code::StaleVersion`].
pub async fn release(
    app: &App,
    actor: &Actor,
    list: &[Seen<SubmissionId>],
    reason: Option<&Reason>,
) -> Result<Vec<submission::Model>> {
    let (tx, cases) = open(app, actor, list).await?;
    for case in &cases {
        if !releases_as_tutor(actor, case) {
            policy::demand(actor, Action::ReleaseGrade, case.relation, reason)?;
        }
    }
    check_own(&cases)?;
    let mut faults = Faults::default();
    for (place, case) in cases.iter().enumerate() {
        let at = format!("submissions.{place}");
        let assessed = case.row.state == SubmissionState::Assessed;
        if !assessed && !case.row.state.shows_grade() {
            faults.push(Fault::at(&at, Code::NotAssessed));
        } else if !assessed || !case.edition.state.takes_assessment() {
            faults.push(Fault::at(&at, Code::IllegalTransition));
        }
    }
    faults.check()?;
    check_versions(&cases, list)?;
    let released = release_all(&tx, app, actor, &cases, reason).await?;
    works::count(&tx, &app.clock, &counted(&cases), Counted::Released).await?;
    record(&tx, app, actor, &cases, SubmissionState::Released, reason).await?;
    tx.commit().await?;
    app.outbox.notify_one();
    Ok(released)
}

/// Puts another value in the place of a released grade; the one before stays in the record, and its authors are
/// told. For who coordinates the edition.
///
/// # Errors
/// [`Code::OutOfRange`], [`Code::IllegalTransition`] unless the grade is released and not final, [`Code::OwnWork`],
/// [`Code::StaleVersion`].
pub async fn override_value(
    app: &App,
    actor: &Actor,
    seen: Seen<SubmissionId>,
    value: i64,
    reason: &Reason,
) -> Result<submission::Model> {
    let (tx, case) = open_one(app, actor, seen.id).await?;
    policy::demand(actor, Action::ReleaseGrade, case.relation, Some(reason))?;
    check_one(&case)?;
    if !(0..=GRADE_LIMIT).contains(&value) {
        return Err(Fault::at("value", Code::OutOfRange).with("0–100").into());
    }
    if case.row.state != SubmissionState::Released {
        return Err(Code::IllegalTransition.into());
    }
    expect_version("version", case.row.version, seen.version)?;
    let row = submission::set_state(&tx, &case.row, SubmissionState::Released).await?;
    grade::insert(
        &tx,
        &app.clock,
        seen.id,
        None,
        value,
        Some(reason.as_ref()),
        actor.person,
    )
    .await?;
    let version = case.version(&tx).await?;
    let news = News {
        work: (&case, &version),
        grade: value,
        comment: reason.as_ref(),
    };
    tell(&tx, app, &[news]).await?;
    audit::record(
        &tx,
        &app.clock,
        actor.person,
        Action::ReleaseGrade,
        &[seen.id.into()],
        Some(reason.as_ref()),
    )
    .await?;
    tx.commit().await?;
    app.outbox.notify_one();
    Ok(row)
}

/// Takes a released grade back into review after an appeal: it shows no more until it is released again. For who
/// coordinates the edition.
///
/// # Errors
/// [`Code::IllegalTransition`] unless the grade is released and not final, [`Code::OwnWork`],
/// [`Code::StaleVersion`].
pub async fn reopen(app: &App, actor: &Actor, seen: Seen<SubmissionId>, reason: &Reason) -> Result<submission::Model> {
    let (tx, case) = open_one(app, actor, seen.id).await?;
    policy::demand(actor, Action::ReleaseGrade, case.relation, Some(reason))?;
    check_one(&case)?;
    if case.row.state != SubmissionState::Released {
        return Err(Code::IllegalTransition.into());
    }
    expect_version("version", case.row.version, seen.version)?;
    let row = submission::set_state(&tx, &case.row, SubmissionState::InReview).await?;
    let cases = [case];
    works::count(&tx, &app.clock, &counted(&cases), Counted::Reopened).await?;
    record(&tx, app, actor, &cases, SubmissionState::InReview, Some(reason)).await?;
    tx.commit().await?;
    Ok(row)
}

/// Makes released grades final, all or none. For who coordinates the edition.
///
/// # Errors
/// [`Code::Repeated`], [`Code::IllegalTransition`] at the place of what is not released, [`Code::StaleVersion`].
pub async fn finalize(
    app: &App,
    actor: &Actor,
    list: &[Seen<SubmissionId>],
    reason: Option<&Reason>,
) -> Result<Vec<submission::Model>> {
    let (tx, cases) = open(app, actor, list).await?;
    for case in &cases {
        policy::demand(actor, Action::ReleaseGrade, case.relation, reason)?;
    }
    check_own(&cases)?;
    let mut faults = Faults::default();
    for (place, case) in cases.iter().enumerate() {
        faults.take(
            &format!("submissions.{place}"),
            case.row.state.step(SubmissionState::Final).map_err(Code::from),
        );
    }
    faults.check()?;
    check_versions(&cases, list)?;
    let rows: Vec<_> = cases.iter().map(|case| &case.row).collect();
    let rows = submission::set_states(&tx, &rows, SubmissionState::Final).await?;
    record(&tx, app, actor, &cases, SubmissionState::Final, reason).await?;
    tx.commit().await?;
    Ok(rows)
}

/// Begins the transaction and opens the cases.
async fn open(app: &App, actor: &Actor, list: &[Seen<SubmissionId>]) -> Result<(Tx, Vec<Case>)> {
    let ids: Vec<SubmissionId> = list.iter().map(|seen| seen.id).collect();
    check_some("submissions", &ids, GRADES_MOST)?;
    let tx = app.db.write().await?;
    let cases = case::open(&tx, actor, &ids).await?;
    Ok((tx, cases.ok_or(Error::NotFound("input.submissions"))?))
}

async fn open_one(app: &App, actor: &Actor, id: SubmissionId) -> Result<(Tx, Case)> {
    let tx = app.db.write().await?;
    let cases = case::open(&tx, actor, &[id]).await?.unwrap_or_default();
    let case = cases.into_iter().next().ok_or(Error::NotFound("input.submissionId"))?;
    Ok((tx, case))
}

fn releases_as_tutor(actor: &Actor, case: &Case) -> bool {
    case.edition.tutors_release && policy::may(actor, Action::ReleaseAsTutor, case.relation)
}

/// Nobody decides about the work of a team of which they are a member.
fn check_own(cases: &[Case]) -> Result<()> {
    let mut faults = Faults::default();
    for (place, _) in cases
        .iter()
        .enumerate()
        .filter(|(_, case)| case.relation.own || case.relation.team)
    {
        faults.push(Fault::at(&format!("submissions.{place}"), Code::OwnWork));
    }
    faults.check()
}

fn check_one(case: &Case) -> Result<()> {
    if case.relation.own || case.relation.team {
        return Err(Error::at("submissionId", Code::OwnWork));
    }
    if case.edition.state.takes_assessment() {
        Ok(())
    } else {
        Err(Code::IllegalTransition.into())
    }
}

/// Refuses what somebody else changed since it was seen. Asked last: whoever may do it sees the version anyway.
fn check_versions(cases: &[Case], list: &[Seen<SubmissionId>]) -> Result<()> {
    let mut faults = Faults::default();
    for (place, seen) in list.iter().enumerate() {
        let case = cases.iter().find(|case| case.row.id == seen.id);
        let at = format!("submissions.{place}.version");
        if let Some(Err(fault)) = case.map(|case| expect_version(&at, case.row.version, seen.version)) {
            faults.push(fault);
        }
    }
    faults.check()
}

/// For whom the works are counted.
fn counted(cases: &[Case]) -> Vec<EnrolmentId> {
    cases.iter().filter_map(|case| case.row.counted_for).collect()
}

/// Releases the grade of the last assessment of each last version, in as many statements for many as for one.
async fn release_all(
    tx: &Tx,
    app: &App,
    actor: &Actor,
    cases: &[Case],
    reason: Option<&Reason>,
) -> Result<Vec<submission::Model>> {
    let versions = case::versions(tx, cases).await?;
    let ids: Vec<SubmissionId> = cases.iter().map(|case| case.row.id).collect();
    let assessments = assessment::of_submissions(tx, &ids).await?;
    let mut grades = Vec::with_capacity(cases.len());
    let mut news = Vec::with_capacity(cases.len());
    for (case, version) in cases.iter().zip(&versions) {
        let mut found = assessments.iter().rev();
        let decisive = found.find(|row| row.version_id == version.id && row.decision == Decision::Grade);
        let decisive = decisive.ok_or(Code::NotAssessed)?;
        let value = decisive.points.ok_or(Code::NotAssessed)?;
        grades.push(grade::Model {
            id: GradeId(app.clock.new_id()),
            submission_id: case.row.id,
            assessment_id: Some(decisive.id),
            value,
            reason: reason.map(ToString::to_string),
            released_at: app.clock.now(),
            released_by: actor.person,
        });
        news.push(News {
            work: (case, version),
            grade: value,
            comment: &decisive.comment,
        });
    }
    insert_all(tx, grades).await?;
    tell(tx, app, &news).await?;
    let rows: Vec<_> = cases.iter().map(|case| &case.row).collect();
    submission::set_states(tx, &rows, SubmissionState::Released).await
}

/// The grade of a work, as its authors are told it.
struct News<'a> {
    work: Work<'a>,
    grade: i64,
    comment: &'a str,
}

/// Tells the authors of versions, and their teams, the grades.
async fn tell(tx: &Tx, app: &App, news: &[News<'_>]) -> Result<()> {
    let works: Vec<Work<'_>> = news.iter().map(|news| news.work).collect();
    let audiences = case::audiences(tx, &works).await?;
    let said = case::about(tx, &works).await?.into_iter().zip(news);
    let notices: Vec<Notice> = said
        .map(|(work, news)| Notice::GradeReleased {
            work,
            grade: news.grade,
            comment: news.comment.to_owned(),
        })
        .collect();
    let mut messages = Vec::new();
    for (people, notice) in audiences.iter().zip(&notices) {
        messages.extend(people.iter().map(|&person| (person, notice)));
    }
    outbox::enqueue_all(tx, &app.clock, messages).await
}

async fn record(
    tx: &Tx,
    app: &App,
    actor: &Actor,
    cases: &[Case],
    to: SubmissionState,
    reason: Option<&Reason>,
) -> Result<()> {
    let reason = reason.map(AsRef::as_ref);
    let step = |case: &Case| Step {
        subject: case.row.id.into(),
        from: Some(case.row.state.word()),
        to: to.word(),
        at: app.clock.now(),
        actor: actor.person,
        reason,
    };
    let steps: Vec<_> = cases.iter().map(step).collect();
    history::record(tx, &app.clock, &steps).await?;
    let subjects: Vec<_> = cases.iter().map(|case| case.row.id.into()).collect();
    audit::record(tx, &app.clock, actor.person, Action::ReleaseGrade, &subjects, reason).await
}
