//! No change of it stays hidden: the chain of seals, and what `rumbo verify` says of it.

use chrono::TimeDelta;
use rumbo::commands::verify;
use rumbo::domain::id::Subject;
use rumbo::domain::policy::Action;
use rumbo::store::seal::{self, Head, check};
use rumbo::store::{Engine, access, audit};
use sea_orm::{ConnectionTrait, EntityTrait};
use serde_json::json;

use super::{TEAM, look, seal_all};
use crate::support::app::TestApp;
use crate::support::scene::{Class, Plan, enrolling};

async fn problems(test: &TestApp, anchor: Option<&Head>) -> Vec<String> {
    let found = check::check(test.app.db.read(), anchor)
        .await
        .expect("the chain can be read");
    found.problems
}

/// Runs a statement as the owner of the database, whom no trigger stops.
async fn as_owner(test: &TestApp, table: &str, statement: &str) {
    let tx = test.app.db.write().await.expect("a transaction");
    let open = match test.app.db.engine() {
        Engine::Sqlite => {
            format!("DROP TRIGGER IF EXISTS {table}_no_update; DROP TRIGGER IF EXISTS {table}_no_delete;")
        }
        Engine::Postgres => format!("ALTER TABLE {table} DISABLE TRIGGER USER;"),
    };
    tx.execute_unprepared(&format!("{open} {statement}"))
        .await
        .expect("the owner may");
    tx.commit().await.expect("a commit");
}

#[tokio::test]
async fn a_change_by_the_owner_of_the_database_is_named() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    class.tutor.query(TEAM, json!({ "id": class.team })).await;
    assert!(seal_all(&test).await > 10);
    assert_eq!(seal_all(&test).await, 0, "nothing is sealed twice");
    assert_eq!(problems(&test, None).await, [""; 0]);
    let early = seal::head(test.app.db.read()).await.expect("a query").expect("a head");
    class.hand_in(&class.people[0], "Our plan").await;
    assert!(seal_all(&test).await > 0);
    let anchor = seal::head(test.app.db.read()).await.expect("a query").expect("a head");
    assert_eq!(anchor.to_string().parse::<Head>(), Ok(anchor.clone()));
    for head in [&early, &anchor] {
        assert_eq!(problems(&test, Some(head)).await, [""; 0]);
    }

    // One word of one entry.
    let entries = audit::Entity::find().all(test.app.db.read()).await.expect("entries");
    let first = entries.iter().map(|entry| entry.id).min().expect("an entry");
    let change = |action: &str| {
        format!("UPDATE audit_entry SET action = '{action}' WHERE id = (SELECT MIN(id) FROM audit_entry)")
    };
    let change = |action: &str| match test.app.db.engine() {
        Engine::Sqlite => change(action),
        // There is no least identifier before PostgreSQL 18.
        Engine::Postgres => format!("UPDATE audit_entry SET action = '{action}' WHERE id = '{first}'"),
    };
    let was = entries
        .iter()
        .find(|entry| entry.id == first)
        .expect("it")
        .action
        .clone();
    as_owner(&test, "audit_entry", &change("nothing")).await;
    assert_eq!(
        problems(&test, None).await,
        [format!("entry {first} of seal 1 was altered")]
    );
    as_owner(&test, "audit_entry", &change(&was)).await;
    assert_eq!(problems(&test, None).await, [""; 0]);

    // Who read what, and the seals themselves.
    as_owner(
        &test,
        "access_record",
        "UPDATE access_record SET operation = 'x' || operation",
    )
    .await;
    let told = problems(&test, None).await;
    assert!(
        told[0].starts_with("access ") && told[0].ends_with("was altered"),
        "{told:?}"
    );
    as_owner(
        &test,
        "access_record",
        "UPDATE access_record SET operation = substr(operation, 2)",
    )
    .await;
    as_owner(
        &test,
        "audit_seal",
        "UPDATE audit_seal SET sequence = 100 WHERE sequence = 2",
    )
    .await;
    assert_eq!(problems(&test, None).await[0], "seal 2 is missing");
    as_owner(
        &test,
        "audit_seal",
        "UPDATE audit_seal SET sequence = 2 WHERE sequence = 100",
    )
    .await;
    assert_eq!(problems(&test, Some(&anchor)).await, [""; 0]);

    // The end, with what it sealed: only who kept a head can tell.
    let gone = format!("DELETE FROM audit_seal WHERE sequence = {}", anchor.sequence);
    as_owner(&test, "audit_seal", &gone).await;
    assert_eq!(problems(&test, Some(&early)).await, [""; 0]);
    let cut = problems(&test, Some(&anchor)).await;
    assert!(cut[0].ends_with("its tail was cut"), "{cut:?}");
    let other = Head {
        hash: vec![0; 32],
        ..early
    };
    assert!(problems(&test, Some(&other)).await[0].ends_with("is not the one that was kept as the anchor"));

    // An entry that is removed.
    let of_first = match test.app.db.engine() {
        Engine::Sqlite => "id = (SELECT MIN(id) FROM audit_entry)".to_owned(),
        Engine::Postgres => format!("id = '{first}'"),
    };
    as_owner(
        &test,
        "audit_entry",
        &format!("DELETE FROM audit_entry WHERE {of_first}"),
    )
    .await;
    assert_eq!(
        problems(&test, None).await,
        [format!("entry {first} of seal 1 is gone")]
    );
    drop(test.mails().await);
}

#[tokio::test]
async fn what_cannot_be_read_any_more_is_named_and_keeps_nobody_from_the_rest() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    class.tutor.query(TEAM, json!({ "id": class.team })).await;
    seal_all(&test).await;
    let verify = async || {
        let mut out = Vec::new();
        let code = verify::run(&test.app, None, &mut out).await.expect("it can be checked");
        (code, String::from_utf8(out).expect("UTF-8"))
    };
    assert_eq!(verify().await.0, 0, "{}", verify().await.1);
    let entries = audit::Entity::find().all(test.app.db.read()).await.expect("entries");
    let records = access::Entity::find().all(test.app.db.read()).await.expect("records");
    let (first, second) = (entries[0].id, entries[1].id);
    let (record, seal) = (
        records[0].id,
        seal::head(test.app.db.read()).await.expect("a query").expect("a head"),
    );
    let mut named = vec![format!("access {record} of seal {} was altered", seal.sequence)];
    match test.app.db.engine() {
        Engine::Sqlite => {
            let row = |id: uuid::Uuid| format!("WHERE id = X'{}'", id.simple());
            as_owner(
                &test,
                "access_record",
                &format!("UPDATE access_record SET seen = x'00' {}", row(record)),
            )
            .await;
            as_owner(
                &test,
                "audit_entry",
                &format!("UPDATE audit_entry SET at = 'garbage' {}", row(first)),
            )
            .await;
            let change = format!("UPDATE audit_entry SET subject_id = x'00' {}", row(second));
            as_owner(&test, "audit_entry", &change).await;
            as_owner(
                &test,
                "audit_seal",
                "UPDATE audit_seal SET sealed_at = 'garbage' WHERE sequence = 1",
            )
            .await;
            named.push(format!("entry {first} of seal 1 was altered: it cannot be read"));
            named.push(format!("entry {second} of seal 1 was altered: it cannot be read"));
            named.push("seal 1 was altered: it cannot be read".to_owned());
        }
        Engine::Postgres => {
            let change = format!("UPDATE access_record SET seen = '\\x00' WHERE id = '{record}'");
            as_owner(&test, "access_record", &change).await;
        }
    }
    let (code, told) = verify().await;
    assert_eq!(code, 1, "{told}");
    for problem in &named {
        assert!(told.contains(problem), "{problem}: {told}");
    }
    let count = told
        .lines()
        .filter(|line| line.starts_with("     ") && line.contains("altered"))
        .count();
    assert_eq!(count, named.len(), "{told}");
    assert!(told.contains("FAIL the audit log is as it was sealed"), "{told}");
    assert!(
        told.contains("ok   the kept summaries are what a recount finds"),
        "{told}"
    );
    assert!(told.contains("     the trigger access_record_"), "{told}");
    drop(test.mails().await);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_sealed_as_such_and_keeps_none_from_being_sealed() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    class.tutor.query(TEAM, json!({ "id": class.team })).await;
    let records = access::Entity::find().all(test.app.db.read()).await.expect("records");
    let entries = audit::Entity::find().all(test.app.db.read()).await.expect("entries");
    let (record, entry) = (records[0].id, entries[0].id);
    let mut expected = Vec::new();
    if test.app.db.engine() == Engine::Sqlite {
        let row = format!("WHERE id = X'{}'", entry.simple());
        let change = format!("UPDATE audit_entry SET at = 'garbage' {row}");
        as_owner(&test, "audit_entry", &change).await;
        let row = format!("WHERE id = X'{}'", record.simple());
        let change = format!("UPDATE access_record SET seen = x'00' {row}");
        as_owner(&test, "access_record", &change).await;
        expected.push(format!("entry {entry} of seal 1 could not be read when it was sealed"));
    } else {
        let change = format!("UPDATE access_record SET seen = '\\x00' WHERE id = '{record}'");
        as_owner(&test, "access_record", &change).await;
    }
    expected.push(format!(
        "access {record} of seal 2 could not be read when it was sealed"
    ));
    assert_eq!(seal_all(&test).await, entries.len() + records.len());
    assert_eq!(seal_all(&test).await, 0, "it is sealed once");
    assert_eq!(problems(&test, None).await, expected);
    // What comes afterwards is sealed as ever.
    class.tutor.query(TEAM, json!({ "id": class.team })).await;
    assert!(seal_all(&test).await > 0);
    assert_eq!(problems(&test, None).await, expected);
    // What is put right afterwards is not what was sealed.
    let back = match test.app.db.engine() {
        Engine::Sqlite => format!("UPDATE access_record SET seen = x'' WHERE id = X'{}'", record.simple()),
        Engine::Postgres => format!("UPDATE access_record SET seen = '\\x' WHERE id = '{record}'"),
    };
    as_owner(&test, "access_record", &back).await;
    assert_eq!(problems(&test, None).await, expected);
}

#[tokio::test]
async fn a_part_that_cannot_be_checked_keeps_nobody_from_the_others() {
    let test = TestApp::new().await;
    enrolling(&test.coordinator().await, Plan::OPEN).await;
    seal_all(&test).await;
    let tx = test.app.db.write().await.expect("a transaction");
    // Something of the first parts is gone, and something of a later one does not hold.
    tx.execute_unprepared("ALTER TABLE invitation RENAME TO invitation_gone; UPDATE edition SET state = 'closed'")
        .await
        .expect("the owner may");
    tx.commit().await.expect("a commit");
    let mut out = Vec::new();
    let code = verify::run(&test.app, None, &mut out).await.expect("it can be checked");
    let told = String::from_utf8(out).expect("UTF-8");
    assert_eq!(code, verify::BROKEN, "{told}");
    for line in [
        "FAIL the last step in the history of an edition is its state: 1 times\n",
        "FAIL the last step in the history of an invitation is its state\n     this cannot be checked: ",
        "FAIL whoever accepted an invitation to a role held it\n     this cannot be checked: ",
        "FAIL an accepted nomination led to an enrolment of its nominee by its institution\n     this cannot be checked: ",
        "ok   every version has authors\n",
        "ok   append-only tables refuse to be changed\n",
        "ok   the kept summaries are what a recount finds\n",
        "ok   the audit log is as it was sealed (",
        "     its head is ",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
}

#[tokio::test]
async fn a_state_that_its_history_does_not_tell_is_found() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana"]).await;
    class.hand_in(&class.people[0], "Our plan").await;
    assert_eq!(test.violations().await, []);
    let tx = test.app.db.write().await.expect("a transaction");
    let planted = "UPDATE edition SET state = 'closed'; UPDATE submission SET state = 'final'";
    tx.execute_unprepared(planted).await.expect("rows that may change");
    tx.commit().await.expect("a commit");
    let found = test.violations().await;
    assert_eq!(
        found.iter().map(|finding| finding.invariant).collect::<Vec<_>>(),
        [
            "the last step in the history of an edition is its state",
            "the last step in the history of a submission is its state",
            "the released works of an enrolment are those counted for it whose grade is released",
        ]
    );
}

#[tokio::test]
async fn an_entry_that_comes_late_is_sealed_and_one_that_is_slipped_in_is_told() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    // Written before a seal, committed after it.
    let slow = test.app.clock.new_id();
    enrolling(&coordinator, Plan::OPEN).await;
    seal_all(&test).await;
    test.pass(TimeDelta::seconds(30));
    let (id, at) = match test.app.db.engine() {
        Engine::Sqlite => (format!("X'{}'", slow.simple()), "'2026-03-02T12:00:00+00:00'"),
        Engine::Postgres => (format!("'{slow}'"), "'2026-03-02T12:00:00Z'"),
    };
    let insert = |id: &str| {
        format!("INSERT INTO audit_entry (id, at, action, subject_kind) VALUES ({id}, {at}, 'assess', 'submission')")
    };
    as_owner(&test, "audit_entry", &insert(&id)).await;
    assert_eq!(seal_all(&test).await, 1);
    assert_eq!(problems(&test, None).await, [""; 0]);
    let old = uuid::Uuid::from_u128(7);
    let id = match test.app.db.engine() {
        Engine::Sqlite => format!("X'{}'", old.simple()),
        Engine::Postgres => format!("'{old}'"),
    };
    as_owner(&test, "audit_entry", &insert(&id)).await;
    assert_eq!(seal_all(&test).await, 0, "it is no late one");
    let told = problems(&test, None).await;
    assert_eq!(told, [format!("entry {old} is older than the last seal and in none")]);
}

#[tokio::test]
async fn a_backlog_is_sealed_whole_however_old_it_is() {
    let test = TestApp::new().await;
    let ana = test.person("Ana").await.person.expect("a person");
    // Twice what a seal takes, and one more, of either kind; nobody has sealed anything yet.
    let subjects = vec![Subject::from(ana); 10_001];
    let tx = test.app.db.write().await.expect("a transaction");
    audit::record(&tx, &test.app.clock, None, Action::ManageAccount, &subjects, None)
        .await
        .expect("entries");
    tx.commit().await.expect("a commit");
    look(&test, &vec![[7].as_slice(); 5001]).await;
    test.pass(TimeDelta::hours(4));
    let entries = audit::Entity::find().all(test.app.db.read()).await.expect("entries");
    let mut sealed = 0;
    for _ in 0..3 {
        sealed += seal_all(&test).await;
        test.pass(TimeDelta::seconds(2));
    }
    assert_eq!(sealed, entries.len() + 5001);
    assert_eq!(problems(&test, None).await, [""; 0]);
    // And another one after those seals.
    look(&test, &vec![[7].as_slice(); 5001]).await;
    look(&test, &[&[8]]).await;
    let latest = access::about(test.app.db.read(), 8, None, 5, test.now()).await;
    assert_eq!(latest.expect("a page").0.len(), 1, "what waits at its end is found");
    test.pass(TimeDelta::hours(4));
    assert_eq!(seal_all(&test).await, 5002);
    test.pass(TimeDelta::hours(4));
    look(&test, &[&[7]]).await;
    assert_eq!(seal_all(&test).await, 1);
    assert_eq!(problems(&test, None).await, [""; 0]);
}
