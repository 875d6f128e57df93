//! Anything by its identifier (Relay, "Global Object Identification"), if its kind is one of [`Node`]. Other kinds have
//! queries of their own, such as tables that are brought in, invitations and nominations, or are read as parts of what
//! they belong to, such as forms, applications, consents and pools of seats: here nothing is found by their identifiers.

use async_graphql::{Context, ID, Interface, Object};

use super::course::Course;
use super::deliverable::Deliverable;
use super::edition::Edition;
use super::enrolment::Enrolment;
use super::error::ApiResult;
use super::id;
use super::institution::Institution;
use super::person::Person;
use super::request::Request;
use super::submission::Submission;
use super::team::Team;
use crate::domain::id::AnyId;
use crate::domain::policy::{Action, scopes};
use crate::service;

/// Something with a global identifier, whose prefix tells its kind.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "Global identifier."))]
pub enum Node {
    /// A course, `crs_…`.
    Course(Course),
    /// What an edition asks for, `dlv_…`.
    Deliverable(Deliverable),
    /// One run of a course, `edn_…`.
    Edition(Edition),
    /// One person in one edition, `enr_…`.
    Enrolment(Enrolment),
    /// A registered organisation, `ins_…`.
    Institution(Institution),
    /// A person, `psn_…`.
    Person(Person),
    /// The answer of a team or a person, `sub_…`.
    Submission(Submission),
    /// The people who hand in together, `tea_…`.
    Team(Team),
}

/// The query for anything by its identifier.
#[derive(Default)]
pub struct NodeQuery;

#[Object]
impl NodeQuery {
    /// Anything by its identifier, if its kind implements `Node`; null for what there is not, or you may not see.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "A global identifier of any kind; of one that does not implement `Node` there is nothing.")]
        id: ID,
    ) -> ApiResult<Option<Node>> {
        let request = Request::of(ctx);
        let Request { app, actor, .. } = request;
        let id = id::argument::<AnyId>("id", &id)?;
        if let Some(action) = seen_by(id) {
            scopes::demand(actor, action)?;
        }
        Ok(match id {
            AnyId::CourseId(id) => service::course::find(app, actor, id)
                .await?
                .map(|row| Course(row).into()),
            AnyId::DeliverableId(id) => service::deliverable::read(app, actor, id)
                .await?
                .map(|row| Deliverable(row).into()),
            AnyId::EditionId(id) => service::edition::find(app, actor, id)
                .await?
                .map(|row| Edition(row).into()),
            AnyId::EnrolmentId(id) => service::enrolment::find(app, actor, id)
                .await?
                .map(|row| Enrolment::from(row).into()),
            AnyId::InstitutionId(id) if actor.person.is_some() => {
                Institution::visible(request, id).await?.map(Into::into)
            }
            AnyId::PersonId(id) => Person::visible(request, id).await?.map(Into::into),
            AnyId::SubmissionId(id) => service::submission::read(app, actor, id)
                .await?
                .map(|row| Submission(row).into()),
            AnyId::TeamId(id) => service::team::read(app, actor, id).await?.map(|row| Team(row).into()),
            AnyId::InstitutionId(_)
            | AnyId::MeetingId(_)
            | AnyId::AllocationId(_)
            | AnyId::VersionId(_)
            | AnyId::AssessmentId(_)
            | AnyId::GradeId(_)
            | AnyId::RoleAssignmentId(_)
            | AnyId::DeclarationId(_)
            | AnyId::CompletionId(_)
            | AnyId::ApiTokenId(_)
            | AnyId::IdentityId(_)
            | AnyId::SessionId(_)
            | AnyId::SigningKeyId(_)
            | AnyId::InvitationId(_)
            | AnyId::SeatPoolId(_)
            | AnyId::ApplicationFormId(_)
            | AnyId::ApplicationId(_)
            | AnyId::ConsentId(_)
            | AnyId::TableImportId(_) => None,
        })
    }
}

/// The action by which things of this kind are seen, which an API token has to cover; `None` for what is no node.
fn seen_by(id: AnyId) -> Option<Action> {
    Some(match id {
        AnyId::CourseId(_) | AnyId::EditionId(_) => Action::BrowseCatalogue,
        AnyId::DeliverableId(_) | AnyId::SubmissionId(_) => Action::ReadSubmission,
        AnyId::EnrolmentId(_) => Action::SeeEnrolment,
        AnyId::InstitutionId(_) => Action::BrowseInstitutions,
        AnyId::PersonId(_) => Action::SeeName,
        AnyId::TeamId(_) => Action::SeeTeam,
        AnyId::MeetingId(_)
        | AnyId::AllocationId(_)
        | AnyId::VersionId(_)
        | AnyId::AssessmentId(_)
        | AnyId::GradeId(_)
        | AnyId::RoleAssignmentId(_)
        | AnyId::DeclarationId(_)
        | AnyId::CompletionId(_)
        | AnyId::ApiTokenId(_)
        | AnyId::IdentityId(_)
        | AnyId::SessionId(_)
        | AnyId::SigningKeyId(_)
        | AnyId::InvitationId(_)
        | AnyId::SeatPoolId(_)
        | AnyId::ApplicationFormId(_)
        | AnyId::ApplicationId(_)
        | AnyId::ConsentId(_)
        | AnyId::TableImportId(_) => return None,
    })
}
