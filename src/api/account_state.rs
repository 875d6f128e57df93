//! Disabling somebody's account and enabling it again.

use async_graphql::{Context, ID, InputObject, Object};

use super::error::ApiResult;
use super::payload::payloads;
use super::request::Request;
use super::{id, reason};
use crate::domain::id::PersonId;
use crate::domain::text::Reason;
use crate::error::{Faults, Result};
use crate::service::account;

/// An account to be disabled.
#[derive(Debug, InputObject)]
pub struct DisableAccountInput {
    /// Whose.
    person_id: ID,
    /// Why, up to 1,000 characters (NFC); the person reads it, and it goes into the audit log.
    reason: String,
}

/// An account to be enabled again.
#[derive(Debug, InputObject)]
pub struct EnableAccountInput {
    /// Whose.
    person_id: ID,
    /// Why, up to 1,000 characters (NFC); it goes into the audit log.
    reason: String,
}

fn read_decision(person: &ID, reason: &str) -> Result<(PersonId, Reason)> {
    let mut faults = Faults::default();
    let id = id::parse(&mut faults, "personId", person);
    let reason = reason::read(&mut faults, reason);
    faults.whole(id.zip(reason))
}

payloads! {
    /// Answer of `disableAccount`.
    DisableAccountPayload {
        /// True: from the next request on the account is out.
        disabled: bool
    }
    /// Answer of `enableAccount`.
    EnableAccountPayload {
        /// True: the person can sign in again.
        enabled: bool
    }
}

/// Deciding about accounts.
#[derive(Debug, Default)]
pub struct AccountStateMutation;

#[Object]
impl AccountStateMutation {
    /// Disables an account, by an administrator: its sessions, API tokens and calendar link end, and it cannot be
    /// signed in to.
    async fn disable_account(&self, ctx: &Context<'_>, input: DisableAccountInput) -> ApiResult<DisableAccountPayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        let result = async {
            let (id, reason) = read_decision(&input.person_id, &input.reason)?;
            account::state::disable(app, actor, id, &reason).await
        };
        DisableAccountPayload::of(result.await, |()| true)
    }

    /// Enables an account again, by an administrator.
    async fn enable_account(&self, ctx: &Context<'_>, input: EnableAccountInput) -> ApiResult<EnableAccountPayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        let result = async {
            let (id, reason) = read_decision(&input.person_id, &input.reason)?;
            account::state::enable(app, actor, id, &reason).await
        };
        EnableAccountPayload::of(result.await, |()| true)
    }
}
