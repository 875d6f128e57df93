//! GraphQL over a WebSocket, by the protocol `graphql-transport-ws`: the way in.
//!
//! Operations go through the same limits, policy and errors as over HTTP. What differs is that somebody stays
//! connected: who it is is looked up again at every operation, and regularly between them. Subscriptions come this way
//! alone (`live`).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower_http::request_id::RequestId;

use self::connection::Connection;
use super::listen::Stop;
use super::{Shared, address, auth};
use crate::config::Http;
use crate::domain::id::PersonId;

mod connection;
mod live;
mod protocol;
mod wire;
mod work;

/// Who counts as one when connections and subscriptions are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Party {
    Network(IpAddr),
    Person(PersonId),
    /// A person whose subscriptions are counted.
    Follower(PersonId),
}

/// The open connections and subscriptions of this copy of Rumbo; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Open(Arc<Mutex<HashMap<Party, usize>>>);

/// One of them; it counts until this is dropped.
#[derive(Debug)]
struct Place(Open, Party);

impl Open {
    /// One more of a party; `None` when it has as many as it may.
    fn enter(&self, party: Party, most: usize) -> Option<Place> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(party).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Place(self.clone(), party))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.1);
            }
        }
    }
}

/// Takes requests for a WebSocket; lets all others pass.
pub async fn upgrade(
    State(shared): State<Shared>,
    asked: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    request: Request,
    next: Next,
) -> Response {
    let Ok(asked) = asked else {
        return next.run(request).await;
    };
    let settings = &shared.app.settings;
    let headers = request.headers();
    if !is_ours(headers, &settings.http) {
        return (StatusCode::FORBIDDEN, "This origin may not open a connection.\n").into_response();
    }
    let caller = address::of(request.extensions(), headers, &settings.http);
    let network = Party::Network(address::network(caller));
    let Some(place) = shared.open.enter(network, settings.socket.per_address) else {
        let wait = [(header::RETRY_AFTER, "1")];
        return (StatusCode::TOO_MANY_REQUESTS, wait, "Too many connections.\n").into_response();
    };
    let accept_language = headers
        .get(header::ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok());
    let id = request.extensions().get::<RequestId>();
    let id = id.and_then(|id| id.header_value().to_str().ok());
    let most = settings.socket.message_bytes;
    let connection = Connection::new(
        shared.clone(),
        caller,
        accept_language.map(ToOwned::to_owned),
        id.unwrap_or_default().to_owned(),
        auth::client(headers),
        place,
        request.extensions().get::<Stop>().cloned(),
    );
    asked
        .protocols([protocol::NAME])
        .max_message_size(most)
        .max_frame_size(most)
        .on_upgrade(|socket| connection.run(socket))
}

/// Whether a page of this origin may connect: our own, one of the settings, or no page at all. A browser lets
/// any page open a WebSocket, and says which it was.
fn is_ours(headers: &HeaderMap, settings: &Http) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let Some(origin) = origins.next() else { return true };
    let (Ok(origin), None) = (origin.to_str(), origins.next()) else {
        return false;
    };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let own = origin.split_once("://").map(|(_, host)| host);
    let public = settings.public_url.trim_end_matches('/');
    own.is_some() && own == host || origin == public || settings.cors_origins.iter().any(|known| known == origin)
}
