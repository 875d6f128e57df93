//! Enrolments with everything that an export writes beside them, a batch at a time.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{Condition, FromQueryResult, JoinType, QueryOrder, QuerySelect};

use super::{edition, enrolment, institution, person};
use crate::domain::enrolment::EnrolmentState;
use crate::domain::id::{EditionId, EnrolmentId};
use crate::domain::language::Language;
use crate::domain::person::{ConstituentGroup, Gender};
use crate::error::Result;

/// One line of an export.
#[derive(Debug, Clone, FromQueryResult)]
#[allow(missing_docs, reason = "named as the columns of the export")]
pub struct Line {
    pub id: EnrolmentId,
    pub person_number: i64,
    pub edition: String,
    pub email: String,
    pub given_name: String,
    pub family_name: String,
    pub gender: Gender,
    pub country: String,
    pub institution: Option<String>,
    pub constituent_group: ConstituentGroup,
    pub language: Language,
    pub state: EnrolmentState,
    pub applied_at: DateTime<Utc>,
    pub grade: Option<i64>,
}

/// The next `limit` lines after an enrolment, by identifier; of one edition, or of all.
pub async fn lines(
    connection: &impl ConnectionTrait,
    of: Option<EditionId>,
    after: Option<EnrolmentId>,
    limit: u64,
) -> Result<Vec<Line>> {
    use enrolment::Column as C;
    let to_edition = enrolment::Entity::belongs_to(edition::Entity)
        .from(C::EditionId)
        .to(edition::Column::Id)
        .into();
    let to_person = enrolment::Entity::belongs_to(person::Entity)
        .from(C::PersonId)
        .to(person::Column::Id)
        .into();
    let to_institution = enrolment::Entity::belongs_to(institution::Entity)
        .from(C::InstitutionId)
        .to(institution::Column::Id)
        .into();
    let wanted = Condition::all()
        .add_option(of.map(|id| C::EditionId.eq(id)))
        .add_option(after.map(|id| C::Id.gt(id)));
    let lines = enrolment::Entity::find()
        .select_only()
        .columns([
            C::Id,
            C::PersonNumber,
            C::Gender,
            C::Country,
            C::ConstituentGroup,
            C::Language,
            C::State,
            C::AppliedAt,
            C::Grade,
        ])
        .column_as(edition::Column::Code, "edition")
        .columns([
            person::Column::Email,
            person::Column::GivenName,
            person::Column::FamilyName,
        ])
        .column_as(institution::Column::Name, "institution")
        .join(JoinType::InnerJoin, to_edition)
        .join(JoinType::InnerJoin, to_person)
        .join(JoinType::LeftJoin, to_institution)
        .filter(wanted)
        .order_by_asc(C::Id)
        .limit(limit)
        .into_model()
        .all(connection)
        .await?;
    Ok(lines)
}
