//! What names an institution that was merged into another one, and how it comes to name that one: roles, the seats that
//! an edition keeps, nominations, enrolments.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait, Query, UnionType};
use sea_orm::{Condition, QueryOrder, QuerySelect};

use super::{Column, Entity, Model, resolve};
use crate::domain::actor::Scope;
use crate::domain::id::{EditionId, EnrolmentId, InstitutionId, InvitationId, SeatPoolId};
use crate::domain::institution::InstitutionState;
use crate::error::Result;
use crate::store::announce::Topic;
use crate::store::{Tx, enrolment, invitation, role, seat_pool, tally};

/// The most rows of one statement.
const BATCH: usize = 10_000;

/// Stores that a locked organisation was merged into another one, with those that had been merged into it; its version
/// rises by one.
pub async fn merge(tx: &Tx, id: InstitutionId, into: InstitutionId, now: DateTime<Utc>) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::MergedInto, Expr::value(into.0))
        .filter(Column::MergedInto.eq(id))
        .exec(tx)
        .await?;
    Entity::update_many()
        .col_expr(Column::State, Expr::value(InstitutionState::Merged.word()))
        .col_expr(Column::MergedInto, Expr::value(into.0))
        .col_expr(Column::MergedAt, Expr::value(now))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(Column::Id.eq(id))
        .exec(tx)
        .await?;
    Ok(())
}

/// Up to `limit` of the merged organisations that something may still name, of those after `after`, by identifier.
pub async fn unfollowed(
    connection: &impl ConnectionTrait,
    after: Option<InstitutionId>,
    limit: u64,
) -> Result<Vec<Model>> {
    // Spelled out as the partial index has it.
    let mut list = Entity::find()
        .filter(Expr::cust("state = 'merged' AND followed_at IS NULL"))
        .order_by_asc(Column::Id)
        .limit(limit);
    if let Some(after) = after {
        list = list.filter(Column::Id.gt(after));
    }
    Ok(list.all(connection).await?)
}

/// Stores that nothing names a merged organisation any more.
pub async fn set_followed(tx: &Tx, id: InstitutionId, now: DateTime<Utc>) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::FollowedAt, Expr::value(now))
        .filter(Column::Id.eq(id))
        .exec(tx)
        .await?;
    Ok(())
}

/// The enrolments that name an organisation, as theirs or as that which nominated the person.
fn naming(id: InstitutionId) -> Condition {
    Condition::any()
        .add(enrolment::Column::InstitutionId.eq(id))
        .add(enrolment::Column::NominatedBy.eq(id))
}

/// How it is found out which enrolments name an organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// By the kept summaries, which tell it of every enrolment, and are much shorter.
    Summaries,
    /// By the enrolments themselves, every one of them.
    Enrolments,
}

/// The editions in which something names an organisation, in the order in which they are locked.
pub async fn editions_naming(
    connection: &impl ConnectionTrait,
    id: InstitutionId,
    look: Look,
) -> Result<BTreeSet<EditionId>> {
    let those = match look {
        Look::Summaries => Condition::all().add(enrolment::Column::NominatedBy.eq(id)),
        Look::Enrolments => naming(id),
    };
    let mut by_people = Query::select()
        .distinct()
        .column(enrolment::Column::EditionId)
        .from(enrolment::Entity)
        .cond_where(those)
        .to_owned();
    let by_pools = Query::select()
        .column(seat_pool::Column::EditionId)
        .from(seat_pool::Entity)
        .and_where(seat_pool::Column::InstitutionId.eq(id))
        .to_owned();
    let by_nominations = Query::select()
        .column(invitation::Column::ScopeId)
        .from(invitation::Entity)
        .and_where(invitation::Column::InstitutionId.eq(id))
        .to_owned();
    let all = by_people
        .union(UnionType::Distinct, by_pools)
        .union(UnionType::Distinct, by_nominations)
        .union(UnionType::Distinct, tally::editions_of(id));
    let found = connection.query_all(all).await?;
    let read = |row: sea_orm::QueryResult| row.try_get_by_index(0).map(EditionId);
    let editions: Result<_, DbErr> = found.into_iter().map(read).collect();
    Ok(editions?)
}

/// The enrolments of a locked edition that name an organisation, locked.
pub async fn lock_enrolments(tx: &Tx, edition: EditionId, id: InstitutionId) -> Result<Vec<enrolment::Model>> {
    let list = enrolment::Entity::find()
        .filter(enrolment::Column::EditionId.eq(edition))
        .filter(naming(id))
        .order_by_asc(enrolment::Column::Id);
    Ok(list.lock_exclusive().all(tx).await?)
}

/// Lets locked enrolments name the organisation into which another one was merged; every version rises by one.
pub async fn lead_enrolments(tx: &Tx, rows: &mut [enrolment::Model], from: InstitutionId, into: &Model) -> Result<()> {
    use enrolment::Column as Of;
    for batch in rows.chunks_mut(BATCH) {
        let those = |chosen: fn(&enrolment::Model) -> Option<InstitutionId>| -> Vec<EnrolmentId> {
            let rows = batch.iter().filter(|row| chosen(row) == Some(from));
            rows.map(|row| row.id).collect()
        };
        let people = those(|row| row.institution_id);
        let nominees = those(|row| row.nominated_by);
        enrolment::Entity::update_many()
            .col_expr(Of::InstitutionId, Expr::value(into.id.0))
            .col_expr(Of::InstitutionKind, Expr::value(into.kind.word()))
            .filter(Of::Id.is_in(people))
            .exec(tx)
            .await?;
        enrolment::Entity::update_many()
            .col_expr(Of::NominatedBy, Expr::value(into.id.0))
            .filter(Of::Id.is_in(nominees))
            .exec(tx)
            .await?;
        enrolment::Entity::update_many()
            .col_expr(Of::Version, Expr::col(Of::Version).add(1))
            .filter(Of::Id.is_in(batch.iter().map(|row| row.id)))
            .exec(tx)
            .await?;
        for row in batch {
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
    }
    Ok(())
}

/// The pools that a locked edition keeps, or kept, for an organisation.
pub async fn pools_for(tx: &Tx, edition: EditionId, id: InstitutionId) -> Result<Vec<seat_pool::Model>> {
    let list = seat_pool::Entity::find()
        .filter(seat_pool::Column::EditionId.eq(edition))
        .filter(seat_pool::Column::InstitutionId.eq(id))
        .order_by_asc(seat_pool::Column::Id);
    Ok(list.all(tx).await?)
}

/// Keeps a pool of a locked edition for another organisation; its version rises by one.
pub async fn lead_pool(tx: &Tx, id: SeatPoolId, into: InstitutionId) -> Result<()> {
    use seat_pool::Column as Of;
    seat_pool::Entity::update_many()
        .col_expr(Of::InstitutionId, Expr::value(into.0))
        .col_expr(Of::Version, Expr::col(Of::Version).add(1))
        .filter(Of::Id.eq(id))
        .exec(tx)
        .await?;
    Ok(())
}

/// Makes one pool of two of a locked edition, neither of them released: whoever has a seat of the one has a seat of the
/// other from now on. The first leaves before its seats come to the other, so that no instant keeps more than there is.
pub async fn join_pools(tx: &Tx, from: &seat_pool::Model, into: SeatPoolId) -> Result<()> {
    use seat_pool::Column as Of;
    enrolment::Entity::update_many()
        .col_expr(enrolment::Column::SeatPoolId, Expr::value(into.0))
        .filter(enrolment::Column::SeatPoolId.eq(from.id))
        .exec(tx)
        .await?;
    seat_pool::Entity::delete_by_id(from.id).exec(tx).await?;
    seat_pool::Entity::update_many()
        .col_expr(Of::Seats, Expr::col(Of::Seats).add(from.seats))
        .col_expr(Of::Taken, Expr::col(Of::Taken).add(from.taken))
        .col_expr(Of::Held, Expr::col(Of::Held).add(from.held))
        .col_expr(Of::Version, Expr::col(Of::Version).add(1))
        .filter(Of::Id.eq(into))
        .exec(tx)
        .await?;
    Ok(())
}

/// The nominations that an organisation wrote for a locked edition, whatever became of them, locked.
pub async fn lock_nominations(tx: &Tx, edition: EditionId, id: InstitutionId) -> Result<Vec<invitation::Model>> {
    let list = invitation::Entity::find()
        .filter(invitation::Column::InstitutionId.eq(id))
        .filter(invitation::Column::ScopeId.eq(edition.0))
        .order_by_asc(invitation::Column::Id);
    Ok(list.lock_exclusive().all(tx).await?)
}

/// Makes locked nominations those of another organisation; every version rises by one.
pub async fn lead_nominations(tx: &Tx, ids: &[InvitationId], into: InstitutionId) -> Result<()> {
    use invitation::Column as Of;
    for batch in ids.chunks(BATCH) {
        invitation::Entity::update_many()
            .col_expr(Of::InstitutionId, Expr::value(into.0))
            .col_expr(Of::Version, Expr::col(Of::Version).add(1))
            .filter(Of::Id.is_in(batch.iter().copied()))
            .exec(tx)
            .await?;
    }
    Ok(())
}

fn in_scope_of(id: InstitutionId) -> Condition {
    let (kind, _) = role::columns(Scope::Institution(id));
    Condition::all()
        .add(role::Column::ScopeKind.eq(kind))
        .add(role::Column::ScopeId.eq(id.0))
}

/// Whether there is a role in an organisation, in force or not.
pub async fn has_roles(connection: &impl ConnectionTrait, id: InstitutionId) -> Result<bool> {
    let any = role::Entity::find().filter(in_scope_of(id)).one(connection).await?;
    Ok(any.is_some())
}

/// The roles in an organisation, those that ended too, locked.
pub async fn lock_roles(tx: &Tx, id: InstitutionId) -> Result<Vec<role::Model>> {
    let list = role::Entity::find()
        .filter(in_scope_of(id))
        .order_by_asc(role::Column::Id);
    Ok(list.lock_exclusive().all(tx).await?)
}

/// Lets the roles in an organisation hold in the other one.
pub async fn lead_roles(tx: &Tx, from: InstitutionId, into: InstitutionId) -> Result<()> {
    role::Entity::update_many()
        .col_expr(role::Column::ScopeId, Expr::value(into.0))
        .filter(in_scope_of(from))
        .exec(tx)
        .await?;
    Ok(())
}

/// The organisation to which a merged one leads now.
pub async fn led_to(tx: &Tx, id: InstitutionId) -> Result<Option<Model>> {
    let row = resolve(tx, id).await?;
    Ok(row.filter(|row| row.id != id))
}
