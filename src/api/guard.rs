//! Limits that hold before the library looks at a document.
//!
//! The library checks depth and cost inside its validation, which fragments that spread each other can
//! hold up for minutes. So the document is parsed here first, its selections are counted as they would
//! expand, each fragment once, and what is too large never reaches the library.

use std::collections::HashMap;

use async_graphql::parser::types::{ExecutableDocument, Field, Selection, SelectionSet};
use async_graphql::{Name, Positioned, Request, Variables};
use async_graphql_value::Value;

use crate::config::Limits;

/// Why a document is not looked at any further.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The document is longer than allowed.
    #[error("The document is longer than {0} bytes.")]
    TooLong(usize),
    /// The document is no GraphQL; the text says where.
    #[error("The document cannot be read: {0}")]
    Syntax(String),
    /// Its fragments spread themselves.
    #[error("The fragments of the document spread themselves.")]
    Cycle,
    /// Selections nest deeper than allowed.
    #[error("The selections nest deeper than {0}.")]
    TooDeep(usize),
    /// It selects more fields than allowed.
    #[error("The document selects more than {0} fields.")]
    TooWide(u64),
    /// It may cost more than allowed.
    #[error("The document may cost more than {0}: ask for fewer fields or smaller pages.")]
    TooCostly(u64),
}

impl Refusal {
    /// The stable code of the refusal.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong(_) => "DOCUMENT_TOO_LONG",
            Self::Syntax(_) => "GRAPHQL_PARSE_FAILED",
            Self::Cycle => "FRAGMENT_CYCLE",
            Self::TooDeep(_) => "TOO_DEEP",
            Self::TooWide(_) => "TOO_MANY_FIELDS",
            Self::TooCostly(_) => "TOO_COSTLY",
        }
    }

    /// Whether the document is no GraphQL at all, rather than too much of it.
    pub const fn is_syntax(&self) -> bool {
        matches!(self, Self::Syntax(_))
    }
}

/// What a selection comes to when every fragment is put in its place.
#[derive(Debug, Clone, Copy, Default)]
struct Weight {
    fields: u64,
    cost: u64,
    depth: usize,
}

impl Weight {
    fn add(&mut self, other: Self) {
        self.fields = self.fields.saturating_add(other.fields);
        self.cost = self.cost.saturating_add(other.cost);
        self.depth = self.depth.max(other.depth);
    }
}

/// Weighs one document; remembers what every fragment came to.
struct Scale<'a> {
    document: &'a ExecutableDocument,
    variables: &'a Variables,
    known: HashMap<&'a Name, Option<Weight>>,
    deepest: usize,
}

/// The page size that a connection's cost is multiplied by when a variable does not say.
const UNKNOWN_PAGE: u64 = 100;

impl<'a> Scale<'a> {
    fn set(&mut self, set: &'a SelectionSet, level: usize) -> Result<Weight, Refusal> {
        if level > self.deepest {
            return Err(Refusal::TooDeep(self.deepest));
        }
        let mut weight = Weight::default();
        for selection in &set.items {
            let part = match &selection.node {
                Selection::Field(field) => self.field(&field.node, level)?,
                Selection::InlineFragment(fragment) => self.set(&fragment.node.selection_set.node, level)?,
                Selection::FragmentSpread(spread) => self.fragment(&spread.node.fragment_name.node, level)?,
            };
            weight.add(part);
        }
        Ok(weight)
    }

    fn field(&mut self, field: &'a Field, level: usize) -> Result<Weight, Refusal> {
        let inner = self.set(&field.selection_set.node, level + 1)?;
        let size = self.page_size(field);
        Ok(Weight {
            fields: inner.fields.saturating_add(1),
            cost: inner.cost.saturating_mul(size).saturating_add(1),
            depth: inner.depth + 1,
        })
    }

    fn fragment(&mut self, name: &'a Name, level: usize) -> Result<Weight, Refusal> {
        match self.known.get(name) {
            Some(Some(weight)) if level + weight.depth > self.deepest + 1 => {
                return Err(Refusal::TooDeep(self.deepest));
            }
            Some(Some(weight)) => return Ok(*weight),
            Some(None) => return Err(Refusal::Cycle),
            None => {}
        }
        let Some(fragment) = self.document.fragments.get(name) else {
            return Ok(Weight::default());
        };
        self.known.insert(name, None);
        let weight = self.set(&fragment.node.selection_set.node, level)?;
        self.known.insert(name, Some(weight));
        Ok(weight)
    }

    fn page_size(&self, field: &Field) -> u64 {
        let given = |name: &str| field.arguments.iter().find(|(argument, _)| argument.node == name);
        let Some((_, value)) = given("first").or_else(|| given("last")) else {
            return 1;
        };
        self.number(value).unwrap_or(UNKNOWN_PAGE).clamp(1, UNKNOWN_PAGE)
    }

    fn number(&self, value: &Positioned<Value>) -> Option<u64> {
        match &value.node {
            Value::Number(number) => number.as_u64(),
            Value::Variable(name) => match self.variables.get(name)? {
                async_graphql::Value::Number(number) => number.as_u64(),
                _ => None,
            },
            _ => None,
        }
    }
}

/// Refuses what is too long, too deep, too wide or too costly; otherwise returns the request, parsed.
pub fn check(mut request: Request, limits: &Limits) -> Result<Request, Refusal> {
    if request.query.len() > limits.document_bytes {
        return Err(Refusal::TooLong(limits.document_bytes));
    }
    let variables = request.variables.clone();
    let operation_name = request.operation_name.clone();
    let document = request
        .parsed_query()
        .map_err(|fault| Refusal::Syntax(first_line(&fault.message)))?;
    let mut scale = Scale {
        document,
        variables: &variables,
        known: HashMap::new(),
        deepest: limits.depth,
    };
    let mut whole = Weight::default();
    let named = operation_name.as_deref();
    for (name, operation) in document.operations.iter() {
        // Of several operations only the named one runs; without a name all are weighed, and none will run.
        if named.is_some_and(|named| name.is_some_and(|name| name.as_str() != named)) {
            continue;
        }
        whole.add(scale.set(&operation.node.selection_set.node, 1)?);
    }
    if whole.fields > limits.selections {
        return Err(Refusal::TooWide(limits.selections));
    }
    if whole.cost > limits.cost {
        return Err(Refusal::TooCostly(limits.cost));
    }
    Ok(request)
}

/// The parser's message without the text of the document that it quotes.
fn first_line(message: &str) -> String {
    let place = message.lines().next().unwrap_or_default().trim();
    let reason = message
        .lines()
        .last()
        .unwrap_or_default()
        .trim_start_matches([' ', '=']);
    format!("{place} {reason}").chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn limits() -> Limits {
        Limits {
            body_bytes: 1_000_000,
            document_bytes: 16_384,
            depth: 10,
            cost: 5000,
            selections: 1000,
            request_seconds: 10,
        }
    }

    fn refusal(document: &str) -> Option<Refusal> {
        check(Request::new(document), &limits()).err()
    }

    #[test]
    fn an_ordinary_document_passes() {
        assert_eq!(
            refusal("{ editions(first: 50) { nodes { id course { title } } } }"),
            None
        );
    }

    #[test]
    fn fragments_that_spread_each_other_are_counted_not_expanded() {
        let mut bomb = String::from("query { ...F0 }\n");
        for place in 0..40 {
            let next = place + 1;
            write!(bomb, "fragment F{place} on Query {{ ...F{next} ...F{next} }} ").expect("a string takes it");
        }
        bomb.push_str("fragment F40 on Query { measures { rule } }");
        assert_eq!(refusal(&bomb), Some(Refusal::TooWide(1000)));
        assert_eq!(
            refusal("{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }"),
            Some(Refusal::Cycle)
        );
    }

    #[test]
    fn depth_cost_and_length_have_limits() {
        let deep = format!("{}id{}", "{ a ".repeat(11), " }".repeat(11));
        assert_eq!(refusal(&deep), Some(Refusal::TooDeep(10)));
        let through = format!(
            "{{ a {{ a {{ a {{ ...F }} }} }} }} fragment F on T {}id{}",
            "{ a ".repeat(8),
            " }".repeat(8)
        );
        assert_eq!(refusal(&through), Some(Refusal::TooDeep(10)));
        assert_eq!(
            refusal("{ editions(first: 100) { nodes { enrolments(first: 100) { nodes { id } } } } }"),
            Some(Refusal::TooCostly(5000))
        );
        assert_eq!(refusal(&"#".repeat(20_000)), Some(Refusal::TooLong(16_384)));
    }

    #[test]
    fn a_syntax_error_does_not_echo_the_document() {
        let Some(Refusal::Syntax(message)) = refusal("{ a( secretsecretsecret } ") else {
            panic!("no refusal")
        };
        assert!(!message.contains("secretsecret"), "{message}");
    }
}
