//! Tables that are under way: what whoever follows one hears, how many there may be, what becomes of those whose file
//! does not come, and what ends them all.

use std::convert::Infallible;
use std::io;

use axum::body::Body;
use axum::http::{StatusCode, header};
use chrono::TimeDelta;
use futures_util::{FutureExt, stream};
use rumbo::store::announce::Topic;
use rumbo::store::table_import;
use rumbo::worker::imports;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::broken::handed_over;
use super::cancelled::{TOO_LATE, cancel};
use super::network::{ask, follow, put};
use super::{claimed, files, place};
use crate::live::announce::following;
use crate::live::in_time;
use crate::support::app::{Client, TestApp};
use crate::support::scene::act;

const FILE: &str = "email,firstname,lastname\na@example.org,Ana,Paz\n";

#[tokio::test]
async fn whoever_follows_a_table_hears_what_has_changed_and_nothing_else() {
    let test = TestApp::new().await;
    let (carla, edition) = place(&test).await;
    handed_over(&test, &carla, &edition, "ROW_BY_ROW").await;
    let first = claimed(&test).await;
    handed_over(&test, &carla, &edition, "ROW_BY_ROW").await;
    let other = claimed(&test).await;
    let mut followed = following(&test, &[first.id, other.id].map(Topic::Import)).await;
    let until = test.now() + TimeDelta::seconds(60);
    let advance = async |held: &table_import::Model, done: i64, is_news: bool| {
        let told = table_import::advance(&test.app.db, held, (done, 9), is_news, until).await;
        told.expect("it is noted")
    };
    assert!(advance(&first, 3, true).await);
    in_time(followed[0].changed()).await;

    assert!(advance(&first, 3, false).await, "it is held for longer");
    let lost = table_import::Model {
        lease: first.lease - 1,
        ..first
    };
    assert!(!advance(&lost, 4, true).await);
    // Announcements come in the order of the commits.
    assert!(advance(&other, 1, true).await);
    in_time(followed[1].changed()).await;
    assert!(followed[0].changed().now_or_never().is_none());
}

#[tokio::test]
async fn a_table_whose_file_does_not_come_is_given_up_when_its_link_is_dead() {
    let test = TestApp::new().await;
    let (carla, edition) = place(&test).await;
    let of = json!({ "editionId": edition, "notify": false });
    let (late, dead) = ask(&carla, of.clone()).await;
    test.pass(TimeDelta::seconds(1));
    let (id, url) = ask(&carla, of).await;
    let topic = Topic::Import(late.parse().expect("an import"));
    let mut followed = following(&test, &[topic]).await;
    test.pass(TimeDelta::minutes(5) - TimeDelta::seconds(1) - TimeDelta::microseconds(1));
    assert_eq!(test.notices().await, [""; 0]);
    assert_eq!(follow(&carla, &late).await["state"], "AWAITING_FILE");
    test.pass(TimeDelta::microseconds(1));
    let until = test.now().format("%F %R UTC").to_string();
    assert_eq!(test.notices().await, [""; 0]);
    in_time(followed[0].changed()).await;
    let seen = follow(&carla, &late).await;
    assert_eq!((&seen["state"], &seen["carriedOut"]), (&json!("FAILED"), &json!(false)));
    let fault = &seen["fault"];
    assert_eq!(
        (&fault["code"], &fault["line"]),
        (&json!("DEADLINE_PASSED"), &Value::Null)
    );
    assert_eq!(fault["message"], format!("The deadline has passed: {until}."));
    assert!(seen["finishedAt"].is_string(), "{seen}");
    assert_eq!(put(&test, &carla, &dead, FILE).await.status, StatusCode::NOT_FOUND);
    assert_eq!(cancel(&carla, &late).await.user_errors("cancelTableImport"), TOO_LATE);
    // The other one has a second left.
    assert_eq!(follow(&carla, &id).await["state"], "AWAITING_FILE");
    assert_eq!(put(&test, &carla, &url, FILE).await.status, StatusCode::NO_CONTENT);
    imports::drain(&test.app).await.expect("the work is done");
    test.pass(TimeDelta::seconds(2));
    assert_eq!(test.notices().await, [""; 0]);
    assert_eq!(follow(&carla, &id).await["state"], "DONE");
}

#[tokio::test]
async fn ten_of_one_person_await_their_file_at_a_time() {
    let test = TestApp::new().await;
    let (carla, edition) = place(&test).await;
    let dora = test.coordinator_of("Dora", &edition).await;
    let of = json!({ "editionId": edition });
    let (first, _) = ask(&carla, of.clone()).await;
    for _ in 1..10 {
        ask(&carla, of.clone()).await;
    }
    let refused = async || {
        let more = act(&carla, "ImportEnrolments", of.clone()).await;
        assert_eq!(more.user_errors("importEnrolments"), ["LIMIT_REACHED input"]);
        assert!(
            more.body.contains("There are as many as there may be: 10."),
            "{}",
            more.body
        );
    };
    refused().await;
    ask(&dora, of.clone()).await;
    cancel(&carla, &first).await;
    ask(&carla, of.clone()).await;
    refused().await;
    // Links that are dead do not count, however late the worker comes.
    test.pass(TimeDelta::minutes(5));
    ask(&carla, of.clone()).await;
}

/// A file that comes once it may, with what is heard when it begins to be read, and what lets it come.
fn slow() -> (Body, oneshot::Receiver<()>, oneshot::Sender<()>) {
    let (begin, has_begun) = oneshot::channel();
    let (go, may_go) = oneshot::channel();
    let whole = async move {
        begin.send(()).ok();
        may_go.await.ok();
        Ok::<_, Infallible>(FILE)
    };
    (Body::from_stream(stream::once(whole)), has_begun, go)
}

#[tokio::test]
async fn two_files_of_one_person_come_in_at_a_time() {
    let test = TestApp::new().await;
    let (carla, edition) = place(&test).await;
    let dora = test.coordinator_of("Dora", &edition).await;
    let of = json!({ "editionId": edition, "notify": false });
    let [(_, one), (_, two), (_, three)] = [
        ask(&carla, of.clone()).await,
        ask(&carla, of.clone()).await,
        ask(&carla, of.clone()).await,
    ];
    let (_, other) = ask(&dora, of).await;
    let (first, first_began, let_first) = slow();
    let (second, second_began, let_second) = slow();
    let meanwhile = async {
        first_began.await.expect("it is read");
        second_began.await.expect("it is read");
        let refused = put(&test, &carla, &three, FILE).await;
        assert_eq!(
            (refused.status, refused.body.as_str()),
            (StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED\n")
        );
        assert_eq!(refused.headers[header::RETRY_AFTER], "5");
        assert_eq!(put(&test, &dora, &other, FILE).await.status, StatusCode::NO_CONTENT);
        let_first.send(()).expect("it waits");
        let_second.send(()).expect("it waits");
    };
    let (one, two, ()) = tokio::join!(
        put(&test, &carla, &one, first),
        put(&test, &carla, &two, second),
        meanwhile
    );
    assert_eq!([one.status, two.status], [StatusCode::NO_CONTENT; 2]);
    // What has come in leaves its place.
    assert_eq!(put(&test, &carla, &three, FILE).await.status, StatusCode::NO_CONTENT);
    imports::drain(&test.app).await.expect("the work is done");
}

#[tokio::test]
async fn a_file_that_broke_off_is_not_one_that_is_too_long_and_comes_again() {
    let test = TestApp::new().await;
    let (carla, edition) = place(&test).await;
    let (id, url) = ask(&carla, json!({ "editionId": edition, "notify": false })).await;
    let pieces = [Ok("email,firstname"), Err(io::Error::other("nobody is there any more"))];
    let refused = put(&test, &carla, &url, Body::from_stream(stream::iter(pieces))).await;
    assert_eq!(
        (refused.status, refused.body.as_str()),
        (StatusCode::BAD_REQUEST, "BAD_REQUEST\n")
    );
    assert_eq!(follow(&carla, &id).await["state"], "AWAITING_FILE");
    assert_eq!(put(&test, &carla, &url, FILE).await.status, StatusCode::NO_CONTENT);
    imports::drain(&test.app).await.expect("the work is done");
}

#[tokio::test]
async fn people_see_their_own_tables_the_newest_first() {
    let test = TestApp::new().await;
    let (carla, edition) = place(&test).await;
    let dora = test.coordinator_of("Dora", &edition).await;
    let of = json!({ "editionId": edition, "dryRun": true });
    let (first, _) = ask(&carla, of.clone()).await;
    test.pass(TimeDelta::seconds(1));
    ask(&dora, of.clone()).await;
    let (second, url) = ask(&carla, of.clone()).await;
    test.pass(TimeDelta::seconds(1));
    let (third, _) = ask(&carla, of).await;
    cancel(&carla, &first).await;
    assert_eq!(put(&test, &carla, &url, FILE).await.status, StatusCode::NO_CONTENT);
    imports::drain(&test.app).await.expect("the work is done");
    let (mut seen, mut after) = (Vec::new(), Value::Null);
    loop {
        let page = carla.run("MyTableImports", json!({ "first": 2, "after": after })).await;
        let nodes = page.at("viewer.tableImports.nodes").as_array().expect("a list").clone();
        let told = |node: &Value| (node["id"].clone(), node["state"].clone());
        seen.extend(nodes.iter().map(told));
        if page.at("viewer.tableImports.pageInfo.hasNextPage") != &json!(true) {
            break;
        }
        after = page.at("viewer.tableImports.pageInfo.endCursor").clone();
    }
    let all = [(third, "AWAITING_FILE"), (second, "DONE"), (first, "CANCELLED")];
    assert_eq!(seen, all.map(|(id, state)| (json!(id), json!(state))));
    // Whoever asked for none has none, and nobody is nobody.
    let ana = test
        .person("Ana")
        .await
        .run("MyTableImports", json!({ "first": 2 }))
        .await;
    assert_eq!(ana.at("viewer.tableImports.nodes"), &json!([]));
    let nobody = test.anonymous().run("MyTableImports", json!({ "first": 2 })).await;
    assert_eq!(nobody.at("viewer"), &Value::Null);
    let wrong = carla.run("MyTableImports", json!({ "first": 101 })).await;
    assert_eq!(wrong.refusal(), "OUT_OF_RANGE");
}

async fn states(client: &Client<'_>) -> Vec<Value> {
    let page = client.run("MyTableImports", json!({ "first": 10 })).await;
    let nodes = page.at("viewer.tableImports.nodes").as_array().expect("a list");
    nodes.iter().map(|node| node["state"].clone()).collect()
}

/// Of this person one awaits its file, one waits, and one is with a worker.
async fn three_under_way(test: &TestApp, client: &Client<'_>, edition: &str) {
    handed_over(test, client, edition, "ROW_BY_ROW").await;
    claimed(test).await;
    test.pass(TimeDelta::seconds(1));
    handed_over(test, client, edition, "ROW_BY_ROW").await;
    test.pass(TimeDelta::seconds(1));
    ask(client, json!({ "editionId": edition })).await;
    assert_eq!(states(client).await, ["AWAITING_FILE", "QUEUED", "RUNNING"]);
}

#[tokio::test]
async fn what_is_under_way_ends_with_all_sessions() {
    let test = TestApp::new().await;
    let (carla, edition) = place(&test).await;
    let dora = test.coordinator_of("Dora", &edition).await;
    three_under_way(&test, &carla, &edition).await;
    handed_over(&test, &dora, &edition, "ROW_BY_ROW").await;
    carla
        .run("EndOtherSessions", json!({}))
        .await
        .at("endOtherSessions.ended");
    assert_eq!(states(&carla).await, ["AWAITING_FILE", "QUEUED", "RUNNING"]);
    carla.run("EndAllSessions", json!({})).await.at("endAllSessions.ended");
    assert_eq!(states(&carla.again().await).await, ["CANCELLED"; 3]);
    assert_eq!(states(&dora).await, ["QUEUED"]);
    assert_eq!(files(&test).await, 1, "the files go with them");
}

#[tokio::test]
async fn what_is_under_way_ends_when_a_refresh_token_was_copied() {
    let test = TestApp::new().await;
    let (carla, edition) = place(&test).await;
    test.password_of(&carla).await;
    let anyone = test.anonymous();
    let signing_in = json!({ "email": carla.email, "password": TestApp::PASSWORD });
    let signed_in = act(&anyone, "SignIn", signing_in).await;
    let first = json!({ "refreshToken": signed_in.text("signIn.session.refreshToken") });
    let fresh = act(&anyone, "RefreshSession", first.clone()).await;
    assert_eq!(fresh.user_errors("refreshSession"), [""; 0]);
    three_under_way(&test, &carla, &edition).await;
    test.pass(TimeDelta::seconds(11));
    let copied = act(&anyone, "RefreshSession", first).await;
    assert_eq!(
        copied.user_errors("refreshSession"),
        ["INVALID_TOKEN input.refreshToken"]
    );
    // Her other session goes on, and sees it.
    assert_eq!(states(&carla).await, ["CANCELLED"; 3]);
    drop(test.mails().await);
}
