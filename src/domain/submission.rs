//! Submissions: drafting, handing in, review, grade; and what comes of an enrolment in the end.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::edition::EditionState;
use super::text::{Body, Title};
use crate::error::Code;

words! {
    /// Where a submission stands.
    SubmissionState {
        /// Being written.
        Draft = "draft",
        /// Handed in, waits for a review.
        Submitted = "submitted",
        /// A tutor reads it.
        InReview = "in_review",
        /// Came back with comments; a new version is wanted.
        RevisionRequested = "revision_requested",
        /// Graded; the grade is not yet released.
        Assessed = "assessed",
        /// The grade is released.
        Released = "released",
        /// The grade stands.
        Final = "final",
        /// Nothing was handed in before the cut-off.
        NotSubmitted = "not_submitted",
    }
}

/// Why a submission cannot take a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The state machine has no such arrow.
    NoSuchStep,
    /// The edition is not running.
    EditionNotRunning,
    /// The cut-off has passed.
    TooLate,
    /// There is no title or no text.
    Empty,
}

impl From<Refusal> for Code {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoSuchStep | Refusal::EditionNotRunning => Self::IllegalTransition,
            Refusal::TooLate => Self::DeadlinePassed,
            Refusal::Empty => Self::EmptySubmission,
        }
    }
}

impl SubmissionState {
    /// The states that one step leads to.
    pub const fn next(self) -> &'static [Self] {
        match self {
            Self::Draft => &[Self::Submitted, Self::NotSubmitted],
            Self::Submitted => &[Self::InReview],
            Self::InReview => &[Self::RevisionRequested, Self::Assessed],
            Self::RevisionRequested => &[Self::Submitted],
            Self::Assessed => &[Self::Released],
            Self::Released => &[Self::Final, Self::InReview],
            Self::Final | Self::NotSubmitted => &[],
        }
    }

    /// Takes the step to `to`.
    pub fn step(self, to: Self) -> Result<Self, Refusal> {
        if self.next().contains(&to) {
            Ok(to)
        } else {
            Err(Refusal::NoSuchStep)
        }
    }

    /// Whether the authors may change the draft.
    pub const fn takes_draft(self) -> bool {
        matches!(self, Self::Draft | Self::RevisionRequested)
    }

    /// Whether it was handed in at least once.
    pub const fn was_submitted(self) -> bool {
        !matches!(self, Self::Draft | Self::NotSubmitted)
    }

    /// Whether it waits for a review, begun or not.
    pub const fn is_unreviewed(self) -> bool {
        matches!(self, Self::Submitted | Self::InReview)
    }

    /// Whether participants may see the grade.
    pub const fn shows_grade(self) -> bool {
        matches!(self, Self::Released | Self::Final)
    }

    /// What a participant is told instead, so that nothing unreleased shows.
    #[must_use]
    pub const fn as_participants_see_it(self) -> Self {
        match self {
            Self::Assessed => Self::InReview,
            other => other,
        }
    }
}

/// The facts that decide whether something may be handed in or changed.
#[derive(Debug, Clone, Copy)]
pub struct HandIn {
    /// Where the submission stands.
    pub state: SubmissionState,
    /// Where its edition stands.
    pub edition: EditionState,
    /// Until when it is taken.
    pub cut_off_at: DateTime<Utc>,
    /// The present instant.
    pub now: DateTime<Utc>,
}

impl HandIn {
    /// Whether the draft may be changed.
    pub fn may_write(self) -> Result<(), Refusal> {
        if !self.edition.takes_work() {
            return Err(Refusal::EditionNotRunning);
        }
        if !self.state.takes_draft() {
            return Err(Refusal::NoSuchStep);
        }
        self.in_time()
    }

    /// The state after handing in. A requested revision is taken after the cut-off too: the team did
    /// hand in in time.
    pub fn submit(self, title: Option<&Title>, body: &Body) -> Result<SubmissionState, Refusal> {
        if !self.edition.takes_work() {
            return Err(Refusal::EditionNotRunning);
        }
        let to = self.state.step(SubmissionState::Submitted)?;
        self.in_time()?;
        if title.is_none() || body.is_empty() {
            return Err(Refusal::Empty);
        }
        Ok(to)
    }

    fn in_time(self) -> Result<(), Refusal> {
        if self.state == SubmissionState::Draft && self.now > self.cut_off_at {
            return Err(Refusal::TooLate);
        }
        Ok(())
    }
}

words! {
    /// What a tutor decides about a version.
    Decision {
        /// Another version is wanted.
        Revision = "revision",
        /// It gets a grade.
        Grade = "grade",
    }
}

/// One deliverable's share in the outcome of an enrolment.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub struct Evidence {
    /// The deliverable's title.
    pub deliverable: String,
    /// Its weight.
    pub weight: i64,
    /// The released grade, in thousandths; `None` when there is none.
    pub grade: Option<i64>,
}

/// The outcome of an enrolment with its reasons.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub struct Outcome {
    /// Whether the completion rule is fulfilled.
    pub completed: bool,
    /// The weighted grade, in thousandths, work without a released grade counting as zero.
    pub grade: i64,
    /// The edition's pass mark, in thousandths.
    pub pass_mark: i64,
    /// What it was computed from.
    pub evidence: Vec<Evidence>,
}

impl Outcome {
    /// Applies the completion rule: every deliverable has a released grade, and the weighted grade
    /// reaches the pass mark. An edition without deliverables completes everybody with grade 0 and
    /// pass mark 0 only.
    pub fn decide(pass_mark: i64, evidence: Vec<Evidence>) -> Self {
        let weights: i64 = evidence.iter().map(|part| part.weight).sum();
        let points: i64 = evidence
            .iter()
            .map(|part| part.weight * part.grade.unwrap_or_default())
            .sum();
        let grade = if weights == 0 {
            0
        } else {
            (points * 2 + weights) / (weights * 2)
        };
        let all_graded = evidence.iter().all(|part| part.grade.is_some());
        Self {
            completed: all_graded && grade >= pass_mark,
            grade,
            pass_mark,
            evidence,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use proptest::prelude::*;

    fn hand_in(state: SubmissionState, seconds_after_cut_off: i64) -> HandIn {
        let cut_off_at = DateTime::UNIX_EPOCH;
        HandIn {
            state,
            edition: EditionState::Running,
            cut_off_at,
            now: cut_off_at + TimeDelta::seconds(seconds_after_cut_off),
        }
    }

    #[test]
    fn the_last_second_counts_and_the_next_does_not() {
        let title = Title::parse("A roadmap").expect("a title");
        let body = Body::parse("What we will do").expect("a body");
        let submit = |state, after| hand_in(state, after).submit(Some(&title), &body);
        assert_eq!(submit(SubmissionState::Draft, 0), Ok(SubmissionState::Submitted));
        assert_eq!(submit(SubmissionState::Draft, 1), Err(Refusal::TooLate));
        assert_eq!(
            submit(SubmissionState::RevisionRequested, 1),
            Ok(SubmissionState::Submitted)
        );
        assert_eq!(submit(SubmissionState::Submitted, -1), Err(Refusal::NoSuchStep));
        assert_eq!(
            hand_in(SubmissionState::Draft, -1).submit(None, &body),
            Err(Refusal::Empty)
        );
        let closed = HandIn {
            edition: EditionState::Closed,
            ..hand_in(SubmissionState::Draft, -1)
        };
        assert_eq!(closed.submit(Some(&title), &body), Err(Refusal::EditionNotRunning));
    }

    #[test]
    fn what_is_handed_in_waits_for_a_review_until_it_has_one() {
        let waiting = SubmissionState::ALL
            .iter()
            .copied()
            .filter(|state| state.is_unreviewed());
        let expected = [SubmissionState::Submitted, SubmissionState::InReview];
        assert_eq!(waiting.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn completion_needs_every_grade_and_the_pass_mark() {
        let part = |weight, grade| Evidence {
            deliverable: "A".into(),
            weight,
            grade,
        };
        let outcome = Outcome::decide(60_000, vec![part(2, Some(90_000)), part(1, Some(30_000))]);
        assert_eq!((outcome.completed, outcome.grade), (true, 70_000));
        assert!(!Outcome::decide(60_000, vec![part(2, Some(90_000)), part(1, None)]).completed);
        assert!(!Outcome::decide(60_000, vec![part(1, Some(59_999))]).completed);
        assert!(!Outcome::decide(60_000, vec![]).completed);
    }

    proptest! {
        #[test]
        fn work_is_never_lost_to_not_submitted(path in proptest::collection::vec(proptest::sample::select(SubmissionState::ALL), 0..30)) {
            let mut state = SubmissionState::Draft;
            for to in path {
                if let Ok(reached) = state.step(to) {
                    prop_assert!(!state.was_submitted() || reached.was_submitted());
                    state = reached;
                }
            }
        }

        #[test]
        fn an_unreleased_grade_looks_like_a_review(state in proptest::sample::select(SubmissionState::ALL)) {
            let seen = state.as_participants_see_it();
            prop_assert_ne!(seen, SubmissionState::Assessed);
            prop_assert_eq!(seen.shows_grade(), state.shows_grade());
        }
    }
}
