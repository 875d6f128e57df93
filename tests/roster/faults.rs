//! A file with every kind of fault in it, and files that are no tables.

use rumbo::domain::list::Mode;
use rumbo::domain::sheet::BYTES_MOST;
use rumbo::service::roster::{Answer, Order, run};
use serde_json::json;

use super::{accounts, actor, counts, of_people, order, report, told};
use crate::support::app::TestApp;
use crate::support::scene::{Plan, act, apply, enrolling};

/// Every fault that a row of enrolments can have, each in a line of its own, among rows that are right.
pub const EVERY_FAULT: &str = include_str!("../data/rosters/every-fault.csv");

#[tokio::test]
async fn every_kind_of_fault_is_told_by_its_line_and_column() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN).await;
    let lia = test.person("Lia").await;
    let enrolment = apply(&lia, &edition).await.0;
    let left = json!({ "enrolmentId": enrolment, "version": 1 });
    act(&lia, "WithdrawEnrolment", left)
        .await
        .at("withdrawEnrolment.enrolment");
    let free = Order {
        edition: None,
        ..order()
    };
    let rows = [
        "2 created confirmed",
        "3 refused - REQUIRED@email",
        "4 refused - MALFORMED@email",
        "5 refused - REQUIRED@firstname",
        "6 refused - TOO_LONG@lastname",
        "7 refused - FORBIDDEN_CHARACTER@firstname",
        "8 refused - GARBLED@firstname",
        "9 refused - UNKNOWN_COUNTRY@country",
        "10 refused - NOT_REGISTERED@institution",
        "11 refused - NOT_COORDINATED@course1",
        "12 refused - REQUIRED@course1",
        "13 refused - UNKNOWN_WORD@role1",
        "14 refused - NOT_BY_FILE@enrolstatus1",
        "15 refused - UNKNOWN_WORD@lang",
        "16 refused - UNKNOWN_TIME_ZONE@timezone",
        "17 refused - UNKNOWN_WORD@profile_field_gender",
        "18 refused - NOT_BY_FILE@deleted",
        "19 refused - REPEATED@email",
        "20 refused - WRONG_WIDTH@-",
        "21 refused - MALFORMED@-",
        "22 refused - OWN_WORK@email",
        "23 refused - LEFT_BEFORE@email",
        "24 created confirmed",
    ];
    for order in [
        Order {
            dry_run: true,
            ..free.clone()
        },
        Order {
            mode: Mode::AllOrNothing,
            ..free.clone()
        },
        free,
    ] {
        let report = report(&test, &carla, EVERY_FAULT, &order).await;
        assert_eq!(told(&report), rows, "{order:?}");
        assert_eq!(report.ignored, ["group1", "password"]);
        assert_eq!(counts(&report), [2, 0, 0, 21]);
    }
    assert_eq!(accounts(&test).await, 4);
    test.fine().await;
}

#[tokio::test]
async fn what_is_no_table_is_told_and_nothing_is_done() {
    let test = TestApp::new().await;
    let ada = test.administrator().await;
    let actor = actor(&test, &ada).await;
    let cases: [(&[u8], Option<u64>, &str); 10] = [
        (b"", None, "NO_COLUMNS"),
        (b"email,firstname\na@example.org,Jos\xE9\n", Some(2), "WRONG_ENCODING"),
        (b"e\0m\0a\0i\0l\0", None, "WRONG_ENCODING"),
        (b"email,\"firstname\na@example.org,Ana\n", Some(1), "OPEN_QUOTE"),
        (b"\n \n", None, "NO_COLUMNS"),
        (b"email,nickname\n", Some(1), "UNKNOWN_COLUMN"),
        (b"email,email\n", Some(1), "REPEATED"),
        (b"firstname\n", Some(1), "REQUIRED"),
        (b"%PDF-1.7", None, "UNREADABLE"),
        (b"PK\x03\x04 no archive", None, "UNREADABLE"),
    ];
    let large = vec![b'a'; BYTES_MOST + 1];
    for (bytes, line, code) in cases.into_iter().chain([(large.as_slice(), None, "TOO_LONG")]) {
        let answer = Box::pin(run(&test.app, &actor, bytes, &of_people(), |_, _| {})).await;
        let Ok(Answer::Unreadable(fault)) = answer else {
            panic!("{answer:?}")
        };
        assert_eq!((fault.line, rumbo::api::error::key(fault.flaw.code)), (line, code));
    }
    assert_eq!(accounts(&test).await, 1);
}

#[tokio::test]
async fn progress_ends_at_the_last_row_also_where_some_are_refused() {
    let test = TestApp::new().await;
    let ada = test.administrator().await;
    let actor = actor(&test, &ada).await;
    let refused = "email,firstname,lastname\na@example.org,Ana,Paz\nb,Beto,Gil\n";
    let right = "email,firstname,lastname\nc@example.org,Ana,Paz\nd@example.org,Beto,Gil\n";
    for (file, mode, dry_run) in [
        (refused, Mode::RowByRow, true),
        (refused, Mode::RowByRow, false),
        (right, Mode::AllOrNothing, false),
    ] {
        let mut heard = Vec::new();
        let order = Order {
            mode,
            dry_run,
            ..of_people()
        };
        let hear = |done: usize, total: usize| heard.push((done, total));
        let answer = Box::pin(run(&test.app, &actor, file.as_bytes(), &order, hear)).await;
        assert!(matches!(answer, Ok(Answer::Report(_))), "{answer:?}");
        let at_once = usize::from(file == refused);
        assert_eq!(heard, [(at_once, 2), (2, 2)]);
    }
}
