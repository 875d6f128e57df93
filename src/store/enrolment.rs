//! One person in one edition, with the declaration frozen in it.

use chrono::{DateTime, Utc};
use sea_orm::{DeriveEntityModel, DerivePrimaryKey, DeriveRelation, EnumIter, PrimaryKeyTrait, EntityTrait, ActiveModelBehavior};

use crate::domain::enrolment::EnrolmentState;
use crate::domain::id::{EditionId, EnrolmentId, InstitutionId, PersonId};
use crate::domain::language::Language;
use crate::domain::person::{ConstituentGroup, Gender};

/// One person in one edition, with the declaration frozen in it.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "enrolment")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: EnrolmentId,
    pub edition_id: EditionId,
    pub person_id: PersonId,
    pub person_number: i64,
    pub state: EnrolmentState,
    pub motivation: String,
    pub applied_at: DateTime<Utc>,
    pub applied_month: String,
    pub gender: Gender,
    pub country: String,
    pub institution_id: Option<InstitutionId>,
    pub constituent_group: ConstituentGroup,
    pub language: Language,
    pub nominated_by: Option<InstitutionId>,
    pub works_submitted: i64,
    pub works_released: i64,
    pub grade: Option<i64>,
    pub version: i64,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
