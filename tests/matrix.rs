//! The run through the matrix: every mutation and query, for everybody who stands in some way to its object, in every
//! state that matters. What the API answers to the committed operations is held against what the files beside
//! `domain/policy.rs` say. A new mutation without a row here, or a new field without a line there, fails.

#![allow(
    clippy::similar_names,
    reason = "people and things are named as the story needs them"
)]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use rumbo::domain::actor::{Actor, Grant, Role, Scope};
use rumbo::domain::edition::EditionState;
use rumbo::domain::enrolment::EnrolmentState;
use rumbo::domain::id::{EditionId, EnrolmentId, InstitutionId, InvitationId, SubmissionId};
use rumbo::domain::language::Language;
use rumbo::domain::policy::states::{self, Kind};
use rumbo::domain::policy::{Action, Relation, Verdict, listing, verdict};
use rumbo::domain::submission::SubmissionState;
use rumbo::store::{edition, enrolment, invitation, submission};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};

use crate::support::app::{Answer, Client, TestApp};
use crate::support::scene::{Class, Plan, act, as_seen, edition_input, id_of, nominate, roadmap_input, scores};
use crate::support::sdl::{fields, types};

/// What came of an operation, or has to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Allowed,
    /// The state does not allow it.
    State,
    OwnWork,
    Forbidden,
    NotFound,
    Unauthenticated,
    /// Anything that no cell of the matrix means.
    Other(String),
}

/// The committed operation of a mutation.
fn of_mutation(mutation: &str) -> String {
    format!("{}{}", mutation[..1].to_uppercase(), &mutation[1..])
}

fn outcome(answer: &Answer, mutation: &str) -> Outcome {
    if answer.json.get("errors").is_some() {
        return match answer.refusal() {
            "FORBIDDEN" => Outcome::Forbidden,
            "NOT_FOUND" => Outcome::NotFound,
            "UNAUTHENTICATED" => Outcome::Unauthenticated,
            other => Outcome::Other(other.to_owned()),
        };
    }
    let errors = answer.user_errors(mutation);
    match errors.first().and_then(|error| error.split(' ').next()) {
        // Who is enrolled already was let as far as the rule of the edition.
        None | Some("ALREADY_ENROLLED") => Outcome::Allowed,
        Some("ILLEGAL_TRANSITION" | "ENROLMENT_CLOSED" | "NOT_ASSESSED") => Outcome::State,
        Some("OWN_WORK") => Outcome::OwnWork,
        Some(_) => Outcome::Other(errors.join(", ")),
    }
}

/// What an operation is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    /// Nothing in particular, or what everybody sees: a course, an institution, the register.
    Open,
    Course,
    Edition,
    Enrolment,
    Team,
    Deliverable,
    Submission,
    /// What shows only to those who may end it.
    Appointment,
}

/// A row of the run: the mutation, what it is done to, and which of its actions is asked in this scene.
#[derive(Debug, Clone, Copy)]
struct Case {
    mutation: &'static str,
    subject: Subject,
    actions: &'static [Action],
    /// Whether nobody does it to their own work.
    not_own: bool,
    /// Whether the edition lets its tutors release.
    tutors_release: bool,
}

const fn case(mutation: &'static str, subject: Subject, actions: &'static [Action]) -> Case {
    Case {
        mutation,
        subject,
        actions,
        not_own: false,
        tutors_release: false,
    }
}

const fn judging(mutation: &'static str, actions: &'static [Action]) -> Case {
    Case {
        not_own: true,
        ..case(mutation, Subject::Submission, actions)
    }
}

const REVIEWING: &[Case] = &[
    judging("startReview", &[Action::Assess]),
    judging("requestRevision", &[Action::Assess]),
    judging("gradeSubmission", &[Action::Assess]),
];

const GRADING: &[Case] = &[
    judging("releaseGrades", &[Action::ReleaseGrade]),
    Case {
        tutors_release: true,
        ..judging("releaseGrades", &[Action::ReleaseGrade, Action::ReleaseAsTutor])
    },
    judging("overrideGrade", &[Action::ReleaseGrade]),
    judging("reopenReview", &[Action::ReleaseGrade]),
    judging("finalizeGrades", &[Action::ReleaseGrade]),
];

const WRITING: &[Case] = &[
    case("saveDraft", Subject::Deliverable, &[Action::WriteSubmission]),
    case("submitWork", Subject::Submission, &[Action::WriteSubmission]),
];

const ENROLLING: &[Case] = &[
    case("withdrawEnrolment", Subject::Enrolment, &[Action::Withdraw]),
    case("decideEnrolment", Subject::Enrolment, &[Action::DecideEnrolment]),
    case("decideEnrolments", Subject::Edition, &[Action::DecideEnrolment]),
    case("exportEnrolments", Subject::Edition, &[Action::ExportEnrolments]),
    case("decideCompletion", Subject::Enrolment, &[Action::DecideCompletion]),
    case("decideCompletionLate", Subject::Enrolment, &[Action::DecideCompletion]),
];

const PLANNING: &[Case] = &[
    case("createCourse", Subject::Open, &[Action::PlanCourse]),
    case("updateCourse", Subject::Open, &[Action::PlanCourse]),
    case("createEdition", Subject::Course, &[Action::PlanEdition]),
    case("copyEdition", Subject::Course, &[Action::PlanEdition]),
    case("updateEdition", Subject::Edition, &[Action::PlanEdition]),
    case("moveEdition", Subject::Edition, &[Action::PlanEdition]),
    case("createDeliverable", Subject::Edition, &[Action::DefineDeliverable]),
    case("updateDeliverable", Subject::Deliverable, &[Action::DefineDeliverable]),
    case("createTeam", Subject::Edition, &[Action::ManageTeams]),
    case("updateTeam", Subject::Team, &[Action::ManageTeams]),
    case("allocateTutor", Subject::Team, &[Action::AllocateTutor]),
    case("endAllocation", Subject::Team, &[Action::AllocateTutor]),
    case("grantRole", Subject::Edition, &[Action::GrantTutor]),
    case("revokeRole", Subject::Appointment, &[Action::GrantTutor]),
    case("inviteToEdition", Subject::Edition, &[Action::Invite]),
    case("inviteToRole", Subject::Edition, &[Action::GrantTutor]),
    case("withdrawInvitation", Subject::Appointment, &[Action::GrantTutor]),
    case("resendInvitation", Subject::Appointment, &[Action::GrantTutor]),
    case("createInstitution", Subject::Open, &[Action::ManageInstitutions]),
    case("updateInstitution", Subject::Open, &[Action::ManageInstitutions]),
    case("disableAccount", Subject::Open, &[Action::ManageAccounts]),
    case("enableAccount", Subject::Open, &[Action::ManageAccounts]),
];

/// Last, since whoever applies is enrolled from then on.
const APPLYING: &[Case] = &[case("applyToEdition", Subject::Edition, &[Action::Apply])];

const ALL: [&[Case]; 6] = [REVIEWING, GRADING, WRITING, ENROLLING, PLANNING, APPLYING];

/// The states of the scene's edition, of Ana's enrolment in it, and of her team's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct States {
    edition: EditionState,
    enrolment: EnrolmentState,
    submission: SubmissionState,
}

impl States {
    fn word(self, kind: Kind) -> &'static str {
        match kind {
            Kind::Edition => self.edition.word(),
            Kind::Enrolment => self.enrolment.word(),
            Kind::Submission => self.submission.word(),
        }
    }
}

fn gated(mutation: &str, kind: Kind) -> Option<Vec<&'static str>> {
    let mut gates = states::gates();
    gates
        .find(|gate| gate.operation == mutation && gate.kind == Some(kind))
        .map(|gate| gate.states)
}

/// In which states a case is run: of every kind of thing that matters each one, while the others allow it.
fn states_of(case: Case) -> Vec<States> {
    let usual = |kind, usual: &'static str| match gated(case.mutation, kind) {
        Some(states) if !states.contains(&usual) => states[0],
        _ => usual,
    };
    let base = States {
        edition: EditionState::from_word(usual(Kind::Edition, "running")).expect("a state"),
        enrolment: EnrolmentState::from_word(usual(Kind::Enrolment, "active")).expect("a state"),
        submission: SubmissionState::from_word(usual(Kind::Submission, "submitted")).expect("a state"),
    };
    let mut all = vec![base];
    if gated(case.mutation, Kind::Edition).is_some() {
        all.extend(EditionState::ALL.iter().map(|&edition| States { edition, ..base }));
    }
    if gated(case.mutation, Kind::Enrolment).is_some() {
        all.extend(
            EnrolmentState::ALL
                .iter()
                .map(|&enrolment| States { enrolment, ..base }),
        );
    }
    if gated(case.mutation, Kind::Submission).is_some() {
        all.extend(
            SubmissionState::ALL
                .iter()
                .map(|&submission| States { submission, ..base }),
        );
    }
    let mut once: Vec<States> = Vec::new();
    for states in all {
        if !once.contains(&states) {
            once.push(states);
        }
    }
    once
}

/// Somebody, the roles that hold, and how they stand to what is Ana's.
pub(crate) struct Viewer<'a> {
    pub name: &'static str,
    pub client: Client<'a>,
    grants: Vec<Grant>,
    /// To her enrolment.
    pub enrolment: Relation,
    /// To her team and its work.
    pub team: Relation,
    /// To what her edition asks for: `team` for whoever answers it.
    deliverable: Relation,
    /// Whether what her edition asks for shows at all.
    inside: bool,
    /// To her edition, and to its course.
    edition: bool,
    course: bool,
}

impl Viewer<'_> {
    pub fn actor(&self) -> Actor {
        Actor {
            person: self.client.person,
            grants: self.grants.clone(),
            ..Actor::anonymous(Language::En)
        }
    }

    fn holds(&self, role: Role) -> bool {
        self.grants.iter().any(|grant| grant.role == role)
    }
}

const TEAM: Relation = Relation {
    team: true,
    ..Relation::NONE
};
const ASSIGNED: Relation = Relation {
    assigned: true,
    ..Relation::NONE
};
const INSTITUTION: Relation = Relation {
    institution: true,
    ..Relation::NONE
};

/// One edition with two teams, another edition, and somebody for every role and way of standing to Ana's things.
pub(crate) struct World<'a> {
    test: &'a TestApp,
    pub class: Class<'a>,
    pub viewers: Vec<Viewer<'a>>,
    submission: String,
    /// A deliverable to which nobody answers.
    project: String,
    course: String,
    institution: InstitutionId,
    /// Tutor of the edition, in charge of no team.
    reserve: Client<'a>,
    /// Who is appointed and dismissed.
    appointed: Client<'a>,
    appointment: RefCell<Option<String>>,
    serial: RefCell<u32>,
}

impl<'a> World<'a> {
    #[allow(clippy::too_many_lines, reason = "everybody of the scene, one after the other")]
    pub async fn new(test: &'a TestApp) -> Self {
        let class = Class::of(test, &["Ana", "Ben", "Dora", "Cy"]).await;
        let here = Scope::Edition(class.edition.parse().expect("an edition"));
        let carla = class.coordinator.clone();
        let seen = carla.run("SeeTeam", json!({ "id": class.team })).await;
        let input = json!({
            "teamId": class.team, "version": seen.number("team.version"), "addEnrolmentIds": [class.enrolments[2]],
        });
        assert_eq!(
            act(&carla, "UpdateTeam", input).await.user_errors("updateTeam"),
            [""; 0]
        );
        let others = class.make_team("Tala", &class.enrolments[3..]).await;
        let tess = test.person("Tess").await;
        class.allocate(&others, &tess).await;
        let seen = carla.run("SeeEdition", json!({ "id": class.edition })).await;
        let course = seen.text("edition.course.id");
        let institution = test.institution("INEFOP", "UY").await;
        let other_institution = test.institution("SENA", "CO").await;
        nominate(test, &class.enrolments[0], institution.0).await;
        let plan = Plan {
            code: "B-2026",
            ..Plan::OPEN
        };
        let elsewhere = Class::with(test, carla.clone(), plan, "Tom", &["Otto"]).await;
        let there = Scope::Edition(elsewhere.edition.parse().expect("an edition"));
        let lars = test.person("Lars").await;
        let until = test.now() + TimeDelta::seconds(1);
        let input = json!({ "personId": id_of(&lars), "role": "TUTOR", "scopeId": class.edition, "until": until });
        assert_eq!(act(&carla, "GrantRole", input).await.user_errors("grantRole"), [""; 0]);
        class.allocate(&class.team, &lars).await;
        test.role_of(&lars, Role::Tutor, there).await;
        test.pass(TimeDelta::seconds(2));
        let dora = class.people[2].clone();
        test.role_of(&dora, Role::Coordinator, here).await;
        let submission = class.hand_in(&class.people[0], "In eighteen months.").await;
        class.grade(&class.tutor, &submission, scores(2, 2)).await;
        let mut project = roadmap_input(&class.edition);
        project["kind"] = json!("PROJECT");
        let project = act(&carla, "CreateDeliverable", project).await;
        let project = project.text("createDeliverable.deliverable.id");
        let scope = |role, scope| vec![Grant { role, scope }];
        let course_scope = Scope::Course(course.parse().expect("a course"));
        let none = |name, client, grants| Viewer {
            name,
            client,
            grants,
            enrolment: Relation::NONE,
            team: Relation::NONE,
            deliverable: Relation::NONE,
            inside: false,
            edition: false,
            course: false,
        };
        let over = |name, client, grants, course| Viewer {
            enrolment: Relation::EDITION,
            team: Relation::EDITION,
            deliverable: Relation::EDITION,
            inside: true,
            edition: true,
            course,
            ..none(name, client, grants)
        };
        let of_team = |name, client: &Client<'a>, enrolment| Viewer {
            enrolment,
            team: TEAM,
            deliverable: TEAM,
            inside: true,
            ..none(name, client.clone(), Vec::new())
        };
        let viewers = vec![
            none("nobody", test.anonymous(), Vec::new()),
            none("a stranger", test.person("Saul").await, Vec::new()),
            none(
                "a participant of another edition",
                elsewhere.people[0].clone(),
                Vec::new(),
            ),
            of_team("themself", &class.people[0], Relation::OWN),
            of_team("a team mate", &class.people[1], Relation::NONE),
            Viewer {
                deliverable: TEAM,
                inside: true,
                ..none("a participant of another team", class.people[3].clone(), Vec::new())
            },
            Viewer {
                enrolment: ASSIGNED,
                team: ASSIGNED,
                deliverable: ASSIGNED,
                inside: true,
                ..none("the team's tutor", class.tutor.clone(), scope(Role::Tutor, here))
            },
            Viewer {
                inside: true,
                ..none("the tutor of another team", tess, scope(Role::Tutor, here))
            },
            none(
                "a tutor of another edition",
                elsewhere.tutor.clone(),
                scope(Role::Tutor, there),
            ),
            none("a tutor whose role here is over", lars, scope(Role::Tutor, there)),
            Viewer {
                enrolment: INSTITUTION,
                ..none(
                    "the nominating institution",
                    test.holder("Flor", Role::FocalPoint, Scope::Institution(institution))
                        .await,
                    scope(Role::FocalPoint, Scope::Institution(institution)),
                )
            },
            none(
                "another institution",
                test.holder("Fede", Role::FocalPoint, Scope::Institution(other_institution))
                    .await,
                scope(Role::FocalPoint, Scope::Institution(other_institution)),
            ),
            over(
                "the edition's coordinator",
                test.holder("Cora", Role::Coordinator, here).await,
                scope(Role::Coordinator, here),
                false,
            ),
            over(
                "the course's coordinator",
                test.holder("Coro", Role::Coordinator, course_scope).await,
                scope(Role::Coordinator, course_scope),
                true,
            ),
            over(
                "the coordinator of all",
                carla,
                scope(Role::Coordinator, Scope::System),
                true,
            ),
            none(
                "the coordinator of another edition",
                test.holder("Olga", Role::Coordinator, there).await,
                scope(Role::Coordinator, there),
            ),
            Viewer {
                team: Relation {
                    team: true,
                    ..Relation::EDITION
                },
                deliverable: Relation {
                    team: true,
                    ..Relation::EDITION
                },
                ..over(
                    "a team mate who coordinates",
                    dora,
                    scope(Role::Coordinator, here),
                    false,
                )
            },
            none(
                "an administrator",
                test.administrator().await,
                scope(Role::Administrator, Scope::System),
            ),
        ];
        Self {
            reserve: class.idle_tutor("Tia").await,
            appointed: test.person("Tobias").await,
            test,
            class,
            viewers,
            submission,
            project,
            course,
            institution,
            appointment: RefCell::new(None),
            serial: RefCell::new(0),
        }
    }

    /// Brings about the states that a mutation is taken in, and gives what is sent by somebody who may; `None` for one
    /// that has no case here.
    pub async fn ready(&self, mutation: &str, client: &Client<'_>) -> Option<Value> {
        let case = *ALL
            .iter()
            .flat_map(|cases| cases.iter())
            .find(|case| case.mutation == mutation)?;
        let states = states_of(case)[0];
        self.set(states, case.tutors_release).await;
        let viewer = self.viewers.iter().find(|viewer| viewer.client.person == client.person);
        Some(self.input(mutation, viewer?, states).await)
    }

    /// Puts edition, enrolment and work into these states, whatever happened to them.
    async fn set(&self, states: States, tutors_release: bool) {
        let tx = self.test.app.db.write().await.expect("a transaction");
        let id: EditionId = self.class.edition.parse().expect("an edition");
        edition::Entity::update_many()
            .col_expr(edition::Column::State, Expr::value(states.edition))
            .col_expr(edition::Column::SeatsTaken, Expr::value(9_i64))
            .col_expr(edition::Column::TutorsRelease, Expr::value(tutors_release))
            .filter(edition::Column::Id.eq(id))
            .exec(&tx)
            .await
            .expect("an edition");
        let id: EnrolmentId = self.class.enrolments[0].parse().expect("an enrolment");
        let released = i64::from(states.submission.shows_grade());
        enrolment::Entity::update_many()
            .col_expr(enrolment::Column::State, Expr::value(states.enrolment))
            .col_expr(enrolment::Column::WorksSubmitted, Expr::value(1_i64))
            .col_expr(enrolment::Column::WorksReleased, Expr::value(released))
            .filter(enrolment::Column::Id.eq(id))
            .exec(&tx)
            .await
            .expect("an enrolment");
        let id: SubmissionId = self.submission.parse().expect("a submission");
        submission::Entity::update_many()
            .col_expr(submission::Column::State, Expr::value(states.submission))
            .filter(submission::Column::Id.eq(id))
            .exec(&tx)
            .await
            .expect("a submission");
        tx.commit().await.expect("a commit");
    }

    /// Ana's identifier.
    pub fn ana(&self) -> String {
        id_of(&self.class.people[0])
    }

    /// The identifiers of Ana's things, as the variables of a document.
    pub fn variables(&self) -> Value {
        json!({
            "person": self.ana(), "enrolment": self.class.enrolments[0], "team": self.class.team,
            "submission": self.submission, "deliverable": self.class.roadmap, "edition": self.class.edition,
            "course": self.course, "institution": self.institution.to_string(),
        })
    }

    /// Gives every field of Ana and of her enrolment something to show.
    pub async fn open_up(&self) {
        let institution = self.institution.to_string();
        let input = json!({
            "gender": "FEMALE", "country": "UY", "institutionId": institution, "constituentGroup": "WORKERS",
        });
        let stated = act(&self.class.people[0], "DeclareMyself", input).await;
        assert_eq!(stated.user_errors("stateDeclaration"), [""; 0]);
        let list = as_seen(&self.class.coordinator, json!([self.class.enrolments[0]])).await;
        let input = json!({ "enrolments": list });
        let decided = act(&self.class.coordinator, "DecideCompletion", input).await;
        assert_eq!(decided.user_errors("decideCompletion"), [""; 0]);
        let tx = self.test.app.db.write().await.expect("a transaction");
        let id: EnrolmentId = self.class.enrolments[0].parse().expect("an enrolment");
        enrolment::Entity::update_many()
            .col_expr(enrolment::Column::InstitutionId, Expr::value(self.institution.0))
            .filter(enrolment::Column::Id.eq(id))
            .exec(&tx)
            .await
            .expect("an enrolment");
        tx.commit().await.expect("a commit");
    }

    /// What `can` says before the operation is tried; `None` where it has no question for it.
    async fn permission(&self, case: Case, viewer: &Viewer<'_>) -> Option<bool> {
        let class = &self.class;
        let institution = self.institution.to_string();
        let on = match (case.mutation, case.subject) {
            // The ability is about the edition, the row of the run about one enrolment in it.
            ("revokeRole" | "decideEnrolments", _) => return None,
            ("createCourse" | "createInstitution", _) => Value::Null,
            ("updateCourse" | "createEdition", _) => json!(self.course),
            ("updateInstitution", _) => json!(institution),
            ("updateDeliverable", _) => json!(self.project),
            (_, Subject::Edition) => json!(class.edition),
            (_, Subject::Enrolment) => json!(class.enrolments[0]),
            (_, Subject::Team) => json!(class.team),
            (_, Subject::Deliverable) => json!(class.roadmap),
            (_, Subject::Submission) => json!(self.submission),
            (_, Subject::Open | Subject::Course | Subject::Appointment) => return None,
        };
        let mut action = String::new();
        for letter in case.mutation.chars() {
            if letter.is_ascii_uppercase() {
                action.push('_');
            }
            action.push(letter.to_ascii_uppercase());
        }
        let answer = viewer.client.run("MayI", json!({ "action": action, "on": on })).await;
        if viewer.client.person.is_none() {
            assert_eq!(answer.at("viewer"), &Value::Null);
            return Some(false);
        }
        answer.at("viewer.can.allowed").as_bool()
    }

    fn next(&self) -> u32 {
        *self.serial.borrow_mut() += 1;
        *self.serial.borrow()
    }

    /// A version as the coordinator of all reads it.
    async fn version(&self, kind: &str, id: &str) -> i64 {
        let document = format!("query ($id: ID!) {{ found: {kind}(id: $id) {{ version }} }}");
        let seen = self.class.coordinator.query(&document, json!({ "id": id })).await;
        seen.number("found.version")
    }

    /// The charge of the team that the tutor in reserve has, if any.
    async fn charge(&self) -> Option<String> {
        let seen = self
            .class
            .coordinator
            .run("SeeTeam", json!({ "id": self.class.team }))
            .await;
        let tutors = seen.at("team.tutors").as_array().expect("a list").clone();
        let reserve = id_of(&self.reserve);
        let own = tutors.iter().find(|tutor| tutor["person"]["id"] == reserve.as_str());
        own.map(|tutor| tutor["id"].as_str().expect("an id").to_owned())
    }

    /// What is sent, after everything that it needs was made ready.
    #[allow(clippy::too_many_lines, reason = "one arm a mutation")]
    async fn input(&self, mutation: &str, viewer: &Viewer<'_>, states: States) -> Value {
        let class = &self.class;
        let carla = &class.coordinator;
        let work = json!({ "submissionId": self.submission });
        match mutation {
            "startReview" | "requestRevision" | "gradeSubmission" | "submitWork" => {
                let mut input = work;
                input["version"] = json!(self.version("submission", &self.submission).await);
                match mutation {
                    "requestRevision" => input["comment"] = json!("More"),
                    "gradeSubmission" => input["scores"] = scores(1, 1),
                    _ => {}
                }
                input
            }
            "releaseGrades" | "finalizeGrades" => {
                json!({ "submissions": as_seen(carla, json!([self.submission])).await })
            }
            "overrideGrade" | "reopenReview" => {
                let version = self.version("submission", &self.submission).await;
                let mut input = json!({ "submissionId": self.submission, "version": version, "reason": "An appeal" });
                if mutation == "overrideGrade" {
                    input["value"] = json!("70");
                }
                input
            }
            "saveDraft" => {
                let own = viewer
                    .client
                    .run("EditionDeliverables", json!({ "editionId": class.edition }))
                    .await;
                let asked = own.json["data"]["edition"]["deliverables"]
                    .as_array()
                    .cloned()
                    .unwrap_or_default();
                let roadmap = asked.iter().find(|asked| asked["id"] == class.roadmap.as_str());
                let mine = roadmap.map(|asked| asked["mySubmission"].clone()).unwrap_or_default();
                let version = if mine["id"] == self.submission.as_str() {
                    json!(self.version("submission", &self.submission).await)
                } else {
                    mine["version"].clone()
                };
                json!({ "deliverableId": class.roadmap, "title": "Ours", "body": "In a year.", "version": version })
            }
            "withdrawEnrolment" | "decideEnrolment" => {
                let version = self.version("enrolment", &class.enrolments[0]).await;
                let mut input = json!({ "enrolmentId": class.enrolments[0], "version": version, "reason": "So" });
                if mutation == "decideEnrolment" {
                    input["decision"] = json!(decision(states.enrolment));
                }
                input
            }
            "decideEnrolments" => json!({
                "editionId": class.edition, "enrolments": as_seen(carla, json!([class.enrolments[0]])).await,
                "reason": "So", "decision": decision(states.enrolment),
            }),
            "decideCompletion" => json!({ "enrolments": as_seen(carla, json!([class.enrolments[0]])).await }),
            "decideCompletionLate" => {
                let version = self.version("enrolment", &class.enrolments[0]).await;
                json!({ "enrolmentId": class.enrolments[0], "version": version, "reason": "So" })
            }
            "createCourse" => json!({ "course": course(&format!("N-{}", self.next())) }),
            "updateCourse" => json!({
                "courseId": self.course, "version": self.version("course", &self.course).await,
                "course": course("C-DEMO-2026"),
            }),
            "createEdition" => {
                let mut planned = edition_input(Plan::OPEN);
                planned["code"] = json!(format!("E-{}", self.next()));
                json!({ "courseId": self.course, "edition": planned })
            }
            "copyEdition" => {
                let code = format!("E-{}", self.next());
                json!({ "editionId": class.edition, "code": code, "startsOn": "2027-04-06" })
            }
            "updateEdition" | "moveEdition" => {
                let version = self.version("edition", &class.edition).await;
                if mutation == "updateEdition" {
                    return json!({ "editionId": class.edition, "version": version, "edition": edition_input(Plan::OPEN) });
                }
                let to = states.edition.next().first().copied().unwrap_or(EditionState::Draft);
                let to = to.word().to_uppercase();
                json!({ "editionId": class.edition, "version": version, "to": to, "reason": "So" })
            }
            "createDeliverable" => roadmap_input(&class.edition),
            "updateDeliverable" => json!({
                "deliverableId": self.project, "version": self.version("deliverable", &self.project).await, "weight": 3,
            }),
            "createTeam" => json!({ "editionId": class.edition, "name": format!("Team {}", self.next()) }),
            "updateTeam" => json!({ "teamId": class.team, "version": self.version("team", &class.team).await }),
            "allocateTutor" => {
                if let Some(charge) = self.charge().await {
                    act(carla, "EndAllocation", json!({ "allocationId": charge })).await;
                }
                json!({ "teamIds": [class.team], "personId": id_of(&self.reserve) })
            }
            "endAllocation" => {
                if self.charge().await.is_none() {
                    class.allocate(&class.team, &self.reserve).await;
                }
                json!({ "allocationId": self.charge().await })
            }
            "grantRole" | "revokeRole" => {
                let input = json!({ "personId": id_of(&self.appointed), "role": "TUTOR", "scopeId": class.edition });
                let held = self.appointment.borrow().clone();
                let id = match held {
                    Some(id) => id,
                    None => act(carla, "GrantRole", input.clone())
                        .await
                        .text("grantRole.roleAssignment.id"),
                };
                if mutation == "grantRole" {
                    // Who was tutor here is somebody whom its coordinators see.
                    act(carla, "RevokeRole", json!({ "roleAssignmentId": id })).await;
                    *self.appointment.borrow_mut() = None;
                    return input;
                }
                *self.appointment.borrow_mut() = Some(id.clone());
                json!({ "roleAssignmentId": id })
            }
            "inviteToEdition" => {
                let mut input = self.guest();
                input["editionId"] = json!(class.edition);
                input
            }
            "inviteToRole" => self.guest_as_tutor(),
            "withdrawInvitation" | "resendInvitation" => {
                let made = act(carla, "InviteToRole", self.guest_as_tutor()).await;
                let id = made.text("inviteToRole.invitation.id");
                self.age(&id).await;
                json!({ "invitationId": id, "version": 1 })
            }
            "createInstitution" => {
                json!({ "name": format!("Institution {}", self.next()), "country": "UY", "kind": "OTHER" })
            }
            "updateInstitution" => {
                let all = "{ institutions(first: 10) { nodes { id version } } }";
                let seen = carla.query(all, json!({})).await;
                let rows = seen.at("institutions.nodes").as_array().expect("a list").clone();
                let id = self.institution.to_string();
                let row = rows
                    .iter()
                    .find(|row| row["id"] == id.as_str())
                    .expect("the institution");
                json!({
                    "institutionId": id, "version": row["version"], "name": "INEFOP", "country": "UY", "kind": "OTHER",
                })
            }
            "disableAccount" | "enableAccount" => {
                let input = json!({ "personId": id_of(&self.appointed), "reason": "So" });
                // The other way first, so that there is something to do.
                let before = if mutation == "disableAccount" {
                    "EnableAccount"
                } else {
                    "DisableAccount"
                };
                let of_all = |viewer: &&Viewer<'_>| viewer.holds(Role::Administrator);
                let administrator = self.viewers.iter().find(of_all).expect("an administrator");
                act(&administrator.client, before, input.clone()).await;
                input
            }
            "applyToEdition" => json!({ "editionId": class.edition }),
            "exportEnrolments" => json!({ "editionId": class.edition, "reason": "The annual report" }),
            other => panic!("{other} has no input: give it one, and a case"),
        }
    }

    /// Somebody who was not invited before.
    fn guest(&self) -> Value {
        let email = format!("guest{}@example.org", self.next());
        json!({ "email": email, "givenName": "Gina", "familyName": "Guest", "language": "ES" })
    }

    fn guest_as_tutor(&self) -> Value {
        let mut input = self.guest();
        input["role"] = json!("TUTOR");
        input["scopeId"] = json!(self.class.edition);
        input
    }

    /// Lets an invitation have been sent twenty minutes ago.
    async fn age(&self, id: &str) {
        let id: InvitationId = id.parse().expect("an invitation");
        let tx = self.test.app.db.write().await.expect("a transaction");
        let before = self.test.now() - TimeDelta::minutes(20);
        invitation::Entity::update_many()
            .col_expr(invitation::Column::CreatedAt, Expr::value(before))
            .filter(invitation::Column::Id.eq(id))
            .exec(&tx)
            .await
            .expect("an invitation");
        tx.commit().await.expect("a commit");
    }

    /// The token of an invitation to be tutor, for this address.
    pub async fn invite(&self, email: &str) -> String {
        let mut input = self.guest_as_tutor();
        input["email"] = json!(email);
        let made = act(&self.class.coordinator, "InviteToRole", input).await;
        assert_eq!(made.user_errors("inviteToRole"), [""; 0]);
        let mail = self.test.mails().await.pop().expect("a message");
        let at = mail.text.find("otk_").expect("a token");
        mail.text[at..].split_whitespace().next().expect("a token").to_owned()
    }

    /// What an allowed operation left that the next cell has to know.
    fn keep(&self, mutation: &str, answer: &Answer) {
        match mutation {
            "grantRole" => *self.appointment.borrow_mut() = Some(answer.text("grantRole.roleAssignment.id")),
            "revokeRole" => *self.appointment.borrow_mut() = None,
            _ => {}
        }
    }
}

fn decision(state: EnrolmentState) -> &'static str {
    match state {
        EnrolmentState::Applied | EnrolmentState::UnderReview => "REJECT",
        EnrolmentState::Waitlisted => "CANCEL",
        _ => "EXCLUDE",
    }
}

fn course(code: &str) -> Value {
    json!({ "code": code, "titles": [{ "language": "ES", "text": "Curso" }] })
}

/// An action that the files are read as denying to a role, to see whether the run would notice.
type Hole = Option<(Action, Role)>;

/// What the files say comes of it.
fn expected(case: Case, viewer: &Viewer<'_>, states: States, hole: Hole) -> Outcome {
    let enrolment = Relation {
        assigned: viewer.enrolment.assigned && belongs(states.enrolment),
        institution: viewer.enrolment.institution && states.enrolment.keeps_nomination(),
        ..viewer.enrolment
    };
    let to_edition = Relation {
        edition: viewer.edition,
        // Whoever applies does so for themself.
        own: viewer.client.person.is_some(),
        ..Relation::NONE
    };
    let relation = match case.subject {
        Subject::Open => Relation::NONE,
        Subject::Course => Relation {
            edition: viewer.course,
            ..Relation::NONE
        },
        Subject::Edition | Subject::Appointment => to_edition,
        Subject::Enrolment => enrolment,
        Subject::Team | Subject::Submission => viewer.team,
        Subject::Deliverable => viewer.deliverable,
    };
    let actor = viewer.actor();
    let holed = |action: Action| hole.is_some_and(|(holed, role)| holed == action && viewer.holds(role));
    let may = |action: Action| verdict(&actor, action, relation) == Verdict::Allowed && !holed(action);
    let published = states.edition.is_published();
    let seen = match case.subject {
        Subject::Open | Subject::Course => true,
        Subject::Edition => {
            let of_role = ["grantRole", "inviteToRole"].contains(&case.mutation);
            let appoints = of_role && viewer.holds(Role::Administrator);
            (published && may(Action::BrowseCatalogue)) || may(Action::SeeUnpublished) || appoints
        }
        Subject::Enrolment => may(Action::SeeEnrolment),
        Subject::Team => may(Action::SeeTeam),
        Subject::Submission => may(Action::ReadSubmission),
        Subject::Deliverable => viewer.inside,
        Subject::Appointment => false,
    };
    if !case.actions.iter().any(|&action| may(action)) || (case.subject == Subject::Edition && !seen) {
        return match viewer.client.person {
            None => Outcome::Unauthenticated,
            Some(_) if seen => Outcome::Forbidden,
            Some(_) => Outcome::NotFound,
        };
    }
    if case.not_own && (relation.own || relation.team) {
        return Outcome::OwnWork;
    }
    let answers_alone = case.mutation == "saveDraft" && !viewer.team.team;
    let takes = |kind| states::takes(case.mutation, kind, states.word(kind));
    let taken = takes(Kind::Edition) && takes(Kind::Enrolment) && (answers_alone || takes(Kind::Submission));
    if taken { Outcome::Allowed } else { Outcome::State }
}

/// With which enrolments one belongs to a team.
fn belongs(state: EnrolmentState) -> bool {
    state.takes_part() || matches!(state, EnrolmentState::Completed | EnrolmentState::NotCompleted)
}

/// How many cells came out how, and those that were not as the files say.
#[derive(Default)]
struct Tally {
    counts: BTreeMap<&'static str, usize>,
    mismatches: Vec<String>,
}

impl Tally {
    fn count(&mut self, outcome: &Outcome) {
        let word = match outcome {
            Outcome::Allowed => "allowed",
            Outcome::State => "refused by state",
            Outcome::OwnWork => "refused as own work",
            Outcome::Forbidden => "forbidden",
            Outcome::NotFound => "absent",
            Outcome::Unauthenticated => "unauthenticated",
            Outcome::Other(_) => "other",
        };
        *self.counts.entry(word).or_default() += 1;
    }

    fn report(self, what: &str) {
        let cells: usize = self.counts.values().sum();
        eprintln!(
            "matrix, {what}: {cells} cells, {:?}, {} mismatches",
            self.counts,
            self.mismatches.len()
        );
        assert!(cells > 0 && self.mismatches.is_empty(), "{:#?}", self.mismatches);
    }
}

async fn run(world: &World<'_>, cases: &[Case], hole: Hole) -> Tally {
    let mut tally = Tally::default();
    for &case in cases {
        let operation = of_mutation(case.mutation);
        for states in states_of(case) {
            world.set(states, case.tutors_release).await;
            for viewer in &world.viewers {
                let input = world.input(case.mutation, viewer, states).await;
                let permission = world.permission(case, viewer).await;
                let answer = act(&viewer.client, &operation, input).await;
                let actual = outcome(&answer, case.mutation);
                let said = expected(case, viewer, states, hole);
                // Nobody is told first whether there is such a thing, or that they have to sign in.
                let alike = viewer.client.person.is_none() && actual == Outcome::NotFound;
                tally.count(&actual);
                if actual != said && !(alike && said == Outcome::Unauthenticated) {
                    let who = viewer.name;
                    tally.mismatches.push(format!(
                        "{} by {who} in {states:?}: {actual:?}, the files say {said:?}",
                        case.mutation
                    ));
                }
                let done = actual == Outcome::Allowed && answer.user_errors(case.mutation).is_empty();
                if permission.is_some_and(|allowed| allowed != done) {
                    let who = viewer.name;
                    tally.mismatches.push(format!(
                        "can {} by {who} in {states:?}: {permission:?}, but {actual:?}",
                        case.mutation
                    ));
                }
                if actual == Outcome::Allowed {
                    world.keep(case.mutation, &answer);
                    world.set(states, case.tutors_release).await;
                }
            }
        }
    }
    tally
}

async fn through(cases: &[Case], what: &str) {
    let test = TestApp::new().await;
    let world = World::new(&test).await;
    run(&world, cases, None).await.report(what);
}

#[tokio::test]
async fn reviewing_is_as_the_files_say() {
    through(REVIEWING, "reviewing").await;
}

#[tokio::test]
async fn grading_is_as_the_files_say() {
    through(GRADING, "grading").await;
}

#[tokio::test]
async fn writing_is_as_the_files_say() {
    through(WRITING, "writing").await;
}

#[tokio::test]
async fn enrolling_is_as_the_files_say() {
    through(ENROLLING, "enrolling").await;
}

#[tokio::test]
async fn planning_is_as_the_files_say() {
    through(PLANNING, "planning").await;
}

#[tokio::test]
async fn applying_is_as_the_files_say() {
    through(APPLYING, "applying").await;
}

#[tokio::test]
async fn a_hole_turns_the_run_red() {
    let test = TestApp::new().await;
    let world = World::new(&test).await;
    // The files read as if tutors might not assess: the program lets them, and that is found.
    let tally = run(&world, &REVIEWING[..1], Some((Action::Assess, Role::Tutor))).await;
    assert!(!tally.mismatches.is_empty(), "nothing was found");
    for found in &tally.mismatches {
        assert!(found.starts_with("startReview by the team's tutor"), "{found}");
    }
}

#[test]
fn every_mutation_has_its_row() {
    let run: BTreeSet<&str> = ALL
        .iter()
        .flat_map(|cases| cases.iter())
        .map(|case| case.mutation)
        .collect();
    let types = types();
    for field in fields(&types, "Mutation") {
        let name = field.name.node.as_str();
        let actions = listing::actions_of("Mutation", name).unwrap_or_default();
        // One's own account, and what brings its own proof, are gone through where they are tested.
        let own = actions
            .iter()
            .all(|action| [listing::CREDENTIALS, Action::ManageAccount.key()].contains(action));
        assert!(
            own != run.contains(name),
            "{name} answers to {actions:?}: it has to have a case here"
        );
    }
    for case in ALL.iter().flat_map(|cases| cases.iter()) {
        let listed = listing::actions_of("Mutation", case.mutation).unwrap_or_default();
        for action in case.actions {
            assert!(
                listed.contains(&action.key()),
                "{} does not answer to {}",
                case.mutation,
                action.key()
            );
        }
    }
}
