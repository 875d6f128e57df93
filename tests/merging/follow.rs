//! What follows an institution that was merged: declarations, enrolments and figures, and the job that leads them.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use rumbo::domain::id::{EditionId, InstitutionId};
use rumbo::domain::institution::FOLLOWING;
use rumbo::service::institution::following;
use serde_json::{Value, json};

use super::{declare, into, led_to, of, propose, register};
use crate::support::app::{Client, TestApp};
use crate::support::rows::texts;
use crate::support::scene::{Plan, apply, done, enrolling, version};

/// How many enrolments each institution has.
async fn figures(reader: &Client<'_>, filter: Value, as_at: Option<DateTime<Utc>>) -> Vec<(String, i64)> {
    let variables = json!({ "by": ["INSTITUTION"], "filter": filter, "asAt": as_at });
    let answer = reader.run("Statistics", variables).await;
    let rows = answer.at("statistics.rows").as_array().expect("rows").clone();
    let row = |row: &Value| {
        let name = row["institution"]["name"].as_str().unwrap_or("none").to_owned();
        (name, row["enrolments"].as_i64().expect("a number"))
    };
    rows.iter().map(row).collect()
}

fn one(name: &str) -> Vec<(String, i64)> {
    vec![(name.to_owned(), 1)]
}

#[tokio::test]
async fn a_proposal_leads_to_what_it_was_merged_into_and_everything_follows() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let kept = test.institution("INEFOP", "UY").await.to_string();
    let ana = test.person("Ana").await;
    let id = propose(&ana, "Inst. de Empleo").await;
    declare(&ana, &id).await.at("stateDeclaration.declaration.id");
    let edition = enrolling(&carla, Plan::OPEN).await;
    let (enrolment, _) = apply(&ana, &edition).await;
    drop(test.mails().await);
    let before = test.now();
    test.pass(TimeDelta::minutes(1));
    let (carla, ana) = (carla.again().await, ana.again().await);

    let mut input = into(&id, 1, &kept);
    input["reason"] = json!("Both are the same");
    let merged = done(&carla, "MergeInstitution", input).await;
    assert_eq!(merged.text("mergeInstitution.institution.id"), kept);
    assert_eq!(
        merged.at("mergeInstitution.institution.aliases"),
        &json!(["Inst. de Empleo"])
    );
    assert_eq!(register(&ana, "empleo").await, ["INEFOP REGISTERED"]);
    for one in [&id, &kept] {
        assert_eq!(led_to(&ana, one).await, json!(kept), "both lead to it");
        let stated = declare(&ana, one).await;
        assert_eq!(stated.text("stateDeclaration.declaration.institution.id"), kept);
    }
    // What has yet to follow counts already where the one that stays is asked for.
    let of_both = json!({ "institutions": [kept] });
    assert_eq!(figures(&carla, of_both.clone(), None).await, one("Inst. de Empleo"));
    test.fine().await;
    assert_eq!(test.notices().await, ["proposal_settled ana@example.org"]);

    let seen = ana.run("EnrolmentSnapshots", json!({ "id": enrolment })).await;
    assert_eq!(seen.text("enrolment.institution.id"), kept);
    assert_eq!(seen.number("enrolment.version"), 2);
    let former = seen.at("enrolment.formerSnapshots.0");
    assert_eq!(
        (
            &former["institution"]["name"],
            &former["institutionKind"],
            &former["cause"]
        ),
        (
            &json!("Inst. de Empleo"),
            &json!("TRAINING_INSTITUTION"),
            &json!("MERGED")
        )
    );
    for filter in [json!({}), of_both, json!({ "institutions": [id] })] {
        assert_eq!(figures(&carla, filter.clone(), None).await, one("INEFOP"), "{filter}");
    }
    let as_it_was = Some(before);
    for filter in [json!({}), json!({ "institutions": [id] })] {
        assert_eq!(
            figures(&carla, filter.clone(), as_it_was).await,
            one("Inst. de Empleo"),
            "{filter}"
        );
    }
    let none = figures(&carla, json!({ "institutions": [kept] }), as_it_was).await;
    assert_eq!(none, Vec::new());
    for wanted in [&id, &kept] {
        let filter = json!({ "institutionIds": [wanted] });
        let list = "query ($id: ID!, $filter: EnrolmentFilter) {
            edition(id: $id) { enrolments(first: 5, filter: $filter) { nodes { id } } }
        }";
        let found = carla.query(list, json!({ "id": edition, "filter": filter })).await;
        assert_eq!(found.text("edition.enrolments.nodes.0.id"), enrolment);
    }
    // The job comes again and finds nothing.
    assert_eq!(test.notices().await, [""; 0]);
    assert_eq!(version(&ana, &enrolment).await, 2);
    test.fine().await;
}

#[tokio::test]
async fn the_job_may_come_twice_or_late_and_rests_in_the_end() {
    let test = TestApp::new().await;
    let ada = test.administrator().await;
    let (old, new) = (test.institution("Old", "UY").await, test.institution("New", "UY").await);
    let edition = enrolling(&test.coordinator().await, Plan::OPEN).await;
    let mut enrolments = Vec::new();
    for name in ["Ana", "Ben", "Cy"] {
        let person = of(&test, name, old).await;
        enrolments.push((apply(&person, &edition).await.0, person));
    }
    done(&ada, "MergeInstitution", into(&old.to_string(), 1, &new.to_string())).await;
    let (db, clock) = (&test.app.db, &test.app.clock);
    let (first, second) = tokio::join!(following::pass(db, clock), following::pass(db, clock));
    first.expect("it works");
    second.expect("it works");
    for (enrolment, person) in &enrolments {
        assert_eq!(version(person, enrolment).await, 2, "each follows once");
    }
    let unfollowed = "SELECT name FROM institution WHERE state = 'merged' AND followed_at IS NULL";
    assert_eq!(texts(db, unfollowed).await, ["Old"], "what had begun may come yet");
    // Whoever was about to be enrolled when it was merged.
    let (late, person) = &enrolments[2];
    name_again(&test, late, old).await;
    following::pass(db, clock).await.expect("it works");
    assert_eq!(version(person, late).await, 3);
    test.pass(FOLLOWING);
    following::pass(db, clock).await.expect("it works");
    assert_eq!(texts(db, unfollowed).await, [""; 0]);
    drop(test.mails().await);
    test.fine().await;
    // Whatever names it from now on is found.
    name_again(&test, late, old).await;
    let found = test.violations().await;
    let found: Vec<_> = found.iter().map(|finding| finding.invariant).collect();
    assert_eq!(
        found,
        ["nothing names an institution that was merged once everything has followed"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_applies_while_it_is_merged_is_of_the_one_that_stays() {
    let test = Arc::new(TestApp::new().await);
    let ada = test.administrator().await;
    let (old, new) = (test.institution("Old", "UY").await, test.institution("New", "UY").await);
    let edition = enrolling(&test.coordinator().await, Plan::OPEN).await;
    let mut tasks = Vec::new();
    for name in ["Ana", "Bea", "Cy", "Dan", "Eva", "Fin", "Gil", "Hugo", "Iris", "Juan"] {
        let token = of(&test, name, old).await.token().map(str::to_owned);
        let (test, edition) = (test.clone(), edition.clone());
        tasks.push(tokio::spawn(async move {
            let client = test.bearer(token);
            apply(&client, &edition).await.1
        }));
    }
    done(&ada, "MergeInstitution", into(&old.to_string(), 1, &new.to_string())).await;
    let (db, clock) = (&test.app.db, &test.app.clock);
    following::pass(db, clock).await.expect("it works");
    for task in tasks {
        assert_eq!(task.await.expect("a task that ends"), "CONFIRMED");
    }
    following::pass(db, clock).await.expect("it works");
    let names = "SELECT DISTINCT i.name FROM enrolment n JOIN institution i ON i.id = n.institution_id";
    assert_eq!(texts(db, names).await, ["New"]);
    drop(test.mails().await);
    test.fine().await;
}

/// Lets an enrolment name an institution again, as if it had been read before it was merged, and counts it so.
async fn name_again(test: &TestApp, enrolment: &str, institution: InstitutionId) {
    use rumbo::domain::statistics::Change;
    use rumbo::store::{enrolment, tally};
    let tx = test.app.db.write().await.expect("a transaction");
    let id = enrolment.parse().expect("an enrolment");
    let old = enrolment::by_ids(&tx, &[id]).await.expect("a row").remove(0);
    let new = enrolment::Model {
        institution_id: Some(institution),
        ..old.clone()
    };
    enrolment::set_snapshot(&tx, &new).await.expect("a snapshot");
    let change = Change {
        at: test.now(),
        before: Some(enrolment::fact(&old)),
        after: Some(enrolment::fact(&new)),
    };
    tally::record(&tx, &test.app.clock, &[change]).await.expect("counted");
    tx.commit().await.expect("a commit");
}

#[tokio::test]
async fn enrolments_are_read_in_parts_until_none_names_it() {
    use rumbo::store::enrolment::naming;
    use rumbo::store::institution;
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let (old, new) = (test.institution("Old", "UY").await, test.institution("New", "UY").await);
    let edition = enrolling(&carla, Plan::OPEN).await;
    for name in ["Ana", "Ben", "Cam"] {
        apply(&of(&test, name, old).await, &edition).await;
    }
    drop(test.mails().await);
    let id: EditionId = edition.parse().expect("an edition");
    let tx = test.app.db.write().await.expect("a transaction");
    let into = institution::find(&tx, new).await.expect("a look").expect("a row");
    for many in [2, 1, 0] {
        let mut rows = naming::lock(&tx, id, old, 2).await.expect("rows");
        assert_eq!(rows.len(), many);
        naming::lead(&tx, &mut rows, old, &into).await.expect("led");
        assert!(
            rows.iter()
                .all(|row| row.institution_id == Some(new) && row.version > 1)
        );
    }
    tx.rollback().await.expect("an end");
}
