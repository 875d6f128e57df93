//! Calendars for other programs, under secret links: `GET /calendar/<secret>.ics`.

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::{Shared, address, execute};
use crate::app::App;
use crate::domain::rate::seconds;
use crate::error::Error;
use crate::service::calendar::feed;
use crate::store::rate::Charge;

/// Where calendars stand.
pub const PATH: &str = "/calendar/{file}";
/// How every path of one begins; what follows is a secret and belongs in no log.
pub const PREFIX: &str = "/calendar/";
/// Whoever fetches it may keep it, and asks whether it is still so.
const KEPT: &str = "private, no-cache";

/// The calendar behind a secret, read in one of the places for operations and within the time of one. What is no
/// secret, is unknown, or was revoked is answered alike.
pub async fn published(State(shared): State<Shared>, Path(file): Path<String>, request: Request) -> Response {
    let app = shared.app.for_request();
    if let Some(refused) = too_often(&app, &request, b"calendar") {
        return refused;
    }
    let found = match file.strip_suffix(".ics") {
        Some(secret) => execute::piece(&shared.places, &app, Box::pin(feed::read(&app, secret))).await,
        None => Ok(None),
    };
    match found {
        Ok(Some(calendar)) => answer(request.headers(), calendar),
        Ok(None) => (StatusCode::NOT_FOUND, "not found\n").into_response(),
        Err(Error::Timeout | Error::Overloaded | Error::Conflict { lock: true, .. }) => {
            let headers = [(header::RETRY_AFTER, "1")];
            (StatusCode::SERVICE_UNAVAILABLE, headers, "too much to do\n").into_response()
        }
        Err(failure) => {
            tracing::error!(error.chain = %failure, "a calendar cannot be read");
            (StatusCode::SERVICE_UNAVAILABLE, "the calendar cannot be read\n").into_response()
        }
    }
}

/// The refusal of a caller who fetches what stands behind secret links too often; `kind` tells apart what is counted.
pub(super) fn too_often(app: &App, request: &Request, kind: &[u8]) -> Option<Response> {
    let rates = &app.settings.rates;
    if !rates.enabled {
        return None;
    }
    let caller = address::of(request.extensions(), request.headers(), &app.settings.http);
    let caller = address::network(caller).to_string();
    let charge = Charge::new(&[kind, caller.as_bytes()], &rates.anonymous, 1);
    let micros = app.rates.take(charge, app.clock.now().timestamp_micros()).err()?;
    let headers = [(header::RETRY_AFTER, seconds(micros).to_string())];
    Some((StatusCode::TOO_MANY_REQUESTS, headers, "too many requests\n").into_response())
}

/// The calendar, or that it is still what the caller has.
fn answer(asked: &HeaderMap, calendar: String) -> Response {
    let tag = format!("\"{}\"", &HEXLOWER.encode(&Sha256::digest(calendar.as_bytes()))[..32]);
    let Ok(value) = HeaderValue::from_str(&tag) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let kept = [
        (header::ETAG, value),
        (header::CACHE_CONTROL, HeaderValue::from_static(KEPT)),
    ];
    if has(asked, &tag) {
        return (StatusCode::NOT_MODIFIED, kept).into_response();
    }
    let media = [(header::CONTENT_TYPE, "text/calendar; charset=utf-8")];
    (kept, media, calendar).into_response()
}

/// Whether the caller has what this tag names (RFC 9110, 13.1.2; compared weakly).
fn has(asked: &HeaderMap, tag: &str) -> bool {
    let mut lines = asked
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok());
    lines.any(|line| {
        let mut tags = line.split(',').map(str::trim);
        tags.any(|other| other == "*" || other.strip_prefix("W/").unwrap_or(other) == tag)
    })
}
