//! Reviews and grades: who gives them, what the authors see and when, what the statistics say.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use rumbo::domain::actor::{Role, Scope};
use serde_json::{Value, json};

use crate::support::app::{Answer, Client, TestApp};
use crate::support::scene::{
    Class, Plan, act, apply, as_seen, done, enrolling, faults, roadmap_input, scores, speak, walk,
};

const NO_SUBMISSION: &str = "sub_01h455vb4pex5vsknk084sn02q";

/// Submitted and released works of an edition, now or as they were.
async fn works(class: &Class<'_>, as_at: Option<DateTime<Utc>>) -> (i64, i64) {
    let as_at = as_at.map(|instant| instant.to_rfc3339_opts(SecondsFormat::Micros, true));
    let variables = json!({ "by": ["GENDER"], "filter": { "editions": [class.edition] }, "asAt": as_at });
    let answer = class.coordinator.run("Statistics", variables).await;
    let total = |measure: &str| answer.number(&format!("statistics.total.{measure}"));
    let rows = answer.at("statistics.rows").as_array().expect("rows").clone();
    for measure in ["submitted", "released"] {
        let sum: i64 = rows.iter().map(|row| row[measure].as_i64().expect("a count")).sum();
        assert_eq!(sum, total(measure), "a breakdown sums to its total");
    }
    (total("submitted"), total("released"))
}

/// What an author reads, as one text.
async fn read(author: &Client<'_>, submission: &str) -> Answer {
    author.run("MySubmission", json!({ "id": submission })).await
}

#[tokio::test]
async fn the_authors_see_nothing_before_the_release() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let [ana, ben] = [&class.people[0], &class.people[1]];
    let submission = class.hand_in(ana, "Our plan").await;
    let start = json!({ "submissionId": submission, "version": class.version(&submission).await });
    let taken_up = act(&class.tutor, "StartReview", start).await;
    assert_eq!(taken_up.text("startReview.submission.state"), "IN_REVIEW");
    let before = read(ana, &submission).await;
    let mine = ana.run("MyTeam", json!({ "first": 5 })).await;
    class.grade(&class.tutor, &submission, scores(2, 1)).await;
    for author in [ana, ben] {
        assert_eq!(
            read(author, &submission).await.json,
            before.json,
            "no field tells that it was graded"
        );
    }
    assert_eq!(ana.run("MyTeam", json!({ "first": 5 })).await.json, mine.json);
    assert_eq!(before.text("submission.state"), "IN_REVIEW");
    assert!(before.at("submission.grade").is_null());
    assert_eq!(before.at("submission.versions.0.assessments"), &json!([]));
    let peek = "query ($id: ID!) { submission(id: $id) { currentNumber version
        handIn { assessments { points scores { level } comment assessor { givenName } } } grade { value } } }";
    let peeked = ana.query(peek, json!({ "id": submission })).await;
    assert_eq!(peeked.at("submission.handIn.assessments"), &json!([]));
    assert!(peeked.at("submission.version").is_null());
    assert_eq!(test.mails().await.len(), 0);
    let all = "query ($id: ID!) { edition(id: $id) { submissions(first: 5, states: [ASSESSED]) { nodes { id } } } }";
    let filtered = ana.query(all, json!({ "id": class.edition })).await;
    assert_eq!(filtered.refusal(), "FORBIDDEN", "nor does a filter");

    let tutor = read(&class.tutor, &submission).await;
    assert_eq!(tutor.text("submission.state"), "ASSESSED");
    let found = class.tutor.run("ReadVersions", json!({ "id": submission })).await;
    assert_eq!(
        found.text("submission.handIn.assessments.0.points"),
        "58.333",
        "17.5 of 30 points"
    );
    assert!(
        read(&class.coordinator, &submission)
            .await
            .at("submission.grade")
            .is_null()
    );

    class
        .release(&[&submission])
        .await
        .text("releaseGrades.submissions.0.id");
    let after = read(ben, &submission).await;
    assert_eq!(after.text("submission.state"), "RELEASED");
    assert_eq!(after.text("submission.grade.value"), "58.333");
    assert_eq!(after.text("submission.grade.comment"), "Convincing");
    assert_eq!(after.text("submission.versions.0.assessments.0.comment"), "Convincing");
    let steps = after.at("submission.history").as_array().expect("steps").clone();
    let words: Vec<_> = steps.iter().map(|step| step["to"].as_str().expect("a state")).collect();
    assert_eq!(
        words,
        ["draft", "submitted", "in_review", "released"],
        "when it was graded stays untold"
    );
    assert_eq!(steps[3]["from"], "in_review");
    assert_eq!(test.violations().await, []);
}

#[tokio::test]
async fn the_release_is_told_in_the_readers_language_and_counted() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben", "Cy"]).await;
    speak(&class.people[0], "ES").await;
    speak(&class.people[1], "PT").await;
    let begin = test.now();
    test.pass(TimeDelta::minutes(1));
    let submission = class.hand_in(&class.people[0], "Our plan").await;
    let handed_in = test.now();
    assert_eq!(works(&class, None).await, (1, 0));
    test.pass(TimeDelta::minutes(1));
    class.give_back(&submission, "¿Quién lo paga?").await;
    class.hand_in(&class.people[1], "Our plan, paid").await;
    assert_eq!(works(&class, None).await, (1, 0), "a second version is no second work");
    drop(test.mails().await);
    class.grade(&class.tutor, &submission, scores(2, 2)).await;
    test.pass(TimeDelta::minutes(1));
    class
        .release(&[&submission])
        .await
        .text("releaseGrades.submissions.0.id");
    let mut mails: Vec<_> = test
        .mails()
        .await
        .into_iter()
        .map(|mail| (mail.to, mail.subject, mail.text))
        .collect();
    mails.sort();
    let subjects: Vec<_> = mails
        .iter()
        .map(|(to, subject, _)| (to.as_str(), subject.as_str()))
        .collect();
    assert_eq!(
        subjects,
        [
            ("ana@example.org", "Calificación publicada: Roadmap"),
            ("ben@example.org", "Nota publicada: Roadmap"),
        ]
    );
    assert!(mails[0].2.contains("100,0 puntos de 100"), "{}", mails[0].2);
    assert!(mails[1].2.contains("100,0 pontos de 100") && mails[1].2.contains("Convincing"));
    assert_eq!(works(&class, None).await, (1, 1));
    assert_eq!(works(&class, Some(begin)).await, (0, 0));
    assert_eq!(works(&class, Some(handed_in)).await, (1, 0));

    test.pass(TimeDelta::minutes(1));
    let released = test.now() - TimeDelta::seconds(1);
    let version = class.version(&submission).await;
    let reopen = json!({ "submissionId": submission, "version": version, "reason": "An appeal" });
    let reopened = act(&class.coordinator, "ReopenReview", reopen).await;
    assert_eq!(reopened.text("reopenReview.submission.state"), "IN_REVIEW");
    assert!(
        read(&class.people[0], &submission)
            .await
            .at("submission.grade")
            .is_null()
    );
    assert_eq!(works(&class, None).await, (1, 0));
    assert_eq!(works(&class, Some(released)).await, (1, 1));
    class.grade(&class.tutor, &submission, scores(1, 2)).await;
    class
        .release(&[&submission])
        .await
        .text("releaseGrades.submissions.0.id");
    let seen = read(&class.people[0], &submission).await;
    assert_eq!(seen.text("submission.grade.value"), "83.333");
    assert_eq!(works(&class, None).await, (1, 1));
    assert_eq!(test.violations().await, []);
    drop(test.mails().await);
}

#[tokio::test]
async fn a_released_grade_is_overridden_made_final_and_then_stands() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let submission = class.hand_in(&class.people[0], "Our plan").await;
    let change = async |value: &str| {
        let input = json!({
            "submissionId": submission, "version": class.version(&submission).await,
            "value": value, "reason": "A point was counted twice",
        });
        act(&class.coordinator, "OverrideGrade", input).await
    };
    assert_eq!(
        change("70").await.user_errors("overrideGrade"),
        ["ILLEGAL_TRANSITION input"]
    );
    class.grade(&class.tutor, &submission, scores(2, 2)).await;
    class
        .release(&[&submission])
        .await
        .text("releaseGrades.submissions.0.id");
    drop(test.mails().await);
    assert_eq!(
        change("100.001").await.user_errors("overrideGrade"),
        ["OUT_OF_RANGE input.value"]
    );
    assert_eq!(
        change("-0.001").await.user_errors("overrideGrade"),
        ["OUT_OF_RANGE input.value"]
    );
    for wrong in ["NaN", "1e309", "1e2", "70.1234", "Infinity", "", "70,5"] {
        assert_eq!(change(wrong).await.refusal(), "BAD_USER_INPUT", "{wrong}");
    }
    assert_eq!(
        change("70.5").await.text("overrideGrade.submission.grade.value"),
        "70.5"
    );
    assert_eq!(
        test.notices().await,
        ["grade_released ana@example.org", "grade_released ben@example.org"]
    );
    let seen = read(&class.people[1], &submission).await;
    assert_eq!(seen.text("submission.grade.reason"), "A point was counted twice");
    let blank = json!({ "submissionId": submission, "version": 1, "value": "70", "reason": " " });
    let blank = faults(&class.coordinator, "OverrideGrade", blank).await;
    assert_eq!(blank, ["REQUIRED input.reason"]);
    let finalize = json!({ "submissions": as_seen(&class.coordinator, json!([submission])).await });
    let done = act(&class.coordinator, "FinalizeGrades", finalize.clone()).await;
    assert_eq!(done.text("finalizeGrades.submissions.0.state"), "FINAL");
    assert_eq!(
        read(&class.people[0], &submission).await.text("submission.grade.value"),
        "70.5"
    );
    let again = faults(&class.coordinator, "FinalizeGrades", finalize).await;
    assert_eq!(again, ["ILLEGAL_TRANSITION input.submissions.0"]);
    assert_eq!(
        change("80").await.user_errors("overrideGrade"),
        ["ILLEGAL_TRANSITION input"]
    );
    let reopen = json!({ "submissionId": submission, "version": 1, "reason": "Too late" });
    let reopen = faults(&class.coordinator, "ReopenReview", reopen).await;
    assert_eq!(reopen, ["ILLEGAL_TRANSITION input"]);
    assert_eq!(test.violations().await, []);
}

#[tokio::test]
async fn an_assessment_that_does_not_fit_is_refused() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let draft = class.save(&class.people[0], "A draft").await;
    let submission = draft.text("saveDraft.submission.id");
    let grade = async |change: Value| {
        let version = class.version(&submission).await;
        let mut input = json!({ "submissionId": submission, "version": version, "scores": scores(1, 1) });
        input
            .as_object_mut()
            .expect("fields")
            .extend(change.as_object().expect("fields").clone());
        act(&class.tutor, "GradeSubmission", input).await
    };
    let early = grade(json!({})).await;
    assert_eq!(
        early.user_errors("gradeSubmission"),
        ["ILLEGAL_TRANSITION input"],
        "it is a draft"
    );
    class.hand_in(&class.people[0], "A plan").await;
    let twice = json!([{ "criterion": "plan", "level": 1 }, { "criterion": "plan", "level": 1 }]);
    let unknown = json!([{ "criterion": "plan", "level": 1 }, { "criterion": "style", "level": 1 }]);
    for (change, expected) in [
        (json!({ "scores": [] }), "RUBRIC_MISMATCH input.scores"),
        (json!({ "scores": scores(1, 3) }), "RUBRIC_MISMATCH input.scores"),
        (
            json!({ "scores": scores(-1, 1) }),
            "RUBRIC_MISMATCH input.scores.0.level",
        ),
        (json!({ "scores": twice }), "RUBRIC_MISMATCH input.scores"),
        (json!({ "scores": unknown }), "RUBRIC_MISMATCH input.scores"),
        (json!({ "version": 1 }), "STALE_VERSION input.version"),
        (json!({ "versionNumber": 2 }), "STALE_VERSION input.versionNumber"),
        (json!({ "comment": "x".repeat(10_001) }), "TOO_LONG input.comment"),
        (json!({ "comment": "a\u{0}" }), "FORBIDDEN_CHARACTER input.comment"),
        (json!({ "submissionId": class.team }), "INVALID_ID input.submissionId"),
    ] {
        assert_eq!(
            grade(change.clone()).await.user_errors("gradeSubmission"),
            [expected],
            "{change}"
        );
    }
    assert_eq!(
        grade(json!({ "submissionId": NO_SUBMISSION })).await.refusal(),
        "NOT_FOUND"
    );
    let back = async |comment: &str, scores: Value| {
        let version = class.version(&submission).await;
        let input = json!({ "submissionId": submission, "version": version, "comment": comment, "scores": scores });
        faults(&class.tutor, "RequestRevision", input).await
    };
    assert_eq!(back("  ", json!([])).await, ["REQUIRED input.comment"]);
    assert_eq!(back("No", scores(0, 9)).await, ["RUBRIC_MISMATCH input.scores"]);
    assert_eq!(back("More", scores(0, 1)).await, [""; 0]);
    assert_eq!(back("More", json!([])).await, ["ILLEGAL_TRANSITION input"]);
    assert_eq!(
        grade(json!({})).await.user_errors("gradeSubmission"),
        ["ILLEGAL_TRANSITION input"]
    );
    class.hand_in(&class.people[0], "Another plan").await;
    assert_eq!(
        grade(json!({ "versionNumber": 2 }))
            .await
            .user_errors("gradeSubmission"),
        [""; 0]
    );
    let start = json!({ "submissionId": submission, "version": class.version(&submission).await });
    let start = faults(&class.tutor, "StartReview", start).await;
    assert_eq!(start, ["ILLEGAL_TRANSITION input"]);
    assert_eq!(
        grade(json!({ "scores": scores(2, 2) }))
            .await
            .user_errors("gradeSubmission"),
        [""; 0]
    );
    class
        .release(&[&submission])
        .await
        .text("releaseGrades.submissions.0.id");
    assert_eq!(
        read(&class.people[0], &submission).await.text("submission.grade.value"),
        "100",
        "the latest assessment counts"
    );
    walk(&class.coordinator, &class.edition, &["GRADING", "CLOSED"]).await;
    assert_eq!(
        grade(json!({})).await.user_errors("gradeSubmission"),
        ["ILLEGAL_TRANSITION input"]
    );
    assert_eq!(test.violations().await, []);
    drop(test.mails().await);
}

#[tokio::test]
async fn only_the_tutor_in_charge_and_the_coordinator_assess() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben", "Cy"]).await;
    class.make_team("Tala", &class.enrolments[2..]).await;
    let submission = class.hand_in(&class.people[0], "Our plan").await;
    let version = class.version(&submission).await;
    let seen = json!({ "submissionId": submission, "version": version });
    let with = |more: Value| {
        let mut input = seen.clone();
        input
            .as_object_mut()
            .expect("fields")
            .extend(more.as_object().expect("fields").clone());
        input
    };
    let operations = [
        ("StartReview", seen.clone()),
        ("RequestRevision", with(json!({ "comment": "No" }))),
        ("GradeSubmission", with(json!({ "scores": scores(2, 2) }))),
        (
            "ReleaseGrades",
            json!({ "submissions": [{ "id": submission, "version": version }] }),
        ),
        (
            "FinalizeGrades",
            json!({ "submissions": [{ "id": submission, "version": version }] }),
        ),
        (
            "OverrideGrade",
            json!({ "submissionId": submission, "version": version, "value": "100", "reason": "Please" }),
        ),
        (
            "ReopenReview",
            json!({ "submissionId": submission, "version": version, "reason": "Please" }),
        ),
    ];
    let stranger = test.person("Zoe").await;
    let idle = class.idle_tutor("Ivo").await;
    for (actor, expected) in [
        (test.anonymous(), "UNAUTHENTICATED"),
        (stranger, "NOT_FOUND"),
        (class.people[2].clone(), "NOT_FOUND"),
        (idle, "NOT_FOUND"),
        (class.people[1].clone(), "FORBIDDEN"),
    ] {
        for (operation, input) in operations.clone() {
            let refused = act(&actor, operation, input).await;
            assert_eq!(refused.refusal(), expected, "{operation} {}", actor.email);
        }
    }
    for (operation, input) in operations[3..].iter().cloned() {
        assert_eq!(
            act(&class.tutor, operation, input).await.refusal(),
            "FORBIDDEN",
            "{operation}"
        );
    }
    assert_eq!(class.version(&submission).await, version, "nothing was changed");
    // A coordinator assesses, unless it is their own work.
    let both = test.holder("Olga", Role::Coordinator, Scope::System).await;
    class.grade(&both, &submission, scores(1, 1)).await;
    // An administrator has no part in grades, with a reason or without.
    let administrator = test.administrator().await;
    let list = as_seen(&class.coordinator, json!([submission])).await;
    let release = json!({ "submissions": list, "reason": "The coordinator is ill" });
    let release = act(&administrator, "ReleaseGrades", release).await;
    assert_eq!(release.refusal(), "NOT_FOUND");
    drop(test.mails().await);
}

#[tokio::test]
async fn nobody_decides_about_their_own_work() {
    let test = TestApp::new().await;
    let boss = test.holder("Olga", Role::Coordinator, Scope::System).await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let edition = enrolling(
        &class.coordinator,
        Plan {
            code: "OWN-2026",
            ..Plan::OPEN
        },
    )
    .await;
    let (enrolment, _) = apply(&boss, &edition).await;
    walk(&class.coordinator, &edition, &["ENROLMENT_CLOSED", "RUNNING"]).await;
    let asked = roadmap_input(&edition);
    let asked = act(&class.coordinator, "CreateDeliverable", asked).await;
    let team = json!({ "editionId": edition, "name": "Own", "enrolmentIds": [enrolment] });
    act(&class.coordinator, "CreateTeam", team)
        .await
        .text("createTeam.team.id");
    let draft = json!({
        "deliverableId": asked.text("createDeliverable.deliverable.id"), "title": "Mine", "body": "Mine",
    });
    let draft = act(&boss, "SaveDraft", draft).await;
    let own = draft.text("saveDraft.submission.id");
    act(&boss, "SubmitWork", json!({ "submissionId": own, "version": 1 })).await;
    let version = class.version(&own).await;
    let grade = json!({ "submissionId": own, "version": version, "scores": scores(2, 2) });
    let graded = faults(&boss, "GradeSubmission", grade.clone()).await;
    assert_eq!(graded, ["OWN_WORK input.submissionId"]);
    done(&class.coordinator, "GradeSubmission", grade).await;
    let hidden = read(&boss, &own).await;
    assert_eq!(
        hidden.text("submission.state"),
        "IN_REVIEW",
        "an author first, a coordinator second"
    );
    assert_eq!(hidden.at("submission.versions.0.assessments"), &json!([]));
    let list = json!({ "submissions": [{ "id": own, "version": 1 }] });
    let release = faults(&boss, "ReleaseGrades", list).await;
    assert_eq!(release, ["OWN_WORK input.submissions.0"]);
    class.release(&[&own]).await.text("releaseGrades.submissions.0.id");
    let change = json!({ "submissionId": own, "version": 1, "value": "100", "reason": "Because" });
    let change = faults(&boss, "OverrideGrade", change).await;
    assert_eq!(change, ["OWN_WORK input.submissionId"]);
    let list = json!({ "enrolments": [{ "id": enrolment, "version": 1 }] });
    let decided = faults(&boss, "DecideCompletion", list).await;
    assert_eq!(decided, ["OWN_WORK input.enrolments.0"]);
    drop(test.mails().await);
}

#[tokio::test]
async fn all_grades_are_released_or_none() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben", "Cy", "Dan"]).await;
    for (name, place) in [("Tala", 2), ("Molle", 3)] {
        let team = class.make_team(name, &class.enrolments[place..=place]).await;
        class.allocate(&team, &class.tutor).await;
    }
    let mut works = Vec::new();
    for place in [0, 2, 3] {
        works.push(class.hand_in(&class.people[place], "A plan").await);
    }
    let [first, second, third] = [works[0].as_str(), works[1].as_str(), works[2].as_str()];
    class.grade(&class.tutor, first, scores(1, 1)).await;
    class.grade(&class.tutor, second, scores(2, 1)).await;
    drop(test.mails().await);
    let refused = class.release(&[first, third, second]).await;
    assert_eq!(
        refused.user_errors("releaseGrades"),
        ["NOT_ASSESSED input.submissions.1"]
    );
    assert_eq!(class.release(&[first, NO_SUBMISSION]).await.refusal(), "NOT_FOUND");
    let kind = class.release(&[first, &class.team]).await;
    assert_eq!(kind.user_errors("releaseGrades"), ["INVALID_ID input.submissions.1.id"]);
    assert_eq!(
        class.release(&[]).await.user_errors("releaseGrades"),
        ["REQUIRED input.submissions"]
    );
    assert_eq!(read(&class.tutor, first).await.text("submission.state"), "ASSESSED");
    assert_eq!(test.notices().await, [""; 0], "nobody was told");
    let both = class.release(&[second, first]).await;
    assert_eq!(
        both.text("releaseGrades.submissions.0.id"),
        second,
        "in the order asked"
    );
    assert_eq!(test.notices().await.len(), 3);
    let again = class.release(&[first]).await;
    assert_eq!(
        again.user_errors("releaseGrades"),
        ["ILLEGAL_TRANSITION input.submissions.0"]
    );
    let twice = class.release(&[first, first]).await;
    assert_eq!(twice.at("releaseGrades.submissions"), &Value::Null);
    assert_eq!(test.violations().await, []);
}
