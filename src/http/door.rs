//! The door: who stands there, and what it costs them to be refused.
//!
//! A request that ends before its operation runs takes one unit of whoever sent it: of the address, as long as it is not
//! known who that is. Once nothing is left there, whoever says nothing of themself is refused before any work, and
//! whoever brings a token is looked up first: what is right goes on, whatever others did at the same address.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Shared, address, limit};
use crate::app::App;
use crate::auth::api_token;
use crate::domain::actor::Actor;
use crate::error::{Error, Result};
use crate::service::session;
use crate::store::rate::Charge;

/// How many API tokens are known by sight at most, twice.
const MOST: usize = 5_000;

/// The digests of API tokens that were good when they were last brought; clones share them. Two generations: when the
/// young one is full, it becomes the old one.
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
    familiar: &'a Familiar,
    caller: String,
}

impl<'a> Door<'a> {
    /// The door at which this address stands.
    pub fn new(shared: &'a Shared, caller: IpAddr) -> Self {
        Self {
            app: &shared.app,
            familiar: &shared.familiar,
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
        let digest = token.and_then(api_token::digest);
        let known = digest.as_deref().is_some_and(|digest| self.familiar.knows(digest));
        if digest.is_some() && !known {
            let now = self.app.clock.now().timestamp_micros();
            if let Some(charge) = self.unknown_token() {
                self.app.rates.look(charge, now).map_err(limit::busy)?;
            }
        }
        let found = session::actor(self.app, token, accept_language).await;
        match (digest, &found) {
            (Some(digest), Ok(_)) if !known => self.familiar.learn(digest),
            (Some(digest), Err(Error::Unauthenticated)) => {
                self.familiar.forget(&digest);
                self.take(self.unknown_token())?;
            }
            _ => {}
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
