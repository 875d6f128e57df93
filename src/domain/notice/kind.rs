//! Which kind of messages a notice is one of, and which kinds people may do without.
//!
//! Essential is what secures an account, what somebody asked for or is asked, and what changes a place or a date that
//! they count on: who does not read it loses something. The rest stands in Rumbo as well, and may be turned off.

use std::collections::BTreeSet;

use super::Notice;
use crate::domain::list::check_once;
use crate::error::{Code, Fault, Result};

words! {
    /// A kind of messages.
    MailKind {
        /// What opens and secures the account: addresses, passwords, second factors, identities, tokens, its end.
        Account = "account",
        /// Invitations and nominations, what is asked and told about them, and their end.
        Invitation = "invitation",
        /// What becomes of one's place in an edition, and with what it is counted: admitted, waiting, offered, refused,
        /// moved, put right, ended.
        Seat = "seat",
        /// Editions that take place on other days, or not at all.
        Schedule = "schedule",
        /// That an application arrived, or that an institution that one proposed was settled.
        Receipt = "receipt",
        /// Comments on one's work, and its grades.
        Work = "work",
        /// Whether one completed an edition.
        Outcome = "outcome",
        /// What waits for a coordinator's decision at once.
        Coordination = "coordination",
        /// What is new in the editions and teams that one looks after, once a day.
        Digest = "digest",
    }
}

impl MailKind {
    /// Whether it is always sent.
    pub const fn is_essential(self) -> bool {
        match self {
            Self::Account | Self::Invitation | Self::Seat | Self::Schedule => true,
            Self::Receipt | Self::Work | Self::Outcome | Self::Coordination | Self::Digest => false,
        }
    }
}

impl Notice {
    /// Which kind of messages it is one of.
    pub const fn kind(&self) -> MailKind {
        match self {
            Self::ConfirmAddress { .. }
            | Self::AlreadyRegistered
            | Self::AddressNotConfirmed
            | Self::AddressTaken
            | Self::ResetPassword { .. }
            | Self::PasswordChanged { .. }
            | Self::SessionCopied { .. }
            | Self::SecondFactorAdded { .. }
            | Self::SecondFactorRemoved { .. }
            | Self::RecoveryCodesRenewed { .. }
            | Self::ApiTokenCreated { .. }
            | Self::ApiTokenExpiring { .. }
            | Self::ConfirmNewAddress { .. }
            | Self::AddressChanged { .. }
            | Self::ConfirmIdentity { .. }
            | Self::IdentityLinked { .. }
            | Self::IdentityUnlinked { .. }
            | Self::AccountDisabled { .. }
            | Self::AccountEnabled => MailKind::Account,
            Self::InvitedToEdition { .. }
            | Self::InvitedToRole { .. }
            | Self::InvitationEnded { .. }
            | Self::Nominated { .. }
            | Self::NominationWithdrawn { .. }
            | Self::EndorsementAsked { .. }
            | Self::NominationAnswered { .. } => MailKind::Invitation,
            Self::EnrolmentConfirmed { .. }
            | Self::EnrolmentWaitlisted { .. }
            | Self::SeatOffered { .. }
            | Self::SeatOfferExpired { .. }
            | Self::EnrolmentRejected { .. }
            | Self::ApplicationEnded { .. }
            | Self::EnrolmentEnded { .. }
            | Self::DecisionUndone { .. }
            | Self::EnrolmentTransferred { .. }
            | Self::SnapshotCorrected { .. } => MailKind::Seat,
            Self::EditionCancelled { .. } | Self::EditionRescheduled { .. } => MailKind::Schedule,
            Self::ApplicationReceived { .. } | Self::ProposalSettled { .. } | Self::ProposalRefused { .. } => {
                MailKind::Receipt
            }
            Self::RevisionRequested { .. } | Self::GradeReleased { .. } => MailKind::Work,
            Self::CompletionDecided { .. } => MailKind::Outcome,
            Self::MinimumNotReached { .. } => MailKind::Coordination,
            Self::Digest { .. } => MailKind::Digest,
        }
    }
}

/// Which kinds of messages somebody does without; none as long as they said nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preferences {
    muted: BTreeSet<MailKind>,
}

impl Preferences {
    /// Without these kinds, and with all others; the list is the input's `muted`.
    ///
    /// # Errors
    /// [`Code::Repeated`] for a kind that stands there before, [`Code::AlwaysSent`] for one that is essential.
    pub fn without(kinds: &[MailKind]) -> Result<Self> {
        let mut faults = check_once("muted", kinds);
        for (place, kind) in kinds.iter().enumerate() {
            if kind.is_essential() {
                faults.push(Fault::at(&format!("muted.{place}"), Code::AlwaysSent));
            }
        }
        faults.check()?;
        Ok(Self::of_words(kinds.iter().map(|kind| kind.word())))
    }

    /// As they were stored; a word that means nothing any more is left out.
    pub fn of_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        let known = words.into_iter().filter_map(MailKind::from_word);
        Self {
            muted: known.filter(|kind| !kind.is_essential()).collect(),
        }
    }

    /// The words to be stored, in one order.
    pub fn words(&self) -> Vec<&'static str> {
        self.muted.iter().map(|kind| kind.word()).collect()
    }

    /// Whether messages of this kind are wanted.
    pub fn wants(&self, kind: MailKind) -> bool {
        !self.muted.contains(&kind)
    }

    /// Does without one more kind; whether that changed anything. What is essential stays.
    pub fn mute(&mut self, kind: MailKind) -> bool {
        !kind.is_essential() && self.muted.insert(kind)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::Error;

    fn kinds() -> impl Strategy<Value = Vec<MailKind>> {
        prop::collection::vec(prop::sample::select(MailKind::ALL), 0..12)
    }

    proptest! {
        /// Every list is either refused, at each place that is wrong, or taken word for word; what is essential is
        /// wanted whatever somebody says.
        #[test]
        fn what_is_essential_is_never_muted(list in kinds()) {
            let wrong: Vec<Vec<String>> = list
                .iter()
                .enumerate()
                .filter(|(place, kind)| list[..*place].contains(kind) || kind.is_essential())
                .map(|(place, _)| vec!["input".to_owned(), "muted".to_owned(), place.to_string()])
                .collect();
            match Preferences::without(&list) {
                Ok(preferences) => {
                    prop_assert!(wrong.is_empty());
                    for &kind in MailKind::ALL {
                        prop_assert_eq!(preferences.wants(kind), !list.contains(&kind));
                    }
                    prop_assert_eq!(&Preferences::of_words(preferences.words()), &preferences);
                }
                Err(Error::Invalid(faults)) => {
                    let mut named: Vec<Vec<String>> = faults.into_iter().map(|fault| fault.path).collect();
                    named.sort();
                    named.dedup();
                    let mut wrong = wrong;
                    wrong.sort();
                    prop_assert_eq!(named, wrong);
                }
                Err(other) => return Err(TestCaseError::fail(other.to_string())),
            }
            let stored = Preferences::of_words(list.iter().map(|kind| kind.word()));
            prop_assert!(MailKind::ALL.iter().all(|&kind| !kind.is_essential() || stored.wants(kind)));
        }

        /// Muting one kind after the other comes to the same as all at once, in whatever order, and twice is once.
        #[test]
        fn muting_twice_is_muting_once(list in kinds()) {
            let mut one = Preferences::default();
            for &kind in &list {
                let was_wanted = one.wants(kind);
                prop_assert_eq!(one.mute(kind), was_wanted && !kind.is_essential());
                prop_assert!(!one.mute(kind));
            }
            prop_assert_eq!(one, Preferences::of_words(list.iter().map(|kind| kind.word())));
        }
    }
}
