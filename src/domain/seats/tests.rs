//! Histories of arrivals, departures, offers and pools, held against the rules of the ledger.

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;

/// What became of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Waiting,
    Offered(Seat),
    In(Seat),
    Gone,
}

#[derive(Debug, Clone)]
struct Somebody {
    institution: Option<InstitutionId>,
    country: &'static str,
    group: ConstituentGroup,
    rank: Option<i64>,
    standing: Standing,
}

impl Somebody {
    fn origin(&self) -> Origin<'_> {
        Origin {
            institution: self.institution,
            country: self.country,
            group: self.group,
        }
    }
}

/// An edition as the program keeps it: the ledger, and everybody in the order of their applications.
#[derive(Debug)]
struct World {
    ledger: Ledger,
    people: Vec<Somebody>,
    offers: bool,
    /// How many of a round are read at a time.
    batch: usize,
    pools: u128,
}

/// Something that happens.
#[derive(Debug, Clone)]
enum Event {
    Arrive(u8, u8, u8),
    Leave(usize),
    Accept(usize),
    Lapse(usize),
    Rank(usize, Option<i64>),
    Keep(u8, u8, i64, bool),
    Resize(usize, i64),
    Release(usize),
    Remove(usize),
    Capacity(i64),
}

const COUNTRIES: [&str; 3] = ["UY", "BR", ""];

fn institution(number: u8) -> InstitutionId {
    InstitutionId(Uuid::from_u128(u128::from(number)))
}

fn group(number: u8) -> ConstituentGroup {
    [ConstituentGroup::Workers, ConstituentGroup::Employers][usize::from(number % 2)]
}

/// Somebody who waits.
fn somebody(of: u8, country: u8, in_group: u8) -> Somebody {
    Somebody {
        institution: (of % 4 != 3).then(|| institution(of % 4)),
        country: COUNTRIES[usize::from(country % 3)],
        group: group(in_group),
        rank: None,
        standing: Standing::Waiting,
    }
}

fn seat_of(standing: Standing) -> Option<(Seat, Use)> {
    match standing {
        Standing::In(seat) => Some((seat, Use::Taken)),
        Standing::Offered(seat) => Some((seat, Use::Held)),
        Standing::Waiting | Standing::Gone => None,
    }
}

impl World {
    fn count(&mut self, seat: Seat, of: Use, seats: i64) {
        let mut change = Change::default();
        change.add(of, seats);
        self.ledger.count(seat, change);
    }

    /// Those who wait, in their order.
    fn waiting(&self) -> Vec<usize> {
        let waits = |place: &usize| self.people[*place].standing == Standing::Waiting;
        let mut line: Vec<usize> = (0..self.people.len()).filter(waits).collect();
        line.sort_by_key(|&place| (self.people[place].rank.unwrap_or(i64::MAX), place));
        line
    }

    /// Gives every free seat to the next in line, in rounds as the program reads them.
    fn fill(&mut self) {
        let mut plan = self.ledger.clone();
        while let Some((open, all)) = plan.open() {
            let most = usize::try_from(all).expect("a count").min(self.batch);
            let may = |place: &usize| {
                let choices = plan.choices(self.people[*place].origin());
                choices.iter().any(|choice| open.contains(choice))
            };
            let next: Vec<usize> = self.waiting().into_iter().filter(may).take(most).collect();
            let origins: Vec<_> = next.iter().map(|&place| self.people[place].clone()).collect();
            let seats = plan.assign(origins.iter().map(Somebody::origin));
            assert!(next.is_empty() || seats[0].is_some(), "whoever is first has a seat");
            for (&place, seat) in next.iter().zip(&seats) {
                let Some(seat) = *seat else { continue };
                let (standing, of) = if self.offers {
                    (Standing::Offered(seat), Use::Held)
                } else {
                    (Standing::In(seat), Use::Taken)
                };
                self.people[place].standing = standing;
                self.count(seat, of, 1);
            }
            if next.len() < most {
                return;
            }
        }
    }

    fn end(&mut self, place: usize) {
        if let Some((seat, of)) = seat_of(self.people[place].standing) {
            self.count(seat, of, -1);
        }
        self.people[place].standing = Standing::Gone;
        self.fill();
    }

    fn rebuild(&mut self, pools: Vec<Pool>) {
        let mut seats = self.ledger.seats();
        seats.kept = pools.iter().map(Pool::free).sum();
        self.ledger = Ledger::new(seats, pools);
    }

    fn without(&mut self, place: usize) {
        let mut pools = self.ledger.pools().to_vec();
        if pools.is_empty() {
            return;
        }
        pools.remove(place % pools.len());
        self.rebuild(pools);
        self.fill();
    }

    fn keep(&mut self, kind: u8, which: u8, seats: i64, overflow: bool) {
        let kept_for = match kind % 3 {
            0 => KeptFor::Institution(institution(which % 3)),
            1 => KeptFor::Group(group(which)),
            _ => KeptFor::Country(Country::parse(COUNTRIES[usize::from(which % 2)]).expect("a country")),
        };
        let mut pools = self.ledger.pools().to_vec();
        let draft = PoolDraft {
            seats,
            releases_at: None,
            overflow,
        };
        let fine = draft.check(&self.ledger, None, now()).check().is_ok();
        if !fine || pools.iter().any(|pool| pool.kept_for == kept_for) {
            return;
        }
        self.pools += 1;
        pools.push(Pool {
            id: SeatPoolId(Uuid::from_u128(self.pools)),
            kept_for,
            seats,
            taken: 0,
            held: 0,
            overflow,
        });
        self.rebuild(pools);
        self.fill();
    }

    fn resize(&mut self, place: usize, seats: i64) {
        let mut pools = self.ledger.pools().to_vec();
        if pools.is_empty() {
            return;
        }
        let place = place % pools.len();
        let draft = PoolDraft {
            seats,
            releases_at: None,
            overflow: pools[place].overflow,
        };
        if draft.check(&self.ledger, Some(&pools[place]), now()).check().is_ok() {
            pools[place].seats = seats;
            self.rebuild(pools);
            self.fill();
        }
    }

    fn happen(&mut self, event: &Event) {
        let count = self.people.len().max(1);
        let standing = |world: &Self, place: usize| world.people.get(place).map(|found| found.standing);
        match *event {
            Event::Arrive(of, country, in_group) => {
                let mut new = somebody(of, country, in_group);
                // As an application: a seat where one is free that nobody who waits may take, too.
                if let Some(seat) = self.ledger.seat_for(new.origin()) {
                    let rival = |place: &usize| self.ledger.choices(self.people[*place].origin()).contains(&seat);
                    if !self.waiting().iter().any(rival) {
                        new.standing = Standing::In(seat);
                        self.count(seat, Use::Taken, 1);
                    }
                }
                self.people.push(new);
            }
            Event::Leave(place) if !self.people.is_empty() => self.end(place % count),
            Event::Lapse(place) => {
                if let Some(Standing::Offered(_)) = standing(self, place % count) {
                    self.end(place % count);
                }
            }
            Event::Accept(place) => {
                if let Some(Standing::Offered(seat)) = standing(self, place % count) {
                    self.count(seat, Use::Held, -1);
                    self.count(seat, Use::Taken, 1);
                    self.people[place % count].standing = Standing::In(seat);
                }
            }
            Event::Rank(place, rank) if !self.people.is_empty() => self.people[place % count].rank = rank,
            Event::Leave(_) | Event::Rank(..) => {}
            Event::Keep(kind, which, seats, overflow) => self.keep(kind, which, seats, overflow),
            Event::Resize(place, seats) => self.resize(place, seats),
            // Removed or released: its seats, the taken ones too, are general.
            Event::Release(place) | Event::Remove(place) => self.without(place),
            Event::Capacity(capacity) => {
                let Seats { taken, held, kept, .. } = self.ledger.seats();
                if capacity >= taken + held + kept {
                    let capacity = Some(capacity);
                    let seats = Seats {
                        capacity,
                        ..self.ledger.seats()
                    };
                    self.ledger = Ledger::new(seats, self.ledger.pools().to_vec());
                    self.fill();
                }
            }
        }
    }

    /// What holds after everything that happens.
    fn check(&self) {
        let Seats {
            capacity,
            taken,
            held,
            kept,
        } = self.ledger.seats();
        assert!(taken >= 0 && held >= 0 && kept >= 0);
        assert!(taken + held + kept <= capacity.expect("a capacity"), "over: {self:?}");
        let all: i64 = self.ledger.pools().iter().map(|pool| pool.seats).sum();
        assert!(all <= capacity.expect("a capacity"), "more kept than there is");
        // The counts are those of a recount.
        let recount = |seat: Option<Seat>, of: Use| {
            let counts =
                |found: &(Seat, Use)| found.1 == of && seat.is_none_or(|seat| self.ledger.effective(found.0) == seat);
            let seats = self.people.iter().filter_map(|found| seat_of(found.standing));
            i64::try_from(seats.filter(counts).count()).expect("a count")
        };
        assert_eq!((taken, held), (recount(None, Use::Taken), recount(None, Use::Held)));
        for pool in self.ledger.pools() {
            let seat = Some(Seat::Of(pool.id));
            assert_eq!(
                (pool.taken, pool.held),
                (recount(seat, Use::Taken), recount(seat, Use::Held))
            );
            assert!(pool.free() >= 0, "{pool:?}");
        }
        assert_eq!(kept, self.ledger.pools().iter().map(Pool::free).sum::<i64>());
        for place in self.waiting() {
            let seat = self.ledger.seat_for(self.people[place].origin());
            assert_eq!(seat, None, "{place} waits while a seat is free: {self:?}");
        }
    }
}

fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH
}

fn events() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (0..4_u8, 0..3_u8, 0..2_u8).prop_map(|(of, country, group)| Event::Arrive(of, country, group)),
        3 => (0..60_usize).prop_map(Event::Leave),
        2 => (0..60_usize).prop_map(Event::Accept),
        2 => (0..60_usize).prop_map(Event::Lapse),
        1 => (0..60_usize, proptest::option::of(1..9_i64)).prop_map(|(place, rank)| Event::Rank(place, rank)),
        1 => (0..3_u8, 0..3_u8, 0..5_i64, any::<bool>()).prop_map(|(a, b, c, d)| Event::Keep(a, b, c, d)),
        1 => (0..9_usize, 0..6_i64).prop_map(|(place, seats)| Event::Resize(place, seats)),
        1 => (0..9_usize).prop_map(Event::Release),
        1 => (0..9_usize).prop_map(Event::Remove),
        1 => (1..16_i64).prop_map(Event::Capacity),
    ]
}

fn world(capacity: i64, offers: bool, batch: usize) -> World {
    let seats = Seats {
        capacity: Some(capacity),
        taken: 0,
        held: 0,
        kept: 0,
    };
    World {
        ledger: Ledger::new(seats, Vec::new()),
        people: Vec::new(),
        offers,
        batch,
        pools: 0,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn no_history_oversells_or_lets_anybody_wait_beside_a_free_seat(
        capacity in 1..12_i64, offers: bool, batch in 1..5_usize, history in proptest::collection::vec(events(), 0..120)
    ) {
        let mut world = world(capacity, offers, batch);
        for event in &history {
            world.happen(event);
            world.check();
        }
    }

    #[test]
    fn whoever_is_ahead_and_may_take_the_same_seats_never_waits_longer(
        capacity in 1..6_i64, history in proptest::collection::vec(events(), 0..80)
    ) {
        let mut world = world(capacity, false, 1);
        for event in &history {
            let before = world.waiting();
            world.happen(event);
            let origin = |place: usize| world.people[place].clone();
            for (ahead, &first) in before.iter().enumerate() {
                for &second in &before[ahead + 1..] {
                    let passed = world.people[first].standing == Standing::Waiting
                        && matches!(world.people[second].standing, Standing::In(_));
                    let alike = origin(first).origin() == origin(second).origin();
                    prop_assert!(!(passed && alike), "{second} passed {first}: {event:?}");
                }
            }
        }
    }

    #[test]
    fn once_it_runs_no_more_passes_on_than_was_given_back(
        history in proptest::collection::vec(events(), 0..60), general in 0..4_i64, own in 0..4_i64
    ) {
        let mut world = world(12, false, 3);
        for event in &history {
            world.happen(event);
        }
        let mut freed: BTreeMap<Seat, i64> = BTreeMap::from([(Seat::General, general)]);
        freed.extend(world.ledger.pools().iter().map(|pool| (Seat::Of(pool.id), own)));
        let limited = world.ledger.limited_to(&freed);
        for (seat, given_back) in freed {
            let free = world.ledger.free(seat).expect("a limit");
            prop_assert_eq!(limited.free(seat), Some(free.min(given_back)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Many who come in one go fare as if each had come alone.
    #[test]
    fn a_crowd_fares_like_one_after_the_other(
        capacity in 1..12_i64,
        history in proptest::collection::vec(events(), 0..60),
        left in proptest::collection::vec((0..4_u8, 0..3_u8, 0..2_u8), 0..3),
        crowd in proptest::collection::vec((0..4_u8, 0..3_u8, 0..2_u8), 0..20),
    ) {
        let mut world = world(capacity, false, 3);
        for event in &history {
            world.happen(event);
        }
        // Whom a coordinator lets wait waits also beside free seats.
        for (of, country, in_group) in left {
            world.people.push(somebody(of, country, in_group));
        }
        let waiting = world.waiting();
        let mut arrivals = Arrivals::new(
            world.ledger.clone(),
            waiting.iter().map(|&place| world.people[place].origin()),
        );
        for (of, country, in_group) in crowd {
            world.happen(&Event::Arrive(of, country, in_group));
            let last = world.people.last().expect("somebody came");
            let seat = arrivals.seat_for(last.origin());
            prop_assert_eq!(last.standing, seat.map_or(Standing::Waiting, Standing::In));
            match seat {
                Some(seat) => arrivals.take(seat),
                None => arrivals.wait(last.origin()),
            }
        }
        prop_assert_eq!(&arrivals.ledger, &world.ledger);
    }
}

#[test]
fn without_a_capacity_nobody_waits_for_those_who_do() {
    let world = world(1, false, 1);
    let who = Origin {
        institution: None,
        country: "UY",
        group: ConstituentGroup::Workers,
    };
    let seats = Seats {
        capacity: None,
        ..world.ledger.seats()
    };
    let arrivals = Arrivals::new(Ledger::new(seats, Vec::new()), [who]);
    assert_eq!(arrivals.seat_for(who), Some(Seat::General));
    let full = Arrivals::new(world.ledger, [who]);
    assert_eq!(full.seat_for(who), None);
}

#[test]
fn a_pool_keeps_what_is_free_and_no_less_than_it_gave_out() {
    let mut world = world(5, false, 5);
    world.happen(&Event::Arrive(3, 2, 0));
    let draft = |seats| PoolDraft {
        seats,
        releases_at: None,
        overflow: false,
    };
    let codes = |draft: PoolDraft, ledger: &Ledger, of: Option<&Pool>| draft.check(ledger, of, now()).check().is_ok();
    assert!(codes(draft(4), &world.ledger, None));
    assert!(!codes(draft(5), &world.ledger, None));
    assert!(!codes(draft(0), &world.ledger, None));
    let passed = PoolDraft {
        releases_at: Some(now()),
        ..draft(1)
    };
    assert!(!codes(passed, &world.ledger, None));
    let ahead = PoolDraft {
        releases_at: Some(now() + TimeDelta::hours(1)),
        ..draft(1)
    };
    assert!(codes(ahead, &world.ledger, None));
    world.happen(&Event::Keep(0, 1, 3, false));
    world.happen(&Event::Arrive(1, 2, 0));
    world.happen(&Event::Arrive(1, 2, 0));
    let pool = world.ledger.pools()[0].clone();
    assert_eq!((pool.seats, pool.taken), (3, 2));
    assert!(!codes(draft(1), &world.ledger, Some(&pool)));
    assert!(codes(draft(2), &world.ledger, Some(&pool)));
    assert!(codes(draft(4), &world.ledger, Some(&pool)));
    assert!(!codes(draft(5), &world.ledger, Some(&pool)));
}

#[test]
fn people_of_a_pool_take_its_seats_first_and_general_ones_where_it_says_so() {
    let one = |overflow| Pool {
        id: SeatPoolId(Uuid::from_u128(1)),
        kept_for: KeptFor::Institution(institution(1)),
        seats: 1,
        taken: 1,
        held: 0,
        overflow,
    };
    let seats = Seats {
        capacity: Some(3),
        taken: 1,
        held: 0,
        kept: 0,
    };
    let who = Origin {
        institution: Some(institution(1)),
        country: "UY",
        group: ConstituentGroup::Workers,
    };
    let other = Origin {
        institution: None,
        ..who
    };
    let closed = Ledger::new(seats, vec![one(false)]);
    assert_eq!(closed.seat_for(who), None);
    assert_eq!(closed.seat_for(other), Some(Seat::General));
    let open = Ledger::new(seats, vec![one(true)]);
    assert_eq!(open.seat_for(who), Some(Seat::General));
    // Of two pools the narrower one first.
    let country = Pool {
        id: SeatPoolId(Uuid::from_u128(2)),
        kept_for: KeptFor::Country(Country::parse("UY").expect("a country")),
        taken: 0,
        ..one(false)
    };
    let seats = Seats { kept: 1, ..seats };
    let both = Ledger::new(seats, vec![country.clone(), one(false)]);
    assert_eq!(both.choices(who), [Seat::Of(one(false).id), Seat::Of(country.id)]);
    assert_eq!(both.seat_for(who), Some(Seat::Of(country.id)));
}

#[test]
fn an_edition_like_another_keeps_what_it_kept_last() {
    let country = |code: &str| KeptFor::Country(Country::parse(code).expect("a country"));
    let former = |kept_for: KeptFor, seats, released: Option<i64>| Former {
        kept_for,
        draft: PoolDraft {
            seats,
            releases_at: None,
            overflow: seats % 2 == 1,
        },
        released_at: released.map(|days| now() + TimeDelta::days(days)),
    };
    let past = vec![
        former(country("BR"), 3, Some(1)),
        former(country("BR"), 2, Some(5)),
        former(country("UY"), 4, Some(3)),
        former(country("UY"), 1, None),
        former(KeptFor::Group(ConstituentGroup::Workers), 9, Some(2)),
    ];
    let seats = |capacity| -> Vec<(KeptFor, i64)> {
        let pools = again(past.clone(), capacity).into_iter();
        pools.map(|(kept_for, draft)| (kept_for, draft.seats)).collect()
    };
    let workers = KeptFor::Group(ConstituentGroup::Workers);
    assert_eq!(
        seats(Some(20)),
        [(workers.clone(), 9), (country("BR"), 2), (country("UY"), 1)]
    );
    // What is kept goes first, then the latest; the last one has what is left.
    assert_eq!(seats(Some(5)), [(workers, 2), (country("BR"), 2), (country("UY"), 1)]);
    assert_eq!(seats(Some(1)), [(country("UY"), 1)]);
    // Without a limit nothing is kept.
    assert_eq!(seats(None), []);
}

#[test]
fn another_plan_is_for_those_who_wait_what_it_says() {
    use EnrolmentPolicy::{Approval, Open};
    for (before, now, expected) in [
        ((Some(5), Approval), (Some(5), Approval), NewRoom::None),
        ((Some(5), Approval), (Some(4), Approval), NewRoom::None),
        ((Some(5), Approval), (Some(7), Approval), NewRoom::Some(2)),
        ((Some(5), Open), (Some(5), Approval), NewRoom::None),
        ((Some(5), Approval), (Some(5), Open), NewRoom::Some(0)),
        ((Some(5), Approval), (Some(4), Open), NewRoom::Some(-1)),
        ((Some(5), Approval), (None, Approval), NewRoom::ForAll),
        ((None, Approval), (None, Approval), NewRoom::None),
        ((None, Approval), (None, Open), NewRoom::ForAll),
        ((None, Open), (None, Open), NewRoom::None),
        ((None, Approval), (Some(5), Approval), NewRoom::None),
        ((None, Approval), (Some(5), Open), NewRoom::Some(0)),
        ((None, Open), (Some(5), Open), NewRoom::Some(0)),
    ] {
        let found = NewRoom::of(EditionState::Enrolling, before, now);
        assert_eq!(found, expected, "{before:?} to {now:?}");
    }
    let lifted = |state| NewRoom::of(state, (Some(5), Open), (None, Open));
    assert_eq!(lifted(EditionState::EnrolmentClosed), NewRoom::ForAll);
    assert_eq!(lifted(EditionState::Running), NewRoom::None);
    assert_eq!(lifted(EditionState::Announced), NewRoom::None);
}
