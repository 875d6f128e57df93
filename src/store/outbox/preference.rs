//! Which kinds of messages people do without.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::JsonValue as Json;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;

use crate::domain::id::PersonId;
use crate::domain::notice::Preferences;
use crate::error::Result;
use crate::store::Tx;

/// What somebody said about messages; who never did has no row.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "mail_preference")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub person_id: PersonId,
    /// The words of the kinds.
    pub muted: Json,
    pub version: i64,
    pub changed_at: DateTime<Utc>,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// How somebody stands to messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// What they do without.
    pub preferences: Preferences,
    /// Rises with every change; 1 before the first.
    pub version: i64,
}

impl Default for Standing {
    fn default() -> Self {
        Self {
            preferences: Preferences::default(),
            version: 1,
        }
    }
}

impl From<Model> for Standing {
    fn from(row: Model) -> Self {
        let words = row.muted.as_array().into_iter().flatten().filter_map(Json::as_str);
        Self {
            preferences: Preferences::of_words(words),
            version: row.version,
        }
    }
}

/// How this person stands to messages.
pub async fn of_person(connection: &impl ConnectionTrait, person: PersonId) -> Result<Standing> {
    let row = Entity::find_by_id(person).one(connection).await?;
    Ok(row.map(Standing::from).unwrap_or_default())
}

/// What these people do without; who never said anything is left out.
pub async fn of_people(
    connection: &impl ConnectionTrait,
    people: impl IntoIterator<Item = PersonId>,
) -> Result<HashMap<PersonId, Preferences>> {
    let rows = Entity::find()
        .filter(Column::PersonId.is_in(people))
        .all(connection)
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.person_id, Standing::from(row).preferences))
        .collect())
}

/// Keeps what a person, whose row is locked, does without from now on.
pub async fn set(tx: &Tx, person: PersonId, standing: &Standing, now: DateTime<Utc>) -> Result<()> {
    let row = ActiveModel {
        person_id: Set(person),
        muted: Set(standing.preferences.words().into()),
        version: Set(standing.version),
        changed_at: Set(now),
    };
    let mut changed = OnConflict::column(Column::PersonId);
    changed.update_columns([Column::Muted, Column::Version, Column::ChangedAt]);
    Entity::insert(row)
        .on_conflict(changed)
        .exec_without_returning(tx)
        .await?;
    Ok(())
}
