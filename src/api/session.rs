//! Signing in, staying signed in, and one's own sessions.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::error::{ApiResult, UserError};
use super::id;
use super::page::{Arguments, PageOf, connection};
use super::payload::payloads;
use super::request::Request;
use crate::domain::id::SessionId;
use crate::error::{Error, Result};
use crate::service::session::{self, ClientLabel, SignedIn, own};
use crate::store::session as rows;

/// What carries a session.
pub struct SessionTokens(pub session::SessionTokens);

/// What carries a session. Keep both to yourself; neither belongs in a URL.
#[Object]
impl SessionTokens {
    /// Send it with every request, as `Authorization: Bearer …`.
    async fn access_token(&self) -> &str {
        &self.0.access
    }

    /// How many seconds the access token lives.
    async fn expires_in(&self) -> i64 {
        self.0.expires_in
    }

    /// Gets the next pair by `refreshSession`. It works once; one that comes again later ends the session.
    async fn refresh_token(&self) -> &str {
        &self.0.refresh
    }
}

/// A sign-in that waits for its second factor.
pub struct SignInChallenge(pub session::Challenge);

/// A sign-in that waits for its second factor: send `completeSignIn` with this token and a code.
#[Object]
impl SignInChallenge {
    /// Stands for the sign-in. It works once, and five codes may be tried with it.
    async fn token(&self) -> &str {
        &self.0.token
    }

    /// How many seconds it lives.
    async fn expires_in(&self) -> i64 {
        self.0.expires_in
    }
}

/// One of one's own sessions.
pub struct Session {
    row: rows::Model,
    current: bool,
}

/// A session of yours that goes on.
#[Object]
impl Session {
    /// Identifier, `ses_…`.
    async fn id(&self) -> ID {
        self.row.id.to_string().into()
    }

    /// When you signed in.
    async fn created_at(&self) -> DateTime<Utc> {
        self.row.created_at
    }

    /// When it last got new tokens, which a client that is in use does every ten minutes or so; null where that was
    /// never noted.
    async fn last_seen_at(&self) -> Option<DateTime<Utc>> {
        self.row.seen_at
    }

    /// What the client called itself when you signed in, cut short; null where it said nothing.
    async fn client(&self) -> Option<&str> {
        self.row.client.as_deref()
    }

    /// Whether it is the one that this request came with.
    async fn current(&self) -> bool {
        self.current
    }
}

/// The page of the sessions of whoever asks.
pub async fn sessions(request: &Request, arguments: Arguments) -> ApiResult<PageOf<Session>> {
    let page = own::sessions(&request.app, &request.actor, &arguments.wanted()?).await?;
    let current = request.actor.session;
    Ok(connection(page, own::page_place, |row| Session {
        current: current == Some(row.id),
        row,
    }))
}

/// Credentials.
#[derive(Debug, InputObject)]
pub struct SignInInput {
    /// E-mail address, up to 254 characters in any case.
    email: String,
    /// Password, up to 128 characters byte for byte.
    password: String,
}

/// The second step of a sign-in.
#[derive(Debug, InputObject)]
pub struct CompleteSignInInput {
    /// The token of the challenge that `signIn` answered, up to 60 characters as it came.
    challenge: String,
    /// The code that the device shows, or a recovery code; up to 40 characters as it is shown.
    code: String,
}

/// A session to go on.
#[derive(Debug, InputObject)]
pub struct RefreshSessionInput {
    /// The refresh token that came last, up to 60 characters as it came.
    refresh_token: String,
}

/// A session to end.
#[derive(Debug, InputObject)]
pub struct EndSessionInput {
    /// Which one, from `viewer.sessions`.
    session_id: ID,
}

payloads! {
    /// Answer of `completeSignIn`.
    CompleteSignInPayload {
        /// The session.
        session: SessionTokens
    }
    /// Answer of `refreshSession`.
    RefreshSessionPayload {
        /// The session with its new tokens.
        session: SessionTokens
    }
    /// Answer of `signOut`.
    SignOutPayload {
        /// True: none of the session's tokens works any more.
        signed_out: bool
    }
    /// Answer of `endSession`.
    EndSessionPayload {
        /// True: none of its tokens works any more.
        ended: bool
    }
    /// Answer of `endOtherSessions`.
    EndOtherSessionsPayload {
        /// How many ended.
        ended: u64
    }
    /// Answer of `endAllSessions`.
    EndAllSessionsPayload {
        /// How many ended, the one of this request among them.
        ended: u64
    }
}

/// Answer of `signIn`: a session, or the challenge that stands before it.
#[derive(SimpleObject)]
pub struct SignInPayload {
    /// The session; null where the account has a second factor.
    session: Option<SessionTokens>,
    /// What the second factor answers; null where the account has none.
    challenge: Option<SignInChallenge>,
    /// What to put right; when it is not empty, nothing was changed.
    user_errors: Vec<UserError>,
}

impl SignInPayload {
    fn of(result: Result<SignedIn>) -> ApiResult<Self> {
        let (session, challenge, user_errors) = match result {
            Ok(SignedIn::Session(tokens)) => (Some(SessionTokens(tokens)), None, Vec::new()),
            Ok(SignedIn::Challenge(waiting)) => (None, Some(SignInChallenge(waiting)), Vec::new()),
            Err(Error::Invalid(faults)) => (None, None, faults.into_iter().map(UserError).collect()),
            Err(failure) => return Err(failure.into()),
        };
        Ok(Self {
            session,
            challenge,
            user_errors,
        })
    }
}

/// Signing in and out.
#[derive(Debug, Default)]
pub struct SessionMutation;

#[Object]
impl SessionMutation {
    /// Signs you in, or asks for the second factor first. The refusal does not tell what was wrong.
    async fn sign_in(&self, ctx: &Context<'_>, input: SignInInput) -> ApiResult<SignInPayload> {
        let client = ctx.data_opt::<ClientLabel>();
        let result = session::sign_in(&Request::of(ctx).app, &input.email, &input.password, client).await;
        SignInPayload::of(result)
    }

    /// Completes a sign-in with a code of the device, or with a recovery code. Every code works once.
    async fn complete_sign_in(
        &self,
        ctx: &Context<'_>,
        input: CompleteSignInInput,
    ) -> ApiResult<CompleteSignInPayload> {
        let result = session::complete_sign_in(&Request::of(ctx).app, &input.challenge, &input.code).await;
        CompleteSignInPayload::of(result, SessionTokens)
    }

    /// Carries your session on: a new access token and a new refresh token for the one that came last.
    async fn refresh_session(&self, ctx: &Context<'_>, input: RefreshSessionInput) -> ApiResult<RefreshSessionPayload> {
        let result = session::refresh(&Request::of(ctx).app, &input.refresh_token).await;
        RefreshSessionPayload::of(result, SessionTokens)
    }

    /// Ends your session at once.
    async fn sign_out(&self, ctx: &Context<'_>) -> ApiResult<SignOutPayload> {
        let request = Request::of(ctx);
        SignOutPayload::of(session::sign_out(&request.app, &request.actor).await, |()| true)
    }

    /// Ends one of your sessions at once.
    async fn end_session(&self, ctx: &Context<'_>, input: EndSessionInput) -> ApiResult<EndSessionPayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        let result = async {
            let id: SessionId = id::sole("sessionId", &input.session_id)?;
            own::end_session(app, actor, id).await
        };
        EndSessionPayload::of(result.await, |()| true)
    }

    /// Ends all your sessions but this one.
    async fn end_other_sessions(&self, ctx: &Context<'_>) -> ApiResult<EndOtherSessionsPayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        EndOtherSessionsPayload::of(own::end_sessions(app, actor, true).await, |ended| ended)
    }

    /// Ends all your sessions, this one too, all your API tokens and your calendar link, and cancels the tables that
    /// you bring in.
    async fn end_all_sessions(&self, ctx: &Context<'_>) -> ApiResult<EndAllSessionsPayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        EndAllSessionsPayload::of(own::end_sessions(app, actor, false).await, |ended| ended)
    }
}
