//! Seats: one ledger of what an edition gives out, which seats are kept for whom, and who has one next.
//!
//! Seats that no pool keeps are general. A person to whom a pool applies may take one of its seats, and a general one
//! where a pool that applies to them says so; anybody else takes a general one. Once a pool is released it is no part
//! of the ledger: its seats, the taken ones too, are general.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::edition::{EditionState, EnrolmentPolicy, Seats};
use super::id::{InstitutionId, SeatPoolId};
use super::person::ConstituentGroup;
use super::text::Country;
use crate::error::{Code, Fault, Faults};

/// The most seats that a pool can keep.
pub const POOL_LIMIT: i64 = 1_000_000;
/// The most pools that an edition can have at a time.
pub const POOLS_LIMIT: usize = 200;
/// The longest time for which a seat is offered, in hours.
pub const OFFER_LIMIT: i64 = 720;
/// The greatest rank that a coordinator can give to somebody who waits.
pub const RANK_LIMIT: i64 = 1_000_000;

/// Refuses a rank that is not 1 to `most`.
///
/// # Errors
/// [`Code::OutOfRange`].
pub fn check_rank(rank: i64, most: i64) -> Result<(), Fault> {
    let fault = || Fault::at("rank", Code::OutOfRange).with(format!("1–{most}"));
    (1..=most).contains(&rank).then_some(()).ok_or_else(fault)
}

/// For whom a pool keeps its seats.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeptFor {
    /// The people of an institution.
    Institution(InstitutionId),
    /// The people of a constituent group.
    Group(ConstituentGroup),
    /// The people of a country.
    Country(Country),
}

/// What decides to which pools somebody belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin<'a> {
    /// Their institution.
    pub institution: Option<InstitutionId>,
    /// Two letters; empty when not stated.
    pub country: &'a str,
    /// Their constituent group.
    pub group: ConstituentGroup,
}

impl KeptFor {
    /// Whether the pool is kept for somebody.
    pub fn applies(&self, who: Origin<'_>) -> bool {
        match self {
            Self::Institution(id) => who.institution == Some(*id),
            Self::Group(group) => who.group == *group,
            Self::Country(country) => who.country == country.as_ref(),
        }
    }
}

/// Seats that are kept for some, until they are released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// Which.
    pub id: SeatPoolId,
    /// For whom.
    pub kept_for: KeptFor,
    /// How many.
    pub seats: i64,
    /// How many of them are taken.
    pub taken: i64,
    /// How many of them are held for whom they are offered to.
    pub held: i64,
    /// Whether people of the pool may take general seats, too, when none of theirs is free.
    pub overflow: bool,
}

impl Pool {
    /// How many are neither taken nor held.
    pub fn free(&self) -> i64 {
        self.seats - self.taken - self.held
    }
}

/// A kind of seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Seat {
    /// For anybody.
    General,
    /// Kept by a pool.
    Of(SeatPoolId),
}

impl Seat {
    /// The pool that keeps it.
    pub const fn pool(self) -> Option<SeatPoolId> {
        match self {
            Self::General => None,
            Self::Of(pool) => Some(pool),
        }
    }
}

impl From<Option<SeatPoolId>> for Seat {
    fn from(pool: Option<SeatPoolId>) -> Self {
        pool.map_or(Self::General, Self::Of)
    }
}

/// How a seat is given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// To whom takes part.
    Taken,
    /// To whom it is offered.
    Held,
}

/// How many more seats of a kind are given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Change {
    /// Taken.
    pub taken: i64,
    /// Held.
    pub held: i64,
}

impl Change {
    /// One seat more, or one less, in this use.
    pub fn add(&mut self, of: Use, seats: i64) {
        match of {
            Use::Taken => self.taken += seats,
            Use::Held => self.held += seats,
        }
    }

    /// How many more are out of reach for others.
    pub const fn net(self) -> i64 {
        self.taken + self.held
    }
}

/// The seats of an edition and the pools that are not released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    seats: Seats,
    pools: Vec<Pool>,
}

impl Ledger {
    /// The ledger of an edition with these seats and pools.
    pub fn new(seats: Seats, mut pools: Vec<Pool>) -> Self {
        pools.sort_by(|one, other| (&one.kept_for, one.id).cmp(&(&other.kept_for, other.id)));
        Self { seats, pools }
    }

    /// The seats of the edition as they now are.
    pub const fn seats(&self) -> Seats {
        self.seats
    }

    /// The pools, in the order in which their seats are tried: of institutions, of groups, of countries.
    pub fn pools(&self) -> &[Pool] {
        &self.pools
    }

    /// A seat as it counts: one of a pool that is no part of the ledger, because it is released, is general.
    pub fn effective(&self, seat: Seat) -> Seat {
        let kept = self.pools.iter().any(|pool| Some(pool.id) == seat.pool());
        if kept { seat } else { Seat::General }
    }

    /// How many seats of a kind are free; `None` when there is no limit.
    pub fn free(&self, seat: Seat) -> Option<i64> {
        let pool = self.pools.iter().find(|pool| Some(pool.id) == seat.pool());
        pool.map_or_else(|| self.seats.free(), |pool| Some(pool.free()))
    }

    /// The kinds of seats that somebody may take, in the order in which they are tried.
    pub fn choices(&self, who: Origin<'_>) -> Vec<Seat> {
        let own = || self.pools.iter().filter(|pool| pool.kept_for.applies(who));
        let mut choices: Vec<Seat> = own().map(|pool| Seat::Of(pool.id)).collect();
        if choices.is_empty() || own().any(|pool| pool.overflow) {
            choices.push(Seat::General);
        }
        choices
    }

    /// The free seat that somebody has if it is their turn.
    pub fn seat_for(&self, who: Origin<'_>) -> Option<Seat> {
        let free = |seat: &Seat| self.free(*seat).is_none_or(|free| free > 0);
        self.choices(who).into_iter().find(free)
    }

    /// Gives seats out, or takes them back.
    pub fn count(&mut self, seat: Seat, change: Change) {
        self.seats.taken += change.taken;
        self.seats.held += change.held;
        if let Some(pool) = self.pools.iter_mut().find(|pool| Some(pool.id) == seat.pool()) {
            pool.taken += change.taken;
            pool.held += change.held;
            self.seats.kept -= change.net();
        }
    }

    /// The kinds of which seats are free, and how many there are together; `None` when there is none, or no limit.
    pub fn open(&self) -> Option<(Vec<Seat>, i64)> {
        let kinds = self.pools.iter().map(|pool| Seat::Of(pool.id)).chain([Seat::General]);
        let open: Vec<(Seat, i64)> = kinds
            .filter_map(|seat| Some((seat, self.free(seat)?)))
            .filter(|(_, free)| *free > 0)
            .collect();
        let all = open.iter().map(|(_, free)| free).sum();
        (!open.is_empty()).then(|| (open.into_iter().map(|(seat, _)| seat).collect(), all))
    }

    /// Seats for people in their order, as long as there is one for them.
    pub fn assign<'a>(&mut self, people: impl IntoIterator<Item = Origin<'a>>) -> Vec<Option<Seat>> {
        let mut one = |who: Origin<'a>| {
            let seat = self.seat_for(who)?;
            let change = Change { taken: 1, held: 0 };
            self.count(seat, change);
            Some(seat)
        };
        people.into_iter().map(&mut one).collect()
    }

    /// The ledger in which no more seats are free than were freed or added: where a coordinator decides who enters, or
    /// the edition runs, only those pass on.
    #[must_use]
    pub fn limited_to(&self, freed: &BTreeMap<Seat, i64>) -> Self {
        let given_back = |seat| freed.get(&seat).copied().unwrap_or(0).max(0);
        let mut limited = self.clone();
        let Some(general) = self.free(Seat::General) else {
            return limited;
        };
        for pool in &mut limited.pools {
            pool.seats = pool.taken + pool.held + pool.free().min(given_back(Seat::Of(pool.id)));
        }
        limited.seats.kept = limited.pools.iter().map(Pool::free).sum();
        let general = general.min(given_back(Seat::General));
        let Seats { taken, held, kept, .. } = limited.seats;
        limited.seats.capacity = Some(taken + held + kept + general);
        limited
    }

    /// How many seats a pool can keep: what it has given out, what it keeps, and what is free for anybody.
    pub fn most_for(&self, pool: Option<SeatPoolId>) -> i64 {
        let general = self.free(Seat::General).unwrap_or(0);
        let own = self.pools.iter().find(|found| Some(found.id) == pool);
        own.map_or(0, |pool| pool.seats) + general
    }
}

/// People who come in one after the other: each has the seat that is free for them, unless somebody who waits may take
/// it, too. Who has none joins those who wait.
#[derive(Debug, Clone)]
pub struct Arrivals {
    ledger: Ledger,
    /// The kinds of seats that somebody who waits may take.
    wanted: BTreeSet<Seat>,
}

impl Arrivals {
    /// The seats that there are, and those who wait for one.
    pub fn new<'a>(ledger: Ledger, waiting: impl IntoIterator<Item = Origin<'a>>) -> Self {
        let mut arrivals = Self {
            ledger,
            wanted: BTreeSet::new(),
        };
        for who in waiting {
            arrivals.wait(who);
        }
        arrivals
    }

    /// The seat that somebody has who comes now.
    pub fn seat_for(&self, who: Origin<'_>) -> Option<Seat> {
        let free = self.ledger.seat_for(who)?;
        // Without a capacity no seat is ever given back that could pass on: nobody joins those who wait.
        let limited = self.ledger.seats().capacity.is_some();
        (!limited || !self.wanted.contains(&free)).then_some(free)
    }

    /// The seat that somebody has whom a coordinator takes in now, whoever else waits.
    pub fn free_for(&self, who: Origin<'_>) -> Option<Seat> {
        self.ledger.seat_for(who)
    }

    /// Somebody has taken a seat.
    pub fn take(&mut self, seat: Seat) {
        self.ledger.count(seat, Change { taken: 1, held: 0 });
    }

    /// Somebody waits.
    pub fn wait(&mut self, who: Origin<'_>) {
        self.wanted.extend(self.ledger.choices(who));
    }
}

/// What a pool is planned to be, apart from whom it is kept for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolDraft {
    /// How many seats.
    pub seats: i64,
    /// From when what is left of them is for everybody; `None` for never.
    pub releases_at: Option<chrono::DateTime<chrono::Utc>>,
    /// Whether its people may take general seats, too.
    pub overflow: bool,
}

impl PoolDraft {
    /// Everything that is wrong with it, in an edition with this ledger; `of` is the pool that is changed.
    pub fn check(&self, ledger: &Ledger, of: Option<&Pool>, now: chrono::DateTime<chrono::Utc>) -> Faults {
        let mut faults = Faults::default();
        let least = of.map_or(1, |pool| (pool.taken + pool.held).max(1));
        let most = ledger.most_for(of.map(|pool| pool.id)).min(POOL_LIMIT);
        if !(least..=most).contains(&self.seats) {
            let range = if least <= most {
                format!("{least}–{most}")
            } else {
                // Nothing is free that could be kept.
                "0".to_owned()
            };
            faults.push(Fault::at("seats", Code::OutOfRange).with(range));
        }
        if self.releases_at.is_some_and(|at| at <= now) {
            faults.push(Fault::at("releasesAt", Code::DatesOutOfOrder).with(now.to_rfc3339()));
        }
        faults
    }
}

/// A pool of an earlier edition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Former {
    /// For whom it was kept.
    pub kept_for: KeptFor,
    /// What it was planned to be.
    pub draft: PoolDraft,
    /// Since when it was for everybody; `None` while it is kept.
    pub released_at: Option<chrono::DateTime<chrono::Utc>>,
}

/// The pools with which an edition begins that is planned like an earlier one: those that it keeps, and those that it
/// released, the latest first. For each institution, group or country one, and together no more seats than there are.
pub fn again(mut former: Vec<Former>, capacity: Option<i64>) -> Vec<(KeptFor, PoolDraft)> {
    former.sort_by_key(|pool| (pool.released_at.is_some(), Reverse(pool.released_at)));
    let mut left = capacity.unwrap_or(0);
    let mut pools: BTreeMap<KeptFor, PoolDraft> = BTreeMap::new();
    for Former { kept_for, draft, .. } in former {
        let seats = draft.seats.min(left);
        if seats > 0 && pools.len() < POOLS_LIMIT && !pools.contains_key(&kept_for) {
            left -= seats;
            pools.insert(kept_for, PoolDraft { seats, ..draft });
        }
    }
    pools.into_iter().collect()
}

/// What another plan of an edition means for those who wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewRoom {
    /// Nothing: whom a coordinator lets wait beside free seats goes on waiting.
    None,
    /// There may be free seats for them: so many were added, or, where nobody decides any more who enters, none or a
    /// negative number.
    Some(i64),
    /// There is no limit any more, or none and nobody decides any more who enters.
    ForAll,
}

impl NewRoom {
    /// What it means that capacity and policy were these, and are those now. Nobody comes into a course that has begun
    /// because it has more room.
    pub fn of(
        state: EditionState,
        before: (Option<i64>, EnrolmentPolicy),
        now: (Option<i64>, EnrolmentPolicy),
    ) -> Self {
        let begins = state.gathers_people();
        let is_open = now.1 == EnrolmentPolicy::Open;
        let opened = is_open && before.1 != now.1;
        match (before.0, now.0) {
            (before, None) if begins && (before.is_some() || opened) => Self::ForAll,
            (Some(before), Some(now)) if before < now || opened => Self::Some(now - before),
            // Somebody may wait whom a coordinator put there while there was no limit.
            (None, Some(_)) if is_open => Self::Some(0),
            _ => Self::None,
        }
    }
}

#[cfg(test)]
mod tests;
