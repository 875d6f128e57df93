//! Invitations to take part: who invites to which edition, and what becomes of who accepts.

use chrono::{DateTime, TimeDelta, Utc};
use rumbo::domain::actor::Role;
use rumbo::domain::id::EditionId;
use rumbo::store::edition;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};

use super::{
    EMAIL, PASSWORD, accept, invited, joining, list, nora, opened, owners, sign_in, steps, to_edition, to_edition_as,
};
use crate::support::app::TestApp;
use crate::support::letter::token_of;
use crate::support::scene::{Plan, act, at, done, draft, enrolling, faults, id_of, walk};

#[tokio::test]
async fn somebody_without_an_account_is_invited_and_takes_part() {
    let test = TestApp::new().await;
    let (carla, edition) = opened(&test).await;
    let made = act(&carla, "InviteToEdition", to_edition(&edition)).await;
    assert_eq!(made.text("inviteToEdition.invitation.state"), "SENT");
    assert_eq!(
        made.text("inviteToEdition.invitation.expiresAt"),
        "2026-03-09T12:00:00+00:00"
    );
    let mails = test.mails().await;
    assert_eq!(
        (mails.len(), mails[0].notice.as_str(), mails[0].to.as_str()),
        (1, "invited_to_edition", EMAIL)
    );
    assert_eq!(mails[0].subject, "Tiene una invitación: Formación profesional digital");
    for part in ["Nora", "Carla Tester", "DEMO-2026", "9 de marzo de 2026, 12:00 UTC"] {
        assert!(mails[0].text.contains(part), "{part}: {}", mails[0].text);
    }
    let token = token_of(&mails[0]);
    let link = format!("{}/invitation?token={token}", test.app.settings.http.public_url);
    assert!(mails[0].text.contains(&link), "{}", mails[0].text);

    let anyone = test.anonymous();
    let offer = anyone.run("OpenInvitation", json!({ "token": token })).await;
    assert_eq!(
        offer.at("openInvitation"),
        &json!({
            "purpose": "TAKE_PART", "role": null, "scope": "EDITION", "scopeName": "Digital training (DEMO-2026)",
            "edition": {
                "code": "DEMO-2026", "startsOn": "2026-04-06", "endsOn": "2026-07-31", "timeZone": "America/Montevideo",
            },
            "inviterName": "Carla Tester", "nominator": null, "language": "ES",
            "expiresAt": "2026-03-09T12:00:00+00:00",
        })
    );
    assert!(!offer.body.contains(EMAIL), "{}", offer.body);

    let joined = act(&anyone, "RegisterInvited", joining(&token)).await;
    assert_eq!(joined.at("registerInvited.registered"), true, "{:#}", joined.json);
    assert_eq!(test.notices().await, [format!("enrolment_confirmed {EMAIL}")]);
    let access = sign_in(&test, EMAIL, PASSWORD).await.text("signIn.session.accessToken");
    let nora = anyone.bearing(&access);
    let mine = nora.run("MyEnrolments", json!({ "first": 5 })).await;
    assert_eq!(mine.text("myEnrolments.nodes.0.state"), "CONFIRMED");

    let listed = list(&carla, &edition, json!({})).await;
    let me = nora.run("Viewer", json!({})).await.text("viewer.person.id");
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (&listed[0]["state"], &listed[0]["email"], &listed[0]["givenName"]),
        (&json!("ACCEPTED"), &json!(EMAIL), &json!("Nora"))
    );
    assert_eq!(listed[0]["person"], json!({ "id": me, "fullName": "Nora Inés Núñez" }));
    assert_eq!(listed[0]["invitedBy"]["id"], id_of(&carla));
    assert_eq!(steps(&listed[0]), ["sent", "accepted"]);
    test.fine().await;
}

#[tokio::test]
async fn the_owner_of_the_address_accepts_with_the_account_and_nobody_else() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN.by_approval()).await;
    let token = invited(&test, &carla, &edition).await;
    let ben = test.person("Ben").await;
    let other = accept(&ben, &token).await;
    assert_eq!(other.user_errors("acceptInvitation"), ["OTHER_ADDRESS input.token"]);
    assert!(!other.body.contains("nora"), "{}", other.body);
    assert_eq!(accept(&test.anonymous(), &token).await.refusal(), "UNAUTHENTICATED");

    // As the rule of the edition says: a coordinator decides.
    let nora = nora(&test).await;
    let input = json!({ "token": token, "motivation": "To learn" });
    let accepted = act(&nora, "AcceptInvitation", input).await;
    assert_eq!(
        accepted.text("acceptInvitation.outcome.enrolment.state"),
        "APPLIED",
        "{:#}",
        accepted.json
    );
    assert_eq!(accepted.at("acceptInvitation.outcome.roleAssignment"), &Value::Null);
    assert_eq!(test.notices().await, [format!("application_received {EMAIL}")]);
    let again = accept(&nora, &token).await;
    assert_eq!(again.user_errors("acceptInvitation"), ["INVALID_TOKEN input.token"]);

    // Whoever takes part already learns it, and the token stays as it was.
    let token = invited(&test, &carla, &edition).await;
    let twice = accept(&nora, &token).await;
    assert_eq!(twice.user_errors("acceptInvitation"), ["ALREADY_ENROLLED input.token"]);
    let still = test.anonymous().run("OpenInvitation", json!({ "token": token })).await;
    assert_eq!(still.text("openInvitation.purpose"), "TAKE_PART");
}

#[tokio::test]
async fn a_refusal_that_can_be_put_right_leaves_the_token_good() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = draft(&carla, Plan::OPEN).await.text("createEdition.edition.id");
    walk(&carla, &edition, &["ANNOUNCED"]).await;
    // Its window opens in an hour, or time would open it before.
    let (now, hour) = (test.now(), TimeDelta::hours(1));
    set_window(&test, &edition, now + hour, now + TimeDelta::days(20)).await;
    let token = invited(&test, &carla, &edition).await;
    let anyone = test.anonymous();
    let closed = faults(&anyone, "RegisterInvited", joining(&token)).await;
    assert_eq!(closed, ["ENROLMENT_CLOSED input.token"]);
    set_window(&test, &edition, now - hour, now + TimeDelta::days(20)).await;
    walk(&carla, &edition, &["ENROLLING"]).await;
    for (field, value, expected) in [
        ("declaration", Value::Null, "DECLARATION_REQUIRED input.declaration"),
        ("givenName", json!(" "), "REQUIRED input.givenName"),
        ("timeZone", json!("Mars/Olympus"), "UNKNOWN_TIME_ZONE input.timeZone"),
        ("password", json!("short"), "TOO_SHORT input.password"),
        ("password", json!("nora.invitada 1234"), "WEAK_PASSWORD input.password"),
    ] {
        let mut input = joining(&token);
        input[field] = value;
        let refused = faults(&anyone, "RegisterInvited", input).await;
        assert_eq!(refused, [expected]);
    }
    let mut input = joining(&token);
    input["declaration"]["country"] = json!("XX");
    let refused = faults(&anyone, "RegisterInvited", input).await;
    assert_eq!(refused, ["UNKNOWN_COUNTRY input.declaration.country"]);
    let mut input = joining(&token);
    input["declaration"]["country"] = json!("XX");
    input["declaration"]["institutionId"] = json!("nowhere");
    input["familyName"] = json!(" ");
    input["password"] = json!("short");
    let refused = act(&anyone, "RegisterInvited", input).await;
    assert_eq!(
        refused.user_errors("registerInvited"),
        [
            "REQUIRED input.familyName",
            "TOO_SHORT input.password",
            "UNKNOWN_COUNTRY input.declaration.country",
            "INVALID_ID input.declaration.institutionId",
        ],
        "all at once"
    );
    let mut input = joining(&token);
    input["declaration"] = Value::Null;
    input["password"] = json!("invitada por la tarde");
    let refused = act(&anyone, "RegisterInvited", input).await;
    assert_eq!(
        refused.user_errors("registerInvited"),
        ["WEAK_PASSWORD input.password", "DECLARATION_REQUIRED input.declaration"],
        "what depends on the invitation"
    );
    let mut input = joining(&token);
    let unknown = rumbo::domain::id::InstitutionId(uuid::Uuid::from_u128(7)).to_string();
    input["declaration"]["institutionId"] = json!(unknown);
    assert_eq!(act(&anyone, "RegisterInvited", input).await.refusal(), "NOT_FOUND");
    let people = owners(&test, EMAIL).await;
    assert_eq!(people, [], "nothing of it lasts");
    let joined = act(&anyone, "RegisterInvited", joining(&token)).await;
    assert_eq!(joined.at("registerInvited.registered"), true);
    drop(test.mails().await);
}

#[tokio::test]
async fn inviting_to_an_edition_is_for_its_coordinators_while_people_can_enter() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = draft(&carla, Plan::OPEN).await.text("createEdition.edition.id");
    let other = enrolling(&carla, Plan::OTHER).await;
    let elsewhere = at(&other);
    let olga = test.holder("Olga", Role::Coordinator, elsewhere).await;
    let (ada, saul) = (test.administrator().await, test.person("Saul").await);
    for stranger in [&olga, &ada, &saul] {
        let refused = act(stranger, "InviteToEdition", to_edition(&edition)).await;
        assert_eq!(refused.refusal(), "NOT_FOUND", "a draft does not exist for them");
    }
    let closed = faults(&carla, "InviteToEdition", to_edition(&edition)).await;
    assert_eq!(closed, ["ENROLMENT_CLOSED input.editionId"]);
    // Its window opens tomorrow, or time would open it meanwhile.
    let tomorrow = test.now() + TimeDelta::days(1);
    set_window(&test, &edition, tomorrow, tomorrow + TimeDelta::days(20)).await;
    walk(&carla, &edition, &["ANNOUNCED"]).await;
    for stranger in [&olga, &ada, &saul] {
        let refused = act(stranger, "InviteToEdition", to_edition(&edition)).await;
        assert_eq!(refused.refusal(), "FORBIDDEN");
    }
    let refused = act(&test.anonymous(), "InviteToEdition", to_edition(&edition)).await;
    assert_eq!(refused.refusal(), "UNAUTHENTICATED");
    let mut wrong = to_edition_as(&edition, "nora");
    wrong["givenName"] = json!(" ");
    wrong["familyName"] = json!("a\u{202e}b");
    let refused = faults(&carla, "InviteToEdition", wrong).await;
    assert_eq!(
        refused,
        [
            "MALFORMED input.email",
            "REQUIRED input.givenName",
            "FORBIDDEN_CHARACTER input.familyName"
        ]
    );
    let mut wrong = to_edition(&edition);
    wrong["editionId"] = json!(id_of(&carla));
    let refused = faults(&carla, "InviteToEdition", wrong).await;
    assert_eq!(refused, ["INVALID_ID input.editionId"]);
    assert_eq!(test.notices().await, [""; 0]);

    // One open invitation an address, however it is written; the answer is the same for one that has an account.
    done(&carla, "InviteToEdition", to_edition(&edition)).await;
    let same = to_edition_as(&edition, " Nora.Invitada@EXAMPLE.org");
    let refused = faults(&carla, "InviteToEdition", same).await;
    assert_eq!(refused, ["ALREADY_INVITED input.email"]);
    let known = to_edition_as(&edition, &saul.email);
    done(&carla, "InviteToEdition", known).await;
    walk(&carla, &edition, &["ENROLLING", "ENROLMENT_CLOSED"]).await;
    let third = to_edition_as(&edition, "third@example.org");
    let closed = faults(&carla, "InviteToEdition", third).await;
    assert_eq!(closed, ["ENROLMENT_CLOSED input.editionId"]);
    drop(test.mails().await);
}

/// Lets an edition take applications from one instant to another.
async fn set_window(test: &TestApp, edition: &str, from: DateTime<Utc>, until: DateTime<Utc>) {
    let id: EditionId = edition.parse().expect("an edition");
    let tx = test.app.db.write().await.expect("a transaction");
    edition::Entity::update_many()
        .col_expr(edition::Column::EnrolsFrom, Expr::value(from))
        .col_expr(edition::Column::EnrolsUntil, Expr::value(until))
        .filter(edition::Column::Id.eq(id))
        .exec(&tx)
        .await
        .expect("an edition");
    tx.commit().await.expect("a commit");
}

#[tokio::test]
async fn nobody_is_invited_to_what_ends_before_they_could_apply() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = draft(&carla, Plan::OPEN).await.text("createEdition.edition.id");
    walk(&carla, &edition, &["ANNOUNCED"]).await;
    let (now, second) = (test.now(), TimeDelta::seconds(1));
    let week = now + TimeDelta::days(7);
    let made = act(&carla, "InviteToEdition", to_edition(&edition)).await;
    let id = made.text("inviteToEdition.invitation.id");
    test.pass(TimeDelta::minutes(15));
    let carla = carla.again().await;
    let again = json!({ "invitationId": id, "version": 1 });
    // The invitations of this test end a week and a quarter of an hour after its beginning, and begin then.
    let (begin, end) = (now + TimeDelta::minutes(15), week + TimeDelta::minutes(15));
    let other = to_edition_as(&edition, "other@example.org");
    for (from, until) in [(end, end + second), (now, begin - second)] {
        set_window(&test, &edition, from, until).await;
        let refused = faults(&carla, "InviteToEdition", other.clone()).await;
        assert_eq!(refused, ["ENROLMENT_CLOSED input.editionId"]);
        let refused = faults(&carla, "ResendInvitation", again.clone()).await;
        assert_eq!(refused, ["ENROLMENT_CLOSED input.invitationId"]);
    }
    set_window(&test, &edition, end - second, end).await;
    done(&carla, "InviteToEdition", other).await;
    set_window(&test, &edition, now, begin).await;
    done(&carla, "ResendInvitation", again).await;
    drop(test.mails().await);
}
