//! Signing in with an identity provider, against one inside the test: who gets in, who is asked by mail, and every ID
//! token that must not be believed. An honest provider that others wrote is in tests/oidc/.

use std::collections::BTreeMap;

use aws_lc_rs::hmac;
use chrono::TimeDelta;
use data_encoding::BASE64URL_NOPAD;
use futures_util::future::join_all;
use rumbo::app::App;
use rumbo::auth::provider::Providers;
use rumbo::auth::second_factor::DeviceSecret;
use rumbo::config::{Provider, Settings};
use rumbo::domain::actor::{Actor, Role, Scope};
use rumbo::domain::id::IdentityId;
use rumbo::domain::language::Language;
use rumbo::error::Code;
use rumbo::service;
use rumbo::service::account::{self, Registration, RegistrationText};
use rumbo::service::identity::roles;
use rumbo::store::{Engine, Tx, audit, identity, identity_claim, person, provider_sign_in};
use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::retry;
use crate::support::app::{Answer, Client, TestApp};
use crate::support::issuer::{ACCESS, CLIENT, Issuer, Key, Mood, SECRET, unsigned};

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

async fn begin(test: &TestApp) -> Trip {
    let input = json!({ "input": { "provider": "campus" } });
    Trip::read(
        &test.anonymous().run("BeginProviderSignIn", input).await,
        "beginProviderSignIn",
    )
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
    issuer.takes("code", &issuer.key.sign(&claims(test, issuer, &trip, subject, &more)));
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
    token_in(&mail.text)
}

/// The token of the link in a message.
fn token_in(message: &str) -> String {
    let (_, rest) = message.split_once("?token=").expect("a link");
    rest.split_whitespace().next().expect("a token").to_owned()
}

/// Signs in as somebody who is asked by mail, and gives the handle, which the answer to the message needs.
async fn ask(test: &TestApp, issuer: &Issuer, subject: &str, email: &str) -> String {
    let trip = begin(test).await;
    let said = claims(test, issuer, &trip, subject, &verified(email));
    issuer.takes("code", &issuer.key.sign(&said));
    assert_eq!(outcome(&complete(test, &trip, "code").await), "CONFIRM_BY_MAIL");
    trip.handle
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
    person::Entity::find().count(test.app.db.read()).await.expect("a count")
}

/// What the log says was done, in order, and whether somebody did it.
async fn entries(test: &TestApp) -> Vec<String> {
    let mut entries = audit::Entity::find().all(test.app.db.read()).await.expect("entries");
    entries.sort_by_key(|entry| entry.id);
    let who = |entry: &audit::Model| entry.actor_id.map_or("nobody", |_| "somebody");
    let entries = entries.iter();
    let told = entries.map(|entry| format!("{}: {}", who(entry), entry.reason.as_deref().unwrap_or_default()));
    told.collect()
}

/// What the log says was done, in order.
async fn reasons(test: &TestApp) -> Vec<String> {
    let mut entries = audit::Entity::find().all(test.app.db.read()).await.expect("entries");
    entries.sort_by_key(|entry| entry.id);
    entries.into_iter().filter_map(|entry| entry.reason).collect()
}

#[tokio::test]
async fn the_address_binds_the_trip_to_its_handle() {
    let issuer = Issuer::start().await;
    let test = knowing(issuer.settings()).await;
    let (one, two) = (begin(&test).await, begin(&test).await);
    let address = &one.address;
    assert_eq!(address["response_type"], "code");
    assert_eq!(address["client_id"], CLIENT);
    assert_eq!(address["redirect_uri"], "http://127.0.0.1:8080/auth/callback");
    assert_eq!(address["scope"], "openid email");
    assert_eq!(address["ui_locales"], "en");
    assert_eq!(address["code_challenge_method"], "S256");
    for part in ["state", "nonce", "code_challenge"] {
        assert_ne!(one.address[part], two.address[part], "{part}");
        assert!(!one.handle.contains(&one.address[part]), "{part}");
    }
    issuer.takes(
        "code",
        &issuer
            .key
            .sign(&claims(&test, &issuer, &one, "ana", &verified("ana@example.org"))),
    );
    assert_eq!(outcome(&complete(&test, &one, "code").await), "CONFIRM_BY_MAIL");
    let form = issuer.last_form();
    let challenge = BASE64URL_NOPAD.encode(&Sha256::digest(form["code_verifier"].as_bytes()));
    assert_eq!(
        challenge, address["code_challenge"],
        "the code is exchanged with what was promised"
    );
    assert_eq!(form["redirect_uri"], address["redirect_uri"]);
    assert!(!form.contains_key("client_secret"), "the secret goes in the header");
    assert_eq!(
        issuer.count("/keys"),
        1,
        "what the provider says of itself is asked once"
    );

    // What is stored opens nothing.
    let rows = provider_sign_in::Entity::find()
        .all(test.app.db.read())
        .await
        .expect("rows");
    let stored = format!("{rows:?}");
    for secret in [
        &one.handle,
        &address["state"],
        &address["nonce"],
        &form["code_verifier"],
    ] {
        assert!(!stored.contains(secret.as_str()));
    }
    drop(test.mails().await);
}

#[tokio::test]
async fn the_answer_does_not_tell_who_has_an_account() {
    let issuer = Issuer::start().await;
    let test = knowing(issuer.settings()).await;
    let ana = test.person("Ana").await;
    let disabled = test.person("Dora").await;
    let tx = test.app.db.write().await.expect("a transaction");
    let now = Some(test.now());
    person::set_disabled(&tx, disabled.person.expect("a person"), now)
        .await
        .expect("an update");
    tx.commit().await.expect("a commit");
    let known = sign_in(&test, &issuer, "1", verified("ana@example.org")).await;
    let unknown = sign_in(&test, &issuer, "2", verified("eva@example.org")).await;
    let closed = sign_in(&test, &issuer, "3", verified("dora@example.org")).await;
    for answer in [&known, &unknown, &closed] {
        assert_eq!(answer.body, known.body);
        assert_eq!(outcome(answer), "CONFIRM_BY_MAIL");
    }
    assert_eq!(
        test.notices().await,
        ["confirm_identity ana@example.org", "confirm_identity eva@example.org"]
    );
    // Nobody was linked.
    assert_eq!(
        identity::Entity::find()
            .count(test.app.db.read())
            .await
            .expect("a count"),
        0
    );
    assert_eq!(id_of(&ana).await, ana.person.expect("a person").to_string());

    // An address for which the provider does not vouch is refused alike, whoever has it.
    for more in [
        json!({ "email": "ana@example.org", "email_verified": false }),
        json!({ "email": "new@example.org", "email_verified": false }),
        json!({ "email": "ana@example.org" }),
        json!({ "email": "nonsense", "email_verified": true }),
        json!({}),
    ] {
        issuer.knows(json!({ "sub": "4" }));
        let refused = sign_in(&test, &issuer, "4", more).await;
        assert_eq!(errors(&refused), ["ADDRESS_NOT_VERIFIED input"]);
    }
    assert_eq!(test.notices().await, NOBODY);
    assert_eq!(
        people(&test).await,
        3,
        "Ana, Dora, and whoever waits for Eva's confirmation"
    );
}

#[tokio::test]
async fn the_owner_of_the_mailbox_confirms_the_link_once() {
    let issuer = Issuer::start().await;
    let test = knowing(issuer.settings()).await;
    let ana = test.person("Ana").await;
    let said = verified("ana@example.org");
    let old = ask(&test, &issuer, "1", "ana@example.org").await;
    let first = mailed(&test, "confirm_identity", "ana@example.org").await;
    let handle = ask(&test, &issuer, "1", "ana@example.org").await;
    let second = mailed(&test, "confirm_identity", "ana@example.org").await;
    let refused = ["INVALID_TOKEN input.token"];
    assert_eq!(
        confirm(&test, &first, &old).await,
        refused,
        "the newer one took its place"
    );
    for nonsense in ["", "otk_nonsense", &second[1..]] {
        assert_eq!(confirm(&test, nonsense, &handle).await, refused);
    }
    let at_once = join_all((0..4).map(|_| confirm(&test, &second, &handle))).await;
    assert_eq!(at_once.iter().filter(|errors| errors.is_empty()).count(), 1);
    assert_eq!(test.notices().await, ["identity_linked ana@example.org"]);
    assert_eq!(reasons(&test).await, ["identity of campus linked"]);
    let inside = entered(&test, &sign_in(&test, &issuer, "1", said.clone()).await);
    assert_eq!(id_of(&inside).await, ana.person.expect("a person").to_string());
    // Somebody else with the same address stays outside.
    let handle = ask(&test, &issuer, "2", "ana@example.org").await;
    let late = mailed(&test, "confirm_identity", "ana@example.org").await;
    let waiting = async || {
        let count = identity_claim::Entity::find().count(test.app.db.read()).await;
        count.expect("a count")
    };
    test.pass(TimeDelta::hours(24));
    assert_eq!(confirm(&test, &late, &handle).await, refused, "too late");
    assert_eq!(test.notices().await, NOBODY);
    assert_eq!(waiting().await, 3);
    identity_claim::forget_ended(&test.app.db, test.now())
        .await
        .expect("a delete");
    assert_eq!(waiting().await, 0);
}

#[tokio::test]
async fn whoever_registered_an_address_first_does_not_get_in_after_its_owner() {
    let issuer = Issuer::start().await;
    let test = knowing(issuer.settings()).await;
    // Mallory registers with Ana's address and waits for her to open the account.
    let input = json!({ "input": { "email": "ana@example.org", "givenName": "Mal", "familyName": "Lory", "language": "EN",
        "timeZone": "UTC", "password": PASSWORD } });
    test.anonymous().run("RegisterPerson", input).await;
    drop(test.mails().await);
    let handle = ask(&test, &issuer, "1", "ana@example.org").await;
    let token = mailed(&test, "confirm_identity", "ana@example.org").await;
    assert_eq!(confirm(&test, &token, &handle).await, NOBODY);
    let mails = test.mails().await;
    assert_eq!(mails.len(), 1);
    assert!(mails[0].text.contains("no longer works"), "{}", mails[0].text);
    let told = entries(&test).await;
    assert_eq!(
        told,
        [
            "nobody: address confirmed with an identity",
            "nobody: password forgotten that nobody had confirmed",
            "nobody: identity of campus linked"
        ]
    );
    entered(&test, &sign_in(&test, &issuer, "1", verified("ana@example.org")).await);
    let input = json!({ "input": { "email": "ana@example.org", "password": PASSWORD } });
    let mallory = test.anonymous().run("SignIn", input).await;
    assert_eq!(mallory.user_errors("signIn"), ["INVALID_CREDENTIALS input"]);
}

#[tokio::test]
async fn a_trusted_word_makes_an_account_and_opens_none() {
    let issuer = Issuer::start().await;
    let trusting = Provider {
        trust_email: true,
        ..issuer.settings()
    };
    let test = knowing(trusting).await;
    let said = json!({ "email": "Eva@Example.org", "email_verified": true, "name": "Eva Luz", "locale": "pt",
        "zoneinfo": "America/Lima" });
    let eva = entered(&test, &sign_in(&test, &issuer, "1", said).await);
    let viewer = eva.run("Viewer", json!({})).await;
    let shown = viewer.at("viewer.person");
    assert_eq!(shown["email"], "eva@example.org");
    assert_eq!(
        (&shown["givenName"], &shown["familyName"]),
        (&json!("Eva"), &json!("Luz"))
    );
    assert_eq!(
        (&shown["language"], &shown["timeZone"]),
        (&json!("PT"), &json!("America/Lima"))
    );
    assert_eq!(test.notices().await, ["identity_linked eva@example.org"]);
    assert_eq!(
        reasons(&test).await,
        [
            "account made by the identity provider campus",
            "identity of campus linked"
        ]
    );
    test.pass(TimeDelta::minutes(1));
    // The subject says who it is, whatever becomes of the address.
    let again = entered(
        &test,
        &sign_in(&test, &issuer, "1", json!({ "email": "x@example.org" })).await,
    );
    assert_eq!(id_of(&again).await, id_of(&eva).await);
    let mine = again.run("MyIdentities", json!({})).await;
    let list = mine.at("viewer.identities");
    assert_eq!(list.as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&list[0]["provider"], &list[0]["providerName"]),
        (&json!("campus"), &json!("Campus"))
    );
    assert_eq!(
        (&list[0]["linkedAt"], &list[0]["lastUsedAt"]),
        (&json!("2026-03-02T12:00:00+00:00"), &json!("2026-03-02T12:01:00+00:00"))
    );

    test.person("Ana").await;
    assert_eq!(
        outcome(&sign_in(&test, &issuer, "2", verified("ana@example.org")).await),
        "CONFIRM_BY_MAIL"
    );
    assert_eq!(test.notices().await, ["confirm_identity ana@example.org"]);
}

#[tokio::test]
async fn of_many_at_once_one_makes_the_account() {
    let issuer = Issuer::start().await;
    let trusting = Provider {
        trust_email: true,
        ..issuer.settings()
    };
    let test = knowing(trusting).await;
    let mut trips = Vec::new();
    for number in 0..6 {
        let trip = begin(&test).await;
        let token = issuer
            .key
            .sign(&claims(&test, &issuer, &trip, "1", &verified("eva@example.org")));
        let code = format!("code {number}");
        issuer.takes(&code, &token);
        trips.push((trip, code));
    }
    let answers = join_all(trips.iter().map(|(trip, code)| complete(&test, trip, code))).await;
    for answer in &answers {
        entered(&test, answer);
    }
    assert_eq!(people(&test).await, 1);
    // One handle, brought many times at once, opens one session.
    let trip = begin(&test).await;
    issuer.takes(
        "code",
        &issuer
            .key
            .sign(&claims(&test, &issuer, &trip, "1", &json!({ "email": "x" }))),
    );
    let answers = join_all((0..6).map(|_| complete(&test, &trip, "code"))).await;
    let open = answers
        .iter()
        .filter(|answer| answer.user_errors("completeProviderSignIn").is_empty());
    assert_eq!(open.count(), 1);
    drop(test.mails().await);
}

#[tokio::test]
async fn a_handle_lives_ten_minutes_and_works_once() {
    let issuer = Issuer::start().await;
    let test = knowing(issuer.settings()).await;
    let refused = ["INVALID_TOKEN input.handle"];
    let trip = begin(&test).await;
    test.pass(TimeDelta::minutes(10));
    assert_eq!(errors(&complete(&test, &trip, "code").await), refused, "too late");
    let trip = begin(&test).await;
    let mut other = trip.clone();
    other.address = begin(&test).await.address;
    assert_eq!(
        errors(&complete(&test, &other, "code").await),
        ["INVALID_TOKEN input.state"]
    );
    assert_eq!(
        errors(&complete(&test, &trip, "code").await),
        refused,
        "used up by that"
    );
    for code in ["", &"x".repeat(4097), "unknown"] {
        let trip = begin(&test).await;
        assert_eq!(
            errors(&complete(&test, &trip, code).await),
            ["INVALID_TOKEN input.code"]
        );
    }
    assert_eq!(issuer.count("/token"), 1, "what cannot be a code is not asked about");
    assert_eq!(
        provider_sign_in::Entity::find()
            .count(test.app.db.read())
            .await
            .expect("a count"),
        6
    );
    test.pass(TimeDelta::minutes(10));
    provider_sign_in::forget_ended(&test.app.db, test.now())
        .await
        .expect("a delete");
    assert_eq!(
        provider_sign_in::Entity::find()
            .count(test.app.db.read())
            .await
            .expect("a count"),
        0
    );
    let unknown = test
        .anonymous()
        .run("BeginProviderSignIn", json!({ "input": { "provider": "none" } }))
        .await;
    assert_eq!(unknown.refusal(), "NOT_FOUND");
}

/// An ID token that must not be believed: what is changed in header and claims, and how it is signed.
struct Forgery {
    name: &'static str,
    head: Value,
    claims: Value,
    seal: fn(&Issuer, &Value, &Value) -> String,
}

fn honestly(issuer: &Issuer, head: &Value, claims: &Value) -> String {
    issuer.key.sign_as(head, claims)
}

fn with_hmac(key: &[u8], head: &Value, claims: &Value) -> String {
    let text = unsigned(head, claims);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes());
    format!("{text}.{}", BASE64URL_NOPAD.encode(tag.as_ref()))
}

/// Tokens that are signed as they should be and say what they should not.
fn false_claims(now: i64) -> Vec<Forgery> {
    let claim = |name, claims| Forgery {
        name,
        head: json!({}),
        claims,
        seal: honestly,
    };
    vec![
        claim("for somebody else", json!({ "aud": "another" })),
        claim("for others too", json!({ "aud": [CLIENT, "another"] })),
        claim("for nobody", json!({ "aud": null })),
        claim("for an empty list", json!({ "aud": [] })),
        claim("asked for by another party", json!({ "azp": "another" })),
        claim("of another issuer", json!({ "iss": "https://evil.example.org" })),
        claim("of no issuer", json!({ "iss": null })),
        claim("with another nonce", json!({ "nonce": "another" })),
        claim("without a nonce", json!({ "nonce": null })),
        claim("that ran out", json!({ "exp": now - 61 })),
        claim("that never runs out", json!({ "exp": null })),
        claim("of the future", json!({ "iat": now + 61 })),
        claim("of long ago", json!({ "iat": now - 601 })),
        claim("of no time", json!({ "iat": null })),
        claim("of nobody", json!({ "sub": null })),
        claim("of an empty subject", json!({ "sub": "" })),
        claim("of a subject with control characters", json!({ "sub": "a\u{0}" })),
        claim("of a long subject", json!({ "sub": "x".repeat(256) })),
        claim(
            "with the hash of another access token",
            json!({ "at_hash": "AAAAAAAAAAAAAAAAAAAAAA" }),
        ),
    ]
}

/// Tokens that say what they should, under a header or a signature that is not the provider's.
fn false_seals() -> Vec<Forgery> {
    let nothing = || json!({});
    let seal = |name, head, seal| Forgery {
        name,
        head,
        claims: nothing(),
        seal,
    };
    vec![
        seal(
            "not signed",
            json!({ "alg": "none", "kid": null }),
            |_, head, claims| format!("{}.", unsigned(head, claims)),
        ),
        seal("not signed, with the old signature", json!({ "alg": "none" }), honestly),
        seal(
            "signed with the public key as a secret",
            json!({ "alg": "HS256" }),
            |issuer, head, claims| with_hmac(issuer.key.public(), head, claims),
        ),
        seal(
            "signed with the public key as it is shown",
            json!({ "alg": "HS256" }),
            |issuer, head, claims| with_hmac(issuer.key.jwk().to_string().as_bytes(), head, claims),
        ),
        seal(
            "signed with the secret of the client",
            json!({ "alg": "HS256" }),
            |_, head, claims| with_hmac(SECRET.as_bytes(), head, claims),
        ),
        seal(
            "signed by another key of the same name",
            nothing(),
            |_, head, claims| Key::new("one").sign_as(head, claims),
        ),
        seal(
            "signed by an unknown key",
            json!({ "kid": "unknown" }),
            |_, head, claims| Key::new("unknown").sign_as(head, claims),
        ),
        seal("said to be of another algorithm", json!({ "alg": "ES384" }), honestly),
        seal("said to be RSA", json!({ "alg": "RS256" }), honestly),
        seal("of another type", json!({ "typ": "at+jwt" }), honestly),
        seal("with what must be understood", json!({ "crit": ["exp"] }), honestly),
        seal(
            "with the key that it brings itself",
            json!({ "kid": null }),
            |_, head, claims| {
                let own = Key::new("own");
                let mut head = head.clone();
                head["jwk"] = own.jwk();
                own.sign_as(&head, claims)
            },
        ),
        seal(
            "with other claims than were signed",
            nothing(),
            |issuer, head, claims| {
                let token = issuer.key.sign_as(head, claims);
                let signature = token.rsplit('.').next().unwrap_or_default();
                let mut other = claims.clone();
                other["sub"] = json!("admin");
                format!("{}.{signature}", unsigned(head, &other))
            },
        ),
        seal("with its signature cut off", nothing(), |issuer, head, claims| {
            let token = issuer.key.sign_as(head, claims);
            token
                .rsplit_once('.')
                .map(|(text, _)| format!("{text}."))
                .unwrap_or_default()
        }),
        seal("that is none", nothing(), |_, _, _| "nonsense".to_owned()),
        seal("that is empty", nothing(), |_, _, _| String::new()),
    ]
}

#[tokio::test]
async fn no_forged_id_token_is_believed() {
    let issuer = Issuer::start().await;
    let trusting = Provider {
        trust_email: true,
        ..issuer.settings()
    };
    let test = knowing(trusting).await;
    let now = test.now().timestamp();
    let all: Vec<Forgery> = false_claims(now).into_iter().chain(false_seals()).collect();
    for forgery in &all {
        let trip = begin(&test).await;
        let mut head = json!({ "alg": "ES256", "typ": "JWT", "kid": "one" });
        patch(&mut head, &forgery.head);
        let mut said = claims(&test, &issuer, &trip, "ana", &verified("ana@example.org"));
        patch(&mut said, &forgery.claims);
        issuer.takes("code", &(forgery.seal)(&issuer, &head, &said));
        let answer = complete(&test, &trip, "code").await;
        assert_eq!(answer.refusal(), "PROVIDER_UNAVAILABLE", "a token {}", forgery.name);
        assert!(!answer.body.contains("token "), "nothing is told of it");
    }
    for answer in [
        json!({ "access_token": ACCESS, "token_type": "Bearer" }),
        json!({ "access_token": ACCESS, "token_type": "Bearer", "id_token": null }),
        json!({ "id_token": "" }),
        json!([]),
        json!("nonsense"),
    ] {
        let trip = begin(&test).await;
        issuer.answers("code", answer);
        assert_eq!(complete(&test, &trip, "code").await.refusal(), "PROVIDER_UNAVAILABLE");
    }
    assert_eq!(people(&test).await, 0);
    assert_eq!(all.len(), 35, "docs/security.md says how many");

    // What may differ among honest ones.
    let hash = BASE64URL_NOPAD.encode(&Sha256::digest(ACCESS.as_bytes())[..16]);
    for (head, more) in [
        (json!({}), json!({})),
        (json!({ "typ": null }), json!({ "aud": [CLIENT] })),
        (json!({ "kid": null }), json!({ "azp": CLIENT, "at_hash": hash })),
        (json!({}), json!({ "exp": now - 59, "iat": now - 359 })),
        (json!({}), json!({ "iat": now + 59 })),
    ] {
        let trip = begin(&test).await;
        let mut full = json!({ "alg": "ES256", "typ": "JWT", "kid": "one" });
        patch(&mut full, &head);
        let mut said = claims(&test, &issuer, &trip, "ana", &verified("ana@example.org"));
        patch(&mut said, &more);
        issuer.takes("code", &issuer.key.sign_as(&full, &said));
        entered(&test, &complete(&test, &trip, "code").await);
    }
    drop(test.mails().await);
}

#[tokio::test]
async fn new_keys_are_learnt_and_asked_for_once_a_minute() {
    let issuer = Issuer::start().await;
    let test = knowing(issuer.settings()).await;
    let second = Key::new("two");
    let with = async |key: &Key| {
        let trip = begin(&test).await;
        issuer.takes(
            "code",
            &key.sign(&claims(&test, &issuer, &trip, "ana", &verified("ana@example.org"))),
        );
        complete(&test, &trip, "code").await
    };
    assert_eq!(outcome(&with(&issuer.key).await), "CONFIRM_BY_MAIL");
    issuer.shows_keys(&[&second]);
    assert_eq!(
        with(&second).await.refusal(),
        "PROVIDER_UNAVAILABLE",
        "the keys were asked for a moment ago"
    );
    assert_eq!(issuer.count("/keys"), 1);
    test.pass(TimeDelta::minutes(1));
    assert_eq!(outcome(&with(&second).await), "CONFIRM_BY_MAIL");
    assert_eq!(issuer.count("/keys"), 2);
    for _ in 0..5 {
        assert_eq!(
            with(&issuer.key).await.refusal(),
            "PROVIDER_UNAVAILABLE",
            "the old key is gone"
        );
    }
    assert_eq!(issuer.count("/keys"), 2);
    test.pass(TimeDelta::hours(1));
    begin(&test).await;
    assert_eq!(issuer.count("/keys"), 3, "and once an hour in any case");
    drop(test.mails().await);
}

#[tokio::test]
async fn what_the_id_token_does_not_say_is_asked_for() {
    let issuer = Issuer::start().await;
    let test = knowing(issuer.settings_with_role("staff", "coordinator", "")).await;
    issuer.knows(
        json!({ "sub": "1", "email": "eva@example.org", "email_verified": true, "given_name": "Eva",
        "family_name": "Luz", "groups": "staff" }),
    );
    let eva = entered(&test, &sign_in(&test, &issuer, "1", json!({})).await);
    let viewer = eva.run("Viewer", json!({})).await;
    assert_eq!(viewer.text("viewer.person.fullName"), "Eva Luz");
    assert_eq!(viewer.text("viewer.roles.0.role"), "COORDINATOR");
    assert_eq!(issuer.count("/person"), 1);
    // Whoever is described there must be the one of the token.
    issuer.knows(json!({ "sub": "2", "email": "eva@example.org", "email_verified": true }));
    let mixed = sign_in(&test, &issuer, "1", json!({})).await;
    assert_eq!(mixed.refusal(), "PROVIDER_UNAVAILABLE");
    // That an address is verified counts for the address beside which it stands.
    issuer.knows(json!({ "sub": "3", "email": "other@example.org", "email_verified": true }));
    let halves = sign_in(&test, &issuer, "3", json!({ "email": "ana@example.org" })).await;
    assert_eq!(errors(&halves), ["ADDRESS_NOT_VERIFIED input"]);
    drop(test.mails().await);
}

#[tokio::test]
async fn a_provider_that_fails_is_told_as_such_and_left_alone_for_a_moment() {
    let issuer = Issuer::start().await;
    let test = knowing_with(issuer.settings(), |settings| settings.auth.provider_seconds = 1).await;
    let begins = async || {
        let input = json!({ "input": { "provider": "campus" } });
        test.anonymous().run("BeginProviderSignIn", input).await
    };
    let described = "/.well-known/openid-configuration";
    for (path, mood) in [
        (described, Mood::Broken),
        (described, Mood::Silent),
        (described, Mood::Redirecting),
        (described, Mood::Endless),
        (described, Mood::Babbling),
        ("/keys", Mood::Broken),
        ("/keys", Mood::Endless),
    ] {
        issuer.feels(path, Some(mood.clone()));
        assert_eq!(begins().await.refusal(), "PROVIDER_UNAVAILABLE", "{path} {mood:?}");
        let asked = issuer.count(described);
        assert_eq!(begins().await.refusal(), "PROVIDER_UNAVAILABLE");
        assert_eq!(issuer.count(described), asked, "it is left alone");
        issuer.feels(path, None);
        test.pass(TimeDelta::seconds(10));
    }
    for (path, mood) in [
        ("/token", Mood::Broken),
        ("/token", Mood::Silent),
        ("/token", Mood::Redirecting),
        ("/token", Mood::Endless),
        ("/token", Mood::Babbling),
        ("/person", Mood::Broken),
        ("/person", Mood::Redirecting),
    ] {
        issuer.feels(path, Some(mood.clone()));
        let refused = sign_in(&test, &issuer, "1", json!({})).await;
        assert_eq!(refused.refusal(), "PROVIDER_UNAVAILABLE", "{path} {mood:?}");
        issuer.feels(path, None);
    }
    assert_eq!(issuer.count("/elsewhere"), 0, "no redirect is followed");
    assert_eq!(
        outcome(&sign_in(&test, &issuer, "1", verified("ana@example.org")).await),
        "CONFIRM_BY_MAIL"
    );
    drop(test.mails().await);
}

#[tokio::test]
async fn nobody_waits_for_a_slow_provider_but_whoever_asked() {
    let issuer = Issuer::start().await;
    let test = knowing_with(issuer.settings(), |settings| settings.auth.provider_seconds = 2).await;
    let trip = begin(&test).await;
    issuer.feels("/token", Some(Mood::Silent));
    let waiting = complete(&test, &trip, "code");
    tokio::pin!(waiting);
    // The database is free meanwhile: on SQLite there is one connection that writes.
    let input = json!({ "input": { "email": "eva@example.org", "givenName": "Eva", "familyName": "Luz", "language": "EN",
        "timeZone": "UTC", "password": PASSWORD } });
    let register = async {
        let other = test.anonymous();
        while issuer.count("/token") == 0 {
            tokio::task::yield_now().await;
        }
        other.run("RegisterPerson", input).await
    };
    tokio::select! {
        biased;
        answer = register => assert_eq!(answer.at("registerPerson.accepted"), &json!(true)),
        answer = &mut waiting => panic!("the provider said nothing: {answer:?}"),
    }
    assert_eq!(waiting.await.refusal(), "PROVIDER_UNAVAILABLE");
    drop(test.mails().await);
}

#[tokio::test]
async fn no_other_address_is_asked_than_one_that_may_be() {
    let issuer = Issuer::start().await;
    let test = knowing(issuer.settings()).await;
    for (name, address) in [
        ("jwks_uri", "http://169.254.169.254/latest/meta-data"),
        ("jwks_uri", "file:///etc/passwd"),
        ("authorization_endpoint", "http://login.example.org/authorize"),
        ("authorization_endpoint", "javascript:alert(1)"),
        ("issuer", "https://evil.example.org"),
    ] {
        let usual = match name {
            "issuer" => issuer.url.clone(),
            "jwks_uri" => format!("{}/keys", issuer.url),
            _ => format!("{}/authorize", issuer.url),
        };
        issuer.announces(name, json!(address));
        let input = json!({ "input": { "provider": "campus" } });
        let refused = test.anonymous().run("BeginProviderSignIn", input).await;
        assert_eq!(refused.refusal(), "PROVIDER_UNAVAILABLE", "{name} {address}");
        issuer.announces(name, json!(usual));
        test.pass(TimeDelta::seconds(10));
    }
    issuer.announces("token_endpoint", json!("http://10.0.0.1/token"));
    let refused = sign_in(&test, &issuer, "1", verified("ana@example.org")).await;
    assert_eq!(refused.refusal(), "PROVIDER_UNAVAILABLE");
    assert_eq!(issuer.count("/token"), 0);
}

#[tokio::test]
async fn a_provider_that_promises_to_name_itself_has_to() {
    let issuer = Issuer::start().await;
    issuer.announces("authorization_response_iss_parameter_supported", json!(true));
    issuer.announces("token_endpoint_auth_methods_supported", json!(["client_secret_post"]));
    let test = knowing(issuer.settings()).await;
    let with = async |named: Option<&str>| {
        let trip = begin(&test).await;
        issuer.takes(
            "code",
            &issuer
                .key
                .sign(&claims(&test, &issuer, &trip, "1", &verified("ana@example.org"))),
        );
        let mut input = trip.input("code");
        input["input"]["issuer"] = json!(named);
        test.anonymous().run("CompleteProviderSignIn", input).await
    };
    for wrong in [None, Some("https://evil.example.org"), Some("")] {
        assert_eq!(errors(&with(wrong).await), ["INVALID_TOKEN input.issuer"]);
    }
    assert_eq!(issuer.count("/token"), 0);
    assert_eq!(outcome(&with(Some(&issuer.url)).await), "CONFIRM_BY_MAIL");
    assert_eq!(
        issuer.last_form()["client_secret"],
        SECRET,
        "where it wants the secret in the body"
    );
    drop(test.mails().await);
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
    issuer.takes(
        "code",
        &issuer
            .key
            .sign(&claims(test, issuer, &trip, subject, &json!({ "email": "x" }))),
    );
    client.run("LinkIdentity", trip.input("code")).await
}

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
    let trusting = Provider {
        trust_email: true,
        ..issuer.settings()
    };
    let test = knowing(trusting).await;
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
    issuer.takes(
        "code",
        &issuer
            .key
            .sign(&claims(&test, &issuer, &trip, "2", &json!({ "email": "x" }))),
    );
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

/// Asks for an API token that reads the own account.
async fn make_token(test: &TestApp, owner: &Client<'_>, more: Value) -> Answer {
    let expires_at = test.now() + TimeDelta::days(30);
    let mut input = json!({ "name": "A report", "scopes": ["READ_ACCOUNT"], "expiresAt": expires_at });
    patch(&mut input, &more);
    owner.run("CreateApiToken", json!({ "input": input })).await
}

/// The secret of a second factor that was begun.
async fn begin_factor(owner: &Client<'_>) -> DeviceSecret {
    let begun = owner.run("BeginSecondFactor", json!({})).await;
    DeviceSecret::read(&begun.text("beginSecondFactor.enrolment.secret")).expect("a secret")
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
async fn the_mailbox_does_not_stand_for_the_second_factor() {
    let issuer = Issuer::start().await;
    let settings = Provider {
        counts_as_second_factor: true,
        ..issuer.settings()
    };
    let test = knowing(settings).await;
    let ana = test.person("Ana").await;
    test.password_of(&ana).await;
    let device = begin_factor(&ana).await;
    let used = device.code_at(test.now());
    let proof = json!({ "input": { "password": PASSWORD, "code": used } });
    let done = ana.run("ConfirmSecondFactor", proof).await;
    assert_eq!(done.user_errors("confirmSecondFactor"), NOBODY);
    drop(test.mails().await);
    test.pass(TimeDelta::seconds(30));

    let said = verified("ana@example.org");
    let handle = ask(&test, &issuer, "1", "ana@example.org").await;
    let token = mailed(&test, "confirm_identity", "ana@example.org").await;
    for (code, expected) in [
        (Value::Null, "REQUIRED input.code"),
        (json!(" "), "REQUIRED input.code"),
        (json!("nonsense"), "INVALID_CODE input.code"),
        (json!(used), "INVALID_CODE input.code"),
    ] {
        assert_eq!(confirm_with(&test, &token, &handle, &code).await, [expected]);
    }
    let handle = ask(&test, &issuer, "2", "ana@example.org").await;
    let token = mailed(&test, "confirm_identity", "ana@example.org").await;
    let right = json!(device.code_at(test.now()));
    assert_eq!(confirm_with(&test, &token, &handle, &right).await, NOBODY);
    assert_eq!(test.notices().await, ["identity_linked ana@example.org"]);
    let inside = entered(&test, &sign_in(&test, &issuer, "2", said).await);
    assert_eq!(id_of(&inside).await, id_of(&ana).await);
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
        let begun = ana.run("BeginSecondFactor", json!({})).await;
        let device = DeviceSecret::read(&begun.text("beginSecondFactor.enrolment.secret")).expect("a secret");
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
        let said = json!({ "email": "eva@example.org", "email_verified": true, "groups": groups });
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
    let said = json!({ "email": "eva@example.org", "email_verified": true, "groups": "staff" });
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
    let said = json!({ "email": "eva@example.org", "email_verified": true, "groups": "staff" });
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
        let said = json!({ "email": "eva@example.org", "email_verified": true, "groups": groups });
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
    let said = json!({ "email": "eva@example.org", "email_verified": true, "groups": "staff" });
    assert_eq!(
        roles_of(&entered(&test, &sign_in(&test, &issuer, "1", said).await)).await,
        NOBODY
    );
    drop(test.mails().await);
}

#[tokio::test]
async fn a_disabled_account_stays_closed_by_every_way() {
    let issuer = Issuer::start().await;
    let test = knowing(issuer.settings()).await;
    let ana = test.person("Ana").await;
    let ada = test.administrator().await;
    test.password_of(&ana).await;
    link(&test, &issuer, &ana, "1").await;
    let handle = ask(&test, &issuer, "2", "ana@example.org").await;
    let mails = test.mails().await;
    let mail = mails.iter().find(|mail| mail.notice == "confirm_identity");
    let token = token_in(&mail.expect("a message").text);
    let input = json!({ "input": { "personId": ana.person.expect("a person").to_string(), "reason": "a test" } });
    ada.run("DisableAccount", input).await;
    let refused = sign_in(&test, &issuer, "1", json!({ "email": "x" })).await;
    assert_eq!(errors(&refused), ["INVALID_CREDENTIALS input"]);
    assert_eq!(confirm(&test, &token, &handle).await, ["INVALID_TOKEN input.token"]);
    drop(test.mails().await);
}

#[tokio::test]
async fn guesses_and_messages_are_limited() {
    let issuer = Issuer::start().await;
    let test = knowing_with(issuer.settings(), |settings| {
        settings.rates.enabled = true;
        settings.rates.sign_in_address.burst = 5;
        settings.rates.mail_sender.burst = 4;
        settings.rates.mail_sender.refill = 1;
        settings.rates.mail_recipient.burst = 2;
        settings.rates.mail_recipient.refill = 1;
    })
    .await;
    // The third message to an address waits, and nobody is told.
    for subject in ["1", "2", "3"] {
        ask(&test, &issuer, subject, "ana@example.org").await;
    }
    assert_eq!(
        test.notices().await,
        ["confirm_identity ana@example.org", "confirm_identity ana@example.org"]
    );
    // Somebody who fails because the provider does has guessed nothing.
    issuer.feels("/token", Some(Mood::Broken));
    for _ in 0..6 {
        let failed = complete(&test, &begin(&test).await, "code").await;
        assert_eq!(failed.refusal(), "PROVIDER_UNAVAILABLE");
    }
    issuer.feels("/token", None);
    // The fourth message is the last of this caller; another one counts as a guess, and four more are free.
    for subject in ["4", "5"] {
        ask(&test, &issuer, subject, "eva@example.org").await;
    }
    let mut answers = Vec::new();
    for _ in 0..5 {
        let trip = begin(&test).await;
        answers.push(complete(&test, &trip, "guess").await);
    }
    for answer in &answers[..4] {
        assert_eq!(errors(answer), ["INVALID_TOKEN input.code"]);
    }
    assert_eq!(answers[4].refusal(), "RATE_LIMITED");
    let input = json!({ "input": { "email": "ida@example.org" } });
    let more = test.anonymous().run("RequestPasswordReset", input).await;
    assert_eq!(
        more.refusal(),
        "RATE_LIMITED",
        "messages are counted whatever asks for them"
    );
    drop(test.mails().await);
}

#[tokio::test]
async fn the_token_of_a_stranger_confirms_nothing_and_takes_nothing() {
    let issuer = Issuer::start().await;
    let test = knowing(issuer.settings()).await;
    let ana = test.person("Ana").await;
    let email = "ana@example.org";
    let handle = ask(&test, &issuer, "ana", email).await;
    let own = mailed(&test, "confirm_identity", email).await;
    // Mallory's identity comes with the address of Ana, whose mailbox gets the same message again.
    let strange = ask(&test, &issuer, "mallory", email).await;
    let bait = mailed(&test, "confirm_identity", email).await;
    let refused = ["INVALID_TOKEN input.handle"];
    assert_eq!(confirm(&test, &bait, &handle).await, refused, "in Ana's browser");
    assert_eq!(confirm(&test, &bait, "").await, refused, "in one that began nothing");
    assert_eq!(confirm(&test, &own, &strange).await, refused);
    assert_eq!(confirm(&test, &own, &handle).await, NOBODY, "her own is as it was");
    assert_eq!(confirm(&test, &bait, &strange).await, ["INVALID_TOKEN input.token"]);
    let inside = entered(&test, &sign_in(&test, &issuer, "ana", verified(email)).await);
    assert_eq!(id_of(&inside).await, ana.person.expect("a person").to_string());
    drop(test.mails().await);
}

#[tokio::test]
async fn an_account_that_a_stranger_had_made_does_not_stand_in_its_owners_way() {
    let issuer = Issuer::start().await;
    let test = knowing(issuer.settings()).await;
    let said = json!({ "email": "eva@example.org", "email_verified": true, "name": "Mal Lory" });
    assert_eq!(outcome(&sign_in(&test, &issuer, "1", said).await), "CONFIRM_BY_MAIL");
    drop(test.mails().await);
    let input = json!({ "input": { "email": "eva@example.org", "givenName": "Eva", "familyName": "Luz", "language": "PT",
        "timeZone": "America/Lima", "password": PASSWORD } });
    test.anonymous().run("RegisterPerson", input).await;
    drop(test.mails().await);
    let other = json!({ "input": { "email": "eva@example.org", "givenName": "Mal", "familyName": "Lory",
        "language": "EN", "timeZone": "UTC", "password": "elefante azul en junio" } });
    test.anonymous().run("RegisterPerson", other).await;
    let token = mailed(&test, "confirm_address", "eva@example.org").await;
    let confirmed = test
        .anonymous()
        .run("ConfirmEmail", json!({ "input": { "token": token } }))
        .await;
    assert_eq!(confirmed.user_errors("confirmEmail"), NOBODY);
    let input = json!({ "input": { "email": "eva@example.org", "password": PASSWORD } });
    let signed_in = test.anonymous().run("SignIn", input).await;
    let eva = test.anonymous().bearing(&signed_in.text("signIn.session.accessToken"));
    let viewer = eva.run("Viewer", json!({})).await;
    let shown = viewer.at("viewer.person");
    assert_eq!(
        [
            &shown["givenName"],
            &shown["familyName"],
            &shown["language"],
            &shown["timeZone"]
        ],
        ["Eva", "Luz", "PT", "America/Lima"]
    );
    assert_eq!(people(&test).await, 1);
}

#[tokio::test]
async fn no_claim_outlives_a_new_password_or_a_confirmed_address() {
    let issuer = Issuer::start().await;
    let test = knowing(issuer.settings()).await;
    let ana = test.person("Ana").await;
    test.password_of(&ana).await;
    let email = "ana@example.org";
    let refused = ["INVALID_TOKEN input.token"];
    let new = "elefante azul en junio";

    let handle = ask(&test, &issuer, "1", email).await;
    let token = mailed(&test, "confirm_identity", email).await;
    let input = json!({ "input": { "email": email } });
    test.anonymous().run("RequestPasswordReset", input).await;
    let reset = mailed(&test, "reset_password", email).await;
    let input = json!({ "input": { "token": reset, "password": new } });
    let done = test.anonymous().run("ResetPassword", input).await;
    assert_eq!(done.user_errors("resetPassword"), NOBODY);
    assert_eq!(confirm(&test, &token, &handle).await, refused, "after a reset");
    drop(test.mails().await);

    let handle = ask(&test, &issuer, "1", email).await;
    let token = mailed(&test, "confirm_identity", email).await;
    let input = json!({ "input": { "currentPassword": new, "newPassword": PASSWORD } });
    let done = ana.again().await.run("ChangePassword", input).await;
    assert_eq!(done.user_errors("changePassword"), NOBODY);
    assert_eq!(confirm(&test, &token, &handle).await, refused, "after a change");
    drop(test.mails().await);

    let input = json!({ "input": { "email": "eva@example.org", "givenName": "Eva", "familyName": "Luz", "language": "EN",
        "timeZone": "UTC", "password": PASSWORD } });
    test.anonymous().run("RegisterPerson", input).await;
    let address = mailed(&test, "confirm_address", "eva@example.org").await;
    let handle = ask(&test, &issuer, "2", "eva@example.org").await;
    let token = mailed(&test, "confirm_identity", "eva@example.org").await;
    let done = test
        .anonymous()
        .run("ConfirmEmail", json!({ "input": { "token": address } }))
        .await;
    assert_eq!(done.user_errors("confirmEmail"), NOBODY);
    assert_eq!(
        confirm(&test, &token, &handle).await,
        refused,
        "after the address was confirmed"
    );

    let handle = ask(&test, &issuer, "1", email).await;
    let token = mailed(&test, "confirm_identity", email).await;
    let written = RegistrationText {
        email,
        given_name: "Ana",
        family_name: "Luz",
        language: Language::En,
        time_zone: "UTC",
        password: PASSWORD,
    };
    let registration = Registration::parse(&written).expect("a registration");
    account::create_administrator(&test.app, &registration)
        .await
        .expect("an administrator");
    assert_eq!(
        confirm(&test, &token, &handle).await,
        refused,
        "after the machine set a password"
    );
}

#[tokio::test]
async fn the_last_way_in_is_one_that_the_settings_know() {
    let issuer = Issuer::start().await;
    let trusting = Provider {
        trust_email: true,
        ..issuer.settings()
    };
    let test = knowing(trusting).await;
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

#[tokio::test]
async fn a_conversation_ends_before_its_operation_does() {
    let issuer = Issuer::start().await;
    let test = knowing_with(issuer.settings(), |settings| {
        settings.auth.provider_seconds = 1;
        settings.load.operation_seconds = 2;
    })
    .await;
    let trip = begin(&test).await;
    test.pass(TimeDelta::minutes(1));
    for path in ["/.well-known/openid-configuration", "/keys", "/token"] {
        issuer.feels(path, Some(Mood::Slow));
    }
    // Each answer comes within a second, and all three together do not: an unknown key makes two more questions.
    let said = claims(&test, &issuer, &trip, "1", &json!({}));
    issuer.takes("code", &Key::new("unknown").sign(&said));
    assert_eq!(complete(&test, &trip, "code").await.refusal(), "PROVIDER_UNAVAILABLE");
}

#[tokio::test]
async fn a_provider_is_asked_once_though_those_who_asked_hang_up() {
    let issuer = Issuer::start().await;
    let test = knowing_with(issuer.settings(), |settings| settings.auth.provider_seconds = 1).await;
    let described = "/.well-known/openid-configuration";
    issuer.feels(described, Some(Mood::Silent));
    let nobody = Actor::anonymous(Language::En);
    let asked = async {
        while issuer.count(described) == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = asked => {}
        begun = service::identity::begin(&test.app, &nobody, "campus") => panic!("nobody answered: {begun:?}"),
    }
    let input = json!({ "input": { "provider": "campus" } });
    let next = test.anonymous().run("BeginProviderSignIn", input).await;
    assert_eq!(next.refusal(), "PROVIDER_UNAVAILABLE");
    assert_eq!(issuer.count(described), 1, "it is left alone");
}

/// What waits for a lock of this database is tried on PostgreSQL: on SQLite one writes at a time.
async fn waits_for_lock(test: &TestApp) {
    retry::until("somebody waits", || retry::waits(test)).await;
}

/// A sign-in of somebody unknown, ready to be completed.
async fn at_the_door(test: &TestApp, issuer: &Issuer, email: &str) -> Trip {
    let trip = begin(test).await;
    let said = claims(test, issuer, &trip, "1", &verified(email));
    issuer.takes("code", &issuer.key.sign(&said));
    trip
}

#[tokio::test]
async fn an_account_that_is_being_disabled_gets_no_message() {
    let issuer = Issuer::start().await;
    let test = knowing(issuer.settings()).await;
    if test.app.db.engine() == Engine::Sqlite {
        return;
    }
    let ana = test.person("Ana").await;
    let trip = at_the_door(&test, &issuer, "ana@example.org").await;
    let tx = test.app.db.write().await.expect("a transaction");
    person::set_disabled(&tx, ana.person.expect("a person"), Some(test.now()))
        .await
        .expect("an update");
    let disabling = async {
        waits_for_lock(&test).await;
        tx.commit().await.expect("a commit");
    };
    let (answer, ()) = tokio::join!(complete(&test, &trip, "code"), disabling);
    assert_eq!(outcome(&answer), "CONFIRM_BY_MAIL");
    assert_eq!(test.notices().await, NOBODY);
}

#[tokio::test]
async fn transactions_that_meet_after_the_conversation_are_tried_again() {
    let issuer = Issuer::start().await;
    let test = knowing(issuer.settings()).await;
    if test.app.db.engine() == Engine::Sqlite {
        return;
    }
    let ana = test.person("Ana").await;
    let trip = at_the_door(&test, &issuer, "eva@example.org").await;
    // Ana's account gets the address at which a stranger's is being made.
    let tx = test.app.db.write().await.expect("a transaction");
    move_to(&tx, &ana, "eva@example.org", &test).await;
    let moving = async {
        waits_for_lock(&test).await;
        tx.commit().await.expect("a commit");
    };
    let (answer, ()) = tokio::join!(complete(&test, &trip, "code"), moving);
    assert_eq!(outcome(&answer), "CONFIRM_BY_MAIL");
    assert_eq!(people(&test).await, 1);
    assert_eq!(test.notices().await, ["confirm_identity eva@example.org"]);
}

async fn move_to(tx: &Tx, who: &Client<'_>, email: &str, test: &TestApp) {
    let id = who.person.expect("a person");
    let taken = Code::Taken.into();
    person::set_email(tx, id, email, test.now(), taken)
        .await
        .expect("an update");
}
