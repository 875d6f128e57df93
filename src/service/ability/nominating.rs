//! What a focal point may do to a nomination, as its operations have it.

use super::seen::Seen;
use super::{Asked, Facts};
use crate::domain::invitation::InvitationState;
use crate::domain::nomination::NominationState;
use crate::service::nomination::endorsing::endorsable;
use crate::service::nomination::{is_open, relation};
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
                let wanted = endorsable(row, edition, asked.now);
                let me = asked.actor.person.zip(self.own_address.as_deref());
                Some(facts.if_possible(me.is_some_and(|(by, address)| wanted.check(by, address).is_ok())))
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
        is_open(row, self.now)
    }
}
