//! The annual report of 2022: what goes in, and what comes out.

use std::io::{self, Write};

use rumbo::config::Settings;
use rumbo::domain::actor::Actor;
use rumbo::domain::import::{Files, published};
use rumbo::domain::text::Reason;
use rumbo::service::export;
use rumbo::service::import::{Outcome, import};
use rumbo::store::Db;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::support::app::TestApp;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/annual-report-2022");

fn files() -> Files {
    let entries = std::fs::read_dir(FOLDER).expect("the report's files are there");
    entries
        .map(|entry| entry.expect("an entry"))
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "csv"))
        .map(|entry| {
            (
                entry.file_name().to_string_lossy().into_owned(),
                std::fs::read(entry.path()).expect("a readable file"),
            )
        })
        .collect()
}

async fn imported() -> TestApp {
    let test = TestApp::new().await;
    let outcome = import(&test.app, &Actor::operator(), &files(), |_, _, _| ())
        .await
        .expect("the import runs");
    assert!(matches!(outcome, Outcome::Stored(_)), "the files have faults");
    test
}

fn period() -> Value {
    json!({ "period": { "from": "2021-11-01", "to": "2022-11-30", "rule": "OVERLAPPED" } })
}

#[tokio::test]
async fn of_three_imports_at_once_one_brings_the_report_in() {
    let test = TestApp::new().await;
    let (operator, files) = (Actor::operator(), files());
    let one = || import(&test.app, &operator, &files, |_, _, _| ());
    let outcomes: [_; 3] = tokio::join!(one(), one(), one()).into();
    let new = outcomes.map(|outcome| match outcome.expect("the import runs") {
        Outcome::Stored(report) => !report.is_unchanged(),
        Outcome::Refused(findings) => panic!("{findings:?}"),
    });
    assert_eq!(new.iter().filter(|new| **new).count(), 1);
}

#[tokio::test]
async fn the_table_is_the_published_one() {
    let test = imported().await;
    let coordinator = test.coordinator().await;
    let answer = coordinator.run("AnnualReport", json!({ "filter": period() })).await;
    let rows = answer.at("statistics.rows").as_array().expect("rows").clone();
    assert_eq!(rows.len(), 11);
    let printed = std::fs::read(format!("{FOLDER}/published.csv")).expect("the published table");
    let table = published(&printed).expect("a table");
    assert_eq!(table.len(), 12);
    let mut compared = 0;
    for line in table {
        let row = if line.code == "TOTAL" {
            answer.at("statistics.total").clone()
        } else {
            rows.iter()
                .find(|row| row["edition"]["code"] == line.code.as_str())
                .expect("the edition's row")
                .clone()
        };
        let figures = [
            ("enrolments", line.participants),
            ("women", line.women),
            ("men", line.men),
            ("institutions", line.institutions),
            ("countries", line.countries),
        ];
        for (field, printed) in figures {
            if let Some(printed) = printed {
                assert_eq!(row[field], json!(printed), "{} of {}", field, line.code);
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 11 * 5 - 1 + 3, "every figure that the report states");
    let total = answer.at("statistics.total");
    for (field, figure) in [
        ("participants", 364),
        ("enrolments", 395),
        ("institutions", 63),
        ("countries", 22),
        ("submitted", 101),
        ("meetings", 111),
    ] {
        assert_eq!(total[field], json!(figure), "{field}");
    }
    assert_eq!(total["meetingHours"], "183.25");
    test.fine().await;
}

#[tokio::test]
async fn every_breakdown_sums_to_its_total() {
    let test = imported().await;
    let coordinator = test.coordinator().await;
    let dimensions = [
        "GENDER",
        "COUNTRY",
        "INSTITUTION",
        "INSTITUTION_KIND",
        "CONSTITUENT_GROUP",
        "COURSE",
        "EDITION",
        "LANGUAGE",
        "STATUS",
        "MONTH",
    ];
    let mut divisions: Vec<Vec<&str>> = dimensions.iter().map(|dimension| vec![*dimension]).collect();
    divisions.push(vec!["GENDER", "COUNTRY"]);
    divisions.push(vec!["EDITION", "INSTITUTION_KIND", "STATUS"]);
    divisions.push(dimensions.to_vec());
    for by in divisions {
        for as_at in [Value::Null, json!("2022-06-15T00:00:00Z")] {
            let answer = coordinator
                .run("Statistics", json!({ "by": by, "filter": period(), "asAt": as_at }))
                .await;
            let rows = answer.at("statistics.rows").as_array().expect("rows").clone();
            for field in [
                "applications",
                "enrolments",
                "completed",
                "withdrawn",
                "submitted",
                "released",
            ] {
                let sum: i64 = rows.iter().filter_map(|row| row[field].as_i64()).sum();
                assert_eq!(
                    sum,
                    answer.number(&format!("statistics.total.{field}")),
                    "{field} by {by:?} as at {as_at}"
                );
            }
            let people = answer.number("statistics.total.participants");
            assert!(rows.iter().all(|row| row["participants"].as_i64() <= Some(people)));
            assert_eq!(people, if as_at.is_null() { 364 } else { 207 });
        }
    }
}

#[tokio::test]
async fn an_earlier_instant_gives_the_figures_of_that_time() {
    let test = imported().await;
    let coordinator = test.coordinator().await;
    let at = async |instant: &str| {
        let answer = coordinator
            .run("AnnualReport", json!({ "filter": period(), "asAt": instant }))
            .await;
        let total = answer.at("statistics.total").clone();
        (
            total["enrolments"].as_i64(),
            total["completed"].as_i64(),
            total["submitted"].as_i64(),
        )
    };
    assert_eq!(at("2021-01-01T00:00:00Z").await, (Some(0), Some(0), Some(0)));
    // Only the edition that ran in October and November 2021 has ended by then.
    assert_eq!(at("2021-12-01T12:00:00Z").await, (Some(105), Some(86), Some(18)));
    assert_eq!(at("2026-01-01T00:00:00Z").await, (Some(395), Some(309), Some(101)));
    let future = coordinator
        .run(
            "AnnualReport",
            json!({ "filter": period(), "asAt": "2030-01-01T00:00:00Z" }),
        )
        .await;
    assert_eq!(future.refusal(), "OUT_OF_RANGE");
}

#[tokio::test]
async fn the_period_rule_chooses_the_editions() {
    let test = imported().await;
    let coordinator = test.coordinator().await;
    for (rule, editions, enrolments) in [("OVERLAPPED", 11, 395), ("STARTED", 10, 354), ("ENDED", 10, 355)] {
        let filter = json!({ "period": { "from": "2021-11-01", "to": "2022-11-30", "rule": rule } });
        let answer = coordinator.run("AnnualReport", json!({ "filter": filter })).await;
        assert_eq!(
            answer.at("statistics.rows").as_array().map(Vec::len),
            Some(editions),
            "{rule}"
        );
        assert_eq!(answer.number("statistics.total.enrolments"), enrolments, "{rule}");
    }
}

#[tokio::test]
async fn only_who_may_see_the_rows_gets_exact_figures() {
    let test = imported().await;
    let ask = json!({ "filter": period() });
    assert_eq!(
        test.anonymous().run("AnnualReport", ask.clone()).await.refusal(),
        "UNAUTHENTICATED"
    );
    let participant = test.person("Pia").await;
    assert_eq!(
        participant.run("AnnualReport", ask.clone()).await.refusal(),
        "FORBIDDEN"
    );
    let administrator = test.administrator().await;
    assert_eq!(
        administrator
            .run("AnnualReport", ask)
            .await
            .number("statistics.total.enrolments"),
        395
    );
    assert_eq!(
        participant
            .run("Measures", json!({}))
            .await
            .at("measures")
            .as_array()
            .map(Vec::len),
        Some(12)
    );
}

#[tokio::test]
async fn a_coordinator_counts_only_their_own_editions() {
    let test = imported().await;
    let everything = test.coordinator().await;
    let edition = async |code: &str| {
        everything
            .run("SeeEdition", json!({ "code": code }))
            .await
            .text("edition.id")
    };
    let (own, other) = (edition("NQF-2022").await, edition("LI4-2022").await);
    let coordinator = test.coordinator_of("Nora", &own).await;
    let answer = coordinator.run("AnnualReport", json!({})).await;
    assert_eq!(answer.number("statistics.total.enrolments"), 47);
    assert_eq!(answer.number("statistics.total.participants"), 47);
    let foreign = coordinator
        .run("AnnualReport", json!({ "filter": { "editions": [other] } }))
        .await;
    assert_eq!(foreign.refusal(), "NOT_FOUND");
}

/// More people in one edition than an export reads at once.
const MANY: usize = 1001;

fn a_big_edition() -> Files {
    let mut people = String::from("email,given_name,family_name,gender,country,institution,preferred_language\n");
    let mut enrolments = String::from("edition,email,applied_on,nominated_by,status,completed_on,grade\n");
    for number in 0..MANY {
        let email = format!("p{number}@example.org");
        people.extend([email.as_str(), ",Early,Person,female,UY,UY-01,es\n"]);
        enrolments.extend(["BIG-2022,", &email, ",2022-03-01,,not_completed,,\n"]);
    }
    let files = [
        ("institutions.csv", "code,name,country,kind\nUY-01,One,UY,government\n"),
        ("people.csv", people.as_str()),
        (
            "editions.csv",
            "code,course_title,starts_on,ends_on,languages,deliverable\nBIG-2022,Big,2022-04-01,2022-05-01,es,project\n",
        ),
        ("enrolments.csv", enrolments.as_str()),
        ("teams.csv", "team,edition,email\n"),
        ("deliverables.csv", "team,edition,kind,title,submitted_on,score\n"),
        ("meetings.csv", "edition,number,starts_at,minutes\n"),
    ];
    files
        .map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()))
        .into()
}

/// Keeps what is written, and gives everybody another name as soon as the first of it comes.
struct Meddler {
    url: String,
    text: Vec<u8>,
}

impl Write for Meddler {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.text.is_empty() {
            rename_everybody(self.url.clone());
        }
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Does so on a connection of its own, while the export stands still.
fn rename_everybody(url: String) {
    let meddling = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let settings = Settings::load("test", None, &[("database.url", url)]).expect("the test profile loads");
            let db = Db::connect(&settings.database).await.expect("a connection");
            let tx = db.write().await.expect("a transaction");
            let sql = "UPDATE person SET given_name = 'Late'";
            tx.execute_unprepared(sql).await.expect("everybody has another name");
            tx.commit().await.expect("a commit");
            db.close().await.expect("the connection closes");
        });
    });
    meddling.join().expect("the change is made");
}

#[tokio::test]
async fn an_export_shows_one_state_however_long_it_takes() {
    let test = TestApp::new().await;
    let outcome = import(&test.app, &Actor::operator(), &a_big_edition(), |_, _, _| ()).await;
    assert!(matches!(outcome, Ok(Outcome::Stored(_))), "{outcome:?}");
    let reason = Reason::parse("The annual report").expect("a reason");
    let exported = async |out: &mut dyn Write| {
        let lines = export::enrolments(&test.app, &Actor::operator(), None, &reason, out).await;
        assert_eq!(lines.expect("an export"), MANY);
    };
    let mut out = Meddler {
        url: test.database_url(),
        text: Vec::new(),
    };
    exported(&mut out).await;
    let names = |text: &[u8], name: &str| String::from_utf8_lossy(text).matches(name).count();
    assert_eq!((names(&out.text, ",Early,"), names(&out.text, ",Late,")), (MANY, 0));
    let mut later = Vec::new();
    exported(&mut later).await;
    assert_eq!((names(&later, ",Early,"), names(&later, ",Late,")), (0, MANY));
}
