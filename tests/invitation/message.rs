//! What is written to the invited, and how many messages there may be.

use axum::body::Body;
use axum::http::{Request, header};
use chrono::TimeDelta;
use serde_json::json;

use super::{EMAIL, accept, invited, joining, opened, posting, to_edition, to_role};
use crate::support::app::{Answer, Client, TestApp};
use crate::support::scene::{Plan, act, done, enrolling, faults};

#[tokio::test]
async fn messages_are_written_in_the_language_of_the_invited() {
    let test = TestApp::new().await;
    let ada = test.administrator().await;
    let (carla, edition) = opened(&test).await;
    for (language, subject, role) in [
        (
            "ES",
            "Tiene una invitación para colaborar en Rumbo",
            "ejercer la tutoría en «Formación profesional digital (DEMO-2026)»",
        ),
        (
            "EN",
            "You are invited to work with Rumbo",
            "a tutor in “Digital training (DEMO-2026)”",
        ),
        (
            "PT",
            "Você recebeu um convite para colaborar no Rumbo",
            "exercer a tutoria em “Formación profesional digital (DEMO-2026)”",
        ),
    ] {
        let email = format!("{}@example.org", language.to_lowercase());
        let mut input = to_role(&email, "TUTOR", Some(&edition));
        input["language"] = json!(language);
        done(&carla, "InviteToRole", input).await;
        let mails = test.mails().await;
        assert_eq!(
            (mails[0].to.as_str(), mails[0].subject.as_str()),
            (email.as_str(), subject)
        );
        assert!(
            mails[0].text.contains(role) && mails[0].text.contains("Carla Tester"),
            "{}",
            mails[0].text
        );
    }
    let everywhere = to_role("all@example.org", "COORDINATOR", None);
    act(&ada, "InviteToRole", everywhere).await;
    let mails = test.mails().await;
    assert!(mails[0].text.contains("coordenar todos os cursos"), "{}", mails[0].text);
}

#[tokio::test]
async fn links_begin_with_the_configured_address_whatever_a_request_says() {
    let test = TestApp::new().await;
    let (carla, edition) = opened(&test).await;
    let document =
        "mutation ($input: InviteToEditionInput!) { inviteToEdition(input: $input) { userErrors { code } } }";
    let body = json!({ "query": document, "variables": { "input": to_edition(&edition) } });
    let request = posting(&carla)
        .header(header::HOST, "evil.example.net")
        .header("forwarded", "host=evil.example.net;proto=https")
        .header("x-forwarded-host", "evil.example.net");
    let answer = test
        .send(request.body(Body::from(body.to_string())).expect("a request"))
        .await;
    assert_eq!(answer.at("inviteToEdition.userErrors"), &json!([]));
    let mails = test.mails().await;
    assert_eq!(mails.len(), 1);
    assert!(mails[0].text.contains(&test.app.settings.http.public_url));
    for part in [&mails[0].text, &mails[0].html] {
        assert!(!part.contains("evil.example.net"), "{part}");
    }
}

#[tokio::test]
async fn a_token_in_a_url_is_refused() {
    let test = TestApp::new().await;
    let (carla, edition) = opened(&test).await;
    let token = invited(&test, &carla, &edition).await;
    let document = "query%20(%24t%3AString!)%7BopenInvitation(token%3A%24t)%7Bscope%7D%7D";
    let get = async |variables: &str| {
        let url = format!("/graphql?query={document}&variables=%7B%22t%22%3A%22{variables}%22%7D");
        let request = Request::get(url).header(header::ACCEPT, "application/graphql-response+json");
        test.send(request.body(Body::empty()).expect("a request")).await
    };
    let refused = get(&token).await;
    assert_eq!((refused.status.as_u16(), refused.refusal()), (400, "TOKEN_IN_URL"));
    assert!(!refused.body.contains(&token));
    assert_eq!(get("nonsense").await.refusal(), "INVALID_TOKEN");
}

#[tokio::test]
async fn guesses_and_messages_are_limited() {
    let test = TestApp::with(&[("rates.enabled", "true")]).await;
    let (carla, edition) = opened(&test).await;
    let token = invited(&test, &carla, &edition).await;
    let limited = |answer: &Answer| answer.status.as_u16() == 429 && answer.refusal() == "RATE_LIMITED";
    let anyone = test.anonymous();
    let wrong = format!("otk_{}", "A".repeat(43));
    // Looking at what there is takes nothing, whatever is asked of it.
    let look = "query ($t: String!) { openInvitation(token: $t) { expiresAt } }";
    for _ in 0..10 {
        let seen = anyone.query(look, json!({ "t": token })).await;
        assert_eq!(seen.text("openInvitation.expiresAt"), "2026-03-09T12:00:00+00:00");
    }
    // Five guesses from one address, by whatever field.
    let guesses = [
        anyone.query(look, json!({ "t": wrong })).await,
        anyone.query(look, json!({ "t": wrong })).await,
        act(&anyone, "DeclineInvitation", json!({ "token": wrong })).await,
        act(&anyone, "RegisterInvited", joining(&wrong)).await,
        accept(&carla, &wrong).await,
    ];
    assert!(!guesses.iter().any(limited));
    assert!(limited(&anyone.query(look, json!({ "t": wrong })).await));
    assert!(limited(
        &act(&anyone, "DeclineInvitation", json!({ "token": wrong })).await
    ));
    assert!(limited(&act(&anyone, "RegisterInvited", joining(&wrong)).await));
    assert!(limited(&accept(&carla, &wrong).await));

    // Five messages an hour to an address, whatever came of them; the first went before.
    for _ in 0..4 {
        let refused = faults(&carla, "InviteToEdition", to_edition(&edition)).await;
        assert_eq!(refused, ["ALREADY_INVITED input.email"]);
    }
    assert!(limited(&act(&carla, "InviteToEdition", to_edition(&edition)).await));
    // What is too soon sends nothing, and takes nothing from its address.
    let ada = test.administrator().await;
    for number in 0..7 {
        let input = to_role(&format!("guest{number}@example.org"), "COORDINATOR", None);
        let made = act(&ada, "InviteToRole", input).await;
        let id = made.text("inviteToRole.invitation.id");
        let again = faults(&ada, "ResendInvitation", json!({ "invitationId": id, "version": 1 })).await;
        assert_eq!(again, ["TOO_SOON input.invitationId"]);
    }
    drop(test.mails().await);
}

#[tokio::test]
async fn what_is_sent_again_counts_for_its_address() {
    let test = TestApp::with(&[("rates.enabled", "true")]).await;
    let ada = test.administrator().await;
    let (carla, edition) = opened(&test).await;
    let seen = carla.run("SeeEdition", json!({ "id": edition })).await;
    let course = seen.text("edition.course.id");
    let institution = test.institution("INEFOP", "UY").await.to_string();
    let mut ids = Vec::new();
    // Five messages an hour to an address, by five invitations.
    for (role, scope) in [
        ("TUTOR", Some(edition.as_str())),
        ("COORDINATOR", Some(edition.as_str())),
        ("COORDINATOR", Some(course.as_str())),
        ("COORDINATOR", None),
        ("FOCAL_POINT", Some(institution.as_str())),
    ] {
        let made = act(&ada, "InviteToRole", to_role(EMAIL, role, scope)).await;
        ids.push(made.text("inviteToRole.invitation.id"));
    }
    drop(test.mails().await);
    // One has come back in twelve minutes.
    test.pass(TimeDelta::minutes(15));
    let ada = ada.again().await;
    let again = async |id: &str| {
        let input = json!({ "invitationId": id, "version": 1 });
        act(&ada, "ResendInvitation", input).await
    };
    assert_eq!(again(&ids[0]).await.user_errors("resendInvitation"), [""; 0]);
    for id in &ids[1..] {
        let limited = again(id).await;
        assert_eq!(limited.refusal(), "RATE_LIMITED");
        assert_eq!(limited.json["errors"][0]["extensions"]["retryAfter"], 540);
    }
    let more = act(&ada, "InviteToRole", to_role(EMAIL, "TUTOR", Some(&edition))).await;
    assert_eq!((more.status.as_u16(), more.refusal()), (429, "RATE_LIMITED"));
    assert_eq!(test.notices().await, [format!("invited_to_role {EMAIL}")]);
    test.pass(TimeDelta::minutes(9));
    let ada = ada.again().await;
    let input = json!({ "invitationId": ids[1], "version": 1 });
    done(&ada, "ResendInvitation", input).await;
    drop(test.mails().await);
}

#[tokio::test]
async fn invitations_are_limited_by_who_sends_them_apart_from_other_messages() {
    let settings = [
        ("rates.enabled", "true"),
        ("rates.invitation_sender.burst", "3"),
        ("rates.mail_sender.burst", "1"),
    ];
    let test = TestApp::with(&settings).await;
    let (ada, carla) = (test.administrator().await, test.coordinator().await);
    let edition = enrolling(&carla, Plan::OPEN).await;
    let invite = async |by: &Client<'_>, name: &str| {
        let mut input = to_edition(&edition);
        input["email"] = json!(format!("{name}@example.org"));
        act(by, "InviteToEdition", input).await
    };
    let tutor = async |by: &Client<'_>, name: &str| {
        let input = to_role(&format!("{name}@example.org"), "TUTOR", Some(&edition));
        act(by, "InviteToRole", input).await
    };
    let limited = |answer: &Answer| {
        assert_eq!((answer.status.as_u16(), answer.refusal()), (429, "RATE_LIMITED"));
        assert_eq!(answer.json["errors"][0]["extensions"]["retryAfter"], 60);
        assert_eq!(answer.headers[header::RETRY_AFTER], "60");
    };
    let first = invite(&carla, "guest1").await.text("inviteToEdition.invitation.id");
    assert_eq!(invite(&carla, "guest2").await.user_errors("inviteToEdition"), [""; 0]);
    assert_eq!(tutor(&carla, "guest3").await.user_errors("inviteToRole"), [""; 0]);
    limited(&invite(&carla, "guest4").await);
    limited(&tutor(&carla, "guest4").await);
    let again = json!({ "invitationId": first, "version": 1 });
    limited(&act(&carla, "ResendInvitation", again).await);
    limited(&invite(&carla.again().await, "guest4").await);
    // Somebody else has a bucket of their own, and another kind of message too.
    assert_eq!(tutor(&ada, "guest4").await.user_errors("inviteToRole"), [""; 0]);
    let reset = act(&carla, "RequestPasswordReset", json!({ "email": "guest5@example.org" })).await;
    assert_eq!(reset.at("requestPasswordReset.accepted"), &json!(true));
    let more = act(&carla, "RequestPasswordReset", json!({ "email": "guest5@example.org" })).await;
    assert_eq!(more.refusal(), "RATE_LIMITED");
    assert_eq!(test.notices().await.len(), 4);

    test.pass(TimeDelta::seconds(60));
    assert_eq!(invite(&carla, "guest4").await.user_errors("inviteToEdition"), [""; 0]);
    limited(&invite(&carla, "guest5").await);
    drop(test.mails().await);
}
