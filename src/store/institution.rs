//! The register of organisations. One that was merged into another stays, and leads to it.

use std::iter;

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;

use super::page::{Key, Page, Place, Wanted, fetch};
use super::row::contains;
use super::{Tx, unique_or};
use crate::domain::id::InstitutionId;
use crate::domain::institution::InstitutionKind;
use crate::domain::text::{Country, SearchText, fold};
use crate::domain::version::stale_version;
use crate::error::{Code, Error, Fault, Result};

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
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

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

/// The whole register, for those who look many names up in it; those merged into others stand for them.
pub async fn all(connection: &impl ConnectionTrait) -> Result<Vec<Model>> {
    Ok(Entity::find().order_by_asc(Column::Id).all(connection).await?)
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

/// A part of the register by name, whatever its case and accents, without those that were merged into another.
pub async fn page(connection: &impl ConnectionTrait, filter: &Filter, wanted: &Wanted) -> Result<Page<Model>> {
    let mut list = Entity::find().filter(Column::MergedInto.is_null());
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
    };
    row.insert(tx).await.map_err(unique_or(Fault::at("code", Code::Taken)))
}

/// Replaces what is registered of an organisation, if it is still as `expected`.
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
        .col_expr(Column::Version, Expr::value(expected + 1))
        .filter(Column::Id.eq(row.id))
        .filter(Column::Version.eq(expected))
        .exec_with_returning(tx)
        .await
        .map_err(unique_or(Fault::at("code", Code::Taken)))?;
    let stale = || Error::from(stale_version("version", row.version));
    rows.into_iter().next().ok_or_else(stale)
}
