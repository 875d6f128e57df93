//! What is known of a provider: where its endpoints are, and its keys. Asked for once an hour, sooner for an unknown key.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreResponseMode, CoreResponseType,
    CoreSubjectIdentifierType,
};
use openidconnect::{AdditionalProviderMetadata, IssuerUrl, ProviderMetadata};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::line::Line;
use super::talk::told;
use crate::error::{Error, Result};

/// How long what was learnt is believed.
pub(super) const USUAL: TimeDelta = TimeDelta::hours(1);
/// The same when somebody brings a token that was signed with an unknown key: so often the keys are asked for at most.
pub(super) const UNKNOWN_KEY: TimeDelta = TimeDelta::minutes(1);
/// How long a provider that did not answer is left alone.
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
#[derive(Default)]
pub(super) struct Memory(Mutex<State>);

#[derive(Default)]
struct State {
    known: Option<(DateTime<Utc>, Arc<Metadata>)>,
    failed_at: Option<DateTime<Utc>>,
}

impl Memory {
    /// What the provider says of itself, learnt within `lasts`. Of many who ask at once one asks the provider.
    ///
    /// # Errors
    /// [`Error::Provider`] when it does not answer as it should, and for a moment after that.
    pub(super) async fn metadata(
        &self,
        line: &Line,
        issuer: &IssuerUrl,
        lasts: TimeDelta,
        now: DateTime<Utc>,
    ) -> Result<Arc<Metadata>> {
        let mut state = self.0.lock().await;
        if let Some((at, known)) = &state.known
            && now - *at < lasts
        {
            return Ok(known.clone());
        }
        if state.failed_at.is_some_and(|at| now - at < PAUSE) {
            return Err(Error::Provider);
        }
        match Metadata::discover_async(issuer.clone(), line).await {
            Ok(found) if line.allows(found.authorization_endpoint().url()) => {
                let found = Arc::new(found);
                *state = State {
                    known: Some((now, found.clone())),
                    failed_at: None,
                };
                Ok(found)
            }
            Ok(_) => {
                state.failed_at = Some(now);
                tracing::warn!(
                    provider.issuer = issuer.as_str(),
                    "the authorisation endpoint is not https"
                );
                Err(Error::Provider)
            }
            Err(failure) => {
                state.failed_at = Some(now);
                Err(told(issuer, &failure))
            }
        }
    }
}
