//! Seats that are given out at once to many who wait, and what the answer says of it.

use rumbo::domain::id::{EnrolmentId, PersonId};
use rumbo::domain::statistics::Change;
use rumbo::store::history::Step;
use rumbo::store::import::{insert_all, reserve_numbers};
use rumbo::store::{enrolment, history, person, snapshot, tally};
use serde_json::json;
use uuid::Uuid;

use crate::support::app::{TestApp, Who};
use crate::support::scene::{Plan, act, apply, edition_input, enrolling, state};

#[tokio::test]
async fn a_new_pool_is_answered_with_the_seats_that_it_gave_out() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let edition = enrolling(&coordinator, Plan::of_seats(3).by_approval()).await;
    let brazilian = Who {
        country: "BR",
        ..Who::named("Caio")
    };
    let (enrolment, _) = apply(&test.somebody(brazilian).await, &edition).await;
    let input = json!({ "enrolmentId": enrolment, "version": 1, "decision": "WAITLIST" });
    let waits = act(&coordinator, "DecideEnrolment", input).await;
    assert_eq!(waits.text("decideEnrolment.enrolment.state"), "WAITLISTED");
    let input = json!({ "editionId": edition, "country": "BR", "seats": 1 });
    let made = act(&coordinator, "CreateSeatPool", input).await;
    assert_eq!(state(&coordinator, &enrolment).await, "CONFIRMED");
    let counts =
        ["seats", "taken", "held", "waiting"].map(|name| made.number(&format!("createSeatPool.seatPool.{name}")));
    assert_eq!(counts, [1, 1, 0, 0]);
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
    let coordinator = test.coordinator().await;
    let edition = enrolling(&coordinator, Plan::of_seats(1)).await;
    apply(&test.person("Ana").await, &edition).await;
    let (waiting, stands) = apply(&test.person("Ben").await, &edition).await;
    assert_eq!(stands, "WAITLISTED");
    lengthen(&test, &waiting, 1100).await;
    let seats = async || {
        let seen = coordinator.run("SeeSeats", json!({ "id": edition })).await;
        ["taken", "waiting"].map(|name| seen.number(&format!("edition.seats.{name}")))
    };
    assert_eq!(seats().await, [1, 1101]);
    let input = json!({ "editionId": edition, "version": 3, "edition": edition_input(Plan::OPEN) });
    let lifted = act(&coordinator, "UpdateEdition", input).await;
    assert_eq!(lifted.number("updateEdition.edition.seatsTaken"), 1102);
    assert_eq!(seats().await, [1102, 0]);
    assert_eq!(test.violations().await, []);
    assert_eq!(test.differences().await, Vec::<String>::new());
}
