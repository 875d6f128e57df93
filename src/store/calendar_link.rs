//! Links under which people subscribe to their calendars, by the digests of their secrets.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, JoinType, QuerySelect};

use super::{Tx, person};
use crate::domain::id::PersonId;
use crate::error::Result;

/// A link under which a person subscribes to their calendar.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "calendar_link")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub hash: Vec<u8>,
    pub person_id: PersonId,
    /// Whether whoever made it had given the second factor, where a role of theirs needs one.
    pub factor_given: bool,
    pub created_at: DateTime<Utc>,
    pub revoked_at: Option<DateTime<Utc>>,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The link that works with this digest, with its person, unless their account is disabled.
pub async fn find_live(connection: &impl ConnectionTrait, hash: &[u8]) -> Result<Option<(Model, person::Model)>> {
    let to_person = Entity::belongs_to(person::Entity)
        .from(Column::PersonId)
        .to(person::Column::Id);
    let found = Entity::find()
        .filter(Column::Hash.eq(hash.to_vec()))
        .filter(Column::RevokedAt.is_null())
        .filter(person::Column::DisabledAt.is_null())
        .join(JoinType::InnerJoin, to_person.into())
        .select_also(person::Entity)
        .one(connection)
        .await?;
    Ok(found.and_then(|(link, person)| Some((link, person?))))
}

/// The person's link that works.
pub async fn of_person(connection: &impl ConnectionTrait, person: PersonId) -> Result<Option<Model>> {
    Ok(Entity::find()
        .filter(Column::PersonId.eq(person))
        .filter(Column::RevokedAt.is_null())
        .one(connection)
        .await?)
}

/// Keeps a new one, of a person who is locked and has none that works.
pub async fn insert(tx: &Tx, row: Model) -> Result<Model> {
    let row = ActiveModel {
        id: Set(row.id),
        hash: Set(row.hash),
        person_id: Set(row.person_id),
        factor_given: Set(row.factor_given),
        created_at: Set(row.created_at),
        revoked_at: Set(row.revoked_at),
    };
    Ok(row.insert(tx).await?)
}

/// Ends the person's link that works, if there is one; whether there was.
pub async fn revoke(tx: &Tx, person: PersonId, now: DateTime<Utc>) -> Result<bool> {
    let ended = Entity::update_many()
        .col_expr(Column::RevokedAt, Expr::value(now))
        .filter(Column::PersonId.eq(person))
        .filter(Column::RevokedAt.is_null())
        .exec(tx)
        .await?;
    Ok(ended.rows_affected > 0)
}
