//! How many an institution may name, and which seat a nominee has.

use std::sync::Arc;

use rumbo::domain::actor::{Role, Scope};
use rumbo::domain::id::InstitutionId;
use serde_json::{Value, json};

use super::{Place, accepted, seats, token};
use crate::support::app::{TestApp, Who};
use crate::support::scene::{Plan, act, apply, done, enrolling, faults, keep_seats, refused_at_once, version};

impl Place<'_> {
    /// Keeps seats of the edition for the institution alone.
    async fn keep(&self, seats: i64) {
        let for_it = json!({ "institutionId": self.institution.to_string() });
        keep_seats(&self.carla, &self.edition, seats, for_it).await;
    }
}

#[tokio::test]
async fn an_institution_names_within_its_pool_and_nobody_comes_over_it() {
    let test = TestApp::new().await;
    let place = Place::with(&test, Plan::of_seats(3)).await;
    place.keep(2).await;
    assert_eq!(place.seats().await, json!([2, 0, 0, 2]));
    assert_eq!(
        seats(&place.carla, &place.edition, place.institution).await,
        json!([2, 0, 0, 2])
    );
    let (ana, ben) = (test.person("Ana").await, test.person("Ben").await);
    let (_, of_ana) = place.nominate(&test, "ana@example.org").await;
    let (_, of_ben) = place.nominate(&test, "ben@example.org").await;
    assert_eq!(place.seats().await, json!([2, 0, 2, 0]));
    let full = faults(&place.flor, "Nominate", place.naming("cy@example.org")).await;
    assert_eq!(full, ["EDITION_FULL input.editionId"]);
    assert_eq!(accepted(&ana, &of_ana).await, "CONFIRMED");
    assert_eq!(place.seats().await, json!([2, 1, 1, 0]));
    // Somebody of the institution who applies alone has the other seat: a nomination keeps none.
    let who = Who {
        institution: Some(place.institution),
        ..Who::named("Dora")
    };
    assert_eq!(apply(&test.somebody(who).await, &place.edition).await.1, "CONFIRMED");
    assert_eq!(accepted(&ben, &of_ben).await, "WAITLISTED");
    assert_eq!(place.seats().await, json!([2, 2, 0, 0]));
    test.fine().await;
    // A seat that a nominee gives back passes on to the nominee who waits.
    let mine = ana.run("MyEnrolments", json!({ "first": 1 })).await;
    let enrolment = mine.text("myEnrolments.nodes.0.id");
    let input = json!({ "enrolmentId": enrolment, "version": version(&ana, &enrolment).await });
    done(&ana, "WithdrawEnrolment", input).await;
    let rows = place.list().await;
    assert_eq!(
        (&rows[1]["givenName"], &rows[1]["enrolment"]["state"]),
        (&json!("Nora"), &json!("CONFIRMED"))
    );
    // Ana's nomination stands no longer: neither she nor what became of her is the institution's to see.
    let gone = &rows[0];
    assert_eq!(gone["state"], "ACCEPTED");
    for field in ["givenName", "familyName", "email", "enrolment"] {
        assert_eq!(gone[field], Value::Null, "{field}");
    }
    assert_eq!(gone["person"]["fullName"], Value::Null);
    test.fine().await;
    drop(test.mails().await);
}

#[tokio::test]
async fn a_coordinator_decides_on_nominees_where_the_edition_says_so() {
    let test = TestApp::new().await;
    let approval = Plan::of_seats(5).by_approval();
    let place = Place::with(&test, approval).await;
    let nora = test.person("Nora").await;
    let (_, token) = place.nominate(&test, "nora@example.org").await;
    assert_eq!(accepted(&nora, &token).await, "APPLIED");
    let rows = super::list(&place.carla, &place.edition, json!({ "states": ["ACCEPTED"] })).await;
    assert_eq!(
        (&rows[0]["enrolment"]["state"], &rows[0]["rank"]),
        (&json!("APPLIED"), &json!(1))
    );
    drop(test.mails().await);
    test.fine().await;
}

/// A registered organisation of employers, and its focal point.
async fn employers(test: &TestApp) -> InstitutionId {
    let ada = test.administrator().await;
    let input = json!({ "name": "Cámara de Industrias", "country": "UY", "kind": "EMPLOYERS" });
    let made = act(&ada, "CreateInstitution", input).await;
    made.text("createInstitution.institution.id")
        .parse()
        .expect("an institution")
}

#[tokio::test]
async fn a_social_partner_names_people_for_the_seats_of_its_group() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::of_seats(5)).await;
    let institution = employers(&test).await;
    let flor = test
        .holder("Flor", Role::FocalPoint, Scope::Institution(institution))
        .await;
    keep_seats(&carla, &edition, 1, json!({ "constituentGroup": "EMPLOYERS" })).await;
    let place = Place {
        carla,
        flor,
        edition,
        institution,
    };
    assert_eq!(place.seats().await, json!([1, 0, 0, 1]));
    // Nora stated that she is of a training institution; she takes part for the employers.
    let nora = test.person("Nora").await;
    let (_, token) = place.nominate(&test, "nora@example.org").await;
    let full = faults(&place.flor, "Nominate", place.naming("cy@example.org")).await;
    assert_eq!(full, ["EDITION_FULL input.editionId"]);
    assert_eq!(accepted(&nora, &token).await, "CONFIRMED");
    let seen = place.carla.run("SeeSeats", json!({ "id": place.edition })).await;
    assert_eq!(seen.at("edition.seats.pools.0.taken"), 1);
    let mine = nora
        .query("{ myEnrolments(first: 1) { nodes { constituentGroup } } }", json!({}))
        .await;
    assert_eq!(mine.text("myEnrolments.nodes.0.constituentGroup"), "EMPLOYERS");
    drop(test.mails().await);
    test.fine().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_more_are_named_at_once_than_there_are_seats() {
    let test = Arc::new(TestApp::new().await);
    let place = Place::with(&test, Plan::of_seats(3)).await;
    let one = |number: usize| {
        let input = place.naming(&format!("guest{number}@example.org"));
        (place.flor.clone(), "Nominate", input)
    };
    let mut refusals = refused_at_once(&test, (0..12).map(one).collect()).await;
    refusals.sort();
    assert_eq!(refusals[..3], [""; 3]);
    assert_eq!(refusals[3..], ["EDITION_FULL input.editionId"; 9]);
    assert_eq!(test.mails().await.len(), 3);
    // One address is named once.
    let mut same = place.naming("same@example.org");
    same["editionId"] = json!(enrolling(&place.carla, Plan::OTHER).await);
    let same = vec![(place.flor.clone(), "Nominate", same); 12];
    let mut refusals = refused_at_once(&test, same).await;
    refusals.sort();
    assert_eq!(refusals[..1], [""]);
    assert_eq!(refusals[1..], ["ALREADY_INVITED input.email"; 11]);
    drop(test.mails().await);
    test.fine().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_accepts_or_applies_at_once_no_pool_gives_more_than_it_keeps() {
    let test = Arc::new(TestApp::new().await);
    let place = Place::with(&test, Plan::of_seats(6)).await;
    place.keep(3).await;
    let mut all = Vec::new();
    for number in 0..3 {
        let name: &'static str = format!("Guest{number}").leak();
        let guest = test.person(name).await;
        act(&place.flor, "Nominate", place.naming(&guest.email))
            .await
            .text("nominate.nomination.id");
        let token = token(&test, &guest.email).await;
        all.push((guest, "AcceptInvitation", json!({ "token": token })));
    }
    for number in 0..9 {
        let who = Who {
            institution: Some(place.institution),
            ..Who::named(format!("Own{number}").leak())
        };
        let own = test.somebody(who).await;
        let input = json!({ "editionId": place.edition });
        all.push((own, "ApplyToEdition", input));
    }
    assert_eq!(refused_at_once(&test, all).await, [""; 12]);
    let seen = place.carla.run("SeeSeats", json!({ "id": place.edition })).await;
    let pool = seen.at("edition.seats.pools.0");
    assert_eq!((&pool["taken"], &pool["waiting"]), (&json!(3), &json!(9)));
    let rows = place.list().await;
    let states: Vec<&Value> = rows.iter().map(|row| &row["state"]).collect();
    assert_eq!(states, [&json!("ACCEPTED"); 3]);
    drop(test.mails().await);
    test.fine().await;
}
