//! Accounts and sessions through the API: from registration to a reset password, and roles that take effect.

use rumbo::domain::id::PersonId;
use rumbo::mail::Sent;
use rumbo::store::person;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};

use crate::support::app::{Answer, TestApp};
use crate::support::letter::token_in;

mod address;
mod ending;
mod profile;
mod role;

const EMAIL: &str = "ana.perez@example.org";
const PASSWORD: &str = "tortuga verde en mayo";

const OTHER_PASSWORD: &str = "elefante azul en junio";

fn registration() -> Value {
    json!({
        "email": EMAIL, "givenName": "Ana", "familyName": "Pérez", "language": "PT",
        "timeZone": "America/Sao_Paulo", "password": PASSWORD,
    })
}

/// The same registration with one thing changed.
fn with(field: &str, value: &str) -> Value {
    let mut input = registration();
    input[field] = json!(value);
    input
}

/// The token in the link of the only message, which is of this kind.
fn token(mails: &[Sent], notice: &str) -> String {
    let [mail] = mails else {
        panic!("one message was expected: {mails:?}")
    };
    assert_eq!((mail.notice.as_str(), mail.to.as_str()), (notice, EMAIL));
    token_in(mail)
}

async fn register(test: &TestApp) {
    let anyone = test.anonymous();
    let accepted = anyone.run("RegisterPerson", json!({ "input": registration() })).await;
    assert_eq!(
        accepted.at("registerPerson.accepted"),
        &json!(true),
        "{:#}",
        accepted.json
    );
}

/// Registers and confirms the address.
async fn account(test: &TestApp) {
    register(test).await;
    let token = token(&test.mails().await, "confirm_address");
    let confirmed = test
        .anonymous()
        .run("ConfirmEmail", json!({ "input": { "token": token } }))
        .await;
    assert_eq!(confirmed.at("confirmEmail.confirmed"), &json!(true));
}

async fn sign_in(test: &TestApp, password: &str) -> Answer {
    let input = json!({ "email": EMAIL, "password": password });
    test.anonymous().run("SignIn", json!({ "input": input })).await
}

/// The access token and the refresh token of a new session.
async fn session(test: &TestApp, password: &str) -> (String, String) {
    let answer = sign_in(test, password).await;
    (
        answer.text("signIn.session.accessToken"),
        answer.text("signIn.session.refreshToken"),
    )
}

async fn refresh(test: &TestApp, token: &str) -> Answer {
    test.anonymous()
        .run("RefreshSession", json!({ "input": { "refreshToken": token } }))
        .await
}

/// Whether an access token opens anything.
async fn opens(test: &TestApp, access: &str) -> bool {
    let answer = test.anonymous().bearing(access).run("Viewer", json!({})).await;
    match answer.status.as_u16() {
        200 => answer.text("viewer.person.email") == EMAIL,
        401 => answer.refusal() != "UNAUTHENTICATED",
        other => panic!("{other}: {:#}", answer.json),
    }
}

async fn id_of(test: &TestApp, email: &str) -> PersonId {
    let rows = person::Entity::find().filter(person::Column::Email.eq(email));
    rows.one(test.app.db.read())
        .await
        .expect("a query")
        .expect("a person")
        .id
}

async fn disable(test: &TestApp, email: &str) {
    let tx = test.app.db.write().await.expect("a transaction");
    person::Entity::update_many()
        .col_expr(person::Column::DisabledAt, Expr::value(test.now()))
        .filter(person::Column::Email.eq(email))
        .exec(&tx)
        .await
        .expect("an update");
    tx.commit().await.expect("a commit");
}
