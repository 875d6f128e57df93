//! Seats: kept for some, offered to whoever is next, and passed on.

use chrono::{DateTime, TimeDelta, Utc};
use rumbo::domain::actor::Role;
use rumbo::domain::id::{InstitutionId, SeatPoolId};
use rumbo::domain::seats::{KeptFor, POOLS_LIMIT, PoolDraft};
use rumbo::domain::text::Country;
use rumbo::service::seat;
use rumbo::store::{Engine, seat_pool};
use serde_json::{Value, json};

use crate::support::app::{Answer, Client, TestApp, Who};
use crate::support::scene::{
    Plan, act, apply, as_seen, at, done, edition_input, enrolling, faults, replan, state, version, walk, withdraw,
};

/// An edition with so many seats.
fn plan(capacity: i64) -> Plan {
    Plan {
        capacity: Some(capacity),
        ..Plan::OPEN
    }
}

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
        Self::with(test, test.coordinator().await, plan(capacity)).await
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
        let mut input = kept_for;
        input["editionId"] = json!(self.edition);
        input["seats"] = json!(seats);
        let made = self.done("CreateSeatPool", input).await;
        made.text("createSeatPool.seatPool.id")
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
        assert_eq!(self.test.violations().await, []);
        assert_eq!(self.test.differences().await, Vec::<String>::new());
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
    let mut input = edition_input(plan(capacity));
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

#[tokio::test]
async fn seats_are_kept_for_a_country_until_they_are_released() {
    let test = TestApp::new().await;
    let scene = Scene::of(&test, 4).await;
    let release = test.now() + TimeDelta::days(2);
    scene.keep(json!({ "country": "br", "releasesAt": release }), 2).await;
    assert_eq!(scene.figures().await.0, json!([4, 0, 0, 0, 2]));
    let people = [
        ("Ana", "UY", "CONFIRMED"),
        ("Bea", "UY", "CONFIRMED"),
        ("Cy", "UY", "WAITLISTED"),
        ("Davi", "BR", "CONFIRMED"),
        ("Eva", "AR", "WAITLISTED"),
    ];
    let people = scene.line(&people).await;
    assert_eq!(
        scene.figures().await,
        (json!([4, 3, 0, 2, 0]), vec![json!([2, 1, 0, 0])])
    );
    scene.fine().await;
    drop(test.mails().await);
    // The day comes: what is left is for whoever is next, once, though the job runs again.
    test.pass(release - test.now());
    assert_eq!(test.notices().await, ["enrolment_confirmed cy@example.org"]);
    assert_eq!(test.notices().await, [""; 0]);
    let scene = scene.later().await;
    let eva = people[4].again().await;
    assert_eq!(eva.state().await, "WAITLISTED");
    assert_eq!(
        scene.figures().await,
        (json!([4, 4, 0, 1, 0]), vec![json!([2, 1, 0, 0])])
    );
    // Who leaves a seat of a released pool leaves a general one.
    let exclusion = scene.decision(&people[3], "EXCLUDE").await;
    scene.done("DecideEnrolment", exclusion).await;
    assert_eq!(eva.state().await, "CONFIRMED");
    scene.fine().await;
    drop(test.mails().await);
}

#[tokio::test]
async fn people_of_a_pool_overflow_where_it_says_so() {
    let test = TestApp::new().await;
    let institution = test.institution("INEFOP", "UY").await;
    let scene = Scene::of(&test, 3).await;
    let of = json!({ "institutionId": institution.to_string() });
    let pool = scene.keep(of, 1).await;
    let nominee = |name| Who {
        institution: Some(institution),
        ..Who::named(name)
    };
    scene.enter(nominee("Ana"), "CONFIRMED").await;
    // Two general seats are free, and are not theirs.
    let waiting = scene.enter(nominee("Bea"), "WAITLISTED").await;
    // Whoever is of no pool does not wait behind somebody who waits for another seat.
    scene.enter(Who::named("Cy"), "CONFIRMED").await;
    assert_eq!(
        scene.figures().await,
        (json!([3, 2, 0, 1, 1]), vec![json!([1, 1, 0, 1])])
    );
    // The coordinator cannot confirm her either: no seat is hers.
    let input = json!({ "enrolmentId": waiting.enrolment, "version": 1, "decision": "CONFIRM" });
    assert_eq!(
        scene.faults("DecideEnrolment", input).await,
        ["EDITION_FULL input.enrolmentId"]
    );
    let mut input = change(&pool, 1, 1);
    input["overflow"] = json!(true);
    let changed = scene.done("ChangeSeatPool", input).await;
    assert_eq!(changed.number("changeSeatPool.seatPool.version"), 2);
    assert_eq!(waiting.state().await, "CONFIRMED");
    assert_eq!(
        scene.figures().await,
        (json!([3, 3, 0, 0, 0]), vec![json!([1, 1, 0, 0])])
    );
    scene.fine().await;
    drop(test.mails().await);
}

#[tokio::test]
async fn a_removed_pool_leaves_its_seats_to_everybody() {
    let test = TestApp::new().await;
    let scene = Scene::of(&test, 3).await;
    let pool = scene.keep(json!({ "constituentGroup": "WORKERS" }), 2).await;
    let other = scene.keep(json!({ "country": "BR" }), 1).await;
    let people = [("Davi", "BR", "CONFIRMED"), ("Ana", "UY", "WAITLISTED")];
    let people = scene.line(&people).await;
    assert_eq!(
        scene.faults("RemoveSeatPool", removal(&pool, 2)).await,
        ["STALE_VERSION input.version"]
    );
    let removed = scene.done("RemoveSeatPool", removal(&pool, 1)).await;
    assert_eq!(removed.number("removeSeatPool.edition.seats.free"), 1);
    assert_eq!(people[1].state().await, "CONFIRMED");
    // The other one goes with a seat taken: it stays taken.
    scene.done("RemoveSeatPool", removal(&other, 1)).await;
    assert_eq!(scene.figures().await, (json!([3, 2, 0, 0, 1]), vec![]));
    let again = act(&scene.coordinator, "RemoveSeatPool", removal(&other, 1)).await;
    assert_eq!(again.refusal(), "NOT_FOUND");
    scene.fine().await;
    drop(test.mails().await);
}

#[tokio::test]
async fn a_pool_that_cannot_be_is_refused_by_name() {
    let test = TestApp::new().await;
    let scene = Scene::of(&test, 4).await;
    scene.enter(Who::named("Ana"), "CONFIRMED").await;
    let past = test.now();
    let absent = InstitutionId(uuid::Uuid::from_u128(7)).to_string();
    for (mut input, expected) in [
        (json!({ "seats": 1 }), "REQUIRED input.institutionId"),
        (
            json!({ "seats": 1, "country": "UY", "constituentGroup": "WORKERS" }),
            "MALFORMED input.constituentGroup",
        ),
        (
            json!({ "seats": 1, "country": "UY", "institutionId": absent }),
            "MALFORMED input.country",
        ),
        (json!({ "seats": 1, "country": "XX" }), "UNKNOWN_COUNTRY input.country"),
        (json!({ "seats": 0, "country": "UY" }), "OUT_OF_RANGE input.seats"),
        (json!({ "seats": 4, "country": "UY" }), "OUT_OF_RANGE input.seats"),
        (
            json!({ "seats": 1, "country": "UY", "releasesAt": past }),
            "DATES_OUT_OF_ORDER input.releasesAt",
        ),
    ] {
        input["editionId"] = json!(scene.edition);
        let told = input.to_string();
        assert_eq!(scene.faults("CreateSeatPool", input).await, [expected], "{told}");
    }
    for hours in [0, 721] {
        let refused = scene.replan(offering_for(4, hours)).await;
        assert_eq!(
            refused.user_errors("updateEdition"),
            ["OUT_OF_RANGE input.edition.offerHours"]
        );
    }
    let input = json!({ "editionId": scene.edition, "seats": 1, "institutionId": absent });
    let unknown = act(&scene.coordinator, "CreateSeatPool", input).await;
    assert_eq!(unknown.refusal(), "NOT_FOUND");
    let pool = scene.keep(json!({ "country": "UY" }), 3).await;
    let twice = json!({ "editionId": scene.edition, "country": "UY", "seats": 1 });
    assert_eq!(
        scene.faults("CreateSeatPool", twice.clone()).await,
        ["OUT_OF_RANGE input.seats"]
    );
    let changed = scene.done("ChangeSeatPool", change(&pool, 1, 2)).await;
    changed.at("changeSeatPool.seatPool.id");
    assert_eq!(scene.faults("CreateSeatPool", twice).await, ["TAKEN input.country"]);
    assert_eq!(
        scene.faults("ChangeSeatPool", change(&pool, 1, 1)).await,
        ["STALE_VERSION input.version"]
    );
    // Not less than what is given out, and no limit lifted, while seats are kept.
    for (capacity, expected) in [(Some(2), "OUT_OF_RANGE"), (None, "OUT_OF_RANGE"), (Some(3), "")] {
        let plan = Plan { capacity, ..Plan::OPEN };
        let errors = scene.replan(edition_input(plan)).await.user_errors("updateEdition");
        assert!(
            errors.first().map_or("", String::as_str).starts_with(expected),
            "{capacity:?}: {errors:?}"
        );
        assert_eq!(errors.is_empty(), expected.is_empty());
    }
    // Nothing is changed of what is released.
    let mut input = change(&pool, 2, 2);
    input["releasesAt"] = json!(test.now() + TimeDelta::hours(1));
    let changed = scene.done("ChangeSeatPool", input).await;
    changed.at("changeSeatPool.seatPool.id");
    test.pass(TimeDelta::hours(1));
    drop(test.mails().await);
    let scene = scene.later().await;
    assert_eq!(
        scene.faults("ChangeSeatPool", change(&pool, 4, 1)).await,
        ["ILLEGAL_TRANSITION input.seatPoolId"]
    );
    scene.fine().await;
}

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
    let approval = |capacity| Plan {
        policy: "APPROVAL",
        ..plan(capacity)
    };
    let coordinator = test.coordinator().await;
    let scene = Scene::with(&test, coordinator, approval(9)).await;
    let people = [
        ("Ana", "UY", "APPLIED"),
        ("Bea", "UY", "APPLIED"),
        ("Cy", "UY", "APPLIED"),
        ("Dora", "UY", "APPLIED"),
        ("Eva", "UY", "APPLIED"),
        ("Fio", "UY", "APPLIED"),
        ("Caio", "BR", "APPLIED"),
        ("Davi", "BR", "APPLIED"),
        ("Elis", "BR", "APPLIED"),
        ("Gil", "UY", "APPLIED"),
    ];
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
    let cora = test.holder("Cora", Role::Coordinator, at(&scene.edition)).await;
    let (own, stands) = apply(&cora, &scene.edition).await;
    assert_eq!(stands, "WAITLISTED");
    let input = json!({ "enrolmentId": own, "version": 1, "rank": 1 });
    assert_eq!(
        faults(&cora, "RankWaiting", input).await,
        ["OWN_WORK input.enrolmentId"]
    );
    drop(test.mails().await);
}

#[tokio::test]
async fn a_seat_is_offered_and_accepted() {
    let test = TestApp::new().await;
    let (scene, people) = offering(&test).await;
    let [ana, bea, cy] = &people[..] else {
        panic!("three people")
    };
    assert_eq!(scene.figures().await.0, json!([1, 0, 1, 1, 0]));
    let mails = test.mails().await;
    let offer = mails
        .iter()
        .find(|mail| mail.notice == "seat_offered")
        .expect("an offer");
    assert_eq!(offer.to, "bea@example.org");
    // Twenty-four hours later, in the edition's zone.
    assert!(
        offer.text.contains("3 March 2026, 09:00 (America/Montevideo time)"),
        "{}",
        offer.text
    );
    assert_eq!(bea.state().await, "WAITLISTED");
    scene.fine().await;
    // Whoever applies meanwhile waits, and nobody answers for another.
    scene.enter(Who::named("Dora"), "WAITLISTED").await;
    let refused = act(&scene.coordinator, "AcceptOffer", bea.answer().await).await;
    assert_eq!(refused.refusal(), "FORBIDDEN");
    let stale = json!({ "enrolmentId": bea.enrolment, "version": 1 });
    assert_eq!(
        faults(&bea.client, "AcceptOffer", stale).await,
        ["STALE_VERSION input.version"]
    );
    // To whom nothing is offered, nothing is there to accept.
    for operation in ["AcceptOffer", "DeclineOffer"] {
        assert_eq!(cy.refused(operation).await, ["NO_OFFER input.enrolmentId"]);
        assert_eq!(ana.refused(operation).await, ["ILLEGAL_TRANSITION input.enrolmentId"]);
    }
    let accepted = done(&bea.client, "AcceptOffer", bea.answer().await).await;
    assert_eq!(accepted.text("acceptOffer.enrolment.state"), "CONFIRMED");
    assert_eq!(accepted.at("acceptOffer.enrolment.offeredUntil"), &Value::Null);
    assert_eq!(scene.figures().await.0, json!([1, 1, 0, 2, 0]));
    assert_eq!(
        test.notices().await,
        [
            "enrolment_confirmed bea@example.org",
            "enrolment_waitlisted dora@example.org"
        ]
    );
    scene.fine().await;
}

#[tokio::test]
async fn a_declined_seat_passes_on() {
    let test = TestApp::new().await;
    let (scene, people) = offering(&test).await;
    drop(test.mails().await);
    let mut input = people[1].answer().await;
    input["reason"] = json!("I travel");
    let declined = act(&people[1].client, "DeclineOffer", input).await;
    assert_eq!(declined.text("declineOffer.enrolment.state"), "CANCELLED");
    assert_eq!(
        test.notices().await,
        ["application_ended bea@example.org", "seat_offered cy@example.org"]
    );
    // Who withdraws instead of declining leaves the seat, too.
    people[2].withdraw().await;
    assert_eq!(scene.figures().await.0, json!([1, 0, 0, 0, 1]));
    assert_eq!(test.notices().await, ["application_ended cy@example.org"]);
    scene.fine().await;
}

#[tokio::test]
async fn an_offer_expires_late_or_twice_without_harm() {
    let test = TestApp::new().await;
    let (scene, people) = offering(&test).await;
    drop(test.mails().await);
    test.pass(TimeDelta::hours(25));
    let (bea, cy) = (people[1].again().await, people[2].again().await);
    // The job has not come yet, and it is too late all the same.
    assert_eq!(bea.refused("AcceptOffer").await, ["NO_OFFER input.enrolmentId"]);
    // Two workers at once: one of them does it.
    let (db, clock) = (&test.app.db, &test.app.clock);
    let (first, second) = tokio::join!(seat::passing::pass(db, clock), seat::passing::pass(db, clock));
    first.expect("it works");
    second.expect("it works");
    assert_eq!(bea.state().await, "EXPIRED");
    assert_eq!(
        test.notices().await,
        ["seat_offer_expired bea@example.org", "seat_offered cy@example.org"]
    );
    assert_eq!(cy.accept().await, "CONFIRMED");
    let scene = scene.later().await;
    assert_eq!(scene.figures().await.0, json!([1, 1, 0, 0, 0]));
    assert_eq!(test.notices().await, ["enrolment_confirmed cy@example.org"]);
    scene.fine().await;
}

#[tokio::test]
async fn an_offer_of_a_running_edition_leads_into_it_and_its_end_ends_all_offers() {
    let test = TestApp::new().await;
    let scene = Scene::of(&test, 2).await;
    scene.keep(json!({ "country": "BR" }), 1).await;
    scene.offer_for(2, 24).await;
    let people = [
        ("Ana", "UY", "CONFIRMED"),
        ("Bea", "UY", "WAITLISTED"),
        ("Caio", "BR", "CONFIRMED"),
        ("Davi", "BR", "WAITLISTED"),
        ("Eva", "BR", "WAITLISTED"),
    ];
    let people = scene.line(&people).await;
    walk(&scene.coordinator, &scene.edition, &["ENROLMENT_CLOSED", "RUNNING"]).await;
    people[2].withdraw().await;
    assert_eq!(
        scene.figures().await,
        (json!([2, 1, 1, 2, 0]), vec![json!([1, 0, 1, 1])])
    );
    assert_eq!(people[3].accept().await, "ACTIVE");
    people[3].withdraw().await;
    scene.fine().await;
    walk(&scene.coordinator, &scene.edition, &["GRADING"]).await;
    assert_eq!(people[4].state().await, "EXPIRED");
    assert_eq!(
        scene.figures().await,
        (json!([2, 1, 0, 0, 0]), vec![json!([1, 0, 0, 0])])
    );
    scene.fine().await;
    drop(test.mails().await);
}

#[tokio::test]
async fn what_is_kept_for_whom_is_for_coordinators() {
    let test = TestApp::new().await;
    let scene = Scene::of(&test, 4).await;
    let pool = scene.keep(json!({ "country": "BR" }), 1).await;
    scene.enter(Who::named("Ana"), "CONFIRMED").await;
    let whole = json!({ "capacity": 4, "taken": 1, "free": 2, "held": null, "waiting": null, "pools": null });
    for viewer in [
        test.anonymous(),
        test.person("Saul").await,
        test.administrator().await,
        test.holder("Tim", Role::Tutor, at(&scene.edition)).await,
    ] {
        let seen = viewer.run("SeeSeats", json!({ "id": scene.edition })).await;
        assert_eq!(seen.at("edition.seats"), &whole);
        if viewer.person.is_some() {
            let refused = act(&viewer, "ChangeSeatPool", change(&pool, 1, 1)).await;
            assert_eq!(refused.refusal(), "NOT_FOUND");
        }
    }
    assert_eq!(
        scene.figures().await,
        (json!([4, 1, 0, 0, 2]), vec![json!([1, 0, 0, 0])])
    );
    drop(test.mails().await);
}

#[tokio::test]
async fn the_seats_of_many_editions_are_read_in_few_statements() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    for number in 0..6 {
        let plan = Plan {
            code: format!("SEATS-{number}").leak(),
            ..plan(4)
        };
        let scene = Scene::with(&test, coordinator.clone(), plan).await;
        scene.keep(json!({ "country": "BR" }), 1).await;
    }
    coordinator.warm_up().await;
    let before = test.app.db.statements();
    let document = "{ editions(first: 6) { nodes { seats { waiting pools { seats waiting } } } } }";
    let seen = coordinator.query(document, json!({})).await;
    assert_eq!(seen.at("editions.nodes").as_array().map(Vec::len), Some(6));
    let sent = test.app.db.statements() - before;
    assert!(sent <= 5, "{sent} statements");
}

#[tokio::test]
async fn an_application_costs_the_pools_only_where_there_are_any() {
    let test = TestApp::new().await;
    let scene = Scene::of(&test, 9).await;
    scene.enter(Who::named("Ana"), "CONFIRMED").await;
    let cost = async |name| {
        let client = test.person(name).await;
        client.warm_up().await;
        let before = test.app.db.statements();
        assert_eq!(apply(&client, &scene.edition).await.1, "CONFIRMED");
        test.app.db.statements() - before
    };
    let plain = cost("Bea").await;
    let most = match test.app.db.engine() {
        Engine::Postgres => 4,
        Engine::Sqlite => 13,
    };
    assert!(plain <= most, "{plain} statements");
    scene.keep(json!({ "country": "UY" }), 2).await;
    // The pools, and the count of the one.
    let kept = cost("Cy").await;
    assert!(kept <= plain + 3, "{kept} statements after {plain}");
    drop(test.mails().await);
}

#[tokio::test]
async fn a_copy_keeps_seats_for_whom_they_were_kept() {
    let test = TestApp::new().await;
    let scene = Scene::of(&test, 10).await;
    scene.offer_for(10, 48).await;
    let (soon, later) = (test.now() + TimeDelta::hours(1), test.now() + TimeDelta::days(9));
    let workers = json!({ "constituentGroup": "WORKERS" });
    scene.keep(workers, 2).await;
    let country = |code: &str, at| json!({ "country": code, "releasesAt": at, "overflow": true });
    scene.keep(country("BR", later), 4).await;
    scene.keep(country("AR", soon), 1).await;
    scene.line(&[("Davi", "BR", "CONFIRMED")]).await;
    test.pass(TimeDelta::hours(2));
    drop(test.mails().await);
    let scene = scene.later().await;
    // Thirty days later.
    let input = json!({ "editionId": scene.edition, "code": "SECOND", "startsOn": "2026-05-06" });
    let document = "mutation ($input: CopyEditionInput!) { copyEdition(input: $input) {
        edition { id offerHours seats { free pools { releasesAt releasedAt overflow } } } userErrors { code } } }";
    let copied = scene.coordinator.query(document, json!({ "input": input })).await;
    assert_eq!(copied.at("copyEdition.edition.offerHours"), 48);
    let seats = copied.at("copyEdition.edition.seats").clone();
    assert_eq!(seats["free"], 3);
    let at = |place: usize| seats["pools"][place]["releasesAt"].clone();
    let instant = |value: Value| {
        value
            .as_str()
            .map(|text| text.parse::<DateTime<Utc>>().expect("an instant"))
    };
    let moved = |at| Some(at + TimeDelta::days(30));
    assert_eq!([0, 1, 2].map(at).map(instant), [None, moved(soon), moved(later)]);
    for (place, overflow) in [(0, false), (1, true), (2, true)] {
        assert_eq!(seats["pools"][place]["releasedAt"], Value::Null);
        assert_eq!(seats["pools"][place]["overflow"], overflow);
    }
    let second = Scene {
        edition: copied.text("copyEdition.edition.id"),
        ..scene
    };
    assert_eq!(
        second.figures().await,
        (
            json!([10, 0, 0, 0, 3]),
            vec![json!([2, 0, 0, 0]), json!([1, 0, 0, 0]), json!([4, 0, 0, 0])]
        )
    );
    second.fine().await;
}

#[tokio::test]
async fn a_cancelled_edition_ends_its_offers_and_keeps_nothing_for_anybody_new() {
    let test = TestApp::new().await;
    let (scene, people) = offering(&test).await;
    drop(test.mails().await);
    let seen = as_seen(&scene.coordinator, json!([scene.edition])).await[0]["version"].clone();
    let input = json!({ "editionId": scene.edition, "version": seen, "to": "CANCELLED", "reason": "No room" });
    let cancelled = act(&scene.coordinator, "MoveEdition", input).await;
    assert_eq!(cancelled.text("moveEdition.edition.state"), "CANCELLED");
    for person in &people[1..] {
        assert_eq!(person.state().await, "CANCELLED");
        assert_eq!(
            person.refused("AcceptOffer").await,
            ["ILLEGAL_TRANSITION input.enrolmentId"]
        );
    }
    assert_eq!(scene.figures().await.0, json!([1, 0, 0, 0, 1]));
    assert_eq!(
        test.notices().await,
        ["edition_cancelled bea@example.org", "edition_cancelled cy@example.org"]
    );
    let input = json!({ "editionId": scene.edition, "country": "UY", "seats": 1 });
    assert_eq!(
        scene.faults("CreateSeatPool", input).await,
        ["ILLEGAL_TRANSITION input"]
    );
    // The time of the offer comes, and there is none.
    test.pass(TimeDelta::days(2));
    assert_eq!(test.notices().await, [""; 0]);
    scene.fine().await;
}

#[tokio::test]
async fn an_offer_outlives_the_window_and_passes_on_when_its_time_ends() {
    let test = TestApp::new().await;
    let scene = Scene::of(&test, 1).await;
    scene.offer_for(1, 24).await;
    let people = scene.line(&QUEUE).await;
    // Fifteen hours before the window closes.
    until(&test, "2026-04-01T12:00:00Z");
    people[0].again().await.withdraw().await;
    drop(test.mails().await);
    let of_edition = async || {
        let seen = test.anonymous().run("SeeEdition", json!({ "id": scene.edition })).await;
        seen.text("edition.state")
    };
    until(&test, "2026-04-02T11:59:00Z");
    assert_eq!(test.notices().await, [""; 0]);
    assert_eq!(of_edition().await, "ENROLMENT_CLOSED");
    let bea = people[1].again().await;
    assert_eq!(bea.state().await, "WAITLISTED");
    until(&test, "2026-04-02T12:00:00Z");
    assert_eq!(
        test.notices().await,
        ["seat_offer_expired bea@example.org", "seat_offered cy@example.org"]
    );
    assert_eq!(bea.state().await, "EXPIRED");
    assert_eq!(people[2].again().await.accept().await, "CONFIRMED");
    until(&test, "2026-04-06T03:00:00Z");
    assert_eq!(test.notices().await, ["enrolment_confirmed cy@example.org"]);
    assert_eq!(of_edition().await, "RUNNING");
    assert_eq!(people[2].again().await.state().await, "ACTIVE");
    scene.fine().await;
}

#[tokio::test]
async fn a_release_before_the_first_day_admits_however_late_the_job_is() {
    let test = TestApp::new().await;
    let scene = Scene::of(&test, 2).await;
    let kept = json!({ "country": "BR", "releasesAt": "2026-04-05T12:00:00Z" });
    scene.keep(kept, 1).await;
    let people = scene.line(&QUEUE[..2]).await;
    drop(test.mails().await);
    // The window is closed by now, and the edition has begun.
    until(&test, "2026-04-07T12:00:00Z");
    assert_eq!(test.notices().await, ["enrolment_confirmed bea@example.org"]);
    assert_eq!(people[1].again().await.state().await, "ACTIVE");
    scene.fine().await;
}

#[tokio::test]
async fn an_edition_has_so_many_pools_and_no_more() {
    let test = TestApp::new().await;
    let scene = Scene::of(&test, 300).await;
    let tx = test.app.db.write().await.expect("a transaction");
    for country in rust_iso3166::ALL.iter().take(POOLS_LIMIT) {
        let id = SeatPoolId(test.app.clock.new_id());
        let kept_for = KeptFor::Country(Country::parse(country.alpha2).expect("a country"));
        let draft = PoolDraft {
            seats: 1,
            releases_at: None,
            overflow: false,
        };
        let of = scene.edition.parse().expect("an edition");
        let row = seat_pool::Model::new(id, of, &kept_for, draft, test.now());
        seat_pool::insert(&tx, row, "country").await.expect("a pool");
    }
    tx.commit().await.expect("a commit");
    let input = json!({ "editionId": scene.edition, "constituentGroup": "WORKERS", "seats": 1 });
    assert_eq!(
        scene.faults("CreateSeatPool", input).await,
        ["LIMIT_REACHED input.editionId"]
    );
    scene.fine().await;
}
