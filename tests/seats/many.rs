//! Many editions, many who wait, and what they cost.

use rumbo::store::Engine;
use serde_json::json;

use super::Scene;
use crate::support::app::{TestApp, Who};
use crate::support::scene::{Plan, apply};

#[tokio::test]
async fn the_seats_of_many_editions_are_read_in_few_statements() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    for number in 0..6 {
        let plan = Plan {
            code: format!("SEATS-{number}").leak(),
            ..Plan::of_seats(4)
        };
        let scene = Scene::with(&test, coordinator.clone(), plan).await;
        scene.keep(json!({ "country": "BR" }), 1).await;
    }
    coordinator.warm_up().await;
    let before = test.app.db.statements();
    let document = "{ editions(first: 6) { nodes { seats { waiting pools { seats waiting } } } } }";
    let seen = coordinator.query(document, json!({})).await;
    assert_eq!(seen.at("editions.nodes").as_array().map(Vec::len), Some(6));
    let sent = test.app.db.statements() - before;
    assert!(sent <= 5, "{sent} statements");
}

#[tokio::test]
async fn an_application_costs_the_pools_only_where_there_are_any() {
    let test = TestApp::new().await;
    let scene = Scene::of(&test, 9).await;
    scene.enter(Who::named("Ana"), "CONFIRMED").await;
    let cost = async |name| {
        let client = test.person(name).await;
        client.warm_up().await;
        let before = test.app.db.statements();
        assert_eq!(apply(&client, &scene.edition).await.1, "CONFIRMED");
        test.app.db.statements() - before
    };
    let plain = cost("Bea").await;
    let most = match test.app.db.engine() {
        Engine::Postgres => 4,
        Engine::Sqlite => 13,
    };
    assert!(plain <= most, "{plain} statements");
    scene.keep(json!({ "country": "UY" }), 2).await;
    // The pools, and the count of the one.
    let kept = cost("Cy").await;
    assert!(kept <= plain + 3, "{kept} statements after {plain}");
    drop(test.mails().await);
}
