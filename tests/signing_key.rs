//! The keys that sign access tokens: published, replaced, retired, and known to every copy of Rumbo within a second.

use std::path::Path;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use chrono::TimeDelta;
use futures_util::future::join_all;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode_header};
use rumbo::app::App;
use rumbo::auth::token::Bearer;
use rumbo::clock::Clock;
use rumbo::commands::keys::{Keys, run};
use rumbo::config::{Profile, Secret, Settings};
use rumbo::domain::actor::Actor;
use rumbo::domain::audit::Origin;
use rumbo::domain::id::{PersonId, SessionId};
use rumbo::domain::signing_key::{KeyState, last_use};
use rumbo::error::Error;
use rumbo::service::audit::from_origin;
use rumbo::service::signing_key::{self, Handover, Listed, create, prepare, retire, rotate};
use rumbo::store;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::{Value, json};

use crate::support::app::{Client, TestApp};
use crate::support::keys::Forger;

async fn key_set(test: &TestApp) -> Vec<String> {
    let request = Request::get("/.well-known/jwks.json")
        .body(Body::empty())
        .expect("a request");
    let answer = test.send(request).await;
    let keys = answer.json["keys"].as_array().expect("a list").clone();
    keys.iter()
        .map(|key| key["kid"].as_str().expect("a name").to_owned())
        .collect()
}

/// The name of the key that signed the client's token.
fn kid(token: &str) -> String {
    decode_header(token).expect("a header").kid.expect("a name")
}

async fn is_in(client: &Client<'_>) -> bool {
    client.run("Viewer", json!({})).await.status == StatusCode::OK
}

async fn states(app: &App) -> Vec<(String, KeyState)> {
    let keys = signing_key::list(app, &Actor::operator()).await.expect("the list");
    keys.into_iter().map(|key| (key.kid, key.state)).collect()
}

/// Rotates by the command, and returns the key that signs then.
async fn rotated(app: &App, handover: Handover) -> Listed {
    rotate(app, &Actor::operator(), handover).await.expect("a key")
}

/// Another copy of Rumbo on the same database, with the same clock.
async fn another_copy(test: &TestApp) -> App {
    let settings = (*test.app.settings).clone();
    let copy = App::new(settings, Clock::fixed(test.now())).await.expect("a copy");
    App {
        clock: test.app.clock.clone(),
        ..copy
    }
}

/// Nobody in particular, for tokens that only the signature of matters.
fn somebody() -> Bearer {
    Bearer {
        person: PersonId(uuid::Uuid::from_u128(5)),
        session: SessionId(uuid::Uuid::from_u128(6)),
    }
}

/// A token that an application signs for somebody.
async fn signed(app: &App) -> String {
    app.access_token(app.db.read(), somebody()).await.expect("a token")
}

#[tokio::test]
async fn others_check_our_tokens_with_what_is_published() {
    let test = TestApp::new().await;
    let ana = test.person("Ana").await;
    let request = || {
        Request::get("/.well-known/jwks.json")
            .body(Body::empty())
            .expect("a request")
    };
    let answer = test.send(request()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/jwk-set+json");
    assert_eq!(answer.headers[header::CACHE_CONTROL], "public, max-age=60");
    assert_eq!(answer.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    let members: Vec<&String> = answer.json["keys"][0].as_object().expect("a key").keys().collect();
    assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x"], "nothing private");

    let set: JwkSet = serde_json::from_str(&answer.body).expect("a set of keys");
    let token = ana.token().expect("a token");
    let key = set.find(&kid(token)).expect("the key of the token");
    let mut rules = Validation::new(Algorithm::EdDSA);
    rules.set_issuer(&["rumbo"]);
    rules.set_audience(&["rumbo"]);
    rules.validate_exp = false;
    let key = DecodingKey::from_jwk(key).expect("a key");
    let read = jsonwebtoken::decode::<Value>(token, &key, &rules).expect("a token of ours");
    assert_eq!(read.claims["sub"], ana.person.expect("a person").to_string());
    assert_eq!(read.header.typ.as_deref(), Some("at+jwt"));

    let post = Request::post("/.well-known/jwks.json")
        .body(Body::empty())
        .expect("a request");
    assert_eq!(test.send(post).await.status, 405);
    let before = test.app.db.statements();
    for _ in 0..20 {
        assert_eq!(test.send(request()).await.status, 200);
    }
    assert_eq!(test.app.db.statements(), before, "asking costs the database nothing");
}

#[tokio::test]
async fn a_new_key_signs_and_the_old_one_verifies_until_its_last_token_has_died() {
    let test = TestApp::new().await;
    let ana = test.person("Ana").await;
    let old = kid(ana.token().expect("a token"));
    let signing = rotated(&test.app, Handover::Gentle).await;
    assert_eq!(
        states(&test.app).await,
        [
            (old.clone(), KeyState::Verifying),
            (signing.kid.clone(), KeyState::Signing)
        ]
    );
    assert_eq!(key_set(&test).await, [old.clone(), signing.kid.clone()]);
    assert!(is_in(&ana).await);
    let again = ana.again().await;
    assert_eq!(kid(again.token().expect("a token")), signing.kid);
    assert!(is_in(&again).await);

    let rows = store::signing_key::all(test.app.db.read()).await.expect("keys");
    let kept: Vec<bool> = rows.iter().map(|row| row.private_key.is_some()).collect();
    assert_eq!(kept, [false, true], "what signs no more is not kept");
    assert_eq!(
        rows[0].verifies_until,
        Some(last_use(test.now(), TimeDelta::minutes(10)))
    );

    test.pass(TimeDelta::seconds(604));
    assert!(is_in(&ana).await, "the last token of the old key");
    test.pass(TimeDelta::seconds(2));
    assert!(!is_in(&ana).await);
    assert_eq!(key_set(&test).await, [signing.kid]);
}

#[tokio::test]
async fn a_key_that_was_published_ahead_signs_next() {
    let test = TestApp::new().await;
    let operator = Actor::operator();
    let ahead = create(&test.app, &operator).await.expect("a key");
    assert_eq!(ahead.state, KeyState::Next);
    let later = create(&test.app, &operator).await.expect("another key");
    let ours = Forger::ours().kid();
    assert_eq!(key_set(&test).await, [ours, ahead.kid.clone(), later.kid.clone()]);
    let ana = test.person("Ana").await;
    assert_ne!(kid(ana.token().expect("a token")), ahead.kid, "it does not sign yet");
    assert_eq!(rotated(&test.app, Handover::Gentle).await.kid, ahead.kid, "the oldest");
    assert_eq!(rotated(&test.app, Handover::Gentle).await.kid, later.kid);
    let states: Vec<KeyState> = states(&test.app).await.into_iter().map(|(_, state)| state).collect();
    assert_eq!(states, [KeyState::Verifying, KeyState::Verifying, KeyState::Signing]);
    assert!(is_in(&ana).await);
}

#[tokio::test]
async fn in_an_emergency_everything_of_before_is_dead_at_the_next_request() {
    let test = TestApp::new().await;
    let ana = test.person("Ana").await;
    test.password_of(&ana).await;
    let input = json!({ "input": { "email": ana.email, "password": TestApp::PASSWORD } });
    let signed_in = test.anonymous().run("SignIn", input).await;
    let (access, refresh) = (
        signed_in.text("signIn.session.accessToken"),
        signed_in.text("signIn.session.refreshToken"),
    );
    let client = ana.bearing(&access);
    create(&test.app, &Actor::operator()).await.expect("a key ahead");
    rotated(&test.app, Handover::Gentle).await;
    create(&test.app, &Actor::operator()).await.expect("a key ahead");
    assert!(is_in(&client).await);

    let signing = rotated(&test.app, Handover::AtOnce).await;
    assert!(!is_in(&client).await);
    assert_eq!(key_set(&test).await, [signing.kid.as_str()]);
    let states: Vec<KeyState> = states(&test.app).await.into_iter().map(|(_, state)| state).collect();
    assert_eq!(
        states,
        [
            KeyState::Retired,
            KeyState::Retired,
            KeyState::Retired,
            KeyState::Signing
        ]
    );
    let next = test
        .anonymous()
        .run("RefreshSession", json!({ "input": { "refreshToken": refresh } }))
        .await;
    let access = next.text("refreshSession.session.accessToken");
    assert_eq!(kid(&access), signing.kid);
    assert!(
        is_in(&ana.bearing(&access)).await,
        "people carry on with their refresh tokens"
    );
}

#[tokio::test]
async fn one_key_is_retired_and_replaced_where_it_signs() {
    let test = TestApp::new().await;
    let operator = Actor::operator();
    let first = Forger::ours().kid();
    let spoilt = create(&test.app, &operator).await.expect("a key ahead").kid;
    let spare = create(&test.app, &operator).await.expect("a key ahead").kid;
    assert!(
        retire(&test.app, &operator, &spoilt)
            .await
            .expect("it is retired")
            .is_none()
    );
    let ana = test.person("Ana").await;
    let successor = retire(&test.app, &operator, &first).await.expect("it is retired");
    assert_eq!(
        successor.map(|key| (key.kid, key.state)),
        Some((spare.clone(), KeyState::Signing))
    );
    assert!(!is_in(&ana).await);
    let ana = ana.again().await;
    let successor = rotated(&test.app, Handover::Gentle).await.kid;
    assert!(is_in(&ana).await, "it verifies");
    assert!(
        retire(&test.app, &operator, &spare)
            .await
            .expect("it is retired")
            .is_none()
    );
    assert!(!is_in(&ana).await);
    for unknown in [spoilt.as_str(), spare.as_str(), "", "nobody"] {
        let refused = retire(&test.app, &operator, unknown).await;
        assert!(matches!(refused, Err(Error::NotFound(_))), "{unknown}");
    }
    assert_eq!(key_set(&test).await, [successor.as_str()]);
    let last = retire(&test.app, &operator, &successor).await.expect("it is retired");
    assert_eq!(key_set(&test).await, [last.expect("a new key").kid]);
    assert!(test.violations().await.is_empty());
}

#[tokio::test]
async fn only_the_machine_itself_changes_keys() {
    let test = TestApp::new().await;
    let actor = Actor::anonymous(rumbo::domain::language::Language::En);
    for refused in [
        create(&test.app, &actor).await.map(drop),
        rotate(&test.app, &actor, Handover::Gentle).await.map(drop),
        retire(&test.app, &actor, &Forger::ours().kid()).await.map(drop),
        signing_key::list(&test.app, &actor).await.map(drop),
    ] {
        assert!(matches!(refused, Err(Error::Unauthenticated)), "{refused:?}");
    }
    assert_eq!(states(&test.app).await.len(), 1);
}

#[tokio::test]
async fn who_changed_the_keys_is_written_down() {
    let test = TestApp::new().await;
    let work = async {
        create(&test.app, &Actor::operator()).await.expect("a key ahead");
        rotated(&test.app, Handover::Gentle).await;
        retire(&test.app, &Actor::operator(), &Forger::ours().kid())
            .await
            .expect("retired");
    };
    from_origin(Origin::command("admin"), work).await;
    let entries = store::audit::Entity::find()
        .filter(store::audit::Column::Action.eq("manage_keys"))
        .order_by_asc(store::audit::Column::Id)
        .all(test.app.db.read())
        .await
        .expect("entries");
    let rows = store::signing_key::all(test.app.db.read()).await.expect("keys");
    let (ours, ahead) = (rows[0].id.0, rows[1].id.0);
    let told: Vec<_> = entries
        .iter()
        .map(|entry| {
            assert_eq!((entry.actor_id, entry.subject_kind.as_str()), (None, "signing_key"));
            assert_eq!(entry.via.as_deref(), Some("command"));
            assert_eq!(entry.request.as_deref(), Some("rumbo admin"));
            (entry.subject_id.expect("a key"), entry.reason.as_deref().expect("what"))
        })
        .collect();
    assert_eq!(
        told,
        [
            (ahead, "made, and published ahead"),
            (ours, "signs no more, and verifies until its last token has died"),
            (ahead, "signs"),
            (ours, "retired"),
        ]
    );
    let ada = test.administrator().await;
    let page = ada
        .run(
            "AuditEntries",
            json!({ "first": 10, "filter": { "actions": ["manage_keys"] } }),
        )
        .await;
    let shown = page.at("auditEntries.nodes").as_array().expect("a list").clone();
    assert_eq!(shown.len(), 4);
    assert_eq!(shown[0]["subjectId"], rows[0].id.to_string());
}

#[tokio::test]
async fn another_copy_takes_note_within_a_second_and_no_forged_name_drains_the_database() {
    let test = TestApp::new().await;
    let copy = another_copy(&test).await;
    let old = signed(&test.app).await;
    copy.bearer(&old).await.expect("a token of ours");
    let cost = async |token: &str| {
        let before = copy.db.statements();
        let read = copy.bearer(token).await.is_ok();
        (read, copy.db.statements() - before)
    };
    assert_eq!(cost(&old).await, (true, 0), "what is known costs nothing");

    // A new key is known at once, by its first token.
    rotated(&test.app, Handover::Gentle).await;
    let new = signed(&test.app).await;
    assert_eq!(cost(&new).await, (true, 1));
    assert_eq!(cost(&new).await, (true, 0));
    // But not more often than once a second.
    rotated(&test.app, Handover::Gentle).await;
    let newer = signed(&test.app).await;
    assert_eq!(cost(&newer).await, (false, 0));
    for number in 0..200_u8 {
        let mut seed = [number; 32];
        seed[0] = 1;
        let intruder = Forger::with(seed);
        assert_eq!(cost(&intruder.sign(&intruder.header(), "{}")).await, (false, 0));
    }
    test.pass(TimeDelta::seconds(1));
    assert_eq!(cost(&newer).await, (true, 1), "the second is over");

    // A retired one is dead after a second.
    rotated(&test.app, Handover::AtOnce).await;
    test.pass(TimeDelta::milliseconds(999));
    assert_eq!(cost(&newer).await, (true, 0));
    test.pass(TimeDelta::milliseconds(1));
    let before = copy.db.statements();
    assert!(copy.bearer(&newer).await.is_err());
    assert!(copy.db.statements() - before <= 2, "read, and once more for the name");
    let newest = signed(&copy).await;
    test.app.bearer(&newest).await.expect("both sign with the same key");
}

/// Asks, and hangs up while the answer is awaited.
async fn hang_up<T>(asked: impl Future<Output = T>) {
    tokio::select! {
        biased;
        _ = asked => {}
        () = std::future::ready(()) => {}
    }
}

#[tokio::test]
async fn who_hangs_up_while_the_keys_are_read_keeps_no_stale_ones_alive() {
    let test = TestApp::new().await;
    let copy = another_copy(&test).await;
    let old = signed(&test.app).await;
    copy.bearer(&old).await.expect("a token of ours");
    rotated(&test.app, Handover::AtOnce).await;
    // What the copy read was believed for a moment, which is over.
    test.pass(TimeDelta::seconds(1));
    for _ in 0..3 {
        hang_up(copy.bearer(&old)).await;
    }
    assert!(copy.bearer(&old).await.is_err(), "the key was retired a second ago");

    // Nor does it keep out who comes with the name of a new key.
    test.pass(TimeDelta::seconds(1));
    let present = signed(&test.app).await;
    copy.bearer(&present).await.expect("the key of now");
    rotated(&test.app, Handover::Gentle).await;
    let new = signed(&test.app).await;
    hang_up(copy.bearer(&new)).await;
    copy.bearer(&new).await.expect("the keys are read once more");
}

#[tokio::test]
async fn of_many_who_bring_a_new_name_at_once_one_asks_and_all_are_in() {
    let test = TestApp::new().await;
    let copy = another_copy(&test).await;
    let old = signed(&test.app).await;
    copy.bearer(&old).await.expect("a token of ours");
    rotated(&test.app, Handover::Gentle).await;
    let new = signed(&test.app).await;
    let before = copy.db.statements();
    let all = join_all((0..50).map(|_| copy.bearer(&new))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(copy.db.statements() - before, 1);
}

#[tokio::test]
async fn of_many_who_rotate_at_once_one_key_signs() {
    let test = Arc::new(TestApp::new().await);
    let copies = join_all((0..8).map(|_| another_copy(&test))).await;
    let tasks = copies
        .into_iter()
        .map(|copy| tokio::spawn(async move { rotate(&copy, &Actor::operator(), Handover::Gentle).await.map(drop) }));
    for outcome in join_all(tasks).await {
        outcome.expect("a task").expect("another key");
    }
    let states = states(&test.app).await;
    assert_eq!(states.len(), 9);
    let signing = states.iter().filter(|(_, state)| *state == KeyState::Signing).count();
    assert_eq!(signing, 1);
    assert!(test.violations().await.is_empty());
}

/// An application whose database has no key.
async fn without_key(change: impl FnOnce(&mut Settings)) -> TestApp {
    let test = TestApp::having(change).await;
    let tx = test.app.db.write().await.expect("a transaction");
    store::signing_key::Entity::delete_many()
        .exec(&tx)
        .await
        .expect("no key");
    tx.commit().await.expect("a commit");
    test.app.keyring.forget();
    test
}

#[tokio::test]
async fn the_first_key_is_made_at_the_start_but_in_production() {
    let test = without_key(|_| ()).await;
    prepare(&test.app).await.expect("a key is made");
    prepare(&test.app).await.expect("there is one");
    let copy = another_copy(&test).await;
    prepare(&copy).await.expect("there is one");
    assert_eq!(states(&test.app).await.len(), 1);
    let ana = test.person("Ana").await;
    assert!(is_in(&ana).await);

    let production = |settings: &mut Settings| settings.profile = Profile::Production;
    let test = without_key(production).await;
    let refused = prepare(&test.app).await.expect_err("no key").to_string();
    assert!(refused.contains("rumbo admin keys create"), "{refused}");
    let first = create(&test.app, &Actor::operator()).await.expect("the first key");
    assert_eq!(first.state, KeyState::Signing);
    prepare(&test.app).await.expect("a key signs");
}

#[tokio::test]
async fn a_key_under_another_secret_is_refused_in_production_and_replaced_elsewhere() {
    let other = || Secret::new("another secret of the tests, 32 bytes or longer");
    let test = TestApp::having(|settings| {
        settings.auth.secret = other();
        settings.profile = Profile::Production;
    })
    .await;
    let refused = prepare(&test.app).await.expect_err("it does not open").to_string();
    assert!(
        refused.contains("another auth.secret") && refused.contains("rotate --now"),
        "{refused}"
    );
    rotated(&test.app, Handover::AtOnce).await;
    prepare(&test.app).await.expect("a key that opens");

    let test = TestApp::having(|settings| settings.auth.secret = other()).await;
    prepare(&test.app).await.expect("it is replaced");
    let states: Vec<KeyState> = states(&test.app).await.into_iter().map(|(_, state)| state).collect();
    assert_eq!(states, [KeyState::Retired, KeyState::Signing]);
}

/// A file of keys in PEM, the first of which signs.
fn write_keys(file: &Path, keys: &[&Forger]) {
    let blocks = keys.iter().map(|key| key.pem());
    std::fs::write(file, blocks.collect::<String>()).expect("the file is written");
}

#[tokio::test]
async fn a_mounted_file_is_rotated_by_replacing_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("keys.pem");
    let (first, second, third) = (Forger::with([1; 32]), Forger::with([2; 32]), Forger::with([3; 32]));
    write_keys(&file, &[&first]);
    let mounted = file.clone();
    let test = TestApp::having(|settings| settings.auth.keys_file = mounted).await;
    prepare(&test.app).await.expect("the file has a key");
    let ana = test.person("Ana").await;
    assert_eq!(kid(ana.token().expect("a token")), first.kid());
    assert!(is_in(&ana).await);

    // The next one is published ahead, then signs; the old one is taken out when its tokens have died.
    write_keys(&file, &[&first, &second]);
    test.pass(TimeDelta::seconds(1));
    assert_eq!(key_set(&test).await, [first.kid(), second.kid()]);
    write_keys(&file, &[&second, &first]);
    test.pass(TimeDelta::seconds(1));
    assert!(is_in(&ana).await);
    let again = ana.again().await;
    assert_eq!(kid(again.token().expect("a token")), second.kid());
    assert!(is_in(&again).await);

    for half in ["", "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2Vw", "nonsense"] {
        std::fs::write(&file, half).expect("the file is written");
        test.pass(TimeDelta::seconds(1));
        assert!(is_in(&again).await, "a file that is no good changes nothing: {half:?}");
    }
    std::fs::remove_file(&file).expect("the file is removed");
    test.pass(TimeDelta::seconds(1));
    assert!(is_in(&again).await, "neither does one that is gone");

    write_keys(&file, &[&third]);
    test.pass(TimeDelta::seconds(1));
    assert!(
        !is_in(&again).await && !is_in(&ana).await,
        "an emergency: a file without the old ones"
    );
    assert_eq!(states(&test.app).await, [(third.kid(), KeyState::Signing)]);
    for refused in [
        create(&test.app, &Actor::operator()).await.map(drop),
        rotate(&test.app, &Actor::operator(), Handover::AtOnce).await.map(drop),
        retire(&test.app, &Actor::operator(), &third.kid()).await.map(drop),
    ] {
        let refused = refused.expect_err("the file is the operator's").to_string();
        assert!(refused.contains("replace the file"), "{refused}");
    }
}

#[tokio::test]
async fn a_mounted_file_without_a_key_is_refused_at_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("keys.pem");
    let settings = {
        let test = TestApp::new().await;
        (*test.app.settings).clone()
    };
    std::fs::write(&file, "no key").expect("the file is written");
    for path in [file, folder.path().join("nowhere.pem")] {
        let mut settings = settings.clone();
        settings.auth.keys_file.clone_from(&path);
        settings.database.url = Secret::new(format!("sqlite://{}", folder.path().join("a.sqlite").display()));
        let app = App::new(settings, Clock::fixed(chrono::DateTime::UNIX_EPOCH))
            .await
            .expect("an application");
        let refused = prepare(&app).await.expect_err("no key").to_string();
        assert!(
            refused.contains("auth.keys_file") && refused.contains(&path.display().to_string()),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn the_commands_say_what_they_did_and_nothing_secret() {
    let test = TestApp::new().await;
    let mut out = Vec::new();
    for what in [
        Keys::Create,
        Keys::Rotate { now: false },
        Keys::List,
        Keys::Rotate { now: true },
    ] {
        run(&test.app, what, &mut out).await.expect("it is done");
    }
    let states_before = states(&test.app).await;
    let (signing, _) = states_before.last().expect("a key");
    run(&test.app, Keys::Retire { kid: signing.clone() }, &mut out)
        .await
        .expect("it is done");
    let said = String::from_utf8(out).expect("UTF-8");
    for line in [
        " is made: next.\n",
        " signs.\n",
        "verifying  1970-01-01T00:00:00Z",
        &format!("{signing} is retired. "),
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let seed = data_encoding::BASE64.encode(b"the key of the tests signs here.");
    let shown = format!("{said}{:?}{}", test.app, test.app.settings.printable().expect("TOML"));
    for secret in [
        seed.as_str(),
        "the key of the tests signs",
        test.app.settings.auth.secret.reveal(),
    ] {
        assert!(!shown.contains(secret), "{secret}");
    }
    let weak = TestApp::having(|settings| settings.auth.secret = Secret::new("short")).await;
    let refused = run(&weak.app, Keys::Create, &mut Vec::new())
        .await
        .expect_err("no secret")
        .to_string();
    assert!(refused.contains("auth.secret"), "{refused}");
}
