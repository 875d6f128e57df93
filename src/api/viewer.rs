//! Whoever asks: account, roles and what hangs on them.

use async_graphql::connection::{Connection, EmptyFields};
use async_graphql::{Context, ID, Object};

use super::ability::{Ability, Permission, PermissionCheck};
use super::api_token::{ApiToken, api_tokens};
use super::audit::{self, AccessLogEntry};
use super::calendar::{self, CalendarLink};
use super::error::ApiResult;
use super::form::{self, Consent};
use super::identity::{self, Identity};
use super::mailing::{self, MailPreferences};
use super::page::{Arguments, PageOf};
use super::person::{Declaration, Person};
use super::request::Request;
use super::role::RoleAssignment;
use super::second_factor::SecondFactor;
use super::session::{Session, sessions};
use super::table_import::{TableImport, table_imports};
use crate::domain::policy::Relation;
use crate::error::{Error, Result};
use crate::service::{ability, second_factor, session};

/// Who is signed in.
pub struct Viewer(pub session::Viewer);

/// You.
#[Object]
impl Viewer {
    /// Your account.
    async fn person(&self) -> Person {
        Person::known(self.0.person.clone(), Relation::OWN)
    }

    /// The roles that you hold now; being a participant is not one, it follows from an enrolment. See `secondFactor`
    /// for whether they count.
    async fn roles(&self) -> Vec<RoleAssignment> {
        self.0.roles.iter().cloned().map(RoleAssignment).collect()
    }

    /// Whether you may do something now, such as `SUBMIT_WORK` on a submission: for a button to be shown or not.
    async fn can(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What you would do.")] action: Ability,
        #[graphql(desc = "The identifier of what you would do it to.")] on: Option<ID>,
    ) -> ApiResult<Permission> {
        let Request { app, actor, .. } = Request::of(ctx);
        let check = PermissionCheck { action, on }.read("on")?;
        let found = ability::ask(app, actor, &[check]).await?;
        Ok(found.into_iter().next().unwrap_or_default().into())
    }

    /// Whether you may do each of these things now, in the order of the questions; up to 100.
    async fn can_each(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The questions.")] checks: Vec<PermissionCheck>,
    ) -> ApiResult<Vec<Permission>> {
        let Request { app, actor, .. } = Request::of(ctx);
        let read = |(place, check): (usize, &PermissionCheck)| check.read(&format!("checks.{place}.on"));
        let checks: Result<Vec<_>> = checks.iter().enumerate().map(read).collect();
        let found = ability::ask(app, actor, &checks?).await?;
        Ok(found.into_iter().map(Into::into).collect())
    }

    /// What you last stated about yourself; null as long as you stated nothing.
    async fn declaration(&self, ctx: &Context<'_>) -> ApiResult<Option<Declaration>> {
        let found = Request::of(ctx).loaders.declarations.load_one(self.0.person.id).await?;
        Ok(found.map(Declaration))
    }

    /// How your second factor stands.
    async fn second_factor(&self, ctx: &Context<'_>) -> ApiResult<SecondFactor> {
        let Request { app, actor, .. } = Request::of(ctx);
        let state = second_factor::state(app, actor).await?;
        Ok(SecondFactor(state.ok_or(Error::Unauthenticated)?))
    }

    /// Who you are at identity providers, the oldest first.
    async fn identities(&self, ctx: &Context<'_>) -> ApiResult<Vec<Identity>> {
        identity::mine(Request::of(ctx)).await
    }

    /// Your sessions that go on, the newest first.
    async fn sessions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, or after `after`; 1 to 100.")] first: Option<i32>,
        #[graphql(desc = "A cursor, up to 12,000 characters as it came.")] after: Option<String>,
        #[graphql(desc = "How many from the end, or before `before`; 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "A cursor, up to 12,000 characters as it came.")] before: Option<String>,
    ) -> ApiResult<PageOf<Session>> {
        let arguments = Arguments::new(first, after, last, before);
        sessions(Request::of(ctx), arguments).await
    }

    /// Your API tokens that work, the newest first.
    async fn api_tokens(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, or after `after`; 1 to 100.")] first: Option<i32>,
        #[graphql(desc = "A cursor, up to 12,000 characters as it came.")] after: Option<String>,
        #[graphql(desc = "How many from the end, or before `before`; 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "A cursor, up to 12,000 characters as it came.")] before: Option<String>,
    ) -> ApiResult<PageOf<ApiToken>> {
        let arguments = Arguments::new(first, after, last, before);
        api_tokens(Request::of(ctx), arguments).await
    }

    /// The tables that you bring in or brought in, the newest first, as long as they are kept; `cancelTableImport` ends
    /// one that is not over.
    async fn table_imports(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, or after `after`; 1 to 100.")] first: Option<i32>,
        #[graphql(desc = "A cursor, up to 12,000 characters as it came.")] after: Option<String>,
        #[graphql(desc = "How many from the end, or before `before`; 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "A cursor, up to 12,000 characters as it came.")] before: Option<String>,
    ) -> ApiResult<PageOf<TableImport>> {
        let arguments = Arguments::new(first, after, last, before);
        table_imports(Request::of(ctx), arguments).await
    }

    /// Everything that you said to the purposes for which editions ask consent, the latest first: what you consented
    /// to, refused and took back. `current` tells what stands.
    async fn consents(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, or after `after`; 1 to 100.")] first: Option<i32>,
        #[graphql(desc = "A cursor, up to 12,000 characters as it came.")] after: Option<String>,
        #[graphql(desc = "How many from the end, or before `before`; 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "A cursor, up to 12,000 characters as it came.")] before: Option<String>,
    ) -> ApiResult<PageOf<Consent>> {
        form::consents(ctx, Arguments::new(first, after, last, before)).await
    }

    /// The link under which calendar programs subscribe to your calendar; null as long as there is none that works.
    async fn calendar_link(&self, ctx: &Context<'_>) -> ApiResult<Option<CalendarLink>> {
        calendar::mine(Request::of(ctx)).await
    }

    /// Which messages you get: of every kind, whether it is always sent, and whether you get it.
    async fn mail_preferences(&self, ctx: &Context<'_>) -> ApiResult<MailPreferences> {
        mailing::mine(Request::of(ctx)).await
    }

    /// Who looked at your personal data as tutor, focal point, coordinator or administrator, the latest first: when,
    /// as what, at which of it, and for what.
    async fn access_log(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, 1 to 100.")] first: i32,
        #[graphql(desc = "Those after this cursor, up to 12,000 characters as it came.")] after: Option<String>,
    ) -> ApiResult<Connection<String, AccessLogEntry, EmptyFields, EmptyFields>> {
        audit::access_log(ctx, first, after).await
    }
}
