//! How far an operation reaches: what it asks for by the actions of the policy, held against the scopes of an API
//! token.

use std::collections::{HashMap, HashSet};

use async_graphql::parser::types::{
    ExecutableDocument, Field, OperationType, Selection, SelectionSet, Type, VariableDefinition,
};
use async_graphql::{Name, Positioned};
use async_graphql_value::Value;

use super::shape::{Input, SHAPE, Shape, named};
use super::{Operation, chosen};
use crate::domain::policy::listing::{self, CARRIED};
use crate::domain::policy::scopes::Scopes;

impl Operation {
    /// The first action that the operation needs and no scope covers: a field answers to one action or to several, and
    /// one of them has to be covered. What is only a part of another object answers to none. What restricts a list
    /// answers as the field would that shows the same, or who may not read it could find it out by trying.
    pub fn uncovered(&mut self, scopes: Scopes) -> Option<&'static str> {
        let name = self.request.operation_name.clone();
        let variables = self.request.variables.clone();
        // It was parsed before it came here.
        let document = self.request.parsed_query().ok()?;
        let operation = chosen(document, name.as_deref())?;
        let root = match operation.ty {
            OperationType::Query => "Query",
            OperationType::Mutation => "Mutation",
            OperationType::Subscription => "Subscription",
        };
        let given = |definition: &Positioned<VariableDefinition>| {
            let name = &definition.node.name.node;
            let stated = definition.node.default_value.as_ref().map(|value| &value.node);
            let value = variables.get(name).or(stated)?;
            Some((name.clone(), value.clone().into_value()))
        };
        let mut walk = Walk {
            document,
            shape: &SHAPE,
            variables: operation.variable_definitions.iter().filter_map(given).collect(),
            scopes,
            known: HashSet::new(),
        };
        walk.set(&operation.selection_set.node, Some(root))
    }
}

/// A walk through the fields of one operation, each fragment once.
struct Walk<'a> {
    document: &'a ExecutableDocument,
    shape: &'a Shape,
    /// What the variables hold.
    variables: HashMap<Name, Value>,
    scopes: Scopes,
    known: HashSet<&'a Name>,
}

impl<'a> Walk<'a> {
    fn set(&mut self, set: &'a SelectionSet, of: Option<&'a str>) -> Option<&'static str> {
        set.items.iter().find_map(|selection| match &selection.node {
            Selection::Field(field) => {
                let name = field.node.name.node.as_str();
                self.field(of?, name)
                    .or_else(|| self.arguments(of, &field.node))
                    .or_else(|| {
                        let inner = self.shape.output(of, name)?;
                        self.set(&field.node.selection_set.node, Some(&inner.of))
                    })
            }
            Selection::InlineFragment(fragment) => {
                let condition = fragment.node.type_condition.as_ref();
                let of = condition.map(|condition| condition.node.on.node.as_str()).or(of);
                self.set(&fragment.node.selection_set.node, of)
            }
            Selection::FragmentSpread(spread) => {
                let (name, fragment) = self.document.fragments.get_key_value(&spread.node.fragment_name.node)?;
                if !self.known.insert(name) {
                    return None;
                }
                let on = fragment.node.type_condition.node.on.node.as_str();
                self.set(&fragment.node.selection_set.node, Some(on))
            }
        })
    }

    /// The action of an argument that is not covered.
    fn arguments(&self, of: Option<&str>, field: &Field) -> Option<&'static str> {
        let output = self.shape.output(of, field.name.node.as_str())?;
        field.arguments.iter().find_map(|(name, value)| {
            let (ty, _) = output.arguments.get(name.node.as_str())?;
            self.value(ty, &value.node)
        })
    }

    /// The action of what an input sets that is not covered. What is null restricts nothing.
    fn value(&self, ty: &Type, value: &Value) -> Option<&'static str> {
        match value {
            Value::Variable(name) => self.value(ty, self.variables.get(name)?),
            Value::List(items) => items.iter().find_map(|item| self.value(ty, item)),
            Value::Object(set) => {
                let of = named(ty);
                let Some(Input::Object(known)) = self.shape.input(of) else {
                    return None;
                };
                set.iter()
                    .filter(|(_, inner)| !self.is_null(inner))
                    .find_map(|(name, inner)| {
                        let (ty, _) = known.get(name.as_str())?;
                        self.field(of, name.as_str()).or_else(|| self.value(ty, inner))
                    })
            }
            Value::Null
            | Value::Number(_)
            | Value::String(_)
            | Value::Boolean(_)
            | Value::Binary(_)
            | Value::Enum(_) => None,
        }
    }

    fn is_null(&self, value: &Value) -> bool {
        match value {
            Value::Variable(name) => self.variables.get(name).is_none_or(|value| *value == Value::Null),
            other => *other == Value::Null,
        }
    }

    /// The action that is not covered. Fields that are not listed are those of interfaces, which their objects answer
    /// for, of the library itself, and such as the library will refuse.
    fn field(&self, of: &str, name: &str) -> Option<&'static str> {
        let actions = listing::actions_of(of, name)?;
        let covered = actions == [CARRIED] || actions.iter().any(|action| self.scopes.cover(action));
        if covered { None } else { actions.first().copied() }
    }
}
