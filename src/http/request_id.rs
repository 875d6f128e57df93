//! A name for every request, and one log line for it.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::Request;
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;
use tower_http::request_id::{MakeRequestId, RequestId};
use tracing::Instrument;

use super::{REQUEST_ID, calendar};
use crate::auth::unsubscribe::{PLACE, PREFIX};
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

/// The longest name that a caller may give.
const LONGEST: usize = 64;

/// Takes a name away that could be something else in a log or a header, so that the request gets one of ours.
pub async fn tidy(mut request: Request, next: Next) -> Response {
    let headers = request.headers();
    let mut names = headers.get_all(REQUEST_ID).iter();
    let is_name = |name: &HeaderValue| {
        let name = name.as_bytes();
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
        !name.is_empty() && name.len() <= LONGEST && name.iter().all(plain)
    };
    let is_fine = names.next().is_some_and(is_name) && names.next().is_none();
    if !is_fine {
        request.headers_mut().remove(REQUEST_ID);
    }
    next.run(request).await
}

/// The name of a request.
pub fn of(request: &Request) -> &str {
    request
        .extensions()
        .get::<RequestId>()
        .and_then(|id| id.header_value().to_str().ok())
        .unwrap_or_default()
}

/// A path as it may stand in a log: without what opens a calendar or ends messages, also where somebody mistyped what
/// stands before.
fn shown(path: &str) -> &str {
    let before = [calendar::PREFIX, PLACE];
    let known = before.iter().find(|before| path.starts_with(**before));
    let cut = known.map_or_else(
        || ["cal_", PREFIX].iter().filter_map(|secret| path.find(*secret)).min(),
        |before| Some(before.len()),
    );
    &path[..cut.unwrap_or(path.len())]
}

/// Runs the request in a span with its name, and logs its outcome: no address, no body, no variables.
pub async fn log(request: Request, next: Next) -> Response {
    let name = of(&request);
    let span = tracing::info_span!("request", request.id = %name, http.method = %request.method(), http.path = shown(request.uri().path()));
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

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex, PoisonError};

    use axum::Router;
    use axum::body::Body;
    use axum::middleware::from_fn;
    use tower::ServiceExt;

    use super::*;

    /// Keeps what is logged.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn what_opens_a_calendar_is_not_logged() {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || writer.clone())
            .finish();
        let quiet = tracing::subscriber::set_default(subscriber);
        let router = Router::new().layer(from_fn(log));
        for path in [
            "/calendar/cal_canary.ics",
            "/kalender/cal_canary",
            "/calendar/canary",
            "/unsubscribe/uns_canary",
            "/unsubscribe/canary",
            "/abmelden/uns_canary",
            "/health",
        ] {
            let request = Request::get(path).body(Body::empty()).expect("a request");
            router.clone().oneshot(request).await.expect("an answer");
        }
        drop(quiet);
        let logged = kept.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let logged = String::from_utf8(logged).expect("a text");
        assert!(logged.contains("/calendar/") && logged.contains("/health"), "{logged}");
        assert!(!logged.contains("canary"), "{logged}");
    }
}
