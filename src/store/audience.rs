//! Whom something about an edition concerns: those who are or want to be in it, its tutors, its coordinators, the focal
//! points of an institution that nominates for it.
//!
//! People whose account is disabled are left out; they get no mail.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{Condition, JoinType, QuerySelect};

use super::{edition, enrolment, person, role};
use crate::domain::actor::Role;
use crate::domain::enrolment::EnrolmentState;
use crate::domain::id::{EditionId, InstitutionId, PersonId};
use crate::error::Result;

/// Who accompanies and who coordinates an edition.
#[derive(Debug, Clone, Default)]
pub struct Staff {
    /// Its tutors.
    pub tutors: BTreeSet<PersonId>,
    /// Those whose role of coordinator is in it or in its course; where there are none, those who coordinate
    /// everything.
    pub coordinators: BTreeSet<PersonId>,
}

/// The people with a live enrolment in the edition: from who applied to who completed it.
pub async fn enrolled(connection: &impl ConnectionTrait, edition: EditionId) -> Result<BTreeSet<PersonId>> {
    let live = EnrolmentState::ALL.iter().filter(|state| state.is_live());
    let to_person = enrolment::Entity::belongs_to(person::Entity)
        .from(enrolment::Column::PersonId)
        .to(person::Column::Id);
    let people: Vec<PersonId> = enrolment::Entity::find()
        .select_only()
        .column(enrolment::Column::PersonId)
        .join(JoinType::InnerJoin, to_person.into())
        .filter(enrolment::Column::EditionId.eq(edition))
        .filter(enrolment::Column::State.is_in(live.copied()))
        .filter(person::Column::DisabledAt.is_null())
        .into_tuple()
        .all(connection)
        .await?;
    Ok(people.into_iter().collect())
}

/// Its tutors and coordinators of now.
pub async fn staff(connection: &impl ConnectionTrait, of: &edition::Model, now: DateTime<Utc>) -> Result<Staff> {
    let (edition, course) = (Expr::value(of.id.0), Expr::value(of.course_id.0));
    let everywhere = role::Column::ScopeKind
        .eq("system")
        .and(has_nobody_nearer(edition.clone(), course.clone(), now));
    let coordinates = Condition::any()
        .add(within("edition", edition.clone()))
        .add(within("course", course))
        .add(everywhere);
    let held = Condition::any()
        .add(role::Column::Role.eq(Role::Tutor).and(within("edition", edition)))
        .add(
            Condition::all()
                .add(role::Column::Role.eq(Role::Coordinator))
                .add(coordinates),
        );
    let to_person = role::Entity::belongs_to(person::Entity)
        .from(role::Column::PersonId)
        .to(person::Column::Id);
    let rows: Vec<(PersonId, Role)> = role::Entity::find()
        .select_only()
        .columns([role::Column::PersonId, role::Column::Role])
        .join(JoinType::InnerJoin, to_person.into())
        .filter(role::in_force(now))
        .filter(held)
        .filter(person::Column::DisabledAt.is_null())
        .into_tuple()
        .all(connection)
        .await?;
    let those = |wanted: Role| {
        let rows = rows.iter().filter(|(_, role)| *role == wanted);
        rows.map(|(person, _)| *person).collect::<BTreeSet<_>>()
    };
    Ok(Staff {
        tutors: those(Role::Tutor),
        coordinators: those(Role::Coordinator),
    })
}

/// That nobody coordinates an edition, or its course, in particular: then it is for those who coordinate everything.
pub(super) fn has_nobody_nearer(edition: Expr, course: Expr, now: DateTime<Utc>) -> Expr {
    let nearer = Query::select()
        .expr(Expr::val(1))
        .from(role::Entity)
        .inner_join(
            person::Entity,
            Expr::col((person::Entity, person::Column::Id)).equals((role::Entity, role::Column::PersonId)),
        )
        .and_where(role::Column::Role.eq(Role::Coordinator))
        .and_where(person::Column::DisabledAt.is_null())
        .cond_where(role::in_force(now))
        .and_where(within("edition", edition).or(within("course", course)))
        .to_owned();
    Expr::exists(nearer).not()
}

/// That a role holds in exactly this edition or course.
fn within(kind: &str, id: Expr) -> Expr {
    let scope = Expr::col((role::Entity, role::Column::ScopeId));
    role::Column::ScopeKind.eq(kind).and(scope.eq(id))
}

/// The focal points of an institution now.
pub async fn focal_points(
    connection: &impl ConnectionTrait,
    of: InstitutionId,
    now: DateTime<Utc>,
) -> Result<BTreeSet<PersonId>> {
    let to_person = role::Entity::belongs_to(person::Entity)
        .from(role::Column::PersonId)
        .to(person::Column::Id);
    let people: Vec<PersonId> = role::Entity::find()
        .select_only()
        .column(role::Column::PersonId)
        .join(JoinType::InnerJoin, to_person.into())
        .filter(role::in_force(now))
        .filter(role::Column::Role.eq(Role::FocalPoint))
        .filter(role::Column::ScopeKind.eq("institution"))
        .filter(role::Column::ScopeId.eq(of.0))
        .filter(person::Column::DisabledAt.is_null())
        .into_tuple()
        .all(connection)
        .await?;
    Ok(people.into_iter().collect())
}

/// Those of the people whose account has one of these addresses.
pub async fn having_addresses(
    connection: &impl ConnectionTrait,
    addresses: &[String],
) -> Result<Vec<(PersonId, String)>> {
    let mut found = Vec::new();
    for batch in addresses.chunks(10_000) {
        let rows: Vec<(PersonId, String)> = person::Entity::find()
            .select_only()
            .columns([person::Column::Id, person::Column::Email])
            .filter(person::Column::Email.is_in(batch.iter().map(String::as_str)))
            .into_tuple()
            .all(connection)
            .await?;
        found.extend(rows);
    }
    Ok(found)
}
