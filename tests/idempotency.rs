//! A mutation that is repeated under its key: one effect, the same answer, and nothing shown that may not be seen.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use chrono::TimeDelta;
use futures_util::future::{Either, select};
use rumbo::domain::actor::{Role, Scope};
use rumbo::domain::id::EditionId;
use rumbo::domain::idempotency::SECRET_ANSWERS;
use rumbo::store::{Engine, edition, idempotency, second_factor, team};
use sea_orm::{ConnectionTrait, EntityTrait, PaginatorTrait};
use serde_json::{Value, json};

use crate::support::app::{Answer, Client, TestApp, send};
use crate::support::letter::token_in;
use crate::support::operations::document;
use crate::support::scene::{Class, act, as_seen, done};
use crate::support::sdl::{fields, types};

const REPLAYED: &str = "idempotency-replayed";

/// A request with these keys, as it is sent.
pub fn request(token: Option<&str>, keys: &[&str], body: &Value) -> Request<Body> {
    let mut request = Request::post("/graphql")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/graphql-response+json")
        .header(header::ACCEPT_LANGUAGE, "en");
    for key in keys {
        request = request.header("idempotency-key", *key);
    }
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    request.body(Body::from(body.to_string())).expect("a request")
}

/// A committed mutation with its input, as it is sent.
pub fn body(operation: &str, input: &Value) -> Value {
    json!({ "query": document(operation), "operationName": operation, "variables": { "input": input } })
}

/// Executes a committed mutation under a key.
async fn keyed(test: &TestApp, client: &Client<'_>, key: &str, operation: &str, input: &Value) -> Answer {
    test.send(request(client.token(), &[key], &body(operation, input)))
        .await
}

fn is_replayed(answer: &Answer) -> bool {
    answer.headers.get(REPLAYED).is_some_and(|value| value == "true")
}

async fn teams(test: &TestApp) -> u64 {
    team::Entity::find().count(test.app.db.read()).await.expect("a count")
}

async fn kept(test: &TestApp) -> u64 {
    idempotency::Entity::find()
        .count(test.app.db.read())
        .await
        .expect("a count")
}

#[tokio::test]
async fn the_first_answer_comes_again_for_a_day_and_to_its_person_only() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let carla = &class.coordinator;
    let input = json!({ "editionId": class.edition, "name": "Tala" });
    let before = teams(&test).await;
    let first = keyed(&test, carla, "key 1", "CreateTeam", &input).await;
    assert_eq!(first.refusal(), "IDEMPOTENCY_KEY_MALFORMED", "a space is not visible");
    let first = keyed(&test, carla, "key-1", "CreateTeam", &input).await;
    assert_eq!(first.user_errors("createTeam"), [""; 0]);
    assert!(!is_replayed(&first));
    for _ in 0..2 {
        let again = keyed(&test, carla, "key-1", "CreateTeam", &input).await;
        assert_eq!((again.status, &again.body), (StatusCode::OK, &first.body));
        assert!(is_replayed(&again));
    }
    assert_eq!(teams(&test).await, before + 1);

    let other = json!({ "editionId": class.edition, "name": "Molle" });
    let reused = keyed(&test, carla, "key-1", "CreateTeam", &other).await;
    assert_eq!(reused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(reused.refusal(), "IDEMPOTENCY_KEY_REUSED");
    // Another document, operation or reason is another payload, the order of fields is not.
    let turned = format!(
        r#"{{"variables":{{"input":{{"name":"Tala","editionId":"{}"}}}},"operationName":"CreateTeam","query":{}}}"#,
        class.edition,
        json!(document("CreateTeam"))
    );
    let turned: Value = serde_json::from_str(&turned).expect("JSON");
    let again = test.send(request(carla.token(), &["key-1"], &turned)).await;
    assert!(is_replayed(&again), "{}", again.body);
    let mut reworded = turned.clone();
    reworded["query"] = json!(format!("{} ", document("CreateTeam")));
    let reused = test.send(request(carla.token(), &["key-1"], &reworded)).await;
    assert_eq!(reused.refusal(), "IDEMPOTENCY_KEY_REUSED");

    // The same key of another person is another key.
    let olga = test.holder("Olga", Role::Coordinator, Scope::System).await;
    let hers = keyed(&test, &olga, "key-1", "CreateTeam", &other).await;
    assert_eq!(hers.user_errors("createTeam"), [""; 0]);
    assert!(!is_replayed(&hers));

    test.pass(TimeDelta::hours(23));
    let again = keyed(&test, &carla.again().await, "key-1", "CreateTeam", &input).await;
    assert!(is_replayed(&again));
    test.pass(TimeDelta::hours(1));
    let later = keyed(&test, &carla.again().await, "key-1", "CreateTeam", &input).await;
    assert!(!is_replayed(&later));
    assert_eq!(later.user_errors("createTeam"), ["TAKEN input.name"], "it ran anew");
    assert_eq!(kept(&test).await, 2);
    drop(test.mails().await);
    assert_eq!(kept(&test).await, 0, "the worker forgets what is out of date");
    assert_eq!(test.violations().await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_tries_at_once_have_one_effect_and_one_answer() {
    let test = Arc::new(TestApp::new().await);
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let before = teams(&test).await;
    for round in 0..5 {
        let input = json!({ "editionId": class.edition, "name": format!("Team {round}") });
        let mut tasks = Vec::new();
        for _ in 0..20 {
            let (test, token) = (test.clone(), class.coordinator.token().map(str::to_owned));
            let (key, input) = (format!("round-{round}"), input.clone());
            tasks.push(tokio::spawn(async move {
                keyed(&test, &test.bearer(token), &key, "CreateTeam", &input).await
            }));
        }
        let (mut bodies, mut first) = (BTreeSet::new(), 0);
        for task in tasks {
            let answer = task.await.expect("a task that ends");
            assert_eq!(answer.user_errors("createTeam"), [""; 0]);
            first += usize::from(!is_replayed(&answer));
            bodies.insert(answer.body);
        }
        assert_eq!((bodies.len(), first), (1, 1));
    }
    assert_eq!(teams(&test).await, before + 5);
    assert_eq!(test.violations().await, []);
}

#[tokio::test]
async fn a_refusal_leaves_the_key_free() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let input = json!({ "editionId": class.edition, "name": "Ceibo" });
    let taken = keyed(&test, &class.coordinator, "k", "CreateTeam", &input).await;
    assert_eq!(taken.user_errors("createTeam"), ["TAKEN input.name"]);
    let stranger = test.person("Zoe").await;
    let unseen = keyed(
        &test,
        &stranger,
        "k",
        "UpdateTeam",
        &json!({ "teamId": class.team, "version": 1 }),
    )
    .await;
    assert_eq!(unseen.refusal(), "NOT_FOUND");
    assert_eq!(kept(&test).await, 0);
    let seen = as_seen(&class.coordinator, json!([class.team])).await;
    let rename = json!({ "teamId": class.team, "version": seen[0]["version"], "name": "Tala" });
    act(&class.coordinator, "UpdateTeam", rename)
        .await
        .text("updateTeam.team.id");
    let done = keyed(&test, &class.coordinator, "k", "CreateTeam", &input).await;
    assert_eq!(done.user_errors("createTeam"), [""; 0], "the same key may try again");
    assert!(is_replayed(
        &keyed(&test, &class.coordinator, "k", "CreateTeam", &input).await
    ));
}

#[tokio::test]
async fn what_takes_no_key_says_so() {
    let test = TestApp::new().await;
    let ana = test.person("Ana").await;
    let send = async |keys: &[&str], body: Value| test.send(request(ana.token(), keys, &body)).await;
    let profile = json!({
        "givenName": "Ana", "familyName": "Else", "language": "EN", "timeZone": "America/Montevideo", "version": 1,
    });
    let one = body("UpdateProfile", &profile);
    for keys in [&[""][..], &["a b"], &["a", "b"], &[&"k".repeat(256)]] {
        let refused = send(keys, one.clone()).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{keys:?}");
        assert_eq!(refused.refusal(), "IDEMPOTENCY_KEY_MALFORMED");
    }
    for document in [
        "mutation { a: endOtherSessions { ended } b: endOtherSessions { ended } }",
        "mutation { ...F ...G } fragment F on Mutation { a: endOtherSessions { ended } } fragment G on Mutation { b: signOut { signedOut } }",
    ] {
        let refused = send(&["k"], json!({ "query": document })).await;
        assert_eq!(refused.refusal(), "IDEMPOTENCY_KEY_NEEDS_ONE_MUTATION");
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let secret = send(
        &["k"],
        json!({ "query": "mutation { beginSecondFactor { enrolment { secret } } }" }),
    )
    .await;
    assert_eq!(secret.refusal(), "IDEMPOTENCY_KEY_NOT_TAKEN");
    assert_eq!(secret.status, StatusCode::UNPROCESSABLE_ENTITY);
    let query = send(&["k", "another"], json!({ "query": "{ viewer { person { id } } }" })).await;
    assert_eq!(query.status, StatusCode::OK, "a query has no key");
    let done = send(&[&"k".repeat(255)], one).await;
    assert_eq!(done.user_errors("updateProfile"), [""; 0]);
    assert_eq!(kept(&test).await, 1);
}

/// Fields of payloads that hold what must not be kept.
const SECRETS: [&str; 10] = [
    "accessToken",
    "refreshToken",
    "token",
    "secret",
    "uri",
    "recoveryCodes",
    "challenge",
    "password",
    "handle",
    "url",
];

#[test]
fn every_mutation_that_answers_with_a_secret_takes_no_key() {
    let types = types();
    for mutation in fields(&types, "Mutation") {
        let mut ways = vec![mutation.ty.node.to_string()];
        let (mut seen, mut secret) = (BTreeSet::new(), false);
        // Things with an identifier show nothing that was not there before.
        while let Some(of) = ways.pop() {
            let name = of.trim_matches(['[', ']', '!']).to_owned();
            let parts = fields(&types, &name);
            if !seen.insert(name) || parts.iter().any(|field| field.name.node == "id") {
                continue;
            }
            secret |= parts.iter().any(|field| SECRETS.contains(&field.name.node.as_str()));
            ways.extend(parts.iter().map(|field| field.ty.node.to_string()));
        }
        let name = mutation.name.node.as_str();
        // It is two transactions, between which a provider is asked.
        let secret = secret || name == "linkIdentity";
        assert_eq!(secret, SECRET_ANSWERS.contains(&name), "{name}");
    }
}

#[tokio::test]
async fn one_that_still_runs_is_told_and_answered_later() {
    let test = TestApp::with(&[("load.key_milliseconds", "0")]).await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let input = json!({ "editionId": class.edition, "name": "Tala" });
    let held = test.app.db.write().await.expect("a transaction");
    if test.app.db.engine() == Engine::Postgres {
        let id: EditionId = class.edition.parse().expect("an edition");
        edition::lock(&held, id).await.expect("a lock").expect("an edition");
    }
    let first = Box::pin(keyed(&test, &class.coordinator, "k", "CreateTeam", &input));
    let second = Box::pin(keyed(&test, &class.coordinator, "k", "CreateTeam", &input));
    // One of the two runs, and waits for what is held; the other is told so.
    let (told, rest) = match select(first, second).await {
        Either::Left((told, rest)) | Either::Right((told, rest)) => (told, rest),
    };
    assert_eq!(told.status, StatusCode::CONFLICT);
    assert_eq!(told.refusal(), "IDEMPOTENCY_KEY_IN_USE");
    assert_eq!(told.headers[header::RETRY_AFTER], "1");
    held.rollback().await.expect("a rollback");
    let done = rest.await;
    assert_eq!(done.user_errors("createTeam"), [""; 0]);
    assert!(!is_replayed(&done));
    let again = keyed(&test, &class.coordinator, "k", "CreateTeam", &input).await;
    assert_eq!(again.body, done.body);
    assert!(is_replayed(&again));
}

#[tokio::test]
async fn another_copy_of_rumbo_keeps_the_same_keys() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let copy = test.copy().await;
    let input = json!({ "editionId": class.edition, "name": "Tala" });
    let body = body("CreateTeam", &input);
    let token = class.coordinator.token();
    let first = test.send(request(token, &["k"], &body)).await;
    let again = send(&copy, request(token, &["k"], &body)).await;
    assert_eq!(again.body, first.body);
    assert!(is_replayed(&again));
    if test.app.db.engine() == Engine::Sqlite {
        return;
    }
    // While it runs in one copy, the other says so.
    let other = json!({ "editionId": class.edition, "name": "Molle" });
    let body = crate::idempotency::body("CreateTeam", &other);
    let held = test.app.db.write().await.expect("a transaction");
    let id: EditionId = class.edition.parse().expect("an edition");
    edition::lock(&held, id).await.expect("a lock").expect("an edition");
    let first = Box::pin(test.send(request(token, &["other"], &body)));
    let second = Box::pin(send(&copy, request(token, &["other"], &body)));
    let (told, rest) = match select(first, second).await {
        Either::Left((told, rest)) => (told, Either::Left(rest)),
        Either::Right((told, rest)) => (told, Either::Right(rest)),
    };
    assert_eq!(told.refusal(), "IDEMPOTENCY_KEY_IN_USE");
    held.rollback().await.expect("a rollback");
    assert_eq!(rest.await.user_errors("createTeam"), [""; 0]);
}

#[tokio::test]
async fn an_answer_is_withheld_from_whom_it_shows_too_much_by_now() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    // A role that ended.
    let eva = test.coordinator_of("Eva", &class.edition).await;
    let input = json!({ "editionId": class.edition, "name": "Tala" });
    let made = keyed(&test, &eva, "k", "CreateTeam", &input).await;
    assert_eq!(made.user_errors("createTeam"), [""; 0]);
    let roles = eva.query("{ viewer { roles { id } } }", json!({})).await;
    let revoke = json!({ "roleAssignmentId": roles.text("viewer.roles.0.id"), "reason": "Left" });
    let administrator = test.administrator().await;
    done(&administrator, "RevokeRole", revoke).await;
    let withheld = keyed(&test, &eva, "k", "CreateTeam", &input).await;
    assert_eq!(withheld.status, StatusCode::FORBIDDEN);
    assert_eq!(withheld.refusal(), "IDEMPOTENCY_ANSWER_WITHHELD");
    assert!(!withheld.body.contains("Tala"), "{}", withheld.body);

    // A team that one left.
    let draft = json!({ "deliverableId": class.roadmap, "title": "Ours", "body": "In a year." });
    let ben = &class.people[1];
    let saved = keyed(&test, ben, "k", "SaveDraft", &draft).await;
    assert_eq!(saved.user_errors("saveDraft"), [""; 0]);
    assert!(is_replayed(&keyed(&test, ben, "k", "SaveDraft", &draft).await));
    let seen = as_seen(&class.coordinator, json!([class.team])).await;
    let leave = json!({
        "teamId": class.team, "version": seen[0]["version"], "removeEnrolmentIds": [class.enrolments[1]],
    });
    act(&class.coordinator, "UpdateTeam", leave)
        .await
        .text("updateTeam.team.id");
    let withheld = keyed(&test, ben, "k", "SaveDraft", &draft).await;
    assert_eq!(withheld.refusal(), "IDEMPOTENCY_ANSWER_WITHHELD");
    assert!(!withheld.body.contains("Ours"), "{}", withheld.body);

    // A session that ended.
    let profile = json!({
        "givenName": "Ana", "familyName": "Else", "language": "EN", "timeZone": "America/Montevideo", "version": 1,
    });
    let ana = &class.people[0];
    keyed(&test, ana, "k", "UpdateProfile", &profile)
        .await
        .text("updateProfile.person.id");
    ana.run("SignOut", json!({})).await;
    let nobody = keyed(&test, ana, "k", "UpdateProfile", &profile).await;
    assert_eq!(nobody.refusal(), "UNAUTHENTICATED");
}

#[tokio::test]
async fn what_staff_reads_again_is_written_down_again() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let looks = async || {
        let log = class.people[0].run("MyAccessLog", json!({ "first": 50 })).await;
        let nodes = log.at("viewer.accessLog.nodes").as_array().expect("a list").clone();
        nodes.iter().filter(|look| look["operation"] == "Exclude").count()
    };
    let document = "mutation Exclude($input: DecideEnrolmentInput!) {
        decideEnrolment(input: $input) { enrolment { id state person { fullName email } } userErrors { code } }
    }";
    let seen = as_seen(&class.coordinator, json!([class.enrolments[0]])).await;
    let input = json!({
        "enrolmentId": class.enrolments[0], "version": seen[0]["version"], "decision": "EXCLUDE", "reason": "Never came",
    });
    let body = json!({ "query": document, "variables": { "input": input } });
    for time in 1..=3 {
        let answer = test.send(request(class.coordinator.token(), &["k"], &body)).await;
        assert!(answer.body.contains("ana@example.org"), "{}", answer.body);
        assert_eq!(is_replayed(&answer), time > 1);
        assert_eq!(looks().await, time);
    }
    assert_eq!(test.violations().await, []);
    drop(test.mails().await);
}

#[tokio::test]
async fn what_fails_while_the_answer_is_made_is_not_done() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let rename = async |from: &str, to: &str| {
        let tx = test.app.db.write().await.expect("a transaction");
        tx.execute_unprepared(&format!("ALTER TABLE {from} RENAME TO {to}"))
            .await
            .expect("it is renamed");
        tx.commit().await.expect("a commit");
    };
    let document = "mutation Make($input: CreateTeamInput!) {
        createTeam(input: $input) { team { id name tutors { id } } userErrors { code } }
    }";
    let input = json!({ "editionId": class.edition, "name": "Tala" });
    let body = json!({ "query": document, "variables": { "input": input } });
    let before = teams(&test).await;
    rename("tutor_allocation", "tutor_allocation_away").await;
    let failed = test.send(request(class.coordinator.token(), &["k"], &body)).await;
    assert_eq!(failed.refusal(), "INTERNAL");
    assert_eq!(failed.json["data"], Value::Null);
    rename("tutor_allocation_away", "tutor_allocation").await;
    assert_eq!(teams(&test).await, before, "nothing was done");
    let done = test.send(request(class.coordinator.token(), &["k"], &body)).await;
    assert_eq!(done.text("createTeam.team.name"), "Tala");
    assert!(!is_replayed(&done));
    assert_eq!(teams(&test).await, before + 1);
    assert_eq!(test.violations().await, []);
}

#[tokio::test]
async fn an_answer_that_is_too_long_to_be_kept_is_refused_with_its_effect() {
    let test = TestApp::with(&[("limits.kept_answer_bytes", "100")]).await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let input = json!({ "editionId": class.edition, "name": "Tala" });
    let before = teams(&test).await;
    let refused = keyed(&test, &class.coordinator, "k", "CreateTeam", &input).await;
    assert_eq!(refused.refusal(), "IDEMPOTENCY_ANSWER_TOO_LARGE");
    assert_eq!(refused.json["errors"][0]["extensions"]["limit"], 100);
    assert_eq!(teams(&test).await, before);
    let small = json!({
        "query": "mutation ($input: CreateTeamInput!) { createTeam(input: $input) { team { id } } }",
        "variables": { "input": input },
    });
    let done = test.send(request(class.coordinator.token(), &["k"], &small)).await;
    assert!(done.text("createTeam.team.id").starts_with("tea_"));
    assert_eq!(teams(&test).await, before + 1);
}

#[tokio::test]
async fn a_wrong_code_counts_with_a_key_too() {
    let test = TestApp::new().await;
    let ana = test.person("Ana").await;
    test.password_of(&ana).await;
    let begun = ana.run("BeginSecondFactor", json!({})).await;
    let secret = begun.text("beginSecondFactor.enrolment.secret");
    let secret = rumbo::auth::second_factor::DeviceSecret::read(&secret).expect("a secret");
    let code = secret.code_at(test.now());
    let proof = json!({ "password": TestApp::PASSWORD, "code": code });
    done(&ana, "ConfirmSecondFactor", proof).await;
    let wrong =
        json!({ "currentPassword": TestApp::PASSWORD, "newPassword": "a quite different phrase", "code": code });
    for time in 1..=3 {
        let refused = keyed(&test, &ana, &format!("k{time}"), "ChangePassword", &wrong).await;
        assert_eq!(
            refused.user_errors("changePassword"),
            ["INVALID_CODE input.code"],
            "it was used"
        );
        let factor = second_factor::Entity::find().one(test.app.db.read()).await;
        assert_eq!(factor.expect("a query").expect("a factor").failures, time);
    }
    drop(test.mails().await);
}

#[tokio::test]
async fn somebody_who_is_not_signed_in_repeats_what_nobody_else_can_ask() {
    let test = TestApp::new().await;
    test.person("Ana").await;
    let nobody = test.anonymous();
    for email in ["ana@example.org", "new@example.org"] {
        let input = json!({
            "email": email, "password": "a phrase of some length", "givenName": "Ana", "familyName": "Pereira",
            "language": "ES", "timeZone": "America/Montevideo",
        });
        let first = keyed(&test, &nobody, "k", "RegisterPerson", &input).await;
        let again = keyed(&test, &nobody, "k", "RegisterPerson", &input).await;
        assert!(
            !is_replayed(&first) && is_replayed(&again),
            "the same whether there is an account"
        );
        assert_eq!(first.body, again.body);
        assert_eq!(test.mails().await.len(), 1, "one message");
    }
    let rows = idempotency::Entity::find().all(test.app.db.read()).await.expect("rows");
    assert_eq!(rows.len(), 2, "another payload is another key");
    assert!(rows.iter().all(|row| row.person_id.is_none()));
}

/// The one mutation that does something ahead of its own transaction.
#[tokio::test]
async fn another_address_is_confirmed_under_a_key() {
    let test = TestApp::new().await;
    let ana = test.person("Ana").await;
    test.password_of(&ana).await;
    let change = json!({ "currentPassword": TestApp::PASSWORD, "email": "ana.maria@example.org" });
    done(&ana, "RequestEmailChange", change).await;
    let mails = test.mails().await;
    let link = mails.iter().find(|mail| mail.notice == "confirm_new_address");
    let input = json!({ "token": token_in(link.expect("a link")) });
    let nobody = test.anonymous();
    let first = keyed(&test, &nobody, "k", "ConfirmEmailChange", &input).await;
    assert!(*first.at("confirmEmailChange.changed") == json!(true) && !is_replayed(&first));
    let again = keyed(&test, &nobody, "k", "ConfirmEmailChange", &input).await;
    assert!(is_replayed(&again));
    assert_eq!(first.body, again.body);
    let other = keyed(&test, &nobody, "another", "ConfirmEmailChange", &input).await;
    assert_eq!(other.user_errors("confirmEmailChange"), ["INVALID_TOKEN input.token"]);
    assert_eq!(test.notices().await, ["address_changed ana@example.org"]);
}

#[tokio::test]
async fn a_mail_of_a_keyed_request_leaves_at_once() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let work = class.hand_in(&class.people[0], "Our plan").await;
    let version = class.version(&work).await;
    let input = json!({ "submissionId": work, "version": version, "comment": "More" });
    let woken = test.app.outbox.notified();
    tokio::pin!(woken);
    // Whatever was woken before does not count.
    while futures_util::poll!(woken.as_mut()).is_ready() {
        woken.set(test.app.outbox.notified());
    }
    let done = keyed(&test, &class.tutor, "k", "RequestRevision", &input).await;
    assert_eq!(done.user_errors("requestRevision"), [""; 0]);
    woken.await;
    assert_eq!(
        test.notices().await,
        [
            "revision_requested ana@example.org",
            "revision_requested ben@example.org"
        ]
    );
    assert!(is_replayed(
        &keyed(&test, &class.tutor, "k", "RequestRevision", &input).await
    ));
    assert_eq!(test.notices().await, [""; 0], "nobody is told twice");
}

/// Polls a request so many times and drops it, as the server does when its client hangs up; its answer, if it has one.
async fn hang_up(test: &TestApp, asked: Request<Body>, polls: usize) -> Option<Answer> {
    let mut running = Box::pin(test.send(asked));
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == 0 {
            return std::task::Poll::Ready(None);
        }
        left -= 1;
        running.as_mut().poll(context).map(Some)
    })
    .await
}

#[tokio::test]
async fn whoever_hangs_up_learns_by_the_key_what_became_of_it() {
    let test = TestApp::with(&[("load.key_milliseconds", "5000")]).await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let before = teams(&test).await;
    let (mut done, mut undone, mut polls) = (0, 0, 1);
    loop {
        let key = format!("hang-up-{polls}");
        let input = json!({ "editionId": class.edition, "name": format!("Team {polls}") });
        let asked = || request(class.coordinator.token(), &[&key], &body("CreateTeam", &input));
        let whole = hang_up(&test, asked(), polls).await;
        let mut again = test.send(asked()).await;
        // On PostgreSQL the server may not have noticed yet.
        while again.status == StatusCode::CONFLICT {
            assert_eq!(again.refusal(), "IDEMPOTENCY_KEY_IN_USE");
            tokio::task::yield_now().await;
            again = test.send(asked()).await;
        }
        assert_eq!(again.user_errors("createTeam"), [""; 0], "after {polls} polls");
        if is_replayed(&again) {
            done += 1;
        } else {
            undone += 1;
        }
        assert_eq!(teams(&test).await, before + done + undone, "after {polls} polls");
        if let Some(whole) = whole {
            assert_eq!(whole.body, again.body);
            assert!(is_replayed(&again));
            break;
        }
        polls += 1;
    }
    eprintln!("hung up at {polls} points: {done} were done, {undone} were not");
    // At how many points it waits depends on how soon the database answers: what has an answer is not waited for.
    assert!(undone > 0, "it is cut off at least once before it commits");
    assert_eq!(kept(&test).await, done + undone);
    assert_eq!(test.violations().await, []);
}
