//! The roll of an edition: its enrolments as lists show them, with the person and the institution.

use sea_orm::prelude::*;
use sea_orm::{Iterable, JoinType, QueryResult, QuerySelect};

use super::page::{Cells, Page, Place, Wanted, page, part};
use super::{enrolment, institution, person};
use crate::domain::actor::Actor;
use crate::domain::id::EditionId;
use crate::error::Result;

/// An enrolment with what a list of enrolments shows beside it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The enrolment.
    pub enrolment: enrolment::Model,
    /// Whose it is.
    pub person: person::Card,
    /// The name of the institution as declared for it.
    pub institution: Option<String>,
}

/// The same page as [`enrolment::page_of_edition`], with people and institutions from the same statement.
pub async fn page_of_edition(
    connection: &impl ConnectionTrait,
    actor: &Actor,
    edition: EditionId,
    filter: &enrolment::Filter,
    order: enrolment::Order,
    wanted: &Wanted,
) -> Result<Page<Entry>> {
    let to_person = enrolment::Entity::belongs_to(person::Entity)
        .from(enrolment::Column::PersonId)
        .to(person::Column::Id);
    let to_institution = enrolment::Entity::belongs_to(institution::Entity)
        .from(enrolment::Column::InstitutionId)
        .to(institution::Column::Id);
    let list = enrolment::in_order(actor, edition, filter, order)
        .select_only()
        .columns(enrolment::Column::iter())
        .columns([
            person::Column::GivenName,
            person::Column::FamilyName,
            person::Column::Email,
        ])
        .column(institution::Column::Name)
        .join(JoinType::InnerJoin, to_person.into())
        .join(JoinType::LeftJoin, to_institution.into());
    let list = part(
        list,
        (order.key(), enrolment::Column::Id),
        order.falls(),
        wanted,
        connection.get_database_backend(),
    )?;
    let rows = connection.query_all_raw(list).await?;
    let entries: Result<Vec<Entry>, DbErr> = rows.iter().map(entry).collect();
    Ok(page(entries?, wanted))
}

/// Reads a row by position, in the order in which the statement names the columns: their names occur more
/// than once, and to look a name up in every row of every page costs more than the rest of the reading.
fn entry(row: &QueryResult) -> Result<Entry, DbErr> {
    let mut cells = Cells { row, next: 0 };
    let enrolment = enrolment::Model {
        id: cells.take()?,
        edition_id: cells.take()?,
        person_id: cells.take()?,
        person_number: cells.take()?,
        state: cells.take()?,
        motivation: cells.take()?,
        applied_at: cells.take()?,
        applied_month: cells.take()?,
        gender: cells.take()?,
        country: cells.take()?,
        institution_id: cells.take()?,
        constituent_group: cells.take()?,
        language: cells.take()?,
        nominated_by: cells.take()?,
        works_submitted: cells.take()?,
        works_released: cells.take()?,
        grade: cells.take()?,
        version: cells.take()?,
        seat_pool_id: cells.take()?,
        waiting_rank: cells.take()?,
        offered_until: cells.take()?,
        institution_kind: cells.take()?,
        score: cells.take()?,
    };
    let person = person::Card {
        id: enrolment.person_id,
        number: enrolment.person_number,
        given_name: cells.take()?,
        family_name: cells.take()?,
        email: cells.take()?,
    };
    Ok(Entry {
        enrolment,
        person,
        institution: cells.take()?,
    })
}

/// Where an entry stands in the list in this order.
pub fn page_place_in(order: enrolment::Order, entry: &Entry) -> Place {
    enrolment::page_place_in(order, &entry.enrolment)
}
