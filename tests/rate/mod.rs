//! How often things may be asked for, through HTTP.

#![allow(
    clippy::similar_names,
    reason = "people and things are named as the story needs them"
)]

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};

use crate::support::app::{Answer, TestApp};
use crate::support::letter::token_in;

mod counter;
mod door;
mod field;
mod lockout;
mod message;
mod refund;
mod refused;

const ON: (&str, &str) = ("rates.enabled", "true");
const SIGN_IN: &str = "mutation ($e: String!, $p: String!) { signIn(input: { email: $e, password: $p }) {
    session { accessToken } userErrors { code } } }";
const PASSWORD: &str = "tortuga verde en mayo";

/// Sends a body from an address, with more headers.
async fn from(test: &TestApp, peer: &str, headers: &[(&str, &str)], body: Value) -> Answer {
    let peer: SocketAddr = format!("{peer}:4711").parse().expect("an address");
    let mut request = Request::post("/graphql")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/graphql-response+json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Body::from(body.to_string())).expect("a request");
    request.extensions_mut().insert(ConnectInfo(peer));
    test.send(request).await
}

async fn sign_in(test: &TestApp, peer: &str, email: &str, password: &str) -> Answer {
    from(
        test,
        peer,
        &[],
        json!({ "query": SIGN_IN, "variables": { "e": email, "p": password } }),
    )
    .await
}

/// Somebody who can sign in.
async fn owner(test: &TestApp) {
    let register = json!({ "input": { "email": "ana@example.org", "givenName": "Ana", "familyName": "Gris",
        "language": "EN", "timeZone": "America/Montevideo", "password": PASSWORD } });
    let document = "mutation ($input: RegisterPersonInput!) { registerPerson(input: $input) { accepted } }";
    from(
        test,
        "192.0.2.200",
        &[],
        json!({ "query": document, "variables": register }),
    )
    .await
    .at("registerPerson");
    let mails = test.mails().await;
    let token = token_in(mails.last().expect("a message"));
    let confirm = "mutation ($t: String!) { confirmEmail(input: { token: $t }) { confirmed } }";
    let confirmed = from(
        test,
        "192.0.2.201",
        &[],
        json!({ "query": confirm, "variables": { "t": token } }),
    )
    .await;
    assert_eq!(confirmed.at("confirmEmail.confirmed"), &json!(true));
}

#[track_caller]
fn assert_limited(answer: &Answer, seconds: i64) {
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{}", answer.body);
    assert_eq!(answer.refusal(), "RATE_LIMITED");
    assert_eq!(answer.json["errors"][0]["extensions"]["retryAfter"], seconds);
    assert_eq!(answer.headers[header::RETRY_AFTER], seconds.to_string().as_str());
}
