//! Tables that are cancelled: before there is a file, while they wait, in the middle of the work, and too late.

use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::StatusCode;
use chrono::TimeDelta;
use rumbo::domain::list::Mode;
use rumbo::error::{Error, Result};
use rumbo::service::roster::{Answer as Told, Leash, Order, Report, job, run_on};
use rumbo::store::{Engine, audit, table_import};
use rumbo::worker::imports;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use super::broken::handed_over;
use super::network::{ask, follow, put};
use super::{
    accounts, actor, appointed, assert_forgotten, claimed, counts, file, files, listening, order, place, report,
};
use crate::live::{prompt, value};
use crate::support::app::{Answer, Client, TestApp};
use crate::support::letter::token_in;
use crate::support::scene::act;

pub(super) const TOO_LATE: [&str; 1] = ["ILLEGAL_TRANSITION input.tableImportId"];

pub(crate) async fn cancel(client: &Client<'_>, id: &str) -> Answer {
    act(client, "CancelTableImport", json!({ "tableImportId": id })).await
}

/// Whether somebody may cancel a table, as they are told before they try.
async fn may_cancel(client: &Client<'_>, id: &str) -> bool {
    let asked = json!({ "action": "CANCEL_TABLE_IMPORT", "on": id });
    let answer = client.run("MayI", asked).await;
    answer.at("viewer.can.allowed") == &json!(true)
}

fn in_mode(mode: Mode) -> Order {
    Order {
        mode,
        notify: false,
        ..order()
    }
}

/// Works on the file, as a worker does on what it holds, or a command. `hear` is told how many rows are done.
async fn work_on(
    test: &TestApp,
    client: &Client<'_>,
    stop: &AtomicBool,
    held: Option<&table_import::Model>,
    mode: Mode,
    mut hear: impl FnMut(usize),
) -> Result<Told> {
    let (actor, order) = (actor(test, client).await, in_mode(mode));
    let (leash, file) = (Leash { stop, held }, file());
    let hear = |done: usize, _: usize| hear(done);
    Box::pin(run_on(&test.app, &actor, file.as_bytes(), &order, leash, hear)).await
}

/// What somebody is told they may do to a table, and then is let do.
pub(crate) async fn told_and_let(client: &Client<'_>, id: &str) -> (bool, bool) {
    let told = may_cancel(client, id).await;
    let answer = cancel(client, id).await;
    let state = answer.body.contains("CANCELLED");
    (told, state)
}

/// Works off the only table that waits. When so many rows are done, its owner cancels it.
async fn cancelled_at(test: &TestApp, owner: &Client<'_>, id: &str, mode: Mode, at: usize) {
    met_at(test, owner, mode, at, || {
        let answer = block_in_place(|| Handle::current().block_on(cancel(owner, id)));
        assert_eq!(answer.text("cancelTableImport.tableImport.state"), "CANCELLED");
    })
    .await;
}

/// Works off the only table that waits. When so many rows are done, something happens.
async fn met_at(test: &TestApp, owner: &Client<'_>, mode: Mode, at: usize, happens: impl Fn()) {
    let held = claimed(test).await;
    let stop = AtomicBool::new(false);
    let hear = |done: usize| {
        if done == at {
            happens();
        }
    };
    let answer = work_on(test, owner, &stop, Some(&held), mode, hear).await;
    job::conclude(&test.app, &held, answer).await.expect("it is stored");
}

fn numbers(seen: &Value) -> [Option<i64>; 5] {
    ["total", "done", "notReached", "created", "unchanged"].map(|name| seen[name].as_i64())
}

async fn cancellations(test: &TestApp) -> u64 {
    let written = audit::Entity::find().filter(audit::Column::Reason.eq("cancelled"));
    written.count(test.app.db.read()).await.expect("a number")
}

#[tokio::test]
async fn what_waits_is_cancelled_and_whoever_follows_hears_of_it() {
    let test = TestApp::having(prompt).await;
    let (carla, edition) = place(&test).await;
    let (id, url) = ask(&carla, json!({ "editionId": edition })).await;
    assert!(may_cancel(&carla, &id).await);
    let answer = cancel(&carla, &id).await;
    assert_eq!(answer.text("cancelTableImport.tableImport.state"), "CANCELLED");
    assert!(!may_cancel(&carla, &id).await);
    let refused = put(&test, &carla, &url, file()).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND, "the link is dead");

    let id = handed_over(&test, &carla, &edition, "ROW_BY_ROW").await;
    let mut peer = listening(&test, &carla, &id).await;
    assert_eq!(value(&mut peer, "tableImport").await["state"], "QUEUED");
    assert_eq!(files(&test).await, 1);
    let answer = cancel(&carla, &id).await;
    assert_eq!(answer.user_errors("cancelTableImport"), [""; 0]);
    assert_eq!(answer.at("cancelTableImport.tableImport.carriedOut"), &json!(false));
    let said = value(&mut peer, "tableImport").await;
    assert_eq!(said["state"], "CANCELLED");
    assert!(said["finishedAt"].is_string(), "{said}");
    assert_eq!(files(&test).await, 0, "the file goes with it");
    imports::drain(&test.app).await.expect("nothing waits");
    assert_eq!(follow(&carla, &id).await["state"], "CANCELLED");
    assert_eq!(accounts(&test).await, 1);
    assert_eq!(cancellations(&test).await, 2);
    // It does not count among those that wait, and is forgotten with the others.
    assert_forgotten(&test, &carla, &id).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_by_row_what_was_carried_out_stays_and_is_told() {
    let test = TestApp::new().await;
    let (carla, edition) = place(&test).await;
    let id = handed_over(&test, &carla, &edition, "ROW_BY_ROW").await;
    cancelled_at(&test, &carla, &id, Mode::RowByRow, 200).await;
    let seen = follow(&carla, &id).await;
    assert_eq!(
        (&seen["state"], &seen["carriedOut"]),
        (&json!("CANCELLED"), &json!(true))
    );
    assert_eq!(numbers(&seen), [450, 200, 250, 200, 0].map(Some));
    let rows = carla.run("TableImportRows", json!({ "id": id, "first": 1 })).await;
    assert_eq!(rows.text("tableImportRows.nodes.0.outcome"), "CREATED");
    assert_eq!((accounts(&test).await, files(&test).await), (201, 0));
    imports::drain(&test.app).await.expect("nothing waits");
    assert_eq!(accounts(&test).await, 201);
    // The same file goes on from there.
    let done = report(&test, &carla, &file(), &in_mode(Mode::RowByRow)).await;
    assert_eq!(counts(&done), [250, 0, 200, 0]);
    test.fine().await;
    assert_eq!(test.notices().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_all_or_nothing_nothing_stays() {
    let test = TestApp::new().await;
    let (carla, edition) = place(&test).await;
    // On SQLite whoever cancels waits for what is being written, so it is before; otherwise when all of it is written.
    let at = match test.app.db.engine() {
        Engine::Sqlite => 0,
        Engine::Postgres => 450,
    };
    let id = handed_over(&test, &carla, &edition, "ALL_OR_NOTHING").await;
    cancelled_at(&test, &carla, &id, Mode::AllOrNothing, at).await;
    let seen = follow(&carla, &id).await;
    assert_eq!(
        (&seen["state"], &seen["carriedOut"]),
        (&json!("CANCELLED"), &json!(false))
    );
    assert_eq!(numbers(&seen), [450, 0, 450, 0, 0].map(Some));
    let rows = carla.run("TableImportRows", json!({ "id": id, "first": 1 })).await;
    assert_eq!(rows.at("tableImportRows.nodes"), &json!([]));
    assert_eq!((accounts(&test).await, files(&test).await), (1, 0));
    test.fine().await;
    assert_eq!(test.notices().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_ends_all_sessions_ends_what_is_in_the_middle_of_its_work() {
    let test = TestApp::new().await;
    let (carla, edition) = place(&test).await;
    let at = match test.app.db.engine() {
        Engine::Sqlite => 0,
        Engine::Postgres => 450,
    };
    let id = handed_over(&test, &carla, &edition, "ALL_OR_NOTHING").await;
    met_at(&test, &carla, Mode::AllOrNothing, at, || {
        let ended = block_in_place(|| Handle::current().block_on(carla.run("EndAllSessions", json!({}))));
        assert_eq!(ended.at("endAllSessions.ended"), &json!(1));
    })
    .await;
    let seen = follow(&carla.again().await, &id).await;
    assert_eq!(
        (&seen["state"], &seen["carriedOut"]),
        (&json!("CANCELLED"), &json!(false))
    );
    assert_eq!((accounts(&test).await, files(&test).await), (1, 0));
    test.fine().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_confirms_another_address_need_not_wait_for_what_is_in_the_middle_of_its_work() {
    let test = TestApp::new().await;
    let (carla, edition) = place(&test).await;
    test.password_of(&carla).await;
    let change = json!({ "currentPassword": TestApp::PASSWORD, "email": "carla.new@example.org" });
    act(&carla, "RequestEmailChange", change)
        .await
        .at("requestEmailChange.accepted");
    let mails = test.mails().await;
    let asked = mails.iter().find(|mail| mail.notice == "confirm_new_address");
    let token = token_in(asked.expect("a link"));
    let at = match test.app.db.engine() {
        Engine::Sqlite => 0,
        Engine::Postgres => 450,
    };
    let id = handed_over(&test, &carla, &edition, "ALL_OR_NOTHING").await;
    let anyone = test.anonymous().with_keys();
    met_at(&test, &carla, Mode::AllOrNothing, at, || {
        let confirmed = act(&anyone, "ConfirmEmailChange", json!({ "token": token }));
        let cancelled = async { while follow(&carla, &id).await["state"] != "CANCELLED" {} };
        let either = async {
            tokio::select! {
                answer = confirmed => drop(answer),
                () = cancelled => {}
            }
        };
        block_in_place(|| Handle::current().block_on(either));
    })
    .await;
    let seen = follow(&carla, &id).await;
    assert_eq!(
        (&seen["state"], &seen["carriedOut"]),
        (&json!("CANCELLED"), &json!(false))
    );
    assert_eq!((accounts(&test).await, files(&test).await), (1, 0));
    drop(test.mails().await);
    test.fine().await;
}

#[tokio::test]
async fn what_is_over_is_not_cancelled() {
    let test = TestApp::new().await;
    let (carla, edition) = place(&test).await;
    for (file, state) in [
        (&b"email,firstname,lastname\na@example.org,Ana,Paz\n"[..], "DONE"),
        (&b"email,firstname\nb@example.org,Jos\xE9\n"[..], "UNREADABLE"),
    ] {
        let (id, url) = ask(&carla, json!({ "editionId": edition, "notify": false })).await;
        let taken = put(&test, &carla, &url, file.to_vec()).await;
        assert_eq!(taken.status, StatusCode::NO_CONTENT);
        imports::drain(&test.app).await.expect("the work is done");
        let answer = cancel(&carla, &id).await;
        assert_eq!(answer.user_errors("cancelTableImport"), TOO_LATE);
        let seen = follow(&carla, &id).await;
        assert_eq!((seen["state"].as_str(), &seen["notReached"]), (Some(state), &json!(0)));
    }
    assert_eq!(cancellations(&test).await, 0);
    assert_eq!(test.notices().await, [""; 0]);
}

#[tokio::test]
async fn a_table_of_people_is_cancelled_by_who_asked_for_it() {
    let test = TestApp::new().await;
    let (ada, carla) = (test.administrator().await, test.coordinator().await);
    let made = act(&ada, "ImportPeople", json!({})).await;
    let id = made.text("importPeople.created.tableImport.id");
    assert_eq!(told_and_let(&carla, &id).await, (false, false));
    assert_eq!(told_and_let(&ada, &id).await, (true, true));
    assert_eq!(told_and_let(&ada, &id).await, (false, false));
}

#[tokio::test]
async fn what_was_given_up_is_not_cancelled() {
    let test = TestApp::new().await;
    let (carla, edition) = place(&test).await;
    let id = handed_over(&test, &carla, &edition, "ROW_BY_ROW").await;
    let held = claimed(&test).await;
    job::conclude(&test.app, &held, Err(Error::Forbidden))
        .await
        .expect("it is stored");
    let failed = follow(&carla, &id).await;
    assert_eq!(failed["state"], "FAILED");
    assert!(!may_cancel(&carla, &id).await);
    let refused = cancel(&carla, &id).await;
    assert_eq!(refused.user_errors("cancelTableImport"), TOO_LATE);
    assert_eq!(follow(&carla, &id).await, failed);
    assert_eq!(cancellations(&test).await, 0);
    assert_eq!(test.notices().await, [""; 0]);
}

#[tokio::test]
async fn what_is_cancelled_is_not_cancelled_a_second_time_later() {
    let test = TestApp::new().await;
    let (carla, edition) = place(&test).await;
    let id = handed_over(&test, &carla, &edition, "ROW_BY_ROW").await;
    let answer = cancel(&carla, &id).await;
    assert_eq!(answer.user_errors("cancelTableImport"), [""; 0]);
    let ended = follow(&carla, &id).await;
    assert_eq!(ended["state"], "CANCELLED");
    test.pass(TimeDelta::minutes(5));
    let again = cancel(&carla, &id).await;
    assert_eq!(again.user_errors("cancelTableImport"), TOO_LATE);
    assert_eq!(follow(&carla, &id).await, ended, "it ended when it did");
    assert_eq!(cancellations(&test).await, 1);
    assert_eq!(test.notices().await, [""; 0]);
}

#[tokio::test]
async fn what_is_committed_to_the_last_row_is_not_cancelled_before_that_is_told() {
    let test = TestApp::new().await;
    let (carla, edition) = place(&test).await;
    let id = handed_over(&test, &carla, &edition, "ALL_OR_NOTHING").await;
    let held = claimed(&test).await;
    let stop = AtomicBool::new(false);
    let answer = work_on(&test, &carla, &stop, Some(&held), Mode::AllOrNothing, |_| {}).await;
    assert_eq!(follow(&carla, &id).await["state"], "RUNNING");
    assert!(!may_cancel(&carla, &id).await);
    let refused = cancel(&carla, &id).await;
    assert_eq!(refused.user_errors("cancelTableImport"), TOO_LATE);
    job::conclude(&test.app, &held, answer).await.expect("it is stored");
    let seen = follow(&carla, &id).await;
    assert_eq!((&seen["state"], &seen["carriedOut"]), (&json!("DONE"), &json!(true)));
    assert_eq!(numbers(&seen), [450, 450, 0, 450, 0].map(Some));
    assert_eq!(accounts(&test).await, 451);
    assert_eq!(test.notices().await, [""; 0]);
}

#[tokio::test]
async fn a_table_whose_copy_was_lost_is_cancelled_and_not_taken_up_again() {
    let test = TestApp::new().await;
    let (carla, edition) = place(&test).await;
    let id = handed_over(&test, &carla, &edition, "ROW_BY_ROW").await;
    let held = claimed(&test).await;
    let stop = AtomicBool::new(false);
    let hear = |done: usize| stop.store(done == 200, Ordering::Relaxed);
    let answer = work_on(&test, &carla, &stop, Some(&held), Mode::RowByRow, hear).await;
    drop(answer.expect("what nobody is told"));
    cancel(&carla, &id).await;
    test.pass(TimeDelta::seconds(61));
    imports::drain(&test.app).await.expect("nothing waits");
    let seen = follow(&carla, &id).await;
    assert_eq!(
        (&seen["state"], &seen["carriedOut"]),
        (&json!("CANCELLED"), &json!(true))
    );
    assert_eq!(numbers(&seen), [450, 200, 250, 0, 0].map(Some));
    assert_eq!(accounts(&test).await, 201);
    assert_eq!(test.notices().await, [""; 0]);
}

#[tokio::test]
async fn a_copy_that_lost_the_table_commits_nothing_more() {
    let test = TestApp::new().await;
    let (carla, edition) = place(&test).await;
    handed_over(&test, &carla, &edition, "ROW_BY_ROW").await;
    let held = claimed(&test).await;
    test.pass(TimeDelta::seconds(61));
    let other = claimed(&test).await;
    assert_eq!((other.id, other.lease), (held.id, held.lease + 1));
    let stop = AtomicBool::new(false);
    let answer = work_on(&test, &carla, &stop, Some(&held), Mode::RowByRow, |_| {}).await;
    job::conclude(&test.app, &held, answer)
        .await
        .expect("nothing is stored");
    assert_eq!(accounts(&test).await, 1);
    let of_held = table_import::is_cancelled(test.app.db.read(), held.id).await;
    assert!(!of_held.expect("a look"));
}

#[tokio::test]
async fn nobody_else_cancels_it_and_nobody_without_the_right() {
    let test = TestApp::new().await;
    let (carla, edition) = place(&test).await;
    let ada = test.administrator().await;
    let (dora, role) = appointed(&test, &ada, &edition).await;
    let id = handed_over(&test, &dora, &edition, "ROW_BY_ROW").await;
    let other = test.coordinator_of("Cora", &edition).await;
    for client in [&carla, &ada, &other] {
        assert!(!may_cancel(client, &id).await);
        assert_eq!(cancel(client, &id).await.refusal(), "NOT_FOUND");
    }
    assert!(may_cancel(&dora, &id).await);
    let unknown = cancel(&dora, "imp_01h455vb4pex5vsknk084sn02q").await;
    assert_eq!(unknown.refusal(), "NOT_FOUND");
    let wrong = cancel(&dora, &edition).await.user_errors("cancelTableImport");
    assert_eq!(wrong, ["INVALID_ID input.tableImportId"]);
    assert_eq!(cancel(&test.anonymous(), &id).await.refusal(), "UNAUTHENTICATED");
    act(&ada, "RevokeRole", json!({ "roleAssignmentId": role })).await;
    assert!(!may_cancel(&dora, &id).await);
    assert_eq!(cancel(&dora, &id).await.refusal(), "FORBIDDEN");
    assert_eq!(follow(&dora, &id).await["state"], "QUEUED");
    assert_eq!(cancellations(&test).await, 0);
    drop(test.mails().await);
}

#[tokio::test]
async fn of_two_who_cancel_at_once_one_does() {
    let test = TestApp::new().await;
    let (carla, edition) = place(&test).await;
    let id = handed_over(&test, &carla, &edition, "ROW_BY_ROW").await;
    let (one, two) = tokio::join!(cancel(&carla, &id), cancel(&carla, &id));
    let mut told = [one, two].map(|answer| answer.user_errors("cancelTableImport"));
    told.sort();
    assert_eq!(told[0], [""; 0]);
    assert_eq!(told[1], TOO_LATE);
    assert_eq!(cancellations(&test).await, 1);
    assert_eq!(follow(&carla, &id).await["state"], "CANCELLED");
}

/// What the command is told when somebody stops it once so many rows are done.
async fn stopped_at(test: &TestApp, client: &Client<'_>, mode: Mode, at: usize) -> Report {
    let stop = AtomicBool::new(false);
    let hear = |done: usize| stop.store(done == at, Ordering::Relaxed);
    match work_on(test, client, &stop, None, mode, hear).await {
        Ok(Told::Report(report)) => report,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_command_that_is_stopped_tells_how_far_it_came() {
    let test = TestApp::new().await;
    let (carla, _) = place(&test).await;
    for at in [0, 450] {
        let told = stopped_at(&test, &carla, Mode::AllOrNothing, at).await;
        assert_eq!((told.carried_out, told.rows.len()), (false, 0));
        let why = told.broke_off.expect("it was cancelled");
        assert_eq!(
            (why.left, why.is_cancelled, why.is_forbidden),
            (450, true, false),
            "at {at}"
        );
        assert_eq!(accounts(&test).await, 1);
    }
    let told = stopped_at(&test, &carla, Mode::RowByRow, 200).await;
    assert_eq!((told.carried_out, counts(&told)), (true, [200, 0, 0, 0]));
    let why = told.broke_off.expect("it was cancelled");
    assert_eq!((why.left, why.cause.as_str()), (250, "it was cancelled"));
    assert_eq!(accounts(&test).await, 201);
    test.fine().await;
    assert_eq!(test.notices().await, [""; 0]);
}
