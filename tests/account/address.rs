//! Whose an address is: registering and confirming it, and that nobody learns whether it has an account.

use chrono::TimeDelta;
use rumbo::mail::Sent;
use serde_json::{Value, json};

use super::{EMAIL, OTHER_PASSWORD, PASSWORD, account, disable, register, registration, session, sign_in, token, with};
use crate::support::app::TestApp;

#[tokio::test]
async fn no_answer_tells_whether_an_address_has_an_account() {
    let test = TestApp::new().await;
    account(&test).await;
    let anyone = test.anonymous();
    let twice = anyone.run("RegisterPerson", json!({ "input": registration() })).await;
    assert_eq!(
        test.notices().await,
        [format!("already_registered {EMAIL}")],
        "only the owner is told"
    );
    let other = anyone
        .run("RegisterPerson", json!({ "input": with("email", "new@example.org") }))
        .await;
    assert_eq!((twice.status, &twice.json), (other.status, &other.json));
    assert_eq!(test.notices().await, ["confirm_address new@example.org"]);

    let reset = async |email: &str| {
        anyone
            .run("RequestPasswordReset", json!({ "input": { "email": email } }))
            .await
    };
    let (known, unknown) = (reset(EMAIL).await, reset("nobody@example.org").await);
    assert_eq!((known.status, &known.json), (unknown.status, &unknown.json));
    let waiting = reset("new@example.org").await;
    assert_eq!((waiting.status, &waiting.json), (unknown.status, &unknown.json));
    assert_eq!(
        test.notices().await,
        [
            "address_not_confirmed new@example.org",
            &format!("reset_password {EMAIL}")
        ]
    );

    let attempt = async |email: &str, password: &str| {
        let input = json!({ "email": email, "password": password });
        anyone.run("SignIn", json!({ "input": input })).await
    };
    let refused = attempt(EMAIL, OTHER_PASSWORD).await;
    assert_eq!(refused.user_errors("signIn"), ["INVALID_CREDENTIALS input"]);
    assert_eq!(refused.at("signIn.session"), &Value::Null);
    for (email, password) in [
        ("nobody@example.org", PASSWORD),
        ("no address at all", PASSWORD),
        ("new@example.org", PASSWORD),
        (EMAIL, ""),
        (EMAIL, "TORTUGA VERDE EN MAYO"),
    ] {
        assert_eq!(attempt(email, password).await.json, refused.json, "{email}");
    }
    disable(&test, EMAIL).await;
    assert_eq!(
        attempt(EMAIL, PASSWORD).await.json,
        refused.json,
        "an account that is disabled"
    );
    reset(EMAIL).await;
    assert_eq!(test.notices().await, Vec::<String>::new(), "and it gets no link");
}

#[tokio::test]
async fn asking_takes_the_same_work_for_a_known_an_unconfirmed_and_an_unknown_address() {
    let test = TestApp::new().await;
    account(&test).await;
    let waiting = "new@example.org";
    let input = json!({ "input": with("email", waiting) });
    test.anonymous().run("RegisterPerson", input).await;
    drop(test.mails().await);
    let mut counts = Vec::new();
    for email in [EMAIL, waiting, "nobody@example.org"] {
        for (operation, input) in [
            ("RequestPasswordReset", json!({ "email": email })),
            ("RegisterPerson", with("email", email)),
        ] {
            let anyone = test.anonymous();
            anyone.warm_up().await;
            let before = test.app.db.statements();
            anyone.run(operation, json!({ "input": input })).await;
            counts.push((operation, test.app.db.statements() - before));
        }
    }
    assert_eq!(counts[..2], counts[2..4], "to the statement");
    assert_eq!(counts[..2], counts[4..], "to the statement");
    let told = [
        "address_not_confirmed",
        "already_registered",
        "confirm_address",
        "confirm_address",
        "reset_password",
    ];
    let mut notices: Vec<_> = test.mails().await.into_iter().map(|mail| mail.notice).collect();
    notices.sort();
    assert_eq!(notices, told);
}

#[tokio::test]
async fn everything_that_is_wrong_with_a_registration_is_told_in_the_readers_language() {
    let test = TestApp::new().await;
    let long = "x".repeat(513);
    for (field, value, expected) in [
        ("email", "ana", "MALFORMED input.email"),
        ("email", "", "REQUIRED input.email"),
        ("givenName", " ", "REQUIRED input.givenName"),
        ("familyName", "a\u{202e}b", "FORBIDDEN_CHARACTER input.familyName"),
        ("timeZone", "Mars/Olympus", "UNKNOWN_TIME_ZONE input.timeZone"),
        ("password", "", "REQUIRED input.password"),
        ("password", "short", "TOO_SHORT input.password"),
        ("password", &long, "TOO_LONG input.password"),
        ("password", &long[..129], "TOO_LONG input.password"),
        ("password", "passwordpassword", "WEAK_PASSWORD input.password"),
        ("password", "1234567890123456", "WEAK_PASSWORD input.password"),
        ("password", "ana.perez rules 2026", "WEAK_PASSWORD input.password"),
        ("password", "aaaaaaaaaaaaaaaaaaaa", "WEAK_PASSWORD input.password"),
        (
            "password",
            "tortuga verde\u{0} en mayo",
            "FORBIDDEN_CHARACTER input.password",
        ),
    ] {
        let refused = test
            .anonymous()
            .run("RegisterPerson", json!({ "input": with(field, value) }))
            .await;
        assert_eq!(refused.user_errors("registerPerson"), [expected], "{value:?}");
        assert_eq!(refused.at("registerPerson.accepted"), &Value::Null);
    }
    let mut wrong = with("password", "short");
    wrong["email"] = json!("ana");
    for (language, first, second) in [
        (
            "es",
            "No está escrito como corresponde.",
            "Es demasiado corto: el mínimo es 12.",
        ),
        (
            "en",
            "This is not written as it should be.",
            "This is too short: the least is 12.",
        ),
        (
            "pt-BR, es;q=0.5",
            "Não está escrito como deveria.",
            "É curto demais: o mínimo é 12.",
        ),
        (
            "fr",
            "No está escrito como corresponde.",
            "Es demasiado corto: el mínimo es 12.",
        ),
    ] {
        let anyone = test.anonymous().speaking(language);
        let refused = anyone.run("RegisterPerson", json!({ "input": wrong })).await;
        let expected = ["MALFORMED input.email", "TOO_SHORT input.password"];
        assert_eq!(refused.user_errors("registerPerson"), expected);
        let errors = refused.at("registerPerson.userErrors");
        assert_eq!(
            (&errors[0]["message"], &errors[1]["message"]),
            (&json!(first), &json!(second)),
            "{language}"
        );
    }
    assert_eq!(test.notices().await, Vec::<String>::new(), "nobody was registered");
}

#[tokio::test]
async fn an_address_is_confirmed_once_in_time_and_before_the_first_session() {
    let test = TestApp::new().await;
    register(&test).await;
    assert_eq!(
        sign_in(&test, PASSWORD).await.user_errors("signIn"),
        ["INVALID_CREDENTIALS input"]
    );
    let first = token(&test.mails().await, "confirm_address");
    register(&test).await;
    let second = token(&test.mails().await, "confirm_address");
    let refused = ["INVALID_TOKEN input.token"];
    assert_eq!(confirm(&test, "nonsense").await, refused);
    assert_eq!(confirm(&test, "").await, refused);
    test.pass(TimeDelta::hours(25));
    assert_eq!(confirm(&test, &first).await, refused, "too late");
    assert_eq!(confirm(&test, &second).await, refused, "too late");
    register(&test).await;
    let third = token(&test.mails().await, "confirm_address");
    register(&test).await;
    let fourth = token(&test.mails().await, "confirm_address");
    assert_eq!(confirm(&test, &third).await, Vec::<String>::new());
    assert_eq!(confirm(&test, &third).await, refused, "once");
    assert_eq!(confirm(&test, &fourth).await, refused, "the account is somebody's now");
    session(&test, PASSWORD).await;
}

/// Confirms an address; what that was refused with.
async fn confirm(test: &TestApp, token: &str) -> Vec<String> {
    let input = json!({ "input": { "token": token } });
    let answer = test.anonymous().run("ConfirmEmail", input).await;
    answer.user_errors("confirmEmail")
}

/// Registers the address under a name and a password; the message that comes of it.
async fn register_as(test: &TestApp, name: &str, password: &str) -> Vec<Sent> {
    let mut input = with("givenName", name);
    input["password"] = json!(password);
    input["language"] = json!("EN");
    let accepted = test.anonymous().run("RegisterPerson", json!({ "input": input })).await;
    assert_eq!(accepted.at("registerPerson.accepted"), &json!(true));
    test.mails().await
}

#[tokio::test]
async fn a_token_confirms_the_registration_that_it_was_sent_for() {
    for own_first in [true, false] {
        let test = TestApp::new().await;
        let entered = [("Victoria", PASSWORD), ("Mallory", OTHER_PASSWORD)];
        let mut mails = [Vec::new(), Vec::new()];
        for turn in if own_first { [0, 1] } else { [1, 0] } {
            mails[turn] = register_as(&test, entered[turn].0, entered[turn].1).await;
        }
        let [own, strange] = mails;
        assert!(
            own[0].text.contains("Victoria") && !own[0].text.contains("Mallory"),
            "{}",
            own[0].text
        );
        assert!(strange[0].text.contains("Mallory") && !strange[0].text.contains("Victoria"));
        let (own, strange) = (token(&own, "confirm_address"), token(&strange, "confirm_address"));
        assert_eq!(confirm(&test, &own).await, [""; 0]);
        assert_eq!(confirm(&test, &strange).await, ["INVALID_TOKEN input.token"]);
        let refused = sign_in(&test, OTHER_PASSWORD).await;
        assert_eq!(
            refused.user_errors("signIn"),
            ["INVALID_CREDENTIALS input"],
            "a stranger's"
        );
        let (access, _) = session(&test, PASSWORD).await;
        let viewer = test.anonymous().bearing(&access).run("Viewer", json!({})).await;
        assert_eq!(viewer.text("viewer.person.fullName"), "Victoria Pérez");
    }
}

#[tokio::test]
async fn no_password_is_reset_of_an_address_that_nobody_confirmed() {
    // While the stranger's link works, and when it has run out.
    for hours in [0, 25] {
        let test = TestApp::new().await;
        let strange = token(&register_as(&test, "Mallory", OTHER_PASSWORD).await, "confirm_address");
        test.pass(TimeDelta::hours(hours));
        let reset = async || {
            let asked = json!({ "input": { "email": EMAIL } });
            let answer = test.anonymous().run("RequestPasswordReset", asked).await;
            assert_eq!(answer.at("requestPasswordReset.accepted"), &json!(true));
            test.mails().await
        };
        let told = reset().await;
        let [mail] = &told[..] else {
            panic!("one message was expected: {told:?}")
        };
        assert_eq!(
            (mail.notice.as_str(), mail.to.as_str()),
            ("address_not_confirmed", EMAIL)
        );
        assert!(!mail.text.contains("token="), "{}", mail.text);
        // The owner does what it says: all that is entered is theirs, and what the stranger entered waits no more.
        let own = token(&register_as(&test, "Victoria", PASSWORD).await, "confirm_address");
        assert_eq!(confirm(&test, &own).await, [""; 0]);
        assert_eq!(confirm(&test, &strange).await, ["INVALID_TOKEN input.token"]);
        let (access, _) = session(&test, PASSWORD).await;
        let viewer = test.anonymous().bearing(&access).run("Viewer", json!({})).await;
        assert_eq!(viewer.text("viewer.person.fullName"), "Victoria Pérez");
        // From now on there is a password to reset.
        let input = json!({ "token": token(&reset().await, "reset_password"), "password": OTHER_PASSWORD });
        let done = test.anonymous().run("ResetPassword", json!({ "input": input })).await;
        assert_eq!(done.user_errors("resetPassword"), [""; 0]);
        session(&test, OTHER_PASSWORD).await;
        drop(test.mails().await);
    }
}
