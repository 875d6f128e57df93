//! Seats that are kept for an institution, a constituent group or a country.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait, Query};
use sea_orm::{Condition, QueryOrder, QuerySelect, Set};

use super::waiting::WAITING;
use super::{Tx, edition, enrolment, row, unique_or};
use crate::domain::id::{EditionId, EnrolmentId, InstitutionId, SeatPoolId};
use crate::domain::person::ConstituentGroup;
use crate::domain::seats::{Former, KeptFor, Ledger, Pool, PoolDraft, Seat};
use crate::error::{Code, Error, Result};

pub mod naming;
pub mod standings;

/// Seats that are kept for some.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "seat_pool")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: SeatPoolId,
    pub edition_id: EditionId,
    pub institution_id: Option<InstitutionId>,
    pub country: Option<String>,
    pub constituent_group: Option<ConstituentGroup>,
    pub seats: i64,
    pub taken: i64,
    pub held: i64,
    pub overflow: bool,
    pub releases_at: Option<DateTime<Utc>>,
    pub released_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub version: i64,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// A new pool of an edition, not yet stored.
    pub fn new(id: SeatPoolId, edition: EditionId, kept_for: &KeptFor, draft: PoolDraft, now: DateTime<Utc>) -> Self {
        let mut row = Self {
            id,
            edition_id: edition,
            institution_id: None,
            country: None,
            constituent_group: None,
            seats: draft.seats,
            taken: 0,
            held: 0,
            overflow: draft.overflow,
            releases_at: draft.releases_at,
            released_at: None,
            created_at: now,
            version: 1,
        };
        match kept_for {
            KeptFor::Institution(id) => row.institution_id = Some(*id),
            KeptFor::Group(group) => row.constituent_group = Some(*group),
            KeptFor::Country(country) => row.country = Some(country.as_ref().to_owned()),
        }
        row
    }

    /// The pool as the ledger has it.
    ///
    /// # Errors
    /// [`Error::Internal`] for a row that the database should have refused.
    pub fn pool(&self) -> Result<Pool> {
        let kept_for = match (self.institution_id, self.constituent_group, &self.country) {
            (Some(id), None, None) => KeptFor::Institution(id),
            (None, Some(group), None) => KeptFor::Group(group),
            (None, None, Some(country)) => KeptFor::Country(row::country(country)?),
            _ => return Err(Error::internal("a seat pool for nobody")),
        };
        Ok(Pool {
            id: self.id,
            kept_for,
            seats: self.seats,
            taken: self.taken,
            held: self.held,
            overflow: self.overflow,
        })
    }

    /// How many seats anybody may take once it is a pool no more.
    pub fn given_to_all(&self) -> [(Seat, i64); 1] {
        let kept = if self.released_at.is_none() {
            self.seats - self.taken - self.held
        } else {
            0
        };
        [(Seat::General, kept)]
    }

    /// The pool as an edition that is planned like its own may have it.
    ///
    /// # Errors
    /// As [`Model::pool`].
    pub fn former(&self) -> Result<Former> {
        Ok(Former {
            kept_for: self.pool()?.kept_for,
            draft: PoolDraft {
                seats: self.seats,
                releases_at: self.releases_at,
                overflow: self.overflow,
            },
            released_at: self.released_at,
        })
    }
}

/// The pool, if there is one.
pub async fn find(connection: &impl ConnectionTrait, id: SeatPoolId) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(id).one(connection).await?)
}

/// The seats of an edition as this row of it has them, with what is kept in pools that are not released. Without a
/// question where the row shows that there are none.
pub async fn ledger(connection: &impl ConnectionTrait, of: &edition::Model) -> Result<Ledger> {
    if of.seat_pools == 0 {
        return Ok(Ledger::new(of.seats(), Vec::new()));
    }
    let rows = Entity::find()
        .filter(Column::EditionId.eq(of.id))
        .filter(Column::ReleasedAt.is_null())
        .all(connection)
        .await?;
    let kept: Result<Vec<Pool>> = rows.iter().map(Model::pool).collect();
    Ok(Ledger::new(of.seats(), kept?))
}

/// All pools of an edition, the released ones too.
pub async fn of_edition(tx: &Tx, edition: EditionId) -> Result<Vec<Model>> {
    let list = Entity::find().filter(Column::EditionId.eq(edition));
    Ok(list
        .order_by_asc(Column::CreatedAt)
        .order_by_asc(Column::Id)
        .all(tx)
        .await?)
}

/// Stores a new pool.
///
/// # Errors
/// [`Code::Taken`] at `at` when the edition keeps seats for the same already.
pub async fn insert(tx: &Tx, row: Model, at: &str) -> Result<()> {
    let inserted = Entity::insert(ActiveModel::from(row)).exec_without_returning(tx).await;
    inserted.map_err(unique_or(Error::at(at, Code::Taken)))?;
    Ok(())
}

/// Stores what a pool of a locked edition is planned to be; its version rises by one.
pub async fn set_draft(tx: &Tx, row: &mut Model, draft: PoolDraft) -> Result<()> {
    row.seats = draft.seats;
    row.overflow = draft.overflow;
    row.releases_at = draft.releases_at;
    row.version += 1;
    let changed = ActiveModel {
        id: Set(row.id),
        seats: Set(row.seats),
        overflow: Set(row.overflow),
        releases_at: Set(row.releases_at),
        version: Set(row.version),
        ..Default::default()
    };
    Entity::update(changed).exec(tx).await?;
    Ok(())
}

/// Stores that enrolments, which must be locked, have seats of a pool, or general ones.
pub async fn give(tx: &Tx, of: Option<SeatPoolId>, to: &[EnrolmentId]) -> Result<()> {
    for batch in to.chunks(10_000) {
        enrolment::Entity::update_many()
            .col_expr(enrolment::Column::SeatPoolId, Expr::value(of.map(|pool| pool.0)))
            .filter(enrolment::Column::Id.is_in(batch.iter().copied()))
            .exec(tx)
            .await?;
    }
    Ok(())
}

/// Releases a pool of a locked edition: what it keeps is for everybody. Its version rises by one.
pub async fn release(tx: &Tx, id: SeatPoolId, now: DateTime<Utc>) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::ReleasedAt, Expr::value(now))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(Column::Id.eq(id))
        .exec(tx)
        .await?;
    Ok(())
}

/// Removes a pool of a locked edition; whoever has a seat of it has a general one from now on. It keeps nothing before
/// they leave it, so that no instant keeps more than there is.
pub async fn remove(tx: &Tx, id: SeatPoolId, now: DateTime<Utc>) -> Result<()> {
    release(tx, id, now).await?;
    enrolment::Entity::update_many()
        .col_expr(enrolment::Column::SeatPoolId, Expr::value(None::<Uuid>))
        .filter(enrolment::Column::SeatPoolId.eq(id))
        .exec(tx)
        .await?;
    Entity::delete_by_id(id).exec(tx).await?;
    Ok(())
}

fn due(now: DateTime<Utc>) -> Condition {
    Condition::all()
        .add(Column::ReleasedAt.is_null())
        .add(Column::ReleasesAt.lte(now))
}

/// Up to `limit` of the pools that are due to be released, of those after `after`, by identifier.
pub async fn all_due(
    connection: &impl ConnectionTrait,
    now: DateTime<Utc>,
    after: Option<SeatPoolId>,
    limit: u64,
) -> Result<Vec<Model>> {
    let mut list = Entity::find().filter(due(now)).order_by_asc(Column::Id).limit(limit);
    if let Some(after) = after {
        list = list.filter(Column::Id.gt(after));
    }
    Ok(list.all(connection).await?)
}

/// The pool of a locked edition, if it is due to be released.
pub async fn find_due(tx: &Tx, id: SeatPoolId, now: DateTime<Utc>) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(id).filter(due(now)).one(tx).await?)
}

/// The figures of an edition's seats that are not in its row.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// How many wait, and are offered nothing.
    pub waiting: i64,
    /// The pools in the order in which they were made, each with how many wait who belong to it.
    pub pools: Vec<(Model, i64)>,
}

/// The figures of these editions.
pub async fn figures(connection: &impl ConnectionTrait, editions: &[EditionId]) -> Result<HashMap<EditionId, Figures>> {
    use enrolment::Column as Of;
    let mut all: HashMap<EditionId, Figures> = HashMap::new();
    let waiting: Vec<(EditionId, i64)> = enrolment::Entity::find()
        .select_only()
        .column(Of::EditionId)
        .column_as(Of::Id.count(), "waiting")
        .filter(Of::EditionId.is_in(editions.iter().copied()))
        .filter(Expr::cust(WAITING))
        .group_by(Of::EditionId)
        .into_tuple()
        .all(connection)
        .await?;
    for (edition, waiting) in waiting {
        all.entry(edition).or_default().waiting = waiting;
    }
    let pools = Entity::find()
        .filter(Column::EditionId.is_in(editions.iter().copied()))
        .order_by_asc(Column::CreatedAt)
        .order_by_asc(Column::Id)
        .all(connection)
        .await?;
    let waiting = waiting_of(connection, editions).await?;
    for pool in pools {
        let waiting = waiting.get(&pool.id).copied().unwrap_or(0);
        all.entry(pool.edition_id).or_default().pools.push((pool, waiting));
    }
    Ok(all)
}

/// How many wait who belong to each pool of these editions; a pool for which nobody waits is left out.
async fn waiting_of(connection: &impl ConnectionTrait, editions: &[EditionId]) -> Result<HashMap<SeatPoolId, i64>> {
    use enrolment::Column as Of;
    let column = |column: Column| Expr::col((Entity, column));
    let of = |column: Of| Expr::col((enrolment::Entity, column));
    let belongs = of(Of::InstitutionId)
        .eq(column(Column::InstitutionId))
        .or(of(Of::Country).eq(column(Column::Country)))
        .or(of(Of::ConstituentGroup).eq(column(Column::ConstituentGroup)));
    let list = Query::select()
        .column((Entity, Column::Id))
        .expr_as(of(Of::Id).count(), "waiting")
        .from(Entity)
        .inner_join(
            enrolment::Entity,
            of(Of::EditionId).eq(column(Column::EditionId)).and(belongs),
        )
        .and_where(column(Column::EditionId).is_in(editions.iter().copied()))
        .and_where(Expr::cust(WAITING))
        .group_by_col((Entity, Column::Id))
        .to_owned();
    let rows = connection.query_all(&list).await?;
    let read = |row: sea_orm::QueryResult| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?));
    let counts: Result<_, DbErr> = rows.into_iter().map(read).collect();
    Ok(counts?)
}
