//! Sign-ins: how often an address may fail, and what one document may hold of them.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{ON, PASSWORD, assert_limited, from, owner, sign_in};
use crate::support::app::TestApp;

#[tokio::test]
async fn an_address_may_fail_five_times_and_then_three_times_a_minute() {
    let test = TestApp::with(&[ON]).await;
    for _ in 0..5 {
        let failed = sign_in(&test, "192.0.2.1", "nobody@example.org", "wrong wrong wrong").await;
        assert_eq!(failed.at("signIn.session"), &Value::Null);
    }
    assert_limited(
        &sign_in(&test, "192.0.2.1", "other@example.org", "wrong wrong wrong").await,
        20,
    );
    let elsewhere = sign_in(&test, "192.0.2.2", "nobody@example.org", "wrong wrong wrong").await;
    assert_eq!(elsewhere.at("signIn.session"), &Value::Null);
    test.pass(TimeDelta::seconds(20));
    sign_in(&test, "192.0.2.1", "nobody@example.org", "wrong wrong wrong")
        .await
        .at("signIn.session");
    assert_limited(
        &sign_in(&test, "192.0.2.1", "nobody@example.org", "wrong wrong wrong").await,
        20,
    );
}

#[tokio::test]
async fn networks_of_ipv6_are_one_address() {
    let test = TestApp::with(&[ON]).await;
    for host in 1..=5 {
        sign_in(
            &test,
            &format!("[2001:db8:0:1::{host}]"),
            "nobody@example.org",
            "wrong wrong wrong",
        )
        .await
        .at("signIn.session");
    }
    assert_limited(
        &sign_in(&test, "[2001:db8:0:1:9::]", "nobody@example.org", "wrong wrong wrong").await,
        20,
    );
    sign_in(&test, "[2001:db8:0:2::1]", "nobody@example.org", "wrong wrong wrong")
        .await
        .at("signIn.session");
}

#[tokio::test]
async fn a_hundred_sign_ins_in_one_document_are_refused_whole() {
    let test = TestApp::with(&[ON]).await;
    let fields: Vec<String> = (0..100)
        .map(|place| format!("a{place}: signIn(input: {{ email: \"x@example.org\", password: \"wrong wrong\" }}) {{ userErrors {{ code }} }} "))
        .collect();
    let refused = from(
        &test,
        "192.0.2.1",
        &[],
        json!({ "query": format!("mutation {{ {} }}", fields.concat()) }),
    )
    .await;
    assert!(refused.json.get("data").is_none_or(Value::is_null), "{}", refused.body);
    assert!(refused.status.is_client_error(), "{}", refused.status);
    let three = "mutation { a: signIn(input: { email: \"x@example.org\", password: \"no\" }) { userErrors { code } }
        b: signIn(input: { email: \"x@example.org\", password: \"no\" }) { userErrors { code } }
        c: signIn(input: { email: \"x@example.org\", password: \"no\" }) { userErrors { code } } }";
    from(&test, "192.0.2.1", &[], json!({ "query": three }))
        .await
        .at("c.userErrors");
    let again = from(&test, "192.0.2.1", &[], json!({ "query": three })).await;
    assert_limited(&again, 20);
}

#[tokio::test]
async fn whoever_signs_in_rightly_is_not_counted() {
    let test = TestApp::with(&[ON]).await;
    owner(&test).await;
    for _ in 0..8 {
        sign_in(&test, "192.0.2.1", "ana@example.org", PASSWORD)
            .await
            .text("signIn.session.accessToken");
    }
}
