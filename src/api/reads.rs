//! What a request reads of other people, gathered while its fields are resolved and written down before its
//! answer leaves.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use async_graphql::parser::types::{DocumentOperations, ExecutableDocument, Selection};
use async_graphql::{Request as Operation, Response};
use futures_util::StreamExt as _;

use super::Schema;
use super::error::{finish, met_another, server_error};
use super::keyed;
use super::request::Request;
use crate::domain::actor::Role;
use crate::domain::audit::{Origin, PersonalField};
use crate::domain::id::EditionId;
use crate::error::Error;
use crate::service::audit::{self, Look};

/// What was read so far.
#[derive(Debug, Default)]
pub struct Reads(Mutex<Gathered>);

/// The looks, and the editions that they were about.
#[derive(Debug, Default)]
struct Gathered {
    looks: Vec<Look>,
    editions: BTreeSet<EditionId>,
}

impl Reads {
    /// Notes that staff saw a field of the person with this number.
    pub fn note(&self, role: Role, field: PersonalField, number: i64) {
        let look = Look { number, role, field };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).looks.push(look);
    }

    /// Notes of which edition it is.
    pub fn in_edition(&self, edition: EditionId) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .editions
            .insert(edition);
    }

    fn take(&self) -> Gathered {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Runs one operation; its errors have their codes and sentences. What it writes into the audit log says where it
/// comes from. With an idempotency key, its transaction ends here. When staff reads personal data of others by it,
/// that is stored before the answer is given, and without that there is no answer.
pub async fn run(schema: &Schema, operation: Operation, request: Request, request_id: &str) -> Response {
    let origin = Origin::of(&request.actor, request_id);
    // In one place of memory: it is handed through several layers.
    Box::pin(run_from(origin, schema, operation, request)).await
}

/// The same of what comes from somewhere else than a request, such as a command.
pub async fn run_from(origin: Origin, schema: &Schema, mut operation: Operation, request: Request) -> Response {
    let name = name_of(&mut operation);
    let (app, actor) = (request.app.clone(), request.actor.clone());
    let (reads, reason) = (request.reads.clone(), request.reason.clone());
    let request_id = origin.request.clone().unwrap_or_default();
    let request_id = request_id.as_str();
    let work = execute(schema, operation, request);
    let mut answer = audit::from_origin(origin.clone(), work).await;
    for fault in &mut answer.errors {
        finish(fault, actor.language, request_id);
    }
    let failed = |failure| {
        let mut fault = server_error(failure);
        finish(&mut fault, actor.language, request_id);
        Response::from_errors(vec![fault])
    };
    let reading = reads.take().reading(name, reason.map(String::from));
    if let Err(failure) = keyed::settle(&app, &mut answer, reading.as_ref()).await {
        return failed(failure);
    }
    let Some(reading) = reading.filter(|_| !met_another(&answer)) else {
        return answer;
    };
    match audit::keep(&app, &actor, origin, reading).await {
        Ok(()) => answer,
        Err(failure) => failed(failure),
    }
}

/// What the schema makes of it; of a subscription, its one value. In a place of its own: its state is large.
fn execute(
    schema: &Schema,
    operation: Operation,
    request: Request,
) -> Pin<Box<dyn Future<Output = Response> + Send + '_>> {
    if request.follows.is_none() {
        return Box::pin(schema.execute(operation.data(request)));
    }
    let mut values = schema.execute_stream(operation.data(request));
    Box::pin(async move {
        let none = || server_error(Error::internal("a subscription without a value"));
        values
            .next()
            .await
            .unwrap_or_else(|| Response::from_errors(vec![none()]))
    })
}

impl Gathered {
    /// What is to be written down; nothing, when nothing was read.
    fn reading(self, operation: String, reason: Option<String>) -> Option<audit::Reading> {
        // Of several editions none is named: the people say more.
        let mut editions = self.editions.into_iter();
        let edition = editions.next().filter(|_| editions.next().is_none());
        (!self.looks.is_empty()).then_some(audit::Reading {
            operation,
            edition,
            reason,
            looks: self.looks,
        })
    }
}

/// What the client calls the operation, or else what it asks for.
fn name_of(operation: &mut Operation) -> String {
    const LONGEST: usize = 100;
    let given = operation.operation_name.clone();
    let name = given
        .or_else(|| operation.parsed_query().ok().map(described))
        .unwrap_or_default();
    name.chars().take(LONGEST).collect()
}

/// The name of the only operation, or its fields.
fn described(document: &ExecutableDocument) -> String {
    let operation = match &document.operations {
        DocumentOperations::Single(operation) => operation,
        DocumentOperations::Multiple(operations) => match operations.iter().next() {
            Some((name, _)) => return name.to_string(),
            None => return String::new(),
        },
    };
    let fields = operation
        .node
        .selection_set
        .node
        .items
        .iter()
        .filter_map(|item| match &item.node {
            Selection::Field(field) => Some(field.node.name.node.as_str()),
            Selection::FragmentSpread(_) | Selection::InlineFragment(_) => None,
        });
    fields.collect::<Vec<_>>().join(" ")
}
