//! The work list of applications: which ones, in which order, at what cost.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{approving, decided, from};
use crate::support::app::{Answer, Client, TestApp, Who};
use crate::support::scene::{act, apply, enrolling, nominate};

/// The given names in a list of enrolments.
fn names(answer: &Answer) -> Vec<String> {
    let rows = answer
        .at("edition.enrolments.nodes")
        .as_array()
        .expect("a list")
        .clone();
    let name = |row: &Value| row["person"]["givenName"].as_str().expect("a name").to_owned();
    rows.iter().map(name).collect()
}

async fn list(reader: &Client<'_>, edition: &str, filter: Value) -> Vec<String> {
    let variables = json!({ "editionId": edition, "filter": filter, "first": 50 });
    names(&reader.run("EditionEnrolments", variables).await)
}

#[tokio::test]
async fn a_list_is_restricted_by_what_its_rows_show() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, approving(9)).await;
    let inefop = test.institution("INEFOP", "UY").await;
    let sena = test.institution("SENA", "CO").await;
    let begin = test.now();
    let mut enrolments = Vec::new();
    for (name, institution, country) in [
        ("Ana", Some(inefop), "UY"),
        ("Ben", None, "BR"),
        ("Cy", Some(sena), "CO"),
    ] {
        let who = Who {
            country,
            institution,
            ..Who::named(name)
        };
        let person = test.somebody(who).await;
        enrolments.push(apply(&person, &edition).await.0);
        test.pass(TimeDelta::minutes(1));
    }
    let dora = test.person("Dora").await;
    let input = json!({ "gender": "FEMALE", "country": "UY", "constituentGroup": "WORKERS" });
    act(&dora, "DeclareMyself", input).await;
    enrolments.push(apply(&dora, &edition).await.0);
    nominate(&test, &enrolments[1], sena.0).await;
    decided(&carla, &enrolments[2], "CONFIRM").await;
    let minute = |minutes: i64| json!(begin + TimeDelta::minutes(minutes));
    for (filter, expected) in [
        (json!(null), vec!["Ana", "Ben", "Cy", "Dora"]),
        (json!({ "states": ["APPLIED"] }), vec!["Ana", "Ben", "Dora"]),
        (json!({ "states": ["CONFIRMED", "REJECTED"] }), vec!["Cy"]),
        (json!({ "countries": ["uy"] }), vec!["Ana", "Dora"]),
        (
            json!({ "institutionIds": [inefop.to_string(), sena.to_string()] }),
            vec!["Ana", "Cy"],
        ),
        (json!({ "constituentGroups": ["WORKERS"] }), vec!["Dora"]),
        (json!({ "languages": ["EN"] }), vec!["Ana", "Ben", "Cy", "Dora"]),
        (json!({ "languages": ["PT"] }), vec![]),
        (json!({ "nominatedByIds": [sena.to_string()] }), vec!["Ben"]),
        // From the first instant, up to the second one.
        (
            json!({ "appliedFrom": minute(1), "appliedUntil": minute(3) }),
            vec!["Ben", "Cy"],
        ),
        (
            json!({ "appliedFrom": minute(1), "states": ["APPLIED"] }),
            vec!["Ben", "Dora"],
        ),
    ] {
        assert_eq!(list(&carla, &edition, filter.clone()).await, expected, "{filter}");
    }
    for (filter, code, path) in [
        (json!({ "nominatedByIds": ["nobody"] }), "INVALID_ID", "nominatedByIds"),
        (
            json!({ "appliedFrom": "0001-01-01T00:00:00Z" }),
            "OUT_OF_RANGE",
            "appliedFrom",
        ),
        (
            json!({ "appliedUntil": "0001-01-01T00:00:00Z" }),
            "OUT_OF_RANGE",
            "appliedUntil",
        ),
    ] {
        let variables = json!({ "editionId": edition, "filter": filter, "first": 50 });
        let refused = carla.run("EditionEnrolments", variables).await;
        assert_eq!(refused.refusal(), code);
        assert_eq!(refused.json["errors"][0]["extensions"]["inputPath"][1], json!(path));
    }
    // A filter shows nothing that the list would not.
    for filter in [
        json!({ "constituentGroups": ["WORKERS"] }),
        json!({ "nominatedByIds": [sena.to_string()] }),
    ] {
        assert_eq!(
            list(&dora, &edition, filter.clone()).await.len(),
            usize::from(filter["nominatedByIds"].is_null())
        );
        assert_eq!(list(&test.anonymous(), &edition, filter).await, [""; 0]);
    }
    drop(test.mails().await);
}

#[tokio::test]
async fn the_newest_come_first_where_that_is_asked_page_by_page() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, approving(9)).await;
    for name in ["Ana", "Ben", "Cy", "Dora", "Eva"] {
        apply(&test.person(name).await, &edition).await;
        test.pass(TimeDelta::minutes(1));
    }
    for (order, expected) in [
        ("OLDEST_FIRST", ["Ana", "Ben", "Cy", "Dora", "Eva"]),
        ("NEWEST_FIRST", ["Eva", "Dora", "Cy", "Ben", "Ana"]),
    ] {
        let (mut found, mut after) = (Vec::new(), Value::Null);
        loop {
            let variables = json!({ "editionId": edition, "order": order, "first": 2, "after": after });
            let page = carla.run("EditionEnrolments", variables).await;
            found.extend(names(&page));
            if page.at("edition.enrolments.pageInfo.hasNextPage") == &json!(false) {
                break;
            }
            after = page.at("edition.enrolments.pageInfo.endCursor").clone();
        }
        assert_eq!(found, expected, "{order}");
        // The same without people, which is read in another way.
        let document =
            "query ($id: ID!, $order: EnrolmentOrder!) { edition(id: $id) { enrolments(last: 2, order: $order) {
            nodes { appliedAt } } } }";
        let page = carla.query(document, json!({ "id": edition, "order": order })).await;
        let ends = page.at("edition.enrolments.nodes").as_array().expect("a list").clone();
        let rises = ends[0]["appliedAt"].as_str() < ends[1]["appliedAt"].as_str();
        assert_eq!(rises, order == "OLDEST_FIRST");
    }
    let document = "query ($id: ID!, $order: EnrolmentOrder) { edition(id: $id) { enrolments(first: 5, order: $order) {
        nodes { appliedAt } } } }";
    for order in [json!({}), json!({ "order": null })] {
        let mut variables = order.clone();
        variables["id"] = json!(edition);
        let page = carla.query(document, variables).await;
        let nodes = page.at("edition.enrolments.nodes").as_array().expect("a list").clone();
        assert!(nodes.is_sorted_by_key(|node| node["appliedAt"].as_str()), "{order}");
    }
    drop(test.mails().await);
}

#[tokio::test]
async fn the_first_page_with_filters_costs_the_same_whatever_the_size() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, approving(99)).await;
    let variables = json!({
        "editionId": edition, "order": "NEWEST_FIRST", "first": 50,
        "filter": { "states": ["APPLIED", "UNDER_REVIEW"], "countries": ["BR"], "constituentGroups": ["TRAINING_INSTITUTION"] },
    });
    let mut spent = Vec::new();
    for round in 0..3 {
        for number in 0..5 {
            let name: &'static str = format!("P{round}{number}").leak();
            apply(&from(&test, name, "BR").await, &edition).await;
        }
        carla.warm_up().await;
        let before = test.app.db.statements();
        let page = carla.run("EditionEnrolments", variables.clone()).await;
        spent.push(test.app.db.statements() - before);
        assert_eq!(names(&page).len(), 5 * (round + 1));
    }
    assert_eq!(
        spent,
        [3, 3, 3],
        "the edition; its enrolments with people and institutions; the record of it"
    );
    drop(test.mails().await);
}
