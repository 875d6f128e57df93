//! Sending invitations, taking them back, sending them again.

use async_graphql::{Context, ID, InputObject, Object};

use super::Invitation;
use crate::api::enums::{Language, Role};
use crate::api::error::ApiResult;
use crate::api::payload::payloads;
use crate::api::request::Request;
use crate::api::role::read_place;
use crate::api::{id, reason};
use crate::domain::actor::Grant;
use crate::domain::id::InvitationId;
use crate::error::Faults;
use crate::service::invitation::{self as service, Invitee};

/// An invitation to take part.
#[derive(Debug, InputObject)]
pub struct InviteToEditionInput {
    /// In which edition.
    edition_id: ID,
    /// E-mail address, up to 254 characters, kept in lower case; the message goes there.
    email: String,
    /// Given name, up to 120 characters (NFC).
    given_name: String,
    /// Family name, up to 120 characters (NFC).
    family_name: String,
    /// The language of the message.
    language: Language,
}

/// An invitation to a role.
#[derive(Debug, InputObject)]
pub struct InviteToRoleInput {
    /// E-mail address, up to 254 characters, kept in lower case; the message goes there.
    email: String,
    /// Given name, up to 120 characters (NFC).
    given_name: String,
    /// Family name, up to 120 characters (NFC).
    family_name: String,
    /// The language of the message.
    language: Language,
    /// The role.
    role: Role,
    /// Where it would hold: an edition for a tutor; an edition, a course or nothing (everywhere) for a coordinator; an
    /// institution for a focal point.
    scope_id: Option<ID>,
}

/// An invitation to be taken back.
#[derive(Debug, InputObject)]
pub struct WithdrawInvitationInput {
    /// Which.
    invitation_id: ID,
    /// The version that you saw.
    version: i64,
    /// Why, up to 1,000 characters (NFC).
    reason: Option<String>,
}

/// An invitation to be sent again.
#[derive(Debug, InputObject)]
pub struct ResendInvitationInput {
    /// Which.
    invitation_id: ID,
    /// The version that you saw.
    version: i64,
}

payloads! {
    /// Answer of `inviteToEdition`.
    InviteToEditionPayload {
        /// The new invitation. It does not tell whether the address has an account.
        invitation: Invitation
    }
    /// Answer of `inviteToRole`.
    InviteToRolePayload {
        /// The new invitation. It does not tell whether the address has an account.
        invitation: Invitation
    }
    /// Answer of `withdrawInvitation`.
    WithdrawInvitationPayload {
        /// The invitation as it now is.
        invitation: Invitation
    }
    /// Answer of `resendInvitation`.
    ResendInvitationPayload {
        /// The invitation that takes its place, with a version of its own.
        invitation: Invitation
    }
}

/// Inviting people.
#[derive(Debug, Default)]
pub struct InvitationMutation;

#[Object]
impl InvitationMutation {
    /// Invites somebody to take part in an edition, with or without an account: a message goes to the address, with a
    /// token that works until `expiresAt`. Whoever accepts applies, and is confirmed or waits as the edition's `policy`
    /// says. For its coordinators, once it is announced, and when its enrolment is open at some time before the end of
    /// the invitation.
    async fn invite_to_edition(
        &self,
        ctx: &Context<'_>,
        input: InviteToEditionInput,
    ) -> ApiResult<InviteToEditionPayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        let result = async {
            let mut faults = Faults::default();
            let id = id::parse(&mut faults, "editionId", &input.edition_id);
            let (given, family) = (&input.given_name, &input.family_name);
            let invitee = Invitee::parse(&mut faults, &input.email, given, family, input.language.into());
            let (id, invitee) = faults.whole(id.zip(invitee))?;
            service::to_edition(app, actor, &invitee, id).await
        };
        InviteToEditionPayload::of(result.await, Invitation)
    }

    /// Invites somebody to hold a role, with or without an account: by whoever may grant it there. Whether they still
    /// may is asked again when it is accepted.
    async fn invite_to_role(&self, ctx: &Context<'_>, input: InviteToRoleInput) -> ApiResult<InviteToRolePayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        let result = async {
            let mut faults = Faults::default();
            let (given, family) = (&input.given_name, &input.family_name);
            let invitee = Invitee::parse(&mut faults, &input.email, given, family, input.language.into());
            let scope = read_place(&mut faults, input.scope_id.as_ref());
            let (invitee, scope) = faults.whole(invitee.zip(scope))?;
            let role = input.role.into();
            let grant = Grant { role, scope };
            service::to_role(app, actor, &invitee, grant).await
        };
        InviteToRolePayload::of(result.await, Invitation)
    }

    /// Takes an open invitation back, by whoever might have sent it; its token is dead from now on.
    async fn withdraw_invitation(
        &self,
        ctx: &Context<'_>,
        input: WithdrawInvitationInput,
    ) -> ApiResult<WithdrawInvitationPayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        let result = async {
            let mut faults = Faults::default();
            let id: Option<InvitationId> = id::parse(&mut faults, "invitationId", &input.invitation_id);
            let reason = reason::read_optional(&mut faults, input.reason.as_deref());
            let (id, reason) = faults.whole(id.zip(reason))?;
            service::withdraw(app, actor, id, input.version, reason.as_ref()).await
        };
        WithdrawInvitationPayload::of(result.await, Invitation)
    }

    /// Sends an open invitation again, with another token and a new end, as one of yours; the old token is dead. Not
    /// within a quarter of an hour, and not to an address that gets too many messages (`RATE_LIMITED`).
    async fn resend_invitation(
        &self,
        ctx: &Context<'_>,
        input: ResendInvitationInput,
    ) -> ApiResult<ResendInvitationPayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        let result = async {
            let id: InvitationId = id::sole("invitationId", &input.invitation_id)?;
            service::send_again(app, actor, id, input.version).await
        };
        ResendInvitationPayload::of(result.await, Invitation)
    }
}
