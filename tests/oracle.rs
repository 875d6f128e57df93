//! Attacks: what somebody may not read, asked for by ways around. Filters, orders, cursors, counts, refusals and
//! roles that are over must not tell it either.

use chrono::TimeDelta;
use rumbo::domain::actor::{Role, Scope};
use rumbo::store::submission;
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use crate::support::app::{Answer, Client, TestApp};
use crate::support::scene::{Class, Plan, act, as_seen, done, enrolling, faults, id_of, nominate, scores, version};

const LIST: &str = "query ($edition: ID!, $states: [SubmissionState!]) {
  edition(id: $edition) { submissions(first: 10, states: $states) { nodes { id state version history { to } } pageInfo { endCursor } } }
}";

/// What a list of an edition's submissions in these states holds: identifier and state.
async fn listed(viewer: &Client<'_>, edition: &str, states: &[&str]) -> Vec<(String, String)> {
    let states = (!states.is_empty()).then_some(states);
    let answer = viewer
        .query(LIST, json!({ "edition": edition, "states": states }))
        .await;
    let nodes = answer
        .at("edition.submissions.nodes")
        .as_array()
        .expect("a list")
        .clone();
    let text = |node: &Value, key: &str| node[key].as_str().expect("a text").to_owned();
    nodes
        .iter()
        .map(|node| (text(node, "id"), text(node, "state")))
        .collect()
}

fn edition_of(class: &Class<'_>) -> Scope {
    Scope::Edition(class.edition.parse().expect("an edition"))
}

/// A class whose first team handed in and was graded; nothing is released.
async fn graded(test: &TestApp) -> (Class<'_>, String) {
    let class = Class::of(test, &["Ana", "Ben", "Cy"]).await;
    let submission = class.hand_in(&class.people[0], "In eighteen months.").await;
    class.grade(&class.tutor, &submission, scores(2, 2)).await;
    (class, submission)
}

#[tokio::test]
async fn a_filter_by_state_tells_authors_nothing_of_their_assessment() {
    let test = TestApp::new().await;
    let (class, submission) = graded(&test).await;
    let ana = &class.people[0];
    test.role_of(ana, Role::Coordinator, edition_of(&class)).await;
    let nothing: Vec<(String, String)> = Vec::new();
    assert_eq!(listed(ana, &class.edition, &["ASSESSED"]).await, nothing);
    let in_review = vec![(submission.clone(), "IN_REVIEW".to_owned())];
    assert_eq!(listed(ana, &class.edition, &["IN_REVIEW"]).await, in_review);
    assert_eq!(listed(ana, &class.edition, &[]).await, in_review);
    for states in [&["DRAFT"][..], &["SUBMITTED"], &["RELEASED", "FINAL"]] {
        assert_eq!(listed(ana, &class.edition, states).await, nothing, "{states:?}");
    }
    let assessed = vec![(submission, "ASSESSED".to_owned())];
    assert_eq!(
        listed(&class.coordinator, &class.edition, &["ASSESSED"]).await,
        assessed
    );
    assert_eq!(
        listed(&class.coordinator, &class.edition, &["IN_REVIEW"]).await,
        nothing
    );
    // Others may not ask so at all.
    let refused = class.people[1]
        .query(LIST, json!({ "edition": class.edition, "states": ["ASSESSED"] }))
        .await;
    assert_eq!(refused.refusal(), "FORBIDDEN");
}

#[tokio::test]
async fn an_author_who_coordinates_learns_nothing_by_trying() {
    let test = TestApp::new().await;
    let (class, submission) = graded(&test).await;
    let ana = &class.people[0];
    test.role_of(ana, Role::Coordinator, edition_of(&class)).await;
    let hidden = class.version(&submission).await;
    for version in [1, hidden, hidden + 1] {
        for (operation, payload, input) in [
            (
                "StartReview",
                "startReview",
                json!({ "submissionId": submission, "version": version }),
            ),
            (
                "RequestRevision",
                "requestRevision",
                json!({ "submissionId": submission, "version": version, "comment": "More" }),
            ),
            (
                "GradeSubmission",
                "gradeSubmission",
                json!({ "submissionId": submission, "version": version, "scores": scores(2, 2) }),
            ),
        ] {
            let answer = act(ana, operation, input).await;
            assert_eq!(
                answer.user_errors(payload),
                ["OWN_WORK input.submissionId"],
                "{operation}"
            );
        }
        let input = json!({ "submissionId": submission, "version": version });
        let answer = faults(ana, "SubmitWork", input).await;
        assert_eq!(answer, ["ILLEGAL_TRANSITION input"]);
    }
    for (operation, payload, input, place) in [
        (
            "ReleaseGrades",
            "releaseGrades",
            json!({ "submissions": [{ "id": submission, "version": 1 }] }),
            "submissions.0",
        ),
        (
            "FinalizeGrades",
            "finalizeGrades",
            json!({ "submissions": [{ "id": submission, "version": 1 }] }),
            "submissions.0",
        ),
        (
            "OverrideGrade",
            "overrideGrade",
            json!({ "submissionId": submission, "version": 1, "value": "100", "reason": "Mine" }),
            "submissionId",
        ),
        (
            "ReopenReview",
            "reopenReview",
            json!({ "submissionId": submission, "version": 1, "reason": "Mine" }),
            "submissionId",
        ),
    ] {
        let answer = act(ana, operation, input).await;
        assert_eq!(
            answer.user_errors(payload),
            [format!("OWN_WORK input.{place}")],
            "{operation}"
        );
    }
    let seen = ana.run("MySubmission", json!({ "id": submission })).await;
    assert_eq!(seen.text("submission.state"), "IN_REVIEW");
    assert_eq!(seen.at("submission.version"), &Value::Null);
    assert_eq!(seen.at("submission.grade"), &Value::Null);
    assert!(
        !seen.body.contains("Convincing") && !seen.body.contains("assessed"),
        "{}",
        seen.body
    );
}

#[tokio::test]
async fn who_left_a_team_does_not_grade_what_they_wrote_in_it() {
    let test = TestApp::new().await;
    let (class, submission) = graded(&test).await;
    let ana = &class.people[0];
    let seen = class.coordinator.run("SeeTeam", json!({ "id": class.team })).await;
    let input = json!({
        "teamId": class.team, "version": seen.number("team.version"), "removeEnrolmentIds": [class.enrolments[0]],
    });
    done(&class.coordinator, "UpdateTeam", input).await;
    class.allocate(&class.team, ana).await;
    let version = class.version(&submission).await;
    let input = json!({ "submissionId": submission, "version": version, "scores": scores(2, 2) });
    let graded = faults(ana, "GradeSubmission", input).await;
    assert_eq!(graded, ["OWN_WORK input.submissionId"]);
    let seen = ana.run("MySubmission", json!({ "id": submission })).await;
    assert_eq!(seen.text("submission.state"), "IN_REVIEW");
    assert!(!seen.body.contains("Convincing"), "{}", seen.body);
    let queue = ana
        .run("ReviewQueue", json!({ "states": ["ASSESSED"], "first": 10 }))
        .await;
    assert_eq!(queue.at("reviewQueue.nodes"), &json!([]));
}

#[tokio::test]
async fn a_tutor_whose_role_ran_out_is_tutor_elsewhere_only() {
    let test = TestApp::new().await;
    let (class, submission) = graded(&test).await;
    let until = test.now() + TimeDelta::days(1);
    let tim = test.person("Tim").await;
    let input = json!({ "personId": id_of(&tim), "role": "TUTOR", "scopeId": class.edition, "until": until });
    done(&class.coordinator, "GrantRole", input).await;
    class.allocate(&class.team, &tim).await;
    let version = class.version(&submission).await;
    let before = tim.run("AllocatedTeams", json!({ "first": 10 })).await;
    assert_eq!(before.at("allocatedTeams.nodes").as_array().map(Vec::len), Some(1));
    let elsewhere = enrolling(
        &class.coordinator,
        Plan {
            code: "B-2026",
            ..Plan::OPEN
        },
    )
    .await;
    test.role_of(
        &tim,
        Role::Tutor,
        Scope::Edition(elsewhere.parse().expect("an edition")),
    )
    .await;

    test.pass(TimeDelta::days(2));
    let tim = tim.again().await;
    let after = tim.run("AllocatedTeams", json!({ "first": 10 })).await;
    assert_eq!(after.at("allocatedTeams.nodes"), &json!([]));
    let queue = tim
        .run(
            "ReviewQueue",
            json!({ "states": ["ASSESSED", "SUBMITTED"], "first": 10 }),
        )
        .await;
    assert_eq!(queue.at("reviewQueue.nodes"), &json!([]));
    for (operation, id, field) in [
        ("SeeTeam", &class.team, "team"),
        ("ReadVersions", &submission, "submission"),
        ("SeeEnrolment", &class.enrolments[0], "enrolment"),
        ("Node", &id_of(&class.people[0]), "node"),
        ("SeeDeliverable", &class.roadmap, "deliverable"),
    ] {
        let seen = tim.run(operation, json!({ "id": id })).await;
        assert_eq!(seen.at(field), &Value::Null, "{operation}");
    }
    let input = json!({ "submissionId": submission, "version": version, "scores": scores(2, 2) });
    assert_eq!(act(&tim, "GradeSubmission", input).await.refusal(), "NOT_FOUND");
    let figures = "query ($filter: StatisticsFilter) { statistics(filter: $filter) { total { enrolments } } }";
    let counted = tim
        .query(figures, json!({ "filter": { "editions": [class.edition] } }))
        .await;
    assert!(["NOT_FOUND", "FORBIDDEN"].contains(&counted.refusal()));

    // The job that passes time ends the charge; a new term as tutor begins without it.
    drop(test.mails().await);
    let coordinator = class.coordinator.again().await;
    let seen = coordinator.run("SeeTeam", json!({ "id": class.team })).await;
    let tutors = seen.at("team.tutors").as_array().expect("a list").clone();
    assert!(
        tutors.iter().all(|tutor| tutor["person"]["id"] != id_of(&tim).as_str()),
        "{tutors:?}"
    );
    let input = json!({ "personId": id_of(&tim), "role": "TUTOR", "scopeId": class.edition });
    done(&coordinator, "GrantRole", input).await;
    let again = tim.run("AllocatedTeams", json!({ "first": 10 })).await;
    assert_eq!(again.at("allocatedTeams.nodes"), &json!([]));
}

#[tokio::test]
async fn a_focal_point_reads_the_same_outcome_by_every_path_while_the_nomination_stands() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben", "Cy"]).await;
    let institution = test.institution("INEFOP", "UY").await;
    nominate(&test, &class.enrolments[0], institution.0).await;
    nominate(&test, &class.enrolments[1], institution.0).await;
    let flor = test
        .holder("Flor", Role::FocalPoint, Scope::Institution(institution))
        .await;
    done(
        &class.coordinator,
        "DecideCompletion",
        json!({ "enrolments": as_seen(&class.coordinator, json!([class.enrolments[0]])).await }),
    )
    .await;
    let both = "query ($id: ID!) {
        enrolment(id: $id) { grade completion { ...C } }
        completion(enrolmentId: $id) { ...C }
        node(id: $id) { ... on Enrolment { grade completion { ...C } } }
    } fragment C on Completion { outcome grade evidence { deliverable grade } }";
    let seen = flor.query(both, json!({ "id": class.enrolments[0] })).await;
    assert_eq!(seen.text("completion.outcome"), "NOT_COMPLETED");
    assert_eq!(seen.at("completion"), seen.at("enrolment.completion"));
    assert_eq!(seen.at("enrolment"), seen.at("node"));
    let refused = act(
        &flor,
        "DecideCompletion",
        json!({ "enrolments": as_seen(&class.coordinator, json!([class.enrolments[0]])).await }),
    )
    .await;
    assert_eq!(refused.refusal(), "FORBIDDEN");

    // Ben withdraws, and the nomination with him; Cy was never nominated.
    let ben = &class.people[1];
    let whole = "query ($id: ID!, $person: ID!, $edition: ID!) {
        enrolment(id: $id) { id } completion(enrolmentId: $id) { id } node(id: $person) { id }
        edition(id: $edition) { enrolments(first: 10) { nodes { id person { fullName email } } } }
    }";
    let ids = json!({ "id": class.enrolments[1], "person": id_of(ben), "edition": class.edition });
    assert!(flor.query(whole, ids.clone()).await.body.contains("ben@example.org"));
    let input = json!({ "enrolmentId": class.enrolments[1], "version": version(ben, &class.enrolments[1]).await });
    done(ben, "WithdrawEnrolment", input).await;
    let after = flor.query(whole, ids).await;
    assert_eq!(
        [after.at("enrolment"), after.at("completion"), after.at("node")],
        [&Value::Null; 3]
    );
    assert!(after.body.contains("ana@example.org") && !after.body.contains("ben@example.org"));
    assert!(!after.body.contains("cy@example.org"), "{}", after.body);
}

#[tokio::test]
async fn a_role_at_or_above_ones_own_is_not_granted_and_nobody_is_drawn_in_unseen() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let administrator = test.administrator().await;
    let saul = test.person("Saul").await;
    let grant = async |by: &Client<'_>, role: &str, scope: Value, person: &str| {
        let input = json!({ "personId": person, "role": role, "scopeId": scope });
        let answer = act(by, "GrantRole", input).await;
        match answer.json.get("errors") {
            Some(_) => answer.refusal().to_owned(),
            None => answer.user_errors("grantRole").join(","),
        }
    };
    let own_role = grant(&administrator, "ADMINISTRATOR", Value::Null, &id_of(&saul)).await;
    assert_eq!(own_role, "ROLE_NOT_GRANTABLE input.role");
    let inside = test.holder("Cora", Role::Coordinator, edition_of(&class)).await;
    assert_eq!(
        grant(&inside, "COORDINATOR", json!(class.edition), &id_of(&saul)).await,
        "FORBIDDEN"
    );
    // A coordinator of one edition cannot come to see somebody by making them tutor.
    let absent = rumbo::domain::id::PersonId(uuid::Uuid::from_u128(5)).to_string();
    for unseen in [&id_of(&saul), &absent] {
        assert_eq!(grant(&inside, "TUTOR", json!(class.edition), unseen).await, "NOT_FOUND");
        let input = json!({ "teamIds": [class.team], "personId": unseen });
        assert_eq!(act(&inside, "AllocateTutor", input).await.refusal(), "NOT_FOUND");
    }
    let granted = grant(&inside, "TUTOR", json!(class.edition), &id_of(&class.people[1])).await;
    assert_eq!(granted, "");
    let by_address = async |by: &Client<'_>, email: &str| {
        let input = json!({ "email": email, "role": "TUTOR", "scopeId": class.edition });
        act(by, "GrantRole", input).await
    };
    // Nor does an address tell her who has an account, however often she asks.
    let known = by_address(&inside, &saul.email).await;
    let unknown = by_address(&inside, "nobody@example.org").await;
    assert_eq!(known.refusal(), "NOT_FOUND");
    let said = |answer: &Answer| {
        let mut error = answer.json["errors"][0].clone();
        error["extensions"]["requestId"] = json!("each its own");
        error
    };
    assert_eq!(said(&known), said(&unknown));
    let granted = by_address(&administrator, &saul.email).await;
    assert_eq!(granted.user_errors("grantRole"), [""; 0]);
    let input = json!({ "teamIds": [class.team], "personId": id_of(&saul) });
    done(&inside, "AllocateTutor", input).await;
}

#[tokio::test]
async fn a_cursor_carries_nothing_that_the_row_does_not_show() {
    let test = TestApp::new().await;
    let (class, submission) = graded(&test).await;
    let id = submission.parse::<rumbo::domain::id::SubmissionId>().expect("an id");
    let row = submission::Entity::find_by_id(id)
        .one(test.app.db.read())
        .await
        .expect("a read")
        .expect("a row");
    let ana = &class.people[0];
    let answer = ana
        .query(LIST, json!({ "edition": class.edition, "states": null }))
        .await;
    let cursor = answer.text("edition.submissions.pageInfo.endCursor");
    let decoded = data_encoding::BASE64URL_NOPAD
        .decode(cursor.as_bytes())
        .expect("base 64");
    let place = String::from_utf8(decoded).expect("a text");
    let instant = format!("{}i{}", id.0.simple(), row.created_at.timestamp_micros());
    assert_eq!(
        place, instant,
        "the identifier and the instant at which the work was begun, as its history has it"
    );
}

#[tokio::test]
async fn a_tutor_takes_no_released_grade_back() {
    let test = TestApp::new().await;
    let (class, submission) = graded(&test).await;
    class.release(&[&submission]).await;
    for operation in ["StartReview", "RequestRevision", "GradeSubmission"] {
        let mut input = json!({ "submissionId": submission, "version": class.version(&submission).await });
        match operation {
            "RequestRevision" => input["comment"] = json!("More"),
            "GradeSubmission" => input["scores"] = scores(0, 0),
            _ => {}
        }
        let refused = faults(&class.tutor, operation, input).await;
        assert_eq!(refused, ["ILLEGAL_TRANSITION input"], "{operation}");
    }
    let seen = class.people[0].run("MySubmission", json!({ "id": submission })).await;
    assert_eq!(seen.text("submission.state"), "RELEASED");
}

#[tokio::test]
async fn can_tells_no_more_than_the_operation() {
    let test = TestApp::new().await;
    let (class, submission) = graded(&test).await;
    let other = Class::with(
        &test,
        class.coordinator.clone(),
        Plan {
            code: "B-2026",
            ..Plan::OPEN
        },
        "Tom",
        &["Otto"],
    )
    .await;
    let hidden = other.hand_in(&other.people[0], "Elsewhere.").await;
    let absent = rumbo::domain::id::SubmissionId(uuid::Uuid::from_u128(5)).to_string();
    let checks = json!([
        { "action": "GRADE_SUBMISSION", "on": submission },
        { "action": "RELEASE_GRADES", "on": submission },
        { "action": "GRADE_SUBMISSION", "on": hidden },
        { "action": "GRADE_SUBMISSION", "on": absent },
        { "action": "GRADE_SUBMISSION", "on": class.team },
        { "action": "GRADE_SUBMISSION", "on": null },
        { "action": "UPDATE_TEAM", "on": class.team },
    ]);
    let ask = async |viewer: &Client<'_>| {
        let answer = viewer.run("MayIEach", json!({ "checks": checks })).await;
        let rows = answer.at("viewer.canEach").as_array().expect("a list").clone();
        rows.iter().map(|row| row["allowed"] == true).collect::<Vec<_>>()
    };
    assert_eq!(
        ask(&class.tutor).await,
        [true, false, false, false, false, false, false]
    );
    assert_eq!(
        ask(&class.coordinator).await,
        [true, true, true, false, false, false, true]
    );
    assert_eq!(ask(&class.people[0]).await, [false; 7]);
    class.release(&[&submission]).await;
    let reopen = class
        .coordinator
        .run("MayI", json!({ "action": "REOPEN_REVIEW", "on": submission }))
        .await;
    assert_eq!(
        reopen.at("viewer.can"),
        &json!({ "allowed": true, "reasonRequired": true })
    );
    let many = vec![json!({ "action": "CREATE_COURSE" }); 101];
    let refused = class.tutor.run("MayIEach", json!({ "checks": many })).await;
    assert_eq!(refused.refusal(), "TOO_LONG");
    let nonsense = class
        .tutor
        .run("MayI", json!({ "action": "CREATE_COURSE", "on": "nonsense" }))
        .await;
    assert_eq!(nonsense.refusal(), "INVALID_ID");
    let nobody = test
        .anonymous()
        .run("MayI", json!({ "action": "CREATE_COURSE", "on": null }))
        .await;
    assert_eq!(nobody.at("viewer"), &Value::Null);
}
