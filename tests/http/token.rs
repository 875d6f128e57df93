//! Where a token counts, and where it is refused.

use axum::http::{Method, StatusCode};
use rumbo::auth::api_token;
use rumbo::auth::token::{self, Kind};
use serde_json::json;

use super::{JSON, send};
use crate::support::app::TestApp;

#[tokio::test]
async fn a_token_counts_only_whole_and_in_its_header() {
    let test = TestApp::new().await;
    let ana = test.person("Ana").await;
    assert_eq!(
        ana.run("Viewer", json!({})).await.text("viewer.person.email"),
        "ana@example.org"
    );
    let token = ana.token().expect("a token").to_owned();
    let (head, signature) = token.rsplit_once('.').expect("three parts");
    let (header_part, claims) = head.split_once('.').expect("three parts");
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    let turned: String = signature.chars().rev().collect();
    for forged in [
        format!("{head}.{turned}"),
        format!("{head}."),
        head.to_owned(),
        format!("{none}.{claims}."),
        format!("{header_part}.{claims}x.{signature}"),
        "nonsense".to_owned(),
        String::new(),
    ] {
        let refused = test
            .anonymous()
            .bearing(&forged)
            .speaking("es")
            .run("Measures", json!({}))
            .await;
        let answer = (refused.status, refused.refusal());
        assert_eq!(answer, (StatusCode::UNAUTHORIZED, "UNAUTHENTICATED"), "{forged}");
        assert_eq!(refused.json["errors"][0]["message"], "Inicie sesión para continuar.");
    }
    let in_the_url = format!("/graphql?access_token={token}");
    let viewer = json!({ "query": "{ viewer { person { id } } }" }).to_string();
    let refused = send(&test, Method::POST, &in_the_url, Some(JSON), viewer).await;
    assert_eq!(
        (refused.status, refused.refusal()),
        (StatusCode::BAD_REQUEST, "TOKEN_IN_URL")
    );
    assert!(!refused.body.contains(&token));
}

#[tokio::test]
async fn a_token_is_refused_wherever_in_a_url_it_stands_and_whatever_its_kind() {
    let test = TestApp::new().await;
    let ana = test.person("Ana").await;
    let access = ana.token().expect("a token");
    let program = api_token::draw().expect("a token");
    let [refresh, once, challenge, provider] = [Kind::Refresh, Kind::OneTime, Kind::Challenge, Kind::ProviderSignIn]
        .map(|kind| token::draw(kind).expect("a token"));
    let encode = |text: &str| {
        text.bytes()
            .fold(String::new(), |whole, byte| format!("{whole}%{byte:02x}"))
    };
    for secret in [access, &program, &refresh, &once, &challenge, &provider] {
        let variables = encode(&json!({ "t": format!("Bearer {secret}") }).to_string());
        let document = encode(&format!("{{ course(id: \"{secret}\") {{ id }} }}"));
        for path in [
            format!("/graphql?query=%7Bmeasures%7Brule%7D%7D&x={secret}"),
            format!("/graphql?query=%7Bmeasures%7Brule%7D%7D&pat={}", encode(secret)),
            format!("/graphql?query=%7Bmeasures%7Brule%7D%7D&{secret}"),
            format!("/graphql?query=%7Bmeasures%7Brule%7D%7D&variables={variables}"),
            format!("/graphql?query={document}"),
            format!("/.well-known/jwks.json?x={secret}"),
            format!("/health?{secret}=1"),
            format!("/nowhere?x={secret}"),
        ] {
            let refused = send(&test, Method::GET, &path, None, "").await;
            let answer = (refused.status, refused.refusal());
            assert_eq!(answer, (StatusCode::BAD_REQUEST, "TOKEN_IN_URL"), "{path}");
            assert!(!refused.body.contains(secret), "{path}");
        }
    }
    // Links hold secrets of their own, in their paths.
    let link = send(
        &test,
        Method::GET,
        "/calendar/abcdefghijklmnopqrstuvwxyz.ics?x=1",
        None,
        "",
    )
    .await;
    assert_eq!(link.status, StatusCode::NOT_FOUND);
    assert_eq!(
        send(&test, Method::GET, "/health?x=1", None, "").await.status,
        StatusCode::OK
    );
}
