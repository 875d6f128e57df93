//! The account under which the program runs, with the rights that the manual gives it and no others: the program does
//! all that it has to do, and what was written down stays as it is. SQLite has no accounts; there the triggers remain.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use rumbo::config::Secret;
use rumbo::domain::actor::{Actor, Role, Scope};
use rumbo::domain::text::Reason;
use rumbo::service::export;
use rumbo::store::seal::{self, check};
use rumbo::store::{Db, Engine};
use sea_orm::ConnectionTrait;
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::db::{Account, TestDb};
use crate::support::manual::block;
use crate::support::rows::texts;
use crate::support::scene::{Plan, apply, done, enrolling};
use crate::{journeys, words};

/// The statements of the manual, without comments.
fn manual() -> Vec<String> {
    let of_roles = block(&["CREATE ROLE"]);
    let plain: Vec<&str> = of_roles.lines().filter_map(|line| line.split("--").next()).collect();
    let statements = plain.join("\n");
    statements
        .split(';')
        .map(|one| one.trim().to_owned())
        .filter(|one| !one.is_empty())
        .collect()
}

/// The tables of which the manual takes the right to change away.
fn kept() -> BTreeSet<String> {
    let revoked = manual()
        .into_iter()
        .find(|statement| statement.starts_with("REVOKE"))
        .expect("a REVOKE");
    let list = revoked
        .split_once(" ON ")
        .expect("ON")
        .1
        .split_once(" FROM ")
        .expect("FROM")
        .0
        .to_owned();
    list.split(',').map(|table| table.trim().to_owned()).collect()
}

/// A database of which the account has the rights of the manual.
struct Granted {
    test: TestApp,
    /// The tables, as their owner reaches them.
    owner: Db,
    _db: TestDb,
    _account: Account,
}

impl Granted {
    async fn new() -> Self {
        let (account, db) = (Account::new(), TestDb::new().await);
        let owner = db.connect().await;
        let mut url = db.url();
        if let (Some(name), Some(of_account)) = (db.name(), db.url_as(&account)) {
            for statement in manual() {
                if statement.starts_with("CREATE ROLE rumbo_owner") {
                    continue;
                }
                let statement = statement
                    .replace("rumbo_app", &account.name)
                    .replace("DATABASE rumbo ", &format!("DATABASE {name} "))
                    .replace("'...'", &format!("'{}'", Account::PASSWORD));
                owner
                    .read()
                    .execute_unprepared(&statement)
                    .await
                    .expect("the manual's statement");
            }
            url = of_account;
        }
        let test = TestApp::having(|settings| {
            settings.database.url = Secret::new(url);
            // The tables of the limits are written as well; one address asks for everything here.
            settings.rates.enabled = true;
            settings.rates.sign_in_address.burst = 100;
        })
        .await;
        // As `rumbo serve` does when it starts.
        test.app.db.migrate().await.expect("there is nothing to migrate");
        assert!(test.app.db.is_current().await.expect("an answer"));
        Self {
            test,
            owner,
            _db: db,
            _account: account,
        }
    }
}

#[tokio::test]
async fn the_program_needs_no_other_rights() {
    let granted = Granted::new().await;
    let test = &granted.test;
    journeys::walk_all(test).await;
    correct(test).await;
    drop(test.mails().await);
    let sealed = seal::seal(&test.app.db, &test.app.clock, TimeDelta::minutes(1)).await;
    assert!(sealed.expect("it can be sealed") > 10);
    let found = check::check(test.app.db.read(), None)
        .await
        .expect("the chain can be read");
    assert_eq!(found.problems, [""; 0]);
    let reason = Reason::parse("The annual report").expect("a reason");
    let mut out = Vec::new();
    let lines = export::enrolments(&test.app, &Actor::operator(), None, &reason, &mut out).await;
    assert!(lines.expect("an export") > 2);
    let anyone = test.anonymous();
    let wrong = json!({ "email": "nobody@example.org", "password": "no password at all" });
    for _ in 0..3 {
        anyone.run("SignIn", json!({ "input": wrong })).await.at("signIn");
    }
    test.fine().await;
    assert_kept(&granted).await;
}

#[tokio::test]
async fn every_mutation_works_with_these_rights() {
    let granted = Granted::new().await;
    let (done, wrong) = words::change_everything(&granted.test).await;
    assert!(wrong.is_empty() && done.len() > 20, "{wrong:#?}");
}

/// Puts right what an enrolment was frozen with, which no journey does.
async fn correct(test: &TestApp) {
    let corina = test.holder("Corina", Role::Coordinator, Scope::System).await;
    let plan = Plan {
        code: "RIGHT-2026",
        ..Plan::OPEN
    };
    let edition = enrolling(&corina, plan).await;
    let (enrolment, _) = apply(&test.person("Gael").await, &edition).await;
    let input = json!({
        "enrolmentId": enrolment, "version": 1, "reason": "A slip of the pen",
        "declaration": { "gender": "MALE", "country": "UY", "constituentGroup": "WORKERS" },
    });
    done(&corina, "CorrectSnapshot", input).await;
}

/// Why a statement of the program's account, or of the owner, is refused.
async fn refusal(db: &Db, statement: &str) -> String {
    let tx = db.write().await.expect("a transaction");
    let refused = tx.execute_unprepared(statement).await;
    drop(tx);
    refused.map_or_else(|refused| refused.to_string(), |_| "it was done".to_owned())
}

/// What was written down can neither be changed nor removed: not by the program's account, and not by the owner as long
/// as the triggers stand.
async fn assert_kept(granted: &Granted) {
    let db = &granted.test.app.db;
    let (of_account, of_owner) = match db.engine() {
        Engine::Sqlite => ("is append-only", "is append-only"),
        Engine::Postgres => ("permission denied", "is append-only"),
    };
    let by_trigger = match db.engine() {
        Engine::Sqlite => "SELECT tbl_name FROM sqlite_master WHERE type = 'trigger' AND name LIKE '%no_update'",
        Engine::Postgres => {
            "SELECT c.relname::text FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE t.tgname LIKE '%append_only'"
        }
    };
    let by_trigger: BTreeSet<String> = texts(&granted.owner, by_trigger).await.into_iter().collect();
    assert_eq!(by_trigger, kept(), "the manual names the tables that triggers keep");
    for table in kept() {
        let column = match db.engine() {
            Engine::Sqlite => format!("SELECT name FROM pragma_table_info('{table}')"),
            Engine::Postgres => {
                format!("SELECT attname::text FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0")
            }
        };
        let column = texts(db, &column).await.remove(0);
        let rows = texts(db, &format!("SELECT CAST(count(*) AS text) FROM {table}")).await;
        assert_ne!(rows, ["0"], "{table} has something to keep");
        let mut statements = vec![
            format!("UPDATE {table} SET {column} = {column}"),
            format!("DELETE FROM {table}"),
        ];
        if db.engine() == Engine::Postgres {
            statements.push(format!("TRUNCATE {table} CASCADE"));
        }
        for statement in &statements {
            let (by_account, by_owner) = (refusal(db, statement).await, refusal(&granted.owner, statement).await);
            assert!(by_account.contains(of_account), "{statement}: {by_account}");
            assert!(by_owner.contains(of_owner), "{statement}: {by_owner}");
        }
    }
    if db.engine() == Engine::Postgres {
        for statement in [
            "ALTER TABLE audit_entry DISABLE TRIGGER ALL",
            "DROP TRIGGER audit_entry_append_only ON audit_entry",
            "DROP TABLE audit_entry",
            "CREATE TABLE a_table (id int)",
            "CREATE TEMPORARY TABLE a_table (id int)",
            "SET session_replication_role = replica",
        ] {
            let refused = refusal(db, statement).await;
            let known = refused.contains("must be owner") || refused.contains("permission denied");
            assert!(known, "{statement}: {refused}");
        }
    }
}
