//! From the headers of a request to its actor.

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT_LANGUAGE, AUTHORIZATION, USER_AGENT};

use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::language::Language;
use crate::error::{Error, Result};
use crate::service::session::{self, ClientLabel};

/// Who the request comes from, by `Authorization: Bearer …`, and the language to answer in. A token
/// anywhere else, such as in the URL, is not read.
///
/// # Errors
/// [`Error::Unauthenticated`] for credentials that are not a valid bearer token: whoever sends some wants to
/// be somebody, and is not answered as nobody.
pub async fn actor(app: &App, headers: &HeaderMap) -> Result<Actor> {
    let accept_language = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    session::actor(app, bearer(headers)?, accept_language).await
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
