//! One operation of a connection, from what was asked to its last word.

use std::net::IpAddr;
use std::sync::Arc;

use async_graphql::parser::types::OperationType;
use async_graphql::{Response as Answer, ServerError};
use tokio::sync::{Semaphore, mpsc, watch};

use super::live;
use super::protocol::Close;
use crate::api::guard::Operation;
use crate::domain::actor::{Actor, Grant};
use crate::domain::language::Language;
use crate::error::{Error, Result};
use crate::http::door::Door;
use crate::http::graphql::{self, Asked, Problem};
use crate::http::{Shared, change, execute};
use crate::service::session::{self, ClientLabel};

/// What an operation has to say.
pub enum Heard {
    /// It has an answer, with more to come.
    Next(Answer),
    /// It was refused and is over.
    Refused(Vec<ServerError>),
    /// It is over.
    Over,
    /// The connection must end.
    Close(Close),
}

/// Where an operation says it.
pub struct Voice {
    /// To the connection.
    pub tell: mpsc::Sender<(String, u64, Heard)>,
    /// What the client calls the operation.
    pub name: String,
    /// Tells it from others of the same name.
    pub serial: u64,
}

impl Voice {
    /// Says something, once the connection takes it; whether there still is one.
    pub async fn say(&self, heard: Heard) -> bool {
        self.tell.send((self.name.clone(), self.serial, heard)).await.is_ok()
    }
}

/// The roles of whoever opened the connection, and whether some are withheld.
pub type Roles = (Vec<Grant>, bool);

/// What an operation needs.
pub struct Work {
    /// What handlers share.
    pub shared: Shared,
    /// From where it comes.
    pub caller: IpAddr,
    /// The token of the connection.
    pub token: Option<String>,
    /// Who it was when the connection was introduced.
    pub introduced_as: Option<Actor>,
    /// The languages that the client reads.
    pub accept_language: Option<String>,
    /// The language of sentences.
    pub language: Language,
    /// The name of the request that opened the connection.
    pub request_id: String,
    /// What the client calls itself.
    pub client: Option<ClientLabel>,
    /// Told when the roles have changed.
    pub roles: watch::Receiver<Roles>,
    /// The places for subscriptions of the connection.
    pub places: Arc<Semaphore>,
}

/// An operation that may run.
pub struct Ready {
    /// What is to run.
    pub operation: Operation,
    /// For whom, and why.
    pub call: execute::Call,
    /// Whether it was named by the id of a registered document.
    pub by_id: bool,
}

impl Work {
    /// The same steps as over HTTP; its last word.
    pub async fn run(mut self, asked: Asked, voice: &Voice) -> Heard {
        let ready = match self.ready(asked).await {
            Ok(ready) => ready,
            Err(problem) => return self.charged(problem),
        };
        if ready.operation.kind == OperationType::Subscription {
            return live::follow(self, ready, voice).await;
        }
        let mut answer = match execute::run(&self.shared, ready.operation, ready.call).await {
            Ok(answer) => answer,
            Err(failure) => return self.refused(Problem::Failed(failure)),
        };
        answer.errors.truncate(self.shared.app.settings.limits.errors);
        if answer.http_headers.contains_key(change::REPLAYED) {
            answer.extensions.insert("idempotencyReplayed".to_owned(), true.into());
        }
        if !graphql::ran(&answer) {
            return Heard::Refused(answer.errors);
        }
        voice.say(Heard::Next(answer)).await;
        Heard::Over
    }

    /// Who it is now.
    ///
    /// # Errors
    /// Those of [`session::actor`].
    pub async fn actor(&mut self) -> Result<Actor> {
        let token = self.token.as_deref();
        let actor = session::actor(&self.shared.app, token, self.accept_language.as_deref()).await?;
        self.language = actor.language;
        Ok(actor)
    }

    /// The last word about a problem. Without valid credentials the connection ends.
    pub fn refused(&self, problem: Problem) -> Heard {
        match problem {
            Problem::Failed(Error::Unauthenticated) => Heard::Close(Close::FORBIDDEN),
            problem => Heard::Refused(vec![problem.error(self.language, &self.request_id)]),
        }
    }

    /// The same, and what it costs.
    pub fn charged(&self, problem: Problem) -> Heard {
        if matches!(problem, Problem::Failed(Error::Unauthenticated)) {
            return self.refused(problem);
        }
        let door = Door::new(&self.shared, self.caller);
        self.refused(graphql::charged(&door, self.introduced_as.as_ref(), problem))
    }

    /// The operation and what comes with it: everything that may be wrong before it runs.
    async fn ready(&mut self, asked: Asked) -> Result<Ready, Problem> {
        let by_id = asked.document_id.is_some();
        let key = asked.key().map_err(|refusal| Problem::Failed(refusal.into()))?;
        let mut operation = graphql::prepare(&self.shared, asked)?;
        let actor = self.actor().await.map_err(Problem::Failed)?;
        graphql::permit(&self.shared, &mut operation, by_id, &actor)?;
        let call = execute::Call {
            actor,
            reason: None,
            key,
            client: self.client.clone(),
            caller: self.caller,
            request_id: self.request_id.clone(),
        };
        Ok(Ready { operation, call, by_id })
    }
}
