//! The whole numbers that a document states where the schema wants an `Int`: 32 bits, as the specification has them.
//! The library takes what fits into 64.

use async_graphql::Pos;
use async_graphql::parser::types::{BaseType, ExecutableDocument, OperationType, Selection, SelectionSet, Type};
use async_graphql_value::Value;

use super::refusal::Refusal;
use super::shape::{Input, Shape};
use super::variables::is_int;

/// Refuses the first number of a document that is no `Int` and stands where one should. Whatever else may be wrong with
/// a literal is for the library to refuse.
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

/// A number that is no `Int`: where it stands, and what should stand there.
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
        (BaseType::Named(name), Value::Number(number)) if name == "Int" && !is_int(number) => Err(Misfit {
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
