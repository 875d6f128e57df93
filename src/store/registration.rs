//! Registrations that wait until the address confirms one of them, by the digests of the tokens that were sent there.
//! Each keeps what was entered with it: a token confirms nothing that somebody else entered.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use super::person::Profile;
use super::{Db, Tx, one_time, row};
use crate::domain::id::PersonId;
use crate::domain::language::Language;
use crate::error::Result;

/// A registration that waits.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "registration")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: Vec<u8>,
    pub person_id: PersonId,
    pub given_name: String,
    pub family_name: String,
    pub language: Language,
    pub time_zone: String,
    pub password_hash: String,
    pub expires_at: DateTime<Utc>,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What somebody entered for an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entered {
    /// Given name.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// The language of messages.
    pub language: Language,
    /// The IANA name of a zone.
    pub time_zone: String,
    /// The hash of the password.
    pub password_hash: String,
}

impl Entered {
    /// A profile with the hash of a password.
    pub fn new(profile: &Profile, password_hash: String) -> Self {
        Self {
            given_name: profile.given_name.as_ref().to_owned(),
            family_name: profile.family_name.as_ref().to_owned(),
            language: profile.language,
            time_zone: profile.time_zone.name().to_owned(),
            password_hash,
        }
    }

    /// The registration of a person that waits under a digest until an instant.
    pub fn waiting(self, person_id: PersonId, hash: Vec<u8>, expires_at: DateTime<Utc>) -> Model {
        Model {
            hash,
            person_id,
            given_name: self.given_name,
            family_name: self.family_name,
            language: self.language,
            time_zone: self.time_zone,
            password_hash: self.password_hash,
            expires_at,
        }
    }
}

/// Keeps a new one; those that wait already go on to.
pub async fn insert(tx: &Tx, row: Model) -> Result<()> {
    row::insert(tx, row).await
}

/// The live one with this digest.
pub async fn find_live(connection: &impl ConnectionTrait, hash: &[u8], now: DateTime<Utc>) -> Result<Option<Model>> {
    let row = Entity::find_by_id(hash.to_vec()).filter(Column::ExpiresAt.gt(now));
    Ok(row.one(connection).await?)
}

/// Removes every one of a person.
pub async fn forget(tx: &Tx, person: PersonId) -> Result<()> {
    Entity::delete_many()
        .filter(Column::PersonId.eq(person))
        .exec(tx)
        .await?;
    Ok(())
}

/// Removes those that have run out.
pub async fn forget_ended(db: &Db, now: DateTime<Utc>) -> Result<()> {
    one_time::forget::<Entity>(db, Column::Hash, &Column::ExpiresAt.lte(now)).await
}
