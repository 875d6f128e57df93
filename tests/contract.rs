//! The contract with clients: the committed schema, its manual, and the documents that clients copy.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use async_graphql::parser::parse_query;
use async_graphql::parser::types::{OperationType, Selection, TypeKind};
use async_graphql::{Positioned, Request, Variables};
use rumbo::api::guard::{self, Refusal};
use rumbo::api::sdl;
use rumbo::config::Settings;
use serde_json::json;

use crate::support::operations::{document, names};
use crate::support::sdl::{fields, types};

#[test]
fn the_committed_schema_is_the_schema() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("graphql/schema.graphql");
    let committed = std::fs::read_to_string(path).expect("the committed schema");
    let actual = sdl();
    let (is, was): (Vec<&str>, Vec<&str>) = (actual.lines().collect(), committed.lines().collect());
    let differs = (0..is.len().max(was.len()))
        .find(|&line| is.get(line) != was.get(line))
        .map(|line| (line + 1, is.get(line), was.get(line)));
    assert!(
        differs.is_none(),
        "graphql/schema.graphql is not the schema of the program; the first line that differs: {differs:?}\n\
         Where the change is meant: cargo run -- schema > graphql/schema.graphql"
    );
}

/// Where a description is missing or says nothing.
fn undescribed(place: &str, description: Option<&Positioned<String>>) -> Option<String> {
    let silent = description.is_none_or(|text| text.node.trim().is_empty());
    silent.then(|| place.to_owned())
}

#[test]
fn everything_in_the_schema_is_described() {
    let mut silent = Vec::new();
    for found in types() {
        let name = &found.name.node;
        // A connection is the library's type, which has no description; its fields have theirs.
        if !name.ends_with("Connection") {
            silent.extend(undescribed(name, found.description.as_ref()));
        }
        match &found.kind {
            TypeKind::Scalar | TypeKind::Union(_) => {}
            TypeKind::Object(object) => {
                for field in &object.fields {
                    let place = format!("{name}.{}", field.node.name.node);
                    silent.extend(undescribed(&place, field.node.description.as_ref()));
                    for argument in &field.node.arguments {
                        // What `input` holds, its type says.
                        if argument.node.name.node != "input" {
                            let place = format!("{place}({})", argument.node.name.node);
                            silent.extend(undescribed(&place, argument.node.description.as_ref()));
                        }
                    }
                }
            }
            TypeKind::Interface(interface) => {
                for field in &interface.fields {
                    let place = format!("{name}.{}", field.node.name.node);
                    silent.extend(undescribed(&place, field.node.description.as_ref()));
                }
            }
            TypeKind::Enum(found) => {
                for value in &found.values {
                    let place = format!("{name}.{}", value.node.value.node);
                    silent.extend(undescribed(&place, value.node.description.as_ref()));
                }
            }
            TypeKind::InputObject(input) => {
                for field in &input.fields {
                    let place = format!("{name}.{}", field.node.name.node);
                    silent.extend(undescribed(&place, field.node.description.as_ref()));
                }
            }
        }
    }
    assert_eq!(silent, Vec::<String>::new(), "without a description");
}

#[test]
fn every_mutation_has_one_input_and_one_payload_named_after_it() {
    let types = types();
    let mutations = fields(&types, "Mutation");
    assert!(mutations.len() > 30, "the mutations are found");
    for mutation in mutations {
        let name = mutation.name.node.as_str();
        let of = format!("{}{}", name[..1].to_uppercase(), &name[1..]);
        let arguments: Vec<_> = mutation
            .arguments
            .iter()
            .map(|argument| format!("{}: {}", argument.node.name.node, argument.node.ty.node))
            .collect();
        // These need nothing but the session that they come with.
        let of_the_session = [
            "signOut",
            "endOtherSessions",
            "endAllSessions",
            "beginSecondFactor",
            "createCalendarLink",
            "revokeCalendarLink",
        ];
        let expected = if of_the_session.contains(&name) {
            Vec::new()
        } else {
            vec![format!("input: {of}Input!")]
        };
        assert_eq!(arguments, expected, "{name}");
        assert_eq!(mutation.ty.node.to_string(), format!("{of}Payload!"), "{name}");
        let payload = fields(&types, &format!("{of}Payload"));
        let errors = payload.iter().find(|field| field.name.node == "userErrors");
        let errors = errors.unwrap_or_else(|| panic!("{of}Payload has no userErrors"));
        assert_eq!(errors.ty.node.to_string(), "[UserError!]!", "{of}Payload");
        for field in payload.iter().filter(|field| field.name.node != "userErrors") {
            assert!(
                field.ty.node.nullable,
                "{of}Payload.{} is null when something is to be put right",
                field.name.node
            );
        }
    }
}

/// The fields of Query and Mutation that the committed operations use, with the operations that do.
fn used() -> BTreeMap<String, BTreeSet<&'static str>> {
    let mut used: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for name in names() {
        let parsed = parse_query(document(name)).expect("it parses");
        let operation = parsed
            .operations
            .iter()
            .find(|(found, _)| found.is_some_and(|found| found == name))
            .map(|(_, operation)| &operation.node)
            .expect("it is in its document");
        let root = match operation.ty {
            OperationType::Query => "Query",
            OperationType::Mutation => "Mutation",
            OperationType::Subscription => "Subscription",
        };
        for selection in &operation.selection_set.node.items {
            let Selection::Field(field) = &selection.node else {
                panic!("{name} begins with a fragment");
            };
            let field = format!("{root}.{}", field.node.name.node);
            used.entry(field).or_default().insert(name);
        }
    }
    used
}

#[test]
fn every_root_field_has_a_committed_operation() {
    let types = types();
    let used = used();
    for root in ["Query", "Mutation", "Subscription"] {
        for field in fields(&types, root) {
            let field = format!("{root}.{}", field.name.node);
            assert!(
                used.contains_key(&field),
                "no operation in graphql/operations uses {field}"
            );
        }
    }
}

#[tokio::test]
async fn every_committed_operation_fits_the_schema() {
    // The whole document is validated before the operation to run is looked for, and there is no such one.
    let schema = rumbo::api::schema();
    let objections = async |document: &str| {
        let nothing = Request::new(document).operation_name("Nothing");
        let errors = schema.execute(nothing).await.errors;
        errors.into_iter().map(|fault| fault.message).collect::<Vec<_>>()
    };
    for name in names() {
        let told = objections(document(name)).await;
        assert_eq!(told, ["Unknown operation named \"Nothing\""], "{name}");
    }
    let told = objections("query Wrong { viewer { secret } }").await;
    assert!(told.iter().any(|message| message.contains("secret")), "{told:?}");
}

#[test]
fn every_operation_may_ask_for_a_page_of_fifty() {
    let limits = Settings::load("test", None, &[]).expect("settings").limits;
    for name in names() {
        let variables = Variables::from_json(json!({ "first": 50 }));
        let refusal = guard::check(document(name).to_owned(), Some(name.to_owned()), variables, &limits).err();
        // What else an operation wants is not given here, and is looked at once its cost is known.
        let fits = matches!(refusal, None | Some(Refusal::Variable { .. }));
        assert!(fits, "{name}: {refusal:?}");
    }
}

#[test]
fn every_operation_says_what_it_is_for_and_by_whom() {
    for name in names() {
        let text = document(name);
        let line = text
            .lines()
            .position(|line| {
                let mut words = line.split([' ', '(']);
                matches!(words.next(), Some("query" | "mutation" | "subscription")) && words.next() == Some(name)
            })
            .unwrap_or_else(|| panic!("{name} starts no line"));
        let comment = line.checked_sub(1).and_then(|above| text.lines().nth(above));
        let comment = comment.unwrap_or_default();
        let (who, what) = comment.split_once(": ").unwrap_or_default();
        assert!(who.starts_with("# ") && !what.is_empty(), "{name}: {comment:?}");
    }
}
