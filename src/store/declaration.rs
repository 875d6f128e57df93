//! What people stated about themselves, each at an instant; the latest statement is in force.

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Order, Query};

use super::{Tx, row};
use crate::domain::id::{DeclarationId, InstitutionId, PersonId};
use crate::domain::person::{ConstituentGroup, Gender};
use crate::domain::text::Country;
use crate::error::Result;

/// What a person stated about themself at an instant; the latest one is in force.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "declaration")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: DeclarationId,
    pub person_id: PersonId,
    pub stated_at: DateTime<Utc>,
    pub gender: Gender,
    pub country: Option<String>,
    pub institution_id: Option<InstitutionId>,
    pub constituent_group: ConstituentGroup,
}

impl Model {
    /// The country that it states.
    ///
    /// # Errors
    /// [`crate::error::Error::Internal`] for one that the database should not hold.
    pub fn stated_country(&self) -> Result<Option<Country>> {
        self.country.as_deref().map(row::country).transpose()
    }
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The statements in force of these people; who never stated anything is left out.
pub async fn current(connection: &impl ConnectionTrait, people: &[PersonId]) -> Result<Vec<Model>> {
    let later = Alias::new("later");
    let latest = Query::select()
        .column((later.clone(), Column::Id))
        .from_as(Entity, later.clone())
        .and_where(Expr::col((later.clone(), Column::PersonId)).equals((Entity, Column::PersonId)))
        .order_by((later.clone(), Column::StatedAt), Order::Desc)
        .order_by((later, Column::Id), Order::Desc)
        .limit(1)
        .to_owned();
    let rows = Entity::find()
        .filter(Column::PersonId.is_in(people.iter().copied()))
        .filter(Expr::col((Entity, Column::Id)).eq(Expr::SubQuery(None, Box::new(latest.into()))))
        .all(connection)
        .await?;
    Ok(rows)
}

/// Adds a statement; earlier ones stay as they were.
pub async fn insert(tx: &Tx, row: Model) -> Result<Model> {
    let row = ActiveModel {
        id: Set(row.id),
        person_id: Set(row.person_id),
        stated_at: Set(row.stated_at),
        gender: Set(row.gender),
        country: Set(row.country),
        institution_id: Set(row.institution_id),
        constituent_group: Set(row.constituent_group),
    };
    Ok(row.insert(tx).await?)
}
