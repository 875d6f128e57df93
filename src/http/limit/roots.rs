//! The root fields of an operation, as far as limits look at them.

use std::collections::BTreeMap;

use async_graphql::parser::types::{
    ExecutableDocument, Field, OperationDefinition, OperationType, Selection, SelectionSet,
};
use async_graphql::{Request as Operation, Value as Constant, Variables};
use async_graphql_value::Value;

use crate::domain::rate::Class;
use crate::domain::text::Email;

/// What matters of a root field.
#[derive(Debug, PartialEq, Eq)]
pub struct Root {
    /// What it is called in the schema.
    pub name: String,
    /// What its answer is called.
    pub answered_as: String,
    /// The e-mail address that its input names.
    pub address: Option<String>,
    /// Whether it is of a query.
    pub reads: bool,
}

/// How many fields there are for each address that they name, in order.
pub fn by_account<'a>(roots: impl Iterator<Item = &'a Root>) -> BTreeMap<&'a str, usize> {
    let mut all = BTreeMap::new();
    for root in roots {
        *all.entry(root.address.as_deref().unwrap_or_default()).or_default() += 1;
    }
    all
}

/// The names of the root fields that an operation runs, those in fragments included.
pub fn fields(operation: &mut Operation) -> Vec<String> {
    roots(operation).into_iter().map(|root| root.name).collect()
}

/// The root fields that an operation runs, those in fragments included.
pub fn roots(operation: &mut Operation) -> Vec<Root> {
    let name = operation.operation_name.clone();
    let variables = operation.variables.clone();
    let Ok(document) = operation.parsed_query() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (this, definition) in document.operations.iter() {
        let definition: &OperationDefinition = &definition.node;
        if name
            .as_deref()
            .is_none_or(|name| this.is_none_or(|this| this.as_str() == name))
        {
            let begin = found.len();
            let given = Given {
                definition,
                variables: &variables,
            };
            gather(document, &definition.selection_set.node, &given, &mut found);
            for root in &mut found[begin..] {
                root.reads = definition.ty == OperationType::Query;
            }
        }
    }
    found
}

/// The variables of one operation.
struct Given<'a> {
    definition: &'a OperationDefinition,
    variables: &'a Variables,
}

impl Given<'_> {
    /// What a variable is when the operation runs: what came with the request, or else its default.
    fn get(&self, name: &str) -> Option<&Constant> {
        self.variables.get(name).or_else(|| {
            let mut defined = self.definition.variable_definitions.iter();
            let found = defined.find(|variable| variable.node.name.node == name)?;
            found.node.default_value.as_ref().map(|value| &value.node)
        })
    }
}

fn gather(document: &ExecutableDocument, set: &SelectionSet, given: &Given<'_>, found: &mut Vec<Root>) {
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) => found.push(root(&field.node, given)),
            Selection::InlineFragment(fragment) => {
                gather(document, &fragment.node.selection_set.node, given, found);
            }
            Selection::FragmentSpread(spread) => {
                if let Some(fragment) = document.fragments.get(&spread.node.fragment_name.node) {
                    gather(document, &fragment.node.selection_set.node, given, found);
                }
            }
        }
    }
}

fn root(field: &Field, given: &Given<'_>) -> Root {
    let name = field.name.node.to_string();
    Root {
        answered_as: field.response_key().node.to_string(),
        // Few fields are worth the look.
        address: Class::of(&name).and_then(|_| named_address(field, given)),
        reads: false,
        name,
    }
}

/// The address that a field's input names, as accounts are kept.
fn named_address(field: &Field, given: &Given<'_>) -> Option<String> {
    let text = match &field.get_argument("input")?.node {
        Value::Variable(name) => match given.get(name)? {
            Constant::Object(input) => text(input.get("email")?)?,
            _ => return None,
        },
        Value::Object(input) => match input.get("email")? {
            Value::Variable(name) => text(given.get(name)?)?,
            Value::String(text) => text.clone(),
            _ => return None,
        },
        _ => return None,
    };
    Some(Email::parse(&text).map_or_else(|_| text.trim().to_lowercase(), |email| email.to_string()))
}

fn text(value: &Constant) -> Option<String> {
    match value {
        Constant::String(text) => Some(text.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(document: &str, variables: serde_json::Value) -> Vec<(String, String)> {
        let mut operation = Operation::new(document).variables(Variables::from_json(variables));
        let write = |root: Root| {
            (
                format!("{}:{}", root.answered_as, root.name),
                root.address.unwrap_or_default(),
            )
        };
        roots(&mut operation).into_iter().map(write).collect()
    }

    #[test]
    fn root_fields_are_found_wherever_they_stand() {
        let pair = |name: &str, address: &str| (name.to_owned(), address.to_owned());
        let document = "mutation ($i: SignInInput!, $e: String!) {
            a: signIn(input: {email: \"Ana@Example.org\", password: \"x\"}) { session { accessToken } }
            b: signIn(input: $i) { session { accessToken } }
            ... on Mutation { c: signIn(input: {email: $e, password: \"x\"}) { session { accessToken } } }
            ...F
        } fragment F on Mutation { signOut { signedOut } }";
        assert_eq!(
            found(
                document,
                json!({ "i": { "email": "bea@example.org" }, "e": " EVA@example.org " })
            ),
            [
                pair("a:signIn", "ana@example.org"),
                pair("b:signIn", "bea@example.org"),
                pair("c:signIn", "eva@example.org"),
                pair("signOut:signOut", ""),
            ]
        );
    }

    #[test]
    fn a_variable_that_is_not_given_has_its_default() {
        let whole = "mutation A($i: RequestPasswordResetInput! = {email: \"Ana@example.org\"}) {
            requestPasswordReset(input: $i) { accepted } }";
        let part = "mutation ($e: String! = \"Ana@example.org\") { ...F }
            fragment F on Mutation { requestPasswordReset(input: {email: $e}) { accepted } }";
        let pair = |address: &str| {
            (
                "requestPasswordReset:requestPasswordReset".to_owned(),
                address.to_owned(),
            )
        };
        assert_eq!(found(whole, json!({})), [pair("ana@example.org")]);
        assert_eq!(found(part, json!({})), [pair("ana@example.org")]);
        // What is given counts, also where it is nothing.
        let given = json!({ "i": { "email": "bea@example.org" }, "e": null });
        assert_eq!(found(whole, given.clone()), [pair("bea@example.org")]);
        assert_eq!(found(part, given), [pair("")]);
    }
}
