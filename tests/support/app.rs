//! A running application with its own database, clock and mailbox, and clients for people of every role.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use chrono::{DateTime, TimeDelta, Utc};
use http_body_util::BodyExt;
use rumbo::app::App;
use rumbo::auth::password::Password;
use rumbo::auth::token::Bearer;
use rumbo::clock::Clock;
use rumbo::config::Settings;
use rumbo::domain::actor::{Grant, Role, Scope};
use rumbo::domain::id::{DeclarationId, InstitutionId, PersonId, RoleAssignmentId, SessionId};
use rumbo::domain::idempotency;
use rumbo::domain::institution::InstitutionKind;
use rumbo::domain::language::Language;
use rumbo::domain::person::{ConstituentGroup, Gender};
use rumbo::domain::text::{Country, Title};
use rumbo::mail::{Mailer, Sent};
use rumbo::store::{Engine, Tx, declaration, person, role, session};
use rumbo::worker::Worker;
use rumbo::{http, service, store};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower::ServiceExt;

use super::db::TestDb;
use super::operations::{document, is_mutation};

/// A running application. Its clock stands at [`TestApp::START`] until a test moves it.
pub struct TestApp {
    pub app: App,
    router: Router,
    worker: Worker,
    db: TestDb,
}

/// Somebody who sends requests: a person with a token, or nobody.
#[derive(Clone)]
pub struct Client<'a> {
    of: &'a TestApp,
    token: Option<String>,
    language: &'static str,
    agent: Option<&'static str>,
    keys: bool,
    /// Who it is; `None` for nobody.
    pub person: Option<PersonId>,
    /// The address.
    pub email: String,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// The body as it came.
    pub body: String,
    /// The body read as JSON; null when it is none.
    pub json: Value,
}

/// What the tests state of a person when it matters.
#[derive(Debug, Clone, Copy)]
pub struct Who {
    pub name: &'static str,
    pub gender: Gender,
    pub country: &'static str,
    pub institution: Option<InstitutionId>,
}

impl Who {
    pub const fn named(name: &'static str) -> Self {
        Self {
            name,
            gender: Gender::Female,
            country: "UY",
            institution: None,
        }
    }
}

impl TestApp {
    /// When the tests begin.
    pub const START: &'static str = "2026-03-02T12:00:00Z";
    /// The password of whoever got one.
    pub const PASSWORD: &'static str = "tortuga verde en mayo";

    /// A new application on the database under test.
    pub async fn new() -> Self {
        Self::having(|_| ()).await
    }

    /// A new application with settings of the test's own, by their keys.
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        let overrides: Vec<_> = settings.iter().map(|&(key, value)| (key, value.to_owned())).collect();
        let read = Settings::load("test", None, &overrides).expect("the test profile loads");
        Self::having(|settings| {
            let database = settings.database.url.clone();
            *settings = read;
            settings.database.url = database;
        })
        .await
    }

    /// A new application with settings that the test changes.
    pub async fn having(change: impl FnOnce(&mut Settings)) -> Self {
        let db = TestDb::new().await;
        let mut settings = Settings::load("test", None, &[("database.url", db.url())]).expect("the test profile loads");
        change(&mut settings);
        let start: DateTime<Utc> = Self::START.parse().expect("an instant");
        let app = App::new(settings, Clock::fixed(start))
            .await
            .expect("the application starts");
        let worker = Worker {
            db: app.db.clone(),
            clock: app.clock.clone(),
            mailer: Mailer::from_settings(&app.settings.mail).expect("a mailbox in memory"),
            settings: app.settings.mail.clone(),
            retention: app.settings.retention,
            public_url: app.settings.http.public_url.clone(),
            vault: app.vault.clone(),
            wake: app.outbox.clone(),
        };
        Self {
            router: http::router(app.clone(), None),
            app,
            worker,
            db,
        }
    }

    /// Another copy of the application on the same database, with a clock of its own.
    pub async fn copy(&self) -> Router {
        let app = App::new((*self.app.settings).clone(), Clock::fixed(self.now())).await;
        http::router(app.expect("the application starts"), None)
    }

    /// Its doors, for what [`TestApp::send`] cannot read: files that are no text. They share the clock, the identifiers and
    /// the memory of who may what with everything else here, unlike those of a copy.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Where its database is.
    pub fn database_url(&self) -> String {
        self.db.url()
    }

    /// The present instant.
    pub fn now(&self) -> DateTime<Utc> {
        self.app.clock.now()
    }

    /// Moves the clock.
    pub fn pass(&self, time: TimeDelta) {
        self.app.clock.advance(time);
    }

    /// Sends what is in the outbox, does the timed jobs, and returns what arrived since the last call.
    pub async fn mails(&self) -> Vec<Sent> {
        self.worker.drain().await.expect("the worker drains the outbox");
        self.worker.mailer.take_sent()
    }

    /// A worker that sends in another way.
    pub fn worker_with(&self, mailer: Mailer) -> Worker {
        Worker {
            mailer,
            ..self.worker.clone()
        }
    }

    /// The notices that arrived since the last call, as `name address`, sorted.
    pub async fn notices(&self) -> Vec<String> {
        let mut notices: Vec<String> = self
            .mails()
            .await
            .into_iter()
            .map(|mail| format!("{} {}", mail.notice, mail.to))
            .collect();
        notices.sort();
        notices
    }

    /// Somebody who has not signed in.
    pub fn anonymous(&self) -> Client<'_> {
        Client {
            of: self,
            token: None,
            language: "en",
            agent: None,
            keys: false,
            person: None,
            email: String::new(),
        }
    }

    /// Whoever holds this token; for a task of its own, which cannot borrow a client.
    pub fn bearer(&self, token: Option<String>) -> Client<'_> {
        Client {
            token,
            ..self.anonymous()
        }
    }

    /// A signed-in person who has declared themself.
    pub async fn person(&self, name: &'static str) -> Client<'_> {
        self.somebody(Who::named(name)).await
    }

    /// A signed-in person of whom more is stated.
    pub async fn somebody(&self, who: Who) -> Client<'_> {
        let now = self.now();
        let id = PersonId(self.app.clock.new_id());
        let email = format!("{}@example.org", who.name.to_lowercase());
        let tx = self.app.db.write().await.expect("a transaction");
        let row = person::Model {
            id,
            number: person::next_number(&tx).await.expect("a number"),
            email: email.clone(),
            given_name: who.name.to_owned(),
            family_name: "Tester".to_owned(),
            language: Language::En,
            time_zone: "America/Montevideo".to_owned(),
            password_hash: None,
            email_confirmed_at: Some(now),
            disabled_at: None,
            created_at: now,
            version: 1,
        };
        person::insert(&tx, row).await.expect("a person");
        let stated = declaration::Model {
            id: DeclarationId(self.app.clock.new_id()),
            person_id: id,
            stated_at: now,
            gender: who.gender,
            country: Some(who.country.to_owned()),
            institution_id: who.institution,
            constituent_group: ConstituentGroup::TrainingInstitution,
        };
        declaration::insert(&tx, stated).await.expect("a declaration");
        let bearer = begin_session(&tx, self, id).await;
        tx.commit().await.expect("a commit");
        let token = self.app.access_token(self.app.db.read(), bearer).await;
        Client {
            of: self,
            token: Some(token.expect("a token")),
            language: "en",
            agent: None,
            keys: false,
            person: Some(id),
            email,
        }
    }

    /// A person with a role.
    pub async fn holder(&self, name: &'static str, role: Role, scope: Scope) -> Client<'_> {
        let client = self.person(name).await;
        self.role_of(&client, role, scope).await;
        client
    }

    /// Gives somebody one more role.
    pub async fn role_of(&self, client: &Client<'_>, role: Role, scope: Scope) {
        let tx = self.app.db.write().await.expect("a transaction");
        let id = RoleAssignmentId(self.app.clock.new_id());
        let person = client.person.expect("a person");
        let row = role::new_row(id, person, Grant { role, scope }, self.now(), None);
        role::insert(&tx, row).await.expect("a role");
        tx.commit().await.expect("a commit");
    }

    /// Gives somebody the password [`TestApp::PASSWORD`].
    pub async fn password_of(&self, client: &Client<'_>) {
        let password = Password::parse(Self::PASSWORD, &[]).expect("a password");
        let hash = self.app.passwords.hash(&password).await.expect("a hash");
        let tx = self.app.db.write().await.expect("a transaction");
        let person = client.person.expect("a person");
        person::set_password(&tx, person, hash).await.expect("a password");
        tx.commit().await.expect("a commit");
    }

    /// A coordinator of everything.
    pub async fn coordinator(&self) -> Client<'_> {
        self.holder("Carla", Role::Coordinator, Scope::System).await
    }

    /// Somebody who coordinates this edition alone.
    pub async fn coordinator_of(&self, name: &'static str, edition: &str) -> Client<'_> {
        let scope = Scope::Edition(edition.parse().expect("an edition"));
        self.holder(name, Role::Coordinator, scope).await
    }

    /// An administrator.
    pub async fn administrator(&self) -> Client<'_> {
        self.holder("Ada", Role::Administrator, Scope::System).await
    }

    /// A registered institution.
    pub async fn institution(&self, name: &str, country: &str) -> InstitutionId {
        let draft = service::institution::InstitutionDraft {
            code: None,
            name: Title::parse(name).expect("a name"),
            aliases: Vec::new(),
            country: Country::parse(country).expect("a country"),
            kind: InstitutionKind::TrainingInstitution,
        };
        let actor = rumbo::domain::actor::Actor::operator();
        service::institution::create(&self.app, &actor, draft)
            .await
            .expect("an institution")
            .id
    }

    /// Where the kept summaries are not what a recount finds.
    pub async fn differences(&self) -> Vec<String> {
        let snapshot = self.app.db.snapshot().await.expect("a snapshot");
        let found = store::tally_rebuild::differences(&snapshot)
            .await
            .expect("the recount runs");
        snapshot.commit().await.expect("the snapshot ends");
        found
    }

    /// The number of violated invariants.
    pub async fn violations(&self) -> Vec<store::verify::Finding> {
        let snapshot = self.app.db.snapshot().await.expect("a snapshot");
        let mut findings = Vec::new();
        for invariant in store::verify::INVARIANTS {
            let finding = store::verify::find(&snapshot, invariant).await;
            findings.push(finding.expect("the check runs"));
        }
        snapshot.commit().await.expect("the snapshot ends");
        findings.retain(|finding| finding.violations != 0);
        findings
    }

    /// What has to hold whatever was done: nothing is violated, and the kept summaries are what a recount finds.
    pub async fn fine(&self) {
        assert_eq!(self.violations().await, []);
        assert_eq!(self.differences().await, [""; 0]);
    }
}

impl Client<'_> {
    /// The same person, answered in another language.
    pub fn speaking(&self, language: &'static str) -> Self {
        Self {
            language,
            ..self.clone()
        }
    }

    /// The same person with a client that calls itself so.
    pub fn calling_itself(&self, agent: &'static str) -> Self {
        Self {
            agent: Some(agent),
            ..self.clone()
        }
    }

    /// The same person with a client that sends a new idempotency key with each committed mutation that takes one.
    pub fn with_keys(&self) -> Self {
        Self {
            keys: true,
            ..self.clone()
        }
    }

    /// Which database it is asked of.
    pub fn engine(&self) -> Engine {
        self.of.app.db.engine()
    }

    /// The access token.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Whoever has this access token.
    pub fn bearing(&self, token: &str) -> Self {
        Self {
            token: Some(token.to_owned()),
            ..self.clone()
        }
    }

    /// The same person with a new access token of the same session's person, for tests that move the clock far.
    pub async fn again(&self) -> Self {
        let of = self.of;
        let person = self.person.expect("a person");
        let tx = of.app.db.write().await.expect("a transaction");
        let bearer = begin_session(&tx, of, person).await;
        tx.commit().await.expect("a commit");
        let token = of.app.access_token(of.app.db.read(), bearer).await;
        Self {
            token: Some(token.expect("a token")),
            ..self.clone()
        }
    }

    /// Executes a committed operation.
    pub async fn run(&self, operation: &str, variables: Value) -> Answer {
        let field = operation[..1].to_lowercase() + &operation[1..];
        let takes_key = is_mutation(operation) && idempotency::takes_key(&[field]).is_ok();
        let key = (self.keys && takes_key).then(|| self.of.app.clock.new_id().to_string());
        let body = json!({ "query": document(operation), "operationName": operation, "variables": variables });
        self.ask(body, key).await
    }

    /// Asks for nothing, so that what the server remembers of the session for a moment is remembered, and the
    /// statements of the next request are its own.
    pub async fn warm_up(&self) {
        self.query("{ __typename }", json!({})).await;
    }

    /// Executes a document of the test's own.
    pub async fn query(&self, document: &str, variables: Value) -> Answer {
        self.post(json!({ "query": document, "variables": variables })).await
    }

    /// Sends a body to the endpoint.
    pub async fn post(&self, body: Value) -> Answer {
        self.ask(body, None).await
    }

    async fn ask(&self, body: Value, key: Option<String>) -> Answer {
        let mut request = Request::post("/graphql")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/graphql-response+json")
            .header(header::ACCEPT_LANGUAGE, self.language);
        if let Some(agent) = self.agent {
            request = request.header(header::USER_AGENT, agent);
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        self.of
            .send(request.body(Body::from(body.to_string())).expect("a request"))
            .await
    }
}

impl TestApp {
    /// Listens on a port of the loopback address, as the server does; whoever drops the sender, or sends true, ends it.
    pub async fn listen(&self, head: Duration) -> (SocketAddr, watch::Sender<bool>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, told) = watch::channel(false);
        let patience = http::listen::Patience {
            head,
            ..http::listen::Patience::from_settings(&self.app.settings.load)
        };
        tokio::spawn(http::listen::serve(listener, self.router.clone(), patience, told));
        (address, stop)
    }

    /// Sends any request to the router.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        send(&self.router, request).await
    }
}

/// Sends a request to a router.
pub async fn send(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.expect("an answer");
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    let body = String::from_utf8(bytes.to_vec()).expect("UTF-8");
    Answer {
        status,
        headers,
        body,
        json,
    }
}

impl Answer {
    /// The value at a path below `data`, such as `applyToEdition.enrolment.id`; the answer must be whole.
    #[track_caller]
    pub fn at(&self, path: &str) -> &Value {
        assert!(self.json.get("errors").is_none(), "{:#}", self.json);
        let pointer = format!("/data/{}", path.replace('.', "/"));
        self.json
            .pointer(&pointer)
            .unwrap_or_else(|| panic!("nothing at {path}: {:#}", self.json))
    }

    /// The text at a path below `data`.
    #[track_caller]
    pub fn text(&self, path: &str) -> String {
        self.at(path)
            .as_str()
            .unwrap_or_else(|| panic!("no text at {path}: {:#}", self.json))
            .to_owned()
    }

    /// The whole number at a path below `data`.
    #[track_caller]
    pub fn number(&self, path: &str) -> i64 {
        self.at(path)
            .as_i64()
            .unwrap_or_else(|| panic!("no number at {path}: {:#}", self.json))
    }

    /// The user errors of a mutation as `CODE path.to.field`.
    #[track_caller]
    pub fn user_errors(&self, mutation: &str) -> Vec<String> {
        let errors = self
            .at(&format!("{mutation}.userErrors"))
            .as_array()
            .expect("a list")
            .clone();
        let write = |error: Value| {
            let path: Vec<&str> = error["path"]
                .as_array()
                .expect("a path")
                .iter()
                .filter_map(Value::as_str)
                .collect();
            assert!(
                !error["message"].as_str().unwrap_or_default().is_empty(),
                "an error without a sentence"
            );
            format!("{} {}", error["code"].as_str().unwrap_or_default(), path.join("."))
        };
        errors.into_iter().map(write).collect()
    }

    /// The code of the first top-level error.
    #[track_caller]
    pub fn refusal(&self) -> &str {
        self.json
            .pointer("/errors/0/extensions/code")
            .and_then(Value::as_str)
            .unwrap_or_else(|| panic!("nothing was refused: {:#}", self.json))
    }
}

/// A session that outlasts every test.
async fn begin_session(tx: &Tx, test: &TestApp, person: PersonId) -> Bearer {
    let session = SessionId(test.app.clock.new_id());
    let row = session::Model {
        id: session,
        person_id: person,
        created_at: test.now(),
        expires_at: test.now() + TimeDelta::days(400),
        revoked_at: None,
        seen_at: None,
        client: None,
        factor_at: None,
    };
    session::insert(tx, row).await.expect("a session");
    Bearer { person, session }
}
