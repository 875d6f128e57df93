//! The door: who stands there, and what it costs them to be refused.
//!
//! A request that ends before its operation runs takes one unit of whoever sent it: of the address, as long as it is
//! not known who that is. Once nothing is left there, whoever says nothing of themself is refused before any work, and
//! whoever brings a token is looked up first: what is right goes on, whatever others did at the same address.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::{Shared, address, limit};
use crate::app::App;
use crate::auth::api_token;
use crate::domain::actor::Actor;
use crate::error::{Error, Result};
use crate::service::session;
use crate::store::rate::Charge;

/// How many tokens are known by sight at most, twice.
const MOST: usize = 5_000;

/// The digests of tokens that are known by sight; clones share them. Two generations: when the young one is full, it
/// becomes the old one.
#[derive(Debug, Clone, Default)]
pub struct Familiar(Arc<Mutex<[HashSet<Vec<u8>>; 2]>>);

impl Familiar {
    fn knows(&self, digest: &[u8]) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().any(|generation| generation.contains(digest))
    }

    fn learn(&self, digest: Vec<u8>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let [young, old] = &mut *known;
        if young.len() >= MOST {
            *old = std::mem::take(young);
        }
        young.insert(digest);
    }

    fn forget(&self, digest: &[u8]) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for generation in &mut *known {
            generation.remove(digest);
        }
    }
}

/// The door of one address.
pub struct Door<'a> {
    app: &'a App,
    /// API tokens that were good when they were last brought.
    familiar: &'a Familiar,
    /// Access tokens of ours that were refused: a session that has ended does not come back, so they never are good
    /// again.
    ended: &'a Familiar,
    caller: String,
}

impl<'a> Door<'a> {
    /// The door at which this address stands.
    pub fn new(shared: &'a Shared, caller: IpAddr) -> Self {
        Self {
            app: &shared.app,
            familiar: &shared.familiar,
            ended: &shared.ended,
            caller: address::network(caller).to_string(),
        }
    }

    /// Whether the address may still be refused.
    ///
    /// # Errors
    /// [`Error::Busy`] when it has been refused too often of late.
    pub fn look(&self) -> Result<()> {
        let now = self.app.clock.now().timestamp_micros();
        match limit::ordinary(self.app, None, &self.caller, 1) {
            Some(charge) => self.app.rates.look(charge, now).map_err(limit::busy),
            None => Ok(()),
        }
    }

    /// Takes what a refusal costs, of the caller where it is known who that is, or else of the address.
    ///
    /// # Errors
    /// [`Error::Busy`] when there is nothing left.
    pub fn refuse(&self, actor: Option<&Actor>) -> Result<()> {
        self.take(limit::ordinary(self.app, actor, &self.caller, 1))
    }

    /// Who it is.
    ///
    /// # Errors
    /// Those of [`session::actor`]. [`Error::Busy`] for an API token that was not good here before, when too many of
    /// this address were looked up in the database and not found.
    pub async fn actor(&self, token: Option<&str>, accept_language: Option<&str>) -> Result<Actor> {
        let Some(token) = token else {
            return session::actor(self.app, None, accept_language).await;
        };
        match api_token::digest(token) {
            Some(digest) => self.program(token, digest).await,
            None => self.in_session(token).await,
        }
    }

    /// Whose program brings an API token.
    async fn program(&self, token: &str, digest: Vec<u8>) -> Result<Actor> {
        let known = self.familiar.knows(&digest);
        if !known && let Some(charge) = self.unknown_token() {
            let now = self.app.clock.now().timestamp_micros();
            self.app.rates.look(charge, now).map_err(limit::busy)?;
        }
        let found = session::actor(self.app, Some(token), None).await;
        match &found {
            Ok(_) if !known => self.familiar.learn(digest),
            Err(Error::Unauthenticated) => {
                self.familiar.forget(&digest);
                self.take(self.unknown_token())?;
            }
            Ok(_) | Err(_) => {}
        }
        found
    }

    /// Who brings an access token. A forged one is told without the database; one of ours that was refused is looked up
    /// once, and not again.
    async fn in_session(&self, token: &str) -> Result<Actor> {
        let digest = Sha256::digest(token.as_bytes()).to_vec();
        if self.ended.knows(&digest) {
            return Err(Error::Unauthenticated);
        }
        let bearer = self.app.bearer(token).await?;
        let found = session::standing(self.app, bearer).await;
        if let Err(Error::Unauthenticated) = &found {
            self.ended.learn(digest);
        }
        found
    }

    /// One look into the database for an API token that is none; a bucket of its own, so that nobody's token is left
    /// outside for what others get wrong in other ways.
    fn unknown_token(&self) -> Option<Charge> {
        let rates = &self.app.settings.rates;
        let of = [b"unknown token".as_slice(), self.caller.as_bytes()];
        rates.enabled.then(|| Charge::new(&of, &rates.anonymous, 1))
    }

    fn take(&self, charge: Option<Charge>) -> Result<()> {
        let now = self.app.clock.now().timestamp_micros();
        match charge {
            Some(charge) => self.app.rates.take(charge, now).map_err(limit::busy),
            None => Ok(()),
        }
    }
}
