//! How long things are kept: the `[retention]` section.

use serde::{Deserialize, Serialize};

/// The `[retention]` section.
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "config/default.toml documents every key")]
pub struct Retention {
    pub invitation_days: u16,
    pub message_days: u16,
    pub session_days: u16,
    pub import_days: u16,
}

impl Retention {
    /// Whether each period is a day at least, and ten years at most.
    pub(super) fn is_sound(self) -> bool {
        let days = [
            self.invitation_days,
            self.message_days,
            self.session_days,
            self.import_days,
        ];
        days.iter().all(|days| (1..=3650).contains(days))
    }
}
