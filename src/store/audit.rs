//! Who did what to what: append-only.

use chrono::{DateTime, Utc};
use sea_orm::prelude::*;
use sea_orm::{QueryTrait, Set};

use super::{Tx, Write};
use crate::clock::Clock;
use crate::domain::id::{PersonId, Subject};
use crate::domain::policy::Action;
use crate::error::Result;

/// Who did what to what: append-only.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_entry")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub at: DateTime<Utc>,
    pub actor_id: Option<PersonId>,
    pub action: String,
    pub subject_kind: String,
    pub subject_id: Option<Uuid>,
    pub reason: Option<String>,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Writes one entry for each subject: this actor did this to that.
pub async fn record(
    tx: &Tx,
    clock: &Clock,
    actor: Option<PersonId>,
    action: Action,
    subjects: &[Subject],
    reason: Option<&str>,
) -> Result<()> {
    for batch in subjects.chunks(1000) {
        let rows = batch.iter().map(|subject| ActiveModel {
            id: Set(clock.new_id()),
            at: Set(clock.now()),
            actor_id: Set(actor),
            action: Set(action.key().to_owned()),
            subject_kind: Set(subject.kind.to_owned()),
            subject_id: Set(Some(subject.id)),
            reason: Set(reason.map(ToOwned::to_owned)),
        });
        let write = Write::Insert(Entity::insert_many(rows).into_query());
        tx.later("audit_entry", batch.len(), write).await?;
    }
    Ok(())
}
