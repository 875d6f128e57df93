//! What notices are called in the outbox, in logs and in the template files.

use super::Notice;

impl Notice {
    /// The notice's stable name, for the outbox, logs and template files.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::ConfirmAddress { .. } => "confirm_address",
            Self::AlreadyRegistered => "already_registered",
            Self::AddressNotConfirmed => "address_not_confirmed",
            Self::AddressTaken => "address_taken",
            Self::ResetPassword { .. } => "reset_password",
            Self::PasswordChanged { .. } => "password_changed",
            Self::SessionCopied { .. } => "session_copied",
            Self::SecondFactorAdded { .. } => "second_factor_added",
            Self::SecondFactorRemoved { .. } => "second_factor_removed",
            Self::RecoveryCodesRenewed { .. } => "recovery_codes_renewed",
            Self::ApiTokenCreated { .. } => "api_token_created",
            Self::ApiTokenExpiring { .. } => "api_token_expiring",
            Self::ConfirmNewAddress { .. } => "confirm_new_address",
            Self::AddressChanged { .. } => "address_changed",
            Self::ConfirmIdentity { .. } => "confirm_identity",
            Self::IdentityLinked { .. } => "identity_linked",
            Self::IdentityUnlinked { .. } => "identity_unlinked",
            Self::AccountDisabled { .. } => "account_disabled",
            Self::AccountEnabled => "account_enabled",
            Self::InvitedToEdition { .. } => "invited_to_edition",
            Self::InvitedToRole { .. } => "invited_to_role",
            Self::Nominated { .. } => "nominated",
            Self::NominationWithdrawn { .. } => "nomination_withdrawn",
            Self::EndorsementAsked { .. } => "endorsement_asked",
            Self::NominationAnswered { .. } => "nomination_answered",
            Self::ApplicationReceived { .. } => "application_received",
            Self::EnrolmentConfirmed { .. } => "enrolment_confirmed",
            Self::EnrolmentWaitlisted { .. } => "enrolment_waitlisted",
            Self::SnapshotCorrected { .. } => "snapshot_corrected",
            Self::ProposalSettled { .. } => "proposal_settled",
            Self::ProposalRefused { .. } => "proposal_refused",
            Self::SeatOffered { .. } => "seat_offered",
            Self::SeatOfferExpired { .. } => "seat_offer_expired",
            Self::EnrolmentRejected { .. } => "enrolment_rejected",
            Self::ApplicationEnded { .. } => "application_ended",
            Self::EnrolmentEnded { .. } => "enrolment_ended",
            Self::DecisionUndone { .. } => "decision_undone",
            Self::EnrolmentTransferred { .. } => "enrolment_transferred",
            Self::EditionCancelled { .. } => "edition_cancelled",
            Self::EditionRescheduled { .. } => "edition_rescheduled",
            Self::MinimumNotReached { .. } => "minimum_not_reached",
            Self::InvitationEnded { .. } => "invitation_ended",
            Self::RevisionRequested { .. } => "revision_requested",
            Self::GradeReleased { .. } => "grade_released",
            Self::CompletionDecided { .. } => "completion_decided",
            Self::Digest { .. } => "digest",
        }
    }
}
