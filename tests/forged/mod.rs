//! Forged access tokens, one by one: each gets the same refusal, and a good one is taken in between.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, Request, header};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use crate::support::app::{Answer, Client, TestApp};
use crate::support::keys::Forger;

mod claim;
mod head;
mod key;
mod refusal;
mod shape;
mod socket;

/// What is wrong with a token, and the token.
type Forgery = (String, String);

/// Makes forgeries out of a good token of somebody.
struct Workshop<'a> {
    test: &'a TestApp,
    good: String,
    ours: Forger,
    theirs: Forger,
    claims: Value,
}

impl<'a> Workshop<'a> {
    fn new(test: &'a TestApp, victim: &Client<'_>) -> Self {
        let good = victim.token().expect("a token").to_owned();
        Self {
            claims: claims_of(&good),
            test,
            good,
            ours: Forger::ours(),
            theirs: Forger::with(*b"an intruder has made this key up"),
        }
    }

    fn header(&self) -> Value {
        serde_json::from_str(&self.ours.header()).expect("JSON")
    }

    /// The good header with one member changed, or left out.
    fn header_with(&self, member: &str, value: Option<Value>) -> String {
        text(&with(&self.header(), member, value))
    }

    /// Signed by the key that signs, over a header that is not ours.
    fn headed(&self, header: &str) -> String {
        self.ours.sign(header, &text(&self.claims))
    }

    /// Signed by the key that signs, over the right header: only the claims are wrong.
    fn claiming(&self, claims: &str) -> String {
        self.ours.sign(&self.ours.header(), claims)
    }

    fn all(&self) -> Vec<Forgery> {
        let groups = [
            self.algorithms(),
            self.shared_secrets(),
            self.kids(),
            self.members(),
            self.types(),
            self.times(),
            self.names(),
            self.doubled(),
            self.other_tokens(),
            self.shapes(),
            self.encodings(),
            self.signatures(),
            self.flips(),
        ];
        groups.concat()
    }
}

fn parts(token: &str) -> [&str; 3] {
    let parts: Vec<&str> = token.split('.').collect();
    parts.try_into().expect("three parts")
}

fn raw(part: &str) -> Vec<u8> {
    BASE64URL_NOPAD.decode(part.as_bytes()).expect("base 64")
}

fn claims_of(token: &str) -> Value {
    serde_json::from_slice(&raw(parts(token)[1])).expect("JSON")
}

fn unsigned(token: &str) -> String {
    let [head, body, _] = parts(token);
    format!("{head}.{body}.")
}

fn text(value: &Value) -> String {
    value.to_string()
}

/// The object with one member changed, or left out.
fn with(object: &Value, member: &str, value: Option<Value>) -> Value {
    let mut object = object.clone();
    let members = object.as_object_mut().expect("an object");
    match value {
        Some(value) => members.insert(member.to_owned(), value),
        None => members.remove(member),
    };
    object
}

/// Asks who one is, with this token.
async fn ask(test: &TestApp, token: &str) -> Answer {
    let request = Request::post("/graphql")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .body(Body::from(
            json!({ "query": "{ viewer { person { id } } }" }).to_string(),
        ));
    test.send(request.expect("a request")).await
}

/// An answer without what every answer has of its own: the name of the request.
fn without_request(answer: &Answer) -> (u16, String, HeaderMap) {
    let mut headers = answer.headers.clone();
    let id = headers.remove(HeaderName::from_static("x-request-id")).expect("a name");
    let body = answer.body.replace(id.to_str().expect("text"), "…");
    (answer.status.as_u16(), body, headers)
}

fn has(answer: &Answer, client: &Client<'_>) -> bool {
    let person = client.person.expect("a person").to_string();
    answer.status == 200 && answer.text("viewer.person.id") == person
}
