//! The WebSocket: the protocol `graphql-transport-ws` sentence by sentence, spoken by a client of our own.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use rumbo::auth::token::{self, Kind};
use rumbo::domain::policy::scopes::{Scopes, TokenScope};
use rumbo::store::{Engine, api_token as tokens, declaration, session};
use sea_orm::{ConnectionTrait, EntityTrait, PaginatorTrait};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::support::app::TestApp;
use crate::support::program;

const PROTOCOL: (&str, &str) = ("sec-websocket-protocol", "graphql-transport-ws");
const HEAD: Duration = Duration::from_secs(10);
const MEASURES: &str = "{ measures { measure } }";

/// A client's end of a connection.
pub(crate) struct Peer {
    pub(crate) stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Stops the server.
    pub(crate) stop: watch::Sender<bool>,
}

/// Opens a connection with these headers; the status where it is refused.
async fn open(test: &TestApp, headers: &[(&'static str, &str)]) -> Result<Peer, u16> {
    open_at(test, "/graphql", headers).await
}

async fn open_at(test: &TestApp, path: &str, headers: &[(&'static str, &str)]) -> Result<Peer, u16> {
    let (address, stop) = test.listen(HEAD).await;
    dial(address, stop, path, headers).await
}

async fn dial(
    address: SocketAddr,
    stop: watch::Sender<bool>,
    path: &str,
    headers: &[(&'static str, &str)],
) -> Result<Peer, u16> {
    let mut request = format!("ws://{address}{path}")
        .into_client_request()
        .expect("a request");
    for (name, value) in headers {
        let value = value.replace("{address}", &address.to_string());
        request.headers_mut().insert(*name, value.parse().expect("a value"));
    }
    match connect_async(request).await {
        Ok((stream, _)) => Ok(Peer { stream, stop }),
        Err(Error::Http(response)) => Err(response.status().as_u16()),
        Err(failure) => panic!("{failure}"),
    }
}

/// A connection that speaks the protocol.
async fn peer(test: &TestApp) -> Peer {
    open(test, &[PROTOCOL])
        .await
        .unwrap_or_else(|status| panic!("refused: {status}"))
}

/// One that has introduced itself.
pub(crate) async fn introduced(test: &TestApp, token: Option<&str>) -> Peer {
    introduce(peer(test).await, token).await
}

/// The same with a server of its own.
pub(crate) async fn introduced_at(address: SocketAddr, stop: watch::Sender<bool>, token: Option<&str>) -> Peer {
    let peer = dial(address, stop, "/graphql", &[PROTOCOL]).await;
    introduce(peer.unwrap_or_else(|status| panic!("refused: {status}")), token).await
}

async fn introduce(mut peer: Peer, token: Option<&str>) -> Peer {
    let payload = token.map(|token| json!({ "authorization": format!("Bearer {token}") }));
    peer.say(json!({ "type": "connection_init", "payload": payload })).await;
    assert_eq!(peer.hear().await, json!({ "type": "connection_ack" }));
    peer
}

impl Peer {
    pub(crate) async fn say(&mut self, message: Value) {
        self.say_text(&message.to_string()).await;
    }

    async fn say_text(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.expect("it is sent");
    }

    pub(crate) async fn ask(&mut self, id: &str, document: &str) {
        self.say(json!({ "type": "subscribe", "id": id, "payload": { "query": document } }))
            .await;
    }

    /// The next message.
    pub(crate) async fn hear(&mut self) -> Value {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => return serde_json::from_str(text.as_str()).expect("JSON"),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("no message: {other:?}"),
            }
        }
    }

    /// The code with which the server closes, after whatever it still says.
    pub(crate) async fn close(&mut self) -> u16 {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Close(Some(frame)))) => return frame.code.into(),
                Some(Ok(_)) => {}
                other => panic!("no close: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn who_speaks_another_protocol_is_closed_with_4406() {
    let test = TestApp::new().await;
    let mut other = open(&test, &[]).await.unwrap_or_else(|status| panic!("{status}"));
    assert_eq!(other.close().await, 4406);
}

#[tokio::test]
async fn who_does_not_introduce_themself_is_closed_with_4408() {
    let test = TestApp::with(&[("socket.init_milliseconds", "100")]).await;
    let mut silent = peer(&test).await;
    assert_eq!(silent.close().await, 4408);
    let mut pinging = peer(&test).await;
    pinging.say(json!({ "type": "ping" })).await;
    assert_eq!(
        pinging.hear().await,
        json!({ "type": "pong" }),
        "a ping is allowed before"
    );
    assert_eq!(pinging.close().await, 4408, "and introduces nobody");
}

#[tokio::test]
async fn two_introductions_are_closed_with_4429() {
    let test = TestApp::new().await;
    let mut twice = introduced(&test, None).await;
    twice.say(json!({ "type": "connection_init" })).await;
    assert_eq!(twice.close().await, 4429);
    let mut at_once = peer(&test).await;
    at_once.say(json!({ "type": "connection_init" })).await;
    at_once.say(json!({ "type": "connection_init" })).await;
    assert_eq!(at_once.close().await, 4429);
}

#[tokio::test]
async fn who_asks_before_the_introduction_is_closed_with_4401() {
    let test = TestApp::new().await;
    let mut hasty = peer(&test).await;
    hasty.ask("1", MEASURES).await;
    assert_eq!(hasty.close().await, 4401);
}

#[tokio::test]
async fn credentials_that_are_not_valid_are_closed_with_4403() {
    let test = TestApp::new().await;
    for authorization in [json!("Bearer nonsense"), json!("Basic YTpi"), json!(""), json!(7)] {
        let mut wrong = peer(&test).await;
        wrong
            .say(json!({ "type": "connection_init", "payload": { "authorization": authorization } }))
            .await;
        assert_eq!(wrong.close().await, 4403, "{authorization}");
    }
}

#[tokio::test]
async fn what_is_no_message_is_closed_with_4400() {
    let test = TestApp::new().await;
    for text in [
        "",
        "hello",
        "7",
        "{}",
        r#"{"type":"connection_ack"}"#,
        r#"{"type":"start"}"#,
        r#"{"type":"complete"}"#,
    ] {
        let mut odd = introduced(&test, None).await;
        odd.say_text(text).await;
        assert_eq!(odd.close().await, 4400, "{text}");
        let mut odd = peer(&test).await;
        odd.say_text(text).await;
        assert_eq!(odd.close().await, 4400, "{text}, before the introduction");
    }
    let mut binary = introduced(&test, None).await;
    binary
        .stream
        .send(Message::binary(vec![1, 2, 3]))
        .await
        .expect("it is sent");
    assert_eq!(binary.close().await, 4400);
}

#[tokio::test]
async fn a_message_that_is_too_long_is_closed_with_1009() {
    let test = TestApp::with(&[("socket.message_bytes", "2000")]).await;
    let mut long = introduced(&test, None).await;
    long.ask("1", &"#".repeat(3000)).await;
    assert_eq!(long.close().await, 1009);
}

#[tokio::test]
async fn what_the_protocol_below_does_not_have_is_closed_with_its_code() {
    let test = TestApp::new().await;
    // The payloads are masked with zeros, which leave them as they are.
    let frames: [(&str, &[u8], u16); 6] = [
        ("a text that is no UTF-8", &[0x81, 0x82, 0, 0, 0, 0, 0xC3, 0x28], 1007),
        ("a frame without a mask", &[0x81, 0x02, b'{', b'}'], 1002),
        ("an opcode that nobody uses", &[0x83, 0x80, 0, 0, 0, 0], 1002),
        ("the same of a control frame", &[0x8B, 0x80, 0, 0, 0, 0], 1002),
        ("a reserved bit", &[0xC1, 0x80, 0, 0, 0, 0], 1002),
        ("a rest of nothing", &[0x80, 0x80, 0, 0, 0, 0], 1002),
    ];
    for (name, frame, code) in frames {
        let mut peer = introduced(&test, None).await;
        let MaybeTlsStream::Plain(line) = peer.stream.get_mut() else {
            unreachable!("it is the loopback")
        };
        line.write_all(frame).await.expect("it is sent");
        assert_eq!(peer.close().await, code, "{name}");
    }
}

#[tokio::test]
async fn a_connection_with_a_token_in_its_url_is_refused() {
    let test = TestApp::new().await;
    let refresh = token::draw(Kind::Refresh).expect("a token");
    for query in ["access_token=abc".to_owned(), format!("x={refresh}"), refresh.clone()] {
        let refused = open_at(&test, &format!("/graphql?{query}"), &[PROTOCOL]).await;
        assert_eq!(refused.err(), Some(400), "{query}");
    }
    assert!(open_at(&test, "/graphql?x=1", &[PROTOCOL]).await.is_ok());
}

#[tokio::test]
async fn refusals_count_on_the_socket_too() {
    let test = TestApp::having(|settings| {
        settings.rates.enabled = true;
        settings.rates.anonymous.burst = 3;
        settings.rates.person.burst = 2;
    })
    .await;
    let ana = test.person("Ana").await;
    let mut own = introduced(&test, ana.token()).await;
    let mut nobody = introduced(&test, None).await;
    for (peer, most) in [(&mut own, 2), (&mut nobody, 3)] {
        for place in 0..=most {
            peer.ask("a", "{").await;
            let code = &peer.hear().await["payload"][0]["extensions"]["code"];
            let expected = if place < most {
                "GRAPHQL_PARSE_FAILED"
            } else {
                "RATE_LIMITED"
            };
            assert_eq!(code, expected, "{place} of {most}");
        }
    }
    let mut forged = peer(&test).await;
    forged
        .say(json!({ "type": "connection_init", "payload": { "authorization": "Bearer nonsense" } }))
        .await;
    assert_eq!(forged.close().await, 1013);
}

#[tokio::test]
async fn an_operation_is_answered_and_completed_and_its_name_is_free_again() {
    let test = TestApp::new().await;
    let eva = test.person("Eva").await;
    let mut peer = introduced(&test, eva.token()).await;
    for _ in 0..2 {
        peer.ask("a", "{ viewer { person { givenName } } }").await;
        let next = peer.hear().await;
        assert_eq!((&next["type"], &next["id"]), (&json!("next"), &json!("a")));
        assert_eq!(next["payload"]["data"]["viewer"]["person"]["givenName"], "Eva");
        assert_eq!(peer.hear().await, json!({ "type": "complete", "id": "a" }));
    }
    peer.say(json!({ "type": "subscribe", "id": "b", "payload": {
        "query": "query A { measures { measure } } query B($n: Int!) { editions(first: $n) { nodes { id } } }",
        "operationName": "B", "variables": { "n": 3 }, "extensions": null } }))
        .await;
    assert_eq!(
        peer.hear().await["payload"],
        json!({ "data": { "editions": { "nodes": [] } } })
    );
    assert_eq!(peer.hear().await["type"], "complete");
    peer.ask("c", "mutation { signOut { signedOut } }").await;
    assert_eq!(peer.hear().await["payload"]["data"]["signOut"]["signedOut"], true);
}

#[tokio::test]
async fn an_operation_that_cannot_run_is_an_error_and_the_connection_goes_on() {
    let test = TestApp::new().await;
    let mut peer = introduced(&test, None).await;
    for document in ["{ nonsense }", "{ measures(", "", "subscription { x }"] {
        peer.ask("a", document).await;
        let error = peer.hear().await;
        assert_eq!(
            (&error["type"], &error["id"]),
            (&json!("error"), &json!("a")),
            "{error}"
        );
        assert!(error["payload"][0]["extensions"]["code"].is_string(), "{error}");
    }
    // A failure of a field is an answer, with the same code as over HTTP.
    let (document, code) = ("{ myEnrolments(first: 1) { nodes { id } } }", "UNAUTHENTICATED");
    assert_eq!(test.anonymous().query(document, json!({})).await.refusal(), code);
    peer.ask("a", document).await;
    let next = peer.hear().await;
    assert_eq!(next["payload"]["errors"][0]["extensions"]["code"], code, "{next}");
}

#[tokio::test]
async fn pings_are_answered_with_what_they_bring() {
    let test = TestApp::new().await;
    let mut peer = introduced(&test, None).await;
    peer.say(json!({ "type": "ping", "payload": { "a": [1] } })).await;
    assert_eq!(peer.hear().await, json!({ "type": "pong", "payload": { "a": [1] } }));
    peer.say(json!({ "type": "pong" })).await;
    peer.say(json!({ "type": "ping" })).await;
    assert_eq!(peer.hear().await, json!({ "type": "pong" }), "an unasked pong is fine");
}

#[tokio::test]
async fn a_name_is_taken_as_long_as_its_operation_runs() {
    let test = TestApp::with(&[("socket.operations", "2")]).await;
    let tx = test.app.db.write().await.expect("a transaction");
    // On SQLite whoever writes has to wait for this transaction anyhow.
    let lock = match test.app.db.engine() {
        Engine::Sqlite => "SELECT 1",
        Engine::Postgres => "LOCK TABLE account_request IN SHARE MODE",
    };
    tx.execute_unprepared(lock).await.expect("a lock");
    let slow = "mutation { refreshSession(input: { refreshToken: \"x\" }) { userErrors { code } } }";
    let register = "mutation { registerPerson(input: { email: \"a@example.org\", givenName: \"A\", familyName: \"B\",
        language: EN, timeZone: \"UTC\", password: \"tortuga verde en mayo\" }) { accepted } }";
    let mut peer = introduced(&test, None).await;
    peer.ask("a", register).await;
    peer.ask("b", register).await;
    peer.ask("c", slow).await;
    let refused = peer.hear().await;
    assert_eq!(
        (&refused["type"], &refused["id"]),
        (&json!("error"), &json!("c")),
        "{refused}"
    );
    assert_eq!(refused["payload"][0]["extensions"]["code"], "RATE_LIMITED");
    peer.say(json!({ "type": "complete", "id": "b" })).await;
    peer.ask("c", MEASURES).await;
    assert_eq!(peer.hear().await["id"], "c", "a place is free again");
    assert_eq!(peer.hear().await, json!({ "type": "complete", "id": "c" }));
    peer.ask("a", MEASURES).await;
    assert_eq!(peer.close().await, 4409);
    tx.rollback().await.expect("a rollback");
}

#[tokio::test]
async fn a_session_that_ends_closes_its_connections_within_a_second() {
    let test = TestApp::new().await;
    let eva = test.person("Eva").await;
    let mut peer = introduced(&test, eva.token()).await;
    let begun = Instant::now();
    let tx = test.app.db.write().await.expect("a transaction");
    session::revoke_all(&tx, eva.person.expect("a person"), None, test.now())
        .await
        .expect("it ends");
    tx.commit().await.expect("a commit");
    assert_eq!(peer.close().await, 4403);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_program_connects_with_its_token_and_is_held_to_its_scopes() {
    let test = TestApp::new().await;
    let eva = test.person("Eva").await;
    let secret = program::secret(&test, &eva, Scopes::of([TokenScope::ReadAccount])).await;
    let mut peer = introduced(&test, Some(&secret)).await;
    peer.ask("a", "{ viewer { roles { role } } }").await;
    assert_eq!(peer.hear().await["payload"]["data"]["viewer"]["roles"], json!([]));
    assert_eq!(peer.hear().await["type"], "complete");
    peer.ask("b", "{ viewer { sessions(first: 1) { nodes { id } } } }")
        .await;
    let refused = peer.hear().await;
    assert_eq!((&refused["type"], &refused["id"]), (&json!("error"), &json!("b")));
    assert_eq!(
        refused["payload"][0]["extensions"]["code"], "INSUFFICIENT_SCOPE",
        "{refused}"
    );
    let begun = Instant::now();
    let tx = test.app.db.write().await.expect("a transaction");
    tokens::revoke_all(&tx, eva.person.expect("a person"), test.now())
        .await
        .expect("it ends");
    tx.commit().await.expect("a commit");
    assert_eq!(peer.close().await, 4403);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn an_operation_of_an_ended_session_does_not_run() {
    let test = TestApp::with(&[("socket.check_milliseconds", "60000")]).await;
    let eva = test.person("Eva").await;
    let mut peer = introduced(&test, eva.token()).await;
    eva.query("mutation { signOut { signedOut } }", json!({}))
        .await
        .at("signOut.signedOut");
    peer.ask("a", "{ viewer { person { givenName } } }").await;
    assert_eq!(peer.close().await, 4403);
}

#[tokio::test]
async fn pages_of_strangers_cannot_connect() {
    let test = TestApp::new().await;
    for origin in ["https://evil.example", "null", "http://127.0.0.1"] {
        assert_eq!(
            open(&test, &[PROTOCOL, ("origin", origin)]).await.err(),
            Some(403),
            "{origin}"
        );
    }
    for origin in ["http://{address}", "http://127.0.0.1:8080"] {
        assert!(open(&test, &[PROTOCOL, ("origin", origin)]).await.is_ok(), "{origin}");
    }
}

#[tokio::test]
async fn pages_of_the_origins_in_the_settings_can() {
    let friend = "https://front.example.org";
    let test = TestApp::having(|settings| settings.http.cors_origins = vec![friend.to_owned()]).await;
    assert!(open(&test, &[PROTOCOL, ("origin", friend)]).await.is_ok());
    for origin in [
        "http://front.example.org",
        "https://front.example.org:444",
        "https://other.example.org",
    ] {
        assert_eq!(
            open(&test, &[PROTOCOL, ("origin", origin)]).await.err(),
            Some(403),
            "{origin}"
        );
    }
}

#[tokio::test]
async fn connections_are_counted_by_person() {
    let test = TestApp::with(&[("socket.per_person", "1")]).await;
    let eva = test.person("Eva").await;
    let _first = introduced(&test, eva.token()).await;
    let mut second = peer(&test).await;
    let authorization = format!("Bearer {}", eva.token().expect("a token"));
    second
        .say(json!({ "type": "connection_init", "payload": { "authorization": authorization } }))
        .await;
    assert_eq!(second.close().await, 1013);
}

#[tokio::test]
async fn connections_are_counted_by_address() {
    let test = TestApp::with(&[("socket.per_address", "2")]).await;
    let _first = introduced(&test, None).await;
    let _second = introduced(&test, None).await;
    assert_eq!(open(&test, &[PROTOCOL]).await.err(), Some(429));
}

#[tokio::test]
async fn limits_hold_on_the_socket_too() {
    let test = TestApp::with(&[("rates.enabled", "true"), ("rates.anonymous.burst", "2")]).await;
    let mut peer = introduced(&test, None).await;
    peer.ask("a", "{ a: measures { measure } b: measures { measure } }")
        .await;
    assert_eq!(peer.hear().await["type"], "next");
    assert_eq!(peer.hear().await["type"], "complete");
    peer.ask("a", MEASURES).await;
    let refused = peer.hear().await;
    assert_eq!(refused["type"], "error");
    assert_eq!(refused["payload"][0]["extensions"]["code"], "RATE_LIMITED", "{refused}");
}

#[tokio::test]
async fn who_says_nothing_for_long_is_asked_and_then_left() {
    let test = TestApp::with(&[("socket.ping_seconds", "1")]).await;
    let mut peer = introduced(&test, None).await;
    let ping = peer.stream.next().await.expect("a frame").expect("a frame");
    assert!(matches!(ping, Message::Ping(_)), "{ping:?}");
}

#[tokio::test]
async fn a_mutation_is_repeated_under_the_key_in_its_extensions() {
    let test = TestApp::new().await;
    let ana = test.person("Ana").await;
    let mut peer = introduced(&test, ana.token()).await;
    let document =
        "mutation { stateDeclaration(input: { gender: FEMALE, constituentGroup: WORKERS }) { userErrors { code } } }";
    let mut answers = Vec::new();
    for (id, key) in [
        ("1", json!("k")),
        ("2", json!("k")),
        ("3", json!("a b")),
        ("4", json!(7)),
        ("5", json!(null)),
    ] {
        let payload = json!({ "query": document, "extensions": { "idempotencyKey": key } });
        peer.say(json!({ "type": "subscribe", "id": id, "payload": payload }))
            .await;
        let answer = peer.hear().await;
        if answer["type"] == "next" {
            assert_eq!(peer.hear().await, json!({ "type": "complete", "id": id }));
        }
        answers.push(answer);
    }
    assert_eq!(answers[0]["payload"]["data"], answers[1]["payload"]["data"]);
    assert_eq!(answers[0]["payload"]["extensions"], Value::Null);
    assert_eq!(
        answers[1]["payload"]["extensions"],
        json!({ "idempotencyReplayed": true })
    );
    for refused in &answers[2..4] {
        assert_eq!(refused["payload"][0]["extensions"]["code"], "IDEMPOTENCY_KEY_MALFORMED");
    }
    assert_eq!(
        answers[4]["payload"]["extensions"],
        Value::Null,
        "without a key it is done again"
    );
    let stated = declaration::Entity::find().count(test.app.db.read()).await;
    assert_eq!(stated.expect("a count"), 3, "one with the person, two by the mutation");
}
