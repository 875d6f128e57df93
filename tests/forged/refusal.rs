//! Over HTTP: one refusal for all of them, and for what a key signs after its end.

use std::collections::BTreeSet;

use axum::http::header;
use chrono::{DateTime, TimeDelta, Utc};
use rumbo::domain::actor::Actor;
use rumbo::domain::signing_key::last_use;
use rumbo::service::signing_key::{Handover, rotate};
use serde_json::json;

use super::{Workshop, ask, claims_of, has, text, with, without_request};
use crate::support::app::TestApp;
use crate::support::keys::Forger;

#[tokio::test]
async fn every_forged_token_gets_the_same_refusal() {
    let test = TestApp::new().await;
    let (ana, ben) = (test.person("Ana").await, test.person("Ben").await);
    let workshop = Workshop::new(&test, &ana);
    let mut forgeries = workshop.all();
    let of_ben = claims_of(ben.token().expect("a token"));
    let mixed = with(&workshop.claims, "sub", Some(of_ben["sub"].clone()));
    forgeries.push(("somebody else's session".into(), workshop.claiming(&text(&mixed))));
    let different: BTreeSet<&String> = forgeries.iter().map(|(_, token)| token).collect();
    assert!(different.len() >= 60 && !different.contains(&workshop.good));

    let expected = without_request(&ask(&test, "nonsense").await);
    assert_eq!(expected.0, 401);
    assert_eq!(expected.2[header::WWW_AUTHENTICATE], "Bearer");
    assert!(has(&ask(&test, &workshop.good).await, &ana), "the good one is good");
    for (what, token) in &forgeries {
        assert_eq!(without_request(&ask(&test, token).await), expected, "{what}: {token}");
        assert!(has(&ask(&test, &workshop.good).await, &ana), "after {what}");
    }
    eprintln!(
        "{} forged tokens over HTTP, {} of them different, each refused alike",
        forgeries.len(),
        different.len()
    );
}

#[tokio::test]
async fn a_key_signs_nothing_that_counts_after_its_end() {
    let test = TestApp::new().await;
    let ana = test.person("Ana").await;
    let ours = Forger::ours();
    let fresh = |now: DateTime<Utc>| {
        let at = now.timestamp();
        let claims = claims_of(ana.token().expect("a token"));
        let claims = with(&with(&claims, "iat", Some(json!(at))), "nbf", Some(json!(at)));
        ours.sign(&ours.header(), &text(&with(&claims, "exp", Some(json!(at + 600)))))
    };
    let expected = without_request(&ask(&test, "nonsense").await);
    assert!(has(&ask(&test, &fresh(test.now())).await, &ana), "the key signs");
    let operator = Actor::operator();
    rotate(&test.app, &operator, Handover::Gentle)
        .await
        .expect("another key");
    let end = last_use(test.now(), TimeDelta::minutes(10));
    assert!(has(&ask(&test, &fresh(test.now())).await, &ana), "it still verifies");
    test.pass(end - test.now() - TimeDelta::milliseconds(1));
    assert!(has(&ask(&test, &fresh(test.now())).await, &ana), "to its end");
    test.pass(TimeDelta::milliseconds(1));
    assert_eq!(
        without_request(&ask(&test, &fresh(test.now())).await),
        expected,
        "rotated and over"
    );

    let ana = ana.again().await;
    assert!(has(&ask(&test, ana.token().expect("a token")).await, &ana));
    rotate(&test.app, &operator, Handover::AtOnce)
        .await
        .expect("another key");
    let refused = ask(&test, ana.token().expect("a token")).await;
    assert_eq!(
        without_request(&refused),
        expected,
        "retired, and remembered a moment ago"
    );
}
