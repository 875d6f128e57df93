//! Who sees which nominations, and what of them.

use rumbo::domain::actor::{Role, Scope};
use serde_json::{Value, json};

use super::{Place, accepted, decline, list, seats};
use crate::support::app::{Client, TestApp};
use crate::support::scene::{Plan, act, at, done, enrolling, version};

#[tokio::test]
async fn institutions_see_their_own_nominees_only() {
    let test = TestApp::new().await;
    let place = Place::new(&test).await;
    let mut all = vec![(place.institution, place.flor.clone())];
    for (name, focal) in [("SENA", "Fede"), ("SENAI", "Fia"), ("INA", "Fox")] {
        let institution = test.institution(name, "CO").await;
        let holder = test
            .holder(focal, Role::FocalPoint, Scope::Institution(institution))
            .await;
        all.push((institution, holder));
    }
    // Each names two; one address is named by all of them, and nobody is told so.
    let mut ids = Vec::new();
    for (number, (institution, focal)) in all.iter().enumerate() {
        for email in ["same@example.org".to_owned(), format!("own{number}@example.org")] {
            let mut input = place.naming(&email);
            input["institutionId"] = json!(institution.to_string());
            let answer = act(focal, "Nominate", input).await;
            assert_eq!(answer.user_errors("nominate"), [""; 0], "{email} by {}", focal.email);
            ids.push((number, answer.text("nominate.nomination.id")));
        }
    }
    drop(test.mails().await);
    let every = json!({ "first": 50, "filter": {} });
    for (number, (institution, focal)) in all.iter().enumerate() {
        let answer = focal.run("Nominations", every.clone()).await;
        let rows = answer.at("nominations.nodes").as_array().expect("a list").clone();
        let seen: Vec<&str> = rows.iter().filter_map(|row| row["id"].as_str()).collect();
        let own: Vec<&str> = ids
            .iter()
            .filter(|(of, _)| *of == number)
            .map(|(_, id)| id.as_str())
            .collect();
        assert_eq!(seen, own);
        for (other, (elsewhere, _)) in all.iter().enumerate() {
            let variables = json!({ "first": 50, "institutionId": elsewhere.to_string() });
            let answer = focal.run("Nominations", variables).await;
            let count = answer.at("nominations.nodes").as_array().map(Vec::len);
            assert_eq!(count, Some(if other == number { 2 } else { 0 }));
            let figures = seats(focal, &place.edition, *elsewhere).await;
            assert_eq!(figures.is_null(), elsewhere != institution, "{figures}");
        }
        for (of, id) in &ids {
            let input = json!({ "nominationId": id, "version": 9 });
            let answer = act(focal, "WithdrawNomination", input).await;
            if *of == number {
                assert_eq!(
                    answer.user_errors("withdrawNomination"),
                    ["STALE_VERSION input.version"]
                );
            } else {
                assert_eq!(answer.refusal(), "NOT_FOUND");
            }
        }
    }
    assert_eq!(list(&place.carla, &place.edition, json!({})).await.len(), 8);
}

#[tokio::test]
async fn a_nominee_shows_while_the_nomination_stands() {
    let test = TestApp::new().await;
    let place = Place::new(&test).await;
    let fabi = test
        .holder("Fabi", Role::FocalPoint, Scope::Institution(place.institution))
        .await;
    let cora = test.coordinator_of("Cora", &place.edition).await;
    let elsewhere = at(&enrolling(&place.carla, Plan::OTHER).await);
    let olga = test.holder("Olga", Role::Coordinator, elsewhere).await;
    let (ada, saul, nora) = (
        test.administrator().await,
        test.person("Saul").await,
        test.person("Nora").await,
    );
    let (_, token) = place.nominate(&test, "nora@example.org").await;
    let names = async |reader: &Client<'_>| {
        let rows = list(reader, &place.edition, json!({})).await;
        let name = |row: &Value| (row["givenName"].clone(), row["email"].clone());
        rows.iter().map(name).collect::<Vec<_>>()
    };
    let whole = |email: &str| (json!("Nora"), json!(email));
    let masked = (Value::Null, Value::Null);
    for reader in [&place.flor, &fabi, &cora, &place.carla] {
        assert_eq!(names(reader).await, [whole("nora@example.org")], "{}", reader.email);
    }
    for stranger in [&olga, &ada, &saul, &nora, &test.anonymous()] {
        assert_eq!(names(stranger).await, [], "{}", stranger.email);
        let figures = seats(stranger, &place.edition, place.institution).await;
        assert_eq!(figures, Value::Null, "{}", stranger.email);
    }
    // After a no it is known to who wrote it and to who coordinates.
    let (_, of_ben) = place.nominate(&test, "ben@example.org").await;
    let declined = decline(&test, &of_ben, "No").await;
    assert_eq!(declined.at("declineInvitation.declined"), &json!(true));
    let all = [whole("nora@example.org"), whole("ben@example.org")];
    for reader in [&place.flor, &cora] {
        assert_eq!(names(reader).await, all, "{}", reader.email);
    }
    assert_eq!(names(&fabi).await, [whole("nora@example.org"), masked.clone()]);
    // After a yes she shows to the institution by the enrolment, as long as that stands.
    assert_eq!(accepted(&nora, &token).await, "CONFIRMED");
    assert_eq!(names(&fabi).await, [whole("nora@example.org"), masked.clone()]);
    let rows = list(&fabi, &place.edition, json!({ "states": ["ACCEPTED"] })).await;
    let enrolment = rows[0]["enrolment"]["id"].as_str().expect("an enrolment").to_owned();
    let input = json!({ "enrolmentId": enrolment, "version": 1, "decision": "EXCLUDE", "reason": "So" });
    done(&place.carla, "DecideEnrolment", input).await;
    assert_eq!(names(&fabi).await, [masked.clone(), masked.clone()]);
    assert_eq!(names(&place.flor).await, [masked.clone(), whole("ben@example.org")]);
    assert_eq!(names(&cora).await, all);
    let rows = list(&place.flor, &place.edition, json!({ "states": ["ACCEPTED"] })).await;
    assert_eq!(
        (&rows[0]["enrolment"], &rows[0]["person"]["fullName"]),
        (&Value::Null, &Value::Null)
    );
    drop(test.mails().await);
}

#[tokio::test]
async fn a_nominee_who_is_transferred_is_followed_from_edition_to_edition() {
    let test = TestApp::new().await;
    let place = Place::new(&test).await;
    let scope = Scope::Institution(place.institution);
    let fabi = test.holder("Fabi", Role::FocalPoint, scope).await;
    let cora = test.holder("Cora", Role::Coordinator, at(&place.edition)).await;
    let second = enrolling(&place.carla, Plan::OTHER).await;
    let third = Plan {
        code: "THIRD",
        ..Plan::OPEN
    };
    let third = enrolling(&place.carla, third).await;
    let olga = test.holder("Olga", Role::Coordinator, at(&third)).await;
    let nora = test.person("Nora").await;
    let (_, token) = place.nominate(&test, "nora@example.org").await;
    assert_eq!(accepted(&nora, &token).await, "CONFIRMED");
    let shown = async |reader: &Client<'_>| {
        let rows = list(reader, &place.edition, json!({})).await;
        let shown = |row: &Value| (row["enrolment"]["id"].clone(), row["givenName"].clone());
        rows.iter().map(shown).collect::<Vec<_>>()
    };
    let first = place.list().await[0]["enrolment"]["id"].clone();
    let mut now = first.clone();
    for edition in [&second, &third] {
        let version = version(&place.carla, now.as_str().expect("an enrolment")).await;
        let input = json!({ "enrolmentId": now, "version": version, "editionId": edition, "reason": "So" });
        let moved = act(&place.carla, "TransferEnrolment", input).await;
        assert_eq!(moved.user_errors("transferEnrolment"), [""; 0]);
        now = moved.at("transferEnrolment.enrolment.id").clone();
        for reader in [&place.flor, &fabi, &place.carla] {
            let wanted = [(now.clone(), json!("Nora"))];
            assert_eq!(shown(reader).await, wanted, "{}", reader.email);
        }
        // Who coordinates the first edition alone sees what was there, and whom it was about.
        assert_eq!(shown(&cora).await, [(first.clone(), json!("Nora"))]);
        assert_eq!(shown(&olga).await, []);
    }
    let version = version(&nora, now.as_str().expect("an enrolment")).await;
    let input = json!({ "enrolmentId": now, "version": version });
    let left = act(&nora, "WithdrawEnrolment", input).await;
    assert_eq!(left.user_errors("withdrawEnrolment"), [""; 0]);
    for reader in [&place.flor, &fabi] {
        let masked = [(Value::Null, Value::Null)];
        assert_eq!(shown(reader).await, masked, "{}", reader.email);
    }
    assert_eq!(shown(&place.carla).await, [(now, json!("Nora"))]);
    assert_eq!(shown(&cora).await, [(first, json!("Nora"))]);
    drop(test.mails().await);
}

#[tokio::test]
async fn a_page_of_nominations_costs_a_bounded_number_of_statements() {
    let test = TestApp::new().await;
    let place = Place::new(&test).await;
    let nominate = async |count: usize| {
        for number in 0..count {
            let name: &'static str = format!("Guest{number}of{count}").leak();
            let guest = test.person(name).await;
            let (_, token) = place.nominate(&test, &guest.email).await;
            if number % 2 == 0 {
                assert_eq!(accepted(&guest, &token).await, "CONFIRMED");
                drop(test.mails().await);
            }
        }
    };
    let cost = async |count: usize| {
        place.flor.warm_up().await;
        let before = test.app.db.statements();
        assert_eq!(place.list().await.len(), count);
        test.app.db.statements() - before
    };
    nominate(2).await;
    let few = cost(2).await;
    nominate(11).await;
    let many = cost(13).await;
    eprintln!("nominations: a page of 2 costs {few} statements, one of 13 {many}");
    assert!(many <= few + 1 && many <= 10, "{few} and {many}");
}
