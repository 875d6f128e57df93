//! A submission with everything that decides about it, locked: the facts of a use case about work.
//!
//! Locks are taken in the order edition, submission, so that two use cases never wait for each other in a circle.

use std::collections::{BTreeSet, HashMap};

use super::{Tx, author, course, deliverable, edition, submission, team_member, version};
use crate::domain::actor::Actor;
use crate::domain::enrolment::EnrolmentState;
use crate::domain::id::{DeliverableId, EditionId, EnrolmentId, PersonId, SubmissionId};
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

impl Case {
    /// The enrolments whose work it is now and who take part, each with its person.
    pub async fn authors(&self, tx: &Tx) -> Result<Vec<(EnrolmentId, PersonId)>> {
        if let Some(team) = self.row.team_id {
            let members = team_member::of_teams(tx, &[team]).await?;
            let part = members.into_iter().filter(|member| member.state.takes_part());
            return Ok(part.map(|member| (member.enrolment, member.person)).collect());
        }
        let ids: Vec<EnrolmentId> = self.row.enrolment_id.into_iter().collect();
        let rows = super::completion::lock(tx, &ids).await?;
        let part = rows.into_iter().filter(|row| EnrolmentState::takes_part(row.state));
        Ok(part.map(|row| (row.id, row.person_id)).collect())
    }

    /// The version that was handed in last.
    pub async fn version(&self, tx: &Tx) -> Result<version::Model> {
        version::get(tx, self.row.id, self.row.current_number).await
    }

    /// Everybody to whom news of the work goes: the authors of a version, and who belongs to the team now.
    pub async fn audience(&self, tx: &Tx, version: &version::Model) -> Result<BTreeSet<PersonId>> {
        let frozen = author::of_versions(tx, &[version.id]).await?;
        let mut people: BTreeSet<PersonId> = frozen.into_iter().map(|author| author.person).collect();
        people.extend(self.authors(tx).await?.into_iter().map(|(_, person)| person));
        Ok(people)
    }

    /// What a notice says about a version.
    pub async fn about(&self, tx: &Tx, version: &version::Model) -> Result<AboutWork> {
        let course = course::find(tx, self.edition.course_id).await?;
        let course = course.ok_or_else(|| Error::internal("an edition without its course"))?;
        Ok(AboutWork {
            edition: self.edition.about(&course),
            deliverable: self.deliverable.title.clone(),
            work: version.title.clone(),
            version: version.number,
        })
    }
}
