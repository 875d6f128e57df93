//! The line: who is next, and how many pass on.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{QUEUE, Scene, change, removal};
use crate::support::app::{TestApp, Who};
use crate::support::scene::{Plan, act, apply, edition_input, faults};

#[tokio::test]
async fn a_lifted_limit_admits_everybody_who_waits() {
    let test = TestApp::new().await;
    let scene = Scene::of(&test, 1).await;
    scene.line(&QUEUE).await;
    drop(test.mails().await);
    let lifted = scene.replan(edition_input(Plan::OPEN)).await;
    lifted.at("updateEdition.edition.id");
    assert_eq!(
        test.notices().await,
        [
            "enrolment_confirmed bea@example.org",
            "enrolment_confirmed cy@example.org"
        ]
    );
    scene.fine().await;
}

#[tokio::test]
async fn an_edition_without_a_limit_that_is_opened_admits_everybody_who_waits() {
    let test = TestApp::new().await;
    let scene = Scene::with(&test, test.coordinator().await, Plan::OPEN.by_approval()).await;
    let people = scene.line(&[("Ana", "UY", "APPLIED"), ("Bea", "BR", "APPLIED")]).await;
    let waits = scene.decision(&people[0], "WAITLIST").await;
    scene.done("DecideEnrolment", waits).await;
    drop(test.mails().await);
    let opened = scene.replan(edition_input(Plan::OPEN)).await;
    assert_eq!(opened.user_errors("updateEdition"), [""; 0]);
    assert_eq!(admitted(&test).await, ["ana"], "the other is still to be decided on");
    scene.fine().await;
}

/// Whom the messages since the last call tell that they have a seat, in the order of the alphabet.
async fn admitted(test: &TestApp) -> Vec<String> {
    let name = |notice: String| {
        let address = notice.strip_prefix("enrolment_confirmed ")?;
        Some(address.strip_suffix("@example.org")?.to_owned())
    };
    test.notices().await.into_iter().filter_map(name).collect()
}

#[tokio::test]
async fn where_a_coordinator_decides_no_more_pass_on_than_was_freed_or_added() {
    let test = TestApp::new().await;
    let approval = |capacity| Plan::of_seats(capacity).by_approval();
    let coordinator = test.coordinator().await;
    let scene = Scene::with(&test, coordinator, approval(9)).await;
    let names = ["Ana", "Bea", "Cy", "Dora", "Eva", "Fio", "Caio", "Davi", "Elis", "Gil"];
    let people = names.map(|name| {
        let is_of_brazil = ["Caio", "Davi", "Elis"].contains(&name);
        (name, if is_of_brazil { "BR" } else { "UY" }, "APPLIED")
    });
    let people = scene.line(&people).await;
    for (place, who) in people.iter().enumerate() {
        let decision = scene.decision(who, if place == 0 { "CONFIRM" } else { "WAITLIST" });
        scene.done("DecideEnrolment", decision.await).await;
    }
    assert_eq!(admitted(&test).await, ["ana"]);
    assert_eq!(scene.figures().await.0, json!([9, 1, 0, 9, 8]));
    people[0].withdraw().await;
    assert_eq!(admitted(&test).await, ["bea"], "one seat was freed");
    for (capacity, expected) in [(9, &[][..]), (10, &["cy"][..])] {
        let changed = scene.replan(edition_input(approval(capacity))).await;
        assert_eq!(changed.user_errors("updateEdition"), [""; 0]);
        assert_eq!(admitted(&test).await, expected, "{capacity} seats");
    }
    let pool = scene.keep(json!({ "country": "BR" }), 1).await;
    assert_eq!(admitted(&test).await, ["caio"], "one seat was added to the pool");
    scene.done("ChangeSeatPool", change(&pool, 1, 2)).await;
    assert_eq!(admitted(&test).await, ["davi"], "one more was");
    let mut input = change(&pool, 2, 2);
    input["overflow"] = json!(true);
    scene.done("ChangeSeatPool", input).await;
    assert_eq!(admitted(&test).await, [""; 0], "none was");
    // What is left of a pool is added to the seats for everybody: when it is made smaller, removed or released.
    let workers = scene.keep(json!({ "constituentGroup": "WORKERS" }), 3).await;
    assert_eq!(admitted(&test).await, [""; 0], "nobody is of it");
    scene.done("ChangeSeatPool", change(&workers, 1, 2)).await;
    assert_eq!(admitted(&test).await, ["dora"]);
    let release = test.now() + TimeDelta::hours(1);
    let kept = json!({ "country": "AR", "releasesAt": release });
    let argentina = scene.keep(kept, 1).await;
    scene.done("RemoveSeatPool", removal(&workers, 2)).await;
    assert_eq!(admitted(&test).await, ["eva", "fio"]);
    test.pass(release - test.now());
    assert_eq!(admitted(&test).await, ["elis"]);
    let scene = scene.later().await;
    scene.done("RemoveSeatPool", removal(&argentina, 2)).await;
    assert_eq!(admitted(&test).await, [""; 0], "its seat was for everybody before");
    assert_eq!(
        scene.figures().await.0,
        json!([10, 8, 0, 1, 2]),
        "Gil waits beside two seats"
    );
    scene.fine().await;
}

#[tokio::test]
async fn a_rank_comes_before_the_time_of_application() {
    let test = TestApp::new().await;
    let scene = Scene::of(&test, 1).await;
    let first = scene.line(&QUEUE[..1]).await.remove(0);
    let mut waiting = scene.line(&QUEUE[1..]).await;
    waiting.push(scene.enter(Who::named("Dora"), "WAITLISTED").await);
    for (place, rank) in [(2, json!(2)), (1, json!(5)), (0, json!(1)), (0, json!(null))] {
        let input = scene.rank(&waiting[place], &rank).await;
        let ranked = scene.done("RankWaiting", input).await;
        assert_eq!(ranked.at("rankWaiting.enrolment.waitingRank"), &rank);
    }
    for rank in [0, 1_000_001] {
        let input = scene.rank(&waiting[0], &json!(rank)).await;
        assert_eq!(scene.faults("RankWaiting", input).await, ["OUT_OF_RANGE input.rank"]);
    }
    for (of, expected) in [
        (&waiting[0], "STALE_VERSION input.version"),
        (&first, "ILLEGAL_TRANSITION input.enrolmentId"),
    ] {
        let input = json!({ "enrolmentId": of.enrolment, "version": 1, "rank": 1 });
        assert_eq!(scene.faults("RankWaiting", input).await, [expected]);
    }
    // The person does not see it, and does not set it.
    let cy = &waiting[1];
    let seen = "query ($id: ID!) { enrolment(id: $id) { waitingRank } }";
    let own = cy.client.query(seen, json!({ "id": cy.enrolment })).await;
    assert_eq!(own.at("enrolment.waitingRank"), &Value::Null);
    let input = json!({ "enrolmentId": cy.enrolment, "version": 2, "rank": 1 });
    assert_eq!(act(&cy.client, "RankWaiting", input).await.refusal(), "FORBIDDEN");
    drop(test.mails().await);
    let mut leaving = &first;
    for place in [2, 1, 0] {
        leaving.withdraw().await;
        leaving = &waiting[place];
        assert_eq!(leaving.state().await, "CONFIRMED", "{place}");
    }
    scene.fine().await;
    drop(test.mails().await);
}

#[tokio::test]
async fn nobody_ranks_themself() {
    let test = TestApp::new().await;
    let scene = Scene::of(&test, 1).await;
    scene.enter(Who::named("Ana"), "CONFIRMED").await;
    let cora = test.coordinator_of("Cora", &scene.edition).await;
    let (own, stands) = apply(&cora, &scene.edition).await;
    assert_eq!(stands, "WAITLISTED");
    let input = json!({ "enrolmentId": own, "version": 1, "rank": 1 });
    assert_eq!(
        faults(&cora, "RankWaiting", input).await,
        ["OWN_WORK input.enrolmentId"]
    );
    drop(test.mails().await);
}
