//! The schema as the tests read it: from its definition language.

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{FieldDefinition, TypeDefinition, TypeKind, TypeSystemDefinition};

/// Every type that the schema defines.
pub fn types() -> Vec<TypeDefinition> {
    let document = parse_schema(rumbo::api::sdl()).expect("the schema parses");
    let mut types = Vec::new();
    for definition in document.definitions {
        if let TypeSystemDefinition::Type(found) = definition {
            types.push(found.node);
        }
    }
    types
}

/// The fields of an object type; none when there is no such type.
pub fn fields<'a>(types: &'a [TypeDefinition], name: &str) -> Vec<&'a FieldDefinition> {
    types
        .iter()
        .filter(|found| found.name.node == name)
        .flat_map(|found| match &found.kind {
            TypeKind::Object(object) => object.fields.as_slice(),
            _ => &[],
        })
        .map(|field| &field.node)
        .collect()
}
