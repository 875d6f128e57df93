//! Fields: what an ordinary one counts, and which ones of the schema count as more.

use async_graphql::Positioned;
use async_graphql::parser::types::{FieldDefinition, TypeDefinition, TypeKind};
use rumbo::domain::rate::{self, Class};
use serde_json::json;

use super::{assert_limited, from};
use crate::support::app::TestApp;
use crate::support::input::named;
use crate::support::sdl::{fields, types};

#[tokio::test]
async fn ordinary_fields_count_one_by_one_and_send_no_statement() {
    let test = TestApp::having(|settings| {
        settings.rates.enabled = true;
        (settings.rates.anonymous.burst, settings.rates.person.burst) = (10, 4);
        settings.http.proxies = vec!["10.0.0.0/8".parse().expect("a network")];
    })
    .await;
    let four = json!({ "query": "{ a: measures { measure } b: measures { measure } ...F } fragment F on Query { c: measures { measure } d: measures { measure } }" });
    let before = test.app.db.statements();
    from(&test, "192.0.2.1", &[], four.clone()).await.at("d");
    from(&test, "192.0.2.1", &[], four.clone()).await.at("d");
    assert_limited(&from(&test, "192.0.2.1", &[], four.clone()).await, 1);
    assert_eq!(test.app.db.statements(), before);
    let spoofed = [("x-forwarded-for", "198.51.100.1"), ("forwarded", "for=198.51.100.1")];
    assert_limited(&from(&test, "192.0.2.1", &spoofed, four.clone()).await, 1);
    from(&test, "10.0.0.1", &spoofed, four.clone()).await.at("d");
    from(&test, "10.0.0.2", &spoofed, four.clone()).await.at("d");
    assert_limited(&from(&test, "10.0.0.3", &spoofed, four.clone()).await, 1);

    let person = test.person("Eva").await;
    let bearer = format!("Bearer {}", person.token().expect("a token"));
    let own = [("authorization", bearer.as_str())];
    from(&test, "192.0.2.1", &own, four.clone()).await.at("d");
    assert_limited(&from(&test, "192.0.2.77", &own, four).await, 1);
}

#[tokio::test]
async fn every_limited_field_is_one_of_the_schema() {
    let sdl = rumbo::api::sdl();
    for (name, _) in rate::FIELDS {
        assert!(sdl.contains(&format!("\n\t{name}(")), "{name}");
    }
}

#[test]
fn whatever_takes_the_token_of_a_message_counts_as_a_proof() {
    let types = types();
    let says = |description: Option<&Positioned<String>>| {
        description.is_some_and(|text| text.node.starts_with("The token of the message"))
    };
    let holds = |of: &TypeDefinition| match &of.kind {
        TypeKind::InputObject(input) => input.fields.iter().any(|field| says(field.node.description.as_ref())),
        _ => false,
    };
    let inputs: Vec<&str> = types
        .iter()
        .filter(|of| holds(of))
        .map(|of| of.name.node.as_str())
        .collect();
    let takes = |field: &&FieldDefinition| {
        field.arguments.iter().any(|argument| {
            let argument = &argument.node;
            says(argument.description.as_ref()) || inputs.contains(&named(&argument.ty.node))
        })
    };
    let roots = fields(&types, "Query").into_iter().chain(fields(&types, "Mutation"));
    let taking: Vec<&str> = roots.filter(takes).map(|field| field.name.node.as_str()).collect();
    assert_eq!(taking.len(), 8, "{taking:?}");
    for field in taking {
        assert_eq!(Class::of(field), Some(Class::SignIn), "{field}");
    }
}
