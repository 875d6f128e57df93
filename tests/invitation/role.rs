//! Invitations to a role: who offers it, in whose name it is given, and when it is given no more.

use chrono::TimeDelta;
use rumbo::domain::actor::Actor;
use rumbo::domain::id::EditionId;
use rumbo::domain::language::Language;
use rumbo::domain::text::Comment;
use rumbo::error::{Code, Error};
use rumbo::service::invitation::holder;
use rumbo::store::second_factor;
use serde_json::{Value, json};

use super::{
    EMAIL, PASSWORD, accept, answers, appointed, joining, list, nora, opened, owners, plain, set_address, sign_in,
    to_edition, to_role, token,
};
use crate::support::app::{Client, TestApp};
use crate::support::scene::{act, faults, id_of};

#[tokio::test]
async fn roles_are_offered_by_whoever_may_grant_them() {
    let test = TestApp::new().await;
    let ada = test.administrator().await;
    let (carla, edition) = opened(&test).await;
    let course = carla
        .run("SeeEdition", json!({ "id": edition }))
        .await
        .text("edition.course.id");
    let institution = test.institution("INEFOP", "UY").await.to_string();
    let (olga, saul) = (test.person("Olga").await, test.person("Saul").await);
    let (edition_id, nobody) = (edition.as_str(), test.anonymous());
    for (who, role, scope, expected) in [
        (&carla, "COORDINATOR", Some(edition_id), "FORBIDDEN"),
        (&carla, "COORDINATOR", None, "FORBIDDEN"),
        (&carla, "FOCAL_POINT", Some(institution.as_str()), "FORBIDDEN"),
        (&olga, "TUTOR", Some(edition_id), "FORBIDDEN"),
        (&nobody, "TUTOR", Some(edition_id), "UNAUTHENTICATED"),
    ] {
        let refused = act(who, "InviteToRole", to_role(EMAIL, role, scope)).await;
        assert_eq!(refused.refusal(), expected, "{role} {scope:?}");
    }
    for (email, role, scope, expected) in [
        (EMAIL, "TUTOR", None, "REQUIRED input.scopeId"),
        (EMAIL, "TUTOR", Some(course.as_str()), "INVALID_ID input.scopeId"),
        (EMAIL, "FOCAL_POINT", Some(edition_id), "INVALID_ID input.scopeId"),
        (
            EMAIL,
            "COORDINATOR",
            Some(institution.as_str()),
            "INVALID_ID input.scopeId",
        ),
        (EMAIL, "ADMINISTRATOR", None, "ROLE_NOT_GRANTABLE input.role"),
        ("ada@example.org", "COORDINATOR", None, "ROLE_NOT_GRANTABLE input.role"),
    ] {
        let refused = act(&ada, "InviteToRole", to_role(email, role, scope)).await;
        assert_eq!(refused.user_errors("inviteToRole"), [expected], "{role} {scope:?}");
    }
    let unknown = EditionId(uuid::Uuid::from_u128(9)).to_string();
    let refused = act(&ada, "InviteToRole", to_role(EMAIL, "TUTOR", Some(&unknown))).await;
    assert_eq!(refused.refusal(), "NOT_FOUND");
    assert_eq!(test.notices().await, [""; 0]);

    // Open invitations to different things stand beside each other; two to the same do not.
    for (who, role, scope) in [
        (&carla, "TUTOR", Some(edition_id)),
        (&ada, "COORDINATOR", Some(edition_id)),
        (&ada, "COORDINATOR", Some(course.as_str())),
        (&ada, "COORDINATOR", None),
        (&ada, "FOCAL_POINT", Some(institution.as_str())),
    ] {
        let token = appointed(&test, who, to_role(&saul.email, role, scope)).await;
        let again = faults(&ada, "InviteToRole", to_role(&saul.email, role, scope)).await;
        assert_eq!(again, ["ALREADY_INVITED input.email"]);
        let accepted = accept(&saul, &token).await;
        let given = accepted.at("acceptInvitation.outcome.roleAssignment");
        assert_eq!((&given["role"], &given["scopeId"]), (&json!(role), &json!(scope)));
    }
    let roles = saul.run("Viewer", json!({})).await;
    assert_eq!(roles.at("viewer.roles").as_array().map(Vec::len), Some(5));
    let token = appointed(&test, &carla, to_role(&saul.email, "TUTOR", Some(edition_id))).await;
    let held = accept(&saul, &token).await;
    assert_eq!(held.user_errors("acceptInvitation"), ["ALREADY_GRANTED input.token"]);
    let mine = ada.run("Invitations", json!({ "first": 50, "scopeId": course })).await;
    assert_eq!(mine.at("invitations.nodes").as_array().map(Vec::len), Some(1));
    assert_eq!(mine.text("invitations.nodes.0.state"), "ACCEPTED");
}

#[tokio::test]
async fn whoever_lost_the_authority_gives_no_role_any_more() {
    let test = TestApp::new().await;
    let ada = test.administrator().await;
    let (_, edition) = opened(&test).await;
    let cora = test.person("Cora").await;
    let input = json!({ "email": cora.email, "role": "COORDINATOR", "scopeId": edition });
    let granted = act(&ada, "GrantRole", input).await;
    let role = granted.text("grantRole.roleAssignment.id");
    let nora = nora(&test).await;
    let token = appointed(&test, &cora, to_role(EMAIL, "TUTOR", Some(&edition))).await;
    let unknown = answers(&test, &nora, &format!("otk_{}", "A".repeat(43))).await;
    let new = to_role("new@example.org", "TUTOR", Some(&edition));
    let stranger = appointed(&test, &cora, new).await;
    act(&ada, "RevokeRole", json!({ "roleAssignmentId": role })).await;
    let joined = act(&test.anonymous(), "RegisterInvited", joining(&stranger)).await;
    assert_eq!(plain(&joined), unknown[2].1);
    let people = owners(&test, "new@example.org").await;
    assert_eq!(people, [], "nothing of it lasts");
    // Only declining is left, which gives nothing.
    let open = test.anonymous().run("OpenInvitation", json!({ "token": token })).await;
    assert_eq!(plain(&open), unknown[0].1);
    assert_eq!(plain(&accept(&nora, &token).await), unknown[3].1);
    let roles = nora.run("Viewer", json!({})).await;
    assert_eq!(roles.at("viewer.roles"), &json!([]));

    // With the authority it comes back, and ends with the account of who invites.
    let input = json!({ "email": cora.email, "role": "COORDINATOR", "scopeId": edition });
    act(&ada, "GrantRole", input).await;
    let open = test.anonymous().run("OpenInvitation", json!({ "token": token })).await;
    assert_eq!(open.text("openInvitation.role"), "TUTOR");
    let input = json!({ "personId": id_of(&cora), "reason": "Left" });
    act(&ada, "DisableAccount", input).await;
    assert_eq!(plain(&accept(&nora, &token).await), unknown[3].1);
    drop(test.mails().await);
}

/// What another copy of the program, whose settings ask coordinators for a second factor, says of a token: when
/// somebody looks, and when this person accepts.
async fn where_factors_are_asked_for(test: &TestApp, guest: &Client<'_>, token: &str) -> [Option<(Code, String)>; 2] {
    let mut settings = (*test.app.settings).clone();
    settings.auth.require_second_factor = vec!["coordinator".to_owned()];
    let clock = rumbo::clock::Clock::fixed(test.now());
    let app = rumbo::app::App::new(settings, clock).await.expect("an application");
    let id = guest.person.expect("a person");
    let actor = Actor::known(id, Language::Es, Vec::new(), false, &app.factor_roles);
    let refusal = |failure: Option<Error>| match failure {
        None => None,
        Some(Error::Invalid(faults)) => Some((faults[0].code, faults[0].path.join("."))),
        Some(other) => panic!("{other}"),
    };
    let looked = holder::look(&app, token).await.err();
    let motivation = Comment::parse("").expect("nothing");
    let accepted = holder::accept(&app, &actor, token, &motivation.into()).await.err();
    [refusal(looked), refusal(accepted)]
}

#[tokio::test]
async fn an_inviter_without_the_second_factor_that_the_role_needs_gives_nothing() {
    let test = TestApp::new().await;
    let (carla, edition) = opened(&test).await;
    let nora = nora(&test).await;
    let token = appointed(&test, &carla, to_role(EMAIL, "TUTOR", Some(&edition))).await;
    let dead = |at: &str| Some((Code::InvalidToken, at.to_owned()));
    let without = where_factors_are_asked_for(&test, &nora, &token).await;
    assert_eq!(without, [dead("token"), dead("input.token")]);

    // One that was begun is none; with one that was confirmed the same token gives the role.
    let factor = |confirmed_at| second_factor::Model {
        person_id: carla.person.expect("a person"),
        secret: vec![0; 20],
        begun_at: test.now(),
        confirmed_at,
        last_step: 0,
        failures: 0,
        blocked_until: None,
    };
    for (confirmed_at, expected) in [(None, without), (Some(test.now()), [None, None])] {
        let tx = test.app.db.write().await.expect("a transaction");
        second_factor::replace(&tx, factor(confirmed_at))
            .await
            .expect("a factor");
        tx.commit().await.expect("a commit");
        let said = where_factors_are_asked_for(&test, &nora, &token).await;
        assert_eq!(said, expected, "{confirmed_at:?}");
    }
    let roles = nora.run("Viewer", json!({})).await;
    assert_eq!(roles.text("viewer.roles.0.role"), "TUTOR");
    drop(test.mails().await);
}

/// The entries about something, the oldest first: what was done, by whom, why, through what.
async fn entries(reader: &Client<'_>, subject: &str) -> Vec<Value> {
    let document = "query ($id: ID!) { auditEntries(filter: { subjectId: $id }, first: 9) {
        nodes { action actor { id } reason via } } }";
    let answer = reader.query(document, json!({ "id": subject })).await;
    let mut rows = answer.at("auditEntries.nodes").as_array().expect("a list").clone();
    rows.reverse();
    rows
}

/// One of [`entries`].
fn entry(action: &str, actor: &Client<'_>, reason: Option<&str>, via: &str) -> Value {
    json!({ "action": action, "actor": { "id": id_of(actor) }, "reason": reason, "via": via })
}

#[tokio::test]
async fn a_role_is_granted_in_the_name_of_who_invited() {
    let test = TestApp::new().await;
    let ada = test.administrator().await;
    let (carla, edition) = opened(&test).await;
    let made = act(&carla, "InviteToRole", to_role(EMAIL, "TUTOR", Some(&edition))).await;
    let first = made.text("inviteToRole.invitation.id");
    drop(token(&test).await);
    test.pass(TimeDelta::minutes(15));
    let (ada, carla) = (ada.again().await, carla.again().await);
    let again = act(
        &carla,
        "ResendInvitation",
        json!({ "invitationId": first, "version": 1 }),
    )
    .await;
    let second = again.text("resendInvitation.invitation.id");
    let token = token(&test).await;

    let mut input = joining(&token);
    input["declaration"] = Value::Null;
    let joined = act(&test.anonymous(), "RegisterInvited", input).await;
    assert_eq!(joined.at("registerInvited.registered"), true, "{:#}", joined.json);
    let access = sign_in(&test, EMAIL, PASSWORD).await.text("signIn.session.accessToken");
    let nora = test.anonymous().bearing(&access);
    let roles = nora.run("Viewer", json!({})).await;
    let role = roles.text("viewer.roles.0.id");
    assert_eq!(roles.text("viewer.roles.0.role"), "TUTOR");

    let by = format!("by {second}");
    let granted = [entry("grant_tutor", &carla, Some(&by), "SYSTEM")];
    assert_eq!(entries(&ada, &role).await, granted);
    let invite = |reason| entry("invite", &carla, reason, "SESSION");
    assert_eq!(entries(&ada, &first).await, [invite(None), invite(Some("sent again"))]);
    let rows = entries(&ada, &second).await;
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0], invite(None));
    assert_eq!(
        (&rows[1]["action"], &rows[1]["reason"], &rows[1]["via"]),
        (
            &json!("manage_account"),
            &json!("invitation accepted"),
            &json!("SYSTEM")
        )
    );

    // Accepted with a session, and taken back.
    let saul = test.person("Saul").await;
    let token = appointed(&test, &carla, to_role(&saul.email, "TUTOR", Some(&edition))).await;
    let accepted = accept(&saul, &token).await;
    let role = accepted.text("acceptInvitation.outcome.roleAssignment.id");
    let rows = entries(&ada, &role).await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["actor"]["id"], id_of(&carla));
    let of_person = entries(&ada, &id_of(&saul)).await;
    assert!(of_person.contains(&rows[0]), "{of_person:?}");
    let open = list(&carla, &edition, json!({ "states": ["ACCEPTED"] })).await;
    let id = open[0]["id"].as_str().expect("an identifier");
    let own = entry("manage_account", &saul, Some("invitation accepted"), "SESSION");
    assert_eq!(entries(&ada, id).await, [invite(None), own]);
    let made = act(&carla, "InviteToEdition", to_edition(&edition)).await;
    let id = made.text("inviteToEdition.invitation.id");
    let input = json!({ "invitationId": id, "version": 1, "reason": "By mistake" });
    act(&carla, "WithdrawInvitation", input).await;
    assert_eq!(entries(&ada, &id).await, [invite(None), invite(Some("By mistake"))]);
    drop(test.mails().await);
}

#[tokio::test]
async fn nobody_is_invited_to_a_role_by_themself() {
    let test = TestApp::new().await;
    let ada = test.administrator().await;
    let (carla, edition) = opened(&test).await;
    let made = act(&carla, "InviteToRole", to_role(EMAIL, "TUTOR", Some(&edition))).await;
    let id = made.text("inviteToRole.invitation.id");
    let token = token(&test).await;
    test.pass(TimeDelta::minutes(15));
    let (ada, carla) = (ada.again().await, carla.again().await);
    // Somebody else's address that became one's own.
    set_address(&test, ada.person.expect("a person"), EMAIL).await;
    let again = json!({ "invitationId": id, "version": 1 });
    let refused = faults(&ada, "ResendInvitation", again).await;
    assert_eq!(refused, ["ROLE_NOT_GRANTABLE input.invitationId"]);
    set_address(&test, ada.person.expect("a person"), "ada@example.org").await;
    set_address(&test, carla.person.expect("a person"), EMAIL).await;
    let own = accept(&carla, &token).await;
    assert_eq!(own.user_errors("acceptInvitation"), ["INVALID_TOKEN input.token"]);
    let roles = carla.run("Viewer", json!({})).await;
    assert_eq!(roles.at("viewer.roles").as_array().map(Vec::len), Some(1));
}
