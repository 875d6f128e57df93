//! A name for every request, and one log line for it.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::Request;
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;
use tower_http::request_id::{MakeRequestId, RequestId};
use tracing::Instrument;

use crate::clock::Clock;

/// Names the requests that come without a name.
#[derive(Clone)]
pub struct Maker(pub Arc<Clock>);

impl MakeRequestId for Maker {
    fn make_request_id<B>(&mut self, _: &axum::http::Request<B>) -> Option<RequestId> {
        let id = format!("req_{}", self.0.new_id().simple());
        HeaderValue::from_str(&id).ok().map(RequestId::new)
    }
}

/// Runs the request in a span with its name, and logs its outcome: no address, no body, no variables.
pub async fn log(request: Request, next: Next) -> Response {
    let name = request
        .extensions()
        .get::<RequestId>()
        .and_then(|id| id.header_value().to_str().ok())
        .unwrap_or_default();
    let span = tracing::info_span!("request", request.id = %name, http.method = %request.method(), http.path = %request.uri().path());
    let begun = Instant::now();
    async move {
        let response = next.run(request).await;
        let milliseconds = begun.elapsed().as_millis();
        tracing::info!(
            http.status = response.status().as_u16(),
            elapsed.ms = milliseconds,
            "answered"
        );
        response
    }
    .instrument(span)
    .await
}
