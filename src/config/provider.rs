//! The settings of identity providers, `[auth.providers.KEY]`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Secret;

/// What people read a provider's name as: one text, or one in each language.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(untagged)]
pub enum ProviderName {
    /// The same in every language.
    Plain(String),
    /// By language, `es`, `en` or `pt`.
    PerLanguage(BTreeMap<String, String>),
}

/// One identity provider.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "config/default.toml documents every key")]
pub struct Provider {
    pub name: ProviderName,
    pub issuer: String,
    pub client_id: String,
    #[serde(default)]
    pub client_secret: Secret,
    #[serde(default = "usual_scopes")]
    pub scopes: Vec<String>,
    #[serde(default)]
    pub trust_email: bool,
    #[serde(default)]
    pub counts_as_second_factor: bool,
    #[serde(default)]
    pub roles: Vec<ProviderRole>,
}

/// A role for whom a provider says something of.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "config/default.toml documents every key")]
pub struct ProviderRole {
    pub claim: String,
    pub value: String,
    pub role: String,
    #[serde(default)]
    pub scope: String,
}

fn usual_scopes() -> Vec<String> {
    vec!["email".to_owned(), "profile".to_owned()]
}
