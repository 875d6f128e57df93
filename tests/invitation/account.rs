//! The invited whose address an account has.

use chrono::{DateTime, Utc};
use rumbo::domain::actor::Role;
use rumbo::store::person;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;

use super::{EMAIL, PASSWORD, accept, appointed, invited, joining, nora, opened, owners, plain, sign_in, to_role};
use crate::support::app::{Client, TestApp};
use crate::support::letter::token_in;
use crate::support::scene::{Plan, act, at, done, enrolling, faults};

#[tokio::test]
async fn an_account_that_was_never_confirmed_goes_to_who_has_the_mailbox() {
    let test = TestApp::new().await;
    let (carla, edition) = opened(&test).await;
    let anyone = test.anonymous();
    let stranger = json!({
        "email": EMAIL, "givenName": "Eve", "familyName": "Else", "language": "EN", "timeZone": "UTC",
        "password": "tortuga verde en mayo",
    });
    act(&anyone, "RegisterPerson", stranger).await;
    let mails = test.mails().await;
    let confirmation = token_in(&mails[0]);
    let token = invited(&test, &carla, &edition).await;
    let joined = act(&anyone, "RegisterInvited", joining(&token)).await;
    assert_eq!(joined.at("registerInvited.registered"), true, "{:#}", joined.json);
    let old = sign_in(&test, EMAIL, "tortuga verde en mayo").await;
    assert_eq!(old.user_errors("signIn"), ["INVALID_CREDENTIALS input"]);
    assert!(sign_in(&test, EMAIL, PASSWORD).await.at("signIn.session").is_object());
    let dead = faults(&anyone, "ConfirmEmail", json!({ "token": confirmation })).await;
    assert_eq!(dead, ["INVALID_TOKEN input.token"]);
    let people = owners(&test, EMAIL).await;
    let names: Vec<String> = people.into_iter().map(|row| row.given_name).collect();
    assert_eq!(names, ["Nora Inés"]);

    // One that was confirmed is for its owner to sign in to; a disabled one is told like any other.
    let other = enrolling(&carla, Plan::OTHER).await;
    drop(test.mails().await);
    let token = invited(&test, &carla, &other).await;
    let exists = act(&anyone, "RegisterInvited", joining(&token)).await;
    assert_eq!(exists.user_errors("registerInvited"), ["ACCOUNT_EXISTS input.token"]);
    let ada = test.administrator().await;
    let id = owners(&test, EMAIL).await[0].id.to_string();
    act(&ada, "DisableAccount", json!({ "personId": id, "reason": "So" })).await;
    let disabled = act(&anyone, "RegisterInvited", joining(&token)).await;
    assert_eq!(plain(&disabled), plain(&exists));
    drop(test.mails().await);
}

/// Lets nobody have confirmed the address of an account.
async fn unconfirm(test: &TestApp, client: &Client<'_>) {
    let tx = test.app.db.write().await.expect("a transaction");
    let nothing: Option<DateTime<Utc>> = None;
    person::Entity::update_many()
        .col_expr(person::Column::EmailConfirmedAt, Expr::value(nothing))
        .filter(person::Column::Id.eq(client.person.expect("a person")))
        .exec(&tx)
        .await
        .expect("an account");
    tx.commit().await.expect("a commit");
}

#[tokio::test]
async fn an_account_that_is_more_than_a_registration_is_not_taken_over() {
    let test = TestApp::new().await;
    let (carla, edition) = opened(&test).await;
    let anyone = test.anonymous();
    let exists = ["ACCOUNT_EXISTS input.token"];

    // As imported: without a password, its address not confirmed. Whoever reads its mail sets one, and accepts.
    let nora = nora(&test).await;
    unconfirm(&test, &nora).await;
    let token = invited(&test, &carla, &edition).await;
    let refused = faults(&anyone, "RegisterInvited", joining(&token)).await;
    assert_eq!(refused, exists);
    act(&anyone, "RequestPasswordReset", json!({ "email": EMAIL })).await;
    let mails = test.mails().await;
    let reset = token_in(&mails[0]);
    let input = json!({ "token": reset, "password": PASSWORD });
    done(&anyone, "ResetPassword", input).await;
    let access = sign_in(&test, EMAIL, PASSWORD).await.text("signIn.session.accessToken");
    let accepted = accept(&anyone.bearing(&access), &token).await;
    assert_eq!(accepted.text("acceptInvitation.outcome.enrolment.state"), "CONFIRMED");
    drop(test.mails().await);

    // With an enrolment, and with a role: of another person, who has a password and never confirmed.
    unconfirm(&test, &nora).await;
    let here = at(&edition);
    let olga = test.holder("Olga", Role::Tutor, here).await;
    test.password_of(&olga).await;
    unconfirm(&test, &olga).await;
    let rhea = test.person("Rhea").await;
    test.password_of(&rhea).await;
    unconfirm(&test, &rhea).await;
    for (email, expected) in [
        (EMAIL, &exists[..]),
        (olga.email.as_str(), &exists[..]),
        (rhea.email.as_str(), &exists[..0]),
    ] {
        let token = appointed(&test, &carla, to_role(email, "TUTOR", Some(&edition))).await;
        let answer = act(&anyone, "RegisterInvited", joining(&token)).await;
        assert_eq!(answer.user_errors("registerInvited"), expected, "{email}");
    }
    drop(test.mails().await);
}
