//! The own account: registering, address and password, profile and declaration.

use async_graphql::{Context, ID, InputObject, Object};

use super::enums::{ConstituentGroup, Gender, Language};
use super::error::ApiResult;
use super::payload::payloads;
use super::person::{Declaration, Person};
use super::request::Request;
use super::viewer::Viewer;
use crate::domain::id::IdFault;
use crate::domain::policy::Relation;
use crate::domain::text::Country;
use crate::error::{Code, Error, Faults};
use crate::service::account::{self, Registration, RegistrationText, Statement};
use crate::service::session;

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

/// A new account.
#[derive(Debug, InputObject)]
pub struct RegisterPersonInput {
    /// E-mail address, up to 254 characters, kept in lower case; it has to be confirmed.
    email: String,
    /// Given name, up to 120 characters (NFC).
    given_name: String,
    /// Family name, up to 120 characters (NFC).
    family_name: String,
    /// The language of messages.
    language: Language,
    /// An IANA zone, such as `America/Montevideo`; up to 40 characters.
    time_zone: String,
    /// 12 to 128 characters of any script, taken byte for byte; neither common nor made of your names.
    password: String,
}

/// The address to confirm.
#[derive(Debug, InputObject)]
pub struct ConfirmEmailInput {
    /// The token of the message, up to 60 characters as it came.
    token: String,
}

/// A password to be reset.
#[derive(Debug, InputObject)]
pub struct RequestPasswordResetInput {
    /// E-mail address of the account, up to 254 characters in any case.
    email: String,
}

/// A password reset.
#[derive(Debug, InputObject)]
pub struct ResetPasswordInput {
    /// The token of the message, up to 60 characters as it came.
    token: String,
    /// The new password: 12 to 128 characters of any script, taken byte for byte; neither common nor made of your
    /// names.
    password: String,
}

/// A change of password.
#[derive(Debug, InputObject)]
pub struct ChangePasswordInput {
    /// The present password, up to 128 characters byte for byte. Left out for an account that has none: then you must
    /// have signed in within ten minutes.
    current_password: Option<String>,
    /// A code of the second factor, or a recovery code, where the account has one; up to 40 characters as it is shown.
    code: Option<String>,
    /// The new one: 12 to 128 characters of any script, taken byte for byte; neither common nor made of your names.
    new_password: String,
}

/// Another address for your account.
#[derive(Debug, InputObject)]
pub struct RequestEmailChangeInput {
    /// The present password, up to 128 characters byte for byte. Left out for an account that has none: then you must
    /// have signed in within ten minutes.
    current_password: Option<String>,
    /// A code of the second factor, or a recovery code, where the account has one; up to 40 characters as it is shown.
    code: Option<String>,
    /// The new address, up to 254 characters, kept in lower case; a message goes there.
    email: String,
}

/// The new address to confirm.
#[derive(Debug, InputObject)]
pub struct ConfirmEmailChangeInput {
    /// The token of the message, up to 60 characters as it came.
    token: String,
}

/// Your profile from now on; every field is replaced.
#[derive(Debug, InputObject)]
pub struct UpdateProfileInput {
    /// The version that you saw.
    version: i64,
    /// Given name, up to 120 characters (NFC).
    given_name: String,
    /// Family name, up to 120 characters (NFC).
    family_name: String,
    /// The language of messages.
    language: Language,
    /// An IANA zone, such as `America/Montevideo`; up to 40 characters.
    time_zone: String,
}

/// What you state about yourself from now on, or what an enrolment should have been frozen with.
#[derive(Debug, InputObject)]
pub struct StateDeclarationInput {
    /// Gender; `NOT_STATED` is an answer.
    gender: Gender,
    /// Country, the 2 letters of ISO 3166-1 alpha-2, kept in capitals; leave it out for not stated.
    country: Option<String>,
    /// Institution, from the register, or one that you proposed; leave it out for not stated.
    institution_id: Option<ID>,
    /// The group for which you take part.
    constituent_group: ConstituentGroup,
}

impl StateDeclarationInput {
    /// Reads it, keeping what is wrong; `within` is what stands before its fields in the input.
    pub(super) fn read(&self, faults: &mut Faults, within: &str) -> Option<Statement> {
        let country = self.country.as_deref().map(Country::parse).transpose();
        let country = faults.take(&format!("{within}country"), country);
        let institution = self.institution_id.as_ref().map(|id| id.parse()).transpose();
        let institution = institution.map_err(|_: IdFault| Code::InvalidId);
        let institution = faults.take(&format!("{within}institutionId"), institution);
        Some(Statement {
            gender: self.gender.into(),
            country: country?,
            institution: institution?,
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
    /// Answer of `requestPasswordReset`.
    RequestPasswordResetPayload {
        /// True: look into the mailbox. It does not tell whether the address has an account.
        accepted: bool
    }
    /// Answer of `resetPassword`.
    ResetPasswordPayload {
        /// True: sign in with the new password; every session and API token has ended, and the calendar link.
        changed: bool
    }
    /// Answer of `changePassword`.
    ChangePasswordPayload {
        /// True: every other session has ended, every API token, and the calendar link.
        changed: bool
    }
    /// Answer of `requestEmailChange`.
    RequestEmailChangePayload {
        /// True: look into the mailbox of the new address. It does not tell whether that has an account.
        accepted: bool
    }
    /// Answer of `confirmEmailChange`.
    ConfirmEmailChangePayload {
        /// True: the account has the new address; other sessions, all API tokens and the calendar link have ended.
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

    /// Sends a link that resets the password; where nobody has confirmed the address yet, a message that says to
    /// register once more. The answer is the same for an address without an account.
    async fn request_password_reset(
        &self,
        ctx: &Context<'_>,
        input: RequestPasswordResetInput,
    ) -> ApiResult<RequestPasswordResetPayload> {
        let result = account::request_password_reset(&Request::of(ctx).app, &input.email).await;
        RequestPasswordResetPayload::of(result, |()| true)
    }

    /// Sets a new password by the token of the message, and ends every session, every API token and the calendar link.
    async fn reset_password(&self, ctx: &Context<'_>, input: ResetPasswordInput) -> ApiResult<ResetPasswordPayload> {
        let result = account::reset_password(&Request::of(ctx).app, &input.token, &input.password).await;
        ResetPasswordPayload::of(result, |()| true)
    }

    /// Changes your password and ends your other sessions, your API tokens and your calendar link.
    async fn change_password(&self, ctx: &Context<'_>, input: ChangePasswordInput) -> ApiResult<ChangePasswordPayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        let result = account::change_password(
            app,
            actor,
            input.current_password.as_deref(),
            input.code.as_deref(),
            &input.new_password,
        )
        .await;
        ChangePasswordPayload::of(result, |()| true)
    }

    /// Asks that your account get another address. It keeps the present one until the token that is sent to the new one
    /// comes back. The answer is the same for an address that has an account already.
    async fn request_email_change(
        &self,
        ctx: &Context<'_>,
        input: RequestEmailChangeInput,
    ) -> ApiResult<RequestEmailChangePayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        let (password, code) = (input.current_password.as_deref(), input.code.as_deref());
        let result = account::address::request(app, actor, password, code, &input.email).await;
        RequestEmailChangePayload::of(result, |()| true)
    }

    /// Gives the account the address to which the token was sent, and ends the other sessions, all API tokens
    /// and the calendar link.
    async fn confirm_email_change(
        &self,
        ctx: &Context<'_>,
        input: ConfirmEmailChangeInput,
    ) -> ApiResult<ConfirmEmailChangePayload> {
        let result = account::address::confirm(&Request::of(ctx).app, &input.token).await;
        ConfirmEmailChangePayload::of(result, |()| true)
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
        let result = async {
            let mut faults = Faults::default();
            match input.read(&mut faults, "") {
                Some(statement) => account::declare(app, actor, statement).await,
                None => Err(faults.into()),
            }
        };
        StateDeclarationPayload::of(result.await, Declaration)
    }
}
