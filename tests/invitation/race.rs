//! What happens at once, or again.

use std::sync::Arc;

use axum::body::Body;
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{
    EMAIL, appointed, invited, joining, list, nora, opened, owners, posting, steps, to_edition, to_edition_as, to_role,
    token,
};
use crate::support::app::{Client, TestApp};
use crate::support::letter::token_of;
use crate::support::scene::{act, refused_at_once};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_accepting_and_taking_back_at_once_one_happens() {
    let test = Arc::new(TestApp::new().await);
    let (carla, edition) = opened(&test).await;
    let mut ends = [0, 0];
    for round in 0..12 {
        let carla = carla.again().await;
        let name: &'static str = format!("Guest{round}").leak();
        let guest = test.person(name).await;
        let input = to_edition_as(&edition, &guest.email);
        let made = act(&carla, "InviteToEdition", input).await;
        let id = made.text("inviteToEdition.invitation.id");
        let token = token(&test).await;
        test.pass(TimeDelta::minutes(15));
        let (carla, guest) = (carla.again().await, guest.again().await);
        let other = ["WithdrawInvitation", "ResendInvitation"][round % 2];
        let mut both = [
            (guest.clone(), "AcceptInvitation", json!({ "token": token })),
            (carla, other, json!({ "invitationId": id, "version": 1 })),
        ];
        // Each is sent first as often as the other.
        if round % 4 < 2 {
            both.reverse();
        }
        let mut refusals = refused_at_once(&test, both.to_vec()).await;
        if round % 4 < 2 {
            refusals.reverse();
        }
        let outcomes = [["", "STALE_VERSION input.version"], ["INVALID_TOKEN input.token", ""]];
        let which = outcomes.iter().position(|outcome| refusals == *outcome);
        ends[which.unwrap_or_else(|| panic!("both or neither: {refusals:?}"))] += 1;
        let mine = guest.run("MyEnrolments", json!({ "first": 5 })).await;
        let enrolled = mine.at("myEnrolments.nodes").as_array().map(Vec::len);
        assert_eq!(enrolled, Some(usize::from(which == Some(0))));
        drop(test.mails().await);
    }
    eprintln!("accepted {}, taken back or sent again {}", ends[0], ends[1]);
    test.fine().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn at_its_end_an_invitation_expires_once_whoever_comes() {
    let test = Arc::new(TestApp::new().await);
    let (carla, edition) = opened(&test).await;
    let nora = nora(&test).await;
    let token = invited(&test, &carla, &edition).await;
    test.pass(TimeDelta::days(7));
    let (carla, nora) = (carla.again().await, nora.again().await);
    let worker = {
        let test = test.clone();
        tokio::spawn(async move { drop(test.mails().await) })
    };
    let accepting = (nora, "AcceptInvitation", json!({ "token": token }));
    let inviting = (carla.clone(), "InviteToEdition", to_edition(&edition));
    let refusals = refused_at_once(&test, vec![accepting, inviting]).await;
    worker.await.expect("a worker that ends");
    assert_eq!(refusals, ["INVALID_TOKEN input.token", ""]);
    drop(test.mails().await);
    let expired = list(&carla, &edition, json!({ "states": ["EXPIRED"] })).await;
    assert_eq!((expired.len(), &expired[0]["version"]), (1, &json!(2)));
    assert_eq!(steps(&expired[0]), ["sent", "expired"]);
    assert_eq!(test.violations().await, []);
}

/// Sends the same mutation fifty times at once, and gives what each was refused with, nothing for those that were not.
async fn fifty(test: &Arc<TestApp>, by: &Client<'_>, operation: &'static str, input: Value) -> Vec<String> {
    refused_at_once(test, vec![(by.clone(), operation, input); 50]).await
}

/// Exactly one of fifty was done, and the others were told so.
#[track_caller]
fn one_of_fifty(refusals: &[String], told: &str) {
    let done = refusals.iter().filter(|refusal| refusal.is_empty()).count();
    let refused = refusals.iter().filter(|refusal| *refusal == told).count();
    assert_eq!((done, refused), (1, 49), "{refusals:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_fifty_who_use_a_token_at_once_one_does() {
    let test = Arc::new(TestApp::new().await);
    let (carla, edition) = opened(&test).await;
    let dead = "INVALID_TOKEN input.token";
    let anyone = test.anonymous();

    let nora = nora(&test).await;
    let token = invited(&test, &carla, &edition).await;
    let input = json!({ "token": token });
    one_of_fifty(&fifty(&test, &nora, "AcceptInvitation", input).await, dead);
    let enrolled = list(&carla, &edition, json!({ "states": ["ACCEPTED"] })).await;
    assert_eq!((enrolled.len(), &enrolled[0]["version"]), (1, &json!(2)));

    drop(test.mails().await);
    let token = appointed(&test, &carla, to_role(EMAIL, "TUTOR", Some(&edition))).await;
    let input = json!({ "token": token });
    one_of_fifty(&fifty(&test, &nora, "AcceptInvitation", input).await, dead);
    let roles = nora.run("Viewer", json!({})).await;
    assert_eq!(roles.at("viewer.roles").as_array().map(Vec::len), Some(1));

    let input = to_role("new@example.org", "TUTOR", Some(&edition));
    let token = appointed(&test, &carla, input).await;
    let refusals = fifty(&test, &anyone, "DeclineInvitation", json!({ "token": token })).await;
    one_of_fifty(&refusals, dead);

    let input = to_edition_as(&edition, "new@example.org");
    act(&carla, "InviteToEdition", input).await;
    let mails = test.mails().await;
    let token = token_of(mails.last().expect("a message"));
    one_of_fifty(&fifty(&test, &anyone, "RegisterInvited", joining(&token)).await, dead);
    let people = owners(&test, "new@example.org").await;
    assert_eq!(people.len(), 1);
    assert_eq!(test.notices().await, ["enrolment_confirmed new@example.org"]);
    test.fine().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_fifty_who_invite_one_address_at_once_one_does() {
    let test = Arc::new(TestApp::new().await);
    let (carla, edition) = opened(&test).await;
    let refusals = fifty(&test, &carla, "InviteToEdition", to_edition(&edition)).await;
    one_of_fifty(&refusals, "ALREADY_INVITED input.email");
    drop(token(&test).await);
    let open = list(&carla, &edition, json!({})).await;
    let input = json!({ "invitationId": open[0]["id"], "version": 1 });
    let refusals = fifty(&test, &carla, "WithdrawInvitation", input).await;
    one_of_fifty(&refusals, "STALE_VERSION input.version");
    assert_eq!(test.violations().await, []);
}

#[tokio::test]
async fn a_repeated_invitation_with_its_key_is_one() {
    let test = TestApp::new().await;
    let (carla, edition) = opened(&test).await;
    let document = "mutation ($input: InviteToEditionInput!) { inviteToEdition(input: $input) {
        invitation { id email } userErrors { code } } }";
    let body = json!({ "query": document, "variables": { "input": to_edition(&edition) } }).to_string();
    let mut bodies = Vec::new();
    for _ in 0..3 {
        let request = posting(&carla).header("idempotency-key", "once");
        let answer = test
            .send(request.body(Body::from(body.clone())).expect("a request"))
            .await;
        assert_eq!(answer.at("inviteToEdition.userErrors"), &json!([]));
        bodies.push(answer.body);
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "{bodies:?}");
    assert_eq!(test.notices().await, [format!("invited_to_edition {EMAIL}")]);
    assert_eq!(list(&carla, &edition, json!({})).await.len(), 1);
}
