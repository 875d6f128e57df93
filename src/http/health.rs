//! Liveness and readiness.

use axum::extract::State;
use axum::http::StatusCode;

use super::Shared;

/// The process answers; nothing is touched.
pub async fn alive() -> &'static str {
    "alive\n"
}

/// The database answers and has the schema of this program.
pub async fn ready(State(shared): State<Shared>) -> (StatusCode, &'static str) {
    match shared.app.db.is_current().await {
        Ok(true) => (StatusCode::OK, "ready\n"),
        Ok(false) => (StatusCode::SERVICE_UNAVAILABLE, "the database schema is not current\n"),
        Err(failure) => {
            tracing::warn!(error.chain = %failure, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n")
        }
    }
}
