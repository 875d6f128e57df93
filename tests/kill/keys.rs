//! What was answered is there after a kill, and the key tells of everything else.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rumbo::store::{audit, idempotency, institution};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::operations::document;
use crate::support::server::{Server, exchange};

/// How often the server is killed.
const KILLS: usize = 6;
/// How many clients ask at the same time.
const CLIENTS: usize = 4;

/// What is asked under a key: an institution of that name.
async fn ask(address: SocketAddr, token: &str, key: &str) -> Option<String> {
    let input = json!({ "name": key, "country": "UY", "kind": "TRAINING_INSTITUTION" });
    let body = json!({
        "query": document("CreateInstitution"), "operationName": "CreateInstitution", "variables": { "input": input },
    });
    let head = format!("POST /graphql HTTP/1.1\r\nauthorization: Bearer {token}\r\nidempotency-key: {key}\r\n");
    exchange(address, &head, &body.to_string()).await
}

async fn sign_in(address: SocketAddr, email: &str) -> String {
    let body = json!({
        "query": document("SignIn"), "operationName": "SignIn",
        "variables": { "input": { "email": email, "password": TestApp::PASSWORD } },
    });
    let answer = exchange(address, "POST /graphql HTTP/1.1\r\n", &body.to_string()).await;
    let answer = answer.expect("an answer");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    let answer: Value = serde_json::from_str(body).expect("JSON");
    let token = answer
        .pointer("/data/signIn/session/accessToken")
        .and_then(Value::as_str);
    token.unwrap_or_else(|| panic!("{answer:#}")).to_owned()
}

/// The body of an answer that says that the institution was made.
fn made(answer: &str) -> &str {
    let (head, body) = answer.split_once("\r\n\r\n").expect("a body");
    assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(
        body.contains("\"ins_") && body.contains("\"userErrors\":[]"),
        "{answer}"
    );
    body
}

fn is_replayed(answer: &str) -> bool {
    answer.contains("\r\nidempotency-replayed: true\r\n")
}

/// Clients that go on asking, each under key after key, until the server is gone; all keys with what was answered.
async fn ask_until_gone(server: &mut Server, token: &str, round: usize) -> Vec<(String, Option<String>)> {
    let (next, answered) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let asked = Arc::new(Mutex::new(Vec::new()));
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let (address, token) = (server.address, token.to_owned());
        let (next, answered, asked) = (next.clone(), answered.clone(), asked.clone());
        clients.push(tokio::spawn(async move {
            loop {
                let key = format!("round-{round}-{}", next.fetch_add(1, Ordering::Relaxed));
                let answer = ask(address, &token, &key).await;
                let gone = answer.is_none();
                answered.fetch_add(1, Ordering::Relaxed);
                asked.lock().expect("no client panics").push((key, answer));
                if gone {
                    return;
                }
            }
        }));
    }
    let begun = Instant::now();
    while answered.load(Ordering::Relaxed) < 8 + 5 * round {
        assert!(begun.elapsed() < Duration::from_secs(30), "the server answers");
        tokio::time::sleep(Duration::from_micros(300)).await;
    }
    server.kill();
    for client in clients {
        client.await.expect("a client that ends");
    }
    asked.lock().expect("no client panics").clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_kill_every_key_tells_whether_it_was_done() {
    let test = TestApp::new().await;
    let administrator = test.administrator().await;
    test.password_of(&administrator).await;
    let url = test.database_url();
    let mut server = Server::start(&url, &[]).await;
    let token = sign_in(server.address, &administrator.email).await;
    let (mut keys, mut told, mut untold, mut absent) = (0, 0, 0, 0);
    for round in 0..KILLS {
        let asked = ask_until_gone(&mut server, &token, round).await;
        server = Server::start(&url, &[]).await;
        keys += asked.len();
        for (key, answer) in &asked {
            let again = ask(server.address, &token, key).await.expect("an answer");
            let body = made(&again);
            match answer {
                Some(first) => {
                    assert_eq!(made(first), body, "what was answered is there");
                    assert!(is_replayed(&again));
                    told += 1;
                }
                None if is_replayed(&again) => untold += 1,
                None => absent += 1,
            }
        }
    }
    eprintln!("{KILLS} kills, {keys} keys: {told} answered, {untold} done and not answered, {absent} not done");
    assert_eq!(
        absent + untold,
        KILLS * CLIENTS,
        "each client was in the middle of something"
    );
    let db = test.app.db.read();
    let count = |number: u64| usize::try_from(number).expect("a small number");
    let made = institution::Entity::find().count(db).await.expect("a count");
    assert_eq!(count(made), keys, "each was made once");
    let audited = audit::Entity::find().filter(audit::Column::Action.eq("manage_institutions"));
    assert_eq!(
        count(audited.count(db).await.expect("a count")),
        keys,
        "and is in the audit log once"
    );
    let kept = idempotency::Entity::find().count(db).await.expect("a count");
    assert_eq!(count(kept), keys);
    assert_eq!(test.violations().await, []);
}
