//! Where teams, their work and the meetings differ from what is stored.

use std::collections::{BTreeSet, HashMap};

use super::{Comparer, day, points};
use crate::domain::deliverable::DeliverableKind;
use crate::domain::id::{DeliverableId, EditionId, PersonId, SubmissionId, TeamId};
use crate::domain::import::timeline::day_of;
use crate::domain::import::{StoredProblem, Team};
use crate::store::import::Content;
use crate::store::{grade, submission, version};

/// What is stored about teams, by the keys under which the files name it.
struct Index<'a> {
    teams: HashMap<(EditionId, &'a str), TeamId>,
    members: HashMap<TeamId, BTreeSet<Option<PersonId>>>,
    deliverables: HashMap<(EditionId, DeliverableKind), DeliverableId>,
    submissions: HashMap<(DeliverableId, TeamId), &'a submission::Model>,
    /// The first version of each.
    versions: HashMap<SubmissionId, &'a version::Model>,
    /// The latest grade of each.
    grades: HashMap<SubmissionId, &'a grade::Model>,
}

impl<'a> Index<'a> {
    fn of(content: &'a Content) -> Self {
        let people: HashMap<_, _> = content.enrolments.iter().map(|row| (row.id, row.person_id)).collect();
        let mut members: HashMap<TeamId, BTreeSet<Option<PersonId>>> = HashMap::new();
        for row in &content.members {
            let person = people.get(&row.enrolment_id).copied();
            members.entry(row.team_id).or_default().insert(person);
        }
        let submissions = content.submissions.iter();
        Self {
            teams: content
                .teams
                .iter()
                .map(|row| ((row.edition_id, row.name.as_str()), row.id))
                .collect(),
            members,
            deliverables: content
                .deliverables
                .iter()
                .map(|row| ((row.edition_id, row.kind), row.id))
                .collect(),
            submissions: submissions
                .filter_map(|row| Some(((row.deliverable_id, row.team_id?), row)))
                .collect(),
            versions: content
                .versions
                .iter()
                .rev()
                .map(|row| (row.submission_id, row))
                .collect(),
            grades: content.grades.iter().map(|row| (row.submission_id, row)).collect(),
        }
    }
}

impl Comparer<'_> {
    pub(super) fn teamwork(&mut self) {
        let index = Index::of(&self.stored.content);
        for row in &self.plan.teams {
            let Some(edition) = self.known.editions[row.edition] else {
                continue;
            };
            let Some(team) = index.teams.get(&(edition, row.name.as_ref())).copied() else {
                self.not_stored("teams.csv", row.line, "team", row.edition);
                continue;
            };
            self.members(row, team, &index);
            let kind = self.plan.editions[row.edition].deliverable;
            let deliverable = index.deliverables.get(&(edition, kind));
            match deliverable.and_then(|deliverable| index.submissions.get(&(*deliverable, team))) {
                Some(submission) => self.work(row, submission, &index),
                None => self.not_stored("deliverables.csv", row.work.line, "team", row.edition),
            }
        }
    }

    fn members(&mut self, row: &Team, team: TeamId, index: &Index<'_>) {
        let person = |place: &usize| self.known.people[self.plan.enrolments[*place].person].map(|(person, _)| person);
        let found: BTreeSet<Option<PersonId>> = row.members.iter().map(person).collect();
        let stored = index.members.get(&team).cloned().unwrap_or_default();
        if stored != found {
            let (stored, found) = (
                format!("{} members", stored.len()),
                format!("{} members, not the same", found.len()),
            );
            self.findings.cell(
                "teams.csv",
                row.line,
                "team",
                StoredProblem::Differs { stored, found }.into(),
            );
        }
    }

    fn work(&mut self, row: &Team, stored: &submission::Model, index: &Index<'_>) {
        let version = index.versions.get(&stored.id);
        let title = version.map_or(&stored.draft_title, |version| &version.title);
        let submitted_on = version.map(|version| day_of(version.submitted_at));
        let score = index.grades.get(&stored.id).map(|grade| grade.value);
        let cells = [
            ("title", title.clone(), row.work.title.to_string()),
            (
                "submitted_on",
                day(submitted_on),
                day(row.work.handed_in.map(|work| work.on)),
            ),
            (
                "score",
                points(score),
                points(row.work.handed_in.map(|work| work.score)),
            ),
        ];
        self.differ("deliverables.csv", row.work.line, cells);
    }

    pub(super) fn meetings(&mut self) {
        let meetings = self.stored.content.meetings.iter();
        let meetings: HashMap<_, _> = meetings.map(|row| ((row.edition_id, row.number), row)).collect();
        for row in &self.plan.meetings {
            let Some(edition) = self.known.editions[row.edition] else {
                continue;
            };
            let Some(stored) = meetings.get(&(edition, row.number)) else {
                self.not_stored("meetings.csv", row.line, "number", row.edition);
                continue;
            };
            let cells = [
                ("starts_at", stored.starts_at.to_rfc3339(), row.starts_at.to_rfc3339()),
                ("minutes", stored.minutes.to_string(), row.minutes.to_string()),
            ];
            self.differ("meetings.csv", row.line, cells);
        }
    }
}
