//! Many are decided on at once: all or none, or row by row.

use serde_json::{Value, json};

use super::{NO_SUCH_STEP, applicants, decided, scene, seats};
use crate::idempotency::{body, request};
use crate::support::app::{Answer, Client, TestApp};
use crate::support::scene::{Plan, act, apply, as_seen, enrolling, faults, state, walk};

async fn row_by_row(by: &Client<'_>, edition: &str, list: &Value, decision: &str, reason: Option<&str>) -> Answer {
    let input = json!({
        "editionId": edition, "enrolments": list, "decision": decision, "reason": reason, "mode": "ROW_BY_ROW",
    });
    act(by, "DecideEnrolmentsRowByRow", input).await
}

/// What came of each row: its place, its state, or codes with their paths.
fn results(answer: &Answer) -> Vec<Value> {
    let rows = answer
        .at("decideEnrolments.results")
        .as_array()
        .expect("a list")
        .clone();
    let errors = |row: &Value| {
        let errors = row["userErrors"].as_array().expect("a list").iter();
        let path = |error: &Value| {
            let steps = error["path"].as_array().expect("a path").iter();
            steps.filter_map(Value::as_str).collect::<Vec<_>>().join(".")
        };
        let error = |error: &Value| format!("{} {}", error["code"].as_str().expect("a code"), path(error));
        errors.map(error).collect::<Vec<_>>().join(", ")
    };
    let row = |row: &Value| json!([row["place"], row["enrolment"]["state"], errors(row)]);
    rows.iter().map(row).collect()
}

#[tokio::test]
async fn what_is_refused_in_one_row_does_not_undo_the_others() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let names = ["Ana", "Ben", "Cy", "Dora", "Eva", "Flor"];
    let (edition, people) = scene(&test, &carla, 3, &names).await;
    let other = enrolling(&carla, Plan::OTHER.by_approval()).await;
    let elsewhere = applicants(&test, &other, &["Gil"]).await;
    let own = apply(&carla, &edition).await.0;
    decided(&carla, &people[1].1, "REJECT").await;
    drop(test.mails().await);
    let ids: Vec<&str> = people.iter().map(|(_, id)| id.as_str()).collect();
    let unknown = "enr_01h455vb4pex5vsknk084sn02q";
    let asked = json!([
        ids[0],
        ids[1],
        ids[2],
        elsewhere[0].1,
        unknown,
        ids[0],
        own,
        ids[3],
        ids[4],
        ids[5]
    ]);
    let mut list = as_seen(&carla, asked.clone()).await;
    list[2]["version"] = json!(7);
    let answer = row_by_row(&carla, &edition, &list, "CONFIRM", None).await;
    assert_eq!(answer.user_errors("decideEnrolments"), [""; 0]);
    assert_eq!(
        results(&answer),
        [
            json!([0, "CONFIRMED", ""]),
            json!([1, null, "ILLEGAL_TRANSITION input.enrolments.1"]),
            json!([2, null, "STALE_VERSION input.enrolments.2.version"]),
            // Of another edition, and of none: there is no telling.
            json!([3, null, "INVALID_ID input.enrolments.3.id"]),
            json!([4, null, "INVALID_ID input.enrolments.4.id"]),
            json!([5, null, "REPEATED input.enrolments.5"]),
            json!([6, null, "OWN_WORK input.enrolments.6"]),
            json!([7, "CONFIRMED", ""]),
            json!([8, "CONFIRMED", ""]),
            // Those that come first have the seats.
            json!([9, null, "EDITION_FULL input.enrolments.9"]),
        ]
    );
    for (place, row) in answer
        .at("decideEnrolments.results")
        .as_array()
        .expect("a list")
        .iter()
        .enumerate()
    {
        assert_eq!(row["enrolmentId"], asked[place]);
    }
    assert_eq!(
        test.notices().await,
        [
            "enrolment_confirmed ana@example.org",
            "enrolment_confirmed dora@example.org",
            "enrolment_confirmed eva@example.org"
        ]
    );
    assert_eq!(seats(&carla, &edition).await, json!([3, 0, 0]));
    assert_eq!(state(&carla, ids[2]).await, "APPLIED");
    test.fine().await;
    // The same all or none: the first list of reasons is told whole, and nothing is done.
    let list = as_seen(&carla, json!([ids[2], ids[1], ids[5], ids[5]])).await;
    let input = json!({ "editionId": edition, "enrolments": list, "decision": "CONFIRM" });
    let refused = faults(&carla, "DecideEnrolments", input).await;
    assert_eq!(refused, ["REPEATED input.enrolments.3"]);
    assert_eq!(state(&carla, ids[2]).await, "APPLIED");
    drop(test.mails().await);
}

#[tokio::test]
async fn one_reason_is_meant_for_all_rows() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let (edition, people) = scene(&test, &carla, 3, &["Ana", "Ben"]).await;
    let ids: Vec<&str> = people.iter().map(|(_, id)| id.as_str()).collect();
    let list = as_seen(&carla, json!(ids)).await;
    let refused = row_by_row(&carla, &edition, &list, "REJECT", None).await;
    assert_eq!(
        refused.user_errors("decideEnrolments"),
        ["REASON_REQUIRED input.reason"]
    );
    assert_eq!(refused.at("decideEnrolments.results"), &Value::Null);
    let done = row_by_row(&carla, &edition, &list, "REJECT", Some("Too many applied")).await;
    assert_eq!(results(&done), [json!([0, "REJECTED", ""]), json!([1, "REJECTED", ""])]);
    let mails = test.mails().await;
    assert_eq!(mails.len(), 2);
    assert!(mails.iter().all(|mail| mail.text.contains("Too many applied")));
    // Where every row is refused nothing was done: an idempotency key stays free, and what is asked under it again is
    // looked at anew.
    let input = json!({ "editionId": edition, "enrolments": list, "decision": "CONFIRM", "mode": "ROW_BY_ROW" });
    for _ in 0..2 {
        let sent = request(carla.token(), &["k"], &body("DecideEnrolmentsRowByRow", &input));
        let done = test.send(sent).await;
        assert_eq!(done.user_errors("decideEnrolments"), [""; 0]);
        assert_eq!(
            results(&done),
            [
                json!([0, null, "STALE_VERSION input.enrolments.0.version"]),
                json!([1, null, "STALE_VERSION input.enrolments.1.version"])
            ]
        );
        assert!(!done.headers.contains_key("idempotency-replayed"));
    }
    assert_eq!(
        row_by_row(&carla, &edition, &json!([]), "CONFIRM", None)
            .await
            .user_errors("decideEnrolments"),
        ["REQUIRED input.enrolments"]
    );
    test.fine().await;
}

#[tokio::test]
async fn a_thousand_are_decided_on_at_most_and_none_once_the_edition_is_over() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let (edition, people) = scene(&test, &carla, 3, &["Ana"]).await;
    let (ana, enrolment) = &people[0];
    let one = as_seen(&carla, json!([enrolment])).await[0].clone();
    let (most, more) = (Value::from(vec![one.clone(); 1000]), Value::from(vec![one; 1001]));
    for mode in ["ALL_OR_NOTHING", "ROW_BY_ROW"] {
        let input = json!({ "editionId": edition, "enrolments": more, "decision": "CONFIRM", "mode": mode });
        let refused = act(&carla, "DecideEnrolmentsRowByRow", input).await;
        assert_eq!(
            refused.user_errors("decideEnrolments"),
            ["TOO_LONG input.enrolments"],
            "{mode}"
        );
        assert_eq!(
            refused.text("decideEnrolments.userErrors.0.message"),
            "This is too long: the most is 1000."
        );
        assert_eq!(refused.at("decideEnrolments.results"), &Value::Null);
    }
    assert_eq!(state(ana, enrolment).await, "APPLIED", "not the first thousand either");
    let done = results(&row_by_row(&carla, &edition, &most, "CONFIRM", None).await);
    assert_eq!(done.len(), 1000);
    assert_eq!(done[0], json!([0, "CONFIRMED", ""]));
    assert_eq!(done[999], json!([999, null, "REPEATED input.enrolments.999"]));
    walk(&carla, &edition, &["ENROLMENT_CLOSED", "RUNNING", "GRADING"]).await;
    for to in ["CLOSED", "ARCHIVED"] {
        walk(&carla, &edition, &[to]).await;
        let list = as_seen(&carla, json!([enrolment])).await;
        let refused = row_by_row(&carla, &edition, &list, "EXCLUDE", Some("Too late")).await;
        assert_eq!(
            refused.user_errors("decideEnrolments"),
            ["ILLEGAL_TRANSITION input.editionId"],
            "{to}"
        );
        assert_eq!(refused.text("decideEnrolments.userErrors.0.message"), NO_SUCH_STEP);
        assert_eq!(refused.at("decideEnrolments.results"), &Value::Null);
    }
    assert_eq!(state(ana, enrolment).await, "ACTIVE");
    test.fine().await;
    drop(test.mails().await);
}

#[tokio::test]
async fn what_was_decided_for_many_is_taken_back_for_one() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let (edition, people) = scene(&test, &carla, 3, &["Ana", "Ben"]).await;
    let ids: Vec<&str> = people.iter().map(|(_, id)| id.as_str()).collect();
    let list = as_seen(&carla, json!(ids)).await;
    let input = json!({ "editionId": edition, "enrolments": list, "decision": "CONFIRM" });
    act(&carla, "DecideEnrolments", input).await;
    let back = super::undo(&carla, ids[1]).await;
    assert_eq!(back.text("undoDecision.enrolment.state"), "APPLIED");
    assert_eq!(state(&carla, ids[0]).await, "CONFIRMED");
    test.fine().await;
    drop(test.mails().await);
}
