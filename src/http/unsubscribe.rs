//! The link that ends messages of a kind (RFC 8058), which works without signing in: `GET /unsubscribe/<link>` shows a
//! page that asks and changes nothing, so that whatever follows links ahead of its reader ends nothing; `POST` ends
//! them, from that page or from a mail program.

use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};

use super::{Shared, calendar, execute, request_id};
use crate::auth::unsubscribe::PLACE;
use crate::domain::audit::Origin;
use crate::domain::language::Language;
use crate::domain::notice::MailKind;
use crate::error::{Error, Result};
use crate::mail::{RenderError, page};
use crate::service::{audit, mailing};

/// The most bytes of what is posted.
const LONGEST: usize = 4096;
/// The page may post to where it came from, and nothing else.
const POLICY: &str = "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Where the links stand, as the router has it.
pub fn path() -> String {
    format!("{PLACE}{{link}}")
}

/// The endpoint.
pub fn endpoint() -> MethodRouter<Shared> {
    get(ask).post(end)
}

/// Whose language, and which messages.
type Found = Option<(Language, MailKind)>;

/// The page that asks.
async fn ask(State(shared): State<Shared>, Path(link): Path<String>, request: Request) -> Response {
    let app = shared.app.for_request();
    if let Some(refused) = calendar::too_often(&app, &request, b"unsubscribe") {
        return refused;
    }
    let found = execute::piece(&shared.places, &app, Box::pin(mailing::asked(&app, &link))).await;
    answer(found, page::ask)
}

/// Ends the messages, for who posts what a mail program would. What is no link of ours is answered like one whose
/// person is gone.
async fn end(State(shared): State<Shared>, Path(link): Path<String>, request: Request) -> Response {
    let app = shared.app.for_request();
    if let Some(refused) = calendar::too_often(&app, &request, b"unsubscribe") {
        return refused;
    }
    let origin = Origin {
        request: Some(request_id::of(&request).to_owned()),
        ..Origin::SYSTEM
    };
    if !is_one_click(request.into_body()).await {
        return (StatusCode::BAD_REQUEST, "post List-Unsubscribe=One-Click\n").into_response();
    }
    let work = Box::pin(audit::from_origin(origin, mailing::end(&app, &link)));
    answer(execute::piece(&shared.places, &app, work).await, page::done)
}

/// Whether the body is what RFC 8058 has posted, as a form in either of its two media types.
async fn is_one_click(body: Body) -> bool {
    let Ok(bytes) = to_bytes(body, LONGEST).await else {
        return false;
    };
    let text = String::from_utf8_lossy(&bytes);
    let rest = text.split_once("List-Unsubscribe").map(|(_, rest)| rest);
    rest.is_some_and(|rest| rest.contains("One-Click"))
}

fn answer(found: Result<Found>, page: impl FnOnce(Language, MailKind) -> Result<String, RenderError>) -> Response {
    let written = match found {
        Ok(Some((language, kind))) => page(language, kind).map(Some).map_err(Error::internal),
        Ok(None) => Ok(None),
        Err(failure) => Err(failure),
    };
    match written {
        Ok(Some(page)) => (headers(), page).into_response(),
        Ok(None) => (StatusCode::NOT_FOUND, "not found\n").into_response(),
        Err(Error::Timeout | Error::Overloaded | Error::Conflict { lock: true, .. }) => {
            let wait = [(header::RETRY_AFTER, "1")];
            (StatusCode::SERVICE_UNAVAILABLE, wait, "too much to do\n").into_response()
        }
        Err(failure) => {
            tracing::error!(error.chain = %failure, "messages cannot be ended by their link");
            (StatusCode::SERVICE_UNAVAILABLE, "it cannot be done now\n").into_response()
        }
    }
}

fn headers() -> [(HeaderName, HeaderValue); 2] {
    [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        ),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn both_media_types_of_a_form_are_understood() {
        let several = "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n";
        for body in ["List-Unsubscribe=One-Click", several] {
            assert!(is_one_click(Body::from(body)).await, "{body}");
        }
        let long = format!("List-Unsubscribe=One-Click&{}", "a".repeat(LONGEST));
        for body in [
            "",
            "One-Click",
            "One-Click=List-Unsubscribe",
            "List-Unsubscribe=",
            long.as_str(),
        ] {
            assert!(!is_one_click(Body::from(body.to_owned())).await, "{body}");
        }
    }
}
