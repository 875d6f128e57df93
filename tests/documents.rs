//! Random documents, sent as everybody: every answer has a status and codes that the manual names, none is a failure of
//! ours, tells anything of the inside or takes long, and afterwards every invariant holds.
//!
//! `RUMBO_TEST_DOCUMENTS=30000` sends more of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};

use crate::matrix::World;
use crate::support::app::{Answer, Client, TestApp};
use crate::support::documents::{Document, Maker};
use crate::support::manual::read;
use crate::support::sdl::types;

/// How many are sent to one world; the next ones find a new one, since some of them change it.
const A_WORLD: usize = 500;

/// What no answer holds: words of the inside.
const INSIDE: [&str; 23] = [
    "sqlx",
    "sea_orm",
    "sea-orm",
    "sqlite",
    "postgres",
    "panicked",
    "backtrace",
    ".rs:",
    "src/",
    "::",
    "RUST_",
    "Vec<",
    "Option<",
    "constraint",
    "syntax error",
    "no such",
    "relation \"",
    "column \"",
    "audit_entry",
    "tutor_allocation",
    "state_history",
    "tally_",
    "Internal Server",
];

/// How many are sent.
#[allow(clippy::disallowed_methods, reason = "how thorough a run is, its caller says")]
fn wanted() -> Option<usize> {
    let told = std::env::var("RUMBO_TEST_DOCUMENTS").ok();
    told.and_then(|count| count.parse().ok())
}

/// The codes that the manual names.
fn codes() -> BTreeSet<String> {
    let manual = read("docs/api.md");
    let rows = manual.lines().filter(|line| line.starts_with('|'));
    let is_code = |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    rows.flat_map(|row| row.split('`'))
        .filter(is_code)
        .map(str::to_owned)
        .collect()
}

/// What is wrong with an answer, if anything is.
fn objection(
    codes: &BTreeSet<String>,
    document: &str,
    answer: &Answer,
    took: Duration,
    most: Duration,
) -> Option<String> {
    let status = answer.status.as_u16();
    if ![200, 400, 401, 403, 422].contains(&status) {
        return Some(format!("status {status}"));
    }
    if took > most {
        return Some(format!("it took {took:?}"));
    }
    let none = Vec::new();
    let errors = answer.json["errors"].as_array().unwrap_or(&none);
    if answer.json.get("data").is_none() && errors.is_empty() || errors.len() > 20 {
        return Some("neither data nor errors, or too many".to_owned());
    }
    for error in errors {
        let code = error["extensions"]["code"].as_str().unwrap_or_default();
        if !codes.contains(code) || ["INTERNAL", "TIMEOUT", "OVERLOADED", "RATE_LIMITED"].contains(&code) {
            return Some(format!("code {code:?}"));
        }
        if error["message"].as_str().unwrap_or_default().is_empty() || !error["extensions"]["requestId"].is_string() {
            return Some("an error without a sentence or a name".to_owned());
        }
    }
    // The schema's own description may use any word.
    let shown = if document.contains("__schema") || document.contains("__type(") {
        answer.json["errors"].to_string()
    } else {
        answer.body.clone()
    };
    let inside = INSIDE.iter().find(|word| shown.contains(*word))?;
    Some(format!("it says {inside:?}"))
}

async fn send(test: &TestApp, client: &Client<'_>, document: &Document, plain: bool) -> (Answer, Duration) {
    let mut body = json!({ "query": document.text(), "variables": document.variables });
    if let Some(name) = &document.operation_name {
        body["operationName"] = json!(name);
    }
    let accept = if plain {
        "application/json"
    } else {
        "application/graphql-response+json"
    };
    let mut request = Request::post("/graphql")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, accept);
    if let Some(token) = client.token() {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let request = request.body(Body::from(body.to_string())).expect("a request");
    let begun = Instant::now();
    let answer = test.send(request).await;
    (answer, begun.elapsed())
}

/// The parts without which the fault is still there are left out, as long as there are any.
async fn shrunk(
    test: &TestApp,
    client: &Client<'_>,
    found: &Document,
    plain: bool,
    is_wrong: impl Fn(&Document, &Answer) -> bool,
) -> Document {
    let mut smallest = found.clone();
    let mut part = 0;
    while part < smallest.parts() {
        let smaller = smallest.without(part);
        let (answer, _) = send(test, client, &smaller, plain).await;
        if is_wrong(&smaller, &answer) {
            smallest = smaller;
        } else {
            part += 1;
        }
    }
    smallest
}

#[derive(Default)]
struct Figures {
    sent: usize,
    statuses: BTreeMap<u16, usize>,
    codes: BTreeMap<String, usize>,
    user_errors: BTreeMap<String, usize>,
    clean: usize,
    slowest: Duration,
    wrong: Vec<String>,
}

impl Figures {
    fn count(&mut self, answer: &Answer, took: Duration) {
        self.sent += 1;
        *self.statuses.entry(answer.status.as_u16()).or_default() += 1;
        self.slowest = self.slowest.max(took);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let errors = answer.json["errors"].as_array().into_iter().flatten();
        for code in errors
            .map(|error| text(&error["extensions"]["code"]))
            .collect::<BTreeSet<_>>()
        {
            *self.codes.entry(code).or_default() += 1;
        }
        let payloads = answer.json["data"]
            .as_object()
            .into_iter()
            .flat_map(|data| data.values());
        let told = payloads.flat_map(|payload| payload["userErrors"].as_array().into_iter().flatten());
        let told: BTreeSet<String> = told
            .map(|error| text(&error["code"]))
            .filter(|code| !code.is_empty())
            .collect();
        self.clean += usize::from(answer.json.get("errors").is_none() && told.is_empty());
        for code in told {
            *self.user_errors.entry(code).or_default() += 1;
        }
    }
}

/// Sends so many to a world of their own.
async fn round(seed: u64, count: usize, most: Duration, figures: &mut Figures) {
    let test = TestApp::new().await;
    let world = World::new(&test).await;
    let (types, codes) = (types(), codes());
    let known = world.variables();
    let mut clients: Vec<Client<'_>> = world.viewers.iter().map(|viewer| viewer.client.clone()).collect();
    let mut maker = Maker::new(&types, &known, seed);
    for number in 0..count {
        let document = maker.document();
        let who = maker.draw.below(clients.len());
        let plain = maker.draw.percent(20);
        let (answer, took) = send(&test, &clients[who], &document, plain).await;
        figures.count(&answer, took);
        if let Some(fault) = objection(&codes, &document.text(), &answer, took, most) {
            let again = |smaller: &Document, answer: &Answer| {
                objection(&codes, &smaller.text(), answer, Duration::ZERO, most).is_some()
            };
            let small = shrunk(&test, &clients[who], &document, plain, again).await;
            figures.wrong.push(format!(
                "seed {seed}, number {number}, {}: {fault}\n{}\n{}\nsmaller: {}\n{}\n{:.600}",
                world.viewers[who].name,
                document.text(),
                document.variables,
                small.text(),
                small.variables,
                answer.body
            ));
        }
        // Somebody who ended their own session signs in anew.
        if answer.status.as_u16() == 401 && clients[who].person.is_some() {
            clients[who] = clients[who].again().await;
        }
    }
    drop(test.mails().await);
    let broken = test.violations().await;
    let differs = test.differences().await;
    if !broken.is_empty() || !differs.is_empty() {
        figures.wrong.push(format!("seed {seed}: {broken:?} {differs:?}"));
    }
}

#[tokio::test]
async fn no_document_stalls_breaks_or_opens_anything() {
    let told = wanted();
    let count = told.unwrap_or(2_000);
    // The other tests share the machine.
    let most = Duration::from_secs(if told.is_some() { 1 } else { 5 });
    let mut figures = Figures::default();
    let begun = Instant::now();
    for world in 0..count.div_ceil(A_WORLD) {
        let seed = 20_261_127 + u64::try_from(world).expect("a small number");
        round(seed, A_WORLD.min(count - world * A_WORLD), most, &mut figures).await;
    }
    let Figures {
        sent,
        statuses,
        codes,
        user_errors,
        clean,
        slowest,
        wrong,
    } = figures;
    eprintln!(
        "documents: {sent} sent in {:?}, {clean} answered without an error, slowest {slowest:?}, {} wrong",
        begun.elapsed(),
        wrong.len()
    );
    eprintln!("  status {statuses:?}\n  codes {codes:?}\n  user errors {user_errors:?}");
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(5)].join("\n\n")
    );
    assert!(clean * 10 > sent, "some of them are valid: {clean}");
}
