//! The report's own files on a database of their own.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, Statement};

use super::*;
use crate::clock::Clock;
use crate::config::Settings;
use crate::domain::actor::{Grant, Role, Scope};

fn report_files() -> Files {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/annual-report-2022");
    let entries = std::fs::read_dir(folder).expect("the report's folder");
    let files = entries.map(|entry| {
        let entry = entry.expect("an entry of the folder");
        let name = entry.file_name().into_string().expect("a plain name");
        (name, std::fs::read(entry.path()).expect("a readable file"))
    });
    files.filter(|(name, _)| name != "README.md").collect()
}

fn edited(file: &str, old: &str, new: &str) -> Files {
    let mut files = report_files();
    let text = String::from_utf8(files[file].clone()).expect("the report is UTF-8");
    assert!(text.contains(old), "{file} holds {old:?}");
    files.insert(file.to_owned(), text.replacen(old, new, 1).into_bytes());
    files
}

fn actor(role: Role) -> Actor {
    Actor {
        grants: vec![Grant {
            role,
            scope: Scope::System,
        }],
        ..Actor::anonymous(Language::En)
    }
}

/// An application on an empty database, which goes with the folder.
async fn app() -> (App, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("sqlite://{}", folder.path().join("rumbo.sqlite").display());
    let settings = Settings::load("test", None, &[("database.url", url)]).expect("the test settings");
    let now: DateTime<Utc> = "2026-11-22T12:00:00Z".parse().expect("an instant");
    let app = App::new(settings, Clock::fixed(now)).await.expect("a database");
    app.db.migrate().await.expect("a schema");
    (app, folder)
}

async fn run(app: &App, files: &Files) -> Outcome {
    import(app, &actor(Role::Administrator), files, |_, _, _| ())
        .await
        .expect("no failure of ours")
}

async fn refused(app: &App, files: &Files) -> Vec<String> {
    match run(app, files).await {
        Outcome::Stored(report) => panic!("it was stored:\n{report}"),
        Outcome::Refused(findings) => findings.sorted().iter().map(ToString::to_string).collect(),
    }
}

async fn rows(app: &App, sql: impl Into<String>) -> Vec<sea_orm::QueryResult> {
    let connection = app.db.read();
    let statement = Statement::from_string(connection.get_database_backend(), sql.into());
    connection.query_all_raw(statement).await.expect("an answer")
}

async fn number(app: &App, sql: &str) -> i64 {
    rows(app, sql).await[0].try_get_by_index(0).expect("a number")
}

/// Every row of every table as text.
async fn dump(app: &App) -> BTreeMap<String, Vec<String>> {
    let mut tables = BTreeMap::new();
    for row in rows(app, "SELECT name FROM sqlite_master WHERE type = 'table'").await {
        let table: String = row.try_get_by_index(0).expect("a name");
        let columns = rows(app, format!("SELECT name FROM pragma_table_info('{table}')")).await;
        let quoted = columns
            .iter()
            .map(|row| format!("quote(\"{}\")", row.try_get_by_index::<String>(0).expect("a name")));
        let line = quoted.collect::<Vec<_>>().join(" || ',' || ");
        let lines = rows(app, format!("SELECT {line} FROM \"{table}\" ORDER BY 1")).await;
        tables.insert(
            table,
            lines
                .iter()
                .map(|row| row.try_get_by_index(0).expect("a line"))
                .collect(),
        );
    }
    tables
}

#[tokio::test]
async fn the_report_comes_in_whole() {
    let (app, _folder) = app().await;
    let mut heard = Vec::new();
    let hear = |done, total, what| heard.push((done, total, what));
    let outcome = import(&app, &actor(Role::Administrator), &report_files(), hear).await;
    let Outcome::Stored(report) = outcome.expect("no failure of ours") else {
        panic!("it was refused")
    };
    let new: Vec<_> = report
        .lines
        .iter()
        .map(|line| (line.noun, line.new, line.unchanged))
        .collect();
    let wanted = [
        ("institutions", 63, 0),
        ("people", 364, 0),
        ("courses", 11, 0),
        ("editions", 11, 0),
        ("enrolments", 395, 0),
        ("teams", 103, 0),
        ("works handed in", 101, 0),
        ("meetings", 111, 0),
    ];
    assert_eq!(new, wanted);
    assert!(heard.is_sorted_by_key(|(done, _, _)| *done));
    assert!(heard.last().is_some_and(|(done, total, _)| done == total));
    let counts = [
        (
            "SELECT count(*) FROM person WHERE password_hash IS NULL AND email_confirmed_at IS NULL",
            364,
        ),
        ("SELECT max(number) - min(number) + 1 FROM person", 364),
        ("SELECT value FROM counter WHERE name = 'person'", 364),
        ("SELECT count(*) FROM declaration", 364),
        (
            "SELECT count(*) FROM edition WHERE state = 'closed' AND seats_taken = 0",
            11,
        ),
        ("SELECT count(*) FROM enrolment WHERE state = 'completed'", 309),
        ("SELECT count(*) FROM completion", 367),
        ("SELECT count(*) FROM team_member", 367),
        ("SELECT count(*) FROM submission WHERE state = 'released'", 101),
        ("SELECT count(*) FROM submission WHERE state = 'not_submitted'", 2),
        ("SELECT count(*) FROM grade", 101),
        ("SELECT sum(works_submitted) FROM enrolment", 101),
        ("SELECT sum(minutes) FROM meeting", 10_995),
        ("SELECT count(*) FROM audit_entry WHERE action = 'import_records'", 1),
        ("SELECT count(*) FROM audit_entry", 1),
        ("SELECT count(*) FROM outbox", 0),
        (
            "SELECT count(*) FROM state_history WHERE subject_kind = 'enrolment'",
            4 * 395,
        ),
    ];
    for (sql, wanted) in counts {
        assert_eq!(number(&app, sql).await, wanted, "{sql}");
    }
}

#[tokio::test]
async fn the_summaries_equal_a_recount_now_and_the_journal_knows_the_past() {
    let (app, _folder) = app().await;
    assert!(matches!(run(&app, &report_files()).await, Outcome::Stored(_)));
    let same = "SELECT count(*) FROM (
        SELECT edition_id, state, gender, country, count(*) AS n, sum(works_submitted) AS s, sum(works_released) AS r
          FROM enrolment GROUP BY 1, 2, 3, 4
        EXCEPT SELECT edition_id, status, gender, country, enrolments, submitted, released FROM tally_edition)";
    assert_eq!(number(&app, same).await, 0);
    assert_eq!(number(&app, "SELECT sum(enrolments) FROM tally_overall").await, 395);
    assert_eq!(number(&app, "SELECT sum(enrolments) FROM tally_detail").await, 395);
    let at = |condition: &str, at: &str| {
        format!("SELECT coalesce(sum(enrolments), 0) FROM tally_change WHERE {condition} AND at <= '{at}'")
    };
    // BDF-2021 ran from 2021-10-04 to 2021-11-30; its 41 enrolments were made before.
    let own = "edition_id = (SELECT id FROM edition WHERE code = 'BDF-2021')";
    let past = [
        (at(own, "2021-08-01T00:00:00+00:00"), 0),
        (
            at(&format!("{own} AND status = 'applied'"), "2021-10-03T14:00:00+00:00"),
            41,
        ),
        (
            at(&format!("{own} AND status = 'confirmed'"), "2021-10-03T16:00:00+00:00"),
            41,
        ),
        (
            at(&format!("{own} AND status = 'active'"), "2021-10-05T00:00:00+00:00"),
            41,
        ),
        (
            at(&format!("{own} AND status = 'completed'"), "2021-11-30T14:59:00+00:00"),
            0,
        ),
        (at(own, "2021-12-01T00:00:00+00:00"), 41),
    ];
    for (sql, wanted) in past {
        assert_eq!(number(&app, &sql).await, wanted, "{sql}");
    }
    let mut people = roaring::RoaringBitmap::new();
    for row in rows(&app, "SELECT people FROM people_overall").await {
        people |= tally::deserialize(&row.try_get_by_index::<Vec<u8>>(0).expect("bytes")).expect("a set");
    }
    assert_eq!(people.len(), 364);
    let handed_in = "SELECT sum(submitted) FROM tally_change WHERE at <= '2021-11-20T00:00:00+00:00'";
    let by_file = "SELECT count(*) FROM submission_version WHERE submitted_at <= '2021-11-20T00:00:00+00:00'";
    assert_eq!(number(&app, handed_in).await, number(&app, by_file).await);
    assert!(number(&app, by_file).await > 0);
}

#[tokio::test]
async fn a_second_import_changes_nothing() {
    let (app, _folder) = app().await;
    assert!(matches!(run(&app, &report_files()).await, Outcome::Stored(_)));
    let before = dump(&app).await;
    app.clock.advance(chrono::TimeDelta::days(1));
    let Outcome::Stored(report) = run(&app, &report_files()).await else {
        panic!("it was refused")
    };
    assert!(report.is_unchanged());
    assert_eq!(
        report.lines.iter().map(|line| line.unchanged).sum::<usize>(),
        63 + 364 + 11 + 11 + 395 + 103 + 101 + 111
    );
    assert_eq!(dump(&app).await, before);
}

#[tokio::test]
async fn a_wrong_line_stores_nothing() {
    let (app, _folder) = app().await;
    let empty = dump(&app).await;
    let found = refused(&app, &edited("enrolments.csv", "2021-09-20", "2021-02-30")).await;
    assert_eq!(
        found,
        [
            "enrolments.csv:2: applied_on: `2021-02-30` is no day of the calendar; write year, month and day such as `2022-04-06`"
        ]
    );
    assert_eq!(dump(&app).await, empty);
}

#[tokio::test]
async fn what_is_stored_is_never_overwritten() {
    let (app, _folder) = app().await;
    assert!(matches!(run(&app, &report_files()).await, Outcome::Stored(_)));
    let before = dump(&app).await;
    let cases = [
        (
            "people.csv",
            "Verónica",
            "Veronika",
            "people.csv:2: given_name: `Veronika` differs from what is stored, `Verónica`",
        ),
        (
            "people.csv",
            ",female,GT,",
            ",male,GT,",
            "people.csv:2: gender: `male` differs from what is stored, `female`",
        ),
        (
            "institutions.csv",
            "INFOCAL,BO",
            "INFOCAL,UY",
            "institutions.csv:2: country: `UY` differs from what is stored, `BO`",
        ),
        (
            "editions.csv",
            "2021-10-04",
            "2021-10-01",
            "editions.csv:2: starts_on: `2021-10-01` differs from what is stored, `2021-10-04`",
        ),
        (
            "editions.csv",
            "Big Data: fund",
            "Fund",
            "editions.csv:2: course_title: `Fundamental concepts",
        ),
        (
            "enrolments.csv",
            "2021-11-30,72",
            "2021-11-30,73",
            "enrolments.csv:2: grade: `73` differs from what is stored, `72`",
        ),
        (
            "enrolments.csv",
            "completed,2021-11-30,72",
            "not_completed,,72",
            "enrolments.csv:2: status: `not_completed` differs",
        ),
        (
            "deliverables.csv",
            "2021-11-18,92",
            "2021-11-18,92.5",
            "deliverables.csv:2: score: `92.5` differs from what is stored, `92`",
        ),
        (
            "deliverables.csv",
            "2021-11-18,92",
            ",",
            "deliverables.csv:2: submitted_on: `` differs from what is stored, `2021-11-18`",
        ),
        (
            "meetings.csv",
            ",90",
            ",91",
            "meetings.csv:2: minutes: `91` differs from what is stored, `90`",
        ),
        (
            "meetings.csv",
            "BDF-2021,11,",
            "BDF-2021,12,",
            "meetings.csv:12: number: edition `BDF-2021` is stored already, without this",
        ),
    ];
    for (file, old, new, wanted) in cases {
        let found = refused(&app, &edited(file, old, new)).await;
        assert!(
            found.iter().any(|line| line.starts_with(wanted)),
            "{new:?} gave {found:#?}"
        );
    }
    assert_eq!(dump(&app).await, before);
}

#[tokio::test]
async fn an_edition_that_is_not_over_is_refused() {
    let (app, _folder) = app().await;
    let found = refused(&app, &edited("editions.csv", "2022-12-09", "2026-12-09")).await;
    assert_eq!(
        found,
        ["editions.csv:12: ends_on: 2026-12-09 comes after today, 2026-11-22; write that day or an earlier one"]
    );
}

#[tokio::test]
async fn only_an_administrator_imports() {
    let (app, _folder) = app().await;
    let empty = dump(&app).await;
    for role in [Role::Tutor, Role::FocalPoint, Role::Coordinator] {
        let outcome = import(&app, &actor(role), &report_files(), |_, _, _| ()).await;
        assert!(matches!(outcome, Err(crate::error::Error::Unauthenticated)), "{role:?}");
    }
    assert_eq!(dump(&app).await, empty);
}
