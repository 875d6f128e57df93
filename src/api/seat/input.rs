//! What is sent about seats, and what mutations answer.

use async_graphql::{ID, InputObject};
use chrono::{DateTime, Utc};

use super::SeatPool;
use crate::api::edition::Edition;
use crate::api::enrolment::Enrolment;
use crate::api::enums::ConstituentGroup;
use crate::api::payload::payloads;
use crate::api::{id, reason};
use crate::domain::id::{EditionId, EnrolmentId, SeatPoolId};
use crate::domain::seats::{KeptFor, PoolDraft};
use crate::domain::text::{Country, Reason, parse_instant};
use crate::error::{Code, Faults, Result};

/// Seats that are to be kept for exactly one of institution, country and constituent group.
#[derive(InputObject)]
pub struct CreateSeatPoolInput {
    /// Of which edition; it must have a capacity.
    edition_id: ID,
    /// For the people of this institution.
    institution_id: Option<ID>,
    /// For the people of this country, the 2 letters of ISO 3166-1 alpha-2 in any case.
    country: Option<String>,
    /// For the people of this constituent group.
    constituent_group: Option<ConstituentGroup>,
    /// How many, at least 1; not more than are free for anybody.
    seats: i64,
    /// From when what is left of them is for everybody (RFC 3339 with offset), later than now; left out for never.
    releases_at: Option<DateTime<Utc>>,
    /// Whether its people may take seats that are free for anybody, too, when none of theirs is free.
    #[graphql(default = false)]
    overflow: bool,
}

impl CreateSeatPoolInput {
    pub(super) fn read(&self) -> Result<(EditionId, KeptFor, PoolDraft)> {
        let mut faults = Faults::default();
        let edition = id::parse(&mut faults, "editionId", &self.edition_id);
        let kept_for = self.kept_for(&mut faults);
        let draft = read_draft(&mut faults, self.seats, self.releases_at, self.overflow);
        let ((edition, kept_for), draft) = faults.whole(edition.zip(kept_for).zip(draft))?;
        Ok((edition, kept_for, draft))
    }

    fn kept_for(&self, faults: &mut Faults) -> Option<KeptFor> {
        let institution = self.institution_id.as_ref();
        let institution = institution.map(|of| id::parse(faults, "institutionId", of));
        let country = self.country.as_deref();
        let country = country.map(|of| faults.take("country", Country::parse(of)));
        let (at, code) = match (institution, country, self.constituent_group) {
            (Some(id), None, None) => return id.map(KeptFor::Institution),
            (None, Some(country), None) => return country.map(KeptFor::Country),
            (None, None, Some(group)) => return Some(KeptFor::Group(group.into())),
            (None, None, None) => ("institutionId", Code::Required),
            // One of two or three: which is not to be guessed.
            (_, _, Some(_)) => ("constituentGroup", Code::Malformed),
            (_, Some(_), None) => ("country", Code::Malformed),
        };
        faults.take(at, Err(code))
    }
}

fn read_draft(
    faults: &mut Faults,
    seats: i64,
    releases_at: Option<DateTime<Utc>>,
    overflow: bool,
) -> Option<PoolDraft> {
    let releases_at = faults.take("releasesAt", releases_at.map(parse_instant).transpose())?;
    Some(PoolDraft {
        seats,
        releases_at,
        overflow,
    })
}

/// A change of what is kept; all of it anew.
#[derive(InputObject)]
pub struct ChangeSeatPoolInput {
    /// Which pool.
    seat_pool_id: ID,
    /// The version that you saw.
    pub(super) version: i64,
    /// How many seats: at least those that are taken and held, at most the present ones and those free for anybody.
    seats: i64,
    /// From when what is left of them is for everybody (RFC 3339 with offset), later than now; left out for never.
    releases_at: Option<DateTime<Utc>>,
    /// Whether its people may take seats that are free for anybody, too, when none of theirs is free.
    #[graphql(default = false)]
    overflow: bool,
}

impl ChangeSeatPoolInput {
    pub(super) fn read(&self) -> Result<(SeatPoolId, PoolDraft)> {
        let mut faults = Faults::default();
        let id = id::parse(&mut faults, "seatPoolId", &self.seat_pool_id);
        let draft = read_draft(&mut faults, self.seats, self.releases_at, self.overflow);
        faults.whole(id.zip(draft))
    }
}

/// The end of a pool.
#[derive(InputObject)]
pub struct RemoveSeatPoolInput {
    /// Which pool.
    pub(super) seat_pool_id: ID,
    /// The version that you saw.
    pub(super) version: i64,
}

/// A rank among those who wait.
#[derive(InputObject)]
pub struct RankWaitingInput {
    /// Whose enrolment; it must wait for a seat.
    pub(super) enrolment_id: ID,
    /// The version that you saw.
    pub(super) version: i64,
    /// The rank, 1 to 1,000,000, the smallest first; null to take it away.
    pub(super) rank: Option<i64>,
}

/// The answer to an offer: yes.
#[derive(InputObject)]
pub struct AcceptOfferInput {
    /// Which enrolment.
    pub(super) enrolment_id: ID,
    /// The version that you saw.
    pub(super) version: i64,
}

/// The answer to an offer: no.
#[derive(InputObject)]
pub struct DeclineOfferInput {
    /// Which enrolment.
    enrolment_id: ID,
    /// The version that you saw.
    pub(super) version: i64,
    /// Why, up to 1,000 characters (NFC).
    reason: Option<String>,
}

impl DeclineOfferInput {
    pub(super) fn read(&self) -> Result<(EnrolmentId, Option<Reason>)> {
        let mut faults = Faults::default();
        let id = id::parse(&mut faults, "enrolmentId", &self.enrolment_id);
        let reason = reason::read_optional(&mut faults, self.reason.as_deref());
        faults.whole(id.zip(reason))
    }
}

payloads! {
    /// The new pool.
    CreateSeatPoolPayload {
        /// The pool, unless there are `userErrors`.
        seat_pool: SeatPool
    }
    /// The changed pool.
    ChangeSeatPoolPayload {
        /// The pool, unless there are `userErrors`.
        seat_pool: SeatPool
    }
    /// The edition without the pool.
    RemoveSeatPoolPayload {
        /// The edition, unless there are `userErrors`.
        edition: Edition
    }
    /// The ranked enrolment.
    RankWaitingPayload {
        /// The enrolment, unless there are `userErrors`.
        enrolment: Enrolment
    }
    /// The confirmed enrolment.
    AcceptOfferPayload {
        /// The enrolment, unless there are `userErrors`.
        enrolment: Enrolment
    }
    /// The cancelled enrolment.
    DeclineOfferPayload {
        /// The enrolment, unless there are `userErrors`.
        enrolment: Enrolment
    }
}
