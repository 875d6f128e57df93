//! What is refused before it runs: it counts for the address, and tokens that are made up cost no look each.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, header};
use chrono::TimeDelta;
use rumbo::auth::api_token;
use rumbo::config::Rate;
use rumbo::domain::policy::scopes::{Scopes, TokenScope};
use serde_json::{Value, json};

use super::{assert_limited, from};
use crate::support::app::TestApp;
use crate::support::program;
use crate::support::scene::{act, id_of};

const MEASURES: &str = "{ measures { measure } }";

type Headers<'a> = &'a [(&'a str, &'a str)];

/// An application in which an address may be refused three times, and then once a second.
async fn strict() -> TestApp {
    TestApp::having(|settings| {
        settings.rates.enabled = true;
        settings.rates.anonymous = Rate {
            burst: 3,
            refill: 1,
            seconds: 1,
        };
    })
    .await
}

#[tokio::test]
async fn what_is_refused_before_it_runs_counts_for_the_address() {
    let test = strict().await;
    let ana = test.person("Ana").await;
    let access = ana.token().expect("a token").to_owned();
    let bearer = format!("Bearer {access}");
    let own = [("authorization", bearer.as_str())];
    let (signed, _) = access.rsplit_once('.').expect("three parts");
    let forged = format!("Bearer {signed}.{}", "A".repeat(86));
    let right = json!({ "query": MEASURES });
    let many = json!({ "query": MEASURES, "variables": { "a": vec![1; 50_000] } });
    let kinds: [(&str, Headers, Value, &str); 6] = [
        (
            "a forged token",
            &[("authorization", &forged)],
            right.clone(),
            "UNAUTHENTICATED",
        ),
        (
            "no token",
            &[("authorization", "Basic x")],
            right.clone(),
            "UNAUTHENTICATED",
        ),
        ("no document", &[], json!({ "query": "{" }), "GRAPHQL_PARSE_FAILED"),
        ("no request", &[], json!([]), "BATCH_REFUSED"),
        (
            "no variable",
            &[],
            json!({ "query": "query ($a: Int!) { measures { rule } }" }),
            "BAD_USER_INPUT",
        ),
        ("many values", &[], many, "INPUT_TOO_LARGE"),
    ];
    for (place, (name, headers, body, code)) in kinds.into_iter().enumerate() {
        let peer = format!("192.0.2.{place}");
        for _ in 0..3 {
            let refused = from(&test, &peer, headers, body.clone()).await;
            assert_eq!(refused.refusal(), code, "{name}");
        }
        let before = test.app.db.statements();
        assert_limited(&from(&test, &peer, headers, body.clone()).await, 1);
        assert_eq!(test.app.db.statements(), before, "{name}");
        // Nothing is left at this address but for those who are somebody, and for what is right.
        let unread = from(&test, &peer, &[], right.clone()).await;
        assert_limited(&unread, 1);
        assert_eq!(unread.headers[header::CONNECTION], "close");
        from(&test, &peer, &own, right.clone()).await.at("measures");
        let wrong = from(&test, &peer, &own, json!({ "query": "{" })).await;
        assert_eq!(wrong.refusal(), "GRAPHQL_PARSE_FAILED", "it counts for the person");
        from(&test, "192.0.2.99", &[], right.clone()).await.at("measures");
        test.pass(TimeDelta::seconds(1));
        let refused = from(&test, &peer, headers, body.clone()).await;
        assert_eq!(refused.refusal(), code, "{name}, a second later");
        test.pass(TimeDelta::seconds(3));
    }
}

#[tokio::test]
async fn a_body_that_is_announced_as_too_long_counts_too() {
    let test = strict().await;
    let long = "x".repeat(1_048_577);
    for _ in 0..3 {
        let refused = from(&test, "192.0.2.1", &[("content-length", "1048580")], json!(long)).await;
        assert_eq!(refused.refusal(), "BODY_TOO_LARGE");
    }
    assert_limited(
        &from(&test, "192.0.2.1", &[("content-length", "1048580")], json!(long)).await,
        1,
    );
}

#[tokio::test]
async fn a_token_in_a_url_counts_too() {
    let test = strict().await;
    let get = async || {
        let mut request = Request::get("/.well-known/jwks.json?token=x")
            .body(Body::empty())
            .expect("a request");
        let peer: SocketAddr = "192.0.2.1:4711".parse().expect("an address");
        request.extensions_mut().insert(ConnectInfo(peer));
        test.send(request).await
    };
    for _ in 0..3 {
        assert_eq!(get().await.refusal(), "TOKEN_IN_URL");
    }
    assert_limited(&get().await, 1);
}

#[tokio::test]
async fn a_token_of_an_ended_session_counts_and_is_looked_up_once() {
    let test = strict().await;
    let right = json!({ "query": MEASURES });
    let [ana, eva] = [test.person("Ana").await, test.person("Eva").await];
    let good = format!("Bearer {}", eva.token().expect("a token"));
    let ada = test.administrator().await;
    let disabled = ana.again().await;
    for (place, ended) in [ana, disabled].into_iter().enumerate() {
        if place == 0 {
            ended.run("SignOut", json!({})).await.at("signOut");
        } else {
            let input = json!({ "personId": id_of(&ended), "reason": "So" });
            act(&ada, "DisableAccount", input).await.at("disableAccount.disabled");
        }
        let peer = format!("192.0.2.{place}");
        let bearer = format!("Bearer {}", ended.token().expect("a token"));
        let own = [("authorization", bearer.as_str())];
        let mut before = test.app.db.statements();
        for again in 0..6 {
            let refused = from(&test, &peer, &own, right.clone()).await;
            if again < 3 {
                assert_eq!(refused.refusal(), "UNAUTHENTICATED");
            } else {
                assert_limited(&refused, 1);
            }
            if again == 0 {
                assert!(test.app.db.statements() > before);
                before = test.app.db.statements();
            }
        }
        assert_eq!(test.app.db.statements(), before, "it was looked up once");
        let good = [("authorization", good.as_str())];
        from(&test, &peer, &good, right.clone()).await.at("measures");
        drop(test.mails().await);
    }
}

#[tokio::test]
async fn tokens_that_are_made_up_are_not_looked_up_without_end() {
    let test = strict().await;
    let right = json!({ "query": MEASURES });
    let [eva, fay] = [test.person("Eva").await, test.person("Fay").await];
    let reach = Scopes::of([TokenScope::ReadCatalogue]);
    let [known, fresh] = [
        program::secret(&test, &eva, reach).await,
        program::secret(&test, &fay, reach).await,
    ]
    .map(|secret| format!("Bearer {secret}"));
    let known = [("authorization", known.as_str())];
    from(&test, "192.0.2.1", &known, right.clone()).await.at("measures");
    // What others get wrong without such a token stands in the way of none that is new here.
    for _ in 0..3 {
        let refused = from(&test, "192.0.2.1", &[], json!({ "query": "{" })).await;
        assert_eq!(refused.refusal(), "GRAPHQL_PARSE_FAILED");
    }
    let fresh = [("authorization", fresh.as_str())];
    from(&test, "192.0.2.1", &fresh, right.clone()).await.at("measures");
    test.pass(TimeDelta::seconds(10));

    let mut before = test.app.db.statements();
    for place in 0..100 {
        let bearer = format!("Bearer {}", api_token::draw().expect("a token"));
        let refused = from(&test, "192.0.2.1", &[("authorization", &bearer)], right.clone()).await;
        if place == 2 {
            assert_eq!(refused.refusal(), "UNAUTHENTICATED");
            assert!(test.app.db.statements() > before);
            before = test.app.db.statements();
        } else if place > 2 {
            assert_limited(&refused, 1);
        }
    }
    assert_eq!(test.app.db.statements(), before, "none of the others was looked up");
    for good in [&known, &fresh] {
        from(&test, "192.0.2.1", good, right.clone()).await.at("measures");
    }
}
