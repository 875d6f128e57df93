//! Tables that come in over the network: the link, the file, the work, and who sees what came of it.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use chrono::TimeDelta;
use rumbo::domain::roster::Outcome;
use rumbo::domain::sheet::BYTES_MOST;
use rumbo::worker::imports;
use serde_json::{Value, json};

use super::{accounts, appointed, assert_forgotten, claimed, file, file_of, files, listening, order, place, report};
use crate::live::{ends_with, prompt, value};
use crate::support::app::{Answer, Client, TestApp, send};
use crate::support::scene::{Plan, act, draft, edition_input, id_of, replan, walk};

const FILE: &str = "email;firstname;lastname;country;city\n\
    a@example.org;Ana;Paz;UY;\n\
    b@example.org;Beto;Gil;XX;\n\
    c@example.org;Caro;Ríos;;\n";

/// Sends a file to where a link leads.
pub(crate) async fn put(test: &TestApp, client: &Client<'_>, url: &str, file: impl Into<Body>) -> Answer {
    test.send(putting(client, url, file)).await
}

fn putting(client: &Client<'_>, url: &str, file: impl Into<Body>) -> Request<Body> {
    let path = url.find("/files").map_or(url, |at| &url[at..]);
    let mut request = Request::builder().method(Method::PUT).uri(path);
    if let Some(token) = client.token() {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    request.body(file.into()).expect("a request")
}

/// The identifier of an import and the link to its file.
pub(crate) async fn ask(client: &Client<'_>, input: Value) -> (String, String) {
    let made = act(client, "ImportEnrolments", input).await;
    (
        made.text("importEnrolments.created.tableImport.id"),
        made.text("importEnrolments.created.upload.url"),
    )
}

pub(crate) async fn follow(client: &Client<'_>, id: &str) -> Value {
    let answer = client.run("SeeTableImport", json!({ "id": id })).await;
    answer.at("tableImport").clone()
}

#[track_caller]
fn assert_refused(answer: &Answer, status: StatusCode, code: &str) {
    assert_eq!((answer.status, answer.body.trim_end()), (status, code));
}

#[tokio::test]
async fn a_table_is_tried_out_and_brought_in_with_a_result_for_each_row() {
    let test = TestApp::new().await;
    let (_, edition) = place(&test).await;
    let dora = test.coordinator_of("Dora", &edition).await;
    for (dry_run, mode, refused, people) in [
        (true, "ALL_OR_NOTHING", 1, 2),
        (false, "ALL_OR_NOTHING", 1, 2),
        (false, "ROW_BY_ROW", 1, 4),
    ] {
        let (id, url) = ask(&dora, json!({ "editionId": edition, "dryRun": dry_run, "mode": mode })).await;
        assert_eq!(follow(&dora, &id).await["state"], "AWAITING_FILE");
        let taken = put(&test, &dora, &url, FILE).await;
        assert_eq!((taken.status, taken.body.as_str()), (StatusCode::NO_CONTENT, ""));
        assert_eq!(follow(&dora, &id).await["state"], "QUEUED");
        imports::drain(&test.app).await.expect("the work is done");
        let seen = follow(&dora, &id).await;
        assert_eq!(seen["state"], "DONE", "{seen}");
        assert_eq!((&seen["done"], &seen["total"]), (&json!(3), &json!(3)));
        assert_eq!((&seen["created"], &seen["refused"]), (&json!(2), &json!(refused)));
        assert_eq!(seen["carriedOut"], json!(people > 2));
        assert_eq!(seen["form"], "UTF-8, semicolon");
        assert_eq!(seen["ignoredColumns"], json!(["city"]));
        assert_eq!(seen["editionId"], edition.as_str());
        assert_eq!(accounts(&test).await, people);
        let refused = json!({ "id": id, "first": 10, "outcomes": ["REFUSED"] });
        let rows = dora.run("TableImportRows", refused).await;
        let fault = rows.at("tableImportRows.nodes.0.faults.0");
        assert_eq!(rows.number("tableImportRows.nodes.0.line"), 3);
        assert_eq!(
            (&fault["column"], &fault["code"]),
            (&json!("country"), &json!("UNKNOWN_COUNTRY"))
        );
        assert!(
            fault["message"]
                .as_str()
                .is_some_and(|text| text.contains("two letters")),
            "{fault}"
        );
    }
    assert_eq!(
        test.notices().await,
        ["enrolment_confirmed a@example.org", "enrolment_confirmed c@example.org"]
    );
    assert_eq!(files(&test).await, 0, "a file is kept no longer than it is needed");
    test.fine().await;
}

#[tokio::test]
async fn the_rows_come_in_pages_in_the_order_of_the_file() {
    let test = TestApp::new().await;
    let ada = test.administrator().await;
    let made = act(&ada, "ImportPeople", json!({ "dryRun": true })).await;
    let id = made.text("importPeople.created.tableImport.id");
    assert_eq!(made.number("importPeople.created.upload.mostBytes"), 16_777_216);
    let url = made.text("importPeople.created.upload.url");
    put(&test, &ada, &url, file_of(250)).await;
    imports::drain(&test.app).await.expect("the work is done");
    let (mut lines, mut after) = (Vec::new(), Value::Null);
    loop {
        let page = ada
            .run("TableImportRows", json!({ "id": id, "first": 100, "after": after }))
            .await;
        let nodes = page.at("tableImportRows.nodes").as_array().expect("a list").clone();
        lines.extend(nodes.iter().filter_map(|node| node["line"].as_i64()));
        if page.at("tableImportRows.pageInfo.hasNextPage") != &json!(true) {
            break;
        }
        after = page.at("tableImportRows.pageInfo.endCursor").clone();
    }
    assert_eq!(lines, (2..252).collect::<Vec<_>>());
    assert_eq!(accounts(&test).await, 1);
}

#[tokio::test]
async fn a_link_takes_one_file_from_whom_it_was_made_for() {
    let test = TestApp::new().await;
    let (carla, edition) = place(&test).await;
    let dora = test.coordinator_of("Dora", &edition).await;
    let (id, url) = ask(&dora, json!({ "editionId": edition })).await;
    let nobody = put(&test, &test.anonymous(), &url, FILE).await;
    assert_refused(&nobody, StatusCode::UNAUTHORIZED, "UNAUTHENTICATED");
    for client in [&carla, &dora.again().await] {
        let answer = put(&test, client, &url, FILE).await;
        assert_refused(&answer, StatusCode::NOT_FOUND, "NOT_FOUND");
    }
    let get = Request::builder().uri(&url[url.find("/files").expect("a path")..]);
    let get = get.header(
        header::AUTHORIZATION,
        format!("Bearer {}", dora.token().expect("a token")),
    );
    let fetched = test.send(get.body(Body::empty()).expect("a request")).await;
    assert_refused(&fetched, StatusCode::NOT_FOUND, "NOT_FOUND");

    let large = put(&test, &dora, &url, vec![b'a'; BYTES_MOST + 1]).await;
    assert_refused(&large, StatusCode::PAYLOAD_TOO_LARGE, "TOO_LONG");
    for (file, code) in [("%PDF-1.7", "UNREADABLE"), ("<html>", "UNREADABLE"), ("", "NO_COLUMNS")] {
        let answer = put(&test, &dora, &url, file).await;
        assert_refused(&answer, StatusCode::UNPROCESSABLE_ENTITY, code);
    }
    assert_eq!(put(&test, &dora, &url, FILE).await.status, StatusCode::NO_CONTENT);
    let again = put(&test, &dora, &url, FILE).await;
    assert_refused(&again, StatusCode::NOT_FOUND, "NOT_FOUND");

    let (_, late) = ask(&dora, json!({ "editionId": edition })).await;
    test.pass(TimeDelta::minutes(5));
    let answer = put(&test, &dora, &late, FILE).await;
    assert_refused(&answer, StatusCode::NOT_FOUND, "NOT_FOUND");
    // What somebody else looks for is absent.
    for client in [&carla, &test.administrator().await] {
        let answer = client.run("SeeTableImport", json!({ "id": id })).await;
        assert_eq!(answer.at("tableImport"), &Value::Null);
        let rows = client.run("TableImportRows", json!({ "id": id, "first": 10 })).await;
        assert_eq!(rows.refusal(), "NOT_FOUND");
    }
    let nobody = test.anonymous().run("SeeTableImport", json!({ "id": id })).await;
    assert_eq!(nobody.refusal(), "UNAUTHENTICATED");
    imports::drain(&test.app).await.expect("the work is done");
}

#[tokio::test]
async fn a_role_that_ends_ends_the_way_in_and_the_work() {
    let test = TestApp::new().await;
    let (_, edition) = place(&test).await;
    let ada = test.administrator().await;
    let (dora, role) = appointed(&test, &ada, &edition).await;
    let (id, url) = ask(&dora, json!({ "editionId": edition })).await;
    let (_, unused) = ask(&dora, json!({ "editionId": edition })).await;
    assert_eq!(put(&test, &dora, &url, FILE).await.status, StatusCode::NO_CONTENT);
    act(&ada, "RevokeRole", json!({ "roleAssignmentId": role })).await;
    let answer = put(&test, &dora, &unused, FILE).await;
    assert_refused(&answer, StatusCode::NOT_FOUND, "NOT_FOUND");
    imports::drain(&test.app).await.expect("the work is done");
    assert_eq!(follow(&dora, &id).await["state"], "FAILED");
    assert_eq!(accounts(&test).await, 3);
}

#[tokio::test]
async fn what_is_refused_is_refused_before_there_is_a_link() {
    let test = TestApp::new().await;
    let (carla, edition) = place(&test).await;
    let ana = test.person("Ana").await;
    let of = json!({ "editionId": edition });
    assert_eq!(act(&ana, "ImportEnrolments", of.clone()).await.refusal(), "FORBIDDEN");
    assert_eq!(act(&carla, "ImportPeople", json!({})).await.refusal(), "FORBIDDEN");
    for (operation, input) in [("ImportEnrolments", of.clone()), ("ImportPeople", json!({}))] {
        let nobody = act(&test.anonymous(), operation, input).await;
        assert_eq!(nobody.refusal(), "UNAUTHENTICATED");
    }
    // An edition that somebody does not see is one that there is not.
    let unseen = draft(&carla, Plan::OTHER).await.text("createEdition.edition.id");
    for absent in [unseen.as_str(), "edn_01h455vb4pex5vsknk084sn02q"] {
        let refused = act(&ana, "ImportEnrolments", json!({ "editionId": absent })).await;
        assert_eq!(refused.refusal(), "NOT_FOUND");
    }
    let wrong = act(&carla, "ImportEnrolments", json!({ "editionId": id_of(&ana) })).await;
    assert_eq!(wrong.user_errors("importEnrolments"), ["INVALID_ID input.editionId"]);
    // So many may wait; whoever has more links waits with them.
    let (_, spare) = ask(&carla, of.clone()).await;
    for _ in 0..5 {
        let (_, url) = ask(&carla, of.clone()).await;
        assert_eq!(put(&test, &carla, &url, FILE).await.status, StatusCode::NO_CONTENT);
    }
    let more = act(&carla, "ImportEnrolments", of.clone()).await;
    assert_eq!(more.user_errors("importEnrolments"), ["LIMIT_REACHED input"]);
    assert!(
        more.body.contains("There are as many as there may be: 5."),
        "{}",
        more.body
    );
    let refused = put(&test, &carla, &spare, FILE).await;
    assert_refused(&refused, StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED");
    imports::drain(&test.app).await.expect("the work is done");
    assert_eq!(put(&test, &carla, &spare, FILE).await.status, StatusCode::NO_CONTENT);
    imports::drain(&test.app).await.expect("the work is done");
    drop(test.mails().await);
}

#[tokio::test]
async fn an_edition_that_takes_nobody_now_takes_no_table() {
    let test = TestApp::new().await;
    let (carla, edition) = place(&test).await;
    let asked = async || {
        let may = carla
            .run("MayI", json!({ "action": "IMPORT_ENROLMENTS", "on": edition }))
            .await;
        let made = act(&carla, "ImportEnrolments", json!({ "editionId": edition })).await;
        (
            may.at("viewer.can.allowed").clone(),
            made.user_errors("importEnrolments"),
        )
    };
    assert_eq!(asked().await, (json!(true), vec![]));
    let closed = || (json!(false), vec!["ENROLMENT_CLOSED input.editionId".to_owned()]);
    let mut plan = edition_input(Plan::OPEN);
    plan["enrolsUntil"] = json!("2026-03-02T08:00:00-03:00");
    let changed = replan(&carla, &edition, plan).await;
    assert_eq!(changed.user_errors("updateEdition"), [""; 0]);
    assert_eq!(asked().await, closed(), "the window is over");
    let changed = replan(&carla, &edition, edition_input(Plan::OPEN)).await;
    assert_eq!(changed.user_errors("updateEdition"), [""; 0]);
    assert_eq!(asked().await, (json!(true), vec![]));
    walk(&carla, &edition, &["ENROLMENT_CLOSED"]).await;
    assert_eq!(asked().await, closed(), "its enrolment is closed");
    drop(test.mails().await);
}

#[tokio::test]
async fn what_is_no_table_is_told_by_its_line_and_copies_share_the_work() {
    let test = TestApp::new().await;
    let (carla, edition) = place(&test).await;
    let (id, url) = ask(&carla, json!({ "editionId": edition })).await;
    let latin = b"email,firstname\na@example.org,Jos\xE9\n".to_vec();
    let other = test.copy().await;
    assert_eq!(
        send(&other, putting(&carla, &url, latin)).await.status,
        StatusCode::NO_CONTENT
    );
    let (one, two) = tokio::join!(imports::drain(&test.app), imports::drain(&test.app));
    one.and(two).expect("the work is done");
    let seen = follow(&carla, &id).await;
    assert_eq!(seen["state"], "UNREADABLE", "{seen}");
    assert_eq!(seen["fault"]["code"], "WRONG_ENCODING");
    assert_eq!(seen["fault"]["line"], 2);
    assert_eq!(seen["carriedOut"], false);
    assert_forgotten(&test, &carla, &id).await;
}

#[tokio::test]
async fn a_column_whose_name_cannot_be_stored_stops_the_file() {
    let test = TestApp::new().await;
    let (carla, edition) = place(&test).await;
    let (id, url) = ask(&carla, json!({ "editionId": edition })).await;
    let taken = put(&test, &carla, &url, "email,first\0name\na@example.org,Ana\n").await;
    assert_eq!(taken.status, StatusCode::NO_CONTENT);
    imports::drain(&test.app).await.expect("the work is done");
    let seen = follow(&carla, &id).await;
    assert_eq!(seen["state"], "UNREADABLE", "{seen}");
    let fault = &seen["fault"];
    assert_eq!(
        (&fault["code"], &fault["line"], &fault["column"]),
        (&json!("FORBIDDEN_CHARACTER"), &json!(1), &json!("column 2"))
    );
    assert_eq!(seen["carriedOut"], false);
    assert_forgotten(&test, &carla, &id).await;
}

#[tokio::test]
async fn what_a_lost_copy_began_the_next_one_finishes_and_whoever_follows_hears_of_it() {
    let test = TestApp::having(prompt).await;
    let (carla, edition) = place(&test).await;
    let input = json!({ "editionId": edition, "mode": "ROW_BY_ROW", "notify": false });
    let (id, url) = ask(&carla, input).await;
    let mut peer = listening(&test, &carla, &id).await;
    assert_eq!(value(&mut peer, "tableImport").await["state"], "AWAITING_FILE");
    assert_eq!(put(&test, &carla, &url, file()).await.status, StatusCode::NO_CONTENT);
    // A copy claims it, carries the first rows out, and is lost before it could say what came of them.
    claimed(&test).await;
    let done = report(&test, &carla, &file_of(200), &order()).await;
    assert_eq!(done.count(Outcome::Created), 200);
    drop(test.mails().await);
    imports::drain(&test.app).await.expect("nothing is free");
    assert_eq!(follow(&carla, &id).await["state"], "RUNNING");
    test.pass(TimeDelta::seconds(61));
    imports::drain(&test.app).await.expect("the work is done");
    loop {
        let said = value(&mut peer, "tableImport").await;
        if said["state"] == "DONE" {
            let counts = ["total", "done", "created", "unchanged", "refused"].map(|name| said[name].as_i64());
            assert_eq!(counts, [450, 450, 250, 200, 0].map(Some));
            break;
        }
    }
    assert_eq!(accounts(&test).await, 451);
    let stranger = test.administrator().await;
    let mut peer = listening(&test, &stranger, &id).await;
    assert_eq!(ends_with(&mut peer, "a").await, "NOT_FOUND");
    test.fine().await;
    assert_eq!(test.notices().await, [""; 0]);
}
