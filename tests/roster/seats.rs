//! Seats of a file's rows: from the pools that there are, never more than there are, and as people who apply have them.

use std::fmt::Write;

use chrono::TimeDelta;
use rumbo::domain::list::Mode;
use rumbo::domain::roster::Outcome;
use rumbo::service::roster::Order;
use rumbo::store::enrolment;
use sea_orm::EntityTrait;
use serde_json::json;

use super::{counts, order, report, told};
use crate::support::app::{Client, TestApp, Who};
use crate::support::scene::{Plan, apply, done, enrolling, keep_seats, state};

/// Taken, waiting and free for anybody; taken and waiting of the pool.
async fn figures(coordinator: &Client<'_>, edition: &str) -> ([i64; 3], [i64; 2]) {
    let seen = coordinator.run("SeeSeats", json!({ "id": edition })).await;
    let whole = ["taken", "waiting", "free"].map(|name| seen.number(&format!("edition.seats.{name}")));
    let pool = ["taken", "waiting"].map(|name| seen.number(&format!("edition.seats.pools.0.{name}")));
    (whole, pool)
}

/// A file of people of these countries.
fn file(name: &str, countries: &[&str]) -> String {
    let mut file = String::from("email,firstname,lastname,country\n");
    for (number, country) in countries.iter().enumerate() {
        writeln!(file, "{name}{number}@example.org,Ana,Paz,{country}").expect("memory");
    }
    file
}

fn states(rows: &[&str]) -> Vec<String> {
    let row = |(place, state): (usize, &&str)| format!("{} created {state}", place + 2);
    rows.iter().enumerate().map(row).collect()
}

#[tokio::test]
async fn each_row_has_a_seat_that_is_kept_for_it_or_free_for_all() {
    for mode in [Mode::RowByRow, Mode::AllOrNothing] {
        let test = TestApp::new().await;
        let carla = test.coordinator().await;
        let edition = enrolling(&carla, Plan::of_seats(4)).await;
        keep_seats(&carla, &edition, 2, json!({ "country": "BR" })).await;
        let order = Order { mode, ..order() };
        let file = file("p", &["UY", "UY", "UY", "BR", "AR", "BR", "BR"]);
        let expected = states(&[
            "confirmed",
            "confirmed",
            "waitlisted",
            "confirmed",
            "waitlisted",
            "confirmed",
            "waitlisted",
        ]);
        let tried = Order {
            dry_run: true,
            ..order.clone()
        };
        assert_eq!(told(&report(&test, &carla, &file, &tried).await), expected);
        assert_eq!(figures(&carla, &edition).await, ([0, 0, 2], [0, 0]));
        assert_eq!(told(&report(&test, &carla, &file, &order).await), expected);
        assert_eq!(figures(&carla, &edition).await, ([4, 3, 0], [2, 1]));
        test.fine().await;
        drop(test.mails().await);

        // Who leaves a seat of the pool leaves it to the one who waits for it, not to the first in line.
        let list = carla
            .query(
                "query ($id: ID!) { edition(id: $id) { enrolments(first: 9) { nodes { id version country state } } } }",
                json!({ "id": edition }),
            )
            .await;
        let nodes = list.at("edition.enrolments.nodes").as_array().expect("a list").clone();
        let of = |country: &str, state: &str| {
            let found = nodes
                .iter()
                .find(|node| node["country"] == country && node["state"] == state);
            found.expect("an enrolment")["id"].as_str().expect("an id").to_owned()
        };
        let next = of("BR", "WAITLISTED");
        let input = json!({ "enrolmentId": of("BR", "CONFIRMED"), "version": 1, "reason": "asked for" });
        done(&carla, "WithdrawEnrolment", input).await;
        assert_eq!(state(&carla, &next).await, "CONFIRMED");
        test.fine().await;
        drop(test.mails().await);
    }
}

#[tokio::test]
async fn people_of_a_pool_overflow_where_it_says_so_and_nobody_passes_who_waits() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::of_seats(3)).await;
    keep_seats(&carla, &edition, 1, json!({ "country": "BR", "overflow": true })).await;
    let done = report(&test, &carla, &file("p", &["BR", "BR", "UY", "UY", "BR"]), &order()).await;
    let expected = ["confirmed", "confirmed", "confirmed", "waitlisted", "waitlisted"];
    assert_eq!(told(&done), states(&expected));
    assert_eq!(figures(&carla, &edition).await, ([3, 2, 0], [1, 1]));
    test.fine().await;
    drop(test.mails().await);
}

#[tokio::test]
async fn nobody_waits_beside_a_free_seat_because_a_coordinator_lets_somebody_wait() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let plan = Plan::of_seats(4).by_approval();
    let edition = enrolling(&carla, plan).await;
    keep_seats(&carla, &edition, 2, json!({ "country": "BR" })).await;
    let applied = apply(&test.person("Ana").await, &edition).await.0;
    let input = json!({ "enrolmentId": applied, "version": 1, "decision": "WAITLIST" });
    done(&carla, "DecideEnrolment", input).await;
    // Two general seats are free. She goes on waiting beside them, as whom a coordinator lets wait does.
    let bea = test.person("Bea").await;
    assert_eq!(apply(&bea, &edition).await.1, "APPLIED");
    let rows = file("p", &["UY", "BR", "UY"]).replacen('\n', "\nbea@example.org,,,\n", 1);
    for dry_run in [true, false] {
        let order = Order { dry_run, ..order() };
        assert_eq!(
            told(&report(&test, &carla, &rows, &order).await),
            [
                "2 updated confirmed",
                "3 created confirmed",
                "4 created confirmed",
                "5 created waitlisted"
            ]
        );
    }
    assert_eq!(figures(&carla, &edition).await, ([3, 2, 0], [1, 0]));
    drop(test.mails().await);
}

#[tokio::test]
async fn an_application_has_the_seat_of_its_own_pool() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let plan = Plan::of_seats(2).by_approval();
    let edition = enrolling(&carla, plan).await;
    keep_seats(&carla, &edition, 1, json!({ "country": "BR", "overflow": true })).await;
    let davi = Who {
        country: "BR",
        ..Who::named("Davi")
    };
    let davi = test.somebody(davi).await;
    assert_eq!(apply(&davi, &edition).await.1, "APPLIED");
    // He comes first in the file, so the seat of the pool is his, and who comes next has the other one.
    let rows = file("p", &["BR", "UY"]).replacen('\n', "\ndavi@example.org,,,\n", 1);
    let done = report(&test, &carla, &rows, &order()).await;
    assert_eq!(
        told(&done),
        ["2 updated confirmed", "3 created confirmed", "4 created waitlisted"]
    );
    assert_eq!(figures(&carla, &edition).await, ([2, 1, 0], [1, 0]));
    test.fine().await;
    drop(test.mails().await);
}

#[tokio::test]
async fn a_released_pool_keeps_nothing_from_a_file() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::of_seats(2)).await;
    let release = test.now() + TimeDelta::days(2);
    keep_seats(&carla, &edition, 1, json!({ "country": "BR", "releasesAt": release })).await;
    let first = report(&test, &carla, &file("p", &["UY", "UY"]), &order()).await;
    assert_eq!(told(&first), states(&["confirmed", "waitlisted"]));
    test.pass(TimeDelta::days(2));
    drop(test.mails().await);
    let carla = carla.again().await;
    assert_eq!(figures(&carla, &edition).await, ([2, 0, 0], [0, 0]));
    let late = report(&test, &carla, &file("q", &["BR"]), &order()).await;
    assert_eq!(told(&late), states(&["waitlisted"]));
    test.fine().await;
    drop(test.mails().await);
}

#[tokio::test]
async fn a_dry_run_tells_of_nobody_unseen_which_seats_are_theirs() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let own = enrolling(&carla, Plan::of_seats(1)).await;
    let other = enrolling(&carla, Plan::OTHER).await;
    keep_seats(&carla, &own, 1, json!({ "country": "BR" })).await;
    let dora = test.coordinator_of("Dora", &own).await;
    // By what she declared she would wait; by the row she would not.
    apply(&test.person("Unseen").await, &other).await;
    drop(test.mails().await);
    for mode in [Mode::RowByRow, Mode::AllOrNothing] {
        let tried = Order {
            dry_run: true,
            mode,
            ..order()
        };
        for country in ["BR", "UY"] {
            let rows = |name: &str| file(name, &[country]).replace('0', "");
            let seen = report(&test, &dora, &rows("unseen"), &tried).await;
            let absent = report(&test, &dora, &rows("absent"), &tried).await;
            assert_eq!(seen, absent, "{country}");
        }
    }
    let done = report(&test, &dora, &file("unseen", &["BR"]).replace('0', ""), &order()).await;
    assert_eq!(told(&done), states(&["waitlisted"]), "what counts is what she declared");
    test.fine().await;
    drop(test.mails().await);
}

#[tokio::test]
async fn files_and_people_who_come_at_once_take_no_seat_twice() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::of_seats(300)).await;
    keep_seats(&carla, &edition, 40, json!({ "country": "BR" })).await;
    let countries: Vec<&str> = (0..240).map(|place| if place % 4 == 0 { "BR" } else { "UY" }).collect();
    let (one, two) = (file("one", &countries), file("two", &countries));
    let all = Order {
        mode: Mode::AllOrNothing,
        ..order()
    };
    let row_by_row = order();
    let mut people = Vec::new();
    for name in ["Ana", "Bea", "Cy", "Dan", "Eva"] {
        people.push(test.person(name).await);
    }
    let applying = async {
        for person in &people {
            apply(person, &edition).await;
        }
    };
    let (first, second, ()) = tokio::join!(
        Box::pin(report(&test, &carla, &one, &row_by_row)),
        Box::pin(report(&test, &carla, &two, &all)),
        Box::pin(applying),
    );
    assert_eq!((counts(&first), counts(&second)), ([240, 0, 0, 0], [240, 0, 0, 0]));
    // Forty seats for people of the pool; those who find none there wait, since they may take no other.
    assert_eq!(figures(&carla, &edition).await, ([300, 185, 0], [40, 80]));
    test.fine().await;
    drop(test.mails().await);
}

#[tokio::test]
async fn rows_cost_no_statement_each() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::of_seats(150)).await;
    keep_seats(&carla, &edition, 50, json!({ "country": "BR" })).await;
    let mut spent = Vec::new();
    for (name, rows) in [("few", 8), ("many", 200)] {
        let countries: Vec<&str> = (0..rows)
            .map(|place| if place % 4 == 0 { "BR" } else { "UY" })
            .collect();
        let before = test.app.db.statements();
        let done = report(&test, &carla, &file(name, &countries), &order()).await;
        spent.push(test.app.db.statements() - before);
        assert_eq!(done.count(Outcome::Created), rows);
    }
    // The many have some who wait, for whom there is a message of another kind, and what is too much for one statement.
    assert!(spent[1] <= spent[0] + 12, "{spent:?}");
    let stored = enrolment::Entity::find().all(test.app.db.read()).await.expect("rows");
    let of_pool = stored.iter().filter(|row| row.seat_pool_id.is_some()).count();
    assert_eq!(of_pool, 50);
    drop(test.mails().await);
}
