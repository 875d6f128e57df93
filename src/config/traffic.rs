//! What the traffic may be: the `[load]`, `[socket]` and `[rates]` sections.

use serde::{Deserialize, Serialize};

/// The `[load]` section.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "config/default.toml documents every key")]
pub struct Load {
    pub operation_seconds: u64,
    pub operations: usize,
    pub head_seconds: u64,
}
