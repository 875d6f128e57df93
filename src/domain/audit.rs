//! What the audit log says beside who did what: through what somebody acted, and which personal data they read.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::actor::{Actor, Role};
use super::policy::{Action, Relation};

words! {
    /// Through what somebody acts.
    Via {
        /// A session, after signing in.
        Session = "session",
        /// An API token.
        Token = "api_token",
        /// A command on the machine itself, such as an import.
        Command = "command",
        /// Nobody's doing: time, or a request of somebody who has not signed in.
        System = "system",
    }
}

/// Where something that is written down comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Through what somebody acts.
    pub via: Via,
    /// The session or the token.
    pub credential: Option<Uuid>,
    /// The name of the request, or of the command.
    pub request: Option<String>,
}

impl Origin {
    /// Nobody's doing.
    pub const SYSTEM: Self = Self {
        via: Via::System,
        credential: None,
        request: None,
    };

    /// A request of an actor.
    pub fn of(actor: &Actor, request: &str) -> Self {
        let (via, credential) = match (actor.pass, actor.session) {
            (Some(pass), _) => (Via::Token, Some(pass.id.0)),
            (None, Some(session)) => (Via::Session, Some(session.0)),
            (None, None) => (Via::System, None),
        };
        Self {
            via,
            credential,
            request: Some(request.to_owned()),
        }
    }

    /// A command on the machine itself.
    pub fn command(name: &str) -> Self {
        Self {
            via: Via::Command,
            credential: None,
            request: Some(format!("rumbo {name}")),
        }
    }
}

words! {
    /// A kind of personal data, as the policy tells them apart.
    PersonalField {
        /// The name.
        Name = "name",
        /// The e-mail address.
        Email = "email",
        /// Country, institution and constituent group.
        Origin = "origin",
        /// Gender.
        Gender = "gender",
        /// What the person wrote when applying.
        Motivation = "motivation",
        /// What the person answered to the form, and to what they consented.
        Application = "application",
    }
}

impl PersonalField {
    /// The field in a set of fields.
    pub const fn bit(self) -> u8 {
        1 << self as u8
    }

    /// The fields of a set.
    pub fn of_set(set: u8) -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(move |field| set & field.bit() != 0)
    }

    /// What an action of the policy shows of a person.
    pub const fn shown_by(action: Action) -> Option<Self> {
        match action {
            Action::SeeName => Some(Self::Name),
            Action::SeeEmail => Some(Self::Email),
            Action::SeeOrigin => Some(Self::Origin),
            Action::SeeGender => Some(Self::Gender),
            _ => None,
        }
    }
}

/// As what somebody reads about a person to whom they stand so; `None` for oneself and for team mates, whose
/// reading is not staff's.
pub fn capacity(actor: &Actor, relation: Relation) -> Option<Role> {
    if actor.grants.is_empty() || relation.own {
        return None;
    }
    let opened = [
        (Role::Coordinator, relation.edition),
        (Role::Tutor, relation.assigned),
        (Role::FocalPoint, relation.institution),
        (Role::Tutor, relation.team),
    ];
    let role = opened
        .into_iter()
        .find(|&(role, holds)| holds && actor.holds(role))
        .map(|(role, _)| role);
    let other = !relation.team && actor.holds(Role::Administrator);
    role.or(other.then_some(Role::Administrator))
}

/// The content of a row in the one form over which its digest is taken: every part with its length before it, so
/// that no two contents have the same form.
#[derive(Debug, Default)]
pub struct Canonical(Vec<u8>);

impl Canonical {
    /// Begins one; `kind` tells rows of different tables apart.
    pub fn new(kind: &str) -> Self {
        Self::default().part(Some(kind.as_bytes()))
    }

    /// Adds a part; an absent one differs from an empty one.
    #[must_use]
    pub fn part(mut self, bytes: Option<&[u8]>) -> Self {
        match bytes {
            Some(bytes) => {
                self.0.push(1);
                self.0.extend((bytes.len() as u64).to_be_bytes());
                self.0.extend(bytes);
            }
            None => self.0.push(0),
        }
        self
    }

    /// Adds a text.
    #[must_use]
    pub fn text(self, text: Option<&str>) -> Self {
        self.part(text.map(str::as_bytes))
    }

    /// Adds an identifier.
    #[must_use]
    pub fn id(self, id: Option<Uuid>) -> Self {
        self.part(id.as_ref().map(|id| id.as_bytes().as_slice()))
    }

    /// Adds a number, such as the microseconds of an instant.
    #[must_use]
    pub fn number(self, number: i64) -> Self {
        self.part(Some(&number.to_be_bytes()))
    }

    /// The digest of it all: SHA-256.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(&self.0).into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::actor::{Grant, Scope};
    use crate::domain::language::Language;

    proptest! {
        #[test]
        fn two_contents_have_two_forms(one: Vec<Option<Vec<u8>>>, other: Vec<Option<Vec<u8>>>) {
            let form = |parts: &[Option<Vec<u8>>]| {
                parts.iter().fold(Canonical::new("k"), |form, part| form.part(part.as_deref())).0
            };
            prop_assert_eq!(form(&one) == form(&other), one == other);
        }
    }

    #[test]
    fn reading_is_recorded_of_staff_and_of_nobody_else() {
        let holder = |roles: &[Role]| Actor {
            grants: roles
                .iter()
                .map(|&role| Grant {
                    role,
                    scope: Scope::System,
                })
                .collect(),
            ..Actor::anonymous(Language::En)
        };
        let team = Relation {
            team: true,
            ..Relation::NONE
        };
        let assigned = Relation {
            assigned: true,
            ..Relation::NONE
        };
        for (roles, relation, expected) in [
            (&[][..], team, None),
            (&[Role::Coordinator], Relation::OWN, None),
            (&[Role::Coordinator], Relation::EDITION, Some(Role::Coordinator)),
            (&[Role::Coordinator], team, None),
            (&[Role::Tutor], assigned, Some(Role::Tutor)),
            (&[Role::Tutor], team, Some(Role::Tutor)),
            (
                &[Role::Tutor, Role::Coordinator],
                Relation::EDITION.or(assigned),
                Some(Role::Coordinator),
            ),
            (&[Role::Administrator], Relation::NONE, Some(Role::Administrator)),
            (&[Role::Administrator], team, None),
        ] {
            assert_eq!(capacity(&holder(roles), relation), expected, "{roles:?} {relation:?}");
        }
        let all: Vec<_> = PersonalField::of_set(0b11_1111).collect();
        assert_eq!(all, PersonalField::ALL);
    }
}
