//! The answer of a team or a person to a deliverable.

use chrono::{DateTime, Utc};
use sea_orm::prelude::*;
use sea_orm::sea_query::ExprTrait as _;
use sea_orm::{Condition, QueryOrder, QuerySelect, Set};

use super::page::{self, Page, Wanted};
use super::{Tx, deliverable, unique_or};
use crate::clock::Clock;
use crate::domain::actor::Actor;
use crate::domain::id::{DeliverableId, EditionId, EnrolmentId, SubmissionId, TeamId};
use crate::domain::submission::SubmissionState;
use crate::domain::version::stale_version;
use crate::error::{Error, Result};

mod sight;

pub(super) use sight::{answers_to, unreleased_of};
use sight::{assigned, authored, in_states, of_own_teams, own};
pub use sight::{relations, visible_to};

/// The answer of a team or a person to a deliverable.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "submission")]
#[allow(missing_docs, reason = "the columns are documented where the API shows them")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: SubmissionId,
    pub deliverable_id: DeliverableId,
    pub edition_id: EditionId,
    pub team_id: Option<TeamId>,
    pub enrolment_id: Option<EnrolmentId>,
    pub state: SubmissionState,
    pub draft_title: String,
    pub draft_body: String,
    pub current_number: i64,
    pub counted_for: Option<EnrolmentId>,
    pub handed_in_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub version: i64,
}

/// Relations are written as joins where they are needed.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Whose answer it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    /// A team's.
    Team(TeamId),
    /// One participant's.
    Enrolment(EnrolmentId),
}

impl Author {
    fn condition(self) -> Expr {
        match self {
            Self::Team(team) => Column::TeamId.eq(team),
            Self::Enrolment(enrolment) => Column::EnrolmentId.eq(enrolment),
        }
    }
}

/// Those of the rows with these identifiers that the actor sees.
pub async fn by_ids_visible(
    connection: &impl ConnectionTrait,
    actor: &Actor,
    ids: &[SubmissionId],
) -> Result<Vec<Model>> {
    let rows = Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .filter(visible_to(actor));
    Ok(rows.all(connection).await?)
}

/// The submission, if the actor sees it.
pub async fn find_visible(connection: &impl ConnectionTrait, actor: &Actor, id: SubmissionId) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(id).filter(visible_to(actor)).one(connection).await?)
}

/// Locks the rows with these identifiers and reads them again, in the order of their identifiers.
pub async fn lock(tx: &Tx, ids: &[SubmissionId]) -> Result<Vec<Model>> {
    let rows = Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .order_by_asc(Column::Id);
    Ok(rows.lock_exclusive().all(tx).await?)
}

/// Locks the answer to a deliverable, if there is one.
pub async fn lock_answer(tx: &Tx, deliverable: DeliverableId, author: Author) -> Result<Option<Model>> {
    let row = Entity::find()
        .filter(Column::DeliverableId.eq(deliverable))
        .filter(author.condition());
    Ok(row.lock_exclusive().one(tx).await?)
}

/// The answers of these teams that the actor sees, the oldest first.
pub async fn of_teams_visible(
    connection: &impl ConnectionTrait,
    actor: &Actor,
    teams: &[TeamId],
) -> Result<Vec<Model>> {
    let rows = Entity::find()
        .filter(Column::TeamId.is_in(teams.iter().copied()))
        .filter(visible_to(actor))
        .order_by_asc(Column::CreatedAt)
        .order_by_asc(Column::Id);
    Ok(rows.all(connection).await?)
}

/// The answers to a deliverable that exist for the actor, the oldest first.
pub async fn of_deliverable(connection: &impl ConnectionTrait, actor: &Actor, id: DeliverableId) -> Result<Vec<Model>> {
    let list = Entity::find()
        .filter(Column::DeliverableId.eq(id))
        .filter(visible_to(actor));
    Ok(list
        .order_by_asc(Column::CreatedAt)
        .order_by_asc(Column::Id)
        .all(connection)
        .await?)
}

/// How many drafts of these deliverables were closed at the cut-off; those of which none was are left out.
pub async fn closed_drafts(
    connection: &impl ConnectionTrait,
    deliverables: &[DeliverableId],
) -> Result<Vec<(DeliverableId, i64)>> {
    let counts = Entity::find()
        .select_only()
        .column(Column::DeliverableId)
        .column_as(Column::Id.count(), "closed")
        .filter(Column::DeliverableId.is_in(deliverables.iter().copied()))
        .filter(Column::State.eq(SubmissionState::NotSubmitted))
        .group_by(Column::DeliverableId);
    Ok(counts.into_tuple().all(connection).await?)
}

/// The actor's own answers, alone or in a team, to these deliverables.
pub async fn own_answers(
    connection: &impl ConnectionTrait,
    actor: &Actor,
    deliverables: &[DeliverableId],
) -> Result<Vec<Model>> {
    let rows = Entity::find()
        .filter(Column::DeliverableId.is_in(deliverables.iter().copied()))
        .filter(Condition::any().add(own(actor)).add(of_own_teams(actor)));
    Ok(rows.all(connection).await?)
}

/// What the actor has to review as a tutor: work in these states of teams allocated to them and not their own, the
/// work that was handed in first coming first.
pub async fn page_of_queue(
    connection: &impl ConnectionTrait,
    actor: &Actor,
    states: &[SubmissionState],
    wanted: &Wanted,
) -> Result<Page<Model>> {
    let list = Entity::find()
        .filter(Column::State.is_in(states.iter().copied()))
        .filter(authored(actor).not())
        .filter(Column::HandedInAt.is_not_null())
        .filter(assigned(actor));
    page::fetch(connection, list, (Column::HandedInAt, Column::Id), false, wanted).await
}

/// The submissions of an edition that the actor sees, in the order in which they were begun.
pub async fn page_of_edition(
    connection: &impl ConnectionTrait,
    actor: &Actor,
    edition: EditionId,
    states: &[SubmissionState],
    wanted: &Wanted,
) -> Result<Page<Model>> {
    let mut list = Entity::find()
        .filter(Column::EditionId.eq(edition))
        .filter(visible_to(actor));
    if !states.is_empty() {
        list = list.filter(in_states(actor, states));
    }
    page::fetch(connection, list, (Column::CreatedAt, Column::Id), false, wanted).await
}

/// Begins an answer.
///
/// # Errors
/// `Code::StaleVersion` when somebody else began it meanwhile.
pub async fn insert(
    tx: &Tx,
    clock: &Clock,
    deliverable: &deliverable::Model,
    author: Author,
    (title, body): (&str, &str),
) -> Result<Model> {
    let (team, enrolment) = match author {
        Author::Team(team) => (Some(team), None),
        Author::Enrolment(enrolment) => (None, Some(enrolment)),
    };
    let row = ActiveModel {
        id: Set(SubmissionId(clock.new_id())),
        deliverable_id: Set(deliverable.id),
        edition_id: Set(deliverable.edition_id),
        team_id: Set(team),
        enrolment_id: Set(enrolment),
        state: Set(SubmissionState::Draft),
        draft_title: Set(title.to_owned()),
        draft_body: Set(body.to_owned()),
        current_number: Set(0),
        counted_for: Set(None),
        handed_in_at: Set(None),
        created_at: Set(clock.now()),
        version: Set(1),
    };
    let meanwhile = Error::from(stale_version("version", 1));
    Entity::insert(row)
        .exec_with_returning(tx)
        .await
        .map_err(unique_or(meanwhile))
}

/// Changes the row if it is still as it was read.
async fn change(tx: &Tx, row: &Model, change: ActiveModel) -> Result<Model> {
    let rows = Entity::update_many()
        .set(ActiveModel {
            version: Set(row.version + 1),
            ..change
        })
        .filter(Column::Id.eq(row.id))
        .filter(Column::Version.eq(row.version))
        .exec_with_returning(tx)
        .await?;
    let stale = || stale_version("version", row.version).into();
    rows.into_iter().next().ok_or_else(stale)
}

/// Changes the draft.
///
/// # Errors
/// `Code::StaleVersion`.
pub async fn set_draft(tx: &Tx, row: &Model, title: &str, body: &str) -> Result<Model> {
    let draft = ActiveModel {
        draft_title: Set(title.to_owned()),
        draft_body: Set(body.to_owned()),
        ..Default::default()
    };
    change(tx, row, draft).await
}

/// Changes the state; the version rises also when the state stays.
///
/// # Errors
/// `Code::StaleVersion`.
pub async fn set_state(tx: &Tx, row: &Model, state: SubmissionState) -> Result<Model> {
    change(
        tx,
        row,
        ActiveModel {
            state: Set(state),
            ..Default::default()
        },
    )
    .await
}

/// Changes the state of locked rows, and gives them as they then are; every version rises by one.
pub async fn set_states(tx: &Tx, rows: &[&Model], state: SubmissionState) -> Result<Vec<Model>> {
    Entity::update_many()
        .col_expr(Column::State, Expr::value(state))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(Column::Id.is_in(rows.iter().map(|row| row.id)))
        .exec(tx)
        .await?;
    let after = rows.iter().map(|row| Model {
        state,
        version: row.version + 1,
        ..(*row).clone()
    });
    Ok(after.collect())
}

/// Notes one more hand-in; the first one says for whom the work is counted, if it is one that counts.
///
/// # Errors
/// `Code::StaleVersion`.
pub async fn set_handed_in(
    tx: &Tx,
    row: &Model,
    state: SubmissionState,
    counted_for: Option<EnrolmentId>,
    at: DateTime<Utc>,
) -> Result<Model> {
    let handed_in = ActiveModel {
        state: Set(state),
        current_number: Set(row.current_number + 1),
        counted_for: Set(row.counted_for.or(counted_for)),
        handed_in_at: Set(row.handed_in_at.or(Some(at))),
        ..Default::default()
    };
    change(tx, row, handed_in).await
}
