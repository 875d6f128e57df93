//! Whether it lives, and whether it is ready.

use axum::http::{Method, StatusCode};

use super::{run, send};
use crate::support::app::TestApp;

#[tokio::test]
async fn it_lives_and_is_ready() {
    let test = TestApp::new().await;
    for (path, body) in [("/health", "alive\n"), ("/ready", "ready\n")] {
        let answer = send(&test, Method::GET, path, None, "").await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, body));
    }
    let absent = send(&test, Method::GET, "/", None, "").await;
    assert_eq!(absent.status, StatusCode::NOT_FOUND, "the start page is switched off");
}

#[tokio::test]
async fn it_is_not_ready_when_the_schema_is_not_current() {
    let test = TestApp::new().await;
    run(&test, "DROP TABLE seaql_migrations").await;
    let ready = send(&test, Method::GET, "/ready", None, "").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    let alive = send(&test, Method::GET, "/health", None, "").await;
    assert_eq!(alive.status, StatusCode::OK);
}
