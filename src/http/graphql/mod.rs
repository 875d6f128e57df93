//! GraphQL over HTTP: one request, one operation, one answer.
//!
//! `read` makes an operation of a request, `prepare` holds it against the limits, `permit` against what
//! this caller may send, [`execute::run`] runs it, `render` makes an answer of what came. Whatever else carries
//! operations, such as a socket, goes through the same three in the middle.

use async_graphql::parser::types::OperationType;
use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use axum::routing::MethodRouter;
use tower_http::request_id::RequestId;

pub(super) use self::problem::Problem;
pub(super) use self::read::Asked;
use self::read::Media;
use self::render::Reply;
pub(super) use self::render::ran;
use super::door::Door;
use super::{Shared, address, auth, execute};
use crate::api::guard::{self, Operation};
use crate::config::Explore;
use crate::domain::actor::Actor;
use crate::domain::idempotency::Key;
use crate::domain::text::Reason;
use crate::error::Error;

pub mod documents;
mod problem;
mod read;
mod render;

/// The methods of the endpoint; HEAD comes with GET.
const METHODS: &str = "GET, HEAD, POST";

/// The endpoint.
pub fn endpoint() -> MethodRouter<Shared> {
    MethodRouter::new().get(answer).post(answer).fallback(answer)
}

/// Answers one operation.
///
/// 200 with an answer, also a partial one; 400 for what is no operation; 401 for a token that is not valid;
/// 403 for a document that this caller may not send; 404 for an unknown id; 405, 406, 413 and 415 as HTTP has
/// them; 422 for what is not in the schema or over the limits; 429 instead of any of them for who was refused too
/// often. Where the caller takes only `application/json`, what is about the document is answered with 200.
async fn answer(State(shared): State<Shared>, Extension(id): Extension<RequestId>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let mut reply = Reply {
        media: Media::Json,
        language: auth::language(&parts.headers),
        request_id: id.header_value().to_str().unwrap_or_default().to_owned(),
    };
    let caller = address::of(&parts.extensions, &parts.headers, &shared.app.settings.http);
    let door = Door::new(&shared, caller);
    let (mut body, mut known) = (Some(body), None);
    let ready = enter(&shared, &door, &parts, &mut body, &mut reply, &mut known).await;
    let outcome = match ready {
        Ok((operation, reason, key)) => {
            let call = execute::Call {
                // Whoever is let in is known.
                actor: known.unwrap_or_else(|| Actor::anonymous(reply.language)),
                reason,
                key,
                client: auth::client(&parts.headers),
                caller,
                request_id: reply.request_id.clone(),
            };
            execute::run(&shared, operation, call).await.map_err(Problem::Failed)
        }
        Err(problem) => Err(charged(&door, known.as_ref(), problem)),
    };
    match outcome {
        Ok(answer) => reply.answer(&answer, &shared.app.settings.limits),
        Err(problem) => {
            let mut response = reply.problem(problem);
            // Nobody reads on: the next request needs another connection, and its sender has to know.
            if body.is_some() && parts.method == Method::POST {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(header::CONNECTION, close);
            }
            response
        }
    }
}

/// What is to run, why, and under which key: everything that may be wrong with a request before its operation runs.
/// `known` says who it is as soon as that has been found, and `reply` in which form they are answered.
async fn enter(
    shared: &Shared,
    door: &Door<'_>,
    parts: &Parts,
    body: &mut Option<Body>,
    reply: &mut Reply,
    known: &mut Option<Actor>,
) -> Result<(Operation, Option<Reason>, Option<Key>), Problem> {
    if ![Method::GET, Method::HEAD, Method::POST].contains(&parts.method) {
        return Err(Problem::MethodNotAllowed(METHODS));
    }
    reply.media = Media::negotiate(&parts.headers)?;
    if let Err(busy) = door.look() {
        // Nothing is left for what is wrong here. Whoever is somebody goes on, whatever others did at this address.
        *known = Some(auth::actor(door, &parts.headers).await.map_err(Problem::Failed)?)
            .filter(|actor: &Actor| actor.person.is_some());
        if known.is_none() {
            return Err(Problem::Failed(busy));
        }
    }
    let body = body.take().unwrap_or_default();
    let asked = read::asked(parts, body, &shared.app.settings.limits).await?;
    let by_id = asked.document_id.is_some();
    let mut operation = prepare(shared, asked)?;
    if parts.method != Method::POST && operation.kind != OperationType::Query {
        return Err(Problem::MethodNotAllowed("POST"));
    }
    if operation.kind == OperationType::Subscription {
        return Err(Problem::NeedsSocket);
    }
    let actor = match known.take() {
        Some(actor) => actor,
        None => auth::actor(door, &parts.headers).await.map_err(Problem::Failed)?,
    };
    let actor = known.insert(actor);
    reply.language = actor.language;
    let reason = auth::reason(&parts.headers).map_err(|_| Problem::NoReason)?;
    permit(shared, &mut operation, by_id, actor)?;
    let key = match operation.kind {
        OperationType::Mutation => auth::key(&parts.headers).map_err(Problem::Failed)?,
        OperationType::Query | OperationType::Subscription => None,
    };
    Ok((operation, reason, key))
}

/// Takes what a refusal costs its caller: what the caller is told, the problem or that there were too many of them.
/// What is our own fault costs nothing.
pub(super) fn charged(door: &Door<'_>, actor: Option<&Actor>, problem: Problem) -> Problem {
    let is_theirs = problem.status().0.is_client_error() && !matches!(problem, Problem::Failed(Error::Busy(_)));
    if !is_theirs {
        return problem;
    }
    match door.refuse(actor) {
        Ok(()) => problem,
        Err(busy) => Problem::Failed(busy),
    }
}

/// The answer to a request of whatever route that does not get as far as its handler.
pub(super) fn refusal(request: &Request, problem: Problem) -> Response {
    reply_to(request).problem(problem)
}

/// The form in which a request is answered, as far as its headers say.
fn reply_to(request: &Request) -> Reply {
    Reply {
        media: Media::negotiate(request.headers()).unwrap_or(Media::Json),
        language: auth::language(request.headers()),
        request_id: super::request_id::of(request).to_owned(),
    }
}

/// Finds the document that is meant and holds it against the limits. No statement is sent for it.
pub(super) fn prepare(shared: &Shared, mut asked: Asked) -> Result<Operation, Problem> {
    let document = shared.documents.find(&mut asked)?;
    let limits = &shared.app.settings.limits;
    Ok(guard::check(document, asked.operation_name, asked.variables, limits)?)
}

/// Refuses what this actor may not send: a document that is not registered, a look at the schema, by an API token what
/// its scopes do not cover.
pub(super) fn permit(shared: &Shared, operation: &mut Operation, by_id: bool, actor: &Actor) -> Result<(), Problem> {
    shared.documents.permit(by_id, actor)?;
    let explores = match shared.app.settings.graphql.explore {
        Explore::Everyone => true,
        Explore::SignedIn => actor.person.is_some(),
        Explore::Nobody => false,
    };
    if operation.introspects && !explores {
        return Err(Problem::IntrospectionOff);
    }
    if let Some(action) = actor.pass.and_then(|pass| operation.uncovered(pass.scopes)) {
        return Err(Problem::Failed(Error::InsufficientScope(action)));
    }
    Ok(())
}

/// Gives an answer of the endpoint its form where something around it has answered instead: a limit, a
/// timeout, a panic.
pub async fn complete(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    if request.uri().path() != "/graphql" {
        return next.run(request).await;
    }
    let reply = reply_to(&request);
    let caller = address::of(request.extensions(), request.headers(), &shared.app.settings.http);
    let response = next.run(request).await;
    let is_json = |value: &HeaderValue| value.as_bytes().starts_with(b"application/");
    if response.headers().get(header::CONTENT_TYPE).is_some_and(is_json) {
        return response;
    }
    match response.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let problem = Problem::BodyTooLarge(shared.app.settings.limits.body_bytes);
            reply.problem(charged(&Door::new(&shared, caller), None, problem))
        }
        StatusCode::SERVICE_UNAVAILABLE => reply.problem(Problem::Failed(Error::Timeout)),
        StatusCode::INTERNAL_SERVER_ERROR => reply.problem(Problem::Failed(Error::internal("a request panicked"))),
        _ => response,
    }
}

/// An answer without a word, for a request that panicked: what happened is in the log.
pub fn panicked(_: Box<dyn std::any::Any + Send + 'static>) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}
