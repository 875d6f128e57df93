//! Mixed load, killed again and again, while the mail server breaks sessions off.
//!
//! `RUMBO_TEST_KILLS=50 cargo test --test rumbo kill::load -- --nocapture` kills fifty times and prints what it saw.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use rumbo::clock::Clock;
use rumbo::store::{edition, enrolment, history, institution, outbox};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::{Value, json};

use crate::support::app::{Client, TestApp};
use crate::support::db::told;
use crate::support::operations::document;
use crate::support::scene::{Plan, walk};
use crate::support::server::{Server, exchange};
use crate::support::smtp::Sink;

/// How often the server is killed where `RUMBO_TEST_KILLS` does not say it.
const KILLS: usize = 3;
/// How many clients ask at the same time.
const CLIENTS: usize = 4;
/// How many sessions of a hundred the mail server breaks off.
const BROKEN: usize = 30;
/// The seats of the edition: more apply than can sit.
const SEATS: i64 = 12;
/// For longer than the longest run, so that only the end of the run sends again what a killed server held.
const LEASE_SECONDS: i64 = 3600;

/// A request under a key, and what came of it.
#[derive(Clone)]
struct Asked {
    token: String,
    key: String,
    operation: &'static str,
    variables: Value,
    /// The answer, or nothing when the server was gone before.
    answer: Option<String>,
}

impl Asked {
    async fn send(&self, address: SocketAddr) -> Option<String> {
        let body = json!({
            "query": document(self.operation), "operationName": self.operation, "variables": self.variables,
        });
        let head = format!(
            "POST /graphql HTTP/1.1\r\nauthorization: Bearer {}\r\nidempotency-key: {}\r\n",
            self.token, self.key
        );
        exchange(address, &head, &body.to_string()).await
    }
}

/// The body of an answer in which nothing was refused.
fn done(answer: &str) -> Value {
    let (head, body) = answer.split_once("\r\n\r\n").expect("a body");
    assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
    let body: Value = serde_json::from_str(body).expect("JSON");
    let payload = body["data"].as_object().and_then(|data| data.values().next());
    let errors = payload.map(|payload| &payload["userErrors"]);
    assert_eq!(errors, Some(&json!([])), "{answer}");
    body
}

/// The people who take part in a run, and where.
struct Run {
    /// The token of somebody who may make institutions.
    administrator: String,
    /// The tokens of people who have not applied yet.
    applicants: Vec<String>,
    edition: String,
    /// Where the server listens.
    address: SocketAddr,
    round: usize,
    next: AtomicUsize,
    answered: AtomicUsize,
    asked: Mutex<Vec<Asked>>,
}

impl Run {
    /// Sends a request, and keeps both sides of it; the answer, unless the server is gone.
    async fn ask(&self, token: &str, key: String, operation: &'static str, variables: Value) -> Option<Value> {
        let mut asked = Asked {
            token: token.to_owned(),
            key,
            operation,
            variables,
            answer: None,
        };
        asked.answer = asked.send(self.address).await;
        let body = asked.answer.as_deref().map(done);
        self.answered.fetch_add(1, Ordering::Relaxed);
        self.asked.lock().expect("no client panics").push(asked);
        body
    }

    /// One turn of a client: an institution is made, or somebody applies and may withdraw at once. Nothing when the
    /// server is gone.
    async fn turn(&self) -> Option<()> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let key = |what: &str| format!("{what}-{}-{number}", self.round);
        if number % 4 == 3 {
            let input = json!({ "name": key("Institute"), "country": "UY", "kind": "OTHER" });
            let variables = json!({ "input": input });
            self.ask(&self.administrator, key("make"), "CreateInstitution", variables)
                .await?;
            return Some(());
        }
        let token = &self.applicants[number];
        let variables = json!({ "input": { "editionId": self.edition } });
        let answer = self.ask(token, key("apply"), "ApplyToEdition", variables).await?;
        let enrolment = &answer["data"]["applyToEdition"]["enrolment"];
        // Who waits may be given a seat meanwhile, which would make the version stale.
        if enrolment["state"] == "CONFIRMED" {
            let input = json!({ "enrolmentId": enrolment["id"], "version": enrolment["version"] });
            let variables = json!({ "input": input });
            self.ask(token, key("withdraw"), "WithdrawEnrolment", variables).await?;
        }
        Some(())
    }
}

/// An edition with few seats that takes applications today.
async fn edition_of_today(coordinator: &Client<'_>) -> String {
    let course = json!({ "code": "KILL", "titles": [{ "language": "EN", "text": "A course" }] });
    let made = coordinator
        .run("CreateCourse", json!({ "input": { "course": course } }))
        .await;
    let day = |days: i64| {
        (Clock::System.now() + TimeDelta::days(days))
            .format("%Y-%m-%d")
            .to_string()
    };
    let instant = |days: i64| (Clock::System.now() + TimeDelta::days(days)).to_rfc3339();
    let edition = json!({
        "code": Plan::OPEN.code, "languages": ["EN"], "timeZone": "UTC", "startsOn": day(60), "endsOn": day(90),
        "enrolsFrom": instant(-1), "enrolsUntil": instant(30), "capacity": SEATS, "minimum": 0,
        "modality": "ONLINE", "policy": "OPEN", "passMark": "60",
    });
    let input = json!({ "courseId": made.text("createCourse.course.id"), "edition": edition });
    let made = coordinator.run("CreateEdition", json!({ "input": input })).await;
    let edition = made.text("createEdition.edition.id");
    walk(coordinator, &edition, &["ANNOUNCED", "ENROLLING"]).await;
    edition
}

/// Clients that go on until the server is killed in the middle; what they asked.
async fn ask_until_gone(server: &mut Server, run: Run) -> Vec<Asked> {
    let target = run.applicants.len() / 2;
    let run = Arc::new(run);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let run = run.clone();
            tokio::spawn(async move { while run.turn().await.is_some() {} })
        })
        .collect();
    let begun = Instant::now();
    while run.answered.load(Ordering::Relaxed) < target {
        assert!(begun.elapsed() < Duration::from_mins(1), "the server answers");
        tokio::time::sleep(Duration::from_micros(300)).await;
    }
    server.kill();
    for client in clients {
        client.await.expect("a client that ends");
    }
    run.asked.lock().expect("no client panics").clone()
}

/// What came of the requests of all rounds.
#[derive(Debug, Default)]
struct Tally {
    told: usize,
    untold: usize,
    absent: usize,
    applications: usize,
    institutions: usize,
}

impl Tally {
    /// Asks everything again, each under its key: what was answered is there, and the rest is done now or was.
    async fn ask_again(&mut self, address: SocketAddr, asked: &[Asked]) {
        for asked in asked {
            let again = asked.send(address).await.expect("an answer");
            let body = done(&again);
            let replayed = again.contains("\r\nidempotency-replayed: true\r\n");
            match &asked.answer {
                Some(first) => {
                    assert_eq!(done(first), body, "what was answered is there");
                    assert!(replayed, "{again}");
                    self.told += 1;
                }
                None if replayed => self.untold += 1,
                None => self.absent += 1,
            }
            match asked.operation {
                "ApplyToEdition" => self.applications += 1,
                "CreateInstitution" => self.institutions += 1,
                _ => {}
            }
        }
    }
}

/// Sends what is still in the outbox, as a worker would hours later.
async fn send_the_rest(test: &TestApp, sink: &Sink) {
    let worker = test.worker_with(sink.mailer(test));
    let waiting = outbox::Entity::find().filter(outbox::Column::State.ne(outbox::SENT));
    for _ in 0..20 {
        test.pass(TimeDelta::hours(2));
        worker.drain().await.expect("the worker reaches the outbox");
        if waiting.clone().count(test.app.db.read()).await.expect("a count") == 0 {
            return;
        }
    }
    panic!("messages are left");
}

/// How often each message arrived, and how often the server said so, by its Message-ID.
fn arrivals(sink: &Sink) -> BTreeMap<String, (usize, usize)> {
    let mut arrivals = BTreeMap::new();
    for delivery in sink.take() {
        let text = String::from_utf8(delivery.data).expect("what leaves is ASCII");
        let id = text.lines().find_map(|line| line.strip_prefix("Message-ID: <"));
        let id = id.and_then(|id| id.split('@').next()).expect("a Message-ID");
        let (all, told): &mut (usize, usize) = arrivals.entry(id.to_owned()).or_default();
        *all += 1;
        *told += usize::from(delivery.told);
    }
    arrivals
}

/// Each message that a change announced arrived; twice only where the server broke off after it was kept, or was killed
/// before it could write down that it was. Returns how many, and how many of each kind came again.
async fn check_mail(test: &TestApp, sink: &Sink, kills: usize) -> (usize, usize, usize) {
    let rows = outbox::Entity::find()
        .all(test.app.db.read())
        .await
        .expect("the outbox");
    let arrived = arrivals(sink);
    let ids: BTreeMap<_, _> = rows.iter().map(|row| (row.id.to_string(), row)).collect();
    assert!(ids.keys().eq(arrived.keys()), "every message arrived, and nothing else");
    for (notice, states) in [
        ("enrolment_confirmed", "confirmed"),
        ("enrolment_waitlisted", "waitlisted"),
        ("enrolment_ended", "withdrawn"),
    ] {
        let steps = history::Entity::find().filter(history::Column::ToState.eq(states));
        let steps = steps.count(test.app.db.read()).await.expect("a count");
        let written = rows.iter().filter(|row| row.notice == notice).count();
        assert_eq!(u64::try_from(written).ok(), Some(steps), "{notice}: one for each step");
    }
    let untold: usize = arrived.values().map(|(all, told)| all - told).sum();
    let twice: usize = arrived.values().map(|(_, told)| told.saturating_sub(1)).sum();
    assert!(arrived.values().all(|(_, told)| (1..=2).contains(told)), "{arrived:?}");
    assert!(twice <= kills * 20, "a killed server holds one batch");
    (rows.len(), untold, twice)
}

/// Seats and people are as the rules want them.
async fn check_seats(test: &TestApp, tally: &Tally) {
    let db = test.app.db.read();
    let all = enrolment::Entity::find().all(db).await.expect("the enrolments");
    assert_eq!(all.len(), tally.applications, "each applied once");
    let count = |state: &str| all.iter().filter(|row| row.state.word() == state).count();
    let edition = edition::Entity::find()
        .one(db)
        .await
        .expect("a query")
        .expect("an edition");
    let (sitting, waiting) = (count("confirmed"), count("waitlisted"));
    assert_eq!(i64::try_from(sitting).ok(), Some(edition.seats_taken));
    assert!(edition.seats_taken == SEATS || waiting == 0 && edition.seats_taken < SEATS);
    let institutions = institution::Entity::find().count(db).await.expect("a count");
    assert_eq!(
        u64::try_from(tally.institutions).ok(),
        Some(institutions),
        "each was made once"
    );
    test.fine().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_and_every_mail_arrives() {
    let kills = told("RUMBO_TEST_KILLS").map_or(KILLS, |kills| kills.parse().expect("a number"));
    let test = TestApp::new().await;
    // The program has the time of the machine.
    test.pass(Clock::System.now() - test.now());
    let administrator = test.administrator().await;
    let edition = edition_of_today(&test.coordinator().await).await;
    let sink = Sink::breaking(BROKEN).await;
    let settings = [
        ("RUMBO__MAIL__TRANSPORT", "smtp".to_owned()),
        ("RUMBO__MAIL__SMTP_URL", sink.url()),
        ("RUMBO__MAIL__LEASE_SECONDS", LEASE_SECONDS.to_string()),
    ];
    let url = test.database_url();
    let mut server = Server::start(&url, &settings).await;
    let mut tally = Tally::default();
    for round in 0..kills {
        // Access tokens live for minutes.
        test.pass(Clock::System.now() - test.now());
        let mut applicants = Vec::new();
        for number in 0..30 + 10 * (round % 7) {
            let name = format!("P{round}x{number}").leak();
            applicants.push(test.person(name).await.token().expect("a token").to_owned());
        }
        let run = Run {
            administrator: administrator.again().await.token().expect("a token").to_owned(),
            applicants,
            edition: edition.clone(),
            address: server.address,
            round,
            next: AtomicUsize::new(0),
            answered: AtomicUsize::new(0),
            asked: Mutex::default(),
        };
        let asked = ask_until_gone(&mut server, run).await;
        server = Server::start(&url, &settings).await;
        tally.ask_again(server.address, &asked).await;
    }
    server.kill();
    assert_eq!(
        tally.absent + tally.untold,
        kills * CLIENTS,
        "each was in the middle of something"
    );
    send_the_rest(&test, &sink).await;
    check_seats(&test, &tally).await;
    let (mails, untold, twice) = check_mail(&test, &sink, kills).await;
    eprintln!(
        "{kills} kills: {tally:?}; {mails} messages, {} sessions broken off, {untold} came again because the server broke \
         off after DATA, {twice} because Rumbo was killed",
        sink.broken()
    );
}
