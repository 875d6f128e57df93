//! Scenes that many tests begin with: a course, an edition in some state, people in it. Made through the API.

use std::sync::Arc;

use rumbo::domain::actor::{Role, Scope};
use rumbo::domain::id::EnrolmentId;
use rumbo::store::enrolment;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};
use uuid::Uuid;

use super::app::{Answer, Client, TestApp};

/// An edition as a test plans it.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub code: &'static str,
    pub capacity: Option<i64>,
    pub policy: &'static str,
}

impl Plan {
    /// An edition that anybody may enter, without a limit.
    pub const OPEN: Self = Self {
        code: "DEMO-2026",
        capacity: None,
        policy: "OPEN",
    };

    /// One beside it.
    pub const OTHER: Self = Self {
        code: "OTHER-2026",
        ..Self::OPEN
    };

    /// One that so many may enter.
    pub const fn of_seats(seats: i64) -> Self {
        Self {
            capacity: Some(seats),
            ..Self::OPEN
        }
    }

    /// The same, in which a coordinator decides who enters.
    pub const fn by_approval(self) -> Self {
        Self {
            policy: "APPROVAL",
            ..self
        }
    }
}

/// What an edition is planned to be; the clock of the tests stands inside its enrolment window.
pub fn edition_input(plan: Plan) -> Value {
    json!({
        "code": plan.code,
        "languages": ["ES", "PT"],
        "timeZone": "America/Montevideo",
        "startsOn": "2026-04-06",
        "endsOn": "2026-07-31",
        "enrolsFrom": "2026-03-01T00:00:00-03:00",
        "enrolsUntil": "2026-04-01T23:59:59-03:00",
        "capacity": plan.capacity,
        "minimum": 0,
        "modality": "ONLINE",
        "policy": plan.policy,
        "passMark": "60",
    })
}

/// A course with one edition, still a draft; returns the answer of `CreateEdition`.
pub async fn draft(coordinator: &Client<'_>, plan: Plan) -> Answer {
    let course = json!({
        "code": format!("C-{}", plan.code),
        "titles": [{ "language": "ES", "text": "Formación profesional digital" }, { "language": "EN", "text": "Digital training" }],
        "descriptions": [{ "language": "ES", "text": "Datos y brechas de habilidades" }],
        "topics": ["big data"],
    });
    let made = coordinator
        .run("CreateCourse", json!({ "input": { "course": course } }))
        .await;
    let input = json!({ "courseId": made.text("createCourse.course.id"), "edition": edition_input(plan) });
    coordinator.run("CreateEdition", json!({ "input": input })).await
}

/// Takes an edition through states, one after the other.
pub async fn walk(coordinator: &Client<'_>, edition: &str, states: &[&str]) {
    for state in states {
        let seen = coordinator.run("SeeEdition", json!({ "id": edition })).await;
        let input = json!({ "editionId": edition, "version": seen.number("edition.version"), "to": state });
        let moved = coordinator.run("MoveEdition", json!({ "input": input })).await;
        assert_eq!(moved.text("moveEdition.edition.state"), *state);
    }
}

/// Cancels an edition as it now stands.
pub async fn cancel(coordinator: &Client<'_>, edition: &str, reason: &str) {
    let seen = coordinator.run("SeeEdition", json!({ "id": edition })).await;
    let version = seen.number("edition.version");
    let input = json!({ "editionId": edition, "version": version, "to": "CANCELLED", "reason": reason });
    let moved = done(coordinator, "MoveEdition", input).await;
    assert_eq!(moved.text("moveEdition.edition.state"), "CANCELLED");
}

/// An edition that takes applications; returns its identifier.
pub async fn enrolling(coordinator: &Client<'_>, plan: Plan) -> String {
    let edition = draft(coordinator, plan).await.text("createEdition.edition.id");
    walk(coordinator, &edition, &["ANNOUNCED", "ENROLLING"]).await;
    edition
}

/// An edition as the place of a role.
pub fn at(edition: &str) -> Scope {
    Scope::Edition(edition.parse().expect("an edition"))
}

/// Applies, and returns the enrolment's identifier and state.
pub async fn apply(participant: &Client<'_>, edition: &str) -> (String, String) {
    let answer = participant
        .run("ApplyToEdition", json!({ "input": { "editionId": edition } }))
        .await;
    (
        answer.text("applyToEdition.enrolment.id"),
        answer.text("applyToEdition.enrolment.state"),
    )
}

/// The present version of an enrolment.
pub async fn version(reader: &Client<'_>, enrolment: &str) -> i64 {
    let answer = reader
        .query(
            "query ($id: ID!) { enrolment(id: $id) { version } }",
            json!({ "id": enrolment }),
        )
        .await;
    answer.number("enrolment.version")
}

/// Things as they are sent in a list: each with the version that the reader sees, or with 1.
pub async fn as_seen(reader: &Client<'_>, ids: Value) -> Value {
    // Each under a name of its own: some may be null, others not.
    let document = "query ($id: ID!) { node(id: $id) {
        ... on Course { course: version } ... on Deliverable { deliverable: version }
        ... on Edition { edition: version } ... on Enrolment { enrolment: version }
        ... on Institution { institution: version } ... on Person { person: version }
        ... on Submission { submission: version } ... on Team { team: version }
    } }";
    let mut list = Vec::new();
    for id in ids.as_array().expect("a list") {
        let answer = reader.query(document, json!({ "id": id })).await;
        let found = answer.json["data"]["node"].as_object();
        let version = found.and_then(|node| node.values().find_map(Value::as_i64));
        list.push(json!({ "id": id, "version": version.unwrap_or(1) }));
    }
    Value::from(list)
}

/// The present state of an enrolment.
pub async fn state(reader: &Client<'_>, enrolment: &str) -> String {
    let answer = reader
        .query(
            "query ($id: ID!) { enrolment(id: $id) { state } }",
            json!({ "id": enrolment }),
        )
        .await;
    answer.text("enrolment.state")
}

/// Executes a committed mutation with this input.
pub async fn act(client: &Client<'_>, operation: &str, input: Value) -> Answer {
    client.run(operation, json!({ "input": input })).await
}

/// The same, in which nothing is to be put right.
pub async fn done(client: &Client<'_>, operation: &str, input: Value) -> Answer {
    let answer = act(client, operation, input).await;
    assert_eq!(answer.user_errors(&field_of(operation)), [""; 0], "{operation}");
    answer
}

/// The same: what is to be put right in it.
pub async fn faults(client: &Client<'_>, operation: &str, input: Value) -> Vec<String> {
    act(client, operation, input).await.user_errors(&field_of(operation))
}

/// Sends mutations at once, each from a task of its own, and waits for every answer.
pub async fn at_once(test: &Arc<TestApp>, all: Vec<(Client<'_>, &'static str, Value)>) -> Vec<Answer> {
    let mut tasks = Vec::new();
    for (client, operation, input) in all {
        let test = test.clone();
        let token = client.token().map(str::to_owned);
        tasks.push(tokio::spawn(async move {
            let client = test.bearer(token);
            act(&client, operation, input).await
        }));
    }
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.expect("a task that ends"));
    }
    answers
}

/// The same: what each was refused with, nothing for what was done.
pub async fn refused_at_once(test: &Arc<TestApp>, all: Vec<(Client<'_>, &'static str, Value)>) -> Vec<String> {
    let fields: Vec<String> = all.iter().map(|(_, operation, _)| field_of(operation)).collect();
    let answers = at_once(test, all).await;
    let refused = |(answer, field): (&Answer, &String)| answer.user_errors(field).first().cloned();
    let refusals = answers.iter().zip(&fields).map(refused);
    refusals.map(Option::unwrap_or_default).collect()
}

/// The field of a mutation that is called like its operation.
pub fn field_of(operation: &str) -> String {
    let (first, rest) = operation.split_at(1);
    first.to_lowercase() + rest
}

/// Changes the plan of an edition as it now stands.
pub async fn replan(coordinator: &Client<'_>, edition: &str, plan: Value) -> Answer {
    let seen = coordinator.run("SeeEdition", json!({ "id": edition })).await;
    let input = json!({ "editionId": edition, "version": seen.number("edition.version"), "edition": plan });
    act(coordinator, "UpdateEdition", input).await
}

/// Keeps seats of an edition for some, and returns the identifier of the pool.
pub async fn keep_seats(coordinator: &Client<'_>, edition: &str, seats: i64, kept_for: Value) -> String {
    let mut input = kept_for;
    input["editionId"] = json!(edition);
    input["seats"] = json!(seats);
    let made = done(coordinator, "CreateSeatPool", input).await;
    made.text("createSeatPool.seatPool.id")
}

/// Withdraws an enrolment of one's own.
pub async fn withdraw(person: &Client<'_>, enrolment: &str) {
    let input = json!({ "enrolmentId": enrolment, "version": version(person, enrolment).await });
    done(person, "WithdrawEnrolment", input).await;
}

/// A text in the languages of [`edition_input`].
pub fn both(text: &str) -> Value {
    json!([{ "language": "ES", "text": text }, { "language": "PT", "text": format!("{text} (pt)") }])
}

/// A question, with nothing that only some kinds want.
pub fn question(key: &str, kind: &str) -> Value {
    json!({
        "key": key, "kind": kind, "required": false, "label": both(&format!("What about {key}?")), "help": null,
        "choices": null, "least": null, "most": null,
    })
}

/// The next version of a form of which nothing is required; `version` is that of the present one.
pub fn form_input(edition: &str, version: i64) -> Value {
    let mut experience = question("experience", "ONE_CHOICE");
    experience["help"] = both("In years of work");
    experience["choices"] = json!([
        { "key": "none", "label": both("None") },
        { "key": "some", "label": both("Some") },
    ]);
    let photos = json!({
        "key": "photos", "required": false, "title": both("Photographs"), "text": both("They may show me."),
    });
    json!({
        "editionId": edition, "version": version, "questions": [question("why", "LONG_TEXT"), experience],
        "purposes": [photos],
    })
}

/// A rubric of two criteria with three levels each; 30 points can be reached.
pub fn rubric() -> Value {
    let levels = |points: [&str; 3]| {
        let level = |(title, points): (&str, &str)| json!({ "title": title, "points": points });
        ["Missing", "In part", "Convincing"]
            .into_iter()
            .zip(points)
            .map(level)
            .collect::<Vec<_>>()
    };
    json!([
        { "key": "context", "title": "Context", "description": "Whom it concerns", "levels": levels(["0", "5", "10"]) },
        { "key": "plan", "title": "Plan", "levels": levels(["0", "7.5", "20"]) },
    ])
}

/// A roadmap, due in June.
pub fn roadmap_input(edition: &str) -> Value {
    json!({
        "editionId": edition,
        "kind": "ROADMAP",
        "title": "Roadmap",
        "instructions": "What will your institution do?",
        "dueAt": "2026-06-01T23:59:00-03:00",
        "cutOffAt": "2026-06-08T23:59:00-03:00",
        "weight": 2,
        "rubric": rubric(),
    })
}

/// The level reached in each criterion of [`rubric`].
pub fn scores(context: i64, plan: i64) -> Value {
    json!([{ "criterion": "context", "level": context }, { "criterion": "plan", "level": plan }])
}

/// A running edition: its people, a team of the first two with its tutor, and a roadmap to hand in.
pub struct Class<'a> {
    pub test: &'a TestApp,
    pub coordinator: Client<'a>,
    /// Tutor of `team`.
    pub tutor: Client<'a>,
    pub people: Vec<Client<'a>>,
    /// Of `people`, one each.
    pub enrolments: Vec<String>,
    pub edition: String,
    /// Of the first two of `people`.
    pub team: String,
    /// The deliverable.
    pub roadmap: String,
}

impl<'a> Class<'a> {
    /// Begins one with a coordinator of its own.
    pub async fn of(test: &'a TestApp, names: &[&'static str]) -> Self {
        let coordinator = test.coordinator().await;
        Self::with(test, coordinator, Plan::OPEN, "Tina", names).await
    }

    /// Begins one that somebody coordinates.
    pub async fn with(
        test: &'a TestApp,
        coordinator: Client<'a>,
        plan: Plan,
        tutor: &'static str,
        names: &[&'static str],
    ) -> Self {
        let edition = enrolling(&coordinator, plan).await;
        let mut people = Vec::new();
        let mut enrolments = Vec::new();
        for name in names {
            let person = test.person(name).await;
            enrolments.push(apply(&person, &edition).await.0);
            people.push(person);
        }
        walk(&coordinator, &edition, &["ENROLMENT_CLOSED", "RUNNING"]).await;
        let asked = act(&coordinator, "CreateDeliverable", roadmap_input(&edition)).await;
        let mut class = Self {
            tutor: test.person(tutor).await,
            test,
            people,
            enrolments,
            team: String::new(),
            roadmap: asked.text("createDeliverable.deliverable.id"),
            coordinator,
            edition,
        };
        class.team = class.make_team("Ceibo", &class.enrolments[..2.min(names.len())]).await;
        class.allocate(&class.team, &class.tutor).await;
        drop(test.mails().await);
        class
    }

    /// One more team.
    pub async fn make_team(&self, name: &str, enrolments: &[String]) -> String {
        let input = json!({ "editionId": self.edition, "name": name, "enrolmentIds": enrolments });
        let made = act(&self.coordinator, "CreateTeam", input).await;
        made.text("createTeam.team.id")
    }

    /// Puts a team in somebody's charge.
    pub async fn allocate(&self, team: &str, tutor: &Client<'_>) {
        let answer = act(
            &self.coordinator,
            "AllocateTutor",
            json!({ "teamIds": [team], "personId": id_of(tutor) }),
        )
        .await;
        assert_eq!(answer.user_errors("allocateTutor"), [""; 0]);
    }

    /// Somebody who is tutor of the edition and has no team.
    pub async fn idle_tutor(&self, name: &'static str) -> Client<'a> {
        let edition = self.edition.parse().expect("an identifier of an edition");
        self.test.holder(name, Role::Tutor, Scope::Edition(edition)).await
    }

    /// The version of a submission, as the coordinator sees it.
    pub async fn version(&self, submission: &str) -> i64 {
        let seen = self.coordinator.run("ReadVersions", json!({ "id": submission })).await;
        seen.number("submission.version")
    }

    /// Saves the roadmap's draft over the one that stands.
    pub async fn save(&self, author: &Client<'_>, body: &str) -> Answer {
        let seen = author
            .run("EditionDeliverables", json!({ "editionId": self.edition }))
            .await;
        let deliverables = seen.at("edition.deliverables").as_array().expect("a list").clone();
        let own = deliverables.iter().find(|asked| asked["id"] == self.roadmap.as_str());
        let version = own.expect("the roadmap")["mySubmission"]["version"].clone();
        let input = json!({
            "deliverableId": self.roadmap, "title": "Our roadmap", "body": body, "version": version,
        });
        act(author, "SaveDraft", input).await
    }

    /// Writes the roadmap and hands it in; returns the submission's identifier.
    pub async fn hand_in(&self, author: &Client<'_>, body: &str) -> String {
        let saved = self.save(author, body).await;
        let submission = saved.text("saveDraft.submission.id");
        let input = json!({ "submissionId": submission, "version": saved.number("saveDraft.submission.version") });
        let handed_in = act(author, "SubmitWork", input).await;
        assert_eq!(handed_in.text("submitWork.submission.state"), "SUBMITTED");
        submission
    }

    /// Gives work back with a comment.
    pub async fn give_back(&self, submission: &str, comment: &str) {
        let version = self.version(submission).await;
        let input = json!({ "submissionId": submission, "version": version, "comment": comment });
        let answer = act(&self.tutor, "RequestRevision", input).await;
        assert_eq!(answer.text("requestRevision.submission.state"), "REVISION_REQUESTED");
    }

    /// Grades work by its rubric.
    pub async fn grade(&self, assessor: &Client<'_>, submission: &str, scores: Value) {
        let version = self.version(submission).await;
        let input = json!({
            "submissionId": submission, "version": version, "scores": scores, "comment": "Convincing",
        });
        let answer = act(assessor, "GradeSubmission", input).await;
        assert_eq!(answer.text("gradeSubmission.submission.state"), "ASSESSED");
    }

    /// Releases grades.
    pub async fn release(&self, submissions: &[&str]) -> Answer {
        let seen = as_seen(&self.coordinator, json!(submissions)).await;
        act(&self.coordinator, "ReleaseGrades", json!({ "submissions": seen })).await
    }
}

/// The identifier of the person who sends requests.
pub fn id_of(client: &Client<'_>) -> String {
    client.person.expect("a person").to_string()
}

/// Changes the language in which somebody is written to and answered.
pub async fn speak(client: &Client<'_>, language: &str) {
    let input = json!({
        "givenName": "Somebody", "familyName": "Else", "language": language, "timeZone": "America/Montevideo",
        "version": 1,
    });
    let answer = act(client, "UpdateProfile", input).await;
    assert_eq!(answer.user_errors("updateProfile"), [""; 0]);
}

/// Lets an institution have nominated somebody, without the journey that leads there.
pub async fn nominate(test: &TestApp, enrolment: &str, institution: Uuid) {
    let id: EnrolmentId = enrolment.parse().expect("an enrolment");
    let tx = test.app.db.write().await.expect("a transaction");
    let changed = enrolment::Entity::update_many()
        .col_expr(enrolment::Column::NominatedBy, Expr::value(institution))
        .filter(enrolment::Column::Id.eq(id))
        .exec(&tx)
        .await
        .expect("an update");
    assert_eq!(changed.rows_affected, 1);
    tx.commit().await.expect("a commit");
}
