//! To which pool somebody belongs: the report of admission counts them, in SQL, in the one whose seats the ledger tries
//! first.

use chrono::TimeDelta;
use rumbo::domain::id::{EditionId, EnrolmentId};
use rumbo::store::seat_pool::standings::{self, ByPool};
use rumbo::store::{edition, enrolment, seat_pool};
use serde_json::json;

use super::Scene;
use crate::support::app::{TestApp, Who};
use crate::support::draw::Draw;
use crate::support::scene::{Plan, act, apply};

const COUNTRIES: [&str; 3] = ["UY", "BR", "CL"];
const GROUPS: [&str; 3] = ["WORKERS", "EMPLOYERS", "OTHER"];

/// How the applications stand by pool, as the statement counts them. What nobody is in any more is left out.
async fn by_statement(test: &TestApp, edition: EditionId) -> ByPool {
    let counted = standings::of(test.app.db.read(), &[edition]).await.expect("figures");
    let mut found = counted.get(&edition).cloned().unwrap_or_default();
    found.retain(|_, standings| standings.applications() > 0);
    found
}

/// The same of the rows themselves, as the ledger has it, and how many of them several pools are kept for.
async fn by_ledger(test: &TestApp, edition: EditionId, enrolments: &[EnrolmentId]) -> (ByPool, usize) {
    let connection = test.app.db.read();
    let row = edition::find(connection, edition).await.expect("a query");
    let row = row.expect("an edition");
    let ledger = seat_pool::ledger(connection, &row).await.expect("a ledger");
    let (mut found, mut torn) = (ByPool::new(), 0);
    for row in enrolment::by_ids(connection, enrolments).await.expect("rows") {
        let choices = ledger.choices(row.origin());
        torn += usize::from(choices.len() > 1);
        let pool = choices.first().and_then(|seat| seat.pool());
        found.entry(pool).or_default().count(row.state, 1);
    }
    (found, torn)
}

#[tokio::test]
async fn who_belongs_to_several_pools_is_counted_where_the_ledger_seats_them_first() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let institutions = [
        test.institution("INEFOP", "UY").await,
        test.institution("SENAI", "BR").await,
    ];
    let mut draw = Draw(19);
    let mut people = Vec::new();
    for number in 0..16 {
        let country = *draw.of(&COUNTRIES);
        let who = Who {
            country,
            institution: draw.percent(60).then(|| *draw.of(&institutions)),
            ..Who::named(format!("P{number}").leak())
        };
        let of = who.institution.map(|id| id.to_string());
        let person = test.somebody(who).await;
        let group = draw.of(&GROUPS);
        let input = json!({ "gender": "FEMALE", "country": country, "institutionId": of, "constituentGroup": group });
        let stated = act(&person, "DeclareMyself", input).await;
        assert_eq!(stated.user_errors("stateDeclaration"), [""; 0]);
        people.push(person);
    }
    let mut editions = Vec::new();
    for number in 0..4 {
        let plan = Plan {
            code: format!("POOLS-{number}").leak(),
            ..Plan::of_seats(40)
        };
        let scene = Scene::with(&test, coordinator.clone(), plan).await;
        let institutions = institutions.map(|id| json!({ "institutionId": id.to_string() }));
        let groups = GROUPS.map(|group| json!({ "constituentGroup": group }));
        let countries = COUNTRIES.map(|country| json!({ "country": country }));
        for mut kept_for in countries.into_iter().chain(groups).chain(institutions) {
            if draw.percent(40) {
                kept_for["releasesAt"] = json!("2026-03-02T13:00:00Z");
            }
            if draw.percent(75) {
                scene.keep(kept_for, 2).await;
            }
        }
        let mut enrolments: Vec<EnrolmentId> = Vec::new();
        for person in &people {
            let (enrolment, _) = apply(person, &scene.edition).await;
            enrolments.push(enrolment.parse().expect("an enrolment"));
        }
        let id: EditionId = scene.edition.parse().expect("an edition");
        editions.push((id, enrolments));
    }
    drop(test.mails().await);
    let mut between = [0, 0];
    for torn in &mut between {
        for (edition, enrolments) in &editions {
            let (expected, several) = by_ledger(&test, *edition, enrolments).await;
            assert_eq!(by_statement(&test, *edition).await, expected, "{edition}");
            *torn += several;
        }
        // What is released keeps no seats any more, and nobody belongs to it.
        test.pass(TimeDelta::hours(2));
        drop(test.mails().await);
    }
    assert!(
        between[0] > between[1] && between[1] > 0,
        "{between:?} belong to several"
    );
}
