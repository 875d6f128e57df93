//! Nominations: an institution names people for an edition. One is an invitation to take part that the institution
//! writes: how it stands, ends and is answered is the rule of invitations. Here is what it has besides: until when
//! people are named and substituted, whether somebody else endorses it, when the nominee is reminded, and how many can
//! be named.

use std::ops::RangeInclusive;

use chrono::{DateTime, TimeDelta, Utc};

use super::edition::EditionState;
use super::institution::InstitutionKind;
use super::invitation::InvitationState;
use super::seats::{Ledger, Origin};
use crate::error::Code;

/// The greatest rank among the nominees of an institution.
pub const RANK_LIMIT: i64 = 1000;
/// How long before the end of a nomination its nominee is reminded.
pub const REMINDER: TimeDelta = TimeDelta::days(2);

words! {
    /// Where a nomination stands.
    NominationState {
        /// The institution named somebody, who can answer unless it has yet to be endorsed.
        Submitted = "submitted",
        /// A second person of the institution endorsed it, and the nominee can answer.
        Endorsed = "endorsed",
        /// The nominee applied.
        Accepted = "accepted",
        /// The nominee does not want to.
        Declined = "declined",
        /// The institution took it back.
        Withdrawn = "withdrawn",
        /// The institution named somebody else instead.
        Substituted = "substituted",
        /// The nominee did not answer in time.
        Expired = "expired",
    }
}

/// Whether a second person of the institution stands by a nomination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endorsement {
    /// The edition did not ask for it.
    NotAsked,
    /// Nobody has endorsed it, and its nominee was not written to.
    Awaited,
    /// Somebody has.
    Given,
}

impl NominationState {
    /// The state of a nomination whose invitation stands so.
    pub const fn of(invitation: InvitationState, endorsement: Endorsement) -> Self {
        match (invitation, endorsement) {
            (InvitationState::Sent, Endorsement::NotAsked | Endorsement::Awaited) => Self::Submitted,
            (InvitationState::Sent, Endorsement::Given) => Self::Endorsed,
            (InvitationState::Accepted, _) => Self::Accepted,
            (InvitationState::Declined, _) => Self::Declined,
            (InvitationState::Withdrawn, _) => Self::Withdrawn,
            (InvitationState::Replaced, _) => Self::Substituted,
            (InvitationState::Expired, _) => Self::Expired,
        }
    }

    /// The state as the invitation has it.
    pub const fn of_invitation(self) -> InvitationState {
        match self {
            Self::Submitted | Self::Endorsed => InvitationState::Sent,
            Self::Accepted => InvitationState::Accepted,
            Self::Declined => InvitationState::Declined,
            Self::Withdrawn => InvitationState::Withdrawn,
            Self::Substituted => InvitationState::Replaced,
            Self::Expired => InvitationState::Expired,
        }
    }

    /// Whether it has a place in the order of its institution.
    pub const fn is_ranked(self) -> bool {
        matches!(self, Self::Submitted | Self::Endorsed | Self::Accepted)
    }
}

/// Whether people can be named for an edition, and substituted: from its announcement until its window closes.
pub fn is_open(edition: EditionState, window: &RangeInclusive<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    edition.takes_invitations() && now < *window.end()
}

/// Until when a nomination of `now` can be answered: as long as an invitation lasts, from when the window opens or,
/// once it is open, from now; and never longer than the window.
pub fn ends_at(now: DateTime<Utc>, lasts: TimeDelta, window: &RangeInclusive<DateTime<Utc>>) -> DateTime<Utc> {
    (now.max(*window.start()) + lasts).min(*window.end())
}

/// When the nominee is reminded: never before the window opens, since nobody can answer until then; `None` for a
/// nomination that is too short for it.
pub fn reminds_at(
    now: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    window: &RangeInclusive<DateTime<Utc>>,
) -> Option<DateTime<Utc>> {
    let at = (ends_at - REMINDER).max(*window.start());
    (at - now >= REMINDER).then_some(at)
}

/// What another window of the edition means for its open nominations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewEnd {
    /// Nobody could answer yet: all end at this instant.
    OfAll(DateTime<Utc>),
    /// Those that would end later end at this instant.
    AtMost(DateTime<Utc>),
}

impl NewEnd {
    /// The end of those to which it applies.
    pub const fn at(self) -> DateTime<Utc> {
        match self {
            Self::OfAll(at) | Self::AtMost(at) => at,
        }
    }
}

/// Until when the nominations that are open at `now` can be answered under another window: until it opens they end like
/// those that are made now, and from then on none outlasts it. `None` for a window that is over, in which nobody is
/// named and nobody applies.
pub fn new_end(now: DateTime<Utc>, lasts: TimeDelta, window: &RangeInclusive<DateTime<Utc>>) -> Option<NewEnd> {
    if now < *window.start() {
        return Some(NewEnd::OfAll(ends_at(now, lasts, window)));
    }
    (now < *window.end()).then_some(NewEnd::AtMost(*window.end()))
}

/// Whether an institution of this kind speaks for its constituent group, so that whom it nominates takes part for that.
pub const fn speaks_for_its_group(kind: InstitutionKind) -> bool {
    match kind {
        InstitutionKind::Employers | InstitutionKind::Workers => true,
        InstitutionKind::Government | InstitutionKind::TrainingInstitution | InstitutionKind::Other => false,
    }
}

/// The seats of an edition in the eyes of an institution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// How many are kept by the pools that its people belong to.
    pub kept: i64,
    /// How many of these are taken.
    pub taken: i64,
    /// How many of its nominees have yet to answer.
    pub open: i64,
    /// How many more it can name; `None` for as many as it likes.
    pub remaining: Option<i64>,
}

impl Room {
    /// What an edition with this ledger has for people of `who`, `open` of whom are named and have yet to answer.
    pub fn of(ledger: &Ledger, who: Origin<'_>, open: i64) -> Self {
        let own = || ledger.pools().iter().filter(|pool| pool.kept_for.applies(who));
        let free = |seat| ledger.free(seat).map(|free| free.max(0));
        let free: Option<i64> = ledger.choices(who).into_iter().map(free).sum();
        Self {
            kept: own().map(|pool| pool.seats).sum(),
            taken: own().map(|pool| pool.taken).sum(),
            open,
            remaining: free.map(|free| (free - open).max(0)),
        }
    }

    /// Whether one more can be named.
    pub fn has_room(self) -> bool {
        self.remaining != Some(0)
    }
}

/// Whom an institution can still name for an edition, one after the other, and with which rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slate {
    is_open: bool,
    remaining: Option<i64>,
    last_rank: i64,
}

impl Slate {
    /// `is_open` says whether people are named now, `last_rank` which was given last.
    pub const fn new(is_open: bool, room: Room, last_rank: i64) -> Self {
        Self {
            is_open,
            remaining: room.remaining,
            last_rank,
        }
    }

    /// The rank of who is named next.
    ///
    /// # Errors
    /// [`Code::EnrolmentClosed`] when nobody is named any more, [`Code::EditionFull`] when as many are as there are
    /// seats for.
    pub fn name_one(&mut self) -> Result<i64, Code> {
        if !self.is_open {
            return Err(Code::EnrolmentClosed);
        }
        if let Some(remaining) = &mut self.remaining {
            if *remaining <= 0 {
                return Err(Code::EditionFull);
            }
            *remaining -= 1;
        }
        self.last_rank = (self.last_rank + 1).min(RANK_LIMIT);
        Ok(self.last_rank)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::domain::edition::Seats;
    use crate::domain::id::{InstitutionId, SeatPoolId};
    use crate::domain::person::ConstituentGroup;
    use crate::domain::seats::{Change, KeptFor, Pool, Seat};

    fn instant(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).expect("an instant")
    }

    fn institution(number: u128) -> InstitutionId {
        InstitutionId(Uuid::from_u128(number))
    }

    fn of(number: u128) -> Origin<'static> {
        Origin {
            institution: Some(institution(number)),
            country: "UY",
            group: ConstituentGroup::Workers,
        }
    }

    fn ledger(capacity: Option<i64>, pool: Option<(i64, i64, bool)>) -> Ledger {
        let pools: Vec<Pool> = pool
            .into_iter()
            .map(|(seats, taken, overflow)| Pool {
                id: SeatPoolId(Uuid::from_u128(9)),
                kept_for: KeptFor::Institution(institution(1)),
                seats,
                taken,
                held: 0,
                overflow,
            })
            .collect();
        let taken = pools.iter().map(|pool| pool.taken).sum();
        let kept = pools.iter().map(Pool::free).sum();
        let seats = Seats {
            capacity,
            taken,
            held: 0,
            kept,
        };
        Ledger::new(seats, pools)
    }

    #[test]
    fn its_states_are_those_of_an_invitation_and_that_somebody_endorsed_it() {
        let all = [Endorsement::NotAsked, Endorsement::Awaited, Endorsement::Given];
        for &state in InvitationState::ALL {
            let of = all.map(|endorsement| NominationState::of(state, endorsement));
            assert!(of.iter().all(|found| found.of_invitation() == state), "{of:?}");
            assert_eq!(of[0], of[1]);
            assert_eq!(of[1] == of[2], state != InvitationState::Sent, "{of:?}");
        }
        let endorsed = NominationState::of(InvitationState::Sent, Endorsement::Given);
        assert_eq!(endorsed, NominationState::Endorsed);
        assert_eq!(NominationState::ALL.len(), InvitationState::ALL.len() + 1);
    }

    #[test]
    fn people_are_named_from_the_announcement_to_the_second_in_which_the_window_closes() {
        let window = instant(100)..=instant(200);
        for (state, now, open) in [
            (EditionState::Draft, 50, false),
            (EditionState::Announced, 50, true),
            (EditionState::Enrolling, 199, true),
            (EditionState::Enrolling, 200, false),
            (EditionState::EnrolmentClosed, 150, false),
            (EditionState::Cancelled, 150, false),
        ] {
            assert_eq!(is_open(state, &window, instant(now)), open, "{state:?} at {now}");
        }
    }

    #[test]
    fn another_window_leaves_time_to_answer_and_no_time_beyond_it() {
        let day = |days: i64| instant(days * 86_400);
        let week = TimeDelta::days(7);
        for (now, window, end) in [
            (0, 10..=30, Some(NewEnd::OfAll(day(17)))),
            (0, 10..=12, Some(NewEnd::OfAll(day(12)))),
            (10, 10..=12, Some(NewEnd::AtMost(day(12)))),
            (12, 10..=12, None),
        ] {
            let window = day(*window.start())..=day(*window.end());
            let found = new_end(day(now), week, &window);
            assert_eq!(found, end, "day {now}");
            assert!(found.is_none_or(|end| end.at() > day(now) && end.at() <= *window.end()));
        }
    }

    #[test]
    fn a_nominee_is_reminded_two_days_before_the_end_but_not_before_the_window_opens() {
        let day = |days: i64| instant(days * 86_400);
        let window = day(10)..=day(30);
        for (now, lasts, reminded) in [
            (0, 7, Some(15)),
            (0, 1, Some(10)),
            (9, 1, None),
            (12, 7, Some(17)),
            (12, 3, None),
            (27, 7, None),
        ] {
            let ends = ends_at(day(now), TimeDelta::days(lasts), &window);
            let at = reminds_at(day(now), ends, &window);
            assert_eq!(at, reminded.map(day), "named on day {now} for {lasts} days");
        }
    }

    #[test]
    fn an_institution_with_a_pool_names_within_it_and_others_within_what_is_free() {
        let kept = ledger(Some(10), Some((3, 1, false)));
        let room = Room::of(&kept, of(1), 1);
        assert_eq!((room.kept, room.taken, room.remaining), (3, 1, Some(1)));
        assert!(room.has_room() && !Room::of(&kept, of(1), 2).has_room());
        let other = Room::of(&kept, of(2), 0);
        assert_eq!((other.kept, other.taken, other.remaining), (0, 0, Some(7)));
        let overflowing = ledger(Some(10), Some((3, 1, true)));
        assert_eq!(Room::of(&overflowing, of(1), 0).remaining, Some(9));
        let endless = Room::of(&ledger(None, None), of(1), 1_000);
        assert!(endless.remaining.is_none() && endless.has_room());
    }

    proptest! {
        /// A nomination can be answered at some time, never after the window; its nominee is reminded between its
        /// beginning and its end, or not at all.
        #[test]
        fn it_ends_within_the_window_and_the_reminder_comes_before(
            opens in 0_i64..3_000_000, lives in 1_i64..3_000_000, now in 0_i64..6_000_000, days in 1_i64..91,
        ) {
            let window = instant(opens)..=instant(opens + lives);
            let now = instant(now);
            prop_assume!(now < *window.end());
            let ends = ends_at(now, TimeDelta::days(days), &window);
            prop_assert!(ends > now && ends > *window.start() && ends <= *window.end());
            if let Some(at) = reminds_at(now, ends, &window) {
                prop_assert!(at > now && at < ends && window.contains(&at));
            } else {
                prop_assert!(ends - now < REMINDER * 2);
            }
        }

        /// However many are named one after the other while there is room: when all accept, each finds a seat.
        #[test]
        fn whoever_was_named_while_there_was_room_finds_a_seat(
            (capacity, seats, taken) in (1_i64..30)
                .prop_flat_map(|capacity| (Just(capacity), 1..=capacity))
                .prop_flat_map(|(capacity, seats)| (Just(capacity), Just(seats), 0..=seats)),
            overflow in proptest::bool::ANY,
        ) {
            let mut ledger = ledger(Some(capacity), Some((seats, taken, overflow)));
            let mut open = 0;
            while Room::of(&ledger, of(1), open).has_room() {
                open += 1;
            }
            for _ in 0..open {
                let seat = ledger.seat_for(of(1));
                prop_assert!(seat.is_some());
                ledger.count(seat.unwrap_or(Seat::General), Change { taken: 1, held: 0 });
            }
            prop_assert!(ledger.seat_for(of(1)).is_none());
        }
    }

    #[test]
    fn a_slate_names_until_it_is_full_and_ranks_up_to_the_limit() {
        let room = |remaining| Room {
            kept: 0,
            taken: 0,
            open: 0,
            remaining,
        };
        let mut slate = Slate::new(true, room(Some(2)), 3);
        let named: Vec<_> = (0..3).map(|_| slate.name_one()).collect();
        assert_eq!(named, [Ok(4), Ok(5), Err(Code::EditionFull)]);
        let mut slate = Slate::new(true, room(None), RANK_LIMIT - 1);
        assert_eq!([slate.name_one(), slate.name_one()], [Ok(RANK_LIMIT), Ok(RANK_LIMIT)]);
        let mut slate = Slate::new(false, room(None), 0);
        assert_eq!(slate.name_one(), Err(Code::EnrolmentClosed));
    }
}
