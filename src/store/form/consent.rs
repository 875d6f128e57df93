//! What people said to the purposes of forms: a row each time, of which the last one stands. Append-only.

use chrono::{DateTime, Utc};
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait, Query, SelectStatement};

use crate::domain::audit::Via;
use crate::domain::form::consent::Agreed;
use crate::domain::id::{ApplicationFormId, ConsentId, EnrolmentId, PersonId};
use crate::domain::language::Language;
use crate::error::Result;
use crate::store::page::{Key, Page, Place, Wanted, fetch};
use crate::store::row::insert_all;
use crate::store::{Tx, enrolment};

/// What somebody said to a purpose, once: append-only.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "consent")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ConsentId,
    pub enrolment_id: EnrolmentId,
    pub person_id: PersonId,
    pub form_id: ApplicationFormId,
    pub purpose: String,
    pub text_version: i64,
    pub language: Language,
    pub given: bool,
    pub required: bool,
    pub via: Via,
    pub stated_at: DateTime<Utc>,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// When something is said, and through what.
#[derive(Debug, Clone, Copy)]
pub struct Occasion {
    /// When.
    pub at: DateTime<Utc>,
    /// Through what.
    pub via: Via,
}

impl Model {
    /// A new row of what the person of an enrolment says to a purpose of a form, not yet stored.
    pub fn new(
        id: ConsentId,
        enrolment: &enrolment::Model,
        form: ApplicationFormId,
        said: Agreed,
        occasion: Occasion,
    ) -> Self {
        Self {
            id,
            enrolment_id: enrolment.id,
            person_id: enrolment.person_id,
            form_id: form,
            purpose: said.purpose,
            text_version: said.text_version,
            language: said.language,
            given: said.given,
            required: said.required,
            via: occasion.via,
            stated_at: occasion.at,
        }
    }

    /// What was said.
    pub fn said(&self) -> Agreed {
        Agreed {
            purpose: self.purpose.clone(),
            text_version: self.text_version,
            language: self.language,
            given: self.given,
            required: self.required,
        }
    }
}

/// Whether a row is the last one of its enrolment about its purpose. The two columns are compared together, so that an
/// index finds a later one at once: somebody may have changed their mind ten thousand times.
fn stands() -> Expr {
    let other = |column: Column| Expr::col(("other", column));
    let own = |column: Column| Expr::col((Entity, column));
    let there = Expr::tuple([other(Column::StatedAt), other(Column::Id)]);
    let here = Expr::tuple([own(Column::StatedAt), own(Column::Id)]);
    let others = Query::select()
        .expr(Expr::val(1))
        .from_as(Entity, "other")
        .and_where(other(Column::EnrolmentId).eq(own(Column::EnrolmentId)))
        .and_where(other(Column::Purpose).eq(own(Column::Purpose)))
        .and_where(there.gt(here))
        .to_owned();
    Expr::exists(others).not()
}

/// That an enrolment's person took back what nobody takes part without, for a statement that names the enrolment.
pub(in crate::store) fn taken_back(enrolment: Expr) -> SelectStatement {
    Query::select()
        .expr(Expr::val(1))
        .from(Entity)
        .and_where(Expr::col((Entity, Column::EnrolmentId)).eq(enrolment))
        .and_where(Expr::col((Entity, Column::Required)).eq(true))
        .and_where(Expr::col((Entity, Column::Given)).eq(false))
        .and_where(stands())
        .to_owned()
}

/// That an enrolment's person consents to a purpose, for a statement that names the enrolment.
pub(in crate::store) fn given(enrolment: Expr, purpose: &str) -> SelectStatement {
    Query::select()
        .expr(Expr::val(1))
        .from(Entity)
        .and_where(Expr::col((Entity, Column::EnrolmentId)).eq(enrolment))
        .and_where(Expr::col((Entity, Column::Purpose)).eq(purpose))
        .and_where(Expr::col((Entity, Column::Given)).eq(true))
        .and_where(stands())
        .to_owned()
}

/// What stands of these enrolments, one row a purpose, in the order in which it was said.
pub async fn standing(connection: &impl ConnectionTrait, enrolments: &[EnrolmentId]) -> Result<Vec<Model>> {
    let rows = Entity::find()
        .filter(Column::EnrolmentId.is_in(enrolments.iter().copied()))
        .filter(stands())
        .order_by_asc(Column::StatedAt)
        .order_by_asc(Column::Id);
    Ok(rows.all(connection).await?)
}

/// What was said last for an enrolment, which must be locked, to a purpose.
pub async fn last(tx: &Tx, enrolment: EnrolmentId, purpose: &str) -> Result<Option<Model>> {
    let rows = Entity::find()
        .filter(Column::EnrolmentId.eq(enrolment))
        .filter(Column::Purpose.eq(purpose))
        .order_by_desc(Column::StatedAt)
        .order_by_desc(Column::Id);
    Ok(rows.one(tx).await?)
}

/// Where a row stands in the list by time.
pub fn page_place(row: &Model) -> Place {
    Place {
        key: Key::Instant(row.stated_at),
        id: row.id.0,
    }
}

/// A page of everything that a person said, the latest first.
pub async fn page_of_person(
    connection: &impl ConnectionTrait,
    person: PersonId,
    wanted: &Wanted,
) -> Result<Page<Model>> {
    let list = Entity::find().filter(Column::PersonId.eq(person));
    fetch(connection, list, (Column::StatedAt, Column::Id), true, wanted).await
}

/// Stores what was said.
pub async fn insert(tx: &Tx, rows: Vec<Model>) -> Result<()> {
    insert_all(tx, rows).await
}
