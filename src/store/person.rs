//! People: their accounts.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait, LockType, Query};
use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect};

use super::{Tx, enrolment, registration, role, unique_or};
use crate::domain::id::PersonId;
use crate::domain::language::Language;
use crate::domain::text::{Email, Name};
use crate::domain::version::stale_version;
use crate::error::{Error, Result};

/// A person: an account.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "person")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: PersonId,
    pub number: i64,
    pub email: String,
    pub given_name: String,
    pub family_name: String,
    pub language: Language,
    pub time_zone: String,
    pub password_hash: Option<String>,
    pub email_confirmed_at: Option<DateTime<Utc>>,
    pub disabled_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub version: i64,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What lists show of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// The person.
    pub id: PersonId,
    /// The person's dense number.
    pub number: i64,
    /// Given name.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// E-mail address.
    pub email: String,
}

impl From<&Model> for Card {
    fn from(row: &Model) -> Self {
        Self {
            id: row.id,
            number: row.number,
            given_name: row.given_name.clone(),
            family_name: row.family_name.clone(),
            email: row.email.clone(),
        }
    }
}

/// The rows with these identifiers, in no order; absent ones are left out.
pub async fn by_ids(connection: &impl ConnectionTrait, ids: &[PersonId]) -> Result<Vec<Model>> {
    Ok(Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .all(connection)
        .await?)
}

/// The row with this identifier, if there is one.
pub async fn find(connection: &impl ConnectionTrait, id: PersonId) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(id).one(connection).await?)
}

/// The people with these numbers.
pub async fn by_numbers(connection: &impl ConnectionTrait, numbers: &[i64]) -> Result<HashMap<i64, PersonId>> {
    let mut found = HashMap::new();
    for batch in numbers.chunks(1000) {
        let rows: Vec<(i64, PersonId)> = Entity::find()
            .select_only()
            .columns([Column::Number, Column::Id])
            .filter(Column::Number.is_in(batch.iter().copied()))
            .into_tuple()
            .all(connection)
            .await?;
        found.extend(rows);
    }
    Ok(found)
}

/// The account with this address, if there is one.
pub async fn find_by_email(connection: &impl ConnectionTrait, email: &Email) -> Result<Option<Model>> {
    find_by_address(connection, email.as_ref()).await
}

/// The same for an address as it is kept.
pub async fn find_by_address(connection: &impl ConnectionTrait, address: &str) -> Result<Option<Model>> {
    Ok(Entity::find().filter(Column::Email.eq(address)).one(connection).await?)
}

/// The account with this address, or else the one after it in their order, or the last: a row is read either way, so
/// that whether there is such an account cannot be told by the time that it takes.
pub async fn at_or_after(connection: &impl ConnectionTrait, address: &str) -> Result<Option<Model>> {
    let last = Query::select()
        .expr_as(Expr::col(Column::Email).max(), "last")
        .from(Entity)
        .to_owned();
    let sooner = CaseStatement::new()
        .case(Expr::col("last").lt(address), Expr::col("last"))
        .finally(address);
    let start = Query::select().expr(sooner).from_subquery(last, "known").to_owned();
    let start = Expr::SubQuery(None, Box::new(start.into()));
    let from_there = Entity::find().filter(Expr::col(Column::Email).gte(start));
    Ok(from_there.order_by_asc(Column::Email).limit(1).one(connection).await?)
}

/// The accounts with these addresses, by them.
pub async fn by_emails(connection: &impl ConnectionTrait, emails: &[&str]) -> Result<HashMap<String, Model>> {
    let list = Entity::find().filter(Column::Email.is_in(emails.iter().copied()));
    let rows = list.all(connection).await?;
    Ok(rows.into_iter().map(|row| (row.email.clone(), row)).collect())
}

/// The same, held against others who change them.
pub async fn lock_by_emails(tx: &Tx, emails: &[&str]) -> Result<HashMap<String, Model>> {
    let list = Entity::find()
        .filter(Column::Email.is_in(emails.iter().copied()))
        .order_by_asc(Column::Id);
    let rows = list.lock(LockType::NoKeyUpdate).all(tx).await?;
    Ok(rows.into_iter().map(|row| (row.email.clone(), row)).collect())
}

/// Whether there is nothing of a person but the account: neither an enrolment nor a role, now or before.
pub async fn is_bare(connection: &impl ConnectionTrait, id: PersonId) -> Result<bool> {
    let enrolments = enrolment::Entity::find().filter(enrolment::Column::PersonId.eq(id));
    let roles = role::Entity::find().filter(role::Column::PersonId.eq(id));
    Ok(enrolments.count(connection).await? == 0 && roles.count(connection).await? == 0)
}

/// Those of these people of whom there is nothing but the account.
pub async fn bare_among(connection: &impl ConnectionTrait, ids: &[PersonId]) -> Result<HashSet<PersonId>> {
    let mut bare: HashSet<PersonId> = ids.iter().copied().collect();
    if bare.is_empty() {
        return Ok(bare);
    }
    let enrolled: Vec<PersonId> = enrolment::Entity::find()
        .select_only()
        .column(enrolment::Column::PersonId)
        .distinct()
        .filter(enrolment::Column::PersonId.is_in(ids.iter().copied()))
        .into_tuple()
        .all(connection)
        .await?;
    let appointed: Vec<PersonId> = role::Entity::find()
        .select_only()
        .column(role::Column::PersonId)
        .distinct()
        .filter(role::Column::PersonId.is_in(ids.iter().copied()))
        .into_tuple()
        .all(connection)
        .await?;
    for id in enrolled.iter().chain(&appointed) {
        bare.remove(id);
    }
    Ok(bare)
}

/// The row, held against others who hold or change it. What names the person may be written all the while: whoever brings
/// in a table as one transaction can sign in, and take it back, before it ends.
pub async fn lock(tx: &Tx, id: PersonId) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(id).lock(LockType::NoKeyUpdate).one(tx).await?)
}

/// The row, held as [`lock`] does, and against everybody who would write something that names the person: for whoever asks
/// whether there is nothing of them.
pub async fn lock_alone(tx: &Tx, id: PersonId) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(id).lock_exclusive().one(tx).await?)
}

/// The rows with these identifiers, held as [`lock`] does; absent ones are left out.
pub async fn lock_all(tx: &Tx, ids: &[PersonId]) -> Result<Vec<Model>> {
    let list = Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .order_by_asc(Column::Id);
    Ok(list.lock(LockType::NoKeyUpdate).all(tx).await?)
}

/// Holds the register of people until the transaction ends: between a look for an address and the insert of
/// its account nobody else makes one.
pub async fn lock_register(tx: &Tx) -> Result<()> {
    let counter = Query::select()
        .column("value")
        .from("counter")
        .and_where(Expr::col("name").eq("person"))
        .lock(LockType::Update)
        .to_owned();
    tx.query_one(&counter).await?;
    Ok(())
}

/// The next of the dense numbers by which statistics tell people apart.
pub async fn next_number(tx: &Tx) -> Result<i64> {
    reserve_numbers(tx, 1).await
}

/// Takes the next `count` of these numbers, and returns the first; they have no gaps unless the transaction fails.
pub async fn reserve_numbers(tx: &Tx, count: usize) -> Result<i64> {
    let count = i64::try_from(count).map_err(Error::internal)?;
    let next = Query::update()
        .table("counter")
        .value("value", Expr::col("value").add(count))
        .and_where(Expr::col("name").eq("person"))
        .returning_col("value")
        .to_owned();
    let row = tx
        .query_one(&next)
        .await?
        .ok_or_else(|| Error::internal("the counter of people is missing"))?;
    Ok(row.try_get::<i64>("", "value")? - count + 1)
}

/// Makes an account.
pub async fn insert(tx: &Tx, row: Model) -> Result<Model> {
    let row = ActiveModel {
        id: Set(row.id),
        number: Set(row.number),
        email: Set(row.email),
        given_name: Set(row.given_name),
        family_name: Set(row.family_name),
        language: Set(row.language),
        time_zone: Set(row.time_zone),
        password_hash: Set(row.password_hash),
        email_confirmed_at: Set(row.email_confirmed_at),
        disabled_at: Set(row.disabled_at),
        created_at: Set(row.created_at),
        version: Set(row.version),
    };
    Ok(row.insert(tx).await?)
}

/// What a person says of themself in the profile.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Given name.
    pub given_name: Name,
    /// Family name.
    pub family_name: Name,
    /// The language of messages.
    pub language: Language,
    /// The zone in which times are shown.
    pub time_zone: chrono_tz::Tz,
}

/// Replaces the profile, if the row is still as `expected`.
///
/// # Errors
/// `Code::StaleVersion` when it is not.
pub async fn set_profile(tx: &Tx, row: &Model, expected: i64, profile: &Profile) -> Result<Model> {
    let rows = Entity::update_many()
        .col_expr(Column::GivenName, Expr::value(profile.given_name.as_ref()))
        .col_expr(Column::FamilyName, Expr::value(profile.family_name.as_ref()))
        .col_expr(Column::Language, Expr::value(profile.language.code()))
        .col_expr(Column::TimeZone, Expr::value(profile.time_zone.name()))
        .col_expr(Column::Version, Expr::value(expected + 1))
        .filter(Column::Id.eq(row.id))
        .filter(Column::Version.eq(expected))
        .exec_with_returning(tx)
        .await?;
    let stale = || Error::from(stale_version("version", row.version));
    rows.into_iter().next().ok_or_else(stale)
}

/// Replaces the profiles of people, who must be locked, two hundred with one statement; every version rises by one.
pub async fn set_profiles(tx: &Tx, profiles: &[(PersonId, Profile)]) -> Result<()> {
    for batch in profiles.chunks(200) {
        let set = |column: Column, value: fn(&Profile) -> &str| {
            let by_person = batch.iter().fold(CaseStatement::new(), |all, (id, profile)| {
                all.case(Expr::col(Column::Id).eq(*id), Expr::value(value(profile)))
            });
            let value: Expr = by_person.finally(Expr::col(column)).into();
            (column, value)
        };
        let values = [
            set(Column::GivenName, |profile| profile.given_name.as_ref()),
            set(Column::FamilyName, |profile| profile.family_name.as_ref()),
            set(Column::Language, |profile| profile.language.code()),
            set(Column::TimeZone, |profile| profile.time_zone.name()),
            (Column::Version, Expr::col(Column::Version).add(1)),
        ];
        let mut write = Entity::update_many().filter(Column::Id.is_in(batch.iter().map(|(id, _)| *id)));
        for (column, value) in values {
            write = write.col_expr(column, value);
        }
        write.exec(tx).await?;
    }
    Ok(())
}

/// Stores the hash of a new password.
pub async fn set_password(tx: &Tx, id: PersonId, hash: String) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::PasswordHash, Expr::value(hash))
        .filter(Column::Id.eq(id))
        .exec(tx)
        .await?;
    Ok(())
}

/// Forgets the password: nobody signs in with it any more.
pub async fn forget_password(tx: &Tx, id: PersonId) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::PasswordHash, Expr::value(Option::<String>::None))
        .filter(Column::Id.eq(id))
        .exec(tx)
        .await?;
    Ok(())
}

/// Gives the account what was entered with the registration that its owner confirmed, and notes that the address is
/// theirs.
pub async fn set_registered(tx: &Tx, entered: &registration::Model, now: DateTime<Utc>) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::GivenName, Expr::value(entered.given_name.as_str()))
        .col_expr(Column::FamilyName, Expr::value(entered.family_name.as_str()))
        .col_expr(Column::Language, Expr::value(entered.language.code()))
        .col_expr(Column::TimeZone, Expr::value(entered.time_zone.as_str()))
        .col_expr(Column::PasswordHash, Expr::value(entered.password_hash.as_str()))
        .col_expr(Column::EmailConfirmedAt, Expr::value(now))
        .filter(Column::Id.eq(entered.person_id))
        .exec(tx)
        .await?;
    Ok(())
}

/// Notes that the address is the person's; the first time counts.
pub async fn set_confirmed(tx: &Tx, id: PersonId, now: DateTime<Utc>) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::EmailConfirmedAt, Expr::value(now))
        .filter(Column::Id.eq(id))
        .filter(Column::EmailConfirmedAt.is_null())
        .exec(tx)
        .await?;
    Ok(())
}

/// Gives the account another address, which is the person's.
///
/// # Errors
/// `taken` when another account has it.
pub async fn set_email(tx: &Tx, id: PersonId, email: &str, now: DateTime<Utc>, taken: Error) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::Email, Expr::value(email))
        .col_expr(Column::EmailConfirmedAt, Expr::value(now))
        .filter(Column::Id.eq(id))
        .exec(tx)
        .await
        .map_err(unique_or(taken))?;
    Ok(())
}

/// Disables the account from an instant on, or enables it again.
pub async fn set_disabled(tx: &Tx, id: PersonId, disabled_at: Option<DateTime<Utc>>) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::DisabledAt, Expr::value(disabled_at))
        .filter(Column::Id.eq(id))
        .exec(tx)
        .await?;
    Ok(())
}
