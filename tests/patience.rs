//! How long things may take, and what is left of those that nobody waits for.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use axum::http::{StatusCode, header};
use rumbo::store::Engine;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::app::TestApp;

/// Reads one table alone, for whoever sees every course.
const COURSES: &str = "{ courses(first: 1) { nodes { id } } }";
const HEAD: Duration = Duration::from_secs(10);

/// Makes every look at a table take for ever.
pub async fn stall(test: &TestApp, table: &str) {
    let kept = format!("{table}_kept");
    let slow = match test.app.db.engine() {
        Engine::Sqlite => format!(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT {kept}.* FROM (SELECT count(*) FROM n)"
        ),
        Engine::Postgres => format!("SELECT {kept}.* FROM (SELECT pg_sleep(60)) AS rest"),
    };
    let script =
        format!("ALTER TABLE {table} RENAME TO {kept}; CREATE VIEW {table} AS {slow} LEFT JOIN {kept} ON 1 = 1");
    let tx = test.app.db.write().await.expect("a transaction");
    tx.execute_unprepared(&script).await.expect("the script runs");
    tx.commit().await.expect("a commit");
}

/// Waits until something holds; fails when it does not within `time`.
async fn within<F: Future<Output = bool>>(time: Duration, what: &str, holds: impl Fn() -> F) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < time, "{what}: not within {time:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// How many statements that rest run on the server.
async fn resting(test: &TestApp) -> i64 {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
               AND state = 'active' AND wait_event = 'PgSleep'";
    let connection = test.app.db.read();
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let row = connection.query_one_raw(statement).await.expect("the server answers");
    row.expect("a row").try_get_by_index(0).expect("a number")
}

#[tokio::test]
async fn an_operation_that_takes_too_long_ends_with_an_error_that_says_so() {
    let test = TestApp::with(&[("load.operation_seconds", "1"), ("database.statement_seconds", "30")]).await;
    let coordinator = test.coordinator().await;
    stall(&test, "course").await;
    let begun = Instant::now();
    let answer = coordinator.query(COURSES, json!({})).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.refusal(), "TIMEOUT", "{}", answer.body);
    assert_eq!(
        answer.json["errors"][0]["message"],
        "It took too long; ask for less at a time."
    );
    assert_eq!(answer.headers[header::RETRY_AFTER], "1");
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    within(Duration::from_secs(1), "the connection is free", async || {
        test.app.db.readers_at_work() == 0
    })
    .await;
}

#[tokio::test]
async fn a_statement_that_takes_too_long_ends_and_leaves_its_connection_in_order() {
    let test = TestApp::with(&[("database.statement_seconds", "1"), ("database.readers", "1")]).await;
    let coordinator = test.coordinator().await;
    stall(&test, "course").await;
    let begun = Instant::now();
    let answer = coordinator.query(COURSES, json!({})).await;
    assert_eq!(answer.refusal(), "TIMEOUT", "{}", answer.body);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    let next = test
        .anonymous()
        .query("{ editions(first: 1) { nodes { id } } }", json!({}))
        .await;
    assert_eq!(next.at("editions.nodes"), &json!([]));
}

#[tokio::test]
async fn who_hangs_up_frees_what_they_held() {
    let test = TestApp::with(&[("database.statement_seconds", "60"), ("load.operation_seconds", "60")]).await;
    let coordinator = test.coordinator().await;
    stall(&test, "course").await;
    let engine = test.app.db.engine();
    let (address, _stop) = test.listen(HEAD).await;
    let body = json!({ "query": COURSES }).to_string();
    let request = format!(
        "POST /graphql HTTP/1.1\r\nhost: rumbo\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        coordinator.token().expect("a token"),
        body.len()
    );
    let mut callers = Vec::new();
    for _ in 0..3 {
        let mut caller = TcpStream::connect(address).await.expect("a connection");
        caller.write_all(request.as_bytes()).await.expect("a request");
        callers.push(caller);
    }
    within(HEAD, "three statements run", async || {
        test.app.db.readers_at_work() == 3
    })
    .await;
    if engine == Engine::Postgres {
        within(HEAD, "three statements rest", async || resting(&test).await == 3).await;
    }
    drop(callers);
    let begun = Instant::now();
    within(Duration::from_secs(1), "every connection is free", async || {
        test.app.db.readers_at_work() == 0
    })
    .await;
    if engine == Engine::Postgres {
        let left = Duration::from_secs(1).saturating_sub(begun.elapsed());
        within(left, "no statement runs", async || resting(&test).await == 0).await;
    }
}

#[tokio::test]
async fn above_capacity_it_says_so_at_once() {
    let test = TestApp::with(&[("load.operations", "0")]).await;
    let begun = Instant::now();
    let answer = test.anonymous().query(COURSES, json!({})).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.refusal(), "OVERLOADED");
    assert_eq!(answer.headers[header::RETRY_AFTER], "1");
    assert!(begun.elapsed() < Duration::from_millis(100), "{:?}", begun.elapsed());
}

/// Sends the beginning of something and waits until the server has had enough; what it said.
async fn trickle(test: &TestApp, head: Duration, begun: &str) -> String {
    let (address, _stop) = test.listen(head).await;
    let mut caller = TcpStream::connect(address).await.expect("a connection");
    caller.write_all(begun.as_bytes()).await.expect("some bytes");
    let mut answer = Vec::new();
    match caller.read_to_end(&mut answer).await {
        Ok(_) => {}
        Err(failure) => assert_eq!(failure.kind(), ErrorKind::ConnectionReset),
    }
    String::from_utf8(answer).expect("UTF-8")
}

#[tokio::test]
async fn heads_and_bodies_that_trickle_are_cut() {
    let test = TestApp::with(&[("limits.request_seconds", "1")]).await;
    let begun = Instant::now();
    for text in ["", "POST /graphql HTTP/1.1\r\nhost: rumbo\r\n"] {
        trickle(&test, Duration::from_millis(300), text).await;
    }
    let body = "POST /graphql HTTP/1.1\r\nhost: rumbo\r\ncontent-type: application/json\r\ncontent-length: 90\r\n\r\n{";
    let answer = trickle(&test, HEAD, body).await;
    assert!(
        answer.starts_with("HTTP/1.1 503 ") || answer.starts_with("HTTP/1.1 408 "),
        "{answer}"
    );
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn connections_on_which_nothing_happens_do_not_matter() {
    let test = TestApp::new().await;
    let (address, _stop) = test.listen(HEAD).await;
    let mut idle = Vec::new();
    for _ in 0..400 {
        idle.push(TcpStream::connect(address).await.expect("a connection"));
    }
    let mut caller = TcpStream::connect(address).await.expect("a connection");
    let request = "GET /health HTTP/1.1\r\nhost: rumbo\r\nconnection: close\r\n\r\n";
    caller.write_all(request.as_bytes()).await.expect("a request");
    let mut answer = String::new();
    caller.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert_eq!(idle.len(), 400);
}
