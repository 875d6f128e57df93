//! Seats that are kept for an institution that was merged.

use serde_json::json;

use super::{into, of};
use crate::support::app::TestApp;
use crate::support::scene::{Plan, apply, done, enrolling, faults, keep_seats, state};

#[tokio::test]
async fn seats_that_are_kept_for_both_are_one_pool_and_go_to_who_waits() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let (old, new) = (test.institution("Old", "UY").await, test.institution("New", "UY").await);
    let plan = Plan::of_seats(5);
    let edition = enrolling(&carla, plan).await;
    for institution in [old, new] {
        keep_seats(&carla, &edition, 1, json!({ "institutionId": institution.to_string() })).await;
    }
    let (ana, ben) = (of(&test, "Ana", old).await, of(&test, "Ben", old).await);
    let (_, taken) = apply(&ana, &edition).await;
    let (waiting, waits) = apply(&ben, &edition).await;
    assert_eq!((taken.as_str(), waits.as_str()), ("CONFIRMED", "WAITLISTED"));
    drop(test.mails().await);
    let ada = test.administrator().await;
    done(&ada, "MergeInstitution", into(&old.to_string(), 1, &new.to_string())).await;
    assert_eq!(test.notices().await, ["enrolment_confirmed ben@example.org"]);
    assert_eq!(state(&ben, &waiting).await, "CONFIRMED");
    let seen = carla.run("SeeSeats", json!({ "id": edition })).await;
    let pools = seen.at("edition.seats.pools").as_array().expect("pools").clone();
    assert_eq!(pools.len(), 1);
    assert_eq!((&pools[0]["seats"], &pools[0]["taken"]), (&json!(2), &json!(2)));
    assert_eq!(seen.number("edition.seats.free"), 3);
    test.fine().await;
    // One more for it is one for the other.
    let input = json!({ "editionId": edition, "institutionId": old.to_string(), "seats": 1 });
    assert_eq!(
        faults(&carla, "CreateSeatPool", input).await,
        ["TAKEN input.institutionId"]
    );
}

#[tokio::test]
async fn a_pool_of_its_own_is_kept_for_the_other() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let (old, new) = (test.institution("Old", "UY").await, test.institution("New", "UY").await);
    let plan = Plan::of_seats(2);
    let edition = enrolling(&carla, plan).await;
    keep_seats(&carla, &edition, 1, json!({ "institutionId": old.to_string() })).await;
    apply(&test.person("Ana").await, &edition).await;
    let ben = of(&test, "Ben", new).await;
    let (waiting, waits) = apply(&ben, &edition).await;
    assert_eq!(waits, "WAITLISTED");
    let ada = test.administrator().await;
    done(&ada, "MergeInstitution", into(&old.to_string(), 1, &new.to_string())).await;
    drop(test.mails().await);
    assert_eq!(state(&ben, &waiting).await, "CONFIRMED", "the seat is theirs now");
    let seen = carla.run("SeeSeats", json!({ "id": edition })).await;
    assert_eq!(seen.text("edition.seats.pools.0.institution.id"), new.to_string());
    test.fine().await;
}

#[tokio::test]
async fn two_full_pools_of_a_full_edition_become_one_and_then_none() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let (old, new) = (test.institution("Old", "UY").await, test.institution("New", "UY").await);
    let edition = enrolling(&carla, Plan::of_seats(2)).await;
    for institution in [old, new] {
        keep_seats(&carla, &edition, 1, json!({ "institutionId": institution.to_string() })).await;
    }
    for (name, institution) in [("Ana", old), ("Ben", new)] {
        let (_, state) = apply(&of(&test, name, institution).await, &edition).await;
        assert_eq!(state, "CONFIRMED");
    }
    let ada = test.administrator().await;
    done(&ada, "MergeInstitution", into(&old.to_string(), 1, &new.to_string())).await;
    drop(test.mails().await);
    let seen = carla.run("SeeSeats", json!({ "id": edition })).await;
    let pools = seen.at("edition.seats.pools").as_array().expect("pools").clone();
    assert_eq!(pools.len(), 1);
    assert_eq!((&pools[0]["seats"], &pools[0]["taken"]), (&json!(2), &json!(2)));
    test.fine().await;
    let removal = json!({ "seatPoolId": pools[0]["id"], "version": pools[0]["version"] });
    let removed = done(&carla, "RemoveSeatPool", removal).await;
    assert_eq!(removed.number("removeSeatPool.edition.seats.free"), 0);
    assert_eq!(removed.number("removeSeatPool.edition.seats.taken"), 2);
    test.fine().await;
    drop(test.mails().await);
}
