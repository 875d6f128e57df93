//! May this actor do this to that? The one place that answers.
//!
//! The answer is read from `policy.matrix` beside this file: a row for every [`Action`], a column for
//! every role. A cell names the [`Relation`] to the object that the role needs. What no cell allows is
//! denied, and a matrix that misses an action does not load, which the tests would tell. Which action every
//! field of the API answers to is written in `policy.operations` ([`listing`]), in which states an
//! operation is taken in `policy.states` ([`states`]), and what an API token reaches in `policy.scopes`
//! ([`scopes`]). The tests go through all four.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::actor::{Actor, Role};
use super::text::Reason;
use crate::error::{Code, Error, Result};

pub mod listing;
pub mod scopes;
pub mod states;

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $key:literal;)*) => {
        /// Everything that the policy is asked about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Action {
            $($(#[$doc])* $name,)*
        }

        impl Action {
            /// Every action, in the order of the matrix.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The action's name in the matrix and in the audit log.
            pub const fn key(self) -> &'static str {
                match self {
                    $(Self::$name => $key,)*
                }
            }
        }
    };
}

actions! {
    /// See editions that have been announced, and the courses of such.
    BrowseCatalogue = "browse_catalogue";
    /// See an edition that is still a draft.
    SeeUnpublished = "see_unpublished";
    /// See a course of which no edition has been announced.
    SeeEveryCourse = "see_every_course";
    /// Change one's own account, and see what secures it.
    ManageAccount = "manage_account";
    /// Read one's own profile, roles and declaration.
    SeeAccount = "see_account";
    /// Read the register of institutions.
    BrowseInstitutions = "browse_institutions";
    /// Propose an institution that is missing in the register.
    ProposeInstitution = "propose_institution";
    /// See what was proposed, take it into the register, and merge it into what stands there.
    SettleInstitutions = "settle_institutions";
    /// Read the definitions of the measures.
    SeeMeasures = "see_measures";
    /// See a person's name.
    SeeName = "see_name";
    /// See a person's e-mail address.
    SeeEmail = "see_email";
    /// See a person's country and institution.
    SeeOrigin = "see_origin";
    /// See a person's gender.
    SeeGender = "see_gender";
    /// Apply to an edition.
    Apply = "apply";
    /// Withdraw an enrolment.
    Withdraw = "withdraw";
    /// Read what somebody answered as they applied, and to what they consented.
    SeeApplication = "see_application";
    /// Consent to a purpose of an edition, or take that back.
    StateConsent = "state_consent";
    /// See that an enrolment exists, and its state.
    SeeEnrolment = "see_enrolment";
    /// Confirm, put on the waiting list, reject or exclude.
    DecideEnrolment = "decide_enrolment";
    /// Score an application by the criteria of its edition.
    ScoreApplication = "score_application";
    /// See the criteria of an edition, and how applications to it were scored.
    SeeScores = "see_scores";
    /// Put right what an admitted enrolment was frozen with.
    CorrectSnapshot = "correct_snapshot";
    /// Accept or decline a seat that is offered.
    AnswerOffer = "answer_offer";
    /// See which seats are kept and held, and who waits in which order.
    SeeSeats = "see_seats";
    /// Keep seats for some, and rank those who wait.
    ManageSeats = "manage_seats";
    /// Decide the outcome of an enrolment.
    DecideCompletion = "decide_completion";
    /// Issue a certificate, or revoke one.
    IssueCertificate = "issue_certificate";
    /// Check whether a certificate is good. No operation asks for these two yet.
    CheckCertificate = "check_certificate";
    /// Take a list of enrolments out of the system.
    ExportEnrolments = "export_enrolments";
    /// Take a list out of the system, as far as one sees it.
    ExportList = "export_list";
    /// Bring enrolments in an edition in from a file.
    ImportEnrolments = "import_enrolments";
    /// Invite people to take part in an edition.
    Invite = "invite";
    /// Nominate people for an edition, in the name of an institution.
    Nominate = "nominate";
    /// Endorse what another focal point of the institution nominated.
    EndorseNomination = "endorse_nomination";
    /// See nominations, and what came of them.
    SeeNominations = "see_nominations";
    /// See a team.
    SeeTeam = "see_team";
    /// Make teams and move people between them.
    ManageTeams = "manage_teams";
    /// Allocate a tutor to a team.
    AllocateTutor = "allocate_tutor";
    /// Write a draft and hand it in.
    WriteSubmission = "write_submission";
    /// Read what was handed in.
    ReadSubmission = "read_submission";
    /// See an assessment before its grade is released.
    SeeDraftGrade = "see_draft_grade";
    /// Review, ask for a revision, grade.
    Assess = "assess";
    /// Release or override a grade.
    ReleaseGrade = "release_grade";
    /// Release a grade where the edition lets its tutors do so.
    ReleaseAsTutor = "release_as_tutor";
    /// Create and change a course.
    PlanCourse = "plan_course";
    /// Create an edition, change it and walk it through its states.
    PlanEdition = "plan_edition";
    /// Define what an edition's teams hand in.
    DefineDeliverable = "define_deliverable";
    /// Publish the form by which people apply to an edition.
    DesignForm = "design_form";
    /// Read exact statistics by any dimension.
    ReadStatistics = "read_statistics";
    /// Read the totals of an edition.
    ReadTotals = "read_totals";
    /// Make somebody tutor of an edition.
    GrantTutor = "grant_tutor";
    /// Grant or end any role but one's own.
    GrantRole = "grant_role";
    /// Register and change institutions.
    ManageInstitutions = "manage_institutions";
    /// Disable accounts.
    ManageAccounts = "manage_accounts";
    /// Read the audit log.
    ReadAudit = "read_audit";
    /// List whom an account or a token read.
    TraceAccess = "trace_access";
    /// Make, replace and retire the keys that sign access tokens.
    ManageKeys = "manage_keys";
    /// Bring people, institutions and past editions in from files.
    ImportRecords = "import_records";
    /// Remove what was kept long enough. The passing of time does it, and nobody else.
    Purge = "purge";
}

/// How the actor stands to the object, as read from stored rows, never from an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "five independent facts, each a column of the matrix's key"
)]
pub struct Relation {
    /// The object is the actor, or the actor's own.
    pub own: bool,
    /// The object belongs to a team of which the actor is a member.
    pub team: bool,
    /// The object belongs to a team allocated to the actor as tutor.
    pub assigned: bool,
    /// The object belongs to a person nominated by the actor's institution.
    pub institution: bool,
    /// The object belongs to an edition that the actor coordinates.
    pub edition: bool,
}

impl Relation {
    /// No relation at all.
    pub const NONE: Self = Self {
        own: false,
        team: false,
        assigned: false,
        institution: false,
        edition: false,
    };
    /// The actor's own.
    pub const OWN: Self = Self {
        own: true,
        ..Self::NONE
    };
    /// Of somebody nominated by the actor's institution.
    pub const INSTITUTION: Self = Self {
        institution: true,
        ..Self::NONE
    };
    /// Of an edition that the actor coordinates.
    pub const EDITION: Self = Self {
        edition: true,
        ..Self::NONE
    };

    /// Both relations together.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            own: self.own || other.own,
            team: self.team || other.team,
            assigned: self.assigned || other.assigned,
            institution: self.institution || other.institution,
            edition: self.edition || other.edition,
        }
    }
}

/// What the policy says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// No.
    Denied,
    /// Yes, if a reason is given; it is audited.
    WithReason,
    /// Yes.
    Allowed,
}

/// One cell of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// Always.
    Yes,
    /// Never.
    Never,
    /// To one's own.
    Own,
    /// To one's own and one's team's.
    Team,
    /// To what is allocated to one.
    Assigned,
    /// To one's institution's nominees.
    Institution,
    /// To what belongs to an edition that one coordinates.
    Edition,
    /// With a reason.
    Reason,
}

impl Cell {
    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "yes" => Self::Yes,
            "-" => Self::Never,
            "own" => Self::Own,
            "team" => Self::Team,
            "assigned" => Self::Assigned,
            "institution" => Self::Institution,
            "edition" => Self::Edition,
            "reason" => Self::Reason,
            _ => return None,
        })
    }

    fn verdict(self, relation: Relation) -> Verdict {
        let holds = match self {
            Self::Yes => true,
            Self::Never => false,
            Self::Own => relation.own,
            Self::Team => relation.own || relation.team,
            Self::Assigned => relation.assigned,
            Self::Institution => relation.institution,
            Self::Edition => relation.edition,
            Self::Reason => return Verdict::WithReason,
        };
        if holds { Verdict::Allowed } else { Verdict::Denied }
    }
}

/// The columns of the matrix, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Column {
    /// Anybody.
    Public,
    /// Anybody who has signed in.
    Participant,
    /// Somebody with the role.
    Holder(Role),
}

impl Column {
    /// Every column, from left to right.
    pub const ALL: [Self; 6] = [
        Self::Public,
        Self::Participant,
        Self::Holder(Role::Tutor),
        Self::Holder(Role::FocalPoint),
        Self::Holder(Role::Coordinator),
        Self::Holder(Role::Administrator),
    ];

    fn applies_to(self, actor: &Actor) -> bool {
        match self {
            Self::Public => true,
            Self::Participant => actor.person.is_some(),
            Self::Holder(role) => actor.holds(role),
        }
    }
}

/// The matrix as it is shipped.
pub const MATRIX: &str = include_str!("policy.matrix");

static CELLS: LazyLock<HashMap<&'static str, [Cell; 6]>> =
    LazyLock::new(|| rows().filter_map(|(action, cells)| Some((action, cells?))).collect());

/// The rows of the matrix: an action's name and its cells, or `None` when the row is not well formed.
pub fn rows() -> impl Iterator<Item = (&'static str, Option<[Cell; 6]>)> {
    MATRIX
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#') && !line.starts_with("action "))
        .map(|line| {
            let mut words = line.split_whitespace();
            let action = words.next().unwrap_or_default();
            let cells: Option<Vec<Cell>> = words.map(Cell::parse).collect();
            (action, cells.and_then(|cells| cells.try_into().ok()))
        })
}

/// What the matrix says of `action` for an actor who stands so to the object; no to an API token whose scopes do not
/// cover the action.
pub fn verdict(actor: &Actor, action: Action, relation: Relation) -> Verdict {
    if !scopes::covers(actor, action) {
        return Verdict::Denied;
    }
    let Some(cells) = CELLS.get(action.key()) else {
        return Verdict::Denied;
    };
    Column::ALL
        .iter()
        .zip(cells)
        .filter(|(column, _)| column.applies_to(actor))
        .map(|(_, cell)| cell.verdict(relation))
        .max()
        .unwrap_or(Verdict::Denied)
}

/// Whether the actor may, without having to give a reason.
pub fn may(actor: &Actor, action: Action, relation: Relation) -> bool {
    verdict(actor, action, relation) == Verdict::Allowed
}

/// Demands that the actor may, with the reason if one was given.
///
/// # Errors
/// [`Error::Unauthenticated`] for somebody who has not signed in, [`Error::InsufficientScope`] for an API token that
/// does not reach so far, [`Error::SecondFactorRequired`] for somebody whose roles wait for it, [`Error::Forbidden`]
/// for anybody else, [`Code::ReasonRequired`] when a reason would open the way.
pub fn demand(actor: &Actor, action: Action, relation: Relation, reason: Option<&Reason>) -> Result<()> {
    match verdict(actor, action, relation) {
        Verdict::Allowed => Ok(()),
        Verdict::WithReason if reason.is_some() => Ok(()),
        Verdict::WithReason => Err(Error::at("reason", Code::ReasonRequired)),
        Verdict::Denied if actor.person.is_none() => Err(Error::Unauthenticated),
        Verdict::Denied if !scopes::covers(actor, action) => Err(Error::InsufficientScope(action.key())),
        Verdict::Denied if actor.withheld => Err(Error::SecondFactorRequired),
        Verdict::Denied => Err(Error::Forbidden),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::actor::{Grant, Scope};
    use crate::domain::id::PersonId;
    use crate::domain::language::Language;

    fn holder(role: Role) -> Actor {
        Actor {
            person: Some(PersonId(uuid::Uuid::from_u128(1))),
            grants: vec![Grant {
                role,
                scope: Scope::System,
            }],
            ..Actor::anonymous(Language::En)
        }
    }

    #[test]
    fn the_matrix_names_every_action_once_and_nothing_else() {
        let named: Vec<_> = rows().map(|(action, _)| action).collect();
        let known: Vec<_> = Action::ALL.iter().map(|action| action.key()).collect();
        assert_eq!(named, known);
        assert!(rows().all(|(_, cells)| cells.is_some()));
    }

    #[test]
    fn nobody_may_what_no_cell_allows() {
        let anonymous = Actor::anonymous(Language::En);
        for &action in Action::ALL {
            let allowed = may(&anonymous, action, Relation::NONE);
            assert_eq!(
                allowed,
                matches!(
                    action,
                    Action::BrowseCatalogue | Action::SeeMeasures | Action::CheckCertificate
                ),
                "{action:?}"
            );
        }
    }

    #[test]
    fn a_role_counts_only_with_its_relation() {
        let tutor = holder(Role::Tutor);
        let assigned = Relation {
            assigned: true,
            ..Relation::NONE
        };
        assert!(may(&tutor, Action::Assess, assigned));
        assert!(!may(&tutor, Action::Assess, Relation::NONE));
        assert!(!may(&tutor, Action::SeeGender, assigned));
        assert!(may(&holder(Role::Coordinator), Action::Assess, Relation::EDITION));
        assert!(!may(&holder(Role::Coordinator), Action::Assess, assigned));
    }

    #[test]
    fn an_administrator_gives_a_reason_for_a_name() {
        let administrator = holder(Role::Administrator);
        let reason = Reason::parse("asked by the person").expect("a reason");
        assert!(demand(&administrator, Action::SeeName, Relation::NONE, Some(&reason)).is_ok());
        assert!(matches!(
            demand(&administrator, Action::SeeName, Relation::NONE, None),
            Err(Error::Invalid(_))
        ));
        assert!(matches!(
            demand(&holder(Role::Tutor), Action::SeeName, Relation::NONE, None),
            Err(Error::Forbidden)
        ));
    }
}
