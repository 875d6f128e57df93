//! Roles: who gives which to whom, and from when until when they hold.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::id_of;
use crate::support::app::{Answer, TestApp};
use crate::support::scene::{Plan, draft};

#[tokio::test]
async fn a_role_holds_from_the_next_request_until_it_is_ended() {
    let test = TestApp::new().await;
    let (ada, eva) = (test.administrator().await, test.person("Eva").await);
    let course = json!({ "input": { "course": { "code": "C-1", "titles": [{ "language": "ES", "text": "Curso" }] } } });
    assert_eq!(eva.run("CreateCourse", course.clone()).await.refusal(), "FORBIDDEN");
    let input = json!({ "email": "Eva@example.org", "role": "COORDINATOR" });
    let granted = ada.run("GrantRole", json!({ "input": input })).await;
    assert_eq!(granted.text("grantRole.roleAssignment.scope"), "SYSTEM");
    let id = granted.text("grantRole.roleAssignment.id");
    assert_eq!(
        granted.at("grantRole.roleAssignment.person.fullName"),
        &Value::Null,
        "a name needs a reason"
    );
    let again = ada.run("GrantRole", json!({ "input": input })).await;
    assert_eq!(again.user_errors("grantRole"), ["ALREADY_GRANTED input.role"]);
    assert_eq!(
        eva.run("CreateCourse", course.clone())
            .await
            .user_errors("createCourse"),
        Vec::<String>::new()
    );
    let roles = eva.run("Viewer", json!({})).await;
    assert_eq!(roles.at("viewer.roles")[0]["role"], "COORDINATOR");

    let revoke = json!({ "input": { "roleAssignmentId": id, "reason": "left the office" } });
    assert_eq!(
        eva.run("RevokeRole", revoke.clone()).await.refusal(),
        "FORBIDDEN",
        "nor her own"
    );
    assert_eq!(
        test.person("Saul")
            .await
            .run("RevokeRole", revoke.clone())
            .await
            .refusal(),
        "NOT_FOUND"
    );
    let ended = ada.run("RevokeRole", revoke.clone()).await;
    assert_eq!(ended.user_errors("revokeRole"), Vec::<String>::new());
    assert_eq!(eva.run("CreateCourse", course).await.refusal(), "FORBIDDEN");
    assert_eq!(eva.run("Viewer", json!({})).await.at("viewer.roles"), &json!([]));
    assert_eq!(
        ada.run("RevokeRole", revoke).await.user_errors("revokeRole"),
        ["ILLEGAL_TRANSITION input.roleAssignmentId"]
    );
}

#[tokio::test]
async fn a_role_that_runs_out_ends_by_itself() {
    let test = TestApp::new().await;
    let (ada, eva) = (test.administrator().await, test.person("Eva").await);
    let until = |until: &str| json!({ "input": { "personId": eva.person.expect("a person").to_string(), "role": "COORDINATOR", "until": until } });
    let past = ada.run("GrantRole", until("2026-03-02T12:00:00Z")).await;
    assert_eq!(past.user_errors("grantRole"), ["DATES_OUT_OF_ORDER input.until"]);
    ada.run("GrantRole", until("2026-03-02T12:05:00Z")).await;
    assert_eq!(
        eva.run("Viewer", json!({}))
            .await
            .at("viewer.roles")
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    test.pass(TimeDelta::minutes(5));
    assert_eq!(eva.run("Viewer", json!({})).await.at("viewer.roles"), &json!([]));
}

#[tokio::test]
async fn a_coordinator_makes_tutors_in_their_own_editions_and_nothing_else() {
    let test = TestApp::new().await;
    let ada = test.administrator().await;
    let all = test.coordinator().await;
    let mine = draft(&all, Plan::OPEN).await.text("createEdition.edition.id");
    let theirs = draft(&all, Plan::OTHER).await.text("createEdition.edition.id");
    let eva = test.person("Eva").await;
    let tim = id_of(&test, &test.person("Tim").await.email).await.to_string();
    let grant = |person: &str, role: &str, scope: Value| json!({ "input": { "personId": person, "role": role, "scopeId": scope } });
    let eva_id = eva.person.expect("a person").to_string();
    ada.run("GrantRole", grant(&eva_id, "COORDINATOR", json!(mine))).await;
    // Whom one does not see, one invites: an answer to an address would tell who has an account.
    let unseen = eva.run("GrantRole", grant(&tim, "TUTOR", json!(mine))).await;
    assert_eq!(unseen.refusal(), "NOT_FOUND");
    let by_address = |email: &str| json!({ "input": { "email": email, "role": "TUTOR", "scopeId": mine } });
    let plain = |answer: &Answer| {
        let mut error = answer.json["errors"][0].clone();
        error["extensions"]["requestId"] = json!("each its own");
        error
    };
    let known = eva.run("GrantRole", by_address("tim@example.org")).await;
    let unknown = eva.run("GrantRole", by_address("nobody@example.org")).await;
    assert_eq!(known.refusal(), "NOT_FOUND");
    assert_eq!(plain(&known), plain(&unknown));
    let made = ada.run("GrantRole", by_address("tim@example.org")).await;
    assert_eq!(made.user_errors("grantRole"), Vec::<String>::new());
    for (role, scope, code) in [
        ("TUTOR", json!(theirs), "NOT_FOUND"),
        ("COORDINATOR", json!(mine), "FORBIDDEN"),
        ("ADMINISTRATOR", Value::Null, "FORBIDDEN"),
        ("COORDINATOR", Value::Null, "FORBIDDEN"),
    ] {
        assert_eq!(
            eva.run("GrantRole", grant(&tim, role, scope)).await.refusal(),
            code,
            "{role}"
        );
    }
    let own = eva.run("GrantRole", grant(&eva_id, "TUTOR", json!(mine))).await;
    assert_eq!(own.user_errors("grantRole"), ["ROLE_NOT_GRANTABLE input.role"]);
    for (role, scope, expected) in [
        ("TUTOR", Value::Null, "REQUIRED input.scopeId"),
        ("ADMINISTRATOR", json!(mine), "INVALID_ID input.scopeId"),
        ("FOCAL_POINT", json!(mine), "INVALID_ID input.scopeId"),
        ("TUTOR", json!("nonsense"), "INVALID_ID input.scopeId"),
        ("TUTOR", json!(tim), "INVALID_ID input.scopeId"),
    ] {
        let refused = ada.run("GrantRole", grant(&tim, role, scope)).await;
        assert_eq!(refused.user_errors("grantRole"), [expected], "{role}");
    }
    let whom = ada
        .run("GrantRole", json!({ "input": { "role": "ADMINISTRATOR" } }))
        .await;
    assert_eq!(whom.user_errors("grantRole"), ["REQUIRED input.personId"]);
    let input = json!({ "personId": tim, "email": "tim@example.org", "role": "TUTOR", "scopeId": mine });
    let both = ada.run("GrantRole", json!({ "input": input })).await;
    assert_eq!(both.user_errors("grantRole"), ["MALFORMED input.email"]);
    let unknown = ada
        .run(
            "GrantRole",
            json!({ "input": { "email": "nobody@example.org", "role": "ADMINISTRATOR" } }),
        )
        .await;
    assert_eq!(unknown.refusal(), "NOT_FOUND");
    let nobody = test
        .anonymous()
        .run("GrantRole", grant(&tim, "TUTOR", json!(mine)))
        .await;
    assert_eq!(nobody.refusal(), "UNAUTHENTICATED");
}
