//! GraphQL, thin: decode the input, call one use case, wrap what comes back.

use async_graphql::{EmptySubscription, MergedObject, SDLExportOptions};

pub mod account;
pub mod course;
pub mod decimal;
pub mod edition;
pub mod enrolment;
pub mod enums;
pub mod error;
pub mod guard;
pub mod history;
pub mod id;
pub mod institution;
pub mod loaders;
pub mod page;
mod payload;
pub mod person;
pub mod request;
pub mod role;
pub mod statistics;

/// Everything that can be asked.
#[derive(MergedObject, Default)]
pub struct Query(
    account::AccountQuery,
    course::CourseQuery,
    edition::EditionQuery,
    enrolment::EnrolmentQuery,
    institution::InstitutionQuery,
    statistics::StatisticsQuery,
);

/// Everything that can be changed.
#[derive(MergedObject, Default)]
pub struct Mutation(
    account::AccountMutation,
    course::CourseMutation,
    edition::EditionMutation,
    enrolment::EnrolmentMutation,
    institution::InstitutionMutation,
    role::RoleMutation,
);

/// The schema that requests run against.
pub type Schema = async_graphql::Schema<Query, Mutation, EmptySubscription>;

/// Builds the schema. Depth and cost are weighed by [`guard`] before a document comes here.
pub fn schema() -> Schema {
    Schema::build(Query::default(), Mutation::default(), EmptySubscription).finish()
}

/// The schema in its definition language: the contract that is committed and compared.
pub fn sdl() -> String {
    schema().sdl_with_options(SDLExportOptions::new().sorted_fields().sorted_arguments().sorted_enum_items())
}
