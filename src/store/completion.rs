//! The decided outcome of an enrolment with its evidence.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use sea_orm::prelude::*;
use sea_orm::sea_query::{CaseStatement, ExprTrait as _};
use sea_orm::{JsonValue as Json, QueryOrder, QuerySelect};

use super::{Tx, allocation, author, edition, enrolment, grade, row, team_member};
use crate::clock::Clock;
use crate::domain::actor::{Actor, Role};
use crate::domain::enrolment::EnrolmentState;
use crate::domain::id::{CompletionId, DeliverableId, EnrolmentId, PersonId, SubmissionId};
use crate::domain::policy;
use crate::domain::submission::Outcome;
use crate::error::{Error, Result};

/// The decided outcome of an enrolment with its evidence.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "completion")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: CompletionId,
    pub enrolment_id: EnrolmentId,
    pub outcome: String,
    pub evidence: Json,
    pub decided_at: DateTime<Utc>,
    pub decided_by: Option<PersonId>,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The outcome with its reasons, as it was decided.
    pub fn evidence(&self) -> Result<Outcome> {
        serde_json::from_value(self.evidence.clone()).map_err(Error::internal)
    }
}

/// What was decided about these enrolments, the oldest first: the last decision of each stands.
pub async fn of_enrolments(connection: &impl ConnectionTrait, enrolments: &[EnrolmentId]) -> Result<Vec<Model>> {
    let rows = Entity::find()
        .filter(Column::EnrolmentId.is_in(enrolments.iter().copied()))
        .order_by_asc(Column::DecidedAt)
        .order_by_asc(Column::Id);
    Ok(rows.all(connection).await?)
}

/// How the actor stands to these enrolments; absent ones are left out.
pub async fn relations(
    connection: &impl ConnectionTrait,
    actor: &Actor,
    ids: &[EnrolmentId],
) -> Result<HashMap<EnrolmentId, policy::Relation>> {
    let among = |condition| {
        let rows = enrolment::Entity::find().filter(enrolment::Column::Id.is_in(ids.iter().copied()));
        rows.filter(condition)
            .select_only()
            .column(enrolment::Column::Id)
            .into_tuple::<EnrolmentId>()
            .all(connection)
    };
    let rows = enrolment::Entity::find()
        .filter(enrolment::Column::Id.is_in(ids.iter().copied()))
        .all(connection)
        .await?;
    let mut assigned = Vec::new();
    if actor.holds(Role::Tutor) {
        let charges = team_member::enrolments_in(allocation::teams_of(actor));
        assigned = among(sea_orm::Condition::all().add(enrolment::Column::Id.in_subquery(charges))).await?;
    }
    let coordinated = if actor.coordinated().is_nothing() {
        Vec::new()
    } else {
        among(edition::reach::coordinated(actor, enrolment::Column::EditionId)).await?
    };
    let institutions = actor.institutions();
    let relation = |row: &enrolment::Model| policy::Relation {
        own: Some(row.person_id) == actor.person,
        assigned: assigned.contains(&row.id),
        edition: coordinated.contains(&row.id),
        institution: row.is_nominated_by(&institutions),
        team: false,
    };
    Ok(rows.iter().map(|row| (row.id, relation(row))).collect())
}

/// Locks the enrolments with these identifiers and reads them again, in the order of their identifiers.
pub async fn lock(tx: &Tx, ids: &[EnrolmentId]) -> Result<Vec<enrolment::Model>> {
    let rows = enrolment::Entity::find()
        .filter(enrolment::Column::Id.is_in(ids.iter().copied()))
        .order_by_asc(enrolment::Column::Id);
    Ok(rows.lock_exclusive().all(tx).await?)
}

/// The released grade of each enrolment in each deliverable, in thousandths. Somebody who changed teams may be an
/// author of two answers to one deliverable: the better one counts.
pub async fn released_grades(
    connection: &impl ConnectionTrait,
    enrolments: &[EnrolmentId],
) -> Result<HashMap<(EnrolmentId, DeliverableId), i64>> {
    let works = author::released_works(connection, enrolments).await?;
    let submissions: Vec<SubmissionId> = works.iter().map(|work| work.submission).collect();
    let grades = grade::of_submissions(connection, &submissions).await?;
    let standing: HashMap<SubmissionId, i64> = grades.into_iter().map(|row| (row.submission_id, row.value)).collect();
    let mut best: HashMap<(EnrolmentId, DeliverableId), i64> = HashMap::new();
    for work in works {
        if let Some(&value) = standing.get(&work.submission) {
            let known = best.entry((work.enrolment, work.deliverable)).or_insert(value);
            *known = std::cmp::max(value, *known);
        }
    }
    Ok(best)
}

/// What was decided about a locked enrolment: the state to which it goes, and the outcome.
pub type Decision<'a> = (&'a enrolment::Model, EnrolmentState, Outcome);

/// Stores outcomes; earlier ones stay as they are.
pub async fn insert_all(
    tx: &Tx,
    clock: &Clock,
    decisions: &[Decision<'_>],
    decided_by: Option<PersonId>,
) -> Result<Vec<Model>> {
    let mut rows = Vec::with_capacity(decisions.len());
    for (row, state, outcome) in decisions {
        rows.push(Model {
            id: CompletionId(clock.new_id()),
            enrolment_id: row.id,
            outcome: state.word().to_owned(),
            evidence: serde_json::to_value(outcome).map_err(Error::internal)?,
            decided_at: clock.now(),
            decided_by,
        });
    }
    row::insert_all(tx, rows.clone()).await?;
    Ok(rows)
}

/// Writes states and grades into the enrolments, and gives them as they then are; every version rises by one. One
/// statement for each state.
pub async fn set_outcomes(tx: &Tx, decisions: &[Decision<'_>]) -> Result<Vec<enrolment::Model>> {
    use enrolment::Column as Of;
    let mut by_state: BTreeMap<EnrolmentState, Vec<&Decision<'_>>> = BTreeMap::new();
    for decision in decisions {
        by_state.entry(decision.1).or_default().push(decision);
    }
    for (state, list) in by_state {
        let mut grades = CaseStatement::new();
        for (row, _, outcome) in &list {
            grades = grades.case(Of::Id.eq(row.id), Expr::value(outcome.grade));
        }
        enrolment::Entity::update_many()
            .col_expr(Of::State, Expr::value(state))
            .col_expr(Of::Grade, grades.into())
            .col_expr(Of::Version, Expr::col(Of::Version).add(1))
            .filter(Of::Id.is_in(list.iter().map(|(row, ..)| row.id)))
            .exec(tx)
            .await?;
    }
    let after = decisions.iter().map(|(row, state, outcome)| enrolment::Model {
        state: *state,
        grade: Some(outcome.grade),
        version: row.version + 1,
        ..(*row).clone()
    });
    Ok(after.collect())
}
