//! The kept summaries against a recount of the rows, after histories that nobody thought of.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rumbo::domain::actor::Role;
use rumbo::domain::enrolment::EnrolmentState;
use rumbo::domain::id::EnrolmentId;
use rumbo::domain::person::Gender;
use rumbo::domain::statistics::Change;
use rumbo::store::{enrolment, tally, tally_rebuild};
use serde_json::{Value, json};

use crate::support::app::{Client, TestApp, Who};
use crate::support::scene::{Class, Plan, apply, at, enrolling, version};

/// One thing that happens.
#[derive(Debug, Clone)]
enum Event {
    /// Somebody applies (again).
    Apply(usize),
    /// Somebody leaves.
    Leave(usize),
    /// The coordinator decides about somebody.
    Decide(usize, &'static str),
    /// Time passes.
    Pass(i64),
}

const PEOPLE: usize = 6;

fn event() -> impl Strategy<Value = Event> {
    let decisions = ["REVIEW", "CONFIRM", "WAITLIST", "REJECT", "EXCLUDE", "CANCEL"];
    prop_oneof![
        3 => (0..PEOPLE).prop_map(Event::Apply),
        2 => (0..PEOPLE).prop_map(Event::Leave),
        3 => (0..PEOPLE, proptest::sample::select(decisions.to_vec())).prop_map(|(who, what)| Event::Decide(who, what)),
        1 => (1_i64..5000).prop_map(Event::Pass),
    ]
}

/// How many enrolments there are by some property of theirs.
type Counts = BTreeMap<String, i64>;

/// The rows of both editions, as their coordinator lists them.
async fn rows(coordinator: &Client<'_>, editions: &[String]) -> Vec<Value> {
    let mut all = Vec::new();
    for edition in editions {
        let list = coordinator
            .run("EditionEnrolments", json!({ "editionId": edition, "first": 100 }))
            .await;
        all.extend(list.at("edition.enrolments.nodes").as_array().expect("nodes").clone());
    }
    all
}

fn count(rows: &[Value], key: impl Fn(&Value) -> String) -> Counts {
    let mut counts = Counts::new();
    for row in rows {
        *counts.entry(key(row)).or_default() += 1;
    }
    counts
}

/// What the statistics say of `applications`, by one key of their rows.
async fn figures(
    coordinator: &Client<'_>,
    by: &[&str],
    as_at: Option<DateTime<Utc>>,
    key: impl Fn(&Value) -> String,
) -> Counts {
    let answer = coordinator.run("Statistics", json!({ "by": by, "asAt": as_at })).await;
    let rows = answer.at("statistics.rows").as_array().expect("rows").clone();
    let counts: Counts = rows
        .iter()
        .map(|row| (key(row), row["applications"].as_i64().unwrap_or_default()))
        .collect();
    assert_eq!(
        counts.values().sum::<i64>(),
        answer.number("statistics.total.applications")
    );
    counts
}

fn by_status(row: &Value) -> String {
    row["status"]
        .as_str()
        .or(row["state"].as_str())
        .unwrap_or_default()
        .to_owned()
}

fn by_person(row: &Value) -> String {
    format!("{} {} {}", row["gender"], row["country"], by_status(row))
}

#[allow(clippy::too_many_lines, reason = "one history, from its first event to the recount")]
async fn play(history: Vec<Event>) {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let editions = [
        enrolling(
            &coordinator,
            Plan {
                code: "OPEN",
                ..Plan::of_seats(2)
            },
        )
        .await,
        enrolling(
            &coordinator,
            Plan {
                code: "CHOSEN",
                ..Plan::of_seats(3).by_approval()
            },
        )
        .await,
    ];
    let mut people = Vec::new();
    for (place, name) in ["Ana", "Ben", "Cy", "Dan", "Eva", "Flo"].into_iter().enumerate() {
        let gender = Gender::ALL[place % Gender::ALL.len()];
        let country = ["UY", "BR"][place % 2];
        people.push(
            test.somebody(Who {
                gender,
                country,
                ..Who::named(name)
            })
            .await,
        );
    }
    let mut latest: BTreeMap<(usize, usize), String> = BTreeMap::new();
    let mut past: Vec<(DateTime<Utc>, Counts)> = Vec::new();
    for (turn, event) in history.into_iter().enumerate() {
        let at = turn % editions.len();
        match event {
            Event::Apply(who) => {
                let input = json!({ "input": { "editionId": editions[at] } });
                let answer = people[who].again().await.run("ApplyToEdition", input).await;
                if let Some(id) = answer
                    .at("applyToEdition")
                    .pointer("/enrolment/id")
                    .and_then(Value::as_str)
                {
                    latest.insert((who, at), id.to_owned());
                }
            }
            Event::Leave(who) => {
                if let Some(id) = latest.get(&(who, at)) {
                    let person = people[who].again().await;
                    let input = json!({ "enrolmentId": id, "version": version(&person, id).await });
                    person
                        .run("WithdrawEnrolment", json!({ "input": input }))
                        .await
                        .at("withdrawEnrolment");
                }
            }
            Event::Decide(who, decision) => {
                if let Some(id) = latest.get(&(who, at)) {
                    let coordinator = coordinator.again().await;
                    let seen = version(&coordinator, id).await;
                    let input =
                        json!({ "enrolmentId": id, "version": seen, "decision": decision, "reason": "so decided" });
                    coordinator
                        .run("DecideEnrolment", json!({ "input": input }))
                        .await
                        .at("decideEnrolment");
                }
            }
            Event::Pass(seconds) => test.pass(TimeDelta::seconds(seconds)),
        }
        let coordinator = coordinator.again().await;
        past.push((test.now(), count(&rows(&coordinator, &editions).await, by_status)));
        test.pass(TimeDelta::seconds(1));
    }
    let coordinator = coordinator.again().await;
    let all = rows(&coordinator, &editions).await;
    assert_eq!(
        figures(&coordinator, &["STATUS"], None, by_status).await,
        count(&all, by_status)
    );
    assert_eq!(
        figures(&coordinator, &["GENDER", "COUNTRY", "STATUS"], None, by_person).await,
        count(&all, by_person)
    );
    for (instant, expected) in past {
        assert_eq!(
            figures(&coordinator, &["STATUS"], Some(instant), by_status).await,
            expected,
            "as at {instant}"
        );
    }
    test.fine().await;
    drop(test.mails().await);
}

#[test]
fn summaries_and_past_figures_equal_a_recount_after_any_history() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut runner = TestRunner::new(Config {
        cases: 6,
        max_shrink_iters: 20,
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&proptest::collection::vec(event(), 12..30), |history| {
            runtime.block_on(play(history));
            Ok(())
        })
        .expect("every history adds up");
}

#[tokio::test]
async fn a_filter_of_nothing_is_refused_and_one_of_more_than_a_thousand_values() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let asks = "query ($filter: StatisticsFilter) { statistics(by: [], filter: $filter) { total { enrolments } } }";
    let divided = "query ($by: [Dimension!]) { statistics(by: $by) { rows { enrolments } total { enrolments } } }";
    for none in [json!({}), json!({ "by": null }), json!({ "by": [] })] {
        let total = coordinator.query(divided, none).await;
        assert_eq!(total.number("statistics.total.enrolments"), 0);
    }
    let sdl = rumbo::api::sdl();
    let (_, input) = sdl.split_once("input StatisticsFilter {").expect("the filter");
    let (input, _) = input.split_once("\n}").expect("its end");
    let fields = input
        .lines()
        .filter_map(|line| line.trim().split_once(": ["))
        .map(|(name, _)| name);
    let lists: Vec<&str> = fields.collect();
    assert_eq!(lists.len(), 10, "{lists:?}");
    for name in lists {
        let refused = coordinator.query(asks, json!({ "filter": { name: [] } })).await;
        assert_eq!(refused.refusal(), "REQUIRED", "{name}");
        assert_eq!(
            refused.json["errors"][0]["extensions"]["inputPath"],
            json!(["filter", name])
        );
        for none in [json!({ "filter": { name: null } }), json!({ "filter": {} })] {
            let all = coordinator.query(asks, none).await;
            assert_eq!(all.number("statistics.total.enrolments"), 0);
        }
        let value = match name {
            "editions" => "edn_01h455vb4pex5vsknk084sn02q",
            "courses" => "crs_01h455vb4pex5vsknk084sn02q",
            "institutions" => "ins_01h455vb4pex5vsknk084sn02q",
            "genders" => "FEMALE",
            "countries" => "UY",
            "institutionKinds" => "OTHER",
            "constituentGroups" => "WORKERS",
            "languages" => "ES",
            "statuses" => "ACTIVE",
            "months" => "2022-04",
            other => panic!("a list without a value: {other}"),
        };
        let of = |count: usize| json!({ "filter": { name: vec![value; count] } });
        let most = coordinator.query(asks, of(1000)).await;
        assert_eq!(most.number("statistics.total.enrolments"), 0, "{name}");
        let more = coordinator.query(asks, of(1001)).await;
        assert_eq!(more.refusal(), "TOO_LONG", "{name}");
        let extensions = &more.json["errors"][0]["extensions"];
        assert_eq!(extensions["inputPath"], json!(["filter", name]));
        assert_eq!(extensions["detail"], "1000", "{name}");
    }
}

#[tokio::test]
async fn a_question_without_a_figure_is_answered() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    for document in [
        "{ statistics { asAt } }",
        "{ statistics { rows { edition { code } } } }",
    ] {
        let answer = coordinator.query(document, json!({})).await;
        assert!(answer.at("statistics").is_object(), "{document}");
    }
}

#[tokio::test]
async fn counts_of_one_transaction_build_on_each_other() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let edition = enrolling(&coordinator, Plan::OPEN).await;
    let mut ids = Vec::new();
    for name in ["Ana", "Eva"] {
        let (id, _) = apply(&test.person(name).await, &edition).await;
        ids.push(id.parse::<EnrolmentId>().expect("an id"));
    }
    let tx = test.app.db.write().await.expect("a transaction");
    let rows = enrolment::by_ids(&tx, &ids).await.expect("the enrolments");
    let left = EnrolmentState::Withdrawn;
    enrolment::set_state(&tx, &ids, left).await.expect("both leave");
    // What the first has written still waits when the second asks for the set that both leave.
    for row in &rows {
        let after = enrolment::Model {
            state: left,
            ..row.clone()
        };
        let change = Change {
            at: test.now(),
            before: Some(enrolment::fact(row)),
            after: Some(enrolment::fact(&after)),
        };
        tally::record(&tx, &test.app.clock, &[change]).await.expect("counted");
    }
    let differences = tally_rebuild::differences(&tx).await.expect("a recount");
    assert_eq!(differences, Vec::<String>::new());
    tx.rollback().await.expect("an end");
    drop(test.mails().await);
}

#[tokio::test]
async fn a_tutor_who_coordinates_elsewhere_counts_both() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben", "Cy"]).await;
    let elsewhere = enrolling(&class.coordinator, Plan::OTHER).await;
    apply(&test.person("Zoe").await, &elsewhere).await;
    let tutor = &class.tutor;
    let enrolments = async |filter: Value| {
        let document = "query ($filter: StatisticsFilter) {
            statistics(by: [], filter: $filter) { total { enrolments } } }";
        tutor.query(document, json!({ "filter": filter })).await
    };
    let here = json!({ "editions": [class.edition] });
    assert_eq!(enrolments(here.clone()).await.number("statistics.total.enrolments"), 3);
    test.role_of(tutor, Role::Coordinator, at(&elsewhere)).await;
    assert_eq!(enrolments(here.clone()).await.number("statistics.total.enrolments"), 3);
    let there = json!({ "editions": [elsewhere] });
    assert_eq!(enrolments(there).await.number("statistics.total.enrolments"), 1);
    assert_eq!(enrolments(json!({})).await.number("statistics.total.enrolments"), 4);
    // Of the edition in which they are tutor there are totals alone.
    let genders = "query ($filter: StatisticsFilter) {
        statistics(by: [GENDER], filter: $filter) { total { enrolments } } }";
    let refused = tutor.query(genders, json!({ "filter": here })).await;
    assert_eq!(refused.refusal(), "NOT_FOUND");
    let own = tutor.query(genders, json!({ "filter": null })).await;
    assert_eq!(own.number("statistics.total.enrolments"), 1);
    drop(test.mails().await);
}

#[tokio::test]
async fn a_dimension_named_twice_is_refused_where_it_stands_again() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let asks =
        "query ($by: [Dimension!]!) { statistics(by: $by) { rows { enrolments } total { meetings meetingHours } } }";
    for (by, at) in [
        (json!(["GENDER", "GENDER"]), "1"),
        (json!(["GENDER", "COUNTRY", "MONTH", "COUNTRY", "GENDER"]), "3"),
    ] {
        let refused = coordinator.query(asks, json!({ "by": by })).await;
        assert_eq!(refused.refusal(), "REPEATED", "{by}");
        assert_eq!(refused.json["errors"][0]["extensions"]["inputPath"], json!(["by", at]));
    }
    // Meetings by something that is not of the edition are no refusal.
    let by = json!({ "by": ["GENDER", "COUNTRY"] });
    assert!(coordinator.query(asks, by).await.json.get("errors").is_none());
}
