//! What whoever holds the token of an invitation sees and does.

use async_graphql::{Context, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::InvitationPurpose;
use crate::api::account::StateDeclarationInput;
use crate::api::edition::Edition;
use crate::api::enrolment::{Enrolment, read_application};
use crate::api::enums::{Language, Role};
use crate::api::error::ApiResult;
use crate::api::form::ApplicationInput;
use crate::api::payload::payloads;
use crate::api::reason;
use crate::api::request::Request;
use crate::api::role::{RoleAssignment, RoleScope};
use crate::domain::actor::Scope;
use crate::error::{Error, Faults, Result};
use crate::service::account::read_profile;
use crate::service::invitation::holder::{self as service, Joining, Offered, Outcome};

/// What an invitation is to, for whoever holds its token.
pub struct InvitationOffer(pub Offered);

/// What an invitation is to, for whoever holds its token. It tells neither the address that it went to nor whether that
/// has an account.
#[Object]
impl InvitationOffer {
    /// What you are invited to do.
    async fn purpose(&self) -> InvitationPurpose {
        self.0.row.purpose.into()
    }

    /// The role; null for taking part.
    async fn role(&self) -> Option<Role> {
        self.0.row.role.map(Into::into)
    }

    /// In what the role would hold; an edition for taking part.
    async fn scope(&self) -> RoleScope {
        RoleScope::of(self.0.row.scope())
    }

    /// What the institution, course or edition is called, in your language; null for everywhere.
    async fn scope_name(&self, ctx: &Context<'_>) -> Option<&str> {
        let language = Request::of(ctx).actor.language;
        self.0.place.as_ref().map(|name| name.get(language))
    }

    /// The edition that it leads to, if it is in the catalogue; null for something else.
    async fn edition(&self, ctx: &Context<'_>) -> ApiResult<Option<Edition>> {
        match self.0.row.scope() {
            Some(Scope::Edition(id)) => Edition::seen(Request::of(ctx), id).await,
            _ => Ok(None),
        }
    }

    /// The name of the institution that nominates you; null for an invitation that is no nomination. Whoever accepts a
    /// nomination states by it that they take part for this institution.
    async fn nominator(&self) -> Option<&str> {
        self.0.nominator.as_deref()
    }

    /// The name of who invites you.
    async fn inviter_name(&self) -> &str {
        &self.0.inviter
    }

    /// The language of the message.
    async fn language(&self) -> Language {
        self.0.row.language.into()
    }

    /// Until when the token works.
    async fn expires_at(&self) -> DateTime<Utc> {
        self.0.row.expires_at
    }
}

/// An invitation that you do not want.
#[derive(Debug, InputObject)]
pub struct DeclineInvitationInput {
    /// The token of the message, up to 60 characters as it came.
    token: String,
    /// Why, up to 1,000 characters (NFC); those who invite read it.
    reason: Option<String>,
}

/// An invitation that you accept with the account that is signed in.
#[derive(Debug, InputObject)]
pub struct AcceptInvitationInput {
    /// The token of the message, up to 60 characters as it came.
    token: String,
    /// Why you want to take part, up to 10,000 characters (NFC); for an invitation to an edition.
    motivation: Option<String>,
    /// The edition's `applicationForm`, filled, for an invitation to an edition; may be left out where nothing of it is
    /// required.
    application: Option<ApplicationInput>,
}

/// An account that you make as you accept an invitation.
#[derive(Debug, InputObject)]
pub struct RegisterInvitedInput {
    /// The token of the message, up to 60 characters as it came. The account gets the address that the message went to.
    token: String,
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
    /// What you state about yourself; required for an invitation to an edition. For a nomination the institution is the
    /// one that nominates, whatever stands here, and so is the constituent group for an organisation of employers or
    /// workers.
    declaration: Option<StateDeclarationInput>,
    /// Why you want to take part, up to 10,000 characters (NFC); for an invitation to an edition.
    motivation: Option<String>,
    /// The edition's `applicationForm`, filled, for an invitation to an edition; may be left out where nothing of it is
    /// required.
    application: Option<ApplicationInput>,
}

impl RegisterInvitedInput {
    /// Reads all of it, so that its sender learns everything that is wrong at once.
    fn parse(&self) -> Result<Joining> {
        let mut faults = Faults::default();
        let (given, family) = (&self.given_name, &self.family_name);
        let profile = read_profile(&mut faults, given, family, self.language.into(), &self.time_zone);
        let password = service::read_password(&mut faults, &self.password, given, family);
        let statement = match &self.declaration {
            Some(stated) => stated.read(&mut faults, "declaration.").map(Some),
            None => Some(None),
        };
        let motivation = self.motivation.as_deref().unwrap_or_default();
        let said = read_application(&mut faults, motivation, self.application.as_ref());
        match (profile, password, statement, said) {
            (Some(profile), Some(password), Some(statement), Some(said)) => Ok(Joining {
                profile,
                password,
                statement,
                said,
            }),
            _ => Err(Error::from(faults)),
        }
    }
}

/// What came of an invitation: one of the two.
#[derive(SimpleObject)]
pub struct InvitationOutcome {
    /// Your enrolment, for an invitation to an edition: confirmed or waiting, as the edition's `policy` says.
    enrolment: Option<Enrolment>,
    /// Your role, which holds from your next request on.
    role_assignment: Option<RoleAssignment>,
}

impl From<Outcome> for InvitationOutcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Enrolled(row) => Self {
                enrolment: Some(row.into()),
                role_assignment: None,
            },
            Outcome::Appointed(row) => Self {
                enrolment: None,
                role_assignment: Some(RoleAssignment(row)),
            },
        }
    }
}

payloads! {
    /// Answer of `declineInvitation`.
    DeclineInvitationPayload {
        /// True: the token is used up.
        declined: bool
    }
    /// Answer of `acceptInvitation`.
    AcceptInvitationPayload {
        /// What came of it.
        outcome: InvitationOutcome
    }
    /// Answer of `registerInvited`.
    RegisterInvitedPayload {
        /// True: the account is there with its address confirmed, the invitation is accepted, and you can sign in.
        registered: bool
    }
}

/// Answering an invitation.
#[derive(Debug, Default)]
pub struct HolderMutation;

#[Object]
impl HolderMutation {
    /// Declines an invitation; whoever has its token needs no account.
    async fn decline_invitation(
        &self,
        ctx: &Context<'_>,
        input: DeclineInvitationInput,
    ) -> ApiResult<DeclineInvitationPayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        let result = async {
            let mut faults = Faults::default();
            let reason = reason::read_optional(&mut faults, input.reason.as_deref());
            let reason = faults.whole(reason)?;
            service::decline(app, actor, &input.token, reason.as_ref()).await
        };
        DeclineInvitationPayload::of(result.await, |()| true)
    }

    /// Accepts an invitation that went to the address of your account. To take part you need a declaration, as with
    /// `applyToEdition`. When it is refused for what you can put right, the token stays good.
    async fn accept_invitation(
        &self,
        ctx: &Context<'_>,
        input: AcceptInvitationInput,
    ) -> ApiResult<AcceptInvitationPayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        let result = async {
            let mut faults = Faults::default();
            let motivation = input.motivation.as_deref().unwrap_or_default();
            let said = read_application(&mut faults, motivation, input.application.as_ref());
            let said = faults.whole(said)?;
            service::accept(app, actor, &input.token, &said).await
        };
        AcceptInvitationPayload::of(result.await, Into::into)
    }

    /// Makes an account with the address that the invitation went to, which its token confirms, and accepts the
    /// invitation, both or neither. For an address that has an account already (`ACCOUNT_EXISTS`), sign in to it, if
    /// need be after `requestPasswordReset` (or `registerPerson`, where nobody has confirmed the address), and use
    /// `acceptInvitation`. A registration that was never confirmed is
    /// taken over.
    async fn register_invited(
        &self,
        ctx: &Context<'_>,
        input: RegisterInvitedInput,
    ) -> ApiResult<RegisterInvitedPayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        // In one place of memory: it is handed through several layers.
        let result = async { Box::pin(service::register(app, actor, &input.token, input.parse()?)).await };
        RegisterInvitedPayload::of(result.await, |_| true)
    }
}
