//! Over the WebSocket: it closes.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::Message;

use super::Workshop;
use crate::support::app::TestApp;

#[tokio::test]
async fn every_forged_token_closes_a_socket() {
    let test = TestApp::new().await;
    let ana = test.person("Ana").await;
    let workshop = Workshop::new(&test, &ana);
    let (address, _stop) = test.listen(Duration::from_secs(10)).await;
    let introduce = async |token: &str| {
        let mut request = format!("ws://{address}/graphql")
            .into_client_request()
            .expect("a request");
        let protocol = "graphql-transport-ws".parse().expect("a value");
        request.headers_mut().insert("sec-websocket-protocol", protocol);
        let (mut stream, _) = connect_async(request).await.expect("a connection");
        let payload = json!({ "authorization": format!("Bearer {token}") });
        let init = json!({ "type": "connection_init", "payload": payload }).to_string();
        stream.send(Message::text(init)).await.expect("it is sent");
        match stream.next().await {
            Some(Ok(Message::Text(said))) => said.to_string(),
            Some(Ok(Message::Close(Some(frame)))) => u16::from(frame.code).to_string(),
            other => panic!("neither a word nor a close: {other:?}"),
        }
    };
    let forgeries = workshop.all();
    for (number, (what, token)) in forgeries.iter().enumerate() {
        assert_eq!(introduce(token).await, "4403", "{what}: {token}");
        if number % 10 == 0 {
            let welcome = introduce(&workshop.good).await;
            assert_eq!(
                serde_json::from_str::<Value>(&welcome).expect("JSON"),
                json!({ "type": "connection_ack" })
            );
        }
    }
    eprintln!(
        "{} forged tokens over the WebSocket, each closed with 4403",
        forgeries.len()
    );
}
