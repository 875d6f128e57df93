//! Mergers themselves: those that meet, those that are refused, and the roles that go with one.

use rumbo::domain::actor::{Role, Scope};
use serde_json::json;

use super::{UNKNOWN, accepting, into, led_to, propose};
use crate::support::app::TestApp;
use crate::support::scene::{Plan, act, apply, done, enrolling, faults, nominate};

#[tokio::test]
async fn two_mergers_that_meet_leave_no_chain() {
    let test = TestApp::new().await;
    let ada = test.administrator().await;
    let mut ids = Vec::new();
    for name in ["First", "Second", "Third"] {
        ids.push(test.institution(name, "UY").await.to_string());
    }
    let mut one = into(&ids[0], 1, &ids[1]);
    one["keepNames"] = json!(false);
    let other = into(&ids[1], 1, &ids[2]);
    let (one, other) = tokio::join!(act(&ada, "MergeInstitution", one), act(&ada, "MergeInstitution", other));
    // The first may find that its target has just been merged; whichever came first, nothing leads in two steps.
    let refused = one.user_errors("mergeInstitution");
    assert!(
        refused.is_empty() || refused == ["ILLEGAL_TRANSITION input.intoId"],
        "{refused:?}"
    );
    assert_eq!(other.user_errors("mergeInstitution"), [""; 0]);
    assert_eq!(led_to(&ada, &ids[1]).await, json!(ids[2]));
    let first = if refused.is_empty() { &ids[2] } else { &ids[0] };
    assert_eq!(led_to(&ada, &ids[0]).await, json!(first));
    drop(test.mails().await);
    test.fine().await;
}

#[tokio::test]
async fn focal_points_and_their_nominees_follow() {
    let test = TestApp::new().await;
    let (carla, ada) = (test.coordinator().await, test.administrator().await);
    let (old, new) = (test.institution("Old", "UY").await, test.institution("New", "UY").await);
    let edition = enrolling(&carla, Plan::OPEN).await;
    let (enrolment, _) = apply(&test.person("Ana").await, &edition).await;
    nominate(&test, &enrolment, old.0).await;
    let flor = test.holder("Flor", Role::FocalPoint, Scope::Institution(old)).await;
    let fede = test.holder("Fede", Role::FocalPoint, Scope::Institution(old)).await;
    test.role_of(&fede, Role::FocalPoint, Scope::Institution(new)).await;
    let input = into(&old.to_string(), 1, &new.to_string());
    let refused = act(&carla, "MergeInstitution", input.clone()).await;
    assert_eq!(
        refused.refusal(),
        "FORBIDDEN",
        "of two that stand in the register an administrator makes one"
    );
    done(&ada, "MergeInstitution", input).await;
    drop(test.mails().await);
    for focal_point in [&flor, &fede] {
        let viewer = focal_point.run("Viewer", json!({})).await;
        let roles = viewer.at("viewer.roles").as_array().expect("roles").clone();
        assert_eq!(roles.len(), 1, "{roles:?}");
        assert_eq!(roles[0]["scopeId"], json!(new.to_string()));
        let seen = focal_point.run("SeeEnrolment", json!({ "id": enrolment })).await;
        assert_eq!(seen.text("enrolment.nominatedBy.id"), new.to_string());
    }
    // A role that is given in the one is held in the other.
    let gil = test.person("Gil").await;
    let input = json!({ "email": gil.email, "role": "FOCAL_POINT", "scopeId": old.to_string() });
    let granted = done(&ada, "GrantRole", input.clone()).await;
    assert_eq!(granted.text("grantRole.roleAssignment.scopeId"), new.to_string());
    assert_eq!(faults(&ada, "GrantRole", input).await, ["ALREADY_GRANTED input.role"]);
    test.fine().await;
}

#[tokio::test]
async fn what_cannot_be_merged_is_refused_by_name() {
    let test = TestApp::new().await;
    let ada = test.administrator().await;
    let ana = test.person("Ana").await;
    let first = test.institution("First", "UY").await.to_string();
    let second = test.institution("Second", "UY").await.to_string();
    let third = test.institution("Third", "UY").await.to_string();
    let proposal = propose(&ana, "Missing").await;
    for (input, expected) in [
        (into(&first, 1, &first), "ILLEGAL_TRANSITION input.intoId"),
        (into(&first, 1, &proposal), "ILLEGAL_TRANSITION input.intoId"),
        (into(&first, 2, &second), "STALE_VERSION input.version"),
    ] {
        assert_eq!(
            faults(&ada, "MergeInstitution", input.clone()).await,
            [expected],
            "{input}"
        );
    }
    for input in [into(UNKNOWN, 1, &first), into(&first, 1, UNKNOWN)] {
        assert_eq!(act(&ada, "MergeInstitution", input).await.refusal(), "NOT_FOUND");
    }
    // As many names as there may be.
    let names: Vec<String> = (0..20).map(|number| format!("Name {number}")).collect();
    let mut full = accepting(&second, 1, "Second");
    full["aliases"] = json!(names);
    done(&ada, "UpdateInstitution", full).await;
    let mut input = into(&first, 1, &second);
    assert_eq!(
        faults(&ada, "MergeInstitution", input.clone()).await,
        ["LIMIT_REACHED input.keepNames"]
    );
    input["keepNames"] = json!(false);
    let merged = done(&ada, "MergeInstitution", input.clone()).await;
    assert_eq!(merged.at("mergeInstitution.institution.aliases"), &json!(names));
    input["version"] = json!(2);
    let again = faults(&ada, "MergeInstitution", input).await;
    assert_eq!(again, ["ILLEGAL_TRANSITION input.institutionId"]);
    // What leads somewhere leads on, and is not made a target of its own.
    let mut on = into(&second, 2, &third);
    on["keepNames"] = json!(false);
    done(&ada, "MergeInstitution", on).await;
    for one in [&first, &second, &third] {
        assert_eq!(led_to(&ana, one).await, json!(third));
    }
    let merged = done(&ada, "MergeInstitution", into(&proposal, 1, &first)).await;
    assert_eq!(merged.text("mergeInstitution.institution.id"), third);
    let changed = done(&ada, "UpdateInstitution", accepting(&first, 2, "Third and all")).await;
    assert_eq!(changed.text("updateInstitution.institution.id"), third);
    drop(test.mails().await);
    test.fine().await;
}
