//! Enrolments that go on in another edition: from which one to which.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{Condition, QueryOrder, QueryTrait, Set};

use crate::domain::actor::Actor;
use crate::domain::id::{EnrolmentId, PersonId};
use crate::error::Result;
use crate::store::{Tx, Write, enrolment};

/// An enrolment that goes on in another edition.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "enrolment_transfer")]
pub struct Model {
    /// The enrolment that began by it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub to_id: EnrolmentId,
    /// The one that ended by it.
    pub from_id: EnrolmentId,
    /// When.
    pub transferred_at: DateTime<Utc>,
    /// By whom.
    pub transferred_by: PersonId,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Stores that an enrolment goes on as another one.
pub async fn insert(tx: &Tx, row: &Model) -> Result<()> {
    let row = ActiveModel {
        to_id: Set(row.to_id),
        from_id: Set(row.from_id),
        transferred_at: Set(row.transferred_at),
        transferred_by: Set(row.transferred_by),
    };
    let write = Write::Insert(Entity::insert(row).into_query());
    tx.later("enrolment_transfer", 1, write).await?;
    Ok(())
}

/// Where an enrolment came from and where it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ends {
    /// The one that it continues.
    pub from: Option<EnrolmentId>,
    /// The one that continues it.
    pub to: Option<EnrolmentId>,
}

/// The other ends of these enrolments that exist for the actor; one that was never transferred is left out.
pub async fn of(
    connection: &impl ConnectionTrait,
    actor: &Actor,
    ids: &[EnrolmentId],
) -> Result<HashMap<EnrolmentId, Ends>> {
    let mine = Condition::any()
        .add(Column::FromId.is_in(ids.iter().copied()))
        .add(Column::ToId.is_in(ids.iter().copied()));
    let rows = Entity::find()
        .filter(mine)
        .order_by_asc(Column::TransferredAt)
        .order_by_asc(Column::ToId)
        .all(connection)
        .await?;
    if rows.is_empty() {
        return Ok(HashMap::new());
    }
    let named: Vec<EnrolmentId> = rows.iter().flat_map(|row| [row.from_id, row.to_id]).collect();
    let seen = enrolment::by_ids_visible(connection, actor, &named).await?;
    let seen: HashSet<EnrolmentId> = seen.into_iter().map(|row| row.id).collect();
    let mut ends: HashMap<EnrolmentId, Ends> = HashMap::new();
    for row in rows {
        if seen.contains(&row.from_id) {
            ends.entry(row.to_id).or_default().from = Some(row.from_id);
        }
        if seen.contains(&row.to_id) {
            ends.entry(row.from_id).or_default().to = Some(row.to_id);
        }
    }
    Ok(ends)
}
