//! The one composition root: everything that a use case works with, cheap to clone.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::sync::Notify;

use self::keyring::Keyring;
use crate::auth::fingerprint::Fingerprints;
use crate::auth::password::Passwords;
use crate::auth::provider::Providers;
use crate::auth::token::Tokens;
use crate::auth::vault::Vault;
use crate::clock::Clock;
use crate::config::{ConfigError, Settings};
use crate::domain::actor::Role;
use crate::error::{Error, Result};
use crate::store::Db;
use crate::store::access::writer::Writer;
use crate::store::idempotency::Claim;
use crate::store::keyed::Running;
use crate::store::rate::Counters;

pub mod keyring;
pub mod retry;

/// The running application.
#[derive(Debug, Clone)]
pub struct App {
    /// The database.
    pub db: Db,
    /// Time and identifiers.
    pub clock: Arc<Clock>,
    /// The effective settings.
    pub settings: Arc<Settings>,
    /// Hashes and checks passwords.
    pub passwords: Passwords,
    /// Signs and reads access tokens.
    pub tokens: Tokens,
    /// Sees to it that they do so with the keys of now.
    pub keyring: Arc<Keyring>,
    /// Seals secrets that are stored.
    pub vault: Vault,
    /// Identity providers.
    pub providers: Providers,
    /// The roles that count only once a second factor was given.
    pub factor_roles: Arc<[Role]>,
    /// How often things were asked for of late.
    pub rates: Arc<Counters>,
    /// Told when a message was put into the outbox, so that it leaves at once.
    pub outbox: Arc<Notify>,
    /// Told when the file of a table was handed over, so that it is worked off at once.
    pub imports: Arc<Notify>,
    /// Records who reads personal data of others.
    pub accesses: Writer,
    /// Knows requests again.
    pub fingerprints: Fingerprints,
    /// The idempotency keys whose requests run.
    pub keys: Running,
    /// How often a mutation was tried again because two transactions met.
    pub retries: Arc<AtomicU64>,
}

impl App {
    /// The application for one request, whose reads share a connection.
    #[must_use]
    pub fn for_request(&self) -> Self {
        Self {
            db: self.db.for_request(),
            ..self.clone()
        }
    }

    /// The same request with an idempotency key.
    #[must_use]
    pub fn with_key(&self, claim: Claim) -> Self {
        Self {
            db: self.db.with_key(claim),
            ..self.clone()
        }
    }

    /// Connects to what the settings name, with the schema brought up to date.
    pub async fn open(settings: Settings, clock: Clock) -> Result<Self> {
        let app = Self::new(settings, clock).await?;
        app.db.migrate().await?;
        Ok(app)
    }

    /// Connects to what the settings name. The schema must be current; `Db::migrate` sees to it.
    pub async fn new(settings: Settings, clock: Clock) -> Result<Self> {
        let db = Db::connect(&settings.database).await?;
        let passwords = Passwords::from_settings(&settings.auth)?;
        let tokens = Tokens::from_settings(&settings.auth);
        let vault = Vault::from_settings(&settings.auth)?;
        let keyring = Keyring::new(&settings, tokens.clone(), vault.clone());
        let providers = Providers::from_settings(&settings)?;
        let factor_roles = factor_roles(&settings)?;
        let fingerprints = Fingerprints::from_settings(&settings.auth)?;
        let clock = Arc::new(clock);
        let accesses = Writer::start(db.clone(), clock.clone());
        Ok(Self {
            vault,
            providers,
            factor_roles,
            fingerprints,
            keys: Running::default(),
            retries: Arc::default(),
            imports: Arc::default(),
            db,
            accesses,
            passwords,
            tokens,
            keyring: Arc::new(keyring),
            clock,
            settings: Arc::new(settings),
            rates: Arc::default(),
            outbox: Arc::new(Notify::new()),
        })
    }
}

/// The roles that the settings name.
fn factor_roles(settings: &Settings) -> Result<Arc<[Role]>> {
    let unknown = |word: &str| {
        let problem = format!("there is no role {word:?}; give tutor, focal_point, coordinator or administrator");
        Error::from(ConfigError::invalid("auth.require_second_factor", problem))
    };
    let words = settings.auth.require_second_factor.iter();
    words
        .map(|word| Role::parse(word).ok_or_else(|| unknown(word)))
        .collect()
}
