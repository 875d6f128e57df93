//! The journeys of the start page, walked from the first step to the last on the scene of `rumbo demo`, with the
//! placeholders and captures that its script understands.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use rumbo::commands::demo;
use rumbo::error::Error;
use rumbo::http;
use rumbo::http::start::{StartPage, StartPerson};
use rumbo::store::person;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::support::app::TestApp;

/// What the page knows: the demonstration's identifiers, and what answers yielded.
struct Page {
    router: axum::Router,
    content: Value,
    known: BTreeMap<String, Value>,
    now: DateTime<Utc>,
    tokens: BTreeMap<String, String>,
}

impl Page {
    async fn open(test: &TestApp) -> Self {
        let (people, ids) = demo::scene(&test.app).await.expect("the scene plays");
        let router = http::router(test.app.clone(), Some(StartPage::new(&people, &ids)));
        let mut page = Self {
            router,
            content: Value::Null,
            known: BTreeMap::new(),
            now: test.now(),
            tokens: BTreeMap::new(),
        };
        let request = Request::get("/start.json").body(Body::empty()).expect("a request");
        page.content = page.send(request).await;
        let ids = page.content["ids"].as_object().expect("identifiers").clone();
        page.known.extend(ids);
        for StartPerson {
            role, email, password, ..
        } in people
        {
            let input = json!({ "email": email, "password": password });
            let answer = page.run("SignIn", &json!({ "input": input }), None).await;
            let token = answer
                .pointer("/data/signIn/session/accessToken")
                .and_then(Value::as_str);
            let token = token.unwrap_or_else(|| panic!("{role} cannot sign in: {answer:#}"));
            page.tokens.insert(role, token.to_owned());
        }
        page
    }

    async fn send(&self, request: Request<Body>) -> Value {
        let response = self.router.clone().oneshot(request).await.expect("an answer");
        assert_eq!(response.status(), StatusCode::OK);
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX)
            .await
            .expect("a body");
        serde_json::from_slice(&bytes).expect("JSON")
    }

    /// Sends the document of the page, not of the folder.
    async fn run(&self, operation: &str, variables: &Value, role: Option<&str>) -> Value {
        let operations = self.content["operations"].as_array().expect("documents");
        let found = operations.iter().find(|one| one["name"] == operation);
        let found = found.unwrap_or_else(|| panic!("the page has no document {operation}"));
        let body = json!({ "query": found["document"], "operationName": operation, "variables": variables });
        let mut request = Request::post("/graphql").header(header::CONTENT_TYPE, "application/json");
        if let Some(role) = role {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", self.tokens[role]));
        }
        self.send(request.body(Body::from(body.to_string())).expect("a request"))
            .await
    }

    /// `value` with its placeholders filled in, as `values.js` does.
    fn fill(&self, value: &Value) -> Value {
        match value {
            Value::Array(items) => items.iter().map(|item| self.fill(item)).collect(),
            Value::Object(fields) => fields
                .iter()
                .map(|(name, field)| (name.clone(), self.fill(field)))
                .collect(),
            Value::String(text) => self.fill_text(text),
            other => other.clone(),
        }
    }

    fn fill_text(&self, text: &str) -> Value {
        for (mark, whole_day) in [("$day", true), ("$time", false)] {
            let days = text.strip_prefix(mark).and_then(|days| days.parse::<i64>().ok());
            if let Some(days) = days {
                let instant = self.now + TimeDelta::days(days);
                let text = instant.to_rfc3339_opts(SecondsFormat::Secs, true);
                return Value::from(if whole_day { text[..10].to_owned() } else { text });
            }
        }
        let is_word = |text: &str| text.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
        let Some(name) = text
            .strip_prefix('$')
            .filter(|name| is_word(name.trim_end_matches('?')))
        else {
            return Value::from(text.replace("$stamp", "T1M3X"));
        };
        match self.known.get(name.trim_end_matches('?')) {
            Some(value) => value.clone(),
            None if name.ends_with('?') => Value::Null,
            None => panic!("no value yet for {name}"),
        }
    }

    /// Takes what a step asks for; what the page knew from the start stays.
    fn capture(&mut self, wanted: &Value, answer: &Value) {
        for (name, path) in wanted.as_object().into_iter().flatten() {
            let pointer = format!("/{}", path.as_str().expect("a path").replace('.', "/"));
            let found = answer.pointer(&pointer).filter(|value| !value.is_null());
            let is_fixed = self.content["ids"].get(name).is_some();
            if let (Some(value), false) = (found, is_fixed) {
                self.known.insert(name.clone(), value.clone());
            }
        }
    }

    /// Walks one journey; returns the answer of every step.
    async fn walk(&mut self, role: &str) -> Vec<(String, Value)> {
        let journeys = self.content["journeys"].as_array().expect("journeys").clone();
        let journey = journeys.iter().find(|journey| journey["role"] == role);
        let steps = journey.expect("the journey")["steps"]
            .as_array()
            .expect("steps")
            .clone();
        let mut answers = Vec::new();
        for (place, step) in steps.iter().enumerate() {
            let operation = step["operation"].as_str().expect("a name");
            let actor = step["as"].as_str().unwrap_or(role);
            let variables = self.fill(&step["variables"]);
            let answer = self.run(operation, &variables, Some(actor)).await;
            let where_ = format!("{role} step {} {operation} as {actor}: {answer:#}", place + 1);
            assert!(answer.get("errors").is_none(), "{where_}");
            for payload in answer["data"].as_object().expect("data").values() {
                let refused = payload.get("userErrors").and_then(Value::as_array);
                assert!(refused.is_none_or(Vec::is_empty), "{where_}");
            }
            self.capture(&step["capture"], &answer);
            answers.push((operation.to_owned(), answer));
        }
        answers
    }
}

/// The last answer to an operation.
fn last<'a>(answers: &'a [(String, Value)], operation: &str) -> &'a Value {
    let found = answers.iter().rfind(|(name, _)| name == operation);
    &found.expect("the operation was run").1["data"]
}

#[tokio::test]
async fn every_journey_can_be_walked_to_its_end() {
    let test = TestApp::new().await;
    let mut page = Page::open(&test).await;
    // In the order of the tabs: each journey leaves the others walkable.
    let participant = page.walk("participant").await;
    let seen = last(&participant, "MySubmission");
    assert_eq!(seen["submission"]["state"], "RELEASED");
    assert_eq!(seen["submission"]["versions"].as_array().map(Vec::len), Some(2));
    assert!(seen["submission"]["grade"]["value"].is_string(), "{seen:#}");
    let completion = last(&participant, "MyCompletion");
    assert_eq!(completion["completion"]["outcome"], "COMPLETED");
    assert_eq!(completion["completion"]["evidence"].as_array().map(Vec::len), Some(1));
    let team = &last(&participant, "MyTeam")["myTeams"]["nodes"][0];
    assert!(team["tutors"][0]["person"]["givenName"].is_string(), "{team:#}");

    let tutor = page.walk("tutor").await;
    let versions = last(&tutor, "ReadVersions");
    assert!(
        versions["submission"]["handIn"]["previous"]["body"].is_string(),
        "there is a version to compare with: {versions:#}"
    );
    assert_eq!(last(&tutor, "ReviewQueue")["reviewQueue"]["nodes"], json!([]));

    let coordinator = page.walk("coordinator").await;
    let released = last(&coordinator, "ReleaseGrades");
    assert_eq!(released["releaseGrades"]["submissions"][0]["state"], "RELEASED");
    let made = last(&coordinator, "AllocateTutor");
    assert_eq!(
        made["allocateTutor"]["teams"][0]["tutors"].as_array().map(Vec::len),
        Some(1)
    );
    assert_eq!(test.violations().await, []);
}

/// Walks every journey, one after the other.
pub(crate) async fn walk_all(test: &TestApp) {
    let mut page = Page::open(test).await;
    for role in ["participant", "tutor", "coordinator"] {
        page.walk(role).await;
    }
}

#[tokio::test]
async fn each_journey_can_be_walked_first() {
    for role in ["tutor", "coordinator"] {
        let test = TestApp::new().await;
        let mut page = Page::open(&test).await;
        assert!(!page.walk(role).await.is_empty());
        assert_eq!(test.violations().await, []);
    }
}

#[tokio::test]
async fn a_scene_that_was_broken_off_is_not_begun_again() {
    let test = TestApp::new().await;
    let carmen = test.person("Carmen").await;
    let address = "carmen.quiroga@demo.example.org";
    let tx = test.app.db.write().await.expect("a transaction");
    let id = carmen.person.expect("a person");
    let taken = || Error::internal("somebody has the address");
    person::set_email(&tx, id, address, test.now(), taken())
        .await
        .expect("the first who is engaged");
    tx.commit().await.expect("a commit");
    let refused = demo::scene(&test.app)
        .await
        .err()
        .expect("a scene in pieces")
        .to_string();
    assert!(refused.contains("stopped while it was being made"), "{refused}");
}

#[tokio::test]
async fn the_scene_is_played_once() {
    let test = TestApp::new().await;
    let (first, ids) = demo::scene(&test.app).await.expect("the scene plays");
    let (second, same) = demo::scene(&test.app).await.expect("the scene stands");
    assert_eq!(ids, same);
    let emails = |people: &[StartPerson]| people.iter().map(|person| person.email.clone()).collect::<Vec<_>>();
    assert_eq!(emails(&first), emails(&second));
    assert_ne!(first[0].password, second[0].password, "every run has its own");
}
