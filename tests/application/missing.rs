//! Who lacks a consent that an edition requires, as its coordinators find them.

use chrono::TimeDelta;
use rumbo::domain::actor::Role;
use serde_json::{Value, json};

use super::{Scene, asked};
use crate::support::app::{Client, TestApp};
use crate::support::input::with;
use crate::support::scene::{Plan, apply, at, done, enrolling, version};

/// The names in the list of those whose required consents are missing, or given, with what each of them lacks.
async fn whose(reader: &Client<'_>, edition: &str, consents: &str) -> Vec<String> {
    let variables = json!({ "editionId": edition, "filter": { "consents": consents }, "first": 50 });
    let page = reader.run("MissingConsents", variables).await;
    let nodes = page.at("edition.enrolments.nodes").as_array().expect("a list");
    let told = |node: &Value| {
        let name = node["person"]["fullName"].as_str().expect("a name");
        format!("{name} {}", node["missingConsents"])
    };
    let mut all: Vec<String> = nodes.iter().map(told).collect();
    all.sort();
    all
}

#[tokio::test]
async fn who_lacks_what_an_edition_requires_is_found() {
    let test = TestApp::new().await;
    let scene = Scene::new(&test).await;
    let (carla, edition) = (&scene.coordinator, &scene.edition);
    let (ana, of_ana) = scene.applicant("Ana").await;
    let other = enrolling(carla, Plan::OTHER).await;
    let ben = test.person("Ben").await;
    let (left, _) = apply(&ben, &other).await;
    // Where nothing is required, nobody lacks it.
    assert_eq!(whose(carla, &other, "MISSING").await, [""; 0]);
    assert_eq!(whose(carla, &other, "GIVEN").await, ["Ben Tester []"]);
    let input = json!({
        "enrolmentId": left, "version": version(carla, &left).await, "editionId": edition,
        "reason": "The dates suit better",
    });
    let moved = done(carla, "TransferEnrolment", input).await;
    let of_ben = moved.text("transferEnrolment.enrolment.id");
    assert_eq!(whose(carla, edition, "MISSING").await, ["Ben Tester [\"data\"]"]);
    assert_eq!(whose(carla, edition, "GIVEN").await, ["Ana Tester []"]);

    let said = |enrolment: &str, purpose: &str, version: i64| {
        json!({
            "enrolmentId": enrolment, "purpose": purpose, "given": true, "language": "ES", "textVersion": version,
        })
    };
    done(&ben, "StateConsent", said(&of_ben, "data", 1)).await;
    assert_eq!(whose(carla, edition, "MISSING").await, [""; 0]);
    assert_eq!(whose(carla, edition, "GIVEN").await, ["Ana Tester []", "Ben Tester []"]);
    // What is asked later is missing later; what was refused first, and then given, stands.
    let more = with(&asked(edition, 1), "/purposes/1/required", json!(true));
    done(carla, "PublishApplicationForm", more).await;
    let lacking = ["Ana Tester [\"photos\"]", "Ben Tester [\"photos\"]"];
    assert_eq!(whose(carla, edition, "MISSING").await, lacking);
    test.pass(TimeDelta::seconds(1));
    done(&ana, "StateConsent", said(&of_ana, "photos", 1)).await;
    assert_eq!(whose(carla, edition, "MISSING").await, lacking[1..]);
    assert_eq!(whose(carla, edition, "GIVEN").await, ["Ana Tester []"]);
    drop(test.mails().await);
}

#[tokio::test]
async fn who_lacks_a_consent_is_told_to_coordinators_alone_and_ana_sees_that_they_looked() {
    let test = TestApp::new().await;
    let scene = Scene::new(&test).await;
    let (carla, edition) = (&scene.coordinator, &scene.edition);
    let (ana, _) = scene.applicant("Ana").await;
    let variables = json!({ "editionId": edition, "filter": { "consents": "GIVEN" }, "first": 50 });
    let tina = test.holder("Tina", Role::Tutor, at(edition)).await;
    for reader in [&ana, &tina, &test.administrator().await] {
        let refused = reader.run("MissingConsents", variables.clone()).await;
        assert_eq!(refused.refusal(), "FORBIDDEN");
    }
    let nobody = test.anonymous().run("MissingConsents", variables).await;
    assert_eq!(nobody.refusal(), "UNAUTHENTICATED");
    test.pass(TimeDelta::minutes(1));
    let document = "query Who($id: ID!) {
        edition(id: $id) { enrolments(first: 50, filter: { consents: GIVEN }) { nodes { id } } } }";
    carla.warm_up().await;
    let before = test.app.db.statements();
    carla.query(document, json!({ "id": edition })).await;
    let spent = test.app.db.statements() - before;
    assert!(spent <= 4, "{spent}");
    let log = ana.run("MyAccessLog", json!({ "first": 1 })).await;
    let look = log.at("viewer.accessLog.nodes.0");
    assert_eq!(
        (&look["operation"], &look["fields"], &look["editionId"]),
        (&json!("Who"), &json!(["APPLICATION"]), &json!(edition))
    );
    drop(test.mails().await);
}
