//! What people say of themselves: from registration to an application, the profile, the declaration.

use rumbo::store::audit;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};

use super::{EMAIL, PASSWORD, account, id_of, session};
use crate::support::app::{Client, TestApp};
use crate::support::scene::{Plan, enrolling};

#[tokio::test]
async fn from_registration_to_an_application() {
    let test = TestApp::new().await;
    account(&test).await;
    let (access, _) = session(&test, PASSWORD).await;
    let ana = test.anonymous().bearing(&access);
    let viewer = ana.run("Viewer", json!({})).await;
    assert_eq!(viewer.text("viewer.person.fullName"), "Ana Pérez");
    assert_eq!(viewer.text("viewer.person.timeZone"), "America/Sao_Paulo");
    assert_eq!(
        (viewer.at("viewer.roles"), viewer.at("viewer.declaration")),
        (&json!([]), &Value::Null)
    );

    let coordinator = test.coordinator().await;
    let edition = enrolling(&coordinator, Plan::OPEN).await;
    let apply = json!({ "input": { "editionId": edition } });
    let early = ana.run("ApplyToEdition", apply.clone()).await;
    assert_eq!(
        early.user_errors("applyToEdition"),
        ["DECLARATION_REQUIRED input.editionId"]
    );
    let institution = test.institution("SENAI", "BR").await.to_string();
    let input =
        json!({ "gender": "NOT_STATED", "country": "br", "institutionId": institution, "constituentGroup": "WORKERS" });
    let stated = ana.run("DeclareMyself", json!({ "input": input })).await;
    assert_eq!(stated.text("stateDeclaration.declaration.country"), "BR");
    assert_eq!(stated.text("stateDeclaration.declaration.institution.name"), "SENAI");
    let applied = ana.run("ApplyToEdition", apply).await;
    assert_eq!(applied.text("applyToEdition.enrolment.state"), "CONFIRMED");
    let mails = test.mails().await;
    assert_eq!(mails.len(), 1);
    assert!(
        mails[0].subject.to_lowercase().contains("inscrição"),
        "in her language: {}",
        mails[0].subject
    );
}

#[tokio::test]
async fn what_people_do_to_their_own_account_is_audited() {
    let test = TestApp::new().await;
    account(&test).await;
    let (access, _) = session(&test, PASSWORD).await;
    let ana = test.anonymous().bearing(&access);
    let profile = json!({ "version": 1, "givenName": "Ana", "familyName": "Paz", "language": "ES", "timeZone": "UTC" });
    ana.run("UpdateProfile", json!({ "input": profile })).await;
    let statement = json!({ "gender": "NOT_STATED", "constituentGroup": "WORKERS" });
    ana.run("DeclareMyself", json!({ "input": statement })).await;
    // What was refused is no entry.
    ana.run("UpdateProfile", json!({ "input": profile })).await;
    let begun = ana
        .query("mutation { beginSecondFactor { enrolment { secret } } }", json!({}))
        .await;
    begun.text("beginSecondFactor.enrolment.secret");
    let out = ana.query("mutation { signOut { signedOut } }", json!({})).await;
    assert_eq!(out.at("signOut.signedOut"), &json!(true));
    let mut entries = audit::Entity::find()
        .filter(audit::Column::Action.eq("manage_account"))
        .all(test.app.db.read())
        .await
        .expect("entries");
    entries.sort_by_key(|entry| entry.id);
    let id = id_of(&test, EMAIL).await;
    for entry in &entries {
        assert_eq!((entry.actor_id, entry.subject_id), (Some(id), Some(id.0)));
    }
    let what: Vec<_> = entries.iter().filter_map(|entry| entry.reason.as_deref()).collect();
    let expected = [
        "address confirmed",
        "profile changed",
        "declaration stated",
        "second factor begun",
        "signed out",
    ];
    assert_eq!(what, expected);
}

#[tokio::test]
async fn a_profile_is_changed_by_the_version_that_was_seen() {
    let test = TestApp::new().await;
    let ana = test.person("Ana").await;
    let profile = |version: i64, zone: &str| json!({ "input": { "version": version, "givenName": "Ana María", "familyName": "Pérez", "language": "ES", "timeZone": zone } });
    let changed = ana.run("UpdateProfile", profile(1, "Europe/Madrid")).await;
    assert_eq!(changed.text("updateProfile.person.givenName"), "Ana María");
    assert_eq!(changed.number("updateProfile.person.version"), 2);
    let stale = ana.run("UpdateProfile", profile(1, "Europe/Madrid")).await;
    assert_eq!(stale.user_errors("updateProfile"), ["STALE_VERSION input.version"]);
    let sentence = &stale.json["data"]["updateProfile"]["userErrors"][0]["message"];
    assert_eq!(
        sentence, "Otra persona lo cambió entretanto; la versión actual es 2.",
        "in the language just set"
    );
    let wrong = ana.run("UpdateProfile", profile(2, "Mars/Olympus")).await;
    assert_eq!(wrong.user_errors("updateProfile"), ["UNKNOWN_TIME_ZONE input.timeZone"]);
    let nobody = test.anonymous().run("UpdateProfile", profile(2, "Europe/Madrid")).await;
    assert_eq!(nobody.refusal(), "UNAUTHENTICATED");
}

#[tokio::test]
async fn a_declaration_that_cannot_be_is_refused() {
    let test = TestApp::new().await;
    let ana = test.person("Ana").await;
    let state = async |client: &Client<'_>, country: Value, institution: Value| {
        let input = json!({ "gender": "FEMALE", "country": country, "institutionId": institution, "constituentGroup": "OTHER" });
        client.run("DeclareMyself", json!({ "input": input })).await
    };
    let answer = state(&ana, json!("XX"), Value::Null).await;
    assert_eq!(
        answer.user_errors("stateDeclaration"),
        ["UNKNOWN_COUNTRY input.country"]
    );
    let answer = state(&ana, json!("UY"), json!("edn_01h455vb4pex5vsknk084sn02q")).await;
    assert_eq!(
        answer.user_errors("stateDeclaration"),
        ["INVALID_ID input.institutionId"]
    );
    let answer = state(&ana, json!("UY"), json!("ins_01h455vb4pex5vsknk084sn02q")).await;
    assert_eq!(answer.refusal(), "NOT_FOUND");
    assert_eq!(
        answer.json["errors"][0]["extensions"]["inputPath"],
        json!(["input", "institutionId"])
    );
    let answer = state(&test.anonymous(), json!("UY"), Value::Null).await;
    assert_eq!(answer.refusal(), "UNAUTHENTICATED");
    let viewer = ana.run("Viewer", json!({})).await;
    assert_eq!(
        viewer.text("viewer.declaration.country"),
        "UY",
        "what was stated before holds"
    );
}
