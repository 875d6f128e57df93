//! Runs mutations: once for each idempotency key, and again where two transactions met in the database.

use std::time::Duration;

use async_graphql::parser::types::ExecutableDocument;
use async_graphql::{Request as Operation, Response as Answer, Value, Variables};
use axum::http::{HeaderName, HeaderValue};

use super::execute::Call;
use super::{Shared, limit};
use crate::api::error::met_another;
use crate::api::request::Request;
use crate::api::{keyed, reads};
use crate::app::App;
use crate::app::retry::Retries;
use crate::domain::idempotency::{Key, takes_key};
use crate::error::{Error, KeyRefusal, Result};
use crate::service::idempotency::{self, Claim};
use crate::service::session::ClientLabel;
use crate::store::keyed::Keyed;

/// The header of an answer that was given before.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// How long an operation waits before it is tried again for the first time, at most.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// An operation that may have to be executed several times.
pub struct Script {
    query: String,
    name: Option<String>,
    variables: Variables,
    document: ExecutableDocument,
    fields: Vec<String>,
}

impl Script {
    /// Takes an operation to pieces from which it can be made again.
    pub fn read(mut operation: Operation) -> Result<Self> {
        let fields = limit::fields(&mut operation);
        let document = operation
            .parsed_query()
            .map_err(|_| Error::internal("a document that was read cannot be read"))?
            .clone();
        Ok(Self {
            query: operation.query,
            name: operation.operation_name,
            variables: operation.variables,
            document,
            fields,
        })
    }

    /// The operation once more, with what its client calls itself.
    pub fn operation(&self, client: Option<&ClientLabel>) -> Operation {
        let mut operation = Operation::new(&self.query).variables(self.variables.clone());
        operation.operation_name.clone_from(&self.name);
        operation.set_parsed_query(self.document.clone());
        match client {
            Some(label) => operation.data(label.clone()),
            None => operation,
        }
    }

    /// The variables in one form, however their fields were ordered.
    fn variables(&self) -> String {
        let mut text = String::new();
        for (name, value) in self.variables.iter() {
            text.push_str(name.as_str());
            text.push(':');
            canonical(value, &mut text);
            text.push(',');
        }
        text
    }
}

/// Writes a value with the fields of objects in the order of their names.
fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| name.as_str());
            out.push('{');
            for (name, value) in fields {
                out.push_str(name);
                out.push(':');
                canonical(value, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::List(items) => {
            out.push('[');
            for item in items {
                canonical(item, out);
                out.push(',');
            }
            out.push(']');
        }
        plain => out.push_str(&plain.to_string()),
    }
}

/// Runs a mutation.
///
/// # Errors
/// [`Error::Key`] when the key does not go with it.
pub async fn run(shared: &Shared, app: &App, operation: Operation, call: &Call) -> Result<Answer> {
    let script = Script::read(operation)?;
    match &call.key {
        None => Ok(attempts(shared, app, &script, call, None).await.0),
        Some(key) => once(shared, app, &script, call, key).await,
    }
}

/// Runs it unless it was run before under this key; then the first answer is given again.
async fn once(shared: &Shared, app: &App, script: &Script, call: &Call, key: &Key) -> Result<Answer> {
    takes_key(&script.fields)?;
    let variables = script.variables();
    let claim = idempotency::claim(
        app,
        &call.actor,
        key,
        &[
            script.query.as_bytes(),
            script.name.as_deref().unwrap_or_default().as_bytes(),
            variables.as_bytes(),
            call.reason.as_ref().map_or(&[], |reason| reason.as_ref().as_bytes()),
        ],
    );
    // Whoever waits for another request holds no connection.
    app.db.rest().await;
    let longest = Duration::from_millis(shared.app.settings.load.key_milliseconds);
    let _turn = app.keys.enter(&claim, longest).await?;
    let names = format!("{} {variables}", script.query);
    if let Some(answer) = again(app, call, &claim, &names).await? {
        return Ok(answer);
    }
    let (answer, collided) = attempts(shared, app, script, call, Some(&claim)).await;
    if !collided {
        return Ok(answer);
    }
    // Another copy of Rumbo had the key, or has it still.
    again(app, call, &claim, &names).await?.ok_or(KeyRefusal::InUse.into())
}

/// The first answer, if there is one, marked as such.
async fn again(app: &App, call: &Call, claim: &Claim, names: &str) -> Result<Option<Answer>> {
    match idempotency::recall(app, &call.actor, claim, names).await? {
        Some(replay) => {
            let mut answer = keyed::again(app, &call.actor, replay, &call.request_id).await?;
            answer.http_headers.insert(REPLAYED, HeaderValue::from_static("true"));
            Ok(Some(answer))
        }
        None => Ok(None),
    }
}

/// Executes it, again when two transactions met and nothing of it was committed. Also says whether another request
/// has the key.
async fn attempts(shared: &Shared, app: &App, script: &Script, call: &Call, claim: Option<&Claim>) -> (Answer, bool) {
    let before = app.db.commits();
    let mut retries = Retries::new(FIRST_PAUSE);
    loop {
        let app = match claim {
            Some(claim) => app.with_key(claim.clone()),
            None => app.clone(),
        };
        let request = Request::new(app.clone(), call.actor.clone()).because(call.reason.clone());
        let operation = script.operation(call.client.as_ref());
        let answer = reads::run(&shared.schema, operation, request, &call.request_id).await;
        let collided = app.db.key().is_some_and(Keyed::collided);
        if collided || !met_another(&answer) || app.db.commits() != before {
            return (answer, collided);
        }
        let Some(pause) = retries.pause() else {
            tracing::error!(retries = retries.done(), "a mutation met others each time it was tried");
            return (answer, false);
        };
        app.retries.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        tokio::time::sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_fields_does_not_make_another_payload() {
        let text = |variables: &str| {
            let variables = Variables::from_json(serde_json::from_str(variables).expect("JSON"));
            let mut operation = Operation::new("mutation { f }").variables(variables);
            assert!(operation.parsed_query().is_ok());
            Script::read(operation).expect("a script").variables()
        };
        let one = text(r#"{"input": {"a": [1, {"x": 1, "y": "2"}], "b": null}, "v": 1}"#);
        assert_eq!(
            one,
            text(r#"{"v": 1, "input": {"b": null, "a": [1, {"y": "2", "x": 1}]}}"#)
        );
        for other in [
            r#"{"input": {"a": [{"x": 1, "y": "2"}, 1], "b": null}, "v": 1}"#,
            r#"{"input": {"a": [1, {"x": 1, "y": 2}], "b": null}, "v": 1}"#,
            r#"{"input": {"a": [1, {"x": 1, "y": "2"}]}, "v": 1}"#,
        ] {
            assert_ne!(one, text(other), "{other}");
        }
        assert_eq!(
            text("{}"),
            Script::read(Operation::new("mutation { f }"))
                .expect("a script")
                .variables()
        );
    }
}
