//! GraphQL over HTTP: one POST, one operation, one answer.

use async_graphql::{Request as Operation, Response as Answer, ServerError};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tower_http::request_id::RequestId;

use super::{Shared, auth, execute};
use crate::api::request::Request;
use crate::api::{error, guard};
use crate::error::Error;

/// The media type of an answer in which `data` may be partial (GraphQL over HTTP).
const GRAPHQL_JSON: &str = "application/graphql-response+json";

/// Answers one operation.
///
/// 200 with an answer, also a partial one; 400 for what is no operation; 401 for a token that is not
/// valid; 415 for another media type; 422 for an operation over the limits.
pub async fn answer(
    State(shared): State<Shared>,
    Extension(id): Extension<RequestId>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let id = id.header_value().to_str().unwrap_or_default().to_owned();
    let actor = match auth::actor(&shared.app, &headers).await {
        Ok(actor) => actor,
        Err(failure) => return refuse(failure, auth::language(&headers), &id),
    };
    let language = actor.language;
    if !is_json(&headers) {
        return problem(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UNSUPPORTED_MEDIA_TYPE",
            "Send application/json.",
        );
    }
    let Ok(operation) = serde_json::from_slice::<Operation>(&body) else {
        return problem(
            StatusCode::BAD_REQUEST,
            "BAD_REQUEST",
            "The body is not one GraphQL request in JSON.",
        );
    };
    let operation = match guard::check(operation, &shared.app.settings.limits) {
        Ok(operation) => operation,
        Err(refusal) => {
            let status = if refusal.is_syntax() {
                StatusCode::BAD_REQUEST
            } else {
                StatusCode::UNPROCESSABLE_ENTITY
            };
            return problem(status, refusal.code(), &refusal.to_string());
        }
    };
    let operation = operation.data(Request::new(shared.app.clone(), actor));
    let mut answer = match execute::run(&shared, operation).await {
        Ok(answer) => answer,
        Err(failure) => return refuse(failure, language, &id),
    };
    for fault in &mut answer.errors {
        error::finish(fault, language, &id);
    }
    let status = if answer.data == async_graphql::Value::Null && answer.errors.iter().all(is_of_document) {
        if answer.errors.is_empty() {
            StatusCode::OK
        } else {
            StatusCode::BAD_REQUEST
        }
    } else {
        StatusCode::OK
    };
    render(status, &answer)
}

/// Whether the library refused the document itself, before anything ran.
fn is_of_document(fault: &ServerError) -> bool {
    fault.path.is_empty()
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let media = value.split(';').next().unwrap_or_default().trim();
    media.eq_ignore_ascii_case("application/json")
}

fn render(status: StatusCode, answer: &Answer) -> Response {
    (status, [(header::CONTENT_TYPE, GRAPHQL_JSON)], Json(answer)).into_response()
}

/// A failure before any operation ran.
fn refuse(failure: Error, language: crate::domain::language::Language, id: &str) -> Response {
    let status = match failure {
        Error::Unauthenticated => StatusCode::UNAUTHORIZED,
        Error::Busy(_) => StatusCode::TOO_MANY_REQUESTS,
        Error::Timeout | Error::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        Error::Forbidden | Error::NotFound(_) | Error::Invalid(_) | Error::Internal(_) => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    };
    let mut fault = error::server_error(failure);
    error::finish(&mut fault, language, id);
    let wait = fault
        .extensions
        .as_ref()
        .and_then(|extensions| extensions.get("retryAfter"));
    let wait = wait.and_then(|wait| HeaderValue::from_str(&wait.to_string()).ok());
    let mut response = render(status, &Answer::from_errors(vec![fault]));
    if let Some(wait) = wait {
        response.headers_mut().insert(header::RETRY_AFTER, wait);
    }
    response
}

fn problem(status: StatusCode, code: &str, message: &str) -> Response {
    let mut fault = ServerError::new(message, None);
    fault.extensions.get_or_insert_default().set("code", code);
    render(status, &Answer::from_errors(vec![fault]))
}
