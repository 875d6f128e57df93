//! What is given back, since it was no guess and sent no message.

use serde_json::json;

use super::{ON, PASSWORD, assert_limited, from, owner, sign_in};
use crate::support::app::TestApp;

#[tokio::test]
async fn what_is_no_guess_takes_nothing() {
    let test = TestApp::with(&[ON]).await;
    owner(&test).await;
    let signed_in = sign_in(&test, "192.0.2.1", "ana@example.org", PASSWORD).await;
    let bearer = format!("Bearer {}", signed_in.text("signIn.session.accessToken"));
    let change = async |current: &str, new: &str| {
        let document = "mutation ($c: String!, $n: String!) {
            changePassword(input: { currentPassword: $c, newPassword: $n }) { userErrors { code } } }";
        let body = json!({ "query": document, "variables": { "c": current, "n": new } });
        from(&test, "192.0.2.1", &[("authorization", bearer.as_str())], body).await
    };
    for _ in 0..8 {
        let weak = change(PASSWORD, "passwordpassword").await;
        assert_eq!(
            weak.at("changePassword.userErrors"),
            &json!([{ "code": "WEAK_PASSWORD" }])
        );
    }
    for _ in 0..5 {
        let wrong = change("wrong wrong wrong", "tormenta azul de agosto").await;
        assert_eq!(
            wrong.at("changePassword.userErrors"),
            &json!([{ "code": "INVALID_CREDENTIALS" }])
        );
    }
    assert_limited(&change(PASSWORD, "tormenta azul de agosto").await, 20);
}

#[tokio::test]
async fn registering_in_vain_takes_nothing() {
    let test = TestApp::with(&[ON]).await;
    let register = async |name: &str, password: &str| {
        let document = "mutation ($input: RegisterPersonInput!) {
            registerPerson(input: $input) { accepted userErrors { code } } }";
        let input = json!({ "email": "eva@example.org", "givenName": name, "familyName": "Gris", "language": "EN",
            "timeZone": "America/Montevideo", "password": password });
        let body = json!({ "query": document, "variables": { "input": input } });
        from(&test, "192.0.2.1", &[], body).await
    };
    for _ in 0..12 {
        let weak = register("Eva", "passwordpassword").await;
        assert_eq!(
            weak.at("registerPerson.userErrors"),
            &json!([{ "code": "WEAK_PASSWORD" }])
        );
        let unnamed = register(" ", PASSWORD).await;
        assert_eq!(
            unnamed.at("registerPerson.userErrors"),
            &json!([{ "code": "REQUIRED" }])
        );
    }
    for _ in 0..5 {
        assert_eq!(
            register("Eva", PASSWORD).await.at("registerPerson.accepted"),
            &json!(true)
        );
    }
    assert_limited(&register("Eva", PASSWORD).await, 720);
    sign_in(&test, "192.0.2.1", "eva@example.org", "wrong wrong wrong")
        .await
        .at("signIn.session");
}
