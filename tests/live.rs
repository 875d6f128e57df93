//! Subscriptions: the first value, one after each change whoever made it, the policy while they are open, and what is left
//! when they end. On PostgreSQL the changes are announced by its server, on SQLite within the process.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::Router;
use futures_util::FutureExt;
use rumbo::config::{Secret, Settings};
use rumbo::domain::actor::Role;
use rumbo::domain::id::EditionId;
use rumbo::domain::policy::{Action, Relation, Verdict, verdict};
use rumbo::store::announce::{Followed, Topic};
use rumbo::store::history::{self, Step};
use rumbo::store::{Engine, Tx, session};
use sea_orm::ConnectionTrait;
use sea_orm::sqlx::postgres::PgListener;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::matrix::World;
use crate::retry::until;
use crate::socket::{Peer, introduced, introduced_at};
use crate::support::app::{Client, TestApp};
use crate::support::operations::document;
use crate::support::rows::texts;
use crate::support::scene::{
    Plan, act, apply, as_seen, at, done, draft, edition_input, enrolling, faults, id_of, replan, version, walk,
    withdraw,
};

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

#[tokio::test]
async fn the_figures_of_an_edition_come_at_once_and_after_each_change() {
    let test = TestApp::having(prompt).await;
    let carla = test.coordinator().await;
    let plan = Plan::of_seats(1);
    let edition = enrolling(&carla, plan).await;
    let (eva, ana) = (test.person("Eva").await, test.person("Ana").await);
    let mut peer = follower(&test, &carla, &edition).await;
    let first = figures(&mut peer).await;
    assert_eq!(
        (&first["editionId"], &first["state"]),
        (&json!(edition), &json!("ENROLLING"))
    );
    assert_eq!(seats(&first), [Some(1), Some(0), Some(1), Some(0), Some(0)]);

    let (of_eva, _) = apply(&eva, &edition).await;
    assert_eq!(
        seats(&figures(&mut peer).await),
        [Some(1), Some(1), Some(0), Some(0), Some(1)]
    );
    assert_eq!(apply(&ana, &edition).await.1, "WAITLISTED");
    assert_eq!(
        seats(&figures(&mut peer).await),
        [Some(1), Some(1), Some(0), Some(1), Some(2)]
    );
    // The seat passes on in the same transaction, so no value shows it free.
    withdraw(&eva, &of_eva).await;
    assert_eq!(
        seats(&figures(&mut peer).await),
        [Some(1), Some(1), Some(0), Some(0), Some(2)]
    );

    let plan = Plan {
        capacity: Some(3),
        ..plan
    };
    let changed = replan(&carla, &edition, edition_input(plan)).await;
    changed.at("updateEdition.edition.id");
    assert_eq!(
        seats(&figures(&mut peer).await),
        [Some(3), Some(1), Some(2), Some(0), Some(2)]
    );
    walk(&carla, &edition, &["ENROLMENT_CLOSED"]).await;
    assert_eq!(figures(&mut peer).await["state"], "ENROLMENT_CLOSED");

    peer.say(json!({ "type": "complete", "id": "a" })).await;
    freed(&test).await;
}

/// Waits until nobody follows anything any more.
async fn freed(test: &TestApp) {
    until("nobody follows any more", async || test.app.db.followed() == 0).await;
}

#[tokio::test]
async fn ones_own_enrolments_come_whoever_changes_them_and_nobody_elses() {
    let test = TestApp::having(prompt).await;
    let (carla, one) = open(&test).await;
    let other = enrolling(&carla, Plan::OTHER.by_approval()).await;
    let (eva, ana) = (test.person("Eva").await, test.person("Ana").await);
    let mut peer = introduced(&test, eva.token()).await;
    subscribe(&mut peer, "a", OWN, json!({ "first": 10 })).await;
    assert_eq!(own(&mut peer).await, [""; 0]);
    apply(&eva, &one).await;
    assert_eq!(own(&mut peer).await, ["DEMO-2026 CONFIRMED"]);
    test.pass(chrono::TimeDelta::seconds(1));
    apply(&ana, &other).await;
    let (applied, _) = apply(&eva, &other).await;
    assert_eq!(own(&mut peer).await, ["OTHER-2026 APPLIED", "DEMO-2026 CONFIRMED"]);

    let enrolments = as_seen(&carla, json!([applied])).await;
    let input = json!({ "editionId": other, "enrolments": enrolments, "decision": "REJECT", "reason": "No room" });
    act(&carla, "DecideEnrolments", input).await;
    assert_eq!(own(&mut peer).await, ["OTHER-2026 REJECTED", "DEMO-2026 CONFIRMED"]);
    walk(&carla, &one, &["ENROLMENT_CLOSED", "RUNNING"]).await;
    assert_eq!(own(&mut peer).await, ["OTHER-2026 REJECTED", "DEMO-2026 ACTIVE"]);
}

/// Follows something; on PostgreSQL from when the server is listened to, which itself is told as a change.
async fn following(test: &TestApp, topics: &[Topic]) -> Vec<Followed> {
    let mut all: Vec<Followed> = topics.iter().map(|topic| test.app.db.follow(*topic)).collect();
    if test.app.db.engine() == Engine::Postgres {
        for followed in &mut all {
            in_time(followed.changed()).await;
        }
    }
    all
}

async fn note(test: &TestApp, tx: &Tx, edition: EditionId) {
    let step = Step {
        subject: edition.into(),
        from: None,
        to: "draft",
        at: test.now(),
        actor: None,
        reason: None,
    };
    history::record(tx, &test.app.clock, &[step]).await.expect("a step");
}

#[tokio::test]
async fn nothing_is_told_of_what_was_rolled_back() {
    let test = TestApp::new().await;
    let [undone, dropped, done] = std::array::from_fn(|_| EditionId(test.app.clock.new_id()));
    let mut followed = following(&test, &[undone, dropped, done].map(Topic::Edition)).await;
    let tx = test.app.db.write().await.expect("a transaction");
    note(&test, &tx, undone).await;
    // On PostgreSQL it has been sent to the server, not only prepared.
    tx.execute_unprepared("SELECT 1").await.expect("a statement");
    tx.rollback().await.expect("a rollback");
    let tx = test.app.db.write().await.expect("a transaction");
    note(&test, &tx, dropped).await;
    drop(tx);
    let tx = test.app.db.write().await.expect("a transaction");
    note(&test, &tx, done).await;
    assert!(followed[2].changed().now_or_never().is_none(), "not before the commit");
    tx.commit().await.expect("a commit");
    // Announcements come in the order of the commits.
    in_time(followed[2].changed()).await;
    for followed in &mut followed[..2] {
        assert!(followed.changed().now_or_never().is_none(), "it was undone");
    }
}

#[tokio::test]
async fn whatever_changes_an_enrolment_is_announced() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN.by_approval()).await;
    let eva = test.person("Eva").await;
    let topics = [
        Topic::Person(eva.person.expect("a person")),
        Topic::Edition(edition.parse().expect("an edition")),
    ];
    let mut followed = following(&test, &topics).await;
    let (enrolment, _) = apply(&eva, &edition).await;
    told(&mut followed).await;
    for decision in ["REVIEW", "WAITLIST", "CONFIRM"] {
        let version = version(&carla, &enrolment).await;
        let input = json!({ "enrolmentId": enrolment, "version": version, "decision": decision });
        assert_eq!(faults(&carla, "DecideEnrolment", input).await, [""; 0], "{decision}");
        told(&mut followed).await;
    }
    // Time itself takes it along; the worker does it.
    test.pass(chrono::TimeDelta::days(40));
    drop(test.mails().await);
    told(&mut followed).await;
    let carla = carla.again().await;
    let seen = carla.run("SeeEdition", json!({ "id": edition })).await;
    assert_eq!(seen.text("edition.state"), "RUNNING");
    walk(&carla, &edition, &["GRADING"]).await;
    in_time(followed[1].changed()).await;
    let input = json!({ "enrolments": as_seen(&carla, json!([enrolment])).await });
    done(&carla, "DecideCompletion", input).await;
    told(&mut followed).await;
}

/// All of them were told of something since they were looked at last.
async fn told(followed: &mut [Followed]) {
    for followed in followed {
        in_time(followed.changed()).await;
        followed.catch_up();
    }
}

#[tokio::test]
async fn a_change_made_by_another_copy_is_seen() {
    let test = TestApp::having(|settings| {
        prompt(settings);
        // Two processes on one file of SQLite do not hear each other.
        if settings.database.url.reveal().starts_with("sqlite") {
            settings.live.check_seconds = 1;
        }
    })
    .await;
    let (carla, edition) = open(&test).await;
    let eva = test.person("Eva").await;
    let (address, stop, _) = listen(test.copy().await).await;
    let mut there = introduced_at(address, stop, carla.token()).await;
    let mut here = introduced(&test, carla.token()).await;
    for peer in [&mut here, &mut there] {
        follow(peer, &edition).await;
        assert_eq!(applications(peer).await, 0);
    }
    apply(&eva, &edition).await;
    for peer in [&mut here, &mut there] {
        assert_eq!(applications(peer).await, 1);
    }
}

#[tokio::test]
async fn a_lost_connection_to_the_server_loses_no_change() {
    let test = TestApp::having(prompt).await;
    let (carla, edition) = open(&test).await;
    let mut peer = follower(&test, &carla, &edition).await;
    assert_eq!(applications(&mut peer).await, 0);
    for (count, name) in [(1, "Eva"), (2, "Ana"), (3, "Ida")] {
        let person = test.person(name).await;
        if test.app.db.engine() == Engine::Postgres {
            cut(&test).await;
        }
        apply(&person, &edition).await;
        assert_eq!(applications(&mut peer).await, count);
    }
}

/// PostgreSQL lets one transaction at a time commit that notifies, so that nobody should who need not.
#[tokio::test]
async fn a_change_is_announced_only_where_somebody_follows_it() {
    let test = TestApp::having(prompt).await;
    if test.app.db.engine() == Engine::Sqlite {
        // Nothing leaves the process.
        return;
    }
    let carla = test.coordinator().await;
    let (one, other) = (
        enrolling(&carla, Plan::OPEN).await,
        enrolling(&carla, Plan::OTHER).await,
    );
    let eva = test.person("Eva").await;
    let mut overheard = PgListener::connect(test.app.settings.database.url.reveal())
        .await
        .expect("a connection");
    overheard.listen("rumbo_changes").await.expect("it listens");
    apply(&eva, &one).await;

    let mut peer = introduced(&test, carla.token()).await;
    subscribe(&mut peer, "a", FIGURES, json!({ "editionId": other })).await;
    assert_eq!(value(&mut peer, "editionFigures").await["applications"], 0);
    // From when the server knows that it is followed.
    let known = "SELECT CAST(objid AS text) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock' AND granted \
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    until("the server knows that it is followed", async || {
        !texts(&test.app.db, known).await.is_empty()
    })
    .await;
    apply(&eva, &other).await;
    assert_eq!(value(&mut peer, "editionFigures").await["applications"], 1);
    let other: EditionId = other.parse().expect("an edition");
    let first = in_time(overheard.recv()).await.expect("a notification");
    assert_eq!(
        first.payload(),
        format!("e{}", other.0.simple()),
        "the first that was said"
    );

    // Whoever follows it no more holds nothing by which it would be said.
    peer.say(json!({ "type": "complete", "id": "a" })).await;
    freed(&test).await;
    until("it is given back", async || texts(&test.app.db, known).await.is_empty()).await;
}

/// Ends the connection on which the program listens, as soon as there is one.
async fn cut(test: &TestApp) {
    let sql = "SELECT CAST(pg_terminate_backend(pid) AS text) FROM pg_stat_activity \
               WHERE application_name = 'rumbo live' AND datname = current_database() \
               AND (query LIKE 'LISTEN%' OR query LIKE '%advisory%')";
    until("somebody listens", async || !texts(&test.app.db, sql).await.is_empty()).await;
}

#[tokio::test]
async fn who_may_not_see_any_more_is_told_so_and_the_connection_goes_on() {
    let test = TestApp::having(prompt).await;
    let (_, edition) = open(&test).await;
    let ada = test.administrator().await;
    let cora = test.person("Cora").await;
    let input = json!({ "personId": id_of(&cora), "role": "COORDINATOR", "scopeId": edition });
    let role = act(&ada, "GrantRole", input).await.text("grantRole.roleAssignment.id");
    let mut peer = follower(&test, &cora, &edition).await;
    assert_eq!(applications(&mut peer).await, 0);
    done(&ada, "RevokeRole", json!({ "roleAssignmentId": role })).await;
    assert_eq!(ends_with(&mut peer, "a").await, "FORBIDDEN");
    peer.ask("b", "{ viewer { person { givenName } } }").await;
    assert_eq!(
        in_time(peer.hear()).await["payload"]["data"]["viewer"]["person"]["givenName"],
        "Cora"
    );
    freed(&test).await;
}

#[tokio::test]
async fn a_right_is_asked_for_at_every_value() {
    let test = TestApp::having(undisturbed).await;
    let (_, edition) = open(&test).await;
    let cora = test.holder("Cora", Role::Coordinator, at(&edition)).await;
    let eva = test.person("Eva").await;
    let mut peer = follower(&test, &cora, &edition).await;
    assert_eq!(applications(&mut peer).await, 0);
    silently(&test, "DELETE FROM \"role_assignment\"").await;
    apply(&eva, &edition).await;
    assert_eq!(ends_with(&mut peer, "a").await, "FORBIDDEN");
    subscribe(&mut peer, "b", OWN, json!({ "first": 1 })).await;
    assert_eq!(own(&mut peer).await, [""; 0]);
    let tx = test.app.db.write().await.expect("a transaction");
    session::revoke_all(&tx, cora.person.expect("a person"), None, test.now())
        .await
        .expect("it ends");
    tx.commit().await.expect("a commit");
    apply(&cora.again().await, &edition).await;
    assert_eq!(in_time(peer.close()).await, 4403);
    freed(&test).await;
}

#[tokio::test]
async fn what_changes_without_being_announced_is_seen_at_the_next_look() {
    let test = TestApp::having(|settings| {
        prompt(settings);
        settings.live.check_seconds = 1;
    })
    .await;
    let (carla, edition) = open(&test).await;
    let mut peer = follower(&test, &carla, &edition).await;
    assert_eq!(figures(&mut peer).await["capacity"], Value::Null);
    silently(&test, "UPDATE edition SET capacity = 7").await;
    // What says the same as before is not said: the looks in between are silent.
    assert_eq!(figures(&mut peer).await["capacity"], 7);
}

#[tokio::test]
async fn who_may_not_follow_is_refused_and_what_is_hidden_is_absent() {
    let test = TestApp::having(prompt).await;
    let (carla, shown) = open(&test).await;
    let hidden = draft(&carla, Plan::OTHER).await.text("createEdition.edition.id");
    let unknown = EditionId(test.app.clock.new_id()).to_string();
    let (eva, ada) = (test.person("Eva").await, test.administrator().await);
    let mut nobody = introduced(&test, None).await;
    subscribe(&mut nobody, "a", OWN, json!({ "first": 1 })).await;
    assert_eq!(ends_with(&mut nobody, "a").await, "UNAUTHENTICATED");
    follow(&mut nobody, &shown).await;
    assert_eq!(ends_with(&mut nobody, "a").await, "UNAUTHENTICATED");
    let mut peer = introduced(&test, eva.token()).await;
    for (id, code) in [(&shown, "FORBIDDEN"), (&hidden, "NOT_FOUND"), (&unknown, "NOT_FOUND")] {
        follow(&mut peer, id).await;
        assert_eq!(ends_with(&mut peer, "a").await, code);
    }
    for first in [0, 101] {
        subscribe(&mut peer, "a", OWN, json!({ "first": first })).await;
        assert_eq!(ends_with(&mut peer, "a").await, "OUT_OF_RANGE");
    }
    let long = "x".repeat(100_000);
    for wrong in ["", "a\0b", "\u{202e}", "ñ", &long, &id_of(&eva)] {
        follow(&mut peer, wrong).await;
        assert_eq!(ends_with(&mut peer, "a").await, "INVALID_ID");
    }
    let mut of_ada = follower(&test, &ada, &shown).await;
    assert_eq!(applications(&mut of_ada).await, 0);
    drop((nobody, peer, of_ada));
    freed(&test).await;
}

#[tokio::test]
async fn every_role_follows_what_the_files_say() {
    let test = TestApp::having(prompt).await;
    let world = World::new(&test).await;
    let (mut followed, mut refused) = (0, 0);
    for viewer in &world.viewers {
        let actor = viewer.actor();
        let mut peer = introduced(&test, viewer.client.token()).await;
        let to_edition = Relation {
            edition: viewer.enrolment.edition,
            ..Relation::NONE
        };
        let to_own = Relation {
            own: actor.person.is_some(),
            ..Relation::NONE
        };
        let edition = json!({ "editionId": world.class.edition });
        for (operation, variables, action, relation) in [
            (FIGURES, edition, Action::ReadStatistics, to_edition),
            (OWN, json!({ "first": 3 }), Action::SeeEnrolment, to_own),
        ] {
            subscribe(&mut peer, operation, operation, variables).await;
            if verdict(&actor, action, relation) == Verdict::Allowed {
                let said = in_time(peer.hear()).await;
                assert_eq!(said["type"], "next", "{} {operation}: {said:#}", viewer.name);
                followed += 1;
            } else {
                let code = if actor.person.is_some() {
                    "FORBIDDEN"
                } else {
                    "UNAUTHENTICATED"
                };
                assert_eq!(
                    ends_with(&mut peer, operation).await,
                    code,
                    "{} {operation}",
                    viewer.name
                );
                refused += 1;
            }
        }
    }
    assert!(followed > 8 && refused > 5, "{followed} followed, {refused} refused");
    eprintln!(
        "matrix, subscriptions: {} viewers, {followed} followed, {refused} refused",
        world.viewers.len()
    );
}

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
async fn many_changes_come_in_few_values_and_the_last_is_told() {
    const PEOPLE: usize = 24;
    const PAUSE: Duration = Duration::from_millis(200);
    let test = TestApp::having(|settings| {
        prompt(settings);
        settings.live.pause_milliseconds = 200;
    })
    .await;
    let (carla, edition) = open(&test).await;
    let names: Vec<&'static str> = (0..PEOPLE)
        .map(|number| &*Box::leak(format!("P{number}").into_boxed_str()))
        .collect();
    let mut people = Vec::new();
    for name in names {
        people.push(test.person(name).await);
    }
    let mut peer = follower(&test, &carla, &edition).await;
    let begun = Instant::now();
    figures(&mut peer).await;
    for person in &people {
        apply(person, &edition).await;
    }
    let mut values = 1_u32;
    loop {
        values += 1;
        if applications(&mut peer).await == PEOPLE {
            break;
        }
    }
    let most = begun.elapsed().as_millis() / PAUSE.as_millis() + 2;
    assert!(u128::from(values) <= most, "{values} values in {:?}", begun.elapsed());
    eprintln!("live: {PEOPLE} changes in {values} values, {:?}", begun.elapsed());
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
async fn a_value_costs_the_same_few_statements_whatever_the_number() {
    let test = TestApp::having(undisturbed).await;
    let (carla, edition) = open(&test).await;
    let eva = test.person("Eva").await;
    // When the program begins to listen to something, who follows it reads again, which is not to be counted here.
    let topics = [
        Topic::Person(eva.person.expect("a person")),
        Topic::Edition(edition.parse().expect("an edition")),
    ];
    let _listening = following(&test, &topics).await;
    let mut others = Vec::new();
    for code in ["E-1", "E-2", "E-3", "E-4"] {
        others.push(enrolling(&carla, Plan { code, ..Plan::OPEN }).await);
    }
    let spent = async |client: &Client<'_>, operation, variables: Value, field| {
        let mut peer = introduced(&test, client.token()).await;
        client.warm_up().await;
        let before = test.app.db.statements();
        subscribe(&mut peer, "a", operation, variables).await;
        value(&mut peer, field).await;
        test.app.db.statements() - before
    };
    let mut costs = Vec::new();
    for round in &others {
        apply(&eva, round).await;
        apply(
            &test.person(Box::leak(format!("In{round}").into_boxed_str())).await,
            &edition,
        )
        .await;
        costs.push((
            spent(&carla, FIGURES, json!({ "editionId": edition }), "editionFigures").await,
            spent(&eva, OWN, json!({ "first": 100 }), "myEnrolments").await,
        ));
    }
    eprintln!("live: statements of a value, figures and own enrolments: {costs:?}");
    assert!(
        costs.iter().all(|(figures, own)| *figures <= 2 && *own <= 2),
        "{costs:?}"
    );
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

#[tokio::test]
async fn the_way_to_the_server_may_be_another() {
    let test = TestApp::having(|settings| {
        prompt(settings);
        settings.database.listen_url = settings.database.url.clone();
    })
    .await;
    let (carla, edition) = open(&test).await;
    let mut peer = follower(&test, &carla, &edition).await;
    figures(&mut peer).await;
    apply(&test.person("Eva").await, &edition).await;
    assert_eq!(applications(&mut peer).await, 1);
    if test.app.db.engine() == Engine::Postgres {
        let mut settings = (*test.app.settings).clone();
        settings.database.listen_url = Secret::new("whisper:whisper");
        let refused = rumbo::store::Db::connect(&settings.database)
            .await
            .expect_err("no address");
        let told = refused.to_string();
        assert!(
            told.contains("database.listen_url") && !told.contains("whisper"),
            "{told}"
        );
    }
}
