//! What a person stated about themself at an instant; the latest one is in force.

use chrono::{DateTime, Utc};
use sea_orm::{DeriveEntityModel, DerivePrimaryKey, DeriveRelation, EnumIter, PrimaryKeyTrait, EntityTrait, ActiveModelBehavior};

use crate::domain::id::{DeclarationId, InstitutionId, PersonId};
use crate::domain::person::{ConstituentGroup, Gender};

/// What a person stated about themself at an instant; the latest one is in force.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "declaration")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: DeclarationId,
    pub person_id: PersonId,
    pub stated_at: DateTime<Utc>,
    pub gender: Gender,
    pub country: Option<String>,
    pub institution_id: Option<InstitutionId>,
    pub constituent_group: ConstituentGroup,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
