//! What the traffic may be: the `[load]`, `[socket]`, `[live]` and `[rates]` sections.

use serde::{Deserialize, Serialize};

/// The `[load]` section.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "config/default.toml documents every key")]
pub struct Load {
    pub operation_seconds: u64,
    pub operations: usize,
    pub head_seconds: u64,
    pub unread_seconds: u64,
    pub key_milliseconds: u64,
}

/// The header in which proxies say whom they speak for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Forwarded {
    /// `X-Forwarded-For`.
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// The `[socket]` section.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "config/default.toml documents every key")]
pub struct Socket {
    pub init_milliseconds: u64,
    pub check_milliseconds: u64,
    pub ping_seconds: u64,
    pub message_bytes: usize,
    pub operations: usize,
    pub per_address: usize,
    pub per_person: usize,
}

/// The `[live]` section.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "config/default.toml documents every key")]
pub struct Live {
    pub per_connection: usize,
    pub per_person: usize,
    pub pause_milliseconds: u64,
    pub check_seconds: u64,
    pub readers: usize,
}

impl Live {
    /// Whether subscriptions come to an answer, and not one after the other without a pause.
    pub const fn is_sound(&self) -> bool {
        self.readers > 0 && self.check_seconds > 0 && self.pause_milliseconds > 0
    }
}

/// How much of something is allowed: `burst` at once, and `refill` more every `seconds`.
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "config/default.toml documents every key")]
pub struct Rate {
    pub burst: u64,
    pub refill: u64,
    pub seconds: u64,
}

/// The `[rates]` section.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "config/default.toml documents every key")]
pub struct Rates {
    pub enabled: bool,
    pub anonymous: Rate,
    pub person: Rate,
    pub token: Rate,
    pub sign_in_address: Rate,
    pub sign_in_network: Rate,
    pub sign_in_known: Rate,
    pub sign_in_account: Rate,
    pub mail_sender: Rate,
    pub invitation_sender: Rate,
    pub nomination_sender: Rate,
    pub mail_recipient: Rate,
    pub export: Rate,
}
