//! Roles that come and go with what a provider says.

use chrono::TimeDelta;
use rumbo::app::App;
use rumbo::auth::provider::Providers;
use rumbo::config::{Provider, Settings};
use rumbo::domain::actor::{Role, Scope};
use rumbo::service::identity::roles;
use rumbo::store::person;
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use super::{NOBODY, PASSWORD, entered, entries, grouped, knowing, knowing_with, link, reasons, sign_in};
use crate::support::app::{Client, TestApp};
use crate::support::issuer::Issuer;

/// The roles of whoever signed in, as `ROLE SCOPE provider`.
async fn roles_of(client: &Client<'_>) -> Vec<String> {
    let viewer = client.run("Viewer", json!({})).await;
    let list = viewer.at("viewer.roles").as_array().expect("a list").clone();
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    list.iter()
        .map(|role| {
            format!(
                "{} {} {}",
                word(&role["role"]),
                word(&role["scope"]),
                word(&role["provider"])
            )
        })
        .collect()
}

#[tokio::test]
async fn roles_follow_what_the_provider_says_and_leave_granted_ones_alone() {
    let issuer = Issuer::start().await;
    let test = knowing(issuer.settings_with_role("staff", "coordinator", "")).await;
    let with = async |groups: Value| {
        let said = grouped(groups);
        entered(&test, &sign_in(&test, &issuer, "1", said).await)
    };
    let eva = with(json!(["staff"])).await;
    assert_eq!(roles_of(&eva).await, ["COORDINATOR SYSTEM campus"]);
    assert_eq!(roles_of(&with(json!(["staff"])).await).await.len(), 1, "once");
    assert_eq!(roles_of(&with(json!([])).await).await, NOBODY);
    assert_eq!(roles_of(&eva).await, NOBODY, "in other sessions too");

    // Somebody grants the same: it is theirs to end.
    let found = person::Entity::find().one(test.app.db.read()).await.expect("a query");
    let mut known = eva.clone();
    known.person = found.map(|row| row.id);
    test.role_of(&known, Role::Coordinator, Scope::System).await;
    assert_eq!(roles_of(&with(json!(["staff"])).await).await, ["COORDINATOR SYSTEM -"]);
    assert_eq!(roles_of(&with(json!([])).await).await, ["COORDINATOR SYSTEM -"]);
    let told: Vec<String> = reasons(&test).await;
    let told: Vec<&str> = told
        .iter()
        .map(String::as_str)
        .filter(|reason| reason.contains("word"))
        .collect();
    let (granted, ended) = (
        "granted by the word of the identity provider campus",
        "ended by the word of the identity provider campus",
    );
    assert_eq!(told, [granted, granted, ended, ended], "of the role and of the person");
    drop(test.mails().await);
}

#[tokio::test]
async fn roles_end_with_the_link_and_with_the_provider() {
    let issuer = Issuer::start().await;
    let test = knowing_with(issuer.settings_with_role("staff", "coordinator", ""), |settings| {
        settings.auth.require_second_factor = vec!["coordinator".to_owned()];
    })
    .await;
    issuer.knows(json!({ "sub": "1" }));
    let ana = test.person("Ana").await;
    test.password_of(&ana).await;
    let linked = link(&test, &issuer, &ana, "1").await;
    let said = json!({ "email": "x", "groups": "staff" });
    let inside = entered(&test, &sign_in(&test, &issuer, "1", said.clone()).await);
    assert_eq!(roles_of(&ana).await, ["COORDINATOR SYSTEM campus"]);
    // The word of the provider gives the role, not the second factor that the role needs.
    let factor = inside.run("MySecondFactor", json!({})).await;
    assert_eq!(factor.at("viewer.secondFactor.missing"), &json!(true));
    let id = linked.text("linkIdentity.identity.id");
    let input = json!({ "input": { "identityId": id, "currentPassword": PASSWORD } });
    ana.run("UnlinkIdentity", input).await;
    assert_eq!(roles_of(&ana).await, NOBODY);

    link(&test, &issuer, &ana, "1").await;
    entered(&test, &sign_in(&test, &issuer, "1", said).await);
    assert_eq!(end_roles(&test.app).await, 0);
    assert_eq!(roles_of(&ana).await, ["COORDINATOR SYSTEM campus"]);
    // The same database under settings without the provider.
    let without = under(&test, |settings| settings.auth.providers.clear());
    assert_eq!(end_roles(&without).await, 1);
    test.pass(TimeDelta::seconds(1));
    assert_eq!(roles_of(&ana).await, NOBODY);
    drop(test.mails().await);
}

async fn end_roles(app: &App) -> usize {
    roles::end_without_a_rule(app).await.expect("a look")
}

/// The application as it would be under other settings of its providers.
fn under(test: &TestApp, change: impl FnOnce(&mut Settings)) -> App {
    let mut settings = (*test.app.settings).clone();
    change(&mut settings);
    let providers = Providers::from_settings(&settings).expect("settings");
    App {
        providers,
        ..test.app.clone()
    }
}

/// The settings of the one provider.
fn campus(settings: &mut Settings) -> &mut Provider {
    settings.auth.providers.get_mut("campus").expect("the provider")
}

#[tokio::test]
async fn roles_end_when_no_rule_gives_them_any_more() {
    let issuer = Issuer::start().await;
    let test = knowing(issuer.settings_with_role("staff", "coordinator", "")).await;
    let said = grouped("staff");
    for (change, ended) in [
        (Box::new(|_: &mut Settings| ()) as Box<dyn FnOnce(&mut Settings)>, 0),
        // Another claim or value counts at the next sign-in: nobody knows what the provider would say now.
        (
            Box::new(|settings| campus(settings).roles[0].value = "other".to_owned()),
            0,
        ),
        (Box::new(|settings| campus(settings).roles.clear()), 1),
        (
            Box::new(|settings| campus(settings).roles[0].scope = "edn_01h455vb4pex5vsknk084sn02q".to_owned()),
            1,
        ),
        (
            Box::new(|settings| campus(settings).issuer = "http://127.0.0.1:9".to_owned()),
            1,
        ),
    ] {
        let eva = entered(&test, &sign_in(&test, &issuer, "1", said.clone()).await);
        assert_eq!(roles_of(&eva).await, ["COORDINATOR SYSTEM campus"]);
        assert_eq!(end_roles(&under(&test, change)).await, ended);
        test.pass(TimeDelta::seconds(1));
        assert_eq!(roles_of(&eva).await.len(), 1 - ended);
    }
    drop(test.mails().await);
}

#[tokio::test]
async fn a_role_that_somebody_revoked_stays_away_until_somebody_grants_it() {
    let issuer = Issuer::start().await;
    let test = knowing(issuer.settings_with_role("staff", "coordinator", "")).await;
    let ada = test.administrator().await;
    let said = grouped("staff");
    let enter = async || entered(&test, &sign_in(&test, &issuer, "1", said.clone()).await);
    let role = async |who: &Client<'_>| {
        let viewer = who.run("Viewer", json!({})).await;
        viewer.text("viewer.roles.0.id")
    };
    let revoke = async |id: String| {
        let input = json!({ "input": { "roleAssignmentId": id } });
        let answer = ada.run("RevokeRole", input).await;
        assert_eq!(answer.user_errors("revokeRole"), NOBODY);
        test.pass(TimeDelta::seconds(1));
    };
    let eva = enter().await;
    revoke(role(&eva).await).await;
    assert_eq!(roles_of(&enter().await).await, NOBODY);

    let grant = json!({ "input": { "email": "eva@example.org", "role": "COORDINATOR" } });
    let grant = async || ada.run("GrantRole", grant.clone()).await.user_errors("grantRole");
    assert_eq!(grant().await, NOBODY);
    assert_eq!(roles_of(&enter().await).await, ["COORDINATOR SYSTEM -"]);
    revoke(role(&eva).await).await;
    assert_eq!(
        roles_of(&enter().await).await,
        NOBODY,
        "a granted one that is revoked as well"
    );
    drop(test.mails().await);
}

#[tokio::test]
async fn a_granted_role_takes_the_place_of_one_from_a_provider() {
    let issuer = Issuer::start().await;
    let test = knowing(issuer.settings_with_role("staff", "coordinator", "")).await;
    let ada = test.administrator().await;
    let with = async |groups: &str| {
        let said = grouped(groups);
        entered(&test, &sign_in(&test, &issuer, "1", said).await)
    };
    assert_eq!(roles_of(&with("staff").await).await, ["COORDINATOR SYSTEM campus"]);
    let grant = json!({ "input": { "email": "eva@example.org", "role": "COORDINATOR" } });
    let grant = async || ada.run("GrantRole", grant.clone()).await.user_errors("grantRole");
    assert_eq!(grant().await, NOBODY);
    assert_eq!(grant().await, ["ALREADY_GRANTED input.role"]);
    for groups in ["staff", "none"] {
        assert_eq!(
            roles_of(&with(groups).await).await,
            ["COORDINATOR SYSTEM -"],
            "{groups}"
        );
    }
    assert_eq!(
        entries(&test).await.last().map(String::as_str),
        Some("somebody: takes the place of what the identity provider campus gave")
    );
    drop(test.mails().await);
}

#[tokio::test]
async fn a_role_in_a_scope_that_there_is_not_is_left_out() {
    let issuer = Issuer::start().await;
    let institution = "ins_01h455vb4pex5vsknk084sn02q";
    let test = knowing(issuer.settings_with_role("staff", "focal_point", institution)).await;
    let said = grouped("staff");
    assert_eq!(
        roles_of(&entered(&test, &sign_in(&test, &issuer, "1", said).await)).await,
        NOBODY
    );
    drop(test.mails().await);
}
