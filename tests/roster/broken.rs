//! What happens to a file while something else happens: the database fails, or who brings it in loses their role.

use std::time::Duration;

use axum::http::StatusCode;
use chrono::TimeDelta;
use rumbo::service::roster::{Answer, Report, run};
use rumbo::store::{Engine, person};
use rumbo::worker::imports;
use sea_orm::{ConnectionTrait, Database};
use serde_json::json;
use tokio::time::timeout;

use super::network::{ask, follow, put};
use super::{accounts, actor, counts, file, order, place, report, told};
use crate::support::app::{Client, TestApp};
use crate::support::scene::{Plan, apply, enrolling};

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
    let (carla, _) = place(&test).await;
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
    test.fine().await;
}

/// That somebody makes an account meanwhile can only be on PostgreSQL: SQLite has one writer at a time, and whoever
/// writes waits for it in any case. There the file is brought in alone.
#[tokio::test]
async fn a_file_that_makes_no_account_waits_for_nobody_who_makes_one() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let plan = Plan::OPEN.by_approval();
    let edition = enrolling(&carla, plan).await;
    apply(&test.person("Ana").await, &edition).await;
    assert_eq!(test.notices().await, ["application_received ana@example.org"]);
    let before = accounts(&test).await;
    let registering = if test.app.db.engine() == Engine::Postgres {
        let tx = test.app.db.write().await.expect("a transaction");
        person::lock_register(&tx).await.expect("the register");
        Some(tx)
    } else {
        None
    };
    let done = report(&test, &carla, "email\nana@example.org\n", &order()).await;
    assert_eq!(told(&done), ["2 updated confirmed"]);
    assert_eq!((counts(&done), done.broke_off), ([0, 1, 0, 0], None));
    if let Some(tx) = registering {
        tx.commit().await.expect("a commit");
    }
    assert_eq!(accounts(&test).await, before);
    assert_eq!(test.notices().await, ["enrolment_confirmed ana@example.org"]);
    test.fine().await;
}

#[tokio::test]
async fn who_loses_their_role_meanwhile_brings_no_more_in() {
    let test = TestApp::new().await;
    let (carla, _) = place(&test).await;
    let broken = interrupted(&test, &carla, "DELETE FROM role_assignment").await;
    assert_eq!(counts(&broken), [200, 0, 0, 0]);
    let why = broken.broke_off.expect("it broke off");
    assert_eq!((why.left, why.cause.as_str()), (250, "the actor may not do this"));
    assert!(why.is_forbidden);
    assert_eq!(accounts(&test).await, 201);
    drop(test.mails().await);
}

/// From now on nobody gets this address, by a fault of the database.
fn break_at(test: &TestApp, email: &str) {
    let sql = match test.app.db.engine() {
        Engine::Sqlite => format!(
            "CREATE TRIGGER broken BEFORE INSERT ON person WHEN NEW.email = '{email}'
               BEGIN SELECT RAISE(ABORT, 'broken'); END"
        ),
        Engine::Postgres => format!(
            "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
               IF NEW.email = '{email}' THEN RAISE EXCEPTION 'broken'; END IF; RETURN NEW; END $$;
             CREATE TRIGGER broken BEFORE INSERT ON person FOR EACH ROW EXECUTE FUNCTION broken()"
        ),
    };
    meanwhile(&test.database_url(), &sql);
}

fn mend(test: &TestApp) {
    let sql = match test.app.db.engine() {
        Engine::Sqlite => "DROP TRIGGER broken",
        Engine::Postgres => "DROP TRIGGER broken ON person",
    };
    meanwhile(&test.database_url(), sql);
}

/// Hands the file over; the identifier of its import.
pub(super) async fn handed_over(test: &TestApp, client: &Client<'_>, edition: &str, mode: &str) -> String {
    let input = json!({ "editionId": edition, "mode": mode, "notify": false });
    let (id, url) = ask(client, input).await;
    assert_eq!(put(test, client, &url, file()).await.status, StatusCode::NO_CONTENT);
    id
}

#[tokio::test]
async fn what_broke_off_over_the_network_is_tried_again_after_a_minute() {
    let test = TestApp::new().await;
    let (carla, edition) = place(&test).await;
    let id = handed_over(&test, &carla, &edition, "ROW_BY_ROW").await;
    break_at(&test, "p240@example.org");
    imports::drain(&test.app).await.expect("the work is done");
    assert_eq!(follow(&carla, &id).await["state"], "RUNNING");
    assert_eq!(accounts(&test).await, 201);
    mend(&test);
    imports::drain(&test.app).await.expect("nothing is free");
    assert_eq!(follow(&carla, &id).await["state"], "RUNNING");
    test.pass(TimeDelta::seconds(61));
    imports::drain(&test.app).await.expect("the work is done");
    let seen = follow(&carla, &id).await;
    assert_eq!(seen["state"], "DONE", "{seen}");
    let counts = ["done", "total", "created", "unchanged"].map(|name| seen[name].as_i64());
    assert_eq!(counts, [450, 450, 250, 200].map(Some));
    assert_eq!(accounts(&test).await, 451);
    test.fine().await;
    drop(test.mails().await);
}

#[tokio::test]
async fn what_breaks_off_each_time_is_given_up_and_tells_what_was_carried_out() {
    let test = TestApp::new().await;
    let (carla, edition) = place(&test).await;
    let id = handed_over(&test, &carla, &edition, "ROW_BY_ROW").await;
    break_at(&test, "p240@example.org");
    for attempt in 1..=5 {
        assert_ne!(follow(&carla, &id).await["state"], "FAILED", "before attempt {attempt}");
        imports::drain(&test.app).await.expect("the work is done");
        test.pass(TimeDelta::seconds(61));
    }
    let seen = follow(&carla, &id).await;
    assert_eq!((&seen["state"], &seen["carriedOut"]), (&json!("FAILED"), &json!(true)));
    let counts = ["done", "total", "unchanged"].map(|name| seen[name].as_i64());
    assert_eq!(counts, [200, 450, 200].map(Some));
    mend(&test);
    imports::drain(&test.app).await.expect("nothing is left");
    assert_eq!(accounts(&test).await, 201);
    test.fine().await;
    drop(test.mails().await);
}
