//! From what came of an operation to an HTTP answer: status, media type, length.

use async_graphql::{Response as Answer, ServerError, Value};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::problem::Problem;
use super::read::Media;
use crate::api::bounded;
use crate::config::Limits;
use crate::domain::language::Language;
use crate::error::Error;
use crate::http::seconds_to_wait;

/// How to answer one request.
#[derive(Clone)]
pub struct Reply {
    /// The media type to answer in.
    pub media: Media,
    /// The language of sentences.
    pub language: Language,
    /// The name of the request.
    pub request_id: String,
}

/// An answer as it is sent: `data` is absent when no operation ran, and null when one failed as a whole.
#[derive(Serialize)]
struct Wire<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Value>,
    #[serde(skip_serializing_if = "<[ServerError]>::is_empty")]
    errors: &'a [ServerError],
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    extensions: &'a std::collections::BTreeMap<String, Value>,
}

impl Reply {
    /// The answer to a request whose operation came so far that the library has seen it.
    pub fn answer(&self, answer: &Answer, limits: &Limits) -> Response {
        let ran = ran(answer);
        let wire = Wire {
            data: ran.then_some(&answer.data),
            errors: &answer.errors[..answer.errors.len().min(limits.errors)],
            extensions: &answer.extensions,
        };
        let Some(body) = bounded::json(&wire, limits.answer_bytes) else {
            return self.problem(Problem::AnswerTooLarge(limits.answer_bytes));
        };
        let status = if ran || self.media == Media::Json {
            StatusCode::OK
        } else {
            StatusCode::UNPROCESSABLE_ENTITY
        };
        let mut response = self.send(status, body);
        response.headers_mut().extend(answer.http_headers.clone());
        response
    }

    /// The answer to a request whose operation did not run.
    pub fn problem(&self, problem: Problem) -> Response {
        let (status, is_of_document) = problem.status();
        let status = if is_of_document && self.media == Media::Json {
            StatusCode::OK
        } else {
            status
        };
        let extra = match &problem {
            Problem::MethodNotAllowed(methods) => Some((header::ALLOW, HeaderValue::from_static(methods))),
            Problem::EncodedBody => Some((header::ACCEPT_ENCODING, HeaderValue::from_static("identity"))),
            Problem::Failed(Error::Unauthenticated) => {
                Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")))
            }
            Problem::Failed(failure) => {
                seconds_to_wait(failure).map(|seconds| (header::RETRY_AFTER, HeaderValue::from(seconds)))
            }
            _ => None,
        };
        let fault = problem.error(self.language, &self.request_id);
        let body = serde_json::to_vec(&serde_json::json!({ "errors": [fault] })).unwrap_or_default();
        let mut response = self.send(status, body);
        if let Some((name, value)) = extra {
            response.headers_mut().insert(name, value);
        }
        response
    }

    fn send(&self, status: StatusCode, body: Vec<u8>) -> Response {
        (status, [(header::CONTENT_TYPE, self.media.name())], body).into_response()
    }
}

/// Whether the operation ran: what the library refused before has no path.
pub fn ran(answer: &Answer) -> bool {
    answer.data != Value::Null || answer.errors.is_empty() || answer.errors.iter().any(|fault| !fault.path.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::KeyRefusal;

    #[test]
    fn whoever_may_come_again_is_told_when() {
        let reply = Reply {
            media: Media::GraphQl,
            language: Language::En,
            request_id: "test".to_owned(),
        };
        let met = |lock| Error::Conflict {
            cause: Box::new(sea_orm::DbErr::Custom("met".to_owned())),
            lock,
        };
        for (failure, status, wait) in [
            (Error::Timeout, 503, Some("1")),
            (Error::Overloaded, 503, Some("1")),
            (met(true), 503, Some("1")),
            (Error::Key(KeyRefusal::InUse), 409, Some("1")),
            (Error::Busy(7), 429, Some("7")),
            (met(false), 500, None),
            (Error::Forbidden, 403, None),
        ] {
            let said = failure.to_string();
            let answer = reply.problem(Problem::Failed(failure));
            let told = answer.headers().get(header::RETRY_AFTER);
            assert_eq!(answer.status().as_u16(), status, "{said}");
            assert_eq!(told.and_then(|value| value.to_str().ok()), wait, "{said}");
        }
    }
}
