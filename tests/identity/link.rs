//! Linking an identity to an account and ending the link: what proves that it is the owner who does.

use chrono::TimeDelta;
use rumbo::config::Provider;
use rumbo::domain::id::IdentityId;
use rumbo::store::{Engine, identity, person};
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use super::{
    NOBODY, PASSWORD, Trip, begin, begin_factor, begin_link, complete, entered, errors, id_of, knowing, link, outcome,
    patch, reasons, says, sign_in, trusting, verified,
};
use crate::retry::{until, waits};
use crate::support::app::{Answer, Client, TestApp};
use crate::support::issuer::Issuer;

#[tokio::test]
async fn linking_needs_the_password_and_the_session_that_began_it() {
    let issuer = Issuer::start().await;
    let test = knowing(issuer.settings()).await;
    let ana = test.person("Ana").await;
    let bea = test.person("Bea").await;
    test.password_of(&ana).await;
    test.password_of(&bea).await;
    for (more, expected) in [
        (json!({}), "REQUIRED input.currentPassword"),
        (
            json!({ "currentPassword": "" }),
            "INVALID_CREDENTIALS input.currentPassword",
        ),
        (
            json!({ "currentPassword": "elefante azul en junio" }),
            "INVALID_CREDENTIALS input.currentPassword",
        ),
    ] {
        assert_eq!(
            begin_link(&ana, more).await.user_errors("beginIdentityLink"),
            [expected]
        );
    }
    let proof = json!({ "currentPassword": PASSWORD });
    let unknown = begin_link(&ana, json!({ "currentPassword": PASSWORD, "provider": "none" })).await;
    assert_eq!(unknown.refusal(), "NOT_FOUND");
    for operation in ["BeginIdentityLink", "LinkIdentity", "UnlinkIdentity"] {
        let input = match operation {
            "BeginIdentityLink" => json!({ "provider": "campus" }),
            "LinkIdentity" => json!({ "handle": "a", "state": "b", "code": "c" }),
            _ => json!({ "identityId": "idn_01h455vb4pex5vsknk084sn02q" }),
        };
        let nobody = test.anonymous().run(operation, json!({ "input": input })).await;
        assert_eq!(nobody.refusal(), "UNAUTHENTICATED", "{operation}");
    }

    // The handle is of the session: neither somebody else nor another session of hers completes it, nor a sign-in.
    let refused = ["INVALID_TOKEN input.handle"];
    for other in [&bea, &ana.again().await] {
        let trip = Trip::read(&begin_link(&ana, proof.clone()).await, "beginIdentityLink");
        let answer = other.run("LinkIdentity", trip.input("code")).await;
        assert_eq!(answer.user_errors("linkIdentity"), refused);
        let answer = ana.run("LinkIdentity", trip.input("code")).await;
        assert_eq!(answer.user_errors("linkIdentity"), refused, "used up by that");
    }
    let trip = Trip::read(&begin_link(&ana, proof.clone()).await, "beginIdentityLink");
    assert_eq!(errors(&complete(&test, &trip, "code").await), refused);
    let trip = begin(&test).await;
    assert_eq!(
        ana.run("LinkIdentity", trip.input("code"))
            .await
            .user_errors("linkIdentity"),
        refused
    );

    let linked = link(&test, &issuer, &ana, "1").await;
    let id = linked.text("linkIdentity.identity.id");
    assert_eq!(test.notices().await, ["identity_linked ana@example.org"]);
    let again = link(&test, &issuer, &ana, "1").await;
    assert_eq!(again.text("linkIdentity.identity.id"), id, "one that is linked stays");
    assert_eq!(
        link(&test, &issuer, &bea, "1").await.user_errors("linkIdentity"),
        ["TAKEN input.handle"]
    );
    assert_eq!(test.notices().await, NOBODY);
    assert_eq!(reasons(&test).await, ["identity of campus linked"]);
}

#[tokio::test]
async fn linking_that_meets_another_is_tried_again_and_finds_it_taken() {
    let issuer = Issuer::start().await;
    let test = knowing(issuer.settings()).await;
    // On SQLite one writes at a time.
    if test.app.db.engine() == Engine::Sqlite {
        return;
    }
    let (ana, bea) = (test.person("Ana").await, test.person("Bea").await);
    test.password_of(&ana).await;
    // Bea's account is about to have the same identity.
    let tx = test.app.db.write().await.expect("a transaction");
    let row = identity::Model {
        id: IdentityId(test.app.clock.new_id()),
        person_id: bea.person.expect("a person"),
        provider: "campus".to_owned(),
        issuer: issuer.url.clone(),
        subject: "1".to_owned(),
        linked_at: test.now(),
        used_at: None,
    };
    identity::insert(&tx, row).await.expect("a link");
    let linking = async {
        until("somebody waits", || waits(&test)).await;
        tx.commit().await.expect("a commit");
    };
    let (answer, ()) = tokio::join!(link(&test, &issuer, &ana, "1"), linking);
    assert_eq!(answer.user_errors("linkIdentity"), ["TAKEN input.handle"]);
    assert_eq!(test.notices().await, NOBODY);
}

#[tokio::test]
async fn a_link_that_ends_takes_sessions_and_api_tokens_along() {
    let issuer = Issuer::start().await;
    let test = knowing(issuer.settings()).await;
    let ana = test.person("Ana").await;
    let bea = test.person("Bea").await;
    test.password_of(&ana).await;
    test.password_of(&bea).await;
    let id = link(&test, &issuer, &ana, "1").await.text("linkIdentity.identity.id");
    let unlink = async |who: &Client<'_>, password: &str| {
        let input = json!({ "input": { "identityId": id, "currentPassword": password } });
        who.run("UnlinkIdentity", input).await
    };
    assert_eq!(unlink(&bea, PASSWORD).await.refusal(), "NOT_FOUND");
    assert_eq!(
        unlink(&ana, "elefante azul en junio")
            .await
            .user_errors("unlinkIdentity"),
        ["INVALID_CREDENTIALS input.currentPassword"]
    );
    let inside = entered(&test, &sign_in(&test, &issuer, "1", json!({ "email": "x" })).await);
    let program = {
        let made = make_token(&test, &inside, json!({ "password": PASSWORD })).await;
        inside.bearing(&made.text("createApiToken.created.secret"))
    };
    let roles = async || program.query("{ viewer { roles { role } } }", json!({})).await;
    assert_eq!(roles().await.at("viewer.roles"), &json!([]));
    drop(test.mails().await);
    assert_eq!(unlink(&ana, PASSWORD).await.at("unlinkIdentity.unlinked"), &json!(true));
    assert_eq!(test.notices().await, ["identity_unlinked ana@example.org"]);
    assert_eq!(inside.run("Viewer", json!({})).await.refusal(), "UNAUTHENTICATED");
    assert_eq!(roles().await.refusal(), "UNAUTHENTICATED");
    assert_eq!(unlink(&ana, PASSWORD).await.refusal(), "NOT_FOUND");
    assert_eq!(
        errors(&sign_in(&test, &issuer, "1", json!({ "email": "x" })).await),
        ["ADDRESS_NOT_VERIFIED input"]
    );
    assert_eq!(
        reasons(&test).await,
        [
            "identity of campus linked",
            "API token made: read_account",
            "identity of campus unlinked"
        ]
    );
}

#[tokio::test]
async fn an_account_without_a_password_needs_a_fresh_session_and_keeps_its_last_way_in() {
    let issuer = Issuer::start().await;
    let test = trusting(&issuer).await;
    let eva = entered(&test, &sign_in(&test, &issuer, "1", verified("eva@example.org")).await);
    let identities = async |who: &Client<'_>| {
        let answer = who.run("MyIdentities", json!({})).await;
        let list = answer.at("viewer.identities").as_array().expect("a list").clone();
        list.into_iter().map(|one| one["id"].clone()).collect::<Vec<Value>>()
    };
    let unlink = async |who: &Client<'_>, id: &Value| {
        let answer = who
            .run("UnlinkIdentity", json!({ "input": { "identityId": id } }))
            .await;
        answer.user_errors("unlinkIdentity")
    };
    let first = identities(&eva).await[0].clone();
    assert_eq!(unlink(&eva, &first).await, ["LAST_WAY_IN input.identityId"]);
    assert_eq!(
        unlink(&eva, &json!("psn_01h455vb4pex5vsknk084sn02q")).await,
        ["INVALID_ID input.identityId"]
    );
    let trip = Trip::read(&begin_link(&eva, json!({})).await, "beginIdentityLink");
    says(&test, &issuer, &trip, "2", &json!({ "email": "x" }));
    assert_eq!(
        eva.run("LinkIdentity", trip.input("code"))
            .await
            .user_errors("linkIdentity"),
        NOBODY
    );
    test.pass(TimeDelta::minutes(10));
    let eva = entered(&test, &sign_in(&test, &issuer, "2", json!({ "email": "x" })).await);
    assert_eq!(unlink(&eva, &first).await, NOBODY);
    let second = identities(&eva).await[0].clone();
    assert_eq!(unlink(&eva, &second).await, ["LAST_WAY_IN input.identityId"]);

    // A session that began longer ago is no proof, however it was carried on.
    let answer = sign_in(&test, &issuer, "2", json!({ "email": "x" })).await;
    let refresh = answer.text("completeProviderSignIn.session.refreshToken");
    test.pass(TimeDelta::seconds(601));
    let input = json!({ "input": { "refreshToken": refresh } });
    let carried = test.anonymous().run("RefreshSession", input).await;
    let old = test
        .anonymous()
        .bearing(&carried.text("refreshSession.session.accessToken"));
    assert_eq!(unlink(&old, &second).await, ["SIGN_IN_AGAIN input"]);
    assert_eq!(
        begin_link(&old, json!({})).await.user_errors("beginIdentityLink"),
        ["SIGN_IN_AGAIN input"]
    );
    drop(test.mails().await);
}

#[tokio::test]
async fn where_there_is_no_password_a_fresh_session_is_the_proof() {
    let issuer = Issuer::start().await;
    let trusting = Provider {
        trust_email: true,
        counts_as_second_factor: true,
        ..issuer.settings()
    };
    let test = knowing(trusting).await;
    let said = verified("eva@example.org");
    let answer = sign_in(&test, &issuer, "1", said.clone()).await;
    let device = begin_factor(&entered(&test, &answer)).await;
    let input = json!({ "refreshToken": answer.text("completeProviderSignIn.session.refreshToken") });
    test.pass(TimeDelta::seconds(601));
    let carried = test.anonymous().run("RefreshSession", json!({ "input": input })).await;
    let access = carried.text("refreshSession.session.accessToken");
    let old = test.anonymous().bearing(&access);
    let fresh = entered(&test, &sign_in(&test, &issuer, "1", said).await);
    drop(test.mails().await);

    let expires_at = test.now() + TimeDelta::days(30);
    let token = json!({ "name": "A report", "scopes": ["READ_ACCOUNT"], "expiresAt": expires_at });
    let wishes = [
        ("CreateApiToken", "createApiToken", token),
        (
            "RequestEmailChange",
            "requestEmailChange",
            json!({ "email": "new@example.org" }),
        ),
        ("ConfirmSecondFactor", "confirmSecondFactor", json!({})),
        ("RenewRecoveryCodes", "renewRecoveryCodes", json!({})),
        ("RemoveSecondFactor", "removeSecondFactor", json!({})),
        ("ChangePassword", "changePassword", json!({ "newPassword": PASSWORD })),
    ];
    for (operation, mutation, mut input) in wishes.clone() {
        input["code"] = json!("123456");
        let refused = old.run(operation, json!({ "input": input })).await;
        assert_eq!(refused.user_errors(mutation), ["SIGN_IN_AGAIN input"], "{operation}");
    }
    assert_eq!(test.notices().await, NOBODY);
    for (operation, mutation, mut input) in wishes {
        // Each code works once.
        test.pass(TimeDelta::seconds(30));
        input["code"] = json!(device.code_at(test.now()));
        let done = fresh.run(operation, json!({ "input": input })).await;
        assert_eq!(done.user_errors(mutation), NOBODY, "{operation}");
    }
    drop(test.mails().await);
    // Now there is a password, which is asked for and signs in.
    let needs_password = make_token(&test, &fresh, json!({})).await;
    assert_eq!(
        needs_password.user_errors("createApiToken"),
        ["REQUIRED input.password"]
    );
    let input = json!({ "input": { "email": "eva@example.org", "password": PASSWORD } });
    let signed_in = test.anonymous().run("SignIn", input).await;
    let access = signed_in.text("signIn.session.accessToken");
    assert_eq!(id_of(&test.anonymous().bearing(&access)).await, id_of(&fresh).await);
}

#[tokio::test]
async fn the_second_factor_is_asked_for_unless_the_provider_counts_as_one() {
    let issuer = Issuer::start().await;
    for counts in [false, true] {
        let settings = Provider {
            counts_as_second_factor: counts,
            ..issuer.settings()
        };
        let test = knowing(settings).await;
        let ana = test.person("Ana").await;
        test.password_of(&ana).await;
        assert_eq!(
            link(&test, &issuer, &ana, "1").await.user_errors("linkIdentity"),
            NOBODY
        );
        let device = begin_factor(&ana).await;
        let proof = json!({ "input": { "password": PASSWORD, "code": device.code_at(test.now()) } });
        assert_eq!(
            ana.run("ConfirmSecondFactor", proof)
                .await
                .user_errors("confirmSecondFactor"),
            NOBODY
        );
        test.pass(TimeDelta::seconds(30));
        let needs_code = begin_link(&ana, json!({ "currentPassword": PASSWORD })).await;
        assert_eq!(needs_code.user_errors("beginIdentityLink"), ["REQUIRED input.code"]);
        let answer = sign_in(&test, &issuer, "1", json!({ "email": "x" })).await;
        if counts {
            entered(&test, &answer);
        } else {
            assert_eq!(outcome(&answer), "SECOND_FACTOR");
            assert_eq!(answer.at("completeProviderSignIn.session"), &Value::Null);
            let challenge = answer.text("completeProviderSignIn.challenge.token");
            let input = json!({ "input": { "challenge": challenge, "code": device.code_at(test.now()) } });
            let completed = test.anonymous().run("CompleteSignIn", input).await;
            let access = completed.text("completeSignIn.session.accessToken");
            assert_eq!(id_of(&test.anonymous().bearing(&access)).await, id_of(&ana).await);
        }
        drop(test.mails().await);
    }
}

#[tokio::test]
async fn the_last_way_in_is_one_that_the_settings_know() {
    let issuer = Issuer::start().await;
    let test = trusting(&issuer).await;
    let eva = entered(&test, &sign_in(&test, &issuer, "1", verified("eva@example.org")).await);
    let mine = async || {
        let answer = eva.run("MyIdentities", json!({})).await;
        answer.at("viewer.identities").clone()
    };
    let person = person::Entity::find()
        .one(test.app.db.read())
        .await
        .expect("a query")
        .expect("Eva")
        .id;
    let tx = test.app.db.write().await.expect("a transaction");
    let former = identity::Model {
        id: IdentityId(test.app.clock.new_id()),
        person_id: person,
        provider: "campus".to_owned(),
        issuer: "https://former.example.org".to_owned(),
        subject: "1".to_owned(),
        linked_at: test.now(),
        used_at: None,
    };
    identity::insert(&tx, former).await.expect("an identity");
    tx.commit().await.expect("a commit");
    let list = mine().await;
    assert_eq!(
        (&list[0]["providerName"], &list[1]["providerName"]),
        (&json!("Campus"), &Value::Null)
    );
    let input = json!({ "input": { "identityId": list[0]["id"] } });
    let refused = eva.run("UnlinkIdentity", input).await;
    assert_eq!(refused.user_errors("unlinkIdentity"), ["LAST_WAY_IN input.identityId"]);
    drop(test.mails().await);
}

/// Asks for an API token that reads the own account.
async fn make_token(test: &TestApp, owner: &Client<'_>, more: Value) -> Answer {
    let expires_at = test.now() + TimeDelta::days(30);
    let mut input = json!({ "name": "A report", "scopes": ["READ_ACCOUNT"], "expiresAt": expires_at });
    patch(&mut input, &more);
    owner.run("CreateApiToken", json!({ "input": input })).await
}
