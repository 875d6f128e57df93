//! People with their declaration as it stands, ready to be frozen in an enrolment.

use std::collections::HashMap;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait, Func, Query};
use sea_orm::{FromQueryResult, JoinType, Order, QuerySelect};

use super::{Tx, declaration, enrolment, institution, person, row, waiting};
use crate::domain::id::{EditionId, InstitutionId, PersonId};
use crate::domain::institution::InstitutionKind;
use crate::domain::language::Language;
use crate::domain::person::{ConstituentGroup, Gender, Snapshot};
use crate::error::Result;

pub mod former;

/// A person on the point of being enrolled.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The person's dense number.
    pub number: i64,
    /// What would be frozen; `None` as long as the person has declared nothing.
    pub snapshot: Option<Snapshot>,
}

/// A person with their latest declaration, if there is one.
#[derive(Debug, FromQueryResult)]
struct Row {
    id: PersonId,
    number: i64,
    language: Language,
    gender: Option<Gender>,
    country: Option<String>,
    institution_id: Option<InstitutionId>,
    institution_kind: Option<InstitutionKind>,
    constituent_group: Option<ConstituentGroup>,
}

/// The same, and how they and others stand to an edition.
#[derive(Debug, FromQueryResult)]
struct ApplicantRow {
    #[sea_orm(nested)]
    person: Row,
    enrolled: bool,
    queue: bool,
}

/// A person who applies to an edition.
#[derive(Debug, Clone)]
pub struct Applicant {
    /// Who would be enrolled.
    pub candidate: Candidate,
    /// Whether they have a live enrolment in the edition already.
    pub enrolled: bool,
    /// Whether anybody waits for a seat of the edition.
    pub queue: bool,
}

/// Those of the people who exist, with their latest declaration.
pub async fn candidates(
    connection: &impl ConnectionTrait,
    people: &[PersonId],
) -> Result<HashMap<PersonId, Candidate>> {
    let mut found = HashMap::new();
    for batch in people.chunks(10_000) {
        let rows: Vec<Row> = select(batch).into_model().all(connection).await?;
        for row in rows {
            let (id, candidate) = candidate(&row)?;
            found.insert(id, candidate);
        }
    }
    Ok(found)
}

/// The person, and how they and others stand to the edition, which must be locked: who gets in by its lock is in.
pub async fn applicant(tx: &Tx, person: PersonId, edition: EditionId) -> Result<Option<Applicant>> {
    let live = enrolment::live_in(edition)
        .and_where(enrolment::Column::PersonId.eq(person))
        .to_owned();
    let found = select(&[person])
        .expr_as(Expr::exists(live), "enrolled")
        .expr_as(Expr::exists(waiting::in_line(edition)), "queue")
        .into_model::<ApplicantRow>()
        .one(tx)
        .await?;
    let Some(row) = found else { return Ok(None) };
    let (_, candidate) = candidate(&row.person)?;
    Ok(Some(Applicant {
        candidate,
        enrolled: row.enrolled,
        queue: row.queue,
    }))
}

/// What is frozen in an enrolment.
///
/// # Errors
/// [`crate::error::Error::Internal`] for a country that the database should not hold.
pub fn frozen(row: &enrolment::Model) -> Result<Snapshot> {
    let country = Some(row.country.as_str()).filter(|country| !country.is_empty());
    Ok(Snapshot {
        gender: row.gender,
        country: country.map(row::country).transpose()?,
        institution: row.institution_id,
        institution_kind: row.institution_kind,
        constituent_group: row.constituent_group,
        language: row.language,
    })
}

/// The people in the columns of a [`Row`]. An institution that was merged is the one into which it was.
fn select(people: &[PersonId]) -> Select<person::Entity> {
    let latest = Query::select()
        .column(declaration::Column::Id)
        .from_as(declaration::Entity, "latest")
        .and_where(Expr::col(("latest", declaration::Column::PersonId)).equals((person::Entity, person::Column::Id)))
        .order_by(("latest", declaration::Column::StatedAt), Order::Desc)
        .order_by(("latest", declaration::Column::Id), Order::Desc)
        .limit(1)
        .to_owned();
    let join = person::Entity::belongs_to(declaration::Entity)
        .from(person::Column::Id)
        .to(declaration::Column::PersonId)
        .on_condition(move |_, right| {
            Expr::col((right, declaration::Column::Id))
                .in_subquery(latest.clone())
                .into()
        })
        .into();
    let to_institution = declaration::Entity::belongs_to(institution::Entity)
        .from(declaration::Column::InstitutionId)
        .to(institution::Column::Id)
        .into();
    let to_survivor = institution::Entity::belongs_to(institution::Entity)
        .from(institution::Column::MergedInto)
        .to(institution::Column::Id)
        .into();
    let stated = |column: institution::Column| Expr::col((institution::Entity, column));
    let institution = Func::coalesce([
        stated(institution::Column::MergedInto),
        Expr::col((declaration::Entity, declaration::Column::InstitutionId)),
    ]);
    let kind = Func::coalesce([
        Expr::col(("survivor", institution::Column::Kind)),
        stated(institution::Column::Kind),
    ]);
    person::Entity::find()
        .select_only()
        .columns([person::Column::Id, person::Column::Number, person::Column::Language])
        .columns([
            declaration::Column::Gender,
            declaration::Column::Country,
            declaration::Column::ConstituentGroup,
        ])
        .expr_as(institution, "institution_id")
        .expr_as(kind, "institution_kind")
        .join(JoinType::LeftJoin, join)
        .join(JoinType::LeftJoin, to_institution)
        .join_as(JoinType::LeftJoin, to_survivor, "survivor")
        .filter(person::Column::Id.is_in(people.iter().copied()))
}

fn candidate(row: &Row) -> Result<(PersonId, Candidate)> {
    let country = row.country.as_deref().map(row::country).transpose()?;
    let declared = row.gender.zip(row.constituent_group);
    let snapshot = declared.map(|(gender, constituent_group)| Snapshot {
        gender,
        country,
        institution: row.institution_id,
        institution_kind: row.institution_kind,
        constituent_group,
        language: row.language,
    });
    let number = row.number;
    Ok((row.id, Candidate { number, snapshot }))
}
