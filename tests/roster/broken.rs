//! What happens to a file while something else happens: the database fails, or who brings it in loses their role.

use std::fmt::Write;
use std::time::Duration;

use rumbo::service::roster::{Answer, Report, run};
use rumbo::store::{Engine, person};
use sea_orm::{ConnectionTrait, Database};
use tokio::time::timeout;

use super::{accounts, actor, assert_sound, counts, order, report, told};
use crate::support::app::{Client, TestApp};
use crate::support::scene::{Plan, apply, enrolling};

/// People in three transactions: 200, 200 and 50.
fn file() -> String {
    let mut file = String::from("email,firstname,lastname\n");
    for number in 0..450 {
        writeln!(file, "p{number}@example.org,Ana,Paz").expect("memory");
    }
    file
}

/// Runs a statement on a connection of its own, and waits for it.
fn meanwhile(url: &str, sql: &str) {
    let (url, sql) = (url.to_owned(), sql.to_owned());
    let work = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let connection = Database::connect(&url).await.expect("a connection");
            connection.execute_unprepared(&sql).await.expect("a statement");
            connection.close().await.expect("an end");
        });
    };
    std::thread::spawn(work).join().expect("it is done");
}

/// Brings the file in; after the first 200 rows this happens.
async fn interrupted(test: &TestApp, client: &Client<'_>, sql: &str) -> Report {
    let (actor, url) = (actor(test, client).await, test.database_url());
    let hear = |done: usize, _: usize| {
        if done == 200 {
            meanwhile(&url, sql);
        }
    };
    match Box::pin(run(&test.app, &actor, file().as_bytes(), &order(), hear)).await {
        Ok(Answer::Report(report)) => report,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_was_carried_out_is_told_and_mailed_when_the_rest_fails() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    enrolling(&carla, Plan::OPEN).await;
    // Whatever woke it before.
    timeout(Duration::ZERO, test.app.outbox.notified()).await.ok();
    let broken = interrupted(&test, &carla, "ALTER TABLE imported_row RENAME TO imported_row_gone").await;
    assert_eq!((counts(&broken), broken.carried_out), ([200, 0, 0, 0], true));
    assert_eq!(broken.broke_off.map(|broken| broken.left), Some(250));
    assert_eq!(accounts(&test).await, 201);
    let woken = timeout(Duration::from_secs(5), test.app.outbox.notified()).await;
    assert!(woken.is_ok(), "the mails of the 200 leave");
    meanwhile(
        &test.database_url(),
        "ALTER TABLE imported_row_gone RENAME TO imported_row",
    );
    let done = report(&test, &carla, &file(), &order()).await;
    assert_eq!((counts(&done), done.broke_off), ([250, 0, 200, 0], None));
    assert_eq!(test.notices().await.len(), 450);
    assert_sound(&test).await;
}

#[tokio::test]
async fn a_file_that_makes_no_account_waits_for_nobody_who_makes_one() {
    let test = TestApp::new().await;
    // One writer at a time: whoever writes waits anyway.
    if test.app.db.engine() == Engine::Sqlite {
        return;
    }
    let carla = test.coordinator().await;
    let plan = Plan {
        policy: "APPROVAL",
        ..Plan::OPEN
    };
    let edition = enrolling(&carla, plan).await;
    apply(&test.person("Ana").await, &edition).await;
    let registering = test.app.db.write().await.expect("a transaction");
    person::lock_register(&registering).await.expect("the register");
    let done = report(&test, &carla, "email\nana@example.org\n", &order()).await;
    assert_eq!(told(&done), ["2 updated confirmed"]);
    registering.commit().await.expect("a commit");
    drop(test.mails().await);
}

#[tokio::test]
async fn who_loses_their_role_meanwhile_brings_no_more_in() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    enrolling(&carla, Plan::OPEN).await;
    let broken = interrupted(&test, &carla, "DELETE FROM role_assignment").await;
    assert_eq!(counts(&broken), [200, 0, 0, 0]);
    let why = broken.broke_off.expect("it broke off");
    assert_eq!((why.left, why.cause.as_str()), (250, "the actor may not do this"));
    assert_eq!(accounts(&test).await, 201);
    drop(test.mails().await);
}
