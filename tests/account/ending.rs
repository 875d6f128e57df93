//! How a session goes on, and what ends it: signing out, a copied token, a disabled account, another password.

use chrono::TimeDelta;
use rumbo::domain::language::Language;
use rumbo::service::account::{Registration, RegistrationText, create_administrator};
use serde_json::json;

use super::{EMAIL, OTHER_PASSWORD, PASSWORD, account, disable, opens, refresh, session, sign_in, token};
use crate::support::app::TestApp;
use crate::support::letter::token_in;

#[tokio::test]
async fn what_was_planted_in_an_account_ends_when_it_becomes_an_administrators() {
    let test = TestApp::new().await;
    account(&test).await;
    let (access, _) = session(&test, PASSWORD).await;
    let mallory = test.anonymous().bearing(&access);
    let change = json!({ "email": "mallory@example.org", "currentPassword": PASSWORD });
    let asked = mallory.run("RequestEmailChange", json!({ "input": change })).await;
    assert_eq!(asked.user_errors("requestEmailChange"), [""; 0]);
    let planted = token_in(&test.mails().await.pop().expect("a message"));
    let reset = json!({ "input": { "email": EMAIL } });
    test.anonymous().run("RequestPasswordReset", reset).await;
    let reset = token(&test.mails().await, "reset_password");
    let written = RegistrationText {
        email: EMAIL,
        given_name: "Ada",
        family_name: "Admin",
        language: Language::En,
        time_zone: "UTC",
        password: OTHER_PASSWORD,
    };
    let registration = Registration::parse(&written).expect("a registration");
    create_administrator(&test.app, &registration).await.expect("made");
    let anyone = test.anonymous();
    let moved = anyone
        .run("ConfirmEmailChange", json!({ "input": { "token": planted } }))
        .await;
    assert_eq!(moved.user_errors("confirmEmailChange"), ["INVALID_TOKEN input.token"]);
    let input = json!({ "token": reset, "password": "jirafa roja en abril" });
    let set = anyone.run("ResetPassword", json!({ "input": input })).await;
    assert_eq!(set.user_errors("resetPassword"), ["INVALID_TOKEN input.token"]);
    assert!(!opens(&test, &access).await);
    session(&test, OTHER_PASSWORD).await;
}

#[tokio::test]
async fn a_session_goes_on_by_its_last_refresh_token_only() {
    let test = TestApp::new().await;
    account(&test).await;
    let (access, first) = session(&test, PASSWORD).await;
    assert!(opens(&test, &access).await);
    test.pass(TimeDelta::minutes(11));
    assert!(!opens(&test, &access).await, "an access token lives ten minutes");

    let second = refresh(&test, &first).await;
    assert!(opens(&test, &second.text("refreshSession.session.accessToken")).await);
    test.pass(TimeDelta::seconds(10));
    let again = refresh(&test, &first).await;
    assert_eq!(
        again.user_errors("refreshSession"),
        Vec::<String>::new(),
        "the answer was lost, within the grace"
    );
    let access = again.text("refreshSession.session.accessToken");
    let last = again.text("refreshSession.session.refreshToken");
    assert!(opens(&test, &access).await);

    test.pass(TimeDelta::seconds(11));
    let refused = ["INVALID_TOKEN input.refreshToken"];
    assert_eq!(
        refresh(&test, &first).await.user_errors("refreshSession"),
        refused,
        "somebody copied it"
    );
    assert!(!opens(&test, &access).await, "the whole session ends at once");
    assert_eq!(refresh(&test, &last).await.user_errors("refreshSession"), refused);
    for nonsense in ["", "nonsense", &access] {
        assert_eq!(
            refresh(&test, nonsense).await.user_errors("refreshSession"),
            refused,
            "{nonsense}"
        );
    }
}

#[tokio::test]
async fn who_signs_out_is_out_at_the_next_request() {
    let test = TestApp::new().await;
    account(&test).await;
    let (access, refresh_token) = session(&test, PASSWORD).await;
    let (elsewhere, _) = session(&test, PASSWORD).await;
    let ana = test.anonymous().bearing(&access);
    assert_eq!(
        ana.run("SignOut", json!({})).await.at("signOut.signedOut"),
        &json!(true)
    );
    assert!(!opens(&test, &access).await);
    assert!(opens(&test, &elsewhere).await, "another session goes on");
    let refused = refresh(&test, &refresh_token).await.user_errors("refreshSession");
    assert_eq!(refused, ["INVALID_TOKEN input.refreshToken"]);
    assert_eq!(ana.run("SignOut", json!({})).await.refusal(), "UNAUTHENTICATED");
    assert_eq!(
        test.anonymous().run("SignOut", json!({})).await.refusal(),
        "UNAUTHENTICATED"
    );
}

#[tokio::test]
async fn a_disabled_account_is_out_at_the_next_request() {
    let test = TestApp::new().await;
    account(&test).await;
    let (access, refresh_token) = session(&test, PASSWORD).await;
    disable(&test, EMAIL).await;
    assert!(!opens(&test, &access).await);
    let refused = refresh(&test, &refresh_token).await.user_errors("refreshSession");
    assert_eq!(refused, ["INVALID_TOKEN input.refreshToken"]);
    assert_eq!(
        sign_in(&test, PASSWORD).await.user_errors("signIn"),
        ["INVALID_CREDENTIALS input"]
    );
}

#[tokio::test]
async fn a_forgotten_password_is_reset_by_mail_and_every_session_ends() {
    let test = TestApp::new().await;
    account(&test).await;
    let (access, refresh_token) = session(&test, PASSWORD).await;
    let anyone = test.anonymous();
    let ask = json!({ "input": { "email": " ANA.Perez@example.org " } });
    anyone.run("RequestPasswordReset", ask).await;
    let link = token(&test.mails().await, "reset_password");
    let reset = async |token: &str, password: &str| {
        let input = json!({ "token": token, "password": password });
        let answer = anyone.run("ResetPassword", json!({ "input": input })).await;
        answer.user_errors("resetPassword")
    };
    assert_eq!(reset("nonsense", OTHER_PASSWORD).await, ["INVALID_TOKEN input.token"]);
    assert_eq!(reset(&link, "short").await, ["TOO_SHORT input.password"]);
    assert_eq!(
        reset(&link, "ana perez 2026 secret").await,
        ["WEAK_PASSWORD input.password"]
    );
    assert!(opens(&test, &access).await, "nothing was changed");
    assert_eq!(
        reset(&link, OTHER_PASSWORD).await,
        Vec::<String>::new(),
        "the link is good until it is used"
    );
    assert_eq!(reset(&link, OTHER_PASSWORD).await, ["INVALID_TOKEN input.token"]);
    assert!(!opens(&test, &access).await);
    let refused = refresh(&test, &refresh_token).await.user_errors("refreshSession");
    assert_eq!(refused, ["INVALID_TOKEN input.refreshToken"]);
    assert_eq!(
        sign_in(&test, PASSWORD).await.user_errors("signIn"),
        ["INVALID_CREDENTIALS input"]
    );
    session(&test, OTHER_PASSWORD).await;
    assert_eq!(test.notices().await, [format!("password_changed {EMAIL}")]);

    anyone
        .run("RequestPasswordReset", json!({ "input": { "email": EMAIL } }))
        .await;
    let late = token(&test.mails().await, "reset_password");
    test.pass(TimeDelta::minutes(31));
    assert_eq!(reset(&late, PASSWORD).await, ["INVALID_TOKEN input.token"]);
}

#[tokio::test]
async fn a_password_is_changed_by_who_knows_the_present_one() {
    let test = TestApp::new().await;
    account(&test).await;
    let (access, _) = session(&test, PASSWORD).await;
    let (elsewhere, _) = session(&test, PASSWORD).await;
    let ana = test.anonymous().bearing(&access);
    let change = |current: &str, new: &str| json!({ "input": { "currentPassword": current, "newPassword": new } });
    let wrong = ana.run("ChangePassword", change(OTHER_PASSWORD, OTHER_PASSWORD)).await;
    assert_eq!(
        wrong.user_errors("changePassword"),
        ["INVALID_CREDENTIALS input.currentPassword"]
    );
    let weak = ana.run("ChangePassword", change(PASSWORD, "passwordpassword")).await;
    assert_eq!(weak.user_errors("changePassword"), ["WEAK_PASSWORD input.newPassword"]);
    let nobody = test
        .anonymous()
        .run("ChangePassword", change(PASSWORD, OTHER_PASSWORD))
        .await;
    assert_eq!(nobody.refusal(), "UNAUTHENTICATED");
    let changed = ana.run("ChangePassword", change(PASSWORD, OTHER_PASSWORD)).await;
    assert_eq!(changed.at("changePassword.changed"), &json!(true));
    assert!(opens(&test, &access).await, "the session that changed it goes on");
    assert!(!opens(&test, &elsewhere).await);
    assert_eq!(test.notices().await, [format!("password_changed {EMAIL}")]);
    session(&test, OTHER_PASSWORD).await;
}
