//! Institutions that applicants propose, how they come into the register, and what follows when one is merged into
//! another: declarations, roles, nominees, seats, enrolments and figures.

use rumbo::domain::id::InstitutionId;
use serde_json::{Value, json};

use crate::support::app::{Answer, Client, TestApp, Who};
use crate::support::scene::{act, done};

mod follow;
mod merger;
mod pool;
mod proposal;
mod refusal;

/// An institution that nobody knows.
const UNKNOWN: &str = "ins_01h455vb4pex5vsknk084sn02q";

fn named(name: &str) -> Value {
    json!({ "name": name, "country": "UY", "kind": "TRAINING_INSTITUTION" })
}

/// Proposes an institution; its identifier.
async fn propose(by: &Client<'_>, name: &str) -> String {
    let made = done(by, "ProposeInstitution", named(name)).await;
    made.text("proposeInstitution.institution.id")
}

/// States an institution as one's own.
async fn declare(by: &Client<'_>, institution: &str) -> Answer {
    let input = json!({
        "gender": "FEMALE", "country": "UY", "institutionId": institution, "constituentGroup": "OTHER",
    });
    act(by, "DeclareMyself", input).await
}

/// What the register shows to somebody: names and states.
async fn register(reader: &Client<'_>, search: &str) -> Vec<String> {
    let page = reader
        .run("Institutions", json!({ "first": 20, "search": search }))
        .await;
    let edges = page.at("institutions.edges").as_array().expect("a list").clone();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let node = |edge: &Value| format!("{} {}", text(&edge["node"]["name"]), text(&edge["node"]["state"]));
    edges.iter().map(node).collect()
}

/// The identifier to which one leads; null where it is not there.
async fn led_to(reader: &Client<'_>, id: &str) -> Value {
    let seen = reader.run("SeeInstitution", json!({ "id": id })).await;
    seen.at("node")["id"].clone()
}

fn into(id: &str, version: i64, into: &str) -> Value {
    json!({ "institutionId": id, "version": version, "intoId": into })
}

fn accepting(id: &str, version: i64, name: &str) -> Value {
    let mut input = named(name);
    input["institutionId"] = json!(id);
    input["version"] = json!(version);
    input
}

fn refusing(id: &str, version: i64) -> Value {
    json!({ "institutionId": id, "version": version, "reason": "It is a shop" })
}

/// Somebody of an institution.
async fn of<'a>(test: &'a TestApp, name: &'static str, institution: InstitutionId) -> Client<'a> {
    let who = Who {
        institution: Some(institution),
        ..Who::named(name)
    };
    test.somebody(who).await
}
