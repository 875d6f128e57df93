//! Invitations: what somebody may be invited to, the states of an invitation, how long it is open, when it may be sent
//! again.

use std::ops::{Range, RangeInclusive};

use chrono::{DateTime, TimeDelta, Utc};

use super::actor::Grant;
use super::edition::EditionState;
use super::id::EditionId;
use crate::error::{Code, Flaw};

/// How long after a message of an invitation it may be sent again.
pub const SENT_AGAIN_AFTER: TimeDelta = TimeDelta::minutes(15);

words! {
    /// Where an invitation stands.
    InvitationState {
        /// The message is on its way or arrived; its token works.
        Sent = "sent",
        /// Somebody took it up.
        Accepted = "accepted",
        /// Somebody who has its token does not want to.
        Declined = "declined",
        /// It was taken back.
        Withdrawn = "withdrawn",
        /// Nobody took it up in time.
        Expired = "expired",
        /// It was sent again, with another token.
        Replaced = "replaced",
    }
}

words! {
    /// What somebody is invited to do.
    Purpose {
        /// Take part in an edition.
        TakePart = "take_part",
        /// Hold a role.
        HoldRole = "hold_role",
    }
}

/// What somebody is invited to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// To take part in this edition; what comes of it is for the rule of the edition.
    TakePart(EditionId),
    /// To hold this role.
    HoldRole(Grant),
}

impl Offer {
    /// What somebody is invited to do.
    pub const fn purpose(self) -> Purpose {
        match self {
            Self::TakePart(_) => Purpose::TakePart,
            Self::HoldRole(_) => Purpose::HoldRole,
        }
    }
}

/// Whether there is a time at which somebody could apply to an edition, whose window takes applications, while an
/// invitation to it is open.
pub fn leads_in(edition: EditionState, window: &RangeInclusive<DateTime<Utc>>, open: &Range<DateTime<Utc>>) -> bool {
    edition.takes_invitations() && open.start <= *window.end() && *window.start() < open.end
}

/// Why an invitation cannot take a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It is not open.
    NotOpen,
    /// The last message left too shortly before; the next one may go from this instant on.
    TooSoon(DateTime<Utc>),
}

impl From<Refusal> for Flaw {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotOpen => Code::IllegalTransition.into(),
            Refusal::TooSoon(from) => Self {
                code: Code::TooSoon,
                detail: Some(from.format("%F %R UTC").to_string()),
            },
        }
    }
}

impl InvitationState {
    /// The states that one step leads to.
    pub const fn next(self) -> &'static [Self] {
        match self {
            Self::Sent => &[
                Self::Accepted,
                Self::Declined,
                Self::Withdrawn,
                Self::Expired,
                Self::Replaced,
            ],
            Self::Accepted | Self::Declined | Self::Withdrawn | Self::Expired | Self::Replaced => &[],
        }
    }
}

/// What decides about the steps of an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The state that is stored.
    pub state: InvitationState,
    /// When the message was written.
    pub sent_at: DateTime<Utc>,
    /// Until when its token works.
    pub expires_at: DateTime<Utc>,
}

impl Standing {
    /// The state at `now`: what is overdue has expired, whether or not that was written down.
    pub fn at(self, now: DateTime<Utc>) -> InvitationState {
        match self.state {
            InvitationState::Sent if self.expires_at <= now => InvitationState::Expired,
            state => state,
        }
    }

    /// Takes the step to `to` at `now`. Nothing expires before its time.
    ///
    /// # Errors
    /// [`Refusal::NotOpen`] unless it is open.
    pub fn step(self, to: InvitationState, now: DateTime<Utc>) -> Result<InvitationState, Refusal> {
        let from = match to {
            InvitationState::Expired if self.at(now) == InvitationState::Expired => self.state,
            InvitationState::Expired => return Err(Refusal::NotOpen),
            _ => self.at(now),
        };
        if from.next().contains(&to) {
            Ok(to)
        } else {
            Err(Refusal::NotOpen)
        }
    }

    /// Takes the step that another message takes its place.
    ///
    /// # Errors
    /// [`Refusal::NotOpen`] unless it is open, [`Refusal::TooSoon`] within a quarter of an hour.
    pub fn send_again(self, now: DateTime<Utc>) -> Result<InvitationState, Refusal> {
        let to = self.step(InvitationState::Replaced, now)?;
        let from = self.sent_at + SENT_AGAIN_AFTER;
        if now < from {
            Err(Refusal::TooSoon(from))
        } else {
            Ok(to)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn instant(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).expect("an instant")
    }

    fn standing(state: InvitationState, lives: i64) -> Standing {
        Standing {
            state,
            sent_at: instant(0),
            expires_at: instant(lives),
        }
    }

    #[test]
    fn only_an_open_one_takes_a_step_and_it_takes_one() {
        for &from in InvitationState::ALL {
            for &to in InvitationState::ALL {
                let open = from == InvitationState::Sent && to != InvitationState::Sent;
                assert_eq!(from.next().contains(&to), open, "{from:?} to {to:?}");
            }
        }
    }

    #[test]
    fn what_is_overdue_has_expired_to_the_second() {
        let sent = standing(InvitationState::Sent, 60);
        assert_eq!(sent.at(instant(59)), InvitationState::Sent);
        assert_eq!(sent.at(instant(60)), InvitationState::Expired);
        assert_eq!(sent.step(InvitationState::Accepted, instant(60)), Err(Refusal::NotOpen));
        assert_eq!(sent.step(InvitationState::Expired, instant(59)), Err(Refusal::NotOpen));
        assert!(sent.step(InvitationState::Expired, instant(60)).is_ok());
    }

    #[test]
    fn it_is_sent_again_after_a_quarter_of_an_hour() {
        let sent = standing(InvitationState::Sent, 86_400);
        assert_eq!(sent.send_again(instant(899)), Err(Refusal::TooSoon(instant(900))));
        assert_eq!(sent.send_again(instant(900)), Ok(InvitationState::Replaced));
        let over = standing(InvitationState::Declined, 86_400);
        assert_eq!(over.send_again(instant(900)), Err(Refusal::NotOpen));
    }

    #[test]
    fn it_leads_in_where_it_meets_the_window_to_the_second() {
        let window = instant(100)..=instant(200);
        for (open, leads) in [
            (instant(0)..instant(100), false),
            (instant(0)..instant(101), true),
            (instant(120)..instant(130), true),
            (instant(200)..instant(300), true),
            (instant(201)..instant(300), false),
        ] {
            assert_eq!(leads_in(EditionState::Enrolling, &window, &open), leads, "{open:?}");
            assert_eq!(leads_in(EditionState::Announced, &window, &open), leads, "{open:?}");
            assert!(!leads_in(EditionState::Draft, &window, &open));
            assert!(!leads_in(EditionState::EnrolmentClosed, &window, &open));
        }
    }

    fn states() -> impl Strategy<Value = InvitationState> {
        proptest::sample::select(InvitationState::ALL)
    }

    proptest! {
        /// Whatever is tried in whatever order: an invitation leaves its first state once, and nobody takes up one
        /// that is overdue.
        #[test]
        fn whatever_is_tried_it_ends_once(
            lives in 1_i64..1_000_000,
            tries in proptest::collection::vec((states(), 0_i64..1_200_000), 1..30),
        ) {
            let mut standing = standing(InvitationState::Sent, lives);
            let mut ended = 0;
            for (to, after) in tries {
                let now = instant(after);
                let before = standing.at(now);
                if let Ok(state) = standing.step(to, now) {
                    prop_assert_eq!(standing.state, InvitationState::Sent);
                    prop_assert_eq!(state == InvitationState::Expired, after >= lives);
                    ended += 1;
                    standing.state = state;
                } else {
                    prop_assert_eq!(standing.at(now), before);
                }
                // Whoever waits sees no state but one that was entered, or that time entered.
                prop_assert!(standing.state != InvitationState::Sent || standing.at(now) == before);
            }
            prop_assert!(ended <= 1);
        }

        /// Two messages to one address are never nearer than the rule says, and never later than the end.
        #[test]
        fn messages_keep_their_distance(lives in 1_i64..1_000_000, after in 0_i64..1_200_000) {
            let standing = standing(InvitationState::Sent, lives);
            let sent = standing.send_again(instant(after)).is_ok();
            prop_assert_eq!(sent, after >= SENT_AGAIN_AFTER.num_seconds() && after < lives);
        }
    }
}
