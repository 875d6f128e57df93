//! Which mutations are run, what they are done to, and in which states.

use rumbo::domain::edition::EditionState;
use rumbo::domain::enrolment::EnrolmentState;
use rumbo::domain::institution::InstitutionState;
use rumbo::domain::nomination::NominationState;
use rumbo::domain::policy::Action;
use rumbo::domain::policy::states::{self, Kind};
use rumbo::domain::submission::SubmissionState;

/// What an operation is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    /// Nothing in particular, or what everybody sees: a course, an institution, the register.
    Open,
    Course,
    Edition,
    Enrolment,
    Team,
    Deliverable,
    Submission,
    /// What shows only to those who may end it.
    Appointment,
    /// A nomination of Ana's institution for her edition.
    Nomination,
}

/// A row of the run: the mutation, what it is done to, and which of its actions is asked in this scene.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case {
    pub(super) mutation: &'static str,
    pub(super) subject: Subject,
    pub(super) actions: &'static [Action],
    /// Whether nobody does it to their own work.
    pub(super) not_own: bool,
    /// Whether the edition lets its tutors release.
    pub(super) tutors_release: bool,
}

pub(super) const fn case(mutation: &'static str, subject: Subject, actions: &'static [Action]) -> Case {
    Case {
        mutation,
        subject,
        actions,
        not_own: false,
        tutors_release: false,
    }
}

pub(super) const fn judging(mutation: &'static str, actions: &'static [Action]) -> Case {
    Case {
        not_own: true,
        ..case(mutation, Subject::Submission, actions)
    }
}

pub(super) const REVIEWING: &[Case] = &[
    judging("startReview", &[Action::Assess]),
    judging("requestRevision", &[Action::Assess]),
    judging("gradeSubmission", &[Action::Assess]),
];

pub(super) const GRADING: &[Case] = &[
    judging("releaseGrades", &[Action::ReleaseGrade]),
    Case {
        tutors_release: true,
        ..judging("releaseGrades", &[Action::ReleaseGrade, Action::ReleaseAsTutor])
    },
    judging("overrideGrade", &[Action::ReleaseGrade]),
    judging("reopenReview", &[Action::ReleaseGrade]),
    judging("finalizeGrades", &[Action::ReleaseGrade]),
];

pub(super) const WRITING: &[Case] = &[
    case("saveDraft", Subject::Deliverable, &[Action::WriteSubmission]),
    case("submitWork", Subject::Submission, &[Action::WriteSubmission]),
];

pub(super) const ENROLLING: &[Case] = &[
    case("withdrawEnrolment", Subject::Enrolment, &[Action::Withdraw]),
    case("stateConsent", Subject::Enrolment, &[Action::StateConsent]),
    case("decideEnrolment", Subject::Enrolment, &[Action::DecideEnrolment]),
    case("decideEnrolments", Subject::Edition, &[Action::DecideEnrolment]),
    case("undoDecision", Subject::Enrolment, &[Action::DecideEnrolment]),
    case("transferEnrolment", Subject::Enrolment, &[Action::DecideEnrolment]),
    case("setAdmissionCriteria", Subject::Edition, &[Action::PlanEdition]),
    case("scoreApplication", Subject::Enrolment, &[Action::ScoreApplication]),
    case("exportEnrolments", Subject::Edition, &[Action::ExportEnrolments]),
    case("importEnrolments", Subject::Edition, &[Action::ImportEnrolments]),
    case("importNominations", Subject::Edition, &[Action::Nominate]),
    case("importPeople", Subject::Open, &[Action::ImportRecords]),
    case(
        "cancelTableImport",
        Subject::Appointment,
        &[Action::ImportRecords, Action::ImportEnrolments, Action::Nominate],
    ),
    case("acceptOffer", Subject::Enrolment, &[Action::AnswerOffer]),
    case("declineOffer", Subject::Enrolment, &[Action::AnswerOffer]),
    case("rankWaiting", Subject::Enrolment, &[Action::ManageSeats]),
    case("correctSnapshot", Subject::Enrolment, &[Action::CorrectSnapshot]),
    case("decideCompletion", Subject::Enrolment, &[Action::DecideCompletion]),
    case("decideCompletionLate", Subject::Enrolment, &[Action::DecideCompletion]),
];

pub(super) const PLANNING: &[Case] = &[
    case("createCourse", Subject::Open, &[Action::PlanCourse]),
    case("updateCourse", Subject::Open, &[Action::PlanCourse]),
    case("createEdition", Subject::Course, &[Action::PlanEdition]),
    case("copyEdition", Subject::Course, &[Action::PlanEdition]),
    case("updateEdition", Subject::Edition, &[Action::PlanEdition]),
    case("moveEdition", Subject::Edition, &[Action::PlanEdition]),
    case("publishApplicationForm", Subject::Edition, &[Action::DesignForm]),
    case("createDeliverable", Subject::Edition, &[Action::DefineDeliverable]),
    case("updateDeliverable", Subject::Deliverable, &[Action::DefineDeliverable]),
    case("createSeatPool", Subject::Edition, &[Action::ManageSeats]),
    case("changeSeatPool", Subject::Appointment, &[Action::ManageSeats]),
    case("removeSeatPool", Subject::Appointment, &[Action::ManageSeats]),
    case("createTeam", Subject::Edition, &[Action::ManageTeams]),
    case("updateTeam", Subject::Team, &[Action::ManageTeams]),
    case("allocateTutor", Subject::Team, &[Action::AllocateTutor]),
    case("endAllocation", Subject::Team, &[Action::AllocateTutor]),
    case("grantRole", Subject::Edition, &[Action::GrantTutor]),
    case("revokeRole", Subject::Appointment, &[Action::GrantTutor]),
    case("inviteToEdition", Subject::Edition, &[Action::Invite]),
    case("inviteToRole", Subject::Edition, &[Action::GrantTutor]),
    case("withdrawInvitation", Subject::Appointment, &[Action::GrantTutor]),
    case("resendInvitation", Subject::Appointment, &[Action::GrantTutor]),
    case("nominate", Subject::Edition, &[Action::Nominate]),
    case("substituteNomination", Subject::Nomination, &[Action::Nominate]),
    case("endorseNomination", Subject::Nomination, &[Action::EndorseNomination]),
    case("withdrawNomination", Subject::Nomination, &[Action::Nominate]),
    case("rankNomination", Subject::Nomination, &[Action::Nominate]),
    case("createInstitution", Subject::Open, &[Action::ManageInstitutions]),
    case("updateInstitution", Subject::Open, &[Action::ManageInstitutions]),
    case("proposeInstitution", Subject::Open, &[Action::ProposeInstitution]),
    case("exportList", Subject::Open, &[Action::ExportList]),
    case("acceptInstitution", Subject::Open, &[Action::SettleInstitutions]),
    case("refuseInstitution", Subject::Open, &[Action::SettleInstitutions]),
    case("mergeInstitution", Subject::Open, &[Action::SettleInstitutions]),
    case("disableAccount", Subject::Open, &[Action::ManageAccounts]),
    case("enableAccount", Subject::Open, &[Action::ManageAccounts]),
];

/// Last, since whoever applies is enrolled from then on.
pub(super) const APPLYING: &[Case] = &[case("applyToEdition", Subject::Edition, &[Action::Apply])];

pub(super) const ALL: [&[Case]; 6] = [REVIEWING, GRADING, WRITING, ENROLLING, PLANNING, APPLYING];

/// The states of the scene's edition, of Ana's enrolment in it, of her team's work, and of the nomination and the
/// institution that are made for a mutation of such.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct States {
    pub(super) edition: EditionState,
    pub(super) enrolment: EnrolmentState,
    pub(super) submission: SubmissionState,
    pub(super) nomination: NominationState,
    pub(super) institution: InstitutionState,
}

impl States {
    pub(super) fn word(self, kind: Kind) -> &'static str {
        match kind {
            Kind::Edition => self.edition.word(),
            Kind::Enrolment => self.enrolment.word(),
            Kind::Submission => self.submission.word(),
            Kind::Nomination => self.nomination.word(),
            Kind::Institution => self.institution.word(),
        }
    }
}

pub(super) fn gated(mutation: &str, kind: Kind) -> Option<Vec<&'static str>> {
    let mut gates = states::gates();
    gates
        .find(|gate| gate.operation == mutation && gate.kind == Some(kind))
        .map(|gate| gate.states)
}

/// In which states a case is run: of every kind of thing that matters each one, while the others allow it.
pub(super) fn states_of(case: Case) -> Vec<States> {
    let usual = |kind, usual: &'static str| match gated(case.mutation, kind) {
        Some(states) if !states.contains(&usual) => states[0],
        _ => usual,
    };
    let base = States {
        edition: EditionState::from_word(usual(Kind::Edition, "running")).expect("a state"),
        enrolment: EnrolmentState::from_word(usual(Kind::Enrolment, "active")).expect("a state"),
        submission: SubmissionState::from_word(usual(Kind::Submission, "submitted")).expect("a state"),
        nomination: NominationState::from_word(usual(Kind::Nomination, "submitted")).expect("a state"),
        institution: InstitutionState::from_word(usual(Kind::Institution, "proposed")).expect("a state"),
    };
    let mut all = vec![base];
    if gated(case.mutation, Kind::Edition).is_some() {
        all.extend(EditionState::ALL.iter().map(|&edition| States { edition, ..base }));
    }
    if gated(case.mutation, Kind::Enrolment).is_some() {
        all.extend(
            EnrolmentState::ALL
                .iter()
                .map(|&enrolment| States { enrolment, ..base }),
        );
    }
    if gated(case.mutation, Kind::Submission).is_some() {
        all.extend(
            SubmissionState::ALL
                .iter()
                .map(|&submission| States { submission, ..base }),
        );
    }
    if gated(case.mutation, Kind::Nomination).is_some() {
        all.extend(
            NominationState::ALL
                .iter()
                .map(|&nomination| States { nomination, ..base }),
        );
    }
    if gated(case.mutation, Kind::Institution).is_some() {
        all.extend(
            InstitutionState::ALL
                .iter()
                .map(|&institution| States { institution, ..base }),
        );
    }
    let mut once: Vec<States> = Vec::new();
    for states in all {
        if !once.contains(&states) {
            once.push(states);
        }
    }
    once
}
