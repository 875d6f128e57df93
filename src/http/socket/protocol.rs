//! The words of the protocol `graphql-transport-ws`: messages, and the codes with which a connection ends.

use async_graphql::{Response as Answer, ServerError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::api::bounded;
use crate::http::graphql::Asked;

/// The subprotocol.
pub const NAME: &str = "graphql-transport-ws";

/// Why the server ends a connection: code and reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Close(pub u16, pub &'static str);

impl Close {
    /// A message that is none.
    pub const INVALID: Self = Self(4400, "Invalid message");
    /// Something was asked before the introduction.
    pub const UNAUTHORIZED: Self = Self(4401, "Unauthorized");
    /// Credentials that are not valid, or not any more.
    pub const FORBIDDEN: Self = Self(4403, "Forbidden");
    /// The client speaks another protocol.
    pub const SUBPROTOCOL: Self = Self(4406, "Subprotocol not acceptable");
    /// The client did not introduce itself.
    pub const INIT_TIMEOUT: Self = Self(4408, "Connection initialisation timeout");
    /// The client introduced itself twice.
    pub const TOO_MANY_INITS: Self = Self(4429, "Too many initialisation requests");
    /// Our fault.
    pub const INTERNAL: Self = Self(4500, "Internal server error");
    /// A message that is too long (RFC 6455).
    pub const TOO_BIG: Self = Self(1009, "Message too big");
    /// A frame that the protocol below does not have (RFC 6455).
    pub const BROKEN: Self = Self(1002, "Protocol error");
    /// A text that is no UTF-8 (RFC 6455).
    pub const NO_TEXT: Self = Self(1007, "Not UTF-8");
    /// Too many refusals at this address.
    pub const TOO_OFTEN: Self = Self(1013, "Too many requests");
    /// More connections than one person may have.
    pub const TRY_LATER: Self = Self(1013, "Too many connections");
    /// Nobody is there any more.
    pub const GONE: Self = Self(1001, "Nobody answers");
    /// The server stops; another one takes its place.
    pub const RESTART: Self = Self(1012, "Service restart");
    /// The client takes a name twice; the reason names it.
    pub const TAKEN: u16 = 4409;
}

/// What a client says.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Said {
    /// It introduces itself.
    ConnectionInit {
        /// What it brings.
        payload: Option<Map<String, Value>>,
    },
    /// It asks whether somebody is there.
    Ping {
        /// Comes back.
        payload: Option<Map<String, Value>>,
    },
    /// It answers that question.
    Pong {
        /// Is not looked at.
        #[allow(dead_code, reason = "only its form counts, which is checked while it is read")]
        payload: Option<Map<String, Value>>,
    },
    /// It asks for an operation.
    Subscribe {
        /// What it calls the operation.
        id: String,
        /// The operation.
        payload: Asked,
    },
    /// It wants no more of an operation.
    Complete {
        /// Which one.
        id: String,
    },
}

impl Said {
    /// Reads a message; `None` for one that is none.
    pub fn read(text: &str) -> Option<Self> {
        let said = serde_json::from_str(text).ok()?;
        match &said {
            Self::Subscribe { id, .. } | Self::Complete { id } if id.is_empty() => None,
            Self::Subscribe { payload, .. } if payload.query.is_some() == payload.document_id.is_some() => None,
            _ => Some(said),
        }
    }
}

/// The server has heard who it is.
pub fn ack() -> String {
    json!({ "type": "connection_ack" }).to_string()
}

/// The answer to a ping, with what it brought.
pub fn pong(payload: Option<Map<String, Value>>) -> String {
    match payload {
        Some(payload) => json!({ "type": "pong", "payload": payload }),
        None => json!({ "type": "pong" }),
    }
    .to_string()
}

/// One answer of an operation; `None` when the message would have more bytes than `most`.
pub fn next(id: &str, answer: &Answer, most: usize) -> Option<String> {
    #[derive(Serialize)]
    struct Next<'a> {
        r#type: &'static str,
        id: &'a str,
        payload: &'a Answer,
    }
    let message = Next {
        r#type: "next",
        id,
        payload: answer,
    };
    bounded::json(&message, most).and_then(|text| String::from_utf8(text).ok())
}

/// An operation that did not run, and is over by it.
pub fn error(id: &str, errors: &[ServerError]) -> String {
    json!({ "type": "error", "id": id, "payload": errors }).to_string()
}

/// An operation is over.
pub fn complete(id: &str) -> String {
    json!({ "type": "complete", "id": id }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_message_of_limited_length() {
        let answer = Answer::new(async_graphql::Value::from("x".repeat(50)));
        let message = next("1", &answer, 1000).expect("a message");
        let read: Value = serde_json::from_str(&message).expect("JSON");
        let payload = serde_json::to_value(&answer).expect("JSON");
        assert_eq!(read, json!({ "type": "next", "id": "1", "payload": payload }));
        assert!(next("1", &answer, message.len()).is_some());
        assert!(next("1", &answer, message.len() - 1).is_none());
    }

    #[test]
    fn only_what_a_client_may_say_is_read() {
        for good in [
            r#"{"type":"connection_init"}"#,
            r#"{"type":"connection_init","payload":null}"#,
            r#"{"type":"connection_init","payload":{"authorization":"Bearer x"}}"#,
            r#"{"type":"ping"}"#,
            r#"{"type":"pong","payload":{"a":1}}"#,
            r#"{"type":"complete","id":"1"}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":"{ a }"}}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":"{ a }","operationName":null,"variables":{},"extensions":null}}"#,
        ] {
            assert!(Said::read(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "7",
            "null",
            "[]",
            "{}",
            r#"{"type":"connection_ack"}"#,
            r#"{"type":"next","id":"1","payload":{}}"#,
            r#"{"type":"start","id":"1","payload":{"query":"{ a }"}}"#,
            r#"{"type":"connection_init","payload":"x"}"#,
            r#"{"type":"ping","payload":7}"#,
            r#"{"type":"complete"}"#,
            r#"{"type":"complete","id":""}"#,
            r#"{"type":"subscribe","id":"","payload":{"query":"{ a }"}}"#,
            r#"{"type":"subscribe","id":1,"payload":{"query":"{ a }"}}"#,
            r#"{"type":"subscribe","id":"1"}"#,
            r#"{"type":"subscribe","id":"1","payload":{}}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":"{ a }","documentId":"a"}}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":7}}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":"{ a }","variables":[]}}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":"{ a }","operationName":7}}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":"{ a }","extensions":"x"}}"#,
        ] {
            assert!(Said::read(bad).is_none(), "{bad}");
        }
    }
}
