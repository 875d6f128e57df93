//! What the files say comes of it.

use rumbo::domain::actor::Role;
use rumbo::domain::enrolment::EnrolmentState;
use rumbo::domain::institution::InstitutionState;
use rumbo::domain::policy::states::{self, Kind};
use rumbo::domain::policy::{Action, Relation, Verdict, verdict};

use super::Outcome;
use super::cases::{Case, States, Subject};
use super::people::Viewer;

/// An action that the files are read as denying to a role, to see whether the run would notice.
pub(super) type Hole = Option<(Action, Role)>;

/// What the files say comes of it.
pub(super) fn expected(case: Case, viewer: &Viewer<'_>, states: States, hole: Hole) -> Outcome {
    let enrolment = Relation {
        assigned: viewer.enrolment.assigned && belongs(states.enrolment),
        institution: viewer.enrolment.institution && states.enrolment.keeps_nomination(),
        ..viewer.enrolment
    };
    let to_edition = Relation {
        edition: viewer.edition,
        // Whoever applies does so for themself.
        own: viewer.client.person.is_some(),
        // What is nominated is so by the institution that nominated Ana.
        institution: viewer.enrolment.institution,
        ..Relation::NONE
    };
    let relation = match case.subject {
        Subject::Open => Relation::NONE,
        Subject::Course => Relation {
            edition: viewer.course,
            ..Relation::NONE
        },
        Subject::Edition | Subject::Appointment | Subject::Nomination => to_edition,
        Subject::Enrolment => enrolment,
        Subject::Team | Subject::Submission => viewer.team,
        Subject::Deliverable => viewer.deliverable,
    };
    let actor = viewer.actor();
    let holed = |action: Action| hole.is_some_and(|(holed, role)| holed == action && viewer.holds(role));
    let may = |action: Action| verdict(&actor, action, relation) == Verdict::Allowed && !holed(action);
    let published = states.edition.is_published();
    let seen = match case.subject {
        Subject::Open | Subject::Course => true,
        Subject::Edition => {
            let of_role = ["grantRole", "inviteToRole"].contains(&case.mutation);
            let appoints = of_role && viewer.holds(Role::Administrator);
            (published && may(Action::BrowseCatalogue)) || may(Action::SeeUnpublished) || appoints
        }
        Subject::Enrolment => may(Action::SeeEnrolment),
        Subject::Team => may(Action::SeeTeam),
        Subject::Submission => may(Action::ReadSubmission),
        Subject::Deliverable => viewer.inside,
        Subject::Appointment => false,
        Subject::Nomination => may(Action::SeeNominations),
    };
    if !case.actions.iter().any(|&action| may(action)) || (case.subject == Subject::Edition && !seen) {
        return match viewer.client.person {
            None => Outcome::Unauthenticated,
            Some(_) if seen => Outcome::Forbidden,
            Some(_) => Outcome::NotFound,
        };
    }
    // What stands in the register is merged by whoever keeps that.
    let registered = case.mutation == "mergeInstitution" && states.institution == InstitutionState::Registered;
    if registered && !may(Action::ManageInstitutions) {
        return Outcome::Forbidden;
    }
    if case.not_own && (relation.own || relation.team) {
        return Outcome::OwnWork;
    }
    let answers_alone = case.mutation == "saveDraft" && !viewer.team.team;
    let takes = |kind| states::takes(case.mutation, kind, states.word(kind));
    let taken = takes(Kind::Edition)
        && takes(Kind::Enrolment)
        && takes(Kind::Nomination)
        && takes(Kind::Institution)
        && (answers_alone || takes(Kind::Submission));
    if taken { Outcome::Allowed } else { Outcome::State }
}

/// With which enrolments one belongs to a team.
pub(super) fn belongs(state: EnrolmentState) -> bool {
    state.takes_part() || matches!(state, EnrolmentState::Completed | EnrolmentState::NotCompleted)
}
