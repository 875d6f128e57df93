//! A subscription: read and judged at once, and again whenever something has changed.
//!
//! Each value is an operation of its own: who asks is looked up again, the policy is asked again, nothing is kept from
//! the value before. What was announced, other roles, and the passing of time make the next one; what changes while one
//! is read or waits to be sent comes in one more, so the last state is always told.

use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Response as Answer, Value};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep, sleep_until};

use super::work::{Heard, Ready, Voice, Work};
use super::{Party, Place};
use crate::api::error::code_of;
use crate::api::guard::Operation;
use crate::api::keyed::is_ours;
use crate::api::request::Follows;
use crate::config::Live as Settings;
use crate::domain::actor::Actor;
use crate::error::Error;
use crate::http::change::Script;
use crate::http::execute;
use crate::http::graphql::{self, Problem};

/// How long it waits at most before it reads again what could not be read.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Why there is no value.
enum Missed {
    /// Something of ours failed, and may not fail again.
    Ours(Heard),
    /// It is over.
    Over(Heard),
}

/// An open subscription.
struct Live {
    work: Work,
    script: Script,
    call: execute::Call,
    by_id: bool,
    introspects: bool,
    cost: u64,
    follows: Arc<Follows>,
    _places: (OwnedSemaphorePermit, Option<Place>),
}

/// Follows until it is over; its last word.
pub async fn follow(work: Work, ready: Ready, voice: &Voice) -> Heard {
    let places = match places(&work, &ready.call.actor) {
        Ok(places) => places,
        Err(problem) => return work.charged(problem),
    };
    let Ready { operation, call, by_id } = ready;
    let script = match Script::read(operation.request) {
        Ok(script) => script,
        Err(failure) => return work.refused(Problem::Failed(failure)),
    };
    let live = Live {
        work,
        script,
        call,
        by_id,
        introspects: operation.introspects,
        cost: operation.cost,
        follows: Arc::default(),
        _places: places,
    };
    Box::pin(live.run(voice)).await
}

/// A place on the connection and one of the person's, for as long as they are held.
fn places(work: &Work, actor: &Actor) -> Result<(OwnedSemaphorePermit, Option<Place>), Problem> {
    let Settings {
        per_connection,
        per_person,
        ..
    } = work.shared.app.settings.live;
    let on_connection = work.places.clone().try_acquire_owned();
    let on_connection = on_connection.map_err(|_| Problem::TooManySubscriptions(per_connection))?;
    let Some(person) = actor.person else {
        return Ok((on_connection, None));
    };
    let of_person = work.shared.open.enter(Party::Follower(person), per_person);
    let of_person = of_person.ok_or(Problem::TooManySubscriptions(per_person))?;
    Ok((on_connection, Some(of_person)))
}

impl Live {
    async fn run(mut self, voice: &Voice) -> Heard {
        let shortest = Duration::from_millis(self.work.shared.app.settings.live.pause_milliseconds);
        let mut pause = shortest;
        let mut said = None;
        loop {
            self.follows.catch_up();
            self.work.roles.mark_unchanged();
            let begun = Instant::now();
            match self.read(said.is_none()).await {
                Ok(answer) => {
                    let print = print(&answer);
                    if said != Some(print) && !voice.say(Heard::Next(answer)).await {
                        return Heard::Over;
                    }
                    said = Some(print);
                    pause = shortest;
                    self.wait().await;
                }
                // The client has a value, and the next may be read when we are well again.
                Err(Missed::Ours(_)) if said.is_some() => pause = (pause * 2).clamp(shortest, LONGEST_PAUSE),
                Err(Missed::Ours(word) | Missed::Over(word)) => return word,
            }
            sleep_until(begun + pause).await;
        }
    }

    /// The present value, for whoever asks as they now are.
    async fn read(&mut self, first: bool) -> Result<Answer, Missed> {
        let mut operation = Operation {
            request: self.script.operation(None),
            kind: async_graphql::parser::types::OperationType::Subscription,
            introspects: self.introspects,
            cost: self.cost,
        };
        // The first was judged when it came.
        if !first {
            self.call.actor = self.work.actor().await.map_err(|failure| self.missed(failure))?;
            graphql::permit(&self.work.shared, &mut operation, self.by_id, &self.call.actor)
                .map_err(|problem| Missed::Over(self.work.refused(problem)))?;
        }
        let read = execute::value(&self.work.shared, operation, &self.call, &self.follows, first).await;
        let mut answer = read.map_err(|failure| self.missed(failure))?;
        answer.errors.truncate(self.work.shared.app.settings.limits.errors);
        if answer.data != Value::Null {
            return Ok(answer);
        }
        let ours = answer.errors.iter().any(|fault| is_ours(code_of(fault)));
        let word = Heard::Refused(answer.errors);
        Err(if ours { Missed::Ours(word) } else { Missed::Over(word) })
    }

    fn missed(&self, failure: Error) -> Missed {
        let ours = matches!(
            failure,
            Error::Timeout | Error::Overloaded | Error::Conflict { .. } | Error::Internal(_)
        );
        let word = self.work.refused(Problem::Failed(failure));
        if ours { Missed::Ours(word) } else { Missed::Over(word) }
    }

    /// Waits for a reason to read again.
    async fn wait(&mut self) {
        let check = Duration::from_secs(self.work.shared.app.settings.live.check_seconds);
        let followed = self.follows.followed();
        let changed = async {
            match followed {
                Some(mut followed) => followed.changed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = changed => {}
            Ok(()) = self.work.roles.changed() => {}
            () = sleep(check) => {}
        }
    }
}

/// Hashes what is written to it.
#[derive(Default)]
struct Print(DefaultHasher);

impl Write for Print {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        self.0.write(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// By which a value is known again.
fn print(answer: &Answer) -> u64 {
    let mut print = Print::default();
    // Nothing that is written fails, and an answer is always JSON.
    drop(serde_json::to_writer(&mut print, answer));
    print.0.finish()
}
