//! Sees to it that access tokens are signed and checked with the keys of the database, or of the mounted file, as they
//! are now. What was read is believed for `database.standing_milliseconds`, a second at most; a change that this
//! process makes counts at once. A token with the name of an unknown key has the keys read again, but only once a
//! second, so that forged names cost the database no more than that. Whoever hangs up while they are read leaves them
//! unread, and the next one reads them.

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Mutex;

use super::App;
use crate::auth::key::{PrivateKey, PublicKey, read_file};
use crate::auth::keys::{Keys, Published};
use crate::auth::token::{Bearer, Rejected, Tokens};
use crate::auth::vault::Vault;
use crate::config::{ConfigError, Settings};
use crate::domain::signing_key::KeyState;
use crate::error::{Error, Result};
use crate::store::{Connection, signing_key};

/// How often a name that is not known may have the keys read again.
const LOOK_AGAIN: TimeDelta = TimeDelta::seconds(1);
/// When the keys were read, before they were for the first time and after they were changed.
const NEVER: i64 = i64::MIN;

/// Keeps the keys of [`Tokens`] as they are.
#[derive(Debug)]
pub struct Keyring {
    tokens: Tokens,
    vault: Vault,
    file: Option<PathBuf>,
    lasts: TimeDelta,
    /// When the keys were read, in microseconds.
    read_at: AtomicI64,
    /// When they were read because of a name that was not known.
    looked_again_at: AtomicI64,
    /// Held while they are read, so that one reads and the others wait for it.
    seen: Mutex<Seen>,
}

/// What the present keys were made of.
#[derive(Debug, Default)]
struct Seen {
    source: Option<Source>,
    /// What was wrong when the file was read last.
    complaint: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
enum Source {
    Rows(Vec<signing_key::Model>),
    File(String),
}

impl Keyring {
    /// Without keys; the first use reads them.
    pub fn new(settings: &Settings, tokens: Tokens, vault: Vault) -> Self {
        let file = &settings.auth.keys_file;
        Self {
            tokens,
            vault,
            file: (!file.as_os_str().is_empty()).then(|| file.clone()),
            lasts: TimeDelta::milliseconds(settings.database.standing_milliseconds),
            read_at: AtomicI64::new(NEVER),
            looked_again_at: AtomicI64::new(NEVER),
            seen: Mutex::default(),
        }
    }

    /// Whether the keys come from a mounted file, and not from the database.
    pub fn is_mounted(&self) -> bool {
        self.file.is_some()
    }

    /// Reads the keys, unless they were read a moment ago.
    ///
    /// # Errors
    /// [`Error::Internal`] when the database does not answer, or the file of keys never was one.
    pub async fn renew(&self, connection: &impl Connection, now: DateTime<Utc>) -> Result<()> {
        if within(&self.read_at, self.lasts, now) {
            return Ok(());
        }
        let mut seen = self.seen.lock().await;
        if within(&self.read_at, self.lasts, now) {
            return Ok(());
        }
        self.read(&mut seen, connection, now).await
    }

    /// Reads the keys because a token names one that is not known; once a second at most. Whoever comes in
    /// between waits for the reading that goes on, if one does.
    async fn look_again(&self, connection: &impl Connection, now: DateTime<Utc>) -> Result<()> {
        let mut seen = self.seen.lock().await;
        // Whoever looked may have hung up before the keys were there: that reading did not count.
        let is_read = self.read_at.load(Ordering::Acquire) != NEVER;
        if is_read && within(&self.looked_again_at, LOOK_AGAIN, now) {
            return Ok(());
        }
        self.looked_again_at.store(now.timestamp_micros(), Ordering::Release);
        self.read(&mut seen, connection, now).await
    }

    /// Has the keys read before they are used again: this process has changed them.
    pub fn forget(&self) {
        self.read_at.store(NEVER, Ordering::Release);
    }

    async fn read(&self, seen: &mut Seen, connection: &impl Connection, now: DateTime<Utc>) -> Result<()> {
        // What is changed while this reads must be read again.
        self.read_at.store(now.timestamp_micros(), Ordering::Release);
        let reading = Reading(Some(self));
        let done = match &self.file {
            None => self.read_rows(seen, connection, now).await,
            Some(_) => self.read_mounted(seen).await,
        };
        done?;
        reading.ends();
        Ok(())
    }

    async fn read_rows(&self, seen: &mut Seen, connection: &impl Connection, now: DateTime<Utc>) -> Result<()> {
        let rows = signing_key::good(connection, now).await?;
        let source = Source::Rows(rows);
        if seen.source.as_ref() == Some(&source) {
            return Ok(());
        }
        let Source::Rows(rows) = &source else { return Ok(()) };
        let mut published = Vec::new();
        let mut signing = None;
        for row in rows {
            let key = PublicKey::from_bytes(&row.public_key).ok_or_else(|| Error::internal("a stored key is none"))?;
            if row.state == KeyState::Signing {
                let sealed = row.private_key.as_deref().unwrap_or_default();
                signing = PrivateKey::open(&self.vault, key, sealed);
                if signing.is_none() {
                    tracing::error!(key.id = %key.kid(), "the key that signs was sealed under another auth.secret");
                }
            }
            published.push(Published {
                key,
                state: row.state,
                until: row.verifies_until,
            });
        }
        self.put(seen, source, signing.as_ref(), &published)
    }

    /// A file that is no good leaves the keys as they were: it may be half written.
    async fn read_mounted(&self, seen: &mut Seen) -> Result<()> {
        let Some(path) = &self.file else { return Ok(()) };
        let read = tokio::fs::read_to_string(path).await;
        let read = read.map_err(|failure| failure.to_string()).and_then(|text| {
            if seen.source == Some(Source::File(text.clone())) {
                return Ok(None);
            }
            read_file(&text).map(|keys| Some((text, keys)))
        });
        match read {
            Ok(None) => seen.complaint = None,
            Ok(Some((text, (signing, known)))) => {
                let published = known.iter().map(|&key| Published {
                    key,
                    state: if key == signing.public() {
                        KeyState::Signing
                    } else {
                        KeyState::Next
                    },
                    until: None,
                });
                let published: Vec<Published> = published.collect();
                self.put(seen, Source::File(text), Some(&signing), &published)?;
                seen.complaint = None;
            }
            Err(complaint) if seen.source.is_none() => {
                let problem = format!("{}: {complaint}", path.display());
                return Err(ConfigError::invalid("auth.keys_file", problem).into());
            }
            Err(complaint) => {
                if seen.complaint.as_ref() != Some(&complaint) {
                    tracing::error!(complaint, "the file of keys cannot be used; the keys stay as they were");
                }
                seen.complaint = Some(complaint);
            }
        }
        Ok(())
    }

    fn put(&self, seen: &mut Seen, source: Source, signing: Option<&PrivateKey>, all: &[Published]) -> Result<()> {
        self.tokens.replace_keys(Keys::new(signing, all)?);
        if seen.source.replace(source).is_some() {
            let signing = signing.map(|key| key.public().kid()).unwrap_or_default();
            tracing::info!(
                key.id = signing,
                keys = all.len(),
                "the keys of access tokens have changed"
            );
        }
        Ok(())
    }
}

/// A reading that goes on. One that fails, or whose caller hangs up, leaves keys that were not read: nobody may believe
/// them for another moment.
struct Reading<'a>(Option<&'a Keyring>);

impl Reading<'_> {
    /// It found the keys.
    fn ends(mut self) {
        self.0 = None;
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        if let Some(keyring) = self.0 {
            keyring.forget();
        }
    }
}

/// Whether the instant that is kept lies within the last moment.
fn within(kept: &AtomicI64, moment: TimeDelta, now: DateTime<Utc>) -> bool {
    let kept = kept.load(Ordering::Acquire);
    kept != NEVER && (0..moment.num_microseconds().unwrap_or_default()).contains(&(now.timestamp_micros() - kept))
}

impl App {
    /// Whom an access token names, if it is one of ours and lives.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for any other token, whatever is wrong with it.
    pub async fn bearer(&self, token: &str) -> Result<Bearer> {
        let now = self.clock.now();
        self.keyring.renew(self.db.read(), now).await?;
        match self.tokens.read(token, now) {
            Ok(bearer) => return Ok(bearer),
            Err(Rejected::NoGood) => return Err(Error::Unauthenticated),
            Err(Rejected::UnknownKey) => {}
        }
        self.keyring.look_again(self.db.read(), now).await?;
        self.tokens.read(token, now).map_err(|_| Error::Unauthenticated)
    }

    /// An access token that begins to live now, signed with the key of now.
    pub async fn access_token(&self, connection: &impl Connection, bearer: Bearer) -> Result<String> {
        let now = self.clock.now();
        self.keyring.renew(connection, now).await?;
        self.tokens.issue(bearer, now)
    }

    /// The public keys with which others check our tokens.
    pub async fn key_set(&self) -> Result<serde_json::Value> {
        let now = self.clock.now();
        self.keyring.renew(self.db.read(), now).await?;
        Ok(self.tokens.keys().key_set(now))
    }
}
