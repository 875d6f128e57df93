//! Enrolments: one person in one edition, with the declaration frozen in it.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait, Query, SelectStatement};
use sea_orm::{Condition, QueryOrder, QuerySelect, QueryTrait, Set};
use uuid::Uuid;

use super::edition::reach;
use super::page::{Key, Page, Place, Wanted, fetch};
use super::{Tx, allocation, team_member};
use crate::domain::actor::{Actor, Reach, Role};
use crate::domain::enrolment::EnrolmentState;
use crate::domain::id::{EditionId, EnrolmentId, InstitutionId, PersonId, SeatPoolId};
use crate::domain::institution::InstitutionKind;
use crate::domain::language::Language;
use crate::domain::person::{ConstituentGroup, Gender, Snapshot};
use crate::domain::seats::{Origin, Seat, Use};
use crate::domain::statistics::{Cell, Fact};
use crate::error::Result;

pub mod decision;
mod list;
pub mod naming;
pub mod transfer;

pub(super) use list::in_order;
pub use list::{Consents, Filter, Order, page_of_edition};

/// One person in one edition, with the declaration frozen in it.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "enrolment")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: EnrolmentId,
    pub edition_id: EditionId,
    pub person_id: PersonId,
    pub person_number: i64,
    pub state: EnrolmentState,
    pub motivation: String,
    pub applied_at: DateTime<Utc>,
    pub applied_month: String,
    pub gender: Gender,
    pub country: String,
    pub institution_id: Option<InstitutionId>,
    pub constituent_group: ConstituentGroup,
    pub language: Language,
    pub nominated_by: Option<InstitutionId>,
    pub works_submitted: i64,
    pub works_released: i64,
    pub grade: Option<i64>,
    pub version: i64,
    pub seat_pool_id: Option<SeatPoolId>,
    pub waiting_rank: Option<i64>,
    pub offered_until: Option<DateTime<Utc>>,
    pub institution_kind: Option<InstitutionKind>,
    pub score: i64,
}

/// The score of an application that nobody has scored: such ones come last.
pub const UNSCORED: i64 = -1;

impl Model {
    /// The mean of what its assessors found, in thousandths of 100; `None` where nobody has scored it.
    pub fn mean(&self) -> Option<i64> {
        (self.score != UNSCORED).then_some(self.score)
    }

    /// What decides which seats the person may take.
    pub fn origin(&self) -> Origin<'_> {
        Origin {
            institution: self.institution_id,
            country: &self.country,
            group: self.constituent_group,
        }
    }

    /// The seat that it has, or that is held for it.
    pub fn seat(&self) -> Option<(Seat, Use)> {
        let seat = Seat::from(self.seat_pool_id);
        if self.state.takes_seat() {
            Some((seat, Use::Taken))
        } else {
            self.offered_until.map(|_| (seat, Use::Held))
        }
    }

    /// Whether one of these institutions nominated the person, and the nomination stands.
    pub fn is_nominated_by(&self, institutions: &[InstitutionId]) -> bool {
        self.state.keeps_nomination()
            && self
                .nominated_by
                .is_some_and(|nominator| institutions.contains(&nominator))
    }
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What a statistic counts and divides by.
pub fn fact(row: &Model) -> Fact {
    Fact {
        enrolment: row.id,
        person: row.person_id,
        person_number: row.person_number,
        cell: Cell {
            edition: row.edition_id,
            status: row.state,
            gender: row.gender,
            country: row.country.clone(),
            institution: row.institution_id.map_or(Uuid::nil(), |id| id.0),
            constituent_group: row.constituent_group,
            language: row.language,
            month: row.applied_month.clone(),
            institution_kind: row.institution_kind,
        },
        submitted: row.works_submitted,
        released: row.works_released,
    }
}

/// The enrolments of people whom the actor's institution nominated, as long as the nomination stands.
pub fn nominated_by(actor: &Actor) -> Condition {
    let standing = EnrolmentState::ALL.iter().filter(|state| state.keeps_nomination());
    Condition::all()
        .add(Column::NominatedBy.is_in(actor.institutions()))
        .add(Column::State.is_in(standing.copied()))
}

/// The enrolments that exist for this actor: their own, those of teams allocated to them, those that
/// their institution nominated, those of editions that they coordinate.
pub fn visible_to(actor: &Actor) -> Condition {
    let mut visible = Condition::any();
    if let Some(person) = actor.person {
        visible = visible.add(Column::PersonId.eq(person));
        if actor.holds(Role::Tutor) {
            let allocated = team_member::enrolments_in(allocation::teams_of(actor));
            visible = visible.add(Column::Id.in_subquery(allocated));
        }
    }
    if !actor.institutions().is_empty() {
        visible = visible.add(nominated_by(actor));
    }
    match actor.coordinated() {
        Reach::Everywhere => Condition::all(),
        Reach::Within { .. } => visible.add(reach::coordinated(actor, Column::EditionId)),
    }
}

/// The enrolment, if it exists for the actor.
pub async fn find_for(connection: &impl ConnectionTrait, actor: &Actor, id: EnrolmentId) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(id).filter(visible_to(actor)).one(connection).await?)
}

/// The enrolments with these identifiers that exist for the actor, locked until the transaction ends.
pub async fn lock_for(tx: &Tx, actor: &Actor, ids: &[EnrolmentId]) -> Result<Vec<Model>> {
    let list = Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .filter(visible_to(actor));
    Ok(list.order_by_asc(Column::Id).lock_exclusive().all(tx).await?)
}

/// The same, of one edition, which must be locked.
pub async fn lock_in(tx: &Tx, actor: &Actor, edition: EditionId, ids: &[EnrolmentId]) -> Result<Vec<Model>> {
    let list = Entity::find()
        .filter(Column::EditionId.eq(edition))
        .filter(Column::Id.is_in(ids.iter().copied()))
        .filter(visible_to(actor));
    Ok(list.order_by_asc(Column::Id).lock_exclusive().all(tx).await?)
}

/// The rows with these identifiers, in no order; absent ones are left out.
pub async fn by_ids(connection: &impl ConnectionTrait, ids: &[EnrolmentId]) -> Result<Vec<Model>> {
    Ok(Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .all(connection)
        .await?)
}

/// Those of the rows with these identifiers that exist for the actor.
pub async fn by_ids_visible(
    connection: &impl ConnectionTrait,
    actor: &Actor,
    ids: &[EnrolmentId],
) -> Result<Vec<Model>> {
    let rows = Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .filter(visible_to(actor));
    Ok(rows.all(connection).await?)
}

/// The person's enrolments in these editions, whatever their state.
pub async fn of_person_in(
    connection: &impl ConnectionTrait,
    person: PersonId,
    editions: &[EditionId],
) -> Result<Vec<Model>> {
    let list = Entity::find()
        .filter(Column::PersonId.eq(person))
        .filter(Column::EditionId.is_in(editions.iter().copied()))
        .order_by_asc(Column::AppliedAt)
        .order_by_asc(Column::Id);
    Ok(list.all(connection).await?)
}

/// How many enrolments an edition has, whatever became of them.
pub async fn count_in(connection: &impl ConnectionTrait, edition: EditionId) -> Result<u64> {
    let list = Entity::find().filter(Column::EditionId.eq(edition));
    Ok(list.count(connection).await?)
}

/// The enrolments of these people in the edition, whatever their state, the oldest first.
pub async fn of_people_in(
    connection: &impl ConnectionTrait,
    people: &[PersonId],
    edition: EditionId,
) -> Result<HashMap<PersonId, Vec<Model>>> {
    let list = Entity::find()
        .filter(Column::EditionId.eq(edition))
        .filter(Column::PersonId.is_in(people.iter().copied()))
        .order_by_asc(Column::AppliedAt)
        .order_by_asc(Column::Id);
    let mut found: HashMap<_, Vec<_>> = HashMap::new();
    for row in list.all(connection).await? {
        found.entry(row.person_id).or_default().push(row);
    }
    Ok(found)
}

/// The cells of the statistics in which people stand with their enrolments: person, edition, state, gender,
/// country.
pub async fn cells_of_people(
    connection: &impl ConnectionTrait,
    people: &[PersonId],
) -> Result<Vec<(PersonId, EditionId, EnrolmentState, Gender, String)>> {
    let cells = Entity::find()
        .select_only()
        .columns([
            Column::PersonId,
            Column::EditionId,
            Column::State,
            Column::Gender,
            Column::Country,
        ])
        .filter(Column::PersonId.is_in(people.iter().copied()))
        .into_tuple()
        .all(connection)
        .await?;
    Ok(cells)
}

/// Where a row stands in a list in this order.
pub fn page_place_in(order: Order, row: &Model) -> Place {
    match order {
        Order::OldestFirst | Order::NewestFirst => page_place(row),
        Order::BestFirst => Place {
            key: Key::Number(row.score),
            id: row.id.0,
        },
    }
}

/// Where a row stands in a list by time of application.
pub fn page_place(row: &Model) -> Place {
    Place {
        key: Key::Instant(row.applied_at),
        id: row.id.0,
    }
}

/// A page of a person's own enrolments, the latest application first.
pub async fn page_of_person(
    connection: &impl ConnectionTrait,
    person: PersonId,
    wanted: &Wanted,
) -> Result<Page<Model>> {
    let list = Entity::find().filter(Column::PersonId.eq(person));
    fetch(connection, list, (Column::AppliedAt, Column::Id), true, wanted).await
}

/// The person's latest applications, whatever came of them.
pub async fn latest_of_person(connection: &impl ConnectionTrait, person: PersonId, limit: u64) -> Result<Vec<Model>> {
    let list = Entity::find()
        .filter(Column::PersonId.eq(person))
        .order_by_desc(Column::AppliedAt)
        .order_by_desc(Column::Id)
        .limit(limit);
    Ok(list.all(connection).await?)
}

/// Stores a new enrolment of a person who, as the lock of the edition has shown, has no live one in it. The unique
/// index holds the same; where it is the one that refuses, the request is tried again.
pub async fn insert(tx: &Tx, row: &Model) -> Result<()> {
    let write = Entity::insert(ActiveModel::from(row.clone())).into_query();
    tx.later("enrolment", 1, write).await?;
    Ok(())
}

/// The live enrolments in the edition, without columns. Their states are spelled out as the unique index has them:
/// with bound values the planner would not use it.
pub(super) fn live_in(edition: EditionId) -> SelectStatement {
    let words: Vec<&str> = EnrolmentState::ALL
        .iter()
        .filter(|state| state.is_live())
        .map(|state| state.word())
        .collect();
    in_states(edition, format!("state IN ('{}')", words.join("', '")))
}

pub(super) fn in_states(edition: EditionId, states: String) -> SelectStatement {
    Query::select()
        .expr(Expr::val(1))
        .from(Entity)
        .and_where(Column::EditionId.eq(edition))
        .and_where(Expr::cust(states))
        .to_owned()
}

/// The edition's enrolments in one of these states, locked.
pub async fn lock_in_states(tx: &Tx, edition: EditionId, states: &[EnrolmentState]) -> Result<Vec<Model>> {
    let list = Entity::find()
        .filter(Column::EditionId.eq(edition))
        .filter(Column::State.is_in(states.iter().copied()))
        .order_by_asc(Column::Id);
    Ok(list.lock_exclusive().all(tx).await?)
}

/// Moves enrolments, which must be locked, to `state`; every version rises by one. What was offered is so no longer.
pub async fn set_state(tx: &Tx, ids: &[EnrolmentId], state: EnrolmentState) -> Result<()> {
    for batch in ids.chunks(10_000) {
        Entity::update_many()
            .col_expr(Column::State, Expr::value(state))
            .col_expr(Column::OfferedUntil, Expr::value(None::<DateTime<Utc>>))
            .col_expr(Column::Version, Expr::col(Column::Version).add(1))
            .filter(Column::Id.is_in(batch.iter().copied()))
            .exec(tx)
            .await?;
    }
    Ok(())
}

/// Freezes a declaration in a row.
pub fn freeze(row: &mut Model, snapshot: &Snapshot) {
    row.gender = snapshot.gender;
    row.country = snapshot
        .country
        .as_ref()
        .map_or_else(String::new, |country| country.as_ref().to_owned());
    row.institution_id = snapshot.institution;
    row.institution_kind = snapshot.institution_kind;
    row.constituent_group = snapshot.constituent_group;
    row.language = snapshot.language;
}

/// Stores the frozen declaration of a locked row, and its version.
pub async fn set_snapshot(tx: &Tx, row: &Model) -> Result<()> {
    let changed = ActiveModel {
        id: Set(row.id),
        gender: Set(row.gender),
        country: Set(row.country.clone()),
        institution_id: Set(row.institution_id),
        constituent_group: Set(row.constituent_group),
        language: Set(row.language),
        institution_kind: Set(row.institution_kind),
        version: Set(row.version),
        ..Default::default()
    };
    Entity::update(changed).exec(tx).await?;
    Ok(())
}
