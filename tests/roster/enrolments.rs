//! Rows of enrolments: seats, those who wait, applications, repetitions, and what breaks off.

use std::fmt::Write;

use rumbo::domain::list::Mode;
use rumbo::error::Error;
use rumbo::service::roster::{Order, run};
use serde_json::json;

use super::{accounts, actor, bring, counts, order, report, told};
use crate::support::app::TestApp;
use crate::support::scene::{Plan, apply, done, draft, enrolling, version, walk, withdraw};

const FILE: &str = "email,firstname,lastname,country\n\
    a@example.org,Ana,Paz,UY\n\
    b@example.org,Beto,Gil,BR\n\
    c@example.org,Caro,Ríos,\n";

const TWO_SEATS: Plan = Plan::of_seats(2);

#[tokio::test]
async fn who_finds_no_seat_waits_in_the_order_of_the_file_and_is_told() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, TWO_SEATS).await;
    let rows = ["2 created confirmed", "3 created confirmed", "4 created waitlisted"];
    let tried = Order {
        dry_run: true,
        ..order()
    };
    assert_eq!(told(&report(&test, &carla, FILE, &tried).await), rows);
    assert_eq!(accounts(&test).await, 1, "nothing was stored by a dry run");
    for mode in [Mode::RowByRow, Mode::AllOrNothing] {
        let done = report(&test, &carla, FILE, &Order { mode, ..order() }).await;
        let again = if mode == Mode::RowByRow {
            rows.map(ToOwned::to_owned).to_vec()
        } else {
            (2..5).map(|line| format!("{line} unchanged -")).collect()
        };
        assert_eq!(told(&done), again);
    }
    assert_eq!(
        test.notices().await,
        [
            "enrolment_confirmed a@example.org",
            "enrolment_confirmed b@example.org",
            "enrolment_waitlisted c@example.org"
        ]
    );
    let seen = carla.run("SeeEdition", json!({ "id": edition })).await;
    assert_eq!(seen.number("edition.seatsTaken"), 2);
    test.fine().await;

    // A seat passes on to who waits, as always.
    let list = carla
        .query(
            "query ($id: ID!) { edition(id: $id) { enrolments(first: 9) { nodes { id version person { email } state } } } }",
            json!({ "id": edition }),
        )
        .await;
    let first = list.text("edition.enrolments.nodes.0.id");
    let input = json!({ "enrolmentId": first, "version": 1, "reason": "asked for" });
    done(&carla, "WithdrawEnrolment", input).await;
    assert_eq!(
        test.notices().await,
        ["enrolment_confirmed c@example.org", "enrolment_ended a@example.org"]
    );
    // The same file brings nobody back, and another row of them is refused.
    assert_eq!(counts(&report(&test, &carla, FILE, &order()).await), [0, 0, 3, 0]);
    let changed = report(&test, &carla, &FILE.replace("Ana,Paz,UY", "Ana,Paz,AR"), &order()).await;
    assert_eq!(told(&changed)[0], "2 refused - LEFT_BEFORE@email");
    test.fine().await;
}

#[tokio::test]
async fn an_application_is_decided_on_and_who_waits_goes_on_waiting() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let plan = Plan::of_seats(1).by_approval();
    let edition = enrolling(&carla, plan).await;
    let (ana, ben) = (test.person("Ana").await, test.person("Ben").await);
    assert_eq!(apply(&ana, &edition).await.1, "APPLIED");
    assert_eq!(apply(&ben, &edition).await.1, "APPLIED");
    drop(test.mails().await);
    // They are people whom the coordinator sees: their names may be left out.
    let file = "email\nana@example.org\nben@example.org\ncaro@example.org\n";
    let done = report(&test, &carla, file, &order()).await;
    assert_eq!(
        told(&done),
        [
            "2 updated confirmed",
            "3 updated waitlisted",
            "4 refused - REQUIRED@firstname REQUIRED@lastname"
        ]
    );
    assert_eq!(
        test.notices().await,
        [
            "enrolment_confirmed ana@example.org",
            "enrolment_waitlisted ben@example.org"
        ]
    );
    let other = file.replace("email\n", "email,country\n").replace(".org", ".org,BR");
    let again = report(&test, &carla, &other, &order()).await;
    assert_eq!(told(&again)[..2], ["2 unchanged -", "3 unchanged -"]);
    test.fine().await;
}

#[tokio::test]
async fn what_breaks_off_is_finished_by_the_same_file() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    enrolling(&carla, Plan::of_seats(300)).await;
    let mut file = String::from("email,firstname,lastname\n");
    for number in 0..450 {
        writeln!(file, "p{number}@example.org,Ana,Paz").expect("memory");
    }
    let (app, actor, bytes) = (test.app.clone(), actor(&test, &carla).await, file.clone());
    let broken = tokio::spawn(async move {
        let stop = |done: usize, _: usize| assert!(done < 200, "it breaks off");
        Box::pin(run(&app, &actor, bytes.as_bytes(), &order(), stop)).await
    });
    assert!(broken.await.is_err());
    assert_eq!(accounts(&test).await, 201);
    let done = report(&test, &carla, &file, &order()).await;
    assert_eq!(counts(&done), [250, 0, 200, 0]);
    assert_eq!(accounts(&test).await, 451);
    assert_eq!(test.notices().await.len(), 450);
    test.fine().await;

    // All or nothing leaves nothing behind that broke off.
    let more = file.replace("@example.org", "@more.example.org");
    let (app, actor, bytes) = (test.app.clone(), self::actor(&test, &carla).await, more.clone());
    let broken = tokio::spawn(async move {
        let whole = Order {
            mode: Mode::AllOrNothing,
            ..order()
        };
        let stop = |done: usize, _: usize| assert!(done < 200, "it breaks off");
        Box::pin(run(&app, &actor, bytes.as_bytes(), &whole, stop)).await
    });
    assert!(broken.await.is_err());
    assert_eq!(accounts(&test).await, 451);
    test.fine().await;
}

#[tokio::test]
async fn a_file_in_several_editions_is_held_to_those_that_one_coordinates() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let one = enrolling(&carla, Plan::OPEN).await;
    enrolling(&carla, Plan::OTHER).await;
    draft(
        &carla,
        Plan {
            code: "SECRET-2026",
            ..Plan::OPEN
        },
    )
    .await;
    let dora = test.coordinator_of("Dora", &one).await;
    let file = "email,firstname,lastname,course1,course2,course3\n\
        a@example.org,Ana,Paz,DEMO-2026,OTHER-2026,SECRET-2026\n\
        b@example.org,Beto,Gil,DEMO-2026,,NOWHERE\n\
        dora@example.org,,,DEMO-2026,,\n";
    let free = Order {
        edition: None,
        ..order()
    };
    let done = report(&test, &dora, file, &free).await;
    assert_eq!(
        told(&done),
        [
            "2 created confirmed",
            "2 refused - NOT_COORDINATED@course2",
            "2 refused - NOT_COORDINATED@course3",
            "3 created confirmed",
            "3 refused - NOT_COORDINATED@course3",
            "4 refused - OWN_WORK@email"
        ]
    );
    let all = Order {
        mode: Mode::AllOrNothing,
        ..free.clone()
    };
    let refused = report(&test, &dora, &file.replace('@', "@b."), &all).await;
    assert!(!refused.carried_out);
    let everywhere = report(
        &test,
        &carla,
        &file.replace("SECRET-2026", "").replace("NOWHERE", ""),
        &all,
    )
    .await;
    assert_eq!(counts(&everywhere), [2, 0, 2, 0]);
    assert!(everywhere.carried_out);

    let elsewhere = Order {
        edition: Some(rumbo::domain::text::ShortCode::parse("OTHER-2026").expect("a code")),
        ..order()
    };
    let answer = bring(&test, &dora, "email\n", &elsewhere).await;
    assert!(matches!(answer, Err(Error::Forbidden)), "{answer:?}");
    for code in ["SECRET-2026", "NOWHERE"] {
        let unseen = Order {
            edition: Some(rumbo::domain::text::ShortCode::parse(code).expect("a code")),
            ..order()
        };
        let answer = bring(&test, &dora, "email\n", &unseen).await;
        assert!(matches!(answer, Err(Error::NotFound("edition"))), "{code}: {answer:?}");
    }
    for client in [test.person("Ana").await, test.administrator().await] {
        let answer = bring(&test, &client, "email,course1\n", &free).await;
        assert!(matches!(answer, Err(Error::Forbidden)), "{answer:?}");
    }
    test.fine().await;
}

#[tokio::test]
async fn an_edition_that_takes_no_applications_takes_no_file_but_knows_what_it_took() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN).await;
    let first = FILE.lines().take(2).collect::<Vec<_>>().join("\n");
    assert_eq!(counts(&report(&test, &carla, &first, &order()).await), [1, 0, 0, 0]);
    walk(&carla, &edition, &["ENROLMENT_CLOSED"]).await;
    let late = report(&test, &carla, FILE, &order()).await;
    assert_eq!(
        told(&late),
        [
            "2 unchanged -",
            "3 refused - ENROLMENT_CLOSED@edition",
            "4 refused - ENROLMENT_CLOSED@edition"
        ]
    );
    assert_eq!(accounts(&test).await, 2);
}

#[tokio::test]
async fn each_entry_is_written_down_with_the_file_it_came_from() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let ada = test.administrator().await;
    let edition = enrolling(&carla, Plan::OPEN).await;
    report(&test, &carla, FILE, &order()).await;
    let filter = json!({ "first": 50, "filter": { "actions": ["import_enrolments"] } });
    let entries = ada.run("AuditEntries", filter).await;
    let nodes = entries.at("auditEntries.nodes").as_array().expect("a list").clone();
    assert_eq!(nodes.len(), 6, "three accounts, three enrolments");
    let reason = nodes[0]["reason"].as_str().expect("a reason").to_owned();
    assert!(reason.starts_with("file ") && reason.len() == 21, "{reason}");
    assert!(nodes.iter().all(|node| node["reason"] == reason.as_str()));
    let list = carla
        .query(
            "query ($id: ID!) { edition(id: $id) { enrolments(first: 1) { nodes { id history { from to } } } } }",
            json!({ "id": edition }),
        )
        .await;
    let history = list.at("edition.enrolments.nodes.0.history");
    assert_eq!(history[0]["to"], "applied");
    assert_eq!(history[1]["to"], "confirmed");
    let enrolment = list.text("edition.enrolments.nodes.0.id");
    assert_eq!(version(&carla, &enrolment).await, 1);
}

#[tokio::test]
async fn who_applies_again_is_decided_on_though_the_row_was_carried_out_before() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let plan = Plan::of_seats(2).by_approval();
    let edition = enrolling(&carla, plan).await;
    let ana = test.person("Ana").await;
    let first = apply(&ana, &edition).await.0;
    let file = "email\nana@example.org\n";
    assert_eq!(
        told(&report(&test, &carla, file, &order()).await),
        ["2 updated confirmed"]
    );
    withdraw(&ana, &first).await;
    assert_eq!(told(&report(&test, &carla, file, &order()).await), ["2 unchanged -"]);
    test.pass(chrono::TimeDelta::minutes(1));
    assert_eq!(apply(&ana, &edition).await.1, "APPLIED");
    for dry_run in [true, false] {
        let order = Order { dry_run, ..order() };
        assert_eq!(
            told(&report(&test, &carla, file, &order).await),
            ["2 updated confirmed"]
        );
    }
    assert_eq!(told(&report(&test, &carla, file, &order()).await), ["2 unchanged -"]);
    test.fine().await;
    drop(test.mails().await);
}

#[tokio::test]
async fn a_file_may_name_more_editions_than_a_statement_takes() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    enrolling(&carla, Plan::OPEN).await;
    let mut file = String::from("email,firstname,lastname,course1\n");
    for number in 0..19_999 {
        writeln!(file, "a@example.org,Ana,Paz,NO-{number}").expect("memory");
    }
    file.push_str("a@example.org,Ana,Paz,DEMO-2026\n");
    let tried = Order {
        edition: None,
        dry_run: true,
        ..order()
    };
    let before = test.app.db.statements();
    let done = report(&test, &carla, &file, &tried).await;
    assert_eq!(counts(&done), [1, 0, 0, 19_999]);
    assert!(test.app.db.statements() - before > 20, "in pieces");
}
