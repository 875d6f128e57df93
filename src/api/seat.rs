//! Seats in the API: what an edition gives out, what it keeps for some, and offers.

use async_graphql::{Context, ID, Object};
use chrono::{DateTime, Utc};

use super::edition::Edition;
use super::enrolment::Enrolment;
use super::enums::ConstituentGroup;
use super::error::ApiResult;
use super::id;
use super::institution::Institution;
use super::request::Request;
use crate::domain::id::EditionId;
use crate::domain::policy::Action;
use crate::service::edition::relation;
use crate::service::{offer, seat};
use crate::store::edition;
use crate::store::seat_pool::{self, Figures};

mod input;
mod report;

pub use input::{
    AcceptOfferInput, AcceptOfferPayload, ChangeSeatPoolInput, ChangeSeatPoolPayload, CreateSeatPoolInput,
    CreateSeatPoolPayload, DeclineOfferInput, DeclineOfferPayload, RankWaitingInput, RankWaitingPayload,
    RemoveSeatPoolInput, RemoveSeatPoolPayload,
};

pub use report::{AdmissionFigures, AdmissionReport, PoolAdmission};

/// The seats of an edition.
pub struct EditionSeats(pub Box<edition::Model>);

async fn figures(ctx: &Context<'_>, edition: EditionId) -> ApiResult<Figures> {
    let found = Request::of(ctx).loaders.seats.load_one(edition).await?;
    Ok(found.unwrap_or_default())
}

impl EditionSeats {
    /// What only coordinators see.
    fn shows(&self, ctx: &Context<'_>) -> bool {
        let request = Request::of(ctx);
        request.may(Action::SeeSeats, relation(&request.actor, &self.0))
    }
}

/// The seats of an edition in one ledger: whatever happens at the same time, `taken`, `held` and what is kept and not
/// used are never more than `capacity`. Who waits and the pools are read right after the edition, so a change in
/// between shows in them first.
#[Object]
impl EditionSeats {
    /// How many there are; null for as many as come.
    async fn capacity(&self) -> Option<i64> {
        self.0.capacity
    }

    /// How many are taken by confirmed and active enrolments.
    async fn taken(&self) -> i64 {
        self.0.seats_taken
    }

    /// How many are free for anybody; null for as many as come.
    async fn free(&self) -> Option<i64> {
        self.0.seats().free()
    }

    /// How many are held for whom they are offered to; for coordinators, null for anybody else.
    async fn held(&self, ctx: &Context<'_>) -> Option<i64> {
        self.shows(ctx).then_some(self.0.seats_held)
    }

    /// How many people wait for one, and are offered none; for coordinators, null for anybody else.
    async fn waiting(&self, ctx: &Context<'_>) -> ApiResult<Option<i64>> {
        if !self.shows(ctx) {
            return Ok(None);
        }
        Ok(Some(figures(ctx, self.0.id).await?.waiting))
    }

    /// What is or was kept for some, in the order in which it was made; for coordinators, null for anybody else.
    async fn pools(&self, ctx: &Context<'_>) -> ApiResult<Option<Vec<SeatPool>>> {
        if !self.shows(ctx) {
            return Ok(None);
        }
        let pools = figures(ctx, self.0.id).await?.pools;
        Ok(Some(
            pools
                .into_iter()
                .map(|(row, waiting)| SeatPool(Box::new(row), Some(waiting)))
                .collect(),
        ))
    }

    /// How the applications stand, by the pools to which people belong; for coordinators, null for anybody else.
    async fn admission(&self, ctx: &Context<'_>) -> ApiResult<Option<AdmissionReport>> {
        if !self.shows(ctx) {
            return Ok(None);
        }
        Ok(Some(report::of(ctx, self.0.id).await?))
    }
}

/// Seats of an edition that are kept for some, and how many wait for them where that was read already.
pub struct SeatPool(Box<seat_pool::Model>, Option<i64>);

impl From<seat_pool::Model> for SeatPool {
    fn from(row: seat_pool::Model) -> Self {
        Self(Box::new(row), None)
    }
}

/// Seats of an edition that are kept for exactly one institution, constituent group or country, until they are
/// released. A person belongs to it by what they declared when they applied.
#[Object]
impl SeatPool {
    /// Global identifier, `pol_…`.
    pub async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// The institution for whose people they are kept.
    async fn institution(&self, ctx: &Context<'_>) -> ApiResult<Option<Institution>> {
        let Some(id) = self.0.institution_id else {
            return Ok(None);
        };
        let found = Request::of(ctx).loaders.institutions.load_one(id).await?;
        Ok(found.map(Institution::from))
    }

    /// The country for whose people they are kept (ISO 3166-1 alpha-2).
    async fn country(&self) -> Option<&str> {
        self.0.country.as_deref()
    }

    /// The constituent group for whose people they are kept.
    async fn constituent_group(&self) -> Option<ConstituentGroup> {
        self.0.constituent_group.map(Into::into)
    }

    /// How many seats.
    async fn seats(&self) -> i64 {
        self.0.seats
    }

    /// How many of them are taken.
    async fn taken(&self) -> i64 {
        self.0.taken
    }

    /// How many of them are held for whom they are offered to.
    async fn held(&self) -> i64 {
        self.0.held
    }

    /// How many people wait who belong to it.
    async fn waiting(&self, ctx: &Context<'_>) -> ApiResult<i64> {
        if let Some(waiting) = self.1 {
            return Ok(waiting);
        }
        let pools = figures(ctx, self.0.edition_id).await?.pools;
        let own = pools.iter().find(|(row, _)| row.id == self.0.id);
        Ok(own.map_or(0, |(_, waiting)| *waiting))
    }

    /// Whether its people may take seats that are free for anybody, too, when none of theirs is free.
    async fn overflow(&self) -> bool {
        self.0.overflow
    }

    /// From when what is left of them is for everybody; null for never.
    async fn releases_at(&self) -> Option<DateTime<Utc>> {
        self.0.releases_at
    }

    /// Since when what was left of them is for everybody; null while they are kept.
    async fn released_at(&self) -> Option<DateTime<Utc>> {
        self.0.released_at
    }

    /// To be sent back with a change; rises with every change.
    async fn version(&self) -> i64 {
        self.0.version
    }
}

/// Changes of seats.
#[derive(Default)]
pub struct SeatMutation;

#[Object]
impl SeatMutation {
    /// Keeps seats of an edition for exactly one institution, constituent group or country. For its coordinators.
    async fn create_seat_pool(
        &self,
        ctx: &Context<'_>,
        input: CreateSeatPoolInput,
    ) -> ApiResult<CreateSeatPoolPayload> {
        let request = Request::of(ctx);
        let run = async {
            let (edition, kept_for, draft) = input.read()?;
            seat::create_pool(&request.app, &request.actor, edition, kept_for, draft).await
        };
        CreateSeatPoolPayload::of(Box::pin(run).await, SeatPool::from)
    }

    /// Changes what a pool keeps, and until when; seats that become free pass on at once. For coordinators.
    async fn change_seat_pool(
        &self,
        ctx: &Context<'_>,
        input: ChangeSeatPoolInput,
    ) -> ApiResult<ChangeSeatPoolPayload> {
        let request = Request::of(ctx);
        let run = async {
            let (id, draft) = input.read()?;
            seat::change_pool(&request.app, &request.actor, id, input.version, draft).await
        };
        ChangeSeatPoolPayload::of(Box::pin(run).await, SeatPool::from)
    }

    /// Removes a pool: its seats, the taken ones too, are general from now on, and those that are free pass on at once.
    /// For coordinators.
    async fn remove_seat_pool(
        &self,
        ctx: &Context<'_>,
        input: RemoveSeatPoolInput,
    ) -> ApiResult<RemoveSeatPoolPayload> {
        let request = Request::of(ctx);
        let run = async {
            let id = id::sole("seatPoolId", &input.seat_pool_id)?;
            seat::remove_pool(&request.app, &request.actor, id, input.version).await
        };
        RemoveSeatPoolPayload::of(Box::pin(run).await, Edition)
    }

    /// Gives somebody who waits for a seat a rank, or takes it away: those with a rank come first, the smallest one
    /// before all, then everybody else by time of application. For coordinators.
    async fn rank_waiting(&self, ctx: &Context<'_>, input: RankWaitingInput) -> ApiResult<RankWaitingPayload> {
        let request = Request::of(ctx);
        let run = async {
            let id = id::sole("enrolmentId", &input.enrolment_id)?;
            seat::rank(&request.app, &request.actor, id, input.version, input.rank).await
        };
        RankWaitingPayload::of(Box::pin(run).await, Enrolment::from)
    }

    /// Accepts the seat that is offered to you, before `offeredUntil`: the enrolment is confirmed.
    async fn accept_offer(&self, ctx: &Context<'_>, input: AcceptOfferInput) -> ApiResult<AcceptOfferPayload> {
        let request = Request::of(ctx);
        let run = async {
            let id = id::sole("enrolmentId", &input.enrolment_id)?;
            offer::accept(&request.app, &request.actor, id, input.version).await
        };
        AcceptOfferPayload::of(Box::pin(run).await, Enrolment::from)
    }

    /// Declines the seat that is offered to you: the enrolment is cancelled, and the seat passes to the next in line.
    async fn decline_offer(&self, ctx: &Context<'_>, input: DeclineOfferInput) -> ApiResult<DeclineOfferPayload> {
        let request = Request::of(ctx);
        let run = async {
            let (id, reason) = input.read()?;
            offer::decline(&request.app, &request.actor, id, input.version, reason.as_ref()).await
        };
        DeclineOfferPayload::of(Box::pin(run).await, Enrolment::from)
    }
}
