//! Proposals that are refused: they are there for nobody, and stay where they were frozen.

use serde_json::{Value, json};

use super::{UNKNOWN, accepting, declare, into, led_to, named, propose, refusing, register};
use crate::support::app::TestApp;
use crate::support::scene::{Plan, act, apply, done, enrolling, faults};

#[tokio::test]
async fn a_refused_proposal_is_there_for_nobody_and_its_place_is_free() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let (ana, ben) = (test.person("Ana").await, test.person("Ben").await);
    let mut waiting = Vec::new();
    for name in ["Shop", "Second", "Third", "Fourth", "Fifth"] {
        waiting.push(propose(&ana, name).await);
    }
    let id = waiting[0].clone();
    let full = faults(&ana, "ProposeInstitution", named("Sixth")).await;
    assert_eq!(full, ["LIMIT_REACHED input.name"]);
    assert_eq!(declare(&ana, &id).await.user_errors("stateDeclaration"), [""; 0]);
    let edition = enrolling(&carla, Plan::OPEN).await;
    let (enrolment, _) = apply(&ana, &edition).await;
    for (stranger, code) in [
        (&ana, "FORBIDDEN"),
        (&ben, "FORBIDDEN"),
        (&test.anonymous(), "UNAUTHENTICATED"),
    ] {
        let refused = act(stranger, "RefuseInstitution", refusing(&id, 1)).await;
        assert_eq!(refused.refusal(), code);
    }
    let unknown = act(&carla, "RefuseInstitution", refusing(UNKNOWN, 1)).await;
    assert_eq!(unknown.refusal(), "NOT_FOUND");
    let stale = faults(&carla, "RefuseInstitution", refusing(&id, 7)).await;
    assert_eq!(stale, ["STALE_VERSION input.version"]);
    let mut silent = refusing(&id, 1);
    silent["reason"] = json!(" ");
    let silent = faults(&carla, "RefuseInstitution", silent).await;
    assert_eq!(silent, ["REQUIRED input.reason"]);
    drop(test.mails().await);

    let refused = done(&carla, "RefuseInstitution", refusing(&id, 1)).await;
    assert_eq!(refused.text("refuseInstitution.institution.state"), "REFUSED");
    assert_eq!(refused.number("refuseInstitution.institution.version"), 2);
    let mails = test.mails().await;
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert_eq!(
        (mails[0].notice.as_str(), mails[0].to.as_str()),
        ("proposal_refused", "ana@example.org")
    );
    for said in ["Shop", "It is a shop"] {
        assert!(mails[0].text.contains(said), "{}", mails[0].text);
    }
    // It is there for nobody, and nobody can state it.
    for reader in [&ana, &ben, &carla] {
        assert_eq!(led_to(reader, &id).await, Value::Null, "{}", reader.email);
        assert_eq!(register(reader, "shop").await, [""; 0], "{}", reader.email);
        assert_eq!(declare(reader, &id).await.refusal(), "NOT_FOUND", "{}", reader.email);
    }
    let proposals = carla.run("InstitutionProposals", json!({ "first": 10 })).await;
    let nodes = proposals.at("institutionProposals.nodes").as_array().expect("a list");
    assert_eq!(nodes.len(), 4);
    // Her declaration names none, and what she was admitted with stays.
    let own = ana.run("Viewer", json!({})).await;
    assert_eq!(own.at("viewer.declaration.institution"), &Value::Null);
    assert_eq!(own.text("viewer.declaration.country"), "UY");
    let seen = "query ($id: ID!) { enrolment(id: $id) { institution { name state } } }";
    let seen = carla.query(seen, json!({ "id": enrolment })).await;
    assert_eq!(
        seen.at("enrolment.institution"),
        &json!({ "name": "Shop", "state": "REFUSED" })
    );
    // She may propose one more, the same too; and nothing comes back of what was refused.
    propose(&ana, "Shop").await;
    for (operation, input) in [
        ("RefuseInstitution", refusing(&id, 2)),
        ("AcceptInstitution", accepting(&id, 2, "Shop")),
        ("MergeInstitution", into(&id, 2, &waiting[1])),
    ] {
        let over = faults(&carla, operation, input).await;
        assert_eq!(over, ["ILLEGAL_TRANSITION input.institutionId"], "{operation}");
    }
    test.fine().await;
}

#[tokio::test]
async fn what_was_refused_comes_into_nothing_and_stays_where_it_was_frozen() {
    let test = TestApp::new().await;
    let (carla, ada) = (test.coordinator().await, test.administrator().await);
    let (ana, ben) = (test.person("Ana").await, test.person("Ben").await);
    let id = propose(&ana, "Shop").await;
    assert_eq!(declare(&ana, &id).await.user_errors("stateDeclaration"), [""; 0]);
    let edition = enrolling(&carla, Plan::OPEN).await;
    let (of_ana, _) = apply(&ana, &edition).await;
    let (of_ben, _) = apply(&ben, &edition).await;
    done(&carla, "RefuseInstitution", refusing(&id, 1)).await;
    let correction = |enrolment: &str| {
        json!({
            "enrolmentId": enrolment, "version": 1, "reason": "A slip of the pen",
            "declaration": {
                "gender": "FEMALE", "country": "BR", "institutionId": id, "constituentGroup": "OTHER",
            },
        })
    };
    let pool = json!({ "editionId": edition, "institutionId": id, "seats": 1 });
    for (by, operation, input) in [
        (&carla, "CorrectSnapshot", correction(&of_ben)),
        (&carla, "CreateSeatPool", pool),
        (&ada, "UpdateInstitution", accepting(&id, 2, "Shop")),
    ] {
        assert_eq!(act(by, operation, input).await.refusal(), "NOT_FOUND", "{operation}");
    }
    // Something else of the same enrolment can be put right.
    let stays = done(&carla, "CorrectSnapshot", correction(&of_ana)).await;
    assert_eq!(stays.number("correctSnapshot.enrolment.version"), 2);
    drop(test.mails().await);
    test.fine().await;
}
