//! The form for those who come in by another way than applying.

use rumbo::domain::actor::{Role, Scope};
use serde_json::{Value, json};

use super::{Scene, application, filled};
use crate::support::app::TestApp;
use crate::support::letter::token_to;
use crate::support::scene::{Plan, done, enrolling, faults, form_input, version};

/// What is told to those who answer nothing of the form.
const MISSING: [&str; 2] = [
    "REQUIRED input.application.answers.name",
    "CONSENT_REQUIRED input.application.consents.data",
];

/// Invites somebody to the edition; the token of the message.
async fn invited(scene: &Scene<'_>, email: &str) -> String {
    let input = json!({
        "editionId": scene.edition, "email": email, "givenName": "Nora", "familyName": "Núñez", "language": "ES",
    });
    done(&scene.coordinator, "InviteToEdition", input).await;
    token_to(scene.test, email).await
}

#[tokio::test]
async fn who_is_invited_answers_the_form_as_they_accept() {
    let test = TestApp::new().await;
    let scene = Scene::new(&test).await;
    let nora = test.person("Nora").await;
    let token = invited(&scene, &nora.email).await;
    assert_eq!(
        faults(&nora, "AcceptInvitation", json!({ "token": token })).await,
        MISSING
    );
    // It was refused for what can be put right: the token stays good.
    done(
        &nora,
        "AcceptInvitation",
        json!({ "token": token, "application": filled(1) }),
    )
    .await;
    let token = invited(&scene, "eva.nueva@example.org").await;
    let mut joining = json!({
        "token": token, "givenName": "Eva", "familyName": "Nueva", "language": "ES",
        "timeZone": "America/Montevideo", "password": "elefante azul en junio",
        "declaration": { "gender": "FEMALE", "country": "UY", "constituentGroup": "WORKERS" },
    });
    let anyone = test.anonymous();
    assert_eq!(faults(&anyone, "RegisterInvited", joining.clone()).await, MISSING);
    joining["application"] = filled(1);
    done(&anyone, "RegisterInvited", joining).await;
    assert_eq!(scene.kept().await, (2, 4));
    assert_eq!(test.violations().await, []);
    drop(test.mails().await);
}

#[tokio::test]
async fn who_is_nominated_answers_the_form_as_they_accept() {
    let test = TestApp::new().await;
    let scene = Scene::new(&test).await;
    let institution = test.institution("INEFOP", "UY").await;
    let of_institution = Scope::Institution(institution);
    let flor = test.holder("Flor", Role::FocalPoint, of_institution).await;
    let nora = test.person("Nora").await;
    let input = json!({
        "editionId": scene.edition, "institutionId": institution.to_string(), "email": nora.email, "givenName": "Nora",
        "familyName": "Núñez", "language": "ES",
    });
    done(&flor, "Nominate", input).await;
    let token = token_to(&test, &nora.email).await;
    assert_eq!(
        faults(&nora, "AcceptInvitation", json!({ "token": token })).await,
        MISSING
    );
    let input = json!({ "token": token, "application": filled(1) });
    done(&nora, "AcceptInvitation", input).await;
    assert_eq!(scene.kept().await, (1, 2));
    assert_eq!(test.violations().await, []);
    drop(test.mails().await);
}

#[tokio::test]
async fn whom_a_coordinator_transfers_answers_nothing_and_consents_later() {
    let test = TestApp::new().await;
    let scene = Scene::new(&test).await;
    let carla = &scene.coordinator;
    let other = enrolling(carla, Plan::OTHER).await;
    done(carla, "PublishApplicationForm", form_input(&other, 0)).await;
    let ana = test.person("Ana").await;
    let said = json!({
        "formVersion": 1, "language": "ES", "answers": [{ "question": "why", "text": "To learn" }], "consents": [],
    });
    let applied = done(&ana, "ApplyToEdition", application(&other, &said)).await;
    let left = applied.text("applyToEdition.enrolment.id");
    let input = json!({
        "enrolmentId": left, "version": version(carla, &left).await, "editionId": scene.edition,
        "reason": "The dates suit better",
    });
    let moved = done(carla, "TransferEnrolment", input).await;
    let new = moved.text("transferEnrolment.enrolment.id");
    // What she answered stays where it was asked.
    for reader in [&ana, carla] {
        let seen = reader.run("SeeApplication", json!({ "enrolmentId": new })).await;
        assert_eq!(seen.at("enrolment.application"), &Value::Null);
        assert_eq!(seen.at("enrolment.consents"), &Value::Null);
        let seen = reader.run("SeeApplication", json!({ "enrolmentId": left })).await;
        assert_eq!(seen.text("enrolment.application.answers.0.text"), "To learn");
    }
    let input = json!({
        "enrolmentId": new, "purpose": "data", "given": true, "language": "ES", "textVersion": 1,
    });
    let said = done(&ana, "StateConsent", input).await;
    assert_eq!(said.at("stateConsent.consent.current"), &json!(true));
    assert_eq!(test.violations().await, []);
    drop(test.mails().await);
}
