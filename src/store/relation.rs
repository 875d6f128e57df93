//! How an actor stands to people, read from enrolments, teams, allocations and roles in one statement.
//!
//! Whatever path leads to a person, this is what decides which of their fields show.

use std::collections::HashMap;

use sea_orm::ConnectionTrait;
use sea_orm::sea_query::{Expr, ExprTrait, Query, SelectStatement, UnionType};

use super::edition::reach;
use super::{allocation, author, enrolment, role, submission, team_member, version};
use crate::domain::actor::{Actor, Reach, Role};
use crate::domain::id::PersonId;
use crate::domain::policy::Relation;
use crate::error::Result;

#[cfg(test)]
mod tests;

const TEAM: i64 = 1;
const ASSIGNED: i64 = 2;
const INSTITUTION: i64 = 3;
const EDITION: i64 = 4;

/// How the actor stands to each of the people; those to whom there is no relation are there with none.
///
/// The coordinator of everything stands to everybody as the coordinator of an edition of theirs.
pub async fn of_people(
    connection: &impl ConnectionTrait,
    actor: &Actor,
    people: &[PersonId],
) -> Result<HashMap<PersonId, Relation>> {
    let coordinated = actor.coordinated();
    let everybody = Relation {
        edition: coordinated == Reach::Everywhere,
        ..Relation::NONE
    };
    let mut relations: HashMap<_, _> = people.iter().map(|&person| (person, everybody)).collect();
    let Some(viewer) = actor.person else {
        return Ok(relations);
    };
    if let Some(own) = relations.get_mut(&viewer) {
        own.own = true;
    }
    let others: Vec<PersonId> = people.iter().copied().filter(|&person| person != viewer).collect();
    if others.is_empty() {
        return Ok(relations);
    }
    let mut arms = Vec::new();
    if matches!(coordinated, Reach::Within { .. }) {
        arms.extend([team_mates(viewer, &others), tutors_of(viewer, &others)]);
        if actor.holds(Role::Tutor) {
            arms.push(assigned_to(actor, &others));
            arms.push(authors_read_by(actor, &others));
        }
        if !actor.institutions().is_empty() {
            arms.push(nominated_by(actor, &others));
        }
        if !coordinated.is_nothing() {
            arms.extend(in_editions(actor, &others));
        }
    }
    let mut arms = arms.into_iter();
    let Some(mut query) = arms.next() else {
        return Ok(relations);
    };
    for arm in arms {
        query.union(UnionType::Distinct, arm);
    }
    for row in connection.query_all(&query).await? {
        let person = PersonId(row.try_get("", "person_id")?);
        let relation = relations.entry(person).or_insert(everybody);
        match row.try_get::<i64>("", "relation")? {
            TEAM => relation.team = true,
            ASSIGNED => relation.assigned = true,
            INSTITUTION => relation.institution = true,
            EDITION => relation.edition = true,
            _ => {}
        }
    }
    Ok(relations)
}

/// One arm of the statement: the people in `column` among `people`, and how one stands to them.
fn arm<C>(relation: i64, column: C, people: &[PersonId]) -> SelectStatement
where
    C: sea_orm::sea_query::IntoColumnRef + Copy,
{
    Query::select()
        .expr_as(Expr::col(column), "person_id")
        .expr_as(Expr::val(relation).cast_as("bigint"), "relation")
        .and_where(Expr::col(column).is_in(people.iter().map(|person| person.0)))
        .to_owned()
}

/// The current teams of a person who still takes part, or took part to the end.
fn teams_of(person: PersonId) -> SelectStatement {
    Query::select()
        .column((team_member::Entity, team_member::Column::TeamId))
        .from(team_member::Entity)
        .inner_join(
            enrolment::Entity,
            Expr::col((enrolment::Entity, enrolment::Column::Id))
                .equals((team_member::Entity, team_member::Column::EnrolmentId)),
        )
        .and_where(Expr::col((enrolment::Entity, enrolment::Column::PersonId)).eq(person.0))
        .and_where(Expr::col((team_member::Entity, team_member::Column::LeftAt)).is_null())
        .and_where(Expr::col((enrolment::Entity, enrolment::Column::State)).is_in(team_member::BELONGS))
        .to_owned()
}

/// The people, as long as they belong to it, whose current team is one of `teams`.
fn members(relation: i64, people: &[PersonId], teams: SelectStatement) -> SelectStatement {
    arm(relation, (enrolment::Entity, enrolment::Column::PersonId), people)
        .from(enrolment::Entity)
        .inner_join(
            team_member::Entity,
            Expr::col((team_member::Entity, team_member::Column::EnrolmentId))
                .equals((enrolment::Entity, enrolment::Column::Id)),
        )
        .and_where(Expr::col((team_member::Entity, team_member::Column::LeftAt)).is_null())
        .and_where(Expr::col((team_member::Entity, team_member::Column::TeamId)).in_subquery(teams))
        .and_where(Expr::col((enrolment::Entity, enrolment::Column::State)).is_in(team_member::BELONGS))
        .to_owned()
}

fn team_mates(viewer: PersonId, people: &[PersonId]) -> SelectStatement {
    members(TEAM, people, teams_of(viewer))
}

fn tutors_of(viewer: PersonId, people: &[PersonId]) -> SelectStatement {
    arm(TEAM, allocation::Column::PersonId, people)
        .from(allocation::Entity)
        .and_where(Expr::col(allocation::Column::UntilAt).is_null())
        .and_where(Expr::col(allocation::Column::TeamId).in_subquery(teams_of(viewer)))
        .to_owned()
}

fn assigned_to(tutor: &Actor, people: &[PersonId]) -> SelectStatement {
    members(ASSIGNED, people, allocation::teams_of(tutor))
}

/// Authors of versions that the tutor reads, who may have left the team since: a name stands with the work that it
/// signed. As between mates, no more than the name.
fn authors_read_by(tutor: &Actor, people: &[PersonId]) -> SelectStatement {
    arm(TEAM, (enrolment::Entity, enrolment::Column::PersonId), people)
        .from(enrolment::Entity)
        .inner_join(
            author::Entity,
            Expr::col((author::Entity, author::Column::EnrolmentId)).equals((enrolment::Entity, enrolment::Column::Id)),
        )
        .inner_join(
            version::Entity,
            Expr::col((version::Entity, version::Column::Id)).equals((author::Entity, author::Column::VersionId)),
        )
        .and_where(
            Expr::col((version::Entity, version::Column::SubmissionId)).in_subquery(submission::answers_to(tutor)),
        )
        .to_owned()
}

fn nominated_by(actor: &Actor, people: &[PersonId]) -> SelectStatement {
    arm(INSTITUTION, enrolment::Column::PersonId, people)
        .from(enrolment::Entity)
        .cond_where(enrolment::nominated_by(actor))
        .to_owned()
}

/// Participants of the editions that the actor coordinates, tutors allocated there, and those who were made tutor
/// there.
fn in_editions(actor: &Actor, people: &[PersonId]) -> [SelectStatement; 3] {
    let participants = arm(EDITION, enrolment::Column::PersonId, people)
        .from(enrolment::Entity)
        .cond_where(reach::coordinated(actor, enrolment::Column::EditionId))
        .to_owned();
    let allocated = arm(EDITION, allocation::Column::PersonId, people)
        .from(allocation::Entity)
        .cond_where(reach::coordinated(actor, allocation::Column::EditionId))
        .to_owned();
    let tutors = arm(EDITION, role::Column::PersonId, people)
        .from(role::Entity)
        .and_where(Expr::col(role::Column::Role).eq("tutor"))
        .cond_where(reach::coordinated(actor, role::Column::ScopeId))
        .to_owned();
    [participants, allocated, tutors]
}
