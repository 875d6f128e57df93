//! Seats: kept for some, offered to whoever is next, and passed on.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::support::app::{Answer, Client, TestApp, Who};
use crate::support::scene::{
    Plan, apply, done, edition_input, enrolling, faults, keep_seats, replan, state, version, withdraw,
};

mod belonging;
mod line;
mod many;
mod offer;
mod pool;

/// Those who apply for one seat: names, countries, and where they then stand.
const QUEUE: [(&str, &str, &str); 3] = [
    ("Ana", "UY", "CONFIRMED"),
    ("Bea", "UY", "WAITLISTED"),
    ("Cy", "UY", "WAITLISTED"),
];

/// An edition that takes applications, and who coordinates it.
struct Scene<'a> {
    test: &'a TestApp,
    coordinator: Client<'a>,
    edition: String,
}

/// Somebody who applied to it.
struct Applicant<'a> {
    client: Client<'a>,
    enrolment: String,
}

impl<'a> Scene<'a> {
    /// An edition with so many seats that anybody may enter.
    async fn of(test: &'a TestApp, capacity: i64) -> Self {
        Self::with(test, test.coordinator().await, Plan::of_seats(capacity)).await
    }

    async fn with(test: &'a TestApp, coordinator: Client<'a>, plan: Plan) -> Self {
        Self {
            test,
            edition: enrolling(&coordinator, plan).await,
            coordinator,
        }
    }

    /// The same when the clock was moved far: the coordinator has another token.
    async fn later(self) -> Self {
        Self {
            coordinator: self.coordinator.again().await,
            ..self
        }
    }

    /// A mutation of the coordinator's in which nothing is to be put right.
    async fn done(&self, operation: &str, input: Value) -> Answer {
        done(&self.coordinator, operation, input).await
    }

    /// What is to be put right in a mutation of the coordinator's.
    async fn faults(&self, operation: &str, input: Value) -> Vec<String> {
        faults(&self.coordinator, operation, input).await
    }

    /// Changes its plan.
    async fn replan(&self, plan: Value) -> Answer {
        replan(&self.coordinator, &self.edition, plan).await
    }

    /// Offers its seats for so many hours from now on.
    async fn offer_for(&self, capacity: i64, hours: i64) {
        let changed = self.replan(offering_for(capacity, hours)).await;
        assert_eq!(changed.user_errors("updateEdition"), [""; 0]);
    }

    /// Keeps seats, and returns the identifier of the pool.
    async fn keep(&self, kept_for: Value, seats: i64) -> String {
        keep_seats(&self.coordinator, &self.edition, seats, kept_for).await
    }

    /// Lets people apply, a second after one another: names, countries, and where each then stands.
    async fn line(&self, people: &[(&'static str, &'static str, &str)]) -> Vec<Applicant<'a>> {
        let mut applicants = Vec::new();
        for &(name, country, expected) in people {
            let who = Who {
                country,
                ..Who::named(name)
            };
            applicants.push(self.enter(who, expected).await);
            self.test.pass(TimeDelta::seconds(1));
        }
        applicants
    }

    /// Lets somebody apply, who then stands as expected.
    async fn enter(&self, who: Who, expected: &str) -> Applicant<'a> {
        let client = self.test.somebody(who).await;
        let (enrolment, state) = apply(&client, &self.edition).await;
        assert_eq!(state, expected, "{}", who.name);
        Applicant { client, enrolment }
    }

    /// The decision of the coordinator on somebody, as it is sent.
    async fn decision(&self, on: &Applicant<'_>, decision: &str) -> Value {
        json!({
            "enrolmentId": on.enrolment, "version": version(&self.coordinator, &on.enrolment).await,
            "decision": decision, "reason": "So decided",
        })
    }

    /// The rank of somebody, as the coordinator sends it.
    async fn rank(&self, of: &Applicant<'_>, rank: &Value) -> Value {
        let version = version(&self.coordinator, &of.enrolment).await;
        json!({ "enrolmentId": of.enrolment, "version": version, "rank": rank })
    }

    /// Capacity, taken, held, waiting, free, and of every pool seats, taken, held, waiting.
    async fn figures(&self) -> (Value, Vec<Value>) {
        let seen = self.coordinator.run("SeeSeats", json!({ "id": self.edition })).await;
        let of = |seats: &Value, names: &[&str]| {
            let all: Vec<Value> = names.iter().map(|name| seats[name].clone()).collect();
            Value::from(all)
        };
        let seats = seen.at("edition.seats");
        let whole = of(seats, &["capacity", "taken", "held", "waiting", "free"]);
        let pools = seats["pools"].as_array().expect("pools").iter();
        let pools = pools.map(|pool| of(pool, &["seats", "taken", "held", "waiting"]));
        (whole, pools.collect())
    }

    /// Nothing is violated, and the kept summaries are what a recount finds.
    async fn fine(&self) {
        self.test.fine().await;
    }
}

impl Applicant<'_> {
    /// The same when the clock was moved far: with another token.
    async fn again(&self) -> Self {
        Self {
            client: self.client.again().await,
            enrolment: self.enrolment.clone(),
        }
    }

    async fn state(&self) -> String {
        state(&self.client, &self.enrolment).await
    }

    async fn withdraw(&self) {
        withdraw(&self.client, &self.enrolment).await;
    }

    /// What is sent to answer an offer.
    async fn answer(&self) -> Value {
        json!({ "enrolmentId": self.enrolment, "version": version(&self.client, &self.enrolment).await })
    }

    /// Accepts the seat that is offered; where that leads.
    async fn accept(&self) -> String {
        let accepted = done(&self.client, "AcceptOffer", self.answer().await).await;
        accepted.text("acceptOffer.enrolment.state")
    }

    /// Why an offer cannot be accepted, or declined.
    async fn refused(&self, operation: &str) -> Vec<String> {
        faults(&self.client, operation, self.answer().await).await
    }
}

/// The plan of an edition whose seats are offered for so many hours.
fn offering_for(capacity: i64, hours: i64) -> Value {
    let mut input = edition_input(Plan::of_seats(capacity));
    input["offerHours"] = json!(hours);
    input
}

/// A change of a pool, as it is sent.
fn change(pool: &str, version: i64, seats: i64) -> Value {
    json!({ "seatPoolId": pool, "version": version, "seats": seats })
}

/// The removal of a pool, as it is sent.
fn removal(pool: &str, version: i64) -> Value {
    json!({ "seatPoolId": pool, "version": version })
}

/// Moves the clock to an instant.
fn until(test: &TestApp, instant: &str) {
    let instant: DateTime<Utc> = instant.parse().expect("an instant");
    test.pass(instant - test.now());
}

/// An edition of one seat that is offered for a day: who had it, and two who wait.
async fn offering(test: &TestApp) -> (Scene<'_>, Vec<Applicant<'_>>) {
    let scene = Scene::of(test, 1).await;
    scene.offer_for(1, 24).await;
    let people = scene.line(&QUEUE).await;
    drop(test.mails().await);
    people[0].withdraw().await;
    (scene, people)
}
