//! What one may do, for a front end that decides which buttons to show.

use async_graphql::{Enum, ID, InputObject, SimpleObject};

use super::id;
use crate::error::Result;
use crate::service::ability::{self as service, Check};

macro_rules! abilities {
    ($($(#[$doc:meta])* $name:ident = $operation:literal;)*) => {
        /// A mutation that one might be allowed to execute.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
        pub enum Ability {
            $($(#[$doc])* $name,)*
        }

        impl Ability {
            /// The name of the mutation.
            const fn operation(self) -> &'static str {
                match self {
                    $(Self::$name => $operation,)*
                }
            }
        }
    };
}

abilities! {
    /// `applyToEdition`; on an edition.
    ApplyToEdition = "applyToEdition";
    /// `stateConsent`; on an enrolment.
    StateConsent = "stateConsent";
    /// `publishApplicationForm`; on an edition.
    PublishApplicationForm = "publishApplicationForm";
    /// `withdrawEnrolment`; on an enrolment.
    WithdrawEnrolment = "withdrawEnrolment";
    /// `decideEnrolment`; on an enrolment.
    DecideEnrolment = "decideEnrolment";
    /// `decideEnrolments`; on an edition.
    DecideEnrolments = "decideEnrolments";
    /// `setAdmissionCriteria`; on an edition.
    SetAdmissionCriteria = "setAdmissionCriteria";
    /// `scoreApplication`; on an enrolment.
    ScoreApplication = "scoreApplication";
    /// `undoDecision`; on an enrolment.
    UndoDecision = "undoDecision";
    /// `transferEnrolment`; on an enrolment. You have to coordinate the other edition as well.
    TransferEnrolment = "transferEnrolment";
    /// `acceptOffer`; on an enrolment.
    AcceptOffer = "acceptOffer";
    /// `declineOffer`; on an enrolment.
    DeclineOffer = "declineOffer";
    /// `rankWaiting`; on an enrolment.
    RankWaiting = "rankWaiting";
    /// `correctSnapshot`; on an enrolment.
    CorrectSnapshot = "correctSnapshot";
    /// `createSeatPool`; on an edition.
    CreateSeatPool = "createSeatPool";
    /// `changeSeatPool`; on the edition of the pool.
    ChangeSeatPool = "changeSeatPool";
    /// `removeSeatPool`; on the edition of the pool.
    RemoveSeatPool = "removeSeatPool";
    /// `decideCompletion`; on an enrolment.
    DecideCompletion = "decideCompletion";
    /// `decideCompletionLate`; on an enrolment.
    DecideCompletionLate = "decideCompletionLate";
    /// `inviteToEdition`; on an edition.
    InviteToEdition = "inviteToEdition";
    /// `importPeople`; on nothing.
    ImportPeople = "importPeople";
    /// `importEnrolments`; on an edition.
    ImportEnrolments = "importEnrolments";
    /// `importNominations`; on an edition, for an institution whose focal point you are.
    ImportNominations = "importNominations";
    /// `cancelTableImport`; on a table that you bring in.
    CancelTableImport = "cancelTableImport";
    /// `nominate`; on an edition, for an institution whose focal point you are.
    Nominate = "nominate";
    /// `substituteNomination`; on a nomination.
    SubstituteNomination = "substituteNomination";
    /// `endorseNomination`; on a nomination.
    EndorseNomination = "endorseNomination";
    /// `withdrawNomination`; on a nomination.
    WithdrawNomination = "withdrawNomination";
    /// `rankNomination`; on a nomination.
    RankNomination = "rankNomination";
    /// `exportEnrolments`; on an edition.
    ExportEnrolments = "exportEnrolments";
    /// `exportList`; on nothing. Which lists show something to you, they say themselves.
    ExportList = "exportList";
    /// `createTeam`; on an edition.
    CreateTeam = "createTeam";
    /// `updateTeam`; on a team.
    UpdateTeam = "updateTeam";
    /// `allocateTutor`; on a team.
    AllocateTutor = "allocateTutor";
    /// `endAllocation`; on the team.
    EndAllocation = "endAllocation";
    /// `saveDraft`; on a deliverable.
    SaveDraft = "saveDraft";
    /// `submitWork`; on a submission.
    SubmitWork = "submitWork";
    /// `startReview`; on a submission.
    StartReview = "startReview";
    /// `requestRevision`; on a submission.
    RequestRevision = "requestRevision";
    /// `gradeSubmission`; on a submission.
    GradeSubmission = "gradeSubmission";
    /// `releaseGrades`; on a submission.
    ReleaseGrades = "releaseGrades";
    /// `overrideGrade`; on a submission.
    OverrideGrade = "overrideGrade";
    /// `reopenReview`; on a submission.
    ReopenReview = "reopenReview";
    /// `finalizeGrades`; on a submission.
    FinalizeGrades = "finalizeGrades";
    /// `createCourse`; on nothing.
    CreateCourse = "createCourse";
    /// `updateCourse`; on a course.
    UpdateCourse = "updateCourse";
    /// `createEdition`; on a course.
    CreateEdition = "createEdition";
    /// `copyEdition`; on an edition, into its own course, which you have to coordinate as well.
    CopyEdition = "copyEdition";
    /// `updateEdition`; on an edition.
    UpdateEdition = "updateEdition";
    /// `moveEdition`; on an edition.
    MoveEdition = "moveEdition";
    /// `createDeliverable`; on an edition.
    CreateDeliverable = "createDeliverable";
    /// `updateDeliverable`; on a deliverable.
    UpdateDeliverable = "updateDeliverable";
    /// `grantRole`: that of tutor on an edition; any other on a course, on an institution, or on nothing.
    GrantRole = "grantRole";
    /// `inviteToRole`: that of tutor on an edition; any other on a course, on an institution, or on nothing.
    InviteToRole = "inviteToRole";
    /// `createInstitution`; on nothing.
    CreateInstitution = "createInstitution";
    /// `updateInstitution`; on an institution.
    UpdateInstitution = "updateInstitution";
    /// `proposeInstitution`; on nothing.
    ProposeInstitution = "proposeInstitution";
    /// `acceptInstitution`; on an institution.
    AcceptInstitution = "acceptInstitution";
    /// `refuseInstitution`; on an institution.
    RefuseInstitution = "refuseInstitution";
    /// `mergeInstitution`; on the institution that is merged.
    MergeInstitution = "mergeInstitution";
}

/// A question whether you may.
#[derive(Debug, Clone, InputObject)]
pub struct PermissionCheck {
    /// What you would do.
    pub action: Ability,
    /// On what, where it is done to something.
    pub on: Option<ID>,
}

impl PermissionCheck {
    /// The question as the use case takes it; `at` is where its identifier stands in the request.
    pub fn read(&self, at: &str) -> Result<Check> {
        Ok(Check {
            operation: self.action.operation(),
            on: self.on.as_ref().map(|on| id::argument(at, on)).transpose()?,
        })
    }
}

/// Whether you may do something now. What you do not see is answered like what does not exist: you may not.
#[derive(Debug, Clone, Copy, SimpleObject)]
pub struct Permission {
    /// Whether it would be taken now, if its input is well formed.
    allowed: bool,
    /// Whether it has to come with a reason.
    reason_required: bool,
}

impl From<service::Permission> for Permission {
    fn from(found: service::Permission) -> Self {
        Self {
            allowed: found.allowed,
            reason_required: found.reason_required,
        }
    }
}
