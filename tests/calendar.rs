//! One's own calendar for other programs: the secret link, and what stands in it.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use chrono::{DateTime, TimeDelta, Utc};
use icalendar::parser::{read_calendar, unfold};
use rumbo::domain::actor::{Actor, Role, Scope};
use rumbo::domain::id::MeetingId;
use rumbo::domain::text::Reason;
use rumbo::service::export;
use rumbo::store::meeting;
use sea_orm::{ActiveModelTrait, IntoActiveModel};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::patience::stall;
use crate::retry::until;
use crate::support::app::{Answer, Client, TestApp};
use crate::support::scene::{Class, Plan, act, apply, cancel, done, edition_input, enrolling, id_of, replan, speak};

/// The path of a new link.
async fn link(client: &Client<'_>) -> String {
    let made = client.run("CreateCalendarLink", json!({})).await;
    assert_eq!(made.user_errors("createCalendarLink"), [""; 0]);
    let url = made.text("createCalendarLink.created.url");
    let at = url.find("/calendar/cal_").expect("a link");
    assert!(url.strip_suffix(".ics").is_some(), "{url}");
    url[at..].to_owned()
}

/// Fetches a path, perhaps with the tag of what one has.
async fn fetch(test: &TestApp, path: &str, tag: Option<&str>) -> Answer {
    let mut request = Request::get(path);
    if let Some(tag) = tag {
        request = request.header(header::IF_NONE_MATCH, tag);
    }
    test.send(request.body(Body::empty()).expect("a request")).await
}

/// The events of a calendar by their name, each with its properties, as a reader of another house understands them.
async fn events(test: &TestApp, path: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let answer = fetch(test, path, None).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(answer.headers[header::CONTENT_TYPE], "text/calendar; charset=utf-8");
    assert!(answer.body.split("\r\n").all(|line| line.len() <= 75));
    let unfolded = unfold(&answer.body);
    let calendar = read_calendar(&unfolded).expect("a calendar");
    let mut found = BTreeMap::new();
    for component in &calendar.components {
        assert_eq!(component.name.as_ref(), "VEVENT");
        let properties: BTreeMap<String, String> = component
            .properties
            .iter()
            .map(|property| (property.name.to_string(), property.val.to_string()))
            .collect();
        for required in ["UID", "DTSTAMP", "DTSTART", "SUMMARY", "SEQUENCE", "LAST-MODIFIED"] {
            assert!(properties.contains_key(required), "{required}: {properties:?}");
        }
        assert!(
            found.insert(properties["UID"].clone(), properties).is_none(),
            "a name twice"
        );
    }
    found
}

/// The starts of events with their titles, in the order of their starts.
fn starts(events: &BTreeMap<String, BTreeMap<String, String>>) -> Vec<(String, String)> {
    let mut starts: Vec<_> = events
        .values()
        .map(|event| (event["DTSTART"].clone(), event["SUMMARY"].clone()))
        .collect();
    starts.sort();
    starts
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(start, title): &(&str, &str)| ((*start).to_owned(), (*title).to_owned());
    expected.iter().map(owned).collect()
}

/// A meeting of the edition, as an import makes it.
async fn meet(test: &TestApp, edition: &str, starts_at: &str) {
    let starts_at: DateTime<Utc> = starts_at.parse().expect("an instant");
    let tx = test.app.db.write().await.expect("a transaction");
    let row = meeting::Model {
        id: MeetingId(test.app.clock.new_id()),
        edition_id: edition.parse().expect("an edition"),
        number: 1,
        starts_at,
        minutes: 90,
    };
    row.into_active_model().insert(&tx).await.expect("a meeting");
    tx.commit().await.expect("a commit");
}

#[tokio::test]
async fn a_calendar_holds_what_one_takes_part_in_and_tutors() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    meet(&test, &class.edition, "2026-04-07T10:00:00-03:00").await;
    let inside = [
        ("20260406", "Digital training (DEMO-2026)"),
        ("20260407T130000Z", "Meeting 1: Digital training (DEMO-2026)"),
        ("20260602T025900Z", "Due: Roadmap (DEMO-2026)"),
        ("20260609T025900Z", "Last hand-in: Roadmap (DEMO-2026)"),
    ];
    for client in [&class.people[0], &class.tutor] {
        let path = link(client).await;
        let events = events(&test, &path).await;
        assert_eq!(starts(&events), pairs(&inside));
        let edition = events
            .values()
            .find(|event| event["DTSTART"] == "20260406")
            .expect("the edition");
        assert_eq!(edition["DTEND"], "20260801", "the day after the last one");
        assert!(
            edition["UID"].starts_with(&format!("{}@", class.edition)),
            "{edition:?}"
        );
        let due = events
            .values()
            .find(|event| event["SUMMARY"].starts_with("Due"))
            .expect("a due date");
        assert_eq!(due["DESCRIPTION"], "2026-06-01 23:59 (America/Montevideo)");
        assert!(due["UID"].starts_with(&format!("{}-due@", class.roadmap)), "{due:?}");
    }
    // Whoever coordinates takes part in nothing, nor does a stranger.
    for client in [&class.coordinator, &test.person("Saul").await] {
        assert_eq!(starts(&events(&test, &link(client).await).await), pairs(&[]));
    }
    // In one's own language.
    speak(&class.people[1], "ES").await;
    let spanish = events(&test, &link(&class.people[1]).await).await;
    let titles: Vec<String> = starts(&spanish).into_iter().map(|(_, title)| title).collect();
    assert_eq!(
        titles,
        [
            "Formación profesional digital (DEMO-2026)",
            "Encuentro 1: Formación profesional digital (DEMO-2026)",
            "Entrega: Roadmap (DEMO-2026)",
            "Cierre de entregas: Roadmap (DEMO-2026)",
        ]
    );
}

#[tokio::test]
async fn whoever_waits_sees_the_end_of_enrolment_alone() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN.by_approval()).await;
    meet(&test, &edition, "2026-04-07T10:00:00-03:00").await;
    let ana = test.person("Ana").await;
    let (enrolment, _) = apply(&ana, &edition).await;
    let path = link(&ana).await;
    let waiting = events(&test, &path).await;
    assert_eq!(
        starts(&waiting),
        pairs(&[("20260402T025959Z", "Enrolment closes: Digital training (DEMO-2026)")])
    );
    let leaving = json!({ "enrolmentId": enrolment, "version": 1 });
    act(&ana, "WithdrawEnrolment", leaving).await;
    assert_eq!(starts(&events(&test, &path).await), pairs(&[]));
}

#[tokio::test]
async fn an_event_keeps_its_name_and_tells_of_its_changes() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana"]).await;
    let path = link(&class.people[0]).await;
    let first = fetch(&test, &path, None).await;
    let tag = first.headers[header::ETAG].to_str().expect("a tag").to_owned();
    assert_eq!(first.headers[header::CACHE_CONTROL], "private, no-cache");
    test.pass(TimeDelta::minutes(5));
    for same in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
        let unchanged = fetch(&test, &path, Some(&same)).await;
        assert_eq!(
            (unchanged.status, unchanged.body.as_str()),
            (StatusCode::NOT_MODIFIED, "")
        );
        assert_eq!(unchanged.headers[header::ETAG], tag);
    }
    let before = events(&test, &path).await;
    let carla = class.coordinator.again().await;
    let mut plan = edition_input(Plan::OPEN);
    plan["startsOn"] = json!("2026-04-13");
    let changed = replan(&carla, &class.edition, plan).await;
    assert_eq!(changed.user_errors("updateEdition"), [""; 0]);
    let moved = fetch(&test, &path, Some(&tag)).await;
    assert_eq!(moved.status, StatusCode::OK);
    assert_ne!(moved.headers[header::ETAG], tag);
    let after = events(&test, &path).await;
    assert!(before.keys().eq(after.keys()), "{before:?} {after:?}");
    let of_edition = |events: &BTreeMap<String, BTreeMap<String, String>>| {
        let found = events.iter().find(|(uid, _)| uid.starts_with(&class.edition));
        found.expect("the edition").1.clone()
    };
    let (old, new) = (of_edition(&before), of_edition(&after));
    assert_eq!(
        (old["DTSTART"].as_str(), new["DTSTART"].as_str()),
        ("20260406", "20260413")
    );
    let number = |event: &BTreeMap<String, String>| event["SEQUENCE"].parse::<i64>().expect("a number");
    assert!(number(&new) > number(&old));
    assert_eq!(
        (old["LAST-MODIFIED"].as_str(), new["LAST-MODIFIED"].as_str()),
        ("20260302T120000Z", "20260302T120500Z")
    );
    // What names its code and zone is as new as it, and otherwise as it was.
    let others: Vec<&String> = before.keys().filter(|uid| !uid.starts_with(&class.edition)).collect();
    assert!(!others.is_empty());
    for uid in others {
        for (property, value) in &before[uid] {
            let expected = match property.as_str() {
                "DTSTAMP" | "LAST-MODIFIED" => "20260302T120500Z",
                _ => value,
            };
            assert_eq!(after[uid][property], expected, "{uid} {property}");
        }
    }
}

#[tokio::test]
async fn an_event_is_as_new_as_what_it_shows() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana"]).await;
    let path = link(&class.people[0]).await;
    let tag = async || {
        let answer = fetch(&test, &path, None).await;
        answer.headers[header::ETAG].to_str().expect("a tag").to_owned()
    };
    let edition = async || {
        let found = events(&test, &path).await;
        let mut found = found.into_iter().filter(|(uid, _)| uid.starts_with(&class.edition));
        found.next().expect("the edition").1
    };
    let at_first = tag().await;
    // An export and a copy change nothing.
    test.pass(TimeDelta::minutes(5));
    let reason = Reason::parse("The annual report").expect("a reason");
    let mut out = Vec::new();
    let lines = export::enrolments(&test.app, &Actor::operator(), Some("DEMO-2026"), &reason, &mut out).await;
    assert_eq!(lines.expect("an export"), 1);
    let input = json!({ "editionId": class.edition, "code": "DEMO-2027", "startsOn": "2027-04-06" });
    done(&class.coordinator, "CopyEdition", input).await;
    assert_eq!(tag().await, at_first);
    // Another title of its course shows.
    let carla = &class.coordinator;
    let seen = carla.run("SeeEdition", json!({ "id": class.edition })).await;
    let titles = json!([{ "language": "EN", "text": "Another title" }]);
    let texts = json!({ "code": seen.text("edition.course.code"), "titles": titles });
    let input = json!({ "courseId": seen.text("edition.course.id"), "version": 1, "course": texts });
    done(carla, "UpdateCourse", input).await;
    let event = edition().await;
    assert_eq!(event["SUMMARY"], "Another title (DEMO-2026)");
    assert_eq!(event["LAST-MODIFIED"], "20260302T120500Z");
    // Time ends it: a new version of it, from then on.
    let before = edition().await;
    test.pass("2026-08-02T12:00:00Z".parse::<DateTime<Utc>>().expect("an instant") - test.now());
    drop(test.mails().await);
    let after = edition().await;
    let number = |event: &BTreeMap<String, String>| event["SEQUENCE"].parse::<i64>().expect("a number");
    assert!(number(&after) > number(&before));
    assert_eq!(after["LAST-MODIFIED"], "20260802T120000Z");
}

#[tokio::test]
async fn a_link_that_does_not_work_looks_like_none() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana"]).await;
    let ana = &class.people[0];
    let none = ana.run("MyCalendarLink", json!({})).await;
    assert!(none.at("viewer.calendarLink").is_null());
    let first = link(ana).await;
    let second = link(ana).await;
    let kept = ana.run("MyCalendarLink", json!({})).await;
    let since: DateTime<Utc> = kept.text("viewer.calendarLink.createdAt").parse().expect("an instant");
    assert_eq!(since, test.now());
    assert_eq!(fetch(&test, &second, None).await.status, StatusCode::OK);
    let revoked = ana.run("RevokeCalendarLink", json!({})).await;
    assert_eq!(revoked.at("revokeCalendarLink.revoked"), true);
    let again = ana.run("RevokeCalendarLink", json!({})).await;
    assert_eq!(
        again.at("revokeCalendarLink.revoked"),
        true,
        "done twice it is the same"
    );
    let ben = test.person("Ben").await;
    let disabled = link(&ben).await;
    let input = json!({ "personId": id_of(&ben), "reason": "So" });
    let ada = test.administrator().await;
    done(&ada, "DisableAccount", input).await;
    let other = second.replace("cal_", "otk_");
    let mut seen = Vec::new();
    for path in [
        first.as_str(),
        &second,
        &disabled,
        &other,
        &second[..second.len() - 5],
        second.trim_end_matches(".ics"),
        "/calendar/cal_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA.ics",
        "/calendar/.ics",
        "/calendar/nonsense",
    ] {
        let answer = fetch(&test, path, None).await;
        let mut headers = answer.headers.clone();
        headers.remove("x-request-id");
        seen.push((answer.status, answer.body, format!("{headers:?}")));
    }
    assert_eq!(seen[0].0, StatusCode::NOT_FOUND);
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:#?}");
    for client in [&test.anonymous()] {
        for operation in ["CreateCalendarLink", "RevokeCalendarLink"] {
            assert_eq!(client.run(operation, json!({})).await.refusal(), "UNAUTHENTICATED");
        }
    }
    let hidden = &second["/calendar/cal_".len()..second.len() - 4];
    for (table, rows) in crate::support::rows::all(&test.app.db).await {
        assert!(rows.iter().all(|row| !row.contains(hidden)), "{table} holds the secret");
    }
}

#[tokio::test]
async fn what_was_revoked_is_gone_at_the_next_fetch() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana"]).await;
    let path = link(&class.tutor).await;
    assert!(starts(&events(&test, &path).await).len() > 1);
    let roles = "{ viewer { roles { id } } }";
    let held = class.tutor.query(roles, json!({})).await;
    let role = held.text("viewer.roles.0.id");
    done(&class.coordinator, "RevokeRole", json!({ "roleAssignmentId": role })).await;
    assert_eq!(starts(&events(&test, &path).await), pairs(&[]));
    // A tutor without a team sees the edition, and not what it asks for.
    let edition = class.edition.parse().expect("an edition");
    test.role_of(&class.tutor, Role::Tutor, Scope::Edition(edition)).await;
    assert_eq!(
        starts(&events(&test, &path).await),
        pairs(&[("20260406", "Digital training (DEMO-2026)")])
    );
    let of_ana = link(&class.people[0]).await;
    cancel(&class.coordinator, &class.edition, "No").await;
    for path in [&path, &of_ana] {
        assert_eq!(starts(&events(&test, path).await), pairs(&[]));
    }
}

#[tokio::test]
async fn one_address_fetches_only_so_often() {
    let test = TestApp::with(&[("rates.enabled", "true")]).await;
    let burst = test.app.settings.rates.anonymous.burst;
    let path = "/calendar/cal_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA.ics";
    for _ in 0..burst {
        assert_eq!(fetch(&test, path, None).await.status, StatusCode::NOT_FOUND);
    }
    let refused = fetch(&test, path, None).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    let wait: i64 = refused.headers[header::RETRY_AFTER]
        .to_str()
        .expect("a text")
        .parse()
        .expect("a number");
    test.pass(TimeDelta::seconds(wait));
    assert_eq!(fetch(&test, path, None).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_calendar_costs_a_bounded_number_of_statements() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let ana = test.person("Ana").await;
    let path = link(&ana).await;
    let mut spent = Vec::new();
    for codes in [&["A-1"][..], &["B-1", "B-2", "B-3", "B-4", "B-5"][..]] {
        for &code in codes {
            let edition = enrolling(&carla, Plan { code, ..Plan::OPEN }).await;
            apply(&ana, &edition).await;
            meet(&test, &edition, "2026-04-07T10:00:00-03:00").await;
        }
        let before = test.app.db.statements();
        events(&test, &path).await;
        spent.push(test.app.db.statements() - before);
    }
    eprintln!("a calendar of one edition and of six: {spent:?} statements");
    assert_eq!(spent[0], spent[1]);
    assert!(spent[0] <= 8, "{spent:?}");
    drop(test.mails().await);
}

#[tokio::test]
async fn a_calendar_that_takes_too_long_is_given_up_and_leaves_nothing_running() {
    let test = TestApp::with(&[("load.operation_seconds", "1"), ("database.statement_seconds", "30")]).await;
    let ana = test.person("Ana").await;
    let path = link(&ana).await;
    stall(&test, "calendar_link").await;
    let answer = tokio::time::timeout(Duration::from_secs(10), fetch(&test, &path, None)).await;
    let answer = answer.expect("an answer within the time of an operation");
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers[header::RETRY_AFTER], "1");
    until("the connection is free", async || test.app.db.readers_at_work() == 0).await;
}
