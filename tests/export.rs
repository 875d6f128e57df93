//! Lists as files: each in both forms, as its reader sees it in pages, with its filter and in its order; audited, with the
//! looks of staff written down; and what is refused.

use std::collections::BTreeSet;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use chrono::TimeDelta;
use http_body_util::BodyExt;
use rumbo::document::workbook;
use rumbo::domain::actor::{Role, Scope};
use rumbo::domain::export::List;
use rumbo::worker::imports;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::roster::network::put;
use crate::support::app::{Client, TestApp};
use crate::support::scene::{Class, Plan, act, done, draft, faults, id_of};

const REASON: &str = "The annual report";

/// A file as it came.
struct File {
    status: StatusCode,
    kind: String,
    name: String,
    bytes: Vec<u8>,
}

impl File {
    fn code(&self) -> String {
        String::from_utf8(self.bytes.clone()).expect("a code").trim().to_owned()
    }

    /// The heads and the rows, out of either form.
    fn rows(&self) -> Vec<Vec<String>> {
        assert_eq!(self.status, StatusCode::OK, "{}", String::from_utf8_lossy(&self.bytes));
        if self.kind.starts_with("text/csv") {
            let mut reader = csv::ReaderBuilder::new()
                .has_headers(false)
                .from_reader(&self.bytes[..]);
            let cells =
                |row: csv::StringRecord| -> Vec<String> { row.iter().map(|cell| cell.trim().to_owned()).collect() };
            return reader.records().map(|row| cells(row.expect("a row"))).collect();
        }
        let sheet = workbook::read(&self.bytes).expect("a workbook");
        let rows = sheet.rows.into_iter().map(|row| row.cells);
        std::iter::once(sheet.columns).chain(rows).collect()
    }

    /// The cells below one head.
    fn column(&self, head: &str) -> Vec<String> {
        let rows = self.rows();
        let place = rows[0].iter().position(|found| found == head);
        let place = place.unwrap_or_else(|| panic!("no column is called {head}: {:?}", rows[0]));
        rows[1..].iter().map(|row| row[place].clone()).collect()
    }
}

/// A list, what it is asked with, and in which form.
fn input(list: &str, format: &str, rest: &Value) -> Value {
    let mut input = json!({ "list": list, "format": format, "reason": REASON });
    for (name, value) in rest.as_object().expect("an object") {
        input[name] = value.clone();
    }
    input
}

async fn fetch(router: &Router, reader: &Client<'_>, url: &str) -> File {
    let path = url.find("/files").map_or(url, |at| &url[at..]);
    let token = reader.token().expect("a token");
    let request = Request::get(path).header(header::AUTHORIZATION, format!("Bearer {token}"));
    let request = request.body(Body::empty()).expect("a request");
    let response = router.clone().oneshot(request).await.expect("an answer");
    let text = |name: header::HeaderName| {
        let value = response.headers().get(name);
        value.map_or("", |value| value.to_str().expect("text")).to_owned()
    };
    let (kind, name) = (text(header::CONTENT_TYPE), text(header::CONTENT_DISPOSITION));
    let status = response.status();
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    File {
        status,
        kind,
        name,
        bytes: bytes.to_vec(),
    }
}

/// What somebody gets of a list.
async fn taken(router: &Router, reader: &Client<'_>, list: &str, format: &str, rest: Value) -> File {
    let made = done(reader, "ExportList", input(list, format, &rest)).await;
    fetch(router, reader, &made.text("exportList.link.url")).await
}

/// The entries that exports of lists left, the latest first.
async fn entries(reader: &Client<'_>) -> Vec<Value> {
    let filter = json!({ "first": 50, "filter": { "actions": ["export_list"] } });
    let found = reader.run("AuditEntries", filter).await;
    found.at("auditEntries.nodes").as_array().expect("a list").clone()
}

#[tokio::test]
async fn every_list_leaves_in_both_forms() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    class.hand_in(&class.people[0], "In eighteen months.").await;
    test.institution("INEFOP", "UY").await;
    let router = test.router();
    let in_edition = json!({ "editionId": class.edition });
    let none = json!({});
    let (carla, tina) = (&class.coordinator, &class.tutor);
    let cases: [(&Client<'_>, &str, &Value, &str, usize); 12] = [
        (carla, "ENROLMENTS", &in_edition, "person_email", 2),
        (carla, "TEAMS", &in_edition, "members_person_given_name", 1),
        (carla, "SUBMISSIONS", &in_edition, "deliverable_title", 1),
        (tina, "ALLOCATED_TEAMS", &none, "edition_code", 1),
        (tina, "REVIEW_QUEUE", &none, "team_name", 1),
        (carla, "INVITATIONS", &none, "email", 0),
        (carla, "NOMINATIONS", &none, "email", 0),
        (carla, "COURSES", &none, "code", 1),
        (carla, "EDITIONS", &none, "course_title", 1),
        (carla, "INSTITUTIONS", &none, "name", 1),
        (carla, "INSTITUTION_PROPOSALS", &none, "name", 0),
        (carla, "STATISTICS", &json!({ "by": ["GENDER"] }), "participants", 1),
    ];
    // The log is below, the others are taken out where there is something in them.
    let mut tried = BTreeSet::from(["AUDIT_ENTRIES", "ACCESSED_PEOPLE", "IMPORT_ROWS"].map(str::to_owned));
    tried.extend(cases.iter().map(|(_, list, ..)| (*list).to_owned()));
    let all: BTreeSet<String> = List::ALL.iter().map(|list| list.word().to_uppercase()).collect();
    assert_eq!(tried, all);
    for (reader, list, rest, head, count) in cases {
        let plain = taken(&router, reader, list, "CSV", rest.clone()).await;
        assert_eq!(plain.column(head).len(), count, "{list}");
        assert_eq!(plain.kind, "text/csv; charset=utf-8");
        assert_eq!(
            plain.name,
            format!("attachment; filename=\"{}.csv\"", list.to_lowercase())
        );
        let book = taken(&router, reader, list, "XLSX", rest.clone()).await;
        assert!(book.kind.ends_with("spreadsheetml.sheet"), "{}", book.kind);
        assert_eq!(
            book.name,
            format!("attachment; filename=\"{}.xlsx\"", list.to_lowercase())
        );
        assert_eq!(book.rows(), plain.rows(), "{list}");
    }
    let log = taken(&router, carla, "AUDIT_ENTRIES", "CSV", json!({})).await;
    let left = log
        .column("action")
        .iter()
        .filter(|action| *action == "export_list")
        .count();
    assert!(left >= 20, "{left}");
    let members = taken(&router, carla, "TEAMS", "CSV", in_edition).await;
    let mut members: Vec<String> = members.column("members_person_given_name")[0]
        .split("; ")
        .map(str::to_owned)
        .collect();
    members.sort();
    assert_eq!(members, ["Ana", "Ben"]);
    drop(test.mails().await);
}

#[tokio::test]
async fn a_file_holds_what_its_reader_sees_in_pages() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben", "Cy"]).await;
    let router = test.router();
    let ada = test.administrator().await;
    let stranger = test.person("Sam").await;
    let in_edition = json!({ "editionId": class.edition });
    for (reader, name) in [
        (&class.coordinator, "Carla"),
        (&class.tutor, "Tina"),
        (&class.people[0], "Ana"),
        (&class.people[2], "Cy"),
        (&ada, "Ada"),
        (&stranger, "Sam"),
    ] {
        let asked = json!({ "editionId": class.edition, "first": 50 });
        let page = reader.run("EditionEnrolments", asked).await;
        let nodes = page.at("edition.enrolments.nodes").as_array().expect("a list").clone();
        let file = taken(&router, reader, "ENROLMENTS", "CSV", in_edition.clone()).await;
        for (head, pointer) in [
            ("id", "/id"),
            ("state", "/state"),
            ("person_given_name", "/person/givenName"),
            ("person_email", "/person/email"),
            ("gender", "/gender"),
            ("country", "/country"),
        ] {
            let seen = nodes.iter().map(|node| node.pointer(pointer).expect("a field"));
            let seen: Vec<&str> = seen.map(|value| value.as_str().unwrap_or_default()).collect();
            // An administrator shows a reason with the file, and sees no enrolment all the same.
            assert_eq!(file.column(head), seen, "{name} {head}");
        }
    }
    let tutors = taken(&router, &class.tutor, "ENROLMENTS", "XLSX", in_edition).await;
    assert!(!tutors.column("id").is_empty());
    for hidden in ["gender", "score"] {
        let cells = tutors.column(hidden);
        assert!(cells.iter().all(String::is_empty), "{hidden} {cells:?}");
    }
    drop(test.mails().await);
}

#[tokio::test]
async fn the_filter_and_the_order_of_the_list_hold_for_the_file() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben", "Cy"]).await;
    let router = test.router();
    let carla = &class.coordinator;
    let names = async |rest: Value| {
        let mut asked = json!({ "editionId": class.edition });
        for (name, value) in rest.as_object().expect("an object") {
            asked[name] = value.clone();
        }
        let file = taken(&router, carla, "ENROLMENTS", "CSV", asked).await;
        file.column("person_given_name")
    };
    let all = names(json!({})).await;
    assert_eq!(all.len(), 3);
    let mut reversed = names(json!({ "enrolmentOrder": "NEWEST_FIRST" })).await;
    reversed.reverse();
    assert_eq!(reversed, all);
    assert_eq!(names(json!({ "enrolmentFilter": { "states": ["ACTIVE"] } })).await, all);
    for nobody in [
        json!({ "states": ["WITHDRAWN"] }),
        json!({ "states": ["ACTIVE"], "countries": ["CO"] }),
        json!({ "appliedUntil": "2026-03-01T00:00:00Z" }),
    ] {
        assert_eq!(names(json!({ "enrolmentFilter": nobody })).await, [""; 0]);
    }
    for name in ["Norte", "Sur", "Norte y Sur"] {
        test.institution(name, if name == "Sur" { "CO" } else { "UY" }).await;
    }
    for (rest, expected) in [
        (json!({ "text": "norte" }), &["Norte", "Norte y Sur"][..]),
        (json!({ "country": "co" }), &["Sur"]),
        (json!({ "text": "sur", "country": "UY" }), &["Norte y Sur"]),
    ] {
        let file = taken(&router, carla, "INSTITUTIONS", "CSV", rest).await;
        assert_eq!(file.column("name"), expected);
    }
    let editions = json!({ "editionFilter": { "text": "demo", "states": ["RUNNING"] } });
    let file = taken(&router, carla, "EDITIONS", "CSV", editions).await;
    assert_eq!(file.column("code"), ["DEMO-2026"]);
    let courses = taken(
        &router,
        carla,
        "COURSES",
        "CSV",
        json!({ "text": "nothing of the kind" }),
    )
    .await;
    assert_eq!(courses.column("code"), [""; 0]);
    drop(test.mails().await);
}

#[tokio::test]
async fn all_pages_of_a_list_leave_each_row_once_and_no_cell_is_a_formula() {
    const MANY: usize = 205;
    let test = TestApp::new().await;
    let ana = test.person("Ana").await;
    for number in 0..MANY {
        test.institution(&format!("=Institution {number:03}"), "UY").await;
    }
    let router = test.router();
    let expected: Vec<String> = (0..MANY).map(|number| format!("'=Institution {number:03}")).collect();
    for format in ["CSV", "XLSX"] {
        let file = taken(&router, &ana, "INSTITUTIONS", format, json!({})).await;
        assert_eq!(file.column("name"), expected, "{format}");
    }
}

#[tokio::test]
async fn what_came_of_a_table_leaves_for_whoever_brought_it_in() {
    let test = TestApp::new().await;
    let (ada, carla) = (test.administrator().await, test.coordinator().await);
    let asked = done(&ada, "ImportPeople", json!({ "dryRun": true })).await;
    let id = asked.text("importPeople.created.tableImport.id");
    let table = "email,firstname,lastname,country\na@example.org,Ana,Paz,UY\nb@example.org,Ben,Sol,Narnia\n";
    put(&test, &ada, &asked.text("importPeople.created.upload.url"), table).await;
    imports::drain(&test.app).await.expect("the work is done");
    let router = test.router();
    let all = json!({ "importId": id });
    let file = taken(&router, &ada, "IMPORT_ROWS", "CSV", all.clone()).await;
    assert_eq!(file.column("line"), ["2", "3"]);
    assert_eq!(file.column("outcome"), ["CREATED", "REFUSED"]);
    let book = taken(&router, &ada, "IMPORT_ROWS", "XLSX", all.clone()).await;
    assert_eq!(book.column("faults_code"), ["", "UNKNOWN_COUNTRY"]);
    assert_eq!(book.column("faults_column"), ["", "country"]);
    assert!(
        book.column("faults_message")[1].contains("two letters"),
        "{:?}",
        book.rows()
    );
    let refused = json!({ "importId": id, "outcomes": ["REFUSED"] });
    let refused = taken(&router, &ada, "IMPORT_ROWS", "CSV", refused).await;
    assert_eq!(refused.column("line"), ["3"]);
    let unseen = taken(&router, &carla, "IMPORT_ROWS", "CSV", all).await;
    assert_eq!(
        (unseen.status, unseen.code().as_str()),
        (StatusCode::NOT_FOUND, "NOT_FOUND")
    );
    for (rest, expected) in [
        (json!({}), "REQUIRED input.importId"),
        (json!({ "importId": id_of(&ada) }), "INVALID_ID input.importId"),
        (json!({ "importId": id, "outcomes": [] }), "REQUIRED input.outcomes"),
        (json!({ "importId": id, "text": "x" }), "MALFORMED input.text"),
    ] {
        let told = faults(&ada, "ExportList", input("IMPORT_ROWS", "CSV", &rest)).await;
        assert_eq!(told, [expected], "{rest}");
    }
    assert_eq!(entries(&ada).await.len(), 3);
}

#[tokio::test]
async fn what_leaves_is_audited_and_everybody_in_it_reads_why() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    test.pass(TimeDelta::seconds(1));
    let router = test.router();
    let ada = test.administrator().await;
    let made = done(
        &class.coordinator,
        "ExportList",
        input("ENROLMENTS", "XLSX", &json!({ "editionId": class.edition })),
    )
    .await;
    let url = made.text("exportList.link.url");
    assert!(!url.contains("ENROLMENTS") && !url.contains("report"), "{url}");
    assert_eq!(entries(&ada).await.len(), 0, "nothing has left yet");
    assert_eq!(fetch(&router, &class.coordinator, &url).await.status, StatusCode::OK);
    let left = entries(&ada).await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["reason"], format!("enrolments: {REASON}"));
    assert_eq!(left[0]["subjectId"], class.edition.as_str());
    let log = class.people[1].run("MyAccessLog", json!({ "first": 1 })).await;
    let look = log.at("viewer.accessLog.nodes.0");
    assert_eq!(look["operation"], "ExportedEnrolments");
    assert_eq!(look["reason"], REASON);
    assert_eq!(look["fields"], json!(["NAME", "EMAIL", "ORIGIN", "GENDER"]));
    assert!(
        look["readerName"].as_str().is_some_and(|name| name.contains("Carla")),
        "{look}"
    );

    // What has no edition is of everything.
    let courses = taken(&router, &class.people[0], "COURSES", "CSV", json!({})).await;
    assert_eq!(courses.column("code").len(), 1);
    let left = entries(&ada).await;
    assert_eq!(left.len(), 2);
    assert_eq!(left[0]["subjectId"], Value::Null);

    // A link is for whom it was made for, as long as it lives.
    for other in [&class.people[0], &class.coordinator.again().await] {
        let refused = fetch(&router, other, &url).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (StatusCode::NOT_FOUND, "NOT_FOUND")
        );
    }
    test.pass(TimeDelta::minutes(5));
    let refused = fetch(&router, &class.coordinator, &url).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND);
    assert_eq!(entries(&ada).await.len(), 2);

    // Whoever traces what was read takes that out as well.
    let ada = ada.again().await;
    let period = json!({
        "actorId": id_of(&class.coordinator), "from": "2026-03-01T00:00:00Z", "until": "2026-03-03T00:00:00Z",
    });
    let traced = taken(&router, &ada, "ACCESSED_PEOPLE", "CSV", period).await;
    let place = traced
        .column("person_id")
        .iter()
        .position(|id| *id == id_of(&class.people[1]));
    assert_eq!(
        traced.column("fields")[place.expect("Ben")],
        "NAME; EMAIL; ORIGIN; GENDER"
    );
    drop(test.mails().await);
}

#[tokio::test]
async fn who_may_no_more_gets_what_they_see_by_then() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let router = test.router();
    let ada = test.administrator().await;
    let edition = class.edition.parse().expect("an edition");
    let cora = test.person("Cora").await;
    let granted = json!({ "personId": id_of(&cora), "role": "COORDINATOR", "scopeId": class.edition });
    let role = done(&ada, "GrantRole", granted)
        .await
        .text("grantRole.roleAssignment.id");
    let asked = input("ENROLMENTS", "CSV", &json!({ "editionId": class.edition }));
    let url = done(&cora, "ExportList", asked).await.text("exportList.link.url");
    assert_eq!(fetch(&router, &cora, &url).await.column("id").len(), 2);
    done(&ada, "RevokeRole", json!({ "roleAssignmentId": role })).await;
    let later = fetch(&router, &cora, &url).await;
    assert_eq!(later.column("id").len(), 0);
    // Whoever sees all of them sees them again.
    test.pass(TimeDelta::seconds(1));
    test.role_of(&cora, Role::Coordinator, Scope::Edition(edition)).await;
    assert_eq!(fetch(&router, &cora, &url).await.column("id").len(), 2);
    drop(test.mails().await);
}

#[tokio::test]
async fn what_the_list_refuses_the_file_refuses_with_the_same_code() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let router = test.router();
    let (ana, tina) = (&class.people[0], &class.tutor);
    let best = json!({ "editionId": class.edition, "enrolmentOrder": "BEST_FIRST" });
    let period = json!({ "actorId": id_of(tina), "from": "2026-03-01T00:00:00Z", "until": "2026-03-03T00:00:00Z" });
    let future = json!({ "by": ["EDITION"], "asAt": "2027-01-01T00:00:00Z" });
    for (reader, list, rest, status, code) in [
        (
            ana,
            "INSTITUTION_PROPOSALS",
            json!({}),
            StatusCode::FORBIDDEN,
            "FORBIDDEN",
        ),
        (
            ana,
            "STATISTICS",
            json!({ "by": ["GENDER"] }),
            StatusCode::FORBIDDEN,
            "FORBIDDEN",
        ),
        (tina, "ENROLMENTS", best, StatusCode::FORBIDDEN, "FORBIDDEN"),
        (
            &class.coordinator,
            "ACCESSED_PEOPLE",
            period,
            StatusCode::FORBIDDEN,
            "FORBIDDEN",
        ),
        (
            &class.coordinator,
            "STATISTICS",
            future,
            StatusCode::UNPROCESSABLE_ENTITY,
            "OUT_OF_RANGE",
        ),
    ] {
        for format in ["CSV", "XLSX"] {
            let refused = taken(&router, reader, list, format, rest.clone()).await;
            assert_eq!((refused.status, refused.code().as_str()), (status, code), "{list}");
            assert_eq!(refused.name, "");
        }
    }
    assert_eq!(entries(&test.administrator().await).await.len(), 0);
    drop(test.mails().await);
}

#[tokio::test]
async fn a_list_is_asked_for_with_what_it_takes() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana"]).await;
    let carla = &class.coordinator;
    let some = |count: u128| -> Vec<String> {
        let id = |number| rumbo::domain::id::InstitutionId(uuid::Uuid::from_u128(number)).to_string();
        (1..=count).map(id).collect()
    };
    let within = |institutions: Vec<String>| json!({ "editionId": class.edition, "enrolmentFilter": { "institutionIds": institutions } });
    for (list, rest, expected) in [
        ("ENROLMENTS", json!({}), &["REQUIRED input.editionId"][..]),
        ("STATISTICS", json!({}), &["REQUIRED input.by"]),
        ("STATISTICS", json!({ "by": [] }), &["REQUIRED input.by"]),
        (
            "COURSES",
            json!({ "editionId": class.edition }),
            &["MALFORMED input.editionId"],
        ),
        (
            "ACCESSED_PEOPLE",
            json!({ "tokenId": "x" }),
            &[
                "REQUIRED input.from",
                "REQUIRED input.until",
                "INVALID_ID input.tokenId",
            ],
        ),
        (
            "ACCESSED_PEOPLE",
            json!({ "from": "2026-03-02T00:00:00Z", "until": "2026-03-01T00:00:00Z", "actorId": id_of(carla) }),
            &["DATES_OUT_OF_ORDER input.until"],
        ),
        ("COURSES", json!({ "country": "UY" }), &["MALFORMED input.country"]),
        ("COURSES", json!({ "reason": " " }), &["REQUIRED input.reason"]),
        (
            "EDITIONS",
            json!({ "editionFilter": { "states": [] } }),
            &["REQUIRED input.editionFilter.states"],
        ),
        ("ENROLMENTS", within(some(100)), &[]),
        ("ENROLMENTS", within(some(200)), &["TOO_LONG input"]),
        (
            "INVITATIONS",
            json!({ "scopeId": class.team }),
            &["INVALID_ID input.scopeId"],
        ),
    ] {
        assert_eq!(
            faults(carla, "ExportList", input(list, "CSV", &rest)).await,
            expected,
            "{list} {rest}"
        );
    }
    let unseen = draft(carla, Plan::OTHER).await.text("createEdition.edition.id");
    let of_draft = input("TEAMS", "CSV", &json!({ "editionId": unseen }));
    let refused = act(&class.people[0], "ExportList", of_draft).await;
    assert_eq!(refused.refusal(), "NOT_FOUND");
    let plain = input("COURSES", "CSV", &json!({}));
    assert_eq!(
        act(&test.anonymous(), "ExportList", plain.clone()).await.refusal(),
        "UNAUTHENTICATED"
    );
    test.password_of(carla).await;
    let token = json!({ "name": "all", "scopes": ["READ_CATALOGUE", "EXPORT_ENROLMENTS"], "expiresAt": test.now() + TimeDelta::days(30),
        "password": TestApp::PASSWORD });
    let made = act(carla, "CreateApiToken", token).await;
    let program = carla.bearing(&made.text("createApiToken.created.secret"));
    assert_eq!(act(&program, "ExportList", plain).await.refusal(), "INSUFFICIENT_SCOPE");
    drop(test.mails().await);
}

#[tokio::test]
async fn a_page_costs_as_many_statements_whatever_is_on_it() {
    let test = TestApp::new().await;
    let small = Class::of(&test, &["Ana"]).await;
    let carla = small.coordinator.clone();
    let people = ["Ben", "Cy", "Di", "Eva", "Fay", "Gil"];
    let large = Class::with(&test, carla.clone(), Plan::OTHER, "Tom", &people).await;
    large.make_team("Tala", &large.enrolments[2..4]).await;
    large.make_team("Tilo", &large.enrolments[4..]).await;
    for list in ["ENROLMENTS", "TEAMS"] {
        let mut spent = Vec::new();
        // The first one finds nothing remembered.
        for edition in [&small.edition, &small.edition, &large.edition] {
            let asked = input(list, "CSV", &json!({ "editionId": edition }));
            let url = done(&carla, "ExportList", asked).await.text("exportList.link.url");
            let path = &url[url.find("/files").expect("a path")..];
            let bearer = format!("Bearer {}", carla.token().expect("a token"));
            let request = Request::get(path).header(header::AUTHORIZATION, bearer);
            carla.warm_up().await;
            let before = test.app.db.statements();
            let file = test.send(request.body(Body::empty()).expect("a request")).await;
            spent.push(test.app.db.statements() - before);
            assert_eq!(file.status, StatusCode::OK, "{}", file.body);
        }
        // What is asked for at the same moment goes into one statement or into two; five people and two teams more would
        // cost more than that.
        assert!(spent[2] <= spent[1] + 1, "{list} {spent:?}");
    }
    drop(test.mails().await);
}

#[tokio::test]
async fn a_download_ends_with_the_session_of_its_reader() {
    let test = TestApp::new().await;
    let ana = test.person("Ana").await;
    for number in 0..101 {
        test.institution(&format!("Institution {number:03}"), "UY").await;
    }
    let asked = input("INSTITUTIONS", "CSV", &json!({}));
    let url = done(&ana, "ExportList", asked).await.text("exportList.link.url");
    let path = &url[url.find("/files").expect("a path")..];
    for ends in [false, true] {
        let bearer = format!("Bearer {}", ana.token().expect("a token"));
        let request = Request::get(path).header(header::AUTHORIZATION, bearer);
        let request = request.body(Body::empty()).expect("a request");
        let mut body = test.router().oneshot(request).await.expect("an answer").into_body();
        assert!(body.frame().await.expect("a piece").is_ok());
        if ends {
            ana.run("SignOut", json!({})).await;
        }
        assert_eq!(body.frame().await.expect("another piece").is_err(), ends);
    }
}
