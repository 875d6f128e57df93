//! Texts in the arguments of queries, and in the document itself.

use async_graphql::parser::types::{FieldDefinition, InputValueDefinition, TypeDefinition};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use super::hostile::{attempts, faults, half_a_character, judge};
use super::known;
use super::mutation::sender;
use crate::fields::{document, paths};
use crate::matrix::World;
use crate::support::app::TestApp;
use crate::support::input::{Place, fill, named, places, pointer, with};
use crate::support::scene::{done, id_of};
use crate::support::sdl::{fields, types};

/// The variable that the walk gives an argument.
pub(super) fn variable(argument: &str) -> String {
    format!("a_{argument}")
}

/// What is asked of a field with the text at one of its arguments.
struct Question {
    document: String,
    variables: Value,
    place: Place,
}

/// Whether an argument stands in the question about another one.
fn belongs(field: &str, argument: &InputValueDefinition, about: &str) -> bool {
    match argument.name.node.as_str() {
        name if name == about => true,
        "first" => about != "before",
        "last" => about == "before",
        "actorId" => field == "accessOf" && about != "tokenId",
        _ => !argument.ty.node.nullable && argument.default_value.is_none(),
    }
}

/// One question for every place in the arguments of a field where a text stands.
fn questions(types: &[TypeDefinition], of: &str, field: &FieldDefinition, known: &Value) -> Vec<Question> {
    let mut found = Vec::new();
    // `course(id: …)` takes a course.
    let mut known = known.clone();
    let kind = field.name.node.as_str();
    known["id"] = known.get(kind).unwrap_or(&known["edition"]).clone();
    let known = &known;
    let arguments: Vec<&InputValueDefinition> = field.arguments.iter().map(|argument| &argument.node).collect();
    for about in &arguments {
        let name = about.name.node.as_str();
        let value = fill(types, &about.ty.node, name, None, known);
        let said: Vec<String> = about.description.iter().map(|text| text.node.clone()).collect();
        for place in places(types, &about.ty.node, &[name.to_owned()], &said, &value) {
            let (mut head, mut given, mut variables) = (String::new(), String::new(), known.clone());
            for argument in arguments
                .iter()
                .filter(|other| belongs(field.name.node.as_str(), other, name))
            {
                let name = argument.name.node.as_str();
                let variable = variable(name);
                head = format!("{head}${variable}: {}, ", argument.ty.node);
                given = format!("{given}{name}: ${variable}, ");
                variables[variable] = fill(types, &argument.ty.node, name, None, known);
            }
            let leaf = types.iter().all(|found| found.name.node != named(&field.ty.node));
            let inner = if leaf { "" } else { " { __typename }" };
            let asked = format!("{}({given}){inner}", field.name.node);
            let way = paths(types, of).into_iter().min_by_key(Vec::len).unwrap_or_default();
            let whole = if of == "Query" {
                format!("query ({head}) {{ {asked} }}")
            } else {
                document(&way, &asked)
                    .replacen("query", &format!("query ({head})"), 1)
                    .replacen(") (", "", 1)
            };
            found.push(Question {
                document: whole,
                variables,
                place,
            });
        }
    }
    found
}

/// Cursors that no list wrote, and of lists with another order.
fn cursors() -> Vec<String> {
    let id = "0".repeat(32);
    let long = "t".repeat(20_000);
    let keys = [
        "t\0",
        "t",
        "tx",
        "i0",
        "i-9223372036854775808",
        "i9223372036854775807",
        "d-4800-01-01",
        "d2026-01-01",
        "x",
        "t99",
        "n7",
        "n9223372036854775808",
        &long,
    ];
    let mut found: Vec<String> = keys
        .iter()
        .map(|key| BASE64URL_NOPAD.encode(format!("{id}{key}").as_bytes()))
        .collect();
    found.push(BASE64URL_NOPAD.encode(b"\xff\xfe"));
    found
}

#[tokio::test]
async fn no_argument_takes_a_text_that_cannot_be() {
    let test = TestApp::new().await;
    let world = World::new(&test).await;
    let types = types();
    let mut known = known(&world);
    known["token"] = json!(rumbo::domain::id::SessionId(uuid::Uuid::from_u128(7)).to_string());
    let (mut wrong, mut count, mut asked) = (Vec::new(), 0, 0);
    let carla = sender(&world, "createTeam");
    let administrator = sender(&world, "createInstitution");
    // What she brings in is hers alone to see.
    world.let_enrol().await;
    let made = done(carla, "ImportEnrolments", json!({ "editionId": known["edition"] })).await;
    for field in ["tableImport", "tableImportRows"] {
        known[field] = json!(made.text("importEnrolments.created.tableImport.id"));
    }
    for of in types
        .iter()
        .map(|found| found.name.node.as_str())
        // Of subscriptions `live/` asks, over the socket.
        .filter(|name| !["Mutation", "Subscription"].contains(name))
    {
        for field in fields(&types, of) {
            for Question {
                document,
                variables,
                place,
            } in questions(&types, of, field, &known)
            {
                asked += 1;
                let argument = variable(&place.path[0]);
                let reads = ["accessOf", "auditEntries"].contains(&field.name.node.as_str());
                let client = if reads { administrator } else { carla };
                let sent = |text: &str| {
                    let mut variables = variables.clone();
                    let put = json!(text);
                    variables[&argument] = match place.path.len() {
                        1 => put,
                        _ => with(&variables[&argument], &pointer(&place.path[1..]), put),
                    };
                    variables
                };
                let is_cursor = ["after", "before"].contains(&place.path[0].as_str());
                // What is good for something is asked with in `invitation/`.
                if !is_cursor && field.name.node != "openInvitation" {
                    let plain = client.query(&document, variables.clone()).await;
                    let code = plain.json.pointer("/errors/0/extensions/code").and_then(Value::as_str);
                    if code.is_some_and(|code| code != "NOT_FOUND") {
                        wrong.push(format!("{document}: {:#}", plain.json));
                    }
                }
                for (text, codes) in attempts(&place) {
                    count += 1;
                    let answer = client.query(&document, sent(&text)).await;
                    judge(&answer, &place, codes, &text, &mut wrong);
                }
                for cursor in cursors().iter().filter(|_| is_cursor) {
                    count += 1;
                    let answer = client.query(&document, sent(cursor)).await;
                    let refused = faults(&answer);
                    let named = ("MALFORMED".to_owned(), place.path.clone());
                    if answer.status.is_server_error() || !(refused.is_empty() || refused == [named]) {
                        wrong.push(format!("{document} after {cursor}: {refused:?}"));
                    }
                }
                let answer = half_a_character(&test, client, &document, &sent("HALF")).await;
                if (answer.status.as_u16(), answer.refusal()) != (400, "BAD_REQUEST") {
                    wrong.push(format!("{document}: {}", answer.body));
                }
            }
        }
    }
    eprintln!(
        "texts: {asked} places in arguments, {count} refusals, {} wrong",
        wrong.len()
    );
    assert!(asked > 30 && wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn half_a_character_in_a_document_is_refused() {
    let test = TestApp::new().await;
    let ana = test.person("Ana").await;
    let asking = |text: &str| format!("{{ courses(first: 1, text: {text}) {{ nodes {{ id }} }} }}");
    for half in [r#""\ud800""#, r#""\uDFFF""#, r#""a\ud83d\ude00b""#, r#""\\\ud8000""#] {
        let answer = ana.query(&asking(half), json!({})).await;
        assert_eq!(
            (answer.status.as_u16(), answer.refusal()),
            (400, "GRAPHQL_PARSE_FAILED"),
            "{half}"
        );
    }
    for whole in [
        r#""\\ud800""#,
        r#""😀""#,
        r#""a\ud7ff""#,
        r#""a\ue000""#,
        r#""""\ud800""""#,
    ] {
        let answer = ana.query(&asking(whole), json!({})).await;
        assert_eq!(answer.json["errors"], Value::Null, "{whole}: {:#}", answer.json);
    }
    let answer = ana.query(&asking(r#""a\u0000""#), json!({})).await;
    assert_eq!(
        faults(&answer),
        [("FORBIDDEN_CHARACTER".to_owned(), vec!["text".to_owned()])]
    );
    assert_eq!(id_of(&ana).len(), 30);
}
