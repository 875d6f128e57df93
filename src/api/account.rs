//! The own account: registering, signing in, passwords, profile and declaration.

use async_graphql::{Context, ID, InputObject, Object};

use super::ability::{Ability, Permission, PermissionCheck};
use super::enums::{ConstituentGroup, Gender, Language};
use super::error::ApiResult;
use super::id::parse;
use super::payload::payloads;
use super::person::{Declaration, Person};
use super::request::Request;
use super::role::RoleAssignment;
use crate::domain::policy::Relation;
use crate::domain::text::Country;
use crate::error::{Error, Faults, Result};
use crate::service::ability;
use crate::service::account::{self, Registration, RegistrationText, Statement};
use crate::service::session;

/// Who is signed in.
pub struct Viewer(session::Viewer);

/// You.
#[Object]
impl Viewer {
    /// Your account.
    async fn person(&self) -> Person {
        Person::known(self.0.person.clone(), Relation::OWN)
    }

    /// The roles that you hold now; being a participant is not one, it follows from an enrolment.
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
        let checks: Result<Vec<_>> = checks.iter().map(|check| check.read("checks")).collect();
        let found = ability::ask(app, actor, &checks?).await?;
        Ok(found.into_iter().map(Into::into).collect())
    }

    /// What you last stated about yourself; null as long as you stated nothing.
    async fn declaration(&self, ctx: &Context<'_>) -> ApiResult<Option<Declaration>> {
        let found = Request::of(ctx).loaders.declarations.load_one(self.0.person.id).await?;
        Ok(found.map(Declaration))
    }
}

/// Reading the own account.
#[derive(Debug, Default)]
pub struct AccountQuery;

#[Object]
impl AccountQuery {
    /// You; null when nobody is signed in.
    async fn viewer(&self, ctx: &Context<'_>) -> ApiResult<Option<Viewer>> {
        let request = Request::of(ctx);
        Ok(session::viewer(&request.app, &request.actor).await?.map(Viewer))
    }
}

/// What carries a session.
pub struct SessionTokens(session::SessionTokens);

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

/// A new account.
#[derive(Debug, InputObject)]
pub struct RegisterPersonInput {
    /// E-mail address; it has to be confirmed.
    email: String,
    /// Given name, up to 120 characters.
    given_name: String,
    /// Family name, up to 120 characters.
    family_name: String,
    /// The language of messages.
    language: Language,
    /// An IANA zone, such as `America/Montevideo`.
    time_zone: String,
    /// 12 to 128 characters of any script, neither common nor made of your names.
    password: String,
}

/// The address to confirm.
#[derive(Debug, InputObject)]
pub struct ConfirmEmailInput {
    /// The token of the message.
    token: String,
}

/// Credentials.
#[derive(Debug, InputObject)]
pub struct SignInInput {
    /// E-mail address.
    email: String,
    /// Password, byte for byte.
    password: String,
}

/// A session to go on.
#[derive(Debug, InputObject)]
pub struct RefreshSessionInput {
    /// The refresh token that came last.
    refresh_token: String,
}

/// A password to be reset.
#[derive(Debug, InputObject)]
pub struct RequestPasswordResetInput {
    /// E-mail address of the account.
    email: String,
}

/// A password reset.
#[derive(Debug, InputObject)]
pub struct ResetPasswordInput {
    /// The token of the message.
    token: String,
    /// The new password: 12 to 128 characters of any script, neither common nor made of your names.
    password: String,
}

/// A change of password.
#[derive(Debug, InputObject)]
pub struct ChangePasswordInput {
    /// The present password.
    current_password: String,
    /// The new one: 12 to 128 characters of any script, neither common nor made of your names.
    new_password: String,
}

/// Your profile from now on; every field is replaced.
#[derive(Debug, InputObject)]
pub struct UpdateProfileInput {
    /// The version that you saw.
    version: i64,
    /// Given name, up to 120 characters.
    given_name: String,
    /// Family name, up to 120 characters.
    family_name: String,
    /// The language of messages.
    language: Language,
    /// An IANA zone, such as `America/Montevideo`.
    time_zone: String,
}

/// What you state about yourself from now on.
#[derive(Debug, InputObject)]
pub struct StateDeclarationInput {
    /// Gender; `NOT_STATED` is an answer.
    gender: Gender,
    /// Country (ISO 3166-1 alpha-2); leave it out for not stated.
    country: Option<String>,
    /// Institution, from the register; leave it out for not stated.
    institution_id: Option<ID>,
    /// The group for which you take part.
    constituent_group: ConstituentGroup,
}

impl StateDeclarationInput {
    fn parse(&self) -> Result<Statement> {
        let mut faults = Faults::default();
        let country = faults
            .take("country", self.country.as_deref().map(Country::parse).transpose())
            .flatten();
        faults.check()?;
        let institution = self
            .institution_id
            .as_ref()
            .map(|id| parse("institutionId", id))
            .transpose()?;
        Ok(Statement {
            gender: self.gender.into(),
            country,
            institution,
            constituent_group: self.constituent_group.into(),
        })
    }
}

payloads! {
    /// Answer of `registerPerson`.
    RegisterPersonPayload {
        /// True: look into the mailbox. It does not tell whether the address had an account already.
        accepted: bool
    }
    /// Answer of `confirmEmail`.
    ConfirmEmailPayload {
        /// True: you can sign in.
        confirmed: bool
    }
    /// Answer of `signIn`.
    SignInPayload {
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
    /// Answer of `requestPasswordReset`.
    RequestPasswordResetPayload {
        /// True: look into the mailbox. It does not tell whether the address has an account.
        accepted: bool
    }
    /// Answer of `resetPassword`.
    ResetPasswordPayload {
        /// True: sign in with the new password; every session has ended.
        changed: bool
    }
    /// Answer of `changePassword`.
    ChangePasswordPayload {
        /// True: every other session has ended.
        changed: bool
    }
    /// Answer of `updateProfile`.
    UpdateProfilePayload {
        /// You, as you now are.
        person: Person
    }
    /// Answer of `stateDeclaration`.
    StateDeclarationPayload {
        /// What you stated.
        declaration: Declaration
    }
}

/// Changing the own account.
#[derive(Debug, Default)]
pub struct AccountMutation;

#[Object]
impl AccountMutation {
    /// Registers you and sends a link that confirms the address. The answer is the same for an address that
    /// has an account already.
    async fn register_person(&self, ctx: &Context<'_>, input: RegisterPersonInput) -> ApiResult<RegisterPersonPayload> {
        let text = RegistrationText {
            email: &input.email,
            given_name: &input.given_name,
            family_name: &input.family_name,
            language: input.language.into(),
            time_zone: &input.time_zone,
            password: &input.password,
        };
        let app = &Request::of(ctx).app;
        let result = async { account::register(app, &Registration::parse(&text)?).await };
        RegisterPersonPayload::of(result.await, |()| true)
    }

    /// Confirms the address to which the token was sent.
    async fn confirm_email(&self, ctx: &Context<'_>, input: ConfirmEmailInput) -> ApiResult<ConfirmEmailPayload> {
        let result = account::confirm_email(&Request::of(ctx).app, &input.token).await;
        ConfirmEmailPayload::of(result, |()| true)
    }

    /// Signs you in. The refusal does not tell what was wrong.
    async fn sign_in(&self, ctx: &Context<'_>, input: SignInInput) -> ApiResult<SignInPayload> {
        let result = session::sign_in(&Request::of(ctx).app, &input.email, &input.password).await;
        SignInPayload::of(result, SessionTokens)
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

    /// Sends a link that resets the password. The answer is the same for an address without an account.
    async fn request_password_reset(
        &self,
        ctx: &Context<'_>,
        input: RequestPasswordResetInput,
    ) -> ApiResult<RequestPasswordResetPayload> {
        let result = account::request_password_reset(&Request::of(ctx).app, &input.email).await;
        RequestPasswordResetPayload::of(result, |()| true)
    }

    /// Sets a new password by the token of the message, and ends every session.
    async fn reset_password(&self, ctx: &Context<'_>, input: ResetPasswordInput) -> ApiResult<ResetPasswordPayload> {
        let result = account::reset_password(&Request::of(ctx).app, &input.token, &input.password).await;
        ResetPasswordPayload::of(result, |()| true)
    }

    /// Changes your password and ends your other sessions.
    async fn change_password(&self, ctx: &Context<'_>, input: ChangePasswordInput) -> ApiResult<ChangePasswordPayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        let result = account::change_password(app, actor, &input.current_password, &input.new_password).await;
        ChangePasswordPayload::of(result, |()| true)
    }

    /// Changes your names, language and zone.
    async fn update_profile(&self, ctx: &Context<'_>, input: UpdateProfileInput) -> ApiResult<UpdateProfilePayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        let result = async {
            let mut faults = Faults::default();
            let UpdateProfileInput {
                version,
                given_name,
                family_name,
                language,
                time_zone,
            } = &input;
            let profile = account::read_profile(&mut faults, given_name, family_name, (*language).into(), time_zone);
            let profile = profile.ok_or_else(|| Error::from(faults))?;
            account::update_profile(app, actor, *version, &profile).await
        };
        UpdateProfilePayload::of(result.await, |row| Person::known(row, Relation::OWN))
    }

    /// States gender, country, institution and constituent group. The statement holds from now on;
    /// enrolments keep the one with which they were confirmed.
    async fn state_declaration(
        &self,
        ctx: &Context<'_>,
        input: StateDeclarationInput,
    ) -> ApiResult<StateDeclarationPayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        let result = async { account::declare(app, actor, input.parse()?).await };
        StateDeclarationPayload::of(result.await, Declaration)
    }
}
