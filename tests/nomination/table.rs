//! Tables of nominations, over the network and by the command: who brings one in, how many are named, and that a file
//! names nobody twice.

use axum::http::StatusCode;
use chrono::TimeDelta;
use rumbo::domain::id::InstitutionId;
use rumbo::service::institution::following;
use rumbo::worker::imports;
use serde_json::{Value, json};

use super::Place;
use super::endorsement::endorsing;
use crate::roster::cancelled::told_and_let;
use crate::roster::command::said;
use crate::roster::network::{follow, put};
use crate::support::app::{Client, TestApp};
use crate::support::rows;
use crate::support::scene::{Plan, act, done, edition_input, faults, replan, walk};

const FILE: &str = "email,firstname,lastname,lang,country\n\
    nora@example.org,Nora,Núñez,en,nowhere\n\
    beto@example.org,Beto,Gil,,\n\
    caro@example.org,Caro,,,\n\
    dora@example.org,Dora,Ríos,pt,\n";

/// What asks for a table of nominations.
fn asking(place: &Place<'_>, dry_run: bool, mode: &str) -> Value {
    json!({
        "editionId": place.edition, "institutionId": place.institution.to_string(), "dryRun": dry_run, "mode": mode,
    })
}

fn row_by_row(place: &Place<'_>) -> Value {
    asking(place, false, "ROW_BY_ROW")
}

/// Brings a file in: what is told of it, and of each row as `line OUTCOME CODE@column`.
async fn bring(test: &TestApp, client: &Client<'_>, input: Value, file: &str) -> (Value, Vec<String>) {
    let asked = ask(client, input).await;
    hand_over(test, client, asked, file).await
}

/// Asks for a table: its identifier, and where its file goes.
async fn ask(client: &Client<'_>, input: Value) -> (String, String) {
    let made = done(client, "ImportNominations", input).await;
    (
        made.text("importNominations.created.tableImport.id"),
        made.text("importNominations.created.upload.url"),
    )
}

/// Hands its file over, and tells as [`bring`].
async fn hand_over(
    test: &TestApp,
    client: &Client<'_>,
    (id, url): (String, String),
    file: &str,
) -> (Value, Vec<String>) {
    let taken = put(test, client, &url, file.to_owned()).await;
    assert_eq!(taken.status, StatusCode::NO_CONTENT, "{}", taken.body);
    imports::drain(&test.app).await.expect("the work is done");
    let rows = client.run("TableImportRows", json!({ "id": id, "first": 100 })).await;
    let told = |row: &Value| {
        let (line, fault) = (&row["line"], &row["faults"][0]);
        let outcome = row["outcome"].as_str().expect("a word");
        match fault["code"].as_str() {
            Some(code) => format!("{line} {outcome} {code}@{}", fault["column"].as_str().unwrap_or("-")),
            None => format!("{line} {outcome}"),
        }
    };
    let nodes = rows.at("tableImportRows.nodes").as_array().expect("a list");
    (follow(client, &id).await, nodes.iter().map(told).collect())
}

/// Takes the nomination of an address back.
async fn take_back(place: &Place<'_>, email: &str) {
    let rows = place.list().await;
    let open = |row: &&Value| row["email"] == email && row["state"] == "SUBMITTED";
    let row = rows.iter().find(open).expect("a nomination");
    let input = json!({ "nominationId": row["id"], "version": row["version"], "reason": "A slip" });
    let gone = act(&place.flor, "WithdrawNomination", input).await;
    assert_eq!(gone.user_errors("withdrawNomination"), [""; 0]);
}

#[tokio::test]
async fn a_file_names_people_in_its_order_and_nobody_twice() {
    let test = TestApp::new().await;
    let place = Place::new(&test).await;
    let told = ["2 CREATED", "3 CREATED", "4 REFUSED REQUIRED@lastname", "5 CREATED"];
    for input in [
        asking(&place, true, "ROW_BY_ROW"),
        asking(&place, false, "ALL_OR_NOTHING"),
    ] {
        let (seen, rows) = bring(&test, &place.flor, input, FILE).await;
        assert_eq!((&seen["state"], &seen["carriedOut"]), (&json!("DONE"), &json!(false)));
        assert_eq!(rows, told);
    }
    assert!(place.list().await.is_empty());
    assert_eq!(test.notices().await, [""; 0]);

    let (seen, rows) = bring(&test, &place.flor, row_by_row(&place), FILE).await;
    assert_eq!(rows, told);
    assert_eq!(
        (&seen["kind"], &seen["carriedOut"]),
        (&json!("NOMINATIONS"), &json!(true))
    );
    assert_eq!(seen["institutionId"], place.institution.to_string());
    assert_eq!(seen["ignoredColumns"], json!(["country"]));
    let list = place.list().await;
    let named: Vec<_> = list
        .iter()
        .map(|row| (row["email"].as_str(), row["rank"].as_i64(), row["language"].as_str()))
        .collect();
    assert_eq!(
        named,
        [
            (Some("nora@example.org"), Some(1), Some("EN")),
            (Some("beto@example.org"), Some(2), Some("ES")),
            (Some("dora@example.org"), Some(3), Some("PT")),
        ]
    );
    assert_eq!(
        test.notices().await,
        [
            "nominated beto@example.org",
            "nominated dora@example.org",
            "nominated nora@example.org"
        ]
    );

    // The same file names nobody again, not even whom the institution took back; another row does.
    take_back(&place, "nora@example.org").await;
    drop(test.mails().await);
    let (_, again) = bring(&test, &place.flor, row_by_row(&place), FILE).await;
    assert_eq!(
        again,
        [
            "2 UNCHANGED",
            "3 UNCHANGED",
            "4 REFUSED REQUIRED@lastname",
            "5 UNCHANGED"
        ]
    );
    let other = "email,firstname,lastname\nnora@example.org,Nora Inés,Núñez\nbeto@example.org,Alberto,Gil\n";
    let (_, other) = bring(&test, &place.flor, row_by_row(&place), other).await;
    assert_eq!(other, ["2 CREATED", "3 UNCHANGED"]);
    assert_eq!(test.notices().await, ["nominated nora@example.org"]);
    test.fine().await;
}

#[tokio::test]
async fn as_many_are_named_as_there_are_seats_for() {
    let test = TestApp::new().await;
    let place = Place::with(&test, Plan::of_seats(2)).await;
    let file = "email,firstname,lastname\n\
        a@example.org,Ana,Paz\n\
        b@example.org,Beto,Gil\n\
        c@example.org,Caro,Ríos\n";
    let told = ["2 CREATED", "3 CREATED", "4 REFUSED EDITION_FULL@email"];
    let whole = asking(&place, false, "ALL_OR_NOTHING");
    let (seen, rows) = bring(&test, &place.flor, whole, file).await;
    assert_eq!(
        (&seen["carriedOut"], rows.as_slice()),
        (&json!(false), &told.map(String::from)[..])
    );
    assert_eq!(place.seats().await, json!([0, 0, 0, 2]));
    let (_, rows) = bring(&test, &place.flor, row_by_row(&place), file).await;
    assert_eq!(rows, told);
    assert_eq!(place.seats().await, json!([0, 0, 2, 0]));
    // Once nobody is named any more no table is asked for, and of one that was what is there stays as it is.
    let asked = ask(&place.flor, row_by_row(&place)).await;
    walk(&place.carla, &place.edition, &["ENROLMENT_CLOSED"]).await;
    assert_eq!(
        faults(&place.flor, "ImportNominations", row_by_row(&place)).await,
        ["ENROLMENT_CLOSED input.editionId"]
    );
    let late = format!("{file}d@example.org,Dora,Sol\n");
    let (_, rows) = hand_over(&test, &place.flor, asked, &late).await;
    assert_eq!(
        rows,
        [
            "2 UNCHANGED",
            "3 UNCHANGED",
            "4 REFUSED ENROLMENT_CLOSED@email",
            "5 REFUSED ENROLMENT_CLOSED@email"
        ]
    );
    drop(test.mails().await);
    test.fine().await;
}

#[tokio::test]
async fn a_table_is_cancelled_by_who_asked_for_it_also_when_their_institution_is_merged() {
    let test = TestApp::new().await;
    let place = Place::new(&test).await;
    let ada = test.administrator().await;
    let other = test.institution("UTU", "UY").await;
    let mut asked = Vec::new();
    for _ in 0..3 {
        asked.push(ask(&place.flor, row_by_row(&place)).await.0);
    }
    assert_eq!(told_and_let(&place.carla, &asked[0]).await, (false, false));
    assert_eq!(told_and_let(&place.flor, &asked[0]).await, (true, true));
    let input = json!({ "institutionId": place.institution.to_string(), "version": 1, "intoId": other.to_string() });
    done(&ada, "MergeInstitution", input).await;
    let early = told_and_let(&place.flor, &asked[1]).await;
    assert_eq!(early, (false, false), "before her role has followed");
    let (db, clock) = (&test.app.db, &test.app.clock);
    following::pass(db, clock).await.expect("it works");
    assert_eq!(told_and_let(&place.flor, &asked[2]).await, (true, true));
    drop(test.mails().await);
    test.fine().await;
}

#[tokio::test]
async fn only_focal_points_of_the_institution_bring_its_table_in() {
    let test = TestApp::new().await;
    let place = Place::new(&test).await;
    let input = row_by_row(&place);
    let nora = test.person("Nora").await;
    for client in [&nora, &place.carla] {
        let refused = act(client, "ImportNominations", input.clone()).await;
        assert_eq!(refused.refusal(), "FORBIDDEN", "{}", client.email);
    }
    let nobody = act(&test.anonymous(), "ImportNominations", input.clone()).await;
    assert_eq!(nobody.refusal(), "UNAUTHENTICATED");
    let other = test.institution("UTU", "UY").await;
    let unknown = InstitutionId(uuid::Uuid::from_u128(7));
    for (field, id, code) in [
        ("institutionId", other.to_string(), "FORBIDDEN"),
        ("institutionId", unknown.to_string(), "NOT_FOUND"),
        ("editionId", "edn_01h455vb4pex5vsknk084sn02q".to_owned(), "NOT_FOUND"),
    ] {
        let mut input = input.clone();
        input[field] = json!(id);
        let refused = act(&place.flor, "ImportNominations", input).await;
        assert_eq!(refused.refusal(), code, "{field}");
    }
    let mut wrong = input;
    wrong["institutionId"] = json!(place.edition);
    let refused = act(&place.flor, "ImportNominations", wrong).await;
    assert_eq!(
        refused.user_errors("importNominations"),
        ["INVALID_ID input.institutionId"]
    );
}

#[tokio::test]
async fn who_endorses_gets_one_message_for_a_file() {
    let test = TestApp::new().await;
    let (place, fabi) = endorsing(&test).await;
    let file = "email,firstname,lastname\n\
        a@example.org,Ana,Paz\n\
        b@example.org,Beto,Gil\n\
        c@example.org,Caro,Ríos\n\
        d@example.org,Dora,Sol\n";
    let (seen, _) = bring(&test, &place.flor, row_by_row(&place), file).await;
    assert_eq!(seen["created"], 4);
    let mails = test.mails().await;
    let told: Vec<_> = mails
        .iter()
        .map(|mail| format!("{} {}", mail.notice, mail.to))
        .collect();
    assert_eq!(told, [format!("endorsement_asked {}", fabi.email)]);
    assert!(
        mails[0].text.contains("Ana Paz, Beto Gil, Caro Ríos, +1"),
        "{}",
        mails[0].text
    );
    let list = place.list().await;
    assert_eq!(list.len(), 4);
    assert!(list.iter().all(|row| row["awaitsEndorsement"] == true), "{list:?}");
    test.fine().await;
}

#[tokio::test]
async fn a_file_writes_to_no_address_more_often_than_anybody_may() {
    let settings = [
        ("rates.enabled", "true"),
        ("rates.mail_recipient.burst", "2"),
        ("rates.mail_recipient.refill", "1"),
    ];
    let test = TestApp::with(&settings).await;
    let place = Place::new(&test).await;
    for name in ["Nora", "Norita"] {
        let file = format!("email,firstname,lastname\nnora@example.org,{name},Paz\n");
        let (_, rows) = bring(&test, &place.flor, row_by_row(&place), &file).await;
        assert_eq!(rows, ["2 CREATED"]);
        take_back(&place, "nora@example.org").await;
    }
    let file = "email,firstname,lastname\nnora@example.org,Norma,Paz\nbeto@example.org,Beto,Gil\n";
    let (_, rows) = bring(&test, &place.flor, row_by_row(&place), file).await;
    assert_eq!(rows, ["2 REFUSED TOO_SOON@email", "3 CREATED"]);
    drop(test.mails().await);
    test.pass(TimeDelta::hours(1));
    let place = place.again().await;
    let (_, rows) = bring(&test, &place.flor, row_by_row(&place), file).await;
    assert_eq!(rows, ["2 CREATED", "3 UNCHANGED"]);
    drop(test.mails().await);
    test.fine().await;
}

#[tokio::test]
async fn a_table_writes_to_no_more_people_than_who_brings_it_in_may() {
    let settings = [
        ("rates.enabled", "true"),
        ("rates.nomination_sender.burst", "2"),
        ("rates.nomination_sender.refill", "1"),
        ("rates.nomination_sender.seconds", "3600"),
    ];
    let test = TestApp::with(&settings).await;
    let place = Place::new(&test).await;
    let file = "email,firstname,lastname\n\
        a@example.org,Ana,Paz\n\
        b@example.org,Beto,Gil\n\
        c@example.org,Caro,Ríos\n";
    let (_, told) = bring(&test, &place.flor, asking(&place, true, "ROW_BY_ROW"), file).await;
    assert_eq!(told, ["2 CREATED", "3 CREATED", "4 CREATED"], "a dry run sends nothing");
    // As one nothing is carried out, and nothing is taken.
    let too_many = ["2 CREATED", "3 CREATED", "4 REFUSED TOO_SOON@email"];
    let (seen, told) = bring(&test, &place.flor, asking(&place, false, "ALL_OR_NOTHING"), file).await;
    assert_eq!(
        (&seen["carriedOut"], told),
        (&json!(false), too_many.map(String::from).to_vec())
    );
    assert_eq!(test.notices().await, [""; 0]);
    let (_, told) = bring(&test, &place.flor, row_by_row(&place), file).await;
    assert_eq!(told, too_many);
    let (_, told) = bring(&test, &place.flor, row_by_row(&place), file).await;
    assert_eq!(told, ["2 UNCHANGED", "3 UNCHANGED", "4 REFUSED TOO_SOON@email"]);
    assert_eq!(place.list().await.len(), 2);
    assert_eq!(
        test.notices().await,
        ["nominated a@example.org", "nominated b@example.org"]
    );
    test.pass(TimeDelta::hours(1));
    let place = place.again().await;
    let (_, told) = bring(&test, &place.flor, row_by_row(&place), file).await;
    assert_eq!(told, ["2 UNCHANGED", "3 UNCHANGED", "4 CREATED"]);
    assert_eq!(place.list().await.len(), 3);
    drop(test.mails().await);
    test.fine().await;
}

#[tokio::test]
async fn a_table_of_nominations_comes_in_from_the_command_line() {
    let test = TestApp::new().await;
    let place = Place::new(&test).await;
    // The command has a clock of its own.
    let mut plan = edition_input(Plan::OPEN);
    for (name, value) in [
        ("startsOn", "2099-04-06"),
        ("endsOn", "2099-07-31"),
        ("enrolsUntil", "2099-04-01T23:59:59-03:00"),
    ] {
        plan[name] = json!(value);
    }
    let moved = replan(&place.carla, &place.edition, plan).await;
    assert_eq!(moved.user_errors("updateEdition"), [""; 0]);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("nominees.csv");
    std::fs::write(&path, "email;firstname;lastname\na@example.org;Ana;Paz\n").expect("a file");
    let (file, institution) = (path.display().to_string(), place.institution.to_string());
    let call = |by: &str, of: &str| {
        let arguments = [
            "nominations",
            &file,
            "--as",
            by,
            "--edition",
            "DEMO-2026",
            "--institution",
            of,
        ];
        said(&test, &arguments)
    };
    let done = call(&place.flor.email, &institution);
    assert_eq!(done.0, Some(0), "{done:?}");
    assert!(done.1.contains(&format!("{:<10}{:>8}\n", "created", 1)), "{done:?}");
    let again = call(&place.flor.email, &institution);
    assert!(again.1.contains(&format!("{:<10}{:>8}\n", "unchanged", 1)), "{again:?}");
    assert_eq!(place.list().await.len(), 1);
    let unknown = InstitutionId(uuid::Uuid::from_u128(7)).to_string();
    for (by, of, complaint) in [
        (
            &place.carla.email,
            &institution,
            "rumbo: --as: this person may not bring such a file in\n",
        ),
        (
            &place.flor.email,
            &unknown,
            "rumbo: --institution: there is no institution with this identifier\n",
        ),
    ] {
        let refused = call(by, of);
        assert_eq!((refused.0, refused.1.as_str()), (Some(2), ""), "{refused:?}");
        assert!(refused.2.starts_with(complaint), "{refused:?}");
    }
    // By the clock of the command it leaves now.
    let messages = rows::texts(&test.app.db, "SELECT notice FROM outbox").await;
    assert_eq!(messages, ["nominated"]);
}
