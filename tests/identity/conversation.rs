//! The conversation with a provider: what it is asked, how it fails, and who waits for it.

use chrono::TimeDelta;
use rumbo::domain::actor::Actor;
use rumbo::domain::language::Language;
use rumbo::service;
use serde_json::json;

use super::{
    begin, begins, claims, complete, entered, errors, knowing, knowing_with, outcome, registration, says, sign_in,
    verified,
};
use crate::support::issuer::{Issuer, Key, Mood, SECRET};

#[tokio::test]
async fn new_keys_are_learnt_and_asked_for_once_a_minute() {
    let issuer = Issuer::start().await;
    let test = knowing(issuer.settings()).await;
    let second = Key::new("two");
    let with = async |key: &Key| {
        let trip = begin(&test).await;
        issuer.takes(
            "code",
            &key.sign(&claims(&test, &issuer, &trip, "ana", &verified("ana@example.org"))),
        );
        complete(&test, &trip, "code").await
    };
    assert_eq!(outcome(&with(&issuer.key).await), "CONFIRM_BY_MAIL");
    issuer.shows_keys(&[&second]);
    assert_eq!(
        with(&second).await.refusal(),
        "PROVIDER_UNAVAILABLE",
        "the keys were asked for a moment ago"
    );
    assert_eq!(issuer.count("/keys"), 1);
    test.pass(TimeDelta::minutes(1));
    assert_eq!(outcome(&with(&second).await), "CONFIRM_BY_MAIL");
    assert_eq!(issuer.count("/keys"), 2);
    for _ in 0..5 {
        assert_eq!(
            with(&issuer.key).await.refusal(),
            "PROVIDER_UNAVAILABLE",
            "the old key is gone"
        );
    }
    assert_eq!(issuer.count("/keys"), 2);
    test.pass(TimeDelta::hours(1));
    begin(&test).await;
    assert_eq!(issuer.count("/keys"), 3, "and once an hour in any case");
    drop(test.mails().await);
}

#[tokio::test]
async fn what_the_id_token_does_not_say_is_asked_for() {
    let issuer = Issuer::start().await;
    let test = knowing(issuer.settings_with_role("staff", "coordinator", "")).await;
    issuer.knows(
        json!({ "sub": "1", "email": "eva@example.org", "email_verified": true, "given_name": "Eva",
        "family_name": "Luz", "groups": "staff" }),
    );
    let eva = entered(&test, &sign_in(&test, &issuer, "1", json!({})).await);
    let viewer = eva.run("Viewer", json!({})).await;
    assert_eq!(viewer.text("viewer.person.fullName"), "Eva Luz");
    assert_eq!(viewer.text("viewer.roles.0.role"), "COORDINATOR");
    assert_eq!(issuer.count("/person"), 1);
    // Whoever is described there must be the one of the token.
    issuer.knows(json!({ "sub": "2", "email": "eva@example.org", "email_verified": true }));
    let mixed = sign_in(&test, &issuer, "1", json!({})).await;
    assert_eq!(mixed.refusal(), "PROVIDER_UNAVAILABLE");
    // That an address is verified counts for the address beside which it stands.
    issuer.knows(json!({ "sub": "3", "email": "other@example.org", "email_verified": true }));
    let halves = sign_in(&test, &issuer, "3", json!({ "email": "ana@example.org" })).await;
    assert_eq!(errors(&halves), ["ADDRESS_NOT_VERIFIED input"]);
    drop(test.mails().await);
}

#[tokio::test]
async fn a_provider_that_fails_is_told_as_such_and_left_alone_for_a_moment() {
    let issuer = Issuer::start().await;
    let test = knowing_with(issuer.settings(), |settings| settings.auth.provider_seconds = 1).await;
    let described = "/.well-known/openid-configuration";
    for (path, mood) in [
        (described, Mood::Broken),
        (described, Mood::Silent),
        (described, Mood::Redirecting),
        (described, Mood::Endless),
        (described, Mood::Babbling),
        ("/keys", Mood::Broken),
        ("/keys", Mood::Endless),
    ] {
        issuer.feels(path, Some(mood.clone()));
        assert_eq!(begins(&test).await.refusal(), "PROVIDER_UNAVAILABLE", "{path} {mood:?}");
        let asked = issuer.count(described);
        assert_eq!(begins(&test).await.refusal(), "PROVIDER_UNAVAILABLE");
        assert_eq!(issuer.count(described), asked, "it is left alone");
        issuer.feels(path, None);
        test.pass(TimeDelta::seconds(10));
    }
    for (path, mood) in [
        ("/token", Mood::Broken),
        ("/token", Mood::Silent),
        ("/token", Mood::Redirecting),
        ("/token", Mood::Endless),
        ("/token", Mood::Babbling),
        ("/person", Mood::Broken),
        ("/person", Mood::Redirecting),
    ] {
        issuer.feels(path, Some(mood.clone()));
        let refused = sign_in(&test, &issuer, "1", json!({})).await;
        assert_eq!(refused.refusal(), "PROVIDER_UNAVAILABLE", "{path} {mood:?}");
        issuer.feels(path, None);
    }
    assert_eq!(issuer.count("/elsewhere"), 0, "no redirect is followed");
    assert_eq!(
        outcome(&sign_in(&test, &issuer, "1", verified("ana@example.org")).await),
        "CONFIRM_BY_MAIL"
    );
    drop(test.mails().await);
}

#[tokio::test]
async fn nobody_waits_for_a_slow_provider_but_whoever_asked() {
    let issuer = Issuer::start().await;
    let test = knowing_with(issuer.settings(), |settings| settings.auth.provider_seconds = 2).await;
    let trip = begin(&test).await;
    issuer.feels("/token", Some(Mood::Silent));
    let waiting = complete(&test, &trip, "code");
    tokio::pin!(waiting);
    // The database is free meanwhile: on SQLite there is one connection that writes.
    let input = registration("eva@example.org", "Eva", "Luz");
    let register = async {
        let other = test.anonymous();
        while issuer.count("/token") == 0 {
            tokio::task::yield_now().await;
        }
        other.run("RegisterPerson", input).await
    };
    tokio::select! {
        biased;
        answer = register => assert_eq!(answer.at("registerPerson.accepted"), &json!(true)),
        answer = &mut waiting => panic!("the provider said nothing: {answer:?}"),
    }
    assert_eq!(waiting.await.refusal(), "PROVIDER_UNAVAILABLE");
    drop(test.mails().await);
}

#[tokio::test]
async fn no_other_address_is_asked_than_one_that_may_be() {
    let issuer = Issuer::start().await;
    let test = knowing(issuer.settings()).await;
    for (name, address) in [
        ("jwks_uri", "http://169.254.169.254/latest/meta-data"),
        ("jwks_uri", "file:///etc/passwd"),
        ("authorization_endpoint", "http://login.example.org/authorize"),
        ("authorization_endpoint", "javascript:alert(1)"),
        ("issuer", "https://evil.example.org"),
    ] {
        let usual = match name {
            "issuer" => issuer.url.clone(),
            "jwks_uri" => format!("{}/keys", issuer.url),
            _ => format!("{}/authorize", issuer.url),
        };
        issuer.announces(name, json!(address));
        let refused = begins(&test).await;
        assert_eq!(refused.refusal(), "PROVIDER_UNAVAILABLE", "{name} {address}");
        issuer.announces(name, json!(usual));
        test.pass(TimeDelta::seconds(10));
    }
    issuer.announces("token_endpoint", json!("http://10.0.0.1/token"));
    let refused = sign_in(&test, &issuer, "1", verified("ana@example.org")).await;
    assert_eq!(refused.refusal(), "PROVIDER_UNAVAILABLE");
    assert_eq!(issuer.count("/token"), 0);
}

#[tokio::test]
async fn a_provider_that_promises_to_name_itself_has_to() {
    let issuer = Issuer::start().await;
    issuer.announces("authorization_response_iss_parameter_supported", json!(true));
    issuer.announces("token_endpoint_auth_methods_supported", json!(["client_secret_post"]));
    let test = knowing(issuer.settings()).await;
    let with = async |named: Option<&str>| {
        let trip = begin(&test).await;
        says(&test, &issuer, &trip, "1", &verified("ana@example.org"));
        let mut input = trip.input("code");
        input["input"]["issuer"] = json!(named);
        test.anonymous().run("CompleteProviderSignIn", input).await
    };
    for wrong in [None, Some("https://evil.example.org"), Some("")] {
        assert_eq!(errors(&with(wrong).await), ["INVALID_TOKEN input.issuer"]);
    }
    assert_eq!(issuer.count("/token"), 0);
    assert_eq!(outcome(&with(Some(&issuer.url)).await), "CONFIRM_BY_MAIL");
    assert_eq!(
        issuer.last_form()["client_secret"],
        SECRET,
        "where it wants the secret in the body"
    );
    drop(test.mails().await);
}

#[tokio::test]
async fn a_conversation_ends_before_its_operation_does() {
    let issuer = Issuer::start().await;
    let test = knowing_with(issuer.settings(), |settings| {
        settings.auth.provider_seconds = 1;
        settings.load.operation_seconds = 2;
    })
    .await;
    let trip = begin(&test).await;
    test.pass(TimeDelta::minutes(1));
    for path in ["/.well-known/openid-configuration", "/keys", "/token"] {
        issuer.feels(path, Some(Mood::Slow));
    }
    // Each answer comes within a second, and all three together do not: an unknown key makes two more questions.
    let said = claims(&test, &issuer, &trip, "1", &json!({}));
    issuer.takes("code", &Key::new("unknown").sign(&said));
    assert_eq!(complete(&test, &trip, "code").await.refusal(), "PROVIDER_UNAVAILABLE");
}

#[tokio::test]
async fn a_provider_is_asked_once_though_those_who_asked_hang_up() {
    let issuer = Issuer::start().await;
    let test = knowing_with(issuer.settings(), |settings| settings.auth.provider_seconds = 1).await;
    let described = "/.well-known/openid-configuration";
    issuer.feels(described, Some(Mood::Silent));
    let nobody = Actor::anonymous(Language::En);
    let asked = async {
        while issuer.count(described) == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = asked => {}
        begun = service::identity::begin(&test.app, &nobody, "campus") => panic!("nobody answered: {begun:?}"),
    }
    let next = begins(&test).await;
    assert_eq!(next.refusal(), "PROVIDER_UNAVAILABLE");
    assert_eq!(issuer.count(described), 1, "it is left alone");
}
