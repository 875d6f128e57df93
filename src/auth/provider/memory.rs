//! What is known of a provider: where its endpoints are, and its keys. Asked for once an hour, sooner for an unknown
//! key.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreResponseMode, CoreResponseType,
    CoreSubjectIdentifierType,
};
use openidconnect::{AdditionalProviderMetadata, IssuerUrl, ProviderMetadata};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tracing::Instrument;

use super::line::{Line, Silence};
use super::talk::told;
use crate::clock::Clock;
use crate::error::{Error, Result};

/// How long what was learnt is believed.
pub(super) const USUAL: TimeDelta = TimeDelta::hours(1);
/// The same when somebody brings a token that was signed with an unknown key: so often the keys are asked for at most.
pub(super) const UNKNOWN_KEY: TimeDelta = TimeDelta::minutes(1);
/// How long a provider is left alone after it did not answer.
const PAUSE: TimeDelta = TimeDelta::seconds(10);

/// What a provider announces beyond the standard of discovery.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
pub(super) struct Announced {
    /// Whether it says who it is when it sends somebody back (RFC 9207).
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for Announced {}

/// What a provider says of itself.
pub(super) type Metadata = ProviderMetadata<
    Announced,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// What is known of one provider.
pub(super) struct Memory {
    state: Arc<Mutex<State>>,
    /// Whether people come back from other providers to the same page.
    shares_callback: bool,
}

#[derive(Default)]
struct State {
    known: Option<(DateTime<Utc>, Arc<Metadata>)>,
    failed_at: Option<DateTime<Utc>>,
}

impl Memory {
    /// Nothing yet; `shares_callback` where people come back from other providers to the same page.
    pub(super) fn new(shares_callback: bool) -> Self {
        Self {
            state: Arc::default(),
            shares_callback,
        }
    }

    /// What the provider says of itself, learnt within `lasts`. Of many who ask at once one asks the provider.
    ///
    /// # Errors
    /// [`Error::Provider`] when it does not answer as it should, and for a moment after that.
    pub(super) async fn metadata(
        &self,
        line: &Line,
        issuer: &IssuerUrl,
        lasts: TimeDelta,
        clock: &Arc<Clock>,
    ) -> Result<Arc<Metadata>> {
        let state = self.state.clone().lock_owned().await;
        let now = clock.now();
        if let Some((at, known)) = &state.known
            && now - *at < lasts
        {
            return Ok(known.clone());
        }
        if state.failed_at.is_some_and(|at| now - at < PAUSE) {
            return Err(Error::Provider);
        }
        let (line, issuer, clock) = (line.clone(), issuer.clone(), clock.clone());
        let shares_callback = self.shares_callback;
        // A task of its own: whoever asked may hang up, and what came of it is remembered all the same.
        let learning = async move { learn(state, &line, &issuer, shares_callback, &clock).await };
        tokio::spawn(learning.in_current_span())
            .await
            .map_err(Error::internal)?
    }
}

/// Asks the provider, and remembers what it said, or when it had failed.
async fn learn(
    mut state: OwnedMutexGuard<State>,
    line: &Line,
    issuer: &IssuerUrl,
    shares_callback: bool,
    clock: &Clock,
) -> Result<Arc<Metadata>> {
    let found = ask(line, issuer).await;
    match &found {
        Ok(found) => {
            state.known = Some((clock.now(), found.clone()));
            state.failed_at = None;
            let names_itself = found
                .additional_metadata()
                .authorization_response_iss_parameter_supported;
            if shares_callback && !names_itself {
                tracing::warn!(
                    provider.issuer = issuer.as_str(),
                    "this provider shares its callback with others and does not name itself there (RFC 9207)"
                );
            }
        }
        Err(_) => state.failed_at = Some(clock.now()),
    }
    found
}

async fn ask(line: &Line, issuer: &IssuerUrl) -> Result<Arc<Metadata>> {
    let asked = Metadata::discover_async(issuer.clone(), line);
    let found = tokio::time::timeout(line.patience(), asked)
        .await
        .map_err(|_| told(issuer, &Silence::TooSlow))?
        .map_err(|failure| told(issuer, &failure))?;
    if line.allows(found.authorization_endpoint().url()) {
        return Ok(Arc::new(found));
    }
    tracing::warn!(
        provider.issuer = issuer.as_str(),
        "the authorisation endpoint is not https"
    );
    Err(Error::Provider)
}
