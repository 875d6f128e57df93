//! Seats: kept for some, offered to whoever is next, and passed on.

use chrono::{DateTime, TimeDelta, Utc};
use rumbo::domain::actor::{Role, Scope};
use rumbo::domain::id::{InstitutionId, SeatPoolId};
use rumbo::domain::seats::{KeptFor, POOLS_LIMIT, PoolDraft};
use rumbo::domain::text::Country;
use rumbo::service::seat;
use rumbo::store::{Engine, seat_pool};
use serde_json::{Value, json};

use crate::support::app::{Answer, Client, TestApp, Who};
use crate::support::scene::{Plan, act, apply, as_seen, edition_input, enrolling, state, version, walk};

/// An edition with so many seats.
fn plan(capacity: i64) -> Plan {
    Plan {
        capacity: Some(capacity),
        ..Plan::OPEN
    }
}

/// Offers seats of an edition for so many hours from now on.
async fn offer_for(coordinator: &Client<'_>, edition: &str, capacity: i64, hours: i64) {
    let mut input = edition_input(plan(capacity));
    input["offerHours"] = json!(hours);
    let seen = coordinator.run("SeeEdition", json!({ "id": edition })).await;
    let input = json!({ "editionId": edition, "version": seen.number("edition.version"), "edition": input });
    let changed = act(coordinator, "UpdateEdition", input).await;
    assert_eq!(changed.user_errors("updateEdition"), [""; 0]);
}

/// Keeps seats, and returns the identifier of the pool.
async fn keep(coordinator: &Client<'_>, edition: &str, kept_for: Value, seats: i64) -> String {
    let mut input = json!({ "editionId": edition, "seats": seats });
    input
        .as_object_mut()
        .expect("fields")
        .extend(kept_for.as_object().expect("fields").clone());
    let made = act(coordinator, "CreateSeatPool", input).await;
    assert_eq!(made.user_errors("createSeatPool"), [""; 0]);
    made.text("createSeatPool.seatPool.id")
}

/// Capacity, taken, held, waiting, free, and of every pool seats, taken, held, waiting.
async fn figures(coordinator: &Client<'_>, edition: &str) -> (Value, Vec<Value>) {
    let seen = coordinator.run("SeeSeats", json!({ "id": edition })).await;
    let of = |seats: &Value, names: &[&str]| {
        let all: Vec<Value> = names.iter().map(|name| seats[name].clone()).collect();
        Value::from(all)
    };
    let seats = seen.at("edition.seats");
    let whole = of(seats, &["capacity", "taken", "held", "waiting", "free"]);
    let pools = seats["pools"].as_array().expect("pools").iter();
    let pools = pools.map(|pool| of(pool, &["seats", "taken", "held", "waiting"]));
    (whole, pools.collect())
}

async fn from<'a>(test: &'a TestApp, name: &'static str, country: &'static str) -> Client<'a> {
    let who = Who {
        country,
        ..Who::named(name)
    };
    test.somebody(who).await
}

async fn withdraw(person: &Client<'_>, enrolment: &str) -> Answer {
    let input = json!({ "enrolmentId": enrolment, "version": version(person, enrolment).await });
    let left = act(person, "WithdrawEnrolment", input).await;
    assert_eq!(left.user_errors("withdrawEnrolment"), [""; 0]);
    left
}

async fn fine(test: &TestApp) {
    assert_eq!(test.violations().await, []);
    assert_eq!(test.differences().await, Vec::<String>::new());
}

#[tokio::test]
async fn seats_are_kept_for_a_country_until_they_are_released() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let edition = enrolling(&coordinator, plan(4)).await;
    let release = test.now() + TimeDelta::days(2);
    let kept = json!({ "country": "br", "releasesAt": release });
    keep(&coordinator, &edition, kept, 2).await;
    assert_eq!(figures(&coordinator, &edition).await.0, json!([4, 0, 0, 0, 2]));
    let mut enrolments = Vec::new();
    for (name, country, expected) in [
        ("Ana", "UY", "CONFIRMED"),
        ("Bea", "UY", "CONFIRMED"),
        ("Cy", "UY", "WAITLISTED"),
        ("Davi", "BR", "CONFIRMED"),
        ("Eva", "AR", "WAITLISTED"),
    ] {
        let (id, state) = apply(&from(&test, name, country).await, &edition).await;
        assert_eq!(state, expected, "{name}");
        enrolments.push(id);
    }
    assert_eq!(
        figures(&coordinator, &edition).await,
        (json!([4, 3, 0, 2, 0]), vec![json!([2, 1, 0, 0])])
    );
    fine(&test).await;
    drop(test.mails().await);
    // The day comes: what is left is for whoever is next, once, though the job runs again.
    test.pass(TimeDelta::days(2));
    assert_eq!(test.notices().await, ["enrolment_confirmed cy@example.org"]);
    assert_eq!(test.notices().await, [""; 0]);
    let coordinator = coordinator.again().await;
    assert_eq!(state(&coordinator, &enrolments[4]).await, "WAITLISTED");
    assert_eq!(
        figures(&coordinator, &edition).await,
        (json!([4, 4, 0, 1, 0]), vec![json!([2, 1, 0, 0])])
    );
    // Who leaves a seat of a released pool leaves a general one.
    let input = json!({
        "enrolmentId": enrolments[3], "version": version(&coordinator, &enrolments[3]).await, "decision": "EXCLUDE",
        "reason": "Never came",
    });
    let excluded = act(&coordinator, "DecideEnrolment", input).await;
    assert_eq!(excluded.user_errors("decideEnrolment"), [""; 0]);
    assert_eq!(state(&coordinator, &enrolments[4]).await, "CONFIRMED");
    fine(&test).await;
    drop(test.mails().await);
}

#[tokio::test]
async fn people_of_a_pool_overflow_where_it_says_so() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let institution = test.institution("INEFOP", "UY").await;
    let edition = enrolling(&coordinator, plan(3)).await;
    let of = json!({ "institutionId": institution.to_string() });
    let pool = keep(&coordinator, &edition, of, 1).await;
    let nominee = |name, institution: InstitutionId| Who {
        institution: Some(institution),
        ..Who::named(name)
    };
    let (one, two) = (
        test.somebody(nominee("Ana", institution)).await,
        test.somebody(nominee("Bea", institution)).await,
    );
    assert_eq!(apply(&one, &edition).await.1, "CONFIRMED");
    // Two general seats are free, and are not theirs.
    let (waiting, stands) = apply(&two, &edition).await;
    assert_eq!(stands, "WAITLISTED");
    // Whoever is of no pool does not wait behind somebody who waits for another seat.
    assert_eq!(apply(&test.person("Cy").await, &edition).await.1, "CONFIRMED");
    assert_eq!(
        figures(&coordinator, &edition).await,
        (json!([3, 2, 0, 1, 1]), vec![json!([1, 1, 0, 1])])
    );
    // The coordinator cannot confirm her either: no seat is hers.
    let input = json!({ "enrolmentId": waiting, "version": 1, "decision": "CONFIRM" });
    let refused = act(&coordinator, "DecideEnrolment", input).await;
    assert_eq!(
        refused.user_errors("decideEnrolment"),
        ["EDITION_FULL input.enrolmentId"]
    );
    let input = json!({ "seatPoolId": pool, "version": 1, "seats": 1, "overflow": true });
    let changed = act(&coordinator, "ChangeSeatPool", input).await;
    assert_eq!(changed.user_errors("changeSeatPool"), [""; 0]);
    assert_eq!(changed.number("changeSeatPool.seatPool.version"), 2);
    assert_eq!(state(&two, &waiting).await, "CONFIRMED");
    assert_eq!(
        figures(&coordinator, &edition).await,
        (json!([3, 3, 0, 0, 0]), vec![json!([1, 1, 0, 0])])
    );
    fine(&test).await;
    drop(test.mails().await);
}

#[tokio::test]
async fn a_removed_pool_leaves_its_seats_to_everybody() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let edition = enrolling(&coordinator, plan(3)).await;
    let pool = keep(&coordinator, &edition, json!({ "constituentGroup": "WORKERS" }), 2).await;
    let other = keep(&coordinator, &edition, json!({ "country": "BR" }), 1).await;
    let davi = from(&test, "Davi", "BR").await;
    assert_eq!(apply(&davi, &edition).await.1, "CONFIRMED");
    let ana = test.person("Ana").await;
    let (enrolment, stands) = apply(&ana, &edition).await;
    assert_eq!(stands, "WAITLISTED");
    let stale = json!({ "seatPoolId": pool, "version": 2 });
    let refused = act(&coordinator, "RemoveSeatPool", stale).await;
    assert_eq!(refused.user_errors("removeSeatPool"), ["STALE_VERSION input.version"]);
    let removed = act(
        &coordinator,
        "RemoveSeatPool",
        json!({ "seatPoolId": pool, "version": 1 }),
    )
    .await;
    assert_eq!(removed.user_errors("removeSeatPool"), [""; 0]);
    assert_eq!(removed.number("removeSeatPool.edition.seats.free"), 1);
    assert_eq!(state(&ana, &enrolment).await, "CONFIRMED");
    // The other one goes with a seat taken: it stays taken.
    let removed = act(
        &coordinator,
        "RemoveSeatPool",
        json!({ "seatPoolId": other, "version": 1 }),
    )
    .await;
    assert_eq!(removed.user_errors("removeSeatPool"), [""; 0]);
    assert_eq!(figures(&coordinator, &edition).await, (json!([3, 2, 0, 0, 1]), vec![]));
    let again = act(
        &coordinator,
        "RemoveSeatPool",
        json!({ "seatPoolId": other, "version": 1 }),
    )
    .await;
    assert_eq!(again.refusal(), "NOT_FOUND");
    fine(&test).await;
    drop(test.mails().await);
}

#[tokio::test]
async fn a_pool_that_cannot_be_is_refused_by_name() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let edition = enrolling(&coordinator, plan(4)).await;
    apply(&test.person("Ana").await, &edition).await;
    let past = test.now();
    let absent = InstitutionId(uuid::Uuid::from_u128(7)).to_string();
    for (input, expected) in [
        (json!({ "seats": 1 }), "REQUIRED input.institutionId"),
        (
            json!({ "seats": 1, "country": "UY", "constituentGroup": "WORKERS" }),
            "MALFORMED input.constituentGroup",
        ),
        (
            json!({ "seats": 1, "country": "UY", "institutionId": absent }),
            "MALFORMED input.country",
        ),
        (json!({ "seats": 1, "country": "XX" }), "UNKNOWN_COUNTRY input.country"),
        (json!({ "seats": 0, "country": "UY" }), "OUT_OF_RANGE input.seats"),
        (json!({ "seats": 4, "country": "UY" }), "OUT_OF_RANGE input.seats"),
        (
            json!({ "seats": 1, "country": "UY", "releasesAt": past }),
            "DATES_OUT_OF_ORDER input.releasesAt",
        ),
    ] {
        let mut whole = input.clone();
        whole["editionId"] = json!(edition);
        let refused = act(&coordinator, "CreateSeatPool", whole).await;
        assert_eq!(refused.user_errors("createSeatPool"), [expected], "{input}");
    }
    for hours in [0, 721] {
        let mut input = edition_input(plan(4));
        input["offerHours"] = json!(hours);
        let seen = as_seen(&coordinator, json!([edition])).await[0]["version"].clone();
        let input = json!({ "editionId": edition, "version": seen, "edition": input });
        let refused = act(&coordinator, "UpdateEdition", input).await;
        assert_eq!(
            refused.user_errors("updateEdition"),
            ["OUT_OF_RANGE input.edition.offerHours"]
        );
    }
    let input = json!({ "editionId": edition, "seats": 1, "institutionId": absent });
    assert_eq!(act(&coordinator, "CreateSeatPool", input).await.refusal(), "NOT_FOUND");
    let pool = keep(&coordinator, &edition, json!({ "country": "UY" }), 3).await;
    let twice = json!({ "editionId": edition, "country": "UY", "seats": 1 });
    let refused = act(&coordinator, "CreateSeatPool", twice.clone()).await;
    assert_eq!(refused.user_errors("createSeatPool"), ["OUT_OF_RANGE input.seats"]);
    let input = json!({ "seatPoolId": pool, "version": 1, "seats": 2 });
    act(&coordinator, "ChangeSeatPool", input)
        .await
        .at("changeSeatPool.seatPool.id");
    let refused = act(&coordinator, "CreateSeatPool", twice).await;
    assert_eq!(refused.user_errors("createSeatPool"), ["TAKEN input.country"]);
    let stale = json!({ "seatPoolId": pool, "version": 1, "seats": 1 });
    let refused = act(&coordinator, "ChangeSeatPool", stale).await;
    assert_eq!(refused.user_errors("changeSeatPool"), ["STALE_VERSION input.version"]);
    // Not less than what is given out, and no limit lifted, while seats are kept.
    for (capacity, expected) in [(Some(2), "OUT_OF_RANGE"), (None, "OUT_OF_RANGE"), (Some(3), "")] {
        let plan = Plan { capacity, ..Plan::OPEN };
        let seen = as_seen(&coordinator, json!([edition])).await[0]["version"].clone();
        let input = json!({ "editionId": edition, "version": seen, "edition": edition_input(plan) });
        let errors = act(&coordinator, "UpdateEdition", input)
            .await
            .user_errors("updateEdition");
        assert!(
            errors.first().map_or("", String::as_str).starts_with(expected),
            "{capacity:?}: {errors:?}"
        );
        assert_eq!(errors.is_empty(), expected.is_empty());
    }
    // Nothing is changed of what is released.
    let release = test.now() + TimeDelta::hours(1);
    let input = json!({ "seatPoolId": pool, "version": 2, "seats": 2, "releasesAt": release });
    act(&coordinator, "ChangeSeatPool", input)
        .await
        .at("changeSeatPool.seatPool.id");
    test.pass(TimeDelta::hours(1));
    drop(test.mails().await);
    let coordinator = coordinator.again().await;
    let input = json!({ "seatPoolId": pool, "version": 4, "seats": 1 });
    let refused = act(&coordinator, "ChangeSeatPool", input).await;
    assert_eq!(
        refused.user_errors("changeSeatPool"),
        ["ILLEGAL_TRANSITION input.seatPoolId"]
    );
    fine(&test).await;
}

#[tokio::test]
async fn a_lifted_limit_admits_everybody_who_waits() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let edition = enrolling(&coordinator, plan(1)).await;
    let mut enrolments = Vec::new();
    for name in ["Ana", "Bea", "Cy"] {
        enrolments.push(apply(&test.person(name).await, &edition).await.0);
    }
    drop(test.mails().await);
    let seen = as_seen(&coordinator, json!([edition])).await[0]["version"].clone();
    let input = json!({ "editionId": edition, "version": seen, "edition": edition_input(Plan::OPEN) });
    act(&coordinator, "UpdateEdition", input)
        .await
        .at("updateEdition.edition.id");
    assert_eq!(
        test.notices().await,
        [
            "enrolment_confirmed bea@example.org",
            "enrolment_confirmed cy@example.org"
        ]
    );
    fine(&test).await;
}

#[tokio::test]
async fn a_rank_comes_before_the_time_of_application() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let edition = enrolling(&coordinator, plan(1)).await;
    let ana = test.person("Ana").await;
    let (first, _) = apply(&ana, &edition).await;
    let mut waiting = Vec::new();
    for name in ["Bea", "Cy", "Dora"] {
        test.pass(TimeDelta::minutes(1));
        let client = test.person(name).await;
        waiting.push((apply(&client, &edition).await.0, client));
    }
    for (place, rank) in [(2, json!(2)), (1, json!(5)), (0, json!(1)), (0, json!(null))] {
        let id = &waiting[place].0;
        let input = json!({ "enrolmentId": id, "version": version(&coordinator, id).await, "rank": rank });
        let ranked = act(&coordinator, "RankWaiting", input).await;
        assert_eq!(ranked.user_errors("rankWaiting"), [""; 0]);
        assert_eq!(ranked.at("rankWaiting.enrolment.waitingRank"), &rank);
    }
    for (rank, expected) in [(0, "OUT_OF_RANGE input.rank"), (1_000_001, "OUT_OF_RANGE input.rank")] {
        let id = &waiting[0].0;
        let input = json!({ "enrolmentId": id, "version": version(&coordinator, id).await, "rank": rank });
        let refused = act(&coordinator, "RankWaiting", input).await;
        assert_eq!(refused.user_errors("rankWaiting"), [expected]);
    }
    let stale = json!({ "enrolmentId": waiting[0].0, "version": 1, "rank": 1 });
    let refused = act(&coordinator, "RankWaiting", stale).await;
    assert_eq!(refused.user_errors("rankWaiting"), ["STALE_VERSION input.version"]);
    let input = json!({ "enrolmentId": first, "version": 1, "rank": 1 });
    let refused = act(&coordinator, "RankWaiting", input).await;
    assert_eq!(
        refused.user_errors("rankWaiting"),
        ["ILLEGAL_TRANSITION input.enrolmentId"]
    );
    // The person does not see it, and does not set it.
    let cy = &waiting[1];
    let seen = "query ($id: ID!) { enrolment(id: $id) { waitingRank } }";
    let own = cy.1.query(seen, json!({ "id": cy.0 })).await;
    assert_eq!(own.at("enrolment.waitingRank"), &Value::Null);
    let input = json!({ "enrolmentId": cy.0, "version": 2, "rank": 1 });
    assert_eq!(act(&cy.1, "RankWaiting", input).await.refusal(), "FORBIDDEN");
    drop(test.mails().await);
    let mut leaving = (first, ana);
    for place in [2, 1, 0] {
        withdraw(&leaving.1, &leaving.0).await;
        let (id, client) = waiting[place].clone();
        assert_eq!(state(&client, &id).await, "CONFIRMED", "{place}");
        leaving = (id, client);
    }
    fine(&test).await;
    drop(test.mails().await);
}

#[tokio::test]
async fn nobody_ranks_themself() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let edition = enrolling(&coordinator, plan(1)).await;
    apply(&test.person("Ana").await, &edition).await;
    let here = Scope::Edition(edition.parse().expect("an edition"));
    let cora = test.holder("Cora", Role::Coordinator, here).await;
    let (own, stands) = apply(&cora, &edition).await;
    assert_eq!(stands, "WAITLISTED");
    let refused = act(
        &cora,
        "RankWaiting",
        json!({ "enrolmentId": own, "version": 1, "rank": 1 }),
    )
    .await;
    assert_eq!(refused.user_errors("rankWaiting"), ["OWN_WORK input.enrolmentId"]);
    drop(test.mails().await);
}

/// An edition of one seat that is offered for a day: who had it, and two who wait.
async fn offering<'a>(test: &'a TestApp, coordinator: &Client<'a>) -> (String, Vec<(Client<'a>, String)>) {
    let edition = enrolling(coordinator, plan(1)).await;
    offer_for(coordinator, &edition, 1, 24).await;
    let mut people = Vec::new();
    for name in ["Ana", "Bea", "Cy"] {
        let client = test.person(name).await;
        let (id, _) = apply(&client, &edition).await;
        people.push((client, id));
        test.pass(TimeDelta::seconds(1));
    }
    drop(test.mails().await);
    withdraw(&people[0].0, &people[0].1).await;
    (edition, people)
}

async fn answer(operation: &str, person: &(Client<'_>, String)) -> Answer {
    let input = json!({ "enrolmentId": person.1, "version": version(&person.0, &person.1).await });
    act(&person.0, operation, input).await
}

#[tokio::test]
async fn a_seat_is_offered_and_accepted() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let (edition, people) = offering(&test, &coordinator).await;
    assert_eq!(figures(&coordinator, &edition).await.0, json!([1, 0, 1, 1, 0]));
    let mails = test.mails().await;
    let offer = mails
        .iter()
        .find(|mail| mail.notice == "seat_offered")
        .expect("an offer");
    assert_eq!(offer.to, "bea@example.org");
    // Twenty-four hours later, in the edition's zone.
    assert!(
        offer.text.contains("3 March 2026, 09:00 (America/Montevideo time)"),
        "{}",
        offer.text
    );
    assert_eq!(state(&people[1].0, &people[1].1).await, "WAITLISTED");
    fine(&test).await;
    // Whoever applies meanwhile waits, and nobody answers for another.
    assert_eq!(apply(&test.person("Dora").await, &edition).await.1, "WAITLISTED");
    let input = json!({ "enrolmentId": people[1].1, "version": version(&coordinator, &people[1].1).await });
    let refused = act(&coordinator, "AcceptOffer", input).await;
    assert_eq!(refused.refusal(), "FORBIDDEN");
    let stale = json!({ "enrolmentId": people[1].1, "version": 1 });
    let refused = act(&people[1].0, "AcceptOffer", stale).await;
    assert_eq!(refused.user_errors("acceptOffer"), ["STALE_VERSION input.version"]);
    // To whom nothing is offered, nothing is there to accept.
    for (operation, mutation) in [("AcceptOffer", "acceptOffer"), ("DeclineOffer", "declineOffer")] {
        let refused = answer(operation, &people[2]).await;
        assert_eq!(refused.user_errors(mutation), ["NO_OFFER input.enrolmentId"]);
        let refused = answer(operation, &people[0]).await;
        assert_eq!(refused.user_errors(mutation), ["ILLEGAL_TRANSITION input.enrolmentId"]);
    }
    let accepted = answer("AcceptOffer", &people[1]).await;
    assert_eq!(accepted.text("acceptOffer.enrolment.state"), "CONFIRMED");
    assert_eq!(accepted.at("acceptOffer.enrolment.offeredUntil"), &Value::Null);
    assert_eq!(figures(&coordinator, &edition).await.0, json!([1, 1, 0, 2, 0]));
    assert_eq!(
        test.notices().await,
        [
            "enrolment_confirmed bea@example.org",
            "enrolment_waitlisted dora@example.org"
        ]
    );
    fine(&test).await;
}

#[tokio::test]
async fn a_declined_seat_passes_on() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let (edition, people) = offering(&test, &coordinator).await;
    drop(test.mails().await);
    let input = json!({
        "enrolmentId": people[1].1, "version": version(&people[1].0, &people[1].1).await, "reason": "I travel",
    });
    let declined = act(&people[1].0, "DeclineOffer", input).await;
    assert_eq!(declined.text("declineOffer.enrolment.state"), "CANCELLED");
    assert_eq!(
        test.notices().await,
        ["application_ended bea@example.org", "seat_offered cy@example.org"]
    );
    // Who withdraws instead of declining leaves the seat, too.
    withdraw(&people[2].0, &people[2].1).await;
    assert_eq!(figures(&coordinator, &edition).await.0, json!([1, 0, 0, 0, 1]));
    assert_eq!(test.notices().await, ["application_ended cy@example.org"]);
    fine(&test).await;
}

#[tokio::test]
async fn an_offer_expires_late_or_twice_without_harm() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let (edition, people) = offering(&test, &coordinator).await;
    drop(test.mails().await);
    test.pass(TimeDelta::hours(25));
    let (bea, cy) = (people[1].0.again().await, people[2].0.again().await);
    // The job has not come yet, and it is too late all the same.
    let refused = answer("AcceptOffer", &(bea.clone(), people[1].1.clone())).await;
    assert_eq!(refused.user_errors("acceptOffer"), ["NO_OFFER input.enrolmentId"]);
    // Two workers at once: one of them does it.
    let (db, clock) = (&test.app.db, &test.app.clock);
    let (first, second) = tokio::join!(seat::passing::pass(db, clock), seat::passing::pass(db, clock));
    first.expect("it works");
    second.expect("it works");
    assert_eq!(state(&bea, &people[1].1).await, "EXPIRED");
    assert_eq!(
        test.notices().await,
        ["seat_offer_expired bea@example.org", "seat_offered cy@example.org"]
    );
    let accepted = answer("AcceptOffer", &(cy, people[2].1.clone())).await;
    assert_eq!(accepted.text("acceptOffer.enrolment.state"), "CONFIRMED");
    let coordinator = coordinator.again().await;
    assert_eq!(figures(&coordinator, &edition).await.0, json!([1, 1, 0, 0, 0]));
    assert_eq!(test.notices().await, ["enrolment_confirmed cy@example.org"]);
    fine(&test).await;
}

#[tokio::test]
async fn an_offer_of_a_running_edition_leads_into_it_and_its_end_ends_all_offers() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let edition = enrolling(&coordinator, plan(2)).await;
    keep(&coordinator, &edition, json!({ "country": "BR" }), 1).await;
    offer_for(&coordinator, &edition, 2, 24).await;
    let mut people = Vec::new();
    for (name, country) in [
        ("Ana", "UY"),
        ("Bea", "UY"),
        ("Caio", "BR"),
        ("Davi", "BR"),
        ("Eva", "BR"),
    ] {
        let client = from(&test, name, country).await;
        let (id, _) = apply(&client, &edition).await;
        people.push((client, id));
    }
    walk(&coordinator, &edition, &["ENROLMENT_CLOSED", "RUNNING"]).await;
    withdraw(&people[2].0, &people[2].1).await;
    assert_eq!(
        figures(&coordinator, &edition).await,
        (json!([2, 1, 1, 2, 0]), vec![json!([1, 0, 1, 1])])
    );
    let accepted = answer("AcceptOffer", &people[3]).await;
    assert_eq!(accepted.text("acceptOffer.enrolment.state"), "ACTIVE");
    withdraw(&people[3].0, &people[3].1).await;
    fine(&test).await;
    walk(&coordinator, &edition, &["GRADING"]).await;
    assert_eq!(state(&people[4].0, &people[4].1).await, "EXPIRED");
    assert_eq!(
        figures(&coordinator, &edition).await,
        (json!([2, 1, 0, 0, 0]), vec![json!([1, 0, 0, 0])])
    );
    fine(&test).await;
    drop(test.mails().await);
}

#[tokio::test]
async fn what_is_kept_for_whom_is_for_coordinators() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let edition = enrolling(&coordinator, plan(4)).await;
    let pool = keep(&coordinator, &edition, json!({ "country": "BR" }), 1).await;
    apply(&test.person("Ana").await, &edition).await;
    let here = Scope::Edition(edition.parse().expect("an edition"));
    let whole = json!({ "capacity": 4, "taken": 1, "free": 2, "held": null, "waiting": null, "pools": null });
    for viewer in [
        test.anonymous(),
        test.person("Saul").await,
        test.administrator().await,
        test.holder("Tim", Role::Tutor, here).await,
    ] {
        let seen = viewer.run("SeeSeats", json!({ "id": edition })).await;
        assert_eq!(seen.at("edition.seats"), &whole);
        if viewer.person.is_some() {
            let input = json!({ "seatPoolId": pool, "version": 1, "seats": 1 });
            assert_eq!(act(&viewer, "ChangeSeatPool", input).await.refusal(), "NOT_FOUND");
        }
    }
    assert_eq!(
        figures(&coordinator, &edition).await,
        (json!([4, 1, 0, 0, 2]), vec![json!([1, 0, 0, 0])])
    );
    drop(test.mails().await);
}

#[tokio::test]
async fn the_seats_of_many_editions_are_read_in_few_statements() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    for number in 0..6 {
        let plan = Plan {
            code: format!("SEATS-{number}").leak(),
            ..plan(4)
        };
        let edition = enrolling(&coordinator, plan).await;
        keep(&coordinator, &edition, json!({ "country": "BR" }), 1).await;
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
    let coordinator = test.coordinator().await;
    let edition = enrolling(&coordinator, plan(9)).await;
    apply(&test.person("Ana").await, &edition).await;
    let cost = async |name| {
        let client = test.person(name).await;
        client.warm_up().await;
        let before = test.app.db.statements();
        assert_eq!(apply(&client, &edition).await.1, "CONFIRMED");
        test.app.db.statements() - before
    };
    let plain = cost("Bea").await;
    let most = match test.app.db.engine() {
        Engine::Postgres => 4,
        Engine::Sqlite => 13,
    };
    assert!(plain <= most, "{plain} statements");
    keep(&coordinator, &edition, json!({ "country": "UY" }), 2).await;
    // The pools, and the count of the one.
    let kept = cost("Cy").await;
    assert!(kept <= plain + 3, "{kept} statements after {plain}");
    drop(test.mails().await);
}

/// Moves the clock to an instant.
fn until(test: &TestApp, instant: &str) {
    let instant: DateTime<Utc> = instant.parse().expect("an instant");
    test.pass(instant - test.now());
}

#[tokio::test]
async fn a_copy_keeps_seats_for_whom_they_were_kept() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let edition = enrolling(&coordinator, plan(10)).await;
    offer_for(&coordinator, &edition, 10, 48).await;
    let (soon, later) = (test.now() + TimeDelta::hours(1), test.now() + TimeDelta::days(9));
    let workers = json!({ "constituentGroup": "WORKERS" });
    keep(&coordinator, &edition, workers, 2).await;
    let country = |code: &str, at| json!({ "country": code, "releasesAt": at, "overflow": true });
    keep(&coordinator, &edition, country("BR", later), 4).await;
    keep(&coordinator, &edition, country("AR", soon), 1).await;
    apply(&from(&test, "Davi", "BR").await, &edition).await;
    test.pass(TimeDelta::hours(2));
    drop(test.mails().await);
    let coordinator = coordinator.again().await;
    // Thirty days later.
    let input = json!({ "editionId": edition, "code": "SECOND", "startsOn": "2026-05-06" });
    let document = "mutation ($input: CopyEditionInput!) { copyEdition(input: $input) {
        edition { id offerHours seats { free pools { releasesAt releasedAt overflow } } } userErrors { code } } }";
    let copied = coordinator.query(document, json!({ "input": input })).await;
    assert_eq!(copied.at("copyEdition.edition.offerHours"), 48);
    let seats = copied.at("copyEdition.edition.seats").clone();
    assert_eq!(seats["free"], 3);
    let at = |place: usize| seats["pools"][place]["releasesAt"].clone();
    let instant = |value: Value| {
        value
            .as_str()
            .map(|text| text.parse::<DateTime<Utc>>().expect("an instant"))
    };
    let moved = |at| Some(at + TimeDelta::days(30));
    assert_eq!([0, 1, 2].map(at).map(instant), [None, moved(soon), moved(later)]);
    for (place, overflow) in [(0, false), (1, true), (2, true)] {
        assert_eq!(seats["pools"][place]["releasedAt"], Value::Null);
        assert_eq!(seats["pools"][place]["overflow"], overflow);
    }
    let second = copied.text("copyEdition.edition.id");
    assert_eq!(
        figures(&coordinator, &second).await,
        (
            json!([10, 0, 0, 0, 3]),
            vec![json!([2, 0, 0, 0]), json!([1, 0, 0, 0]), json!([4, 0, 0, 0])]
        )
    );
    fine(&test).await;
}

#[tokio::test]
async fn a_cancelled_edition_ends_its_offers_and_keeps_nothing_for_anybody_new() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let (edition, people) = offering(&test, &coordinator).await;
    drop(test.mails().await);
    let seen = as_seen(&coordinator, json!([edition])).await[0]["version"].clone();
    let input = json!({ "editionId": edition, "version": seen, "to": "CANCELLED", "reason": "No room" });
    let cancelled = act(&coordinator, "MoveEdition", input).await;
    assert_eq!(cancelled.text("moveEdition.edition.state"), "CANCELLED");
    for person in &people[1..] {
        assert_eq!(state(&person.0, &person.1).await, "CANCELLED");
        let refused = answer("AcceptOffer", person).await;
        assert_eq!(
            refused.user_errors("acceptOffer"),
            ["ILLEGAL_TRANSITION input.enrolmentId"]
        );
    }
    assert_eq!(figures(&coordinator, &edition).await.0, json!([1, 0, 0, 0, 1]));
    assert_eq!(
        test.notices().await,
        ["edition_cancelled bea@example.org", "edition_cancelled cy@example.org"]
    );
    let input = json!({ "editionId": edition, "country": "UY", "seats": 1 });
    let refused = act(&coordinator, "CreateSeatPool", input).await;
    assert_eq!(refused.user_errors("createSeatPool"), ["ILLEGAL_TRANSITION input"]);
    // The time of the offer comes, and there is none.
    test.pass(TimeDelta::days(2));
    assert_eq!(test.notices().await, [""; 0]);
    fine(&test).await;
}

#[tokio::test]
async fn an_offer_outlives_the_window_and_passes_on_when_its_time_ends() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let edition = enrolling(&coordinator, plan(1)).await;
    offer_for(&coordinator, &edition, 1, 24).await;
    let mut people = Vec::new();
    for name in ["Ana", "Bea", "Cy"] {
        let client = test.person(name).await;
        let (id, _) = apply(&client, &edition).await;
        people.push((client, id));
        test.pass(TimeDelta::seconds(1));
    }
    // Fifteen hours before the window closes.
    until(&test, "2026-04-01T12:00:00Z");
    let again = async |place: usize| (people[place].0.again().await, people[place].1.clone());
    let ana = again(0).await;
    withdraw(&ana.0, &ana.1).await;
    drop(test.mails().await);
    let of_edition = async || {
        let seen = test.anonymous().run("SeeEdition", json!({ "id": edition })).await;
        seen.text("edition.state")
    };
    until(&test, "2026-04-02T11:59:00Z");
    assert_eq!(test.notices().await, [""; 0]);
    assert_eq!(of_edition().await, "ENROLMENT_CLOSED");
    let bea = again(1).await;
    assert_eq!(state(&bea.0, &bea.1).await, "WAITLISTED");
    until(&test, "2026-04-02T12:00:00Z");
    assert_eq!(
        test.notices().await,
        ["seat_offer_expired bea@example.org", "seat_offered cy@example.org"]
    );
    assert_eq!(state(&bea.0, &bea.1).await, "EXPIRED");
    let cy = again(2).await;
    let accepted = answer("AcceptOffer", &cy).await;
    assert_eq!(accepted.text("acceptOffer.enrolment.state"), "CONFIRMED");
    until(&test, "2026-04-06T03:00:00Z");
    assert_eq!(test.notices().await, ["enrolment_confirmed cy@example.org"]);
    assert_eq!(of_edition().await, "RUNNING");
    let cy = again(2).await;
    assert_eq!(state(&cy.0, &cy.1).await, "ACTIVE");
    fine(&test).await;
}

#[tokio::test]
async fn a_release_before_the_first_day_admits_however_late_the_job_is() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let edition = enrolling(&coordinator, plan(2)).await;
    let kept = json!({ "country": "BR", "releasesAt": "2026-04-05T12:00:00Z" });
    keep(&coordinator, &edition, kept, 1).await;
    let mut people = Vec::new();
    for (name, expected) in [("Ana", "CONFIRMED"), ("Bea", "WAITLISTED")] {
        let client = from(&test, name, "UY").await;
        let (id, state) = apply(&client, &edition).await;
        assert_eq!(state, expected);
        people.push((client, id));
    }
    drop(test.mails().await);
    // The window is closed by now, and the edition has begun.
    until(&test, "2026-04-07T12:00:00Z");
    assert_eq!(test.notices().await, ["enrolment_confirmed bea@example.org"]);
    let bea = people[1].0.again().await;
    assert_eq!(state(&bea, &people[1].1).await, "ACTIVE");
    fine(&test).await;
}

#[tokio::test]
async fn an_edition_has_so_many_pools_and_no_more() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let edition = enrolling(&coordinator, plan(300)).await;
    let tx = test.app.db.write().await.expect("a transaction");
    for country in rust_iso3166::ALL.iter().take(POOLS_LIMIT) {
        let id = SeatPoolId(test.app.clock.new_id());
        let kept_for = KeptFor::Country(Country::parse(country.alpha2).expect("a country"));
        let draft = PoolDraft {
            seats: 1,
            releases_at: None,
            overflow: false,
        };
        let of = edition.parse().expect("an edition");
        let row = seat_pool::Model::new(id, of, &kept_for, draft, test.now());
        seat_pool::insert(&tx, row, "country").await.expect("a pool");
    }
    tx.commit().await.expect("a commit");
    let input = json!({ "editionId": edition, "constituentGroup": "WORKERS", "seats": 1 });
    let refused = act(&coordinator, "CreateSeatPool", input).await;
    assert_eq!(refused.user_errors("createSeatPool"), ["LIMIT_REACHED input.editionId"]);
    fine(&test).await;
}
