//! Pools: seats that are kept for some until they are released, changed or removed.

use chrono::{DateTime, TimeDelta, Utc};
use rumbo::domain::actor::Role;
use rumbo::domain::id::{InstitutionId, SeatPoolId};
use rumbo::domain::seats::{KeptFor, POOLS_LIMIT, PoolDraft};
use rumbo::domain::text::Country;
use rumbo::store::seat_pool;
use serde_json::{Value, json};

use super::{QUEUE, Scene, change, offering_for, removal, until};
use crate::support::app::{TestApp, Who};
use crate::support::scene::{Plan, act, at, edition_input};

#[tokio::test]
async fn seats_are_kept_for_a_country_until_they_are_released() {
    let test = TestApp::new().await;
    let scene = Scene::of(&test, 4).await;
    let release = test.now() + TimeDelta::days(2);
    scene.keep(json!({ "country": "br", "releasesAt": release }), 2).await;
    assert_eq!(scene.figures().await.0, json!([4, 0, 0, 0, 2]));
    let people = [
        ("Ana", "UY", "CONFIRMED"),
        ("Bea", "UY", "CONFIRMED"),
        ("Cy", "UY", "WAITLISTED"),
        ("Davi", "BR", "CONFIRMED"),
        ("Eva", "AR", "WAITLISTED"),
    ];
    let people = scene.line(&people).await;
    assert_eq!(
        scene.figures().await,
        (json!([4, 3, 0, 2, 0]), vec![json!([2, 1, 0, 0])])
    );
    scene.fine().await;
    drop(test.mails().await);
    // The day comes: what is left is for whoever is next, once, though the job runs again.
    test.pass(release - test.now());
    assert_eq!(test.notices().await, ["enrolment_confirmed cy@example.org"]);
    assert_eq!(test.notices().await, [""; 0]);
    let scene = scene.later().await;
    let eva = people[4].again().await;
    assert_eq!(eva.state().await, "WAITLISTED");
    assert_eq!(
        scene.figures().await,
        (json!([4, 4, 0, 1, 0]), vec![json!([2, 1, 0, 0])])
    );
    // Who leaves a seat of a released pool leaves a general one.
    let exclusion = scene.decision(&people[3], "EXCLUDE").await;
    scene.done("DecideEnrolment", exclusion).await;
    assert_eq!(eva.state().await, "CONFIRMED");
    scene.fine().await;
    drop(test.mails().await);
}

#[tokio::test]
async fn a_new_pool_is_answered_with_the_seats_that_it_gave_out() {
    let test = TestApp::new().await;
    let plan = Plan::of_seats(3).by_approval();
    let scene = Scene::with(&test, test.coordinator().await, plan).await;
    let people = scene.line(&[("Caio", "BR", "APPLIED")]).await;
    let decision = scene.decision(&people[0], "WAITLIST").await;
    scene.done("DecideEnrolment", decision).await;
    assert_eq!(people[0].state().await, "WAITLISTED");
    let input = json!({ "editionId": scene.edition, "country": "BR", "seats": 1 });
    let made = scene.done("CreateSeatPool", input).await;
    assert_eq!(people[0].state().await, "CONFIRMED");
    let counts =
        ["seats", "taken", "held", "waiting"].map(|name| made.number(&format!("createSeatPool.seatPool.{name}")));
    assert_eq!(counts, [1, 1, 0, 0]);
    drop(test.mails().await);
}

#[tokio::test]
async fn people_of_a_pool_overflow_where_it_says_so() {
    let test = TestApp::new().await;
    let institution = test.institution("INEFOP", "UY").await;
    let scene = Scene::of(&test, 3).await;
    let of = json!({ "institutionId": institution.to_string() });
    let pool = scene.keep(of, 1).await;
    let nominee = |name| Who {
        institution: Some(institution),
        ..Who::named(name)
    };
    scene.enter(nominee("Ana"), "CONFIRMED").await;
    // Two general seats are free, and are not theirs.
    let waiting = scene.enter(nominee("Bea"), "WAITLISTED").await;
    // Whoever is of no pool does not wait behind somebody who waits for another seat.
    scene.enter(Who::named("Cy"), "CONFIRMED").await;
    assert_eq!(
        scene.figures().await,
        (json!([3, 2, 0, 1, 1]), vec![json!([1, 1, 0, 1])])
    );
    // The coordinator cannot confirm her either: no seat is hers.
    let input = json!({ "enrolmentId": waiting.enrolment, "version": 1, "decision": "CONFIRM" });
    assert_eq!(
        scene.faults("DecideEnrolment", input).await,
        ["EDITION_FULL input.enrolmentId"]
    );
    let mut input = change(&pool, 1, 1);
    input["overflow"] = json!(true);
    let changed = scene.done("ChangeSeatPool", input).await;
    assert_eq!(changed.number("changeSeatPool.seatPool.version"), 2);
    assert_eq!(waiting.state().await, "CONFIRMED");
    assert_eq!(
        scene.figures().await,
        (json!([3, 3, 0, 0, 0]), vec![json!([1, 1, 0, 0])])
    );
    scene.fine().await;
    drop(test.mails().await);
}

#[tokio::test]
async fn a_removed_pool_leaves_its_seats_to_everybody() {
    let test = TestApp::new().await;
    let scene = Scene::of(&test, 3).await;
    let pool = scene.keep(json!({ "constituentGroup": "WORKERS" }), 2).await;
    let other = scene.keep(json!({ "country": "BR" }), 1).await;
    let people = [("Davi", "BR", "CONFIRMED"), ("Ana", "UY", "WAITLISTED")];
    let people = scene.line(&people).await;
    assert_eq!(
        scene.faults("RemoveSeatPool", removal(&pool, 2)).await,
        ["STALE_VERSION input.version"]
    );
    let removed = scene.done("RemoveSeatPool", removal(&pool, 1)).await;
    assert_eq!(removed.number("removeSeatPool.edition.seats.free"), 1);
    assert_eq!(people[1].state().await, "CONFIRMED");
    // The other one goes with a seat taken: it stays taken.
    scene.done("RemoveSeatPool", removal(&other, 1)).await;
    assert_eq!(scene.figures().await, (json!([3, 2, 0, 0, 1]), vec![]));
    let again = act(&scene.coordinator, "RemoveSeatPool", removal(&other, 1)).await;
    assert_eq!(again.refusal(), "NOT_FOUND");
    scene.fine().await;
    drop(test.mails().await);
}

#[tokio::test]
async fn a_pool_that_cannot_be_is_refused_by_name() {
    let test = TestApp::new().await;
    let scene = Scene::of(&test, 4).await;
    scene.enter(Who::named("Ana"), "CONFIRMED").await;
    let past = test.now();
    let absent = InstitutionId(uuid::Uuid::from_u128(7)).to_string();
    for (mut input, expected) in [
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
        input["editionId"] = json!(scene.edition);
        let told = input.to_string();
        assert_eq!(scene.faults("CreateSeatPool", input).await, [expected], "{told}");
    }
    for hours in [0, 721] {
        let refused = scene.replan(offering_for(4, hours)).await;
        assert_eq!(
            refused.user_errors("updateEdition"),
            ["OUT_OF_RANGE input.edition.offerHours"]
        );
    }
    let input = json!({ "editionId": scene.edition, "seats": 1, "institutionId": absent });
    let unknown = act(&scene.coordinator, "CreateSeatPool", input).await;
    assert_eq!(unknown.refusal(), "NOT_FOUND");
    let pool = scene.keep(json!({ "country": "UY" }), 3).await;
    let twice = json!({ "editionId": scene.edition, "country": "UY", "seats": 1 });
    assert_eq!(
        scene.faults("CreateSeatPool", twice.clone()).await,
        ["OUT_OF_RANGE input.seats"]
    );
    let changed = scene.done("ChangeSeatPool", change(&pool, 1, 2)).await;
    changed.at("changeSeatPool.seatPool.id");
    assert_eq!(scene.faults("CreateSeatPool", twice).await, ["TAKEN input.country"]);
    assert_eq!(
        scene.faults("ChangeSeatPool", change(&pool, 1, 1)).await,
        ["STALE_VERSION input.version"]
    );
    // Not less than what is given out, and no limit lifted, while seats are kept.
    for (capacity, expected) in [(Some(2), "OUT_OF_RANGE"), (None, "OUT_OF_RANGE"), (Some(3), "")] {
        let plan = Plan { capacity, ..Plan::OPEN };
        let errors = scene.replan(edition_input(plan)).await.user_errors("updateEdition");
        assert!(
            errors.first().map_or("", String::as_str).starts_with(expected),
            "{capacity:?}: {errors:?}"
        );
        assert_eq!(errors.is_empty(), expected.is_empty());
    }
    // Nothing is changed of what is released.
    let mut input = change(&pool, 2, 2);
    input["releasesAt"] = json!(test.now() + TimeDelta::hours(1));
    let changed = scene.done("ChangeSeatPool", input).await;
    changed.at("changeSeatPool.seatPool.id");
    test.pass(TimeDelta::hours(1));
    drop(test.mails().await);
    let scene = scene.later().await;
    assert_eq!(
        scene.faults("ChangeSeatPool", change(&pool, 4, 1)).await,
        ["ILLEGAL_TRANSITION input.seatPoolId"]
    );
    scene.fine().await;
}

#[tokio::test]
async fn what_is_kept_for_whom_is_for_coordinators() {
    let test = TestApp::new().await;
    let scene = Scene::of(&test, 4).await;
    let pool = scene.keep(json!({ "country": "BR" }), 1).await;
    scene.enter(Who::named("Ana"), "CONFIRMED").await;
    let whole = json!({ "capacity": 4, "taken": 1, "free": 2, "held": null, "waiting": null, "pools": null });
    for viewer in [
        test.anonymous(),
        test.person("Saul").await,
        test.administrator().await,
        test.holder("Tim", Role::Tutor, at(&scene.edition)).await,
    ] {
        let seen = viewer.run("SeeSeats", json!({ "id": scene.edition })).await;
        assert_eq!(seen.at("edition.seats"), &whole);
        if viewer.person.is_some() {
            let refused = act(&viewer, "ChangeSeatPool", change(&pool, 1, 1)).await;
            assert_eq!(refused.refusal(), "NOT_FOUND");
        }
    }
    assert_eq!(
        scene.figures().await,
        (json!([4, 1, 0, 0, 2]), vec![json!([1, 0, 0, 0])])
    );
    drop(test.mails().await);
}

#[tokio::test]
async fn a_copy_keeps_seats_for_whom_they_were_kept() {
    let test = TestApp::new().await;
    let scene = Scene::of(&test, 10).await;
    scene.offer_for(10, 48).await;
    let (soon, later) = (test.now() + TimeDelta::hours(1), test.now() + TimeDelta::days(9));
    let workers = json!({ "constituentGroup": "WORKERS" });
    scene.keep(workers, 2).await;
    let country = |code: &str, at| json!({ "country": code, "releasesAt": at, "overflow": true });
    scene.keep(country("BR", later), 4).await;
    scene.keep(country("AR", soon), 1).await;
    scene.line(&[("Davi", "BR", "CONFIRMED")]).await;
    test.pass(TimeDelta::hours(2));
    drop(test.mails().await);
    let scene = scene.later().await;
    // Thirty days later.
    let input = json!({ "editionId": scene.edition, "code": "SECOND", "startsOn": "2026-05-06" });
    let document = "mutation ($input: CopyEditionInput!) { copyEdition(input: $input) {
        edition { id offerHours seats { free pools { releasesAt releasedAt overflow } } } userErrors { code } } }";
    let copied = scene.coordinator.query(document, json!({ "input": input })).await;
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
    let second = Scene {
        edition: copied.text("copyEdition.edition.id"),
        ..scene
    };
    assert_eq!(
        second.figures().await,
        (
            json!([10, 0, 0, 0, 3]),
            vec![json!([2, 0, 0, 0]), json!([1, 0, 0, 0]), json!([4, 0, 0, 0])]
        )
    );
    second.fine().await;
}

#[tokio::test]
async fn a_release_before_the_first_day_admits_however_late_the_job_is() {
    let test = TestApp::new().await;
    let scene = Scene::of(&test, 2).await;
    let kept = json!({ "country": "BR", "releasesAt": "2026-04-05T12:00:00Z" });
    scene.keep(kept, 1).await;
    let people = scene.line(&QUEUE[..2]).await;
    drop(test.mails().await);
    // The window is closed by now, and the edition has begun.
    until(&test, "2026-04-07T12:00:00Z");
    assert_eq!(test.notices().await, ["enrolment_confirmed bea@example.org"]);
    assert_eq!(people[1].again().await.state().await, "ACTIVE");
    scene.fine().await;
}

#[tokio::test]
async fn an_edition_has_so_many_pools_and_no_more() {
    let test = TestApp::new().await;
    let scene = Scene::of(&test, 300).await;
    let tx = test.app.db.write().await.expect("a transaction");
    for country in rust_iso3166::ALL.iter().take(POOLS_LIMIT) {
        let id = SeatPoolId(test.app.clock.new_id());
        let kept_for = KeptFor::Country(Country::parse(country.alpha2).expect("a country"));
        let draft = PoolDraft {
            seats: 1,
            releases_at: None,
            overflow: false,
        };
        let of = scene.edition.parse().expect("an edition");
        let row = seat_pool::Model::new(id, of, &kept_for, draft, test.now());
        seat_pool::insert(&tx, row, "country").await.expect("a pool");
    }
    tx.commit().await.expect("a commit");
    let input = json!({ "editionId": scene.edition, "constituentGroup": "WORKERS", "seats": 1 });
    assert_eq!(
        scene.faults("CreateSeatPool", input).await,
        ["LIMIT_REACHED input.editionId"]
    );
    scene.fine().await;
}
