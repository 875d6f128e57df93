//! The enrolments of an edition as somebody wants to see them: which ones, and in which order.

use chrono::{DateTime, Utc};
use sea_orm::Condition;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait};

use super::{Column, Entity, Model, visible_to};
use crate::domain::actor::Actor;
use crate::domain::enrolment::EnrolmentState;
use crate::domain::id::{EditionId, InstitutionId};
use crate::domain::language::Language;
use crate::domain::person::ConstituentGroup;
use crate::error::Result;
use crate::store::form::consent;
use crate::store::institution;
use crate::store::page::{Page, Wanted, fetch};
use crate::store::row::nothing;

/// Which enrolments of a list are wanted; an empty list does not restrict.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only these states.
    pub states: Vec<EnrolmentState>,
    /// Only these countries (two letters; empty for not stated).
    pub countries: Vec<String>,
    /// Only these institutions, and those that were merged into one of them.
    pub institutions: Vec<InstitutionId>,
    /// Only these constituent groups.
    pub constituent_groups: Vec<ConstituentGroup>,
    /// Only people who want to be written to in these languages.
    pub languages: Vec<Language>,
    /// Only people whom these institutions nominated, or those that were merged into one of them.
    pub nominated_by: Vec<InstitutionId>,
    /// Only those who applied then or later.
    pub applied_from: Option<DateTime<Utc>>,
    /// Only those who applied before.
    pub applied_until: Option<DateTime<Utc>>,
    /// Only those who consent to some purposes, or who do not.
    pub consents: Option<Consents>,
}

/// Whether somebody consents to the purposes with these keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consents {
    /// To one at least they do not.
    Missing(Vec<String>),
    /// To all they do.
    Given(Vec<String>),
}

impl Consents {
    /// The condition; nobody misses what nobody requires.
    fn condition(&self) -> Condition {
        let own = || Expr::col((Entity, Column::Id));
        let given = |purpose: &String| Expr::exists(consent::given(own(), purpose));
        match self {
            Self::Missing(purposes) => {
                let none = Condition::any().add(nothing());
                let each = purposes.iter().map(given);
                each.fold(none, |any, given| any.add(given.not()))
            }
            Self::Given(purposes) => {
                let all = Condition::all().add(Expr::cust("1 = 1"));
                purposes.iter().map(given).fold(all, Condition::add)
            }
        }
    }
}

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// The first application first.
    #[default]
    OldestFirst,
    /// The last application first.
    NewestFirst,
    /// The highest mean of the assessors first, those that nobody has scored last.
    BestFirst,
}

impl Order {
    /// Whether the key of the list falls.
    pub const fn falls(self) -> bool {
        matches!(self, Self::NewestFirst | Self::BestFirst)
    }

    /// The key of the list.
    pub(in crate::store) const fn key(self) -> Column {
        match self {
            Self::OldestFirst | Self::NewestFirst => Column::AppliedAt,
            Self::BestFirst => Column::Score,
        }
    }
}

/// A page of an edition's enrolments that exist for the actor.
pub async fn page_of_edition(
    connection: &impl ConnectionTrait,
    actor: &Actor,
    edition: EditionId,
    filter: &Filter,
    order: Order,
    wanted: &Wanted,
) -> Result<Page<Model>> {
    let list = in_order(actor, edition, filter, order);
    fetch(connection, list, (order.key(), Column::Id), order.falls(), wanted).await
}

/// The same as [`in_edition`], for a list in this order: nobody finds out by it how their own application was scored.
pub(in crate::store) fn in_order(actor: &Actor, edition: EditionId, filter: &Filter, order: Order) -> Select<Entity> {
    let list = in_edition(actor, edition, filter);
    match (order, actor.person) {
        (Order::BestFirst, Some(person)) => list.filter(Column::PersonId.ne(person)),
        (Order::OldestFirst | Order::NewestFirst | Order::BestFirst, _) => list,
    }
}

/// The edition's enrolments that exist for the actor and fit the filter, in no order.
fn in_edition(actor: &Actor, edition: EditionId, filter: &Filter) -> Select<Entity> {
    let of = |column: Column| Expr::col((Entity, column));
    let mut list = Entity::find()
        .filter(Column::EditionId.eq(edition))
        .filter(visible_to(actor));
    if !filter.states.is_empty() {
        list = list.filter(Column::State.is_in(filter.states.iter().copied()));
    }
    if !filter.countries.is_empty() {
        list = list.filter(Column::Country.is_in(filter.countries.iter().cloned()));
    }
    if !filter.institutions.is_empty() {
        list = list.filter(institution::family(of(Column::InstitutionId), &filter.institutions));
    }
    if !filter.constituent_groups.is_empty() {
        list = list.filter(Column::ConstituentGroup.is_in(filter.constituent_groups.iter().copied()));
    }
    if !filter.languages.is_empty() {
        list = list.filter(Column::Language.is_in(filter.languages.iter().copied()));
    }
    if !filter.nominated_by.is_empty() {
        list = list.filter(institution::family(of(Column::NominatedBy), &filter.nominated_by));
    }
    if let Some(from) = filter.applied_from {
        list = list.filter(Column::AppliedAt.gte(from));
    }
    if let Some(until) = filter.applied_until {
        list = list.filter(Column::AppliedAt.lt(until));
    }
    if let Some(consents) = &filter.consents {
        list = list.filter(consents.condition());
    }
    list
}
