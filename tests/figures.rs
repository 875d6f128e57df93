//! What the figures count, and that they stay: of works, of meetings, of kinds of institution, of earlier instants.

use chrono::{DateTime, TimeDelta, Utc};
use rumbo::domain::id::MeetingId;
use rumbo::store::meeting;
use sea_orm::{ActiveModelTrait, ConnectionTrait, IntoActiveModel};
use serde_json::{Value, json};

use crate::support::app::{Client, TestApp, Who};
use crate::support::scene::{Class, Plan, act, apply, cancel, done, draft, enrolling, roadmap_input, scores, walk};

/// A meeting of the edition an hour ago, as an import makes it.
async fn met(test: &TestApp, edition: &str) {
    let row = meeting::Model {
        id: MeetingId(test.app.clock.new_id()),
        edition_id: edition.parse().expect("an edition"),
        number: 1,
        starts_at: test.now() - TimeDelta::hours(1),
        minutes: 90,
    };
    let tx = test.app.db.write().await.expect("a transaction");
    row.into_active_model().insert(&tx).await.expect("a meeting");
    tx.commit().await.expect("a commit");
}

/// The totals of the annual report.
async fn totals(reader: &Client<'_>, as_at: Option<DateTime<Utc>>) -> Value {
    let answer = reader.run("AnnualReport", json!({ "asAt": as_at })).await;
    answer.at("statistics.total").clone()
}

#[tokio::test]
async fn meetings_count_of_editions_that_take_place() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let carla = &class.coordinator;
    met(&test, &class.edition).await;
    let planned = draft(carla, Plan::OTHER).await.text("createEdition.edition.id");
    met(&test, &planned).await;
    let figures = async |as_at| {
        let total = totals(carla, as_at).await;
        (total["meetings"].clone(), total["meetingHours"].clone())
    };
    assert_eq!(figures(None).await, (json!(1), json!("1.50")), "none of a draft");
    walk(carla, &planned, &["ANNOUNCED", "ENROLLING", "ENROLMENT_CLOSED"]).await;
    assert_eq!(figures(None).await, (json!(1), json!("1.50")), "nor before it runs");

    test.pass(TimeDelta::minutes(1));
    let before = test.now();
    assert_eq!(figures(Some(before)).await, (json!(1), json!("1.50")));
    test.pass(TimeDelta::minutes(1));
    let carla = carla.again().await;
    walk(&carla, &planned, &["RUNNING"]).await;
    let total = totals(&carla, None).await;
    assert_eq!(total["meetings"], 2);
    test.pass(TimeDelta::minutes(1));
    let running = test.now();
    test.pass(TimeDelta::minutes(1));
    cancel(&carla, &planned, "The teacher is ill").await;
    for (as_at, expected) in [(None, 1), (Some(running), 2), (Some(before), 1)] {
        let total = totals(&carla, as_at).await;
        assert_eq!(total["meetings"], expected, "{as_at:?}");
    }
    let rows = carla.run("AnnualReport", json!({})).await;
    let rows = rows.at("statistics.rows").as_array().expect("rows").clone();
    assert_eq!(rows.len(), 1, "a cancelled edition has no row of its own: {rows:?}");
    drop(test.mails().await);
}

/// A task of each participant, handed in by one of them.
async fn hand_in_task(class: &Class<'_>, author: &Client<'_>) -> String {
    let mut input = roadmap_input(&class.edition);
    input["kind"] = json!("INDIVIDUAL_TASK");
    let asked = act(&class.coordinator, "CreateDeliverable", input).await;
    let task = asked.text("createDeliverable.deliverable.id");
    let save = json!({ "deliverableId": task, "title": "Mine", "body": "What I learnt" });
    let saved = act(author, "SaveDraft", save).await;
    let id = saved.text("saveDraft.submission.id");
    let handed_in = act(author, "SubmitWork", json!({ "submissionId": id, "version": 1 })).await;
    assert_eq!(handed_in.text("submitWork.submission.state"), "SUBMITTED");
    id
}

#[tokio::test]
async fn works_are_roadmaps_and_projects() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let works = async || {
        let total = totals(&class.coordinator, None).await;
        (total["submitted"].clone(), total["released"].clone())
    };
    let task = hand_in_task(&class, &class.people[0]).await;
    assert_eq!(
        works().await,
        (json!(0), json!(0)),
        "a task of one participant is no work of a team"
    );
    let roadmap = class.hand_in(&class.people[0], "A plan").await;
    assert_eq!(works().await, (json!(1), json!(0)));
    for submission in [&task, &roadmap] {
        class.grade(&class.tutor, submission, scores(2, 2)).await;
    }
    class.release(&[&task, &roadmap]).await;
    assert_eq!(works().await, (json!(1), json!(1)));
    for submission in [&task, &roadmap] {
        let input = json!({
            "submissionId": submission, "version": class.version(submission).await, "reason": "A slip of the pen",
        });
        done(&class.coordinator, "ReopenReview", input).await;
    }
    assert_eq!(works().await, (json!(1), json!(0)));
    let rules = class.coordinator.run("Measures", json!({})).await;
    assert!(!rules.body.contains("tasks handed in"), "{}", rules.body);
    test.fine().await;
    drop(test.mails().await);
}

/// How many enrolments each kind of institution has.
async fn kinds(reader: &Client<'_>, filter: Value, as_at: Option<DateTime<Utc>>) -> Vec<(Value, i64)> {
    let variables = json!({ "by": ["INSTITUTION_KIND"], "filter": filter, "asAt": as_at });
    let answer = reader.run("Statistics", variables).await;
    let rows = answer.at("statistics.rows").as_array().expect("rows").clone();
    rows.iter()
        .map(|row| {
            (
                row["institutionKind"].clone(),
                row["enrolments"].as_i64().expect("a number"),
            )
        })
        .collect()
}

#[tokio::test]
async fn the_kind_of_an_institution_is_frozen_with_the_enrolment() {
    let test = TestApp::new().await;
    let ada = test.administrator().await;
    let edition = enrolling(&test.coordinator().await, Plan::OPEN).await;
    let input = json!({ "name": "Sindicato", "aliases": [], "country": "UY", "kind": "WORKERS" });
    let made = act(&ada, "CreateInstitution", input).await;
    let union = made.text("createInstitution.institution.id");
    let join = async |name: &'static str| {
        let institution = Some(union.parse().expect("an institution"));
        let who = Who {
            institution,
            ..Who::named(name)
        };
        apply(&test.somebody(who).await, &edition).await;
    };
    join("Ana").await;
    let workers = vec![(json!("WORKERS"), 1)];
    assert_eq!(kinds(&ada, json!({}), None).await, workers);
    let before = test.now();
    test.pass(TimeDelta::minutes(1));
    let ada = ada.again().await;
    let input = json!({
        "institutionId": union, "version": 1, "name": "Sindicato", "aliases": [], "country": "UY", "kind": "OTHER",
    });
    done(&ada, "UpdateInstitution", input).await;
    for as_at in [None, Some(before)] {
        assert_eq!(kinds(&ada, json!({}), as_at).await, workers, "{as_at:?}");
        let asked = kinds(&ada, json!({ "institutionKinds": ["WORKERS"] }), as_at).await;
        assert_eq!(asked, workers, "{as_at:?}");
        let others = kinds(&ada, json!({ "institutionKinds": ["OTHER"] }), as_at).await;
        assert!(others.is_empty(), "{as_at:?}: {others:?}");
    }
    join("Eva").await;
    let both = vec![(json!("OTHER"), 1), (json!("WORKERS"), 1)];
    assert_eq!(
        kinds(&ada, json!({}), None).await,
        both,
        "who comes later is of the kind of now"
    );
    assert_eq!(test.differences().await, Vec::<String>::new());
    drop(test.mails().await);
}

#[tokio::test]
async fn too_many_groups_are_refused_by_the_first_statement() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let ada = test.administrator().await;
    let tx = test.app.db.write().await.expect("a transaction");
    let many =
        "INSERT INTO tally_detail (edition_id, status, gender, country, institution_id, constituent_group, language,
                                          month, enrolments, submitted, released)
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10001)
         SELECT t.edition_id, t.status, t.gender, t.country, t.institution_id, t.constituent_group, t.language,
                'm' || n.i, 1, 0, 0
         FROM n CROSS JOIN (SELECT * FROM tally_detail WHERE enrolments > 0 LIMIT 1) t";
    tx.execute_unprepared(many).await.expect("many groups");
    tx.commit().await.expect("a commit");
    let cost = async |figures: &str| {
        let document = format!("{{ statistics(by: [MONTH]) {{ rows {{ month {figures} }} }} }}");
        ada.warm_up().await;
        let before = test.app.db.statements();
        let answer = ada.query(&document, json!({})).await;
        assert_eq!(answer.refusal(), "OUT_OF_RANGE", "{}", answer.body);
        test.app.db.statements() - before
    };
    let least = cost("enrolments").await;
    assert_eq!(cost("enrolments participants institutions countries").await, least);
    drop(class);
}
