//! An identity provider inside the test that says whatever it is told to, forged ID tokens too.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use axum::extract::{Form, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use data_encoding::BASE64URL_NOPAD;
use rumbo::config::{Provider, ProviderName, ProviderRole, Secret};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Who Rumbo is to the provider.
pub const CLIENT: &str = "rumbo";
/// What proves it.
pub const SECRET: &str = "a secret between the two";
/// The access token of every answer.
pub const ACCESS: &str = "an-access-token";

/// How the provider answers one path, when it does not answer as it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mood {
    /// Says nothing, for ever.
    Silent,
    /// Says what it should, but takes most of a second.
    Slow,
    /// Sends people elsewhere.
    Redirecting,
    /// Says more than anybody wants to hear.
    Endless,
    /// Fails.
    Broken,
    /// Says what is no JSON.
    Babbling,
}

/// What it knows and what it was asked.
#[derive(Default)]
struct Mind {
    /// What it says of itself beyond the usual.
    metadata: BTreeMap<String, Value>,
    keys: Vec<Value>,
    /// What it answers for which code.
    tokens: BTreeMap<String, Value>,
    person: Value,
    moods: BTreeMap<String, Mood>,
    asked: Vec<String>,
    forms: Vec<BTreeMap<String, String>>,
}

/// A key of the provider.
pub struct Key {
    pub id: &'static str,
    pair: EcdsaKeyPair,
}

impl Key {
    pub fn new(id: &'static str) -> Self {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        let document = document.expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref());
        Self {
            id,
            pair: pair.expect("a key pair"),
        }
    }

    /// The public part, as bytes.
    pub fn public(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// The public part, as the provider shows it.
    pub fn jwk(&self) -> Value {
        let (x, y) = self.public()[1..].split_at(32);
        let [x, y] = [x, y].map(|part| BASE64URL_NOPAD.encode(part));
        json!({ "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.id, "x": x, "y": y })
    }

    /// A token with the usual header.
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_as(&json!({ "alg": "ES256", "typ": "JWT", "kid": self.id }), claims)
    }

    /// A token with any header.
    pub fn sign_as(&self, head: &Value, claims: &Value) -> String {
        let text = unsigned(head, claims);
        let signature = self
            .pair
            .sign(&SystemRandom::new(), text.as_bytes())
            .expect("a signature");
        format!("{text}.{}", BASE64URL_NOPAD.encode(signature.as_ref()))
    }
}

/// Header and claims of a token, to be signed.
pub fn unsigned(head: &Value, claims: &Value) -> String {
    let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    format!("{}.{}", part(head), part(claims))
}

/// The provider; it ends with the test's runtime.
pub struct Issuer {
    pub url: String,
    pub key: Key,
    mind: Arc<Mutex<Mind>>,
}

type Shared = Arc<(String, Arc<Mutex<Mind>>)>;

impl Issuer {
    /// Starts one.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let key = Key::new("one");
        let mind = Arc::new(Mutex::new(Mind {
            keys: vec![key.jwk()],
            ..Mind::default()
        }));
        let shared: Shared = Arc::new((url.clone(), mind.clone()));
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(describe))
            .route("/keys", get(keys))
            .route("/token", post(exchange))
            .route("/person", get(person))
            .layer(from_fn_with_state(shared.clone(), answer_in_mood))
            .with_state(shared);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, key, mind }
    }

    fn mind(&self) -> MutexGuard<'_, Mind> {
        self.mind.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the settings say of it.
    pub fn settings(&self) -> Provider {
        Provider {
            name: ProviderName::Plain("Campus".to_owned()),
            issuer: self.url.clone(),
            client_id: CLIENT.to_owned(),
            client_secret: Secret::new(SECRET),
            scopes: vec!["email".to_owned()],
            trust_email: false,
            counts_as_second_factor: false,
            roles: Vec::new(),
        }
    }

    /// The same, with a role for those who are in a group.
    pub fn settings_with_role(&self, group: &str, role: &str, scope: &str) -> Provider {
        let mapped = ProviderRole {
            claim: "groups".to_owned(),
            value: group.to_owned(),
            role: role.to_owned(),
            scope: scope.to_owned(),
        };
        Provider {
            trust_email: true,
            roles: vec![mapped],
            ..self.settings()
        }
    }

    /// Answers this code with an ID token.
    pub fn takes(&self, code: &str, token: &str) {
        let answer = json!({ "access_token": ACCESS, "token_type": "Bearer", "expires_in": 60, "id_token": token });
        self.answers(code, answer);
    }

    /// Answers this code with anything.
    pub fn answers(&self, code: &str, answer: Value) {
        self.mind().tokens.insert(code.to_owned(), answer);
    }

    /// Says this to whoever brings the access token.
    pub fn knows(&self, person: Value) {
        self.mind().person = person;
    }

    /// Says this of itself from now on.
    pub fn announces(&self, name: &str, value: Value) {
        self.mind().metadata.insert(name.to_owned(), value);
    }

    /// Has these keys from now on.
    pub fn shows_keys(&self, keys: &[&Key]) {
        self.mind().keys = keys.iter().map(|key| key.jwk()).collect();
    }

    /// Answers a path in another way from now on, or as it should again.
    pub fn feels(&self, path: &str, mood: Option<Mood>) {
        match mood {
            Some(mood) => self.mind().moods.insert(path.to_owned(), mood),
            None => self.mind().moods.remove(path),
        };
    }

    /// How often a path was asked for.
    pub fn count(&self, path: &str) -> usize {
        self.mind().asked.iter().filter(|asked| *asked == path).count()
    }

    /// The form that came with the last code.
    pub fn last_form(&self) -> BTreeMap<String, String> {
        self.mind().forms.last().cloned().unwrap_or_default()
    }
}

fn lock(shared: &Shared) -> MutexGuard<'_, Mind> {
    shared.1.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer_in_mood(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let mood = {
        let mut mind = lock(&shared);
        mind.asked.push(path.clone());
        mind.moods.get(&path).cloned()
    };
    match mood {
        None => next.run(request).await,
        Some(Mood::Silent) => std::future::pending().await,
        Some(Mood::Slow) => {
            tokio::time::sleep(Duration::from_millis(700)).await;
            next.run(request).await
        }
        Some(Mood::Redirecting) => (StatusCode::FOUND, [(header::LOCATION, "/elsewhere")]).into_response(),
        Some(Mood::Endless) => "x".repeat(300 * 1024).into_response(),
        Some(Mood::Broken) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Some(Mood::Babbling) => ([(header::CONTENT_TYPE, "application/json")], "{]").into_response(),
    }
}

async fn describe(State(shared): State<Shared>) -> Json<Value> {
    let url = &shared.0;
    let mut said = json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"),
        "userinfo_endpoint": format!("{url}/person"),
        "jwks_uri": format!("{url}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256", "HS256", "none"],
    });
    for (name, value) in &lock(&shared).metadata {
        said[name] = value.clone();
    }
    Json(said)
}

async fn keys(State(shared): State<Shared>) -> Json<Value> {
    Json(json!({ "keys": lock(&shared).keys }))
}

async fn exchange(State(shared): State<Shared>, Form(form): Form<BTreeMap<String, String>>) -> Response {
    let mut mind = lock(&shared);
    let code = form.get("code").cloned().unwrap_or_default();
    mind.forms.push(form);
    // A code works once.
    match mind.tokens.remove(&code) {
        Some(answer) => Json(answer).into_response(),
        None => (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_grant" }))).into_response(),
    }
}

async fn person(State(shared): State<Shared>) -> Json<Value> {
    Json(lock(&shared).person.clone())
}
