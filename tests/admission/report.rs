//! How the applications stand, by pool: the same as counting the rows.

use std::collections::BTreeMap;

use rumbo::domain::id::InstitutionId;
use serde_json::{Value, json};

use super::{decided, from, keep};
use crate::support::app::{Client, TestApp, Who};
use crate::support::draw::Draw;
use crate::support::rows::texts;
use crate::support::scene::{Plan, act, apply, enrolling, keep_seats, version};

/// Applications, pending, approved, refused, waiting, ended.
fn counts(figures: &Value) -> Vec<i64> {
    ["applications", "pending", "approved", "refused", "waiting", "ended"]
        .iter()
        .map(|name| figures[name].as_i64().expect("a number"))
        .collect()
}

/// The total, and the figures by the identifier of the pool, empty for who belongs to none.
async fn report(reader: &Client<'_>, edition: &str) -> (Vec<i64>, BTreeMap<String, Vec<i64>>) {
    let seen = reader.run("AdmissionReport", json!({ "id": edition })).await;
    let rows = seen
        .at("edition.seats.admission.pools")
        .as_array()
        .expect("a list")
        .clone();
    let row = |row: &Value| {
        let pool = row["pool"]["id"].as_str().unwrap_or_default().to_owned();
        (pool, counts(&row["figures"]))
    };
    let pools: BTreeMap<_, _> = rows.iter().map(row).collect();
    assert_eq!(pools.len(), rows.len(), "each pool stands once");
    (counts(seen.at("edition.seats.admission.total")), pools)
}

/// The same from the rows themselves: of each enrolment its state, country and institution, by the words of the
/// database.
async fn recount(test: &TestApp, belongs: impl Fn(&str, &str) -> String) -> BTreeMap<String, Vec<i64>> {
    let sql = "SELECT n.state || ',' || n.country || ',' || COALESCE(i.name, '') FROM enrolment n
        LEFT JOIN institution i ON i.id = n.institution_id";
    let mut found: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for row in texts(&test.app.db, sql).await {
        let mut parts = row.split(',');
        let mut next = || parts.next().expect("a part").to_owned();
        let (state, country, institution) = (next(), next(), next());
        let of = found
            .entry(belongs(&country, &institution))
            .or_insert_with(|| vec![0; 6]);
        let place = match state.as_str() {
            "applied" | "under_review" => 1,
            "confirmed" | "active" | "completed" | "not_completed" => 2,
            "rejected" => 3,
            "waitlisted" => 4,
            _ => 5,
        };
        of[0] += 1;
        of[place] += 1;
    }
    found
}

#[tokio::test]
async fn the_report_is_what_a_recount_finds() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let institution = test.institution("INEFOP", "UY").await;
    let edition = enrolling(&carla, super::approving(12)).await;
    let brazil = keep(&carla, &edition, "BR", 3).await;
    let inefop = keep_seats(&carla, &edition, 3, json!({ "institutionId": institution.to_string() })).await;
    // Of a pool to which nobody belongs the report says so.
    let chile = keep(&carla, &edition, "CL", 1).await;
    let belongs = |country: &str, of: &str| match (of, country) {
        // The institution's comes before the country's.
        ("INEFOP", _) => inefop.clone(),
        (_, "BR") => brazil.clone(),
        (_, "CL") => chile.clone(),
        _ => String::new(),
    };
    let mut draw = Draw(7);
    let names: Vec<&'static str> = (0..24).map(|number| &*format!("P{number}").leak()).collect();
    let mut people = Vec::new();
    for name in names {
        let of: Option<InstitutionId> = draw.percent(40).then_some(institution);
        let who = Who {
            country: if draw.percent(50) { "BR" } else { "UY" },
            institution: of,
            ..Who::named(name)
        };
        let person = test.somebody(who).await;
        let enrolment = apply(&person, &edition).await.0;
        people.push((person, enrolment));
    }
    for _ in 0..60 {
        let (person, enrolment) = draw.of(&people);
        let decision = *draw.of(&[
            "REVIEW", "CONFIRM", "WAITLIST", "REJECT", "EXCLUDE", "CANCEL", "UNDO", "LEAVE",
        ]);
        // Whatever is refused changes nothing.
        match decision {
            "UNDO" => drop(super::undo(&carla, enrolment).await),
            "LEAVE" => {
                let input = json!({ "enrolmentId": enrolment, "version": version(person, enrolment).await });
                drop(act(person, "WithdrawEnrolment", input).await);
            }
            decision => drop(super::decide(&carla, enrolment, decision).await),
        }
        let (total, pools) = report(&carla, &edition).await;
        let mut expected = recount(&test, belongs).await;
        for pool in [&inefop, &brazil, &chile, &String::new()] {
            expected.entry(pool.clone()).or_insert_with(|| vec![0; 6]);
        }
        assert_eq!(pools, expected, "after {decision}");
        let sum = |place: usize| pools.values().map(|row| row[place]).sum::<i64>();
        assert_eq!(total, (0..6).map(sum).collect::<Vec<_>>());
        assert_eq!(total[0], 24, "each once");
        assert_eq!(total[1..].iter().sum::<i64>(), 24);
    }
    test.fine().await;
    drop(test.mails().await);
}

#[tokio::test]
async fn it_is_for_coordinators_and_costs_the_same_for_many_editions() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let mut spent = Vec::new();
    for code in ["ONE", "TWO", "THREE"] {
        let edition = enrolling(
            &carla,
            Plan {
                code,
                ..super::approving(3)
            },
        )
        .await;
        keep(&carla, &edition, "BR", 1).await;
        let davi = from(&test, code, "BR").await;
        let enrolment = apply(&davi, &edition).await.0;
        decided(&carla, &enrolment, "CONFIRM").await;
        let document = "{ editions(first: 9) { nodes { seats { admission { total { approved }
            pools { pool { id } figures { applications } } } } } } }";
        carla.warm_up().await;
        let before = test.app.db.statements();
        let seen = carla.query(document, json!({})).await;
        spent.push(test.app.db.statements() - before);
        let rows = seen.at("editions.nodes").as_array().expect("a list");
        let approved: Vec<_> = rows
            .iter()
            .map(|row| row["seats"]["admission"]["total"]["approved"].clone())
            .collect();
        assert_eq!(approved, vec![json!(1); spent.len()]);
        for who in [
            &test.anonymous(),
            &davi,
            &test.person(&*format!("S{code}").leak()).await,
        ] {
            let seen = who.run("AdmissionReport", json!({ "id": edition })).await;
            assert_eq!(seen.at("edition.seats.admission"), &Value::Null);
        }
    }
    assert!(spent.iter().all(|now| *now == spent[0]), "{spent:?}");
    drop(test.mails().await);
}
