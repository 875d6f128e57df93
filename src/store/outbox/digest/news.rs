//! What is new for a reader of digests since the last one. Of an edition its nearest coordinators are told, as of
//! everything else; tutors are told of the teams in their charge. What happened is counted from the histories.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{Condition, JoinType, QueryOrder, QuerySelect, QueryTrait};

use crate::domain::actor::{Role, Scope};
use crate::domain::digest::{Figures, follows};
use crate::domain::edition::EditionState;
use crate::domain::enrolment::EnrolmentState;
use crate::domain::id::{CourseId, EditionId, PersonId, TeamId};
use crate::domain::submission::SubmissionState;
use crate::error::Result;
use crate::store::{allocation, audience, edition, enrolment, history, role, submission};

/// The most editions of one digest that somebody coordinates, and the most in which they have teams in their charge;
/// those that begin last.
const EDITIONS: u64 = 50;
/// The most teams in somebody's charge of which one digest tells, those that came into it last.
const TEAMS: u64 = 1000;

/// A stretch of time, after the first instant and up to the second.
pub type Stretch = (DateTime<Utc>, DateTime<Utc>);

/// Whose news of what: the editions that somebody coordinates, and the teams in their charge.
#[derive(Debug, Default)]
struct Care {
    coordinated: BTreeSet<EditionId>,
    teams: BTreeMap<TeamId, EditionId>,
}

impl Care {
    fn editions(&self) -> BTreeSet<EditionId> {
        self.coordinated.iter().chain(self.teams.values()).copied().collect()
    }

    /// Whether the works of a team, or of somebody alone, are among what one looks after.
    fn covers(&self, edition: EditionId, team: Option<TeamId>) -> bool {
        self.coordinated.contains(&edition) || team.is_some_and(|team| self.teams.contains_key(&team))
    }
}

/// What is new for the holder of these roles, by edition; at most six statements.
pub async fn find(
    connection: &impl ConnectionTrait,
    person: PersonId,
    roles: &[role::Model],
    stretch: Stretch,
    now: DateTime<Utc>,
) -> Result<BTreeMap<EditionId, Figures>> {
    let mut news: BTreeMap<EditionId, Figures> = BTreeMap::new();
    let mut care = Care {
        coordinated: coordinated(connection, roles, now).await?,
        ..Care::default()
    };
    for (edition, team, from) in charges(connection, person, roles).await? {
        care.teams.insert(team, edition);
        if from > stretch.0 && from <= stretch.1 {
            news.entry(edition).or_default().charges += 1;
        }
    }
    if !care.coordinated.is_empty() {
        of_enrolments(connection, &care.coordinated, stretch, &mut news).await?;
    }
    let editions = care.editions();
    if !editions.is_empty() {
        of_works(connection, &care, &editions, stretch, &mut news).await?;
    }
    Ok(news)
}

/// The editions of which the holder of these roles is told as their coordinator.
async fn coordinated(
    connection: &impl ConnectionTrait,
    roles: &[role::Model],
    now: DateTime<Utc>,
) -> Result<BTreeSet<EditionId>> {
    let (mut editions, mut courses, mut all) = (Vec::<EditionId>::new(), Vec::<CourseId>::new(), false);
    for row in roles.iter().filter(|row| row.role == Role::Coordinator) {
        match row.scope() {
            Some(Scope::Edition(id)) => editions.push(id),
            Some(Scope::Course(id)) => courses.push(id),
            Some(Scope::System) => all = true,
            Some(Scope::Institution(_)) | None => {}
        }
    }
    if editions.is_empty() && courses.is_empty() && !all {
        return Ok(BTreeSet::new());
    }
    let mut near = Condition::any()
        .add(edition::Column::Id.is_in(editions))
        .add(edition::Column::CourseId.is_in(courses));
    if all {
        let column = |column: edition::Column| Expr::col((edition::Entity, column));
        let (id, course) = (column(edition::Column::Id), column(edition::Column::CourseId));
        near = near.add(audience::has_nobody_nearer(id, course, now));
    }
    let found: Vec<EditionId> = latest(near).into_tuple().all(connection).await?;
    Ok(found.into_iter().collect())
}

/// The identifiers of those of these editions of which a digest tells.
fn latest(of: Condition) -> Select<edition::Entity> {
    let followed = EditionState::ALL.iter().copied().filter(|state| follows(*state));
    edition::Entity::find()
        .select_only()
        .column(edition::Column::Id)
        .filter(edition::Column::State.is_in(followed))
        .filter(of)
        .order_by_desc(edition::Column::StartsOn)
        .order_by_desc(edition::Column::Id)
        .limit(EDITIONS)
}

/// The teams in somebody's charge as their tutor, since when, in editions in which something happens.
async fn charges(
    connection: &impl ConnectionTrait,
    person: PersonId,
    roles: &[role::Model],
) -> Result<Vec<(EditionId, TeamId, DateTime<Utc>)>> {
    let tutored: Vec<EditionId> = roles
        .iter()
        .filter(|row| row.role == Role::Tutor)
        .filter_map(|row| match row.scope() {
            Some(Scope::Edition(id)) => Some(id),
            Some(Scope::System | Scope::Institution(_) | Scope::Course(_)) | None => None,
        })
        .collect();
    if tutored.is_empty() {
        return Ok(Vec::new());
    }
    let editions = latest(Condition::all().add(edition::Column::Id.is_in(tutored))).into_query();
    let rows = allocation::Entity::find()
        .select_only()
        .columns([
            allocation::Column::EditionId,
            allocation::Column::TeamId,
            allocation::Column::FromAt,
        ])
        .filter(allocation::Column::PersonId.eq(person))
        .filter(allocation::Column::UntilAt.is_null())
        .filter(allocation::Column::EditionId.in_subquery(editions))
        .order_by_desc(allocation::Column::FromAt)
        .order_by_desc(allocation::Column::Id)
        .limit(TEAMS)
        .into_tuple()
        .all(connection)
        .await?;
    Ok(rows)
}

/// Who applied and who left, and on whom nobody has decided.
async fn of_enrolments(
    connection: &impl ConnectionTrait,
    editions: &BTreeSet<EditionId>,
    (since, until): Stretch,
    news: &mut BTreeMap<EditionId, Figures>,
) -> Result<()> {
    let (applied, cancelled) = (EnrolmentState::Applied.word(), EnrolmentState::Cancelled.word());
    // What the end of an edition cancels is nobody's leaving, and whom a table or a transfer brings in did not apply.
    let by_themself =
        Expr::col((history::Entity, history::Column::ActorId)).equals((enrolment::Entity, enrolment::Column::PersonId));
    let told = [
        EnrolmentState::Applied,
        EnrolmentState::Withdrawn,
        EnrolmentState::Excluded,
        EnrolmentState::Cancelled,
    ];
    let to_enrolment = history::Entity::belongs_to(enrolment::Entity)
        .from(history::Column::SubjectId)
        .to(enrolment::Column::Id);
    let steps: Vec<(EditionId, String, i64)> = history::Entity::find()
        .select_only()
        .column(enrolment::Column::EditionId)
        .column(history::Column::ToState)
        .column_as(history::Column::Id.count(), "steps")
        .join(JoinType::InnerJoin, to_enrolment.into())
        .filter(history::Column::SubjectKind.eq("enrolment"))
        .filter(history::Column::ToState.is_in(told.map(EnrolmentState::word)))
        .filter(
            Condition::any()
                .add(history::Column::ToState.is_not_in([applied, cancelled]))
                .add(by_themself),
        )
        // A decision that is taken back leads there as well, and is no application.
        .filter(
            Condition::any()
                .add(history::Column::ToState.ne(applied))
                .add(history::Column::FromState.is_null()),
        )
        .filter(history::Column::At.gt(since))
        .filter(history::Column::At.lte(until))
        .filter(enrolment::Column::EditionId.is_in(editions.iter().copied()))
        .group_by(enrolment::Column::EditionId)
        .group_by(history::Column::ToState)
        .into_tuple()
        .all(connection)
        .await?;
    for (edition, state, count) in steps {
        let figures = news.entry(edition).or_default();
        if state == applied {
            figures.applied += count;
        } else {
            figures.left += count;
        }
    }
    let undecided = EnrolmentState::ALL.iter().filter(|state| state.is_undecided());
    let open: Vec<(EditionId, i64)> = enrolment::Entity::find()
        .select_only()
        .column(enrolment::Column::EditionId)
        .column_as(enrolment::Column::Id.count(), "applications")
        .filter(enrolment::Column::EditionId.is_in(editions.iter().copied()))
        .filter(enrolment::Column::State.is_in(undecided.copied()))
        .group_by(enrolment::Column::EditionId)
        .into_tuple()
        .all(connection)
        .await?;
    for (edition, count) in open {
        news.entry(edition).or_default().undecided += count;
    }
    Ok(())
}

/// What was handed in, and what waits for a review.
async fn of_works(
    connection: &impl ConnectionTrait,
    care: &Care,
    editions: &BTreeSet<EditionId>,
    (since, until): Stretch,
    news: &mut BTreeMap<EditionId, Figures>,
) -> Result<()> {
    let to_submission = history::Entity::belongs_to(submission::Entity)
        .from(history::Column::SubjectId)
        .to(submission::Column::Id);
    let steps: Vec<(EditionId, Option<TeamId>, i64)> = history::Entity::find()
        .select_only()
        .columns([submission::Column::EditionId, submission::Column::TeamId])
        .column_as(history::Column::Id.count(), "steps")
        .join(JoinType::InnerJoin, to_submission.into())
        .filter(history::Column::SubjectKind.eq("submission"))
        .filter(history::Column::ToState.eq(SubmissionState::Submitted.word()))
        .filter(history::Column::At.gt(since))
        .filter(history::Column::At.lte(until))
        .filter(submission::Column::EditionId.is_in(editions.iter().copied()))
        .group_by(submission::Column::EditionId)
        .group_by(submission::Column::TeamId)
        .into_tuple()
        .all(connection)
        .await?;
    for (edition, team, count) in steps {
        if care.covers(edition, team) {
            news.entry(edition).or_default().handed_in += count;
        }
    }
    let unreviewed = SubmissionState::ALL.iter().filter(|state| state.is_unreviewed());
    let waiting: Vec<(EditionId, Option<TeamId>, i64)> = submission::Entity::find()
        .select_only()
        .columns([submission::Column::EditionId, submission::Column::TeamId])
        .column_as(submission::Column::Id.count(), "works")
        .filter(submission::Column::EditionId.is_in(editions.iter().copied()))
        .filter(submission::Column::State.is_in(unreviewed.copied()))
        .group_by(submission::Column::EditionId)
        .group_by(submission::Column::TeamId)
        .into_tuple()
        .all(connection)
        .await?;
    for (edition, team, count) in waiting {
        if care.covers(edition, team) {
            news.entry(edition).or_default().unreviewed += count;
        }
    }
    Ok(())
}
