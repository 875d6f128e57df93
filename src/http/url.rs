//! Keeps tokens out of URLs, where logs, histories and other sites get to see them: one layer for all routes.

use axum::extract::{Query, Request, State};
use axum::http::Uri;
use axum::middleware::Next;
use axum::response::Response;

use super::door::Door;
use super::graphql::{self, Problem};
use super::{Shared, address};
use crate::auth::token;

/// Names under which clients send credentials in a URL, however they are written.
const CREDENTIALS: [&str; 8] = [
    "access_token",
    "accesstoken",
    "refresh_token",
    "refreshtoken",
    "token",
    "authorization",
    "bearer",
    "api_key",
];

/// Refuses a request whose query string has a token, by its form or by its name. Secrets that are made for links stand
/// in paths, and are no tokens.
pub async fn refuse_tokens(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    if !has_token(request.uri()) {
        return next.run(request).await;
    }
    let caller = address::of(request.extensions(), request.headers(), &shared.app.settings.http);
    let problem = match Door::new(&shared, caller).refuse(None) {
        Ok(()) => Problem::TokenInUrl,
        Err(busy) => Problem::Failed(busy),
    };
    graphql::refusal(&request, problem)
}

fn has_token(uri: &Uri) -> bool {
    let raw = uri.query().unwrap_or_default();
    let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(uri) else {
        return token::is_in(raw);
    };
    pairs.iter().any(|(name, value)| {
        CREDENTIALS.contains(&name.to_ascii_lowercase().as_str()) || token::is_in(name) || token::is_in(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_by_its_form_or_its_name() {
        let secret = crate::auth::api_token::draw().expect("a token");
        let has = |text: &str| has_token(&text.parse().expect("an address"));
        for found in [
            format!("/graphql?x={secret}"),
            format!("/graphql?{secret}"),
            format!("/graphql?a=b&variables=%7B%22t%22:%22{secret}%22%7D"),
            format!("/?p={}", secret.replace("_pat_", "%5Fpat%5F")),
            "/x?Access_Token=a".to_owned(),
        ] {
            assert!(has(&found), "{found}");
        }
        for fine in [
            "/graphql",
            "/graphql?query=%7Ba%7D",
            "/x?a=%zz&=",
            "/calendar/abc.ics?x=token",
        ] {
            assert!(!has(fine), "{fine}");
        }
    }
}
