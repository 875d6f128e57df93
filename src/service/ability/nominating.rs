//! What a focal point may do to a nomination, as its operations have it.

use super::seen::Seen;
use super::{Asked, Facts};
use crate::domain::invitation::InvitationState;
use crate::domain::nomination::{Endorsement, NominationState, is_open};
use crate::service::nomination::relation;
use crate::store::{edition, invitation};

impl Seen {
    pub(super) fn of_nomination(&self, asked: &Asked<'_>, row: &invitation::Model) -> Option<Facts<'_>> {
        let edition = self.editions.get(&row.edition()?)?;
        let standing = row.standing();
        let is_sent = standing.at(asked.now) == InvitationState::Sent;
        let facts = Facts {
            edition: Some(edition),
            ..asked.facts(relation(asked.actor, row.institution_id?))
        };
        match asked.operation {
            "withdrawNomination" => Some(facts.if_possible(is_sent)),
            "substituteNomination" => Some(facts.if_possible(is_sent && asked.takes_nominees(edition))),
            "endorseNomination" => {
                let waits = is_sent && row.endorsement() == Endorsement::Awaited;
                let own = asked.actor.person == Some(row.invited_by) || self.own_address.as_ref() == Some(&row.email);
                Some(facts.if_possible(waits && !own && asked.takes_nominees(edition)))
            }
            "rankNomination" => {
                let state = NominationState::of(standing.at(asked.now), row.endorsement());
                Some(facts.if_possible(state.is_ranked()))
            }
            _ => None,
        }
    }
}

impl Asked<'_> {
    /// Whether people can be named for an edition.
    pub(super) fn takes_nominees(&self, row: &edition::Model) -> bool {
        is_open(row.state, &(row.enrols_from..=row.enrols_until), self.now)
    }
}
