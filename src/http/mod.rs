//! HTTP: the router, its limits, and what stands around the GraphQL endpoint.

use std::time::Duration;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::CorsLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::request_id::{PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;

use crate::api::{self, Schema};
use crate::app::App;
use crate::config::{Explore, Settings};
use crate::error::{Error, KeyRefusal};

pub mod address;
pub mod auth;
mod body;
mod calendar;
mod change;
mod door;
pub mod execute;
pub mod files;
pub mod graphql;
mod health;
mod key_set;
mod limit;
pub mod listen;
mod patient;
mod request_id;
pub mod socket;
pub mod start;
mod unsubscribe;
mod url;

/// The header that names a request, in and out.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What handlers share.
#[derive(Clone)]
pub struct Shared {
    /// The application.
    pub app: App,
    /// The schema.
    pub schema: Schema,
    /// The places for operations that run.
    pub places: execute::Places,
    /// The documents that are known by an id.
    pub documents: graphql::documents::Documents,
    /// The API tokens that are known by sight.
    pub familiar: door::Familiar,
    /// Access tokens that were refused because their session has ended.
    pub ended: door::Familiar,
    /// The open sockets.
    pub open: socket::Open,
    /// What the start page offers; `None` when it is switched off.
    pub start: Option<start::StartPage>,
}

/// Every route of the server.
pub fn router(app: App, start: Option<start::StartPage>) -> Router {
    let settings = app.settings.clone();
    let limits = &settings.limits;
    let clock = app.clock.clone();
    let explore = settings.graphql.explore == Explore::Everyone;
    let shared = Shared {
        schema: if explore {
            api::schema_with_suggestions()
        } else {
            api::schema()
        },
        documents: graphql::documents::Documents::from_settings(&settings.graphql),
        places: execute::Places::from_settings(&settings.load, &settings.live),
        familiar: door::Familiar::default(),
        ended: door::Familiar::default(),
        open: socket::Open::default(),
        app,
        start,
    };
    let has_start_page = shared.start.is_some();
    let sockets = from_fn_with_state(shared.clone(), socket::upgrade);
    let mut router = Router::new()
        .route("/graphql", graphql::endpoint().layer(sockets))
        .route("/health", get(health::alive))
        .route("/ready", get(health::ready))
        .route(key_set::PATH, get(key_set::published))
        .route(calendar::PATH, get(calendar::published))
        .route(&unsubscribe::path(), unsubscribe::endpoint());
    if has_start_page {
        router = router.merge(start::routes(explore));
    }
    let router = router
        .with_state(shared.clone())
        .layer(RequestBodyLimitLayer::new(limits.body_bytes))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::SERVICE_UNAVAILABLE,
            Duration::from_secs(limits.request_seconds),
        ))
        // Files are longer, and have bounds of their own.
        .merge(
            Router::new()
                .route(files::PATH, files::endpoint())
                .with_state(shared.clone()),
        )
        .layer(CatchPanicLayer::custom(graphql::panicked))
        .layer(from_fn_with_state(shared.clone(), graphql::complete))
        .layer(from_fn_with_state(shared, url::refuse_tokens))
        .layer(from_fn(request_id::log))
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(SetRequestIdLayer::new(REQUEST_ID, request_id::Maker(clock)))
        .layer(from_fn(request_id::tidy));
    guarded(router, &settings)
}

/// After how many seconds a request that ended so may come again, where that alone may help.
const fn seconds_to_wait(failure: &Error) -> Option<u64> {
    match failure {
        Error::Busy(seconds) => Some(*seconds),
        Error::Timeout | Error::Overloaded | Error::Conflict { lock: true, .. } | Error::Key(KeyRefusal::InUse) => {
            Some(1)
        }
        _ => None,
    }
}

/// The headers of every answer, also of refusals and of answers to preflight requests.
fn guarded(mut router: Router, settings: &Settings) -> Router {
    let fixed = |name, value| SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value));
    let origins: Vec<HeaderValue> = settings
        .http
        .cors_origins
        .iter()
        .filter_map(|origin| HeaderValue::from_str(origin).ok())
        .collect();
    if !origins.is_empty() {
        router = router.layer(cross_origin(origins));
    }
    if settings.http.public_url.starts_with("https://") {
        router = router.layer(fixed(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"));
    }
    router
        .layer(fixed(header::CACHE_CONTROL, "no-store"))
        .layer(fixed(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(fixed(header::X_FRAME_OPTIONS, "DENY"))
        .layer(fixed(header::REFERRER_POLICY, "no-referrer"))
        .layer(fixed(
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ))
}

/// Lets pages of these origins call the API. Tokens go in a header, so no credentials of the browser do.
fn cross_origin(origins: Vec<HeaderValue>) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST, Method::PUT])
        .allow_headers([
            header::ACCEPT,
            header::ACCEPT_LANGUAGE,
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            auth::KEY,
            auth::REASON,
            REQUEST_ID,
        ])
        .expose_headers([
            header::CONTENT_DISPOSITION,
            header::RETRY_AFTER,
            REQUEST_ID,
            change::REPLAYED,
        ])
        .max_age(Duration::from_mins(10))
}
