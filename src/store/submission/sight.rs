//! Who sees which submissions, and how they stand to them.

use std::collections::{HashMap, HashSet};

use sea_orm::Condition;
use sea_orm::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait as _, Query, SelectStatement, UnionType};

use super::{Column, Entity};
use crate::domain::actor::{Actor, Reach, Role};
use crate::domain::id::SubmissionId;
use crate::domain::policy;
use crate::domain::submission::SubmissionState;
use crate::error::Result;
use crate::store::edition::reach;
use crate::store::{allocation, author, enrolment, row, team_member, version};

/// The answers of the teams to which the person belongs.
pub(super) fn of_own_teams(actor: &Actor) -> Condition {
    match actor.person {
        Some(person) => Condition::all().add(Column::TeamId.in_subquery(team_member::teams_of(person))),
        None => row::nothing(),
    }
}

/// The answers that the person gave alone.
pub(super) fn own(actor: &Actor) -> Condition {
    let Some(person) = actor.person else {
        return row::nothing();
    };
    let enrolments = Query::select()
        .column(enrolment::Column::Id)
        .from(enrolment::Entity)
        .and_where(enrolment::Column::PersonId.eq(person))
        .to_owned();
    Condition::all().add(Column::EnrolmentId.in_subquery(enrolments))
}

/// The answers of the teams allocated to the actor, and of the people in them.
pub(super) fn assigned(actor: &Actor) -> Condition {
    if actor.holds(Role::Tutor) {
        Condition::all().add(Column::Id.in_subquery(answers_to(actor)))
    } else {
        row::nothing()
    }
}

/// What the person wrote, whether or not they still belong to the team that handed it in.
fn written(actor: &Actor) -> Condition {
    let Some(person) = actor.person else {
        return row::nothing();
    };
    let works = Query::select()
        .column((version::Entity, version::Column::SubmissionId))
        .from(version::Entity)
        .inner_join(
            author::Entity,
            Expr::col((author::Entity, author::Column::VersionId)).equals((version::Entity, version::Column::Id)),
        )
        .inner_join(
            enrolment::Entity,
            Expr::col((enrolment::Entity, enrolment::Column::Id)).equals((author::Entity, author::Column::EnrolmentId)),
        )
        .and_where(enrolment::Column::PersonId.eq(person))
        .to_owned();
    Condition::all().add(Column::Id.in_subquery(works))
}

/// The work in which the actor has a part as an author. Only staff see work that they wrote in a team which they
/// left, so nobody else is asked about it.
pub(super) fn authored(actor: &Actor) -> Condition {
    let present = Condition::any().add(own(actor)).add(of_own_teams(actor));
    if actor.grants.is_empty() {
        present
    } else {
        present.add(written(actor))
    }
}

/// Work in which the actor has a part as an author, as long as its grade is not released.
pub(in crate::store) fn unreleased_of(actor: &Actor) -> SelectStatement {
    let released = [SubmissionState::Released, SubmissionState::Final];
    let unreleased = Condition::all()
        .add(authored(actor))
        .add(Column::State.is_not_in(released));
    Query::select()
        .column(Column::Id)
        .from(Entity)
        .cond_where(unreleased)
        .to_owned()
}

/// Work in these states as the actor is told them: of their own, the assessed is in review.
pub(super) fn in_states(actor: &Actor, states: &[SubmissionState]) -> Condition {
    let plain = Column::State.is_in(states.iter().copied());
    let told = SubmissionState::ALL
        .iter()
        .filter(|state| states.contains(&state.as_participants_see_it()));
    let told = Column::State.is_in(told.copied());
    Condition::any()
        .add(Condition::all().add(authored(actor)).add(told))
        .add(Condition::all().add(authored(actor).not()).add(plain))
}

/// What a tutor has to do with. A union, so that each half is found by its own index.
pub(in crate::store) fn answers_to(tutor: &Actor) -> SelectStatement {
    let teams = allocation::teams_of(tutor);
    let of_people = Query::select()
        .column(Column::Id)
        .from(Entity)
        .and_where(Column::EnrolmentId.in_subquery(team_member::enrolments_in(teams.clone())))
        .to_owned();
    Query::select()
        .column(Column::Id)
        .from(Entity)
        .and_where(Column::TeamId.in_subquery(teams))
        .union(UnionType::All, of_people)
        .to_owned()
}

/// The submissions that the actor sees: their own and their teams', those of teams allocated to them, those of
/// the editions that they coordinate.
pub fn visible_to(actor: &Actor) -> Condition {
    if actor.coordinated() == Reach::Everywhere {
        return Condition::all();
    }
    let seen = Condition::any()
        .add(own(actor))
        .add(of_own_teams(actor))
        .add(assigned(actor));
    seen.add(reach::coordinated(actor, Column::EditionId))
}

/// How the actor stands to these submissions.
pub async fn relations(
    connection: &impl ConnectionTrait,
    actor: &Actor,
    ids: &[SubmissionId],
) -> Result<HashMap<SubmissionId, policy::Relation>> {
    let own = row::among(connection, Column::Id, ids, own(actor)).await?;
    let team = if actor.grants.is_empty() {
        of_own_teams(actor)
    } else {
        Condition::any().add(of_own_teams(actor)).add(written(actor))
    };
    let team = row::among(connection, Column::Id, ids, team).await?;
    let assigned = if actor.holds(Role::Tutor) {
        row::among(connection, Column::Id, ids, assigned(actor)).await?
    } else {
        HashSet::new()
    };
    let edition = if actor.coordinated().is_nothing() {
        HashSet::new()
    } else {
        let coordinated = reach::coordinated(actor, Column::EditionId);
        row::among(connection, Column::Id, ids, coordinated).await?
    };
    let relation = |id: &SubmissionId| policy::Relation {
        own: own.contains(id),
        team: team.contains(id),
        assigned: assigned.contains(id),
        edition: edition.contains(id),
        institution: false,
    };
    Ok(ids.iter().map(|id| (*id, relation(id))).collect())
}
