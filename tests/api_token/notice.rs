//! What is noted and told of tokens: what they did, their last use, their end, and their own share of requests.

use chrono::TimeDelta;
use rumbo::domain::policy::scopes::{Scopes, TokenScope};
use rumbo::mail::Mailer;
use rumbo::store::{api_token, audit};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};

use super::{WHO, given, mine, somebody, token, wish, works};
use crate::support::app::TestApp;
use crate::support::scene::{Class, act};

#[tokio::test]
async fn what_a_program_does_is_written_down_as_the_tokens() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let scopes = [
        TokenScope::WriteCatalogue,
        TokenScope::ReadEnrolments,
        TokenScope::ReadPeople,
    ];
    let program = given(&test, &class.coordinator, Scopes::of(scopes)).await;
    let tokens = api_token::Entity::find().all(test.app.db.read()).await.expect("tokens");
    let course = json!({ "code": "C-1", "titles": [{ "language": "ES", "text": "Curso" }] });
    act(&program, "CreateCourse", json!({ "course": course }))
        .await
        .at("createCourse.course");
    let entry = audit::Entity::find()
        .filter(audit::Column::Via.eq("api_token"))
        .all(test.app.db.read())
        .await
        .expect("entries");
    assert_eq!(entry.len(), 1);
    assert_eq!(
        (entry[0].action.as_str(), entry[0].credential),
        ("plan_course", Some(tokens[0].id.0))
    );
    assert_eq!(entry[0].actor_id, class.coordinator.person);

    let page = "query Page($id: ID!) { edition(id: $id) { enrolments(first: 9) { nodes { person { fullName } } } } }";
    program
        .query(page, json!({ "id": class.edition }))
        .await
        .at("edition.enrolments");
    let log = class.people[0].run("MyAccessLog", json!({ "first": 1 })).await;
    assert_eq!(log.text("viewer.accessLog.nodes.0.via"), "TOKEN");
    let ada = test.administrator().await;
    let asked = "query ($token: ID!) { accessOf(tokenId: $token, first: 9, from: \"2026-03-01T00:00:00Z\",
        until: \"2026-04-01T00:00:00Z\") { nodes { fields } } }";
    let of = ada.query(asked, json!({ "token": tokens[0].id.to_string() })).await;
    assert_eq!(
        of.at("accessOf.nodes"),
        &json!([{ "fields": ["NAME"] }, { "fields": ["NAME"] }])
    );
}

#[tokio::test]
async fn owners_are_warned_once_seven_days_before() {
    let test = TestApp::new().await;
    let ana = somebody(&test, "Ana").await;
    token(&test, &ana, &["READ_ACCOUNT"]).await;
    for days in [7, 8] {
        let input = wish(&test, &["READ_ACCOUNT"], days);
        act(&ana, "CreateApiToken", input)
            .await
            .at("createApiToken.created.secret");
    }
    let ended = token(&test, &ana, &["READ_ACCOUNT"]).await;
    let id = mine(&ana).await[0]["id"].clone();
    act(&ana, "RevokeApiToken", json!({ "apiTokenId": id }))
        .await
        .at("revokeApiToken.revoked");
    assert!(!works(&ended).await);
    assert_eq!(test.notices().await.len(), 4);
    test.pass(TimeDelta::days(1) - TimeDelta::seconds(1));
    assert_eq!(test.notices().await, [""; 0]);
    test.pass(TimeDelta::seconds(1));
    let warning = ["api_token_expiring ana@example.org"];
    assert_eq!(
        test.notices().await,
        warning,
        "of the one for eight days; who makes one for seven knows"
    );
    test.pass(TimeDelta::days(22));
    // Two workers at once.
    let other = test.worker_with(Mailer::from_settings(&test.app.settings.mail).expect("a mailbox in memory"));
    let (mine, drained) = tokio::join!(test.notices(), other.drain());
    drained.expect("the other works");
    let told = mine.len() + other.mailer.take_sent().len();
    assert_eq!(told, 1, "of the one for thirty days");
    test.pass(TimeDelta::days(5));
    assert_eq!(test.notices().await, [""; 0]);
}

#[tokio::test]
async fn nobody_is_warned_of_what_has_ended() {
    let test = TestApp::new().await;
    let ana = somebody(&test, "Ana").await;
    token(&test, &ana, &["READ_ACCOUNT"]).await;
    assert_eq!(test.notices().await.len(), 1);
    test.pass(TimeDelta::days(31));
    assert_eq!(test.notices().await, [""; 0], "the worker stood still for a week");
}

#[tokio::test]
async fn the_last_use_is_noted_once_an_hour() {
    let test = TestApp::new().await;
    let ana = somebody(&test, "Ana").await;
    let program = given(&test, &ana, Scopes::of([TokenScope::ReadAccount])).await;
    let last = async || mine(&ana).await[0]["lastUsedAt"].clone();
    assert_eq!(last().await, Value::Null);
    assert!(works(&program).await);
    assert_eq!(last().await, "2026-03-02T12:00:00+00:00");
    for minutes in [20, 39] {
        test.pass(TimeDelta::minutes(minutes));
        let (first, second) = (program.query(WHO, json!({})).await, program.query(WHO, json!({})).await);
        assert_eq!((first.status.as_u16(), second.status.as_u16()), (200, 200));
        let row = api_token::Entity::find()
            .one(test.app.db.read())
            .await
            .expect("a query")
            .expect("a token");
        assert_eq!(
            row.used_at.map(|at| at.to_rfc3339()),
            Some("2026-03-02T12:00:00+00:00".to_owned())
        );
    }
    test.pass(TimeDelta::minutes(1));
    assert!(works(&program).await);
    let row = api_token::Entity::find()
        .one(test.app.db.read())
        .await
        .expect("a query")
        .expect("a token");
    assert_eq!(row.used_at, Some(test.now()));
}

#[tokio::test]
async fn a_token_has_a_bucket_of_its_own() {
    let test = TestApp::with(&[
        ("rates.enabled", "true"),
        ("rates.token.burst", "2"),
        ("rates.token.refill", "1"),
        ("rates.token.seconds", "10"),
    ])
    .await;
    let ana = test.person("Ana").await;
    let reach = Scopes::of([TokenScope::ReadAccount]);
    let (program, other) = (given(&test, &ana, reach).await, given(&test, &ana, reach).await);
    assert!(works(&program).await && works(&program).await);
    let limited = program.query(WHO, json!({})).await;
    assert_eq!((limited.status.as_u16(), limited.refusal()), (429, "RATE_LIMITED"));
    assert_eq!(limited.headers["retry-after"], "10");
    assert!(works(&other).await && works(&ana).await);
    test.pass(TimeDelta::seconds(10));
    assert!(works(&program).await);
}
