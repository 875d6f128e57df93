//! The rows of everything in a plan that is not stored yet, with history at the dates of the files.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::compare::Known;
use crate::clock::Clock;
use crate::domain::enrolment::EnrolmentState;
use crate::domain::id::{
    CompletionId, DeclarationId, DeliverableId, EditionId, EnrolmentId, InstitutionId, PersonId, Subject, VersionId,
};
use crate::domain::import::timeline::{self, Steps};
use crate::domain::import::{Enrolment, Person, Plan, TIME_ZONE};
use crate::domain::institution::InstitutionKind;
use crate::domain::person::ConstituentGroup;
use crate::domain::statistics::Change;
use crate::domain::submission::{Evidence, Outcome};
use crate::store::history::Step;
use crate::store::{
    completion, course, declaration, deliverable, edition, enrolment, grade, institution, meeting, person, submission,
    team, team_member, version,
};

mod catalogue;
mod counted;
mod teamwork;

/// The pass mark of imported editions, in thousandths: 60 of 100. Outcomes come from the files.
const PASS_MARK: i64 = 60_000;

/// Rows for every table, and the changes that the statistics count: a list for each enrolment.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub institutions: Vec<institution::Model>,
    pub people: Vec<person::Model>,
    pub declarations: Vec<declaration::Model>,
    pub courses: Vec<course::Model>,
    pub editions: Vec<edition::Model>,
    pub meetings: Vec<meeting::Model>,
    pub enrolments: Vec<enrolment::Model>,
    pub completions: Vec<completion::Model>,
    pub teams: Vec<team::Model>,
    pub members: Vec<team_member::Model>,
    pub deliverables: Vec<deliverable::Model>,
    pub submissions: Vec<submission::Model>,
    pub versions: Vec<version::Model>,
    pub authors: Vec<(VersionId, EnrolmentId)>,
    pub grades: Vec<grade::Model>,
    pub steps: Vec<Step<'static>>,
    pub changes: Vec<Vec<Change>>,
}

impl Rows {
    /// How many there are, for a progress bar.
    pub fn total(&self) -> usize {
        let catalogue = self.institutions.len() + self.courses.len() + self.editions.len() + self.meetings.len();
        let people = self.people.len() + self.declarations.len() + self.enrolments.len() + self.completions.len();
        let teams = self.teams.len() + self.members.len() + self.deliverables.len();
        let work = self.submissions.len() + self.versions.len() + self.authors.len() + self.grades.len();
        catalogue + people + teams + work + self.steps.len() + self.changes.len()
    }
}

/// Makes every row that is missing; new people get numbers from `first_number` on.
pub(super) fn rows(clock: &Clock, plan: &Plan, known: &Known, first_number: i64) -> Rows {
    let mut builder = Builder {
        clock,
        plan,
        now: clock.now(),
        rows: Rows::default(),
    };
    let institutions = builder.institutions(known);
    let people = builder.people(known, &institutions, first_number);
    let courses = builder.courses(known);
    let new = builder.editions(known, &courses);
    builder.meetings(&new);
    let enrolments = builder.enrolments(&new, &people, &institutions);
    let works = builder.teams(&new, &enrolments, &people);
    builder.outcomes(&enrolments, &works);
    builder.rows
}

struct Builder<'a> {
    clock: &'a Clock,
    plan: &'a Plan,
    now: DateTime<Utc>,
    rows: Rows,
}

/// An edition that comes in now.
struct NewEdition {
    id: EditionId,
    deliverable: DeliverableId,
}

/// An enrolment that comes in now.
struct NewEnrolment {
    id: EnrolmentId,
    /// Its position among the rows.
    row: usize,
    steps: Steps<EnrolmentState>,
}

/// What an enrolment's team made of its deliverable.
#[derive(Clone)]
struct TeamWork {
    deliverable: String,
    grade: Option<i64>,
    /// When it was handed in and when its grade was released, for the one enrolment that it is counted for.
    counted: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

impl Builder<'_> {
    fn people(&mut self, known: &Known, institutions: &[InstitutionId], first: i64) -> Vec<(PersonId, i64)> {
        let mut applied: Vec<Option<DateTime<Utc>>> = vec![None; self.plan.people.len()];
        for row in &self.plan.enrolments {
            let at = timeline::noon(row.applied_on);
            let first = &mut applied[row.person];
            *first = Some(first.map_or(at, |earlier| earlier.min(at)));
        }
        let mut ids = Vec::with_capacity(self.plan.people.len());
        let mut number = first;
        for (place, row) in self.plan.people.iter().enumerate() {
            // Who never applied came into being by this import.
            let since = applied[place].unwrap_or(self.now).min(self.now);
            let id = known.people[place].unwrap_or_else(|| {
                number += 1;
                (PersonId(self.clock.new_id()), number - 1)
            });
            ids.push(id);
            if known.people[place].is_none() {
                self.rows.people.push(person_row(row, id, since));
            }
            if !known.declared[place] {
                self.rows.declarations.push(declaration::Model {
                    id: DeclarationId(self.clock.new_id()),
                    person_id: id.0,
                    stated_at: since,
                    gender: row.gender,
                    country: row.country.as_ref().map(|country| country.as_ref().to_owned()),
                    institution_id: row.institution.map(|place| institutions[place]),
                    constituent_group: self.group(row),
                });
            }
        }
        ids
    }

    /// The kind of a person's institution.
    fn kind(&self, row: &Person) -> Option<InstitutionKind> {
        row.institution.map(|place| self.plan.institutions[place].kind)
    }

    /// The group of a person: that of the institution.
    fn group(&self, row: &Person) -> ConstituentGroup {
        self.kind(row)
            .map_or(ConstituentGroup::NotStated, InstitutionKind::constituent_group)
    }

    fn history(&mut self, subject: Subject, steps: Steps<&'static str>) {
        let mut from = None;
        for (to, at) in steps {
            self.rows.steps.push(Step {
                subject,
                from,
                to,
                at,
                actor: None,
                reason: None,
            });
            from = Some(to);
        }
    }

    fn enrolments(
        &mut self,
        new: &[Option<NewEdition>],
        people: &[(PersonId, i64)],
        institutions: &[InstitutionId],
    ) -> Vec<Option<NewEnrolment>> {
        let mut all = Vec::with_capacity(self.plan.enrolments.len());
        for row in &self.plan.enrolments {
            let Some(edition) = &new[row.edition] else {
                all.push(None);
                continue;
            };
            let id = EnrolmentId(self.clock.new_id());
            let steps = timeline::enrolment(row, &self.plan.editions[row.edition]);
            let words = steps.iter().map(|(state, at)| (state.word(), *at)).collect();
            self.history(id.into(), words);
            all.push(Some(NewEnrolment {
                id,
                row: self.rows.enrolments.len(),
                steps,
            }));
            let person = &self.plan.people[row.person];
            self.rows.enrolments.push(enrolment::Model {
                id,
                edition_id: edition.id,
                person_id: people[row.person].0,
                person_number: people[row.person].1,
                state: row.status,
                motivation: String::new(),
                applied_at: timeline::noon(row.applied_on),
                applied_month: row.applied_on.format("%Y-%m").to_string(),
                gender: person.gender,
                country: person
                    .country
                    .as_ref()
                    .map(|country| country.as_ref().to_owned())
                    .unwrap_or_default(),
                institution_id: person.institution.map(|place| institutions[place]),
                constituent_group: self.group(person),
                language: person.language,
                nominated_by: row.nominated_by.map(|place| institutions[place]),
                works_submitted: 0,
                works_released: 0,
                grade: row.grade,
                version: 1,
                seat_pool_id: None,
                waiting_rank: None,
                offered_until: None,
                institution_kind: self.kind(person),
                score: enrolment::UNSCORED,
            });
        }
        all
    }

    /// The evidence of each outcome, and everything that the statistics count.
    fn outcomes(&mut self, enrolments: &[Option<NewEnrolment>], works: &[Option<TeamWork>]) {
        for ((plan, enrolment), work) in self.plan.enrolments.iter().zip(enrolments).zip(works) {
            let Some(enrolment) = enrolment else { continue };
            let counted = work.as_ref().and_then(|work| work.counted);
            let row = &mut self.rows.enrolments[enrolment.row];
            row.works_submitted = i64::from(counted.is_some());
            row.works_released = i64::from(counted.is_some());
            let changes = counted::changes(row, &enrolment.steps, counted);
            self.rows.changes.push(changes);
            if plan.status != EnrolmentState::Withdrawn {
                let id = CompletionId(self.clock.new_id());
                self.rows
                    .completions
                    .push(completion_row(id, plan, enrolment, work.as_ref()));
            }
        }
    }
}

fn person_row(row: &Person, (id, number): (PersonId, i64), created_at: DateTime<Utc>) -> person::Model {
    person::Model {
        id,
        number,
        email: row.email.to_string(),
        given_name: row.given_name.to_string(),
        family_name: row.family_name.to_string(),
        language: row.language,
        time_zone: TIME_ZONE.name().to_owned(),
        password_hash: None,
        email_confirmed_at: None,
        disabled_at: None,
        created_at,
        version: 1,
    }
}

fn completion_row(
    id: CompletionId,
    plan: &Enrolment,
    enrolment: &NewEnrolment,
    work: Option<&TeamWork>,
) -> completion::Model {
    let evidence = work.map(|work| Evidence {
        deliverable: work.deliverable.clone(),
        weight: 1,
        grade: work.grade,
    });
    let outcome = Outcome {
        completed: plan.status == EnrolmentState::Completed,
        grade: plan.grade.unwrap_or_default(),
        pass_mark: PASS_MARK,
        evidence: evidence.into_iter().collect(),
    };
    completion::Model {
        id,
        enrolment_id: enrolment.id,
        outcome: plan.status.word().to_owned(),
        evidence: json!(outcome),
        decided_at: enrolment.steps[enrolment.steps.len() - 1].1,
        decided_by: None,
    }
}
