//! The audit log: who may read what of it, what staff's reading leaves in it, and that no change of it stays hidden.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Request, header};
use chrono::TimeDelta;
use rumbo::commands::verify;
use rumbo::domain::actor::{Actor, Role, Scope};
use rumbo::domain::audit::Origin;
use rumbo::domain::id::{RoleAssignmentId, Subject};
use rumbo::domain::policy::Action;
use rumbo::domain::text::Reason;
use rumbo::service::export;
use rumbo::store::seal::{self, Head, check};
use rumbo::store::{Engine, access, audit, role};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};

use crate::support::app::{Answer, Client, TestApp};
use crate::support::scene::{Class, Plan, act, apply, at, enrolling, id_of, scores};

/// What the tutor of a class asks about its team.
const TEAM: &str = "query LookAtTeam($id: ID!) { team(id: $id) { members { person { fullName email } } } }";

/// Seals what there is to seal, and returns how much it was.
async fn seal_all(test: &TestApp) -> usize {
    let sealed = seal::seal(&test.app.db, &test.app.clock, TimeDelta::minutes(1)).await;
    sealed.expect("it can be sealed")
}

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

async fn own_log(person: &Client<'_>) -> Vec<Value> {
    let log = person.run("MyAccessLog", json!({ "first": 50 })).await;
    log.at("viewer.accessLog.nodes").as_array().expect("a list").clone()
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
    tx.execute_unprepared("ALTER TABLE invitation RENAME TO invitation_gone; UPDATE edition SET seats_taken = 1")
        .await
        .expect("the owner may");
    tx.commit().await.expect("a commit");
    let mut out = Vec::new();
    let code = verify::run(&test.app, None, &mut out).await.expect("it can be checked");
    let told = String::from_utf8(out).expect("UTF-8");
    assert_eq!(code, verify::BROKEN, "{told}");
    for line in [
        "FAIL the seats taken of an edition are its confirmed and active enrolments: 1 times\n",
        "FAIL the last step in the history of an invitation is its state\n     this cannot be checked: ",
        "FAIL whoever accepted an invitation to a role held it\n     this cannot be checked: ",
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

/// Keeps records of somebody's looks at people, by their numbers.
async fn look(test: &TestApp, people: &[&[u32]]) {
    let records = people.iter().map(|people| access::Record {
        reader: None,
        origin: Origin::SYSTEM,
        operation: "Look".to_owned(),
        edition: None,
        reason: None,
        seen: vec![access::Seen {
            role: Role::Tutor,
            fields: 1,
            people: people.iter().copied().collect(),
        }],
    });
    let records: Vec<_> = records.collect();
    for some in records.chunks(500) {
        access::insert(test.app.db.alone(), &test.app.clock, some.to_vec())
            .await
            .expect("records");
    }
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
    test.pass(TimeDelta::hours(4));
    assert_eq!(seal_all(&test).await, 5001);
    test.pass(TimeDelta::hours(4));
    look(&test, &[&[7]]).await;
    assert_eq!(seal_all(&test).await, 1);
    assert_eq!(problems(&test, None).await, [""; 0]);
}

#[tokio::test]
async fn the_access_log_opens_no_more_seals_than_a_page_needs() {
    let test = TestApp::new().await;
    // Ana is in every seal, Ben in every fortieth; a look at both is one record.
    let (ana, ben) = (7, 8);
    let mut costs = Vec::new();
    let cost = async || {
        let before = test.app.db.statements();
        let (rows, more) = access::about(test.app.db.read(), ana, None, 10, test.now())
            .await
            .expect("a page");
        assert_eq!((rows.len(), more), (10, true));
        test.app.db.statements() - before
    };
    for round in 0..250 {
        if round % 40 == 0 {
            look(&test, &[&[ana], &[ana, ben]]).await;
        } else {
            look(&test, &[&[ana], &[9]]).await;
        }
        assert!(seal_all(&test).await >= 2);
        test.pass(TimeDelta::seconds(3));
        if [30, 249].contains(&round) {
            costs.push(cost().await);
        }
    }
    assert!(costs[1] <= costs[0], "whatever lies further back: {costs:?}");
    assert!(costs[0] <= 10, "{costs:?}");

    // Page by page it is everything, the latest first.
    let mut all = access::Entity::find().all(test.app.db.read()).await.expect("records");
    all.sort_by_key(|row| std::cmp::Reverse(row.id));
    for (number, limit) in [(ana, 100), (ana, 1000), (ben, 2), (9, 60), (10, 5)] {
        let wanted: Vec<_> = all
            .iter()
            .filter(|row| row.people().expect("a set").contains(number))
            .map(|row| row.id)
            .collect();
        let (mut found, mut before, mut more) = (Vec::new(), None, true);
        while more {
            let page = access::about(test.app.db.read(), number, before, limit, test.now()).await;
            let (rows, goes_on) = page.expect("a page");
            assert!(rows.len() == limit || !goes_on);
            more = goes_on;
            before = rows.last().map(|row| row.id);
            found.extend(rows.into_iter().map(|row| row.id));
        }
        assert_eq!(found, wanted, "{number}");
    }
}

#[tokio::test]
async fn the_person_sees_who_looked_when_as_what_and_at_what() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben", "Cy"]).await;
    let ana = &class.people[0];
    let before = own_log(ana).await.len();
    class.tutor.query(TEAM, json!({ "id": class.team })).await;
    // A mate's look, and one's own, is no staff's.
    class.people[1].query(TEAM, json!({ "id": class.team })).await;
    ana.run("Viewer", json!({})).await;
    let log = own_log(ana).await;
    assert_eq!(log.len(), before + 1, "{log:#?}");
    let look = json!({
        "at": "2026-03-02T12:00:00+00:00", "readerName": "Tina Tester", "role": "TUTOR", "fields": ["NAME", "EMAIL"],
        "operation": "LookAtTeam", "editionId": null, "reason": null, "via": "SESSION",
    });
    assert_eq!(log[0], look);
    assert_eq!(own_log(&class.people[1]).await[0], look);
    assert_ne!(own_log(&class.people[2]).await.first(), Some(&look), "not of this team");
    // What is sealed reads the same.
    seal_all(&test).await;
    assert_eq!(own_log(ana).await, log);
    // A page of enrolments: the edition is named, and gender with it.
    test.pass(TimeDelta::minutes(1));
    let page =
        "query Page($id: ID!) { edition(id: $id) { enrolments(first: 50) { nodes { gender person { givenName } } } } }";
    class.coordinator.query(page, json!({ "id": class.edition })).await;
    let log = own_log(ana).await;
    assert_eq!(log[0]["role"], "COORDINATOR");
    assert_eq!(log[0]["fields"], json!(["NAME", "GENDER"]));
    assert_eq!(
        (&log[0]["operation"], &log[0]["editionId"]),
        (&json!("Page"), &json!(class.edition))
    );
    // Page by page it is the same list, over the seal and what came after it.
    let mut paged = Vec::new();
    let mut after = Value::Null;
    loop {
        let part = ana.run("MyAccessLog", json!({ "first": 1, "after": after })).await;
        paged.extend(part.at("viewer.accessLog.nodes").as_array().expect("a list").clone());
        if part.at("viewer.accessLog.pageInfo.hasNextPage") == false {
            break;
        }
        after = part.at("viewer.accessLog.pageInfo.endCursor").clone();
    }
    assert_eq!(paged, log);
    let nobody = test.anonymous().run("MyAccessLog", json!({ "first": 1 })).await;
    assert_eq!(nobody.at("viewer"), &Value::Null);
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_shown() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let tx = test.app.db.write().await.expect("a transaction");
    tx.execute_unprepared("DROP TABLE access_record")
        .await
        .expect("the owner may");
    tx.commit().await.expect("a commit");
    let refused = class.tutor.query(TEAM, json!({ "id": class.team })).await;
    assert_eq!(refused.refusal(), "INTERNAL");
    assert!(
        !refused.body.contains("Ana") && !refused.body.contains("access_record"),
        "{}",
        refused.body
    );
    // Who reads of nobody else is not touched by it.
    let own = class.people[0].run("Viewer", json!({})).await;
    assert_eq!(own.text("viewer.person.givenName"), "Ana");
}

/// Asks with a reason.
async fn because(test: &TestApp, client: &Client<'_>, reason: &str, of: &str) -> Answer {
    let document = "query WhoIsThis($id: ID!) { node(id: $id) { ... on Person { fullName gender } } }";
    let body = json!({ "query": document, "variables": { "id": of } });
    let request = Request::post("/graphql")
        .header(header::CONTENT_TYPE, "application/json")
        .header(
            header::AUTHORIZATION,
            format!("Bearer {}", client.token().expect("a token")),
        )
        .header("x-reason", reason);
    test.send(request.body(Body::from(body.to_string())).expect("a request"))
        .await
}

#[tokio::test]
async fn an_administrator_sees_a_person_for_a_reason_which_is_kept() {
    let test = TestApp::new().await;
    let (ada, ana, ben) = (
        test.administrator().await,
        test.person("Ana").await,
        test.person("Ben").await,
    );
    let id = id_of(&ana);
    let seen = because(&test, &ada, "Pidi%C3%B3 ayuda por tel%c3%a9fono", &id).await;
    assert_eq!(
        (seen.text("node.fullName"), seen.text("node.gender")),
        ("Ana Tester".into(), "FEMALE".into())
    );
    let log = own_log(&ana).await;
    assert_eq!(log.len(), 1);
    assert_eq!(
        (&log[0]["reason"], &log[0]["role"]),
        (&json!("Pidió ayuda por teléfono"), &json!("ADMINISTRATOR"))
    );
    for wrong in ["%", "%zz", "%ff", "", "%0a"] {
        let refused = because(&test, &ada, wrong, &id).await;
        assert_eq!(
            (refused.status.as_u16(), refused.refusal()),
            (400, "BAD_REQUEST"),
            "{wrong}"
        );
    }
    // A reason opens nothing to those for whom none does.
    let stranger = because(&test, &ben, "curious", &id).await;
    assert_eq!(stranger.at("node"), &Value::Null);
    let without = ada
        .query("query ($id: ID!) { node(id: $id) { id } }", json!({ "id": id }))
        .await;
    assert_eq!(without.at("node"), &Value::Null);
    assert_eq!(own_log(&ana).await.len(), 1);
}

#[tokio::test]
async fn one_question_lists_whom_an_account_or_a_session_read() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben", "Cy"]).await;
    let ada = test.administrator().await;
    class.tutor.query(TEAM, json!({ "id": class.team })).await;
    test.pass(TimeDelta::minutes(2));
    class.tutor.query(TEAM, json!({ "id": class.team })).await;
    let ask = |from: &str, until: &str, more: Value| {
        let mut all = json!({ "actorId": id_of(&class.tutor), "from": from, "until": until, "first": 1 });
        all.as_object_mut()
            .expect("fields")
            .extend(more.as_object().expect("fields").clone());
        all
    };
    let (from, until) = ("2026-03-02T12:00:00Z", "2026-03-02T13:00:00Z");
    let page = ada.run("AccessOf", ask(from, until, json!({}))).await;
    assert_eq!(
        page.at("accessOf.nodes"),
        &json!([{
            "person": { "id": id_of(&class.people[0]) }, "fields": ["NAME", "EMAIL"], "times": 2,
            "firstAt": "2026-03-02T12:00:00+00:00", "lastAt": "2026-03-02T12:02:00+00:00",
        }])
    );
    let cursor = page.at("accessOf.pageInfo.endCursor").clone();
    let next = ada.run("AccessOf", ask(from, until, json!({ "after": cursor }))).await;
    assert_eq!(next.text("accessOf.nodes.0.person.id"), id_of(&class.people[1]));
    assert_eq!(next.at("accessOf.pageInfo.hasNextPage"), &json!(false));
    let later = ada.run("AccessOf", ask("2026-03-02T12:01:00Z", until, json!({}))).await;
    assert_eq!(later.number("accessOf.nodes.0.times"), 1);
    let none = ada.run("AccessOf", ask("2026-03-01T00:00:00Z", from, json!({}))).await;
    assert_eq!(none.at("accessOf.nodes"), &json!([]));
    // By the session.
    let entries = rumbo::store::access::Entity::find()
        .all(test.app.db.read())
        .await
        .expect("records");
    let session = entries
        .iter()
        .find(|row| row.reader_id == class.tutor.person)
        .and_then(|row| row.credential);
    let session = rumbo::domain::id::SessionId(session.expect("a session")).to_string();
    let by = json!({ "actorId": null, "tokenId": session, "first": 50 });
    let by = ada.run("AccessOf", ask(from, until, by)).await;
    assert_eq!(by.at("accessOf.nodes").as_array().map(Vec::len), Some(2));
    for (wrong, code, at) in [
        (json!({ "tokenId": session }), "MALFORMED", "tokenId"),
        (json!({ "actorId": null }), "REQUIRED", "actorId"),
        (json!({ "actorId": class.team }), "INVALID_ID", "actorId"),
        (json!({ "first": 101 }), "OUT_OF_RANGE", "first"),
    ] {
        let refused = ada.run("AccessOf", ask(from, until, wrong)).await;
        assert_eq!(refused.refusal(), code, "{at}");
        assert_eq!(refused.json["errors"][0]["extensions"]["inputPath"], json!([at]));
    }
    for (reader, code) in [
        (&test.anonymous(), "UNAUTHENTICATED"),
        (&class.people[0], "FORBIDDEN"),
        (&class.tutor, "FORBIDDEN"),
        (&class.coordinator, "FORBIDDEN"),
    ] {
        assert_eq!(
            reader.run("AccessOf", ask(from, until, json!({}))).await.refusal(),
            code
        );
    }
}

/// The actions of the entries that somebody reads.
async fn actions(reader: &Client<'_>, filter: Value) -> Vec<String> {
    let page = reader
        .run("AuditEntries", json!({ "first": 100, "filter": filter }))
        .await;
    let nodes = page.at("auditEntries.nodes").as_array().expect("a list").clone();
    nodes
        .iter()
        .map(|node| node["action"].as_str().expect("a word").to_owned())
        .collect()
}

#[tokio::test]
async fn entries_are_for_who_did_it_to_whom_it_was_done_and_who_coordinates() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let plan = Plan {
        code: "OTHER-2026",
        ..Plan::OPEN
    };
    let elsewhere = enrolling(&class.coordinator, plan).await;
    apply(&test.person("Zoe").await, &elsewhere).await;
    let scope = |edition: &str| Scope::Edition(edition.parse().expect("an edition"));
    let here = test.holder("Eva", Role::Coordinator, scope(&class.edition)).await;
    let there = test.holder("Olga", Role::Coordinator, scope(&elsewhere)).await;
    let ada = test.administrator().await;
    let ana = &class.people[0];
    assert_eq!(actions(ana, json!({})).await, ["apply"]);
    let own = ana.run("AuditEntries", json!({ "first": 1 })).await;
    let entry = &own.at("auditEntries.nodes.0");
    assert_eq!(
        (&entry["actor"]["fullName"], &entry["via"]),
        (&json!("Ana Tester"), &json!("SESSION"))
    );
    assert_eq!(
        (&entry["subjectKind"], &entry["subjectId"]),
        (&json!("enrolment"), &json!(class.enrolments[0]))
    );
    assert!(
        entry["requestId"].as_str().is_some_and(|id| id.starts_with("req_")),
        "{entry}"
    );
    let inside = actions(&here, json!({})).await;
    for action in [
        "plan_edition",
        "apply",
        "manage_teams",
        "allocate_tutor",
        "define_deliverable",
        "grant_tutor",
    ] {
        assert!(inside.iter().any(|found| found == action), "{action}: {inside:?}");
    }
    let outside = actions(&there, json!({})).await;
    assert!(
        outside
            .iter()
            .all(|action| ["apply", "plan_edition"].contains(&action.as_str())),
        "{outside:?}"
    );
    let applied = json!({ "actions": ["apply"] });
    assert_eq!(actions(&there, applied.clone()).await.len(), 1);
    assert_eq!(actions(&here, applied.clone()).await.len(), 2);
    assert_eq!(actions(&class.coordinator, applied.clone()).await.len(), 3);
    assert_eq!(actions(&ada, applied).await.len(), 3);
    assert!(actions(&ada, json!({})).await.contains(&"plan_course".to_owned()));
    assert_eq!(actions(&ada, json!({ "actorId": id_of(ana) })).await, ["apply"]);
    assert_eq!(
        actions(&ada, json!({ "subjectId": class.enrolments[1] })).await,
        ["apply"]
    );
    assert_eq!(
        actions(&there, json!({ "subjectId": class.enrolments[1] })).await,
        [""; 0]
    );
    assert_eq!(actions(&ada, json!({ "until": "2026-03-02T12:00:00Z" })).await, [""; 0]);
    let many: Vec<_> = (0..21).map(|_| "apply").collect();
    for (filter, code) in [
        (json!({ "actorId": class.team }), "INVALID_ID"),
        (json!({ "subjectId": "x" }), "INVALID_ID"),
        (json!({ "actions": many }), "TOO_LONG"),
    ] {
        let refused = ada.run("AuditEntries", json!({ "first": 1, "filter": filter })).await;
        assert_eq!(refused.refusal(), code);
    }
    let nobody = test.anonymous().run("AuditEntries", json!({ "first": 1 })).await;
    assert_eq!(nobody.refusal(), "UNAUTHENTICATED");
    drop(test.mails().await);
}

#[tokio::test]
async fn an_export_is_an_access_to_everybody_in_it() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let reason = Reason::parse("The annual report").expect("a reason");
    let mut out = Vec::new();
    let lines = export::enrolments(&test.app, &Actor::operator(), Some("DEMO-2026"), &reason, &mut out).await;
    assert_eq!(lines.expect("an export"), 2);
    let log = own_log(&class.people[1]).await;
    assert_eq!(log[0]["reason"], "The annual report");
    assert_eq!(log[0]["operation"], "export enrolments");
    assert_eq!(log[0]["fields"], json!(["NAME", "EMAIL", "ORIGIN", "GENDER"]));
    assert_eq!(log[0]["readerName"], Value::Null);
    assert_eq!(log[0]["editionId"], class.edition.as_str());
}

#[tokio::test]
async fn an_author_who_is_staff_finds_no_grading_of_their_own_work_before_the_release() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben", "Cy"]).await;
    let (ana, ben) = (&class.people[0], &class.people[1]);
    let submission = class.hand_in(ana, "Our plan").await;
    class.grade(&class.tutor, &submission, scores(2, 2)).await;
    test.role_of(ana, Role::Coordinator, at(&class.edition)).await;
    test.role_of(ben, Role::Administrator, Scope::System).await;
    let cy = &class.people[2];
    test.role_of(cy, Role::Coordinator, at(&class.edition)).await;
    let of_work = || json!({ "subjectId": submission, "actions": ["assess", "release_grade"] });
    for author in [ana, ben] {
        assert_eq!(actions(author, of_work()).await, [""; 0], "{}", author.email);
        assert!(!actions(author, json!({})).await.contains(&"assess".to_owned()));
        let rest = actions(author, json!({ "subjectId": submission })).await;
        assert!(rest.contains(&"write_submission".to_owned()), "{rest:?}");
    }
    assert_eq!(actions(cy, of_work()).await, ["assess"], "no author");
    assert_eq!(actions(&class.tutor, of_work()).await, ["assess"], "who assessed");
    class.release(&[&submission]).await;
    for reader in [ana, ben, cy] {
        assert_eq!(actions(reader, of_work()).await, ["release_grade", "assess"]);
    }
    drop(test.mails().await);
}

#[tokio::test]
async fn who_coordinates_everything_sees_what_who_coordinates_one_edition_sees() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let here = test.holder("Eva", Role::Coordinator, at(&class.edition)).await;
    let everywhere = test.holder("Olga", Role::Coordinator, Scope::System).await;
    let of = async |reader: &Client<'_>| {
        let page = reader.run("AuditEntries", json!({ "first": 100 })).await;
        let nodes = page.at("auditEntries.nodes").as_array().expect("a list").clone();
        let what = |node: &Value| format!("{} {} {}", node["at"], node["action"], node["subjectId"]);
        nodes.iter().map(what).collect::<BTreeSet<_>>()
    };
    let (inside, all) = (of(&here).await, of(&everywhere).await);
    assert!(
        inside.len() > 5 && inside.is_subset(&all),
        "{:?}",
        inside.difference(&all)
    );
    let granted = json!({ "actions": ["grant_tutor"] });
    assert_eq!(actions(&everywhere, granted).await, ["grant_tutor"]);
    // What goes beyond editions is no coordinator's.
    let ada = test.administrator().await;
    let input = json!({ "personId": id_of(&class.people[0]), "role": "COORDINATOR" });
    let answer = act(&ada, "GrantRole", input).await;
    assert_eq!(answer.user_errors("grantRole"), [""; 0], "{:#}", answer.json);
    assert_eq!(
        actions(&everywhere, json!({ "actions": ["grant_role"] })).await,
        [""; 0]
    );
    drop(test.mails().await);
}

#[tokio::test]
async fn what_time_does_and_what_follows_from_a_role_leaves_an_entry() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let ada = test.administrator().await;
    // A charge that ends with the role that somebody takes away.
    let roles = audit::Entity::find()
        .filter(audit::Column::Action.eq("grant_tutor"))
        .filter(audit::Column::SubjectKind.eq("role"))
        .one(test.app.db.read())
        .await
        .expect("a query")
        .and_then(|entry| entry.subject_id)
        .expect("a role");
    let input = json!({ "roleAssignmentId": RoleAssignmentId(roles).to_string(), "reason": "Left" });
    let revoked = act(&class.coordinator, "RevokeRole", input).await;
    assert_eq!(revoked.user_errors("revokeRole"), [""; 0], "{:#}", revoked.json);
    let charges = json!({ "actions": ["allocate_tutor"] });
    assert_eq!(actions(&ada, charges.clone()).await.len(), 2, "begun and ended");

    // A charge whose role has run out.
    let eva = test.person("Eva").await;
    class.allocate(&class.team, &eva).await;
    let tx = test.app.db.write().await.expect("a transaction");
    let ended = test.now() + TimeDelta::hours(1);
    role::Entity::update_many()
        .col_expr(role::Column::UntilAt, Expr::value(ended))
        .filter(role::Column::PersonId.eq(eva.person))
        .exec(&tx)
        .await
        .expect("an end");
    tx.commit().await.expect("a commit");
    assert_eq!(actions(&ada, charges.clone()).await.len(), 3);
    test.pass(TimeDelta::hours(2));
    drop(test.mails().await);
    let ada = ada.again().await;
    assert_eq!(actions(&ada, charges.clone()).await.len(), 4);
    let last = ada.run("AuditEntries", json!({ "first": 1, "filter": charges })).await;
    assert_eq!(last.at("auditEntries.nodes.0.actor"), &Value::Null, "the system's");
    assert_eq!(last.text("auditEntries.nodes.0.subjectKind"), "allocation");

    // Days that pass.
    let moves = json!({ "subjectId": class.edition, "actions": ["plan_edition"] });
    let before = actions(&ada, moves.clone()).await.len();
    test.pass(TimeDelta::days(400));
    drop(test.mails().await);
    let ada = ada.again().await;
    assert!(actions(&ada, moves.clone()).await.len() > before);
    let last = ada.run("AuditEntries", json!({ "first": 1, "filter": moves })).await;
    assert_eq!(last.at("auditEntries.nodes.0.actor"), &Value::Null);
}

#[tokio::test]
async fn a_role_is_in_the_log_of_whom_it_concerns() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let (eva, fio) = (test.person("Eva").await, test.person("Fio").await);
    let input = json!({ "personId": id_of(&eva), "role": "TUTOR", "scopeId": class.edition });
    let granted = act(&class.coordinator, "GrantRole", input).await;
    let role = granted.text("grantRole.roleAssignment.id");
    let input = json!({ "roleAssignmentId": role, "reason": "Left" });
    let revoked = act(&class.coordinator, "RevokeRole", input).await;
    assert_eq!(revoked.user_errors("revokeRole"), [""; 0]);
    // Whoever has a team in their charge is its tutor.
    class.allocate(&class.team, &fio).await;
    let ada = test.administrator().await;
    let granting = json!({ "actions": ["grant_tutor"] });
    for (who, expected) in [(&eva, 2), (&fio, 1)] {
        let of_person = json!({ "subjectId": id_of(who), "actions": ["grant_tutor"] });
        for (reader, filter) in [(who, &granting), (&ada, &of_person)] {
            let found = actions(reader, filter.clone()).await;
            assert_eq!(found.len(), expected, "of {} by {}", who.email, reader.email);
        }
    }
    drop(test.mails().await);
}
