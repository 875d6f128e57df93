//! People with their declaration as it stands, ready to be frozen in an enrolment.

use std::collections::HashMap;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{JoinType, Order, QuerySelect};

use super::{declaration, person};
use crate::domain::id::{InstitutionId, PersonId};
use crate::domain::language::Language;
use crate::domain::person::{ConstituentGroup, Gender, Snapshot};
use crate::domain::text::Country;
use crate::error::{Error, Result};

/// A person on the point of being enrolled.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The person's dense number.
    pub number: i64,
    /// What would be frozen; `None` as long as the person has declared nothing.
    pub snapshot: Option<Snapshot>,
}

type Row = (
    PersonId,
    i64,
    Language,
    Option<Gender>,
    Option<String>,
    Option<InstitutionId>,
    Option<ConstituentGroup>,
);

/// Those of the people who exist, with their latest declaration.
pub async fn candidates(
    connection: &impl ConnectionTrait,
    people: &[PersonId],
) -> Result<HashMap<PersonId, Candidate>> {
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
    let rows: Vec<Row> = person::Entity::find()
        .select_only()
        .columns([person::Column::Id, person::Column::Number, person::Column::Language])
        .columns([
            declaration::Column::Gender,
            declaration::Column::Country,
            declaration::Column::InstitutionId,
            declaration::Column::ConstituentGroup,
        ])
        .join(JoinType::LeftJoin, join)
        .filter(person::Column::Id.is_in(people.iter().copied()))
        .into_tuple()
        .all(connection)
        .await?;
    rows.into_iter().map(candidate).collect()
}

fn candidate((id, number, language, gender, country, institution, group): Row) -> Result<(PersonId, Candidate)> {
    let country = country
        .map(|country| Country::parse(&country).map_err(|_| Error::internal("a stored country is unknown")))
        .transpose()?;
    let snapshot = gender.zip(group).map(|(gender, constituent_group)| Snapshot {
        gender,
        country,
        institution,
        constituent_group,
        language,
    });
    Ok((id, Candidate { number, snapshot }))
}
