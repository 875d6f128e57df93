//! Entries: what leaves one, and who reads it.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use rumbo::domain::actor::{Role, Scope};
use rumbo::domain::id::RoleAssignmentId;
use rumbo::store::{audit, role};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};

use crate::support::app::{Client, TestApp};
use crate::support::scene::{Class, Plan, act, apply, at, done, enrolling, id_of, scores};

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
    let elsewhere = enrolling(&class.coordinator, Plan::OTHER).await;
    apply(&test.person("Zoe").await, &elsewhere).await;
    let here = test.coordinator_of("Eva", &class.edition).await;
    let there = test.coordinator_of("Olga", &elsewhere).await;
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
        (
            json!({ "from": "2026-03-02T00:00:00Z", "until": "2026-03-01T00:00:00Z" }),
            "DATES_OUT_OF_ORDER",
        ),
    ] {
        let refused = ada.run("AuditEntries", json!({ "first": 1, "filter": filter })).await;
        assert_eq!(refused.refusal(), code);
    }
    let nobody = test.anonymous().run("AuditEntries", json!({ "first": 1 })).await;
    assert_eq!(nobody.refusal(), "UNAUTHENTICATED");
    drop(test.mails().await);
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
    let here = test.coordinator_of("Eva", &class.edition).await;
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
    done(&class.coordinator, "RevokeRole", input).await;
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
