//! What the last decision on an enrolment can be taken back to. Histories and the audit log keep all that was decided;
//! this keeps what an undo has to know, and is gone with it.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait, OnConflict, Query};
use sea_orm::{FromQueryResult, JoinType, QuerySelect, QueryTrait};

use crate::domain::decision::Decided;
use crate::domain::enrolment::EnrolmentState;
use crate::domain::id::{EnrolmentId, PersonId};
use crate::error::Result;
use crate::store::form::consent;
use crate::store::{Tx, enrolment, submission, team_member};

/// The last decision on an enrolment.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "enrolment_decision")]
pub struct Model {
    /// On which.
    #[sea_orm(primary_key, auto_increment = false)]
    pub enrolment_id: EnrolmentId,
    /// Where it stood before.
    pub from_state: EnrolmentState,
    /// The version that the enrolment had once it was decided on: another one shows that something followed.
    pub version: i64,
    /// When.
    pub decided_at: DateTime<Utc>,
    /// By whom.
    pub decided_by: PersonId,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Keeps the decisions; they take the place of earlier ones on the same enrolments.
pub async fn keep(tx: &Tx, rows: &[Model]) -> Result<()> {
    for batch in rows.chunks(1000) {
        let kept = batch.iter().cloned().map(ActiveModel::from);
        let instead = OnConflict::column(Column::EnrolmentId)
            .update_columns([Column::FromState, Column::Version, Column::DecidedAt, Column::DecidedBy])
            .to_owned();
        let write = Entity::insert_many(kept).on_conflict(instead).into_query();
        tx.later("enrolment_decision", batch.len(), write).await?;
    }
    Ok(())
}

/// Forgets the decision on an enrolment: it was taken back.
pub async fn forget(tx: &Tx, id: EnrolmentId) -> Result<()> {
    Entity::delete_by_id(id).exec(tx).await?;
    Ok(())
}

/// A decision, and what may have followed from it.
#[derive(Debug, FromQueryResult)]
struct Row {
    enrolment_id: EnrolmentId,
    from_state: EnrolmentState,
    version: i64,
    present: i64,
    took_part: bool,
    applied_again: bool,
    taken_back: bool,
}

/// The last decisions on these enrolments, with what followed from them; one on which nobody decided is left out.
pub async fn on(connection: &impl ConnectionTrait, ids: &[EnrolmentId]) -> Result<HashMap<EnrolmentId, Decided>> {
    let of = |column: enrolment::Column| Expr::col((enrolment::Entity, column));
    let own = Expr::col((Entity, Column::EnrolmentId));
    let in_team = Query::select()
        .expr(Expr::val(1))
        .from(team_member::Entity)
        .and_where(Expr::col((team_member::Entity, team_member::Column::EnrolmentId)).eq(own.clone()))
        .to_owned();
    let works = Query::select()
        .expr(Expr::val(1))
        .from(submission::Entity)
        .and_where(Expr::col((submission::Entity, submission::Column::EnrolmentId)).eq(own.clone()))
        .to_owned();
    let other = |column: enrolment::Column| Expr::col(("other", column));
    let live = EnrolmentState::ALL.iter().filter(|state| state.is_live());
    let applied_again = Query::select()
        .expr(Expr::val(1))
        .from_as(enrolment::Entity, "other")
        .and_where(other(enrolment::Column::EditionId).eq(of(enrolment::Column::EditionId)))
        .and_where(other(enrolment::Column::PersonId).eq(of(enrolment::Column::PersonId)))
        .and_where(other(enrolment::Column::Id).ne(of(enrolment::Column::Id)))
        .and_where(other(enrolment::Column::State).is_in(live.map(|state| state.word())))
        .to_owned();
    let to_enrolment = Entity::belongs_to(enrolment::Entity)
        .from(Column::EnrolmentId)
        .to(enrolment::Column::Id);
    let rows: Vec<Row> = Entity::find()
        .join(JoinType::InnerJoin, to_enrolment.into())
        .select_only()
        .columns([Column::EnrolmentId, Column::FromState, Column::Version])
        .column_as(enrolment::Column::Version, "present")
        .expr_as(Expr::exists(in_team).or(Expr::exists(works)), "took_part")
        .expr_as(Expr::exists(applied_again), "applied_again")
        .expr_as(Expr::exists(consent::taken_back(own)), "taken_back")
        .filter(Column::EnrolmentId.is_in(ids.iter().copied()))
        .into_model()
        .all(connection)
        .await?;
    let decided = |row: Row| {
        let decided = Decided {
            from: row.from_state,
            changed: row.taken_back || row.present != row.version,
            took_part: row.took_part,
            applied_again: row.applied_again,
        };
        (row.enrolment_id, decided)
    };
    Ok(rows.into_iter().map(decided).collect())
}
