//! The catalogue: courses and editions, planned by coordinators and browsed by anybody.

use rumbo::domain::actor::Role;
use rumbo::store::Engine;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::retry::{until, waits};
use crate::support::app::{Client, TestApp};
use crate::support::scene::{Plan, act, at, done, draft, edition_input, enrolling, walk};

#[tokio::test]
async fn anybody_browses_what_is_published_by_words_language_dates_and_state() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let edition = enrolling(&coordinator, Plan::OPEN).await;
    draft(
        &coordinator,
        Plan {
            code: "HIDDEN-2026",
            ..Plan::OPEN
        },
    )
    .await;
    let visitor = test.anonymous();
    let browse = async |filter: Value| {
        let answer = visitor
            .run("BrowseCatalogue", json!({ "filter": filter, "first": 10 }))
            .await;
        let codes = answer
            .at("editions.nodes")
            .as_array()
            .expect("nodes")
            .iter()
            .map(|node| node["code"].to_string());
        codes.collect::<Vec<_>>().join(",")
    };
    let found = "\"DEMO-2026\"";
    for filter in [
        json!({}),
        json!({ "text": "FORMACION profesional" }),
        json!({ "text": "habilidades" }),
        json!({ "text": "demo-2026" }),
        json!({ "language": "PT" }),
        json!({ "from": "2026-07-31", "until": "2026-07-31" }),
        json!({ "states": ["ENROLLING", "RUNNING"] }),
    ] {
        assert_eq!(browse(filter.clone()).await, found, "{filter}");
    }
    for filter in [
        json!({ "text": "100%" }),
        json!({ "text": "_" }),
        json!({ "language": "EN" }),
        json!({ "from": "2026-08-01" }),
        json!({ "until": "2026-04-05" }),
        json!({ "states": ["CLOSED"] }),
    ] {
        assert_eq!(browse(filter.clone()).await, "", "{filter}");
    }
    let backwards = json!({ "filter": { "from": "2026-08-01", "until": "2026-07-31" }, "first": 10 });
    let refused = visitor.run("BrowseCatalogue", backwards).await;
    assert_eq!(refused.refusal(), "DATES_OUT_OF_ORDER");
    let at = &refused.json["errors"][0]["extensions"]["inputPath"];
    assert_eq!(at, &json!(["filter", "until"]));
    let seen = visitor.run("SeeEdition", json!({ "id": edition })).await;
    assert_eq!(seen.text("edition.course.title"), "Digital training");
    assert_eq!(
        visitor
            .speaking("pt, es;q=0.5")
            .run("SeeEdition", json!({ "id": edition }))
            .await
            .text("edition.course.title"),
        "Formación profesional digital"
    );
    assert_eq!(seen.at("edition.myEnrolment"), &Value::Null);
}

#[tokio::test]
async fn a_draft_looks_like_nothing_to_others() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let edition = draft(&coordinator, Plan::OPEN).await.text("createEdition.edition.id");
    let stranger = test.person("Saul").await;
    for client in [&test.anonymous(), &stranger] {
        let hidden = client.run("SeeEdition", json!({ "id": edition })).await;
        let absent = client
            .run("SeeEdition", json!({ "id": "edn_01h455vb4pex5vsknk084sn02q" }))
            .await;
        assert_eq!(hidden.json["data"], absent.json["data"]);
    }
    let apply = async |id: &str| {
        stranger
            .run("ApplyToEdition", json!({ "input": { "editionId": id } }))
            .await
            .refusal()
            .to_owned()
    };
    assert_eq!(apply(&edition).await, "NOT_FOUND");
    assert_eq!(apply("edn_01h455vb4pex5vsknk084sn02q").await, "NOT_FOUND");
}

#[tokio::test]
async fn only_what_implements_node_is_found_as_one() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN).await;
    let invited = json!({
        "editionId": edition, "email": "nora@example.org", "givenName": "Nora", "familyName": "N", "language": "ES",
    });
    let invited = done(&carla, "InviteToEdition", invited).await;
    let brought = done(&carla, "ImportEnrolments", json!({ "editionId": edition })).await;
    let document = "query ($id: ID!) { node(id: $id) { id } }";
    for (id, is_found) in [
        (edition, true),
        (invited.text("inviteToEdition.invitation.id"), false),
        (brought.text("importEnrolments.created.tableImport.id"), false),
        ("frm_01h455vb4pex5vsknk084sn02q".to_owned(), false),
        ("apl_01h455vb4pex5vsknk084sn02q".to_owned(), false),
        ("cst_01h455vb4pex5vsknk084sn02q".to_owned(), false),
    ] {
        let answer = carla.query(document, json!({ "id": id })).await;
        assert_eq!(answer.at("node").is_null(), !is_found, "{id}");
    }
    drop(test.mails().await);
}

/// What somebody sees of a course: by its identifier, as a node, and in the list.
async fn seen_of(client: &Client<'_>, course: &str) -> [bool; 3] {
    let one = client.run("SeeCourse", json!({ "id": course })).await;
    let node = client
        .query("query ($id: ID!) { node(id: $id) { id } }", json!({ "id": course }))
        .await;
    let list = client.run("BrowseCourses", json!({ "first": 10 })).await;
    let nodes = list.at("courses.nodes").as_array().expect("nodes");
    [
        !one.at("course").is_null(),
        !node.at("node").is_null(),
        nodes.iter().any(|node| node["id"] == course),
    ]
}

#[tokio::test]
async fn a_course_shows_once_an_edition_of_it_is_announced() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let edition = draft(&coordinator, Plan::OPEN).await.text("createEdition.edition.id");
    let course = made_course(&coordinator, &edition).await;
    let administrator = test.administrator().await;
    let elsewhere = draft(&coordinator, Plan::OTHER).await.text("createEdition.edition.id");
    let of_another = test.coordinator_of("Coro", &elsewhere).await;
    for staff in [&coordinator, &administrator, &of_another] {
        assert_eq!(seen_of(staff, &course).await, [true; 3]);
    }
    let tutor = test.holder("Tina", Role::Tutor, at(&elsewhere)).await;
    let stranger = test.person("Saul").await;
    let others = [test.anonymous(), stranger, tutor];
    for other in &others {
        assert_eq!(seen_of(other, &course).await, [false; 3]);
    }
    walk(&coordinator, &edition, &["ANNOUNCED"]).await;
    for other in &others {
        assert_eq!(seen_of(other, &course).await, [true; 3]);
    }
    // Its place in the list is by code, with nothing of the hidden one before or after it.
    let list = others[0].run("BrowseCourses", json!({ "first": 10 })).await;
    assert_eq!(list.at("courses.nodes").as_array().map(Vec::len), Some(1));
    assert_eq!(list.at("courses.pageInfo.hasNextPage"), false);
}

#[tokio::test]
async fn an_edition_goes_its_way_and_no_other() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let edition = draft(&coordinator, Plan::OPEN).await.text("createEdition.edition.id");
    let go = async |version: i64, to: &str, reason: Option<&str>| {
        let input = json!({ "editionId": edition, "version": version, "to": to, "reason": reason });
        coordinator.run("MoveEdition", json!({ "input": input })).await
    };
    assert_eq!(
        go(1, "RUNNING", None).await.user_errors("moveEdition"),
        ["ILLEGAL_TRANSITION input.to"]
    );
    assert_eq!(
        go(2, "ANNOUNCED", None).await.user_errors("moveEdition"),
        ["STALE_VERSION input.version"]
    );
    assert_eq!(go(1, "ANNOUNCED", None).await.number("moveEdition.edition.version"), 2);
    assert_eq!(
        go(2, "CANCELLED", None).await.user_errors("moveEdition"),
        ["REASON_REQUIRED input.reason"]
    );
    walk(
        &coordinator,
        &edition,
        &["ENROLLING", "ENROLMENT_CLOSED", "RUNNING", "GRADING", "CLOSED"],
    )
    .await;
    assert_eq!(
        go(7, "GRADING", None).await.user_errors("moveEdition"),
        ["REASON_REQUIRED input.reason"]
    );
    assert_eq!(
        go(7, "GRADING", Some("an appeal"))
            .await
            .text("moveEdition.edition.state"),
        "GRADING"
    );
}

#[tokio::test]
async fn a_plan_without_sense_is_refused_with_every_fault() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let made = draft(&coordinator, Plan::OPEN).await;
    let edition = made.text("createEdition.edition.id");
    let with = |changes: Value| {
        let mut plan = edition_input(Plan::OPEN);
        for (key, value) in changes.as_object().expect("changes") {
            plan[key] = value.clone();
        }
        json!({ "input": { "editionId": edition, "version": 1, "edition": plan } })
    };
    let cases = [
        (
            json!({ "endsOn": "2026-04-05" }),
            vec!["DATES_OUT_OF_ORDER input.edition.endsOn"],
        ),
        (
            json!({ "enrolsUntil": "2026-03-01T00:00:00-03:00" }),
            vec!["DATES_OUT_OF_ORDER input.edition.enrolsUntil"],
        ),
        (
            json!({ "capacity": -1, "languages": [] }),
            vec![
                "REQUIRED input.edition.languages",
                "OUT_OF_RANGE input.edition.capacity",
            ],
        ),
        (
            json!({ "languages": ["ES", "PT", "ES"] }),
            vec!["REPEATED input.edition.languages.2"],
        ),
        (
            json!({ "languages": vec!["ES"; 1000] }),
            vec!["TOO_LONG input.edition.languages"],
        ),
        (
            json!({ "capacity": 10, "minimum": 11 }),
            vec!["OUT_OF_RANGE input.edition.minimum"],
        ),
        (
            json!({ "timeZone": "Mars/Olympus", "code": "a\u{0}b" }),
            vec![
                "FORBIDDEN_CHARACTER input.edition.code",
                "UNKNOWN_TIME_ZONE input.edition.timeZone",
            ],
        ),
        (json!({ "code": "x".repeat(41) }), vec!["TOO_LONG input.edition.code"]),
        (
            json!({ "passMark": "100.001" }),
            vec!["OUT_OF_RANGE input.edition.passMark"],
        ),
    ];
    for (changes, errors) in cases {
        let answer = coordinator.run("UpdateEdition", with(changes.clone())).await;
        assert_eq!(answer.user_errors("updateEdition"), errors, "{changes}");
    }
    let impossible = coordinator
        .run("UpdateEdition", with(json!({ "startsOn": "2026-02-30" })))
        .await;
    assert_eq!(impossible.refusal(), "BAD_USER_INPUT");
    let at = &impossible.json["errors"][0]["extensions"]["inputPath"];
    assert_eq!(at, &json!(["input", "edition", "startsOn"]));
    let again = json!({ "input": { "courseId": made_course(&coordinator, &edition).await, "edition": edition_input(Plan::OPEN) } });
    assert_eq!(
        coordinator
            .run("CreateEdition", again)
            .await
            .user_errors("createEdition"),
        ["TAKEN input.edition.code"]
    );
    let unchanged = coordinator.run("SeeEdition", json!({ "id": edition })).await;
    assert_eq!(unchanged.number("edition.version"), 1);
}

async fn made_course(coordinator: &crate::support::app::Client<'_>, edition: &str) -> String {
    coordinator
        .run("SeeEdition", json!({ "id": edition }))
        .await
        .text("edition.course.id")
}

#[tokio::test]
async fn only_coordinators_plan() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let edition = draft(&coordinator, Plan::OPEN).await.text("createEdition.edition.id");
    let course = made_course(&coordinator, &edition).await;
    let stranger = test.person("Saul").await;
    let create = json!({ "input": { "courseId": course, "edition": edition_input(Plan { code: "X", ..Plan::OPEN }) } });
    let step = json!({ "input": { "editionId": edition, "version": 1, "to": "ANNOUNCED" } });
    let course_input = json!({ "input": { "course": { "code": "X", "titles": [{ "language": "ES", "text": "X" }] } } });
    for (operation, variables, seen) in [
        ("CreateEdition", create, "FORBIDDEN"),
        ("CreateCourse", course_input, "FORBIDDEN"),
        ("MoveEdition", step, "NOT_FOUND"),
    ] {
        assert_eq!(
            stranger.run(operation, variables.clone()).await.refusal(),
            seen,
            "{operation}"
        );
        let nobody = test.anonymous().run(operation, variables).await.refusal().to_owned();
        assert_eq!(
            nobody,
            if seen == "NOT_FOUND" { seen } else { "UNAUTHENTICATED" },
            "{operation}"
        );
    }
    walk(&coordinator, &edition, &["ANNOUNCED"]).await;
    let step = json!({ "input": { "editionId": edition, "version": 2, "to": "ENROLLING" } });
    assert_eq!(stranger.run("MoveEdition", step).await.refusal(), "FORBIDDEN");
}

#[tokio::test]
async fn a_course_is_found_again_under_its_new_title() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let edition = enrolling(&coordinator, Plan::OPEN).await;
    let course = made_course(&coordinator, &edition).await;
    let texts = json!({ "code": "NEW", "titles": [{ "language": "ES", "text": "Marco de cualificaciones" }] });
    let update = |version: i64| json!({ "input": { "courseId": course, "version": version, "course": texts } });
    assert_eq!(
        coordinator
            .run("UpdateCourse", update(1))
            .await
            .number("updateCourse.course.version"),
        2
    );
    assert_eq!(
        coordinator
            .run("UpdateCourse", update(1))
            .await
            .user_errors("updateCourse"),
        ["STALE_VERSION input.version"]
    );
    let found = test
        .anonymous()
        .run(
            "BrowseCatalogue",
            json!({ "filter": { "text": "cualificaciones" }, "first": 1 }),
        )
        .await;
    assert_eq!(found.text("editions.nodes.0.id"), edition);
    let courses = test
        .anonymous()
        .run("BrowseCourses", json!({ "text": "marco", "first": 5 }))
        .await;
    assert_eq!(courses.text("courses.nodes.0.code"), "NEW");
}

/// An update replaces all, so what it replaces is read by the documents that come before it.
#[tokio::test]
async fn what_is_read_of_a_course_or_an_edition_can_be_sent_back_whole() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let texts = |what: &str| {
        let said = |language: &str| json!({ "language": language, "text": format!("{what} {language}") });
        json!([said("ES"), said("EN"), said("PT")])
    };
    let course = json!({
        "code": "WHOLE", "titles": texts("T"), "descriptions": texts("D"), "objectives": texts("O"), "topics": ["one"],
    });
    let made = done(&carla, "CreateCourse", json!({ "course": course })).await;
    let course = made.text("createCourse.course.id");
    let see = async |operation: &str, id: &str, field: &str| {
        let seen = carla.run(operation, json!({ "id": id })).await;
        seen.at(field).clone()
    };
    let before = see("SeeCourse", &course, "course").await;
    let again = json!({
        "code": before["code"], "titles": before["titles"], "descriptions": before["descriptions"],
        "objectives": before["objectiveTexts"], "topics": ["one", "two"],
    });
    let update = json!({ "courseId": course, "version": before["version"], "course": again });
    done(&carla, "UpdateCourse", update).await;
    let mut after = see("SeeCourse", &course, "course").await;
    assert_eq!(after["topics"], json!(["one", "two"]));
    (after["topics"], after["version"]) = (before["topics"].clone(), before["version"].clone());
    assert_eq!(after, before);

    let mut plan = edition_input(Plan::OPEN);
    for (name, value) in [
        ("minimum", json!(3)),
        ("offerHours", json!(48)),
        ("endorsesNominations", json!(true)),
        ("tutorsRelease", json!(true)),
    ] {
        plan[name] = value;
    }
    let made = done(&carla, "CreateEdition", json!({ "courseId": course, "edition": plan })).await;
    let edition = made.text("createEdition.edition.id");
    let before = see("SeeEdition", &edition, "edition").await;
    let mut again = json!({});
    for field in [
        "code",
        "languages",
        "timeZone",
        "startsOn",
        "endsOn",
        "enrolsFrom",
        "enrolsUntil",
        "minimum",
        "modality",
        "policy",
        "passMark",
        "tutorsRelease",
        "endorsesNominations",
        "offerHours",
    ] {
        again[field] = before[field].clone();
    }
    again["capacity"] = json!(7);
    let update = json!({ "editionId": edition, "version": before["version"], "edition": again });
    done(&carla, "UpdateEdition", update).await;
    let mut after = see("SeeEdition", &edition, "edition").await;
    assert_eq!(after["capacity"], 7);
    for field in ["capacity", "seatsFree", "version"] {
        after[field] = before[field].clone();
    }
    assert_eq!(after, before);
}

#[tokio::test]
async fn pages_follow_each_other_in_both_directions() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    for code in ["A-1", "A-2", "A-3", "A-4", "A-5"] {
        draft(&coordinator, Plan { code, ..Plan::OPEN }).await;
    }
    let page = "query ($first: Int, $after: String, $last: Int, $before: String) {
        editions(first: $first, after: $after, last: $last, before: $before) {
            nodes { code } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }";
    let codes = |answer: &crate::support::app::Answer| {
        let nodes = answer.at("editions.nodes").as_array().expect("nodes").clone();
        nodes
            .iter()
            .map(|node| node["code"].as_str().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    let first = coordinator.query(page, json!({ "first": 2 })).await;
    assert_eq!(codes(&first), ["A-5", "A-4"]);
    assert_eq!(first.at("editions.pageInfo.hasNextPage"), true);
    let second = coordinator
        .query(
            page,
            json!({ "first": 2, "after": first.text("editions.pageInfo.endCursor") }),
        )
        .await;
    assert_eq!(codes(&second), ["A-3", "A-2"]);
    let back = coordinator
        .query(
            page,
            json!({ "last": 2, "before": second.text("editions.pageInfo.startCursor") }),
        )
        .await;
    assert_eq!(codes(&back), ["A-5", "A-4"]);
    assert_eq!(back.at("editions.pageInfo.hasPreviousPage"), false);
    let last = coordinator.query(page, json!({ "last": 1 })).await;
    assert_eq!(codes(&last), ["A-1"]);
    for (wrong, code) in [
        (json!({}), "REQUIRED"),
        (json!({ "first": 0 }), "OUT_OF_RANGE"),
        (json!({ "first": 101 }), "OUT_OF_RANGE"),
        (json!({ "first": 1, "last": 1 }), "MALFORMED"),
        (json!({ "first": 1, "after": "x" }), "MALFORMED"),
    ] {
        assert_eq!(coordinator.query(page, wrong.clone()).await.refusal(), code, "{wrong}");
    }
}

/// What a course becomes.
fn renamed(course: &str, version: i64, title: &str) -> Value {
    let texts = json!({ "code": "NEW", "titles": [{ "language": "ES", "text": title }] });
    json!({ "courseId": course, "version": version, "course": texts })
}

/// The codes of the editions in which a word is found.
async fn found(test: &TestApp, word: &str) -> Vec<String> {
    let page = test
        .anonymous()
        .run("BrowseCatalogue", json!({ "filter": { "text": word }, "first": 20 }))
        .await;
    let nodes = page.at("editions.nodes").as_array().expect("nodes").clone();
    nodes
        .iter()
        .map(|node| node["code"].as_str().expect("a code").to_owned())
        .collect()
}

#[tokio::test]
async fn a_new_title_costs_the_same_for_one_edition_and_for_five() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let edition = enrolling(&coordinator, Plan::OPEN).await;
    let course = made_course(&coordinator, &edition).await;
    let mut spent = Vec::new();
    for (version, title) in [(1, "Primero"), (2, "Segundo")] {
        coordinator.warm_up().await;
        let before = test.app.db.statements();
        done(&coordinator, "UpdateCourse", renamed(&course, version, title)).await;
        spent.push(test.app.db.statements() - before);
        for &code in ["B-2026", "C-2026", "D-2026", "E-2026"].iter().filter(|_| version == 1) {
            let plan = edition_input(Plan { code, ..Plan::OPEN });
            let made = act(
                &coordinator,
                "CreateEdition",
                json!({ "courseId": course, "edition": plan }),
            )
            .await;
            walk(&coordinator, &made.text("createEdition.edition.id"), &["ANNOUNCED"]).await;
        }
    }
    assert_eq!(spent[0], spent[1]);
    assert_eq!(found(&test, "segundo").await.len(), 5);
    assert_eq!(found(&test, "d-2026").await, ["D-2026"]);
    assert_eq!(found(&test, "primero").await, [""; 0]);
}

#[tokio::test]
async fn a_new_title_and_a_new_code_at_the_same_time_are_both_found() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let edition = enrolling(&coordinator, Plan::OPEN).await;
    let course = made_course(&coordinator, &edition).await;
    // Somebody has given the edition another code, and not yet committed it.
    let other = test.app.db.write().await.expect("a transaction");
    let recoded = "UPDATE edition SET code = 'RECODED', version = version + 1,
                   search_text = replace(search_text, 'demo-2026', 'recoded')";
    other.execute_unprepared(recoded).await.expect("another code");
    let update = act(&coordinator, "UpdateCourse", renamed(&course, 1, "Marco"));
    let commit = async {
        if test.app.db.engine() == Engine::Postgres {
            until("the course waits for its edition", async || waits(&test).await).await;
        }
        other.commit().await.expect("a commit");
    };
    let (updated, ()) = tokio::join!(update, commit);
    assert_eq!(updated.user_errors("updateCourse"), [""; 0]);
    assert_eq!(found(&test, "recoded").await, ["RECODED"]);
    assert_eq!(found(&test, "marco").await, ["RECODED"]);
    assert_eq!(found(&test, "demo-2026").await, [""; 0]);
}

#[tokio::test]
async fn an_edition_made_while_its_course_gets_a_new_title_has_the_new_one() {
    let test = TestApp::new().await;
    if test.app.db.engine() == Engine::Sqlite {
        // One writes at a time.
        return;
    }
    let coordinator = test.coordinator().await;
    let edition = enrolling(&coordinator, Plan::OPEN).await;
    let course = made_course(&coordinator, &edition).await;
    // Somebody has changed the course, and not yet committed it: its editions were brought up to date.
    let other = test.app.db.write().await.expect("a transaction");
    let retitled = "UPDATE course SET search_text = 'marco', version = version + 1";
    other.execute_unprepared(retitled).await.expect("another title");
    let plan = edition_input(Plan {
        code: "B-2026",
        ..Plan::OPEN
    });
    let create = act(
        &coordinator,
        "CreateEdition",
        json!({ "courseId": course, "edition": plan }),
    );
    let commit = async {
        // Without the lock nobody waits, and the edition is there before the title.
        let began = std::time::Instant::now();
        while !waits(&test).await && began.elapsed() < std::time::Duration::from_secs(2) {
            tokio::task::yield_now().await;
        }
        other.commit().await.expect("a commit");
    };
    let (made, ()) = tokio::join!(create, commit);
    walk(&coordinator, &made.text("createEdition.edition.id"), &["ANNOUNCED"]).await;
    assert_eq!(found(&test, "marco").await, ["B-2026"]);
}
