//! How the counters are kept: by copies that tell each other, and by many who take and give back at once.

use std::sync::Arc;

use chrono::TimeDelta;
use rumbo::config::Rate;
use rumbo::domain::rate::Rule;
use rumbo::store::Engine;
use rumbo::store::rate::{self as rate_bucket, Charge, Counters, Key};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;

use super::from;
use crate::support::app::TestApp;

#[tokio::test]
async fn copies_tell_each_other_what_was_taken() {
    let test = TestApp::new().await;
    let db = &test.app.db;
    let rule = Rule::new(&rumbo::config::Rate {
        burst: 10,
        refill: 10,
        seconds: 60,
    });
    let charge = |units| Charge {
        key: Key::new(&[b"somebody"]),
        rule,
        units,
    };
    let (one, other) = (Counters::default(), Counters::default());
    let now = test.now().timestamp_micros();
    one.take(charge(6), now).expect("there is some left");
    other.take(charge(3), now).expect("there is some left");
    let before = db.statements();
    for copy in [&one, &other, &one, &other] {
        copy.exchange(db, now).await.expect("an exchange");
    }
    if db.engine() == Engine::Sqlite {
        assert_eq!(db.statements(), before, "there is one copy");
        return;
    }
    assert_eq!(db.statements() - before, 2, "one statement each, when there is news");
    assert!(other.take(charge(2), now).is_err(), "six and three are nine");
    other.take(charge(1), now).expect("the tenth");
    other.exchange(db, now).await.expect("an exchange");
    one.take(charge(4), now).expect("it has not heard yet");
    one.exchange(db, now).await.expect("an exchange");
    assert_eq!(one.take(charge(1), now), Err(30_000_000), "fourteen of ten were taken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn those_who_take_and_those_who_give_back_do_not_wait_for_each_other() {
    let much = Rate {
        burst: 10_000,
        refill: 1,
        seconds: 1,
    };
    let test = TestApp::having(|settings| {
        settings.rates.enabled = true;
        settings.rates.sign_in_account = much;
        settings.rates.mail_sender = much;
        settings.rates.mail_recipient = much;
    })
    .await;
    let test = Arc::new(test);
    let token = test.person("Ana").await.token().expect("a token").to_owned();
    // A try at an account, and messages, of which nothing comes: both are given back.
    let document = "mutation ($e: DateTime!) {
        a: createApiToken(input: { name: \"\", scopes: [READ_CATALOGUE], expiresAt: $e }) { userErrors { code } }
        b: registerPerson(input: { email: \"eva@example.org\", givenName: \" \", familyName: \"Gris\", language: EN,
            timeZone: \"America/Montevideo\", password: \"short\" }) { userErrors { code } } }";
    let body = json!({ "query": document, "variables": { "e": test.now() + TimeDelta::days(1) } });
    let mut callers = Vec::new();
    for host in 1..=40 {
        let (test, body, bearer) = (test.clone(), body.clone(), format!("Bearer {token}"));
        callers.push(tokio::spawn(async move {
            for _ in 0..5 {
                let own = [("authorization", bearer.as_str())];
                let answer = from(&test, &format!("192.0.2.{host}"), &own, body.clone()).await;
                assert_eq!(answer.at("a.userErrors"), &json!([{ "code": "REQUIRED" }]));
                assert_ne!(answer.at("b.userErrors"), &json!([]));
            }
        }));
    }
    for caller in callers {
        caller.await.expect("every answer came");
    }
    let left = rate_bucket::Entity::find()
        .filter(rate_bucket::Column::FullAt.gt(test.now().timestamp_micros()))
        .all(test.app.db.read())
        .await
        .expect("buckets");
    assert_eq!(left, [], "everything was given back");
}
