//! Editions: copied, moved to other days, cancelled, and taken along their states by time.

use chrono::{DateTime, TimeDelta, Utc};
use rumbo::domain::actor::{Role, Scope};
use rumbo::domain::id::{EditionId, MeetingId};
use rumbo::mail::Mailer;
use rumbo::store::{deliverable, edition, history, meeting};
use sea_orm::{ActiveModelTrait, IntoActiveModel};
use serde_json::{Value, json};

use crate::support::app::{Answer, Client, TestApp};
use crate::support::letter::token_of;
use crate::support::scene::{
    self, Class, Plan, act, apply, as_seen, cancel, done, draft, edition_input, enrolling, faults, field_of, id_of,
    roadmap_input, speak, state, walk,
};

/// An identifier of an edition, as the store has it.
fn id(edition: &str) -> EditionId {
    edition.parse().expect("an edition")
}

/// An instant.
fn instant(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

/// Changes the plan of an edition in the fields given.
async fn replan(by: &Client<'_>, edition: &str, changes: Value) -> Answer {
    let mut plan = edition_input(Plan::OPEN);
    for (key, value) in changes.as_object().expect("changes") {
        plan[key] = value.clone();
    }
    let answer = scene::replan(by, edition, plan).await;
    assert_eq!(answer.user_errors("updateEdition"), [""; 0]);
    answer
}

/// The states that an edition entered, each with whether somebody took the step.
async fn steps(test: &TestApp, edition: &str) -> Vec<(String, bool)> {
    let rows = history::of(test.app.db.read(), &[id(edition).0])
        .await
        .expect("a history");
    rows.into_iter()
        .map(|row| (row.to_state, row.actor_id.is_some()))
        .collect()
}

/// The state of an edition as anybody sees it.
async fn state_of(test: &TestApp, edition: &str) -> String {
    let seen = test.anonymous().run("SeeEdition", json!({ "id": edition })).await;
    seen.text("edition.state")
}

#[tokio::test]
async fn a_cancelled_edition_tells_everybody_whom_it_concerns_once() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::of_seats(1)).await;
    let here = Scope::Edition(id(&edition));
    let ana = test.person("Ana").await;
    let ben = test.person("Ben").await;
    apply(&ana, &edition).await;
    apply(&ben, &edition).await;
    let gone = test.person("Gil").await;
    let (left, _) = apply(&gone, &edition).await;
    let leaving = json!({ "enrolmentId": left, "version": 1 });
    done(&gone, "WithdrawEnrolment", leaving).await;
    // Ben is its tutor too, Eva coordinates it; whoever coordinates all is not asked while there is Eva.
    test.role_of(&ben, Role::Tutor, here).await;
    test.holder("Tina", Role::Tutor, here).await;
    test.holder("Eva", Role::Coordinator, here).await;
    test.holder("Olga", Role::Coordinator, Scope::System).await;
    let guest = |email: &str| json!({ "email": email, "givenName": "Nora", "familyName": "N", "language": "PT" });
    for email in ["nora@example.org", "ana@example.org"] {
        let mut input = guest(email);
        input["editionId"] = json!(edition);
        done(&carla, "InviteToEdition", input).await;
    }
    let mut tutor = guest("nora@example.org");
    tutor["role"] = json!("TUTOR");
    tutor["scopeId"] = json!(edition);
    done(&carla, "InviteToRole", tutor).await;
    let mails = test.mails().await;
    let invited = mails
        .iter()
        .find(|mail| mail.notice == "invited_to_edition" && mail.to == "nora@example.org");
    let token = token_of(invited.expect("a message"));

    cancel(&carla, &edition, "No room").await;
    assert_eq!(
        test.notices().await,
        [
            "edition_cancelled ana@example.org",
            "edition_cancelled ben@example.org",
            "edition_cancelled eva@example.org",
            "edition_cancelled tina@example.org",
            "invitation_ended nora@example.org",
        ]
    );
    let variables = json!({ "editionId": edition, "first": 10, "filter": { "states": ["WITHDRAWN"] } });
    let list = carla.run("EditionInvitations", variables).await;
    assert_eq!(list.at("edition.invitations.nodes").as_array().map(Vec::len), Some(3));
    let dead = faults(&test.anonymous(), "DeclineInvitation", json!({ "token": token })).await;
    assert_eq!(dead, ["INVALID_TOKEN input.token"]);
    test.fine().await;
}

#[tokio::test]
async fn nothing_is_done_in_a_cancelled_edition() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben", "Cy"]).await;
    let others = class.make_team("Tala", &class.enrolments[2..]).await;
    let saved = class.save(&class.people[0], "A draft.").await;
    let submission = saved.text("saveDraft.submission.id");
    let carla = &class.coordinator;
    cancel(carla, &class.edition, "No room").await;
    let seen = carla.run("SeeEdition", json!({ "id": class.edition })).await;
    let version = seen.number("edition.version");
    let tutor = id_of(&class.idle_tutor("Tia").await);
    let team = carla
        .run("SeeTeam", json!({ "id": others }))
        .await
        .number("team.version");
    let ana = &class.people[0];
    let plan = edition_input(Plan::OPEN);
    let invite = json!({ "email": "n@example.org", "givenName": "N", "familyName": "N", "language": "ES", "editionId": class.edition });
    let enrolments = as_seen(carla, json!([class.enrolments[0]])).await;
    let works = as_seen(carla, json!([submission])).await;
    let work = json!({ "submissionId": submission, "version": works[0]["version"] });
    for (client, operation, input) in [
        (ana, "ApplyToEdition", json!({ "editionId": class.edition })),
        (ana, "SubmitWork", work),
        (
            carla,
            "UpdateEdition",
            json!({ "editionId": class.edition, "version": version, "edition": plan }),
        ),
        (
            carla,
            "MoveEdition",
            json!({ "editionId": class.edition, "version": version, "to": "RUNNING" }),
        ),
        (carla, "CreateDeliverable", roadmap_input(&class.edition)),
        (
            carla,
            "CreateTeam",
            json!({ "editionId": class.edition, "name": "Late" }),
        ),
        (
            carla,
            "UpdateTeam",
            json!({ "teamId": others, "version": team, "name": "Later" }),
        ),
        (
            carla,
            "AllocateTutor",
            json!({ "teamIds": [others], "personId": tutor }),
        ),
        (carla, "InviteToEdition", invite),
        (carla, "DecideCompletion", json!({ "enrolments": enrolments })),
    ] {
        let refused = act(client, operation, input).await;
        let code = match refused.json["errors"][0]["extensions"]["code"].as_str() {
            Some(code) => code.to_owned(),
            None => refused.user_errors(&field_of(operation)).join(", "),
        };
        let said = code.split(' ').next().unwrap_or_default();
        let expected = match operation {
            "ApplyToEdition" | "InviteToEdition" => "ENROLMENT_CLOSED",
            // Who is excluded belongs to no team any more.
            "SubmitWork" => "NOT_FOUND",
            _ => "ILLEGAL_TRANSITION",
        };
        assert_eq!(said, expected, "{operation}");
    }
}

#[tokio::test]
async fn other_days_are_told_to_those_in_it_and_nothing_else_is() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = draft(&carla, Plan::OPEN).await.text("createEdition.edition.id");
    replan(&carla, &edition, json!({ "endsOn": "2026-08-01" })).await;
    walk(&carla, &edition, &["ANNOUNCED", "ENROLLING"]).await;
    let ana = test.person("Ana").await;
    let ben = test.person("Ben").await;
    let (of_ana, _) = apply(&ana, &edition).await;
    apply(&ben, &edition).await;
    test.holder("Tina", Role::Tutor, Scope::Edition(id(&edition))).await;
    let leaving = json!({ "enrolmentId": of_ana, "version": 1 });
    act(&ana, "WithdrawEnrolment", leaving).await;
    speak(&ben, "PT").await;
    drop(test.mails().await);
    // What does not matter to them.
    for changes in [
        json!({ "endsOn": "2026-08-01" }),
        json!({ "endsOn": "2026-08-01", "enrolsUntil": "2026-04-02T23:59:59-03:00", "capacity": 30, "passMark": "70" }),
    ] {
        replan(&carla, &edition, changes).await;
        assert_eq!(test.notices().await, [""; 0]);
    }
    replan(
        &carla,
        &edition,
        json!({ "startsOn": "2026-04-13", "endsOn": "2026-08-07", "timeZone": "America/Bogota" }),
    )
    .await;
    let mails = test.mails().await;
    let told: Vec<&str> = mails.iter().map(|mail| mail.to.as_str()).collect();
    assert_eq!(mails.len(), 2, "{told:?}");
    let to_ben = mails
        .iter()
        .find(|mail| mail.to == "ben@example.org")
        .expect("a message");
    assert_eq!(to_ben.notice, "edition_rescheduled");
    for text in [
        "Até agora: de 6 de abril de 2026 a 1 de agosto de 2026 (horário de America/Montevideo).",
        "A partir de agora: de 13 de abril de 2026 a 7 de agosto de 2026 (horário de America/Bogota).",
    ] {
        assert!(to_ben.text.contains(text), "{}", to_ben.text);
    }
    assert!(to_ben.html.contains("13 de abril de 2026"), "{}", to_ben.html);
    replan(
        &carla,
        &edition,
        json!({ "startsOn": "2026-04-13", "endsOn": "2026-08-07" }),
    )
    .await;
    let zone: Vec<String> = test.notices().await;
    assert_eq!(
        zone,
        [
            "edition_rescheduled ben@example.org",
            "edition_rescheduled tina@example.org"
        ]
    );
}

#[tokio::test]
async fn telling_many_costs_no_statement_for_each() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let mut spent = Vec::new();
    for (code, names) in [
        ("FEW", &["Ana", "Ben"][..]),
        ("MANY", &["Cy", "Dora", "Eli", "Fe", "Gil", "Hugo", "Ina", "Jo"][..]),
    ] {
        let edition = enrolling(&carla, Plan { code, ..Plan::OPEN }).await;
        for &name in names {
            apply(&test.person(name).await, &edition).await;
        }
        drop(test.mails().await);
        carla.warm_up().await;
        let before = test.app.db.statements();
        replan(&carla, &edition, json!({ "code": code, "endsOn": "2026-08-07" })).await;
        let moved = test.app.db.statements() - before;
        let before = test.app.db.statements();
        cancel(&carla, &edition, "No room").await;
        spent.push((moved, test.app.db.statements() - before));
        assert_eq!(test.mails().await.len(), 2 * names.len());
    }
    assert_eq!(spent[0], spent[1]);
}

/// An edition in Santiago with a deliverable and meetings, in which somebody works with a tutor.
async fn source(test: &TestApp, carla: &Client<'_>) -> String {
    let class = Class::with(test, carla.clone(), Plan::OPEN, "Tina", &["Ana", "Ben"]).await;
    replan(
        carla,
        &class.edition,
        json!({
            "timeZone": "America/Santiago", "capacity": 30, "minimum": 2, "tutorsRelease": true, "passMark": "61.5",
            "endorsesNominations": true,
            "enrolsFrom": "2026-03-01T00:00:00-03:00", "enrolsUntil": "2026-04-01T23:59:59-03:00",
        }),
    )
    .await;
    let tx = test.app.db.write().await.expect("a transaction");
    for (number, starts_at) in [(1, "2026-04-07T10:00:00-04:00"), (2, "2026-05-05T10:00:00-04:00")] {
        let row = meeting::Model {
            id: MeetingId(test.app.clock.new_id()),
            edition_id: id(&class.edition),
            number,
            starts_at: instant(starts_at),
            minutes: 90,
        };
        row.into_active_model().insert(&tx).await.expect("a meeting");
    }
    tx.commit().await.expect("a commit");
    class.hand_in(&class.people[0], "A plan.").await;
    drop(test.mails().await);
    class.edition
}

#[tokio::test]
async fn a_copy_has_what_was_asked_for_and_nobody_in_it() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let first = source(&test, &carla).await;
    // 161 days later: over the change to summer time of 6 September.
    let input = json!({ "editionId": first, "code": "SECOND", "startsOn": "2026-09-14" });
    let copied = done(&carla, "CopyEdition", input).await;
    let second = copied.text("copyEdition.edition.id");
    let db = test.app.db.read();
    let row = edition::find(db, id(&second))
        .await
        .expect("a query")
        .expect("an edition");
    let old = edition::find(db, id(&first))
        .await
        .expect("a query")
        .expect("an edition");
    let expected = edition::Model {
        id: row.id,
        code: "SECOND".into(),
        starts_on: "2026-09-14".parse().expect("a day"),
        ends_on: "2027-01-08".parse().expect("a day"),
        // The window was before the end of summer time, and is before its begin; it keeps midnight.
        enrols_from: instant("2026-08-09T00:00:00-04:00"),
        enrols_until: instant("2026-09-09T23:59:59-03:00"),
        state: rumbo::domain::edition::EditionState::Draft,
        seats_taken: 0,
        search_text: row.search_text.clone(),
        created_at: test.now(),
        version: 1,
        ..old
    };
    assert_eq!(row, expected);
    let asked = deliverable::of_editions(db, &[id(&second)]).await.expect("a query");
    let was = deliverable::of_editions(db, &[id(&first)]).await.expect("a query");
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].rubric, was[0].rubric);
    assert_eq!((asked[0].weight, &asked[0].title), (was[0].weight, &was[0].title));
    // Due at 23:59 of Montevideo, 22:59 of Santiago in winter; and so it is in summer.
    assert_eq!(asked[0].due_at, instant("2026-11-09T22:59:00-03:00"));
    assert_eq!(asked[0].cut_off_at, instant("2026-11-16T22:59:00-03:00"));
    let meetings = meeting::of_editions(db, &[id(&second)]).await.expect("a query");
    let at: Vec<_> = meetings
        .iter()
        .map(|row| (row.number, row.starts_at, row.minutes))
        .collect();
    assert_eq!(
        at,
        [
            (1, instant("2026-09-15T10:00:00-03:00"), 90),
            (2, instant("2026-10-13T10:00:00-03:00"), 90),
        ]
    );
    let variables = json!({ "editionId": second, "first": 10 });
    let enrolments = carla.run("EditionEnrolments", variables).await;
    assert_eq!(enrolments.at("edition.enrolments.nodes"), &json!([]));
    let content = "query ($id: ID!) { edition(id: $id) { teams(first: 9) { nodes { id } } submissions(first: 9) { nodes { id } } } }";
    let content = carla.query(content, json!({ "id": second })).await;
    assert_eq!(content.at("edition.teams.nodes"), &json!([]));
    assert_eq!(content.at("edition.submissions.nodes"), &json!([]));
    assert_eq!(steps(&test, &second).await, [("draft".to_owned(), true)]);
    assert_eq!(test.notices().await, [""; 0]);
}

#[tokio::test]
async fn a_copy_is_for_who_plans_both_and_stays_in_the_calendar() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let first = source(&test, &carla).await;
    let other = Plan {
        code: "HIDDEN",
        ..Plan::OPEN
    };
    let hidden = draft(&carla, other).await.text("createEdition.edition.id");
    let course_of = async |edition: &str| {
        let seen = carla.run("SeeEdition", json!({ "id": edition })).await;
        seen.text("edition.course.id")
    };
    let (here, there) = (course_of(&first).await, course_of(&hidden).await);
    let of_course = |course: &str| Scope::Course(course.parse().expect("a course"));
    let eva = test.holder("Eva", Role::Coordinator, Scope::Edition(id(&first))).await;
    let iris = test.holder("Iris", Role::Coordinator, of_course(&here)).await;
    let saul = test.person("Saul").await;
    let input = |edition: &str, course: Option<&str>| json!({ "editionId": edition, "courseId": course, "code": "X-1", "startsOn": "2027-04-05" });
    for (client, input, refusal) in [
        (&test.anonymous(), input(&first, None), "UNAUTHENTICATED"),
        (&saul, input(&first, None), "FORBIDDEN"),
        (&saul, input(&hidden, None), "NOT_FOUND"),
        // Her role ends at the edition: she plans no other one of the course.
        (&eva, input(&first, None), "FORBIDDEN"),
        (&eva, input(&hidden, None), "NOT_FOUND"),
        (&iris, input(&hidden, Some(&here)), "NOT_FOUND"),
        (&iris, input(&first, Some(&there)), "FORBIDDEN"),
        (
            &carla,
            input(&first, Some("crs_01h455vb4pex5vsknk084sn02q")),
            "NOT_FOUND",
        ),
    ] {
        let refused = act(client, "CopyEdition", input.clone()).await;
        assert_eq!(refused.refusal(), refusal, "{input}");
    }
    for (changes, errors) in [
        (json!({ "code": "DEMO-2026" }), "TAKEN input.code"),
        (json!({ "code": "a\u{0}b" }), "FORBIDDEN_CHARACTER input.code"),
        (json!({ "startsOn": "9999-12-01" }), "OUT_OF_RANGE input.startsOn"),
        (json!({ "startsOn": "1900-01-01" }), "OUT_OF_RANGE input.startsOn"),
        (json!({ "editionId": "nonsense" }), "INVALID_ID input.editionId"),
    ] {
        let mut tried = input(&first, None);
        for (key, value) in changes.as_object().expect("changes") {
            tried[key] = value.clone();
        }
        let refused = faults(&carla, "CopyEdition", tried).await;
        assert!(
            !refused.is_empty() && refused.iter().all(|error| error == errors),
            "{changes}: {refused:?}"
        );
    }
    let elsewhere = act(&carla, "CopyEdition", input(&first, Some(&there))).await;
    let copied = elsewhere.text("copyEdition.edition.id");
    assert_eq!(course_of(&copied).await, there);
    let own = act(
        &iris,
        "CopyEdition",
        json!({ "editionId": first, "code": "X-2", "startsOn": "2027-04-05" }),
    )
    .await;
    assert_eq!(own.text("copyEdition.edition.startsOn"), "2027-04-05");
}

#[tokio::test]
async fn time_takes_an_edition_from_the_window_to_the_grades() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = draft(&carla, Plan::of_seats(1)).await.text("createEdition.edition.id");
    drop(test.mails().await);
    assert_eq!(steps(&test, &edition).await.len(), 1, "a draft stays one");
    walk(&carla, &edition, &["ANNOUNCED"]).await;
    drop(test.mails().await);
    assert_eq!(state_of(&test, &edition).await, "ENROLLING");
    let ana = test.person("Ana").await;
    let ben = test.person("Ben").await;
    let (of_ana, _) = apply(&ana, &edition).await;
    let (of_ben, _) = apply(&ben, &edition).await;
    drop(test.mails().await);
    for (now, expected) in [
        // The window closes at 23:59:59 of Montevideo, the first day begins there at 03:00 UTC.
        ("2026-04-02T02:59:59Z", "ENROLLING"),
        ("2026-04-02T03:00:00Z", "ENROLMENT_CLOSED"),
        ("2026-04-06T02:59:59Z", "ENROLMENT_CLOSED"),
        ("2026-04-06T03:00:00Z", "RUNNING"),
        ("2026-08-01T02:59:59Z", "RUNNING"),
        ("2026-08-01T03:00:00Z", "GRADING"),
        ("2027-08-01T03:00:00Z", "GRADING"),
    ] {
        test.pass(instant(now) - test.now());
        let told = test.notices().await;
        assert_eq!(state_of(&test, &edition).await, expected, "{now}");
        if now == "2026-08-01T03:00:00Z" {
            assert_eq!(told, ["application_ended ben@example.org"]);
        } else {
            assert_eq!(told, [""; 0], "{now}");
        }
    }
    let states: Vec<(String, bool)> = [
        ("draft", true),
        ("announced", true),
        ("enrolling", false),
        ("enrolment_closed", false),
        ("running", false),
        ("grading", false),
    ]
    .map(|(state, somebody)| (state.to_owned(), somebody))
    .into();
    assert_eq!(steps(&test, &edition).await, states);
    let carla = carla.again().await;
    assert_eq!(state(&carla, &of_ana).await, "ACTIVE");
    assert_eq!(state(&carla, &of_ben).await, "EXPIRED");
    test.fine().await;
}

#[tokio::test]
async fn late_and_on_many_copies_at_once_every_step_is_taken_once() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let mut editions = Vec::new();
    for code in ["A-1", "A-2", "A-3", "A-4"] {
        let edition = draft(&carla, Plan { code, ..Plan::OPEN })
            .await
            .text("createEdition.edition.id");
        walk(&carla, &edition, &["ANNOUNCED"]).await;
        editions.push(edition);
    }
    test.pass(instant("2026-09-01T00:00:00Z") - test.now());
    let workers: Vec<_> = (0..6)
        .map(|_| test.worker_with(Mailer::from_settings(&test.app.settings.mail).expect("a mailbox")))
        .collect();
    let mut running = tokio::task::JoinSet::new();
    for worker in workers {
        running.spawn(async move { worker.drain().await });
    }
    while let Some(done) = running.join_next().await {
        done.expect("a worker").expect("a drained outbox");
    }
    // Whoever met an edition that another had, left it to the other.
    drop(test.mails().await);
    for edition in &editions {
        let states: Vec<String> = steps(&test, edition)
            .await
            .into_iter()
            .map(|(state, _)| state)
            .collect();
        assert_eq!(
            states,
            [
                "draft",
                "announced",
                "enrolling",
                "enrolment_closed",
                "running",
                "grading"
            ]
        );
    }
}

#[tokio::test]
async fn below_its_minimum_an_edition_waits_and_its_coordinators_know() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN.by_approval()).await;
    replan(&carla, &edition, json!({ "minimum": 2, "policy": "APPROVAL" })).await;
    test.holder("Eva", Role::Coordinator, Scope::Edition(id(&edition)))
        .await;
    let mut enrolments = Vec::new();
    for name in ["Ana", "Ben"] {
        enrolments.push(apply(&test.person(name).await, &edition).await.0);
    }
    let admit = async |carla: &Client<'_>, enrolment: &str| {
        let list = as_seen(carla, json!([enrolment])).await;
        let input = json!({ "editionId": edition, "enrolments": list, "decision": "CONFIRM" });
        let done = act(carla, "DecideEnrolments", input).await;
        assert_eq!(done.user_errors("decideEnrolments"), [""; 0]);
    };
    admit(&carla, &enrolments[0]).await;
    drop(test.mails().await);
    test.pass(instant("2026-04-06T03:00:00Z") - test.now());
    let mails = test.mails().await;
    let told: Vec<_> = mails
        .iter()
        .map(|mail| (mail.notice.as_str(), mail.to.as_str()))
        .collect();
    assert_eq!(told, [("minimum_not_reached", "eva@example.org")]);
    assert!(
        mails[0].text.contains("1 confirmed of the 2 participants"),
        "{}",
        mails[0].text
    );
    assert_eq!(state_of(&test, &edition).await, "ENROLMENT_CLOSED");
    test.pass(TimeDelta::days(1));
    assert_eq!(test.notices().await, [""; 0], "told once");
    // Another first day: told again when it comes.
    let carla = carla.again().await;
    replan(
        &carla,
        &edition,
        json!({ "minimum": 2, "policy": "APPROVAL", "startsOn": "2026-04-20" }),
    )
    .await;
    drop(test.mails().await);
    test.pass(instant("2026-04-20T03:00:00Z") - test.now());
    assert_eq!(test.notices().await, ["minimum_not_reached eva@example.org"]);
    // As soon as there are enough, it begins.
    let carla = carla.again().await;
    admit(&carla, &enrolments[1]).await;
    assert_eq!(test.notices().await, ["enrolment_confirmed ben@example.org"]);
    assert_eq!(state_of(&test, &edition).await, "RUNNING");
    assert_eq!(state(&carla, &enrolments[0]).await, "ACTIVE");
}

#[tokio::test]
async fn a_person_can_begin_an_edition_below_its_minimum_and_open_one_early() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = draft(&carla, Plan::OPEN).await.text("createEdition.edition.id");
    replan(
        &carla,
        &edition,
        json!({ "minimum": 2, "enrolsFrom": "2026-03-20T00:00:00-03:00" }),
    )
    .await;
    walk(&carla, &edition, &["ANNOUNCED", "ENROLLING"]).await;
    drop(test.mails().await);
    assert_eq!(
        state_of(&test, &edition).await,
        "ENROLLING",
        "opened early, it stays open"
    );
    walk(&carla, &edition, &["ENROLMENT_CLOSED", "RUNNING"]).await;
    drop(test.mails().await);
    assert_eq!(state_of(&test, &edition).await, "RUNNING");
}
