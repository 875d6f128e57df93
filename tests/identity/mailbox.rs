//! Who is asked by mail: what the message is good for, for whom, and what ends it.

use chrono::TimeDelta;
use futures_util::future::join_all;
use rumbo::config::Provider;
use rumbo::domain::language::Language;
use rumbo::service::account::{self, Registration, RegistrationText};
use rumbo::store::identity_claim;
use serde_json::{Value, json};

use super::{
    NOBODY, PASSWORD, asked, begin_factor, confirm, confirm_with, count, entered, entries, id_of, knowing, mailed,
    outcome, people, reasons, registration, sign_in, verified,
};
use crate::support::issuer::Issuer;

#[tokio::test]
async fn the_owner_of_the_mailbox_confirms_the_link_once() {
    let issuer = Issuer::start().await;
    let test = knowing(issuer.settings()).await;
    let ana = test.person("Ana").await;
    let said = verified("ana@example.org");
    let (old, first) = asked(&test, &issuer, "1", "ana@example.org").await;
    let (handle, second) = asked(&test, &issuer, "1", "ana@example.org").await;
    let refused = ["INVALID_TOKEN input.token"];
    assert_eq!(
        confirm(&test, &first, &old).await,
        refused,
        "the newer one took its place"
    );
    for nonsense in ["", "otk_nonsense", &second[1..]] {
        assert_eq!(confirm(&test, nonsense, &handle).await, refused);
    }
    let at_once = join_all((0..4).map(|_| confirm(&test, &second, &handle))).await;
    assert_eq!(at_once.iter().filter(|errors| errors.is_empty()).count(), 1);
    assert_eq!(test.notices().await, ["identity_linked ana@example.org"]);
    assert_eq!(reasons(&test).await, ["identity of campus linked"]);
    let inside = entered(&test, &sign_in(&test, &issuer, "1", said.clone()).await);
    assert_eq!(id_of(&inside).await, ana.person.expect("a person").to_string());
    // Somebody else with the same address stays outside.
    let (handle, late) = asked(&test, &issuer, "2", "ana@example.org").await;
    test.pass(TimeDelta::hours(24));
    assert_eq!(confirm(&test, &late, &handle).await, refused, "too late");
    assert_eq!(count::<identity_claim::Entity>(&test).await, 3);
    // The worker removes what has run out.
    assert_eq!(test.notices().await, NOBODY);
    assert_eq!(count::<identity_claim::Entity>(&test).await, 0);
}

#[tokio::test]
async fn what_was_asked_for_before_the_address_was_confirmed_with_an_identity_ends() {
    let issuer = Issuer::start().await;
    let test = knowing(issuer.settings()).await;
    // The provider's word made the account.
    let (handle, token) = asked(&test, &issuer, "1", "ana@example.org").await;
    let input = json!({ "input": { "email": "ana@example.org" } });
    test.anonymous().run("RequestPasswordReset", input).await;
    let reset = mailed(&test, "reset_password", "ana@example.org").await;
    assert_eq!(confirm(&test, &token, &handle).await, NOBODY);
    drop(test.mails().await);
    let input = json!({ "input": { "token": reset, "password": PASSWORD } });
    let late = test.anonymous().run("ResetPassword", input).await;
    assert_eq!(late.user_errors("resetPassword"), ["INVALID_TOKEN input.token"]);
}

#[tokio::test]
async fn whoever_registered_an_address_first_does_not_get_in_after_its_owner() {
    let issuer = Issuer::start().await;
    let test = knowing(issuer.settings()).await;
    // Mallory registers with Ana's address and waits for her to open the account.
    let input = registration("ana@example.org", "Mal", "Lory");
    test.anonymous().run("RegisterPerson", input).await;
    drop(test.mails().await);
    let (handle, token) = asked(&test, &issuer, "1", "ana@example.org").await;
    assert_eq!(confirm(&test, &token, &handle).await, NOBODY);
    let mails = test.mails().await;
    assert_eq!(mails.len(), 1);
    assert!(mails[0].text.contains("no longer works"), "{}", mails[0].text);
    let told = entries(&test).await;
    assert_eq!(
        told,
        [
            "nobody: address confirmed with an identity",
            "nobody: password forgotten that nobody had confirmed",
            "nobody: identity of campus linked"
        ]
    );
    entered(&test, &sign_in(&test, &issuer, "1", verified("ana@example.org")).await);
    let input = json!({ "input": { "email": "ana@example.org", "password": PASSWORD } });
    let mallory = test.anonymous().run("SignIn", input).await;
    assert_eq!(mallory.user_errors("signIn"), ["INVALID_CREDENTIALS input"]);
}

#[tokio::test]
async fn the_token_of_a_stranger_confirms_nothing_and_takes_nothing() {
    let issuer = Issuer::start().await;
    let test = knowing(issuer.settings()).await;
    let ana = test.person("Ana").await;
    let email = "ana@example.org";
    let (handle, own) = asked(&test, &issuer, "ana", email).await;
    // Mallory's identity comes with the address of Ana, whose mailbox gets the same message again.
    let (strange, bait) = asked(&test, &issuer, "mallory", email).await;
    let refused = ["INVALID_TOKEN input.handle"];
    assert_eq!(confirm(&test, &bait, &handle).await, refused, "in Ana's browser");
    assert_eq!(confirm(&test, &bait, "").await, refused, "in one that began nothing");
    assert_eq!(confirm(&test, &own, &strange).await, refused);
    assert_eq!(confirm(&test, &own, &handle).await, NOBODY, "her own is as it was");
    assert_eq!(confirm(&test, &bait, &strange).await, ["INVALID_TOKEN input.token"]);
    let inside = entered(&test, &sign_in(&test, &issuer, "ana", verified(email)).await);
    assert_eq!(id_of(&inside).await, ana.person.expect("a person").to_string());
    drop(test.mails().await);
}

#[tokio::test]
async fn an_account_that_a_stranger_had_made_does_not_stand_in_its_owners_way() {
    let issuer = Issuer::start().await;
    let test = knowing(issuer.settings()).await;
    let said = json!({ "email": "eva@example.org", "email_verified": true, "name": "Mal Lory" });
    assert_eq!(outcome(&sign_in(&test, &issuer, "1", said).await), "CONFIRM_BY_MAIL");
    drop(test.mails().await);
    let input = json!({ "input": { "email": "eva@example.org", "givenName": "Eva", "familyName": "Luz", "language": "PT",
        "timeZone": "America/Lima", "password": PASSWORD } });
    test.anonymous().run("RegisterPerson", input).await;
    let token = mailed(&test, "confirm_address", "eva@example.org").await;
    let other = json!({ "input": { "email": "eva@example.org", "givenName": "Mal", "familyName": "Lory",
        "language": "EN", "timeZone": "UTC", "password": "elefante azul en junio" } });
    test.anonymous().run("RegisterPerson", other).await;
    drop(test.mails().await);
    let confirmed = test
        .anonymous()
        .run("ConfirmEmail", json!({ "input": { "token": token } }))
        .await;
    assert_eq!(confirmed.user_errors("confirmEmail"), NOBODY);
    let input = json!({ "input": { "email": "eva@example.org", "password": PASSWORD } });
    let signed_in = test.anonymous().run("SignIn", input).await;
    let eva = test.anonymous().bearing(&signed_in.text("signIn.session.accessToken"));
    let viewer = eva.run("Viewer", json!({})).await;
    let shown = viewer.at("viewer.person");
    assert_eq!(
        [
            &shown["givenName"],
            &shown["familyName"],
            &shown["language"],
            &shown["timeZone"]
        ],
        ["Eva", "Luz", "PT", "America/Lima"]
    );
    assert_eq!(people(&test).await, 1);
}

#[tokio::test]
async fn a_reset_leaves_no_registration_that_waits() {
    let issuer = Issuer::start().await;
    let test = knowing(issuer.settings()).await;
    let email = "eva@example.org";
    // The provider's word made the account, and somebody else registers its address.
    drop(asked(&test, &issuer, "1", email).await);
    let strange = registration(email, "Mal", "Lory");
    test.anonymous().run("RegisterPerson", strange).await;
    let strange = mailed(&test, "confirm_address", email).await;
    let input = json!({ "input": { "email": email } });
    test.anonymous().run("RequestPasswordReset", input).await;
    let reset = mailed(&test, "reset_password", email).await;
    let input = json!({ "input": { "token": reset, "password": "elefante azul en junio" } });
    let done = test.anonymous().run("ResetPassword", input).await;
    assert_eq!(done.user_errors("resetPassword"), NOBODY);
    let input = json!({ "input": { "token": strange } });
    let late = test.anonymous().run("ConfirmEmail", input).await;
    assert_eq!(late.user_errors("confirmEmail"), ["INVALID_TOKEN input.token"]);
    drop(test.mails().await);
}

#[tokio::test]
async fn no_claim_outlives_a_new_password_or_a_confirmed_address() {
    let issuer = Issuer::start().await;
    let test = knowing(issuer.settings()).await;
    let ana = test.person("Ana").await;
    test.password_of(&ana).await;
    let email = "ana@example.org";
    let refused = ["INVALID_TOKEN input.token"];
    let new = "elefante azul en junio";

    let (handle, token) = asked(&test, &issuer, "1", email).await;
    let input = json!({ "input": { "email": email } });
    test.anonymous().run("RequestPasswordReset", input).await;
    let reset = mailed(&test, "reset_password", email).await;
    let input = json!({ "input": { "token": reset, "password": new } });
    let done = test.anonymous().run("ResetPassword", input).await;
    assert_eq!(done.user_errors("resetPassword"), NOBODY);
    assert_eq!(confirm(&test, &token, &handle).await, refused, "after a reset");
    drop(test.mails().await);

    let (handle, token) = asked(&test, &issuer, "1", email).await;
    let input = json!({ "input": { "currentPassword": new, "newPassword": PASSWORD } });
    let done = ana.again().await.run("ChangePassword", input).await;
    assert_eq!(done.user_errors("changePassword"), NOBODY);
    assert_eq!(confirm(&test, &token, &handle).await, refused, "after a change");
    drop(test.mails().await);

    let input = registration("eva@example.org", "Eva", "Luz");
    test.anonymous().run("RegisterPerson", input).await;
    let address = mailed(&test, "confirm_address", "eva@example.org").await;
    let (handle, token) = asked(&test, &issuer, "2", "eva@example.org").await;
    let done = test
        .anonymous()
        .run("ConfirmEmail", json!({ "input": { "token": address } }))
        .await;
    assert_eq!(done.user_errors("confirmEmail"), NOBODY);
    assert_eq!(
        confirm(&test, &token, &handle).await,
        refused,
        "after the address was confirmed"
    );

    let (handle, token) = asked(&test, &issuer, "1", email).await;
    let written = RegistrationText {
        email,
        given_name: "Ana",
        family_name: "Luz",
        language: Language::En,
        time_zone: "UTC",
        password: PASSWORD,
    };
    let registration = Registration::parse(&written).expect("a registration");
    account::create_administrator(&test.app, &registration)
        .await
        .expect("an administrator");
    assert_eq!(
        confirm(&test, &token, &handle).await,
        refused,
        "after the machine set a password"
    );
}

#[tokio::test]
async fn the_mailbox_does_not_stand_for_the_second_factor() {
    let issuer = Issuer::start().await;
    let settings = Provider {
        counts_as_second_factor: true,
        ..issuer.settings()
    };
    let test = knowing(settings).await;
    let ana = test.person("Ana").await;
    test.password_of(&ana).await;
    let device = begin_factor(&ana).await;
    let used = device.code_at(test.now());
    let proof = json!({ "input": { "password": PASSWORD, "code": used } });
    let done = ana.run("ConfirmSecondFactor", proof).await;
    assert_eq!(done.user_errors("confirmSecondFactor"), NOBODY);
    drop(test.mails().await);
    test.pass(TimeDelta::seconds(30));

    let said = verified("ana@example.org");
    let (handle, token) = asked(&test, &issuer, "1", "ana@example.org").await;
    for (code, expected) in [
        (Value::Null, "REQUIRED input.code"),
        (json!(" "), "REQUIRED input.code"),
        (json!("nonsense"), "INVALID_CODE input.code"),
        (json!(used), "INVALID_CODE input.code"),
    ] {
        assert_eq!(confirm_with(&test, &token, &handle, &code).await, [expected]);
    }
    let (handle, token) = asked(&test, &issuer, "2", "ana@example.org").await;
    let right = json!(device.code_at(test.now()));
    assert_eq!(confirm_with(&test, &token, &handle, &right).await, NOBODY);
    assert_eq!(test.notices().await, ["identity_linked ana@example.org"]);
    let inside = entered(&test, &sign_in(&test, &issuer, "2", said).await);
    assert_eq!(id_of(&inside).await, id_of(&ana).await);
}
