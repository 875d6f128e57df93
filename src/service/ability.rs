//! May the actor do this? For a front end that wants to know whether to show the way to an operation.
//!
//! The answer comes from the same files as the operation's own refusal, and tells no more: what the actor does not see
//! is answered like what does not exist.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::app::App;
use crate::domain::actor::{Actor, Role};
use crate::domain::id::{AnyId, CourseId, DeliverableId, EditionId, EnrolmentId, InstitutionId, SubmissionId, TeamId};
use crate::domain::policy::states::{self, Kind};
use crate::domain::policy::{self, Action, Relation, Verdict, listing};
use crate::domain::submission::{HandIn, SubmissionState};
use crate::error::{Code, Error, Fault, Result};
use crate::store::team_member::Place;
use crate::store::{completion, course, deliverable, edition, enrolment, institution, submission, team, team_member};

/// The most questions of one request.
pub const LIMIT: usize = 100;

/// A question: an operation, and on what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Check {
    /// The name of the mutation.
    pub operation: &'static str,
    /// What it would be done to, where it is done to something.
    pub on: Option<AnyId>,
}

/// The answer to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Permission {
    /// Whether the operation would be taken now, if its input is well formed.
    pub allowed: bool,
    /// Whether it has to come with a reason.
    pub reason_required: bool,
}

const NOT_ONES_OWN: [&str; 10] = [
    "startReview",
    "requestRevision",
    "gradeSubmission",
    "releaseGrades",
    "overrideGrade",
    "reopenReview",
    "finalizeGrades",
    "decideEnrolment",
    "decideCompletion",
    "decideCompletionLate",
];

const WITH_REASON: [&str; 4] = [
    "overrideGrade",
    "reopenReview",
    "decideCompletionLate",
    "exportEnrolments",
];

/// Answers questions in their order.
///
/// # Errors
/// [`Code::TooLong`] for more than [`LIMIT`].
pub async fn ask(app: &App, actor: &Actor, checks: &[Check]) -> Result<Vec<Permission>> {
    if checks.len() > LIMIT {
        let path = vec!["checks".to_owned()];
        let detail = Some(LIMIT.to_string());
        return Err(Error::from(Fault {
            code: Code::TooLong,
            path,
            detail,
        }));
    }
    let seen = Seen::load(app, actor, checks).await?;
    let answer = |check: &Check| match seen.facts(app, actor, check) {
        Some(facts) => facts.permission(actor, check.operation),
        None => Permission::default(),
    };
    Ok(checks.iter().map(answer).collect())
}

/// What the questions are about, as far as the actor sees it.
#[derive(Default)]
struct Seen {
    editions: HashMap<EditionId, edition::Model>,
    courses: HashSet<CourseId>,
    institutions: HashSet<InstitutionId>,
    enrolments: HashMap<EnrolmentId, enrolment::Model>,
    to_enrolments: HashMap<EnrolmentId, Relation>,
    teams: HashMap<TeamId, EditionId>,
    to_teams: HashMap<TeamId, Relation>,
    submissions: HashMap<SubmissionId, submission::Model>,
    to_submissions: HashMap<SubmissionId, Relation>,
    deliverables: HashMap<DeliverableId, deliverable::Model>,
    answers: HashMap<DeliverableId, SubmissionState>,
    places: HashMap<EditionId, Place>,
    enrolled: HashSet<EditionId>,
}

macro_rules! wanted {
    ($checks:ident, $kind:ident) => {
        $checks
            .iter()
            .filter_map(|check| match check.on {
                Some(AnyId::$kind(id)) => Some(id),
                _ => None,
            })
            .collect::<BTreeSet<$kind>>()
            .into_iter()
            .collect::<Vec<$kind>>()
    };
}

impl Seen {
    async fn load(app: &App, actor: &Actor, checks: &[Check]) -> Result<Self> {
        let db = app.db.read();
        let mut seen = Self::default();
        let courses = course::by_ids(db, &wanted!(checks, CourseId)).await?;
        seen.courses = courses.into_iter().map(|row| row.id).collect();
        let institutions = institution::by_ids(db, &wanted!(checks, InstitutionId)).await?;
        seen.institutions = institutions.into_iter().map(|row| row.id).collect();
        let enrolments = wanted!(checks, EnrolmentId);
        seen.to_enrolments = completion::relations(db, actor, &enrolments).await?;
        let enrolments = enrolment::by_ids_visible(db, actor, &enrolments).await?;
        seen.enrolments = enrolments.into_iter().map(|row| (row.id, row)).collect();
        let teams = wanted!(checks, TeamId);
        seen.to_teams = team::relations(db, actor, &teams).await?;
        let teams = team::by_ids_visible(db, actor, &teams).await?;
        seen.teams = teams.into_iter().map(|row| (row.id, row.edition_id)).collect();
        let submissions = wanted!(checks, SubmissionId);
        seen.to_submissions = submission::relations(db, actor, &submissions).await?;
        let submissions = submission::by_ids_visible(db, actor, &submissions).await?;
        seen.submissions = submissions.into_iter().map(|row| (row.id, row)).collect();
        let asked = wanted!(checks, DeliverableId);
        let answers = submission::own_answers(db, actor, &asked).await?;
        seen.answers = answers.into_iter().map(|row| (row.deliverable_id, row.state)).collect();
        let mut rows = deliverable::by_ids_visible(db, actor, &asked).await?;
        let answered: Vec<DeliverableId> = seen.submissions.values().map(|row| row.deliverable_id).collect();
        rows.extend(deliverable::by_ids(db, &answered).await?);
        seen.deliverables = rows.into_iter().map(|row| (row.id, row)).collect();

        let named = wanted!(checks, EditionId);
        let mut editions: BTreeSet<EditionId> = named.iter().copied().collect();
        editions.extend(seen.teams.values());
        editions.extend(seen.enrolments.values().map(|row| row.edition_id));
        editions.extend(seen.submissions.values().map(|row| row.edition_id));
        editions.extend(seen.deliverables.values().map(|row| row.edition_id));
        let editions: Vec<EditionId> = editions.into_iter().collect();
        let rows = edition::by_ids(db, &editions).await?;
        seen.editions = rows.into_iter().map(|row| (row.id, row)).collect();
        if let Some(me) = actor.person {
            let own = enrolment::of_person_in(db, me, &named).await?;
            let live = own.iter().filter(|row| row.state.is_live());
            seen.enrolled = live.map(|row| row.edition_id).collect();
            let writing: BTreeSet<EditionId> = seen.deliverables.values().map(|row| row.edition_id).collect();
            for id in writing {
                if let Some(place) = team_member::place(db, me, id).await? {
                    seen.places.insert(id, place);
                }
            }
        }
        Ok(seen)
    }

    /// The facts about what a question asks for; `None` where there is nothing that the actor sees.
    #[allow(clippy::too_many_lines, reason = "one arm a kind of thing that is asked about")]
    fn facts(&self, app: &App, actor: &Actor, check: &Check) -> Option<Facts<'_>> {
        let none = Facts {
            relation: Relation::NONE,
            edition: None,
            enrolment: None,
            submission: None,
            possible: true,
            actions: listing::actions_of("Mutation", check.operation).unwrap_or_default(),
        };
        let covers = |row: &edition::Model| actor.coordinated().covers(row.course_id, row.id);
        Some(match (check.operation, check.on) {
            ("createCourse" | "createInstitution", None) => none,
            ("grantRole" | "inviteToRole", None) => none.only(&["grant_role"]),
            ("grantRole" | "inviteToRole", Some(AnyId::CourseId(id))) if self.courses.contains(&id) => {
                none.only(&["grant_role"])
            }
            ("grantRole" | "inviteToRole", Some(AnyId::InstitutionId(id))) if self.institutions.contains(&id) => {
                none.only(&["grant_role"])
            }
            ("updateInstitution", Some(AnyId::InstitutionId(id))) => self.institutions.get(&id).map(|_| none)?,
            ("updateCourse" | "createEdition", Some(AnyId::CourseId(id))) => {
                let id = self.courses.get(&id)?;
                let edition = actor.coordinated().covers(*id, EditionId(uuid::Uuid::nil()));
                Facts {
                    relation: Relation {
                        edition,
                        ..Relation::NONE
                    },
                    ..none
                }
            }
            (
                "applyToEdition" | "updateEdition" | "moveEdition" | "createDeliverable" | "createTeam"
                | "decideEnrolments" | "exportEnrolments" | "grantRole" | "inviteToEdition" | "inviteToRole",
                Some(AnyId::EditionId(id)),
            ) => {
                let row = self.editions.get(&id)?;
                let of_role = ["grantRole", "inviteToRole"].contains(&check.operation);
                let appoints = of_role && actor.holds(Role::Administrator);
                if !row.state.is_published() && !covers(row) && !appoints {
                    return None;
                }
                let relation = Relation {
                    edition: covers(row),
                    own: check.operation == "applyToEdition" && actor.person.is_some(),
                    ..Relation::NONE
                };
                let facts = Facts {
                    relation,
                    edition: Some(row),
                    ..none
                };
                match check.operation {
                    "grantRole" | "inviteToRole" => facts.only(&["grant_tutor"]),
                    "applyToEdition" => {
                        let open = (row.enrols_from..=row.enrols_until).contains(&app.clock.now());
                        facts.if_possible(open && !self.enrolled.contains(&id))
                    }
                    _ => facts,
                }
            }
            (
                "withdrawEnrolment" | "decideEnrolment" | "decideCompletion" | "decideCompletionLate",
                Some(AnyId::EnrolmentId(id)),
            ) => {
                let row = self.enrolments.get(&id)?;
                Facts {
                    relation: self.to_enrolments.get(&id).copied().unwrap_or_default(),
                    edition: self.editions.get(&row.edition_id),
                    enrolment: Some(row),
                    ..none
                }
            }
            ("updateTeam" | "allocateTutor" | "endAllocation", Some(AnyId::TeamId(id))) => {
                let edition = self.teams.get(&id)?;
                Facts {
                    relation: self.to_teams.get(&id).copied().unwrap_or_default(),
                    edition: self.editions.get(edition),
                    ..none
                }
            }
            ("updateDeliverable" | "saveDraft", Some(AnyId::DeliverableId(id))) => {
                let row = self.deliverables.get(&id)?;
                let edition = self.editions.get(&row.edition_id)?;
                let place = self.places.get(&row.edition_id);
                let answers = place.is_some_and(|place| !row.kind.is_team_work() || place.team.is_some());
                let facts = Facts {
                    relation: Relation {
                        edition: covers(edition),
                        team: answers,
                        ..Relation::NONE
                    },
                    edition: Some(edition),
                    ..none
                };
                if check.operation == "updateDeliverable" {
                    return Some(facts);
                }
                let state = self.answers.get(&id).copied().unwrap_or(SubmissionState::Draft);
                facts.if_possible(in_time(app, state, row, edition))
            }
            (_, Some(AnyId::SubmissionId(id))) => {
                let row = self.submissions.get(&id)?;
                let edition = self.editions.get(&row.edition_id)?;
                let facts = Facts {
                    relation: self.to_submissions.get(&id).copied().unwrap_or_default(),
                    edition: Some(edition),
                    submission: Some(row),
                    ..none
                };
                match check.operation {
                    "submitWork" => {
                        let place = self.places.get(&row.edition_id);
                        let mine = place.is_some_and(|place| match row.team_id {
                            Some(team) => place.team == Some(team),
                            None => row.enrolment_id == Some(place.enrolment),
                        });
                        let asked = self.deliverables.get(&row.deliverable_id)?;
                        facts.if_possible(mine && in_time(app, row.state, asked, edition))
                    }
                    "releaseGrades" if !edition.tutors_release => facts.only(&["release_grade"]),
                    operation if NOT_ONES_OWN.contains(&operation) => facts,
                    _ => return None,
                }
            }
            _ => return None,
        })
    }
}

fn in_time(app: &App, state: SubmissionState, asked: &deliverable::Model, edition: &edition::Model) -> bool {
    let hand_in = HandIn {
        state,
        edition: edition.state,
        cut_off_at: asked.cut_off_at,
        now: app.clock.now(),
    };
    hand_in.may_write().is_ok()
}

/// What decides about one question.
struct Facts<'a> {
    relation: Relation,
    edition: Option<&'a edition::Model>,
    enrolment: Option<&'a enrolment::Model>,
    submission: Option<&'a submission::Model>,
    possible: bool,
    actions: &'static [&'static str],
}

impl Facts<'_> {
    fn only(self, actions: &'static [&'static str]) -> Self {
        Self { actions, ..self }
    }

    fn if_possible(self, possible: bool) -> Self {
        Self { possible, ..self }
    }

    fn permission(&self, actor: &Actor, operation: &str) -> Permission {
        let asked = Action::ALL.iter().filter(|action| self.actions.contains(&action.key()));
        let verdict = asked.map(|action| policy::verdict(actor, *action, self.relation)).max();
        let verdict = verdict.unwrap_or(Verdict::Denied);
        let own = (self.relation.own || self.relation.team) && NOT_ONES_OWN.contains(&operation);
        let takes = |kind, state: Option<&str>| state.is_none_or(|state| states::takes(operation, kind, state));
        let open = takes(Kind::Edition, self.edition.map(|row| row.state.word()))
            && takes(Kind::Enrolment, self.enrolment.map(|row| row.state.word()))
            && takes(Kind::Submission, self.submission.map(|row| row.state.word()));
        let allowed = verdict != Verdict::Denied && !own && open && self.possible;
        Permission {
            allowed,
            reason_required: allowed && (verdict == Verdict::WithReason || WITH_REASON.contains(&operation)),
        }
    }
}
