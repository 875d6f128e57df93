//! Editions: one run of a course, the states it goes through, and its seats.

use chrono::{DateTime, NaiveDate, Utc};

use super::language::Language;
use super::seats::OFFER_LIMIT;
use super::shift::Shift;
use super::text::ShortCode;
use crate::error::{Code, Fault, Faults};

words! {
    /// Where an edition stands.
    EditionState {
        /// Being planned; nobody but its coordinators sees it.
        Draft = "draft",
        /// In the catalogue, not yet open.
        Announced = "announced",
        /// Takes applications.
        Enrolling = "enrolling",
        /// Takes no more applications.
        EnrolmentClosed = "enrolment_closed",
        /// Under way.
        Running = "running",
        /// Over, with grades still to be decided.
        Grading = "grading",
        /// Done.
        Closed = "closed",
        /// Done and put away.
        Archived = "archived",
        /// Will not take place.
        Cancelled = "cancelled",
    }
}

words! {
    /// How participants meet.
    Modality {
        /// Only online.
        Online = "online",
        /// Online and on site.
        Blended = "blended",
        /// Only on site.
        OnSite = "on_site",
    }
}

words! {
    /// What happens to an application.
    EnrolmentPolicy {
        /// It is confirmed at once while there are seats, and waits for one after that.
        Open = "open",
        /// A coordinator decides.
        Approval = "approval",
    }
}

/// Why an edition cannot take a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The state machine has no such arrow.
    NoSuchStep,
    /// The arrow needs a reason.
    ReasonMissing,
}

impl From<Refusal> for Code {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoSuchStep => Self::IllegalTransition,
            Refusal::ReasonMissing => Self::ReasonRequired,
        }
    }
}

impl Refusal {
    /// The fault as its sender reads it: a missing reason at `reason`, the state that has no such arrow at `to`.
    pub fn fault(self) -> Fault {
        let at = match self {
            Self::NoSuchStep => "to",
            Self::ReasonMissing => "reason",
        };
        Fault::at(at, self.into())
    }
}

impl EditionState {
    /// The states that one step leads to.
    pub const fn next(self) -> &'static [Self] {
        match self {
            Self::Draft => &[Self::Announced],
            Self::Announced => &[Self::Enrolling, Self::Cancelled],
            Self::Enrolling => &[Self::EnrolmentClosed, Self::Cancelled],
            Self::EnrolmentClosed => &[Self::Running, Self::Cancelled],
            Self::Running => &[Self::Grading, Self::Cancelled],
            Self::Grading => &[Self::Closed],
            Self::Closed => &[Self::Archived, Self::Grading],
            Self::Archived | Self::Cancelled => &[],
        }
    }

    /// Takes the step to `to`; cancelling and reopening need a reason.
    pub fn step(self, to: Self, has_reason: bool) -> Result<Self, Refusal> {
        if !self.next().contains(&to) {
            return Err(Refusal::NoSuchStep);
        }
        let needs_reason = to == Self::Cancelled || (self == Self::Closed && to == Self::Grading);
        if needs_reason && !has_reason {
            return Err(Refusal::ReasonMissing);
        }
        Ok(to)
    }

    /// Whether anybody may see the edition in the catalogue.
    pub const fn is_published(self) -> bool {
        !matches!(self, Self::Draft)
    }

    /// Whether people may be invited to take part: it is known, and enrolment is not over.
    pub const fn takes_invitations(self) -> bool {
        matches!(self, Self::Announced | Self::Enrolling)
    }

    /// Whether people come into it: applications are decided on, and a decision can be taken back.
    pub const fn takes_people(self) -> bool {
        matches!(self, Self::Enrolling | Self::EnrolmentClosed | Self::Running)
    }

    /// Whether people come into it, and it has yet to begin.
    pub const fn gathers_people(self) -> bool {
        matches!(self, Self::Enrolling | Self::EnrolmentClosed)
    }

    /// Whether seats that are free go to those who wait, with nobody to decide: then nobody waits beside one.
    pub fn fills_by_itself(self, policy: EnrolmentPolicy) -> bool {
        self.gathers_people() && policy == EnrolmentPolicy::Open
    }

    /// Whether it runs or ran, and people meet in it.
    pub const fn takes_place(self) -> bool {
        matches!(self, Self::Running | Self::Grading | Self::Closed | Self::Archived)
    }

    /// Whether nothing of it is planned any more.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Closed | Self::Archived | Self::Cancelled)
    }

    /// Refuses what is changed only as long as the edition is not over.
    ///
    /// # Errors
    /// [`Code::IllegalTransition`] once it is.
    pub fn expect_going_on(self) -> Result<(), Code> {
        if self.is_over() {
            return Err(Code::IllegalTransition);
        }
        Ok(())
    }

    /// The step that time takes at `now`, where it takes one: the window opens, it closes, the first day comes, the
    /// last day is over. The days are those of `zone`. Whether enough people take part to begin is not asked here.
    pub fn due(self, calendar: &Calendar, zone: chrono_tz::Tz, now: DateTime<Utc>) -> Option<Self> {
        let today = now.with_timezone(&zone).date_naive();
        let (to, is_due) = match self {
            Self::Announced => (Self::Enrolling, now >= calendar.enrols_from),
            Self::Enrolling => (Self::EnrolmentClosed, now > calendar.enrols_until),
            Self::EnrolmentClosed => (Self::Running, today >= calendar.starts_on),
            Self::Running => (Self::Grading, today > calendar.ends_on),
            Self::Draft | Self::Grading | Self::Closed | Self::Archived | Self::Cancelled => return None,
        };
        is_due.then_some(to)
    }

    /// Whether teams and their tutors may change.
    pub const fn takes_teams(self) -> bool {
        !matches!(self, Self::Cancelled)
    }

    /// Whether teams may write and hand in.
    pub const fn takes_work(self) -> bool {
        matches!(self, Self::Running | Self::Grading)
    }

    /// Whether work may be assessed and outcomes decided.
    pub const fn takes_assessment(self) -> bool {
        matches!(self, Self::Running | Self::Grading)
    }
}

/// The days and instants of an edition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calendar {
    /// First day, in the edition's zone.
    pub starts_on: NaiveDate,
    /// Last day, in the edition's zone.
    pub ends_on: NaiveDate,
    /// From when applications are taken.
    pub enrols_from: DateTime<Utc>,
    /// Until when applications are taken.
    pub enrols_until: DateTime<Utc>,
}

impl Calendar {
    /// All of it, moved; `None` beyond what a calendar can hold.
    pub fn moved(self, shift: Shift) -> Option<Self> {
        Some(Self {
            starts_on: shift.day(self.starts_on)?,
            ends_on: shift.day(self.ends_on)?,
            enrols_from: shift.instant(self.enrols_from)?,
            enrols_until: shift.instant(self.enrols_until)?,
        })
    }
}

/// What an edition is before it is stored.
#[derive(Debug, Clone)]
pub struct EditionDraft {
    /// A unique short code.
    pub code: ShortCode,
    /// The languages in which it is given; at least one.
    pub languages: Vec<Language>,
    /// The zone in which its days and deadlines are meant.
    pub time_zone: chrono_tz::Tz,
    /// Days and instants.
    pub calendar: Calendar,
    /// How many seats there are; `None` for as many as come.
    pub capacity: Option<i64>,
    /// How many participants it needs to take place.
    pub minimum: i64,
    /// How participants meet.
    pub modality: Modality,
    /// What happens to an application.
    pub policy: EnrolmentPolicy,
    /// The grade from which an enrolment is completed, in thousandths of a point out of 100.
    pub pass_mark: i64,
    /// Whether tutors release the grades of their teams themselves.
    pub tutors_release: bool,
    /// Whether a second person of the institution endorses a nomination before its nominee is written to.
    pub endorses_nominations: bool,
    /// For how many hours a seat is offered to whoever waits for it; `None` where they have it at once.
    pub offer_hours: Option<i64>,
}

/// The most seats an edition can have.
pub const CAPACITY_LIMIT: i64 = 1_000_000;

impl EditionDraft {
    /// Everything that is wrong with the numbers and dates.
    pub fn check(&self) -> Faults {
        let mut faults = Faults::default();
        self.check_languages(&mut faults);
        if self.calendar.ends_on < self.calendar.starts_on {
            faults.push(Fault::at("edition.endsOn", Code::DatesOutOfOrder).with(self.calendar.starts_on));
        }
        if self.calendar.enrols_until <= self.calendar.enrols_from {
            faults.push(
                Fault::at("edition.enrolsUntil", Code::DatesOutOfOrder).with(self.calendar.enrols_from.to_rfc3339()),
            );
        }
        let most = self.capacity.unwrap_or(CAPACITY_LIMIT);
        if !(1..=CAPACITY_LIMIT).contains(&most) {
            faults.push(Fault::at("edition.capacity", Code::OutOfRange).with(format!("1–{CAPACITY_LIMIT}")));
        } else if !(0..=most).contains(&self.minimum) {
            faults.push(Fault::at("edition.minimum", Code::OutOfRange).with(format!("0–{most}")));
        }
        if !(0..=100_000).contains(&self.pass_mark) {
            faults.push(Fault::at("edition.passMark", Code::OutOfRange).with("0–100"));
        }
        if self
            .offer_hours
            .is_some_and(|hours| !(1..=OFFER_LIMIT).contains(&hours))
        {
            faults.push(Fault::at("edition.offerHours", Code::OutOfRange).with(format!("1–{OFFER_LIMIT}")));
        }
        faults
    }

    fn check_languages(&self, faults: &mut Faults) {
        if self.languages.is_empty() {
            faults.push(Fault::at("edition.languages", Code::Required));
        }
        if self.languages.len() > Language::ALL.len() {
            faults.push(Fault::at("edition.languages", Code::TooLong).with(Language::ALL.len()));
            return;
        }
        for (place, language) in self.languages.iter().enumerate() {
            if self.languages[..place].contains(language) {
                faults.push(Fault::at(&format!("edition.languages.{place}"), Code::Repeated));
            }
        }
    }
}

/// The seats of an edition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seats {
    /// How many there are; `None` for as many as come.
    pub capacity: Option<i64>,
    /// How many are taken: confirmed and active enrolments.
    pub taken: i64,
    /// How many are held for whom they are offered to.
    pub held: i64,
    /// How many are kept for some, and are neither taken nor held.
    pub kept: i64,
}

impl Seats {
    /// How many are free for anybody; `None` when there is no limit.
    pub fn free(self) -> Option<i64> {
        let given = self.taken + self.held + self.kept;
        self.capacity.map(|capacity| (capacity - given).max(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_state() -> impl Strategy<Value = EditionState> {
        proptest::sample::select(EditionState::ALL)
    }

    #[test]
    fn the_arrows_are_those_of_the_specification() {
        use EditionState as S;
        let path = [
            S::Draft,
            S::Announced,
            S::Enrolling,
            S::EnrolmentClosed,
            S::Running,
            S::Grading,
            S::Closed,
            S::Archived,
        ];
        for pair in path.windows(2) {
            assert_eq!(pair[0].step(pair[1], false), Ok(pair[1]));
        }
        for state in [S::Announced, S::Enrolling, S::EnrolmentClosed, S::Running] {
            assert_eq!(state.step(S::Cancelled, false), Err(Refusal::ReasonMissing));
            assert_eq!(state.step(S::Cancelled, true), Ok(S::Cancelled));
        }
        assert_eq!(S::Closed.step(S::Grading, false), Err(Refusal::ReasonMissing));
        assert_eq!(S::Draft.step(S::Cancelled, true), Err(Refusal::NoSuchStep));
    }

    #[test]
    fn an_edition_fills_by_itself_until_it_begins_where_nobody_decides() {
        let fill = |policy| {
            let states = EditionState::ALL.iter().copied();
            let filled = states.filter(move |state| state.fills_by_itself(policy));
            filled.collect::<Vec<_>>()
        };
        let open = [EditionState::Enrolling, EditionState::EnrolmentClosed];
        assert_eq!(fill(EnrolmentPolicy::Open), open);
        assert!(fill(EnrolmentPolicy::Approval).is_empty());
    }

    fn calendar() -> Calendar {
        Calendar {
            starts_on: "2026-04-06".parse().expect("a day"),
            ends_on: "2026-07-31".parse().expect("a day"),
            enrols_from: "2026-03-01T03:00:00Z".parse().expect("an instant"),
            enrols_until: "2026-04-02T02:59:59Z".parse().expect("an instant"),
        }
    }

    #[test]
    fn time_moves_an_edition_to_the_second_in_its_zone() {
        use EditionState as S;
        let zone = chrono_tz::America::Montevideo;
        let cases = [
            (S::Announced, "2026-03-01T02:59:59Z", None),
            (S::Announced, "2026-03-01T03:00:00Z", Some(S::Enrolling)),
            (S::Enrolling, "2026-04-02T02:59:59Z", None),
            (S::Enrolling, "2026-04-02T03:00:00Z", Some(S::EnrolmentClosed)),
            (S::EnrolmentClosed, "2026-04-06T02:59:59Z", None),
            (S::EnrolmentClosed, "2026-04-06T03:00:00Z", Some(S::Running)),
            (S::Running, "2026-08-01T02:59:59Z", None),
            (S::Running, "2026-08-01T03:00:00Z", Some(S::Grading)),
        ];
        for (state, now, to) in cases {
            let now = now.parse().expect("an instant");
            assert_eq!(state.due(&calendar(), zone, now), to, "{state:?} at {now}");
        }
    }

    #[test]
    fn what_is_over_takes_no_change() {
        use EditionState as S;
        for &state in S::ALL {
            let over = matches!(state, S::Closed | S::Archived | S::Cancelled);
            let refused = state.expect_going_on().err();
            assert_eq!(refused, over.then_some(Code::IllegalTransition), "{state:?}");
        }
    }

    proptest! {
        /// Whenever it is asked, and however late: every step is an arrow that needs no reason, and asking again
        /// until nothing is due ends in the same state as asking at every instant.
        #[test]
        fn late_or_often_is_the_same(start in any_state(), hours in proptest::collection::vec(0_i64..5000, 1..20)) {
            let zone = chrono_tz::Pacific::Kiritimati;
            let begin: DateTime<Utc> = "2026-02-01T00:00:00Z".parse().expect("an instant");
            let run = |mut state: EditionState, now| {
                while let Some(to) = state.due(&calendar(), zone, now) {
                    assert_eq!(state.step(to, false), Ok(to));
                    state = to;
                }
                state
            };
            let mut hours = hours;
            hours.sort_unstable();
            let at = |hours: i64| begin + chrono::TimeDelta::hours(hours);
            let often = hours.iter().fold(start, |state, &hours| run(state, at(hours)));
            let late = run(start, at(*hours.last().expect("one")));
            prop_assert_eq!(often, late);
        }

        #[test]
        fn archived_and_cancelled_are_final(to in any_state(), reason: bool) {
            prop_assert_eq!(EditionState::Archived.step(to, reason), Err(Refusal::NoSuchStep));
            prop_assert_eq!(EditionState::Cancelled.step(to, reason), Err(Refusal::NoSuchStep));
        }

        #[test]
        fn nothing_returns_to_the_time_before_it_ran(path in proptest::collection::vec(any_state(), 0..30)) {
            let mut state = EditionState::Draft;
            let mut ran = false;
            for to in path {
                if let Ok(reached) = state.step(to, true) {
                    ran |= reached == EditionState::Running;
                    prop_assert!(!ran || reached >= EditionState::Running);
                    state = reached;
                }
            }
        }

        #[test]
        fn free_seats_are_never_negative(
            capacity in proptest::option::of(0_i64..50), taken in 0_i64..100, held in 0_i64..9, kept in 0_i64..9
        ) {
            let seats = Seats { capacity, taken, held, kept };
            let free = capacity.map(|capacity| (capacity - taken - held - kept).max(0));
            prop_assert_eq!(seats.free(), free);
        }
    }
}
