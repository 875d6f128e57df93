//! What no place takes, and how it has to be refused.

use axum::body::Body;
use axum::http::{Request, header};
use rumbo::domain::text::Comment;
use serde_json::{Value, json};

use super::argument::variable;
use super::{Form, stated};
use crate::support::app::{Answer, Client, TestApp};
use crate::support::input::{Leaf, Place};

/// What was refused: codes with their paths.
pub(super) fn faults(answer: &Answer) -> Vec<(String, Vec<String>)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let path = |value: &Value| value.as_array().into_iter().flatten().map(text).collect::<Vec<_>>();
    let mut found = Vec::new();
    for error in answer.json["errors"].as_array().into_iter().flatten() {
        let extensions = &error["extensions"];
        found.push((text(&extensions["code"]), path(&extensions["inputPath"])));
    }
    for payload in answer.json["data"]
        .as_object()
        .into_iter()
        .flat_map(|data| data.values())
    {
        for error in payload["userErrors"].as_array().into_iter().flatten() {
            found.push((text(&error["code"]), path(&error["path"])));
        }
    }
    found
}

/// Texts that nothing takes, each with the codes of which one refuses it.
fn hostile(form: Form, most: usize) -> Vec<(String, &'static [&'static str])> {
    let unshown = [
        "a\0b",
        "a\u{7}b",
        "\u{1b}[2J",
        "a\u{85}b",
        "a\u{202e}b",
        "a\u{2066}b",
        "a\u{fffe}b",
    ];
    let (codes, long): (&'static [&'static str], String) = match form {
        Form::Nfc => (&["FORBIDDEN_CHARACTER"], "ñ".repeat(most + 1)),
        Form::Address => (&["MALFORMED"], format!("{}@example.org", "a".repeat(most - 11))),
        Form::Country => (&["UNKNOWN_COUNTRY"], "UYU".to_owned()),
        Form::TimeZone => (&["UNKNOWN_TIME_ZONE"], "A".repeat(most + 1)),
        Form::Month => (&["MALFORMED"], "2026-003".to_owned()),
        Form::Bytes => (&["INVALID_CREDENTIALS", "TOO_SHORT"], "ñandú".repeat(most)),
        Form::AsItCame => (&["INVALID_TOKEN", "MALFORMED"], "A".repeat(most + 1)),
        Form::AsShown => (&["INVALID_CODE"], "1".repeat(most + 1)),
    };
    let mut texts: Vec<(String, &'static [&'static str])> =
        unshown.iter().map(|text| ((*text).to_owned(), codes)).collect();
    let too_long: &'static [&'static str] = match form {
        Form::Nfc | Form::Address => &["TOO_LONG"],
        Form::Bytes => &["TOO_LONG", "INVALID_CREDENTIALS"],
        Form::Country | Form::TimeZone | Form::Month | Form::AsItCame | Form::AsShown => codes,
    };
    texts.push((long, too_long));
    // Prose may be empty, and what shows nothing is.
    if !(form == Form::Nfc && most >= Comment::MOST) {
        let nothing: &'static [&'static str] = match form {
            Form::Nfc => &["REQUIRED"],
            Form::Address => &["MALFORMED", "REQUIRED"],
            _ => codes,
        };
        texts.push(("\u{200b}\u{2060}\u{feff}".to_owned(), nothing));
        if form == Form::Nfc {
            let hidden = ["An\u{200b}a", "Ana\u{e0061}", "\u{ad}Ana", "An\u{61c}a", "An\u{fff9}a"];
            texts.extend(hidden.map(|text| (text.to_owned(), codes)));
            texts.extend(["\u{301}", "\u{110bd}", "\u{1d159}", "\u{2065}"].map(|text| (text.to_owned(), nothing)));
        }
    }
    texts
}

/// Values of the other scalars that nothing takes, with the codes of which one refuses it.
fn hostile_scalar(leaf: Leaf) -> Vec<(String, &'static [&'static str])> {
    let wrong: &'static [&'static str] = match leaf {
        Leaf::Id => &["INVALID_ID"],
        _ => &["BAD_USER_INPUT"],
    };
    let mut texts: Vec<(String, &'static [&'static str])> = ["", "a\0b", "\u{202e}", "ñ"]
        .iter()
        .map(|text| ((*text).to_owned(), wrong))
        .collect();
    texts.push(("x".repeat(10_000), wrong));
    let beyond: &[&str] = match leaf {
        Leaf::Instant => &[
            "-262143-01-01T00:00:00Z",
            "+262142-12-31T23:59:59Z",
            "0001-01-01T00:00:00Z",
        ],
        Leaf::Day => &["-262143-01-01", "+262142-12-31", "0001-01-01"],
        _ => &[],
    };
    texts.extend(beyond.iter().map(|text| ((*text).to_owned(), &["OUT_OF_RANGE"][..])));
    texts
}

/// What one place is asked with, and what it may be refused with.
pub(super) fn attempts(place: &Place) -> Vec<(String, &'static [&'static str])> {
    if place.leaf != Leaf::Text {
        return hostile_scalar(place.leaf);
    }
    let Some((form, most)) = stated(&place.said) else {
        panic!("{}: no limit: {:?}", place.path.join("."), place.said);
    };
    hostile(form, most)
}

/// Holds a refusal against what it has to be.
pub(super) fn judge(answer: &Answer, place: &Place, codes: &[&str], sent: &str, wrong: &mut Vec<String>) {
    let found = faults(answer);
    let said = || {
        let sent: String = sent.chars().take(20).collect();
        format!(
            "{} with {sent:?}: {} {found:?}, not {codes:?}",
            place.path.join("."),
            answer.status
        )
    };
    // What is not of its type is found in the variable, whose name the walk makes of the argument's.
    let leads_here = |path: &[String]| match (path.split_first(), place.path.split_first()) {
        (Some((first, rest)), Some((argument, below))) => {
            rest == below && (first == argument || *first == variable(argument))
        }
        _ => false,
    };
    let named = |(code, path): &(String, Vec<String>)| codes.contains(&code.as_str()) && leads_here(path);
    if answer.status.is_server_error() || !found.iter().any(named) {
        wrong.push(said());
    }
}

/// Sends a body as it is.
async fn raw(test: &TestApp, client: &Client<'_>, body: String) -> Answer {
    let mut request = Request::post("/graphql")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/graphql-response+json");
    if let Some(token) = client.token() {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    test.send(request.body(Body::from(body)).expect("a request")).await
}

/// Half a character, as JSON can write it, at this place.
pub(super) async fn half_a_character(test: &TestApp, client: &Client<'_>, document: &str, variables: &Value) -> Answer {
    let body = json!({ "query": document, "variables": variables }).to_string();
    raw(test, client, body.replace("HALF", "\\ud800")).await
}
