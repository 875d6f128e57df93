//! Enrolments: applying, waiting, being decided on, leaving.

use rumbo::domain::actor::{Role, Scope};
use rumbo::domain::id::InstitutionId;
use rumbo::store::Engine;
use serde_json::{Value, json};

use crate::support::app::{Client, TestApp, Who};
use crate::support::scene::{
    Plan, apply, as_seen, cancel, draft, edition_input, enrolling, replan, state, version, walk,
};

/// An open edition of so many seats that takes people.
async fn of_seats(coordinator: &Client<'_>, seats: i64) -> String {
    enrolling(coordinator, Plan::of_seats(seats)).await
}

#[tokio::test]
async fn an_open_edition_confirms_while_there_are_seats_and_then_queues() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let edition = of_seats(&coordinator, 2).await;
    let [ana, ben, cy, dan] = [
        test.person("Ana").await,
        test.person("Ben").await,
        test.person("Cy").await,
        test.person("Dan").await,
    ];
    let (first, state_of_first) = apply(&ana, &edition).await;
    assert_eq!(state_of_first, "CONFIRMED");
    assert_eq!(apply(&ben, &edition).await.1, "CONFIRMED");
    let (third, state_of_third) = apply(&cy, &edition).await;
    assert_eq!(state_of_third, "WAITLISTED");
    let (fourth, _) = apply(&dan, &edition).await;
    let seen = ana.run("SeeEdition", json!({ "id": edition })).await;
    assert_eq!(
        (seen.number("edition.seatsTaken"), seen.number("edition.seatsFree")),
        (2, 0)
    );
    assert_eq!(seen.text("edition.myEnrolment.id"), first);

    let input = json!({ "input": { "enrolmentId": first, "version": 1, "reason": "a new job" } });
    let left = ana.run("WithdrawEnrolment", input.clone()).await;
    assert_eq!(left.text("withdrawEnrolment.enrolment.state"), "WITHDRAWN");
    assert_eq!(state(&cy, &third).await, "CONFIRMED", "the next in line has the seat");
    assert_eq!(state(&dan, &fourth).await, "WAITLISTED");
    assert_eq!(
        ana.run("WithdrawEnrolment", input)
            .await
            .user_errors("withdrawEnrolment"),
        ["STALE_VERSION input.version"]
    );
    assert_eq!(
        test.notices().await,
        [
            "enrolment_confirmed ana@example.org",
            "enrolment_confirmed ben@example.org",
            "enrolment_confirmed cy@example.org",
            "enrolment_ended ana@example.org",
            "enrolment_waitlisted cy@example.org",
            "enrolment_waitlisted dan@example.org",
        ]
    );
    assert_eq!(test.violations().await, []);
}

#[tokio::test]
async fn more_seats_go_to_those_who_wait() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let edition = of_seats(&coordinator, 1).await;
    let mut enrolments = Vec::new();
    for name in ["Ana", "Ben", "Cy", "Dan"] {
        enrolments.push(apply(&test.person(name).await, &edition).await.0);
    }
    let plan = edition_input(Plan::of_seats(3));
    let input = json!({ "editionId": edition, "version": 3, "edition": plan });
    let updated = coordinator.run("UpdateEdition", json!({ "input": input })).await;
    assert_eq!(updated.number("updateEdition.edition.seatsTaken"), 3);
    let mut states = Vec::new();
    for enrolment in &enrolments {
        states.push(state(&coordinator, enrolment).await);
    }
    assert_eq!(states, ["CONFIRMED", "CONFIRMED", "CONFIRMED", "WAITLISTED"]);
    let plan = edition_input(Plan::of_seats(2));
    let input = json!({ "editionId": edition, "version": 4, "edition": plan });
    let refused = coordinator.run("UpdateEdition", json!({ "input": input })).await;
    assert_eq!(
        refused.user_errors("updateEdition"),
        ["OUT_OF_RANGE input.edition.capacity"]
    );
    drop(test.mails().await);
}

#[tokio::test]
async fn a_coordinator_decides_one_and_many_at_once() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let edition = enrolling(&coordinator, Plan::of_seats(2).by_approval()).await;
    let mut enrolments = Vec::new();
    for name in ["Ana", "Ben", "Cy"] {
        let (enrolment, state) = apply(&test.person(name).await, &edition).await;
        assert_eq!(state, "APPLIED");
        enrolments.push(enrolment);
    }
    let decide = async |enrolment: &str, version: i64, decision: &str, reason: Option<&str>| {
        let input = json!({ "enrolmentId": enrolment, "version": version, "decision": decision, "reason": reason });
        coordinator.run("DecideEnrolment", json!({ "input": input })).await
    };
    assert_eq!(
        decide(&enrolments[0], 1, "REVIEW", None)
            .await
            .text("decideEnrolment.enrolment.state"),
        "UNDER_REVIEW"
    );
    assert_eq!(
        decide(&enrolments[0], 1, "CONFIRM", None)
            .await
            .user_errors("decideEnrolment"),
        ["STALE_VERSION input.version"]
    );
    assert_eq!(
        decide(&enrolments[1], 1, "EXCLUDE", Some("no"))
            .await
            .user_errors("decideEnrolment"),
        ["ILLEGAL_TRANSITION input.enrolmentId"]
    );
    assert_eq!(
        decide(&enrolments[1], 1, "REJECT", None)
            .await
            .user_errors("decideEnrolment"),
        ["REASON_REQUIRED input.reason"]
    );

    let many = async |ids: &[String], decision: &str| {
        let list = as_seen(&coordinator, json!(ids)).await;
        let input = json!({ "editionId": edition, "enrolments": list, "decision": decision });
        coordinator.run("DecideEnrolments", json!({ "input": input })).await
    };
    let too_many = many(&enrolments, "CONFIRM").await;
    assert_eq!(
        too_many.user_errors("decideEnrolments"),
        ["EDITION_FULL input.enrolments.2"]
    );
    assert_eq!(state(&coordinator, &enrolments[1]).await, "APPLIED", "all or none");
    let two = many(&enrolments[..2], "CONFIRM").await;
    assert_eq!(two.at("decideEnrolments.enrolments").as_array().map(Vec::len), Some(2));
    assert_eq!(
        decide(&enrolments[2], 1, "CONFIRM", None)
            .await
            .user_errors("decideEnrolment"),
        ["EDITION_FULL input.enrolmentId"]
    );
    assert_eq!(
        decide(&enrolments[2], 1, "WAITLIST", None)
            .await
            .text("decideEnrolment.enrolment.state"),
        "WAITLISTED"
    );
    assert_eq!(
        decide(&enrolments[0], 3, "EXCLUDE", Some("never came"))
            .await
            .text("decideEnrolment.enrolment.state"),
        "EXCLUDED"
    );
    assert_eq!(
        state(&coordinator, &enrolments[2]).await,
        "CONFIRMED",
        "the freed seat passes on"
    );
    assert_eq!(
        many(&[], "CONFIRM").await.user_errors("decideEnrolments"),
        ["REQUIRED input.enrolments"]
    );
    // The row is named also where it is the only one, and where there is none.
    assert_eq!(
        many(&enrolments[..1], "CONFIRM").await.user_errors("decideEnrolments"),
        ["ILLEGAL_TRANSITION input.enrolments.0"]
    );
    let elsewhere = "enr_01h455vb4pex5vsknk084sn02q".to_owned();
    let unknown = many(&[enrolments[2].clone(), elsewhere], "WAITLIST").await;
    assert_eq!(unknown.refusal(), "NOT_FOUND");
    assert_eq!(
        unknown.json["errors"][0]["extensions"]["inputPath"],
        json!(["input", "enrolments", "1", "id"])
    );
    assert_eq!(test.violations().await, []);
    drop(test.mails().await);
}

#[tokio::test]
async fn whom_a_coordinator_lets_wait_waits_although_a_seat_is_free() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let plan = Plan::of_seats(5).by_approval();
    let edition = enrolling(&coordinator, plan).await;
    let (first, _) = apply(&test.person("Ana").await, &edition).await;
    let (second, _) = apply(&test.person("Ben").await, &edition).await;
    let decide = async |enrolment: &str, decision: &str| {
        let input = json!({ "enrolmentId": enrolment, "version": 1, "decision": decision, "reason": "so decided" });
        let answer = coordinator.run("DecideEnrolment", json!({ "input": input })).await;
        answer.text("decideEnrolment.enrolment.state")
    };
    assert_eq!(decide(&first, "WAITLIST").await, "WAITLISTED");
    assert_eq!(decide(&second, "REJECT").await, "REJECTED");
    assert_eq!(state(&coordinator, &first).await, "WAITLISTED");
    let third = test.person("Cy").await;
    let left = json!({ "enrolmentId": apply(&third, &edition).await.0, "version": 1 });
    let answer = third.run("WithdrawEnrolment", json!({ "input": left })).await;
    assert_eq!(answer.text("withdrawEnrolment.enrolment.state"), "CANCELLED");
    assert_eq!(
        state(&coordinator, &first).await,
        "WAITLISTED",
        "no seat was given back"
    );
    for (capacity, expected) in [(5, "WAITLISTED"), (4, "WAITLISTED"), (6, "CONFIRMED")] {
        let plan = Plan {
            capacity: Some(capacity),
            ..plan
        };
        assert_eq!(
            replanned(&coordinator, &edition, plan, &first).await,
            expected,
            "{capacity} seats"
        );
    }
    let own = apply(&coordinator, &edition).await.0;
    let input = json!({ "enrolmentId": own, "version": 1, "decision": "CONFIRM" });
    let refused = coordinator.run("DecideEnrolment", json!({ "input": input })).await;
    assert_eq!(refused.user_errors("decideEnrolment"), ["OWN_WORK input.enrolmentId"]);
    drop(test.mails().await);
}

/// Changes the plan of an edition, and returns the state of an enrolment after that.
async fn replanned(coordinator: &Client<'_>, edition: &str, plan: Plan, enrolment: &str) -> String {
    let answer = replan(coordinator, edition, edition_input(plan)).await;
    assert_eq!(answer.user_errors("updateEdition"), [""; 0]);
    state(coordinator, enrolment).await
}

#[tokio::test]
async fn an_edition_that_is_opened_lets_those_in_who_wait() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let plan = Plan::of_seats(5).by_approval();
    let edition = enrolling(&coordinator, plan).await;
    let (waits, _) = apply(&test.person("Ana").await, &edition).await;
    let input = json!({ "enrolmentId": waits, "version": 1, "decision": "WAITLIST", "reason": "so decided" });
    coordinator.run("DecideEnrolment", json!({ "input": input })).await;
    assert_eq!(replanned(&coordinator, &edition, plan, &waits).await, "WAITLISTED");
    let open = Plan { policy: "OPEN", ..plan };
    assert_eq!(replanned(&coordinator, &edition, open, &waits).await, "CONFIRMED");
    assert_eq!(test.violations().await, []);
}

#[tokio::test]
async fn a_course_that_has_begun_takes_nobody_in_because_it_has_more_room() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let edition = of_seats(&coordinator, 1).await;
    apply(&test.person("Ana").await, &edition).await;
    let (waits, _) = apply(&test.person("Ben").await, &edition).await;
    walk(&coordinator, &edition, &["ENROLMENT_CLOSED", "RUNNING"]).await;
    for capacity in [Some(3), None] {
        let plan = Plan { capacity, ..Plan::OPEN };
        assert_eq!(replanned(&coordinator, &edition, plan, &waits).await, "WAITLISTED");
    }
    assert_eq!(test.violations().await, []);
}

#[tokio::test]
async fn applications_are_taken_once_in_the_window_and_from_people_who_declared_themselves() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let draft_edition = draft(&coordinator, Plan::OPEN).await.text("createEdition.edition.id");
    walk(&coordinator, &draft_edition, &["ANNOUNCED"]).await;
    let ana = test.person("Ana").await;
    let attempt = async |variables: Value| {
        let answer = ana
            .again()
            .await
            .run("ApplyToEdition", json!({ "input": variables }))
            .await;
        answer.user_errors("applyToEdition")
    };
    assert_eq!(
        attempt(json!({ "editionId": draft_edition })).await,
        ["ENROLMENT_CLOSED input.editionId"]
    );
    walk(&coordinator, &draft_edition, &["ENROLLING"]).await;
    for (input, refusal) in [
        (json!({ "editionId": "edn_nonsense" }), "INVALID_ID input.editionId"),
        (
            json!({ "editionId": "tea_01h455vb4pex5vsknk084sn02q" }),
            "INVALID_ID input.editionId",
        ),
        (
            json!({ "editionId": draft_edition, "motivation": "a\u{0}" }),
            "FORBIDDEN_CHARACTER input.motivation",
        ),
        (
            json!({ "editionId": draft_edition, "motivation": "x".repeat(10_001) }),
            "TOO_LONG input.motivation",
        ),
    ] {
        assert_eq!(attempt(input).await, [refusal]);
    }
    assert_eq!(
        test.anonymous()
            .run("ApplyToEdition", json!({ "input": { "editionId": draft_edition } }))
            .await
            .refusal(),
        "UNAUTHENTICATED"
    );
    assert!(attempt(json!({ "editionId": draft_edition })).await.is_empty());
    assert_eq!(
        attempt(json!({ "editionId": draft_edition })).await,
        ["ALREADY_ENROLLED input.editionId"]
    );
    test.pass(
        "2026-04-02T03:00:00Z"
            .parse::<chrono::DateTime<chrono::Utc>>()
            .expect("an instant")
            - test.now(),
    );
    let late = test
        .person("Late")
        .await
        .run("ApplyToEdition", json!({ "input": { "editionId": draft_edition } }))
        .await;
    assert_eq!(late.user_errors("applyToEdition"), ["ENROLMENT_CLOSED input.editionId"]);
    drop(test.mails().await);
}

#[tokio::test]
async fn who_begins_and_who_is_cancelled_follows_the_edition() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let edition = of_seats(&coordinator, 1).await;
    let (ana, ben) = (test.person("Ana").await, test.person("Ben").await);
    let (first, _) = apply(&ana, &edition).await;
    let (second, _) = apply(&ben, &edition).await;
    walk(&coordinator, &edition, &["ENROLMENT_CLOSED", "RUNNING"]).await;
    assert_eq!(state(&ana, &first).await, "ACTIVE");
    let leave = json!({ "input": { "enrolmentId": first, "version": version(&ana, &first).await } });
    ana.run("WithdrawEnrolment", leave).await;
    assert_eq!(
        state(&ben, &second).await,
        "ACTIVE",
        "who takes a seat of a running edition takes part at once"
    );
    drop(test.mails().await);
    cancel(&coordinator, &edition, "No room").await;
    assert_eq!(state(&ben, &second).await, "EXCLUDED");
    assert_eq!(test.notices().await, ["edition_cancelled ben@example.org"]);
    assert_eq!(test.violations().await, []);
}

#[tokio::test]
async fn an_enrolment_exists_only_for_those_concerned() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let edition = enrolling(&coordinator, Plan::OPEN).await;
    let institution: InstitutionId = test.institution("INEFOP", "UY").await;
    let ana = test
        .somebody(Who {
            institution: Some(institution),
            ..Who::named("Ana")
        })
        .await;
    let (enrolment, _) = apply(&ana, &edition).await;
    let see = "query ($id: ID!) { enrolment(id: $id) { gender country motivation institution { name } person { fullName email gender } } }";
    let whole = ana.query(see, json!({ "id": enrolment })).await;
    assert_eq!(whole.text("enrolment.institution.name"), "INEFOP");
    assert_eq!(whole.text("enrolment.person.email"), "ana@example.org");
    let for_staff = coordinator.query(see, json!({ "id": enrolment })).await;
    assert_eq!(for_staff.json, whole.json);
    let other_scope = Scope::Edition(
        draft(&coordinator, Plan::OTHER)
            .await
            .text("createEdition.edition.id")
            .parse()
            .expect("an id"),
    );
    let elsewhere = test.holder("Eva", Role::Coordinator, other_scope).await;
    let tutor = test.holder("Tim", Role::Tutor, other_scope).await;
    for stranger in [
        &test.person("Saul").await,
        &elsewhere,
        &tutor,
        &test.anonymous(),
        &test.administrator().await,
    ] {
        assert_eq!(
            stranger.query(see, json!({ "id": enrolment })).await.at("enrolment"),
            &Value::Null
        );
        let list = stranger
            .run("EditionEnrolments", json!({ "editionId": edition, "first": 10 }))
            .await;
        assert_eq!(list.at("edition.enrolments.nodes"), &json!([]));
        for (operation, input) in [
            ("WithdrawEnrolment", json!({ "enrolmentId": enrolment, "version": 1 })),
            (
                "DecideEnrolment",
                json!({ "enrolmentId": enrolment, "version": 1, "decision": "CANCEL" }),
            ),
        ] {
            let refused = stranger.run(operation, json!({ "input": input })).await;
            let expected = if stranger.person.is_some() {
                "NOT_FOUND"
            } else {
                "UNAUTHENTICATED"
            };
            assert_eq!(refused.refusal(), expected, "{operation}");
        }
    }
    let own = ana
        .run(
            "DecideEnrolment",
            json!({ "input": { "enrolmentId": enrolment, "version": 1, "decision": "CONFIRM" } }),
        )
        .await;
    assert_eq!(own.refusal(), "FORBIDDEN");
    drop(test.mails().await);
}

#[tokio::test]
async fn a_page_of_enrolments_costs_a_bounded_number_of_statements() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let edition = enrolling(&coordinator, Plan::OPEN).await;
    let institution = test.institution("SENA", "CO").await;
    let names = ["A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L"];
    let cost = async |count: usize| {
        coordinator.warm_up().await;
        let before = test.app.db.statements();
        let page = coordinator
            .run("EditionEnrolments", json!({ "editionId": edition, "first": 50 }))
            .await;
        assert_eq!(
            page.at("edition.enrolments.nodes").as_array().map(Vec::len),
            Some(count)
        );
        test.app.db.statements() - before
    };
    for name in &names[..2] {
        apply(
            &test
                .somebody(Who {
                    institution: Some(institution),
                    ..Who::named(name)
                })
                .await,
            &edition,
        )
        .await;
    }
    let few = cost(2).await;
    for name in &names[2..] {
        apply(
            &test
                .somebody(Who {
                    institution: Some(institution),
                    ..Who::named(name)
                })
                .await,
            &edition,
        )
        .await;
    }
    assert_eq!(cost(12).await, few, "the number of rows does not matter");
    assert_eq!(
        few, 3,
        "the edition; its enrolments with people and institutions; the record of it"
    );
    drop(test.mails().await);
}

#[tokio::test]
async fn an_application_is_written_in_few_statements() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let edition = enrolling(&coordinator, Plan::OPEN).await;
    apply(&test.person("Ana").await, &edition).await;
    // The second of the same declaration finds the rows of the statistics there.
    let eva = test.person("Eva").await;
    eva.warm_up().await;
    let before = test.app.db.statements();
    assert_eq!(apply(&eva, &edition).await.1, "CONFIRMED");
    let most = match test.app.db.engine() {
        // The lock, the applicant, the sets of people, and all that is written in one.
        Engine::Postgres => 4,
        // Where no round trip is saved, every table is written by itself.
        Engine::Sqlite => 13,
    };
    let sent = test.app.db.statements() - before;
    assert!(sent <= most, "{sent} statements");
}
