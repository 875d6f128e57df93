//! Signing in with an identity provider, and the identities of one's own account.

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::error::{ApiResult, UserError};
use super::id;
use super::payload::payloads;
use super::request::Request;
use super::session::{SessionTokens, SignInChallenge};
use crate::auth::provider::Returned;
use crate::domain::id::IdentityId;
use crate::domain::language::Localized;
use crate::error::{Error, Result};
use crate::service::identity::{self as identities, Begun, Completed, linking};
use crate::service::session::{ClientLabel, SignedIn};
use crate::store::identity;

/// A provider with which people sign in.
pub struct IdentityProvider {
    key: String,
    name: Localized,
}

/// An identity provider with which one can sign in.
#[Object]
impl IdentityProvider {
    /// How `beginProviderSignIn` names it.
    async fn key(&self) -> &str {
        &self.key
    }

    /// Its name, for a button, in the language of the request where it has one.
    async fn name(&self, ctx: &Context<'_>) -> &str {
        self.name.get(Request::of(ctx).actor.language)
    }
}

/// A sign-in that was begun.
pub struct ProviderSignIn(Begun);

/// A sign-in that was begun at an identity provider. Keep the handle in the browser's session storage, send the browser
/// to the address, and complete the sign-in on the page to which it comes back.
#[Object]
impl ProviderSignIn {
    /// Where to send the browser.
    async fn url(&self) -> &str {
        &self.0.url
    }

    /// Completes the sign-in, once; it never belongs into a URL.
    async fn handle(&self) -> &str {
        &self.0.handle
    }

    /// How many seconds it lives.
    async fn expires_in(&self) -> i64 {
        self.0.expires_in
    }
}

/// One's own identity at a provider.
pub struct Identity(pub identity::Model);

/// Who you are at an identity provider: with it you can sign in.
#[Object]
impl Identity {
    /// Identifier, `idn_…`.
    async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// The key of the provider.
    async fn provider(&self) -> &str {
        &self.0.provider
    }

    /// The name of the provider; null when one can no longer sign in with it.
    async fn provider_name(&self, ctx: &Context<'_>) -> Option<String> {
        let Request { app, actor, .. } = Request::of(ctx);
        let provider = app.providers.accepting(&self.0.provider, &self.0.issuer)?;
        Some(provider.name.get(actor.language).to_owned())
    }

    /// Since when it belongs to your account.
    async fn linked_at(&self) -> DateTime<Utc> {
        self.0.linked_at
    }

    /// When you last signed in with it; null for never.
    async fn last_used_at(&self) -> Option<DateTime<Utc>> {
        self.0.used_at
    }
}

/// The identities of whoever asks.
pub async fn mine(request: &Request) -> ApiResult<Vec<Identity>> {
    let rows = linking::mine(&request.app, &request.actor).await?;
    Ok(rows.into_iter().map(Identity).collect())
}

/// A sign-in to begin.
#[derive(Debug, InputObject)]
pub struct BeginProviderSignInInput {
    /// The key of the provider, from `identityProviders`: up to 40 characters as it came.
    provider: String,
}

/// What came back from the provider.
#[derive(Debug, InputObject)]
pub struct CompleteProviderSignInInput {
    /// The handle that `beginProviderSignIn` gave to this browser, up to 60 characters as it came.
    handle: String,
    /// The parameter `state` of the address to which the browser came back, up to 60 characters as it came.
    state: String,
    /// Its parameter `code`, up to 4,096 characters as it came.
    code: String,
    /// Its parameter `iss`, up to 2,000 characters as it came, where there is one.
    issuer: Option<String>,
}

/// An identity to confirm.
#[derive(Debug, InputObject)]
pub struct ConfirmIdentityLinkInput {
    /// The token of the message, up to 60 characters as it came.
    token: String,
    /// The handle with which this browser completed the sign-in, up to 60 characters as it came.
    handle: String,
    /// A code of the second factor, or a recovery code, where the account has one; up to 40 characters as it is shown.
    code: Option<String>,
}

/// An identity to link.
#[derive(Debug, InputObject)]
pub struct BeginIdentityLinkInput {
    /// The key of the provider, from `identityProviders`: up to 40 characters as it came.
    provider: String,
    /// The present password, up to 128 characters byte for byte. Left out for an account that has none: then you must
    /// have signed in within ten minutes.
    current_password: Option<String>,
    /// A code of the second factor, or a recovery code, where the account has one; up to 40 characters as it is shown.
    code: Option<String>,
}

/// What came back from the provider, to link it.
#[derive(Debug, InputObject)]
pub struct LinkIdentityInput {
    /// The handle that `beginIdentityLink` gave to this session, up to 60 characters as it came.
    handle: String,
    /// The parameter `state` of the address to which the browser came back, up to 60 characters as it came.
    state: String,
    /// Its parameter `code`, up to 4,096 characters as it came.
    code: String,
    /// Its parameter `iss`, up to 2,000 characters as it came, where there is one.
    issuer: Option<String>,
}

/// A link to end.
#[derive(Debug, InputObject)]
pub struct UnlinkIdentityInput {
    /// Which identity, from `viewer.identities`.
    identity_id: ID,
    /// The present password, up to 128 characters byte for byte. Left out for an account that has none: then you must
    /// have signed in within ten minutes.
    current_password: Option<String>,
    /// A code of the second factor, or a recovery code, where the account has one; up to 40 characters as it is shown.
    code: Option<String>,
}

/// What came of a sign-in at an identity provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum ProviderSignInOutcome {
    /// You are signed in; see `session`.
    SignedIn,
    /// The second factor is asked for first; see `challenge`.
    SecondFactor,
    /// The identity is not known here: look into the mailbox of the address that the provider knows. It does not tell
    /// whether the address has an account. Keep the handle: `confirmIdentityLink` takes it with the token of the
    /// message. Who has an account can also sign in with the password, and link the identity then.
    ConfirmByMail,
}

/// Answer of `completeProviderSignIn`.
#[derive(SimpleObject)]
pub struct CompleteProviderSignInPayload {
    /// What came of it.
    outcome: Option<ProviderSignInOutcome>,
    /// The session, when you are signed in.
    session: Option<SessionTokens>,
    /// What the second factor answers, when it is asked for.
    challenge: Option<SignInChallenge>,
    /// What to put right; when it is not empty, nothing was changed.
    user_errors: Vec<UserError>,
}

impl CompleteProviderSignInPayload {
    fn of(result: Result<Completed>) -> ApiResult<Self> {
        let mut payload = Self {
            outcome: None,
            session: None,
            challenge: None,
            user_errors: Vec::new(),
        };
        match result {
            Ok(Completed::SignedIn(SignedIn::Session(tokens))) => {
                payload.outcome = Some(ProviderSignInOutcome::SignedIn);
                payload.session = Some(SessionTokens(tokens));
            }
            Ok(Completed::SignedIn(SignedIn::Challenge(waiting))) => {
                payload.outcome = Some(ProviderSignInOutcome::SecondFactor);
                payload.challenge = Some(SignInChallenge(waiting));
            }
            Ok(Completed::AskedByMail) => payload.outcome = Some(ProviderSignInOutcome::ConfirmByMail),
            Err(Error::Invalid(faults)) => payload.user_errors = faults.into_iter().map(UserError).collect(),
            Err(failure) => return Err(failure.into()),
        }
        Ok(payload)
    }
}

payloads! {
    /// Answer of `beginProviderSignIn`.
    BeginProviderSignInPayload {
        /// The sign-in that was begun.
        sign_in: ProviderSignIn
    }
    /// Answer of `confirmIdentityLink`.
    ConfirmIdentityLinkPayload {
        /// True: sign in with the provider again, and you are in.
        confirmed: bool
    }
    /// Answer of `beginIdentityLink`.
    BeginIdentityLinkPayload {
        /// The way to the provider and back; complete it with `linkIdentity`.
        sign_in: ProviderSignIn
    }
    /// Answer of `linkIdentity`.
    LinkIdentityPayload {
        /// The identity, which belongs to your account now.
        identity: Identity
    }
    /// Answer of `unlinkIdentity`.
    UnlinkIdentityPayload {
        /// True: nobody signs in with it any more; your other sessions, your API tokens and your calendar link have
        /// ended.
        unlinked: bool
    }
}

/// Which providers there are.
#[derive(Debug, Default)]
pub struct IdentityQuery;

#[Object]
impl IdentityQuery {
    /// The identity providers with which one can sign in, for the buttons of a sign-in page; often none.
    async fn identity_providers(&self, ctx: &Context<'_>) -> ApiResult<Vec<IdentityProvider>> {
        let Request { app, actor, .. } = Request::of(ctx);
        let all = identities::providers(app, actor)?.iter();
        let one = |provider: &crate::auth::provider::Provider| IdentityProvider {
            key: provider.key.clone(),
            name: provider.name.clone(),
        };
        Ok(all.map(one).collect())
    }
}

/// Signing in with an identity provider, and linking identities.
#[derive(Debug, Default)]
pub struct IdentityMutation;

#[Object]
impl IdentityMutation {
    /// Begins a sign-in with an identity provider: gives the address to which the browser goes, and a handle to
    /// complete it with within ten minutes. `PROVIDER_UNAVAILABLE` when the provider does not answer.
    async fn begin_provider_sign_in(
        &self,
        ctx: &Context<'_>,
        input: BeginProviderSignInInput,
    ) -> ApiResult<BeginProviderSignInPayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        let result = identities::begin(app, actor, &input.provider).await;
        BeginProviderSignInPayload::of(result, ProviderSignIn)
    }

    /// Completes a sign-in with what the provider sent back. The handle is used up, whatever comes of it: after a
    /// refusal begin again. After `CONFIRM_BY_MAIL` keep it for `confirmIdentityLink`.
    async fn complete_provider_sign_in(
        &self,
        ctx: &Context<'_>,
        input: CompleteProviderSignInInput,
    ) -> ApiResult<CompleteProviderSignInPayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        let returned = Returned {
            handle: &input.handle,
            state: &input.state,
            code: &input.code,
            issuer: input.issuer.as_deref(),
        };
        let client = ctx.data_opt::<ClientLabel>();
        let result = identities::complete(app, actor, &returned, client).await;
        CompleteProviderSignInPayload::of(result)
    }

    /// Confirms, by the token of the message and in the browser that began the sign-in, that an identity is yours; then
    /// one signs in with it. It needs a code where the account has a second factor.
    async fn confirm_identity_link(
        &self,
        ctx: &Context<'_>,
        input: ConfirmIdentityLinkInput,
    ) -> ApiResult<ConfirmIdentityLinkPayload> {
        let app = &Request::of(ctx).app;
        let result = linking::confirm(app, &input.token, &input.handle, input.code.as_deref()).await;
        ConfirmIdentityLinkPayload::of(result, |()| true)
    }

    /// Begins to link an identity to your account, as `beginProviderSignIn` begins a sign-in; it needs the password,
    /// and a code where there is a second factor.
    async fn begin_identity_link(
        &self,
        ctx: &Context<'_>,
        input: BeginIdentityLinkInput,
    ) -> ApiResult<BeginIdentityLinkPayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        let (password, code) = (input.current_password.as_deref(), input.code.as_deref());
        let result = linking::begin(app, actor, &input.provider, password, code).await;
        BeginIdentityLinkPayload::of(result, ProviderSignIn)
    }

    /// Links an identity to your account with what the provider sent back, in the session that began it.
    async fn link_identity(&self, ctx: &Context<'_>, input: LinkIdentityInput) -> ApiResult<LinkIdentityPayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        let returned = Returned {
            handle: &input.handle,
            state: &input.state,
            code: &input.code,
            issuer: input.issuer.as_deref(),
        };
        let result = linking::link(app, actor, &returned).await;
        LinkIdentityPayload::of(result, Identity)
    }

    /// Ends the link to one of your identities, your other sessions, your API tokens and your calendar link; roles that
    /// came from its provider end too. The last way into an account stays.
    async fn unlink_identity(&self, ctx: &Context<'_>, input: UnlinkIdentityInput) -> ApiResult<UnlinkIdentityPayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        let (password, code) = (input.current_password.as_deref(), input.code.as_deref());
        let result = async {
            let id: IdentityId = id::sole("identityId", &input.identity_id)?;
            linking::unlink(app, actor, id, password, code).await
        };
        UnlinkIdentityPayload::of(result.await, |()| true)
    }
}
