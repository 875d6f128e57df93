//! Invitations: whom a coordinator may invite to what, what the token of the message is good for, and for how long.

use axum::http::request::Builder;
use axum::http::{Request, header};
use rumbo::domain::id::PersonId;
use rumbo::store::person;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};

use crate::support::app::{Answer, Client, TestApp};
use crate::support::letter::only_token as token;
use crate::support::scene::{Plan, act, done, enrolling};

mod account;
mod edition;
mod end;
mod message;
mod race;
mod role;
mod sight;

const EMAIL: &str = "nora.invitada@example.org";
const PASSWORD: &str = "elefante azul en junio";

/// What invites Nora to an edition.
fn to_edition(edition: &str) -> Value {
    to_edition_as(edition, EMAIL)
}

/// The same, at another address.
fn to_edition_as(edition: &str, email: &str) -> Value {
    json!({ "editionId": edition, "email": email, "givenName": "Nora", "familyName": "Núñez", "language": "ES" })
}

/// What invites somebody to a role.
fn to_role(email: &str, role: &str, scope: Option<&str>) -> Value {
    json!({
        "email": email, "givenName": "Nora", "familyName": "Núñez", "language": "PT", "role": role, "scopeId": scope,
    })
}

/// What Nora makes an account with.
fn joining(token: &str) -> Value {
    json!({
        "token": token, "givenName": "Nora Inés", "familyName": "Núñez", "language": "ES",
        "timeZone": "America/Montevideo", "password": PASSWORD,
        "declaration": { "gender": "FEMALE", "country": "UY", "constituentGroup": "WORKERS" },
        "motivation": "To learn",
    })
}

/// Invites Nora to an edition; the token of her message.
async fn invited(test: &TestApp, by: &Client<'_>, edition: &str) -> String {
    done(by, "InviteToEdition", to_edition(edition)).await;
    token(test).await
}

/// Invites somebody to a role; the token of the message.
async fn appointed(test: &TestApp, by: &Client<'_>, input: Value) -> String {
    let answer = act(by, "InviteToRole", input).await;
    assert_eq!(answer.user_errors("inviteToRole"), [""; 0], "{:#}", answer.json);
    token(test).await
}

/// The invitations of an edition as somebody sees them.
async fn list(reader: &Client<'_>, edition: &str, filter: Value) -> Vec<Value> {
    let variables = json!({ "editionId": edition, "first": 50, "filter": filter });
    let answer = reader.run("EditionInvitations", variables).await;
    answer
        .at("edition.invitations.nodes")
        .as_array()
        .expect("a list")
        .clone()
}

async fn accept(client: &Client<'_>, token: &str) -> Answer {
    act(client, "AcceptInvitation", json!({ "token": token })).await
}

async fn sign_in(test: &TestApp, email: &str, password: &str) -> Answer {
    act(
        &test.anonymous(),
        "SignIn",
        json!({ "email": email, "password": password }),
    )
    .await
}

/// The answer without what names the request.
fn plain(answer: &Answer) -> Value {
    let mut body = answer.json.clone();
    for error in body["errors"].as_array_mut().into_iter().flatten() {
        error["extensions"]["requestId"] = Value::Null;
    }
    body
}

/// What a token is answered by everything that takes one, as somebody who could accept.
async fn answers(test: &TestApp, client: &Client<'_>, token: &str) -> Vec<(u16, Value)> {
    let all = [
        test.anonymous().run("OpenInvitation", json!({ "token": token })).await,
        act(&test.anonymous(), "DeclineInvitation", json!({ "token": token })).await,
        act(&test.anonymous(), "RegisterInvited", joining(token)).await,
        accept(client, token).await,
    ];
    all.iter()
        .map(|answer| (answer.status.as_u16(), plain(answer)))
        .collect()
}

/// A person whose account has Nora's address.
async fn nora(test: &TestApp) -> Client<'_> {
    let client = test.person("Nora").await;
    set_address(test, client.person.expect("a person"), EMAIL).await;
    client
}

async fn set_address(test: &TestApp, id: PersonId, email: &str) {
    let tx = test.app.db.write().await.expect("a transaction");
    let taken = rumbo::error::Error::NotFound("");
    person::set_email(&tx, id, email, test.now(), taken)
        .await
        .expect("an address");
    tx.commit().await.expect("a commit");
}

/// A coordinator, and an edition of hers that takes applications.
async fn opened(test: &TestApp) -> (Client<'_>, String) {
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN).await;
    (carla, edition)
}

/// The accounts that have an address.
async fn owners(test: &TestApp, email: &str) -> Vec<person::Model> {
    let found = person::Entity::find()
        .filter(person::Column::Email.eq(email))
        .all(test.app.db.read());
    found.await.expect("people")
}

/// The states through which an invitation went.
fn steps(listed: &Value) -> Vec<&Value> {
    let steps = listed["history"].as_array().expect("a history");
    steps.iter().map(|step| &step["to"]).collect()
}

/// A request with somebody's token, to which headers can be added.
fn posting(client: &Client<'_>) -> Builder {
    let bearer = format!("Bearer {}", client.token().expect("a token"));
    Request::post("/graphql")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/graphql-response+json")
        .header(header::AUTHORIZATION, bearer)
}
