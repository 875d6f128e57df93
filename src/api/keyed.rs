//! How the answer of a request with an idempotency key is kept, and given again.

use async_graphql::{Response, Value};

use super::bounded;
use super::error::code_of;
use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::audit::Origin;
use crate::error::{Error, KeyRefusal, Result};
use crate::service::audit::{self, Reading};
use crate::service::idempotency::{self, End, Replay};

/// Ends the transaction of a request with a key, now that its answer is whole.
///
/// An answer that shows a payload is kept, whatever it says. Where there is none, the mutation was refused, and what
/// was committed all the same, such as the count of a wrong code, lasts without the key. Where something of ours
/// failed, nothing lasts, and the answer says no more than that.
///
/// # Errors
/// [`KeyRefusal::AnswerTooLong`]; nothing was done then.
pub async fn settle(app: &App, answer: &mut Response, reading: Option<&Reading>) -> Result<()> {
    let waits = match app.db.key() {
        Some(keyed) => keyed.waits().await,
        None => false,
    };
    if !waits {
        return Ok(());
    }
    if answer.errors.iter().any(|fault| is_ours(code_of(fault))) {
        answer.data = Value::Null;
        return idempotency::settle(app, End::Undo, None).await;
    }
    let Value::Object(data) = &answer.data else {
        return idempotency::settle(app, End::Release, None).await;
    };
    if data.values().all(|payload| *payload == Value::Null) {
        return idempotency::settle(app, End::Release, None).await;
    }
    let limits = &app.settings.limits;
    answer.errors.truncate(limits.errors);
    let Some(text) = bounded::json(answer, limits.kept_answer_bytes) else {
        idempotency::settle(app, End::Undo, None).await?;
        return Err(KeyRefusal::AnswerTooLong(limits.kept_answer_bytes).into());
    };
    idempotency::settle(app, End::Keep(text), reading).await
}

/// Whether an error of this code is about us and not about what was asked.
pub fn is_ours(code: Option<&str>) -> bool {
    matches!(code, Some("INTERNAL" | "TIMEOUT" | "OVERLOADED"))
}

/// Gives an answer again. What staff reads by it of other people is read again, and stored before the answer leaves.
pub async fn again(app: &App, actor: &Actor, replay: Replay, request_id: &str) -> Result<Response> {
    let answer: Response = serde_json::from_slice(&replay.answer).map_err(Error::internal)?;
    if let Some(reading) = replay.reading {
        audit::keep(app, actor, Origin::of(actor, request_id), reading).await?;
    }
    Ok(answer)
}
