//! Many people at once: what only one may have goes to one, and every count is still right afterwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::TimeDelta;
use rumbo::domain::actor::{Role, Scope};
use rumbo::domain::edition::EditionState;
use rumbo::domain::id::{DeclarationId, DeliverableId, EditionId, TeamId};
use rumbo::domain::person::Gender;
use rumbo::store::{Engine, allocation, declaration, deliverable, edition, person, role};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};

use crate::retry::{until, waiting};
use crate::support::app::{Answer, Client, TestApp, Who};
use crate::support::letter::token_of;
use crate::support::scene::{
    Class, Plan, act, apply, as_seen, at_once, done, edition_input, enrolling, id_of, version,
};

/// Names for many people.
fn names(count: usize) -> Vec<&'static str> {
    const NAMES: [&str; 60] = [
        "A00", "A01", "A02", "A03", "A04", "A05", "A06", "A07", "A08", "A09", "A10", "A11", "A12", "A13", "A14", "A15",
        "A16", "A17", "A18", "A19", "A20", "A21", "A22", "A23", "A24", "A25", "A26", "A27", "A28", "A29", "A30", "A31",
        "A32", "A33", "A34", "A35", "A36", "A37", "A38", "A39", "A40", "A41", "A42", "A43", "A44", "A45", "A46", "A47",
        "A48", "A49", "A50", "A51", "A52", "A53", "A54", "A55", "A56", "A57", "A58", "A59",
    ];
    NAMES[..count].to_vec()
}

/// How many answers there are of each kind: the state that was reached, or the code of the refusal.
fn tally(answers: &[Answer], mutation: &str, thing: &str) -> Vec<(String, usize)> {
    let mut counts = std::collections::BTreeMap::new();
    for answer in answers {
        let refused = answer.user_errors(mutation);
        let key = match refused.first() {
            Some(refusal) => refusal.clone(),
            None => answer.text(&format!("{mutation}.{thing}.state")),
        };
        *counts.entry(key).or_insert(0) += 1;
    }
    counts.into_iter().collect()
}

fn counted(counts: &[(&str, usize)]) -> Vec<(String, usize)> {
    counts.iter().map(|(key, count)| ((*key).to_owned(), *count)).collect()
}

/// The figures of an edition by state, from the summaries and from the rows.
async fn both_ways(
    test: &TestApp,
    coordinator: &Client<'_>,
    edition: &str,
) -> (Vec<(String, i64)>, Vec<(String, i64)>) {
    let filter = json!({ "editions": [edition] });
    let answer = coordinator
        .run("Statistics", json!({ "by": ["STATUS"], "filter": filter }))
        .await;
    let figure = |row: &Value| {
        let count = row["applications"].as_i64().expect("a count");
        (row["status"].as_str().expect("a state").to_owned(), count)
    };
    let rows = answer.at("statistics.rows").as_array().expect("rows").clone();
    let mut kept: Vec<_> = rows.iter().map(figure).filter(|(_, count)| *count != 0).collect();
    kept.sort();
    let mut recount = std::collections::BTreeMap::new();
    let mut after = Value::Null;
    loop {
        let page = coordinator
            .run(
                "EditionEnrolments",
                json!({ "editionId": edition, "first": 50, "after": after }),
            )
            .await;
        for node in page.at("edition.enrolments.nodes").as_array().expect("nodes") {
            let state = node["state"].as_str().expect("a state").to_owned();
            *recount.entry(state).or_insert(0) += 1;
        }
        if page.at("edition.enrolments.pageInfo.hasNextPage") == false {
            break;
        }
        after = page.at("edition.enrolments.pageInfo.endCursor").clone();
    }
    test.fine().await;
    (kept, recount.into_iter().collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_people_apply_for_five_seats() {
    let test = Arc::new(TestApp::new().await);
    let coordinator = test.coordinator().await;
    let edition = enrolling(&coordinator, Plan::of_seats(5)).await;
    let mut requests = Vec::new();
    let mut people = Vec::new();
    for name in names(60) {
        let person = test.person(name).await;
        requests.push((person.clone(), "ApplyToEdition", json!({ "editionId": edition })));
        people.push(person);
    }
    let over = Arc::new(AtomicBool::new(false));
    let sampler = tokio::spawn({
        let (test, edition, over) = (test.clone(), edition.clone(), over.clone());
        async move {
            let mut seats = Vec::new();
            while !over.load(Ordering::Acquire) {
                let seen = test.anonymous().run("SeeEdition", json!({ "id": edition })).await;
                seats.push(seen.number("edition.seatsTaken"));
            }
            seats
        }
    });
    let answers = at_once(&test, requests).await;
    over.store(true, Ordering::Release);
    let seats = sampler.await.expect("the sampler ends");
    assert!(!seats.is_empty() && seats.is_sorted(), "{seats:?}");
    assert!(seats.iter().all(|taken| (0..=5).contains(taken)), "{seats:?}");
    assert_eq!(
        tally(&answers, "applyToEdition", "enrolment"),
        counted(&[("CONFIRMED", 5), ("WAITLISTED", 55)])
    );
    let (kept, recount) = both_ways(&test, &coordinator, &edition).await;
    assert_eq!(kept, recount);

    // Four of the five leave at the same time: four of those who wait have their seats.
    let confirmed: Vec<usize> = (0..60)
        .filter(|&place| answers[place].text("applyToEdition.enrolment.state") == "CONFIRMED")
        .collect();
    let leaving = confirmed[..4].iter().map(|&place| {
        let enrolment = answers[place].text("applyToEdition.enrolment.id");
        let input = json!({ "enrolmentId": enrolment, "version": 1 });
        (people[place].clone(), "WithdrawEnrolment", input)
    });
    let left = at_once(&test, leaving.collect()).await;
    assert_eq!(
        tally(&left, "withdrawEnrolment", "enrolment"),
        counted(&[("WITHDRAWN", 4)])
    );
    let (kept, recount) = both_ways(&test, &coordinator, &edition).await;
    assert_eq!(kept, recount);
    let expected = [("CONFIRMED", 5), ("WAITLISTED", 51), ("WITHDRAWN", 4)];
    assert_eq!(recount, expected.map(|(state, count)| (state.to_owned(), count)));
    drop(test.mails().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_person_who_applies_twenty_times_has_one_enrolment() {
    let test = Arc::new(TestApp::new().await);
    let coordinator = test.coordinator().await;
    let edition = enrolling(&coordinator, Plan::OPEN).await;
    let ana = test.person("Ana").await;
    let requests = (0..20).map(|_| (ana.clone(), "ApplyToEdition", json!({ "editionId": edition })));
    let answers = at_once(&test, requests.collect()).await;
    assert_eq!(
        tally(&answers, "applyToEdition", "enrolment"),
        counted(&[("ALREADY_ENROLLED input.editionId", 19), ("CONFIRMED", 1)])
    );
    let (kept, recount) = both_ways(&test, &coordinator, &edition).await;
    assert_eq!(
        (kept, recount),
        (vec![("CONFIRMED".to_owned(), 1)], vec![("CONFIRMED".to_owned(), 1)])
    );
    assert_eq!(test.notices().await, ["enrolment_confirmed ana@example.org"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_changes_to_one_version_one_wins() {
    let test = Arc::new(TestApp::new().await);
    let coordinator = test.coordinator().await;
    let edition = enrolling(&coordinator, Plan::OPEN).await;
    let plan = |capacity| {
        let plan = Plan::of_seats(capacity);
        json!({ "editionId": edition, "version": 3, "edition": edition_input(plan) })
    };
    let requests = (10..20).map(|capacity| (coordinator.clone(), "UpdateEdition", plan(capacity)));
    let answers = at_once(&test, requests.collect()).await;
    let won: Vec<_> = answers
        .iter()
        .filter(|answer| answer.user_errors("updateEdition").is_empty())
        .collect();
    assert_eq!(won.len(), 1);
    let lost = answers
        .iter()
        .filter(|answer| answer.user_errors("updateEdition") == ["STALE_VERSION input.version"]);
    assert_eq!(lost.count(), 9);
    let seen = coordinator.run("SeeEdition", json!({ "id": edition })).await;
    assert_eq!(seen.at("edition.capacity"), won[0].at("updateEdition.edition.capacity"));
    assert_eq!(seen.number("edition.version"), 4);

    // Two coordinators decide, and the person leaves: one of the three is heard.
    let ana = test.person("Ana").await;
    let (enrolment, _) = apply(&ana, &edition).await;
    let seen = version(&coordinator, &enrolment).await;
    let decide =
        |decision: &str| json!({ "enrolmentId": enrolment, "version": seen, "decision": decision, "reason": "no" });
    let answers = at_once(
        &test,
        vec![
            (coordinator.clone(), "DecideEnrolment", decide("EXCLUDE")),
            (coordinator.clone(), "DecideEnrolment", decide("EXCLUDE")),
            (coordinator.clone(), "DecideEnrolment", decide("EXCLUDE")),
        ],
    )
    .await;
    assert_eq!(
        tally(&answers, "decideEnrolment", "enrolment"),
        counted(&[("EXCLUDED", 1), ("STALE_VERSION input.version", 2)])
    );
    let (kept, recount) = both_ways(&test, &coordinator, &edition).await;
    assert_eq!(kept, recount);
    drop(test.mails().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_team_mates_who_hand_in_at_once_make_one_version() {
    let test = Arc::new(TestApp::new().await);
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    // Both begin the draft.
    let first = json!({ "deliverableId": class.roadmap, "title": "Ours", "body": "First" });
    let begun = at_once(
        &test,
        vec![
            (class.people[0].clone(), "SaveDraft", first.clone()),
            (class.people[1].clone(), "SaveDraft", first),
        ],
    )
    .await;
    assert_eq!(
        tally(&begun, "saveDraft", "submission"),
        counted(&[("DRAFT", 1), ("STALE_VERSION input.version", 1)])
    );
    let saved = class.save(&class.people[0], "The text of both").await;
    let submission = saved.text("saveDraft.submission.id");
    let input = json!({ "submissionId": submission, "version": saved.number("saveDraft.submission.version") });
    let requests = (0..6).map(|place| (class.people[place % 2].clone(), "SubmitWork", input.clone()));
    let answers = at_once(&test, requests.collect()).await;
    assert_eq!(
        tally(&answers, "submitWork", "submission"),
        counted(&[("ILLEGAL_TRANSITION input", 5), ("SUBMITTED", 1)])
    );
    let read = class.tutor.run("MySubmission", json!({ "id": submission })).await;
    assert_eq!(read.at("submission.versions").as_array().map(Vec::len), Some(1));
    let by = json!({ "by": ["EDITION"], "filter": { "editions": [class.edition] } });
    let figures = class.coordinator.run("Statistics", by).await;
    assert_eq!(figures.number("statistics.total.submitted"), 1);

    // Assessors, too: one assessment stands, and the grade is released once.
    let assess = json!({
        "submissionId": submission, "version": class.version(&submission).await,
        "scores": crate::support::scene::scores(2, 2), "comment": "Good",
    });
    let requests = (0..4).map(|_| (class.tutor.clone(), "GradeSubmission", assess.clone()));
    let answers = at_once(&test, requests.collect()).await;
    assert_eq!(
        tally(&answers, "gradeSubmission", "submission"),
        counted(&[("ASSESSED", 1), ("STALE_VERSION input.version", 3)])
    );
    let release = json!({ "submissions": as_seen(&class.coordinator, json!([submission])).await });
    let requests = (0..4).map(|_| (class.coordinator.clone(), "ReleaseGrades", release.clone()));
    let answers = at_once(&test, requests.collect()).await;
    let released = answers
        .iter()
        .filter(|answer| answer.user_errors("releaseGrades").is_empty());
    assert_eq!(released.count(), 1);
    assert_eq!(
        test.notices().await,
        ["grade_released ana@example.org", "grade_released ben@example.org"]
    );
    test.fine().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn editions_that_count_the_same_people_in_opposite_order_do_not_wait_in_a_circle() {
    let test = Arc::new(TestApp::new().await);
    let coordinator = test.coordinator().await;
    let ana = test.person("Ana").await;
    let male = Who {
        gender: Gender::Male,
        country: "AR",
        ..Who::named("Ben")
    };
    let ben = test.somebody(male).await;
    // In half of the editions Ana leaves and Ben has her seat, in the other half the other way round: the same
    // rows of the statistics of all editions, in the opposite order of moves.
    let mut leaving = Vec::new();
    for turn in 0..16 {
        let plan = Plan {
            code: format!("TURN-{turn}").leak(),
            ..Plan::of_seats(1)
        };
        let edition = enrolling(&coordinator, plan).await;
        let (first, second) = if turn % 2 == 0 { (&ana, &ben) } else { (&ben, &ana) };
        let (enrolment, state) = apply(first, &edition).await;
        assert_eq!(state, "CONFIRMED");
        assert_eq!(apply(second, &edition).await.1, "WAITLISTED");
        let input = json!({ "enrolmentId": enrolment, "version": 1 });
        leaving.push((first.clone(), "WithdrawEnrolment", input));
    }
    let left = at_once(&test, leaving).await;
    assert_eq!(
        tally(&left, "withdrawEnrolment", "enrolment"),
        counted(&[("WITHDRAWN", 16)])
    );
    test.fine().await;
    drop(test.mails().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn teams_of_two_editions_are_opened_in_the_order_of_their_editions() {
    let test = Arc::new(TestApp::new().await);
    let one = Class::of(&test, &["Ana"]).await;
    let two = Class::with(&test, one.coordinator.clone(), Plan::OTHER, "Tess", &["Ben"]).await;
    // The team of the later edition is the earlier one.
    let later = one.make_team("Tala", &[]).await;
    let editions = [&one.edition, &two.edition].map(|id| id.parse::<EditionId>().expect("an edition"));
    assert!(editions.is_sorted() && two.team < later);
    let eva = test.person("Eva").await;
    let holding = test.app.db.write().await.expect("a transaction");
    edition::lock_all(&holding, &editions[..1])
        .await
        .expect("the first edition");
    let request = json!({ "teamIds": [two.team, later], "personId": id_of(&eva) });
    let allocating = tokio::spawn({
        let (test, token) = (test.clone(), one.coordinator.token().map(str::to_owned));
        async move { act(&test.bearer(token), "AllocateTutor", request).await }
    });
    until_somebody_waits(&test).await;
    // Whoever allocates waits for the first edition and holds nothing of the second.
    edition::lock_all(&holding, &editions[1..])
        .await
        .expect("the second edition");
    holding.commit().await.expect("a commit");
    let answer = allocating.await.expect("a task that ends");
    assert_eq!(answer.user_errors("allocateTutor"), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_is_invited_to_an_edition_that_is_cancelled_meanwhile() {
    let test = Arc::new(TestApp::new().await);
    let carla = test.coordinator().await;
    for (operation, field, expected) in [
        ("InviteToEdition", "inviteToEdition", "ENROLMENT_CLOSED input.editionId"),
        ("InviteToRole", "inviteToRole", ""),
    ] {
        let plan = Plan {
            code: format!("GONE-{operation}").leak(),
            ..Plan::OPEN
        };
        let edition = enrolling(&carla, plan).await;
        let mut input =
            json!({ "email": "nora@example.org", "givenName": "Nora", "familyName": "N", "language": "ES" });
        if operation == "InviteToRole" {
            (input["role"], input["scopeId"]) = (json!("TUTOR"), json!(edition));
        } else {
            input["editionId"] = json!(edition);
        }
        // Somebody is about to cancel it: the edition is theirs.
        let id = edition.parse::<EditionId>().expect("an edition");
        let holding = test.app.db.write().await.expect("a transaction");
        let mut row = edition::lock(&holding, id)
            .await
            .expect("a query")
            .expect("the edition");
        let mut inviting = tokio::spawn({
            let (test, token) = (test.clone(), carla.token().map(str::to_owned));
            async move { act(&test.bearer(token), operation, input).await }
        });
        tokio::select! {
            () = until_somebody_waits(&test) => {}
            done = &mut inviting => panic!("{operation} waits for nobody: {:#}", done.expect("an answer").json),
        }
        row.state = EditionState::Cancelled;
        edition::update(&holding, &mut row).await.expect("cancelled");
        holding.commit().await.expect("a commit");
        let answer = inviting.await.expect("a task that ends");
        let refused = answer.user_errors(field);
        assert_eq!(refused.first().map_or("", String::as_str), expected, "{operation}");
    }
    drop(test.mails().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_who_put_teams_in_one_persons_charge_make_one_tutor_of_them() {
    let test = Arc::new(TestApp::new().await);
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let teams = [class.team.clone(), class.make_team("Tala", &[]).await];
    let eva = test.person("Eva").await;
    let id = eva.person.expect("a person");
    let start = |operation: &'static str, input: Value| {
        let (test, token) = (test.clone(), class.coordinator.token().map(str::to_owned));
        tokio::spawn(async move { act(&test.bearer(token), operation, input).await })
    };
    let allocate = |team: &str| {
        let input = json!({ "teamIds": [team], "personId": id_of(&eva) });
        start("AllocateTutor", input)
    };
    let held = async || {
        let db = test.app.db.read();
        let roles = role::of_person(db, id, test.now()).await.expect("roles");
        let teams = teams.each_ref().map(|team| team.parse::<TeamId>().expect("a team"));
        let charges = allocation::of_teams(db, &teams).await.expect("charges");
        let charges = charges.iter().filter(|row| row.person_id == id).count();
        (roles.iter().map(|row| row.id).collect::<Vec<_>>(), charges)
    };
    // Both come as far as they can while somebody has her row.
    let holding = test.app.db.write().await.expect("a transaction");
    person::lock(&holding, id).await.expect("a query").expect("Eva");
    let allocating = teams.each_ref().map(|team| allocate(team));
    until_so_many_wait(&test, 2).await;
    holding.commit().await.expect("a commit");
    for task in allocating {
        let answer = task.await.expect("a task that ends");
        assert_eq!(answer.user_errors("allocateTutor"), [""; 0]);
    }
    let (roles, charges) = held().await;
    assert_eq!((roles.len(), charges), (1, 2));

    // Whoever ends the role meanwhile ends what was given before, or leaves what is given after.
    let end = json!({ "allocationId": allocation_of(&class, &teams[1], &eva).await });
    done(&class.coordinator, "EndAllocation", end).await;
    let holding = test.app.db.write().await.expect("a transaction");
    person::lock(&holding, id).await.expect("a query").expect("Eva");
    let revoking = start("RevokeRole", json!({ "roleAssignmentId": roles[0].to_string() }));
    until_so_many_wait(&test, 1).await;
    let allocating = allocate(&teams[1]);
    until_so_many_wait(&test, 2).await;
    holding.commit().await.expect("a commit");
    let revoked = revoking.await.expect("a task that ends");
    assert_eq!(revoked.user_errors("revokeRole"), [""; 0]);
    let allocated = allocating.await.expect("a task that ends");
    assert_eq!(allocated.user_errors("allocateTutor"), [""; 0]);
    let (roles, charges) = held().await;
    assert!(
        matches!((roles.len(), charges), (0, 0) | (1, 1)),
        "{roles:?}, {charges}"
    );
    assert_eq!(test.violations().await, []);
}

/// The allocation by which a team is in somebody's charge.
async fn allocation_of(class: &Class<'_>, team: &str, tutor: &Client<'_>) -> String {
    let document = "query ($id: ID!) { team(id: $id) { tutors { id person { id } } } }";
    let seen = class.coordinator.query(document, json!({ "id": team })).await;
    let tutors = seen.at("team.tutors").as_array().expect("a list");
    let own = tutors.iter().find(|row| row["person"]["id"] == id_of(tutor).as_str());
    own.expect("a charge")["id"].as_str().expect("an identifier").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_draft_is_held_against_what_is_asked_when_its_turn_comes() {
    let test = Arc::new(TestApp::new().await);
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let holding = test.app.db.write().await.expect("a transaction");
    let edition = class.edition.parse::<EditionId>().expect("an edition");
    edition::lock(&holding, edition)
        .await
        .expect("a query")
        .expect("the edition");
    let input = json!({ "deliverableId": class.roadmap, "title": "Ours", "body": "In a year." });
    let mut saving = tokio::spawn({
        let (test, token) = (test.clone(), class.people[0].token().map(str::to_owned));
        async move { act(&test.bearer(token), "SaveDraft", input).await }
    });
    tokio::select! {
        () = until_somebody_waits(&test) => {}
        done = &mut saving => panic!("the draft waits for nobody: {:#}", done.expect("an answer").json),
    }
    let past = test.now() - TimeDelta::hours(1);
    let id = class.roadmap.parse::<DeliverableId>().expect("a deliverable");
    deliverable::Entity::update_many()
        .col_expr(deliverable::Column::DueAt, Expr::value(past))
        .col_expr(deliverable::Column::CutOffAt, Expr::value(past))
        .filter(deliverable::Column::Id.eq(id))
        .exec(&holding)
        .await
        .expect("another deadline");
    holding.commit().await.expect("a commit");
    let answer = saving.await.expect("a task that ends");
    assert_eq!(answer.user_errors("saveDraft"), ["DEADLINE_PASSED input"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_a_nominee_states_while_they_accept_is_not_written_over() {
    let test = Arc::new(TestApp::new().await);
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN).await;
    let institution = test.institution("INEFOP", "UY").await;
    let flor = test
        .holder("Flor", Role::FocalPoint, Scope::Institution(institution))
        .await;
    let nora = test.person("Nora").await;
    let input = json!({
        "editionId": edition, "institutionId": institution.to_string(), "email": nora.email, "givenName": "Nora",
        "familyName": "N", "language": "ES",
    });
    done(&flor, "Nominate", input).await;
    let mails = test.mails().await;
    let token = token_of(mails.last().expect("a message"));
    // She has another gender from now on; whoever states something holds the person.
    let id = nora.person.expect("a person");
    let holding = test.app.db.write().await.expect("a transaction");
    person::lock(&holding, id).await.expect("a query").expect("Nora");
    let stated = declaration::current(&holding, &[id]).await.expect("a query").remove(0);
    assert_eq!((stated.gender, stated.institution_id), (Gender::Female, None));
    let mut accepting = tokio::spawn({
        let (test, bearer) = (test.clone(), nora.token().map(str::to_owned));
        async move { act(&test.bearer(bearer), "AcceptInvitation", json!({ "token": token })).await }
    });
    tokio::select! {
        () = until_somebody_waits(&test) => {}
        done = &mut accepting => panic!("accepting waits for nobody: {:#}", done.expect("an answer").json),
    }
    let stated = declaration::Model {
        id: DeclarationId(test.app.clock.new_id()),
        stated_at: test.now(),
        gender: Gender::NotStated,
        ..stated
    };
    declaration::insert(&holding, stated).await.expect("a statement");
    holding.commit().await.expect("a commit");
    let answer = accepting.await.expect("a task that ends");
    assert_eq!(answer.user_errors("acceptInvitation"), [""; 0]);
    let stated = declaration::current(test.app.db.read(), &[id]).await.expect("a query");
    assert_eq!(
        (stated[0].gender, stated[0].institution_id),
        (Gender::NotStated, Some(institution))
    );
    drop(test.mails().await);
    test.fine().await;
}

/// Returns when a statement waits for a lock. On SQLite the one writer waits before it begins.
async fn until_somebody_waits(test: &TestApp) {
    until_so_many_wait(test, 1).await;
}

/// The same for so many statements.
async fn until_so_many_wait(test: &TestApp, count: i64) {
    if test.app.db.engine() == Engine::Postgres {
        until("so many statements wait", async || waiting(test).await >= count).await;
    }
}
