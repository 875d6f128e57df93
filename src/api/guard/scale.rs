//! The weight of a parsed document: what its selections come to when every fragment stands in its place.
//!
//! Every fragment is weighed once and remembered, so the work grows with the length of the document and
//! not with what it would expand to.

use std::collections::HashMap;

use async_graphql::parser::types::{ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet};
use async_graphql::{Name, Positioned, Variables};
use async_graphql_value::Value;

use super::refusal::{Limit, Refusal};
use super::shape::Shape;
use crate::config::Limits;

/// The page size that a connection counts with when its variable does not say.
const UNKNOWN_PAGE: u64 = 100;

/// The lists of introspection by which types lead to types again.
const LOOPING: [&str; 4] = ["fields", "interfaces", "possibleTypes", "inputFields"];

/// How many of them may stand within each other. What tools ask for needs one.
const LOOPS: usize = 2;

/// What a selection comes to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weight {
    /// Fields at its own level.
    pub own: u64,
    /// Fields at all levels.
    pub fields: u64,
    /// Objects, and plain values under another name, that the answer may hold.
    pub cost: u64,
    /// Levels of fields.
    pub depth: usize,
    /// Fragments within fragments.
    pub chain: usize,
    /// Looping lists of introspection within each other.
    pub loops: usize,
    /// Whether it asks for the schema.
    pub introspects: bool,
    /// The lists without pages that stand in it, a bit each.
    pub lists: u64,
}

impl Weight {
    /// Adds what stands beside it.
    fn beside(&mut self, other: Self) {
        self.own = self.own.saturating_add(other.own);
        self.fields = self.fields.saturating_add(other.fields);
        self.cost = self.cost.saturating_add(other.cost);
        self.depth = self.depth.max(other.depth);
        self.chain = self.chain.max(other.chain);
        self.loops = self.loops.max(other.loops);
        self.introspects |= other.introspects;
        self.lists |= other.lists;
    }
}

/// Weighs one document.
pub struct Scale<'a> {
    document: &'a ExecutableDocument,
    /// The operation that runs, whose defaults stand for what is not given.
    runs: Option<&'a OperationDefinition>,
    variables: &'a Variables,
    shape: &'a Shape,
    limits: &'a Limits,
    known: HashMap<&'a Name, Option<Weight>>,
    /// How many fragments and fields are open, so that weighing itself cannot nest without end.
    open: usize,
}

impl<'a> Scale<'a> {
    /// A scale for one document, of which this operation runs with these variables. What others would cost is not
    /// asked, so a fragment has one weight.
    pub fn new(
        document: &'a ExecutableDocument,
        runs: Option<&'a OperationDefinition>,
        variables: &'a Variables,
        shape: &'a Shape,
        limits: &'a Limits,
    ) -> Self {
        Self {
            document,
            runs,
            variables,
            shape,
            limits,
            known: HashMap::new(),
            open: 0,
        }
    }

    /// The weight of a selection on the type `of`.
    pub fn set(&mut self, set: &'a SelectionSet, of: Option<&'a str>) -> Result<Weight, Refusal> {
        let most = (self.limits.depth.max(self.limits.introspection_depth) + 1) * 3;
        if self.open > most {
            return Err(Refusal::over(Limit::Depth, self.limits.depth));
        }
        self.open += 1;
        let mut weight = Weight::default();
        for selection in &set.items {
            let part = match &selection.node {
                Selection::Field(field) => self.field(&field.node, of)?,
                Selection::InlineFragment(fragment) => {
                    let condition = fragment.node.type_condition.as_ref();
                    let of = condition.map(|condition| condition.node.on.node.as_str()).or(of);
                    self.set(&fragment.node.selection_set.node, of)?
                }
                Selection::FragmentSpread(spread) => self.fragment(&spread.node.fragment_name.node)?,
            };
            weight.beside(part);
        }
        self.open -= 1;
        Ok(weight)
    }

    /// The weight of a fragment, which is remembered. One that does not exist is for the library to refuse.
    pub fn fragment(&mut self, name: &'a Name) -> Result<Weight, Refusal> {
        match self.known.get(name) {
            Some(Some(weight)) => return Ok(*weight),
            Some(None) => return Err(Refusal::Cycle),
            None => {}
        }
        let Some(fragment) = self.document.fragments.get(name) else {
            return Ok(Weight::default());
        };
        self.known.insert(name, None);
        let on = fragment.node.type_condition.node.on.node.as_str();
        let mut weight = self.set(&fragment.node.selection_set.node, Some(on))?;
        weight.chain += 1;
        if weight.chain > self.limits.depth {
            return Err(Refusal::over(Limit::Depth, self.limits.depth));
        }
        self.known.insert(name, Some(weight));
        Ok(weight)
    }

    fn field(&mut self, field: &'a Field, of: Option<&'a str>) -> Result<Weight, Refusal> {
        let name = field.name.node.as_str();
        if name == "__schema" || name == "__type" {
            return self.introspection(field);
        }
        let output = self.shape.output(of, name);
        let inner = self.set(&field.selection_set.node, output.map(|output| output.of.as_str()))?;
        let list = output.and_then(|output| output.list);
        let bit = list.map_or(0, |list| list.bit);
        // What a list comes to within itself grows with each level, whatever it is weighed with.
        if inner.lists & bit != 0 {
            return Err(Refusal::over(Limit::Cost, self.limits.cost));
        }
        let cost = match (self.page_size(field), list) {
            // A plain value under another name is one more copy of it in each object, and a page multiplies objects.
            _ if field.selection_set.node.items.is_empty() => u64::from(field.alias.is_some()),
            (Some(size), _) => inner.cost.saturating_mul(size).saturating_add(1),
            (None, Some(list)) => inner.cost.saturating_add(1).saturating_mul(list.items),
            (None, None) => inner.cost.saturating_add(1),
        };
        Ok(Weight {
            own: 1,
            fields: inner.fields.saturating_add(1),
            cost,
            depth: inner.depth + 1,
            loops: inner.loops + usize::from(LOOPING.contains(&name)),
            lists: inner.lists | bit,
            ..inner
        })
    }

    /// What asks for the schema has a depth of its own: tools ask deep, but never in loops.
    fn introspection(&mut self, field: &'a Field) -> Result<Weight, Refusal> {
        let inner = self.set(&field.selection_set.node, None)?;
        if inner.depth > self.limits.introspection_depth || inner.loops > LOOPS {
            return Err(Refusal::over(
                Limit::IntrospectionDepth,
                self.limits.introspection_depth,
            ));
        }
        Ok(Weight {
            own: 1,
            fields: inner.fields.saturating_add(1),
            cost: 1,
            depth: 1,
            loops: 0,
            introspects: true,
            ..inner
        })
    }

    /// The number of rows that a field asks for; `None` when it asks for no page.
    fn page_size(&self, field: &Field) -> Option<u64> {
        let given = |name: &str| field.arguments.iter().find(|(argument, _)| argument.node == name);
        let (_, value) = given("first").or_else(|| given("last"))?;
        Some(self.number(value).unwrap_or(UNKNOWN_PAGE).clamp(1, UNKNOWN_PAGE))
    }

    fn number(&self, value: &Positioned<Value>) -> Option<u64> {
        match &value.node {
            Value::Number(number) => number.as_u64(),
            Value::Variable(name) => match self.given(name)? {
                async_graphql::Value::Number(number) => number.as_u64(),
                _ => None,
            },
            _ => None,
        }
    }

    /// What a variable is when the operation runs: what came with the request, or else its default.
    fn given(&self, name: &Name) -> Option<&async_graphql::Value> {
        self.variables.get(name).or_else(|| {
            let mut defined = self.runs?.variable_definitions.iter();
            let found = defined.find(|variable| variable.node.name.node == *name)?;
            found.node.default_value.as_ref().map(|value| &value.node)
        })
    }
}
