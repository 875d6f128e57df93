//! Who runs them: somebody for every role and way of standing to what is Ana's.

use rumbo::domain::actor::{Actor, Grant, Role};
use rumbo::domain::language::Language;
use rumbo::domain::policy::Relation;

use crate::support::app::Client;

/// Somebody, the roles that hold, and how they stand to what is Ana's.
pub(crate) struct Viewer<'a> {
    pub name: &'static str,
    pub client: Client<'a>,
    pub(super) grants: Vec<Grant>,
    /// To her enrolment.
    pub enrolment: Relation,
    /// To her team and its work.
    pub team: Relation,
    /// To what her edition asks for: `team` for whoever answers it.
    pub(super) deliverable: Relation,
    /// Whether what her edition asks for shows at all.
    pub(super) inside: bool,
    /// To her edition, and to its course.
    pub(super) edition: bool,
    pub(super) course: bool,
}

impl Viewer<'_> {
    pub fn actor(&self) -> Actor {
        Actor {
            person: self.client.person,
            grants: self.grants.clone(),
            ..Actor::anonymous(Language::En)
        }
    }

    pub(super) fn holds(&self, role: Role) -> bool {
        self.grants.iter().any(|grant| grant.role == role)
    }
}

pub(super) const TEAM: Relation = Relation {
    team: true,
    ..Relation::NONE
};
pub(super) const ASSIGNED: Relation = Relation {
    assigned: true,
    ..Relation::NONE
};
pub(super) const INSTITUTION: Relation = Relation {
    institution: true,
    ..Relation::NONE
};
