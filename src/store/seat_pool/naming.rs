//! The pools that are kept for an institution, and how they come to be kept for the one into which it was merged.

use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait, Query, SelectStatement};

use super::{Column, Entity, Model};
use crate::domain::id::{EditionId, InstitutionId, SeatPoolId};
use crate::error::Result;
use crate::store::{Tx, edition, enrolment};

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
/// other from now on. Until everybody has moved both keep the seats of the first, so for that long the edition has that
/// much more room.
pub async fn join(tx: &Tx, from: &Model, into: SeatPoolId) -> Result<()> {
    make_room(tx, from.edition_id, from.seats).await?;
    Entity::update_many()
        .col_expr(Column::Seats, Expr::col(Column::Seats).add(from.seats))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(Column::Id.eq(into))
        .exec(tx)
        .await?;
    enrolment::Entity::update_many()
        .col_expr(enrolment::Column::SeatPoolId, Expr::value(into.0))
        .filter(enrolment::Column::SeatPoolId.eq(from.id))
        .exec(tx)
        .await?;
    Entity::delete_by_id(from.id).exec(tx).await?;
    make_room(tx, from.edition_id, -from.seats).await
}

/// So many more seats in an edition that has a capacity.
async fn make_room(tx: &Tx, edition: EditionId, seats: i64) -> Result<()> {
    edition::Entity::update_many()
        .col_expr(
            edition::Column::Capacity,
            Expr::col(edition::Column::Capacity).add(seats),
        )
        .filter(edition::Column::Id.eq(edition))
        .exec(tx)
        .await?;
    Ok(())
}
