//! How far an operation reaches: what it asks for by the actions of the policy, held against the scopes of an API token.

use std::collections::HashSet;

use async_graphql::Name;
use async_graphql::parser::types::{ExecutableDocument, OperationType, Selection, SelectionSet};

use super::shape::{SHAPE, Shape};
use super::{Operation, chosen};
use crate::domain::policy::listing::{self, CARRIED};
use crate::domain::policy::scopes::Scopes;

impl Operation {
    /// The first action that the operation needs and no scope covers: a field answers to one action or to several, and
    /// one of them has to be covered. What is only a part of another object answers to none.
    pub fn uncovered(&mut self, scopes: Scopes) -> Option<&'static str> {
        let name = self.request.operation_name.clone();
        // It was parsed before it came here.
        let document = self.request.parsed_query().ok()?;
        let operation = chosen(document, name.as_deref())?;
        let root = match operation.ty {
            OperationType::Query => "Query",
            OperationType::Mutation => "Mutation",
            OperationType::Subscription => "Subscription",
        };
        let mut walk = Walk {
            document,
            shape: &SHAPE,
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
    scopes: Scopes,
    known: HashSet<&'a Name>,
}

impl<'a> Walk<'a> {
    fn set(&mut self, set: &'a SelectionSet, of: Option<&'a str>) -> Option<&'static str> {
        set.items.iter().find_map(|selection| match &selection.node {
            Selection::Field(field) => {
                let name = field.node.name.node.as_str();
                self.field(of?, name).or_else(|| {
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

    /// The action that is not covered. Fields that are not listed are those of interfaces, which their objects answer
    /// for, of the library itself, and such as the library will refuse.
    fn field(&self, of: &str, name: &str) -> Option<&'static str> {
        let actions = listing::actions_of(of, name)?;
        let covered = actions == [CARRIED] || actions.iter().any(|action| self.scopes.cover(action));
        if covered { None } else { actions.first().copied() }
    }
}
