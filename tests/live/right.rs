//! Who may follow what, while a subscription is open too.

use rumbo::domain::id::EditionId;
use rumbo::domain::policy::{Action, Relation, Verdict, verdict};
use rumbo::store::session;
use serde_json::json;

use super::{
    FIGURES, OWN, applications, ends_with, follow, follower, freed, in_time, open, own, prompt, silently, subscribe,
    undisturbed,
};
use crate::matrix::World;
use crate::socket::introduced;
use crate::support::app::TestApp;
use crate::support::scene::{Plan, act, apply, done, draft, id_of};

#[tokio::test]
async fn who_may_not_see_any_more_is_told_so_and_the_connection_goes_on() {
    let test = TestApp::having(prompt).await;
    let (_, edition) = open(&test).await;
    let ada = test.administrator().await;
    let cora = test.person("Cora").await;
    let input = json!({ "personId": id_of(&cora), "role": "COORDINATOR", "scopeId": edition });
    let role = act(&ada, "GrantRole", input).await.text("grantRole.roleAssignment.id");
    let mut peer = follower(&test, &cora, &edition).await;
    assert_eq!(applications(&mut peer).await, 0);
    done(&ada, "RevokeRole", json!({ "roleAssignmentId": role })).await;
    assert_eq!(ends_with(&mut peer, "a").await, "FORBIDDEN");
    peer.ask("b", "{ viewer { person { givenName } } }").await;
    assert_eq!(
        in_time(peer.hear()).await["payload"]["data"]["viewer"]["person"]["givenName"],
        "Cora"
    );
    freed(&test).await;
}

#[tokio::test]
async fn a_right_is_asked_for_at_every_value() {
    let test = TestApp::having(undisturbed).await;
    let (_, edition) = open(&test).await;
    let cora = test.coordinator_of("Cora", &edition).await;
    let eva = test.person("Eva").await;
    let mut peer = follower(&test, &cora, &edition).await;
    assert_eq!(applications(&mut peer).await, 0);
    silently(&test, "DELETE FROM \"role_assignment\"").await;
    apply(&eva, &edition).await;
    assert_eq!(ends_with(&mut peer, "a").await, "FORBIDDEN");
    subscribe(&mut peer, "b", OWN, json!({ "first": 1 })).await;
    assert_eq!(own(&mut peer).await, [""; 0]);
    let tx = test.app.db.write().await.expect("a transaction");
    session::revoke_all(&tx, cora.person.expect("a person"), None, test.now())
        .await
        .expect("it ends");
    tx.commit().await.expect("a commit");
    apply(&cora.again().await, &edition).await;
    assert_eq!(in_time(peer.close()).await, 4403);
    freed(&test).await;
}

#[tokio::test]
async fn who_may_not_follow_is_refused_and_what_is_hidden_is_absent() {
    let test = TestApp::having(prompt).await;
    let (carla, shown) = open(&test).await;
    let hidden = draft(&carla, Plan::OTHER).await.text("createEdition.edition.id");
    let unknown = EditionId(test.app.clock.new_id()).to_string();
    let (eva, ada) = (test.person("Eva").await, test.administrator().await);
    let mut nobody = introduced(&test, None).await;
    subscribe(&mut nobody, "a", OWN, json!({ "first": 1 })).await;
    assert_eq!(ends_with(&mut nobody, "a").await, "UNAUTHENTICATED");
    follow(&mut nobody, &shown).await;
    assert_eq!(ends_with(&mut nobody, "a").await, "UNAUTHENTICATED");
    let mut peer = introduced(&test, eva.token()).await;
    for (id, code) in [(&shown, "FORBIDDEN"), (&hidden, "NOT_FOUND"), (&unknown, "NOT_FOUND")] {
        follow(&mut peer, id).await;
        assert_eq!(ends_with(&mut peer, "a").await, code);
    }
    for first in [0, 101] {
        subscribe(&mut peer, "a", OWN, json!({ "first": first })).await;
        assert_eq!(ends_with(&mut peer, "a").await, "OUT_OF_RANGE");
    }
    let long = "x".repeat(100_000);
    for wrong in ["", "a\0b", "\u{202e}", "ñ", &long, &id_of(&eva)] {
        follow(&mut peer, wrong).await;
        assert_eq!(ends_with(&mut peer, "a").await, "INVALID_ID");
    }
    let mut of_ada = follower(&test, &ada, &shown).await;
    assert_eq!(applications(&mut of_ada).await, 0);
    drop((nobody, peer, of_ada));
    freed(&test).await;
}

#[tokio::test]
async fn every_role_follows_what_the_files_say() {
    let test = TestApp::having(prompt).await;
    let world = World::new(&test).await;
    let (mut followed, mut refused) = (0, 0);
    for viewer in &world.viewers {
        let actor = viewer.actor();
        let mut peer = introduced(&test, viewer.client.token()).await;
        let to_edition = Relation {
            edition: viewer.enrolment.edition,
            ..Relation::NONE
        };
        let to_own = Relation {
            own: actor.person.is_some(),
            ..Relation::NONE
        };
        let edition = json!({ "editionId": world.class.edition });
        for (operation, variables, action, relation) in [
            (FIGURES, edition, Action::ReadStatistics, to_edition),
            (OWN, json!({ "first": 3 }), Action::SeeEnrolment, to_own),
        ] {
            subscribe(&mut peer, operation, operation, variables).await;
            if verdict(&actor, action, relation) == Verdict::Allowed {
                let said = in_time(peer.hear()).await;
                assert_eq!(said["type"], "next", "{} {operation}: {said:#}", viewer.name);
                followed += 1;
            } else {
                let code = if actor.person.is_some() {
                    "FORBIDDEN"
                } else {
                    "UNAUTHENTICATED"
                };
                assert_eq!(
                    ends_with(&mut peer, operation).await,
                    code,
                    "{} {operation}",
                    viewer.name
                );
                refused += 1;
            }
        }
    }
    assert!(followed > 8 && refused > 5, "{followed} followed, {refused} refused");
    eprintln!(
        "matrix, subscriptions: {} viewers, {followed} followed, {refused} refused",
        world.viewers.len()
    );
}
