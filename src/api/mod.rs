//! GraphQL, thin: decode the input, call one use case, wrap what comes back.

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{TypeKind, TypeSystemDefinition};
use async_graphql::{MergedObject, SDLExportOptions, SchemaBuilder};

use crate::domain::policy::listing;

pub mod ability;
pub mod account;
pub mod account_state;
pub mod api_token;
pub mod assessment;
pub mod audit;
pub mod bounded;
pub mod calendar;
pub mod completion;
pub mod course;
pub mod decimal;
pub mod deliverable;
pub mod edition;
pub mod enrolment;
pub mod enums;
pub mod error;
pub mod export;
mod filter;
pub mod form;
pub mod guard;
pub mod history;
pub mod id;
pub mod identity;
pub mod institution;
pub mod invitation;
pub mod keyed;
pub mod live;
pub mod loaders;
pub mod mailing;
pub mod node;
pub mod nomination;
pub mod page;
mod payload;
pub mod person;
mod plain;
pub mod reads;
mod reason;
pub mod request;
pub mod role;
pub mod scoring;
pub mod seat;
pub mod second_factor;
pub mod session;
pub mod snapshot;
pub mod statistics;
pub mod submission;
pub mod table_import;
pub mod team;
pub mod viewer;

/// Everything that can be asked.
#[derive(MergedObject, Default)]
pub struct Query(
    account::AccountQuery,
    audit::AuditQuery,
    completion::CompletionQuery,
    course::CourseQuery,
    deliverable::DeliverableQuery,
    edition::EditionQuery,
    enrolment::EnrolmentQuery,
    identity::IdentityQuery,
    institution::InstitutionQuery,
    invitation::InvitationQuery,
    node::NodeQuery,
    nomination::NominationQuery,
    statistics::StatisticsQuery,
    submission::SubmissionQuery,
    table_import::TableImportQuery,
    team::TeamQuery,
);

/// What other programs reach in one's name, and what reaches one. Apart, since each member of the whole makes the way
/// to the others longer.
#[derive(MergedObject, Default)]
pub struct OwnMutation(
    api_token::ApiTokenMutation,
    calendar::CalendarMutation,
    mailing::MailingMutation,
);

/// Who is asked to come. Apart for the same reason.
#[derive(MergedObject, Default)]
pub struct AskingMutation(
    invitation::sending::InvitationMutation,
    invitation::holder::HolderMutation,
    nomination::changes::NominationMutation,
);

/// What is done with applications, with seats, and with what enrolments are counted with. Apart for the same reason.
#[derive(MergedObject, Default)]
pub struct AdmissionMutation(
    enrolment::decision::DecisionMutation,
    scoring::ScoringMutation,
    seat::SeatMutation,
    snapshot::SnapshotMutation,
);

/// What people do and are asked as they apply. Apart for the same reason.
#[derive(MergedObject, Default)]
pub struct ApplyingMutation(enrolment::EnrolmentMutation, form::FormMutation);

/// Lists that come in and go out.
#[derive(MergedObject, Default)]
pub struct ListMutation(export::ExportMutation, table_import::asking::TableImportMutation);

/// Everything that can be changed.
#[derive(MergedObject, Default)]
pub struct Mutation(
    account::AccountMutation,
    account_state::AccountStateMutation,
    AdmissionMutation,
    assessment::AssessmentMutation,
    OwnMutation,
    completion::CompletionMutation,
    course::CourseMutation,
    deliverable::DeliverableMutation,
    edition::EditionMutation,
    ApplyingMutation,
    ListMutation,
    identity::IdentityMutation,
    institution::InstitutionMutation,
    AskingMutation,
    role::RoleMutation,
    second_factor::SecondFactorMutation,
    session::SessionMutation,
    submission::SubmissionMutation,
    team::TeamMutation,
);

/// The schema that requests run against.
pub type Schema = async_graphql::Schema<Query, Mutation, live::Subscription>;

/// Builds the schema. Depth and cost are weighed by [`guard`] before a document comes here. Its messages
/// do not suggest names.
pub fn schema() -> Schema {
    builder().disable_suggestions().finish()
}

/// The schema with messages that suggest the names that somebody may have meant.
pub fn schema_with_suggestions() -> Schema {
    builder().finish()
}

fn builder() -> SchemaBuilder<Query, Mutation, live::Subscription> {
    Schema::build(Query::default(), Mutation::default(), live::Subscription)
}

/// The fields of a schema that `policy.operations` does not name, as `Type.field`, those of filters too: what restricts
/// a list tells of it. What no policy names is denied: the server does not start with any.
pub fn unlisted(sdl: &str) -> Vec<String> {
    let Ok(document) = parse_schema(sdl) else {
        return vec!["a schema that parses".to_owned()];
    };
    let mut missing = Vec::new();
    for definition in document.definitions {
        let TypeSystemDefinition::Type(found) = definition else {
            continue;
        };
        let of = found.node.name.node.as_str();
        let names: Vec<&str> = match &found.node.kind {
            TypeKind::Object(object) => object
                .fields
                .iter()
                .map(|field| field.node.name.node.as_str())
                .collect(),
            TypeKind::InputObject(input) if of.ends_with("Filter") => {
                input.fields.iter().map(|field| field.node.name.node.as_str()).collect()
            }
            _ => continue,
        };
        let unnamed = names.into_iter().filter(|name| listing::actions_of(of, name).is_none());
        missing.extend(unnamed.map(|name| format!("{of}.{name}")));
    }
    missing
}

/// The schema in its definition language: the contract that is committed and compared.
pub fn sdl() -> String {
    schema().sdl_with_options(
        SDLExportOptions::new()
            .sorted_fields()
            .sorted_arguments()
            .sorted_enum_items(),
    )
}
