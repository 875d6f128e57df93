//! What an admitted enrolment was frozen with, put right: who may, what is kept of before, and what is counted.

use chrono::{DateTime, TimeDelta, Utc};
use rumbo::domain::actor::{Role, Scope};
use serde_json::{Value, json};

use crate::support::app::{Client, TestApp, Who};
use crate::support::scene::{Plan, act, apply, as_seen, done, enrolling, faults, nominate, speak, walk};

/// What should have been stated.
fn right(gender: &str, country: &str) -> Value {
    json!({ "gender": gender, "country": country, "constituentGroup": "WORKERS" })
}

fn correction(enrolment: &str, version: i64, declaration: Value) -> Value {
    let mut input = json!({ "enrolmentId": enrolment, "version": version, "reason": "A slip of the pen" });
    input["declaration"] = declaration;
    input
}

/// Genders, countries and groups, with how many enrolments each has.
async fn figures(reader: &Client<'_>, as_at: Option<DateTime<Utc>>) -> Value {
    let by = ["GENDER", "COUNTRY", "CONSTITUENT_GROUP"];
    let answer = reader.run("Statistics", json!({ "by": by, "asAt": as_at })).await;
    let rows = answer.at("statistics.rows").as_array().expect("rows").clone();
    let row = |row: &Value| {
        json!([
            row["gender"],
            row["country"],
            row["constituentGroup"],
            row["enrolments"]
        ])
    };
    rows.iter().map(row).collect()
}

#[tokio::test]
async fn a_correction_counts_anew_and_leaves_what_was() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let institution = test.institution("INEFOP", "UY").await;
    let edition = enrolling(&carla, Plan::OPEN).await;
    let ana = Who {
        institution: Some(institution),
        ..Who::named("Ana")
    };
    let ana = test.somebody(ana).await;
    let (enrolment, _) = apply(&ana, &edition).await;
    drop(test.mails().await);
    let was = json!([["FEMALE", "UY", "TRAINING_INSTITUTION", 1]]);
    assert_eq!(figures(&carla, None).await, was);
    let before = test.now();
    test.pass(TimeDelta::minutes(1));
    let (carla, ana) = (carla.again().await, ana.again().await);

    let corrected = done(
        &carla,
        "CorrectSnapshot",
        correction(&enrolment, 1, right("MALE", "BR")),
    )
    .await;
    let row = corrected.at("correctSnapshot.enrolment");
    assert_eq!((&row["gender"], &row["country"]), (&json!("MALE"), &json!("BR")));
    assert_eq!((&row["institution"], &row["version"]), (&Value::Null, &json!(2)));
    assert_eq!(figures(&carla, None).await, json!([["MALE", "BR", "WORKERS", 1]]));
    assert_eq!(figures(&carla, Some(before)).await, was, "what was reported stays");
    let instant = test.now();

    test.pass(TimeDelta::minutes(1));
    let mut declaration = right("MALE", "UY");
    declaration["institutionId"] = json!(institution.to_string());
    done(
        &carla,
        "CorrectSnapshot",
        correction(&enrolment, 2, declaration.clone()),
    )
    .await;
    // What is right already changes nothing.
    let same = done(&carla, "CorrectSnapshot", correction(&enrolment, 3, declaration)).await;
    assert_eq!(same.number("correctSnapshot.enrolment.version"), 3);
    for reader in [&ana, &carla] {
        let seen = reader.run("EnrolmentSnapshots", json!({ "id": enrolment })).await;
        assert_eq!(seen.text("enrolment.institution.id"), institution.to_string());
        let former = seen.at("enrolment.formerSnapshots").as_array().expect("a list").clone();
        let told = |former: &Value| {
            json!([
                former["gender"],
                former["country"],
                former["institution"]["name"],
                former["institutionKind"],
                former["constituentGroup"],
                former["cause"],
                former["reason"],
            ])
        };
        let kind = "TRAINING_INSTITUTION";
        let why = "A slip of the pen";
        assert_eq!(
            former.iter().map(told).collect::<Vec<_>>(),
            [
                json!(["FEMALE", "UY", "INEFOP", kind, kind, "CORRECTED", why]),
                json!(["MALE", "BR", null, null, "WORKERS", "CORRECTED", why]),
            ]
        );
    }
    assert_eq!(
        figures(&carla, Some(instant)).await,
        json!([["MALE", "BR", "WORKERS", 1]])
    );
    assert_eq!(figures(&carla, Some(before)).await, was);
    let viewer = ana.run("Viewer", json!({})).await;
    assert_eq!(
        viewer.text("viewer.declaration.gender"),
        "FEMALE",
        "their own word stays theirs"
    );
    assert_eq!(
        test.notices().await,
        [
            "snapshot_corrected ana@example.org",
            "snapshot_corrected ana@example.org"
        ]
    );
    test.fine().await;
}

#[tokio::test]
async fn nobody_but_the_editions_coordinators_corrects() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN).await;
    let elsewhere = enrolling(&carla, Plan::OTHER).await;
    let ana = test.person("Ana").await;
    let (enrolment, _) = apply(&ana, &edition).await;
    let input = correction(&enrolment, 1, right("MALE", "BR"));
    for (stranger, code) in [
        (test.anonymous(), "UNAUTHENTICATED"),
        (test.person("Saul").await, "NOT_FOUND"),
        (test.administrator().await, "NOT_FOUND"),
        (test.coordinator_of("Cora", &elsewhere).await, "NOT_FOUND"),
        (ana.clone(), "FORBIDDEN"),
    ] {
        assert_eq!(act(&stranger, "CorrectSnapshot", input.clone()).await.refusal(), code);
    }
    let (own, _) = apply(&carla, &edition).await;
    let of_own = faults(&carla, "CorrectSnapshot", correction(&own, 1, right("MALE", "BR"))).await;
    assert_eq!(of_own, ["OWN_WORK input.enrolmentId"]);
    // A focal point sees where somebody is from, and nothing of what was counted before.
    drop(test.mails().await);
    done(&carla, "CorrectSnapshot", input).await;
    let institution = test.institution("INEFOP", "UY").await;
    nominate(&test, &enrolment, institution.0).await;
    let flor = test.holder("Flor", Role::FocalPoint, Scope::Institution(institution));
    let flor = flor.await;
    let seen = flor.run("EnrolmentSnapshots", json!({ "id": enrolment })).await;
    assert_eq!(seen.text("enrolment.country"), "BR");
    assert_eq!(seen.at("enrolment.formerSnapshots"), &Value::Null);
    drop(test.mails().await);
}

#[tokio::test]
async fn what_is_not_frozen_or_not_there_is_refused_by_name() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let plan = Plan::OPEN.by_approval();
    let edition = enrolling(&carla, plan).await;
    let ana = test.person("Ana").await;
    let (enrolment, _) = apply(&ana, &edition).await;
    let input = correction(&enrolment, 1, right("MALE", "BR"));
    assert_eq!(
        faults(&carla, "CorrectSnapshot", input.clone()).await,
        ["ILLEGAL_TRANSITION input.enrolmentId"],
        "the person may state it anew"
    );
    let list = as_seen(&carla, json!([enrolment])).await;
    let decided = json!({ "editionId": edition, "enrolments": list, "decision": "CONFIRM" });
    done(&carla, "DecideEnrolments", decided).await;
    assert_eq!(
        faults(&carla, "CorrectSnapshot", input).await,
        ["STALE_VERSION input.version"]
    );
    let mut unknown = right("MALE", "BR");
    unknown["institutionId"] = json!("ins_01h455vb4pex5vsknk084sn02q");
    let refused = act(&carla, "CorrectSnapshot", correction(&enrolment, 2, unknown)).await;
    assert_eq!(refused.refusal(), "NOT_FOUND");
    let mut blank = correction(&enrolment, 2, right("MALE", "BR"));
    blank["reason"] = json!(" ");
    assert_eq!(
        faults(&carla, "CorrectSnapshot", blank).await,
        ["REQUIRED input.reason"]
    );
    drop(test.mails().await);
    test.fine().await;
}

#[tokio::test]
async fn an_enrolment_is_corrected_fifty_times_and_no_more() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN).await;
    let ana = test.person("Ana").await;
    let (enrolment, _) = apply(&ana, &edition).await;
    for version in 1..=50 {
        let country = if version % 2 == 0 { "UY" } else { "BR" };
        let input = correction(&enrolment, version, right("MALE", country));
        done(&carla, "CorrectSnapshot", input).await;
    }
    let more = act(
        &carla,
        "CorrectSnapshot",
        correction(&enrolment, 51, right("MALE", "BR")),
    )
    .await;
    assert_eq!(more.user_errors("correctSnapshot"), ["LIMIT_REACHED input.enrolmentId"]);
    assert!(
        more.body.contains("There are as many as there may be: 50."),
        "{}",
        more.body
    );
    // What is right already changes nothing, however often it was put right.
    let same = correction(&enrolment, 51, right("MALE", "UY"));
    let same = done(&carla, "CorrectSnapshot", same).await;
    assert_eq!(same.number("correctSnapshot.enrolment.version"), 51);
    let seen = carla.run("EnrolmentSnapshots", json!({ "id": enrolment })).await;
    let former = seen.at("enrolment.formerSnapshots").as_array().expect("a list");
    assert_eq!(former.len(), 50);
    drop(test.mails().await);
    test.fine().await;
}

#[tokio::test]
async fn an_edition_that_is_over_is_corrected_and_told_in_the_persons_language() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN).await;
    let ana = test.person("Ana").await;
    let (enrolment, _) = apply(&ana, &edition).await;
    walk(
        &carla,
        &edition,
        &["ENROLMENT_CLOSED", "RUNNING", "GRADING", "CLOSED", "ARCHIVED"],
    )
    .await;
    speak(&ana, "PT").await;
    drop(test.mails().await);
    let seen = carla.run("EnrolmentSnapshots", json!({ "id": enrolment })).await;
    let input = correction(&enrolment, seen.number("enrolment.version"), right("ANOTHER", "BR"));
    done(&carla, "CorrectSnapshot", input).await;
    let mails = test.mails().await;
    assert_eq!(mails.len(), 1);
    assert!(
        mails[0]
            .subject
            .starts_with("Os dados da sua inscrição foram corrigidos")
    );
    assert!(mails[0].text.contains("A slip of the pen"), "{}", mails[0].text);
    test.fine().await;
}
