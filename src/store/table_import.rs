//! Tables that were handed over to be brought in: claimed by a worker for a time, worked off or cancelled, told of, and
//! forgotten. Their files are in [`super::table_import_file`], what came of each row in [`super::table_import_row`].

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait, LockBehavior, LockType, Query};
use sea_orm::{IntoActiveModel, Order, QueryOrder, QuerySelect, Set};

use super::announce::Topic;
use super::page::{Key, Page, Place, Wanted, fetch};
use super::row::{insert_all, lock_some};
use super::{Db, Tx, table_import_file, table_import_row};
use crate::domain::actor::Actor;
use crate::domain::id::{EditionId, InstitutionId, PersonId, TableImportId};
use crate::domain::language::Language;
use crate::domain::list::Mode;
use crate::domain::roster::cancelling::Progress;
use crate::domain::roster::waiting::UnderWay;
use crate::domain::roster::{ImportState, Kind};
use crate::error::Result;

/// What waits for a worker, as the partial index says it: with bound values the planner would not use it.
const WAITING: &str = "state IN ('queued', 'running')";

/// What awaits its file, in the same way.
const UNSENT: &str = "state = 'awaiting_file'";

/// A table that was handed over.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "table_import")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: TableImportId,
    pub owner_id: PersonId,
    pub kind: Kind,
    pub edition_id: Option<EditionId>,
    /// Who nominates; of nominations only.
    pub institution_id: Option<InstitutionId>,
    pub mode: Mode,
    pub dry_run: bool,
    pub notify: bool,
    pub language: Language,
    pub state: ImportState,
    pub form: Option<String>,
    pub ignored_columns: Json,
    pub fault: Option<Json>,
    pub carried_out: bool,
    pub total: i64,
    pub done: i64,
    pub created: i64,
    pub updated: i64,
    pub unchanged: i64,
    pub refused: i64,
    /// Rises with each claim: whoever reports with an older number has lost it.
    pub lease: i64,
    pub leased_until: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// How far it is.
    pub const fn progress(&self) -> Progress {
        Progress {
            mode: self.mode,
            carried_out: self.carried_out,
            done: self.done,
            total: self.total,
        }
    }
}

/// Keeps a new one.
pub async fn insert(tx: &Tx, row: Model) -> Result<Model> {
    let new: ActiveModel = row.clone().into_active_model();
    Entity::insert(new).exec_without_returning(tx).await?;
    Ok(row)
}

/// The actor's own, by its identifier; nobody sees another's.
pub async fn find_for(connection: &impl ConnectionTrait, actor: &Actor, id: TableImportId) -> Result<Option<Model>> {
    Ok(own(actor, id).one(connection).await?)
}

/// Those of the actor's own with these identifiers.
pub async fn by_ids_visible(
    connection: &impl ConnectionTrait,
    actor: &Actor,
    ids: &[TableImportId],
) -> Result<Vec<Model>> {
    let Some(owner) = actor.person.filter(|_| !ids.is_empty()) else {
        return Ok(Vec::new());
    };
    let rows = Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .filter(Column::OwnerId.eq(owner));
    Ok(rows.all(connection).await?)
}

/// The actor's own, by its identifier, held against others who change it.
pub async fn lock_for(tx: &Tx, actor: &Actor, id: TableImportId) -> Result<Option<Model>> {
    Ok(own(actor, id).lock_exclusive().one(tx).await?)
}

/// Those of a person that are not over, held against others who change them.
pub async fn lock_under_way(tx: &Tx, owner: PersonId) -> Result<Vec<Model>> {
    let under_way = [ImportState::AwaitingFile, ImportState::Queued, ImportState::Running];
    let theirs = Entity::find()
        .filter(Column::OwnerId.eq(owner))
        .filter(Column::State.is_in(under_way))
        .order_by_asc(Column::Id);
    Ok(theirs.lock_exclusive().all(tx).await?)
}

fn own(actor: &Actor, id: TableImportId) -> Select<Entity> {
    let owner = actor.person.map_or(uuid::Uuid::nil(), |person| person.0);
    Entity::find_by_id(id).filter(Column::OwnerId.eq(owner))
}

/// What a person has under way. The links of what was asked for up to `dead_since` are dead.
pub async fn under_way(
    connection: &impl ConnectionTrait,
    owner: PersonId,
    dead_since: DateTime<Utc>,
) -> Result<UnderWay> {
    let theirs = || Entity::find().filter(Column::OwnerId.eq(owner));
    let awaited = theirs()
        .filter(Expr::cust(UNSENT))
        .filter(Column::CreatedAt.gt(dead_since));
    let waiting = theirs().filter(Expr::cust(WAITING));
    Ok(UnderWay {
        awaited: awaited.count(connection).await?,
        waiting: waiting.count(connection).await?,
    })
}

/// A part of a person's, the newest first.
pub async fn page(connection: &impl ConnectionTrait, owner: PersonId, wanted: &Wanted) -> Result<Page<Model>> {
    let theirs = Entity::find().filter(Column::OwnerId.eq(owner));
    fetch(connection, theirs, (Column::CreatedAt, Column::Id), true, wanted).await
}

/// Where a row stands in a [`page`].
pub fn page_place(row: &Model) -> Place {
    Place {
        key: Key::Instant(row.created_at),
        id: row.id.0,
    }
}

fn unsent(before: DateTime<Utc>) -> Expr {
    Expr::cust(UNSENT).and(Column::CreatedAt.lte(before))
}

/// Whether there is one for [`lock_unsent`].
pub async fn is_unsent(connection: &impl ConnectionTrait, before: DateTime<Utc>) -> Result<bool> {
    Ok(Entity::find().filter(unsent(before)).one(connection).await?.is_some())
}

/// Up to `limit` that were asked for up to an instant and await their file, held; not those that somebody else holds.
pub async fn lock_unsent(tx: &Tx, before: DateTime<Utc>, limit: u64) -> Result<Vec<Model>> {
    Ok(Entity::find()
        .filter(unsent(before))
        .limit(limit)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .all(tx)
        .await?)
}

/// Gives a locked one up that awaits its file, with what is wrong.
pub async fn give_up(tx: &Tx, row: Model, fault: Json, at: DateTime<Utc>) -> Result<()> {
    tx.announce(Topic::Import(row.id));
    let ended = ActiveModel {
        state: Set(ImportState::Failed),
        fault: Set(Some(fault)),
        finished_at: Set(Some(at)),
        ..row.into()
    };
    ended.update(tx).await?;
    Ok(())
}

/// Hands a locked one over to the workers, with its file.
pub async fn set_queued(tx: &Tx, id: TableImportId, file: Vec<u8>) -> Result<()> {
    table_import_file::insert(tx, id, file).await?;
    tx.announce(Topic::Import(id));
    Entity::update_many()
        .col_expr(Column::State, Expr::value(ImportState::Queued))
        .filter(Column::Id.eq(id))
        .exec(tx)
        .await?;
    Ok(())
}

/// Takes the one that has waited longest, for some time; nobody else gets it meanwhile. It looks before it writes.
pub async fn claim(db: &Db, now: DateTime<Utc>, lease: TimeDelta) -> Result<Option<Model>> {
    let free = || {
        let held = Column::LeasedUntil.is_null().or(Column::LeasedUntil.lte(now));
        Expr::cust(WAITING).and(held)
    };
    if Entity::find().filter(free()).one(db.read()).await?.is_none() {
        return Ok(None);
    }
    let next = Query::select()
        .column(Column::Id)
        .from(Entity)
        .and_where(free())
        .order_by(Column::CreatedAt, Order::Asc)
        .order_by(Column::Id, Order::Asc)
        .limit(1)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .to_owned();
    let tx = db.write().await?;
    let rows = Entity::update_many()
        .col_expr(Column::State, Expr::value(ImportState::Running))
        .col_expr(Column::Lease, Expr::col(Column::Lease).add(1))
        .col_expr(Column::LeasedUntil, Expr::value(now + lease))
        .filter(Column::Id.in_subquery(next))
        .exec_with_returning(&tx)
        .await?;
    for row in &rows {
        tx.announce(Topic::Import(row.id));
    }
    tx.commit().await?;
    Ok(rows.into_iter().next())
}

/// Notes how far it is and holds it for longer; whether it is still held. Whoever follows it is told what is news.
pub async fn advance(
    db: &Db,
    held: &Model,
    (done, total): (i64, i64),
    is_news: bool,
    until: DateTime<Utc>,
) -> Result<bool> {
    let tx = db.write().await?;
    let noted = Entity::update_many()
        .col_expr(Column::Done, Expr::value(done))
        .col_expr(Column::Total, Expr::value(total))
        .col_expr(Column::LeasedUntil, Expr::value(until))
        .filter(Column::Id.eq(held.id))
        .filter(Column::Lease.eq(held.lease))
        .filter(Column::State.eq(ImportState::Running))
        .exec(&tx)
        .await?;
    let is_held = noted.rows_affected > 0;
    if is_held && is_news {
        tx.announce(Topic::Import(held.id));
    }
    tx.commit().await?;
    Ok(is_held)
}

/// Notes, in the transaction that carries rows out, that so many are done with it, and answers whether it may be
/// committed: whether the table still runs, and is with this worker. From here to its end nobody cancels or claims it.
pub async fn go_on(tx: &Tx, held: &Model, (done, total): (i64, i64)) -> Result<bool> {
    let noted = Entity::update_many()
        .col_expr(Column::CarriedOut, Expr::value(true))
        .col_expr(Column::Done, Expr::value(done))
        .col_expr(Column::Total, Expr::value(total))
        .filter(Column::Id.eq(held.id))
        .filter(Column::Lease.eq(held.lease))
        .filter(Column::State.eq(ImportState::Running))
        .exec(tx)
        .await?;
    Ok(noted.rows_affected > 0)
}

/// Ends a locked one in a state before it is done, and forgets its file. What its worker carried out until then is
/// told by [`finish`].
pub async fn end_early(tx: &Tx, row: Model, state: ImportState, at: DateTime<Utc>) -> Result<Model> {
    let id = row.id;
    tx.announce(Topic::Import(id));
    // Of what was written and not committed, nothing is done.
    let done = if row.carried_out { row.done } else { 0 };
    let ended = ActiveModel {
        state: Set(state),
        done: Set(done),
        leased_until: Set(None),
        finished_at: Set(Some(at)),
        ..row.into()
    };
    let row = ended.update(tx).await?;
    table_import_file::delete(tx, &[id]).await?;
    Ok(row)
}

/// Whether somebody cancelled it.
pub async fn is_cancelled(connection: &impl ConnectionTrait, id: TableImportId) -> Result<bool> {
    let found = Entity::find_by_id(id)
        .filter(Column::State.eq(ImportState::Cancelled))
        .one(connection)
        .await?;
    Ok(found.is_some())
}

/// Stores what came of it and forgets the file; nothing where somebody else holds it by now. One that was cancelled
/// meanwhile stays so, with what was carried out until then.
pub async fn finish(tx: &Tx, ended: Model, rows: Vec<table_import_row::Model>) -> Result<()> {
    let (id, lease) = (ended.id, ended.lease);
    let held = Entity::find_by_id(id)
        .filter(Column::Lease.eq(lease))
        .filter(Column::State.is_in([ImportState::Running, ImportState::Cancelled]))
        .lock_exclusive()
        .one(tx)
        .await?;
    let Some(held) = held else { return Ok(()) };
    tx.announce(Topic::Import(id));
    let (state, finished_at) = if held.state == ImportState::Cancelled {
        (held.state, held.finished_at)
    } else {
        (ended.state, ended.finished_at)
    };
    let row = ActiveModel {
        state: Set(state),
        form: Set(ended.form),
        ignored_columns: Set(ended.ignored_columns),
        fault: Set(ended.fault),
        carried_out: Set(ended.carried_out),
        total: Set(ended.total),
        done: Set(ended.done),
        created: Set(ended.created),
        updated: Set(ended.updated),
        unchanged: Set(ended.unchanged),
        refused: Set(ended.refused),
        leased_until: Set(None),
        finished_at: Set(finished_at),
        ..held.into()
    };
    row.update(tx).await?;
    insert_all(tx, rows).await?;
    table_import_file::delete(tx, &[id]).await
}

fn to_forget(before: DateTime<Utc>) -> Expr {
    Column::CreatedAt.lte(before).and(Expr::cust(WAITING).not())
}

/// Whether there is one for [`forget`].
pub async fn is_to_forget(connection: &impl ConnectionTrait, before: DateTime<Utc>) -> Result<bool> {
    Ok(Entity::find()
        .filter(to_forget(before))
        .one(connection)
        .await?
        .is_some())
}

/// Removes up to `limit` that were asked for before an instant and do not wait for a worker, with their rows.
pub async fn forget(tx: &Tx, before: DateTime<Utc>, limit: u64) -> Result<u64> {
    let ids: Vec<TableImportId> = lock_some(tx, Column::Id, to_forget(before), limit).await?;
    table_import_row::delete(tx, &ids).await?;
    table_import_file::delete(tx, &ids).await?;
    let gone = Entity::delete_many().filter(Column::Id.is_in(ids)).exec(tx).await?;
    Ok(gone.rows_affected)
}
