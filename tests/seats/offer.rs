//! Offers: accepted, declined, run out, ended with the edition.

use chrono::TimeDelta;
use rumbo::service::seat;
use serde_json::{Value, json};

use super::{QUEUE, Scene, offering, until};
use crate::support::app::{TestApp, Who};
use crate::support::scene::{act, cancel, done, faults, walk};

#[tokio::test]
async fn a_seat_is_offered_and_accepted() {
    let test = TestApp::new().await;
    let (scene, people) = offering(&test).await;
    let [ana, bea, cy] = &people[..] else {
        panic!("three people")
    };
    assert_eq!(scene.figures().await.0, json!([1, 0, 1, 1, 0]));
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
    assert_eq!(bea.state().await, "WAITLISTED");
    scene.fine().await;
    // Whoever applies meanwhile waits, and nobody answers for another.
    scene.enter(Who::named("Dora"), "WAITLISTED").await;
    let refused = act(&scene.coordinator, "AcceptOffer", bea.answer().await).await;
    assert_eq!(refused.refusal(), "FORBIDDEN");
    let stale = json!({ "enrolmentId": bea.enrolment, "version": 1 });
    assert_eq!(
        faults(&bea.client, "AcceptOffer", stale).await,
        ["STALE_VERSION input.version"]
    );
    // To whom nothing is offered, nothing is there to accept.
    for operation in ["AcceptOffer", "DeclineOffer"] {
        assert_eq!(cy.refused(operation).await, ["NO_OFFER input.enrolmentId"]);
        assert_eq!(ana.refused(operation).await, ["ILLEGAL_TRANSITION input.enrolmentId"]);
    }
    let accepted = done(&bea.client, "AcceptOffer", bea.answer().await).await;
    assert_eq!(accepted.text("acceptOffer.enrolment.state"), "CONFIRMED");
    assert_eq!(accepted.at("acceptOffer.enrolment.offeredUntil"), &Value::Null);
    assert_eq!(scene.figures().await.0, json!([1, 1, 0, 2, 0]));
    assert_eq!(
        test.notices().await,
        [
            "enrolment_confirmed bea@example.org",
            "enrolment_waitlisted dora@example.org"
        ]
    );
    scene.fine().await;
}

#[tokio::test]
async fn a_declined_seat_passes_on() {
    let test = TestApp::new().await;
    let (scene, people) = offering(&test).await;
    drop(test.mails().await);
    let mut input = people[1].answer().await;
    input["reason"] = json!("I travel");
    let declined = act(&people[1].client, "DeclineOffer", input).await;
    assert_eq!(declined.text("declineOffer.enrolment.state"), "CANCELLED");
    assert_eq!(
        test.notices().await,
        ["application_ended bea@example.org", "seat_offered cy@example.org"]
    );
    // Who withdraws instead of declining leaves the seat, too.
    people[2].withdraw().await;
    assert_eq!(scene.figures().await.0, json!([1, 0, 0, 0, 1]));
    assert_eq!(test.notices().await, ["application_ended cy@example.org"]);
    scene.fine().await;
}

#[tokio::test]
async fn an_offer_expires_late_or_twice_without_harm() {
    let test = TestApp::new().await;
    let (scene, people) = offering(&test).await;
    drop(test.mails().await);
    test.pass(TimeDelta::hours(25));
    let (bea, cy) = (people[1].again().await, people[2].again().await);
    // The job has not come yet, and it is too late all the same.
    assert_eq!(bea.refused("AcceptOffer").await, ["NO_OFFER input.enrolmentId"]);
    // Two workers at once: one of them does it.
    let (db, clock) = (&test.app.db, &test.app.clock);
    let (first, second) = tokio::join!(seat::passing::pass(db, clock), seat::passing::pass(db, clock));
    first.expect("it works");
    second.expect("it works");
    assert_eq!(bea.state().await, "EXPIRED");
    assert_eq!(
        test.notices().await,
        ["seat_offer_expired bea@example.org", "seat_offered cy@example.org"]
    );
    assert_eq!(cy.accept().await, "CONFIRMED");
    let scene = scene.later().await;
    assert_eq!(scene.figures().await.0, json!([1, 1, 0, 0, 0]));
    assert_eq!(test.notices().await, ["enrolment_confirmed cy@example.org"]);
    scene.fine().await;
}

#[tokio::test]
async fn an_offer_of_a_running_edition_leads_into_it_and_its_end_ends_all_offers() {
    let test = TestApp::new().await;
    let scene = Scene::of(&test, 2).await;
    scene.keep(json!({ "country": "BR" }), 1).await;
    scene.offer_for(2, 24).await;
    let people = [
        ("Ana", "UY", "CONFIRMED"),
        ("Bea", "UY", "WAITLISTED"),
        ("Caio", "BR", "CONFIRMED"),
        ("Davi", "BR", "WAITLISTED"),
        ("Eva", "BR", "WAITLISTED"),
    ];
    let people = scene.line(&people).await;
    walk(&scene.coordinator, &scene.edition, &["ENROLMENT_CLOSED", "RUNNING"]).await;
    people[2].withdraw().await;
    assert_eq!(
        scene.figures().await,
        (json!([2, 1, 1, 2, 0]), vec![json!([1, 0, 1, 1])])
    );
    assert_eq!(people[3].accept().await, "ACTIVE");
    people[3].withdraw().await;
    scene.fine().await;
    walk(&scene.coordinator, &scene.edition, &["GRADING"]).await;
    assert_eq!(people[4].state().await, "EXPIRED");
    assert_eq!(
        scene.figures().await,
        (json!([2, 1, 0, 0, 0]), vec![json!([1, 0, 0, 0])])
    );
    scene.fine().await;
    drop(test.mails().await);
}

#[tokio::test]
async fn a_cancelled_edition_ends_its_offers_and_keeps_nothing_for_anybody_new() {
    let test = TestApp::new().await;
    let (scene, people) = offering(&test).await;
    drop(test.mails().await);
    cancel(&scene.coordinator, &scene.edition, "No room").await;
    for person in &people[1..] {
        assert_eq!(person.state().await, "CANCELLED");
        assert_eq!(
            person.refused("AcceptOffer").await,
            ["ILLEGAL_TRANSITION input.enrolmentId"]
        );
    }
    assert_eq!(scene.figures().await.0, json!([1, 0, 0, 0, 1]));
    assert_eq!(
        test.notices().await,
        ["edition_cancelled bea@example.org", "edition_cancelled cy@example.org"]
    );
    let input = json!({ "editionId": scene.edition, "country": "UY", "seats": 1 });
    assert_eq!(
        scene.faults("CreateSeatPool", input).await,
        ["ILLEGAL_TRANSITION input"]
    );
    // The time of the offer comes, and there is none.
    test.pass(TimeDelta::days(2));
    assert_eq!(test.notices().await, [""; 0]);
    scene.fine().await;
}

#[tokio::test]
async fn an_offer_outlives_the_window_and_passes_on_when_its_time_ends() {
    let test = TestApp::new().await;
    let scene = Scene::of(&test, 1).await;
    scene.offer_for(1, 24).await;
    let people = scene.line(&QUEUE).await;
    // Fifteen hours before the window closes.
    until(&test, "2026-04-01T12:00:00Z");
    people[0].again().await.withdraw().await;
    drop(test.mails().await);
    let of_edition = async || {
        let seen = test.anonymous().run("SeeEdition", json!({ "id": scene.edition })).await;
        seen.text("edition.state")
    };
    until(&test, "2026-04-02T11:59:00Z");
    assert_eq!(test.notices().await, [""; 0]);
    assert_eq!(of_edition().await, "ENROLMENT_CLOSED");
    let bea = people[1].again().await;
    assert_eq!(bea.state().await, "WAITLISTED");
    until(&test, "2026-04-02T12:00:00Z");
    assert_eq!(
        test.notices().await,
        ["seat_offer_expired bea@example.org", "seat_offered cy@example.org"]
    );
    assert_eq!(bea.state().await, "EXPIRED");
    assert_eq!(people[2].again().await.accept().await, "CONFIRMED");
    until(&test, "2026-04-06T03:00:00Z");
    assert_eq!(test.notices().await, ["enrolment_confirmed cy@example.org"]);
    assert_eq!(of_edition().await, "RUNNING");
    assert_eq!(people[2].again().await.state().await, "ACTIVE");
    scene.fine().await;
}
