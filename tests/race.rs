//! Rounds of a race for seats: many people apply, leave, are offered seats, accept and decline at once, while a
//! coordinator changes what is kept and somebody reads the counts all the while. A few rounds run with every test;
//! `RUMBO_TEST_ROUNDS=1000` asks for more.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rumbo::domain::id::EditionId;
use rumbo::domain::seats::{Ledger, Seat, Use};
use rumbo::store::{Engine, edition, enrolment, history, seat_pool};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::support::app::{Answer, Client, TestApp, Who};
use crate::support::draw::Draw;
use crate::support::scene::{Plan, act, done, edition_input, enrolling, field_of, keep_seats};

/// How many people race in a round.
const CLIENTS: usize = 64;
/// For how many seats.
const SEATS: i64 = 5;
/// How often each of them looks and acts after that.
const TURNS: usize = 6;
/// How long somebody may be seen to wait while a seat is free.
const PATIENCE: Duration = Duration::from_secs(2);

/// One's own enrolment in an edition, as far as the race needs it.
const OWN: &str = "query ($id: ID!) { edition(id: $id) { myEnrolment { id state version offeredUntil } } }";
/// The counts, as a coordinator reads them.
const COUNTS: &str = "query ($id: ID!) { edition(id: $id) {
    seats { capacity taken free held waiting pools { id seats taken held waiting overflow version } } } }";

/// How many rounds are asked for.
fn rounds() -> usize {
    #[allow(
        clippy::disallowed_methods,
        reason = "how long a test runs is no setting of the program"
    )]
    let asked = std::env::var("RUMBO_TEST_ROUNDS").ok();
    asked.map_or(4, |asked| asked.parse().expect("RUMBO_TEST_ROUNDS is a number"))
}

/// What happened in the rounds.
#[derive(Debug, Default)]
struct Figures {
    /// Answers by operation and outcome.
    answers: BTreeMap<String, usize>,
    /// How often the counts were read meanwhile.
    samples: usize,
    /// The most that was seen to be given out at once.
    most: i64,
    /// For how long at most somebody was seen to wait while a seat was free that they may take.
    longest_wait: Duration,
}

impl Figures {
    fn add(&mut self, other: Self) {
        for (key, count) in other.answers {
            *self.answers.entry(key).or_default() += count;
        }
        self.samples += other.samples;
        self.most = self.most.max(other.most);
        self.longest_wait = self.longest_wait.max(other.longest_wait);
    }

    /// Prints them.
    fn tell(&self, rounds: usize, test: &TestApp, time: Duration) {
        eprintln!(
            "race: {rounds} rounds of {CLIENTS} people for {SEATS} seats on {:?} in {:.1} s; counts read {} times, at most {} \
             given out, at most {} ms seen with somebody waiting beside a free seat; {:?}",
            test.app.db.engine(),
            time.as_secs_f32(),
            self.samples,
            self.most,
            self.longest_wait.as_millis(),
            self.answers
        );
    }
}

/// The rules of a round: half of them offer seats, half of them keep two for Brazil.
#[derive(Debug, Clone, Copy)]
struct Rules {
    offers: bool,
    keeps: bool,
}

/// Whether the server had no time for a request. SQLite has one connection that writes, and a machine that cannot keep
/// up lets some wait for it too long; on PostgreSQL everybody has a connection, and nobody is sent away.
fn sent_away(client: &Client<'_>, answer: &Answer) -> bool {
    let overloaded = answer.json["errors"][0]["extensions"]["code"] == "OVERLOADED";
    overloaded && client.engine() == Engine::Sqlite
}

/// Acts, and says what came of it. Only what a race explains may be refused.
async fn attempt(client: &Client<'_>, operation: &str, input: Value) -> String {
    let answer = act(client, operation, input).await;
    if sent_away(client, &answer) {
        return format!("{operation} OVERLOADED");
    }
    let refused = answer.user_errors(&field_of(operation));
    let Some(refusal) = refused.first() else {
        return format!("{operation} done");
    };
    let code = refusal.split(' ').next().unwrap_or_default();
    let explained = [
        "ALREADY_ENROLLED",
        "STALE_VERSION",
        "ILLEGAL_TRANSITION",
        "NO_OFFER",
        "OUT_OF_RANGE",
    ];
    assert!(explained.contains(&code), "{operation}: {refused:?}");
    format!("{operation} {code}")
}

/// Applies twice at once: one of the two is heard at most.
async fn apply(client: &Client<'_>, edition: &str) -> [String; 2] {
    let input = json!({ "editionId": edition });
    let (one, two) = tokio::join!(
        attempt(client, "ApplyToEdition", input.clone()),
        attempt(client, "ApplyToEdition", input)
    );
    assert!(one != two || one != "ApplyToEdition done", "applied twice");
    [one, two]
}

/// What one person does in a round: all apply at once; then, all at once and turn by turn, they leave, answer and apply
/// again.
async fn race(client: Client<'_>, edition: String, seed: u64, everybody: Arc<Barrier>) -> Vec<String> {
    let mut draw = Draw(seed);
    let mut done: Vec<String> = apply(&client, &edition).await.into();
    for _ in 0..TURNS {
        // Whose turn came while others acted finds out before nobody looks any more.
        everybody.wait().await;
        let found = client.query(OWN, json!({ "id": edition })).await;
        if sent_away(&client, &found) {
            continue;
        }
        let own = found.at("edition.myEnrolment").clone();
        let answer = json!({ "enrolmentId": own["id"], "version": own["version"] });
        let operation = match (own["state"].as_str(), own["offeredUntil"].is_null()) {
            (Some("CONFIRMED"), _) if draw.percent(80) => "WithdrawEnrolment",
            (Some("WAITLISTED"), false) if draw.percent(65) => "AcceptOffer",
            (Some("WAITLISTED"), false) => "DeclineOffer",
            (Some("WAITLISTED"), true) if draw.percent(4) => "WithdrawEnrolment",
            (Some("CONFIRMED" | "WAITLISTED"), _) => continue,
            _ => {
                done.extend(apply(&client, &edition).await);
                continue;
            }
        };
        done.push(attempt(&client, operation, answer).await);
    }
    done
}

/// What the coordinator does meanwhile: more is kept, then less, and for longer.
async fn coordinate(coordinator: Client<'_>, edition: String, keeps: bool) -> Vec<String> {
    let mut done = Vec::new();
    for seats in [1, 3, 2] {
        if !keeps {
            break;
        }
        let seen = coordinator.query(COUNTS, json!({ "id": edition })).await;
        if sent_away(&coordinator, &seen) {
            continue;
        }
        let pool = seen.at("edition.seats.pools.0").clone();
        let input = json!({
            "seatPoolId": pool["id"], "version": pool["version"], "seats": seats, "overflow": seats == 3,
        });
        done.push(attempt(&coordinator, "ChangeSeatPool", input).await);
    }
    done
}

/// Whether somebody waits while a seat is free that they may take.
fn is_idle(seats: &Value) -> bool {
    let number = |of: &Value, name: &str| of[name].as_i64().expect("a count");
    let pools = seats["pools"].as_array().expect("pools");
    let own: i64 = pools.iter().map(|pool| number(pool, "waiting")).sum();
    let overflows = |pool: &Value| pool["overflow"] == true && number(pool, "waiting") > 0;
    let general = number(seats, "waiting") > own || pools.iter().any(overflows);
    let keeps = |pool: &Value| number(pool, "seats") > number(pool, "taken") + number(pool, "held");
    (number(seats, "free") > 0 && general) || pools.iter().any(|pool| keeps(pool) && number(pool, "waiting") > 0)
}

/// Reads the counts until it is over.
async fn sample(coordinator: Client<'_>, edition: String, over: Arc<AtomicBool>) -> Figures {
    let mut figures = Figures::default();
    let mut since: Option<Instant> = None;
    while !over.load(Ordering::Acquire) {
        let seen = coordinator.query(COUNTS, json!({ "id": edition })).await;
        if sent_away(&coordinator, &seen) {
            continue;
        }
        let seats = seen.at("edition.seats");
        let number = |name: &str| seats[name].as_i64().expect("a count");
        let given = number("taken") + number("held");
        assert!((0..=SEATS).contains(&given), "{seats}");
        assert!(given + number("free") <= SEATS, "{seats}");
        for pool in seats["pools"].as_array().expect("pools") {
            let of = |name: &str| pool[name].as_i64().expect("a count");
            assert!(of("taken") + of("held") <= of("seats"), "{seats}");
        }
        figures.samples += 1;
        figures.most = figures.most.max(given);
        since = if is_idle(seats) {
            since.or_else(|| Some(Instant::now()))
        } else {
            None
        };
        figures.longest_wait = figures
            .longest_wait
            .max(since.map_or(Duration::ZERO, |since| since.elapsed()));
    }
    figures
}

/// An edition for one round.
async fn stage(coordinator: &Client<'_>, number: usize, rules: Rules) -> String {
    let plan = Plan {
        code: format!("RACE-{number}").leak(),
        ..Plan::of_seats(SEATS)
    };
    let edition = enrolling(coordinator, plan).await;
    if rules.offers {
        let mut input = edition_input(plan);
        input["offerHours"] = json!(1);
        let input = json!({ "editionId": edition, "version": 3, "edition": input });
        done(coordinator, "UpdateEdition", input).await;
    }
    if rules.keeps {
        keep_seats(coordinator, &edition, 2, json!({ "country": "BR" })).await;
    }
    edition
}

/// What holds at the end of a round, by a recount of the rows.
async fn check(test: &TestApp, edition: &str) {
    let id: EditionId = edition.parse().expect("an edition");
    let db = test.app.db.read();
    let row = edition::find(db, id).await.expect("a query").expect("an edition");
    let pools = seat_pool::Entity::find().filter(seat_pool::Column::EditionId.eq(id));
    let pools = pools.all(db).await.expect("the pools");
    let kept = pools.iter().map(|pool| pool.pool().expect("a pool")).collect();
    let ledger = Ledger::new(row.seats(), kept);
    let rows = enrolment::Entity::find().filter(enrolment::Column::EditionId.eq(id));
    let rows = rows.all(db).await.expect("the enrolments");
    let count = |of: Use, pool: Option<Seat>| {
        let seats = rows.iter().filter_map(enrolment::Model::seat);
        let counts = seats.filter(|(seat, used)| *used == of && pool.is_none_or(|pool| pool == *seat));
        i64::try_from(counts.count()).expect("a count")
    };
    assert!(row.seats_taken + row.seats_held + row.seats_kept <= SEATS, "{row:?}");
    assert_eq!(
        (row.seats_taken, row.seats_held),
        (count(Use::Taken, None), count(Use::Held, None))
    );
    for pool in &pools {
        let seat = Some(Seat::Of(pool.id));
        assert_eq!(
            (pool.taken, pool.held),
            (count(Use::Taken, seat), count(Use::Held, seat))
        );
    }
    let mut live = BTreeMap::new();
    for row in rows.iter().filter(|row| row.state.is_live()) {
        *live.entry(row.person_id).or_insert(0) += 1;
        let waits = row.state.waits() && row.offered_until.is_none();
        assert!(
            !waits || ledger.seat_for(row.origin()).is_none(),
            "waits while a seat is free: {row:?}"
        );
    }
    assert!(
        live.values().all(|count| *count == 1),
        "two live enrolments of one person"
    );
}

/// How often each step of enrolments was taken.
async fn entered(test: &TestApp) -> BTreeMap<String, usize> {
    let steps = history::Entity::find().filter(history::Column::SubjectKind.eq("enrolment"));
    let steps = steps.all(test.app.db.read()).await.expect("the steps");
    let mut entered = BTreeMap::new();
    for step in steps {
        let from = step.from_state.unwrap_or_default();
        *entered.entry(format!("{from}>{}", step.to_state)).or_insert(0) += 1;
    }
    entered
}

async fn round(test: &Arc<TestApp>, people: &[String], coordinator: &Client<'_>, number: usize) -> Figures {
    let rules = Rules {
        offers: number % 2 == 1,
        keeps: number % 4 >= 2,
    };
    let edition = stage(coordinator, number, rules).await;
    let over = Arc::new(AtomicBool::new(false));
    let bearer = |token: Option<&str>| {
        let token = token.map(str::to_owned);
        (test.clone(), token, edition.clone())
    };
    let (copy, token, of) = bearer(coordinator.token());
    let told = over.clone();
    let sampler = tokio::spawn(async move { sample(copy.bearer(token), of, told).await });
    let (copy, token, of) = bearer(coordinator.token());
    // Whoever fails first is heard first: the others may be waiting for them.
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { coordinate(copy.bearer(token), of, rules.keeps).await });
    let everybody = Arc::new(Barrier::new(people.len()));
    for (place, token) in people.iter().enumerate() {
        let (copy, token, of) = bearer(Some(token));
        let seed = (number * CLIENTS + place) as u64;
        let everybody = everybody.clone();
        tasks.spawn(async move { race(copy.bearer(token), of, seed, everybody).await });
    }
    let mut answers = BTreeMap::new();
    while let Some(task) = tasks.join_next().await {
        for answer in task.expect("a task that ends") {
            *answers.entry(answer).or_insert(0) += 1;
        }
    }
    over.store(true, Ordering::Release);
    let mut figures = sampler.await.expect("the sampler ends");
    figures.answers = answers;
    check(test, &edition).await;
    figures
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_people_race_for_five_seats() {
    // A connection for everybody, and time on a machine that does much else: what is raced for is the seats.
    let test = TestApp::having(|settings| {
        settings.database.connections = 140;
        settings.database.statement_seconds = 0;
        settings.load.operation_seconds = 600;
        settings.limits.request_seconds = 610;
    })
    .await;
    let test = Arc::new(test);
    let coordinator = test.coordinator().await;
    let mut people = Vec::new();
    for number in 0..CLIENTS {
        let who = Who {
            country: ["UY", "BR", "AR"][number % 3],
            ..Who::named(format!("R{number:02}").leak())
        };
        people.push(test.somebody(who).await.token().expect("a token").to_owned());
    }
    let (begun, rounds) = (Instant::now(), rounds());
    let mut figures = Figures::default();
    let mut told = BTreeMap::new();
    for number in 0..rounds {
        figures.add(round(&test, &people, &coordinator, number).await);
        // What was told goes, so that a long run keeps no more than it needs.
        for mail in test.mails().await {
            *told.entry(mail.notice).or_insert(0) += 1;
        }
        if (number + 1) % 100 == 0 || number + 1 == rounds {
            figures.tell(number + 1, &test, begun.elapsed());
        }
    }
    let entered = entered(&test).await;
    eprintln!("race: steps {entered:?}; messages {told:?}");
    assert!(figures.samples >= rounds && figures.most == SEATS, "{figures:?}");
    assert!(figures.longest_wait < PATIENCE, "{figures:?}");
    let done = |operation: &str| figures.answers.get(&format!("{operation} done")).copied().unwrap_or(0);
    for operations in [
        &["ApplyToEdition"][..],
        &["WithdrawEnrolment"],
        &["AcceptOffer", "DeclineOffer"],
        &["ChangeSeatPool"],
    ] {
        let times: usize = operations.iter().map(|operation| done(operation)).sum();
        assert!(times > 0, "{operations:?} never: {:?}", figures.answers);
    }
    // Every promotion was told once.
    let promoted = entered.get("waitlisted>confirmed").copied().unwrap_or(0);
    let at_once = entered.get("applied>confirmed").copied().unwrap_or(0);
    assert!(promoted > 0 && at_once > 0, "{entered:?}");
    assert_eq!(
        told.get("enrolment_confirmed"),
        Some(&(promoted + at_once)),
        "{entered:?}"
    );
    test.fine().await;
}
