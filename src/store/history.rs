//! A state that something entered: append-only.

use chrono::{DateTime, Utc};
use sea_orm::prelude::*;
use sea_orm::{QueryOrder, QueryTrait, Set};

use super::announce::Topic;
use super::{Tx, invitation};
use crate::clock::Clock;
use crate::domain::id::{PersonId, Subject};
use crate::domain::invitation::InvitationState;
use crate::error::Result;

/// A state that something entered: append-only.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "state_history")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub subject_kind: String,
    pub subject_id: Uuid,
    pub from_state: Option<String>,
    pub to_state: String,
    pub at: DateTime<Utc>,
    pub actor_id: Option<PersonId>,
    pub reason: Option<String>,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// One arrow of a state machine that was taken.
#[derive(Debug, Clone)]
pub struct Step<'a> {
    /// What changed its state.
    pub subject: Subject,
    /// The state it left; `None` when it came into being.
    pub from: Option<&'static str>,
    /// The state it entered.
    pub to: &'static str,
    /// When, which for imported history is long ago.
    pub at: DateTime<Utc>,
    /// Who took it; `None` for time itself.
    pub actor: Option<PersonId>,
    /// Why, where a reason was given.
    pub reason: Option<&'a str>,
}

/// The step of an invitation whose time ran out.
pub fn expiry(of: &invitation::Model, at: DateTime<Utc>) -> Step<'static> {
    Step {
        subject: of.id.into(),
        from: Some(of.open_word()),
        to: InvitationState::Expired.word(),
        at,
        actor: None,
        reason: None,
    }
}

/// Writes the steps into the append-only history, and announces those that can be followed.
pub async fn record(tx: &Tx, clock: &Clock, steps: &[Step<'_>]) -> Result<()> {
    for topic in steps.iter().filter_map(|step| Topic::of(&step.subject)) {
        tx.announce(topic);
    }
    for batch in steps.chunks(1000) {
        let rows = batch.iter().map(|step| ActiveModel {
            id: Set(clock.new_id()),
            subject_kind: Set(step.subject.kind.to_owned()),
            subject_id: Set(step.subject.id),
            from_state: Set(step.from.map(ToOwned::to_owned)),
            to_state: Set(step.to.to_owned()),
            at: Set(step.at),
            actor_id: Set(step.actor),
            reason: Set(step.reason.map(ToOwned::to_owned)),
        });
        let write = Entity::insert_many(rows).into_query();
        tx.later("state_history", batch.len(), write).await?;
    }
    Ok(())
}

/// The steps of the given subjects, the oldest first.
pub async fn of(connection: &impl ConnectionTrait, subjects: &[Uuid]) -> Result<Vec<Model>> {
    let rows = Entity::find()
        .filter(Column::SubjectId.is_in(subjects.iter().copied()))
        .order_by_asc(Column::At)
        .order_by_asc(Column::Id)
        .all(connection)
        .await?;
    Ok(rows)
}
