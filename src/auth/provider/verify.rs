//! Whether an ID token can be believed (OpenID Connect Core, 3.1.3.7 and 3.1.3.8). The library compares signature,
//! issuer, audience, nonce and end; here is what it leaves open: which algorithms, whose instant, for whom, and with
//! which token.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use openidconnect::core::CoreJwsSigningAlgorithm as Algorithm;
use openidconnect::{
    AccessToken, AccessTokenHash, ClaimsVerificationError, Nonce, OAuth2TokenResponse, RedirectUrl,
    SignatureVerificationError, TokenResponse,
};

use super::line::Line;
use super::memory::UNKNOWN_KEY;
use super::talk::{Answer, Party, Token, TokenClaims, party, told};
use super::{Provider, attempt};
use crate::clock::Clock;
use crate::error::Result;

/// What a token may be signed with: nothing that both sides share, and not nothing.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RsaSsaPkcs1V15Sha256,
    Algorithm::RsaSsaPkcs1V15Sha384,
    Algorithm::RsaSsaPkcs1V15Sha512,
    Algorithm::RsaSsaPssSha256,
    Algorithm::RsaSsaPssSha384,
    Algorithm::RsaSsaPssSha512,
    Algorithm::EcdsaP256Sha256,
    Algorithm::EcdsaP384Sha384,
    Algorithm::EdDsa,
];
/// How far the provider's clock may be from ours.
const LEEWAY: TimeDelta = TimeDelta::minutes(1);
/// How old a token may be that was issued for a code just now.
const OLDEST: TimeDelta = TimeDelta::minutes(10);

/// Why a token is not believed, beyond what the library finds.
#[derive(Debug, thiserror::Error)]
enum Disbelief {
    #[error("the answer holds no ID token")]
    Missing,
    #[error("the ID token was given to another party")]
    OtherParty,
    #[error("the ID token belongs to another access token")]
    OtherAccess,
    #[error("its hash of the access token cannot be computed")]
    NoHash,
}

/// The claims of the ID token of an answer, if it can be believed. A key that is not known may be new: then the keys
/// are asked for again, once a minute at most.
pub(super) async fn claims(
    line: &Line,
    callback: &RedirectUrl,
    provider: &Provider,
    known: &Party,
    answer: &Answer,
    handle: &str,
    clock: &Arc<Clock>,
) -> Result<TokenClaims> {
    let now = clock.now();
    let issuer = &provider.issuer;
    let token = answer.id_token().ok_or_else(|| told(issuer, &Disbelief::Missing))?;
    let nonce = Nonce::new(attempt::nonce(handle));
    let access = answer.access_token();
    let unknown = ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey);
    let checked = match check(provider, known, token, access, &nonce, now) {
        Err(Failure::Library(failure)) if failure == unknown => {
            let metadata = provider.memory.metadata(line, issuer, UNKNOWN_KEY, clock).await?;
            let renewed = party(provider, &metadata, callback);
            check(provider, &renewed, token, access, &nonce, now)
        }
        other => other,
    };
    checked.map_err(|failure| match failure {
        Failure::Library(failure) => told(issuer, &failure),
        Failure::Own(failure) => told(issuer, &failure),
    })
}

enum Failure {
    Library(ClaimsVerificationError),
    Own(Disbelief),
}

fn check(
    provider: &Provider,
    party: &Party,
    token: &Token,
    access: &AccessToken,
    nonce: &Nonce,
    now: DateTime<Utc>,
) -> std::result::Result<TokenClaims, Failure> {
    let verifier = party
        .id_token_verifier()
        .set_allowed_algs(ALGORITHMS)
        .set_time_fn(move || now - LEEWAY)
        .set_issue_time_verifier_fn(move |issued| {
            let recent = (now - OLDEST..=now + LEEWAY).contains(&issued);
            recent.then_some(()).ok_or_else(|| "issued at another time".to_owned())
        });
    let claims = token.claims(&verifier, nonce).map_err(Failure::Library)?;
    // More audiences than us are refused by the library, so this is about who asked for the token.
    if claims.authorized_party().is_some_and(|azp| *azp != provider.client_id) {
        return Err(Failure::Own(Disbelief::OtherParty));
    }
    if let Some(said) = claims.access_token_hash() {
        let hash = || {
            let key = token.signing_key(&verifier).ok()?;
            AccessTokenHash::from_token(access, token.signing_alg().ok()?, key).ok()
        };
        let hash = hash().ok_or(Failure::Own(Disbelief::NoHash))?;
        if hash != *said {
            return Err(Failure::Own(Disbelief::OtherAccess));
        }
    }
    Ok(claims.clone())
}
