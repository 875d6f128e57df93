//! Work from the draft to its second version: who writes, who reads, what is refused, what time closes.

use chrono::TimeDelta;
use rumbo::domain::id::DeliverableId;
use serde_json::{Value, json};

use crate::support::app::{Client, TestApp};
use crate::support::scene::{Class, act, faults, roadmap_input, speak, walk};

const NO_SUBMISSION: &str = "sub_01h455vb4pex5vsknk084sn02q";
const NO_DELIVERABLE: &str = "dlv_01h455vb4pex5vsknk084sn02q";

async fn queue(tutor: &Client<'_>) -> Vec<String> {
    let page = tutor.run("ReviewQueue", json!({ "first": 50 })).await;
    let nodes = page.at("reviewQueue.nodes").as_array().expect("nodes").clone();
    nodes
        .iter()
        .map(|node| node["id"].as_str().expect("an identifier").to_owned())
        .collect()
}

#[tokio::test]
async fn a_roadmap_goes_from_the_draft_to_its_second_version() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben", "Cy"]).await;
    let [ana, ben, cy] = [&class.people[0], &class.people[1], &class.people[2]];
    let asked = ana
        .run("EditionDeliverables", json!({ "editionId": class.edition }))
        .await;
    assert!(asked.at("edition.deliverables.0.mySubmission").is_null());
    let draft = class.save(ana, "First thoughts").await;
    assert_eq!(draft.text("saveDraft.submission.state"), "DRAFT");
    let submission = draft.text("saveDraft.submission.id");
    let read = class.tutor.run("MySubmission", json!({ "id": submission })).await;
    assert!(read.at("submission.draftBody").is_null(), "a draft is its authors'");
    assert_eq!(queue(&class.tutor).await, [""; 0]);
    class.save(ben, "A plan by both").await;
    let handed_in = class.hand_in(ana, "A plan by both, with dates").await;
    assert_eq!(handed_in, submission);
    assert_eq!(queue(&class.tutor).await, std::slice::from_ref(&submission));
    assert_eq!(queue(cy).await, [""; 0]);
    assert_eq!(
        queue(&class.idle_tutor("Ivo").await).await,
        [""; 0],
        "only of teams allocated"
    );

    class.give_back(&submission, "Who pays for it?").await;
    let mails = test.mails().await;
    let mut told: Vec<&str> = mails.iter().map(|mail| mail.to.as_str()).collect();
    told.sort_unstable();
    assert_eq!(told, ["ana@example.org", "ben@example.org"]);
    assert!(
        mails
            .iter()
            .all(|mail| mail.subject == "There are comments on your work: Roadmap")
    );
    assert!(
        mails
            .iter()
            .all(|mail| mail.text.contains("Who pays for it?") && mail.html.contains("Who pays for it?"))
    );
    let seen = ben.run("MySubmission", json!({ "id": submission })).await;
    assert_eq!(seen.text("submission.state"), "REVISION_REQUESTED");
    assert_eq!(
        seen.text("submission.versions.0.assessments.0.comment"),
        "Who pays for it?"
    );
    assert_eq!(queue(&class.tutor).await, [""; 0]);

    test.pass(TimeDelta::minutes(1));
    class.hand_in(ben, "A plan by both, paid by the levy").await;
    let side_by_side = class.tutor.run("ReadVersions", json!({ "id": submission })).await;
    assert_eq!(side_by_side.number("submission.handIn.number"), 2);
    assert_eq!(
        side_by_side.text("submission.handIn.body"),
        "A plan by both, paid by the levy"
    );
    assert_eq!(
        side_by_side.text("submission.handIn.previous.body"),
        "A plan by both, with dates"
    );
    assert_eq!(
        side_by_side.text("submission.handIn.previous.assessments.0.decision"),
        "REVISION"
    );
    let first = class
        .tutor
        .run("ReadVersions", json!({ "id": submission, "number": 1 }))
        .await;
    assert!(first.at("submission.handIn.previous").is_null());
    let third = class
        .tutor
        .run("ReadVersions", json!({ "id": submission, "number": 3 }))
        .await;
    assert!(third.at("submission.handIn").is_null());
    assert_eq!(test.violations().await, []);
}

#[tokio::test]
async fn a_change_of_the_team_keeps_the_earlier_authors() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben", "Cy"]).await;
    let submission = class.hand_in(&class.people[0], "By Ana and Ben").await;
    let change = json!({
        "teamId": class.team, "version": 1,
        "addEnrolmentIds": [class.enrolments[2]], "removeEnrolmentIds": [class.enrolments[0]],
    });
    act(&class.coordinator, "UpdateTeam", change).await;
    class.give_back(&submission, "More, please").await;
    let mut told = test.notices().await;
    told.retain(|notice| notice.starts_with("revision_requested"));
    assert_eq!(
        told.len(),
        3,
        "the authors of the version, and the team of now: {told:?}"
    );
    let gone = class.people[0].run("MySubmission", json!({ "id": submission })).await;
    assert!(gone.at("submission").is_null(), "who left the team left its work");
    class.hand_in(&class.people[2], "By Ben and Cy").await;
    let read = class.coordinator.run("MySubmission", json!({ "id": submission })).await;
    let authors = |version: usize| {
        let authors = read
            .at(&format!("submission.versions.{version}.authors"))
            .as_array()
            .expect("authors");
        let mut names: Vec<_> = authors
            .iter()
            .map(|author| author["givenName"].as_str().expect("a name"))
            .collect();
        names.sort_unstable();
        names.join(" ")
    };
    assert_eq!((authors(0), authors(1)), ("Ana Ben".to_owned(), "Ben Cy".to_owned()));
    assert_eq!(test.violations().await, []);
}

#[tokio::test]
async fn what_is_not_understood_is_refused_and_changes_nothing() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let ana = &class.people[0];
    let save = async |change: Value| {
        let mut input = json!({ "deliverableId": class.roadmap, "title": "T", "body": "B", "version": null });
        input
            .as_object_mut()
            .expect("fields")
            .extend(change.as_object().expect("fields").clone());
        act(ana, "SaveDraft", input).await
    };
    for (change, expected) in [
        (json!({ "title": "x".repeat(201) }), "TOO_LONG input.title"),
        (json!({ "title": "a\nb" }), "FORBIDDEN_CHARACTER input.title"),
        (json!({ "body": "ñ".repeat(100_001) }), "TOO_LONG input.body"),
        (json!({ "body": "a\u{0}b" }), "FORBIDDEN_CHARACTER input.body"),
        (json!({ "body": "a\u{202e}b" }), "FORBIDDEN_CHARACTER input.body"),
        (json!({ "deliverableId": class.team }), "INVALID_ID input.deliverableId"),
        (json!({ "deliverableId": "dlv_!" }), "INVALID_ID input.deliverableId"),
        (json!({ "version": 1 }), "STALE_VERSION input.version"),
    ] {
        assert_eq!(save(change).await.user_errors("saveDraft"), [expected]);
    }
    assert_eq!(
        save(json!({ "deliverableId": NO_DELIVERABLE })).await.refusal(),
        "NOT_FOUND"
    );
    let asked = ana
        .run("EditionDeliverables", json!({ "editionId": class.edition }))
        .await;
    assert!(
        asked.at("edition.deliverables.0.mySubmission").is_null(),
        "nothing was begun"
    );

    let begun = save(json!({ "title": "", "body": "" })).await;
    let submission = begun.text("saveDraft.submission.id");
    let submit =
        async |id: &str, version: i64| act(ana, "SubmitWork", json!({ "submissionId": id, "version": version })).await;
    let empty = submit(&submission, 1).await;
    assert_eq!(empty.user_errors("submitWork"), ["EMPTY_SUBMISSION input"]);
    speak(ana, "ES").await;
    let in_spanish = submit(&submission, 1).await;
    assert_eq!(
        in_spanish.text("submitWork.userErrors.0.message"),
        "Escriba un título y un texto antes de entregar."
    );
    assert_eq!(
        save(json!({})).await.user_errors("saveDraft"),
        ["STALE_VERSION input.version"]
    );
    let whole = json!({ "body": "ñ".repeat(100_000), "version": 1 });
    assert_eq!(
        save(whole).await.number("saveDraft.submission.version"),
        2,
        "the longest text is taken"
    );
    assert_eq!(
        submit(&submission, 1).await.user_errors("submitWork"),
        ["STALE_VERSION input.version"]
    );
    assert_eq!(
        submit(&class.roadmap, 2).await.user_errors("submitWork"),
        ["INVALID_ID input.submissionId"]
    );
    assert_eq!(submit(NO_SUBMISSION, 2).await.refusal(), "NOT_FOUND");
    assert_eq!(
        submit(&submission, 2).await.text("submitWork.submission.state"),
        "SUBMITTED"
    );
    assert_eq!(
        submit(&submission, 3).await.user_errors("submitWork"),
        ["ILLEGAL_TRANSITION input"]
    );
    let late = save(json!({ "version": 3 })).await;
    assert_eq!(
        late.user_errors("saveDraft"),
        ["ILLEGAL_TRANSITION input"],
        "it is with the tutor"
    );
    assert_eq!(test.violations().await, []);
}

#[tokio::test]
async fn nobody_else_writes_or_reads_it() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben", "Cy", "Dan"]).await;
    class.make_team("Tala", &class.enrolments[2..3]).await;
    let submission = class.hand_in(&class.people[0], "Ours").await;
    let idle = class.idle_tutor("Ivo").await;
    let stranger = test.person("Zoe").await;
    let read = async |reader: &Client<'_>, id: &str| reader.run("MySubmission", json!({ "id": id })).await;
    for actor in [&class.people[2], &class.people[3], &idle, &stranger, &test.anonymous()] {
        let foreign = read(actor, &submission).await;
        assert!(foreign.at("submission").is_null(), "{}", actor.email);
        let absent = read(actor, NO_SUBMISSION).await;
        assert_eq!(foreign.json, absent.json, "a foreign one looks like an unknown one");
        let submit = json!({ "submissionId": submission, "version": 2 });
        let expected = if actor.person.is_some() {
            "NOT_FOUND"
        } else {
            "UNAUTHENTICATED"
        };
        assert_eq!(
            act(actor, "SubmitWork", submit).await.refusal(),
            expected,
            "{}",
            actor.email
        );
    }
    let save = json!({ "deliverableId": class.roadmap, "title": "T", "body": "B" });
    let expected = [
        (test.anonymous(), "UNAUTHENTICATED"),
        (stranger, "NOT_FOUND"),
        (class.people[3].clone(), "FORBIDDEN"),
        (class.tutor.clone(), "FORBIDDEN"),
        (class.coordinator.clone(), "FORBIDDEN"),
    ];
    for (actor, expected) in expected {
        let refused = act(&actor, "SaveDraft", save.clone()).await;
        assert_eq!(refused.refusal(), expected, "{}", actor.email);
    }
    for actor in [&class.tutor, &class.coordinator] {
        let submit = json!({ "submissionId": submission, "version": 2 });
        assert_eq!(act(actor, "SubmitWork", submit).await.refusal(), "FORBIDDEN");
    }
    // Another team of the edition begins its own.
    let theirs = class.save(&class.people[2], "Theirs").await;
    assert_ne!(theirs.text("saveDraft.submission.id"), submission);
    let other_kind = class.people[0].run("MySubmission", json!({ "id": class.team })).await;
    assert_eq!(other_kind.refusal(), "INVALID_ID");
    assert_eq!(
        test.anonymous()
            .run("ReviewQueue", json!({ "first": 5 }))
            .await
            .refusal(),
        "UNAUTHENTICATED"
    );
}

#[tokio::test]
async fn the_deadline_is_told_in_the_zone_of_the_edition() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben", "Cy"]).await;
    let tala = class.make_team("Tala", &class.enrolments[2..]).await;
    class.allocate(&tala, &class.tutor).await;
    let open = class.save(&class.people[0], "In time, nearly").await;
    let submission = open.text("saveDraft.submission.id");
    let returned = class.hand_in(&class.people[2], "In time").await;
    class.give_back(&returned, "More").await;
    let cut_off: chrono::DateTime<chrono::Utc> = "2026-06-09T02:59:00Z".parse().expect("an instant");
    test.pass(cut_off - test.now());
    let ana = class.people[0].again().await;
    let saved = class.save(&ana, "At the last second").await;
    assert_eq!(saved.user_errors("saveDraft"), [""; 0], "the last second counts");
    test.pass(TimeDelta::seconds(1));
    let input = json!({ "submissionId": submission, "version": 2 });
    let late = act(&ana, "SubmitWork", input).await;
    assert_eq!(late.user_errors("submitWork"), ["DEADLINE_PASSED input"]);
    let message = late.text("submitWork.userErrors.0.message");
    assert_eq!(
        message,
        "The deadline has passed: 2026-06-08 23:59 (America/Montevideo)."
    );
    let save = class.save(&ana, "Too late").await;
    assert_eq!(save.user_errors("saveDraft"), ["DEADLINE_PASSED input"]);
    let begin = json!({ "deliverableId": class.roadmap, "title": "T", "body": "B", "version": 2 });
    assert_eq!(faults(&ana, "SaveDraft", begin).await, ["DEADLINE_PASSED input"]);
    // A requested revision is taken later too.
    let cy = class.people[2].again().await;
    class.hand_in(&cy, "With more").await;
    drop(test.mails().await);
}

#[tokio::test]
async fn drafts_that_the_cut_off_passed_are_closed_once() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben", "Cy", "Dan"]).await;
    let tala = class.make_team("Tala", &class.enrolments[2..3]).await;
    class.allocate(&tala, &class.tutor).await;
    class.make_team("Molle", &class.enrolments[3..]).await;
    let forgotten = class
        .save(&class.people[0], "Never ends")
        .await
        .text("saveDraft.submission.id");
    let returned = class.hand_in(&class.people[2], "In time").await;
    class.give_back(&returned, "More").await;
    let waiting = class.hand_in(&class.people[3], "In time, too").await;
    drop(test.mails().await);
    let seen = async || {
        let coordinator = class.coordinator.again().await;
        let mut answers = Vec::new();
        for id in [&forgotten, &returned, &waiting] {
            let answer = coordinator.run("MySubmission", json!({ "id": id })).await;
            let steps = answer.at("submission.history").as_array().expect("steps").len();
            answers.push((
                answer.text("submission.state"),
                steps,
                answer.number("submission.version"),
            ));
        }
        answers
    };
    let before = seen().await;
    test.pass(TimeDelta::days(99));
    drop(test.mails().await);
    let after = seen().await;
    assert_eq!(after[0], ("NOT_SUBMITTED".to_owned(), before[0].1 + 1, before[0].2 + 1));
    assert_eq!(after[1..], before[1..], "only what was never handed in");
    drop(test.mails().await);
    assert_eq!(seen().await, after, "a second run changes nothing");
    let ana = class.people[0].again().await;
    let input = json!({ "submissionId": forgotten, "version": after[0].2 });
    assert_eq!(faults(&ana, "SubmitWork", input).await, ["ILLEGAL_TRANSITION input"]);
    assert_eq!(test.violations().await, []);
}

#[tokio::test]
async fn an_edition_that_is_over_takes_no_work() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let draft = class.save(&class.people[0], "Nearly done").await;
    let submission = draft.text("saveDraft.submission.id");
    walk(&class.coordinator, &class.edition, &["GRADING"]).await;
    let saved = class.save(&class.people[0], "Done").await;
    assert_eq!(
        saved.user_errors("saveDraft"),
        [""; 0],
        "while it is graded, late work is taken"
    );
    walk(&class.coordinator, &class.edition, &["CLOSED"]).await;
    let input = json!({ "submissionId": submission, "version": 2 });
    let refused = faults(&class.people[0], "SubmitWork", input).await;
    assert_eq!(refused, ["ILLEGAL_TRANSITION input"]);
    let save = class.save(&class.people[0], "Later").await;
    assert_eq!(save.user_errors("saveDraft"), ["ILLEGAL_TRANSITION input"]);
    drop(test.mails().await);
}

#[tokio::test]
async fn an_individual_task_is_each_participants_own() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben", "Cy"]).await;
    let mut input = roadmap_input(&class.edition);
    input["kind"] = json!("INDIVIDUAL_TASK");
    input["title"] = json!("Reflection");
    let asked = act(&class.coordinator, "CreateDeliverable", input).await;
    let task = asked.text("createDeliverable.deliverable.id");
    assert!(task.parse::<DeliverableId>().is_ok());
    let save = json!({ "deliverableId": task, "title": "Mine", "body": "What I learnt" });
    let mut own = Vec::new();
    for person in &class.people {
        let saved = act(person, "SaveDraft", save.clone()).await;
        let id = saved.text("saveDraft.submission.id");
        act(person, "SubmitWork", json!({ "submissionId": id, "version": 1 })).await;
        own.push(id);
    }
    let mate = class.people[1].run("MySubmission", json!({ "id": own[0] })).await;
    assert!(mate.at("submission").is_null(), "not even a team mate reads it");
    let mut waiting = queue(&class.tutor).await;
    waiting.sort();
    let mut expected = own[..2].to_vec();
    expected.sort();
    assert_eq!(waiting, expected, "of the people in the tutor's teams");
    assert_eq!(test.violations().await, []);
}

#[tokio::test]
async fn a_page_of_the_queue_costs_the_same_for_three_and_for_twelve() {
    let test = TestApp::new().await;
    let names = ["A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M"];
    let class = Class::of(&test, &names).await;
    // One way to each loader a document: of two ways, either may be first, and they share a statement or do not.
    let parts = [
        "id state version currentNumber team { name } handIn { number title submittedAt }",
        "id deliverable { title dueAt timeZone }",
        "id edition { code }",
    ];
    let cost = async |part: &str, count: usize| {
        let document = format!("query {{ reviewQueue(first: 50) {{ nodes {{ {part} }} }} }}");
        class.tutor.warm_up().await;
        let before = test.app.db.statements();
        let page = class.tutor.query(&document, json!({})).await;
        assert_eq!(page.at("reviewQueue.nodes").as_array().map(Vec::len), Some(count));
        test.app.db.statements() - before
    };
    class.hand_in(&class.people[0], "The first").await;
    let mut costs = Vec::new();
    for place in 2..13 {
        let team = class
            .make_team(&format!("Team {place}"), &class.enrolments[place..=place])
            .await;
        class.allocate(&team, &class.tutor).await;
        class.hand_in(&class.people[place], "Another").await;
        if place == 3 || place == 12 {
            for part in parts {
                costs.push(cost(part, place).await);
            }
        }
    }
    let (few, many) = costs.split_at(costs.len() / 2);
    assert_eq!(few, many, "the number of works does not matter");
}
