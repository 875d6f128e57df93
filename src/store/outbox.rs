//! Messages on their way: written in the transaction of what they announce, claimed by workers.
//!
//! A claim holds a row until its lease runs out and raises the number of the lease; whoever reports
//! back with an older number is told that the row is no longer theirs. `due_at` is always the instant
//! from which somebody may take the row: while it is held, that is the end of the lease.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, LockBehavior, LockType, Query};
use sea_orm::{
    ActiveModelBehavior, ActiveModelTrait, ColumnTrait, DeriveEntityModel, DerivePrimaryKey, DeriveRelation,
    EntityTrait, EnumIter, JsonValue as Json, Order, PrimaryKeyTrait, QueryFilter, QuerySelect, QueryTrait, Set,
};
use uuid::Uuid;

use super::{Connection, Db, Tx, person};
use crate::clock::Clock;
use crate::domain::id::PersonId;
use crate::domain::notice::Notice;
use crate::error::{Error, Result};

pub mod digest;
pub mod preference;

/// Waits for a worker.
pub const QUEUED: &str = "queued";
/// A worker holds it.
pub const SENDING: &str = "sending";
/// It left.
pub const SENT: &str = "sent";
/// Given up; somebody must look at it.
pub const DEAD: &str = "dead";

/// What is still to be sent, as the partial index says it: with bound values the planner would not use it.
const WAITING: &str = "state IN ('queued', 'sending')";
/// The same for what was given up.
const GIVEN_UP: &str = "state = 'dead'";
/// The same for what is not tried any more.
const SETTLED: &str = "state IN ('sent', 'dead')";
/// How long the first failure puts a message off; every further one doubles it.
const FIRST_DELAY: TimeDelta = TimeDelta::seconds(30);
/// The longest that a failure puts a message off.
const LONGEST_DELAY: TimeDelta = TimeDelta::hours(1);
/// How much of an error is kept.
const ERROR_LENGTH: usize = 500;

/// A message on its way.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "outbox")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub notice: String,
    pub recipient_id: PersonId,
    pub payload: Json,
    pub state: String,
    pub attempts: i64,
    pub due_at: DateTime<Utc>,
    pub lease: i64,
    pub leased_until: Option<DateTime<Utc>>,
    pub last_error: Option<String>,
    pub created_at: DateTime<Utc>,
    pub sent_at: Option<DateTime<Utc>>,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What became of a claimed message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It left.
    Sent,
    /// It is tried again from this instant on.
    PutOff(DateTime<Utc>),
    /// It was given up.
    Dead,
    /// The lease had run out and somebody else took the message: nothing was changed.
    Lost,
}

/// How the outbox stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// How many messages are still to be sent.
    pub queued: i64,
    /// Since when the oldest of them waits.
    pub oldest: Option<DateTime<Utc>>,
    /// How many were given up.
    pub dead: i64,
}

/// Writes a message down; it leaves after the transaction is committed. Gives its identifier.
pub async fn enqueue(tx: &Tx, clock: &Clock, recipient: PersonId, notice: &Notice) -> Result<Uuid> {
    let id = clock.new_id();
    let row = new_row(id, clock.now(), recipient, notice)?;
    let write = Entity::insert(row).into_query();
    tx.later("outbox", 1, write).await?;
    Ok(id)
}

/// Writes many messages down, a thousand with one statement.
pub async fn enqueue_all<'a>(
    tx: &Tx,
    clock: &Clock,
    messages: impl IntoIterator<Item = (PersonId, &'a Notice)>,
) -> Result<()> {
    let now = clock.now();
    let rows = messages
        .into_iter()
        .map(|(recipient, notice)| new_row(clock.new_id(), now, recipient, notice));
    let rows = rows.collect::<Result<Vec<_>>>()?;
    for batch in rows.chunks(1000) {
        let write = Entity::insert_many(batch.to_vec()).into_query();
        tx.later("outbox", batch.len(), write).await?;
    }
    Ok(())
}

fn new_row(id: Uuid, now: DateTime<Utc>, recipient: PersonId, notice: &Notice) -> Result<ActiveModel> {
    Ok(ActiveModel {
        id: Set(id),
        notice: Set(notice.name().to_owned()),
        recipient_id: Set(recipient),
        payload: Set(serde_json::to_value(notice).map_err(Error::internal)?),
        state: Set(QUEUED.to_owned()),
        attempts: Set(0),
        due_at: Set(now),
        lease: Set(0),
        leased_until: Set(None),
        last_error: Set(None),
        created_at: Set(now),
        sent_at: Set(None),
    })
}

/// Takes up to `limit` due messages for `lease_seconds`, oldest first; nobody else gets them meanwhile.
///
/// It looks before it writes, so that an idle worker never holds up those who write.
pub async fn claim(db: &Db, now: DateTime<Utc>, lease_seconds: i64, limit: u64) -> Result<Vec<Model>> {
    let is_due = || Expr::cust(WAITING).and(Column::DueAt.lte(now));
    if Entity::find().filter(is_due()).one(db.read()).await?.is_none() {
        return Ok(Vec::new());
    }
    let due = Query::select()
        .column(Column::Id)
        .from(Entity)
        .and_where(is_due())
        .order_by(Column::DueAt, Order::Asc)
        .order_by(Column::Id, Order::Asc)
        .limit(limit)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .to_owned();
    let until = now + TimeDelta::seconds(lease_seconds);
    let tx = db.write().await?;
    let mut rows = Entity::update_many()
        .col_expr(Column::State, Expr::value(SENDING))
        .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
        .col_expr(Column::Lease, Expr::col(Column::Lease).add(1))
        .col_expr(Column::LeasedUntil, Expr::value(until))
        .col_expr(Column::DueAt, Expr::value(until))
        .filter(Column::Id.in_subquery(due))
        .exec_with_returning(&tx)
        .await?;
    tx.commit().await?;
    rows.sort_by_key(|row| (row.created_at, row.id));
    Ok(rows)
}

/// The people to whom the messages go.
pub async fn recipients(db: &Db, rows: &[Model]) -> Result<HashMap<PersonId, person::Model>> {
    let ids = rows.iter().map(|row| row.recipient_id);
    let people = person::Entity::find()
        .filter(person::Column::Id.is_in(ids))
        .all(db.read())
        .await?;
    Ok(people.into_iter().map(|person| (person.id, person)).collect())
}

/// Closes a claimed message as sent and forgets its one-time token.
pub async fn mark_sent(db: &Db, id: Uuid, lease: i64, now: DateTime<Utc>) -> Result<Settled> {
    let tx = db.write().await?;
    let Some(row) = held(&tx, id, lease).await? else {
        return Ok(Settled::Lost);
    };
    let row = ActiveModel {
        state: Set(SENT.to_owned()),
        payload: Set(without_token(&row)),
        leased_until: Set(None),
        last_error: Set(None),
        sent_at: Set(Some(now)),
        ..row.into()
    };
    row.update(&tx).await?;
    tx.commit().await?;
    Ok(Settled::Sent)
}

/// What the message says without its one-time token, which is worth nothing to a message that is not sent again.
fn without_token(row: &Model) -> Json {
    let mut payload = row.payload.clone();
    if let Some(fields) = payload.as_object_mut() {
        fields.remove("token");
    }
    payload
}

/// Puts a claimed message off, each time for twice as long, or gives it up after `max_attempts` and forgets its
/// one-time token.
pub async fn mark_failed(
    db: &Db,
    id: Uuid,
    lease: i64,
    now: DateTime<Utc>,
    error: &str,
    max_attempts: i64,
) -> Result<Settled> {
    let tx = db.write().await?;
    let Some(row) = held(&tx, id, lease).await? else {
        return Ok(Settled::Lost);
    };
    let settled = if row.attempts >= max_attempts {
        Settled::Dead
    } else {
        Settled::PutOff(now + delay(row.attempts))
    };
    let spent = without_token(&row);
    let mut row = ActiveModel {
        leased_until: Set(None),
        last_error: Set(Some(error.chars().take(ERROR_LENGTH).collect())),
        ..row.into()
    };
    if let Settled::PutOff(due_at) = settled {
        row.state = Set(QUEUED.to_owned());
        row.due_at = Set(due_at);
    } else {
        row.state = Set(DEAD.to_owned());
        row.payload = Set(spent);
    }
    row.update(&tx).await?;
    tx.commit().await?;
    Ok(settled)
}

/// Takes a claimed message out, unsent, because who would read it does without messages of its kind; whether this lease
/// still held it.
pub async fn remove_unwanted(db: &Db, id: Uuid, lease: i64) -> Result<bool> {
    let tx = db.write().await?;
    let gone = Entity::delete_many()
        .filter(Column::Id.eq(id))
        .filter(Column::Lease.eq(lease))
        .filter(Column::State.eq(SENDING))
        .exec(&tx)
        .await?;
    tx.commit().await?;
    Ok(gone.rows_affected == 1)
}

fn to_forget(before: DateTime<Utc>) -> Expr {
    Expr::cust(SETTLED).and(Column::CreatedAt.lte(before))
}

/// Whether there is one for [`forget`].
pub async fn is_to_forget(connection: &impl Connection, before: DateTime<Utc>) -> Result<bool> {
    let found = Entity::find().filter(to_forget(before)).one(connection).await?;
    Ok(found.is_some())
}

/// Removes up to `limit` messages that were written before an instant and left, or were given up; how many there were.
pub async fn forget(tx: &Tx, before: DateTime<Utc>, limit: u64) -> Result<u64> {
    let due = Query::select()
        .column(Column::Id)
        .from(Entity)
        .and_where(to_forget(before))
        .limit(limit)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .to_owned();
    let gone = Entity::delete_many()
        .filter(Column::Id.in_subquery(due))
        .exec(tx)
        .await?;
    Ok(gone.rows_affected)
}

/// How many messages wait, since when, and how many were given up.
pub async fn counts(db: &Db) -> Result<Counts> {
    let waiting: Option<(i64, Option<DateTime<Utc>>)> = Entity::find()
        .select_only()
        .column_as(Column::Id.count(), "queued")
        .column_as(Column::CreatedAt.min(), "oldest")
        .filter(Expr::cust(WAITING))
        .into_tuple()
        .one(db.read())
        .await?;
    let dead: Option<i64> = Entity::find()
        .select_only()
        .column_as(Column::Id.count(), "dead")
        .filter(Expr::cust(GIVEN_UP))
        .into_tuple()
        .one(db.read())
        .await?;
    let (queued, oldest) = waiting.unwrap_or_default();
    Ok(Counts {
        queued,
        oldest,
        dead: dead.unwrap_or_default(),
    })
}

/// The message, if this lease still holds it; no one else can take it before `tx` ends.
async fn held(tx: &Tx, id: Uuid, lease: i64) -> Result<Option<Model>> {
    let row = Entity::find_by_id(id)
        .filter(Column::Lease.eq(lease))
        .filter(Column::State.eq(SENDING))
        .lock(LockType::Update)
        .one(tx)
        .await?;
    Ok(row)
}

/// How long the failure of this attempt (the first is 1) puts a message off.
fn delay(attempt: i64) -> TimeDelta {
    let doublings = u32::try_from((attempt - 1).clamp(0, 20)).unwrap_or_default();
    (FIRST_DELAY * 2_i32.pow(doublings)).min(LONGEST_DELAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_puts_off_twice_as_long_up_to_an_hour() {
        let seconds: Vec<i64> = [1, 2, 3, 7, 8, 12, i64::MAX]
            .map(|attempt| delay(attempt).num_seconds())
            .into();
        assert_eq!(seconds, [30, 60, 120, 1920, 3600, 3600, 3600]);
    }
}
