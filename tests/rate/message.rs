//! Messages: by who sends them and by who gets them.

use serde_json::json;

use super::{ON, assert_limited, from};
use crate::support::app::TestApp;

#[tokio::test]
async fn messages_are_limited_by_who_sends_and_by_who_gets_them() {
    let test = TestApp::with(&[ON, ("rates.mail_sender.burst", "7")]).await;
    let ask = async |peer: &str, email: &str| {
        let document = "mutation ($e: String!) { requestPasswordReset(input: { email: $e }) { accepted } }";
        from(
            &test,
            peer,
            &[],
            json!({ "query": document, "variables": { "e": email } }),
        )
        .await
    };
    for host in 1..=5 {
        ask(&format!("192.0.2.{host}"), "ana@example.org")
            .await
            .at("requestPasswordReset.accepted");
    }
    assert_limited(&ask("192.0.2.6", " ANA@example.org ").await, 720);
    for number in 0..7 {
        ask("192.0.2.9", &format!("p{number}@example.org"))
            .await
            .at("requestPasswordReset.accepted");
    }
    assert_limited(&ask("192.0.2.9", "other@example.org").await, 120);
}

#[tokio::test]
async fn a_mailbox_that_a_default_names_is_limited_too() {
    let test = TestApp::with(&[ON]).await;
    let whole = "mutation ($i: RequestPasswordResetInput! = { email: \"ana@example.org\" }) {
        requestPasswordReset(input: $i) { accepted } }";
    let part = "mutation ($e: String! = \"ana@example.org\") {
        requestPasswordReset(input: { email: $e }) { accepted } }";
    for (host, document) in [whole, part, whole, part, whole].iter().enumerate() {
        from(&test, &format!("192.0.2.{host}"), &[], json!({ "query": document }))
            .await
            .at("requestPasswordReset.accepted");
    }
    for document in [whole, part] {
        assert_limited(&from(&test, "192.0.2.9", &[], json!({ "query": document })).await, 720);
    }
}
