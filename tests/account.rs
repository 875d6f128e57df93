//! Accounts and sessions through the API: from registration to a reset password, and roles that take effect.

use chrono::TimeDelta;
use rumbo::domain::id::PersonId;
use rumbo::domain::language::Language;
use rumbo::mail::Sent;
use rumbo::service::account::{Registration, RegistrationText, create_administrator};
use rumbo::store::{audit, person};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};

use crate::support::app::{Answer, Client, TestApp};
use crate::support::scene::{Plan, draft, enrolling};

const EMAIL: &str = "ana.perez@example.org";
const PASSWORD: &str = "tortuga verde en mayo";
const OTHER_PASSWORD: &str = "elefante azul en junio";

fn registration() -> Value {
    json!({
        "email": EMAIL, "givenName": "Ana", "familyName": "Pérez", "language": "PT",
        "timeZone": "America/Sao_Paulo", "password": PASSWORD,
    })
}

/// The same registration with one thing changed.
fn with(field: &str, value: &str) -> Value {
    let mut input = registration();
    input[field] = json!(value);
    input
}

/// The token in the link of the only message, which is of this kind.
fn token(mails: &[Sent], notice: &str) -> String {
    let [mail] = mails else {
        panic!("one message was expected: {mails:?}")
    };
    assert_eq!((mail.notice.as_str(), mail.to.as_str()), (notice, EMAIL));
    let (_, rest) = mail
        .text
        .split_once("token=")
        .unwrap_or_else(|| panic!("no link in {}", mail.text));
    let token: String = rest.chars().take_while(|letter| !letter.is_whitespace()).collect();
    assert!(mail.html.contains(&token), "the HTML has the same link");
    token
}

async fn register(test: &TestApp) {
    let anyone = test.anonymous();
    let accepted = anyone.run("RegisterPerson", json!({ "input": registration() })).await;
    assert_eq!(
        accepted.at("registerPerson.accepted"),
        &json!(true),
        "{:#}",
        accepted.json
    );
}

/// Registers and confirms the address.
async fn account(test: &TestApp) {
    register(test).await;
    let token = token(&test.mails().await, "confirm_address");
    let confirmed = test
        .anonymous()
        .run("ConfirmEmail", json!({ "input": { "token": token } }))
        .await;
    assert_eq!(confirmed.at("confirmEmail.confirmed"), &json!(true));
}

async fn sign_in(test: &TestApp, password: &str) -> Answer {
    let input = json!({ "email": EMAIL, "password": password });
    test.anonymous().run("SignIn", json!({ "input": input })).await
}

/// The access token and the refresh token of a new session.
async fn session(test: &TestApp, password: &str) -> (String, String) {
    let answer = sign_in(test, password).await;
    (
        answer.text("signIn.session.accessToken"),
        answer.text("signIn.session.refreshToken"),
    )
}

async fn refresh(test: &TestApp, token: &str) -> Answer {
    test.anonymous()
        .run("RefreshSession", json!({ "input": { "refreshToken": token } }))
        .await
}

/// Whether an access token opens anything.
async fn opens(test: &TestApp, access: &str) -> bool {
    let answer = test.anonymous().bearing(access).run("Viewer", json!({})).await;
    match answer.status.as_u16() {
        200 => answer.text("viewer.person.email") == EMAIL,
        401 => answer.refusal() != "UNAUTHENTICATED",
        other => panic!("{other}: {:#}", answer.json),
    }
}

async fn id_of(test: &TestApp, email: &str) -> PersonId {
    let rows = person::Entity::find().filter(person::Column::Email.eq(email));
    rows.one(test.app.db.read())
        .await
        .expect("a query")
        .expect("a person")
        .id
}

async fn disable(test: &TestApp, email: &str) {
    let tx = test.app.db.write().await.expect("a transaction");
    person::Entity::update_many()
        .col_expr(person::Column::DisabledAt, Expr::value(test.now()))
        .filter(person::Column::Email.eq(email))
        .exec(&tx)
        .await
        .expect("an update");
    tx.commit().await.expect("a commit");
}

#[tokio::test]
async fn from_registration_to_an_application() {
    let test = TestApp::new().await;
    account(&test).await;
    let (access, _) = session(&test, PASSWORD).await;
    let ana = test.anonymous().bearing(&access);
    let viewer = ana.run("Viewer", json!({})).await;
    assert_eq!(viewer.text("viewer.person.fullName"), "Ana Pérez");
    assert_eq!(viewer.text("viewer.person.timeZone"), "America/Sao_Paulo");
    assert_eq!(
        (viewer.at("viewer.roles"), viewer.at("viewer.declaration")),
        (&json!([]), &Value::Null)
    );

    let coordinator = test.coordinator().await;
    let edition = enrolling(&coordinator, Plan::OPEN).await;
    let apply = json!({ "input": { "editionId": edition } });
    let early = ana.run("ApplyToEdition", apply.clone()).await;
    assert_eq!(
        early.user_errors("applyToEdition"),
        ["DECLARATION_REQUIRED input.editionId"]
    );
    let institution = test.institution("SENAI", "BR").await.to_string();
    let input =
        json!({ "gender": "NOT_STATED", "country": "br", "institutionId": institution, "constituentGroup": "WORKERS" });
    let stated = ana.run("DeclareMyself", json!({ "input": input })).await;
    assert_eq!(stated.text("stateDeclaration.declaration.country"), "BR");
    assert_eq!(stated.text("stateDeclaration.declaration.institution.name"), "SENAI");
    let applied = ana.run("ApplyToEdition", apply).await;
    assert_eq!(applied.text("applyToEdition.enrolment.state"), "CONFIRMED");
    let mails = test.mails().await;
    assert_eq!(mails.len(), 1);
    assert!(
        mails[0].subject.to_lowercase().contains("inscrição"),
        "in her language: {}",
        mails[0].subject
    );
}

#[tokio::test]
async fn what_people_do_to_their_own_account_is_audited() {
    let test = TestApp::new().await;
    account(&test).await;
    let (access, _) = session(&test, PASSWORD).await;
    let ana = test.anonymous().bearing(&access);
    let profile = json!({ "version": 1, "givenName": "Ana", "familyName": "Paz", "language": "ES", "timeZone": "UTC" });
    ana.run("UpdateProfile", json!({ "input": profile })).await;
    let statement = json!({ "gender": "NOT_STATED", "constituentGroup": "WORKERS" });
    ana.run("DeclareMyself", json!({ "input": statement })).await;
    // What was refused is no entry.
    ana.run("UpdateProfile", json!({ "input": profile })).await;
    let begun = ana
        .query("mutation { beginSecondFactor { enrolment { secret } } }", json!({}))
        .await;
    begun.text("beginSecondFactor.enrolment.secret");
    let out = ana.query("mutation { signOut { signedOut } }", json!({})).await;
    assert_eq!(out.at("signOut.signedOut"), &json!(true));
    let mut entries = audit::Entity::find()
        .filter(audit::Column::Action.eq("manage_account"))
        .all(test.app.db.read())
        .await
        .expect("entries");
    entries.sort_by_key(|entry| entry.id);
    let id = id_of(&test, EMAIL).await;
    for entry in &entries {
        assert_eq!((entry.actor_id, entry.subject_id), (Some(id), Some(id.0)));
    }
    let what: Vec<_> = entries.iter().filter_map(|entry| entry.reason.as_deref()).collect();
    let expected = [
        "address confirmed",
        "profile changed",
        "declaration stated",
        "second factor begun",
        "signed out",
    ];
    assert_eq!(what, expected);
}

#[tokio::test]
async fn a_profile_is_changed_by_the_version_that_was_seen() {
    let test = TestApp::new().await;
    let ana = test.person("Ana").await;
    let profile = |version: i64, zone: &str| json!({ "input": { "version": version, "givenName": "Ana María", "familyName": "Pérez", "language": "ES", "timeZone": zone } });
    let changed = ana.run("UpdateProfile", profile(1, "Europe/Madrid")).await;
    assert_eq!(changed.text("updateProfile.person.givenName"), "Ana María");
    assert_eq!(changed.number("updateProfile.person.version"), 2);
    let stale = ana.run("UpdateProfile", profile(1, "Europe/Madrid")).await;
    assert_eq!(stale.user_errors("updateProfile"), ["STALE_VERSION input.version"]);
    let sentence = &stale.json["data"]["updateProfile"]["userErrors"][0]["message"];
    assert_eq!(
        sentence, "Otra persona lo cambió entretanto; la versión actual es 2.",
        "in the language just set"
    );
    let wrong = ana.run("UpdateProfile", profile(2, "Mars/Olympus")).await;
    assert_eq!(wrong.user_errors("updateProfile"), ["UNKNOWN_TIME_ZONE input.timeZone"]);
    let nobody = test.anonymous().run("UpdateProfile", profile(2, "Europe/Madrid")).await;
    assert_eq!(nobody.refusal(), "UNAUTHENTICATED");
}

#[tokio::test]
async fn a_declaration_that_cannot_be_is_refused() {
    let test = TestApp::new().await;
    let ana = test.person("Ana").await;
    let state = async |client: &Client<'_>, country: Value, institution: Value| {
        let input = json!({ "gender": "FEMALE", "country": country, "institutionId": institution, "constituentGroup": "OTHER" });
        client.run("DeclareMyself", json!({ "input": input })).await
    };
    let answer = state(&ana, json!("XX"), Value::Null).await;
    assert_eq!(
        answer.user_errors("stateDeclaration"),
        ["UNKNOWN_COUNTRY input.country"]
    );
    let answer = state(&ana, json!("UY"), json!("edn_01h455vb4pex5vsknk084sn02q")).await;
    assert_eq!(
        answer.user_errors("stateDeclaration"),
        ["INVALID_ID input.institutionId"]
    );
    let answer = state(&ana, json!("UY"), json!("ins_01h455vb4pex5vsknk084sn02q")).await;
    assert_eq!(answer.refusal(), "NOT_FOUND");
    assert_eq!(
        answer.json["errors"][0]["extensions"]["inputPath"],
        json!(["input", "institutionId"])
    );
    let answer = state(&test.anonymous(), json!("UY"), Value::Null).await;
    assert_eq!(answer.refusal(), "UNAUTHENTICATED");
    let viewer = ana.run("Viewer", json!({})).await;
    assert_eq!(
        viewer.text("viewer.declaration.country"),
        "UY",
        "what was stated before holds"
    );
}

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

#[tokio::test]
async fn what_was_planted_in_an_account_ends_when_it_becomes_an_administrators() {
    let test = TestApp::new().await;
    account(&test).await;
    let (access, _) = session(&test, PASSWORD).await;
    let mallory = test.anonymous().bearing(&access);
    let change = json!({ "email": "mallory@example.org", "currentPassword": PASSWORD });
    let asked = mallory.run("RequestEmailChange", json!({ "input": change })).await;
    assert_eq!(asked.user_errors("requestEmailChange"), [""; 0]);
    let planted = test.mails().await.pop().expect("a message");
    let (_, planted) = planted.text.split_once("token=").expect("a link");
    let planted = planted.split_whitespace().next().expect("a token");
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

#[tokio::test]
async fn a_role_holds_from_the_next_request_until_it_is_ended() {
    let test = TestApp::new().await;
    let (ada, eva) = (test.administrator().await, test.person("Eva").await);
    let course = json!({ "input": { "course": { "code": "C-1", "titles": [{ "language": "ES", "text": "Curso" }] } } });
    assert_eq!(eva.run("CreateCourse", course.clone()).await.refusal(), "FORBIDDEN");
    let input = json!({ "email": "Eva@example.org", "role": "COORDINATOR" });
    let granted = ada.run("GrantRole", json!({ "input": input })).await;
    assert_eq!(granted.text("grantRole.roleAssignment.scope"), "SYSTEM");
    let id = granted.text("grantRole.roleAssignment.id");
    assert_eq!(
        granted.at("grantRole.roleAssignment.person.fullName"),
        &Value::Null,
        "a name needs a reason"
    );
    let again = ada.run("GrantRole", json!({ "input": input })).await;
    assert_eq!(again.user_errors("grantRole"), ["ALREADY_GRANTED input.role"]);
    assert_eq!(
        eva.run("CreateCourse", course.clone())
            .await
            .user_errors("createCourse"),
        Vec::<String>::new()
    );
    let roles = eva.run("Viewer", json!({})).await;
    assert_eq!(roles.at("viewer.roles")[0]["role"], "COORDINATOR");

    let revoke = json!({ "input": { "roleAssignmentId": id, "reason": "left the office" } });
    assert_eq!(
        eva.run("RevokeRole", revoke.clone()).await.refusal(),
        "FORBIDDEN",
        "nor her own"
    );
    assert_eq!(
        test.person("Saul")
            .await
            .run("RevokeRole", revoke.clone())
            .await
            .refusal(),
        "NOT_FOUND"
    );
    let ended = ada.run("RevokeRole", revoke.clone()).await;
    assert_eq!(ended.user_errors("revokeRole"), Vec::<String>::new());
    assert_eq!(eva.run("CreateCourse", course).await.refusal(), "FORBIDDEN");
    assert_eq!(eva.run("Viewer", json!({})).await.at("viewer.roles"), &json!([]));
    assert_eq!(
        ada.run("RevokeRole", revoke).await.user_errors("revokeRole"),
        ["ILLEGAL_TRANSITION input.roleAssignmentId"]
    );
}

#[tokio::test]
async fn a_role_that_runs_out_ends_by_itself() {
    let test = TestApp::new().await;
    let (ada, eva) = (test.administrator().await, test.person("Eva").await);
    let until = |until: &str| json!({ "input": { "personId": eva.person.expect("a person").to_string(), "role": "COORDINATOR", "until": until } });
    let past = ada.run("GrantRole", until("2026-03-02T12:00:00Z")).await;
    assert_eq!(past.user_errors("grantRole"), ["DATES_OUT_OF_ORDER input.until"]);
    ada.run("GrantRole", until("2026-03-02T12:05:00Z")).await;
    assert_eq!(
        eva.run("Viewer", json!({}))
            .await
            .at("viewer.roles")
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    test.pass(TimeDelta::minutes(5));
    assert_eq!(eva.run("Viewer", json!({})).await.at("viewer.roles"), &json!([]));
}

#[tokio::test]
async fn a_coordinator_makes_tutors_in_their_own_editions_and_nothing_else() {
    let test = TestApp::new().await;
    let ada = test.administrator().await;
    let all = test.coordinator().await;
    let mine = draft(&all, Plan::OPEN).await.text("createEdition.edition.id");
    let other = Plan {
        code: "OTHER-2026",
        ..Plan::OPEN
    };
    let theirs = draft(&all, other).await.text("createEdition.edition.id");
    let eva = test.person("Eva").await;
    let tim = id_of(&test, &test.person("Tim").await.email).await.to_string();
    let grant = |person: &str, role: &str, scope: Value| json!({ "input": { "personId": person, "role": role, "scopeId": scope } });
    let eva_id = eva.person.expect("a person").to_string();
    ada.run("GrantRole", grant(&eva_id, "COORDINATOR", json!(mine))).await;
    // Whom one does not see, one invites: an answer to an address would tell who has an account.
    let unseen = eva.run("GrantRole", grant(&tim, "TUTOR", json!(mine))).await;
    assert_eq!(unseen.refusal(), "NOT_FOUND");
    let by_address = |email: &str| json!({ "input": { "email": email, "role": "TUTOR", "scopeId": mine } });
    let plain = |answer: &Answer| {
        let mut error = answer.json["errors"][0].clone();
        error["extensions"]["requestId"] = json!("each its own");
        error
    };
    let known = eva.run("GrantRole", by_address("tim@example.org")).await;
    let unknown = eva.run("GrantRole", by_address("nobody@example.org")).await;
    assert_eq!(known.refusal(), "NOT_FOUND");
    assert_eq!(plain(&known), plain(&unknown));
    let made = ada.run("GrantRole", by_address("tim@example.org")).await;
    assert_eq!(made.user_errors("grantRole"), Vec::<String>::new());
    for (role, scope, code) in [
        ("TUTOR", json!(theirs), "NOT_FOUND"),
        ("COORDINATOR", json!(mine), "FORBIDDEN"),
        ("ADMINISTRATOR", Value::Null, "FORBIDDEN"),
        ("COORDINATOR", Value::Null, "FORBIDDEN"),
    ] {
        assert_eq!(
            eva.run("GrantRole", grant(&tim, role, scope)).await.refusal(),
            code,
            "{role}"
        );
    }
    let own = eva.run("GrantRole", grant(&eva_id, "TUTOR", json!(mine))).await;
    assert_eq!(own.user_errors("grantRole"), ["ROLE_NOT_GRANTABLE input.role"]);
    for (role, scope, expected) in [
        ("TUTOR", Value::Null, "REQUIRED input.scopeId"),
        ("ADMINISTRATOR", json!(mine), "INVALID_ID input.scopeId"),
        ("FOCAL_POINT", json!(mine), "INVALID_ID input.scopeId"),
        ("TUTOR", json!("nonsense"), "INVALID_ID input.scopeId"),
        ("TUTOR", json!(tim), "INVALID_ID input.scopeId"),
    ] {
        let refused = ada.run("GrantRole", grant(&tim, role, scope)).await;
        assert_eq!(refused.user_errors("grantRole"), [expected], "{role}");
    }
    let whom = ada
        .run("GrantRole", json!({ "input": { "role": "ADMINISTRATOR" } }))
        .await;
    assert_eq!(whom.user_errors("grantRole"), ["REQUIRED input.personId"]);
    let input = json!({ "personId": tim, "email": "tim@example.org", "role": "TUTOR", "scopeId": mine });
    let both = ada.run("GrantRole", json!({ "input": input })).await;
    assert_eq!(both.user_errors("grantRole"), ["MALFORMED input.email"]);
    let unknown = ada
        .run(
            "GrantRole",
            json!({ "input": { "email": "nobody@example.org", "role": "ADMINISTRATOR" } }),
        )
        .await;
    assert_eq!(unknown.refusal(), "NOT_FOUND");
    let nobody = test
        .anonymous()
        .run("GrantRole", grant(&tim, "TUTOR", json!(mine)))
        .await;
    assert_eq!(nobody.refusal(), "UNAUTHENTICATED");
}
