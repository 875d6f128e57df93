//! Who makes tokens, and with what.

use chrono::TimeDelta;
use futures_util::future::join_all;
use rumbo::auth::api_token as secrets;
use rumbo::domain::policy::scopes::{Scopes, TokenScope};
use rumbo::store::api_token;
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use super::{OTHER_PASSWORD, add_factor, given, mine, somebody, token, wish, works};
use crate::support::app::TestApp;
use crate::support::scene::{act, done, faults};

#[tokio::test]
async fn people_make_see_and_end_their_own_tokens() {
    let test = TestApp::new().await;
    let (ana, ben) = (somebody(&test, "Ana").await, somebody(&test, "Ben").await);
    let good = wish(&test, &["READ_ACCOUNT"], 90);
    for (field, value, expected) in [
        ("name", json!(" "), "REQUIRED input.name"),
        ("name", json!("x".repeat(81)), "TOO_LONG input.name"),
        ("name", json!("a\u{202e}b"), "FORBIDDEN_CHARACTER input.name"),
        ("scopes", json!([]), "REQUIRED input.scopes"),
        ("expiresAt", json!(test.now()), "DATES_OUT_OF_ORDER input.expiresAt"),
        (
            "expiresAt",
            json!(test.now() + TimeDelta::days(90) + TimeDelta::seconds(1)),
            "OUT_OF_RANGE input.expiresAt",
        ),
        ("password", json!(OTHER_PASSWORD), "INVALID_CREDENTIALS input.password"),
    ] {
        let mut input = good.clone();
        input[field] = value;
        let refused = faults(&ana, "CreateApiToken", input).await;
        assert_eq!(refused, [expected]);
    }
    let nobody = test.anonymous();
    let refused = act(&nobody, "CreateApiToken", good.clone()).await;
    assert_eq!(refused.refusal(), "UNAUTHENTICATED");
    assert_eq!(test.notices().await, [""; 0]);

    let made = act(&ana, "CreateApiToken", good).await;
    let secret = made.text("createApiToken.created.secret");
    assert!(secret.starts_with("rumbo_pat_") && secret.len() == 58, "{secret}");
    let shown = json!({
        "id": made.text("createApiToken.created.apiToken.id"), "name": "Nightly report", "scopes": ["READ_ACCOUNT"],
        "createdAt": "2026-03-02T12:00:00+00:00", "expiresAt": "2026-05-31T12:00:00+00:00", "lastUsedAt": null,
    });
    assert_eq!(made.at("createApiToken.created.apiToken"), &shown);
    assert_eq!(mine(&ana).await, std::slice::from_ref(&shown));
    assert_eq!(mine(&ben).await, [Value::Null; 0]);
    let mails = test.mails().await;
    assert_eq!((mails.len(), mails[0].notice.as_str()), (1, "api_token_created"));
    assert!(mails[0].text.contains("Nightly report") && !mails[0].text.contains(&secret));
    let stored = api_token::Entity::find().one(test.app.db.read()).await;
    let stored = stored.expect("a query").expect("a token");
    assert!(
        !stored
            .hash
            .windows(8)
            .any(|part| secret.as_bytes().windows(8).any(|own| own == part))
    );

    let program = ana.bearing(&secret);
    assert!(works(&program).await);
    let revoke = json!({ "apiTokenId": shown["id"] });
    assert_eq!(act(&ben, "RevokeApiToken", revoke.clone()).await.refusal(), "NOT_FOUND");
    assert_eq!(
        act(&nobody, "RevokeApiToken", revoke.clone()).await.refusal(),
        "UNAUTHENTICATED"
    );
    let nonsense = faults(&ana, "RevokeApiToken", json!({ "apiTokenId": "ses_1" })).await;
    assert_eq!(nonsense, ["INVALID_ID input.apiTokenId"]);
    assert!(works(&program).await);
    let revoked = act(&ana, "RevokeApiToken", revoke.clone()).await;
    assert_eq!(revoked.at("revokeApiToken.revoked"), &json!(true));
    assert!(!works(&program).await, "at the next request");
    assert_eq!(mine(&ana).await, [Value::Null; 0]);
    assert_eq!(act(&ana, "RevokeApiToken", revoke).await.refusal(), "NOT_FOUND", "once");
    let nobody_has = nobody.run("MyApiTokens", json!({ "first": 1 })).await;
    assert_eq!(nobody_has.at("viewer"), &Value::Null);
}

#[tokio::test]
async fn a_secret_that_is_not_whole_is_refused() {
    let test = TestApp::new().await;
    let ana = somebody(&test, "Ana").await;
    let program = token(&test, &ana, &["READ_ACCOUNT"]).await;
    let secret = program.token().expect("a secret").to_owned();
    let unknown = secrets::draw().expect("a secret");
    for wrong in [
        &secret[..57],
        &secret[10..],
        &secret.to_uppercase(),
        &unknown,
        "rumbo_pat_",
    ] {
        assert!(!works(&ana.bearing(wrong)).await, "{wrong}");
    }
    assert!(works(&program).await);
}

#[tokio::test]
async fn of_many_who_make_the_last_token_at_once_one_does() {
    let test = TestApp::new().await;
    let ana = somebody(&test, "Ana").await;
    for _ in 0..19 {
        given(&test, &ana, Scopes::of([TokenScope::ReadWork])).await;
    }
    let tries = join_all((0..5).map(|_| act(&ana, "CreateApiToken", wish(&test, &["READ_WORK"], 30)))).await;
    let refused = tries.iter().filter(|answer| {
        let errors = answer.user_errors("createApiToken");
        assert!(errors.is_empty() || errors == ["LIMIT_REACHED input"], "{errors:?}");
        !errors.is_empty()
    });
    assert_eq!(refused.count(), 4);
    assert_eq!(mine(&ana).await.len(), 20);
    // One that has ended makes room.
    let first = json!({ "apiTokenId": mine(&ana).await[0]["id"] });
    act(&ana, "RevokeApiToken", first).await;
    done(&ana, "CreateApiToken", wish(&test, &["READ_WORK"], 30)).await;
}

#[tokio::test]
async fn a_role_that_needs_a_second_factor_counts_for_a_token_made_with_one() {
    let test = TestApp::with(&[("auth.require_second_factor", "coordinator")]).await;
    let cora = test.coordinator().await;
    test.password_of(&cora).await;
    let create = json!({ "input": { "course": { "code": "C-1", "titles": [{ "language": "ES", "text": "Curso" }] } } });
    let without = token(&test, &cora, &["WRITE_CATALOGUE", "READ_ACCOUNT"]).await;
    assert_eq!(
        without.run("CreateCourse", create.clone()).await.refusal(),
        "SECOND_FACTOR_REQUIRED"
    );

    let device = add_factor(&cora, &test).await;
    test.pass(TimeDelta::seconds(30));
    let mut input = wish(&test, &["WRITE_CATALOGUE"], 30);
    let refused = faults(&cora, "CreateApiToken", input.clone()).await;
    assert_eq!(refused, ["REQUIRED input.code"]);
    input["code"] = json!("000000");
    let refused = faults(&cora, "CreateApiToken", input.clone()).await;
    assert_eq!(refused, ["INVALID_CODE input.code"]);
    input["code"] = json!(device.code_at(test.now()));
    let made = act(&cora, "CreateApiToken", input).await;
    let with = cora.bearing(&made.text("createApiToken.created.secret"));
    with.run("CreateCourse", create).await.text("createCourse.course.id");
    drop(test.mails().await);
}

#[tokio::test]
async fn guesses_at_the_password_are_limited_here_too() {
    let test = TestApp::with(&[("rates.enabled", "true")]).await;
    let ana = somebody(&test, "Ana").await;
    let mut wrong = wish(&test, &["READ_ACCOUNT"], 30);
    wrong["password"] = json!(OTHER_PASSWORD);
    for _ in 0..5 {
        let refused = faults(&ana, "CreateApiToken", wrong.clone()).await;
        assert_eq!(refused, ["INVALID_CREDENTIALS input.password"]);
    }
    assert_eq!(act(&ana, "CreateApiToken", wrong).await.refusal(), "RATE_LIMITED");
}
