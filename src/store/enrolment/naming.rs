//! Enrolments by the institution that they name, as that of the person or as that which nominated them, and how they
//! come to name the one into which it was merged.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait, Query, SelectStatement};
use sea_orm::{Condition, QueryOrder, QuerySelect};

use super::{Column, Entity, Model};
use crate::domain::id::{EditionId, EnrolmentId, InstitutionId};
use crate::error::Result;
use crate::store::announce::Topic;
use crate::store::{Tx, institution};

fn naming(id: InstitutionId) -> Condition {
    nominated_by(id).add(Column::InstitutionId.eq(id))
}

fn nominated_by(id: InstitutionId) -> Condition {
    Condition::any().add(Column::NominatedBy.eq(id))
}

/// The editions of enrolments that name an institution.
pub(in crate::store) fn editions(id: InstitutionId) -> SelectStatement {
    editions_of(naming(id))
}

/// The editions of people whom an institution nominated.
pub(in crate::store) fn editions_of_nominees(id: InstitutionId) -> SelectStatement {
    editions_of(nominated_by(id))
}

fn editions_of(those: Condition) -> SelectStatement {
    Query::select()
        .distinct()
        .column(Column::EditionId)
        .from(Entity)
        .cond_where(those)
        .to_owned()
}

/// Up to `limit` of the enrolments of a locked edition that name an institution, by identifier, locked.
pub async fn lock(tx: &Tx, edition: EditionId, id: InstitutionId, limit: u64) -> Result<Vec<Model>> {
    let list = Entity::find()
        .filter(Column::EditionId.eq(edition))
        .filter(naming(id))
        .order_by_asc(Column::Id)
        .limit(limit);
    Ok(list.lock_exclusive().all(tx).await?)
}

/// Lets locked enrolments name the institution into which another one was merged; every version rises by one. They go
/// to the database by their identifiers, so they are those of one [`lock`].
pub async fn lead(tx: &Tx, rows: &mut [Model], from: InstitutionId, into: &institution::Model) -> Result<()> {
    let those = |chosen: fn(&Model) -> Option<InstitutionId>| -> Vec<EnrolmentId> {
        let rows = rows.iter().filter(|row| chosen(row) == Some(from));
        rows.map(|row| row.id).collect()
    };
    let people = those(|row| row.institution_id);
    let nominees = those(|row| row.nominated_by);
    Entity::update_many()
        .col_expr(Column::InstitutionId, Expr::value(into.id.0))
        .col_expr(Column::InstitutionKind, Expr::value(into.kind.word()))
        .filter(Column::Id.is_in(people))
        .exec(tx)
        .await?;
    Entity::update_many()
        .col_expr(Column::NominatedBy, Expr::value(into.id.0))
        .filter(Column::Id.is_in(nominees))
        .exec(tx)
        .await?;
    Entity::update_many()
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(Column::Id.is_in(rows.iter().map(|row| row.id)))
        .exec(tx)
        .await?;
    for row in rows {
        if row.institution_id == Some(from) {
            row.institution_id = Some(into.id);
            row.institution_kind = Some(into.kind);
        }
        if row.nominated_by == Some(from) {
            row.nominated_by = Some(into.id);
        }
        row.version += 1;
        tx.announce(Topic::Person(row.person_id));
        tx.announce(Topic::Edition(row.edition_id));
    }
    Ok(())
}
