//! Invitations: whom a coordinator may invite to what, what the token of the message is good for, and for how long.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, header};
use chrono::{DateTime, TimeDelta, Utc};
use rumbo::domain::actor::{Actor, Role, Scope};
use rumbo::domain::id::{EditionId, PersonId};
use rumbo::domain::language::Language;
use rumbo::domain::text::Comment;
use rumbo::error::{Code, Error};
use rumbo::mail::Sent;
use rumbo::service::invitation::holder;
use rumbo::store::{edition, history, invitation, person, second_factor};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};

use crate::support::app::{Answer, Client, TestApp};
use crate::support::scene::{Plan, act, draft, enrolling, id_of, walk};

const EMAIL: &str = "nora.invitada@example.org";
const PASSWORD: &str = "elefante azul en junio";

/// What invites Nora to an edition.
fn to_edition(edition: &str) -> Value {
    json!({ "editionId": edition, "email": EMAIL, "givenName": "Nora", "familyName": "Núñez", "language": "ES" })
}

/// What invites somebody to a role.
fn to_role(email: &str, role: &str, scope: Option<&str>) -> Value {
    json!({
        "email": email, "givenName": "Nora", "familyName": "Núñez", "language": "PT", "role": role, "scopeId": scope,
    })
}

/// What Nora makes an account with.
fn joining(token: &str) -> Value {
    json!({
        "token": token, "givenName": "Nora Inés", "familyName": "Núñez", "language": "ES",
        "timeZone": "America/Montevideo", "password": PASSWORD,
        "declaration": { "gender": "FEMALE", "country": "UY", "constituentGroup": "WORKERS" },
        "motivation": "To learn",
    })
}

/// The token in the link of a message.
fn token_of(mail: &Sent) -> String {
    let (_, rest) = mail.text.split_once("/invitation?token=").expect("a link");
    let token: String = rest.chars().take_while(|letter| !letter.is_whitespace()).collect();
    assert!(mail.html.contains(&token), "the HTML has the same link");
    token
}

/// The token of the only message.
async fn token(test: &TestApp) -> String {
    match test.mails().await.as_slice() {
        [mail] => token_of(mail),
        mails => panic!("one message was expected: {mails:?}"),
    }
}

/// Invites Nora to an edition; the token of her message.
async fn invited(test: &TestApp, by: &Client<'_>, edition: &str) -> String {
    let answer = act(by, "InviteToEdition", to_edition(edition)).await;
    assert_eq!(answer.user_errors("inviteToEdition"), [""; 0]);
    token(test).await
}

/// Invites somebody to a role; the token of the message.
async fn appointed(test: &TestApp, by: &Client<'_>, input: Value) -> String {
    let answer = act(by, "InviteToRole", input).await;
    assert_eq!(answer.user_errors("inviteToRole"), [""; 0], "{:#}", answer.json);
    token(test).await
}

/// The invitations of an edition as somebody sees them.
async fn list(reader: &Client<'_>, edition: &str, filter: Value) -> Vec<Value> {
    let variables = json!({ "editionId": edition, "first": 50, "filter": filter });
    let answer = reader.run("EditionInvitations", variables).await;
    answer
        .at("edition.invitations.nodes")
        .as_array()
        .expect("a list")
        .clone()
}

async fn accept(client: &Client<'_>, token: &str) -> Answer {
    act(client, "AcceptInvitation", json!({ "token": token })).await
}

async fn sign_in(test: &TestApp, email: &str, password: &str) -> Answer {
    act(
        &test.anonymous(),
        "SignIn",
        json!({ "email": email, "password": password }),
    )
    .await
}

/// The answer without what names the request.
fn plain(answer: &Answer) -> Value {
    let mut body = answer.json.clone();
    for error in body["errors"].as_array_mut().into_iter().flatten() {
        error["extensions"]["requestId"] = Value::Null;
    }
    body
}

/// What a token is answered by everything that takes one, as somebody who could accept.
async fn answers(test: &TestApp, client: &Client<'_>, token: &str) -> Vec<(u16, Value)> {
    let all = [
        test.anonymous().run("OpenInvitation", json!({ "token": token })).await,
        act(&test.anonymous(), "DeclineInvitation", json!({ "token": token })).await,
        act(&test.anonymous(), "RegisterInvited", joining(token)).await,
        accept(client, token).await,
    ];
    all.iter()
        .map(|answer| (answer.status.as_u16(), plain(answer)))
        .collect()
}

/// A person whose account has Nora's address.
async fn nora(test: &TestApp) -> Client<'_> {
    let client = test.person("Nora").await;
    set_address(test, client.person.expect("a person"), EMAIL).await;
    client
}

async fn set_address(test: &TestApp, id: PersonId, email: &str) {
    let tx = test.app.db.write().await.expect("a transaction");
    let taken = rumbo::error::Error::NotFound("");
    person::set_email(&tx, id, email, test.now(), taken)
        .await
        .expect("an address");
    tx.commit().await.expect("a commit");
}

#[tokio::test]
async fn somebody_without_an_account_is_invited_and_takes_part() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN).await;
    let made = act(&carla, "InviteToEdition", to_edition(&edition)).await;
    assert_eq!(made.text("inviteToEdition.invitation.state"), "SENT");
    assert_eq!(
        made.text("inviteToEdition.invitation.expiresAt"),
        "2026-03-09T12:00:00+00:00"
    );
    let mails = test.mails().await;
    assert_eq!(
        (mails.len(), mails[0].notice.as_str(), mails[0].to.as_str()),
        (1, "invited_to_edition", EMAIL)
    );
    assert_eq!(mails[0].subject, "Tiene una invitación: Formación profesional digital");
    for part in ["Nora", "Carla Tester", "DEMO-2026", "9 de marzo de 2026, 12:00 UTC"] {
        assert!(mails[0].text.contains(part), "{part}: {}", mails[0].text);
    }
    let token = token_of(&mails[0]);
    let link = format!("{}/invitation?token={token}", test.app.settings.http.public_url);
    assert!(mails[0].text.contains(&link), "{}", mails[0].text);

    let anyone = test.anonymous();
    let offer = anyone.run("OpenInvitation", json!({ "token": token })).await;
    assert_eq!(
        offer.at("openInvitation"),
        &json!({
            "purpose": "TAKE_PART", "role": null, "scope": "EDITION", "scopeName": "Digital training (DEMO-2026)",
            "edition": {
                "code": "DEMO-2026", "startsOn": "2026-04-06", "endsOn": "2026-07-31", "timeZone": "America/Montevideo",
            },
            "inviterName": "Carla Tester", "language": "ES", "expiresAt": "2026-03-09T12:00:00+00:00",
        })
    );
    assert!(!offer.body.contains(EMAIL), "{}", offer.body);

    let joined = act(&anyone, "RegisterInvited", joining(&token)).await;
    assert_eq!(joined.at("registerInvited.registered"), true, "{:#}", joined.json);
    assert_eq!(test.notices().await, [format!("enrolment_confirmed {EMAIL}")]);
    let access = sign_in(&test, EMAIL, PASSWORD).await.text("signIn.session.accessToken");
    let nora = anyone.bearing(&access);
    let mine = nora.run("MyEnrolments", json!({ "first": 5 })).await;
    assert_eq!(mine.text("myEnrolments.nodes.0.state"), "CONFIRMED");

    let listed = list(&carla, &edition, json!({})).await;
    let me = nora.run("Viewer", json!({})).await.text("viewer.person.id");
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (&listed[0]["state"], &listed[0]["email"], &listed[0]["givenName"]),
        (&json!("ACCEPTED"), &json!(EMAIL), &json!("Nora"))
    );
    assert_eq!(listed[0]["person"], json!({ "id": me, "fullName": "Nora Inés Núñez" }));
    assert_eq!(listed[0]["invitedBy"]["id"], id_of(&carla));
    let steps = listed[0]["history"].as_array().expect("a history").clone();
    let states: Vec<&Value> = steps.iter().map(|step| &step["to"]).collect();
    assert_eq!(states, ["sent", "accepted"]);
    assert_eq!(test.violations().await, []);
    assert_eq!(test.differences().await, [""; 0]);
}

#[tokio::test]
async fn messages_are_written_in_the_language_of_the_invited() {
    let test = TestApp::new().await;
    let (ada, carla) = (test.administrator().await, test.coordinator().await);
    let edition = enrolling(&carla, Plan::OPEN).await;
    for (language, subject, role) in [
        (
            "ES",
            "Tiene una invitación para colaborar en Rumbo",
            "ejercer la tutoría en «Formación profesional digital (DEMO-2026)»",
        ),
        (
            "EN",
            "You are invited to work with Rumbo",
            "a tutor in “Digital training (DEMO-2026)”",
        ),
        (
            "PT",
            "Você recebeu um convite para colaborar no Rumbo",
            "exercer a tutoria em “Formación profesional digital (DEMO-2026)”",
        ),
    ] {
        let email = format!("{}@example.org", language.to_lowercase());
        let mut input = to_role(&email, "TUTOR", Some(&edition));
        input["language"] = json!(language);
        assert_eq!(
            act(&carla, "InviteToRole", input).await.user_errors("inviteToRole"),
            [""; 0]
        );
        let mails = test.mails().await;
        assert_eq!(
            (mails[0].to.as_str(), mails[0].subject.as_str()),
            (email.as_str(), subject)
        );
        assert!(
            mails[0].text.contains(role) && mails[0].text.contains("Carla Tester"),
            "{}",
            mails[0].text
        );
    }
    let everywhere = to_role("all@example.org", "COORDINATOR", None);
    act(&ada, "InviteToRole", everywhere).await;
    let mails = test.mails().await;
    assert!(mails[0].text.contains("coordenar todos os cursos"), "{}", mails[0].text);
}

#[tokio::test]
async fn links_begin_with_the_configured_address_whatever_a_request_says() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN).await;
    let document =
        "mutation ($input: InviteToEditionInput!) { inviteToEdition(input: $input) { userErrors { code } } }";
    let body = json!({ "query": document, "variables": { "input": to_edition(&edition) } });
    let bearer = format!("Bearer {}", carla.token().expect("a token"));
    let request = Request::post("/graphql")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/graphql-response+json")
        .header(header::AUTHORIZATION, bearer)
        .header(header::HOST, "evil.example.net")
        .header("forwarded", "host=evil.example.net;proto=https")
        .header("x-forwarded-host", "evil.example.net");
    let answer = test
        .send(request.body(Body::from(body.to_string())).expect("a request"))
        .await;
    assert_eq!(answer.at("inviteToEdition.userErrors"), &json!([]));
    let mails = test.mails().await;
    assert_eq!(mails.len(), 1);
    assert!(mails[0].text.contains(&test.app.settings.http.public_url));
    for part in [&mails[0].text, &mails[0].html] {
        assert!(!part.contains("evil.example.net"), "{part}");
    }
}

#[tokio::test]
async fn the_owner_of_the_address_accepts_with_the_account_and_nobody_else() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let plan = Plan {
        policy: "APPROVAL",
        ..Plan::OPEN
    };
    let edition = enrolling(&carla, plan).await;
    let token = invited(&test, &carla, &edition).await;
    let ben = test.person("Ben").await;
    let other = accept(&ben, &token).await;
    assert_eq!(other.user_errors("acceptInvitation"), ["OTHER_ADDRESS input.token"]);
    assert!(!other.body.contains("nora"), "{}", other.body);
    assert_eq!(accept(&test.anonymous(), &token).await.refusal(), "UNAUTHENTICATED");

    // As the rule of the edition says: a coordinator decides.
    let nora = nora(&test).await;
    let input = json!({ "token": token, "motivation": "To learn" });
    let accepted = act(&nora, "AcceptInvitation", input).await;
    assert_eq!(
        accepted.text("acceptInvitation.outcome.enrolment.state"),
        "APPLIED",
        "{:#}",
        accepted.json
    );
    assert_eq!(accepted.at("acceptInvitation.outcome.roleAssignment"), &Value::Null);
    assert_eq!(test.notices().await, [format!("application_received {EMAIL}")]);
    let again = accept(&nora, &token).await;
    assert_eq!(again.user_errors("acceptInvitation"), ["INVALID_TOKEN input.token"]);

    // Whoever takes part already learns it, and the token stays as it was.
    let token = invited(&test, &carla, &edition).await;
    let twice = accept(&nora, &token).await;
    assert_eq!(twice.user_errors("acceptInvitation"), ["ALREADY_ENROLLED input.token"]);
    let still = test.anonymous().run("OpenInvitation", json!({ "token": token })).await;
    assert_eq!(still.text("openInvitation.purpose"), "TAKE_PART");
}

#[tokio::test]
async fn a_refusal_that_can_be_put_right_leaves_the_token_good() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = draft(&carla, Plan::OPEN).await.text("createEdition.edition.id");
    walk(&carla, &edition, &["ANNOUNCED"]).await;
    // Its window opens in an hour, or time would open it before.
    let (now, hour) = (test.now(), TimeDelta::hours(1));
    set_window(&test, &edition, now + hour, now + TimeDelta::days(20)).await;
    let token = invited(&test, &carla, &edition).await;
    let anyone = test.anonymous();
    let closed = act(&anyone, "RegisterInvited", joining(&token)).await;
    assert_eq!(closed.user_errors("registerInvited"), ["ENROLMENT_CLOSED input.token"]);
    set_window(&test, &edition, now - hour, now + TimeDelta::days(20)).await;
    walk(&carla, &edition, &["ENROLLING"]).await;
    for (field, value, expected) in [
        ("declaration", Value::Null, "DECLARATION_REQUIRED input.declaration"),
        ("givenName", json!(" "), "REQUIRED input.givenName"),
        ("timeZone", json!("Mars/Olympus"), "UNKNOWN_TIME_ZONE input.timeZone"),
        ("password", json!("short"), "TOO_SHORT input.password"),
        ("password", json!("nora.invitada 1234"), "WEAK_PASSWORD input.password"),
    ] {
        let mut input = joining(&token);
        input[field] = value;
        let refused = act(&anyone, "RegisterInvited", input).await;
        assert_eq!(refused.user_errors("registerInvited"), [expected]);
    }
    let mut input = joining(&token);
    input["declaration"]["country"] = json!("XX");
    let refused = act(&anyone, "RegisterInvited", input).await;
    assert_eq!(
        refused.user_errors("registerInvited"),
        ["UNKNOWN_COUNTRY input.declaration.country"]
    );
    let mut input = joining(&token);
    input["declaration"]["country"] = json!("XX");
    input["declaration"]["institutionId"] = json!("nowhere");
    input["familyName"] = json!(" ");
    input["password"] = json!("short");
    let refused = act(&anyone, "RegisterInvited", input).await;
    assert_eq!(
        refused.user_errors("registerInvited"),
        [
            "REQUIRED input.familyName",
            "TOO_SHORT input.password",
            "UNKNOWN_COUNTRY input.declaration.country",
            "INVALID_ID input.declaration.institutionId",
        ],
        "all at once"
    );
    let mut input = joining(&token);
    input["declaration"] = Value::Null;
    input["password"] = json!("invitada por la tarde");
    let refused = act(&anyone, "RegisterInvited", input).await;
    assert_eq!(
        refused.user_errors("registerInvited"),
        ["WEAK_PASSWORD input.password", "DECLARATION_REQUIRED input.declaration"],
        "what depends on the invitation"
    );
    let mut input = joining(&token);
    let unknown = rumbo::domain::id::InstitutionId(uuid::Uuid::from_u128(7)).to_string();
    input["declaration"]["institutionId"] = json!(unknown);
    assert_eq!(act(&anyone, "RegisterInvited", input).await.refusal(), "NOT_FOUND");
    let people = person::Entity::find()
        .filter(person::Column::Email.eq(EMAIL))
        .all(test.app.db.read());
    assert_eq!(people.await.expect("people"), [], "nothing of it lasts");
    let joined = act(&anyone, "RegisterInvited", joining(&token)).await;
    assert_eq!(joined.at("registerInvited.registered"), true);
    drop(test.mails().await);
}

#[tokio::test]
async fn every_dead_token_is_refused_in_one_way() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN).await;
    let nora = nora(&test).await;
    let anyone = test.anonymous();
    let unknown = format!("otk_{}", "A".repeat(43));
    let expected = answers(&test, &nora, &unknown).await;
    assert_eq!(
        expected[0].1["errors"][0]["extensions"],
        json!({ "code": "INVALID_TOKEN", "inputPath": ["token"], "requestId": null })
    );
    for (at, mutation) in ["declineInvitation", "registerInvited", "acceptInvitation"]
        .iter()
        .enumerate()
    {
        let error = &expected[at + 1].1["data"][mutation]["userErrors"][0];
        assert_eq!(
            (&error["code"], &error["path"]),
            (&json!("INVALID_TOKEN"), &json!(["input", "token"]))
        );
    }
    for nonsense in ["", "otk_", "x", &unknown[..46], &"A".repeat(5000)] {
        assert_eq!(answers(&test, &nora, nonsense).await, expected, "{nonsense}");
    }

    let declined = invited(&test, &carla, &edition).await;
    let input = json!({ "token": declined, "reason": "No time" });
    let answer = act(&anyone, "DeclineInvitation", input).await;
    assert_eq!(answer.at("declineInvitation.declined"), true);
    assert_eq!(answers(&test, &nora, &declined).await, expected, "declined");
    let seen = list(&carla, &edition, json!({ "states": ["DECLINED"] })).await;
    assert_eq!(seen[0]["history"][1]["reason"], "No time");

    let withdrawn = invited(&test, &carla, &edition).await;
    let open = list(&carla, &edition, json!({ "states": ["SENT"] })).await;
    let input = json!({ "invitationId": open[0]["id"], "version": 1, "reason": "By mistake" });
    let answer = act(&carla, "WithdrawInvitation", input).await;
    assert_eq!(answer.text("withdrawInvitation.invitation.state"), "WITHDRAWN");
    assert_eq!(answers(&test, &nora, &withdrawn).await, expected, "withdrawn");

    let replaced = invited(&test, &carla, &edition).await;
    let open = list(&carla, &edition, json!({ "states": ["SENT"] })).await;
    test.pass(TimeDelta::minutes(15));
    let (carla, nora) = (carla.again().await, nora.again().await);
    let input = json!({ "invitationId": open[0]["id"], "version": 1 });
    let answer = act(&carla, "ResendInvitation", input).await;
    assert_eq!(answer.user_errors("resendInvitation"), [""; 0]);
    let expired = token(&test).await;
    assert_eq!(answers(&test, &nora, &replaced).await, expected, "replaced");

    test.pass(TimeDelta::days(7) - TimeDelta::seconds(1));
    let offer = anyone.run("OpenInvitation", json!({ "token": expired })).await;
    assert_eq!(offer.text("openInvitation.scope"), "EDITION");
    test.pass(TimeDelta::seconds(1));
    let (carla, nora) = (carla.again().await, nora.again().await);
    assert_eq!(
        answers(&test, &nora, &expired).await,
        expected,
        "expired, not yet marked"
    );
    drop(test.mails().await);
    assert_eq!(answers(&test, &nora, &expired).await, expected, "expired");

    let spent = invited(&test, &carla, &edition).await;
    assert_eq!(accept(&nora, &spent).await.user_errors("acceptInvitation"), [""; 0]);
    assert_eq!(answers(&test, &nora, &spent).await, expected, "spent");
    let counts = list(&carla, &edition, json!({})).await;
    let states: Vec<&str> = counts.iter().filter_map(|row| row["state"].as_str()).collect();
    assert_eq!(states, ["ACCEPTED", "EXPIRED", "REPLACED", "WITHDRAWN", "DECLINED"]);
    drop(test.mails().await);
}

#[tokio::test]
async fn inviting_to_an_edition_is_for_its_coordinators_while_people_can_enter() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = draft(&carla, Plan::OPEN).await.text("createEdition.edition.id");
    let other = enrolling(
        &carla,
        Plan {
            code: "OTHER-2026",
            ..Plan::OPEN
        },
    )
    .await;
    let elsewhere = Scope::Edition(other.parse().expect("an edition"));
    let olga = test.holder("Olga", Role::Coordinator, elsewhere).await;
    let (ada, saul) = (test.administrator().await, test.person("Saul").await);
    for stranger in [&olga, &ada, &saul] {
        let refused = act(stranger, "InviteToEdition", to_edition(&edition)).await;
        assert_eq!(refused.refusal(), "NOT_FOUND", "a draft does not exist for them");
    }
    let closed = act(&carla, "InviteToEdition", to_edition(&edition)).await;
    assert_eq!(
        closed.user_errors("inviteToEdition"),
        ["ENROLMENT_CLOSED input.editionId"]
    );
    // Its window opens tomorrow, or time would open it meanwhile.
    let tomorrow = test.now() + TimeDelta::days(1);
    set_window(&test, &edition, tomorrow, tomorrow + TimeDelta::days(20)).await;
    walk(&carla, &edition, &["ANNOUNCED"]).await;
    for stranger in [&olga, &ada, &saul] {
        let refused = act(stranger, "InviteToEdition", to_edition(&edition)).await;
        assert_eq!(refused.refusal(), "FORBIDDEN");
    }
    let refused = act(&test.anonymous(), "InviteToEdition", to_edition(&edition)).await;
    assert_eq!(refused.refusal(), "UNAUTHENTICATED");
    let mut wrong = to_edition(&edition);
    wrong["email"] = json!("nora");
    wrong["givenName"] = json!(" ");
    wrong["familyName"] = json!("a\u{202e}b");
    let refused = act(&carla, "InviteToEdition", wrong).await;
    assert_eq!(
        refused.user_errors("inviteToEdition"),
        [
            "MALFORMED input.email",
            "REQUIRED input.givenName",
            "FORBIDDEN_CHARACTER input.familyName"
        ]
    );
    let mut wrong = to_edition(&edition);
    wrong["editionId"] = json!(id_of(&carla));
    let refused = act(&carla, "InviteToEdition", wrong).await;
    assert_eq!(refused.user_errors("inviteToEdition"), ["INVALID_ID input.editionId"]);
    assert_eq!(test.notices().await, [""; 0]);

    // One open invitation an address, however it is written; the answer is the same for one that has an account.
    let first = act(&carla, "InviteToEdition", to_edition(&edition)).await;
    assert_eq!(first.user_errors("inviteToEdition"), [""; 0]);
    let mut same = to_edition(&edition);
    same["email"] = json!(" Nora.Invitada@EXAMPLE.org");
    let refused = act(&carla, "InviteToEdition", same).await;
    assert_eq!(refused.user_errors("inviteToEdition"), ["ALREADY_INVITED input.email"]);
    let mut known = to_edition(&edition);
    known["email"] = json!(saul.email);
    let second = act(&carla, "InviteToEdition", known).await;
    assert_eq!(second.user_errors("inviteToEdition"), [""; 0]);
    walk(&carla, &edition, &["ENROLLING", "ENROLMENT_CLOSED"]).await;
    let mut third = to_edition(&edition);
    third["email"] = json!("third@example.org");
    let closed = act(&carla, "InviteToEdition", third).await;
    assert_eq!(
        closed.user_errors("inviteToEdition"),
        ["ENROLMENT_CLOSED input.editionId"]
    );
    drop(test.mails().await);
}

#[tokio::test]
async fn roles_are_offered_by_whoever_may_grant_them() {
    let test = TestApp::new().await;
    let (ada, carla) = (test.administrator().await, test.coordinator().await);
    let edition = enrolling(&carla, Plan::OPEN).await;
    let course = carla
        .run("SeeEdition", json!({ "id": edition }))
        .await
        .text("edition.course.id");
    let institution = test.institution("INEFOP", "UY").await.to_string();
    let (olga, saul) = (test.person("Olga").await, test.person("Saul").await);
    let (edition_id, nobody) = (edition.as_str(), test.anonymous());
    for (who, role, scope, expected) in [
        (&carla, "COORDINATOR", Some(edition_id), "FORBIDDEN"),
        (&carla, "COORDINATOR", None, "FORBIDDEN"),
        (&carla, "FOCAL_POINT", Some(institution.as_str()), "FORBIDDEN"),
        (&olga, "TUTOR", Some(edition_id), "FORBIDDEN"),
        (&nobody, "TUTOR", Some(edition_id), "UNAUTHENTICATED"),
    ] {
        let refused = act(who, "InviteToRole", to_role(EMAIL, role, scope)).await;
        assert_eq!(refused.refusal(), expected, "{role} {scope:?}");
    }
    for (email, role, scope, expected) in [
        (EMAIL, "TUTOR", None, "REQUIRED input.scopeId"),
        (EMAIL, "TUTOR", Some(course.as_str()), "INVALID_ID input.scopeId"),
        (EMAIL, "FOCAL_POINT", Some(edition_id), "INVALID_ID input.scopeId"),
        (
            EMAIL,
            "COORDINATOR",
            Some(institution.as_str()),
            "INVALID_ID input.scopeId",
        ),
        (EMAIL, "ADMINISTRATOR", None, "ROLE_NOT_GRANTABLE input.role"),
        ("ada@example.org", "COORDINATOR", None, "ROLE_NOT_GRANTABLE input.role"),
    ] {
        let refused = act(&ada, "InviteToRole", to_role(email, role, scope)).await;
        assert_eq!(refused.user_errors("inviteToRole"), [expected], "{role} {scope:?}");
    }
    let unknown = EditionId(uuid::Uuid::from_u128(9)).to_string();
    let refused = act(&ada, "InviteToRole", to_role(EMAIL, "TUTOR", Some(&unknown))).await;
    assert_eq!(refused.refusal(), "NOT_FOUND");
    assert_eq!(test.notices().await, [""; 0]);

    // Open invitations to different things stand beside each other; two to the same do not.
    for (who, role, scope) in [
        (&carla, "TUTOR", Some(edition_id)),
        (&ada, "COORDINATOR", Some(edition_id)),
        (&ada, "COORDINATOR", Some(course.as_str())),
        (&ada, "COORDINATOR", None),
        (&ada, "FOCAL_POINT", Some(institution.as_str())),
    ] {
        let token = appointed(&test, who, to_role(&saul.email, role, scope)).await;
        let again = act(&ada, "InviteToRole", to_role(&saul.email, role, scope)).await;
        assert_eq!(again.user_errors("inviteToRole"), ["ALREADY_INVITED input.email"]);
        let accepted = accept(&saul, &token).await;
        let given = accepted.at("acceptInvitation.outcome.roleAssignment");
        assert_eq!((&given["role"], &given["scopeId"]), (&json!(role), &json!(scope)));
    }
    let roles = saul.run("Viewer", json!({})).await;
    assert_eq!(roles.at("viewer.roles").as_array().map(Vec::len), Some(5));
    let token = appointed(&test, &carla, to_role(&saul.email, "TUTOR", Some(edition_id))).await;
    let held = accept(&saul, &token).await;
    assert_eq!(held.user_errors("acceptInvitation"), ["ALREADY_GRANTED input.token"]);
    let mine = ada.run("Invitations", json!({ "first": 50, "scopeId": course })).await;
    assert_eq!(mine.at("invitations.nodes").as_array().map(Vec::len), Some(1));
    assert_eq!(mine.text("invitations.nodes.0.state"), "ACCEPTED");
}

#[tokio::test]
async fn whoever_lost_the_authority_gives_no_role_any_more() {
    let test = TestApp::new().await;
    let (ada, carla) = (test.administrator().await, test.coordinator().await);
    let edition = enrolling(&carla, Plan::OPEN).await;
    let cora = test.person("Cora").await;
    let input = json!({ "email": cora.email, "role": "COORDINATOR", "scopeId": edition });
    let granted = act(&ada, "GrantRole", input).await;
    let role = granted.text("grantRole.roleAssignment.id");
    let nora = nora(&test).await;
    let token = appointed(&test, &cora, to_role(EMAIL, "TUTOR", Some(&edition))).await;
    let unknown = answers(&test, &nora, &format!("otk_{}", "A".repeat(43))).await;
    let new = to_role("new@example.org", "TUTOR", Some(&edition));
    let stranger = appointed(&test, &cora, new).await;
    act(&ada, "RevokeRole", json!({ "roleAssignmentId": role })).await;
    let joined = act(&test.anonymous(), "RegisterInvited", joining(&stranger)).await;
    assert_eq!(plain(&joined), unknown[2].1);
    let people = person::Entity::find()
        .filter(person::Column::Email.eq("new@example.org"))
        .all(test.app.db.read());
    assert_eq!(people.await.expect("people"), [], "nothing of it lasts");
    // Only declining is left, which gives nothing.
    let open = test.anonymous().run("OpenInvitation", json!({ "token": token })).await;
    assert_eq!(plain(&open), unknown[0].1);
    assert_eq!(plain(&accept(&nora, &token).await), unknown[3].1);
    let roles = nora.run("Viewer", json!({})).await;
    assert_eq!(roles.at("viewer.roles"), &json!([]));

    // With the authority it comes back, and ends with the account of who invites.
    let input = json!({ "email": cora.email, "role": "COORDINATOR", "scopeId": edition });
    act(&ada, "GrantRole", input).await;
    let open = test.anonymous().run("OpenInvitation", json!({ "token": token })).await;
    assert_eq!(open.text("openInvitation.role"), "TUTOR");
    let input = json!({ "personId": id_of(&cora), "reason": "Left" });
    act(&ada, "DisableAccount", input).await;
    assert_eq!(plain(&accept(&nora, &token).await), unknown[3].1);
    drop(test.mails().await);
}

/// What another copy of the program, whose settings ask coordinators for a second factor, says of a token: when somebody
/// looks, and when this person accepts.
async fn where_factors_are_asked_for(test: &TestApp, guest: &Client<'_>, token: &str) -> [Option<(Code, String)>; 2] {
    let mut settings = (*test.app.settings).clone();
    settings.auth.require_second_factor = vec!["coordinator".to_owned()];
    let clock = rumbo::clock::Clock::fixed(test.now());
    let app = rumbo::app::App::new(settings, clock).await.expect("an application");
    let id = guest.person.expect("a person");
    let actor = Actor::known(id, Language::Es, Vec::new(), false, &app.factor_roles);
    let refusal = |failure: Option<Error>| match failure {
        None => None,
        Some(Error::Invalid(faults)) => Some((faults[0].code, faults[0].path.join("."))),
        Some(other) => panic!("{other}"),
    };
    let looked = holder::look(&app, token).await.err();
    let motivation = Comment::parse("").expect("nothing");
    let accepted = holder::accept(&app, &actor, token, &motivation).await.err();
    [refusal(looked), refusal(accepted)]
}

#[tokio::test]
async fn an_inviter_without_the_second_factor_that_the_role_needs_gives_nothing() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN).await;
    let nora = nora(&test).await;
    let token = appointed(&test, &carla, to_role(EMAIL, "TUTOR", Some(&edition))).await;
    let dead = |at: &str| Some((Code::InvalidToken, at.to_owned()));
    let without = where_factors_are_asked_for(&test, &nora, &token).await;
    assert_eq!(without, [dead("token"), dead("input.token")]);

    // One that was begun is none; with one that was confirmed the same token gives the role.
    let factor = |confirmed_at| second_factor::Model {
        person_id: carla.person.expect("a person"),
        secret: vec![0; 20],
        begun_at: test.now(),
        confirmed_at,
        last_step: 0,
        failures: 0,
        blocked_until: None,
    };
    for (confirmed_at, expected) in [(None, without), (Some(test.now()), [None, None])] {
        let tx = test.app.db.write().await.expect("a transaction");
        second_factor::replace(&tx, factor(confirmed_at))
            .await
            .expect("a factor");
        tx.commit().await.expect("a commit");
        let said = where_factors_are_asked_for(&test, &nora, &token).await;
        assert_eq!(said, expected, "{confirmed_at:?}");
    }
    let roles = nora.run("Viewer", json!({})).await;
    assert_eq!(roles.text("viewer.roles.0.role"), "TUTOR");
    drop(test.mails().await);
}

#[tokio::test]
async fn an_open_invitation_is_taken_back_or_sent_again_by_whoever_might_have_sent_it() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN).await;
    let here = Scope::Edition(edition.parse().expect("an edition"));
    let cora = test.holder("Cora", Role::Coordinator, here).await;
    let (ada, saul) = (test.administrator().await, test.person("Saul").await);
    let made = act(&carla, "InviteToEdition", to_edition(&edition)).await;
    let id = made.text("inviteToEdition.invitation.id");
    let first = token(&test).await;
    let input = |version: i64| json!({ "invitationId": id, "version": version });
    for operation in ["WithdrawInvitation", "ResendInvitation"] {
        for stranger in [&ada, &saul] {
            assert_eq!(
                act(stranger, operation, input(1)).await.refusal(),
                "NOT_FOUND",
                "{operation}"
            );
        }
        let nobody = act(&test.anonymous(), operation, input(1)).await;
        assert_eq!(nobody.refusal(), "UNAUTHENTICATED");
        let name = operation.replacen(&operation[..1], &operation[..1].to_lowercase(), 1);
        let stale = act(&cora, operation, input(2)).await;
        assert_eq!(stale.user_errors(&name), ["STALE_VERSION input.version"]);
        let wrong = json!({ "invitationId": edition, "version": 1 });
        let refused = act(&cora, operation, wrong).await;
        assert_eq!(refused.user_errors(&name), ["INVALID_ID input.invitationId"]);
    }
    let soon = act(&cora, "ResendInvitation", input(1)).await;
    assert_eq!(soon.user_errors("resendInvitation"), ["TOO_SOON input.invitationId"]);
    assert_eq!(
        soon.text("resendInvitation.userErrors.0.message"),
        "The last message left too shortly before; send it again from 2026-03-02 12:15 UTC on."
    );
    test.pass(TimeDelta::minutes(15));
    let cora = cora.again().await;
    let sent = act(&cora, "ResendInvitation", input(1)).await;
    let second = sent.text("resendInvitation.invitation.id");
    assert_ne!(second, id);
    let mails = test.mails().await;
    assert!(mails[0].text.contains("Cora Tester"), "who sends it again invites");
    assert_ne!(token_of(&mails[0]), first);
    let over = act(&cora, "ResendInvitation", input(2)).await;
    assert_eq!(
        over.user_errors("resendInvitation"),
        ["ILLEGAL_TRANSITION input.invitationId"]
    );
    let over = act(&cora, "WithdrawInvitation", input(2)).await;
    assert_eq!(
        over.user_errors("withdrawInvitation"),
        ["ILLEGAL_TRANSITION input.invitationId"]
    );
    // A refused edition sends nothing again.
    walk(&cora, &edition, &["ENROLMENT_CLOSED"]).await;
    test.pass(TimeDelta::minutes(15));
    let cora = cora.again().await;
    let closed = act(
        &cora,
        "ResendInvitation",
        json!({ "invitationId": second, "version": 1 }),
    )
    .await;
    assert_eq!(
        closed.user_errors("resendInvitation"),
        ["ENROLMENT_CLOSED input.invitationId"]
    );
    let back = json!({ "invitationId": second, "version": 1, "reason": "Too late" });
    let back = act(&cora, "WithdrawInvitation", back).await;
    assert_eq!(back.number("withdrawInvitation.invitation.version"), 2);
    drop(test.mails().await);
}

#[tokio::test]
async fn what_is_overdue_has_expired_at_once_and_is_marked_once() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN).await;
    let made = act(&carla, "InviteToEdition", to_edition(&edition)).await;
    let id = made.text("inviteToEdition.invitation.id");
    let mut later = to_edition(&edition);
    later["email"] = json!("later@example.org");
    drop(test.mails().await);
    test.pass(TimeDelta::days(7));
    let carla = carla.again().await;
    act(&carla, "InviteToEdition", later).await;
    let overdue = list(&carla, &edition, json!({ "states": ["EXPIRED"] })).await;
    assert_eq!(overdue.len(), 1);
    assert_eq!(overdue[0]["id"], id.as_str());
    assert_eq!(list(&carla, &edition, json!({ "states": ["SENT"] })).await.len(), 1);
    for operation in ["WithdrawInvitation", "ResendInvitation"] {
        let name = operation.replacen(&operation[..1], &operation[..1].to_lowercase(), 1);
        let over = act(&carla, operation, json!({ "invitationId": id, "version": 1 })).await;
        assert_eq!(over.user_errors(&name), ["ILLEGAL_TRANSITION input.invitationId"]);
    }
    // The job comes late, and twice.
    for _ in 0..2 {
        drop(test.mails().await);
        let row = list(&carla, &edition, json!({ "states": ["EXPIRED"] })).await;
        assert_eq!((row.len(), &row[0]["version"]), (1, &json!(2)));
        let steps = row[0]["history"].as_array().expect("a history").clone();
        let states: Vec<&Value> = steps.iter().map(|step| &step["to"]).collect();
        assert_eq!(states, ["sent", "expired"]);
    }
    // The address can be invited anew, also where the job has not yet come.
    let again = act(&carla, "InviteToEdition", to_edition(&edition)).await;
    assert_eq!(again.user_errors("inviteToEdition"), [""; 0]);
    test.pass(TimeDelta::days(7));
    let carla = carla.again().await;
    let third = act(&carla, "InviteToEdition", to_edition(&edition)).await;
    assert_eq!(third.user_errors("inviteToEdition"), [""; 0]);
    let rows = invitation::Entity::find().all(test.app.db.read()).await.expect("rows");
    assert_eq!(rows.len(), 4);
    let steps = history::Entity::find()
        .filter(history::Column::SubjectKind.eq("invitation"))
        .all(test.app.db.read());
    assert_eq!(steps.await.expect("steps").len(), 6, "four sent, two expired so far");
    drop(test.mails().await);
    let expired = list(&carla, &edition, json!({ "states": ["EXPIRED"] })).await;
    assert_eq!(expired.len(), 3);
}

#[tokio::test]
async fn an_account_that_was_never_confirmed_goes_to_who_has_the_mailbox() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN).await;
    let anyone = test.anonymous();
    let stranger = json!({
        "email": EMAIL, "givenName": "Eve", "familyName": "Else", "language": "EN", "timeZone": "UTC",
        "password": "tortuga verde en mayo",
    });
    act(&anyone, "RegisterPerson", stranger).await;
    let mails = test.mails().await;
    let (_, confirmation) = mails[0].text.split_once("token=").expect("a link");
    let confirmation = confirmation.split_whitespace().next().expect("a token").to_owned();
    let token = invited(&test, &carla, &edition).await;
    let joined = act(&anyone, "RegisterInvited", joining(&token)).await;
    assert_eq!(joined.at("registerInvited.registered"), true, "{:#}", joined.json);
    let old = sign_in(&test, EMAIL, "tortuga verde en mayo").await;
    assert_eq!(old.user_errors("signIn"), ["INVALID_CREDENTIALS input"]);
    assert!(sign_in(&test, EMAIL, PASSWORD).await.at("signIn.session").is_object());
    let dead = act(&anyone, "ConfirmEmail", json!({ "token": confirmation })).await;
    assert_eq!(dead.user_errors("confirmEmail"), ["INVALID_TOKEN input.token"]);
    let people = person::Entity::find()
        .filter(person::Column::Email.eq(EMAIL))
        .all(test.app.db.read());
    let names: Vec<String> = people
        .await
        .expect("people")
        .into_iter()
        .map(|row| row.given_name)
        .collect();
    assert_eq!(names, ["Nora Inés"]);

    // One that was confirmed is for its owner to sign in to; a disabled one is told like any other.
    let other = Plan {
        code: "OTHER-2026",
        ..Plan::OPEN
    };
    let other = enrolling(&carla, other).await;
    drop(test.mails().await);
    let token = invited(&test, &carla, &other).await;
    let exists = act(&anyone, "RegisterInvited", joining(&token)).await;
    assert_eq!(exists.user_errors("registerInvited"), ["ACCOUNT_EXISTS input.token"]);
    let ada = test.administrator().await;
    let found = person::Entity::find()
        .filter(person::Column::Email.eq(EMAIL))
        .one(test.app.db.read());
    let id = found.await.expect("a query").expect("a person").id.to_string();
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
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN).await;
    let anyone = test.anonymous();
    let exists = ["ACCOUNT_EXISTS input.token"];

    // As imported: without a password, its address not confirmed. Whoever reads its mail sets one, and accepts.
    let nora = nora(&test).await;
    unconfirm(&test, &nora).await;
    let token = invited(&test, &carla, &edition).await;
    let refused = act(&anyone, "RegisterInvited", joining(&token)).await;
    assert_eq!(refused.user_errors("registerInvited"), exists);
    act(&anyone, "RequestPasswordReset", json!({ "email": EMAIL })).await;
    let mails = test.mails().await;
    let (_, reset) = mails[0].text.split_once("token=").expect("a link");
    let reset = reset.split_whitespace().next().expect("a token");
    let input = json!({ "token": reset, "password": PASSWORD });
    assert_eq!(
        act(&anyone, "ResetPassword", input).await.user_errors("resetPassword"),
        [""; 0]
    );
    let access = sign_in(&test, EMAIL, PASSWORD).await.text("signIn.session.accessToken");
    let accepted = accept(&anyone.bearing(&access), &token).await;
    assert_eq!(accepted.text("acceptInvitation.outcome.enrolment.state"), "CONFIRMED");
    drop(test.mails().await);

    // With an enrolment, and with a role: of another person, who has a password and never confirmed.
    unconfirm(&test, &nora).await;
    let here = Scope::Edition(edition.parse().expect("an edition"));
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

#[tokio::test]
async fn a_filter_may_name_a_state_many_times() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN).await;
    invited(&test, &carla, &edition).await;
    for (state, count) in [("SENT", 1), ("EXPIRED", 0), ("DECLINED", 0)] {
        let filter = json!({ "states": vec![state; 2000] });
        assert_eq!(list(&carla, &edition, filter).await.len(), count, "{state}");
    }
}

/// Lets an edition take applications from one instant to another.
async fn set_window(test: &TestApp, edition: &str, from: DateTime<Utc>, until: DateTime<Utc>) {
    let id: EditionId = edition.parse().expect("an edition");
    let tx = test.app.db.write().await.expect("a transaction");
    edition::Entity::update_many()
        .col_expr(edition::Column::EnrolsFrom, Expr::value(from))
        .col_expr(edition::Column::EnrolsUntil, Expr::value(until))
        .filter(edition::Column::Id.eq(id))
        .exec(&tx)
        .await
        .expect("an edition");
    tx.commit().await.expect("a commit");
}

#[tokio::test]
async fn nobody_is_invited_to_what_ends_before_they_could_apply() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = draft(&carla, Plan::OPEN).await.text("createEdition.edition.id");
    walk(&carla, &edition, &["ANNOUNCED"]).await;
    let (now, second) = (test.now(), TimeDelta::seconds(1));
    let week = now + TimeDelta::days(7);
    let made = act(&carla, "InviteToEdition", to_edition(&edition)).await;
    let id = made.text("inviteToEdition.invitation.id");
    test.pass(TimeDelta::minutes(15));
    let carla = carla.again().await;
    let again = json!({ "invitationId": id, "version": 1 });
    // The invitations of this test end a week and a quarter of an hour after its beginning, and begin then.
    let (begin, end) = (now + TimeDelta::minutes(15), week + TimeDelta::minutes(15));
    let mut other = to_edition(&edition);
    other["email"] = json!("other@example.org");
    for (from, until) in [(end, end + second), (now, begin - second)] {
        set_window(&test, &edition, from, until).await;
        let refused = act(&carla, "InviteToEdition", other.clone()).await;
        assert_eq!(
            refused.user_errors("inviteToEdition"),
            ["ENROLMENT_CLOSED input.editionId"]
        );
        let refused = act(&carla, "ResendInvitation", again.clone()).await;
        assert_eq!(
            refused.user_errors("resendInvitation"),
            ["ENROLMENT_CLOSED input.invitationId"]
        );
    }
    set_window(&test, &edition, end - second, end).await;
    let sent = act(&carla, "InviteToEdition", other).await;
    assert_eq!(sent.user_errors("inviteToEdition"), [""; 0]);
    set_window(&test, &edition, now, begin).await;
    let sent = act(&carla, "ResendInvitation", again).await;
    assert_eq!(sent.user_errors("resendInvitation"), [""; 0]);
    drop(test.mails().await);
}

/// The entries about something, the oldest first: what was done, by whom, why, through what.
async fn entries(reader: &Client<'_>, subject: &str) -> Vec<Value> {
    let document = "query ($id: ID!) { auditEntries(filter: { subjectId: $id }, first: 9) {
        nodes { action actor { id } reason via } } }";
    let answer = reader.query(document, json!({ "id": subject })).await;
    let mut rows = answer.at("auditEntries.nodes").as_array().expect("a list").clone();
    rows.reverse();
    rows
}

/// One of [`entries`].
fn entry(action: &str, actor: &Client<'_>, reason: Option<&str>, via: &str) -> Value {
    json!({ "action": action, "actor": { "id": id_of(actor) }, "reason": reason, "via": via })
}

#[tokio::test]
async fn a_role_is_granted_in_the_name_of_who_invited() {
    let test = TestApp::new().await;
    let (ada, carla) = (test.administrator().await, test.coordinator().await);
    let edition = enrolling(&carla, Plan::OPEN).await;
    let made = act(&carla, "InviteToRole", to_role(EMAIL, "TUTOR", Some(&edition))).await;
    let first = made.text("inviteToRole.invitation.id");
    drop(token(&test).await);
    test.pass(TimeDelta::minutes(15));
    let (ada, carla) = (ada.again().await, carla.again().await);
    let again = act(
        &carla,
        "ResendInvitation",
        json!({ "invitationId": first, "version": 1 }),
    )
    .await;
    let second = again.text("resendInvitation.invitation.id");
    let token = token(&test).await;

    let mut input = joining(&token);
    input["declaration"] = Value::Null;
    let joined = act(&test.anonymous(), "RegisterInvited", input).await;
    assert_eq!(joined.at("registerInvited.registered"), true, "{:#}", joined.json);
    let access = sign_in(&test, EMAIL, PASSWORD).await.text("signIn.session.accessToken");
    let nora = test.anonymous().bearing(&access);
    let roles = nora.run("Viewer", json!({})).await;
    let role = roles.text("viewer.roles.0.id");
    assert_eq!(roles.text("viewer.roles.0.role"), "TUTOR");

    let by = format!("by {second}");
    let granted = [entry("grant_tutor", &carla, Some(&by), "SYSTEM")];
    assert_eq!(entries(&ada, &role).await, granted);
    let invite = |reason| entry("invite", &carla, reason, "SESSION");
    assert_eq!(entries(&ada, &first).await, [invite(None), invite(Some("sent again"))]);
    let rows = entries(&ada, &second).await;
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0], invite(None));
    assert_eq!(
        (&rows[1]["action"], &rows[1]["reason"], &rows[1]["via"]),
        (
            &json!("manage_account"),
            &json!("invitation accepted"),
            &json!("SYSTEM")
        )
    );

    // Accepted with a session, and taken back.
    let saul = test.person("Saul").await;
    let token = appointed(&test, &carla, to_role(&saul.email, "TUTOR", Some(&edition))).await;
    let accepted = accept(&saul, &token).await;
    let role = accepted.text("acceptInvitation.outcome.roleAssignment.id");
    let rows = entries(&ada, &role).await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["actor"]["id"], id_of(&carla));
    let open = list(&carla, &edition, json!({ "states": ["ACCEPTED"] })).await;
    let id = open[0]["id"].as_str().expect("an identifier");
    let own = entry("manage_account", &saul, Some("invitation accepted"), "SESSION");
    assert_eq!(entries(&ada, id).await, [invite(None), own]);
    let made = act(&carla, "InviteToEdition", to_edition(&edition)).await;
    let id = made.text("inviteToEdition.invitation.id");
    let input = json!({ "invitationId": id, "version": 1, "reason": "By mistake" });
    act(&carla, "WithdrawInvitation", input).await;
    assert_eq!(entries(&ada, &id).await, [invite(None), invite(Some("By mistake"))]);
    drop(test.mails().await);
}

#[tokio::test]
async fn nobody_is_invited_to_a_role_by_themself() {
    let test = TestApp::new().await;
    let (ada, carla) = (test.administrator().await, test.coordinator().await);
    let edition = enrolling(&carla, Plan::OPEN).await;
    let made = act(&carla, "InviteToRole", to_role(EMAIL, "TUTOR", Some(&edition))).await;
    let id = made.text("inviteToRole.invitation.id");
    let token = token(&test).await;
    test.pass(TimeDelta::minutes(15));
    let (ada, carla) = (ada.again().await, carla.again().await);
    // Somebody else's address that became one's own.
    set_address(&test, ada.person.expect("a person"), EMAIL).await;
    let again = json!({ "invitationId": id, "version": 1 });
    let refused = act(&ada, "ResendInvitation", again).await;
    assert_eq!(
        refused.user_errors("resendInvitation"),
        ["ROLE_NOT_GRANTABLE input.invitationId"]
    );
    set_address(&test, ada.person.expect("a person"), "ada@example.org").await;
    set_address(&test, carla.person.expect("a person"), EMAIL).await;
    let own = accept(&carla, &token).await;
    assert_eq!(own.user_errors("acceptInvitation"), ["INVALID_TOKEN input.token"]);
    let roles = carla.run("Viewer", json!({})).await;
    assert_eq!(roles.at("viewer.roles").as_array().map(Vec::len), Some(1));
}

/// Sends two mutations at once; what each was refused with, nothing for what was done.
async fn at_once(test: &Arc<TestApp>, both: [(Option<String>, &'static str, Value); 2]) -> Vec<String> {
    let tasks = both.map(|(token, operation, input)| {
        let test = test.clone();
        tokio::spawn(async move {
            let name = operation.replacen(&operation[..1], &operation[..1].to_lowercase(), 1);
            let refused = act(&test.bearer(token), operation, input).await.user_errors(&name);
            refused.first().cloned().unwrap_or_default()
        })
    });
    let mut refusals = Vec::new();
    for task in tasks {
        refusals.push(task.await.expect("a task that ends"));
    }
    refusals
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_accepting_and_taking_back_at_once_one_happens() {
    let test = Arc::new(TestApp::new().await);
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN).await;
    let mut ends = [0, 0];
    for round in 0..12 {
        let carla = carla.again().await;
        let name: &'static str = format!("Guest{round}").leak();
        let guest = test.person(name).await;
        let mut input = to_edition(&edition);
        input["email"] = json!(guest.email);
        let made = act(&carla, "InviteToEdition", input).await;
        let id = made.text("inviteToEdition.invitation.id");
        let token = token(&test).await;
        test.pass(TimeDelta::minutes(15));
        let (carla, guest) = (carla.again().await, guest.again().await);
        let other = ["WithdrawInvitation", "ResendInvitation"][round % 2];
        let mut both = [
            (
                guest.token().map(str::to_owned),
                "AcceptInvitation",
                json!({ "token": token }),
            ),
            (
                carla.token().map(str::to_owned),
                other,
                json!({ "invitationId": id, "version": 1 }),
            ),
        ];
        // Each is sent first as often as the other.
        if round % 4 < 2 {
            both.reverse();
        }
        let mut refusals = at_once(&test, both).await;
        if round % 4 < 2 {
            refusals.reverse();
        }
        let outcomes = [["", "STALE_VERSION input.version"], ["INVALID_TOKEN input.token", ""]];
        let which = outcomes.iter().position(|outcome| refusals == *outcome);
        ends[which.unwrap_or_else(|| panic!("both or neither: {refusals:?}"))] += 1;
        let mine = guest.run("MyEnrolments", json!({ "first": 5 })).await;
        let enrolled = mine.at("myEnrolments.nodes").as_array().map(Vec::len);
        assert_eq!(enrolled, Some(usize::from(which == Some(0))));
        drop(test.mails().await);
    }
    eprintln!("accepted {}, taken back or sent again {}", ends[0], ends[1]);
    assert_eq!(test.violations().await, []);
    assert_eq!(test.differences().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn at_its_end_an_invitation_expires_once_whoever_comes() {
    let test = Arc::new(TestApp::new().await);
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN).await;
    let nora = nora(&test).await;
    let token = invited(&test, &carla, &edition).await;
    test.pass(TimeDelta::days(7));
    let (carla, nora) = (carla.again().await, nora.again().await);
    let worker = {
        let test = test.clone();
        tokio::spawn(async move { drop(test.mails().await) })
    };
    let accepting = (
        nora.token().map(str::to_owned),
        "AcceptInvitation",
        json!({ "token": token }),
    );
    let inviting = (
        carla.token().map(str::to_owned),
        "InviteToEdition",
        to_edition(&edition),
    );
    let refusals = at_once(&test, [accepting, inviting]).await;
    worker.await.expect("a worker that ends");
    assert_eq!(refusals, ["INVALID_TOKEN input.token", ""]);
    drop(test.mails().await);
    let expired = list(&carla, &edition, json!({ "states": ["EXPIRED"] })).await;
    assert_eq!((expired.len(), &expired[0]["version"]), (1, &json!(2)));
    let steps = expired[0]["history"].as_array().expect("a history").clone();
    let states: Vec<&Value> = steps.iter().map(|step| &step["to"]).collect();
    assert_eq!(states, ["sent", "expired"]);
    assert_eq!(test.violations().await, []);
}

/// Sends the same mutation fifty times at once, and gives what each was refused with, nothing for those that were not.
async fn fifty(test: &Arc<TestApp>, token: Option<String>, operation: &'static str, input: Value) -> Vec<String> {
    let mut tasks = Vec::new();
    for _ in 0..50 {
        let (test, token, input) = (test.clone(), token.clone(), input.clone());
        tasks.push(tokio::spawn(async move {
            let name = operation.replacen(&operation[..1], &operation[..1].to_lowercase(), 1);
            let refused = act(&test.bearer(token), operation, input).await.user_errors(&name);
            refused.first().cloned().unwrap_or_default()
        }));
    }
    let mut refusals = Vec::new();
    for task in tasks {
        refusals.push(task.await.expect("a task that ends"));
    }
    refusals
}

/// Exactly one of fifty was done, and the others were told so.
#[track_caller]
fn one_of_fifty(refusals: &[String], told: &str) {
    let done = refusals.iter().filter(|refusal| refusal.is_empty()).count();
    let refused = refusals.iter().filter(|refusal| *refusal == told).count();
    assert_eq!((done, refused), (1, 49), "{refusals:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_fifty_who_use_a_token_at_once_one_does() {
    let test = Arc::new(TestApp::new().await);
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN).await;
    let dead = "INVALID_TOKEN input.token";

    let nora = nora(&test).await;
    let bearer = nora.token().map(str::to_owned);
    let token = invited(&test, &carla, &edition).await;
    let input = json!({ "token": token });
    one_of_fifty(&fifty(&test, bearer.clone(), "AcceptInvitation", input).await, dead);
    let enrolled = list(&carla, &edition, json!({ "states": ["ACCEPTED"] })).await;
    assert_eq!((enrolled.len(), &enrolled[0]["version"]), (1, &json!(2)));

    drop(test.mails().await);
    let token = appointed(&test, &carla, to_role(EMAIL, "TUTOR", Some(&edition))).await;
    let input = json!({ "token": token });
    one_of_fifty(&fifty(&test, bearer, "AcceptInvitation", input).await, dead);
    let roles = nora.run("Viewer", json!({})).await;
    assert_eq!(roles.at("viewer.roles").as_array().map(Vec::len), Some(1));

    let input = to_role("new@example.org", "TUTOR", Some(&edition));
    let token = appointed(&test, &carla, input).await;
    let refusals = fifty(&test, None, "DeclineInvitation", json!({ "token": token })).await;
    one_of_fifty(&refusals, dead);

    let mut input = to_edition(&edition);
    input["email"] = json!("new@example.org");
    act(&carla, "InviteToEdition", input).await;
    let mails = test.mails().await;
    let token = token_of(mails.last().expect("a message"));
    one_of_fifty(&fifty(&test, None, "RegisterInvited", joining(&token)).await, dead);
    let people = person::Entity::find()
        .filter(person::Column::Email.eq("new@example.org"))
        .all(test.app.db.read());
    assert_eq!(people.await.expect("people").len(), 1);
    assert_eq!(test.notices().await, ["enrolment_confirmed new@example.org"]);
    assert_eq!(test.violations().await, []);
    assert_eq!(test.differences().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_fifty_who_invite_one_address_at_once_one_does() {
    let test = Arc::new(TestApp::new().await);
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN).await;
    let bearer = carla.token().map(str::to_owned);
    let refusals = fifty(&test, bearer.clone(), "InviteToEdition", to_edition(&edition)).await;
    one_of_fifty(&refusals, "ALREADY_INVITED input.email");
    drop(token(&test).await);
    let open = list(&carla, &edition, json!({})).await;
    let input = json!({ "invitationId": open[0]["id"], "version": 1 });
    let refusals = fifty(&test, bearer, "WithdrawInvitation", input).await;
    one_of_fifty(&refusals, "STALE_VERSION input.version");
    assert_eq!(test.violations().await, []);
}

#[tokio::test]
async fn a_page_of_invitations_costs_a_bounded_number_of_statements() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN).await;
    let here = Scope::Edition(edition.parse().expect("an edition"));
    let cora = test.holder("Cora", Role::Coordinator, here).await;
    let invite = async |count: usize| {
        for number in 0..count {
            let name: &'static str = format!("Guest{number}of{count}").leak();
            let guest = test.person(name).await;
            let mut input = to_edition(&edition);
            input["email"] = json!(guest.email);
            let by = if number % 2 == 0 { &carla } else { &cora };
            act(by, "InviteToEdition", input).await;
            let token = token(&test).await;
            if number % 3 == 0 {
                assert_eq!(accept(&guest, &token).await.user_errors("acceptInvitation"), [""; 0]);
                drop(test.mails().await);
            }
        }
    };
    let cost = async |count: usize| {
        cora.warm_up().await;
        let before = test.app.db.statements();
        assert_eq!(list(&cora, &edition, json!({})).await.len(), count);
        test.app.db.statements() - before
    };
    invite(2).await;
    let few = cost(2).await;
    invite(11).await;
    let many = cost(13).await;
    eprintln!("invitations: a page of 2 costs {few} statements, one of 13 {many}");
    assert!(many <= few + 1 && many <= 10, "{few} and {many}");
}

/// Runs the list of all invitations for a reason.
async fn because(test: &TestApp, client: &Client<'_>, reason: Option<&str>) -> Answer {
    let document = "query Invited { invitations(first: 9) { nodes { id role email givenName familyName } } }";
    let bearer = format!("Bearer {}", client.token().expect("a token"));
    let mut request = Request::post("/graphql")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/graphql-response+json")
        .header(header::AUTHORIZATION, bearer);
    if let Some(reason) = reason {
        request = request.header("x-reason", reason);
    }
    let body = json!({ "query": document }).to_string();
    test.send(request.body(Body::from(body)).expect("a request")).await
}

#[tokio::test]
async fn who_was_invited_shows_as_the_policy_says() {
    let test = TestApp::new().await;
    let (ada, carla) = (test.administrator().await, test.coordinator().await);
    let edition = enrolling(&carla, Plan::OPEN).await;
    let here = Scope::Edition(edition.parse().expect("an edition"));
    let tim = test.holder("Tim", Role::Tutor, here).await;
    let cora = test.holder("Cora", Role::Coordinator, here).await;
    let other = Plan {
        code: "OTHER-2026",
        ..Plan::OPEN
    };
    let elsewhere = Scope::Edition(enrolling(&carla, other).await.parse().expect("an edition"));
    let olga = test.holder("Olga", Role::Coordinator, elsewhere).await;
    invited(&test, &carla, &edition).await;
    let nora = nora(&test).await;
    let token = appointed(&test, &cora, to_role(EMAIL, "TUTOR", Some(&edition))).await;
    let course = to_role("course@example.org", "COORDINATOR", None);
    appointed(&test, &ada, course).await;
    let whole = |role: Value, email: &str| (role, json!(email), json!("Nora"), json!("Núñez"));
    let seen = async |client: &Client<'_>, reason: Option<&str>| {
        let answer = because(&test, client, reason).await;
        let rows = answer.at("invitations.nodes").as_array().expect("a list").clone();
        let row = |row: &Value| {
            (
                row["role"].clone(),
                row["email"].clone(),
                row["givenName"].clone(),
                row["familyName"].clone(),
            )
        };
        rows.iter().map(row).collect::<Vec<_>>()
    };
    let here = [whole(json!("TUTOR"), EMAIL), whole(Value::Null, EMAIL)];
    assert_eq!(seen(&cora, None).await, here);
    assert_eq!(seen(&carla, None).await, here);
    for stranger in [&tim, &olga, &nora] {
        assert_eq!(seen(stranger, None).await, []);
        assert_eq!(list(stranger, &edition, json!({})).await, [Value::Null; 0]);
    }
    assert_eq!(list(&test.anonymous(), &edition, json!({})).await, [Value::Null; 0]);
    // Administrators see those to roles: what they wrote themselves, and others for a reason.
    let masked = (json!("TUTOR"), Value::Null, Value::Null, Value::Null);
    let own = whole(json!("COORDINATOR"), "course@example.org");
    assert_eq!(seen(&ada, None).await, [own.clone(), masked]);
    let reasoned = [own, whole(json!("TUTOR"), EMAIL)];
    assert_eq!(seen(&ada, Some("A complaint")).await, reasoned);
    assert_eq!(list(&ada, &edition, json!({})).await.len(), 1);

    // Once Nora has accepted, it is told to her who looked.
    let log = async |person: &Client<'_>| {
        let answer = person.run("MyAccessLog", json!({ "first": 9 })).await;
        answer.at("viewer.accessLog.nodes").as_array().expect("a list").clone()
    };
    assert_eq!(log(&nora).await, [Value::Null; 0]);
    assert_eq!(accept(&nora, &token).await.user_errors("acceptInvitation"), [""; 0]);
    seen(&cora, None).await;
    let worker = test.worker_with(rumbo::mail::Mailer::from_settings(&test.app.settings.mail).expect("a mailbox"));
    worker.seal(TimeDelta::minutes(1)).await.expect("sealed");
    let log = log(&nora).await;
    assert_eq!(log.len(), 1, "{log:?}");
    assert_eq!(
        (&log[0]["operation"], &log[0]["fields"], &log[0]["role"]),
        (&json!("Invited"), &json!(["NAME", "EMAIL"]), &json!("COORDINATOR"))
    );
}

#[tokio::test]
async fn each_step_leaves_an_entry_that_the_coordinators_of_the_edition_read() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN).await;
    let here = Scope::Edition(edition.parse().expect("an edition"));
    let cora = test.holder("Cora", Role::Coordinator, here).await;
    let made = act(&carla, "InviteToEdition", to_edition(&edition)).await;
    let id = made.text("inviteToEdition.invitation.id");
    let token = token(&test).await;
    act(&test.anonymous(), "DeclineInvitation", json!({ "token": token })).await;
    let document = "query ($id: ID!) { auditEntries(filter: { subjectId: $id }, first: 9) {
        nodes { action subjectKind reason via } } }";
    for reader in [&carla, &cora] {
        let entries = reader.query(document, json!({ "id": id })).await;
        assert_eq!(
            entries.at("auditEntries.nodes"),
            &json!([
                { "action": "manage_account", "subjectKind": "invitation", "reason": "invitation declined", "via": "SYSTEM" },
                { "action": "invite", "subjectKind": "invitation", "reason": null, "via": "SESSION" },
            ])
        );
    }
    let saul = test.person("Saul").await;
    let entries = saul.query(document, json!({ "id": id })).await;
    assert_eq!(entries.at("auditEntries.nodes"), &json!([]));
}

#[tokio::test]
async fn a_token_in_a_url_is_refused() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN).await;
    let token = invited(&test, &carla, &edition).await;
    let document = "query%20(%24t%3AString!)%7BopenInvitation(token%3A%24t)%7Bscope%7D%7D";
    let get = async |variables: &str| {
        let url = format!("/graphql?query={document}&variables=%7B%22t%22%3A%22{variables}%22%7D");
        let request = Request::get(url).header(header::ACCEPT, "application/graphql-response+json");
        test.send(request.body(Body::empty()).expect("a request")).await
    };
    let refused = get(&token).await;
    assert_eq!((refused.status.as_u16(), refused.refusal()), (400, "TOKEN_IN_URL"));
    assert!(!refused.body.contains(&token));
    assert_eq!(get("nonsense").await.refusal(), "INVALID_TOKEN");
}

#[tokio::test]
async fn a_repeated_invitation_with_its_key_is_one() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN).await;
    let document = "mutation ($input: InviteToEditionInput!) { inviteToEdition(input: $input) {
        invitation { id email } userErrors { code } } }";
    let body = json!({ "query": document, "variables": { "input": to_edition(&edition) } }).to_string();
    let bearer = format!("Bearer {}", carla.token().expect("a token"));
    let mut bodies = Vec::new();
    for _ in 0..3 {
        let request = Request::post("/graphql")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/graphql-response+json")
            .header(header::AUTHORIZATION, &bearer)
            .header("idempotency-key", "once");
        let answer = test
            .send(request.body(Body::from(body.clone())).expect("a request"))
            .await;
        assert_eq!(answer.at("inviteToEdition.userErrors"), &json!([]));
        bodies.push(answer.body);
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "{bodies:?}");
    assert_eq!(test.notices().await, [format!("invited_to_edition {EMAIL}")]);
    assert_eq!(list(&carla, &edition, json!({})).await.len(), 1);
}

#[tokio::test]
async fn guesses_and_messages_are_limited() {
    let test = TestApp::with(&[("rates.enabled", "true")]).await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN).await;
    let token = invited(&test, &carla, &edition).await;
    let limited = |answer: &Answer| answer.status.as_u16() == 429 && answer.refusal() == "RATE_LIMITED";
    let anyone = test.anonymous();
    let wrong = format!("otk_{}", "A".repeat(43));
    // Looking at what there is takes nothing, whatever is asked of it.
    let look = "query ($t: String!) { openInvitation(token: $t) { expiresAt } }";
    for _ in 0..10 {
        let seen = anyone.query(look, json!({ "t": token })).await;
        assert_eq!(seen.text("openInvitation.expiresAt"), "2026-03-09T12:00:00+00:00");
    }
    // Five guesses from one address, by whatever field.
    let guesses = [
        anyone.query(look, json!({ "t": wrong })).await,
        anyone.query(look, json!({ "t": wrong })).await,
        act(&anyone, "DeclineInvitation", json!({ "token": wrong })).await,
        act(&anyone, "RegisterInvited", joining(&wrong)).await,
        accept(&carla, &wrong).await,
    ];
    assert!(!guesses.iter().any(limited));
    assert!(limited(&anyone.query(look, json!({ "t": wrong })).await));
    assert!(limited(
        &act(&anyone, "DeclineInvitation", json!({ "token": wrong })).await
    ));
    assert!(limited(&act(&anyone, "RegisterInvited", joining(&wrong)).await));
    assert!(limited(&accept(&carla, &wrong).await));

    // Five messages an hour to an address, whatever came of them; the first went before.
    for _ in 0..4 {
        let refused = act(&carla, "InviteToEdition", to_edition(&edition)).await;
        assert_eq!(refused.user_errors("inviteToEdition"), ["ALREADY_INVITED input.email"]);
    }
    assert!(limited(&act(&carla, "InviteToEdition", to_edition(&edition)).await));
    // What is too soon sends nothing, and takes nothing from its address.
    let ada = test.administrator().await;
    for number in 0..7 {
        let input = to_role(&format!("guest{number}@example.org"), "COORDINATOR", None);
        let made = act(&ada, "InviteToRole", input).await;
        let id = made.text("inviteToRole.invitation.id");
        let again = act(&ada, "ResendInvitation", json!({ "invitationId": id, "version": 1 })).await;
        assert_eq!(again.user_errors("resendInvitation"), ["TOO_SOON input.invitationId"]);
    }
    drop(test.mails().await);
}

#[tokio::test]
async fn what_is_sent_again_counts_for_its_address() {
    let test = TestApp::with(&[("rates.enabled", "true")]).await;
    let (ada, carla) = (test.administrator().await, test.coordinator().await);
    let edition = enrolling(&carla, Plan::OPEN).await;
    let seen = carla.run("SeeEdition", json!({ "id": edition })).await;
    let course = seen.text("edition.course.id");
    let institution = test.institution("INEFOP", "UY").await.to_string();
    let mut ids = Vec::new();
    // Five messages an hour to an address, by five invitations.
    for (role, scope) in [
        ("TUTOR", Some(edition.as_str())),
        ("COORDINATOR", Some(edition.as_str())),
        ("COORDINATOR", Some(course.as_str())),
        ("COORDINATOR", None),
        ("FOCAL_POINT", Some(institution.as_str())),
    ] {
        let made = act(&ada, "InviteToRole", to_role(EMAIL, role, scope)).await;
        ids.push(made.text("inviteToRole.invitation.id"));
    }
    drop(test.mails().await);
    // One has come back in twelve minutes.
    test.pass(TimeDelta::minutes(15));
    let ada = ada.again().await;
    let again = async |id: &str| {
        let input = json!({ "invitationId": id, "version": 1 });
        act(&ada, "ResendInvitation", input).await
    };
    assert_eq!(again(&ids[0]).await.user_errors("resendInvitation"), [""; 0]);
    for id in &ids[1..] {
        let limited = again(id).await;
        assert_eq!(limited.refusal(), "RATE_LIMITED");
        assert_eq!(limited.json["errors"][0]["extensions"]["retryAfter"], 540);
    }
    let more = act(&ada, "InviteToRole", to_role(EMAIL, "TUTOR", Some(&edition))).await;
    assert_eq!((more.status.as_u16(), more.refusal()), (429, "RATE_LIMITED"));
    assert_eq!(test.notices().await, [format!("invited_to_role {EMAIL}")]);
    test.pass(TimeDelta::minutes(9));
    let ada = ada.again().await;
    let input = json!({ "invitationId": ids[1], "version": 1 });
    let sent = act(&ada, "ResendInvitation", input).await;
    assert_eq!(sent.user_errors("resendInvitation"), [""; 0]);
    drop(test.mails().await);
}
