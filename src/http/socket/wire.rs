//! What goes over the line of a connection beside the protocol's own messages: how it is sent, and how it breaks.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use tokio::task::JoinError;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};

use super::protocol::Close;

/// How long a client may take to take a message.
const SEND_WITHIN: Duration = Duration::from_secs(10);
/// After how many questions without an answer nobody is there any more.
const SILENT: u32 = 2;

/// The connection is over: the frame to close with, or none when the client has gone.
#[derive(Debug)]
pub struct Over(pub Option<CloseFrame>);

impl From<Close> for Over {
    fn from(close: Close) -> Self {
        Self(Some(close.frame()))
    }
}

impl Close {
    /// The frame that says so.
    pub fn frame(self) -> CloseFrame {
        CloseFrame {
            code: self.0,
            reason: self.1.into(),
        }
    }
}

/// The frame for a name that is taken.
pub fn taken(id: &str) -> CloseFrame {
    CloseFrame {
        code: Close::TAKEN,
        reason: reason(&format!("Subscriber for {id} already exists")).into(),
    }
}

/// A reason that fits into a frame (RFC 6455: 123 bytes).
fn reason(text: &str) -> String {
    let mut end = text.len().min(123);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

/// A clock that strikes once a period, the first time after one.
pub fn every(period: Duration) -> Interval {
    let period = period.max(Duration::from_millis(1));
    let mut interval = interval_at(Instant::now() + period, period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// Sends a message.
///
/// # Errors
/// The client has gone, or takes nothing.
pub async fn send(socket: &mut WebSocket, message: Message) -> Result<(), Over> {
    match timeout(SEND_WITHIN, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Over(None)),
    }
}

/// Asks whether somebody is there, for the `silent`th time without having heard anything.
///
/// # Errors
/// It was asked too often.
pub async fn ask_for_life(socket: &mut WebSocket, silent: u32) -> Result<(), Over> {
    if silent > SILENT {
        return Err(Close::GONE.into());
    }
    send(socket, Message::Ping(Vec::new().into())).await
}

/// Whether an operation came to its end, or was stopped, as it should.
///
/// # Errors
/// It broke down.
pub fn survived(ended: &Result<(), JoinError>) -> Result<(), Over> {
    match ended {
        Err(failure) if failure.is_panic() => Err(Close::INTERNAL.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// What to close with when what came is no message; `None` when the connection itself has gone. The library tells these
/// apart by words only.
pub fn broken(failure: &axum::Error) -> Option<Close> {
    let words = failure.to_string();
    if words.contains("too long") {
        Some(Close::TOO_BIG)
    } else if words.starts_with("UTF-8 encoding error") {
        Some(Close::NO_TEXT)
    } else if words.starts_with("WebSocket protocol error") && !words.contains("without closing handshake") {
        Some(Close::BROKEN)
    } else {
        None
    }
}
