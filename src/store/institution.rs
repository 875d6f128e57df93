//! The register of organisations, and what was proposed for it. One that was merged into another stays, and leads to
//! it.

use std::iter;

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{Condition, FromQueryResult, QueryOrder, QuerySelect};

use super::page::{Key, Page, Place, Wanted, fetch};
use super::row::{contains, holds};
use super::{Tx, unique_or};
use crate::domain::actor::Scope;
use crate::domain::id::{InstitutionId, PersonId};
use crate::domain::institution::{InstitutionKind, InstitutionState};
use crate::domain::roster::Listed;
use crate::domain::text::{Country, SearchText, Title, fold};
use crate::domain::version::stale_version;
use crate::error::{Code, Error, Fault, Result};

pub mod merger;

/// A registered organisation.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "institution")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: InstitutionId,
    pub code: Option<String>,
    pub name: String,
    pub aliases: Json,
    pub country: String,
    pub kind: InstitutionKind,
    pub merged_into: Option<InstitutionId>,
    pub created_at: DateTime<Utc>,
    pub version: i64,
    /// Where the name stands in a list: [`order_key`](crate::domain::text::order_key) of it.
    pub name_key: String,
    /// What a search looks through: [`search_text`] of the name and the aliases.
    pub search_text: String,
    /// As it is stored; [`Model::standing`] says where it stands.
    pub state: InstitutionState,
    /// Who found it missing, where it did not come from the register's own keepers.
    pub proposed_by: Option<PersonId>,
    /// When it was merged.
    pub merged_at: Option<DateTime<Utc>>,
    /// When everything that named it had followed.
    pub followed_at: Option<DateTime<Utc>>,
    /// When it was refused, of one that was proposed.
    pub refused_at: Option<DateTime<Utc>>,
}

impl Model {
    /// Where it stands: a refused proposal is stored as a proposal that was refused at an instant.
    pub const fn standing(&self) -> InstitutionState {
        match self.refused_at {
            Some(_) => InstitutionState::Refused,
            None => self.state,
        }
    }

    /// The other names as texts.
    pub fn other_names(&self) -> Vec<String> {
        texts(&self.aliases).map(ToOwned::to_owned).collect()
    }

    /// Whether it is there for a person who does not settle proposals: theirs are, those of others are not, and what
    /// was refused is there for nobody.
    pub fn is_shown_to(&self, person: Option<PersonId>) -> bool {
        match self.standing() {
            InstitutionState::Refused => false,
            InstitutionState::Proposed => person.is_some() && self.proposed_by == person,
            InstitutionState::Registered | InstitutionState::Merged => true,
        }
    }
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The other names that a column holds.
fn texts(aliases: &Json) -> impl Iterator<Item = &str> {
    aliases.as_array().into_iter().flatten().filter_map(Json::as_str)
}

/// The rows with these identifiers, in no order; absent ones are left out.
pub async fn by_ids(connection: &impl ConnectionTrait, ids: &[InstitutionId]) -> Result<Vec<Model>> {
    Ok(Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .all(connection)
        .await?)
}

/// The row with this identifier, if there is one.
pub async fn find(connection: &impl ConnectionTrait, id: InstitutionId) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(id).one(connection).await?)
}

/// The row with this identifier, or the one into which it was merged.
pub async fn resolve(connection: &impl ConnectionTrait, id: InstitutionId) -> Result<Option<Model>> {
    match find(connection, id).await? {
        Some(Model {
            merged_into: Some(target),
            ..
        }) => find(connection, target).await,
        row => Ok(row),
    }
}

/// What those need of a row who look many names up.
#[derive(Debug, FromQueryResult)]
struct Naming {
    id: InstitutionId,
    merged_into: Option<InstitutionId>,
    code: Option<String>,
    name: String,
    aliases: Json,
    country: String,
    kind: InstitutionKind,
}

/// Up to `limit` of the register, of those after `after`, by identifier, for those who look many names up in it; those
/// merged into others stand for them. What was only proposed is not in it.
pub async fn listed(
    connection: &impl ConnectionTrait,
    after: Option<InstitutionId>,
    limit: u64,
) -> Result<Vec<Listed>> {
    let mut list = Entity::find()
        .select_only()
        .columns([
            Column::Id,
            Column::MergedInto,
            Column::Code,
            Column::Name,
            Column::Aliases,
            Column::Country,
            Column::Kind,
        ])
        .filter(Column::State.ne(InstitutionState::Proposed))
        .order_by_asc(Column::Id)
        .limit(limit);
    if let Some(after) = after {
        list = list.filter(Column::Id.gt(after));
    }
    let rows: Vec<Naming> = list.into_model().all(connection).await?;
    let listed = rows.into_iter().map(|row| Listed {
        id: row.id,
        merged_into: row.merged_into,
        code: row.code,
        names: texts(&row.aliases)
            .chain([row.name.as_str()])
            .map(ToOwned::to_owned)
            .collect(),
        country: row.country,
        kind: row.kind,
    });
    Ok(listed.collect())
}

/// The rows with these identifiers, locked in one order until the transaction ends.
pub async fn lock(tx: &Tx, ids: &[InstitutionId]) -> Result<Vec<Model>> {
    let list = Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .order_by_asc(Column::Id);
    Ok(list.lock_exclusive().all(tx).await?)
}

/// Where a role holds that was given in this scope: that of an institution goes with it when it is merged.
pub async fn settled(connection: &impl ConnectionTrait, scope: Scope) -> Result<Scope> {
    let Scope::Institution(id) = scope else {
        return Ok(scope);
    };
    let row = resolve(connection, id).await?;
    Ok(row.map_or(scope, |row| Scope::Institution(row.id)))
}

/// That a column names one of these institutions, one that was merged into one of them, or the one into which one of
/// them was merged: enrolments follow a little later.
pub(super) fn family(column: Expr, ids: &[InstitutionId]) -> Condition {
    let given = || ids.iter().map(|id| id.0);
    let led = |wanted: Column, by: Column| {
        Query::select()
            .column(wanted)
            .from(Entity)
            .and_where(by.is_in(given()))
            .and_where(Column::MergedInto.is_not_null())
            .to_owned()
    };
    Condition::any()
        .add(column.clone().is_in(given()))
        .add(column.clone().in_subquery(led(Column::Id, Column::MergedInto)))
        .add(column.in_subquery(led(Column::MergedInto, Column::Id)))
}

/// What a reader looks for in the register.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Part of a name or alias, whatever its case and accents.
    pub search: Option<SearchText>,
    /// Of this country only.
    pub country: Option<Country>,
}

/// What a search looks through.
pub fn search_text<'a>(name: &'a str, aliases: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = iter::once(name).chain(aliases).collect();
    fold(&names.join(" "))
}

/// A part of the register by name, whatever its case and accents, without those that were merged into another, and with
/// what the reader proposed.
pub async fn page(
    connection: &impl ConnectionTrait,
    reader: Option<PersonId>,
    filter: &Filter,
    wanted: &Wanted,
) -> Result<Page<Model>> {
    let own = reader.map(|person| waits().add(Column::ProposedBy.eq(person)));
    let shown = Condition::any()
        .add(Column::State.eq(InstitutionState::Registered))
        .add_option(own);
    let mut list = Entity::find().filter(shown);
    if let Some(country) = &filter.country {
        list = list.filter(Column::Country.eq(country.as_ref()));
    }
    if let Some(search) = &filter.search {
        list = list.filter(contains(Column::SearchText, search));
    }
    fetch(connection, list, (Column::NameKey, Column::Id), false, wanted).await
}

/// Where a row stands in a [`page`].
pub fn page_place(row: &Model) -> Place {
    Place {
        key: Key::Text(row.name_key.clone()),
        id: row.id.0,
    }
}

/// Those that were proposed, and neither settled nor refused.
fn waits() -> Condition {
    Condition::all()
        .add(Column::State.eq(InstitutionState::Proposed))
        .add(Column::RefusedAt.is_null())
}

/// A part of what was proposed and waits, the oldest first.
pub async fn page_of_proposals(connection: &impl ConnectionTrait, wanted: &Wanted) -> Result<Page<Model>> {
    // Spelled out as the partial index has it: with a bound value the planner would not use it.
    let list = Entity::find().filter(Expr::cust("state = 'proposed' AND refused_at IS NULL"));
    fetch(connection, list, (Column::CreatedAt, Column::Id), false, wanted).await
}

/// Where a row stands in [`page_of_proposals`].
pub fn proposal_place(row: &Model) -> Place {
    Place {
        key: Key::Instant(row.created_at),
        id: row.id.0,
    }
}

/// What a person proposed that still waits, or that was proposed after an instant.
pub async fn proposals_of(
    connection: &impl ConnectionTrait,
    person: PersonId,
    after: DateTime<Utc>,
) -> Result<Vec<Model>> {
    let counted = Condition::any().add(waits()).add(Column::CreatedAt.gt(after));
    let list = Entity::find().filter(Column::ProposedBy.eq(person)).filter(counted);
    Ok(list.all(connection).await?)
}

/// The most rows in which a name is looked for.
const LOOKED_THROUGH: u64 = 1000;

/// Those of the register in a country in whose names this one stands, whole or in part.
pub async fn like(connection: &impl ConnectionTrait, country: &Country, name: &Title) -> Result<Vec<Model>> {
    let list = Entity::find()
        .filter(Column::State.eq(InstitutionState::Registered))
        .filter(Column::Country.eq(country.as_ref()))
        .filter(holds(Column::SearchText, name.as_ref()))
        .order_by_asc(Column::NameKey)
        .order_by_asc(Column::Id)
        .limit(LOOKED_THROUGH);
    Ok(list.all(connection).await?)
}

/// Registers an organisation.
///
/// # Errors
/// [`Code::Taken`] for a code that another one has.
pub async fn insert(tx: &Tx, row: Model) -> Result<Model> {
    let row = ActiveModel {
        id: Set(row.id),
        code: Set(row.code),
        name: Set(row.name),
        aliases: Set(row.aliases),
        country: Set(row.country),
        kind: Set(row.kind),
        merged_into: Set(row.merged_into),
        created_at: Set(row.created_at),
        version: Set(row.version),
        name_key: Set(row.name_key),
        search_text: Set(row.search_text),
        state: Set(row.state),
        proposed_by: Set(row.proposed_by),
        merged_at: Set(row.merged_at),
        followed_at: Set(row.followed_at),
        refused_at: Set(row.refused_at),
    };
    row.insert(tx).await.map_err(unique_or(Fault::at("code", Code::Taken)))
}

/// Replaces what is registered of an organisation, and its state, if it is still as `expected`.
///
/// # Errors
/// [`Code::StaleVersion`] when it is not, [`Code::Taken`] for a code that another one has.
pub async fn set(tx: &Tx, row: &Model, expected: i64) -> Result<Model> {
    let rows = Entity::update_many()
        .col_expr(Column::Code, Expr::value(row.code.clone()))
        .col_expr(Column::Name, Expr::value(row.name.clone()))
        .col_expr(Column::NameKey, Expr::value(row.name_key.clone()))
        .col_expr(Column::SearchText, Expr::value(row.search_text.clone()))
        .col_expr(Column::Aliases, Expr::value(row.aliases.clone()))
        .col_expr(Column::Country, Expr::value(row.country.clone()))
        .col_expr(Column::Kind, Expr::value(row.kind.word()))
        .col_expr(Column::State, Expr::value(row.state.word()))
        .col_expr(Column::Version, Expr::value(expected + 1))
        .filter(Column::Id.eq(row.id))
        .filter(Column::Version.eq(expected))
        .exec_with_returning(tx)
        .await
        .map_err(unique_or(Fault::at("code", Code::Taken)))?;
    let stale = || Error::from(stale_version("version", row.version));
    rows.into_iter().next().ok_or_else(stale)
}

/// Refuses a locked proposal; its version rises by one.
pub async fn set_refused(tx: &Tx, row: &Model, now: DateTime<Utc>) -> Result<Model> {
    let version = row.version + 1;
    Entity::update_many()
        .col_expr(Column::RefusedAt, Expr::value(now))
        .col_expr(Column::Version, Expr::value(version))
        .filter(Column::Id.eq(row.id))
        .exec(tx)
        .await?;
    Ok(Model {
        refused_at: Some(now),
        version,
        ..row.clone()
    })
}
