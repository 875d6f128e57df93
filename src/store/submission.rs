//! The answer of a team or a person to a deliverable.

use chrono::{DateTime, Utc};
use sea_orm::{DeriveEntityModel, DerivePrimaryKey, DeriveRelation, EnumIter, PrimaryKeyTrait, EntityTrait, ActiveModelBehavior};

use crate::domain::id::{DeliverableId, EditionId, EnrolmentId, SubmissionId, TeamId};
use crate::domain::submission::SubmissionState;

/// The answer of a team or a person to a deliverable.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "submission")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: SubmissionId,
    pub deliverable_id: DeliverableId,
    pub edition_id: EditionId,
    pub team_id: Option<TeamId>,
    pub enrolment_id: Option<EnrolmentId>,
    pub state: SubmissionState,
    pub draft_title: String,
    pub draft_body: String,
    pub current_number: i64,
    pub counted_for: Option<EnrolmentId>,
    pub handed_in_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub version: i64,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
