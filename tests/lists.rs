//! Lists in an input or a filter: how long they may be, that each thing stands in them once, what long ones cost.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::scene::{Class, Plan, act, as_seen, enrolling, faults, id_of, scores, state, version};

/// A list that a mutation takes: whose it is, where it stands, one of what stands in it, the rest of the input, and how
/// much it holds at most, where there is a limit.
type Listing = (&'static str, &'static str, Value, Value, Option<usize>);

fn listings(class: &Class<'_>, submission: &str) -> Vec<Listing> {
    let enrolment = json!({ "id": class.enrolments[0], "version": 2 });
    let work = json!({ "id": submission, "version": 2 });
    let decision = json!({ "editionId": class.edition, "decision": "EXCLUDE", "reason": "Never came" });
    let tutor = json!({ "personId": id_of(&class.tutor) });
    let new = json!({ "editionId": class.edition, "name": "Tala" });
    let team = json!({ "teamId": class.team, "version": 1 });
    let (member, other) = (json!(class.enrolments[0]), json!(class.enrolments[2]));
    vec![
        (
            "DecideEnrolments",
            "enrolments",
            enrolment.clone(),
            decision,
            Some(1000),
        ),
        ("DecideCompletion", "enrolments", enrolment, json!({}), Some(500)),
        ("ReleaseGrades", "submissions", work.clone(), json!({}), Some(100)),
        ("FinalizeGrades", "submissions", work, json!({}), Some(100)),
        ("AllocateTutor", "teamIds", json!(class.team), tutor, Some(100)),
        ("CreateTeam", "enrolmentIds", other.clone(), new, Some(100)),
        ("UpdateTeam", "addEnrolmentIds", other, team.clone(), Some(100)),
        ("UpdateTeam", "removeEnrolmentIds", member, team, None),
    ]
}

#[tokio::test]
async fn a_list_names_each_thing_once_and_no_more_than_it_may() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben", "Cy"]).await;
    let submission = class.hand_in(&class.people[0], "In eighteen months.").await;
    for (operation, at, one, rest, limit) in listings(&class, &submission) {
        let refused = async |count: usize| {
            let mut input = rest.clone();
            input[at] = Value::from(vec![one.clone(); count]);
            faults(&class.coordinator, operation, input).await
        };
        assert_eq!(refused(2).await, [format!("REPEATED input.{at}.1")], "{operation}");
        let twice = [1, 2].map(|place| format!("REPEATED input.{at}.{place}"));
        assert_eq!(refused(3).await, twice, "{operation}");
        if let Some(limit) = limit {
            let too_long = [format!("TOO_LONG input.{at}")];
            assert_eq!(refused(limit + 1).await, too_long, "{operation}");
        }
    }
    for enrolment in &class.enrolments {
        assert_eq!(state(&class.coordinator, enrolment).await, "ACTIVE");
        assert_eq!(
            version(&class.coordinator, enrolment).await,
            2 + i64::from(enrolment == &class.enrolments[0])
        );
    }
    let seen = class.coordinator.run("SeeTeam", json!({ "id": class.team })).await;
    assert_eq!(seen.number("team.version"), 1, "nothing was changed");
    assert_eq!(test.violations().await, []);
}

#[tokio::test]
async fn a_course_has_one_text_of_a_language() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let said = |language: &str| json!({ "language": language, "text": "Datos" });
    let title = [said("ES")];
    for (titles, descriptions, expected) in [
        (
            json!([said("ES"), said("EN"), said("ES")]),
            json!([]),
            "REPEATED input.course.titles.2.language",
        ),
        (
            json!(title),
            json!([said("PT"), said("PT")]),
            "REPEATED input.course.descriptions.1.language",
        ),
        (
            json!([said("ES"), said("EN"), said("PT"), said("ES")]),
            json!([]),
            "TOO_LONG input.course.titles",
        ),
    ] {
        let course = json!({ "code": "BIG-DATA", "titles": titles, "descriptions": descriptions });
        let refused = faults(&coordinator, "CreateCourse", json!({ "course": course })).await;
        assert_eq!(refused, [expected]);
    }
}

#[tokio::test]
async fn a_list_in_a_filter_has_one_value_at_least_and_a_thousand_at_most() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let edition = enrolling(&coordinator, Plan::OPEN).await;
    let institution = "ins_01h455vb4pex5vsknk084sn02q";
    for (field, at, of, value) in [
        ("editions", "filter.states", "EditionState", "RUNNING"),
        ("edition.enrolments", "filter.states", "EnrolmentState", "ACTIVE"),
        ("edition.enrolments", "filter.countries", "String", "UY"),
        ("edition.enrolments", "filter.institutionIds", "ID", institution),
        ("edition.enrolments", "filter.nominatedByIds", "ID", institution),
        (
            "edition.enrolments",
            "filter.constituentGroups",
            "ConstituentGroup",
            "WORKERS",
        ),
        ("edition.enrolments", "filter.languages", "Language", "ES"),
        ("edition.invitations", "filter.states", "InvitationState", "SENT"),
        ("edition.submissions", "states", "SubmissionState", "DRAFT"),
        ("invitations", "filter.states", "InvitationState", "SENT"),
        ("nominations", "filter.states", "NominationState", "SUBMITTED"),
        ("reviewQueue", "states", "SubmissionState", "DRAFT"),
        ("auditEntries", "filter.actions", "String", "apply"),
    ] {
        let most = if field == "auditEntries" { 20 } else { 1000 };
        let argument = match at.split_once('.') {
            Some((filter, list)) => format!("{filter}: {{ {list}: $list }}"),
            None => format!("{at}: $list"),
        };
        let page = |field: &str| format!("{field}(first: 1, {argument}) {{ nodes {{ __typename }} }}");
        let asked = match field.strip_prefix("edition.") {
            Some(field) => format!("edition(id: \"{edition}\") {{ {} }}", page(field)),
            None => page(field),
        };
        let document = format!("query ($list: [{of}!]) {{ {asked} }}");
        let ask = async |list: Value| coordinator.query(&document, json!({ "list": list })).await;
        for list in [Value::Null, json!([value]), json!(vec![value; most])] {
            assert!(ask(list).await.json.get("errors").is_none(), "{document}");
        }
        let path = json!(at.split('.').collect::<Vec<_>>());
        let none = ask(json!([])).await;
        assert_eq!(none.refusal(), "REQUIRED", "{document}");
        assert_eq!(none.json["errors"][0]["extensions"]["inputPath"], path, "{document}");
        let more = ask(json!(vec![value; most + 1])).await;
        assert_eq!(more.refusal(), "TOO_LONG", "{document}");
        let error = &more.json["errors"][0];
        assert_eq!(error["extensions"]["inputPath"], path, "{document}");
        assert_eq!(error["extensions"]["detail"], most.to_string(), "{document}");
        let said = error["message"].as_str().expect("a sentence");
        assert!(said.contains(&most.to_string()), "{said}");
    }
}

/// Does something to these things at once, and returns how many statements that took. They are answered in their
/// order; named are the list of the input, that of the answer, and what says there which thing a row is about.
async fn cost(test: &TestApp, class: &Class<'_>, operation: &str, lists: [&str; 3], things: &[String]) -> u64 {
    let [list, rows, id] = lists;
    let mut input = json!({});
    input[list] = as_seen(&class.coordinator, json!(things)).await;
    class.coordinator.warm_up().await;
    let before = test.app.db.statements();
    let answer = act(&class.coordinator, operation, input).await;
    let spent = test.app.db.statements() - before;
    let rows = answer.at(rows).as_array().expect("a list");
    let of: Vec<&Value> = rows.iter().map(|row| &row[id]).collect();
    assert_eq!(of, things.iter().collect::<Vec<_>>());
    spent
}

#[tokio::test]
async fn outcomes_of_many_cost_as_many_statements_as_of_two() {
    let test = TestApp::new().await;
    let class = Class::of(
        &test,
        &["Ana", "Ben", "Cy", "Dan", "Eva", "Fio", "Gil", "Hal", "Ida", "Jo"],
    )
    .await;
    let mut spent = Vec::new();
    // The first ones make the rows of the statistics.
    for some in [&class.enrolments[..1], &class.enrolments[1..3], &class.enrolments[3..]] {
        let lists = ["enrolments", "decideCompletion.completions", "enrolmentId"];
        spent.push(cost(&test, &class, "DecideCompletion", lists, some).await);
    }
    assert_eq!(spent[1], spent[2], "{spent:?}");
    for enrolment in &class.enrolments {
        assert_eq!(state(&class.coordinator, enrolment).await, "NOT_COMPLETED");
    }
    assert_eq!(test.notices().await.len(), class.people.len());
    test.fine().await;
}

#[tokio::test]
async fn grades_of_many_cost_as_many_statements_as_of_one() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben", "Cy", "Dan", "Eva", "Fio", "Gil", "Hal"]).await;
    let mut works = vec![class.hand_in(&class.people[0], "Ours").await];
    for place in 1..4 {
        class
            .make_team(&format!("Team {place}"), &class.enrolments[2 * place..2 * place + 2])
            .await;
        works.push(class.hand_in(&class.people[2 * place], "Ours, too").await);
    }
    for (place, work) in works.iter().enumerate() {
        // One is graded twice: the last assessment counts.
        if place == 3 {
            class.grade(&class.coordinator, work, scores(0, 0)).await;
        }
        class.grade(&class.coordinator, work, scores(2, 1)).await;
    }
    let mut spent = Vec::new();
    for some in [&works[..1], &works[1..2], &works[2..]] {
        let lists = ["submissions", "releaseGrades.submissions", "id"];
        spent.push(cost(&test, &class, "ReleaseGrades", lists, some).await);
    }
    assert_eq!(spent[1], spent[2], "{spent:?}");
    let mails = test.mails().await;
    assert_eq!(mails.len(), 8, "each author of each work");
    for mail in &mails {
        assert!(mail.text.contains("58.333"), "{}", mail.text);
    }
    let by = json!({ "by": ["EDITION"], "filter": { "editions": [class.edition] } });
    let figures = class.coordinator.run("Statistics", by).await;
    assert_eq!(figures.number("statistics.total.released"), 4);
    let input = json!({ "submissions": as_seen(&class.coordinator, json!(works)).await });
    let done = act(&class.coordinator, "FinalizeGrades", input).await;
    let done = done.at("finalizeGrades.submissions").as_array().expect("a list");
    assert_eq!(done.len(), works.len());
    assert!(done.iter().all(|row| row["state"] == "FINAL"), "{done:?}");
    test.fine().await;
}
