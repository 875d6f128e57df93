//! Applications are scored by several assessors; nobody else learns of it.

use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use super::{NO_SUCH_STEP, approving, decided, scene};
use crate::support::app::{Answer, Client, TestApp};
use crate::support::scene::{Plan, act, apply, enrolling, faults, rubric, scores, state, version, walk};

/// Sets the criteria of [`rubric`], of which 30 points can be reached, in the place of those with this version.
async fn set(by: &Client<'_>, edition: &str, seen: i64) -> Answer {
    let input = json!({ "editionId": edition, "version": seen, "rubric": rubric() });
    act(by, "SetAdmissionCriteria", input).await
}

/// Scores by the criteria with this version.
async fn score(by: &Client<'_>, enrolment: &str, seen: i64, found: Value) -> Answer {
    let input = json!({ "enrolmentId": enrolment, "version": seen, "scores": found, "comment": "Sound" });
    act(by, "ScoreApplication", input).await
}

/// The given names and means of an edition's applications, the best first.
async fn best(by: &Client<'_>, edition: &str) -> Vec<Value> {
    let variables = json!({ "editionId": edition, "first": 50 });
    let page = by.run("ScoredApplications", variables).await;
    let rows = page.at("edition.enrolments.nodes").as_array().expect("a list").clone();
    let row = |row: &Value| json!([row["person"]["givenName"], row["score"]]);
    rows.iter().map(row).collect()
}

/// Points, whether they count, and the version of the criteria of everything that was found in an application.
async fn found(by: &Client<'_>, enrolment: &str) -> Value {
    let seen = by.run("ApplicationScores", json!({ "id": enrolment })).await;
    let rows = seen.at("enrolment.scores").clone();
    let Some(rows) = rows.as_array() else { return rows };
    let row = |row: &Value| json!([row["points"], row["counts"], row["criteriaVersion"]]);
    rows.iter().map(row).collect()
}

#[tokio::test]
async fn the_mean_of_the_assessors_shows_and_sorts_the_list() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let (edition, people) = scene(&test, &carla, 9, &["Ana", "Ben", "Cy"]).await;
    let cora = test.coordinator_of("Cora", &edition).await;
    let of = |place: usize| people[place].1.as_str();
    let made = set(&carla, &edition, 0).await;
    assert_eq!(made.user_errors("setAdmissionCriteria"), [""; 0]);
    assert_eq!(made.number("setAdmissionCriteria.criteria.version"), 1);
    assert_eq!(made.text("setAdmissionCriteria.criteria.mostPoints"), "30");
    let before = version(&carla, of(0)).await;
    // 10 + 20 of 30, and 5 + 7.5 of 30.
    let first = score(&carla, of(0), 1, scores(2, 2)).await;
    assert_eq!(first.text("scoreApplication.enrolment.score"), "100");
    let second = score(&cora, of(0), 1, scores(1, 1)).await;
    assert_eq!(second.text("scoreApplication.enrolment.score"), "70.834");
    assert_eq!(version(&carla, of(0)).await, before, "nobody's decision is stale by it");
    score(&cora, of(2), 1, scores(2, 1)).await;
    assert_eq!(
        best(&carla, &edition).await,
        [json!(["Ana", "70.834"]), json!(["Cy", "58.333"]), json!(["Ben", null])]
    );
    // Who looks again takes the place of what they said before.
    score(&carla, of(0), 1, scores(0, 0)).await;
    assert_eq!(
        found(&carla, of(0)).await,
        json!([["100", false, 1], ["41.667", true, 1], ["0", true, 1]])
    );
    assert_eq!(
        best(&cora, &edition).await,
        [json!(["Cy", "58.333"]), json!(["Ana", "20.834"]), json!(["Ben", null])]
    );
    // By other criteria everything is looked at anew; what was found stays on record.
    let stale = set(&cora, &edition, 0).await;
    assert_eq!(
        stale.user_errors("setAdmissionCriteria"),
        ["STALE_VERSION input.version"]
    );
    assert_eq!(
        set(&cora, &edition, 1)
            .await
            .number("setAdmissionCriteria.criteria.version"),
        2
    );
    assert_eq!(
        best(&carla, &edition)
            .await
            .iter()
            .filter(|row| row[1].is_null())
            .count(),
        3
    );
    let stale = score(&carla, of(0), 1, scores(2, 2)).await;
    assert_eq!(stale.user_errors("scoreApplication"), ["STALE_VERSION input.version"]);
    score(&carla, of(0), 2, scores(2, 2)).await;
    assert_eq!(
        found(&carla, of(0)).await,
        json!([
            ["100", false, 1],
            ["41.667", false, 1],
            ["0", false, 1],
            ["100", true, 2]
        ])
    );
    test.fine().await;
    assert_eq!(test.notices().await, [""; 0], "nobody is told");
}

#[tokio::test]
async fn an_application_takes_a_hundred_scores_by_whichever_criteria() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let (edition, people) = scene(&test, &carla, 9, &["Ana", "Ben"]).await;
    let cora = test.coordinator_of("Cora", &edition).await;
    let of = |place: usize| people[place].1.as_str();
    set(&carla, &edition, 0).await;
    for round in 0..99 {
        let by = if round % 2 == 0 { &carla } else { &cora };
        let taken = score(by, of(0), 1, scores(2, 2)).await;
        assert_eq!(taken.user_errors("scoreApplication"), [""; 0], "{round}");
    }
    set(&carla, &edition, 1).await;
    let last = score(&carla, of(0), 2, scores(2, 1)).await;
    assert_eq!(last.text("scoreApplication.enrolment.score"), "58.333");
    let more = score(&cora, of(0), 2, scores(2, 2)).await;
    assert_eq!(
        more.user_errors("scoreApplication"),
        ["LIMIT_REACHED input.enrolmentId"]
    );
    assert!(
        more.body.contains("There are as many as there may be: 100."),
        "{}",
        more.body
    );
    assert_eq!(found(&carla, of(0)).await.as_array().map(Vec::len), Some(100));
    // It is that application's alone.
    let other = score(&cora, of(1), 2, scores(2, 2)).await;
    assert_eq!(other.user_errors("scoreApplication"), [""; 0]);
    test.fine().await;
    assert_eq!(test.notices().await, [""; 0]);
}

#[tokio::test]
async fn a_copy_of_an_edition_is_scored_by_the_same_criteria() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, approving(3)).await;
    for seen in [0, 1] {
        let made = set(&carla, &edition, seen).await;
        assert_eq!(made.user_errors("setAdmissionCriteria"), [""; 0]);
    }
    let input = json!({ "editionId": edition, "code": "AGAIN", "startsOn": "2027-04-06" });
    let copied = act(&carla, "CopyEdition", input).await;
    let copy = copied.text("copyEdition.edition.id");
    let document = "query ($id: ID!) { edition(id: $id) { admissionCriteria {
        version mostPoints criteria { key title description levels { title points } } } } }";
    let of = async |edition: &str| {
        let seen = carla.query(document, json!({ "id": edition })).await;
        seen.at("edition.admissionCriteria").clone()
    };
    let (was, is) = (of(&edition).await, of(&copy).await);
    assert_eq!((&was["version"], &is["version"]), (&json!(2), &json!(1)));
    assert_eq!(is["criteria"], was["criteria"]);
    assert_eq!(is["mostPoints"], "30");
    test.fine().await;
}

#[tokio::test]
async fn a_mean_that_is_not_that_of_the_scores_is_noticed() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let (edition, people) = scene(&test, &carla, 9, &["Ana", "Ben"]).await;
    let cora = test.coordinator_of("Cora", &edition).await;
    set(&carla, &edition, 0).await;
    for (by, found) in [(&carla, scores(2, 2)), (&cora, scores(1, 1)), (&carla, scores(0, 1))] {
        score(by, &people[0].1, 1, found).await;
    }
    test.fine().await;
    let tx = test.app.db.write().await.expect("a transaction");
    tx.execute_unprepared("UPDATE enrolment SET score = 1")
        .await
        .expect("the statement runs");
    tx.commit().await.expect("a commit");
    let broken = test.violations().await;
    let counted: Vec<i64> = broken.iter().map(|finding| finding.violations).collect();
    assert_eq!(counted, [2], "{broken:?}");
}

#[tokio::test]
async fn nobody_else_learns_of_a_score() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let (edition, people) = scene(&test, &carla, 9, &["Ana"]).await;
    let (ana, enrolment) = &people[0];
    let cora = test.coordinator_of("Cora", &edition).await;
    let own = apply(&cora, &edition).await.0;
    set(&carla, &edition, 0).await;
    score(&carla, enrolment, 1, scores(2, 2)).await;
    score(&carla, &own, 1, scores(0, 0)).await;
    let refused = score(&cora, &own, 1, scores(2, 2)).await;
    assert_eq!(refused.user_errors("scoreApplication"), ["OWN_WORK input.enrolmentId"]);
    let saul = test.person("Saul").await;
    for (who, refusal) in [
        (&test.anonymous(), "UNAUTHENTICATED"),
        (&saul, "NOT_FOUND"),
        (&test.administrator().await, "NOT_FOUND"),
        (ana, "FORBIDDEN"),
    ] {
        let refused = score(who, enrolment, 1, scores(0, 0)).await;
        assert_eq!(refused.refusal(), refusal);
    }
    for (who, refusal) in [
        (&test.anonymous(), "UNAUTHENTICATED"),
        (&saul, "FORBIDDEN"),
        (ana, "FORBIDDEN"),
    ] {
        assert_eq!(set(who, &edition, 1).await.refusal(), refusal);
        // Nor by the order of what they see.
        let variables = json!({ "editionId": edition, "first": 50 });
        assert_eq!(who.run("ScoredApplications", variables).await.refusal(), refusal);
        let seen = who
            .query(
                "query ($id: ID!) { edition(id: $id) { admissionCriteria { version } } }",
                json!({ "id": edition }),
            )
            .await;
        assert_eq!(seen.at("edition.admissionCriteria"), &Value::Null);
    }
    assert_eq!(found(ana, enrolment).await, Value::Null);
    // Somebody who coordinates, too, does not see how their own was scored: by no field, order or entry.
    assert_eq!(found(&cora, &own).await, Value::Null);
    assert_eq!(best(&cora, &edition).await, [json!(["Ana", "100"])]);
    assert_eq!(
        best(&carla, &edition).await,
        [json!(["Ana", "100"]), json!(["Cora", "0"])]
    );
    let entries = async |who: &Client<'_>, of: &str| {
        let seen = who
            .run("AuditEntries", json!({ "filter": { "subjectId": of }, "first": 50 }))
            .await;
        let rows = seen.at("auditEntries.nodes").as_array().expect("a list").clone();
        rows.iter().filter(|row| row["action"] == "score_application").count()
    };
    assert_eq!(entries(&cora, &own).await, 0);
    assert_eq!(entries(&cora, enrolment).await, 1);
    assert_eq!(entries(&carla, &own).await, 1);
    // A tutor sees the people of a team, and nothing of this.
    decided(&carla, enrolment, "CONFIRM").await;
    walk(&carla, &edition, &["ENROLMENT_CLOSED", "RUNNING"]).await;
    let team = json!({ "editionId": edition, "name": "Ceibo", "enrolmentIds": [enrolment] });
    let team = act(&carla, "CreateTeam", team).await.text("createTeam.team.id");
    let tina = test.person("Tina").await;
    let input = json!({ "teamIds": [team], "personId": crate::support::scene::id_of(&tina) });
    act(&carla, "AllocateTutor", input).await;
    assert_eq!(found(&tina, enrolment).await, Value::Null);
    assert_eq!(found(&carla, enrolment).await, json!([["100", true, 1]]));
    drop(test.mails().await);
}

#[tokio::test]
async fn what_does_not_fit_is_refused_by_name() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let (edition, people) = scene(&test, &carla, 9, &["Ana"]).await;
    let (_, enrolment) = &people[0];
    // Without criteria there is nothing to score by.
    let refused = score(&carla, enrolment, 0, json!([])).await;
    assert_eq!(
        refused.user_errors("scoreApplication"),
        ["RUBRIC_MISMATCH input.scores"]
    );
    for (rubric, expected) in [
        (json!([]), "REQUIRED input.rubric"),
        (
            json!([{ "key": "a", "title": "A", "levels": [{ "title": "No", "points": "0" }] }]),
            "TOO_SHORT input.rubric.0.levels",
        ),
        (
            json!([{ "key": "a", "title": " ", "levels": [] }]),
            "REQUIRED input.rubric.0.title",
        ),
    ] {
        let input = json!({ "editionId": edition, "version": 0, "rubric": rubric });
        let refused = faults(&carla, "SetAdmissionCriteria", input).await;
        assert_eq!(refused, [expected]);
    }
    set(&carla, &edition, 0).await;
    for (found, expected) in [
        (json!([]), "RUBRIC_MISMATCH input.scores"),
        (scores(3, 0), "RUBRIC_MISMATCH input.scores"),
        (
            json!([{ "criterion": "context", "level": -1 }]),
            "RUBRIC_MISMATCH input.scores.0.level",
        ),
    ] {
        let refused = score(&carla, enrolment, 1, found).await;
        assert_eq!(refused.user_errors("scoreApplication"), [expected]);
    }
    decided(&carla, enrolment, "CONFIRM").await;
    let refused = score(&carla, enrolment, 1, scores(1, 1)).await;
    assert_eq!(
        refused.user_errors("scoreApplication"),
        ["ILLEGAL_TRANSITION input.enrolmentId"]
    );
    // A cursor of one order is none of the other.
    let page = carla
        .run("EditionEnrolments", json!({ "editionId": edition, "first": 1 }))
        .await;
    let after = page.at("edition.enrolments.pageInfo.endCursor").clone();
    let variables = json!({ "editionId": edition, "first": 1, "after": after });
    assert_eq!(carla.run("ScoredApplications", variables).await.refusal(), "MALFORMED");
    drop(test.mails().await);
}

#[tokio::test]
async fn nothing_is_scored_in_an_edition_that_is_over() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let (edition, people) = scene(&test, &carla, 9, &["Ana"]).await;
    let (_, enrolment) = &people[0];
    set(&carla, &edition, 0).await;
    walk(&carla, &edition, &["ENROLMENT_CLOSED", "RUNNING", "GRADING"]).await;
    for (round, to) in ["CLOSED", "ARCHIVED"].into_iter().enumerate() {
        walk(&carla, &edition, &[to]).await;
        let refused = set(&carla, &edition, 1).await;
        assert_eq!(
            refused.user_errors("setAdmissionCriteria"),
            ["ILLEGAL_TRANSITION input.editionId"],
            "{to}"
        );
        assert_eq!(refused.text("setAdmissionCriteria.userErrors.0.message"), NO_SUCH_STEP);
        // No application waits in it any more, so one that still did is made up: the edition alone is reason enough.
        if round == 1 {
            let tx = test.app.db.write().await.expect("a transaction");
            tx.execute_unprepared("UPDATE enrolment SET state = 'applied'")
                .await
                .expect("the statement runs");
            tx.commit().await.expect("a commit");
        }
        let now = state(&carla, enrolment).await;
        assert_eq!(now, ["CANCELLED", "APPLIED"][round]);
        let refused = score(&carla, enrolment, 1, scores(1, 1)).await;
        assert_eq!(
            refused.user_errors("scoreApplication"),
            ["ILLEGAL_TRANSITION input.enrolmentId"],
            "{to}, {now}"
        );
        assert_eq!(refused.text("scoreApplication.userErrors.0.message"), NO_SUCH_STEP);
    }
    assert_eq!(found(&carla, enrolment).await, json!([]));
    drop(test.mails().await);
}

#[tokio::test]
async fn a_page_of_scored_applications_costs_the_same_whatever_the_size() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(
        &carla,
        Plan {
            code: "SCORES",
            ..approving(99)
        },
    )
    .await;
    set(&carla, &edition, 0).await;
    let mut spent = Vec::new();
    for round in 0..3_usize {
        for number in 0..4 {
            let name: &'static str = format!("P{round}{number}").leak();
            let enrolment = apply(&test.person(name).await, &edition).await.0;
            score(&carla, &enrolment, 1, scores(number % 3, 1)).await;
        }
        carla.warm_up().await;
        let before = test.app.db.statements();
        assert_eq!(best(&carla, &edition).await.len(), 4 * (round + 1));
        spent.push(test.app.db.statements() - before);
    }
    assert_eq!(spent, [3, 3, 3]);
    // Page by page, with equal means among them.
    let (mut found, mut after) = (Vec::new(), Value::Null);
    loop {
        let variables = json!({ "editionId": edition, "first": 5, "after": after });
        let page = carla.run("ScoredApplications", variables).await;
        found.extend(page.at("edition.enrolments.nodes").as_array().expect("a list").clone());
        after = page.at("edition.enrolments.pageInfo.endCursor").clone();
        if page.at("edition.enrolments.pageInfo.hasNextPage") == &json!(false) {
            break;
        }
    }
    let mut ids: Vec<&str> = found.iter().filter_map(|row| row["id"].as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 12);
    drop(test.mails().await);
}
