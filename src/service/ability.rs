//! May the actor do this? For a front end that wants to know whether to show the way to an operation.
//!
//! The answer comes from the same files as the operation's own refusal, and tells no more: what the actor does not see
//! is answered like what does not exist.

use chrono::{DateTime, Utc};

use self::seen::Seen;
use crate::app::App;
use crate::domain::actor::{Actor, Role};
use crate::domain::decision::Undo;
use crate::domain::id::{AnyId, CourseId, EditionId, TeamId};
use crate::domain::institution::InstitutionState;
use crate::domain::policy::states::{self, Kind};
use crate::domain::policy::{self, Action, Relation, Verdict, listing};
use crate::domain::submission::{HandIn, SubmissionState};
use crate::error::{Code, Error, Fault, Result};
use crate::store::{deliverable, edition, enrolment, submission};

mod bringing;
mod nominating;
mod seen;

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

/// What is done to work, and never to one's own.
const ASSESSING: [&str; 7] = [
    "startReview",
    "requestRevision",
    "gradeSubmission",
    "releaseGrades",
    "overrideGrade",
    "reopenReview",
    "finalizeGrades",
];

/// What is decided about an enrolment, and never about one's own.
const DECIDING: [&str; 8] = [
    "decideEnrolment",
    "correctSnapshot",
    "undoDecision",
    "transferEnrolment",
    "scoreApplication",
    "rankWaiting",
    "decideCompletion",
    "decideCompletionLate",
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

impl Seen {
    /// The facts about what a question asks for; `None` where there is nothing that the actor sees.
    fn facts(&self, app: &App, actor: &Actor, check: &Check) -> Option<Facts<'_>> {
        let asked = Asked {
            now: app.clock.now(),
            actor,
            operation: check.operation,
        };
        match check.on {
            None => asked.of_nothing(),
            Some(AnyId::CourseId(id)) => asked.of_course(*self.courses.get(&id)?),
            Some(AnyId::InstitutionId(id)) => asked.of_institution(*self.institutions.get(&id)?),
            Some(AnyId::EditionId(id)) => self.of_edition(&asked, self.editions.get(&id)?),
            Some(AnyId::EnrolmentId(id)) => self.of_enrolment(&asked, self.enrolments.get(&id)?),
            Some(AnyId::InvitationId(id)) => self.of_nomination(&asked, self.nominations.get(&id)?),
            Some(AnyId::TeamId(id)) => self.of_team(&asked, id),
            Some(AnyId::DeliverableId(id)) => self.of_deliverable(&asked, self.deliverables.get(&id)?),
            Some(AnyId::SubmissionId(id)) => self.of_submission(&asked, self.submissions.get(&id)?),
            Some(AnyId::TableImportId(id)) => self.of_table_import(&asked, self.table_imports.get(&id)?),
            Some(_) => None,
        }
    }

    fn of_edition<'a>(&self, asked: &Asked<'_>, row: &'a edition::Model) -> Option<Facts<'a>> {
        let (operation, covers) = (asked.operation, asked.covers(row));
        let of_role = ["grantRole", "inviteToRole"].contains(&operation);
        let appoints = of_role && asked.actor.holds(Role::Administrator);
        if !row.state.is_published() && !covers && !appoints {
            return None;
        }
        let relation = Relation {
            edition: covers,
            own: operation == "applyToEdition" && asked.actor.person.is_some(),
            institution: ["nominate", "importNominations"].contains(&operation)
                && !asked.actor.institutions().is_empty(),
            ..Relation::NONE
        };
        let facts = Facts {
            edition: Some(row),
            ..asked.facts(relation)
        };
        match operation {
            "grantRole" | "inviteToRole" => Some(facts.only(&["grant_tutor"])),
            "applyToEdition" => Some(facts.if_possible(asked.in_window(row) && !self.enrolled.contains(&row.id))),
            "importEnrolments" => Some(facts.if_possible(asked.in_window(row))),
            "nominate" | "importNominations" => Some(facts.if_possible(asked.takes_nominees(row))),
            "copyEdition" => Some(facts.if_possible(asked.plans(row.course_id))),
            "updateEdition"
            | "setAdmissionCriteria"
            | "publishApplicationForm"
            | "moveEdition"
            | "createDeliverable"
            | "createTeam"
            | "createSeatPool"
            | "changeSeatPool"
            | "removeSeatPool"
            | "decideEnrolments"
            | "exportEnrolments"
            | "inviteToEdition" => Some(facts),
            _ => None,
        }
    }

    fn of_enrolment<'a>(&'a self, asked: &Asked<'_>, row: &'a enrolment::Model) -> Option<Facts<'a>> {
        let relation = self.to_enrolments.get(&row.id).copied().unwrap_or_default();
        let facts = Facts {
            edition: self.editions.get(&row.edition_id),
            enrolment: Some(row),
            ..asked.facts(relation)
        };
        match asked.operation {
            "acceptOffer" | "declineOffer" => {
                let offered = row.offered_until.is_some_and(|until| until > asked.now);
                Some(facts.if_possible(offered))
            }
            "undoDecision" => {
                let undo = Undo {
                    edition: self.editions.get(&row.edition_id)?.state,
                    state: row.state,
                    decided: self.decided.get(&row.id).copied(),
                };
                Some(facts.if_possible(undo.back_to().is_ok()))
            }
            "withdrawEnrolment"
            | "stateConsent"
            | "decideEnrolment"
            | "transferEnrolment"
            | "scoreApplication"
            | "correctSnapshot"
            | "decideCompletion"
            | "decideCompletionLate"
            | "rankWaiting" => Some(facts),
            _ => None,
        }
    }

    fn of_team(&self, asked: &Asked<'_>, id: TeamId) -> Option<Facts<'_>> {
        let edition = self.teams.get(&id)?;
        let relation = self.to_teams.get(&id).copied().unwrap_or_default();
        match asked.operation {
            "updateTeam" | "allocateTutor" | "endAllocation" => Some(Facts {
                edition: self.editions.get(edition),
                ..asked.facts(relation)
            }),
            _ => None,
        }
    }

    fn of_deliverable(&self, asked: &Asked<'_>, row: &deliverable::Model) -> Option<Facts<'_>> {
        let edition = self.editions.get(&row.edition_id)?;
        let place = self.places.get(&row.edition_id);
        let relation = Relation {
            edition: asked.covers(edition),
            team: place.is_some_and(|place| !row.kind.is_team_work() || place.team.is_some()),
            ..Relation::NONE
        };
        let facts = Facts {
            edition: Some(edition),
            ..asked.facts(relation)
        };
        match asked.operation {
            "updateDeliverable" => Some(facts),
            "saveDraft" => {
                let state = self.answers.get(&row.id).copied().unwrap_or(SubmissionState::Draft);
                Some(facts.if_possible(asked.in_time(state, row, edition)))
            }
            _ => None,
        }
    }

    fn of_submission<'a>(&'a self, asked: &Asked<'_>, row: &'a submission::Model) -> Option<Facts<'a>> {
        let edition = self.editions.get(&row.edition_id)?;
        let facts = Facts {
            edition: Some(edition),
            submission: Some(row),
            ..asked.facts(self.to_submissions.get(&row.id).copied().unwrap_or_default())
        };
        match asked.operation {
            "submitWork" => {
                let place = self.places.get(&row.edition_id);
                let mine = place.is_some_and(|place| match row.team_id {
                    Some(team) => place.team == Some(team),
                    None => row.enrolment_id == Some(place.enrolment),
                });
                let deliverable = self.deliverables.get(&row.deliverable_id)?;
                Some(facts.if_possible(mine && asked.in_time(row.state, deliverable, edition)))
            }
            "releaseGrades" if !edition.tutors_release => Some(facts.only(&["release_grade"])),
            operation if ASSESSING.contains(&operation) => Some(facts),
            _ => None,
        }
    }
}

/// Who asks about which operation, and when.
struct Asked<'a> {
    now: DateTime<Utc>,
    actor: &'a Actor,
    operation: &'static str,
}

impl Asked<'_> {
    /// What is known before anything is looked at: how the actor stands to it, and the actions of the operation.
    fn facts<'f>(&self, relation: Relation) -> Facts<'f> {
        Facts {
            relation,
            edition: None,
            enrolment: None,
            submission: None,
            possible: true,
            actions: listing::actions_of("Mutation", self.operation).unwrap_or_default(),
        }
    }

    fn of_nothing<'f>(&self) -> Option<Facts<'f>> {
        match self.operation {
            "createCourse" | "createInstitution" | "proposeInstitution" | "importPeople" | "exportList" => {
                Some(self.facts(Relation::NONE))
            }
            "grantRole" | "inviteToRole" => Some(self.facts(Relation::NONE).only(&["grant_role"])),
            _ => None,
        }
    }

    fn of_course<'f>(&self, id: CourseId) -> Option<Facts<'f>> {
        match self.operation {
            "grantRole" | "inviteToRole" => Some(self.facts(Relation::NONE).only(&["grant_role"])),
            "updateCourse" | "createEdition" => Some(self.facts(Relation {
                edition: self.plans(id),
                ..Relation::NONE
            })),
            _ => None,
        }
    }

    fn of_institution<'f>(&self, state: InstitutionState) -> Option<Facts<'f>> {
        let facts = self.facts(Relation::NONE);
        let proposed = state == InstitutionState::Proposed;
        match self.operation {
            "updateInstitution" => Some(facts),
            "acceptInstitution" | "refuseInstitution" => Some(facts.if_possible(proposed)),
            "mergeInstitution" if proposed => Some(facts.only(&["settle_institutions"])),
            "mergeInstitution" => {
                let facts = facts.only(&["manage_institutions"]);
                Some(facts.if_possible(state == InstitutionState::Registered))
            }
            "grantRole" | "inviteToRole" => Some(facts.only(&["grant_role"]).if_possible(!proposed)),
            _ => None,
        }
    }

    /// Whether the actor coordinates a course, and so whatever editions it may come to have.
    fn plans(&self, id: CourseId) -> bool {
        self.actor.coordinated().covers(id, EditionId(uuid::Uuid::nil()))
    }

    /// Whether an edition could be applied to by its window.
    fn in_window(&self, row: &edition::Model) -> bool {
        (row.enrols_from..=row.enrols_until).contains(&self.now)
    }

    fn covers(&self, row: &edition::Model) -> bool {
        self.actor.coordinated().covers(row.course_id, row.id)
    }

    fn in_time(&self, state: SubmissionState, asked: &deliverable::Model, edition: &edition::Model) -> bool {
        let hand_in = HandIn {
            state,
            edition: edition.state,
            cut_off_at: asked.cut_off_at,
            now: self.now,
        };
        hand_in.may_write().is_ok()
    }
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
        let judges = ASSESSING.contains(&operation) || DECIDING.contains(&operation);
        let own = judges && (self.relation.own || self.relation.team);
        let takes = |kind, state: Option<&str>| state.is_none_or(|state| states::takes(operation, kind, state));
        let open = takes(Kind::Edition, self.edition.map(|row| row.state.word()))
            && takes(Kind::Enrolment, self.enrolment.map(|row| row.state.word()))
            && takes(Kind::Submission, self.submission.map(|row| row.state.word()));
        let allowed = verdict != Verdict::Denied && !own && open && self.possible;
        Permission {
            allowed,
            reason_required: allowed && (verdict == Verdict::WithReason || listing::WITH_REASON.contains(&operation)),
        }
    }
}
