//! How applications stand, by pool, in the API.

use async_graphql::{Context, Object};

use super::{SeatPool, figures};
use crate::api::error::ApiResult;
use crate::api::request::Request;
use crate::domain::id::EditionId;
use crate::domain::standing::Standings;
use crate::store::seat_pool;

/// How many applications stand how. Each counts once, so the parts sum to `applications`.
pub struct AdmissionFigures(Standings);

/// How many applications stand how. Each counts once, so the parts sum to `applications`.
#[Object]
impl AdmissionFigures {
    /// All of them.
    async fn applications(&self) -> i64 {
        self.0.applications()
    }

    /// On which nobody has decided yet: applied, or under review.
    async fn pending(&self) -> i64 {
        self.0.pending
    }

    /// Admitted, and still in the edition or through with it: confirmed, active, completed, not completed.
    async fn approved(&self) -> i64 {
        self.0.approved
    }

    /// Not admitted.
    async fn refused(&self) -> i64 {
        self.0.refused
    }

    /// Which wait for a seat, also those to which one is offered now.
    async fn waiting(&self) -> i64 {
        self.0.waiting
    }

    /// Ended otherwise: withdrawn, excluded, cancelled, or expired.
    async fn ended(&self) -> i64 {
        self.0.ended
    }
}

/// How the applications of the people of a pool stand, whichever seats they have.
pub struct PoolAdmission {
    pool: Option<seat_pool::Model>,
    standings: Standings,
}

/// How the applications of the people of a pool stand, whichever seats they have.
#[Object]
impl PoolAdmission {
    /// The pool; null for people who belong to none. Of several pools people belong to the one whose seats they take
    /// first.
    async fn pool(&self) -> Option<SeatPool> {
        self.pool.clone().map(SeatPool::from)
    }

    /// How they stand.
    async fn figures(&self) -> AdmissionFigures {
        AdmissionFigures(self.standings)
    }
}

/// How the applications to an edition stand.
pub struct AdmissionReport(Vec<PoolAdmission>);

/// How the applications to an edition stand.
#[Object]
impl AdmissionReport {
    /// All of them: the sum of `pools`.
    async fn total(&self) -> AdmissionFigures {
        let mut total = Standings::default();
        for row in &self.0 {
            total += row.standings;
        }
        AdmissionFigures(total)
    }

    /// Those of the people of each pool that is kept, in the order in which the pools were made; last those of people
    /// who belong to none.
    async fn pools(&self) -> &[PoolAdmission] {
        &self.0
    }
}

/// The report of an edition whose seats show to the viewer.
pub async fn of(ctx: &Context<'_>, edition: EditionId) -> ApiResult<AdmissionReport> {
    let loaders = &Request::of(ctx).loaders;
    let mut counted = loaders.standings.load_one(edition).await?.unwrap_or_default();
    let pools = figures(ctx, edition).await?.pools;
    let kept = pools
        .into_iter()
        .map(|(pool, _)| pool)
        .filter(|pool| pool.released_at.is_none());
    let mut rows: Vec<PoolAdmission> = kept
        .map(|pool| PoolAdmission {
            standings: counted.remove(&Some(pool.id)).unwrap_or_default(),
            pool: Some(pool),
        })
        .collect();
    // Two reads are two instants: whoever belongs to a pool that is new or gone by now counts as one of none.
    let mut others = Standings::default();
    for standings in counted.into_values() {
        others += standings;
    }
    rows.push(PoolAdmission {
        pool: None,
        standings: others,
    });
    Ok(AdmissionReport(rows))
}
