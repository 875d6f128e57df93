//! Transactions that meet in the database are tried again, and nobody hears of it.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rumbo::domain::id::SubmissionId;
use rumbo::store::{Db, Engine, Tx, submission, team};
use sea_orm::{ConnectionTrait, EntityTrait, PaginatorTrait, Statement};
use serde_json::{Value, json};

use crate::idempotency::{body, request};
use crate::support::app::TestApp;
use crate::support::scene::{Class, act, as_seen, scores};

fn retries(test: &TestApp) -> u64 {
    test.app.retries.load(Ordering::Relaxed)
}

async fn run(tx: &Tx, sql: &str) {
    tx.execute_unprepared(sql).await.expect("the statement runs");
}

async fn script(test: &TestApp, sql: &str) {
    let tx = test.app.db.write().await.expect("a transaction");
    run(&tx, sql).await;
    tx.commit().await.expect("a commit");
}

/// Waits until something holds.
pub async fn until<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Whether some statement of this database waits for a lock.
pub async fn waits(test: &TestApp) -> bool {
    waiting(test).await > 0
}

/// How many statements of this database wait for a lock.
pub async fn waiting(test: &TestApp) -> i64 {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let connection = test.app.db.read();
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let row = connection.query_one_raw(statement).await.expect("the server answers");
    row.expect("a row").try_get_by_index::<i64>(0).expect("a number")
}

#[tokio::test]
async fn a_deadlock_is_tried_again() {
    let test = TestApp::new().await;
    if test.app.db.engine() == Engine::Sqlite {
        // One writes at a time; what several processes come to is below.
        return;
    }
    let class = Class::of(&test, &["Ana", "Ben", "Cy"]).await;
    let team = class.make_team("Tala", &class.enrolments[2..]).await;
    class.allocate(&team, &class.tutor).await;
    let first = class.hand_in(&class.people[0], "Our plan").await;
    let second = class.hand_in(&class.people[2], "My plan").await;
    assert!(first < second, "in the order in which rows are locked");
    class.grade(&class.tutor, &first, scores(2, 2)).await;
    class.grade(&class.tutor, &second, scores(2, 2)).await;
    let [low, high] = [&first, &second].map(|id| id.parse::<SubmissionId>().expect("a submission"));
    let input = json!({ "submissions": as_seen(&class.coordinator, json!([first, second])).await });
    // Held before the request begins, which then takes the low one and waits for this.
    let tx = test.app.db.write().await.expect("a transaction");
    // The server ends the one that finds the circle; the other side shall look first.
    run(&tx, "SET LOCAL deadlock_timeout = '60s'").await;
    submission::lock(&tx, &[high]).await.expect("the lock is free");
    let other = async {
        until("the request waits", async || waits(&test).await).await;
        submission::lock(&tx, &[low]).await.expect("the request was undone");
        tx.commit().await.expect("a commit");
    };
    let (released, ()) = tokio::join!(act(&class.coordinator, "ReleaseGrades", input), other);
    assert_eq!(released.user_errors("releaseGrades"), [""; 0]);
    assert_eq!(retries(&test), 1);
    assert_eq!(test.violations().await, []);
    drop(test.mails().await);
}

#[tokio::test]
async fn a_mutation_is_tried_again_five_times_and_then_given_up() {
    let test = TestApp::new().await;
    if test.app.db.engine() == Engine::Sqlite {
        return;
    }
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    // Not even a rollback takes back what a sequence counts.
    let trigger = "CREATE SEQUENCE tries;
         CREATE TABLE meeting_code (code text);
         CREATE FUNCTION meet() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
           IF nextval('tries') <= 100 THEN
             RAISE EXCEPTION 'it met another' USING ERRCODE = (SELECT code FROM meeting_code);
           END IF;
           RETURN NEW; END $$;
         CREATE TRIGGER meet BEFORE INSERT ON audit_entry FOR EACH ROW EXECUTE FUNCTION meet()";
    script(&test, trigger).await;
    let teams = async || team::Entity::find().count(test.app.db.read()).await.expect("a count");
    let mut number = 0;
    for (code, told) in [("40001", "OVERLOADED"), ("40P01", "OVERLOADED"), ("23505", "INTERNAL")] {
        for (failures, tried_again) in [(1, 1), (5, 5), (6, 5)] {
            for keys in [&[][..], &["k"]] {
                let prepare = format!(
                    "DELETE FROM meeting_code; INSERT INTO meeting_code VALUES ('{code}');
                     SELECT setval('tries', 100 - {failures}); DELETE FROM idempotency_key"
                );
                script(&test, &prepare).await;
                number += 1;
                let input = json!({ "editionId": class.edition, "name": format!("Team {number}") });
                let (before, tries) = (teams().await, retries(&test));
                let asked = request(class.coordinator.token(), keys, &body("CreateTeam", &input));
                let answer = test.send(asked).await;
                assert_eq!(retries(&test) - tries, tried_again, "{code} {failures}");
                if failures > tried_again {
                    assert_eq!(answer.refusal(), told);
                    assert_eq!(answer.json["data"], Value::Null);
                    assert_eq!(teams().await, before);
                } else {
                    assert_eq!(answer.user_errors("createTeam"), [""; 0]);
                    assert_eq!(teams().await, before + 1);
                }
                assert!(!answer.body.contains("met another"), "{}", answer.body);
            }
        }
    }
    // What was committed before is not done twice.
    script(&test, "SELECT setval('tries', 101)").await;
    let one = format!(
        "createTeam(input: {{ editionId: \"{}\", name: \"One\" }}) {{ team {{ id }} }}",
        class.edition
    );
    let two = one.replace("One", "Two");
    let both = json!({ "query": format!("mutation {{ one: {one} two: {two} }}") });
    let second = "CREATE FUNCTION meet_two() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
           RAISE EXCEPTION 'it met another' USING ERRCODE = '40P01'; END $$;
         CREATE TRIGGER meet_two BEFORE INSERT ON team FOR EACH ROW WHEN (NEW.name = 'Two')
           EXECUTE FUNCTION meet_two()";
    script(&test, second).await;
    let (before, tries) = (teams().await, retries(&test));
    let answer = test.send(request(class.coordinator.token(), &[], &both)).await;
    assert_eq!(answer.refusal(), "OVERLOADED");
    assert_eq!((teams().await, retries(&test)), (before + 1, tries));
}

#[tokio::test]
async fn a_file_that_another_process_writes_to_is_waited_for() {
    let test = TestApp::new().await;
    if test.app.db.engine() == Engine::Postgres {
        return;
    }
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let another = Db::connect(&test.app.settings.database).await.expect("a connection");
    let held = another.write().await.expect("a transaction");
    let input = json!({ "editionId": class.edition, "name": "Tala" });
    let release = async {
        // The driver has given up once by then.
        until("the mutation is tried again", async || retries(&test) == 1).await;
        held.rollback().await.expect("a rollback");
    };
    let (made, ()) = tokio::join!(act(&class.coordinator, "CreateTeam", input), release);
    assert_eq!(made.user_errors("createTeam"), [""; 0]);
    assert_eq!(retries(&test), 1);
}
