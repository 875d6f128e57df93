//! Registered documents: those that a request may name by an id instead of sending them.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::problem::Problem;
use super::read::Asked;
use crate::config;
use crate::domain::actor::{Actor, Role};
use crate::error::{Error, Result};
use crate::http::start;

/// The registered documents by id, and whether others run too.
#[derive(Clone)]
pub struct Documents {
    mode: config::Documents,
    known: Arc<HashMap<String, String>>,
}

impl Documents {
    /// The documents that the settings name. Where they cannot be read, none is registered, and the log says
    /// why: then none of them runs, rather than all.
    pub fn from_settings(settings: &config::GraphQl) -> Self {
        let known = if settings.documents == config::Documents::Any {
            HashMap::new()
        } else {
            load(&settings.registered).unwrap_or_else(|failure| {
                tracing::error!(error.chain = %failure, "the registered documents cannot be read");
                HashMap::new()
            })
        };
        Self {
            mode: settings.documents,
            known: Arc::new(known),
        }
    }

    /// The document that a request means, by its text or its id.
    pub fn find(&self, asked: &mut Asked) -> Result<String, Problem> {
        match (asked.query.take(), &asked.document_id) {
            (Some(text), _) => Ok(text),
            (None, Some(id)) => self.known.get(id).cloned().ok_or(Problem::UnknownDocument),
            (None, None) => Err(Problem::BadRequest),
        }
    }

    /// Whether this actor may send a document of their own.
    pub fn permit(&self, by_id: bool, actor: &Actor) -> Result<(), Problem> {
        let administers = || actor.grants.iter().any(|grant| grant.role == Role::Administrator);
        match self.mode {
            config::Documents::Any | config::Documents::AnyOrRegistered => Ok(()),
            config::Documents::Registered if by_id || administers() => Ok(()),
            config::Documents::Registered => Err(Problem::NotRegistered),
        }
    }
}

/// The id of a document: what it is, not who gave it.
pub fn id(document: &str) -> String {
    format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(document.as_bytes())))
}

/// The documents of a folder, of a JSON file, or those that come with the program.
pub fn load(place: &Path) -> Result<HashMap<String, String>> {
    let mut known = HashMap::new();
    let mut add = |content: &str| {
        for document in start::documents(content) {
            known.insert(id(&document), document);
        }
    };
    if place.as_os_str().is_empty() {
        start::files().for_each(&mut add);
    } else if place.is_dir() {
        for entry in std::fs::read_dir(place).map_err(Error::internal)? {
            let path = entry.map_err(Error::internal)?.path();
            if path.extension().is_some_and(|extension| extension == "graphql") {
                add(&std::fs::read_to_string(path).map_err(Error::internal)?);
            }
        }
    } else {
        let text = std::fs::read_to_string(place).map_err(Error::internal)?;
        let map: HashMap<String, String> = serde_json::from_str(&text).map_err(Error::internal)?;
        if let Some(wrong) = map
            .iter()
            .find_map(|(key, text)| (key.starts_with("sha256:") && *key != id(text)).then_some(key))
        {
            return Err(Error::internal(format!("{wrong} is not the digest of its document")));
        }
        known = map;
    }
    Ok(known)
}

/// The documents that come with the program, as the JSON file of the settings `graphql.registered`.
pub fn manifest() -> Result<String> {
    let known: std::collections::BTreeMap<_, _> = load(Path::new(""))?.into_iter().collect();
    let map: Value = serde_json::to_value(known).map_err(Error::internal)?;
    serde_json::to_string_pretty(&map).map_err(Error::internal)
}
