//! Scenes that many tests begin with: a course, an edition in some state, people in it. Made through the API.

use serde_json::{Value, json};

use super::app::{Answer, Client};

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

/// An edition that takes applications; returns its identifier.
pub async fn enrolling(coordinator: &Client<'_>, plan: Plan) -> String {
    let edition = draft(coordinator, plan).await.text("createEdition.edition.id");
    walk(coordinator, &edition, &["ANNOUNCED", "ENROLLING"]).await;
    edition
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
