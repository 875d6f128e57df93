//! What is set and must not be seen.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt;

use config::Environment;
use serde::{Deserialize, Serialize};

use super::print::HIDDEN;

/// A value that is never printed: not by `Debug`, not in the effective configuration.
#[derive(Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself, for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(if self.0.is_empty() { "(empty)" } else { HIDDEN })
    }
}

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if self.0.is_empty() { "" } else { HIDDEN })
    }
}

/// Whether a secret was copied from somewhere, as one of `config/`, or typed without thinking.
pub fn is_example(secret: &str) -> bool {
    let small = secret.to_ascii_lowercase();
    let plain: String = small.chars().filter(char::is_ascii_alphanumeric).collect();
    let words = [
        "protectsnothing",
        "change",
        "example",
        "placeholder",
        "yoursecret",
        "secrethere",
        "secretkey",
        "supersecret",
        "topsecret",
        "replaceme",
        "donotuse",
        "insecure",
    ];
    let letters: BTreeSet<u8> = secret.bytes().collect();
    let bytes = secret.as_bytes();
    let repeats = |period: usize| bytes.iter().skip(period).eq(bytes.iter().take(bytes.len() - period));
    letters.len() < 8 || words.iter().any(|word| plain.contains(word)) || (1..=bytes.len() / 2).any(repeats)
}

/// The secrets of the environment, as they are written there: one of digits alone is no number.
pub fn plain_secrets(variables: impl Iterator<Item = (OsString, OsString)>) -> Environment {
    let text = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    let secrets = variables
        .filter_map(text)
        .filter(|(name, _)| name.to_ascii_uppercase().ends_with("SECRET"));
    Environment::with_prefix("RUMBO")
        .prefix_separator("__")
        .separator("__")
        .source(Some(secrets.collect()))
}
