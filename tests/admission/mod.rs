//! Admission: deciding on many, taking a mistake back, going on in another edition, and the report of how it stands.

use serde_json::{Value, json};

use crate::support::app::{Answer, Client, TestApp, Who};
use crate::support::scene::{Plan, act, apply, enrolling, keep_seats, version};

mod list;
mod many;
mod report;
mod scores;
mod transfer;
mod undo;

/// What somebody reads whose step the present state does not allow.
const NO_SUCH_STEP: &str = "The present state does not allow this step.";

/// An edition with so many seats in which somebody decides.
fn approving(capacity: i64) -> Plan {
    Plan::of_seats(capacity).by_approval()
}

/// Decides on an enrolment as it now is.
async fn decide(by: &Client<'_>, enrolment: &str, decision: &str) -> Answer {
    let input = json!({
        "enrolmentId": enrolment, "version": version(by, enrolment).await, "decision": decision, "reason": "So decided",
    });
    act(by, "DecideEnrolment", input).await
}

/// The same, which must succeed.
async fn decided(by: &Client<'_>, enrolment: &str, decision: &str) {
    let answer = decide(by, enrolment, decision).await;
    assert_eq!(answer.user_errors("decideEnrolment"), [""; 0], "{decision}");
}

/// Takes the last decision on an enrolment, as it now is, back.
async fn undo(by: &Client<'_>, enrolment: &str) -> Answer {
    let input = json!({
        "enrolmentId": enrolment, "version": version(by, enrolment).await, "reason": "The wrong row",
    });
    act(by, "UndoDecision", input).await
}

/// Lets an enrolment, as it now is, go on in another edition.
async fn transfer(by: &Client<'_>, enrolment: &str, edition: &str) -> Answer {
    let input = json!({
        "enrolmentId": enrolment, "version": version(by, enrolment).await, "editionId": edition,
        "reason": "The dates suit better",
    });
    act(by, "TransferEnrolment", input).await
}

/// The steps of an enrolment: from, to, why.
async fn steps(reader: &Client<'_>, enrolment: &str) -> Vec<Value> {
    let seen = reader.run("SeeEnrolment", json!({ "id": enrolment })).await;
    let steps = seen.at("enrolment.history").as_array().expect("a list").clone();
    let step = |step: &Value| json!([step["from"], step["to"], step["reason"]]);
    steps.iter().map(step).collect()
}

/// How often the audit log says that somebody decided on an enrolment.
async fn decisions(reader: &Client<'_>, enrolment: &str) -> usize {
    let variables = json!({ "filter": { "subjectId": enrolment }, "first": 50 });
    let seen = reader.run("AuditEntries", variables).await;
    let entries = seen.at("auditEntries.nodes").as_array().expect("a list").clone();
    entries
        .iter()
        .filter(|entry| entry["action"] == "decide_enrolment")
        .count()
}

/// How many seats of an edition are taken, held and waited for.
async fn seats(reader: &Client<'_>, edition: &str) -> Value {
    let seen = reader.run("SeeSeats", json!({ "id": edition })).await;
    let seats = seen.at("edition.seats");
    json!([seats["taken"], seats["held"], seats["waiting"]])
}

/// Keeps seats for the people of a country.
async fn keep(by: &Client<'_>, edition: &str, country: &str, seats: i64) -> String {
    keep_seats(by, edition, seats, json!({ "country": country })).await
}

/// Somebody from a country.
async fn from<'a>(test: &'a TestApp, name: &'static str, country: &'static str) -> Client<'a> {
    let who = Who {
        country,
        ..Who::named(name)
    };
    test.somebody(who).await
}

/// Everybody applies to an edition in which somebody decides; their enrolments.
async fn applicants<'a>(test: &'a TestApp, edition: &str, names: &[&'static str]) -> Vec<(Client<'a>, String)> {
    let mut all = Vec::new();
    for name in names {
        let person = test.person(name).await;
        let enrolment = apply(&person, edition).await.0;
        all.push((person, enrolment));
    }
    all
}

/// An edition in which somebody decides, with so many seats, and those who applied to it.
async fn scene<'a>(
    test: &'a TestApp,
    by: &Client<'_>,
    capacity: i64,
    names: &[&'static str],
) -> (String, Vec<(Client<'a>, String)>) {
    let edition = enrolling(by, approving(capacity)).await;
    let people = applicants(test, &edition, names).await;
    drop(test.mails().await);
    (edition, people)
}
