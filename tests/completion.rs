//! Outcomes of enrolments: decided under the rule of the edition, with the evidence kept.

use rumbo::domain::actor::Role;
use serde_json::{Value, json};

use crate::support::app::{Client, TestApp};
use crate::support::scene::{
    Class, Plan, act, apply, as_seen, at, enrolling, faults, roadmap_input, scores, state, version, walk,
};

const NO_ENROLMENT: &str = "enr_01h455vb4pex5vsknk084sn02q";

#[tokio::test]
async fn the_outcome_comes_with_its_reasons() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben", "Cy"]).await;
    let project = {
        let mut input = roadmap_input(&class.edition);
        input["kind"] = json!("PROJECT");
        input["title"] = json!("Project");
        input["weight"] = json!(1);
        input["dueAt"] = json!("2026-06-02T23:59:00-03:00");
        let made = act(&class.coordinator, "CreateDeliverable", input).await;
        made.text("createDeliverable.deliverable.id")
    };
    let roadmap = class.hand_in(&class.people[0], "Our roadmap").await;
    let draft = json!({ "deliverableId": project, "title": "Our project", "body": "A register" });
    let draft = act(&class.people[1], "SaveDraft", draft).await;
    let project = draft.text("saveDraft.submission.id");
    act(
        &class.people[1],
        "SubmitWork",
        json!({ "submissionId": project, "version": 1 }),
    )
    .await;
    class.grade(&class.tutor, &roadmap, scores(2, 2)).await;
    class.grade(&class.tutor, &project, scores(0, 1)).await;
    class
        .release(&[&roadmap, &project])
        .await
        .text("releaseGrades.submissions.1.id");
    drop(test.mails().await);

    let both = json!([class.enrolments[0], class.enrolments[2]]);
    let ids = json!({ "enrolments": as_seen(&class.coordinator, both).await });
    let decided = act(&class.coordinator, "DecideCompletion", ids.clone()).await;
    assert_eq!(decided.text("decideCompletion.completions.0.outcome"), "COMPLETED");
    assert_eq!(decided.text("decideCompletion.completions.1.outcome"), "NOT_COMPLETED");
    let mine = class.people[0]
        .run("MyCompletion", json!({ "enrolmentId": class.enrolments[0] }))
        .await;
    assert_eq!(mine.text("completion.grade"), "75", "two parts of 100 and one of 25");
    assert_eq!(mine.text("completion.passMark"), "60");
    assert_eq!(
        mine.at("completion.evidence"),
        &json!([
            { "deliverable": "Roadmap", "weight": 2, "grade": "100" },
            { "deliverable": "Project", "weight": 1, "grade": "25" },
        ])
    );
    let without = class.people[2]
        .run("MyCompletion", json!({ "enrolmentId": class.enrolments[2] }))
        .await;
    assert_eq!(without.text("completion.grade"), "0");
    assert_eq!(without.at("completion.evidence.0.grade"), &Value::Null);
    let mut mails: Vec<_> = test
        .mails()
        .await
        .into_iter()
        .map(|mail| (mail.to, mail.subject))
        .collect();
    mails.sort();
    let course = "Digital training";
    assert_eq!(
        mails,
        [
            (
                "ana@example.org".to_owned(),
                format!("You completed the course: {course}")
            ),
            ("cy@example.org".to_owned(), format!("Your final result: {course}")),
        ]
    );
    let own = class.people[0].run("MyEnrolments", json!({ "first": 5 })).await;
    assert_eq!(own.text("myEnrolments.nodes.0.state"), "COMPLETED");
    assert_eq!(own.text("myEnrolments.nodes.0.grade"), "75");
    let seen = class
        .coordinator
        .run("SeeEdition", json!({ "id": class.edition }))
        .await;
    assert_eq!(seen.number("edition.seatsTaken"), 1, "who is done holds no seat");
    let filter = json!({ "by": ["STATUS"], "filter": { "editions": [class.edition] } });
    let figures = class.coordinator.run("Statistics", filter).await;
    assert_eq!(figures.number("statistics.total.completed"), 1);
    assert_eq!(figures.number("statistics.total.enrolments"), 3);
    let again = faults(&class.coordinator, "DecideCompletion", ids).await;
    assert_eq!(
        again,
        [
            "ILLEGAL_TRANSITION input.enrolments.0",
            "ILLEGAL_TRANSITION input.enrolments.1"
        ]
    );
    // What was decided keeps its evidence, whatever happens to the grade.
    let version = class.version(&roadmap).await;
    let change = json!({ "submissionId": roadmap, "version": version, "value": "10", "reason": "A mistake" });
    act(&class.coordinator, "OverrideGrade", change)
        .await
        .text("overrideGrade.submission.id");
    let kept = class.people[0]
        .run("MyCompletion", json!({ "enrolmentId": class.enrolments[0] }))
        .await;
    assert_eq!(kept.json, mine.json);
    assert_eq!(test.violations().await, []);
    drop(test.mails().await);
}

#[tokio::test]
async fn a_late_completion_needs_a_reason_and_an_earlier_outcome() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let late = async |enrolment: &str, reason: &str| {
        let version = version(&class.coordinator, enrolment).await;
        let input = json!({ "enrolmentId": enrolment, "version": version, "reason": reason });
        act(&class.coordinator, "DecideCompletionLate", input).await
    };
    let [first, second] = [&class.enrolments[0], &class.enrolments[1]];
    let early = late(first, "She was ill").await;
    assert_eq!(
        early.user_errors("decideCompletionLate"),
        ["ILLEGAL_TRANSITION input.enrolmentId"]
    );
    act(
        &class.coordinator,
        "DecideCompletion",
        json!({ "enrolments": as_seen(&class.coordinator, json!([first])).await }),
    )
    .await;
    assert_eq!(
        late(first, " ").await.user_errors("decideCompletionLate"),
        ["REQUIRED input.reason"]
    );
    let too_long = late(first, &"x".repeat(1001)).await;
    assert_eq!(too_long.user_errors("decideCompletionLate"), ["TOO_LONG input.reason"]);
    let done = late(first, "She was ill").await;
    assert_eq!(done.text("decideCompletionLate.completion.outcome"), "COMPLETED");
    assert_eq!(state(&class.people[0], first).await, "COMPLETED");
    let history = class.people[0].run("MyEnrolments", json!({ "first": 5 })).await;
    let steps = history
        .at("myEnrolments.nodes.0.history")
        .as_array()
        .expect("steps")
        .clone();
    let words: Vec<_> = steps.iter().map(|step| step["to"].as_str().expect("a state")).collect();
    assert_eq!(words, ["applied", "confirmed", "active", "not_completed", "completed"]);
    let twice = late(first, "Again").await;
    assert_eq!(
        twice.user_errors("decideCompletionLate"),
        ["ILLEGAL_TRANSITION input.enrolmentId"]
    );
    walk(&class.coordinator, &class.edition, &["GRADING"]).await;
    act(
        &class.coordinator,
        "DecideCompletion",
        json!({ "enrolments": as_seen(&class.coordinator, json!([second])).await }),
    )
    .await;
    walk(&class.coordinator, &class.edition, &["CLOSED"]).await;
    let over = late(second, "She was ill, too").await;
    assert_eq!(
        over.user_errors("decideCompletionLate"),
        ["ILLEGAL_TRANSITION input.enrolmentId"]
    );
    assert_eq!(test.violations().await, []);
    drop(test.mails().await);
}

#[tokio::test]
async fn outcomes_are_decided_all_or_none_by_who_coordinates() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben", "Cy"]).await;
    let other = enrolling(&class.coordinator, Plan::OTHER).await;
    let (waiting, _) = apply(&class.people[0], &other).await;
    let decide = async |ids: Value| {
        let input = json!({ "enrolments": as_seen(&class.coordinator, ids).await });
        let answer = act(&class.coordinator, "DecideCompletion", input).await;
        answer.user_errors("decideCompletion")
    };
    let [ana, ben] = [&class.enrolments[0], &class.enrolments[1]];
    assert_eq!(decide(json!([])).await, ["REQUIRED input.enrolments"]);
    assert_eq!(
        decide(json!([ana, waiting])).await,
        ["ILLEGAL_TRANSITION input.enrolments.1"]
    );
    assert_eq!(decide(json!([ana, ana])).await, ["REPEATED input.enrolments.1"]);
    assert_eq!(
        decide(json!([ana, class.team])).await,
        ["INVALID_ID input.enrolments.1.id"]
    );
    let elsewhere = at(&other);
    let elsewhere = test.holder("Eva", Role::Coordinator, elsewhere).await;
    let stranger = test.person("Zoe").await;
    for (actor, expected) in [
        (test.anonymous(), "UNAUTHENTICATED"),
        (stranger, "NOT_FOUND"),
        (elsewhere, "NOT_FOUND"),
        (class.people[2].clone(), "NOT_FOUND"),
        (class.people[0].clone(), "FORBIDDEN"),
        (class.tutor.clone(), "FORBIDDEN"),
    ] {
        let ids = json!({ "enrolments": as_seen(&class.coordinator, json!([ana])).await });
        assert_eq!(
            act(&actor, "DecideCompletion", ids).await.refusal(),
            expected,
            "{}",
            actor.email
        );
        let late = json!({ "enrolmentId": ana, "version": 1, "reason": "Please" });
        assert_eq!(act(&actor, "DecideCompletionLate", late).await.refusal(), expected);
    }
    let unknown = act(
        &class.coordinator,
        "DecideCompletion",
        json!({ "enrolments": as_seen(&class.coordinator, json!([ben, NO_ENROLMENT])).await }),
    )
    .await;
    assert_eq!(unknown.refusal(), "NOT_FOUND");
    for enrolment in [ana, ben] {
        assert_eq!(
            state(&class.coordinator, enrolment).await,
            "ACTIVE",
            "nothing was decided"
        );
    }
    assert_eq!(decide(json!([ben, ana])).await, [""; 0]);
    let read = async |reader: &crate::support::app::Client<'_>| {
        let answer = reader.run("MyCompletion", json!({ "enrolmentId": ana })).await;
        !answer.at("completion").is_null()
    };
    assert!(read(&class.people[0]).await && read(&class.tutor).await && read(&class.coordinator).await);
    assert!(
        !read(&class.people[1]).await,
        "a team mate's outcome is not mine to read"
    );
    assert!(!read(&test.anonymous()).await);
    drop(test.mails().await);
}

#[tokio::test]
async fn once_an_edition_is_over_nobody_leaves_it() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let carla = &class.coordinator;
    let enrolment = &class.enrolments[0];
    let may = async |client: &Client<'_>, action: &str, on: &str| {
        let answer = client.run("MayI", json!({ "action": action, "on": on })).await;
        answer.at("viewer.can.allowed").as_bool().expect("an answer")
    };
    let attempts = async || {
        let seen = version(carla, enrolment).await;
        let mut one = json!({ "enrolmentId": enrolment, "version": seen, "reason": "Too late" });
        let own = act(&class.people[0], "WithdrawEnrolment", one.clone()).await;
        let by_staff = act(carla, "WithdrawEnrolment", one.clone()).await;
        one["decision"] = json!("EXCLUDE");
        let decided = act(carla, "DecideEnrolment", one).await;
        let all = json!({
            "editionId": class.edition, "enrolments": as_seen(carla, json!([enrolment])).await, "decision": "EXCLUDE",
            "reason": "Too late",
        });
        let all = act(carla, "DecideEnrolments", all).await;
        [
            own.user_errors("withdrawEnrolment"),
            by_staff.user_errors("withdrawEnrolment"),
            decided.user_errors("decideEnrolment"),
            all.user_errors("decideEnrolments"),
        ]
        .concat()
    };
    let abilities = async || {
        [
            may(&class.people[0], "WITHDRAW_ENROLMENT", enrolment).await,
            may(carla, "WITHDRAW_ENROLMENT", enrolment).await,
            may(carla, "DECIDE_ENROLMENT", enrolment).await,
            may(carla, "DECIDE_ENROLMENTS", &class.edition).await,
        ]
    };
    walk(carla, &class.edition, &["GRADING"]).await;
    assert_eq!(abilities().await, [true; 4]);
    for to in ["CLOSED", "ARCHIVED"] {
        walk(carla, &class.edition, &[to]).await;
        assert_eq!(
            attempts().await,
            [
                "ILLEGAL_TRANSITION input.enrolmentId",
                "ILLEGAL_TRANSITION input.enrolmentId",
                "ILLEGAL_TRANSITION input.enrolmentId",
                "ILLEGAL_TRANSITION input.editionId",
            ],
            "{to}"
        );
        assert_eq!(abilities().await, [false; 4], "{to}");
        assert_eq!(state(carla, enrolment).await, "ACTIVE");
    }
    assert_eq!(test.violations().await, []);
    drop(test.mails().await);
}
