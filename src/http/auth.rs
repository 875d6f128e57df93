//! From the headers of a request to its actor.

use axum::http::header::{ACCEPT_LANGUAGE, AUTHORIZATION, USER_AGENT};
use axum::http::{HeaderMap, HeaderName};
use data_encoding::HEXLOWER_PERMISSIVE;

use super::door::Door;
use crate::domain::actor::Actor;
use crate::domain::idempotency::Key;
use crate::domain::language::Language;
use crate::domain::text::Reason;
use crate::error::{Code, Error, KeyRefusal, Result};
use crate::service::session::ClientLabel;

/// Who the request comes from, by `Authorization: Bearer …`, and the language to answer in. A token
/// anywhere else, such as in the URL, is not read.
///
/// # Errors
/// [`Error::Unauthenticated`] for credentials that are not a valid bearer token: whoever sends some wants to
/// be somebody, and is not answered as nobody. [`Error::Busy`] when too many API tokens that are none came from this
/// address.
pub async fn actor(door: &Door<'_>, headers: &HeaderMap) -> Result<Actor> {
    let accept_language = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    door.actor(bearer(headers)?, accept_language).await
}

/// The language that the headers ask for, or the first of Rumbo's languages.
pub fn language(headers: &HeaderMap) -> Language {
    language_of(headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()))
}

/// The language that the value of `Accept-Language` asks for, or the first of Rumbo's languages.
pub fn language_of(wanted: Option<&str>) -> Language {
    wanted.and_then(Language::negotiate).unwrap_or(Language::ALL[0])
}

/// What the client calls itself, if it says something that can be shown.
pub fn client(headers: &HeaderMap) -> Option<ClientLabel> {
    let name = headers.get(USER_AGENT)?;
    ClientLabel::read(name.to_str().ok()?)
}

/// The header in which somebody says why they ask for what only a reason opens.
pub const REASON: HeaderName = HeaderName::from_static("x-reason");

/// The header with the key under which a mutation may be repeated.
pub const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The key of the request, from `Idempotency-Key`, if it has one.
///
/// # Errors
/// [`KeyRefusal::Malformed`] for what is none, and for several.
pub fn key(headers: &HeaderMap) -> Result<Option<Key>> {
    let mut values = headers.get_all(KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let key = value.to_str().ok().and_then(Key::read);
    match (key, values.next()) {
        (Some(key), None) => Ok(Some(key)),
        _ => Err(KeyRefusal::Malformed.into()),
    }
}

/// Why the request asks, from `X-Reason`: UTF-8, percent-encoded where it is not ASCII.
///
/// # Errors
/// [`Error::Invalid`] for what is no reason.
pub fn reason(headers: &HeaderMap) -> Result<Option<Reason>> {
    let Some(value) = headers.get(REASON) else {
        return Ok(None);
    };
    let wrong = || Error::at("reason", Code::Malformed);
    let mut bytes = Vec::new();
    let mut rest = value.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, after) = tail.split_at_checked(2).ok_or_else(wrong)?;
        bytes.extend(HEXLOWER_PERMISSIVE.decode(digits).map_err(|_| wrong())?);
        rest = after;
    }
    let text = String::from_utf8(bytes).map_err(|_| wrong())?;
    Reason::parse(&text).map(Some).map_err(|_| wrong())
}

fn bearer(headers: &HeaderMap) -> Result<Option<&str>> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Error::Unauthenticated);
    }
    token(value.to_str().map_err(|_| Error::Unauthenticated)?).map(Some)
}

/// The token of `Bearer …`.
///
/// # Errors
/// [`Error::Unauthenticated`] for any other scheme.
pub fn token(credentials: &str) -> Result<&str> {
    match credentials.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => Err(Error::Unauthenticated),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn read(values: &[&'static str]) -> Result<Option<String>> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_static(value));
        }
        bearer(&headers).map(|token| token.map(ToOwned::to_owned))
    }

    #[test]
    fn only_one_bearer_token_is_read() {
        assert!(matches!(read(&[]), Ok(None)));
        for good in ["Bearer abc", "bearer abc", "BEARER  abc"] {
            assert!(matches!(read(&[good]), Ok(Some(token)) if token == "abc"), "{good}");
        }
        for wrong in [&["Basic abc"][..], &["Bearer"], &[""], &["Bearer a", "Bearer b"]] {
            assert!(matches!(read(wrong), Err(Error::Unauthenticated)), "{wrong:?}");
        }
    }
}
