//! An enrolment goes on in another edition.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{NO_SUCH_STEP, approving, decided, decisions, from, keep, scene, seats, steps, transfer};
use crate::support::app::{Client, TestApp};
use crate::support::scene::{Class, Plan, act, apply, draft, enrolling, faults, nominate, state, version, walk};

/// Both ends as the reader sees them: where the first one leads to, and where the second one comes from.
async fn ends(reader: &Client<'_>, left: &str, new: &str) -> [Value; 2] {
    let of = async |id: &str, field: &str| {
        let seen = reader.run("SeeEnrolment", json!({ "id": id })).await;
        seen.at("enrolment").get(field).cloned().unwrap_or_default()
    };
    [of(left, "transferredTo").await, of(new, "transferredFrom").await]
}

#[tokio::test]
async fn it_ends_here_and_begins_there_and_nothing_is_lost_between() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let seats_of_one = Plan::of_seats(1);
    let here = enrolling(&carla, seats_of_one).await;
    let there = enrolling(
        &carla,
        Plan {
            capacity: Some(2),
            ..Plan::OTHER
        },
    )
    .await;
    let (ana, ben) = (test.person("Ana").await, test.person("Ben").await);
    let input = json!({ "editionId": here, "motivation": "To learn" });
    let left = act(&ana, "ApplyToEdition", input)
        .await
        .text("applyToEdition.enrolment.id");
    let institution = test.institution("INEFOP", "UY").await;
    nominate(&test, &left, institution.0).await;
    let waits = apply(&ben, &here).await.0;
    drop(test.mails().await);

    let answer = transfer(&carla, &left, &there).await;
    assert_eq!(answer.user_errors("transferEnrolment"), [""; 0]);
    let new = answer.text("transferEnrolment.enrolment.id");
    assert_eq!(answer.text("transferEnrolment.enrolment.state"), "CONFIRMED");
    assert_eq!(answer.text("transferEnrolment.enrolment.edition.id"), there);
    assert_eq!(answer.text("transferEnrolment.enrolment.transferredFrom"), left);
    assert_eq!(state(&ana, &left).await, "EXCLUDED");
    assert_eq!(state(&ben, &waits).await, "CONFIRMED", "the seat passes on");
    assert_eq!(seats(&carla, &here).await, json!([1, 0, 0]));
    assert_eq!(seats(&carla, &there).await, json!([1, 0, 0]));
    test.fine().await;
    // Once, in her language, about both.
    let mut mails = test.mails().await;
    mails.sort_by(|one, other| one.notice.cmp(&other.notice));
    let told: Vec<String> = mails
        .iter()
        .map(|mail| format!("{} {}", mail.notice, mail.to))
        .collect();
    assert_eq!(
        told,
        [
            "enrolment_confirmed ben@example.org",
            "enrolment_transferred ana@example.org"
        ]
    );
    for said in [
        "DEMO-2026",
        "OTHER-2026",
        "The dates suit better",
        "You have a place in it",
    ] {
        assert!(mails[1].text.contains(said), "{said}: {}", mails[1].text);
    }
    // The history and the audit log of both.
    let why = "The dates suit better";
    assert_eq!(
        steps(&ana, &left).await,
        [
            json!([null, "applied", null]),
            json!(["applied", "confirmed", null]),
            json!(["confirmed", "excluded", why])
        ]
    );
    assert_eq!(
        steps(&ana, &new).await,
        [json!([null, "applied", why]), json!(["applied", "confirmed", why])]
    );
    assert_eq!((decisions(&carla, &left).await, decisions(&carla, &new).await), (1, 1));
    // What she wrote and who nominated her go along; each end leads to the other.
    let seen = carla.run("SeeEnrolment", json!({ "id": new })).await;
    assert_eq!(seen.text("enrolment.motivation"), "To learn");
    assert_eq!(seen.text("enrolment.nominatedBy.name"), "INEFOP");
    for reader in [&carla, &ana] {
        assert_eq!(ends(reader, &left, &new).await, [json!(new), json!(left)]);
    }
    // Who sees the one end alone is not told of the other.
    let cora = test.coordinator_of("Cora", &here).await;
    assert_eq!(ends(&cora, &left, &new).await, [Value::Null, Value::Null]);
    // It is not a decision that could be undone.
    for enrolment in [&left, &new] {
        let refused = super::undo(&carla, enrolment).await;
        assert_eq!(refused.user_errors("undoDecision"), ["NOT_UNDOABLE input.enrolmentId"]);
    }
    // And it is over here.
    let refused = transfer(&carla, &left, &there).await;
    assert_eq!(
        refused.user_errors("transferEnrolment"),
        ["ILLEGAL_TRANSITION input.enrolmentId"]
    );
}

#[tokio::test]
async fn who_had_no_seat_stands_there_as_somebody_who_applies() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let (_, people) = scene(&test, &carla, 1, &["Ana", "Ben", "Cy", "Dora"]).await;
    let of = |place: usize| people[place].1.as_str();
    let deciding = enrolling(
        &carla,
        Plan {
            code: "DECIDES",
            ..approving(9)
        },
    )
    .await;
    let open = enrolling(
        &carla,
        Plan {
            capacity: Some(1),
            ..Plan::OTHER
        },
    )
    .await;
    decided(&carla, of(1), "REVIEW").await;
    decided(&carla, of(2), "WAITLIST").await;
    for (place, to, expected) in [
        (0, &deciding, "APPLIED"),
        (1, &deciding, "APPLIED"),
        (2, &deciding, "WAITLISTED"),
        (3, &open, "CONFIRMED"),
    ] {
        let answer = transfer(&carla, of(place), to).await;
        assert_eq!(answer.text("transferEnrolment.enrolment.state"), expected, "{place}");
        assert_eq!(state(&carla, of(place)).await, "CANCELLED");
    }
    // Nobody overtakes those who wait there.
    let (waits, _) = apply(&test.person("Eva").await, &open).await;
    assert_eq!(state(&carla, &waits).await, "WAITLISTED");
    let unlimited = enrolling(
        &carla,
        Plan {
            code: "AGAIN",
            ..Plan::OPEN
        },
    )
    .await;
    let (again, _) = apply(&people[0].0, &unlimited).await;
    let answer = transfer(&carla, &again, &open).await;
    assert_eq!(
        answer.user_errors("transferEnrolment"),
        ["EDITION_FULL input.editionId"]
    );
    test.fine().await;
    drop(test.mails().await);
}

#[tokio::test]
async fn a_seat_there_is_one_that_the_person_may_take() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let here = enrolling(&carla, Plan::OPEN).await;
    let there = enrolling(
        &carla,
        Plan {
            capacity: Some(2),
            ..Plan::OTHER
        },
    )
    .await;
    keep(&carla, &there, "BR", 2).await;
    let (ana, davi) = (test.person("Ana").await, from(&test, "Davi", "BR").await);
    let (of_ana, of_davi) = (apply(&ana, &here).await.0, apply(&davi, &here).await.0);
    let refused = transfer(&carla, &of_ana, &there).await;
    assert_eq!(
        refused.user_errors("transferEnrolment"),
        ["EDITION_FULL input.editionId"]
    );
    assert_eq!(state(&carla, &of_ana).await, "CONFIRMED", "nothing was done");
    transfer(&carla, &of_davi, &there)
        .await
        .text("transferEnrolment.enrolment.id");
    let seen = carla.run("SeeSeats", json!({ "id": there })).await;
    assert_eq!(seen.number("edition.seats.pools.0.taken"), 1);
    test.fine().await;
    // Into a course that has begun: they take part at once.
    let running = enrolling(
        &carla,
        Plan {
            code: "RUNS",
            ..Plan::OPEN
        },
    )
    .await;
    walk(&carla, &running, &["ENROLMENT_CLOSED", "RUNNING"]).await;
    let answer = transfer(&carla, &of_ana, &running).await;
    assert_eq!(answer.text("transferEnrolment.enrolment.state"), "ACTIVE");
    test.fine().await;
    drop(test.mails().await);
}

#[tokio::test]
async fn it_is_for_who_coordinates_both_and_between_editions_that_take_people() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let here = enrolling(&carla, Plan::OPEN).await;
    let there = enrolling(&carla, Plan::OTHER).await;
    let (ana, saul) = (test.person("Ana").await, test.person("Saul").await);
    let left = apply(&ana, &here).await.0;
    let (cora, eva) = (
        test.coordinator_of("Cora", &here).await,
        test.coordinator_of("Eva", &there).await,
    );
    let input = |edition: &str| json!({ "enrolmentId": left, "version": 1, "editionId": edition, "reason": "So" });
    for (who, refusal) in [
        (&test.anonymous(), "UNAUTHENTICATED"),
        (&saul, "NOT_FOUND"),
        (&eva, "NOT_FOUND"),
        (&test.administrator().await, "NOT_FOUND"),
        (&ana, "FORBIDDEN"),
        (&cora, "FORBIDDEN"),
    ] {
        let refused = act(who, "TransferEnrolment", input(&there)).await;
        assert_eq!(refused.refusal(), refusal, "{:?}", who.email);
    }
    // An edition that is still a draft is not there for who does not coordinate it.
    let unpublished = draft(
        &carla,
        Plan {
            code: "DRAFT",
            ..Plan::OPEN
        },
    )
    .await
    .text("createEdition.edition.id");
    for edition in [unpublished.as_str(), "edn_01h455vb4pex5vsknk084sn02q"] {
        let refused = act(&cora, "TransferEnrolment", input(edition)).await;
        assert_eq!(refused.refusal(), "NOT_FOUND");
        assert_eq!(
            refused.json["errors"][0]["extensions"]["inputPath"],
            json!(["input", "editionId"])
        );
    }
    let announced = draft(
        &carla,
        Plan {
            code: "SOON",
            ..Plan::OPEN
        },
    )
    .await
    .text("createEdition.edition.id");
    walk(&carla, &announced, &["ANNOUNCED"]).await;
    let refused = |edition: &str, version: i64, reason: &str| {
        json!({
            "enrolmentId": left, "version": version, "editionId": edition, "reason": reason,
        })
    };
    for (input, expected) in [
        (refused(&unpublished, 1, "So"), "ILLEGAL_TRANSITION input.editionId"),
        (refused(&announced, 1, "So"), "ILLEGAL_TRANSITION input.editionId"),
        (refused(&here, 1, "So"), "ALREADY_ENROLLED input.editionId"),
        (refused(&there, 2, "So"), "STALE_VERSION input.version"),
        (refused(&there, 1, ""), "REQUIRED input.reason"),
        (refused(&left, 1, "So"), "INVALID_ID input.editionId"),
    ] {
        let refused = faults(&carla, "TransferEnrolment", input).await;
        assert_eq!(refused, [expected]);
    }
    apply(&ana, &there).await;
    let refused = faults(&carla, "TransferEnrolment", input(&there)).await;
    assert_eq!(refused, ["ALREADY_ENROLLED input.editionId"]);
    let own = apply(&carla, &here).await.0;
    let refused = transfer(&carla, &own, &there).await;
    assert_eq!(refused.user_errors("transferEnrolment"), ["OWN_WORK input.enrolmentId"]);
    let asked = json!({ "action": "TRANSFER_ENROLMENT", "on": left });
    let may = carla.run("MayI", asked.clone()).await;
    assert_eq!(
        may.at("viewer.can"),
        &json!({ "allowed": true, "reasonRequired": true })
    );
    let may = ana.run("MayI", asked).await;
    assert_eq!(may.at("viewer.can.allowed"), &json!(false));
    assert_eq!(state(&carla, &left).await, "CONFIRMED");
    test.fine().await;
    drop(test.mails().await);
}

#[tokio::test]
async fn nobody_goes_on_from_an_edition_that_is_over() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana"]).await;
    let (carla, enrolment) = (&class.coordinator, &class.enrolments[0]);
    let there = enrolling(carla, Plan::OTHER).await;
    walk(carla, &class.edition, &["GRADING"]).await;
    for to in ["CLOSED", "ARCHIVED"] {
        walk(carla, &class.edition, &[to]).await;
        let refused = transfer(carla, enrolment, &there).await;
        assert_eq!(
            refused.user_errors("transferEnrolment"),
            ["ILLEGAL_TRANSITION input.enrolmentId"],
            "{to}"
        );
        assert_eq!(refused.text("transferEnrolment.userErrors.0.message"), NO_SUCH_STEP);
    }
    assert_eq!(state(carla, enrolment).await, "ACTIVE");
    test.fine().await;
    drop(test.mails().await);
}

/// People go both ways between two full editions at once, while others leave: locks are taken in one order, and every
/// instant's ledgers are right.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn people_cross_between_two_editions() {
    let test = Arc::new(TestApp::new().await);
    let carla = test.coordinator().await;
    let plan = |code| Plan {
        code,
        ..Plan::of_seats(9)
    };
    let sides = [
        enrolling(&carla, plan("LEFT")).await,
        enrolling(&carla, plan("RIGHT")).await,
    ];
    let mut crossing = Vec::new();
    for (place, name) in ["A", "B", "C", "D", "E", "F", "G", "H"].into_iter().enumerate() {
        let person = test.person(name).await;
        let enrolment = apply(&person, &sides[place % 2]).await.0;
        crossing.push((enrolment, sides[(place + 1) % 2].clone()));
    }
    let mut tasks = Vec::new();
    for (mut enrolment, mut to) in crossing {
        let (test, token) = (test.clone(), carla.token().map(str::to_owned));
        let sides = sides.clone();
        tasks.push(tokio::spawn(async move {
            let client = test.bearer(token);
            for _ in 0..4 {
                let answer = transfer(&client, &enrolment, &to).await;
                assert_eq!(answer.user_errors("transferEnrolment"), [""; 0]);
                enrolment = answer.text("transferEnrolment.enrolment.id");
                let from = to.clone();
                to = sides
                    .iter()
                    .find(|side| **side != from)
                    .expect("the other side")
                    .clone();
            }
            enrolment
        }));
    }
    for task in tasks {
        let enrolment = task.await.expect("a task that ends");
        assert_eq!(state(&carla, &enrolment).await, "CONFIRMED");
        assert_eq!(version(&carla, &enrolment).await, 1);
    }
    for side in &sides {
        assert_eq!(seats(&carla, side).await, json!([4, 0, 0]));
    }
    test.fine().await;
    drop(test.mails().await);
}
