//! Teams with their members, and what each handed in.

use chrono::{DateTime, Utc};

use super::{Builder, NewEdition, NewEnrolment, TeamWork};
use crate::domain::id::{EnrolmentId, GradeId, PersonId, SubmissionId, TeamId, VersionId};
use crate::domain::import::{Team, timeline};
use crate::domain::submission::SubmissionState;
use crate::domain::text::order_key;
use crate::store::{grade, submission, team, team_member, version};

impl Builder<'_> {
    /// Teams, their members and their work; answers what each enrolment's team made, by position.
    pub(super) fn teams(
        &mut self,
        new: &[Option<NewEdition>],
        enrolments: &[Option<NewEnrolment>],
        people: &[(PersonId, i64)],
    ) -> Vec<Option<TeamWork>> {
        let mut works = vec![None; enrolments.len()];
        for row in &self.plan.teams {
            let Some(edition) = &new[row.edition] else { continue };
            let begun = timeline::noon(self.plan.editions[row.edition].starts_on);
            let team_id = TeamId(self.clock.new_id());
            self.rows.teams.push(team::Model {
                id: team_id,
                edition_id: edition.id,
                name: row.name.to_string(),
                created_at: begun,
                version: 1,
                name_key: order_key(row.name.as_ref()),
            });
            let members: Vec<EnrolmentId> = row
                .members
                .iter()
                .filter_map(|place| Some(enrolments[*place].as_ref()?.id))
                .collect();
            for &enrolment in &members {
                self.rows.members.push(team_member::Model {
                    id: self.clock.new_id(),
                    team_id,
                    enrolment_id: enrolment,
                    joined_at: begun,
                    left_at: None,
                });
            }
            let first = row.members[0];
            let submitter = people[self.plan.enrolments[first].person].0;
            let counted = self.submission(row, edition, team_id, &members, submitter);
            let title = self
                .rows
                .deliverables
                .iter()
                .find(|asked| asked.id == edition.deliverable);
            let title = title.map(|asked| asked.title.clone()).unwrap_or_default();
            for &member in &row.members {
                let grade = row.work.handed_in.map(|work| work.score);
                let counted = counted.filter(|_| member == first);
                works[member] = Some(TeamWork {
                    deliverable: title.clone(),
                    grade,
                    counted,
                });
            }
        }
        works
    }

    /// The work of a team; answers when it was handed in and when its grade was released.
    pub(super) fn submission(
        &mut self,
        row: &Team,
        edition: &NewEdition,
        team: TeamId,
        members: &[EnrolmentId],
        submitter: PersonId,
    ) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let id = SubmissionId(self.clock.new_id());
        let steps = timeline::work(row.work.handed_in, &self.plan.editions[row.edition]);
        let entered = |state| steps.iter().find(|step| step.0 == state).map(|step| step.1);
        let handed_in_at = entered(SubmissionState::Submitted);
        let released_at = entered(SubmissionState::Released);
        self.rows.submissions.push(submission::Model {
            id,
            deliverable_id: edition.deliverable,
            edition_id: edition.id,
            team_id: Some(team),
            enrolment_id: None,
            state: steps.last().map_or(SubmissionState::Draft, |step| step.0),
            draft_title: row.work.title.to_string(),
            draft_body: String::new(),
            current_number: i64::from(handed_in_at.is_some()),
            counted_for: handed_in_at.and(members.first().copied()),
            handed_in_at,
            created_at: steps[0].1,
            version: 1,
        });
        self.history(id.into(), steps.iter().map(|(state, at)| (state.word(), *at)).collect());
        let (submitted_at, released_at) = handed_in_at.zip(released_at)?;
        let version = VersionId(self.clock.new_id());
        self.rows.versions.push(version::Model {
            id: version,
            submission_id: id,
            number: 1,
            title: row.work.title.to_string(),
            body: String::new(),
            submitted_at,
            submitted_by: submitter,
        });
        self.rows
            .authors
            .extend(members.iter().map(|&member| (version, member)));
        self.rows.grades.push(grade::Model {
            id: GradeId(self.clock.new_id()),
            submission_id: id,
            assessment_id: None,
            value: row.work.handed_in.map(|work| work.score).unwrap_or_default(),
            reason: None,
            released_at,
            released_by: None,
        });
        Some((submitted_at, released_at))
    }
}
