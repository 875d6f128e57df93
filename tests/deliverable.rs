//! What an edition asks for: who defines it, what is refused, until when it may change.

use chrono::TimeDelta;
use rumbo::domain::deliverable::DELIVERABLES_LIMIT;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::scene::{Class, act, faults, roadmap_input, rubric, scores, walk};

const NO_DELIVERABLE: &str = "dlv_01h455vb4pex5vsknk084sn02q";
const NO_EDITION: &str = "edn_01h455vb4pex5vsknk084sn02q";

/// A rubric of one criterion whose levels give these points.
fn levels(points: &[&str]) -> Value {
    let level = |points: &&str| json!({ "title": "Level", "points": points });
    json!([{ "key": "plan", "title": "Plan", "levels": points.iter().map(level).collect::<Vec<_>>() }])
}

#[tokio::test]
async fn a_deliverable_that_makes_no_sense_is_refused() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let create = async |change: Value| {
        let mut input = roadmap_input(&class.edition);
        input
            .as_object_mut()
            .expect("fields")
            .extend(change.as_object().expect("fields").clone());
        act(&class.coordinator, "CreateDeliverable", input).await
    };
    let criterion = &rubric()[0];
    let many: Vec<_> = (0..31)
        .map(|place| {
            let mut one = criterion.clone();
            one["key"] = json!(format!("c{place}"));
            one
        })
        .collect();
    let mut nameless = rubric();
    nameless[1]["key"] = json!("");
    // Each within what a level may give, and together beyond what a rubric may.
    let mut heavy = levels(&["0", "600"]);
    heavy.as_array_mut().expect("criteria").push(json!({
        "key": "more", "title": "More", "levels": levels(&["0", "400.001"])[0]["levels"],
    }));
    let steps = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"];
    for (change, expected) in [
        (
            json!({ "cutOffAt": "2026-06-01T23:58:59-03:00" }),
            "DATES_OUT_OF_ORDER input.cutOffAt",
        ),
        (json!({ "title": " " }), "REQUIRED input.title"),
        (json!({ "title": "x".repeat(201) }), "TOO_LONG input.title"),
        (json!({ "title": "a\u{0}b" }), "FORBIDDEN_CHARACTER input.title"),
        (
            json!({ "instructions": "x".repeat(10_001) }),
            "TOO_LONG input.instructions",
        ),
        (json!({ "weight": 0 }), "OUT_OF_RANGE input.weight"),
        (json!({ "weight": -1 }), "OUT_OF_RANGE input.weight"),
        (json!({ "weight": 1001 }), "OUT_OF_RANGE input.weight"),
        (json!({ "rubric": [] }), "REQUIRED input.rubric"),
        (json!({ "rubric": many }), "TOO_LONG input.rubric"),
        (
            json!({ "rubric": [criterion, criterion] }),
            "REPEATED input.rubric.1.key",
        ),
        (json!({ "rubric": nameless }), "REQUIRED input.rubric.1.key"),
        (json!({ "rubric": levels(&["1"]) }), "TOO_SHORT input.rubric.0.levels"),
        (json!({ "rubric": levels(&steps) }), "TOO_LONG input.rubric.0.levels"),
        (
            json!({ "rubric": levels(&["5", "5"]) }),
            "OUT_OF_RANGE input.rubric.0.levels.1.points",
        ),
        (
            json!({ "rubric": levels(&["10", "5"]) }),
            "OUT_OF_RANGE input.rubric.0.levels.1.points",
        ),
        (
            json!({ "rubric": levels(&["-1", "5"]) }),
            "OUT_OF_RANGE input.rubric.0.levels.0.points",
        ),
        (
            json!({ "rubric": levels(&["0", "1000.001"]) }),
            "OUT_OF_RANGE input.rubric.0.levels.1.points",
        ),
        (json!({ "rubric": heavy }), "OUT_OF_RANGE input.rubric"),
        (json!({ "editionId": class.team }), "INVALID_ID input.editionId"),
    ] {
        let refused = create(change.clone()).await;
        assert_eq!(refused.user_errors("createDeliverable"), [expected], "{change}");
    }
    for wrong in ["NaN", "1e309", "1e1", "0.1234", "Infinity", "", "1,5", "９"] {
        let refused = create(json!({ "rubric": levels(&["0", wrong]) })).await;
        assert_eq!(refused.refusal(), "BAD_USER_INPUT", "{wrong}");
    }
    for wrong in [
        json!({ "dueAt": "2026-02-30T00:00:00Z" }),
        json!({ "kind": "POEM" }),
        json!({ "weight": 1.5 }),
    ] {
        assert_eq!(create(wrong.clone()).await.refusal(), "BAD_USER_INPUT", "{wrong}");
    }
    assert_eq!(create(json!({ "editionId": NO_EDITION })).await.refusal(), "NOT_FOUND");
    let fine = create(json!({ "rubric": levels(&["0.001", "999.999"]) })).await;
    assert_eq!(fine.text("createDeliverable.deliverable.mostPoints"), "999.999");
    let asked = class.people[0]
        .run("EditionDeliverables", json!({ "editionId": class.edition }))
        .await;
    assert_eq!(
        asked.at("edition.deliverables").as_array().map(Vec::len),
        Some(2),
        "only what was right"
    );
}

#[tokio::test]
async fn an_edition_asks_for_so_much_and_no_more() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let create = async || act(&class.coordinator, "CreateDeliverable", roadmap_input(&class.edition)).await;
    // One is there, and room is left for one more.
    for _ in 2..DELIVERABLES_LIMIT {
        assert_eq!(create().await.user_errors("createDeliverable"), [""; 0]);
    }
    let (first, second) = tokio::join!(create(), create());
    let mut told = [first, second].map(|answer| answer.user_errors("createDeliverable"));
    told.sort();
    assert_eq!(told, [vec![], vec!["LIMIT_REACHED input.editionId".to_owned()]]);
    let told = create().await.text("createDeliverable.userErrors.0.message");
    assert!(told.ends_with(": 50."), "{told}");
    let asked = class.people[0]
        .run("EditionDeliverables", json!({ "editionId": class.edition }))
        .await;
    assert_eq!(asked.at("edition.deliverables").as_array().map(Vec::len), Some(50));
}

#[tokio::test]
async fn it_changes_until_something_is_assessed() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let update = async |change: Value| {
        let mut input = json!({ "deliverableId": class.roadmap, "version": 1 });
        input
            .as_object_mut()
            .expect("fields")
            .extend(change.as_object().expect("fields").clone());
        act(&class.coordinator, "UpdateDeliverable", input).await
    };
    for (change, expected) in [
        (
            json!({ "dueAt": "2026-07-01T00:00:00Z" }),
            "DATES_OUT_OF_ORDER input.cutOffAt",
        ),
        (json!({ "title": "" }), "REQUIRED input.title"),
        (json!({ "rubric": [] }), "REQUIRED input.rubric"),
        (json!({ "version": 9 }), "STALE_VERSION input.version"),
        (
            json!({ "deliverableId": class.edition }),
            "INVALID_ID input.deliverableId",
        ),
    ] {
        assert_eq!(update(change).await.user_errors("updateDeliverable"), [expected]);
    }
    assert_eq!(
        update(json!({ "deliverableId": NO_DELIVERABLE })).await.refusal(),
        "NOT_FOUND"
    );
    let changed = update(json!({ "title": "The roadmap" })).await;
    assert_eq!(changed.text("updateDeliverable.deliverable.title"), "The roadmap");
    assert_eq!(
        changed.number("updateDeliverable.deliverable.weight"),
        2,
        "what is left out stays"
    );
    let submission = class.hand_in(&class.people[0], "Our plan").await;
    let longer = update(json!({ "version": 2, "cutOffAt": "2026-06-30T00:00:00Z" })).await;
    assert_eq!(longer.user_errors("updateDeliverable"), [""; 0]);
    class.grade(&class.tutor, &submission, scores(1, 1)).await;
    let late = update(json!({ "version": 3, "weight": 5 })).await;
    assert_eq!(
        late.user_errors("updateDeliverable"),
        ["ILLEGAL_TRANSITION input.deliverableId"]
    );
    walk(&class.coordinator, &class.edition, &["GRADING", "CLOSED"]).await;
    let over = faults(&class.coordinator, "CreateDeliverable", roadmap_input(&class.edition)).await;
    assert_eq!(over, ["ILLEGAL_TRANSITION input"]);
    drop(test.mails().await);
}

#[tokio::test]
async fn who_does_not_coordinate_defines_nothing() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let stranger = test.person("Zoe").await;
    for (actor, seen) in [
        (test.anonymous(), false),
        (stranger, false),
        (class.people[0].clone(), true),
        (class.tutor.clone(), true),
    ] {
        let refusal = |seen: bool| match (actor.person, seen) {
            (None, _) => "UNAUTHENTICATED",
            (Some(_), true) => "FORBIDDEN",
            (Some(_), false) => "NOT_FOUND",
        };
        let create = act(&actor, "CreateDeliverable", roadmap_input(&class.edition)).await;
        assert_eq!(create.refusal(), refusal(true), "{}", actor.email);
        let change = json!({ "deliverableId": class.roadmap, "version": 1, "title": "Mine" });
        let change = act(&actor, "UpdateDeliverable", change).await;
        assert_eq!(change.refusal(), refusal(seen), "{}", actor.email);
        let asked = actor
            .run("EditionDeliverables", json!({ "editionId": class.edition }))
            .await;
        let listed = asked.at("edition.deliverables").as_array().map(Vec::len);
        assert_eq!(listed, Some(usize::from(seen)), "{}", actor.email);
    }
}

#[tokio::test]
async fn a_later_cut_off_opens_no_closed_draft_and_the_coordinator_sees_how_many_there_are() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    class.save(&class.people[0], "Half of it").await;
    let closed = "query ($id: ID!) { deliverable(id: $id) { closedDrafts mySubmission { id state } } }";
    let seen = async |reader: &crate::support::app::Client<'_>| {
        let answer = reader.again().await.query(closed, json!({ "id": class.roadmap })).await;
        answer.at("deliverable.closedDrafts").clone()
    };
    assert_eq!(seen(&class.coordinator).await, json!(0));
    // Longer before the cut-off: the draft stays open.
    let coordinator = class.coordinator.again().await;
    let later = json!({ "deliverableId": class.roadmap, "version": 1, "cutOffAt": "2026-06-20T00:00:00Z" });
    let longer = act(&coordinator, "UpdateDeliverable", later).await;
    assert_eq!(longer.number("updateDeliverable.deliverable.closedDrafts"), 0);
    test.pass(TimeDelta::days(120));
    drop(test.mails().await);
    for (reader, count) in [
        (&class.coordinator, json!(1)),
        (&class.tutor, Value::Null),
        (&class.people[0], Value::Null),
    ] {
        assert_eq!(seen(reader).await, count, "{}", reader.email);
    }
    // Longer afterwards: what was closed stays closed, and the answer says how much that is.
    let coordinator = class.coordinator.again().await;
    let later = json!({ "deliverableId": class.roadmap, "version": 2, "cutOffAt": "2026-12-20T00:00:00Z" });
    let longer = act(&coordinator, "UpdateDeliverable", later).await;
    assert_eq!(longer.number("updateDeliverable.deliverable.closedDrafts"), 1);
    let ana = class.people[0].again().await;
    let own = ana.query(closed, json!({ "id": class.roadmap })).await;
    assert_eq!(own.text("deliverable.mySubmission.state"), "NOT_SUBMITTED");
    let input = json!({
        "deliverableId": class.roadmap, "title": "Again", "body": "More", "version": 2,
    });
    let saved = act(&ana, "SaveDraft", input).await;
    assert_eq!(saved.user_errors("saveDraft").len(), 1, "{:#}", saved.json);
}
