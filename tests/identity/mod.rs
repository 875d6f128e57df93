//! Signing in with an identity provider, against one inside the test: who gets in, who is asked by mail, and every ID
//! token that must not be believed. An honest provider that others wrote is in tests/oidc/.

use std::collections::BTreeMap;

use rumbo::auth::second_factor::DeviceSecret;
use rumbo::config::Provider;
use rumbo::store::{audit, person};
use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::{Map, Value, json};

use crate::support::app::{Answer, Client, TestApp};
use crate::support::issuer::{CLIENT, Issuer};
use crate::support::letter::token_in;

mod conversation;
mod door;
mod forgery;
mod link;
mod mailbox;
mod role;

const PASSWORD: &str = TestApp::PASSWORD;
const NOBODY: [&str; 0] = [];

/// An application that knows the provider as `campus`.
async fn knowing(provider: Provider) -> TestApp {
    knowing_with(provider, |_| ()).await
}

async fn knowing_with(provider: Provider, change: impl FnOnce(&mut rumbo::config::Settings)) -> TestApp {
    TestApp::having(|settings| {
        settings.auth.providers.insert("campus".to_owned(), provider);
        change(settings);
    })
    .await
}

/// A trip to the provider that was begun: what the front end keeps, and what stands in the address.
#[derive(Debug, Clone)]
struct Trip {
    handle: String,
    address: BTreeMap<String, String>,
}

impl Trip {
    fn read(answer: &Answer, mutation: &str) -> Self {
        let url = answer.text(&format!("{mutation}.signIn.url"));
        let (_, query) = url.split_once('?').expect("a query");
        let decode = |text: &str| {
            let text = text.replace('+', " ");
            let mut parts = text.split('%');
            let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
            for part in parts {
                bytes.push(u8::from_str_radix(&part[..2], 16).expect("two digits"));
                bytes.extend(&part.as_bytes()[2..]);
            }
            String::from_utf8(bytes).expect("UTF-8")
        };
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        Self {
            handle: answer.text(&format!("{mutation}.signIn.handle")),
            address: pairs.map(|(name, value)| (name.to_owned(), decode(value))).collect(),
        }
    }

    /// What the front end sends when the browser is back with this code.
    fn input(&self, code: &str) -> Value {
        json!({ "input": { "handle": self.handle, "state": self.address["state"], "code": code } })
    }
}

/// Asks where to go for a sign-in at the provider.
async fn begins(test: &TestApp) -> Answer {
    let input = json!({ "input": { "provider": "campus" } });
    test.anonymous().run("BeginProviderSignIn", input).await
}

async fn begin(test: &TestApp) -> Trip {
    Trip::read(&begins(test).await, "beginProviderSignIn")
}

/// What the provider says, with the nonce of a trip.
fn claims(test: &TestApp, issuer: &Issuer, trip: &Trip, subject: &str, more: &Value) -> Value {
    let now = test.now().timestamp();
    let mut claims = json!({
        "iss": issuer.url, "aud": CLIENT, "sub": subject, "nonce": trip.address["nonce"], "iat": now, "exp": now + 300,
    });
    patch(&mut claims, more);
    claims
}

/// Sets what is in `more`, and removes what is null there.
fn patch(claims: &mut Value, more: &Value) {
    let claims = claims.as_object_mut().expect("an object");
    for (name, value) in more.as_object().unwrap_or(&Map::new()) {
        if value.is_null() {
            claims.remove(name);
        } else {
            claims.insert(name.clone(), value.clone());
        }
    }
}

async fn complete(test: &TestApp, trip: &Trip, code: &str) -> Answer {
    test.anonymous().run("CompleteProviderSignIn", trip.input(code)).await
}

/// Signs in as somebody of whom the provider says more than who it is.
async fn sign_in(test: &TestApp, issuer: &Issuer, subject: &str, more: Value) -> Answer {
    let trip = begin(test).await;
    says(test, issuer, &trip, subject, &more);
    complete(test, &trip, "code").await
}

#[track_caller]
fn outcome(answer: &Answer) -> String {
    assert_eq!(answer.user_errors("completeProviderSignIn"), NOBODY);
    answer.text("completeProviderSignIn.outcome")
}

#[track_caller]
fn errors(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.at("completeProviderSignIn.session"), &Value::Null);
    assert_eq!(answer.at("completeProviderSignIn.challenge"), &Value::Null);
    answer.user_errors("completeProviderSignIn")
}

/// Whoever was signed in.
fn entered<'a>(test: &'a TestApp, answer: &Answer) -> Client<'a> {
    assert_eq!(outcome(answer), "SIGNED_IN");
    let token = answer.text("completeProviderSignIn.session.accessToken");
    test.anonymous().bearing(&token)
}

fn verified(email: &str) -> Value {
    json!({ "email": email, "email_verified": true })
}

async fn id_of(client: &Client<'_>) -> String {
    client.run("Viewer", json!({})).await.text("viewer.person.id")
}

/// The token of the one message that arrived, of this kind and to this address.
async fn mailed(test: &TestApp, notice: &str, to: &str) -> String {
    let mails = test.mails().await;
    let [mail] = &mails[..] else {
        panic!("one message: {mails:?}")
    };
    assert_eq!((mail.notice.as_str(), mail.to.as_str()), (notice, to));
    token_in(mail)
}

/// Signs in as somebody who is asked by mail, and gives the handle, which the answer to the message needs.
async fn ask(test: &TestApp, issuer: &Issuer, subject: &str, email: &str) -> String {
    let trip = at_the_door(test, issuer, subject, email).await;
    assert_eq!(outcome(&complete(test, &trip, "code").await), "CONFIRM_BY_MAIL");
    trip.handle
}

/// The same, with the token of the message.
async fn asked(test: &TestApp, issuer: &Issuer, subject: &str, email: &str) -> (String, String) {
    let handle = ask(test, issuer, subject, email).await;
    (handle, mailed(test, "confirm_identity", email).await)
}

async fn confirm(test: &TestApp, token: &str, handle: &str) -> Vec<String> {
    confirm_with(test, token, handle, &Value::Null).await
}

async fn confirm_with(test: &TestApp, token: &str, handle: &str, code: &Value) -> Vec<String> {
    let input = json!({ "input": { "token": token, "handle": handle, "code": code } });
    let answer = test.anonymous().run("ConfirmIdentityLink", input).await;
    answer.user_errors("confirmIdentityLink")
}

async fn people(test: &TestApp) -> u64 {
    count::<person::Entity>(test).await
}

/// What the log says, in order.
async fn log(test: &TestApp) -> Vec<audit::Model> {
    let mut entries = audit::Entity::find().all(test.app.db.read()).await.expect("entries");
    entries.sort_by_key(|entry| entry.id);
    entries
}

/// What the log says was done, in order, and whether somebody did it.
async fn entries(test: &TestApp) -> Vec<String> {
    let who = |entry: &audit::Model| entry.actor_id.map_or("nobody", |_| "somebody");
    let told = |entry: &audit::Model| format!("{}: {}", who(entry), entry.reason.as_deref().unwrap_or_default());
    log(test).await.iter().map(told).collect()
}

/// What the log says was done, in order.
async fn reasons(test: &TestApp) -> Vec<String> {
    log(test).await.into_iter().filter_map(|entry| entry.reason).collect()
}

/// Begins to link an identity to somebody's account.
async fn begin_link(client: &Client<'_>, more: Value) -> Answer {
    let mut input = json!({ "provider": "campus" });
    patch(&mut input, &more);
    client.run("BeginIdentityLink", json!({ "input": input })).await
}

/// Links an identity to the account of somebody with a password.
async fn link(test: &TestApp, issuer: &Issuer, client: &Client<'_>, subject: &str) -> Answer {
    let trip = Trip::read(
        &begin_link(client, json!({ "currentPassword": PASSWORD })).await,
        "beginIdentityLink",
    );
    says(test, issuer, &trip, subject, &json!({ "email": "x" }));
    client.run("LinkIdentity", trip.input("code")).await
}

/// The secret of a second factor that was begun.
async fn begin_factor(owner: &Client<'_>) -> DeviceSecret {
    let begun = owner.run("BeginSecondFactor", json!({})).await;
    DeviceSecret::read(&begun.text("beginSecondFactor.enrolment.secret")).expect("a secret")
}

/// An application that believes the provider what addresses people have.
async fn trusting(issuer: &Issuer) -> TestApp {
    let provider = Provider {
        trust_email: true,
        ..issuer.settings()
    };
    knowing(provider).await
}

/// Lets the provider give this for `code`, to whoever is on this trip.
fn says(test: &TestApp, issuer: &Issuer, trip: &Trip, subject: &str, more: &Value) {
    let said = claims(test, issuer, trip, subject, more);
    issuer.takes("code", &issuer.key.sign(&said));
}

/// A sign-in of somebody unknown, ready to be completed.
async fn at_the_door(test: &TestApp, issuer: &Issuer, subject: &str, email: &str) -> Trip {
    let trip = begin(test).await;
    says(test, issuer, &trip, subject, &verified(email));
    trip
}

/// Somebody of whom the provider says that they belong to groups.
fn grouped(groups: impl Into<Value>) -> Value {
    json!({ "email": "eva@example.org", "email_verified": true, "groups": groups.into() })
}

/// What somebody registers with, with the password of the tests.
fn registration(email: &str, given: &str, family: &str) -> Value {
    json!({ "input": { "email": email, "givenName": given, "familyName": family, "language": "EN",
        "timeZone": "UTC", "password": PASSWORD } })
}

/// How many rows there are.
async fn count<E: EntityTrait<Model: Send + Sync>>(test: &TestApp) -> u64 {
    E::find().count(test.app.db.read()).await.expect("a count")
}
