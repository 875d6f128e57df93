//! In which states an operation is taken, as `policy.states` has it.

use std::collections::HashMap;
use std::sync::LazyLock;

/// The file as it is shipped.
pub const STATES: &str = include_str!("../policy.states");

/// What has a state that decides about operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An edition.
    Edition,
    /// An enrolment.
    Enrolment,
    /// A submission.
    Submission,
    /// A nomination.
    Nomination,
    /// An institution.
    Institution,
}

impl Kind {
    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "edition" => Self::Edition,
            "enrolment" => Self::Enrolment,
            "submission" => Self::Submission,
            "nomination" => Self::Nomination,
            "institution" => Self::Institution,
            _ => return None,
        })
    }
}

/// One row: an operation, the kind of thing whose state decides, and the states that allow it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    /// The name of the mutation.
    pub operation: &'static str,
    /// Whose state decides; `None` for a word that is no kind.
    pub kind: Option<Kind>,
    /// The states.
    pub states: Vec<&'static str>,
}

/// The rows of the file.
pub fn gates() -> impl Iterator<Item = Gate> {
    let rows = STATES.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    rows.map(|line| {
        let mut words = line.split_whitespace();
        Gate {
            operation: words.next().unwrap_or_default(),
            kind: words.next().and_then(Kind::parse),
            states: words.collect(),
        }
    })
}

static GATES: LazyLock<HashMap<(&'static str, Kind), Vec<&'static str>>> = LazyLock::new(|| {
    gates()
        .filter_map(|gate| Some(((gate.operation, gate.kind?), gate.states)))
        .collect()
});

/// Whether an operation is taken while a thing of this kind is in this state.
pub fn takes(operation: &str, kind: Kind, state: &str) -> bool {
    let gates: &HashMap<(&str, Kind), Vec<&'static str>> = &GATES;
    gates
        .get(&(operation, kind))
        .is_none_or(|states| states.contains(&state))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::edition::{EditionState, EnrolmentPolicy};
    use crate::domain::enrolment::{Admission, EnrolmentState};
    use crate::domain::institution::InstitutionState;
    use crate::domain::invitation::InvitationState;
    use crate::domain::nomination::{Endorsement, NominationState};
    use crate::domain::submission::SubmissionState;
    use crate::domain::transfer::departure;

    /// Every row again, from the state machines.
    #[allow(clippy::too_many_lines, reason = "a list of rows")]
    fn machines() -> Vec<(&'static str, Kind, Vec<&'static str>)> {
        use EnrolmentState as E;
        let edition = |rule: fn(EditionState) -> bool| {
            let states = EditionState::ALL.iter().filter(|state| rule(**state));
            states.map(|state| state.word()).collect::<Vec<_>>()
        };
        let enrolment = |rule: fn(E) -> bool| {
            let states = E::ALL.iter().filter(|state| rule(**state));
            states.map(|state| state.word()).collect::<Vec<_>>()
        };
        let submission = |rule: fn(SubmissionState) -> bool| {
            let states = SubmissionState::ALL.iter().filter(|state| rule(**state));
            states.map(|state| state.word()).collect::<Vec<_>>()
        };
        let nomination = |rule: fn(NominationState) -> bool| {
            let states = NominationState::ALL.iter().filter(|state| rule(**state));
            states.map(|state| state.word()).collect::<Vec<_>>()
        };
        let institution = |rule: fn(InstitutionState) -> bool| {
            let states = InstitutionState::ALL.iter().filter(|state| rule(**state));
            states.map(|state| state.word()).collect::<Vec<_>>()
        };
        let admits = |state| {
            let policy = EnrolmentPolicy::Open;
            Admission {
                state,
                policy,
                room: true,
                window_open: true,
            }
            .admit()
            .is_ok()
        };
        let decided = |state: E| {
            let to = [
                E::UnderReview,
                E::Confirmed,
                E::Waitlisted,
                E::Rejected,
                E::Cancelled,
                E::Excluded,
            ];
            to.into_iter().any(|to| state.step(to, true).is_ok())
        };
        let reviewable = |state: SubmissionState| {
            state == SubmissionState::Submitted || state.step(SubmissionState::RevisionRequested).is_ok()
        };
        let mut rows = vec![
            ("applyToEdition", Kind::Edition, edition(admits)),
            ("importEnrolments", Kind::Edition, edition(admits)),
            ("moveEdition", Kind::Edition, edition(|state| !state.next().is_empty())),
            (
                "withdrawEnrolment",
                Kind::Enrolment,
                enrolment(|state| state.leave().is_ok()),
            ),
            ("scoreApplication", Kind::Enrolment, enrolment(E::takes_scores)),
            ("undoDecision", Kind::Enrolment, enrolment(E::is_decided)),
            ("undoDecision", Kind::Edition, edition(EditionState::takes_people)),
            (
                "transferEnrolment",
                Kind::Enrolment,
                enrolment(|state| departure(state).is_ok()),
            ),
            ("correctSnapshot", Kind::Enrolment, enrolment(E::is_frozen)),
            (
                "decideCompletion",
                Kind::Enrolment,
                enrolment(|state| state.step(E::NotCompleted, false).is_ok()),
            ),
            (
                "decideCompletionLate",
                Kind::Enrolment,
                enrolment(|state| state.step(E::Completed, true).is_ok() && state.step(E::Completed, false).is_err()),
            ),
            (
                "startReview",
                Kind::Submission,
                submission(|state| state.step(SubmissionState::InReview).is_ok() && !state.shows_grade()),
            ),
            ("requestRevision", Kind::Submission, submission(reviewable)),
            (
                "gradeSubmission",
                Kind::Submission,
                submission(|state| {
                    state == SubmissionState::Submitted
                        || state == SubmissionState::Assessed
                        || state.step(SubmissionState::Assessed).is_ok()
                }),
            ),
            (
                "finalizeGrades",
                Kind::Submission,
                submission(|state| state.step(SubmissionState::Final).is_ok()),
            ),
            (
                "reopenReview",
                Kind::Submission,
                submission(|state| state.shows_grade() && state.step(SubmissionState::InReview).is_ok()),
            ),
            (
                "overrideGrade",
                Kind::Submission,
                submission(|state| state.shows_grade() && state.step(SubmissionState::Final).is_ok()),
            ),
            (
                "releaseGrades",
                Kind::Submission,
                submission(|state| state.step(SubmissionState::Released).is_ok()),
            ),
            (
                "substituteNomination",
                Kind::Nomination,
                nomination(|state| state.of_invitation().next().contains(&InvitationState::Replaced)),
            ),
            (
                "endorseNomination",
                Kind::Nomination,
                nomination(|state| state == NominationState::of(InvitationState::Sent, Endorsement::Awaited)),
            ),
            (
                "withdrawNomination",
                Kind::Nomination,
                nomination(|state| state.of_invitation().next().contains(&InvitationState::Withdrawn)),
            ),
            (
                "rankNomination",
                Kind::Nomination,
                nomination(NominationState::is_ranked),
            ),
            (
                "acceptInstitution",
                Kind::Institution,
                institution(|state| state.accept().is_ok()),
            ),
            (
                "refuseInstitution",
                Kind::Institution,
                institution(|state| state.refuse().is_ok()),
            ),
            (
                "mergeInstitution",
                Kind::Institution,
                institution(|state| state.merge(InstitutionState::Registered).is_ok()),
            ),
        ];
        for operation in [
            "inviteToEdition",
            "nominate",
            "importNominations",
            "substituteNomination",
            "endorseNomination",
        ] {
            rows.push((operation, Kind::Edition, edition(EditionState::takes_invitations)));
        }
        for operation in [
            "updateEdition",
            "publishApplicationForm",
            "createDeliverable",
            "updateDeliverable",
            "setAdmissionCriteria",
            "createSeatPool",
            "changeSeatPool",
            "removeSeatPool",
            "withdrawEnrolment",
            "decideEnrolment",
            "decideEnrolments",
            "transferEnrolment",
            "scoreApplication",
        ] {
            rows.push((operation, Kind::Edition, edition(|state| !state.is_over())));
        }
        for operation in ["createTeam", "updateTeam", "allocateTutor"] {
            rows.push((operation, Kind::Edition, edition(EditionState::takes_teams)));
        }
        for operation in ["acceptOffer", "declineOffer", "rankWaiting"] {
            rows.push((operation, Kind::Enrolment, enrolment(E::waits)));
        }
        for operation in ["decideEnrolment", "decideEnrolments"] {
            rows.push((operation, Kind::Enrolment, enrolment(decided)));
        }
        for operation in ["saveDraft", "submitWork"] {
            rows.push((operation, Kind::Edition, edition(EditionState::takes_work)));
            rows.push((operation, Kind::Submission, submission(SubmissionState::takes_draft)));
        }
        let assessing = ["startReview", "requestRevision", "gradeSubmission", "releaseGrades"];
        let deciding = [
            "overrideGrade",
            "reopenReview",
            "decideCompletion",
            "decideCompletionLate",
        ];
        for operation in assessing.into_iter().chain(deciding) {
            rows.push((operation, Kind::Edition, edition(EditionState::takes_assessment)));
        }
        rows
    }

    #[test]
    fn the_rows_are_those_of_the_state_machines() {
        let sorted = |mut states: Vec<&'static str>| {
            states.sort_unstable();
            states
        };
        let mut file: Vec<_> = gates()
            .map(|gate| (gate.operation, gate.kind.expect("a kind of thing"), sorted(gate.states)))
            .collect();
        let mut domain: Vec<_> = machines()
            .into_iter()
            .map(|(name, kind, states)| (name, kind, sorted(states)))
            .collect();
        let key = |row: &(&'static str, Kind, Vec<&'static str>)| (row.0, format!("{:?}", row.1));
        file.sort_by_key(key);
        domain.sort_by_key(key);
        assert_eq!(file, domain);
    }

    #[test]
    fn what_has_no_row_does_not_matter() {
        assert!(takes("finalizeGrades", Kind::Edition, "closed"));
        assert!(takes("submitWork", Kind::Submission, "draft"));
        assert!(!takes("submitWork", Kind::Submission, "released"));
    }
}
