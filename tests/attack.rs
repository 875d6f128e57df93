//! Requests that are meant to stall or drain the server: each is refused by its code before any of it runs.
//! What the refusals cost is measured by `cargo bench --bench refusals`, not here.

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::Value;

use crate::support::app::TestApp;
use crate::support::attacks;

#[tokio::test]
async fn every_attack_is_refused_by_its_code_in_every_language() {
    let test = TestApp::new().await;
    for attack in attacks::all() {
        let mut sentences = Vec::new();
        for language in ["es", "en", "pt"] {
            let request = Request::post("/graphql")
                .header(header::CONTENT_TYPE, "application/json")
                .header(header::ACCEPT, "application/graphql-response+json")
                .header(header::ACCEPT_LANGUAGE, language)
                .body(Body::from(attack.body.clone()));
            let answer = test.send(request.expect("a request")).await;
            assert_eq!(answer.refusal(), attack.code, "{}: {:.300}", attack.name, answer.body);
            assert!(answer.status.is_client_error(), "{}: {}", attack.name, answer.status);
            assert!(answer.json.get("data").is_none(), "{}", attack.name);
            assert!(
                answer.body.len() < 20_000,
                "{}: {} bytes",
                attack.name,
                answer.body.len()
            );
            let fault = &answer.json["errors"][0];
            let is_limit = attack.code.starts_with("TOO_") || attack.code.starts_with("INPUT_");
            let limit = fault["extensions"]["limit"].as_u64();
            assert!(limit.is_some() || !is_limit, "{}: no number: {fault}", attack.name);
            sentences.push(fault["message"].as_str().unwrap_or_default().to_owned());
        }
        // What the library says of a document is for developers, in English.
        if attack.code != "GRAPHQL_VALIDATION_FAILED" {
            let [es, en, pt] = &sentences[..] else {
                unreachable!("three were asked for")
            };
            assert!(
                es != en && en != pt && es != pt && !en.is_empty(),
                "{}: {sentences:?}",
                attack.name
            );
        }
    }
}

#[tokio::test]
async fn the_same_field_many_times_is_no_work() {
    let test = TestApp::new().await;
    let document = format!("{{ measures {{ {} }} }}", "rule ".repeat(1_900));
    let answer = test.anonymous().query(&document, Value::Null).await;
    let row = &answer.at("measures")[0];
    assert_eq!(row.as_object().map(serde_json::Map::len), Some(1), "{row}");
}
