//! What stands around the GraphQL endpoint: methods, media types, limits, headers, and what no answer tells.

use axum::body::Body;
use axum::http::{Method, Request, header};
use sea_orm::ConnectionTrait;

use crate::support::app::{Answer, TestApp};

mod answer;
mod document;
mod health;
mod request;
mod token;

const JSON: &str = "application/json";
const GRAPHQL: &str = "application/graphql-response+json";

const MEASURES: &str = "{ measures { measure } }";

async fn send(test: &TestApp, method: Method, path: &str, media: Option<&str>, body: impl Into<Body>) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(media) = media {
        request = request.header(header::CONTENT_TYPE, media);
    }
    let request = request
        .header(header::ACCEPT, GRAPHQL)
        .header(header::ACCEPT_LANGUAGE, "en");
    test.send(request.body(body.into()).expect("a request")).await
}

async fn post(test: &TestApp, media: &str, body: impl Into<Body>) -> Answer {
    send(test, Method::POST, "/graphql", Some(media), body).await
}

/// A query in a URL.
async fn get(test: &TestApp, parameters: &[(&str, &str)]) -> Answer {
    let encode = |text: &str| {
        text.bytes()
            .fold(String::new(), |whole, byte| format!("{whole}%{byte:02x}"))
    };
    let pairs: Vec<String> = parameters
        .iter()
        .map(|(name, value)| format!("{name}={}", encode(value)))
        .collect();
    send(test, Method::GET, &format!("/graphql?{}", pairs.join("&")), None, "").await
}

async fn run(test: &TestApp, statement: &str) {
    let tx = test.app.db.write().await.expect("a transaction");
    tx.execute_unprepared(statement).await.expect("the statement runs");
    tx.commit().await.expect("a commit");
}
