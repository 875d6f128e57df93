//! Nominations: an institution names people for an edition. One is an invitation to take part that the institution
//! writes: how it stands, ends and is answered is the rule of invitations. Here is what it has besides: until when
//! people are named and substituted, which rank they have, who else endorses it, when the nominee is reminded, and how
//! many can be named.

use std::ops::RangeInclusive;

use chrono::{DateTime, TimeDelta, Utc};

use super::edition::EditionState;
use super::id::PersonId;
use super::institution::InstitutionKind;
use super::invitation::InvitationState;
use super::person::ConstituentGroup;
use super::seats::{self, Ledger, Origin};
use crate::error::{Code, Fault};

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

    /// What became of it, as whoever nominated reads it: of one for which nobody stood by in time, that.
    pub fn outcome(self, endorsement: Endorsement) -> &'static str {
        if self == Self::Expired && endorsement == Endorsement::Awaited {
            "not_endorsed"
        } else {
            self.word()
        }
    }
}

/// Refuses a rank that no nominee can have.
///
/// # Errors
/// [`Code::OutOfRange`] for what is not 1 to [`RANK_LIMIT`].
pub fn check_rank(rank: i64) -> Result<(), Fault> {
    seats::check_rank(rank, RANK_LIMIT)
}

/// The rank of whoever is named next, after the last that was given; 0 when there is none.
pub fn next_rank(last: i64) -> i64 {
    (last + 1).min(RANK_LIMIT)
}

/// Why somebody cannot endorse a nomination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotEndorsed {
    /// It is theirs: they nominated, or are nominated.
    Own,
    /// Nobody is named for the edition any more.
    Closed,
    /// It waits for no endorsement.
    NotAwaited,
}

impl From<NotEndorsed> for Code {
    fn from(refusal: NotEndorsed) -> Self {
        match refusal {
            NotEndorsed::Own => Self::OwnWork,
            NotEndorsed::Closed => Self::EnrolmentClosed,
            NotEndorsed::NotAwaited => Self::IllegalTransition,
        }
    }
}

/// What decides whether somebody can endorse a nomination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endorsable<'a> {
    /// Who nominated.
    pub nominator: PersonId,
    /// The address of who is nominated.
    pub nominee: &'a str,
    /// How it stands now.
    pub state: InvitationState,
    /// Whether somebody stands by it.
    pub endorsement: Endorsement,
    /// Whether people can be named for the edition, as [`is_open`] says.
    pub is_open: bool,
}

impl Endorsable<'_> {
    /// Refuses the endorsement of somebody who has this address.
    ///
    /// # Errors
    /// [`NotEndorsed`], the first reason that applies.
    pub fn check(self, by: PersonId, address: &str) -> Result<(), NotEndorsed> {
        if self.nominator == by || self.nominee == address {
            return Err(NotEndorsed::Own);
        }
        if !self.is_open {
            return Err(NotEndorsed::Closed);
        }
        if self.state != InvitationState::Sent || self.endorsement != Endorsement::Awaited {
            return Err(NotEndorsed::NotAwaited);
        }
        Ok(())
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

/// Whether, of two nominations of one address that come to be of one institution and stand so now, the first one goes on
/// and not the second: it can be answered and the second cannot, or both can, or neither, and only the second has yet to
/// be endorsed.
pub fn goes_on(first: (InvitationState, Endorsement), second: (InvitationState, Endorsement)) -> bool {
    let worth = |(state, endorsement): (InvitationState, Endorsement)| {
        let can_be_answered = state == InvitationState::Sent;
        (can_be_answered, endorsement != Endorsement::Awaited)
    };
    worth(first) > worth(second)
}

/// How the other one of the two ends that stands so now: it is taken back, unless time has ended it.
pub const fn end_of_other(state: InvitationState) -> InvitationState {
    match state {
        InvitationState::Sent => InvitationState::Withdrawn,
        ended => ended,
    }
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
/// those that are made now, and from then on none outlasts it. In a window that is over nobody applies any more: they end
/// at once.
pub fn new_end(now: DateTime<Utc>, lasts: TimeDelta, window: &RangeInclusive<DateTime<Utc>>) -> NewEnd {
    if now < *window.start() {
        NewEnd::OfAll(ends_at(now, lasts, window))
    } else {
        NewEnd::AtMost(now.max(*window.end()))
    }
}

/// The constituent group for which somebody takes part whom an institution of this kind nominates: its own where it
/// speaks for one, and otherwise the one that they stated.
pub const fn group_of(nominator: InstitutionKind, stated: ConstituentGroup) -> ConstituentGroup {
    match nominator {
        InstitutionKind::Employers | InstitutionKind::Workers => nominator.constituent_group(),
        InstitutionKind::Government | InstitutionKind::TrainingInstitution | InstitutionKind::Other => stated,
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
    room: Room,
    last_rank: i64,
}

impl Slate {
    /// `is_open` says whether people are named now, `last_rank` which was given last.
    pub const fn new(is_open: bool, room: Room, last_rank: i64) -> Self {
        Self {
            is_open,
            room,
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
        if !self.room.has_room() {
            return Err(Code::EditionFull);
        }
        self.room.remaining = self.room.remaining.map(|remaining| remaining - 1);
        self.last_rank = next_rank(self.last_rank);
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
    fn a_rank_counts_from_one_and_the_last_ones_share_theirs() {
        for (rank, taken) in [(0, false), (1, true), (RANK_LIMIT, true), (RANK_LIMIT + 1, false)] {
            assert_eq!(check_rank(rank).is_ok(), taken, "{rank}");
        }
        let fault = check_rank(-1).expect_err("no rank");
        assert_eq!(
            (fault.code, fault.detail.as_deref()),
            (Code::OutOfRange, Some("1–1000"))
        );
        assert_eq!([0, 7, RANK_LIMIT].map(next_rank), [1, 8, RANK_LIMIT]);
        assert!(
            [0, 7, RANK_LIMIT]
                .map(next_rank)
                .iter()
                .all(|&rank| check_rank(rank).is_ok())
        );
    }

    #[test]
    fn somebody_else_endorses_what_waits_for_it_as_long_as_people_are_named() {
        let person = |number| PersonId(Uuid::from_u128(number));
        let waiting = Endorsable {
            nominator: person(1),
            nominee: "nora@example.org",
            state: InvitationState::Sent,
            endorsement: Endorsement::Awaited,
            is_open: true,
        };
        let by_another = |of: Endorsable<'_>| of.check(person(2), "otto@example.org");
        assert_eq!(by_another(waiting), Ok(()));
        assert_eq!(waiting.check(person(1), "flor@example.org"), Err(NotEndorsed::Own));
        assert_eq!(waiting.check(person(2), "nora@example.org"), Err(NotEndorsed::Own));
        let closed = Endorsable {
            is_open: false,
            ..waiting
        };
        assert_eq!(by_another(closed), Err(NotEndorsed::Closed));
        assert_eq!(closed.check(person(1), "flor@example.org"), Err(NotEndorsed::Own));
        for &state in InvitationState::ALL {
            for endorsement in [Endorsement::NotAsked, Endorsement::Awaited, Endorsement::Given] {
                let found = by_another(Endorsable {
                    state,
                    endorsement,
                    ..waiting
                });
                let waits = state == InvitationState::Sent && endorsement == Endorsement::Awaited;
                assert_eq!(found == Ok(()), waits, "{state:?}, {endorsement:?}");
                assert!(waits || found == Err(NotEndorsed::NotAwaited));
            }
        }
    }

    #[test]
    fn who_nominated_reads_that_nobody_else_stood_by_it() {
        for &state in NominationState::ALL {
            for endorsement in [Endorsement::NotAsked, Endorsement::Awaited, Endorsement::Given] {
                let missed = state == NominationState::Expired && endorsement == Endorsement::Awaited;
                let word = if missed { "not_endorsed" } else { state.word() };
                assert_eq!(state.outcome(endorsement), word);
            }
        }
    }

    #[test]
    fn nominees_of_employers_and_workers_take_part_for_them() {
        for &kind in InstitutionKind::ALL {
            let group = group_of(kind, ConstituentGroup::NotStated);
            let speaks = matches!(kind, InstitutionKind::Employers | InstitutionKind::Workers);
            let expected = if speaks {
                kind.constituent_group()
            } else {
                ConstituentGroup::NotStated
            };
            assert_eq!(group, expected, "{kind:?}");
        }
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
    fn of_two_the_one_goes_on_that_can_be_answered_sooner() {
        use Endorsement::{Awaited, Given, NotAsked};
        use InvitationState::{Expired, Sent};
        let ranked: [&[(InvitationState, Endorsement)]; 4] = [
            &[(Sent, NotAsked), (Sent, Given)],
            &[(Sent, Awaited)],
            &[(Expired, NotAsked), (Expired, Given)],
            &[(Expired, Awaited)],
        ];
        for (place, alike) in ranked.into_iter().enumerate() {
            for &one in alike {
                for &other in alike {
                    assert!(!goes_on(one, other), "the one that is there stays: {one:?}, {other:?}");
                }
                for &worse in ranked[place + 1..].iter().copied().flatten() {
                    assert!(goes_on(one, worse) && !goes_on(worse, one), "{one:?}, {worse:?}");
                }
            }
        }
        assert_eq!(end_of_other(Sent), InvitationState::Withdrawn);
        assert_eq!(end_of_other(Expired), Expired);
    }

    #[test]
    fn another_window_leaves_time_to_answer_and_no_time_beyond_it() {
        let day = |days: i64| instant(days * 86_400);
        let week = TimeDelta::days(7);
        for (now, window, end) in [
            (0, 10..=30, NewEnd::OfAll(day(17))),
            (0, 10..=12, NewEnd::OfAll(day(12))),
            (10, 10..=12, NewEnd::AtMost(day(12))),
            (12, 10..=12, NewEnd::AtMost(day(12))),
            (20, 10..=12, NewEnd::AtMost(day(20))),
        ] {
            let is_over = now >= *window.end();
            let window = day(*window.start())..=day(*window.end());
            let found = new_end(day(now), week, &window);
            assert_eq!(found, end, "day {now}");
            if is_over {
                assert_eq!(found.at(), day(now), "what is open ends at once");
            } else {
                assert!(found.at() > day(now) && found.at() <= *window.end());
            }
            let reminded = reminds_at(day(now), found.at(), &window);
            assert!(!is_over || reminded.is_none(), "{reminded:?}");
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
