//! Who did what to what: append-only.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::prelude::*;
use sea_orm::sea_query::{Query, SelectStatement, UnionType};
use sea_orm::{Condition, QueryTrait, Set};

use super::announce::Topic;
use super::edition::reach;
use super::page::{self, Key, Page, Place, Wanted};
use super::{Tx, allocation, deliverable, enrolment, history, invitation, role, row, submission, team};
use crate::clock::Clock;
use crate::domain::actor::{Actor, Reach, Role};
use crate::domain::audit::{Canonical, Origin};
use crate::domain::id::{PersonId, Subject};
use crate::domain::policy::Action;
use crate::error::Result;

/// Who did what to what: append-only.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_entry")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub at: DateTime<Utc>,
    pub actor_id: Option<PersonId>,
    pub action: String,
    pub subject_kind: String,
    pub subject_id: Option<Uuid>,
    pub reason: Option<String>,
    pub via: Option<String>,
    pub credential: Option<Uuid>,
    pub request: Option<String>,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// What the seal of the entry holds fast.
    pub fn canonical(&self) -> Canonical {
        Canonical::new("entry")
            .id(Some(self.id))
            .number(self.at.timestamp_micros())
            .id(self.actor_id.map(|person| person.0))
            .text(Some(&self.action))
            .text(Some(&self.subject_kind))
            .id(self.subject_id)
            .text(self.reason.as_deref())
            .text(self.via.as_deref())
            .id(self.credential)
            .text(self.request.as_deref())
    }
}

tokio::task_local! {
    static ORIGIN: Origin;
}

/// Does some work in whose entries the origin is written down.
pub async fn from_origin<F: Future>(origin: Origin, work: F) -> F::Output {
    ORIGIN.scope(origin, work).await
}

/// Where the present work comes from; nobody's doing where nothing else was said.
pub fn origin() -> Origin {
    ORIGIN.try_with(Clone::clone).unwrap_or(Origin::SYSTEM)
}

/// Writes one entry for each subject: this actor did this to that. What can be followed of it is announced.
pub async fn record(
    tx: &Tx,
    clock: &Clock,
    actor: Option<PersonId>,
    action: Action,
    subjects: &[Subject],
    reason: Option<&str>,
) -> Result<()> {
    for topic in subjects.iter().filter_map(Topic::of) {
        tx.announce(topic);
    }
    let origin = origin();
    for batch in subjects.chunks(1000) {
        let rows = batch.iter().map(|subject| ActiveModel {
            id: Set(clock.new_id()),
            at: Set(clock.now()),
            actor_id: Set(actor),
            action: Set(action.key().to_owned()),
            subject_kind: Set(subject.kind.to_owned()),
            subject_id: Set(Some(subject.id)),
            reason: Set(reason.map(ToOwned::to_owned)),
            via: Set(Some(origin.via.word().to_owned())),
            credential: Set(origin.credential),
            request: Set(origin.request.clone()),
        });
        let write = Entity::insert_many(rows).into_query();
        tx.later("audit_entry", batch.len(), write).await?;
    }
    Ok(())
}

/// The actions of people that change what an edition, a deliverable or a course is. What time does has a step in the
/// history, and nothing else does: looking at something, and taking a list of it away, leaves it as it was.
const CHANGING: [Action; 3] = [Action::PlanEdition, Action::DefineDeliverable, Action::PlanCourse];

/// When each of these editions, deliverables and courses was last changed, by people or by time, where it was.
pub async fn last_change(connection: &impl ConnectionTrait, subjects: &[Uuid]) -> Result<HashMap<Uuid, DateTime<Utc>>> {
    let mut by_people = Query::select()
        .column(Column::SubjectId)
        .expr(Column::At.max())
        .from(Entity)
        .and_where(Column::SubjectId.is_in(subjects.iter().copied()))
        .and_where(Column::Action.is_in(CHANGING.map(Action::key)))
        .group_by_col(Column::SubjectId)
        .to_owned();
    let in_steps = Query::select()
        .column(history::Column::SubjectId)
        .expr(history::Column::At.max())
        .from(history::Entity)
        .and_where(history::Column::SubjectId.is_in(subjects.iter().copied()))
        .group_by_col(history::Column::SubjectId)
        .to_owned();
    let mut last = HashMap::new();
    for row in connection.query_all(by_people.union(UnionType::All, in_steps)).await? {
        let (subject, at): (Uuid, DateTime<Utc>) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        let known = last.entry(subject).or_insert(at);
        *known = at.max(*known);
    }
    Ok(last)
}

/// Which entries are wanted; what is empty does not restrict.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of what this person did.
    pub actor: Option<PersonId>,
    /// Of what was done to this.
    pub subject: Option<Uuid>,
    /// One of these actions.
    pub actions: Vec<String>,
    /// From this instant on.
    pub from: Option<DateTime<Utc>>,
    /// Before this instant.
    pub until: Option<DateTime<Utc>>,
}

/// The entries that the actor may read: those within reach, but for the grading of work in which they had a part, until
/// its grade is released, and for the scoring of their own applications. What they did themself they know.
fn visible_to(actor: &Actor) -> Condition {
    let all = Condition::all().add(within_reach(actor));
    let Some(person) = actor.person.filter(|_| !actor.grants.is_empty()) else {
        return all;
    };
    let grading = [Action::Assess, Action::ReleaseGrade].map(Action::key);
    let of_own_work = Condition::all()
        .add(Column::SubjectKind.eq("submission"))
        .add(Column::Action.is_in(grading))
        .add(Column::SubjectId.in_subquery(submission::unreleased_of(actor)));
    let own = Condition::all().add(enrolment::Column::PersonId.eq(person));
    let of_own_application = Condition::all()
        .add(Column::SubjectKind.eq("enrolment"))
        .add(Column::Action.eq(Action::ScoreApplication.key()))
        .add(Column::SubjectId.in_subquery(ids(enrolment::Entity, enrolment::Column::Id, own)));
    let judged = Condition::any().add(of_own_work).add(of_own_application);
    all.add(Condition::any().add(Column::ActorId.eq(person)).add(judged.not()))
}

/// What the actor did and what was done to them; what was done to an edition that they coordinate and to what hangs on
/// it; for an administrator everything.
fn within_reach(actor: &Actor) -> Condition {
    if actor.holds(Role::Administrator) {
        return Condition::all();
    }
    let Some(person) = actor.person else {
        return row::nothing();
    };
    let mut seen = Condition::any()
        .add(Column::ActorId.eq(person))
        .add(Column::SubjectId.eq(person.0));
    if actor.coordinated().is_nothing() {
        return seen;
    }
    if actor.coordinated() == Reach::Everywhere {
        let kinds = [
            "edition",
            "enrolment",
            "team",
            "deliverable",
            "submission",
            "allocation",
        ];
        let invitations = Condition::all()
            .add(Column::SubjectKind.eq("invitation"))
            .add(Column::SubjectId.in_subquery(invitations(actor)));
        let roles = Condition::all()
            .add(Column::SubjectKind.eq("role"))
            .add(Column::SubjectId.in_subquery(roles(actor)));
        return seen.add(Column::SubjectKind.is_in(kinds)).add(roles).add(invitations);
    }
    let edition = reach::coordinated(actor, Column::SubjectId);
    seen = seen.add(Condition::all().add(Column::SubjectKind.eq("edition")).add(edition));
    for (kind, ids) in hanging_on_editions(actor) {
        let of_kind = Condition::all().add(Column::SubjectKind.eq(kind));
        seen = seen.add(of_kind.add(Column::SubjectId.in_subquery(ids)));
    }
    seen
}

fn ids<E: EntityTrait>(table: E, id: E::Column, within: Condition) -> SelectStatement {
    Query::select().column(id).from(table).cond_where(within).to_owned()
}

/// The invitations to the editions that the actor coordinates.
fn invitations(actor: &Actor) -> SelectStatement {
    let within = Condition::all()
        .add(invitation::Column::ScopeKind.eq("edition"))
        .add(reach::coordinated(actor, invitation::Column::ScopeId));
    ids(invitation::Entity, invitation::Column::Id, within)
}

/// The roles in the editions that the actor coordinates.
fn roles(actor: &Actor) -> SelectStatement {
    let within = Condition::all()
        .add(role::Column::ScopeKind.eq("edition"))
        .add(reach::coordinated(actor, role::Column::ScopeId));
    ids(role::Entity, role::Column::Id, within)
}

/// What hangs on the editions that the actor coordinates, by its kind.
fn hanging_on_editions(actor: &Actor) -> [(&'static str, SelectStatement); 7] {
    let enrolments = reach::coordinated(actor, enrolment::Column::EditionId);
    let teams = reach::coordinated(actor, team::Column::EditionId);
    let asked = reach::coordinated(actor, deliverable::Column::EditionId);
    let work = reach::coordinated(actor, submission::Column::EditionId);
    let charges = reach::coordinated(actor, allocation::Column::EditionId);
    [
        ("enrolment", ids(enrolment::Entity, enrolment::Column::Id, enrolments)),
        ("team", ids(team::Entity, team::Column::Id, teams)),
        ("deliverable", ids(deliverable::Entity, deliverable::Column::Id, asked)),
        ("submission", ids(submission::Entity, submission::Column::Id, work)),
        ("allocation", ids(allocation::Entity, allocation::Column::Id, charges)),
        ("role", roles(actor)),
        ("invitation", invitations(actor)),
    ]
}

/// Where a row stands in the list by time.
pub fn page_place(row: &Model) -> Place {
    Place {
        key: Key::Instant(row.at),
        id: row.id,
    }
}

/// A page of the entries that the actor may read, the latest first.
pub async fn page(
    connection: &impl ConnectionTrait,
    actor: &Actor,
    filter: &Filter,
    wanted: &Wanted,
) -> Result<Page<Model>> {
    let mut asked = Condition::all()
        .add_option(filter.actor.map(|person| Column::ActorId.eq(person)))
        .add_option(filter.subject.map(|subject| Column::SubjectId.eq(subject)))
        .add_option(filter.from.map(|from| Column::At.gte(from)))
        .add_option(filter.until.map(|until| Column::At.lt(until)));
    if !filter.actions.is_empty() {
        asked = asked.add(Column::Action.is_in(filter.actions.iter().cloned()));
    }
    let list = Entity::find().filter(visible_to(actor)).filter(asked);
    page::fetch(connection, list, (Column::At, Column::Id), true, wanted).await
}
