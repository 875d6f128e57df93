//! Many editions, many who wait, and what they cost.

use rumbo::domain::id::{EnrolmentId, PersonId};
use rumbo::domain::statistics::Change;
use rumbo::store::history::Step;
use rumbo::store::person::reserve_numbers;
use rumbo::store::row::insert_all;
use rumbo::store::{Engine, enrolment, history, person, snapshot, tally};
use serde_json::json;
use uuid::Uuid;

use super::{QUEUE, Scene};
use crate::support::app::{TestApp, Who};
use crate::support::scene::{Plan, apply, edition_input};

#[tokio::test]
async fn the_seats_of_many_editions_are_read_in_few_statements() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    for number in 0..6 {
        let plan = Plan {
            code: format!("SEATS-{number}").leak(),
            ..Plan::of_seats(4)
        };
        let scene = Scene::with(&test, coordinator.clone(), plan).await;
        scene.keep(json!({ "country": "BR" }), 1).await;
    }
    coordinator.warm_up().await;
    let before = test.app.db.statements();
    let document = "{ editions(first: 6) { nodes { seats { waiting pools { seats waiting } } } } }";
    let seen = coordinator.query(document, json!({})).await;
    assert_eq!(seen.at("editions.nodes").as_array().map(Vec::len), Some(6));
    let sent = test.app.db.statements() - before;
    assert!(sent <= 5, "{sent} statements");
}

#[tokio::test]
async fn an_application_costs_the_pools_only_where_there_are_any() {
    let test = TestApp::new().await;
    let scene = Scene::of(&test, 9).await;
    scene.enter(Who::named("Ana"), "CONFIRMED").await;
    let cost = async |name| {
        let client = test.person(name).await;
        client.warm_up().await;
        let before = test.app.db.statements();
        assert_eq!(apply(&client, &scene.edition).await.1, "CONFIRMED");
        test.app.db.statements() - before
    };
    let plain = cost("Bea").await;
    let most = match test.app.db.engine() {
        Engine::Postgres => 4,
        Engine::Sqlite => 13,
    };
    assert!(plain <= most, "{plain} statements");
    scene.keep(json!({ "country": "UY" }), 2).await;
    // The pools, and the count of the one.
    let kept = cost("Cy").await;
    assert!(kept <= plain + 3, "{kept} statements after {plain}");
    drop(test.mails().await);
}

#[tokio::test]
async fn more_people_are_looked_up_than_a_statement_has_variables() {
    let test = TestApp::new().await;
    let ana = test.person("Ana").await.person.expect("a person");
    let mut people: Vec<PersonId> = (1..70_000).map(|number| PersonId(Uuid::from_u128(number))).collect();
    people.push(ana);
    let found = snapshot::candidates(test.app.db.read(), &people)
        .await
        .expect("candidates");
    assert_eq!(found.keys().collect::<Vec<_>>(), [&ana]);
}

/// Puts so many more into the line behind somebody who waits, each like them.
async fn lengthen(test: &TestApp, waiting: &str, count: usize) {
    let id: EnrolmentId = waiting.parse().expect("an enrolment");
    let tx = test.app.db.write().await.expect("a transaction");
    let row = enrolment::by_ids(&tx, &[id]).await.expect("a query").remove(0);
    let somebody = person::find(&tx, row.person_id)
        .await
        .expect("a query")
        .expect("a person");
    let mut number = reserve_numbers(&tx, count).await.expect("numbers");
    let (mut people, mut rows) = (Vec::new(), Vec::new());
    for place in 0..count {
        people.push(person::Model {
            id: PersonId(test.app.clock.new_id()),
            number,
            email: format!("p{place}@example.org"),
            ..somebody.clone()
        });
        rows.push(enrolment::Model {
            id: EnrolmentId(test.app.clock.new_id()),
            person_id: people[place].id,
            person_number: number,
            ..row.clone()
        });
        number += 1;
    }
    let step = |row: &enrolment::Model| Step {
        subject: row.id.into(),
        from: None,
        to: row.state.word(),
        at: row.applied_at,
        actor: None,
        reason: None,
    };
    let change = |row: &enrolment::Model| Change {
        at: row.applied_at,
        before: None,
        after: Some(enrolment::fact(row)),
    };
    let (steps, changes): (Vec<_>, Vec<_>) = rows.iter().map(|row| (step(row), change(row))).unzip();
    insert_all(&tx, people).await.expect("people");
    insert_all(&tx, rows).await.expect("enrolments");
    history::record(&tx, &test.app.clock, &steps).await.expect("a history");
    tally::record(&tx, &test.app.clock, &changes).await.expect("counted");
    tx.commit().await.expect("a commit");
}

#[tokio::test]
async fn a_lifted_limit_admits_a_line_of_more_than_a_round() {
    let test = TestApp::new().await;
    let scene = Scene::of(&test, 1).await;
    let people = scene.line(&QUEUE[..2]).await;
    lengthen(&test, &people[1].enrolment, 1100).await;
    let (full, _) = scene.figures().await;
    assert_eq!((&full[1], &full[3]), (&json!(1), &json!(1101)), "taken, and waiting");
    let lifted = scene.replan(edition_input(Plan::OPEN)).await;
    assert_eq!(lifted.number("updateEdition.edition.seatsTaken"), 1102);
    let (open, _) = scene.figures().await;
    assert_eq!((&open[1], &open[3]), (&json!(1102), &json!(0)));
    scene.fine().await;
}
