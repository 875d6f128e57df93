//! The pools that are kept for an institution, and how they come to be kept for the one into which it was merged.

use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait, Query, SelectStatement};

use super::{Column, Entity, Model};
use crate::domain::id::{EditionId, InstitutionId, SeatPoolId};
use crate::error::Result;
use crate::store::{Tx, enrolment};

/// The editions that keep seats for an institution, or kept some.
pub(in crate::store) fn editions(id: InstitutionId) -> SelectStatement {
    Query::select()
        .column(Column::EditionId)
        .from(Entity)
        .and_where(Column::InstitutionId.eq(id))
        .to_owned()
}

/// The pools that a locked edition keeps, or kept, for an institution.
pub async fn of_institution(tx: &Tx, edition: EditionId, id: InstitutionId) -> Result<Vec<Model>> {
    let list = Entity::find()
        .filter(Column::EditionId.eq(edition))
        .filter(Column::InstitutionId.eq(id))
        .order_by_asc(Column::Id);
    Ok(list.all(tx).await?)
}

/// Keeps a pool of a locked edition for another institution; its version rises by one.
pub async fn lead(tx: &Tx, id: SeatPoolId, into: InstitutionId) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::InstitutionId, Expr::value(into.0))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(Column::Id.eq(id))
        .exec(tx)
        .await?;
    Ok(())
}

/// Makes one pool of two of a locked edition, neither of them released: whoever has a seat of the one has a seat of the
/// other from now on. The first leaves before its seats come to the other, so that no instant keeps more than there is.
pub async fn join(tx: &Tx, from: &Model, into: SeatPoolId) -> Result<()> {
    enrolment::Entity::update_many()
        .col_expr(enrolment::Column::SeatPoolId, Expr::value(into.0))
        .filter(enrolment::Column::SeatPoolId.eq(from.id))
        .exec(tx)
        .await?;
    Entity::delete_by_id(from.id).exec(tx).await?;
    Entity::update_many()
        .col_expr(Column::Seats, Expr::col(Column::Seats).add(from.seats))
        .col_expr(Column::Taken, Expr::col(Column::Taken).add(from.taken))
        .col_expr(Column::Held, Expr::col(Column::Held).add(from.held))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(Column::Id.eq(into))
        .exec(tx)
        .await?;
    Ok(())
}
