//! Tables of people and of enrolments: what becomes of each row, that a file does nothing twice, and that it tells
//! nobody what they may not know.

use std::fmt::Write;

use chrono::TimeDelta;
use rumbo::domain::actor::Actor;
use rumbo::domain::enrolment::EnrolmentState;
use rumbo::domain::language::Language;
use rumbo::domain::list::Mode;
use rumbo::domain::roster::{Kind, Outcome};
use rumbo::domain::text::{Email, ShortCode};
use rumbo::error::Result;
use rumbo::service::roster::{Answer, Order, Report, run};
use rumbo::service::session::on_behalf;
use rumbo::store::{person, table_import, table_import_file};
use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::{Value, json};

use self::network::follow;
use crate::live::subscribe;
use crate::socket::{Peer, introduced};
use crate::support::app::{Client, TestApp};
use crate::support::scene::{Plan, act, enrolling, id_of};

mod addresses;
mod broken;
pub(crate) mod cancelled;
pub(crate) mod command;
mod enrolments;
mod faults;
pub(crate) mod network;
mod people;
mod seats;
mod sight;
mod waiting;

/// What is asked for unless a test says otherwise: enrolments in the first edition, row by row.
fn order() -> Order {
    Order {
        kind: Kind::Enrolments,
        edition: Some(ShortCode::parse("DEMO-2026").expect("a code")),
        institution: None,
        mode: Mode::RowByRow,
        dry_run: false,
        notify: true,
        language: Language::Es,
    }
}

/// The same of people.
fn of_people() -> Order {
    Order {
        kind: Kind::People,
        edition: None,
        ..order()
    }
}

async fn actor(test: &TestApp, client: &Client<'_>) -> Actor {
    let email = Email::parse(&client.email).expect("an address");
    on_behalf(&test.app, &email).await.expect("somebody")
}

async fn bring(test: &TestApp, client: &Client<'_>, file: &str, order: &Order) -> Result<Answer> {
    let actor = actor(test, client).await;
    Box::pin(run(&test.app, &actor, file.as_bytes(), order, |_, _| {})).await
}

/// What came of a file that can be read.
async fn report(test: &TestApp, client: &Client<'_>, file: &str, order: &Order) -> Report {
    match bring(test, client, file, order).await.expect("an answer") {
        Answer::Report(report) => report,
        Answer::Unreadable(fault) => panic!("{fault:?}"),
    }
}

/// The rows of a report as `line outcome state CODE@column`.
fn told(report: &Report) -> Vec<String> {
    let row = |row: &rumbo::service::roster::RowReport| {
        let state = row.state.map_or("-", EnrolmentState::word);
        let faults = row.faults.iter().map(|fault| {
            let column = fault.column.as_deref().unwrap_or("-");
            format!(" {}@{column}", rumbo::api::error::key(fault.code))
        });
        let faults: Vec<String> = faults.collect();
        format!("{} {} {state}{}", row.line, row.outcome.word(), faults.concat())
    };
    report.rows.iter().map(row).collect()
}

/// How many rows were created, updated, unchanged and refused.
fn counts(report: &Report) -> [usize; 4] {
    [Outcome::Created, Outcome::Updated, Outcome::Unchanged, Outcome::Refused].map(|outcome| report.count(outcome))
}

/// A coordinator, and an edition of hers that takes applications.
async fn place(test: &TestApp) -> (Client<'_>, String) {
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN).await;
    (carla, edition)
}

/// Dora, whom an administrator made a coordinator of the edition, and the role that can be taken from her.
async fn appointed<'a>(test: &'a TestApp, ada: &Client<'_>, edition: &str) -> (Client<'a>, String) {
    let dora = test.person("Dora").await;
    let input = json!({ "personId": id_of(&dora), "role": "COORDINATOR", "scopeId": edition });
    let role = act(ada, "GrantRole", input).await.text("grantRole.roleAssignment.id");
    (dora, role)
}

/// A file of so many people; 200 of them come in with one transaction.
fn file_of(people: usize) -> String {
    let mut file = String::from("email,firstname,lastname\n");
    for number in 0..people {
        writeln!(file, "p{number}@example.org,Ana,Paz").expect("memory");
    }
    file
}

/// People in three transactions: 200, 200 and 50.
fn file() -> String {
    file_of(450)
}

/// The table that a worker takes next; it holds it for a minute.
async fn claimed(test: &TestApp) -> table_import::Model {
    let claimed = table_import::claim(&test.app.db, test.now(), TimeDelta::seconds(60)).await;
    claimed.expect("a look").expect("a table that waits")
}

/// Somebody who follows a table; the subscription is called `a`.
async fn listening(test: &TestApp, client: &Client<'_>, id: &str) -> Peer {
    let mut peer = introduced(test, client.token()).await;
    subscribe(&mut peer, "a", "FollowTableImport", json!({ "id": id })).await;
    peer
}

/// After its time a table is forgotten.
async fn assert_forgotten(test: &TestApp, client: &Client<'_>, id: &str) {
    test.pass(TimeDelta::days(31));
    drop(test.mails().await);
    assert_eq!(follow(&client.again().await, id).await, Value::Null);
}

/// How many files are kept.
async fn files(test: &TestApp) -> u64 {
    let kept = table_import_file::Entity::find().count(test.app.db.read()).await;
    kept.expect("a number")
}

async fn accounts(test: &TestApp) -> u64 {
    let found = person::Entity::find().count(test.app.db.read()).await;
    found.expect("a number")
}

async fn account(test: &TestApp, email: &str) -> Option<person::Model> {
    let email = Email::parse(email).expect("an address");
    person::find_by_email(test.app.db.read(), &email).await.expect("a look")
}
