//! Files by their links: for whom a link is good, for how long, and that nothing else is told apart.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use chrono::TimeDelta;
use rumbo::domain::actor::{Actor, Role, Scope};
use rumbo::domain::text::Reason;
use rumbo::service::export;
use serde_json::{Value, json};
use tower::ServiceExt;
use tracing::Dispatch;
use tracing::instrument::WithSubscriber;

use crate::support::app::{Answer, Client, TestApp, send};
use crate::support::scene::{Class, Plan, act, done, enrolling, id_of};

const REASON: &str = "The annual report";

/// A request for what a link names, with somebody's credentials.
fn asking(method: Method, client: &Client<'_>, url: &str) -> Request<Body> {
    let path = url.find("/files").map_or(url, |at| &url[at..]);
    let mut request = Request::builder().method(method).uri(path);
    if let Some(token) = client.token() {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    request.body(Body::empty()).expect("a request")
}

async fn fetch(test: &TestApp, client: &Client<'_>, url: &str) -> Answer {
    test.send(asking(Method::GET, client, url)).await
}

/// The link that somebody gets to the enrolments of an edition.
async fn link(client: &Client<'_>, edition: &str) -> String {
    let input = json!({ "editionId": edition, "reason": REASON });
    let made = act(client, "ExportEnrolments", input).await;
    made.text("exportEnrolments.link.url")
}

/// What the command writes of an edition.
async fn written(test: &TestApp) -> String {
    let reason = Reason::parse(REASON).expect("a reason");
    let mut out = Vec::new();
    let lines = export::enrolments(&test.app, &Actor::operator(), Some("DEMO-2026"), &reason, &mut out).await;
    assert_eq!(lines.expect("an export"), 2);
    String::from_utf8(out).expect("UTF-8")
}

/// The entries that exports left, the latest first.
async fn exports(reader: &Client<'_>) -> Vec<Value> {
    let filter = json!({ "first": 50, "filter": { "actions": ["export_enrolments"] } });
    let found = reader.run("AuditEntries", filter).await;
    found.at("auditEntries.nodes").as_array().expect("a list").clone()
}

/// An answer without what differs between any two.
fn told(answer: &Answer) -> (StatusCode, HeaderMap, String) {
    let mut headers = answer.headers.clone();
    headers.remove("x-request-id");
    (answer.status, headers, answer.body.clone())
}

#[track_caller]
fn assert_refused(answer: &Answer) {
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (StatusCode::NOT_FOUND, "NOT_FOUND\n")
    );
    assert!(answer.headers.get(header::CONTENT_DISPOSITION).is_none());
}

#[tokio::test]
async fn a_link_gives_what_the_command_writes_for_five_minutes() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let carla = &class.coordinator;
    let input = json!({ "editionId": class.edition, "reason": REASON });
    let made = act(carla, "ExportEnrolments", input).await;
    assert_eq!(
        made.text("exportEnrolments.link.expiresAt"),
        "2026-03-02T12:05:00+00:00"
    );
    let url = made.text("exportEnrolments.link.url");
    assert!(url.starts_with(&test.app.settings.http.public_url), "{url}");
    assert!(!url.contains("report"), "the reason does not show: {url}");
    let administrator = test.administrator().await;
    assert_eq!(exports(&administrator).await.len(), 0, "nothing has left yet");

    let file = fetch(&test, carla, &url).await;
    assert_eq!(file.status, StatusCode::OK);
    for (name, value) in [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"enrolments-DEMO-2026.csv\"",
        ),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            header::CONTENT_SECURITY_POLICY,
            "sandbox; default-src 'none'; frame-ancestors 'none'",
        ),
    ] {
        assert_eq!(
            file.headers.get_all(&name).iter().collect::<Vec<_>>(),
            [value],
            "{name}"
        );
    }
    let entries = exports(&administrator).await;
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["reason"], REASON);
    assert_eq!(entries[0]["subjectId"], class.edition.as_str());
    let log = class.people[1].run("MyAccessLog", json!({ "first": 1 })).await;
    let look = log.at("viewer.accessLog.nodes.0");
    assert_eq!(look["operation"], "export enrolments");
    assert_eq!(look["reason"], REASON);
    assert_eq!(look["fields"], json!(["NAME", "EMAIL", "ORIGIN", "GENDER"]));
    assert!(
        look["readerName"].as_str().is_some_and(|name| name.contains("Carla")),
        "{look}"
    );
    assert_eq!(file.body, written(&test).await);

    test.pass(TimeDelta::seconds(299));
    assert_eq!(fetch(&test, carla, &url).await.body, file.body);
    // One for each time that it left, and one for the command.
    assert_eq!(exports(&administrator).await.len(), 3);
    test.pass(TimeDelta::seconds(1));
    assert_refused(&fetch(&test, carla, &url).await);
    assert_eq!(exports(&administrator).await.len(), 3);
    drop(test.mails().await);
}

#[tokio::test]
async fn whatever_is_wrong_with_a_link_the_answer_is_the_same() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let carla = &class.coordinator;
    let other = test.holder("Cora", Role::Coordinator, Scope::System).await;
    let same = carla.again().await;
    let good = link(carla, &class.edition).await;
    let token = good.split_once("link=").expect("a link").1;
    let mut forged = vec![format!("/files?link=lnk_{}", "A".repeat(token.len() - 4))];
    for place in [4, 30, token.len() / 2, token.len() - 2] {
        let letter = if token.as_bytes()[place] == b'A' { "B" } else { "A" };
        forged.push(format!(
            "/files?link={}{letter}{}",
            &token[..place],
            &token[place + 1..]
        ));
    }
    for malformed in [
        "/files".to_owned(),
        "/files?".to_owned(),
        "/files?link=".to_owned(),
        "/files?link=lnk_".to_owned(),
        "/files?link=lnk_%00".to_owned(),
        format!("/files?link={}", &token[4..]),
        format!("/files?link={}", &token[..token.len() - 1]),
        format!("/files?link={token}A"),
        format!("/files?link={token}="),
        format!("/files?link={token}&link={token}"),
        format!("/files?other={token}"),
        format!("/files?link=lnk_{}", "A".repeat(12_000)),
    ] {
        forged.push(malformed);
    }
    let mut counts = Vec::new();
    let mut answers = Vec::new();
    let tries = forged.iter().map(|url| (carla, url));
    let tries: Vec<_> = tries
        .chain([
            (&other, &good),
            (&same, &good),
            (&class.people[0], &good),
            (&class.tutor, &good),
        ])
        .collect();
    for (client, url) in tries {
        client.warm_up().await;
        let before = test.app.db.statements();
        let refused = fetch(&test, client, url).await;
        counts.push(test.app.db.statements() - before);
        assert_refused(&refused);
        answers.push(told(&refused));
    }
    test.pass(TimeDelta::minutes(5));
    answers.push(told(&fetch(&test, carla, &good).await));
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    assert!(counts.iter().all(|count| *count == 0), "{counts:?}");
    assert_eq!(exports(&test.administrator().await).await.len(), 0);
    drop(test.mails().await);
}

#[tokio::test]
async fn who_may_no_more_gets_nothing_by_a_link_that_lives() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let cora = test.person("Cora").await;
    let administrator = test.administrator().await;
    let grant = async || {
        let input = json!({ "personId": id_of(&cora), "role": "COORDINATOR", "scopeId": class.edition });
        let made = act(&administrator, "GrantRole", input).await;
        made.text("grantRole.roleAssignment.id")
    };
    let role = grant().await;
    let url = link(&cora, &class.edition).await;
    assert_eq!(fetch(&test, &cora, &url).await.status, StatusCode::OK);

    let input = json!({ "roleAssignmentId": role });
    done(&administrator, "RevokeRole", input).await;
    assert_refused(&fetch(&test, &cora, &url).await);
    test.pass(TimeDelta::seconds(1));
    grant().await;
    assert_eq!(fetch(&test, &cora, &url).await.status, StatusCode::OK);

    let ended = cora.query("mutation { signOut { signedOut } }", json!({})).await;
    assert_eq!(ended.at("signOut.signedOut"), &json!(true));
    let refused = fetch(&test, &cora, &url).await;
    assert_eq!(
        (refused.status, refused.body.as_str()),
        (StatusCode::UNAUTHORIZED, "UNAUTHENTICATED\n")
    );
    assert_refused(&fetch(&test, &cora.again().await, &url).await);
    assert_eq!(exports(&administrator).await.len(), 2);
    drop(test.mails().await);
}

#[tokio::test]
async fn an_api_token_fetches_by_its_own_links_as_far_as_its_scopes_reach() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let carla = &class.coordinator;
    test.password_of(carla).await;
    let token = async |scope: &str| {
        let input = json!({ "name": scope, "scopes": [scope], "expiresAt": test.now() + TimeDelta::days(30),
            "password": TestApp::PASSWORD });
        let made = act(carla, "CreateApiToken", input).await;
        let id = made.text("createApiToken.created.apiToken.id");
        (carla.bearing(&made.text("createApiToken.created.secret")), id)
    };
    let (program, id) = token("EXPORT_ENROLMENTS").await;
    let (reader, _) = token("READ_ENROLMENTS").await;
    let url = link(&program, &class.edition).await;
    assert_eq!(fetch(&test, &program, &url).await.status, StatusCode::OK);
    for other in [carla, &reader] {
        assert_refused(&fetch(&test, other, &url).await);
    }
    assert_refused(&fetch(&test, &program, &link(carla, &class.edition).await).await);
    let input = json!({ "editionId": class.edition, "reason": REASON });
    let refused = act(&reader, "ExportEnrolments", input).await;
    assert_eq!(refused.refusal(), "INSUFFICIENT_SCOPE");

    act(carla, "RevokeApiToken", json!({ "apiTokenId": id })).await;
    assert_eq!(fetch(&test, &program, &url).await.status, StatusCode::UNAUTHORIZED);
    drop(test.mails().await);
}

#[tokio::test]
async fn nobody_fetches_anything_and_no_other_method_does() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let carla = &class.coordinator;
    let url = link(carla, &class.edition).await;
    let nobody = test.anonymous();
    let answers = [
        fetch(&test, &nobody, &url).await,
        fetch(&test, &nobody, "/files?link=x").await,
        fetch(&test, &nobody.bearing("x"), &url).await,
    ];
    for answer in &answers {
        assert_eq!(told(answer), told(&answers[0]));
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (StatusCode::UNAUTHORIZED, "UNAUTHENTICATED\n")
        );
        assert_eq!(answer.headers[header::WWW_AUTHENTICATE], "Bearer");
    }
    // A link that gives a file takes none.
    let put = test.send(asking(Method::PUT, carla, &url)).await;
    assert_eq!((put.status, put.body.as_str()), (StatusCode::NOT_FOUND, "NOT_FOUND\n"));
    for method in [Method::HEAD, Method::POST, Method::DELETE] {
        let refused = test.send(asking(method.clone(), carla, &url)).await;
        assert_eq!(refused.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
    }
    // Nor does a token that stands in the URL.
    let mine = carla.token().expect("a token");
    let in_url = fetch(&test, &nobody, &format!("{url}&access_token={mine}")).await;
    assert_eq!(in_url.status, StatusCode::BAD_REQUEST);
    assert_eq!(exports(&test.administrator().await).await.len(), 0);
    drop(test.mails().await);
}

#[tokio::test]
async fn what_leaves_is_limited_by_person() {
    let test = TestApp::with(&[("rates.enabled", "true"), ("rates.export.burst", "2")]).await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN).await;
    let url = link(&carla, &edition).await;
    for _ in 0..3 {
        assert_refused(&fetch(&test, &carla, "/files?link=lnk_AAAA").await);
    }
    for _ in 0..2 {
        let other = link(&carla, &edition).await;
        assert_eq!(fetch(&test, &carla, &other).await.status, StatusCode::OK);
    }
    let refused = fetch(&test, &carla, &url).await;
    assert_eq!(
        (refused.status, refused.body.as_str()),
        (StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED\n")
    );
    assert_eq!(refused.headers[header::RETRY_AFTER], "360");
    // By another session it is the same person.
    let again = carla.again().await;
    let refused = fetch(&test, &again, &link(&again, &edition).await).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    let administrator = test.administrator().await;
    assert_eq!(exports(&administrator).await.len(), 2);
    test.pass(TimeDelta::minutes(6));
    let again = carla.again().await;
    let url = link(&again, &edition).await;
    assert_eq!(fetch(&test, &again, &url).await.status, StatusCode::OK);
    drop(test.mails().await);
}

#[tokio::test]
async fn who_only_brings_links_is_limited_too() {
    let test = TestApp::with(&[("rates.enabled", "true"), ("rates.person.burst", "3")]).await;
    let carla = test.coordinator().await;
    for _ in 0..3 {
        assert_refused(&fetch(&test, &carla, "/files?link=lnk_AAAA").await);
    }
    let refused = fetch(&test, &carla, "/files?link=lnk_AAAA").await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    drop(test.mails().await);
}

#[tokio::test]
async fn every_copy_knows_the_links_of_the_others_and_a_slow_reader_holds_no_place() {
    let test = TestApp::with(&[("load.operations", "1")]).await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let carla = &class.coordinator;
    let url = link(carla, &class.edition).await;
    let copy = test.copy().await;
    let slow = copy
        .clone()
        .oneshot(asking(Method::GET, carla, &url))
        .await
        .expect("an answer");
    assert_eq!(slow.status(), StatusCode::OK);
    let meanwhile = send(&copy, asking(Method::GET, carla, &url)).await;
    assert_eq!(meanwhile.status, StatusCode::OK);
    assert_eq!(meanwhile.body, written(&test).await);
    drop(slow);
    drop(test.mails().await);
}

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("a lock").extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_log_line_has_a_link_or_its_reason() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let carla = &class.coordinator;
    let kept = Kept::default();
    let writer = kept.clone();
    // While a process has one subscriber only, whichever thread comes by first decides whether anybody listens, and the
    // threads of other tests have none.
    let _another = Dispatch::new(tracing_subscriber::registry());
    let lines = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let url = async {
        let url = link(carla, &class.edition).await;
        let file = fetch(&test, carla, &url).await;
        assert_eq!(file.status, StatusCode::OK);
        assert_refused(&fetch(&test, carla, &format!("{url}A")).await);
        url
    };
    let url = url.with_subscriber(lines).await;
    let logged = String::from_utf8(kept.0.lock().expect("a lock").clone()).expect("UTF-8");
    assert!(
        logged.contains("/files") && logged.contains("http.status=404"),
        "{logged}"
    );
    let token = url.split_once("link=").expect("a link").1;
    for secret in [&token[4..40], "lnk_", REASON, "ana@example.org"] {
        assert!(!logged.contains(secret), "{secret} is logged");
    }
    drop(test.mails().await);
}
