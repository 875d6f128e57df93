//! The nominations of an institution, and how they come to be those of the one into which it was merged.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait, Query, SelectStatement};
use sea_orm::{QueryOrder, QuerySelect};

use super::{Column, Entity, Model};
use crate::domain::id::{EditionId, InstitutionId, InvitationId};
use crate::domain::invitation::InvitationState;
use crate::error::Result;
use crate::store::Tx;

/// The most rows of one statement.
const BATCH: usize = 10_000;

/// The editions for which an institution nominated somebody.
pub(in crate::store) fn editions(id: InstitutionId) -> SelectStatement {
    Query::select()
        .column(Column::ScopeId)
        .from(Entity)
        .and_where(Column::InstitutionId.eq(id))
        .to_owned()
}

fn of(id: InstitutionId, edition: EditionId) -> Select<Entity> {
    Entity::find()
        .filter(Column::InstitutionId.eq(id))
        .filter(Column::ScopeId.eq(edition.0))
        .order_by_asc(Column::Id)
}

/// Up to `limit` of the nominations that an institution wrote for a locked edition, whatever became of them, by
/// identifier, locked.
pub async fn lock(tx: &Tx, edition: EditionId, id: InstitutionId, limit: u64) -> Result<Vec<Model>> {
    Ok(of(id, edition).limit(limit).lock_exclusive().all(tx).await?)
}

/// Those that nobody has answered, locked.
pub async fn lock_open(tx: &Tx, edition: EditionId, id: InstitutionId) -> Result<Vec<Model>> {
    let list = of(id, edition).filter(Column::State.eq(InvitationState::Sent));
    Ok(list.lock_exclusive().all(tx).await?)
}

/// Makes locked nominations those of another institution; every version rises by one.
pub async fn lead(tx: &Tx, ids: &[InvitationId], into: InstitutionId) -> Result<()> {
    for batch in ids.chunks(BATCH) {
        Entity::update_many()
            .col_expr(Column::InstitutionId, Expr::value(into.0))
            .col_expr(Column::Version, Expr::col(Column::Version).add(1))
            .filter(Column::Id.is_in(batch.iter().copied()))
            .exec(tx)
            .await?;
    }
    Ok(())
}
