//! The values that a document states: each of the type of its place. The library takes whole numbers of 64 bits for an
//! `Int`, which has 32 by the specification, and reads scalars of our own only when their field runs, after the fields
//! before it were carried out; of the others it says in English alone what is wrong.

use async_graphql::Pos;
use async_graphql::parser::types::{BaseType, ExecutableDocument, OperationType, Selection, SelectionSet, Type};
use async_graphql_value::Value;

use super::refusal::Refusal;
use super::shape::{Input, Shape};
use super::variables::scalar;

/// Refuses the first value of a document that is not of the type of its place. What is missing, and what the schema does
/// not have, is for the library to refuse.
pub fn check(shape: &Shape, document: &ExecutableDocument) -> Result<(), Refusal> {
    for (_, operation) in document.operations.iter() {
        let operation = &operation.node;
        for definition in &operation.variable_definitions {
            let definition = &definition.node;
            if let Some(value) = &definition.default_value {
                let path = vec![definition.name.node.to_string()];
                let stated = value.node.clone().into_value();
                fits(shape, &definition.var_type.node, &stated, path).map_err(|misfit| misfit.refusal(value.pos))?;
            }
        }
        let root = match operation.ty {
            OperationType::Query => "Query",
            OperationType::Mutation => "Mutation",
            OperationType::Subscription => "Subscription",
        };
        selections(shape, &operation.selection_set.node, Some(root))?;
    }
    for fragment in document.fragments.values() {
        let on = fragment.node.type_condition.node.on.node.as_str();
        selections(shape, &fragment.node.selection_set.node, Some(on))?;
    }
    Ok(())
}

fn selections(shape: &Shape, set: &SelectionSet, of: Option<&str>) -> Result<(), Refusal> {
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) => {
                // What the schema does not have is for the library to refuse.
                let Some(output) = shape.output(of, &field.node.name.node) else {
                    continue;
                };
                for (name, value) in &field.node.arguments {
                    if let Some(ty) = output.arguments.get(name.node.as_str()) {
                        fits(shape, ty, &value.node, vec![name.node.to_string()])
                            .map_err(|misfit| misfit.refusal(value.pos))?;
                    }
                }
                selections(shape, &field.node.selection_set.node, Some(&output.of))?;
            }
            Selection::InlineFragment(fragment) => {
                let condition = fragment.node.type_condition.as_ref();
                let of = condition.map(|condition| condition.node.on.node.as_str()).or(of);
                selections(shape, &fragment.node.selection_set.node, of)?;
            }
            // Every fragment is looked at once, on its own.
            Selection::FragmentSpread(_) => {}
        }
    }
    Ok(())
}

/// A value that is not of its type: where it stands, and what should stand there.
struct Misfit {
    path: Vec<String>,
    expected: String,
}

impl Misfit {
    fn refusal(self, place: Pos) -> Refusal {
        Refusal::Literal {
            place,
            path: self.path,
            expected: self.expected,
        }
    }
}

fn fits(shape: &Shape, ty: &Type, value: &Value, path: Vec<String>) -> Result<(), Misfit> {
    let below = |step: &str| [path.clone(), vec![step.to_owned()]].concat();
    match (&ty.base, value) {
        (BaseType::List(inner), Value::List(items)) => {
            for (place, item) in items.iter().enumerate() {
                fits(shape, inner, item, below(&place.to_string()))?;
            }
            Ok(())
        }
        (BaseType::List(inner), single) => fits(shape, inner, single, path),
        (BaseType::Named(name), value) if !is_of(shape, name, value) => Err(Misfit {
            path,
            expected: ty.to_string(),
        }),
        (BaseType::Named(name), Value::Object(given)) => {
            if let Some(Input::Object(fields)) = shape.input(name) {
                for (field, value) in given {
                    if let Some((of, _)) = fields.get(field.as_str()) {
                        fits(shape, of, value, below(field))?;
                    }
                }
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Whether a value may stand where the schema has this type; of the fields of an object each is asked for itself.
fn is_of(shape: &Shape, name: &str, value: &Value) -> bool {
    match (shape.input(name), value) {
        // Of a variable the type is looked at where it is declared, and whether null may stand there by the library.
        (_, Value::Variable(_) | Value::Null) => true,
        (Some(Input::Object(_)), value) => matches!(value, Value::Object(_)),
        (Some(Input::Enum(names)), Value::Enum(word)) => names.contains(word.as_str()),
        (Some(Input::Enum(_)), _) | (Some(Input::Scalar) | None, Value::Enum(_)) => false,
        (Some(Input::Scalar) | None, value) => {
            let whole = value.clone().into_const();
            whole.is_none_or(|value| scalar(name, &value))
        }
    }
}
