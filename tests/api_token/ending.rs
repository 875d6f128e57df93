//! What ends tokens: their time, their owner, and what ends sessions and calendars too.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use chrono::TimeDelta;
use rumbo::domain::policy::scopes::{Scopes, TokenScope};
use rumbo::service::second_factor::forget_as_operator;
use rumbo::store::{Db, api_token};
use serde_json::{Value, json};

use super::{OTHER_PASSWORD, PASSWORD, add_factor, given, mine, somebody, token, works};
use crate::support::app::{Client, TestApp};
use crate::support::letter::token_in;
use crate::support::scene::{act, id_of};

/// What goes on without its owner: a program with a token, and the path of a calendar.
async fn left<'a>(test: &TestApp, owner: &Client<'a>) -> (Client<'a>, String) {
    let token = given(test, owner, Scopes::of([TokenScope::ReadAccount])).await;
    let made = act(owner, "CreateCalendarLink", json!({})).await;
    let url = made.text("createCalendarLink.created.url");
    let at = url.find("/calendar/").expect("a path");
    (token, url[at..].to_owned())
}

/// Whether the program and the calendar go on, which they do together.
async fn goes_on(test: &TestApp, (program, path): &(Client<'_>, String)) -> bool {
    let asked = Request::get(path).body(Body::empty()).expect("a request");
    let calendar = test.send(asked).await.status == StatusCode::OK;
    assert_eq!(works(program).await, calendar, "one of the two goes on");
    calendar
}

#[tokio::test]
async fn a_token_ends_at_its_time() {
    let test = TestApp::new().await;
    let ana = somebody(&test, "Ana").await;
    let program = token(&test, &ana, &["READ_ACCOUNT"]).await;
    test.pass(TimeDelta::days(30) - TimeDelta::milliseconds(500));
    assert!(works(&program).await);
    // What is remembered for a second does not outlive the end.
    test.pass(TimeDelta::milliseconds(500));
    assert!(!works(&program).await);
    assert_eq!(mine(&ana.again().await).await, [Value::Null; 0]);
}

#[tokio::test]
async fn what_ends_the_sessions_of_an_account_ends_its_tokens_and_its_calendar() {
    let test = TestApp::new().await;
    let (ada, eva) = (test.administrator().await, somebody(&test, "Eva").await);
    let bystander = token(&test, &eva, &["READ_ACCOUNT"]).await;

    let ana = somebody(&test, "Ana").await;
    let program = left(&test, &ana).await;
    ana.again()
        .await
        .run("EndOtherSessions", json!({}))
        .await
        .at("endOtherSessions.ended");
    assert!(
        goes_on(&test, &program).await,
        "a program is no session of another device"
    );
    let ana = ana.again().await;
    ana.run("EndAllSessions", json!({})).await.at("endAllSessions.ended");
    assert!(!goes_on(&test, &program).await, "all sessions ended");

    let ana = ana.again().await;
    let program = left(&test, &ana).await;
    let input = json!({ "currentPassword": PASSWORD, "newPassword": OTHER_PASSWORD });
    act(&ana, "ChangePassword", input).await.at("changePassword.changed");
    assert!(!goes_on(&test, &program).await, "the password was changed");

    let program = left(&test, &ana).await;
    act(&test.anonymous(), "RequestPasswordReset", json!({ "email": ana.email }))
        .await
        .at("requestPasswordReset");
    let mails = test.mails().await;
    let reset = mails
        .iter()
        .find(|mail| mail.notice == "reset_password")
        .expect("a link");
    let input = json!({ "token": token_in(reset), "password": PASSWORD });
    act(&test.anonymous(), "ResetPassword", input)
        .await
        .at("resetPassword.changed");
    assert!(!goes_on(&test, &program).await, "the password was reset");

    let ana = ana.again().await;
    let program = left(&test, &ana).await;
    let input = json!({ "currentPassword": PASSWORD, "email": "ana.maria@example.org" });
    act(&ana, "RequestEmailChange", input)
        .await
        .at("requestEmailChange.accepted");
    assert!(goes_on(&test, &program).await, "not before the address is confirmed");
    let mails = test.mails().await;
    let confirm = mails
        .iter()
        .find(|mail| mail.notice == "confirm_new_address")
        .expect("a link");
    let input = json!({ "token": token_in(confirm) });
    act(&test.anonymous(), "ConfirmEmailChange", input)
        .await
        .at("confirmEmailChange.changed");
    assert!(!goes_on(&test, &program).await, "the address was changed");

    let program = left(&test, &ana).await;
    let device = add_factor(&ana, &test).await;
    assert!(!goes_on(&test, &program).await, "a factor was added");
    let program = left(&test, &ana).await;
    test.pass(TimeDelta::seconds(30));
    let proof = json!({ "password": PASSWORD, "code": device.code_at(test.now()) });
    act(&ana, "RemoveSecondFactor", proof)
        .await
        .at("removeSecondFactor.removed");
    assert!(!goes_on(&test, &program).await, "the factor was removed");

    test.pass(TimeDelta::seconds(30));
    add_factor(&ana, &test).await;
    let program = left(&test, &ana).await;
    let address = rumbo::domain::text::Email::parse("ana.maria@example.org").expect("an address");
    forget_as_operator(&test.app, &address).await.expect("it is removed");
    assert!(!goes_on(&test, &program).await, "the factor was removed on the machine");

    let ana = ana.again().await;
    let program = left(&test, &ana).await;
    act(
        &ada,
        "DisableAccount",
        json!({ "personId": id_of(&ana), "reason": "So" }),
    )
    .await
    .at("disableAccount.disabled");
    assert!(!goes_on(&test, &program).await, "the account was disabled");
    act(
        &ada,
        "EnableAccount",
        json!({ "personId": id_of(&ana), "reason": "So" }),
    )
    .await
    .at("enableAccount.enabled");
    assert!(!goes_on(&test, &program).await, "what was ended stays so");
    assert!(works(&bystander).await, "nobody else's ended");
    drop(test.mails().await);
}

#[tokio::test]
async fn another_copy_of_rumbo_learns_of_an_end_within_a_second() {
    let test = TestApp::new().await;
    let ana = somebody(&test, "Ana").await;
    let program = given(&test, &ana, Scopes::of([TokenScope::ReadAccount])).await;
    assert!(works(&program).await);
    let other = Db::connect(&test.app.settings.database).await.expect("another copy");
    let tx = other.write().await.expect("a transaction");
    api_token::revoke_all(&tx, ana.person.expect("a person"), test.now())
        .await
        .expect("it ends");
    tx.commit().await.expect("a commit");
    test.pass(TimeDelta::seconds(1));
    assert!(!works(&program).await);
    other.close().await.expect("it closes");
}
