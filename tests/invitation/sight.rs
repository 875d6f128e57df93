//! Who sees which invitations, and what of them.

use axum::body::Body;
use chrono::TimeDelta;
use rumbo::domain::actor::Role;
use serde_json::{Value, json};

use super::{
    EMAIL, accept, appointed, invited, list, nora, opened, posting, to_edition, to_edition_as, to_role, token,
};
use crate::support::app::{Answer, Client, TestApp};
use crate::support::scene::{Plan, act, at, enrolling};

#[tokio::test]
async fn a_filter_may_name_a_state_many_times() {
    let test = TestApp::new().await;
    let (carla, edition) = opened(&test).await;
    invited(&test, &carla, &edition).await;
    for (state, count) in [("SENT", 1), ("EXPIRED", 0), ("DECLINED", 0)] {
        let filter = json!({ "states": vec![state; 1000] });
        assert_eq!(list(&carla, &edition, filter).await.len(), count, "{state}");
    }
}

#[tokio::test]
async fn a_page_of_invitations_costs_a_bounded_number_of_statements() {
    let test = TestApp::new().await;
    let (carla, edition) = opened(&test).await;
    let here = at(&edition);
    let cora = test.holder("Cora", Role::Coordinator, here).await;
    let invite = async |count: usize| {
        for number in 0..count {
            let name: &'static str = format!("Guest{number}of{count}").leak();
            let guest = test.person(name).await;
            let input = to_edition_as(&edition, &guest.email);
            let by = if number % 2 == 0 { &carla } else { &cora };
            act(by, "InviteToEdition", input).await;
            let token = token(&test).await;
            if number % 3 == 0 {
                assert_eq!(accept(&guest, &token).await.user_errors("acceptInvitation"), [""; 0]);
                drop(test.mails().await);
            }
        }
    };
    let cost = async |count: usize| {
        cora.warm_up().await;
        let before = test.app.db.statements();
        assert_eq!(list(&cora, &edition, json!({})).await.len(), count);
        test.app.db.statements() - before
    };
    invite(2).await;
    let few = cost(2).await;
    invite(11).await;
    let many = cost(13).await;
    eprintln!("invitations: a page of 2 costs {few} statements, one of 13 {many}");
    assert!(many <= few + 1 && many <= 10, "{few} and {many}");
}

/// Runs the list of all invitations for a reason.
async fn because(test: &TestApp, client: &Client<'_>, reason: Option<&str>) -> Answer {
    let document = "query Invited { invitations(first: 9) { nodes { id role email givenName familyName } } }";
    let mut request = posting(client);
    if let Some(reason) = reason {
        request = request.header("x-reason", reason);
    }
    let body = json!({ "query": document }).to_string();
    test.send(request.body(Body::from(body)).expect("a request")).await
}

#[tokio::test]
async fn who_was_invited_shows_as_the_policy_says() {
    let test = TestApp::new().await;
    let ada = test.administrator().await;
    let (carla, edition) = opened(&test).await;
    let here = at(&edition);
    let tim = test.holder("Tim", Role::Tutor, here).await;
    let cora = test.holder("Cora", Role::Coordinator, here).await;
    let elsewhere = at(&enrolling(&carla, Plan::OTHER).await);
    let olga = test.holder("Olga", Role::Coordinator, elsewhere).await;
    invited(&test, &carla, &edition).await;
    let nora = nora(&test).await;
    let token = appointed(&test, &cora, to_role(EMAIL, "TUTOR", Some(&edition))).await;
    let course = to_role("course@example.org", "COORDINATOR", None);
    appointed(&test, &ada, course).await;
    let whole = |role: Value, email: &str| (role, json!(email), json!("Nora"), json!("Núñez"));
    let seen = async |client: &Client<'_>, reason: Option<&str>| {
        let answer = because(&test, client, reason).await;
        let rows = answer.at("invitations.nodes").as_array().expect("a list").clone();
        let row = |row: &Value| {
            (
                row["role"].clone(),
                row["email"].clone(),
                row["givenName"].clone(),
                row["familyName"].clone(),
            )
        };
        rows.iter().map(row).collect::<Vec<_>>()
    };
    let here = [whole(json!("TUTOR"), EMAIL), whole(Value::Null, EMAIL)];
    assert_eq!(seen(&cora, None).await, here);
    assert_eq!(seen(&carla, None).await, here);
    for stranger in [&tim, &olga, &nora] {
        assert_eq!(seen(stranger, None).await, []);
        assert_eq!(list(stranger, &edition, json!({})).await, [Value::Null; 0]);
    }
    assert_eq!(list(&test.anonymous(), &edition, json!({})).await, [Value::Null; 0]);
    // Administrators see those to roles: what they wrote themselves, and others for a reason.
    let masked = (json!("TUTOR"), Value::Null, Value::Null, Value::Null);
    let own = whole(json!("COORDINATOR"), "course@example.org");
    assert_eq!(seen(&ada, None).await, [own.clone(), masked]);
    let reasoned = [own, whole(json!("TUTOR"), EMAIL)];
    assert_eq!(seen(&ada, Some("A complaint")).await, reasoned);
    assert_eq!(list(&ada, &edition, json!({})).await.len(), 1);

    // Once Nora has accepted, it is told to her who looked.
    let log = async |person: &Client<'_>| {
        let answer = person.run("MyAccessLog", json!({ "first": 9 })).await;
        answer.at("viewer.accessLog.nodes").as_array().expect("a list").clone()
    };
    assert_eq!(log(&nora).await, [Value::Null; 0]);
    assert_eq!(accept(&nora, &token).await.user_errors("acceptInvitation"), [""; 0]);
    seen(&cora, None).await;
    let worker = test.worker_with(rumbo::mail::Mailer::from_settings(&test.app.settings.mail).expect("a mailbox"));
    worker.seal(TimeDelta::minutes(1)).await.expect("sealed");
    let log = log(&nora).await;
    assert_eq!(log.len(), 1, "{log:?}");
    assert_eq!(
        (&log[0]["operation"], &log[0]["fields"], &log[0]["role"]),
        (&json!("Invited"), &json!(["NAME", "EMAIL"]), &json!("COORDINATOR"))
    );
}

#[tokio::test]
async fn each_step_leaves_an_entry_that_the_coordinators_of_the_edition_read() {
    let test = TestApp::new().await;
    let (carla, edition) = opened(&test).await;
    let here = at(&edition);
    let cora = test.holder("Cora", Role::Coordinator, here).await;
    let made = act(&carla, "InviteToEdition", to_edition(&edition)).await;
    let id = made.text("inviteToEdition.invitation.id");
    let token = token(&test).await;
    act(&test.anonymous(), "DeclineInvitation", json!({ "token": token })).await;
    let document = "query ($id: ID!) { auditEntries(filter: { subjectId: $id }, first: 9) {
        nodes { action subjectKind reason via } } }";
    for reader in [&carla, &cora] {
        let entries = reader.query(document, json!({ "id": id })).await;
        assert_eq!(
            entries.at("auditEntries.nodes"),
            &json!([
                { "action": "manage_account", "subjectKind": "invitation", "reason": "invitation declined", "via": "SYSTEM" },
                { "action": "invite", "subjectKind": "invitation", "reason": null, "via": "SESSION" },
            ])
        );
    }
    let saul = test.person("Saul").await;
    let entries = saul.query(document, json!({ "id": id })).await;
    assert_eq!(entries.at("auditEntries.nodes"), &json!([]));
}
