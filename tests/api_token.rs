//! API tokens: making and ending them, what ends them all, what each scope reaches, and what is told of them.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use chrono::TimeDelta;
use futures_util::future::join_all;
use rumbo::auth::api_token as secrets;
use rumbo::auth::second_factor::DeviceSecret;
use rumbo::domain::actor::{Role, Scope};
use rumbo::domain::policy::scopes::{Scopes, TokenScope};
use rumbo::mail::Mailer;
use rumbo::service::second_factor::forget_as_operator;
use rumbo::store::{Db, api_token, audit};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};

use crate::support::app::{Answer, Client, TestApp};
use crate::support::program;
use crate::support::scene::{Class, act, id_of};

const PASSWORD: &str = TestApp::PASSWORD;
const OTHER_PASSWORD: &str = "elefante azul en junio";
const WHO: &str = "{ viewer { roles { role } } }";

async fn somebody<'a>(test: &'a TestApp, name: &'static str) -> Client<'a> {
    let client = test.person(name).await;
    test.password_of(&client).await;
    client
}

/// What makes a token with these scopes for so many days.
fn wish(test: &TestApp, scopes: &[&str], days: i64) -> Value {
    let expires_at = test.now() + TimeDelta::days(days);
    json!({ "name": "Nightly report", "scopes": scopes, "expiresAt": expires_at, "password": PASSWORD })
}

/// Makes a token through the API, and gives whoever holds it.
async fn token<'a>(test: &TestApp, owner: &Client<'a>, scopes: &[&str]) -> Client<'a> {
    let made = act(owner, "CreateApiToken", wish(test, scopes, 30)).await;
    owner.bearing(&made.text("createApiToken.created.secret"))
}

/// Puts a token into the store, past the password, and gives whoever holds it.
async fn given<'a>(test: &TestApp, owner: &Client<'a>, scopes: Scopes) -> Client<'a> {
    owner.bearing(&program::secret(test, owner, scopes).await)
}

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

async fn works(token: &Client<'_>) -> bool {
    let answer = token.query(WHO, json!({})).await;
    match answer.status.as_u16() {
        200 => true,
        401 => {
            assert_eq!(answer.refusal(), "UNAUTHENTICATED");
            false
        }
        _ => panic!("{:#}", answer.json),
    }
}

async fn mine(owner: &Client<'_>) -> Vec<Value> {
    let answer = owner.run("MyApiTokens", json!({ "first": 50 })).await;
    answer.at("viewer.apiTokens.nodes").as_array().expect("a list").clone()
}

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
        let refused = act(&ana, "CreateApiToken", input).await;
        assert_eq!(refused.user_errors("createApiToken"), [expected]);
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
    let nonsense = act(&ana, "RevokeApiToken", json!({ "apiTokenId": "ses_1" })).await;
    assert_eq!(nonsense.user_errors("revokeApiToken"), ["INVALID_ID input.apiTokenId"]);
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
    let again = act(&ana, "CreateApiToken", wish(&test, &["READ_WORK"], 30)).await;
    assert_eq!(again.user_errors("createApiToken"), [""; 0]);
}

/// Adds a second factor to an account.
async fn add_factor(client: &Client<'_>, test: &TestApp) -> DeviceSecret {
    let begun = client.run("BeginSecondFactor", json!({})).await;
    let secret = begun.text("beginSecondFactor.enrolment.secret");
    let secret = DeviceSecret::read(&secret).expect("a secret");
    let proof = json!({ "password": PASSWORD, "code": secret.code_at(test.now()) });
    let done = act(client, "ConfirmSecondFactor", proof).await;
    assert_eq!(done.user_errors("confirmSecondFactor"), [""; 0]);
    secret
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
    let input = json!({ "token": link(&reset.text), "password": PASSWORD });
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
    let input = json!({ "token": link(&confirm.text) });
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

/// The token in the link of a message.
fn link(text: &str) -> String {
    let (_, rest) = text.split_once("token=").expect("a link");
    rest.chars().take_while(|letter| !letter.is_whitespace()).collect()
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

/// Documents, and the scopes of which each one lets it in.
#[rustfmt::skip]
const REACH: &[(&[TokenScope], &str)] = &[
    (&[TokenScope::ReadAccount], "{ viewer { roles { role } declaration { country } can(action: CREATE_COURSE) { allowed } } }"),
    (&[TokenScope::ReadCatalogue, TokenScope::WriteCatalogue], "{ editions(first: 1) { nodes { code } } }"),
    (&[TokenScope::ReadCatalogue, TokenScope::WriteCatalogue], "query ($edition: ID!) { node(id: $edition) { id ... on Edition { code } } }"),
    (&[TokenScope::ReadCatalogue, TokenScope::WriteCatalogue, TokenScope::WriteInstitutions], "{ institutions(first: 1) { nodes { name } } }"),
    (&[TokenScope::ReadCatalogue, TokenScope::WriteCatalogue, TokenScope::ReadStatistics], "{ measures { measure } }"),
    (&[TokenScope::WriteCatalogue], "mutation ($edition: ID!) { updateDeliverable(input: { deliverableId: $edition, version: 1 }) { userErrors { code } } }"),
    (&[TokenScope::WriteInstitutions], "mutation { createInstitution(input: { name: \"\", country: \"UY\", kind: OTHER }) { userErrors { code } } }"),
    (&[TokenScope::ReadPeople], "query ($person: ID!) { node(id: $person) { id ... on Person { fullName gender } } }"),
    (&[TokenScope::ReadEnrolments, TokenScope::WriteEnrolments], "{ myEnrolments(first: 1) { nodes { state } } }"),
    (&[TokenScope::ReadEnrolments, TokenScope::WriteEnrolments], "query ($enrolment: ID!) { enrolment(id: $enrolment) { id history { to } } }"),
    (&[TokenScope::WriteEnrolments], "mutation ($enrolment: ID!) { withdrawEnrolment(input: { enrolmentId: $enrolment, version: 0 }) { enrolment { state } userErrors { code } } }"),
    (&[TokenScope::ManageTeams], "mutation ($edition: ID!) { createTeam(input: { editionId: $edition, name: \"\" }) { team { name } userErrors { code } } }"),
    (&[TokenScope::ReadWork, TokenScope::WriteWork, TokenScope::AssessWork, TokenScope::ManageTeams], "{ allocatedTeams(first: 1) { nodes { name } } }"),
    (&[TokenScope::ReadWork, TokenScope::WriteWork, TokenScope::AssessWork], "query ($submission: ID!) { submission(id: $submission) { state versions { assessments { comment } } } }"),
    (&[TokenScope::WriteWork], "mutation ($submission: ID!) { submitWork(input: { submissionId: $submission, version: 0 }) { submission { state } userErrors { code } } }"),
    (&[TokenScope::AssessWork], "mutation ($submission: ID!) { startReview(input: { submissionId: $submission, version: 0 }) { submission { state } userErrors { code } } }"),
    (&[TokenScope::ReadStatistics], "{ statistics(by: []) { total { enrolments } } }"),
    (&[TokenScope::ReadAudit], "{ auditEntries(first: 1) { nodes { action via } } }"),
];

/// What no scope reaches.
const NEVER: &[&str] = &[
    "{ viewer { sessions(first: 1) { nodes { id } } } }",
    "{ viewer { apiTokens(first: 1) { nodes { id } } } }",
    "{ viewer { secondFactor { since } } }",
    "mutation { signOut { signedOut } }",
    "mutation { endAllSessions { ended } }",
    "mutation { beginSecondFactor { enrolment { secret } } }",
    "mutation { createApiToken(input: { name: \"More\", scopes: [READ_AUDIT], expiresAt: \"2026-03-03T00:00:00Z\", password: \"\" }) { created { secret } } }",
    "mutation { revokeApiToken(input: { apiTokenId: \"tok_01h455vb4pex5vsknk084sn02q\" }) { revoked } }",
    "mutation { changePassword(input: { currentPassword: \"\", newPassword: \"\" }) { changed } }",
    "mutation { updateProfile(input: { version: 1, givenName: \"A\", familyName: \"B\", language: EN, timeZone: \"UTC\" }) { userErrors { code } } }",
    "mutation ($person: ID!) { disableAccount(input: { personId: $person, reason: \"So\" }) { disabled } }",
    "mutation ($person: ID!) { grantRole(input: { personId: $person, role: COORDINATOR }) { userErrors { code } } }",
    "mutation { signIn(input: { email: \"a@example.org\", password: \"x\" }) { userErrors { code } } }",
    "mutation { requestPasswordReset(input: { email: \"a@example.org\" }) { accepted } }",
];

fn insufficient(answer: &Answer) -> bool {
    let code = answer.json.pointer("/errors/0/extensions/code");
    code.is_some_and(|code| code == "INSUFFICIENT_SCOPE")
}

#[tokio::test]
async fn a_token_reaches_what_its_scopes_cover_and_no_more() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let submission = class.hand_in(&class.people[0], "Our plan").await;
    let owner = class.coordinator.clone();
    test.role_of(&owner, Role::Administrator, Scope::System).await;
    let mut variables = json!({
        "edition": class.edition, "person": id_of(&class.people[0]), "enrolment": class.enrolments[0],
        "submission": submission,
    });
    let everything = given(&test, &owner, Scopes::of(TokenScope::ALL.iter().copied())).await;
    let (mut reached, mut kept) = (0, 0);
    for &scope in TokenScope::ALL {
        let program = given(&test, &owner, Scopes::of([scope])).await;
        for &(scopes, document) in REACH {
            let answer = program.query(document, variables.clone()).await;
            let let_in = scopes.contains(&scope);
            assert_eq!(
                insufficient(&answer),
                !let_in,
                "{scope:?}: {document}\n{:#}",
                answer.json
            );
            assert_eq!(answer.status.as_u16(), if let_in { 200 } else { 403 }, "{document}");
            if let_in {
                reached += 1;
            } else {
                kept += 1;
            }
        }
        for document in NEVER {
            assert!(
                insufficient(&program.query(document, variables.clone()).await),
                "{scope:?}: {document}"
            );
            kept += 1;
        }
    }
    assert_eq!(reached, REACH.iter().map(|(scopes, _)| scopes.len()).sum::<usize>());
    for document in NEVER {
        let answer = everything.query(document, variables.clone()).await;
        assert!(insufficient(&answer), "{document}\n{:#}", answer.json);
    }
    // Which scopes would do is said.
    let program = given(&test, &owner, Scopes::of([TokenScope::ReadStatistics])).await;
    let refused = program
        .query("{ myEnrolments(first: 1) { nodes { state } } }", json!({}))
        .await;
    let would_do = &refused.json["errors"][0]["extensions"]["scopes"];
    assert_eq!(would_do, &json!(["READ_ENROLMENTS", "WRITE_ENROLMENTS"]));
    // However a field is written.
    variables = json!({ "edition": class.edition });
    let program = given(&test, &owner, Scopes::of([TokenScope::ReadCatalogue])).await;
    let whole = "query ($edition: ID!) { edition(id: $edition) { code } }";
    assert_eq!(
        program.query(whole, variables.clone()).await.text("edition.code"),
        "DEMO-2026"
    );
    for part in [
        "enrolments(first: 1) { nodes { state } }",
        "x: enrolments(first: 1) { nodes { state } }",
        "... { enrolments(first: 1) { nodes { state } } }",
        "... on Edition { enrolments(first: 1) { nodes { state } } }",
        "...F",
        "...G",
    ] {
        let fragments = match part {
            "...F" => "fragment F on Edition { teams(first: 1) { nodes { name } } }",
            "...G" => "fragment G on Edition { ...H } fragment H on Edition { submissions(first: 1) { nodes { id } } }",
            _ => "",
        };
        let document = format!("query ($edition: ID!) {{ edition(id: $edition) {{ code {part} }} }} {fragments}");
        let answer = program.query(&document, variables.clone()).await;
        assert!(insufficient(&answer), "{document}\n{:#}", answer.json);
    }
    // A node of another kind is not told from one that there is not.
    for id in [&class.enrolments[0], "enr_01h455vb4pex5vsknk084sn02q"] {
        let answer = program
            .query("query ($id: ID!) { node(id: $id) { id } }", json!({ "id": id }))
            .await;
        assert!(insufficient(&answer), "{:#}", answer.json);
    }
    eprintln!("scopes: {reached} let in, {kept} refused");
}

#[tokio::test]
async fn a_token_does_no_more_than_its_owner() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let everything = Scopes::of(TokenScope::ALL.iter().copied());
    let stranger = test.person("Saul").await;
    let program = given(&test, &stranger, everything).await;
    let page = "query ($id: ID!) { edition(id: $id) { enrolments(first: 9) { nodes { id person { email } } } } }";
    let edition = json!({ "id": class.edition });
    assert_eq!(
        program.query(page, edition.clone()).await.json,
        stranger.query(page, edition.clone()).await.json
    );
    let input = json!({ "editionId": class.edition, "name": "Mine" });
    assert_eq!(act(&program, "CreateTeam", input).await.refusal(), "FORBIDDEN");
    // A role that ends takes the token's reach with it.
    let cora = test.person("Cora").await;
    let input = json!({ "email": cora.email, "role": "COORDINATOR", "scopeId": class.edition });
    let ada = test.administrator().await;
    let granted = act(&ada, "GrantRole", input).await;
    let role = granted.text("grantRole.roleAssignment.id");
    let program = given(&test, &cora, everything).await;
    assert_eq!(
        program
            .query(page, edition.clone())
            .await
            .at("edition.enrolments.nodes")
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    act(&ada, "RevokeRole", json!({ "roleAssignmentId": role }))
        .await
        .at("revokeRole.roleAssignment");
    assert_eq!(
        program.query(page, edition).await.at("edition.enrolments.nodes"),
        &json!([])
    );
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
    let refused = act(&cora, "CreateApiToken", input.clone()).await;
    assert_eq!(refused.user_errors("createApiToken"), ["REQUIRED input.code"]);
    input["code"] = json!("000000");
    let refused = act(&cora, "CreateApiToken", input.clone()).await;
    assert_eq!(refused.user_errors("createApiToken"), ["INVALID_CODE input.code"]);
    input["code"] = json!(device.code_at(test.now()));
    let made = act(&cora, "CreateApiToken", input).await;
    let with = cora.bearing(&made.text("createApiToken.created.secret"));
    with.run("CreateCourse", create).await.text("createCourse.course.id");
    drop(test.mails().await);
}

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

#[tokio::test]
async fn guesses_at_the_password_are_limited_here_too() {
    let test = TestApp::with(&[("rates.enabled", "true")]).await;
    let ana = somebody(&test, "Ana").await;
    let mut wrong = wish(&test, &["READ_ACCOUNT"], 30);
    wrong["password"] = json!(OTHER_PASSWORD);
    for _ in 0..5 {
        let refused = act(&ana, "CreateApiToken", wrong.clone()).await;
        assert_eq!(
            refused.user_errors("createApiToken"),
            ["INVALID_CREDENTIALS input.password"]
        );
    }
    assert_eq!(act(&ana, "CreateApiToken", wrong).await.refusal(), "RATE_LIMITED");
}

#[tokio::test]
async fn a_filter_tells_a_token_no_more_than_the_field_would() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let institution = test.institution("INEFOP", "UY").await.to_string();
    let owner = class.coordinator.clone();
    let lists = Scopes::of([TokenScope::ReadEnrolments, TokenScope::ReadCatalogue]);
    let people = Scopes::of([
        TokenScope::ReadEnrolments,
        TokenScope::ReadCatalogue,
        TokenScope::ReadPeople,
    ]);
    let (blind, seeing) = (given(&test, &owner, lists).await, given(&test, &owner, people).await);
    let list = |arguments: &str, declared: &str| {
        format!(
            "query ($edition: ID!{declared}) {{ edition(id: $edition) {{
                enrolments(first: 50{arguments}) {{ nodes {{ state }} }} }} }}"
        )
    };
    let with = |more: Value| {
        let mut all = json!({ "edition": class.edition });
        all.as_object_mut()
            .expect("fields")
            .extend(more.as_object().expect("fields").clone());
        all
    };
    let by_literal = list(", filter: { countries: [\"UY\"] }", "");
    let by_part = list(", filter: { countries: $countries }", ", $countries: [String!]");
    let by_default = list(
        ", filter: $filter",
        ", $filter: EnrolmentFilter = { countries: [\"UY\"] }",
    );
    let by_variable = list(", filter: $filter", ", $filter: EnrolmentFilter");
    let by_fragment = format!(
        "query ($edition: ID!) {{ edition(id: $edition) {{ ...F }} }}
        fragment F on Edition {{ enrolments(first: 50, filter: {{ institutionIds: [\"{institution}\"] }}) {{ nodes {{ state }} }} }}"
    );
    let asked = [
        (by_literal, json!({})),
        (by_part, json!({ "countries": ["UY"] })),
        (by_default, json!({})),
        (by_variable.clone(), json!({ "filter": { "countries": ["UY"] } })),
        (
            by_variable.clone(),
            json!({ "filter": { "institutionIds": [institution] } }),
        ),
        (
            by_variable.clone(),
            json!({ "filter": { "nominatedByIds": [institution] } }),
        ),
        (
            by_variable.clone(),
            json!({ "filter": { "constituentGroups": ["WORKERS"] } }),
        ),
        (by_variable.clone(), json!({ "filter": { "languages": ["ES"] } })),
        (by_fragment, json!({})),
    ];
    for (document, variables) in asked {
        let refused = blind.query(&document, with(variables.clone())).await;
        assert_eq!(refused.refusal(), "INSUFFICIENT_SCOPE", "{document}");
        let let_in = seeing.query(&document, with(variables)).await;
        assert!(let_in.at("edition.enrolments.nodes").is_array(), "{document}");
    }
    // What restricts by what the list itself shows needs nothing more, and neither does what is not given.
    for filter in [
        json!({ "states": ["ACTIVE"] }),
        json!({ "countries": null }),
        json!({}),
        Value::Null,
    ] {
        let answer = blind.query(&by_variable, with(json!({ "filter": filter }))).await;
        assert_eq!(answer.at("edition.enrolments.nodes").as_array().map(Vec::len), Some(2));
    }
}
