//! From an HTTP request to what it asks: media types, methods, body or query string.

use async_graphql::Variables;
use axum::body::{Body, Bytes};
use axum::extract::Query;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use serde::Deserialize;

use super::problem::Problem;
use crate::api::guard::{Limit, Refusal};
use crate::config::Limits;
use crate::domain::idempotency::Key;
use crate::error::KeyRefusal;
use crate::http::body::{self, Unread};

/// The media types of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// `application/graphql-response+json`: the status tells whether the operation ran.
    GraphQl,
    /// `application/json`: whatever is a well-formed request is answered with 200.
    Json,
}

/// One operation as it was sent, nothing of it checked but its form.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    /// The document.
    pub query: Option<String>,
    /// The id of a registered document.
    pub document_id: Option<String>,
    /// Which of several operations is meant.
    pub operation_name: Option<String>,
    /// The values of the variables.
    #[serde(default)]
    pub variables: Variables,
    /// A map; over a socket, an idempotency key may be in it.
    extensions: Option<serde_json::Map<String, serde_json::Value>>,
}

impl Asked {
    /// The idempotency key in `extensions`, for those who have no headers.
    ///
    /// # Errors
    /// [`KeyRefusal::Malformed`] for what is none.
    pub fn key(&self) -> Result<Option<Key>, KeyRefusal> {
        let found = self.extensions.as_ref().and_then(|all| all.get("idempotencyKey"));
        match found {
            None | Some(serde_json::Value::Null) => Ok(None),
            Some(value) => value
                .as_str()
                .and_then(Key::read)
                .map(Some)
                .ok_or(KeyRefusal::Malformed),
        }
    }
}

impl Media {
    /// The value of `Content-Type`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::GraphQl => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
        }
    }

    /// The media type that the caller likes best, by `Accept` (RFC 9110, 12.5.1). Who states nothing, or takes
    /// anything, gets plain JSON.
    pub fn negotiate(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut stated = false;
        let mut wanted = [Wish::default(), Wish::default()];
        for value in headers.get_all(header::ACCEPT) {
            let value = value.to_str().map_err(|_| Problem::NotAcceptable)?;
            for range in value.split(',').map(str::trim).filter(|range| !range.is_empty()) {
                stated = true;
                for (media, wish) in [Self::GraphQl, Self::Json].into_iter().zip(&mut wanted) {
                    wish.hear(media, range);
                }
            }
        }
        let [graphql, json] = wanted;
        match (graphql.quality > 0.0, json.quality > 0.0) {
            _ if !stated => Ok(Self::Json),
            (false, false) => Err(Problem::NotAcceptable),
            (true, false) => Ok(Self::GraphQl),
            (false, true) => Ok(Self::Json),
            (true, true) => {
                let named = graphql.exactness == 3;
                let better = graphql.quality > json.quality;
                let as_good = graphql.quality >= json.quality;
                Ok(if named && as_good || better {
                    Self::GraphQl
                } else {
                    Self::Json
                })
            }
        }
    }

    const fn subtype(self) -> &'static str {
        match self {
            Self::GraphQl => "graphql-response+json",
            Self::Json => "json",
        }
    }
}

/// How much a caller wants a media type; the most exact range decides.
#[derive(Debug, Clone, Copy, Default)]
struct Wish {
    exactness: u8,
    quality: f32,
}

impl Wish {
    fn hear(&mut self, media: Media, range: &str) {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let exactness = match name.split_once('/') {
            Some(("*", "*")) => 1,
            Some((kind, "*")) if kind.eq_ignore_ascii_case("application") => 2,
            Some((kind, subtype))
                if kind.eq_ignore_ascii_case("application") && subtype.eq_ignore_ascii_case(media.subtype()) =>
            {
                3
            }
            _ => return,
        };
        let mut quality = 1.0;
        for part in parts {
            match part.split_once('=') {
                Some((name, value)) if name.eq_ignore_ascii_case("q") => quality = value.parse().unwrap_or(0.0),
                Some((name, value)) if name.eq_ignore_ascii_case("charset") && !is_utf8(value) => return,
                _ => {}
            }
        }
        if exactness >= self.exactness {
            *self = Self { exactness, quality };
        }
    }
}

fn is_utf8(charset: &str) -> bool {
    let charset = charset.trim_matches('"');
    charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8")
}

/// Reads the operation out of a request: from the query string of a GET, from the body of a POST.
pub async fn asked(parts: &Parts, body: Body, limits: &Limits) -> Result<Asked, Problem> {
    let query = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).map_err(|_| Problem::BadRequest)?;
    if is_encoded(&parts.headers) {
        return Err(Problem::EncodedBody);
    }
    let asked = if parts.method == Method::POST {
        if !is_json(&parts.headers) {
            return Err(Problem::UnsupportedMediaType);
        }
        of_body(&whole(body, limits.body_bytes).await?, limits.input_values)?
    } else {
        of_query(query.0)?
    };
    match (&asked.query, &asked.document_id) {
        (Some(_), None) | (None, Some(_)) => Ok(asked),
        (Some(_), Some(_)) | (None, None) => Err(Problem::BadRequest),
    }
}

/// The body, as long as it is not too long.
async fn whole(body: Body, most: usize) -> Result<Bytes, Problem> {
    body::whole(body, most).await.map_err(|why| match why {
        Unread::TooLong => Problem::BodyTooLarge(most),
        Unread::BrokenOff => Problem::BadRequest,
    })
}

fn of_body(body: &[u8], most_values: usize) -> Result<Asked, Problem> {
    // A list would be read as the fields of a request in their order.
    match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') if commas(body) > most_values.saturating_add(BESIDE_VARIABLES) => {
            Err(Refusal::over(Limit::InputValues, most_values).into())
        }
        Some(b'{') => serde_json::from_slice(body).map_err(|_| Problem::BadRequest),
        Some(b'[') => Err(Problem::Batch),
        _ => Err(Problem::BadRequest),
    }
}

/// How many commas a request may have beside those of its variables.
const BESIDE_VARIABLES: usize = 100;

/// How many commas stand outside the texts of some JSON. Variables have more values than commas, and to count commas
/// costs a small part of what it costs to build values.
fn commas(json: &[u8]) -> usize {
    let (mut count, mut in_text, mut escaped) = (0, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_text,
            b'"' => in_text = !in_text,
            b',' if !in_text => count += 1,
            _ => {}
        }
    }
    count
}

fn of_query(parameters: Vec<(String, String)>) -> Result<Asked, Problem> {
    fn set<T>(place: &mut Option<T>, value: T) -> Result<(), Problem> {
        match place.replace(value) {
            None => Ok(()),
            Some(_) => Err(Problem::BadRequest),
        }
    }
    let mut asked = Asked::default();
    let (mut variables, mut extensions) = (None, None);
    for (name, value) in parameters {
        match name.as_str() {
            "query" => set(&mut asked.query, value)?,
            "documentId" => set(&mut asked.document_id, value)?,
            "operationName" => set(&mut asked.operation_name, value)?,
            "variables" => set(&mut variables, value)?,
            "extensions" => set(&mut extensions, value)?,
            _ => {}
        }
    }
    if let Some(text) = variables {
        asked.variables = serde_json::from_str(&text).map_err(|_| Problem::BadRequest)?;
    }
    if let Some(text) = extensions {
        asked.extensions = serde_json::from_str(&text).map_err(|_| Problem::BadRequest)?;
    }
    // An empty name comes from forms that send every field.
    asked.operation_name = asked.operation_name.filter(|name| !name.is_empty());
    Ok(asked)
}

/// Whether the body is announced as compressed, or in some other form than its own.
fn is_encoded(headers: &HeaderMap) -> bool {
    let plain = |value: &HeaderValue| value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity");
    headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .any(|value| !plain(value))
}

/// Whether the body is announced as `application/json`, in UTF-8 if it says in what.
fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let mut parts = value.to_str().unwrap_or_default().split(';').map(str::trim);
    parts
        .next()
        .is_some_and(|media| media.eq_ignore_ascii_case("application/json"))
        && parts.all(|part| match part.split_once('=') {
            Some((name, charset)) if name.eq_ignore_ascii_case("charset") => is_utf8(charset),
            _ => true,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_media_type_is_the_one_that_the_caller_likes_best() {
        let negotiate = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_str(accept).expect("a header"));
            Media::negotiate(&headers).ok()
        };
        assert_eq!(Media::negotiate(&HeaderMap::new()).ok(), Some(Media::Json));
        for (accept, media) in [
            ("", Some(Media::Json)),
            ("*/*", Some(Media::Json)),
            ("application/*", Some(Media::Json)),
            ("application/json", Some(Media::Json)),
            ("application/graphql-response+json", Some(Media::GraphQl)),
            ("Application/GraphQL-Response+JSON;charset=UTF-8", Some(Media::GraphQl)),
            (
                "application/graphql-response+json, application/json",
                Some(Media::GraphQl),
            ),
            (
                "application/json, application/graphql-response+json",
                Some(Media::GraphQl),
            ),
            (
                "application/graphql-response+json;q=0.8, application/json;q=0.9",
                Some(Media::Json),
            ),
            ("application/graphql-response+json, */*;q=0.1", Some(Media::GraphQl)),
            ("application/json;q=0, */*", Some(Media::GraphQl)),
            ("text/html, */*;q=0.8", Some(Media::Json)),
            ("application/json;q=0", None),
            ("application/json;charset=latin1", None),
            ("text/html", None),
            ("nonsense", None),
        ] {
            assert_eq!(negotiate(accept), media, "{accept}");
        }
    }

    #[test]
    fn a_body_is_one_request_of_the_right_form() {
        let read = |body: &str| of_body(body.as_bytes(), 10);
        assert!(read(r#" {"query": "{ a }", "variables": null, "extensions": {"a": [1]}, "other": 1}"#).is_ok());
        for wrong in [
            r#"{"query": 1}"#,
            r#"{"query": "{ a }", "variables": []}"#,
            r#"{"query": "{ a }", "variables": "{}"}"#,
            r#"{"query": "{ a }", "operationName": 1}"#,
            r#"{"query": "{ a }", "extensions": []}"#,
            r#"{"query": "{ a }", "query": "{ b }"}"#,
            r#"{"query": "{ a }", "variables": {"a": 1e999}}"#,
            "{",
            "null",
            "",
        ] {
            assert!(matches!(read(wrong), Err(Problem::BadRequest)), "{wrong}");
        }
        assert!(matches!(read("[]"), Err(Problem::Batch)));
        let many = |count: usize| {
            format!(
                r#"{{"query": "a,\"b,", "variables": {{"a": [{}0]}}}}"#,
                "0,".repeat(count)
            )
        };
        assert!(read(&many(100)).is_ok(), "the variables are counted exactly later");
        assert!(matches!(read(&many(110)), Err(Problem::Refused(_))));
        let deep = format!(
            r#"{{"query": "{{ a }}", "variables": {{"a": {}{}}}}}"#,
            "[".repeat(5_000),
            "]".repeat(5_000)
        );
        assert!(matches!(read(&deep), Err(Problem::BadRequest)));
    }
}
