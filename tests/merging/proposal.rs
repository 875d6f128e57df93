//! What applicants propose: who sees it, how much of it there may be, and how it comes into the register.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{UNKNOWN, accepting, declare, into, led_to, named, propose, refusing, register};
use crate::support::app::TestApp;
use crate::support::scene::{Plan, act, apply, done, enrolling, faults};

#[tokio::test]
async fn an_applicant_states_what_they_proposed_and_nobody_else_sees_it() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let (ana, ben) = (test.person("Ana").await, test.person("Ben").await);
    let made = done(&ana, "ProposeInstitution", named("  Escuela del Norte ")).await;
    let institution = made.at("proposeInstitution.institution");
    assert_eq!(institution["state"], "PROPOSED");
    assert_eq!(institution["name"], "Escuela del Norte");
    let id = made.text("proposeInstitution.institution.id");
    let stated = declare(&ana, &id).await;
    assert_eq!(stated.text("stateDeclaration.declaration.institution.id"), id);
    assert_eq!(register(&ana, "norte").await, ["Escuela del Norte PROPOSED"]);
    assert_eq!(led_to(&ana, &id).await, json!(id));
    // For others it is what there is not.
    assert_eq!(register(&ben, "norte").await, [""; 0]);
    assert_eq!(led_to(&ben, &id).await, Value::Null);
    for absent in [&id, UNKNOWN] {
        assert_eq!(declare(&ben, absent).await.refusal(), "NOT_FOUND");
    }
    let edition = enrolling(&carla, Plan::OPEN).await;
    let (enrolment, _) = apply(&ana, &edition).await;
    let seen = carla.run("EnrolmentSnapshots", json!({ "id": enrolment })).await;
    assert_eq!(seen.text("enrolment.institution.name"), "Escuela del Norte");

    let waiting = carla.run("InstitutionProposals", json!({ "first": 10 })).await;
    assert_eq!(waiting.text("institutionProposals.nodes.0.id"), id);
    assert_eq!(led_to(&carla, &id).await, json!(id));
    for (reader, code) in [(&ben, "FORBIDDEN"), (&test.anonymous(), "UNAUTHENTICATED")] {
        let refused = reader.run("InstitutionProposals", json!({ "first": 10 })).await;
        assert_eq!(refused.refusal(), code);
    }
    let refused = act(&test.anonymous(), "ProposeInstitution", named("Another")).await;
    assert_eq!(refused.refusal(), "UNAUTHENTICATED");
    // No role holds in what is only proposed.
    let ada = test.administrator().await;
    let input = json!({ "email": ben.email, "role": "FOCAL_POINT", "scopeId": id });
    assert_eq!(act(&ada, "GrantRole", input).await.refusal(), "NOT_FOUND");
    drop(test.mails().await);
    test.fine().await;
}

#[tokio::test]
async fn what_stands_there_already_and_what_is_too_much_is_refused() {
    let test = TestApp::new().await;
    let ada = test.administrator().await;
    let mut registered = named("Instituto Nacional");
    registered["aliases"] = json!(["INEFOP"]);
    done(&ada, "CreateInstitution", registered).await;
    let ana = test.person("Ana").await;
    for name in ["instituto  NACIONAL", "Inefop"] {
        let refused = faults(&ana, "ProposeInstitution", named(name)).await;
        assert_eq!(refused, ["TAKEN input.name"], "{name}");
    }
    let mut elsewhere = named("Inefop");
    elsewhere["country"] = json!("AR");
    done(&ana, "ProposeInstitution", elsewhere).await;
    propose(&ana, "Instituto").await;
    let again = faults(&ana, "ProposeInstitution", named("instituto")).await;
    assert_eq!(again, ["TAKEN input.name"], "it waits already");
    // Somebody else may have the same missing, and does not learn of it.
    propose(&test.person("Ben").await, "Instituto").await;
    let mut open = Vec::new();
    for name in ["Third", "Fourth", "Fifth"] {
        open.push(propose(&ana, name).await);
    }
    let more = named("Sixth");
    let refused = faults(&ana, "ProposeInstitution", more.clone()).await;
    assert_eq!(refused, ["LIMIT_REACHED input.name"], "five wait");
    // Settled ones wait no more, and count for a day all the same.
    for (place, name) in ["6", "7", "8", "9", "10"].into_iter().enumerate() {
        let id = open.pop().expect("one that waits");
        done(
            &ada,
            "AcceptInstitution",
            accepting(&id, 1, &format!("Accepted {place}")),
        )
        .await;
        open.push(propose(&ana, name).await);
    }
    let id = open.pop().expect("one that waits");
    done(&ada, "AcceptInstitution", accepting(&id, 1, "Accepted")).await;
    assert_eq!(
        faults(&ana, "ProposeInstitution", more.clone()).await,
        ["LIMIT_REACHED input.name"],
        "ten in a day"
    );
    drop(test.mails().await);
    test.pass(TimeDelta::hours(25));
    propose(&ana.again().await, "Sixth").await;
}

#[tokio::test]
async fn a_proposal_is_accepted_once_as_a_coordinator_puts_it() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let (ana, ben) = (test.person("Ana").await, test.person("Ben").await);
    let id = propose(&ana, "escuela norte").await;
    for (stranger, code) in [(&ana, "FORBIDDEN"), (&test.anonymous(), "UNAUTHENTICATED")] {
        let refused = act(stranger, "AcceptInstitution", accepting(&id, 1, "Norte")).await;
        assert_eq!(refused.refusal(), code);
        let refused = act(stranger, "MergeInstitution", into(&id, 1, UNKNOWN)).await;
        assert_eq!(refused.refusal(), code);
    }
    let unknown = act(&carla, "AcceptInstitution", accepting(UNKNOWN, 1, "Norte")).await;
    assert_eq!(unknown.refusal(), "NOT_FOUND");
    let stale = faults(&carla, "AcceptInstitution", accepting(&id, 7, "Norte")).await;
    assert_eq!(stale, ["STALE_VERSION input.version"]);
    let mut input = named("Sur");
    input["code"] = json!("SUR");
    done(&test.administrator().await, "CreateInstitution", input).await;
    let mut taken = accepting(&id, 1, "Norte");
    taken["code"] = json!("SUR");
    assert_eq!(faults(&carla, "AcceptInstitution", taken).await, ["TAKEN input.code"]);
    drop(test.mails().await);

    let mut right = accepting(&id, 1, "Escuela Técnica del Norte");
    right["aliases"] = json!(["ETN"]);
    let accepted = done(&carla, "AcceptInstitution", right).await;
    assert_eq!(accepted.text("acceptInstitution.institution.state"), "REGISTERED");
    assert_eq!(accepted.number("acceptInstitution.institution.version"), 2);
    let mails = test.mails().await;
    assert_eq!(mails.len(), 1);
    assert_eq!(
        (mails[0].notice.as_str(), mails[0].to.as_str()),
        ("proposal_settled", "ana@example.org")
    );
    assert!(mails[0].subject.contains("Escuela Técnica del Norte"));
    assert!(mails[0].text.contains("escuela norte"), "{}", mails[0].text);
    assert_eq!(register(&ben, "etn").await, ["Escuela Técnica del Norte REGISTERED"]);
    assert_eq!(declare(&ben, &id).await.user_errors("stateDeclaration"), [""; 0]);
    let waiting = carla.run("InstitutionProposals", json!({ "first": 10 })).await;
    assert_eq!(waiting.at("institutionProposals.nodes"), &json!([]));
    for (operation, input) in [
        ("AcceptInstitution", accepting(&id, 2, "Norte")),
        ("RefuseInstitution", refusing(&id, 2)),
    ] {
        let again = faults(&carla, operation, input).await;
        assert_eq!(again, ["ILLEGAL_TRANSITION input.institutionId"], "{operation}");
    }
    test.fine().await;
}
