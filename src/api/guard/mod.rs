//! Limits that hold before the library looks at a document.
//!
//! The library checks depth and cost inside its validation, which fragments that spread each other can
//! hold up for minutes. So a document is counted here first (`lexer`), then parsed, then weighed as it
//! would expand, each fragment once (`scale`), and its variables are held against their types
//! (`variables`), and what it states against the types of its places (`literals`). What is too large never
//! reaches the library. All numbers are in `[limits]` of the settings.

use async_graphql::parser::parse_query;
use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, OperationDefinition, OperationType, Selection,
};
use async_graphql::{Request, Variables};

pub use self::refusal::{Limit, Refusal};
use self::scale::{Scale, Weight};
use self::shape::{SHAPE, Shape};
use crate::config::Limits;

mod lexer;
mod literals;
mod misfit;
mod reach;
mod refusal;
mod scale;
mod shape;
mod variables;

/// An operation that is within the limits, parsed, with variables of the right types.
pub struct Operation {
    /// What the library executes.
    pub request: Request,
    /// Whether it asks, changes or follows.
    pub kind: OperationType,
    /// Whether it asks for the schema.
    pub introspects: bool,
    /// What it weighs.
    pub cost: u64,
}

/// Refuses what cannot be read, what is too much, and variables that do not fit.
///
/// Of several operations the one that is named runs, and only its cost counts; but the library reads all of
/// them, so all of them must be of a size.
pub fn check(
    document: String,
    operation_name: Option<String>,
    variables: Variables,
    limits: &Limits,
) -> Result<Operation, Refusal> {
    lexer::scan(&document, limits)?;
    variables::measure(&variables, limits)?;
    let parsed = parse_query(&document).map_err(|fault| {
        let fault = async_graphql::ServerError::from(fault);
        Refusal::Syntax(first_line(&fault.message))
    })?;
    let shape: &Shape = &SHAPE;
    let runs = chosen(&parsed, operation_name.as_deref());
    let weight = weigh(&parsed, operation_name.as_deref(), runs, &variables, limits)?;
    let chosen = runs.ok_or(Refusal::NoOperation)?;
    if chosen.ty == OperationType::Subscription && !has_source(chosen) {
        return Err(Refusal::NoSource);
    }
    variables::coerce(shape, chosen, &variables)?;
    literals::check(shape, &parsed, chosen, &variables)?;
    let kind = chosen.ty;
    let mut request = Request::new(document).variables(variables);
    request.operation_name = operation_name;
    request.set_parsed_query(parsed);
    Ok(Operation {
        request,
        kind,
        introspects: weight.introspects,
        cost: weight.cost,
    })
}

/// The operation that the request means.
fn chosen<'a>(document: &'a ExecutableDocument, name: Option<&str>) -> Option<&'a OperationDefinition> {
    match (&document.operations, name) {
        (DocumentOperations::Single(operation), None) => Some(&operation.node),
        (DocumentOperations::Multiple(all), Some(name)) => all.get(name).map(|operation| &operation.node),
        (DocumentOperations::Multiple(all), None) if all.len() == 1 => all.values().next().map(|only| &only.node),
        (DocumentOperations::Single(_), Some(_)) | (DocumentOperations::Multiple(_), None) => None,
    }
}

/// Whether a subscription begins with one field: the specification wants it so, and the library follows no fragment
/// there.
fn has_source(operation: &OperationDefinition) -> bool {
    match operation.selection_set.node.items.as_slice() {
        [only] => match &only.node {
            Selection::Field(field) => {
                field.node.directives.is_empty() && !field.node.name.node.as_str().starts_with("__")
            }
            Selection::FragmentSpread(_) | Selection::InlineFragment(_) => false,
        },
        _ => false,
    }
}

/// The weight of the operation that runs, once everything in the document is of a size.
fn weigh(
    document: &ExecutableDocument,
    named: Option<&str>,
    chosen: Option<&OperationDefinition>,
    variables: &Variables,
    limits: &Limits,
) -> Result<Weight, Refusal> {
    let mut scale = Scale::new(document, chosen, variables, &SHAPE, limits);
    let mut heaviest = Weight::default();
    let mut fields: u64 = 0;
    for (name, operation) in document.operations.iter() {
        let operation = &operation.node;
        let (root, limit, most) = match operation.ty {
            OperationType::Query => ("Query", Limit::RootFields, limits.root_fields),
            OperationType::Mutation => ("Mutation", Limit::RootMutations, limits.root_mutations),
            OperationType::Subscription => ("Subscription", Limit::RootFields, 1),
        };
        let weight = scale.set(&operation.selection_set.node, Some(root))?;
        if weight.depth > limits.depth {
            return Err(Refusal::over(Limit::Depth, limits.depth));
        }
        if weight.own > most {
            return Err(Refusal::over(limit, most));
        }
        fields = fields.saturating_add(weight.fields);
        // Without a name all of several count, and none will run.
        let runs = named.is_none_or(|named| name.is_none_or(|name| name.as_str() == named));
        if runs && weight.cost >= heaviest.cost {
            let introspects = weight.introspects || heaviest.introspects;
            heaviest = Weight { introspects, ..weight };
        }
    }
    for name in document.fragments.keys() {
        fields = fields.saturating_add(scale.fragment(name)?.fields);
    }
    if fields > limits.selections {
        return Err(Refusal::over(Limit::Fields, limits.selections));
    }
    if heaviest.cost > limits.cost {
        return Err(Refusal::over(Limit::Cost, limits.cost));
    }
    Ok(heaviest)
}

/// The parser's message without the text of the document that it quotes.
fn first_line(message: &str) -> String {
    // About a number only one line comes, with a place that is counted within the number.
    if !message.contains('\n') {
        return message.split(" at line ").next().unwrap_or_default().to_owned();
    }
    let place = message.lines().next().unwrap_or_default().trim();
    let reason = message
        .lines()
        .last()
        .unwrap_or_default()
        .trim_start_matches([' ', '=']);
    format!("{place} {reason}").chars().take(200).collect()
}

#[cfg(test)]
mod tests;
