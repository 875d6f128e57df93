//! The second factor of one's own account.

use async_graphql::{Context, InputObject, Object};
use chrono::{DateTime, Utc};

use super::error::ApiResult;
use super::payload::payloads;
use super::request::Request;
use crate::service::second_factor::{self, FactorState};

/// How one's own second factor stands.
pub struct SecondFactor(pub FactorState);

/// How your second factor stands.
#[Object]
impl SecondFactor {
    /// Since when you have one; null for none.
    async fn since(&self) -> Option<DateTime<Utc>> {
        self.0.since
    }

    /// Whether a role of yours needs one.
    async fn required(&self) -> bool {
        self.0.required
    }

    /// Whether your roles count for nothing until you give one: add it, or sign in with it. Until then what they
    /// would allow is refused with `SECOND_FACTOR_REQUIRED`, or not there.
    async fn missing(&self) -> bool {
        self.0.withheld
    }

    /// How many recovery codes are left.
    async fn recovery_codes_left(&self) -> u64 {
        self.0.recovery_codes
    }
}

/// What a device has to learn.
pub struct SecondFactorEnrolment(second_factor::Enrolment);

/// What a device has to learn. It is shown this once.
#[Object]
impl SecondFactorEnrolment {
    /// The secret in base 32, for typing it in.
    async fn secret(&self) -> &str {
        &self.0.secret
    }

    /// The same as an `otpauth:` link, for a picture that a device reads (SHA-1, 6 digits, 30 seconds).
    async fn uri(&self) -> &str {
        &self.0.uri
    }
}

/// A second factor to be added.
#[derive(Debug, InputObject)]
pub struct ConfirmSecondFactorInput {
    /// The present password, up to 128 characters byte for byte. Left out for an account that has none: then you must
    /// have signed in within ten minutes.
    password: Option<String>,
    /// The code that the device shows, up to 40 characters as it is shown.
    code: String,
}

/// A second factor to be removed.
#[derive(Debug, InputObject)]
pub struct RemoveSecondFactorInput {
    /// The present password, up to 128 characters byte for byte. Left out for an account that has none: then you must
    /// have signed in within ten minutes.
    password: Option<String>,
    /// The code that the device shows, or a recovery code; up to 40 characters as it is shown.
    code: String,
}

/// Recovery codes to be renewed.
#[derive(Debug, InputObject)]
pub struct RenewRecoveryCodesInput {
    /// The present password, up to 128 characters byte for byte. Left out for an account that has none: then you must
    /// have signed in within ten minutes.
    password: Option<String>,
    /// The code that the device shows, or a recovery code; up to 40 characters as it is shown.
    code: String,
}

payloads! {
    /// Answer of `beginSecondFactor`.
    BeginSecondFactorPayload {
        /// What the device has to learn.
        enrolment: SecondFactorEnrolment
    }
    /// Answer of `confirmSecondFactor`.
    ConfirmSecondFactorPayload {
        /// Ten recovery codes, shown this once: each works once in the place of a code of the device.
        recovery_codes: Vec<String>
    }
    /// Answer of `removeSecondFactor`.
    RemoveSecondFactorPayload {
        /// True: the password is enough from now on.
        removed: bool
    }
    /// Answer of `renewRecoveryCodes`.
    RenewRecoveryCodesPayload {
        /// Ten recovery codes, shown this once; the earlier ones no longer work.
        recovery_codes: Vec<String>
    }
}

/// Changing the own second factor.
#[derive(Debug, Default)]
pub struct SecondFactorMutation;

#[Object]
impl SecondFactorMutation {
    /// Begins to add a second factor: a secret for your device. It counts once `confirmSecondFactor` brought a code.
    async fn begin_second_factor(&self, ctx: &Context<'_>) -> ApiResult<BeginSecondFactorPayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        BeginSecondFactorPayload::of(second_factor::begin(app, actor).await, SecondFactorEnrolment)
    }

    /// Adds the second factor that was begun and ends your other sessions, your API tokens and your calendar link.
    async fn confirm_second_factor(
        &self,
        ctx: &Context<'_>,
        input: ConfirmSecondFactorInput,
    ) -> ApiResult<ConfirmSecondFactorPayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        let result = second_factor::confirm(app, actor, input.password.as_deref(), &input.code).await;
        ConfirmSecondFactorPayload::of(result, |codes| codes)
    }

    /// Removes your second factor and ends your other sessions, your API tokens and your calendar link.
    async fn remove_second_factor(
        &self,
        ctx: &Context<'_>,
        input: RemoveSecondFactorInput,
    ) -> ApiResult<RemoveSecondFactorPayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        let result = second_factor::remove(app, actor, input.password.as_deref(), &input.code).await;
        RemoveSecondFactorPayload::of(result, |()| true)
    }

    /// Makes a new list of recovery codes; the earlier ones no longer work.
    async fn renew_recovery_codes(
        &self,
        ctx: &Context<'_>,
        input: RenewRecoveryCodesInput,
    ) -> ApiResult<RenewRecoveryCodesPayload> {
        let Request { app, actor, .. } = Request::of(ctx);
        let result = second_factor::renew_recovery_codes(app, actor, input.password.as_deref(), &input.code).await;
        RenewRecoveryCodesPayload::of(result, |codes| codes)
    }
}
