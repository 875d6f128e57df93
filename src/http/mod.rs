//! HTTP: the router, its limits, and what stands around the GraphQL endpoint.

use std::time::Duration;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::request_id::{PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;

use crate::api::{self, Schema};
use crate::app::App;

pub mod auth;
pub mod execute;
mod graphql;
mod health;
pub mod listen;
mod request_id;
pub mod start;

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
    /// What the start page offers; `None` when it is switched off.
    pub start: Option<start::StartPage>,
}

/// Every route of the server.
pub fn router(app: App, start: Option<start::StartPage>) -> Router {
    let limits = app.settings.limits.clone();
    let clock = app.clock.clone();
    let places = execute::Places::from_settings(&app.settings.load);
    let mut router = Router::new()
        .route("/graphql", post(graphql::answer))
        .route("/health", get(health::alive))
        .route("/ready", get(health::ready));
    if start.is_some() {
        router = router.merge(start::routes());
    }
    let fixed = |name, value| SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value));
    router
        .with_state(Shared { app, schema: api::schema(), places, start })
        .layer(RequestBodyLimitLayer::new(limits.body_bytes))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::SERVICE_UNAVAILABLE,
            Duration::from_secs(limits.request_seconds),
        ))
        .layer(CatchPanicLayer::new())
        .layer(axum::middleware::from_fn(request_id::log))
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(SetRequestIdLayer::new(REQUEST_ID, request_id::Maker(clock)))
        .layer(fixed(header::CACHE_CONTROL, "no-store"))
        .layer(fixed(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(fixed(header::REFERRER_POLICY, "no-referrer"))
        .layer(fixed(
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'",
        ))
}
