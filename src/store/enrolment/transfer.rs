//! Enrolments that go on in another edition: from which one to which.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{CommonTableExpression, Expr, ExprTrait, Order, Query, UnionType, WithClause};
use sea_orm::{Condition, FromQueryResult, QueryOrder, QueryTrait};

use crate::domain::actor::Actor;
use crate::domain::id::{EnrolmentId, PersonId};
use crate::error::Result;
use crate::store::{Tx, enrolment};

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
pub async fn insert(tx: &Tx, row: Model) -> Result<()> {
    let write = Entity::insert(ActiveModel::from(row)).into_query();
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

/// As what each of these enrolments stands for the actor: the last that exists for them of itself and of those as which
/// it went on. One statement, however often somebody was transferred.
pub async fn last_of(
    connection: &impl ConnectionTrait,
    actor: &Actor,
    ids: &[EnrolmentId],
) -> Result<HashMap<EnrolmentId, enrolment::Model>> {
    let own = (enrolment::Entity, enrolment::Column::Id);
    let mut query = enrolment::Entity::find()
        .filter(enrolment::visible_to(actor))
        .into_query();
    query
        .column(("onward", "first_id"))
        .inner_join("onward", Expr::col(("onward", "last_id")).equals(own))
        .order_by(("onward", "place"), Order::Asc);
    let mut last = HashMap::new();
    for row in connection.query_all(&query.with(onward(ids))).await? {
        let first: EnrolmentId = row.try_get("", "first_id")?;
        last.insert(first, enrolment::Model::from_query_result(&row, "")?);
    }
    Ok(last)
}

/// These enrolments, each with itself and with all as which it went on, in their order.
fn onward(ids: &[EnrolmentId]) -> WithClause {
    let of = |column: &'static str| Expr::col(("onward", column));
    let mut steps = Query::select();
    steps
        .column(enrolment::Column::Id)
        .column(enrolment::Column::Id)
        .expr(Expr::val(0_i64))
        .from(enrolment::Entity)
        .and_where(enrolment::Column::Id.is_in(ids.iter().copied()));
    let next = Query::select()
        .column(("onward", "first_id"))
        .column((Entity, Column::ToId))
        .expr(of("place").add(1_i64))
        .from("onward")
        .inner_join(Entity, of("last_id").equals((Entity, Column::FromId)))
        .to_owned();
    steps.union(UnionType::All, next);
    let mut part = CommonTableExpression::new();
    part.table_name("onward")
        .columns(["first_id", "last_id", "place"])
        .query(steps);
    let mut clause = WithClause::new();
    clause.recursive(true).cte(part);
    clause
}
