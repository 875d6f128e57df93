//! What time does to nominations, and the end of their edition.

use chrono::TimeDelta;
use rumbo::domain::id::InvitationId;
use rumbo::service::nomination::passing::remind;
use rumbo::store::audit;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};

use super::{Place, accept, accepted, decline, list, named, token};
use crate::support::app::TestApp;
use crate::support::letter::token_of;
use crate::support::scene::{Plan, act, cancel, done, edition_input, replan, walk};

#[tokio::test]
async fn who_has_not_answered_is_reminded_once_with_another_token() {
    let test = TestApp::new().await;
    let place = Place::new(&test).await;
    let nora = test.person("Nora").await;
    let (_, first) = place.nominate(&test, "nora@example.org").await;
    let (_, of_ben) = place.nominate(&test, "ben@example.org").await;
    let declined = decline(&test, &of_ben, "No").await;
    assert_eq!(declined.at("declineInvitation.declined"), &json!(true));
    drop(test.mails().await);
    test.pass(TimeDelta::days(5) - TimeDelta::seconds(1));
    assert_eq!(test.notices().await, [""; 0]);
    test.pass(TimeDelta::seconds(1));
    let mails = test.mails().await;
    let [mail] = mails.as_slice() else { panic!("{mails:?}") };
    assert_eq!(
        (mail.notice.as_str(), mail.to.as_str()),
        ("nominated", "nora@example.org")
    );
    assert!(mail.text.contains("You have not answered yet."), "{}", mail.text);
    assert!(mail.subject.starts_with("Please answer: INEFOP"), "{}", mail.subject);
    assert_eq!(test.notices().await, [""; 0], "once, however often the job runs");
    let second = token_of(mail);
    let nora = nora.again().await;
    let dead = accept(&nora, &first).await;
    assert_eq!(dead.user_errors("acceptInvitation"), ["INVALID_TOKEN input.token"]);
    assert_eq!(accepted(&nora, &second).await, "CONFIRMED");
    drop(test.mails().await);
}

#[tokio::test]
async fn nobody_is_reminded_in_the_name_of_a_disabled_account_and_the_token_stays_good() {
    let test = TestApp::new().await;
    let place = Place::new(&test).await;
    let nora = test.person("Nora").await;
    let (_, token) = place.nominate(&test, "nora@example.org").await;
    let ada = test.administrator().await;
    let flor = place.flor.person.expect("a person").to_string();
    done(&ada, "DisableAccount", json!({ "personId": flor, "reason": "So" })).await;
    drop(test.mails().await);
    test.pass(TimeDelta::days(5));
    assert_eq!(test.notices().await, [""; 0]);
    assert_eq!(accepted(&nora.again().await, &token).await, "CONFIRMED");
    drop(test.mails().await);
}

#[tokio::test]
async fn nobody_is_reminded_of_an_edition_that_takes_nobody_any_more() {
    let test = TestApp::new().await;
    let place = Place::new(&test).await;
    place.nominate(&test, "nora@example.org").await;
    walk(&place.carla, &place.edition, &["ENROLMENT_CLOSED"]).await;
    drop(test.mails().await);
    test.pass(TimeDelta::days(5));
    assert_eq!(test.notices().await, [""; 0]);
    test.pass(TimeDelta::days(2));
    assert_eq!(test.notices().await, ["nomination_answered flor@example.org"]);
}

#[tokio::test]
async fn what_is_not_answered_in_time_expires_and_who_nominated_is_told_once() {
    let test = TestApp::new().await;
    let place = Place::new(&test).await;
    let (_, token) = place.nominate(&test, "nora@example.org").await;
    test.pass(TimeDelta::days(7));
    let place = place.again().await;
    let looked = test.anonymous().run("OpenInvitation", json!({ "token": token })).await;
    assert_eq!(looked.refusal(), "INVALID_TOKEN");
    assert_eq!(place.list().await[0]["state"], "EXPIRED", "before the job has come");
    assert_eq!(place.seats().await, json!([0, 0, 0, null]));
    let mails = test.mails().await;
    assert_eq!((mails.len(), mails[0].to.as_str()), (1, "flor@example.org"));
    assert!(mails[0].text.contains("did not answer in time"), "{}", mails[0].text);
    assert_eq!(test.notices().await, [""; 0]);
    let rows = place.list().await;
    assert_eq!((&rows[0]["state"], &rows[0]["version"]), (&json!("EXPIRED"), &json!(2)));
    assert_eq!(rows[0]["history"][1]["to"], "expired");
    // The same address can be named anew.
    place.nominate(&test, "nora@example.org").await;
    assert_eq!(test.violations().await, []);
}

#[tokio::test]
async fn the_audit_log_tells_nominations_that_ran_out_from_other_invitations() {
    let test = TestApp::new().await;
    let place = Place::new(&test).await;
    let (nomination, _) = place.nominate(&test, "nora@example.org").await;
    let mut input = named("ben@example.org");
    input["editionId"] = json!(place.edition);
    let invited = act(&place.carla, "InviteToEdition", input).await;
    let invitation = invited.text("inviteToEdition.invitation.id");
    drop(test.mails().await);
    test.pass(TimeDelta::days(7));
    drop(test.mails().await);
    let entries = audit::Entity::find()
        .filter(audit::Column::Reason.eq("expired"))
        .all(test.app.db.read())
        .await
        .expect("entries");
    let mut found: Vec<(String, String)> = entries
        .into_iter()
        .map(|entry| {
            let id = InvitationId(entry.subject_id.expect("a subject"));
            (entry.action, id.to_string())
        })
        .collect();
    found.sort();
    let wanted = [("invite", invitation), ("nominate", nomination)];
    assert_eq!(found, wanted.map(|(action, id)| (action.to_owned(), id)));
}

#[tokio::test]
async fn whom_it_was_for_is_forgotten_some_time_after_its_end() {
    let test = TestApp::new().await;
    let place = Place::new(&test).await;
    let (_, token) = place.nominate(&test, "nora@example.org").await;
    let declined = decline(&test, &token, "No").await;
    assert_eq!(declined.at("declineInvitation.declined"), &json!(true));
    drop(test.mails().await);
    test.pass(TimeDelta::days(30));
    drop(test.mails().await);
    let place = place.again().await;
    for reader in [&place.flor, &place.carla] {
        let rows = list(reader, &place.edition, json!({})).await;
        assert!(rows[0]["blankedAt"].is_string(), "{rows:?}");
        for field in ["givenName", "familyName", "email"] {
            assert_eq!(rows[0][field], Value::Null, "{field}");
        }
    }
}

#[tokio::test]
async fn a_cancelled_edition_ends_its_nominations_and_tells_nominees_and_who_nominated() {
    let test = TestApp::new().await;
    let place = Place::new(&test).await;
    act(&place.flor, "Nominate", place.naming("nora@example.org"))
        .await
        .text("nominate.nomination.id");
    let dead = token(&test, "nora@example.org").await;
    cancel(&place.carla, &place.edition, "Too few").await;
    assert_eq!(
        test.notices().await,
        [
            "edition_cancelled flor@example.org",
            "invitation_ended nora@example.org"
        ]
    );
    let looked = test.anonymous().run("OpenInvitation", json!({ "token": dead })).await;
    assert_eq!(looked.refusal(), "INVALID_TOKEN");
    let rows = place.list().await;
    assert_eq!(
        (&rows[0]["state"], &rows[0]["history"][1]["reason"]),
        (&json!("WITHDRAWN"), &json!("Too few"))
    );
    assert_eq!(test.violations().await, []);
}

#[tokio::test]
async fn nominations_move_with_the_window_of_their_edition() {
    let test = TestApp::new().await;
    let place = Place::new(&test).await;
    let nora = test.person("Nora").await;
    let (_, token) = place.nominate(&test, "nora@example.org").await;
    let replanned = async |place: &Place<'_>, from: &str, until: &str| {
        let mut plan = edition_input(Plan::OPEN);
        plan["enrolsFrom"] = json!(from);
        plan["enrolsUntil"] = json!(until);
        let changed = replan(&place.carla, &place.edition, plan).await;
        assert_eq!(changed.user_errors("updateEdition"), [""; 0]);
        let row = place.list().await.remove(0);
        (row["expiresAt"].clone(), row["version"].clone())
    };
    let (start, end) = ("2026-03-01T00:00:00-03:00", "2026-04-01T23:59:59-03:00");
    // It opens later: as long after that as an invitation lasts.
    assert_eq!(
        replanned(&place, "2026-03-20T00:00:00-03:00", end).await,
        (json!("2026-03-27T03:00:00+00:00"), json!(2))
    );
    // It is open, and closes sooner.
    assert_eq!(
        replanned(&place, start, "2026-03-25T00:00:00-03:00").await,
        (json!("2026-03-25T03:00:00+00:00"), json!(3))
    );
    // What ends before the window does is left as it is.
    assert_eq!(
        replanned(&place, start, end).await,
        (json!("2026-03-25T03:00:00+00:00"), json!(3))
    );
    drop(test.mails().await);
    test.pass(TimeDelta::days(21));
    let mails = test.mails().await;
    let [mail] = mails.as_slice() else { panic!("{mails:?}") };
    assert_eq!(mail.notice, "nominated", "she is reminded two days before the new end");
    let second = token_of(mail);
    assert_ne!(second, token);
    assert_eq!(accepted(&nora.again().await, &second).await, "CONFIRMED");
    drop(test.mails().await);
    assert_eq!(test.violations().await, []);
}

#[tokio::test]
async fn nominations_end_with_a_window_that_is_over_already() {
    let test = TestApp::new().await;
    let place = Place::new(&test).await;
    let nora = test.person("Nora").await;
    let (_, token) = place.nominate(&test, "nora@example.org").await;
    let (_, of_ben) = place.nominate(&test, "ben@example.org").await;
    let declined = decline(&test, &of_ben, "No").await;
    assert_eq!(declined.at("declineInvitation.declined"), &json!(true));
    drop(test.mails().await);
    test.pass(TimeDelta::seconds(1));
    let mut plan = edition_input(Plan::OPEN);
    plan["enrolsUntil"] = json!("2026-03-02T08:00:00-03:00");
    let changed = replan(&place.carla, &place.edition, plan).await;
    assert_eq!(changed.user_errors("updateEdition"), [""; 0]);
    // At once, before the job has come.
    let looked = test.anonymous().run("OpenInvitation", json!({ "token": token })).await;
    assert_eq!(looked.refusal(), "INVALID_TOKEN");
    let refused = accept(&nora, &token).await;
    assert_eq!(refused.user_errors("acceptInvitation"), ["INVALID_TOKEN input.token"]);
    let states = |rows: &[Value]| rows.iter().map(|row| row["state"].clone()).collect::<Vec<_>>();
    assert_eq!(states(&place.list().await), [json!("EXPIRED"), json!("DECLINED")]);
    assert_eq!(place.seats().await, json!([0, 0, 0, null]));
    assert_eq!(test.notices().await, ["nomination_answered flor@example.org"]);
    let rows = place.list().await;
    assert_eq!(rows[0]["history"][1]["to"], "expired");
    // A window that opens once more does not bring it back.
    let changed = replan(&place.carla, &place.edition, edition_input(Plan::OPEN)).await;
    assert_eq!(changed.user_errors("updateEdition"), [""; 0]);
    assert_eq!(states(&place.list().await), [json!("EXPIRED"), json!("DECLINED")]);
    assert_eq!(test.notices().await, [""; 0]);
    assert_eq!(test.violations().await, []);
}

#[tokio::test]
async fn many_are_reminded_with_as_many_statements_as_one() {
    let mut spent = Vec::new();
    for nominees in [1, 6] {
        let test = TestApp::new().await;
        let place = Place::new(&test).await;
        for number in 0..nominees {
            place.nominate(&test, &format!("n{number}@example.org")).await;
        }
        test.pass(TimeDelta::days(5));
        let before = test.app.db.statements();
        remind(&test.app.db, &test.app.clock).await.expect("reminders");
        spent.push(test.app.db.statements() - before);
        assert_eq!(test.notices().await.len(), nominees);
    }
    eprintln!("one nominee and six are reminded: {spent:?} statements");
    assert_eq!(spent[0], spent[1]);
}
