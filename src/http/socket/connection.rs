//! One connection, from its introduction to its end.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::Response as Answer;
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use serde_json::{Map, Value};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::Instrument;

use super::protocol::{self, Close, Said};
use super::wire::{Over, ask_for_life, broken, every, send, survived, taken};
use super::work::{Heard, Roles, Voice, Work};
use super::{Party, Place};
use crate::domain::actor::Actor;
use crate::error::{Error, Result};
use crate::http::door::Door;
use crate::http::graphql::{Asked, Problem};
use crate::http::listen::Stop;
use crate::http::{Shared, auth};
use crate::service::session::{self, ClientLabel};

/// How long it may take to say good-bye.
const LEAVE_WITHIN: Duration = Duration::from_secs(1);
/// How many answers wait for a slow client before the operations do.
const WAITING: usize = 16;

/// What an operation has to say, and which: what the client calls it, and what we do.
type Told = (String, u64, Heard);

/// A connection.
pub struct Connection {
    shared: Shared,
    caller: IpAddr,
    accept_language: Option<String>,
    request_id: String,
    client: Option<ClientLabel>,
    /// Whether the client has introduced itself.
    introduced: bool,
    /// The token that it did so with, if it gave one.
    token: Option<String>,
    /// Who it was then.
    actor: Option<Actor>,
    /// What roles they have now, for subscriptions.
    roles: watch::Sender<Roles>,
    /// The places for subscriptions.
    places: Arc<Semaphore>,
    running: HashMap<String, (u64, AbortHandle)>,
    begun: u64,
    tasks: JoinSet<()>,
    /// Tells when the server stops, which waits for the connection then.
    stop: Option<Stop>,
    _network: Place,
    person: Option<Place>,
}

impl Connection {
    /// One that has just been opened.
    pub fn new(
        shared: Shared,
        caller: IpAddr,
        accept_language: Option<String>,
        request_id: String,
        client: Option<ClientLabel>,
        network: Place,
        stop: Option<Stop>,
    ) -> Self {
        let places = shared.app.settings.live.per_connection.min(Semaphore::MAX_PERMITS);
        Self {
            roles: watch::Sender::default(),
            places: Arc::new(Semaphore::new(places)),
            stop,
            shared,
            caller,
            accept_language,
            request_id,
            client,
            introduced: false,
            token: None,
            actor: None,
            running: HashMap::new(),
            begun: 0,
            tasks: JoinSet::new(),
            _network: network,
            person: None,
        }
    }

    /// Serves it to its end. Whatever still runs for it ends with it.
    pub async fn run(mut self, mut socket: WebSocket) {
        let span = tracing::info_span!("socket", request.id = %self.request_id);
        async {
            let mut stop = self.stop.take();
            let stopped = async {
                match &mut stop {
                    Some(stop) => stop.told().await,
                    None => std::future::pending().await,
                }
            };
            let close = if socket.protocol().is_some() {
                tokio::select! {
                    close = self.serve(&mut socket) => close,
                    () = stopped => Some(Close::RESTART.frame()),
                }
            } else {
                Some(Close::SUBPROTOCOL.frame())
            };
            self.tasks.abort_all();
            let Some(frame) = close else { return };
            tracing::info!(close.code = frame.code, "socket closed");
            if send(&mut socket, Message::Close(Some(frame))).await.is_ok() {
                // The code is lost when a connection is cut while the client still sends.
                let left = async { while let Some(Ok(_)) = socket.recv().await {} };
                drop(timeout(LEAVE_WITHIN, left).await);
            }
        }
        .instrument(span)
        .await;
    }

    /// Serves it until it is over: the frame to close with; `None` when the client has gone.
    async fn serve(&mut self, socket: &mut WebSocket) -> Option<CloseFrame> {
        let settings = self.shared.app.settings.socket.clone();
        let patience = sleep_until(Instant::now() + Duration::from_millis(settings.init_milliseconds));
        tokio::pin!(patience);
        let mut check = every(Duration::from_millis(settings.check_milliseconds));
        let mut ping = every(Duration::from_secs(settings.ping_seconds));
        let (tell, mut told) = mpsc::channel::<Told>(WAITING);
        let mut silent = 0;
        loop {
            let step = tokio::select! {
                message = socket.recv() => {
                    silent = 0;
                    self.take(socket, message, &tell).await
                }
                Some(told) = told.recv() => self.pass_on(socket, told).await,
                Some(ended) = self.tasks.join_next() => survived(&ended),
                () = &mut patience, if !self.introduced => Err(Close::INIT_TIMEOUT.into()),
                _ = check.tick(), if self.introduced => self.check().await,
                _ = ping.tick() => {
                    silent += 1;
                    ask_for_life(socket, silent).await
                }
            };
            if let Err(Over(frame)) = step {
                return frame;
            }
        }
    }

    /// Takes what came from the client, and says what is to be said at once.
    async fn take(
        &mut self,
        socket: &mut WebSocket,
        message: Option<Result<Message, axum::Error>>,
        tell: &mpsc::Sender<Told>,
    ) -> Result<(), Over> {
        let reply = match message.ok_or(Over(None))? {
            Ok(Message::Text(text)) => self.hear(text.as_str(), tell).await?,
            Ok(Message::Binary(_)) => return Err(Close::INVALID.into()),
            Ok(Message::Ping(_) | Message::Pong(_)) => None,
            Ok(Message::Close(_)) => return Err(Over(None)),
            Err(failure) => return Err(Over(broken(&failure).map(Close::frame))),
        };
        match reply {
            Some(reply) => send(socket, Message::text(reply)).await,
            None => Ok(()),
        }
    }

    /// Passes on what an operation has to say, unless the client wants no more of it.
    async fn pass_on(&mut self, socket: &mut WebSocket, (id, serial, heard): Told) -> Result<(), Over> {
        if self.running.get(&id).is_none_or(|(known, _)| *known != serial) {
            return Ok(());
        }
        let text = match heard {
            Heard::Next(answer) => self.next(&id, &answer),
            Heard::Refused(errors) => {
                self.running.remove(&id);
                protocol::error(&id, &errors)
            }
            Heard::Over => {
                self.running.remove(&id);
                protocol::complete(&id)
            }
            Heard::Close(close) => return Err(close.into()),
        };
        send(socket, Message::text(text)).await
    }

    /// Whether it is still somebody who may be connected.
    async fn check(&self) -> Result<(), Over> {
        match self.judge().await {
            Err(Error::Unauthenticated) => Err(Close::FORBIDDEN.into()),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Does what a message asks; what is to be said at once.
    async fn hear(&mut self, text: &str, tell: &mpsc::Sender<Told>) -> Result<Option<String>, Over> {
        match Said::read(text).ok_or(Close::INVALID)? {
            Said::ConnectionInit { .. } if self.introduced => Err(Close::TOO_MANY_INITS.into()),
            Said::ConnectionInit { payload } => {
                self.introduce(payload.as_ref()).await?;
                Ok(Some(protocol::ack()))
            }
            Said::Ping { payload } => Ok(Some(protocol::pong(payload))),
            Said::Pong { .. } => Ok(None),
            Said::Subscribe { .. } if !self.introduced => Err(Close::UNAUTHORIZED.into()),
            Said::Subscribe { id, .. } if self.running.contains_key(&id) => Err(Over(Some(taken(&id)))),
            Said::Subscribe { id, payload } => Ok(self.begin(id, payload, tell)),
            Said::Complete { id } => {
                if let Some((_, task)) = self.running.remove(&id) {
                    task.abort();
                }
                Ok(None)
            }
        }
    }

    /// Takes the token that the client brings, or none.
    async fn introduce(&mut self, payload: Option<&Map<String, Value>>) -> Result<(), Close> {
        let brought = payload.and_then(|payload| payload.get("authorization").or_else(|| payload.get("Authorization")));
        let door = Door::new(&self.shared, self.caller);
        let forbidden = || door.refuse(None).map_or(Close::TOO_OFTEN, |()| Close::FORBIDDEN);
        let token = match brought {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(auth::token(text).map_err(|_| forbidden())?.to_owned()),
            Some(_) => return Err(forbidden()),
        };
        let actor = match door.actor(token.as_deref(), self.accept_language.as_deref()).await {
            Ok(actor) => actor,
            Err(Error::Unauthenticated) => return Err(forbidden()),
            Err(Error::Busy(_)) => return Err(Close::TOO_OFTEN),
            Err(_) => return Err(Close::INTERNAL),
        };
        self.introduced = true;
        self.token = token;
        self.actor = Some(actor.clone());
        self.roles.send_replace((actor.grants, actor.withheld));
        if let Some(person) = actor.person {
            let most = self.shared.app.settings.socket.per_person;
            let place = self.shared.open.enter(Party::Person(person), most);
            self.person = Some(place.ok_or(Close::TRY_LATER)?);
        }
        Ok(())
    }

    /// An answer, unless it is too long to be sent.
    fn next(&mut self, id: &str, answer: &Answer) -> String {
        let most = self.shared.app.settings.limits.answer_bytes;
        if let Some(text) = protocol::next(id, answer, most) {
            return text;
        }
        if let Some((_, task)) = self.running.remove(id) {
            // There may be more to come of a subscription.
            task.abort();
        }
        self.refusal(id, Problem::AnswerTooLarge(most))
    }

    fn refusal(&self, id: &str, problem: Problem) -> String {
        let language = auth::language_of(self.accept_language.as_deref());
        protocol::error(id, &[problem.error(language, &self.request_id)])
    }

    /// Looks who it is now; subscriptions are told of other roles.
    async fn judge(&self) -> Result<()> {
        let token = self.token.as_deref();
        let actor = session::actor(&self.shared.app, token, self.accept_language.as_deref()).await?;
        let now = (actor.grants, actor.withheld);
        self.roles.send_if_modified(|known| {
            let others = *known != now;
            *known = now;
            others
        });
        Ok(())
    }

    /// Begins an operation; what is to be said when it cannot begin.
    fn begin(&mut self, id: String, asked: Asked, tell: &mpsc::Sender<Told>) -> Option<String> {
        if self.running.len() >= self.shared.app.settings.socket.operations {
            return Some(self.refusal(&id, Problem::Failed(Error::Busy(1))));
        }
        self.begun += 1;
        let voice = Voice {
            tell: tell.clone(),
            name: id.clone(),
            serial: self.begun,
        };
        let work = Work {
            shared: self.shared.clone(),
            caller: self.caller,
            token: self.token.clone(),
            introduced_as: self.actor.clone(),
            accept_language: self.accept_language.clone(),
            language: auth::language_of(self.accept_language.as_deref()),
            request_id: self.request_id.clone(),
            client: self.client.clone(),
            roles: self.roles.subscribe(),
            places: self.places.clone(),
        };
        let task = async move {
            let last = work.run(asked, &voice).await;
            // A receiver that is gone is a connection that is over.
            voice.say(last).await;
        };
        let task = self.tasks.spawn(task.in_current_span());
        self.running.insert(id, (self.begun, task));
        None
    }
}
