//! Nominations: whom a focal point may name for what, what the nominee does with the token of the message, and what
//! each sees of it.

use rumbo::domain::actor::{Role, Scope};
use rumbo::domain::id::InstitutionId;
use serde_json::{Value, json};

use crate::support::app::{Answer, Client, TestApp};
use crate::support::letter::token_to as token;
use crate::support::scene::{Plan, act, enrolling};

mod endorsement;
mod journey;
mod merging;
mod refusal;
mod seat;
mod sight;
mod table;
mod time;

/// A coordinator, an edition of hers that takes applications, an institution and its focal point.
struct Place<'a> {
    carla: Client<'a>,
    flor: Client<'a>,
    edition: String,
    institution: InstitutionId,
}

impl<'a> Place<'a> {
    async fn new(test: &'a TestApp) -> Self {
        Self::with(test, Plan::OPEN).await
    }

    async fn with(test: &'a TestApp, plan: Plan) -> Self {
        let carla = test.coordinator().await;
        let edition = enrolling(&carla, plan).await;
        let institution = test.institution("INEFOP", "UY").await;
        let flor = test.holder("Flor", Role::FocalPoint, Scope::Institution(institution));
        Self {
            flor: flor.await,
            carla,
            edition,
            institution,
        }
    }

    /// The same people with new tokens, for tests that move the clock far.
    async fn again(self) -> Self {
        Self {
            carla: self.carla.again().await,
            flor: self.flor.again().await,
            ..self
        }
    }

    /// What names somebody at this address.
    fn naming(&self, email: &str) -> Value {
        let mut input = named(email);
        input["editionId"] = json!(self.edition);
        input["institutionId"] = json!(self.institution.to_string());
        input
    }

    /// Names somebody at this address: the nomination, and the token of the message.
    async fn nominate(&self, test: &TestApp, email: &str) -> (String, String) {
        let answer = act(&self.flor, "Nominate", self.naming(email)).await;
        assert_eq!(answer.user_errors("nominate"), [""; 0], "{email}");
        (answer.text("nominate.nomination.id"), token(test, email).await)
    }

    /// What Flor sees of the seats: kept, taken, open, remaining.
    async fn seats(&self) -> Value {
        seats(&self.flor, &self.edition, self.institution).await
    }

    /// The nominations that Flor sees.
    async fn list(&self) -> Vec<Value> {
        list(&self.flor, &self.edition, json!({})).await
    }
}

/// Somebody at this address.
fn named(email: &str) -> Value {
    json!({ "email": email, "givenName": "Nora", "familyName": "Núñez", "language": "EN" })
}

/// What names somebody else at this address in the place of a nominee.
fn instead(nomination: &str, version: i64, email: &str) -> Value {
    let mut input = named(email);
    input["nominationId"] = json!(nomination);
    input["version"] = json!(version);
    input
}

/// What a nominee makes an account with.
fn joining(token: &str) -> Value {
    json!({
        "token": token, "givenName": "Nora Inés", "familyName": "Núñez", "language": "ES",
        "timeZone": "America/Montevideo", "password": "elefante azul en junio",
        "declaration": { "gender": "FEMALE", "country": "UY", "constituentGroup": "WORKERS" },
        "motivation": "To learn",
    })
}

async fn accept(client: &Client<'_>, token: &str) -> Answer {
    act(client, "AcceptInvitation", json!({ "token": token })).await
}

/// Accepts, and gives the state of the enrolment.
async fn accepted(client: &Client<'_>, token: &str) -> String {
    let answer = accept(client, token).await;
    assert_eq!(answer.user_errors("acceptInvitation"), [""; 0]);
    answer.text("acceptInvitation.outcome.enrolment.state")
}

async fn decline(test: &TestApp, token: &str, reason: &str) -> Answer {
    let input = json!({ "token": token, "reason": reason });
    act(&test.anonymous(), "DeclineInvitation", input).await
}

/// The nominations for an edition as somebody sees them.
async fn list(reader: &Client<'_>, edition: &str, filter: Value) -> Vec<Value> {
    let variables = json!({ "editionId": edition, "first": 50, "filter": filter });
    let answer = reader.run("Nominations", variables).await;
    answer.at("nominations.nodes").as_array().expect("a list").clone()
}

async fn seats(reader: &Client<'_>, edition: &str, institution: InstitutionId) -> Value {
    let variables = json!({ "editionId": edition, "institutionId": institution.to_string() });
    let answer = reader.run("NominationSeats", variables).await;
    let seats = answer.at("nominationSeats");
    if seats.is_null() {
        return Value::Null;
    }
    json!([seats["kept"], seats["taken"], seats["open"], seats["remaining"]])
}
