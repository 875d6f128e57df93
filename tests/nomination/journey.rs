//! The journey of a focal point and of nominees, from the committed operations.

use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use super::{Place, decline, instead, joining, token};
use crate::support::app::TestApp;
use crate::support::letter::token_of;
use crate::support::scene::{act, done, faults};

#[tokio::test]
async fn an_institution_names_people_and_follows_what_comes_of_it() {
    let test = TestApp::new().await;
    let place = Place::new(&test).await;
    let anyone = test.anonymous();
    assert_eq!(place.seats().await, json!([0, 0, 0, null]));
    let answer = act(&place.flor, "Nominate", place.naming("Nora@Example.org")).await;
    assert_eq!(
        (
            answer.text("nominate.nomination.state"),
            answer.number("nominate.nomination.rank")
        ),
        ("SUBMITTED".to_owned(), 1)
    );
    assert_eq!(
        answer.text("nominate.nomination.expiresAt"),
        "2026-03-09T12:00:00+00:00"
    );
    let mails = test.mails().await;
    let [mail] = mails.as_slice() else { panic!("{mails:?}") };
    assert_eq!(
        (mail.notice.as_str(), mail.to.as_str()),
        ("nominated", "nora@example.org")
    );
    assert_eq!(mail.subject, "INEFOP nominates you: Digital training");
    assert!(
        mail.text
            .contains("Flor Tester nominates you for INEFOP to take part in edition DEMO-2026"),
        "{}",
        mail.text
    );
    let nora = token_of(mail);
    assert_eq!(place.seats().await, json!([0, 0, 1, null]));

    // Nora looks, without an account, and makes one. What she states of her institution is what nominates her.
    let offer = anyone.run("OpenInvitation", json!({ "token": nora })).await;
    assert_eq!(
        (
            offer.text("openInvitation.nominator"),
            offer.text("openInvitation.inviterName")
        ),
        ("INEFOP".to_owned(), "Flor Tester".to_owned())
    );
    done(&anyone, "RegisterInvited", joining(&nora)).await;
    assert_eq!(
        test.notices().await,
        [
            "enrolment_confirmed nora@example.org",
            "nomination_answered flor@example.org"
        ]
    );
    let rows = place.list().await;
    assert_eq!(
        (
            &rows[0]["state"],
            &rows[0]["enrolment"]["state"],
            &rows[0]["person"]["fullName"],
            &rows[0]["givenName"]
        ),
        (
            &json!("ACCEPTED"),
            &json!("CONFIRMED"),
            &json!("Nora Inés Núñez"),
            &json!("Nora")
        )
    );
    let document = "query ($id: ID!) { enrolment(id: $id) {
        nominatedBy { name } institution { name } constituentGroup motivation } }";
    let enrolment = json!({ "id": rows[0]["enrolment"]["id"] });
    for reader in [&place.carla, &place.flor] {
        let seen = reader.query(document, enrolment.clone()).await;
        assert_eq!(
            seen.at("enrolment"),
            &json!({
                "nominatedBy": { "name": "INEFOP" }, "institution": { "name": "INEFOP" },
                "constituentGroup": "WORKERS", "motivation": "To learn",
            })
        );
    }
    test.fine().await;
}

#[tokio::test]
async fn an_institution_reads_why_somebody_declined_and_names_somebody_else() {
    let test = TestApp::new().await;
    let place = Place::new(&test).await;
    let anyone = test.anonymous();
    // Ben declines without an account.
    let (_, ben) = place.nominate(&test, "ben@example.org").await;
    assert_eq!(
        decline(&test, &ben, "No time").await.at("declineInvitation.declined"),
        true
    );
    let mails = test.mails().await;
    assert_eq!((mails.len(), mails[0].to.as_str()), (1, "flor@example.org"));
    assert!(
        mails[0].subject.contains("Nora Núñez declined") && mails[0].text.contains("No time"),
        "{mails:?}"
    );
    let rows = place.list().await;
    assert_eq!(
        (&rows[0]["state"], &rows[0]["enrolment"]),
        (&json!("DECLINED"), &Value::Null)
    );
    let steps: Vec<_> = rows[0]["history"].as_array().expect("steps").iter().collect();
    assert_eq!(
        (&steps[0]["from"], &steps[0]["to"]),
        (&Value::Null, &json!("submitted"))
    );
    assert_eq!(
        (&steps[1]["from"], &steps[1]["to"], &steps[1]["reason"]),
        (&json!("submitted"), &json!("declined"), &json!("No time"))
    );

    // Somebody who has not answered is substituted, keeps the place, and is told.
    let (dan, dead) = place.nominate(&test, "dan@example.org").await;
    let ranked = act(
        &place.flor,
        "RankNomination",
        json!({ "nominationId": dan, "version": 1, "rank": 7 }),
    )
    .await;
    assert_eq!(ranked.number("rankNomination.nomination.rank"), 7);
    let answer = done(
        &place.flor,
        "SubstituteNomination",
        instead(&dan, 2, "cora@example.org"),
    )
    .await;
    let new = answer.at("substituteNomination.nomination");
    assert_eq!(
        (&new["rank"], &new["substitutes"], &new["version"]),
        (&json!(7), &json!(dan), &json!(1))
    );
    assert_eq!(
        test.notices().await,
        ["nominated cora@example.org", "nomination_withdrawn dan@example.org"]
    );
    let gone = faults(&anyone, "RegisterInvited", joining(&dead)).await;
    assert_eq!(gone, ["INVALID_TOKEN input.token"]);
    let rows = place.list().await;
    let states: Vec<_> = rows
        .iter()
        .map(|row| row["state"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(states, ["DECLINED", "SUBSTITUTED", "SUBMITTED"]);
    test.fine().await;
    // One in whose place nobody is any more is found.
    let tx = test.app.db.write().await.expect("a transaction");
    let torn = "UPDATE invitation SET substitutes = NULL";
    tx.execute_unprepared(torn).await.expect("rows that may change");
    tx.commit().await.expect("a commit");
    let found = test.violations().await;
    let found: Vec<_> = found.iter().map(|finding| finding.invariant).collect();
    assert_eq!(
        found,
        ["a nomination that was substituted has one in its place for the same edition"]
    );
}

#[tokio::test]
async fn a_nominee_is_written_to_in_their_language() {
    let test = TestApp::new().await;
    let place = Place::new(&test).await;
    for (language, subject) in [
        ("ES", "INEFOP le nomina: Formación profesional digital"),
        ("EN", "INEFOP nominates you: Digital training"),
        ("PT", "INEFOP indica você: Formación profesional digital"),
    ] {
        let mut input = place.naming(&format!("{}@example.org", language.to_lowercase()));
        input["language"] = json!(language);
        done(&place.flor, "Nominate", input).await;
        assert_eq!(test.mails().await[0].subject, subject);
    }
}

#[tokio::test]
async fn a_nominee_with_an_account_accepts_with_it() {
    let test = TestApp::new().await;
    let place = Place::new(&test).await;
    let (nora, ben) = (test.person("Nora").await, test.person("Ben").await);
    let (_, token_of_nora) = place.nominate(&test, "nora@example.org").await;
    let other = super::accept(&ben, &token_of_nora).await;
    assert_eq!(other.user_errors("acceptInvitation"), ["OTHER_ADDRESS input.token"]);
    assert_eq!(super::accepted(&nora, &token_of_nora).await, "CONFIRMED");
    // What she stated stays, but for the institution, from now on.
    let me = nora
        .query(
            "{ viewer { declaration { gender country institution { name } } } }",
            json!({}),
        )
        .await;
    assert_eq!(
        me.at("viewer.declaration"),
        &json!({ "gender": "FEMALE", "country": "UY", "institution": { "name": "INEFOP" } })
    );
    // Whoever is in already is told so, and the token stays good for nothing else.
    drop(test.mails().await);
    done(&place.flor, "Nominate", place.naming("nora@example.org")).await;
    let second = token(&test, "nora@example.org").await;
    let twice = super::accept(&nora, &second).await;
    assert_eq!(twice.user_errors("acceptInvitation"), ["ALREADY_ENROLLED input.token"]);
    test.fine().await;
}
