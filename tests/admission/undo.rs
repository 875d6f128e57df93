//! A mistaken decision is taken back where nothing followed from it.

use serde_json::json;

use super::{applicants, approving, decide, decided, decisions, from, keep, scene, seats, steps, undo};
use crate::support::app::TestApp;
use crate::support::scene::{Plan, act, apply, edition_input, enrolling, faults, replan, state, version, walk};

#[tokio::test]
async fn what_was_decided_is_as_if_it_had_not_been_and_both_steps_stay() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let (edition, people) = scene(&test, &carla, 5, &["Ana"]).await;
    let (ana, enrolment) = &people[0];
    for (decision, stands, told) in [
        ("REVIEW", "UNDER_REVIEW", None),
        ("REJECT", "REJECTED", Some("enrolment_rejected")),
        ("CANCEL", "CANCELLED", Some("application_ended")),
        ("WAITLIST", "WAITLISTED", Some("enrolment_waitlisted")),
        ("CONFIRM", "CONFIRMED", Some("enrolment_confirmed")),
    ] {
        let before = decisions(&carla, enrolment).await;
        decided(&carla, enrolment, decision).await;
        assert_eq!(state(ana, enrolment).await, stands);
        let undone = undo(&carla, enrolment).await;
        assert_eq!(undone.user_errors("undoDecision"), [""; 0], "{decision}");
        assert_eq!(undone.text("undoDecision.enrolment.state"), "APPLIED");
        assert_eq!(
            undone.number("undoDecision.enrolment.version"),
            version(ana, enrolment).await
        );
        let word = stands.to_lowercase();
        let steps = steps(ana, enrolment).await;
        assert_eq!(
            steps[steps.len() - 2..],
            [
                json!(["applied", word, "So decided"]),
                json!([word, "applied", "The wrong row"])
            ]
        );
        assert_eq!(
            decisions(&carla, enrolment).await,
            before + 2,
            "the audit log keeps both"
        );
        // Once, and not at all where nobody was told of the decision.
        let mut mails: Vec<String> = told.iter().map(|name| format!("{name} ana@example.org")).collect();
        mails.extend(told.map(|_| "decision_undone ana@example.org".to_owned()));
        mails.sort();
        assert_eq!(test.notices().await, mails, "{decision}");
        assert_eq!(seats(&carla, &edition).await, json!([0, 0, 0]), "{decision}");
        test.fine().await;
    }
    // What was taken back is not taken back again; what stands before it was another's word, or nobody's.
    let refused = undo(&carla, enrolment).await;
    assert_eq!(
        refused.user_errors("undoDecision"),
        ["ILLEGAL_TRANSITION input.enrolmentId"]
    );
    decided(&carla, enrolment, "REVIEW").await;
    decided(&carla, enrolment, "REJECT").await;
    let undone = undo(&carla, enrolment).await;
    assert_eq!(undone.text("undoDecision.enrolment.state"), "UNDER_REVIEW");
    let refused = undo(&carla, enrolment).await;
    assert_eq!(refused.user_errors("undoDecision"), ["NOT_UNDOABLE input.enrolmentId"]);
    drop(test.mails().await);
}

#[tokio::test]
async fn the_message_says_where_one_stands_again() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let (_, people) = scene(&test, &carla, 1, &["Ana"]).await;
    decided(&carla, &people[0].1, "REJECT").await;
    undo(&carla, &people[0].1).await;
    let mails = test.mails().await;
    let told = mails
        .iter()
        .find(|mail| mail.notice == "decision_undone")
        .expect("a message");
    assert!(told.text.contains("The wrong row"), "{}", told.text);
    assert!(told.text.contains("is being looked at, as before"), "{}", told.text);
}

#[tokio::test]
async fn a_seat_that_was_a_mistake_passes_on() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let (edition, people) = scene(&test, &carla, 1, &["Ana", "Ben", "Cy"]).await;
    let of = |place: usize| people[place].1.as_str();
    decided(&carla, of(0), "CONFIRM").await;
    decided(&carla, of(1), "WAITLIST").await;
    drop(test.mails().await);
    undo(&carla, of(0)).await;
    assert_eq!(state(&carla, of(0)).await, "APPLIED");
    assert_eq!(
        state(&carla, of(1)).await,
        "CONFIRMED",
        "the next in line has it at once"
    );
    assert_eq!(
        test.notices().await,
        ["decision_undone ana@example.org", "enrolment_confirmed ben@example.org"]
    );
    assert_eq!(seats(&carla, &edition).await, json!([1, 0, 0]));
    // That he was next is nobody's decision.
    let refused = undo(&carla, of(1)).await;
    assert_eq!(refused.user_errors("undoDecision"), ["NOT_UNDOABLE input.enrolmentId"]);
    // Who waited beside a free seat waits beside it again.
    decided(&carla, of(1), "EXCLUDE").await;
    decided(&carla, of(2), "WAITLIST").await;
    decided(&carla, of(2), "CONFIRM").await;
    let back = undo(&carla, of(2)).await;
    assert_eq!(back.text("undoDecision.enrolment.state"), "WAITLISTED");
    assert_eq!(seats(&carla, &edition).await, json!([0, 0, 1]));
    test.fine().await;
    drop(test.mails().await);
}

#[tokio::test]
async fn who_was_excluded_by_mistake_has_a_seat_again_if_there_is_one() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let (edition, people) = scene(&test, &carla, 1, &["Ana", "Ben"]).await;
    let of = |place: usize| people[place].1.as_str();
    decided(&carla, of(0), "CONFIRM").await;
    decided(&carla, of(0), "EXCLUDE").await;
    let back = undo(&carla, of(0)).await;
    assert_eq!(back.text("undoDecision.enrolment.state"), "CONFIRMED");
    assert_eq!(seats(&carla, &edition).await, json!([1, 0, 0]));
    test.fine().await;
    decided(&carla, of(1), "WAITLIST").await;
    decided(&carla, of(0), "EXCLUDE").await;
    assert_eq!(state(&carla, of(1)).await, "CONFIRMED");
    drop(test.mails().await);
    let refused = undo(&carla, of(0)).await;
    assert_eq!(refused.user_errors("undoDecision"), ["EDITION_FULL input.enrolmentId"]);
    assert_eq!(state(&carla, of(0)).await, "EXCLUDED");
    assert_eq!(test.notices().await, [""; 0]);
    test.fine().await;
    // In a course that has begun they take part at once.
    let (dora, other) = (test.person("Dora").await, approving(3));
    let running = enrolling(&carla, Plan { code: "RUNS", ..other }).await;
    let enrolment = apply(&dora, &running).await.0;
    decided(&carla, &enrolment, "CONFIRM").await;
    decided(&carla, &enrolment, "EXCLUDE").await;
    walk(&carla, &running, &["ENROLMENT_CLOSED", "RUNNING"]).await;
    let back = undo(&carla, &enrolment).await;
    assert_eq!(back.text("undoDecision.enrolment.state"), "ACTIVE");
    test.fine().await;
    drop(test.mails().await);
}

#[tokio::test]
async fn what_followed_stands_in_the_way() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let (edition, people) = scene(&test, &carla, 5, &["Ana", "Ben", "Cy", "Dora"]).await;
    let of = |place: usize| people[place].1.as_str();
    // They applied again.
    decided(&carla, of(0), "REJECT").await;
    apply(&people[0].0, &edition).await;
    let refused = undo(&carla, of(0)).await;
    assert_eq!(
        refused.user_errors("undoDecision"),
        ["ALREADY_ENROLLED input.enrolmentId"]
    );
    // A rank was given to who waits.
    decided(&carla, of(1), "WAITLIST").await;
    let input = json!({ "enrolmentId": of(1), "version": version(&carla, of(1)).await, "rank": 1 });
    act(&carla, "RankWaiting", input)
        .await
        .number("rankWaiting.enrolment.waitingRank");
    let refused = undo(&carla, of(1)).await;
    assert_eq!(refused.user_errors("undoDecision"), ["NOT_UNDOABLE input.enrolmentId"]);
    // They left by themselves.
    decided(&carla, of(2), "CONFIRM").await;
    let input = json!({ "enrolmentId": of(2), "version": version(&carla, of(2)).await });
    act(&people[2].0, "WithdrawEnrolment", input)
        .await
        .text("withdrawEnrolment.enrolment.id");
    let refused = undo(&carla, of(2)).await;
    assert_eq!(
        refused.user_errors("undoDecision"),
        ["ILLEGAL_TRANSITION input.enrolmentId"]
    );
    // They were put into a team.
    walk(&carla, &edition, &["ENROLMENT_CLOSED", "RUNNING"]).await;
    decided(&carla, of(3), "CONFIRM").await;
    assert_eq!(state(&carla, of(3)).await, "ACTIVE");
    let team = json!({ "editionId": edition, "name": "Ceibo", "enrolmentIds": [of(3)] });
    act(&carla, "CreateTeam", team).await.text("createTeam.team.id");
    let before = json!([seats(&carla, &edition).await, version(&carla, of(3)).await]);
    let refused = undo(&carla, of(3)).await;
    assert_eq!(refused.user_errors("undoDecision"), ["NOT_UNDOABLE input.enrolmentId"]);
    assert_eq!(
        json!([seats(&carla, &edition).await, version(&carla, of(3)).await]),
        before
    );
    // The course is over for who would come in.
    walk(&carla, &edition, &["GRADING"]).await;
    let refused = undo(&carla, of(0)).await;
    assert_eq!(
        refused.user_errors("undoDecision"),
        ["ILLEGAL_TRANSITION input.enrolmentId"]
    );
    test.fine().await;
    drop(test.mails().await);
}

#[tokio::test]
async fn who_took_part_for_a_moment_did_not() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let (edition, people) = scene(&test, &carla, 2, &["Ana"]).await;
    let enrolment = people[0].1.as_str();
    walk(&carla, &edition, &["ENROLMENT_CLOSED", "RUNNING"]).await;
    decided(&carla, enrolment, "CONFIRM").await;
    assert_eq!(state(&carla, enrolment).await, "ACTIVE");
    let back = undo(&carla, enrolment).await;
    assert_eq!(back.text("undoDecision.enrolment.state"), "APPLIED");
    assert_eq!(seats(&carla, &edition).await, json!([0, 0, 0]));
    test.fine().await;
    drop(test.mails().await);
}

#[tokio::test]
async fn work_that_was_begun_stands_in_the_way() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let (edition, people) = scene(&test, &carla, 2, &["Ana"]).await;
    let (ana, enrolment) = &people[0];
    walk(&carla, &edition, &["ENROLMENT_CLOSED", "RUNNING"]).await;
    decided(&carla, enrolment, "CONFIRM").await;
    let mut task = crate::support::scene::roadmap_input(&edition);
    task["kind"] = json!("INDIVIDUAL_TASK");
    let task = act(&carla, "CreateDeliverable", task)
        .await
        .text("createDeliverable.deliverable.id");
    let draft = json!({ "deliverableId": task, "title": "Mine", "body": "What I learnt" });
    act(ana, "SaveDraft", draft).await.text("saveDraft.submission.id");
    let refused = undo(&carla, enrolment).await;
    assert_eq!(refused.user_errors("undoDecision"), ["NOT_UNDOABLE input.enrolmentId"]);
    drop(test.mails().await);
}

#[tokio::test]
async fn an_offer_that_was_confirmed_for_somebody_is_made_anew() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let seats_of_one = Plan::of_seats(1);
    let edition = enrolling(&carla, seats_of_one).await;
    let mut input = edition_input(seats_of_one);
    input["offerHours"] = json!(24);
    replan(&carla, &edition, input).await.text("updateEdition.edition.id");
    let people = applicants(&test, &edition, &["Ana", "Bea"]).await;
    let leave = json!({ "enrolmentId": people[0].1, "version": version(&carla, &people[0].1).await });
    act(&people[0].0, "WithdrawEnrolment", leave)
        .await
        .text("withdrawEnrolment.enrolment.id");
    assert_eq!(
        seats(&carla, &edition).await,
        json!([0, 1, 0]),
        "the seat is offered to Bea"
    );
    decided(&carla, &people[1].1, "CONFIRM").await;
    assert_eq!(seats(&carla, &edition).await, json!([1, 0, 0]));
    drop(test.mails().await);
    let back = undo(&carla, &people[1].1).await;
    assert_eq!(back.text("undoDecision.enrolment.state"), "WAITLISTED");
    assert_eq!(seats(&carla, &edition).await, json!([0, 1, 0]));
    assert_eq!(
        test.notices().await,
        ["decision_undone bea@example.org", "seat_offered bea@example.org"]
    );
    // The answer shows the enrolment as it is after the offer.
    assert_eq!(
        back.number("undoDecision.enrolment.version"),
        version(&carla, &people[1].1).await
    );
    test.fine().await;
}

#[tokio::test]
async fn a_seat_of_a_pool_goes_back_to_it_and_is_not_had_again_by_the_next_one() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, approving(3)).await;
    let pool = keep(&carla, &edition, "BR", 1).await;
    let davi = from(&test, "Davi", "BR").await;
    let enrolment = apply(&davi, &edition).await.0;
    decided(&carla, &enrolment, "CONFIRM").await;
    let taken = async || {
        let seen = carla.run("SeeSeats", json!({ "id": edition })).await;
        json!([seen.at("edition.seats.taken"), seen.at("edition.seats.pools.0.taken")])
    };
    assert_eq!(taken().await, json!([1, 1]));
    undo(&carla, &enrolment).await;
    assert_eq!(taken().await, json!([0, 0]));
    test.fine().await;
    // Once the pool is for everybody, the seat that he gets is a general one.
    let release = test.now() + chrono::TimeDelta::hours(1);
    let input = json!({ "seatPoolId": pool, "version": 1, "seats": 1, "releasesAt": release });
    act(&carla, "ChangeSeatPool", input)
        .await
        .text("changeSeatPool.seatPool.id");
    test.pass(chrono::TimeDelta::hours(2));
    drop(test.mails().await);
    let carla = carla.again().await;
    decided(&carla, &enrolment, "CONFIRM").await;
    let seen = carla.run("SeeSeats", json!({ "id": edition })).await;
    assert_eq!(
        json!([seen.at("edition.seats.taken"), seen.at("edition.seats.pools.0.taken")]),
        json!([1, 0])
    );
    test.fine().await;
    drop(test.mails().await);
}

#[tokio::test]
async fn it_is_refused_like_any_decision() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let (edition, people) = scene(&test, &carla, 5, &["Ana"]).await;
    let (ana, enrolment) = &people[0];
    let other = enrolling(&carla, Plan::OTHER).await;
    let elsewhere = test.coordinator_of("Eva", &other).await;
    decided(&carla, enrolment, "REJECT").await;
    let seen = version(&carla, enrolment).await;
    let input = json!({ "enrolmentId": enrolment, "version": seen, "reason": "So" });
    for (who, refusal) in [
        (&test.anonymous(), "UNAUTHENTICATED"),
        (&test.person("Saul").await, "NOT_FOUND"),
        (&elsewhere, "NOT_FOUND"),
        (&test.administrator().await, "NOT_FOUND"),
        (ana, "FORBIDDEN"),
    ] {
        let refused = act(who, "UndoDecision", input.clone()).await;
        assert_eq!(refused.refusal(), refusal);
    }
    for (version, reason, expected) in [
        (seen - 1, "So", "STALE_VERSION input.version"),
        (seen, " ", "REQUIRED input.reason"),
    ] {
        let input = json!({ "enrolmentId": enrolment, "version": version, "reason": reason });
        let refused = faults(&carla, "UndoDecision", input).await;
        assert_eq!(refused, [expected]);
    }
    let malformed = json!({ "enrolmentId": edition, "version": seen, "reason": "So" });
    let refused = faults(&carla, "UndoDecision", malformed).await;
    assert_eq!(refused, ["INVALID_ID input.enrolmentId"]);
    // Nobody decides on their own, nor takes it back.
    let own = apply(&carla, &edition).await.0;
    let second = test.coordinator_of("Cora", &edition).await;
    decided(&second, &own, "REJECT").await;
    let refused = undo(&carla, &own).await;
    assert_eq!(refused.user_errors("undoDecision"), ["OWN_WORK input.enrolmentId"]);
    assert_eq!(undo(&second, &own).await.user_errors("undoDecision"), [""; 0]);
    // Whether one may is said before.
    let may = async |who: &crate::support::app::Client<'_>| {
        let asked = json!({ "action": "UNDO_DECISION", "on": enrolment });
        who.run("MayI", asked).await.at("viewer.can").clone()
    };
    assert_eq!(may(&carla).await, json!({ "allowed": true, "reasonRequired": true }));
    assert_eq!(may(&elsewhere).await["allowed"], json!(false));
    undo(&carla, enrolment).await;
    assert_eq!(may(&carla).await["allowed"], json!(false));
    assert_eq!(
        decide(&carla, enrolment, "CONFIRM")
            .await
            .user_errors("decideEnrolment"),
        [""; 0]
    );
    drop(test.mails().await);
}
