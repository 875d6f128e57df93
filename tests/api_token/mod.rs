//! API tokens: making and ending them, what ends them all, what each scope reaches, and what is told of them.

use chrono::TimeDelta;
use rumbo::auth::second_factor::DeviceSecret;
use rumbo::domain::policy::scopes::Scopes;
use serde_json::{Value, json};

use crate::support::app::{Client, TestApp};
use crate::support::program;
use crate::support::scene::{act, done};

mod ending;
mod making;
mod notice;
mod reach;

const PASSWORD: &str = TestApp::PASSWORD;
const OTHER_PASSWORD: &str = "elefante azul en junio";
const WHO: &str = "{ viewer { roles { role } } }";

async fn somebody<'a>(test: &'a TestApp, name: &'static str) -> Client<'a> {
    let client = test.person(name).await;
    test.password_of(&client).await;
    client
}

/// What makes a token with these scopes for so many days.
fn wish(test: &TestApp, scopes: &[&str], days: i64) -> Value {
    let expires_at = test.now() + TimeDelta::days(days);
    json!({ "name": "Nightly report", "scopes": scopes, "expiresAt": expires_at, "password": PASSWORD })
}

/// Makes a token through the API, and gives whoever holds it.
async fn token<'a>(test: &TestApp, owner: &Client<'a>, scopes: &[&str]) -> Client<'a> {
    let made = act(owner, "CreateApiToken", wish(test, scopes, 30)).await;
    owner.bearing(&made.text("createApiToken.created.secret"))
}

/// Puts a token into the store, past the password, and gives whoever holds it.
async fn given<'a>(test: &TestApp, owner: &Client<'a>, scopes: Scopes) -> Client<'a> {
    owner.bearing(&program::secret(test, owner, scopes).await)
}

async fn works(token: &Client<'_>) -> bool {
    let answer = token.query(WHO, json!({})).await;
    match answer.status.as_u16() {
        200 => true,
        401 => {
            assert_eq!(answer.refusal(), "UNAUTHENTICATED");
            false
        }
        _ => panic!("{:#}", answer.json),
    }
}

async fn mine(owner: &Client<'_>) -> Vec<Value> {
    let answer = owner.run("MyApiTokens", json!({ "first": 50 })).await;
    answer.at("viewer.apiTokens.nodes").as_array().expect("a list").clone()
}

/// Adds a second factor to an account.
async fn add_factor(client: &Client<'_>, test: &TestApp) -> DeviceSecret {
    let begun = client.run("BeginSecondFactor", json!({})).await;
    let secret = begun.text("beginSecondFactor.enrolment.secret");
    let secret = DeviceSecret::read(&secret).expect("a secret");
    let proof = json!({ "password": PASSWORD, "code": secret.code_at(test.now()) });
    done(client, "ConfirmSecondFactor", proof).await;
    secret
}
