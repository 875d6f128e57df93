//! Subscriptions: the first value, one after each change whoever made it, the policy while they are open, and what is left
//! when they end. On PostgreSQL the changes are announced by its server, on SQLite within the process.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use rumbo::config::Settings;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::retry::until;
use crate::socket::{Peer, introduced};
use crate::support::app::{Client, TestApp};
use crate::support::operations::document;
use crate::support::scene::{Plan, enrolling};

pub(crate) mod announce;
mod bound;
mod right;
mod values;

/// What is to come has come within this time.
const DEADLINE: Duration = Duration::from_secs(20);
const FIGURES: &str = "FollowEditionFigures";
const OWN: &str = "FollowMyEnrolments";

/// One with values that follow each other fast, and come only when something was announced.
pub(crate) fn prompt(settings: &mut Settings) {
    settings.live.pause_milliseconds = 1;
    settings.live.check_seconds = 3_600;
}

/// The same, and only a value looks who it is for.
fn undisturbed(settings: &mut Settings) {
    prompt(settings);
    settings.socket.check_milliseconds = 3_600_000;
}

pub(crate) async fn in_time<T>(what: impl Future<Output = T>) -> T {
    timeout(DEADLINE, what).await.expect("it comes in time")
}

pub(crate) async fn subscribe(peer: &mut Peer, id: &str, operation: &str, variables: Value) {
    let payload = json!({ "query": document(operation), "operationName": operation, "variables": variables });
    peer.say(json!({ "type": "subscribe", "id": id, "payload": payload }))
        .await;
}

/// The next value of the only subscription: what its field says.
pub(crate) async fn value(peer: &mut Peer, field: &str) -> Value {
    let said = in_time(peer.hear()).await;
    assert_eq!(said["type"], "next", "{said:#}");
    assert!(said["payload"].get("errors").is_none(), "{said:#}");
    said["payload"]["data"][field].clone()
}

/// The code with which a subscription ends.
pub(crate) async fn ends_with(peer: &mut Peer, id: &str) -> String {
    let said = in_time(peer.hear()).await;
    assert_eq!(
        (said["type"].as_str(), said["id"].as_str()),
        (Some("error"), Some(id)),
        "{said:#}"
    );
    let fault = &said["payload"][0];
    assert!(!fault["message"].as_str().unwrap_or_default().is_empty(), "{said:#}");
    fault["extensions"]["code"].as_str().unwrap_or_default().to_owned()
}

/// Capacity, seats taken, seats free, those who wait, all applications.
fn seats(figures: &Value) -> [Option<i64>; 5] {
    let by_status: BTreeMap<&str, i64> = figures["byStatus"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|figure| {
            let count = figure["applications"].as_i64().expect("a number");
            (figure["status"].as_str().expect("a state"), count)
        })
        .collect();
    assert_eq!(by_status.len(), 12, "every state is named");
    let number = |field: &str| figures[field].as_i64();
    assert_eq!(Some(by_status.values().sum()), number("applications"), "they add up");
    assert_eq!(Some(by_status["WAITLISTED"]), number("waiting"));
    assert_eq!(Some(by_status["CONFIRMED"] + by_status["ACTIVE"]), number("seatsTaken"));
    ["capacity", "seatsTaken", "seatsFree", "waiting", "applications"].map(number)
}

/// One's own enrolments as `code state`.
fn states(own: &Value) -> Vec<String> {
    let nodes = own["nodes"].as_array().expect("a list").iter();
    let word = |value: &Value| value.as_str().expect("a text").to_owned();
    nodes
        .map(|node| format!("{} {}", word(&node["edition"]["code"]), word(&node["state"])))
        .collect()
}

/// Listens for another copy of the program; what it is told to stop by, and its end.
async fn listen(router: Router) -> (SocketAddr, watch::Sender<bool>, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (stop, told) = watch::channel(false);
    let patience = rumbo::http::listen::Patience {
        head: Duration::from_secs(10),
        unread: Duration::from_secs(10),
    };
    let ended = tokio::spawn(rumbo::http::listen::serve(listener, router, patience, told));
    (address, stop, ended)
}

/// An edition that anybody may enter, and who coordinates it.
async fn open(test: &TestApp) -> (Client<'_>, String) {
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN).await;
    (carla, edition)
}

/// A connection on which somebody follows the figures of an edition, as `a`.
async fn follower(test: &TestApp, who: &Client<'_>, edition: &str) -> Peer {
    let mut peer = introduced(test, who.token()).await;
    follow(&mut peer, edition).await;
    peer
}

/// Follows the figures of an edition, as `a`.
async fn follow(peer: &mut Peer, edition: &str) {
    subscribe(peer, "a", FIGURES, json!({ "editionId": edition })).await;
}

/// The next figures of the only edition that is followed.
async fn figures(peer: &mut Peer) -> Value {
    value(peer, "editionFigures").await
}

/// How many applications they count.
async fn applications(peer: &mut Peer) -> Value {
    figures(peer).await["applications"].clone()
}

/// One's next own enrolments as `code state`.
async fn own(peer: &mut Peer) -> Vec<String> {
    states(&value(peer, "myEnrolments").await)
}

/// Changes rows without a word to anybody.
async fn silently(test: &TestApp, sql: &str) {
    let tx = test.app.db.write().await.expect("a transaction");
    tx.execute_unprepared(sql).await.expect("a change");
    tx.commit().await.expect("a commit");
}

/// Waits until nobody follows anything any more.
async fn freed(test: &TestApp) {
    until("nobody follows any more", async || test.app.db.followed() == 0).await;
}
