//! The public keys of access tokens (RFC 7517), for other services that check them. The one answer that may be kept.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Shared;

/// Where it stands (RFC 8615).
pub const PATH: &str = "/.well-known/jwks.json";
/// Others may keep it for a minute: after a key was retired, they take its tokens for so long.
const KEPT: &str = "public, max-age=60";

/// The keys that are good now, those that are published ahead among them.
pub async fn published(State(shared): State<Shared>) -> Response {
    match shared.app.key_set().await {
        Ok(set) => {
            let headers = [
                (header::CONTENT_TYPE, "application/jwk-set+json"),
                (header::CACHE_CONTROL, KEPT),
            ];
            (headers, set.to_string()).into_response()
        }
        Err(failure) => {
            tracing::error!(error.chain = %failure, "the keys cannot be published");
            (StatusCode::SERVICE_UNAVAILABLE, "the keys cannot be read\n").into_response()
        }
    }
}
