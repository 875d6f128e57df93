//! Nominations: the invitations that institutions write. What all invitations have in common is in
//! [`invitation`](super::invitation).

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{CaseStatement, Expr, LockBehavior, LockType};
use sea_orm::{Condition, QueryOrder, QuerySelect};

use super::edition::reach;
use super::invitation::{Column, Entity, Model, in_states};
use super::page::{Page, Wanted};
use super::{Tx, institution, row};
use crate::domain::actor::Actor;
use crate::domain::id::{EditionId, InstitutionId, InvitationId, PersonId};
use crate::domain::invitation::InvitationState;
use crate::domain::nomination::{Endorsement, NewEnd, NominationState};
use crate::domain::policy::{Action, Relation as Stands, may};
use crate::error::Result;

pub mod naming;

/// Those whose nominees are to be reminded, as the partial index says it: with bound values the planner would not use
/// it.
const TO_REMIND: &str = "state = 'sent' AND remind_at IS NOT NULL";

impl Model {
    /// Whether a second person of the institution stands by it.
    pub const fn endorsement(&self) -> Endorsement {
        match (self.awaits_endorsement, self.endorsed_by) {
            (true, _) => Endorsement::Awaited,
            (false, Some(_)) => Endorsement::Given,
            (false, None) => Endorsement::NotAsked,
        }
    }

    /// What the history calls the state that it has, or had, as long as it is open.
    pub const fn open_word(&self) -> &'static str {
        match self.endorsement() {
            Endorsement::NotAsked | Endorsement::Awaited => InvitationState::Sent.word(),
            Endorsement::Given => NominationState::Endorsed.word(),
        }
    }
}

/// The nominations that exist for this actor: their institution's, and those to editions that they coordinate.
pub fn visible_to(actor: &Actor) -> Condition {
    let mut seen = Condition::any().add(row::nothing());
    if may(actor, Action::SeeNominations, Stands::INSTITUTION) {
        seen = seen.add(Column::InstitutionId.is_in(actor.institutions()));
    }
    if may(actor, Action::SeeNominations, Stands::EDITION) {
        let coordinated = reach::coordinated(actor, Column::ScopeId);
        seen = seen.add(Condition::all().add(Column::ScopeKind.eq("edition")).add(coordinated));
    }
    Condition::all().add(Column::InstitutionId.is_not_null()).add(seen)
}

/// The nomination, if it exists for the actor.
pub async fn find_for(connection: &impl ConnectionTrait, actor: &Actor, id: InvitationId) -> Result<Option<Model>> {
    let found = Entity::find_by_id(id).filter(visible_to(actor));
    Ok(found.one(connection).await?)
}

/// Those of the nominations with these identifiers that exist for the actor.
pub async fn by_ids_visible(
    connection: &impl ConnectionTrait,
    actor: &Actor,
    ids: &[InvitationId],
) -> Result<Vec<Model>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .filter(visible_to(actor));
    Ok(rows.all(connection).await?)
}

/// The nomination, if it exists for the actor, its row held against others who change it.
pub async fn lock_for(tx: &Tx, actor: &Actor, id: InvitationId) -> Result<Option<Model>> {
    let found = Entity::find_by_id(id).filter(visible_to(actor));
    Ok(found.lock_exclusive().one(tx).await?)
}

/// Which nominations are wanted; what is empty does not restrict.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// For this edition.
    pub edition: Option<EditionId>,
    /// Of this institution, and of those that were merged into it.
    pub institution: Option<InstitutionId>,
    /// In one of these states.
    pub states: Vec<NominationState>,
}

/// Those in one of these states at `now`. However often one is named, it is asked for once.
fn standing(states: &[NominationState], now: DateTime<Utc>) -> Condition {
    let wanted = NominationState::ALL.iter().filter(|state| states.contains(state));
    wanted.fold(Condition::any(), |any, state| {
        let stored = Condition::all().add(in_states(&[state.of_invitation()], now));
        match state {
            NominationState::Submitted => any.add(stored.add(Column::EndorsedBy.is_null())),
            NominationState::Endorsed => any.add(stored.add(Column::EndorsedBy.is_not_null())),
            NominationState::Accepted
            | NominationState::Declined
            | NominationState::Withdrawn
            | NominationState::Substituted
            | NominationState::Expired => any.add(stored),
        }
    })
}

/// A page of the nominations that exist for the actor, the oldest first.
pub async fn page(
    connection: &impl ConnectionTrait,
    actor: &Actor,
    filter: &Filter,
    now: DateTime<Utc>,
    wanted: &Wanted,
) -> Result<Page<Model>> {
    let mut list = Entity::find().filter(visible_to(actor));
    if let Some(edition) = filter.edition {
        list = list.filter(Column::ScopeId.eq(edition.0));
    }
    if let Some(institution) = filter.institution {
        list = list.filter(of(institution));
    }
    if !filter.states.is_empty() {
        list = list.filter(standing(&filter.states, now));
    }
    super::page::fetch(connection, list, (Column::CreatedAt, Column::Id), false, wanted).await
}

/// That an institution nominates, or one that was merged into it: nominations follow a little later.
fn of(nominator: InstitutionId) -> Condition {
    institution::family(Expr::col((Entity, Column::InstitutionId)), &[nominator])
}

fn by(institution: InstitutionId, edition: EditionId) -> Select<Entity> {
    Entity::find()
        .filter(of(institution))
        .filter(Column::ScopeId.eq(edition.0))
}

/// How many nominees of an institution have yet to answer for an edition.
pub async fn count_open(
    connection: &impl ConnectionTrait,
    institution: InstitutionId,
    edition: EditionId,
    now: DateTime<Utc>,
) -> Result<i64> {
    let open = by(institution, edition).filter(in_states(&[InvitationState::Sent], now));
    let count: Option<i64> = open
        .select_only()
        .column_as(Column::Id.count(), "count")
        .into_tuple()
        .one(connection)
        .await?;
    Ok(count.unwrap_or_default())
}

/// Which of these addresses an institution named for an edition and can still come: they have yet to answer, or came.
pub async fn named_among(
    connection: &impl ConnectionTrait,
    institution: InstitutionId,
    edition: EditionId,
    addresses: &[&str],
    now: DateTime<Utc>,
) -> Result<HashSet<String>> {
    let can_come = [InvitationState::Sent, InvitationState::Accepted];
    let named: Vec<String> = by(institution, edition)
        .filter(in_states(&can_come, now))
        .filter(Column::Email.is_in(addresses.iter().copied()))
        .select_only()
        .column(Column::Email)
        .into_tuple()
        .all(connection)
        .await?;
    Ok(named.into_iter().collect())
}

/// The last rank that an institution gave for an edition to somebody who has not answered no; 0 when there is none.
pub async fn last_rank(tx: &Tx, institution: InstitutionId, edition: EditionId) -> Result<i64> {
    let ranked = [InvitationState::Sent, InvitationState::Accepted];
    let last: Option<Option<i64>> = by(institution, edition)
        .filter(Column::State.is_in(ranked))
        .select_only()
        .column_as(Column::NomineeRank.max(), "last")
        .into_tuple()
        .one(tx)
        .await?;
    Ok(last.flatten().unwrap_or_default())
}

/// Gives a locked nomination a rank.
pub async fn set_rank(tx: &Tx, row: Model, rank: i64) -> Result<Model> {
    Entity::update_many()
        .col_expr(Column::NomineeRank, Expr::value(rank))
        .col_expr(Column::Version, Expr::value(row.version + 1))
        .filter(Column::Id.eq(row.id))
        .exec(tx)
        .await?;
    Ok(Model {
        nominee_rank: Some(rank),
        version: row.version + 1,
        ..row
    })
}

/// What endorsing a nomination adds to it.
#[derive(Debug)]
pub struct Endorsed {
    /// Who does.
    pub by: PersonId,
    /// When.
    pub at: DateTime<Utc>,
    /// The digest of the token that the nominee gets.
    pub hash: Vec<u8>,
    /// Until when it can be answered.
    pub expires_at: DateTime<Utc>,
    /// When the nominee is reminded.
    pub remind_at: Option<DateTime<Utc>>,
}

/// Endorses a locked nomination.
pub async fn set_endorsed(tx: &Tx, row: Model, endorsed: Endorsed) -> Result<Model> {
    Entity::update_many()
        .col_expr(Column::AwaitsEndorsement, Expr::value(false))
        .col_expr(Column::EndorsedBy, Expr::value(endorsed.by))
        .col_expr(Column::EndorsedAt, Expr::value(endorsed.at))
        .col_expr(Column::Hash, Expr::value(endorsed.hash.clone()))
        .col_expr(Column::ExpiresAt, Expr::value(endorsed.expires_at))
        .col_expr(Column::RemindAt, Expr::value(endorsed.remind_at))
        .col_expr(Column::Version, Expr::value(row.version + 1))
        .filter(Column::Id.eq(row.id))
        .exec(tx)
        .await?;
    Ok(Model {
        awaits_endorsement: false,
        endorsed_by: Some(endorsed.by),
        endorsed_at: Some(endorsed.at),
        hash: endorsed.hash,
        expires_at: endorsed.expires_at,
        remind_at: endorsed.remind_at,
        version: row.version + 1,
        ..row
    })
}

/// Gives the open nominations for a locked edition another end, and those whose nominee was to be reminded another
/// instant for that; every version of those that change rises by one. None ends before it began, by whatever clock.
pub async fn set_ends(
    tx: &Tx,
    edition: EditionId,
    now: DateTime<Utc>,
    end: NewEnd,
    remind_at: Option<DateTime<Utc>>,
) -> Result<()> {
    use sea_orm::sea_query::ExprTrait as _;
    let differs = match end {
        NewEnd::OfAll(at) => Column::ExpiresAt.ne(at),
        NewEnd::AtMost(at) => Column::ExpiresAt.gt(at),
    };
    let those = Condition::all()
        .add(Column::InstitutionId.is_not_null())
        .add(Column::ScopeId.eq(edition.0))
        .add(in_states(&[InvitationState::Sent], now))
        .add(Column::CreatedAt.lt(end.at()))
        .add(differs);
    Entity::update_many()
        .col_expr(Column::RemindAt, Expr::value(remind_at))
        .filter(those.clone())
        .filter(Column::RemindAt.is_not_null())
        .exec(tx)
        .await?;
    Entity::update_many()
        .col_expr(Column::ExpiresAt, Expr::value(end.at()))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(those)
        .exec(tx)
        .await?;
    Ok(())
}

fn to_remind(now: DateTime<Utc>) -> Condition {
    Condition::all()
        .add(Expr::cust(TO_REMIND))
        .add(Column::RemindAt.lte(now))
        .add(Column::ExpiresAt.gt(now))
}

/// Whether there is one for [`lock_to_remind`].
pub async fn is_to_remind(connection: &impl ConnectionTrait, now: DateTime<Utc>) -> Result<bool> {
    let found = Entity::find().filter(to_remind(now)).one(connection).await?;
    Ok(found.is_some())
}

/// Up to `limit` of those whose nominees are to be reminded, held against others; those that nobody else holds.
pub async fn lock_to_remind(tx: &Tx, now: DateTime<Utc>, limit: u64) -> Result<Vec<Model>> {
    let mut due = Entity::find()
        .filter(to_remind(now))
        .order_by_asc(Column::RemindAt)
        .limit(limit);
    QuerySelect::query(&mut due).lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    Ok(due.all(tx).await?)
}

/// Gives locked nominations the tokens of their reminders, by their digests; the ones before are dead. There
/// must be at least one.
pub async fn set_reminded(tx: &Tx, tokens: &[(InvitationId, Vec<u8>)]) -> Result<()> {
    let mut hashes = CaseStatement::new();
    for (id, hash) in tokens {
        hashes = hashes.case(Column::Id.eq(*id), Expr::value(hash.clone()));
    }
    Entity::update_many()
        .col_expr(Column::Hash, hashes.into())
        .col_expr(Column::RemindAt, Expr::value(None::<DateTime<Utc>>))
        .filter(Column::Id.is_in(tokens.iter().map(|(id, _)| *id)))
        .exec(tx)
        .await?;
    Ok(())
}
