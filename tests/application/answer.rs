//! What is answered to a form: who reads it, what does not fit, and what a page of it costs.

use rumbo::domain::actor::{Role, Scope};
use serde_json::{Value, json};

use super::{Scene, application, filled};
use crate::support::app::TestApp;
use crate::support::input::with;
use crate::support::rows;
use crate::support::scene::{Plan, apply, done, enrolling, faults, nominate};

/// Whatever stands in an answer.
fn value_of(answer: &Value) -> Value {
    let fields = ["text", "choices", "yesNo", "number", "date"];
    let mut values = fields.iter().map(|field| &answer[*field]);
    values.find(|value| !value.is_null()).cloned().unwrap_or_default()
}

#[tokio::test]
async fn what_was_answered_is_read_by_the_applicant_and_the_coordinators_alone() {
    let test = TestApp::new().await;
    let scene = Scene::new(&test).await;
    let (ana, enrolment) = scene.applicant("Ana").await;
    let institution = test.institution("INEFOP", "UY").await;
    nominate(&test, &enrolment, institution.0).await;
    let variables = json!({ "enrolmentId": enrolment });
    let cora = test.coordinator_of("Cora", &scene.edition).await;
    for reader in [&ana, &scene.coordinator, &cora] {
        let seen = reader.run("SeeApplication", variables.clone()).await;
        let answers = seen.at("enrolment.application.answers").as_array().expect("a list");
        let told: Vec<(&str, Value)> = answers
            .iter()
            .map(|answer| (answer["key"].as_str().expect("a key"), value_of(answer)))
            .collect();
        assert_eq!(
            told,
            [
                ("name", json!("José")),
                ("why", json!("To learn\nmuch")),
                ("experience", json!(["some"])),
                ("topics", json!(["b", "a"])),
                ("hours", json!("40.5")),
                ("online", json!(false)),
                ("born", json!("1990-02-28")),
            ]
        );
        assert_eq!(seen.number("enrolment.application.form.version"), 1);
        assert_eq!(seen.text("enrolment.application.language"), "PT");
        let consents = seen.at("enrolment.consents").as_array().expect("a list");
        let said: Vec<Value> = consents
            .iter()
            .map(|one| {
                json!([
                    one["purpose"],
                    one["given"],
                    one["textVersion"],
                    one["language"],
                    one["via"]
                ])
            })
            .collect();
        assert_eq!(
            said,
            [
                json!(["data", true, 1, "PT", "SESSION"]),
                json!(["photos", false, 1, "PT", "SESSION"])
            ]
        );
    }
    // The focal point of the nominating institution sees the enrolment, and nothing of this.
    let of_institution = Scope::Institution(institution);
    let flor = test.holder("Flor", Role::FocalPoint, of_institution).await;
    let seen = flor.run("SeeApplication", variables.clone()).await;
    assert_eq!(seen.text("enrolment.id"), enrolment);
    assert_eq!(seen.at("enrolment.application"), &Value::Null);
    assert_eq!(seen.at("enrolment.consents"), &Value::Null);
    let (ben, _) = scene.applicant("Ben").await;
    let ada = test.administrator().await;
    for stranger in [&ben, &ada, &test.anonymous()] {
        let seen = stranger.run("SeeApplication", variables.clone()).await;
        assert_eq!(seen.at("enrolment"), &Value::Null, "{}", stranger.email);
    }
    // Whoever of the staff looked stands in the access log, with what they saw.
    let log = "{ viewer { accessLog(first: 20) { nodes { operation role fields } } } }";
    let log = ana.query(log, json!({})).await;
    let looks = log.at("viewer.accessLog.nodes").as_array().expect("a list").clone();
    let noted = |operation: &str| {
        let of = looks.iter().filter(|look| look["operation"] == operation);
        of.filter(|look| look["fields"].to_string().contains("APPLICATION"))
            .count()
    };
    assert_eq!(noted("SeeApplication"), 2, "{looks:#?}");
    assert_eq!(test.violations().await, []);
    drop(test.mails().await);
}

#[tokio::test]
async fn what_does_not_fit_the_form_is_refused_by_name_and_nothing_is_kept() {
    let test = TestApp::new().await;
    let scene = Scene::new(&test).await;
    let ana = test.person("Ana").await;
    let whole = filled(1);
    let answer = |place: usize, put: Value| with(&whole, &format!("/answers/{place}"), put);
    let named = |text: &str| json!({ "question": "name", "text": text });
    let long = "ñ".repeat(201);
    let at = "input.application";
    let cases = [
        (
            Value::Null,
            vec![
                format!("REQUIRED {at}.answers.name"),
                format!("CONSENT_REQUIRED {at}.consents.data"),
            ],
        ),
        (
            answer(0, json!({ "question": "nobody", "text": "x" })),
            vec![
                format!("FORM_MISMATCH {at}.answers.0.question"),
                format!("REQUIRED {at}.answers.name"),
            ],
        ),
        (
            answer(0, json!({ "question": "Name!", "text": "x" })),
            vec![format!("MALFORMED {at}.answers.0.question")],
        ),
        (answer(0, named(&long)), vec![format!("TOO_LONG {at}.answers.0.text")]),
        (
            answer(0, named("a\nb")),
            vec![format!("FORBIDDEN_CHARACTER {at}.answers.0.text")],
        ),
        (
            answer(0, named(" \u{200b}")),
            vec![format!("REQUIRED {at}.answers.0.text")],
        ),
        (
            answer(1, named("again")),
            vec![format!("REPEATED {at}.answers.1.question")],
        ),
        (
            answer(2, json!({ "question": "experience", "choices": ["some", "none"] })),
            vec![format!("TOO_LONG {at}.answers.2.choices")],
        ),
        (
            answer(3, json!({ "question": "topics", "choices": ["a", "z"] })),
            vec![format!("FORM_MISMATCH {at}.answers.3.choices.1")],
        ),
        (
            answer(4, json!({ "question": "hours", "number": "40.501" })),
            vec![format!("OUT_OF_RANGE {at}.answers.4.number")],
        ),
        (
            answer(5, json!({ "question": "online", "text": "no" })),
            vec![format!("FORM_MISMATCH {at}.answers.5.text")],
        ),
        (
            answer(6, json!({ "question": "born", "date": "0001-01-01" })),
            vec![format!("OUT_OF_RANGE {at}.answers.6.date")],
        ),
        (
            with(&whole, "/consents/0/given", json!(false)),
            vec![format!("CONSENT_REQUIRED {at}.consents.0.given")],
        ),
        (
            with(&whole, "/consents/1/purpose", json!("data")),
            vec![format!("REPEATED {at}.consents.1.purpose")],
        ),
        (
            with(&whole, "/consents/1/purpose", json!("other")),
            vec![format!("FORM_MISMATCH {at}.consents.1.purpose")],
        ),
        (
            with(&whole, "/language", json!("EN")),
            vec![format!("FORM_MISMATCH {at}.language")],
        ),
        (filled(2), vec![format!("STALE_VERSION {at}.formVersion")]),
    ];
    for (sent, expected) in cases {
        assert_eq!(scene.faults(&ana, &sent).await, expected, "{sent:#}");
    }
    let seen = ana.run("SeeEdition", json!({ "id": scene.edition })).await;
    assert_eq!(seen.at("edition.myEnrolment"), &Value::Null);
    assert_eq!(scene.kept().await, (0, 0));
    // What is not required may be left open, and its purposes unanswered.
    let least = json!({
        "formVersion": 1, "language": "ES", "answers": [{ "question": "name", "text": "Ana" }],
        "consents": [{ "purpose": "data", "given": true }],
    });
    assert_eq!(scene.faults(&ana, &least).await, [""; 0]);
    assert_eq!(scene.kept().await, (1, 1));
    assert_eq!(test.violations().await, []);
    drop(test.mails().await);
}

#[tokio::test]
async fn an_edition_without_a_form_is_applied_to_as_before() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let edition = enrolling(&coordinator, Plan::OPEN).await;
    let (ana, ben) = (test.person("Ana").await, test.person("Ben").await);
    assert_eq!(apply(&ana, &edition).await.1, "CONFIRMED");
    let seen = ana.run("SeeApplicationForm", json!({ "editionId": edition })).await;
    assert_eq!(seen.at("edition.applicationForm"), &Value::Null);
    let nothing = |version: i64| json!({ "formVersion": version, "language": "ES" });
    let refused = faults(&ben, "ApplyToEdition", application(&edition, &nothing(1))).await;
    assert_eq!(refused, ["STALE_VERSION input.application.formVersion"]);
    let mut answered = nothing(0);
    answered["answers"] = json!([{ "question": "name", "text": "Ben" }]);
    let refused = faults(&ben, "ApplyToEdition", application(&edition, &answered)).await;
    assert_eq!(refused, ["FORM_MISMATCH input.application.answers.0.question"]);
    done(&ben, "ApplyToEdition", application(&edition, &nothing(0))).await;
    let all = rows::all(&test.app.db).await;
    assert_eq!((all["application"].len(), all["consent"].len()), (0, 0));
    drop(test.mails().await);
}

#[tokio::test]
async fn a_page_of_applications_costs_a_bounded_number_of_statements() {
    let test = TestApp::new().await;
    let scene = Scene::new(&test).await;
    let cost = async |count: usize| {
        scene.coordinator.warm_up().await;
        let before = test.app.db.statements();
        let variables = json!({ "editionId": scene.edition, "first": 50 });
        let page = scene.coordinator.run("EditionApplications", variables).await;
        let nodes = page.at("edition.enrolments.nodes").as_array().expect("a list");
        assert_eq!(nodes.len(), count);
        assert!(
            nodes
                .iter()
                .all(|node| node["application"]["answers"][0]["text"] == "José")
        );
        test.app.db.statements() - before
    };
    for name in ["Ana", "Ben"] {
        scene.applicant(name).await;
    }
    let few = cost(2).await;
    for name in ["Cy", "Dan", "Eva", "Fay", "Gus"] {
        scene.applicant(name).await;
    }
    assert_eq!(cost(7).await, few, "the number of rows does not matter");
    assert!(few <= 7, "{few}");
    drop(test.mails().await);
}
