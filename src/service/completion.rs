//! The outcome of an enrolment: decided under the edition's completion rule, with the evidence kept.

use std::collections::{BTreeSet, HashMap};

use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::enrolment::EnrolmentState;
use crate::domain::id::{DeliverableId, EditionId, EnrolmentId, Seen};
use crate::domain::list::{OUTCOMES_MOST, check_some};
use crate::domain::notice::Notice;
use crate::domain::policy::{self, Action};
use crate::domain::statistics::Change;
use crate::domain::submission::{Evidence, Outcome};
use crate::domain::text::Reason;
use crate::domain::version::expect_version;
use crate::error::{Code, Error, Fault, Faults, Result};
use crate::store::completion::Decision;
use crate::store::history::Step;
use crate::store::{Tx, audit, completion, course, deliverable, edition, enrolment, history, outbox, tally};

/// What decides about some enrolments, locked.
struct Facts {
    editions: HashMap<EditionId, edition::Model>,
    asked: HashMap<EditionId, Vec<deliverable::Model>>,
    grades: HashMap<(EnrolmentId, DeliverableId), i64>,
    rows: HashMap<EnrolmentId, enrolment::Model>,
}

/// Decides the outcome of enrolments that are active, all or none: completed when every deliverable has a released
/// grade and the weighted grade reaches the pass mark, not completed otherwise. Their seats become free, and the
/// people are told. For who coordinates the edition.
///
/// # Errors
/// At the place of each: [`Code::Repeated`], [`Code::IllegalTransition`] for an enrolment that is not active or an
/// edition that is neither running nor grading, [`Code::OwnWork`] for the actor's own enrolment,
/// [`Code::StaleVersion`].
pub async fn decide(app: &App, actor: &Actor, list: &[Seen<EnrolmentId>]) -> Result<Vec<completion::Model>> {
    let ids: Vec<EnrolmentId> = list.iter().map(|seen| seen.id).collect();
    check_some("enrolments", &ids, OUTCOMES_MOST)?;
    let tx = app.db.write().await?;
    let relations = completion::relations(&tx, actor, &ids).await?;
    check_seen(actor, &ids, &relations, "input.enrolments")?;
    let facts = Facts::lock(&tx, &ids).await?;
    let mut faults = Faults::default();
    let mut decisions = Vec::with_capacity(ids.len());
    for (place, Seen { id, version }) in list.iter().enumerate() {
        let at = format!("enrolments.{place}");
        let own = relations.get(id).is_some_and(|relation| relation.own);
        let (row, outcome) = facts.outcome(*id)?;
        match facts.next(row, outcome.completed, false) {
            _ if own => faults.push(Fault::at(&at, Code::OwnWork)),
            None => faults.push(Fault::at(&at, Code::IllegalTransition)),
            Some(state) => match expect_version(&format!("{at}.version"), row.version, *version) {
                Ok(()) => decisions.push((row, state, outcome)),
                Err(fault) => faults.push(fault),
            },
        }
    }
    faults.check()?;
    let decided = write(&tx, app, actor, &facts, &decisions, None).await?;
    tx.commit().await?;
    app.outbox.notify_one();
    Ok(decided)
}

/// Completes an enrolment whose outcome was "not completed", with a reason; the earlier outcome stays in the
/// record. For who coordinates the edition.
///
/// # Errors
/// [`Code::IllegalTransition`] for an enrolment in any other state, or an edition that is neither running nor
/// grading; [`Code::OwnWork`]; [`Code::StaleVersion`].
pub async fn decide_late(
    app: &App,
    actor: &Actor,
    Seen { id, version }: Seen<EnrolmentId>,
    reason: &Reason,
) -> Result<completion::Model> {
    let tx = app.db.write().await?;
    let relations = completion::relations(&tx, actor, &[id]).await?;
    check_seen(actor, &[id], &relations, "input.enrolmentId")?;
    if relations.get(&id).is_some_and(|relation| relation.own) {
        return Err(Error::at("enrolmentId", Code::OwnWork));
    }
    let facts = Facts::lock(&tx, &[id]).await?;
    let (row, outcome) = facts.outcome(id)?;
    if row.state != EnrolmentState::NotCompleted {
        return Err(Error::at("enrolmentId", Code::IllegalTransition));
    }
    let state = facts
        .next(row, true, true)
        .ok_or(Error::at("enrolmentId", Code::IllegalTransition))?;
    expect_version("version", row.version, version)?;
    let outcome = Outcome {
        completed: true,
        ..outcome
    };
    let decided = write(&tx, app, actor, &facts, &[(row, state, outcome)], Some(reason)).await?;
    tx.commit().await?;
    app.outbox.notify_one();
    decided
        .into_iter()
        .next()
        .ok_or_else(|| Error::internal("a decision without its record"))
}

/// The outcome of an enrolment, if it was decided and the actor sees the enrolment: the person, the tutor of the
/// person's team, who coordinates the edition.
pub async fn read(app: &App, actor: &Actor, id: EnrolmentId) -> Result<Option<completion::Model>> {
    let relations = completion::relations(app.db.read(), actor, &[id]).await?;
    let relation = relations.get(&id).copied().unwrap_or_default();
    if !policy::may(actor, Action::SeeEnrolment, relation) {
        return Ok(None);
    }
    Ok(completion::of_enrolments(app.db.read(), &[id]).await?.pop())
}

/// Not found for an enrolment that the actor does not see; refused for one that they see and may not decide on.
fn check_seen(
    actor: &Actor,
    ids: &[EnrolmentId],
    relations: &HashMap<EnrolmentId, policy::Relation>,
    path: &'static str,
) -> Result<()> {
    for id in ids {
        let relation = relations.get(id).copied().unwrap_or_default();
        if !policy::may(actor, Action::SeeEnrolment, relation) {
            actor.signed_in()?;
            return Err(Error::NotFound(path));
        }
        policy::demand(actor, Action::DecideCompletion, relation, None)?;
    }
    Ok(())
}

impl Facts {
    async fn lock(tx: &Tx, ids: &[EnrolmentId]) -> Result<Self> {
        let editions: BTreeSet<EditionId> = enrolment::by_ids(tx, ids)
            .await?
            .into_iter()
            .map(|row| row.edition_id)
            .collect();
        let editions: Vec<EditionId> = editions.into_iter().collect();
        let locked = edition::lock_all(tx, &editions).await?;
        let rows = completion::lock(tx, ids).await?;
        let mut asked: HashMap<EditionId, Vec<deliverable::Model>> = HashMap::new();
        for row in deliverable::of_editions(tx, &editions).await? {
            asked.entry(row.edition_id).or_default().push(row);
        }
        Ok(Self {
            editions: locked.into_iter().map(|row| (row.id, row)).collect(),
            asked,
            grades: completion::released_grades(tx, ids).await?,
            rows: rows.into_iter().map(|row| (row.id, row)).collect(),
        })
    }

    fn edition(&self, id: EditionId) -> Result<&edition::Model> {
        self.editions
            .get(&id)
            .ok_or_else(|| Error::internal("an enrolment without its edition"))
    }

    /// The outcome under the edition's completion rule.
    fn outcome(&self, id: EnrolmentId) -> Result<(&enrolment::Model, Outcome)> {
        let row = self
            .rows
            .get(&id)
            .ok_or_else(|| Error::internal("an enrolment is gone"))?;
        let asked = self.asked.get(&row.edition_id).map(Vec::as_slice).unwrap_or_default();
        let evidence = asked.iter().map(|part| Evidence {
            deliverable: part.title.clone(),
            weight: part.weight,
            grade: self.grades.get(&(id, part.id)).copied(),
        });
        let pass_mark = self.edition(row.edition_id)?.pass_mark;
        Ok((row, Outcome::decide(pass_mark, evidence.collect())))
    }

    /// The state that the outcome leads to; `None` when the enrolment or its edition does not allow it now.
    fn next(&self, row: &enrolment::Model, completed: bool, has_reason: bool) -> Option<EnrolmentState> {
        let edition = self.editions.get(&row.edition_id)?;
        let to = if completed {
            EnrolmentState::Completed
        } else {
            EnrolmentState::NotCompleted
        };
        // A decision that stands is changed only by the late decision, which says why.
        let decides = row.state == EnrolmentState::Active || has_reason;
        if !edition.state.takes_assessment() || !decides {
            return None;
        }
        row.state.step(to, has_reason).ok()
    }
}

/// Writes the decisions: enrolments, evidence, history, audit, statistics, seats and messages.
async fn write(
    tx: &Tx,
    app: &App,
    actor: &Actor,
    facts: &Facts,
    decisions: &[Decision<'_>],
    reason: Option<&Reason>,
) -> Result<Vec<completion::Model>> {
    let (now, reason) = (app.clock.now(), reason.map(AsRef::as_ref));
    let after = completion::set_outcomes(tx, decisions).await?;
    let decided = completion::insert_all(tx, &app.clock, decisions, actor.person).await?;
    let mut changes = Vec::with_capacity(decisions.len());
    let mut steps = Vec::with_capacity(decisions.len());
    for ((row, state, _), after) in decisions.iter().zip(&after) {
        let (before, after) = (enrolment::fact(row), enrolment::fact(after));
        changes.push(Change {
            at: now,
            before: Some(before),
            after: Some(after),
        });
        steps.push(Step {
            subject: row.id.into(),
            from: Some(row.state.word()),
            to: state.word(),
            at: now,
            actor: actor.person,
            reason,
        });
    }
    history::record(tx, &app.clock, &steps).await?;
    let subjects: Vec<_> = steps.iter().map(|step| step.subject).collect();
    audit::record(
        tx,
        &app.clock,
        actor.person,
        Action::DecideCompletion,
        &subjects,
        reason,
    )
    .await?;
    tell(tx, app, facts, decisions).await?;
    // Last, since its rows are those of all editions.
    tally::record(tx, &app.clock, &changes).await?;
    Ok(decided)
}

async fn tell(tx: &Tx, app: &App, facts: &Facts, decisions: &[Decision<'_>]) -> Result<()> {
    let courses: Vec<_> = facts.editions.values().map(|edition| edition.course_id).collect();
    let courses = course::by_ids(tx, &courses).await?;
    let mut notices = Vec::with_capacity(decisions.len());
    for (row, _, outcome) in decisions {
        let of = facts.edition(row.edition_id)?;
        let course = courses.iter().find(|course| course.id == of.course_id);
        let course = course.ok_or_else(|| Error::internal("an edition without its course"))?;
        let edition = of.about(course);
        let notice = Notice::CompletionDecided {
            edition,
            completed: outcome.completed,
            grade: outcome.grade,
        };
        notices.push((row.person_id, notice));
    }
    outbox::enqueue_all(tx, &app.clock, notices.iter().map(|(person, notice)| (*person, notice))).await
}
