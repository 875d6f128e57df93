//! Inputs as the schema has them: filled from top to bottom, and the places in them where a text stands.

use async_graphql::parser::types::{BaseType, Type, TypeDefinition, TypeKind};
use serde_json::{Map, Value, json};

/// What stands at a place that is written as a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaf {
    Text,
    Id,
    Instant,
    Day,
    Decimal,
}

impl Leaf {
    /// By the name of the type; `None` for what is no text.
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "String" => Some(Self::Text),
            "ID" => Some(Self::Id),
            "DateTime" => Some(Self::Instant),
            "NaiveDate" => Some(Self::Day),
            "Decimal" => Some(Self::Decimal),
            _ => None,
        }
    }
}

/// Where in an argument a text stands.
#[derive(Debug, Clone)]
pub struct Place {
    /// Names and places in lists, the argument first.
    pub path: Vec<String>,
    pub leaf: Leaf,
    /// What the schema says of it, and of the fields that hold it.
    pub said: Vec<String>,
}

/// The name of the type without lists.
pub fn named(of: &Type) -> &str {
    match &of.base {
        BaseType::Named(name) => name.as_str(),
        BaseType::List(inner) => named(inner),
    }
}

fn find<'a>(types: &'a [TypeDefinition], name: &str) -> Option<&'a TypeKind> {
    types
        .iter()
        .find(|found| found.name.node == name)
        .map(|found| &found.kind)
}

/// A value of a type: what is given, and the rest made up. `name` is that of the field, `known` has identifiers by kind.
pub fn fill(types: &[TypeDefinition], ty: &Type, name: &str, given: Option<&Value>, known: &Value) -> Value {
    if let Some(Value::Null) = given {
        return Value::Null;
    }
    match &ty.base {
        BaseType::List(inner) => match given {
            Some(Value::Array(items)) if !items.is_empty() => items
                .iter()
                .map(|item| fill(types, inner, name, Some(item), known))
                .collect(),
            _ => json!([fill(types, inner, name, None, known)]),
        },
        BaseType::Named(of) => match (find(types, of), given) {
            (Some(TypeKind::InputObject(input)), _) => {
                let mut object = Map::new();
                for field in input.fields.iter().map(|field| &field.node) {
                    let name = field.name.node.as_str();
                    let given = given.and_then(|given| given.get(name));
                    object.insert(name.to_owned(), fill(types, &field.ty.node, name, given, known));
                }
                Value::Object(object)
            }
            (_, Some(given)) => given.clone(),
            (Some(TypeKind::Enum(found)), None) => json!(found.values[0].node.value.node.as_str()),
            (_, None) => plain(of, name, known),
        },
    }
}

/// The identifier of the kind that a name says, an edition's where it says none.
pub fn of_kind<'a>(known: &'a Value, name: &str) -> &'a Value {
    let name = name.to_lowercase();
    let kinds = known.as_object().expect("identifiers by kind");
    let named = kinds.iter().filter(|(kind, _)| name.contains(kind.as_str()));
    let best = named.max_by_key(|(kind, _)| kind.len());
    best.map_or(&known["edition"], |(_, id)| id)
}

/// A value of a scalar that fits its name.
fn plain(of: &str, name: &str, known: &Value) -> Value {
    match (of, name) {
        ("Boolean", _) => json!(false),
        ("String", "country" | "countries") => json!("UY"),
        ("String", "timeZone") => json!("America/Montevideo"),
        ("String", "email") => json!("somebody@example.org"),
        ("String", "password" | "newPassword") => json!("elefante azul en junio"),
        ("String", "months") => json!("2026-03"),
        ("String", "question" | "choices" | "purpose") => json!("text"),
        ("String", _) => json!("Text"),
        ("ID", _) => of_kind(known, name).clone(),
        ("DateTime", "asAt") => json!("2026-03-01T12:00:00Z"),
        ("DateTime", _) => json!("2026-03-20T12:00:00Z"),
        ("NaiveDate", _) => json!("2026-05-01"),
        ("Decimal", _) => json!("50"),
        _ => json!(1),
    }
}

/// Every place below `path` where a text stands.
pub fn places(types: &[TypeDefinition], ty: &Type, path: &[String], said: &[String], value: &Value) -> Vec<Place> {
    let below = |step: &str| -> Vec<String> { path.iter().cloned().chain([step.to_owned()]).collect() };
    match (&ty.base, value) {
        (BaseType::List(inner), Value::Array(items)) => items
            .iter()
            .enumerate()
            .flat_map(|(place, item)| places(types, inner, &below(&place.to_string()), said, item))
            .collect(),
        (_, Value::Null) | (BaseType::List(_), _) => Vec::new(),
        (BaseType::Named(of), value) => match find(types, of) {
            Some(TypeKind::InputObject(input)) => input
                .fields
                .iter()
                .map(|field| &field.node)
                .flat_map(|field| {
                    let name = field.name.node.as_str();
                    let own = field.description.as_ref().map(|text| text.node.clone());
                    let said: Vec<String> = said.iter().cloned().chain(own).collect();
                    places(types, &field.ty.node, &below(name), &said, &value[name])
                })
                .collect(),
            _ => Leaf::of(of)
                .map(|leaf| Place {
                    path: path.to_vec(),
                    leaf,
                    said: said.to_vec(),
                })
                .into_iter()
                .collect(),
        },
    }
}

/// A path as [`with`] takes it.
pub fn pointer(path: &[String]) -> String {
    path.iter().flat_map(|step| ["/", step]).collect()
}

/// The value with something else at a place, such as `/answers/0/text`.
#[track_caller]
pub fn with(value: &Value, pointer: &str, put: Value) -> Value {
    let mut value = value.clone();
    let place = value
        .pointer_mut(pointer)
        .unwrap_or_else(|| panic!("nothing at {pointer}"));
    *place = put;
    value
}
