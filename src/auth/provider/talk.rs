//! The conversation with a provider: sending somebody there, and exchanging the code that they bring back.

use std::sync::Arc;

use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreClientAuthMethod, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreResponseType, CoreRevocableToken,
    CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AccessToken, AdditionalClaims, AuthType, AuthenticationFlow, AuthorizationCode, Client, CsrfToken,
    EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, IdToken, IdTokenClaims, IdTokenFields,
    IssuerUrl, LanguageTag, LocalizedClaim, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier,
    RedirectUrl, RequestTokenError, Scope, SignatureVerificationError, StandardErrorResponse, StandardTokenResponse,
    UserInfoClaims,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::line::{Line, Silence};
use super::memory::{Metadata, USUAL};
use super::{Provider, Returned, attempt, verify};
use crate::clock::Clock;
use crate::domain::identity::{Claims, Subject};
use crate::domain::language::Language;
use crate::error::{Code, Error, Result};

/// The claims that are no standard ones.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
pub(super) struct Others {
    #[serde(flatten)]
    all: Map<String, Value>,
}

impl AdditionalClaims for Others {}

pub(super) type Token = IdToken<Others, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;
pub(super) type TokenClaims = IdTokenClaims<Others, CoreGenderClaim>;
pub(super) type Answer = StandardTokenResponse<
    IdTokenFields<
        Others,
        EmptyExtraTokenFields,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    >,
    CoreTokenType,
>;
pub(super) type Party = Client<
    Others,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Answer,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// The failure of a provider, with its causes in the log as far as they are ours or the line's: others may quote what
/// the provider said, with tokens and addresses in it.
pub(super) fn told(issuer: &IssuerUrl, failure: &(dyn std::error::Error + 'static)) -> Error {
    let mut chain = failure.to_string();
    let mut next = failure.source();
    let mut quotes_nothing = false;
    while let Some(inner) = next {
        quotes_nothing |= inner.is::<Silence>() || inner.is::<SignatureVerificationError>();
        if !quotes_nothing {
            break;
        }
        chain.push_str(": ");
        chain.push_str(&inner.to_string());
        next = inner.source();
    }
    tracing::warn!(
        provider.issuer = issuer.as_str(),
        error.chain = %chain,
        "an identity provider failed"
    );
    Error::Provider
}

/// The token endpoint refuses, not because of the code.
#[derive(Debug, thiserror::Error)]
#[error("the token endpoint refuses with {0}")]
struct Refused(String);

/// Rumbo as a party to this provider.
pub(super) fn party(provider: &Provider, metadata: &Metadata, callback: &RedirectUrl) -> Party {
    let methods = metadata.token_endpoint_auth_methods_supported();
    let in_body = methods.is_some_and(|methods| {
        methods.contains(&CoreClientAuthMethod::ClientSecretPost)
            && !methods.contains(&CoreClientAuthMethod::ClientSecretBasic)
    });
    let party = Party::from_provider_metadata(
        metadata.clone(),
        provider.client_id.clone(),
        provider.client_secret.clone(),
    );
    let auth = if in_body {
        AuthType::RequestBody
    } else {
        AuthType::BasicAuth
    };
    party.set_redirect_uri(callback.clone()).set_auth_type(auth)
}

/// See [`super::Providers::address`].
pub(super) async fn address(
    line: &Line,
    callback: &RedirectUrl,
    provider: &Provider,
    handle: &str,
    language: Language,
    clock: &Arc<Clock>,
) -> Result<String> {
    let metadata = provider.memory.metadata(line, &provider.issuer, USUAL, clock).await?;
    let verifier = PkceCodeVerifier::new(attempt::verifier(handle));
    let scopes = provider.scopes.iter().map(|scope| Scope::new(scope.clone()));
    let party = party(provider, &metadata, callback);
    let flow = AuthenticationFlow::<CoreResponseType>::AuthorizationCode;
    let state = CsrfToken::new(attempt::state(handle));
    let nonce = Nonce::new(attempt::nonce(handle));
    let (url, _, _) = party
        .authorize_url(flow, move || state, move || nonce)
        .add_scopes(scopes)
        .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
        .add_ui_locale(LanguageTag::new(language.code().to_owned()))
        .url();
    Ok(url.into())
}

/// See [`super::Providers::redeem`].
pub(super) async fn redeem(
    line: &Line,
    callback: &RedirectUrl,
    provider: &Provider,
    returned: &Returned<'_>,
    clock: &Arc<Clock>,
) -> Result<Claims> {
    let metadata = provider.memory.metadata(line, &provider.issuer, USUAL, clock).await?;
    let named = match returned.issuer {
        Some(issuer) => issuer == provider.issuer(),
        None => {
            !metadata
                .additional_metadata()
                .authorization_response_iss_parameter_supported
        }
    };
    if !named {
        return Err(Error::at("issuer", Code::InvalidToken));
    }
    let party = party(provider, &metadata, callback);
    let answer = exchange(line, provider, &party, returned).await?;
    let claims = verify::claims(line, callback, provider, &party, &answer, returned.handle, clock).await?;
    let subject = Subject::parse(claims.subject().as_str()).ok_or(Error::Provider)?;
    let said = from_token(subject, &claims);
    if is_enough(provider, &said) || party.user_info_url().is_none() {
        return Ok(said);
    }
    more(line, provider, &party, answer.access_token(), said).await
}

async fn exchange(line: &Line, provider: &Provider, party: &Party, returned: &Returned<'_>) -> Result<Answer> {
    let issuer = &provider.issuer;
    let request = party
        .exchange_code(AuthorizationCode::new(returned.code.to_owned()))
        .map_err(|failure| told(issuer, &failure))?
        .set_pkce_verifier(PkceCodeVerifier::new(attempt::verifier(returned.handle)));
    request.request_async(line).await.map_err(|failure| match &failure {
        RequestTokenError::ServerResponse(refusal) if *refusal.error() == CoreErrorResponseType::InvalidGrant => {
            Error::at("code", Code::InvalidToken)
        }
        RequestTokenError::ServerResponse(refusal) => told(issuer, &Refused(refusal.error().to_string())),
        _ => told(issuer, &failure),
    })
}

/// Whether the ID token said all that matters here; many providers keep an address for those who ask for it apart.
fn is_enough(provider: &Provider, said: &Claims) -> bool {
    let roles_known = provider.roles.iter().all(|rule| said.others.contains_key(rule.claim()));
    said.email.is_some() && roles_known
}

/// Asks for what the ID token did not say.
async fn more(line: &Line, provider: &Provider, party: &Party, token: &AccessToken, said: Claims) -> Result<Claims> {
    let issuer = &provider.issuer;
    // The library would stop at a token that is no header.
    if !token.secret().bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::Provider);
    }
    let subject = openidconnect::SubjectIdentifier::new(said.subject.as_ref().to_owned());
    let request = party
        .user_info(token.clone(), Some(subject))
        .map_err(|failure| told(issuer, &failure))?;
    let found: UserInfoClaims<Others, CoreGenderClaim> = request
        .request_async(line)
        .await
        .map_err(|failure| told(issuer, &failure))?;
    let own = |text: &str| text.to_owned();
    // An address and whether it is verified belong together.
    let (email, email_verified) = match said.email {
        Some(email) => (Some(email), said.email_verified),
        None => (
            found.email().map(|text| own(text)),
            found.email_verified() == Some(true),
        ),
    };
    let mut others = found.additional_claims().all.clone();
    others.extend(said.others);
    Ok(Claims {
        email,
        email_verified,
        given_name: said.given_name.or_else(|| plain(found.given_name())),
        family_name: said.family_name.or_else(|| plain(found.family_name())),
        name: said.name.or_else(|| plain(found.name())),
        locale: said.locale.or_else(|| found.locale().map(|tag| own(tag))),
        zone: said.zone.or_else(|| found.zoneinfo().map(|zone| own(zone))),
        subject: said.subject,
        others,
    })
}

fn from_token(subject: Subject, claims: &TokenClaims) -> Claims {
    let own = |text: &str| text.to_owned();
    Claims {
        subject,
        email: claims.email().map(|text| own(text)),
        email_verified: claims.email_verified() == Some(true),
        given_name: plain(claims.given_name()),
        family_name: plain(claims.family_name()),
        name: plain(claims.name()),
        locale: claims.locale().map(|tag| own(tag)),
        zone: claims.zoneinfo().map(|zone| own(zone)),
        others: claims.additional_claims().all.clone(),
    }
}

/// A claim that may be there per language: the one without a language.
fn plain<T: std::ops::Deref<Target = String>>(claim: Option<&LocalizedClaim<T>>) -> Option<String> {
    claim?.get(None).map(|text| text.to_string())
}
