//! To whom a notice goes, whether it still does, and until when it says something that holds.

use chrono::{DateTime, Utc};

use super::{Guest, Notice};

impl Notice {
    /// Where it goes, when that is not the address of the account.
    pub fn address(&self) -> Option<&str> {
        let (Self::ConfirmNewAddress { address, .. } | Self::AddressChanged { address, .. }) = self else {
            return None;
        };
        Some(address)
    }

    /// Whom it goes to, where that is somebody who need not have an account. Its row of the outbox is then one of the
    /// person in whose name it is sent.
    pub const fn guest(&self) -> Option<&Guest> {
        if let Self::ConfirmAddress { guest, .. } = self {
            return guest.as_ref();
        }
        let (Self::InvitedToEdition { guest, .. }
        | Self::InvitedToRole { guest, .. }
        | Self::Nominated { guest, .. }
        | Self::NominationWithdrawn { guest, .. }
        | Self::InvitationEnded { guest, .. }) = self
        else {
            return None;
        };
        Some(guest)
    }

    /// Whether whoever it goes to may do without messages of its kind: not where those are essential. What goes to
    /// somebody else is not for the person to end whose row of the outbox it is.
    pub const fn can_be_ended(&self) -> bool {
        !self.kind().is_essential() && self.guest().is_none()
    }

    /// Whether it is sent although the account whose row it is was disabled: it says so, or it goes to somebody else,
    /// whom that does not concern. Of what disabled people offer or asked for nothing is sent.
    pub const fn reaches_disabled(&self) -> bool {
        matches!(
            self,
            Self::AccountDisabled { .. } | Self::InvitationEnded { .. } | Self::NominationWithdrawn { .. }
        )
    }

    /// From when on it says nothing that holds: what it is sent for, its one-time token, works no more.
    pub const fn good_until(&self) -> Option<DateTime<Utc>> {
        let (Self::ConfirmAddress { expires_at, .. }
        | Self::ResetPassword { expires_at, .. }
        | Self::ConfirmNewAddress { expires_at, .. }
        | Self::ConfirmIdentity { expires_at, .. }
        | Self::InvitedToEdition { expires_at, .. }
        | Self::InvitedToRole { expires_at, .. }
        | Self::Nominated { expires_at, .. }) = self
        else {
            return None;
        };
        Some(*expires_at)
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::notice::samples;

    #[test]
    fn what_is_not_essential_can_be_ended_by_whom_it_goes_to() {
        for sample in samples::all() {
            let (name, notice) = (sample.name(), sample.notice);
            assert_eq!(notice.can_be_ended(), !notice.kind().is_essential(), "{name}");
            assert!(!notice.can_be_ended() || notice.guest().is_none(), "{name}");
        }
    }
}
