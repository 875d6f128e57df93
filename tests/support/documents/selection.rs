//! What a random document selects, and what stands beside it.

use std::fmt::Write as _;

use async_graphql::parser::types::{FieldDefinition, TypeDefinition, TypeKind};
use serde_json::json;

use super::{Maker, Node, leaf};
use crate::support::input::named;

impl<'a> Maker<'a> {
    pub(super) fn kind(&self, name: &str) -> Option<&'a TypeKind> {
        let types: &'a [TypeDefinition] = self.types;
        types
            .iter()
            .find(|found| found.name.node == name)
            .map(|found| &found.kind)
    }

    fn fields(&self, name: &str) -> Vec<&'a FieldDefinition> {
        let fields = match self.kind(name) {
            Some(TypeKind::Object(object)) => &object.fields,
            Some(TypeKind::Interface(interface)) => &interface.fields,
            _ => return Vec::new(),
        };
        fields.iter().map(|field| &field.node).collect()
    }

    fn objects(&self) -> Vec<&'a str> {
        let types: &'a [TypeDefinition] = self.types;
        let is_object = |found: &&TypeDefinition| matches!(found.kind, TypeKind::Object(_));
        types
            .iter()
            .filter(is_object)
            .map(|found| found.name.node.as_str())
            .collect()
    }

    /// A selection of one field of a type, with what is selected of it.
    pub(super) fn field(&mut self, of: &str, depth: usize) -> Node {
        let fields = self.fields(of);
        if fields.is_empty() || self.draw.percent(4) {
            return leaf("__typename");
        }
        let field = *self.draw.of(&fields);
        let mut head = String::new();
        if self.draw.percent(10) {
            write!(head, "a{}: ", self.draw.below(20)).expect("a string takes it");
        }
        head += field.name.node.as_str();
        if self.broken() {
            head.push(*self.draw.of(&['s', '_', '1']));
        }
        head += &self.arguments(of, field);
        head += &self.directive();
        let to = named(&field.ty.node);
        let mut inner = Vec::new();
        if self.is_leaf(to) == self.broken() {
            inner = self.set(to, depth + 1);
        }
        Node { head, inner }
    }

    fn is_leaf(&self, name: &str) -> bool {
        !matches!(
            self.kind(name),
            Some(TypeKind::Object(_) | TypeKind::Interface(_) | TypeKind::Union(_))
        )
    }

    fn set(&mut self, of: &str, depth: usize) -> Vec<Node> {
        let most = 1 + self.draw.below(4);
        let mut nodes = Vec::new();
        for _ in 0..most {
            if self.budget == 0 || depth > 12 {
                break;
            }
            self.budget -= 1;
            nodes.push(match self.draw.below(20) {
                0 => self.spread(of, depth),
                1 | 2 => self.inline(of, depth),
                _ => self.field(of, depth),
            });
        }
        if nodes.is_empty() {
            nodes.push(leaf("__typename"));
        }
        nodes
    }

    fn inline(&mut self, of: &str, depth: usize) -> Node {
        let abstracted = !matches!(self.kind(of), Some(TypeKind::Object(_)));
        let objects = self.objects();
        let on = if abstracted || self.broken() {
            (*self.draw.of(&objects)).to_owned()
        } else {
            of.to_owned()
        };
        let head = format!("... on {on}{}", self.directive());
        let inner = self.set(&on, depth);
        Node { head, inner }
    }

    fn spread(&mut self, of: &str, depth: usize) -> Node {
        let number = self.fragments.len();
        let objects = self.objects();
        let on = if self.broken() {
            (*self.draw.of(&objects)).to_owned()
        } else {
            of.to_owned()
        };
        let head = format!("fragment F{number} on {on}");
        self.fragments.push((head, Vec::new()));
        let mut nodes = self.set(&on, depth);
        if self.broken() {
            nodes.push(leaf(&format!("...F{}", self.draw.below(number + 2))));
        }
        self.fragments[number].1 = nodes;
        let number = if self.broken() { number + 7 } else { number };
        leaf(&format!("...F{number}{}", self.directive()))
    }

    pub(super) fn directive(&mut self) -> String {
        match self.draw.below(60) {
            0 => " @include(if: true)".to_owned(),
            1 => " @skip(if: true)".to_owned(),
            2 => {
                let number = self.variables.len();
                self.variables
                    .push((format!("v{number}"), "Boolean!".to_owned(), Some(json!(true))));
                format!(" @skip(if: $v{number})")
            }
            3 if self.broken() => " @nope".to_owned(),
            4 if self.broken() => " @deprecated(reason: 1)".to_owned(),
            5 if self.broken() => " @include".to_owned(),
            _ => String::new(),
        }
    }

    pub(super) fn introspection(&mut self) -> Node {
        let way = *self.draw.of(&[
            &["__schema", "types", "name"][..],
            &["__schema", "queryType", "fields", "args", "type", "ofType", "name"][..],
            &[
                "__schema", "types", "fields", "type", "fields", "type", "fields", "name",
            ][..],
            &["__type(name: \"Person\")", "fields", "name"][..],
            &["__type(name: \"\\u0000\")", "possibleTypes", "name"][..],
            &["__schema", "directives", "args", "defaultValue"][..],
        ]);
        let mut ways = way.iter().rev();
        let last = leaf(ways.next().expect("a way"));
        ways.fold(last, |inner, head| Node {
            head: (*head).to_owned(),
            inner: vec![inner],
        })
    }
}
