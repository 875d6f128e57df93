//! What is refused, to whom, and when.

use axum::http::header;
use chrono::{DateTime, TimeDelta, Utc};
use rumbo::domain::actor::{Role, Scope};
use serde_json::{Value, json};

use super::{Place, accepted, instead, list, token};
use crate::support::app::{Answer, Client, TestApp};
use crate::support::scene::{Plan, act, done, draft, faults, field_of, walk};

/// Every change of a nomination, as somebody sends it who saw this version.
fn changes(nomination: &str, version: i64) -> [(&'static str, Value); 3] {
    [
        (
            "SubstituteNomination",
            instead(nomination, version, "other@example.org"),
        ),
        (
            "WithdrawNomination",
            json!({ "nominationId": nomination, "version": version }),
        ),
        (
            "RankNomination",
            json!({ "nominationId": nomination, "version": version, "rank": 2 }),
        ),
    ]
}

#[tokio::test]
async fn only_focal_points_of_the_institution_name_people_for_it() {
    let test = TestApp::new().await;
    let place = Place::new(&test).await;
    let other = test.institution("SENA", "CO").await;
    let fede = test.holder("Fede", Role::FocalPoint, Scope::Institution(other)).await;
    let cora = test.coordinator_of("Cora", &place.edition).await;
    let (ada, saul) = (test.administrator().await, test.person("Saul").await);
    let (nomination, _) = place.nominate(&test, "nora@example.org").await;
    let input = place.naming("other@example.org");
    let nobody = test.anonymous();
    assert_eq!(
        act(&nobody, "Nominate", input.clone()).await.refusal(),
        "UNAUTHENTICATED"
    );
    for stranger in [&fede, &cora, &ada, &saul, &place.carla] {
        let refused = act(stranger, "Nominate", input.clone()).await;
        assert_eq!(refused.refusal(), "FORBIDDEN", "{}", stranger.email);
    }
    for (operation, input) in changes(&nomination, 1) {
        assert_eq!(
            act(&nobody, operation, input.clone()).await.refusal(),
            "UNAUTHENTICATED"
        );
        for stranger in [&fede, &ada, &saul] {
            let refused = act(stranger, operation, input.clone()).await;
            assert_eq!(refused.refusal(), "NOT_FOUND", "{operation} by {}", stranger.email);
        }
        for coordinator in [&cora, &place.carla] {
            let refused = act(coordinator, operation, input.clone()).await;
            assert_eq!(refused.refusal(), "FORBIDDEN", "{operation} by {}", coordinator.email);
        }
    }
    // What is no longer granted is no longer done.
    let mine = place.flor.query("{ viewer { roles { id } } }", json!({})).await;
    let role = mine.text("viewer.roles.0.id");
    done(&ada, "RevokeRole", json!({ "roleAssignmentId": role })).await;
    assert_eq!(act(&place.flor, "Nominate", input).await.refusal(), "FORBIDDEN");
    assert_eq!(place.list().await, [Value::Null; 0]);
    drop(test.mails().await);
}

#[tokio::test]
async fn a_nomination_is_no_invitation_of_a_coordinator_and_the_other_way_round() {
    let test = TestApp::new().await;
    let place = Place::new(&test).await;
    let (nomination, _) = place.nominate(&test, "nora@example.org").await;
    let mut input = super::named("nora@example.org");
    input["editionId"] = json!(place.edition);
    // The same address is invited beside it; neither is told of the other.
    let invited = act(&place.carla, "InviteToEdition", input).await;
    let invitation = invited.text("inviteToEdition.invitation.id");
    for operation in ["WithdrawInvitation", "ResendInvitation"] {
        let input = json!({ "invitationId": nomination, "version": 1 });
        assert_eq!(act(&place.carla, operation, input).await.refusal(), "NOT_FOUND");
    }
    for (operation, input) in changes(&invitation, 1) {
        assert_eq!(
            act(&place.flor, operation, input).await.refusal(),
            "NOT_FOUND",
            "{operation}"
        );
    }
    let of_edition = json!({ "editionId": place.edition, "first": 9 });
    let seen = place.carla.run("EditionInvitations", of_edition).await;
    assert_eq!(seen.at("edition.invitations.nodes").as_array().map(Vec::len), Some(1));
    drop(test.mails().await);
}

#[tokio::test]
async fn what_is_wrong_with_an_input_is_told() {
    let test = TestApp::new().await;
    let place = Place::new(&test).await;
    let (nomination, _) = place.nominate(&test, "nora@example.org").await;
    let twice = faults(&place.flor, "Nominate", place.naming("Nora@example.org")).await;
    assert_eq!(twice, ["ALREADY_INVITED input.email"]);
    let (other, _) = place.nominate(&test, "ben@example.org").await;
    let input = instead(&other, 1, "nora@example.org");
    let twice = faults(&place.flor, "SubstituteNomination", input).await;
    assert_eq!(twice, ["ALREADY_INVITED input.email"]);
    let mut broken = place.naming("no address");
    broken["givenName"] = json!(" ");
    let refused = faults(&place.flor, "Nominate", broken).await;
    assert_eq!(refused, ["MALFORMED input.email", "REQUIRED input.givenName"]);
    for (field, id) in [
        ("editionId", place.institution.to_string()),
        ("institutionId", place.edition.clone()),
    ] {
        let mut broken = place.naming("other@example.org");
        broken[field] = json!(id);
        let refused = faults(&place.flor, "Nominate", broken).await;
        assert_eq!(refused, [format!("INVALID_ID input.{field}")]);
    }
    let mut unknown = place.naming("other@example.org");
    unknown["institutionId"] = json!("ins_01h455vb4pex5vsknk084sn02q");
    assert_eq!(act(&place.flor, "Nominate", unknown).await.refusal(), "NOT_FOUND");
    for rank in [0, -1, 1001] {
        let input = json!({ "nominationId": nomination, "version": 1, "rank": rank });
        let refused = faults(&place.flor, "RankNomination", input).await;
        assert_eq!(refused, ["OUT_OF_RANGE input.rank"]);
    }
    for (operation, input) in changes(&nomination, 2) {
        let stale = faults(&place.flor, operation, input).await;
        assert_eq!(stale, ["STALE_VERSION input.version"]);
    }
    for (operation, input) in changes(&place.edition, 1) {
        let refused = faults(&place.flor, operation, input).await;
        assert_eq!(refused, ["INVALID_ID input.nominationId"]);
    }
    assert_eq!(place.list().await.len(), 2, "nothing else was named");
    drop(test.mails().await);
}

/// What is refused of a nomination that is over in one way or another.
async fn over(flor: &Client<'_>, nomination: &str, version: i64, also_ranked: bool) {
    for (operation, input) in changes(nomination, version) {
        let refused = act(flor, operation, input).await;
        let expected = ["ILLEGAL_TRANSITION input.nominationId"];
        let ranked = also_ranked && operation == "RankNomination";
        let expected = if ranked { &expected[1..] } else { &expected[..] };
        assert_eq!(refused.user_errors(&field_of(operation)), expected, "{operation}");
    }
}

#[tokio::test]
async fn what_is_answered_or_over_changes_no_more() {
    let test = TestApp::new().await;
    let place = Place::new(&test).await;
    let nora = test.person("Nora").await;
    let (id, token) = place.nominate(&test, "nora@example.org").await;
    assert_eq!(accepted(&nora, &token).await, "CONFIRMED");
    // Who has accepted keeps a place among those of the institution.
    over(&place.flor, &id, 2, true).await;
    let (id, token) = place.nominate(&test, "ben@example.org").await;
    let declined = super::decline(&test, &token, "No").await;
    assert_eq!(declined.at("declineInvitation.declined"), &json!(true));
    over(&place.flor, &id, 2, false).await;
    let (id, _) = place.nominate(&test, "cy@example.org").await;
    let input = json!({ "nominationId": id, "version": 1, "reason": "By mistake" });
    let back = act(&place.flor, "WithdrawNomination", input).await;
    assert_eq!(back.text("withdrawNomination.nomination.state"), "WITHDRAWN");
    assert_eq!(test.notices().await, ["nomination_withdrawn cy@example.org"]);
    over(&place.flor, &id, 2, false).await;
    let (id, _) = place.nominate(&test, "dan@example.org").await;
    test.pass(TimeDelta::days(7));
    let place = place.again().await;
    over(&place.flor, &id, 1, false).await;
    let rows = list(
        &place.carla,
        &place.edition,
        json!({ "states": ["WITHDRAWN", "EXPIRED"] }),
    )
    .await;
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert_eq!(rows[0]["history"][1]["reason"], "By mistake");
    drop(test.mails().await);
}

#[tokio::test]
async fn people_are_named_and_substituted_to_the_second_in_which_the_window_closes() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = draft(&carla, Plan::OPEN).await.text("createEdition.edition.id");
    let institution = test.institution("INEFOP", "UY").await;
    let flor = test
        .holder("Flor", Role::FocalPoint, Scope::Institution(institution))
        .await;
    let place = Place {
        carla,
        flor,
        edition,
        institution,
    };
    let early = act(&place.flor, "Nominate", place.naming("nora@example.org")).await;
    assert_eq!(early.refusal(), "NOT_FOUND", "a draft is nobody's to see");
    walk(&place.carla, &place.edition, &["ANNOUNCED"]).await;
    done(&place.flor, "Nominate", place.naming("nora@example.org")).await;
    walk(&place.carla, &place.edition, &["ENROLLING"]).await;
    drop(token(&test, "nora@example.org").await);
    let end: DateTime<Utc> = "2026-04-01T23:59:59-03:00".parse().expect("an instant");
    test.pass(end - test.now() - TimeDelta::seconds(1));
    let place = place.again().await;
    let last = done(&place.flor, "Nominate", place.naming("last@example.org")).await;
    assert_eq!(last.text("nominate.nomination.expiresAt"), "2026-04-02T02:59:59+00:00");
    let id = last.text("nominate.nomination.id");
    test.pass(TimeDelta::seconds(1));
    let late = faults(&place.flor, "Nominate", place.naming("late@example.org")).await;
    assert_eq!(late, ["ENROLMENT_CLOSED input.editionId"]);
    let late = faults(&place.flor, "SubstituteNomination", instead(&id, 1, "late@example.org")).await;
    assert_eq!(late, ["ENROLMENT_CLOSED input.nominationId"]);
    drop(test.mails().await);
}

#[tokio::test]
async fn nominations_are_limited_by_who_sends_them() {
    let settings = [("rates.enabled", "true"), ("rates.invitation_sender.burst", "3")];
    let test = TestApp::with(&settings).await;
    let place = Place::new(&test).await;
    let fabi = test
        .holder("Fabi", Role::FocalPoint, Scope::Institution(place.institution))
        .await;
    let name =
        async |by: &Client<'_>, who: &str| act(by, "Nominate", place.naming(&format!("{who}@example.org"))).await;
    let limited = |answer: &Answer| {
        assert_eq!((answer.status.as_u16(), answer.refusal()), (429, "RATE_LIMITED"));
        let error = &answer.json["errors"][0];
        assert_eq!(error["message"], "Too many requests; wait a moment.");
        assert_eq!(error["extensions"]["retryAfter"], 60);
        assert_eq!(answer.headers[header::RETRY_AFTER], "60");
    };
    let first = name(&place.flor, "guest1").await.text("nominate.nomination.id");
    assert_eq!(name(&place.flor, "guest2").await.user_errors("nominate"), [""; 0]);
    // What is refused counts as well.
    let twice = name(&place.flor, "guest1").await;
    assert_eq!(twice.user_errors("nominate"), ["ALREADY_INVITED input.email"]);
    limited(&name(&place.flor, "guest3").await);
    limited(
        &act(
            &place.flor,
            "SubstituteNomination",
            instead(&first, 1, "guest3@example.org"),
        )
        .await,
    );
    // What writes to nobody whom the caller names is not.
    let input = json!({ "nominationId": first, "version": 1, "rank": 2 });
    let ranked = act(&place.flor, "RankNomination", input).await;
    assert_eq!(ranked.user_errors("rankNomination"), [""; 0]);
    // Somebody else of the institution has a bucket of their own.
    let named = name(&fabi, "guest3").await;
    assert_eq!(named.user_errors("nominate"), [""; 0]);
    assert_eq!(
        test.notices().await,
        [1, 2, 3].map(|number| format!("nominated guest{number}@example.org"))
    );
    test.pass(TimeDelta::seconds(60));
    let named = name(&place.flor, "guest4").await;
    assert_eq!(named.user_errors("nominate"), [""; 0]);
    limited(&name(&place.flor, "guest5").await);
    assert_eq!(place.list().await.len(), 4, "nothing else was named");
    drop(test.mails().await);
}

#[tokio::test]
async fn an_edition_that_is_closed_takes_nobody_but_lets_go() {
    let test = TestApp::new().await;
    let place = Place::new(&test).await;
    let (id, token) = place.nominate(&test, "nora@example.org").await;
    walk(&place.carla, &place.edition, &["ENROLMENT_CLOSED"]).await;
    let nora = test.person("Nora").await;
    let closed = super::accept(&nora, &token).await;
    assert_eq!(closed.user_errors("acceptInvitation"), ["ENROLMENT_CLOSED input.token"]);
    let closed = faults(&place.flor, "Nominate", place.naming("late@example.org")).await;
    assert_eq!(closed, ["ENROLMENT_CLOSED input.editionId"]);
    done(
        &place.flor,
        "WithdrawNomination",
        json!({ "nominationId": id, "version": 1 }),
    )
    .await;
    let dead = super::accept(&nora, &token).await;
    assert_eq!(dead.user_errors("acceptInvitation"), ["INVALID_TOKEN input.token"]);
    drop(test.mails().await);
}
