//! What enrolments were counted with until it was put right, or until their institution was merged: append-only. What
//! they are counted with now stands in their own rows.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder, QueryTrait, Set};

use crate::clock::Clock;
use crate::domain::id::{EnrolmentId, InstitutionId, PersonId};
use crate::domain::institution::InstitutionKind;
use crate::domain::language::Language;
use crate::domain::person::{ConstituentGroup, Gender, SnapshotCause};
use crate::error::Result;
use crate::store::{Tx, enrolment};

/// What an enrolment was counted with until an instant.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "former_snapshot")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub enrolment_id: EnrolmentId,
    pub until_at: DateTime<Utc>,
    pub gender: Gender,
    pub country: String,
    pub institution_id: Option<InstitutionId>,
    pub institution_kind: Option<InstitutionKind>,
    pub constituent_group: ConstituentGroup,
    pub language: Language,
    pub cause: SnapshotCause,
    pub reason: Option<String>,
    pub corrected_by: Option<PersonId>,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Why, when and by whom what was frozen is replaced.
#[derive(Debug, Clone, Copy)]
pub struct Replacement<'a> {
    /// Until when it held.
    pub at: DateTime<Utc>,
    /// Why it holds no more.
    pub cause: SnapshotCause,
    /// In words, where somebody put it right.
    pub reason: Option<&'a str>,
    /// Who did; `None` where it followed from something else.
    pub by: Option<PersonId>,
}

/// Keeps what these enrolments were counted with until now.
pub async fn keep(tx: &Tx, clock: &Clock, rows: &[enrolment::Model], replaced: Replacement<'_>) -> Result<()> {
    for batch in rows.chunks(1000) {
        let kept = batch.iter().map(|row| ActiveModel {
            id: Set(clock.new_id()),
            enrolment_id: Set(row.id),
            until_at: Set(replaced.at),
            gender: Set(row.gender),
            country: Set(row.country.clone()),
            institution_id: Set(row.institution_id),
            institution_kind: Set(row.institution_kind),
            constituent_group: Set(row.constituent_group),
            language: Set(row.language),
            cause: Set(replaced.cause),
            reason: Set(replaced.reason.map(ToOwned::to_owned)),
            corrected_by: Set(replaced.by),
        });
        let write = Entity::insert_many(kept).into_query();
        tx.later("former_snapshot", batch.len(), write).await?;
    }
    Ok(())
}

/// How often it was put right what an enrolment is counted with.
pub async fn count_corrected(tx: &Tx, of: EnrolmentId) -> Result<u64> {
    let rows = Entity::find()
        .filter(Column::EnrolmentId.eq(of))
        .filter(Column::Cause.eq(SnapshotCause::Corrected));
    Ok(rows.count(tx).await?)
}

/// What these enrolments were counted with before, the oldest first.
pub async fn of_enrolments(connection: &impl ConnectionTrait, ids: &[EnrolmentId]) -> Result<Vec<Model>> {
    let rows = Entity::find()
        .filter(Column::EnrolmentId.is_in(ids.iter().copied()))
        .order_by_asc(Column::UntilAt)
        .order_by_asc(Column::Id)
        .all(connection)
        .await?;
    Ok(rows)
}
