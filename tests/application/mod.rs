//! Applications: the form of an edition, what people answer to it, and to what they consent.

use serde_json::{Value, json};

use crate::support::app::{Client, TestApp};
use crate::support::rows;
use crate::support::scene::{Plan, both, done, enrolling, faults, form_input, question};

mod answer;
mod consent;
mod entry;
mod missing;
mod publishing;

/// A form with a question of every kind; `name` and consent to `data` are required.
fn asked(edition: &str, version: i64) -> Value {
    let mut name = question("name", "SHORT_TEXT");
    name["required"] = json!(true);
    let mut hours = question("hours", "NUMBER");
    hours["least"] = json!("0");
    hours["most"] = json!("40.5");
    let mut topics = question("topics", "SEVERAL_CHOICES");
    topics["choices"] = json!([
        { "key": "a", "label": both("Data") },
        { "key": "b", "label": both("Foresight") },
        { "key": "c", "label": both("Skills") },
    ]);
    let more = [
        name,
        hours,
        topics,
        question("online", "YES_NO"),
        question("born", "DATE"),
    ];
    let data = json!({ "key": "data", "required": true, "title": both("Data"), "text": both("We keep it.") });
    let mut input = form_input(edition, version);
    input["questions"].as_array_mut().expect("questions").extend(more);
    input["purposes"].as_array_mut().expect("purposes").insert(0, data);
    input
}

/// The form of [`asked`], filled.
fn filled(version: i64) -> Value {
    json!({
        "formVersion": version,
        "language": "PT",
        "answers": [
            { "question": "name", "text": " Jose\u{301} " },
            { "question": "why", "text": "To learn\r\nmuch" },
            { "question": "experience", "choices": ["some"] },
            { "question": "topics", "choices": ["b", "a"] },
            { "question": "hours", "number": "40.5" },
            { "question": "online", "yesNo": false },
            { "question": "born", "date": "1990-02-28" },
        ],
        "consents": [{ "purpose": "data", "given": true }, { "purpose": "photos", "given": false }],
    })
}

/// What is sent to apply with a filled form.
fn application(edition: &str, filled: &Value) -> Value {
    json!({ "editionId": edition, "motivation": "To learn", "application": filled })
}

/// An edition that takes applications by the form of [`asked`], and who coordinates it.
struct Scene<'a> {
    test: &'a TestApp,
    coordinator: Client<'a>,
    edition: String,
}

impl<'a> Scene<'a> {
    async fn new(test: &'a TestApp) -> Self {
        let coordinator = test.coordinator().await;
        let edition = enrolling(&coordinator, Plan::OPEN).await;
        done(&coordinator, "PublishApplicationForm", asked(&edition, 0)).await;
        Self {
            test,
            coordinator,
            edition,
        }
    }

    /// Somebody who applied with the form filled, and the enrolment.
    async fn applicant(&self, name: &'static str) -> (Client<'a>, String) {
        let client = self.test.person(name).await;
        let applied = done(&client, "ApplyToEdition", application(&self.edition, &filled(1))).await;
        (client, applied.text("applyToEdition.enrolment.id"))
    }

    /// What is to be put right in an application with this form.
    async fn faults(&self, client: &Client<'_>, filled: &Value) -> Vec<String> {
        faults(client, "ApplyToEdition", application(&self.edition, filled)).await
    }

    /// How many rows hold what was answered, and what was said to purposes.
    async fn kept(&self) -> (usize, usize) {
        let all = rows::all(&self.test.app.db).await;
        (all["application"].len(), all["consent"].len())
    }
}

/// The form of an edition as somebody sees it.
async fn form(reader: &Client<'_>, edition: &str) -> Value {
    let seen = reader.run("SeeApplicationForm", json!({ "editionId": edition })).await;
    seen.at("edition.applicationForm").clone()
}
