//! Endorsement by a second person of the institution, where the edition asks for it.

use chrono::TimeDelta;
use rumbo::domain::actor::{Role, Scope};
use serde_json::{Value, json};

use super::{Place, accepted, instead, list};
use crate::support::app::{Client, TestApp};
use crate::support::letter::token_of;
use crate::support::scene::{Plan, act, cancel, done, edition_input, faults, replan, walk};

/// A place whose edition asks for endorsement, and a second focal point of the institution.
pub(super) async fn endorsing(test: &TestApp) -> (Place<'_>, Client<'_>) {
    let place = Place::new(test).await;
    let mut plan = edition_input(Plan::OPEN);
    plan["endorsesNominations"] = json!(true);
    let changed = replan(&place.carla, &place.edition, plan).await;
    assert_eq!(changed.user_errors("updateEdition"), [""; 0]);
    let scope = Scope::Institution(place.institution);
    let fabi = test.holder("Fabi", Role::FocalPoint, scope).await;
    (place, fabi)
}

/// Names somebody, to whom nobody has written yet; the nomination.
async fn named(place: &Place<'_>, email: &str) -> String {
    let answer = act(&place.flor, "Nominate", place.naming(email)).await;
    assert_eq!(answer.user_errors("nominate"), [""; 0], "{email}");
    answer.text("nominate.nomination.id")
}

fn seen(nomination: &str, version: i64) -> Value {
    json!({ "nominationId": nomination, "version": version })
}

#[tokio::test]
async fn nobody_is_written_to_before_a_colleague_has_endorsed_it() {
    let test = TestApp::new().await;
    let (place, fabi) = endorsing(&test).await;
    let nora = test.person("Nora").await;
    let id = named(&place, "nora@example.org").await;
    assert_eq!(test.notices().await, ["endorsement_asked fabi@example.org"]);
    let rows = place.list().await;
    assert_eq!(
        (&rows[0]["state"], &rows[0]["awaitsEndorsement"], &rows[0]["endorsedAt"]),
        (&json!("SUBMITTED"), &json!(true), &Value::Null)
    );
    assert_eq!(place.seats().await, json!([0, 0, 1, null]));
    let own = faults(&place.flor, "EndorseNomination", seen(&id, 1)).await;
    assert_eq!(own, ["OWN_WORK input.nominationId"]);

    // A day later a colleague does; the nominee has as long to answer as if named now.
    test.pass(TimeDelta::days(1));
    let (place, fabi, nora) = (place.again().await, fabi.again().await, nora.again().await);
    let answer = done(&fabi, "EndorseNomination", seen(&id, 1)).await;
    let row = answer.at("endorseNomination.nomination");
    assert_eq!(
        (
            &row["state"],
            &row["awaitsEndorsement"],
            &row["version"],
            &row["expiresAt"]
        ),
        (
            &json!("ENDORSED"),
            &json!(false),
            &json!(2),
            &json!("2026-03-10T12:00:00+00:00")
        )
    );
    let mails = test.mails().await;
    let mut told: Vec<_> = mails
        .iter()
        .map(|mail| format!("{} {}", mail.notice, mail.to))
        .collect();
    told.sort();
    assert_eq!(
        told,
        ["nominated nora@example.org", "nomination_answered flor@example.org"]
    );
    let mail = mails.iter().find(|mail| mail.to == "nora@example.org");
    let letter = mail.expect("a message");
    assert!(
        letter.text.contains("Flor Tester nominates you for INEFOP"),
        "{}",
        letter.text
    );
    let twice = faults(&fabi, "EndorseNomination", seen(&id, 2)).await;
    assert_eq!(twice, ["ILLEGAL_TRANSITION input.nominationId"]);
    for (state, count) in [("SUBMITTED", 0), ("ENDORSED", 1)] {
        let rows = list(&place.carla, &place.edition, json!({ "states": [state] })).await;
        assert_eq!(rows.len(), count, "{state}");
    }
    assert_eq!(accepted(&nora, &token_of(letter)).await, "CONFIRMED");
    let rows = list(&place.carla, &place.edition, json!({})).await;
    let fabi = fabi.person.expect("a person").to_string();
    assert_eq!(rows[0]["endorsedBy"]["id"], json!(fabi));
    let steps = rows[0]["history"].as_array().expect("steps").iter();
    let steps: Vec<_> = steps.map(|step| json!([step["from"], step["to"]])).collect();
    assert_eq!(
        steps,
        [
            json!([null, "submitted"]),
            json!(["submitted", "endorsed"]),
            json!(["endorsed", "accepted"]),
        ]
    );
    drop(test.mails().await);
    test.fine().await;
}

/// What `can` says to somebody about each operation on a nomination, and about naming more people.
async fn abilities(who: &Client<'_>, nomination: &str, edition: &str) -> Vec<&'static str> {
    let asked = [
        ("NOMINATE", edition),
        ("IMPORT_NOMINATIONS", edition),
        ("SUBSTITUTE_NOMINATION", nomination),
        ("ENDORSE_NOMINATION", nomination),
        ("WITHDRAW_NOMINATION", nomination),
        ("RANK_NOMINATION", nomination),
    ];
    let checks: Vec<Value> = asked
        .iter()
        .map(|(action, on)| json!({ "action": action, "on": on }))
        .collect();
    let answer = who.run("MayIEach", json!({ "checks": checks })).await;
    let rows = answer.at("viewer.canEach").as_array().expect("a list");
    assert_eq!(rows.len(), asked.len());
    let allowed = asked.iter().zip(rows).filter(|(_, row)| row["allowed"] == true);
    allowed.map(|((action, _), _)| *action).collect()
}

#[tokio::test]
async fn who_asks_what_they_may_do_is_answered_as_the_operations_answer() {
    let test = TestApp::new().await;
    let (place, fabi) = endorsing(&test).await;
    let other = test.institution("SENA", "CO").await;
    let fede = test.holder("Fede", Role::FocalPoint, Scope::Institution(other)).await;
    let saul = test.person("Saul").await;
    let id = named(&place, "nora@example.org").await;
    let of_fabi = named(&place, "fabi@example.org").await;
    let edition = place.edition.clone();
    let open = [
        "NOMINATE",
        "IMPORT_NOMINATIONS",
        "SUBSTITUTE_NOMINATION",
        "WITHDRAW_NOMINATION",
        "RANK_NOMINATION",
    ];
    let endorsed_too = [
        "NOMINATE",
        "IMPORT_NOMINATIONS",
        "SUBSTITUTE_NOMINATION",
        "ENDORSE_NOMINATION",
        "WITHDRAW_NOMINATION",
        "RANK_NOMINATION",
    ];
    assert_eq!(abilities(&place.flor, &id, &edition).await, open, "who named them");
    assert_eq!(abilities(&fabi, &id, &edition).await, endorsed_too);
    assert_eq!(abilities(&fabi, &of_fabi, &edition).await, open, "who is named");
    assert_eq!(
        abilities(&fede, &id, &edition).await,
        ["NOMINATE", "IMPORT_NOMINATIONS"]
    );
    for stranger in [&place.carla, &saul] {
        assert_eq!(abilities(stranger, &id, &edition).await, [""; 0], "{}", stranger.email);
    }
    let answer = act(&fabi, "EndorseNomination", seen(&id, 1)).await;
    assert_eq!(answer.user_errors("endorseNomination"), [""; 0]);
    assert_eq!(abilities(&fabi, &id, &edition).await, open, "it is endorsed");
    // The window is over: nobody is named or substituted, but one can be taken back.
    walk(&place.carla, &edition, &["ENROLMENT_CLOSED"]).await;
    let late = ["WITHDRAW_NOMINATION", "RANK_NOMINATION"];
    assert_eq!(abilities(&fabi, &id, &edition).await, late);
    let answer = act(&place.flor, "WithdrawNomination", seen(&id, 2)).await;
    assert_eq!(answer.user_errors("withdrawNomination"), [""; 0]);
    assert_eq!(abilities(&place.flor, &id, &edition).await, [""; 0]);
    drop(test.mails().await);
}

#[tokio::test]
async fn only_another_focal_point_of_the_institution_endorses_while_the_window_is_open() {
    let test = TestApp::new().await;
    let (place, fabi) = endorsing(&test).await;
    let other = test.institution("SENA", "CO").await;
    let fede = test.holder("Fede", Role::FocalPoint, Scope::Institution(other)).await;
    let (ada, saul) = (test.administrator().await, test.person("Saul").await);
    let id = named(&place, "nora@example.org").await;
    let endorse = async |who: &Client<'_>| act(who, "EndorseNomination", seen(&id, 1)).await;
    assert_eq!(endorse(&test.anonymous()).await.refusal(), "UNAUTHENTICATED");
    for stranger in [&fede, &ada, &saul] {
        assert_eq!(endorse(stranger).await.refusal(), "NOT_FOUND", "{}", stranger.email);
    }
    assert_eq!(endorse(&place.carla).await.refusal(), "FORBIDDEN");
    let stale = faults(&fabi, "EndorseNomination", seen(&id, 9)).await;
    assert_eq!(stale, ["STALE_VERSION input.version"]);
    let none = faults(&fabi, "EndorseNomination", seen(&place.edition, 1)).await;
    assert_eq!(none, ["INVALID_ID input.nominationId"]);
    walk(&place.carla, &place.edition, &["ENROLMENT_CLOSED"]).await;
    let late = faults(&fabi, "EndorseNomination", seen(&id, 1)).await;
    assert_eq!(late, ["ENROLMENT_CLOSED input.nominationId"]);
    assert_eq!(place.list().await[0]["state"], "SUBMITTED");
    assert_eq!(test.notices().await, ["endorsement_asked fabi@example.org"]);
}

#[tokio::test]
async fn what_ends_before_it_is_endorsed_is_told_to_no_nominee() {
    let test = TestApp::new().await;
    let (place, fabi) = endorsing(&test).await;
    let back = named(&place, "back@example.org").await;
    let swapped = named(&place, "old@example.org").await;
    named(&place, "late@example.org").await;
    drop(test.mails().await);
    // The second person does not stand by it.
    let mut input = seen(&back, 1);
    input["reason"] = json!("Works elsewhere");
    done(&fabi, "WithdrawNomination", input).await;
    let mails = test.mails().await;
    let [mail] = mails.as_slice() else { panic!("{mails:?}") };
    assert_eq!(mail.to, "flor@example.org");
    assert!(
        mail.text.contains("is no longer nominated") && mail.text.contains("Works elsewhere"),
        "{}",
        mail.text
    );
    let input = instead(&swapped, 1, "new@example.org");
    done(&place.flor, "SubstituteNomination", input).await;
    assert_eq!(test.notices().await, ["endorsement_asked fabi@example.org"]);

    test.pass(TimeDelta::days(7));
    let mails = test.mails().await;
    assert_eq!(mails.len(), 2, "{mails:?}");
    for mail in &mails {
        assert_eq!(mail.to, "flor@example.org");
        assert!(mail.text.contains("has not been endorsed in time"), "{}", mail.text);
    }
    let (place, fabi) = (place.again().await, fabi.again().await);
    let rows = list(&place.flor, &place.edition, json!({ "states": ["EXPIRED"] })).await;
    assert_eq!(rows.len(), 2, "{rows:?}");
    for row in rows {
        assert_eq!(row["awaitsEndorsement"], true);
        let id = row["id"].as_str().expect("an identifier");
        let late = faults(&fabi, "EndorseNomination", seen(id, 2)).await;
        assert_eq!(late, ["ILLEGAL_TRANSITION input.nominationId"]);
    }
    assert_eq!(test.notices().await, [""; 0]);
    test.fine().await;
}

#[tokio::test]
async fn a_cancelled_edition_ends_what_waits_to_be_endorsed_and_tells_who_nominated() {
    let test = TestApp::new().await;
    let (place, _) = endorsing(&test).await;
    named(&place, "nora@example.org").await;
    drop(test.mails().await);
    cancel(&place.carla, &place.edition, "Too few").await;
    assert_eq!(test.notices().await, ["edition_cancelled flor@example.org"]);
    assert_eq!(place.list().await[0]["state"], "WITHDRAWN");
    test.fine().await;
}

#[tokio::test]
async fn endorsing_counts_for_the_address_that_is_written_to_and_for_no_other() {
    let settings = [
        ("rates.enabled", "true"),
        ("rates.mail_recipient.burst", "2"),
        ("rates.mail_recipient.refill", "1"),
    ];
    let test = TestApp::with(&settings).await;
    let (place, fabi) = endorsing(&test).await;
    // Many are endorsed in a row, as long as each address gets no more than it may.
    for number in 0..4 {
        let id = named(&place, &format!("guest{number}@example.org")).await;
        done(&fabi, "EndorseNomination", seen(&id, 1)).await;
    }
    let first = named(&place, "nora@example.org").await;
    let taken_back = faults(&place.flor, "WithdrawNomination", seen(&first, 1)).await;
    assert_eq!(taken_back, [""; 0]);
    let id = named(&place, "nora@example.org").await;
    drop(test.mails().await);
    let limited = act(&fabi, "EndorseNomination", seen(&id, 1)).await;
    assert_eq!(limited.refusal(), "RATE_LIMITED");
    assert_eq!(test.notices().await, [""; 0]);
    test.pass(TimeDelta::hours(1));
    let fabi = fabi.again().await;
    done(&fabi, "EndorseNomination", seen(&id, 1)).await;
    drop(test.mails().await);
    test.fine().await;
}

#[tokio::test]
async fn who_is_nominated_does_not_endorse_it() {
    let test = TestApp::new().await;
    let (place, fabi) = endorsing(&test).await;
    let id = named(&place, &fabi.email).await;
    assert_eq!(test.notices().await, [""; 0], "nobody else is there to be asked");
    let own = faults(&fabi, "EndorseNomination", seen(&id, 1)).await;
    assert_eq!(own, ["OWN_WORK input.nominationId"]);
    assert_eq!(place.list().await[0]["awaitsEndorsement"], true);
}

#[tokio::test]
async fn a_nominee_is_reminded_in_the_name_of_who_endorsed_it() {
    let test = TestApp::new().await;
    let (place, fabi) = endorsing(&test).await;
    let id = named(&place, "nora@example.org").await;
    done(&fabi, "EndorseNomination", seen(&id, 1)).await;
    let ada = test.administrator().await;
    let flor = place.flor.person.expect("a person").to_string();
    let disabled = faults(&ada, "DisableAccount", json!({ "personId": flor, "reason": "So" })).await;
    assert_eq!(disabled, [""; 0]);
    drop(test.mails().await);
    test.pass(TimeDelta::days(5));
    assert_eq!(test.notices().await, ["nominated nora@example.org"]);
}
