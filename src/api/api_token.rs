//! One's own API tokens: making, seeing, ending them.

use async_graphql::{Context, Enum, ID, InputObject, Object};
use chrono::{DateTime, Utc};

use super::enums::mirror;
use super::error::ApiResult;
use super::id;
use super::page::{Arguments, PageOf, connection};
use super::payload::payloads;
use super::request::Request;
use crate::domain::policy::scopes::{Scopes, TokenScope};
use crate::service::api_token::{self, Created, Draft};
use crate::store::api_token as rows;

mirror! {
    /// What an API token may be used for. Whatever the scope, a token does no more than you may yourself; changing your
    /// account, other accounts, and roles is in none.
    ApiTokenScope of TokenScope {
        /// Reading your profile, roles and declaration.
        ReadAccount,
        /// Reading courses, editions and the register of institutions.
        ReadCatalogue,
        /// Planning courses, editions and what they ask for; reading them too.
        WriteCatalogue,
        /// Registering and changing institutions.
        WriteInstitutions,
        /// Reading personal data of people, such as names and addresses.
        ReadPeople,
        /// Reading enrolments and their outcomes.
        ReadEnrolments,
        /// Applying, withdrawing, and deciding on enrolments and outcomes; reading them too.
        WriteEnrolments,
        /// Taking lists of enrolments out of the system.
        ExportEnrolments,
        /// Making teams and allocating tutors; reading teams too.
        ManageTeams,
        /// Reading teams and what they hand in.
        ReadWork,
        /// Writing and handing in; reading too.
        WriteWork,
        /// Reviewing, grading and releasing; reading too.
        AssessWork,
        /// Reading figures.
        ReadStatistics,
        /// Reading the audit log.
        ReadAudit,
    }
}

/// One of one's own API tokens.
pub struct ApiToken(rows::Model);

/// An API token of yours that works. Its secret is told once, when it is made.
#[Object]
impl ApiToken {
    /// Identifier, `tok_…`; the audit log names it.
    async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// What you call it.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// What it may be used for.
    async fn scopes(&self) -> Vec<ApiTokenScope> {
        Scopes::read(&self.0.scopes).iter().map(ApiTokenScope::from).collect()
    }

    /// When you made it.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// Until when it works. A message tells you seven days before.
    async fn expires_at(&self) -> DateTime<Utc> {
        self.0.expires_at
    }

    /// When it was last used, to the hour; null for never.
    async fn last_used_at(&self) -> Option<DateTime<Utc>> {
        self.0.used_at
    }
}

/// A token and its secret.
pub struct NewApiToken(Created);

/// An API token that was just made.
#[Object]
impl NewApiToken {
    /// Give it to the program: it sends it with every request, as `Authorization: Bearer …`. It is told this once, and
    /// belongs in no URL.
    async fn secret(&self) -> &str {
        &self.0.secret
    }

    /// The token.
    async fn api_token(&self) -> ApiToken {
        ApiToken(self.0.row.clone())
    }
}

/// The page of the tokens of whoever asks.
pub async fn api_tokens(request: &Request, arguments: Arguments) -> ApiResult<PageOf<ApiToken>> {
    let page = api_token::page(&request.app, &request.actor, &arguments.wanted()?).await?;
    Ok(connection(page, api_token::page_place, ApiToken))
}

/// An API token to be made.
#[derive(Debug, InputObject)]
pub struct CreateApiTokenInput {
    /// What you call it, up to 80 characters (NFC).
    name: String,
    /// What it may be used for, at least one.
    scopes: Vec<ApiTokenScope>,
    /// Until when it works, 90 days at most.
    expires_at: DateTime<Utc>,
    /// Your password, up to 128 characters byte for byte. Left out for an account that has none: then you must
    /// have signed in within ten minutes.
    password: Option<String>,
    /// A code of the second factor, or a recovery code, up to 40 characters as it is shown, where the account has one.
    /// Roles that need the factor then count for the token.
    code: Option<String>,
}

/// An API token to be ended.
#[derive(Debug, InputObject)]
pub struct RevokeApiTokenInput {
    /// Which one, from `viewer.apiTokens`.
    api_token_id: ID,
}

payloads! {
    /// Answer of `createApiToken`.
    CreateApiTokenPayload {
        /// The token with its secret.
        created: NewApiToken
    }
    /// Answer of `revokeApiToken`.
    RevokeApiTokenPayload {
        /// True: it does not work any more.
        revoked: bool
    }
}

/// Making and ending API tokens.
#[derive(Debug, Default)]
pub struct ApiTokenMutation;

#[Object]
impl ApiTokenMutation {
    /// Makes an API token for a program that is to act in your name, 20 at most. It ends at its time, when you revoke
    /// it, end all sessions or a link to an identity, or change password, address or second factor, and when your
    /// account is disabled.
    async fn create_api_token(
        &self,
        ctx: &Context<'_>,
        input: CreateApiTokenInput,
    ) -> ApiResult<CreateApiTokenPayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        let result = async {
            let scopes = Scopes::of(input.scopes.iter().map(|&scope| scope.into()));
            let draft = Draft::parse(app, &input.name, scopes, input.expires_at)?;
            api_token::create(app, actor, draft, input.password.as_deref(), input.code.as_deref()).await
        };
        CreateApiTokenPayload::of(result.await, NewApiToken)
    }

    /// Ends one of your API tokens at once.
    async fn revoke_api_token(
        &self,
        ctx: &Context<'_>,
        input: RevokeApiTokenInput,
    ) -> ApiResult<RevokeApiTokenPayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        let result = async {
            let id = id::sole("apiTokenId", &input.api_token_id)?;
            api_token::revoke(app, actor, id).await
        };
        RevokeApiTokenPayload::of(result.await, |()| true)
    }
}
