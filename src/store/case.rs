//! A submission with everything that decides about it, locked: the facts of a use case about work.
//!
//! Locks are taken in the order edition, submission, so that two use cases never wait for each other in a circle.

use std::collections::{BTreeSet, HashMap};

use super::{Tx, author, course, deliverable, edition, submission, team_member, version};
use crate::domain::actor::Actor;
use crate::domain::enrolment::EnrolmentState;
use crate::domain::id::{CourseId, DeliverableId, EditionId, EnrolmentId, PersonId, SubmissionId, TeamId};
use crate::domain::notice::AboutWork;
use crate::domain::policy::Relation;
use crate::error::{Error, Result};

/// A submission with everything that decides about it.
#[derive(Debug, Clone)]
pub struct Case {
    /// The submission, locked.
    pub row: submission::Model,
    /// What it answers.
    pub deliverable: deliverable::Model,
    /// The edition, held against changes.
    pub edition: edition::Model,
    /// How the actor stands to it.
    pub relation: Relation,
}

/// The cases of these submissions in the order asked for, each once; `None` when the actor does not see one of them.
///
/// # Errors
/// [`Error::Unauthenticated`] for nobody.
pub async fn open(tx: &Tx, actor: &Actor, ids: &[SubmissionId]) -> Result<Option<Vec<Case>>> {
    actor.signed_in()?;
    let seen = submission::by_ids_visible(tx, actor, ids).await?;
    load(tx, actor, ids, &seen).await
}

async fn load(tx: &Tx, actor: &Actor, ids: &[SubmissionId], seen: &[submission::Model]) -> Result<Option<Vec<Case>>> {
    let wanted: BTreeSet<SubmissionId> = ids.iter().copied().collect();
    if seen.len() < wanted.len() {
        return Ok(None);
    }
    let editions: BTreeSet<EditionId> = seen.iter().map(|row| row.edition_id).collect();
    let editions = edition::hold(tx, &editions.into_iter().collect::<Vec<_>>()).await?;
    let editions: HashMap<EditionId, edition::Model> = editions.into_iter().map(|row| (row.id, row)).collect();
    let rows = submission::lock(tx, ids).await?;
    let deliverables: Vec<DeliverableId> = rows.iter().map(|row| row.deliverable_id).collect();
    let deliverables = deliverable::by_ids(tx, &deliverables).await?;
    let deliverables: HashMap<DeliverableId, deliverable::Model> =
        deliverables.into_iter().map(|row| (row.id, row)).collect();
    let relations = submission::relations(tx, actor, ids).await?;
    let mut cases = HashMap::new();
    for row in rows {
        let gone = || Error::internal("a submission without its edition or deliverable");
        let case = Case {
            deliverable: deliverables.get(&row.deliverable_id).cloned().ok_or_else(gone)?,
            edition: editions.get(&row.edition_id).cloned().ok_or_else(gone)?,
            relation: relations.get(&row.id).copied().unwrap_or_default(),
            row,
        };
        cases.insert(case.row.id, case);
    }
    Ok(Some(ids.iter().filter_map(|id| cases.remove(id)).collect()))
}

/// A version that was handed in, with its case.
pub type Work<'a> = (&'a Case, &'a version::Model);

/// The versions that were handed in last, in the order of their cases.
pub async fn versions(tx: &Tx, cases: &[Case]) -> Result<Vec<version::Model>> {
    let wanted: Vec<_> = cases
        .iter()
        .map(|case| (case.row.id, case.row.current_number))
        .collect();
    let found = version::of_numbers(tx, &wanted).await?;
    let mut found: HashMap<SubmissionId, version::Model> =
        found.into_iter().map(|row| (row.submission_id, row)).collect();
    let in_order = cases.iter().map(|case| found.remove(&case.row.id));
    let gone = || Error::internal("a version is gone");
    in_order.map(|version| version.ok_or_else(gone)).collect()
}

/// Everybody to whom news of each of these works goes: the authors of the version, and who belongs to the team now.
pub async fn audiences(tx: &Tx, works: &[Work<'_>]) -> Result<Vec<BTreeSet<PersonId>>> {
    let versions: Vec<_> = works.iter().map(|(_, version)| version.id).collect();
    let frozen = author::of_versions(tx, &versions).await?;
    let cases: Vec<&Case> = works.iter().map(|(case, _)| *case).collect();
    let present = authors(tx, &cases).await?;
    let mut people = Vec::with_capacity(works.len());
    for ((_, version), present) in works.iter().zip(present) {
        let of_version = frozen.iter().filter(|author| author.version == version.id);
        let mut both: BTreeSet<PersonId> = of_version.map(|author| author.person).collect();
        both.extend(present.into_iter().map(|(_, person)| person));
        people.push(both);
    }
    Ok(people)
}

/// What notices say about these works.
pub async fn about(tx: &Tx, works: &[Work<'_>]) -> Result<Vec<AboutWork>> {
    let courses: BTreeSet<CourseId> = works.iter().map(|(case, _)| case.edition.course_id).collect();
    let courses = course::by_ids(tx, &courses.into_iter().collect::<Vec<_>>()).await?;
    let say = |(case, version): &Work<'_>| {
        let course = courses.iter().find(|course| course.id == case.edition.course_id);
        let course = course.ok_or_else(|| Error::internal("an edition without its course"))?;
        Ok(AboutWork {
            edition: case.edition.about(course),
            deliverable: case.deliverable.title.clone(),
            work: version.title.clone(),
            version: version.number,
        })
    };
    works.iter().map(say).collect()
}

/// The enrolments whose work each of these is now and who take part, each with its person.
async fn authors(tx: &Tx, cases: &[&Case]) -> Result<Vec<Vec<(EnrolmentId, PersonId)>>> {
    let teams: Vec<TeamId> = cases.iter().filter_map(|case| case.row.team_id).collect();
    let alone: Vec<EnrolmentId> = cases.iter().filter_map(|case| case.row.enrolment_id).collect();
    let (mut members, mut rows) = (Vec::new(), Vec::new());
    if !teams.is_empty() {
        members = team_member::of_teams(tx, &teams).await?;
        members.retain(|member| member.state.takes_part());
    }
    if !alone.is_empty() {
        rows = super::completion::lock(tx, &alone).await?;
        rows.retain(|row| EnrolmentState::takes_part(row.state));
    }
    let of = |case: &&Case| {
        if let Some(team) = case.row.team_id {
            let of_team = members.iter().filter(|member| member.team == team);
            return of_team.map(|member| (member.enrolment, member.person)).collect();
        }
        let own = rows.iter().filter(|row| Some(row.id) == case.row.enrolment_id);
        own.map(|row| (row.id, row.person_id)).collect()
    };
    Ok(cases.iter().map(of).collect())
}

impl Case {
    /// The enrolments whose work it is now and who take part, each with its person.
    pub async fn authors(&self, tx: &Tx) -> Result<Vec<(EnrolmentId, PersonId)>> {
        Ok(authors(tx, &[self]).await?.pop().unwrap_or_default())
    }

    /// The version that was handed in last.
    pub async fn version(&self, tx: &Tx) -> Result<version::Model> {
        version::get(tx, self.row.id, self.row.current_number).await
    }

    /// Everybody to whom news of the work goes: the authors of a version, and who belongs to the team now.
    pub async fn audience(&self, tx: &Tx, version: &version::Model) -> Result<BTreeSet<PersonId>> {
        Ok(audiences(tx, &[(self, version)]).await?.pop().unwrap_or_default())
    }

    /// What a notice says about a version.
    pub async fn about(&self, tx: &Tx, version: &version::Model) -> Result<AboutWork> {
        let said = about(tx, &[(self, version)]).await?.pop();
        said.ok_or_else(|| Error::internal("nothing is said about a work"))
    }
}
