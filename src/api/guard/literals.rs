//! The values that a document states, and the variables that it puts in their place: each of the type of that place. The
//! library takes whole numbers of 64 bits for an `Int`, which has 32 by the specification. It reads scalars of our own
//! only when their field runs, after the fields before it were carried out; it looks at no argument in which a variable
//! has no value, and at no variable's type where it stands. Of the rest it says in English alone what is wrong.

use std::collections::{HashMap, HashSet};

use async_graphql::parser::types::{
    BaseType, Directive, ExecutableDocument, FragmentDefinition, OperationDefinition, OperationType, Selection,
    SelectionSet, Type,
};
use async_graphql::{Pos, Positioned, Variables};
use async_graphql_value::Value;

use super::misfit::Misfit;
use super::refusal::Refusal;
use super::shape::{Input, Shape};
use super::variables::{absent, scalar};

/// Refuses the first value of a document that is not of the type of its place, and the first variable of the operation
/// that runs which need not be (section 5.8.5 of the specification). Arguments that are missing, and fields and arguments
/// that the schema does not have, are for the library to refuse.
pub fn check(
    shape: &Shape,
    document: &ExecutableDocument,
    runs: &OperationDefinition,
    variables: &Variables,
) -> Result<(), Refusal> {
    let mut reading = Reading {
        shape,
        document,
        variables,
        declared: Some(declared(runs)),
        read: HashSet::new(),
    };
    reading.operation(runs)?;
    // Of the others, and of the fragments that only they spread, nothing runs.
    reading.declared = None;
    for (_, operation) in document.operations.iter() {
        if !std::ptr::eq(&raw const operation.node, runs) {
            reading.operation(&operation.node)?;
        }
    }
    document
        .fragments
        .iter()
        .try_for_each(|(name, fragment)| reading.fragment(name, fragment))
}

/// What an operation declares of a variable.
struct Variable<'a> {
    ty: &'a Type,
    has_default: bool,
}

fn declared(operation: &OperationDefinition) -> HashMap<&str, Variable<'_>> {
    let definitions = operation.variable_definitions.iter().map(|definition| {
        let definition = &definition.node;
        let default = definition.default_value.as_ref();
        let variable = Variable {
            ty: &definition.var_type.node,
            has_default: default.is_some_and(|value| value.node != async_graphql::Value::Null),
        };
        (definition.name.node.as_str(), variable)
    });
    definitions.collect()
}

struct Reading<'a> {
    shape: &'a Shape,
    document: &'a ExecutableDocument,
    variables: &'a Variables,
    /// The variables of the operation that is read, where it is the one that runs.
    declared: Option<HashMap<&'a str, Variable<'a>>>,
    /// The fragments that were read: each once.
    read: HashSet<&'a str>,
}

impl<'a> Reading<'a> {
    fn operation(&mut self, operation: &'a OperationDefinition) -> Result<(), Refusal> {
        for definition in &operation.variable_definitions {
            let definition = &definition.node;
            if let Some(value) = &definition.default_value {
                let stated = value.node.clone().into_value();
                self.fits((&definition.var_type.node, false), &stated)
                    .map_err(|misfit| refusal(misfit, &definition.name.node, value.pos))?;
            }
        }
        let root = match operation.ty {
            OperationType::Query => "Query",
            OperationType::Mutation => "Mutation",
            OperationType::Subscription => "Subscription",
        };
        self.directives(&operation.directives)?;
        self.selections(&operation.selection_set.node, Some(root))
    }

    fn fragment(&mut self, name: &'a str, fragment: &'a Positioned<FragmentDefinition>) -> Result<(), Refusal> {
        if !self.read.insert(name) {
            return Ok(());
        }
        let on = fragment.node.type_condition.node.on.node.as_str();
        self.selections(&fragment.node.selection_set.node, Some(on))
    }

    fn selections(&mut self, set: &'a SelectionSet, of: Option<&str>) -> Result<(), Refusal> {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    self.directives(&field.node.directives)?;
                    // What the schema does not have is for the library to refuse.
                    let output = self.shape.output(of, &field.node.name.node);
                    for (name, value) in &field.node.arguments {
                        let place = output.and_then(|output| output.arguments.get(name.node.as_str()));
                        if let Some((ty, required)) = place {
                            self.fits((ty, *required), &value.node)
                                .map_err(|misfit| refusal(misfit, &name.node, value.pos))?;
                        }
                    }
                    let of = output.map(|output| output.of.as_str());
                    self.selections(&field.node.selection_set.node, of)?;
                }
                Selection::InlineFragment(fragment) => {
                    self.directives(&fragment.node.directives)?;
                    let condition = fragment.node.type_condition.as_ref();
                    let of = condition.map(|condition| condition.node.on.node.as_str()).or(of);
                    self.selections(&fragment.node.selection_set.node, of)?;
                }
                Selection::FragmentSpread(spread) => {
                    self.directives(&spread.node.directives)?;
                    let name = &spread.node.fragment_name.node;
                    // Without variables of its own each is read with the document.
                    if self.declared.is_some()
                        && let Some((name, fragment)) = self.document.fragments.get_key_value(name)
                    {
                        self.fragment(name, fragment)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// `@skip` and `@include`, which decide what runs.
    fn directives(&self, directives: &[Positioned<Directive>]) -> Result<(), Refusal> {
        if directives.is_empty() {
            return Ok(());
        }
        let condition = Type::new("Boolean!").expect("a type that is well formed");
        let known = directives
            .iter()
            .filter(|directive| ["include", "skip"].contains(&directive.node.name.node.as_str()));
        for directive in known {
            for (name, value) in &directive.node.arguments {
                if name.node == "if" {
                    self.fits((&condition, true), &value.node)
                        .map_err(|misfit| refusal(misfit, &name.node, value.pos))?;
                }
            }
        }
        Ok(())
    }

    /// Whether a value may stand in a place of this type, in which there must be one or not.
    fn fits(&self, place: (&Type, bool), value: &Value) -> Result<(), Misfit> {
        let (ty, required) = place;
        let misfit = || Err(Misfit::of(ty));
        match (&ty.base, value) {
            (_, Value::Variable(name)) => {
                let declared = self.declared.as_ref().and_then(|declared| declared.get(name.as_str()));
                // One that is not declared is for the library to refuse. A default stands for none that is given, not
                // for null.
                let is_null = self.variables.get(name) == Some(&async_graphql::Value::Null);
                match declared {
                    Some(variable) if !variable.may_stand(ty, required) || is_null && !ty.nullable => misfit(),
                    _ => Ok(()),
                }
            }
            (_, Value::Null) if ty.nullable => Ok(()),
            (_, Value::Null) => misfit(),
            (BaseType::List(inner), Value::List(items)) => {
                for (place, item) in items.iter().enumerate() {
                    self.fits((inner, true), item)
                        .map_err(|misfit| misfit.below(&place.to_string()))?;
                }
                Ok(())
            }
            (BaseType::List(inner), single) => self.fits((inner, true), single),
            (BaseType::Named(name), value) => match (self.shape.input(name), value) {
                (Some(Input::Object(fields)), Value::Object(given)) => {
                    for (field, value) in given {
                        let Some((of, required)) = fields.get(field.as_str()) else {
                            return Err(Misfit::of(ty).below(field));
                        };
                        self.fits((of, *required), value)
                            .map_err(|misfit| misfit.below(field))?;
                    }
                    absent(fields, |field| given.contains_key(field)).map_or(Ok(()), Err)
                }
                (Some(Input::Enum(names)), Value::Enum(word)) if names.contains(word.as_str()) => Ok(()),
                (Some(Input::Scalar), value) if is_scalar(name, value) => Ok(()),
                (None, value) if !BUILT_IN.contains(&name.as_str()) || is_scalar(name, value) => Ok(()),
                _ => misfit(),
            },
        }
    }
}

/// The scalars that every schema has.
const BUILT_IN: [&str; 5] = ["Boolean", "Float", "ID", "Int", "String"];

/// Whether a scalar reads a value that a document states; a word without quotes is none, nor is what holds variables.
fn is_scalar(name: &str, value: &Value) -> bool {
    let stated = match value {
        Value::Enum(_) => None,
        value => value.clone().into_const(),
    };
    stated.is_some_and(|stated| scalar(name, &stated))
}

impl Variable<'_> {
    /// Whether what it may hold may stand in a place of this type; a default, its own or of the place, stands for null.
    fn may_stand(&self, ty: &Type, required: bool) -> bool {
        let place_has_default = !ty.nullable && !required;
        let may_be_null = self.ty.nullable && !self.has_default;
        (ty.nullable || place_has_default || !may_be_null) && is_kind(&self.ty.base, &ty.base)
    }
}

/// Whether all of one type is of the other, but for null at the top.
fn is_kind(one: &BaseType, other: &BaseType) -> bool {
    match (one, other) {
        (BaseType::Named(one), BaseType::Named(other)) => one == other,
        (BaseType::List(one), BaseType::List(other)) => {
            (other.nullable || !one.nullable) && is_kind(&one.base, &other.base)
        }
        _ => false,
    }
}

/// That what stands in an argument or a default, at this place of the document, is not of its type.
fn refusal(misfit: Misfit, name: &str, place: Pos) -> Refusal {
    let (path, expected) = misfit.below(name).told();
    Refusal::Literal { place, path, expected }
}
