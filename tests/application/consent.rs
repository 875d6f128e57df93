//! Consent: taken back and given again, required or not, and asked for later.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{Scene, application, asked, filled};
use crate::support::app::{Client, TestApp};
use crate::support::input::with;
use crate::support::scene::{Plan, act, apply, as_seen, done, enrolling, faults, form_input, version, walk, withdraw};

/// What Ana said to purposes, the latest first: purpose, whether it was given, and whether it stands.
async fn log_of(client: &Client<'_>) -> Vec<Value> {
    let seen = client.run("MyConsents", json!({ "first": 50 })).await;
    let rows = seen.at("viewer.consents.nodes").as_array().expect("a list").iter();
    rows.map(|one| json!([one["purpose"], one["given"], one["current"]]))
        .collect()
}

#[tokio::test]
async fn consent_is_taken_back_and_given_again_and_nothing_of_it_is_forgotten() {
    let test = TestApp::new().await;
    let scene = Scene::new(&test).await;
    let (ana, enrolment) = scene.applicant("Ana").await;
    let input = |purpose: &str, given: bool| {
        json!({
            "enrolmentId": enrolment, "purpose": purpose, "given": given, "language": "ES", "textVersion": 1,
        })
    };
    let back = |purpose: &str| json!({ "enrolmentId": enrolment, "purpose": purpose, "given": false });
    test.pass(TimeDelta::seconds(1));
    let given = done(&ana, "StateConsent", input("photos", true)).await;
    assert_eq!(given.text("stateConsent.consent.language"), "ES");
    // What stands so already stays as it was said.
    let again = done(&ana, "StateConsent", input("photos", true)).await;
    assert_eq!(
        again.text("stateConsent.consent.id"),
        given.text("stateConsent.consent.id")
    );
    test.pass(TimeDelta::seconds(1));
    let taken = done(&ana, "StateConsent", back("photos")).await;
    assert_eq!(taken.at("stateConsent.consent.given"), &json!(false));
    assert_eq!(taken.number("stateConsent.consent.textVersion"), 1);
    assert_eq!(
        log_of(&ana).await,
        [
            json!(["photos", false, true]),
            json!(["photos", true, false]),
            json!(["photos", false, false]),
            json!(["data", true, true]),
        ]
    );
    let seen = ana.run("MyConsents", json!({ "first": 50 })).await;
    assert_eq!(seen.text("viewer.consents.nodes.1.text"), "They may show me.");
    assert_eq!(seen.text("viewer.consents.nodes.2.text"), "They may show me. (pt)");
    assert_eq!(seen.text("viewer.consents.nodes.3.edition.id"), scene.edition);
    let standing = scene
        .coordinator
        .run("SeeApplication", json!({ "enrolmentId": enrolment }))
        .await;
    assert_eq!(standing.at("enrolment.consents").as_array().map(Vec::len), Some(2));

    for (sent, expected) in [
        (back("data"), vec!["CONSENT_REQUIRED input.given"]),
        (back("other"), vec!["FORM_MISMATCH input.purpose"]),
        (input("other", true), vec!["FORM_MISMATCH input.purpose"]),
        (
            with(&input("photos", true), "/textVersion", json!(2)),
            vec!["STALE_VERSION input.textVersion"],
        ),
        (
            with(&input("photos", true), "/language", json!("EN")),
            vec!["FORM_MISMATCH input.language"],
        ),
        (
            json!({ "enrolmentId": enrolment, "purpose": "photos", "given": true }),
            vec!["REQUIRED input.language", "REQUIRED input.textVersion"],
        ),
        (
            with(&back("photos"), "/enrolmentId", json!(scene.edition)),
            vec!["INVALID_ID input.enrolmentId"],
        ),
    ] {
        assert_eq!(faults(&ana, "StateConsent", sent).await, expected);
    }
    let ben = test.person("Ben").await;
    for (client, refusal) in [
        (&scene.coordinator, "FORBIDDEN"),
        (&ben, "NOT_FOUND"),
        (&test.anonymous(), "UNAUTHENTICATED"),
    ] {
        let refused = act(client, "StateConsent", input("photos", true)).await;
        assert_eq!(refused.refusal(), refusal);
    }
    assert!(log_of(&ben).await.is_empty());
    assert_eq!(scene.kept().await, (1, 4), "what was refused left nothing");

    // Who takes part no more takes back all of it.
    withdraw(&ana, &enrolment).await;
    test.pass(TimeDelta::seconds(1));
    done(&ana, "StateConsent", back("data")).await;
    assert_eq!(log_of(&ana).await[0], json!(["data", false, true]));
    let entries = "query ($subject: ID!) { auditEntries(first: 20, filter: { subjectId: $subject }) { nodes { action reason } } }";
    let entries = ana.query(entries, json!({ "subject": enrolment })).await;
    let stated: Vec<&str> = entries
        .at("auditEntries.nodes")
        .as_array()
        .expect("a list")
        .iter()
        .filter(|entry| entry["action"] == "state_consent")
        .filter_map(|entry| entry["reason"].as_str())
        .collect();
    assert_eq!(stated, ["data taken back", "photos taken back", "photos given"]);
    assert_eq!(test.violations().await, []);
    drop(test.mails().await);
}

#[tokio::test]
async fn whom_no_withdrawal_ends_any_more_takes_back_what_was_required() {
    let test = TestApp::new().await;
    let scene = Scene::new(&test).await;
    let (ana, enrolment) = scene.applicant("Ana").await;
    let carla = &scene.coordinator;
    walk(carla, &scene.edition, &["ENROLMENT_CLOSED", "RUNNING"]).await;
    let back = json!({ "enrolmentId": enrolment, "purpose": "data", "given": false });
    let refused = faults(&ana, "StateConsent", back.clone()).await;
    assert_eq!(refused, ["CONSENT_REQUIRED input.given"]);
    let list = as_seen(carla, json!([enrolment])).await;
    done(carla, "DecideCompletion", json!({ "enrolments": list })).await;
    test.pass(TimeDelta::seconds(1));
    done(&ana, "StateConsent", back).await;
    assert_eq!(log_of(&ana).await[0], json!(["data", false, true]));
    assert_eq!(test.violations().await, []);
    drop(test.mails().await);
}

#[tokio::test]
async fn nobody_is_brought_back_without_the_consent_that_they_took_back() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN.by_approval()).await;
    done(&carla, "PublishApplicationForm", asked(&edition, 0)).await;
    let ana = test.person("Ana").await;
    let applied = done(&ana, "ApplyToEdition", application(&edition, &filled(1))).await;
    let enrolment = applied.text("applyToEdition.enrolment.id");
    let decide = async |decision: &str| {
        let input = json!({
            "enrolmentId": enrolment, "version": version(&carla, &enrolment).await, "decision": decision,
            "reason": "So decided",
        });
        done(&carla, "DecideEnrolment", input).await
    };
    let undo = async || {
        let seen = version(&carla, &enrolment).await;
        let input = json!({ "enrolmentId": enrolment, "version": seen, "reason": "The wrong row" });
        faults(&carla, "UndoDecision", input).await
    };
    // What is free to give is free to take back, and is nothing that a decision hangs on.
    let say = |purpose: &str, given: bool| json!({ "enrolmentId": enrolment, "purpose": purpose, "given": given, "language": "ES", "textVersion": 1 });
    decide("REJECT").await;
    for given in [true, false] {
        test.pass(TimeDelta::seconds(1));
        done(&ana, "StateConsent", say("photos", given)).await;
    }
    assert_eq!(undo().await, [""; 0]);
    decide("REJECT").await;
    test.pass(TimeDelta::seconds(1));
    done(&ana, "StateConsent", say("data", false)).await;
    assert_eq!(undo().await, ["NOT_UNDOABLE input.enrolmentId"]);
    // Who gives it again may come back.
    test.pass(TimeDelta::seconds(1));
    done(&ana, "StateConsent", say("data", true)).await;
    assert_eq!(undo().await, [""; 0]);
    assert_eq!(test.violations().await, []);
    drop(test.mails().await);
}

#[tokio::test]
async fn what_an_edition_requires_no_more_is_taken_back() {
    let test = TestApp::new().await;
    let scene = Scene::new(&test).await;
    let (ana, enrolment) = scene.applicant("Ana").await;
    let back = json!({ "enrolmentId": enrolment, "purpose": "data", "given": false });
    let refused = faults(&ana, "StateConsent", back.clone()).await;
    assert_eq!(refused, ["CONSENT_REQUIRED input.given"]);
    done(
        &scene.coordinator,
        "PublishApplicationForm",
        with(&asked(&scene.edition, 1), "/purposes/0/required", json!(false)),
    )
    .await;
    test.pass(TimeDelta::seconds(1));
    let taken = done(&ana, "StateConsent", back).await;
    assert_eq!(taken.at("stateConsent.consent.given"), &json!(false));
    assert_eq!(test.violations().await, []);
    drop(test.mails().await);
}

#[tokio::test]
async fn a_purpose_that_is_asked_later_is_consented_to_later() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN).await;
    let ana = test.person("Ana").await;
    let (enrolment, _) = apply(&ana, &edition).await;
    let input = json!({
        "enrolmentId": enrolment, "purpose": "photos", "given": true, "language": "PT", "textVersion": 1,
    });
    assert_eq!(
        faults(&ana, "StateConsent", input.clone()).await,
        ["FORM_MISMATCH input.purpose"]
    );
    done(&carla, "PublishApplicationForm", form_input(&edition, 0)).await;
    let said = done(&ana, "StateConsent", input).await;
    assert_eq!(said.at("stateConsent.consent.current"), &json!(true));
    let seen = ana.run("SeeApplication", json!({ "enrolmentId": enrolment })).await;
    assert_eq!(seen.at("enrolment.application"), &Value::Null, "nothing was answered");
    assert_eq!(seen.text("enrolment.consents.0.purpose"), "photos");
    assert_eq!(test.violations().await, []);
    drop(test.mails().await);
}
