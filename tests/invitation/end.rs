//! How an invitation ends: accepted, declined, taken back, replaced, run out; and what its token is worth then.

use chrono::TimeDelta;
use rumbo::domain::actor::Role;
use rumbo::store::{history, invitation};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use serde_json::json;

use super::{accept, answers, invited, list, nora, opened, steps, to_edition, to_edition_as, token};
use crate::support::app::TestApp;
use crate::support::letter::token_of;
use crate::support::scene::{act, at, done, faults, walk};

#[tokio::test]
async fn every_dead_token_is_refused_in_one_way() {
    let test = TestApp::new().await;
    let (carla, edition) = opened(&test).await;
    let nora = nora(&test).await;
    let anyone = test.anonymous();
    let unknown = format!("otk_{}", "A".repeat(43));
    let expected = answers(&test, &nora, &unknown).await;
    assert_eq!(
        expected[0].1["errors"][0]["extensions"],
        json!({ "code": "INVALID_TOKEN", "inputPath": ["token"], "requestId": null })
    );
    for (at, mutation) in ["declineInvitation", "registerInvited", "acceptInvitation"]
        .iter()
        .enumerate()
    {
        let error = &expected[at + 1].1["data"][mutation]["userErrors"][0];
        assert_eq!(
            (&error["code"], &error["path"]),
            (&json!("INVALID_TOKEN"), &json!(["input", "token"]))
        );
    }
    for nonsense in ["", "otk_", "x", &unknown[..46], &"A".repeat(5000)] {
        assert_eq!(answers(&test, &nora, nonsense).await, expected, "{nonsense}");
    }

    let declined = invited(&test, &carla, &edition).await;
    let input = json!({ "token": declined, "reason": "No time" });
    let answer = act(&anyone, "DeclineInvitation", input).await;
    assert_eq!(answer.at("declineInvitation.declined"), true);
    assert_eq!(answers(&test, &nora, &declined).await, expected, "declined");
    let seen = list(&carla, &edition, json!({ "states": ["DECLINED"] })).await;
    assert_eq!(seen[0]["history"][1]["reason"], "No time");

    let withdrawn = invited(&test, &carla, &edition).await;
    let open = list(&carla, &edition, json!({ "states": ["SENT"] })).await;
    let input = json!({ "invitationId": open[0]["id"], "version": 1, "reason": "By mistake" });
    let answer = act(&carla, "WithdrawInvitation", input).await;
    assert_eq!(answer.text("withdrawInvitation.invitation.state"), "WITHDRAWN");
    assert_eq!(answers(&test, &nora, &withdrawn).await, expected, "withdrawn");

    let replaced = invited(&test, &carla, &edition).await;
    let open = list(&carla, &edition, json!({ "states": ["SENT"] })).await;
    test.pass(TimeDelta::minutes(15));
    let (carla, nora) = (carla.again().await, nora.again().await);
    let input = json!({ "invitationId": open[0]["id"], "version": 1 });
    done(&carla, "ResendInvitation", input).await;
    let expired = token(&test).await;
    assert_eq!(answers(&test, &nora, &replaced).await, expected, "replaced");

    test.pass(TimeDelta::days(7) - TimeDelta::seconds(1));
    let offer = anyone.run("OpenInvitation", json!({ "token": expired })).await;
    assert_eq!(offer.text("openInvitation.scope"), "EDITION");
    test.pass(TimeDelta::seconds(1));
    let (carla, nora) = (carla.again().await, nora.again().await);
    assert_eq!(
        answers(&test, &nora, &expired).await,
        expected,
        "expired, not yet marked"
    );
    drop(test.mails().await);
    assert_eq!(answers(&test, &nora, &expired).await, expected, "expired");

    let spent = invited(&test, &carla, &edition).await;
    assert_eq!(accept(&nora, &spent).await.user_errors("acceptInvitation"), [""; 0]);
    assert_eq!(answers(&test, &nora, &spent).await, expected, "spent");
    let counts = list(&carla, &edition, json!({})).await;
    let states: Vec<&str> = counts.iter().filter_map(|row| row["state"].as_str()).collect();
    assert_eq!(states, ["ACCEPTED", "EXPIRED", "REPLACED", "WITHDRAWN", "DECLINED"]);
    drop(test.mails().await);
}

#[tokio::test]
async fn an_open_invitation_is_taken_back_or_sent_again_by_whoever_might_have_sent_it() {
    let test = TestApp::new().await;
    let (carla, edition) = opened(&test).await;
    let here = at(&edition);
    let cora = test.holder("Cora", Role::Coordinator, here).await;
    let (ada, saul) = (test.administrator().await, test.person("Saul").await);
    let made = act(&carla, "InviteToEdition", to_edition(&edition)).await;
    let id = made.text("inviteToEdition.invitation.id");
    let first = token(&test).await;
    let input = |version: i64| json!({ "invitationId": id, "version": version });
    for operation in ["WithdrawInvitation", "ResendInvitation"] {
        for stranger in [&ada, &saul] {
            assert_eq!(
                act(stranger, operation, input(1)).await.refusal(),
                "NOT_FOUND",
                "{operation}"
            );
        }
        let nobody = act(&test.anonymous(), operation, input(1)).await;
        assert_eq!(nobody.refusal(), "UNAUTHENTICATED");
        let stale = faults(&cora, operation, input(2)).await;
        assert_eq!(stale, ["STALE_VERSION input.version"]);
        let wrong = json!({ "invitationId": edition, "version": 1 });
        let refused = faults(&cora, operation, wrong).await;
        assert_eq!(refused, ["INVALID_ID input.invitationId"]);
    }
    let soon = act(&cora, "ResendInvitation", input(1)).await;
    assert_eq!(soon.user_errors("resendInvitation"), ["TOO_SOON input.invitationId"]);
    assert_eq!(
        soon.text("resendInvitation.userErrors.0.message"),
        "The last message left too shortly before; send it again from 2026-03-02 12:15 UTC on."
    );
    test.pass(TimeDelta::minutes(15));
    let cora = cora.again().await;
    let sent = act(&cora, "ResendInvitation", input(1)).await;
    let second = sent.text("resendInvitation.invitation.id");
    assert_ne!(second, id);
    let mails = test.mails().await;
    assert!(mails[0].text.contains("Cora Tester"), "who sends it again invites");
    assert_ne!(token_of(&mails[0]), first);
    let over = faults(&cora, "ResendInvitation", input(2)).await;
    assert_eq!(over, ["ILLEGAL_TRANSITION input.invitationId"]);
    let over = faults(&cora, "WithdrawInvitation", input(2)).await;
    assert_eq!(over, ["ILLEGAL_TRANSITION input.invitationId"]);
    // A refused edition sends nothing again.
    walk(&cora, &edition, &["ENROLMENT_CLOSED"]).await;
    test.pass(TimeDelta::minutes(15));
    let cora = cora.again().await;
    let closed = faults(
        &cora,
        "ResendInvitation",
        json!({ "invitationId": second, "version": 1 }),
    )
    .await;
    assert_eq!(closed, ["ENROLMENT_CLOSED input.invitationId"]);
    let back = json!({ "invitationId": second, "version": 1, "reason": "Too late" });
    let back = act(&cora, "WithdrawInvitation", back).await;
    assert_eq!(back.number("withdrawInvitation.invitation.version"), 2);
    drop(test.mails().await);
}

#[tokio::test]
async fn what_is_overdue_has_expired_at_once_and_is_marked_once() {
    let test = TestApp::new().await;
    let (carla, edition) = opened(&test).await;
    let made = act(&carla, "InviteToEdition", to_edition(&edition)).await;
    let id = made.text("inviteToEdition.invitation.id");
    let later = to_edition_as(&edition, "later@example.org");
    drop(test.mails().await);
    test.pass(TimeDelta::days(7));
    let carla = carla.again().await;
    act(&carla, "InviteToEdition", later).await;
    let overdue = list(&carla, &edition, json!({ "states": ["EXPIRED"] })).await;
    assert_eq!(overdue.len(), 1);
    assert_eq!(overdue[0]["id"], id.as_str());
    assert_eq!(list(&carla, &edition, json!({ "states": ["SENT"] })).await.len(), 1);
    for operation in ["WithdrawInvitation", "ResendInvitation"] {
        let over = faults(&carla, operation, json!({ "invitationId": id, "version": 1 })).await;
        assert_eq!(over, ["ILLEGAL_TRANSITION input.invitationId"]);
    }
    // Whoever was refused is answered before their transaction is undone, and the job passes by what somebody holds.
    let tx = test.app.db.write().await.expect("a transaction");
    let held = tx.execute_unprepared("UPDATE invitation SET version = version").await;
    held.expect("it waits for them");
    tx.commit().await.expect("a commit");
    // The job comes late, and twice.
    for _ in 0..2 {
        drop(test.mails().await);
        let row = list(&carla, &edition, json!({ "states": ["EXPIRED"] })).await;
        assert_eq!((row.len(), &row[0]["version"]), (1, &json!(2)));
        assert_eq!(steps(&row[0]), ["sent", "expired"]);
    }
    // The address can be invited anew, also where the job has not yet come.
    done(&carla, "InviteToEdition", to_edition(&edition)).await;
    test.pass(TimeDelta::days(7));
    let carla = carla.again().await;
    done(&carla, "InviteToEdition", to_edition(&edition)).await;
    let rows = invitation::Entity::find().all(test.app.db.read()).await.expect("rows");
    assert_eq!(rows.len(), 4);
    let steps = history::Entity::find()
        .filter(history::Column::SubjectKind.eq("invitation"))
        .all(test.app.db.read());
    assert_eq!(steps.await.expect("steps").len(), 6, "four sent, two expired so far");
    drop(test.mails().await);
    let expired = list(&carla, &edition, json!({ "states": ["EXPIRED"] })).await;
    assert_eq!(expired.len(), 3);
}
