//! How many there may be, how they begin, and what is left when they end.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::json;

use super::{DEADLINE, FIGURES, OWN, ends_with, freed, in_time, listen, open, prompt, subscribe, value};
use crate::retry::until;
use crate::socket::{introduced, introduced_at};
use crate::support::app::TestApp;
use crate::support::scene::{apply, withdraw};

#[tokio::test]
async fn a_subscription_begins_with_one_field_and_comes_over_the_socket_alone() {
    let test = TestApp::new().await;
    let eva = test.person("Eva").await;
    let mut peer = introduced(&test, eva.token()).await;
    for (wrong, code) in [
        ("subscription { __typename }", "GRAPHQL_VALIDATION_FAILED"),
        (
            "subscription { ... on Subscription { myEnrolments(first: 1) { nodes { id } } } }",
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            "subscription { ...F } fragment F on Subscription { myEnrolments(first: 1) { nodes { id } } }",
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            "subscription { myEnrolments(first: 1) @skip(if: false) { nodes { id } } }",
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            "subscription { a: myEnrolments(first: 1) { nodes { id } } b: myEnrolments(first: 1) { nodes { id } } }",
            "TOO_MANY_ROOT_FIELDS",
        ),
        ("subscription { nonsense }", "GRAPHQL_VALIDATION_FAILED"),
        (
            "subscription { myEnrolments(first: 1) { nonsense } }",
            "GRAPHQL_VALIDATION_FAILED",
        ),
    ] {
        peer.ask("a", wrong).await;
        assert_eq!(ends_with(&mut peer, "a").await, code, "{wrong}");
    }
    let asked = eva.run(OWN, json!({ "first": 1 })).await;
    assert_eq!(
        (asked.status.as_u16(), asked.refusal()),
        (422, "SUBSCRIPTION_NEEDS_SOCKET")
    );
}

#[tokio::test]
async fn there_are_only_so_many_on_a_connection_and_for_a_person() {
    let test = TestApp::having(|settings| {
        prompt(settings);
        settings.live.per_connection = 2;
        settings.live.per_person = 3;
    })
    .await;
    let eva = test.person("Eva").await;
    let (mut one, mut other) = (
        introduced(&test, eva.token()).await,
        introduced(&test, eva.token()).await,
    );
    let own = json!({ "first": 1 });
    for id in ["a", "b"] {
        subscribe(&mut one, id, OWN, own.clone()).await;
        value(&mut one, "myEnrolments").await;
    }
    subscribe(&mut other, "a", OWN, own.clone()).await;
    value(&mut other, "myEnrolments").await;
    for peer in [&mut one, &mut other] {
        subscribe(peer, "c", OWN, own.clone()).await;
        assert_eq!(ends_with(peer, "c").await, "TOO_MANY_SUBSCRIPTIONS");
    }
    one.say(json!({ "type": "complete", "id": "a" })).await;
    one.ask("q", "{ measures { measure } }").await;
    assert_eq!(in_time(one.hear()).await["id"], "q", "queries have their own places");
    assert_eq!(in_time(one.hear()).await["type"], "complete");
    drop(one);
    // Its places are given back as soon as its end is noticed.
    let begun = Instant::now();
    loop {
        subscribe(&mut other, "d", OWN, own.clone()).await;
        let said = in_time(other.hear()).await;
        if said["type"] == "next" {
            break;
        }
        assert!(begun.elapsed() < DEADLINE, "{said:#}");
    }
}

#[tokio::test]
async fn who_does_not_read_holds_nobody_up_and_leaves_nothing_behind() {
    let test = TestApp::having(prompt).await;
    let (carla, edition) = open(&test).await;
    let eva = test.person("Eva").await;
    let mut peer = introduced(&test, carla.token()).await;
    for id in ["a", "b", "c"] {
        subscribe(&mut peer, id, FIGURES, json!({ "editionId": edition })).await;
    }
    until("somebody follows", async || test.app.db.followed() > 0).await;
    for _ in 0..40 {
        let (enrolment, _) = apply(&eva, &edition).await;
        withdraw(&eva, &enrolment).await;
    }
    // Nothing was read so far; the last state comes all the same.
    let mut last = BTreeMap::new();
    while last.len() < 3 || last.values().any(|seen| *seen != json!(40)) {
        let said = in_time(peer.hear()).await;
        let id = said["id"].as_str().expect("a name").to_owned();
        last.insert(id, said["payload"]["data"]["editionFigures"]["applications"].clone());
    }
    drop(peer);
    freed(&test).await;
}

#[tokio::test]
async fn a_server_that_stops_says_so_and_waits_for_its_sockets() {
    let test = TestApp::having(prompt).await;
    let eva = test.person("Eva").await;
    let (address, stop, ended) = listen(test.copy().await).await;
    let mut peer = introduced_at(address, stop, eva.token()).await;
    subscribe(&mut peer, "a", OWN, json!({ "first": 1 })).await;
    value(&mut peer, "myEnrolments").await;
    peer.stop.send_replace(true);
    assert_eq!(in_time(peer.close()).await, 1012);
    in_time(ended).await.expect("the server ends");
}
