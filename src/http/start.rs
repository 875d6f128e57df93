//! The start page.
use axum::Router;

/// The start page.
#[derive(Debug, Clone, Default)]
pub struct StartPage;

/// Its routes.
pub fn routes() -> Router<super::Shared> {
    Router::new()
}
