//! The scene, and how it is put into a state.

use std::cell::RefCell;

use chrono::TimeDelta;
use rumbo::domain::actor::{Grant, Role, Scope};
use rumbo::domain::audit::Via;
use rumbo::domain::edition::EditionState;
use rumbo::domain::enrolment::EnrolmentState;
use rumbo::domain::id::{
    ApplicationFormId, ApplicationId, ConsentId, EditionId, EnrolmentId, InstitutionId, InvitationId, SeatPoolId,
    SubmissionId,
};
use rumbo::domain::institution::{InstitutionKind, InstitutionState};
use rumbo::domain::invitation::{InvitationState, Purpose};
use rumbo::domain::language::Language;
use rumbo::domain::nomination::NominationState;
use rumbo::domain::policy::Relation;
use rumbo::domain::seats::{KeptFor, PoolDraft};
use rumbo::domain::text::Country;
use rumbo::store::enrolment::decision;
use rumbo::store::history::{self, Step};
use rumbo::store::{edition, enrolment, form, institution, invitation, seat_pool, submission};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};

use super::cases::{ALL, Case, States, Subject, states_of};
use super::people::{ASSIGNED, INSTITUTION, TEAM, Viewer};
use crate::support::app::{Answer, Client, TestApp};
use crate::support::letter::token_of;
use crate::support::scene::{
    Class, Plan, act, as_seen, at, done, edition_input, id_of, nominate, roadmap_input, scores, walk,
};

/// One edition with two teams, another edition, and somebody for every role and way of standing to Ana's things.
pub(crate) struct World<'a> {
    pub(super) test: &'a TestApp,
    pub class: Class<'a>,
    pub viewers: Vec<Viewer<'a>>,
    pub(super) submission: String,
    /// A deliverable to which nobody answers.
    pub(super) project: String,
    pub(super) course: String,
    /// Another edition of the course, which takes people, and which the coordinators of the first one coordinate, too.
    pub(super) target: String,
    pub(super) institution: InstitutionId,
    /// Tutor of the edition, in charge of no team.
    pub(super) reserve: Client<'a>,
    /// Who is appointed and dismissed.
    pub(super) appointed: Client<'a>,
    pub(super) appointment: RefCell<Option<String>>,
    pub(super) serial: RefCell<u32>,
}

impl<'a> World<'a> {
    #[allow(clippy::too_many_lines, reason = "everybody of the scene, one after the other")]
    pub async fn new(test: &'a TestApp) -> Self {
        let class = Box::pin(Class::of(test, &["Ana", "Ben", "Dora", "Cy"])).await;
        let here = Scope::Edition(class.edition.parse().expect("an edition"));
        let carla = class.coordinator.clone();
        let seen = carla.run("SeeTeam", json!({ "id": class.team })).await;
        let input = json!({
            "teamId": class.team, "version": seen.number("team.version"), "addEnrolmentIds": [class.enrolments[2]],
        });
        done(&carla, "UpdateTeam", input).await;
        let others = class.make_team("Tala", &class.enrolments[3..]).await;
        let tess = test.person("Tess").await;
        class.allocate(&others, &tess).await;
        let seen = carla.run("SeeEdition", json!({ "id": class.edition })).await;
        let course = seen.text("edition.course.id");
        let mut planned = edition_input(Plan::OPEN);
        planned["code"] = json!("T-2026");
        let planned = act(
            &carla,
            "CreateEdition",
            json!({ "courseId": course, "edition": planned }),
        )
        .await;
        let target = planned.text("createEdition.edition.id");
        walk(&carla, &target, &["ANNOUNCED", "ENROLLING"]).await;
        let beside = at(&target);
        let institution = test.institution("INEFOP", "UY").await;
        let other_institution = test.institution("SENA", "CO").await;
        nominate(test, &class.enrolments[0], institution.0).await;
        let plan = Plan {
            code: "B-2026",
            ..Plan::OPEN
        };
        let elsewhere = Box::pin(Class::with(test, carla.clone(), plan, "Tom", &["Otto"])).await;
        let there = Scope::Edition(elsewhere.edition.parse().expect("an edition"));
        let lars = test.person("Lars").await;
        let until = test.now() + TimeDelta::seconds(1);
        let input = json!({ "personId": id_of(&lars), "role": "TUTOR", "scopeId": class.edition, "until": until });
        done(&carla, "GrantRole", input).await;
        class.allocate(&class.team, &lars).await;
        test.role_of(&lars, Role::Tutor, there).await;
        test.pass(TimeDelta::seconds(2));
        let dora = class.people[2].clone();
        let cora = test.holder("Cora", Role::Coordinator, here).await;
        for coordinator in [&cora, &dora] {
            test.role_of(coordinator, Role::Coordinator, beside).await;
        }
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
            over("the edition's coordinator", cora, scope(Role::Coordinator, here), false),
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
            target,
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
    pub(super) async fn set(&self, states: States, tutors_release: bool) {
        let tx = self.test.app.db.write().await.expect("a transaction");
        let id: EditionId = self.class.edition.parse().expect("an edition");
        edition::Entity::update_many()
            .col_expr(edition::Column::State, Expr::value(states.edition))
            .col_expr(edition::Column::Capacity, Expr::value(99_i64))
            .col_expr(edition::Column::TutorsRelease, Expr::value(tutors_release))
            .filter(edition::Column::Id.eq(id))
            .exec(&tx)
            .await
            .expect("an edition");
        seat_pool::Entity::delete_many().exec(&tx).await.expect("no pools");
        let id: EnrolmentId = self.class.enrolments[0].parse().expect("an enrolment");
        // A seat is offered to whoever waits.
        let waits = states.enrolment == EnrolmentState::Waitlisted;
        let until = waits.then(|| self.test.now() + TimeDelta::hours(1));
        let released = i64::from(states.submission.shows_grade());
        enrolment::Entity::update_many()
            .col_expr(enrolment::Column::State, Expr::value(states.enrolment))
            .col_expr(enrolment::Column::OfferedUntil, Expr::value(until))
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

    /// Lets the edition take applications, and leaves everything else as it is.
    pub async fn let_enrol(&self) {
        let tx = self.test.app.db.write().await.expect("a transaction");
        let id: EditionId = self.class.edition.parse().expect("an edition");
        edition::Entity::update_many()
            .col_expr(edition::Column::State, Expr::value(EditionState::Enrolling))
            .filter(edition::Column::Id.eq(id))
            .exec(&tx)
            .await
            .expect("an edition");
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
        done(&self.class.coordinator, "DecideCompletion", input).await;
        let tx = self.test.app.db.write().await.expect("a transaction");
        let id: EnrolmentId = self.class.enrolments[0].parse().expect("an enrolment");
        enrolment::Entity::update_many()
            .col_expr(enrolment::Column::InstitutionId, Expr::value(self.institution.0))
            .col_expr(enrolment::Column::WaitingRank, Expr::value(1_i64))
            .col_expr(enrolment::Column::Score, Expr::value(80_000_i64))
            .filter(enrolment::Column::Id.eq(id))
            .exec(&tx)
            .await
            .expect("an enrolment");
        tx.commit().await.expect("a commit");
        self.answer(id).await;
    }

    /// Lets somebody have answered a form as they applied, and consented to something.
    async fn answer(&self, enrolment: EnrolmentId) {
        let clock = &self.test.app.clock;
        let asked = ApplicationFormId(clock.new_id());
        let tx = self.test.app.db.write().await.expect("a transaction");
        let version = form::Model {
            id: asked,
            edition_id: self.class.edition.parse().expect("an edition"),
            number: 1,
            content: json!({ "questions": [], "purposes": [] }),
            published_at: clock.now(),
            published_by: None,
        };
        form::publish(&tx, version).await.expect("a form");
        let answered = form::application::Model {
            id: ApplicationId(clock.new_id()),
            enrolment_id: enrolment,
            form_id: asked,
            language: Language::Es,
            answers: json!([]),
            given_at: clock.now(),
        };
        form::application::insert(&tx, answered).await.expect("an application");
        let said = form::consent::Model {
            id: ConsentId(clock.new_id()),
            enrolment_id: enrolment,
            person_id: self.class.people[0].person.expect("a person"),
            form_id: asked,
            purpose: "photos".to_owned(),
            text_version: 1,
            language: Language::Es,
            given: true,
            required: false,
            via: Via::Session,
            stated_at: clock.now(),
        };
        form::consent::insert(&tx, vec![said]).await.expect("a consent");
        tx.commit().await.expect("a commit");
    }

    /// What `can` says before the operation is tried; `None` where it has no question for it.
    pub(super) async fn permission(&self, case: Case, viewer: &Viewer<'_>) -> Option<bool> {
        let class = &self.class;
        let institution = self.institution.to_string();
        let on = match (case.mutation, case.subject) {
            // The ability is about the edition, the row of the run about one enrolment in it, or there is none.
            ("revokeRole" | "decideEnrolments" | "nominate" | "importNominations", _) => return None,
            ("createCourse" | "createInstitution" | "proposeInstitution" | "importPeople" | "exportList", _) => {
                Value::Null
            }
            ("updateCourse" | "createEdition", _) => json!(self.course),
            ("updateInstitution", _) => json!(institution),
            ("updateDeliverable", _) => json!(self.project),
            ("copyEdition" | "changeSeatPool" | "removeSeatPool", _) | (_, Subject::Edition) => json!(class.edition),
            (_, Subject::Enrolment) => json!(class.enrolments[0]),
            (_, Subject::Team) => json!(class.team),
            (_, Subject::Deliverable) => json!(class.roadmap),
            (_, Subject::Submission) => json!(self.submission),
            (_, Subject::Open | Subject::Course | Subject::Appointment | Subject::Nomination) => return None,
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

    pub(super) fn next(&self) -> u32 {
        *self.serial.borrow_mut() += 1;
        *self.serial.borrow()
    }

    /// Lets the present state of Ana's enrolment, at this version, be what somebody decided.
    pub(super) async fn decided(&self, state: EnrolmentState, version: i64) {
        let from_state = if state.takes_part() || state == EnrolmentState::Excluded {
            // She had a team before.
            EnrolmentState::Confirmed
        } else {
            EnrolmentState::Applied
        };
        let row = decision::Model {
            enrolment_id: self.class.enrolments[0].parse().expect("an enrolment"),
            from_state,
            version,
            decided_at: self.test.now(),
            decided_by: self.class.coordinator.person.expect("a person"),
        };
        let tx = self.test.app.db.write().await.expect("a transaction");
        decision::keep(&tx, &[row]).await.expect("a decision");
        tx.commit().await.expect("a commit");
    }

    /// The version of the criteria by which applications to the edition are scored, 0 for none.
    pub(super) async fn criteria(&self) -> i64 {
        let document = "query ($id: ID!) { edition(id: $id) { admissionCriteria { version } } }";
        let seen = self
            .class
            .coordinator
            .query(document, json!({ "id": self.class.edition }))
            .await;
        seen.at("edition.admissionCriteria")["version"].as_i64().unwrap_or(0)
    }

    /// Nobody is in the other edition of the course any more.
    pub(super) async fn empty_target(&self) {
        let tx = self.test.app.db.write().await.expect("a transaction");
        let id: EditionId = self.target.parse().expect("an edition");
        enrolment::Entity::update_many()
            .col_expr(enrolment::Column::State, Expr::value(EnrolmentState::Cancelled))
            .filter(enrolment::Column::EditionId.eq(id))
            .exec(&tx)
            .await
            .expect("enrolments");
        tx.commit().await.expect("a commit");
    }

    /// A version as the coordinator of all reads it.
    pub(super) async fn version(&self, kind: &str, id: &str) -> i64 {
        let document = format!("query ($id: ID!) {{ found: {kind}(id: $id) {{ version }} }}");
        let seen = self.class.coordinator.query(&document, json!({ "id": id })).await;
        seen.number("found.version")
    }

    /// The version of the edition's form, 0 without one, and that of the text of its purpose.
    pub(super) async fn form(&self) -> (i64, i64) {
        let document = "query ($id: ID!) {
            edition(id: $id) { applicationForm { version purposes { textVersion } } }
        }";
        let variables = json!({ "id": self.class.edition });
        let seen = self.class.coordinator.query(document, variables).await;
        let form = seen.at("edition.applicationForm");
        let number = |pointer: &str| form.pointer(pointer).and_then(Value::as_i64).unwrap_or_default();
        (number("/version"), number("/purposes/0/textVersion"))
    }

    /// The charge of the team that the tutor in reserve has, if any.
    pub(super) async fn charge(&self) -> Option<String> {
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

    /// Lets an invitation have been sent twenty minutes ago.
    pub(super) async fn age(&self, id: &str) {
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

    /// A new pool of the edition, whatever state the edition is in, and no other.
    pub(super) async fn pool(&self) -> String {
        let tx = self.test.app.db.write().await.expect("a transaction");
        seat_pool::Entity::delete_many().exec(&tx).await.expect("no pools");
        let id = SeatPoolId(self.test.app.clock.new_id());
        let draft = PoolDraft {
            seats: 2,
            releases_at: None,
            overflow: false,
        };
        let kept_for = KeptFor::Country(Country::parse("BR").expect("a country"));
        let edition = self.class.edition.parse().expect("an edition");
        let row = seat_pool::Model::new(id, edition, &kept_for, draft, self.test.now());
        seat_pool::insert(&tx, row, "country").await.expect("a pool");
        tx.commit().await.expect("a commit");
        id.to_string()
    }

    /// A new nomination by Ana's institution, whatever state the edition is in, and no other. It stands so; one that is
    /// there to be endorsed was written by somebody who is focal point no more.
    pub(super) async fn nomination(&self, stands: NominationState, to_endorse: bool) -> String {
        let row = self.nomination_row(stands, to_endorse);
        let id = row.id;
        let step = |from, to| Step {
            subject: id.into(),
            from,
            to,
            at: row.created_at,
            actor: Some(row.invited_by),
            reason: None,
        };
        let first = InvitationState::Sent.word();
        let mut steps = vec![step(None, first)];
        let now = if stands == NominationState::Endorsed {
            stands.word()
        } else {
            row.state.word()
        };
        if now != first {
            steps.push(step(Some(first), now));
        }
        let tx = self.test.app.db.write().await.expect("a transaction");
        invitation::Entity::delete_many()
            .filter(invitation::Column::InstitutionId.is_not_null())
            .exec(&tx)
            .await
            .expect("no nominations");
        invitation::insert(&tx, row).await.expect("a nomination");
        let recorded = history::record(&tx, &self.test.app.clock, &steps).await;
        recorded.expect("its steps");
        tx.commit().await.expect("a commit");
        id.to_string()
    }

    /// The row of a nomination that stands so, as the program leaves it.
    fn nomination_row(&self, stands: NominationState, to_endorse: bool) -> invitation::Model {
        let flor = self.viewers.iter().find(|viewer| viewer.enrolment.institution);
        let flor = flor.and_then(|viewer| viewer.client.person).expect("a focal point");
        let earlier = self.class.coordinator.person.expect("a person");
        let (id, now) = (InvitationId(self.test.app.clock.new_id()), self.test.now());
        let edition: EditionId = self.class.edition.parse().expect("an edition");
        let state = stands.of_invitation();
        let (invited_by, colleague) = if to_endorse { (earlier, flor) } else { (flor, earlier) };
        let endorsed = stands == NominationState::Endorsed;
        let accepted = stands == NominationState::Accepted;
        // What has expired was made more than a week ago.
        let created_at = if stands == NominationState::Expired {
            now - TimeDelta::days(8)
        } else {
            now
        };
        invitation::Model {
            id,
            hash: id.0.as_bytes().to_vec(),
            email: format!("nominee{}@example.org", self.next()),
            given_name: "Nora".to_owned(),
            family_name: "Nominee".to_owned(),
            language: Language::Es,
            purpose: Purpose::TakePart,
            role: None,
            scope_kind: "edition".to_owned(),
            scope_id: Some(edition.0),
            state,
            invited_by,
            created_at,
            expires_at: created_at + TimeDelta::days(7),
            person_id: self.class.people[0].person.filter(|_| accepted),
            version: 1,
            ended_at: (state != InvitationState::Sent).then_some(now),
            blanked_at: None,
            institution_id: Some(self.institution),
            nominee_rank: Some(1),
            substitutes: None,
            remind_at: None,
            enrolment_id: accepted.then(|| self.class.enrolments[0].parse().expect("an enrolment")),
            awaits_endorsement: to_endorse && stands == NominationState::Submitted,
            endorsed_by: endorsed.then_some(colleague),
            endorsed_at: endorsed.then_some(now),
        }
    }

    /// An institution that somebody proposed, and that stands so by now.
    pub(super) async fn proposal(&self, state: InstitutionState) -> String {
        let merged = state == InstitutionState::Merged;
        let name = format!("Missing {}", self.next());
        let row = institution::Model {
            id: InstitutionId(self.test.app.clock.new_id()),
            code: None,
            aliases: json!([]),
            country: "UY".to_owned(),
            kind: InstitutionKind::Other,
            merged_into: merged.then_some(self.institution),
            created_at: self.test.now(),
            version: 1,
            name_key: name.to_lowercase(),
            search_text: name.to_lowercase(),
            name,
            // A refused one is a proposal with the instant of its refusal.
            state: if state == InstitutionState::Refused {
                InstitutionState::Proposed
            } else {
                state
            },
            proposed_by: self.appointed.person,
            merged_at: merged.then(|| self.test.now()),
            followed_at: None,
            refused_at: (state == InstitutionState::Refused).then(|| self.test.now()),
        };
        let tx = self.test.app.db.write().await.expect("a transaction");
        let row = institution::insert(&tx, row).await.expect("a proposal");
        tx.commit().await.expect("a commit");
        row.id.to_string()
    }

    /// The token of an invitation to be tutor, for this address.
    pub async fn invite(&self, email: &str) -> String {
        let mut input = self.guest_as_tutor();
        input["email"] = json!(email);
        done(&self.class.coordinator, "InviteToRole", input).await;
        token_of(&self.test.mails().await.pop().expect("a message"))
    }

    /// What an allowed operation left that the next cell has to know.
    pub(super) fn keep(&self, mutation: &str, answer: &Answer) {
        match mutation {
            "grantRole" => *self.appointment.borrow_mut() = Some(answer.text("grantRole.roleAssignment.id")),
            "revokeRole" => *self.appointment.borrow_mut() = None,
            _ => {}
        }
    }
}
