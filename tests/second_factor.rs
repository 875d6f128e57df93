//! The second factor through the API: adding it, signing in with it, losing the device, and the roles that need it.

use chrono::TimeDelta;
use futures_util::future::join_all;
use rumbo::auth::second_factor::DeviceSecret;
use rumbo::store::{audit, second_factor};
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use crate::support::app::{Answer, Client, TestApp};

const PASSWORD: &str = TestApp::PASSWORD;

fn proof(password: &str, code: &str) -> Value {
    json!({ "input": { "password": password, "code": code } })
}

/// A wrong code that is written like one.
fn other(code: &str) -> String {
    let number: u32 = code.parse().expect("digits");
    format!("{:06}", (number + 1) % 1_000_000)
}

/// Somebody with a password.
async fn somebody<'a>(test: &'a TestApp, name: &'static str) -> Client<'a> {
    let client = test.person(name).await;
    test.password_of(&client).await;
    client
}

/// A device that has learnt the secret.
struct Device<'a> {
    test: &'a TestApp,
    secret: DeviceSecret,
}

impl Device<'_> {
    fn code(&self) -> String {
        self.secret.code_at(self.test.now())
    }

    /// The code of half a minute later.
    fn next(&self) -> String {
        self.test.pass(TimeDelta::seconds(30));
        self.code()
    }
}

async fn begin<'a>(test: &'a TestApp, client: &Client<'_>) -> Device<'a> {
    let begun = client.run("BeginSecondFactor", json!({})).await;
    let secret = begun.text("beginSecondFactor.enrolment.secret");
    let uri = begun.text("beginSecondFactor.enrolment.uri");
    assert!(
        uri.starts_with("otpauth://totp/Rumbo:") && uri.contains(&secret),
        "{uri}"
    );
    let secret = DeviceSecret::read(&secret).expect("a secret");
    Device { test, secret }
}

/// Adds a second factor; the device and the recovery codes.
async fn enrol<'a>(test: &'a TestApp, client: &Client<'_>) -> (Device<'a>, Vec<String>) {
    let device = begin(test, client).await;
    let done = client.run("ConfirmSecondFactor", proof(PASSWORD, &device.code())).await;
    assert_eq!(done.user_errors("confirmSecondFactor"), Vec::<String>::new());
    let codes = list(&done, "confirmSecondFactor.recoveryCodes");
    drop(test.mails().await);
    (device, codes)
}

fn list(answer: &Answer, path: &str) -> Vec<String> {
    let list = answer.at(path).as_array().expect("a list");
    list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

async fn challenge(test: &TestApp, email: &str) -> String {
    let input = json!({ "email": email, "password": PASSWORD });
    let answer = test.anonymous().run("SignIn", json!({ "input": input })).await;
    assert_eq!(answer.at("signIn.session"), &Value::Null, "no tokens before the code");
    assert_eq!(answer.number("signIn.challenge.expiresIn"), 300);
    answer.text("signIn.challenge.token")
}

async fn complete(test: &TestApp, challenge: &str, code: &str) -> Answer {
    let input = json!({ "challenge": challenge, "code": code });
    test.anonymous().run("CompleteSignIn", json!({ "input": input })).await
}

async fn completes(test: &TestApp, challenge: &str, code: &str) -> Vec<String> {
    complete(test, challenge, code).await.user_errors("completeSignIn")
}

#[tokio::test]
async fn a_factor_is_added_in_two_steps_and_asked_for_from_then_on() {
    let test = TestApp::new().await;
    let ana = somebody(&test, "Ana").await;
    let elsewhere = ana.again().await;
    let state = ana.run("MySecondFactor", json!({})).await;
    assert_eq!(
        state.at("viewer.secondFactor"),
        &json!({ "since": null, "required": false, "missing": false, "recoveryCodesLeft": 0 })
    );
    let early = ana.run("ConfirmSecondFactor", proof(PASSWORD, "123456")).await;
    assert_eq!(early.user_errors("confirmSecondFactor"), ["ILLEGAL_TRANSITION input"]);

    let lost = begin(&test, &ana).await;
    let device = begin(&test, &ana).await;
    let confirm = async |password: &str, code: &str| {
        let answer = ana.run("ConfirmSecondFactor", proof(password, code)).await;
        answer.user_errors("confirmSecondFactor")
    };
    let refused = ["INVALID_CODE input.code"];
    assert_eq!(
        confirm("elefante azul en junio", &device.code()).await,
        ["INVALID_CREDENTIALS input.password"]
    );
    assert_eq!(
        confirm(PASSWORD, &lost.code()).await,
        refused,
        "another secret took its place"
    );
    assert_eq!(confirm(PASSWORD, "").await, refused);
    let done = ana.run("ConfirmSecondFactor", proof(PASSWORD, &device.code())).await;
    let codes = list(&done, "confirmSecondFactor.recoveryCodes");
    assert_eq!(codes.len(), 10);
    assert_eq!(test.notices().await, ["second_factor_added ana@example.org"]);
    assert_eq!(
        elsewhere.run("Viewer", json!({})).await.refusal(),
        "UNAUTHENTICATED",
        "other sessions end"
    );
    let state = ana.run("MySecondFactor", json!({})).await;
    assert_eq!(state.number("viewer.secondFactor.recoveryCodesLeft"), 10);
    let again = ana.run("BeginSecondFactor", json!({})).await;
    assert_eq!(again.user_errors("beginSecondFactor"), ["ILLEGAL_TRANSITION input"]);

    let first = challenge(&test, &ana.email).await;
    assert_eq!(
        completes(&test, &first, &device.code()).await,
        refused,
        "the code that confirmed it was used"
    );
    let signed_in = complete(&test, &first, &device.next()).await;
    let access = signed_in.text("completeSignIn.session.accessToken");
    let viewer = test.anonymous().bearing(&access).run("Viewer", json!({})).await;
    assert_eq!(viewer.text("viewer.person.email"), ana.email);
    let invalid = ["INVALID_TOKEN input.challenge"];
    assert_eq!(
        completes(&test, &first, &device.next()).await,
        invalid,
        "a challenge works once"
    );
    for nonsense in ["", "nonsense", &access] {
        assert_eq!(completes(&test, nonsense, &device.code()).await, invalid);
    }
    let second = challenge(&test, &ana.email).await;
    test.pass(TimeDelta::minutes(5));
    assert_eq!(completes(&test, &second, &device.code()).await, invalid, "too late");

    // What is stored does not hold the secret.
    let row = second_factor::find(test.app.db.read(), ana.person.expect("a person")).await;
    let stored = row.expect("a query").expect("a factor").secret;
    assert_eq!(stored.len(), 12 + 20 + 16, "nonce, text and tag");
    let secret = data_encoding::BASE32_NOPAD.decode(device.secret.text().as_bytes());
    let secret = secret.expect("base 32");
    assert!(!stored.windows(secret.len()).any(|part| part == secret));
}

#[tokio::test]
async fn codes_cannot_be_guessed() {
    let test = TestApp::new().await;
    let ana = somebody(&test, "Ana").await;
    let (device, codes) = enrol(&test, &ana).await;
    device.next();
    let first = challenge(&test, &ana.email).await;
    for _ in 0..5 {
        let wrong = other(&device.code());
        assert_eq!(completes(&test, &first, &wrong).await, ["INVALID_CODE input.code"]);
    }
    let spent = completes(&test, &first, &device.code()).await;
    assert_eq!(spent, ["INVALID_TOKEN input.challenge"], "five codes may be tried");
    let second = challenge(&test, &ana.email).await;
    for _ in 0..5 {
        let wrong = other(&device.code());
        assert_eq!(completes(&test, &second, &wrong).await, ["INVALID_CODE input.code"]);
    }
    // Ten wrong ones in a row: for a while none is taken, not even a right one, however many challenges one gets.
    let third = challenge(&test, &ana.email).await;
    let blocked = complete(&test, &third, &device.next()).await;
    assert_eq!(blocked.refusal(), "RATE_LIMITED");
    assert_eq!(complete(&test, &third, &codes[0]).await.refusal(), "RATE_LIMITED");
    let entries = audit::Entity::find().all(test.app.db.read()).await.expect("entries");
    let told = |entry: &&audit::Model| entry.reason.as_deref() == Some("too many wrong codes of the second factor");
    assert_eq!(entries.iter().filter(told).count(), 1);
    test.pass(TimeDelta::minutes(15));
    let fourth = challenge(&test, &ana.email).await;
    assert_eq!(completes(&test, &fourth, &device.code()).await, Vec::<String>::new());
}

#[tokio::test]
async fn of_fifty_who_bring_one_code_at_once_one_gets_in() {
    let test = TestApp::new().await;
    let ana = somebody(&test, "Ana").await;
    let (device, codes) = enrol(&test, &ana).await;
    for code in [device.next(), codes[3].clone()] {
        let mut challenges = Vec::new();
        for _ in 0..50 {
            challenges.push(challenge(&test, &ana.email).await);
        }
        let answers = join_all(challenges.iter().map(|challenge| complete(&test, challenge, &code))).await;
        let won = answers
            .iter()
            .filter(|answer| {
                answer
                    .json
                    .pointer("/data/completeSignIn/session/accessToken")
                    .is_some()
            })
            .count();
        assert_eq!(won, 1, "{code}");
        // Whoever lost was counted as wrong; the brake is let go.
        test.pass(TimeDelta::minutes(15));
    }
}

#[tokio::test]
async fn a_recovery_code_stands_in_once_for_a_lost_device() {
    let test = TestApp::new().await;
    let ana = somebody(&test, "Ana").await;
    let (device, codes) = enrol(&test, &ana).await;
    let typed = codes[0].to_uppercase().replace('-', " ");
    let first = challenge(&test, &ana.email).await;
    let access = complete(&test, &first, &typed)
        .await
        .text("completeSignIn.session.accessToken");
    let ana = ana.bearing(&access);
    let left = ana.run("MySecondFactor", json!({})).await;
    assert_eq!(left.number("viewer.secondFactor.recoveryCodesLeft"), 9);
    let second = challenge(&test, &ana.email).await;
    assert_eq!(completes(&test, &second, &codes[0]).await, ["INVALID_CODE input.code"]);

    let renew = ana.run("RenewRecoveryCodes", proof(PASSWORD, &codes[1])).await;
    let renewed = list(&renew, "renewRecoveryCodes.recoveryCodes");
    assert_eq!(
        (renewed.len(), renewed.iter().any(|code| codes.contains(code))),
        (10, false)
    );
    assert_eq!(test.notices().await, ["recovery_codes_renewed ana@example.org"]);
    assert_eq!(completes(&test, &second, &codes[2]).await, ["INVALID_CODE input.code"]);
    assert_eq!(completes(&test, &second, &renewed[2]).await, Vec::<String>::new());

    for (password, code, expected) in [
        (
            "elefante azul en junio",
            renewed[3].as_str(),
            "INVALID_CREDENTIALS input.password",
        ),
        (PASSWORD, "000000", "INVALID_CODE input.code"),
        (PASSWORD, "", "INVALID_CODE input.code"),
    ] {
        let refused = ana.run("RemoveSecondFactor", proof(password, code)).await;
        assert_eq!(refused.user_errors("removeSecondFactor"), [expected]);
        let refused = ana.run("RenewRecoveryCodes", proof(password, code)).await;
        assert_eq!(refused.user_errors("renewRecoveryCodes"), [expected]);
    }
    let removed = ana.run("RemoveSecondFactor", proof(PASSWORD, &device.next())).await;
    assert_eq!(removed.at("removeSecondFactor.removed"), &json!(true));
    assert_eq!(test.notices().await, ["second_factor_removed ana@example.org"]);
    let input = json!({ "email": ana.email, "password": PASSWORD });
    let plain = test.anonymous().run("SignIn", json!({ "input": input })).await;
    assert_eq!(plain.at("signIn.challenge"), &Value::Null);
    plain.text("signIn.session.accessToken");
    for (operation, field) in [
        ("RemoveSecondFactor", "removeSecondFactor"),
        ("RenewRecoveryCodes", "renewRecoveryCodes"),
    ] {
        let none = ana.run(operation, proof(PASSWORD, &renewed[4])).await;
        assert_eq!(none.user_errors(field), ["ILLEGAL_TRANSITION input"]);
    }
}

#[tokio::test]
async fn nobody_has_no_second_factor() {
    let test = TestApp::new().await;
    let nobody = test.anonymous();
    assert_eq!(
        nobody.run("BeginSecondFactor", json!({})).await.refusal(),
        "UNAUTHENTICATED"
    );
    for operation in ["ConfirmSecondFactor", "RemoveSecondFactor", "RenewRecoveryCodes"] {
        let answer = nobody.run(operation, proof(PASSWORD, "123456")).await;
        assert_eq!(answer.refusal(), "UNAUTHENTICATED", "{operation}");
    }
    let none = nobody.run("MySecondFactor", json!({})).await;
    assert_eq!(none.at("viewer"), &Value::Null);
}

#[tokio::test]
async fn a_role_that_needs_a_factor_counts_once_it_was_given() {
    let test = TestApp::with(&[("auth.require_second_factor", "coordinator, administrator")]).await;
    let course = json!({ "input": { "course": { "code": "C-1", "titles": [{ "language": "ES", "text": "Curso" }] } } });
    let eva = test.coordinator().await;
    test.password_of(&eva).await;
    let refused = eva.run("CreateCourse", course.clone()).await;
    assert_eq!(refused.refusal(), "SECOND_FACTOR_REQUIRED");
    let state = eva.run("MySecondFactor", json!({})).await;
    assert_eq!(
        (
            state.at("viewer.secondFactor.required"),
            state.at("viewer.secondFactor.missing")
        ),
        (&json!(true), &json!(true))
    );
    let roles = eva.run("Viewer", json!({})).await;
    assert_eq!(
        roles.at("viewer.roles")[0]["role"],
        "COORDINATOR",
        "the role is shown all the same"
    );
    let ada = test.administrator().await;
    let person = eva.person.expect("a person").to_string();
    let input = json!({ "input": { "personId": person, "reason": "left the office" } });
    assert_eq!(
        ada.run("DisableAccount", input).await.refusal(),
        "SECOND_FACTOR_REQUIRED"
    );
    // A tutor needs none, and a participant neither.
    let tim = test.person("Tim").await;
    assert_eq!(tim.run("CreateCourse", course.clone()).await.refusal(), "FORBIDDEN");

    let (device, _) = enrol(&test, &eva).await;
    let made = eva.run("CreateCourse", course).await;
    assert_eq!(
        made.user_errors("createCourse"),
        Vec::<String>::new(),
        "in the session that added it"
    );
    let waiting = challenge(&test, &eva.email).await;
    let done = complete(&test, &waiting, &device.next()).await;
    let elsewhere = eva.bearing(&done.text("completeSignIn.session.accessToken"));
    let more = json!({ "input": { "course": { "code": "C-2", "titles": [{ "language": "ES", "text": "Curso" }] } } });
    let made = elsewhere.run("CreateCourse", more.clone()).await;
    assert_eq!(
        made.user_errors("createCourse"),
        Vec::<String>::new(),
        "and in one that gave it"
    );
    // A session from before, and one after the factor is gone.
    let without = eva.again().await;
    assert_eq!(
        without.run("CreateCourse", more.clone()).await.refusal(),
        "SECOND_FACTOR_REQUIRED"
    );
    let removed = elsewhere
        .run("RemoveSecondFactor", proof(PASSWORD, &device.next()))
        .await;
    assert_eq!(removed.at("removeSecondFactor.removed"), &json!(true));
    assert_eq!(
        elsewhere.run("CreateCourse", more).await.refusal(),
        "SECOND_FACTOR_REQUIRED"
    );
    assert_eq!(
        eva.run("Viewer", json!({})).await.refusal(),
        "UNAUTHENTICATED",
        "other sessions end"
    );
}

#[tokio::test]
async fn password_and_address_change_by_a_code_where_there_is_a_factor() {
    let test = TestApp::new().await;
    let ana = somebody(&test, "Ana").await;
    let (device, _) = enrol(&test, &ana).await;
    let password = async |code: Value| {
        let input = json!({ "currentPassword": PASSWORD, "newPassword": "elefante azul en junio", "code": code });
        let answer = ana.run("ChangePassword", json!({ "input": input })).await;
        answer.user_errors("changePassword")
    };
    let address = async |code: Value| {
        let input = json!({ "currentPassword": PASSWORD, "email": "ana.maria@example.org", "code": code });
        let answer = ana.run("RequestEmailChange", json!({ "input": input })).await;
        answer.user_errors("requestEmailChange")
    };
    for (code, expected) in [
        (Value::Null, "REQUIRED input.code"),
        (json!(" "), "REQUIRED input.code"),
        (json!("000000"), "INVALID_CODE input.code"),
        (json!(device.code()), "INVALID_CODE input.code"),
    ] {
        assert_eq!(password(code.clone()).await, [expected], "{code}");
        assert_eq!(address(code.clone()).await, [expected], "{code}");
    }
    assert_eq!(address(json!(device.next())).await, Vec::<String>::new());
    assert_eq!(
        password(json!(device.code())).await,
        ["INVALID_CODE input.code"],
        "a code works once"
    );
    assert_eq!(password(json!(device.next())).await, Vec::<String>::new());
    assert_eq!(
        test.notices().await,
        [
            "confirm_new_address ana.maria@example.org",
            "password_changed ana@example.org"
        ]
    );
}
