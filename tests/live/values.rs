//! Which values come, in what order, and what they cost.

use std::time::{Duration, Instant};

use rumbo::store::announce::Topic;
use serde_json::{Value, json};

use super::announce::following;
use super::{
    FIGURES, OWN, applications, figures, follower, freed, open, own, prompt, seats, silently, subscribe, undisturbed,
    value,
};
use crate::socket::introduced;
use crate::support::app::{Client, TestApp};
use crate::support::scene::{Plan, act, apply, as_seen, edition_input, enrolling, replan, walk, withdraw};

#[tokio::test]
async fn the_figures_of_an_edition_come_at_once_and_after_each_change() {
    let test = TestApp::having(prompt).await;
    let carla = test.coordinator().await;
    let plan = Plan::of_seats(1);
    let edition = enrolling(&carla, plan).await;
    let (eva, ana) = (test.person("Eva").await, test.person("Ana").await);
    let mut peer = follower(&test, &carla, &edition).await;
    let first = figures(&mut peer).await;
    assert_eq!(
        (&first["editionId"], &first["state"]),
        (&json!(edition), &json!("ENROLLING"))
    );
    assert_eq!(seats(&first), [Some(1), Some(0), Some(1), Some(0), Some(0)]);

    let (of_eva, _) = apply(&eva, &edition).await;
    assert_eq!(
        seats(&figures(&mut peer).await),
        [Some(1), Some(1), Some(0), Some(0), Some(1)]
    );
    assert_eq!(apply(&ana, &edition).await.1, "WAITLISTED");
    assert_eq!(
        seats(&figures(&mut peer).await),
        [Some(1), Some(1), Some(0), Some(1), Some(2)]
    );
    // The seat passes on in the same transaction, so no value shows it free.
    withdraw(&eva, &of_eva).await;
    assert_eq!(
        seats(&figures(&mut peer).await),
        [Some(1), Some(1), Some(0), Some(0), Some(2)]
    );

    let plan = Plan {
        capacity: Some(3),
        ..plan
    };
    let changed = replan(&carla, &edition, edition_input(plan)).await;
    changed.at("updateEdition.edition.id");
    assert_eq!(
        seats(&figures(&mut peer).await),
        [Some(3), Some(1), Some(2), Some(0), Some(2)]
    );
    walk(&carla, &edition, &["ENROLMENT_CLOSED"]).await;
    assert_eq!(figures(&mut peer).await["state"], "ENROLMENT_CLOSED");

    peer.say(json!({ "type": "complete", "id": "a" })).await;
    freed(&test).await;
}

#[tokio::test]
async fn ones_own_enrolments_come_whoever_changes_them_and_nobody_elses() {
    let test = TestApp::having(prompt).await;
    let (carla, one) = open(&test).await;
    let other = enrolling(&carla, Plan::OTHER.by_approval()).await;
    let (eva, ana) = (test.person("Eva").await, test.person("Ana").await);
    let mut peer = introduced(&test, eva.token()).await;
    subscribe(&mut peer, "a", OWN, json!({ "first": 10 })).await;
    assert_eq!(own(&mut peer).await, [""; 0]);
    apply(&eva, &one).await;
    assert_eq!(own(&mut peer).await, ["DEMO-2026 CONFIRMED"]);
    test.pass(chrono::TimeDelta::seconds(1));
    apply(&ana, &other).await;
    let (applied, _) = apply(&eva, &other).await;
    assert_eq!(own(&mut peer).await, ["OTHER-2026 APPLIED", "DEMO-2026 CONFIRMED"]);

    let enrolments = as_seen(&carla, json!([applied])).await;
    let input = json!({ "editionId": other, "enrolments": enrolments, "decision": "REJECT", "reason": "No room" });
    act(&carla, "DecideEnrolments", input).await;
    assert_eq!(own(&mut peer).await, ["OTHER-2026 REJECTED", "DEMO-2026 CONFIRMED"]);
    walk(&carla, &one, &["ENROLMENT_CLOSED", "RUNNING"]).await;
    assert_eq!(own(&mut peer).await, ["OTHER-2026 REJECTED", "DEMO-2026 ACTIVE"]);
}

#[tokio::test]
async fn what_changes_without_being_announced_is_seen_at_the_next_look() {
    let test = TestApp::having(|settings| {
        prompt(settings);
        settings.live.check_seconds = 1;
    })
    .await;
    let (carla, edition) = open(&test).await;
    let mut peer = follower(&test, &carla, &edition).await;
    assert_eq!(figures(&mut peer).await["capacity"], Value::Null);
    silently(&test, "UPDATE edition SET capacity = 7").await;
    // What says the same as before is not said: the looks in between are silent.
    assert_eq!(figures(&mut peer).await["capacity"], 7);
}

#[tokio::test]
async fn many_changes_come_in_few_values_and_the_last_is_told() {
    const PEOPLE: usize = 24;
    const PAUSE: Duration = Duration::from_millis(200);
    let test = TestApp::having(|settings| {
        prompt(settings);
        settings.live.pause_milliseconds = 200;
    })
    .await;
    let (carla, edition) = open(&test).await;
    let names: Vec<&'static str> = (0..PEOPLE)
        .map(|number| &*Box::leak(format!("P{number}").into_boxed_str()))
        .collect();
    let mut people = Vec::new();
    for name in names {
        people.push(test.person(name).await);
    }
    let mut peer = follower(&test, &carla, &edition).await;
    let begun = Instant::now();
    figures(&mut peer).await;
    for person in &people {
        apply(person, &edition).await;
    }
    let mut values = 1_u32;
    loop {
        values += 1;
        if applications(&mut peer).await == PEOPLE {
            break;
        }
    }
    let most = begun.elapsed().as_millis() / PAUSE.as_millis() + 2;
    assert!(u128::from(values) <= most, "{values} values in {:?}", begun.elapsed());
    eprintln!("live: {PEOPLE} changes in {values} values, {:?}", begun.elapsed());
}

#[tokio::test]
async fn a_value_costs_the_same_few_statements_whatever_the_number() {
    let test = TestApp::having(undisturbed).await;
    let (carla, edition) = open(&test).await;
    let eva = test.person("Eva").await;
    // When the program begins to listen to something, who follows it reads again, which is not to be counted here.
    let topics = [
        Topic::Person(eva.person.expect("a person")),
        Topic::Edition(edition.parse().expect("an edition")),
    ];
    let _listening = following(&test, &topics).await;
    let mut others = Vec::new();
    for code in ["E-1", "E-2", "E-3", "E-4"] {
        others.push(enrolling(&carla, Plan { code, ..Plan::OPEN }).await);
    }
    let spent = async |client: &Client<'_>, operation, variables: Value, field| {
        let mut peer = introduced(&test, client.token()).await;
        client.warm_up().await;
        let before = test.app.db.statements();
        subscribe(&mut peer, "a", operation, variables).await;
        value(&mut peer, field).await;
        test.app.db.statements() - before
    };
    let mut costs = Vec::new();
    for round in &others {
        apply(&eva, round).await;
        apply(
            &test.person(Box::leak(format!("In{round}").into_boxed_str())).await,
            &edition,
        )
        .await;
        costs.push((
            spent(&carla, FIGURES, json!({ "editionId": edition }), "editionFigures").await,
            spent(&eva, OWN, json!({ "first": 100 }), "myEnrolments").await,
        ));
    }
    eprintln!("live: statements of a value, figures and own enrolments: {costs:?}");
    assert!(
        costs.iter().all(|(figures, own)| *figures <= 2 && *own <= 2),
        "{costs:?}"
    );
}
